"""Subjects of a data set with their classes, in an order that the rows do not change."""

from __future__ import annotations

import unicodedata
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils import column_or_1d
from sklearn.utils.multiclass import type_of_target

from sklearn_emg._typing import Labels
from sklearn_emg._warnings import warn_of_recordings
from sklearn_emg.recordings import Subjects, is_blank, mean_by_code, warn_of_other_order

Split = tuple[NDArray[np.intp], NDArray[np.intp]]
_QUANTILES = 5  # strata of a continuous target
Seed = int | np.random.RandomState | None


class SubjectStrata:
    """Subjects sorted by name, and the classes that each of them has.

    Parameters
    ----------
    X : DataFrame with a ``subject`` column, or array-like
    y : array-like of shape (n_rows,) or None
        Labels, or numbers, of which the mean of each subject counts; None and several outputs put
        all subjects into one stratum.
    groups : array-like of shape (n_rows,) or None
        Subjects of the rows, for an X without a ``subject`` column.
    stratify : {"auto", "classes", "quantiles"}, default="auto"
        What the strata are; "auto" takes classes for discrete labels and quantiles for a
        continuous target.

    Attributes
    ----------
    n : int
        Number of subjects.
    names : list
        Sorted, so that the order of the rows does not change any split.
    codes : ndarray of int of shape (n_rows,)
        Position of each row's subject in `names`.
    classes : list
        Empty without discrete labels.
    values : ndarray of shape (n_subjects,) or None
        Mean target of each subject, where quantiles are the strata.
    has_class : ndarray of bool of shape (n_subjects, n_classes)
    """

    def __init__(self, X: Any, y: Labels | None, groups: Labels | None, stratify: str = "auto"):
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
            y = y[fields[0]]  # outcomes: whether the event was seen
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
            n_bins = max(1, min(_QUANTILES, self.n // 2))
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
            raise ValueError(f"{splitter} needs at least {n_needed} subjects, X has {self.n}.")
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
        """Numbers of the rows of some subjects, given by their codes."""
        return np.flatnonzero(np.isin(self.codes, subjects))

    def split(self, test_subjects: Labels) -> Split:
        """Row numbers of training and test, for test subjects given by their codes."""
        test = np.isin(self.codes, test_subjects)
        return np.flatnonzero(~test), np.flatnonzero(test)


def sorted_positions(names: list[Any]) -> NDArray[np.intp]:
    """Positions of names in sorted order: each type by its own values, or else by its text."""
    try:
        keys: list[Any] = [(type(name).__name__, name) for name in names]
        order = sorted(range(len(names)), key=keys.__getitem__)
    except TypeError:  # such as tuples of text and numbers
        keys = [(type(name).__name__, repr(name)) for name in names]
        order = sorted(range(len(names)), key=keys.__getitem__)
    return np.array(order, dtype=np.intp)


def is_discrete(y: Labels) -> bool:
    """Whether y has classes to stratify by, and not numbers or several outputs."""
    refuse_missing_labels(y)
    kind = type_of_target(y, input_name="y")
    if kind == "unknown":
        raise ValueError(
            "y holds Python objects that are not labels to scikit-learn. Make an array of one type "
            "of them, for instance with np.array(y.tolist())."
        )
    return kind in ("binary", "multiclass")


def labels_of_rows(y: Labels, n_rows: int) -> NDArray[Any]:
    """Labels as a 1-D array, one per row and none missing.

    Parameters
    ----------
    y : array-like of shape (n_rows,) or (n_rows, 1)
    n_rows : int

    Returns
    -------
    y : ndarray of shape (n_rows,)

    Raises
    ------
    ValueError
        If y has another number of labels, or a row has none.
    """
    refuse_missing_labels(y)
    y = column_or_1d(y)
    if len(y) != n_rows:
        raise ValueError(f"y has {len(y)} labels for {n_rows} rows of X.")
    return y


def refuse_missing_labels(y: Labels) -> None:
    """Refuse rows without a label, and warn of labels that look alike or like a missing one.

    Parameters
    ----------
    y : array-like of shape (n_rows,)

    Raises
    ------
    ValueError
        If a row has no label, or a blank text for one; the first such row is named.

    Warns
    -----
    RecordingWarning
        If labels differ only in letter case and blanks, or are the text of a missing value.
    """
    values = np.asarray(y)
    missing = pd.isna(values)
    texts = set()
    if values.dtype.kind in "OUT":
        texts = {label for label in values.ravel().tolist() if isinstance(label, str)}
        if blank := [text for text in texts if is_blank(text)]:
            # One by one: a comparison with NA has no truth value.
            is_one = [isinstance(v, str) and v in blank for v in values.ravel().tolist()]
            missing = missing | np.reshape(is_one, values.shape)
    if (rows := np.argwhere(missing)).size:
        raise ValueError(
            f"y has no label for {len(rows)} of {len(y)} rows, the first of them row "
            f"{rows[0, 0]}. Leave such rows out of X and y."
        )
    _warn_of_labels(texts)


def _warn_of_labels(texts: set[str]) -> None:
    """Warn of labels that are one label in several spellings, or no label."""
    spellings: dict[str, list[str]] = {}
    for text in sorted(texts):
        plain = " ".join(unicodedata.normalize("NFKC", text).casefold().split())
        spellings.setdefault(plain, []).append(text)
    for alike in spellings.values():
        if len(alike) > 1:
            warn_of_recordings(
                f"The labels {' and '.join(map(repr, alike))} of y look alike and count as "
                "different classes. If they are one class, spell it in one way."
            )
    # As str() writes missing values.
    if found := sorted(texts & {"nan", "None", "<NA>", "NaT"}):
        warn_of_recordings(
            f"The label {found[0]!r} of y counts as a class and looks like a missing label. Leave "
            "such rows out of X and y."
        )
