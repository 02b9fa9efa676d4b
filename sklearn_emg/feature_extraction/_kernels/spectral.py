"""Compiled kernels of the spectral features; imported when they are first used."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

# The compiler may reorder sums into SIMD lanes; NaN and infinity are treated correctly.
_FLAGS = {"reassoc", "contract", "nsz"}
# Function calls count references, which would take as long as the bins of a short window. Functions
# are therefore inlined.
_INLINE: dict[str, Any] = {"cache": True, "nogil": True, "forceinline": True, "fastmath": _FLAGS}
# Powers with a smaller relative difference count as equal. The spectrum of a spike is flat, and
# rounding errors in float32 must not determine its peak.
_EQUAL = 1e-5


@njit(cache=True, nogil=True, fastmath=_FLAGS)
def power_of(spectrum, scale, ends_at_nyquist, power, dc, total):
    """Compute the one-sided powers of bins 1 to M, their sum and the power of bin 0 of each row.

    A row of `spectrum` contains pairs of real and imaginary parts. `scale` applies to bins that
    include their mirror image, that is, to all bins except bin 0 and, if `ends_at_nyquist` is true,
    the last bin.
    """
    n_rows, n_bins = power.shape
    for i in range(n_rows):
        row = spectrum[i]
        target = power[i]
        ac = 0.0
        for k in range(n_bins):
            re = row[2 * k + 2]
            im = row[2 * k + 3]
            value = (re * re + im * im) * scale
            target[k] = value
            ac += np.float64(value)
        if ends_at_nyquist:
            target[n_bins - 1] *= np.float32(0.5)
        total[i] = ac
        dc[i] = 0.5 * np.float64(row[0]) * np.float64(row[0]) * scale


@njit(**_INLINE)
def _quantile(row, target):
    """Find the first bin at which the cumulative sum of `row` reaches `target`."""
    reached = 0.0
    for k in range(row.size):
        reached += np.float64(row[k])
        if reached >= target:
            return k
    return row.size - 1


@njit(**_INLINE)
def _sum(row, start, stop):
    # The loop runs over a slice, because it is not vectorised if an index may be negative.
    part = row[start:stop]
    total = 0.0
    for k in range(part.size):
        total += np.float64(part[k])
    return total


@njit(**_INLINE)
def _peak(row):
    """Find the bin of the largest power, and the first bin that equals it up to rounding errors."""
    largest = 0
    for k in range(row.size):
        if row[k] > row[largest]:
            largest = k
    limit = np.float64(row[largest]) * (1.0 - _EQUAL)
    for k in range(largest):
        if np.float64(row[k]) >= limit:
            return largest, k
    return largest, largest


@njit(**_INLINE)
def _moments(row):
    """Sum P_k k^m for m = 0 ... 3, where k is the bin number from 1."""
    s0 = s1 = s2 = s3 = 0.0
    for k in range(row.size):
        number = k + 1.0
        first = np.float64(row[k]) * number
        second = first * number
        s0 += np.float64(row[k])
        s1 += first
        s2 += second
        s3 += second * number
    return s0, s1, s2, s3


@njit(**_INLINE)
def _root_sum(row):
    roots = 0.0
    for k in range(row.size):
        roots += np.sqrt(row[k])
    return roots


@njit(cache=True, nogil=True, fastmath=_FLAGS)
def spectral_sums(power, edge, slack, half_width, splits, bands, with_roots, out):
    """Compute, for each row, the sums over its bins from which the features are computed.

    The columns of `out` are:

    - 0 to 3: sums of P_k k^m for m = 0 ... 3, where k is the bin number from 1;
    - 4 and 5: largest power and its bin, counted from 0;
    - 6 and 7: median bin and edge bin, counted from 0;
    - 8: power within `half_width` bins of the largest power;
    - 9 and 10: powers in the low and in the high band of the frequency ratio;
    - 11: sum of the square roots of the powers;
    - 12 and above: power in each of `bands`.

    `splits` contains the two bands of the frequency ratio; if it is empty, the mean frequency
    separates them.
    """
    n_rows, n_bins = power.shape
    for i in range(n_rows):
        row = power[i]
        s0, s1, s2, s3 = _moments(row)
        largest, peak = _peak(row)
        out[i, 0] = s0
        out[i, 1] = s1
        out[i, 2] = s2
        out[i, 3] = s3
        out[i, 4] = row[largest]
        out[i, 5] = peak
        # The slack ensures that rounding does not skip a bin at which the sum is reached exactly.
        out[i, 6] = _quantile(row, 0.5 * s0 * (1.0 - slack))
        out[i, 7] = _quantile(row, edge * s0 * (1.0 - slack))
        out[i, 8] = _sum(row, max(peak - half_width, 0), min(peak + half_width + 1, n_bins))
        if splits.size:
            out[i, 9] = _sum(row, splits[0, 0], splits[0, 1])
            out[i, 10] = _sum(row, splits[1, 0], splits[1, 1])
        else:
            middle = 0
            if s0 > 0.0:
                middle = min(int(np.floor(s1 / s0 * (1.0 + slack))), n_bins)
            out[i, 9] = _sum(row, 0, middle)
            out[i, 10] = _sum(row, middle, n_bins)
        out[i, 11] = _root_sum(row) if with_roots else 0.0
        for b in range(bands.shape[0]):
            out[i, 12 + b] = _sum(row, bands[b, 0], bands[b, 1])


@njit(cache=True, nogil=True, fastmath=_FLAGS)
def log_sums(power, logs, log_numbers, out):
    """Compute sums with the logarithms of the powers p; bins without power are excluded.

    The columns of `out` are the sums of p ln p, ln p and ln p ln k, where k is the bin number; the
    number of bins with power; and the sums of ln k and (ln k)^2 over these bins.
    """
    for i in range(power.shape[0]):
        row, log_row = power[i], logs[i]
        plogp = logp = cross = x1 = x2 = 0.0
        count = 0
        for k in range(row.size):
            used = row[k] > 0.0
            value = np.float64(log_row[k]) if used else 0.0
            log_number = log_numbers[k] if used else 0.0
            plogp += np.float64(row[k]) * value
            logp += value
            cross += value * log_number
            x1 += log_number
            x2 += log_number * log_number
            count += used
        out[i, 0] = plogp
        out[i, 1] = logp
        out[i, 2] = cross
        out[i, 3] = count
        out[i, 4] = x1
        out[i, 5] = x2


@njit(cache=True, nogil=True)
def values_of_sums(sums, logs, n_bins, df, min_power, values):
    """Compute the features of each row from the sums over its bins, in the order of FEATURES.

    All features of a row are 0 if its power does not exceed `min_power`.
    """
    log_n = np.log(n_bins) if n_bins > 1 else 1.0
    for i in range(sums.shape[0]):
        s0, s1, s2, s3 = sums[i, 0], sums[i, 1], sums[i, 2], sums[i, 3]
        if s0 <= min_power[i]:
            values[i] = 0.0
            continue
        mean = s1 / s0
        values[i, 0] = s0
        values[i, 1] = s0 / n_bins
        values[i, 2] = mean * df
        values[i, 3] = (sums[i, 6] + 1.0) * df
        values[i, 4] = (sums[i, 5] + 1.0) * df
        values[i, 5] = s1 * df
        values[i, 6] = s2 * df**2
        values[i, 7] = s3 * df**3
        values[i, 8] = max(s2 / s0 - mean * mean, 0.0) * df**2
        plogp, logp, cross, count = logs[i, 0], logs[i, 1], logs[i, 2], logs[i, 3]
        values[i, 9] = min(max((np.log(s0) - plogp / s0) / log_n, 0.0), 1.0)
        values[i, 10] = 0.0
        if count == n_bins:
            values[i, 10] = np.exp(logp / n_bins - np.log(s0 / n_bins))
        values[i, 11] = (sums[i, 7] + 1.0) * df
        values[i, 12] = sums[i, 9] / sums[i, 10] if sums[i, 10] > 0.0 else 0.0
        values[i, 13] = sums[i, 8] / s0
        values[i, 14] = sums[i, 4] / df
        mean_root = sums[i, 11] / n_bins
        values[i, 15] = 2.0 * max(s0 / n_bins - mean_root * mean_root, 0.0)
        x1, x2 = logs[i, 4], logs[i, 5]
        values[i, 16] = 0.0
        if count > 1.0:
            values[i, 16] = (count * cross - x1 * logp) / (count * x2 - x1 * x1)
        values[i, 17:] = sums[i, 12:]
