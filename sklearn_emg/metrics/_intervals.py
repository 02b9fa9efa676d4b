"""Confidence intervals for few subjects."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm
from sklearn.utils import check_random_state

from sklearn_emg._typing import Labels
from sklearn_emg.recordings import subjects_of


def check_confidence(confidence: float) -> None:
    """Raise ValueError if a confidence level is not between 0 and 1."""
    if not 0 < confidence < 1:
        raise ValueError(f"The 'confidence' must lie between 0 and 1. Got {confidence!r}.")


def wilson_interval(
    proportion: float, n_subjects: int, *, confidence: float = 0.95
) -> tuple[float, float]:
    """Compute Wilson's score interval for a proportion, such as an accuracy over subjects.

    Unlike a bootstrap interval, it has a positive width even if all predictions are correct.

    Parameters
    ----------
    proportion : float
        Fraction of correct predictions, from 0 to 1. It need not be a multiple of 1/n, for instance
        if subjects are tested several times and count with their mean.
    n_subjects : int
        Number of subjects.
    confidence : float, default=0.95
        Confidence level of the interval.

    Returns
    -------
    low, high : float
        Bounds of the interval.

    Raises
    ------
    ValueError
        If a value is out of range.

    References
    ----------
    E. B. Wilson, "Probable inference, the law of succession, and statistical inference", J. Am.
    Stat. Assoc. 22 (1927) 209-212.

    Examples
    --------
    >>> from sklearn_emg.metrics import wilson_interval
    >>> low, high = wilson_interval(19 / 22, 22)
    >>> round(low, 2), round(high, 2)
    (0.67, 0.95)
    """
    check_confidence(confidence)
    if not 0 <= proportion <= 1 or n_subjects < 1:
        raise ValueError(
            "wilson_interval needs a proportion between 0 and 1 of at least one subject. Got "
            f"{proportion} of {n_subjects}."
        )
    z = norm.ppf(0.5 + confidence / 2)
    centre = proportion + z**2 / (2 * n_subjects)
    spread = z * np.sqrt(proportion * (1 - proportion) / n_subjects + z**2 / (4 * n_subjects**2))
    scale = 1 + z**2 / n_subjects
    return max(0.0, float((centre - spread) / scale)), min(1.0, float((centre + spread) / scale))


def _pools(first_rows: list[int], strata: Labels | None) -> list[NDArray[np.intp]]:
    """Return the subjects of each stratum or, without strata, a single pool of all subjects."""
    if strata is None:
        return [np.arange(len(first_rows))]
    of_subject = np.unique(np.asarray(strata), return_inverse=True)[1][first_rows]
    return [np.flatnonzero(of_subject == k) for k in np.unique(of_subject)]


def bootstrap_interval(
    statistic: Callable[[NDArray[np.intp]], float],
    subjects: Labels,
    *,
    strata: Labels | None = None,
    n_resamples: int = 1000,
    confidence: float = 0.95,
    random_state: Any = None,
) -> tuple[float, float]:
    """Compute the percentile bootstrap interval of a statistic by resampling subjects, not rows.

    Parameters
    ----------
    statistic : callable
        Function ``statistic(rows)`` that returns a float for an array of row numbers (with
        repeats).
    subjects : array-like of shape (n_rows,)
        Subject of each row; a drawn subject contributes all of its rows.
    strata : array-like of shape (n_rows,), default=None
        Stratum of each row, such as its class. Subjects are drawn within strata, so that none of
        these is missing from a resample. Each subject must belong to one stratum.
    n_resamples : int, default=1000
        Number of resamples.
    confidence : float, default=0.95
        Confidence level of the interval.
    random_state : int, RandomState instance or None, default=None
        Seed of the resamples.

    Returns
    -------
    low, high : float
        Bounds of the interval; NaN if the statistic is undefined in at least half of the resamples.

    Raises
    ------
    ValueError
        If there are no rows, a subject is missing, or a parameter is out of range.

    Notes
    -----
    With few subjects, the percentile interval is too narrow, and it is a single point if all
    subjects have the same value. For an accuracy, use :func:`wilson_interval`.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emg.metrics import bootstrap_interval
    >>> right = np.array([1, 0, 1, 1])
    >>> bootstrap_interval(lambda rows: right[rows].mean(), list("abcd"), random_state=0)
    (0.25, 1.0)
    """
    check_confidence(confidence)
    if not isinstance(n_resamples, (int, np.integer)) or n_resamples < 1:
        raise ValueError(f"The 'n_resamples' must be an int >= 1. Got {n_resamples!r}.")
    if len(subjects) == 0:
        raise ValueError("bootstrap_interval needs at least one row. Got no 'subjects'.")
    rng = check_random_state(random_state)
    codes = subjects_of(None, subjects)
    rows_of = [np.flatnonzero(codes == k) for k in range(codes.max() + 1)]
    pools = _pools([rows[0] for rows in rows_of], strata)
    values = np.empty(n_resamples)
    for i in range(n_resamples):
        drawn = np.concatenate([rng.choice(pool, size=len(pool)) for pool in pools])
        values[i] = statistic(np.concatenate([rows_of[k] for k in drawn]))
    values = values[np.isfinite(values)]
    if len(values) <= n_resamples // 2:
        return float("nan"), float("nan")
    low, high = np.quantile(values, [0.5 - confidence / 2, 0.5 + confidence / 2])
    return float(low), float(high)
