"""Amplitude scaling, reference contractions, rectification and envelopes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar, Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted

from sklearn_emg._sklearn import POSITIVE, StrOptions
from sklearn_emg._tables import counted, row_text
from sklearn_emg._validation import check_below_nyquist
from sklearn_emg._warnings import warn_of_recordings
from sklearn_emg.base import SignalTransformer
from sklearn_emg.preprocessing._filtering._design import design_filter, zero_phase_filter
from sklearn_emg.preprocessing._streams import SampleStream
from sklearn_emg.recordings import (
    common_channel_names,
    refuse_other_order,
    subjects_of,
    with_signals,
)


def location_and_scale(
    values: NDArray[np.floating], method: str
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Compute the offset to subtract from signals and the scale to divide them by.

    Parameters
    ----------
    values : ndarray of shape (..., n_times)
        Signals.
    method : {"zscore", "minmax", "robust", "maxabs"}
        Method of scaling, see :class:`AmplitudeScaler`.

    Returns
    -------
    location, scale : ndarrays of shape (..., 1), float64
        Offset and scale. A scale of 0, as of a constant signal, is replaced by 1.
    """
    largest = np.abs(values).max(axis=-1, keepdims=True).astype(np.float64)
    if method == "zscore":
        location = values.mean(dtype=np.float64, axis=-1, keepdims=True)
        scale = values.std(dtype=np.float64, axis=-1, keepdims=True)
    elif method == "minmax":
        location = values.min(axis=-1, keepdims=True).astype(np.float64)
        scale = values.max(axis=-1, keepdims=True).astype(np.float64) - location
    elif method == "robust":
        q25, location, q75 = np.quantile(
            values.astype(np.float64), [0.25, 0.5, 0.75], axis=-1, keepdims=True
        )
        scale = q75 - q25
    else:
        location, scale = np.zeros_like(largest), largest
    return location, _without_zeros(scale, largest)


def _without_zeros(scale: NDArray[np.float64], largest: NDArray[np.float64]) -> NDArray[np.float64]:
    # Because of rounding errors, the scale of a constant signal may differ slightly from 0.
    tiny = 10 * np.finfo(np.float64).eps * largest
    return np.where(scale <= tiny, 1.0, scale)


def _training_statistics(
    signals: Iterable[NDArray[np.floating]], method: str
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Compute the location and scale of each channel over all signals (n_channels, n_times)."""
    if method == "robust":  # quantiles of parts cannot be combined
        location, scale = location_and_scale(np.concatenate(list(signals), axis=1), method)
        return location[:, 0], scale[:, 0]
    n_samples = 0
    for values in signals:
        n_new = values.shape[1]
        mean = values.mean(axis=1, dtype=np.float64)
        squares = values.var(axis=1, dtype=np.float64) * n_new
        low, high = values.min(axis=1).astype(float), values.max(axis=1).astype(float)
        if n_samples == 0:
            n_samples, total_mean, total_squares = n_new, mean, squares
            lowest, highest = low, high
            continue
        # The update of Chan, Golub & LeVeque (1983) is stable where sums of squares would cancel.
        delta = mean - total_mean
        total_squares = total_squares + squares
        total_squares += delta**2 * n_samples * n_new / (n_samples + n_new)
        total_mean = total_mean + delta * n_new / (n_samples + n_new)
        n_samples += n_new
        lowest, highest = np.minimum(lowest, low), np.maximum(highest, high)
    largest = np.maximum(np.abs(lowest), np.abs(highest))
    if method == "zscore":
        location, scale = total_mean, np.sqrt(total_squares / n_samples)
    elif method == "minmax":
        location, scale = lowest, highest - lowest
    else:
        location, scale = np.zeros_like(largest), largest
    return location, _without_zeros(scale, largest)


class AmplitudeScaler(SignalTransformer):
    """Scale amplitudes by statistics of each signal or of the training signals.

    Scaling each signal by its own statistics removes differences in amplitude between subjects, but
    also those between diseases. Compare pipelines on held-out subjects to see whether scaling
    improves a classifier.

    Parameters
    ----------
    method : {"zscore", "minmax", "robust", "maxabs"}, default="zscore"
        Method of scaling, defined in the Notes.
    by : {"signal", "training"}, default="signal"
        Source of the statistics. "signal" computes them from each signal, which is a window of an
        array or a recording of a table. "training" computes them in ``fit`` from all samples of the
        training signals, so test signals may exceed the range. In both cases, each channel has its
        own statistics.

    Attributes
    ----------
    location_, scale_ : ndarray of shape (n_channels,)
        Offset subtracted from each channel, and scale by which the difference is divided. They are
        set only with ``by="training"``.
    channel_names_in_ : tuple of str or None
        Names of the channels of the training table, or None if the rows do not have the same names.
        It is set only with ``by="training"``.
    n_features_in_ : int
        Size of the second axis of the windows seen in ``fit``. It is not set for a table.
    n_times_in_ : int or None
        Number of samples per window seen in ``fit``, or None if a table was given.
    subjects_ : ndarray of shape (n_subjects,) or None
        Names of the subjects of the table seen in ``fit``; None if they are not known.

    Raises
    ------
    ValueError
        If the number or the order of channels differs from that of the training signals, or a
        signal contains NaN.

    See Also
    --------
    ReferenceScaler : Scales by a reference contraction of the same subject.

    Notes
    -----
    ========== =================================== ==========================
    "zscore"   :math:`(x - \\bar x) / s`            :math:`s` with ddof 0
    "minmax"   :math:`(x - \\min) / (\\max - \\min)`  in [0, 1]
    "robust"   :math:`(x - q_{50}) / (q_{75} - q_{25})`
    "maxabs"   :math:`x / \\max |x|`                in [-1, 1], 0 stays 0
    ========== =================================== ==========================

    "minmax" is equation 4 of the NeuroFusionNet paper, which does not state over which data the
    minimum and maximum are taken. If the scale is 0, as for a constant signal, 1 is used
    instead. "robust" with ``by="training"`` needs all training samples in memory at once; the other
    methods read the recordings one by one.

    References
    ----------
    T. F. Chan, G. H. Golub, R. J. LeVeque, "Algorithms for computing the sample variance: analysis
    and recommendations", Am. Stat. 37 (1983) 242-247. :doi:`10.1080/00031305.1983.10483115`

    Examples
    --------
    >>> from sklearn_emg.preprocessing import AmplitudeScaler
    >>> X = [[0.0, 1.0, 4.0], [2.0, 2.0, 3.0]]
    >>> AmplitudeScaler("minmax").fit_transform(X)
    array([[0.  , 0.25, 1.  ],
           [0.  , 0.  , 1.  ]])
    >>> AmplitudeScaler("minmax", by="training").fit_transform(X)
    array([[0.  , 0.25, 1.  ],
           [0.5 , 0.5 , 0.75]])
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "method": [StrOptions({"zscore", "minmax", "robust", "maxabs"})],
        "by": [StrOptions({"signal", "training"})],
    }

    def __init__(
        self,
        method: Literal["zscore", "minmax", "robust", "maxabs"] = "zscore",
        *,
        by: Literal["signal", "training"] = "signal",
    ):
        self.method = method
        self.by = by

    def _learns(self) -> bool:
        return self.by == "training"

    def _fit_signals(self, X: NDArray[np.floating], fs: float) -> None:
        if self.by == "training":
            self.channel_names_in_: tuple[str, ...] | None = None
            X = X[:, np.newaxis] if X.ndim == 2 else X
            joined = X.swapaxes(0, 1).reshape(X.shape[1], -1)
            self.location_, self.scale_ = _training_statistics([joined], self.method)

    def _fit_table(self, X: pd.DataFrame) -> None:
        if self.by != "training":
            return
        n_channels = [1 if s.ndim == 1 else s.shape[0] for s in X["signal"]]
        for row, n in enumerate(n_channels):
            if n != n_channels[0]:
                raise ValueError(
                    "AmplitudeScaler learns one scale per channel, but row 0 has "
                    f"{counted(n_channels[0], 'channel')} and row {row} has {n}."
                )
        signals = (
            np.atleast_2d(self._read_finite(signal, X, row))
            for row, signal in enumerate(X["signal"])
        )
        self.location_, self.scale_ = _training_statistics(signals, self.method)
        self.channel_names_in_ = common_channel_names(X)

    def _transform_table(self, X: pd.DataFrame) -> pd.DataFrame:
        if self.by == "training":
            known = getattr(self, "channel_names_in_", None)
            refuse_other_order(known, common_channel_names(X), "AmplitudeScaler")
        return super()._transform_table(X)

    def _transform_signals(
        self, signals: NDArray[np.floating], fs: float | None
    ) -> NDArray[np.floating]:
        if self.by == "signal":
            location, scale = location_and_scale(signals, self.method)
        else:
            location, scale = self.location_[:, None], self.scale_[:, None]
            n_channels = len(location)
            # The leading axis of single-channel signals is that of windows, not of channels.
            if n_channels == 1:
                location, scale = location[0], scale[0]
            if n_channels > 1 and (signals.ndim == 1 or signals.shape[-2] != n_channels):
                found = 1 if signals.ndim == 1 else signals.shape[-2]
                raise ValueError(
                    f"AmplitudeScaler was fitted on {n_channels} channels and got a signal with "
                    f"{counted(found, 'channel')}."
                )
        return ((signals - location) / scale).astype(signals.dtype, copy=False)

    def stream(self, fs: float | None = None) -> SampleStream:
        """Return a stream that scales chunk by chunk.

        Parameters
        ----------
        fs : float, default=None
            Not used, since scaling does not depend on the sampling rate.

        Returns
        -------
        stream : SampleStream
            Stream with the statistics of the training signals.

        Raises
        ------
        ValueError
            If ``by="signal"``, which needs the whole recording.
        NotFittedError
            If the statistics of the training signals have not been computed yet.
        """
        check_is_fitted(self)
        if self.by == "signal":
            raise ValueError(
                "AmplitudeScaler(by='signal') needs the whole recording for its statistics. Set "
                "by='training' to stream."
            )
        return SampleStream(lambda chunk: self._transform_signals(chunk, fs))


_MEASURES = {
    "rms": lambda x: np.sqrt(np.mean(np.square(x, dtype=np.float64), axis=-1)),
    "mav": lambda x: np.mean(np.abs(x), axis=-1, dtype=np.float64),
    "peak": lambda x: np.abs(x).max(axis=-1).astype(np.float64),
}


class ReferenceScaler(SignalTransformer):
    """Divide signals by the amplitude of a reference contraction of the same subject.

    Parameters
    ----------
    reference : float or array-like of shape (n_channels,), default=None
        Amplitude of the reference contraction in mV: one number for all signals, or one per
        channel. By default, it is measured for each subject in the rows of a table that `column`
        marks.
    column : str, default="is_reference"
        Name of the column of a table that is True for recordings of a reference contraction,
        usually the maximal voluntary contraction. It is not used if `reference` is given. If the
        table has a column ``muscle`` or ``side``, each muscle of a subject needs its own reference.
    measure : {"rms", "mav", "peak"}, default="rms"
        Measure of the amplitude of a reference recording: root mean square, mean absolute value, or
        largest absolute value. If a subject has several reference recordings, the largest amplitude
        is used.

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
        If `reference` is missing for arrays, a table lacks `column` or the reference recording of a
        subject or muscle, channels are in different orders, `column` contains values other than
        True, False, 1 and 0, a reference amplitude is not positive, or the numbers of channels
        differ.

    See Also
    --------
    AmplitudeScaler : Scales without a reference contraction.

    Notes
    -----
    The reference of a subject is measured in the table that is transformed and is never learned
    from other subjects, so each subject to be diagnosed needs a reference recording. The result has
    no unit, and a value of 1 is the reference amplitude.

    References
    ----------
    A. Burden, "How should we normalize electromyograms obtained from healthy participants?",
    J. Electromyogr. Kinesiol. 20 (2010) 1023-1035. :doi:`10.1016/j.jelekin.2010.07.004`

    Examples
    --------
    >>> from sklearn_emg.preprocessing import ReferenceScaler
    >>> from sklearn_emg.recordings import recording_table
    >>> table = recording_table(
    ...     [[1.0, -2.0], [3.0, -4.0]], fs=1000.0, subject="a", is_reference=[False, True]
    ... )
    >>> ReferenceScaler(measure="peak").fit_transform(table)["signal"][0]
    array([ 0.25, -0.5 ])
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "reference": [POSITIVE, "array-like", None],
        "column": [str],
        "measure": [StrOptions(set(_MEASURES))],
    }

    def __init__(
        self,
        reference: float | ArrayLike | None = None,
        *,
        column: str = "is_reference",
        measure: Literal["rms", "mav", "peak"] = "rms",
    ):
        self.reference = reference
        self.column = column
        self.measure = measure

    def _fit_signals(self, X: NDArray[np.floating], fs: float | None) -> None:
        if self.reference is None:
            raise ValueError(
                "ReferenceScaler needs its 'reference' parameter, the amplitude in mV, for arrays: "
                "only a recording table can mark reference contractions."
            )

    def _fit_table(self, X: pd.DataFrame) -> None:
        if self.reference is None:
            self._references(X)

    def _learns(self) -> bool:
        return self.reference is None  # references are measured in other rows of the table

    def _transform_table(self, X: pd.DataFrame) -> pd.DataFrame:
        if self.reference is not None:
            return super()._transform_table(X)
        codes, references = self._references(X)
        signals = []
        for row, (signal, code) in enumerate(zip(X["signal"], codes)):
            values = self._read_finite(signal, X, row)
            try:
                signals.append(self._divide(values, references[code]))
            except ValueError as error:
                raise ValueError(f"{row_text(X, row, 'Row')}: {error}") from error
        return with_signals(X, signals)

    def _references(self, table: pd.DataFrame) -> tuple[NDArray[np.intp], dict[int, NDArray]]:
        """Return the muscle code of each row and the reference amplitudes of each muscle."""
        if self.column not in table.columns:
            raise ValueError(
                f"The table has no column {self.column!r}, in which ReferenceScaler looks for "
                "reference contractions. Add it, name another one in 'column', or give 'reference'."
            )
        codes, marked = self._codes_and_marks(table)
        references: dict[int, NDArray] = {}
        for row in np.flatnonzero(marked).tolist():
            values = np.atleast_2d(self._read_finite(table["signal"].iloc[row], table, row))
            amplitude = _MEASURES[self.measure](values)
            if (amplitude <= 0).any():
                raise ValueError(f"Row {row}: the reference contraction is zero in some channel.")
            best = references.get(codes[row])
            if best is not None and best.shape != amplitude.shape:
                raise ValueError(
                    f"Row {row} is a reference with {counted(len(amplitude), 'channel')}, but "
                    f"another of the same subject has {len(best)}."
                )
            references[codes[row]] = amplitude if best is None else np.maximum(best, amplitude)
        return codes, references

    def _codes_and_marks(self, table: pd.DataFrame) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
        """Code of the muscle of each row, and whether the row is a reference contraction."""
        common_channel_names(table)  # refuses channels in different orders
        places = [name for name in ("muscle", "side") if name in table.columns]
        keys = table[places].assign(subject=subjects_of(table))
        groups = keys.groupby(["subject", *places], dropna=False)
        codes = np.asarray(groups.ngroup(), dtype=np.intp)
        marked = marked_rows(table[self.column], self.column)
        missing = np.setdiff1d(codes, codes[marked])
        if missing.size:
            rows = [int(np.argmax(codes == c)) for c in missing[:5]]
            names = [
                ", ".join(map(repr, table[["subject", *places]].iloc[row].dropna())) for row in rows
            ]
            what = "muscle" if places else "subject"
            have = "has" if missing.size == 1 else "have"
            raise ValueError(
                f"{counted(missing.size, what)} {have} no reference contraction in column "
                f"{self.column!r}: {'; '.join(names)}."
            )
        return codes, marked

    def _transform_signals(self, signals: NDArray[np.floating], fs: float) -> NDArray[np.floating]:
        reference = np.atleast_1d(np.asarray(self.reference, dtype=np.float64))
        if reference.ndim != 1 or not (np.isfinite(reference).all() and (reference > 0).all()):
            raise ValueError(
                "The 'reference' parameter of ReferenceScaler must be a positive number in mV, or "
                f"one per channel. Got {self.reference!r} instead."
            )
        return self._divide(signals, reference)

    def _divide(
        self, signals: NDArray[np.floating], reference: NDArray[np.float64]
    ) -> NDArray[np.floating]:
        if len(reference) > 1 and (signals.ndim == 1 or signals.shape[-2] != len(reference)):
            raise ValueError(
                f"ReferenceScaler has {len(reference)} reference amplitudes for a signal of shape "
                f"{signals.shape}; it needs one per channel."
            )
        reference = reference[:, None] if len(reference) > 1 else reference
        return (signals / reference).astype(signals.dtype, copy=False)


class Rectifier(SignalTransformer):
    """Rectify signals, full-wave or half-wave.

    Parameters
    ----------
    wave : {"full", "half"}, default="full"
        Kind of rectification: "full" takes absolute values, and "half" sets negative values to 0.

    Attributes
    ----------
    n_features_in_ : int
        Size of the second axis of the windows seen in ``fit``. It is not set for a table.
    n_times_in_ : int or None
        Number of samples per window seen in ``fit``, or None if a table was given.
    subjects_ : ndarray of shape (n_subjects,) or None
        Names of the subjects of the table seen in ``fit``; None if they are not known.

    See Also
    --------
    Envelope : Rectifies and smooths signals.

    Notes
    -----
    Remove an offset before rectification; otherwise the absolute value consists mostly of the
    offset.

    Examples
    --------
    >>> from sklearn_emg.preprocessing import Rectifier
    >>> Rectifier().fit_transform([[1.0, -2.0]])
    array([[1., 2.]])
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "wave": [StrOptions({"full", "half"})],
    }

    def __init__(self, wave: Literal["full", "half"] = "full"):
        self.wave = wave

    def _transform_signals(
        self, signals: NDArray[np.floating], fs: float | None
    ) -> NDArray[np.floating]:
        return np.abs(signals) if self.wave == "full" else np.maximum(signals, 0)

    def stream(self, fs: float | None = None) -> SampleStream:
        """Return a stream that rectifies chunk by chunk.

        Parameters
        ----------
        fs : float, default=None
            Not used, since rectification does not depend on the sampling rate.

        Returns
        -------
        stream : SampleStream
            Stream that returns rectified samples.
        """
        self._validate_params()
        return SampleStream(lambda chunk: self._transform_signals(chunk, fs))


def marked_rows(values: Any, name: str) -> NDArray[np.bool_]:
    """Convert a column of True and False to an array."""
    marks = pd.Series(np.asarray(values, dtype=object))
    if (unclear := np.flatnonzero(~marks.isin([True, False, 1, 0]))).size:
        raise ValueError(
            f"Column {name!r} must contain only True and False, or 1 and 0. Row {unclear[0]} has "
            f"{marks.iloc[unclear[0]]!r}."
        )
    return marks.isin([True, 1]).to_numpy()


def moving_mean(values: NDArray[np.floating], half: int) -> NDArray[np.float64]:
    """Compute the mean of the ``2 * half + 1`` samples around each sample; fewer at the ends."""
    n_times = values.shape[-1]
    sums = np.zeros((*values.shape[:-1], n_times + 1))
    np.cumsum(values, axis=-1, dtype=np.float64, out=sums[..., 1:])
    begin = np.maximum(np.arange(n_times) - half, 0)
    end = np.minimum(np.arange(n_times) + half + 1, n_times)
    return (sums[..., end] - sums[..., begin]) / (end - begin)


class Envelope(SignalTransformer):
    """Compute the envelope of signals by a moving RMS, a moving mean or a low-pass filter.

    Parameters
    ----------
    method : {"rms", "mean", "lowpass"}, default="rms"
        Kind of envelope. "rms" is the square root of the moving mean of squares, and "mean" is the
        moving mean of absolute values. "lowpass" applies a zero-phase Butterworth low-pass filter
        of order 2 to the absolute values; the result may be slightly below 0.
    window : float, default=0.1
        Length of the moving window in seconds, for "rms" and "mean". The window is centred on each
        sample, contains an odd number of samples and is shorter at the ends of the signal.
    cutoff : float, default=6.0
        Corner frequency in Hz, for "lowpass".
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
        If `cutoff` is not below the Nyquist frequency, `fs` is missing for an array, or a signal
        contains NaN.

    Warns
    -----
    RecordingWarning
        If half of `window` is longer than a signal.

    See Also
    --------
    Rectifier : Rectifies signals without smoothing.

    Notes
    -----
    The envelope of a sine of amplitude :math:`A` is :math:`A / \\sqrt 2` with "rms" and
    :math:`2 A / \\pi` with "mean" and "lowpass".

    References
    ----------
    E. A. Clancy, E. L. Morin, R. Merletti, "Sampling, noise-reduction and amplitude estimation
    issues in surface electromyography", J. Electromyogr. Kinesiol. 12 (2002) 1-16.
    :doi:`10.1016/S1050-6411(01)00033-5`

    Examples
    --------
    >>> from sklearn_emg.preprocessing import Envelope
    >>> Envelope("mean", window=3.0, fs=1.0).fit_transform([[0.0, -3.0, 3.0, 0.0]])
    array([[1.5, 2. , 2. , 1.5]])
    """

    _keeps_equal_samples: ClassVar[bool] = False

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "method": [StrOptions({"rms", "mean", "lowpass"})],
        "window": [POSITIVE],
        "cutoff": [POSITIVE],
        "fs": [POSITIVE, None],
    }

    def __init__(
        self,
        method: Literal["rms", "mean", "lowpass"] = "rms",
        *,
        window: float = 0.1,
        cutoff: float = 6.0,
        fs: float | None = None,
    ):
        self.method = method
        self.window = window
        self.cutoff = cutoff
        self.fs = fs

    def _needs_fs(self) -> bool:
        return True

    def _check_parameters(self, fs: float) -> None:
        if self.method == "lowpass":
            check_below_nyquist(self.cutoff, "cutoff", "Envelope", fs)

    def _transform_signals(self, signals: NDArray[np.floating], fs: float) -> NDArray[np.floating]:
        if self.method == "lowpass":
            corner = (float(self.cutoff),)
            lowpass = design_filter("lowpass", corner, fs, "butterworth", 2, 1.0, 40.0, None)
            return zero_phase_filter(np.abs(signals), lowpass)
        half = int(self.window * fs / 2)
        if 1 < signals.shape[-1] <= half:
            warn_of_recordings(
                f"The 'window' of Envelope, {self.window:g} s, covers all "
                f"{signals.shape[-1] / fs:g} s of a signal at each sample, so the envelope is "
                "constant. Give the window in seconds."
            )
        if self.method == "mean":
            envelope = moving_mean(np.abs(signals), half)
        else:
            mean_square = moving_mean(np.square(signals, dtype=np.float64), half)
            # Rounding errors may make differences of cumulative sums negative.
            envelope = np.sqrt(np.maximum(mean_square, 0.0))
        return envelope.astype(signals.dtype, copy=False)
