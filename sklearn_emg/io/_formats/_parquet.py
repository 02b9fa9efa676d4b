"""Parquet files with one row per recording (recording tables) or one row per sample."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sklearn_emg._tables import counted, python_value
from sklearn_emg._validation import require
from sklearn_emg.io._content import Annotation, Channel, FileContent
from sklearn_emg.io._text import content_of_frame
from sklearn_emg.recordings import read_signal

_KEY = b"sklearn_emg"
_TUPLES = ("channel_names", "skipped", "stored_names")
# Fields of a recording; all others are further columns of the table.
_FACTS = ("signal", "fs", "subject", "unit", "start_time", "annotations", "aux", *_TUPLES)
# Types of columns that are restored when the file is read.
_DTYPES = {
    *("bool", "float32", "float64", "boolean", "Float32", "Float64"),
    *(f"{kind}{bits}" for kind in ("int", "uint", "Int", "UInt") for bits in (8, 16, 32, 64)),
}
# A file that announces more than _SMALL bytes may announce at most _MAX_RATIO per byte it has.
_SMALL = 2**28
_MAX_RATIO = 1000


def write_parquet(path: Path, table: pd.DataFrame) -> list[str]:
    """Write a recording table with one row per recording.

    Parameters
    ----------
    path : pathlib.Path
        Path of the file.
    table : DataFrame of shape (n_recordings, n_columns)
        Recording table. ``signal`` is written as a list of channels, each a list of samples of
        the stored type. Annotations and columns of mixed types are written as JSON.

    Returns
    -------
    lost : list of str
        Columns that Parquet cannot hold, each with the reason.
    """
    pa, pq = _arrow("write_recordings")
    signals = [read_signal(s) if not isinstance(s, np.ndarray) else s for s in table["signal"]]
    notes: dict[str, Any] = {
        "version": 1,
        "types": [s.dtype.str for s in signals],
        "dimensions": [s.ndim for s in signals],
        "json": [],
        "dtypes": {str(n): str(t) for n, t in table.dtypes.items() if str(t) in _DTYPES},
    }
    arrays = {"signal": _lists(pa, signals)}
    lost = []
    for name in table.columns.drop("signal"):
        try:
            arrays[str(name)], is_json = _arrow_column(pa, str(name), table[name])
        except (TypeError, ValueError) as error:
            lost.append(f"the column {name!r} ({error})")
            continue
        if is_json:
            notes["json"].append(str(name))
    frame = pa.table(arrays)
    frame = frame.replace_schema_metadata({_KEY: json.dumps(notes)})
    pq.write_table(frame, path, write_page_checksum=True)
    return lost


def _arrow(caller: str) -> tuple[Any, Any]:
    return require("pyarrow", caller, "export"), require("pyarrow.parquet", caller, "export")


def _lists(pa: Any, signals: list[NDArray]) -> Any:
    """Convert signals to lists of channels, which are lists of samples."""
    channels = [np.atleast_2d(signal) for signal in signals]
    lengths = [c.shape[1] for c in channels for _ in range(len(c))]
    samples = np.concatenate([c.ravel() for c in channels])
    samples = samples.astype(samples.dtype.newbyteorder("="))
    inner = pa.LargeListArray.from_arrays(np.cumsum([0, *lengths]), pa.array(samples))
    return pa.LargeListArray.from_arrays(np.cumsum([0, *map(len, channels)]), inner)


def _arrow_column(pa: Any, name: str, column: pd.Series) -> tuple[Any, bool]:
    """Convert a column to an Arrow array, and say whether its values are JSON."""
    if name in _TUPLES:
        texts = [list(map(str, v)) if isinstance(v, tuple | list) else None for v in column]
        return pa.array(texts, pa.list_(pa.string())), False
    if name == "aux":
        return _aux(pa, column), False
    if column.dtype != object:
        return pa.Array.from_pandas(column), False
    return _objects(pa, column)


def _objects(pa: Any, column: pd.Series) -> tuple[Any, bool]:
    """Convert values of one type directly, and others to JSON."""
    values = [None if v is pd.NA else python_value(v) for v in column]
    kinds = {type(v) for v in values if v is not None}
    if len(kinds) == 1 and kinds <= {str, int, float, bool, bytes, dt.date, dt.datetime}:
        return pa.array(values), False
    return pa.array([json.dumps(v, default=_json_value) for v in values], pa.string()), True


def _json_value(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value).__name__} cannot be stored")


def _aux(pa: Any, column: pd.Series) -> Any:
    text, number = pa.string(), pa.float64()
    fields = [("name", text), ("kind", text), ("unit", text), ("fs", number),
              ("values", pa.large_list(number))]  # fmt: skip
    rows = [
        [{**a._asdict(), "values": np.asarray(a.values, np.float64)} for a in channels or ()]
        for channels in column
    ]
    return pa.array(rows, pa.list_(pa.struct(fields)))


def parse_parquet(path: Path) -> FileContent:
    """Read a Parquet file; ``others`` of the content holds the recordings after the first.

    Raises
    ------
    ValueError
        If the file is damaged, or is neither a recording table nor a table of samples.
    ImportError
        If pyarrow is not installed.
    """
    pa, pq = _arrow("read_recordings")
    file = pq.ParquetFile(path, page_checksum_verification=True)
    _check_size(path, file.metadata)
    schema = file.schema_arrow
    lists = [f.name for f in schema if pa.types.is_nested(f.type)]
    if "signal" not in lists:
        if lists:
            raise ValueError(
                f"{path} has lists in the column {lists[0]!r}; a recording table has them in the "
                "column 'signal', next to 'fs' and 'subject'."
            )
        return content_of_frame(path, "Parquet, one row per sample", _samples(file))
    frame = file.read()
    if frame.num_rows == 0:
        raise ValueError(f"{path} is a table without rows.")
    notes = _notes(frame)
    columns = _columns(frame, notes)
    signals = [_signal(value) for chunk in frame.column("signal").chunks for value in chunk]
    dtypes = _stated_types(notes, columns)
    contents = [
        _recording(path, signal, {name: values[i] for name, values in columns.items()}, i, dtypes)
        for i, signal in enumerate(signals)
    ]
    first = contents[0]
    first.others = contents[1:]
    first.details = {"recordings": len(contents)}
    return first


def _samples(file: Any) -> pd.DataFrame:
    """Table of samples; pandas may store time stamps as its index, which becomes a column."""
    samples: pd.DataFrame = file.read().to_pandas()
    is_column = not isinstance(samples.index, pd.RangeIndex) and samples.index.dtype.kind in "iufmM"
    return samples.reset_index() if is_column else samples


def _notes(frame: Any) -> dict[str, Any]:
    """Metadata that ``write_parquet`` stored; empty for files of other programs."""
    notes: dict[str, Any] = json.loads((frame.schema.metadata or {}).get(_KEY, b"{}"))
    return notes


def _stated_types(notes: dict[str, Any], columns: dict[str, list[Any]]) -> dict[str, str]:
    """Types of the further columns that hold numbers or booleans."""
    known = columns.keys() - set(_FACTS)
    stated: dict[str, str] = notes.get("dtypes", {})
    return {name: dtype for name, dtype in stated.items() if name in known and dtype in _DTYPES}


def _columns(frame: Any, notes: dict[str, Any]) -> dict[str, list[Any]]:
    """Values of the columns other than the signal, with JSON decoded."""
    columns = {n: frame.column(n).to_pylist() for n in frame.column_names if n != "signal"}
    for name in notes.get("json", ()):
        columns[name] = [None if v is None else json.loads(v) for v in columns[name]]
    return columns


def _check_size(path: Path, metadata: Any) -> None:
    """Refuse files that announce far more bytes than they have."""
    n_bytes = sum(
        max(part.total_uncompressed_size, 8 * part.num_values)
        for i in range(metadata.num_row_groups)
        for part in (metadata.row_group(i).column(k) for k in range(metadata.num_columns))
    )
    size = path.stat().st_size
    if n_bytes > _SMALL and n_bytes > _MAX_RATIO * size:
        raise ValueError(f"{path} announces {n_bytes} bytes but has {size}; it is damaged.")


def _signal(value: Any) -> NDArray:
    """Samples of one recording as an array of shape (n_channels, n_times)."""
    values = value.values
    if values is None or len(values) == 0:
        raise ValueError("a recording has no samples")
    if not hasattr(values, "value_lengths"):  # a plain list of samples
        return values.to_numpy(zero_copy_only=False)[np.newaxis]
    lengths = values.value_lengths().to_numpy(zero_copy_only=False)
    if len(set(lengths.tolist())) > 1:
        raise ValueError("the channels of a recording differ in length")
    samples = values.flatten().to_numpy(zero_copy_only=False)
    if samples.dtype.kind not in "fiu":
        raise ValueError(f"the samples are {samples.dtype}, not numbers")
    return samples.reshape(len(values), -1)


def _aux_channel(name: str, kind: str, unit: str, fs: float, values: list[float]) -> Channel:
    return Channel(name, np.asarray(values), fs, unit, kind)


def _recording(
    path: Path, signal: NDArray, row: dict[str, Any], i: int, dtypes: dict[str, str]
) -> FileContent:
    """Content of one row."""
    row = {name: value for name, value in row.items() if value is not None or name not in _FACTS}
    names = row.get("channel_names", [f"ch{k + 1}" for k in range(len(signal))])
    if len(names) != len(signal):
        raise ValueError(
            f"row {i} has {counted(len(signal), 'channel')} but "
            f"{counted(len(names), 'channel name')}"
        )
    unit = row.get("unit", "mV")
    stored = row.get("stored_names", [None] * len(names))
    channels = [
        Channel(name, values, row.get("fs"), row.get("unit"), alias=alias)
        for name, values, alias in zip(names, signal, stored)
    ]
    channels += [_aux_channel(**a) for a in row.get("aux", ())]
    return FileContent(
        path,
        "Parquet",
        channels,
        start_time=row.get("start_time"),
        annotations=[Annotation(*a) for a in row.get("annotations", ())],
        subject=row.get("subject"),
        skipped=list(row.get("skipped", ())),
        columns={name: value for name, value in row.items() if name not in _FACTS},
        dtypes=dtypes,
        unit=unit,
    )
