"""HTML pages from the templates: tables, images, and their security policy.

A page loads nothing from outside. Its content security policy lets one style sheet and one script
run, each known by its hash; markup that slipped into the data could neither run nor load anything.
Jinja2 escapes whatever the templates insert.
"""

from __future__ import annotations

import base64
import hashlib
import io
import os
import platform
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import sklearn

from sklearn_emg._files import write_text_atomically
from sklearn_emg._tables import counted
from sklearn_emg._validation import require
from sklearn_emg._version import __version__

if TYPE_CHECKING:
    from jinja2 import Environment

_TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class Cell:
    """Cell of a table.

    Parameters
    ----------
    text : str
        Text that is shown.
    kind : str
        Style class.
    key : float or None
        Number by which the column is sorted; None sorts by the text.
    """

    text: str
    kind: str
    key: float | None


@dataclass(frozen=True)
class Table:
    """Content of a sortable table.

    Parameters
    ----------
    caption : str
    heads : list of str
        Titles of the columns; the first is that of the labels.
    rows : list of tuple
        Label of each row and the list of its :class:`Cell`.
    n_rows : int
        Number of all rows, also of those that are not shown.
    """

    caption: str
    heads: list[str]
    rows: list[tuple[str, list[Cell]]]
    n_rows: int


@dataclass(frozen=True)
class Picture:
    """Image of a page.

    Parameters
    ----------
    data : str
        PNG image in base64.
    alt : str
        Content of the image as text, for those who cannot see it.
    caption : str
    """

    data: str
    alt: str
    caption: str


def interval(value: float, low: float, high: float) -> str:
    """Text of a score with its interval.

    Parameters
    ----------
    value : float
    low, high : float
        Limits of the interval; NaN if there is none.

    Returns
    -------
    text : str
        Two decimals, such as ``"0.56 [0.34, 0.75]"``; "-" if `value` is NaN.
    """
    if np.isnan(value):
        return "-"
    return f"{value:.2f}" if np.isnan(low) else f"{value:.2f} [{low:.2f}, {high:.2f}]"


def p_text(p: float) -> str:
    """Text of a p-value.

    Parameters
    ----------
    p : float

    Returns
    -------
    text : str
        Two decimals, or two significant digits below 0.01; "-" if `p` is NaN.
    """
    if np.isnan(p):
        return "-"
    return f"{p:.2f}" if p >= 0.01 else f"{p:.2g}"


def class_counts(labels: Any) -> str:
    """Text of the number of cases of each class.

    Parameters
    ----------
    labels : array-like of shape (n_cases,)

    Returns
    -------
    text : str
        Classes in sorted order, such as ``"control 12, patient 8"``.
    """
    counts = pd.Series(list(labels)).value_counts(sort=False).sort_index()
    return ", ".join(f"{name} {count}" for name, count in counts.items())


def _scalar(value: Any) -> Any:
    """A NumPy scalar as one of Python."""
    return value.item() if isinstance(value, np.generic) else value


def _cell(value: Any, key: Any, marks: Mapping[str, str]) -> Cell:
    value, key = _scalar(value), _scalar(key)
    text = str(value)
    if isinstance(value, float):
        text = "" if np.isnan(value) else f"{value:.3g}"
    if isinstance(value, str) and value in marks:
        return Cell(text, marks[value], None)
    if isinstance(key, bool) or not isinstance(key, (int, float)):
        return Cell(text, "text", None)
    return Cell(text, "number", float(key))


def table(
    frame: pd.DataFrame,
    caption: str,
    *,
    index: str,
    keys: pd.DataFrame | None = None,
    marks: Mapping[str, str] | None = None,
    max_rows: int | None = None,
) -> Table:
    """Prepare a sortable table.

    Parameters
    ----------
    frame : DataFrame
        Its index gives the label of each row, its columns the other cells.
    caption, index : str
        Caption, and header of the labels.
    keys : DataFrame, default=None
        Numbers by which columns of text are sorted, under the same names.
    marks : mapping of str to str, default=None
        Style class of cells with exactly this text.
    max_rows : int, default=None
        Number of rows that are shown at most.

    Returns
    -------
    table : Table
    """
    columns = list(frame.columns)
    orders = [
        list(frame.iloc[:, k] if keys is None or name not in keys else keys[name])
        for k, name in enumerate(columns)
    ]
    shown = frame.iloc[:max_rows]
    rows = []
    for row, (label, values) in enumerate(zip(shown.index, shown.itertuples(index=False))):
        name = " ".join(map(str, label)) if isinstance(label, tuple) else str(label)
        cells = [_cell(v, order[row], marks or {}) for v, order in zip(values, orders)]
        rows.append((name, cells))
    return Table(caption, [index, *map(str, columns)], rows if columns else [], len(frame))


def draw(
    paint: Callable[[Any], object],
    alt: str,
    caption: str = "",
    *,
    size: tuple[float, float],
    dpi: int = 120,
) -> Picture:
    """Draw a figure without pyplot's list of open figures.

    Parameters
    ----------
    paint : callable
        ``paint(figure)`` draws on a matplotlib Figure.
    alt, caption : str
        Content of the figure as text, and the text below it.
    size : tuple of float
        Width and height in inches.
    dpi : int, default=120

    Returns
    -------
    picture : Picture
    """
    import matplotlib
    from matplotlib.figure import Figure

    # A subject called "$x" is a name, not a formula; the reader's style must not hide a line.
    settings = {
        **matplotlib.rcParamsDefault,
        "text.parse_math": False,
        "backend": matplotlib.rcParams["backend"],
    }
    buffer = io.BytesIO()
    with matplotlib.rc_context(settings):
        figure = Figure(figsize=size, layout="constrained")
        paint(figure)
        # Without the name and version of the program, one figure always gives the same bytes.
        figure.savefig(buffer, format="png", dpi=dpi, metadata={"Software": None})
    return Picture(base64.b64encode(buffer.getvalue()).decode(), alt, caption)


def draw_display(
    display: Any, alt: str, caption: str, size: tuple[float, float], *kind: str
) -> Picture:
    """Draw a Display as an image of a page.

    Parameters
    ----------
    display : Display
        Object with a method ``plot``.
    alt : str
        Content of the image as text.
    caption : str
    size : tuple of float
        Width and height in inches.
    *kind : str
        Kind of plot, for a Display with several.

    Returns
    -------
    picture : Picture
    """
    return draw(lambda figure: display.plot(*kind, ax=figure.subplots()), alt, caption, size=size)


def check_page(path: str | os.PathLike[str], caller: str) -> Path:
    """Check, before anything is computed, that a page can be drawn and written.

    Parameters
    ----------
    path : str or path-like
    caller : str
        Function, for the message.

    Returns
    -------
    path : Path

    Raises
    ------
    ImportError
        If matplotlib or Jinja2 is not installed.
    ValueError
        If `path` is that of a folder, which a file must not replace.
    """
    require("matplotlib", caller, "plot")
    require("jinja2", caller, "plot", "Jinja2")
    path = Path(path)
    if path.is_dir():
        raise ValueError(
            f"The 'path' of {caller} must be that of a file. Got the folder {str(path)!r}: add a "
            "file name, such as 'report.html'."
        )
    return path


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"counted": counted, "md": _markdown}
    return environment


def _markdown(text: Any) -> Any:
    """Text in which no character is markup of Markdown or HTML."""
    from markupsafe import Markup

    plain = " ".join(str(text).split())
    return Markup(re.sub(r"([\\`*_\[\]<>|#])", r"\\\1", plain).replace("&", "&amp;"))


def rendered(template: str, content: Mapping[str, Any]) -> str:
    """Text of a template.

    Parameters
    ----------
    template : str
    content : mapping of str to object

    Returns
    -------
    text : str
    """
    return _environment().get_template(template).render(content)


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def write_page(path: Path, template: str, title: str, content: Mapping[str, Any]) -> None:
    """Write a page completely or not at all.

    Parameters
    ----------
    path : Path
    template, title : str
    content : mapping of str to object
        As for :func:`page_text`.

    Raises
    ------
    OSError
        If the file cannot be written; an earlier one is kept.
    """
    write_text_atomically(path, page_text(template, title, content))


def page_text(template: str, title: str, content: Mapping[str, Any]) -> str:
    """Text of a page.

    Parameters
    ----------
    template : str
        Name of a template; it sets ``head`` and prints its sections.
    title : str
    content : mapping of str to object
        Variables of the template.

    Returns
    -------
    text : str
    """
    from markupsafe import Markup

    environment = _environment()
    contents: list[str] = []
    module = environment.get_template(template).make_module({**content, "contents": contents})
    style, script = ((_TEMPLATES / name).read_text("utf-8") for name in ("page.css", "sort.js"))
    policy = (
        "default-src 'none'; img-src data:; base-uri 'none'; form-action 'none'; "
        f"style-src 'sha256-{_digest(style)}'; script-src 'sha256-{_digest(script)}'"
    )
    versions = (
        f"sklearn-emg {__version__}, scikit-learn {sklearn.__version__}, "
        f"NumPy {np.__version__}, Python {platform.python_version()}"
    )
    return environment.get_template("page.html").render(
        title=str(title),
        head=module.head,  # type: ignore[attr-defined]
        body=Markup(str(module)),
        contents=contents,
        style=Markup(style),
        script=Markup(script),
        policy=Markup(policy),
        time=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        versions=versions,
    )
