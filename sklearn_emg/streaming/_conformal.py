"""Stopping rule with a guaranteed error rate, from conformal sets that are valid at any time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from sklearn_emg._tables import counted
from sklearn_emg._typing import Labels
from sklearn_emg._validation import check_real
from sklearn_emg.metrics import conformal_sets
from sklearn_emg.recordings import check_recording_table
from sklearn_emg.streaming._decision import checked_votes
from sklearn_emg.streaming._diagnosis import StreamingDiagnosis


class ConformalStop:
    """Rule that stops when the conformal set of classes has exactly one member.

    For each calibration subject, the fraction of the votes for the true class is lowest at some
    time. The set contains each class whose fraction of the votes is not below a quantile of these
    lowest fractions. Therefore, with a probability of at least `coverage`, the set contains the
    true class of a new subject at all times, including the time when it first has a single member.
    Checking the set after every window does not increase the error rate.

    Parameters
    ----------
    courses : sequence of array-like of shape (n_windows, n_classes)
        Numbers of votes of each calibration subject after each window, see :func:`vote_courses`.
    y : array-like of shape (n_subjects,)
        Class of each calibration subject.
    classes : array-like of shape (n_classes,)
        Classes in the order of the votes, as in ``StreamingDiagnosis.classes``.
    coverage : float, default=0.9
        Probability with which the set must contain the true class.
    by_class : bool, default=False
        Whether the coverage must hold within each class, which requires more calibration subjects.

    Attributes
    ----------
    classes : ndarray of shape (n_classes,)
        Classes in the order of the votes.
    n_votes : int
        Number of votes up to which the rule can decide. It is the smallest final number of votes of
        a calibration subject, since the rule is not calibrated beyond it.

    Raises
    ------
    ValueError
        If `coverage` is not between 0 and 1, a label is unknown, or the courses have wrong shapes
        or invalid numbers.

    See Also
    --------
    sklearn_emg.metrics.conformal_sets : Conformal sets for complete recordings.
    SequentialTest : Test of the fraction of votes, without a guarantee for the diagnosis.

    Notes
    -----
    With :math:`v` votes in :math:`n` independent windows and :math:`K` classes, the fraction is
    :math:`(v + 1) / (n + K)`, which is :math:`1/K` at the beginning. The score of a calibration
    subject is the lowest fraction of its true class over the first `n_votes` votes, instead of the
    probability used in :func:`~sklearn_emg.metrics.conformal_sets` [1]_. The quantile of these
    scores applies to the lowest fraction of a new subject, and therefore to its fractions at all
    times. The guarantee holds on average over draws of calibration and new subjects from the same
    population, recorded in the same way. A set that never has exactly one member leads to no
    decision. With :math:`m` calibration subjects, no decision is possible at a coverage above
    :math:`m / (m + 1)`.

    References
    ----------
    .. [1] V. Vovk, A. Gammerman, G. Shafer, "Algorithmic Learning in a Random World", Springer,
       2005.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emg.streaming import ConformalStop
    >>> votes = np.c_[np.arange(1, 9), np.zeros(8)]  # every window votes for "als"
    >>> courses = [votes] * 5 + [votes[:, ::-1]] * 5
    >>> rule = ConformalStop(courses, ["als"] * 5 + ["control"] * 5, ["als", "control"])
    >>> rule.decide([0, 0], 0.0), rule.decide([0, 1], 0.4), rule.decide([3, 0], 1.2)
    (None, 1, 0)
    """

    def __init__(
        self,
        courses: Sequence[ArrayLike],
        y: Labels,
        classes: ArrayLike,
        *,
        coverage: float = 0.9,
        by_class: bool = False,
    ):
        check_real(coverage, "coverage", "ConformalStop", 0.0, 1.0, above=True, below=True)
        self.classes = self._classes = np.asarray(classes)
        self._y = np.asarray(y)
        counts = [_as_course(course, number) for number, course in enumerate(courses)]
        _check_courses(counts, len(self._y), len(self._classes))
        if unknown := sorted(set(self._y.tolist()) - set(self._classes.tolist())):
            raise ValueError(
                f"The 'y' of ConformalStop has the label {unknown[0]!r}, which is not among the "
                f"classes {', '.join(map(str, self._classes))}."
            )
        self.coverage, self.by_class = coverage, by_class
        self.n_votes = int(min(c[-1].sum() if len(c) else 0 for c in counts))
        codes = [int(np.flatnonzero(self._classes == label)[0]) for label in self._y]
        self._worst = np.array([self._worst_of(c, k) for c, k in zip(counts, codes)])

    def _worst_of(self, course: NDArray[np.floating], code: int) -> NDArray[np.floating]:
        """Return the fractions at the time when the fraction of the true class is lowest."""
        begin = np.zeros((1, course.shape[1]))
        shares = _shares(np.r_[begin, course[course.sum(axis=1) <= self.n_votes]])
        return shares[np.argmin(shares[:, code])]

    def decide(self, votes: Any, seconds: float) -> int | None:
        """Return the index of the chosen class, or None to continue.

        Parameters
        ----------
        votes : array-like of shape (n_classes,)
            Number of independent windows that voted for each class.
        seconds : float
            Length of the signal so far in seconds. It is not used.

        Returns
        -------
        position : int or None
            Index of the only class in the set, or None if the set does not have exactly one member.
        """
        members = np.flatnonzero(self.members(votes))
        return int(members[0]) if len(members) == 1 else None

    def members(self, votes: Any) -> NDArray[np.bool_]:
        """Return whether each class is in the conformal set.

        Parameters
        ----------
        votes : array-like of shape (n_classes,)
            As in :meth:`decide`.

        Returns
        -------
        members : ndarray of bool of shape (n_classes,)
            True for the classes in the set. After more than `n_votes` votes, all values are True.
        """
        counts = np.atleast_2d(checked_votes(votes, "ConformalStop"))
        if counts.shape != (1, len(self._classes)):
            raise ValueError(
                f"ConformalStop needs the votes of {len(self._classes)} classes. Got {counts.size}."
            )
        if counts.sum() > self.n_votes:
            return np.ones(len(self._classes), dtype=bool)
        sets = conformal_sets(
            self._y, self._worst, _shares(counts), self._classes,
            coverage=self.coverage, by_class=self.by_class,
        )  # fmt: skip
        return sets[0]


def _as_course(course: ArrayLike, number: int) -> NDArray[np.floating]:
    """Convert a course of votes to numbers, refusing NaN, infinite and negative numbers."""
    counts = np.asarray(course, dtype=float)
    if not (np.isfinite(counts) & (counts >= 0)).all():
        raise ValueError(
            f"Item {number} of the 'courses' of ConformalStop has NaN, infinite or negative "
            "numbers. Give numbers of windows, as returned by vote_courses."
        )
    return counts


def _check_courses(counts: list[NDArray[np.floating]], n_labels: int, n_classes: int) -> None:
    """Raise if the number or the shapes of the courses are wrong."""
    wrong = [c.shape for c in counts if c.ndim != 2 or c.shape[1] != n_classes]
    if wrong or len(counts) != n_labels or not counts:
        raise ValueError(
            f"ConformalStop needs a course of votes of shape (n_windows, {n_classes}) and a label "
            f"for each calibration subject. Got {counted(len(counts), 'course')}, "
            f"{counted(n_labels, 'label')}" + (f" and the shape {wrong[0]}." if wrong else ".")
        )


def _shares(counts: NDArray[np.floating]) -> NDArray[np.floating]:
    """Compute fractions of votes after adding one vote for each class."""
    return (counts + 1) / (counts.sum(axis=1, keepdims=True) + counts.shape[1])


class _Course:
    """Stopping rule that never stops and records its inputs."""

    def __init__(self) -> None:
        self.votes: list[NDArray[np.intp]] = []
        self.seconds: list[float] = []

    def decide(self, votes: Any, seconds: float) -> None:
        self.votes.append(np.array(votes))
        self.seconds.append(seconds)


def vote_courses(model: Any, X: pd.DataFrame, **options: Any) -> pd.DataFrame:
    """Compute the votes of subjects after each window, as a stopping rule would receive them.

    Parameters
    ----------
    model : estimator
        Fitted system, as for :class:`StreamingDiagnosis`, that was trained on other subjects.
    X : DataFrame
        Recording table. The recordings of a subject are processed in the order of the rows.
    **options : dict
        Further parameters of :class:`StreamingDiagnosis`, such as ``artefacts``.

    Returns
    -------
    courses : DataFrame
        Table indexed by subject. The column ``votes`` contains ndarrays of shape
        (n_windows, n_classes) with the numbers of votes, and the column ``seconds`` contains
        ndarrays of shape (n_windows,) with the length of the signal so far in seconds.

    Raises
    ------
    ValueError
        If X is not a recording table with the columns ``signal``, ``fs`` and ``subject``, or the
        model cannot stream.

    Warns
    -----
    SubjectLeakWarning
        If the model was trained on a subject of X.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn_emg.ensemble import DiVoteClassifier
    >>> from sklearn_emg.feature_extraction import TimeDomainFeatures
    >>> from sklearn_emg.recordings import recording_table
    >>> from sklearn_emg.streaming import ConformalStop, vote_courses
    >>> loud = np.repeat([0.1, 0.3], 20)
    >>> rng = np.random.default_rng(0)
    >>> table = recording_table(
    ...     [a * rng.normal(size=3000) for a in loud], fs=1000.0, subject=range(40)
    ... )
    >>> y = np.where(loud > 0.2, "patient", "control")
    >>> model = DiVoteClassifier(make_pipeline(TimeDomainFeatures(["rms"]), LogisticRegression()))
    >>> model = model.fit(table[::2], y[::2])
    >>> courses = vote_courses(model, table[1::2])
    >>> rule = ConformalStop(courses["votes"], y[1::2], model.classes_, coverage=0.8)
    >>> rule.n_votes, rule.decide([2, 0], 0.8)
    (7, 0)
    """
    course = _Course()
    live = StreamingDiagnosis(model, stop=course, **options)
    check_recording_table(X, required=("signal", "fs", "subject"), plausible=False)
    found = {}
    for subject, rows in X.groupby("subject", sort=False):
        course.votes, course.seconds = [], []
        for record in rows.to_dict("records"):
            signal, fs = record.pop("signal"), record.pop("fs")
            live.begin(**{str(name): value for name, value in record.items()})
            live.push(np.asarray(signal), fs=fs)
            live.end()
        votes = np.array(course.votes).reshape(-1, len(live.classes))
        found[subject] = {"votes": votes, "seconds": np.array(course.seconds)}
    return pd.DataFrame.from_dict(found, orient="index").rename_axis("subject")
