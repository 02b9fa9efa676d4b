"""The attention network among the baselines of NeuroFusionNet."""

from __future__ import annotations

import math

import torch
from torch import nn

from sklearn_emg._validation import check_fraction, check_integers
from sklearn_emg.neural_network._modules._layers import (
    AttentionMap,
    Frames,
    SelfAttention,
    check_heads,
    check_sizes,
    maps_of,
    mean_over_time,
    self_attention_layers,
    time_mask,
)
from sklearn_emg.neural_network._parameters import trains
from sklearn_emg.neural_network._ready import ReadyClassifier

__all__ = ["AttentionNet", "AttentionNetClassifier"]


class AttentionNet(nn.Module):
    """Self-attention over frames of the raw signal.

    ===== =====================================================================
    layer content
    ===== =====================================================================
    0     frames of 10 successive samples of all channels
    1     dense, 64 units; sines and cosines of the position are added
    2-3   layer normalisation, attention with 4 heads, added to its input;
          layer normalisation, dense 128, ReLU, dense 64, added to its input (each)
    4     layer normalisation; mean over time
    5     dense, one raw logit per class
    ===== =====================================================================

    This network corresponds to the row "attention" in NeuroFusionNet's table. The source does not
    state the kind of attention: the encoder of the Transformer, with normalisation before each
    part, and all sizes are choices of this package. Memory and time grow with the square of the
    number of frames.

    Parameters
    ----------
    n_channels : int
        Number of channels of a window.
    n_times : int
        Number of samples of a window, at least ``frame``. One module can predict windows of any
        such length.
    n_classes : int
        Number of outputs.
    n_units : int, default=64
        Number of units that represent each frame; it must be even.
    n_heads : int, default=4
        Number of attention heads; it must divide `n_units`.
    n_layers : int, default=2
        Number of attention layers.
    n_hidden : int, default=128
        Number of units of the dense layer inside each attention layer.
    frame : int, default=10
        Number of samples in a frame. Samples that do not fill a last frame are ignored.
    dropout : float, default=0.1
        Probability of dropout at the output of each part and before the last layer.

    Raises
    ------
    ValueError
        If a setting is outside its range, or ``n_times`` is below ``frame``.

    References
    ----------
    R. Chandrasekaran et al., "Pioneering prognosis and management in neuromuscular healthcare using
    EMG signal processing with advanced deep learning techniques", Traitement du Signal 41 (2024)
    1633-1645.

    A. Vaswani et al., "Attention is all you need", NeurIPS 2017, for the attention.

    Examples
    --------
    >>> import torch
    >>> from sklearn_emg.neural_network import AttentionNet
    >>> net = AttentionNet(n_channels=2, n_times=500, n_classes=3)
    >>> net(torch.zeros(7, 2, 500)).shape
    torch.Size([7, 3])
    """

    takes_any_length = True

    def __init__(
        self,
        n_channels: int,
        n_times: int,
        n_classes: int,
        *,
        n_units: int = 64,
        n_heads: int = 4,
        n_layers: int = 2,
        n_hidden: int = 128,
        frame: int = 10,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        name = "AttentionNet"
        check_sizes(name, n_channels, n_times, n_classes)
        check_integers(n_units, "n_units", name, 1)
        check_integers(n_layers, "n_layers", name, 1)
        check_integers(n_hidden, "n_hidden", name, 1)
        if n_units % 2:
            raise ValueError(
                f"The 'n_units' parameter of {name} must be even, since half of the units encode "
                f"sines and half cosines of the position. Got {n_units} instead."
            )
        check_heads(name, n_heads, n_units)
        check_fraction(dropout, "dropout", name, below=True)
        self.frames = Frames(name, n_channels, n_times, frame)
        self.embed = nn.Linear(self.frames.n_values, n_units)
        self.layers = nn.ModuleList(
            _EncoderLayer(n_units, n_heads, n_hidden, dropout) for _ in range(n_layers)
        )
        self.norm = nn.LayerNorm(n_units)
        self.classifier = nn.Sequential(nn.Dropout(dropout), nn.Linear(n_units, n_classes))

    def forward(self, x: torch.Tensor, lengths: torch.Tensor | None = None) -> torch.Tensor:
        """Return raw logits (batch, n_classes) for windows (batch, n_channels, n_times).

        If `lengths`, a CPU tensor (batch,), is given, samples beyond these lengths are ignored.
        """
        n_frames = self.frames.count(lengths)
        x = self.embed(self.frames(x))
        x = x + _positions(x.shape[1], x.shape[2], x)
        mask = None if n_frames is None else time_mask(n_frames, x.shape[1], x.device)
        for layer in self.layers:
            x = layer(x, mask)
        return self.classifier(mean_over_time(self.norm(x), n_frames))

    def attention_maps(self, x: torch.Tensor) -> dict[str, AttentionMap]:
        """Return attention weights over time for windows (batch, n_channels, n_times), by layer."""
        return maps_of(self, x, self_attention_layers(self, self.frames.frame))


class _EncoderLayer(nn.Module):
    """Attention and dense layers, each of which is added to its input."""

    def __init__(self, n_units: int, n_heads: int, n_hidden: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(n_units)
        self.attention = SelfAttention(n_units, n_heads)
        self.dropout = nn.Dropout(dropout)
        self.dense = nn.Sequential(
            nn.LayerNorm(n_units),
            nn.Linear(n_units, n_hidden),
            nn.ReLU(),
            nn.Linear(n_hidden, n_units),
            nn.Dropout(dropout),
        )

    def forward(self, x: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        x = x + self.dropout(self.attention(self.norm(x), mask))
        return x + self.dense(x)


def _positions(n_frames: int, n_units: int, like: torch.Tensor) -> torch.Tensor:
    """Return sines and cosines of the position, with periods between 2 pi and 20,000 pi."""
    position = torch.arange(n_frames, device=like.device, dtype=like.dtype)[:, None]
    order = torch.arange(0, n_units, 2, device=like.device, dtype=like.dtype)
    rate = torch.exp(order * (-math.log(1e4) / n_units))
    return torch.cat([torch.sin(position * rate), torch.cos(position * rate)], dim=1)


@trains(AttentionNet)
class AttentionNetClassifier(ReadyClassifier):
    """Self-attention over frames, trained by Algorithm 2 of NeuroFusionNet's source.

    Training uses Adam, mini-batches, cross entropy and early stopping on a validation set.

    Parameters
    ----------
    {parameters}

    Attributes
    ----------
    {attributes}

    See Also
    --------
    AttentionNet : The network alone, with its layers and source.
    EMGClassifier : Trains any network.

    Notes
    -----
    The published accuracy is 94.5 %. The source names no data set, so its figures cannot be
    compared with others.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emg.neural_network import AttentionNetClassifier
    >>> rng = np.random.default_rng(0)
    >>> y = np.repeat(["control", "patient"], 20)
    >>> X = rng.normal(size=(40, 60)) * np.where(y == "patient", 3, 1)[:, None]
    >>> net = AttentionNetClassifier(n_units=16, n_layers=1, max_epochs=40, lr=0.01, random_state=0)
    >>> bool(net.fit(X, y, groups=np.arange(40) // 4).score(X, y) > 0.9)
    True
    """
