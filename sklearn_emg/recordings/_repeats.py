"""Rows of a recording table that hold the same samples."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from sklearn_emg._tables import counted, first_few
from sklearn_emg._warnings import warn
from sklearn_emg.exceptions import RecordingWarning, SubjectLeakWarning
from sklearn_emg.recordings._digest import signal_digest
from sklearn_emg.recordings._signal_file import SignalFile, read_signal
from sklearn_emg.recordings._subjects import Subjects

__all__ = ["repeated_signals", "warn_of_repeated_signals"]

_SKETCH = 64  # samples per channel that rule most pairs out


def repeated_signals(signals: Any) -> list[list[int]]:
    """Groups of rows with the same samples, whatever their arrays or files are called.

    Parameters
    ----------
    signals : sequence of array-like or SignalFile

    Returns
    -------
    groups : list of list of int
        Row numbers, at least two in each group. Rows of constant signals are in none, since all
        dead channels are alike. A row whose file cannot be read is left to the steps that need it.
    """
    alike: dict[Any, list[int]] = {}
    for row, signal in enumerate(signals):
        if (sketch := _sketch(signal)) is not None:
            alike.setdefault(sketch, []).append(row)
    found = []
    for rows in alike.values():
        if len(rows) > 1:
            found += _same(signals, rows)
    return sorted(found)


def _sketch(signal: Any) -> tuple[tuple[int, ...], bytes] | None:
    """Shape and some samples from the middle of a signal."""
    try:
        shape = np.shape(signal) if not isinstance(signal, SignalFile) else signal.shape
        start = max((shape[-1] - _SKETCH) // 2, 0)
        if isinstance(signal, SignalFile):
            part = signal.read(start, start + _SKETCH)
        else:
            part = read_signal(np.asarray(signal)[..., start : start + _SKETCH])
    except (OSError, ValueError, TypeError, IndexError):
        return None
    return shape, part.astype(np.float32).tobytes()


def _same(signals: Any, rows: list[int]) -> Iterator[list[int]]:
    """Groups of rows with equal samples, of those with equal sketches."""
    groups: dict[str, list[int]] = {}
    of_file: dict[Any, str] = {}  # many rows may refer to one file
    for row in rows:
        signal = signals[row]
        key = signal if isinstance(signal, SignalFile) else id(signal)
        if key not in of_file:
            of_file[key] = signal_digest(signal)
        groups.setdefault(of_file[key], []).append(row)
    for group in groups.values():
        if len(group) > 1:
            values = read_signal(signals[group[0]])
            if values.size and not (values == values[..., :1]).all():
                yield group


def warn_of_repeated_signals(X: Any, caller: str) -> None:
    """Warn of recordings that a table holds twice, of several subjects or of one.

    Parameters
    ----------
    X : object
        Nothing is looked at unless it is a recording table.
    caller : str
        Name of the function that was called.

    Warns
    -----
    SubjectLeakWarning
        If recordings of several subjects hold the same samples: one of them may be in training
        while the other is tested.
    RecordingWarning
        If a subject has a recording more than once.
    """
    if not (isinstance(X, pd.DataFrame) and {"signal", "subject"} <= set(X.columns)):
        return
    groups = repeated_signals(X["signal"].tolist())
    if not groups:
        return
    subjects = Subjects.of(X)
    codes, names = subjects.codes, subjects.names
    shared = [group for group in groups if len(np.unique(codes[group])) > 1]
    if shared:
        examples = (_rows(group, codes, names) for group in shared)
        warn(
            f"{caller}: {counted(len(shared), 'signal')} "
            f"{'belongs' if len(shared) == 1 else 'belong'} to several subjects, sample by sample: "
            f"{first_few(examples, 3, '; ')}. The same samples can be in training and test. Find "
            "out whose they are, and drop the copies; check_recordings also finds copies of parts.",
            SubjectLeakWarning,
        )
    repeats = [group for group in groups if len(np.unique(codes[group])) < len(group)]
    if repeats:
        examples = (_rows(group, codes, names) for group in repeats)
        warn(
            f"{caller}: {counted(len(repeats), 'signal')} of one subject "
            f"{'occurs' if len(repeats) == 1 else 'occur'} more than once: "
            f"{first_few(examples, 3, '; ')}. Each copy counts in scores; drop the copies.",
            RecordingWarning,
        )


def _rows(group: list[int], codes: Any, names: Any) -> str:
    """Rows with their subjects, as text."""
    return "rows " + first_few(f"{row} (subject {names[codes[row]]!r})" for row in group)
