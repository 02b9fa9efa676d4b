"""Times to an event with censoring: checks of outcomes, Kaplan-Meier curves and scores."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.integrate import trapezoid
from scipy.stats import norm

from sklearn_emg._tables import ReadableTable, counted
from sklearn_emg._typing import Labels
from sklearn_emg.metrics._intervals import bootstrap_interval, check_confidence
from sklearn_emg.recordings import Subjects

OUTCOME = np.dtype([("event", bool), ("time", float)])
_TIE = 1e-8  # risks that differ by less count as equal


def check_outcomes(y: Any, caller: str, *, some_event: bool = True) -> NDArray[Any]:
    """Check outcomes, and return them as a structured array.

    Parameters
    ----------
    y : structured ndarray of shape (n_rows,)
        The first field is boolean and states whether the event was observed. The second is the time
        to the event or, if it was not observed, to the end of the follow-up (censoring).
    caller : str
        Name of the class or function in messages.
    some_event : bool, default=True
        Whether to raise an error if all outcomes are censored.

    Returns
    -------
    y : ndarray of shape (n_rows,)
        Outcomes with the fields ``event`` (bool) and ``time`` (float).

    Raises
    ------
    ValueError
        If y is not a structured array of this kind, a time is not finite and positive (the message
        names the row), or no event was observed although `some_event` is true.
    """
    given: Any = np.empty(0) if y is None else np.asarray(y)
    names = given.dtype.names
    if names is None or len(names) != 2 or given.ndim != 1 or not len(given):
        raise ValueError(
            f"{caller} needs outcomes: one entry per row, with the fields 'event' (bool) and "
            f"'time'. Got an array of type {given.dtype} and shape {given.shape}. Make them with "
            "sklearn_emg.prognosis.survival_target."
        )
    event, time = given[names[0]], given[names[1]]
    if event.dtype != bool:
        raise ValueError(
            f"The field {names[0]!r} of the outcomes of {caller} must be boolean (whether the "
            f"event was observed), but is {event.dtype}. Convert it, for instance with event == 1."
        )
    time = np.asarray(time, dtype=float)
    if (bad := np.flatnonzero(~(np.isfinite(time) & (time > 0)))).size:
        raise ValueError(
            f"{caller}: the time of row {bad[0]} is {time[bad[0]]:g}; a time to an event or to "
            "censoring must be finite and above 0. Leave out subjects that had the event, or left "
            "the study, at the start."
        )
    if some_event and not event.any():
        raise ValueError(
            f"{caller}: no event was observed in {counted(len(given), 'outcome')}, so nothing can "
            "be learned about its time. Follow the subjects longer."
        )
    found = np.empty(len(given), dtype=OUTCOME)
    found["event"], found["time"] = event, time
    return found


def outcomes_of_subjects(
    y: NDArray[Any], codes: NDArray[np.intp], names: Any, caller: str
) -> NDArray[Any]:
    """Return the outcome of each subject; raise if a subject has two different outcomes.

    Parameters
    ----------
    y : structured ndarray of shape (n_rows,)
        Outcome of each row.
    codes : ndarray of int of shape (n_rows,)
        Code of the subject of each row.
    names : sequence
        Name of each code.
    caller : str
        Name of the class or function in messages.

    Returns
    -------
    outcomes : structured ndarray of shape (n_subjects,)
        Outcomes in the order of the codes.

    Raises
    ------
    ValueError
        If a subject has two different outcomes.
    """
    first = np.unique(codes, return_index=True)[1]
    outcomes = y[first]
    if (differs := np.flatnonzero(y != outcomes[codes])).size:
        one, other = outcomes[codes[differs[0]]], y[differs[0]]
        raise ValueError(
            f"{caller}: subject {names[codes[differs[0]]]!r} has two outcomes, {_text(one)} and "
            f"{_text(other)}. Give all rows of a subject one outcome: that of its first event."
        )
    return outcomes


def _text(outcome: Any) -> str:
    kind = "an event" if outcome["event"] else "censoring"
    return f"{kind} at {outcome['time']:g}"


def _product_limit(
    times: NDArray[np.floating], lost: NDArray[np.intp], at_risk: NDArray[np.intp]
) -> NDArray[np.floating]:
    part = np.divide(lost, at_risk, out=np.zeros(len(times)), where=lost > 0)
    return np.cumprod(1 - part)


def _counts(y: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Count events, censored subjects and subjects at risk at each distinct time."""
    times, place = np.unique(y["time"], return_inverse=True)
    events = np.bincount(place, weights=y["event"], minlength=len(times)).astype(int)
    left = np.bincount(place, minlength=len(times))
    return times, events, left - events, len(y) - np.concatenate([[0], np.cumsum(left)[:-1]])


def kaplan_meier(
    y: NDArray[Any], subjects: Labels | None = None, *, confidence: float = 0.95
) -> pd.DataFrame:
    """Compute the Kaplan-Meier estimate of the fraction of subjects without the event.

    Parameters
    ----------
    y : structured ndarray of shape (n_rows,)
        Outcomes, such as those of :func:`~sklearn_emg.prognosis.survival_target`.
    subjects : array-like of shape (n_rows,), default=None
        Subject of each row. Each subject counts once; by default, each row is a subject.
    confidence : float, default=0.95
        Confidence level of the pointwise intervals.

    Returns
    -------
    curve : DataFrame of shape (n_times + 1, 6)
        Columns are ``time`` (0 and the distinct times), ``at_risk`` (number of subjects at risk
        just before this time), ``events`` (number of events at this time), ``survival`` (fraction
        without the event from this time to the next), ``low`` and ``high`` (ends of its interval).

    Raises
    ------
    ValueError
        If the outcomes are invalid, or a subject has two different outcomes.

    Notes
    -----
    S(t) is the product of 1 - d_i / n_i over the times t_i <= t, with d_i events among n_i subjects
    at risk [1]_. The interval is symmetric on the scale log(-log S), with Greenwood's variance of
    log S, which is sum d_i / (n_i (n_i - d_i)) [2]_. Both ends are 1 before the first event, and
    NaN once S is 0.

    References
    ----------
    .. [1] E. L. Kaplan, P. Meier, "Nonparametric estimation from incomplete observations", J. Am.
       Stat. Assoc. 53 (1958) 457-481.
    .. [2] J. D. Kalbfleisch, R. L. Prentice, "The Statistical Analysis of Failure Time Data",
       Wiley, 1980.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emg.metrics import kaplan_meier
    >>> y = np.array(
    ...     [(True, 2.0), (False, 3.0), (True, 5.0)], dtype=[("event", bool), ("time", float)]
    ... )
    >>> kaplan_meier(y)["survival"].round(3).tolist()
    [1.0, 0.667, 0.667, 0.0]
    """
    check_confidence(confidence)
    y = check_outcomes(y, "kaplan_meier", some_event=False)
    if subjects is not None:
        found = Subjects.of(None, subjects)
        y = outcomes_of_subjects(y, found.codes, found.names, "kaplan_meier")
    times, events, _, at_risk = _counts(y)
    survival = _product_limit(times, events, at_risk)
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = np.cumsum(np.where(events > 0, events / (at_risk * (at_risk - events)), 0.0))
        log = np.log(survival)
        half = norm.ppf(0.5 + confidence / 2) * np.sqrt(variance) / log
        low, high = survival ** np.exp(-half), survival ** np.exp(half)
    certain = survival == 1  # before the first event
    low, high = np.where(certain, 1.0, low), np.where(certain, 1.0, high)
    return ReadableTable(
        {
            "time": np.concatenate([[0.0], times]),
            "at_risk": np.concatenate([[len(y)], at_risk]),
            "events": np.concatenate([[0], events]),
            "survival": np.concatenate([[1.0], survival]),
            "low": np.concatenate([[1.0], low]),
            "high": np.concatenate([[1.0], high]),
        }
    )


def survival_at(curve: pd.DataFrame, times: ArrayLike) -> NDArray[np.floating]:
    """Return the values of the curve of :func:`kaplan_meier` at given times, in its unit."""
    place = np.searchsorted(curve["time"].to_numpy(), np.asarray(times, float), side="right") - 1
    return curve["survival"].to_numpy()[place]


def _uncensored(y: NDArray[Any], times: NDArray[np.floating]) -> NDArray[np.floating]:
    """Estimate the fraction not yet censored at given times; events precede censoring in ties."""
    known, events, censored, at_risk = _counts(y)
    left = np.concatenate([[1.0], _product_limit(known, censored, at_risk - events)])
    return left[np.searchsorted(known, times, side="right")]


def check_times(times: ArrayLike, y: NDArray[Any], caller: str) -> NDArray[np.floating]:
    """Check that the times of an evaluation are increasing and within the follow-up.

    Parameters
    ----------
    times : array-like of shape (n_times,)
        Times of the evaluation.
    y : structured ndarray of shape (n_subjects,)
        Outcomes, which define the follow-up.
    caller : str
        Name of the class or function in messages.

    Returns
    -------
    times : ndarray of float of shape (n_times,)
        Checked times.

    Raises
    ------
    ValueError
        If the times are not positive and increasing, or one is at or beyond the last known time.
    """
    times = np.atleast_1d(np.asarray(times, dtype=float))
    if times.ndim != 1 or not len(times) or not (np.diff(times, prepend=0.0) > 0).all():
        raise ValueError(f"The 'times' of {caller} must be positive and increasing. Got {times}.")
    last = float(y["time"].max())
    if times[-1] >= last:
        raise ValueError(
            f"The 'times' of {caller} reach {times[-1]:g}, beyond the follow-up: the last known "
            f"time is {last:g}. Evaluate at times below it."
        )
    return times


def survival_measures(
    y: NDArray[Any],
    survival: ArrayLike,
    times: ArrayLike,
    *,
    risk: ArrayLike | None = None,
    y_train: NDArray[Any] | None = None,
    folds: ArrayLike | None = None,
    n_resamples: int = 1000,
    confidence: float = 0.95,
    random_state: Any = 0,
) -> pd.DataFrame:
    """Compute scores of predicted survival curves, with intervals over subjects.

    Parameters
    ----------
    y : structured ndarray of shape (n_subjects,)
        Outcomes, one per subject.
    survival : array-like of shape (n_subjects, n_times)
        Predicted probability that no event occurs until each time.
    times : array-like of shape (n_times,)
        Times of the evaluation, increasing and below the last time in `y` and in `y_train`.
    risk : array-like of shape (n_subjects,), default=None
        Risk score for the concordance, which must be higher for earlier events. By default, it is
        the expected loss of event-free time until the last of `times`, according to the predicted
        curve.
    y_train : structured ndarray, default=None
        Outcomes from which the distribution of censoring is estimated; by default, `y`.
    folds : array-like of shape (n_subjects,), default=None
        Fold in which each subject was predicted. The models of different folds may have different
        scales, so concordance and AUC then compare only subjects of the same fold.
    n_resamples : int, default=1000
        Number of resamples of subjects for the intervals; the distribution of censoring is not
        resampled.
    confidence : float, default=0.95
        Confidence level of the intervals.
    random_state : int, RandomState instance or None, default=0
        Seed of the resamples.

    Returns
    -------
    measures : DataFrame
        Table with the columns ``value``, ``low`` and ``high`` and one row per measure:
        "concordance", "auc", "ibs" (the integrated Brier score, for which lower is better; NaN for
        a single time) and, for each time such as 6, "auc at 6" and "brier at 6".

    Raises
    ------
    ValueError
        If outcomes or times are invalid, `survival` has the wrong shape or values that are not
        probabilities, or `folds` does not have one entry per subject.

    Notes
    -----
    Weights compensate for censoring; they are inverses of the probability G of being uncensored.
    The concordance is that of Uno [1]_: pairs whose earlier event is at t_i, before the last of
    `times`, have the weight 1 / G(t_i)^2. The AUC is the cumulative/dynamic AUC, and "auc" is its
    mean, weighted by the decrease of the Kaplan-Meier curve [2]_. The Brier score is that of Graf
    and others [3]_, and "ibs" is its mean over the time from the first to the last of `times`.
    Curves without information have a concordance and an AUC of 0.5 and the "ibs" of the
    Kaplan-Meier curve.

    References
    ----------
    .. [1] H. Uno et al., "On the C-statistics for evaluating overall adequacy of risk prediction
       procedures with censored survival data", Stat. Med. 30 (2011) 1105-1117.
    .. [2] J. Lambert, S. Chevret, "Summary measure of discrimination in survival models based on
       cumulative/dynamic time-dependent ROC curves", Stat. Methods Med. Res. 25 (2016) 2088-2102.
    .. [3] E. Graf et al., "Assessment and comparison of prognostic classification schemes for
       survival data", Stat. Med. 18 (1999) 2529-2545.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emg.metrics import survival_measures
    >>> time = np.array([2.0, 4.0, 6.0, 9.0])
    >>> y = np.rec.fromarrays([[True, True, False, True], time], names="event,time")
    >>> curves = np.exp(-np.outer(1 / time, [3.0, 5.0]))
    >>> float(survival_measures(y, curves, [3.0, 5.0]).loc["concordance", "value"])
    1.0
    """
    caller = "survival_measures"
    y = check_outcomes(y, caller)
    known = y if y_train is None else check_outcomes(y_train, caller)
    times = check_times(times, y, caller)
    check_times(times, known, caller)
    survival = np.asarray(survival, dtype=float)
    if survival.shape != (len(y), len(times)):
        raise ValueError(
            f"The 'survival' of {caller} must have the shape (n_subjects, n_times), "
            f"{(len(y), len(times))}. Got {survival.shape}."
        )
    if not ((survival >= -1e-9) & (survival <= 1 + 1e-9)).all():
        raise ValueError(f"The 'survival' of {caller} must lie between 0 and 1, without NaN.")
    if risk is None:
        # Time lost until the last of `times`: the area above the curve, which starts at 1.
        ends = np.column_stack([np.ones(len(y)), survival])
        risk = times[-1] - trapezoid(ends, np.concatenate([[0.0], times]), axis=1)
    risk = np.asarray(risk, dtype=float)
    same = np.ones((len(y), len(y)), dtype=bool)
    if folds is not None:
        fold = np.asarray(folds)
        if fold.shape != (len(y),):
            raise ValueError(f"The 'folds' of {caller} must have one entry per subject ({len(y)}).")
        same = fold[:, np.newaxis] == fold
    statistics = _statistics(y, known, survival, times, risk, same)
    rows = {}
    for name, statistic in statistics.items():
        low, high = bootstrap_interval(
            statistic,
            np.arange(len(y)),
            n_resamples=n_resamples,
            confidence=confidence,
            random_state=random_state,
        )
        rows[name] = {"value": statistic(np.arange(len(y))), "low": low, "high": high}
    return ReadableTable.from_dict(rows, orient="index")


def brier_contributions(
    y: NDArray[Any], known: NDArray[Any], survival: NDArray[Any], times: NDArray[np.floating]
) -> NDArray[np.floating]:
    """Compute the weighted squared error of each subject at each time; the mean is the Brier score.

    `y` holds one outcome per subject, `known` the outcomes from which the distribution of censoring
    is estimated, and `survival`, of shape (n_subjects, n_times), the predicted probabilities that
    no event occurs until each time.
    """
    own, then = _uncensored(known, y["time"]), _uncensored(known, times)
    later = y["time"][:, np.newaxis] > times
    had = y["event"][:, np.newaxis] & ~later
    before = np.where(own > 0, own, np.inf)[:, np.newaxis]
    return survival**2 * had / before + (1 - survival) ** 2 * later / then


def integrated(contributions: NDArray[np.floating], times: NDArray[np.floating]) -> NDArray[Any]:
    """Compute the mean of each subject's contributions over time by the trapezoidal rule.

    It is NaN for a single time.
    """
    if len(times) < 2:
        return np.full(len(contributions), np.nan)
    return trapezoid(contributions, times, axis=1) / (times[-1] - times[0])


def _ranks_of_pairs(
    risk: NDArray[np.floating], pairs: NDArray[np.floating]
) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Return the weights of correctly ranked pairs (half for ties) and of all pairs."""
    difference = risk[:, np.newaxis] - risk
    right = np.where(np.abs(difference) <= _TIE, 0.5, difference > 0)
    return pairs * right, pairs


def _statistics(
    y: NDArray[Any],
    known: NDArray[Any],
    survival: NDArray[np.floating],
    times: NDArray[np.floating],
    risk: NDArray[np.floating],
    same: NDArray[np.bool_],
) -> dict[str, Any]:
    """Return each measure as a function of row numbers; only pairs in `same` are compared."""
    time, event = y["time"], y["event"]
    own = _uncensored(known, time)
    weight = np.divide(1.0, own, out=np.zeros(len(y)), where=event & (own > 0))
    later = time[:, np.newaxis] < time
    later |= (time[:, np.newaxis] == time) & event[:, np.newaxis] & ~event
    early = np.where(time < times[-1], weight**2, 0.0)
    concordance = _ranks_of_pairs(risk, early[:, np.newaxis] * later * same)
    aucs = [
        _ranks_of_pairs(1 - survival[:, k], np.outer(weight * (time <= t), time > t) * same)
        for k, t in enumerate(times)
    ]
    survivors = np.concatenate([[1.0], survival_at(kaplan_meier(y), times)])
    drop = -np.diff(survivors)
    brier = brier_contributions(y, known, survival, times)
    whole = integrated(brier, times)

    def ratio(parts: tuple[NDArray[np.floating], NDArray[np.floating]], rows: Any) -> float:
        times_drawn = np.bincount(rows, minlength=len(y)).astype(float)
        right, all_pairs = (float(times_drawn @ part @ times_drawn) for part in parts)
        return right / all_pairs if all_pairs > 0 else np.nan

    def mean_auc(rows: Any) -> float:
        values = np.array([ratio(parts, rows) for parts in aucs])
        known = np.isfinite(values)  # the AUC is undefined before the first event
        total = drop[known].sum()
        return float(values[known] @ drop[known] / total) if total > 0 else np.nan

    found: dict[str, Any] = {
        "concordance": lambda rows: ratio(concordance, rows),
        "auc": mean_auc,
        "ibs": lambda rows: float(whole[rows].mean()),
    }
    for k, t in enumerate(times):
        found[f"auc at {t:g}"] = lambda rows, k=k: ratio(aucs[k], rows)
        found[f"brier at {t:g}"] = lambda rows, k=k: float(brier[rows, k].mean())
    return found
