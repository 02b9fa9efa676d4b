"""A dense network on features, the two-layer classifier of earlier studies."""

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
from sklearn_emg.neural_network._parameters import trains
from sklearn_emg.neural_network._ready import ReadyClassifier

__all__ = ["PatternNet", "PatternNetClassifier"]

ACTIVATIONS = {"tanh": nn.Tanh, "sigmoid": nn.Sigmoid, "relu": nn.ReLU}


class PatternNet(nn.Module):
    """Dense layers on features of a window (a multilayer perceptron).

    ===== ======================================================
    layer content
    ===== ======================================================
    0     batch normalisation of the features
    1     dense, 10 units; tanh
    2     dense, one raw logit per class
    ===== ======================================================

    Elamvazuthi et al. (2015) use such a network on autoregressive, RMS, zero-crossing,
    waveform-length and mean absolute value features, Ahmed and Islam (2021) with sigmoid units
    (``activation="sigmoid"``) on eleven features, and Patel and Sunitha (2022) on twelve features.
    None of these studies states the size of the network: 10 tanh units, as in MATLAB's
    ``patternnet``, and the normalisation are choices of this package. Raw windows are treated as
    features too, one per sample and channel.

    Parameters
    ----------
    n_channels : int
        Number of channels; 1 for a feature matrix.
    n_times : int
        Number of features (or samples) per channel, at least 1.
    n_classes : int
        Number of outputs.
    n_hidden : int or sequence of int, default=10
        Number of units of each hidden layer.
    activation : {"tanh", "sigmoid", "relu"}, default="tanh"
        Activation after each hidden layer.
    batch_norm : bool, default=True
        Whether to scale each feature to mean 0 and variance 1, by the statistics of the batch in
        training and by running averages of them in prediction. The scales of EMG features differ
        by orders of magnitude.
    dropout : float, default=0.0
        Probability of dropout after each hidden layer.
    init : {"torch", "he_normal", "xavier_uniform"}, default="xavier_uniform"
        Initial weights: PyTorch's defaults, or the named scheme with zero biases.

    Raises
    ------
    ValueError
        If a setting is outside its range.

    References
    ----------
    I. Elamvazuthi et al., "Electromyography (EMG) based classification of neuromuscular disorders
    using multi-layer perceptron", Procedia Computer Science 76 (2015).

    Examples
    --------
    >>> import torch
    >>> from sklearn_emg.neural_network import PatternNet
    >>> net = PatternNet(n_channels=1, n_times=11, n_classes=3)
    >>> net(torch.zeros(7, 1, 11)).shape
    torch.Size([7, 3])
    """

    def __init__(
        self,
        n_channels: int,
        n_times: int,
        n_classes: int,
        n_hidden: int | Sequence[int] = 10,
        *,
        activation: str = "tanh",
        batch_norm: bool = True,
        dropout: float = 0.0,
        init: str = "xavier_uniform",
    ) -> None:
        super().__init__()
        check_sizes("PatternNet", n_channels, n_times, n_classes)
        check_option(activation, tuple(ACTIVATIONS), "activation", "PatternNet")
        check_fraction(dropout, "dropout", "PatternNet", below=True)
        check_option(init, INITS, "init", "PatternNet")
        n_in = n_channels * n_times
        layers: list[nn.Module] = [nn.Flatten()]
        if batch_norm:
            layers.append(nn.BatchNorm1d(n_in))
        for n_out in check_integers(n_hidden, "n_hidden", "PatternNet"):
            layers += [nn.Linear(n_in, n_out), ACTIVATIONS[activation](), nn.Dropout(dropout)]
            n_in = n_out
        self.classifier = nn.Sequential(*layers, nn.Linear(n_in, n_classes))
        initialise(self, init)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return raw logits (batch, n_classes) for features (batch, n_channels, n_times)."""
        return self.classifier(x)


@trains(PatternNet, lr=1e-2, max_epochs=200)
class PatternNetClassifier(ReadyClassifier):
    """Dense network on features (a multilayer perceptron).

    In a pipeline, it takes the features of any extractor of this package. The sources do not
    describe the training; the learning rate is chosen for a network of this size.

    Parameters
    ----------
    {parameters}

    Attributes
    ----------
    {attributes}

    See Also
    --------
    PatternNet : The network alone, with its layers and source.
    EMGClassifier : Trains any network.

    Notes
    -----
    The published accuracies are 86.3 % (Elamvazuthi et al., autoregressive, RMS, ZC, WL and MAV
    features), 85 % (Ahmed and Islam, eleven features) and 72 % (Patel and Sunitha, twelve
    features); see ``sklearn_emg.papers``.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn_emg.feature_extraction import TimeDomainFeatures
    >>> from sklearn_emg.neural_network import PatternNetClassifier
    >>> rng = np.random.default_rng(0)
    >>> y = np.repeat(["control", "patient"], 20)
    >>> X = rng.normal(size=(40, 60)) * np.where(y == "patient", 3, 1)[:, None]
    >>> net = make_pipeline(TimeDomainFeatures(), PatternNetClassifier(random_state=0))
    >>> bool(net.fit(X, y).score(X, y) > 0.9)
    True
    """
