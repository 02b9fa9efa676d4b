"""What the networks share: checks of their settings, initialisation, global pooling."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral

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
            f"Got n_times={n_times}. Cut longer windows, or choose smaller kernels."
        )


def positive_ints(network: str, name: str, value: int | Sequence[int], n: int | None = None):
    """Give ``value`` as a tuple of positive integers; one integer stands for ``n`` equal ones."""
    values = (value,) * (n or 1) if isinstance(value, Integral) else value
    valid = isinstance(values, Sequence | tuple) and not isinstance(values, str)
    valid = valid and len(values) > 0 and (n is None or len(values) == n)
    valid = valid and all(
        isinstance(v, Integral) and not isinstance(v, bool) and v >= 1 for v in values
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
        if isinstance(layer, nn.Conv1d | nn.Linear):
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
