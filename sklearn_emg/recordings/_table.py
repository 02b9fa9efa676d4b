"""The recording table: built from signals, checked, and told from other tables."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import Any, TypeGuard

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from sklearn_emg.recordings._signal_file import SignalFile, read_signal

__all__ = [
    "METADATA_COLUMNS",
    "check_recording_table",
    "is_recording_table",
    "object_column",
    "recording_table",
]

MAX_FAULTS = 5

# Columns that say something of a recording and are never taken for a feature.
METADATA_COLUMNS = (
    "subject",
    "fs",
    "muscle",
    "region",
    "recording",
    "side",
    "level",
    "session",
    "age",
    "gender",
    "sex",
    "group",
    "exercise",
    "split",
    # What readers and cuts add.
    "channel",
    "label",
    "start",
    "stop",
    "start_time",
    "unit",
    "file",
    "task",
    "run",
    # What a simulated cohort knows of its subjects; it gives the diagnosis away.
    "subtype",
    "severity",
    "drive",
)


def is_recording_table(X: object) -> TypeGuard[pd.DataFrame]:
    """Whether X is a DataFrame with a ``signal`` column.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_emg.recordings import is_recording_table
    >>> is_recording_table(pd.DataFrame({"rms": [0.1]}))
    False
    """
    return isinstance(X, pd.DataFrame) and "signal" in X.columns


def object_column(values: Iterable[Any], index: pd.Index | None = None) -> pd.Series:
    # Filled one by one: NumPy would stack signals of equal length into a 2-D array.
    values = list(values)
    column = np.empty(len(values), dtype=object)
    for i, value in enumerate(values):
        column[i] = value
    return pd.Series(column, index=index, dtype=object)


def recording_table(
    signals: Iterable[Any],
    *,
    fs: float | ArrayLike,
    subject: Hashable | Sequence[Hashable],
    muscle: str | Sequence[str] | None = None,
    region: str | Sequence[str] | None = None,
    **columns: Any,
) -> pd.DataFrame:
    """Build a recording table from signals and what is known of them.

    Parameters
    ----------
    signals : iterable of array-like or SignalFile
        One per recording, in mV: ``(n_times,)`` or ``(n_channels, n_times)``. A 2-D array is read
        as one single-channel recording per row, a 3-D array as one recording per entry.
    fs : float or array-like of shape (n_recordings,)
        Sampling rate in Hz, one for all or one per recording.
    subject : hashable or sequence of hashable
        Whose recording it is. A string or number stands for all recordings.
    muscle, region : str or sequence of str, default=None
        For instance "biceps brachii" and "proximal"; the columns are left out when None.
    **columns
        Further columns, each one value or one per recording (level, side, age, session ...).

    Returns
    -------
    table : DataFrame of shape (n_recordings, n_columns)
        Checked by :func:`check_recording_table`.

    Raises
    ------
    ValueError
        If a column has another length than `signals`, or a signal or rate is unusable.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emg.recordings import recording_table
    >>> rng = np.random.default_rng(0)
    >>> table = recording_table(
    ...     [rng.normal(size=1000), rng.normal(size=1500)], fs=1000.0, subject=["s1", "s2"]
    ... )
    >>> table[["fs", "subject"]]
           fs subject
    0  1000.0      s1
    1  1000.0      s2
    """
    column = object_column(
        s if isinstance(s, SignalFile) else np.asarray(s)
        for s in ([signals] if isinstance(signals, SignalFile) else signals)
    )
    table = pd.DataFrame({"signal": column})
    given = {"fs": fs, "subject": subject, "muscle": muscle, "region": region, **columns}
    for name, value in given.items():
        if value is None:
            continue
        if not isinstance(value, (str, bytes)) and np.ndim(value) == 1:
            if len(value) != len(table):
                raise ValueError(
                    f"Column {name!r} has {len(value)} values for {len(table)} signals; "
                    "give one value for all or one per signal."
                )
            table[name] = value.to_numpy() if isinstance(value, pd.Series) else list(value)
        else:
            table[name] = [value] * len(table)
    if np.issubdtype(table["fs"].to_numpy().dtype, np.number):
        table["fs"] = table["fs"].astype(float)
    return check_recording_table(table)


def _signal_fault(signal: Any, finite: bool) -> str | None:
    if not isinstance(signal, SignalFile):
        if not isinstance(signal, np.ndarray):
            return (
                f"must be a NumPy array or a SignalFile, got {type(signal).__name__}; "
                "build the table with recording_table"
            )
        if signal.dtype.kind not in "fiu":
            return f"must be numeric in mV, got dtype {signal.dtype}; convert it to float"
    if signal.ndim not in (1, 2):
        return (
            f"must be 1-D (n_times,) or 2-D (n_channels, n_times), got {signal.ndim} dimensions; "
            "give each recording a row of its own"
        )
    # A file of unknown length is not looked at before somebody reads it.
    unknown = isinstance(signal, SignalFile) and signal.length is None
    if not unknown and 0 in signal.shape:
        return f"is empty (shape {signal.shape}); leave the recording out"
    if finite and not np.isfinite(read_signal(signal)).all():
        return "contains NaN or infinity; leave the recording out or interpolate the gaps"
    return None


def check_recording_table(
    table: pd.DataFrame,
    *,
    required: Sequence[str] = ("signal", "fs", "subject"),
    finite: bool = False,
) -> pd.DataFrame:
    """Check a recording table and tell all that is wrong with it at once.

    Parameters
    ----------
    table : DataFrame
        The table, one row per recording.
    required : sequence of str, default=("signal", "fs", "subject")
        Columns it must have.
    finite : bool, default=False
        Also read every signal and refuse NaN and infinity.

    Returns
    -------
    table : DataFrame
        The same object.

    Raises
    ------
    TypeError
        If `table` is not a DataFrame.
    ValueError
        If it has no rows, lacks a column, or a row is unusable. The message names row, column and
        remedy.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_emg.recordings import check_recording_table
    >>> check_recording_table(pd.DataFrame({"signal": [None], "subject": ["a"]}))
    Traceback (most recent call last):
    ValueError: The recording table lacks the column 'fs' (sampling rate in Hz); add it, ...
    """
    if not isinstance(table, pd.DataFrame):
        raise TypeError(
            f"A recording table is a pandas DataFrame, got {type(table).__name__}; "
            "build one with sklearn_emg.recordings.recording_table."
        )
    meaning = {
        "signal": "samples in mV",
        "fs": "sampling rate in Hz",
        "subject": "whose recording it is",
    }
    missing = [c for c in required if c not in table.columns]
    if missing:
        names = ", ".join(f"{c!r} ({meaning.get(c, 'asked for by name')})" for c in missing)
        have = ", ".join(map(repr, table.columns)) or "no columns"
        raise ValueError(
            f"The recording table lacks the column {names}; add it, "
            "for instance with table.assign(...). "
            f"It has {have}."
        )
    if table.columns.has_duplicates:
        twice = sorted({str(c) for c in table.columns[table.columns.duplicated()]})
        raise ValueError(
            f"The recording table has the columns {twice} more than once; rename them."
        )
    if len(table) == 0:
        raise ValueError(
            "The recording table has no rows (0 sample(s)) while a minimum of 1 is required."
        )
    faults = []

    def note(row: int, column: str, text: str) -> None:
        faults.append(f"row {row} (index {table.index[row]!r}), column {column!r}: {text}")

    if "signal" in required:
        for row, signal in enumerate(table["signal"]):
            if (fault := _signal_fault(signal, finite)) is not None:
                note(row, "signal", fault)
    if "fs" in required:
        rates = pd.to_numeric(table["fs"], errors="coerce").to_numpy(dtype=float)
        for row in np.flatnonzero(~(np.isfinite(rates) & (rates > 0))).tolist():
            given = table["fs"].iloc[row]
            note(row, "fs", f"must be a positive number in Hz, got {given}; set the true rate")
    if "subject" in required:
        absent = table["subject"].isna()
        for row, (subject, is_absent) in enumerate(zip(table["subject"], absent)):
            if not isinstance(subject, Hashable):
                note(row, "subject", f"must be hashable, got {type(subject).__name__}; use a name")
            elif is_absent:
                note(row, "subject", "is missing; say whose recording it is or leave it out")
    if faults:
        more = len(faults) - MAX_FAULTS
        lines = "\n  ".join(faults[:MAX_FAULTS]) + (f"\n  and {more} more" if more > 0 else "")
        raise ValueError(f"The recording table has unusable rows:\n  {lines}")
    return table
