"""Compiled matching of templates with a signal; this module imports numba.

Import it inside functions only. All arrays are float64 unless stated otherwise.
"""

import numpy as np
from numba import njit

__all__ = ["match"]

_BLOCK = 64
# A bar that no template passes: within the refractory period of a unit.
_NEVER = 1e12


@njit(cache=True, nogil=True)
def _refresh(bars, correlation, energy, best, where, which, first, last, only):
    """Find the template that decreases the energy most in the blocks of `first` to `last`.

    With `only` a unit, blocks whose best template is another unit's are left as they are.
    """
    n_units, n_times = correlation.shape
    for block in range(max(first, 0) // _BLOCK, min(last, n_times - 1) // _BLOCK + 1):
        if only >= 0 and which[block] != only:
            continue
        start = block * _BLOCK
        stop = min(start + _BLOCK, n_times)
        best[block] = -np.inf
        which[block] = -1
        for unit in range(n_units):
            for i in range(start, stop):
                value = 2.0 * correlation[unit, i] - energy[unit]
                if value > best[block] and value > bars[unit, i]:
                    best[block] = value
                    where[block] = i
                    which[block] = unit


@njit(cache=True, nogil=True)
def _vertex(row, i):
    """Fraction of a sample between -0.5 and 0.5 at which the parabola through a peak is highest."""
    if i <= 0 or i + 1 >= row.shape[0]:
        return 0.0
    bend = row[i - 1] - 2.0 * row[i] + row[i + 1]
    if bend >= 0.0:
        return 0.0
    return min(max(0.5 * (row[i - 1] - row[i + 1]) / bend, -0.5), 0.5)


@njit(cache=True, nogil=True)
def _subtract(correlation, gram, unit, at, step, sign):
    """Subtract (sign 1) or add back (-1) a potential, as the correlations see it."""
    n_units, n_times = correlation.shape
    reach = gram.shape[3] // 2
    first = max(at - reach, 0)
    last = min(at + reach, n_times - 1)
    for other in range(n_units):
        row = gram[other, unit, step]
        for i in range(first, last + 1):
            correlation[other, i] -= sign * row[i - at + reach]


@njit(cache=True, nogil=True)
def _raise_bar(bars, spread, unit, at, refractory, expected, doubt, sign):
    """Raise (sign 1) or lower again (-1) the bars around a discharge.

    A further discharge of the unit is impossible or improbable; other units could take its
    variation from discharge to discharge for their own potential.
    """
    n_units, n_times = bars.shape
    half = spread.shape[2] // 2
    for other in range(n_units):
        if other != unit:
            for i in range(max(at - half, 0), min(at + half + 1, n_times)):
                bars[other, i] += sign * spread[other, unit, i - at + half]
    reach = max(expected, refractory)
    for i in range(max(at - reach, 0), min(at + reach + 1, n_times)):
        bars[unit, i] += sign * (_NEVER if abs(i - at) <= refractory else doubt)


@njit(cache=True, nogil=True)
def _place(correlation, gram, bars, spread, unit, at, n_steps, refractory, expected, doubt):
    """Subtract the potential of `unit` at `at`; return the step of its shift within a sample."""
    step = int((_vertex(correlation[unit], at) + 0.5) * (n_steps - 1) + 0.5)
    _subtract(correlation, gram, unit, at, step, 1.0)
    _raise_bar(bars, spread, unit, at, refractory, expected[unit], doubt[unit], 1.0)
    return step


@njit(cache=True, nogil=True)
def match(
    correlation,
    energy,
    gram,
    bars,
    spread,
    refractory,
    expected,
    doubt,
    n_sweeps,
    units,
    times,
    steps,
    gains,
):
    """Find the discharges of all units: the largest decrease of energy first, then corrections.

    Parameters
    ----------
    correlation : ndarray of shape (n_units, n_times)
        Correlation of the signal with each template; overwritten by that of the residual.
    energy : ndarray of shape (n_units,)
    gram : ndarray of shape (n_units, n_units, n_steps, 2 * reach + 1)
        Correlation of each template with each template shifted by a fraction of a sample, of
        n_steps from -0.5 to 0.5, at lags of -reach to reach samples.
    bars : ndarray of shape (n_units, n_times)
        Decrease of energy that a discharge has to exceed; overwritten.
    spread : ndarray of shape (n_units, n_units, 2 * half + 1)
        Amount by which a discharge of the second unit raises the bar of the first one around it.
    refractory : int
        Samples around a discharge without another one of its unit.
    expected, doubt : ndarray of shape (n_units,), int64 and float64
        Samples around a discharge in which another one of its unit is improbable, and by how much
        it has to decrease the energy further.
    n_sweeps : int
        Number of times that each discharge is taken out and placed again.
    units, times, steps, gains : ndarray of shape (n_discharges_max,)
        Output: unit, sample, step of the shift and decrease of energy of each discharge.

    Returns
    -------
    n_discharges : int
    """
    n_times = correlation.shape[1]
    n_blocks = (n_times + _BLOCK - 1) // _BLOCK
    n_steps = gram.shape[2]
    reach = gram.shape[3] // 2
    best = np.empty(n_blocks)
    where = np.zeros(n_blocks, dtype=np.int64)
    which = np.zeros(n_blocks, dtype=np.int64)
    _refresh(bars, correlation, energy, best, where, which, 0, n_times - 1, -1)
    count = 0
    for sweep in range(n_sweeps + 1):
        while count < units.shape[0]:
            block = best.argmax()
            if best[block] <= 0.0:
                break
            unit, at = which[block], where[block]
            units[count] = unit
            times[count] = at
            steps[count] = _place(
                correlation, gram, bars, spread, unit, at, n_steps, refractory, expected, doubt
            )
            count += 1
            _refresh(bars, correlation, energy, best, where, which, at - reach, at + reach, -1)
            # Beyond, the bars of this unit alone were raised: its own blocks are affected.
            far = max(expected[unit], refractory)
            _refresh(bars, correlation, energy, best, where, which, at - far, at + far, unit)
        if sweep == n_sweeps:
            break
        kept = 0
        for k in range(count):
            unit, at = units[k], times[k]
            _subtract(correlation, gram, unit, at, steps[k], -1.0)
            _raise_bar(bars, spread, unit, at, refractory, expected[unit], doubt[unit], -1.0)
            top, top_unit, top_at = 0.0, -1, 0
            for other in range(correlation.shape[0]):
                for i in range(max(at - 12, 0), min(at + 13, n_times)):
                    value = 2.0 * correlation[other, i] - energy[other]
                    if value > top and value > bars[other, i]:
                        top, top_unit, top_at = value, other, i
            if top_unit >= 0:
                units[kept] = top_unit
                times[kept] = top_at
                steps[kept] = _place(
                    correlation,
                    gram,
                    bars,
                    spread,
                    top_unit,
                    top_at,
                    n_steps,
                    refractory,
                    expected,
                    doubt,
                )
                kept += 1
        count = kept
        _refresh(bars, correlation, energy, best, where, which, 0, n_times - 1, -1)
    for k in range(count):
        # With the discharge added back: 2 c - E, of which the residual has c already without it.
        own = gram[units[k], units[k], steps[k], reach]
        gains[k] = 2.0 * (correlation[units[k], times[k]] + own) - energy[units[k]]
    return count
