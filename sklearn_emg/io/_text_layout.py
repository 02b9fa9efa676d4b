"""Layout of a text file: encoding, separator, decimal sign, header lines, rows of numbers."""

from __future__ import annotations

import codecs
import csv
import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["Layout", "as_number", "decode_text", "find_layout", "split_line"]

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


@dataclass
class Layout:
    """Where the numbers of a text file stand and how they are written."""

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
        If it is empty or no text.
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
                f"{path} has zero bytes, so it is no text file; name its format with format=..."
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
    # Labels and clock times may stand beside the numbers.
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
    """Longest run of rows of one width: (rows, numbers a row, width, first line)."""
    best = (0, 0, 0, 0)
    run, width, start, numbers = 0, -1, 0, 0
    for i, line in enumerate(lines):
        fields = split_line(line, separator)
        if fields and separator != " " and len(fields) > 1 and fields[-1] == "":
            # A separator at the end of each line is no column.
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
        Whether the last line ends with a line end.

    Returns
    -------
    layout : Layout

    Raises
    ------
    ValueError
        If there are none.
    """
    head = lines[:_HEAD_LINES]
    if any(len(line) > _MAX_LINE for line in head):
        raise ValueError(
            f"{path} has lines of more than {_MAX_LINE} characters: one row per channel or no "
            "table. Rows must be samples and columns channels; transpose it."
        )
    best: tuple[tuple[float, int, int], str, str, int, int] | None = None
    comments = [not line.strip() or line.lstrip()[0] in "%#" for line in head]
    plain = ["" if c else line for c, line in zip(comments, head)]
    for rank, (separator, decimal) in enumerate(_candidates(plain)):
        rows, numbers, width, first = _rows_by_width(plain, separator, decimal)
        if rows == 0:
            continue
        if separator == "," and _is_decimal_comma(plain[first : first + rows]):
            continue
        # A rule that reads more of the rows as numbers wins; among equals, the first.
        score = (min(rows, 50), numbers // rows, -rank)
        if best is None or score > best[0]:
            best = (score, separator, decimal, width, first)
    if best is None:
        raise ValueError(
            f"{path} has no rows of numbers in its first {_HEAD_LINES} lines: it is no text "
            "export of recordings, or it is empty. Name its format with format=..."
        )
    (rows, _, _), separator, decimal, width, first = best
    decimal = _decimal(plain[first : first + 50], separator, decimal)
    stop, rest = _end(path, lines, first, separator, decimal, width)
    last = lines[stop - 1]
    if stop == len(lines) and not complete and len(split_line(last, separator)) < width:
        # The writer was stopped within the last row.
        stop, rest = stop - 1, [last]
    if stop - first < 3 and width > 32:
        raise ValueError(
            f"{path} has {stop - first} rows and {width} columns: it looks transposed. Rows must "
            "be samples and columns channels; transpose it before it is read."
        )
    if stop - first < 3:
        raise ValueError(
            f"{path} has {stop - first} rows of numbers; a recording has more. It is truncated or "
            "no recording."
        )
    return Layout(encoding, separator, decimal, width, first, stop, lines[:first], rest)


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
    """The decimal sign, looked for in the rows where integers leave it open."""
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
        if not line.strip():
            stop = i
            break
        if line[0] in "0123456789-+." and line.count(separator) >= width - 1:
            continue
        fields = split_line(line, separator)
        if separator != " " and not any(fields):
            stop = i
            break
        if not _is_row(fields, decimal)[0] and not len(fields) == width > 1:
            # Rows that only other rows follow are damaged; text at the end is a footer.
            later = [k for k in range(i + 1, min(i + 50, len(lines))) if lines[k].strip()]
            if any(_is_row(split_line(lines[k], separator), decimal)[0] for k in later[:2]):
                raise ValueError(
                    f"{path}: line {i + 1} is no row of the table: {line[:60]!r}. The file is "
                    "damaged; mend or remove that line."
                )
            stop = i
            break
    return stop, [line for line in lines[stop:] if line.strip()]
