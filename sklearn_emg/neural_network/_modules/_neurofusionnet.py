"""NeuroFusionNet: convolutions, recurrent units, attention and a graph of learned nodes."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from sklearn_emg._validation import check_fraction, check_integers, check_option
from sklearn_emg.neural_network._modules._cnn1d import convolutions
from sklearn_emg.neural_network._modules._layers import (
    INITS,
    AttentionLayer,
    AttentionMap,
    SelfAttention,
    check_heads,
    check_length,
    check_sizes,
    initialise,
    maps_of,
    masked,
    mean_over_time,
    self_attention_layers,
    time_mask,
)
from sklearn_emg.neural_network._parameters import trains
from sklearn_emg.neural_network._ready import ReadyClassifier

__all__ = ["NeuroFusionNet", "NeuroFusionNetClassifier"]


class NeuroFusionNet(nn.Module):
    """Convolutions, LSTM and GRU layers, attention, and a graph over learned nodes.

    ========= ==================================================================== ==============
    part      content                                                              if off
    ========= ==================================================================== ==============
    cnn       twice: Conv1d (32, then 64 filters of 9); batch normalisation;       mean over 16
              ReLU; max pooling by 4                                               samples
    lstm      LSTM, 64 units, the whole sequence of states                         omitted
    gru       GRU, 64 units, the whole sequence of states                          omitted
    attention layer normalisation, attention with 4 heads, added to its input      omitted
    graph     8 nodes, each a weighted mean over time; one graph convolution,      mean over time
              added to its input; mean over nodes
    regulariser dropout after the CNN (or its averages) and each part that is on   no dropout
    head      dense, one raw logit per class
    ========= ==================================================================== ==============

    Each part can be switched off, for the ablation that the source calls for. The source names the
    parts and their order. All sizes, the form of the attention and of the graph layer, and the
    regulariser (dropout, with weight decay in :class:`NeuroFusionNetClassifier`) are choices of
    this package.

    Parameters
    ----------
    n_channels : int
        Number of channels of a window.
    n_times : int
        Number of samples of a window, at least ``pool_size ** len(n_filters)``. One module can
        predict windows of any such length.
    n_classes : int
        Number of outputs.
    has_cnn : bool, default=True
        Whether to use the convolutions. Without them, the signal is averaged over
        ``pool_size ** len(n_filters)`` samples at a time, so that the input of the later parts has
        the same length.
    has_lstm : bool, default=True
        Whether to use the LSTM layer.
    has_gru : bool, default=True
        Whether to use the GRU layer.
    has_attention : bool, default=True
        Whether to use attention of each time to all times. If its input does not have `n_units`
        units, a dense layer before it changes their number to `n_units`.
    has_graph : bool, default=True
        Whether to use the graph layer. Without it, the states are averaged over time.
    has_regulariser : bool, default=True
        Whether to use dropout.
    n_filters : sequence of int, default=(32, 64)
        Number of filters of each convolution; one entry for each convolution.
    kernel_size : int, default=9
        Number of samples that a filter spans; it must be odd.
    pool_size : int, default=4
        Number of samples that are pooled after each convolution; 1 means no pooling.
    pooling : {"max", "average"}, default="max"
        Kind of pooling.
    n_units : int, default=64
        Number of units of the LSTM, the GRU and the attention.
    n_heads : int, default=4
        Number of attention heads; it must divide `n_units`.
    n_nodes : int, default=8
        Number of nodes of the graph.
    n_node_units : int, default=8
        Number of values that describe a node when the edges are computed.
    dropout : float, default=0.3
        Probability of dropout after each part.
    init : {"torch", "he_normal", "xavier_uniform"}, default="torch"
        Initial weights of convolutions and dense layers: PyTorch's defaults, or the named scheme
        with zero biases.

    Raises
    ------
    ValueError
        If a setting is outside its range, or ``n_times`` is below the minimum length.

    Notes
    -----
    For states x_t at the times t, node k is n_k = sum_t s_kt x_t, where s_k is the softmax over
    time of w_k . x_t. The edges are A = softmax(E F'), where the softmax is taken over each row. E
    and F are learned, have the shape (n_nodes, n_node_units) and are the same for all windows. The
    output of the graph convolution is n + ReLU(A n W + b).

    References
    ----------
    R. Chandrasekaran et al., "Pioneering prognosis and management in neuromuscular healthcare using
    EMG signal processing with advanced deep learning techniques", Traitement du Signal 41 (2024)
    1633-1645.

    T. N. Kipf, M. Welling, "Semi-supervised classification with graph convolutional networks",
    ICLR 2017, for the graph convolution.

    Z. Wu et al., "Graph WaveNet for deep spatial-temporal graph modeling", IJCAI 2019, for learned
    edges.

    Examples
    --------
    >>> import torch
    >>> from sklearn_emg.neural_network import NeuroFusionNet
    >>> net = NeuroFusionNet(n_channels=2, n_times=500, n_classes=3, has_graph=False)
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
        has_cnn: bool = True,
        has_lstm: bool = True,
        has_gru: bool = True,
        has_attention: bool = True,
        has_graph: bool = True,
        has_regulariser: bool = True,
        n_filters: Sequence[int] = (32, 64),
        kernel_size: int = 9,
        pool_size: int = 4,
        pooling: str = "max",
        n_units: int = 64,
        n_heads: int = 4,
        n_nodes: int = 8,
        n_node_units: int = 8,
        dropout: float = 0.3,
        init: str = "torch",
    ) -> None:
        super().__init__()
        name = "NeuroFusionNet"
        check_sizes(name, n_channels, n_times, n_classes)
        check_integers(n_units, "n_units", name, 1)
        check_integers(n_nodes, "n_nodes", name, 1)
        check_integers(n_node_units, "n_node_units", name, 1)
        check_heads(name, n_heads, n_units)
        check_fraction(dropout, "dropout", name, below=True)
        check_option(init, INITS, "init", name)
        self.dropout = nn.Dropout(dropout if has_regulariser else 0.0)

        # A part that is switched off is None and thus absent from the state dict.
        (pool_size,) = check_integers(pool_size, "pool_size", name, 1)
        self.min_length = pool_size ** len(check_integers(n_filters, "n_filters", name))
        if has_cnn:
            self.cnn, width, _ = convolutions(
                name,
                n_channels,
                n_times,
                n_filters=n_filters,
                kernel_size=kernel_size,
                pool_size=pool_size,
                pooling=pooling,
                batch_norm=True,
            )
        else:
            check_length(name, n_times, self.min_length)
            self.cnn, width = nn.Sequential(nn.AvgPool1d(self.min_length)), n_channels
        self.lstm = self.gru = self.attention = self.node_graph = None
        if has_lstm:
            self.lstm, width = nn.LSTM(width, n_units, batch_first=True), n_units
        if has_gru:
            self.gru, width = nn.GRU(width, n_units, batch_first=True), n_units
        if has_attention:
            self.attention, width = _AttentionPart(width, n_units, n_heads), n_units
        if has_graph:
            self.node_graph = _GraphPart(width, n_nodes, n_node_units)
        self.classifier = nn.Linear(width, n_classes)
        initialise(self, init)

    def forward(self, x: torch.Tensor, lengths: torch.Tensor | None = None) -> torch.Tensor:
        """Return raw logits (batch, n_classes) for windows (batch, n_channels, n_times).

        If `lengths`, a CPU tensor (batch,), is given, samples beyond these lengths are ignored.
        """
        mask = None
        if lengths is None:
            x = self.cnn(x)
        else:
            check_length("NeuroFusionNet", int(lengths.min()), self.min_length)
            x, lengths = masked(self.cnn, x, lengths)
            mask = time_mask(lengths, x.shape[-1], x.device)
        x = self.dropout(x.transpose(1, 2))
        if self.lstm is not None:
            x = self.dropout(self.lstm(x)[0])
        if self.gru is not None:
            x = self.dropout(self.gru(x)[0])
        if self.attention is not None:
            x = self.dropout(self.attention(x, mask))
        if self.node_graph is None:
            x = mean_over_time(x, lengths)
        else:
            x = self.dropout(self.node_graph(x, mask))
        return self.classifier(x)

    def attention_maps(self, x: torch.Tensor) -> dict[str, AttentionMap]:
        """Return attention weights over time for windows (batch, n_channels, n_times), by layer."""
        layers = self_attention_layers(self, self.min_length)
        if self.node_graph is not None:
            layers["node_graph"] = AttentionLayer(
                self.node_graph.gather,
                lambda _, output: output.softmax(dim=1).transpose(1, 2),
                "graph",
                self.min_length,
            )
        return maps_of(self, x, layers)


class _AttentionPart(nn.Module):
    """Attention over time, added to its input; n_in units are transformed to n_units."""

    def __init__(self, n_in: int, n_units: int, n_heads: int) -> None:
        super().__init__()
        self.widen = nn.Identity() if n_in == n_units else nn.Linear(n_in, n_units)
        self.norm = nn.LayerNorm(n_units)
        self.attention = SelfAttention(n_units, n_heads)

    def forward(self, x: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        x = self.widen(x)
        return x + self.attention(self.norm(x), mask)


class _GraphPart(nn.Module):
    """Graph convolution over nodes gathered from all times: (batch, n_times, n) to (batch, n)."""

    def __init__(self, n_units: int, n_nodes: int, n_node_units: int) -> None:
        super().__init__()
        # A bias would be the same for all times and cancel out in the softmax over time.
        self.gather = nn.Linear(n_units, n_nodes, bias=False)
        self.source = nn.Parameter(torch.randn(n_nodes, n_node_units))
        self.target = nn.Parameter(torch.randn(n_nodes, n_node_units))
        self.convolution = nn.Linear(n_units, n_units)

    def forward(self, x: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        weights = self.gather(x)
        if mask is not None:
            weights = weights.masked_fill(~mask[..., None], -torch.inf)
        proportions = weights.softmax(dim=1)
        nodes = proportions.transpose(1, 2) @ x
        edges = (self.source @ self.target.T).softmax(dim=1)
        nodes = nodes + self.convolution(edges @ nodes).relu()
        return nodes.mean(dim=1)


@trains(NeuroFusionNet, weight_decay=1e-4)
class NeuroFusionNetClassifier(ReadyClassifier):
    """Convolutions, recurrent units, attention and a graph, trained by Algorithm 2 of the source.

    Training uses Adam, mini-batches, cross entropy and early stopping on a validation set. Each
    part can be switched off for an ablation, for instance with
    ``GridSearchCV(NeuroFusionNetClassifier(), {"has_graph": [True, False]})``.

    Parameters
    ----------
    {parameters}

    Attributes
    ----------
    {attributes}

    See Also
    --------
    NeuroFusionNet : The network alone, with its layers and source.
    EMGClassifier : Trains any network.

    Notes
    -----
    The source mentions a regulariser without naming it; dropout and a weight decay of 1e-4 are
    choices of this package. ``has_regulariser=False`` removes the dropout, and ``weight_decay=0``
    the weight decay.

    The published accuracy is 0.92, with a precision of 0.94, a recall of 0.93 and an F1 score of
    0.93. The source names no data set, so its figures cannot be compared with others.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emg.neural_network import NeuroFusionNetClassifier
    >>> rng = np.random.default_rng(0)
    >>> y = np.repeat(["control", "patient"], 20)
    >>> X = rng.normal(size=(40, 60)) * np.where(y == "patient", 3, 1)[:, None]
    >>> net = NeuroFusionNetClassifier(n_units=8, max_epochs=25, lr=0.01, random_state=0)
    >>> bool(net.fit(X, y, groups=np.arange(40) // 4).score(X, y) > 0.9)
    True
    """
