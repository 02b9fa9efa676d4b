"""Events of a recording at rest that exceed the noise, and groups of events of one shape."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sklearn_emg.motor_units import _signals as signals
from sklearn_emg.motor_units._signals import Floats
from sklearn_emg.motor_units._trains import fit_intervals

REGULAR = 0.10  # largest coefficient of variation of the intervals of a regular train

_RATE = 10_000.0  # minimum sampling rate in Hz after downsampling
_SHARP, _SLOW, _LOWPASS = 100.0, 10.0, 3000.0  # corner frequencies in Hz
_GAP = 0.004  # in s; deflections that are closer are one event
_BEFORE, _AFTER, _SHIFT = 0.003, 0.006, 0.0015  # time around an event that is compared, in s
_LONG_BEFORE, _LONG = 0.010, 0.035  # time before the event and length of the average, in s
# Largest difference between noise-free potentials of a source, as a fraction of their energy.
_TOLERANCE = 0.08
_REPEATED = 4  # minimum number of events of a group whose overlapping events are searched for
_BANDS = (100.0, 500.0, 1500.0, 3000.0)  # limits of the low and the high band, in Hz


@dataclass
class Rest:
    """Two filtered versions of a channel in mV of shape (n_times,), and properties of its noise."""

    fs: float
    sharp: Floats  # high-pass filtered at 100 Hz, for the search
    slow: Floats  # high-pass filtered at 10 Hz, for the shape
    noise: float  # SD of `sharp` in mV
    tilt: float  # ratio of the spectral density of the noise at low to that at high frequencies
    active: float  # fraction of the time within events
    n_events: int


@dataclass
class Group:
    """Events of one shape: positions of their largest deflections, and the average potential."""

    at: Floats
    wave: Floats  # average potential in mV, of shape (n_times,)
    noise: float  # SD of the noise of `wave` in mV
    before: int  # number of samples of `wave` before the largest deflection


def look_at(signal: Floats, fs: float, threshold: float) -> tuple[Rest, NDArray[np.int64]]:
    """Filter one channel, and find the events that exceed the noise `threshold` times."""
    factor = max(int(fs // _RATE), 1)
    lowpass = min(_LOWPASS, 0.4 * fs)
    sharp, slow = (
        signals.condition(signal[np.newaxis], fs, corner, lowpass, factor)[0]
        for corner in (_SHARP, _SLOW)
    )
    used = signals.moving(signal[np.newaxis], factor)
    noise = float(signals.noise_level(sharp[np.newaxis], used)[0])
    at, width = _bursts(sharp, threshold * noise, int(_GAP * fs / factor))
    rest = Rest(
        fs / factor,
        sharp,
        slow,
        noise,
        _tilt(sharp, used, fs / factor),
        width / len(sharp),
        len(at),
    )
    return rest, at


def _bursts(view: Floats, level: float, gap: int) -> tuple[NDArray[np.int64], int]:
    """Largest deflection of each segment beyond `level`, and the number of samples in segments."""
    high = np.flatnonzero(np.abs(view) > level)
    if level <= 0 or not len(high):
        return np.zeros(0, dtype=np.int64), 0
    parts = np.split(high, np.flatnonzero(np.diff(high) > gap) + 1)
    peaks = [part[np.abs(view[part]).argmax()] for part in parts]
    return np.array(peaks, dtype=np.int64), int(sum(part[-1] - part[0] + gap for part in parts))


def _tilt(view: Floats, used: NDArray[np.bool_], fs: float) -> float:
    """Ratio of the density of the median spectrum at 100 to 500 Hz to that at 1.5 to 3 kHz."""
    n = int(0.05 * fs)
    n_parts = len(view) // n
    if n_parts < 4:
        return 1.0
    parts = view[: n_parts * n].reshape(n_parts, n)
    parts = parts[used[: n_parts * n].reshape(n_parts, n).all(axis=1)]
    if len(parts) < 4:
        return 1.0
    power = np.median(np.abs(np.fft.rfft(parts * np.hanning(n), axis=1)) ** 2, axis=0)
    f = np.fft.rfftfreq(n, 1 / fs)
    low, high = (power[(f >= a) & (f < min(b, 0.35 * fs))] for a, b in (_BANDS[:2], _BANDS[2:]))
    if not len(high) or high.mean() <= 0:
        return 1.0
    return float(low.mean() / high.mean())


def sort_events(rest: Rest, at: NDArray[np.int64], threshold: float) -> list[Group]:
    """Group the events by shape.

    Parameters
    ----------
    rest : Rest
        Channel at rest.
    at : ndarray of int of shape (n_events,)
        Positions of the events in samples.
    threshold : float
        Minimum amplitude of an event in SDs of the noise.

    Returns
    -------
    groups : list of Group
        Groups with their average potentials; a single event can be a group.
    """
    places = [found for found, _ in _shapes(rest.sharp, at, rest)]
    places = _joined(rest, _with_hidden(rest, places, threshold))
    parts = [part for times in places for part in _divided(rest, np.sort(times))]
    return [_group(rest, times) for times in parts]


def _divided(rest: Rest, times: Floats) -> list[Floats]:
    """Divide an irregular train into two trains if both are regular.

    The potentials of two fibres can have the same shape. The candidates are the larger and the
    smaller events, or the events of a constant period and the others. The regularity of both parts
    is the evidence for two fibres.
    """
    if len(times) < 2 * _REPEATED or _variability(times) < REGULAR:
        return [times]
    for first in (_large(rest, times), *_periodic(times, _GAP * rest.fs)):
        both = [times[first], times[~first]]
        if all(len(p) >= _REPEATED and _variability(p) < REGULAR for p in both):
            return both
    return [times]


def _large(rest: Rest, times: Floats) -> NDArray[np.bool_]:
    """Mask of the larger events, divided to minimise the squared deviations from two means."""
    before, length = int(_BEFORE * rest.fs), int((_BEFORE + _AFTER) * rest.fs)
    parts = signals.snippets(rest.sharp[np.newaxis], times, before, length)[:, 0]
    size = parts @ np.median(parts, axis=0)
    order = np.sort(size)
    n = np.arange(1, len(order))
    sums = np.cumsum(order)[:-1]
    apart = sums / n - (order.sum() - sums) / (len(order) - n)
    cut = int((n * (len(order) - n) * apart**2).argmax())
    return size > 0.5 * (order[cut] + order[cut + 1])


def _periodic(times: Floats, minimum: float) -> Iterator[NDArray[np.bool_]]:
    """Yield events with a constant period, from pairs of events near the beginning."""
    for start in range(4):
        for following in range(start + 1, start + 5):
            period = times[following] - times[start]
            if period >= minimum:
                yield _chain(times, start, period)


def _chain(times: Floats, start: int, period: float) -> NDArray[np.bool_]:
    """Mask of the events near multiples of a period, which may change slowly."""
    minimum = 0.5 * period
    members = np.zeros(len(times), dtype=bool)
    members[start] = True
    at = float(times[start])
    while at + period < times[-1] + 0.2 * period:
        nearest = int(np.abs(times - at - period).argmin())
        late = times[nearest] - at - period
        if abs(late) < 0.2 * period and not members[nearest]:
            members[nearest] = True
            at, period = float(times[nearest]), max(period + 0.2 * late, minimum)
        else:
            at += period
    return members


def _variability(times: Floats) -> float:
    model = fit_intervals(times)
    return model.sd / model.mean if model.false < 0.3 and model.mean > 0 else np.inf


def _shapes(view: Floats, at: NDArray, rest: Rest) -> list[tuple[Floats, Floats]]:
    """Positions in samples of the events of each shape, and the mean potential of each shape."""
    before, length, shift = (int(t * rest.fs) for t in (_BEFORE, _BEFORE + _AFTER, _SHIFT))
    wide = signals.snippets(view[np.newaxis], at, before + shift, length + 2 * shift)[:, 0]
    moved = np.lib.stride_tricks.sliding_window_view(wide, length, axis=-1)
    energy = np.einsum("nsl,nsl->ns", moved, moved)
    free = np.argsort(-energy[:, shift], kind="stable")
    found = []
    while len(free):
        shape, doubt = moved[free[0], shift], 2.0
        for _ in range(2):
            apart = energy[free] + shape @ shape - 2.0 * moved[free] @ shape
            best = apart.argmin(axis=1)
            near = apart.min(axis=1) < _limit(shape, rest.noise, doubt)
            near[0] = True
            shape, doubt = moved[free[near], best[near]].mean(axis=0), 1.0 + 1.0 / near.sum()
        found.append((at[free[near]] + best[near] - shift + 0.0, shape))
        free = free[~near]
    return found


def _limit(shape: Floats, noise: float, doubt: float) -> float:
    """Largest squared distance of events of one shape; `doubt` is 2 if the shape is one event."""
    n = len(shape)
    return doubt * noise**2 * (n + 6.0 * np.sqrt(2.0 * n)) + _TOLERANCE * float(shape @ shape)


def _with_hidden(rest: Rest, places: list[Floats], threshold: float) -> list[Floats]:
    """Add the events of frequent shapes that overlap with other events."""
    frequent = [k for k, times in enumerate(places) if len(times) >= _REPEATED]
    if not frequent:
        return places
    before, length, shift = (int(t * rest.fs) for t in (_BEFORE, _BEFORE + _AFTER, _SHIFT))
    window = signals.taper(length, max(length // 8, 1))
    residual = rest.sharp.copy()
    shapes = []
    for k in frequent:
        parts = signals.snippets(rest.sharp[np.newaxis], places[k], before, length)[:, 0]
        shapes.append(np.median(parts, axis=0) * window)
        residual -= signals.place_templates(
            shapes[-1][np.newaxis], places[k], before, len(residual)
        )[0]
    at, _ = _bursts(residual, threshold * rest.noise, int(_GAP * rest.fs))
    if not len(at):
        return places
    places = list(places)
    margin, times = 2 * shift, at.astype(np.float64)
    wide = signals.snippets(residual[np.newaxis], times, before + margin, length + 2 * margin)
    moved = np.lib.stride_tricks.sliding_window_view(wide[:, 0], length, axis=-1)
    energy = np.einsum("nsl,nsl->ns", moved, moved)
    apart = np.array([energy + s @ s - 2.0 * moved @ s for s in shapes])
    limits = np.array([_limit(s, rest.noise, 1.5) for s in shapes])
    nearest = (apart.min(axis=2) / limits[:, np.newaxis]).argmin(axis=0)
    for event, which in enumerate(nearest):
        times = places[frequent[which]]
        time = at[event] + apart[which, event].argmin() - margin
        close = apart[which, event].min() < limits[which]
        if close and np.abs(times - time).min() > 0.02 * rest.fs:
            places[frequent[which]] = np.append(times, time)
    return places


def _joined(rest: Rest, places: list[Floats]) -> list[Floats]:
    """Merge groups whose mean shapes agree."""
    before, length, shift = (int(t * rest.fs) for t in (_BEFORE, _BEFORE + _AFTER, _SHIFT))
    kept: list[Floats] = []
    shapes: list[Floats] = []
    for times in sorted(places, key=len, reverse=True):
        wide = signals.snippets(rest.sharp[np.newaxis], times, before + shift, length + 2 * shift)
        mean = wide[:, 0].mean(axis=0)
        moved = np.lib.stride_tricks.sliding_window_view(mean, length)
        joined = False
        for k, shape in enumerate(shapes):
            apart = ((moved - shape) ** 2).sum(axis=1)
            doubt = 1.0 / len(times) + 1.0 / len(kept[k])
            if apart.min() < _limit(shape, rest.noise, doubt):
                kept[k] = np.append(kept[k], times + apart.argmin() - shift)
                joined = True
                break
        if not joined:
            kept.append(times)
            shapes.append(mean[shift : shift + length])
    return kept


def _group(rest: Rest, times: Floats) -> Group:
    before, length = int(_LONG_BEFORE * rest.fs), int(_LONG * rest.fs)
    parts = signals.snippets(rest.slow[np.newaxis], times, before, length)[:, 0]
    wave = np.median(parts, axis=0) if len(parts) > 2 else parts.mean(axis=0)
    edges = np.r_[: before // 2, length - before // 2 : length]
    wave = wave - np.median(wave[edges])
    noise = float(signals.noise_level(rest.slow[np.newaxis], np.ones(len(rest.slow), bool))[0])
    return Group(times, wave, max(noise, 1e-12) * 1.25 / np.sqrt(len(times)), before)
