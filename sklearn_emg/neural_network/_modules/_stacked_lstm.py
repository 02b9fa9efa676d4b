"""The recurrent network of Loubar and Toubal (2023)."""

from __future__ import annotations

import torch
from torch import nn

from sklearn_emg._validation import check_fraction, check_integers, check_option
from sklearn_emg.neural_network._modules._layers import (
    check_sizes,
    last_in_time,
)
from sklearn_emg.neural_network._parameters import trains
from sklearn_emg.neural_network._ready import ReadyClassifier

__all__ = ["StackedLSTM", "StackedLSTMClassifier"]


class StackedLSTM(nn.Module):
    """Stacked LSTM layers on the raw signal, and a dense layer on the final state.

    ===== ==================================================================
    layer content
    ===== ==================================================================
    1-2   LSTM, 128 units, the whole sequence of states
    3     LSTM, 128 units, the final state
    4     dense, one raw logit per class
    ===== ==================================================================

    The time for a training step grows with ``n_times``. On windows of 23,437 samples, an epoch took
    hours in the source, and training was not completed. Downsample long windows, or use a GPU.

    Parameters
    ----------
    n_channels : int
        Number of channels of a window.
    n_times : int
        Number of samples of a window, at least 1. One module can predict windows of any length.
    n_classes : int
        Number of outputs.
    n_units : int, default=128
        Number of units of each layer.
    n_layers : int, default=3
        Number of LSTM layers.
    dropout : float, default=0.0
        Probability of dropout between the layers and before the last layer (not stated in the
        source).
    init : {"keras", "torch"}, default="keras"
        Initial weights (not stated in the source). With "keras", input weights are Xavier-uniform,
        recurrent weights are orthogonal, and biases are 0, except those of the forget gates, which
        are 1 so that the network initially remembers earlier samples. "torch" keeps PyTorch's
        defaults.

    Raises
    ------
    ValueError
        If a setting is outside its range.

    References
    ----------
    L. Loubar, M. Toubal, "EMG Signals Classification for Neuromuscular Diseases Detection Using
    Deep Learning", Master's project, University M'Hamed Bougara, Boumerdes, 2023.

    Examples
    --------
    >>> import torch
    >>> from sklearn_emg.neural_network import StackedLSTM
    >>> net = StackedLSTM(n_channels=2, n_times=50, n_classes=3, n_units=16)
    >>> net(torch.zeros(7, 2, 50)).shape
    torch.Size([7, 3])
    """

    takes_any_length = True

    def __init__(
        self,
        n_channels: int,
        n_times: int,
        n_classes: int,
        *,
        n_units: int = 128,
        n_layers: int = 3,
        dropout: float = 0.0,
        init: str = "keras",
    ) -> None:
        super().__init__()
        check_sizes("StackedLSTM", n_channels, n_times, n_classes)
        check_integers(n_units, "n_units", "StackedLSTM", 1)
        check_integers(n_layers, "n_layers", "StackedLSTM", 1)
        check_fraction(dropout, "dropout", "StackedLSTM", below=True)
        check_option(init, ("keras", "torch"), "init", "StackedLSTM")
        self.lstm = nn.LSTM(
            n_channels,
            n_units,
            n_layers,
            batch_first=True,
            dropout=dropout if n_layers > 1 else 0.0,  # PyTorch applies it only between layers
        )
        self.classifier = nn.Sequential(nn.Dropout(dropout), nn.Linear(n_units, n_classes))
        if init == "keras":
            self._initialise_like_keras()

    def _initialise_like_keras(self) -> None:
        n_units = self.lstm.hidden_size
        for name, parameter in self.lstm.named_parameters():
            if name.startswith("weight"):
                recurrent = name.startswith("weight_hh")
                for gate in parameter.detach().split(n_units):  # input, forget, cell, output
                    nn.init.orthogonal_(gate) if recurrent else nn.init.xavier_uniform_(gate)
            else:
                nn.init.zeros_(parameter)
                if name.startswith("bias_ih"):  # the two biases add up
                    nn.init.ones_(parameter.detach()[n_units : 2 * n_units])
        weight, bias = self.classifier[1].parameters()
        nn.init.xavier_uniform_(weight)
        nn.init.zeros_(bias)

    def forward(self, x: torch.Tensor, lengths: torch.Tensor | None = None) -> torch.Tensor:
        """Return raw logits (batch, n_classes) for windows (batch, n_channels, n_times).

        If `lengths`, a CPU tensor (batch,), is given, samples beyond these lengths are ignored.
        """
        states, _ = self.lstm(x.transpose(1, 2))
        return self.classifier(last_in_time(states, lengths))


@trains(StackedLSTM, max_epochs=60, patience=None)
class StackedLSTMClassifier(ReadyClassifier):
    """Stacked LSTM of Loubar and Toubal (2023), trained as in the source.

    Training uses Adam with a learning rate of 1e-3, 60 epochs and batches of 32 windows.

    Parameters
    ----------
    {parameters}

    Attributes
    ----------
    {attributes}

    See Also
    --------
    StackedLSTM : The network alone, with its layers and source.
    EMGClassifier : Trains any network.

    Notes
    -----
    The source does not validate this network. Here, the weights with the lowest validation loss
    are kept; ``validation_fraction=None`` keeps the last weights.

    The published accuracy of windows on N2001 is 64.86 %, after unfinished training. Windows were
    split at random, with windows of the same subjects on both sides of the split.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emg.neural_network import StackedLSTMClassifier
    >>> rng = np.random.default_rng(0)
    >>> y = np.repeat(["control", "patient"], 20)
    >>> X = rng.normal(size=(40, 60)) * np.where(y == "patient", 3, 1)[:, None]
    >>> net = StackedLSTMClassifier(n_units=8, n_layers=1, max_epochs=40, lr=0.02, random_state=0)
    >>> bool(net.fit(X, y, groups=np.arange(40) // 4).score(X, y) > 0.9)
    True
    """
