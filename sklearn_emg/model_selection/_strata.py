"""Subjects of a data set and their classes, in an order independent of that of the rows."""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import column_or_1d
from sklearn.utils.multiclass import type_of_target

from sklearn_emg._tables import counted
from sklearn_emg._typing import Labels
from sklearn_emg.recordings import (
    Subjects,
    mean_by_code,
    refuse_missing_labels,
    warn_of_other_order,
)

Split = tuple[NDArray[np.intp], NDArray[np.intp]]
_QUANTILES = 5  # number of strata of a continuous target
Seed = int | np.random.RandomState | None


class SubjectStrata:
    """Subjects sorted by name, and the classes that each of them has.

    Parameters
    ----------
    X : DataFrame with a ``subject`` column, or array-like
        Rows to split.
    y : array-like of shape (n_rows,) or None
        Labels or numbers; numbers are averaged over each subject. None and several outputs put all
        subjects into one stratum.
    groups : array-like of shape (n_rows,) or None
        Subject of each row; by default, the ``subject`` column of X.
    stratify : {"auto", "classes", "quantiles"}, default="auto"
        Kind of strata; "auto" uses classes for discrete labels and quantiles for a continuous
        target.
    n_per_quantile : int, default=2
        Minimum number of subjects in each quantile; with few subjects, there are fewer quantiles.

    Attributes
    ----------
    n : int
        Number of subjects.
    names : list
        Names of the subjects, sorted so that the order of the rows does not change any split.
    codes : ndarray of int of shape (n_rows,)
        Position of each row's subject in `names`.
    classes : list
        Class labels; empty without discrete labels.
    values : ndarray of shape (n_subjects,) or None
        Mean target of each subject; None unless the strata are quantiles.
    has_class : ndarray of bool of shape (n_subjects, n_classes)
        Whether a subject has rows of a class.
    """

    def __init__(
        self,
        X: Any,
        y: Labels | None,
        groups: Labels | None,
        stratify: str = "auto",
        *,
        n_per_quantile: int = 2,
    ):
        self.n_per_quantile = n_per_quantile
        subjects = Subjects.of(X, groups)
        self.n = len(subjects)
        found = subjects.names.tolist()
        order = sorted_positions(found)
        self.names = [found[k] for k in order]
        self.codes = np.argsort(order)[subjects.codes] if self.n else subjects.codes
        self.classes: list[Any] = []
        self.has_class = np.ones((self.n, 1), dtype=bool)
        self.values: NDArray[np.floating] | None = None
        if y is None:
            return
        warn_of_other_order(X, y, "y")
        if fields := getattr(getattr(y, "dtype", None), "names", None):
            y = y[fields[0]]  # survival outcomes: whether the event was observed
        discrete = is_discrete(y)
        if stratify == "quantiles" or (stratify == "auto" and not discrete):
            self.values = self._means(y)
        elif discrete:
            y = labels_of_rows(y, len(self.codes))
            labels, y_codes = np.unique(y, return_inverse=True)
            self.classes = labels.tolist()
            self.has_class = np.zeros((self.n, len(labels)), dtype=bool)
            self.has_class[self.codes, y_codes] = True

    def _means(self, y: Labels) -> NDArray[np.floating] | None:
        """Mean target of each subject; None for several outputs."""
        values = np.asarray(y, dtype=float)
        if values.ndim > 1 and values.shape[1] > 1:
            return None
        values = labels_of_rows(values, len(self.codes))
        return mean_by_code(values[:, np.newaxis], self.codes, self.n)[:, 0]

    @property
    def strata(self) -> NDArray[np.intp]:
        """Code of the set of classes of each subject, or of the quantile of its target."""
        if self.values is not None:
            n_bins = max(1, min(_QUANTILES, self.n // self.n_per_quantile))
            ranks = np.argsort(np.argsort(self.values, kind="stable"))
            return ranks * n_bins // self.n
        return np.unique(self.has_class, axis=0, return_inverse=True)[1].reshape(-1)

    @property
    def several_classes(self) -> list[Any]:
        """Names of the subjects that have more than one class."""
        return [self.names[k] for k in np.flatnonzero(self.has_class.sum(axis=1) > 1)]

    def require(self, n_needed: int, splitter: str, reason: str) -> None:
        """Raise ValueError unless every class has at least `n_needed` subjects."""
        counts = self.has_class.sum(axis=0)
        if not self.classes and self.n < n_needed:
            raise ValueError(f"{splitter} needs at least {n_needed} subjects, but X has {self.n}.")
        if self.classes and counts.min() < n_needed:
            few = ", ".join(
                f"class {label!r} has {count} "
                f"({', '.join(repr(self.names[i]) for i in self.members(k)[:3])}"
                f"{', ...' if count > 3 else ''})"
                for k, (label, count) in enumerate(zip(self.classes, counts))
                if count < n_needed
            )
            raise ValueError(
                f"{splitter} needs at least {n_needed} subjects of each class, but {few}. {reason}"
            )

    def members(self, k: int) -> NDArray[np.intp]:
        """Codes of the subjects of class number `k`."""
        return np.flatnonzero(self.has_class[:, k])

    def rows(self, subjects: Labels) -> NDArray[np.intp]:
        """Row numbers of the subjects with the given codes."""
        return np.flatnonzero(np.isin(self.codes, subjects))

    def split(self, test_subjects: Labels) -> Split:
        """Row numbers of training and test, for test subjects with the given codes."""
        test = np.isin(self.codes, test_subjects)
        return np.flatnonzero(~test), np.flatnonzero(test)


def sorted_positions(names: list[Any]) -> NDArray[np.intp]:
    """Positions of names in sorted order: each type by value or, if impossible, by text."""
    try:
        keys: list[Any] = [(type(name).__name__, name) for name in names]
        order = sorted(range(len(names)), key=keys.__getitem__)
    except TypeError:  # such as tuples of text and numbers
        keys = [(type(name).__name__, repr(name)) for name in names]
        order = sorted(range(len(names)), key=keys.__getitem__)
    return np.array(order, dtype=np.intp)


def is_discrete(y: Labels) -> bool:
    """Whether y has classes to stratify by, instead of continuous numbers or several outputs."""
    refuse_missing_labels(y)
    values = np.asarray(y)
    if values.dtype == object and all(isinstance(value, Real) for value in values.ravel()):
        y = np.array(values.tolist())
    kind = type_of_target(y, input_name="y")
    if kind == "unknown":
        raise ValueError(
            "y contains Python objects that scikit-learn does not accept as labels. Convert them "
            "to an array of one type, for instance with np.array(y.tolist())."
        )
    return kind in ("binary", "multiclass")


def labels_of_rows(y: Labels, n_rows: int) -> NDArray[Any]:
    """Check labels, and return them as a 1-D array with one label per row.

    Parameters
    ----------
    y : array-like of shape (n_rows,) or (n_rows, 1)
        Label of each row.
    n_rows : int
        Number of rows.

    Returns
    -------
    y : ndarray of shape (n_rows,)
        The checked labels.

    Raises
    ------
    ValueError
        If the number of labels is not `n_rows`, or a label is missing.
    TypeError
        If `y` is a text, such as the name of a column.
    """
    if isinstance(y, str):
        raise TypeError(f"y must have one label per row. Got the text {y!r}; pass X[{y!r}].")
    refuse_missing_labels(y)
    y = column_or_1d(y)
    if y.dtype == object and len(y):
        numbers = np.array(y.tolist())
        y = numbers if numbers.ndim == 1 and numbers.dtype.kind in "biuf" else y
    if len(y) != n_rows:
        raise ValueError(f"y has {counted(len(y), 'label')} for {counted(n_rows, 'row')} of X.")
    return y
