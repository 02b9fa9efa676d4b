"""Diagnosis of live signals in chunks, with scores of windows and a running decision."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass
from itertools import repeat
from time import perf_counter
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone

from sklearn_emg._tables import counted
from sklearn_emg._validation import check_integer, check_option, check_real
from sklearn_emg._warnings import warned_once
from sklearn_emg.metrics import check_confidence
from sklearn_emg.preprocessing import THRESHOLDS, ArtefactDetector
from sklearn_emg.recordings import (
    read_signal,
    refuse_other_order,
    same_rate,
    to_samples,
    training_subjects,
    unmasked,
    warn_of_implausible_recordings,
    warn_of_known_subjects,
)
from sklearn_emg.streaming._causal import split_system, streams_of
from sklearn_emg.streaming._decision import Decision, MajorityVote, SubjectVotes
from sklearn_emg.streaming._sources import Chunk
from sklearn_emg.streaming._windows import WindowCutter

_CALLER = "StreamingDiagnosis"
_LATENCIES = 10_000
_LARGEST = 1e9  # mV; no amplifier returns larger samples, so they are treated like infinity


class StoppingRule(Protocol):
    """Interface of a stopping rule, such as :class:`ConformalStop`.

    Any object with this method can be used as the `stop` of :class:`StreamingDiagnosis`.
    """

    def decide(self, votes: Any, seconds: float) -> int | None:
        """Return the index of the chosen class, or None to continue.

        Parameters
        ----------
        votes : array-like of shape (n_classes,)
            Number of independent windows that voted for each class.
        seconds : float
            Length of the signal so far in seconds.

        Returns
        -------
        position : int or None
            Index of the class, or None.
        """


@dataclass(frozen=True)
class WindowResult:
    """Scores of a window of the signal, and the decision after this window.

    Attributes
    ----------
    recording : int
        Index of the recording among the recordings of the subject, from 0.
    start, stop : float
        Start and end of the window in seconds from the start of its recording.
    scores : ndarray of shape (n_classes,) or None
        Class scores, or None for a rejected window.
    vote : label or None
        Class with the highest score, or None for a rejected window.
    smoothed : label or None
        Class according to the MajorityVote; None if there is no MajorityVote, or before the first
        scored window.
    rejected : tuple of str
        Kinds of artefact that caused the rejection of the window; empty if it was scored.
    decision : Decision
        Decision about the subject after the window.
    """

    recording: int
    start: float
    stop: float
    scores: NDArray[np.floating] | None
    vote: Any
    smoothed: Any
    rejected: tuple[str, ...]
    decision: Decision


class Gap(NamedTuple):
    """Samples that were lost or not finite.

    Attributes
    ----------
    recording : int
        Index of the recording among the recordings of the subject, from 0.
    start, stop : float
        Start and end of the gap in seconds from the start of its recording.
    """

    recording: int
    start: float
    stop: float


class Latency(NamedTuple):
    """Processing time of ``push``.

    Attributes
    ----------
    n_chunks : int
        Number of chunks that were measured, at most the latest 10,000.
    median, p99 : float
        Median and 99th percentile of the time per chunk in seconds, or NaN before the first chunk.
    """

    n_chunks: int
    median: float
    p99: float


Event = WindowResult | Gap


class StreamingDiagnosis:
    """Diagnose live signals with a fitted system, chunk by chunk.

    Filters keep their state between chunks, windows are cut as soon as their samples have arrived,
    and each window is scored separately. Therefore, the windows, the scores and the means of
    recordings are bitwise equal for chunks of any length, and equal to the results of
    :meth:`offline`, which filters whole recordings. The scores of ``DiVoteClassifier.vote`` differ
    from them only by rounding errors, which occur because it scores all windows at once.

    Parameters
    ----------
    model : estimator
        Fitted DiVoteClassifier, Pipeline of causal steps that ends with one, search over either, or
        AdaptiveDiagnosis of either. Steps inside DiVoteClassifier process complete windows and need
        not be causal.
    artefacts : ArtefactDetector, default=None
        Detector of artefacts in windows of the recorded signal, before any filter. A flagged window
        is not scored and does not vote. With None, no window is rejected.
    stop : ConformalStop, SequentialTest, FixedLength or None, default=None
        Stopping rule that decides on the class of a subject. Other objects with the same method
        ``decide`` are also accepted. Windows after the decision are still scored.
    smooth : MajorityVote, default=None
        Majority vote over the latest windows, for example to recognise gestures.
    gaps : {"restart", "raise"}, default="restart"
        Treatment of lost and masked samples, NaN, infinity and samples beyond 1e9 mV. "restart"
        restarts after the gap: filters start in the steady state of the next sample, and windows
        with lost samples are left out. "raise" refuses the chunk.
    confidence : float, default=0.95
        Confidence level of the interval in the decision.

    Attributes
    ----------
    classes : ndarray of shape (n_classes,)
        Class labels.
    fs : float
        Sampling rate of the signals in Hz, which is the rate of the training recordings.
    n_channels : int
        Number of channels of the signals. It is 1 for signals of shape (n_times,).
    latency : Latency
        Processing time per chunk.
    recordings : DataFrame
        Recordings of the subject so far, as in ``DiVoteClassifier.vote(X).recordings``.

    Raises
    ------
    ValueError
        If the model does not end with a fitted DiVoteClassifier that divides recordings into
        windows, if `stop` was calibrated for other classes, or if a step needs the whole recording,
        such as a zero-phase filter. In the last case, the message names the step and the remedy,
        such as :func:`to_causal`.

    Warns
    -----
    SubjectLeakWarning
        If the model was trained on the subject.
    RecordingWarning
        If the first window of a recording is implausible for EMG in mV, for example because its
        samples are in µV or are counts of a converter.

    Notes
    -----
    The object stores the samples of about one window, the processing times of the latest 10,000
    chunks, and mean scores for each recording of the current subject. Memory does not grow with the
    length of a recording.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn_emg.ensemble import DiVoteClassifier
    >>> from sklearn_emg.feature_extraction import TimeDomainFeatures
    >>> from sklearn_emg.preprocessing import HighpassFilter
    >>> from sklearn_emg.recordings import recording_table
    >>> from sklearn_emg.streaming import StreamingDiagnosis
    >>> rng = np.random.default_rng(0)
    >>> loud = np.repeat([0.1, 0.1, 0.3, 0.3], 2)
    >>> table = recording_table(
    ...     [a * rng.normal(size=2000) for a in loud], fs=1000.0, subject=list("aabbccdd")
    ... )
    >>> windows = make_pipeline(TimeDomainFeatures(["rms"]), LogisticRegression(C=1000.0))
    >>> model = make_pipeline(HighpassFilter(10.0, zero_phase=False), DiVoteClassifier(windows))
    >>> model = model.fit(table, np.where(loud > 0.2, "patient", "control"))
    >>> live = StreamingDiagnosis(model)
    >>> live.begin("new")
    >>> events = live.push(0.3 * rng.normal(size=700))
    >>> [round(event.start, 1) for event in events], str(events[-1].decision.leading)
    ([0.0, 0.1, 0.2, 0.3], 'patient')
    """

    def __init__(
        self,
        model: Any,
        *,
        artefacts: ArtefactDetector | None = None,
        stop: StoppingRule | None = None,
        smooth: MajorityVote | None = None,
        gaps: Literal["restart", "raise"] = "restart",
        confidence: float = 0.95,
    ):
        check_option(gaps, ("restart", "raise"), "gaps", _CALLER)
        check_confidence(confidence)
        for name, part, method in (
            ("artefacts", artefacts, "transform"),
            ("stop", stop, "decide"),
            ("smooth", smooth, "update"),
        ):
            if part is not None and not hasattr(part, method):
                raise TypeError(
                    f"The {name!r} of {_CALLER} must have a method {method}(). Got {part!r}."
                )
        self._steps, self._divote = split_system(model, _CALLER)
        self._known, _ = training_subjects(model)
        self.classes: NDArray[Any] = self._divote.classes_
        self._requested = self._divote.requested_columns()  # slow, so only once
        self.fs: float = float(self._divote.fs_ or 0.0)
        streams_of(self._steps, self.fs, _CALLER)  # raises now rather than with a patient waiting
        *channels, self._size = self._divote.window_shape_ or ()
        self._channels = tuple(channels)
        self.n_channels = int(channels[0]) if channels else 1
        step = self._divote.step
        self._step = self._size if step is None else to_samples("step", step, self.fs)
        self._detector = None if artefacts is None else self._fitted_detector(artefacts)
        self._check_classes(stop)
        self._stop, self._smooth = stop, smooth
        self._gaps, self._confidence = gaps, confidence
        self._subject: SubjectVotes | None = None
        self._recording = False
        self._seconds: deque[float] = deque(maxlen=_LATENCIES)

    def _check_classes(self, stop: Any) -> None:
        """Raise if the stopping rule has different classes, or has them in a different order."""
        own = getattr(stop, "classes", self.classes)
        if not np.array_equal(own, self.classes):
            raise ValueError(
                f"The 'stop' of {_CALLER} has the classes {', '.join(map(str, own))}, but the "
                f"model has {', '.join(map(str, self.classes))}. Calibrate it with the model's "
                "classes_."
            )

    def _fitted_detector(self, artefacts: ArtefactDetector) -> ArtefactDetector:
        """Fit a clone of the detector to the shape and sampling rate of the windows."""
        own = artefacts.fs
        if own is not None and not same_rate(own, self.fs):
            raise ValueError(
                f"The 'artefacts' of {_CALLER} have fs={own:g} Hz, but the model has {self.fs:g} "
                "Hz. Set the 'fs' of the detector to None."
            )
        # The detector learns only the shape of windows.
        window = np.full((1, *self._channels, self._size), 0.1, dtype=np.float32)
        window[..., ::2] = -0.1
        return clone(artefacts).set_params(fs=self.fs).fit(window)

    # ------------------------------------------------- subjects and recordings

    @warned_once()
    def begin(self, subject: Hashable, **columns: Any) -> None:
        """Begin a recording.

        Parameters
        ----------
        subject : hashable
            Subject of the recording. Consecutive recordings of the same subject contribute to the
            same decision; another subject begins a new decision.
        **columns : dict
            Values of further columns of a recording table that the model uses, such as
            ``muscle="biceps"`` for ``DiVoteClassifier(by="muscle")``. If ``channel_names`` are
            given, they are compared with the names in the training recordings.

        Raises
        ------
        ValueError
            If the previous recording has not ended, the subject or a required column is missing, or
            the channels are in a different order from that in training.

        Warns
        -----
        SubjectLeakWarning
            If the model was trained on the subject.
        """
        self._check_begin(subject, columns)
        if self._subject is None or self._subject.subject != subject:
            warn_of_known_subjects(self._known, [subject], _CALLER)
            self._subject = SubjectVotes(subject, self.classes, self._size)
            if self._smooth is not None:
                self._smooth.reset()
        self._subject.begin({**columns, "subject": subject})
        self._streams = streams_of(self._steps, self.fs, _CALLER)
        self._cutter = WindowCutter(self._size, self._step, self._divote.tail)
        self._raw_cutter = WindowCutter(self._size, self._step, self._divote.tail)
        self._recording, self._first_seen = True, False

    def _check_begin(self, subject: Any, columns: dict[str, Any]) -> None:
        """Raise if a recording is in progress, or the subject or the columns are wrong."""
        if self._recording:
            raise ValueError(
                f"{_CALLER}.begin: the last recording has not ended. Call end() first."
            )
        unusable = not isinstance(subject, Hashable) or subject is None or subject != subject
        if unusable or not str(subject).strip():
            raise ValueError(f"{_CALLER}.begin needs a subject, such as 'new'. Got {subject!r}.")
        needed = {self._divote.by or "subject", self._divote.unit} - {"subject"}
        if missing := sorted(needed - columns.keys()):
            raise ValueError(
                f"{_CALLER}.begin needs {missing[0]!r}, by which the model votes: give "
                f"begin(subject, {missing[0]}=...)."
            )
        names = columns.get("channel_names")
        if isinstance(names, (tuple, list)):
            refuse_other_order(self._divote.channel_names_, tuple(names), _CALLER)

    def end(self) -> list[Event]:
        """End the recording.

        Returns
        -------
        events : list of WindowResult
            Result for the window that the `tail` of the model adds after the last complete window,
            if any.

        Raises
        ------
        ValueError
            If no recording has begun.
        """
        self._state("end")
        raw: Any = repeat(None) if self._detector is None else self._raw_cutter.finish()
        events = [
            self._score(start, window, found)
            for (start, window), found in zip(self._cutter.finish(), raw)
        ]
        self._state("end").seconds_before += self._cutter.position / self.fs
        self._recording = False
        return list(events)

    # ------------------------------------------------- chunks

    def push(
        self, samples: ArrayLike, start: int | None = None, fs: float | None = None
    ) -> list[Event]:
        """Process the next samples.

        Parameters
        ----------
        samples : array-like of shape (n_times,) or (n_channels, n_times)
            Samples in mV that follow the samples of the previous call. Their number is arbitrary.
        start : int, default=None
            Position in the recording of the first sample of the chunk, counted from 0, if the
            device counts samples. Missing samples become a gap, and repeated samples are refused.
            None means that no sample was lost.
        fs : float, default=None
            Sampling rate in Hz, which is compared with the rate of the model.

        Returns
        -------
        events : list of WindowResult and Gap
            Events in chronological order. The list is empty if no window was completed and no
            samples were lost.

        Raises
        ------
        ValueError
            If no recording has begun, the sampling rate or the number of channels differs from that
            of the training recordings, samples are repeated or, with ``gaps="raise"``, samples are
            lost or not finite. A refused chunk does not change the state.
        """
        began = perf_counter()
        self._state("push")
        values = self._checked(samples, fs)
        lost = self._lost(start)
        # Comparisons with NaN are False, so NaN counts as not finite.
        finite = (np.abs(values) <= _LARGEST).all(axis=tuple(range(values.ndim - 1)))
        if self._gaps == "raise" and (lost or not finite.all()):
            self._refuse_gap(lost, finite)
        events: list[Event] = [self._gap(lost)] if lost else []
        edges = np.flatnonzero(np.diff(finite)) + 1
        for run in np.split(np.arange(len(finite)), edges):
            if run.size and finite[run[0]]:
                events.extend(self._run(values[..., run[0] : run[-1] + 1]))
            elif run.size:
                events.append(self._gap(len(run)))
        self._seconds.append(perf_counter() - began)
        return events

    def run(self, source: Iterable[Chunk | ArrayLike]) -> Iterator[Event]:
        """Push the chunks of a source, and end the recording after the last chunk.

        Parameters
        ----------
        source : iterable of array-like or Chunk
            Chunks, such as :func:`replay` yields.

        Yields
        ------
        event : WindowResult or Gap
            Next event in chronological order.
        """
        for chunk in source:
            yield from self.push(*chunk) if isinstance(chunk, Chunk) else self.push(chunk)
        yield from self.end()

    def _state(self, method: str) -> SubjectVotes:
        """Return the votes of the current subject, or raise if no recording has begun."""
        if self._subject is None or not self._recording:
            raise ValueError(f"{_CALLER}.{method}: no recording has begun. Call begin(subject).")
        return self._subject

    def _checked(self, samples: ArrayLike, fs: float | None) -> NDArray[np.floating]:
        if fs is not None:
            self._check_rate(check_real(fs, "fs", _CALLER))
        try:
            values = np.asarray(unmasked(samples))
        except ValueError as error:
            raise ValueError(
                "The chunk has channels of different lengths. Give an array of shape (n_times,) or "
                "(n_channels, n_times)."
            ) from error
        if values.dtype.kind not in "fiu":
            raise ValueError(
                f"The chunk has {values.dtype} samples. Give an array of real numbers, in mV."
            )
        values = read_signal(values)
        if not self._channels and values.ndim == 2 and len(values) == 1:
            values = values[0]
        if not values.ndim or values.shape[:-1] != self._channels:
            expected = "(n_times,)" if not self._channels else f"({self._channels[0]}, n_times)"
            raise ValueError(
                f"The chunk has shape {values.shape}, but the model was fitted on {expected}. Give "
                "the channels of the training recordings, in their order, with time last."
            )
        return values

    def _check_rate(self, fs: float) -> None:
        if not same_rate(fs, self.fs):
            raise ValueError(
                f"The chunk has a sampling rate of {fs:g} Hz, but the model was fitted at "
                f"{self.fs:g} Hz. Set the device to {self.fs:g} Hz, or fit a model at {fs:g} Hz."
            )

    def _lost(self, start: int | None) -> int:
        """Return the number of samples that are missing before a chunk."""
        if start is None:
            return 0
        lost = check_integer(start, "start", f"{_CALLER}.push", 0) - self._cutter.position
        if lost < 0:
            raise ValueError(
                f"The chunk starts with sample {start}, but "
                f"{counted(self._cutter.position, 'sample was', 'samples were')} given already. "
                "Leave out repeated samples, or call end() and begin()."
            )
        return lost

    def _refuse_gap(self, lost: int, finite: NDArray[np.bool_]) -> None:
        at = self._cutter.position / self.fs
        fault = "a sample is beyond 1e9 mV, NaN or infinite"
        what = (
            f"{counted(lost, 'sample')} {'is' if lost == 1 else 'are'} missing" if lost else fault
        )
        at += 0.0 if lost else float(np.argmin(finite)) / self.fs
        raise ValueError(
            f"{_CALLER}(gaps='raise'): {what} at {at:g} s of the recording. Check the connection, "
            "or use gaps='restart' to restart after a gap."
        )

    def _gap(self, n_times: int) -> Gap:
        """Restart after lost samples."""
        start = self._cutter.position
        for stream in self._streams:
            stream.reset()
        self._cutter.skip(n_times)
        self._raw_cutter.skip(n_times)
        number = len(self._state("push").columns) - 1
        return Gap(number, start / self.fs, (start + n_times) / self.fs)

    def _run(self, values: NDArray[np.floating]) -> list[WindowResult]:
        """Return the results of the windows that are completed by finite samples."""
        raw: Iterable[Any] = repeat(None)
        if self._detector is not None or not self._first_seen:
            seen = list(self._raw_cutter.push(values))
            self._check_unit(seen)
            raw = raw if self._detector is None else seen
        for stream in self._streams:
            values = stream.process(values)
        windows = list(self._cutter.push(values))
        return [self._score(start, window, found) for (start, window), found in zip(windows, raw)]

    def _check_unit(self, raw: list[tuple[int, NDArray]]) -> None:
        """Warn if the first unfiltered window of a recording is implausible for EMG in mV."""
        if raw and not self._first_seen:
            self._first_seen = True
            warn_of_implausible_recordings(pd.DataFrame({"signal": [raw[0][1]]}))

    # ------------------------------------------------- windows and decisions

    def _score(
        self, start: int, window: NDArray[np.floating], raw: tuple[int, NDArray] | None
    ) -> WindowResult:
        subject = self._state("push")
        rejected = () if raw is None else self._artefacts(raw[1])
        scores, vote, smoothed = None, None, None
        if rejected:
            subject.n_rejected += 1
        else:
            scores = self._window_scores(window, subject.columns[-1])
            vote = self.classes[np.argmax(scores)]
            subject.add(start, scores)
        if self._smooth is not None:
            smoothed = self._smooth.current if rejected else self._smooth.update(vote)
        seconds = (start + self._size) / self.fs
        if self._stop is not None and subject.decided is None:
            place = self._stop.decide(subject.votes, subject.seconds_before + seconds)
            subject.decided = None if place is None else self.classes[place]
        return WindowResult(
            len(subject.columns) - 1,
            start / self.fs,
            seconds,
            scores,
            vote,
            smoothed,
            rejected,
            subject.decision(seconds, self._confidence),
        )

    def _window_scores(
        self, window: NDArray[np.floating], columns: dict[str, Any]
    ) -> NDArray[np.floating]:
        names = self._requested & columns.keys()
        own = {name: np.array([columns[name]], dtype=object) for name in names}
        return self._divote.score_windows(window[np.newaxis], own)[0]

    def _artefacts(self, window: NDArray[np.floating]) -> tuple[str, ...]:
        """Return the kinds of artefact in a window of the recorded signal."""
        if self._detector is None:
            return ()
        scores = np.asarray(self._detector.transform(window[np.newaxis]))
        worst = scores.reshape(-1, len(THRESHOLDS) + 1).max(axis=0)  # the last is the quality
        return tuple(name for name, score in zip(THRESHOLDS, worst[:-1]) if score > 1)

    @property
    def latency(self) -> Latency:
        """Processing time per chunk."""
        if not self._seconds:
            return Latency(0, float("nan"), float("nan"))
        median, p99 = np.percentile(self._seconds, [50, 99])
        return Latency(len(self._seconds), float(median), float(p99))

    @property
    def recordings(self) -> pd.DataFrame:
        """Recordings of the subject so far, as in ``DiVoteClassifier.vote(X).recordings``."""
        if self._subject is None:
            raise ValueError(f"{_CALLER}: no recording has begun. Call begin(subject).")
        table = pd.DataFrame(self._subject.columns)
        table["n_windows"] = self._subject.n_windows
        table[[f"score_{c}" for c in self.classes]] = self._subject.recording_scores()
        return table

    def diagnose(self) -> pd.DataFrame:
        """Diagnose the current subject from its recordings so far with the final classifier.

        Returns
        -------
        subjects : DataFrame
            Diagnosis, as in ``DiVoteClassifier.vote(X).subjects``. It has a single row unless the
            `unit` of the DiVoteClassifier is a column other than the subject.

        Raises
        ------
        ValueError
            If no recording has begun.

        Warns
        -----
        SubjectLeakWarning
            If the model was trained on the subject.
        """
        return self._divote.vote_subjects(self.recordings)

    def offline(self, table: pd.DataFrame) -> pd.DataFrame:
        """Score the windows of whole recordings without streaming.

        Each step processes whole recordings, which are then divided into windows. The results of
        streaming are bitwise equal to these for chunks of any length.

        Parameters
        ----------
        table : DataFrame
            Recording table.

        Returns
        -------
        windows : DataFrame of shape (n_windows, 3 + n_classes)
            Table with the columns ``row``, ``start`` in seconds, the scores and ``vote``, as in
            ``DiVoteClassifier.vote(X).windows``. Rejected windows are left out.
        """
        filtered = table
        for _, step in self._steps:
            filtered = step.transform(filtered)
        windows = self._divote.windows(filtered)
        keep = np.ones(len(windows), dtype=bool)
        if self._detector is not None:
            raw = self._divote.windows(table).X
            keep = np.array([not self._artefacts(window) for window in raw], dtype=bool)
        columns = table.drop(columns="signal").to_dict("records")
        scores = [
            self._window_scores(windows.X[k], columns[windows.row[k]]) for k in np.flatnonzero(keep)
        ]
        found = pd.DataFrame({"row": windows.row[keep], "start": windows.start[keep] / windows.fs})
        values = np.array(scores).reshape(-1, len(self.classes))
        found[[f"score_{c}" for c in self.classes]] = values
        return found.assign(vote=self.classes[values.argmax(axis=1)])
