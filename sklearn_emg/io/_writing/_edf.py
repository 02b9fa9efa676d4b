"""EDF+ files with annotations (Kemp and Olivan 2003), and BDF+ files with 24-bit samples."""

from __future__ import annotations

import datetime as dt
import math
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sklearn_emg.io._kinds import channel_kind
from sklearn_emg.io._writing._rows import (
    Part,
    WrittenRow,
    ascii_text,
    lost_of_annotations,
    unique_names,
)

_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_UNITS = (("uV", 1e3), ("mV", 1.0), ("V", 1e-3))
_LABEL = 16  # number of characters of a label
_NUMBER = 8  # number of characters of a number
_CODE = 40  # number of characters of the code of a subject


def edf_parts(rows: list[WrittenRow], bits: int) -> list[Part]:
    """Prepare one file per row; what EDF+ does not hold is added to `lost` of the rows."""
    suffix = ".edf" if bits == 16 else ".bdf"
    _check_codes(rows)
    for row in rows:
        row.lost += _lost(row)
    return [(row.name + suffix, partial(write_edf_file, row=row, bits=bits)) for row in rows]


def _check_codes(rows: list[WrittenRow]) -> None:
    """Refuse different subjects that would have the same code."""
    by_code: dict[str, object] = {}
    for row in rows:
        other = by_code.setdefault(_code(row.subject), row.subject)
        if other != row.subject:
            raise ValueError(
                f"write_recordings: the subjects {other!r} and {row.subject!r} would both have the "
                f"code {_code(row.subject)!r} in EDF. Give them names that differ in ASCII "
                "characters, or write format='bids' or 'parquet'."
            )


def _lost(row: WrittenRow) -> list[str]:
    """Parts of a row that EDF+ does not hold."""
    held = ["sex"] if row.columns.get("sex") in ("M", "F") else []
    held += ["recording"] if row.columns.get("recording") == row.name else []
    lost = [
        f"the name of the channel {name!r}, written as {label!r}"
        for name, label in zip(row.names, edf_labels(row.names))
        if name != label
    ]
    lost += [f"the column {name!r}" for name in row.columns if name not in held]
    code = _code(row.subject)
    if code != row.subject:
        lost.append(f"the spelling or type of the subject, written as {code!r}")
    return lost + lost_of_annotations(row, "EDF")


def edf_labels(names: tuple[str, ...]) -> list[str]:
    """Labels of at most 16 ASCII characters that readers recognise as EMG."""
    labels = [ascii_text(name, _LABEL) or "EMG" for name in names]
    labels = [
        n if channel_kind(n, "uV") == "emg" else ascii_text(f"EMG {n}", _LABEL) for n in labels
    ]
    if len({n.casefold() for n in labels}) < len(labels):
        labels = unique_names([n[: _LABEL - 4].strip() for n in labels])
    return labels


def _code(subject: object) -> str:
    """Code of a subject in the header, without blanks, which separate the fields there."""
    return ascii_text(str(subject), _CODE).replace(" ", "_") or "X"


def _bound(value: float, down: bool) -> str | None:
    """Nearest number on one side of a value that fits into 8 characters; None if there is none."""
    if not abs(value) < 10**_NUMBER:
        return None
    for decimals in range(_NUMBER - 2, -1, -1):
        step = 10.0**-decimals
        rounded = (math.floor if down else math.ceil)(value / step) * step
        text = f"{rounded:.{decimals}f}"
        if len(text) <= _NUMBER and (float(text) <= value if down else float(text) >= value):
            return text
    return None


def _limits(row: WrittenRow, name: str, values: NDArray[np.float64]) -> tuple[str, str, str, float]:
    """Unit of a channel, its lowest and highest values as text, and the factor from mV to unit."""
    for unit, factor in _UNITS:
        low, high = float(values.min()) * factor, float(values.max()) * factor
        if low == high:
            low, high = low - 1, high + 1
        texts = _bound(low, True), _bound(high, False)
        if texts[0] is not None and texts[1] is not None:
            return unit, texts[0], texts[1], factor
    raise ValueError(
        f"write_recordings: {row.where} has values up to {np.abs(values).max():.3g} mV in the "
        f"channel {name!r}, more than EDF can hold. Make sure that the signals are in mV."
    )


def _record(n_times: int, fs: float) -> tuple[int, str]:
    """Number of samples of a data record and its duration in s as a text of 8 characters.

    The records hold all samples without a remainder. Of the possible lengths, those that represent
    the sampling rate most exactly are preferred and, among these, the one closest to 1 s.
    """
    best, best_key = (n_times, ""), (math.inf, math.inf)
    for k in range(1, math.isqrt(n_times) + 1):
        if n_times % k:
            continue
        for n in (k, n_times // k):
            text = np.format_float_positional(n / fs, trim="-")
            if len(text) > _NUMBER:
                text = _rounded(n / fs)
            seconds = float(text) if text else 0.0
            if seconds <= 0 or n_times // n > 10**_NUMBER - 1:
                continue
            key = (max(abs(n / seconds / fs - 1), 1e-9), abs(math.log(n / fs)))
            if key < best_key:
                best, best_key = (n, text), key
    return best


def _rounded(seconds: float) -> str:
    """Round a number of seconds to 8 characters."""
    for decimals in range(_NUMBER - 1, -1, -1):
        text = f"{seconds:.{decimals}f}"
        text = text[1:] if text.startswith("0.") else text
        if len(text) <= _NUMBER:
            return text
    return ""


def _time(seconds: float) -> str:
    return np.format_float_positional(seconds, trim="-")


def _lists(row: WrittenRow, n_records: int, seconds: float) -> NDArray[np.uint8]:
    """Annotation lists of the data records, evenly filled, of shape (n_records, n_bytes)."""
    first = row.start_time.microsecond / 1e6 if row.start_time else 0.0
    content = [f"+{_time(round(first + r * seconds, 9))}\x14\x14\0" for r in range(n_records)]
    for k, a in enumerate(row.annotations):
        label = str(a.label).translate({0: " ", 0x14: " ", 0x15: " "})
        length = f"\x15{_time(a.duration)}" if a.duration else ""
        onset = a.onset + first
        sign = "-" if onset < 0 else "+"
        text = f"{sign}{_time(abs(onset))}{length}\x14{label}\x14\0"
        content[k * n_records // len(row.annotations)] += text
    coded = [text.encode() for text in content]
    n_bytes = -(-max(map(len, coded)) // 6) * 6  # complete samples of 16 and of 24 bits
    joined = b"".join(text.ljust(n_bytes, b"\0") for text in coded)
    return np.frombuffer(joined, np.uint8).reshape(n_records, n_bytes)


def _fixed(row: WrittenRow, bits: int, n_records: int, seconds: str, n_signals: int) -> bytes:
    """First 256 bytes of the header."""
    start = row.start_time
    date = "X" if start is None else f"{start.day:02}-{_MONTHS[start.month - 1]}-{start.year}"
    shown = start or dt.datetime(1985, 1, 1)
    form = "EDF" if bits == 16 else "BDF"
    sex = row.columns.get("sex") if row.columns.get("sex") in ("M", "F") else "X"
    fields = (
        (f"{_code(row.subject)} {sex} X X", 80),
        (f"Startdate {date} X X X", 80),
        (f"{shown:%d.%m.}{shown.year % 100:02}", 8),
        (f"{shown:%H.%M.%S}", 8),
        (str(256 * (n_signals + 1)), 8),
        (f"{form}+C", 44),
        (str(n_records), 8),
        (seconds, 8),
        (str(n_signals), 4),
    )
    version = b"0       " if bits == 16 else b"\xffBIOSEMI"
    return version + "".join(text.ljust(width) for text, width in fields).encode("ascii")


def write_edf_file(path: Path, row: WrittenRow, bits: int) -> None:
    """Write a recording as EDF+ (16 bits) or BDF+ (24 bits).

    The range of each channel, from its lowest to its highest value, is mapped to all counts, so the
    error is at most half of (highest - lowest) / (2**bits - 1).
    """
    signal = row.signal()
    n, seconds = _record(row.n_times, row.fs)
    n_records = row.n_times // n
    lists = _lists(row, n_records, float(seconds))
    low, high = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
    columns: list[tuple[str, ...]] = []
    stored = np.empty((n_records, len(signal), n), dtype="<i4")
    for k, (name, values) in enumerate(zip(row.names, signal)):
        unit, bottom, top, factor = _limits(row, name, values)
        step = (float(top) - float(bottom)) / (high - low)
        counts = np.rint((values * factor - float(bottom)) / step) + low
        stored[:, k] = np.clip(counts, low, high).reshape(n_records, n)
        columns.append((edf_labels(row.names)[k], "", unit, bottom, top, str(low), str(high), "",
                        str(n), ""))  # fmt: skip
    form = "EDF" if bits == 16 else "BDF"
    n_list = lists.shape[1] // (bits // 8)
    columns.append((f"{form} Annotations", "", "", "-1", "1", str(low), str(high), "", str(n_list),
                    ""))  # fmt: skip
    widths = (16, 80, 8, 8, 8, 8, 8, 80, 8, 32)
    table = "".join(column[i].ljust(width) for i, width in enumerate(widths) for column in columns)
    with open(path, "wb") as file:
        file.write(_fixed(row, bits, n_records, seconds, len(columns)))
        file.write(table.encode("ascii"))
        samples = stored.view(np.uint8).reshape(n_records, -1, 4)[..., : bits // 8]
        file.write(np.hstack([samples.reshape(n_records, -1), lists]).tobytes())
