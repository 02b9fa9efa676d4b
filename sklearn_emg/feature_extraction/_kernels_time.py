"""Compiled sums behind the time-domain features.

This module imports numba: import it inside functions only.

Each pass is a short loop without branches over one window that lies in the cache, which the
compiler turns into vector instructions; a window comes from memory once. Sums run in the type of
the window for 128 samples at a time and then in float64, so that float32 keeps its speed without
losing digits in long windows. `x[0] - x[0]` is a zero of the window's type (literals are float64).
"""

import math

import numpy as np
from numba import njit

__all__ = ["difference_sums", "range_of", "time_domain_sums"]

_BLOCK = 128
# Windows are finite (the base class refuses others), so that sums may be reordered into vector
# lanes. Slices, not offsets, let the compiler see that no index is negative.
_FAST = {"reassoc", "contract", "nsz", "nnan"}

# Groups of sums that can be asked for, one bit each; `_time_domain._SUMS` names the columns.
AMPLITUDE, RANGE, DIFFERENCE, COUNT, JUMP, CENTRED, CURVATURE = 1, 2, 4, 8, 16, 32, 64
MOMENT, LOG, ENHANCED, MODIFIED, TURNS = 128, 256, 512, 1024, 2048
L_SCALE, HISTOGRAM, SLOPE = 4096, 8192, 16384


@njit(cache=True, nogil=True, fastmath=_FAST, error_model="numpy")
def _amplitude(x, out):
    """Sum of x, |x| and x^2."""
    n = x.shape[0]
    total = absolute = square = 0.0
    for k in range((n + _BLOCK - 1) // _BLOCK):
        b = x[k * _BLOCK : min((k + 1) * _BLOCK, n)]
        s = a = q = x[0] - x[0]
        for i in range(b.shape[0]):
            v = b[i]
            s += v
            a += abs(v)
            q += v * v
        total += s
        absolute += a
        square += q
    out[0] = total
    out[1] = absolute
    out[2] = square


@njit(cache=True, nogil=True, fastmath=_FAST, error_model="numpy")
def range_of(x, high, low, out):
    """Largest and smallest sample; `high` and `low` have room for 128 lanes.

    Maxima of pairs of arrays become vector instructions, a running maximum does not.
    """
    n = x.shape[0]
    high[:] = x[0]
    low[:] = x[0]
    for k in range((n + 127) // 128):
        b = x[128 * k : min(128 * k + 128, n)]
        for i in range(b.shape[0]):
            v = b[i]
            high[i] = high[i] if high[i] > v else v
            low[i] = low[i] if low[i] < v else v
    out[0] = high.max()
    out[1] = low.min()


@njit(cache=True, nogil=True, fastmath=_FAST, error_model="numpy")
def difference_sums(x, out):
    """Sum of |d| and d^2."""
    n = x.shape[0] - 1
    absolute = square = 0.0
    for k in range((n + _BLOCK - 1) // _BLOCK):
        b = x[k * _BLOCK : min((k + 1) * _BLOCK, n) + 1]
        a = q = x[0] - x[0]
        for i in range(b.shape[0] - 1):
            d = b[i + 1] - b[i]
            a += abs(d)
            q += d * d
        absolute += a
        square += q
    out[0] = absolute
    out[1] = square


@njit(cache=True, nogil=True)
def _crosses(u, v, threshold):
    return ((u < 0) & (v > 0) | (u > 0) & (v < 0)) and abs(v - u) >= threshold


@njit(cache=True, nogil=True)
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


@njit(cache=True, nogil=True)
def _peaks(u, v, w, threshold):
    d = v - u
    e = v - w
    return ((d > 0) & (e > 0) | (d < 0) & (e < 0)) and max(abs(d), abs(e)) >= threshold


@njit(cache=True, nogil=True, fastmath=_FAST, error_model="numpy")
def _count(x, t_zc, t_ssc, out):
    """Zero crossings and slope sign changes.

    One or two zeros hand on the sample before them; longer runs of zeros are rare, and windows that
    have one are looked at again. Counts are 32-bit, which leaves the lanes to the samples.
    """
    n = x.shape[0]
    zero = x[0] - x[0]
    zc = ssc = run = np.int32(0)
    for i in range(n - 3):
        t = x[i]
        u = x[i + 1]
        v = x[i + 2]
        w = x[i + 3]
        carried = t if u == zero else u
        carried = carried if v == zero else v
        low = carried if carried < w else w
        high = w if carried < w else carried
        zc = np.int32(zc + np.int32((low < zero) & (high > zero) & (high - low >= t_zc)))
        run = np.int32(run + np.int32(carried == zero))
        d = v - u
        e = v - w
        low = d if d < e else e
        high = e if d < e else d
        peak = (low > zero) & (high >= t_ssc)
        trough = (high < zero) & (low <= -t_ssc)
        ssc = np.int32(ssc + np.int32(peak | trough))
    zc_total = np.int64(zc)
    ssc_total = np.int64(ssc)
    # What ends at the second and third sample lies before the first round.
    if n > 1:
        zc_total += _crosses(x[0], x[1], t_zc)
    if n > 2:
        zc_total += _crosses(x[0] if x[1] == zero else x[1], x[2], t_zc)
        ssc_total += _peaks(x[0], x[1], x[2], t_ssc)
    if run > 0:
        zc_total += _crossings_over_runs(x, 3, t_zc)
    out[0] = zc_total
    out[1] = ssc_total


@njit(cache=True, nogil=True, fastmath=_FAST, error_model="numpy")
def _jump(x, t_wamp, t_myop, out):
    """Differences and samples at or above their thresholds."""
    wamp = np.int32(0)
    myop = np.int32(abs(x[0]) >= t_myop)
    for i in range(x.shape[0] - 1):
        wamp = np.int32(wamp + np.int32(abs(x[i + 1] - x[i]) >= t_wamp))
        myop = np.int32(myop + np.int32(abs(x[i + 1]) >= t_myop))
    out[0] = wamp
    out[1] = myop


@njit(cache=True, nogil=True, fastmath=_FAST, error_model="numpy")
def _centred(x, mean, mav, scale, out):
    """Sums of powers of x - mean, of |x - mean| and of (|x| - mav)^2.

    Powers are those of multiples of the scale, of which float32 can hold the fourth. The mean is
    rounded to the type of the window; what that leaves is taken off at the end.
    """
    n = x.shape[0]
    t1 = t2 = t3 = t4 = absolute = rectified = 0.0
    settings = np.empty(3, dtype=x.dtype)
    settings[0] = mean
    settings[1] = 1.0 / scale
    settings[2] = mav
    centre = settings[0]
    inverse = settings[1]
    level = settings[2]
    for k in range((n + _BLOCK - 1) // _BLOCK):
        b = x[k * _BLOCK : min((k + 1) * _BLOCK, n)]
        s1 = s2 = s3 = s4 = a = r = x[0] - x[0]
        for i in range(b.shape[0]):
            c = (b[i] - centre) * inverse
            q = c * c
            s1 += c
            s2 += q
            s3 += q * c
            s4 += q * q
            a += abs(c)
            e = (abs(b[i]) - level) * inverse
            r += e * e
        t1 += s1
        t2 += s2
        t3 += s3
        t4 += s4
        absolute += a
        rectified += r
    d = t1 / n
    out[0] = (t2 - n * d * d) * scale**2
    out[1] = (t3 - 3.0 * d * t2 + 2.0 * n * d**3) * scale**3
    out[2] = (t4 - 4.0 * d * t3 + 6.0 * d * d * t2 - 3.0 * n * d**4) * scale**4
    out[3] = absolute * scale
    out[4] = rectified * scale**2


@njit(cache=True, nogil=True, fastmath=_FAST, error_model="numpy")
def _curvature(x, out):
    """Sum of squares of second differences; sums of Teager-Kaiser energies and of their squares.

    The energy x_i^2 - x_{i-1} x_{i+1} is taken from differences, which lose no digits where the
    signal is smooth.
    """
    n = x.shape[0] - 2
    curvature = energy = square = 0.0
    for k in range((n + _BLOCK - 1) // _BLOCK):
        b = x[k * _BLOCK : min((k + 1) * _BLOCK, n) + 2]
        c = t = q = x[0] - x[0]
        for i in range(b.shape[0] - 2):
            d = b[i + 1] - b[i]
            e = b[i + 2] - b[i + 1]
            f = e - d
            c += f * f
            psi = d * e - b[i + 1] * f
            t += psi
            q += psi * psi
        curvature += c
        energy += t
        square += q
    out[0] = curvature
    out[1] = energy
    out[2] = square


@njit(cache=True, nogil=True, fastmath=_FAST, error_model="numpy")
def _moment(x, v_order, out):
    """Sums of x^3, x^4, x^5 and |x|^v."""
    n = x.shape[0]
    t3 = t4 = t5 = power = 0.0
    for k in range((n + _BLOCK - 1) // _BLOCK):
        b = x[k * _BLOCK : min((k + 1) * _BLOCK, n)]
        s3 = s4 = s5 = a3 = x[0] - x[0]
        for i in range(b.shape[0]):
            v = b[i]
            q = v * v
            c = q * v
            s3 += c
            s4 += q * q
            s5 += q * c
            a3 += abs(c)
        t3 += s3
        t4 += s4
        t5 += s5
        power += a3
    if v_order != 3.0:
        power = 0.0
        for i in range(n):
            power += math.pow(abs(np.float64(x[i])), v_order)
    out[0] = t3
    out[1] = t4
    out[2] = t5
    out[3] = power


@njit(cache=True, nogil=True)
def _plain_log(x, scale, total, count):
    for i in range(x.shape[0]):
        v = abs(np.float64(x[i]))
        if v > 0.0:
            total += math.log(v / scale)
            count += 1.0
    return total, count


@njit(cache=True, nogil=True, fastmath=_FAST, error_model="numpy")
def _products(x, scale, p):
    """Products of four |x / scale|, zeros passed over, into p; returns the number of factors."""
    settings = np.ones(2, dtype=x.dtype)
    settings[1] = 1.0 / scale
    one = settings[0]
    inverse = settings[1]
    zero = one - one
    n = p.shape[0]
    x0 = x[:n]
    x1 = x[n : 2 * n]
    x2 = x[2 * n : 3 * n]
    x3 = x[3 * n : 4 * n]
    count = np.int32(0)
    for i in range(n):
        v0 = abs(x0[i]) * inverse
        v1 = abs(x1[i]) * inverse
        v2 = abs(x2[i]) * inverse
        v3 = abs(x3[i]) * inverse
        used = np.int32(v0 > zero) + np.int32(v1 > zero)
        used += np.int32(v2 > zero) + np.int32(v3 > zero)
        count = np.int32(count + used)
        v0 = v0 if v0 > zero else one
        v1 = v1 if v1 > zero else one
        v2 = v2 if v2 > zero else one
        v3 = v3 if v3 > zero else one
        p[i] = (v0 * v1) * (v2 * v3)
    return np.int64(count)


@njit(cache=True, nogil=True, fastmath=_FAST, error_model="numpy")
def _log(x, scale, work, out):
    """Sum of log |x / scale| over the samples that are not zero, and how many they are.

    One logarithm serves the product of 64 samples, taken of four at a time in the window's type
    and then in float64. A scale like the mean absolute value keeps it in range; where it does not,
    the whole window has a logarithm for each sample.
    """
    n = x.shape[0] // 64 * 16
    p = work[:n]
    count = np.float64(_products(x, scale, p))
    total = 0.0
    for k in range(n // 16):
        b = p[16 * k : 16 * k + 16]
        product = 1.0
        for i in range(16):
            product *= np.float64(b[i])
        # What left the range of float32 is zero or infinite here, too.
        if not 1e-290 < product < 1e290:
            out[0], out[1] = _plain_log(x, scale, 0.0, 0.0)
            return
        total += math.log(product)
    out[0], out[1] = _plain_log(x[4 * n :], scale, total, count)


@njit(cache=True, nogil=True, fastmath=_FAST, error_model="numpy")
def _root_sum(x, strong):
    """Sum of |x|^0.75 (strong) or |x|^0.5."""
    n = x.shape[0]
    total = 0.0
    for k in range((n + _BLOCK - 1) // _BLOCK):
        b = x[k * _BLOCK : min((k + 1) * _BLOCK, n)]
        if strong:
            s = np.zeros(1, dtype=x.dtype)[0]
            for i in range(b.shape[0]):
                r = math.sqrt(abs(b[i]))
                s += r * math.sqrt(r)
            total += s
        else:
            s = np.zeros(1, dtype=x.dtype)[0]
            for i in range(b.shape[0]):
                s += math.sqrt(abs(b[i]))
            total += s
    return total


@njit(cache=True, nogil=True, fastmath=_FAST, error_model="numpy")
def _enhanced(x, work, out):
    """Enhanced waveform length, as a sum."""
    n = x.shape[0]
    d = work[: n - 1]
    for i in range(n - 1):
        d[i] = x[i + 1] - x[i]
    # Samples i (from 1) with 0.2 N <= i <= 0.8 N take the larger exponent; in whole numbers,
    # since 0.2 * N is not exact. The difference that ends at sample i is d[i - 2].
    low = max(-(-n // 5) - 2, 0)
    high = max(4 * n // 5 - 1, low)
    total = _root_sum(d[low:high], True)
    total += _root_sum(d[:low], False)
    total += _root_sum(d[high:], False)
    out[0] = total


@njit(cache=True, nogil=True, fastmath=_FAST, error_model="numpy")
def _modified(x, out):
    """Sums of the two modified mean absolute values; quarters in whole numbers."""
    n = x.shape[0]
    low = -(-n // 4) - 1  # first sample with 0.25 N <= i, i from 1
    high = 3 * n // 4  # one behind the last with i <= 0.75 N
    high = max(high, low)
    middle = edge = ramp = 0.0
    b = x[low:high]
    for i in range(b.shape[0]):
        middle += abs(np.float64(b[i]))
    b = x[:low]
    for i in range(b.shape[0]):
        v = abs(np.float64(b[i]))
        edge += v
        ramp += (i + 1.0) * v
    b = x[high:]
    for i in range(b.shape[0]):
        v = abs(np.float64(b[i]))
        edge += v
        ramp += (b.shape[0] - i - 1.0) * v
    out[0] = middle + 0.5 * edge
    out[1] = middle + 4.0 * ramp / n


@njit(cache=True, nogil=True, fastmath=_FAST, error_model="numpy")
def _bends(x, flags):
    """Mark the samples at which the signal does not go straight on up or down."""
    zero = x[0] - x[0]
    for i in range(x.shape[0] - 2):
        d = x[i + 1] - x[i]
        e = x[i + 2] - x[i + 1]
        on = ((d > zero) & (e > zero)) | ((d < zero) & (e < zero))
        flags[i] = 0 if on else 1


@njit(cache=True, nogil=True, fastmath=_FAST, error_model="numpy")
def _gather(x, flags, extremes):
    """First and last sample and the marked ones between; every sample is written, few stay."""
    count = 1
    extremes[0] = x[0]
    for i in range(x.shape[0] - 2):
        extremes[count] = x[i + 1]
        count += flags[i]
    extremes[count] = x[x.shape[0] - 1]
    return count + 1


@njit(cache=True, nogil=True)
def _turns(x, threshold, flags, extremes, out):
    """Turns and the sum of the amplitude changes that lead to them.

    Only extremes matter. The candidate is the largest since the last turn, of the signal itself on
    the way up and of its negative on the way down; it becomes a turn once the signal has gone back
    from it by the threshold.
    """
    out[0] = 0.0
    out[1] = 0.0
    if x.shape[0] < 2:
        return
    _bends(x, flags)
    n = _gather(x, flags, extremes)
    # Up to the first swing of threshold size the direction is open.
    sign = x[0] - x[0]
    one = np.ones(1, dtype=x.dtype)[0]
    high = low = extremes[0]
    i = 1
    while i < n and sign == 0:
        v = extremes[i]
        high = max(high, v)
        low = min(low, v)
        if v - low >= threshold:
            sign = one
        elif high - v >= threshold:
            sign = -one
        i += 1
    if sign == 0:
        return
    last = -low if sign > 0 else high
    candidate = sign * extremes[i - 1]
    count = 0
    total = 0.0
    for j in range(i, n):
        v = sign * extremes[j]
        candidate = v if v > candidate else candidate
        if candidate - v >= threshold:
            count += 1
            # The last turn was an extreme of the other direction, hence of the other sign.
            total += candidate + last
            last = candidate
            candidate = -v
            sign = -sign
    out[0] = count
    out[1] = total


@njit(cache=True, nogil=True, fastmath=_FAST, error_model="numpy")
def _buckets(x, centre, reach, top, keys):
    """Bucket of each sample, 0 .. top; a larger sample never has a lower one.

    The root of the distance from the centre makes room where EMG has most of its samples.
    """
    settings = np.empty(3, dtype=x.dtype)
    settings[0] = centre
    settings[1] = 0.5 * top
    settings[2] = 0.5 * top / math.sqrt(reach)
    origin = settings[0]
    middle = settings[1]
    factor = settings[2]
    zero = middle - middle
    for i in range(x.shape[0]):
        v = x[i] - origin
        r = math.sqrt(abs(v)) * factor
        r = -r if v < zero else r
        k = np.int32(middle + r)
        keys[i] = min(max(k, np.int32(0)), top)


@njit(cache=True, nogil=True)
def _sort(x, mean, low, high, counts, keys, ordered):
    """Sort a window into `ordered`; False if that would take too long.

    Samples fall into about as many buckets as there are samples, which leaves little to an
    insertion sort. A window whose samples crowd into few buckets (one huge artefact) is left to the
    caller.
    """
    n = x.shape[0]
    top = np.int32(counts.shape[0] - 2)
    span = np.float64(high) - np.float64(low)
    if not 1e-30 < span < 1e30:
        ordered[:n] = x
        return not span > 0.0
    counts[:] = 0
    _buckets(x, mean, max(high - mean, mean - low), top, keys)
    for i in range(n):
        counts[keys[i] + 1] += 1
    total = np.int32(0)
    for k in range(counts.shape[0]):
        total = np.int32(total + counts[k])
        counts[k] = total
    for i in range(n):
        k = keys[i]
        place = counts[k]
        ordered[place] = x[i]
        counts[k] = place + 1
    moves = 0
    for i in range(1, n):
        v = ordered[i]
        if v < ordered[i - 1]:
            j = i
            while j > 0 and ordered[j - 1] > v:
                ordered[j] = ordered[j - 1]
                j -= 1
            ordered[j] = v
            moves += i - j
            if moves > 64 * n:
                return False
    return True


@njit(cache=True, nogil=True, fastmath=_FAST, error_model="numpy")
def _weighted_sum(ordered):
    """Sum of (2 i - N - 1) x_(i), i from 1."""
    n = ordered.shape[0]
    total = 0.0
    for i in range(n):
        total += (2.0 * i - n + 1.0) * ordered[i]
    return total


@njit(cache=True, nogil=True, fastmath=_FAST, error_model="numpy")
def _histogram(x, edges, out):
    """Samples at or above each of the inner edges, as differences of neighbouring counts."""
    previous = x.shape[0]
    for k in range(edges.shape[0]):
        edge = edges[k]
        above = np.int32(0)
        for i in range(x.shape[0]):
            above = np.int32(above + np.int32(x[i] >= edge))
        out[k] = previous - above
        previous = np.int64(above)
    out[edges.shape[0]] = previous


@njit(cache=True, nogil=True, fastmath=_FAST, error_model="numpy")
def _segment_means(x, n_segments, out):
    """Mean absolute value of segments of equal length; samples left at the end belong to none."""
    size = x.shape[0] // n_segments
    for k in range(n_segments):
        total = 0.0
        b = x[k * size : (k + 1) * size]
        for i in range(size):
            total += abs(np.float64(b[i]))
        out[k] = total / size


@njit(cache=True, nogil=True)
def time_domain_sums(X, groups, thresholds, turn, v_order, n_bins, bin_range, n_segments, out):
    """Sums of each window, group by group.

    Parameters
    ----------
    X : ndarray of shape (n_windows, n_times), C-contiguous
    groups : int
        Bits of the groups asked for, those that they rest on included. AMPLITUDE always is.
    thresholds : ndarray of shape (n_windows, 4) or (1, 4), of the type of X
        For zero crossings, slope sign changes, jumps and the myopulse.
    turn : float of the type of X
        Amplitude of a turn.
    v_order, n_bins, bin_range, n_segments
        Exponent; number of bins and half their range (0: three standard deviations); segments.
    out : ndarray of shape (n_windows, 31 + n_bins + n_segments or more)
        Written in the order of the bits. All arrays are C-contiguous: another layout would be
        compiled apart and might add in another order.
    """
    n = X.shape[1]
    # Twice as many buckets as samples where that costs little.
    counts = np.empty((n if n >= 1024 else 2 * n) + 2, dtype=np.int32)
    keys = np.empty(n, dtype=np.int32)
    work = np.empty(n + 1, dtype=X.dtype)
    flags = np.empty(n, dtype=np.uint8)
    lanes = np.empty((2, 128), dtype=X.dtype)
    edges = np.empty(n_bins - 1, dtype=X.dtype)
    for w in range(X.shape[0]):
        x = X[w]
        row = out[w]
        limits = thresholds[w] if thresholds.shape[0] > 1 else thresholds[0]
        _amplitude(x, row[0:3])
        mean = row[0] / n
        mav = row[1] / n
        if groups & RANGE:
            range_of(x, lanes[0], lanes[1], row[3:5])
        if groups & DIFFERENCE:
            difference_sums(x, row[5:7])
        if groups & COUNT:
            _count(x, limits[0], limits[1], row[7:9])
        if groups & JUMP:
            _jump(x, limits[2], limits[3], row[9:11])
        if groups & CENTRED:
            scale = math.sqrt(row[2] / n)
            _centred(x, mean, mav, scale if scale > 0.0 else 1.0, row[11:16])
        if groups & CURVATURE:
            _curvature(x, row[16:19])
        if groups & MOMENT:
            _moment(x, v_order, row[19:23])
        if groups & LOG:
            row[23:25] = 0.0
            if mav > 0.0:
                _log(x, mav, work, row[23:25])
        if groups & ENHANCED:
            _enhanced(x, work, row[25:26])
        if groups & MODIFIED:
            _modified(x, row[26:28])
        if groups & TURNS:
            _turns(x, turn, flags, work, row[28:30])
        if groups & L_SCALE:
            sorted_well = _sort(x, mean, row[4], row[3], counts, keys, work)
            row[30] = _weighted_sum(work[:n]) if sorted_well else np.nan
        if groups & HISTOGRAM:
            centre = mean if bin_range <= 0.0 else 0.0
            half = bin_range if bin_range > 0.0 else 3.0 * math.sqrt(row[11] / n)
            bins = row[31 : 31 + n_bins]
            if row[3] == row[4] and bin_range <= 0.0:
                # A constant has no spread to bin by: all of it lies at the centre.
                bins[:] = 0.0
                bins[n_bins // 2] = n
            else:
                for k in range(n_bins - 1):
                    edges[k] = centre + half * (2.0 * (k + 1) / n_bins - 1.0)
                _histogram(x, edges, bins)
        if groups & SLOPE:
            _segment_means(x, n_segments, row[31 + n_bins : 31 + n_bins + n_segments])
