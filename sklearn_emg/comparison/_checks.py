"""Checks of what compare and the audit are given, before anything is fitted."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.multiclass import check_classification_targets

from sklearn_emg._typing import Labels
from sklearn_emg.model_selection import (
    Split,
    SubjectKFold,
    assert_no_shared_subject,
    labels_of_rows,
    splits_by_subject,
)


def named_pipelines(pipelines: Any) -> dict[str, Any]:
    if isinstance(pipelines, BaseEstimator):
        return {type(pipelines).__name__: pipelines}
    try:
        named = dict(pipelines)
    except (TypeError, ValueError) as error:
        raise TypeError(
            "The 'pipelines' of compare must be an estimator or a dict {'name': estimator}. "
            f"Got {type(pipelines).__name__} instead."
        ) from error
    if not named:
        raise ValueError("compare needs at least one pipeline, as {'name': estimator}.")
    for name, estimator in named.items():
        if isinstance(estimator, type) or not hasattr(estimator, "fit"):
            raise TypeError(
                f"Pipeline {name!r} of compare must be an unfitted estimator. Got {estimator!r}."
            )
    return {str(name): estimator for name, estimator in named.items()}


def checked_labels(X: Any, y: Labels) -> NDArray:
    y = labels_of_rows(y, len(X))
    check_classification_targets(y)
    if (y == y[:1]).all():
        raise ValueError(f"y has one class only, {y[:1].tolist()}: there is nothing to tell apart.")
    return y


def subject_splits(cv: Any, X: Any, y: NDArray, random_state: Any) -> list[Split]:
    if cv is None or isinstance(cv, (int, np.integer)):
        cv = SubjectKFold(5 if cv is None else int(cv), random_state=random_state)
    if isinstance(cv, str) or not (hasattr(cv, "split") or isinstance(cv, Iterable)):
        raise TypeError(
            "The 'cv' of compare must be a number of folds, a splitter such as SubjectKFold(5), or "
            f"an iterable of (train, test). Got {cv!r}."
        )
    if not hasattr(cv, "split"):
        splits = [(_rows(train), _rows(test)) for train, test in cv]
    else:
        splits = splits_by_subject(cv, X, y)
    if not splits:
        raise ValueError("The 'cv' of compare gives no split; a generator can be used only once.")
    for fold, (train, test) in enumerate(splits):
        if not (len(train) and len(test)):
            raise ValueError(f"Split {fold} of 'cv' has no rows for training or for the test.")
        assert_no_shared_subject(X, train, test)
    return splits


def _rows(chosen: Any) -> NDArray[np.intp]:
    """Row numbers of one side of a split, given as such or as a mask."""
    chosen = np.asarray(chosen)
    return np.flatnonzero(chosen) if chosen.dtype == bool else chosen.astype(np.intp)


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
