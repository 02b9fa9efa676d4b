"""ALSNet, the compact dilated network of Hassan et al. (2022)."""

from __future__ import annotations

from functools import partialmethod

from sklearn_emg.neural_network._modules._layers import DilatedNet
from sklearn_emg.neural_network._parameters import trains
from sklearn_emg.neural_network._ready import ReadyClassifier

__all__ = ["ALSNet", "ALSNetClassifier"]


class ALSNet(DilatedNet):
    """Dilated one-dimensional convolutions on the raw signal, then global max pooling.

    ===== ==================================================================
    layer content
    ===== ==================================================================
    1-3   Conv1d with dilation 1, 2, 3; ReLU; batch normalisation (each)
    4     global max pooling over time
    5     dense, 64 units; ReLU; batch normalisation
    6     dense, one raw logit per class
    ===== ==================================================================

    The network was published for the diagnosis of amyotrophic lateral sclerosis from windows of
    one second. In the paper, its last layer is one sigmoid unit for two classes. Here it has one
    logit per class for any number of classes; for two, the model is equivalent.

    Parameters
    ----------
    n_channels : int
        Number of channels of a window.
    n_times : int
        Number of samples of a window. The minimum is 1 with ``padding="same"`` and
        ``1 + (kernel_size - 1) * sum(dilations)`` (for ``stride=1``) with ``padding="valid"``.
    n_classes : int
        Number of outputs.
    n_filters : int or sequence of int, default=(16, 16, 32)
        Number of filters of each convolution (not stated in the paper).
    kernel_size : int or sequence of int, default=9
        Number of samples that each kernel spans before dilation (not stated in the paper).
    dilations : sequence of int, default=(1, 2, 3)
        Dilation of each convolution; one entry for each convolution.
    stride : int or sequence of int, default=1
        Step of each convolution in samples (not stated in the paper). With ``padding="same"``, the
        output of a convolution has ``ceil(n_times / stride)`` samples.
    padding : {"same", "valid"}, default="same"
        "same" pads the window with zeros to keep its length; "valid" does not pad it (not
        stated in the paper).
    n_hidden : int, default=64
        Number of units of the dense layer.
    dropout : float, default=0.0
        Probability with which the inputs of the last layer are dropped in training (not stated in
        the paper).
    init : {"torch", "he_normal", "xavier_uniform"}, default="torch"
        Initial weights: PyTorch's defaults, or the named scheme with zero biases (not stated in the
        paper).

    Raises
    ------
    ValueError
        If a setting is outside its range, or ``n_times`` is below the minimum length.

    References
    ----------
    Hassan et al., "ALSNet: A dilated 1-D CNN for identifying ALS from raw EMG signal",
    ICASSP 2022.

    Examples
    --------
    >>> import torch
    >>> from sklearn_emg.neural_network import ALSNet
    >>> net = ALSNet(n_channels=2, n_times=500, n_classes=3)
    >>> net(torch.zeros(7, 2, 500)).shape
    torch.Size([7, 3])
    """

    __init__ = partialmethod(DilatedNet.__init__, n_filters=(16, 16, 32), dilations=(1, 2, 3))


@trains(ALSNet)
class ALSNetClassifier(ReadyClassifier):
    """Compact dilated network of Hassan et al. (2022).

    This network is a good first choice for raw windows, since it is small and fast and takes
    windows of any length. The paper does not describe the training; the defaults are those of
    :class:`EMGClassifier`.

    Parameters
    ----------
    {parameters}

    Attributes
    ----------
    {attributes}

    See Also
    --------
    ALSNet : The network alone, with its layers and source.
    EMGClassifier : Trains any network.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emg.neural_network import ALSNetClassifier
    >>> rng = np.random.default_rng(0)
    >>> y = np.repeat(["control", "patient"], 20)
    >>> X = rng.normal(size=(40, 60)) * np.where(y == "patient", 3, 1)[:, None]
    >>> net = ALSNetClassifier(max_epochs=20, lr=0.01, random_state=0)
    >>> bool(net.fit(X, y, groups=np.arange(40) // 4).score(X, y) > 0.9)
    True
    """
