"""The dilated network of Loubar and Toubal (2023)."""

from __future__ import annotations

from functools import partialmethod

from sklearn_emg.neural_network._modules._layers import DilatedNet
from sklearn_emg.neural_network._parameters import trains
from sklearn_emg.neural_network._ready import ReadyClassifier

__all__ = ["DilatedCNN", "DilatedCNNClassifier"]


class DilatedCNN(DilatedNet):
    """Four regularised convolutions of increasing dilation on the raw signal, then max pooling.

    ===== =========================================================================
    layer content
    ===== =========================================================================
    1-4   Conv1d, increasing dilation; ReLU; batch normalisation; dropout (each)
    5     global max pooling over time
    6     dense, 128 units; ReLU; batch normalisation; dropout
    7     dense, one raw logit per class
    ===== =========================================================================

    The network extends :class:`ALSNet`. For two classes, its last layer is one sigmoid unit in the
    source; two logits under a softmax are equivalent. The L2 penalty on the kernels is part of the
    training; see ``weight_decay`` of :class:`DilatedCNNClassifier`.

    Parameters
    ----------
    n_channels : int
        Number of channels of a window.
    n_times : int
        Number of samples of a window. The minimum is 1 with ``padding="same"`` and
        ``1 + (kernel_size - 1) * sum(dilations)`` (for ``stride=1``) with ``padding="valid"``.
    n_classes : int
        Number of outputs.
    n_filters : int or sequence of int, default=(16, 32, 64, 128)
        Number of filters of each convolution (not stated in the source).
    kernel_size : int or sequence of int, default=9
        Number of samples that each kernel spans before dilation (not stated in the source).
    dilations : sequence of int, default=(1, 2, 3, 4)
        Dilation of each convolution; one entry for each convolution. The source states only that
        the dilation increases; the values are choices of this package.
    stride : int or sequence of int, default=1
        Step of each convolution in samples (not stated in the source).
    padding : {"same", "valid"}, default="same"
        "same" pads the window with zeros to keep its length; "valid" does not pad it (not
        stated in the source).
    n_hidden : int, default=128
        Number of units of the dense layer.
    dropout : float, default=0.1
        Probability of dropout after each convolution and the dense layer (not stated in the
        source).
    init : {"torch", "he_normal", "xavier_uniform"}, default="he_normal"
        Initial weights: the named scheme with zero biases, or PyTorch's defaults.

    Raises
    ------
    ValueError
        If a setting is outside its range, or ``n_times`` is below the minimum length.

    References
    ----------
    L. Loubar, M. Toubal, "EMG Signals Classification for Neuromuscular Diseases Detection Using
    Deep Learning", Master's project, University M'Hamed Bougara, Boumerdes, 2023.

    Examples
    --------
    >>> import torch
    >>> from sklearn_emg.neural_network import DilatedCNN
    >>> net = DilatedCNN(n_channels=1, n_times=500, n_classes=3)
    >>> net(torch.zeros(7, 1, 500)).shape
    torch.Size([7, 3])
    """

    drops_features = True
    __init__ = partialmethod(
        DilatedNet.__init__,
        n_filters=(16, 32, 64, 128),
        dilations=(1, 2, 3, 4),
        n_hidden=128,
        dropout=0.1,
        init="he_normal",
    )


@trains(DilatedCNN, batch_size=16, weight_decay=2e-4, patience=25, lr_patience=6)
class DilatedCNNClassifier(ReadyClassifier):
    """Dilated network of Loubar and Toubal (2023), trained as in the source.

    The optimiser is Adam with a learning rate of 1e-3, which is multiplied by 0.1 after 6 epochs
    without a lower validation loss. Training takes at most 100 epochs and stops after 25 epochs
    without a lower validation loss. Batches have 16 windows. For myopathy against normal, the
    source used ``patience=20`` and ``batch_size=32``.

    Parameters
    ----------
    {parameters}

    Attributes
    ----------
    {attributes}

    See Also
    --------
    DilatedCNN : The network alone, with its layers and source.
    EMGClassifier : Trains any network.

    Notes
    -----
    The source does not state the strength of the L2 penalty. Here, the penalty is 2e-4, which is
    ``l2(1e-4)`` in Keras, and it also acts on the dense layers; in the source, it acts on the
    convolutions only.

    The published subject-independent accuracy of windows for ALS, myopathy and normal on N2001 is
    71.89 % (56.33-80.59 % in six runs). The 99.85 % in the same source is leaky: windows were split
    at random, with windows of the same subjects on both sides of the split.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emg.neural_network import DilatedCNNClassifier
    >>> rng = np.random.default_rng(0)
    >>> y = np.repeat(["control", "patient"], 20)
    >>> X = rng.normal(size=(40, 60)) * np.where(y == "patient", 3, 1)[:, None]
    >>> net = DilatedCNNClassifier(n_filters=8, max_epochs=20, lr=0.01, random_state=0)
    >>> bool(net.fit(X, y, groups=np.arange(40) // 4).score(X, y) > 0.9)
    True
    """
