"""BIDS data sets with EMG: EDF+ or BDF+ files, and the tables and JSON files that describe them.

The layout is that of BIDS 1.11, which includes EMG. Fields for needles (``EMGType``,
``CannulaDiameter`` ...) are proposed for BIDS; they are written if they are given.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sklearn_emg._tables import columns_text
from sklearn_emg._version import __version__
from sklearn_emg.io._writing._edf import edf_labels, write_edf_file
from sklearn_emg.io._writing._rows import Part, WrittenRow, unique_names
from sklearn_emg.recordings import object_column

VERSION = "1.11.0"
GENERATOR = "sklearn-emg"
_MISSING = "n/a"
# Columns of a table that are parts of a file's name, with their short names.
_ENTITIES = {"session": "ses", "task": "task", "acquisition": "acq", "run": "run"}
_RESERVED = ("participant_id", "filename", "acq_time")
# Required fields of *_emg.json, with "n/a" where BIDS allows it.
_SIDECAR = {
    "EMGPlacementScheme": "Other",
    "EMGPlacementSchemeDescription": _MISSING,
    "EMGReference": _MISSING,
    "PowerLineFrequency": _MISSING,
    "SoftwareFilters": _MISSING,
    "RecordingType": "continuous",
}
# Fields of *_coordsystem.json begin with this word.
_COORDINATES = "EMGCoordinate"
_SYSTEM = {
    "EMGCoordinateSystem": "Other",
    "EMGCoordinateSystemDescription": _MISSING,
    "EMGCoordinateUnits": _MISSING,
}


def is_own_dataset(folder: Path) -> bool:
    """Whether a folder is a data set that this module wrote."""
    try:
        text = (folder / "dataset_description.json").read_text(encoding="utf-8")
        made = json.loads(text).get("GeneratedBy", [])
        return any(by.get("Name") == GENERATOR for by in made)
    except (OSError, ValueError, AttributeError):
        return False


def bids_parts(
    rows: list[WrittenRow],
    bits: int,
    name: str,
    sidecar: Mapping[str, Any] | None,
    electrodes: pd.DataFrame | None,
) -> list[Part]:
    """Prepare all files of a data set; what is lost is added to the rows.

    Columns that have one value per subject are written to ``participants.tsv``, and others to the
    ``*_scans.tsv`` of the subject or session.
    """
    subjects = _labels([row.subject for row in rows])
    stems, entities = _stems(rows, subjects)
    parts: list[Part] = [
        _json("dataset_description.json", {
            "Name": name, "BIDSVersion": VERSION, "DatasetType": "raw", "License": _MISSING,
            "GeneratedBy": [{"Name": GENERATOR, "Version": __version__}],
        }),
        _text("README.md", f"# {name}\n\nRecordings of EMG, written by sklearn-emg {__version__}.\n"
              "Please describe the study, subjects, devices and tasks here.\n"),
    ]  # fmt: skip
    suffix = ".edf" if bits == 16 else ".bdf"
    parts += _metadata(rows, subjects, [f"{stem}_emg{suffix}" for stem in stems], entities)
    fields = dict(sidecar or {})
    system = {k: fields.pop(k) for k in list(fields) if k.startswith(_COORDINATES)}
    for row, stem in zip(rows, stems):
        parts += _recording(row, stem, bits, fields)
    if electrodes is not None:
        parts += _electrodes(electrodes, stems, system)
        if f"{_COORDINATES}Units" not in system:
            rows[0].lost.append(
                "the unit of the positions in 'electrodes'; pass "
                f"sidecar={{'{_COORDINATES}Units': 'mm'}}"
            )
    return parts


def _electrodes(
    electrodes: pd.DataFrame, stems: list[str], system: Mapping[str, Any]
) -> list[Part]:
    """Positions of the electrodes and their coordinate system, for each subject or session."""
    if missing := [name for name in ("name", "x", "y") if name not in electrodes.columns]:
        raise ValueError(
            "The 'electrodes' of write_recordings must have the columns name, x and y, but lack "
            f"the {columns_text(missing)}."
        )
    parts = []
    for folder in dict.fromkeys(stem.rpartition("/")[0] for stem in stems):
        known = folder.removesuffix("/emg").replace("/", "_")
        parts.append(_text(f"{folder}/{known}_electrodes.tsv", _tsv(electrodes)))
        parts.append(_json(f"{folder}/{known}_coordsystem.json", {**_SYSTEM, **system}))
    return parts


def _text(path: str, text: str) -> Part:
    return path, lambda target: target.write_text(text, encoding="utf-8")


def _json(path: str, content: Mapping[str, Any]) -> Part:
    return _text(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def _cell(value: Any) -> str:
    if value is None or value is pd.NA or value != value or value == "":
        return _MISSING
    if isinstance(value, (bool, np.bool_)):
        return "true" if value else "false"
    if isinstance(value, (float, np.floating)):
        return repr(float(value))
    return re.sub(r"[\t\r\n]+", " ", str(value))


_ALTERED = "tabs and line ends become blanks, and '' and 'n/a' become missing values"


def _is_altered(value: Any) -> bool:
    """Whether a text would change or be lost when it is read from a cell."""
    return isinstance(value, str) and (value == "" or value == _MISSING or _cell(value) != value)


def _has_mixed_types(values: pd.Series) -> bool:
    types = {type(v) for v in values if v is not None}
    return len(types) > 1 and types != {int, float}


def _tsv(table: pd.DataFrame) -> str:
    lines = ["\t".join(map(str, table.columns))]
    lines += ["\t".join(map(_cell, values)) for values in table.itertuples(index=False, name=None)]
    return "\n".join(lines) + "\n"


def _labels(values: list[Any]) -> list[str]:
    """Labels of letters and digits for values; distinct values have distinct labels."""
    distinct = list(dict.fromkeys(values))
    plain = [re.sub(r"[^0-9A-Za-z]", "", str(value)) or "x" for value in distinct]
    unique = [label.replace("_", "x") for label in unique_names(plain)]
    if len({label.casefold() for label in unique}) < len(unique):
        unique = [f"{k + 1:03}" for k in range(len(distinct))]
    by_value = dict(zip(distinct, unique))
    return [by_value[value] for value in values]


def _stems(rows: list[WrittenRow], subjects: list[str]) -> tuple[list[str], list[dict[str, str]]]:
    """Paths of the recordings without their suffixes, and the parts of their names."""
    labels = {c: _optional_labels([row.columns.get(c) for row in rows]) for c in _ENTITIES}
    labels["task"] = [task or "emg" for task in labels["task"]]
    keys = list(zip(subjects, *(labels[c] for c in ("session", "task", "acquisition"))))
    labels["run"] = _runs(keys, labels["run"])
    stems, entities = [], []
    for i, subject in enumerate(subjects):
        own = {short: label for c, short in _ENTITIES.items() if (label := labels[c][i])}
        parts = [f"sub-{subject}", *(f"{short}-{label}" for short, label in own.items())]
        stems.append("/".join([*parts[: 1 + ("ses" in own)], "emg", "_".join(parts)]))
        entities.append(own)
    return stems, entities


def _optional_labels(values: list[Any]) -> list[str | None]:
    given = iter(_labels([v for v in values if v is not None]))
    return [None if v is None else next(given) for v in values]


def _runs(keys: list[tuple[Any, ...]], runs: list[str | None]) -> list[str | None]:
    """Number the runs so that no two recordings share a name."""
    if not all(run is None or run.isdigit() for run in runs):
        runs = [None] * len(runs)
    if len(set(zip(keys, runs))) == len(keys):
        return runs
    seen: Counter[tuple[Any, ...]] = Counter()
    for i, key in enumerate(keys):
        seen[key] += 1
        runs[i] = str(seen[key])
    return runs


def _metadata(
    rows: list[WrittenRow], subjects: list[str], files: list[str], entities: list[dict[str, str]]
) -> list[Part]:
    """Prepare participants.tsv and the scans.tsv of each subject or session, with JSON files."""
    frame = _frame(rows, entities)
    ids = pd.Series([f"sub-{label}" for label in subjects], name="participant_id")
    constant = [name for name in frame if _is_constant(ids, frame[name])]
    participants = ids.to_frame()
    if any(row.subject != label for row, label in zip(rows, subjects)):
        participants["subject"] = pd.Series([row.subject for row in rows], dtype=object)
    participants = participants.join(frame[constant])
    participants = participants[~participants["participant_id"].duplicated()]
    parts = [
        _text("participants.tsv", _tsv(participants)),
        _json("participants.json", _described(participants)),
    ]
    return parts + _scans(rows, files, frame.drop(columns=constant))


def _scans(rows: list[WrittenRow], files: list[str], frame: pd.DataFrame) -> list[Part]:
    """Prepare the scans.tsv of each subject or session, with the start time and further columns."""
    scans = pd.DataFrame({"filename": [f"emg/{file.rpartition('/')[2]}" for file in files]})
    if any(row.start_time for row in rows):
        times = [row.start_time and row.start_time.isoformat() for row in rows]
        scans["acq_time"] = pd.Series(times, dtype=object)
    scans = scans.join(frame)
    parts = []
    folders = pd.Series([file.rpartition("/emg/")[0] for file in files])
    for folder, own in scans.groupby(folders.to_numpy(), sort=False):
        start = f"{folder}/{str(folder).replace('/', '_')}_scans"
        parts.append(_text(f"{start}.tsv", _tsv(own)))
        parts.append(_json(f"{start}.json", _described(scans)))
    return parts


def _frame(rows: list[WrittenRow], entities: list[dict[str, str]]) -> pd.DataFrame:
    """Columns of the rows, without those whose values are in the names of the files."""
    for row in rows:
        row.lost += [f"the spelling of texts in {name!r}: {_ALTERED}"
                     for name, value in row.columns.items() if _is_altered(value)]  # fmt: skip
    frame = pd.DataFrame([row.columns for row in rows], dtype=object)
    rows[0].lost += [
        f"the types of the values in the column {name!r}: all become text"
        for name in frame
        if _has_mixed_types(frame[name])
    ]
    reserved = list(frame.columns.intersection(list(_RESERVED)))
    rows[0].lost += [f"the column {name!r}" for name in reserved]
    frame = frame.drop(columns=reserved)
    in_names = [
        column
        for column, short in _ENTITIES.items()
        if column in frame and frame[column].tolist() == [own.get(short) for own in entities]
    ]
    return frame.drop(columns=in_names)


def _is_constant(ids: pd.Series, values: pd.Series) -> bool:
    pairs = pd.DataFrame({"id": ids, "value": values.map(repr)}).drop_duplicates()
    return len(pairs) == ids.nunique()


_FORMATS = {bool: "boolean", int: "integer", float: "number", str: "string"}


def _described(table: pd.DataFrame) -> dict[str, Any]:
    """Description of each column, with the type that readers give it."""
    content = {}
    for name in table.columns:
        if name in ("participant_id", "filename", "acq_time"):
            continue
        types = {type(v) for v in table[name] if v is not None}
        kind = types.pop() if len(types) == 1 else (float if types == {int, float} else str)
        content[str(name)] = {
            "Description": f"Column {str(name)!r} of the recording table.",
            "Format": _FORMATS.get(kind, "string"),
        }
    return content


def _recording(row: WrittenRow, stem: str, bits: int, sidecar: Mapping[str, Any]) -> list[Part]:
    """Prepare the files of a recording: its samples and the files that describe them."""
    labels = edf_labels(row.names)
    channels = pd.DataFrame({"name": labels, "type": "EMG", "units": "uV"})
    described: dict[str, Any] = {}
    muscle = row.columns.get("muscle")
    if isinstance(muscle, str):
        channels["target_muscle"] = muscle
    if list(row.names) != labels:
        channels["full_name"] = row.names
        described["full_name"] = {"Description": "Name of the channel in full."}
    fields: dict[str, Any] = {
        "TaskName": row.columns.get("task") or "emg",
        **_SIDECAR,
        "SamplingFrequency": row.fs,
        "EMGChannelCount": len(labels),
        "RecordingDuration": row.n_times / row.fs,
        **sidecar,
    }
    if fields["EMGPlacementScheme"] != "Other":
        fields.pop("EMGPlacementSchemeDescription", None)
    suffix = ".edf" if bits == 16 else ".bdf"
    plain = replace(row, annotations=[])
    parts: list[Part] = [
        (f"{stem}_emg{suffix}", partial(write_edf_file, row=plain, bits=bits)),
        _json(f"{stem}_emg.json", fields),
        _text(f"{stem}_channels.tsv", _tsv(channels)),
    ]
    if described:
        parts.append(_json(f"{stem}_channels.json", described))
    if row.annotations:
        parts += _events(row, stem)
    return parts


def _events(row: WrittenRow, stem: str) -> list[Part]:
    times_and_labels = [(a.onset, a.duration, a.label) for a in row.annotations]
    columns = ["onset", "duration", "trial_type"]
    events = pd.DataFrame(times_and_labels, columns=columns, dtype=object)
    if any(a.source for a in row.annotations):
        events["source"] = object_column(a.source or None for a in row.annotations)
    description = _described(events.drop(columns=["onset", "duration"]))
    if len({type(a.label) for a in row.annotations}) > 1:
        row.lost.append("the type of labels in 'annotations': they become text")
    if any(_is_altered(a.label) for a in row.annotations):
        row.lost.append(f"the spelling of labels in 'annotations': {_ALTERED}")
    return [
        _text(f"{stem}_events.tsv", _tsv(events)),
        _json(f"{stem}_events.json", description),
    ]
