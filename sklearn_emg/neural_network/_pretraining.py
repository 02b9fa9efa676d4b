"""Training of an autoencoder on windows without labels."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import torch

from sklearn_emg.neural_network._data._batches import BatchIterator, WindowDataset
from sklearn_emg.neural_network._modules._autoencoder import ConvAutoencoder


def train_autoencoder(
    train: WindowDataset,
    settings: dict[str, Any],
    *,
    device: torch.device,
    lr: float,
    batch_size: int,
    n_epochs: int,
    caller: str,
) -> tuple[ConvAutoencoder, np.ndarray]:
    """Train a ConvAutoencoder to restore windows.

    Parameters
    ----------
    train : WindowDataset
        Training windows; their targets are not used.
    settings : dict
        Settings and sizes of the network that uses the encoder; those of the autoencoder are
        selected.
    device : device
    lr : float
        Learning rate of Adam.
    batch_size, n_epochs : int
    caller : str
        Class named in the message.

    Returns
    -------
    autoencoder : ConvAutoencoder
    losses : ndarray of shape (n_epochs,)
        Mean squared error of the windows, in mV^2, over each pass.

    Raises
    ------
    ValueError
        If the loss is no longer finite.
    """
    known = inspect.signature(ConvAutoencoder).parameters
    autoencoder = ConvAutoencoder(**{k: v for k, v in settings.items() if k in known})
    autoencoder.to(device)
    optimizer = torch.optim.Adam(autoencoder.parameters(), lr=lr)
    seed = int(torch.randint(2**31 - 1, ()))
    batches = BatchIterator(train, batch_size, shuffle=True, seed=seed)
    losses = []
    for _ in range(n_epochs):
        total = torch.zeros((), device=device)
        for windows, _targets in batches:
            windows = windows.to(device)
            optimizer.zero_grad()
            loss = (autoencoder(windows) - windows).square().mean()
            loss.backward()
            optimizer.step()
            total += loss.detach() * len(windows)
        losses.append(total.item() / len(train))
        if not np.isfinite(losses[-1]):
            raise ValueError(
                f"The autoencoder of {caller} diverged: the loss of pass {len(losses)} is "
                f"{losses[-1]}. Lower 'lr', or scale the input."
            )
    return autoencoder, np.array(losses)
