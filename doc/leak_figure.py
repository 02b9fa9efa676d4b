"""Draw the figure of the home page from the table of measured scores in the README.

Usage: ``python doc/leak_figure.py``. It writes ``doc/_static/leak.png``.
"""

from __future__ import annotations

import re
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt

HERE = Path(__file__).parent
LEAKY, BY_SUBJECT = "#D55E00", "#0072B2"  # as in the Displays


def rows(readme: Path) -> list[tuple[str, str, float, float]]:
    """Return recordings, pipeline, and accuracy by subject and leaky, for rows with both."""
    found, recordings = [], ""
    for line in readme.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) != 5 or not (line.startswith("| ")):
            continue
        recordings = cells[0] or recordings
        if all(re.fullmatch(r"0\.\d+", cell) for cell in cells[3:]):
            found.append((recordings, cells[1], float(cells[3]), float(cells[4])))
    return found


def draw(measured: list[tuple[str, str, float, float]], path: Path) -> None:
    """Draw two points per pipeline, for the same windows split in two ways."""
    sets = list(dict.fromkeys(recordings for recordings, *_ in measured))
    places = [-k - 0.9 * sets.index(row[0]) for k, row in enumerate(measured)]
    figure, axis = plt.subplots(figsize=(6.4, 3.7), layout="constrained")
    for place, (_, _, by_subject, leaky) in zip(places, measured):
        axis.plot([by_subject, leaky], [place, place], color="0.75", lw=2, zorder=0)
        gap = f"+{100 * (leaky - by_subject):.0f} points"
        axis.annotate(gap, (leaky, place), (9, 0), textcoords="offset points", va="center")
    axis.plot([row[3] for row in measured], places, "s", color=LEAKY, mfc="white", mew=1.8, ms=8,
              label="random split of windows (leaky)")  # fmt: skip
    axis.plot([row[2] for row in measured], places, "o", color=BY_SUBJECT, ms=8,
              label="split by subject")  # fmt: skip
    for name in sets:
        top = max(place for place, row in zip(places, measured) if row[0] == name)
        axis.text(0.605, top + 0.55, name, fontweight="bold", va="center", fontsize=9)
    axis.set_yticks(places, [pipeline for _, pipeline, *_ in measured])
    axis.set(xlim=(0.6, 1.0), ylim=(places[-1] - 0.6, 0.9), xlabel="accuracy of windows")
    axis.set_title("Same windows, same pipeline: only the split differs", loc="left", fontsize=10)
    axis.legend(frameon=False, ncols=2, loc="upper left", bbox_to_anchor=(-0.25, -0.17), fontsize=9)
    axis.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=120)
    plt.close(figure)


if __name__ == "__main__":
    matplotlib.use("Agg")
    draw(rows(HERE.parent / "README.md"), HERE / "_static" / "leak.png")
