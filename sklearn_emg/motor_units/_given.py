"""Checks of tables of potentials and of points of the interference pattern."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from sklearn_emg._tables import columns_text, counted
from sklearn_emg._warnings import warn_of_recordings
from sklearn_emg.motor_units._limit_tables import LOGARITHMIC, muscle_name

KEYS = ["subject", "muscle"]
# Repeated potentials of a muscle that are not a coincidence, and measures that seldom agree.
_MIN_REPEATS = 10
_CONTINUOUS = LOGARITHMIC | {"size_index"}
# Smallest and largest plausible medians of a muscle, and the unit.
_PLAUSIBLE = {
    "amplitude": (0.005, 50.0, "mV"),
    "turn_amplitude": (0.005, 50.0, "mV"),
    "duration": (0.3, 100.0, "ms"),
    "age": (0.0, 130.0, "years"),
}


def checked_rows(
    X: Any, columns: Sequence[str], *, one: str, source: str, caller: str
) -> pd.DataFrame:
    """Check a table with one potential or point per row, and return it with numbers.

    Parameters
    ----------
    X : DataFrame
        Table with the columns ``subject`` and ``muscle``.
    columns : sequence of str
        Further columns, which must contain finite numbers or NaN.
    one : str
        Word for a row.
    source : str
        Name of the function that creates such tables.
    caller : str
        Name of the calling class.

    Returns
    -------
    X : DataFrame
        Copy with numeric columns and uniform names of muscles.
    """
    if not isinstance(X, pd.DataFrame):
        raise TypeError(
            f"{caller} takes a table with one {one} per row, see {source}. Got {type(X).__name__}."
        )
    if lacking := [name for name in (*KEYS, *columns) if name not in X]:
        hint = f" {source}(table) computes them from recordings." if "signal" in X else ""
        raise ValueError(f"The table of {one}s lacks the {columns_text(lacking)}.{hint}")
    if len(X) == 0:
        raise ValueError(f"The table of {one}s has no rows: no {one} was found.")
    if X["subject"].isna().any():
        row = X.index[np.flatnonzero(X["subject"].isna())[0]]
        raise ValueError(f"Each {one} must have a subject, but row {row!r} has none.")
    X = X.assign(**{name: _numbers(X[name], one) for name in columns})
    warn_of_units(X)
    return X.assign(muscle=[muscle_name(name) for name in X["muscle"]])


def _numbers(column: pd.Series, one: str) -> pd.Series:
    """Convert a column to finite numbers or NaN."""
    values = pd.to_numeric(column, errors="coerce").astype(np.float64)
    if (text := np.flatnonzero(values.isna() & column.notna())).size:
        raise ValueError(
            f"The column {column.name!r} of the table of {one}s must contain numbers, but row "
            f"{column.index[text[0]]!r} has {column.iloc[text[0]]!r}. Convert it; decimal commas "
            "are read by pandas.read_csv(..., decimal=',')."
        )
    if (infinite := np.flatnonzero(np.isinf(values))).size:
        row = column.index[infinite[0]]
        raise ValueError(f"The {column.name} of row {row!r} must be finite.")
    return values


def warn_of_units(X: pd.DataFrame, of: Sequence[str] = KEYS) -> None:
    """Warn of measures whose median is implausible in their unit."""
    for name, (low, high, unit) in _PLAUSIBLE.items():
        if name not in X:
            continue
        values = pd.to_numeric(X[name], errors="coerce")
        medians = values.groupby([X[key] for key in of], sort=False).median().dropna()
        odd = medians[(medians < low) | (medians > high)]
        if len(odd):
            key = odd.index[0]
            who = " of ".join(map(str, key[::-1] if isinstance(key, tuple) else [key]))
            others = f" and {counted(len(odd) - 1, 'other')}" if len(odd) > 1 else ""
            warn_of_recordings(
                f"The {name} of {who}{others} is implausible: its median is {odd.iloc[0]:.3g} "
                f"{unit}. Check the unit; {name} must be in {unit}."
            )


def warn_of_repeats(X: pd.DataFrame, measures: Sequence[str]) -> None:
    """Warn if many potentials of a muscle agree in at least two continuous measures."""
    measures = [name for name in measures if name in _CONTINUOUS]
    if len(measures) < 2:
        return
    repeated = X[X.duplicated([*KEYS, *measures], keep="first")].drop_duplicates([*KEYS, *measures])
    counts = repeated.groupby(KEYS, sort=False).size()
    if len(many := counts[counts >= _MIN_REPEATS]):
        subject, muscle = many.index[0]
        warn_of_recordings(
            f"{counted(int(many.iloc[0]), 'potential')} of {muscle} of {subject} occur more than "
            "once, as if recordings were repeated. Remove the repeated rows, since each potential "
            "must count once."
        )


def one_age(X: pd.DataFrame) -> pd.Series:
    """Age of the subject of each row, also of rows without an age."""
    ages = X.groupby(KEYS, sort=False, dropna=False)["age"]
    several = np.flatnonzero(ages.transform("nunique") > 1)
    if several.size:
        name = X["subject"].iloc[several[0]]
        found = X.loc[X["subject"] == name, "age"].dropna().unique().tolist()
        raise ValueError(f"Subject {name!r} has several ages: {found}. Give one age per subject.")
    return ages.transform("first")
