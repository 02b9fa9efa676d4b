"""Checked rows of an input: their windows, subjects, units and labels."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils.multiclass import check_classification_targets

from sklearn_emg._typing import Labels
from sklearn_emg.model_selection import labels_of_rows, refuse_missing_labels
from sklearn_emg.recordings import (
    check_recording_table,
    is_recording_table,
    object_column,
    subjects_of,
)


@dataclass(frozen=True)
class Rows:
    """A checked input: windows ready for the inner estimator, and the subject of each.

    Attributes
    ----------
    X : ndarray or DataFrame of n_windows rows
        Windows or feature rows for the inner estimator.
    row : ndarray of shape (n_windows,)
        Row of each window.
    start : ndarray of shape (n_windows,) or None
        Start of each window in seconds, where recordings were cut.
    fs : float or None
        Sampling rate of the windows in Hz, where a table has it.
    subject : ndarray of shape (n_rows,)
        Code of the subject of each row; a subject must not be in both training and test.
    subject_names : ndarray of shape (n_subjects,) or None
        Name of each code as it was given; None where X and groups named no subjects, so that each
        row counts as one.
    unit : ndarray of shape (n_rows,)
        Code of the unit of each row; a unit gets one diagnosis.
    unit_index : Index of length n_units
    by : ndarray of shape (n_rows,) or None
    index : Index of length n_rows
    columns : dict of str to ndarray of shape (n_rows,)
        Columns of the table that steps of the inner estimator request.
    weights : ndarray of shape (n_rows,) or None
        Weights of the rows in the average over their unit, where a column gives them.
    """

    X: Any
    row: NDArray[np.intp]
    start: NDArray[np.floating] | None
    fs: float | None
    subject: NDArray[np.intp]
    subject_names: NDArray[Any] | None
    unit: NDArray[np.intp]
    unit_index: pd.Index
    by: NDArray[Any] | None
    index: pd.Index
    columns: dict[str, NDArray[Any]] = field(default_factory=dict)
    weights: NDArray[np.floating] | None = None

    def with_weights(self, weights: NDArray[np.floating] | None) -> Rows:
        """The same rows with weights in the average over their unit."""
        return replace(self, weights=weights)

    @property
    def n_rows(self) -> int:
        return len(self.subject)

    def groups(self) -> NDArray[Any]:
        """Subject of each row for estimators and splitters: the names, as text if types differ."""
        names = self.subject_names
        if names is None:
            return self.subject
        if len(set(map(type, names))) > 1:  # which cannot be sorted
            names = np.array([f"subject {k}: {name!r}" for k, name in enumerate(names)])
        return names[self.subject]

    def names_of_rows(self) -> NDArray[Any]:
        """Subject of each row as it was given, for messages."""
        return self.subject if self.subject_names is None else self.subject_names[self.subject]

    def columns_of(self, windows: Any = slice(None)) -> dict[str, NDArray[Any]]:
        """Columns that steps request, of some windows or of all."""
        return {name: values[self.row[windows]] for name, values in self.columns.items()}

    def refuse_lost_subjects(self) -> None:
        """Raise if a subject has no window left, so that nothing could be learned from it."""
        lost = np.setdiff1d(self.subject, self.subject[self.row])
        if lost.size:
            rows = np.flatnonzero(self.subject == lost[0])
            name = self.names_of_rows()[rows[0]]
            more = f" (and of {lost.size - 1} more subjects)" if lost.size > 1 else ""
            raise ValueError(
                f"No window is left of subject {name!r}{more}: all recordings are too short or "
                f"hold NaN in every window, rows {', '.join(map(str, rows[:5]))}"
                f"{' ...' if len(rows) > 5 else ''}. Leave the subject out, or "
                "correct its recordings."
            )


def _subjects(
    X: Any, groups: Labels | None, n_rows: int
) -> tuple[NDArray[np.intp], NDArray[np.object_] | None, pd.Index]:
    """Code of each row's subject, names by code, and the name of each row's subject.

    Without subjects each row is its own one, and there are no names.
    """
    is_table = isinstance(X, pd.DataFrame)
    if groups is None and not (is_table and "subject" in X.columns):
        if is_table and is_recording_table(X):
            check_recording_table(X)  # raises an error, since the subject is missing
        return np.arange(n_rows), None, pd.RangeIndex(n_rows)
    subject = subjects_of(X, groups)
    first = np.unique(subject, return_index=True)[1]
    given = list(X["subject"] if groups is None else groups)
    index = pd.Index(X["subject"]) if groups is None else pd.Index(given, dtype=object)
    return subject, object_column(given[i] for i in first).to_numpy(), index


def check_rows(
    X: Any,
    windows: Any,
    row: NDArray[np.intp],
    start: NDArray[np.floating] | None,
    fs: float | None,
    *,
    n_rows: int,
    groups: Labels | None,
    unit: str,
    by: str | None,
    requested: Iterable[str] = (),
    caller: str = "DiVoteClassifier",
) -> Rows:
    """Find the subject, the unit and the value of `by` of each row.

    Parameters
    ----------
    X : DataFrame or array
        Input of the user.
    windows, row, start, fs
        As in :class:`Rows`.
    n_rows : int
    groups : array-like of shape (n_rows,) or None
        Subjects of the rows, for an X without a ``subject`` column.
    unit, by : str, and str or None
        Columns of X, see :class:`~sklearn_emg.ensemble.DiVoteClassifier`.
    requested : iterable of str, default=()
        Columns of X that steps of the inner estimator request.
    caller : str, default="DiVoteClassifier"
        Class named in messages.

    Returns
    -------
    rows : Rows
    """
    table = X if isinstance(X, pd.DataFrame) else None
    subject, names, index = _subjects(X, groups, n_rows)
    unit_code, unit_index = _units(table, unit, subject, index, caller)
    columns = {}
    if table is not None:
        columns = {c: table[c].to_numpy(object) for c in requested if c in table.columns}
    if "subject" in requested and names is not None:
        columns["subject"] = names[subject]
    return Rows(
        X=windows,
        row=row,
        start=start,
        fs=fs,
        subject=subject,
        subject_names=names,
        unit=unit_code,
        unit_index=unit_index,
        by=None if by is None else column_of(table, by, "by", caller),
        index=table.index if table is not None else pd.RangeIndex(n_rows),
        columns=columns,
    )


def _units(
    table: pd.DataFrame | None,
    unit: str,
    subject: NDArray[np.intp],
    names: pd.Index,
    caller: str,
) -> tuple[NDArray[np.intp], pd.Index]:
    """Code of the unit of each row, and an index of the units."""
    if unit == "subject":
        first = np.unique(subject, return_index=True)[1]
        return subject, names[first].rename("subject")
    values = column_of(table, unit, "unit", caller)
    # Values of the column count within a subject: "left" of one is not that of another.
    pairs = pd.MultiIndex.from_arrays([names, values], names=["subject", unit])
    code, index = pd.factorize(pairs)
    return code, index.set_names(["subject", unit])


def column_of(table: pd.DataFrame | None, column: str, parameter: str, caller: str) -> NDArray[Any]:
    """Values of a column that a parameter names.

    Raises
    ------
    ValueError
        If the column is missing, or a row has no value in it.
    """
    if table is None or column not in table.columns:
        have = "no columns" if table is None else f"the columns {list(table.columns)}"
        raise ValueError(
            f"The {parameter!r} parameter of {caller} names the column {column!r}, but "
            f"X has {have}."
        )
    values = table[column].to_numpy(dtype=object)
    if (missing := np.flatnonzero(pd.isna(values))).size:
        raise ValueError(
            f"Row {missing[0]} (index {table.index[missing[0]]!r}), column {column!r}: is "
            f"missing, but {caller} votes by it ({parameter}={column!r}). Fill it in "
            "or leave the row out."
        )
    return values


def check_labels(y: Any, n_rows: int, caller: str = "DiVoteClassifier") -> NDArray[Any]:
    """Labels of recordings: one each, none missing, of one type and of at least two classes.

    Parameters
    ----------
    y : array-like of shape (n_rows,)
    n_rows : int
    caller : str, default="DiVoteClassifier"
        Class named in messages.

    Returns
    -------
    y : ndarray of shape (n_rows,)

    Raises
    ------
    ValueError
        If y is None, has another length, lacks a label, mixes numbers and text, or has one class.
    """
    refuse_unusable_labels(y, caller)
    _check_length(y, n_rows, "label")
    y = labels_of_rows(y, n_rows)
    check_classification_targets(y)
    refuse_one_class(y)
    return y


def _check_length(y: Any, n_rows: int, what: str) -> None:
    if len(y) != n_rows:
        raise ValueError(
            f"y must be 1-D with one {what} per recording, {n_rows} of them; got shape "
            f"{np.shape(y)}."
        )


def check_numbers(y: Any, n_rows: int, caller: str = "DiVoteRegressor") -> NDArray[np.float64]:
    """Targets of recordings: finite numbers, one each, at least two of them different.

    Parameters
    ----------
    y : array-like of shape (n_rows,)
    n_rows : int
    caller : str, default="DiVoteRegressor"
        Class named in messages.

    Returns
    -------
    y : ndarray of float of shape (n_rows,)

    Raises
    ------
    ValueError
        If y is None, has another length, lacks a value, holds text or infinities.
    """
    refuse_unusable_numbers(y, caller)
    _check_length(y, n_rows, "number")
    return np.asarray(labels_of_rows(y, n_rows), dtype=float)


def refuse_unusable_numbers(y: Any, caller: str) -> None:
    """Refuse targets that no regressor can learn from.

    Parameters
    ----------
    y : array-like of shape (n_rows,) or None
    caller : str
        Class named in messages.

    Raises
    ------
    ValueError
        If y is None, has rows without a value, or values that are not finite numbers; the row is
        named.
    """
    if y is None:
        raise ValueError(
            f"{caller} requires y to be passed, but the target y is None: give one number per row."
        )
    refuse_missing_labels(y)
    for row, value in enumerate(np.asarray(y, dtype=object).ravel()):
        if isinstance(value, complex):
            raise ValueError(f"Complex data not supported: y has {value!r} in row {row}.")
        try:
            bad = isinstance(value, (str, bytes)) or not np.isfinite(float(value))
        except (TypeError, ValueError):
            bad = True
        if bad:
            raise ValueError(
                f"{caller} learns numbers, and y has {value!r} in row {row}. Give finite numbers"
                + (", or use DiVoteClassifier for labels." if isinstance(value, str) else ".")
            )


def refuse_unusable_labels(y: Any, caller: str = "DiVoteClassifier") -> None:
    """Refuse labels that no classifier can learn from.

    Parameters
    ----------
    y : array-like of shape (n_rows,) or None
    caller : str, default="DiVoteClassifier"
        Class named in messages.

    Raises
    ------
    ValueError
        If y is None, has rows without a label, or mixes numbers and text; the row is named.
    """
    if y is None:
        raise ValueError(
            f"{caller} requires y to be passed, but the target y is None: give one label per row."
        )
    refuse_missing_labels(y)
    _refuse_mixed_labels(y)


def refuse_one_class(y: NDArray[Any]) -> None:
    """Refuse labels of a single class.

    Parameters
    ----------
    y : ndarray of shape (n_rows,)

    Raises
    ------
    ValueError
        If y has fewer than two classes; the class is named.
    """
    if len(classes := np.unique(y)) < 2:
        raise ValueError(
            "DiVoteClassifier learns to separate classes and needs at least two classes, but y "
            f"has 1 class, {classes.tolist()[0]!r}."
        )


def _refuse_mixed_labels(y: Any) -> None:
    if isinstance(y, np.ndarray) and y.dtype.kind != "O":
        return
    seen: dict[bool, tuple[int, Any]] = {}
    # Without the type a list of numbers and text would become an array of text.
    for row, label in enumerate(np.asarray(y, dtype=object)):
        if np.ndim(label) == 0 and not pd.isna(label):
            seen.setdefault(isinstance(label, str), (row, label))
    if len(seen) > 1:
        (first, one), (second, other) = sorted(seen.values(), key=lambda entry: entry[0])
        raise ValueError(
            f"y has labels of mixed types: row {first} has {one!r}, a {type(one).__name__}, and "
            f"row {second} has {other!r}, a {type(other).__name__}. Give all labels one type, for "
            "instance with [str(label) for label in y]."
        )


def check_weights(
    sample_weight: Any, n_rows: int, name: str = "sample_weight"
) -> NDArray[np.floating] | None:
    """Weights of the rows as floats, or None.

    Parameters
    ----------
    sample_weight : array-like of shape (n_rows,) or None
    n_rows : int
    name : str, default="sample_weight"
        What holds the weights, for messages.

    Returns
    -------
    weights : ndarray of shape (n_rows,) or None

    Raises
    ------
    ValueError
        If it has another shape, or a weight is negative or not finite.
    """
    if sample_weight is None:
        return None
    weights = np.asarray(sample_weight, dtype=float)
    if weights.ndim != 1 or len(weights) != n_rows:
        raise ValueError(
            f"{name} must be 1-D with one weight per row, {n_rows} of them. Got shape "
            f"{weights.shape}."
        )
    if (bad := np.flatnonzero(~(np.isfinite(weights) & (weights >= 0)))).size:
        raise ValueError(
            f"{name} must be finite and not negative. Row {bad[0]} has {weights[bad[0]]}."
        )
    if not weights.any():
        raise ValueError(f"{name} is zero for all rows: nothing is left to learn from.")
    return weights


def row_numbers(part: Any, n_rows: int, caller: str = "DiVoteClassifier") -> NDArray[np.intp]:
    """Rows that one side of a split means: numbers, also from the end, a mask or a slice."""
    if not isinstance(part, slice):
        part = np.asarray(part)
        if part.size == 0:
            return np.empty(0, dtype=np.intp)
    try:
        return np.arange(n_rows)[part]
    except IndexError as error:
        raise ValueError(
            f"The 'cv' of {caller} must give row numbers below {n_rows}, or masks of that "
            f"length: {error}."
        ) from error
