"""WFDB records, read by :func:`sklearn_emg.datasets.load_wfdb`, and their annotations."""

from __future__ import annotations

import datetime as dt
import json
import re
import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sklearn_emg._files import read_bytes
from sklearn_emg.datasets import load_wfdb
from sklearn_emg.io._content import Annotation, Channel, FileContent
from sklearn_emg.io._kinds import channel_kind
from sklearn_emg.io._writing._rows import NOT_SCALAR
from sklearn_emg.io._writing._wfdb import AUX, END, MARK, ONSET, SKIP
from sklearn_emg.recordings import SignalFile, is_voltage

_MAX_BYTES = 64 * 2**20  # size limit of a header or a file of annotations


def parse_wfdb(path: Path, lazy: bool = False) -> FileContent:
    """Read a record, given by the path of its header or samples, with or without an extension.

    If `lazy` is true, samples stay in their file if their format allows it, and are not compared
    with the checksums of the header.
    """
    record = path.with_suffix("") if path.suffix in (".hea", ".dat", ".bin") else path
    header = record.with_suffix(".hea")
    content = FileContent(header, "WFDB", [])
    groups: list[list[int] | None] = [*_groups(content, header)]
    for positions in groups or [None]:
        _add_signals(content, record, positions, lazy)
    content.start_time = _start(content.path)
    if (annotations := record.with_suffix(".atr")).is_file():
        first = (groups[0] or [0])[0] if groups else 0
        fs = (content.channels[0].fs or 1.0) / _samples_per_frame(header, first)
        content.annotations = _annotations(annotations, fs)
    return content


def _add_signals(
    content: FileContent, record: Path, positions: list[int] | None, lazy: bool
) -> None:
    """Add the signals at the given positions, which have one rate, or all signals."""
    try:
        bunch = load_wfdb(record, subject="any", channels=positions, lazy=lazy)
    except ValueError:
        if not lazy:
            raise
        bunch = load_wfdb(record, subject="any", channels=positions)
    row = bunch.data.iloc[0]
    names = [n or f"ch{i + 1}" for i, n in zip(positions or range(10**4), bunch.ch_names[0])]
    signal = row["signal"]
    values = _handles(signal) if isinstance(signal, SignalFile) else list(np.atleast_2d(signal))
    content.channels += [
        Channel(n, v, float(row["fs"]), "mV", channel_kind(n, "mV")) for n, v in zip(names, values)
    ]
    if not content.columns and content.subject is None:
        _apply_comments(content, row["comments"])


_SIGNAL = re.compile(r"\S+\s+\d+(?:x(?P<n>\d+))?\S*(?:\s+[^\s/]*(?:/(?P<unit>\S+))?)?.*")


def _signal_lines(path: Path) -> list[re.Match[str]]:
    """Lines of the signals in a header; empty if the record has segments or is damaged."""
    if not path.is_file():
        return []
    text = read_bytes(path, _MAX_BYTES).decode("utf-8", errors="replace")
    lines = re.findall(r"^[ \t]*([^#\s].*?)\s*$", text, re.M)
    if not lines or "/" in lines[0].split()[0]:
        return []
    found = [match for line in lines[1:] if (match := _SIGNAL.fullmatch(line))]
    return found if len(found) == len(lines) - 1 else []


def _samples_per_frame(path: Path, position: int) -> int:
    """Number of samples of a signal per frame; annotations count frames."""
    signals = _signal_lines(path)
    return int(signals[position]["n"] or 1) if position < len(signals) else 1


def _groups(content: FileContent, path: Path) -> list[list[int]]:
    """Positions of the voltages, grouped by rate; empty if all signals can be read together.

    Signals in other units are listed as left out.
    """
    groups: dict[str, list[int]] = {}
    signals = _signal_lines(path)
    for i, match in enumerate(signals):
        unit = match["unit"] or "mV"
        if is_voltage(unit):
            groups.setdefault(match["n"] or "1", []).append(i)
        else:
            name = match.string.split(maxsplit=8)[-1] or f"signal {i + 1}"
            content.skipped.append(f"{name} ({channel_kind(name, unit)}, {unit})")
    together = len(groups) == 1 and len(signals) == len(next(iter(groups.values())))
    return [] if together else list(groups.values())


_FIRST_LINE = re.compile(
    rb"\s*\S+ \d+ \S+ \d+ (\d{1,2}:\d{2}:\d{2}(?:\.\d{1,6})?) (\d{1,2}/\d{1,2}/\d{4})", re.ASCII
)


def _apply_comments(content: FileContent, comments: str) -> None:
    """Take subject and columns from the comment of ``write_recordings``; keep other comments."""
    texts = []
    for text in comments.splitlines():
        if not text.startswith(MARK):
            texts.append(text)
            continue
        facts = json.loads(text.removeprefix(MARK))
        content.subject = facts.pop("subject", None)
        content.columns.update(
            (name, value) for name, value in facts.items() if name not in NOT_SCALAR
        )
    if any(texts):
        content.columns["comments"] = "\n".join(texts)


def _start(path: Path) -> dt.datetime | None:
    """Date and time of the first sample, in the first line of the header that is not a comment."""
    lines = read_bytes(path, _MAX_BYTES).splitlines()
    first = next((line for line in lines if line.strip() and line.lstrip()[:1] != b"#"), b"")
    match = _FIRST_LINE.match(first)
    if match is None:
        return None
    time, date = match[1].decode(), match[2].decode()
    try:
        return dt.datetime.strptime(
            f"{date} {time}", "%d/%m/%Y %H:%M:%S.%f" if "." in time else "%d/%m/%Y %H:%M:%S"
        )
    except ValueError:
        return None


def _annotations(path: Path, fs: float) -> list[Annotation]:
    """Read annotations in the format annot(5) of the WFDB applications guide.

    An onset and the next end with the same text become one annotation with a duration.
    """
    content = read_bytes(path, _MAX_BYTES)
    found: list[Annotation] = []
    open_at: dict[str, list[int]] = {}
    for sample, code, text in _marks(path, content):
        if code == END and open_at.get(text):
            i = open_at[text].pop()
            found[i] = found[i]._replace(duration=sample / fs - found[i].onset)
            continue
        if code == ONSET:
            open_at.setdefault(text, []).append(len(found))
        found.append(Annotation(sample / fs, None, text or f"code {code}", "WFDB"))
    return found


def _marks(path: Path, content: bytes) -> list[tuple[int, int, str]]:
    """Index of the sample, code and text of each annotation."""
    marks: list[tuple[int, int, str]] = []
    at = now = 0
    while at + 2 <= len(content):
        (word,) = struct.unpack_from("<H", content, at)
        code, step, at = word >> 10, word & 0x3FF, at + 2
        if word == 0:
            return marks
        if code == SKIP and at + 4 <= len(content):
            high, low = struct.unpack_from("<hH", content, at)
            now, at = now + (high << 16 | low), at + 4
        elif code == AUX and marks:
            text = content[at : at + step].rstrip(b"\0").decode("utf-8", errors="replace")
            marks[-1] = (*marks[-1][:2], text)
            at += step + step % 2
        elif code < SKIP:
            now += step
            marks.append((now, code, ""))
    raise ValueError(f"{path} ends within its annotations; obtain a new copy.")


def _handles(record: SignalFile) -> list[NDArray | SignalFile]:
    """One handle for each channel that is read from a record."""
    positions = range(record.n_channels) if record.channels is None else record.channels
    return [
        SignalFile(
            record.path,
            offset=record.offset,
            length=record.length,
            dtype=record.stored_dtype,
            n_channels=record.n_channels,
            channels=[i],
            scale=record.scale,
            baseline=record.baseline,
            invalid=record.invalid,
        )
        for i in positions
    ]
