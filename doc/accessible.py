"""Add names for screen readers and links to parameters, which the theme and the gallery omit.

``setup`` edits the finished pages: each parameter gets a link, folding lists of the sidebar and
thumbnails of the gallery get a name, the name of the search button contains its visible text,
references lose roles that their elements do not allow, and empty corners of tables are no longer
headers. ``node doc/axe.mjs PAGES`` checks pages in the light and the dark theme.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

_FOLD = re.compile(
    r'(<a [^>]*class="(?:current )?reference internal" href="[^"]*">)((?:(?!</a>).)*)'
    r"(</a><details[^>]*><summary)(>)"
)
_THUMBNAIL = re.compile(
    r'(sphx-glr-thumbcontainer"[^>]*><img alt=""[^>]*/>\s*<p><a class="reference internal")'
    r'([^>]*>)(.*?</a>)(.*?<div class="sphx-glr-thumbnail-title">)(.*?)(</div>)',
    re.DOTALL,
)
_ROLES = re.compile(r' role="doc-(?:biblioentry|backlink)"|(?<=<div) role="list"(?= class="cit)')
_PARAMETER = re.compile(r'<dt><strong>([^<]*)</strong>(<span class="classifier">.*?</span>)?</dt>')
_SEARCH = re.compile(r'(<button[^>]*search-button-field[^>]* aria-label="Search)"')


def _plain(html: str) -> str:
    return re.sub(r"<[^>]*>", "", html).replace('"', "&quot;").strip()


def _named_fold(match: re.Match[str]) -> str:
    link, text, middle, end = match.groups()
    return f'{link}{text}{middle} aria-label="Pages of {_plain(text)}"{end}'


def _named_thumbnail(match: re.Match[str]) -> str:
    start, rest, text, middle, title, end = match.groups()
    return f'{start} aria-label="{_plain(title)}"{rest}{text}{middle}{title}{end}'


def _linked_parameters(html: str) -> str:
    """Give parameters, attributes and returned values an anchor, numbered if a name repeats."""
    seen: dict[str, int] = {}

    def linked(match: re.Match[str]) -> str:
        name, kind = match[1], match[2] or ""
        word = re.sub(r"[^A-Za-z0-9_]+", "-", name).strip("-") or "value"
        seen[word] = seen.get(word, 0) + 1
        place = f"parameter-{word}" + (f"-{seen[word]}" if seen[word] > 1 else "")
        link = f'<a class="headerlink" href="#{place}" title="Link to this parameter">#</a>'
        return f'<dt id="{place}"><strong>{name}</strong>{kind}{link}</dt>'

    return _PARAMETER.sub(linked, html)


def named(html: str) -> str:
    """Return the page with the missing names added."""
    html = _SEARCH.sub(r'\1 Ctrl+K"', _ROLES.sub("", html))
    html = _linked_parameters(html)
    # Tables printed by an example scroll on small screens, so the keyboard has to reach them.
    html = html.replace(
        '<div class="output_subarea output_html',
        '<div tabindex="0" class="output_subarea output_html',
    )
    html = html.replace("<th></th>", "<td></td>")  # the corner above the row names of pandas tables
    return _THUMBNAIL.sub(_named_thumbnail, _FOLD.sub(_named_fold, html))


def _finish(app: Any, exception: Exception | None) -> None:
    if exception is not None or app.builder.format != "html":
        return
    for path in Path(app.outdir).rglob("*.html"):
        html = path.read_text(encoding="utf-8")
        if (better := named(html)) != html:
            path.write_text(better, encoding="utf-8")


def setup(app: Any) -> dict[str, bool]:
    """Register the step that runs after the build."""
    app.connect("build-finished", _finish)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
