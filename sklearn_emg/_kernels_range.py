"""Compiled search for the range of signals.

This module imports numba: import it inside functions only.
"""

import numpy as np
from numba import njit

__all__ = ["range_of", "row_ranges"]


@njit(cache=True, nogil=True, forceinline=True)
def range_of(bits, ends_bits):
    """Find the largest and the smallest sample of one signal, in one pass.

    The bits of floating-point numbers, viewed as integers, have the order of the numbers once the
    lower bits of negative ones are inverted. The compiler vectorises maxima of integers: a loop
    over the samples takes 5 times as long for 250 samples of float32 and 10 times for 4000. NaN
    lies beyond the infinity of its sign.

    Parameters
    ----------
    bits : ndarray of shape (n_times,), int32 or int64
        The signal, viewed as integers of the same size.
    ends_bits : ndarray of shape (2,), of the type of `bits`
        Output: maximum and minimum, as integers as well.
    """
    kind = bits.dtype.type
    rest = kind(np.iinfo(bits.dtype).max)
    high = kind(np.iinfo(bits.dtype).min)
    low = rest
    for i in range(bits.shape[0]):
        v = bits[i]
        v = v if v >= 0 else kind(v ^ rest)
        high = max(v, high)
        low = min(v, low)
    ends_bits[0] = high if high >= 0 else high ^ rest
    ends_bits[1] = low if low >= 0 else low ^ rest


@njit(cache=True, nogil=True)
def row_ranges(bits, ends_bits):
    """Find the largest and the smallest sample of each row; see `range_of`.

    Parameters
    ----------
    bits : ndarray of shape (n_rows, n_times), int32 or int64
        C-contiguous.
    ends_bits : ndarray of shape (n_rows, 2), of the type of `bits`
        Output.
    """
    for w in range(bits.shape[0]):
        range_of(bits[w], ends_bits[w])
