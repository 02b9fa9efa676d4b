"""Compare pipelines on the same subjects, split by subject."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.exceptions import FitFailedWarning
from sklearn.utils import check_random_state
from tqdm.auto import tqdm

from sklearn_emg._tables import ReadableTable, counted
from sklearn_emg._typing import Labels
from sklearn_emg._validation import check_integer
from sklearn_emg._warnings import warned_once
from sklearn_emg.comparison._checks import (
    checked_labels,
    diagnosed_unit,
    named_pipelines,
    positive_class,
    refuse_pretrained,
    scorers_of,
    subject_splits,
)
from sklearn_emg.comparison._results import Comparison
from sklearn_emg.comparison._runs import LEVELS, Outcome, killed_outcome, run_fold, run_tasks
from sklearn_emg.comparison._scores import ALL_METRICS, Scoring
from sklearn_emg.metrics import check_confidence


@warned_once()
def compare(
    pipelines: Mapping[str, Any] | BaseEstimator,
    X: pd.DataFrame,
    y: Labels,
    *,
    cv: Any = 5,
    scoring: Any = None,
    average: str = "macro",
    pos_label: Any = None,
    confidence: float = 0.95,
    n_resamples: int = 1000,
    return_estimator: bool = False,
    n_jobs: int | None = None,
    progress: bool = True,
    random_state: Any = 0,
) -> Comparison:
    """Compare pipelines on the same subjects, split by subject.

    Every pipeline is fitted and tested on the same folds. If a pipeline fails in a fold, only the
    result of this pipeline in this fold is missing.

    Parameters
    ----------
    pipelines : dict of str to estimator
        Classifiers of recording tables or feature tables, such as
        :class:`~sklearn_emg.ensemble.DiVoteClassifier`.
    X : DataFrame
        Table with a ``subject`` column.
    y : array-like of shape (n_rows,)
        Label of each row, one per subject (or one per unit, with the `unit` of a
        DiVoteClassifier).
    cv : int, None, splitter or iterable of (train, test), default=5
        An int means ``SubjectKFold(cv)``, None means 5 folds. The group splitters of scikit-learn
        are given the subjects as groups. A split with a subject on both sides is refused.
    scoring : str, callable, list or dict of these, default=None
        Additional metrics at the level of diagnoses: names as
        :func:`~sklearn_emg.metrics.subject_scorer` takes them, or ``scorer(estimator, X, y)``.
    average : {"macro", "weighted"}, default="macro"
        How one-vs-rest F1, precision, sensitivity, specificity and AUROC are averaged over
        classes.
    pos_label : label, default=None
        With two classes: label of the class for which these measures are computed.
    confidence : float, default=0.95
        Confidence level of the intervals.
    n_resamples : int, default=1000
        Number of bootstrap resamples; at most 200 are used for the AUROC.
    return_estimator : bool, default=False
        Whether to keep the fitted pipelines, as ``estimators``.
    n_jobs : int, default=None
        Number of parallel jobs over pipelines and folds. With several jobs, times and memory are
        measured while the others run.
    progress : bool, default=True
        Whether to show a progress bar.
    random_state : int or RandomState instance, default=0
        Seed of the bootstrap. Pipelines and splitters have their own seeds.

    Returns
    -------
    comparison : Comparison
        ``folds``, ``summary``, ``predictions``, ``errors``, ``chosen_parameters``, and
        ``confusion()``; printing it shows the subject level.

    Raises
    ------
    ValueError
        If X has no subjects, y lacks labels, a class has too few subjects for the folds, a split
        leaks, a part of a pipeline was fitted on test subjects before, pipelines
        diagnose different units, a parameter is out of range, or all folds of all pipelines fail.
    TypeError
        If a pipeline is not an estimator, or `cv` cannot be used for splitting.

    Warns
    -----
    FitFailedWarning
        If a pipeline fails in a fold, or in all; the message is also in ``folds["error"]``.
    SubjectLeakWarning
        If a part of a pipeline was fitted before and its training subjects are not known.

    Notes
    -----
    Intervals are over subjects: Wilson's for the subject-level accuracy, otherwise percentiles of a
    bootstrap that draws subjects together with all their cases and units. They treat the fitted
    models as fixed and do not include the variation between choices of folds. The AUROC is the mean
    over folds, since the scores of different models have different scales; it is missing if a test
    set lacks a class, and its interval resamples subjects within fold and class. If all resamples
    have the same value (for instance if all predictions are correct), only the accuracy has an
    interval. Predictions that are not labels of y, or probabilities that do not sum to 1, are
    failures; a class without training rows has probability 0. Peak memory is the growth of the
    resident set of the process during fitting and prediction, sampled every 5 ms.

    If a worker process is killed, for instance for its memory use, its fold is tried once more in a
    separate worker and then counts as failed.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from sklearn.dummy import DummyClassifier
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn_emg.comparison import compare
    >>> from sklearn_emg.ensemble import DiVoteClassifier
    >>> rng = np.random.default_rng(0)
    >>> y = np.repeat(["control", "patient"], 40)
    >>> X = pd.DataFrame(
    ...     {"rms": rng.normal(size=80) + 2 * (y == "patient"), "subject": np.repeat(range(20), 4)}
    ... )
    >>> result = compare(
    ...     {
    ...         "logistic": DiVoteClassifier(LogisticRegression(), window=None),
    ...         "dummy": DiVoteClassifier(DummyClassifier(), window=None),
    ...     },
    ...     X, y, cv=5, progress=False,
    ... )
    >>> result.table(metrics=["accuracy"])["accuracy"].to_dict()
    {'logistic': '1.00 [0.84, 1.00]', 'dummy': '0.50 [0.30, 0.70]'}
    """
    pipelines = named_pipelines(pipelines)
    # All input is checked before hours of training.
    check_confidence(confidence)
    check_integer(n_resamples, "n_resamples", "compare")
    seed = check_random_state(random_state).randint(2**31 - 1)
    y = checked_labels(X, y)
    classes = np.unique(y)
    positive = positive_class(pos_label, classes, average)
    scores = Scoring(classes, average, positive, confidence, n_resamples, seed)
    splits = subject_splits(cv, X, y)
    diagnosed_unit(pipelines)
    fit = partial(run_fold, metrics=scorers_of(scoring), keep=return_estimator)
    for name, estimator in pipelines.items():
        refuse_pretrained(estimator, X, splits, name=name)
    tasks = [
        (name, estimator, X, y, fold, split)
        for fold, split in enumerate(splits)
        for name, estimator in pipelines.items()
    ]
    outcomes = []
    results = run_tasks(fit, tasks, n_jobs=n_jobs)
    bar = tqdm(results, total=len(tasks), desc="compare", unit="fit", disable=not progress)
    # The bar comes first: zip then exhausts and closes it.
    for result, (name, _, _, _, fold, _) in zip(bar, tasks):
        outcome = result if isinstance(result, Outcome) else killed_outcome(name, fold, result)
        outcomes.append(outcome)
        if outcome.error:
            warnings.warn(
                f"{name} failed in fold {fold}: {outcome.error}", FitFailedWarning, stacklevel=2
            )
    _refuse_failures(outcomes, list(pipelines), len(splits))
    return build_comparison(outcomes, list(pipelines), X, y, scores)


def _refuse_failures(outcomes: list[Outcome], names: list[str], n_folds: int) -> None:
    """Raise if every pipeline failed in all folds; warn of each that did."""
    first = {name: next(o for o in outcomes if o.pipeline == name) for name in names}
    done = {o.pipeline for o in outcomes if not o.error}
    failed = [name for name in names if name not in done]
    folds = "the only fold" if n_folds == 1 else f"all {n_folds} folds"
    reasons = "; ".join(f"{name!r}: {first[name].error}" for name in failed)
    if len(failed) == len(names):
        error = ValueError(f"Nothing to compare: every fit failed, in {folds}. {reasons}")
        error.add_note(first[names[0]].details)
        raise error
    if failed:
        warnings.warn(
            f"{counted(len(failed), 'pipeline')} of {len(names)} failed in {folds} and has no "
            f"result. {reasons}",
            FitFailedWarning,
            stacklevel=3,
        )


def build_comparison(
    outcomes: list[Outcome], names: list[str], X: pd.DataFrame, y: NDArray, scoring: Scoring
) -> Comparison:
    """Tables of finished runs.

    Parameters
    ----------
    outcomes : list of Outcome
        One for each pipeline and fold, failures included.
    names : list of str
        Names of the pipelines, in the order of the tables.
    X : DataFrame with a ``subject`` column
    y : ndarray of shape (n_rows,)
    scoring : Scoring

    Returns
    -------
    comparison : Comparison
    """
    # An array of objects, since a subject may be a tuple.
    names_of = pd.Series(list(dict.fromkeys(X["subject"])), dtype=object).to_numpy()
    fold_rows, diagnoses, matrices = [], [], []
    extra = list(dict.fromkeys(metric for o in outcomes for metric in o.scores))
    empty = dict.fromkeys([*ALL_METRICS, *extra], np.nan)
    for outcome in outcomes:
        measured = {
            "fit_seconds": outcome.fit_seconds,
            "predict_ms_per_recording": outcome.predict_ms,
            "peak_memory_mb": outcome.peak_memory_mb,
        }
        head = {"pipeline": outcome.pipeline, "fold": outcome.fold}
        if outcome.error:
            last = {"note": "", "error": outcome.error}
            fold_rows.append(
                {**head, "level": "subject", "n_cases": 0, **empty, **measured, **last}
            )
            continue
        for level in LEVELS:
            if level not in outcome.levels:
                continue
            cases = outcome.levels[level]
            values = {**empty, **scoring.fold_scores(cases)}
            values |= outcome.scores if level == "subject" else {}
            place = {**head, "level": level}
            last = {"note": scoring.reason(cases), "error": ""}
            fold_rows.append({**place, "n_cases": len(cases.y_true), **values, **measured, **last})
            matrices += _confusions(place, scoring.matrix(cases), scoring.classes)
        diagnoses.append(_diagnoses(head, outcome, names_of, scoring.classes))
    folds = pd.DataFrame(fold_rows)
    summary = [row for name in names for row in scoring.summarise(outcomes, name, folds)]
    unit = next((o.unit for o in outcomes if not o.error), "subject")
    columns = list(dict.fromkeys(["pipeline", "fold", "subject", unit, "y_true", "y_pred"]))
    predictions = pd.DataFrame(columns=columns)
    if diagnoses:
        predictions = pd.concat(diagnoses, ignore_index=True)
    return Comparison(
        folds,
        ReadableTable(summary),
        predictions,
        {(o.pipeline, o.fold): o.details for o in outcomes if o.error},
        scoring.classes,
        _chance_level(X, y, unit, predictions),
        scoring.confidence,
        unit,
        ReadableTable(
            [(o.pipeline, o.fold, *chosen) for o in outcomes for chosen in o.chosen],
            columns=["pipeline", "fold", "search", "parameter", "value"],
        ),
        pd.DataFrame(matrices, columns=["pipeline", "fold", "level", "y_true", "y_pred", "n"]),
        {(o.pipeline, o.fold): o.estimator for o in outcomes if o.estimator is not None},
    )


def _chance_level(X: pd.DataFrame, y: NDArray, unit: str, predictions: pd.DataFrame) -> float:
    """Fraction of the largest class among the diagnosed subjects or units."""
    if unit == "subject" or unit in X.columns:
        keys = X[list(dict.fromkeys(["subject", unit]))]
        labels = dict(zip(zip(*(keys[c] for c in keys)), y.tolist()))
    else:  # a step of the pipelines made the column
        keys = predictions[["subject", unit]]
        labels = dict(zip(zip(*(keys[c] for c in keys)), predictions["y_true"]))
    return float(pd.Series(list(labels.values())).value_counts(normalize=True).max())


def _confusions(
    place: dict[str, Any], matrix: NDArray[np.intp], classes: NDArray[Any]
) -> list[dict[str, Any]]:
    """One row per true and predicted class of a confusion matrix."""
    names = classes.tolist()
    return [
        {**place, "y_true": true, "y_pred": predicted, "n": int(matrix[i, j])}
        for i, true in enumerate(names)
        for j, predicted in enumerate(names)
    ]


def _diagnoses(
    head: dict[str, Any], outcome: Outcome, names: NDArray[Any], classes: NDArray[Any]
) -> pd.DataFrame:
    """One row per diagnosis of a fold."""
    level = outcome.levels["subject"]
    columns: dict[str, Any] = {**head, "subject": names[level.subject]}
    if level.unit is not None:
        columns[outcome.unit] = level.unit
    frame = pd.DataFrame({**columns, "y_true": level.y_true, "y_pred": level.y_pred})
    if level.proba is not None:
        frame[[f"probability_{c}" for c in classes]] = level.proba
    return frame
