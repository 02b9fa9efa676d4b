"""Checks of the order and the times of a subject's visits."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sklearn_emg._warnings import warn_of_recordings
from sklearn_emg.recordings._frames import refuse_rows

DAYS_PER_MONTH = 365.25 / 12
_DATES = (datetime.date, np.datetime64)  # a Timestamp is a date too
# Times in days are some 30 times as large as times in months. Visits that span more than a century
# are not in months.
_OTHER_SCALE = 20.0
_MAX_MONTHS = 1200.0


def check_visits(table: pd.DataFrame, *, plausible: bool = True) -> pd.DataFrame:
    """Check the order and the times of the visits of a table.

    The column ``visit`` numbers the visits of a subject. The column ``time`` holds either months
    (from any start) or dates in all rows. All rows of a visit must have the same time, and later
    visits must have later times. Either column may be missing. :func:`check_recording_table`
    includes these checks.

    Parameters
    ----------
    table : DataFrame of shape (n_rows, n_columns)
        Table with the column ``subject`` and at least one of ``visit`` and ``time``.
    plausible : bool, default=True
        Whether to warn about subjects whose times do not look like months.

    Returns
    -------
    table : DataFrame
        The table that was passed.

    Raises
    ------
    ValueError
        If the table is empty or lacks a column, if a value is missing or is not a number (or date),
        if months and dates (or dates with and without a time zone) are mixed, if a visit has two
        times, or if the time of a visit is not after that of the previous visit. The message names
        the row.

    Warns
    -----
    RecordingWarning
        If the times of a subject do not look like months: the median interval between its visits
        differs by a factor of at least 20 from the median over subjects, or its visits span more
        than 100 years.

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
            "A table of visits must have a column 'subject' and a column 'visit' (order) or 'time' "
            f"(months or dates). It has {list(table.columns)}."
        )
    if table.empty:
        raise ValueError("The table of visits has no rows; pass at least one row per visit.")
    refuse_rows(table, faults_of_visits(table), "The table of visits")
    if plausible and "time" in table.columns:
        warn_of_other_units(table)
    return table


def warn_of_other_units(table: pd.DataFrame) -> None:
    """Warn about subjects whose times seem to be in a unit other than months.

    Parameters
    ----------
    table : DataFrame of shape (n_rows, n_columns)
        Checked table with the columns ``subject`` and ``time``.

    Warns
    -----
    RecordingWarning
        See :func:`check_visits`.
    """
    subject = table["subject"].astype(object).to_numpy()
    visits = pd.DataFrame({"subject": subject, "months": visit_months(table)}).drop_duplicates()
    months = visits.sort_values("months").groupby("subject", sort=False)["months"]
    steps = months.diff().groupby(visits["subject"], sort=False).median()
    middle, span = float(steps.quantile(interpolation="lower")), months.max() - months.min()
    other = steps[(steps >= _OTHER_SCALE * middle) | (steps <= middle / _OTHER_SCALE)]
    if len(other):
        warn_of_recordings(
            f"The visits of subject {other.index[0]!r} are {_months(other.iloc[0])} apart, but "
            f"those of the median subject are {_months(middle)} apart. Times must be months or "
            "dates for all subjects. If the times are in days, divide them by 30.4375."
        )
    if len(long := span[span > _MAX_MONTHS]):
        warn_of_recordings(
            f"The visits of subject {long.index[0]!r} span {long.iloc[0]:g} months, more than 100 "
            "years. Times must be months or dates. If the times are in days, divide them by "
            "30.4375."
        )


def _months(n: float) -> str:
    return f"{n:g} {'month' if n == 1 else 'months'}"


def faults_of_visits(table: pd.DataFrame) -> Iterator[tuple[int, str, str]]:
    """Yield row, column and description of each fault of the columns ``visit`` and ``time``."""
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
    first = int(np.argmin(missing))  # 0 if all are missing
    kind = _kind_of_time(times.iloc[first])
    for row, value in enumerate(times):
        if missing[row]:
            yield row, "is missing; fill in the time of the visit, or leave the row out"
        elif not _is_date(value) and (text := _fault_of_months(value)):
            yield row, text
        elif _kind_of_time(value) != kind:
            yield (
                row,
                f"is {_kind_of_time(value)}, but row {first} has {kind}; use only months, "
                "only dates with a time zone, or only dates without one",
            )


def _kind_of_time(value: Any) -> str:
    if not _is_date(value):
        return "months"
    return "a date" if getattr(value, "tzinfo", None) is None else "a date with a time zone"


def _fault_of_months(value: Any) -> str:
    """Describe the fault of a time that is not a date; empty if there is none."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, Real):
        return f"must be months or a date, got {value!r}; see pandas.to_datetime"
    finite = bool(np.isfinite(float(value)))
    return "" if finite else f"must be finite, got {value}; use months or a date"


def _faults_of_courses(table: pd.DataFrame) -> Iterator[tuple[int, str, str]]:
    """Find visits with two times, and visits that are not later than the visit before."""
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
                f"{table['time'].iloc[rows[k + 1]]}; use one time for each visit",
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
    """Return the time of each row in months or, in a table without times, the visit number.

    For dates, it is the number of months of 30.4375 days since the earliest date of the table.
    """
    if "time" not in table.columns:
        return table["visit"].to_numpy(dtype=float)
    times = table["time"]
    if len(times) and (times.dtype.kind == "M" or _is_date(times.iloc[0])):
        dates = pd.to_datetime(times)
        return ((dates - dates.min()).dt.total_seconds() / 86400 / DAYS_PER_MONTH).to_numpy()
    return times.to_numpy(dtype=float)
