"""DiVoteRegressor: cut recordings into windows and aggregate predictions into one per subject."""

from __future__ import annotations

from typing import Any, ClassVar

import joblib
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import RegressorMixin, clone, is_regressor
from sklearn.utils.validation import check_is_fitted

from sklearn_emg._sklearn import StrOptions
from sklearn_emg._tables import counted
from sklearn_emg._typing import Labels
from sklearn_emg._warnings import warn, warned_once
from sklearn_emg.ensemble._base import DiVote
from sklearn_emg.ensemble._input import Rows
from sklearn_emg.ensemble._metadata import Columns, call_with_columns
from sklearn_emg.ensemble._numbers import AVERAGES, NumberAggregation, average_by_code
from sklearn_emg.ensemble._votes import Votes
from sklearn_emg.exceptions import RecordingWarning
from sklearn_emg.metrics import conformal_intervals
from sklearn_emg.model_selection import Split
from sklearn_emg.recordings import OnFault, Tail


class DiVoteRegressor(RegressorMixin, DiVote):
    """Predict a number for each window of recordings and aggregate the numbers by subject.

    This is the counterpart of :class:`DiVoteClassifier` for numbers such as severity. The
    predictions of windows are averaged over each recording, and those of recordings over each
    subject. Instead of the average, a final regressor can predict from statistics of the
    recordings.

    Parameters
    ----------
    estimator : estimator object
        Regressor of windows, usually a Pipeline. It is fitted as in :class:`DiVoteClassifier`: its
        steps get the sampling rate of the table, and steps that split windows get folds of
        subjects.
    window : float or None, default=0.4
        Length of a window in seconds. None treats each row as one window: a row of a feature table
        or of an array, or a recording, in which case all recordings must have the same length.
    step : float or None, default=0.1
        Time in seconds from the start of one window to the start of the next; None means no
        overlap. `step` is ignored with ``window=None``.
    by : str, default=None
        Column of the table, such as ``"muscle"`` or ``"region"``, whose values divide the
        recordings of a subject. The final regressor reads the average for each value, or the
        average over all recordings if the subject has none with this value. A `final_estimator` is
        required.
    average : {"mean", "median", "trimmed"}, default="mean"
        How windows are averaged over a recording and recordings over a subject; "trimmed" leaves
        out a fifth of the values (or, with `weights`, of the total weight) at each end.
    weights : str or None, default=None
        Weight of a recording in the average over its subject. None gives all recordings the same
        weight, and "windows" uses the number of windows. Any other str names a column of the table
        with weights, such as a quality score.
    final_estimator : estimator object or None, default=None
        Regressor of the subject features. These are the average, standard deviation, minimum and
        maximum of the predictions of the subject's recordings or, with `by`, the average for each
        value of `by`. None predicts the average.
    cv : None, int, cross-validation generator or iterable, default=None
        How predictions for the training subjects are computed; the final regressor and the
        intervals of :meth:`predict_interval` need them. None gives predictions for the windows that
        the estimator was trained on; they are closer to y than those of new subjects, and there are
        no intervals. A splitter gives out-of-fold predictions; an int means folds of subjects
        stratified by quantiles of y.
    unit : str, default="subject"
        Column that defines the unit of prediction. A column other than the subject, such as "side"
        or "visit", gives one prediction for each of its values within each subject. `estimator` and
        `cv` hold out complete subjects in either case.
    features : list of str, default=None
        Columns of a feature table that `estimator` gets, with ``window=None``; see
        :class:`DiVoteClassifier`.
    tail : {"drop", "overlap", "pad"}, default="drop"
        How to treat the samples after the last complete window; see
        :func:`~sklearn_emg.recordings.divide`.
    nan, short : {"raise", "skip"}, default="raise"
        Whether windows that contain NaN (`nan`) and recordings shorter than one window (`short`)
        raise an error or are left out with a warning. A subject without any window left raises an
        error in ``fit``; in ``predict``, it gets the mean of the training targets, and a warning is
        given.
    n_jobs : int, default=None
        Number of jobs for the fits of `cv`.
    verbose : int, default=0
        Verbosity of the fits of `cv`; 0 is silent.
    memory : str, object with the joblib.Memory interface or None, default=None
        Folder in which fitted copies of `estimator` are stored; see :class:`DiVoteClassifier`. Only
        trusted users may have write access to it.

    Attributes
    ----------
    subjects_ : ndarray of shape (n_subjects,) or None
        Identities of the training subjects; None if neither X nor `groups` gave any.
    channel_names_ : tuple of str or None
        Names of the channels if they are the same in all recordings of ``fit``, otherwise None.
        Recordings with the same channels in a different order raise an error.
    fs_ : float or None
        Sampling rate in Hz of the windows seen in ``fit``; None for arrays and feature tables.
    estimator_ : estimator object
        The regressor of windows, fitted on all windows.
    final_estimator_ : estimator object or None
        The fitted final regressor.
    by_levels_ : list or None
        Values of `by` seen in ``fit``, in the order of the features; None without `by`.
    training_features_ : ndarray of shape (n_units, n_features) or None
        Features that the final regressor was trained on. Without a final regressor but with `cv`,
        these are the out-of-fold features; None without either.
    training_mean_ : float
        Mean target of the training units.
    residuals_ : ndarray of shape (n_subjects,) or None
        Largest absolute out-of-fold residual of each training subject; None without `cv`.
    n_features_in_ : int
        Number of features; defined for arrays and feature tables only.

    Raises
    ------
    ValueError
        If a subject (or unit) has two values of y, y lacks values or contains text, or `by` is set
        without a `final_estimator`; and in the other cases of :class:`DiVoteClassifier`.

    Warns
    -----
    SubjectLeakWarning, RecordingWarning
        In the same cases as :class:`DiVoteClassifier`.

    See Also
    --------
    DiVoteClassifier : The counterpart for class labels.
    sklearn_emg.metrics.conformal_subjects : Intervals from separate held-out subjects.

    Notes
    -----
    The parameters `window` and `step` can be tuned in a search like any others. The prediction for
    a row is that of its subject and depends on the other rows of the same call: pass all recordings
    of a subject in one call.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LinearRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn_emg.ensemble import DiVoteRegressor
    >>> from sklearn_emg.feature_extraction import TimeDomainFeatures
    >>> from sklearn_emg.recordings import recording_table
    >>> rng = np.random.default_rng(0)
    >>> severity = np.repeat([1.0, 2.0, 3.0, 4.0], 2)
    >>> table = recording_table(
    ...     [a * rng.normal(size=500) for a in severity], fs=1000.0, subject=list("aabbccdd")
    ... )
    >>> model = make_pipeline(TimeDomainFeatures(["rms"]), LinearRegression())
    >>> divote = DiVoteRegressor(model, window=0.1).fit(table, severity)
    >>> divote.vote(table).subjects["prediction"].round(0).to_dict()
    {'a': 1.0, 'b': 2.0, 'c': 3.0, 'd': 4.0}
    """

    _numbers: ClassVar[bool] = True
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **DiVote._parameter_constraints,
        "average": [StrOptions(set(AVERAGES))],
        "weights": [str, None],
    }

    def __init__(
        self,
        estimator: Any,
        *,
        window: float | None = 0.4,
        step: float | None = 0.1,
        by: str | None = None,
        average: str = "mean",
        weights: str | None = None,
        final_estimator: Any = None,
        cv: Any = None,
        unit: str = "subject",
        features: list[str] | None = None,
        tail: Tail = "drop",
        nan: OnFault = "raise",
        short: OnFault = "raise",
        n_jobs: int | None = None,
        verbose: int = 0,
        memory: str | joblib.Memory | None = None,
    ) -> None:
        self.estimator = estimator
        self.window = window
        self.step = step
        self.by = by
        self.average = average
        self.weights = weights
        self.final_estimator = final_estimator
        self.cv = cv
        self.unit = unit
        self.features = features
        self.tail = tail
        self.nan = nan
        self.short = short
        self.n_jobs = n_jobs
        self.verbose = verbose
        self.memory = memory

    # ------------------------------------------------- fit

    def _check_estimator(self) -> None:
        for name in ("estimator", "final_estimator"):
            part = getattr(self, name)
            if part is not None and not is_regressor(part):
                raise ValueError(
                    f"The {name!r} parameter of DiVoteRegressor must be a regressor. "
                    f"Got {part!r} instead. DiVoteClassifier takes classifiers."
                )
        if self.by is not None and self.final_estimator is None:
            raise ValueError(
                f"by={self.by!r} of DiVoteRegressor has no effect on an average. Give a "
                "'final_estimator', which reads the average for each value, or leave 'by' out."
            )

    def _learn_target(self, y: NDArray[Any]) -> None:
        self.residuals_: NDArray[np.floating] | None = None

    def _scores_out_of_fold(self) -> bool:
        return self.cv is not None

    def _new_final(self) -> Any:
        return clone(self.final_estimator)

    def _fit_inner(
        self,
        rows: Rows,
        y: NDArray,
        weights: NDArray[np.floating] | None,
        times: NDArray[np.intp],
    ) -> Any:
        return self._fit_estimator(rows, y, weights, times)

    def _keep_inner(self, fitted: Any) -> None:
        self.estimator_ = fitted

    @property
    def _n_scores(self) -> int:
        return 1

    def _learn_units(self, of_units: NDArray[Any]) -> None:
        self.training_mean_ = float(np.mean(of_units))

    def _fit_units(
        self,
        rows: Rows,
        scores: NDArray[np.floating],
        of_units: NDArray[Any],
        weights: NDArray[np.floating] | None,
        splits: list[Split],
    ) -> None:
        """Fit the final regressor, and store the out-of-fold residuals of training subjects."""
        features = self._unit_features(rows, scores)
        seen = np.isfinite(features[:, 0])
        self.training_features_ = features[seen]
        final = self.final_estimator is not None
        if final:
            self.final_estimator_ = self._fit_final(rows, features, of_units, weights, seen)
        if not splits:
            return
        predicted = self._aggregation().unit_values(rows, scores[:, 0], self._weights_of(rows))
        unit_subject = np.zeros(len(of_units), dtype=np.intp)
        unit_subject[rows.unit] = rows.subject
        for _, test in splits if final else []:
            tested = np.isin(unit_subject, rows.subject[test])
            used = seen & ~tested
            if (seen & tested).any() and used.any():
                model = self._fit_final(rows, features, of_units, weights, used)
                predicted[seen & tested] = model.predict(features[seen & tested])
        errors = pd.Series(np.abs(predicted - of_units)[seen])
        self.residuals_ = errors.groupby(unit_subject[seen]).max().to_numpy()

    def _scores_of(self, fitted: Any, X: Any, columns: Columns) -> NDArray[np.floating]:
        values = np.asarray(call_with_columns(fitted, "predict", X, columns), dtype=float)
        if values.shape not in ((len(X),), (len(X), 1)):
            raise ValueError(
                f"predict of {type(fitted).__name__} must give one number per window, "
                f"{len(X)} of them. Got shape {values.shape}."
            )
        without = np.flatnonzero(~np.isfinite(values.ravel()))
        if without.size:
            raise ValueError(
                f"{type(fitted).__name__} predicts numbers that are not finite for "
                f"{without.size} of {counted(len(X), 'window')} (first: window {without[0]}). "
                "Check that its training windows differ in each feature and that its fit converged."
            )
        return values.reshape(-1, 1)

    def _row_scores(self, rows: Rows, windows: NDArray[np.floating]) -> NDArray[np.floating]:
        return average_by_code(windows[:, 0], rows.row, rows.n_rows, self.average)[:, np.newaxis]

    def _aggregation(self) -> NumberAggregation:
        return NumberAggregation(self.average, self.by, self.by_levels_, self.unit)

    def _unit_features(self, rows: Rows, scores: NDArray[np.floating]) -> NDArray[np.floating]:
        return self._aggregation().unit_features(rows, scores[:, 0], self._weights_of(rows))

    # ------------------------------------------------- predict

    def _predict_units(
        self, rows: Rows
    ) -> tuple[NDArray[np.floating], NDArray[np.floating], NDArray[np.floating], NDArray[Any]]:
        """Predictions of windows and rows, features of units, and predictions of units."""
        windows = self._scores_of(self.estimator_, rows.X, rows.columns_of())
        scores = self._row_scores(rows, windows)
        features = self._unit_features(rows, scores)
        seen = np.isfinite(features[:, 0])
        if self.final_estimator_ is None:
            values = self._aggregation().unit_values(rows, scores[:, 0], self._weights_of(rows))
        else:
            values = np.full(len(seen), np.nan)
            if seen.any():
                values[seen] = self.final_estimator_.predict(features[seen])
        if not seen.all():
            name = rows.unit_index.tolist()[int(np.flatnonzero(~seen)[0])]
            warn(
                f"No usable window in {np.sum(~seen)} of {counted(len(seen), self.unit)} (such as "
                f"{name!r}): the prediction is the mean training target, "
                f"{self.training_mean_:.4g}, which contains no information. Leave these recordings "
                "out, or correct them.",
                RecordingWarning,
            )
            values = np.where(seen, values, self.training_mean_)
        return windows[:, 0], scores[:, 0], features, values

    def _answers(self, rows: Rows) -> NDArray[Any]:
        return self._predict_units(rows)[-1]

    @warned_once()
    def vote(self, X: Any, groups: Labels | None = None) -> Votes:
        """Compute predictions of windows, recordings and subjects.

        Parameters
        ----------
        X : DataFrame or ndarray
            Input as in ``fit``, with all recordings of each subject.
        groups : array-like of shape (n_rows,), default=None
            Subject of each row; by default, the ``subject`` column of X.

        Returns
        -------
        votes : Votes
            Votes, whose attributes ``windows``, ``recordings`` and ``subjects`` are DataFrames with
            a column ``prediction``. ``subjects`` also has ``n_recordings`` and the ``feature_...``
            columns for a final regressor.

        Warns
        -----
        SubjectLeakWarning
            If the model was trained on any of the subjects.
        """
        rows = self._checked_rows(X, groups)
        return self._aggregation().tables(rows, *self._predict_units(rows))

    @warned_once()
    def predict_interval(
        self, X: Any, groups: Labels | None = None, *, coverage: float = 0.9
    ) -> NDArray[np.floating]:
        """Predict an interval for the value of the subject of each row.

        Parameters
        ----------
        X : DataFrame or ndarray
            Input as in ``fit``, with all recordings of each subject.
        groups : array-like of shape (n_rows,), default=None
            Subject of each row; by default, the ``subject`` column of X.
        coverage : float, default=0.9
            Fraction of new subjects whose value the interval should contain.

        Returns
        -------
        intervals : ndarray of shape (n_rows, 2)
            Lower and upper ends of the intervals; infinite if there are too few training subjects
            for the coverage.

        Raises
        ------
        ValueError
            If the model was fitted without `cv`, so that there are no out-of-fold residuals.

        Notes
        -----
        The half-width is the conformal quantile of the absolute out-of-fold residuals of the
        training subjects. Each subject counts once, with the largest residual of its units. The
        models of the folds learn from fewer subjects than the final model, so the coverage is
        approximate; :func:`~sklearn_emg.metrics.conformal_subjects` guarantees it with separate
        held-out subjects.
        """
        check_is_fitted(self)
        if self.residuals_ is None:
            raise ValueError(
                "predict_interval needs out-of-fold residuals of training subjects: fit "
                "DiVoteRegressor with a 'cv', such as 5."
            )
        rows = self._checked_rows(X, groups)
        intervals = conformal_intervals(self.residuals_, self._answers(rows), coverage=coverage)
        return intervals[rows.unit]
