"""Export of processed, labelled signals, and the way back."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import Bunch

from sklearn_emg.recordings import (
    check_recording_table,
    is_recording_table,
    object_column,
    read_signal,
)

__all__ = ["export", "read_exported"]

_SUFFIXES = {".parquet": "parquet", ".npz": "npz"}
_WFDB_INVALID = -(2**31)


def export(
    X: pd.DataFrame | ArrayLike,
    y: ArrayLike | None,
    path: str | os.PathLike[str],
    *,
    format: Literal["parquet", "npz", "wfdb"] | None = None,
    fs: float | None = None,
    overwrite: bool = False,
) -> Path:
    """Write a recording table or windows, with labels and metadata, so that they read back equal.

    What is written appears under its name only when it is complete.

    Parameters
    ----------
    X : DataFrame, or array-like of shape (n_windows, n_times) or (n_windows, n_channels, n_times)
        Recording table, whose files are read, or windows in mV.
    y : array-like of shape (n_rows,) or None
        Labels: strings, numbers or booleans.
    path : str or path-like
        File for "parquet" and "npz", new folder for "wfdb".
    format : {"parquet", "npz", "wfdb"}, default=None
        By default from the suffix, ``.parquet`` or ``.npz``. "wfdb" writes a record per row, in 32
        bits: a sample is kept to within the largest of its channel over 2**31, NaN as an invalid
        sample; a ``table.json`` beside the records has the other columns.
    fs : float, default=None
        Sampling rate of windows in Hz; needed for "wfdb". A table brings its own.
    overwrite : bool, default=False
        Replace what is there under `path`.

    Returns
    -------
    path : pathlib.Path

    Raises
    ------
    FileExistsError
        If there is something under `path` and `overwrite` is False.
    ImportError
        If "parquet" is wanted and pyarrow is missing.
    ValueError
        If the format cannot be told, X and y differ in length, or a column holds something other
        than strings, numbers, booleans and missing values.

    See Also
    --------
    read_exported : The way back.

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
        raise FileExistsError(f"{path} exists already: choose another name, or overwrite=True.")
    signals, columns, kind = _signals_and_columns(X, fs)
    if format == "wfdb" and "fs" not in columns:
        raise ValueError("export needs the 'fs' of windows, in Hz, for the format 'wfdb'.")
    header: dict[str, Any] = {"kind": kind, "y": None}
    if y is not None:
        y = np.asarray(y)
        if y.ndim != 1 or len(y) != len(signals):
            raise ValueError(f"y must have one label for each of {len(signals)} rows.")
        header["y"] = _to_json(pd.Series(y), "y")
    write = {"parquet": _write_parquet, "npz": _write_npz, "wfdb": _write_wfdb}[format]
    _atomically(path, lambda target: write(target, signals, columns, header))
    return path


def read_exported(path: str | os.PathLike[str]) -> Bunch:
    """Read what :func:`export` wrote.

    Nothing is unpickled. Files of others may name no record outside their folder.

    Parameters
    ----------
    path : str or path-like
        File or folder that :func:`export` made.

    Returns
    -------
    data : Bunch
        With ``X``, the table or the windows; ``y``, the labels or None; and ``fs``, the sampling
        rate of windows in Hz or None.

    Raises
    ------
    FileNotFoundError
        If there is nothing under `path`.
    ValueError
        If it is no export of this package.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"There is no file or folder {path}.")
    format = "wfdb" if path.is_dir() else _format_of(path)
    read = {"parquet": _read_parquet, "npz": _read_npz, "wfdb": _read_wfdb}[format]
    try:
        signals, columns, header = read(path)
        kind = header["kind"]
        y = header["y"]
        labels = None if y is None else _from_json(y).to_numpy(dtype=np.dtype(y["array_dtype"]))
    except (KeyError, json.JSONDecodeError, FileNotFoundError) as error:
        raise ValueError(f"{path} is no export of this package, or damaged: {error!r}.") from error
    if kind == "windows":
        fs = float(columns["fs"].iloc[0]) if "fs" in columns and len(columns) else None
        return Bunch(X=np.stack(signals), y=labels, fs=fs)
    table = columns.copy()
    table.insert(header["signal_position"], "signal", object_column(signals, columns.index))
    return Bunch(X=table, y=labels, fs=None)


def _format_of(path: Path) -> str:
    if path.suffix not in _SUFFIXES:
        raise ValueError(
            f"The format of {path.name!r} cannot be told from its suffix: use .parquet or .npz, or "
            "format='wfdb' for a folder."
        )
    return _SUFFIXES[path.suffix]


def _signals_and_columns(
    X: pd.DataFrame | ArrayLike, fs: float | None
) -> tuple[list[NDArray], pd.DataFrame, str]:
    if is_recording_table(X):
        check_recording_table(X, required=("signal", "fs"))
        columns = X.drop(columns="signal")
        columns.attrs["signal_position"] = X.columns.get_loc("signal")
        return [read_signal(s) for s in X["signal"]], columns, "table"
    windows = np.asarray(X)
    if windows.ndim not in (2, 3) or 0 in windows.shape:
        raise ValueError(
            "export takes a recording table or windows of shape (n_windows, n_times) or "
            f"(n_windows, n_channels, n_times). Got shape {windows.shape}."
        )
    windows = windows if windows.dtype.kind == "f" else windows.astype(np.float64)
    columns = pd.DataFrame(index=pd.RangeIndex(len(windows)))
    if fs is not None:
        columns["fs"] = float(fs)
    return list(windows), columns, "windows"


def _atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Write beside the target and rename: nobody ever sees a half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    try:
        target = scratch / path.name
        write(target)
        if path.is_dir():
            # A folder cannot be renamed over another: the old one steps aside first.
            os.replace(path, scratch / "old")
        os.replace(target, path)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _to_json(column: pd.Series, name: str) -> dict[str, Any]:
    values = []
    for value in column:
        value = value.item() if isinstance(value, np.generic) else value
        if value is pd.NA or value is pd.NaT:
            value = None
        if value is not None and not isinstance(value, (str, bool, int, float)):
            raise ValueError(
                f"Column {name!r} holds a {type(value).__name__}; export keeps strings, numbers, "
                "booleans and missing values. Convert or drop the column."
            )
        values.append(value)
    array_dtype = column.to_numpy().dtype.str if column.dtype != object else "|O"
    return {"dtype": str(column.dtype), "array_dtype": array_dtype, "values": values}


def _from_json(stored: dict[str, Any], index: pd.Index | None = None) -> pd.Series:
    return pd.Series(stored["values"], index=index, dtype=stored["dtype"])


def _describe(columns: pd.DataFrame, header: dict[str, Any]) -> dict[str, Any]:
    return {
        **header,
        "signal_position": columns.attrs.get("signal_position"),
        "index": _to_json(columns.index.to_series(), "index"),
        "columns": {str(name): _to_json(columns[name], name) for name in columns.columns},
    }


def _undescribe(header: dict[str, Any]) -> pd.DataFrame:
    stored = _from_json(header["index"])
    index = pd.Index(stored, dtype=stored.dtype)
    parts = {name: _from_json(column, index) for name, column in header["columns"].items()}
    return pd.DataFrame(parts, index=index)


def _flatten(signals: list[NDArray]) -> list[dict[str, Any]]:
    return [{"shape": list(s.shape), "dtype": s.dtype.str} for s in signals]


def _write_npz(
    path: Path, signals: list[NDArray], columns: pd.DataFrame, header: dict[str, Any]
) -> None:
    described = json.dumps(_describe(columns, header))
    # Through an open file: savez would append .npz to any other name.
    with open(path, "wb") as file:
        arrays: dict[str, Any] = {f"signal_{i}": s for i, s in enumerate(signals)}
        np.savez_compressed(file, header=np.array(described), **arrays)


def _read_npz(path: Path) -> tuple[list[NDArray], pd.DataFrame, dict[str, Any]]:
    with np.load(path, allow_pickle=False) as stored:
        header = json.loads(str(stored["header"]))
        n_signals = len(header["index"]["values"])
        return [stored[f"signal_{i}"] for i in range(n_signals)], _undescribe(header), header


def _arrow():
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise ImportError("The format 'parquet' needs pyarrow: pip install pyarrow.") from error
    return pyarrow


def _write_parquet(
    path: Path, signals: list[NDArray], columns: pd.DataFrame, header: dict[str, Any]
) -> None:
    pa = _arrow()
    # Lists of bytes would be shorter; lists of numbers can be read by every other program.
    wide = any(s.dtype.itemsize > 4 for s in signals)
    numbers = pa.float64() if wide else pa.float32()
    arrays = {
        "signal": pa.array([s.ravel() for s in signals], type=pa.list_(numbers)),
        "signal_n_channels": pa.array([s.shape[0] if s.ndim == 2 else 1 for s in signals]),
    }
    for name in columns.columns:
        stored = _to_json(columns[name], name)["values"]
        # Mixed columns have no Arrow type: as text for others, as they were in the header.
        try:
            arrays[str(name)] = pa.array(stored)
        except (pa.ArrowInvalid, pa.ArrowTypeError):
            arrays[str(name)] = pa.array([None if v is None else str(v) for v in stored])
    header = {**_describe(columns, header), "signals": _flatten(signals)}
    if header["y"] is not None:
        arrays["y_" if "y" in arrays else "y"] = pa.array(header["y"]["values"])
    metadata = {b"sklearn_emg": json.dumps(header).encode()}
    table = pa.table(arrays).replace_schema_metadata(metadata)
    pa.parquet.write_table(table, path, compression="zstd")


def _read_parquet(path: Path) -> tuple[list[NDArray], pd.DataFrame, dict[str, Any]]:
    pa = _arrow()
    stored = pa.parquet.read_table(path)
    header = json.loads((stored.schema.metadata or {})[b"sklearn_emg"])
    signals = [
        np.asarray(row.values.to_numpy(), dtype=np.dtype(form["dtype"])).reshape(form["shape"])
        for row, form in zip(stored["signal"], header["signals"])
    ]
    return signals, _undescribe(header), header


def _write_wfdb(
    path: Path, signals: list[NDArray], columns: pd.DataFrame, header: dict[str, Any]
) -> None:
    import wfdb

    path.mkdir()
    names = [f"r{i:06d}" for i in range(len(signals))]
    for name, values, fs in zip(names, signals, columns["fs"]):
        channels = np.atleast_2d(values).astype(np.float64)
        gains = _gains(channels)
        digital = np.rint(channels * gains[:, None])
        digital[~np.isfinite(channels)] = _WFDB_INVALID
        n_channels = len(channels)
        wfdb.wrsamp(
            name,
            fs=float(fs),
            units=["mV"] * n_channels,
            sig_name=[f"ch{k + 1}" for k in range(n_channels)],
            d_signal=digital.T.astype(np.int64),
            fmt=["32"] * n_channels,
            adc_gain=gains.tolist(),
            baseline=[0] * n_channels,
            write_dir=str(path),
        )
    (path / "RECORDS").write_text("".join(f"{name}\n" for name in names))
    header = {**_describe(columns, header), "records": names, "signals": _flatten(signals)}
    (path / "table.json").write_text(json.dumps(header))


def _gains(channels: NDArray[np.float64]) -> NDArray[np.float64]:
    """Powers of two, which a header's decimal number keeps exactly, that use most of 32 bits."""
    largest = np.nanmax(
        np.where(np.isfinite(channels), np.abs(channels), np.nan), axis=1, initial=0
    )
    exponent = np.floor(np.log2((2**31 - 1) / np.where(largest > 0, largest, 1.0)))
    return 2.0 ** np.clip(exponent, 0, 30)


def _read_wfdb(path: Path) -> tuple[list[NDArray], pd.DataFrame, dict[str, Any]]:
    import wfdb

    header = json.loads((path / "table.json").read_text())
    signals = []
    for name, form in zip(header["records"], header["signals"]):
        files = [name] if Path(name).name != name else wfdb.rdheader(str(path / name)).file_name
        if any(Path(file).name != file for file in files):
            raise ValueError(f"{path} names a file outside its folder: {files[0]!r}.")
        record = wfdb.rdrecord(str(path / name), physical=False)
        digital = record.d_signal.T.astype(np.float64)
        digital[digital == _WFDB_INVALID] = np.nan
        values = digital / np.array(record.adc_gain)[:, None]
        signals.append(values.astype(np.dtype(form["dtype"])).reshape(form["shape"]))
    return signals, _undescribe(header), header
