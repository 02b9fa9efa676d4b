"""Decisions about a subject: votes of windows, stopping rules and smoothed labels."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklearn_emg._validation import check_integer, check_real
from sklearn_emg.metrics import wilson_interval
from sklearn_emg.recordings import mean_by_code


def checked_votes(votes: Any, caller: str) -> NDArray[np.floating]:
    """Convert the number of votes for each class to an array.

    Raise ValueError if there are no votes, or a number is NaN, infinite or negative.
    """
    counts = np.asarray(votes, dtype=float)
    if not counts.size or not np.isfinite(counts).all() or (counts < 0).any():
        raise ValueError(
            f"The votes of {caller} must be numbers of windows, 0 or more for each class. "
            f"Got {counts.tolist()}."
        )
    return counts


@dataclass(frozen=True)
class Decision:
    """Decision about a subject after some windows.

    Attributes
    ----------
    subject : hashable
        Subject whose signals are scored.
    seconds : float
        Length of the signal so far in seconds, over all recordings of the subject.
    n_windows, n_rejected : int
        Number of windows that were scored, and number of windows that were rejected because of
        artefacts.
    scores : ndarray of shape (n_classes,)
        Mean scores of the subject's recordings so far, as in ``DiVoteClassifier.vote``. They are
        NaN before the first window.
    leading : label or None
        Class with the highest mean score, or None before the first window.
    fraction : float
        Fraction of the votes of independent windows, which do not overlap, for the leading class.
        It is NaN before the first window.
    interval : tuple of float
        Wilson score interval of this fraction, which is (0, 1) before the first window.
    decided : label or None
        Class chosen by the stopping rule, or None until it has stopped. It does not change
        afterwards.
    """

    subject: Any
    seconds: float
    n_windows: int
    n_rejected: int
    scores: NDArray[np.floating]
    leading: Any
    fraction: float
    interval: tuple[float, float]
    decided: Any


class FixedLength:
    """Rule that stops after a given length of signal and chooses the class with the most votes.

    Parameters
    ----------
    seconds : float
        Length of the signal in seconds, over all recordings of the subject.

    Examples
    --------
    >>> from sklearn_emg.streaming import FixedLength
    >>> rule = FixedLength(5.0)
    >>> rule.decide([7, 2], 4.9), rule.decide([7, 3], 5.0)
    (None, 0)
    """

    def __init__(self, seconds: float):
        self.seconds = check_real(seconds, "seconds", "FixedLength", 0.0, above=True)

    def decide(self, votes: Any, seconds: float) -> int | None:
        """Return the index of the chosen class, or None to continue.

        Parameters
        ----------
        votes : array-like of shape (n_classes,)
            Number of independent windows that voted for each class.
        seconds : float
            Length of the signal so far in seconds.

        Returns
        -------
        position : int or None
            Index of the class with the most votes, or None if the time is not reached or no window
            has voted.
        """
        counts = checked_votes(votes, "FixedLength")
        if seconds < self.seconds or not counts.any():
            return None
        return int(np.argmax(counts))


class SequentialTest:
    """Sequential probability ratio test (Wald) of the fraction of windows that vote for a class.

    For each class, the hypothesis that a fraction `high` of the subject's windows votes for it is
    tested against the hypothesis of a fraction `low`. The rule stops when the first hypothesis is
    accepted for a class, and chooses this class.

    Parameters
    ----------
    alpha : float, default=0.05
        Probability of accepting a class with a fraction of `low`. With K classes, each class is
        tested at the level ``alpha / K``.
    beta : float, default=0.05
        Probability of rejecting a class with a fraction of `high`.
    low, high : float, default=0.4 and 0.6
        Fractions of votes for a class under the two hypotheses.
    max_seconds : float or None, default=None
        Length of the signal in seconds after which the class with the most votes is chosen if no
        class has been accepted. With None, the rule waits without limit.

    Notes
    -----
    With :math:`v` votes in :math:`n` windows, the logarithm of the likelihood ratio is

    .. math:: v \\log(high / low) + (n - v) \\log((1 - high) / (1 - low))

    and a class is accepted if this logarithm is at least
    :math:`\\log((1 - \\beta) / (\\alpha / K))`. The error rates apply to statements about the
    subject's *windows* if these are drawn independently. They are not the error rates of the
    diagnosis: a classifier that is wrong about a subject is wrong in most windows, and neighbouring
    windows are similar. Windows that overlap an earlier window are not counted. The rates do not
    apply to decisions made at `max_seconds`.

    References
    ----------
    A. Wald, "Sequential tests of statistical hypotheses", Ann. Math. Stat. 16 (1945) 117-186.
    :doi:`10.1214/aoms/1177731118`

    Examples
    --------
    >>> from sklearn_emg.streaming import SequentialTest
    >>> rule = SequentialTest()
    >>> rule.decide([8, 0], 4.0), rule.decide([9, 0], 4.5), rule.decide([19, 10], 15.0)
    (None, 0, 0)
    """

    def __init__(
        self,
        *,
        alpha: float = 0.05,
        beta: float = 0.05,
        low: float = 0.4,
        high: float = 0.6,
        max_seconds: float | None = None,
    ):
        caller = "SequentialTest"
        self.alpha = check_real(alpha, "alpha", caller, 0.0, 0.5, above=True, below=True)
        self.beta = check_real(beta, "beta", caller, 0.0, 0.5, above=True, below=True)
        self.low = check_real(low, "low", caller, 0.0, 1.0, above=True, below=True)
        self.high = check_real(high, "high", caller, self.low, 1.0, above=True, below=True)
        self.max_seconds = max_seconds
        if max_seconds is not None:
            check_real(max_seconds, "max_seconds", caller, 0.0, above=True)

    def decide(self, votes: Any, seconds: float) -> int | None:
        """Return the index of the chosen class, or None to continue.

        Parameters
        ----------
        votes : array-like of shape (n_classes,)
            Number of independent windows that voted for each class.
        seconds : float
            Length of the signal so far in seconds.

        Returns
        -------
        position : int or None
            Index of the accepted class or, after `max_seconds`, of the class with the most votes;
            None if no class is accepted yet.
        """
        votes = checked_votes(votes, "SequentialTest")
        gain = np.log(self.high / self.low)
        loss = np.log((1 - self.high) / (1 - self.low))
        ratio = votes * gain + (votes.sum() - votes) * loss
        best = int(np.argmax(ratio))
        if ratio[best] >= np.log((1 - self.beta) * len(votes) / self.alpha):
            return best
        late = self.max_seconds is not None and seconds >= self.max_seconds
        return best if late and votes.any() else None


class MajorityVote:
    """Majority vote over the latest windows, which changes only if another class leads clearly.

    The attribute ``current`` is the current class, which is None before the first window.

    Parameters
    ----------
    n_windows : int, default=5
        Number of latest windows that vote.
    hysteresis : int, default=1
        Number of votes by which another class must exceed the current one. With 0, any lead of
        another class is enough.

    Examples
    --------
    >>> from sklearn_emg.streaming import MajorityVote
    >>> smooth = MajorityVote(3, hysteresis=2)
    >>> [smooth.update(label) for label in ["rest", "fist", "rest", "fist", "fist", "fist"]]
    ['rest', 'rest', 'rest', 'rest', 'rest', 'fist']
    """

    def __init__(self, n_windows: int = 5, *, hysteresis: int = 1):
        self.n_windows = check_integer(n_windows, "n_windows", "MajorityVote")
        self.hysteresis = check_integer(hysteresis, "hysteresis", "MajorityVote", 0)
        if self.hysteresis > self.n_windows:
            raise ValueError(
                "The 'hysteresis' parameter of MajorityVote must be at most 'n_windows', "
                f"{self.n_windows}, or no class could take over. Got {self.hysteresis} instead."
            )
        self.reset()

    def reset(self) -> None:
        """Forget all windows."""
        self._labels: deque[Any] = deque(maxlen=self.n_windows)
        self.current: Any = None

    def update(self, label: Any) -> Any:
        """Add the vote of a window.

        Parameters
        ----------
        label : hashable
            Class of the window.

        Returns
        -------
        current : hashable
            Class of the majority, with hysteresis. If several classes have the most votes, the
            current class is kept if it is among them; otherwise, the class seen last is preferred.
        """
        self._labels.append(label)
        votes = list(self._labels)
        counts = {name: votes.count(name) for name in reversed(votes)}
        best = max(counts, key=lambda name: counts[name])
        lead = counts[best] - counts.get(self.current, 0)
        if self.current is None or (lead > 0 and lead >= self.hysteresis):
            self.current = best
        return self.current


class SubjectVotes:
    """Scores of a subject's recordings as windows arrive, with little memory per recording.

    Parameters
    ----------
    subject : hashable
        Subject whose signals are scored.
    classes : ndarray of shape (n_classes,)
        Class labels.
    size : int
        Number of samples in a window. Windows that overlap the last counted window do not vote.
    """

    def __init__(self, subject: Any, classes: NDArray[Any], size: int):
        self.subject, self.classes, self.size = subject, classes, size
        self.columns: list[dict[str, Any]] = []  # metadata of each recording
        self.n_windows: list[int] = []
        self._sums: list[tuple[Any, Any]] = []  # first scores, and sum of the differences from them
        self.votes = np.zeros(len(classes), dtype=int)
        self.n_rejected = 0
        self.seconds_before = 0.0
        self.decided: Any = None

    def begin(self, columns: dict[str, Any]) -> None:
        """Begin a recording."""
        self.columns.append(columns)
        self.n_windows.append(0)
        self._sums.append((None, None))
        self._free_from = 0

    def add(self, start: int, scores: NDArray[np.floating]) -> None:
        """Add the scores of a window of the current recording."""
        # The sums are computed as by mean_by_code, so the means are bitwise equal.
        first, total = self._sums[-1]
        if first is None:
            first, total = scores, np.zeros_like(scores)
        self._sums[-1] = first, total + (scores - first)
        self.n_windows[-1] += 1
        if start >= self._free_from:
            self.votes[np.argmax(scores)] += 1
            self._free_from = start + self.size

    def recording_scores(self) -> NDArray[np.floating]:
        """Return the mean scores of each recording, or NaN for recordings without windows."""
        means = np.full((len(self._sums), len(self.classes)), np.nan)
        for row, (first, total) in enumerate(self._sums):
            if first is not None:
                means[row] = first + total / self.n_windows[row]
        return means

    def decision(self, seconds: float, confidence: float) -> Decision:
        """Return the decision after `seconds` of the current recording."""
        means = self.recording_scores()
        means = means[np.isfinite(means[:, 0])]
        scores = np.full(len(self.classes), np.nan)
        leading, fraction, interval = None, np.nan, (0.0, 1.0)
        if len(means):
            scores = mean_by_code(means, np.zeros(len(means), dtype=np.intp), 1)[0]
            best = int(np.argmax(scores))
            n_votes = int(self.votes.sum())
            leading, fraction = self.classes[best], self.votes[best] / n_votes
            interval = wilson_interval(fraction, n_votes, confidence=confidence)
        return Decision(
            self.subject,
            self.seconds_before + seconds,
            sum(self.n_windows),
            self.n_rejected,
            scores,
            leading,
            float(fraction),
            interval,
            self.decided,
        )
