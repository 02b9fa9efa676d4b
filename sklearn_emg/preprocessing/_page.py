"""Self-contained HTML pages: what the reports share.

A page loads nothing from outside. Its content security policy lets run one script, known by its
hash, so that markup that slipped into the data could neither run nor fetch anything.
"""

from __future__ import annotations

import base64
import hashlib
import html
import io
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from sklearn_emg._files import write_text_atomically

_STYLE = """
:root { color-scheme: light dark; --text: #1f2328; --soft: #4b5563; --back: #ffffff;
  --raised: #f3f5f8; --line: #c4cad3; --link: #0b57a4; --bad: #a3160f; --bad-back: #fdeceb;
  --good: #0f5f3c }
@media screen and (prefers-color-scheme: dark) {
  :root { --text: #e7e9ec; --soft: #b3bac4; --back: #191a1c; --raised: #26292e; --line: #4b525c;
    --link: #8cc4ff; --bad: #ffb3ab; --bad-back: #45201d; --good: #86dcae }
  /* Figures have a white ground: turned dark here, with the hues kept. */
  figure img { filter: invert(0.9) hue-rotate(180deg) }
}
* { box-sizing: border-box }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 66rem; margin: 0 auto;
  padding: 1.5rem 1.25rem 4rem; color: var(--text); background: var(--back) }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 0.5rem }
h2 { font-size: 1.35rem; margin: 2.75rem 0 0.5rem; padding-top: 0.75rem;
  border-top: 1px solid var(--line) }
h3 { font-size: 1.08rem; margin: 1.75rem 0 0.4rem }
p, ul { max-width: 46rem }
a { color: var(--link) }
:focus-visible { outline: 3px solid var(--link); outline-offset: 2px }
.skip { position: absolute; left: -999rem }
.skip:focus { left: 1rem; top: 0.5rem; padding: 0.4rem 0.8rem; background: var(--back) }
nav ul { list-style: none; padding: 0; margin: 0.75rem 0; display: flex; flex-wrap: wrap;
  gap: 0.25rem 1.25rem }
.note { color: var(--soft); font-size: 0.92rem }
.lead { font-size: 1.12rem }
.warning { border-left: 5px solid var(--bad); background: var(--bad-back); padding: 0.6rem 0.9rem }
.leaky { color: var(--bad); font-weight: 700 }
.honest { color: var(--good); font-weight: 700 }
.scroll { overflow-x: auto; margin: 0.8rem 0 }
.long { max-height: 32rem; overflow-y: auto }
table { border-collapse: collapse; font-size: 0.93rem; font-variant-numeric: tabular-nums }
caption { text-align: left; color: var(--soft); padding-bottom: 0.35rem; font-size: 0.92rem }
th, td { border-bottom: 1px solid var(--line); padding: 0.3rem 0.75rem; text-align: left;
  vertical-align: top }
thead th { background: var(--raised); white-space: nowrap }
.long thead th { position: sticky; top: 0 }
tbody th { font-weight: 600; min-width: 8rem }
td.number { text-align: right; white-space: nowrap }
td.text { overflow-wrap: anywhere; min-width: 6rem }
th button { font: inherit; font-weight: 600; color: inherit; background: none; border: 0;
  padding: 0; cursor: pointer }
th button::after { content: " \\2195"; color: var(--soft) }
th[aria-sort="ascending"] button::after { content: " \\2191"; color: var(--text) }
th[aria-sort="descending"] button::after { content: " \\2193"; color: var(--text) }
figure { margin: 1.2rem 0 }
figure img { display: block; max-width: 100%; height: auto }
figcaption { color: var(--soft); font-size: 0.92rem; max-width: 46rem }
code, pre { font: 0.88rem/1.45 ui-monospace, monospace }
code { overflow-wrap: anywhere }
pre { overflow-x: auto; background: var(--raised); padding: 0.75rem }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0.2rem 1rem }
dt { color: var(--soft) } dd { margin: 0 }
.quiet { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%) }
@media print { nav, .skip { display: none } .long { max-height: none } body { max-width: none } }
"""

# Headers become buttons by script: without script a table is just a table, with nothing dead.
_SCRIPT = """
"use strict";
const said = document.getElementById("sorted");
function key(row, column) {
  const cell = row.cells[column];
  return cell.dataset.sort === undefined ? cell.textContent.trim() : Number(cell.dataset.sort);
}
function compare(a, b) {
  if (typeof a === "number" && typeof b === "number") return a - b;
  return String(a).localeCompare(String(b), "en", { numeric: true });
}
for (const table of document.querySelectorAll("table.sortable")) {
  const headers = [...table.tHead.rows[0].cells];
  headers.forEach((header, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = header.textContent;
    header.replaceChildren(button);
    header.setAttribute("aria-sort", "none");
    button.addEventListener("click", () => {
      const numbers = table.tBodies[0].rows[0].cells[column].dataset.sort !== undefined;
      const before = header.getAttribute("aria-sort");
      const first = numbers ? "descending" : "ascending";
      const other = numbers ? "ascending" : "descending";
      const order = before === first ? other : first;
      for (const h of headers) h.setAttribute("aria-sort", "none");
      header.setAttribute("aria-sort", order);
      const sign = order === "ascending" ? 1 : -1;
      const rows = [...table.tBodies[0].rows].map((row) => [key(row, column), row]);
      // Missing numbers stay below, whatever the order.
      const missing = (k) => Number(typeof k === "number" && Number.isNaN(k));
      rows.sort(([a], [b]) => missing(a) - missing(b) || (missing(a) ? 0 : sign * compare(a, b)));
      table.tBodies[0].append(...rows.map(([, row]) => row));
      said.textContent = `Sorted by ${button.textContent}, ${order}.`;
    });
  });
}
"""


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def escape(value: Any) -> str:
    """Anything as text that cannot become markup."""
    return html.escape(str(value), quote=True)


def _cell(value: Any, sort: Any) -> str:
    if isinstance(sort, bool) or not isinstance(sort, (int, float)):
        return f'<td class="text">{escape(value)}</td>'
    return f'<td class="number" data-sort="{float(sort)!r}">{escape(value)}</td>'


def _plain(value: Any) -> Any:
    """NumPy scalars as those of Python."""
    return value.item() if hasattr(value, "item") and getattr(value, "ndim", 1) == 0 else value


def _written(value: Any) -> str:
    if isinstance(value, float):
        return "" if value != value else f"{value:.3g}"
    return str(value)


def table(
    frame: pd.DataFrame,
    caption: str,
    *,
    index: str = "",
    keys: pd.DataFrame | None = None,
    empty: str = "Nothing.",
    classes: dict[str, str] | None = None,
) -> str:
    """A sortable table: its index is the header of each row, its columns the header of each column.

    `keys` has the numbers that columns of text are sorted by, under their names; `classes` the
    style class of cells that read exactly so.
    """
    if frame.empty:
        return f"<p>{escape(empty)}</p>"
    heads = [index or frame.index.name or "name", *frame.columns]
    lines = [
        # A region with a name that takes the focus: it can be scrolled with the keyboard.
        f'<div class="scroll{" long" if len(frame) > 25 else ""}" role="region" tabindex="0" '
        f'aria-label="Table: {escape(caption)}">',
        f'<table class="sortable"><caption>{escape(caption)}</caption>',
        "<thead><tr>" + "".join(f'<th scope="col">{escape(h)}</th>' for h in heads),
        "</tr></thead><tbody>",
    ]
    for position, (name, row) in enumerate(zip(frame.index, frame.itertuples(index=False))):
        cells = []
        for column, value in zip(frame.columns, row):
            value = _plain(value)
            sort = value
            if keys is not None and column in keys:
                sort = _plain(keys[column].iloc[position])
            cell = _cell(_written(value), sort)
            if classes and isinstance(value, str) and value in classes:
                cell = f'<td class="{classes[value]}">{escape(value)}</td>'
            cells.append(cell)
        label = " ".join(map(str, name)) if isinstance(name, tuple) else name
        lines.append(f'<tr><th scope="row">{escape(label)}</th>{"".join(cells)}</tr>')
    lines.append("</tbody></table></div>")
    return "\n".join(lines)


def image(figure: Any, alt: str, caption: str = "", *, dpi: int = 120) -> str:
    """A figure of matplotlib, inside the page, with its text for those who do not see it."""
    buffer = io.BytesIO()
    # Without the name and version of the program, one figure is always the same bytes.
    figure.savefig(buffer, format="png", dpi=dpi, metadata={"Software": None})
    data = base64.b64encode(buffer.getvalue()).decode()
    below = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
    return f'<figure><img alt="{escape(alt)}" src="data:image/png;base64,{data}">{below}</figure>'


def section(title: str, parts: Iterable[str]) -> tuple[str, str]:
    """Title and content of a section, for :func:`page`."""
    return title, "\n".join(parts)


def page(title: str, head: str, sections: Iterable[tuple[str, str]], foot: str = "") -> str:
    """A whole page: title, what stands at its top, sections with a list of contents."""
    links, bodies = [], []
    for number, (name, body) in enumerate(sections, start=1):
        links.append(f'<li><a href="#part-{number}">{escape(name)}</a></li>')
        bodies.append(
            f'<section aria-labelledby="part-{number}"><h2 id="part-{number}">{escape(name)}</h2>'
            f"\n{body}\n</section>"
        )
    policy = (
        "default-src 'none'; img-src data:; base-uri 'none'; form-action 'none'; "
        f"style-src 'sha256-{_digest(_STYLE)}'; script-src 'sha256-{_digest(_SCRIPT)}'"
    )
    newline = "\n"
    return f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title><link rel="icon" href="data:,"><style>{_STYLE}</style></head>
<body><a class="skip" href="#main">Skip to the content</a>
<main id="main" tabindex="-1"><h1>{escape(title)}</h1>
{head}
<nav aria-label="Contents"><ul>{"".join(links)}</ul></nav>
{newline.join(bodies)}
</main>
<footer class="note">{foot}</footer>
<p class="quiet" id="sorted" role="status" aria-live="polite"></p>
<script>{_SCRIPT}</script>
</body></html>
"""


def check_page_path(path: str | os.PathLike[str], caller: str) -> Path:
    """The path, unless it is that of a folder, which a file must not replace."""
    path = Path(path)
    if path.is_dir():
        raise ValueError(
            f"The 'path' of {caller} must be that of a file. Got the folder {str(path)!r}: add a "
            "file name, such as 'report.html'."
        )
    return path


def write_page(path: Path, text: str) -> None:
    """Write a page so that nobody ever sees a half of it."""
    write_text_atomically(path, text)
