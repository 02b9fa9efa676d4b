"""Analog channels of C3D files of all three processor types, stored as integers or floats.

The layout is described in the C3D user guide (Motion Lab Systems, www.c3d.org).
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklearn_emg._tables import counted
from sklearn_emg.io._content import Annotation, Channel, FileContent
from sklearn_emg.io._kinds import channel_kind

_BLOCK = 512
_INTEL, _DEC, _MIPS = 84, 85, 86


class _Parameters:
    """Parameters of a C3D file by group and name."""

    def __init__(self, path: Path, content: bytes, processor: int):
        self.path = path
        self.order = ">" if processor == _MIPS else "<"
        self.dec = processor == _DEC
        groups: dict[int, str] = {}
        found: list[tuple[int, str, Any]] = []
        at = 4
        while at + 2 < len(content):
            n_name, group = struct.unpack_from("bb", content, at)
            if n_name == 0 or group == 0:
                break
            length = abs(n_name)
            name = content[at + 2 : at + 2 + length].decode("latin-1").strip().upper()
            here = at + 2 + length
            if here + 2 > len(content):
                break
            (step,) = struct.unpack_from(self.order + "H", content, here)
            if group < 0:
                groups[-group] = name
            else:
                found.append((group, name, self._value(content, here + 2)))
            if step == 0:
                break
            at = here + step
        self.values = {(groups.get(g, str(g)), name): value for g, name, value in found}

    def _value(self, content: bytes, at: int) -> Any:
        if at + 2 > len(content):
            return None
        size, n_dimensions = struct.unpack_from("bB", content, at)
        shape = tuple(content[at + 2 : at + 2 + n_dimensions])
        count = int(np.prod(shape, dtype=np.int64)) if shape else 1
        start = at + 2 + n_dimensions
        if abs(size) not in (1, 2, 4) or count < 0 or start + count * abs(size) > len(content):
            return None
        raw = content[start : start + count * abs(size)]
        if size == -1:
            return _texts(raw, shape[0] if shape else 1)
        if size == 4:
            return floats(raw, self.order, self.dec).tolist()
        kind = {1: "i1", 2: self.order + "i2"}[size]
        return np.frombuffer(raw, kind).tolist()

    def get(self, group: str, name: str) -> list[Any]:
        return self.values.get((group, name)) or []

    @property
    def unsigned(self) -> bool:
        """Whether the samples are unsigned integers."""
        return any("UNSIGNED" in str(v).upper() for v in self.get("ANALOG", "FORMAT"))

    def joined(self, group: str, name: str) -> list[Any]:
        """List that continues under NAME2, NAME3 and so on if it has more than 255 entries."""
        values = list(self.get(group, name))
        for k in range(2, 20):
            more = self.get(group, f"{name}{k}")
            if not more:
                break
            values += more
        return values

    def number(self, group: str, name: str, default: float) -> float:
        values = self.get(group, name)
        return float(values[0]) if values and not isinstance(values[0], str) else default


def floats(raw: bytes, order: str, dec: bool) -> NDArray[np.floating]:
    """Decode floats of four bytes; DEC floats have swapped halves and are four times as large."""
    if not dec:
        return np.frombuffer(raw, order + "f4")
    words = np.frombuffer(raw, "<u2").reshape(-1, 2)[:, ::-1]
    return np.ascontiguousarray(words).view("<f4").ravel() / np.float32(4.0)


def parse_c3d(path: Path) -> FileContent:
    """Read the analog channels of a C3D file.

    Raises
    ------
    ValueError
        If it is not a C3D file, is damaged or truncated, or has no analog channels.
    """
    size = os.stat(path).st_size
    with open(path, "rb") as file:
        head = file.read(_BLOCK)
        if len(head) < _BLOCK or head[1] != 0x50:
            raise ValueError(f"{path} is not a C3D file: its second byte is not 80.")
        start = (max(head[0], 1) - 1) * _BLOCK
        file.seek(start)
        first = file.read(4)
        if len(first) < 4:
            raise ValueError(f"{path} ends before its parameters; obtain a new copy.")
        n_blocks, processor = first[2], first[3]
        if processor not in (_INTEL, _DEC, _MIPS):
            raise ValueError(
                f"{path} is damaged: its processor code is {processor}, not 84, 85 or 86."
            )
        # Some writers count too few blocks; the parameters then extend to the samples.
        order = ">" if processor == _MIPS else "<"
        data_at = (struct.unpack_from(order + "H", head, 16)[0] - 1) * _BLOCK
        length = max(n_blocks * _BLOCK, data_at - start if data_at > start else 0)
        file.seek(start)
        parameters = _Parameters(path, file.read(min(length, size)), processor)
    return _analog(path, head, parameters, order)


@dataclass
class _Layout:
    """Layout of the analog samples in the frames of a file."""

    n_points: int  # number of marker trajectories
    n_channels: int
    per_frame: int  # number of samples of a channel in a frame
    frame_rate: float  # in Hz
    rate: float  # sampling rate of the analog channels in Hz
    dtype: np.dtype
    offset: int  # byte offset of the first frame
    first: int  # number of the first frame
    last: int  # number of the last frame

    @property
    def frame_bytes(self) -> int:
        return (4 * self.n_points + self.n_channels * self.per_frame) * self.dtype.itemsize


def _layout(path: Path, head: bytes, parameters: _Parameters, order: str) -> _Layout:
    n_points, n_analog, first, last = struct.unpack_from(order + "HHHH", head, 2)
    (data_at,) = struct.unpack_from(order + "H", head, 16)
    data_at = (int(parameters.number("POINT", "DATA_START", 0)) & 0xFFFF) or data_at
    (per_frame,) = struct.unpack_from(order + "H", head, 18)
    scale = float(floats(head[12:16], order, parameters.dec)[0])
    n_channels = int(parameters.number("ANALOG", "USED", 0)) & 0xFFFF
    if per_frame and not n_channels:
        n_channels = n_analog // per_frame
    if not n_channels or not per_frame or n_analog != n_channels * per_frame:
        raise ValueError(
            f"{path} has {n_analog} analog values per frame for {counted(n_channels, 'channel')} "
            f"of {counted(per_frame, 'sample')}; it has no analog channels or is damaged."
        )
    frame_rate = float(floats(head[20:24], order, parameters.dec)[0])
    frame_rate = parameters.number("POINT", "RATE", frame_rate)
    rate = _analog_rate(path, parameters, frame_rate, per_frame)
    dtype = np.dtype(order + ("f4" if scale < 0 else "i2"))
    offset = (data_at - 1) * _BLOCK
    return _Layout(n_points, n_channels, per_frame, frame_rate, rate, dtype, offset, first, last)


def _analog_rate(path: Path, parameters: _Parameters, frame_rate: float, per_frame: int) -> float:
    """Sampling rate of the analog channels in Hz, which has to agree with the frame rate."""
    rate = parameters.number("ANALOG", "RATE", 0.0) or frame_rate * per_frame
    if frame_rate > 0 and not 0.999 < rate / (frame_rate * per_frame) < 1.001:
        raise ValueError(
            f"{path}: the analog rate is {rate:g} Hz, but {counted(per_frame, 'sample')} per frame "
            f"at {frame_rate:g} frames/s give {frame_rate * per_frame:g} Hz; correct the parameter "
            "that is wrong."
        )
    if not (np.isfinite(rate) and rate > 0):
        raise ValueError(f"{path} is damaged: the rate of its analog channels is {rate}.")
    return rate


def _read_samples(path: Path, layout: _Layout, parameters: _Parameters, n_frames: int) -> NDArray:
    """Stored numbers as an array of shape (n_times, n_channels)."""
    size = os.stat(path).st_size
    present = max(size - layout.offset, 0) // layout.frame_bytes
    if layout.offset <= 0 or present < 1:
        raise ValueError(f"{path} is truncated: it has no samples after its parameters.")
    if present < n_frames:
        raise ValueError(
            f"{path} announces {n_frames} frames but has {present}: it is truncated or damaged; "
            "obtain a new copy."
        )
    frames = np.memmap(path, np.uint8, "r", layout.offset, (n_frames, layout.frame_bytes))
    raw = frames[:, 4 * layout.n_points * layout.dtype.itemsize :].tobytes()
    return _numbers(raw, layout.dtype, parameters).reshape(-1, layout.n_channels)


def _analog(path: Path, head: bytes, parameters: _Parameters, order: str) -> FileContent:
    layout = _layout(path, head, parameters, order)
    n_frames = _n_frames(parameters, layout.first, layout.last)
    stored = _read_samples(path, layout, parameters, n_frames)
    content = FileContent(path, "C3D", _channels(parameters, stored, layout.rate))
    frame_rate = layout.frame_rate
    start = (layout.first - 1) / frame_rate if frame_rate > 0 else 0.0
    content.annotations = _events(parameters, start)
    _note_rest(content, layout, n_frames)
    content.details = {"frames": n_frames, "frame rate": frame_rate, "points": layout.n_points}
    subject = [s for s in parameters.get("SUBJECTS", "NAMES") if isinstance(s, str) and s]
    content.subject = subject[0] if len(subject) == 1 else None
    if layout.n_points:
        n_markers = counted(layout.n_points, "marker trajectory", "marker trajectories")
        content.skipped.append(f"{n_markers} ({frame_rate:g} Hz)")
    return content


def _note_rest(content: FileContent, layout: _Layout, n_frames: int) -> None:
    """Note frames after the announced ones; the last block of a file is filled with zeros."""
    at = layout.offset + n_frames * layout.frame_bytes
    rest = os.stat(content.path).st_size - at
    if rest < max(layout.frame_bytes, _BLOCK):
        return
    with open(content.path, "rb") as file:
        file.seek(at)
        if any(file.read(min(rest, 2**20))):
            content.problems.append(
                f"it announces {counted(n_frames, 'frame')} but has data of "
                f"{rest // layout.frame_bytes} more, which are left out; correct the last frame "
                "in the header."
            )


def _n_frames(parameters: _Parameters, first: int, last: int) -> int:
    """Number of frames, from the parameters if it exceeds the 65535 that the header can count."""
    frames = last - first + 1
    begin, end = (parameters.get("TRIAL", f"ACTUAL_{w}_FIELD") for w in ("START", "END"))
    if len(begin) >= 2 and len(end) >= 2 and not isinstance(end[0], str):
        low, high = ((int(v[0]) & 0xFFFF) + ((int(v[1]) & 0xFFFF) << 16) for v in (begin, end))
        if last == 65535 and high > low:
            return high - low + 1
    if frames < 1:
        raise ValueError(f"{parameters.path} is damaged: its frames run from {first} to {last}.")
    return frames


def _numbers(raw: bytes, dtype: np.dtype, parameters: _Parameters) -> NDArray:
    if dtype.kind == "f":
        return floats(raw, parameters.order, parameters.dec)
    stored = np.frombuffer(raw, dtype)
    return stored.view(stored.dtype.str.replace("i", "u")) if parameters.unsigned else stored


def _texts(raw: bytes, width: int) -> list[str]:
    """Split consecutive texts of equal width."""
    n = len(raw) // width if width else 0
    return [raw[i * width : (i + 1) * width].decode("latin-1").strip(" \0") for i in range(n)]


def _channels(parameters: _Parameters, stored: NDArray, rate: float) -> list[Channel]:
    labels = parameters.joined("ANALOG", "LABELS")
    units = parameters.joined("ANALOG", "UNITS")
    scales = parameters.joined("ANALOG", "SCALE")
    offsets = parameters.joined("ANALOG", "OFFSET")
    descriptions = parameters.joined("ANALOG", "DESCRIPTIONS")
    general = parameters.number("ANALOG", "GEN_SCALE", 1.0)
    zeros = np.array([float(_entry(offsets, i, 0.0)) for i in range(stored.shape[1])])
    if stored.dtype.kind == "u" or parameters.unsigned:
        zeros %= 65536
    plates = {int(v) for v in parameters.get("FORCE_PLATFORM", "CHANNEL") if not isinstance(v, str)}
    channels = []
    for i in range(stored.shape[1]):
        name = _entry(labels, i, "") or f"Analog {i + 1}"
        unit = _entry(units, i, "")
        factor = float(_entry(scales, i, 1.0)) * general
        described = f"{name} {_entry(descriptions, i, '')}".rstrip()
        kind = "force" if i + 1 in plates else _kind(name, described, unit)
        values = (stored[:, i].astype(np.float64) - zeros[i]) * factor
        channels.append(Channel(name, values, rate, unit or None, kind))
    return channels


def _kind(name: str, described: str, unit: str) -> str:
    """Kind of a channel, by its name and unit.

    The description is used too if neither the name nor the description contains "EMG".
    """
    kind = channel_kind(name, unit)
    if kind == "emg" and "EMG" not in described.upper():
        return channel_kind(described, unit)
    return kind


def _entry(values: list[Any], i: int, default: Any) -> Any:
    return values[i] if i < len(values) else default


def _events(parameters: _Parameters, first: float) -> list[Annotation]:
    """Read events, and convert their times (minutes and seconds) to s after the first sample."""
    labels = parameters.joined("EVENT", "LABELS")
    contexts = parameters.joined("EVENT", "CONTEXTS")
    times = parameters.joined("EVENT", "TIMES")
    found = []
    for i, label in enumerate(labels):
        if 2 * i + 1 >= len(times) or isinstance(times[2 * i], str):
            break
        context = contexts[i] if i < len(contexts) else ""
        onset = 60 * float(times[2 * i]) + float(times[2 * i + 1]) - first
        found.append(Annotation(onset, None, f"{context} {label}".strip(), "C3D"))
    return sorted(found, key=lambda a: a.onset)
