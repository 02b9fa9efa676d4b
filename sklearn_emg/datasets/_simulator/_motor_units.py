"""Motor units at one needle site, their potentials and firing, and the recorded signal.

Lengths are in mm, times in ms, potentials in mV and diameters in µm, unless stated otherwise.
The signal of the muscle is synthesised at 24 kHz in single precision and then resampled to the
requested rate, at which the amplifier adds its noise.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, lfilter, lfilter_zi, resample_poly

from sklearn_emg.datasets._simulator._muscle_model import Amplifier, Conditions, clipped_normal
from sklearn_emg.datasets._simulator._volume_conductor import (
    STEP,
    Geometry,
    conduction_velocity,
    electrode_weights,
    potential_table,
    source_strength,
)

RATE = 24  # samples per ms of the synthesis
BEFORE = 8 * RATE  # samples of a template before the firing instant
LENGTH = 32 * RATE  # samples of a template
REFERENCE = 0.008  # s, BEFORE in seconds

_REACH = 9.0  # mm, fibres farther away are left out
_NEAR = 0.9  # mm, fibres within this distance are built one by one
_FAR_SAMPLE = 14  # number of far fibres that are built to represent all far fibres of a unit
_JITTERING = 4  # number of fibres of a unit that jitter
_SHIFTS = np.arange(-4, 5)  # samples by which jittering fibres are displaced
_BLOCK = 1500  # number of fibres built at once
_MAX_THRESHOLD = 0.75
_DRIVE_STEP = 10.0  # ms
_MAX_UNITS = 90
_RESTING_UNITS = 20  # units considered for fasciculations if no unit is recruited
_TAIL = 4 * RATE  # samples over which a positive sharp wave fades out


@dataclass
class Pool:
    """Motor units, with rank (0 is the smallest), centre, radius and mean number of fibres."""

    rank: NDArray[np.float64]
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    radius: NDArray[np.float64]
    mean_fibres: NDArray[np.float64]

    def take(self, index: NDArray) -> Pool:
        return Pool(
            self.rank[index],
            self.x[index],
            self.y[index],
            self.radius[index],
            self.mean_fibres[index],
        )

    def __len__(self) -> int:
        return len(self.rank)

    @property
    def threshold(self) -> NDArray[np.float64]:
        """Drive (0 to 1) at which a unit begins to fire."""
        return _MAX_THRESHOLD * (30.0**self.rank - 1) / 29


@dataclass
class Potentials:
    """Motor unit potentials at 24 kHz and the fibres that they consist of."""

    steady: NDArray[np.float32]  # (n_units, LENGTH), all fibres but the jittering ones
    jittering: list[NDArray[np.float32]]  # per unit (n_fibres <= 4, LENGTH)
    n_fibres: NDArray[np.intp]
    n_near_fibres: NDArray[np.intp]

    def templates(self) -> NDArray[np.float32]:
        """Return the potentials without jitter, of shape (n_units, LENGTH)."""
        whole = self.steady.copy()
        for unit, fibres in enumerate(self.jittering):
            whole[unit] += fibres.sum(axis=0)
        return whole


class Train(NamedTuple):
    """Discharges of one spontaneous source, in samples at 24 kHz, and its potential."""

    kind: str
    samples: NDArray[np.intp]
    wave: NDArray[np.float32]


@dataclass
class Site:
    """The synthesised signal of one recording before the amplifier, and its sources."""

    signal: NDArray[np.float32]
    drive: NDArray[np.float64]
    pool: Pool
    potentials: Potentials
    firings: list[NDArray[np.intp]] = field(default_factory=list)  # samples at 24 kHz
    spontaneous: list[Train] = field(default_factory=list)


def _uniform_disc(rng: np.random.Generator, radius: NDArray | float, n: int) -> tuple:
    distance = radius * np.sqrt(rng.random(n))
    angle = 2 * np.pi * rng.random(n)
    return distance * np.cos(angle), distance * np.sin(angle)


def _shape_units(rng: np.random.Generator, c: Conditions, rank: NDArray) -> tuple:
    """Draw the territory radius and mean number of remaining fibres of units of given rank."""
    n = len(rank)
    size = 3.5 ** (rank - 0.25) * np.exp(0.15 * clipped_normal(rng, n))
    radius = c.territory_radius * size**0.25 * np.exp(0.1 * clipped_normal(rng, n))
    density = c.fibre_density * np.sqrt(size) * np.exp(0.2 * clipped_normal(rng, n))
    kept = np.full(n, c.fibres_kept)
    if 0 < c.fibres_kept < 1:
        logit = np.log(c.fibres_kept / (1 - c.fibres_kept))
        kept = 1 / (1 + np.exp(-logit - c.fibres_kept_logit_sd * clipped_normal(rng, n)))
    return radius, density * np.pi * radius**2 * kept


def draw_pool(rng: np.random.Generator, c: Conditions) -> Pool:
    """Draw all motor units with fibres that the needle may record."""
    field_radius = 1.25 * c.territory_radius + 4.5
    mean = c.overlap * c.units_kept * (field_radius / c.territory_radius) ** 2
    n = int(rng.poisson(mean))
    x, y = _uniform_disc(rng, field_radius, n)
    rank = rng.random(n)
    return Pool(rank, x, y, *_shape_units(rng, c, rank))


def pool_around_needle(
    rng: np.random.Generator, c: Conditions, n: int, max_distance: float | None = None
) -> Pool:
    """Draw `n` units in the lower half of the ranks, with the needle inside their territories."""
    rank = 0.5 * rng.random(n)
    radius, mean_fibres = _shape_units(rng, c, rank)
    within = radius if max_distance is None else np.minimum(radius, max_distance)
    x, y = _uniform_disc(rng, within, n)
    return Pool(rank, x, y, radius, mean_fibres)


def recruited(pool: Pool, c: Conditions, rng: np.random.Generator) -> tuple[Pool, NDArray]:
    """Select the units that fire at the drive of `c` or fasciculate.

    Also return a mask of those that fasciculate.
    """
    twitching = np.zeros(len(pool), dtype=bool)
    threshold = pool.threshold
    order = np.argsort(threshold, kind="stable")
    if c.drive > 0:
        n = max(2, int((threshold <= 1.12 * c.drive).sum()))
        chosen = order[:n]
        if n > _MAX_UNITS:
            # The units whose fibres come nearest to the needle are kept.
            edge = np.hypot(pool.x, pool.y)[chosen] - pool.radius[chosen]
            chosen = np.sort(chosen[np.argsort(edge, kind="stable")[:_MAX_UNITS]])
    else:
        edge = np.hypot(pool.x, pool.y) - pool.radius
        chosen = np.sort(np.argsort(edge, kind="stable")[:_RESTING_UNITS])
    draws = rng.random(len(chosen))
    if c.fasciculation_rate > 0:
        twitching[chosen] = draws < 0.3
    if c.drive == 0:
        chosen = chosen[twitching[chosen]]
    return pool.take(chosen), twitching[chosen]


@dataclass
class _Fibres:
    """Fibres of all units that are built, sorted by unit."""

    unit: NDArray[np.intp]
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    adopted: NDArray[np.bool_]
    near: NDArray[np.bool_]
    weight: NDArray[np.float64]  # number of fibres that each of these represents
    n_fibres: NDArray[np.intp]  # per unit, including fibres that are not built
    n_near: NDArray[np.intp]  # per unit


def _place_fibres(rng: np.random.Generator, pool: Pool, c: Conditions) -> _Fibres:
    n_units = len(pool)
    own = rng.poisson(pool.mean_fibres)
    unit = np.repeat(np.arange(n_units), own)
    x, y = _uniform_disc(rng, pool.radius[unit], len(unit))
    x += pool.x[unit]
    y += pool.y[unit]
    adopted = np.zeros(len(unit), dtype=bool)
    if c.fibre_multiplier > 1:
        extra = (c.fibre_multiplier - 1) * np.exp(0.35 * clipped_normal(rng, n_units))
        n_adopted = rng.poisson(extra[unit])
        mother = np.repeat(np.arange(len(unit)), n_adopted)
        x = np.append(x, x[mother] + c.adopted_spread * clipped_normal(rng, len(mother)))
        y = np.append(y, y[mother] + c.adopted_spread * clipped_normal(rng, len(mother)))
        unit = np.append(unit, unit[mother])
        adopted = np.append(adopted, np.ones(len(mother), dtype=bool))
    n_fibres = np.bincount(unit, minlength=n_units)
    distance = np.hypot(x, y)
    near = (distance < _NEAR) & (x > -0.25)
    # The key sorts fibres by unit, with near fibres first and the others in random order.
    key = 2.0 * unit + np.where(near, 0.0, 1.0 + 0.999 * rng.random(len(unit)))
    key[distance > _REACH] = np.inf
    order = np.argsort(key, kind="stable")[: int((distance <= _REACH).sum())]
    unit, near = unit[order], near[order]
    n_near = np.bincount(unit[near], minlength=n_units)
    n_seen = np.bincount(unit, minlength=n_units)
    n_far = n_seen - n_near
    first_far = np.cumsum(n_seen) - n_far
    kept = near | (np.arange(len(unit)) - first_far[unit] < _FAR_SAMPLE)
    order, unit, near = order[kept], unit[kept], near[kept]
    weight = np.where(near, 1.0, np.maximum(n_far[unit] / _FAR_SAMPLE, 1.0))
    return _Fibres(unit, x[order], y[order], adopted[order], near, weight, n_fibres, n_near)


def _draw_diameters(rng: np.random.Generator, rank: NDArray, c: Conditions) -> NDArray:
    spread = np.exp(c.diameter_cv * clipped_normal(rng, len(rank)))
    diameter = c.diameter * (1 + 0.08 * (rank - 0.3)) * spread
    if c.hypertrophic_fraction > 0:
        large = rng.random(len(rank)) < c.hypertrophic_fraction
        diameter = np.where(large, diameter * rng.uniform(1.25, 1.7, len(rank)), diameter)
    return np.clip(diameter, 14.0, 115.0)


def _draw_delays(rng: np.random.Generator, fibres: _Fibres, c: Conditions, n_units: int) -> NDArray:
    n = len(fibres.unit)
    delay = np.abs(0.15 * clipped_normal(rng, n))
    if c.late_delay > 0:
        delay = delay + np.where(fibres.adopted, rng.exponential(c.late_delay, n), 0.0)
    if c.satellite_probability > 0:
        has_satellite = rng.random(n_units) < c.satellite_probability
        satellite = fibres.adopted & has_satellite[fibres.unit] & (rng.random(n) < 0.12)
        delay = delay + np.where(satellite, rng.uniform(4.0, 14.0, n), 0.0)
    return delay


def fibre_waveforms(
    table: NDArray[np.float32],
    weights: NDArray[np.float32],
    start: NDArray,
    speed: NDArray,
    n_samples: int = LENGTH,
) -> NDArray[np.float32]:
    """Compute the potentials of fibres over time.

    Parameters
    ----------
    table : ndarray of shape (n_radii, n_distances)
        Table of :func:`potential_table`.
    weights : ndarray of shape (n_fibres, n_radii)
        Electrode weights times source strength.
    start : ndarray of shape (n_fibres,)
        Propagated distance in mm at the first sample; negative before the fibre fires.
    speed : ndarray of shape (n_fibres,)
        Propagated distance in mm per sample.
    n_samples : int
        Number of samples of the result.

    Returns
    -------
    waveforms : ndarray of shape (n_fibres, n_samples)
        Potentials in mV, which are 0 before the fibre fires and after the end of the table.
    """
    by_distance = weights @ table
    by_distance[:, -1] = 0.0
    n_fibres, n_distances = by_distance.shape
    steps = np.arange(n_samples, dtype=np.float32)
    place = (speed / STEP).astype(np.float32)[:, None] * steps
    place += (start / STEP).astype(np.float32)[:, None]
    np.clip(place, 0.0, n_distances - 1.001, out=place)
    index = place.astype(np.int32)
    place -= index
    index += (n_distances * np.arange(n_fibres, dtype=np.int32))[:, None]
    flat = by_distance.ravel()
    lower = flat.take(index)
    index += 1
    upper = flat.take(index)
    upper -= lower
    upper *= place
    upper += lower
    return upper


def build_potentials(rng: np.random.Generator, pool: Pool, c: Conditions) -> Potentials:
    """Compute the potentials of all units of the pool at the needle."""
    n_units = len(pool)
    fibres = _place_fibres(rng, pool, c)
    n = len(fibres.unit)
    diameter = _draw_diameters(rng, pool.rank[fibres.unit], c)
    delay = _draw_delays(rng, fibres, c, n_units)
    endplate = c.endplate_sd * clipped_normal(rng, n)
    speed = conduction_velocity(diameter, c.velocity_factor) / RATE
    arrival = c.endplate_distance / conduction_velocity(c.diameter, c.velocity_factor)
    start = speed * (RATE * (arrival - delay) - BEFORE) + endplate
    strength = source_strength(diameter, c.gain) * fibres.weight
    weights = electrode_weights(Geometry(fibres.x, fibres.y, diameter), c.gap)
    weights *= strength.astype(np.float32)[:, None]
    table = potential_table(c.endplate_distance, c.half_length, c.length_scale)

    jitters = _strongest_near(fibres, strength)
    steady = np.zeros((n_units, LENGTH), dtype=np.float32)
    rows: list[list[NDArray]] = [[] for _ in range(n_units)]
    for first in range(0, n, _BLOCK):
        block = slice(first, first + _BLOCK)
        unit = fibres.unit[block]
        waves = fibre_waveforms(table, weights[block], start[block], speed[block])
        for i in np.flatnonzero(jitters[block]):
            rows[unit[i]].append(waves[i].copy())
            waves[i] = 0.0
        begins = np.flatnonzero(np.diff(unit, prepend=-1))
        steady[unit[begins]] += np.add.reduceat(waves, begins, axis=0)
    jittering = [np.array(r, dtype=np.float32).reshape(-1, LENGTH) for r in rows]
    return Potentials(steady, jittering, fibres.n_fibres, fibres.n_near)


def _strongest_near(fibres: _Fibres, strength: NDArray) -> NDArray[np.bool_]:
    """Mark the near fibres with the largest source strength over distance in each unit."""
    near = np.flatnonzero(fibres.near)
    amplitude = strength[near] / np.hypot(fibres.x[near], fibres.y[near])
    order = near[np.lexsort((-amplitude, fibres.unit[near]))]
    before = np.cumsum(fibres.n_near) - fibres.n_near
    place = np.arange(len(order)) - before[fibres.unit[order]]
    mask = np.zeros(len(fibres.unit), dtype=bool)
    mask[order[place < _JITTERING]] = True
    return mask


def draw_drive(rng: np.random.Generator, mean: float, duration_ms: float) -> NDArray[np.float64]:
    """Draw the drive every 10 ms: a slow fluctuation and a slope around `mean`, within [0, 1]."""
    n = int(np.ceil(duration_ms / _DRIVE_STEP)) + 1
    slow = _first_order_noise(rng, n, 2.0, 1000.0 / _DRIVE_STEP)
    slope = 0.06 * float(clipped_normal(rng)) * (np.arange(n) / max(n - 1, 1) - 0.5)
    return np.clip(mean * (1 + 0.06 * slow + slope), 0.0, 1.0)


def _first_order_noise(rng: np.random.Generator, n: int, cutoff: float, fs: float) -> NDArray:
    """Draw Gaussian noise after a first-order low-pass filter, with unit variance throughout."""
    pole = np.exp(-2 * np.pi * cutoff / fs)
    white = rng.standard_normal(n + 1)
    state = np.array([pole * white[0]])
    return lfilter([np.sqrt(1 - pole**2)], [1.0, -pole], white[1:], zi=state)[0]


def firing_rates(drive: NDArray, threshold: NDArray, c: Conditions) -> NDArray[np.float64]:
    """Compute the rate in Hz of each unit (rows) at each drive; earlier units fire faster."""
    peak = c.rate_peak * (1 - 0.35 * threshold / _MAX_THRESHOLD)
    excess = drive - threshold[:, None]
    rising = 1 - np.exp(-c.rate_gain * np.maximum(excess, 0.0) / 0.14)
    rate = c.rate_min + (peak - c.rate_min)[:, None] * rising
    return np.where(excess > 0, rate, 0.0)


def _renewal_times(rng: np.random.Generator, total: float, cv: float) -> NDArray:
    """Draw event times below `total` with a mean interval of 1, starting at a random phase."""
    n = int(1.3 * total + 12)
    intervals = np.maximum(1 + cv * clipped_normal(rng, n), 0.25)
    events = rng.random() + np.append(0.0, np.cumsum(intervals))
    return events[events < total]


def draw_firings(
    rng: np.random.Generator, rates: NDArray, twitching: NDArray, c: Conditions, n_samples: int
) -> tuple[list[NDArray[np.intp]], list[NDArray[np.intp]]]:
    """Draw firing instants of each unit (samples at 24 kHz), and those that are fasciculations."""
    n_units, n_grid = rates.shape
    grid = _DRIVE_STEP * np.arange(n_grid)
    steps = (rates[:, 1:] + rates[:, :-1]) * (_DRIVE_STEP / 2000.0)
    passed = np.cumsum(np.hstack([np.zeros((n_units, 1)), steps]), axis=1)
    cvs = 0.17 * np.exp(0.15 * clipped_normal(rng, n_units))
    firings: list[NDArray[np.intp]] = []
    fasciculations: list[NDArray[np.intp]] = []
    for unit in range(n_units):
        events = _renewal_times(rng, passed[unit, -1], cvs[unit])
        times = np.interp(events, passed[unit], grid)
        twitches = np.zeros(0)
        if twitching[unit]:
            span = n_samples / RATE
            twitches = np.sort(span * rng.random(rng.poisson(c.fasciculation_rate * span / 1000.0)))
            times = np.sort(np.append(times, twitches))
        for found, at in ((firings, times), (fasciculations, twitches)):
            samples = np.rint(RATE * at).astype(np.intp)
            found.append(samples[samples < n_samples])
    return firings, fasciculations


def _add_firings(padded: NDArray, samples: NDArray, waves: NDArray) -> None:
    """Add one waveform (or one per firing) at each firing; `padded` starts BEFORE samples early."""
    length = waves.shape[-1]
    if waves.ndim == 1:
        for i in samples:
            padded[i : i + length] += waves
    else:
        for i, wave in zip(samples, waves):
            padded[i : i + length] += wave


def _jittered(
    rng: np.random.Generator, steady: NDArray, fibres: NDArray, n_firings: int, c: Conditions
) -> NDArray[np.float32]:
    """Draw `n_firings` potentials whose strongest fibres are early, late or absent."""
    n_fibres = len(fibres)
    shape = (n_firings, n_fibres)
    shift = np.clip(c.jitter * RATE * clipped_normal(rng, shape), _SHIFTS[0], _SHIFTS[-1])
    present = (rng.random(shape) >= c.blocking).astype(np.float32)
    copies = np.zeros((n_fibres, len(_SHIFTS), LENGTH), dtype=np.float32)
    for k, by in enumerate(_SHIFTS):
        if by < 0:
            copies[:, k, :by] = fibres[:, -by:]
        else:
            copies[:, k, by:] = fibres[:, : LENGTH - by]
    # Linear interpolation between the two nearest copies, as weights of a matrix product.
    weights = np.maximum(1 - np.abs(shift[..., None] - _SHIFTS), 0.0).astype(np.float32)
    weights *= present[..., None]
    return steady + weights.reshape(n_firings, -1) @ copies.reshape(-1, LENGTH)


def sharpen(rng: np.random.Generator, waves: NDArray[np.float32]) -> NDArray[np.float32]:
    """Turn fibre potentials into positive sharp waves, as if their waves ended at the needle.

    The positive phase of the potential is kept up to its peak and then falls within a millisecond;
    a low negative phase of 10 to 25 ms follows. The depth and length of this phase are drawn from
    published ranges and are not calculated from the fibre.
    """
    out = np.zeros_like(waves)
    for k, wave in enumerate(waves):
        peak = int(wave.argmax())
        t = np.arange(LENGTH - peak) / RATE
        scale = rng.uniform(2.5, 4.5)
        slow = rng.uniform(0.15, 0.4) * (t / scale) * np.exp(1.0 - t / scale)
        out[k, :peak] = wave[:peak]
        out[k, peak:] = wave[peak] * (np.exp(-((t / 0.45) ** 2)) - slow)
    out[:, -_TAIL:] *= np.linspace(1.0, 0.0, _TAIL, dtype=np.float32)
    return out


def fibre_potentials(
    c: Conditions, x: NDArray, y: NDArray, diameter: NDArray, endplate_distance: float | None = None
) -> NDArray[np.float32]:
    """Compute potentials of fibres at 24 kHz; waves pass the needle at the firing instant."""
    a = c.endplate_distance if endplate_distance is None else endplate_distance
    speed = conduction_velocity(diameter, c.velocity_factor) / RATE
    start = speed * (RATE * a / (RATE * speed) - BEFORE)
    weights = electrode_weights(Geometry(x, y, diameter), c.gap)
    weights *= source_strength(diameter, c.gain).astype(np.float32)[:, None]
    return fibre_waveforms(potential_table(a, c.half_length, c.length_scale), weights, start, speed)


def _fibrillations(rng: np.random.Generator, c: Conditions, n_samples: int) -> list[Train]:
    """Draw fibres that fire because of a disease, some with positive sharp waves."""
    n = int(rng.poisson(c.fibrillating_fibres))
    if n == 0:
        return []
    diameter = rng.uniform(18.0, 45.0, n)
    x = np.abs(0.25 * clipped_normal(rng, n)) + 0.05
    y = 0.35 * clipped_normal(rng, n)
    rate = np.exp(rng.uniform(0.0, np.log(14.0), n))
    sharp = rng.random(n) < 0.35
    waves = fibre_potentials(c, x, y, diameter)
    waves[sharp] = sharpen(rng.spawn(1)[0], waves[sharp])
    kinds = np.where(sharp, "positive sharp wave", "fibrillation")
    return [
        Train(str(kinds[k]), regular_firings(rng, rate[k], 0.05, n_samples), waves[k])
        for k in range(n)
    ]


def regular_firings(
    rng: np.random.Generator, rate: float, cv: float, n_samples: int
) -> NDArray[np.intp]:
    """Draw samples of discharges at a `rate` in Hz, with the coefficient of variation `cv`."""
    events = _renewal_times(rng, rate * n_samples / RATE / 1000.0, cv)
    samples = np.rint(events * RATE * 1000.0 / rate).astype(np.intp)
    return samples[samples < n_samples]


def add_trains(signal: NDArray[np.float32], trains: list[Train]) -> NDArray[np.float32]:
    """Add the potentials of further sources to the signal of a site."""
    padded = np.zeros(len(signal) + LENGTH, dtype=np.float32)
    for train in trains:
        _add_firings(padded, train.samples, train.wave)
    return signal + padded[BEFORE : BEFORE + len(signal)]


def simulate_site(rng: np.random.Generator, c: Conditions, duration: float) -> Site:
    """Simulate one needle site for `duration` seconds, at 24 kHz, before the amplifier."""
    n_samples = int(np.ceil(1000.0 * RATE * duration))
    pool, twitching = recruited(draw_pool(rng, c), c, rng)
    potentials = build_potentials(rng, pool, c)
    drive = draw_drive(rng, c.drive, n_samples / RATE)
    rates = firing_rates(drive, pool.threshold, c)
    firings, twitches = draw_firings(rng, rates, twitching, c, n_samples)
    padded = np.zeros(n_samples + LENGTH, dtype=np.float32)
    for unit, samples in enumerate(firings):
        waves, fibres = potentials.steady[unit], potentials.jittering[unit]
        if len(fibres) and len(samples):
            waves = _jittered(rng, waves, fibres, len(samples), c)
        _add_firings(padded, samples, waves)
    trains = _fibrillations(rng, c, n_samples)
    signal = add_trains(padded[BEFORE : BEFORE + n_samples], trains)
    trains += [
        Train("fasciculation", samples, wave)
        for samples, wave in zip(twitches, potentials.templates())
        if len(samples)
    ]
    return Site(signal, drive, pool, potentials, firings, trains)


def resample(signal: NDArray, fs: float, n_samples: int | None = None) -> NDArray[np.float32]:
    """Resample from 24 kHz to `fs` Hz along the last axis, to `n_samples` if given."""
    ratio = Fraction(fs / (1000.0 * RATE)).limit_denominator(1000)
    if ratio != 1:
        signal = resample_poly(signal, ratio.numerator, ratio.denominator, axis=-1)
    if n_samples is not None:
        missing = n_samples - signal.shape[-1]
        if missing > 0:
            signal = np.pad(signal, [(0, 0)] * (signal.ndim - 1) + [(0, missing)])
        signal = signal[..., :n_samples]
    return np.asarray(signal, dtype=np.float32)


def amplifier_filters(amplifier: Amplifier, fs: float) -> list[tuple[NDArray, NDArray]]:
    """Return first-order high-pass and second-order low-pass filters, as (b, a) coefficients."""
    lowpass = min(amplifier.lowpass, 0.45 * fs)
    return [butter(1, amplifier.highpass, "highpass", fs=fs), butter(2, lowpass, fs=fs)]


def filter_templates(templates: NDArray, amplifier: Amplifier, fs: float) -> NDArray[np.float32]:
    """Return templates as the amplifier records them, without noise, at `fs` Hz."""
    templates = resample(templates, fs)
    for b, a in amplifier_filters(amplifier, fs):
        templates = lfilter(b, a, templates, axis=-1)
    return templates.astype(np.float32)


def record(
    rng: np.random.Generator, site_signal: NDArray, amplifier: Amplifier, fs: float, n_samples: int
) -> NDArray[np.float32]:
    """Return the signal at the output of the amplifier, with noise, in mV."""
    signal = resample(site_signal, fs, n_samples).astype(np.float64)
    slow = _first_order_noise(rng, int(np.ceil(200.0 * n_samples / fs)) + 2, 4.0, 200.0)
    time = np.arange(n_samples) / fs
    noise = amplifier.drift * np.interp(time, np.arange(len(slow)) / 200.0, slow)
    phase = 2 * np.pi * (amplifier.line_freq * time + rng.random())
    third = 2 * np.pi * rng.random()
    interference = np.sin(phase) + 0.35 * np.sin(3 * phase + third)
    noise += amplifier.powerline * np.sqrt(2 / (1 + 0.35**2)) * interference
    start = noise[0]
    signal += noise
    for b, a in amplifier_filters(amplifier, fs):
        # The amplifier was on before the recording, so there is no jump from zero to the drift.
        state = lfilter_zi(b, a) * start
        signal, _ = lfilter(b, a, signal, zi=state)
        start = 0.0
    # White noise is added last: a low-pass filter would change slope sign changes and entropy.
    white = amplifier.noise * np.sqrt(fs / 23437.5)
    signal += white * rng.standard_normal(n_samples, dtype=np.float32)
    if amplifier.resolution > 0:
        signal = np.rint(signal / amplifier.resolution) * amplifier.resolution
    return np.clip(signal, -amplifier.limit, amplifier.limit).astype(np.float32)


def describe_site(site: Site, amplifier: Amplifier, fs: float) -> dict[str, Any]:
    """Return the ground truth of one recording, with times in s and potentials in mV."""
    templates = filter_templates(site.potentials.templates(), amplifier, fs)
    peak_to_peak = np.ptp(templates, axis=1) if len(templates) else np.zeros(0)
    floor = max(0.020, 8 * amplifier.noise * np.sqrt(fs / 23437.5))
    to_seconds = 1 / (1000.0 * RATE)
    return {
        "firing_times": [samples * to_seconds for samples in site.firings],
        "templates": templates,
        "reference": REFERENCE,
        "ptp_mv": peak_to_peak,
        "visible": peak_to_peak > floor,
        "threshold": site.pool.threshold,
        "n_fibres": site.potentials.n_fibres,
        "n_near_fibres": site.potentials.n_near_fibres,
        "drive": site.drive,
        "spontaneous": [
            {
                "kind": train.kind,
                "firing_times": train.samples * to_seconds,
                "template": wave,
                "ptp_mv": float(np.ptp(wave)),
                "visible": bool(np.ptp(wave) > floor),
            }
            for train in site.spontaneous
            for wave in [filter_templates(train.wave, amplifier, fs)]
        ],
    }
