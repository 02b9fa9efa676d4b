"""Subjects and labels of the rows of a table: codes, names that look alike, missing labels."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Hashable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from numbers import Number, Real
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from sklearn_emg._tables import counted, first_few, python_value
from sklearn_emg._typing import Labels
from sklearn_emg._warnings import warn, warn_of_recordings
from sklearn_emg.exceptions import SubjectLeakWarning
from sklearn_emg.recordings._frames import (
    foreign_columns,
    has_subjects,
    refuse_foreign_frame,
    refuse_repeated_columns,
    warn_of_other_order,
)

_MISSING = frozenset(
    {
        *("nan", "none", "na", "<na>", "n/a", "#n/a", "null", "nat", "n.a.", "#value!", "#ref!"),
        *("unknown", "missing", "undefined", "unnamed", "anonymous", "not available"),
        *("n.d.", "n/d", "n/k", "k.a.", "not known", "not recorded", "no name", "blank", "empty"),
        *("tbd", "-9", "-99", "-999", "-9999"),
    }
)
# Greek and Cyrillic capital letters that look like Latin letters.
_LOOK_ALIKE = str.maketrans(
    "\u0391\u0392\u0395\u0396\u0397\u0399\u039a\u039c\u039d\u039f\u03a1\u03a4\u03a5\u03a7"
    "\u0410\u0412\u0415\u041a\u041c\u041d\u041e\u0420\u0421\u0422\u0425\u0405\u0406\u0408",
    "ABEZHIKMNOPTYXABEKMHOPCTXSIJ",
)
# Combining accents of Latin, Greek and Cyrillic letters.
_ACCENTS = re.compile("[\u0300-\u036f]")


def object_column(values: Iterable[Any], index: pd.Index | None = None) -> pd.Series:
    """Build a column with one object per row, such as signals of any length."""
    # The array is filled entry by entry, since NumPy would stack signals of equal length.
    values = list(values)
    column = np.empty(len(values), dtype=object)
    for i, value in enumerate(values):
        column[i] = value
    return pd.Series(column, index=index, dtype=object)


def _plain(text: str) -> str:
    """Remove from a name the differences in spelling that easily arise from typing."""
    # Quotation marks, also those that str() adds to bytes, and brackets around the name.
    text = re.sub(r"^\s*b?(['\"])(.+)\1\s*$", r"\2", text)
    text = re.sub(r"^\s*[(\[#]+(.+?)[)\]]*\s*$", r"\1", text)
    if not text.isascii():
        text = text.translate(_LOOK_ALIKE)
        text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
        text = _ACCENTS.sub("", unicodedata.normalize("NFKD", text))
        kinds = {c: unicodedata.category(c) for c in text}
        text = "".join("-" if kinds[c] == "Pd" else c for c in text if kinds[c] != "Cf")
        text = "".join(str(unicodedata.decimal(c)) if c.isdecimal() else c for c in text)
    text = text.casefold()
    # A separator between digits is kept as one character, since A1-1 is not A11.
    text = re.sub(r"(?<=\d)[\s_-]+(?=\d)", "|", text)
    text = re.sub(r"[\s_;-]+|(?<=\D)[.,]+|[.,]+(?!\d)", "", text)
    text = re.sub(r"(?<![\d.])0+(?=\d)", "", text)
    return re.sub(r"^(\d+)\.0+$", r"\1", text)


# The cache distinguishes types, since 1, 1.0 and True are equal keys.
@lru_cache(maxsize=1 << 16, typed=True)
def _likeness(name: Hashable) -> Hashable:
    if isinstance(name, tuple):
        return tuple(_likeness(part) for part in name)
    if isinstance(name, (bytes, np.bytes_)):
        name = bytes(name).decode("utf-8", "replace")
    if isinstance(name, (float, np.floating)) and float(name).is_integer():
        name = int(name)
    if isinstance(name, str):
        return _plain(name)
    # The sign of a number is not a separator.
    is_number = isinstance(name, Number) and not isinstance(name, bool | np.bool_)
    return str(name) if is_number else _plain(str(name).removesuffix(" 00:00:00"))


def is_blank(name: object) -> bool:
    """Return whether a subject's name is a text without a visible character."""
    if isinstance(name, bytes):
        name = name.decode("utf-8", "replace")
    return isinstance(name, str) and not any(
        c.isprintable() and not c.isspace() and unicodedata.category(c) != "Cf" for c in name
    )


def similar_subjects(names: Iterable[Hashable]) -> list[tuple[Hashable, ...]]:
    """Group names of subjects that look like different spellings of one name.

    Names are similar if they differ only in type (1 and "1"), letter case, accents, Unicode form,
    letters of another alphabet that look alike, blanks and punctuation ("J. Doe" and "j-doe"),
    leading zeros, or a decimal part of 0 ("1" and "1.0"). A blank, hyphen, underscore, dot or comma
    between two digits is significant: "A1-1" is similar to "A1_1", but not to "A11".

    Parameters
    ----------
    names : iterable of hashable
        Distinct names.

    Returns
    -------
    similar : list of tuple
        Groups of similar names in order of appearance.

    Examples
    --------
    >>> from sklearn_emg.recordings import similar_subjects
    >>> similar_subjects(["S1", "S2", "s1 ", "S01", 2, "2"])
    [('S1', 's1 ', 'S01'), (2, '2')]
    """
    spellings: dict[Hashable, list[Hashable]] = {}
    for name in names:
        spellings.setdefault(_likeness(name), []).append(name)
    return [tuple(group) for group in spellings.values() if len(group) > 1]


def known_by_other_spelling(
    names: Iterable[Hashable], known: Collection[Hashable]
) -> list[tuple[Hashable, Hashable]]:
    """Find names that are not among known names but look like one of them.

    Parameters
    ----------
    names : iterable of hashable
        Names to look up.
    known : collection of hashable
        Known names.

    Returns
    -------
    pairs : list of (hashable, hashable)
        Each name with the known name that is similar to it as defined by :func:`similar_subjects`.

    Examples
    --------
    >>> from sklearn_emg.recordings import known_by_other_spelling
    >>> known_by_other_spelling(["S1", "3", "S2"], {"S01", 3, "S2"})
    [('S1', 'S01'), ('3', 3)]
    """
    spelling = {_likeness(name): name for name in known}
    new = (name for name in names if name not in known)
    return [(name, spelling[like]) for name in new if (like := _likeness(name)) in spelling]


def _spelled(names: Sequence[Hashable]) -> str:
    shown = [repr(python_value(n)) for n in names]
    if len(set(shown)) < len(shown) or len({unicodedata.normalize("NFC", s) for s in shown}) < len(
        shown
    ):
        shown = [ascii(n) for n in names]
        return f"{names[0]!r} as " + ", ".join(shown[:-1]) + f" and {shown[-1]}"
    return ", ".join(shown[:-1]) + f" and {shown[-1]}"


def _looks_missing(name: Hashable) -> bool:
    """Return whether a name is a text for a missing value, or has neither letters nor digits."""
    if not isinstance(name, str) or is_blank(name):
        return False
    name = name.strip().strip("()[]")
    if name in ("Na", "Nan"):  # given names
        return False
    return name.casefold() in _MISSING or not any(c.isalnum() for c in name)


def _lone_negatives(names: Collection[Hashable]) -> list[Hashable]:
    """Return the only negative number of names, such as pandas' code -1 of a missing category."""
    numbers: list[Any] = [name for name in names if isinstance(name, Real)]
    negative: list[Hashable] = [number for number in numbers if number < 0]
    return negative if len(negative) == 1 and len(numbers) > 2 else []


def warn_of_similar_names(names: Iterable[Hashable], what: str) -> None:
    """Warn about names that are similar as defined by :func:`similar_subjects`.

    Parameters
    ----------
    names : iterable of hashable
        Distinct names.
    what : str
        What the names denote, such as "subject" or "site", for the message.

    Warns
    -----
    RecordingWarning
        If names are similar.
    """
    if similar := similar_subjects(names):
        text = first_few(map(_spelled, similar), separator="; ")
        warn_of_recordings(
            f"{what[:1].upper()}{what[1:]}s that look alike count as different {what}s: {text}. If "
            f"they are the same {what}, use one spelling; otherwise use names that differ more.",
        )


def warn_of_subject_names(names: Iterable[Hashable]) -> None:
    """Warn about names that look like one subject or like a missing value.

    Parameters
    ----------
    names : iterable of hashable
        Distinct names of the subjects.

    Warns
    -----
    RecordingWarning
        If names are similar as defined by :func:`similar_subjects`, or if a name is a text for a
        missing value, such as "nan", "unknown" or "?", or the only negative number.
    """
    names = list(names)
    warn_of_similar_names(names, "subject")
    if missing := [*_lone_negatives(names), *filter(_looks_missing, names)]:
        warn_of_recordings(
            f"The name {missing[0]!r} of a subject looks like a missing value. Give this subject "
            "another name, or leave its rows out.",
        )


@dataclass(frozen=True)
class Subjects:
    """Subjects of the rows of a table.

    Attributes
    ----------
    codes : ndarray of shape (n_rows,)
        Code of each row's subject, from 0 to ``n_subjects - 1`` in order of first appearance.
    names : ndarray of object of shape (n_subjects,)
        Names of the subjects as they were passed, in the order of the codes.

    Examples
    --------
    >>> from sklearn_emg.recordings import Subjects
    >>> subjects = Subjects.of(None, ["b", "a", "b"])
    >>> subjects.codes, subjects.names.tolist(), len(subjects)
    (array([0, 1, 0]), ['b', 'a'], 2)
    """

    codes: NDArray[np.intp]
    names: NDArray[np.object_]

    @classmethod
    def of(cls, X: Any, groups: Labels | Subjects | None = None) -> Subjects:
        """Read the subjects from a table or from groups.

        Parameters
        ----------
        X : DataFrame or array-like of length n_rows, or None
            Table with a ``subject`` column, or any data with `n_rows` rows if `groups` is given.
        groups : array-like of shape (n_rows,) or Subjects, default=None
            Subject of each row, which is used instead of the column. An instance of `Subjects` is
            returned unchanged.

        Returns
        -------
        subjects : Subjects
            Codes and names of the subjects.

        Raises
        ------
        TypeError
            If X is a frame of a library other than pandas with a ``subject`` column.
        ValueError
            If there is neither a column nor `groups`, if `groups` does not have one entry per row,
            or if a subject is missing or blank.

        Warns
        -----
        RecordingWarning
            If several names look like spellings of the same name, if a name looks like a missing
            value, or if the index of `groups` has a different order from that of X.
        SubjectLeakWarning
            If `groups` divides the rows of one subject of the column ``subject``.
        """
        if isinstance(groups, Subjects):
            if X is not None and len(groups.codes) != len(X):
                raise ValueError(
                    f"The subjects belong to {counted(len(groups.codes), 'row')}, but X has "
                    f"{len(X)}."
                )
            return groups
        given = _given_subjects(X, groups)
        numeric = hasattr(given, "dtype") and pd.api.types.is_numeric_dtype(given.dtype)
        column = pd.Series(given) if numeric else object_column(given)
        try:
            codes, names = pd.factorize(column, use_na_sentinel=True)
        except TypeError as error:
            raise ValueError(
                "The name of a subject must be a text, a number or a tuple of them; row "
                f"{_unhashable(column)[0]} has {_unhashable(column)[1]!r}."
            ) from error
        names = np.asarray(names, dtype=object)
        _refuse_absent(codes, names)
        if not numeric or _lone_negatives(names):
            warn_of_subject_names(names)
        if groups is not None:
            warn_of_other_order(X, groups, "groups")
            _warn_of_divided_subjects(X, codes)
        return cls(codes, names)

    def __len__(self) -> int:
        return len(self.names)

    @property
    def by_row(self) -> NDArray[np.object_]:
        """Name of each row's subject as an array of shape (n_rows,)."""
        return self.names[self.codes]


def _unhashable(column: pd.Series) -> tuple[int, Any]:
    """Return the first row whose name cannot be compared by its hash, and that name."""
    return next((i, v) for i, v in enumerate(column) if not isinstance(v, Hashable))


def _warn_of_divided_subjects(X: Any, codes: NDArray[np.intp]) -> None:
    """Warn about groups, given by their codes, that divide the rows of a subject in the column."""
    if not has_subjects(X):
        return
    n_groups = pd.Series(codes).groupby(object_column(X["subject"])).nunique()
    if divided := n_groups.index[n_groups > 1].tolist():
        warn(
            f"The groups divide {len(divided)} of {len(n_groups)} subjects in the column 'subject' "
            f"of X, such as {divided[0]!r}. Rows of one subject count as several subjects and can "
            "be in both training and test. Omit groups, or correct the column.",
            SubjectLeakWarning,
        )


def _refuse_absent(codes: NDArray[np.intp], names: NDArray[np.object_]) -> None:
    """Refuse rows whose subject is missing or blank."""
    blank = [code for code, name in enumerate(names) if is_blank(name)]
    absent = np.flatnonzero((codes < 0) | np.isin(codes, blank))
    if absent.size:
        row = int(absent[0])
        what = "no subject" if codes[row] < 0 else f"a blank subject, {names[codes[row]]!r}"
        raise ValueError(f"Row {row} has {what}; name its subject or leave the row out.")


def _given_subjects(X: Any, groups: Labels | None) -> Any:
    if groups is not None:
        if hasattr(groups, "to_pylist"):  # pyarrow, whose entries are scalars of its own
            groups = groups.to_pylist()
        if getattr(groups, "ndim", 1) != 1:
            raise ValueError(
                f"groups must be 1-D, with one subject per row. Got shape {np.shape(groups)}."
            )
        if X is not None and len(groups) != len(X):
            raise ValueError(
                f"groups has {counted(len(groups), 'entry', 'entries')} for "
                f"{counted(len(X), 'row')} of X."
            )
        return groups
    if has_subjects(X):
        refuse_repeated_columns(X, ["subject"])
        return X["subject"]
    if "subject" in (foreign_columns(X) or ()):
        refuse_foreign_frame(X, "A table with a 'subject' column")
    raise ValueError(
        "X does not name the subjects of its rows: it has no 'subject' column, and no groups were "
        "passed. Put the names of the subjects into a column 'subject', as recording_table does. "
        "Functions with a parameter groups also take them as groups=..., with one subject per row."
    )


def subjects_of(X: Any, groups: Labels | Subjects | None = None) -> NDArray[np.intp]:
    """Return the code of the subject of each row, numbered in order of first appearance.

    Parameters
    ----------
    X : DataFrame or array-like of length n_rows
        Table with a ``subject`` column, or any data with `n_rows` rows if `groups` is given.
    groups : array-like of shape (n_rows,) or Subjects, default=None
        Subject of each row, which is used instead of the column.

    Returns
    -------
    codes : ndarray of shape (n_rows,)
        Codes from 0 to ``n_subjects - 1``.

    Raises
    ------
    TypeError
        If X is a frame of a library other than pandas with a ``subject`` column.
    ValueError
        If there is neither a column nor `groups`, if `groups` does not have one entry per row, or
        if a subject is missing or blank.

    Warns
    -----
    RecordingWarning
        If several names look like spellings of the same name, if a name looks like a missing value,
        or if the index of `groups` has a different order from that of X.
    SubjectLeakWarning
        If `groups` divides the rows of one subject of the column ``subject``.

    See Also
    --------
    Subjects : Codes and names of the subjects.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_emg.recordings import subjects_of
    >>> subjects_of(pd.DataFrame({"subject": ["b", "a", "b"]}))
    array([0, 1, 0])
    """
    return Subjects.of(X, groups).codes


def mean_by_code(
    values: NDArray[np.floating], codes: NDArray[np.intp], n_codes: int
) -> NDArray[np.floating]:
    """Compute the mean of the rows of `values` with the same code; NaN for a code without rows.

    The mean of equal values is exactly that value, so equal scores remain ties regardless of the
    number of rows.
    """
    first = np.zeros((n_codes, values.shape[1]))
    first[codes[::-1]] = np.where(np.isfinite(values), values, 0.0)[::-1]
    sums = np.zeros_like(first)
    np.add.at(sums, codes, values - first[codes])
    counts = np.bincount(codes, minlength=n_codes)[:, None]
    return first + np.divide(sums, counts, out=np.full_like(sums, np.nan), where=counts > 0)


def refuse_missing_labels(y: Labels | ArrayLike) -> None:
    """Raise if a label is missing, and warn about labels that look alike or like a missing one.

    Parameters
    ----------
    y : array-like of shape (n_rows,)
        Label of each row.

    Raises
    ------
    ValueError
        If a label is missing or blank; the message names the first such row.

    Warns
    -----
    RecordingWarning
        In the cases of :func:`warn_of_labels`.
    """
    # In an array of text, a missing label of a list would become the text "nan" or "None".
    values = np.asarray(y, dtype=object if isinstance(y, (list, tuple)) else None)
    missing = pd.isna(values) | np.ma.getmask(y)
    texts = set()
    if values.dtype.kind in "OUT":
        texts = {label for label in values.ravel().tolist() if isinstance(label, str)}
        if any(map(is_blank, texts)):
            missing = missing | np.reshape(list(map(is_blank, values.ravel())), values.shape)
    if (rows := np.argwhere(missing)).size:
        raise ValueError(
            f"y has no label for {len(rows)} of {counted(len(values), 'row')}; the first of these "
            f"is row {rows[0, 0]}. Leave such rows out of X and y."
        )
    warn_of_labels(texts)


def warn_of_labels(texts: set[str]) -> None:
    """Warn about labels that may be spellings of one label, or missing labels.

    Parameters
    ----------
    texts : set of str
        Distinct labels.

    Warns
    -----
    RecordingWarning
        If labels differ only in letter case, blanks, hyphens or underscores, or a decimal part of
        0, or look like a missing value.
    """
    spellings: dict[str, list[str]] = {}
    for text in sorted(texts):
        plain = unicodedata.normalize("NFKC", text).casefold().strip()
        plain = re.sub(r"(?<=\w)[\s_-]+(?=\w)", " ", plain)
        plain = re.sub(r"^([+-]?\d+)\.0+$", r"\1", plain)
        spellings.setdefault(plain, []).append(text)
    for alike in spellings.values():
        if len(alike) > 1:
            warn_of_recordings(
                f"The labels {' and '.join(map(repr, alike))} of y look alike but count as "
                "different classes. If they are the same class, use one spelling."
            )
    # The text that str() gives for missing values.
    if found := sorted(texts & {"nan", "None", "<NA>", "NaT"}):
        warn_of_recordings(
            f"The label {found[0]!r} of y counts as a class but looks like a missing label. Leave "
            "such rows out of X and y."
        )
