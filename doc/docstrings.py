"""Docstrings are written for readers of the code; this module adds the markup that reST needs.

``setup`` hooks into autodoc after numpydoc. Only text that docutils would misread is changed: names
that end in an underscore, list entries without a description, absolute values written with bars,
authors whose initial looks like the letter of a list, and tables whose cells span columns, which
are shown verbatim.
"""

from __future__ import annotations

import re
from typing import Any

_RULE = re.compile(r"^\s*=+( +=+)+\s*$")
_TYPES = r"(array|bool|dict|float|int|list|ndarray|object|str|tuple|DataFrame|Series)\b"
_ENTRY = re.compile(rf"^\s+\w+ : {_TYPES}")
_BARS = re.compile(r"(?<![`|\w])\|(\w+)\|")
_INITIAL = re.compile(r"^(\s*(?:\.\. \[[^\]]+\] )?)([A-Z])\. (?=[A-Z])")
_UNDERSCORE = re.compile(r"(?<![`\w])([A-Za-z]\w*)_(?=[,)])")


def _crosses(row: str, rule: str) -> bool:
    """Return whether text in a row of a simple table lies between two columns."""
    gaps = [m.start() for m in re.finditer(" (?==)", rule.rstrip())]
    start = len(rule) - len(rule.lstrip())
    return any(start < gap < len(row) and row[gap] != " " for gap in gaps)


def _spanning_tables_as_they_stand(lines: list[str]) -> list[str]:
    rules = [i for i, line in enumerate(lines) if _RULE.match(line)]
    out, done = [], 0
    for top in rules:
        if top < done:
            continue
        block = [i for i in rules if i >= top and lines[i] == lines[top]]
        # A table ends with the first rule that is followed by a blank line.
        end = next((i for i in block[1:] if i + 1 == len(lines) or not lines[i + 1].strip()), None)
        if end is None:
            continue
        rows = lines[top : end + 1]
        if any(_crosses(row, lines[top]) for row in rows if row.strip()):
            indent = lines[top][: len(lines[top]) - len(lines[top].lstrip())]
            out += lines[done:top] + [f"{indent}::", ""] + [f"    {row}" for row in rows]
            done = end + 1
    return out + lines[done:]


def _mended(lines: list[str]) -> list[str]:
    out = []
    for line, following in zip(lines, [*lines[1:], ""]):
        indent = len(line) - len(line.lstrip())
        if "``" not in line and "\\" not in line:  # neither code nor LaTeX
            line = _BARS.sub(r"\\|\1\\|", line)
            line = _INITIAL.sub(r"\1\\\2. ", line)
        if line.lstrip().startswith("**") and " : " in line:
            line = _UNDERSCORE.sub(r"\1\\_", line)
        out.append(line)
        deeper = following.strip() and len(following) - len(following.lstrip()) > indent
        if _ENTRY.match(line) and not deeper:
            out.append(" " * (indent + 4) + "\\")  # docutils needs a description
    return out


def _process(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    lines[:] = _mended(_spanning_tables_as_they_stand(lines))


def setup(app: Any) -> dict[str, Any]:
    """Register the steps; called by Sphinx."""
    app.connect("autodoc-process-docstring", _process, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
