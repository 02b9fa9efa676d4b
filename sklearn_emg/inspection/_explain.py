"""Explain one subject's diagnosis: muscles, recordings and windows, each left out in turn."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from sklearn_emg._sklearn import Interval, validate_params
from sklearn_emg.ensemble import DiVoteClassifier
from sklearn_emg.recordings import mean_by_code


@dataclass(frozen=True)
class SubjectExplanation:
    """Result of :func:`explain_subject`.

    A contribution is the probability of ``target`` less the probability that is left when this part
    is not there: above 0 it speaks for the class, below 0 against it.

    Attributes
    ----------
    subject : object
        Whose diagnosis is explained.
    diagnosis : label
        What the classifier says.
    target : label
        Class that is explained.
    probabilities : Series
        Probability of each class.
    muscles : DataFrame
        One row per value of the column `muscle`, largest contribution first: ``n_recordings``,
        ``score`` (mean of its recordings' scores of the class), ``contribution``. None where the
        table has no such column.
    recordings : DataFrame
        One row per recording, in the order and with the index of the table: its ``muscle`` (if
        known), ``n_windows``, ``score`` (NaN without windows) and ``contribution``.
    windows : DataFrame
        One row per window, in order: ``row`` (position in ``recordings``), ``start`` (s, where
        recordings were cut), ``score`` and ``contribution``.
    decisive : ndarray of shape (n_decisive,)
        Positions in ``windows`` of those with the largest contributions, largest first; of windows
        that overlap only the one with the largest.
    decisive_signals : list of ndarray
        These windows as the window classifier gets them: samples in mV, or feature values.
    duration : float
        Length of a window in seconds; NaN where rows were not cut into windows.
    """

    subject: Any
    diagnosis: Any
    target: Any
    probabilities: pd.Series
    muscles: pd.DataFrame | None
    recordings: pd.DataFrame
    windows: pd.DataFrame
    decisive: NDArray[np.intp]
    decisive_signals: list[NDArray[np.floating]]
    duration: float


@validate_params(
    {
        "X": [pd.DataFrame],
        "muscle": [str],
        "n_decisive": [Interval(Integral, 1, None, closed="left")],
    },
    prefer_skip_nested_validation=True,
)
def explain_subject(
    estimator: Any,
    X: pd.DataFrame,
    subject: Any,
    *,
    target: Any = None,
    muscle: str = "muscle",
    n_decisive: int = 3,
) -> SubjectExplanation:
    """Tell which muscles, recordings and windows drove a subject's diagnosis.

    Each of them is left out in turn, and the final classifier judges the subject by the rest.

    Parameters
    ----------
    estimator : fitted estimator
        A :class:`~sklearn_emg.ensemble.DiVoteClassifier` whose final classifier gives
        probabilities, a Pipeline that ends with one, or a search over either.
    X : DataFrame
        Table with the subject's recordings; others are not looked at.
    subject : object
        One of the values in the column ``subject``.
    target : label, default=None
        Class to explain, by default the diagnosis.
    muscle : str, default="muscle"
        Column whose values are left out together: "muscle", "region", "side" ...
    n_decisive : int, default=3
        Number of windows whose signals are given.

    Returns
    -------
    explanation : SubjectExplanation
        Tables of muscles, recordings and windows with their contributions.

    Raises
    ------
    ValueError
        If the subject or the class is unknown, there are no probabilities, or the subject gets
        several diagnoses (a DiVoteClassifier with another `unit`): give the rows of one.
    TypeError
        If there is no DiVoteClassifier at the end of `estimator`.

    See Also
    --------
    SubjectExplanationDisplay : Draws it.

    Notes
    -----
    Nothing is fitted or scored anew: windows keep their scores, a recording is the mean of those
    windows that are left, and a kind of recordings (`by`) of which none is left counts with
    1/n_classes, as in prediction. Contributions do not sum to the probability: recordings that say
    the same stand in for each other.

    Contributions tell what moved this model. They are evidence about the disease only as far as
    the model is right.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn_emg.ensemble import DiVoteClassifier
    >>> from sklearn_emg.feature_extraction import TimeDomainFeatures
    >>> from sklearn_emg.inspection import explain_subject
    >>> from sklearn_emg.recordings import recording_table
    >>> rng = np.random.default_rng(0)
    >>> loud = np.array([1, 1, 1, 1, 1, 3, 1, 3])  # of each patient one muscle is affected
    >>> table = recording_table(
    ...     [a * rng.normal(size=500) for a in loud], fs=1000.0, subject=list("aabbccdd"),
    ...     muscle=["biceps", "tibialis"] * 4,
    ... )
    >>> y = np.repeat(["control", "patient"], 4)
    >>> rms = make_pipeline(TimeDomainFeatures(["rms"]), LogisticRegression())
    >>> divote = DiVoteClassifier(rms, window=0.1).fit(table, y)
    >>> explain_subject(divote, table, "d", target="patient").muscles.index.tolist()
    ['tibialis', 'biceps']
    """
    divote, rows_of = _rows_of_subject(estimator, X, subject)
    rows, _ = divote._check(rows_of, reset=False)
    if len(rows.unit_index) != 1:
        raise ValueError(
            f"Subject {subject!r} gets {len(rows.unit_index)} diagnoses, one for each "
            f"{divote.unit!r}: {rows.unit_index.tolist()}. Give the rows of one of them."
        )
    verdict = divote._judge(rows)
    if verdict.proba is None:
        raise ValueError(
            "explain_subject needs probabilities of the diagnosis, but "
            f"{type(divote.final_estimator_).__name__} has no predict_proba. Use another "
            "'final_estimator', or None for simple averaging."
        )
    diagnosis = verdict.diagnosis[0]
    target = diagnosis if target is None else target
    known = divote.classes_.tolist()
    if target not in known:
        raise ValueError(
            f"The 'target' of explain_subject must be one of the classes {known}. Got {target!r} "
            "instead."
        )
    node = known.index(target)
    whole = float(verdict.proba[0, node])
    judge = _LeaveOut(divote, rows, verdict.rows, node, whole)

    recordings = pd.DataFrame(index=rows.index)
    if muscle in rows_of.columns:
        recordings[muscle] = rows_of[muscle].to_numpy()
    recordings["n_windows"] = np.bincount(rows.row, minlength=rows.n_rows)
    recordings["score"] = verdict.rows[:, node]
    recordings["contribution"] = judge.without_rows([k] for k in range(rows.n_rows))

    windows = pd.DataFrame({"row": rows.row})
    cut = rows.start is not None
    if cut:
        windows["start"] = rows.start
    windows["score"] = verdict.windows[:, node]
    windows["contribution"] = judge.without_windows(verdict.windows)
    duration = rows.X.shape[-1] / float(rows_of["fs"].iloc[0]) if cut else float("nan")
    decisive = _decisive(windows, n_decisive, duration)
    signals = [np.asarray(_take(rows.X, k)) for k in decisive]
    return SubjectExplanation(
        subject,
        diagnosis,
        target,
        pd.Series(verdict.proba[0], index=divote.classes_, name="probability"),
        _by_muscle(recordings, muscle, judge) if muscle in rows_of.columns else None,
        recordings,
        windows,
        decisive,
        signals,
        duration,
    )


def _rows_of_subject(
    estimator: Any, X: pd.DataFrame, subject: Any
) -> tuple[DiVoteClassifier, pd.DataFrame]:
    """The vote at the end of an estimator, and the subject's rows as they reach it."""
    if "subject" not in X.columns:
        raise ValueError("explain_subject needs a table with a 'subject' column.")
    mine = (X["subject"] == subject).to_numpy()
    if not mine.any():
        some = list(dict.fromkeys(X["subject"]))[:5]
        raise ValueError(
            f"The table has no subject {subject!r}; it has {', '.join(map(repr, some))} ..."
        )
    table = X[mine]
    found = estimator
    while not isinstance(found, DiVoteClassifier):
        if hasattr(found, "best_estimator_"):
            found = found.best_estimator_
        elif isinstance(found, Pipeline):
            head, found = found[:-1], found.steps[-1][1]
            table = head.transform(table) if len(head) else table
        else:
            raise TypeError(
                "explain_subject explains a DiVoteClassifier, or a Pipeline or search with one at "
                f"its end. Got {type(estimator).__name__}."
            )
    check_is_fitted(found)
    return found, table


class _LeaveOut:
    """Fall of the probability of one class when a part of the subject's data is not there."""

    def __init__(
        self, divote: DiVoteClassifier, rows: Any, scores: NDArray, node: int, whole: float
    ):
        self.divote, self.rows, self.scores = divote, rows, scores
        self.node, self.whole = node, whole

    def without_rows(self, groups: Iterable[Iterable[int]]) -> NDArray[np.floating]:
        """Contribution of each group of recordings."""
        changed = []
        for group in groups:
            scores = self.scores.copy()
            scores[list(group)] = np.nan
            changed.append(scores)
        return self._falls(changed)

    def without_windows(self, windows: NDArray[np.floating]) -> NDArray[np.floating]:
        """Contribution of each window."""
        row = self.rows.row
        counts = np.bincount(row, minlength=self.rows.n_rows)
        sums = mean_by_code(windows, row, self.rows.n_rows) * counts[:, None]
        changed = []
        for k, scores_of in enumerate(windows):
            scores = self.scores.copy()
            left = counts[row[k]] - 1
            scores[row[k]] = (sums[row[k]] - scores_of) / left if left else np.nan
            changed.append(scores)
        return self._falls(changed)

    def _falls(self, changed: list[NDArray[np.floating]]) -> NDArray[np.floating]:
        divote = self.divote
        with warnings.catch_warnings():
            # The whole subject has been judged once and has given the warnings there are.
            warnings.simplefilter("ignore", UserWarning)
            features = [divote._unit_features(self.rows, scores) for scores in changed]
            if divote.final_estimator_ is not None:
                proba = divote._final_proba(np.concatenate(features))
            else:
                proba = np.concatenate(
                    [divote._average(f, self.rows, s) for f, s in zip(features, changed)]
                )
        return self.whole - proba[:, self.node]


def _by_muscle(recordings: pd.DataFrame, muscle: str, judge: _LeaveOut) -> pd.DataFrame:
    code, names = pd.factorize(recordings[muscle], use_na_sentinel=False)
    groups = [np.flatnonzero(code == k) for k in range(len(names))]
    scores = recordings["score"].to_numpy()
    table = pd.DataFrame(
        {
            "n_recordings": [len(group) for group in groups],
            "score": [_mean(scores[group]) for group in groups],
            "contribution": judge.without_rows(groups),
        },
        index=pd.Index(names, name=muscle),
    )
    return table.sort_values("contribution", ascending=False, kind="stable")


def _decisive(windows: pd.DataFrame, n_decisive: int, duration: float) -> NDArray[np.intp]:
    """Windows with the largest contributions, none overlapping another."""
    order = np.argsort(-windows["contribution"].to_numpy(), kind="stable")
    if "start" not in windows:
        return order[:n_decisive]
    row, start = windows["row"].to_numpy(), windows["start"].to_numpy()
    chosen: list[int] = []
    for k in order:
        apart = [row[k] != row[j] or abs(start[k] - start[j]) > 0.999 * duration for j in chosen]
        if all(apart):
            chosen.append(int(k))
        if len(chosen) == n_decisive:
            break
    return np.array(chosen, dtype=np.intp)


def _mean(scores: NDArray[np.floating]) -> float:
    scores = scores[np.isfinite(scores)]
    return float(scores.mean()) if scores.size else float("nan")


def _take(X: Any, k: int) -> Any:
    return X.iloc[k] if isinstance(X, pd.DataFrame) else X[k]
