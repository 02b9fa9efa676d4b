"""Compiled MiniRocket: positive proportions of 84 dilated convolutions in one pass per dilation.

This module imports numba: import it inside functions only.
"""

import numpy as np
from numba import njit

from sklearn_emg.feature_extraction._kernels.options import FAST, INLINE

__all__ = ["convolution", "positive_proportions"]

# Samples that are convolved at once: the nine shifted copies stay in the first cache.
_PART = 512


@njit(**INLINE)
def _shift(x, c, dilation, start, stop, alpha, gamma):
    """Add nine copies of a channel, `dilation` apart, and minus their sum, for samples of a part.

    Beyond the ends of the window the signal is 0.
    """
    n = x.shape[1]
    for tap in range(9):
        offset = (tap - 4) * dilation
        first = min(max(start, -offset), stop)
        last = max(min(stop, n - offset), first)
        for i in range(first, last):
            value = x[c, i + offset]
            gamma[tap, i - start] += 3 * value
            alpha[i - start] -= value


@njit(**INLINE)
def _count(pair, third, low, high, biases, start, stop, counts):
    """Count samples low to high of pair + third above each of the biases, four biases at once.

    Counts of a part have the type of the window, which keeps them in the vector lanes of the
    samples.
    """
    zero, one = pair.dtype.type(0), pair.dtype.type(1)
    low, high = np.uint64(low), np.uint64(high)
    for b in range(start, stop - 3, 4):
        b0, b1, b2, b3 = biases[b], biases[b + 1], biases[b + 2], biases[b + 3]
        n0 = n1 = n2 = n3 = zero
        for t in range(low, high):
            value = pair[t] + third[t]
            n0 += one if value > b0 else zero
            n1 += one if value > b1 else zero
            n2 += one if value > b2 else zero
            n3 += one if value > b3 else zero
        counts[b] += np.int64(n0)
        counts[b + 1] += np.int64(n1)
        counts[b + 2] += np.int64(n2)
        counts[b + 3] += np.int64(n3)
    for b in range(stop - (stop - start) % 4, stop):
        bias = biases[b]
        total = zero
        for t in range(low, high):
            total += one if pair[t] + third[t] > bias else zero
        counts[b] += np.int64(total)


@njit(**INLINE)
def _count_all(alpha, gamma, pair, n, low, high, parity, biases, base, n_biases, counts):
    """Count n samples of all 84 kernels of a dilation; every second counts low to high only."""
    kernel = 0
    for i in range(7):
        for j in range(i + 1, 8):
            for t in range(n):
                pair[t] = alpha[t] + gamma[i, t] + gamma[j, t]
            for k in range(j + 1, 9):
                first = base + kernel * n_biases
                start, stop = 0, n
                if (parity + kernel) % 2 == 1:
                    start, stop = low, high
                _count(pair, gamma[k], start, stop, biases, first, first + n_biases, counts)
                kernel += 1


@njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST)
def positive_proportions(X, dilations, n_biases, biases, uses, out):
    """Write the proportion of positive values of each convolution minus each bias.

    The 84 kernels of length nine have three weights of 2 and six of -1. Kernels i < j < k of a
    dilation share the sum of the copies i and j.

    Parameters
    ----------
    X : ndarray of shape (n_windows, n_channels, n_times)
    dilations : ndarray of int of shape (n_dilations,)
    n_biases : ndarray of int of shape (n_dilations,)
        Number of biases of each kernel at a dilation.
    biases : ndarray of shape (n_features,), of the type of X
        By dilation, then kernel.
    uses : ndarray of bool of shape (n_dilations, n_channels)
        Channels that the convolutions of a dilation add up.
    out : ndarray of shape (n_windows, n_features)
    """
    n_windows, n_channels, n_times = X.shape
    alpha = np.empty(_PART, X.dtype)
    gamma = np.empty((9, _PART), X.dtype)
    pair = np.empty(_PART, X.dtype)
    counts = np.empty(len(biases), np.int64)
    for w in range(n_windows):
        counts[:] = 0
        base = 0
        for d in range(len(dilations)):
            # Of every second kernel only samples at which no copy is beyond an end count.
            reach = 4 * dilations[d]
            reach = reach if n_times > 2 * reach else 0
            for start in range(0, n_times, _PART):
                stop = min(start + _PART, n_times)
                alpha[:] = 0
                gamma[:] = 0
                for c in range(n_channels):
                    if uses[d, c]:
                        _shift(X[w], c, dilations[d], start, stop, alpha, gamma)
                n = stop - start
                low = min(max(reach - start, 0), n)
                high = max(min(n_times - reach, stop) - start, low)
                _count_all(alpha, gamma, pair, n, low, high, d, biases, base, n_biases[d], counts)
            for kernel in range(84):
                length = n_times - 2 * reach * ((d + kernel) % 2)
                for b in range(base, base + n_biases[d]):
                    out[w, b] = counts[b] / length
                base += n_biases[d]


@njit(cache=True, nogil=True, error_model="numpy")
def convolution(x, dilation, i, j, k, uses):
    """Convolution of a window, zero beyond its ends, with the kernel that is 2 at i, j and k.

    Parameters
    ----------
    x : ndarray of shape (n_channels, n_times)
    dilation, i, j, k : int
    uses : ndarray of bool of shape (n_channels,)
        Channels that are added up.

    Returns
    -------
    values : ndarray of shape (n_times,)
    """
    n_times = x.shape[1]
    alpha = np.zeros(n_times, x.dtype)
    gamma = np.zeros((9, n_times), x.dtype)
    for c in range(x.shape[0]):
        if uses[c]:
            _shift(x, c, dilation, 0, n_times, alpha, gamma)
    return alpha + gamma[i] + gamma[j] + gamma[k]
