"""The decision so far: votes of windows, their interval, rules that stop, smoothed labels."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklearn_emg._validation import check_integer, check_real
from sklearn_emg.metrics import wilson_interval
from sklearn_emg.recordings import mean_by_code

__all__ = ["Decision", "FixedLength", "MajorityVote", "SequentialTest"]


def checked_votes(votes: Any, caller: str) -> NDArray[np.floating]:
    """Numbers of votes as an array.

    Parameters
    ----------
    votes : array-like
    caller : str
        Rule named in the message.

    Returns
    -------
    votes : ndarray

    Raises
    ------
    ValueError
        If a number is NaN, infinite or negative.
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
    """The decision on a subject after some windows.

    Attributes
    ----------
    subject : hashable
        The subject.
    seconds : float
        Length of the signal so far, over all recordings of the subject, in seconds.
    n_windows, n_rejected : int
        Windows that were scored, and that were left out for artefacts.
    scores : ndarray of shape (n_classes,)
        Mean scores of the subject's recordings so far, as in ``DiVoteClassifier.vote``; NaN before
        the first window.
    leading : label or None
        Class with the highest mean score.
    share : float
        Share of the votes of independent windows (those that do not overlap) for that class.
    interval : tuple of float
        Wilson's interval of this fraction.
    decided : label or None
        Class of the rule that stops, once it has stopped; it does not change any more.
    """

    subject: Any
    seconds: float
    n_windows: int
    n_rejected: int
    scores: NDArray[np.floating]
    leading: Any
    share: float
    interval: tuple[float, float]
    decided: Any


class FixedLength:
    """Rule that stops after a length of signal, with the class that has most votes.

    Parameters
    ----------
    seconds : float
        Length of the signal, over all recordings of the subject, in seconds.

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
        """Position of the class, or None to go on.

        Parameters
        ----------
        votes : array-like of shape (n_classes,)
            Number of independent windows that voted for each class.
        seconds : float
            Length of the signal so far in seconds.

        Returns
        -------
        position : int or None
            None before the time, and while no window has voted.
        """
        counts = checked_votes(votes, "FixedLength")
        if seconds < self.seconds or not counts.any():
            return None
        return int(np.argmax(counts))


class SequentialTest:
    """Wald's sequential probability ratio test of the fraction of windows that vote for a class.

    For each class, the hypothesis that a fraction `high` of the subject's windows vote for it is
    tested against a fraction `low`. The test stops with the class whose first hypothesis is
    accepted.

    Parameters
    ----------
    alpha : float, default=0.05
        Probability of accepting a class with a fraction of `low`. With K classes the tests of all
        classes are run, and the level of each is ``alpha / K``.
    beta : float, default=0.05
        Probability of rejecting a class with a fraction of `high`.
    low, high : float, default=0.4 and 0.6
        Fractions of the votes under the two hypotheses.
    max_seconds : float or None, default=None
        Length of signal after which the class with most votes is taken if no test has stopped, in
        seconds. None waits.

    Notes
    -----
    With v votes in n windows the logarithm of the likelihood ratio is

    .. math:: v \\log(high / low) + (n - v) \\log((1 - high) / (1 - low))

    and a class is accepted at :math:`\\log((1 - \\beta) / (\\alpha / K))` or above. The error rates
    are those of statements on the subject's *windows*, if windows are drawn independently. They are
    not the error rates of the diagnosis: a classifier that is wrong about a subject is wrong in
    most windows, and neighbouring windows are similar. Windows that overlap an earlier one do not
    count. With a limit of time the rates do not hold for decisions at the limit.

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
        """Position of the class, or None to go on.

        Parameters
        ----------
        votes : array-like of shape (n_classes,)
            Number of independent windows that voted for each class.
        seconds : float
            Length of the signal so far in seconds.

        Returns
        -------
        position : int or None
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
    """Majority vote over the last windows, which changes only if another class leads clearly.

    ``current`` is the class so far, None before the first window.

    Parameters
    ----------
    n_windows : int, default=5
        Number of windows that vote.
    hysteresis : int, default=1
        Number of votes by which another class must exceed the current one. 0 follows each lead.

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
                f"{self.n_windows}. Got {self.hysteresis} instead: no class could ever take over."
            )
        self.reset()

    def reset(self) -> None:
        """Forget the windows so far."""
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
            Class of the majority, with hysteresis; that of the latest window among equal ones.
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
    """Scores of the recordings of a subject as windows arrive; memory grows by recording only.

    Parameters
    ----------
    subject : hashable
    classes : ndarray of shape (n_classes,)
    size : int
        Samples of a window; windows closer to the last counted one are not independent votes.
    """

    def __init__(self, subject: Any, classes: NDArray[Any], size: int):
        self.subject, self.classes, self.size = subject, classes, size
        self.columns: list[dict[str, Any]] = []  # of each recording
        self.n_windows: list[int] = []
        self._sums: list[tuple[Any, Any]] = []  # first scores, and sum of the differences to them
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
        # As mean_by_code sums, so that the means are equal to the last bit.
        first, total = self._sums[-1]
        if first is None:
            first, total = scores, np.zeros_like(scores)
        self._sums[-1] = first, total + (scores - first)
        self.n_windows[-1] += 1
        if start >= self._free_from:
            self.votes[np.argmax(scores)] += 1
            self._free_from = start + self.size

    def recording_scores(self) -> NDArray[np.floating]:
        """Mean scores of the recordings, NaN for one without windows."""
        means = np.full((len(self._sums), len(self.classes)), np.nan)
        for row, (first, total) in enumerate(self._sums):
            if first is not None:
                means[row] = first + total / self.n_windows[row]
        return means

    def decision(self, seconds: float, confidence: float) -> Decision:
        """Decision after `seconds` of the current recording."""
        means = self.recording_scores()
        means = means[np.isfinite(means[:, 0])]
        scores = np.full(len(self.classes), np.nan)
        leading, share, interval = None, np.nan, (0.0, 1.0)
        if len(means):
            scores = mean_by_code(means, np.zeros(len(means), dtype=np.intp), 1)[0]
            best = int(np.argmax(scores))
            n_votes = int(self.votes.sum())
            leading, share = self.classes[best], self.votes[best] / n_votes
            interval = wilson_interval(share, n_votes, confidence=confidence)
        return Decision(
            self.subject,
            self.seconds_before + seconds,
            sum(self.n_windows),
            self.n_rejected,
            scores,
            leading,
            float(share),
            interval,
            self.decided,
        )
