"""Network of Algorithm 3: an LSTM over a sequence with attention over its states."""

from __future__ import annotations

import torch
from torch import nn

from sklearn_emg._validation import check_fraction, check_integer


class ContextLSTM(nn.Module):
    """LSTM over the steps of a sequence, with attention over the states and a linear output layer.

    ===== ==================================================================
    layer content
    ===== ==================================================================
    1     LSTM, in chunks of `chunk` steps; gradients stay within a chunk
    2     attention: weights softmax(v tanh(W h)) over the steps, mean state
    3     linear, of the mean state and the last one
    ===== ==================================================================

    Parameters
    ----------
    n_channels, n_times, n_classes : int
        Numbers of features per step, of steps, and of outputs. Sequences with another number of
        steps are also accepted.
    n_units : int, default=32
        Number of units per layer of the LSTM.
    n_layers : int, default=1
        Number of layers of the LSTM.
    attention : bool, default=True
        Whether layer 2 is used. Without it, the output layer reads only the last state.
    chunk : int, default=None
        Number of steps in a chunk of truncated back-propagation. None propagates gradients through
        the whole sequence.
    stateful : bool, default=True
        Whether a chunk starts from the state at the end of the previous chunk. If False, it starts
        from zero.
    dropout : float, default=0.0
        Probability of dropout before the output layer and between the layers of the LSTM.
    """

    takes_any_length = True

    def __init__(
        self,
        n_channels: int,
        n_times: int,
        n_classes: int,
        *,
        n_units: int = 32,
        n_layers: int = 1,
        attention: bool = True,
        chunk: int | None = None,
        stateful: bool = True,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        check_fraction(dropout, "dropout", "LSTMPrognosis", below=True)
        if chunk is not None:
            check_integer(chunk, "chunk", "LSTMPrognosis")
        self.chunk, self.stateful = chunk, stateful
        self.lstm = nn.LSTM(
            n_channels,
            check_integer(n_units, "n_units", "LSTMPrognosis"),
            check_integer(n_layers, "n_layers", "LSTMPrognosis"),
            batch_first=True,
            dropout=dropout if n_layers > 1 else 0.0,
        )
        self.score = nn.Sequential(
            nn.Linear(n_units, n_units), nn.Tanh(), nn.Linear(n_units, 1, bias=False)
        )
        self.attention = attention
        width = 2 * n_units if attention else n_units
        self.output = nn.Sequential(nn.Dropout(dropout), nn.Linear(width, n_classes))

    def states(self, x: torch.Tensor) -> torch.Tensor:
        """Compute the states (batch, n_times, n_units) at every step."""
        steps = x.transpose(1, 2)
        if self.chunk is None:
            return self.lstm(steps)[0]
        out, state = [], None
        for part in steps.split(self.chunk, dim=1):
            states, (h, c) = self.lstm(part, state)
            out.append(states)
            state = (h.detach(), c.detach()) if self.stateful else None
        return torch.cat(out, dim=1)

    def weights(self, states: torch.Tensor, lengths: torch.Tensor | None) -> torch.Tensor:
        """Compute the attention weights (batch, n_times) of the steps of each sequence."""
        scores = self.score(states).squeeze(-1)
        if lengths is not None:
            steps = torch.arange(states.shape[1], device=states.device)
            scores = scores.masked_fill(steps >= lengths.to(states.device)[:, None], -torch.inf)
        return scores.softmax(dim=1)

    def forward(self, x: torch.Tensor, lengths: torch.Tensor | None = None) -> torch.Tensor:
        """Compute outputs (batch, n_classes) for sequences (batch, n_channels, n_times)."""
        states = self.states(x)
        if lengths is None:
            last = states[:, -1]
        else:
            places = (lengths.to(states.device) - 1)[:, None, None]
            last = states.gather(1, places.expand(-1, 1, states.shape[2])).squeeze(1)
        if not self.attention:
            return self.output(last)
        mean = (self.weights(states, lengths)[..., None] * states).sum(dim=1)
        return self.output(torch.cat([mean, last], dim=1))
