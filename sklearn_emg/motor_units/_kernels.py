"""Compiled loops of the decomposition: matching, snippets and sums of templates.

Since this module imports numba, import it only within functions. The matching, which is limited by
memory bandwidth, uses float32; all other functions use float64.
"""

import numpy as np
from numba import njit

__all__ = ["fit_mixture", "match", "medians", "place", "projections", "stretches"]

_BLOCK = 64
# Number of blocks on either side among which the highest score is found first. Memory that is read
# next is then close by, which is faster than processing in the order of the whole recording.
_AROUND = 16
# Number of samples around a discharge within which it is placed again.
_NEAR = 12
_TAPS = 5


@njit(cache=True, nogil=True, fastmath={"nnan", "nsz", "reassoc"})
def _highest(values, bars, start, stop):
    """Highest value that exceeds its threshold, or a negative number if there is none."""
    none = np.float32(-1.0)
    top = none
    part, least = values[start:stop], bars[start:stop]
    for i in range(part.shape[0]):
        value = part[i] if part[i] > least[i] else none
        top = value if value > top else top
    return top


@njit(cache=True, nogil=True)
def _refresh(state, best, which, first, last, only):
    """Find the unit that decreases the energy most in the blocks of samples `first` to `last`.

    If `only` is a unit, only blocks in which that unit is the best are updated.
    """
    values, bars = state
    n_units, n_times = values.shape
    for block in range(max(first, 0) // _BLOCK, min(last, n_times - 1) // _BLOCK + 1):
        if only >= 0 and which[block] != only:
            continue
        start = block * _BLOCK
        stop = min(start + _BLOCK, n_times)
        best[block] = np.float32(-1.0)
        for unit in range(n_units):
            top = _highest(values[unit], bars[unit], start, stop)
            if top > best[block]:
                best[block] = top
                which[block] = unit


@njit(cache=True, nogil=True)
def _place_of(top, row, start):
    """Index of the first sample from `start` with this value."""
    while row[start] != top:
        start += 1
    return start


@njit(cache=True, nogil=True)
def _climb(best, block):
    """Climb from a block to the block with the highest score in its surroundings."""
    while True:
        first = max(block - _AROUND, 0)
        top = first + best[first : block + _AROUND + 1].argmax()
        if best[top] == best[block]:
            return block
        block = top


@njit(cache=True, nogil=True)
def _vertex(row, i):
    """Fraction of a sample, from -0.5 to 0.5, at which the parabola through a peak is highest."""
    if i <= 0 or i + 1 >= row.shape[0]:
        return 0.0
    bend = row[i - 1] - 2.0 * row[i] + row[i + 1]
    if bend >= 0.0:
        return 0.0
    return min(max(0.5 * (row[i - 1] - row[i + 1]) / bend, -0.5), 0.5)


@njit(cache=True, nogil=True)
def _add(row, values, at, factor):
    """Add `factor` times `values`, whose middle is at sample `at`, to a row."""
    reach = values.shape[0] // 2
    first = max(at - reach, 0)
    stop = min(at + reach + 1, row.shape[0])
    part = values[first - at + reach : stop - at + reach]
    target = row[first:stop]
    scale = np.float32(factor)
    for i in range(target.shape[0]):
        target[i] += scale * part[i]


@njit(cache=True, nogil=True)
def _change(state, model, unit, at, step, sign):
    """Account for a discharge (sign 1) or its removal (sign -1) in the state.

    Its potential is subtracted. The thresholds of the unit are raised around it, where another
    discharge is impossible or improbable. The thresholds of other units are raised by the variation
    of the potential, which could be mistaken for a discharge.
    """
    values, bars = state
    gram, spread, refractory, expected, doubt, never = model
    n_times = values.shape[1]
    for other in range(values.shape[0]):
        _add(values[other], gram[other, unit, step], at, -2.0 * sign)
        if other != unit:
            _add(bars[other], spread[other, unit], at, sign)
    reach = max(expected[unit], refractory)
    for i in range(max(at - reach, 0), min(at + reach + 1, n_times)):
        raised = never[unit] if abs(i - at) <= refractory else doubt[unit]
        bars[unit, i] += np.float32(sign) * raised


@njit(cache=True, nogil=True)
def _step(row, at, n_steps):
    return int((_vertex(row, at) + 0.5) * (n_steps - 1) + 0.5)


@njit(cache=True, nogil=True)
def _fill(state, model, units, times, steps, count):
    """Add discharges in order of the local decrease in energy until none exceeds its threshold."""
    values = state[0]
    gram, refractory, expected = model[0], model[2], model[3]
    n_times = values.shape[1]
    n_steps, reach = gram.shape[2], gram.shape[3] // 2
    n_blocks = (n_times + _BLOCK - 1) // _BLOCK
    best = np.empty(n_blocks, dtype=np.float32)
    which = np.zeros(n_blocks, dtype=np.int64)
    _refresh(state, best, which, 0, n_times - 1, -1)
    cursor = 0
    while cursor < n_blocks and count < units.shape[0]:
        if best[cursor] <= 0.0:
            cursor += 1
            continue
        block = _climb(best, cursor)
        unit = which[block]
        at = _place_of(best[block], values[unit], block * _BLOCK)
        units[count], times[count] = unit, at
        steps[count] = _step(values[unit], at, n_steps)
        _change(state, model, unit, at, steps[count], 1.0)
        count += 1
        _refresh(state, best, which, at - reach, at + reach, -1)
        # Farther away, only the thresholds and thus the blocks of this unit have changed.
        far = max(expected[unit], refractory)
        _refresh(state, best, which, at - far, at + far, unit)
        # The remainder of an earlier potential may now exceed a threshold.
        cursor = min(cursor, max(at - reach, 0) // _BLOCK)
    return count


@njit(cache=True, nogil=True)
def _replace(state, model, units, times, steps, count):
    """Remove each discharge and place the best discharge of any unit nearby."""
    values, bars = state
    n_steps = model[0].shape[2]
    kept = 0
    for k in range(count):
        at = times[k]
        _change(state, model, units[k], at, steps[k], -1.0)
        first, stop = max(at - _NEAR, 0), min(at + _NEAR + 1, values.shape[1])
        best, unit = np.float32(0.0), -1
        for other in range(values.shape[0]):
            top = _highest(values[other], bars[other], first, stop)
            if top > best:
                best, unit = top, other
        if unit >= 0:
            at = _place_of(best, values[unit], first)
            units[kept], times[kept] = unit, at
            steps[kept] = _step(values[unit], at, n_steps)
            _change(state, model, unit, at, steps[kept], 1.0)
            kept += 1
    return kept


@njit(cache=True, nogil=True)
def match(state, model, n_sweeps, units, times, steps):
    """Find the discharges of all units in order of the local decrease in energy, with corrections.

    Parameters
    ----------
    state : tuple of
        values : ndarray of shape (n_units, n_times)
            Decrease in energy by a discharge of each unit at each sample. It is overwritten by
            that of the residual.
        bars : ndarray of shape (n_units, n_times)
            Threshold that the decrease in energy by a discharge must exceed. It is overwritten.
    model : tuple of
        gram : ndarray of shape (n_units, n_units, n_steps, 2 * reach + 1)
            Correlation of each template with each template shifted by a fraction of a sample, in
            n_steps from -0.5 to 0.5, at lags from -reach to reach samples.
        spread : ndarray of shape (n_units, n_units, 2 * reach + 1)
            Amount by which a discharge of the second unit raises the threshold of the first unit.
        refractory : int
            Number of samples around a discharge without another discharge of its unit.
        expected : ndarray of shape (n_units,), int64
            Number of samples around a discharge in which another one of its unit is improbable.
        doubt : ndarray of shape (n_units,), float32
            Amount by which the threshold is higher within `expected` samples.
        never : ndarray of shape (n_units,)
            Amount by which the threshold is higher within the refractory period. It exceeds the
            energy of any potential.
    n_sweeps : int
        Number of times that each discharge is removed and placed again.
    units, times, steps : ndarray of shape (n_discharges_max,), int64
        Output arrays for the unit, the sample and the step of the shift of each discharge.

    Returns
    -------
    n_discharges : int
        Number of discharges in the output arrays.
    """
    count = _fill(state, model, units, times, steps, 0)
    for _ in range(n_sweeps):
        count = _replace(state, model, units, times, steps, count)
        count = _fill(state, model, units, times, steps, count)
    return count


@njit(cache=True, nogil=True)
def stretches(signal, times, before, length):
    """Segments of `signal` around times in samples, see ``snippets``."""
    n_channels, n_times = signal.shape
    out = np.zeros((times.shape[0], n_channels, length))
    weights = np.empty(2 * _TAPS + 1)
    for k in range(times.shape[0]):
        whole = int(np.floor(times[k] + 0.5))
        part = np.round((times[k] - whole) * 32) / 32
        for tap in range(2 * _TAPS + 1):
            x = tap - _TAPS - part
            weights[tap] = np.sinc(x) * (0.5 + 0.5 * np.cos(np.pi * x / (_TAPS + 1.0)))
        weights /= weights.sum()
        start = whole - before
        for channel in range(n_channels):
            row = out[k, channel]
            for tap in range(2 * _TAPS + 1):
                offset = start + tap - _TAPS
                first = max(-offset, 0)
                stop = min(length, n_times - offset)
                weight = weights[tap]
                if stop > first and (part != 0.0 or tap == _TAPS):
                    source = signal[channel, offset + first : offset + stop]
                    target = row[first:stop]
                    for i in range(target.shape[0]):
                        target[i] += weight * source[i]
    return out


@njit(cache=True, nogil=True)
def medians(values):
    """Median of `values` of shape (n, n_channels, length) over the first axis."""
    n, n_channels, length = values.shape
    out = np.empty((n_channels, length))
    column = np.empty(n)
    for channel in range(n_channels):
        for i in range(length):
            for k in range(n):
                column[k] = values[k, channel, i]
            upper = _select(column, n // 2)
            out[channel, i] = upper
            if n % 2 == 0:
                out[channel, i] = 0.5 * (upper + column[: n // 2].max())
    return out


@njit(cache=True, nogil=True)
def _select(values, k):
    """The k-th smallest value; smaller values are moved before it."""
    first, last = 0, values.shape[0] - 1
    while first < last:
        pivot = values[(first + last) // 2]
        i, j = first, last
        while i <= j:
            while values[i] < pivot:
                i += 1
            while values[j] > pivot:
                j -= 1
            if i <= j:
                values[i], values[j] = values[j], values[i]
                i += 1
                j -= 1
        if k <= j:
            last = j
        elif k >= i:
            first = i
        else:
            break
    return values[k]


@njit(cache=True, nogil=True)
def place(out, bank, units, at, steps, before, sign):
    """Add `sign` times the shifted templates of all discharges to `out`."""
    n_channels, n_times = out.shape
    length = bank.shape[3]
    for k in range(units.shape[0]):
        start = at[k] - before
        first, stop = max(-start, 0), min(length, n_times - start)
        if stop <= first:
            continue
        for channel in range(n_channels):
            source = bank[units[k], steps[k], channel, first:stop]
            target = out[channel, start + first : start + stop]
            for i in range(target.shape[0]):
                target[i] += sign * source[i]


@njit(cache=True, nogil=True)
def projections(signal, bank, units, at, steps, before):
    """Inner product of the shifted template of each discharge with the signal."""
    n_channels, n_times = signal.shape
    length = bank.shape[3]
    out = np.zeros(units.shape[0])
    for k in range(units.shape[0]):
        start = at[k] - before
        first, stop = max(-start, 0), min(length, n_times - start)
        for channel in range(n_channels):
            for i in range(first, stop):
                out[k] += bank[units[k], steps[k], channel, i] * signal[channel, start + i]
    return out


@njit(cache=True, nogil=True)
def fit_mixture(intervals, mean, n_multiples, n_iterations):
    """Fit the mixture of ``fit_intervals``, starting from a mean interval.

    Returns
    -------
    score, mean, sd, missed, noise : float
        Mean log density, mean interval and its standard deviation, fraction of missed discharges,
        and fraction of intervals that are not sums of intervals of the unit.
    """
    sd, missed, noise = 0.2 * mean, 0.1, 0.1
    # Longer intervals are rare pauses, which give no information about missed discharges.
    kept = intervals[intervals < (n_multiples + 0.5) * mean]
    if len(kept) < 3:
        kept = intervals
    span = kept.max()
    score = -np.inf
    posterior = np.empty((len(kept), n_multiples))
    heights, widths = np.empty(n_multiples), np.empty(n_multiples)
    for _ in range(n_iterations):
        total_weight = 1.0 - missed**n_multiples
        for m in range(n_multiples):
            widths[m] = sd * np.sqrt(m + 1.0)
            weight = (1.0 - missed) * missed**m / total_weight
            heights[m] = (1.0 - noise) * weight / (widths[m] * np.sqrt(2.0 * np.pi))
        score, n, extra, places = 0.0, 0.0, 0.0, 0.0
        for k in range(len(kept)):
            total = noise / span
            for m in range(n_multiples):
                deviation = (kept[k] - mean * (m + 1)) / widths[m]
                posterior[k, m] = heights[m] * np.exp(-0.5 * deviation**2)
                total += posterior[k, m]
            score += np.log(total) / len(kept)
            for m in range(n_multiples):
                posterior[k, m] /= total
                n += posterior[k, m]
                extra += posterior[k, m] * m
                places += posterior[k, m] * kept[k]
        if n < 1e-6:
            # No interval is near this mean or its multiples.
            return -np.inf, mean, sd, missed, 1.0
        mean = places / (n + extra)
        squares = 0.0
        for k in range(len(kept)):
            for m in range(n_multiples):
                squares += posterior[k, m] * (kept[k] - mean * (m + 1)) ** 2 / (m + 1)
        sd = min(max(np.sqrt(squares / n), 0.02 * mean), 0.35 * mean)
        missed = min(max(extra / (n + extra), 1e-3), 0.9)
        noise = min(max(1.0 - n / len(kept), 1e-3), 0.999)
    # The other intervals count with the density of an improbable interval.
    n_others = len(intervals) - len(kept)
    score += (n_others * np.log(1e-4 / mean) - n_others * score) / len(intervals)
    return score, mean, sd, missed, noise
