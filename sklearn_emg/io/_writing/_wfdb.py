"""WFDB records of PhysioNet: header, samples of 16, 24 or 32 bits, and annotations."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np

from sklearn_emg._tables import python_value
from sklearn_emg.io._writing._rows import Part, WrittenRow, lost_of_annotations

# Prefix of the comment of a header that holds subject and columns as JSON.
MARK = "sklearn-emg:"

# Codes of annot(5): a note, an onset, an end, a long step in time and a text.
NOTE, ONSET, END, SKIP, AUX = 22, 39, 40, 59, 63
_MAX_STEP = 2**10 - 1
_MAX_TEXT = 255  # maximum number of bytes of a text in an annotation


def wfdb_parts(rows: list[WrittenRow], bits: int) -> list[Part]:
    """Prepare samples, annotations and header of each row; what is lost is added to the rows."""
    parts: list[Part] = []
    for row in rows:
        row.lost += lost_of_annotations(row, "WFDB")
        if any(len(str(a.label).encode()) > _MAX_TEXT for a in row.annotations):
            row.lost.append(f"the bytes after the first {_MAX_TEXT} of labels in 'annotations'")
        row.lost += [
            f"the name of the channel {name!r}, written as {_description(name)!r}"
            for name in row.names
            if name != _description(name)
        ]
        record = _Record(row, bits)
        parts.append((f"{row.name}.dat", record.write_samples))
        if row.annotations:
            parts.append((f"{row.name}.atr", record.write_annotations))
        # The header is written last, so a record with a header is complete.
        parts.append((f"{row.name}.hea", record.write_header))
    return parts


class _Record:
    """Record while it is written; its header describes the samples, which are written first."""

    def __init__(self, row: WrittenRow, bits: int) -> None:
        self.row, self.bits = row, bits
        self.lines: list[str] = []

    def write_samples(self, path: Path) -> None:
        """Write the samples, interleaved; the lowest number stands for NaN.

        The range of each channel is mapped to all counts, so the error is at most half a count,
        where a count is 1 / gain, about (highest - lowest) / 2**bits.
        """
        signal = self.row.signal(invalid=True)
        stored = np.empty((signal.shape[1], len(signal)), dtype="<i4")
        for k, (name, values) in enumerate(zip(self.row.names, signal)):
            is_nan = np.isnan(values)
            gain, baseline = _scale(values[~is_nan], self.bits)
            counts = np.where(is_nan, -(2 ** (self.bits - 1)), np.rint(values * gain) + baseline)
            stored[:, k] = counts
            total = int(stored[:, k].sum(dtype=np.int64)) % 2**16
            checksum = total - 2**16 if total >= 2**15 else total
            self.lines.append(
                f"{self.row.name}.dat {self.bits} {gain!r}({baseline})/mV {min(self.bits, 32)} 0 "
                f"{stored[0, k]} {checksum} 0 {_description(name)}"
            )
        raw = stored.view(np.uint8).reshape(-1, 4)[:, : self.bits // 8]
        path.write_bytes(raw.tobytes())

    def write_header(self, path: Path) -> None:
        """Write the header, with subject and columns in a comment."""
        row = self.row
        rate = np.format_float_positional(row.fs, trim="-")
        first = f"{row.name} {len(row.names)} {rate} {row.n_times}"
        if row.start_time is not None:
            first += f" {row.start_time:%H:%M:%S.%f %d/%m/}{row.start_time.year:04}"
        columns = dict(row.columns)
        comments = str(columns.pop("comments", None) or "").splitlines()
        facts = {"subject": python_value(row.subject), **columns}
        comments.append(f"{MARK} {json.dumps(facts, ensure_ascii=True)}")
        lines = [first, *self.lines, *(f"# {text}" for text in comments)]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")

    def write_annotations(self, path: Path) -> None:
        """Write annotations at the nearest samples: a note, or an onset and an end."""
        marks: list[tuple[int, int, str]] = []
        for a in self.row.annotations:
            start = round(a.onset * self.row.fs)
            if a.duration is None:
                marks.append((start, NOTE, str(a.label)))
                continue
            marks.append((start, ONSET, str(a.label)))
            marks.append((round((a.onset + a.duration) * self.row.fs), END, str(a.label)))
        content, now = bytearray(), 0
        for sample, code, text in sorted(marks, key=lambda mark: mark[0]):
            step, now = sample - now, sample
            if not 0 <= step <= _MAX_STEP:
                content += struct.pack("<H", SKIP << 10)
                content += struct.pack("<HH", (step >> 16) & 0xFFFF, step & 0xFFFF)
                step = 0
            content += struct.pack("<H", code << 10 | step)
            coded = text.encode()[:_MAX_TEXT].decode(errors="ignore").encode()
            content += struct.pack("<H", AUX << 10 | len(coded)) + coded + b"\0" * (len(coded) % 2)
        path.write_bytes(bytes(content) + b"\0\0")


def _description(name: str) -> str:
    """Name of a channel with single blanks, as required in a header."""
    return " ".join(name.split())


def _scale(values: np.ndarray, bits: int) -> tuple[float, int]:
    """Counts per mV and the count of 0 mV with which a channel fills the range of `bits`."""
    if values.size == 0:
        return 1.0, 0
    low, high = float(values.min()), float(values.max())
    middle = low / 2 + high / 2
    span = high - low or 1.0
    # One count at either end is left for the rounding of the baseline.
    gain = (2**bits - 4) / span
    if middle:
        gain = min(gain, 2**30 / abs(middle))  # so that the baseline fits into 32 bits
    return gain, -round(middle * gain)
