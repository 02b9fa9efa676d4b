"""Compiled MiniRocket and MultiRocket: poolings of 84 convolutions in one pass per dilation.

This module imports numba: import it only inside functions.
"""

import numpy as np
from numba import njit

from sklearn_emg.feature_extraction._kernels.options import FAST, INLINE

# Number of samples that are convolved at once, so that the nine shifted copies stay in the cache.
_PART = 1024
# Number of windows that MultiRocket processes side by side, so that the lengths of runs are also
# computed in vector lanes.
LANES = 16
_LANE_PART = 128


@njit(**INLINE)
def _shift(x, c, dilation, start, stop, alpha, gamma):
    """Add nine copies of a channel, `dilation` samples apart: times 3 to gamma, -1 to alpha.

    Beyond the ends of the window, the signal is 0.
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
    """Count the samples low to high of pair + third above each bias, for four biases at once.

    The counts of a part have the type of the window, which keeps them in the vector lanes of the
    samples.
    """
    zero, one = pair.dtype.type(0), pair.dtype.type(1)
    low, high = np.uint64(low), np.uint64(high)
    for b in range(start, stop, 4):
        # If fewer than four biases remain, the last is counted again, which is faster than a second
        # pass.
        last = stop - 1
        c, d, e = min(b + 1, last), min(b + 2, last), min(b + 3, last)
        b0, b1, b2, b3 = biases[b], biases[c], biases[d], biases[e]
        n0 = n1 = n2 = n3 = zero
        for t in range(low, high):
            value = pair[t] + third[t]
            n0 += one if value > b0 else zero
            n1 += one if value > b1 else zero
            n2 += one if value > b2 else zero
            n3 += one if value > b3 else zero
        counts[b] += np.int64(n0)
        counts[c] += np.int64(n1) if c > b else 0
        counts[d] += np.int64(n2) if d > c else 0
        counts[e] += np.int64(n3) if e > d else 0


@njit(**INLINE)
def _count_all(alpha, gamma, pair, n, low, high, parity, biases, base, n_biases, counts):
    """Count n samples for each kernel of a dilation, or `low` to `high` for every second kernel."""
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
    """Write the proportion of the values of each convolution that exceed each bias.

    The 84 kernels of length nine have three weights of 2, at the positions i < j < k, and six of
    -1. Kernels with the same i and j share the sum of these two copies.

    Parameters
    ----------
    X : ndarray of shape (n_windows, n_channels, n_times)
        Windows.
    dilations : ndarray of int of shape (n_dilations,)
        Distances in samples between the weights of a kernel.
    n_biases : ndarray of int of shape (n_dilations,)
        Number of biases of each kernel at each dilation.
    biases : ndarray of shape (n_features,), of the type of X
        Biases, ordered by dilation and then by kernel.
    uses : ndarray of bool of shape (n_dilations, n_channels)
        Channels that are summed in the convolutions of each dilation.
    out : ndarray of shape (n_windows, n_features)
        Output.
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
            # For every second kernel, only samples where no copy is beyond an end are counted.
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


@njit(**INLINE)
def _pool(values, low, high, bias, state):
    """Pool the samples low to high, minus a bias, of windows side by side.

    The state contains, for each window, the number of positive values, their sum, the sum of their
    positions in this part, and the lengths of the current run and of the longest run.
    """
    zero, one = values.dtype.type(0), values.dtype.type(1)
    for t in range(low, high):
        at = values.dtype.type(t)
        first = t * LANES
        for lane in range(LANES):
            over = values[first + lane] - bias
            positive = one if over > zero else zero
            state[lane] += positive
            state[LANES + lane] += over * positive
            state[2 * LANES + lane] += at * positive
            run = (state[3 * LANES + lane] + one) * positive
            state[3 * LANES + lane] = run
            state[4 * LANES + lane] = max(state[4 * LANES + lane], run)


@njit(**INLINE)
def _add_up(values, low, high, at, bias, state, sums, runs):
    """Pool a part of one convolution, and add the results to the sums over all parts.

    Counts and positions of a part are exact in float32, and so are runs of up to 2 ** 24 samples.
    """
    for lane in range(3 * LANES):
        state[lane] = 0
    for lane in range(2 * LANES):
        state[3 * LANES + lane] = runs[lane]
    _pool(values, low, high, bias, state)
    for lane in range(LANES):
        n = np.float64(state[lane])
        sums[lane] += n
        sums[LANES + lane] += state[LANES + lane]
        sums[2 * LANES + lane] += state[2 * LANES + lane] + n * at
        runs[lane] = state[3 * LANES + lane]
        runs[LANES + lane] = state[4 * LANES + lane]


@njit(**INLINE)
def _pool_all(alpha, gamma, values, part, parity, biases, n_biases, state, sums, runs):
    """Pool a part for each kernel of a dilation, or `low` to `high` for every second kernel."""
    start, n, low, high, reach = part
    kernel = 0
    for i in range(7):
        for j in range(i + 1, 8):
            for k in range(j + 1, 9):
                for t in range(n * LANES):
                    values[t] = alpha[t] + gamma[i, t] + gamma[j, t] + gamma[k, t]
                first, last, at = 0, n, start
                if (parity + kernel) % 2 == 1:
                    first, last, at = low, high, start - reach
                for b in range(kernel * n_biases, (kernel + 1) * n_biases):
                    _add_up(values, first, last, at, biases[b], state, sums[b], runs[b])
                kernel += 1


@njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST)
def four_poolings(X, dilations, n_biases, biases, uses, out):
    """Write proportion, longest run, mean and mean position of values above each bias.

    Parameters
    ----------
    X : ndarray of shape (n_channels, n_times * LANES)
        Windows side by side: the samples at the same time are adjacent.
    dilations : ndarray of int of shape (n_dilations,)
        Distances in samples between the weights of a kernel.
    n_biases : ndarray of int of shape (n_dilations,)
        Number of biases of each kernel at each dilation.
    biases : ndarray of shape (n_biases_in_total,), of the type of X
        Biases, ordered by dilation and then by kernel.
    uses : ndarray of bool of shape (n_dilations, n_channels)
        Channels that are summed in the convolutions of each dilation.
    out : ndarray of shape (4, n_biases_in_total, LANES)
        Output.
    """
    n_channels, n_times = X.shape[0], X.shape[1] // LANES
    alpha = np.empty(_LANE_PART * LANES, X.dtype)
    gamma = np.empty((9, _LANE_PART * LANES), X.dtype)
    values = np.empty(_LANE_PART * LANES, X.dtype)
    state = np.empty(5 * LANES, X.dtype)
    base = 0
    for d in range(len(dilations)):
        reach = 4 * dilations[d]
        reach = reach if n_times > 2 * reach else 0
        here = biases[base : base + 84 * n_biases[d]]
        sums = np.zeros((len(here), 3 * LANES))
        runs = np.zeros((len(here), 2 * LANES), X.dtype)
        for start in range(0, n_times, _LANE_PART):
            stop = min(start + _LANE_PART, n_times)
            alpha[:] = 0
            gamma[:] = 0
            for c in range(n_channels):
                if uses[d, c]:
                    _shift(X, c, dilations[d] * LANES, start * LANES, stop * LANES, alpha, gamma)
            low = min(max(reach - start, 0), stop - start)
            high = max(min(n_times - reach, stop) - start, low)
            part = start, stop - start, low, high, reach
            _pool_all(alpha, gamma, values, part, d, here, n_biases[d], state, sums, runs)
        for b in range(len(here)):
            length = n_times - 2 * reach * ((d + b // n_biases[d]) % 2)
            for lane in range(LANES):
                n = sums[b, lane]
                out[0, base + b, lane] = n / length
                out[1, base + b, lane] = runs[b, LANES + lane]
                out[2, base + b, lane] = sums[b, LANES + lane] / n if n > 0 else 0.0
                out[3, base + b, lane] = sums[b, 2 * LANES + lane] / n if n > 0 else -1.0
        base += len(here)


@njit(cache=True, nogil=True, error_model="numpy")
def convolution(x, dilation, i, j, k, uses):
    """Convolve a window, padded with zeros, with the kernel whose weights i, j and k are 2.

    Parameters
    ----------
    x : ndarray of shape (n_channels, n_times)
        Window.
    dilation : int
        Distance in samples between the weights of the kernel.
    i, j, k : int
        Positions of the weights of 2, from 0 to 8.
    uses : ndarray of bool of shape (n_channels,)
        Channels that are summed.

    Returns
    -------
    values : ndarray of shape (n_times,)
        Convolution.
    """
    n_times = x.shape[1]
    alpha = np.zeros(n_times, x.dtype)
    gamma = np.zeros((9, n_times), x.dtype)
    for c in range(x.shape[0]):
        if uses[c]:
            _shift(x, c, dilation, 0, n_times, alpha, gamma)
    return alpha + gamma[i] + gamma[j] + gamma[k]
