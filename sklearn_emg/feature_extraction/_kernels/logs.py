"""Compiled sums of logarithms.

This module imports numba: import it only inside functions.
"""

import math

import numpy as np
from numba import njit

from sklearn_emg.feature_extraction._kernels.options import INLINE


@njit(**INLINE)
def _plain_log(x, scale):
    total = count = 0.0
    for i in range(x.shape[0]):
        v = abs(np.float64(x[i]))
        if v > 0.0:
            total += math.log(v / scale)
            count += 1.0
    return total, count


@njit(**INLINE)
def _products(x, scale, p):
    """Write products of four ``|x / scale|`` to p, skipping zeros; return the number of factors.

    The last product contains the remaining samples.
    """
    inverse = x.dtype.type(1.0 / scale)
    zero = x.dtype.type(0)
    one = x.dtype.type(1)
    n = x.shape[0] // 4
    count = np.int32(0)
    for i in range(n):
        v0 = abs(x[i]) * inverse
        v1 = abs(x[np.uint64(n + i)]) * inverse
        v2 = abs(x[np.uint64(2 * n + i)]) * inverse
        v3 = abs(x[np.uint64(3 * n + i)]) * inverse
        used = np.int32(v0 > zero) + np.int32(v1 > zero)
        used += np.int32(v2 > zero) + np.int32(v3 > zero)
        count = np.int32(count + used)
        v0 = v0 if v0 > zero else one
        v1 = v1 if v1 > zero else one
        v2 = v2 if v2 > zero else one
        v3 = v3 if v3 > zero else one
        p[i] = (v0 * v1) * (v2 * v3)
    rest = one
    for i in range(4 * n, x.shape[0]):
        v = abs(x[np.uint64(i)]) * inverse
        count = np.int32(count + np.int32(v > zero))
        rest *= v if v > zero else one
    p[n] = rest
    return np.int64(count)


@njit(**INLINE)
def _log_of_product(p, bits):
    """Sum the logarithms of p, which is overwritten; `bits` is p viewed as integers.

    Exponents are summed, and mantissas (from 1 to 2) are multiplied, so that 900 mantissas need
    only one logarithm.
    """
    n = p.shape[0]
    total = 0.0
    for start in range(0, n, 900):
        stop = min(start + 900, n)
        exponent = np.int64(0)
        for i in range(start, stop):
            v = bits[np.uint64(i)]
            exponent += (v >> 52) - 1023
            bits[np.uint64(i)] = (v & 0xFFFFFFFFFFFFF) | 0x3FF0000000000000
        mantissa = 1.0
        for i in range(start, stop):
            mantissa *= p[np.uint64(i)]
        total += math.log(mantissa) + exponent * math.log(2.0)
    return total


@njit(**INLINE)
def log_sum(x, scale, p, bits, tiny, huge):
    """Sum ``log |x / scale|`` over the samples that are not zero, and count these samples.

    If the scale is the mean absolute value, products of four samples are usually within the range
    of the type. Otherwise, the logarithm of each sample is computed, which takes 20 to 40 times as
    long. One logarithm per product of eight samples would take 4 to 8 times as long.
    """
    count = np.float64(_products(x, scale, p))
    outside = np.int64(0)
    for i in range(p.shape[0]):
        outside += np.int64((p[i] < tiny) | (p[i] > huge))
    if outside > 0:
        total, count = _plain_log(x, scale)
    else:
        total = _log_of_product(p, bits)
    return total, count
