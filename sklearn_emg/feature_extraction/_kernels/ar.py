"""Compiled autoregressive models.

This module imports numba: import it only inside functions. All computations are in float64, because
the equations of smooth signals, such as oversampled EMG, are ill conditioned.

For each window, a kernel writes the p coefficients of ``x_n = sum a_k x_{n-k} + e_n`` and then the
residual variances of orders 0 to p. If a model of lower order predicts the window to within
rounding error (a constant, a sinusoid), further coefficients would be noise and are set to 0.
"""

import numpy as np
from numba import njit

from sklearn_emg.feature_extraction._kernels.options import INLINE

# Residual energy below this fraction of the energy of the signal counts as rounding error.
_EXACT = 1e-13


@njit(**INLINE)
def _load(x, demean, out):
    total = 0.0
    for i in range(x.shape[0]):
        out[i] = x[i]
        total += out[i]
    if demean:
        mean = total / x.shape[0]
        square = 0.0
        for i in range(x.shape[0]):
            out[i] -= mean
            square += out[i] * out[i]
        # What remains of a constant is the rounding error of its mean.
        if square <= x.shape[0] * (1e-15 * mean) ** 2:
            out[:] = 0.0


@njit(**INLINE)
def _dot(a, b):
    total = 0.0
    for i in range(a.shape[0]):
        total += a[i] * b[i]
    return total


@njit(**INLINE)
def _burg_sums(forward, backward):
    """Sum the products and squares of prediction errors; forward errors are one sample ahead."""
    cross = energy = 0.0
    for i in range(backward.shape[0]):
        f = forward[i]
        b = backward[i]
        cross += f * b
        energy += f * f + b * b
    return cross, energy


@njit(**INLINE)
def _burg_step(f, b, k, new_f, new_b):
    """Compute the errors of the next order; forward errors are one sample ahead."""
    ahead = f[1:]
    for j in range(b.shape[0]):
        u = ahead[j]
        v = b[j]
        new_f[j] = u - k * v
        new_b[j] = v - k * u


@njit(cache=True, nogil=True)
def _levinson(a, k, m):
    """Update the coefficients from order m to order m + 1 with the reflection coefficient k."""
    for i in range((m + 1) // 2):
        u = a[i]
        v = a[m - 1 - i]
        a[i] = u - k * v
        a[m - 1 - i] = v - k * u
    a[m] = k


@njit(cache=True, nogil=True)
def burg(X, order, demean, out):
    """Minimise the sum of the forward and backward prediction errors (Burg's method).

    Parameters
    ----------
    X : ndarray of shape (n_windows, n_times)
        Windows.
    order : int
        Order of the model.
    demean : bool
        Whether the mean of each window is subtracted first.
    out : ndarray of shape (n_windows, 2 * order + 1)
        Output: the coefficients of each window, then the variances of the prediction error for
        orders 0 to `order`.
    """
    n = X.shape[1]
    errors = np.empty((4, n))
    for w in range(X.shape[0]):
        a = out[w, :order]
        variance = out[w, order:]
        a[:] = 0.0
        # Forward and backward errors of this order, and buffers for those of the next.
        f, b, g, h = errors[0], errors[1], errors[2], errors[3]
        _load(X[w], demean, f)
        b[:] = f
        energy = _dot(f, f)
        variance[:] = energy / n
        floor = _EXACT * energy
        # f[i + 1] pairs with b[i]: the backward error is one sample older.
        cross, total = _burg_sums(f[1:], b[: n - 1])
        for m in range(order):
            if total <= 2.0 * floor:
                break
            k = 2.0 * cross / total
            _levinson(a, k, m)
            variance[m + 1 :] = variance[m] * max(1.0 - k * k, 0.0)
            if m + 1 < order:
                size = n - 1 - m
                _burg_step(f[: size + 1], b[:size], k, g, h)
                cross, total = _burg_sums(g[1:size], h[: size - 1])
                f, b, g, h = g, h, f, b


@njit(cache=True, nogil=True)
def yule_walker(X, order, demean, out):
    """Solve the Yule-Walker equations of the biased autocorrelation; the model is always stable."""
    n = X.shape[1]
    x = np.empty(n)
    r = np.empty(order + 1)
    for w in range(X.shape[0]):
        a = out[w, :order]
        variance = out[w, order:]
        a[:] = 0.0
        _load(X[w], demean, x)
        for lag in range(order + 1):
            r[lag] = _dot(x[lag:], x[: n - lag]) / n
        error = r[0]
        variance[:] = error
        for m in range(order):
            if error <= _EXACT * r[0]:
                break
            k = r[m + 1]
            for i in range(m):
                k -= a[i] * r[m - i]
            k /= error
            _levinson(a, k, m)
            error *= max(1.0 - k * k, 0.0)
            variance[m + 1 :] = error


@njit(cache=True, nogil=True)
def least_squares(X, order, demean, out):
    """Minimise the squared forward errors of the samples that have `order` predecessors."""
    n = X.shape[1]
    x = np.empty(n)
    c = np.empty((order + 1, order + 1))
    low = np.empty((order, order))
    y = np.empty(order)
    for w in range(X.shape[0]):
        a = out[w, :order]
        variance = out[w, order:]
        a[:] = 0.0
        _load(X[w], demean, x)
        # c[i, j] = sum x[t - i] x[t - j] over t = order .. n - 1; from one element of a diagonal to
        # the next, one product enters and one leaves.
        for lag in range(order + 1):
            c[0, lag] = _dot(x[order:], x[order - lag : n - lag])
            for i in range(order - lag):
                j = i + lag
                c[i + 1, j + 1] = (
                    c[i, j] + x[order - 1 - i] * x[order - 1 - j] - x[n - 1 - i] * x[n - 1 - j]
                )
        # The Cholesky factorisation and the residual energy are extended by one order at a time.
        residual = c[0, 0]
        used = 0
        variance[:] = residual / (n - order)
        for m in range(order):
            pivot = c[m + 1, m + 1]
            for i in range(m):
                v = c[i + 1, m + 1]
                for j in range(i):
                    v -= low[i, j] * low[m, j]
                low[m, i] = v / low[i, i]
                pivot -= low[m, i] * low[m, i]
            if pivot <= _EXACT * c[m + 1, m + 1] or residual <= _EXACT * c[0, 0]:
                break
            low[m, m] = np.sqrt(pivot)
            v = c[0, m + 1]
            for j in range(m):
                v -= low[m, j] * y[j]
            y[m] = v / low[m, m]
            residual = max(residual - y[m] * y[m], 0.0)
            variance[m + 1 :] = residual / (n - order)
            used = m + 1
        for i in range(used - 1, -1, -1):
            v = y[i]
            for j in range(i + 1, used):
                v -= low[j, i] * a[j]
            a[i] = v / low[i, i]
