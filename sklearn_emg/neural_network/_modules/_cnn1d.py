"""The plain convolutional network among the baselines of NeuroFusionNet."""

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

__all__ = ["CNN1D", "CNN1DClassifier"]

POOLINGS = {"max": nn.MaxPool1d, "average": nn.AvgPool1d}


class CNN1D(nn.Module):
    """Textbook network: convolution, ReLU and pooling on the raw signal, then dense layers.

    ===== ==================================================
    layer content
    ===== ==================================================
    1     Conv1d, 32 filters of 9; ReLU; max pooling by 4
    2     Conv1d, 64 filters of 9; ReLU; max pooling by 4
    3     dense, 64 units; ReLU
    4     dense, one raw logit per class
    ===== ==================================================

    This network corresponds to the row "CNN" in NeuroFusionNet's table and is trained by Algorithm
    2 of that source. The source names the kinds of layers (convolution, maximum or average pooling,
    dense, ReLU, softmax); their number and sizes are choices of this package.

    Parameters
    ----------
    n_channels : int
        Number of channels of a window.
    n_times : int
        Number of samples of a window, at least ``pool_size ** len(n_filters)``.
    n_classes : int
        Number of outputs.
    n_filters : sequence of int, default=(32, 64)
        Number of filters of each convolution; one entry for each convolution.
    kernel_size : int, default=9
        Number of samples that a filter spans; it must be odd.
    pool_size : int, default=4
        Number of samples that are pooled after each convolution; 1 means no pooling.
    pooling : {"max", "average"}, default="max"
        Kind of pooling.
    batch_norm : bool, default=False
        Whether to apply batch normalisation between each convolution and its ReLU.
    n_hidden : int, default=64
        Number of units of the dense layer.
    dropout : float, default=0.0
        Probability with which the inputs of both dense layers are dropped in training.
    init : {"torch", "he_normal", "xavier_uniform"}, default="torch"
        Initial weights: PyTorch's defaults, or the named scheme with zero biases.

    Raises
    ------
    ValueError
        If a setting is outside its range, or ``n_times`` is below the minimum length.

    References
    ----------
    R. Chandrasekaran et al., "Pioneering prognosis and management in neuromuscular healthcare using
    EMG signal processing with advanced deep learning techniques", Traitement du Signal 41 (2024)
    1633-1645, Algorithm 2.

    Examples
    --------
    >>> import torch
    >>> from sklearn_emg.neural_network import CNN1D
    >>> net = CNN1D(n_channels=2, n_times=500, n_classes=3)
    >>> net(torch.zeros(7, 2, 500)).shape
    torch.Size([7, 3])
    """

    def __init__(
        self,
        n_channels: int,
        n_times: int,
        n_classes: int,
        *,
        n_filters: Sequence[int] = (32, 64),
        kernel_size: int = 9,
        pool_size: int = 4,
        pooling: str = "max",
        batch_norm: bool = False,
        n_hidden: int = 64,
        dropout: float = 0.0,
        init: str = "torch",
    ) -> None:
        super().__init__()
        check_sizes("CNN1D", n_channels, n_times, n_classes)
        check_integers(n_hidden, "n_hidden", "CNN1D", 1)
        check_fraction(dropout, "dropout", "CNN1D", below=True)
        check_option(init, INITS, "init", "CNN1D")
        self.features, n_filters_out, length = convolutions(
            "CNN1D",
            n_channels,
            n_times,
            n_filters=n_filters,
            kernel_size=kernel_size,
            pool_size=pool_size,
            pooling=pooling,
            batch_norm=batch_norm,
        )
        self.classifier = nn.Sequential(
            nn.Flatten(),
            nn.Dropout(dropout),
            nn.Linear(n_filters_out * length, n_hidden),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(n_hidden, n_classes),
        )
        initialise(self, init)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return raw logits (batch, n_classes) for windows (batch, n_channels, n_times)."""
        return self.classifier(self.features(x))


def convolutions(
    network: str,
    n_channels: int,
    n_times: int,
    *,
    n_filters: Sequence[int],
    kernel_size: int,
    pool_size: int,
    pooling: str,
    batch_norm: bool,
) -> tuple[nn.Sequential, int, int]:
    """Build convolutions that keep the length, each followed by ReLU and pooling.

    Return the layers, and the number of filters and the number of samples of their output.
    """
    filters = check_integers(n_filters, "n_filters", network)
    (kernel_size,) = check_integers(kernel_size, "kernel_size", network, 1)
    (pool_size,) = check_integers(pool_size, "pool_size", network, 1)
    check_option(pooling, tuple(POOLINGS), "pooling", network)
    if kernel_size % 2 == 0:
        raise ValueError(
            f"The 'kernel_size' parameter of {network} must be odd, so that windows keep their "
            f"length. Got {kernel_size} instead."
        )
    check_length(network, n_times, pool_size ** len(filters))
    layers: list[nn.Module] = []
    n_in, length = n_channels, n_times
    for n_out in filters:
        layers.append(nn.Conv1d(n_in, n_out, kernel_size, padding=kernel_size // 2))
        if batch_norm:
            layers.append(nn.BatchNorm1d(n_out))
        layers.append(nn.ReLU())
        if pool_size > 1:
            layers.append(POOLINGS[pooling](pool_size))
        n_in, length = n_out, length // pool_size
    return nn.Sequential(*layers), n_in, length


@trains(CNN1D)
class CNN1DClassifier(ReadyClassifier):
    """Plain convolutional network, trained by Algorithm 2 of NeuroFusionNet's source.

    Training uses Adam, mini-batches, cross entropy and early stopping on a validation set.

    Parameters
    ----------
    {parameters}

    Attributes
    ----------
    {attributes}

    See Also
    --------
    CNN1D : The network alone, with its layers and source.
    EMGClassifier : Trains any network.

    Notes
    -----
    The published accuracy is 92.5 %. The source names no data set, so its figures cannot be
    compared with others.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emg.neural_network import CNN1DClassifier
    >>> rng = np.random.default_rng(0)
    >>> y = np.repeat(["control", "patient"], 20)
    >>> X = rng.normal(size=(40, 60)) * np.where(y == "patient", 3, 1)[:, None]
    >>> net = CNN1DClassifier(n_filters=(8, 8), max_epochs=20, lr=0.01, random_state=0)
    >>> bool(net.fit(X, y, groups=np.arange(40) // 4).score(X, y) > 0.9)
    True
    """
