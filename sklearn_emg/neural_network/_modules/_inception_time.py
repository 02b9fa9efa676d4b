"""InceptionTime: parallel convolutions of several lengths, with residual connections."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from sklearn_emg._validation import check_integer, check_integers, check_option
from sklearn_emg.neural_network._modules._layers import INITS, check_sizes, initialise
from sklearn_emg.neural_network._parameters import trains
from sklearn_emg.neural_network._ready import ReadyClassifier

__all__ = ["InceptionTime", "InceptionTimeClassifier"]


class InceptionTime(nn.Module):
    """Residual network for time series, made of inception blocks on the raw signal.

    ===== ======================================================================
    layer content
    ===== ======================================================================
    1-3   inception: bottleneck of 16 filters of 1; in parallel 16 filters each
          of 39, 19, 9 samples, and max pooling over 3 with 16 filters of 1;
          batch normalisation; ReLU
    4     sum with the batch-normalised input (1 x 1 convolution); ReLU
    5     mean over time
    6     dense, one raw logit per class
    ===== ======================================================================

    A block whose input has a single channel has no bottleneck. The published model is an ensemble
    of five networks, each of which has six blocks of 32 filters and a residual connection around
    every three blocks. The default here is one small network.

    Parameters
    ----------
    n_channels : int
        Number of channels of a window.
    n_times : int
        Number of samples of a window.
    n_classes : int
        Number of outputs.
    n_filters : int, default=16
        Number of filters of each branch.
    n_blocks : int, default=3
        Number of inception blocks, with a residual connection around every three blocks.
    kernel_sizes : sequence of int, default=(39, 19, 9)
        Number of samples that the filters of each branch span; the numbers must be odd.
    init : {"torch", "he_normal", "xavier_uniform"}, default="torch"
        Initial weights: PyTorch's defaults, or the named scheme with zero biases.

    Raises
    ------
    ValueError
        If a setting is outside its range.

    References
    ----------
    H. Ismail Fawaz et al., "InceptionTime: Finding AlexNet for time series classification", Data
    Min. Knowl. Discov. 34 (2020) 1936-1962. :doi:`10.1007/s10618-020-00710-y`

    Examples
    --------
    >>> import torch
    >>> from sklearn_emg.neural_network import InceptionTime
    >>> net = InceptionTime(n_channels=2, n_times=500, n_classes=3)
    >>> net(torch.zeros(7, 2, 500)).shape
    torch.Size([7, 3])
    """

    def __init__(
        self,
        n_channels: int,
        n_times: int,
        n_classes: int,
        *,
        n_filters: int = 16,
        n_blocks: int = 3,
        kernel_sizes: Sequence[int] = (39, 19, 9),
        init: str = "torch",
    ) -> None:
        super().__init__()
        name = "InceptionTime"
        check_sizes(name, n_channels, n_times, n_classes)
        n_filters = check_integer(n_filters, "n_filters", name)
        n_blocks = check_integer(n_blocks, "n_blocks", name)
        kernels = check_integers(kernel_sizes, "kernel_sizes", name)
        check_option(init, INITS, "init", name)
        if even := [kernel for kernel in kernels if kernel % 2 == 0]:
            raise ValueError(
                f"The 'kernel_sizes' parameter of {name} must contain odd numbers, so that windows "
                f"keep their length. Got {even[0]}."
            )
        groups, n_in = [], n_channels
        for first in range(0, n_blocks, 3):
            group = _Residual(n_in, n_filters, kernels, min(3, n_blocks - first))
            groups.append(group)
            n_in = n_filters * (len(kernels) + 1)
        self.features = nn.Sequential(*groups)
        self.classifier = nn.Linear(n_in, n_classes)
        initialise(self, init)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return raw logits (batch, n_classes) for windows (batch, n_channels, n_times)."""
        return self.classifier(self.features(x).mean(dim=-1))


class _Residual(nn.Module):
    """Inception blocks with a residual connection around them."""

    def __init__(self, n_in: int, n_filters: int, kernels: Sequence[int], n_blocks: int) -> None:
        super().__init__()
        n_out = n_filters * (len(kernels) + 1)
        blocks = [
            _Inception(n_in if block == 0 else n_out, n_filters, kernels)
            for block in range(n_blocks)
        ]
        self.blocks = nn.Sequential(*blocks)
        self.shortcut = nn.Sequential(nn.Conv1d(n_in, n_out, 1, bias=False), nn.BatchNorm1d(n_out))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.blocks(x) + self.shortcut(x))


class _Inception(nn.Module):
    """Convolutions of several lengths and a pooling branch in parallel."""

    def __init__(self, n_in: int, n_filters: int, kernels: Sequence[int]) -> None:
        super().__init__()
        # A single channel needs no bottleneck.
        self.bottleneck = nn.Conv1d(n_in, n_filters, 1, bias=False) if n_in > 1 else nn.Identity()
        width = n_filters if n_in > 1 else n_in
        self.branches = nn.ModuleList(
            nn.Conv1d(width, n_filters, kernel, padding=kernel // 2, bias=False)
            for kernel in kernels
        )
        self.pooled = nn.Sequential(
            nn.MaxPool1d(3, stride=1, padding=1), nn.Conv1d(n_in, n_filters, 1, bias=False)
        )
        self.norm = nn.BatchNorm1d(n_filters * (len(kernels) + 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        narrow = self.bottleneck(x)
        parts = [branch(narrow) for branch in self.branches]
        return torch.relu(self.norm(torch.cat([*parts, self.pooled(x)], dim=1)))


@trains(InceptionTime)
class InceptionTimeClassifier(ReadyClassifier):
    """A small InceptionTime network, a general baseline for raw windows.

    Parameters
    ----------
    {parameters}

    Attributes
    ----------
    {attributes}

    See Also
    --------
    InceptionTime : The network alone, with its layers and source.
    EMGClassifier : Trains any network.

    Notes
    -----
    The source trains an ensemble of five networks for 1500 epochs with Adam, and halves the
    learning rate when the training loss does not decrease. Here, one network is trained, with early
    stopping on validation data.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emg.neural_network import InceptionTimeClassifier
    >>> rng = np.random.default_rng(0)
    >>> y = np.repeat(["control", "patient"], 20)
    >>> X = rng.normal(size=(40, 60)) * np.where(y == "patient", 3, 1)[:, None]
    >>> net = InceptionTimeClassifier(n_filters=4, max_epochs=20, lr=0.01, random_state=0)
    >>> bool(net.fit(X, y, groups=np.arange(40) // 4).score(X, y) > 0.9)
    True
    """
