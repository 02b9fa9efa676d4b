"""RestActivityDetector: fibrillation potentials, positive sharp waves, fasciculations at rest."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from sklearn_emg._sklearn import Interval, Real
from sklearn_emg._tables import counted
from sklearn_emg._warnings import warn_of_recordings
from sklearn_emg.base import FeatureExtractor
from sklearn_emg.motor_units._rest._events import Group, Rest, look_at, sort_events
from sklearn_emg.motor_units._rest._kinds import (
    KINDS,
    OTHER,
    UNIT,
    kinds_of,
    shape_of,
    timing_of,
)
from sklearn_emg.motor_units._signals import Floats

__all__ = ["RestActivityDetector"]

_LEAST_FS = 4000.0  # Hz, below which the shapes of single fibres are lost
_MOST_ACTIVE = 0.4  # fraction of the time within events, beyond which a muscle is not at rest
_MOST_EVENTS = 60.0  # per second
_MOST_UNKNOWN = 2.0  # unclassified events per second
_BACKGROUND, _TILT = 0.008, 12.0  # mV and ratio of power, of a background that is not noise
_LEAST_NOISE, _MOST_NOISE = 5e-5, 0.2  # mV
_FEATURES = {
    "fibrillation": "rest_fibrillations",
    "positive sharp wave": "rest_sharp_waves",
    "fasciculation": "rest_fasciculations",
    "end-plate activity": "rest_endplate",
    "unclassified": "rest_unclassified",
}
_OTHERS = ("rest_sources", "rest_amplitude", "rest_noise", "rest_state")
_EVENTS = {"row": int, "channel": int, "source": int, "kind": str, "time": float}
_EVENTS |= {"amplitude": float}
_SOURCES = ["row", "channel", "source", "kind", "n_events", "rate", "variability"]
_SOURCES += ["amplitude", "duration", "first_phase"]
_RECORDINGS = ["row", "channel", "rest", "reason", "seconds", "noise"]


class _Source(NamedTuple):
    kind: str
    times: Floats  # s
    peaks: Floats  # mV, peak to peak of each event
    rate: float
    variability: float
    amplitude: float
    duration: float
    first: int


class _Finding(NamedTuple):
    """What one channel of one recording shows."""

    rest: bool
    reason: str
    seconds: float
    noise: float
    sources: list[_Source]


class RestActivityDetector(FeatureExtractor):
    """Find fibrillation potentials, positive sharp waves and fasciculations of a muscle at rest.

    Events that exceed the noise are grouped by shape; each group is the train of one source, whose
    kind follows from rules on shape and regularity. Recordings of a contraction are refused: they
    have motor units that discharge at voluntary rates, activity most of the time, or many
    potentials of unknown kind, and none of their events is called spontaneous.

    The detector was developed and measured on simulated recordings only
    (:func:`~sklearn_emg.datasets.simulate_recording`): there is no annotated recording at rest to
    test it on. Its results are not a diagnosis.

    Parameters
    ----------
    fs : float, default=None
        Sampling rate in Hz. Arrays need it; a recording table contains its own. At least 4 kHz are
        needed.
    threshold : float, default=5.5
        Smallest deflection of an event, in standard deviations of the noise.
    min_amplitude : float, default=0.02
        Smallest peak-to-peak amplitude of a source in mV.
    min_seconds : float, default=2.0
        Length of the shortest accepted recording in s. Regularity cannot be determined in shorter
        ones.
    fill_value : float, default=NaN
        Value of the features of recordings that are not at rest.

    Attributes
    ----------
    events_ : DataFrame
        One event per row: ``row`` (recording, from 0), ``channel`` and ``source`` (from 1),
        ``kind`` ("fibrillation", "positive sharp wave", "fasciculation", "end-plate activity" or
        "unclassified"), ``time`` of the largest deflection in s, ``amplitude`` in mV, peak to peak.
    sources_ : DataFrame
        One train per row: ``kind``, ``n_events``, ``rate`` in Hz, ``variability`` (coefficient of
        variation of the intervals, without those that missed events cause; NaN for fewer than 3
        events), ``amplitude`` in mV and ``duration`` in ms of the average potential, and
        ``first_phase`` ("positive", "negative").
    recordings_ : DataFrame
        One channel per row: ``rest`` (whether it is at rest), ``reason`` why not, ``seconds`` and
        ``noise``, the standard deviation from 100 Hz on, in mV.
    n_features_in_ : int
        Size of the second axis of the windows seen in ``fit``; not set for a table.
    n_channels_in_ : int
        Number of channels of the signals seen in ``fit``.
    n_times_in_ : int or None
        Number of samples per window seen in ``fit``; None after a table.

    Raises
    ------
    ValueError
        In ``fit``, if the sampling rate is missing.

    Warns
    -----
    RecordingWarning
        If recordings are too short, have too low a sampling rate, or are not at rest.

    See Also
    --------
    sklearn_emg.datasets.simulate_recording : Simulates rest with known events (``spontaneous``).
    MotorUnitDecomposer : Motor units of contractions.

    Notes
    -----
    Rules, in this order, for a train whose intervals have the coefficient of variation v, estimated
    in spite of missed events (from 3 events on):

    - *positive sharp wave*: a sharp positive phase, then a negative phase of at most 0.55 of its
      height that is three times as broad; v < 0.10 and 0.4 to 20 Hz, else unclassified;
    - *motor unit*, which refuses the recording: longer than 6.5 ms and from 4 Hz on;
    - *fibrillation*: up to 6.5 ms, v < 0.10, 0.4 to 20 Hz;
    - *fasciculation*: slower than 3 Hz, also a single one; irregular and of at least 50 uV if it is
      no longer than 6.5 ms;
    - *end-plate activity*: up to 6.5 ms, negative first, from 3 Hz on, v >= 0.25; also rare events
      that begin negative between such ones;
    - *motor unit* again: up to 6.5 ms, from 4 Hz on and v between 0.10 and 0.25;
    - else *unclassified*, as are rare events that may be two events of frequent trains at once.

    Shapes and rates follow descriptions [1]_ [2]_; regularity distinguishes fibrillation potentials
    from end-plate spikes [3]_. Irregular fibrillation potentials, which exist [1]_, are not
    recognised. There are no rules for complex repetitive discharges, myotonia, myokymia and cramps.
    Positive is upwards (core minus cannula): invert signals of the other polarity.

    The features, for each channel, are events per second of each kind (``rest_fibrillations``,
    ``rest_sharp_waves``, ``rest_fasciculations``, ``rest_endplate``, ``rest_unclassified``),
    ``rest_sources`` (trains of the first three kinds), ``rest_amplitude`` (median of their events,
    mV, 0 without any), ``rest_noise`` (mV) and ``rest_state`` (1 at rest, 0 if not).

    References
    ----------
    .. [1] F. Buchthal, P. Rosenfalck. Spontaneous electrical activity of human muscle.
       Electroencephalogr. Clin. Neurophysiol. 20 (1966) 321-336.
    .. [2] J. R. Daube, D. I. Rubin. Needle electromyography. Muscle Nerve 39 (2009) 244-270.
    .. [3] J. V. Partanen, J. S. A. Danner. Fibrillation potentials after muscle injury in humans.
       Muscle Nerve 5 (1982) S70-S73.

    Examples
    --------
    >>> from sklearn_emg.datasets import simulate_recording
    >>> from sklearn_emg.motor_units import RestActivityDetector
    >>> signal = simulate_recording(
    ...     drive=0.0, duration=5.0, fs=10000.0, spontaneous={"fibrillations": 2}, random_state=2
    ... )
    >>> detector = RestActivityDetector(fs=10000.0).fit([signal])
    >>> detector.sources_["kind"].tolist()
    ['fibrillation', 'fibrillation']
    """

    # A quiet recording is not a sign of a wrong unit here; the noise is checked instead.
    _takes_millivolts = False

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "fs": [Interval(Real, 0, None, closed="neither"), None],
        "threshold": [Interval(Real, 0, None, closed="neither")],
        "min_amplitude": [Interval(Real, 0, None, closed="left")],
        "min_seconds": [Interval(Real, 0, None, closed="neither")],
        "fill_value": [Real],
    }

    def __init__(
        self,
        *,
        fs: float | None = None,
        threshold: float = 5.5,
        min_amplitude: float = 0.02,
        min_seconds: float = 2.0,
        fill_value: float = np.nan,
    ):
        self.fs = fs
        self.threshold = threshold
        self.min_amplitude = min_amplitude
        self.min_seconds = min_seconds
        self.fill_value = fill_value

    def fit(self, X: ArrayLike | pd.DataFrame, y: Any = None) -> Self:
        """Find the events of each recording.

        Parameters
        ----------
        X : ndarray of shape (n_windows, n_times) or (n_windows, n_channels, n_times), or DataFrame
            Recordings in mV, or a recording table.
        y : Ignored
            Not used; present by convention of scikit-learn.

        Returns
        -------
        self : object
        """
        super().fit(X, y)
        findings = [
            [self._look(signal, fs) for signal in signals] for signals, fs in self._recordings(X)
        ]
        self._store(findings)
        self._warn(self.recordings_)
        return self

    def _recordings(self, X: ArrayLike | pd.DataFrame) -> Iterator[tuple[NDArray, float]]:
        if self._is_table(X):
            for _, values, fs in self._equal_rows(self._check_table(X)):
                yield from ((signals, fs) for signals in values)
        else:
            values = self._check_array(X, reset=False)
            values = values[:, np.newaxis] if values.ndim == 2 else values
            yield from ((signals, self._array_fs()) for signals in values)

    def _learns(self) -> bool:
        return False

    def _needs_fs(self) -> bool:
        return True

    def _look(self, signal: NDArray[np.floating], fs: float) -> _Finding:
        seconds = len(signal) / fs
        if fs < _LEAST_FS or seconds < self.min_seconds:
            slow = f"the sampling rate is below {_LEAST_FS:g} Hz"
            reason = slow if fs < _LEAST_FS else f"shorter than {self.min_seconds:g} s"
            return _Finding(False, reason, seconds, np.nan, [])
        rest, at = look_at(np.asarray(signal, dtype=np.float64), fs, self.threshold)
        reason, sources = _busy(rest, seconds), []
        if not reason:
            sources = self._sources(rest, sort_events(rest, at, self.threshold), seconds)
            reason = _voluntary(sources, seconds)
        return _Finding(not reason, reason, seconds, rest.noise, [] if reason else sources)

    def _sources(self, rest: Rest, groups: list[Group], seconds: float) -> list[_Source]:
        """Sources that are large enough, the largest first, with their kinds."""
        shapes = [shape_of(group, rest.fs) for group in groups]
        timings = [timing_of(group.at / rest.fs, seconds) for group in groups]
        kinds = kinds_of(shapes, timings, seconds)
        sources = [
            _Source(
                kind,
                group.at / rest.fs,
                _sizes(rest.slow, group.at, rest.fs),
                timing.rate,
                timing.variability,
                shape.amplitude,
                shape.duration,
                shape.first,
            )
            for kind, group, shape, timing in zip(kinds, groups, shapes, timings)
            if shape.amplitude >= self.min_amplitude
        ]
        return sorted(sources, key=lambda source: -source.amplitude)

    def _store(self, findings: list[list[_Finding]]) -> None:
        events, sources, recordings = [], [], []
        for row, channels in enumerate(findings):
            for channel, found in enumerate(channels, start=1):
                recordings.append(
                    (row, channel, found.rest, found.reason, found.seconds, found.noise)
                )
                for number, source in enumerate(found.sources, start=1):
                    events += [
                        (row, channel, number, source.kind, time, size)
                        for time, size in zip(source.times, source.peaks)
                    ]
                    first = {1: "positive", -1: "negative"}.get(source.first, "")
                    sources.append(
                        (row, channel, number, source.kind, len(source.times), source.rate)
                        + (source.variability, source.amplitude, source.duration, first)
                    )
        table = pd.DataFrame(events, columns=list(_EVENTS)).astype(_EVENTS)
        self.events_ = table.sort_values(["row", "channel", "time"], ignore_index=True)
        self.sources_ = pd.DataFrame(sources, columns=_SOURCES)
        self.recordings_ = pd.DataFrame(recordings, columns=_RECORDINGS)

    def _warn(self, recordings: pd.DataFrame) -> None:
        refused = recordings[~recordings["rest"].astype(bool)]
        for reason, part in refused.groupby("reason"):
            rows = ", ".join(map(str, part["row"].unique()[:5]))
            warn_of_recordings(
                f"{self._caller} does not look for spontaneous activity in "
                f"{counted(part['row'].nunique(), 'recording')} (row {rows}): {reason}. It takes "
                f"recordings at rest of at least {self.min_seconds:g} s and {_LEAST_FS:g} Hz."
            )

    def _feature_names(self) -> list[str]:
        return [*_FEATURES.values(), *_OTHERS]

    def _extract(self, X: NDArray[np.floating], fs: float) -> NDArray[np.floating]:
        values = [[self._values_of(self._look(x, fs)) for x in signals] for signals in X]
        return np.array(values, dtype=X.dtype)

    def _values_of(self, found: _Finding) -> list[float]:
        noise = found.noise if np.isfinite(found.noise) else self.fill_value
        if not found.rest:
            return [self.fill_value] * (len(_FEATURES) + 2) + [noise, 0.0]
        counts = [
            sum(len(s.times) for s in found.sources if s.kind == kind) / found.seconds
            for kind in _FEATURES
        ]
        kinds = [s for s in found.sources if s.kind in KINDS[:3]]
        sizes = np.concatenate([s.peaks for s in kinds]) if kinds else np.zeros(1)
        return [*counts, float(len(kinds)), float(np.median(sizes)), noise, 1.0]


def _busy(rest: Rest, seconds: float) -> str:
    """Why a recording is not at rest, by its noise and its number of events."""
    if rest.noise > 0 and not _LEAST_NOISE < rest.noise < _MOST_NOISE:
        return "noise of an implausible size for mV; check the unit"
    if rest.active > _MOST_ACTIVE or rest.n_events > _MOST_EVENTS * seconds:
        return "activity most of the time"
    if rest.noise > _BACKGROUND and rest.tilt > _TILT:
        return "a background of muscle activity"
    return ""


def _voluntary(sources: list[_Source], seconds: float) -> str:
    """Why a recording is not at rest, by its trains."""
    if any(source.kind == UNIT for source in sources):
        return "motor units discharge at voluntary rates"
    if sum(len(s.times) for s in sources if s.kind == OTHER) > _MOST_UNKNOWN * seconds:
        return "many potentials of no known kind of spontaneous activity"
    return ""


def _sizes(view: Floats, at: Floats, fs: float) -> Floats:
    """Peak-to-peak amplitude around each event."""
    index = np.round(at).astype(np.int64)[:, None] + np.arange(-int(0.004 * fs), int(0.006 * fs))
    return np.ptp(view[np.clip(index, 0, len(view) - 1)], axis=1)
