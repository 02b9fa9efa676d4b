"""Aggregate the predicted numbers of windows into recordings and subjects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklearn_emg.ensemble._input import Rows
from sklearn_emg.ensemble._votes import Votes, table_of_recordings, table_of_units, table_of_windows
from sklearn_emg.recordings import mean_by_code

AVERAGES = ("mean", "median", "trimmed")
_TRIM = 0.2  # fraction of the weight left out at each end


def weighted_average(
    values: NDArray[np.floating], weights: NDArray[np.floating], average: str
) -> float:
    """Mean, median or trimmed mean of weighted values.

    Parameters
    ----------
    values, weights : ndarray of shape (n_values,)
        Values and their positive weights.
    average : {"mean", "median", "trimmed"}
        "trimmed" leaves out a fifth of the weight at each end, so that a value may count only in
        part (R. R. Wilcox, "Introduction to Robust Estimation and Hypothesis Testing", 2012,
        section 3.3).

    Returns
    -------
    average : float
        The average.
    """
    if average == "mean":
        return float(np.average(values, weights=weights))
    order = np.argsort(values, kind="stable")
    values, weights = values[order], weights[order]
    end = np.cumsum(weights) / weights.sum()
    if average == "median":
        low, high = np.searchsorted(end, [0.5 - 1e-12, 0.5 + 1e-12])
        return float((values[low] + values[min(high, len(values) - 1)]) / 2)
    start = np.concatenate([[0.0], end[:-1]])
    kept = np.clip(np.minimum(end, 1 - _TRIM) - np.maximum(start, _TRIM), 0, None)
    return float(np.average(values, weights=kept))


def average_by_code(
    values: NDArray[np.floating],
    codes: NDArray[np.intp],
    n_codes: int,
    average: str,
    weights: NDArray[np.floating] | None = None,
) -> NDArray[np.floating]:
    """Average of the values of each code; NaN for a code without values or weight.

    Parameters
    ----------
    values : ndarray of shape (n_values,)
        Values to average.
    codes : ndarray of int of shape (n_values,)
        Code of each value.
    n_codes : int
        Number of codes.
    average : {"mean", "median", "trimmed"}
        Kind of average; see :func:`weighted_average`.
    weights : ndarray of shape (n_values,), default=None
        Weight of each value; by default, all weights are equal.

    Returns
    -------
    averages : ndarray of shape (n_codes,)
        Average of each code.
    """
    if average == "mean" and weights is None:
        return mean_by_code(values[:, np.newaxis], codes, n_codes)[:, 0]
    weights = np.ones(len(values)) if weights is None else weights
    counted = weights > 0
    values, codes, weights = values[counted], codes[counted], weights[counted]
    order = np.argsort(codes, kind="stable")
    found, starts = np.unique(codes[order], return_index=True)
    out = np.full(n_codes, np.nan)
    for code, part in zip(found, np.split(order, starts[1:])):
        out[code] = weighted_average(values[part], weights[part], average)
    return out


def unit_statistics(
    values: NDArray[np.floating],
    codes: NDArray[np.intp],
    n_codes: int,
    average: str,
    weights: NDArray[np.floating] | None = None,
) -> NDArray[np.floating]:
    """Average, standard deviation, minimum and maximum of the values of each code.

    Parameters
    ----------
    values : ndarray of shape (n_values,)
        Values; those that are NaN or have no weight are left out.
    codes : ndarray of int of shape (n_values,)
        Code of each value.
    n_codes : int
        Number of codes.
    average : {"mean", "median", "trimmed"}
        Kind of average; see :func:`weighted_average`.
    weights : ndarray of shape (n_values,), default=None
        Weight of each value; by default, all weights are equal.

    Returns
    -------
    statistics : ndarray of shape (n_codes, 4)
        Statistics of each code; NaN for a code without values. The standard deviation is 0 for a
        single value and otherwise the square root of sum w (x - m)^2 / (W - sum w^2 / W), where m
        is the weighted mean and W is the sum of the weights. It does not depend on the scale of the
        weights; with equal weights, it is the standard deviation with divisor n - 1.
    """
    weights = np.ones(len(values)) if weights is None else weights
    counted = np.isfinite(values) & (weights > 0)
    values, codes, weights = values[counted], codes[counted], weights[counted]

    def total(of_values: NDArray[np.floating]) -> NDArray[np.floating]:
        return np.bincount(codes, weights=of_values, minlength=n_codes).astype(float)

    averages = average_by_code(values, codes, n_codes, average, weights)
    mass = total(weights)
    mean = np.divide(total(weights * values), mass, out=np.zeros(n_codes), where=mass > 0)
    correction = np.divide(total(weights**2), mass, out=np.zeros(n_codes), where=mass > 0)
    squares, free = total(weights * (values - mean[codes]) ** 2), mass - correction
    several = np.bincount(codes, minlength=n_codes) > 1
    spread = np.sqrt(np.divide(squares, free, out=np.zeros(n_codes), where=several))
    low, high = np.full(n_codes, np.inf), np.full(n_codes, -np.inf)
    np.minimum.at(low, codes, values)
    np.maximum.at(high, codes, values)
    found = np.column_stack([averages, spread, low, high])
    return np.where(np.isfinite(averages)[:, np.newaxis], found, np.nan)


@dataclass(frozen=True)
class NumberAggregation:
    """Aggregation of the predictions of recordings into features and predictions of units.

    Attributes
    ----------
    average : {"mean", "median", "trimmed"}
        Kind of average; see :func:`weighted_average`.
    by : str or None
        Name of the column whose values are averaged separately.
    levels : list or None
        Values of this column in training.
    unit : str
        Column that defines the unit of prediction.
    """

    average: str
    by: str | None
    levels: list[Any] | None
    unit: str

    @property
    def feature_names(self) -> list[str]:
        if self.by is None:
            return [f"feature_{name}" for name in (self.average, "sd", "min", "max")]
        return [f"feature_{level}" for level in self.levels or []]

    def unit_values(
        self, rows: Rows, values: NDArray[np.floating], weights: NDArray[np.floating] | None
    ) -> NDArray[np.floating]:
        """Average of each unit's recordings; NaN for a unit without windows."""
        valid = np.isfinite(values)
        weights = None if weights is None else weights[valid]
        n_units = len(rows.unit_index)
        return average_by_code(values[valid], rows.unit[valid], n_units, self.average, weights)

    def unit_features(
        self, rows: Rows, values: NDArray[np.floating], weights: NDArray[np.floating] | None
    ) -> NDArray[np.floating]:
        """Features of units for the final regressor; NaN for a unit without windows.

        Without `by`, these are the statistics of the recordings (:func:`unit_statistics`). With
        `by`, they are the average for each of its values, or the average of all recordings of the
        unit if none of them has this value.
        """
        if rows.by is None:
            n_units = len(rows.unit_index)
            return unit_statistics(values, rows.unit, n_units, self.average, weights)
        units = self.unit_values(rows, values, weights)
        columns = []
        for level in self.levels or []:
            here = np.array([value == level for value in rows.by], dtype=bool)
            of_level = self.unit_values(rows, np.where(here, values, np.nan), weights)
            columns.append(np.where(np.isfinite(of_level), of_level, units))
        return np.column_stack(columns)

    def tables(
        self,
        rows: Rows,
        windows: NDArray[np.floating],
        values: NDArray[np.floating],
        features: NDArray[np.floating],
        predictions: NDArray[np.floating],
    ) -> Votes:
        """Predictions of windows, recordings and units as tables."""
        of_windows = table_of_windows(rows).assign(prediction=windows)
        recordings = table_of_recordings(rows, self.unit, self.by).assign(prediction=values)
        of_units = table_of_units(rows)
        of_units[self.feature_names] = features
        of_units["prediction"] = predictions
        return Votes(of_windows, recordings, of_units)
