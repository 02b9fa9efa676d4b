"""Masked reconstruction, in which a network learns to restore hidden parts of windows."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

# Minimum RMS in mV by which windows are divided, so that silent windows are not amplified further.
_SILENT = 1e-6


class MaskedReconstruction(nn.Module):
    """Linear layer that restores windows from the outputs of a layer of a network.

    Parameters
    ----------
    encode : callable
        Function that returns outputs (batch, n_units) or (batch, n_units, n_steps) for windows.
    example : tensor of shape (n_windows, n_channels, n_times)
        Windows from which the sizes are taken.
    """

    def __init__(self, encode: Callable[[torch.Tensor], torch.Tensor], example: torch.Tensor):
        super().__init__()
        self.encode = encode
        n_channels, n_times = example.shape[1:]
        with torch.no_grad():
            code = encode(example)
        # Each step of the outputs restores the samples of its part of the window. Outputs without
        # steps restore all samples.
        n_steps = code.shape[2] if code.ndim == 3 else 1
        step = torch.arange(n_times) * n_steps // n_times
        offset = torch.arange(n_times) - torch.searchsorted(step, step)
        n_offsets = int(offset.max()) + 1
        self.place = (offset * n_steps + step).to(example.device)
        self.decoder = nn.Conv1d(code.shape[1], n_channels * n_offsets, 1).to(example.device)

    def forward(self, windows: torch.Tensor, hidden: torch.Tensor) -> torch.Tensor:
        """Return the mean squared error of hidden samples.

        Each window is first divided by the RMS of its visible samples.
        """
        visible = windows.masked_fill(hidden, 0.0)
        n_visible = (~hidden).sum(dim=(1, 2), keepdim=True).clamp(min=1)
        level = (visible.square().sum(dim=(1, 2), keepdim=True) / n_visible).sqrt()
        code = self.encode(visible)
        code = code if code.ndim == 3 else code.unsqueeze(-1)
        restored = self.decoder(code).reshape(*windows.shape[:2], -1)[..., self.place]
        error = windows / level.clamp(min=_SILENT) - restored
        return error.square()[hidden].mean()


def hidden_samples(
    windows: torch.Tensor, fraction: float, patch: int, generator: torch.Generator
) -> torch.Tensor:
    """Return a mask of the hidden samples: random patches, at least one, in all channels."""
    n, n_channels, n_times = windows.shape
    n_patches = -(-n_times // patch)
    n_hidden = min(max(round(fraction * n_patches), 1), n_patches)
    order = torch.rand(n, n_patches, generator=generator).argsort(dim=1)
    patches = order < n_hidden
    samples = patches.repeat_interleave(patch, dim=1)[:, :n_times]
    return samples.unsqueeze(1).expand(n, n_channels, n_times).to(windows.device)
