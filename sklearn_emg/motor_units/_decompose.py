"""Decomposition of one recording into trains of discharges, as functions on arrays."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sklearn_emg.motor_units import _signals as signals
from sklearn_emg.motor_units._kinds import divide, drop_parts, find_kinds, join, similarity
from sklearn_emg.motor_units._search import Search, estimate, find_discharges, recentre
from sklearn_emg.motor_units._signals import Floats
from sklearn_emg.motor_units._trains import IntervalModel, fit_intervals, locked_fraction


class _Band(NamedTuple):
    """Frequency band and settings of a search.

    Attributes
    ----------
    highpass : float
        Corner frequency of the high-pass filter, as a fraction of the one passed by the user.
    lowpass : float
        Corner frequency of the low-pass filter in Hz.
    rate : float
        Minimum working rate in Hz. The working rate is the sampling rate of the recording divided
        by the largest integer for which the result is not below this minimum.
    stretch : float
        Factor of the lengths of templates and windows.
    rounds : int
        Number of times that units are added.
    """

    highpass: float
    lowpass: float
    rate: float
    stretch: float
    rounds: int


# Sharp potentials are searched for first, and then slow ones of distant units in the residual.
_SHARP = _Band(1.0, 4000.0, 11_500.0, 1.0, 2)
_SLOW = _Band(0.4, 2000.0, 5750.0, 1.6, 2)
# Time in s before and after the reference that measured templates cover.
BEFORE, AFTER = 0.010, 0.020
# Approximate length in s of the parts in which templates adapt to drift.
_PART = 4.0
# Minimum length in s of a constant segment at either end that is not part of the recording.
_SILENCE = 0.005
# Highest rate of a unit in Hz and lowest coefficient of variation of its intervals. Faster or more
# regular trains are interference.
_MAX_RATE = 60.0
_MIN_VARIATION = 0.02
# A train is regular if at least this fraction of its intervals is within 35 % of the mean interval.
_REGULAR = 0.45
# Minimum distance from noise and from the nearest other template, in standard deviations of the
# noise: in general, for units with fewer than _FEW discharges, and for irregular units.
_MIN_INDEX = 4.0
_MIN_INDEX_OF_FEW = 12.0
_FEW = 12
_CLEAR_INDEX = 10.0
# Trains of slow potentials have at most these fractions of discharges at a fixed lag from another
# unit and of false discharges, and at least this fraction of intervals within 35 % of the mean.
_LOCKED, _FALSE, _REGULAR_IF_SLOW = 0.2, 0.2, 0.5
# Largest fraction of intervals that are shorter than 1 / _MAX_RATE.
_SHORT = 0.1


@dataclass(frozen=True)
class Unit:
    """Motor unit and its discharges.

    Attributes
    ----------
    times : ndarray of shape (n_discharges,)
        Times in s of the largest deflection of the high-pass filtered potential.
    peaks : ndarray of shape (n_discharges,)
        Largest deflection of each discharge in mV, in the channel with the largest deflection of
        the template.
    confidence : ndarray of shape (n_discharges,)
        Confidence from 0 (barely accepted) to 1 (at least as close to the template as half of the
        discharges).
    template : ndarray of shape (n_channels, n_times)
        Median potential in mV, at the sampling rate of the recording.
    index : int
        Index of the sample of the template at the time of the discharge.
    decomposability : float
        Distance of the high-pass filtered template from that of the nearest other unit, or from 0
        if 0 is closer, in standard deviations of the noise.
    intervals : IntervalModel
        Model of the intervals.
    jiggle : float
        Median change of the potential from one discharge to the next, relative to the area of the
        template.
    """

    times: Floats
    peaks: Floats
    confidence: Floats
    template: Floats
    index: int
    decomposability: float
    intervals: IntervalModel
    jiggle: float


@dataclass(frozen=True)
class Decomposition:
    """Units of one recording and trains that were left out.

    Attributes
    ----------
    units : list of Unit
        Units in descending order of amplitude.
    left_out : list of (int, str)
        For each train that was left out, the number of its discharges and the reason.
    fs : float
        Sampling rate in Hz.
    """

    units: list[Unit]
    left_out: list[tuple[int, str]]
    fs: float


def decompose(
    signal: NDArray[np.floating],
    fs: float,
    *,
    highpass: float = 250.0,
    threshold: float = 5.0,
    min_discharges: int = 6,
) -> Decomposition:
    """Decompose one recording into the discharges of its motor units.

    Parameters
    ----------
    signal : ndarray of shape (n_channels, n_times)
        Recording in mV, without NaN. The channels belong to one needle and are used jointly.
    fs : float
        Sampling rate in Hz.
    highpass : float, default=250.0
        Corner frequency in Hz of the high-pass filter.
    threshold : float, default=5.0
        Minimum height of the peaks that are grouped, in standard deviations of the noise.
    min_discharges : int, default=6
        Minimum number of discharges of a unit.

    Returns
    -------
    decomposition : Decomposition
        Units and trains that were left out.
    """
    samples = np.asarray(signal, dtype=np.float64)
    # Constant segments at the ends of the recording must not affect its noise or its parts.
    active = signals.active(samples, int(_SILENCE * fs) + 2)
    samples = samples[:, active]
    left_out: list[tuple[int, str]] = []
    search = _search(samples, fs, _SHARP, highpass, threshold, min_discharges)
    if search is None:
        return Decomposition([], left_out, fs)
    _validate(search, min_discharges, left_out)
    residual = signals.condition(samples, fs, 4.0, 0.49 * fs, 1)
    templates = _refine(residual, search, fs)
    searches = [search]
    slow = _search(residual, fs, _SLOW, highpass, threshold, min_discharges)
    if slow is not None:
        _validate(slow, min_discharges, left_out)
        _drop_remnants(slow, search, left_out)
        templates += _refine(residual, slow, fs)
        searches.append(slow)
    return Decomposition(_units(searches, templates, residual, fs, active.start / fs), left_out, fs)


def _search(
    signal: Floats, fs: float, band: _Band, corner: float, threshold: float, minimum: int
) -> Search | None:
    factor = max(int(fs // band.rate), 1)
    rate = fs / factor
    highpass, lowpass = band.highpass * corner, min(band.lowpass, 0.4 * rate)
    if lowpass < 2 * highpass or signal.shape[-1] < 0.1 * fs:
        return None
    base = signals.condition(signal, fs, highpass, lowpass, factor)
    used = signals.moving(signal, factor)[: base.shape[-1]]
    noise = signals.noise_level(base, used)
    alive = noise > 1e-9 * np.abs(signal).max(axis=-1)
    if used.sum() < 0.1 * rate or not alive.any():
        return None
    base = base[alive] / noise[alive, None]
    gain = signals.whitener(base, used)
    search = Search.start(base, used, rate, band.stretch)
    for k in range(band.rounds):
        _whiten(search, base, gain)
        find_kinds(search, search.residual(), threshold, minimum)
        find_discharges(search)
        _tidy(search, minimum)
        join(search)
        recentre(search)
        estimate(search)
        divide(search, minimum)
        find_discharges(search, intervals=k > 0)
        _tidy(search, minimum)
        gain = gain * signals.whitener(search.residual(), used)
    _whiten(search, base, gain)
    find_discharges(search, 2, intervals=True)
    _tidy(search, minimum)
    if join(search):
        estimate(search)
        find_discharges(search, 2, intervals=True)
    _follow(search)
    return search


def _whiten(search: Search, base: Floats, gain: Floats) -> None:
    """Whiten the signal, and estimate the templates again from their discharges."""
    white = signals.shape_spectrum(base, gain)
    search.x = white / np.maximum(signals.noise_level(white, search.used), 1e-300)[:, None]
    search.templates = np.zeros_like(search.templates)
    estimate(search, 3)


def _tidy(search: Search, minimum: int) -> None:
    search.keep(search.counts >= minimum)
    drop_parts(search)


def _follow(search: Search) -> None:
    """Search the recording again in parts, with templates that follow slow drift."""
    n_times = search.x.shape[-1]
    n_parts = int(n_times / search.fs / _PART)
    if n_parts < 2 or not len(search.templates):
        return
    edges = np.linspace(0, n_times, n_parts + 1).astype(np.int64)
    margin = int(0.2 * search.fs)
    found: list[tuple[NDArray, ...]] = []
    for first, last in pairwise(edges):
        start, stop = max(first - margin, 0), min(last + margin, n_times)
        inside = (search.at >= start) & (search.at < stop)
        part = Search(
            search.x[:, start:stop],
            search.used[start:stop],
            search.fs,
            search.templates.copy(),
            search.units[inside],
            search.at[inside] - start,
            search.steps[inside],
            search.gains[inside],
            search.stretch,
        )
        part.adapt(search.templates)
        find_discharges(part, 2, intervals=True)
        own = (part.at >= first - start) & (part.at < last - start)
        found.append((part.units[own], part.at[own] + start, part.steps[own], part.gains[own]))
    search.units, search.at, search.steps, search.gains = (
        np.concatenate(values) for values in zip(*found)
    )


def _validate(search: Search, minimum: int, left_out: list[tuple[int, str]]) -> None:
    """Leave out trains that are not those of one motor unit, or whose potential is not distinct."""
    faults = [_fault(search, unit, minimum) for unit in range(len(search.templates))]
    while len(search.templates):
        reasons = [
            fault or _doubt(search, unit, clear) for unit, (fault, clear) in enumerate(faults)
        ]
        faulty = np.array([bool(reason) for reason in reasons])
        if not faulty.any():
            return
        # The weakest unit is left out first, since others may then be far enough from neighbours.
        worst = int(np.where(faulty, search.energy, np.inf).argmin())
        left_out.append((int(search.counts[worst]), reasons[worst]))
        search.keep(np.arange(len(search.templates)) != worst)
        del faults[worst]


def _fault(search: Search, unit: int, minimum: int) -> tuple[str, float]:
    """Fault of a single train, or empty, and the decomposability that the train requires."""
    times = search.train(unit)
    if len(times) < minimum:
        return "too few discharges", 0.0
    fit = search.gains[search.units == unit] / search.energy[unit]
    if not 0.6 < np.median(fit) < 1.4:
        return "potentials differ from their median", 0.0
    model, intervals = fit_intervals(times), np.diff(times)
    if model.mean < 1.0 / _MAX_RATE or np.mean(intervals < 1.0 / _MAX_RATE) > _SHORT:
        return "too fast for a motor unit", 0.0
    if model.sd < (_MIN_VARIATION + 1e-6) * model.mean:
        return "too regular for a motor unit", 0.0
    if len(times) < _FEW:
        return "", _MIN_INDEX_OF_FEW
    regular = np.mean(np.abs(intervals / model.mean - 1.0) < 0.35) >= _REGULAR
    # A clear unit may discharge with pauses, as units do near their recruitment threshold.
    return "", _MIN_INDEX if regular else _CLEAR_INDEX


def _doubt(search: Search, unit: int, clear: float) -> str:
    """Reason if a potential is not distinct from noise or from another unit; empty otherwise."""
    if _decomposability(search, unit) >= clear:
        return ""
    if clear == _MIN_INDEX:
        return "potential not distinct from noise or from another unit"
    return "too few or too irregular discharges for a potential close to noise or another unit"


def _decomposability(search: Search, unit: int) -> float:
    energy = search.energy
    reach = int(0.006 * search.fs)
    nearest = energy[unit]
    for other in range(len(energy)):
        if other != unit:
            apart, _ = similarity(search.templates[unit], search.templates[other], reach)
            nearest = min(nearest, apart * min(energy[unit], energy[other]))
    return float(np.sqrt(max(nearest, 0.0)))


def _drop_remnants(slow: Search, sharp: Search, left_out: list[tuple[int, str]]) -> None:
    """Leave out trains of slow potentials that are not those of additional units."""
    known = [sharp.train(unit) for unit in range(len(sharp.templates))]
    reasons = [_remnant(slow.train(unit), known) for unit in range(len(slow.templates))]
    left_out += [(int(n), reason) for n, reason in zip(slow.counts, reasons) if reason]
    slow.keep(np.array([not reason for reason in reasons], dtype=bool))


def _remnant(times: Floats, known: list[Floats]) -> str:
    if any(locked_fraction(train, times) > _LOCKED for train in known):
        return "part of the potential of another unit"
    model = fit_intervals(times)
    regular = np.mean(np.abs(np.diff(times) / model.mean - 1.0) < 0.35)
    if model.false > _FALSE or regular < _REGULAR_IF_SLOW:
        return "too irregular for a unit of slow potentials"
    return ""


def _refine(residual: Floats, search: Search, fs: float) -> list[Floats]:
    """Measure the templates of a search, and subtract its discharges from the residual."""
    shape = (len(residual), int((BEFORE + AFTER) * fs))
    templates = [np.zeros(shape) for _ in search.templates]
    trains = [search.train(unit) * fs for unit in range(len(templates))]
    signals.refine(residual, templates, trains, int(BEFORE * fs))
    return templates


def _units(
    searches: list[Search], templates: list[Floats], residual: Floats, fs: float, start: float
) -> list[Unit]:
    before = int(BEFORE * fs)
    numbers = [(search, unit) for search in searches for unit in range(len(search.templates))]
    trains = [search.train(unit) for search, unit in numbers]
    signals.refine(residual, templates, [train * fs for train in trains], before)
    units = []
    near = slice(max(before - int(0.003 * fs), 0), before + int(0.003 * fs))
    for (search, unit), train, template in zip(numbers, trains, templates):
        of_unit = search.units == unit
        order = np.argsort(search.times[of_unit], kind="stable")
        fit = search.gains[of_unit][order] / search.energy[unit]
        channel, at = np.unravel_index(np.abs(template[:, near]).argmax(), template[:, near].shape)
        units.append(
            Unit(
                train + start,
                0.5 * (1.0 + fit) * template[channel, near][at],
                np.clip((fit - 0.25) / (np.median(fit) - 0.25), 0.0, 1.0),
                template,
                before,
                _decomposability(search, unit),
                fit_intervals(train),
                signals.jiggle(residual, template, train * fs, before),
            )
        )
    return sorted(
        units, key=lambda unit: (-float(np.ptp(unit.template, axis=-1).max()), unit.times[0])
    )
