"""Compiled convolution of causal FIR filters; imported when a filter runs, as numba is slow."""

from __future__ import annotations

from numba import njit

_BLOCK = 1024  # taps that stay in the fastest cache


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def correlate_rows(extended, taps, filtered):
    """Sum products of the taps and the samples before each output sample.

    The order of the additions is the same for each output sample, wherever the signal was cut, so
    that streams equal whole recordings to the last bit. The general filters of scipy give this only
    by a recursion, which takes about thirty times as long for thousands of taps.

    Parameters
    ----------
    extended : ndarray of shape (n_signals, n_taps - 1 + n_times), float64
        Signals after their ``n_taps - 1`` earlier samples.
    taps : ndarray of shape (n_taps,), float64
        Coefficients, that of the latest sample last.
    filtered : ndarray of shape (n_signals, n_times), float64
        Output.
    """
    n_taps = taps.shape[0]
    for row in range(filtered.shape[0]):
        signal = extended[row]
        for i in range(filtered.shape[1]):
            filtered[row, i] = 0.0
        for start in range(0, n_taps, _BLOCK):
            # Slices from 0 let the compiler vectorise the innermost loop.
            some = taps[start : start + _BLOCK]
            for i in range(filtered.shape[1]):
                part = signal[i + start : i + start + some.shape[0]]
                total = 0.0
                for k in range(some.shape[0]):
                    total += part[k] * some[k]
                filtered[row, i] += total
