"""Firing of motor units: rates, variability, doublets, recruitment and common drive."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.signal import fftconvolve

from sklearn_emg._tables import ReadableTable
from sklearn_emg._validation import check_real
from sklearn_emg.metrics import discharge_trains
from sklearn_emg.motor_units._trains import fit_intervals

_GRID = 100.0  # sampling rate in Hz of smoothed firing rates
_COLUMNS = [
    *("row", "unit", "n_discharges", "rate", "variability", "missed", "false", "doublets"),
    *("first", "order", "threshold"),
]


def firing_statistics(
    discharges: pd.DataFrame,
    *,
    level: tuple[ArrayLike, ArrayLike] | None = None,
    doublet: float = 0.02,
) -> pd.DataFrame:
    """Describe the firing of each motor unit.

    Parameters
    ----------
    discharges : DataFrame of shape (n_discharges, n_columns)
        Discharges with the columns ``time`` in s, ``unit`` and, for several recordings, ``row``,
        as in ``discharges_`` of :class:`MotorUnitDecomposer`.
    level : tuple of (array-like, array-like), default=None
        Times in s, in ascending order, and the force or level of activity at these times, in any
        unit. The level is interpolated linearly and belongs to a single recording.
    doublet : float, default=0.02
        Upper limit in s of the interval of a doublet.

    Returns
    -------
    table : DataFrame of shape (n_units, 11)
        Statistics with one row per unit. The columns are ``row``, ``unit`` and ``n_discharges``;
        ``rate`` in Hz, the inverse of the mean interval; ``variability``, the coefficient of
        variation of the intervals; the estimated fractions of ``missed`` and ``false`` discharges,
        for which rate and variability are corrected; ``doublets``, the fraction of intervals that
        are doublets; ``first``, the time of the first discharge in s; ``order`` of recruitment
        within the recording, from 1; and ``threshold``, the `level` at the first discharge, which
        is NaN without a level. Rate, variability and the fractions of missed and false discharges
        are NaN for fewer than 4 discharges. Without a column ``row`` in `discharges`, all values of
        ``row`` are 0.

    Raises
    ------
    ValueError
        If a column is missing or has missing values, if a unit discharges twice at the same time,
        if `level` is given for several recordings, or if its times are not in ascending order.

    Warns
    -----
    RecordingWarning
        If the intervals are so long that the times do not seem to be in s.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_emg.motor_units import firing_statistics
    >>> table = pd.DataFrame({"time": [0.1, 0.2, 0.3, 0.4, 0.5, 0.6], "unit": 1})
    >>> firing_statistics(table)[["n_discharges", "rate"]].round(2).values.tolist()
    [[6.0, 10.0]]
    """
    check_real(doublet, "doublet", "firing_statistics", 0.0, above=True)
    trains = _trains(discharges, "firing_statistics")
    if level is not None and len({row for row, _ in trains}) > 1:
        raise ValueError(
            "firing_statistics: the 'level' belongs to a single recording. Pass only the "
            "discharges of that recording."
        )
    if level is not None:
        _check_level(*(np.asarray(values, dtype=np.float64) for values in level))
    rows = []
    for (row, unit), times in trains.items():
        model, intervals = fit_intervals(times), np.diff(times)
        known = np.isfinite(model.mean) and model.mean > 0
        rows.append(
            (
                row,
                unit,
                len(times),
                1.0 / model.mean if known else np.nan,
                model.sd / model.mean if known else np.nan,
                model.missed,
                model.false,
                float(np.mean(intervals < doublet)) if len(intervals) else np.nan,
                times[0],
                0,
                _level_at(times[0], level),
            )
        )
    table = ReadableTable(rows, columns=_COLUMNS)
    table["order"] = table.groupby("row")["first"].rank(method="first").astype(np.int64)
    return table


def common_drive(
    discharges: pd.DataFrame, *, window: float = 0.4, max_lag: float = 0.1
) -> pd.DataFrame:
    """Correlate the smoothed firing rates of each pair of units of a recording.

    Parameters
    ----------
    discharges : DataFrame of shape (n_discharges, n_columns)
        Discharges as for :func:`firing_statistics`.
    window : float, default=0.4
        Length in s of the Hann window that smooths the trains.
    max_lag : float, default=0.1
        Largest lag in s. It is limited to half of the time during which both units are active.

    Returns
    -------
    table : DataFrame of shape (n_pairs, 5)
        Correlations with one row per pair. The columns are ``row``; the units ``first`` and
        ``second``; ``correlation``, the largest within the range of lags; and its ``lag`` in s,
        which is positive if the second unit follows the first. Pairs are left out if the time
        during which both units are active is shorter than two windows.

    Raises
    ------
    ValueError
        If a column is missing or has missing values, if a unit discharges twice at the same time,
        if `window` is shorter than 0.01 s, or if `max_lag` is negative.

    Notes
    -----
    Firing rates are smoothed, and slow trends are removed by subtracting the rate smoothed over
    five windows. De Luca, LeFever, McCue and Xenakis, J. Physiol. 329 (1982) 129-142, do the same
    with filters.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from sklearn_emg.motor_units import common_drive
    >>> times = np.cumsum(0.1 + 0.02 * np.sin(np.arange(100)))
    >>> both = pd.DataFrame({"time": np.r_[times, times + 0.05], "unit": np.repeat([1, 2], 100)})
    >>> common_drive(both)[["correlation", "lag"]].round(2).values.tolist()
    [[1.0, 0.05]]
    """
    check_real(window, "window", "common_drive", 1.0 / _GRID)
    check_real(max_lag, "max_lag", "common_drive", 0.0)
    trains = _trains(discharges, "common_drive")
    rows = []
    for (key, a), (other, b) in combinations(trains.items(), 2):
        start, stop = max(a[0], b[0]), min(a[-1], b[-1])
        if key[0] == other[0] and stop - start >= 2 * window:
            reach = int(min(max_lag, (stop - start) / 2) * _GRID)
            x, y = (_smoothed(times, start, stop, window) for times in (a, b))
            rows.append((key[0], key[1], other[1], *_best_lag(x, y, reach)))
    return pd.DataFrame(rows, columns=["row", "first", "second", "correlation", "lag"])


def _check_level(times: NDArray[np.float64], values: NDArray[np.float64]) -> None:
    if times.shape != values.shape or times.ndim != 1 or not np.isfinite([times, values]).all():
        raise ValueError(
            "firing_statistics: 'level' must be a pair of times and values, finite and as many of "
            f"each. Got the shapes {times.shape} and {values.shape}."
        )
    if not (np.diff(times) > 0).all():
        raise ValueError(
            "firing_statistics: the times of 'level' must be in ascending order. Sort them."
        )


def _level_at(time: float, level: tuple[ArrayLike, ArrayLike] | None) -> float:
    if level is None:
        return np.nan
    return float(np.interp(time, np.asarray(level[0]), np.asarray(level[1])))


def _trains(discharges: pd.DataFrame, caller: str) -> dict[tuple, NDArray[np.float64]]:
    if not isinstance(discharges, pd.DataFrame):
        raise TypeError(
            f"{caller} takes a table of discharges, such as decomposer.discharges_. Got "
            f"{type(discharges).__name__}."
        )
    return discharge_trains(discharges, f"{caller}: the table")


def _smoothed(
    times: NDArray[np.float64], start: float, stop: float, window: float
) -> NDArray[np.float64]:
    """Firing rate on a regular grid, without slow changes."""
    margin = 5 * window
    edges = np.arange(start - margin, stop + margin, 1.0 / _GRID)
    counts = np.histogram(times, edges)[0] * _GRID
    smooth = []
    for length in (window, 5 * window):
        kernel = np.hanning(int(length * _GRID) + 2)[1:-1]
        smooth.append(fftconvolve(counts, kernel / kernel.sum(), "same"))
    inside = slice(int(margin * _GRID), len(counts) - int(margin * _GRID))
    return (smooth[0] - smooth[1])[inside]


def _best_lag(x: NDArray[np.float64], y: NDArray[np.float64], reach: int) -> tuple[float, float]:
    values = []
    for lag in range(-reach, reach + 1):
        a = x[max(-lag, 0) : len(x) - max(lag, 0)]
        b = y[max(lag, 0) : len(y) - max(-lag, 0)]
        a, b = a - a.mean(), b - b.mean()
        scale = np.sqrt((a @ a) * (b @ b))
        values.append(float(a @ b / scale) if scale > 0 else np.nan)
    if np.isnan(values).all():
        return np.nan, np.nan
    best = int(np.nanargmax(values))
    return values[best], (best - reach) / _GRID
