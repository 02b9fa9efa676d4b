"""Compiled kernels of the wavelet features; imported when they are first used."""

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = ["band_sums", "scale_energy", "scale_maximum"]

_FLAGS = {"reassoc", "contract", "nsz"}


@njit(cache=True, nogil=True, fastmath=_FLAGS)
def band_sums(coefficients, logs, out):
    """Sums over the coefficients of each row.

    `logs` are the logarithms of the squared coefficients, finite also where one is 0. Columns of
    `out`: 0 sum; 1 of absolute values; 2 of squares; 3 of absolute differences of neighbours; 4 of
    squares times their logarithms.
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
        out[i, 0] = total
        out[i, 1] = absolute
        out[i, 2] = square
        out[i, 3] = length
        out[i, 4] = entropy


@njit(cache=True, nogil=True, fastmath=_FLAGS)
def scale_energy(power, energy):
    """Sum of the powers of each row."""
    n_rows, n = power.shape
    for i in range(n_rows):
        row = power[i]
        total = 0.0
        for k in range(n):
            total += np.float64(row[k])
        energy[i] = total


@njit(cache=True, nogil=True)
def scale_maximum(power, scale, largest, which):
    """Note where a scale has more power than all before it."""
    n_rows, n = power.shape
    for i in range(n_rows):
        for k in range(n):
            if power[i, k] > largest[i, k]:
                largest[i, k] = power[i, k]
                which[i, k] = scale
