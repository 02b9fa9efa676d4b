"""What the networks on sequences share: frames, attention, masks of what is padding."""

from __future__ import annotations

import torch
from torch import nn

from sklearn_emg.neural_network._layers import check_length, positive_ints, time_mask


class Frames(nn.Module):
    """Successive frames of samples: (batch, n_channels, n_times) to (batch, n_frames, n_values).

    A value of a frame is one sample of one channel. Samples that do not fill a last frame are left
    out.
    """

    def __init__(self, network: str, n_channels: int, n_times: int, frame: int) -> None:
        super().__init__()
        self.network = network
        (self.frame,) = positive_ints(network, "frame", frame, 1)
        check_length(network, n_times, self.frame)
        self.n_values = n_channels * self.frame

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        batch, n_channels, n_times = x.shape
        n_frames = n_times // self.frame
        x = x[..., : n_frames * self.frame].reshape(batch, n_channels, n_frames, self.frame)
        return x.transpose(1, 2).reshape(batch, n_frames, self.n_values)

    def count(self, lengths: torch.Tensor | None) -> torch.Tensor | None:
        """Frames in signals of these lengths."""
        if lengths is None:
            return None
        check_length(self.network, int(lengths.min()), self.frame)
        return lengths // self.frame


class SelfAttention(nn.Module):
    """Multi-head attention of each time to all times: (batch, n_times, n_units) to the same."""

    def __init__(self, n_units: int, n_heads: int) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.project = nn.Linear(n_units, 3 * n_units)
        self.combine = nn.Linear(n_units, n_units)

    def forward(self, x: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        batch, n_times, n_units = x.shape
        parts = self.project(x).reshape(batch, n_times, 3, self.n_heads, -1)
        query, key, value = parts.permute(2, 0, 3, 1, 4).unbind()
        # Of a mask (batch, n_times) each time of a signal sees the same entries, in every head.
        mask = None if mask is None else mask[:, None, None, :]
        seen = nn.functional.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        return self.combine(seen.transpose(1, 2).reshape(batch, n_times, n_units))


def mean_over_time(x: torch.Tensor, lengths: torch.Tensor | None) -> torch.Tensor:
    """Mean of (batch, n_times, n_units) over the times that are no padding."""
    if lengths is None:
        return x.mean(dim=1)
    n_times = lengths.to(x.device, x.dtype)[:, None]
    mask = time_mask(lengths, x.shape[1], x.device)
    return x.masked_fill(~mask[..., None], 0).sum(dim=1) / n_times


def last_in_time(x: torch.Tensor, lengths: torch.Tensor | None) -> torch.Tensor:
    """Last entry of each signal in (batch, n_times, n_units) that is no padding."""
    if lengths is None:
        return x[:, -1]
    last = (lengths - 1).to(x.device)
    return x[torch.arange(len(x), device=x.device), last]


def check_heads(network: str, n_heads: int, n_units: int) -> None:
    """Refuse a number of heads that does not divide the number of units."""
    positive_ints(network, "n_heads", n_heads, 1)
    if n_units % n_heads:
        raise ValueError(
            f"The 'n_heads' parameter of {network} must divide the {n_units} units. "
            f"Got {n_heads!r} instead."
        )
