"""Comparison and check of sampling rates, and the common rate of a table."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from sklearn_emg._tables import row_text

# Largest relative difference between rates that count as equal; rates that were computed from
# time stamps have rounding errors.
RATE_TOLERANCE = 1e-6


def same_rate(first: ArrayLike, second: ArrayLike) -> Any:
    """Return whether sampling rates are equal to within a relative difference of 1e-6.

    Parameters
    ----------
    first, second : float or array-like of float
        Sampling rates in Hz, broadcast against each other.

    Returns
    -------
    same : bool or ndarray of bool
        Whether the rates are equal, in the shape to which they are broadcast.

    Examples
    --------
    >>> from sklearn_emg.recordings import same_rate
    >>> same_rate(2000.0, 1999.9999999)
    True
    >>> same_rate(2000.0, [2000.001, 2000.01]).tolist()
    [True, False]
    """
    first, second = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    same = np.abs(first - second) <= RATE_TOLERANCE * np.maximum(np.abs(first), np.abs(second))
    return bool(same) if same.ndim == 0 else same


def distinct_rates(rates: Iterable[float]) -> list[float]:
    """Return the distinct sampling rates in ascending order.

    Of rates that are equal by :func:`same_rate`, the smallest is kept.
    """
    distinct: list[float] = []
    for rate in np.unique(np.asarray(list(rates), dtype=float)):
        if not distinct or not same_rate(rate, distinct[-1]):
            distinct.append(float(rate))
    return distinct


def check_rates(table: pd.DataFrame, fs: float | None, caller: str) -> None:
    """Raise if the rate passed with a table differs from a rate in the table."""
    if fs is None:
        return
    other = np.flatnonzero(~same_rate(table["fs"].to_numpy(dtype=float), fs))
    if other.size:
        raise ValueError(
            f"The 'fs' parameter of {caller} is {fs:.9g} Hz, but row {other[0]} of the table "
            f"has {table['fs'].iloc[other[0]]:.9g} Hz. Leave 'fs' None, since the table contains "
            "the rate."
        )


def one_rate(table: pd.DataFrame) -> float:
    """Return the sampling rate of a table in Hz; raise ValueError if a row has a different rate."""
    rates = table["fs"].to_numpy(dtype=float)
    other = np.flatnonzero(~same_rate(rates, rates[0]))
    if other.size:
        raise ValueError(
            f"Windows require one sampling rate, but {row_text(table, 0)} has fs={rates[0]:.10g} "
            f"Hz and {row_text(table, int(other[0]))} has fs={rates[other[0]]:.10g} Hz. Resample "
            "the rows with Resampler(fs_out=...) first, or divide the rows of each rate separately."
        )
    return float(rates[0])
