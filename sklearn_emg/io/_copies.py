"""Samples that occur twice in a recording: copied channels and repeated blocks."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from sklearn_emg.recordings import SignalFile

_LENGTH = 100  # samples of a block that do not repeat by chance
_MIN_VALUES = 10  # distinct values in such a block
_MAX_EQUAL = 0.5  # fraction of equal samples at a lag by which a signal is periodic
_BITS = 22
_MAX_PAIRS = 50_000
_FACTOR = np.uint64(0x9E3779B97F4A7C15)


def problems_of_copies(channels: Iterable[tuple[str, NDArray | SignalFile, float]]) -> list[str]:
    """Find channels with equal samples, and blocks of samples that occur twice.

    Parameters
    ----------
    channels : iterable of tuple
        Name, samples of shape (n_times,) and factor of each channel. Samples that are left in a
        file are not compared.

    Returns
    -------
    problems : list of str
        Messages about the copies; empty if there are none.
    """
    known: dict[bytes, str] = {}
    problems = []
    first_values = None
    for name, values, _ in channels:
        if isinstance(values, SignalFile) or values.size < _LENGTH or np.ptp(values) == 0:
            continue
        first_values = values if first_values is None else first_values
        digest = hashlib.sha256(values.tobytes()).digest()
        if (first := known.setdefault(digest, name)) != name:
            problems.append(
                f"{name!r} has the same samples as {first!r}; check the export, and leave one of "
                "them out with channels=[...]."
            )
    block = None if first_values is None else _repeated_block(first_values)
    if block is not None:
        start, again, length = block
        problems.append(
            f"{length} samples from sample {start} on are repeated from sample {again} on, as if a "
            "block was written twice; remove one of them."
        )
    return problems


def _repeated_block(values: NDArray[np.float64]) -> tuple[int, int, int] | None:
    """First sample of a block and of its copy, and their length; None if no block repeats.

    Periodic signals, which repeat throughout, are not reported.
    """
    if values.size < 2 * _LENGTH:
        return None
    # Blocks are compared by sums of hashed samples.
    hashed = (values + 0.0).view(np.uint64) * _FACTOR
    hashed ^= hashed >> np.uint64(29)
    total = np.concatenate([[np.uint64(0)], np.cumsum(hashed, dtype=np.uint64)])
    sums = total[_LENGTH:] - total[:-_LENGTH]
    anchors = np.arange(0, sums.size, _LENGTH)
    order = anchors[np.argsort(sums[anchors], kind="stable")]
    # A table of leading bits rules most positions out before they are looked up.
    is_anchor = np.zeros(1 << _BITS, dtype=bool)
    is_anchor[sums[anchors] >> np.uint64(64 - _BITS)] = True
    likely = np.flatnonzero(is_anchor[sums >> np.uint64(64 - _BITS)])
    found = np.minimum(np.searchsorted(sums[order], sums[likely]), order.size - 1)
    is_again = (sums[order[found]] == sums[likely]) & (order[found] < likely)
    pairs = zip(order[found][is_again].tolist(), likely[is_again].tolist())
    for start, stop in islice(pairs, 0, _MAX_PAIRS, _LENGTH // 2):
        block = values[start : start + _LENGTH]
        if np.array_equal(block, values[stop : stop + _LENGTH]) and (
            np.unique(block).size >= _MIN_VALUES
        ):
            return _whole_block(values, start, stop)
    return None


def _whole_block(values: NDArray, start: int, again: int) -> tuple[int, int, int] | None:
    """Extend a block and its copy to both sides; None if the signal is periodic."""
    lag = again - start
    equal = values[:-lag] == values[lag:]
    if 3 * lag <= values.size and equal.mean() > _MAX_EQUAL:
        return None
    differs = np.flatnonzero(~equal)
    first = int(differs[differs < start].max(initial=-1)) + 1
    last = int(differs[differs > start].min(initial=equal.size))
    return first, first + lag, last - first
