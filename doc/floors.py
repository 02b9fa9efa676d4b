"""Draw the floors of the package from its imports, so that the figure is never out of date."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks"))

from structure import FLOORS, PACKAGE, code_lines, home, modules, package_imports

WIDTH, HEIGHT, GAP, LABEL = 1000, 46, 46, 120
STYLE = """
  text { font-family: system-ui, sans-serif; fill: currentColor; }
  .box { fill: var(--pst-color-background, white); stroke: currentColor; stroke-width: 1.4; }
  .arrow { fill: none; stroke: #0072B2; stroke-opacity: 0.55; }
  .head { fill: #0072B2; fill-opacity: 0.8; }
  .name { font-size: 14px; font-weight: 600; text-anchor: middle; }
  .note { font-size: 11px; text-anchor: middle; }
  .floor { font-size: 12px; }
"""


def _sizes() -> dict[str, int]:
    sizes: dict[str, int] = {}
    for module, _, source, tree in modules(PACKAGE):
        name = home(module, PACKAGE.name)
        sizes[name] = sizes.get(name, 0) + code_lines(source, tree)
    return sizes


def svg() -> str:
    """Return an SVG of packages as boxes on their floors, with arrows to the imported packages.

    Thick arrows stand for many imported names. The ground floor serves all packages and has no
    arrows.
    """
    sizes = _sizes()
    floors = [[name for name in names if name in sizes] for names in FLOORS]
    height = len(floors) * (HEIGHT + GAP)
    centre: dict[str, tuple[float, float]] = {}
    body = []
    for floor, names in enumerate(floors):
        y = height - (floor + 1) * (HEIGHT + GAP) + GAP / 2
        body.append(f'<text class="floor" x="8" y="{y + HEIGHT / 2 + 4}">floor {floor}</text>')
        room = (WIDTH - LABEL) / len(names)
        for k, name in enumerate(names):
            x = LABEL + k * room + 5
            middle = x + room / 2 - 5
            centre[name] = (middle, y)
            body.append(
                f'<rect class="box" x="{x:.0f}" y="{y:.0f}" width="{room - 10:.0f}" '
                f'height="{HEIGHT}" rx="7"/>'
                f'<text class="name" x="{middle:.0f}" y="{y + 20:.0f}">{name}</text>'
                f'<text class="note" x="{middle:.0f}" y="{y + 36:.0f}">{sizes[name]:,} lines</text>'
            )
    arrows = []
    for (above, below), n in sorted(package_imports(PACKAGE).items()):
        if below not in FLOORS[0] and above in centre and below in centre:
            (x1, y1), (x2, y2) = centre[above], centre[below]
            start, end = y1 + HEIGHT, y2 - 6
            bend = (end - start) / 2
            arrows.append(
                f'<path class="arrow" stroke-width="{min(1 + n / 5, 5):.1f}" '
                'marker-end="url(#head)" '
                f'd="M{x1:.0f} {start:.0f} C{x1:.0f} {start + bend:.0f} '
                f'{x2:.0f} {end - bend:.0f} {x2:.0f} {end:.0f}"/>'
            )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" '
        f'aria-label="Packages on their floors, with arrows for imports">\n<style>{STYLE}</style>\n'
        '<defs><marker id="head" markerUnits="userSpaceOnUse" markerWidth="9" markerHeight="8" '
        'refX="4" refY="4" orient="auto"><path class="head" d="M0 0 L9 4 L0 8 z"/></marker>'
        "</defs>\n" + "\n".join([*arrows, *body]) + "\n</svg>\n"
    )
