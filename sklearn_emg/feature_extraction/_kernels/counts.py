"""Compiled counts of zero crossings and slope sign changes.

This module imports numba: import it only inside functions.
"""

import numpy as np
from numba import njit

from sklearn_emg.feature_extraction._kernels.options import INLINE


@njit(**INLINE)
def _crosses(u, v, threshold):
    return ((u < 0) & (v > 0) | (u > 0) & (v < 0)) & (abs(v - u) >= threshold)


@njit(**INLINE)
def _crossings_over_runs(x, min_length, threshold):
    """Count zero crossings over runs of at least `min_length` samples that are exactly zero."""
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
    large = (abs(d) >= threshold) | (abs(e) >= threshold)
    return ((d > 0) & (e > 0) | (d < 0) & (e < 0)) & large


@njit(**INLINE)
def count_changes(x, t_zc, t_ssc):
    """Count zero crossings and slope sign changes.

    One or two zeros, which are frequent in quantised signals, are replaced by the sample before
    them. Longer runs of zeros are rare; only windows with such a run are processed again. A loop
    that remembers the last sample that is not zero takes 3 to 4 times as long.
    """
    zc = ssc = runs = np.int32(0)
    a, b, c, d = x[:-3], x[1:-2], x[2:-1], x[3:]
    for i in range(x.shape[0] - 3):
        last = c[i] if c[i] != 0 else b[i] if b[i] != 0 else a[i]
        # Counts of 32 bits fit the vector lanes of the samples.
        zc = np.int32(zc + np.int32(_crosses(last, d[i], t_zc)))
        ssc = np.int32(ssc + np.int32(_peaks(b[i], c[i], d[i], t_ssc)))
        runs = np.int32(runs + np.int32(last == 0))
    # Changes that end at the second or third sample are not part of the loop.
    if x.shape[0] > 1:
        zc += _crosses(x[0], x[1], t_zc)
    if x.shape[0] > 2:
        zc += _crosses(x[0] if x[1] == 0 else x[1], x[2], t_zc)
        ssc += _peaks(x[0], x[1], x[2], t_ssc)
    if runs > 0:
        zc += _crossings_over_runs(x, 3, t_zc)
    return zc, ssc
