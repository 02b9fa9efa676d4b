"""Trains of discharges: intervals, missed and false discharges, and pairs of trains."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import poisson

Floats = NDArray[np.float64]
_N_MULTIPLES = 5
_N_ITERATIONS = 25


class IntervalModel(NamedTuple):
    """Model of the intervals of a train, corrected for missed and false discharges.

    Attributes
    ----------
    mean, sd : float
        Mean and standard deviation of the intervals between successive true discharges in s.
    missed : float
        Estimated fraction of the unit's discharges that are missing from the train.
    false : float
        Estimated fraction of the train's discharges that do not belong to the unit.
    """

    mean: float
    sd: float
    missed: float
    false: float


def fit_intervals(times: ArrayLike) -> IntervalModel:
    """Estimate the mean interval and the missed and false discharges of a train.

    Intervals are modelled as a mixture of Gaussian distributions, with mean k m and variance k s^2
    for intervals in which k - 1 discharges are missing, and of a uniform distribution for false
    discharges; m and s are the mean and standard deviation of complete intervals. The mixture is
    fitted by expectation maximisation, as in the error-filtered estimation of Stashuk and Qu
    (1996), with the weights of a process that misses each discharge independently.

    Parameters
    ----------
    times : array-like of shape (n_discharges,)
        Times in s, in ascending order.

    Returns
    -------
    model : IntervalModel
        Fitted model, whose values are all NaN for fewer than 4 discharges.

    References
    ----------
    Stashuk D, Qu Y. Robust method for estimating motor unit firing-pattern statistics. Med Biol Eng
    Comput 34 (1996) 50-57.
    """
    from sklearn_emg.motor_units._kernels import fit_mixture

    intervals = np.diff(np.asarray(times, dtype=np.float64))
    if len(intervals) < 3:
        return IntervalModel(np.nan, np.nan, np.nan, np.nan)
    median = float(np.median(intervals))
    starts = {median, median / 2, float(np.quantile(intervals, 0.25))}
    fits = [
        fit_mixture(intervals, start, _N_MULTIPLES, _N_ITERATIONS)
        for start in sorted(starts)
        if start > 0
    ]
    if not fits:
        return IntervalModel(0.0, 0.0, 0.0, 1.0)
    _, mean, sd, missed, noise = max(fits, key=lambda fit: fit[0])
    # A false discharge divides one interval into two.
    return IntervalModel(mean, sd, missed, noise / 2)


def lags(a: Floats, b: Floats, reach: float) -> Floats:
    """Differences b - a of at most `reach` between discharges of two trains in ascending order."""
    first, last = np.searchsorted(b, a - reach), np.searchsorted(b, a + reach)
    counts = last - first
    begin = np.repeat(first - np.cumsum(counts) + counts, counts)
    return b[begin + np.arange(len(begin))] - np.repeat(a, counts)


def locked_fraction(a: Floats, b: Floats, reach: float = 0.015, width: float = 0.0012) -> float:
    """Largest fraction of the discharges `b` that have a fixed lag to a discharge of `a`."""
    found = np.sort(lags(a, b, reach))
    if not len(found):
        return 0.0
    return float((np.searchsorted(found, found + width) - np.arange(len(found))).max() / len(b))


def avoid_each_other(a: Floats, b: Floats, duration: float, doubt: float = 0.02) -> bool:
    """Whether discharges of two trains keep a distance, like those of a single unit.

    If trains of two units are independent, the number of pairs that are closer than half the median
    interval of the merged trains has a Poisson distribution.
    """
    gap = float(np.median(np.diff(np.sort(np.concatenate([a, b])))))
    window = min(0.5 * gap, 0.03)
    expected = len(a) * len(b) * 2 * window / duration
    seen = len(lags(a, b, window))
    return bool(poisson.cdf(seen, expected) < doubt and seen <= 0.3 * expected)
