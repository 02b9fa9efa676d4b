"""Checks of labels and targets, with messages that name the rows."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd

from sklearn_emg._tables import counted
from sklearn_emg.recordings import is_blank, warn_of_labels


def check_targets(y: Any, caller: str, *, labels: bool) -> Any:
    """Reject rows without a target, and labels of types that have no common order.

    Parameters
    ----------
    y : array-like of shape (n_windows,) or (n_windows, n_outputs)
        Targets as passed to `fit`. None and objects without rows are left to scikit-learn.
    caller : str
        Name of the class for error messages.
    labels : bool
        Whether the targets are labels; if not, infinite numbers are rejected too.

    Returns
    -------
    y : array-like of shape (n_windows,) or (n_windows, n_outputs)
        The targets. Numeric labels in an object array are converted to a numeric type.

    Raises
    ------
    ValueError
        If a row has no target or, unless `labels` is True, an infinite one, or if some labels are
        text and others are not.

    Warns
    -----
    RecordingWarning
        If labels look alike, or like a missing value.
    """
    is_sparse = hasattr(y, "nnz")
    if isinstance(y, str) or is_sparse or not hasattr(y, "__len__"):
        return y
    # NumPy would convert a list of mixed types to text.
    values = np.asarray(y, dtype=object if isinstance(y, list | tuple) else None)
    if values.ndim not in (1, 2):
        return y
    what = "label" if labels else "target"
    _refuse_rows(_are_absent(values), caller, f"no {what} (None, NaN or blank)")
    if labels:
        texts = values.ravel().tolist() if values.dtype.kind in "OUT" else []
        warn_of_labels({text for text in texts if isinstance(text, str)})
        return _of_one_type(values, y, caller) if values.dtype == object else y
    if values.dtype.kind == "f":
        _refuse_rows(np.isinf(values), caller, "an infinite target")
    return y


def _are_absent(values: np.ndarray) -> np.ndarray:
    """Return which values are missing or blank."""
    absent = np.asarray(pd.isna(values), dtype=bool)
    if values.dtype.kind in "OUT":
        blank = [isinstance(value, str) and is_blank(value) for value in values.ravel().tolist()]
        absent = absent | np.reshape(np.array(blank, dtype=bool), values.shape)
    return absent


def _refuse_rows(bad: Any, caller: str, what: str) -> None:
    rows = bad.reshape(len(bad), math.prod(bad.shape[1:])).any(axis=1)
    if rows.any():
        raise ValueError(
            f"y of {caller} has {what} in {rows.sum()} of {counted(len(rows), 'row')}, first "
            f"in row {rows.argmax()}. Leave those rows out of X, y and groups."
        )


def _of_one_type(values: np.ndarray, y: Any, caller: str) -> Any:
    """Convert numbers in an object array to a numeric type, and reject a mix with text."""
    if values.ndim > 1:
        return y
    is_text = np.array([isinstance(value, str) for value in values], dtype=bool)
    if not is_text.any():
        numbers = np.array(values.tolist())
        return numbers if numbers.ndim == 1 and numbers.dtype.kind in "biuf" else y
    if not is_text.all():
        text, other = is_text.argmax(), is_text.argmin()
        raise ValueError(
            f"y of {caller} mixes text and other labels: {values[text]!r} in row {text}, "
            f"{values[other]!r} in row {other}. Convert all labels to one type, for instance with "
            "y.astype(str)."
        )
    return y


def check_same_classes(classes: Any, known: np.ndarray, caller: str) -> None:
    """Reject classes in a later call of `partial_fit` that were not in the first call.

    Parameters
    ----------
    classes : array-like of shape (n_classes,)
        Classes of the later call.
    known : ndarray
        Classes of the first call.
    caller : str
        Name of the estimator's class.

    Raises
    ------
    ValueError
        If one of the classes is not known.
    """
    given = np.unique(check_targets(classes, f"{caller} (classes)", labels=True))
    if not np.isin(given, known).all():
        raise ValueError(
            f"The 'classes' of {caller}.partial_fit, {given.tolist()}, are not those of the first "
            f"call, {known.tolist()}. Name all classes in the first call."
        )
