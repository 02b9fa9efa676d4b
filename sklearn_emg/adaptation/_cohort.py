"""Tables, predictions and scores of the subjects of a new site."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils import check_random_state

from sklearn_emg._validation import check_one_per_row
from sklearn_emg.exceptions import RecordingWarning, SubjectLeakWarning
from sklearn_emg.metrics import SubjectPredictions, predict_subjects
from sklearn_emg.recordings import Subjects, has_subjects, warn_of_other_order

Statistic = Callable[[NDArray[np.bool_], NDArray[np.intp]], NDArray[np.floating]]


def without_diagnosis(X: pd.DataFrame, columns: set[str]) -> pd.DataFrame:
    """Remove ``group``, ``reference`` and `columns`, which reveal the healthy new subjects."""
    return X.drop(columns=["group", "reference", *columns], errors="ignore")


def checked_table(X: Any, y: Any, caller: str) -> tuple[Subjects, NDArray[Any]]:
    """Return the subjects of a table and the label of each subject.

    Raise ValueError if X has no ``subject`` column, if the numbers of rows and labels differ, or if
    a subject has two labels.
    """
    if not has_subjects(X):
        raise ValueError(f"{caller} needs a table with a 'subject' column.")
    values = check_one_per_row(y, len(X), caller)
    warn_of_other_order(X, y, "y")
    subjects = Subjects.of(X)
    labels = values[np.unique(subjects.codes, return_index=True)[1]]
    if (differs := np.flatnonzero(values != labels[subjects.codes])).size:
        name = subjects.names[subjects.codes[differs[0]]]
        raise ValueError(
            f"Subject {name!r} has two labels in y of {caller}. Give one label per subject."
        )
    return subjects, labels


def diagnoses(model: Any, X: pd.DataFrame, y: NDArray[Any]) -> SubjectPredictions:
    """Predict each subject once, without the warnings that are expected at a new site.

    These warnings are not needed, because the references are not test subjects and a site without
    references is pooled on purpose.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "SiteStandardizer got references", SubjectLeakWarning)
        warnings.filterwarnings("ignore", ".*new_site='pooled'", RecordingWarning)
        return predict_subjects(model, X, y)


def recalls(
    correct: NDArray[np.bool_], label: NDArray[np.intp], n_classes: int
) -> NDArray[np.floating]:
    """Compute the accuracy, the mean recall and the recall of each class over subjects.

    The recall of a class without subjects is NaN.
    """
    count = np.bincount(label, minlength=n_classes)
    right = np.bincount(label, weights=correct, minlength=n_classes)
    with np.errstate(invalid="ignore"):
        each = right / count
    mean = np.nanmean(each) if count.any() else np.nan
    return np.array([correct.mean() if len(correct) else np.nan, mean, *each])


def resampled(
    draws: list[tuple[NDArray[np.bool_], NDArray[np.intp]]],
    statistic: Statistic,
    n_resamples: int,
    confidence: float,
    random_state: Any,
) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Compute bootstrap intervals of scores that are averaged over draws.

    Each resample takes one draw at random and resamples its subjects within their classes.

    Parameters
    ----------
    draws : list of (correct, label)
        For each draw of local subjects, an array of shape (n_subjects, n_columns) that is True
        where a diagnosis is correct, and the class index of each subject, of shape (n_subjects,).
    statistic : callable
        Function ``statistic(correct, label)`` that returns an array of scores.
    n_resamples : int
        Number of bootstrap resamples.
    confidence : float
        Confidence level of the intervals.
    random_state : int or RandomState
        Seed of the bootstrap.

    Returns
    -------
    low, high : ndarray
        Bounds of each score, in the shape that `statistic` returns.
    """
    rng = check_random_state(random_state)
    values = []
    for _ in range(n_resamples):
        correct, label = draws[rng.randint(len(draws))]
        pools = [np.flatnonzero(label == k) for k in np.unique(label)]
        rows = np.concatenate([rng.choice(pool, size=len(pool)) for pool in pools])
        values.append(statistic(correct[rows], label[rows]))
    outside = (1 - confidence) / 2
    low, high = np.nanquantile(np.array(values), [outside, 1 - outside], axis=0)
    return low, high
