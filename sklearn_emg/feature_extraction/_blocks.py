"""Work through many rows in blocks that fit the cache, on as many threads as asked for."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["for_blocks"]

# Two megabytes: a block and what is made of it stay in the cache, and the calls per block cost
# little beside the work in it.
BLOCK_BYTES = 1 << 21


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
    from joblib import Parallel, delayed, effective_n_jobs

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
