"""Base classes of the steps that take signals.

A subclass of :class:`SignalTransformer` or :class:`FeatureExtractor` implements a function of
signals that is vectorised along the last axis. The base class validates the input, handles the
sampling rate and applies the function to windows (2-D or 3-D) and to recording tables.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar, Self, TypeGuard

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from sklearn_emg._ranges import (
    LARGEST,
    check_samples,
    compute_safely,
    ranges_of,
    validate_windows,
)
from sklearn_emg._sklearn import check_feature_names_in
from sklearn_emg._tables import counted, first_few, row_text
from sklearn_emg.recordings import (
    FILTERED,
    KeptWindows,
    LastToSeeSubjects,
    SubjectMemory,
    after_step,
    check_rates,
    check_recording_table,
    common_channel_names,
    distinct_rates,
    is_kept,
    is_pending,
    is_recording_table,
    plain_recordings,
    read_signal,
    refuse_other_order,
    same_rate,
    step_key,
    values_of_recordings,
    warn_of_identities,
    warn_of_implausible_rate,
    warn_of_implausible_recordings,
    warn_of_implausible_windows,
    with_signals,
)

__all__ = ["FeatureExtractor", "SignalTransformer"]

# Maximum size in bytes of the signals of a table that are processed at once.
_BLOCK_BYTES = 1 << 22


def _stack(block: list[NDArray[np.floating]]) -> NDArray[np.floating]:
    # A single recording, which may be long, is not copied.
    return block[0][np.newaxis] if len(block) == 1 else np.stack(block)


# mypy does not see the untyped __init_subclass__ of scikit-learn, hence call-arg.
class SignalEstimator(
    SubjectMemory,
    TransformerMixin,
    BaseEstimator,
    auto_wrap_output_keys=None,
):
    """Base class of steps that take signals: an array of windows or a recording table.

    It contains the checks that signal transformers and feature extractors have in common. A
    subclass that needs the sampling rate has a parameter `fs`, which is None by default, and
    overrides ``_needs_fs``.

    A step learns nothing in ``fit`` unless ``_learns`` returns True, as stated by the tag
    ``requires_fit`` of scikit-learn. It transforms each row independently of the others, so the
    results of each recording can be cached. If ``fit`` of a step that learns nothing was not
    called, ``transform`` performs the checks of ``fit``.
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {}
    # Whether the results depend on the unit of the windows.
    _takes_millivolts: ClassVar[bool] = False

    _owner: str

    @property
    def _caller(self) -> str:
        """Name, for messages, of the class whose parameters the user has set."""
        return getattr(self, "_owner", type(self).__name__)

    def _needs_fs(self) -> bool:
        return False

    def _learns(self) -> bool:
        """Return whether results depend on the data given to ``fit``."""
        return False

    def _is_fitted(self) -> bool:
        """Return whether ``fit`` was called; raise NotFittedError if the step requires it."""
        check_is_fitted(self)
        return hasattr(self, "n_times_in_")

    def _is_table(self, X: object) -> TypeGuard[pd.DataFrame]:
        if isinstance(X, pd.Series) and X.name == "signal":
            raise ValueError(
                f"{type(self).__name__} got the column 'signal' alone. Give it the whole recording "
                "table, which also has the sampling rate."
            )
        return is_recording_table(X)

    def _array_fs(self) -> float:
        fs: Any = getattr(self, "fs", None)
        if fs is None:
            if self._needs_fs():
                raise ValueError(
                    f"{type(self).__name__} needs the sampling rate of arrays: set its 'fs' "
                    "parameter in Hz, or give a recording table, which contains the rate."
                )
            # Hooks of a class that needs no rate accept None and declare it (float | None). Hooks
            # of a class that needs a rate are never called with None.
            return None  # type: ignore[return-value]
        if (
            isinstance(fs, bool)
            or not isinstance(fs, (int, float, np.number))
            or not (np.isfinite(fs) and fs > 0)
        ):
            raise ValueError(
                f"The 'fs' parameter of {type(self).__name__} must be a positive number in Hz. "
                f"Got {fs!r} instead."
            )
        return float(fs)

    def _one_rate(self, X: pd.DataFrame) -> float:
        """Return the sampling rate of a table, for a step that learns waveforms in samples."""
        first, *others = distinct_rates(X["fs"])
        if others:
            raise ValueError(
                f"{type(self).__name__} learns waveforms at a single sampling rate, but the table "
                f"has rates of {first:g} and {others[0]:g} Hz. Put Resampler before it."
            )
        return first

    def _check_rate(self, fs: float | None) -> None:
        """Raise if the sampling rate differs from that in ``fit``, which is stored as ``fs_``."""
        known = getattr(self, "fs_", None)
        if known is not None and fs is not None and not same_rate(fs, known):
            raise ValueError(
                f"{type(self).__name__} was trained at {known:g} Hz and learns waveforms. "
                f"Got a signal at {fs:g} Hz. Put Resampler before it."
            )

    def _is_kept(self, X: object) -> bool:
        """Return whether the results of this step for X can be cached, recording by recording."""
        if isinstance(X, KeptWindows):
            return not self._learns()
        return isinstance(X, pd.DataFrame) and is_kept(X) and not self._learns()

    def _check_kept_windows(self, X: KeptWindows, *, reset: bool) -> None:
        """Store or compare the shape of windows that have not been computed yet."""
        if reset:
            self.n_features_in_ = X.shape[1]
        elif X.shape[1] != getattr(self, "n_features_in_", X.shape[1]):
            raise ValueError(
                f"X has {X.shape[1]} features, but {type(self).__name__} is expecting "
                f"{self.n_features_in_} features as input."
            )

    def _check_array(self, X: ArrayLike, *, reset: bool) -> NDArray[np.floating]:
        X = self._check_form(X, reset=reset)
        if not isinstance(X, KeptWindows):  # these are checked when they are computed
            check_samples(*ranges_of(X), type(self).__name__)
        return X

    def _check_form(self, X: ArrayLike, *, reset: bool) -> NDArray[np.floating]:
        """Check the shape and the type of windows, but not the values of their samples."""
        if isinstance(X, KeptWindows):
            if self._is_kept(X):
                self._check_kept_windows(X, reset=reset)
                return X  # type: ignore[return-value]  # an array once it is computed
            X = np.asarray(X)
        if reset:
            warn_of_identities(X, None, type(self).__name__)
        X = validate_windows(
            self, X, reset=reset, dtype=[np.float64, np.float32], ensure_all_finite=False
        )
        if X.ndim > 3:
            raise ValueError(
                f"{type(self).__name__} takes windows of shape (n_windows, n_times) or (n_windows, "
                f"n_channels, n_times). Found array with dim {X.ndim}."
            )
        if X.shape[-1] == 0:
            raise ValueError(
                f"Found array with 0 feature(s) (shape={X.shape}) while a minimum of 1 is "
                f"required by {type(self).__name__}: the windows have no samples."
            )
        if reset:
            warn_of_implausible_windows(X, type(self).__name__, amplitude=self._takes_millivolts)
        return X

    def _same_length(self, n_times: int) -> None:
        if self.n_times_in_ is not None and n_times != self.n_times_in_:
            raise ValueError(
                f"X has windows of {counted(n_times, 'sample')}, but {type(self).__name__} was "
                f"fitted on windows of {counted(self.n_times_in_, 'sample')}."
            )

    def _check_table(self, X: pd.DataFrame, *, reset: bool = False) -> pd.DataFrame:
        """Check a table and, if `reset` is true, whether its signals are plausible EMG in mV.

        Return the table. Cached signals are replaced by arrays unless this step can use them.
        """
        if not self._is_kept(X):
            X = plain_recordings(X) if is_kept(X) else X
        if not is_pending(X):
            check_recording_table(X, required=("signal", "fs"), plausible=False)
            if reset:
                warn_of_implausible_recordings(X, read_files=True)
        if getattr(self, "fs", None) is not None:
            check_rates(X, self._array_fs(), type(self).__name__)
        return X

    def _read_finite(self, signal: Any, table: pd.DataFrame, row: int) -> NDArray[np.floating]:
        values = read_signal(signal)
        if not np.isfinite(values).all():
            n_bad = int((~np.isfinite(values)).sum())
            raise ValueError(
                f"{row_text(table, row, 'Row')}, column 'signal': contains NaN or infinity "
                f"({counted(n_bad, 'sample')}), which {type(self).__name__} would spread to other "
                "samples. Interpolate the gaps (GapInterpolator) or leave the row out."
            )
        if values.dtype == np.float64 and (peak := np.abs(values).max(initial=0.0)) > LARGEST:
            raise ValueError(
                f"{row_text(table, row, 'Row')}, column 'signal': contains samples of up to "
                f"{peak:.3g} mV; {type(self).__name__} takes up to {LARGEST:g} mV, beyond which "
                "powers of samples overflow. Check the unit, scale the signal to mV or leave the "
                "row out."
            )
        return values

    def _equal_rows(self, table: pd.DataFrame) -> Iterator[tuple[int, NDArray[np.floating], float]]:
        """Yield runs of rows: first row, signals (n_rows, n_channels, n_times) and rate.

        The rows of a run have the same shape, type and rate. A run has at most a few megabytes,
        unless a single row is larger. The windows of a table are thus processed about as fast as an
        array of windows, but they are never all in memory at once.
        """
        first, rate = 0, 0.0
        block: list[NDArray[np.floating]] = []
        for row, (signal, fs) in enumerate(zip(table["signal"], table["fs"])):
            values = np.atleast_2d(self._read_finite(signal, table, row))
            if block and (
                len(block) * values.nbytes >= _BLOCK_BYTES
                or (values.shape, values.dtype, float(fs)) != (block[0].shape, block[0].dtype, rate)
            ):
                yield first, _stack(block), rate
                first, block = row, []
            block.append(values)
            rate = float(fs)
        if block:
            yield first, _stack(block), rate

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        # 2-D input remains allowed: with three_d_array alone, scikit-learn skips most of its
        # checks.
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        tags.requires_fit = self._learns()
        return tags


class SignalTransformer(
    SignalEstimator,
    auto_wrap_output_keys=None,
):
    """Base class of steps that transform signals and return them in the form of the input.

    A subclass implements ``_transform_signals(signals, fs)``, which takes an array of shape
    (..., n_times) and returns one of shape (..., n_times_out). It processes each signal along the
    last axis independently and does not modify its input. The subclass may override
    ``_fit_signals`` and ``_fit_table`` (to learn from the training signals), ``_fs_out`` (to change
    the sampling rate) and ``_check_parameters``.

    Attributes
    ----------
    n_features_in_ : int
        Size of the second axis of the windows seen in ``fit``: number of samples of 2-D windows, or
        of channels of 3-D windows. It is not set for a table.
    n_times_in_ : int or None
        Number of samples per window seen in ``fit``, or None if a table was given, whose rows may
        differ in length.
    subjects_ : ndarray of shape (n_subjects,) or None
        Names of the subjects of the table seen in ``fit``; None if they are not known.
    """

    # Whether equal samples in a row remain equal, so that clipping can still be detected.
    _keeps_equal_samples: ClassVar[bool] = True

    def __init_subclass__(cls, **kwargs: Any):
        # Signals are not columns, so outputs are never wrapped, although this class defines
        # get_feature_names_out.
        super().__init_subclass__(auto_wrap_output_keys=None, **kwargs)

    def fit(self, X: ArrayLike | pd.DataFrame, y: Any = None) -> Self:
        """Check the parameters and the input, and learn from the training signals if needed.

        Parameters
        ----------
        X : ndarray of shape (n_windows, n_times) or (n_windows, n_channels, n_times), or DataFrame
            Windows in mV, or a recording table.
        y : Ignored
            Not used, present for API consistency by convention.

        Returns
        -------
        self : object
            Fitted transformer.

        Warns
        -----
        RecordingWarning
            If a table has recordings that do not look like EMG in mV, or if the axes of windows
            seem to be swapped or the `fs` parameter is implausible.
        """
        self._validate_params()
        self._remember_subjects(X)
        if self._is_table(X):
            X = self._check_table(X, reset=True)
            self.n_times_in_ = None
            for fs in distinct_rates(X["fs"]):
                self._check_parameters(fs)
            self._fit_table(X)
        else:
            X = self._check_array(X, reset=True)
            self.n_times_in_ = X.shape[-1]
            fs = self._array_fs()
            warn_of_implausible_rate(fs, type(self).__name__)
            self._check_parameters(fs)
            self._fit_signals(X, fs)
        return self

    def transform(self, X: ArrayLike | pd.DataFrame) -> NDArray[np.floating] | pd.DataFrame:
        """Transform each signal.

        Parameters
        ----------
        X : ndarray of shape (n_windows, n_times) or (n_windows, n_channels, n_times), or DataFrame
            Windows in mV, or a recording table.

        Returns
        -------
        X_new : ndarray or DataFrame
            Transformed signals in the form of `X`. For a table, it is a new table with new signals,
            with a new ``fs`` if the step changes the sampling rate, and otherwise the same columns.

        Raises
        ------
        ValueError
            If a signal contains NaN or is too short, windows differ in length from those in
            ``fit``, or the sampling rate is missing, is unsuitable or contradicts that of a table.
        """
        if not self._is_fitted():
            return clone(self).fit(X).transform(X)
        if not self._is_table(X):
            self._refuse_arrays()
            X = self._check_array(X, reset=False)
            self._same_length(X.shape[-1])
            fs = self._array_fs()
            self._check_parameters(fs)
            if isinstance(X, KeptWindows):
                return self._kept_windows(X)
            return self._finite_signals(X, fs)
        if self._is_kept(X):
            return after_step(X, self)
        return self._transform_table(self._check_table(X))

    def _refuse_arrays(self) -> None:
        """Raise ValueError if the step can transform only tables."""

    def _kept_windows(self, X: KeptWindows) -> Any:
        """Return windows to which this step is applied when they are needed."""
        key = step_key(self)
        return self.transform(np.asarray(X)) if key is None else X.then(self, key)

    def _transform_table(self, X: pd.DataFrame) -> pd.DataFrame:
        """Transform each signal of a checked table."""
        rates = X["fs"].to_numpy(dtype=float)
        signals = []
        for row, (signal, fs) in enumerate(zip(X["signal"], rates)):
            values = self._read_finite(signal, X, row)
            try:
                self._check_parameters(float(fs))
                signals.append(self._finite_signals(values, float(fs)))
            except ValueError as error:
                raise ValueError(f"{row_text(X, row, 'Row')}: {error}") from error
        table = with_signals(X, signals)
        if not self._keeps_equal_samples:
            table.attrs[FILTERED] = True
        rates_out = [self._fs_out(float(fs)) for fs in rates]
        if not np.array_equal(rates_out, rates):
            table["fs"] = rates_out
        return table

    def _finite_signals(self, signals: NDArray[np.floating], fs: float) -> NDArray[np.floating]:
        """Transform signals and refuse infinite results. A step may mark samples as NaN."""
        with np.errstate(over="ignore"):
            result = self._transform_signals(signals, fs)
        if result.dtype == np.float32 and np.isinf(ranges_of(result)).any():
            raise ValueError(
                f"{type(self).__name__} returns samples that float32 cannot represent: its input "
                f"reaches {np.abs(signals).max():.3g} mV. Check the unit, scale the signals to "
                "mV, or give them as float64."
            )
        return result

    def _check_parameters(self, fs: float) -> None:
        """Raise ValueError if a parameter is incompatible with the sampling rate."""

    def _learns(self) -> bool:
        own, base = type(self), SignalTransformer
        names = ("fit", "_fit_signals", "_fit_table")
        return any(getattr(own, name) is not getattr(base, name) for name in names)

    def _fit_signals(self, X: NDArray[np.floating], fs: float) -> None:
        """Learn from windows."""

    def _fit_table(self, X: pd.DataFrame) -> None:
        """Learn from a recording table."""

    def output_fs(self, fs: float) -> float:
        """Return the sampling rate of the transformed signals.

        Parameters
        ----------
        fs : float
            Sampling rate of the signals given to ``transform``, in Hz.

        Returns
        -------
        fs_out : float
            Sampling rate of the transformed signals, in Hz.
        """
        return self._fs_out(fs)

    def _fs_out(self, fs: float) -> float:
        return fs

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> NDArray:
        """Get the names of the second axis of the transformed windows.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Names of the second axis of the windows seen in ``fit``. By default, they are ``x0``,
            ``x1`` and so on.

        Returns
        -------
        names : ndarray of str objects
            The same names, or ``x0``, ``x1`` and so on if the step changes the number of samples.
            If ``fit`` was given a table, they are ``"signal"`` or `input_features`.
        """
        check_is_fitted(self, "n_times_in_")
        if self.n_times_in_ is None:
            return np.asarray(["signal"] if input_features is None else input_features, object)
        names = check_feature_names_in(self, input_features)
        fs = self._array_fs()
        if self.n_features_in_ != self.n_times_in_ or fs is None or self._fs_out(fs) == fs:
            return names
        n_times_out = self._transform_signals(np.zeros((1, self.n_times_in_)), fs).shape[-1]
        return np.asarray([f"x{i}" for i in range(n_times_out)], dtype=object)

    def _transform_signals(self, signals: NDArray[np.floating], fs: float) -> NDArray[np.floating]:
        raise NotImplementedError(f"{type(self).__name__} does not implement _transform_signals.")

    def set_output(self, *, transform: str | None = None) -> Self:
        """Do nothing, since signals have no columns that an output setting could change.

        Parameters
        ----------
        transform : {"default", "pandas", "polars"}, default=None
            Ignored. It is accepted because a Pipeline sets the output of all its steps.

        Returns
        -------
        self : object
            The same object.
        """
        return self


class FeatureExtractor(
    LastToSeeSubjects,
    SignalEstimator,
    auto_wrap_output_keys=("transform",),
):
    """Base class of steps that compute a feature matrix from signals.

    A subclass implements two methods. ``_extract(X, fs)`` takes windows of shape
    (n_windows, n_channels, n_times) and returns features of shape
    (n_windows, n_channels, n_features). ``_feature_names()`` returns the names of the features of
    one channel. Features that combine channels have shape (n_windows, n_features) instead, and
    their names are returned by ``_joint_names(channels)``, which takes the names of the channels.

    Each row of the output depends only on its own window or recording. ``fit`` warns of windows
    and recordings whose amplitude is implausible for EMG in mV.

    Attributes
    ----------
    n_features_in_ : int
        Size of the second axis of the windows seen in ``fit``: number of samples of 2-D windows, or
        of channels of 3-D windows. It is not set for a table.
    n_channels_in_ : int
        Number of channels of the signals seen in ``fit``.
    channel_names_in_ : tuple of str or None
        Names of the channels, or None unless all rows of the table seen in ``fit`` have the same
        channel names, without duplicates.
    n_times_in_ : int or None
        Number of samples per window seen in ``fit``, or None if a table was given, whose rows may
        differ in length.
    subjects_ : ndarray of shape (n_subjects,) or None
        Names of the subjects of the table seen in ``fit``; None if they are not known.
    """

    _takes_millivolts = True

    def fit(self, X: ArrayLike | pd.DataFrame, y: Any = None) -> Self:
        """Check the parameters and the input, and determine the names of the features.

        Parameters
        ----------
        X : ndarray of shape (n_windows, n_times) or (n_windows, n_channels, n_times), or DataFrame
            Windows in mV, or a recording table.
        y : Ignored
            Not used, present for API consistency by convention.

        Returns
        -------
        self : object
            Fitted transformer.

        Warns
        -----
        RecordingWarning
            If a table has recordings that do not look like EMG in mV, or if the axes of windows
            seem to be swapped or their amplitude or the `fs` parameter is implausible.
        """
        self._validate_params()
        self._remember_subjects(X)
        if self._is_table(X):
            X = self._check_table(X, reset=True)
            self.n_channels_in_ = self._table_channels(X)
            self.channel_names_in_ = common_channel_names(X)
            self.n_times_in_ = None
            for fs in distinct_rates(X["fs"]):
                self._check_parameters(fs)
        else:
            X = self._check_array(X, reset=True)
            self.n_channels_in_ = 1 if X.ndim == 2 else X.shape[1]
            self.channel_names_in_ = None
            self.n_times_in_ = X.shape[-1]
            warn_of_implausible_rate(self._array_fs(), type(self).__name__)
            self._check_parameters(self._array_fs())
            self._check_length(X.shape[-1], self._array_fs())
        return self

    def transform(self, X: ArrayLike | pd.DataFrame) -> NDArray[np.floating]:
        """Compute the features of each window, or of each recording of a table.

        Parameters
        ----------
        X : ndarray of shape (n_windows, n_times) or (n_windows, n_channels, n_times), or DataFrame
            Windows in mV, or a recording table.

        Returns
        -------
        features : ndarray of shape (n_windows, n_features_out)
            Features, as float32 for float32 signals and as float64 otherwise. For a table, there is
            one row of features per recording.

        Raises
        ------
        ValueError
            If a window contains NaN or is too short, windows or channels differ from those in
            ``fit`` in length, number or order, or the sampling rate is missing or contradicts that
            of a table.

        Warns
        -----
        SubjectLeakWarning
            If this step was fitted within a Pipeline, or by ``fit_transform`` with labels, on
            subjects of a table that is now transformed for prediction.
        RecordingWarning
            If this step was fitted in this way, and the table has a sampling rate that no recording
            had in ``fit``.
        """
        if not self._is_fitted():
            return clone(self).fit(X).transform(X)
        if self._is_table(X):
            self._warn_if_trained(X)
            return self._transform_table(self._check_table(X))
        X = self._check_form(X, reset=False)
        self._same_length(X.shape[-1])
        self._same_channels(1 if X.ndim == 2 else X.shape[1])
        fs = self._array_fs()
        self._check_parameters(fs)
        self._check_length(X.shape[-1], fs)
        if isinstance(X, KeptWindows) and (key := step_key(self)) is not None:
            return X.apply(key, self._features)
        return self._features(np.asarray(X))

    def _features(self, X: NDArray[np.floating]) -> NDArray[np.floating]:
        """Compute the features of windows whose shape has been checked."""
        return self._finite_features(X[:, np.newaxis, :] if X.ndim == 2 else X, self._array_fs())

    def _finite_features(self, X: NDArray[np.floating], fs: float) -> NDArray[np.floating]:
        """Compute features of shape (n_windows, n_features_out) and refuse infinite ones."""
        high, low = ranges_of(X)
        name = type(self).__name__
        check_samples(high, low, name)
        features, overflow = compute_safely(
            lambda part: self._extract(part, fs).reshape(len(part), -1), X, high, low
        )
        if overflow.any():
            columns = np.flatnonzero(overflow.any(axis=0))
            names = self.get_feature_names_out()[columns]
            row = int(np.flatnonzero(overflow.any(axis=1))[0])
            raise ValueError(
                f"{name} has values of {first_few(names)} that float32 cannot represent, "
                f"first in window {row}, whose samples reach "
                f"{max(high[row].max(), -low[row].min()):.3g} mV. Check the unit, scale the "
                "signals to mV, give them as float64, or leave those features out."
            )
        return features

    def _learns(self) -> bool:
        return type(self).fit is not FeatureExtractor.fit

    def _transform_table(self, table: pd.DataFrame) -> NDArray[np.floating]:
        self._same_channels(self._table_channels(table))
        given = common_channel_names(table)
        refuse_other_order(self.channel_names_in_, given, type(self).__name__)
        if is_kept(table) and (key := step_key(self)) is not None:
            return values_of_recordings(table, key, self._transform_table)
        features = []
        for row, values, fs in self._equal_rows(table):
            try:
                self._check_parameters(fs)
                self._check_length(values.shape[-1], fs)
                features.append(self._finite_features(values, fs))
            except ValueError as error:
                which = row_text(table, row, "Row")
                if len(values) > 1:
                    which = f"Rows {row} to {row + len(values) - 1}"
                raise ValueError(f"{which}: {error}") from error
        return np.concatenate(features)

    def _table_channels(self, table: pd.DataFrame) -> int:
        counts = [s.shape[0] if s.ndim == 2 else 1 for s in table["signal"]]
        for row, count in enumerate(counts):
            if count != counts[0]:
                raise ValueError(
                    f"{type(self).__name__} needs rows with equal numbers of channels: row 0 has "
                    f"{counts[0]} and row {row} has {count}."
                )
        return counts[0]

    def _same_channels(self, n_channels: int) -> None:
        if n_channels != self.n_channels_in_:
            raise ValueError(
                f"X has {counted(n_channels, 'channel')}, but {type(self).__name__} was fitted on "
                f"{self.n_channels_in_}."
            )

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> NDArray:
        """Get the names of the features, such as ``rms``, or ``ch2_rms`` for several channels.

        If the table seen in ``fit`` has several named channels, their names are used, as in
        ``biceps_rms``.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Not used, except to check them against the names seen in ``fit``.

        Returns
        -------
        names : ndarray of str objects of shape (n_features_out,)
            Names of the features.
        """
        check_is_fitted(self, "n_channels_in_")
        if input_features is not None and hasattr(self, "n_features_in_"):
            check_feature_names_in(self, input_features)
        return np.asarray(self._joint_names(self._channels()), dtype=object)

    def _channels(self) -> list[str]:
        """Return the names of the channels, or "ch1", "ch2" and so on if they have none."""
        if self.channel_names_in_ is not None:
            return list(self.channel_names_in_)
        return [f"ch{c + 1}" for c in range(self.n_channels_in_)]

    def _joint_names(self, channels: list[str]) -> list[str]:
        names = self._feature_names()
        if len(channels) == 1:
            return list(names)
        return [f"{channel}_{name}" for channel in channels for name in names]

    def _check_parameters(self, fs: float) -> None:
        """Raise ValueError if a parameter is incompatible with the sampling rate."""

    def _shortest(self, fs: float) -> dict[str, int]:
        """Return, by name, the smallest number of samples for which each feature is defined."""
        return {}

    def _check_length(self, n_times: int, fs: float) -> None:
        """Raise ValueError, naming the feature, if the windows are too short for it."""

    def _feature_names(self) -> list[str]:
        raise NotImplementedError(f"{type(self).__name__} does not implement _feature_names.")

    def _extract(self, X: NDArray[np.floating], fs: float) -> NDArray[np.floating]:
        raise NotImplementedError(f"{type(self).__name__} does not implement _extract.")
