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

__all__ = ["time_domain_sums"]

_BLOCK = 128
# Windows are finite (the base class refuses others), so that sums may be reordered into vector
# lanes. Slices, not offsets, let the compiler see that no index is negative.
_FAST = {"reassoc", "contract", "nsz", "nnan"}

# Groups of sums that can be asked for, one bit each; `_time_domain._SUMS` names the columns.
AMPLITUDE, RANGE, DIFFERENCE, COUNT, JUMP, CENTRED, CURVATURE, TEAGER = 1, 2, 4, 8, 16, 32, 64, 128
MOMENT, LOG, ENHANCED, MODIFIED, TURNS = 256, 512, 1024, 2048, 4096
L_SCALE, HISTOGRAM, SLOPE = 8192, 16384, 32768


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
def _range(x, high, low, out):
    """Largest and smallest sample; `high` and `low` have room for 64 lanes.

    Maxima of pairs of arrays become vector instructions, a running maximum does not.
    """
    n = x.shape[0]
    high[:] = x[0]
    low[:] = x[0]
    for k in range((n + 63) // 64):
        b = x[64 * k : min(64 * k + 64, n)]
        for i in range(b.shape[0]):
            v = b[i]
            high[i] = high[i] if high[i] > v else v
            low[i] = low[i] if low[i] < v else v
    out[0] = high.max()
    out[1] = low.min()


@njit(cache=True, nogil=True, fastmath=_FAST, error_model="numpy")
def _difference(x, out):
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
def _crossings_over_zeros(x, start, stop, threshold):
    """Zero crossings that pass through samples of exactly zero, of runs beginning in a block."""
    n = x.shape[0]
    count = 0
    for i in range(start, stop):
        if x[i] == 0 and x[i - 1] != 0:
            j = i + 1
            while j < n and x[j] == 0:
                j += 1
            if j < n and (x[i - 1] < 0) != (x[j] < 0) and abs(x[j] - x[i - 1]) >= threshold:
                count += 1
    return count


@njit(cache=True, nogil=True, fastmath=_FAST, error_model="numpy")
def _count(x, t_zc, t_ssc, out):
    """Zero crossings and slope sign changes."""
    n = x.shape[0]
    zero = x[0] - x[0]
    one = np.ones(1, dtype=x.dtype)[0]
    zc = ssc = 0
    for k in range((n + 62) // 64):
        # Counts of up to 64 are exact in floating point, where they take the lanes of the samples.
        c_zc = c_zero = c_ssc = zero
        b = x[64 * k : min(64 * k + 65, n)]
        for i in range(b.shape[0] - 1):
            u = b[i]
            v = b[i + 1]
            low = u if u < v else v
            high = v if u < v else u
            c_zc += one if (low < zero) & (high > zero) & (high - low >= t_zc) else zero
            c_zero += one if v == zero else zero
        zc += int(c_zc)
        if c_zero > zero:
            zc += _crossings_over_zeros(x, 64 * k + 1, 64 * k + b.shape[0], t_zc)
        b = x[64 * k : min(64 * k + 66, n)]
        for i in range(b.shape[0] - 2):
            d = b[i + 1] - b[i]
            e = b[i + 1] - b[i + 2]
            low = d if d < e else e
            high = e if d < e else d
            peak = (low > zero) & (high >= t_ssc)
            trough = (high < zero) & (low <= -t_ssc)
            c_ssc += one if peak | trough else zero
        ssc += int(c_ssc)
    out[0] = zc
    out[1] = ssc


@njit(cache=True, nogil=True, fastmath=_FAST, error_model="numpy")
def _jump(x, t_wamp, t_myop, out):
    """Differences and samples at or above their thresholds."""
    n = x.shape[0]
    zero = x[0] - x[0]
    one = np.ones(1, dtype=x.dtype)[0]
    wamp = 0
    myop = 1 if abs(x[0]) >= t_myop else 0
    for k in range((n + 1022) // 1024):
        c_wamp = c_myop = zero
        b = x[1024 * k : min(1024 * k + 1025, n)]
        for i in range(b.shape[0] - 1):
            c_wamp += one if abs(b[i + 1] - b[i]) >= t_wamp else zero
            c_myop += one if abs(b[i + 1]) >= t_myop else zero
        wamp += int(c_wamp)
        myop += int(c_myop)
    out[0] = wamp
    out[1] = myop


@njit(cache=True, nogil=True, fastmath=_FAST, error_model="numpy")
def _centred(x, mean, mav, out):
    """Sums of powers of x - mean, of |x - mean| and of (|x| - mav)^2."""
    s2 = s3 = s4 = absolute = rectified = 0.0
    for i in range(x.shape[0]):
        v = np.float64(x[i])
        c = v - mean
        q = c * c
        s2 += q
        s3 += q * c
        s4 += q * q
        absolute += abs(c)
        r = abs(v) - mav
        rectified += r * r
    out[0] = s2
    out[1] = s3
    out[2] = s4
    out[3] = absolute
    out[4] = rectified


@njit(cache=True, nogil=True, fastmath=_FAST, error_model="numpy")
def _curvature(x, out):
    """Sum of squares of the second differences."""
    total = 0.0
    for i in range(x.shape[0] - 2):
        c = (np.float64(x[i + 2]) - x[i + 1]) - (np.float64(x[i + 1]) - x[i])
        total += c * c
    out[0] = total


@njit(cache=True, nogil=True, fastmath=_FAST, error_model="numpy")
def _teager(x, out):
    """Sums of the Teager-Kaiser energies and of their squares."""
    total = square = 0.0
    for i in range(x.shape[0] - 2):
        v = np.float64(x[i + 1])
        e = v * v - np.float64(x[i]) * x[i + 2]
        total += e
        square += e * e
    out[0] = total
    out[1] = square


@njit(cache=True, nogil=True, fastmath=_FAST, error_model="numpy")
def _moment(x, v_order, out):
    """Sums of x^3, x^4, x^5 and |x|^v."""
    s3 = s4 = s5 = power = 0.0
    for i in range(x.shape[0]):
        v = np.float64(x[i])
        q = v * v
        s3 += q * v
        s4 += q * q
        s5 += q * q * v
        power += q * abs(v)
    if v_order != 3.0:
        power = 0.0
        for i in range(x.shape[0]):
            power += math.pow(abs(np.float64(x[i])), v_order)
    out[0] = s3
    out[1] = s4
    out[2] = s5
    out[3] = power


@njit(cache=True, nogil=True, fastmath=_FAST, error_model="numpy")
def _log(x, scale, out):
    """Sum of log |x / scale| over the samples that are not zero, and how many they are.

    One logarithm serves the product of 64 samples, which a scale like the mean absolute value
    keeps in range; where it does not, each sample has its own.
    """
    n = x.shape[0]
    total = count = 0.0
    inverse = 1.0 / scale
    for k in range((n + 63) // 64):
        b = x[64 * k : min(64 * k + 64, n)]
        product = 1.0
        used = 0.0
        for i in range(b.shape[0]):
            v = abs(np.float64(b[i])) * inverse
            product *= v if v > 0.0 else 1.0
            used += 1.0 if v > 0.0 else 0.0
        if 1e-290 < product < 1e290:
            total += math.log(product)
        else:
            for i in range(b.shape[0]):
                v = abs(np.float64(b[i])) * inverse
                total += math.log(v) if v > 0.0 else 0.0
        count += used
    out[0] = total
    out[1] = count


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
def _leaves(b, direction, candidate, threshold):
    """Whether a block has a sample beyond the candidate or back from it by the threshold."""
    zero = b[0] - b[0]
    one = np.ones(1, dtype=b.dtype)[0]
    outside = zero
    high = candidate if direction == 1 else candidate + threshold
    low = candidate - threshold if direction == 1 else candidate
    for i in range(b.shape[0]):
        outside += one if (b[i] >= high) | (b[i] <= low) else zero
    return outside > zero


@njit(cache=True, nogil=True)
def _turns(x, threshold, out):
    """Turns and the sum of the amplitude changes that lead to them.

    The candidate is the extreme since the last turn; it becomes a turn once the signal has gone
    back by the threshold. Blocks that stay between the two are passed over.
    """
    n = x.shape[0]
    count = 0
    total = 0.0
    high = low = x[0]
    # Up to the first swing of threshold size the direction is open.
    direction = 0
    i = 1
    while i < n and direction == 0:
        v = x[i]
        high = max(high, v)
        low = min(low, v)
        if v - low >= threshold:
            direction = 1
        elif high - v >= threshold:
            direction = -1
        i += 1
    last = low if direction == 1 else high
    candidate = x[i - 1]
    while i < n:
        b = x[i : min(i + 32, n)]
        i += 32
        if not _leaves(b, direction, candidate, threshold):
            continue
        for j in range(b.shape[0]):
            v = b[j]
            if direction == 1:
                if v > candidate:
                    candidate = v
                elif candidate - v >= threshold:
                    count += 1
                    total += candidate - last
                    last = candidate
                    candidate = v
                    direction = -1
            elif v < candidate:
                candidate = v
            elif v - candidate >= threshold:
                count += 1
                total += last - candidate
                last = candidate
                candidate = v
                direction = 1
    out[0] = count
    out[1] = total


@njit(cache=True, nogil=True)
def _l_scale(x, low, high, counts, ordered):
    """Sum of (2 i - N - 1) x_(i) over the sorted samples, i from 1; NaN if that took too long.

    Samples fall into buckets of equal width, which leaves little to an insertion sort. A window
    whose samples crowd into few buckets (one huge artefact) is left to the caller.
    """
    n = x.shape[0]
    n_buckets = counts.shape[0] - 1
    origin = np.float64(low)
    span = np.float64(high) - origin
    if not span > 0.0:
        return 0.0
    # Divided, not scaled by the inverse: that overflows for subnormal spans.
    counts[:] = 0
    width = span / (n_buckets - 1)
    if not width > 1e-300:
        return np.nan
    scale = 1.0 / width
    for i in range(n):
        counts[min(int((x[i] - origin) * scale), n_buckets - 1) + 1] += 1
    for k in range(1, n_buckets + 1):
        counts[k] += counts[k - 1]
    for i in range(n):
        k = min(int((x[i] - origin) * scale), n_buckets - 1)
        ordered[counts[k]] = x[i]
        counts[k] += 1
    moves = 0
    for i in range(1, n):
        v = ordered[i]
        j = i
        while j > 0 and ordered[j - 1] > v:
            ordered[j] = ordered[j - 1]
            j -= 1
        ordered[j] = v
        moves += i - j
        if moves > 64 * n:
            return np.nan
    total = 0.0
    for i in range(n):
        total += (2.0 * i - n + 1.0) * ordered[i]
    return total


@njit(cache=True, nogil=True, fastmath=_FAST, error_model="numpy")
def _histogram(x, edges, out):
    """Samples at or above each of the inner edges, as differences of neighbouring counts."""
    n = x.shape[0]
    one = np.array([1], dtype=x.dtype)[0]
    zero = one - one
    previous = n
    for k in range(edges.shape[0]):
        edge = edges[k]
        above = 0
        for m in range((n + 4095) // 4096):
            b = x[m * 4096 : min((m + 1) * 4096, n)]
            c = zero
            for i in range(b.shape[0]):
                c += one if b[i] >= edge else zero
            above += int(c)
        out[k] = previous - above
        previous = above
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
    thresholds : ndarray of shape (n_windows, 4), of the type of X
        For zero crossings, slope sign changes, jumps and the myopulse.
    turn : float of the type of X
        Amplitude of a turn.
    v_order, n_bins, bin_range, n_segments
        Exponent; number of bins and half their range (0: three standard deviations); segments.
    out : ndarray of shape (n_windows, 31 + n_bins + n_segments)
        Written in the order of the bits.
    """
    n = X.shape[1]
    n_buckets = 256
    while groups & L_SCALE and n_buckets < 2 * n and n_buckets < 32768:
        n_buckets *= 2
    counts = np.empty(n_buckets + 1, dtype=np.int32)
    work = np.empty(n, dtype=X.dtype)
    lanes = np.empty((2, 64), dtype=X.dtype)
    edges = np.empty(n_bins - 1, dtype=X.dtype)
    for w in range(X.shape[0]):
        x = X[w]
        row = out[w]
        _amplitude(x, row[0:3])
        mean = row[0] / n
        mav = row[1] / n
        if groups & RANGE:
            _range(x, lanes[0], lanes[1], row[3:5])
        if groups & DIFFERENCE:
            _difference(x, row[5:7])
        if groups & COUNT:
            _count(x, thresholds[w, 0], thresholds[w, 1], row[7:9])
        if groups & JUMP:
            _jump(x, thresholds[w, 2], thresholds[w, 3], row[9:11])
        if groups & CENTRED:
            _centred(x, mean, mav, row[11:16])
        if groups & CURVATURE:
            _curvature(x, row[16:17])
        if groups & TEAGER:
            _teager(x, row[17:19])
        if groups & MOMENT:
            _moment(x, v_order, row[19:23])
        if groups & LOG:
            row[23:25] = 0.0
            if mav > 0.0:
                _log(x, mav, row[23:25])
        if groups & ENHANCED:
            _enhanced(x, work, row[25:26])
        if groups & MODIFIED:
            _modified(x, row[26:28])
        if groups & TURNS:
            _turns(x, turn, row[28:30])
        if groups & L_SCALE:
            row[30] = _l_scale(x, row[4], row[3], counts, work)
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
            _segment_means(x, n_segments, row[31 + n_bins :])
