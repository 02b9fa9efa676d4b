"""Feed windows to a compiled kernel, in blocks that fit the cache and on several threads."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from joblib import Parallel, delayed, effective_n_jobs
from numpy.typing import NDArray

__all__ = ["map_rows"]

# About 1 MB of float32: a copy of a block stays in the cache, and the call costs nothing beside it.
_BLOCK_SAMPLES = 2**18


def map_rows(
    function: Callable[[NDArray[np.floating]], NDArray[np.float64]],
    X: NDArray[np.floating],
    n_jobs: int | None = None,
) -> NDArray[np.float64]:
    """Values of each channel of each window.

    Parameters
    ----------
    function : callable
        Takes signals of shape (n_rows, n_times), C-contiguous, and gives (n_rows, n_values). It
        must treat each row alone; it runs in threads, so that it should release the lock.
    X : ndarray of shape (n_windows, n_channels, n_times)
    n_jobs : int, default=None
        Number of threads; None means 1 unless a `joblib.parallel_config` says otherwise, -1 all.

    Returns
    -------
    values : ndarray of shape (n_windows, n_channels, n_values)
    """
    n_windows, n_channels, n_times = X.shape
    step = max(1, _BLOCK_SAMPLES // (n_channels * n_times))

    def block(start: int) -> NDArray[np.float64]:
        part = X[start : start + step].reshape(-1, n_times)
        if not (part.flags.c_contiguous and part.flags.writeable):
            # Another layout, and read-only memory too, would be compiled once more.
            part = part.copy(order="C")
        return function(part)

    starts = range(0, n_windows, step)
    if len(starts) == 1 or effective_n_jobs(n_jobs) == 1:
        blocks = [block(start) for start in starts]
    else:
        blocks = Parallel(n_jobs=n_jobs, require="sharedmem")(
            delayed(block)(start) for start in starts
        )
    return np.concatenate(blocks).reshape(n_windows, n_channels, -1)
