"""Survival analysis: prediction of the time to an event from features of recordings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Self

import joblib
import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_emg._sklearn import HasMethods, StrOptions
from sklearn_emg._tables import columns_text, counted
from sklearn_emg._typing import Labels
from sklearn_emg._validation import require, require_target
from sklearn_emg._warnings import warned_once
from sklearn_emg.ensemble import (
    AVERAGES,
    Columns,
    DiVote,
    Rows,
    Votes,
    call_with_columns,
    unit_statistics,
)
from sklearn_emg.metrics import check_outcomes, outcomes_of_subjects
from sklearn_emg.model_selection import Split
from sklearn_emg.recordings import OnFault, Tail, check_visits, mean_by_code, visit_months

_EXTRA = "survival"
_STATISTICS = ("average", "sd", "min", "max")
_OUTCOME_WORDS = {"event", "events", "death", "died", "dead", "censored", "censoring", "survival"}


def survival_target(
    X: pd.DataFrame,
    outcomes: pd.DataFrame | None = None,
    *,
    event: str = "event",
    event_time: str = "event_time",
) -> NDArray[Any]:
    """Return the outcome of each row's subject: event or censoring, and the time until then.

    If X has a column ``time`` with the times of visits, the time to the event is counted from the
    subject's last visit in X, which must be before the event. Rows of later visits would reveal
    that the subject had no event until then, so select the visits from which you predict, such as
    ``X[X["visit"] == 1]``.

    Parameters
    ----------
    X : DataFrame of shape (n_rows, n_columns)
        Recording table or feature table with the column ``subject`` and, if its rows belong to
        visits, ``time`` (months or dates).
    outcomes : DataFrame, default=None
        Table with the columns ``subject``, `event` and `event_time`, such as ``subjects`` of
        :func:`~sklearn_emg.datasets.make_progression_cohort`. By default, X must have these
        columns.
    event : str, default="event"
        Name of the Boolean column that states whether the event was observed. If it was not, the
        subject is censored.
    event_time : str, default="event_time"
        Name of the column with the time of the event or, for censored subjects, the last time at
        which it had not occurred. Times are dates, or months on the scale of ``time``.

    Returns
    -------
    y : structured ndarray of shape (n_rows,)
        Outcomes with the fields ``event`` (bool) and ``time`` (in months or, without visits, in the
        unit of `event_time`).

    Raises
    ------
    TypeError
        If X is not a DataFrame.
    ValueError
        If a column is missing, `event` is not Boolean, a subject of X has no outcome or several, an
        event or censoring is not after the subject's last visit, times are missing, or dates and
        numbers are mixed. If possible, the message names the subject.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_emg.prognosis import survival_target
    >>> X = pd.DataFrame({"subject": ["a", "a", "b"], "time": [0.0, 3.0, 1.0]})
    >>> outcomes = pd.DataFrame(
    ...     {"subject": ["a", "b"], "event": [True, False], "event_time": [9.0, 12.0]}
    ... )
    >>> survival_target(X, outcomes).tolist()
    [(True, 6.0), (True, 6.0), (False, 11.0)]
    """
    if not isinstance(X, pd.DataFrame):
        raise TypeError(
            f"The X of survival_target must be a DataFrame with a column 'subject'. Got "
            f"{type(X).__name__}."
        )
    table = X if outcomes is None else outcomes
    for frame, name, needed in (
        (X, "X", ["subject"]),
        (table, "X" if outcomes is None else "outcomes", ["subject", event, event_time]),
    ):
        if missing := [c for c in needed if c not in frame.columns]:
            raise ValueError(
                f"survival_target needs the {columns_text(missing)}, but {name} has no such column."
            )
    known = _one_outcome_each(table, event, event_time)
    known = known.set_index("subject").reindex(X["subject"])
    if known[event].isna().any():
        name = known.index[known[event].isna()].tolist()[0]
        raise ValueError(f"Subject {name!r} of X has no outcome in survival_target.")
    if known[event_time].isna().any():
        name = known.index[known[event_time].isna()].tolist()[0]
        raise ValueError(
            f"The {event_time!r} of subject {name!r} is missing in survival_target. Fill in the "
            "time of the event or of censoring, or leave the subject out."
        )
    y = np.empty(len(X), dtype=[("event", bool), ("time", float)])
    y["event"] = known[event].to_numpy(dtype=bool)
    y["time"] = _months_after_last_visit(X, known[event_time], event_time)
    return check_outcomes(y, "survival_target", some_event=False)


def _one_outcome_each(table: pd.DataFrame, event: str, event_time: str) -> pd.DataFrame:
    """Return the outcome of each subject once."""
    if table[event].dtype not in (bool, "boolean") or table[event].isna().any():
        raise ValueError(
            f"The column {event!r} of survival_target must be boolean, without missing values, but "
            f"is {table[event].dtype}. Convert it, for instance by table[{event!r}] == 1."
        )
    known = table[["subject", event, event_time]].drop_duplicates()
    if known["subject"].duplicated().any():
        name = known["subject"][known["subject"].duplicated()].iloc[0]
        found = known.loc[known["subject"] == name, [event, event_time]].to_numpy().tolist()
        raise ValueError(
            f"Subject {name!r} has two outcomes in survival_target, {found[:2]} ({event}, "
            f"{event_time}). Give each subject one outcome, at the time of its first event."
        )
    return known


def _months_after_last_visit(X: pd.DataFrame, then: pd.Series, column: str) -> NDArray[Any]:
    """Compute the time from each subject's last visit (0 without visits) to the outcome, by row."""
    if "time" not in X.columns and pd.api.types.is_datetime64_any_dtype(then):
        raise ValueError(
            f"{column!r} of survival_target contains dates, but X has no column 'time' with the "
            "dates of visits, from which the time to an event is counted. Add it, or give months."
        )
    subject = X["subject"].to_numpy()
    times = [then] if "time" not in X.columns else [X["time"], then]
    both = pd.DataFrame(
        {"subject": np.tile(subject, len(times)), "time": pd.concat(times, ignore_index=True)}
    )
    both.index = [f"{name} {k}" for k in ("time", column)[-len(times) :] for name in subject]
    months = visit_months(check_visits(both, plausible=False))
    if len(times) == 1:
        return months
    visits, months = months[: len(X)], months[len(X) :]
    by_subject = pd.Series(visits).groupby(subject)
    first, last = (by_subject.transform(how).to_numpy() for how in ("min", "max"))
    for early, where in ((months < first, "before its first"), (months <= last, "not after its")):
        if early.any():
            row = int(np.flatnonzero(early)[0])
            which, at = ("visit", first) if where.startswith("before") else ("last visit", last)
            raise ValueError(
                f"The event or censoring of subject {subject[row]!r} at {months[row]:g} is {where} "
                f"{which} at {at[row]:g} (months). Leave out subjects that had the event by their "
                "last visit, choose earlier visits to predict from, or correct the times."
            )
    return months - last


def _cox() -> Any:
    from sksurv.linear_model import CoxnetSurvivalAnalysis

    model = CoxnetSurvivalAnalysis(alphas=[0.05], l1_ratio=0.5, fit_baseline_model=True)
    return make_pipeline(StandardScaler(), model)


def _forest(random_state: Any) -> Any:
    from sksurv.ensemble import RandomSurvivalForest

    return RandomSurvivalForest(200, min_samples_leaf=5, random_state=random_state)


def _boosting(random_state: Any) -> Any:
    from sksurv.ensemble import GradientBoostingSurvivalAnalysis

    return GradientBoostingSurvivalAnalysis(
        n_estimators=100, max_depth=2, subsample=0.5, random_state=random_state
    )


class SurvivalVote(DiVote):
    """Predict the time to an event from window features that are aggregated by subject.

    A transformer computes features of the windows of recordings. The features are averaged over
    each recording, and a survival model learns from statistics of a subject's recordings. Some
    subjects may be censored, which means that they were observed for a time without the event. The
    class needs scikit-survival (``pip install "sklearn-emg[survival]"``), which has the licence
    GPL-3.

    Parameters
    ----------
    estimator : transformer
        Transformer that computes features of windows, such as
        :class:`~sklearn_emg.feature_extraction.EMGFeatures` or a Pipeline. It is fitted on all
        training windows without their outcomes.
    final_estimator : {"cox", "forest", "boosting"} or estimator, default="cox"
        Survival model of the subjects. "cox" is a Cox model with an elastic net (half L1, penalty
        0.05) on standardised features, "forest" is a random survival forest of 200 trees, and
        "boosting" is gradient boosting of 100 trees with the Cox loss. An estimator of
        scikit-survival, or a Pipeline that ends with one, can also be given.
    window : float or None, default=0.4
        Length of a window in seconds. None treats each row as one window, for feature tables or for
        recordings of equal length.
    step : float or None, default=0.1
        Time in seconds from one window to the next. None means that windows do not overlap. It is
        not used if `window` is None.
    average : {"mean", "median", "trimmed"}, default="mean"
        Average of the windows of a recording and of the recordings of a subject. "trimmed" is the
        mean without the highest and the lowest fifth of the values.
    statistics : sequence of {"average", "sd", "min", "max"}, default=("average",)
        Statistics of each feature over a subject's recordings. They are the input of the survival
        model.
    weights : str or None, default=None
        Weight of a recording in the statistics of its subject. None gives all recordings the same
        weight, "windows" uses the number of windows, and any other string is the name of a column
        with the weights.
    features : list of str, default=None
        Names of the columns that `estimator` is given, for feature tables with ``window=None``. The
        default is all columns except metadata and those that reveal the outcome.
    tail : {"drop", "overlap", "pad"}, default="drop"
        Treatment of the samples after the last complete window, see
        :func:`~sklearn_emg.recordings.divide`.
    nan, short : {"raise", "skip"}, default="raise"
        Treatment of windows with NaN and of recordings that are shorter than one window. "raise"
        raises an error, and "skip" leaves them out with a warning. A subject without any remaining
        window always raises an error.
    memory : str, object with the joblib.Memory interface or None, default=None
        Folder in which fitted copies of `estimator` are cached, see
        :class:`~sklearn_emg.ensemble.DiVoteClassifier`. Only trusted users should have write access
        to it.
    random_state : int, RandomState instance or None, default=None
        Seed of "forest" and "boosting".

    Attributes
    ----------
    subjects_ : ndarray of shape (n_subjects,) or None
        Training subjects, or None if neither X nor `groups` names them.
    fs_ : float or None
        Sampling rate in Hz of the windows seen in ``fit``, or None for arrays and feature tables.
    estimator_ : transformer
        Transformer fitted on all training windows.
    final_estimator_ : estimator
        Fitted survival model.
    feature_names_ : list of str
        Names of the features of a subject, such as "rms average".
    training_features_ : ndarray of shape (n_subjects, n_features)
        Features of the training subjects.
    outcomes_ : structured ndarray of shape (n_subjects,)
        Outcomes of the training subjects.
    n_features_in_ : int
        Number of features seen in ``fit``. It is set only for arrays and feature tables.

    Raises
    ------
    ValueError
        If the outcomes are unusable (``event`` is not Boolean, a time is not above 0, or all
        subjects are censored), a subject has two outcomes, or X is unusable, as in
        :class:`~sklearn_emg.ensemble.DiVoteClassifier`.
    ImportError
        If scikit-survival is not installed.

    Warns
    -----
    SubjectLeakWarning
        If the model was trained on subjects that are given to ``predict``.

    See Also
    --------
    survival_target : Makes the outcomes from a table.
    compare_survival : Compares models on held-out subjects.
    sklearn_emg.inspection.SurvivalDisplay : Plots survival curves.

    Examples
    --------
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sklearn_emg.datasets import make_progression_cohort
    >>> from sklearn_emg.prognosis import SurvivalVote, survival_target
    >>> cohort = make_progression_cohort(40, random_state=0)
    >>> at_risk = cohort.subjects["subject"][cohort.subjects["event_time"] > 0]
    >>> X = cohort.visits[(cohort.visits["visit"] == 1) & cohort.visits["subject"].isin(at_risk)]
    >>> y = survival_target(X, cohort.subjects)
    >>> model = SurvivalVote(StandardScaler(), window=None).fit(X[:30], y[:30])
    >>> model.predict_survival(X[30:], [6.0, 12.0]).shape
    (8, 2)
    """

    _numbers: ClassVar[bool] = True
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **{
            name: DiVote._parameter_constraints[name]
            for name in ("window", "step", "features", "tail", "nan", "short", "memory")
        },
        "estimator": [HasMethods(["fit", "transform"])],
        "final_estimator": [
            StrOptions({"cox", "forest", "boosting"}),
            HasMethods(["fit", "predict", "predict_survival_function"]),
            Pipeline,
        ],
        "average": [StrOptions(set(AVERAGES))],
        "statistics": [list, tuple],
        "weights": [str, None],
        "random_state": ["random_state"],
    }
    # Values of parameters of DiVote that this class does not have: predictions are made for
    # subjects, and no out-of-fold predictions are needed.
    unit = "subject"
    by = None
    cv = None

    def __init__(
        self,
        estimator: Any,
        final_estimator: Any = "cox",
        *,
        window: float | None = 0.4,
        step: float | None = 0.1,
        average: str = "mean",
        statistics: Sequence[str] = ("average",),
        weights: str | None = None,
        features: list[str] | None = None,
        tail: Tail = "drop",
        nan: OnFault = "raise",
        short: OnFault = "raise",
        memory: str | joblib.Memory | None = None,
        random_state: Any = None,
    ) -> None:
        self.estimator = estimator
        self.final_estimator = final_estimator
        self.window = window
        self.step = step
        self.average = average
        self.statistics = statistics
        self.weights = weights
        self.features = features
        self.tail = tail
        self.nan = nan
        self.short = short
        self.memory = memory
        self.random_state = random_state

    # ------------------------------------------------- fit

    def fit(self, X: Any, y: NDArray[Any], groups: Labels | None = None) -> Self:  # type: ignore[override]
        """Fit the transformer of windows and the survival model of subjects.

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n_rows, ...)
            Recording table or, with ``window=None``, a feature table or windows.
        y : structured ndarray of shape (n_rows,)
            Outcome of the subject of each row, see :func:`survival_target`.
        groups : array-like of shape (n_rows,), default=None
            Subjects of the rows, for an X without a ``subject`` column. If subjects are not given
            at all, each row counts as a subject of its own.

        Returns
        -------
        self : object
            Fitted estimator.
        """
        require_target(y, "SurvivalVote")
        outcomes = check_outcomes(y, "SurvivalVote")
        self._rows_of_outcomes = outcomes
        # The base class checks and selects rows with one number per row, here the index of its
        # outcome.
        try:
            return super().fit(X, np.arange(len(outcomes), dtype=float), groups)
        finally:
            del self._rows_of_outcomes

    def _check_estimator(self) -> None:
        require("sksurv", "SurvivalVote", _EXTRA)
        unknown = [name for name in self.statistics if name not in _STATISTICS]
        if unknown or not len(self.statistics):
            raise ValueError(
                f"The 'statistics' of SurvivalVote must be some of {list(_STATISTICS)}. Got "
                f"{list(self.statistics)}."
            )

    def _no_features(self, X: pd.DataFrame, y: Any, groups: Labels | None) -> dict[Any, str]:
        """Return the columns that are not features, including those that reveal the outcome."""
        found = super()._no_features(X, None, groups)
        for column in X.columns.difference([*found, "subject"], sort=False):
            values = X[column].to_numpy()
            if set(str(column).lower().replace("_", " ").split()) & _OUTCOME_WORDS:
                found[column] = "named like an outcome"
            elif len(X) == len(self._rows_of_outcomes) and any(
                np.array_equal(values, self._rows_of_outcomes[name]) for name in ("event", "time")
            ):
                found[column] = "the outcome itself"
        return found

    def _learn_target(self, y: NDArray[Any]) -> None:
        """Do nothing, since `_unit_labels` finds the outcome of each subject."""

    def _unit_labels(self, rows: Rows, y: NDArray) -> NDArray:
        names = rows.unit_index.tolist()
        self.outcomes_ = outcomes_of_subjects(
            self._rows_of_outcomes, rows.unit, names, "SurvivalVote"
        )
        return np.arange(len(names), dtype=float)

    def _target_of_windows(self, y: NDArray, row: NDArray[np.intp]) -> None:
        return None

    def _fit_inner(self, rows: Rows, y: NDArray, weights: Any, times: NDArray[np.intp]) -> Any:
        return self._fit_estimator(rows, y, weights, times)

    def _keep_inner(self, fitted: Any) -> None:
        self.estimator_ = fitted

    @property
    def _n_scores(self) -> int:
        return len(self._names)

    def _new_final(self) -> Any:
        if self.final_estimator == "cox":
            return _cox()
        if isinstance(self.final_estimator, str):
            make = {"forest": _forest, "boosting": _boosting}[self.final_estimator]
            return make(self.random_state)
        return clone(self.final_estimator)

    def _scores_of(self, fitted: Any, X: Any, columns: Columns) -> NDArray[np.floating]:
        values = call_with_columns(fitted, "transform", X, columns)
        found = np.asarray(values, dtype=float)
        if found.ndim != 2 or len(found) != len(X):
            raise ValueError(
                f"transform of {type(fitted).__name__} must return one row of features for each of "
                f"{counted(len(X), 'window')}. Got shape {found.shape}."
            )
        names = getattr(values, "columns", None)
        if names is None and hasattr(fitted, "get_feature_names_out"):
            names = fitted.get_feature_names_out()
        self._names = [f"x{k}" for k in range(found.shape[1])] if names is None else list(names)
        bad = np.argwhere(~np.isfinite(found))
        if bad.size:
            n_bad = int((bad[:, 1] == bad[0, 1]).sum())
            raise ValueError(
                f"Feature {self._names[bad[0, 1]]!r} is not finite in "
                f"{counted(n_bad, 'window')} (first: number {bad[0, 0]}). "
                "Leave it out, or impute it in the 'estimator'."
            )
        return found

    def _row_scores(self, rows: Rows, windows: NDArray[np.floating]) -> NDArray[np.floating]:
        if self.average == "mean":
            return mean_by_code(windows, rows.row, rows.n_rows)
        return self._averages(windows, rows.row, rows.n_rows, None)[:, :, 0]

    def _averages(
        self, values: NDArray[np.floating], codes: NDArray[np.intp], n_codes: int, weights: Any
    ) -> NDArray[np.floating]:
        """Compute the four statistics of each column, with shape (n_codes, n_features, 4)."""
        columns = [unit_statistics(c, codes, n_codes, self.average, weights) for c in values.T]
        return np.stack(columns, axis=1)

    def _unit_features(self, rows: Rows, scores: NDArray[np.floating]) -> NDArray[np.floating]:
        n_units = len(rows.unit_index)
        found = self._averages(scores, rows.unit, n_units, self._weights_of(rows))
        if (lost := np.flatnonzero(np.isnan(found[:, 0, 0]))).size:
            raise ValueError(
                f"Subject {rows.unit_index.tolist()[lost[0]]!r} has no recording with a weight "
                f"above 0 in {self.weights!r}. Leave the subject out."
            )
        kept = [_STATISTICS.index(name) for name in self.statistics]
        return found[:, :, kept].reshape(n_units, -1)

    def _fit_units(
        self,
        rows: Rows,
        scores: NDArray[np.floating],
        of_units: NDArray[Any],
        weights: NDArray[np.floating] | None,
        splits: list[Split],
    ) -> None:
        self.feature_names_ = [f"{name} {how}" for name in self._names for how in self.statistics]
        self.training_features_ = self._unit_features(rows, scores)
        self.final_estimator_ = self._new_final().fit(self.training_features_, self.outcomes_)

    # ------------------------------------------------- predict

    def _features(self, rows: Rows) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
        """Compute the features of windows, recordings and subjects."""
        rows.refuse_lost_subjects()
        windows = self._scores_of(self.estimator_, rows.X, rows.columns_of())
        scores = self._row_scores(rows, windows)
        return windows, scores, self._unit_features(rows, scores)

    def _answers(self, rows: Rows) -> NDArray[Any]:
        return np.asarray(self.final_estimator_.predict(self._features(rows)[2]), dtype=float)

    @warned_once()
    def predict(self, X: Any, groups: Labels | None = None) -> NDArray[np.floating]:
        """Predict the risk of the subject of each row.

        Parameters
        ----------
        X : DataFrame or ndarray
            As in ``fit``. Give all recordings of a subject together.
        groups : array-like of shape (n_rows,), default=None
            Subjects of the rows, for an X without a ``subject`` column.

        Returns
        -------
        risk : ndarray of shape (n_rows,)
            Risk scores, which have no unit. A higher risk predicts an earlier event.
        """
        rows = self._checked_rows(X, groups)
        return self._answers(rows)[rows.unit]

    @warned_once()
    def predict_survival(
        self, X: Any, times: ArrayLike | None = None, groups: Labels | None = None
    ) -> pd.DataFrame:
        """Predict the probability that a subject has no event until each of the given times.

        Parameters
        ----------
        X : DataFrame or ndarray
            As in ``fit``. Give all recordings of a subject together.
        times : array-like of shape (n_times,), default=None
            Times in the unit of the outcomes. By default, they are the times of the training
            events.
        groups : array-like of shape (n_rows,), default=None
            Subjects of the rows, for an X without a ``subject`` column.

        Returns
        -------
        curves : DataFrame of shape (n_subjects, n_times)
            Survival curves. The index contains the subjects and the columns the times.

        Raises
        ------
        ValueError
            If a time is negative or beyond the follow-up of the training subjects.
        """
        rows = self._checked_rows(X, groups)
        if times is None:
            times = np.unique(self.outcomes_["time"][self.outcomes_["event"]])
        times = np.atleast_1d(np.asarray(times, dtype=float))
        last = float(self.outcomes_["time"].max())
        if not ((times >= 0) & (times <= last)).all():
            raise ValueError(
                "The 'times' of predict_survival must lie within the follow-up of the training "
                f"subjects, 0 to {last:g}. Got {times.min():g} to {times.max():g}."
            )
        steps = self.final_estimator_.predict_survival_function(self._features(rows)[2])
        values = [np.concatenate([[1.0], f.y])[np.searchsorted(f.x, times, "right")] for f in steps]
        return pd.DataFrame(np.array(values), index=rows.unit_index, columns=times)

    @warned_once()
    def vote(self, X: Any, groups: Labels | None = None) -> Votes:
        """Return the features of windows, recordings and subjects, and the risk of each subject.

        Parameters
        ----------
        X : DataFrame or ndarray
            As in ``fit``. Give all recordings of a subject together.
        groups : array-like of shape (n_rows,), default=None
            Subjects of the rows, for an X without a ``subject`` column.

        Returns
        -------
        votes : Votes
            Features of ``windows``, ``recordings`` and ``subjects``. The table ``subjects`` also
            has the column ``risk``.
        """
        rows = self._checked_rows(X, groups)
        windows, recordings, features = self._features(rows)
        subject = rows.unit_index[rows.unit]
        of_windows = pd.DataFrame(windows, columns=self._names)
        of_windows.insert(0, "row", rows.row)
        of_windows.insert(1, "subject", subject[rows.row])
        of_rows = pd.DataFrame(recordings, columns=self._names, index=rows.index)
        of_rows.insert(0, "subject", subject)
        of_units = pd.DataFrame(features, columns=self.feature_names_, index=rows.unit_index)
        of_units["risk"] = np.asarray(self.final_estimator_.predict(features), dtype=float)
        return Votes(of_windows, of_rows, of_units)

    def score(self, X: Any, y: NDArray[Any], groups: Labels | None = None) -> float:
        """Compute Harrell's concordance index of the risks and outcomes of subjects.

        Parameters
        ----------
        X : DataFrame or ndarray
            As in ``fit``.
        y : structured ndarray of shape (n_rows,)
            Outcome of the subject of each row.
        groups : array-like of shape (n_rows,), default=None
            Subjects of the rows, for an X without a ``subject`` column.

        Returns
        -------
        concordance : float
            Concordance index: 1 for a perfect ranking, 0.5 for a random one.
        """
        from sksurv.metrics import concordance_index_censored

        rows = self._checked_rows(X, groups)
        names = rows.unit_index.tolist()
        known = outcomes_of_subjects(check_outcomes(y, "SurvivalVote"), rows.unit, names, "score")
        found = concordance_index_censored(known["event"], known["time"], self._answers(rows))
        return float(found[0])
