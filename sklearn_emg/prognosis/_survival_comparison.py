"""Comparison of survival models with the Kaplan-Meier curve on held-out subjects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from sklearn_emg._sklearn import Integral
from sklearn_emg._tables import ReadableTable, counted, wrapped
from sklearn_emg.metrics import (
    brier_contributions,
    check_confidence,
    check_outcomes,
    check_times,
    integrated,
    kaplan_meier,
    outcomes_of_subjects,
    paired_permutation_test,
    survival_at,
    survival_measures,
)
from sklearn_emg.model_selection import SubjectKFold, assert_no_shared_subject
from sklearn_emg.recordings import Subjects

BASELINE = "Kaplan-Meier"
_CALLER = "compare_survival"


@dataclass(frozen=True)
class SurvivalComparison:
    """Results of :func:`compare_survival`.

    Attributes
    ----------
    summary : DataFrame
        Table with one row for each combination of a model and a measure of
        :func:`~sklearn_emg.metrics.survival_measures`. The Kaplan-Meier curve counts as a model.
        The columns are ``model``, ``measure``, ``value``, and the limits ``low`` and ``high`` of
        the confidence interval.
    pvalues : Series
        The p-value of each model, from a two-sided permutation test, paired by subject, of the
        hypothesis that its integrated Brier score (for a single time, its Brier score) equals the
        score of the Kaplan-Meier curve.
    curves : dict of str to DataFrame of shape (n_subjects, n_times)
        Survival curves of the subjects by name of the model, including "Kaplan-Meier". The curve of
        a subject comes from a model that was not trained on this subject.
    outcomes : DataFrame of shape (n_subjects, 3)
        Table with the columns ``event``, ``time`` and ``fold``, the fold in which the subject was
        tested. The index contains the subjects.
    confidence : float
        Confidence level of the intervals.
    """

    summary: pd.DataFrame
    pvalues: pd.Series
    curves: dict[str, pd.DataFrame]
    outcomes: pd.DataFrame
    confidence: float

    def table(self) -> pd.DataFrame:
        """Return a formatted table with one row per model, including the Kaplan-Meier curve.

        Returns
        -------
        table : DataFrame of str
            Concordance, mean AUC over the times and integrated Brier score with their intervals,
            and the p-value of the comparison of the integrated Brier score with that of the
            Kaplan-Meier curve.
        """
        rows, columns = {}, ["value", "low", "high"]
        for name in self.curves:
            own = self.summary[self.summary["model"] == name].set_index("measure")
            rows[name] = {
                measure: "{:.2f} [{:.2f}, {:.2f}]".format(*own.loc[measure, columns])
                for measure in ("concordance", "auc", "ibs")
            }
            p = self.pvalues.get(name)
            rows[name]["p (ibs)"] = "-" if p is None else f"{p:.2g}"
        return ReadableTable.from_dict(rows, orient="index")

    def __repr__(self) -> str:
        n_events = int(self.outcomes["event"].sum())
        times = ", ".join(f"{t:.3g}" for t in next(iter(self.curves.values())).columns)
        head = (
            f"Comparison of survival models over {counted(len(self.outcomes), 'subject')} with "
            f"{counted(n_events, 'event')}, at the times {times}; {100 * self.confidence:g} % "
            "intervals over subjects; ibs: lower is better"
        )
        return f"{wrapped(head)}\n{self.table()!r}"

    def _repr_html_(self) -> str:
        return self.table().to_html(escape=True)


def compare_survival(
    models: Mapping[str, Any],
    X: pd.DataFrame,
    y: NDArray[Any],
    *,
    cv: Any = 5,
    times: ArrayLike | None = None,
    n_resamples: int = 1000,
    confidence: float = 0.95,
    random_state: Any = 0,
) -> SurvivalComparison:
    """Score survival models and the Kaplan-Meier curve on held-out subjects.

    Parameters
    ----------
    models : dict of str to estimator
        Models by name: :class:`SurvivalVote` estimators, Pipelines that end with one, or searches
        over either.
    X : DataFrame
        Recording table or feature table with a ``subject`` column.
    y : structured ndarray of shape (n_rows,)
        Outcome of the subject of each row, see :func:`survival_target`.
    cv : int or splitter, default=5
        Number of folds of a shuffled ``SubjectKFold``, which is stratified by whether the event was
        observed, or a splitter, which must test each subject once.
    times : array-like of shape (n_times,), default=None
        Times at which predictions are scored. By default, they are the quartiles of the times of
        events.
    n_resamples : int, default=1000
        Number of bootstrap resamples of subjects for the intervals.
    confidence : float, default=0.95
        Confidence level of the intervals.
    random_state : int, RandomState instance or None, default=0
        Seed of the folds, the resamples and the permutation tests.

    Returns
    -------
    comparison : SurvivalComparison
        Scores, p-values and predicted curves. When printed, it shows a table.

    Raises
    ------
    ValueError
        If there is no model, a model is called "Kaplan-Meier", outcomes are unusable, a subject has
        two outcomes, a split has the same subject in the training set and the test set, `cv` does
        not test each subject exactly once, or a time is beyond the follow-up of all subjects or of
        the training subjects of a fold.

    Notes
    -----
    Concordance and AUC compare only subjects of the same fold, since the risks of models of
    different folds may differ in scale. The distribution of censoring is estimated from all
    subjects.

    Examples
    --------
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sklearn_emg.datasets import make_progression_cohort
    >>> from sklearn_emg.prognosis import SurvivalVote, compare_survival, survival_target
    >>> cohort = make_progression_cohort(60, random_state=0)
    >>> X = cohort.visits.merge(cohort.subjects, on="subject")
    >>> X = X[(X["visit"] == 1) & (X["event_time"] > 0)]
    >>> model = SurvivalVote(StandardScaler(), features=["score"], window=None)
    >>> result = compare_survival({"score": model}, X, survival_target(X), n_resamples=50)
    >>> result.table().index.tolist()
    ['Kaplan-Meier', 'score']
    """
    check_confidence(confidence)
    if not models or BASELINE in models:
        raise ValueError(
            f"{_CALLER} needs models other than {BASELINE!r}, which it adds. Got {list(models)}."
        )
    y = check_outcomes(y, _CALLER)
    if len(y) != len(X):
        raise ValueError(f"y must have one outcome per row of X, {len(X)}. Got {len(y)}.")
    subjects = Subjects.of(X)
    known = outcomes_of_subjects(y, subjects.codes, subjects.names, _CALLER)
    if times is None:
        times = np.unique(np.quantile(known["time"][known["event"]], [0.25, 0.5, 0.75]))
    times = check_times(times, known, _CALLER)
    if isinstance(cv, Integral):
        cv = SubjectKFold(int(cv), shuffle=True, random_state=random_state)
    curves, fold_of = _held_out(models, X, y, subjects, known, cv, times)
    settings = {"n_resamples": n_resamples, "confidence": confidence, "random_state": random_state}
    parts, squares = [], {}
    for name, values in curves.items():
        found = survival_measures(known, values, times, folds=fold_of, **settings)
        parts.append(found.rename_axis("measure").reset_index().assign(model=name))
        squares[name] = brier_contributions(known, known, values, times)
        squares[name] = integrated(squares[name], times) if len(times) > 1 else squares[name][:, 0]
    summary = pd.concat(parts, ignore_index=True)
    index = pd.Index(subjects.names, name="subject")
    return SurvivalComparison(
        ReadableTable(summary[["model", "measure", "value", "low", "high"]]),
        pd.Series(
            {
                name: paired_permutation_test(
                    squares[name], squares[BASELINE], random_state=random_state
                ).pvalue
                for name in models
            }
        ),
        {name: pd.DataFrame(v, index=index, columns=times) for name, v in curves.items()},
        pd.DataFrame({"event": known["event"], "time": known["time"], "fold": fold_of}, index),
        confidence,
    )


def _held_out(
    models: Mapping[str, Any],
    X: pd.DataFrame,
    y: NDArray[Any],
    subjects: Subjects,
    known: NDArray[Any],
    cv: Any,
    times: NDArray[np.floating],
) -> tuple[dict[str, NDArray[np.floating]], NDArray[np.intp]]:
    """Predict survival curves of held-out subjects, and return the fold of each subject."""
    curves = {name: np.full((len(known), len(times)), np.nan) for name in (BASELINE, *models)}
    fold_of = np.full(len(known), -1)
    for fold, (train, test) in enumerate(cv.split(X, y["event"])):
        assert_no_shared_subject(X, train, test, groups=subjects)
        tested, learned = np.unique(subjects.codes[test]), np.unique(subjects.codes[train])
        if (fold_of[tested] >= 0).any():
            raise ValueError(f"The 'cv' of {_CALLER} tests a subject twice (fold {fold}).")
        fold_of[tested] = fold
        curves[BASELINE][tested] = survival_at(kaplan_meier(known[learned]), times)
        for name, model in models.items():
            fitted = clone(model).fit(X.iloc[train], y[train])
            found = predicted_survival(fitted, X.iloc[test], times)
            curves[name][tested] = found.loc[subjects.names[tested]].to_numpy()
    if (fold_of < 0).any():
        name = subjects.names[np.flatnonzero(fold_of < 0)[0]]
        raise ValueError(f"The 'cv' of {_CALLER} must test every subject; {name!r} is not tested.")
    return curves, fold_of


def predicted_survival(estimator: Any, X: Any, times: ArrayLike) -> pd.DataFrame:
    """Predict survival curves by a SurvivalVote, a Pipeline that ends with one, or a search.

    The table has one row per subject and one column per time, in the unit of the outcomes.
    """
    if hasattr(estimator, "best_estimator_"):
        return predicted_survival(estimator.best_estimator_, X, times)
    if isinstance(estimator, Pipeline):
        head, last = estimator[:-1], estimator.steps[-1][1]
        return predicted_survival(last, head.transform(X) if len(head) else X, times)
    return estimator.predict_survival(X, times)
