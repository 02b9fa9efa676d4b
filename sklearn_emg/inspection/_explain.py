"""Explanation of the diagnosis of one subject by leaving out each part of its data in turn."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from numbers import Integral
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from sklearn_emg._sklearn import Interval, validated
from sklearn_emg.ensemble import DiVoteClassifier, Votes
from sklearn_emg.exceptions import SubjectLeakWarning
from sklearn_emg.inspection._networks import find_divote, node_of
from sklearn_emg.inspection._plot import (
    GREY,
    HATCHES,
    OPPOSES,
    SUPPORTS,
    legend_outside,
    panels,
    tidy,
)


@dataclass(eq=False, repr=False)
class SubjectExplanationDisplay:
    """Contributions of muscles, recordings and windows to the diagnosis of one subject.

    :func:`explain_subject` returns this object, and :meth:`plot` draws it. The contribution of a
    muscle, recording or window is the probability of ``target`` minus the probability without it.
    Values above 0 support the class, and values below 0 oppose it.

    Parameters
    ----------
    subject : object
        Subject of the explained diagnosis.
    diagnosis : label
        Predicted class.
    target : label
        Class that is explained.
    probabilities : Series
        Probability of each class.
    muscles : DataFrame or None
        One row per value of the column `muscle`, with the largest contribution first. The columns
        are ``n_recordings``, ``score`` (the mean score of the class over the recordings) and
        ``contribution``. It is None if the table has no such column.
    recordings : DataFrame
        One row per recording, in the order and with the index of the table. The columns are the
        muscle (if known), ``n_windows``, ``score`` (NaN without windows) and ``contribution``.
    windows : DataFrame
        One row per window, in the order of the recordings. The columns are ``row`` (the position in
        ``recordings``), ``start`` in s (if recordings were cut into windows), ``score`` and
        ``contribution``.
    decisive : ndarray of shape (n_decisive,)
        Positions in ``windows`` of the windows with the largest contributions, in descending order.
        Of overlapping windows, only the one with the largest contribution is included.
    decisive_signals : list of ndarray
        Samples in mV or feature values of these windows, as the window classifier receives them.
    duration : float
        Length of a window in s. It is NaN if rows were not cut into windows.

    Attributes
    ----------
    figure_ : matplotlib Figure
        Figure that contains the plot.
    axes_ : ndarray of Axes
        Axes of the contributions, followed by one Axes per decisive window.
    bars_ : BarContainer
        Contributions of the muscles, or of the recordings if the muscles are not known.
    points_ : Line2D
        Contributions of the recordings of each muscle; missing if the muscles are not known.
    lines_ : list of Line2D
        Signals of the decisive windows.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn_emg.ensemble import DiVoteClassifier
    >>> from sklearn_emg.feature_extraction import TimeDomainFeatures
    >>> from sklearn_emg.inspection import SubjectExplanationDisplay
    >>> from sklearn_emg.recordings import recording_table
    >>> rng = np.random.default_rng(0)
    >>> table = recording_table(
    ...     [a * rng.normal(size=500) for a in (1, 1, 1, 3)], fs=1000.0, subject=list("aabb"),
    ...     muscle=["biceps", "tibialis"] * 2,
    ... )
    >>> rms = make_pipeline(TimeDomainFeatures(["rms"]), LogisticRegression())
    >>> divote = DiVoteClassifier(rms, window=0.1).fit(table, ["control"] * 2 + ["patient"] * 2)
    >>> display = SubjectExplanationDisplay.from_estimator(divote, table, "b")
    >>> len(display.plot().lines_)
    3
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

    def __repr__(self) -> str:
        parts = self.recordings if self.muscles is None else self.muscles
        return (
            f"Subject {self.subject}: diagnosis {self.diagnosis}, probability of {self.target} "
            f"{self.probabilities[self.target]:.2f}\n{parts.round(3).to_string()}"
        )

    @classmethod
    def from_estimator(
        cls, estimator: Any, X: pd.DataFrame, subject: Any, **settings: Any
    ) -> SubjectExplanationDisplay:
        """Explain the diagnosis of a subject and create the display from the explanation.

        Parameters
        ----------
        estimator : fitted estimator
            A DiVoteClassifier, or an estimator that ends with one.
        X : DataFrame
            Recording or feature table that contains the rows of the subject.
        subject : object
            One of the values in the column ``subject``.
        **settings
            Further parameters of :func:`explain_subject`.

        Returns
        -------
        display : SubjectExplanationDisplay
            Object that stores the values to plot.
        """
        return explain_subject(estimator, X, subject, **settings)

    def plot(self, ax: Any = None) -> Self:
        """Draw the contributions and the decisive windows, which share one amplitude scale in mV.

        Parameters
        ----------
        ax : Axes or array of Axes, default=None
            One Axes, which is divided, or 1 + n_decisive Axes. By default, a new figure is created.
            Windows that contain features instead of samples are not drawn.

        Returns
        -------
        display : SubjectExplanationDisplay
            The same object, with the drawn artists as attributes.
        """
        signals = self.decisive_signals if np.isfinite(self.duration) else []
        n_bars = len(self.recordings) if self.muscles is None else len(self.muscles)
        heights = [0.5 + 0.35 * n_bars, *[1.2] * len(signals)]
        self.figure_, self.axes_ = panels(
            ax,
            1 + len(signals),
            1,
            "SubjectExplanationDisplay.plot",
            figsize=(7, 1.2 + sum(heights)),
            height_ratios=heights,
        )
        self._plot_contributions(self.axes_[0])
        self.lines_: list[Any] = []
        for axis, k, signal in zip(self.axes_[1:], self.decisive, signals):
            self._plot_window(axis, int(k), np.atleast_2d(signal))
        if signals:
            largest = 1.05 * max(float(np.abs(s).max()) for s in signals)
            for axis in self.axes_[1:]:
                axis.set_ylim(-largest, largest)
            self.axes_[-1].set_xlabel("time in the recording (s); same mV scale for all windows")
        tidy(self.axes_)
        return self

    def _plot_contributions(self, axis: Any) -> None:
        from matplotlib.patches import Patch

        table = self.muscles
        if table is None:
            table = self.recordings.sort_values("contribution", ascending=False, kind="stable")
        names = [str(name).replace("_", " ") for name in table.index]
        values = 100 * table["contribution"].to_numpy()
        place = np.arange(len(table))[::-1]
        more, less = (SUPPORTS, SUPPORTS, HATCHES[0]), ("white", OPPOSES, HATCHES[1])
        styles = zip(*(more if value > 0 else less for value in values))
        color, edgecolor, hatch = map(list, styles)  # a tuple of colours could be one RGB colour
        self.bars_ = axis.barh(
            place, values, height=0.62, color=color, edgecolor=edgecolor, hatch=hatch
        )
        bars = "" if self.muscles is None else " (muscle left out)"
        handles: list[Any] = [
            Patch(fc=SUPPORTS, ec=SUPPORTS, label=f"supports {self.target}{bars}"),
            Patch(fc="white", ec=OPPOSES, hatch=HATCHES[1], label="opposes it"),
        ]
        if self.muscles is not None:
            where = dict(zip(table.index, place))
            column = table.index.name
            y = [where[name] for name in self.recordings[column]]
            (self.points_,) = axis.plot(
                100 * self.recordings["contribution"],
                y,
                "o",
                color="black",
                mfc="white",
                ms=4.5,
                label="one recording left out",
            )
            handles.append(self.points_)
        legend_outside(axis, "above left", handles=handles, ncols=3)
        axis.axvline(0, color="black", lw=0.8)
        axis.set_yticks(place, names)
        axis.set_xlabel(f"contribution to the probability of {self.target} (percentage points)")
        probability = self.probabilities[self.target]
        diagnosis = "" if self.target == self.diagnosis else f", diagnosis {self.diagnosis}"
        axis.set_title(
            f"Subject {self.subject}: probability of {self.target} {probability:.2f}{diagnosis}",
            loc="left",
            fontsize=11,
            pad=20,  # above the legend
        )

    def _plot_window(self, axis: Any, k: int, signal: np.ndarray) -> None:
        window = self.windows.iloc[k]
        row = int(window["row"])
        time = window["start"] + np.arange(signal.shape[-1]) * self.duration / signal.shape[-1]
        self.lines_ += axis.plot(time, signal.T, lw=0.6, color="black" if len(signal) < 2 else None)
        column = self.muscles.index.name if self.muscles is not None else None
        where = f"{self.recordings[column].iloc[row]}, ".replace("_", " ") if column else ""
        axis.set_title(
            f"{where}recording {self.recordings.index[row]}: score of {self.target} "
            f"{window['score']:.2f}, {100 * window['contribution']:+.2g} points",
            loc="left",
            fontsize=9,
        )
        axis.set_ylabel("mV")
        axis.set_xlim(time[0], time[-1])
        axis.axhline(0, color=GREY, lw=0.4, zorder=0)


def _diagnosis(divote: Any, table: pd.DataFrame, subject: Any) -> tuple[Votes, dict[str, Any]]:
    """Return the votes of one subject, and its diagnosis with probabilities."""
    with warnings.catch_warnings(action="ignore", category=SubjectLeakWarning):
        # An explanation is not an evaluation, so training subjects are allowed.
        votes = divote.vote(table)
    if len(votes.subjects) != 1:
        raise ValueError(
            f"Subject {subject!r} gets {len(votes.subjects)} diagnoses, one for each "
            f"{divote.unit!r}: {votes.subjects.index.tolist()}. Give only the rows of one of them."
        )
    (result,) = votes.subjects.to_dict("records")
    if f"probability_{divote.classes_[0]}" not in result:
        raise ValueError(
            "explain_subject needs probabilities of the diagnosis, but "
            f"{type(divote.final_estimator_).__name__} has no predict_proba. Use another "
            "'final_estimator', or None for simple averaging."
        )
    return votes, result


@validated(
    X=[pd.DataFrame],
    muscle=[str],
    n_decisive=[Interval(Integral, 1, None, closed="left")],
)
def explain_subject(
    estimator: Any,
    X: pd.DataFrame,
    subject: Any,
    *,
    target: Any = None,
    muscle: str = "muscle",
    n_decisive: int = 3,
) -> SubjectExplanationDisplay:
    """Measure how muscles, recordings and windows contribute to the diagnosis of a subject.

    Each of them is left out in turn, and the final classifier diagnoses the subject from the rest.

    Parameters
    ----------
    estimator : fitted estimator
        A :class:`~sklearn_emg.ensemble.DiVoteClassifier` whose final classifier predicts
        probabilities, a Pipeline that ends with one, or a search over either.
    X : DataFrame
        Recording or feature table that contains the rows of the subject. Other rows are ignored.
    subject : object
        One of the values in the column ``subject``.
    target : label, default=None
        Class to explain. By default, it is the diagnosis.
    muscle : str, default="muscle"
        Column that groups recordings. Recordings with the same value, for example of "muscle",
        "region" or "side", are left out together.
    n_decisive : int, default=3
        Maximum number of windows whose signals are returned; windows that overlap with more
        important ones are left out.

    Returns
    -------
    explanation : SubjectExplanationDisplay
        Tables of muscles, recordings and windows with their contributions. Its ``plot`` draws them.

    Raises
    ------
    ValueError
        If X has no column ``subject``, if the subject or the class is unknown, if there are no
        probabilities, or if the subject has several diagnoses because the `unit` of the
        DiVoteClassifier is not the subject.
    TypeError
        If there is no DiVoteClassifier at the end of `estimator`.

    Notes
    -----
    Nothing is fitted again, and windows keep their scores. The score of a recording is the mean of
    its remaining windows. A kind of recordings (`by`) without any recording has the scores
    1/n_classes, as in prediction. Contributions do not sum to the probability, because recordings
    with the same information can replace each other.

    Contributions describe the model. They are evidence about the disease only if the model is
    correct.

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
    >>> amplitude = np.array([1, 1, 1, 1, 1, 3, 1, 3])  # one muscle of each patient is affected
    >>> table = recording_table(
    ...     [a * rng.normal(size=500) for a in amplitude], fs=1000.0, subject=list("aabbccdd"),
    ...     muscle=["biceps", "tibialis"] * 4,
    ... )
    >>> y = np.repeat(["control", "patient"], 4)
    >>> rms = make_pipeline(TimeDomainFeatures(["rms"]), LogisticRegression())
    >>> divote = DiVoteClassifier(rms, window=0.1).fit(table, y)
    >>> explain_subject(divote, table, "d", target="patient").muscles.index.tolist()
    ['tibialis', 'biceps']
    """
    divote, table = _rows_of_subject(estimator, X, subject)
    votes, result = _diagnosis(divote, table, subject)
    target = result["diagnosis"] if target is None else target
    node_of(divote, target, "explain_subject")  # raises if it is no class
    leave_out = _LeaveOut(divote, votes, target)

    recordings = pd.DataFrame(index=votes.recordings.index)
    if muscle in table.columns:
        recordings[muscle] = table[muscle].to_numpy()
    recordings["n_windows"] = votes.recordings["n_windows"]
    recordings["score"] = votes.recordings[f"score_{target}"]
    recordings["contribution"] = leave_out.without_rows([k] for k in range(len(table)))

    windows = votes.windows[["row", *(["start"] if "start" in votes.windows else [])]].copy()
    windows["score"] = votes.windows[f"score_{target}"]
    windows["contribution"] = leave_out.without_windows()
    inner = divote.windows(table)
    duration = inner.X.shape[-1] / inner.fs  # NaN where rows were not cut
    decisive = _decisive(windows, n_decisive, duration)
    return SubjectExplanationDisplay(
        subject,
        result["diagnosis"],
        target,
        pd.Series(
            [result[f"probability_{c}"] for c in divote.classes_.tolist()],
            index=divote.classes_,
            name="probability",
        ),
        _by_muscle(recordings, muscle, leave_out) if muscle in table.columns else None,
        recordings,
        windows,
        decisive,
        [np.asarray(_take(inner.X, k)) for k in decisive],
        duration,
    )


def _rows_of_subject(
    estimator: Any, X: pd.DataFrame, subject: Any
) -> tuple[DiVoteClassifier, pd.DataFrame]:
    """Return the DiVoteClassifier of an estimator and the subject's rows in its input."""
    if "subject" not in X.columns:
        raise ValueError(
            "explain_subject needs a table with a 'subject' column: see "
            "sklearn_emg.recordings.recording_table."
        )
    of_subject = (X["subject"] == subject).to_numpy()
    if not of_subject.any():
        some = list(dict.fromkeys(X["subject"]))[:5]
        raise ValueError(
            f"The table has no subject {subject!r}; it has {', '.join(map(repr, some))}, ..."
        )
    table = X[of_subject]
    found, table = find_divote(estimator, table, "explain_subject")
    check_is_fitted(found)
    return found, table


class _LeaveOut:
    """Decrease of the probability of one class when a part of the data is left out."""

    def __init__(self, divote: DiVoteClassifier, votes: Votes, target: Any):
        self.divote, self.votes = divote, votes
        self.names = [f"score_{c}" for c in divote.classes_]
        self.column = f"probability_{target}"
        self.scores = votes.recordings[self.names].to_numpy()

    def without_rows(self, groups: Iterable[Iterable[int]]) -> NDArray[np.floating]:
        """Compute the contribution of each group of recordings."""
        changed = []
        for group in groups:
            scores = self.scores.copy()
            scores[list(group)] = np.nan
            changed.append(scores)
        return self._decreases(changed)

    def without_windows(self) -> NDArray[np.floating]:
        """Compute the contribution of each window."""
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
        return self._decreases(changed)

    def _decreases(self, changed: list[NDArray[np.floating]]) -> NDArray[np.floating]:
        """Diagnose each changed copy of the recordings as if it were a separate subject."""
        n_rows, n_copies = len(self.scores), len(changed)
        copies = self.votes.recordings.iloc[np.tile(np.arange(n_rows), n_copies)]
        copies = copies.reset_index(drop=True).assign(subject=np.repeat(range(n_copies), n_rows))
        copies[self.names] = np.concatenate(changed)
        with warnings.catch_warnings(action="ignore", category=UserWarning):
            # The vote over all recordings has already issued these warnings.
            left = self.divote.vote_subjects(copies)[self.column].to_numpy()
        return float(self.votes.subjects[self.column].iloc[0]) - left


def _by_muscle(recordings: pd.DataFrame, muscle: str, leave_out: _LeaveOut) -> pd.DataFrame:
    code, names = pd.factorize(recordings[muscle], use_na_sentinel=False)
    groups = [np.flatnonzero(code == k) for k in range(len(names))]
    scores = recordings["score"].to_numpy()
    table = pd.DataFrame(
        {
            "n_recordings": [len(group) for group in groups],
            "score": [_mean(scores[group]) for group in groups],
            "contribution": leave_out.without_rows(groups),
        },
        index=pd.Index(names, name=muscle),
    )
    return table.sort_values("contribution", ascending=False, kind="stable")


def _decisive(windows: pd.DataFrame, n_decisive: int, duration: float) -> NDArray[np.intp]:
    """Select windows that do not overlap, in descending order of their contributions."""
    order = np.argsort(-windows["contribution"].to_numpy(), kind="stable")
    if "start" not in windows:
        return order[:n_decisive]
    row, start = windows["row"].to_numpy(), windows["start"].to_numpy()
    chosen: list[int] = []
    for k in order:
        separate = [row[k] != row[j] or abs(start[k] - start[j]) > 0.999 * duration for j in chosen]
        if all(separate):
            chosen.append(int(k))
        if len(chosen) == n_decisive:
            break
    return np.array(chosen, dtype=np.intp)


def _mean(scores: NDArray[np.floating]) -> float:
    scores = scores[np.isfinite(scores)]
    return float(scores.mean()) if scores.size else float("nan")


def _take(X: Any, k: int) -> Any:
    return X.iloc[k] if isinstance(X, pd.DataFrame) else X[k]
