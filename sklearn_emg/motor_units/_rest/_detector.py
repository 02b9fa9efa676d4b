"""Detection of fibrillation potentials, positive sharp waves and fasciculations at rest."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from sklearn_emg._sklearn import Interval, Real
from sklearn_emg._tables import counted, first_few
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

_MIN_FS = 4000.0  # sampling rate in Hz below which the shapes of single fibres are lost
_MAX_ACTIVE = 0.4  # fraction of the time within events above which a muscle is not at rest
_MAX_EQUAL = 0.999  # fraction of equal samples above which a recording contains no signal
_MAX_EVENTS = 60.0  # maximum number of events per second
_MAX_UNKNOWN = 2.0  # maximum number of unclassified events per second
_BACKGROUND, _TILT = 0.008, 12.0  # SD in mV and power ratio above which a background is activity
_MIN_NOISE, _MAX_NOISE = 5e-5, 0.2  # range of plausible noise in mV
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
    """Findings in one channel of one recording."""

    rest: bool
    reason: str
    seconds: float
    noise: float
    sources: list[_Source]


class RestActivityDetector(FeatureExtractor):
    """Find fibrillation potentials, positive sharp waves and fasciculations of a muscle at rest.

    Events that exceed the noise are grouped by shape. Each group is the train of one source, and
    rules on shape and regularity determine its kind. Each channel is examined by itself. It is
    rejected as a contraction if motor units discharge at voluntary rates, if there are events for
    more than 40 % of the time or a background of muscle activity, or if there are many potentials
    of unknown kind. No events of rejected channels are reported.

    The detector was developed and evaluated only on simulated recordings
    (:func:`~sklearn_emg.datasets.simulate_recording`), since no annotated recordings at rest were
    available. Its results are not a diagnosis.

    Parameters
    ----------
    fs : float, default=None
        Sampling rate in Hz, at least 4 kHz. It is required for arrays; the rates of a recording
        table are those of its rows.
    threshold : float, default=5.5
        Minimum deflection of an event in standard deviations of the noise.
    min_amplitude : float, default=0.02
        Minimum peak-to-peak amplitude of a source in mV.
    min_seconds : float, default=2.0
        Minimum duration of a recording in s. Regularity cannot be determined in shorter recordings.
    fill_value : float, default=NaN
        Value of the features of recordings that are not at rest, except ``rest_noise``, if it is
        known, and ``rest_state``.

    Attributes
    ----------
    events_ : DataFrame of shape (n_events, 6)
        Events with one event per row. The columns are ``row``, the position of the recording;
        ``channel`` and ``source``, numbered from 1; ``kind`` ("fibrillation",
        "positive sharp wave", "fasciculation", "end-plate activity" or "unclassified"); ``time`` in
        s of the largest deflection; and ``amplitude``, peak to peak in mV.
    sources_ : DataFrame of shape (n_sources, 10)
        Sources with one train per row. In addition to ``row``, ``channel``, ``source`` and
        ``kind``, the columns are ``n_events``; ``rate`` in Hz; ``variability``, the coefficient of
        variation of the intervals, which is NaN for fewer than 3 events; ``amplitude`` in mV and
        ``duration`` in ms of the average potential; and ``first_phase``, "positive", "negative" or,
        if the phase does not exceed the noise, empty. If there are at least 12 events, rate and
        variability are corrected for missed and false events, unless these are frequent.
    recordings_ : DataFrame of shape (n_recordings * n_channels, 6)
        Channels with one channel per row. In addition to ``row`` and ``channel``, the columns are
        ``rest``, whether the channel is at rest; ``reason``, why it is not, or empty; ``seconds``,
        its duration; and ``noise``, the standard deviation of the noise above 100 Hz in mV, or NaN
        if the recording is too short or its sampling rate too low.
    n_features_in_ : int
        Size of the second axis of the windows seen in ``fit``; not set for a table.
    n_channels_in_ : int
        Number of channels of the signals seen in ``fit``.
    n_times_in_ : int or None
        Number of samples per window seen in ``fit``; None for a table.

    Raises
    ------
    ValueError
        In ``fit``, if the sampling rate is missing.

    Warns
    -----
    RecordingWarning
        In ``fit``, if recordings are too short, are sampled at too low a rate, contain no signal
        or noise of an implausible amplitude, or are not at rest.

    See Also
    --------
    sklearn_emg.datasets.simulate_recording : Simulate rest with known events (``spontaneous``).
    MotorUnitDecomposer : Decompose recordings of contractions into motor units.

    Notes
    -----
    The first of the following rules that applies determines the kind of a train. The rate is that
    of its events, and v is the coefficient of variation of their intervals, which requires at least
    3 events.

    - *Unclassified*: at most 3 events, each of which may be a superposition of two events of
      frequent trains.
    - *Positive sharp wave*: a sharp positive phase is followed by a negative phase that is at least
      3 times as broad and at most 0.55 times as high; v < 0.10 and a rate of 0.4 to 20 Hz. Without
      this regularity and rate, the train is unclassified.
    - *Motor unit*: longer than 6.5 ms, more than 3 events and a rate of at least 4 Hz. A channel
      with such a train, or with one of the second rule for motor units, is rejected.
    - *Fibrillation*: at most 6.5 ms long, v < 0.10 and a rate of 0.4 to 20 Hz.
    - *Fasciculation*: a rate below 3 Hz, including single events. Potentials of at most 6.5 ms must
      also have an amplitude of at least 50 uV.
    - *End-plate activity*: at most 6.5 ms long, negative at first, more than 3 events, a rate of at
      least 3 Hz and v >= 0.25. Rare events that begin with a negative phase also belong to it if
      they occur in the same recording.
    - *Motor unit*: at most 6.5 ms long, more than 3 events, a rate of at least 4 Hz and v < 0.25.
    - *Unclassified*: all other trains.

    Shapes and rates follow published descriptions [1]_ [2]_; regularity distinguishes fibrillation
    potentials from end-plate spikes [3]_. Irregular fibrillation potentials, which do occur [1]_,
    are not recognised. There are no rules for complex repetitive discharges, myotonia, myokymia or
    cramps. Positive is upwards (core minus cannula); invert signals of the opposite polarity.

    The features of each channel are the number of events per second of each kind
    (``rest_fibrillations``, ``rest_sharp_waves``, ``rest_fasciculations``, ``rest_endplate`` and
    ``rest_unclassified``); ``rest_sources``, the number of trains of the first three kinds;
    ``rest_amplitude``, the median amplitude of their events in mV, which is 0 if there are none;
    ``rest_noise`` in mV; and ``rest_state``, which is 1 at rest and 0 otherwise.

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

    # A low amplitude does not indicate a wrong unit here; the noise is checked instead.
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
            Not used, present for API consistency by convention.

        Returns
        -------
        self : object
            Fitted estimator.
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
        if fs < _MIN_FS or seconds < self.min_seconds:
            slow = f"the sampling rate is below {_MIN_FS:g} Hz"
            reason = slow if fs < _MIN_FS else f"it is shorter than {self.min_seconds:g} s"
            return _Finding(False, reason, seconds, np.nan, [])
        if np.mean(signal == np.median(signal)) > _MAX_EQUAL:
            return _Finding(False, "it contains no signal", seconds, np.nan, [])
        rest, at = look_at(np.asarray(signal, dtype=np.float64), fs, self.threshold)
        reason, sources = _busy(rest, seconds), []
        if not reason:
            sources = self._sources(rest, sort_events(rest, at, self.threshold), seconds)
            reason = _voluntary(sources, seconds)
        return _Finding(not reason, reason, seconds, rest.noise, [] if reason else sources)

    def _sources(self, rest: Rest, groups: list[Group], seconds: float) -> list[_Source]:
        """Sources of sufficient amplitude with their kinds, in descending order of amplitude."""
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
            n = part["row"].nunique()
            rows = ("row " if n == 1 else "rows ") + first_few(part["row"].unique(), 5)
            warn_of_recordings(
                f"{self._caller} does not look for spontaneous activity in "
                f"{counted(n, 'recording')} ({rows}): {reason}. It "
                f"requires recordings at rest of at least {self.min_seconds:g} s and "
                f"{_MIN_FS:g} Hz."
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
    """Reason why a recording is not at rest, by noise and events; empty if it is at rest."""
    if rest.noise > 0 and not _MIN_NOISE < rest.noise < _MAX_NOISE:
        return "the amplitude of the noise is implausible in mV; check the unit"
    if rest.active > _MAX_ACTIVE or rest.n_events > _MAX_EVENTS * seconds:
        return "there is activity most of the time"
    if rest.noise > _BACKGROUND and rest.tilt > _TILT:
        return "there is a background of muscle activity"
    return ""


def _voluntary(sources: list[_Source], seconds: float) -> str:
    """Reason why a recording is not at rest, by its trains; empty if it is at rest."""
    if any(source.kind == UNIT for source in sources):
        return "motor units discharge at voluntary rates"
    if sum(len(s.times) for s in sources if s.kind == OTHER) > _MAX_UNKNOWN * seconds:
        return "many potentials are of no known kind of spontaneous activity"
    return ""


def _sizes(view: Floats, at: Floats, fs: float) -> Floats:
    """Peak-to-peak amplitude around each event."""
    index = np.round(at).astype(np.int64)[:, None] + np.arange(-int(0.004 * fs), int(0.006 * fs))
    return np.ptp(view[np.clip(index, 0, len(view) - 1)], axis=1)
