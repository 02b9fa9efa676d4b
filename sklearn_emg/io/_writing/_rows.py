"""Rows of a recording table prepared for writers: plain values, names of files, what is lost."""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sklearn_emg._tables import python_value
from sklearn_emg.io._content import Annotation
from sklearn_emg.io._kinds import is_counts
from sklearn_emg.recordings import read_signal

# A file to write: its path below the folder, and the function that writes it.
Part = tuple[str, Callable[[Path], object]]

# Columns that each writer treats specially; the last three describe the file that was read.
NOT_SCALAR = ("signal", "fs", "subject", "channel_names", "unit", "start_time", "annotations",
              "aux", "file", "skipped", "stored_names")  # fmt: skip


@dataclass
class WrittenRow:
    """One recording: metadata as plain values, and samples that are read when they are written."""

    where: str
    name: str
    source: Any
    names: tuple[str, ...]
    fs: float
    n_times: int
    subject: Any
    start_time: dt.datetime | None
    annotations: list[Annotation]
    columns: dict[str, Any]
    lost: list[str] = field(default_factory=list)

    def signal(self, invalid: bool = False) -> NDArray[np.float64]:
        """Read the samples in mV, as an array of shape (n_channels, n_times).

        Raises
        ------
        ValueError
            If samples are infinite, or if samples are NaN and `invalid` is false.
        """
        signal = np.atleast_2d(read_signal(self.source, np.float64))
        bad = np.isinf(signal) if invalid else ~np.isfinite(signal)
        if bad.any():
            channel = int(np.flatnonzero(bad.any(axis=1))[0])
            raise ValueError(
                f"write_recordings: {self.where} has samples ({int(bad[channel].sum())}) that are "
                f"{'infinite' if invalid else 'NaN or infinite'} in the channel "
                f"{self.names[channel]!r}, which the format cannot hold. Interpolate or remove "
                f"them, or write format='parquet'{'' if invalid else ' or, for NaN, wfdb'}."
            )
        return signal


def plain_value(value: Any) -> Any:
    """Convert a scalar to a built-in type of Python; missing values become None.

    Raises
    ------
    TypeError
        If the value is not a number, text, boolean or date.
    """
    value = python_value(value)
    if value is None or value is pd.NaT or value is pd.NA or value != value:
        return None
    if isinstance(value, (dt.date, dt.time)):  # includes datetime and Timestamp
        return value.isoformat()
    if not isinstance(value, (bool, int, float, str)):
        raise TypeError(f"{type(value).__name__} is not a scalar")
    return value


def ascii_text(text: str, n_max: int) -> str:
    """Convert a text to printable ASCII of at most `n_max` characters."""
    text = re.sub("[\u00b5\u03bc]", "u", text).replace("ß", "ss")
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^ -~]", " ", plain).strip()[:n_max].strip()


def lost_of_annotations(row: WrittenRow, source: str) -> list[str]:
    """Parts of annotations that a format does not hold; readers give annotations the `source`."""
    lost = []
    if any(not isinstance(a.label, str) for a in row.annotations):
        lost.append("the type of labels in 'annotations': they become text")
    if any(a.source not in ("", source) for a in row.annotations):
        lost.append(f"the sources in 'annotations': they become {source!r}")
    return lost


def unique_names(names: Sequence[str]) -> list[str]:
    """Make names unique, regardless of letter case, by adding numbers to repeated names."""
    seen: set[str] = set()
    unique = []
    for name in names:
        new, k = name, 2
        while new.casefold() in seen:
            new, k = f"{name}_{k}", k + 1
        seen.add(new.casefold())
        unique.append(new)
    return unique


def written_rows(table: pd.DataFrame, y: Sequence[Any] | None, target: str) -> list[WrittenRow]:
    """Prepare the rows of a checked table for formats that hold voltages and scalar metadata.

    Raises
    ------
    ValueError
        If the signal of a row is in counts.
    """
    scalars = [c for c in table.columns if c not in NOT_SCALAR]
    rows = []
    for i, (_, row) in enumerate(table.iterrows()):
        new = _row(i, row)
        _add_columns(new, {name: row[name] for name in scalars})
        if y is not None:
            _add_columns(new, {target: y[i]})
        if _as_tuple(row.get("aux")):
            new.lost.append("the column 'aux'")
        rows.append(new)
    for row, name in zip(rows, unique_names([row.name for row in rows])):
        row.name = name
    return rows


def _as_tuple(value: Any) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, tuple | list) else ()


def _row(i: int, row: pd.Series) -> WrittenRow:
    """Prepare a row without its further columns."""
    named = "recording" in row.index
    where = f"row {i} ({row['recording']!r})" if named else f"row {i}"
    unit = row.get("unit")
    if isinstance(unit, str) and is_counts(unit):
        raise ValueError(
            f"write_recordings: {where} is in counts, but this format holds voltages. Divide the "
            "signals by the counts per mV, or write format='parquet'."
        )
    name = ascii_text(str(row["recording"] if named else f"{row['subject']}_{i + 1}"), 100)
    *n_channels, n_times = row["signal"].shape
    numbers = range(1, sum(n_channels or [1]) + 1)
    start = row.get("start_time")
    return WrittenRow(
        where=where,
        name=re.sub(r"[^\w-]+", "_", name, flags=re.ASCII) or f"r{i + 1}",
        source=row["signal"],
        names=tuple(map(str, _as_tuple(row.get("channel_names"))))
        or tuple(map("ch{}".format, numbers)),
        fs=float(row["fs"]),
        n_times=int(n_times),
        subject=row["subject"],
        start_time=None if pd.isna(start) else pd.Timestamp(start).to_pydatetime(),
        annotations=[Annotation(*a) for a in _as_tuple(row.get("annotations"))],
        columns={},
    )


def _add_columns(row: WrittenRow, values: dict[str, Any]) -> None:
    for name, value in values.items():
        try:
            row.columns[str(name)] = plain_value(value)
        except (TypeError, ValueError):
            row.lost.append(f"the column {name!r} of {type(value).__name__}")
            continue
        if isinstance(value, (dt.date, dt.time)):
            row.lost.append(f"the type of the column {name!r}: dates become text")
