"""Rows of a recording table that hold the same samples."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from sklearn_emg._tables import counted, first_few
from sklearn_emg._warnings import warn_of_recordings
from sklearn_emg.exceptions import SubjectLeakWarning
from sklearn_emg.recordings._digest import signal_digest
from sklearn_emg.recordings._signal_file import SignalFile, read_signal
from sklearn_emg.recordings._subjects import Subjects

__all__ = ["repeated_signals", "warn_of_repeated_signals"]

_SKETCH = 64  # number of samples per channel that are compared first


def repeated_signals(signals: Any, read_files: bool = True) -> list[list[int]]:
    """Group the rows with the same samples, regardless of the names of their files.

    Parameters
    ----------
    signals : sequence of array-like or SignalFile
        Signals of the rows.
    read_files : bool, default=True
        Whether files are compared by their samples instead of only by path and layout.

    Returns
    -------
    groups : list of list of int
        Positions of at least two rows in each group. Rows with constant signals are in no group,
        since all dead channels are equal. Rows whose files cannot be read are ignored here and
        reported by the steps that need them.
    """
    alike: dict[Any, list[int]] = {}
    for row, signal in enumerate(signals):
        is_file = isinstance(signal, SignalFile)
        sketch = signal if is_file and not read_files else _sketch(signal)
        if sketch is not None:
            alike.setdefault(sketch, []).append(row)
    found = []
    for sketch, rows in alike.items():
        if len(rows) > 1:
            found += [rows] if isinstance(sketch, SignalFile) else _same(signals, rows)
    return sorted(found)


def _sketch(signal: Any) -> tuple[tuple[int, ...], bytes] | None:
    """Shape and some samples from the middle of a signal; None if it cannot be read."""
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


def _same(signals: Any, rows: list[int]) -> list[list[int]]:
    """Groups of rows with equal samples among rows with equal sketches."""
    groups: dict[str, list[int]] = {}
    digests: dict[Any, str] = {}  # many rows may refer to one file
    for row in rows:
        signal = signals[row]
        key = signal if isinstance(signal, SignalFile) else id(signal)
        if key not in digests:
            digests[key] = signal_digest(signal)
        groups.setdefault(digests[key], []).append(row)
    return [group for group in groups.values() if len(group) > 1 and _varies(signals[group[0]])]


def _varies(signal: Any) -> bool:
    values = read_signal(signal)
    return bool(values.size) and not (values == values[..., :1]).all()


def warn_of_repeated_signals(X: Any, groups: Any = None, *, read_files: bool = True) -> None:
    """Warn about recordings that occur several times in a table.

    Parameters
    ----------
    X : object
        Data, which are checked only if they are a recording table with subjects.
    groups : array-like of shape (n_rows,), default=None
        Subject of each row, which is used instead of the column.
    read_files : bool, default=True
        Whether files are compared by their samples instead of only by path and layout.

    Warns
    -----
    SubjectLeakWarning
        If recordings of several subjects hold the same samples, which can then be in both training
        and test.
    RecordingWarning
        If a recording of one subject occurs more than once.
    """
    if not (isinstance(X, pd.DataFrame) and "signal" in X.columns):
        return
    if groups is None and "subject" not in X.columns:
        return
    repeated = repeated_signals(X["signal"].tolist(), read_files)
    if not repeated:
        return
    subjects = Subjects.of(X, groups)
    n_subjects = [len(np.unique(subjects.codes[rows])) for rows in repeated]
    shared = [rows for rows, n in zip(repeated, n_subjects) if n > 1]
    if shared:
        warn_of_recordings(
            f"{counted(len(shared), 'signal')} {'belongs' if len(shared) == 1 else 'belong'} to "
            f"several subjects, sample by sample: {_examples(shared, subjects)}. The same samples "
            "can be in training and test. Find out whose they are, and drop the copies; "
            "check_recordings also finds copies of parts.",
            SubjectLeakWarning,
        )
    copied = [rows for rows, n in zip(repeated, n_subjects) if n < len(rows)]
    if copied:
        warn_of_recordings(
            f"{counted(len(copied), 'signal')} of one subject "
            f"{'occurs' if len(copied) == 1 else 'occur'} more than once: "
            f"{_examples(copied, subjects)}. Each copy counts in scores; drop the copies."
        )


def _examples(groups: list[list[int]], subjects: Subjects) -> str:
    """The first groups of rows with their subjects, as text."""
    names = subjects.by_row
    texts = (first_few(f"row {row} (subject {names[row]!r})" for row in rows) for rows in groups)
    return first_few(texts, 3, "; ")
