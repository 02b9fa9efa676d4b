"""Processing of many rows in blocks that fit into the cache, on several threads."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from joblib import Parallel, delayed, effective_n_jobs
from numpy.typing import NDArray

# Two megabytes: a block and its results stay in the cache, and the overhead per block is small
# compared with its computations.
BLOCK_BYTES = 1 << 21
# Blocks of this many samples have negligible overhead and are small compared with the input.
_BLOCK_SAMPLES = 2**21


def for_blocks(
    work: Callable[[int, int], None],
    n_rows: int,
    row_bytes: int,
    n_jobs: int | None = None,
    *,
    min_rows: int = 1,
) -> None:
    """Call ``work(start, stop)`` for blocks of rows that together cover all rows.

    Parameters
    ----------
    work : callable
        Function that writes the results of rows start to stop - 1 into an array. It must treat each
        row independently, so that the results do not depend on the blocks.
    n_rows : int
        Number of rows.
    row_bytes : int
        Memory in bytes that one row needs while it is processed.
    n_jobs : int, default=None
        Number of threads. None means 1 unless a `joblib.parallel_config` context is active; -1
        means all processors.
    min_rows : int, default=1
        Minimum number of rows in a block. An FFT of several rows makes better use of SIMD
        registers.
    """
    n_threads = effective_n_jobs(n_jobs)
    size = max(min_rows, BLOCK_BYTES // max(row_bytes, 1))
    blocks = [(start, min(start + size, n_rows)) for start in range(0, n_rows, size)]
    if n_threads == 1 or len(blocks) == 1:
        for start, stop in blocks:
            work(start, stop)
        return

    def work_all(part: list[tuple[int, int]]) -> None:
        for start, stop in part:
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
    """Compute the values of each channel of each window, in blocks and on several threads.

    Parameters
    ----------
    function : callable
        Function of C-contiguous signals of shape (n_rows, n_times) that returns an array of shape
        (n_rows, n_values). It must treat each row independently. It runs in threads and should
        release the interpreter lock.
    X : ndarray of shape (n_windows, n_channels, n_times)
        Windows.
    n_values : int
        Number of values per channel.
    n_jobs : int, default=None
        Number of threads. None means 1 unless a `joblib.parallel_config` context is active; -1
        means all processors.
    dtype : type, default=None
        Data type of the values. The default is the type of `X`.

    Returns
    -------
    values : ndarray of shape (n_windows, n_channels, n_values)
        Values of each channel of each window.
    """
    n_windows, n_channels, n_times = X.shape
    values = np.empty((n_windows, n_channels, n_values), dtype=dtype or X.dtype)
    n_threads = effective_n_jobs(n_jobs)
    samples = min(_BLOCK_SAMPLES, X.size // (4 * n_threads) + 1 if n_threads > 1 else X.size)
    step = max(1, samples // (n_channels * n_times))

    def fill(start: int) -> None:
        part = X[start : start + step].reshape(-1, n_times)
        if not (part.flags.c_contiguous and part.flags.writeable):
            # numba would compile the kernel again for another layout or a read-only array.
            part = part.copy(order="C")
        values[start : start + step].reshape(-1, n_values)[...] = function(part)

    starts = range(0, n_windows, step)
    if n_threads == 1 or len(starts) == 1:
        for start in starts:
            fill(start)
    else:
        # The kernels release the lock, and a pool of threads starts within microseconds.
        with ThreadPoolExecutor(n_threads) as pool:
            list(pool.map(fill, starts))
    return values
