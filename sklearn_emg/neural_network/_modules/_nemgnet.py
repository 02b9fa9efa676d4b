"""nEMGNet, the residual network of Yoo et al. (2022)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from sklearn_emg._validation import check_fraction, check_integers, check_option
from sklearn_emg.neural_network._modules._layers import (
    INITS,
    check_length,
    check_sizes,
    initialise,
)
from sklearn_emg.neural_network._parameters import trains
from sklearn_emg.neural_network._ready import ReadyClassifier

__all__ = ["NEMGNet", "NEMGNetClassifier"]

# Number of residual blocks at each of the five widths.
N_RESIDUAL = {"A": 0, "B": 2, "C": 4, "D": 6}
_KERNELS = (11, 7, 5, 5, 5, 5, 5)
# Numbers of the SR blocks in the paper's table, and of the blocks whose activations the paper
# shows.
_NUMBERS = (1, 2, 3, 5, 7, 9, 11)
_SHOWN = (2, 4, 6, 9, 12)


class NEMGNet(nn.Module):
    """Residual one-dimensional convolutions on the raw signal of needle electromyography.

    ====== =================== =========== =========== ===========
    block  A                   B           C           D
    ====== =================== =========== =========== ===========
    1-3    SR-2 (64, 11), (64, 7), (64, 5) in every variant
    4      none                Res(64) x2  x4          x6
    5, 6   SR-1 (128, 5)       Res(128) x2 x4          x6
    7, 8   SR-1 (256, 5)       Res(256) x2 x4          x6
    9, 10  SR-1 (512, 5)       Res(512) x2 x4          x6
    11, 12 SR-1 (1024, 5)      Res(1024) x2 x4         x6
    head   dense 512, 256, 64, 16 with ReLU; one raw logit per class
    ====== =================== =========== =========== ===========

    SR-s(n, k) is a convolution (n filters of k samples, stride s), batch normalisation, ReLU and
    max pooling by 2; every variant has the SR-1 blocks. Res(n) consists of two convolutions of 5
    samples; batch normalisation follows each, and ReLU follows the first. The result is added to
    the input, and ReLU is applied. Convolutions are padded by half their kernel. For windows of
    4000 samples (0.4 s at 10 kHz) and 3 classes, variant B has 33,238,686 parameters and buffers,
    as in Table 6 of the paper.

    Parameters
    ----------
    n_channels : int
        Number of channels of a window.
    n_times : int
        Number of samples of a window. The minimum is 1003 with the published strides and pooling,
        and 1 with ``stride=1, pool_size=1``.
    n_classes : int
        Number of outputs.
    variant : {"A", "B", "C", "D"}, default="B"
        Number of residual blocks at each width: 0, 2, 4 or 6.
    n_filters : sequence of 5 int, default=(64, 128, 256, 512, 1024)
        Number of filters at each of the five widths.
    n_hidden : sequence of int, default=(512, 256, 64, 16)
        Number of units of each dense layer; one entry for each layer.
    stride : int, default=2
        Step of the convolutions of blocks 1-3, in samples.
    pool_size : int, default=2
        Number of samples that are pooled; 1 means no pooling.
    dropout : float, default=0.0
        Probability of dropout before each dense layer; the paper has no dropout.
    init : {"torch", "he_normal", "xavier_uniform"}, default="torch"
        Initial weights: PyTorch's defaults, or the named scheme with zero biases (not stated in the
        paper).

    Raises
    ------
    ValueError
        If a setting is outside its range, or ``n_times`` is below the minimum length.

    References
    ----------
    J. Yoo et al., "Residual one-dimensional convolutional neural network for neuromuscular
    disorder classification from needle electromyography signals with explainability", Computer
    Methods and Programs in Biomedicine 226 (2022) 107079.

    Examples
    --------
    >>> import torch
    >>> from sklearn_emg.neural_network import NEMGNet
    >>> net = NEMGNet(1, 1003, 3, variant="A", n_filters=(4, 8, 8, 8, 8), n_hidden=(16,))
    >>> net(torch.zeros(7, 1, 1003)).shape
    torch.Size([7, 3])
    """

    def __init__(
        self,
        n_channels: int,
        n_times: int,
        n_classes: int,
        variant: str = "B",
        *,
        n_filters: Sequence[int] = (64, 128, 256, 512, 1024),
        n_hidden: Sequence[int] = (512, 256, 64, 16),
        stride: int = 2,
        pool_size: int = 2,
        dropout: float = 0.0,
        init: str = "torch",
    ) -> None:
        super().__init__()
        check_sizes("NEMGNet", n_channels, n_times, n_classes)
        check_option(variant, tuple(N_RESIDUAL), "variant", "NEMGNet")
        widths = check_integers(n_filters, "n_filters", "NEMGNet", 5)
        hidden = check_integers(n_hidden, "n_hidden", "NEMGNet")
        check_integers(stride, "stride", "NEMGNet", 1)
        check_integers(pool_size, "pool_size", "NEMGNet", 1)
        check_fraction(dropout, "dropout", "NEMGNet", below=True)
        check_option(init, INITS, "init", "NEMGNet")
        strides = (stride,) * 3 + (1,) * 4
        check_length("NEMGNet", n_times, _min_length(strides, pool_size))

        n_residual = N_RESIDUAL[variant]
        layers: list[nn.Module] = []
        n_in, length = n_channels, n_times
        outputs = (widths[0], widths[0], *widths)
        ends: dict[int, int] = {}
        for block, (n_out, kernel, step) in enumerate(zip(outputs, _KERNELS, strides)):
            layers.append(_strided_block(n_in, n_out, kernel, step, pool_size))
            n_in, length = n_out, _length_after(length, step, pool_size)
            ends[_NUMBERS[block]] = len(layers) - 1
            if block >= 2 and n_residual:
                layers += [_ResidualBlock(n_out) for _ in range(n_residual)]
                ends[_NUMBERS[block] + 1] = len(layers) - 1
        self.features = nn.Sequential(*layers)
        # Variant A has no residual blocks; the preceding SR block is shown instead.
        shown = (ends[max(number for number in ends if number <= block)] for block in _SHOWN)
        self.shown_layers = tuple(f"features.{end}" for end in shown)

        dense: list[nn.Module] = [nn.Flatten()]
        n_in *= length
        for n_out in hidden:
            dense += [nn.Dropout(dropout), nn.Linear(n_in, n_out), nn.ReLU()]
            n_in = n_out
        self.classifier = nn.Sequential(*dense, nn.Dropout(dropout), nn.Linear(n_in, n_classes))
        initialise(self, init)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return raw logits (batch, n_classes) for windows (batch, n_channels, n_times)."""
        return self.classifier(self.features(x))


def _strided_block(n_in: int, n_out: int, kernel: int, stride: int, pool: int) -> nn.Sequential:
    """Build an SR block: convolution, batch normalisation, ReLU and max pooling."""
    return nn.Sequential(
        nn.Conv1d(n_in, n_out, kernel, stride=stride, padding=kernel // 2),
        nn.BatchNorm1d(n_out),
        nn.ReLU(inplace=True),
        nn.MaxPool1d(pool),
    )


class _ResidualBlock(nn.Module):
    """Res block: two convolutions of five samples, to whose output the input is added."""

    def __init__(self, n_filters: int) -> None:
        super().__init__()
        self.inner = nn.Sequential(
            nn.Conv1d(n_filters, n_filters, 5, padding=2),
            nn.BatchNorm1d(n_filters),
            nn.ReLU(inplace=True),
            nn.Conv1d(n_filters, n_filters, 5, padding=2),
            nn.BatchNorm1d(n_filters),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.inner(x) + x)


def _length_after(n_times: int, stride: int, pool: int) -> int:
    """Return the number of samples after an SR block; convolution rounds up, pooling down."""
    return ((n_times - 1) // stride + 1) // pool


def _min_length(strides: Sequence[int], pool: int) -> int:
    """Return the number of samples from which the SR blocks leave one sample."""
    n_times = 1
    for stride in reversed(strides):
        n_times = (n_times * pool - 1) * stride + 1
    return n_times


@trains(NEMGNet, class_weight="balanced", patience=None, keep_best="accuracy", evaluate_every=50)
class NEMGNetClassifier(ReadyClassifier):
    """nEMGNet of Yoo et al. (2022), trained as in the source, but validated on held-out subjects.

    Training uses Adam with a learning rate of 1e-3, batches of 32 windows, 100 epochs and the cross
    entropy weighted by inverse class frequency. The weights are evaluated every 50 updates, and
    those with the highest accuracy are kept; among equal accuracies, those with the lowest loss.
    The paper evaluated them on the test fold. Here they are evaluated on subjects held out of the
    training set, if `groups` are passed to `fit`, and no test data are used.

    Parameters
    ----------
    {parameters}

    Attributes
    ----------
    {attributes}

    See Also
    --------
    NEMGNet : The network alone, with its layers and source.
    EMGClassifier : Trains any network.

    Notes
    -----
    The paper used windows of 0.4 s at 10 kHz (4000 samples) in millivolts, without normalisation.
    For these windows, variant B has 33,238,686 parameters and buffers. The published
    accuracy of variant B is 62.35 % for windows and 83.69 % for subjects with DiVote and
    feature-PD. The weights were chosen on the test fold.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emg.neural_network import NEMGNetClassifier
    >>> rng = np.random.default_rng(0)
    >>> y = np.repeat(["control", "patient"], 16)
    >>> X = rng.normal(size=(32, 1003)) * np.where(y == "patient", 3, 1)[:, None]
    >>> tiny = {"variant": "A", "n_filters": (4, 4, 8, 8, 8), "n_hidden": (8,)}
    >>> net = NEMGNetClassifier(**tiny, max_epochs=15, lr=0.01, random_state=0)
    >>> bool(net.fit(X, y, groups=np.arange(32) // 4).score(X, y) > 0.9)
    True
    """
