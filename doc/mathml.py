"""Convert formulas to MathML, which browsers render without a network connection or a script.

By default, Sphinx loads MathJax from another site. Here LaTeX is converted by docutils, on which
Sphinx is built.
"""

from __future__ import annotations

from html import escape
from typing import Any

from docutils import nodes
from docutils.utils.math import MathError, latex2mathml
from sphinx.util import logging

_LOGGER = logging.getLogger(__name__)


def _converted(node: nodes.Node, **options: bool) -> str:
    """Return a formula as MathML, or warn and return LaTeX that cannot be converted."""
    text = node.astext()
    try:
        return latex2mathml.tex2mathml(text, **options)
    except MathError as error:
        _LOGGER.warning("formula %r: %s", text, error, location=node)
        return f"<code>{escape(text)}</code>"


def _visit_inline(translator: Any, node: nodes.math) -> None:
    translator.body.append(_converted(node))
    raise nodes.SkipNode


def _visit_block(translator: Any, node: nodes.math_block) -> None:
    # Formulas that are wider than the text can be scrolled, also by keyboard.
    formula = _converted(node, as_block=True)
    translator.body.append(f'<div class="formula" tabindex="0">{formula}</div>\n')
    raise nodes.SkipNode


def setup(app: Any) -> dict[str, Any]:
    app.add_html_math_renderer("mathml", (_visit_inline, None), (_visit_block, None))
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
