"""Prequential evaluation: a system is tested on each new subject before learning from it."""

from __future__ import annotations

import copy
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils import check_random_state

from sklearn_emg._tables import ReadableTable
from sklearn_emg._typing import Labels
from sklearn_emg._validation import check_integer, check_option
from sklearn_emg._warnings import warned_once
from sklearn_emg.adaptation._cohort import checked_table, diagnoses, without_diagnosis
from sklearn_emg.adaptation._diagnosis import AdaptiveDiagnosis
from sklearn_emg.exceptions import SubjectLeakWarning
from sklearn_emg.metrics import bootstrap_interval, check_confidence, wilson_interval
from sklearn_emg.recordings import warn_of_other_order

_CALLER = "prequential_score"


@dataclass(frozen=True)
class PrequentialScore:
    """Results of :func:`prequential_score`.

    Attributes
    ----------
    predictions : DataFrame
        One row per new ``subject``, in the order in which the subjects were diagnosed.
        ``n_learned`` is the number of new subjects that the system had learned from, ``y_true`` the
        label, ``y_pred`` the prediction, and ``y_frozen`` the prediction of the system that does
        not learn.
    summary : DataFrame
        Accuracy of the adapting and of the frozen system on the new subjects, with Wilson
        intervals, and the difference between them, with a bootstrap interval. If `old` was given,
        further rows contain the accuracy on the old subjects before and after learning and its
        change, which is negative if the system has forgotten something. The columns are ``value``,
        ``low``, ``high`` and ``n_subjects``.
    old : DataFrame
        ``accuracy`` on the old subjects by ``n_learned``. It is empty if there are no old subjects.
    model : AdaptiveDiagnosis
        The system after it has learned from all new subjects.
    confidence : float
        Confidence level of the intervals.
    """

    predictions: pd.DataFrame
    summary: pd.DataFrame
    old: pd.DataFrame
    model: AdaptiveDiagnosis
    confidence: float

    def curve(self) -> pd.DataFrame:
        """Compute the accuracy over the subjects so far.

        Returns
        -------
        curve : DataFrame
            One row per subject, indexed by the number of subjects so far. ``accuracy`` is the
            accuracy of the adapting system over all subjects up to and including this one, ``low``
            and ``high`` are its confidence limits, and ``frozen`` is the accuracy of the frozen
            system over the same subjects.
        """
        correct, frozen = (
            (self.predictions["y_true"] == self.predictions[column]).to_numpy()
            for column in ("y_pred", "y_frozen")
        )
        n = np.arange(1, len(correct) + 1)
        accuracy = np.cumsum(correct) / n
        bounds = [
            wilson_interval(a, int(k), confidence=self.confidence) for a, k in zip(accuracy, n)
        ]
        table = pd.DataFrame({"accuracy": accuracy, "frozen": np.cumsum(frozen) / n})
        table[["low", "high"]] = bounds
        return table.set_index(pd.Index(n, name="n_subjects"))

    def __repr__(self) -> str:
        head = "Prequential: each subject is diagnosed before the system learns from it"
        return f"{head}\n{self.summary.round(2)!r}"


@warned_once()
def prequential_score(
    model: AdaptiveDiagnosis,
    X: pd.DataFrame,
    y: Labels,
    *,
    old: tuple[pd.DataFrame, Labels] | None = None,
    batch: int = 1,
    order: str = "given",
    confidence: float = 0.95,
    n_resamples: int = 1000,
    random_state: Any = 0,
) -> PrequentialScore:
    """Test a system on each new subject before it learns from this subject.

    Parameters
    ----------
    model : AdaptiveDiagnosis
        System that is fitted or that wraps a frozen system. Only a copy of it learns. If it has a
        SiteStandardizer, new sites need ``calibrate`` or ``new_site="pooled"``.
    X : DataFrame
        New recordings, with a ``subject`` column.
    y : array-like of shape (n_rows,)
        Label of each row. All rows of a subject must have the same label.
    old : tuple (X, y), default=None
        Recordings and labels of source subjects that the system was not trained on. They are
        diagnosed before the first batch and after each batch to measure forgetting.
    batch : int, default=1
        Number of subjects that are diagnosed before the system learns from them together.
    order : {"given", "random"}, default="given"
        Order of the subjects. "given" is the order of their first rows, and "random" is a random
        order.
    confidence : float, default=0.95
        Confidence level of the intervals.
    n_resamples : int, default=1000
        Number of bootstrap resamples of subjects.
    random_state : int, RandomState instance or None, default=0
        Seed of the random order and of the bootstrap.

    Returns
    -------
    score : PrequentialScore
        Predictions, summary and the system after learning.

    Raises
    ------
    TypeError
        If `model` is not an AdaptiveDiagnosis.
    ValueError
        If X has no ``subject`` column, a subject has two labels, or the system does not know a
        label.

    Warns
    -----
    SubjectLeakWarning
        If the system was trained on subjects of X or `old`.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn_emg.adaptation import AdaptiveDiagnosis, prequential_score
    >>> from sklearn_emg.ensemble import DiVoteClassifier
    >>> rng = np.random.default_rng(0)
    >>> y = np.tile(["healthy", "myopathy"], 20)
    >>> rms = rng.normal(size=40) + 3 * (y == "myopathy")
    >>> X = pd.DataFrame({"rms": rms, "subject": range(40)})
    >>> new = X.assign(rms=rms + 3, subject=range(100, 140))  # another amplifier
    >>> divote = DiVoteClassifier(LogisticRegression(), window=None, final_estimator=None)
    >>> model = AdaptiveDiagnosis(divote, weight=5.0).fit(X, y)
    >>> score = prequential_score(model, new, y)
    >>> score.summary["value"].round(2).to_dict()
    {'adapting': 0.9, 'frozen': 0.52, 'difference': 0.38}
    """
    check_integer(batch, "batch", _CALLER)
    check_option(order, ("given", "random"), "order", _CALLER)
    check_confidence(confidence)
    if not isinstance(model, AdaptiveDiagnosis):
        raise TypeError(
            f"The model of prequential_score must be an AdaptiveDiagnosis. Got a "
            f"{type(model).__name__}: wrap it as AdaptiveDiagnosis(FrozenEstimator(model))."
        )
    subjects, _ = checked_table(X, y, _CALLER)
    labels, rng = np.asarray(y), check_random_state(random_state)
    sequence = np.arange(len(subjects.names))
    sequence = rng.permutation(sequence) if order == "random" else sequence
    learner = copy.deepcopy(model)
    rows = without_diagnosis(X, learner.reference_columns())
    frozen = diagnoses(learner, rows, labels)
    of_frozen = dict(zip(frozen.subject, frozen.y_pred))
    if old is not None:
        warn_of_other_order(old[0], old[1], "y", "X")
    found, on_old = [], []

    def test_old(n_learned: int) -> None:
        if old is not None:
            predicted = diagnoses(learner, old[0], np.asarray(old[1]))
            correct = predicted.y_pred == predicted.y_true
            on_old.append({"n_learned": n_learned, "correct": correct})

    test_old(0)
    with warnings.catch_warnings(action="ignore", category=SubjectLeakWarning):
        # The calls above have already warned of training subjects.
        for start in range(0, len(sequence), batch):
            now = np.isin(subjects.codes, sequence[start : start + batch])
            predicted = diagnoses(learner, rows[now], labels[now])
            place = {name: k for k, name in enumerate(predicted.subject)}
            for code in sequence[start : start + batch]:
                name = subjects.names[code]
                pair = predicted.y_true[place[name]], predicted.y_pred[place[name]]  # type: ignore[index]
                found.append((name, start, *pair, of_frozen[name]))
            learner.partial_fit(rows[now], labels[now])
            test_old(min(start + batch, len(sequence)))
    columns = ["subject", "n_learned", "y_true", "y_pred", "y_frozen"]
    predictions = pd.DataFrame(found, columns=columns)
    settings = {"confidence": confidence, "n_resamples": n_resamples}
    summary = _summary(predictions, on_old, settings, rng.randint(2**31 - 1))
    curve = [{"n_learned": e["n_learned"], "accuracy": e["correct"].mean()} for e in on_old]
    return PrequentialScore(predictions, summary, pd.DataFrame(curve), learner, confidence)


def _summary(
    predictions: pd.DataFrame, on_old: list[dict[str, Any]], settings: dict[str, Any], seed: int
) -> pd.DataFrame:
    correct = {
        name: (predictions["y_true"] == predictions[column]).to_numpy()
        for name, column in (("adapting", "y_pred"), ("frozen", "y_frozen"))
    }
    rows = _compared(correct, ("adapting", "frozen"), "difference", settings, seed)
    if on_old:
        ends = {"old, after": on_old[-1]["correct"], "old, before": on_old[0]["correct"]}
        rows |= _compared(ends, ("old, after", "old, before"), "old, change", settings, seed)
    return ReadableTable(pd.DataFrame.from_dict(rows, orient="index"))


def _compared(
    correct: dict[str, Any],
    names: tuple[str, str],
    difference: str,
    settings: dict[str, Any],
    seed: int,
) -> dict[str, dict[str, float]]:
    """Compute two accuracies on the same subjects and the difference between them."""
    n = len(correct[names[0]])
    rows = {}
    for name in names:
        value = float(np.mean(correct[name]))
        low, high = wilson_interval(value, n, confidence=settings["confidence"])
        rows[name] = {"value": value, "low": low, "high": high, "n_subjects": n}
    change = correct[names[0]].astype(float) - correct[names[1]]
    low, high = bootstrap_interval(
        lambda drawn: float(change[drawn].mean()), range(n), random_state=seed, **settings
    )
    rows[difference] = {"value": float(change.mean()), "low": low, "high": high, "n_subjects": n}
    return rows
