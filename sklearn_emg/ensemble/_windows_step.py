"""Pipeline step that pools the features of windows into one row per recording."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, MetaEstimatorMixin, TransformerMixin, clone
from sklearn.utils import Tags, get_tags
from sklearn.utils.validation import check_is_fitted, validate_data

from sklearn_emg._ranges import refuse_no_samples
from sklearn_emg._sklearn import POSITIVE, HasMethods, StrOptions
from sklearn_emg._tables import columns_text
from sklearn_emg._typing import Labels
from sklearn_emg._validation import check_option
from sklearn_emg.ensemble._fitting import fit_metadata, hold_out_subjects, name_channels
from sklearn_emg.ensemble._rates import give_rate
from sklearn_emg.recordings import (
    METADATA_COLUMNS,
    LastToSeeSubjects,
    OnFault,
    Subjects,
    Tail,
    check_recording_table,
    common_channel_names,
    divide,
    groups_of,
    is_kept,
    plain_recordings,
    rate_of_table,
    refuse_other_order,
    same_rate,
    warn_of_other_order,
    window_table,
)

_STATISTICS = ("mean", "std", "min", "median", "max")


class Windows(LastToSeeSubjects, MetaEstimatorMixin, TransformerMixin, BaseEstimator):
    """Cut recordings into windows, transform them, and pool the features of each recording.

    As a step of a Pipeline, it turns a recording table into a matrix with one row per recording, so
    that any scikit-learn estimator can follow. A search can tune that estimator together with the
    length and step of the windows (``windows__window``, ``windows__step``).

    Parameters
    ----------
    transformer : estimator object
        Transformer of windows into features, usually a feature extractor or a Pipeline. It is
        fitted in ``fit`` on the windows of the training recordings. For each window, it gets the
        label and, if its ``fit`` takes ``groups``, the subject of the recording. Each step whose
        ``fs`` is None gets the sampling rate of the table.
    window : float or None, default=0.4
        Length of a window in seconds. None treats each row of an array, which has no sampling rate,
        as one window.
    step : float or None, default=None
        Time in seconds from the start of one window to the start of the next; None means no
        overlap.
    statistics : sequence of str, default=("mean",)
        How a feature is pooled over the windows of a recording: any of "mean", "std" (divisor
        n_windows), "min", "median" and "max".
    as_table : bool, default=False
        Whether `transformer` gets the windows as a recording table with the columns of the
        recordings, instead of an array.
    keep : {"metadata"}, None or list of str, default=None
        Columns of the table that are kept in addition to the features, such as ["subject"], for an
        estimator that takes feature tables, such as ``DiVoteClassifier(window=None)``. "metadata"
        keeps the usual metadata (``sklearn_emg.recordings.METADATA_COLUMNS``) except ``fs``. If
        columns are kept, the result is a DataFrame.
    tail : {"drop", "overlap", "pad"}, default="drop"
        How to treat the samples after the last complete window; see
        :func:`~sklearn_emg.recordings.divide`.
    nan, short : {"raise", "skip"}, default="raise"
        Whether windows that contain NaN (`nan`) and recordings shorter than one window (`short`)
        raise an error or are left out with a warning. The features of a recording without a window
        are NaN.

    Attributes
    ----------
    transformer_ : estimator object
        The fitted transformer of windows.
    fs_ : float or None
        Sampling rate of the windows in Hz; None for arrays.
    n_features_in_ : int
        Number of features; defined for arrays only.
    channel_names_ : tuple of str or None
        Names of the channels if they are the same in all recordings of ``fit``, otherwise None.
    subjects_ : ndarray of shape (n_subjects,) or None
        Identities of the training subjects; None if neither X nor `groups` gave any.

    Raises
    ------
    ValueError
        If X is not a recording table (or, with ``window=None``, not an array), a column of `keep`
        is missing, the rate or the order of the channels differs from that of ``fit``, or windows
        cannot be cut.

    See Also
    --------
    DiVoteClassifier : Classifies windows and aggregates their scores instead of pooling features.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.model_selection import GridSearchCV
    >>> from sklearn.pipeline import Pipeline
    >>> from sklearn_emg.ensemble import Windows
    >>> from sklearn_emg.feature_extraction import TimeDomainFeatures
    >>> from sklearn_emg.model_selection import SubjectKFold
    >>> from sklearn_emg.recordings import recording_table
    >>> rng = np.random.default_rng(0)
    >>> loud = np.repeat([1.0, 1.0, 3.0, 3.0], 2)
    >>> table = recording_table(
    ...     [a * rng.normal(size=500) for a in loud], fs=1000.0, subject=list("aabbccdd")
    ... )
    >>> model = Pipeline(
    ...     [
    ...         ("windows", Windows(TimeDomainFeatures(["rms", "wl"]), statistics=["mean", "std"])),
    ...         ("classifier", LogisticRegression()),
    ...     ]
    ... )
    >>> grid = {"windows__window": [0.1, 0.2], "windows__step": [0.05, 0.1]}
    >>> search = GridSearchCV(model, grid, cv=SubjectKFold(2)).fit(table, loud > 1)
    >>> search.best_estimator_[:-1].get_feature_names_out().tolist()
    ['rms_mean', 'wl_mean', 'rms_std', 'wl_std']
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "transformer": [HasMethods(["fit", "transform"])],
        "window": [POSITIVE, None],
        "step": [POSITIVE, None],
        "statistics": ["array-like"],
        "as_table": ["boolean"],
        "keep": [StrOptions({"metadata"}), None, list],
        "tail": [StrOptions({"drop", "overlap", "pad"})],
        "nan": [StrOptions({"raise", "skip"})],
        "short": [StrOptions({"raise", "skip"})],
    }

    def __init__(
        self,
        transformer: Any,
        *,
        window: float | None = 0.4,
        step: float | None = None,
        statistics: Sequence[str] = ("mean",),
        as_table: bool = False,
        keep: str | list[str] | None = None,
        tail: Tail = "drop",
        nan: OnFault = "raise",
        short: OnFault = "raise",
    ) -> None:
        self.transformer = transformer
        self.window = window
        self.step = step
        self.statistics = statistics
        self.as_table = as_table
        self.keep = keep
        self.tail = tail
        self.nan = nan
        self.short = short

    def fit(self, X: pd.DataFrame, y: Any = None, groups: Labels | None = None) -> Self:
        """Fit the transformer on the windows of the recordings.

        Parameters
        ----------
        X : DataFrame
            Recording table.
        y : array-like of shape (n_rows,), default=None
            Label of each recording, which `transformer` gets for each of its windows.
        groups : array-like of shape (n_rows,), default=None
            Subject of each row; by default, the ``subject`` column of X.

        Returns
        -------
        self : object
            Fitted estimator.
        """
        self._fit(X, y, groups)
        return self

    def fit_transform(  # type: ignore[override]  # with groups, as fit
        self, X: pd.DataFrame, y: Any = None, groups: Labels | None = None
    ) -> NDArray[np.floating] | pd.DataFrame:
        """Fit the transformer on the windows, and pool the features of each recording.

        Parameters
        ----------
        X : DataFrame
            Recording table.
        y : array-like of shape (n_rows,), default=None
            Label of each recording.
        groups : array-like of shape (n_rows,), default=None
            Subject of each row; by default, the ``subject`` column of X.

        Returns
        -------
        features : ndarray or DataFrame of shape (n_rows, n_features_out)
            One row per recording, in the order of the table.
        """
        windows, row = self._fit(X, y, groups)
        self._with_labels = y is not None
        warn_of_other_order(X, y, "y")
        return self._pool(X, windows, row)

    def transform(self, X: pd.DataFrame) -> NDArray[np.floating] | pd.DataFrame:
        """Cut recordings into windows, transform these windows and pool their features.

        Parameters
        ----------
        X : DataFrame
            Recording table.

        Returns
        -------
        features : ndarray or DataFrame of shape (n_rows, n_features_out)
            One row per recording, in the order of the table.

        Warns
        -----
        SubjectLeakWarning
            If ``fit_transform`` was called with labels, as by a Pipeline, and X contains subjects
            of that fit.
        """
        check_is_fitted(self)
        self._warn_if_trained(X)
        windows, row, fs = self._cut(X, reset=False)
        if isinstance(X, pd.DataFrame):
            refuse_other_order(self.channel_names_, common_channel_names(X), "Windows")
        if self.fs_ is not None and fs is not None and not same_rate(fs, self.fs_):
            raise ValueError(
                f"The table has a sampling rate of {fs:.10g} Hz, but Windows was fitted on "
                f"{self.fs_:.10g} Hz. Put Resampler({self.fs_:.10g}) before Windows."
            )
        return self._pool(X, windows, row)

    def get_feature_names_out(self, input_features: Any = None) -> NDArray:
        """Return the names of the output columns.

        Parameters
        ----------
        input_features : Ignored
            Not used, present for API consistency by convention.

        Returns
        -------
        names : ndarray of str objects of shape (n_features_out,)
            Names of the features of `transformer`, with the name of the statistic appended if
            `statistics` has several, followed by the columns of `keep`.
        """
        check_is_fitted(self)
        return np.asarray([*self._names(), *self._kept], dtype=object)

    def _names(self) -> list[str]:
        if hasattr(self.transformer_, "get_feature_names_out"):
            names = self.transformer_.get_feature_names_out().tolist()
        else:
            names = [f"x{i}" for i in range(self._n_values)]
        if len(self.statistics) == 1:
            return names
        return [f"{name}_{statistic}" for statistic in self.statistics for name in names]

    def _fit(self, X: pd.DataFrame, y: Any, groups: Labels | None) -> tuple[Any, NDArray[np.intp]]:
        self._validate_params()
        for statistic in self.statistics:
            check_option(statistic, _STATISTICS, "statistics", type(self).__name__)
        windows, row, self.fs_ = self._cut(X, reset=True)
        is_table = isinstance(X, pd.DataFrame)
        self.channel_names_ = common_channel_names(X) if is_table else None
        if self.keep == "metadata":
            found = getattr(X, "columns", ())
            self._kept = [c for c in METADATA_COLUMNS if c in found and c != "fs"]
        else:
            self._kept = list(self.keep or ())
        self._check_kept(X)
        self._remember_subjects(X, groups)
        subjects = None if groups_of(X, groups) is None else Subjects.of(X, groups)
        self._fit_transformer(windows, row, y, subjects)
        name_channels(self.transformer_, self.channel_names_)
        one = windows.iloc[:1] if isinstance(windows, pd.DataFrame) else windows[:1]
        self._n_values = np.shape(self.transformer_.transform(one))[-1]
        return windows, row

    def _fit_transformer(
        self, windows: Any, row: NDArray[np.intp], y: Any, subjects: Subjects | None
    ) -> None:
        """Fit a copy of the transformer on windows, and pass it their subjects."""
        transformer = clone(self.transformer)
        if self.fs_ is not None:
            give_rate(transformer, self.fs_, "transformer")
        labels = None if y is None else np.asarray(y)[row]
        before: dict[str, Any] = {}
        params: dict[str, Any] = {}
        if subjects is not None:
            of_windows = subjects.by_row[row]
            params = fit_metadata(transformer, of_windows, None)
            if labels is not None:
                before = hold_out_subjects(
                    transformer,
                    windows,
                    labels,
                    subjects.codes[row],
                    of_windows,
                    True,
                    "Windows",
                    inner="transformer",
                )
        with rate_of_table(self.fs_):
            self.transformer_ = transformer.fit(windows, labels, **params)
        if before:
            self.transformer_.set_params(**before)

    def _cut(self, X: Any, *, reset: bool) -> tuple[Any, NDArray[np.intp], float | None]:
        """Windows, the row of each, and their sampling rate in Hz if it is known."""
        if self.window is None:
            refuse_no_samples(X, type(self).__name__)
            X = validate_data(self, X, reset=reset, allow_nd=True, dtype=[np.float64, np.float32])
            return X, np.arange(len(X)), None
        check_recording_table(X, required=("signal", "fs"))
        X = plain_recordings(X) if is_kept(X) else X
        if self.as_table:
            table, row = window_table(
                X, self.window, self.step, tail=self.tail, nan=self.nan, short=self.short
            )
            return table, row, float(X["fs"].iloc[0])
        cut = divide(X, self.window, self.step, tail=self.tail, nan=self.nan, short=self.short)
        return cut.X, cut.row, cut.fs

    def _pool(
        self, X: pd.DataFrame, windows: Any, row: NDArray[np.intp]
    ) -> NDArray[np.floating] | pd.DataFrame:
        values = np.asarray(self.transformer_.transform(windows))
        if values.ndim != 2:
            raise ValueError(
                f"The 'transformer' of Windows must give one row of features per window. "
                f"{type(self.transformer).__name__} gave the shape {values.shape}; put Flatten() "
                "after it."
            )
        frame = pd.DataFrame(values).groupby(row)
        pooled = [
            (frame.std(ddof=0) if statistic == "std" else getattr(frame, statistic)())
            for statistic in self.statistics
        ]
        rows = range(len(row) if self.window is None else len(X))
        result = np.hstack([part.reindex(rows).to_numpy() for part in pooled])
        if not self._kept:
            return result
        self._check_kept(X)
        table = pd.DataFrame(result, columns=self._names(), index=X.index)
        return table.join(X[self._kept])

    def _check_kept(self, X: pd.DataFrame) -> None:
        columns = getattr(X, "columns", ())
        if missing := [column for column in self._kept if column not in columns]:
            raise ValueError(f"X lacks the {columns_text(missing)} of 'keep' in Windows.")

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        inner = get_tags(self.transformer)
        tags.input_tags.three_d_array = True
        tags.target_tags.required = inner.target_tags.required
        tags.requires_fit = True
        return tags
