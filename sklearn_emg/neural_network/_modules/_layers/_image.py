"""Common parts of networks on images: sizes, a spectrogram layer, convolution blocks."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import nn

from sklearn_emg._validation import check_integers, check_option
from sklearn_emg.neural_network._modules._layers import (
    check_sizes,
)

POOLINGS = {"max": nn.MaxPool2d, "average": nn.AvgPool2d}


def image_size(
    network: str, n_channels: int, n_times: Sequence[int], n_classes: int
) -> tuple[int, int]:
    """Check the sizes, and return the height and width of an image in pixels."""
    check_sizes(network, n_channels, 1, n_classes)
    height, width = check_integers(n_times, "n_times", network, 2)
    return height, width


class Spectrogram(nn.Module):
    """Spectrogram of raw windows, computed on the device of the network.

    The images are those that the transformers ``STFT`` and ``LogSpectrogram`` of
    :mod:`sklearn_emg.feature_extraction` compute with a Hann taper: frames are centred, and samples
    beyond the ends are zero. The transform is a convolution with fixed sines and cosines, which
    every device and the ONNX format support.

    Parameters
    ----------
    network : str
        Name of the network for error messages.
    n_times : int
        Number of samples of a window.
    nperseg : int
        Number of samples in a frame, at least 2.
    hop : int or None
        Number of samples from one frame to the next; None means ``nperseg // 4``.
    log : bool
        Whether to return the level in dB, 10 log10(power / 1 mV^2), with lower limits of -100 dB
        and of 80 dB below the maximum of the image. If False, the amplitude in mV is returned.
    delta_width : int or None
        Number of frames from which the slope of the spectrum over time is computed; it must be odd
        and at least 3. The slope is a second map for each channel. With None, there is no second
        map.
    """

    waves: torch.Tensor

    def __init__(
        self,
        network: str,
        n_times: int,
        *,
        nperseg: int,
        hop: int | None,
        log: bool,
        delta_width: int | None,
    ) -> None:
        super().__init__()
        (nperseg,) = check_integers(nperseg, "nperseg", network, 1)
        if nperseg < 2:
            raise ValueError(
                f"The 'nperseg' parameter of {network} must be at least 2. Got {nperseg} instead."
            )
        if hop is not None:
            check_integers(hop, "hop", network, 1)
        if delta_width is not None:
            (delta_width,) = check_integers(delta_width, "delta_width", network, 1)
            if delta_width < 3 or delta_width % 2 == 0:
                raise ValueError(
                    f"The 'delta_width' parameter of {network} must be odd and at least 3, so "
                    f"that there is a frame in the middle. Got {delta_width} instead."
                )
        self.n_times = n_times
        self.nperseg = nperseg
        self.hop = max(nperseg // 4, 1) if hop is None else int(hop)
        self.log = log
        self.delta_width = delta_width
        self.size = (nperseg // 2 + 1, 1 + n_times // self.hop)
        self.n_maps = 1 if delta_width is None else 2

        taper = torch.hann_window(nperseg, dtype=torch.float64)
        time = torch.arange(nperseg, dtype=torch.float64)
        frequency = torch.arange(self.size[0], dtype=torch.float64)
        phase = 2 * math.pi / nperseg * frequency[:, None] * time
        # The power of a sine of amplitude A is A^2 / 2. The first bin and that at the Nyquist
        # frequency have no counterpart at negative frequencies.
        scale = torch.full((self.size[0], 1), math.sqrt(2.0) if log else 2.0, dtype=torch.float64)
        scale[0] = 1.0
        if nperseg % 2 == 0:
            scale[-1] = 1.0
        waves = torch.cat([scale * phase.cos(), scale * phase.sin()]) * taper / taper.sum()
        self.register_buffer("waves", waves[:, None].float())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Transform windows to images (batch, n_channels * n_maps, height, width)."""
        batch, n_channels, n_times = x.shape
        rows = x.reshape(batch * n_channels, 1, n_times)
        rows = nn.functional.pad(rows, (self.nperseg // 2, self.nperseg))
        parts = nn.functional.conv1d(rows, self.waves, stride=self.hop)[..., : self.size[1]]
        real, imaginary = parts.chunk(2, dim=1)
        power = real.square() + imaginary.square()
        if not self.log:
            # The lower bound keeps the gradient of the square root finite where power is zero.
            image = power.clamp(min=1e-20).sqrt()
        else:
            image = 10 * power.clamp(min=1e-10).log10()
            image = image.maximum(image.amax(dim=(1, 2), keepdim=True) - 80.0)
        maps = image[:, None]
        if self.delta_width is not None:
            maps = torch.stack([image, _slope(image, self.delta_width)], dim=1)
        return maps.reshape(batch, n_channels * self.n_maps, *self.size)


def _slope(image: torch.Tensor, width: int) -> torch.Tensor:
    """Return the least-squares slope over ``width`` frames; edge frames are repeated."""
    half = width // 2
    n_frames = image.shape[-1]
    padded = nn.functional.pad(image, (half, half), mode="replicate")
    slope = torch.zeros_like(image)
    for step in range(1, half + 1):
        later = padded[..., half + step : half + step + n_frames]
        slope = slope + step * (later - padded[..., half - step : half - step + n_frames])
    return slope / (2 * sum(step**2 for step in range(1, half + 1)))


def check_image(
    network: str, size: tuple[int, int], min_size: int, spectrogram: Spectrogram | None
) -> None:
    """Reject images smaller than ``min_size`` pixels, and name the setting to change."""
    if min(size) >= min_size:
        return
    remedy = "Make larger images, or reduce pooling or the number of blocks."
    if spectrogram is None:
        raise ValueError(
            f"{network} with these settings needs images of at least {min_size} x "
            f"{min_size} pixels. "
            f"Got {size[0]} x {size[1]}. {remedy}"
        )
    if size[0] < min_size:
        raise ValueError(
            f"{network} with these settings needs an nperseg of at least {2 * (min_size - 1)}. "
            f"Got {spectrogram.nperseg}. Increase nperseg, or reduce pooling."
        )
    raise ValueError(
        f"{network} with these settings needs windows of at least "
        f"{(min_size - 1) * spectrogram.hop} "
        f"samples. Got n_times={spectrogram.n_times}. Cut longer windows, or reduce hop or pooling."
    )


def convolution_block(
    network: str,
    n_in: int,
    n_out: int,
    kernel: int,
    *,
    pool_size: int,
    pooling: str = "max",
    batch_norm: bool = True,
    before_pooling: nn.Module | None = None,
) -> nn.Sequential:
    """Build a convolution that keeps the size, with batch normalisation, ReLU and pooling."""
    check_option(pooling, tuple(POOLINGS), "pooling", network)
    if kernel % 2 == 0:
        raise ValueError(
            f"The 'kernel_size' parameter of {network} must be odd, so that images keep their "
            f"size. Got {kernel} instead."
        )
    layers: list[nn.Module] = [nn.Conv2d(n_in, n_out, kernel, padding=kernel // 2)]
    if batch_norm:
        layers.append(nn.BatchNorm2d(n_out))
    layers.append(nn.ReLU())
    if before_pooling is not None:
        layers.append(before_pooling)
    if pool_size > 1:
        layers.append(POOLINGS[pooling](pool_size))
    return nn.Sequential(*layers)
