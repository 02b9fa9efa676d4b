"""Check the internal links of the built documentation: every page, file and anchor must exist.

Usage: ``python doc/check_links.py doc/_build/html``
"""

from __future__ import annotations

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class _Page(HTMLParser):
    """Targets and anchors of one page."""

    def __init__(self) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.anchors: set[str] = {""}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if not value:
                continue
            if name in ("id", "name"):
                self.anchors.add(value)
            elif (tag, name) in {
                ("a", "href"),
                ("img", "src"),
                ("link", "href"),
                ("script", "src"),
            }:
                self.links.add(value)


def broken_links(root: Path) -> list[str]:
    """Return the links of all pages below `root` whose target does not exist."""
    pages = {}
    for path in root.rglob("*.html"):
        if "_static" in path.parts:
            continue  # template of the theme
        page = _Page()
        page.feed(path.read_text(encoding="utf-8"))
        pages[path.resolve()] = page
    faults = []
    for path, page in sorted(pages.items()):
        for link in sorted(page.links):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue  # another site
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if target.is_dir():
                target /= "index.html"
            anchor = unquote(parts.fragment)
            if not target.exists() or (target in pages and anchor not in pages[target].anchors):
                faults.append(f"{path.relative_to(root.resolve())}: {link}")
    return faults


if __name__ == "__main__":
    found = broken_links(Path(sys.argv[1]))
    sys.exit("Broken links:\n" + "\n".join(found) if found else 0)
