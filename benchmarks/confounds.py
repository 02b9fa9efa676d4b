"""Confound audits of four data sets, written as the tables of the user guide.

The tables state parts of the public sets as fixed text; change it for a different copy. Run the
script with the folder of the public sets (``lower_limb``, ``n2001_biceps``, ``algiers``)::

    python benchmarks/confounds.py FOLDER --out doc/benchmark/confounds.md.inc
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

from sklearn_emg.comparison import confound_audit
from sklearn_emg.datasets import load_algiers, load_lower_limb, load_n2001, make_nemg_cohort
from sklearn_emg.exceptions import RecordingWarning

TRUTHS = ["subtype", "severity", "drive"]  # set by the simulator, not stated by a recording


def cohorts(folder: Path) -> Iterator[tuple[str, str, pd.DataFrame, np.ndarray]]:
    """Yield title, part of the data, table and labels of each audit."""
    table, y = make_nemg_cohort(
        60, n_recordings=240, fs=24000.0, duration=2.0, return_X_y=True, random_state=0
    )
    part = "make_nemg_cohort(60, n_recordings=240, fs=24000.0, duration=2.0, random_state=0)"
    yield "Simulated cohort", part, table.drop(columns=TRUTHS), y
    table, y = load_lower_limb(folder / "lower_limb", return_X_y=True)
    part = "subjects 1 to 7 of each group"
    yield "Lower limb, all exercises", part, table, y
    gait = (table["exercise"] == "gait").to_numpy()
    yield "Lower limb, gait only", part, table[gait], y[gait]
    table, y = load_n2001(folder / "n2001_biceps", lazy=True, return_X_y=True)
    part = "17 of 22 subjects, biceps brachii"
    yield "N2001", part, table, y
    table, y = load_algiers(folder / "algiers", return_X_y=True)
    part = "120 of 238 subjects (odd numbers)"
    yield "Algiers", part, table, y
    for muscle in ("deltoid", "biceps brachii"):
        chosen = (table["muscle"] == muscle).to_numpy()
        yield f"Algiers, {muscle}", part, table[chosen], y[chosen]


def markdown(frame: pd.DataFrame) -> str:
    """Return a Markdown table with the index as its first column."""
    heads = [str(frame.index.name), *map(str, frame.columns)]
    lines = [heads, ["---"] * len(heads)]
    lines += [[f"`{name}`", *map(str, row)] for name, row in zip(frame.index, frame.to_numpy())]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    parts = [
        f"Command: `python benchmarks/confounds.py FOLDER --out FILE`, {date.today():%Y-%m-%d}; "
        "1999 permutations, 95 % intervals over subjects."
    ]
    for title, part, table, y in cohorts(arguments.folder):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RecordingWarning)  # the faults of the sets are known
            audit = confound_audit(table, y)
        counts = ", ".join(f"{n} {name}" for name, n in audit.subjects.items())
        shown = audit.table()
        shown["values by class"] = audit.summary["values"].str.replace("|", "/")
        parts.append(
            f"**{title}** ({part}): {len(table)} recordings of "
            f"{audit.subjects.sum()} subjects ({counts})"
        )
        parts.append(markdown(shown))
        print(f"{title}\n{audit}\n")
    arguments.out.write_text("\n\n".join(parts) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
