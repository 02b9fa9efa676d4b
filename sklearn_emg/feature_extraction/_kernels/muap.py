"""Compiled detection and measurement of motor unit potentials.

This module imports numba: import it only inside functions.

One pass over a window finds the segments above a level, and only these are processed further. All
measures are float64.
"""

import math

import numpy as np
from numba import njit

from sklearn_emg.feature_extraction._kernels.sums import MUAP_MEASURES

# Columns of a table of potentials. The first three are indices of samples.
FIRST, LAST, PEAK, ISOLATED, AMPLITUDE, DURATION = range(6)
PHASES, TURNS, RISE, AREA, THICKNESS, SIZE_INDEX = range(6, 12)
N_MEASURES = len(MUAP_MEASURES)

# Columns of the thresholds in mV: minimum amplitude, level for the duration, minimum height of a
# phase and minimum height of a turn.
MIN_AMPLITUDE, LEVEL, PHASE, TURN = range(4)
# Columns of the limits: longest gap within a potential, maximum rise time, maximum duration and
# minimum distance of a second peak, in samples; minimum height of a second peak as a fraction of
# the amplitude; samples per ms.
GAP, MAX_RISE, MAX_DURATION, REFRACTORY, SECOND, PER_MS = range(6)


@njit(cache=True, nogil=True)
def _shape(x, base, first, last, phase, row):
    """Measure extrema, area and phases of a segment; return the sample before the largest step."""
    high = low = area = largest = steepest = 0.0
    peak = step = first
    side = 0
    phases = 1
    before = x[first - 1] - base
    for i in range(first, last + 2):
        v = x[i] - base
        if abs(v - before) > steepest:
            steepest = abs(v - before)
            step = i - 1
        before = v
        if i > last:
            break
        area += abs(v)
        high = max(high, v)
        low = min(low, v)
        if abs(v) > largest:
            largest = abs(v)
            peak = i
        if abs(v) > phase:
            now = 1 if v > 0.0 else -1
            phases += int(side == -now)
            side = now
    row[FIRST] = first
    row[LAST] = last
    row[PEAK] = peak
    row[AMPLITUDE] = high - low
    row[DURATION] = last - first + 1
    row[PHASES] = phases
    row[AREA] = area
    return step


@njit(cache=True, nogil=True)
def _extremes(x, base, first, last, turn, where, value):
    """Find the extrema that differ by at least `turn`, with the baseline at both ends.

    Return the number of extrema. All of them except the first and the last are turns.
    """
    n = direction = 0
    high = low = 0.0
    at_high = at_low = first - 1
    for i in range(first, last + 2):
        v = x[i] - base if i <= last else 0.0
        if direction >= 0:
            if v > high:
                high = v
                at_high = i
            if high - v >= turn:
                where[n] = at_high
                value[n] = high
                n += 1
                direction = -1
                low = v
                at_low = i
                continue
        if direction <= 0:
            if v < low:
                low = v
                at_low = i
            if v - low >= turn:
                where[n] = at_low
                value[n] = low
                n += 1
                direction = 1
                high = v
                at_high = i
    if n > 0:
        where[n] = at_high if direction > 0 else at_low
        value[n] = high if direction > 0 else low
        n += 1
    return n


@njit(cache=True, nogil=True)
def _rise_time(x, base, step, start, stop, foot, top):
    """Measure the time in samples from 10 to 90 % of the flank from `foot` to `top`.

    The flank contains the largest step and is followed from there in both directions, at most to
    `start` and `stop`. Samples are interpolated linearly.
    """
    height = top - foot
    i = step
    lower = (x[i] - base - foot) / height
    upper = (x[i + 1] - base - foot) / height
    while lower > 0.1 and i > start:
        i -= 1
        upper = lower
        lower = (x[i] - base - foot) / height
    begin = float(i)
    if lower < 0.1 < upper:
        begin += (0.1 - lower) / (upper - lower)
    i = step + 1
    lower = (x[i - 1] - base - foot) / height
    upper = (x[i] - base - foot) / height
    while upper < 0.9 and i < stop:
        i += 1
        lower = upper
        upper = (x[i] - base - foot) / height
    end = float(i)
    if lower < 0.9 < upper:
        end -= (upper - 0.9) / (upper - lower)
    return end - begin


@njit(cache=True, nogil=True)
def _rise_of(x, base, step, quiet, where, value, n, row):
    """Measure the rise time of the flank that contains the largest step."""
    first, last, peak = int(row[FIRST]), int(row[LAST]), int(row[PEAK])
    for j in range(1, n):
        if where[j] > step:
            # The outermost flanks start and end at the baseline.
            start = where[j - 1] if where[j - 1] >= first else first - quiet
            stop = where[j] if where[j] <= last else last + quiet
            return _rise_time(x, base, step, start, stop, value[j - 1], value[j])
    top = x[peak] - base
    if step < peak:
        return _rise_time(x, base, step, first - quiet, peak, 0.0, top)
    return _rise_time(x, base, step, peak, last + quiet, top, 0.0)


@njit(cache=True, nogil=True)
def _has_second_peak(where, value, n, peak, refractory, min_height):
    """Return whether a turn is more than `refractory` samples from the peak.

    The turn must differ from the extrema on both sides by at least `min_height`.
    """
    for j in range(1, n - 1):
        lower = min(abs(value[j] - value[j - 1]), abs(value[j + 1] - value[j]))
        if lower >= min_height and abs(where[j] - peak) > refractory:
            return True
    return False


@njit(cache=True, nogil=True)
def _measure(x, base, first, last, thresholds, limits, where, value, row):
    """Write the measures of one segment into `row`; return whether it is a potential."""
    quiet = max(int(limits[GAP]), 1)
    if first < quiet or last + quiet >= x.shape[0]:
        # The segment may be cut off by the end of the window.
        return False
    step = _shape(x, base, first, last, thresholds[PHASE], row)
    if row[AMPLITUDE] < thresholds[MIN_AMPLITUDE]:
        return False
    n = _extremes(x, base, first, last, thresholds[TURN], where, value)
    row[RISE] = _rise_of(x, base, step, quiet, where, value, n, row)
    if row[RISE] > limits[MAX_RISE]:
        return False
    min_height = limits[SECOND] * row[AMPLITUDE]
    superposed = row[DURATION] > limits[MAX_DURATION] or _has_second_peak(
        where, value, n, row[PEAK], limits[REFRACTORY], min_height
    )
    row[ISOLATED] = 0.0 if superposed else 1.0
    row[TURNS] = max(n - 2, 0)
    for column in (DURATION, RISE, AREA):
        row[column] /= limits[PER_MS]
    row[THICKNESS] = row[AREA] / row[AMPLITUDE]
    row[SIZE_INDEX] = 2.0 * math.log10(row[AMPLITUDE]) + row[THICKNESS]
    return True


@njit(cache=True, nogil=True)
def find_potentials(x, base, thresholds, limits, where, value, table):
    """Find the potentials of one window in chronological order.

    Parameters
    ----------
    x : ndarray of shape (n_times,)
        Window in mV.
    base : float
        Baseline in mV.
    thresholds : ndarray of shape (4,), float64
        Thresholds in mV; see the constants of this module.
    limits : ndarray of shape (6,), float64
        Limits; see the constants of this module.
    where, value : ndarray of shape (n_times + 2,), int64 and float64
        Buffers for the extrema of a potential.
    table : ndarray of shape (n_rows, N_MEASURES), float64
        Output. Two potentials are more than a gap apart, which limits the number of rows.

    Returns
    -------
    n_potentials : int
        Number of potentials.
    """
    # The constants have the type of the window, so that samples are compared in this type.
    centre = x.dtype.type(base)
    level = x.dtype.type(thresholds[LEVEL])
    count = 0
    first = last = -1
    for i in range(x.shape[0]):
        if abs(x[i] - centre) > level:
            if first >= 0 and i - last > limits[GAP]:
                row = table[count]
                count += _measure(x, base, first, last, thresholds, limits, where, value, row)
                first = -1
            if first < 0:
                first = i
            last = i
    if first >= 0:
        row = table[count]
        count += _measure(x, base, first, last, thresholds, limits, where, value, row)
    return count


@njit(cache=True, nogil=True)
def _quantile(values, fraction):
    """Compute a quantile of sorted values with linear interpolation."""
    position = fraction * (values.shape[0] - 1)
    k = int(position)
    if k + 1 >= values.shape[0]:
        return values[k]
    return values[k] + (position - k) * (values[k + 1] - values[k])


@njit(cache=True, nogil=True)
def summarise_potentials(X, bases, thresholds, limits, seconds, fill, out):
    """Compute rates, medians, quantiles and means of the potentials of each window.

    Parameters
    ----------
    X : ndarray of shape (n_windows, n_times), C-contiguous
        Windows in mV.
    bases : ndarray of shape (n_windows,), float64
        Baselines in mV.
    thresholds : ndarray of shape (n_windows, 4) or (1, 4), float64
        Thresholds in mV of each window or of all windows.
    limits : ndarray of shape (6,), float64
        Limits; see the constants of this module.
    seconds : float
        Length of a window in seconds.
    fill : float
        Value that all features except the rates have in a window without an isolated potential.
    out : ndarray of shape (n_windows, 15)
        Output: isolated and superposed potentials per second; medians of amplitude, duration, rise
        time, area, thickness and size index; 10 and 90 % quantiles of amplitude and duration;
        means of phases and turns; proportion of potentials with more than four phases.
    """
    n_times = X.shape[1]
    where = np.empty(n_times + 2, dtype=np.int64)
    value = np.empty(n_times + 2)
    # Consecutive segments are more than limits[GAP] samples apart, which bounds their number.
    table = np.empty((n_times // max(int(limits[GAP]), 1) + 2, N_MEASURES))
    for w in range(X.shape[0]):
        t = thresholds[w] if thresholds.shape[0] > 1 else thresholds[0]
        n_found = find_potentials(X[w], bases[w], t, limits, where, value, table)
        n = 0
        for k in range(n_found):
            if table[k, ISOLATED] > 0.0:
                table[n] = table[k]
                n += 1
        row = out[w]
        row[0] = n / seconds
        row[1] = (n_found - n) / seconds
        row[2:] = fill
        if n == 0:
            continue
        polyphasic = 0
        for k in range(n):
            polyphasic += int(table[k, PHASES] > 4.0)
        row[12] = table[:n, PHASES].mean()
        row[13] = table[:n, TURNS].mean()
        row[14] = polyphasic / n
        place = 2
        for column in (AMPLITUDE, DURATION, RISE, AREA, THICKNESS, SIZE_INDEX):
            values = np.sort(table[:n, column])
            row[place] = _quantile(values, 0.5)
            place += 1
        for k, column in enumerate((AMPLITUDE, DURATION)):
            values = np.sort(table[:n, column])
            row[8 + 2 * k] = _quantile(values, 0.1)
            row[9 + 2 * k] = _quantile(values, 0.9)
