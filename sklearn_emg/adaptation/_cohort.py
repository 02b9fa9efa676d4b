"""Subjects of a new site: tables without columns that reveal the diagnosis, draws, scores."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils import check_random_state

from sklearn_emg._tables import counted
from sklearn_emg.exceptions import RecordingWarning, SubjectLeakWarning
from sklearn_emg.metrics import SubjectPredictions, predict_subjects
from sklearn_emg.recordings import Subjects

Statistic = Callable[[NDArray[np.bool_], NDArray[np.intp]], NDArray[np.floating]]


def without_diagnosis(X: pd.DataFrame, columns: set[str]) -> pd.DataFrame:
    """Table of new subjects without the columns that reveal which of them are healthy.

    Parameters
    ----------
    X : DataFrame
    columns : set of str
        Further columns that mark references.

    Returns
    -------
    X : DataFrame
    """
    return X.drop(columns=["group", "reference", *columns], errors="ignore")


def checked_table(X: Any, y: Any, caller: str) -> tuple[Subjects, NDArray[Any]]:
    """Subjects of a table, and their labels, one per subject.

    Parameters
    ----------
    X : DataFrame with a ``subject`` column
    y : array-like of shape (n_rows,)
    caller : str
        Function named in messages.

    Returns
    -------
    subjects : Subjects
    labels : ndarray of shape (n_subjects,)

    Raises
    ------
    ValueError
        If X names no subjects, or a subject has two labels.
    """
    if not isinstance(X, pd.DataFrame) or "subject" not in X.columns:
        raise ValueError(f"{caller} needs a table with a 'subject' column.")
    values = np.asarray(y)
    if len(values) != len(X):
        raise ValueError(
            f"{caller} got {counted(len(values), 'label')} for {counted(len(X), 'row')}."
        )
    subjects = Subjects.of(X)
    labels = values[np.unique(subjects.codes, return_index=True)[1]]
    if (differs := np.flatnonzero(values != labels[subjects.codes])).size:
        name = subjects.names[subjects.codes[differs[0]]]
        raise ValueError(f"Subject {name!r} has two labels in y of {caller}; it needs one.")
    return subjects, labels


def diagnoses(model: Any, X: pd.DataFrame, y: NDArray[Any]) -> SubjectPredictions:
    """Predict each subject once, without warnings about what is intended here.

    The references of a new site are not tested, and a site without references is pooled.

    Parameters
    ----------
    model : fitted estimator
    X : DataFrame with a ``subject`` column
    y : ndarray of shape (n_rows,)

    Returns
    -------
    predictions : SubjectPredictions
    """
    with warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", ".*given to SiteStandardizer are references", SubjectLeakWarning
        )
        warnings.filterwarnings("ignore", ".*new_site='pooled'", RecordingWarning)
        return predict_subjects(model, X, y)


def recalls(
    correct: NDArray[np.bool_], label: NDArray[np.intp], n_classes: int
) -> NDArray[np.floating]:
    """Accuracy, mean recall and recall of each class; NaN for classes without subjects.

    Parameters
    ----------
    correct : ndarray of bool of shape (n_subjects,)
    label : ndarray of int of shape (n_subjects,)
        Code of the true class.
    n_classes : int

    Returns
    -------
    scores : ndarray of shape (2 + n_classes,)
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
    """Bootstrap interval of a mean over draws: a draw, and subjects within its classes.

    Parameters
    ----------
    draws : list of (correct, label)
        For each draw of local subjects, the columns of correct diagnoses, of shape
        (n_subjects, n_columns), and the class of each subject of shape (n_subjects,).
    statistic : callable
        ``statistic(correct, label)`` gives an array of scores.
    n_resamples : int
    confidence : float
    random_state : int or RandomState

    Returns
    -------
    low, high : ndarray
        Bounds of each score.
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
