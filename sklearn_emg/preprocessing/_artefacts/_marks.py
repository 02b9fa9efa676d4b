"""Marks: stretches of recordings that are listed in a column of their table."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sklearn_emg.recordings import object_column, read_signal, with_signals

MARKS = "artefacts"
Marks = list[tuple[int, float, float]]


def marks_of(signal: NDArray[np.floating], fs: float) -> Marks:
    """List the channel (from 0) and the start and end in seconds of each run of NaN."""
    found: Marks = []
    for c, missing in enumerate(np.isnan(np.atleast_2d(signal))):
        edges = np.flatnonzero(np.diff(missing, prepend=False, append=False))
        found += [(c, a / fs, b / fs) for a, b in edges.reshape(-1, 2).tolist()]
    return found


def with_marks(signal: Any, marks: Marks, fs: float) -> Any:
    """Set the marked stretches of a signal to NaN; without marks, return the same object."""
    if not marks:
        return signal
    marked = read_signal(signal).copy()
    channels = np.atleast_2d(marked)
    for c, start, stop in marks:
        # Marks are times in seconds, so they remain valid after resampling. Samples that are only
        # partly inside a mark are included.
        channels[c, int(np.floor(start * fs + 1e-6)) : int(np.ceil(stop * fs - 1e-6))] = np.nan
    return marked


def with_notes(table: pd.DataFrame, signals: list[Any], marks: list[Marks]) -> pd.DataFrame:
    """Return the table with new signals, and with the new marks appended to those of each row."""
    noted = with_signals(table, signals)
    both = [[*old, *new] for old, new in zip(notes_of(table), marks)]
    noted[MARKS] = object_column(both, noted.index)
    return noted


def notes_of(table: pd.DataFrame) -> list[Marks]:
    """Return the marks of each row, or no marks if the table has no column of marks."""
    if MARKS not in table:
        return [[] for _ in range(len(table))]
    for row, marks in enumerate(table[MARKS]):
        if not isinstance(marks, list) or any(np.shape(mark) != (3,) for mark in marks):
            raise ValueError(
                f"Row {row}, column {MARKS!r}: must be a list of (channel, start, stop), in s, as "
                f"written by ArtefactRejector(apply=False). Got {marks!r}; rename the column if it "
                "means something else."
            )
    return list(table[MARKS])
