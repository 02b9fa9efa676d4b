"""Compiled loops of the decomposition: matching, snippets and sums of templates.

Since this module imports numba, import it only within functions. The matching, which is limited by
memory bandwidth, uses float32; all other functions use float64.
"""

import numpy as np
from numba import njit

_BLOCK = 64
# Number of blocks on either side among which the highest score is found first. Memory that is read
# next is then close by, which is faster than processing in the order of the whole recording.
_AROUND = 16
# Number of samples around a discharge within which it is placed again.
_NEAR = 12
_TAPS = 5
# Number of steps per sample between which signals are interpolated.
_PARTS = 32
# Largest number of columns that are sorted together.
_COLUMNS = 96


@njit(cache=True, nogil=True)
def _raise(top, values, bars):
    """Replace elements of `top` by higher values that exceed their threshold."""
    for i in range(top.shape[0]):
        value, highest, bar = values[i], top[i], bars[i]
        minimum = max(highest, bar)
        top[i] = value if value > minimum else highest


@njit(cache=True, nogil=True)
def _unit_of(values, bars, i, top):
    """First unit with this value at sample `i`, above its threshold."""
    for unit in range(values.shape[0]):
        if values[unit, i] == top and top > bars[unit, i]:
            return unit
    return -1


@njit(cache=True, nogil=True)
def _refresh(state, blocks, first, last):
    """Find the discharge that decreases the energy most in each block of samples `first` to `last`.

    Where no discharge exceeds its threshold, `best` is -1.
    """
    values, bars = state
    best, at, which = blocks[:3]
    n_units, n_times = values.shape
    top = np.empty(_AROUND * _BLOCK, dtype=np.float32)
    begin, end = max(first, 0) // _BLOCK, min(last, n_times - 1) // _BLOCK + 1
    for base in range(begin, end, _AROUND):
        start, stop = base * _BLOCK, min(min(base + _AROUND, end) * _BLOCK, n_times)
        part = top[: stop - start]
        part[:] = np.float32(-1.0)
        for unit in range(n_units):
            _raise(part, values[unit, start:stop], bars[unit, start:stop])
        for block in range(base, min(base + _AROUND, end)):
            here = part[(block - base) * _BLOCK : (block - base + 1) * _BLOCK]
            best[block], i = _highest(here)
            if best[block] > 0.0:
                at[block] = block * _BLOCK + i
                which[block] = _unit_of(values, bars, at[block], best[block])


@njit(cache=True, nogil=True)
def _highest(row):
    """Highest value and its index."""
    top, place = row[0], 0
    for i in range(1, row.shape[0]):
        if row[i] > top:
            top, place = row[i], i
    return top, place


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
        _add(values[other], gram[unit, step, other], at, -2.0 * sign)
        if other != unit:
            _add(bars[other], spread[unit, other], at, sign)
    far = max(expected[unit], refractory)
    first, stop = max(at - refractory, 0), min(at + refractory + 1, n_times)
    outer, inner = np.float32(sign) * doubt[unit], np.float32(sign) * never[unit]
    _lift(bars[unit, max(at - far, 0) : first], outer)
    _lift(bars[unit, first:stop], inner)
    _lift(bars[unit, stop : min(at + far + 1, n_times)], outer)


@njit(cache=True, nogil=True)
def _lift(row, amount):
    for i in range(row.shape[0]):
        row[i] += amount


@njit(cache=True, nogil=True)
def _step(row, at, n_steps):
    return int((_vertex(row, at) + 0.5) * (n_steps - 1) + 0.5)


@njit(cache=True, nogil=True)
def _refresh_changed(state, blocks):
    """Refresh each run of changed blocks in one pass."""
    changed = blocks[3]
    cursor = 0
    while cursor < changed.shape[0]:
        start = cursor
        while cursor < changed.shape[0] and changed[cursor]:
            cursor += 1
        if cursor > start:
            _refresh(state, blocks, start * _BLOCK, cursor * _BLOCK - 1)
        cursor += 1
    changed[:] = False


@njit(cache=True, nogil=True)
def _fill(state, model, blocks, units, times, steps, count):
    """Add discharges in order of the local decrease in energy until none exceeds its threshold."""
    values = state[0]
    gram, refractory, expected = model[0], model[2], model[3]
    best, at, which = blocks[:3]
    n_steps, reach = gram.shape[1], gram.shape[3] // 2
    n_blocks = best.shape[0]
    _refresh_changed(state, blocks)
    cursor = 0
    while cursor < n_blocks and count < units.shape[0]:
        if best[cursor] <= 0.0:
            cursor += 1
            continue
        block = _climb(best, cursor)
        unit, place = which[block], at[block]
        units[count], times[count] = unit, place
        steps[count] = _step(values[unit], place, n_steps)
        _change(state, model, unit, place, steps[count], 1.0)
        count += 1
        _refresh(state, blocks, place - reach, place + reach)
        # Farther away, only the thresholds and thus the blocks of this unit have changed.
        far = max(expected[unit], refractory)
        end = min((place + far) // _BLOCK + 1, n_blocks)
        for near in range(max(place - far, 0) // _BLOCK, end):
            if which[near] == unit and best[near] > 0.0:
                _refresh(state, blocks, near * _BLOCK, near * _BLOCK)
        # The remainder of an earlier potential may now exceed a threshold.
        cursor = min(cursor, max(place - reach, 0) // _BLOCK)
    return count


@njit(cache=True, nogil=True)
def _without(near, state, model, unit, at, step, start):
    """Copy the state from sample `start` into `near`, as it would be without a discharge."""
    values, bars = state
    gram, spread, refractory, expected, doubt, never = model
    rest, minimum = near
    width = rest.shape[1]
    offset = start - at + gram.shape[3] // 2
    inner = max(-offset, 0), min(gram.shape[3] - offset, width)
    for other in range(values.shape[0]):
        potential, raised = gram[unit, step, other], spread[unit, other]
        for i in range(width):
            rest[other, i] = values[other, start + i]
            minimum[other, i] = bars[other, start + i]
        for i in range(inner[0], inner[1]):
            rest[other, i] += np.float32(2.0) * potential[offset + i]
        if other != unit:
            for i in range(inner[0], inner[1]):
                minimum[other, i] -= raised[offset + i]
    for i in range(width):
        apart = abs(start + i - at)
        if apart <= max(expected[unit], refractory):
            minimum[unit, i] -= never[unit] if apart <= refractory else doubt[unit]


@njit(cache=True, nogil=True)
def _replace(state, model, blocks, units, times, steps, count):
    """Replace each discharge by the best discharge of any unit nearby.

    The state and its blocks change only where another discharge is better or none is left.

    Returns
    -------
    kept, n_changes : int
        Number of discharges that are left, and number of changes.
    """
    n_units, n_times = state[0].shape
    n_steps, reach = model[0].shape[1], model[0].shape[3] // 2
    room = np.empty((2, n_units, 2 * _NEAR + 3), dtype=np.float32)
    top = np.empty(2 * _NEAR + 3, dtype=np.float32)
    kept, n_changes = 0, 0
    for k in range(count):
        old, at, step = units[k], times[k], steps[k]
        first, stop = max(at - _NEAR, 0), min(at + _NEAR + 1, n_times)
        # One more sample on either side, which the step within a sample depends on.
        start = max(first - 1, 0)
        width = min(stop + 1, n_times) - start
        rest, minimum = room[0, :, :width], room[1, :, :width]
        _without((rest, minimum), state, model, old, at, step, start)
        best = top[:width]
        best[:] = np.float32(-1.0)
        for other in range(n_units):
            _raise(best, rest[other], minimum[other])
        highest, i = _highest(best[first - start : stop - start])
        unit, place, part = -1, at, step
        if highest > 0.0:
            i += first - start
            unit = _unit_of(rest, minimum, i, highest)
            place, part = start + i, _step(rest[unit], i, n_steps)
        if unit != old or place != at or part != step:
            n_changes += 1
            far = max(model[3][old], model[2], reach) + _NEAR
            blocks[3][max(at - far, 0) // _BLOCK : (at + far) // _BLOCK + 1] = True
            _change(state, model, old, at, step, -1.0)
            if unit >= 0:
                far = max(model[3][unit], model[2], reach)
                blocks[3][max(place - far, 0) // _BLOCK : (place + far) // _BLOCK + 1] = True
                _change(state, model, unit, place, part, 1.0)
        if unit >= 0:
            units[kept], times[kept], steps[kept] = unit, place, part
            kept += 1
    return kept, n_changes


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
        gram : ndarray of shape (n_units, n_steps, n_units, 2 * reach + 1)
            Correlation of each template, shifted by a fraction of a sample in n_steps from -0.5 to
            0.5, with each template, at lags from -reach to reach samples.
        spread : ndarray of shape (n_units, n_units, 2 * reach + 1)
            Amount by which a discharge of the first unit raises the threshold of the second unit.
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
    n_blocks = (state[0].shape[1] + _BLOCK - 1) // _BLOCK
    # Decrease in energy, sample and unit of the best discharge in each block of samples, and
    # whether it must be determined again.
    best = np.empty(n_blocks, dtype=np.float32)
    at, which = np.zeros(n_blocks, dtype=np.int64), np.zeros(n_blocks, dtype=np.int64)
    blocks = best, at, which, np.ones(n_blocks, dtype=np.bool_)
    count = _fill(state, model, blocks, units, times, steps, 0)
    for _ in range(n_sweeps):
        count, n_changes = _replace(state, model, blocks, units, times, steps, count)
        if n_changes == 0:
            break
        count = _fill(state, model, blocks, units, times, steps, count)
    return count


@njit(cache=True, nogil=True)
def _sinc(weights, part):
    """Weights of a sinc in a Hann window that interpolate `part` samples after the middle tap."""
    for tap in range(2 * _TAPS + 1):
        x = tap - _TAPS - part
        weights[tap] = np.sinc(x) * (0.5 + 0.5 * np.cos(np.pi * x / (_TAPS + 1.0)))
    weights /= weights.sum()


@njit(cache=True, nogil=True)
def stretches(signal, times, before, length):
    """Cut out segments of a signal around times, interpolated between samples.

    Parameters
    ----------
    signal : ndarray of shape (n_channels, n_times)
        Signal in mV; beyond its ends it is zero.
    times : ndarray of shape (n_segments,)
        Times in samples, rounded to steps of 1 / _PARTS samples.
    before, length : int
        Number of samples before each time, and of all samples of a segment.

    Returns
    -------
    segments : ndarray of shape (n_segments, n_channels, length)
        Segments in mV.
    """
    n_channels, n_times = signal.shape
    out = np.zeros((times.shape[0], n_channels, length))
    # Weights of the taps for each shift in steps of 1 / _PARTS samples from -0.5 to 0.5.
    table, known = np.empty((_PARTS + 1, 2 * _TAPS + 1)), np.zeros(_PARTS + 1, dtype=np.bool_)
    for k in range(times.shape[0]):
        whole = int(np.floor(times[k] + 0.5))
        step = int(np.round((times[k] - whole) * _PARTS))
        weights, part = table[step + _PARTS // 2], step / _PARTS
        if not known[step + _PARTS // 2]:
            _sinc(weights, part)
            known[step + _PARTS // 2] = True
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
    """Median of `values` of shape (n, n_channels, length) over the first axis.

    Columns are sorted together in groups by the merge exchange of Batcher (1968). Its order of
    comparisons is the same for any values, so that several columns are compared at once.
    """
    n, n_channels, length = values.shape
    out = np.empty((n_channels, length))
    n_groups = (max(length, 1) + _COLUMNS - 1) // _COLUMNS
    width = (length + n_groups - 1) // n_groups
    rows = np.empty((n, width))
    for channel in range(n_channels):
        for group in range(n_groups):
            start = min(group * width, length - width)
            for k in range(n):
                rows[k] = values[k, channel, start : start + width]
            _sort_columns(rows)
            for i in range(width):
                middle = rows[n // 2, i]
                if n % 2 == 0:
                    middle = 0.5 * (middle + rows[n // 2 - 1, i])
                out[channel, start + i] = middle
    return out


@njit(cache=True, nogil=True)
def _sort_columns(rows):
    """Sort each column in place."""
    n = rows.shape[0]
    size, bits = 1, 1
    while size < n:
        apart = size
        while apart >= 1:
            for begin in range(apart % size, n - apart, 2 * apart):
                for i in range(begin, min(begin + apart, n - apart)):
                    # Only rows in the same block of 2 * size rows are compared.
                    if i >> bits == (i + apart) >> bits:
                        _exchange(rows[i], rows[i + apart])
            apart //= 2
        size *= 2
        bits += 1


@njit(cache=True, nogil=True)
def _exchange(low, high):
    for i in range(low.shape[0]):
        a, b = low[i], high[i]
        low[i] = min(a, b)
        high[i] = max(a, b)


@njit(cache=True, nogil=True, forceinline=True, fastmath={"nnan", "nsz", "reassoc", "contract"})
def _inner(a, b):
    total = 0.0
    for i in range(a.shape[0]):
        total += a[i] * b[i]
    return total


@njit(cache=True, nogil=True)
def closest(a, b, reach):
    """Largest inner product of `a` and a shifted `b`, both of shape (n_channels, length).

    Returns
    -------
    product : float
        Largest inner product for shifts of at most `reach` samples.
    shift : int
        Number of samples by which `b` is delayed.
    """
    n_channels, length = a.shape
    product, shift = -np.inf, 0
    for lag in range(-min(reach, length - 1), min(reach, length - 1) + 1):
        n = length - abs(lag)
        total = 0.0
        for channel in range(n_channels):
            first, second = max(lag, 0), max(-lag, 0)
            total += _inner(a[channel, first : first + n], b[channel, second : second + n])
        if total > product:
            product, shift = total, lag
    return product, shift


@njit(cache=True, nogil=True)
def neighbours(products, size, max_distance, tolerance):
    """Return which rows of a matrix are close to each other, computed from their inner products.

    Parameters
    ----------
    products : ndarray of shape (n, n)
        Inner products of the rows.
    size : ndarray of shape (n,)
        Squared norms of the rows.
    max_distance, tolerance : float
        The squared distance of close rows is less than `max_distance` plus `tolerance` times the
        smaller of their squared norms.

    Returns
    -------
    near : ndarray of bool of shape (n, n)
        True for each pair of close rows.
    """
    n = size.shape[0]
    near = np.empty((n, n), dtype=np.bool_)
    for i in range(n):
        row, out = products[i], near[i]
        for j in range(n):
            limit = max_distance + tolerance * min(size[i], size[j])
            out[j] = size[i] + size[j] - 2.0 * row[j] < limit
    return near


@njit(cache=True, nogil=True)
def place(out, bank, units, at, steps, before, sign):
    """Add `sign` times the shifted templates of all discharges to a signal.

    Parameters
    ----------
    out : ndarray of shape (n_channels, n_times)
        Signal in mV, which is changed.
    bank : ndarray of shape (n_units, n_steps, n_channels, length)
        Templates in mV, shifted by each fraction of a sample.
    units, at, steps : ndarray of int of shape (n_discharges,)
        Unit of each discharge, its time in whole samples, and the index of its shift.
    before : int
        Number of samples of a template before its time.
    sign : float
        Factor, 1 or -1.
    """
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
    """Compute the inner product of the shifted template of each discharge with a signal.

    Parameters
    ----------
    signal : ndarray of shape (n_channels, n_times)
        Signal in mV.
    bank : ndarray of shape (n_units, n_steps, n_channels, length)
        Templates in mV, shifted by each fraction of a sample.
    units, at, steps : ndarray of int of shape (n_discharges,)
        Unit of each discharge, its time in whole samples, and the index of its shift.
    before : int
        Number of samples of a template before its time.

    Returns
    -------
    products : ndarray of shape (n_discharges,)
        Inner products in mV².
    """
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
