"""Compiled kernels of the wavelet features; imported when they are first used."""

from __future__ import annotations

import numpy as np
from numba import njit

from sklearn_emg.feature_extraction._kernels.options import FAST


@njit(cache=True, nogil=True, fastmath=FAST)
def dwt_level(X, low, high, left, right, approximation, detail):
    """Compute one level of the discrete transform of each row: filter and keep every second value.

    `low` and `high` are the filters, of even length L. `left` and `right` are the indices of the
    samples that extend the row by L - 1 at either end. Coefficient k is
    sum_j low[j] x[2 k + 1 - j].
    """
    n_rows, n = X.shape
    n_out = approximation.shape[1]
    n_taps = low.size
    reach = n_taps - 1
    extended = np.empty(n + 2 * reach, dtype=X.dtype)
    # Odd and even samples are separated, so that all loops run over contiguous arrays. A loop over
    # the taps of each coefficient takes 6 to 10 times as long.
    n_half = n_out + n_taps // 2
    odd = np.zeros(n_half, dtype=X.dtype)
    even = np.zeros(n_half, dtype=X.dtype)
    n_odd = min(n_half, extended.size // 2)
    n_even = min(n_half, (extended.size - 1) // 2)
    for i in range(n_rows):
        row = X[i]
        for k in range(reach):
            extended[k] = row[left[k]]
        middle = extended[reach : reach + n]
        for k in range(n):
            middle[k] = row[k]
        tail = extended[reach + n :]
        for k in range(reach):
            tail[k] = row[right[k]]
        for k in range(n_odd):
            odd[k] = extended[2 * k + 1]
        for k in range(n_even):
            even[k] = extended[2 * k + 2]
        a_row = approximation[i]
        d_row = detail[i]
        a_row[:] = 0
        d_row[:] = 0
        for m in range(n_taps // 2):
            j = reach - 2 * m
            low0, low1, high0, high1 = low[j], low[j - 1], high[j], high[j - 1]
            odd_part = odd[m : m + n_out]
            even_part = even[m : m + n_out]
            for k in range(n_out):
                a_row[k] += low0 * odd_part[k] + low1 * even_part[k]
                d_row[k] += high0 * odd_part[k] + high1 * even_part[k]


@njit(cache=True, nogil=True, fastmath=FAST)
def band_sums(coefficients, logs, out):
    """Compute sums over the coefficients of each row.

    `logs` contains the logarithms of the squared coefficients; the logarithm must be finite even
    for a coefficient of 0. The columns of `out` are the sums of squared deviations from the mean,
    absolute values, squares, absolute differences of neighbours, and squares times their
    logarithms, in this order.
    """
    n_rows, n = coefficients.shape
    for i in range(n_rows):
        row = coefficients[i]
        log_row = logs[i]
        total = 0.0
        absolute = 0.0
        square = 0.0
        entropy = 0.0
        for k in range(n):
            value = np.float64(row[k])
            total += value
            absolute += abs(value)
            square += value * value
            entropy += value * value * np.float64(log_row[k])
        length = 0.0
        for k in range(n - 1):
            length += abs(np.float64(row[k + 1]) - np.float64(row[k]))
        mean = total / n
        deviation = 0.0
        for k in range(n):
            c = np.float64(row[k]) - mean
            deviation += c * c
        out[i, 0] = deviation
        out[i, 1] = absolute
        out[i, 2] = square
        out[i, 3] = length
        out[i, 4] = entropy


@njit(cache=True, nogil=True, fastmath=FAST)
def scale_energy(power, energy):
    """Compute the energy of each window at one scale: the sum of its powers over time.

    Parameters
    ----------
    power : ndarray of shape (n_windows, n_times)
        Powers at one scale.
    energy : ndarray of shape (n_windows,), float64
        Output.
    """
    n_rows, n = power.shape
    for i in range(n_rows):
        row = power[i]
        total = 0.0
        for k in range(n):
            total += np.float64(row[k])
        energy[i] = total


@njit(cache=True, nogil=True)
def scale_maximum(power, scale, largest, which):
    """Update the largest power, and the index of its scale, at each time.

    Parameters
    ----------
    power : ndarray of shape (n_windows, n_times)
        Powers at one scale.
    scale : int
        Index of this scale.
    largest, which : ndarray of shape (n_windows, n_times)
        Largest power so far and the index of its scale; both are changed in place.
    """
    n_rows, n = power.shape
    for i in range(n_rows):
        for k in range(n):
            if power[i, k] > largest[i, k]:
                largest[i, k] = power[i, k]
                which[i, k] = scale
