"""Checked rows of an input, with their windows, subjects, units and labels."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils.multiclass import check_classification_targets

from sklearn_emg._tables import counted, row_text
from sklearn_emg._typing import Labels
from sklearn_emg._validation import require_target
from sklearn_emg.model_selection import labels_of_rows
from sklearn_emg.recordings import (
    check_recording_table,
    has_subjects,
    is_recording_table,
    object_column,
    refuse_missing_labels,
    subjects_of,
)


@dataclass(frozen=True)
class Rows:
    """Checked input: windows for the inner estimator, and the subject and unit of each row.

    Attributes
    ----------
    X : ndarray or DataFrame of n_windows rows
        Windows or feature rows for the inner estimator.
    row : ndarray of shape (n_windows,)
        Row of each window.
    start : ndarray of shape (n_windows,) or None
        Start of each window in seconds; None if no recordings were cut.
    fs : float or None
        Sampling rate of the windows in Hz; None if X is not a recording table.
    subject : ndarray of shape (n_rows,)
        Code of the subject of each row; a subject must not be in both training and test.
    subject_names : ndarray of shape (n_subjects,) or None
        Name of each code, as given by the user; None if no subjects were given, in which case each
        row counts as a separate subject.
    unit : ndarray of shape (n_rows,)
        Code of the unit of each row; each unit gets one prediction.
    unit_index : Index of length n_units
        Name of each unit.
    by : ndarray of shape (n_rows,) or None
        Value of the column `by` in each row; None without `by`.
    index : Index of length n_rows
        Index of X.
    columns : dict of str to ndarray of shape (n_rows,)
        Columns of the table that steps of the inner estimator request.
    weights : ndarray of shape (n_rows,) or None
        Weights of the rows in the average over their unit; None if all are equal.
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

    @property
    def n_rows(self) -> int:
        return len(self.subject)

    def groups(self) -> NDArray[Any]:
        """Subject of each row for estimators and splitters; names of mixed types become text."""
        names = self.subject_names
        if names is None:
            return self.subject
        if len(set(map(type, names))) > 1:  # mixed types cannot be sorted
            names = np.array([f"subject {k}: {name!r}" for k, name in enumerate(names)])
        return names[self.subject]

    def names_of_rows(self) -> NDArray[Any]:
        """Subject of each row as it was given, for messages."""
        return self.subject if self.subject_names is None else self.subject_names[self.subject]

    def columns_of(self, windows: Any = slice(None)) -> dict[str, NDArray[Any]]:
        """Columns that steps request, for some windows or for all."""
        return {name: values[self.row[windows]] for name, values in self.columns.items()}

    def refuse_lost_subjects(self) -> None:
        """Raise if a subject has no window left to learn from."""
        lost = np.setdiff1d(self.subject, self.subject[self.row])
        if lost.size:
            rows = np.flatnonzero(self.subject == lost[0])
            name = self.names_of_rows()[rows[0]]
            more = f" (and of {counted(lost.size - 1, 'more subject')})" if lost.size > 1 else ""
            raise ValueError(
                f"No window is left of subject {name!r}{more}: all its recordings are too short or "
                f"contain NaN in every window; see rows {', '.join(map(str, rows[:5]))}"
                f"{' ...' if len(rows) > 5 else ''}. Leave the subject out, or "
                "correct its recordings."
            )


def _refuse_subjects_in_index(X: Any) -> None:
    if isinstance(X, pd.DataFrame) and "subject" in X.index.names:
        raise ValueError(
            "X has the subjects in its index instead of in a column 'subject'. Use "
            "X.reset_index('subject')."
        )


def _subjects(
    X: Any, groups: Labels | None, n_rows: int
) -> tuple[NDArray[np.intp], NDArray[np.object_] | None, pd.Index]:
    """Return the subject code of each row, the name of each code and the subject name of each row.

    Without subjects, each row counts as a subject, and there are no names.
    """
    if groups is None and not has_subjects(X):
        if isinstance(X, pd.DataFrame) and is_recording_table(X):
            check_recording_table(X)  # raises an error, since the subject is missing
        _refuse_subjects_in_index(X)
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
        Input given by the user.
    windows, row, start, fs
        Attributes ``X``, ``row``, ``start`` and ``fs`` of :class:`Rows`.
    n_rows : int
        Number of rows.
    groups : array-like of shape (n_rows,) or None
        Subject of each row; by default, the ``subject`` column of X.
    unit : str
        Column of X that defines the unit of prediction.
    by : str or None
        Column of X whose values are averaged separately.
    requested : iterable of str, default=()
        Columns of X that steps of the inner estimator request.
    caller : str, default="DiVoteClassifier"
        Name of the class in messages.

    Returns
    -------
    rows : Rows
        The checked rows.
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
    # Units are defined within a subject: "left" of two subjects means two units.
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
            f"{row_text(table, missing[0], 'Row')}, column {column!r}: a value is "
            f"missing, but {caller} needs it ({parameter}={column!r}). Fill it in "
            "or leave the row out."
        )
    return values


def check_labels(y: Any, n_rows: int, caller: str = "DiVoteClassifier") -> NDArray[Any]:
    """Check the labels of recordings: one each, none missing, one type, at least two classes."""
    refuse_unusable_labels(y, caller)
    _check_length(y, n_rows, "label")
    y = labels_of_rows(y, n_rows)
    check_classification_targets(y)
    refuse_one_class(y, caller)
    return y


def _check_length(y: Any, n_rows: int, what: str) -> None:
    if len(y) != n_rows:
        raise ValueError(
            f"y must be 1-D with one {what} per recording, {n_rows} of them; got shape "
            f"{np.shape(y)}."
        )


def check_numbers(y: Any, n_rows: int, caller: str = "DiVoteRegressor") -> NDArray[np.float64]:
    """Check the targets of recordings: one finite number each.

    Parameters
    ----------
    y : array-like of shape (n_rows,)
        Target of each recording.
    n_rows : int
        Number of recordings.
    caller : str, default="DiVoteRegressor"
        Name of the class in messages.

    Returns
    -------
    y : ndarray of shape (n_rows,)
        Targets as float64.

    Raises
    ------
    ValueError
        If a target is no finite number, or their number is not `n_rows`.
    """
    refuse_unusable_numbers(y, caller)
    _check_length(y, n_rows, "number")
    return np.asarray(labels_of_rows(y, n_rows), dtype=float)


def refuse_unusable_numbers(y: Any, caller: str) -> None:
    """Reject targets that no regressor can learn from.

    Parameters
    ----------
    y : array-like of shape (n_rows,) or None
        Target of each row.
    caller : str
        Name of the class in messages.

    Raises
    ------
    ValueError
        If y is None, lacks a value or has a value that is not a finite number; the message names
        the row.
    """
    require_target(y, caller, ": give one number per row")
    _refuse_no_rows(y, caller)
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
                f"{caller} learns numbers, but y has {value!r} in row {row}. Give finite numbers"
                + (", or use DiVoteClassifier for labels." if isinstance(value, str) else ".")
            )


def refuse_unusable_labels(y: Any, caller: str = "DiVoteClassifier") -> None:
    """Raise if y is None, lacks a label, or mixes numbers and text; the message names the row."""
    require_target(y, caller, ": give one label per row")
    _refuse_no_rows(y, caller)
    refuse_missing_labels(y)
    _refuse_mixed_labels(y)


def _refuse_no_rows(y: Any, caller: str) -> None:
    """Reject a target that is not one value per row, such as a single label, a dict or a set."""
    shape = np.asarray(y, dtype=object).shape
    if len(shape) == 1 or shape[1:] == (1,):
        return
    hint = " To convert one-hot labels, use y.argmax(axis=1)." if len(shape) == 2 else ""
    raise ValueError(
        f"The y of {caller} must be a list, array or Series with one value per row. Got "
        f"{type(y).__name__}{f' of shape {shape}' if shape else ''}.{hint}"
    )


def refuse_one_class(y: NDArray[Any], caller: str = "DiVoteClassifier", where: str = "y") -> None:
    """Reject labels of a single class.

    Parameters
    ----------
    y : ndarray of shape (n_rows,)
        Labels.
    caller : str, default="DiVoteClassifier"
        Name of the class in the message.
    where : str, default="y"
        Description of the labels in the message.

    Raises
    ------
    ValueError
        If there are fewer than two classes.
    """
    if len(classes := np.unique(y)) < 2:
        raise ValueError(
            f"{caller} learns to separate classes and needs at least two classes, but {where} has "
            f"1 class, {classes.tolist()[0]!r}."
        )


def _refuse_mixed_labels(y: Any) -> None:
    if isinstance(y, np.ndarray) and y.dtype.kind != "O":
        return
    seen: dict[bool, tuple[int, Any]] = {}
    # Without dtype=object, a list of numbers and text would become an array of text.
    for row, label in enumerate(np.asarray(y, dtype=object).ravel()):
        if isinstance(label, (list, dict, set, np.ndarray)):
            raise ValueError(
                f"y has {label!r}, a {type(label).__name__}, in row {row}; a label must be a text "
                "or a number."
            )
        if np.ndim(label) == 0 and not pd.isna(label):
            seen.setdefault(isinstance(label, str), (row, label))
    if len(seen) > 1:
        (first, one), (second, other) = sorted(seen.values(), key=lambda entry: entry[0])
        raise ValueError(
            f"y has labels of mixed types: row {first} has {one!r}, a {type(one).__name__}, and "
            f"row {second} has {other!r}, a {type(other).__name__}. Convert all labels to one "
            "type, for instance with [str(label) for label in y]."
        )


def check_weights(
    sample_weight: Any, n_rows: int, name: str = "sample_weight"
) -> NDArray[np.floating] | None:
    """Check the weights of the rows, and return them as floats, or None.

    Raise ValueError if the shape is wrong, a weight is negative or not finite, or all weights are
    0.
    """
    if sample_weight is None:
        return None
    try:
        weights = np.asarray(sample_weight, dtype=float)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must contain one number per row: {error}.") from error
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
    """Row numbers of one side of a split, given as numbers (also negative), a mask or a slice."""
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
