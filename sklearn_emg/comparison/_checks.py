"""Checks of the input of compare and of audits before anything is fitted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, is_regressor
from sklearn.utils.multiclass import check_classification_targets

from sklearn_emg._sklearn import BaseScorer
from sklearn_emg._typing import Labels
from sklearn_emg.ensemble import DiVote, refuse_unusable_labels, row_numbers
from sklearn_emg.metrics import (
    METRICS,
    NUMBER_METRICS,
    refuse_metric_function,
    subject_scorer,
)
from sklearn_emg.model_selection import (
    LeaveOneSiteOut,
    Split,
    SubjectKFold,
    assert_no_shared_subject,
    check_not_pretrained_on,
    labels_of_rows,
    splits_by_subject,
)
from sklearn_emg.recordings import Subjects, object_column, other_order


def named_pipelines(pipelines: Any) -> dict[str, Any]:
    if isinstance(pipelines, BaseEstimator):
        return {type(pipelines).__name__: pipelines}
    try:
        pairs = list(pipelines.items() if isinstance(pipelines, Mapping) else pipelines)
        named = {str(name): estimator for name, estimator in pairs}
    except (TypeError, ValueError) as error:
        raise TypeError(
            "The 'pipelines' of compare must be an estimator or a dict {'name': estimator}. "
            f"Got {type(pipelines).__name__} instead."
        ) from error
    if not named:
        raise ValueError("compare needs at least one pipeline, as {'name': estimator}.")
    if len(named) < len(pairs):
        repeated, _ = Counter(str(name) for name, _ in pairs).most_common(1)[0]
        raise ValueError(f"Two pipelines of compare are named {repeated!r}; rename one.")
    for name, estimator in named.items():
        if isinstance(estimator, type) or not hasattr(estimator, "fit"):
            raise TypeError(
                f"Pipeline {name!r} of compare must be an unfitted estimator. Got {estimator!r}."
            )
    return named


def check_one_pipeline(estimator: Any, caller: str) -> None:
    """Refuse objects other than estimators, such as the dict of pipelines that compare takes."""
    if isinstance(estimator, type) or not hasattr(estimator, "fit"):
        raise TypeError(
            f"{caller} takes one unfitted estimator; call it for each pipeline of a dict. Got "
            f"{estimator!r}."
        )


def task_of(pipelines: Mapping[str, Any]) -> str:
    """Return the common task of the pipelines, "classification" or "regression"."""
    numbers = {name: is_regressor(estimator) for name, estimator in pipelines.items()}
    if len(set(numbers.values())) > 1:
        raise ValueError(
            "compare takes either classifiers or regressors, but only these pipelines are "
            f"regressors: {[name for name, is_number in numbers.items() if is_number]}. "
            "Compare pipelines that predict the same target."
        )
    return "regression" if next(iter(numbers.values())) else "classification"


def _refuse_other_order(X: Any, y: Labels) -> None:
    if message := other_order(X, y, "y"):
        raise ValueError(message)


def checked_target(X: Any, y: Labels, task: str) -> NDArray:
    """Check the labels or numbers of the rows."""
    return _checked_numbers(X, y) if task == "regression" else checked_labels(X, y)


def _checked_numbers(X: Any, y: Labels) -> NDArray:
    _refuse_other_order(X, y)
    y = labels_of_rows(y, len(X))
    try:
        numbers = np.asarray(y, dtype=float)
    except (TypeError, ValueError) as error:
        raise ValueError(f"y must contain numbers for regressors. Got {y[:1].tolist()}.") from error
    if (bad := np.flatnonzero(~np.isfinite(numbers))).size:
        raise ValueError(f"y has {numbers[bad[0]]} in row {bad[0]}; it must be finite.")
    if (numbers == numbers[:1]).all():
        raise ValueError(f"All values of y are {numbers[0]:g}: there is nothing to predict.")
    return numbers


def checked_labels(X: Any, y: Labels) -> NDArray:
    _refuse_other_order(X, y)
    y = labels_of_rows(y, len(X))
    if not len(y):
        raise ValueError("X and y have no rows: there is nothing to classify.")
    refuse_unusable_labels(y, "compare")
    check_classification_targets(y)
    if (y == y[:1]).all():
        raise ValueError(f"y has only one class, {y[:1].tolist()}: there is nothing to classify.")
    return y


def subject_splits(
    cv: Any, X: Any, y: NDArray, subjects: Subjects | None = None, *, task: str
) -> list[Split]:
    """Return splits of the rows, none of which has a subject on both sides."""
    subjects = Subjects.of(X, subjects)
    cv = 5 if cv is None else cv
    if isinstance(cv, Integral):
        cv = subject_folds(int(cv), task)
    # The integers of a regression target are not classes that each site must have.
    numbers = isinstance(cv, LeaveOneSiteOut) and task == "regression"
    splits = _splits(cv, X, None if numbers else y, subjects)
    if not splits:
        raise ValueError("The 'cv' of compare gives no split; a generator can be used only once.")
    n = len(y)
    splits = [(row_numbers(a, n, "compare"), row_numbers(b, n, "compare")) for a, b in splits]
    for fold, (train, test) in enumerate(splits):
        if not (len(train) and len(test)):
            raise ValueError(f"Split {fold} of 'cv' has no rows for training or for testing.")
        if (again := np.flatnonzero(np.bincount(test) > 1)).size:
            raise ValueError(f"Split {fold} of 'cv' tests row {again[0]} more than once.")
        if not getattr(cv, "same_subjects", False):
            assert_no_shared_subject(X, train, test, subjects)
    return splits


def subject_folds(n_splits: int, task: str) -> SubjectKFold:
    """Return a splitter of subjects, stratified by class or by quantiles of numbers."""
    return SubjectKFold(n_splits, stratify="quantiles" if task == "regression" else "auto")


def _splits(cv: Any, X: Any, y: NDArray | None, subjects: Subjects) -> list[Split]:
    """Return the splits of a splitter or an iterable."""
    if hasattr(cv, "split") and not isinstance(cv, str):
        return splits_by_subject(cv, X, y, subjects)
    if isinstance(cv, str) or not isinstance(cv, Iterable):
        raise TypeError(
            "The 'cv' of compare must be a number of folds, a splitter such as SubjectKFold(5), or "
            f"an iterable of (train, test) pairs. Got {cv!r}."
        )
    return list(cv)


def refuse_pretrained(estimator: Any, X: Any, splits: Iterable[Split], *, name: str) -> None:
    """Raise an error if a part of the estimator was already fitted on a test subject."""
    subjects = object_column(Subjects.of(X).by_row)
    check_not_pretrained_on(
        estimator, [subjects.iloc[test].tolist() for _, test in splits], name=name
    )


def diagnosed_unit(pipelines: dict[str, Any]) -> str:
    """Return the common unit of the diagnoses: "subject", or the `unit` of DiVoteClassifiers."""
    units = {}
    for name, estimator in pipelines.items():
        found = find_divote(estimator)
        units[name] = "subject" if found is None else found[1].unit
    if not all(isinstance(unit, str) for unit in units.values()):
        raise TypeError(
            "The 'unit' of the pipelines of compare must be the name of one column; join several "
            f"columns in a new one. Got {units}."
        )
    if len(set(units.values())) > 1:
        raise ValueError(
            f"The pipelines of compare diagnose different units, {units}, so their scores cannot "
            "be compared. Compare pipelines with the same unit."
        )
    return next(iter(units.values()))


def find_divote(estimator: Any) -> tuple[str, DiVote] | None:
    """Find the DiVote estimator in a pipeline, and the prefix of its parameters."""
    if isinstance(estimator, DiVote):
        return "", estimator
    for name, value in estimator.get_params(deep=True).items():
        if isinstance(value, DiVote):
            return f"{name}__", value
    return None


def scorers_of(scoring: Any, task: str) -> dict[str, Callable[..., float]]:
    """Return the additional metrics by name, without those that are always measured."""
    named = _named_scorers(scoring)
    scorers = {name: _scorer(name, scorer) for name, scorer in named.items()}
    known = NUMBER_METRICS if task == "regression" else (*METRICS, "auroc")
    if clash := [name for name in known if name in named and named[name] != name]:
        raise ValueError(f"The 'scoring' of compare names {clash}, which compare measures itself.")
    return {name: scorer for name, scorer in scorers.items() if name not in known}


def _named_scorers(scoring: Any) -> dict[str, Any]:
    if scoring is None:
        return {}
    if isinstance(scoring, Mapping):
        return dict(scoring)
    if isinstance(scoring, str) or callable(scoring):
        scoring = [scoring]
    return {_name_of(scorer): scorer for scorer in scoring}


def _scorer(name: str, scorer: Any) -> Callable[..., float]:
    # A scorer made by make_scorer would score rows instead of diagnoses.
    if isinstance(scorer, str | BaseScorer):
        return subject_scorer(scorer)
    if callable(scorer):
        refuse_metric_function(scorer, f"The 'scoring' {name!r} of compare")
        return scorer
    raise TypeError(
        f"The 'scoring' of compare must contain names of metrics or scorers. Got {scorer!r} for "
        f"{name!r}."
    )


def refuse_scorers_of_rows(
    scorers: Mapping[str, Callable[..., float]], references: Mapping[Any, Any]
) -> None:
    """Raise an error if there are references, which are not scored, but a scorer scores rows."""
    of_rows = [name for name, scorer in scorers.items() if not hasattr(scorer, "score")]
    if of_rows and references:
        raise ValueError(
            f"The 'scoring' {of_rows[0]!r} of compare scores rows and would therefore also score "
            "the reference subjects of the sites. Use sklearn_emg.metrics.subject_scorer."
        )


def _name_of(scorer: Any) -> str:
    if isinstance(scorer, str):
        return scorer
    metric = getattr(scorer, "metric", None)  # of a subject_scorer
    return metric if isinstance(metric, str) else getattr(scorer, "__name__", repr(scorer))


def positive_class(pos_label: Any, classes: NDArray, average: str) -> int | None:
    if average not in ("macro", "weighted"):
        raise ValueError(f"The 'average' must be 'macro' or 'weighted'. Got {average!r}.")
    if pos_label is None:
        return None
    if len(classes) != 2 or pos_label not in classes.tolist():
        raise ValueError(
            f"The 'pos_label' must be one of two classes. Got {pos_label!r} for the classes "
            f"{classes.tolist()}."
        )
    return classes.tolist().index(pos_label)


def refuse_of_classifiers(**given: Any) -> None:
    """Raise an error for parameters of compare that have no effect for regressors."""
    for name, value in given.items():
        if value is not None and value is not False:
            raise ValueError(f"The {name!r} of compare is only for classifiers. Omit it.")
