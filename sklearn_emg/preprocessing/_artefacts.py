"""Artefacts: find them, mark them, fill short gaps."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, ClassVar, Literal, cast

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import interpolate, ndimage
from sklearn.base import clone
from sklearn.utils import Tags
from sklearn.utils.validation import validate_data

from sklearn_emg._sklearn import Interval, Real, StrOptions
from sklearn_emg.base import FeatureExtractor, SignalTransformer
from sklearn_emg.exceptions import RecordingWarning
from sklearn_emg.recordings import object_column, read_signal

__all__ = ["ArtefactDetector", "ArtefactRejector", "GapInterpolator", "segment_recording"]

_POSITIVE = Interval(Real, 0, None, closed="neither")
_THRESHOLDS = {
    "saturation": 0.001,
    "flat": 0.1,
    "motion": 0.5,
    "mains": 0.5,
    "spikes": 1.5,
    "pop": 4.0,
}


# Steps of a converter make several equal samples in a row at a low sampling rate.
_MIN_FLAT = 15
_MARKS = "artefacts"
_REST_LEVEL = 0.02  # mV; needle recordings have a noise of some 0.01 mV


def runs_mask(mask: NDArray[np.bool_], shortest: int) -> NDArray[np.bool_]:
    """Keep what is True for at least `shortest` samples in a row, along the last axis."""
    if shortest <= 1:
        return mask
    # An opening: what an erosion and a dilation by the same number of samples leave.
    structure = np.ones((1,) * (mask.ndim - 1) + (shortest,), dtype=bool)
    return ndimage.binary_opening(mask, structure)


def saturation_share(X: NDArray[np.floating], limit: float | None) -> NDArray[np.float64]:
    """Share of samples at or beyond the limit, or on plateaus at a signal's own extremes.

    Parameters
    ----------
    X : ndarray of shape (..., n_times)
    limit : float or None
        End of the amplifier's range in mV. None looks for four equal samples in a row at the
        highest or lowest value, and for both of these values in many more samples than the values
        next to them, as peaks that are cut for one or two samples leave them.
    """
    if limit is not None:
        return (np.abs(X) >= limit).mean(axis=-1)
    high, low = X.max(axis=-1, keepdims=True), X.min(axis=-1, keepdims=True)
    varies = high > low
    at_high, at_low = (high == X) & varies, (low == X) & varies
    plateaus = runs_mask(at_high, 4) | runs_mask(at_low, 4)
    cut = _pile_up(X, at_high, -np.inf) & _pile_up(-X, at_low, -np.inf)
    return (plateaus | ((at_high | at_low) & cut)).mean(axis=-1)


def _pile_up(
    X: NDArray[np.floating], at_end: NDArray[np.bool_], lowest: float
) -> NDArray[np.bool_]:
    """Whether many more samples have the highest value than the one below it, of shape (..., 1).

    Samples of a converter with coarse steps share their extremes too, but not more often than
    other values.
    """
    below = np.where(at_end, lowest, X)
    n_below = (below == below.max(axis=-1, keepdims=True)).sum(axis=-1, keepdims=True)
    return at_end.sum(axis=-1, keepdims=True) > 2 * n_below + 3


def flat_share(X: NDArray[np.floating], n_flat: int) -> NDArray[np.float64]:
    """Share of samples that lie in runs of at least `n_flat` equal samples.

    Parameters
    ----------
    X : ndarray of shape (..., n_times)
    n_flat : int
    """
    n_times = X.shape[-1]
    if n_times == 1:
        return np.zeros(X.shape[:-1])
    equal = runs_mask(np.diff(X, axis=-1) == 0, max(min(n_flat, n_times) - 1, 1))
    flat = np.zeros(X.shape, dtype=bool)
    flat[..., 1:] |= equal
    flat[..., :-1] |= equal
    return flat.mean(axis=-1)


def power_shares(
    X: NDArray[np.floating], fs: float, motion_freq: float, line_freqs: Sequence[float]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Share of the power below `motion_freq`, and at line frequencies and four harmonics of each.

    The mean is left out; a Hann window keeps a line within two bins.

    Parameters
    ----------
    X : ndarray of shape (..., n_times)
    fs, motion_freq : float
        In Hz.
    line_freqs : sequence of float
        Frequencies of the power line to look for, in Hz.

    Returns
    -------
    motion : ndarray of shape (...)
        Below `motion_freq` and not near the line frequency that has most power.
    lines : ndarray of shape (n_line_freqs, ...)
    """
    n_times = X.shape[-1]
    centred = X - X.mean(axis=-1, keepdims=True, dtype=np.float64)
    spectrum = np.abs(np.fft.rfft(centred * np.hanning(n_times + 2)[1:-1], axis=-1)) ** 2
    freqs = np.fft.rfftfreq(n_times, 1 / fs)
    width = max(2 * fs / n_times, 1.0)
    total = spectrum[..., 1:].sum(axis=-1)
    safe = np.where(total > 0, total, 1.0)
    lines, slow_parts = [], []
    for line in line_freqs:
        at_line = np.zeros(len(freqs), dtype=bool)
        # A window too short to tell the line from the rest says nothing about it.
        if width < line / 4:
            for harmonic in range(1, 6):
                if harmonic * line < fs / 2:
                    at_line |= np.abs(freqs - harmonic * line) <= width
        lines.append(spectrum[..., at_line].sum(axis=-1) / safe)
        slow = (freqs > 0) & (freqs < motion_freq) & ~at_line
        slow_parts.append(spectrum[..., slow].sum(axis=-1) / safe)
    return np.min(slow_parts, axis=0), np.stack(lines)


def spike_ratio(X: NDArray[np.floating]) -> NDArray[np.float64]:
    """Largest distance of a sample from the median of three, relative to the range of the medians.

    Parameters
    ----------
    X : ndarray of shape (..., n_times)
    """
    size = (1,) * (X.ndim - 1) + (3,)
    # "mirror" does not repeat the end, which would hide a spike there from itself.
    medians = ndimage.median_filter(X, size=size, mode="mirror")
    largest = np.abs(X - medians).max(axis=-1)
    return _ratio(largest, np.ptp(medians, axis=-1))


def pop_ratio(X: NDArray[np.floating], n_median: int) -> NDArray[np.float64]:
    """Largest step of the baseline between neighbouring stretches, over the spread around it.

    Parameters
    ----------
    X : ndarray of shape (..., n_times)
    n_median : int
        Length of a stretch in samples.
    """
    n_stretches = X.shape[-1] // n_median
    if n_stretches < 2:
        return np.zeros(X.shape[:-1])
    stretches = X[..., : n_stretches * n_median].reshape(*X.shape[:-1], n_stretches, n_median)
    medians = np.median(stretches, axis=-1)
    spread = stretches.std(axis=-1, dtype=np.float64).mean(axis=-1)
    return _ratio(np.abs(np.diff(medians, axis=-1)).max(axis=-1), spread)


def _ratio(part: NDArray, whole: NDArray) -> NDArray[np.float64]:
    part, whole = np.asarray(part, dtype=np.float64), np.asarray(whole, dtype=np.float64)
    # Something on nothing is a finite but hopeless ratio, so that features stay finite.
    ratio = np.divide(part, whole, out=np.where(part > 0, 1e6, 0.0), where=whole > 0)
    return np.minimum(ratio, 1e6)


class ArtefactDetector(FeatureExtractor):
    """Scores of six kinds of artefact and of the quality, per window and channel.

    Parameters
    ----------
    thresholds : dict of str to float, default=None
        Other limits than those of the table below, for some kinds.
    limit : float, default=None
        Where the amplifier saturates, in mV. By default saturation is seen by plateaus at a
        signal's own extremes.
    mains_freq : float, default=None
        Frequency of the power line in Hz. By default 50 and 60 Hz are both looked for, and
        :meth:`line_frequency` names the one that is there.
    motion_freq : float, default=10.0
        What is slower than this, in Hz, counts as motion.
    fs : float, default=None
        Sampling rate of arrays in Hz. A recording table brings its own.

    Attributes
    ----------
    n_features_in_ : int
        Second axis of the windows seen in ``fit``. Not set by a table.
    n_channels_in_ : int
        Channels of the signals seen in ``fit``.
    n_times_in_ : int or None
        Samples per window seen in ``fit``; None after a table.

    Raises
    ------
    ValueError
        If a threshold has an unknown name or is not positive, an array comes without `fs`, or a
        signal holds NaN.

    See Also
    --------
    ArtefactRejector : Marks what is found in a recording, for windows to be left out.

    Notes
    -----
    ============ ========================================================================= =====
    kind         measure                                                                   limit
    ============ ========================================================================= =====
    saturation   share of samples at the amplifier's limit or on plateaus of 4 samples     0.001
    flat         share of samples in equal runs of 10 ms and 15 samples or more            0.1
    motion       share of the power below `motion_freq`                                    0.5
    mains        share of the power at 50 or 60 Hz and four harmonics                      0.5
    spikes       largest distance from the median of 3 samples, over the medians' range    1.5
    pop          largest step between medians of 25 ms, over the mean standard deviation   4
    ============ ========================================================================= =====

    Spikes: below 1000 Hz the limit grows by :math:`\\sqrt{1000 / f_s}`, since there the EMG itself
    changes from one sample to the next. A score is the measure divided by its limit, so that more
    than 1 is a flag. The quality is :math:`1 / (1 + \\max_i s_i^2)`: 1 without a trace of artefact,
    below 0.5 with a flag. The
    limits are choices of this package that leave real needle recordings nearly unflagged; set your
    own where your recordings differ. A window too short for a measure has the score 0 there: motion
    needs more than one, mains more than eight periods. Saturation can only be seen in samples as
    they were recorded: a filter smooths plateaus away. Sharp potentials of two or three samples
    may pass for spikes; raise that limit for sampling rates of a few kHz.

    References
    ----------
    P. McCool, G. D. Fraser, A. D. C. Chan, L. Petropoulakis, J. J. Soraghan, "Identification of
    contaminant type in surface electromyography (EMG) signals", IEEE Trans. Neural Syst. Rehabil.
    Eng. 22 (2014) 774-783, for the kinds of artefact. :doi:`10.1109/TNSRE.2014.2299573`

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emg.preprocessing import ArtefactDetector
    >>> X = np.random.default_rng(0).normal(size=(2, 1000))
    >>> X[1, 300:700] = 0.0  # the electrode fell off
    >>> ArtefactDetector(fs=1000.0).fit(X).flags(X)["flat"].tolist()
    [False, True]
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "thresholds": [dict, None],
        "limit": [_POSITIVE, None],
        "mains_freq": [_POSITIVE, None],
        "motion_freq": [_POSITIVE],
        "fs": [_POSITIVE, None],
    }

    def __init__(
        self,
        thresholds: Mapping[str, float] | None = None,
        *,
        limit: float | None = None,
        mains_freq: float | None = None,
        motion_freq: float = 10.0,
        fs: float | None = None,
    ):
        self.thresholds = thresholds
        self.limit = limit
        self.mains_freq = mains_freq
        self.motion_freq = motion_freq
        self.fs = fs

    def _needs_fs(self) -> bool:
        return True

    def _check_parameters(self, fs: float) -> None:
        for name, value in (self.thresholds or {}).items():
            if name not in _THRESHOLDS:
                near = get_close_matches(str(name), _THRESHOLDS, n=1)
                hint = f" Did you mean {near[0]!r}?" if near else ""
                raise ValueError(
                    "The 'thresholds' parameter of ArtefactDetector must have names out of "
                    f"{sorted(_THRESHOLDS)}. Got {name!r} instead.{hint}"
                )
            if not (isinstance(value, Real) and np.isfinite(value) and value > 0):
                raise ValueError(
                    "The 'thresholds' parameter of ArtefactDetector must have positive numbers. "
                    f"Got {value!r} for {name!r} instead."
                )

    def _feature_names(self) -> list[str]:
        return [*_THRESHOLDS, "quality"]

    def _extract(self, X: NDArray[np.floating], fs: float) -> NDArray[np.floating]:
        motion, lines = power_shares(X, fs, self.motion_freq, self._line_freqs())
        spikes = spike_ratio(X) if X.shape[-1] >= 25 else np.zeros(X.shape[:-1])
        measures = {
            "saturation": saturation_share(X, self.limit),
            "flat": flat_share(X, max(round(0.010 * fs), _MIN_FLAT)),
            "motion": motion,
            "mains": lines.max(axis=0),
            "spikes": spikes / max(1.0, np.sqrt(1000.0 / fs)),
            "pop": pop_ratio(X, max(round(0.025 * fs), 2)),
        }
        thresholds = {**_THRESHOLDS, **(self.thresholds or {})}
        scores = np.stack([measures[name] / thresholds[name] for name in _THRESHOLDS], axis=-1)
        quality = 1 / (1 + scores.max(axis=-1, keepdims=True) ** 2)
        return np.concatenate([scores, quality], axis=-1).astype(X.dtype, copy=False)

    def _line_freqs(self) -> tuple[float, ...]:
        return (50.0, 60.0) if self.mains_freq is None else (float(self.mains_freq),)

    def line_frequency(self, X: ArrayLike | pd.DataFrame) -> NDArray[np.float64]:
        """Frequency of the power line in windows that have the flag "mains".

        Parameters
        ----------
        X : ndarray of shape (n_windows, n_times) or (n_windows, n_channels, n_times), or DataFrame
            Windows in mV, or a recording table.

        Returns
        -------
        frequencies : ndarray of shape (n_windows,)
            In Hz, of the channel with the most of it; NaN without the flag.
        """
        flagged = self.flags(X)["mains"].to_numpy()
        parts: list[tuple[NDArray[np.floating], float]]
        if isinstance(X, pd.DataFrame):
            parts = [(signals, fs) for _, signals, fs in self._equal_rows(X)]
        else:
            values = np.asarray(X, dtype=np.float64)
            parts = [(values.reshape(len(values), -1, values.shape[-1]), self._array_fs())]
        freqs = self._line_freqs()
        found = []
        for values, fs in parts:
            lines = power_shares(values, fs, self.motion_freq, freqs)[1]
            found.append(np.array(freqs)[lines.max(axis=-1).argmax(axis=0)])
        return np.where(flagged, np.concatenate(found), np.nan)

    def flags(self, X: ArrayLike | pd.DataFrame) -> pd.DataFrame:
        """Which artefacts a window has, in any of its channels.

        Parameters
        ----------
        X : ndarray of shape (n_windows, n_times) or (n_windows, n_channels, n_times), or DataFrame
            Windows in mV, or a recording table.

        Returns
        -------
        flags : DataFrame of shape (n_windows, 6)
            True where a score is above 1; a table's index is kept.
        """
        scores = np.asarray(self.transform(X)).reshape(-1, self.n_channels_in_, 7)
        index = X.index if isinstance(X, pd.DataFrame) else None
        above = scores[..., :6].max(axis=1) > 1
        return pd.DataFrame(above, columns=[*_THRESHOLDS], index=index)


class ArtefactRejector(SignalTransformer):
    """Mark stretches with artefacts as NaN, so that no window is taken from them.

    Put it last before windows are cut: ``DiVoteClassifier(..., nan="skip")`` and
    :func:`sklearn_emg.recordings.divide` with ``nan="skip"`` leave those windows out and say how
    many. Every other step refuses NaN.

    Parameters
    ----------
    detector : ArtefactDetector, default=None
        What to look for; by default the detector with its own defaults.
    kinds : sequence of str, default=None
        Kinds of artefact that count; all by default.
    window : float, default=0.2
        Length of the stretches that are scored, in seconds. The last one ends with the recording.
    apply : bool, default=True
        False leaves the signals of a recording table as they are and notes the stretches in its
        column ``"artefacts"``, in seconds and per channel. A later ArtefactRejector marks them and
        removes the column. So clipping is found before a filter and marked after it.
    fs : float, default=None
        Sampling rate of arrays in Hz. A recording table brings its own.

    Attributes
    ----------
    n_features_in_ : int
        Second axis of the windows seen in ``fit``. Not set by a table.
    n_times_in_ : int or None
        Samples per window seen in ``fit``; None after a table.

    Raises
    ------
    ValueError
        If a kind is unknown, an array comes without `fs` or with ``apply=False``, or a signal holds
        NaN already.

    Warns
    -----
    RecordingWarning
        If channels of a recording never change, with row and channels; if `kinds` names
        "saturation" and the samples cannot be those of a converter.

    See Also
    --------
    GapInterpolator : Fills short gaps.

    Notes
    -----
    A stretch is marked in the channels that have the artefact. A channel that never changes, an
    unused input for instance, is reported and left as it is, as long as another channel lives:
    NaN in it would leave no window of the others. A signal shorter than `window` is one stretch.

    Samples of a converter are multiples of its step and repeat themselves; of a filtered signal no
    two are equal, and its clipping can no longer be seen. Then use two of these steps::

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
        "window": [_POSITIVE],
        "apply": ["boolean"],
        "fs": [_POSITIVE, None],
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
        unknown = [kind for kind in self._kinds() if kind not in _THRESHOLDS]
        if unknown:
            raise ValueError(
                f"The 'kinds' parameter of ArtefactRejector must be out of {sorted(_THRESHOLDS)}. "
                f"Got {unknown[0]!r} instead."
            )
        self._fresh_detector()._check_parameters(fs)

    def _kinds(self) -> list[str]:
        return list(_THRESHOLDS) if self.kinds is None else list(self.kinds)

    def _fresh_detector(self) -> ArtefactDetector:
        return ArtefactDetector() if self.detector is None else clone(self.detector)

    def _transform_signals(self, signals: NDArray[np.floating], fs: float) -> NDArray[np.floating]:
        n_times = signals.shape[-1]
        size = min(max(round(self.window * fs), 1), n_times)
        starts = np.arange(0, n_times - size + 1, size)
        if starts[-1] + size < n_times:
            starts = np.append(starts, n_times - size)
        detector = self._fresh_detector()
        columns = [list(_THRESHOLDS).index(kind) for kind in self._kinds()]
        unused = self._unused_channels(signals)
        marked = signals.copy()
        for start in starts:
            stretch = np.atleast_2d(signals[..., start : start + size])
            flags = (detector._extract(stretch, fs)[..., columns] > 1).any(axis=-1)
            flags = flags.reshape(signals.shape[:-1]) & ~unused
            marked[..., start : start + size][flags] = np.nan
        return marked

    def _unused_channels(self, signals: NDArray[np.floating]) -> NDArray[np.bool_]:
        """Channels that never change while another one of the same signal does."""
        # A table row without channels and windows of one channel have no channel axis.
        if signals.ndim < (2 if self.n_times_in_ is None else 3):
            return np.zeros(signals.shape[:-1], dtype=bool)
        constant = np.ptp(signals, axis=-1) == 0
        return constant & ~constant.all(axis=-1, keepdims=True)

    def _read_finite(self, signal: Any, row: int) -> NDArray[np.floating]:
        values = super()._read_finite(signal, row)
        unused = np.flatnonzero(np.atleast_1d(self._unused_channels(values)))
        if len(unused):
            warnings.warn(
                f"Row {row}: channel(s) {', '.join(str(c + 1) for c in unused)} of {len(values)} "
                "never change: dead or unused inputs. ArtefactRejector leaves them as they are and "
                "scores the others; leave these channels out of the recording.",
                RecordingWarning,
                stacklevel=3,
            )
        if self.kinds is not None and "saturation" in self.kinds and self._is_smooth(values):
            warnings.warn(
                f"Row {row}: no two neighbours in size are equal, so these are not the samples of "
                "a converter but of a filtered signal, in which saturation cannot be seen. Put "
                "ArtefactRejector(kinds=['saturation'], apply=False) before the filter.",
                RecordingWarning,
                stacklevel=3,
            )
        return values

    def _is_smooth(self, values: NDArray[np.floating]) -> bool:
        """Whether the samples of all channels differ, as no converter gives them."""
        if self._fresh_detector().limit is not None or values.shape[-1] < 1000:
            return False
        channels = np.atleast_2d(values)
        return all(len(np.unique(c)) > 0.99 * len(c) for c in channels if np.ptp(c) > 0)

    def transform(self, X: ArrayLike | pd.DataFrame) -> NDArray[np.floating] | pd.DataFrame:
        """Mark or note the artefacts.

        Parameters
        ----------
        X : ndarray of shape (n_windows, n_times) or (n_windows, n_channels, n_times), or DataFrame
            Windows in mV, or a recording table.

        Returns
        -------
        X_new : ndarray or DataFrame
            Of the kind of `X`, with NaN in artefacts; with ``apply=False`` a table with the signals
            of `X` and the column ``"artefacts"``.
        """
        found = super().transform(X)
        if not isinstance(found, pd.DataFrame):
            if not self.apply:
                raise ValueError(
                    "ArtefactRejector(apply=False) notes artefacts in a recording table. Got an "
                    "array: give a table, or use apply=True."
                )
            return found
        signals, rates = found["signal"], found["fs"].to_numpy(dtype=float)
        earlier: Iterable[list[Any]] = found[_MARKS] if _MARKS in found else [[]] * len(found)
        if self.apply:
            marked = [_with_marks(s, m, fs) for s, m, fs in zip(signals, earlier, rates)]
            found["signal"] = object_column(marked, found.index)
            return found.drop(columns=_MARKS, errors="ignore")
        marks = [[*m, *_marks(s, fs)] for s, m, fs in zip(signals, earlier, rates)]
        noted = found.copy(deep=False)
        noted["signal"] = cast(pd.DataFrame, X)["signal"]
        noted[_MARKS] = pd.Series(marks, index=noted.index, dtype=object)
        return noted


def _marks(signal: NDArray[np.floating], fs: float) -> list[tuple[int, float, float]]:
    """Channel, start and end in s of each run of NaN."""
    found = []
    for c, missing in enumerate(np.isnan(np.atleast_2d(signal))):
        edges = np.flatnonzero(np.diff(missing, prepend=False, append=False))
        found += [(c, a / fs, b / fs) for a, b in edges.reshape(-1, 2).tolist()]
    return found


def _with_marks(
    signal: NDArray[np.floating], marks: list[tuple[int, float, float]], fs: float
) -> NDArray[np.floating]:
    marked = signal.copy()
    channels = np.atleast_2d(marked)
    for c, start, stop in marks:
        # Times keep their meaning after resampling; a part of a sample counts.
        channels[c, int(np.floor(start * fs + 1e-6)) : int(np.ceil(stop * fs - 1e-6))] = np.nan
    return marked


def fill_gaps(
    signal: NDArray[np.floating], longest: int, method: str = "linear"
) -> NDArray[np.floating]:
    """Fill runs of NaN of up to `longest` samples.

    Parameters
    ----------
    signal : ndarray of shape (n_times,)
    longest : int
        Longest gap to fill in samples.
    method : {"linear", "cubic"}
        Straight lines, or a cubic spline through all samples.

    Returns
    -------
    filled : ndarray of shape (n_times,)
        A gap at an end takes the nearest sample; longer gaps stay NaN.
    """
    missing = np.isnan(signal)
    if not missing.any() or missing.all():
        return signal.copy()
    short = missing & ~runs_mask(missing, longest + 1)
    times = np.arange(len(signal))
    filled = signal.copy()
    filled[short] = np.interp(times[short], times[~missing], signal[~missing])
    if method == "cubic" and (~missing).sum() > 1:
        # Inside only: beyond the first and last samples a cubic runs away.
        ends = np.flatnonzero(~missing)[[0, -1]]
        inside = short & (times > ends[0]) & (times < ends[1])
        spline = interpolate.CubicSpline(times[~missing], signal[~missing])
        filled[inside] = spline(times[inside])
    return filled


class GapInterpolator(SignalTransformer):
    """Fill short gaps, samples that are NaN.

    Parameters
    ----------
    max_gap : float, default=0.002
        Longest gap to fill in seconds. Longer ones stay NaN: leave their windows out.
    method : {"linear", "cubic"}, default="linear"
        Straight lines, or a cubic spline through all samples.
    fs : float, default=None
        Sampling rate of arrays in Hz. A recording table brings its own.

    Attributes
    ----------
    n_features_in_ : int
        Second axis of the windows seen in ``fit``. Not set by a table.
    n_times_in_ : int or None
        Samples per window seen in ``fit``; None after a table.

    Raises
    ------
    ValueError
        If an array comes without `fs`, or a signal holds infinity.

    See Also
    --------
    ArtefactRejector : Makes gaps.

    Notes
    -----
    Clipped samples of a needle recording are gaps too (see ``load_n2001``). A straight line cuts
    their peaks even lower than the clipping did. A cubic spline restores peaks that are sampled
    densely: in two recordings at 23 437.5 Hz, clipped at their outer 0.1 % of samples, the SNR rose
    from 25 to 38 dB. In three at 4000 Hz it fell, from 24 to 15 dB: there the clipped samples are
    better kept.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emg.preprocessing import GapInterpolator
    >>> X = [[0.0, np.nan, 2.0, np.nan, np.nan, 5.0]]
    >>> GapInterpolator(0.001, fs=1000.0).fit_transform(X)
    array([[ 0.,  1.,  2., nan, nan,  5.]])
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "max_gap": [_POSITIVE],
        "method": [StrOptions({"linear", "cubic"})],
        "fs": [_POSITIVE, None],
    }

    def __init__(
        self,
        max_gap: float = 0.002,
        *,
        method: Literal["linear", "cubic"] = "linear",
        fs: float | None = None,
    ):
        self.max_gap = max_gap
        self.method = method
        self.fs = fs

    def _needs_fs(self) -> bool:
        return True

    def _check_array(self, X: ArrayLike, *, reset: bool) -> NDArray[np.floating]:
        # The base class allows no NaN and checks the shape; here only the shape is at stake.
        X = validate_data(
            self,
            X,
            reset=reset,
            dtype=[np.float64, np.float32],
            allow_nd=True,
            ensure_all_finite="allow-nan",
        )
        super()._check_array(np.zeros_like(X), reset=False)
        return X

    def _read_finite(self, signal: Any, row: int) -> NDArray[np.floating]:
        values = read_signal(signal)
        if np.isinf(values).any():
            raise ValueError(
                f"Row {row}, column 'signal': contains infinity, which is no gap. Make it NaN or "
                "leave the row out."
            )
        return values

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    def _transform_signals(self, signals: NDArray[np.floating], fs: float) -> NDArray[np.floating]:
        longest = int(np.floor(self.max_gap * fs + 1e-9))
        return np.apply_along_axis(fill_gaps, -1, signals, longest, self.method)


def segment_recording(
    signal: ArrayLike,
    fs: float,
    *,
    rest_level: float | Literal["auto"] = "auto",
    window: float = 0.2,
    detector: ArtefactDetector | None = None,
) -> pd.DataFrame:
    """Divide a recording into rest, contraction and artefact.

    Parameters
    ----------
    signal : array-like of shape (n_times,) or (n_channels, n_times)
        In mV, without offset (see :class:`BaselineRemover`).
    fs : float
        Sampling rate in Hz.
    rest_level : float or "auto", default="auto"
        Root mean square in mV below which a stretch is rest in every channel. "auto" takes 0.02 mV
        or, in a channel whose 95th percentile of levels is more than 4 times its 10th, twice the
        10th if that is more: surface recordings have a noise of 0.05 mV and more. Such a recording
        is taken to have some rest; give a number where it has none.
    window : float, default=0.2
        Length of the stretches that are judged, in seconds.
    detector : ArtefactDetector, default=None
        What counts as artefact; by default the detector with its own defaults, less "flat", since
        rest may be silence, and "mains", which rest consists of where there is some.

    Returns
    -------
    segments : DataFrame of shape (n_segments, 3)
        Columns ``start`` and ``stop`` in seconds and ``kind``: "rest", "contraction" or
        "artefact". Neighbouring segments differ in kind.

    Raises
    ------
    ValueError
        If the signal holds NaN or has no time axis.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emg.preprocessing import segment_recording
    >>> signal = np.random.default_rng(0).normal(scale=0.2, size=3000)
    >>> signal[:1000] *= 0.01
    >>> segment_recording(signal, fs=1000.0)
       start  stop         kind
    0    0.0   1.0         rest
    1    1.0   3.0  contraction
    """
    values = np.atleast_2d(read_signal(signal))
    if values.ndim != 2 or values.shape[-1] == 0 or not np.isfinite(values).all():
        raise ValueError(
            "segment_recording takes one recording, (n_times,) or (n_channels, n_times), without "
            f"NaN. Got shape {np.shape(signal)}."
        )
    if isinstance(rest_level, str) and rest_level != "auto":
        raise ValueError(
            "The 'rest_level' parameter of segment_recording must be a number in mV or 'auto'. "
            f"Got {rest_level!r} instead."
        )
    n_times = values.shape[-1]
    size = min(max(round(window * fs), 1), n_times)
    starts = np.arange(0, n_times - size + 1, size)
    judged = ["saturation", "motion", "spikes", "pop"] if detector is None else list(_THRESHOLDS)
    columns = [list(_THRESHOLDS).index(kind) for kind in judged]
    detector = ArtefactDetector() if detector is None else detector
    detector._check_parameters(fs)
    stretches = np.stack([values[:, start : start + size] for start in starts])
    artefact = (detector._extract(stretches, fs)[..., columns] > 1).any(axis=(1, 2))
    levels = np.sqrt(np.mean(np.square(stretches, dtype=np.float64), axis=-1))
    if isinstance(rest_level, str):
        low, high = np.quantile(levels, [0.1, 0.95], axis=0)
        limits = np.where(high > 4 * low, np.maximum(2 * low, _REST_LEVEL), _REST_LEVEL)
    else:
        limits = np.full(levels.shape[1], rest_level)
    kinds = np.where(
        (levels < limits).all(axis=1), "rest", np.where(artefact, "artefact", "contraction")
    )
    first = np.flatnonzero(np.append(True, kinds[1:] != kinds[:-1]))
    # Samples behind the last whole stretch belong to it.
    stops = np.append(starts[first[1:]], n_times)
    return pd.DataFrame({"start": starts[first] / fs, "stop": stops / fs, "kind": kinds[first]})
