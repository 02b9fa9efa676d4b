"""Data sets of windows and signals, and batches taken from them by index.

skorch's default, a ``DataLoader`` that collates one window after another, takes several times as
long as the training step of a small network. Here a batch is a single ``index_select``.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils.data import Dataset


def as_tensor(array: np.ndarray | torch.Tensor) -> torch.Tensor:
    """Return a tensor that shares the memory of ``array``, even if that memory is read-only."""
    if isinstance(array, torch.Tensor):
        return array
    with warnings.catch_warnings():
        # PyTorch warns that a tensor could write to read-only memory; this package never does.
        warnings.filterwarnings("ignore", message=".*is not writable", category=UserWarning)
        return torch.from_numpy(np.asarray(array))


class WindowDataset(Dataset):
    """Selected rows of a tensor of windows; subsets share the tensor.

    Parameters
    ----------
    X : ndarray or tensor of shape (n_windows, n_channels, n_times) or (n_windows, n_times)
        Windows. A two-dimensional array has one channel; a four-dimensional array contains images.
    y : ndarray or tensor of shape (n_windows, ...), optional
        Targets; zeros if absent, as in prediction.
    rows : ndarray of shape (n_rows,), optional
        Rows that belong to this data set. By default, all rows do.
    """

    def __init__(
        self,
        X: np.ndarray | torch.Tensor,
        y: np.ndarray | torch.Tensor | None = None,
        rows: np.ndarray | None = None,
    ) -> None:
        windows = as_tensor(X)
        self.windows = windows.unsqueeze(1) if windows.ndim == 2 else windows
        self.targets = torch.zeros(len(windows)) if y is None else as_tensor(y)
        self.rows = None if rows is None else as_tensor(rows)

    def __len__(self) -> int:
        return len(self.windows) if self.rows is None else len(self.rows)

    def __getitem__(self, position: int) -> tuple[torch.Tensor, torch.Tensor]:
        row = position if self.rows is None else self.rows[position]
        return self.windows[row], self.targets[row]

    def take(self, positions: torch.Tensor | slice) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the windows and targets at the given positions."""
        rows = positions if self.rows is None else self.rows[positions]
        if isinstance(rows, slice):  # a view, no copy
            return self.windows[rows], self.targets[rows]
        return self.windows.index_select(0, rows), self.targets.index_select(0, rows)

    # skorch's scoring callbacks read these two attributes of a data set.
    @property
    def X(self) -> torch.Tensor:
        """All windows of this data set, copied if it is a subset."""
        return self.take(slice(None))[0]

    @property
    def y(self) -> torch.Tensor:
        """All targets of this data set."""
        return self.take(slice(None))[1]


class SequenceDataset(Dataset):
    """Selected signals that may differ in length; a batch of them is padded with zeros.

    Parameters
    ----------
    signals : sequence of ndarray of shape (n_channels, n_times_i)
        Signals in float32, which are not copied.
    y : ndarray or tensor of shape (n_signals, ...), optional
        Targets; zeros if absent, as in prediction.
    rows : ndarray of shape (n_rows,), optional
        Rows that belong to this data set. By default, all rows do.
    """

    def __init__(
        self,
        signals: Sequence[np.ndarray],
        y: np.ndarray | torch.Tensor | None = None,
        rows: np.ndarray | None = None,
    ) -> None:
        chosen = np.arange(len(signals)) if rows is None else rows
        self.signals = [as_tensor(signals[int(row)]) for row in chosen]
        self.lengths = torch.tensor([signal.shape[-1] for signal in self.signals])
        targets = torch.zeros(len(signals)) if y is None else as_tensor(y)
        self.targets = targets.index_select(0, as_tensor(chosen))

    def __len__(self) -> int:
        return len(self.signals)

    def __getitem__(self, position: int) -> tuple[torch.Tensor, torch.Tensor]:
        return self.signals[position], self.targets[position]

    def take(
        self, positions: torch.Tensor | slice
    ) -> tuple[tuple[torch.Tensor, torch.Tensor], torch.Tensor]:
        """Return the padded signals with their lengths, and the targets, at the given positions."""
        lengths = self.lengths[positions]
        rows = torch.arange(len(self))[positions].tolist()
        padded = torch.zeros(len(rows), len(self.signals[0]), int(lengths.max()))
        for place, row in zip(padded, rows):
            place[:, : self.signals[row].shape[-1]] = self.signals[row]
        return (padded, lengths), self.targets[positions]

    # skorch's scoring callbacks read these two attributes of a data set.
    @property
    def X(self) -> list[torch.Tensor]:
        """All signals of this data set."""
        return self.signals

    @property
    def y(self) -> torch.Tensor:
        """All targets of this data set, in the order in which batches return them."""
        return self.targets[self.lengths.argsort(stable=True)]


# Number of batches in a pool. The signals of a pool are drawn at random and then sorted by length.
# Batches thus have little padding and differ between epochs.
_POOL = 16


class BatchIterator:
    """Iterate over a data set in batches; every window occurs once in each pass.

    If the last batch would have a single window, that window is added to the previous batch: batch
    normalisation cannot be trained on one window, and dropping the window would lose data. Signals
    that differ in length are batched with signals of similar length.

    Parameters
    ----------
    dataset : WindowDataset or SequenceDataset
        Data set to iterate over.
    batch_size : int
        Number of windows in a batch.
    shuffle : bool, default=False
        Whether to draw a new order of the windows in every pass.
    seed : int, default=0
        Seed of the random orders and of augmentation; PyTorch's global generator is not used.
    pin : bool, default=False
        Whether to return batches in page-locked memory, from which a GPU can copy asynchronously.
    """

    def __init__(
        self,
        dataset: WindowDataset | SequenceDataset,
        batch_size: int,
        shuffle: bool = False,
        seed: int = 0,
        pin: bool = False,
    ) -> None:
        self.dataset = dataset
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.pin = pin
        self.generator = torch.Generator().manual_seed(seed)
        self.augment: Any = None
        # A separate generator, so that augmentation does not change the order of the windows.
        self._changes = torch.Generator().manual_seed(seed)
        self._strata: torch.Tensor | None = None

    def stratify(self, strata: np.ndarray | None) -> None:
        """Spread the windows of each stratum evenly over the batches.

        ``strata`` are the integer codes of the rows' strata; None draws windows at random.
        """
        self._strata = None if strata is None else as_tensor(strata)

    def state_dict(self) -> dict[str, torch.Tensor]:
        """Return the states of the generators."""
        return {"order": self.generator.get_state(), "changes": self._changes.get_state()}

    def load_state_dict(self, state: dict[str, torch.Tensor]) -> None:
        """Restore the states of the generators of an interrupted training."""
        self.generator.set_state(state["order"])
        self._changes.set_state(state["changes"])

    def _bounds(self) -> list[tuple[int, int]]:
        n = len(self.dataset)
        starts = list(range(0, n, self.batch_size))
        if len(starts) > 1 and n - starts[-1] == 1:
            starts.pop()
        return list(zip(starts, [*starts[1:], n]))

    def __len__(self) -> int:
        return len(self._bounds())

    def __iter__(self) -> Iterator[tuple[Any, torch.Tensor]]:
        n = len(self.dataset)
        order = torch.randperm(n, generator=self.generator) if self.shuffle else None
        if order is not None and self._strata is not None:
            order = order[_spread(self._strata[order], self.generator)]
        bounds = self._bounds()
        if isinstance(self.dataset, SequenceDataset):
            lengths = self.dataset.lengths
            pools = torch.arange(n)[None] if order is None else order.split(_POOL * self.batch_size)
            order = torch.cat([pool[lengths[pool].argsort(stable=True)] for pool in pools])
            if self.shuffle:
                turns = torch.randperm(len(bounds), generator=self.generator)
                bounds = [bounds[turn] for turn in turns]
        for start, stop in bounds:
            batch = self.dataset.take(slice(start, stop) if order is None else order[start:stop])
            if self.augment is not None:
                batch = self._augmented(*batch)
            yield _pinned(batch) if self.pin else batch

    def _augmented(
        self, windows: torch.Tensor, targets: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Augment a batch with a new seed, so that equal batches change differently."""
        seed = int(torch.randint(2**31 - 1, (), generator=self._changes))
        changed = self.augment.augment(windows.numpy(), targets.numpy(), random_state=seed)
        if np.shape(changed) != tuple(windows.shape):
            raise ValueError(
                f"The 'augment' parameter is a {type(self.augment).__name__} that returned an "
                f"array of shape {np.shape(changed)} for windows of shape {tuple(windows.shape)}. "
                "It must change windows one by one and keep their shape."
            )
        return torch.from_numpy(np.ascontiguousarray(changed, dtype=np.float32)), targets


def _spread(strata: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Return an order that spreads the rows of each stratum evenly from a random offset."""
    grouped = strata.argsort(stable=True)
    codes, counts = torch.unique_consecutive(strata[grouped], return_counts=True)
    rank = torch.cat([torch.arange(int(count)) for count in counts])
    first = torch.rand(len(codes), generator=generator, dtype=torch.float64)
    place = (rank + first.repeat_interleave(counts)) / counts.repeat_interleave(counts)
    return grouped[place.argsort(stable=True)]


def _pinned(batch: tuple) -> tuple:
    return tuple(_pinned(x) if isinstance(x, tuple) else x.pin_memory() for x in batch)


def minimise(
    loss_of: Callable[[torch.Tensor], torch.Tensor],
    parameters: list[nn.Parameter],
    train: WindowDataset,
    *,
    lr: float,
    batch_size: int,
    n_epochs: int,
    seed: int,
    caller: str,
) -> list[float]:
    """Train parameters by Adam on windows without targets; return the mean loss of each epoch.

    Raises
    ------
    ValueError
        If the loss is no longer finite.
    """
    device = parameters[0].device
    optimizer = torch.optim.Adam(parameters, lr=lr)
    batches = BatchIterator(train, batch_size, shuffle=True, seed=seed)
    losses: list[float] = []
    for _ in range(n_epochs):
        total = torch.zeros((), device=device)
        for windows, _targets in batches:
            optimizer.zero_grad()
            loss = loss_of(windows.to(device))
            loss.backward()
            optimizer.step()
            total += loss.detach() * len(windows)
        losses.append(total.item() / len(train))
        if not np.isfinite(losses[-1]):
            raise ValueError(
                f"{caller} diverged: the loss of epoch {len(losses)} is {losses[-1]}. Lower 'lr', "
                "or scale the input."
            )
    return losses
