"""Visits of a subject: their order and their times, checked."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

__all__ = ["check_visits", "faults_of_visits", "visit_months"]

DAYS_PER_MONTH = 365.25 / 12
_DATES = (datetime.date, np.datetime64)  # a Timestamp is a date too


def check_visits(table: pd.DataFrame) -> pd.DataFrame:
    """Check the visits of a table: their order, and the time of each.

    The column ``visit`` is a number that counts the visits of a subject, ``time`` months (from
    any start) or dates, one kind for all rows. All rows of a visit have one time, and later visits
    have later times. Either column may be missing; recording tables are checked by
    :func:`check_recording_table` as well.

    Parameters
    ----------
    table : DataFrame
        With the columns ``subject`` and ``visit`` or ``time``.

    Returns
    -------
    table : DataFrame
        The same object.

    Raises
    ------
    ValueError
        If a value is missing or no number (or date), months and dates are mixed, a visit has two
        times or its time is not after that of the visit before. The message names the row.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_emg.recordings import check_visits
    >>> table = pd.DataFrame({"subject": ["a", "a"], "visit": [1, 2], "time": [0.0, 6.0]})
    >>> check_visits(table) is table
    True
    """
    if "subject" not in table.columns or not {"visit", "time"} & set(table.columns):
        raise ValueError(
            "Visits need a column 'subject' and a column 'visit' (order) or 'time' (months or "
            f"dates). The table has {list(table.columns)}."
        )
    faults = [
        f"row {row} (index {table.index[row]!r}), column {column!r}: {text}"
        for row, column, text in faults_of_visits(table)
    ]
    if faults:
        more = f"\n  and {len(faults) - 5} more" if len(faults) > 5 else ""
        raise ValueError("The visits have unusable rows:\n  " + "\n  ".join(faults[:5]) + more)
    return table


def faults_of_visits(table: pd.DataFrame) -> Iterator[tuple[int, str, str]]:
    """Row, column and text of each fault of the columns ``visit`` and ``time``, as far as given.

    Parameters
    ----------
    table : DataFrame
        With a column ``subject``.

    Yields
    ------
    fault : (int, str, str)
    """
    unusable = False
    for column, find in (("visit", _faults_of_orders), ("time", _faults_of_times)):
        for row, text in find(table[column]) if column in table else ():
            unusable = True
            yield row, column, text
    if not unusable and {"visit", "time", "subject"} <= set(table.columns):
        yield from _faults_of_courses(table)


def _faults_of_orders(visits: pd.Series) -> Iterator[tuple[int, str]]:
    numbers = pd.to_numeric(visits, errors="coerce").to_numpy(dtype=float)
    texts = [isinstance(v, str) for v in visits]
    for row in np.flatnonzero(~np.isfinite(numbers) | texts).tolist():
        given = visits.iloc[row]
        yield row, f"must be a number that counts the visits, got {given!r}; number them in order"


def _is_date(value: Any) -> bool:
    return isinstance(value, _DATES)


def _faults_of_times(times: pd.Series) -> Iterator[tuple[int, str]]:
    missing = times.isna().to_numpy()
    dates = np.array([_is_date(v) for v in times]) | (times.dtype.kind == "M")
    first = int(np.argmin(missing))  # 0 if all are missing
    for row, value in enumerate(times):
        if missing[row]:
            yield row, "is missing; give the time of the visit, or leave the row out"
        elif not dates[row] and (text := _fault_of_months(value)):
            yield row, text
        elif dates[row] != dates[first]:
            kinds = ("a date", "months") if dates[row] else ("months", "dates")
            yield row, f"is {kinds[0]}, and row {first} has {kinds[1]}; give one unit for all rows"


def _fault_of_months(value: Any) -> str:
    """What is wrong with a time that is no date; empty if nothing is."""
    if isinstance(value, (str, bool)) or not np.isreal(value):
        return f"must be months or a date, got {value!r}; see pandas.to_datetime"
    return "" if np.isfinite(value) else f"must be finite, got {value}; give months or a date"


def _faults_of_courses(table: pd.DataFrame) -> Iterator[tuple[int, str, str]]:
    """Visits with two times, and visits that are not after the one before."""
    frame = pd.DataFrame(
        {
            "subject": pd.factorize(table["subject"].astype(object))[0],
            "visit": table["visit"].to_numpy(dtype=float),
            "months": visit_months(table),
        }
    )
    for _, part in frame.sort_values(["visit", "months"]).groupby("subject", sort=False):
        visit, months, rows = (
            part["visit"].to_numpy(),
            part["months"].to_numpy(),
            part.index.to_numpy(),
        )
        for k in np.flatnonzero((np.diff(visit) == 0) & (np.diff(months) != 0)):
            who = f"visit {visit[k]:g} of subject {table['subject'].iloc[rows[k]]!r}"
            yield (
                int(rows[k + 1]),
                "time",
                f"{who} has two times, {table['time'].iloc[rows[k]]} and "
                f"{table['time'].iloc[rows[k + 1]]}; give a visit one time",
            )
        for k in np.flatnonzero((np.diff(visit) > 0) & (np.diff(months) <= 0)):
            who = f"visit {visit[k + 1]:g} of subject {table['subject'].iloc[rows[k]]!r}"
            yield (
                int(rows[k + 1]),
                "time",
                f"{who} is at {table['time'].iloc[rows[k + 1]]}, not after visit {visit[k]:g} at "
                f"{table['time'].iloc[rows[k]]}; correct the time or the order",
            )


def visit_months(table: pd.DataFrame) -> NDArray[np.floating]:
    """Time of each row in months; without times the number of the visit.

    Parameters
    ----------
    table : DataFrame
        With a column ``time`` of months or dates, or ``visit``.

    Returns
    -------
    months : ndarray of shape (n_rows,)
        Months of 30.4 days since the first date of the table, or the months given.
    """
    if "time" not in table.columns:
        return table["visit"].to_numpy(dtype=float)
    times = table["time"]
    if len(times) and (times.dtype.kind == "M" or _is_date(times.iloc[0])):
        dates = pd.to_datetime(times)
        return ((dates - dates.min()).dt.total_seconds() / 86400 / DAYS_PER_MONTH).to_numpy()
    return times.to_numpy(dtype=float)
