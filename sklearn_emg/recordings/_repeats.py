"""Rows of a recording table that hold the same samples."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sklearn_emg._tables import counted, first_few
from sklearn_emg._warnings import is_first_check, warn_of_recordings
from sklearn_emg.exceptions import SubjectLeakWarning
from sklearn_emg.recordings._signal_file import SignalFile
from sklearn_emg.recordings._subjects import Subjects

_SKETCH = 64  # number of samples per channel that are compared first


def repeated_signals(signals: Any, read_files: bool = True) -> list[list[int]]:
    """Group the rows with the same samples in single precision, whatever their files are called.

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


def _single(values: Any) -> NDArray[np.float32]:
    """Return samples in single precision, in which files are read, with 0 in place of -0."""
    with np.errstate(over="ignore"):
        return np.asarray(values, dtype=np.float32) + np.float32(0)


def _sketch(signal: Any) -> tuple[tuple[int, ...], bytes] | None:
    """Return the shape and some samples of the middle of a signal; None if it cannot be read."""
    try:
        if isinstance(signal, SignalFile):
            shape, start = signal.shape, max((signal.n_times - _SKETCH) // 2, 0)
            return shape, _single(signal.read(start, start + _SKETCH)).tobytes()
        if isinstance(signal, (np.ndarray, list)):
            values = np.asarray(signal)
            start = max((values.shape[-1] - _SKETCH) // 2, 0)
            part = values[..., start : start + _SKETCH]
            return values.shape, _single(part).tobytes() if part.dtype.kind in "iuf" else b""
    except (OSError, ValueError, TypeError, IndexError):
        return None
    return None  # windows and signals that this package has stored


def _same(signals: Any, rows: list[int]) -> list[list[int]]:
    """Group the rows with equal samples among rows with equal sketches."""
    groups: dict[bytes, list[int]] = {}
    digests: dict[Any, bytes | None] = {}  # many rows may refer to one file
    for row in rows:
        signal = signals[row]
        key = signal if isinstance(signal, SignalFile) else id(signal)
        if key not in digests:
            digests[key] = _digest(signal)
        if (digest := digests[key]) is not None:
            groups.setdefault(digest, []).append(row)
    return [group for group in groups.values() if len(group) > 1]


def _digest(signal: Any) -> bytes | None:
    """Return a digest of the samples; None if the signal is constant or cannot be read."""
    try:
        values = _single(signal)
    except (OSError, ValueError, TypeError):
        return None
    absent = np.isnan(values)
    low, high = (np.where(absent, k, values) for k in (np.inf, -np.inf))
    if not (high.max(axis=-1, initial=-np.inf) > low.min(axis=-1, initial=np.inf)).any():
        return None
    return hashlib.sha256(np.where(absent, np.float32(np.nan), values).tobytes()).digest()


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
    if not is_first_check("repeated signals", note=read_files):
        return
    if not _has_signals_and_subjects(X, groups):
        return
    repeated = repeated_signals(X["signal"].tolist(), read_files)
    if not repeated:
        return
    subjects = Subjects.of(X, groups)
    n_subjects = [len(np.unique(subjects.codes[rows])) for rows in repeated]
    if shared := [rows for rows, n in zip(repeated, n_subjects) if n > 1]:
        verb = "occurs" if len(shared) == 1 else "occur"
        warn_of_recordings(
            f"{counted(len(shared), 'signal')} {verb} with identical samples in several subjects: "
            f"{_examples(shared, subjects, X.index)}. The same samples can be in training and "
            "test. Find out to which subject each signal belongs, and drop the copies; "
            "sklearn_emg.preprocessing.check_quality also finds copies of parts of signals.",
            SubjectLeakWarning,
        )
    if copied := [rows for rows, n in zip(repeated, n_subjects) if n < len(rows)]:
        verb = "occurs" if len(copied) == 1 else "occur"
        warn_of_recordings(
            f"{counted(len(copied), 'signal')} {verb} more than once within a subject: "
            f"{_examples(copied, subjects, X.index)}. Each copy counts in scores; drop the copies."
        )


def _has_signals_and_subjects(X: Any, groups: Any) -> bool:
    """Return whether X has one column of signals, and the subjects of its rows are known."""
    if not isinstance(X, pd.DataFrame) or not isinstance(X.get("signal"), pd.Series):
        return False
    return groups is not None or "subject" in X.columns


def _examples(groups: list[list[int]], subjects: Subjects, index: pd.Index) -> str:
    """Name the first groups of rows, with their subjects; rows are named by their index."""
    names = subjects.by_row
    texts = (
        first_few(f"row {index[row]} (subject {names[row]!r})" for row in rows) for rows in groups
    )
    return first_few(texts, 3, "; ")
