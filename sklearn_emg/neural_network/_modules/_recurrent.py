"""The recurrent networks among the baselines of NeuroFusionNet."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from sklearn_emg._validation import check_fraction, check_integers, check_option
from sklearn_emg.neural_network._modules._layers import (
    Frames,
    check_sizes,
    last_in_time,
    mean_over_time,
)
from sklearn_emg.neural_network._parameters import trains
from sklearn_emg.neural_network._ready import ReadyClassifier

__all__ = ["RecurrentNet", "RecurrentNetClassifier"]

CELLS = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}


class RecurrentNet(nn.Module):
    """Plain recurrent units, LSTM or GRU on frames of the raw signal.

    ===== ===================================================================
    layer content
    ===== ===================================================================
    0     frames of 10 successive samples of all channels
    1     RNN (tanh), LSTM or GRU, 64 units; the final state, or the mean of all
    2     dense, one raw logit per class
    ===== ===================================================================

    These networks correspond to the rows "RNN", "LSTM" and "GRU" in NeuroFusionNet's table. The
    source states no sizes; the sizes and the frames, which shorten the sequence, are choices of
    this package. :class:`StackedLSTM`, from a different source, has three LSTM layers and reads the
    window sample by sample.

    Parameters
    ----------
    n_channels : int
        Number of channels of a window.
    n_times : int
        Number of samples of a window, at least ``frame``. One module can predict windows of any
        such length.
    n_classes : int
        Number of outputs.
    cell : {"rnn", "lstm", "gru"}, default="lstm"
        Kind of recurrent unit.
    n_units : int, default=64
        Number of units of each layer, in each direction.
    n_layers : int, default=1
        Number of recurrent layers.
    bidirectional : bool, default=False
        Whether a second set of units reads the window backwards.
    frame : int, default=10
        Number of samples that are read in one step; 1 means sample by sample. Samples that do not
        fill a last frame are ignored.
    readout : {"last", "mean"}, default="last"
        Input of the dense layer: the final state, or the mean of the states over time.
    dropout : float, default=0.0
        Probability of dropout between the layers and before the last layer.

    Raises
    ------
    ValueError
        If a setting is outside its range, or ``n_times`` is below ``frame``.

    References
    ----------
    R. Chandrasekaran et al., "Pioneering prognosis and management in neuromuscular healthcare using
    EMG signal processing with advanced deep learning techniques", Traitement du Signal 41 (2024)
    1633-1645.

    Examples
    --------
    >>> import torch
    >>> from sklearn_emg.neural_network import RecurrentNet
    >>> net = RecurrentNet(n_channels=2, n_times=500, n_classes=3, cell="gru")
    >>> net(torch.zeros(7, 2, 500)).shape
    torch.Size([7, 3])
    """

    takes_any_length = True

    def __init__(
        self,
        n_channels: int,
        n_times: int,
        n_classes: int,
        cell: str = "lstm",
        *,
        n_units: int = 64,
        n_layers: int = 1,
        bidirectional: bool = False,
        frame: int = 10,
        readout: str = "last",
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        name = "RecurrentNet"
        check_sizes(name, n_channels, n_times, n_classes)
        check_option(cell, tuple(CELLS), "cell", name)
        check_integers(n_units, "n_units", name, 1)
        check_integers(n_layers, "n_layers", name, 1)
        check_option(readout, ("last", "mean"), "readout", name)
        check_fraction(dropout, "dropout", name, below=True)
        self.readout = readout
        self.frames = Frames(name, n_channels, n_times, frame)
        self.recurrent = CELLS[cell](
            self.frames.n_values,
            n_units,
            n_layers,
            batch_first=True,
            bidirectional=bidirectional,
            dropout=dropout if n_layers > 1 else 0.0,  # PyTorch applies it only between layers
        )
        n_states = n_units * (1 + bool(bidirectional))
        self.classifier = nn.Sequential(nn.Dropout(dropout), nn.Linear(n_states, n_classes))

    def forward(self, x: torch.Tensor, lengths: torch.Tensor | None = None) -> torch.Tensor:
        """Return raw logits (batch, n_classes) for windows (batch, n_channels, n_times).

        If `lengths`, a CPU tensor (batch,), is given, samples beyond these lengths are ignored.
        """
        n_frames = self.frames.count(lengths)
        states = self._states(self.frames(x), n_frames)
        if self.readout == "mean":
            return self.classifier(mean_over_time(states, n_frames))
        last = last_in_time(states, n_frames)
        if self.recurrent.bidirectional:
            # The units that read backwards reach their final state at the first frame.
            n_units = self.recurrent.hidden_size
            last = torch.cat([last[:, :n_units], states[:, 0, n_units:]], dim=1)
        return self.classifier(last)

    def _states(self, frames: torch.Tensor, n_frames: torch.Tensor | None) -> torch.Tensor:
        """Return the states at each frame; padding affects them in neither direction."""
        if n_frames is None or not self.recurrent.bidirectional:
            return self.recurrent(frames)[0]
        packed = pack_padded_sequence(frames, n_frames, batch_first=True, enforce_sorted=False)
        return pad_packed_sequence(self.recurrent(packed)[0], batch_first=True)[0]


@trains(RecurrentNet)
class RecurrentNetClassifier(ReadyClassifier):
    """Plain recurrent units, LSTM or GRU, trained by Algorithm 2 of NeuroFusionNet's source.

    Training uses Adam, mini-batches, cross entropy and early stopping on a validation set. ``cell``
    selects one of the three kinds of unit.

    Parameters
    ----------
    {parameters}

    Attributes
    ----------
    {attributes}

    See Also
    --------
    RecurrentNet : The network alone, with its layers and source.
    EMGClassifier : Trains any network.

    Notes
    -----
    The published accuracies are 91.2 % (RNN), 93.8 % (LSTM) and 92.1 % (GRU). The source names no
    data set, so its figures cannot be compared with others.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emg.neural_network import RecurrentNetClassifier
    >>> rng = np.random.default_rng(0)
    >>> y = np.repeat(["control", "patient"], 20)
    >>> X = rng.normal(size=(40, 60)) * np.where(y == "patient", 3, 1)[:, None]
    >>> net = RecurrentNetClassifier(cell="gru", n_units=16, max_epochs=40, lr=0.02, random_state=0)
    >>> bool(net.fit(X, y, groups=np.arange(40) // 4).score(X, y) > 0.9)
    True
    """
