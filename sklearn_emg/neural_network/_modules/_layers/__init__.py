"""Common parts of networks on signals: checks, initial weights, masks, frames, attention."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import nn

from sklearn_emg._validation import check_fraction, check_integer, check_integers, check_option

# Arguments of every network that are taken from the data.
SIZES = ("n_channels", "n_times", "n_classes")
INITS = ("torch", "he_normal", "xavier_uniform")


def check_sizes(network: str, n_channels: int, n_times: int, n_classes: int) -> None:
    """Reject sizes that are not positive integers."""
    for name, value in zip(SIZES, (n_channels, n_times, n_classes)):
        check_integer(value, name, network)


def check_length(network: str, n_times: int, min_n_times: int) -> None:
    """Reject windows that are too short, and state the minimum length."""
    if n_times < min_n_times:
        raise ValueError(
            f"{network} with these settings needs windows of at least {min_n_times} samples. "
            f"Got n_times={n_times}. Cut longer windows, or reduce kernels, strides or pooling."
        )


def initialise(module: nn.Module, init: str) -> None:
    """Initialise the kernels and weight matrices; ``"torch"`` keeps PyTorch's defaults."""
    if init == "torch":
        return
    for layer in module.modules():
        if isinstance(layer, nn.Conv1d | nn.Conv2d | nn.Linear):
            if init == "he_normal":
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            else:
                nn.init.xavier_uniform_(layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


class GlobalMaxPool(nn.Module):
    """Maximum over time: (batch, n_filters, n_times) to (batch, n_filters)."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.amax(dim=-1)


def time_mask(lengths: torch.Tensor, n_times: int, device: torch.device) -> torch.Tensor:
    """Return a boolean mask (batch, n_times) of the samples that are not padding."""
    return torch.arange(n_times, device=device) < lengths.to(device)[:, None]


def masked(
    layers: Iterable[nn.Module], x: torch.Tensor, lengths: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Apply convolutional layers to padded signals as if each signal were alone.

    Values after the end of a signal are set to zero in the input of each convolution, like the
    zeros that the layer pads with, and batch normalisation computes its statistics without padding.

    Parameters
    ----------
    layers : iterable of Module
        Convolutions, poolings, normalisations and activations; a :class:`GlobalMaxPool` must be
        the last layer.
    x : tensor of shape (batch, n_channels, n_times)
        Signals, padded at their ends.
    lengths : tensor of shape (batch,)
        Number of samples of each signal, on the CPU.

    Returns
    -------
    x : tensor of shape (batch, n_filters, n_times_out) or (batch, n_filters)
        Output of the layers; values after the end of a signal are undefined.
    lengths : tensor of shape (batch,)
        Number of samples of each signal in the output.
    """
    for layer in layers:
        inside = time_mask(lengths, x.shape[-1], x.device)
        if isinstance(layer, nn.BatchNorm1d) and layer.training:
            normalised = torch.zeros_like(x).transpose(1, 2)
            normalised[inside] = layer(x.transpose(1, 2)[inside])
            x = normalised.transpose(1, 2)
            continue
        if isinstance(layer, nn.Conv1d | nn.ConstantPad1d | GlobalMaxPool):
            padding = -torch.inf if isinstance(layer, GlobalMaxPool) else 0.0
            x = x.masked_fill(~inside[:, None], padding)
        x = layer(x)
        lengths = _lengths_after(layer, lengths)
    return x, lengths


def _lengths_after(layer: nn.Module, lengths: torch.Tensor) -> torch.Tensor:
    if isinstance(layer, nn.Conv1d):
        span = layer.dilation[0] * (layer.kernel_size[0] - 1)
        return (lengths + 2 * int(layer.padding[0]) - span - 1) // layer.stride[0] + 1
    if isinstance(layer, nn.MaxPool1d | nn.AvgPool1d):
        size = layer.kernel_size
        return lengths // (size if isinstance(size, int) else size[0])
    if isinstance(layer, nn.ConstantPad1d):
        return lengths + sum(layer.padding)
    return lengths


def dilated_stack(
    network: str,
    n_channels: int,
    n_times: int,
    *,
    n_filters: int | Sequence[int],
    kernel_size: int | Sequence[int],
    dilations: Sequence[int],
    stride: int | Sequence[int],
    padding: str,
    dropout: float = 0.0,
) -> tuple[nn.Sequential, int, int]:
    """Build dilated convolutions (each with ReLU, batch normalisation, dropout) and max pooling.

    Return the layers, the number of output features and the minimum length of a window in samples.
    Settings out of range and windows that are too short raise an error that names ``network``.
    """
    dilations = check_integers(dilations, "dilations", network)
    filters = check_integers(n_filters, "n_filters", network, len(dilations))
    kernels = check_integers(kernel_size, "kernel_size", network, len(dilations))
    strides = check_integers(stride, "stride", network, len(dilations))
    check_option(padding, ("same", "valid"), "padding", network)
    check_fraction(dropout, "dropout", network, below=True)
    min_n_times = min_length(kernels, dilations, strides) if padding == "valid" else 1
    check_length(network, n_times, min_n_times)

    layers: list[nn.Module] = []
    n_in = n_channels
    for n_out, kernel, dilation, step in zip(filters, kernels, dilations, strides):
        zeros = dilation * (kernel - 1) if padding == "same" else 0
        if zeros % 2:
            # The "same" padding of nn.Conv1d does not allow strides. Like PyTorch and Keras, put
            # the odd zero on the right.
            layers.append(nn.ConstantPad1d((0, 1), 0.0))
        layers += [
            nn.Conv1d(n_in, n_out, kernel, step, padding=zeros // 2, dilation=dilation),
            nn.ReLU(),
            nn.BatchNorm1d(n_out),
        ]
        if dropout:
            layers.append(nn.Dropout(dropout))
        n_in = n_out
    return nn.Sequential(*layers, GlobalMaxPool()), n_in, min_n_times


class DilatedNet(nn.Module):
    """Dilated convolutions on the raw signal, global max pooling, a dense layer and the output.

    Subclasses set their defaults by a ``partialmethod`` of the constructor.
    """

    takes_any_length = True
    # Whether dropout also follows each convolution.
    drops_features = False

    def __init__(
        self,
        n_channels: int,
        n_times: int,
        n_classes: int,
        *,
        n_filters: int | Sequence[int],
        kernel_size: int | Sequence[int] = 9,
        dilations: Sequence[int],
        stride: int | Sequence[int] = 1,
        padding: str = "same",
        n_hidden: int = 64,
        dropout: float = 0.0,
        init: str = "torch",
    ) -> None:
        super().__init__()
        network = type(self).__name__
        check_sizes(network, n_channels, n_times, n_classes)
        check_integers(n_hidden, "n_hidden", network, 1)
        check_fraction(dropout, "dropout", network, below=True)
        check_option(init, INITS, "init", network)
        self.features, n_features, self.min_length = dilated_stack(
            network,
            n_channels,
            n_times,
            n_filters=n_filters,
            kernel_size=kernel_size,
            dilations=dilations,
            stride=stride,
            padding=padding,
            dropout=dropout if self.drops_features else 0.0,
        )
        self.classifier = nn.Sequential(
            nn.Linear(n_features, n_hidden),
            nn.ReLU(),
            nn.BatchNorm1d(n_hidden),
            nn.Dropout(dropout),
            nn.Linear(n_hidden, n_classes),
        )
        initialise(self, init)

    def forward(self, x: torch.Tensor, lengths: torch.Tensor | None = None) -> torch.Tensor:
        """Return raw logits (batch, n_classes) for windows (batch, n_channels, n_times).

        If `lengths`, a CPU tensor (batch,), is given, samples beyond these lengths are ignored.
        """
        if lengths is None:
            return self.classifier(self.features(x))
        check_length(type(self).__name__, int(lengths.min()), self.min_length)
        return self.classifier(masked(self.features, x, lengths)[0])


def min_length(kernels: Sequence[int], dilations: Sequence[int], strides: Sequence[int]) -> int:
    """Return the number of samples from which successive unpadded convolutions leave one sample."""
    n_times = 1
    for kernel, dilation, stride in reversed(list(zip(kernels, dilations, strides))):
        n_times = (n_times - 1) * stride + dilation * (kernel - 1) + 1
    return n_times


class Frames(nn.Module):
    """Successive frames of samples: (batch, n_channels, n_times) to (batch, n_frames, n_values).

    Each value of a frame is one sample of one channel. Samples that do not fill a last frame are
    ignored.
    """

    def __init__(self, network: str, n_channels: int, n_times: int, frame: int) -> None:
        super().__init__()
        self.network = network
        (self.frame,) = check_integers(frame, "frame", network, 1)
        check_length(network, n_times, self.frame)
        self.n_values = n_channels * self.frame

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        batch, n_channels, n_times = x.shape
        n_frames = n_times // self.frame
        x = x[..., : n_frames * self.frame].reshape(batch, n_channels, n_frames, self.frame)
        return x.transpose(1, 2).reshape(batch, n_frames, self.n_values)

    def count(self, lengths: torch.Tensor | None) -> torch.Tensor | None:
        """Return the numbers of frames in signals of the given lengths."""
        if lengths is None:
            return None
        check_length(self.network, int(lengths.min()), self.frame)
        return lengths // self.frame


class SelfAttention(nn.Module):
    """Multi-head attention of each time to all times; the shape is (batch, n_times, n_units)."""

    def __init__(self, n_units: int, n_heads: int) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.project = nn.Linear(n_units, 3 * n_units)
        self.combine = nn.Linear(n_units, n_units)

    def forward(self, x: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        batch, n_times, n_units = x.shape
        parts = self.project(x).reshape(batch, n_times, 3, self.n_heads, -1)
        query, key, value = parts.permute(2, 0, 3, 1, 4).unbind()
        # All times of a signal, in all heads, attend to the same times of the mask.
        mask = None if mask is None else mask[:, None, None, :]
        seen = nn.functional.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        return self.combine(seen.transpose(1, 2).reshape(batch, n_times, n_units))

    def weights_of(self, x: torch.Tensor, _output: torch.Tensor) -> torch.Tensor:
        """Return the weights of all times (last axis) for each time, recomputed from the input.

        Their shape is (batch, n_heads, n_times, n_times). The fused kernel of ``forward`` does not
        return them.
        """
        batch, n_times = x.shape[:2]
        parts = self.project(x).reshape(batch, n_times, 3, self.n_heads, -1)
        query, key, _ = parts.permute(2, 0, 3, 1, 4).unbind()
        return (query @ key.transpose(-1, -2) / query.shape[-1] ** 0.5).softmax(dim=-1)


@dataclass(frozen=True)
class AttentionMap:
    """Weights of one attention layer, and the samples that its positions cover.

    Position p covers the samples from ``first + p * step`` to ``first + (p + 1) * step``.

    Parameters
    ----------
    weights : tensor of shape (batch, n_heads, n_positions)
        Weights over time or, in self-attention, weights over time for each position, of shape
        (batch, n_heads, n_positions, n_positions).
    kind : str
        Kind of attention.
    step : int
        Number of samples that a position covers.
    first : float, default=0.0
        Sample at which the first position begins.
    """

    weights: torch.Tensor
    kind: str
    step: int
    first: float = 0.0


@dataclass(frozen=True)
class AttentionLayer:
    """An attention layer, and a function that computes its weights from its input and output."""

    layer: nn.Module
    weights: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
    kind: str
    step: int
    first: float = 0.0


def self_attention_layers(network: nn.Module, step: int) -> dict[str, AttentionLayer]:
    """Return the self-attention layers by name; their positions are `step` samples apart."""
    found = {n: layer for n, layer in network.named_modules() if isinstance(layer, SelfAttention)}
    return {
        name: AttentionLayer(layer, layer.weights_of, "self-attention", step)
        for name, layer in found.items()
    }


def maps_of(
    network: nn.Module, x: torch.Tensor, layers: Mapping[str, AttentionLayer]
) -> dict[str, AttentionMap]:
    """Run a network on windows and return the weights of its attention layers by name."""
    found: dict[str, AttentionMap] = {}

    def keeper(name: str, spec: AttentionLayer) -> Callable[..., None]:
        def keep(_layer: nn.Module, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
            weights = spec.weights(inputs[0], output)
            found[name] = AttentionMap(weights, spec.kind, spec.step, spec.first)

        return keep

    hooks = [spec.layer.register_forward_hook(keeper(n, spec)) for n, spec in layers.items()]
    try:
        network(x)
    finally:
        for hook in hooks:
            hook.remove()
    return found


def mean_over_time(x: torch.Tensor, lengths: torch.Tensor | None) -> torch.Tensor:
    """Average (batch, n_times, n_units) over the times that are not padding."""
    if lengths is None:
        return x.mean(dim=1)
    n_times = lengths.to(x.device, x.dtype)[:, None]
    mask = time_mask(lengths, x.shape[1], x.device)
    return x.masked_fill(~mask[..., None], 0).sum(dim=1) / n_times


def last_in_time(x: torch.Tensor, lengths: torch.Tensor | None) -> torch.Tensor:
    """Return the last entry of each signal in (batch, n_times, n_units) that is not padding."""
    if lengths is None:
        return x[:, -1]
    last = (lengths - 1).to(x.device)
    return x[torch.arange(len(x), device=x.device), last]


def check_heads(network: str, n_heads: int, n_units: int) -> None:
    """Reject a number of heads that does not divide the number of units."""
    check_integers(n_heads, "n_heads", network, 1)
    if n_units % n_heads:
        raise ValueError(
            f"The 'n_heads' parameter of {network} must divide the {n_units} units. "
            f"Got {n_heads!r} instead."
        )
