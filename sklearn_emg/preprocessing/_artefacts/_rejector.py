"""Marking of artefacts in recordings."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone

from sklearn_emg._sklearn import POSITIVE
from sklearn_emg._tables import counted, row_text
from sklearn_emg._warnings import warn
from sklearn_emg.base import SignalTransformer
from sklearn_emg.exceptions import RecordingWarning
from sklearn_emg.preprocessing._artefacts._detector import THRESHOLDS, ArtefactDetector
from sklearn_emg.preprocessing._artefacts._marks import (
    MARKS,
    marks_of,
    notes_of,
    with_marks,
    with_notes,
)
from sklearn_emg.preprocessing._artefacts._measures import saturation_fraction
from sklearn_emg.recordings import FILTERED, KeptWindows, read_signal, with_signals

_SMOOTH = (
    "nearly all samples are distinct, so these are not the samples of a converter but of a "
    "filtered signal"
)


class ArtefactRejector(SignalTransformer):
    """Set stretches with artefacts to NaN, so that no window is taken from them.

    This step should be the last one before windows are cut: ``DiVoteClassifier(..., nan="skip")``
    and :func:`sklearn_emg.recordings.divide` with ``nan="skip"`` leave out windows with NaN and
    report their number. Most other steps refuse NaN.

    Parameters
    ----------
    detector : ArtefactDetector, default=None
        Detector of artefacts. The default is ``ArtefactDetector()``.
    kinds : sequence of str, default=None
        Kinds of artefact to detect; the default is all kinds. An empty list detects none, so only
        stretches listed by an earlier step are set to NaN.
    window : float, default=0.2
        Length in seconds of the stretches that are scored. The last stretch ends with the
        recording.
    apply : bool, default=True
        Whether to set the stretches to NaN. If False, the signals of a recording table are not
        changed, and the stretches are listed in its column ``"artefacts"``, in seconds and for each
        channel. A later ArtefactRejector sets them to NaN and removes the column. In this way,
        clipping can be detected before a filter and marked after it.
    fs : float, default=None
        Sampling rate of arrays, in Hz. A recording table contains its own sampling rates.

    Attributes
    ----------
    n_features_in_ : int
        Size of the second axis of the windows seen in ``fit``. It is not set for a table.
    n_times_in_ : int or None
        Number of samples per window seen in ``fit``, or None if a table was given.
    subjects_ : ndarray of shape (n_subjects,) or None
        Names of the subjects of the table seen in ``fit``; None if they are not known.

    Raises
    ------
    ValueError
        If a kind is unknown, `fs` is missing for an array, an array is given with ``apply=False``,
        or a signal contains NaN.

    Warns
    -----
    RecordingWarning
        If a channel of a recording or of windows is constant while others are not. Also if
        saturation and constant stretches cannot be seen: a table has passed a filter of this
        package and lists no artefacts, or `kinds` contains "saturation" and the samples cannot be
        those of a converter. The message names the row.

    See Also
    --------
    GapInterpolator : Interpolates short gaps.

    Notes
    -----
    A stretch is set to NaN in the channels that have the artefact. A constant channel, such as an
    unused input, is reported but not set to NaN if another channel varies, since NaN in one channel
    would exclude the windows of all channels. A signal shorter than `window` is a single stretch.

    The samples of a converter are multiples of its step, so values occur repeatedly. The samples of
    a filtered signal all differ, so clipping can no longer be detected. To filter signals, use one
    rejector before the filter and one after it::

        make_pipeline(
            ArtefactRejector(kinds=["saturation"], apply=False),
            BandpassFilter(20, 400),
            ArtefactRejector(kinds=["motion", "spikes"]),
        )

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emg.preprocessing import ArtefactRejector
    >>> X = np.random.default_rng(0).normal(size=(1, 1000))
    >>> X[0, 450:550] = 0.0
    >>> marked = ArtefactRejector(window=0.2, fs=1000.0).fit_transform(X)
    >>> np.flatnonzero(np.isnan(marked[0]))[[0, -1]].tolist()
    [400, 599]
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "detector": [ArtefactDetector, None],
        "kinds": ["array-like", None],
        "window": [POSITIVE],
        "apply": ["boolean"],
        "fs": [POSITIVE, None],
    }

    def __init__(
        self,
        detector: ArtefactDetector | None = None,
        *,
        kinds: list[str] | None = None,
        window: float = 0.2,
        apply: bool = True,
        fs: float | None = None,
    ):
        self.detector = detector
        self.kinds = kinds
        self.window = window
        self.apply = apply
        self.fs = fs

    def _needs_fs(self) -> bool:
        return True

    def _check_parameters(self, fs: float) -> None:
        unknown = [kind for kind in self._kinds() if kind not in THRESHOLDS]
        if unknown:
            raise ValueError(
                f"The 'kinds' parameter of ArtefactRejector must be among {sorted(THRESHOLDS)}. "
                f"Got {unknown[0]!r} instead."
            )
        self._fresh_detector()._check_parameters(fs)

    def _kinds(self) -> list[str]:
        return list(THRESHOLDS) if self.kinds is None else list(self.kinds)

    def _fresh_detector(self) -> ArtefactDetector:
        return ArtefactDetector() if self.detector is None else clone(self.detector)

    def _stretch(self, n_times: int, fs: float) -> int:
        """Return the number of samples of a stretch."""
        return min(max(round(self.window * fs), 1), n_times)

    def _transform_signals(self, signals: NDArray[np.floating], fs: float) -> NDArray[np.floating]:
        n_times = signals.shape[-1]
        size = self._stretch(n_times, fs)
        starts = np.arange(0, n_times - size + 1, size)
        if starts[-1] + size < n_times:
            starts = np.append(starts, n_times - size)
        detector = self._fresh_detector()
        columns = [list(THRESHOLDS).index(kind) for kind in self._kinds()]
        unused = self._unused_channels(signals)
        marked = signals.copy()
        for start in starts:
            stretch = np.atleast_2d(signals[..., start : start + size])
            flags = (detector._extract(stretch, fs)[..., columns] > 1).any(axis=-1)
            flags = flags.reshape(signals.shape[:-1]) & ~unused
            marked[..., start : start + size][flags] = np.nan
        return marked

    def _unused_channels(self, signals: NDArray[np.floating]) -> NDArray[np.bool_]:
        """Return whether a channel is constant while another channel of the same signal is not."""
        # Single-channel rows and windows have no channel axis.
        if signals.ndim < (2 if self.n_times_in_ is None else 3):
            return np.zeros(signals.shape[:-1], dtype=bool)
        constant = np.ptp(signals, axis=-1) == 0
        return constant & ~constant.all(axis=-1, keepdims=True)

    def _read_finite(self, signal: Any, table: pd.DataFrame, row: int) -> NDArray[np.floating]:
        values = super()._read_finite(signal, table, row)
        unused: NDArray[np.bool_] = np.atleast_1d(self._unused_channels(values))
        self._warn_of_unused(unused, row_text(table, row, "Row"))
        return values

    def _check_array(self, X: ArrayLike, *, reset: bool) -> NDArray[np.floating]:
        X = super()._check_array(X, reset=reset)
        if reset or isinstance(X, KeptWindows):
            return X
        windows = X if X.ndim == 3 else X[:, np.newaxis]
        unused = self._unused_channels(windows)
        n_windows = int(unused.any(axis=1).sum())
        self._warn_of_unused(
            np.asarray(unused.any(axis=0)), f"{n_windows} of {counted(len(X), 'window')}"
        )
        if self._names_saturation() and self._hides_clipping(windows.swapaxes(0, 1)):
            self._warn_of_filter(f"Windows: {_SMOOTH}")
        return X

    def _warn_of_unused(self, unused: NDArray[np.bool_], where: str) -> None:
        if not unused.any():
            return
        listed = ", ".join(str(c + 1) for c in np.flatnonzero(unused))
        warn(
            f"{where}: constant in channel{'s' * int(unused.sum() > 1)} {listed} of {len(unused)}, "
            "like a dead or unused input. ArtefactRejector leaves such channels unchanged and "
            "scores the others; leave them out of the recording.",
            RecordingWarning,
        )

    def _names_saturation(self) -> bool:
        return self.kinds is not None and "saturation" in self.kinds

    def _warn_of_filter(self, what: str) -> None:
        warn(
            f"{what}, in which saturation and constant stretches cannot be seen. Put "
            "ArtefactRejector(kinds=['saturation', 'flat'], apply=False) before the filter.",
            RecordingWarning,
        )

    def _hides_clipping(self, stretches: NDArray[np.floating]) -> bool:
        """Return whether the samples cannot be those of a converter, and none are cut off.

        The stretches have the shape (n_channels, n_stretches, n_times).
        """
        channels = stretches.reshape(len(stretches), -1)
        if self._fresh_detector().limit is not None or channels.shape[-1] < 1000:
            return False
        # In runs of equal samples, a filter returns equal samples too.
        moving = [c[1:][np.diff(c) != 0] for c in channels if np.ptp(c) > 0]
        smooth = all(len(np.unique(c)) > 0.99 * len(c) for c in moving)
        return bool(moving) and smooth and not saturation_fraction(stretches, None).any()

    def _warn_of_filtered_rows(self, X: pd.DataFrame) -> None:
        if X.attrs.get(FILTERED, False):
            hidden = {"flat"} if self._fresh_detector().limit else {"saturation", "flat"}
            # If the table lists artefacts, they were detected before the filter.
            if MARKS not in X and not hidden.isdisjoint(self._kinds()):
                self._warn_of_filter("ArtefactRejector got the output of a filter")
            return
        if not self._names_saturation():
            return
        for row, (signal, fs) in enumerate(zip(X["signal"], X["fs"])):
            channels = np.atleast_2d(read_signal(signal))
            size = self._stretch(channels.shape[-1], float(fs))
            whole = channels[:, : channels.shape[-1] // size * size]
            if self._hides_clipping(whole.reshape(len(channels), -1, size)):
                self._warn_of_filter(f"Row {row}: {_SMOOTH}")

    def _transform_table(self, X: pd.DataFrame) -> pd.DataFrame:
        self._warn_of_filtered_rows(X)
        found = X if self.apply and not self._kinds() else super()._transform_table(X)
        signals, rates = found["signal"], found["fs"].to_numpy(dtype=float)
        if self.apply:
            if MARKS not in found:
                return found
            marked = [with_marks(s, m, fs) for s, m, fs in zip(signals, notes_of(found), rates)]
            return with_signals(found, marked).drop(columns=MARKS)
        marks = [marks_of(s, fs) for s, fs in zip(signals, rates)]
        return with_notes(found, list(X["signal"]), marks)

    def _refuse_arrays(self) -> None:
        if not self.apply:
            raise ValueError(
                "ArtefactRejector(apply=False) lists artefacts in a recording table. Got an "
                "array: give a table, or use apply=True."
            )
