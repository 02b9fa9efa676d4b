"""HTML pages from templates, with tables, images and a security policy.

A page loads no other files. Its content security policy allows one style sheet and one script,
which are identified by their hashes. Markup in the data can therefore neither run nor load
anything. Jinja2 escapes all text that the templates insert.
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
from sklearn_emg._tables import counted, python_value
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
        Number by which the column is sorted. With None, it is sorted by the text.
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
        Caption of the table.
    heads : list of str
        Titles of the columns. The first one is the title of the row labels.
    rows : list of tuple
        Label and list of :class:`Cell` objects of each row.
    n_rows : int
        Number of all rows, including those that are not shown.
    """

    caption: str
    heads: list[str]
    rows: list[tuple[str, list[Cell]]]
    n_rows: int


@dataclass(frozen=True)
class Picture:
    """Image for a page.

    Parameters
    ----------
    data : str
        PNG image in base64.
    alt : str
        Content of the image as text, for readers who cannot see it.
    caption : str
        Caption of the image.
    """

    data: str
    alt: str
    caption: str


def p_text(p: float) -> str:
    """Format a p-value with two decimals, or two significant digits below 0.01; "-" for NaN."""
    if np.isnan(p):
        return "-"
    return f"{p:.2f}" if p >= 0.01 else f"{p:.2g}"


def class_counts(labels: Any) -> str:
    """Format the number of labels of each class, as in ``"control 12, patient 8"``."""
    counts = pd.Series(list(labels)).value_counts(sort=False).sort_index()
    return ", ".join(f"{name} {count}" for name, count in counts.items())


def _number(value: float) -> str:
    """Write a number with 3 significant digits; from 1000, write 10240 and not 1.02e+04."""
    if 999.5 <= abs(value) < 1e6:
        return f"{value:.1f}".removesuffix(".0")
    return "" if np.isnan(value) else f"{value:.3g}"


def _cell(value: Any, key: Any, marks: Mapping[str, str]) -> Cell:
    value, key = python_value(value), python_value(key)
    text = str(value)
    if isinstance(value, float):
        text = _number(value)
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
        Table whose index contains the label of each row.
    caption : str
        Caption of the table.
    index : str
        Title of the row labels.
    keys : DataFrame, default=None
        Numbers by which columns of text are sorted, under the same column names.
    marks : mapping of str to str, default=None
        Style classes of cells, by the exact text of the cell.
    max_rows : int, default=None
        Maximum number of rows that are shown.

    Returns
    -------
    table : Table
        Content of the table.
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
    """Draw a figure without adding it to pyplot's list of open figures.

    ``paint(figure)`` draws on a matplotlib Figure of `size` in inches; `alt` is its content as
    text.
    """
    import matplotlib
    from matplotlib.figure import Figure

    # The name of a subject, such as "$x", must not be parsed as a formula. The default style is
    # used, because the style of the user could hide a line.
    settings = {
        **matplotlib.rcParamsDefault,
        "text.parse_math": False,
        "backend": matplotlib.rcParams["backend"],
    }
    buffer = io.BytesIO()
    with matplotlib.rc_context(settings):
        figure = Figure(figsize=size, layout="constrained")
        paint(figure)
        # Without the name and version of the program, identical figures have identical bytes.
        figure.savefig(buffer, format="png", dpi=dpi, metadata={"Software": None})
    return Picture(base64.b64encode(buffer.getvalue()).decode(), alt, caption)


def draw_display(
    display: Any, alt: str, caption: str, size: tuple[float, float], *kind: str
) -> Picture:
    """Draw a Display as an image of a page, of `size` in inches, with `alt` as its text.

    `kind` is the kind of plot, for a Display that has several.
    """
    return draw(lambda figure: display.plot(*kind, ax=figure.subplots()), alt, caption, size=size)


def check_page(path: str | os.PathLike[str], caller: str) -> Path:
    """Check, before anything is computed, that a page can be drawn and written.

    Raise ImportError if matplotlib or Jinja2 is not installed, and ValueError for the path of a
    folder.
    """
    require("matplotlib", caller, "plot")
    require("jinja2", caller, "plot", "Jinja2")
    path = Path(path)
    if path.is_dir():
        raise ValueError(
            f"The 'path' of {caller} must be the path of a file. Got the folder {str(path)!r}: add "
            "a file name, such as 'report.html'."
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
    """Escape all characters that are markup in Markdown or HTML."""
    from markupsafe import Markup

    plain = " ".join(str(text).split())
    return Markup(re.sub(r"([\\`*_\[\]<>|#])", r"\\\1", plain).replace("&", "&amp;"))


def rendered(template: str, content: Mapping[str, Any]) -> str:
    """Render a template."""
    return _environment().get_template(template).render(content)


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def write_page(path: Path, template: str, title: str, content: Mapping[str, Any]) -> None:
    """Write a page completely or not at all."""
    write_text_atomically(path, page_text(template, title, content))


def page_text(template: str, title: str, content: Mapping[str, Any]) -> str:
    """Create the HTML text of a page.

    Parameters
    ----------
    template : str
        Name of a template that sets ``head`` and prints its sections.
    title : str
        Title of the page.
    content : mapping of str to object
        Variables of the template.

    Returns
    -------
    text : str
        HTML text.
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
