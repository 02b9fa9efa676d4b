"""Compiled loops over the samples of a channel, imported only when needed as numba loads slowly."""

from __future__ import annotations

import numpy as np
from numba import njit

# Number of samples that a pattern of rises and falls covers.
SPAN = 129
_MIN_CHANGES = 6  # minimum number of changes between rises and falls; a slow wave has fewer


@njit(cache=True)
def gaps(x):
    """Count gaps, which are runs of NaN or infinity, and measure them in samples.

    Parameters
    ----------
    x : ndarray of shape (n_times,)
        Samples of a channel.

    Returns
    -------
    n_gaps, longest, at_start, at_end : int
        Number of gaps, and lengths of the longest gap and of those at the start and the end.
    """
    n_gaps, longest, run, first = 0, 0, 0, -1
    for i in range(x.shape[0]):
        if np.isfinite(x[i]):
            run = 0
            if first < 0:
                first = i
        else:
            run += 1
            n_gaps += run == 1
            longest = max(longest, run)
    return n_gaps, longest, x.shape[0] if first < 0 else first, run


@njit(cache=True)
def flat_runs(x, n_flat):
    """Count samples in runs of equal samples, and find the longest run.

    Parameters
    ----------
    x : ndarray of shape (n_times,)
        Samples of a channel.
    n_flat : int
        Minimum length of a run that is counted.

    Returns
    -------
    total, longest : int
        Number of samples in such runs, and length of the longest run.
    """
    total, longest, run = 0, 0, 0
    for i in range(x.shape[0]):
        run = run + 1 if i and x[i] == x[i - 1] else 1
        longest = max(longest, run)
        if run == n_flat:
            total += n_flat
        elif run > n_flat:
            total += 1
    return total, longest


@njit(cache=True)
def count_spikes(x, n_stretch, limit, smallest):
    """Count samples that differ from the median of three by more than `limit` times the range.

    The range is that of the medians in the stretch of the sample and in the two stretches next to
    it.

    Parameters
    ----------
    x : ndarray of shape (n_times,)
        Samples of a channel in mV.
    n_stretch : int
        Length of a stretch in samples.
    limit : float
        Minimum ratio of the difference to the range.
    smallest : float
        Minimum difference of a spike in mV.

    Returns
    -------
    found : int
        Number of spikes.
    """
    n = x.shape[0]
    if n < 3:
        return 0
    n_stretches = (n + n_stretch - 1) // n_stretch
    low = np.full(n_stretches, np.inf)
    high = np.full(n_stretches, -np.inf)
    for i in range(1, n - 1):
        middle = _median(x[i - 1], x[i], x[i + 1])
        k = i // n_stretch
        low[k] = min(low[k], middle)
        high[k] = max(high[k], middle)
    found = 0
    for i in range(1, n - 1):
        middle = _median(x[i - 1], x[i], x[i + 1])
        k = i // n_stretch
        before, after = max(k - 1, 0), min(k + 1, n_stretches - 1)
        top = max(high[k], max(high[before], high[after]))
        bottom = min(low[k], min(low[before], low[after]))
        found += abs(x[i] - middle) > max(limit * (top - bottom), smallest)
    return found


@njit(cache=True)
def _median(a, b, c):
    return max(min(a, b), min(max(a, b), c))


@njit(cache=True)
def sketch(x, mask):
    """Choose positions of a signal by the pattern of rises and falls that follows each of them.

    A pattern does not depend on gain, offset or polarity. The choice depends only on the patterns,
    so the same patterns are chosen wherever two signals have the same samples.

    Parameters
    ----------
    x : ndarray of shape (n_times,)
        Samples of a channel.
    mask : uint64
        Bits of the hash that must be 0 for a pattern to be chosen.

    Returns
    -------
    words : ndarray of uint64 of shape (n_chosen,)
        Hashes of the chosen patterns.
    positions : ndarray of int64 of shape (n_chosen,)
        Indices of the first sample of each pattern.
    """
    one = np.uint64(1)
    n = x.shape[0]
    # Twice the expected number. A repeated pattern, as in a sine, may be chosen more often.
    size = 2 * n // (np.int64(mask) + 1) + 64
    words = np.empty(size, dtype=np.uint64)
    positions = np.empty(size, dtype=np.int64)
    upper, lower = np.uint64(0), np.uint64(0)
    run, found = 0, 0
    for i in range(1, n):
        if not (np.isfinite(x[i]) and np.isfinite(x[i - 1])):
            run = 0
            continue
        upper = (upper << one) | (lower >> np.uint64(63))
        lower = (lower << one) | (one if x[i] > x[i - 1] else np.uint64(0))
        run += 1
        if run < SPAN - 1 or found == words.shape[0]:
            continue
        if lower & one:
            word = _mixed(_mixed(lower) ^ upper)
        else:
            word = _mixed(_mixed(~lower) ^ ~upper)
        if word & mask:
            continue
        if _ones(lower ^ (lower >> one)) + _ones(upper ^ (upper >> one)) < _MIN_CHANGES:
            continue
        words[found] = word
        positions[found] = i - SPAN + 1
        found += 1
    return words[:found].copy(), positions[:found].copy()


@njit(cache=True)
def _mixed(word):
    """Hash 64 bits by the last step of SplitMix64."""
    word = (word ^ (word >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    word = (word ^ (word >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return word ^ (word >> np.uint64(31))


@njit(cache=True)
def _ones(word):
    count = 0
    while word:
        word &= word - np.uint64(1)
        count += 1
    return count
