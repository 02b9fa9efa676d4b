"""Layout of a text file: encoding, separator, decimal sign, header lines, rows of numbers."""

from __future__ import annotations

import codecs
import csv
import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["MAX_BYTES", "Layout", "as_number", "decode_text", "find_layout", "split_line"]

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
_COMMA_NUMBER = re.compile(r"[+-]?(?:\d+,?\d*|,\d+)(?:[eE][+-]?\d+)?")
_MISSING = {"", "nan", "na", "n/a", "null", "-", "inf", "-inf"}
_CLOCK = re.compile(
    r"(?:\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}[ T]+)?\d{1,2}:\d{2}(?::\d{2})?(?:[.,:]\d+)?Z?"
)
_HEAD_LINES = 400
_MAX_LINE = 1_000_000  # characters
_NUMBER_STARTS = tuple("0123456789-+.")
MAX_BYTES = 4 * 2**30  # of a text file


@dataclass
class Layout:
    """Lines of a text file that hold numbers, and how these are written."""

    encoding: str
    separator: str
    decimal: str
    n_fields: int
    first: int
    stop: int
    header: list[str]
    rest: list[str] = field(default_factory=list)


def decode_text(path: Path, content: bytes) -> tuple[str, str]:
    """Text and encoding of a file: UTF-8, UTF-16 or Windows-1252.

    Raises
    ------
    ValueError
        If the file is empty or not text.
    """
    if not content.strip(b"\0 \t\r\n"):
        raise ValueError(f"{path} is empty; get it again.")
    encoding = next((name for mark, name in _MARKS if content.startswith(mark)), None)
    if encoding is None and b"\0" in content[:4096]:
        head = content[:4096]
        even, odd = head[::2].count(0), head[1::2].count(0)
        if odd > 0.3 * len(head) / 2 and even == 0:
            encoding = "utf-16-le"
        elif even > 0.3 * len(head) / 2 and odd == 0:
            encoding = "utf-16-be"
    for name in [encoding] if encoding else ["utf-8", "cp1252", "latin-1"]:
        try:
            text = content.decode(name)
        except UnicodeDecodeError as error:
            last = error
            continue
        if "\0" in text:
            raise ValueError(
                f"{path} has zero bytes, so it is not a text file; name its format with format=..."
            )
        return text, name
    raise ValueError(f"{path} is damaged: it is not {encoding} text ({last}).")


def as_number(text: str) -> float | None:
    """A number with a decimal point or comma; None for anything else."""
    text = text.strip().strip('"').strip()
    if _NUMBER.fullmatch(text):
        return float(text)
    if _COMMA_NUMBER.fullmatch(text):
        return float(text.replace(",", "."))
    return None


def split_line(line: str, separator: str) -> list[str]:
    """Fields of a line; quoted fields may hold the separator."""
    if separator == " ":
        return line.split()
    if '"' in line:
        try:
            fields = next(csv.reader([line], delimiter=separator, skipinitialspace=True), [])
        except csv.Error:
            fields = line.split(separator)
    else:
        fields = line.split(separator)
    return [f.strip() for f in fields]


def _is_row(fields: list[str], decimal: str) -> tuple[bool, int]:
    """Whether the fields are those of a row of data, and how many are numbers."""
    pattern = _COMMA_NUMBER if decimal == "," else _NUMBER
    n_numbers = sum(pattern.fullmatch(f) is not None for f in fields)
    n_given = sum(f.lower() not in _MISSING for f in fields)
    if not n_numbers or not fields:
        return False, 0
    first = next((f for f in fields if f.lower() not in _MISSING), "")
    starts = pattern.fullmatch(first) is not None or _CLOCK.fullmatch(first) is not None
    # A row may hold labels and clock times in addition to numbers.
    others = sum(
        pattern.fullmatch(f) is None and f.lower() not in _MISSING and not _CLOCK.fullmatch(f)
        for f in fields
    )
    return (starts or others <= 1 < n_given) and others <= max(1, n_given // 2), n_numbers


def _candidates(lines: list[str]) -> list[tuple[str, str]]:
    text = "\n".join(lines)
    found = [(s, d) for s in ("\t", ";", "|") if s in text for d in (".", ",")]
    if "," in text:
        found.append((",", "."))
    found += [(" ", "."), (" ", ",")]
    return found


def _rows_by_width(lines: list[str], separator: str, decimal: str) -> tuple[int, int, int, int]:
    """Longest run of rows of one width: (rows, numbers in all, width, first line)."""
    best = (0, 0, 0, 0)
    run, width, start, numbers = 0, -1, 0, 0
    for i, line in enumerate(lines):
        fields = split_line(line, separator)
        if fields and separator != " " and len(fields) > 1 and fields[-1] == "":
            # A separator at the end of a line does not start a column.
            fields = fields[:-1] if line.rstrip("\r\n").endswith(separator) else fields
        is_row, n_numbers = _is_row(fields, decimal)
        n = len(split_line(line, separator))
        if is_row and n == width:
            run, numbers = run + 1, numbers + n_numbers
        elif is_row:
            run, width, start, numbers = 1, n, i, n_numbers
        else:
            run, width = 0, -1
        if run > best[0]:
            best = (run, numbers, width, start)
    return best


def find_layout(path: Path, lines: list[str], encoding: str, complete: bool) -> Layout:
    """Find the rows of numbers of a text file.

    Parameters
    ----------
    path : pathlib.Path
    lines : list of str
    encoding : str
    complete : bool
        Whether the last line ends with a line break.

    Returns
    -------
    layout : Layout

    Raises
    ------
    ValueError
        If there are no such rows.
    """
    head = lines[:_HEAD_LINES]
    if any(len(line) > _MAX_LINE for line in head):
        raise ValueError(
            f"{path} has lines of more than {_MAX_LINE} characters: it has one row per channel or "
            "is not a table. Rows must be samples and columns channels; transpose it."
        )
    comments = [not line.strip() or line.lstrip()[0] in "%#" for line in head]
    plain = ["" if c else line for c, line in zip(comments, head)]
    rule = _best_rule(plain)
    if rule is None:
        raise ValueError(
            f"{path} has no rows of numbers in its first {_HEAD_LINES} lines: it is not a text "
            "export of recordings, or it is empty. Name its format with format=..."
        )
    separator, decimal, width, first = rule
    decimal = _decimal(plain[first : first + 50], separator, decimal)
    stop, rest = _end(path, lines, first, separator, decimal, width)
    last = lines[stop - 1]
    if stop == len(lines) and not complete and len(split_line(last, separator)) < width:
        # The writer was stopped within the last row.
        stop, rest = stop - 1, [last]
    _check_size(path, stop - first, width)
    return Layout(encoding, separator, decimal, width, first, stop, lines[:first], rest)


def _best_rule(lines: list[str]) -> tuple[str, str, int, int] | None:
    """Separator, decimal sign, width and first row that read most of the lines as numbers."""
    best: tuple[str, str, int, int] | None = None
    best_score = (0, 0)
    for separator, decimal in _candidates(lines):
        rows, numbers, width, first = _rows_by_width(lines, separator, decimal)
        if rows == 0 or (separator == "," and _is_decimal_comma(lines[first : first + rows])):
            continue
        # Of equal scores the first candidate wins.
        score = (min(rows, 50), numbers // rows)
        if score > best_score:
            best, best_score = (separator, decimal, width, first), score
    return best


def _check_size(path: Path, n_rows: int, width: int) -> None:
    if n_rows >= 3:
        return
    if width > 32:
        raise ValueError(
            f"{path} has {n_rows} rows and {width} columns: it looks transposed. Rows must "
            "be samples and columns channels; transpose it before it is read."
        )
    raise ValueError(
        f"{path} has {n_rows} rows of numbers; a recording has more. It is truncated or not a "
        "recording."
    )


def _is_decimal_comma(rows: list[str]) -> bool:
    """Whether "0,0123" is one number: two columns, the second of a fixed number of digits."""
    if any(line.count(",") != 1 for line in rows) or len(rows) < 3:
        return False
    parts = [line.strip().split(",") for line in rows]
    digits = Counter(len(p[1]) for p in parts)
    plain = all(re.fullmatch(r"[+-]?\d+", p[0]) and re.fullmatch(r"\d+", p[1]) for p in parts)
    zeros = any(len(p[1]) > 1 and p[1].startswith("0") for p in parts)
    return plain and zeros and max(digits.values()) >= 0.9 * len(parts)


def _decimal(rows: list[str], separator: str, decimal: str) -> str:
    """Decimal sign of the rows; `decimal` where all numbers are integers."""
    if separator == ",":
        return "."
    cells = [cell for row in rows for cell in split_line(row, separator)]
    if any("," in c and _COMMA_NUMBER.fullmatch(c) for c in cells):
        return ","
    return "." if any("." in c and _NUMBER.fullmatch(c) for c in cells) else decimal


def _end(
    path: Path, lines: list[str], first: int, separator: str, decimal: str, width: int
) -> tuple[int, list[str]]:
    """Line after the last row and what follows it, such as the block of another device."""
    stop = len(lines)
    for i in range(first, len(lines)):
        line = lines[i]
        if line[:1] in _NUMBER_STARTS and line.count(separator) >= width - 1:
            continue
        fields = split_line(line, separator)
        is_blank = not line.strip() or (separator != " " and not any(fields))
        if not is_blank and (_is_row(fields, decimal)[0] or len(fields) == width > 1):
            continue
        if not is_blank:
            _check_footer(path, lines, i, separator, decimal)
        stop = i
        break
    return stop, [line for line in lines[stop:] if line.strip()]


def _check_footer(path: Path, lines: list[str], i: int, separator: str, decimal: str) -> None:
    """Raise if rows follow a line that is not one: it is damaged and no footer."""
    later = [k for k in range(i + 1, min(i + 50, len(lines))) if lines[k].strip()]
    if any(_is_row(split_line(lines[k], separator), decimal)[0] for k in later[:2]):
        raise ValueError(
            f"{path}: line {i + 1} is no row of the table: {lines[i][:60]!r}. The file is "
            "damaged; correct or remove that line."
        )
