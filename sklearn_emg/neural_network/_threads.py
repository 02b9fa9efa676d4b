"""CPU threads of a fit: all cores for a single fit, an equal part for each of several fits."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import joblib
import torch

_lock = threading.Lock()
_n_fits = 0  # number of fits that are running in threads of this process
_before = _available = 1


@contextmanager
def fit_threads() -> Iterator[Callable[[], int]]:
    """Set the number of PyTorch threads of a fit inside the block, and restore it afterwards.

    A single fit has as many threads as PyTorch was given (by ``torch.set_num_threads`` or
    ``OMP_NUM_THREADS``; by default one per core), but no more than there are cores for this
    process. Several fits in threads of one process divide this number equally, as joblib divides
    the cores among its worker processes.

    Yields
    ------
    divide : callable
        Function that sets the number of threads according to the number of fits that are currently
        running, and returns it. It should be called repeatedly, since other fits begin and end.

    Examples
    --------
    >>> import torch
    >>> from sklearn_emg.neural_network import fit_threads
    >>> with fit_threads() as divide_threads:
    ...     for _epoch in range(3):
    ...         n_threads = divide_threads()  # and train
    >>> n_threads <= torch.get_num_threads()
    True
    """
    global _n_fits, _before, _available
    with _lock:
        if _n_fits == 0:
            _before = torch.get_num_threads()
            _available = min(_before, joblib.cpu_count())
        _n_fits += 1
    try:
        yield _divide
    finally:
        with _lock:
            _n_fits -= 1
        _set(_before)


def _divide() -> int:
    n_threads = max(1, _available // max(1, _n_fits))
    _set(n_threads)
    return n_threads


def _set(n_threads: int) -> None:
    if torch.get_num_threads() != n_threads:
        torch.set_num_threads(n_threads)
