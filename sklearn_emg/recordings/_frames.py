"""Frames of libraries other than pandas, frames that are one recording, and unusable rows."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, TypeGuard

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sklearn_emg._tables import columns_text, first_few, row_text
from sklearn_emg._typing import Labels
from sklearn_emg._warnings import warn_of_recordings

_NO_CHANNEL = re.compile(
    r"(unnamed: \d+|index|samples?|frames?|t|times?|timestamps?|seconds?|ms|labels?|targets?|class"
    r"|y|subjects?|subject_?id|patients?|id|events?|triggers?|gestures?)(\s*[\[(].*)?",
    re.IGNORECASE,
)


def has_subjects(X: Any) -> TypeGuard[pd.DataFrame]:
    """Return whether X is a table with a ``subject`` column."""
    return isinstance(X, pd.DataFrame) and "subject" in X.columns


def groups_of(X: Any, groups: Labels | None = None) -> Labels | None:
    """Return the subject of each row: `groups` or, if it is None, the subjects of a table."""
    return X["subject"].to_numpy() if groups is None and has_subjects(X) else groups


def foreign_columns(X: object) -> list[str] | None:
    """Return the names of the columns of a frame of a library other than pandas.

    Parameters
    ----------
    X : object
        Any object.

    Returns
    -------
    columns : list of str or None
        Names of the columns; None if X is not such a frame.
    """
    if isinstance(X, (pd.DataFrame, pd.Series, np.ndarray, list, tuple)):
        return None
    kind = type(X)
    if not (hasattr(X, "__dataframe__") or kind.__module__.split(".")[0] in ("polars", "pyarrow")):
        return None
    if kind.__name__ == "LazyFrame":
        return list(getattr(X, "collect_schema")().names())  # noqa: B009
    columns = getattr(X, "column_names", None)  # pyarrow, whose `columns` are the values
    if columns is None:
        columns = getattr(X, "columns", None)
    return None if columns is None else [str(c) for c in columns]


def refuse_foreign_frame(X: object, what: str) -> None:
    """Raise an error if X is a frame of a library other than pandas.

    Parameters
    ----------
    X : object
        Any object.
    what : str
        Description of X, with which the message begins.

    Raises
    ------
    TypeError
        If X is such a frame. The message names the type and the remedy.
    """
    if foreign_columns(X) is None:
        return
    kind = type(X)
    remedy = "X.collect().to_pandas()" if kind.__name__ == "LazyFrame" else "X.to_pandas()"
    raise TypeError(
        f"{what} must be a pandas DataFrame, got {kind.__module__.split('.')[0]}."
        f"{kind.__name__}; convert it with {remedy}."
    )


def refuse_repeated_columns(table: pd.DataFrame, names: Iterable[object] | None = None) -> None:
    """Raise an error if several columns of a table have the same name.

    Parameters
    ----------
    table : DataFrame of shape (n_rows, n_columns)
        The table.
    names : iterable, default=None
        Names that must be unique. By default, all names must be.

    Raises
    ------
    ValueError
        If a name is repeated. The message contains these names.
    """
    if table.columns.has_duplicates:
        repeated = list(dict.fromkeys(table.columns[table.columns.duplicated()]))
        if names is not None:
            repeated = [name for name in repeated if name in set(names)]
        if repeated:
            raise ValueError(
                f"The table contains the {columns_text(repeated)} more than once. Each name must "
                "be unique."
            )


def other_order(X: object, values: object, name: str, of: str = "X") -> str:
    """Report that values have, by their index, a different order from the rows of X.

    As in scikit-learn, rows of X and y belong together by position, not by index. `name` and `of`
    name the values and X in the message, which is empty if X or the values have no index, or if the
    indexes are equal or share too few labels to be related.
    """
    indexed = (pd.DataFrame, pd.Series)
    if not (isinstance(X, indexed) and isinstance(values, indexed)):
        return ""
    rows, own = X.index, values.index
    if (len(rows), rows.nlevels) != (len(own), own.nlevels) or rows.equals(own):
        return ""
    if not (rows.is_unique and own.is_unique and _share_labels(rows, own)):
        return ""
    return (
        f"The indexes of {of} and {name} share labels in different orders, but rows are matched "
        f"by position. Pass {name}.loc[{of}.index], or {name}.to_numpy() if the order of {name} "
        "is intended."
    )


def _share_labels(first: pd.Index, second: pd.Index) -> bool:
    """Return whether two indexes share most labels, or all labels if one may be a reset index."""
    common = first.isin(second).mean()
    counted = pd.RangeIndex(len(first))
    return bool(common == 1 if first.equals(counted) or second.equals(counted) else common > 0.5)


def warn_of_other_order(X: object, values: object, name: str, of: str = "X") -> None:
    """Warn that values have another order than the rows of X; see :func:`other_order`."""
    if message := other_order(X, values, name, of):
        warn_of_recordings(message)


def named_channels(frame: pd.DataFrame, row: int) -> tuple[NDArray, tuple[str, ...] | None]:
    """Convert a frame whose rows are samples and whose columns are channels to a recording.

    Return the samples, of shape (n_channels, n_times), and the names of the columns, or None if not
    all of them are texts. Raise ValueError if a column is not numeric; the message names the `row`
    of the resulting table.
    """
    non_numeric = [c for c, kind in frame.dtypes.items() if not pd.api.types.is_numeric_dtype(kind)]
    if non_numeric:
        raise ValueError(
            f"Row {row}: each column of a recording given as a DataFrame is a channel and must be "
            f"numeric, unlike the {columns_text(non_numeric)}; convert or drop such columns. "
            "Decimal commas are read by pandas.read_csv(..., decimal=',')."
        )
    texts = [c for c in frame.columns if isinstance(c, str)]
    if suspects := [c for c in texts if _NO_CHANNEL.fullmatch(c.strip())]:
        warn_of_recordings(
            f"Row {row}: every column of the DataFrame became a channel, but the "
            f"{columns_text(suspects)} may not be EMG. Drop columns that are not channels, with "
            "frame.drop(columns=[...]).",
        )
    names = tuple(texts) if 0 < len(texts) == len(frame.columns) else None
    return samples_of(frame).T, names


def samples_of(data: pd.DataFrame | pd.Series) -> NDArray:
    """Return the numbers of a column or a frame, with NaN for missing values of nullable types.

    Parameters
    ----------
    data : DataFrame or Series
        Columns of numbers.

    Returns
    -------
    samples : ndarray
        The numbers, of a floating type if a column has a nullable type of pandas or Arrow.
    """
    dtypes = [data.dtype] if isinstance(data, pd.Series) else list(data.dtypes)
    nullable = [
        t for t in dtypes if not isinstance(t, np.dtype) and pd.api.types.is_numeric_dtype(t)
    ]
    return data.to_numpy(dtype=np.float64, na_value=np.nan) if nullable else data.to_numpy()


def refuse_rows(table: pd.DataFrame, faults: Iterable[tuple[int, str, str]], name: str) -> None:
    """Raise one error that names the first unusable rows of a table, if there are any.

    Each fault has a row, a column and a description; the message begins with `name`.
    """
    lines = [f"{row_text(table, row)}, column {column!r}: {text}" for row, column, text in faults]
    if lines:
        raise ValueError(f"{name} has unusable rows:\n  " + first_few(lines, separator="\n  "))
