"""Tables that print whole, and counts in English: what results need to be read."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from typing import Any

import pandas as pd

__all__ = ["ReadableTable", "counted", "first_few", "wrapped"]


class ReadableTable(pd.DataFrame):
    """A DataFrame that prints all its rows and columns; wide ones are wrapped, never cut.

    Lines have ``display.width`` characters, pandas' option, 80 by default.
    """

    @property
    def _constructor(self) -> type[ReadableTable]:
        return ReadableTable

    def __repr__(self) -> str:
        return self.to_string(line_width=_width())


def _width() -> int:
    return pd.get_option("display.width") or 80


def wrapped(text: str) -> str:
    """Wrap a line at ``display.width`` characters, 80 by default; further lines are indented.

    Parameters
    ----------
    text : str

    Returns
    -------
    text : str
    """
    return textwrap.fill(text, _width(), subsequent_indent="  ")


def counted(n: int, noun: str, plural: str | None = None) -> str:
    """Count things in English.

    Parameters
    ----------
    n : int
    noun : str
        Name of what is counted, in the singular.
    plural : str, default=None
        Plural of the noun, if it is not the singular with an s.

    Returns
    -------
    text : str
        "1 subject", "2 subjects", "3 classes".
    """
    return f"{n} {noun if n == 1 else plural or noun + 's'}"


def first_few(items: Iterable[Any], limit: int = 5, separator: str = ", ") -> str:
    """List the first items, and how many there are more.

    Parameters
    ----------
    items : iterable
    limit : int, default=5
        Number of items that are listed, at most.
    separator : str, default=", "
        Text between items, and before the number of others unless it is a comma.

    Returns
    -------
    text : str
        Such as "a, b and 3 more".

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
