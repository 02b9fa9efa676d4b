"""Scores in which each subject counts once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.metrics import get_scorer

from sklearn_emg._typing import Labels
from sklearn_emg.recordings import mean_by_code, subjects_of


@dataclass(frozen=True)
class SubjectPredictions:
    """One prediction per subject.

    Attributes
    ----------
    subject : ndarray of shape (n_subjects,)
    y_true : ndarray of shape (n_subjects,) or None
    y_pred : ndarray of shape (n_subjects,)
    y_proba : ndarray of shape (n_subjects, n_classes) or None
        In the order of `classes`.
    classes : ndarray of shape (n_classes,)
    """

    subject: NDArray[Any]
    y_true: NDArray[Any] | None
    y_pred: NDArray[Any]
    y_proba: NDArray[np.floating] | None
    classes: NDArray[Any]


def _label_of_subjects(y: Labels, codes: NDArray[np.intp], names: NDArray[Any]) -> NDArray[Any]:
    y = np.asarray(y)
    labels = y[np.unique(codes, return_index=True)[1]]
    if (differs := np.flatnonzero(y != labels[codes])).size:
        k = codes[differs[0]]
        two = [labels[[k]].tolist()[0], y[differs[:1]].tolist()[0]]
        raise ValueError(
            f"Subject {names[k]!r} has the labels {two[0]!r} and {two[1]!r}; a score "
            "that counts subjects needs one label each. Score rows instead, or correct y."
        )
    return labels


def predict_subjects(
    estimator: Any, X: Any, y: Labels | None = None, *, groups: Labels | None = None
) -> SubjectPredictions:
    """Predict rows and bring them down to one prediction per subject.

    An estimator that answers by subject, such as DiVoteClassifier, is taken at its word. Otherwise
    the subject's label is the class with the highest mean probability over its rows or, without
    probabilities, its most frequent label (the first of equals in the order of the classes).

    Parameters
    ----------
    estimator : fitted classifier
    X : DataFrame with a ``subject`` column, or array-like together with `groups`
    y : array-like of shape (n_rows,), default=None
        True labels, one and the same for all rows of a subject.
    groups : array-like of shape (n_rows,), default=None
        Subjects of the rows, for an X that does not bring them.

    Returns
    -------
    predictions : SubjectPredictions

    Raises
    ------
    ValueError
        If X does not say whose rows they are, or a subject has two labels.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.dummy import DummyClassifier
    >>> from sklearn_emg.metrics import predict_subjects
    >>> X, y = np.zeros((4, 1)), ["ill", "ill", "well", "well"]
    >>> model = DummyClassifier(strategy="constant", constant="ill").fit(X, y)
    >>> predict_subjects(model, X, y, groups=["a", "a", "b", "b"]).y_pred.tolist()
    ['ill', 'ill']
    """
    proba = estimator.predict_proba(X) if hasattr(estimator, "predict_proba") else None
    return subjects_from_rows(
        X, y, estimator.predict(X), proba, np.asarray(estimator.classes_), groups=groups
    )


def subjects_from_rows(
    X: Any,
    y: Labels | None,
    y_rows: Labels,
    proba_rows: ArrayLike | None,
    classes: NDArray[Any],
    *,
    groups: Labels | None = None,
) -> SubjectPredictions:
    """Bring predictions of rows down to one per subject, as `predict_subjects` does.

    Parameters
    ----------
    X : DataFrame with a ``subject`` column, or array-like together with `groups`
    y : array-like of shape (n_rows,) or None
        True labels.
    y_rows : array-like of shape (n_rows,)
        Predicted labels.
    proba_rows : array-like of shape (n_rows, n_classes) or None
        Predicted probabilities.
    classes : ndarray of shape (n_classes,)
    groups : array-like of shape (n_rows,), default=None

    Returns
    -------
    predictions : SubjectPredictions
    """
    codes = subjects_of(X, groups)
    # One by one: NumPy would make two dimensions of names that are tuples.
    names = pd.Series(list(X["subject"] if groups is None else groups), dtype=object).to_numpy()
    first = np.unique(codes, return_index=True)[1]
    names = names[first]
    y_true = None if y is None else _label_of_subjects(y, codes, names)
    y_rows = np.asarray(y_rows)
    proba = None
    if proba_rows is not None:
        proba = mean_by_code(np.asarray(proba_rows, dtype=float), codes, len(first))
    y_pred = y_rows[first]
    split = np.unique(codes[y_rows != y_pred[codes]])  # subjects whose rows differ
    if split.size:
        if proba is not None:
            best = np.argmax(proba[split], axis=1)
        else:
            counts = np.zeros((len(first), len(classes)))
            np.add.at(counts, (codes, np.searchsorted(classes, y_rows)), 1)
            best = np.argmax(counts[split], axis=1)
        y_pred[split] = classes[best]
    return SubjectPredictions(names, y_true, y_pred, proba, classes)


class _SubjectView(ClassifierMixin, BaseEstimator):
    """Predictions dressed as a classifier, so that any scorer of scikit-learn can read them."""

    def __init__(self, predictions: SubjectPredictions):
        self.predictions = predictions
        self.classes_ = predictions.classes

    def predict(self, X: NDArray[np.intp]) -> NDArray[Any]:
        return self.predictions.y_pred[np.ravel(X)]

    def predict_proba(self, X: NDArray[np.intp]) -> NDArray[np.floating]:
        if self.predictions.y_proba is None:
            raise AttributeError("The estimator has no predict_proba, which this metric needs.")
        return self.predictions.y_proba[np.ravel(X)]


class _SubjectScorer:
    """Callable ``scorer(estimator, X, y)``; a class, so that it pickles and has a repr."""

    def __init__(self, metric: str | Callable[..., float]):
        self.metric = metric
        self.scorer = get_scorer(metric) if isinstance(metric, str) else metric

    def __call__(self, estimator: Any, X: Any, y: Labels) -> float:
        predictions = predict_subjects(estimator, X, y)
        view = _SubjectView(predictions)
        return self.scorer(view, np.arange(len(predictions.subject))[:, None], predictions.y_true)

    def __repr__(self) -> str:
        return f"subject_scorer({self.metric!r})"


def subject_scorer(
    metric: str | Callable[..., float] = "balanced_accuracy",
) -> Callable[[Any, Any, Labels], float]:
    """Make a scorer that counts each subject once.

    Parameters
    ----------
    metric : str or callable, default="balanced_accuracy"
        A name from :func:`sklearn.metrics.get_scorer_names`, or a scorer made with
        :func:`sklearn.metrics.make_scorer`, that reads labels or probabilities.

    Returns
    -------
    scorer : callable
        ``scorer(estimator, X, y)``, for ``scoring=`` of scikit-learn's searches and validation. X
        needs a ``subject`` column.

    Raises
    ------
    ValueError
        If the metric is not known; when called, if X has no subjects or a subject two labels.

    See Also
    --------
    predict_subjects : How rows become one prediction per subject.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn.dummy import DummyClassifier
    >>> from sklearn_emg.metrics import subject_scorer
    >>> X = pd.DataFrame({"subject": ["a"] * 9 + ["b"], "rms": 0.0})
    >>> y = ["ill"] * 9 + ["well"]
    >>> model = DummyClassifier(strategy="most_frequent").fit(X, y)
    >>> model.score(X, y), subject_scorer("accuracy")(model, X, y)
    (0.9, 0.5)
    """
    return _SubjectScorer(metric)
