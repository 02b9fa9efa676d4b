"""Compiled counts of zero crossings and slope sign changes.

This module imports numba: import it inside functions only.
"""

import numpy as np
from numba import njit

from sklearn_emg.feature_extraction._kernels.options import BLOCK, COUNTED, INLINE

__all__ = ["count_changes"]

# Rounds of a loop that the compiler vectorises without a remainder.
_ROUNDS = 64


@njit(**INLINE)
def _crosses(u, v, threshold):
    return ((u < 0) & (v > 0) | (u > 0) & (v < 0)) and abs(v - u) >= threshold


@njit(**INLINE)
def _crossings_over_runs(x, min_length, threshold):
    """Count zero crossings through runs of at least `min_length` samples of exactly zero."""
    n = x.shape[0]
    count = 0
    i = 1
    while i < n:
        if x[i] == 0 and x[i - 1] != 0:
            before = x[i - 1]
            start = i
            while i < n and x[i] == 0:
                i += 1
            if i < n and i - start >= min_length and _crosses(before, x[i], threshold):
                count += 1
        i += 1
    return count


@njit(**INLINE)
def _peaks(u, v, w, threshold):
    d = v - u
    e = v - w
    return ((d > 0) & (e > 0) | (d < 0) & (e < 0)) and max(abs(d), abs(e)) >= threshold


@njit(**INLINE)
def _count_part(x, n, t_zc, t_ssc):
    """Count zero crossings, slope sign changes and runs of zeros in n rounds of four samples.

    One or two zeros are replaced by the sample before them. Counts have the type of the window,
    which keeps them in the vector lanes of the samples; they are exact up to `COUNTED`.
    """
    zero = x.dtype.type(0)
    one = x.dtype.type(1)
    all_zc = all_ssc = all_runs = np.int64(0)
    for start in range(0, n, COUNTED):
        zc = ssc = runs = zero
        for i in range(start, min(start + COUNTED, n)):
            t = x[np.uint64(i)]
            u = x[np.uint64(i + 1)]
            v = x[np.uint64(i + 2)]
            w = x[np.uint64(i + 3)]
            carried = t if u == zero else u
            carried = carried if v == zero else v
            low = carried if carried < w else w
            high = w if carried < w else carried
            zc += one if (low < zero) & (high > zero) & (high - low >= t_zc) else zero
            runs += one if carried == zero else zero
            d = v - u
            e = v - w
            low = d if d < e else e
            high = e if d < e else d
            peak = (low > zero) & (high >= t_ssc)
            trough = (high < zero) & (low <= -t_ssc)
            ssc += one if peak | trough else zero
        all_zc += np.int64(zc)
        all_ssc += np.int64(ssc)
        all_runs += np.int64(runs)
    return all_zc, all_ssc, all_runs


@njit(**INLINE)
def count_changes(x, tail, t_zc, t_ssc):
    """Count zero crossings and slope sign changes.

    Longer runs of zeros are rare; windows with such a run are processed again. The number of rounds
    is a multiple of the vector length. The last rounds run over the buffer `tail`, which repeats
    the last sample; repeated samples do not count.
    """
    n = x.shape[0]
    before = max(-((BLOCK + 3 - n) // _ROUNDS), 0) * _ROUNDS
    rest = max(-((before + 3 - n) // _ROUNDS), 0) * _ROUNDS
    for i in range(n - before):
        tail[i] = x[np.uint64(before + i)]
    for i in range(n - before, rest + 3):
        tail[np.uint64(i)] = x[n - 1]
    zc, ssc, runs = _count_part(tail, rest, t_zc, t_ssc)
    if before > 0:
        counts = _count_part(x, before, t_zc, t_ssc)
        zc += counts[0]
        ssc += counts[1]
        runs += counts[2]
    # Changes that end at the second and third sample precede the first round.
    if n > 1:
        zc += _crosses(x[0], x[1], t_zc)
    if n > 2:
        zc += _crosses(x[0] if x[1] == 0 else x[1], x[2], t_zc)
        ssc += _peaks(x[0], x[1], x[2], t_ssc)
    if runs > 0:
        zc += _crossings_over_runs(x, 3, t_zc)
    return zc, ssc
