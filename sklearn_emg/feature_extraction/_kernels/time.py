"""Compiled sums behind the time-domain features.

This module imports numba: import it inside functions only.

Each pass is a short loop without branches over one window that lies in the cache, which the
compiler turns into vector instructions; a window comes from memory once. Sums run in the type of
the window for 512 samples at a time and then in float64, so that float32 keeps its speed without
losing digits in long windows. Literals are float64: `x.dtype.type(0)` is a zero of the window's
type.
"""

import math
from typing import Any

import numpy as np
from numba import njit

__all__ = ["amplitude_sums", "l_sums", "range_of", "time_domain_sums"]

_BLOCK = 512
# Sums may be reordered into vector lanes; NaN and infinity keep their meaning. Slices, not offsets,
# let the compiler see that no index is negative.
_FAST = {"reassoc", "contract", "nsz"}
# Short windows would spend as long on calls, which count references, as on samples.
_INLINE: dict[str, Any] = {
    "cache": True,
    "nogil": True,
    "forceinline": True,
    "fastmath": _FAST,
    "error_model": "numpy",
}

# Groups of sums that can be asked for, one bit each; `_time_domain._SUMS` names the columns. The
# sums of amplitudes and of differences always are.
RANGE, COUNT, JUMP, CENTRED, CURVATURE, MOMENT, LOG = 1, 2, 4, 8, 16, 32, 64
ENHANCED, MODIFIED, TURNS, L_SCALE, HISTOGRAM, SLOPE = 128, 256, 512, 1024, 2048, 4096

# Windows whose turns are followed side by side, in vector lanes, this many samples at a time.
_LANES = 32
_CHUNK = 64

# Rounds of a loop that the compiler works off in vectors and leaves none of.
_ROUNDS = 64
# Distances at which all neighbours are compared before full buckets are.
_LAGS = 32
# Whole numbers up to which float32 counts on.
_COUNTED = 2**24


@njit(**_INLINE)
def amplitude_sums(x, out):
    """Sums of x, |x|, x^2, |d| and d^2 of one window.

    Parameters
    ----------
    x : ndarray of shape (n_times,)
        Float32 or float64.
    out : ndarray of shape (5,) or longer, float64
        Written.
    """
    n = x.shape[0] - 1
    total = absolute = square = length = power = 0.0
    for start in range(0, n, _BLOCK):
        s = a = q = e = f = x.dtype.type(0)
        for i in range(start, min(start + _BLOCK, n)):
            v = x[np.uint64(i)]
            s += v
            a += abs(v)
            q += v * v
            d = x[np.uint64(i + 1)] - v
            e += abs(d)
            f += d * d
        total += s
        absolute += a
        square += q
        length += e
        power += f
    v = np.float64(x[n])
    out[0] = total + v
    out[1] = absolute + abs(v)
    out[2] = square + v * v
    out[3] = length
    out[4] = power


@njit(**_INLINE)
def range_of(bits, ends_bits):
    """Largest and smallest sample of one window.

    Floating-point numbers, seen as whole numbers, are in order but for the negative ones, whose
    lower bits are turned round. Maxima of whole numbers become vector instructions.

    Parameters
    ----------
    bits : ndarray of shape (n_times,), int32 or int64
        The window, seen as whole numbers of the same size.
    ends_bits : ndarray of shape (2,), of the type of `bits`
        Where the two go, as whole numbers too.
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


@njit(**_INLINE)
def _crosses(u, v, threshold):
    return ((u < 0) & (v > 0) | (u > 0) & (v < 0)) and abs(v - u) >= threshold


@njit(**_INLINE)
def _crossings_over_runs(x, shortest, threshold):
    """Zero crossings through at least `shortest` samples of exactly zero in a row."""
    n = x.shape[0]
    count = 0
    i = 1
    while i < n:
        if x[i] == 0 and x[i - 1] != 0:
            before = x[i - 1]
            start = i
            while i < n and x[i] == 0:
                i += 1
            if i < n and i - start >= shortest and _crosses(before, x[i], threshold):
                count += 1
        i += 1
    return count


@njit(**_INLINE)
def _peaks(u, v, w, threshold):
    d = v - u
    e = v - w
    return ((d > 0) & (e > 0) | (d < 0) & (e < 0)) and max(abs(d), abs(e)) >= threshold


@njit(**_INLINE)
def _count_part(x, n, t_zc, t_ssc):
    """Zero crossings, slope sign changes and hidden crossings in n rounds of four samples.

    One or two zeros hand on the sample before them. Counts in the type of the window are exact up
    to `_COUNTED`, and stay in the lanes of the samples.
    """
    zero = x.dtype.type(0)
    one = x.dtype.type(1)
    all_zc = all_ssc = all_runs = np.int64(0)
    for start in range(0, n, _COUNTED):
        zc = ssc = runs = zero
        for i in range(start, min(start + _COUNTED, n)):
            t = x[np.uint64(i)]
            u = x[np.uint64(i + 1)]
            v = x[np.uint64(i + 2)]
            w = x[np.uint64(i + 3)]
            carried = t if u == zero else u
            carried = carried if v == zero else v
            low = carried if carried < w else w
            high = w if carried < w else carried
            zc += one if (low < zero) & (high > zero) & (high - low >= t_zc) else zero
            runs += one if carried == zero else zero
            d = v - u
            e = v - w
            low = d if d < e else e
            high = e if d < e else d
            peak = (low > zero) & (high >= t_ssc)
            trough = (high < zero) & (low <= -t_ssc)
            ssc += one if peak | trough else zero
        all_zc += np.int64(zc)
        all_ssc += np.int64(ssc)
        all_runs += np.int64(runs)
    return all_zc, all_ssc, all_runs


@njit(**_INLINE)
def _count(x, tail, t_zc, t_ssc):
    """Zero crossings and slope sign changes.

    Longer runs of zeros are rare, and windows that have one are looked at again. Rounds come in
    multiples of the vector length, the last of them in `tail`, where the last sample stands again
    and again, which counts nothing.
    """
    n = x.shape[0]
    before = max(-((_BLOCK + 3 - n) // _ROUNDS), 0) * _ROUNDS
    rest = max(-((before + 3 - n) // _ROUNDS), 0) * _ROUNDS
    for i in range(n - before):
        tail[i] = x[np.uint64(before + i)]
    for i in range(n - before, rest + 3):
        tail[np.uint64(i)] = x[n - 1]
    zc, ssc, runs = _count_part(tail, rest, t_zc, t_ssc)
    if before > 0:
        counts = _count_part(x, before, t_zc, t_ssc)
        zc += counts[0]
        ssc += counts[1]
        runs += counts[2]
    # What ends at the second and third sample lies before the first round.
    if n > 1:
        zc += _crosses(x[0], x[1], t_zc)
    if n > 2:
        zc += _crosses(x[0] if x[1] == 0 else x[1], x[2], t_zc)
        ssc += _peaks(x[0], x[1], x[2], t_ssc)
    if runs > 0:
        zc += _crossings_over_runs(x, 3, t_zc)
    return zc, ssc


@njit(**_INLINE)
def _jump(x, t_wamp, t_myop):
    """Differences and samples at or above their thresholds."""
    wamp = np.int32(0)
    myop = np.int32(abs(x[0]) >= t_myop)
    for i in range(x.shape[0] - 1):
        wamp = np.int32(wamp + np.int32(abs(x[i + 1] - x[i]) >= t_wamp))
        myop = np.int32(myop + np.int32(abs(x[i + 1]) >= t_myop))
    return wamp, myop


@njit(**_INLINE)
def _centred(x, mean, scale):
    """Sums of powers of x - mean, and of |x - mean|.

    Powers are those of multiples of the scale, of which float32 can hold the fourth. The mean is
    rounded to the type of the window; what that leaves is taken off at the end.
    """
    n = x.shape[0]
    t1 = t2 = t3 = t4 = absolute = 0.0
    centre = x.dtype.type(mean)
    inverse = x.dtype.type(1.0 / scale)
    for start in range(0, n, _BLOCK):
        s1 = s2 = s3 = s4 = a = x.dtype.type(0)
        for i in range(start, min(start + _BLOCK, n)):
            c = (x[np.uint64(i)] - centre) * inverse
            q = c * c
            s1 += c
            s2 += q
            s3 += q * c
            s4 += q * q
            a += abs(c)
        t1 += s1
        t2 += s2
        t3 += s3
        t4 += s4
        absolute += a
    d = t1 / n
    third = t3 - 3.0 * d * t2 + 2.0 * n * d**3
    fourth = t4 - 4.0 * d * t3 + 6.0 * d * d * t2 - 3.0 * n * d**4
    square = scale * scale
    return (
        (t2 - n * d * d) * square,
        third * square * scale,
        fourth * square * square,
        absolute * scale,
    )


@njit(**_INLINE)
def _curvature(x):
    """Sum of squares of second differences; sums of Teager-Kaiser energies and of their squares.

    The energy x_i^2 - x_{i-1} x_{i+1} is taken from differences, which lose no digits where the
    signal is smooth.
    """
    n = x.shape[0] - 2
    curvature = energy = square = 0.0
    for start in range(0, n, _BLOCK):
        c = t = q = x.dtype.type(0)
        for i in range(start, min(start + _BLOCK, n)):
            v = x[np.uint64(i + 1)]
            d = v - x[np.uint64(i)]
            e = x[np.uint64(i + 2)] - v
            f = e - d
            c += f * f
            psi = d * e - v * f
            t += psi
            q += psi * psi
        curvature += c
        energy += t
        square += q
    return curvature, energy, square


@njit(**_INLINE)
def _moment(x, mav, scale, v_order):
    """Sums of (|x| - mav)^2, x^3, x^4, x^5 and |x|^v.

    As in `_centred`, what the rounding of mav leaves is subtracted at the end.
    """
    n = x.shape[0]
    first = spread = t3 = t4 = t5 = power = 0.0
    inverse = x.dtype.type(1.0 / scale)
    level = x.dtype.type(mav)
    for start in range(0, n, _BLOCK):
        r1 = r = s3 = s4 = s5 = a3 = x.dtype.type(0)
        for i in range(start, min(start + _BLOCK, n)):
            v = x[np.uint64(i)]
            e = (abs(v) - level) * inverse
            r1 += e
            r += e * e
            q = v * v
            c = q * v
            s3 += c
            s4 += q * q
            s5 += q * c
            a3 += abs(c)
        first += r1
        spread += r
        t3 += s3
        t4 += s4
        t5 += s5
        power += a3
    if v_order != 3.0:
        power = 0.0
        for i in range(n):
            power += math.pow(abs(np.float64(x[i])), v_order)
    spread = max(spread - first * first / n, 0.0)
    return spread * scale * scale, t3, t4, t5, power


@njit(**_INLINE)
def _plain_log(x, scale):
    total = count = 0.0
    for i in range(x.shape[0]):
        v = abs(np.float64(x[i]))
        if v > 0.0:
            total += math.log(v / scale)
            count += 1.0
    return total, count


@njit(**_INLINE)
def _products(x, scale, p):
    """Products of four |x / scale|, zeros passed over, into p; returns the number of factors.

    The last one takes what is left behind.
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


@njit(**_INLINE)
def _log_of_product(p, bits):
    """Sum of the logarithms of p, which is changed; `bits` is p seen as whole numbers.

    Exponents are summed and mantissas, from 1 to 2, multiplied: one logarithm serves 900 of them.
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


@njit(**_INLINE)
def _log(x, scale, p, bits, tiny, huge):
    """Sum of log |x / scale| over the samples that are not zero, and how many they are.

    A scale like the mean absolute value keeps products of four in the range of the window's type;
    where it does not, each sample has a logarithm of its own.
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


@njit(**_INLINE)
def _root_sum(x, first, last, strong):
    """Sum of |d|^0.75 (strong) or |d|^0.5 over the differences d from `first` to before `last`."""
    total = 0.0
    for start in range(first, last, _BLOCK):
        s = x.dtype.type(0)
        for i in range(start, min(start + _BLOCK, last)):
            r = math.sqrt(abs(x[np.uint64(i + 1)] - x[np.uint64(i)]))
            s += r * math.sqrt(r) if strong else r
        total += s
    return total


@njit(**_INLINE)
def _enhanced(x):
    """Enhanced waveform length, as a sum."""
    n = x.shape[0]
    # Samples i (from 1) with 0.2 N <= i <= 0.8 N take the larger exponent; in whole numbers,
    # since 0.2 * N is not exact. The difference that ends at sample i is the one at i - 2.
    low = max(-(-n // 5) - 2, 0)
    high = max(4 * n // 5 - 1, low)
    total = _root_sum(x, low, high, True)
    total += _root_sum(x, 0, low, False)
    return total + _root_sum(x, high, n - 1, False)


@njit(**_INLINE)
def _rectified(x, first, last):
    """Sums of |x_i| and of (i - first) |x_i| over the samples from `first` to before `last`."""
    total = ramp = 0.0
    for start in range(first, last, _BLOCK):
        s = r = x.dtype.type(0)
        for i in range(start, min(start + _BLOCK, last)):
            v = abs(x[np.uint64(i)])
            s += v
            r += x.dtype.type(np.int32(i - start)) * v
        total += s
        ramp += r + np.float64(start - first) * s
    return total, ramp


@njit(**_INLINE)
def _modified(x):
    """Sums of the two modified mean absolute values; quarters in whole numbers."""
    n = x.shape[0]
    low = -(-n // 4) - 1  # first sample with 0.25 N <= i, i from 1
    high = max(3 * n // 4, low)  # one behind the last with i <= 0.75 N
    middle = _rectified(x, low, high)[0]
    left, rising = _rectified(x, 0, low)
    right, falling = _rectified(x, high, n)
    weighted = rising + left + (n - high - 1) * right - falling
    return middle + 0.5 * (left + right), middle + 4.0 / n * weighted


@njit(**_INLINE)
def _side_by_side(bits, start, stop, n_lanes, words):
    """Lay windows into lanes: sample start + j of window k goes to place k of row j.

    Parameters
    ----------
    bits : ndarray of shape (n_windows, n_times), int32 or int64
        Windows seen as whole numbers; the last one fills the lanes that are left.
    n_lanes : int
        A multiple of four.
    words : ndarray of shape (n_times, n_words), uint64
        Written. A word holds two samples of float32: stores are what this costs.
    """
    last = bits.shape[0] - 1
    half = np.uint64(32)
    low = np.uint64(2**32 - 1)
    for lane in range(0, n_lanes, 4):
        a, b, c, d = (
            min(lane, last),
            min(lane + 1, last),
            min(lane + 2, last),
            min(lane + 3, last),
        )
        for j in range(stop - start):
            # An index that cannot be negative needs no check for it.
            i = np.uint64(start + j)
            p, q, r, s = (
                np.uint64(bits[a, i]),
                np.uint64(bits[b, i]),
                np.uint64(bits[c, i]),
                np.uint64(bits[d, i]),
            )
            if bits.itemsize == 4:
                words[j, lane // 2] = p & low | q << half
                words[j, lane // 2 + 1] = r & low | s << half
            else:
                words[j, lane] = p
                words[j, lane + 1] = q
                words[j, lane + 2] = r
                words[j, lane + 3] = s


@njit(**_INLINE)
def _turn(sample, threshold, sign, candidate, last, total, count):
    """Follow the signal by one sample; see `_follow_turns`."""
    v = sample * sign
    candidate = v if v > candidate else candidate
    turned = candidate - v >= threshold
    # The last turn was an extreme of the other direction, hence of the other sign.
    change = candidate + last
    total += change if turned else threshold - threshold
    count = np.int32(count + np.int32(turned))
    last = candidate if turned else last
    candidate = -v if turned else candidate
    sign = -sign if turned else sign
    return sign, candidate, last, total, count


@njit(**_INLINE)
def _follow_turns(samples, n_lanes, threshold, state, counts):
    """Turns, and the sum of the amplitude changes that lead to them, of several windows at once.

    The candidate is the largest sample since the last turn, of the signal itself on the way up and
    of its negative on the way down (`sign`); it becomes a turn once the signal has gone back from
    it by the threshold. Four samples at a time keep the state in registers.
    """
    for j in range(0, samples.shape[0], 4):
        x = samples[j : j + 4]
        for k in range(n_lanes):
            s = state[0, k], state[1, k], state[2, k], state[3, k], counts[k]
            s = _turn(x[0, k], threshold, *s)
            s = _turn(x[1, k], threshold, *s)
            s = _turn(x[2, k], threshold, *s)
            s = _turn(x[3, k], threshold, *s)
            state[0, k], state[1, k], state[2, k], state[3, k], counts[k] = s


@njit(**_INLINE)
def _first_swings(samples, threshold, ends):
    """Follow the largest and the smallest sample up to the first swing of threshold size.

    The third row of `ends` says which of the two came last, 1 or -1.
    """
    for j in range(samples.shape[0]):
        for k in range(_LANES):
            v = samples[j, k]
            high = ends[0, k]
            low = ends[1, k]
            still = high - low < threshold
            rises = still & (v > high)
            falls = still & (v < low)
            ends[0, k] = v if rises else high
            ends[1, k] = v if falls else low
            way = ends[2, k]
            way = -1.0 if falls else way
            ends[2, k] = 1.0 if rises else way


@njit(cache=True, nogil=True, error_model="numpy")
def _turns(X, bits, threshold, out):
    """Turns and the sum of the amplitude changes that lead to them.

    Each window is followed as though it rose from its first sample. That first direction is put
    right at the end: where the first swing falls, the turn at its top was none; where it rises, the
    first change starts at the lowest sample before it.

    Parameters
    ----------
    X, bits : ndarray of shape (n_windows, n_times)
        Up to `_LANES` windows, and the same as whole numbers.
    threshold : float of the type of X
    out : ndarray of shape (2, n_windows) or wider
        Written.
    """
    # Arrays made here, of known shapes, need no checks for overlap.
    words = np.zeros((_CHUNK, _LANES * X.itemsize // 8), dtype=np.uint64)
    ends = np.zeros((3, _LANES), dtype=X.dtype)
    state = np.empty((4, _LANES), dtype=X.dtype)
    counts = np.empty(_LANES, dtype=np.int32)
    n_windows, n = X.shape
    n_lanes = _LANES if n_windows > 4 else 4
    samples = words.view(X.dtype)
    for k in range(n_lanes):
        v = X[min(k, n_windows - 1), 0]
        state[0, k] = 1.0
        state[1, k] = v
        state[2, k] = -v
        ends[0, k] = v
        ends[1, k] = v
        counts[k] = 0
    for k in range(n_windows):
        out[1, k] = 0.0
    n_open = n_windows
    for start in range(0, n, _CHUNK):
        stop = min(start + _CHUNK, n)
        _side_by_side(bits, start, stop, n_lanes, words)
        n_samples = stop - start
        # The last sample once more does nothing.
        while n_samples % 4 > 0:
            for k in range(words.shape[1]):
                words[n_samples, k] = words[n_samples - 1, k]
            n_samples += 1
        for k in range(n_lanes):
            state[3, k] = 0.0
        # Constants, so that the loop over lanes is unrolled.
        if n_lanes > 4:
            _follow_turns(samples[:n_samples], _LANES, threshold, state, counts)
        else:
            _follow_turns(samples[:n_samples], 4, threshold, state, counts)
        if n_open > 0:
            _first_swings(samples[:n_samples], threshold, ends)
            n_open = 0
            for k in range(n_windows):
                n_open += ends[0, k] - ends[1, k] < threshold
        for k in range(n_windows):
            out[1, k] += state[3, k]
    for k in range(n_windows):
        if ends[2, k] > 0.0:
            out[1, k] += X[k, 0] - ends[1, k]
        elif counts[k] > 0:
            out[1, k] -= ends[0, k] - X[k, 0]
            counts[k] -= 1
        if counts[k] == 0:
            out[1, k] = 0.0
        out[0, k] = counts[k]


@njit(**_INLINE)
def _buckets(x, centre, scale, top, keys):
    """Bucket of each sample, 0 .. top; a larger sample never has a lower one.

    Half of the buckets lie within `scale` of the centre, and the widths grow with the square of the
    distance, so that a few huge samples do not crowd the others. The quotient falls with |v| even
    as it is rounded.
    """
    origin = x.dtype.type(centre)
    width = x.dtype.type(scale)
    last = x.dtype.type(top)
    half = x.dtype.type(0.5 * top * scale)
    zero = x.dtype.type(0)
    for i in range(x.shape[0]):
        v = x[i] - origin
        r = half / (width + abs(v))
        r = r if v < zero else last - r
        keys[i] = np.uint16(np.int32(r))


@njit(**_INLINE)
def _weighted_sum(ordered, centre):
    """Sum of (2 i - N - 1) (x_(i) - centre), i from 1; any centre leaves it but for rounding."""
    n = ordered.shape[0]
    origin = ordered.dtype.type(centre)
    total = 0.0
    for start in range(0, n, _BLOCK):
        s = r = ordered.dtype.type(0)
        for i in range(start, min(start + _BLOCK, n)):
            v = ordered[np.uint64(i)] - origin
            s += v
            r += ordered.dtype.type(np.int32(i - start)) * v
        total += 2.0 * np.float64(r) + (2.0 * start - n + 1.0) * s
    return total


@njit(**_INLINE)
def _fall(early, late):
    """Sum of early - late where that is positive."""
    total = early.dtype.type(0)
    zero = early.dtype.type(0)
    for i in range(early.shape[0]):
        d = early[i] - late[i]
        total += d if d > zero else zero
    return np.float64(total)


@njit(**_INLINE)
def _four_falls(a, b, c, d, e):
    total = a.dtype.type(0)
    zero = a.dtype.type(0)
    for i in range(a.shape[0]):
        v = a[i]
        u = v - b[i]
        w = v - c[i]
        y = v - d[i]
        z = v - e[i]
        u = u if u > zero else zero
        w = w if w > zero else zero
        y = y if y > zero else zero
        z = z if z > zero else zero
        total += (u + w) + (y + z)
    return np.float64(total)


@njit(cache=True, nogil=True, error_model="numpy")
def _falls(x, first, last):
    """Sum of x_i - x_j over the pairs with j - i from first to last - 1 and x_i > x_j.

    Also whether there can be none further apart. A pair in the wrong order has, with any sample
    between the two, another one in the wrong order; where there is none at distances k to 2 k - 1,
    there is none beyond.
    """
    n = x.shape[0]
    last = min(last, n)
    total = 0.0
    while first < last:
        part = 0.0
        stop = min(2 * first, last)
        lag = first
        while lag + 3 < stop:
            m = n - lag - 3
            part += _four_falls(
                x[:m],
                x[lag : lag + m],
                x[lag + 1 : lag + 1 + m],
                x[lag + 2 : lag + 2 + m],
                x[lag + 3 : lag + 3 + m],
            )
            # The last pairs of the first three lags.
            for k in range(3):
                for i in range(m, n - lag - k):
                    part += max(x[i] - x[i + lag + k], 0.0)
            lag += 4
        while lag < stop:
            part += _fall(x[: n - lag], x[lag:])
            lag += 1
        if part == 0.0:
            return total, True
        total += part
        first *= 2
    return total, last == n


@njit(cache=True, nogil=True, error_model="numpy")
def _l_sum(x, mean, deviation, counts, keys, ordered):
    """Sum of (2 i - N - 1) x_(i), i from 1, x_(i) sorted; NaN if that would take too long.

    Samples fall into buckets, and stand in order but for neighbours in one bucket. Those need not
    be sorted: to exchange neighbours in the wrong order, x_i > x_j, adds 2 (x_i - x_j) to the sum,
    and sorting by such exchanges meets each pair in the wrong order once. A window whose samples
    crowd into few buckets (one huge artefact) is left to the caller.

    Parameters
    ----------
    x : ndarray of shape (n_times,)
    mean, deviation : float
        Mean, and mean of |x - mean|.
    counts : ndarray of shape (n_buckets + 1,), uint32
        Room to work in, as the next two.
    keys : ndarray of shape (n_times,), uint16
    ordered : ndarray of shape (n_times,), of the type of `x`
    """
    n = x.shape[0]
    if not 1e-30 < deviation < 1e30:
        return np.nan
    counts[:] = 0
    _buckets(x, mean, deviation, counts.shape[0] - 2, keys)
    # Unsigned keys need no check for negative ones, which would cost a third of the time.
    one = np.uint32(1)
    behind = counts[1:]
    for i in range(n):
        behind[keys[i]] += one
    total = np.uint32(0)
    fullest = np.uint32(0)
    for k in range(counts.shape[0]):
        fullest = max(fullest, counts[k])
        total = np.uint32(total + counts[k])
        counts[k] = total
    for i in range(n):
        k = keys[i]
        place = counts[k]
        ordered[place] = x[i]
        counts[k] = np.uint32(place + one)
    moved, in_order = _falls(ordered, 1, min(np.int64(fullest), _LAGS))
    if fullest > _LAGS and not in_order:
        start = np.int64(0)
        for k in range(counts.shape[0] - 1):
            stop = np.int64(counts[k])
            if stop - start > _LAGS:
                b = ordered[start:stop]
                if _fall(b[:-1], b[1:]) > 0.0:
                    if stop - start > 512:
                        return np.nan
                    moved += _falls(b, _LAGS, stop - start)[0]
            start = stop
    return _weighted_sum(ordered, mean) + 2.0 * moved


@njit(cache=True, nogil=True)
def l_sums(ordered, out):
    """Sum of (2 i - N - 1) x_(i) of sorted windows.

    Parameters
    ----------
    ordered : ndarray of shape (n_windows, n_times)
    out : ndarray of shape (n_windows,)
    """
    for w in range(ordered.shape[0]):
        out[w] = _weighted_sum(ordered[w], ordered[w, ordered.shape[1] // 2])


@njit(**_INLINE)
def _above_four(x, a, b, c, d):
    """Samples at or above each of four edges."""
    zero = x.dtype.type(0)
    one = x.dtype.type(1)
    above_a = above_b = above_c = above_d = np.int64(0)
    for start in range(0, x.shape[0], _COUNTED):
        i = j = k = m = zero
        for w in range(start, min(start + _COUNTED, x.shape[0])):
            v = x[np.uint64(w)]
            i += one if v >= a else zero
            j += one if v >= b else zero
            k += one if v >= c else zero
            m += one if v >= d else zero
        above_a += np.int64(i)
        above_b += np.int64(j)
        above_c += np.int64(k)
        above_d += np.int64(m)
    return above_a, above_b, above_c, above_d


@njit(**_INLINE)
def _edge(k, n_bins, centre, half):
    """Lower edge of bin k of those from centre - half to centre + half."""
    return centre + half * (2.0 * k / n_bins - 1.0)


@njit(**_INLINE)
def _histogram(x, centre, half, n_bins, out, first_bin):
    """Samples in each bin: differences of the counts at or above the inner edges, four at a time.

    They go to out[first_bin] and on.
    """
    kind = x.dtype.type
    above = np.int64(x.shape[0])
    for first in range(1, n_bins, 4):
        a, b, c, d = _above_four(
            x,
            kind(_edge(first, n_bins, centre, half)),
            kind(_edge(first + 1, n_bins, centre, half)),
            kind(_edge(first + 2, n_bins, centre, half)),
            kind(_edge(first + 3, n_bins, centre, half)),
        )
        for k in range(min(4, n_bins - first)):
            count = a if k == 0 else b if k == 1 else c if k == 2 else d
            out[first_bin + first - 1 + k] = above - count
            above = count
    out[first_bin + n_bins - 1] = above


@njit(**_INLINE)
def _segment_means(x, mav, n_segments, out, first):
    """Mean absolute value of segments of equal length; samples left at the end belong to none.

    Sums of |x| - mav, whose differences keep their digits where an offset is large.
    """
    size = x.shape[0] // n_segments
    level = x.dtype.type(mav)
    for k in range(n_segments):
        total = 0.0
        for start in range(k * size, (k + 1) * size, _BLOCK):
            s = x.dtype.type(0)
            for i in range(start, min(start + _BLOCK, (k + 1) * size)):
                s += abs(x[np.uint64(i)]) - level
            total += s
        out[first + k] = total / size


@njit(cache=True, nogil=True)
def time_domain_sums(
    X, bits, groups, thresholds, turn, v_order, n_bins, bin_range, n_segments, out
):
    """Sums of each window, group by group.

    Parameters
    ----------
    X : ndarray of shape (n_windows, n_times), C-contiguous
    bits : ndarray of shape (n_windows, n_times), int32 or int64
        `X`, seen as whole numbers of the same size.
    groups : int
        Bits of the groups asked for, those that they rest on included.
    thresholds : ndarray of shape (n_windows, 4) or (1, 4), of the type of X
        For zero crossings, slope sign changes, jumps and the myopulse.
    turn : float of the type of X
        Amplitude of a turn.
    v_order, n_bins, bin_range, n_segments
        Exponent; number of bins and half their range (0: three standard deviations); segments.
    out : ndarray of shape (n_sums, n_windows)
        One row for each sum, in the order of the bits, the bins and segments last; rows that no
        group asked for come behind or hold nothing of use. All arrays are C-contiguous: another
        layout would be compiled apart and might add in another order.
    """
    n = X.shape[1]
    n_lanes = min(_LANES, X.shape[0])
    table = np.zeros((33 + n_bins + n_segments, n_lanes))
    counts = np.empty(min(max(n // 2, 256), 2**16 - 1) + 2, dtype=np.uint32)
    keys = np.empty(n, dtype=np.uint16)
    work = np.empty(n, dtype=X.dtype)
    tail = np.empty(_BLOCK + 3, dtype=X.dtype)
    products = np.empty(n // 4 + 1)
    product_bits = products.view(np.int64)
    tiny = np.finfo(X.dtype).tiny
    huge = np.finfo(X.dtype).max
    ends_bits = np.empty(2, dtype=bits.dtype)
    ends = ends_bits.view(X.dtype)
    for w in range(X.shape[0]):
        x = X[w]
        lane = w % n_lanes
        sums = table[:, lane]
        t = min(w, thresholds.shape[0] - 1)
        amplitude_sums(x, sums)
        # Sums of the first and second differences telescope to the ends of the window.
        second = min(1, n - 1)
        sums[5] = np.float64(x[n - 1]) - np.float64(x[0])
        sums[6] = np.float64(x[n - 1]) - np.float64(x[n - 1 - second])
        sums[6] -= np.float64(x[second]) - np.float64(x[0])
        mean = sums[0] / n
        mav = sums[1] / n
        if groups & RANGE:
            range_of(bits[w], ends_bits)
            sums[7] = ends[0]
            sums[8] = ends[1]
        if groups & COUNT:
            sums[9], sums[10] = _count(x, tail, thresholds[t, 0], thresholds[t, 1])
        if groups & JUMP:
            sums[11], sums[12] = _jump(x, thresholds[t, 2], thresholds[t, 3])
        scale = math.sqrt(sums[2] / n) if sums[2] > 0.0 else 1.0
        if groups & CENTRED:
            sums[13], sums[14], sums[15], sums[16] = _centred(x, mean, scale)
        if groups & CURVATURE:
            sums[17], sums[18], sums[19] = _curvature(x)
        if groups & MOMENT:
            sums[20], sums[21], sums[22], sums[23], sums[24] = _moment(x, mav, scale, v_order)
        if groups & LOG:
            sums[25] = 0.0
            sums[26] = 0.0
            if mav > 0.0:
                sums[25], sums[26] = _log(x, mav, products, product_bits, tiny, huge)
        if groups & ENHANCED:
            sums[27] = _enhanced(x)
        if groups & MODIFIED:
            sums[28], sums[29] = _modified(x)
        if groups & L_SCALE:
            sums[30] = 0.0
            if sums[3] > 0.0:
                sums[30] = _l_sum(x, mean, sums[16] / n, counts, keys, work)
        if groups & HISTOGRAM:
            if sums[3] == 0.0 and bin_range <= 0.0:
                # A constant has no spread to bin by: all of it lies at the centre.
                for k in range(n_bins):
                    sums[33 + k] = 0.0
                sums[33 + n_bins // 2] = n
            elif bin_range > 0.0:
                _histogram(x, 0.0, bin_range, n_bins, sums, 33)
            else:
                _histogram(x, mean, 3.0 * math.sqrt(sums[13] / n), n_bins, sums, 33)
        if groups & SLOPE:
            _segment_means(x, mav, n_segments, sums, 33 + n_bins)
        if lane == n_lanes - 1 or w == X.shape[0] - 1:
            first = w - lane
            if groups & TURNS:
                _turns(
                    X[first : w + 1],
                    bits[first : w + 1],
                    turn,
                    table[31:33],
                )
            # Many windows at a time, since those of one sum lie side by side.
            for k in range(out.shape[0]):
                for i in range(lane + 1):
                    out[k, first + i] = table[k, i]
