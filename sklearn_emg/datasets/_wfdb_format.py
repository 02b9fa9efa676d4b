"""Strict parser of WFDB headers and reader of their signal files.

A header names the files with the samples of a record, and gives the number of samples and their
format. It is not trusted: a file is read only if its name contains no folder, it is a regular file
in the folder of the record, and it has at least as many bytes as the header announces. The formats
are those of signal(5) in the WFDB applications guide, https://physionet.org/physiotools/wag/.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklearn_emg._files import read_bytes, regular_file
from sklearn_emg._tables import counted
from sklearn_emg._validation import require
from sklearn_emg._warnings import warn
from sklearn_emg.datasets._base import decode
from sklearn_emg.exceptions import RecordingWarning
from sklearn_emg.recordings import SignalFile, millivolts_per

_MAX_HEADER_BYTES = 1_000_000
_MAX_LINES = 10_000  # signals or segments
# FLAC compresses a constant signal 6500 to 1. Above this number of samples, less compression is
# assumed.
_FLAC_FEW_SAMPLES = 2**24

# By format: stored type, value added to the samples, and stored value of an invalid sample.
_PLAIN = {
    "16": ("<i2", 0, -(2**15)),
    "32": ("<i4", 0, -(2**31)),
    "61": (">i2", 0, -(2**15)),
    "80": ("u1", 2**7, 0),
    "160": ("<u2", 2**15, 0),
}
# By format: number of samples, bytes that they occupy, and invalid value after unpacking.
_PACKED = {
    "8": (1, 1, None),
    "24": (1, 3, -(2**23)),
    "212": (2, 3, -(2**11)),
    "310": (3, 4, -(2**9)),
    "311": (3, 4, -(2**9)),
}
_NULL = "0"  # a signal without samples
_FLAC = {"508": -(2**7), "516": -(2**15), "524": -(2**23)}

_NAME = re.compile(r"[-\w]{1,200}", re.ASCII)
_FILE_NAME = re.compile(r"[-\w]{1,200}(\.\w{1,20})?", re.ASCII)
_RATE = re.compile(r"(\d{1,15}\.?\d{0,15})(?:[/(].*)?", re.ASCII)
_FORMAT = re.compile(r"(\d+)(?:x(\d+))?(?::(\d+))?(?:\+(\d+))?", re.ASCII)
_GAIN = re.compile(r"([-+]?[\d.]+(?:[eE][-+]?\d+)?)(?:\(([-+]?\d+)\))?(?:/(\S+))?", re.ASCII)
_DEFAULT_FS = 250.0  # default of the WFDB format
_DEFAULT_UNIT = "mV"


@dataclass(frozen=True)
class SignalSpec:
    """Specification of one signal in a header."""

    file: str
    fmt: str
    samples_per_frame: int
    skew: int
    offset: int
    gain: float | None  # stored units per physical unit; None without calibration
    baseline: int
    unit: str
    initial: int  # sample before the first, for a format that stores differences
    checksum: int | None
    name: str


@dataclass(frozen=True)
class Header:
    """Path and content of a checked header."""

    path: Path
    name: str
    fs: float
    n_times: int | None
    signals: tuple[SignalSpec, ...] = ()
    segments: tuple[tuple[str, int], ...] = ()
    comments: tuple[str, ...] = ()
    n_signals: int = 0  # announced by the header of several segments


def read_header(path: Path, root: Path | None = None) -> Header:
    """Parse a header file.

    Parameters
    ----------
    path : Path
        Path of the ``.hea`` file.
    root : Path, default=None
        Folder that contains all files of the record. By default, it is the folder of the header.

    Returns
    -------
    header : Header
        Checked content of the file.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is not a WFDB header, or names files outside its folder. The message names the
        file.
    """
    content = read_bytes(regular_file(path, root or path.parent), _MAX_HEADER_BYTES)
    if b"\0" in content:
        raise ValueError(f"{path} is not a WFDB header: it is binary.")
    lines = decode(content).splitlines()
    comments = tuple(line.lstrip()[1:] for line in lines if line.lstrip().startswith("#"))
    lines = [line for line in lines if line.strip() and not line.lstrip().startswith("#")]
    try:
        return _parse(path, lines, comments)
    except ValueError as error:
        raise ValueError(f"{path} is not a usable WFDB header: {error}.") from error


def _parse(path: Path, lines: list[str], comments: tuple[str, ...]) -> Header:
    if not lines:
        raise ValueError("it has no record line")
    record, *fields = lines[0].split()
    name, slash, n_segments = record.partition("/")
    if _NAME.fullmatch(name) is None or not fields:
        raise ValueError(f"{lines[0][:80]!r} is not a record line")
    if name.casefold() != path.stem.casefold():
        raise ValueError(f"it describes the record {name!r}, so one of the two is mislabelled")
    n_signals = _integer("number of signals", fields[0])
    fs = _parse_rate(path, fields)
    # In this format, 0 stands for an unknown length.
    n_times = (_integer("number of samples", fields[2]) if len(fields) > 2 else 0) or None
    if n_signals < 1:
        raise ValueError("it announces no signal")
    if len(lines) > _MAX_LINES:
        raise ValueError(f"it describes more than {_MAX_LINES} signals or segments")
    if slash:
        segments = _parse_segments(lines[1:], name, n_segments)
        return Header(path, name, fs, n_times, (), segments, comments, n_signals)
    signals = tuple(_parse_signal(line) for line in lines[1:])
    _check_count("signal", n_signals, len(signals))
    return Header(path, name, fs, n_times, signals, (), comments)


def _parse_rate(path: Path, fields: list[str]) -> float:
    if len(fields) < 2:
        warn(
            f"{path} gives no sampling rate, so {_DEFAULT_FS:g} Hz is used, the default of the "
            "format; write the rate after the number of signals in its first line.",
            RecordingWarning,
        )
        return _DEFAULT_FS
    rate = _RATE.fullmatch(fields[1])
    if rate is None or float(rate[1]) <= 0:
        raise ValueError(f"the sampling rate must be a positive number, not {fields[1][:40]!r}")
    return float(rate[1])


def _parse_segments(lines: list[str], name: str, announced: str) -> tuple[tuple[str, int], ...]:
    segments = tuple(_parse_segment(line, name) for line in lines)
    _check_count("segment", _integer("number of segments", announced), len(segments))
    # With repetition, a small file could announce any amount of data.
    given = [segment for segment, _ in segments if segment != "~"]
    if len(set(given)) < len(given):
        raise ValueError("it has a segment more than once")
    return segments


def _check_count(what: str, announced: int, found: int) -> None:
    if announced != found:
        raise ValueError(f"it announces {counted(announced, what)} but describes {found}")


def _integer(what: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 15):
        raise ValueError(f"the {what} must be an integer, not {text[:40]!r}")
    return int(text)


def _parse_segment(line: str, name: str) -> tuple[str, int]:
    segment, *rest = line.split()
    if segment != "~" and (_NAME.fullmatch(segment) is None or segment == name):
        raise ValueError(f"a segment must be another record of the same folder, not {segment!r}")
    if not rest:
        raise ValueError(f"the segment {segment!r} has no length")
    return segment, _integer("length of a segment", rest[0])


def _parse_signal(line: str) -> SignalSpec:
    file, *fields = line.split(maxsplit=8)
    if file != "~" and _FILE_NAME.fullmatch(file) is None:
        raise ValueError(
            f"a signal file must have a plain name and be next to its header, not {file[:80]!r}"
        )
    fields += [""] * (8 - len(fields))
    stored = _FORMAT.fullmatch(fields[0])
    if stored is None:
        raise ValueError(f"{line[:80]!r} is not a signal line")
    fmt, samples, skew, offset = stored.groups(default="0")
    if fmt not in (_NULL, *_PLAIN, *_PACKED, *_FLAC):
        raise ValueError(f"the signal format {fmt!r} is unknown")
    gain, baseline, unit = _parse_gain(fields)
    return SignalSpec(
        file,
        fmt,
        max(int(samples), 1),
        int(skew),
        int(offset),
        gain,
        baseline,
        unit,
        _signed(fields[4] or "0") if fmt == "8" else 0,
        # Many programs write 0 instead of a checksum.
        _signed(fields[5] or "0") or None,
        fields[7].strip(),
    )


def _parse_gain(fields: list[str]) -> tuple[float | None, int, str]:
    zero = _signed(fields[3] or "0")
    if not fields[1]:
        return None, zero, _DEFAULT_UNIT
    match = _GAIN.fullmatch(fields[1])
    if match is None:
        raise ValueError(f"the gain must be like 200(0)/mV, not {fields[1][:40]!r}")
    gain = float(match[1])
    if not np.isfinite(gain):
        raise ValueError(f"the gain must be finite, not {match[1]}")
    return gain or None, zero if match[2] is None else int(match[2]), match[3] or _DEFAULT_UNIT


def _signed(text: str) -> int:
    if re.fullmatch(r"[-+]?\d{1,15}", text, re.ASCII) is None:
        raise ValueError(f"{text[:40]!r} is not an integer")
    return int(text)


def signal_path(header: Header, spec: SignalSpec, root: Path | None = None) -> Path:
    """Return the path of a signal file, which must have at least the announced size.

    `root` is the folder that contains all files of the record, by default that of the header. Raise
    an error that names the file if it is missing, empty, truncated or outside the folder.
    """
    if spec.file == "~" or spec.fmt == _NULL:
        raise ValueError(f"{header.path} has no samples for the signal {spec.name!r}.")
    path = header.path.parent / spec.file
    try:
        regular_file(path, root or header.path.parent)
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f"{header.path} has its samples in {spec.file}, which is missing; obtain a new copy."
        ) from error
    size = path.stat().st_size
    if size == 0:
        raise ValueError(f"{path} is empty; obtain a new copy.")
    needed = _bytes_needed(header, spec)
    if size < needed:
        raise ValueError(
            f"{path} has {counted(size, 'byte')}, but {header.path.name} announces {needed}. The "
            "file is truncated or mislabelled; obtain a new copy."
        )
    if spec.fmt not in _FLAC:
        _warn_of_rest(header, spec, path, size - needed)
    return path


def _warn_of_rest(header: Header, spec: SignalSpec, path: Path, n_bytes: int) -> None:
    """Warn that bytes of a signal file are not read, unless they fill its last group of samples.

    A file with a prolog may end with as many bytes that are no signal, as those of N2001 do.
    """
    if header.n_times is None:
        n_times = _n_frames(header, spec, path)
        n_bytes = path.stat().st_size - _bytes_needed(replace(header, n_times=n_times), spec)
    if n_bytes >= spec.offset + (1 if spec.fmt in _PLAIN else _bytes_of(spec.fmt)[1]):
        warn(
            f"{path}: the last {counted(n_bytes, 'byte')} are not read, since "
            + (
                "they are no sample of all signals"
                if header.n_times is None
                else f"{header.path.name} announces {counted(header.n_times, 'sample')}"
            )
            + "; correct the header or obtain a new copy.",
            RecordingWarning,
        )


def _bytes_needed(header: Header, spec: SignalSpec) -> int:
    frame = sum(s.samples_per_frame for s in header.signals if s.file == spec.file)
    n_samples = (header.n_times or 1) * frame
    if spec.fmt in _FLAC:
        return -(-n_samples // (10_000 if n_samples <= _FLAC_FEW_SAMPLES else 100))
    samples, n_bytes = _bytes_of(spec.fmt)
    return spec.offset + -(-n_samples * n_bytes // samples)


def millivolts_per_step(header: Header, spec: SignalSpec) -> float:
    """Return the number of millivolts per stored unit of a signal."""
    if spec.gain is None:
        raise ValueError(
            f"{header.path} gives no gain for the signal {spec.name or spec.file!r}, so its "
            "samples cannot be converted to mV; write the gain into the header, like 200/mV."
        )
    try:
        return millivolts_per(spec.unit) / spec.gain
    except ValueError as error:
        raise ValueError(
            f"{header.path}: {error}, in the signal {spec.name or spec.file!r}; "
            "choose others with 'channels'."
        ) from error


def _is_plain(header: Header) -> bool:
    """Return whether the signals are interleaved in one file, without packed samples."""
    files = {(s.file, s.fmt, s.offset) for s in header.signals}
    return (
        len(files) == 1
        and header.signals[0].fmt in _PLAIN
        and all(s.samples_per_frame == 1 and not s.skew for s in header.signals)
    )


def _n_frames(header: Header, spec: SignalSpec, path: Path) -> int:
    """Return the number of frames of a signal file, from its size if the header gives none."""
    if header.n_times is not None:
        return header.n_times
    if spec.fmt in _FLAC:
        raise ValueError(f"{header.path} must give the number of samples of a FLAC file.")
    frame = sum(s.samples_per_frame for s in header.signals if s.file == spec.file)
    samples, n_bytes = _bytes_of(spec.fmt)
    return (path.stat().st_size - spec.offset) * samples // n_bytes // frame


def _bytes_of(fmt: str) -> tuple[int, int]:
    """Return the number of samples in a group, and the number of bytes that they occupy."""
    if fmt in _PLAIN:
        return 1, np.dtype(_PLAIN[fmt][0]).itemsize
    return _PACKED[fmt][:2]


def signal_file(
    header: Header,
    channels: Sequence[int] | None = None,
    *,
    root: Path | None = None,
    mark_invalid: bool = True,
) -> SignalFile:
    """Make a handle of the samples of a record whose signals are interleaved in one plain file.

    Parameters
    ----------
    header : Header
        Header of the record.
    channels : sequence of int, default=None
        Signals to read. By default, all are read.
    root : Path, default=None
        Folder that contains all files of the record. By default, it is the folder of the header.
    mark_invalid : bool, default=True
        Whether to read the code of an invalid sample as NaN instead of as a number.

    Returns
    -------
    handle : SignalFile
        Handle of the samples, which are in mV when they are read.

    Raises
    ------
    ValueError
        If the signals are stored in another way, a unit is not a voltage, or the file is damaged.
    """
    if not _is_plain(header):
        raise ValueError(
            f"{header.path} does not have all its samples in one file of plain numbers, so they "
            "cannot be left there; use lazy=False."
        )
    first = header.signals[0]
    dtype, shift, invalid = _PLAIN[first.fmt]
    path = signal_path(header, first, root)
    wanted = range(len(header.signals)) if channels is None else channels
    return SignalFile(
        path,
        offset=first.offset,
        length=_n_frames(header, first, path),
        dtype=dtype,
        n_channels=len(header.signals),
        channels=channels,
        # A signal that is not read may have any unit, such as degrees.
        scale=[
            millivolts_per_step(header, spec) if i in wanted else 1.0
            for i, spec in enumerate(header.signals)
        ],
        baseline=[spec.baseline + shift for spec in header.signals],
        invalid=invalid if mark_invalid else None,
    )


def _stored(header: Header, channel: int, frames: NDArray[Any]) -> NDArray[Any]:
    """Return the samples of one signal in stored units, from the frames of its file."""
    spec = header.signals[channel]
    before = header.signals[:channel]
    first = sum(s.samples_per_frame for s in before if s.file == spec.file)
    stored = frames[:, first : first + spec.samples_per_frame].ravel()
    # Format 8 stores differences.
    return np.cumsum(stored, dtype=np.int64) + spec.initial if spec.fmt == "8" else stored


def read_record(
    header: Header, channels: Sequence[int], *, verify: bool = True
) -> tuple[NDArray[np.floating], float]:
    """Read the samples of a record with one segment.

    Parameters
    ----------
    header : Header
        Header of the record.
    channels : sequence of int
        Signals to read.
    verify : bool, default=True
        Whether to compare the samples with the checksums of the header, if it has any.

    Returns
    -------
    signal : ndarray of shape (n_channels, n_times)
        Samples in mV, of which those marked as invalid are NaN. They are float32, or float64 if
        float32 is too coarse for the step of the converter.
    fs : float
        Sampling rate in Hz, which is a multiple of the rate in the header if a frame has several
        samples.
    """
    specs = [header.signals[c] for c in channels]
    scales = [millivolts_per_step(header, spec) for spec in specs]
    rates = {spec.samples_per_frame for spec in specs}
    if len(rates) > 1:
        raise ValueError(
            f"{header.path} has signals of different rates, {sorted(rates)} samples per frame; "
            "choose those of one rate with 'channels'."
        )
    frames = {spec.file: _read_frames(header, spec) for spec in specs}
    signals = [
        _to_millivolts(_stored(header, c, frames[spec.file]), spec, scale, header, verify)
        for c, spec, scale in zip(channels, specs, scales)
    ]
    lengths = {len(signal) for signal in signals}
    if len(lengths) > 1:
        raise ValueError(f"{header.path} has signals of different lengths, {sorted(lengths)}.")
    return np.stack(signals), header.fs * rates.pop()


def _read_frames(header: Header, spec: SignalSpec) -> NDArray[np.int32]:
    """Read the stored numbers of all signals of a file as (n_frames, samples_per_frame)."""
    group = [s for s in header.signals if s.file == spec.file]
    if any((s.fmt, s.offset) != (spec.fmt, spec.offset) for s in group):
        raise ValueError(f"{header.path} gives {spec.file} several formats or offsets.")
    path = signal_path(header, spec)
    n_frames = _n_frames(header, spec, path)
    frame = sum(s.samples_per_frame for s in group)
    if spec.fmt in _FLAC:
        return _read_flac(path, group, n_frames)
    n_samples = n_frames * frame
    if spec.fmt in _PLAIN:
        dtype, shift, _ = _PLAIN[spec.fmt]
        stored = np.fromfile(path, dtype=dtype, count=n_samples, offset=spec.offset)
        stored = stored.astype(np.int32) - np.int32(shift)
    else:
        samples, n_bytes, _ = _PACKED[spec.fmt]
        # The last group may lack the bytes of samples that are not in the file.
        n_stored = -(-n_samples * n_bytes // samples)
        raw = np.zeros(-(-n_samples // samples) * n_bytes, dtype=np.uint8)
        raw[:n_stored] = np.fromfile(path, dtype=np.uint8, count=n_stored, offset=spec.offset)
        stored = _UNPACK[spec.fmt](raw).ravel()[:n_samples]
    return stored.reshape(n_frames, frame)


def _with_sign(numbers: NDArray[np.integer], bits: int) -> NDArray[np.int32]:
    numbers = numbers.astype(np.int32)
    return numbers - ((numbers >> (bits - 1)) << bits)


def _unpack_24(raw: NDArray[np.uint8]) -> NDArray[np.int32]:
    low, middle, high = raw.reshape(-1, 3).astype(np.int32).T
    return _with_sign(low | middle << 8 | high << 16, 24)


def _unpack_212(raw: NDArray[np.uint8]) -> NDArray[np.int32]:
    # Two samples in three bytes: the middle byte has the four high bits of each sample.
    first, middle, second = raw.reshape(-1, 3).astype(np.int32).T
    pairs = [first | (middle & 0x0F) << 8, second | (middle & 0xF0) << 4]
    return _with_sign(np.stack(pairs, axis=1), 12)


def _unpack_310(raw: NDArray[np.uint8]) -> NDArray[np.int32]:
    # Three samples in two 16-bit words: bits 1 to 10 of each, and bits 11 to 15 of both.
    low, high = raw.view("<u2").reshape(-1, 2).astype(np.int32).T
    triplets = [low >> 1 & 0x3FF, high >> 1 & 0x3FF, low >> 11 | high >> 11 << 5]
    return _with_sign(np.stack(triplets, axis=1), 10)


def _unpack_311(raw: NDArray[np.uint8]) -> NDArray[np.int32]:
    # Three samples in 30 of 32 bits.
    word = raw.view("<u4").reshape(-1, 1)
    return _with_sign(word >> np.array([0, 10, 20], dtype=np.uint32) & 0x3FF, 10)


_UNPACK: dict[str, Callable[[NDArray[np.uint8]], NDArray[np.int32]]] = {
    "8": lambda raw: raw.view(np.int8).astype(np.int32),
    "24": _unpack_24,
    "212": _unpack_212,
    "310": _unpack_310,
    "311": _unpack_311,
}


def _read_flac(path: Path, group: Sequence[SignalSpec], n_frames: int) -> NDArray[np.int32]:
    soundfile = require("soundfile", f"The signal format {group[0].fmt} of {path}", "formats")
    per_frame = group[0].samples_per_frame
    if any(s.samples_per_frame != per_frame for s in group):
        raise ValueError(f"{path} has signals of different rates in one FLAC file.")
    wanted = n_frames * per_frame
    try:
        with soundfile.SoundFile(path) as file:
            bits = {"PCM_S8": 8, "PCM_16": 16, "PCM_24": 24}.get(file.subtype, 99)
            if file.format != "FLAC" or bits > int(group[0].fmt) - 500:
                raise ValueError(
                    f"{path} contains {file.format} {file.subtype}, not FLAC with at most "
                    f"{int(group[0].fmt) - 500} bits per sample."
                )
            if file.channels != len(group):
                raise ValueError(
                    f"{path} has {counted(file.channels, 'signal')}, not {len(group)}."
                )
            file.seek(group[0].offset)
            # libsndfile fails for large blocks, and a file may hold less than it announces.
            parts = []
            while wanted and len(part := file.read(min(wanted, 2**20), "int32", always_2d=True)):
                parts.append(part)
                wanted -= len(part)
    except RuntimeError as error:
        raise ValueError(f"{path} is not a FLAC file ({error}); obtain a new copy.") from error
    if wanted:
        raise ValueError(f"{path} lacks {counted(wanted, 'sample')}; obtain a new copy.")
    stored = np.concatenate(parts) >> np.int32(32 - bits)
    frames = stored.reshape(n_frames, per_frame, len(group)).transpose(0, 2, 1)
    return frames.reshape(n_frames, -1)


def _to_millivolts(
    stored: NDArray[np.integer], spec: SignalSpec, scale: float, header: Header, verify: bool
) -> NDArray[np.floating]:
    if stored.size == 0:
        raise ValueError(f"{header.path} has no samples; obtain a new copy.")
    # Programs differ in which samples of a skewed signal their checksums cover.
    if verify and spec.checksum is not None and not spec.skew:
        found = int(stored.sum(dtype=np.int64)) % 2**16
        if found != spec.checksum % 2**16:
            raise ValueError(
                f"{header.path.parent / spec.file} has the checksum {found}, but "
                f"{header.path.name} announces {spec.checksum % 2**16} for the signal "
                f"{spec.name!r}. The file is damaged or mislabelled; obtain a new copy, or load it "
                "with verify=False."
            )
    signal = (stored - np.float64(spec.baseline)) * scale
    # Single precision is enough unless its spacing approaches the step of the converter.
    if np.spacing(np.float32(np.abs(signal).max())) < abs(scale) / 100:
        signal = signal.astype(np.float32)
    invalid = _invalid_value(spec.fmt)
    if invalid is not None:
        signal[stored == invalid] = np.nan
    if spec.skew:
        late = spec.skew * spec.samples_per_frame
        if late >= len(signal):
            raise ValueError(
                f"{header.path} shifts the signal {spec.name!r} by {late} of {len(signal)} samples."
            )
        # Sample 0 is stored later, and the last samples are not stored.
        signal = np.append(signal[late:], np.full(late, np.nan, dtype=signal.dtype))
    return signal


def _invalid_value(fmt: str) -> int | None:
    if fmt in _PLAIN:
        _, shift, stored = _PLAIN[fmt]
        return stored - shift
    return _FLAC[fmt] if fmt in _FLAC else _PACKED[fmt][2]
