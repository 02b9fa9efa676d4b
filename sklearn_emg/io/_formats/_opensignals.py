"""OpenSignals files of PLUX, as text with a JSON header or as HDF5.

The transfer function is that of the data sheets of the EMG sensors (PLUX biosignals):
EMG in mV = (counts / 2**n - 1/2) * VCC / gain * 1000, where n is the resolution in bits, with
VCC = 3 V and a gain of 1000 for biosignalsplux, and 3.3 V and 1009 for BITalino.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklearn_emg._files import read_bytes
from sklearn_emg._tables import counted
from sklearn_emg.io._clock import counter_problems
from sklearn_emg.io._content import Channel, FileContent
from sklearn_emg.io._kinds import channel_kind
from sklearn_emg.io._text import MAX_BYTES, decode_text

_RANGES = (("bitalino", 3300.0 / 1009.0), ("plux", 3000.0 / 1000.0), ("", 3000.0 / 1000.0))
_SENSORS = {
    "accelerometer": ("XYZ", "ACC"),
    "goniometer": ("GON", "ANGLE"),
    "force": ("FORCE", "FSR", "LOADCELL"),
    "temperature": ("TEMP", "NTC"),
    "trigger": ("SWITCH", "TRIGGER", "SYNC"),
}
# Names of sensors that the user did not configure; such inputs are read as EMG.
_UNNAMED = ("", "RAW", "CUSTOM", "UNKNOWN")
_MAX_HEAD = 2**20


def _sensor_kind(sensor: str, name: str) -> str:
    plain = re.sub(r"[^A-Z0-9]", "", sensor.upper())
    if "EMG" in plain or plain in _UNNAMED:
        return "emg"
    kind = next((kind for kind, words in _SENSORS.items() if plain.startswith(words)), None)
    return kind or (channel_kind(name) if "EMG" in name.upper() else "other")


def _millivolts(counts: NDArray, bits: int, device: str) -> NDArray[np.float64]:
    """Convert counts to mV with the transfer function of the device's EMG sensor."""
    span = next(span for word, span in _RANGES if word in device.lower())
    return (counts.astype(np.float64) / 2**bits - 0.5) * span


def _channel(
    path: Path, name: str, counts: NDArray, bits: int, sensor: str, device: str, fs: float,
    converted: bool, alias: str | None = None
) -> Channel:  # fmt: skip
    kind = _sensor_kind(sensor, name)
    if kind != "emg" or converted:
        unit = "mV" if kind == "emg" else "counts"
        return Channel(name, counts, fs, unit, kind, alias=alias)
    if not 1 <= bits <= 32:
        raise ValueError(f"{path} is damaged: {name!r} has a resolution of {bits} bits.")
    if counts.size and (counts.min() < 0 or counts.max() >= 2**bits):
        raise ValueError(
            f"{path}: according to the header, {name!r} has {bits} bits, but its values range from "
            f"{counts.min():g} to {counts.max():g}; the header is wrong or the values are not "
            "counts."
        )
    return Channel(name, _millivolts(counts, bits, device), fs, "mV", kind, alias=alias)


def _start(head: dict[str, Any]) -> dt.datetime | None:
    numbers = re.findall(r"\d+", f"{head.get('date', '')} {head.get('time', '')}")
    try:
        return dt.datetime(*(int(n) for n in numbers[:6]))  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None


def parse_opensignals(path: Path) -> FileContent:
    """Read an OpenSignals text file.

    Raises
    ------
    ValueError
        If the header is not JSON or does not match the columns, or if rows are damaged.
    """
    with open(path, "rb") as file:
        if file.read(8) == b"\x89HDF\r\n\x1a\n":
            from sklearn_emg.io._formats._hdf5 import parse_hdf5

            return parse_hdf5(path)
    text, _ = decode_text(path, read_bytes(path, MAX_BYTES))
    head, _, body = text.partition("# EndOfHeader")
    if not body or len(head) > _MAX_HEAD:
        raise ValueError(f"{path} has no '# EndOfHeader' after its header; obtain a new copy.")
    devices = _devices(path, head)
    n_columns = sum(len(d["column"]) for d in devices.values())
    lines = [line for line in body.splitlines()[1:] if line.strip()]
    if len(lines) < 3:
        raise ValueError(
            f"{path} has only {counted(len(lines), 'row')} of samples after its header; it is "
            "truncated or not a recording."
        )
    rows = _rows(path, lines, n_columns)
    first = next(iter(devices.values()))
    content = FileContent(path, "OpenSignals text", [], start_time=_start(first))
    at = 0
    for head_of_device in devices.values():
        columns = head_of_device["column"]
        _add_device(content, head_of_device, columns, rows[:, at : at + len(columns)])
        at += len(columns)
    if not text.endswith(("\n", "\r")):
        content.problems.append(
            "it ends within a row; it may be truncated. Compare its duration with that of the "
            "recording."
        )
    content.details = {"devices": len(devices), "rows": len(rows)}
    return content


def _devices(path: Path, head: str) -> dict[str, dict[str, Any]]:
    match = re.search(r"\{.*\}", head, re.S)
    try:
        found = json.loads(match[0].replace("\n#", "\n")) if match else None
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is damaged: its header is not JSON ({error}).") from None
    if not isinstance(found, dict) or not found:
        raise ValueError(f"{path} is damaged: its header names no device.")
    for name, device in found.items():
        if not isinstance(device, dict) or not isinstance(device.get("column"), list):
            raise ValueError(f"{path} is damaged: its header names no columns for {name!r}.")
    return found


def _rows(path: Path, lines: list[str], n_columns: int) -> NDArray[np.float64]:
    """Samples as an array of shape (n_times, n_columns)."""
    try:
        rows = np.loadtxt(lines, ndmin=2, dtype=np.float64)
    except ValueError as error:
        raise ValueError(
            f"{path} is damaged: a row does not consist of numbers ({error})."
        ) from None
    if rows.shape[1] != n_columns:
        raise ValueError(
            f"{path} is damaged: it has {counted(rows.shape[1], 'column')}, but its header names "
            f"{n_columns}."
        )
    return rows


def _entry(values: list[Any], k: int, default: Any) -> Any:
    return values[k] if k < len(values) else default


def _rate(path: Path, fs: Any) -> float:
    """Check and return the sampling rate in Hz of a header."""
    if isinstance(fs, bool) or not isinstance(fs, (int, float)) or not 0 < fs < np.inf:
        raise ValueError(f"{path} is damaged: its header gives a sampling rate of {fs!r}.")
    return float(fs)


def _add_device(
    content: FileContent, head: dict[str, Any], columns: list[Any], rows: NDArray
) -> None:
    path = content.path
    fs = _rate(path, head.get("sampling rate"))
    labels = [str(v) for v in _listed(head, "label")]
    sensors = [str(v) for v in _listed(head, "sensor")]
    # Some firmware first lists the resolutions of the counter and the digital inputs.
    bits = _listed(head, "resolution")[-len(labels) :] if labels else []
    for j, column in enumerate(map(str, columns)):
        if column not in labels:
            kind = "index" if column.lower() in ("nseq", "seq") else "digital input"
            content.skipped.append(f"{column} ({kind})")
            if kind == "index":
                content.problems += counter_problems(column, rows[:, j])
            continue
        k = labels.index(column)
        sensor, resolution = _entry(sensors, k, ""), _entry(bits, k, 16)
        if not isinstance(resolution, (int, float)):
            raise ValueError(f"{path} is damaged: {column!r} has the resolution {resolution!r}.")
        content.channels.append(
            _channel(
                path,
                column,
                rows[:, j],
                int(resolution),
                sensor,
                str(head.get("device", "")),
                fs,
                bool(head.get("convertedValues")),
            )
        )
        _note_unnamed(content, column, sensor)
        content.details[column] = f"{sensor or 'sensor'}, {resolution} bits"
    _note_device(content, head)


def _note_unnamed(content: FileContent, name: str, sensor: str) -> None:
    if sensor.strip().upper() in _UNNAMED:
        content.problems.append(
            f"the sensor of {name!r} is not named in the file ({sensor!r}); it is read as EMG."
        )


def _note_device(content: FileContent, head: dict[str, Any]) -> None:
    """Note a problem if counts of an unknown device are converted to mV."""
    device = "" if head.get("convertedValues") else str(head.get("device", ""))
    if device and not any(word and word in device.lower() for word, _ in _RANGES):
        content.problems.append(
            f"the device {device!r} is not known; its counts are converted to mV like those of "
            "biosignalsplux. Compare the transfer function with that of its sensor."
        )


def _listed(head: dict[str, Any], key: str) -> list[Any]:
    value = head.get(key, [])
    return list(value) if isinstance(value, (list, tuple, np.ndarray)) else [value]


def _text_of(value: Any) -> str:
    if isinstance(value, np.ndarray):
        value = value.ravel()[0] if value.size else ""
    return value.decode("utf-8", errors="replace") if isinstance(value, bytes) else str(value)


def opensignals_hdf5(
    path: Path, file: Any, load: Callable[[Path, Any], NDArray]
) -> FileContent | None:
    """Read an OpenSignals HDF5 file; None if the open file has a different layout."""
    devices = [
        file[name] for name in file
        if hasattr(file[name], "keys") and "sampling rate" in file[name].attrs
        and "raw" in file[name]
    ]  # fmt: skip
    if not devices:
        return None
    content = FileContent(path, "OpenSignals HDF5", [])
    for device in devices:
        _add_hdf5_device(content, device, load)
    return content


def _add_hdf5_device(
    content: FileContent, device: Any, load: Callable[[Path, Any], NDArray]
) -> None:
    path, attributes = content.path, dict(device.attrs.items())
    fs = _rate(path, float(np.ravel(attributes["sampling rate"])[0]))
    texts = {k: _text_of(attributes.get(k, "")) for k in ("date", "time", "device")}
    content.start_time = content.start_time or _start(texts)
    raw = device["raw"]
    names = sorted((n for n in raw if re.fullmatch(r"channel_\d+", n)), key=lambda n: int(n[8:]))
    # The resolutions may begin with those of the counter and the digital inputs.
    resolutions = np.ravel(attributes.get("resolution", [])).tolist()
    resolutions = resolutions[-len(names) :] if names else []
    for k, name in enumerate(names):
        own = raw[name].attrs
        bits = own.get("resolution", _entry(resolutions, k, 16))
        bits = int(np.ravel(bits)[0])
        label = _text_of(own["label"]) if "label" in own else name
        sensor = _text_of(own.get("sensor", own.get("sensorType", "EMG")))
        values = load(path, raw[name]).ravel()
        channel = _channel(
            path, label, values, bits, sensor, texts["device"], fs, False, alias=name
        )
        content.channels.append(channel)
        _note_unnamed(content, label, sensor)
        content.details[label] = f"{name}, {sensor}, {bits} bits"
    _note_device(content, texts)
    _note_counters(content, raw, load)


def _note_counters(content: FileContent, raw: Any, load: Callable[[Path, Any], NDArray]) -> None:
    """Note the counters of samples in an HDF5 file, and their gaps."""
    for name in [n for n in raw if n.lower() == "nseq"]:
        content.skipped.append(f"{name} (index)")
        content.problems += counter_problems(name, load(content.path, raw[name]).ravel())
