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
from sklearn.utils.validation import check_is_fitted

from sklearn_emg._sklearn import Interval, validate_params
from sklearn_emg.ensemble import DiVoteClassifier, Votes
from sklearn_emg.exceptions import SubjectLeakWarning
from sklearn_emg.inspection._networks import find_divote


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
    divote, table = _rows_of_subject(estimator, X, subject)
    with warnings.catch_warnings():
        # An explanation is no score: that of a training subject is as good as another.
        warnings.simplefilter("ignore", SubjectLeakWarning)
        votes = divote.vote(table)
    if len(votes.subjects) != 1:
        raise ValueError(
            f"Subject {subject!r} gets {len(votes.subjects)} diagnoses, one for each "
            f"{divote.unit!r}: {votes.subjects.index.tolist()}. Give the rows of one of them."
        )
    (verdict,) = votes.subjects.to_dict("records")
    if f"probability_{divote.classes_[0]}" not in verdict:
        raise ValueError(
            "explain_subject needs probabilities of the diagnosis, but "
            f"{type(divote.final_estimator_).__name__} has no predict_proba. Use another "
            "'final_estimator', or None for simple averaging."
        )
    target = verdict["diagnosis"] if target is None else target
    known = divote.classes_.tolist()
    if target not in known:
        raise ValueError(
            f"The 'target' of explain_subject must be one of the classes {known}. Got {target!r} "
            "instead."
        )
    judge = _LeaveOut(divote, votes, target)

    recordings = pd.DataFrame(index=votes.recordings.index)
    if muscle in table.columns:
        recordings[muscle] = table[muscle].to_numpy()
    recordings["n_windows"] = votes.recordings["n_windows"]
    recordings["score"] = votes.recordings[f"score_{target}"]
    recordings["contribution"] = judge.without_rows([k] for k in range(len(table)))

    windows = votes.windows[["row", *(["start"] if "start" in votes.windows else [])]].copy()
    windows["score"] = votes.windows[f"score_{target}"]
    windows["contribution"] = judge.without_windows()
    inner = divote.windows(table)
    duration = inner.X.shape[-1] / inner.fs  # NaN where rows were not cut
    decisive = _decisive(windows, n_decisive, duration)
    return SubjectExplanation(
        subject,
        verdict["diagnosis"],
        target,
        pd.Series(
            [verdict[f"probability_{c}"] for c in known], index=divote.classes_, name="probability"
        ),
        _by_muscle(recordings, muscle, judge) if muscle in table.columns else None,
        recordings,
        windows,
        decisive,
        [np.asarray(_take(inner.X, k)) for k in decisive],
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
    found, table = find_divote(estimator, table, "explain_subject")
    check_is_fitted(found)
    return found, table


class _LeaveOut:
    """Fall of the probability of one class when a part of the subject's data is not there."""

    def __init__(self, divote: DiVoteClassifier, votes: Votes, target: Any):
        self.divote, self.votes = divote, votes
        self.names = [f"score_{c}" for c in divote.classes_]
        self.column = f"probability_{target}"
        self.scores = votes.recordings[self.names].to_numpy()

    def without_rows(self, groups: Iterable[Iterable[int]]) -> NDArray[np.floating]:
        """Contribution of each group of recordings."""
        changed = []
        for group in groups:
            scores = self.scores.copy()
            scores[list(group)] = np.nan
            changed.append(scores)
        return self._falls(changed)

    def without_windows(self) -> NDArray[np.floating]:
        """Contribution of each window."""
        row = self.votes.windows["row"].to_numpy()
        windows = self.votes.windows[self.names].to_numpy()
        counts = self.votes.recordings["n_windows"].to_numpy()
        changed = []
        for k, scores_of in enumerate(windows):
            scores, here = self.scores.copy(), row[k]
            left = counts[here] - 1
            total = counts[here] * scores[here]
            scores[here] = (total - scores_of) / left if left else np.nan
            changed.append(scores)
        return self._falls(changed)

    def _falls(self, changed: list[NDArray[np.floating]]) -> NDArray[np.floating]:
        """Each changed copy of the recordings counts as a subject of its own."""
        n_rows, n_copies = len(self.scores), len(changed)
        copies = self.votes.recordings.iloc[np.tile(np.arange(n_rows), n_copies)]
        copies = copies.reset_index(drop=True).assign(subject=np.repeat(range(n_copies), n_rows))
        copies[self.names] = np.concatenate(changed)
        with warnings.catch_warnings():
            # The whole subject has been judged once and has given the warnings there are.
            warnings.simplefilter("ignore", UserWarning)
            left = self.divote.vote_subjects(copies)[self.column].to_numpy()
        return float(self.votes.subjects[self.column].iloc[0]) - left


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
