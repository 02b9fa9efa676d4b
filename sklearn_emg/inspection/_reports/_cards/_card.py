"""Cards with sections of facts, tables and blanks for the author, in Markdown and HTML."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from sklearn_emg._files import write_text_atomically
from sklearn_emg._validation import require
from sklearn_emg.inspection._reports._html import page_text, rendered, table

#: Mark for a fact that only the author of a study knows.
AUTHOR = "author"
_MARKS = {AUTHOR: "author", "confound": "leaky", "not done": "author"}


@dataclass(frozen=True)
class Section:
    """One section of a card.

    Attributes
    ----------
    title, text : str
        Title and introductory text of the section.
    facts : list of (str, str)
        Name and value of each fact.
    tables : list of (str, DataFrame)
        Caption and content of each table, whose index has a name.
    blanks : list of str
        Facts that the author must state.
    """

    title: str
    text: str = ""
    facts: list[tuple[str, str]] = field(default_factory=list)
    tables: list[tuple[str, pd.DataFrame]] = field(default_factory=list)
    blanks: list[str] = field(default_factory=list)


@dataclass(frozen=True, repr=False)
class Card:
    """A model card or data card.

    Printing it shows the Markdown text, and a notebook shows the formatted card.

    Attributes
    ----------
    title : str
        Title of the card.
    sections : list of Section
        Sections of the card in order.
    """

    title: str
    sections: list[Section]

    @property
    def markdown(self) -> str:
        """Text of the card in Markdown."""
        require("jinja2", "Card.markdown", "plot", "Jinja2")
        text = rendered("card.md", {"card": self, "cells": _cells, "author": AUTHOR})
        return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"

    @property
    def html(self) -> str:
        """Self-contained HTML page of the card, which loads no other files."""
        require("jinja2", "Card.html", "plot", "Jinja2")
        return page_text("card.html", self.title, {"card": card_content(self)})

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the card to an HTML or Markdown file.

        Parameters
        ----------
        path : str or path-like
            File whose name ends with ``.html`` or ``.md``. An existing file is replaced.

        Returns
        -------
        path : Path
            Path of the file.

        Raises
        ------
        ValueError
            If `path` has a different extension or is a folder.
        """
        path = Path(path)
        suffix = path.suffix.lower()
        if suffix not in (".html", ".md") or path.is_dir():
            raise ValueError(f"The path of a card must end with .html or .md. Got {str(path)!r}.")
        write_text_atomically(path, self.html if suffix == ".html" else self.markdown)
        return path

    def __repr__(self) -> str:
        return self.markdown

    def _repr_markdown_(self) -> str:
        return self.markdown


def card_content(card: Card) -> dict[str, Any]:
    """Prepare the variables of a card for the templates.

    Parameters
    ----------
    card : Card
        Card to show.

    Returns
    -------
    content : dict of str to object
        Variables for the macro ``card_part``.
    """
    return {
        "title": card.title,
        "sections": [
            {
                "title": section.title,
                "text": section.text,
                "facts": section.facts,
                "blanks": section.blanks,
                "tables": [
                    table(frame, caption, index=str(frame.index.name or ""), marks=_MARKS)
                    for caption, frame in section.tables
                ],
            }
            for section in card.sections
        ],
    }


def _cells(frame: pd.DataFrame) -> list[list[str]]:
    """Convert the header and rows of a table to text."""
    head = [str(frame.index.name or ""), *map(str, frame.columns)]
    rows = [
        [str(label), *(_text(value) for value in values)]
        for label, values in zip(frame.index, frame.itertuples(index=False, name=None))
    ]
    return [head, *rows]


def _text(value: Any) -> str:
    if isinstance(value, float):
        return "" if pd.isna(value) else f"{value:.3g}"
    return str(value)
