"""DeepEMGNet, the spectrogram network of Sengur et al. (2017)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from sklearn_emg._validation import check_fraction, check_integers, check_option
from sklearn_emg.neural_network._modules._layers import (
    INITS,
    check_sizes,
    initialise,
)
from sklearn_emg.neural_network._modules._layers._image import (
    Spectrogram,
    check_image,
    convolution_block,
    image_size,
)
from sklearn_emg.neural_network._parameters import trains
from sklearn_emg.neural_network._ready import SpectrumClassifier

__all__ = ["DeepEMGNet", "DeepEMGNetClassifier"]


class DeepEMGNet(nn.Module):
    """Short-time Fourier transform, two convolutions with pooling, one dense layer.

    ===== =======================================================================
    layer content
    ===== =======================================================================
    0     amplitude by frequency and time (raw windows only); batch normalisation
    1     Conv2d, 16 filters of 5 x 5; batch normalisation; ReLU; max pooling by 2
    2     Conv2d, 32 filters of 5 x 5; batch normalisation; ReLU; max pooling by 2
    3     dense, one raw logit per class
    ===== =======================================================================

    The network takes raw windows, whose transform it computes itself, or images that were computed
    before, for instance by :class:`sklearn_emg.feature_extraction.STFT`. The authors of this
    package know only the outline of the paper (transform, two convolutions, two poolings, one dense
    layer, softmax): all sizes and the batch normalisation are choices of this package.

    Parameters
    ----------
    n_channels : int
        Number of channels of a window or image.
    n_times : int or tuple of (int, int)
        Number of samples of a raw window, or height and width of an image in pixels. An image, or
        the transform of a raw window, must be at least ``pool_size ** 2`` pixels high and wide. A
        raw window must therefore have at least ``(pool_size ** 2 - 1) * hop`` samples.
    n_classes : int
        Number of outputs.
    nperseg : int, default=128
        Number of samples in a frame of the transform. Like `hop`, it is ignored for images.
    hop : int or None, default=None
        Number of samples from one frame to the next; None means ``nperseg // 4``.
    n_filters : int or sequence of 2 int, default=(16, 32)
        Number of filters of each convolution.
    kernel_size : int or sequence of 2 int, default=5
        Height and width of the filters, in pixels; they must be odd.
    pool_size : int, default=2
        Height and width of the pooling, in pixels; 1 means no pooling.
    pooling : {"max", "average"}, default="max"
        Kind of pooling.
    batch_norm : bool, default=True
        Whether to apply batch normalisation to the image and after each convolution. Without it,
        EMG in millivolts should be scaled, since its spectral amplitudes are far below 1.
    dropout : float, default=0.0
        Probability with which the inputs of the dense layer are dropped in training.
    init : {"torch", "he_normal", "xavier_uniform"}, default="torch"
        Initial weights: PyTorch's defaults, or the named scheme with zero biases.

    Raises
    ------
    ValueError
        If a setting is outside its range, or the window or image is too small.

    References
    ----------
    A. Sengur et al., "DeepEMGNet: an application for efficient discrimination of ALS and normal
    EMG signals", 2017.

    Examples
    --------
    >>> import torch
    >>> from sklearn_emg.neural_network import DeepEMGNet
    >>> net = DeepEMGNet(n_channels=2, n_times=1000, n_classes=3)
    >>> net(torch.zeros(7, 2, 1000)).shape
    torch.Size([7, 3])
    >>> net = DeepEMGNet(n_channels=1, n_times=(65, 32), n_classes=3)
    >>> net(torch.zeros(7, 1, 65, 32)).shape
    torch.Size([7, 3])
    """

    def __init__(
        self,
        n_channels: int,
        n_times: int | Sequence[int],
        n_classes: int,
        *,
        nperseg: int = 128,
        hop: int | None = None,
        n_filters: int | Sequence[int] = (16, 32),
        kernel_size: int | Sequence[int] = 5,
        pool_size: int = 2,
        pooling: str = "max",
        batch_norm: bool = True,
        dropout: float = 0.0,
        init: str = "torch",
    ) -> None:
        super().__init__()
        name = "DeepEMGNet"
        filters = check_integers(n_filters, "n_filters", name, 2)
        kernels = check_integers(kernel_size, "kernel_size", name, 2)
        (pool_size,) = check_integers(pool_size, "pool_size", name, 1)
        check_fraction(dropout, "dropout", name, below=True)
        check_option(init, INITS, "init", name)
        self.spectrogram = None
        if isinstance(n_times, Sequence):
            size = image_size(name, n_channels, n_times, n_classes)
        else:
            check_sizes(name, n_channels, n_times, n_classes)
            self.spectrogram = Spectrogram(
                name, n_times, nperseg=nperseg, hop=hop, log=False, delta_width=None
            )
            size = self.spectrogram.size
        check_image(name, size, pool_size**2, self.spectrogram)

        layers: list[nn.Module] = [nn.BatchNorm2d(n_channels)] if batch_norm else []
        n_in = n_channels
        for n_out, kernel in zip(filters, kernels):
            layers.append(
                convolution_block(
                    name,
                    n_in,
                    n_out,
                    kernel,
                    pool_size=pool_size,
                    pooling=pooling,
                    batch_norm=batch_norm,
                )
            )
            n_in = n_out
        self.features = nn.Sequential(*layers)
        n_features = n_in * (size[0] // pool_size**2) * (size[1] // pool_size**2)
        self.classifier = nn.Sequential(
            nn.Flatten(), nn.Dropout(dropout), nn.Linear(n_features, n_classes)
        )
        initialise(self, init)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return raw logits (batch, n_classes) for windows or images of the expected shape."""
        if self.spectrogram is not None:
            x = self.spectrogram(x)
        return self.classifier(self.features(x))


@trains(DeepEMGNet)
class DeepEMGNetClassifier(SpectrumClassifier):
    """Spectrogram network of Sengur et al. (2017).

    It takes raw windows (2-D or 3-D `X`) or images (4-D `X`). The authors of this package do not
    know how the network of the paper was trained; the defaults are those of
    :class:`EMGClassifier`.

    Parameters
    ----------
    {parameters}

    Attributes
    ----------
    {attributes}

    See Also
    --------
    DeepEMGNet : The network alone, with its layers and source.
    EMGClassifier : Trains any network.

    Notes
    -----
    The published accuracy for ALS against normal is 96.69 % (sensitivity 94.24 %, specificity
    97.59 %).

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emg.neural_network import DeepEMGNetClassifier
    >>> rng = np.random.default_rng(0)
    >>> y = np.repeat(["control", "patient"], 20)
    >>> X = rng.normal(size=(40, 60)) * np.where(y == "patient", 3, 1)[:, None]
    >>> net = DeepEMGNetClassifier(nperseg=16, max_epochs=20, lr=0.01, random_state=0)
    >>> bool(net.fit(X, y, groups=np.arange(40) // 4).score(X, y) > 0.9)
    True
    """
