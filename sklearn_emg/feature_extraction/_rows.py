"""Feed windows to a compiled kernel, block by block and on as many threads as wanted."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from joblib import effective_n_jobs
from numpy.typing import NDArray

__all__ = ["map_rows"]

# Large enough for the calls of a block to cost nothing beside its samples, small beside the input.
_BLOCK_SAMPLES = 2**21


def map_rows(
    function: Callable[[NDArray[np.floating]], NDArray[np.floating]],
    X: NDArray[np.floating],
    n_values: int,
    n_jobs: int | None = None,
    dtype: type | None = None,
) -> NDArray[np.floating]:
    """Values of each channel of each window.

    Parameters
    ----------
    function : callable
        Takes signals of shape (n_rows, n_times), C-contiguous, and gives (n_rows, n_values). It
        must treat each row alone; it runs in threads, so that it should release the lock.
    X : ndarray of shape (n_windows, n_channels, n_times)
    n_values : int
    n_jobs : int, default=None
        Number of threads; None means 1 unless a `joblib.parallel_config` says otherwise, -1 all.
    dtype : type, default=None
        Type of the values, that of `X` by default.

    Returns
    -------
    values : ndarray of shape (n_windows, n_channels, n_values)
    """
    n_windows, n_channels, n_times = X.shape
    values = np.empty((n_windows, n_channels, n_values), dtype=dtype or X.dtype)
    n_threads = effective_n_jobs(n_jobs)
    samples = min(_BLOCK_SAMPLES, X.size // (4 * n_threads) + 1 if n_threads > 1 else X.size)
    step = max(1, samples // (n_channels * n_times))

    def fill(start: int) -> None:
        part = X[start : start + step].reshape(-1, n_times)
        if not (part.flags.c_contiguous and part.flags.writeable):
            # Another layout, and read-only memory too, would be compiled once more.
            part = part.copy(order="C")
        values[start : start + step].reshape(-1, n_values)[...] = function(part)

    starts = range(0, n_windows, step)
    if n_threads == 1 or len(starts) == 1:
        for start in starts:
            fill(start)
    else:
        # The kernels release the lock and share X; a pool of threads starts in no time.
        with ThreadPoolExecutor(n_threads) as pool:
            list(pool.map(fill, starts))
    return values
