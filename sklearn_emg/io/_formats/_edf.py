"""EDF, EDF+, BDF and BDF+ files: signals at their own rates, annotations with their times.

The layout is that of Kemp and others (1992), with the annotations of EDF+ (Kemp and Olivan 2003)
and the 24-bit samples of BioSemi.
"""

from __future__ import annotations

import datetime as dt
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sklearn_emg._tables import counted
from sklearn_emg.io._clock import shortest_decimal
from sklearn_emg.io._content import Annotation, Channel, FileContent
from sklearn_emg.io._kinds import channel_kind
from sklearn_emg.recordings import SignalFile

_MAX_SIGNALS = 4096
# Properties of the signals in the header and the number of bytes of each per signal.
_FIELDS = (
    ("label", 16),
    ("transducer", 80),
    ("unit", 8),
    ("low", 8),
    ("high", 8),
    ("digital_low", 8),
    ("digital_high", 8),
    ("filter", 80),
    ("n_samples", 8),
    ("reserved", 32),
)


@dataclass
class _Signal:
    label: str
    unit: str
    low: float
    high: float
    digital_low: float
    digital_high: float
    n_samples: int
    first: int  # byte offset of the first sample in a data record

    @property
    def is_annotation(self) -> bool:
        return self.label in ("EDF Annotations", "BDF Annotations")

    @property
    def has_range(self) -> bool:
        """Whether the samples can be converted to the unit of the signal."""
        return self.low != self.high and self.digital_low != self.digital_high

    @property
    def range_text(self) -> str:
        return (
            f"the range of {self.label!r} is empty (physical {self.low:g} to {self.high:g}, "
            f"digital {self.digital_low:g} to {self.digital_high:g})"
        )


@dataclass
class _Head:
    n_bytes: int
    n_records: int
    seconds: float
    rounding: float  # of the number of seconds
    width: int
    signals: list[_Signal]
    start: dt.datetime | None
    patient: str
    form: str
    record_bytes: int


def _text(content: bytes) -> str:
    """Decode text of a header, which should be ASCII but may be UTF-8 or Latin-1."""
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    return text.strip(" \0")


def _number(path: Path, content: bytes, what: str) -> float:
    text = _text(content).replace(",", ".")
    try:
        value = float(text)
    except ValueError:
        raise ValueError(f"{path} is damaged: its {what} is {text[:20]!r}, not a number.") from None
    if not np.isfinite(value):
        raise ValueError(f"{path} is damaged: its {what} is {text!r}.")
    return value


def _head(path: Path) -> _Head:
    size = os.stat(path).st_size
    with open(path, "rb") as file:
        fixed = file.read(256)
        if len(fixed) < 256:
            raise ValueError(
                f"{path} has {size} bytes; the header of an EDF file has at least 256."
            )
        is_bdf = fixed[:8] == b"\xffBIOSEMI"
        if not is_bdf and fixed[:8] != b"0       ":
            raise ValueError(f"{path} is neither EDF nor BDF: it begins with {fixed[:8]!r}.")
        n_signals = int(_number(path, fixed[252:256], "number of signals"))
        if not 1 <= n_signals <= _MAX_SIGNALS:
            raise ValueError(
                f"{path} announces {counted(n_signals, 'signal')}; it can have 1 to {_MAX_SIGNALS}."
            )
        table = file.read(256 * n_signals)
    if len(table) < 256 * n_signals:
        raise ValueError(
            f"{path} ends within its header of {counted(n_signals, 'signal')}; obtain a new copy."
        )
    width = 3 if is_bdf else 2
    signals = _signals(path, table, n_signals, width)
    seconds = _number(path, fixed[244:252], "duration of a data record")
    # A duration that fills its 8 characters is rounded to the last of them.
    digits = _text(fixed[244:252]).replace(",", ".")
    rounding = (
        0.501 / 10 ** len(digits.partition(".")[2]) if re.fullmatch(r"[\d.]{8}", digits) else 0.0
    )
    n_records = int(_number(path, fixed[236:244], "number of data records"))
    n_bytes = int(_number(path, fixed[184:192], "length of the header"))
    if n_bytes != 256 * (n_signals + 1):
        raise ValueError(
            f"{path} is damaged: its header announces {n_bytes} bytes for itself instead of "
            f"{256 * (n_signals + 1)} for {counted(n_signals, 'signal')}."
        )
    record_bytes = sum(signal.n_samples for signal in signals) * width
    return _Head(n_bytes, n_records, seconds, rounding, width, signals, _start(fixed),
                 _text(fixed[8:88]), _form(fixed, is_bdf), record_bytes)  # fmt: skip


def _form(fixed: bytes, is_bdf: bool) -> str:
    reserved = _text(fixed[192:236])
    form = ("BDF" if is_bdf else "EDF") + ("+" if reserved[3:4] == "+" else "")
    return form + ("D" if reserved[:5] in ("EDF+D", "BDF+D") else "")


def _signals(path: Path, table: bytes, n_signals: int, width: int) -> list[_Signal]:
    """Read the signals from the part of the header that stores one property after the other."""
    fields = {}
    at = 0
    for name, n_bytes in _FIELDS:
        fields[name] = [table[at + i * n_bytes : at + (i + 1) * n_bytes] for i in range(n_signals)]
        at += n_bytes * n_signals
    signals, first = [], 0
    for i in range(n_signals):
        label, unit = _text(fields["label"][i]), _text(fields["unit"][i])
        low, high, digital_low, digital_high, length = (
            _number(path, fields[name][i], f"{name.replace('_', ' ')} of {label!r}")
            for name in ("low", "high", "digital_low", "digital_high", "n_samples")
        )
        n_samples = int(length)
        if n_samples < 1:
            raise ValueError(f"{path} announces {n_samples} samples per record for {label!r}.")
        signals.append(_Signal(label, unit, low, high, digital_low, digital_high, n_samples, first))
        first += n_samples * width
    return signals


def _start(fixed: bytes) -> dt.datetime | None:
    match = re.match(r"(\d\d)\.(\d\d)\.(\d\d)(\d\d)[.:](\d\d)[.:](\d\d)", _text(fixed[168:184]))
    if not match:
        return None
    day, month, year, hour, minute, second = map(int, match.groups())
    recording = fixed[88:168].decode("latin-1")
    if recording.startswith("Startdate X") and _text(fixed[168:176]) == "01.01.85":
        return None  # EDF+ has this date if the start is not known
    found = re.search(r"Startdate \d\d-\w{3}-(\d{4})", recording)
    full = int(found[1]) if found else (1900 if year >= 85 else 2000) + year
    try:
        return dt.datetime(full, month, day, hour, minute, second)
    except ValueError:
        return None


def parse_edf(path: Path) -> FileContent:
    """Read an EDF or BDF file.

    Raises
    ------
    ValueError
        If the file is not EDF or BDF, is damaged, or is shorter than its header announces.
    """
    head = _head(path)
    content = FileContent(path, head.form, [], start_time=head.start)
    size = os.stat(path).st_size - head.n_bytes
    whole = size // head.record_bytes
    if head.n_records == -1:  # the recorder stopped before it wrote the number
        head.n_records = whole
    if not 1 <= head.n_records <= whole:
        raise ValueError(
            f"{path} announces {counted(head.n_records, 'data record')} of {head.record_bytes} "
            f"bytes but has {whole}: it is truncated or damaged; obtain a new copy."
        )
    _note_rest(content, head, size)
    records = np.memmap(path, np.uint8, "r", head.n_bytes, (head.n_records, head.record_bytes))
    onsets = _annotations(content, head, records)
    if content.start_time is not None and onsets and 0 < onsets[0] < 1:
        content.start_time += dt.timedelta(seconds=onsets[0])
    _gaps(content, head, onsets)
    _add_signals(content, head)
    _apply_patient(content, head.patient)
    content.details = {
        "data records": head.n_records,
        "seconds per record": head.seconds,
        "signals": len(head.signals),
        "bits": 8 * head.width,
    }
    return content


def _note_rest(content: FileContent, head: _Head, size: int) -> None:
    """Note data after the announced data records."""
    whole = size // head.record_bytes
    if head.n_records < whole:
        content.problems.append(
            f"the header announces {counted(head.n_records, 'data record')} but the file has "
            f"{whole}; the additional ones are left out."
        )
    elif rest := size % head.record_bytes:
        content.problems.append(
            f"the file ends with {counted(rest, 'byte')} that are no complete data record of "
            f"{head.record_bytes} bytes and are left out: it is truncated or damaged; compare its "
            "duration with that of the recording."
        )


def _add_signals(content: FileContent, head: _Head) -> None:
    signals = [signal for signal in head.signals if not signal.is_annotation]
    any_range = any(signal.has_range for signal in signals)
    for signal in signals:
        if signal.has_range or not any_range:
            content.channels.append(_channel(content, head, signal))
        else:
            _leave_out(content, signal)


def _apply_patient(content: FileContent, text: str) -> None:
    """Take subject and sex from the header."""
    # In EDF+, the text consists of code, sex, birthdate and name; in plain EDF it is free text.
    patient = text.split(" ")
    if len(patient) >= 4 and patient[0] != "X" and patient[1] in ("M", "F", "X"):
        content.subject = patient[0]
        if patient[1] != "X":
            content.columns["sex"] = patient[1]


def _leave_out(content: FileContent, signal: _Signal) -> None:
    """Leave out a signal whose range is empty, as that of an unused input."""
    kind = channel_kind(signal.label, signal.unit)
    content.skipped.append(f"{signal.label} ({kind}, empty range)")
    if kind == "emg":
        content.problems.append(
            f"{signal.range_text}, so its samples have no amplitude and it is left out; correct "
            "the header if it was in use."
        )


def _rate(content: FileContent, head: _Head, signal: _Signal) -> float | None:
    """Sampling rate in Hz, with the fewest digits if the duration of a data record is rounded."""
    if head.seconds < 0:
        raise ValueError(
            f"{content.path} is damaged: its data records last {head.seconds} s, so "
            f"{signal.label!r} has no sampling rate."
        )
    if head.seconds == 0:
        return None
    fs = signal.n_samples / head.seconds
    # Rounding removes the error of the division.
    return round(shortest_decimal(fs, fs * head.rounding / head.seconds), 9)


def _channel(content: FileContent, head: _Head, signal: _Signal) -> Channel:
    fs = _rate(content, head, signal)
    if not signal.has_range:
        raise ValueError(f"{content.path} is damaged: {signal.range_text}.")
    gain = (signal.high - signal.low) / (signal.digital_high - signal.digital_low)
    values = SignalFile(
        content.path,
        offset=head.n_bytes,
        length=head.n_records * signal.n_samples,
        dtype="<i2" if head.width == 2 else "V3",
        scale=gain,
        baseline=signal.digital_low - signal.low / gain,
        blocks=(signal.n_samples, head.record_bytes, [signal.first]),
    )
    kind = channel_kind(signal.label, signal.unit)
    limits = min(signal.low, signal.high), max(signal.low, signal.high)
    return Channel(signal.label or "unnamed", values, fs, signal.unit or None, kind, limits=limits)


_LIST = re.compile(rb"([+-]\d+(?:\.\d*)?)(?:\x15(\d+(?:\.\d*)?))?\x14((?:[^\x14\x00]*\x14)*)\x00")


def _annotations_of(match: re.Match[bytes]) -> Iterator[Annotation]:
    """Yield the annotations of one list, which share onset and duration."""
    duration = None if match[2] is None else float(match[2])
    for text in match[3].split(b"\x14"):
        if text:
            yield Annotation(float(match[1]), duration, _text(text).strip(), "EDF")


def _onset_of(lists: list[re.Match[bytes]]) -> list[float]:
    """Onset of a data record, which is that of its first list, whose first text is empty."""
    return [float(match[1]) for match in lists if match[3][:1] == b"\x14"]


def _annotations(content: FileContent, head: _Head, records: NDArray) -> list[float]:
    """Read the annotations, and return the onsets of the data records if the file has them."""
    onsets: list[float] = []
    for k, signal in enumerate(s for s in head.signals if s.is_annotation):
        stop = signal.first + signal.n_samples * head.width
        for record in records:
            lists = list(_LIST.finditer(record[signal.first : stop].tobytes()))
            if k == 0:
                onsets += _onset_of(lists[:1])
            for match in lists:
                content.annotations += _annotations_of(match)
    content.annotations.sort(key=lambda a: a.onset)
    # Times are relative to the start in the header; the first sample may be later.
    first = onsets[0] if onsets else 0.0
    content.annotations = [a._replace(onset=a.onset - first) for a in content.annotations]
    return onsets


def _gaps(content: FileContent, head: _Head, onsets: list[float]) -> None:
    """Note interruptions, and move annotations to their places in the joined samples."""
    if len(onsets) != head.n_records:
        if head.form.endswith("D"):
            content.problems.append(
                f"the recording may have interruptions ({head.form}), but only {len(onsets)} of "
                f"{counted(head.n_records, 'data record')} have an onset, so their places are not "
                "known. The samples are joined; export the recording again."
            )
        return
    steps = np.diff(onsets) - head.seconds
    at = np.flatnonzero(np.abs(steps) > 1e-3 * max(head.seconds, 1e-3))
    if at.size == 0:
        return
    first = int(at[0])
    content.problems.append(
        f"the recording has {counted(at.size, 'interruption')}{', the first' * (at.size > 1)} of "
        f"{steps[first]:.4g} s "
        f"after {(first + 1) * head.seconds:g} s of signal. The samples are joined; split the "
        "recording there."
    )
    starts = np.asarray(onsets) - onsets[0]

    def joined(time: float) -> float:
        """Time in the joined samples; times within a gap become its place."""
        record = max(int(np.searchsorted(starts, time, "right")) - 1, 0)
        within = float(time - starts[record])
        is_last = record == head.n_records - 1
        return record * head.seconds + (within if is_last else min(within, head.seconds))

    for k, a in enumerate(content.annotations):
        onset, length = joined(a.onset), a.duration
        if length is not None:
            length = joined(a.onset + length) - onset
        content.annotations[k] = a._replace(onset=onset, duration=length)
    content.annotations += [
        Annotation((int(i) + 1) * head.seconds, None, f"gap of {steps[i]:.4g} s", "gap") for i in at
    ]
