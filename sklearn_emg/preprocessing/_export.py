"""Export of processed, labelled signals, and reading of exported files."""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import Bunch

from sklearn_emg._files import (
    existing_file,
    read_bytes,
    refusing,
    regular_file,
    write_atomically,
)
from sklearn_emg._ranges import refuse_no_samples
from sklearn_emg._tables import counted, python_value
from sklearn_emg._validation import require
from sklearn_emg.recordings import (
    check_rates,
    check_recording_table,
    is_recording_table,
    object_column,
    read_signal,
    warn_of_other_order,
)

_SUFFIXES = {".parquet": "parquet", ".npz": "npz"}
_WFDB_INVALID = -(2**31)
_FORMAT = 1
_MAX_RATIO = 100  # maximum number of bytes of samples per byte of a file
_ALWAYS_READ = 2**26  # number of bytes of samples that may be read from a file of any size
_MAX_TABLE_BYTES = 2**28
# Column types whose values are preserved in JSON.
_DTYPES = re.compile(
    r"u?int(8|16|32|64)|U?Int(8|16|32|64)|float(16|32|64)|Float(32|64)|bool|boolean|object|str"
    r"|string(\[\w+\])?|category|\w{1,10}\[pyarrow\]",
    re.ASCII,
)


def export(
    X: pd.DataFrame | ArrayLike,
    y: ArrayLike | None,
    path: str | os.PathLike[str],
    *,
    format: Literal["parquet", "npz", "wfdb"] | None = None,
    fs: float | None = None,
    overwrite: bool = False,
) -> Path:
    """Write a recording table or windows to a file, with labels and metadata.

    The file or folder appears under its name only when it is complete. :func:`read_exported`
    restores the data exactly, except for samples in the format "wfdb", which are rounded, and for
    samples other than float32, which become float64.

    Parameters
    ----------
    X : DataFrame, or array-like of shape (n_windows, n_times) or (n_windows, n_channels, n_times)
        Recording table or windows in mV. Signal files that a table refers to are read.
    y : array-like of shape (n_rows,) or None
        Labels of the rows: strings, numbers or booleans.
    path : str or path-like
        Path of the file to write ("parquet" and "npz") or of the folder to create ("wfdb").
    format : {"parquet", "npz", "wfdb"}, default=None
        Format. By default, it is determined by the suffix of `path`, ``.parquet`` or ``.npz``.
        "wfdb" writes one record per row with 32 bits per sample: the error of a sample is at most
        the largest absolute sample of its channel, or 1 mV if that is larger, divided by 2**31; NaN
        and infinity become invalid samples, which are read as NaN. The file ``table.json`` in the
        folder contains the other columns.
    fs : float, default=None
        Sampling rate of windows in Hz, required for "wfdb". A recording table contains its own
        sampling rates, which must be equal to `fs` if it is given.
    overwrite : bool, default=False
        Whether an existing file or folder is replaced.

    Returns
    -------
    path : pathlib.Path
        Path of the file or folder.

    Raises
    ------
    FileExistsError
        If `path` already exists and `overwrite` is False.
    ImportError
        If the format is "parquet" and pyarrow is missing.
    ValueError
        If the format is unknown or cannot be determined, X and y differ in length, `fs` is missing
        for windows in the format "wfdb" or differs from a rate of a table, or a column contains
        values other than strings, numbers, booleans, tuples of strings and missing values.

    See Also
    --------
    read_exported : Reads a file or folder written by this function.

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np
    >>> from sklearn_emg.preprocessing import export, read_exported
    >>> from sklearn_emg.recordings import recording_table
    >>> table = recording_table([np.arange(3.0), np.arange(2.0)], fs=10.0, subject=["a", "b"])
    >>> path = export(table, ["M", "N"], os.path.join(tempfile.mkdtemp(), "signals.npz"))
    >>> back = read_exported(path)
    >>> back.X["signal"][1], back.X["subject"].tolist(), back.y.tolist()
    (array([0., 1.]), ['a', 'b'], ['M', 'N'])
    """
    path = Path(path)
    format = _format_of(path) if format is None else format
    if format not in ("parquet", "npz", "wfdb"):
        raise ValueError(
            f"The 'format' of export must be 'parquet', 'npz' or 'wfdb'. Got {format!r} instead."
        )
    if not overwrite and path.exists():
        raise FileExistsError(f"{path} exists already. Choose another name, or set overwrite=True.")
    signals, columns, kind = _signals_and_columns(X, fs)
    if format == "wfdb" and "fs" not in columns:
        raise ValueError("export needs the 'fs' of windows, in Hz, for the format 'wfdb'.")
    header: dict[str, Any] = {"kind": kind, "y": None}
    if y is not None:
        warn_of_other_order(X, y, "y")
        y = np.asarray(y)
        if y.ndim != 1 or len(y) != len(signals):
            n_rows = counted(len(signals), "row")
            raise ValueError(f"y must have one label per row. Got shape {y.shape} for {n_rows}.")
        header["y"] = _to_json(pd.Series(y), "y")
    write = {"parquet": _write_parquet, "npz": _write_npz, "wfdb": _write_wfdb}[format]
    described = {**_describe(columns, header), "signals": _flatten(signals)}
    return write_atomically(path, lambda target: write(target, signals, columns, described))


def read_exported(path: str | os.PathLike[str]) -> Bunch:
    """Read a file or folder that :func:`export` wrote.

    Files from untrusted sources are safe to read: nothing is unpickled, links and names that lead
    outside the folder are refused, the stated sizes are compared with those of the files before
    memory is allocated, and digests are verified.

    Parameters
    ----------
    path : str or path-like
        File or folder that :func:`export` wrote.

    Returns
    -------
    data : Bunch
        Object with the attributes ``X`` (the table or the windows), ``y`` (the labels or None) and
        ``fs`` (the sampling rate of windows in Hz, or None).

    Raises
    ------
    FileNotFoundError
        If `path` does not exist.
    ImportError
        If the format is "parquet" and pyarrow is missing.
    ValueError
        If the file was not written by :func:`export` or is damaged.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"There is no file or folder {path}.")
    format = "wfdb" if path.is_dir() else _format_of_content(path)
    read = {"parquet": _read_parquet, "npz": _read_npz, "wfdb": _read_wfdb}[format]
    if format == "parquet":
        _arrow()
    with refusing(f"{path} was not written by export or is damaged", OSError):
        signals, header = read(path if format == "wfdb" else existing_file(path))
        return _bunch(signals, header)


def _bunch(signals: list[NDArray], header: dict[str, Any]) -> Bunch:
    columns = _undescribe(header, len(signals))
    y = None
    if header["y"] is not None:
        dtype = np.dtype(header["y"]["array_dtype"])
        if dtype.kind not in "biufUO" or dtype.itemsize * len(signals) > _ALWAYS_READ:
            raise ValueError(f"export never writes labels of type {dtype.str}")
        y = _from_json(header["y"], pd.RangeIndex(len(signals))).to_numpy(dtype=dtype)
    if header["kind"] == "windows":
        fs = float(columns["fs"].iloc[0]) if "fs" in columns and len(columns) else None
        return Bunch(X=np.stack(signals), y=y, fs=fs)
    if header["kind"] != "table":
        raise ValueError(f"it contains {header['kind']!r}, neither a table nor windows")
    table = columns.copy()
    table.insert(header["signal_position"], "signal", object_column(signals, columns.index))
    return Bunch(X=table, y=y, fs=None)


def _format_of_content(path: Path) -> str:
    """Return the format of a file by its first bytes or, if they are damaged, by its suffix."""
    with open(existing_file(path), "rb") as file:
        start = file.read(4)
    return {b"PAR1": "parquet", b"PK\x03\x04": "npz"}.get(start) or _format_of(path)


def _format_of(path: Path) -> str:
    if path.suffix not in _SUFFIXES:
        raise ValueError(
            f"The format of {path.name!r} cannot be determined from its suffix: use .parquet or "
            ".npz, or format='wfdb' for a folder."
        )
    return _SUFFIXES[path.suffix]


def _signals_and_columns(
    X: pd.DataFrame | ArrayLike, fs: float | None
) -> tuple[list[NDArray], pd.DataFrame, str]:
    if is_recording_table(X):
        check_recording_table(X, required=("signal", "fs"))
        check_rates(X, fs, "export")
        columns = X.drop(columns="signal")
        columns.attrs["signal_position"] = X.columns.get_loc("signal")
        return [_plain(read_signal(s)) for s in X["signal"]], columns, "table"
    refuse_no_samples(X, "export")
    windows = np.asarray(X)
    if windows.ndim not in (2, 3) or 0 in windows.shape:
        raise ValueError(
            "export takes a recording table or windows of shape (n_windows, n_times) or "
            f"(n_windows, n_channels, n_times). Got shape {windows.shape}."
        )
    columns = pd.DataFrame(index=pd.RangeIndex(len(windows)))
    if fs is not None:
        columns["fs"] = float(fs)
    return list(_plain(windows)), columns, "windows"


def _plain(signal: NDArray) -> NDArray[np.floating]:
    """Convert samples to little-endian float32 or float64."""
    return np.ascontiguousarray(signal, dtype="<f4" if signal.dtype == np.float32 else "<f8")


def _json_value(value: Any, name: str) -> Any:
    value = python_value(value)
    if value is pd.NA or value is pd.NaT:
        return None
    if isinstance(value, tuple) and value and all(isinstance(part, str) for part in value):
        return list(value)  # names of channels
    if value is not None and not isinstance(value, (str, bool, int, float)):
        raise ValueError(
            f"Column {name!r} holds a {type(value).__name__}; export keeps strings, numbers, "
            "booleans, tuples of strings and missing values. Convert or drop the column."
        )
    return value


def _to_json(column: pd.Series, name: str) -> dict[str, Any]:
    values = [_json_value(value, name) for value in column]
    if _DTYPES.fullmatch(str(column.dtype)) is None:
        raise ValueError(
            f"Column {name!r} has the type {column.dtype}, which export does not keep. Convert or "
            "drop the column."
        )
    array_dtype = column.to_numpy().dtype.str if column.dtype != object else "|O"
    return {"dtype": str(column.dtype), "array_dtype": array_dtype, "values": values}


def _from_json_value(value: Any) -> Any:
    if isinstance(value, list) and value and all(isinstance(part, str) for part in value):
        return tuple(value)
    if isinstance(value, list | dict):
        raise ValueError("a column contains lists")
    return value


def _from_json(stored: dict[str, Any], index: pd.Index) -> pd.Series:
    values, dtype = stored["values"], stored["dtype"]
    if _DTYPES.fullmatch(dtype) is None:
        raise ValueError(f"export never writes columns of type {dtype!r}")
    if len(values) != len(index):
        raise ValueError(
            f"it has {counted(len(values), 'value')} for {counted(len(index), 'signal')}"
        )
    values = [_from_json_value(value) for value in values]
    return pd.Series(values, index=index, dtype=dtype)


def _describe(columns: pd.DataFrame, header: dict[str, Any]) -> dict[str, Any]:
    return {
        **header,
        "signal_position": columns.attrs.get("signal_position"),
        "index": _to_json(columns.index.to_series(), "index"),
        "columns": {str(name): _to_json(columns[name], name) for name in columns.columns},
    }


def _undescribe(header: dict[str, Any], n_signals: int) -> pd.DataFrame:
    stored = _from_json(header["index"], pd.RangeIndex(n_signals))
    index = pd.Index(stored, dtype=stored.dtype)
    parts = {name: _from_json(column, index) for name, column in header["columns"].items()}
    return pd.DataFrame(parts, index=index)


def _flatten(signals: list[NDArray]) -> list[dict[str, Any]]:
    return [{"shape": list(s.shape), "dtype": s.dtype.str} for s in signals]


def _forms(header: dict[str, Any]) -> list[tuple[tuple[int, ...], np.dtype]]:
    """Check and return the shape and the type of each signal."""
    forms = []
    for form in header["signals"]:
        shape, dtype = form["shape"], form["dtype"]
        plain = all(isinstance(n, int) and not isinstance(n, bool) and n >= 0 for n in shape)
        if not plain or len(shape) not in (1, 2) or dtype not in ("<f4", "<f8"):
            raise ValueError(f"export never writes signals of shape {shape} and type {dtype!r}")
        forms.append((tuple(shape), np.dtype(dtype)))
    return forms


def _check_room(n_bytes: int, path: Path) -> None:
    """Raise an error, before samples are read, if a file is too small for `n_bytes` of them."""
    if _is_too_dense(n_bytes, path):
        size = path.stat().st_size
        raise ValueError(f"it states {n_bytes} bytes of samples in a file of {size} bytes")


def _is_too_dense(n_bytes: int, path: Path) -> bool:
    return n_bytes > max(_ALWAYS_READ, _MAX_RATIO * path.stat().st_size)


def _n_bytes(forms: list[tuple[tuple[int, ...], np.dtype]]) -> int:
    return sum(math.prod(shape) * dtype.itemsize for shape, dtype in forms)


def _signed(header: dict[str, Any], signals: list[NDArray] | tuple[()] = ()) -> str:
    """Serialise the header with a digest of the header and the samples."""
    return json.dumps({**header, "format": _FORMAT, "sha256": _digest(header, signals)})


def _digest(header: dict[str, Any], signals: list[NDArray] | tuple[()]) -> str:
    digest = hashlib.sha256(json.dumps(header, sort_keys=True).encode())
    for signal in signals:
        # All NaN values are replaced by the same one, since the formats do not preserve their bits.
        digest.update(np.where(np.isnan(signal), np.nan, signal).astype(signal.dtype).tobytes())
    return digest.hexdigest()


def _parse(text: bytes | str) -> tuple[dict[str, Any], str]:
    """Parse the header and its digest."""
    header = json.loads(text)
    if not isinstance(header, dict) or header.pop("format", None) != _FORMAT:
        raise ValueError("its header has an unknown format")
    return header, header.pop("sha256")


def _verify(header: dict[str, Any], signals: list[NDArray] | tuple[()], digest: str) -> None:
    if _digest(header, signals) != digest:
        raise ValueError("its SHA-256 digest does not match its content, which was changed")


def _write_npz(
    path: Path, signals: list[NDArray], columns: pd.DataFrame, header: dict[str, Any]
) -> None:
    # A recording of zeros is stored uncompressed: its compression ratio would exceed the limit of
    # the reader.
    for compression in (zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED):
        with zipfile.ZipFile(path, "w", compression) as archive:
            archive.writestr("header.json", _signed(header, signals), zipfile.ZIP_STORED)
            for i, signal in enumerate(signals):
                with archive.open(f"signal_{i}.npy", "w", force_zip64=True) as file:
                    np.lib.format.write_array(file, signal, version=(1, 0), allow_pickle=False)
        if not _is_too_dense(_n_bytes(_forms(header)), path):
            return


def _read_npz(path: Path) -> tuple[list[NDArray], dict[str, Any]]:
    with zipfile.ZipFile(path) as archive:
        described = archive.getinfo("header.json")
        if described.compress_type != zipfile.ZIP_STORED:
            raise ValueError("its header is compressed")
        header, digest = _parse(archive.read(described))
        forms = _forms(header)
        _check_room(_n_bytes(forms), path)
        signals = [_read_npy(archive, f"signal_{i}.npy", *form) for i, form in enumerate(forms)]
    _verify(header, signals, digest)
    return signals, header


def _read_npy(
    archive: zipfile.ZipFile, name: str, shape: tuple[int, ...], dtype: np.dtype
) -> NDArray:
    """Read an array, checking that its shape and type match the header."""
    with archive.open(name) as file:
        if np.lib.format.read_magic(file) != (1, 0):
            raise ValueError(f"{name} has an unsupported version of the npy format")
        if np.lib.format.read_array_header_1_0(file) != (shape, False, dtype):
            raise ValueError(f"{name} does not have the shape and type stated in the header")
        n_bytes = math.prod(shape) * dtype.itemsize
        content = file.read(n_bytes)
        if len(content) != n_bytes or file.read(1):
            raise ValueError(f"{name} does not contain {n_bytes} bytes of samples")
    return np.frombuffer(content, dtype=dtype).reshape(shape).copy()


def _arrow() -> ModuleType:
    require("pyarrow.parquet", "The format 'parquet'", "export")
    return require("pyarrow", "The format 'parquet'", "export")


def _write_parquet(
    path: Path, signals: list[NDArray], columns: pd.DataFrame, header: dict[str, Any]
) -> None:
    pa = _arrow()
    # Lists of bytes would be smaller, but other programs can read lists of numbers.
    wide = max((s.dtype.itemsize for s in signals), default=0) > 4
    numbers = pa.float64() if wide else pa.float32()
    arrays = {
        "signal": pa.array([s.ravel() for s in signals], type=pa.list_(numbers)),
        "signal_n_channels": pa.array([len(np.atleast_2d(s)) for s in signals]),
    }
    for name in columns.columns:
        arrays[str(name)] = _arrow_column(pa, _to_json(columns[name], name)["values"])
    if header["y"] is not None:
        arrays["y_" if "y" in arrays else "y"] = pa.array(header["y"]["values"])
    metadata = {b"sklearn_emg": _signed(header, signals).encode()}
    table = pa.table(arrays).replace_schema_metadata(metadata)
    n_bytes = numbers.bit_width // 8 * sum(s.size for s in signals)
    options: dict[str, Any] = {"write_page_checksum": True}
    pa.parquet.write_table(table, path, compression="zstd", use_dictionary=True, **options)
    if _is_too_dense(n_bytes, path):
        pa.parquet.write_table(table, path, compression="none", use_dictionary=False, **options)


def _arrow_column(pa: ModuleType, values: list[Any]) -> Any:
    # Columns of mixed types have no Arrow type. Other programs see strings; the header contains the
    # values.
    try:
        return pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return pa.array([None if v is None else str(v) for v in values])


def _read_parquet(path: Path) -> tuple[list[NDArray], dict[str, Any]]:
    pa = _arrow()
    with pa.parquet.ParquetFile(path, page_checksum_verification=True) as file:
        header, digest = _parse((file.schema_arrow.metadata or {})[b"sklearn_emg"])
        forms = _forms(header)
        groups = [file.metadata.row_group(i) for i in range(file.metadata.num_row_groups)]
        chunks = [group.column(k) for group in groups for k in range(group.num_columns)]
        values = sum(math.prod(shape) for shape, _ in forms)
        if file.metadata.num_rows != len(forms):
            n_rows = counted(file.metadata.num_rows, "row")
            raise ValueError(f"it has {n_rows} for {counted(len(forms), 'signal')}")
        _check_room(8 * max(values, *(chunk.num_values for chunk in chunks)), path)
        _check_room(max(chunk.total_uncompressed_size for chunk in chunks), path)
        stored = file.read(columns=["signal"])["signal"]
    signals = [
        np.array(row.values.to_numpy(), dtype=dtype).reshape(shape)
        for row, (shape, dtype) in zip(stored, forms)
    ]
    _verify(header, signals, digest)
    return signals, header


def _write_wfdb(
    path: Path, signals: list[NDArray], columns: pd.DataFrame, header: dict[str, Any]
) -> None:
    path.mkdir()
    records = [f"r{i:06d}" for i in range(len(signals))]
    gains = []
    for name, values, fs in zip(records, signals, columns["fs"]):
        channels = np.atleast_2d(values).astype(np.float64)
        gain = _gains(channels)
        digital = np.rint(channels * gain[:, None])
        digital[~np.isfinite(channels)] = _WFDB_INVALID
        stored = digital.T.astype("<i4")
        lines = [f"{name} {len(channels)} {_decimal(fs)} {len(stored)}"]
        for k, column in enumerate(stored.T):
            # The checksum is the sum of all samples, wrapped to a signed 16-bit integer.
            checksum = (int(column.sum(dtype=np.int64)) + 2**15) % 2**16 - 2**15
            first = column[0] if len(column) else 0
            lines.append(
                f"{name}.dat 32 {_decimal(gain[k])}(0)/mV 32 0 {first} {checksum} 0 ch{k + 1}"
            )
        (path / f"{name}.hea").write_text("".join(f"{line}\n" for line in lines))
        (path / f"{name}.dat").write_bytes(stored.tobytes())
        gains.append(gain.tolist())
    (path / "RECORDS").write_text("".join(f"{name}\n" for name in records))
    files = {
        file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in sorted(path.iterdir())
    }
    header = {**header, "records": records, "gains": gains, "files": files}
    (path / "table.json").write_text(_signed(header))


def _decimal(number: float) -> str:
    """Format a number as the shortest decimal without an exponent, as WFDB headers require."""
    return np.format_float_positional(number, trim="-")


def _gains(channels: NDArray[np.float64]) -> NDArray[np.float64]:
    """Choose gains that use most of 32 bits: powers of two, which decimals represent exactly."""
    largest = np.nanmax(
        np.where(np.isfinite(channels), np.abs(channels), np.nan), axis=1, initial=0
    )
    exponent = np.floor(np.log2(2**31 - 1) - np.log2(np.where(largest > 0, largest, 1.0)))
    return 2.0 ** np.minimum(exponent, 30)


def _checked_content(path: Path, name: str, wanted: str, room: Mapping[str, int]) -> bytes:
    """Read a file of the folder and check its size and digest against those in ``table.json``."""
    if Path(name).name != name:
        raise ValueError(f"it names a file outside its folder: {name!r}")
    file = regular_file(path / name, path)
    size = file.stat().st_size
    if size != room.get(name, size):
        raise ValueError(f"{name} has {size} bytes, but table.json states {room[name]}")
    content = read_bytes(file, room.get(name, _ALWAYS_READ)) if size else b""
    if hashlib.sha256(content).hexdigest() != wanted:
        raise ValueError(f"the SHA-256 digest of {name} does not match its content")
    return content


def _read_wfdb(path: Path) -> tuple[list[NDArray], dict[str, Any]]:
    header, digest = _parse(read_bytes(regular_file(path / "table.json", path), _MAX_TABLE_BYTES))
    _verify(header, (), digest)
    forms, records = _forms(header), header["records"]
    if not len(records) == len(forms) == len(header["gains"]):
        n_records, n_gains = counted(len(records), "record"), counted(len(header["gains"]), "gain")
        raise ValueError(f"it has {n_records} and {n_gains} for {counted(len(forms), 'signal')}")
    room = {f"{name}.dat": 4 * math.prod(form[0]) for name, form in zip(records, forms)}
    contents = {
        name: _checked_content(path, name, wanted, room) for name, wanted in header["files"].items()
    }
    signals = []
    for name, gain, (shape, dtype) in zip(records, header["gains"], forms):
        n_channels = shape[0] if len(shape) == 2 else 1
        stored = np.frombuffer(contents[f"{name}.dat"], dtype="<i4").reshape(-1, n_channels)
        digital = stored.T.astype(np.float64)
        digital[digital == _WFDB_INVALID] = np.nan
        signals.append((digital / np.reshape(gain, (-1, 1))).astype(dtype).reshape(shape))
    return signals, header
