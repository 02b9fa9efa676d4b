"""What the networks share: checks of their settings, initialisation, global pooling."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from numbers import Integral
from typing import Any

import torch
from torch import nn

INITS = ("torch", "he_normal", "xavier_uniform")


def check_sizes(network: str, n_channels: int, n_times: int, n_classes: int) -> None:
    """Refuse sizes that are not positive integers."""
    sizes = {"n_channels": n_channels, "n_times": n_times, "n_classes": n_classes}
    for name, value in sizes.items():
        if not isinstance(value, Integral) or isinstance(value, bool) or value < 1:
            raise ValueError(
                f"The '{name}' parameter of {network} must be an integer of at least 1. "
                f"Got {value!r} instead."
            )


def check_length(network: str, n_times: int, least: int) -> None:
    """Refuse windows that are too short, stating the least length."""
    if n_times < least:
        raise ValueError(
            f"{network} with these settings needs windows of at least {least} samples. "
            f"Got n_times={n_times}. Cut longer windows, or reduce kernels, strides or pooling."
        )


def positive_ints(
    network: str, name: str, value: int | Sequence[int], n: int | None = None
) -> tuple[int, ...]:
    """Give ``value`` as a tuple of positive integers; one integer stands for ``n`` equal ones."""
    values: Any = (value,) * (n or 1) if isinstance(value, Integral) else value
    valid = isinstance(values, Sequence) and not isinstance(values, str)
    valid = valid and len(values) > 0 and (n is None or len(values) == n)
    valid = valid and all(
        isinstance(v, Integral) and not isinstance(v, bool) and int(v) >= 1 for v in values
    )
    if not valid:
        wanted = "integers" if n is None else f"{n} integers"
        raise ValueError(
            f"The '{name}' parameter of {network} must be a positive integer or a sequence of "
            f"{wanted}, each positive. Got {value!r} instead."
        )
    return tuple(int(v) for v in values)


def check_option(network: str, name: str, value: str, options: Sequence[str]) -> None:
    """Refuse a string that is not among ``options``."""
    if value not in options:
        raise ValueError(
            f"The '{name}' parameter of {network} must be one of {list(options)}. "
            f"Got {value!r} instead."
        )


def check_fraction(network: str, name: str, value: float) -> None:
    """Refuse a probability outside [0, 1)."""
    if not 0 <= value < 1:
        raise ValueError(
            f"The '{name}' parameter of {network} must lie in [0, 1). Got {value!r} instead."
        )


def initialise(module: nn.Module, init: str) -> None:
    """Initialise kernels and weight matrices of ``module``; ``"torch"`` keeps PyTorch's own."""
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
    """Largest value over time: (batch, n_filters, n_times) to (batch, n_filters)."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.amax(dim=-1)


def time_mask(lengths: torch.Tensor, n_times: int, device: torch.device) -> torch.Tensor:
    """Where signals of these lengths are, among ``n_times`` samples: (batch, n_times), boolean."""
    return torch.arange(n_times, device=device) < lengths.to(device)[:, None]


def masked(
    layers: Iterable[nn.Module], x: torch.Tensor, lengths: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Apply convolutional layers to padded signals as if each were alone.

    What a layer sees behind the end of a signal is zero, as its own padding is there, and the
    statistics of batch normalisation are those of the samples.

    Parameters
    ----------
    layers : iterable of Module
        Convolutions, poolings, normalisations and activations; a :class:`GlobalMaxPool` comes last.
    x : tensor of shape (batch, n_channels, n_times)
        Signals, padded at their ends.
    lengths : tensor of shape (batch,)
        Samples of each signal; on the CPU.

    Returns
    -------
    x : tensor
        What comes out; undefined behind the end of a signal.
    lengths : tensor
        Samples of each signal in it.
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
    """Dilated convolutions, each with ReLU, batch normalisation and dropout; global max pooling.

    Gives the layers, the number of features that come out and the least length of a window. Refuses
    settings out of range and windows that are too short, in the name of ``network``.
    """
    dilations = positive_ints(network, "dilations", dilations)
    filters = positive_ints(network, "n_filters", n_filters, len(dilations))
    kernels = positive_ints(network, "kernel_size", kernel_size, len(dilations))
    strides = positive_ints(network, "stride", stride, len(dilations))
    check_option(network, "padding", padding, ("same", "valid"))
    check_fraction(network, "dropout", dropout)
    least = least_length(kernels, dilations, strides) if padding == "valid" else 1
    check_length(network, n_times, least)

    layers: list[nn.Module] = []
    n_in = n_channels
    for n_out, kernel, dilation, step in zip(filters, kernels, dilations, strides):
        zeros = dilation * (kernel - 1) if padding == "same" else 0
        if zeros % 2:
            # nn.Conv1d's own "same" refuses strides. Like PyTorch and Keras, put the odd zero on
            # the right.
            layers.append(nn.ConstantPad1d((0, 1), 0.0))
        layers += [
            nn.Conv1d(n_in, n_out, kernel, step, padding=zeros // 2, dilation=dilation),
            nn.ReLU(),
            nn.BatchNorm1d(n_out),
        ]
        if dropout:
            layers.append(nn.Dropout(dropout))
        n_in = n_out
    return nn.Sequential(*layers, GlobalMaxPool()), n_in, least


def least_length(kernels: Sequence[int], dilations: Sequence[int], strides: Sequence[int]) -> int:
    """Samples that a chain of unpadded convolutions needs to give one sample."""
    least = 1
    for kernel, dilation, stride in reversed(list(zip(kernels, dilations, strides))):
        least = (least - 1) * stride + dilation * (kernel - 1) + 1
    return least
