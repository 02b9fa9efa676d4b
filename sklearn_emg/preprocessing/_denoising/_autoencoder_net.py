"""Autoencoder in torch, imported only when it is trained or run."""

from __future__ import annotations

import sys

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from sklearn_emg.neural_network import fit_threads, resolve_device

STRIDE = 2


class SignalAutoencoder(nn.Module):
    """Convolutional autoencoder for single-channel signals of any length.

    Each layer of the encoder halves the length of the signal, and the decoder mirrors the encoder.

    Parameters
    ----------
    n_filters : int
        Number of filters of the hidden layers.
    kernel_size : int
        Length of a filter in samples. It must be odd.
    n_layers : int
        Number of layers of the encoder.
    n_code : int
        Number of code values per ``2**n_layers`` samples.
    """

    def __init__(self, n_filters: int, kernel_size: int, n_layers: int, n_code: int) -> None:
        super().__init__()
        sizes = [1, *[n_filters] * (n_layers - 1), n_code]
        down: list[nn.Module] = []
        up: list[nn.Module] = []
        for i in range(n_layers):
            down.append(
                nn.Conv1d(sizes[i], sizes[i + 1], kernel_size, STRIDE, padding=kernel_size // 2)
            )
            up.append(
                nn.ConvTranspose1d(
                    sizes[-1 - i],
                    sizes[-2 - i] if i < n_layers - 1 else n_filters,
                    kernel_size,
                    STRIDE,
                    padding=kernel_size // 2,
                    output_padding=STRIDE - 1,
                )
            )
            up.append(nn.ReLU())
            if i < n_layers - 1:
                down.append(nn.ReLU())
        up.append(nn.Conv1d(n_filters, 1, kernel_size, padding=kernel_size // 2))
        self.encoder = nn.Sequential(*down)
        self.decoder = nn.Sequential(*up)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Reconstruct signals (batch, 1, n_times), where n_times is a multiple of 2**n_layers."""
        return self.decoder(self.encoder(x))


def train(
    segments: NDArray[np.float32],
    noise,
    sizes: dict[str, int],
    *,
    max_epochs: int,
    batch_size: int,
    lr: float,
    device: str,
    seed: int,
    verbose: int = 0,
) -> tuple[dict[str, NDArray], list[float]]:
    """Minimise the mean squared error between reconstructions and signals.

    Parameters
    ----------
    segments : ndarray of shape (n_segments, n_times)
        Target signals, where n_times is a multiple of ``2**n_layers``.
    noise : callable or None
        Function that takes a batch of shape (n, n_times) and a NumPy generator and returns the
        noise to add to the inputs.
    sizes : dict
        Parameters of :class:`SignalAutoencoder`.
    max_epochs, batch_size : int
        Number of epochs, and number of segments per training step.
    lr : float
        Learning rate of Adam.
    device : str
        Device of torch, or "auto".
    seed : int
        Seed of the initial weights, the order of the segments and the noise.
    verbose : int
        If it is not 0, a line is printed per epoch.

    Returns
    -------
    weights : dict of str to ndarray
        Trained weights.
    losses : list of float
        Mean loss of each epoch.
    """
    place = resolve_device(device, "AutoencoderDenoiser")
    rng = np.random.default_rng(seed)
    # Only the initial weights are drawn by the generator of torch, whose state is restored.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = SignalAutoencoder(**sizes)
    net.to(place).train()
    optimizer = torch.optim.Adam(net.parameters(), lr=lr)
    losses = []
    with fit_threads() as divide_threads:
        for epoch in range(1, max_epochs + 1):
            divide_threads()
            total = 0.0
            order = rng.permutation(len(segments))
            for begin in range(0, len(order), batch_size):
                target = segments[order[begin : begin + batch_size]]
                given = target if noise is None else target + noise(target, rng)
                target = torch.from_numpy(target[:, None]).to(place)
                given = torch.from_numpy(given[:, None].astype(np.float32)).to(place)
                loss = nn.functional.mse_loss(net(given), target)
                optimizer.zero_grad(set_to_none=True)
                loss.backward()
                optimizer.step()
                total += float(loss.detach()) * len(target)
            losses.append(total / len(order))
            if verbose:
                sys.stdout.write(f"epoch {epoch} of {max_epochs}: loss {losses[-1]:.4f}\n")
    return {k: v.cpu().numpy() for k, v in net.state_dict().items()}, losses


def run(
    signals: NDArray[np.float64],
    weights: dict[str, NDArray],
    sizes: dict[str, int],
    *,
    device: str,
    code: bool = False,
) -> NDArray[np.float64]:
    """Compute reconstructions (n_signals, n_times), or codes (n_signals, n_code, n_steps)."""
    place = resolve_device(device, "AutoencoderDenoiser")
    with torch.random.fork_rng(devices=[]):
        net = SignalAutoencoder(**sizes)
    net.load_state_dict({k: torch.from_numpy(v) for k, v in weights.items()})
    # In float64, the result for a signal does not depend on the other signals of its batch.
    net.to(place, torch.float64).eval()
    n_times = signals.shape[-1]
    n_batch = max(2**20 // n_times, 1)
    parts = []
    with torch.inference_mode():
        for begin in range(0, len(signals), n_batch):
            batch = torch.from_numpy(signals[begin : begin + n_batch, None].copy()).to(place)
            parts.append((net.encoder if code else net)(batch).cpu().numpy())
    result = np.concatenate(parts)
    return result if code else result[:, 0]
