"""Windows held as one tensor and given out in batches by index.

skorch's default, a ``DataLoader`` that collates one window after another, costs several times the
training step of a small network. Here a batch is one ``index_select``.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import numpy as np
import torch
from torch.utils.data import Dataset


def as_tensor(array: np.ndarray | torch.Tensor) -> torch.Tensor:
    """Share the memory of ``array``, read-only memory included."""
    if isinstance(array, torch.Tensor):
        return array
    with warnings.catch_warnings():
        # PyTorch warns that a tensor could write to read-only memory; nothing here writes.
        warnings.filterwarnings("ignore", message=".*is not writable", category=UserWarning)
        return torch.from_numpy(np.asarray(array))


class WindowDataset(Dataset):
    """Some rows of one tensor of windows; subsets share the tensor.

    Parameters
    ----------
    X : ndarray or tensor of shape (n_windows, n_channels, n_times) or (n_windows, n_times)
        Windows; two dimensions mean one channel. Four are images.
    y : ndarray or tensor of shape (n_windows, ...), optional
        Targets; zeros when absent, as in prediction.
    rows : ndarray of shape (n_rows,), optional
        The rows that belong to this data set; all by default.
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
        """Windows and targets at the given positions."""
        rows = positions if self.rows is None else self.rows[positions]
        if isinstance(rows, slice):  # a view, no copy
            return self.windows[rows], self.targets[rows]
        return self.windows.index_select(0, rows), self.targets.index_select(0, rows)

    # skorch's scoring callbacks ask a data set for these two.
    @property
    def X(self) -> torch.Tensor:
        """All windows of this data set (copied where it is a subset)."""
        return self.take(slice(None))[0]

    @property
    def y(self) -> torch.Tensor:
        """All targets of this data set."""
        return self.take(slice(None))[1]


class BatchIterator:
    """Iterate over a :class:`WindowDataset`, every window once in each pass.

    A last batch of a single window joins the batch before it: batch normalisation cannot be
    trained on one window, and dropping it would lose data.

    Parameters
    ----------
    dataset : WindowDataset
        What to iterate over.
    batch_size : int
        Windows in a batch.
    shuffle : bool, default=False
        Draw a new order in every pass.
    seed : int, default=0
        Seed of those orders; PyTorch's global generator is not used.
    """

    def __init__(
        self, dataset: WindowDataset, batch_size: int, shuffle: bool = False, seed: int = 0
    ) -> None:
        self.dataset = dataset
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.generator = torch.Generator().manual_seed(seed)

    def _bounds(self) -> list[tuple[int, int]]:
        n = len(self.dataset)
        starts = list(range(0, n, self.batch_size))
        if len(starts) > 1 and n - starts[-1] == 1:
            starts.pop()
        return list(zip(starts, [*starts[1:], n]))

    def __len__(self) -> int:
        return len(self._bounds())

    def __iter__(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        n = len(self.dataset)
        order = torch.randperm(n, generator=self.generator) if self.shuffle else None
        for start, stop in self._bounds():
            yield self.dataset.take(slice(start, stop) if order is None else order[start:stop])
