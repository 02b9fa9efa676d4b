"""Compare pipelines on the same subjects, split by subject."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.exceptions import FitFailedWarning
from sklearn.utils import check_random_state
from tqdm.auto import tqdm

from sklearn_emg._typing import Labels
from sklearn_emg.comparison._checks import (
    checked_labels,
    named_pipelines,
    positive_class,
    subject_splits,
)
from sklearn_emg.comparison._results import Comparison
from sklearn_emg.comparison._runs import LEVELS, Level, Outcome, run_fold
from sklearn_emg.comparison._scores import ALL_METRICS, Scoring
from sklearn_emg.metrics import check_confidence


def compare(
    pipelines: Mapping[str, Any] | BaseEstimator,
    X: pd.DataFrame,
    y: Labels,
    *,
    cv: Any = 5,
    average: str = "macro",
    pos_label: Any = None,
    confidence: float = 0.95,
    n_resamples: int = 1000,
    n_jobs: int | None = None,
    progress: bool = True,
    random_state: Any = 0,
) -> Comparison:
    """Compare pipelines on the same subjects, split by subject.

    Every pipeline is fitted and tested on the same folds. A pipeline that fails in a fold loses
    that fold, not the results of the others.

    Parameters
    ----------
    pipelines : dict of str to estimator
        Classifiers of recording tables or feature tables, such as
        :class:`~sklearn_emg.ensemble.DiVoteClassifier`.
    X : DataFrame
        Table with a ``subject`` column.
    y : array-like of shape (n_rows,)
        Label of each row, one per subject.
    cv : int, None, splitter or iterable of (train, test), default=5
        An int is ``SubjectKFold(cv, random_state=random_state)``, None that with 5. The group
        splitters of scikit-learn get the subjects as groups. A split with a subject on both sides
        is refused.
    average : {"macro", "weighted"}, default="macro"
        How one-vs-rest F1, precision, sensitivity, specificity and AUROC are averaged over
        classes.
    pos_label : label, default=None
        With two classes: give these for this class alone.
    confidence : float, default=0.95
        Of the intervals.
    n_resamples : int, default=1000
        Bootstrap resamples; at most 200 for the AUROC.
    n_jobs : int, default=None
        Jobs over pipelines and folds. Times and memory are those of a job among others.
    progress : bool, default=True
        Show a progress bar.
    random_state : int or RandomState instance, default=0
        For the folds of an int `cv` and the bootstrap. Pipelines have their own.

    Returns
    -------
    comparison : Comparison
        ``folds``, ``summary``, ``predictions``, ``errors``; printing it shows the subject level.

    Raises
    ------
    ValueError
        If X has no subjects, y lacks labels, a class has too few subjects for the folds, a split
        leaks, or a parameter is out of range.
    TypeError
        If a pipeline is no estimator, or `cv` no way to split.

    Warns
    -----
    FitFailedWarning
        If a pipeline fails in a fold; the message is also in ``folds["error"]``.

    Notes
    -----
    Intervals are over subjects: Wilson's for the subject-level accuracy, otherwise percentiles of
    a bootstrap that draws subjects with all their cases. They hold the fitted models fixed and say
    nothing of the choice of folds. The AUROC is the mean over folds, since scores of different
    models do not share a scale; it is missing where a test set lacks a class, and its interval
    redraws subjects within fold and class. Where no resample moves a value (all subjects right,
    say) no interval is given, but for the accuracy. Answers that are no labels of y, or
    probabilities that do not sum to 1, count as a failure; a class without training rows has
    probability 0. Peak memory is the growth of the resident set of the process while fitting and
    predicting, sampled every 5 ms.

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
    ...         "largest class": DiVoteClassifier(DummyClassifier(), window=None),
    ...     },
    ...     X, y, cv=5, progress=False,
    ... )
    >>> result.table(metrics=["accuracy"])["accuracy"].to_dict()
    {'logistic': '1.00 [0.84, 1.00]', 'largest class': '0.50 [0.30, 0.70]'}
    """
    pipelines = named_pipelines(pipelines)
    # All that can be refused is, before hours of training.
    check_confidence(confidence)
    if not isinstance(n_resamples, (int, np.integer)) or n_resamples < 1:
        raise ValueError(
            f"The 'n_resamples' of compare must be an int >= 1. Got {n_resamples!r} instead."
        )
    seed = check_random_state(random_state).randint(2**31 - 1)
    y = checked_labels(X, y)
    classes = np.unique(y)
    positive = positive_class(pos_label, classes, average)
    scoring = Scoring(classes, average, positive, confidence, n_resamples, seed)
    splits = subject_splits(cv, X, y, random_state)
    tasks = [
        (name, estimator, fold, split)
        for fold, split in enumerate(splits)
        for name, estimator in pipelines.items()
    ]
    results = Parallel(n_jobs=n_jobs, return_as="generator")(
        delayed(run_fold)(name, estimator, X, y, fold, split)
        for name, estimator, fold, split in tasks
    )
    outcomes = []
    for outcome in tqdm(
        results, total=len(tasks), desc="compare", unit="fit", disable=not progress
    ):
        outcomes.append(outcome)
        if outcome.error:
            warnings.warn(
                f"{outcome.pipeline} failed in fold {outcome.fold}: {outcome.error}",
                FitFailedWarning,
                stacklevel=2,
            )
    return build_comparison(outcomes, list(pipelines), X, y, scoring)


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
    # Of objects one by one: a subject may be a tuple.
    names_of = pd.Series(list(dict.fromkeys(X["subject"])), dtype=object).to_numpy()
    fold_rows, people = [], []
    for outcome in outcomes:
        measured = {
            "fit_seconds": outcome.fit_seconds,
            "predict_ms_per_recording": outcome.predict_ms,
            "peak_memory_mb": outcome.peak_memory_mb,
            "error": outcome.error,
        }
        head = {"pipeline": outcome.pipeline, "fold": outcome.fold}
        if outcome.error:
            empty = dict.fromkeys(ALL_METRICS, np.nan)
            fold_rows.append({**head, "level": "subject", "n_cases": 0, **empty, **measured})
            continue
        for level in LEVELS:
            if level not in outcome.levels:
                continue
            cases = outcome.levels[level]
            scores = scoring.fold_scores(cases)
            n_cases = len(cases.y_true)
            fold_rows.append({**head, "level": level, "n_cases": n_cases, **scores, **measured})
        people.append(_people(head, outcome.levels["subject"], names_of, scoring.classes))
    folds = pd.DataFrame(fold_rows)
    summary = pd.DataFrame(
        [row for name in names for row in scoring.summarise(outcomes, name, folds)]
    )
    predictions = (
        pd.concat(people, ignore_index=True)
        if people
        else pd.DataFrame(columns=["pipeline", "fold", "subject", "y_true", "y_pred"])
    )
    label_of = dict(zip(X["subject"], y))
    chance = float(pd.Series(list(label_of.values())).value_counts(normalize=True).max())
    errors = {(o.pipeline, o.fold): o.details for o in outcomes if o.error}
    return Comparison(
        folds, summary, predictions, errors, scoring.classes, chance, scoring.confidence
    )


def _people(
    head: dict[str, Any], level: Level, names: NDArray[Any], classes: NDArray[Any]
) -> pd.DataFrame:
    frame = pd.DataFrame(
        {"subject": names[level.subject], "y_true": level.y_true, "y_pred": level.y_pred}
    )
    if level.proba is not None:
        frame[[f"probability_{c}" for c in classes]] = level.proba
    for name, value in reversed(head.items()):
        frame.insert(0, name, value)
    return frame
