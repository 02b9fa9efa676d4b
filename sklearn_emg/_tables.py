"""Helpers that print results: complete tables, wrapped lines, and counts and lists in English."""

from __future__ import annotations

import re
import textwrap
from collections.abc import ItemsView, Iterable, Iterator, KeysView, ValuesView
from typing import Any

import numpy as np
import pandas as pd


class ReadableTable(pd.DataFrame):
    """A DataFrame that prints all its rows and columns, wrapping lines that are too wide.

    The width of lines is that of the pandas option ``display.width``, 80 characters by default.
    """

    @property
    def _constructor(self) -> type[ReadableTable]:
        return ReadableTable

    def __repr__(self) -> str:
        return self.to_string(line_width=_width())


def _width() -> int:
    return pd.get_option("display.width") or 80


def listed(value: Any) -> Any:
    """Return the values of an iterator or a view of a dict as a list; other values unchanged."""
    is_read_once = isinstance(value, Iterator | KeysView | ValuesView | ItemsView)
    return list(value) if is_read_once else value


def wrapped(text: str) -> str:
    """Wrap a line at ``display.width`` characters (80 by default), indenting further lines."""
    return textwrap.fill(text, _width(), subsequent_indent="  ")


def counted(n: int, noun: str, plural: str | None = None) -> str:
    """Format a count with its noun, such as "1 subject" or "2 subjects".

    Parameters
    ----------
    n : int
        The count.
    noun : str
        Noun in the singular.
    plural : str, default=None
        Noun in the plural; by default, the singular with an "s".

    Returns
    -------
    text : str
        The count and the noun.
    """
    return f"{n} {noun if n == 1 else plural or noun + 's'}"


def columns_text(names: Iterable[Any]) -> str:
    """List names of columns, as in "column 'fs'" or "columns 'fs', 'muscle'".

    Parameters
    ----------
    names : iterable
        Names of the columns.

    Returns
    -------
    text : str
        The word "column" or "columns" and the quoted names.
    """
    shown = list(map(repr, names))
    return f"column{'s' if len(shown) > 1 else ''} {', '.join(shown)}"


def first_few(items: Iterable[Any], limit: int = 5, separator: str = ", ") -> str:
    """List the first items and the number of the others.

    Parameters
    ----------
    items : iterable
        Items, which are converted to strings.
    limit : int, default=5
        Maximum number of items that are listed.
    separator : str, default=", "
        Text between the items. Unless it is ", ", it also precedes the number of the others.

    Returns
    -------
    text : str
        List of the items, such as "a, b and 3 more".

    Examples
    --------
    >>> from sklearn_emg._tables import first_few
    >>> first_few("abcdefg", 3)
    'a, b, c and 4 more'
    >>> first_few("abc", 2, separator="; ")
    'a; b; and 1 more'
    >>> first_few("ab")
    'a, b'
    """
    texts = [str(item) for item in items]
    shown = separator.join(texts[:limit])
    if len(texts) <= limit:
        return shown
    joint = " and" if separator == ", " else f"{separator}and"
    return f"{shown}{joint} {len(texts) - limit} more"


def row_text(table: pd.DataFrame, row: int, word: str = "row") -> str:
    """Name a row by its position and, if they differ, by its label in the index.

    Within a fold of a comparison, only the label identifies the row of the whole table.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_emg._tables import row_text
    >>> row_text(pd.DataFrame(index=[5, 1]), 0), row_text(pd.DataFrame(index=[5, 1]), 1, "Row")
    ('row 0 (index 5)', 'Row 1')
    """
    (label,) = table.index[[row]].tolist()
    return f"{word} {row}" if label == row else f"{word} {row} (index {label!r})"


def python_value(value: Any) -> Any:
    """Convert a scalar of NumPy to one of Python, so that 3 and np.int64(3) print the same."""
    return value.item() if isinstance(value, np.generic) else value


def interval(value: float, low: float, high: float) -> str:
    """Format a score with its interval, as in ``"0.56 [0.34, 0.75]"``, or "-" if it is NaN.

    Limits that are NaN are left out.
    """
    if np.isnan(value):
        return "-"
    return f"{value:.2f}" if np.isnan(low) else f"{value:.2f} [{low:.2f}, {high:.2f}]"


def natural_order(name: Any) -> list[tuple[str, int]]:
    """Return a sort key for names with numbers.

    Parameters
    ----------
    name : object
        Name, which is converted to a string.

    Returns
    -------
    key : list of (str, int)
        Parts of the name and the numbers that follow them.

    Examples
    --------
    >>> from sklearn_emg._tables import natural_order
    >>> sorted(["P10", "P2"], key=natural_order)
    ['P2', 'P10']
    """
    return [(text, int(digits or -1)) for text, digits in re.findall(r"(\D*)(\d*)", str(name))]
