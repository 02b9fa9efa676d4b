"""Calibration of probabilities, decision thresholds and prediction sets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.stats import norm

from sklearn_emg._tables import counted
from sklearn_emg._typing import Labels
from sklearn_emg.metrics._intervals import check_confidence, wilson_interval
from sklearn_emg.metrics._numbers import as_numbers
from sklearn_emg.metrics._subjects import predict_subjects
from sklearn_emg.recordings import refuse_missing_labels, warn_of_other_order


def _codes_and_proba(
    y_true: ArrayLike, y_proba: ArrayLike, classes: ArrayLike
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    labels = np.asarray(classes).tolist()
    warn_of_other_order(y_true, y_proba, "y_proba", "y_true")
    _refuse_other_columns(y_proba, labels, "y_proba")
    proba = np.asarray(y_proba, dtype=float)
    refuse_missing_labels(y_true)
    y = np.asarray(y_true).tolist()
    if proba.ndim != 2 or proba.shape != (len(y), len(labels)):
        raise ValueError(
            f"'y_proba' must have one row per label and one column per class, "
            f"{(len(y), len(labels))}. Got shape {proba.shape}."
        )
    _refuse_other_than_probabilities(proba, "y_proba")
    if unknown := sorted({repr(label) for label in y if label not in labels}):
        raise ValueError(f"'y_true' has labels that are not in 'classes' {labels}: {unknown}.")
    return np.array([labels.index(label) for label in y], dtype=np.intp), proba


def _refuse_other_columns(proba: ArrayLike, labels: list[Any], name: str) -> None:
    """Refuse a DataFrame whose columns are the classes in a different order."""
    columns = proba.columns.tolist() if isinstance(proba, pd.DataFrame) else labels
    if columns != labels and set(columns) == set(labels):
        raise ValueError(
            f"The columns of {name!r} are {columns}, but 'classes' are {labels}. Pass them in the "
            "same order."
        )


def _refuse_other_than_probabilities(proba: NDArray[np.float64], name: str) -> None:
    outside = ~((proba >= -1e-9) & (proba <= 1 + 1e-9))
    if outside.any():
        row, column = np.argwhere(outside)[0]
        raise ValueError(
            f"{name!r} must contain probabilities between 0 and 1. Row {row} has "
            f"{proba[row, column]:.4g}."
        )
    # Each probability may be rounded to two decimals.
    if (off := np.flatnonzero(abs(proba.sum(axis=1) - 1) > 0.005 * proba.shape[1] + 1e-9)).size:
        raise ValueError(
            f"The probabilities in each row of {name!r} must sum to 1. Those in row {off[0]} sum "
            f"to {proba[off[0]].sum():.4g}."
        )


def calibration_summary(
    y_true: ArrayLike, y_proba: ArrayLike, classes: ArrayLike, *, n_bins: int = 5
) -> dict[str, float]:
    """Compare predicted probabilities with observed frequencies.

    Parameters
    ----------
    y_true : array-like of shape (n_predictions,)
        True labels, usually one per subject.
    y_proba : array-like of shape (n_predictions, n_classes)
        Predicted probabilities.
    classes : array-like of shape (n_classes,)
        Labels of the columns of `y_proba`.
    n_bins : int, default=5
        Number of bins, with equal numbers of predictions, for the calibration error.

    Returns
    -------
    summary : dict
        Values of ``brier`` (mean squared error summed over classes, 0 to 2), ``log_loss`` (natural
        logarithm), ``confidence`` (mean highest probability), ``accuracy``, ``calibration_error``
        (mean absolute difference between confidence and accuracy over bins), and
        ``spiegelhalter_z`` with ``spiegelhalter_p``, a test of calibrated confidence (NaN if the
        highest probability of each prediction is 0.5 or 1).

    Raises
    ------
    ValueError
        If shapes or labels do not match, a value is not a probability, the probabilities of a row
        do not sum to 1, `n_bins` is below 1, or there are no predictions.

    Notes
    -----
    With few subjects, the binned error is positive even for perfectly calibrated
    probabilities; Spiegelhalter's test takes the number of predictions into account [1]_. With
    confidence c, and r = 1 for a correct and 0 for a wrong prediction, its statistic is z = A /
    sqrt(B), where A = sum (r - c)(1 - 2c) and B = sum (1 - 2c)² c (1 - c).

    References
    ----------
    .. [1] D. J. Spiegelhalter, "Probabilistic prediction in patient management and clinical
       trials", Stat. Med. 5 (1986) 421-433.

    Examples
    --------
    >>> from sklearn_emg.metrics import calibration_summary
    >>> proba = [[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.4, 0.6]]
    >>> summary = calibration_summary(["a", "a", "b", "a"], proba, ["a", "b"], n_bins=1)
    >>> round(summary["brier"], 3), round(summary["calibration_error"], 3)
    (0.25, 0.0)
    """
    codes, proba = _codes_and_proba(y_true, y_proba, classes)
    if n_bins < 1:
        raise ValueError(f"'n_bins' must be >= 1. Got {n_bins!r}.")
    if not len(codes):
        raise ValueError("calibration_summary needs at least one prediction.")
    hit = np.zeros_like(proba)
    hit[np.arange(len(codes)), codes] = 1.0
    confidence = proba.max(axis=1)
    right = (proba.argmax(axis=1) == codes).astype(float)
    order = np.argsort(confidence, kind="stable")
    bins = [b for b in np.array_split(order, min(n_bins, len(codes))) if b.size]
    error = sum(abs(right[b].mean() - confidence[b].mean()) * b.size for b in bins) / len(codes)
    weight = 1 - 2 * confidence
    variance = float(np.sum(weight**2 * confidence * (1 - confidence)))
    z = float(np.sum((right - confidence) * weight) / np.sqrt(variance)) if variance > 0 else np.nan
    likelihood = np.clip(proba[np.arange(len(codes)), codes], np.finfo(float).eps, None)
    return {
        "brier": float(np.mean(np.sum((proba - hit) ** 2, axis=1))),
        "log_loss": float(-np.mean(np.log(likelihood))),
        "confidence": float(confidence.mean()),
        "accuracy": float(right.mean()),
        "calibration_error": float(error),
        "spiegelhalter_z": z,
        "spiegelhalter_p": float(2 * norm.sf(abs(z))),
    }


@dataclass(frozen=True)
class Threshold:
    """Decision threshold, with its sensitivity and specificity on the subjects used to choose it.

    Attributes
    ----------
    value : float
        A subject is classified as positive if its score is at least this value.
    sensitivity, specificity : float
        Fractions of the subjects of the positive class and of the other classes that are classified
        correctly.
    sensitivity_interval, specificity_interval : tuple of float
        Wilson intervals over the subjects.
    """

    value: float
    sensitivity: float
    specificity: float
    sensitivity_interval: tuple[float, float]
    specificity_interval: tuple[float, float]


def threshold_for_sensitivity(
    y_true: ArrayLike,
    score: ArrayLike,
    *,
    pos_label: Any,
    sensitivity: float = 0.95,
    confidence: float = 0.95,
    guaranteed: bool = False,
) -> Threshold:
    """Find the highest threshold that reaches a required sensitivity.

    Parameters
    ----------
    y_true : array-like of shape (n_predictions,)
        True labels, one per subject. The scores must come from out-of-fold predictions or
        validation subjects, never from the test set.
    score : array-like of shape (n_predictions,)
        Scores; a higher score means that the positive class is more likely.
    pos_label : label
        Label of the positive class.
    sensitivity : float, default=0.95
        Required sensitivity.
    confidence : float, default=0.95
        Confidence level of the intervals.
    guaranteed : bool, default=False
        Whether the lower end of the interval, rather than the observed fraction, must reach
        `sensitivity`.

    Returns
    -------
    threshold : Threshold
        Threshold with its sensitivity and specificity.

    Raises
    ------
    ValueError
        If a class is missing, a score is not finite, or no threshold suffices (with few patients,
        the lower end cannot reach high values).

    Examples
    --------
    >>> from sklearn_emg.metrics import threshold_for_sensitivity
    >>> y = ["ill"] * 4 + ["well"] * 3
    >>> score = [0.9, 0.8, 0.4, 0.3, 0.5, 0.2, 0.1]
    >>> found = threshold_for_sensitivity(y, score, pos_label="ill", sensitivity=0.75)
    >>> found.value, found.sensitivity, round(found.specificity, 2)
    (0.4, 0.75, 0.67)
    """
    check_confidence(confidence)
    if not 0 < sensitivity <= 1:
        raise ValueError(f"'sensitivity' must lie in (0, 1]. Got {sensitivity!r}.")
    warn_of_other_order(y_true, score, "score", "y_true")
    refuse_missing_labels(y_true)
    positive = np.array([label == pos_label for label in np.asarray(y_true).tolist()], dtype=bool)
    score = as_numbers(score, "score")
    if score.shape != positive.shape or not np.isfinite(score).all():
        raise ValueError(
            f"'score' must have one finite number per subject, {len(positive)} of them. Got shape "
            f"{score.shape}."
        )
    n_positive, n_negative = int(positive.sum()), int((~positive).sum())
    if not n_positive or not n_negative:
        raise ValueError(
            f"threshold_for_sensitivity needs both classes; {pos_label!r} has {n_positive} of "
            f"{counted(len(positive), 'subject')}."
        )
    for value in np.unique(score[positive])[::-1]:
        found = float(np.mean(score[positive] >= value))
        interval = wilson_interval(found, n_positive, confidence=confidence)
        reached = interval[0] if guaranteed else found
        if reached >= sensitivity - 1e-12:
            rejected = float(np.mean(score[~positive] < value))
            return Threshold(
                float(value),
                found,
                rejected,
                interval,
                wilson_interval(rejected, n_negative, confidence=confidence),
            )
    raise ValueError(
        f"With {counted(n_positive, 'subject')} of {pos_label!r}, no threshold guarantees a "
        f"sensitivity of {sensitivity:g}: even if all are found, the lower end of the interval is "
        f"{interval[0]:.2f}. Lower 'sensitivity' or 'confidence', or measure more patients."
    )


def conformal_sets(
    y_calibration: Labels,
    proba_calibration: ArrayLike,
    proba: ArrayLike,
    classes: ArrayLike,
    *,
    coverage: float = 0.9,
    by_class: bool = False,
) -> NDArray[np.bool_]:
    """Compute sets of classes that contain the true class with a guaranteed probability.

    In split conformal prediction, the set of a new subject contains each class whose probability
    reaches a limit. This limit is a low quantile of the probabilities of the true classes of the
    calibration subjects.

    Parameters
    ----------
    y_calibration : array-like of shape (n_calibration,)
        True classes of subjects on which the model was not trained. One prediction per subject is
        required: several predictions of one subject are not exchangeable with the prediction of a
        new subject.
    proba_calibration : array-like of shape (n_calibration, n_classes)
        Predicted probabilities of these subjects.
    proba : array-like of shape (n_predictions, n_classes)
        Predicted probabilities of new subjects.
    classes : array-like of shape (n_classes,)
        Labels of the columns of the probabilities.
    coverage : float, default=0.9
        Required probability that a set contains the true class.
    by_class : bool, default=False
        Whether to guarantee the coverage within each class, not only on average; this needs more
        subjects.

    Returns
    -------
    sets : ndarray of bool of shape (n_predictions, n_classes)
        Whether each class is in the set of each subject. If there are too few calibration subjects
        for the coverage, every set contains all classes. With `by_class`, every set contains each
        class that has too few calibration subjects.

    Raises
    ------
    ValueError
        If shapes or labels do not match, a value is not a probability, the probabilities of a row
        do not sum to 1, or `coverage` is out of range.

    Notes
    -----
    With n calibration scores s = 1 - p(true class), a class is in the set if 1 - p is
    at most the k-th smallest score, where k = ceil((n + 1) coverage); if k > n, all classes are in
    the set. With `by_class`, n counts the calibration subjects of the class. Over draws of
    calibration and new subjects, the probability that a set contains the true class is at least
    `coverage` and, without ties, below coverage + 1/(n + 1) [1]_. A set can be empty.

    References
    ----------
    .. [1] V. Vovk, A. Gammerman, G. Shafer, "Algorithmic Learning in a Random World", Springer,
       2005; J. Lei et al., "Distribution-free predictive inference for regression", J. Am. Stat.
       Assoc. 113 (2018) 1094-1111, theorem 2.

    Examples
    --------
    >>> from sklearn_emg.metrics import conformal_sets
    >>> calibration = [[0.9, 0.1], [0.2, 0.8], [0.7, 0.3], [0.4, 0.6]]
    >>> conformal_sets(["a", "b", "a", "b"], calibration, [[0.65, 0.35], [0.5, 0.5]], ["a", "b"],
    ...                coverage=0.8)
    array([[ True, False],
           [False, False]])
    """
    if not 0 < coverage < 1:
        raise ValueError(f"'coverage' must lie between 0 and 1. Got {coverage!r}.")
    codes, calibration = _codes_and_proba(y_calibration, proba_calibration, classes)
    n_classes = calibration.shape[1]
    new = np.asarray(proba, dtype=float)
    if new.ndim != 2 or new.shape[1] != n_classes:
        raise ValueError(f"'proba' must have {n_classes} columns. Got shape {new.shape}.")
    _refuse_other_columns(proba, np.asarray(classes).tolist(), "proba")
    _refuse_other_than_probabilities(new, "proba")
    own = 1 - calibration[np.arange(len(codes)), codes]
    limits = np.array(
        [_limit(own[codes == k] if by_class else own, coverage) for k in range(n_classes)]
    )
    return 1 - new <= limits


def conformal_intervals(
    residuals: ArrayLike, predictions: ArrayLike, *, coverage: float = 0.9
) -> NDArray[np.float64]:
    """Compute intervals that contain the true value with a guaranteed probability.

    Parameters
    ----------
    residuals : array-like of shape (n_calibration,)
        Difference between true and predicted value, or its absolute value, for subjects on which
        the model was not trained; one per subject.
    predictions : array-like of shape (n_predictions,)
        Predictions of new subjects.
    coverage : float, default=0.9
        Required probability that an interval contains the true value.

    Returns
    -------
    intervals : ndarray of shape (n_predictions, 2)
        Lower and upper ends; infinite if there are too few calibration subjects for the coverage.

    Raises
    ------
    ValueError
        If there are no residuals, a residual is not finite, or `coverage` is out of range.

    Notes
    -----
    The half-width is the k-th smallest of n absolute residuals, where k = ceil((n + 1) coverage),
    as in :func:`conformal_sets`.

    Examples
    --------
    >>> from sklearn_emg.metrics import conformal_intervals
    >>> conformal_intervals([0.5, -1.0, 2.0, -0.1], [10.0, 20.0], coverage=0.6)
    array([[ 9., 11.],
           [19., 21.]])
    """
    if not 0 < coverage < 1:
        raise ValueError(f"'coverage' must lie between 0 and 1. Got {coverage!r}.")
    errors = np.abs(np.asarray(residuals, dtype=float))
    if errors.ndim != 1 or not errors.size or not np.isfinite(errors).all():
        raise ValueError(
            "'residuals' must be a 1-D array of finite numbers, one per subject, and not be "
            f"empty. Got shape {errors.shape}."
        )
    half = _limit(errors, coverage)
    centre = np.asarray(predictions, dtype=float)
    return np.column_stack([centre - half, centre + half])


def _limit(scores: NDArray[np.floating], coverage: float) -> float:
    # The tolerance prevents an integer (n + 1) * coverage from being rounded up.
    k = int(np.ceil((len(scores) + 1) * coverage - 1e-9))
    return np.inf if k > len(scores) else float(np.sort(scores)[max(k, 1) - 1])


def conformal_subjects(
    estimator: Any,
    X_calibration: Any,
    y_calibration: Labels,
    X: Any,
    *,
    coverage: float = 0.9,
    by_class: bool = False,
) -> pd.DataFrame:
    """Compute prediction sets or intervals for subjects, using calibration subjects.

    Parameters
    ----------
    estimator : fitted classifier or regressor
        A classifier with ``predict_proba``, or a regressor, fitted on other subjects.
    X_calibration : DataFrame with a ``subject`` column
        Table of calibration subjects.
    y_calibration : array-like of shape (n_rows,)
        True labels or numbers of the calibration subjects.
    X : DataFrame with a ``subject`` column
        Table of new subjects.
    coverage : float, default=0.9
        Required coverage; see :func:`conformal_sets`.
    by_class : bool, default=False
        Whether to guarantee the coverage within each class; for classifiers only.

    Returns
    -------
    sets : DataFrame
        Table indexed by subject. For a classifier, it has a bool column per class and the column
        ``set``, which lists the classes in the set as text. For a regressor, the columns are
        ``prediction``, ``low`` and ``high`` (see :func:`conformal_intervals`).

    Raises
    ------
    ValueError
        If a subject is in both tables, the classifier has no ``predict_proba``, `by_class` is True
        for a regressor, or `coverage` is out of range.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn_emg.ensemble import DiVoteClassifier
    >>> from sklearn_emg.metrics import conformal_subjects
    >>> y = np.array(["ill", "well"] * 20)
    >>> X = pd.DataFrame({"rms": 3.0 * (y == "ill") + np.sin(range(40)), "subject": range(40)})
    >>> model = DiVoteClassifier(LogisticRegression(), window=None).fit(X[:20], y[:20])
    >>> conformal_subjects(model, X[20:38], y[20:38], X[38:])["set"].to_dict()
    {38: 'ill', 39: 'well'}
    """
    shared = set(X_calibration["subject"]) & set(X["subject"])
    if shared:
        raise ValueError(
            "conformal_subjects needs calibration subjects that are not among the new ones, but "
            f"{counted(len(shared), 'subject')} (such as {next(iter(shared))!r}) "
            f"{'is' if len(shared) == 1 else 'are'} in both tables."
        )
    known = predict_subjects(estimator, X_calibration, y_calibration)
    new = predict_subjects(estimator, X)
    if known.are_numbers:
        if by_class:
            raise ValueError("by_class=True of conformal_subjects is for classifiers only.")
        residuals = cast("NDArray[Any]", known.y_true) - known.y_pred
        intervals = conformal_intervals(residuals, new.y_pred, coverage=coverage)
        return pd.DataFrame(
            {"prediction": new.y_pred, "low": intervals[:, 0], "high": intervals[:, 1]},
            index=pd.Index(new.subject, name="subject"),
        )
    if known.y_proba is None or new.y_proba is None:
        raise ValueError(
            f"conformal_subjects needs probabilities, but {type(estimator).__name__} has no "
            "predict_proba. Calibrate it with CalibratedClassifierCV."
        )
    y_true = cast("NDArray[Any]", known.y_true)  # it is None only without y
    sets = conformal_sets(
        y_true, known.y_proba, new.y_proba, known.classes, coverage=coverage, by_class=by_class
    )
    frame = pd.DataFrame(
        sets, index=pd.Index(new.subject, name="subject"), columns=list(known.classes)
    )
    frame["set"] = [", ".join(str(c) for c, x in zip(known.classes, row) if x) for row in sets]
    return frame
