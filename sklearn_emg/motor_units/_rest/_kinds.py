"""Kinds of activity at rest: rules on the shape of a potential and the regularity of its train."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sklearn_emg.motor_units._rest._events import REGULAR, Group
from sklearn_emg.motor_units._signals import Floats
from sklearn_emg.motor_units._trains import fit_intervals

FIBRILLATION, SHARP_WAVE, FASCICULATION, SPIKE, OTHER, UNIT = KINDS = (
    "fibrillation",
    "positive sharp wave",
    "fasciculation",
    "end-plate activity",
    "unclassified",
    "motor unit",
)

_IRREGULAR = 0.25  # minimum coefficient of variation of the intervals of end-plate spikes
_RATES = (0.4, 20.0)  # rates of fibrillation potentials and positive sharp waves in Hz
_SHORT = 6.5  # maximum duration of potentials of single fibres in ms
_FASCICULATION_RATE = 3.0  # maximum rate of one source in Hz
_UNIT_RATE = 4.0  # minimum rate in Hz of a voluntary train of motor unit potentials
_SHALLOW = 0.55  # maximum ratio of the negative to the positive peak of a positive sharp wave
_BROAD = 3.0  # minimum ratio of the width of its negative to that of its positive phase
_FEW = 3
# An irregular train with fewer events could always be a regular one with missed events.
_MANY = 12
_MAX_FALSE, _MAX_MISSED = 0.3, 0.3
_MIN_ALONE = 0.05  # minimum amplitude in mV of a short potential without a rhythm


class Shape(NamedTuple):
    """Amplitude in mV (peak to peak) and duration in ms of an average potential, and its phases."""

    amplitude: float
    duration: float
    first: int  # sign of the first phase
    sharp_wave: bool


class Timing(NamedTuple):
    """Number of events of a train, rate in Hz, and coefficient of variation of the intervals."""

    n: int
    rate: float
    variability: float


def shape_of(group: Group, fs: float) -> Shape:
    """Measure the average potential of a group.

    Parameters
    ----------
    group : Group
        Events of one shape.
    fs : float
        Sampling rate in Hz.

    Returns
    -------
    shape : Shape
        Amplitude in mV, duration in ms, sign of the first phase, and whether it is a positive sharp
        wave.
    """
    wave = group.wave
    height = float(np.ptp(wave))
    level = max(0.1 * height, 3.0 * group.noise)
    at, gap = group.before, max(int(0.001 * fs), 1)
    beyond = np.flatnonzero(np.abs(wave) > level)
    if not len(beyond):
        return Shape(height, 0.0, 0, False)
    parts = np.split(beyond, np.flatnonzero(np.diff(beyond) > gap) + 1)
    here = min(parts, key=lambda part: np.abs(part - at).min())
    duration = float(here[-1] - here[0] + 1) / fs * 1000.0
    return Shape(height, duration, int(np.sign(wave[here[0]])), _is_sharp_wave(wave, at, group, fs))


def _is_sharp_wave(wave: Floats, at: int, group: Group, fs: float) -> bool:
    """Whether a sharp positive phase is followed by a shallow, broad negative phase."""
    near = slice(max(at - int(0.004 * fs), 0), at + int(0.005 * fs))
    top = int(wave[near].argmax()) + near.start
    positive = float(wave[top])
    after = wave[top : top + int(0.020 * fs)]
    if positive <= 0 or not len(after):
        return False
    lowest = float(-min(after.min(), wave[near].min()))
    width = _width(wave, top, 0.5 * positive)
    # Smoothing over 2 ms reveals the slow phase.
    n = max(int(0.002 * fs), 1)
    smooth = np.convolve(after, np.ones(n) / n, "valid")
    bottom = int(smooth.argmin())
    if smooth[bottom] > -3.0 * group.noise / np.sqrt(n / 2) or smooth[bottom] > -0.04 * positive:
        return False
    broad = _width(-smooth, bottom, -0.5 * smooth[bottom])
    return lowest < _SHALLOW * positive and broad >= _BROAD * width


def _width(wave: Floats, at: int, level: float) -> int:
    """Number of samples around `at` for which the wave stays above the level."""
    low = np.flatnonzero(wave < level)
    left, right = low[low < at], low[low > at]
    first = left[-1] + 1 if len(left) else 0
    return int((right[0] if len(right) else len(wave)) - first)


def timing_of(times: Floats, seconds: float) -> Timing:
    """Measure the rate and the regularity of a train of events.

    Parameters
    ----------
    times : ndarray of shape (n_events,)
        Times in s in ascending order.
    seconds : float
        Duration of the recording in s.

    Returns
    -------
    timing : Timing
        Number of events, rate in Hz and coefficient of variation of the intervals, which is NaN for
        few events.
    """
    n, intervals = len(times), np.diff(times)
    if n < _FEW:
        return Timing(n, n / seconds, np.nan)
    plain = Timing(n, n / seconds, float(np.std(intervals, ddof=1) / np.mean(intervals)))
    if n < _MANY:
        return plain
    model = fit_intervals(times)
    if not (model.mean > 0 and model.false <= _MAX_FALSE and model.missed <= _MAX_MISSED):
        return plain
    return Timing(n, 1.0 / model.mean, model.sd / model.mean)


def _overlaps(shapes: list[Shape], timings: list[Timing], seconds: float) -> float:
    """Amplitude in mV up to which an event may be an overlap of two events; 0 if that is unlikely.

    Independent trains with a total of r events per second have r^2 w / 2 overlaps per second within
    a time w, which is 8 ms here.
    """
    frequent = [k for k, timing in enumerate(timings) if timing.n > _FEW]
    rate = sum(timings[k].n for k in frequent) / seconds
    if len(frequent) < 1 or 0.5 * rate**2 * 0.008 * seconds < 0.5:
        return 0.0
    sizes = sorted((shapes[k].amplitude for k in frequent), reverse=True)
    return 1.1 * (sizes[0] + sizes[min(1, len(sizes) - 1)])


def kinds_of(shapes: list[Shape], timings: list[Timing], seconds: float) -> list[str]:
    """Kinds of all trains of a recording.

    Close to an end-plate, rare groups that begin with a negative phase are overlaps of the
    frequent, irregular spikes.
    """
    overlap = _overlaps(shapes, timings, seconds)
    kinds = [kind_of(shape, timing, overlap) for shape, timing in zip(shapes, timings)]
    max_n = max((t.n for kind, t in zip(kinds, timings) if kind == SPIKE), default=0)
    return [
        SPIKE if shape.first < 0 and timing.n <= 0.1 * max_n else kind
        for kind, shape, timing in zip(kinds, shapes, timings)
    ]


def kind_of(shape: Shape, timing: Timing, overlap: float = 0.0) -> str:
    """Kind of a train by the first rule that applies; `overlap` is the result of `_overlaps`."""
    if timing.n <= _FEW and shape.amplitude < overlap:
        return OTHER
    rhythmic = timing.variability < REGULAR and _RATES[0] <= timing.rate <= _RATES[1]
    rhythmic = rhythmic and timing.n >= _FEW
    if shape.sharp_wave:
        return SHARP_WAVE if rhythmic else OTHER
    if shape.duration > _SHORT:
        return _of_units(timing)
    return FIBRILLATION if rhythmic else _irregular_fibre(shape, timing)


def _of_units(timing: Timing) -> str:
    """Kind of a train of long potentials, which are those of motor units."""
    if timing.rate >= _UNIT_RATE and timing.n > _FEW:
        return UNIT
    return FASCICULATION if timing.rate < _FASCICULATION_RATE else OTHER


def _irregular_fibre(shape: Shape, timing: Timing) -> str:
    """Kind of a train of short potentials that is not regular."""
    if timing.rate < _FASCICULATION_RATE:
        return FASCICULATION if shape.amplitude >= _MIN_ALONE else OTHER
    frequent = timing.n > _FEW
    if frequent and shape.first < 0 and timing.variability >= _IRREGULAR:
        return SPIKE
    if frequent and timing.rate >= _UNIT_RATE and timing.variability < _IRREGULAR:
        return UNIT
    return OTHER
