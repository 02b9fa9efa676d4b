"""Scores in which each subject counts once."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, is_regressor
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.metrics import confusion_matrix, get_scorer, get_scorer_names, roc_auc_score
from sklearn.utils import column_or_1d

from sklearn_emg._typing import Labels
from sklearn_emg._validation import check_option, did_you_mean
from sklearn_emg._warnings import warn
from sklearn_emg.exceptions import RecordingWarning, SubjectLeakWarning
from sklearn_emg.metrics._confusion import METRICS, confusion_measures
from sklearn_emg.metrics._numbers import ERRORS, NUMBER_METRICS, regression_measures
from sklearn_emg.recordings import (
    identities_learned,
    mean_by_code,
    refuse_missing_labels,
    subject_names,
    subjects_of,
    subjects_of_steps,
    warn_of_known_subjects,
    warn_of_other_order,
)


@dataclass(frozen=True)
class SubjectPredictions:
    """One prediction per subject.

    Attributes
    ----------
    subject : ndarray of shape (n_subjects,)
        Names of the subjects.
    y_true : ndarray of shape (n_subjects,) or None
        True labels or numbers, if they are known.
    y_pred : ndarray of shape (n_subjects,)
        Predicted labels or numbers.
    y_proba : ndarray of shape (n_subjects, n_classes) or None
        Probabilities in the order of `classes`.
    classes : ndarray of shape (n_classes,)
        Sorted class labels; empty for a regressor.
    """

    subject: NDArray[Any]
    y_true: NDArray[Any] | None
    y_pred: NDArray[Any]
    y_proba: NDArray[np.floating] | None
    classes: NDArray[Any]

    @property
    def are_numbers(self) -> bool:
        """Whether the predictions are those of a regressor."""
        return not len(self.classes)


def _label_of_subjects(y: Labels, codes: NDArray[np.intp], names: NDArray[Any]) -> NDArray[Any]:
    refuse_missing_labels(y)
    y = column_or_1d(y)
    labels = y[np.unique(codes, return_index=True)[1]]
    if (differs := np.flatnonzero(y != labels[codes])).size:
        k = codes[differs[0]]
        two = [labels[[k]].tolist()[0], y[differs[:1]].tolist()[0]]
        raise ValueError(
            f"Subject {names[k]!r} has the labels {two[0]!r} and {two[1]!r}; a score that counts "
            "subjects needs one label per subject. Score rows instead, or correct y. If y was "
            "permuted, permute it by subject, as sklearn_emg.comparison.subject_permutation_test "
            "does."
        )
    return labels


def predict_subjects(
    estimator: Any, X: Any, y: Labels | None = None, *, groups: Labels | None = None
) -> SubjectPredictions:
    """Predict rows and aggregate the predictions into one per subject.

    If all rows of a subject have the same predicted label, as with DiVoteClassifier, this label is
    the prediction for the subject. Otherwise, the prediction is the class with the highest mean
    probability over the rows or, without probabilities, the most frequent label (if several are
    equally frequent, the first in the order of the classes). The numbers that a regressor predicts
    for the rows of a subject are averaged.

    Parameters
    ----------
    estimator : fitted classifier or regressor
        Estimator that predicts the rows.
    X : DataFrame with a ``subject`` column, or array-like together with `groups`
        Rows to predict.
    y : array-like of shape (n_rows,), default=None
        True labels or numbers, which must be the same for all rows of a subject.
    groups : array-like of shape (n_rows,), default=None
        Subject of each row; by default, the ``subject`` column of X.

    Returns
    -------
    predictions : SubjectPredictions
        Predictions, one per subject.

    Raises
    ------
    ValueError
        If the subjects are not known, a label is missing, or a subject has two labels.

    Warns
    -----
    SubjectLeakWarning
        If the estimator was trained on any of the subjects, as far as it or one of its steps stores
        them.
    UserWarning
        If `y` has a label that is not one of the classes of the estimator.
    RecordingWarning
        If the estimator was trained on a column that reveals the subject or the label, names of
        subjects look like spellings of one name, or the index of `y` or `groups` has a different
        order from that of X.

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
    if message := identities_learned(estimator, X, y):
        warn(message, RecordingWarning)
    if known := subjects_of_steps(estimator):
        warn_of_known_subjects(known, subject_names(X, groups) or (), type(estimator).__name__)
    if is_regressor(estimator):
        return subjects_from_rows(X, y, estimator.predict(X), None, np.array([]), groups=groups)
    proba = estimator.predict_proba(X) if hasattr(estimator, "predict_proba") else None
    with warnings.catch_warnings():
        if proba is not None:  # predict_proba has already warned
            warnings.simplefilter("ignore", SubjectLeakWarning)
        y_rows = estimator.predict(X)
    return subjects_from_rows(X, y, y_rows, proba, np.asarray(estimator.classes_), groups=groups)


def subjects_from_rows(
    X: Any,
    y: Labels | None,
    y_rows: Labels,
    proba_rows: ArrayLike | None,
    classes: NDArray[Any],
    *,
    groups: Labels | None = None,
) -> SubjectPredictions:
    """Aggregate predictions of rows to one per subject, as `predict_subjects` does.

    Parameters
    ----------
    X : DataFrame with a ``subject`` column, or array-like together with `groups`
        Rows that were predicted.
    y : array-like of shape (n_rows,) or None
        True labels or numbers.
    y_rows : array-like of shape (n_rows,)
        Predicted labels or numbers.
    proba_rows : array-like of shape (n_rows, n_classes) or None
        Predicted probabilities.
    classes : ndarray of shape (n_classes,)
        Class labels; empty if the predictions are numbers.
    groups : array-like of shape (n_rows,), default=None
        Subject of each row; by default, the ``subject`` column of X.

    Returns
    -------
    predictions : SubjectPredictions
        Predictions, one per subject.
    """
    codes = subjects_of(X, groups)
    warn_of_other_order(X, y, "y")
    # An array of objects, because NumPy would turn names that are tuples into two dimensions.
    names = pd.Series(list(X["subject"] if groups is None else groups), dtype=object).to_numpy()
    first = np.unique(codes, return_index=True)[1]
    names = names[first]
    y_true = None if y is None else _label_of_subjects(y, codes, names)
    y_rows = np.asarray(y_rows)
    if not len(classes):
        numbers = np.asarray(y_rows, dtype=float).reshape(len(codes), -1)
        means = mean_by_code(numbers, codes, len(first))[:, 0]
        return SubjectPredictions(names, y_true, means, None, classes)
    proba = None
    if proba_rows is not None:
        proba = mean_by_code(np.asarray(proba_rows, dtype=float), codes, len(first))
    if y_true is not None:
        _warn_of_unknown_labels(y_true, classes)
    y_pred = y_rows[first]
    split = np.unique(codes[y_rows != y_pred[codes]])  # subjects whose rows differ
    if split.size:
        scores = _counts(y_rows, codes, classes) if proba is None else proba
        y_pred[split] = classes[np.argmax(scores[split], axis=1)]
    return SubjectPredictions(names, y_true, y_pred, proba, classes)


def _counts(y_rows: NDArray[Any], codes: NDArray[np.intp], classes: NDArray[Any]) -> NDArray:
    """Count how often each class was predicted for each subject."""
    of_class = y_rows[:, np.newaxis] == classes
    if (unknown := np.flatnonzero(~of_class.any(axis=1))).size:
        raise ValueError(
            f"The estimator predicts {y_rows[unknown].tolist()[0]!r}, which is not one of its "
            f"classes, {classes.tolist()}."
        )
    counts = np.zeros((codes.max() + 1, len(classes)))
    np.add.at(counts, codes, of_class)
    return counts


def _warn_of_unknown_labels(y_true: NDArray[Any], classes: NDArray[Any]) -> None:
    known = set(classes.tolist())
    if unknown := [label for label in dict.fromkeys(y_true.tolist()) if label not in known]:
        warn(
            f"y has the label {unknown[0]!r}, but the estimator was trained on the classes "
            f"{classes.tolist()}. It cannot predict other labels, so these subjects count as "
            "errors.",
            UserWarning,
        )


def _as_binary(predictions: SubjectPredictions) -> SubjectPredictions:
    """Replace two classes of text by 0 and 1, as the measures of one class take 1 as positive."""
    classes = predictions.classes
    y_true = cast("NDArray[Any]", predictions.y_true)
    if len(classes) != 2 or classes.dtype.kind in "biuf" or not np.isin(y_true, classes).all():
        return predictions
    return replace(
        predictions,
        y_true=(y_true == classes[1]).astype(int),
        y_pred=(predictions.y_pred == classes[1]).astype(int),
        classes=np.array([0, 1]),
    )


class _SubjectView(ClassifierMixin, BaseEstimator):
    """Predictions in the form of a classifier, for the scorers of scikit-learn."""

    def __init__(self, predictions: SubjectPredictions):
        self.predictions = predictions
        self.classes_ = predictions.classes

    def predict(self, X: NDArray[np.intp]) -> NDArray[Any]:
        return self.predictions.y_pred[np.ravel(X)]

    def predict_proba(self, X: NDArray[np.intp]) -> NDArray[np.floating]:
        if self.predictions.y_proba is None:
            raise ValueError(_NO_PROBABILITIES)
        return self.predictions.y_proba[np.ravel(X)]


class _NumberView(RegressorMixin, BaseEstimator):
    """Predicted numbers in the form of a regressor, for the scorers of scikit-learn."""

    def __init__(self, predictions: SubjectPredictions):
        self.predictions = predictions

    def predict(self, X: NDArray[np.intp]) -> NDArray[Any]:
        return self.predictions.y_pred[np.ravel(X)]


_NO_PROBABILITIES = "The estimator has no predict_proba, which this metric needs."
# scikit-learn's names for the measures of `compare`.
_SAME = {"recall": "sensitivity", "roc_auc": "auroc", "matthews_corrcoef": "mcc"}


def _auroc(
    y_true: NDArray[Any], predictions: SubjectPredictions, average: str, pos_label: Any
) -> float:
    if predictions.y_proba is None:
        raise ValueError(_NO_PROBABILITIES)
    classes = predictions.classes
    if missing := [c for c in classes.tolist() if c not in y_true.tolist()]:
        warn(
            f"The AUROC is NaN: no subject has the class {missing[0]!r}. Test sets need "
            "each class: use fewer folds.",
            UndefinedMetricWarning,
        )
        return float("nan")
    if len(classes) == 2:
        k = 1 if pos_label is None else classes.tolist().index(pos_label)
        return float(roc_auc_score(y_true == classes[k], predictions.y_proba[:, k]))
    return float(
        roc_auc_score(
            y_true, predictions.y_proba, multi_class="ovr", average=average, labels=classes
        )
    )


def _number_measure(predictions: SubjectPredictions, metric: str) -> float:
    """Compute one of the measures of numbers; errors are negated, so that higher is better."""
    _check_kind(metric, NUMBER_METRICS, "numbers", "regressor")
    value = regression_measures(cast("NDArray[Any]", predictions.y_true), predictions.y_pred)[
        metric
    ]
    return -value if metric in ERRORS else value


def _check_kind(metric: str, known: Sequence[str], target: str, predictor: str) -> None:
    if metric not in known:
        raise ValueError(
            f"subject_scorer({metric!r}) does not score the {target} that a {predictor} predicts. "
            f"Use one of {', '.join(known)}."
        )


def _label_measure(
    predictions: SubjectPredictions, metric: str, average: str, pos_label: Any
) -> float:
    """Compute one of the measures of labels."""
    _check_kind(metric, (*METRICS, "auroc"), "labels", "classifier")
    y_true = cast("NDArray[Any]", predictions.y_true)
    classes = predictions.classes.tolist()
    if pos_label is not None and (len(classes) != 2 or pos_label not in classes):
        raise ValueError(
            f"The 'pos_label' of subject_scorer must be one of two classes. Got {pos_label!r} for "
            f"the classes {classes}."
        )
    if metric == "auroc":
        return _auroc(y_true, predictions, average, pos_label)
    if metric == "specificity" and len(set(y_true.tolist())) < 2:
        warn(
            f"The specificity is NaN: all subjects have the class {y_true[:1].tolist()[0]!r}.",
            UndefinedMetricWarning,
        )
        return float("nan")
    seen = {*y_true.tolist(), *predictions.y_pred.tolist()}
    positive = None
    if pos_label is not None:
        positive = classes.index(pos_label)
    else:  # as in scikit-learn, classes that do not occur are left out
        classes = [c for c in classes if c in seen]
    labels = [*classes, *sorted(seen - set(classes), key=str)]
    matrix = _confusion(y_true, predictions.y_pred, labels)
    return float(confusion_measures(matrix, average=average, positive=positive)[metric])


def _confusion(y_true: NDArray[Any], y_pred: NDArray[Any], labels: list[Any]) -> NDArray[Any]:
    if len(labels) == 1:  # scikit-learn would warn
        return np.array([[len(y_true)]])
    return confusion_matrix(y_true, y_pred, labels=labels)


def refuse_metric_function(scorer: Callable[..., Any], name: str) -> None:
    """Raise an error if a scorer cannot be called with an estimator, X and y.

    Parameters
    ----------
    scorer : callable
        Scorer given by the user, instead of which a function of true and predicted labels, such as
        :func:`sklearn.metrics.accuracy_score`, may have been passed.
    name : str
        Description of the scorer, with which the message begins.

    Raises
    ------
    TypeError
        If the scorer is not callable or does not take three arguments.
    """
    if not callable(scorer):
        raise TypeError(f"{name} must be the name of one metric or one scorer. Got {scorer!r}.")
    try:
        signature = inspect.signature(scorer)
    except (TypeError, ValueError):  # a callable without a signature
        return
    try:
        signature.bind(None, None, None)
        first = next(iter(signature.parameters), "")
        if first.startswith("y_") or first == "y":
            raise TypeError(f"its first parameter is {first!r} instead of an estimator")
    except TypeError as error:
        function = getattr(scorer, "__name__", repr(scorer))
        raise TypeError(
            f"{name} must be a name or a scorer that is called with an estimator, X and y, but "
            f"{function} takes other arguments. Convert a function of true and predicted labels "
            f"with sklearn.metrics.make_scorer({function})."
        ) from error


class _SubjectScorer:
    """Callable ``scorer(estimator, X, y)``; it is a class so that it can be pickled."""

    def __init__(self, metric: str | Callable[..., float], average: str, pos_label: Any):
        check_option(average, ("macro", "weighted"), "average", "subject_scorer")
        self.metric = metric
        self.average = average
        self.pos_label = pos_label
        self.own: str | None = None
        self.scorer: Callable[..., float] | None = None
        if not isinstance(metric, str):
            refuse_metric_function(metric, "The 'metric' of subject_scorer")
            self.scorer = metric
        elif _SAME.get(metric, metric) in (*METRICS, "auroc", *NUMBER_METRICS):
            self.own = _SAME.get(metric, metric)
        elif metric in get_scorer_names():
            self.scorer = get_scorer(metric)
        else:
            names = (*METRICS, "auroc", *NUMBER_METRICS, *get_scorer_names())
            raise ValueError(
                f"subject_scorer knows no metric {metric!r}.{did_you_mean(metric, names)} It "
                f"accepts {', '.join((*METRICS, 'auroc', *NUMBER_METRICS))}, the names from "
                "sklearn.metrics.get_scorer_names(), and scorers."
            )
        if self.own is None and (average != "macro" or pos_label is not None):
            raise ValueError(
                "The 'average' and 'pos_label' of subject_scorer are used only for its own "
                f"measures ({', '.join((*METRICS, 'auroc'))}). For other metrics, choose a scorer "
                "with these settings: 'f1_weighted', or make_scorer(f1_score, pos_label=...)."
            )

    def __call__(self, estimator: Any, X: Any, y: Labels) -> float:
        return self.score(predict_subjects(estimator, X, y))

    def score(self, predictions: SubjectPredictions) -> float:
        """Compute the value of the metric from one prediction per subject."""
        if self.own is not None:
            if predictions.are_numbers:
                return _number_measure(predictions, self.own)
            return _label_measure(predictions, self.own, self.average, self.pos_label)
        if isinstance(self.metric, str) and not predictions.are_numbers:
            predictions = _as_binary(predictions)
        view = (_NumberView if predictions.are_numbers else _SubjectView)(predictions)
        rows = np.arange(len(predictions.subject))[:, None]
        return cast("Callable[..., float]", self.scorer)(view, rows, predictions.y_true)

    def __repr__(self) -> str:
        return f"subject_scorer({self.metric!r})"


def subject_scorer(
    metric: str | Callable[..., float] = "balanced_accuracy",
    *,
    average: str = "macro",
    pos_label: Any = None,
) -> Callable[[Any, Any, Labels], float]:
    """Make a scorer that counts each subject once.

    Parameters
    ----------
    metric : str or callable, default="balanced_accuracy"
        Name of a measure of :func:`~sklearn_emg.comparison.compare`, any other name from
        :func:`sklearn.metrics.get_scorer_names`, such as "f1_weighted" or "neg_log_loss", or a
        scorer made with :func:`sklearn.metrics.make_scorer` that reads labels or probabilities. The
        measures for two or more classes are accuracy, balanced_accuracy, f1, precision, sensitivity
        (or recall), specificity, mcc and auroc (or roc_auc). Those for regressors are r2, spearman,
        concordance, ccc, rmse and mae (see :func:`regression_measures`); rmse and mae are negated,
        so that a search finds the lowest error.
    average : {"macro", "weighted"}, default="macro"
        How the one-vs-rest values of f1, precision, sensitivity, specificity and auroc are averaged
        over classes, even over two: with equal weights or weighted by class size. In scikit-learn,
        "f1", "precision" and "recall" are those of one class, which `pos_label` selects here.
    pos_label : label, default=None
        With two classes, label of the class for which the measures that depend on `average` are
        computed. scikit-learn's measures of one class, such as "jaccard" or "average_precision",
        are those of class 1, or of the second of two classes of text.

    Returns
    -------
    scorer : callable
        Function ``scorer(estimator, X, y)`` for the parameter `scoring` of scikit-learn's searches
        and cross-validation. X needs a ``subject`` column.

    Raises
    ------
    TypeError
        If the metric is a function of true and predicted labels instead of a scorer.
    ValueError
        If the metric is not known, if `average` or `pos_label` is given for a metric of
        scikit-learn, or if, when the scorer is called, X has no subjects, a subject has two labels,
        the metric is not for the task of the estimator, the metric needs probabilities that the
        estimator does not compute, or `pos_label` is not one of two classes.

    Warns
    -----
    UndefinedMetricWarning
        If the AUROC is NaN because no subject has one of the classes, or the specificity is NaN
        because all subjects have the same class.
    SubjectLeakWarning, RecordingWarning
        In the same cases as :func:`predict_subjects`. With scikit-learn's default scores, a
        classifier that gets no subjects is scored on training subjects without a warning. Here, the
        steps before the classifier are asked for their training subjects.

    See Also
    --------
    predict_subjects : Aggregate rows to one prediction per subject.
    sklearn_emg.comparison.subject_permutation_test : Test a score against chance.

    Notes
    -----
    :func:`sklearn.model_selection.permutation_test_score` permutes the labels of rows, or within
    subjects if they are given as `groups`; neither is a test over subjects.

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
    return _SubjectScorer(metric, average, pos_label)
