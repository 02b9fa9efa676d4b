"""SpectroEMG-Net, the spectrogram network with attention of Rahman et al. (2023)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from sklearn_emg._validation import check_fraction, check_integers, check_option
from sklearn_emg.neural_network._modules._layers import (
    INITS,
    AttentionLayer,
    AttentionMap,
    check_sizes,
    initialise,
    maps_of,
)
from sklearn_emg.neural_network._modules._layers._image import (
    Spectrogram,
    check_image,
    convolution_block,
    image_size,
)
from sklearn_emg.neural_network._parameters import trains
from sklearn_emg.neural_network._ready import SpectrumClassifier

__all__ = ["SpectroEMGNet", "SpectroEMGNetClassifier"]


class SpectroEMGNet(nn.Module):
    """Convolutions with attention on the log spectrogram and its delta.

    ===== ========================================================================
    layer content
    ===== ========================================================================
    0     level and its slope over time (raw windows only); batch normalisation
    1-3   Conv2d, 32, 64, 128 filters of 3 x 3; batch normalisation; ReLU;
          channel and spatial attention; max pooling by 2 (each)
    4     mean over frequency and time
    5     dense, one raw logit per class
    ===== ========================================================================

    The network takes raw windows, whose two maps (level and slope) it computes itself, or images
    that were computed before, for instance by ``LogSpectrogram(delta=True)`` of
    :mod:`sklearn_emg.feature_extraction`. The authors of this package know only the outline of the
    source (two input maps, convolutions with attention, three classes): the kind of attention,
    which is that of CBAM, and all sizes are choices of this package.

    Parameters
    ----------
    n_channels : int
        Number of channels of a window, or number of maps of an image, which usually has two maps
        for each channel of the signal.
    n_times : int or tuple of (int, int)
        Number of samples of a raw window, or height and width of an image in pixels. An image, or
        the spectrogram of a raw window, must be at least ``pool_size ** len(n_filters)`` pixels
        high and wide. A raw window must therefore have at least
        ``(pool_size ** len(n_filters) - 1) * hop`` samples.
    n_classes : int
        Number of outputs.
    nperseg : int, default=256
        Number of samples in a frame of the spectrogram. Like `hop` and `delta_width`, it is ignored
        for images.
    hop : int or None, default=None
        Number of samples from one frame to the next; None means ``nperseg // 4``.
    delta_width : int, default=9
        Number of frames to which the slope is fitted; it must be odd and at least 3.
    n_filters : sequence of int, default=(32, 64, 128)
        Number of filters of each convolution; one entry for each block.
    kernel_size : int, default=3
        Height and width of the filters, in pixels; they must be odd.
    attention : {"both", "channel", "spatial"} or None, default="both"
        Kind of attention. "channel" weights the filters, "spatial" weights the pixels of the image,
        and "both" weights first the filters and then the pixels. None means no attention.
    reduction : int, default=8
        Ratio of the number of filters to the number of hidden units of the channel attention, which
        has at least 2 hidden units.
    spatial_kernel_size : int, default=7
        Height and width of the filter of the spatial attention, in pixels; they must be odd.
    pool_size : int, default=2
        Height and width of the pooling, in pixels; 1 means no pooling.
    dropout : float, default=0.3
        Probability with which the inputs of the dense layer are dropped in training.
    init : {"torch", "he_normal", "xavier_uniform"}, default="he_normal"
        Initial weights: PyTorch's defaults, or the named scheme with zero biases.

    Raises
    ------
    ValueError
        If a setting is outside its range, or the window or image is too small.

    References
    ----------
    M. T. Rahman et al., "EMG Signal Classification for Neuromuscular Disorders with
    Attention-Enhanced CNN", arXiv 2309.10483.

    S. Woo et al., "CBAM: Convolutional Block Attention Module", ECCV 2018, for the attention.

    Examples
    --------
    >>> import torch
    >>> from sklearn_emg.neural_network import SpectroEMGNet
    >>> net = SpectroEMGNet(n_channels=1, n_times=1000, n_classes=3)
    >>> net(torch.zeros(7, 1, 1000)).shape
    torch.Size([7, 3])
    """

    def __init__(
        self,
        n_channels: int,
        n_times: int | Sequence[int],
        n_classes: int,
        *,
        nperseg: int = 256,
        hop: int | None = None,
        delta_width: int = 9,
        n_filters: Sequence[int] = (32, 64, 128),
        kernel_size: int = 3,
        attention: str | None = "both",
        reduction: int = 8,
        spatial_kernel_size: int = 7,
        pool_size: int = 2,
        dropout: float = 0.3,
        init: str = "he_normal",
    ) -> None:
        super().__init__()
        name = "SpectroEMGNet"
        filters = check_integers(n_filters, "n_filters", name)
        (kernel_size,) = check_integers(kernel_size, "kernel_size", name, 1)
        (reduction,) = check_integers(reduction, "reduction", name, 1)
        (spatial,) = check_integers(spatial_kernel_size, "spatial_kernel_size", name, 1)
        (pool_size,) = check_integers(pool_size, "pool_size", name, 1)
        if attention is not None:
            check_option(attention, ("both", "channel", "spatial"), "attention", name)
        if spatial % 2 == 0:
            raise ValueError(
                f"The 'spatial_kernel_size' parameter of {name} must be odd, so that the weights "
                f"have the size of the image. Got {spatial} instead."
            )
        check_fraction(dropout, "dropout", name, below=True)
        check_option(init, INITS, "init", name)
        self.spectrogram = None
        n_in = n_channels
        if isinstance(n_times, Sequence):
            size = image_size(name, n_channels, n_times, n_classes)
        else:
            check_sizes(name, n_channels, n_times, n_classes)
            self.spectrogram = Spectrogram(
                name, n_times, nperseg=nperseg, hop=hop, log=True, delta_width=delta_width
            )
            size = self.spectrogram.size
            n_in *= self.spectrogram.n_maps
        check_image(name, size, pool_size ** len(filters), self.spectrogram)

        layers: list[nn.Module] = [nn.BatchNorm2d(n_in)]
        for n_out in filters:
            weights: list[nn.Module] = []
            if attention in ("both", "channel"):
                weights.append(_ChannelAttention(n_out, max(2, n_out // reduction)))
            if attention in ("both", "spatial"):
                weights.append(_SpatialAttention(spatial))
            layers.append(
                convolution_block(
                    name,
                    n_in,
                    n_out,
                    kernel_size,
                    pool_size=pool_size,
                    before_pooling=nn.Sequential(*weights) if weights else None,
                )
            )
            n_in = n_out
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Sequential(nn.Dropout(dropout), nn.Linear(n_in, n_classes))
        initialise(self, init)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return raw logits (batch, n_classes) for windows or images of the expected shape."""
        if self.spectrogram is not None:
            x = self.spectrogram(x)
        return self.classifier(self.features(x).mean(dim=(2, 3)))

    def attention_maps(self, x: torch.Tensor) -> dict[str, AttentionMap]:
        """Return attention weights over time for windows (batch, n_channels, n_times), by layer."""
        return maps_of(self, x, self._attention_layers())

    def _attention_layers(self) -> dict[str, AttentionLayer]:
        hop = 1 if self.spectrogram is None else self.spectrogram.hop
        found, n_frames = {}, 1
        for name, layer in self.features.named_modules():
            if isinstance(layer, _SpatialAttention):
                # Frames of the spectrogram are centred at multiples of the hop.
                found[f"features.{name}"] = AttentionLayer(
                    layer.convolution, _mean_over_frequency, "spatial", n_frames * hop, -hop / 2
                )
            if isinstance(layer, nn.MaxPool2d | nn.AvgPool2d):
                size = layer.kernel_size
                n_frames *= size if isinstance(size, int) else size[-1]
        return found


class _ChannelAttention(nn.Module):
    """Weight in (0, 1) for each filter, computed from its mean and maximum over the image."""

    def __init__(self, n_filters: int, n_hidden: int) -> None:
        super().__init__()
        self.dense = nn.Sequential(
            nn.Linear(n_filters, n_hidden), nn.ReLU(), nn.Linear(n_hidden, n_filters)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        logits = self.dense(x.mean(dim=(2, 3))) + self.dense(x.amax(dim=(2, 3)))
        return x * logits.sigmoid()[:, :, None, None]


class _SpatialAttention(nn.Module):
    """Weight in (0, 1) for each pixel, from the means and maxima of nearby pixels over filters."""

    def __init__(self, kernel_size: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(2, 1, kernel_size, padding=kernel_size // 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        summary = torch.stack([x.mean(dim=1), x.amax(dim=1)], dim=1)
        return x * self.convolution(summary).sigmoid()


def _mean_over_frequency(_: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
    """Average the pixel weights over frequency, and normalise them to a sum of 1 over time."""
    gates = logits.sigmoid().mean(dim=2)
    return gates / gates.sum(dim=-1, keepdim=True)


@trains(SpectroEMGNet)
class SpectroEMGNetClassifier(SpectrumClassifier):
    """Spectrogram network with attention of Rahman et al. (2023).

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
    SpectroEMGNet : The network alone, with its layers and source.
    EMGClassifier : Trains any network.

    Notes
    -----
    The published accuracy on N2001 with three classes is 92 %. The authors of this package do not
    know the split.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emg.neural_network import SpectroEMGNetClassifier
    >>> rng = np.random.default_rng(0)
    >>> y = np.repeat(["control", "patient"], 20)
    >>> X = rng.normal(size=(40, 60)) * np.where(y == "patient", 3, 1)[:, None]
    >>> net = SpectroEMGNetClassifier(nperseg=16, n_filters=(16,), lr=0.01, random_state=0)
    >>> bool(net.fit(X, y, groups=np.arange(40) // 4).score(X, y) > 0.9)
    True
    """
