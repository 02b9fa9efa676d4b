"""EMG of a BIDS data set: the EDF or BDF file and the tables next to it.

The files are those of the EMG part of the Brain Imaging Data Structure:
``sub-*/[ses-*/]emg/*_emg.edf`` or ``.bdf``, ``*_emg.json``, ``*_channels.tsv`` and
``*_events.tsv``.
"""

from __future__ import annotations

import datetime as dt
import io
import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sklearn_emg._files import read_bytes
from sklearn_emg._tables import counted
from sklearn_emg.io._content import Annotation, Channel, FileContent
from sklearn_emg.io._formats._edf import parse_edf
from sklearn_emg.io._writing._rows import NOT_SCALAR
from sklearn_emg.recordings import is_voltage, millivolts_per, object_column

_MAX_SIDECAR = 64 * 2**20  # bytes
# A code such as 007 is not a number.
_PLAIN_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?")
_MAX_LEVELS = 4  # folders from the data file up to the root of the data set
_ENTITIES = {"ses": "session", "task": "task", "run": "run", "acq": "acquisition"}
_TYPES = {"EMG": "emg", "TRIG": "trigger", "MISC": "other", "ACCEL": "accelerometer",
          "GYRO": "gyroscope", "MAGN": "magnetometer", "POS": "position", "TEMP": "temperature",
          "JNTANG": "goniometer"}  # fmt: skip


def find_bids_files(folder: Path) -> list[Path]:
    """List the EDF and BDF files of a BIDS data set, a subject's folder or an ``emg`` folder.

    The sub-folders ``derivatives`` and ``sourcedata`` are not searched. Raise ValueError if there
    are no such files.
    """
    found = []
    for where, folders, files in os.walk(folder):
        folders[:] = sorted(f for f in folders if f not in ("derivatives", "sourcedata", ".git"))
        found += [
            Path(where) / f for f in files if re.fullmatch(r"sub-.*_emg\.(?:edf|bdf)", f, re.I)
        ]
    if not found:
        raise ValueError(
            f"{folder} is a folder without BIDS EMG files (sub-*_emg.edf or .bdf); pass the paths "
            "of files, or read a folder of other files with read_folder."
        )
    return sorted(found)


def _entities(path: Path) -> dict[str, str]:
    parts = path.name.rsplit("_", 1)[0].split("_")
    return dict(part.split("-", 1) for part in parts if "-" in part)


def _sidecar_file(path: Path, suffix: str) -> Path | None:
    """Find the sidecar file of a recording, next to the data or in the nearest folder above."""
    own = _entities(path)
    folder = path.parent
    for _ in range(_MAX_LEVELS):
        best: tuple[int, Path] | None = None
        for candidate in sorted(folder.glob(f"*{suffix}")):
            entities = _entities(candidate)
            fits = all(own.get(k) == v for k, v in entities.items())
            if fits and candidate.is_file() and (best is None or len(entities) > best[0]):
                best = (len(entities), candidate)
        if best is not None:
            return best[1]
        if (folder / "dataset_description.json").exists():
            break
        folder = folder.parent
    return None


def _read_table(path: Path) -> pd.DataFrame:
    if path.stat().st_size > _MAX_SIDECAR:
        raise ValueError(f"{path} has {path.stat().st_size} bytes, too many for a BIDS table.")
    try:
        content = io.BytesIO(read_bytes(path, _MAX_SIDECAR))
        table = pd.read_csv(
            content, sep="\t", dtype=str, keep_default_na=False, encoding="utf-8-sig"
        )
    except (ValueError, UnicodeError) as error:
        raise ValueError(f"{path} is not a tab-separated table ({error}).") from None
    if not isinstance(table.index, pd.RangeIndex):
        raise ValueError(
            f"{path} is damaged: its rows have more cells than its first line; obtain a new copy."
        )
    return table


def _read_json(path: Path) -> dict[str, Any]:
    if path.stat().st_size > _MAX_SIDECAR:
        raise ValueError(f"{path} has {path.stat().st_size} bytes, too many for a sidecar file.")
    try:
        content = json.loads(read_bytes(path, _MAX_SIDECAR).decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is not valid JSON ({error}).") from None
    if not isinstance(content, dict):
        raise ValueError(f"{path} is not a JSON object.")
    return content


def parse_bids_file(path: Path) -> FileContent:
    """Read an EMG file of a BIDS data set with its channels, events and subject.

    Raises
    ------
    ValueError
        If a file is damaged or a table lacks a required column.
    """
    content = parse_edf(path)
    content.form = f"BIDS, {content.form}"
    entities = _entities(path)
    content.subject = entities.get("sub", content.subject)
    content.columns.update({_ENTITIES[k]: v for k, v in entities.items() if k in _ENTITIES})
    if (table := _sidecar_file(path, "_channels.tsv")) is not None:
        _apply_channels(content, table)
    if (events := _sidecar_file(path, "_events.tsv")) is not None:
        _apply_events(content, events)
    if (sidecar := _sidecar_file(path, "_emg.json")) is not None:
        _apply_sidecar(content, sidecar)
    _participant(content, path, entities)
    return content


def _apply_channels(content: FileContent, path: Path) -> None:
    table = _read_table(path)
    if "name" not in table.columns:
        raise ValueError(f"{path} has no column 'name'.")
    by_name = {c.name: c for c in content.channels}
    full_names = table.get("full_name")
    _note_names(content, path, set(table["name"]))
    for _, row in table.iterrows():
        if (channel := by_name.get(row["name"])) is not None:
            _apply_channel(content, path, channel, row)
            if full_names is not None and row["full_name"] not in ("n/a", ""):
                channel.name, channel.alias = row["full_name"], channel.name


def _note_names(content: FileContent, path: Path, listed: set[str]) -> None:
    """Note a problem if the names of the channels differ from those in the table."""
    unknown = sorted(listed - {c.name for c in content.channels})
    unlisted = [c.name for c in content.channels if c.kind == "emg" and c.name not in listed]
    if unknown:
        content.problems.append(
            f"{path.name} lists channels that {content.path.name} lacks: {', '.join(unknown[:5])}."
        )
    elif unlisted:
        content.problems.append(
            f"{path.name} lacks channels of {content.path.name}: {', '.join(unlisted[:5])}. They "
            "are read as EMG; pass the channels to read as channels=[...]."
        )


def _apply_channel(content: FileContent, path: Path, channel: Channel, row: pd.Series) -> None:
    """Take the kind and unit of a channel from its row of the table."""
    kind = row.get("type", "")
    if kind and kind.lower() != "n/a":
        channel.kind = _TYPES.get(kind.upper(), "other")
    unit = row.get("units", "")
    if unit and unit != "n/a" and is_voltage(unit):
        if channel.to_mv is None:
            channel.unit, channel.to_mv = unit, millivolts_per(unit)
        elif channel.to_mv != millivolts_per(unit):
            content.problems.append(
                f"{path.name} gives the unit {unit} for {channel.name!r}, but {content.path.name} "
                f"gives {channel.unit}; the latter is used."
            )
    if row.get("status", "") == "bad":
        content.problems.append(f"{path.name} marks {channel.name!r} as bad.")


def _apply_events(content: FileContent, path: Path) -> None:
    table = _read_table(path)
    if not {"onset", "duration"} <= set(table.columns):
        raise ValueError(f"{path} lacks the column 'onset' or 'duration'.")
    formats = _formats(path)
    for name in table.columns.intersection(["trial_type", "value"]):
        if (form := formats.get(name)) is not None:
            table[name] = object_column(_typed(table[name], form))
    numbers = table[["onset", "duration"]].apply(pd.to_numeric, errors="coerce")
    for i, (onset, duration) in enumerate(zip(numbers["onset"], numbers["duration"])):
        if pd.isna(onset):
            raise ValueError(
                f"{path}: row {i + 1} has the onset {table['onset'][i]!r}, which is not a number."
            )
        row = table.iloc[i]
        label = next(
            (row[c] for c in ("trial_type", "value", "event", "stim_type") if row.get(c, "n/a")
             not in ("n/a", "")), "event")  # fmt: skip
        length = None if pd.isna(duration) or duration <= 0 else float(duration)
        source = _source(row) if "source" in formats else "events.tsv"
        content.annotations.append(Annotation(float(onset), length, label, source))
    content.annotations.sort(key=lambda a: a.onset)


def _source(row: pd.Series) -> str:
    """Source of an annotation, as written by write_recordings."""
    source = row.get("source", "n/a")
    return "" if source == "n/a" else str(source)


def _apply_sidecar(content: FileContent, path: Path) -> None:
    rate = _read_json(path).get("SamplingFrequency")
    if not isinstance(rate, (int, float)) or isinstance(rate, bool) or rate <= 0:
        return
    rates = sorted({c.fs or 0.0 for c in content.channels if c.kind == "emg"} - {0.0})
    if rates and min(abs(fs / rate - 1) for fs in rates) >= 1e-3:
        content.problems.append(
            f"{path.name} gives a sampling rate of {rate:g} Hz, but {content.path.name} gives "
            f"{', '.join(f'{fs:g}' for fs in rates)} Hz; the latter is used."
        )
    # EDF stores the duration of a data record with few digits; the sidecar file has the exact rate.
    for channel in content.channels:
        same = channel.fs is not None and abs(channel.fs / rate - 1) < 1e-5
        channel.fs = float(rate) if same else channel.fs


def _participant(content: FileContent, path: Path, entities: dict[str, str]) -> None:
    """Add the columns of participants.tsv for the subject and of scans.tsv for the recording."""
    for folder in list(path.parents)[:_MAX_LEVELS]:
        for file in sorted(folder.glob("*_scans.tsv")):
            _apply_row(content, file, "filename", path.relative_to(folder).as_posix())
        file = folder / "participants.tsv"
        if file.is_file():
            name = f"sub-{entities.get('sub')}"
            if (n := _apply_row(content, file, "participant_id", name)) != 1:
                content.problems.append(
                    f"{file.name} has {counted(n, 'row')} for {name!r} in the column "
                    "'participant_id', so its columns are not read; it must have one."
                )
            return


def _apply_row(content: FileContent, path: Path, key: str, value: str) -> int:
    """Add the columns of the row with that key, and return the number of such rows.

    The columns are added if there is one row. A start time in the EDF file takes precedence.
    """
    table = _read_table(path)
    rows = np.flatnonzero(table.get(key) == value)  # none if there is no such column
    if len(rows) != 1:
        return len(rows)
    formats = _formats(path)
    for name in table.columns.drop(key):
        form = formats.get(name)
        found = _typed(table[name], form)[rows[0]]
        if name == "acq_time":
            content.start_time = content.start_time or _as_time(found)
        elif name == "subject" and form is not None:  # written by write_recordings
            content.subject = found
        elif name not in NOT_SCALAR and (form or found is not None):
            content.columns[str(name)] = found
    return 1


def _formats(table: Path) -> dict[str, str]:
    """Types of the columns of a table, as stated by the JSON file next to the table."""
    path = table.with_suffix(".json")
    described = _read_json(path) if path.is_file() else {}
    facts = {name: fact.get("Format") for name, fact in described.items() if isinstance(fact, dict)}
    return {name: form for name, form in facts.items() if isinstance(form, str)}


def _as_time(text: Any) -> dt.datetime | None:
    time = pd.to_datetime(text, errors="coerce")
    return None if pd.isna(time) else time.to_pydatetime()


_BY_FORMAT: dict[str, Callable[[str], Any]] = {
    "boolean": lambda text: text == "true",
    "integer": int,
    "number": float,
}


def _typed(column: pd.Series, form: str | None) -> list[Any]:
    """Convert values to the type in the JSON file or, without one, to floats if all are numbers."""
    given = column[~column.isin(["n/a", ""])]
    if form is None and len(given) and given.str.fullmatch(_PLAIN_NUMBER).all():
        form = "number"
    read = _BY_FORMAT.get(form or "", str)
    values = {i: read(text) for i, text in given.items()}
    return [values.get(i) for i in column.index]
