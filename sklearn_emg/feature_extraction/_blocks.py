"""Work through many rows in blocks that fit the cache, on as many threads as asked for."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from joblib import Parallel, delayed, effective_n_jobs
from numpy.typing import NDArray

__all__ = ["for_blocks", "map_rows"]

# Two megabytes: a block and what is made of it stay in the cache, and the calls per block cost
# little beside the work in it.
BLOCK_BYTES = 1 << 21
# Large enough for the calls of a block to cost nothing beside its samples, small beside the input.
_BLOCK_SAMPLES = 2**21


def for_blocks(
    work: Callable[[int, int], None],
    n_rows: int,
    row_bytes: int,
    n_jobs: int | None = None,
    *,
    min_rows: int = 1,
) -> None:
    """Call ``work(start, stop)`` for blocks of rows that together are all rows.

    Parameters
    ----------
    work : callable
        Writes the results of rows start..stop-1 into an array of its own. It must not let one row
        influence another, so that results do not depend on the blocks.
    n_rows : int
    row_bytes : int
        Memory that one row needs while it is worked on.
    n_jobs : int, default=None
        Threads, as joblib counts them: None is one, -1 all cores.
    min_rows : int, default=1
        Rows that a block has at least. FFTs of several rows share SIMD registers.
    """
    n_threads = effective_n_jobs(n_jobs)
    size = max(min_rows, BLOCK_BYTES // max(row_bytes, 1))
    blocks = [(start, min(start + size, n_rows)) for start in range(0, n_rows, size)]
    if n_threads == 1 or len(blocks) == 1:
        for start, stop in blocks:
            work(start, stop)
        return

    def work_all(mine: list[tuple[int, int]]) -> None:
        for start, stop in mine:
            work(start, stop)

    # Threads share the arrays; FFTs, ufuncs and compiled kernels release the interpreter lock.
    Parallel(n_jobs=n_threads, prefer="threads", require="sharedmem")(
        delayed(work_all)(blocks[first::n_threads]) for first in range(n_threads)
    )


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
