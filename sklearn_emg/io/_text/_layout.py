"""Layout of a text file: encoding, separator, decimal sign, header lines and rows of numbers."""

from __future__ import annotations

import codecs
import csv
import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from sklearn_emg._tables import counted

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_NUMBER = re.compile(r"[+\-−]?(?:\d+\.?\d*|\.\d+|\d{1,3}(?:,\d{3})+\.\d+)(?:[eEdD][+-]?\d+)?")
_COMMA_NUMBER = re.compile(r"[+\-−]?(?:\d+,?\d*|,\d+|\d{1,3}(?:\.\d{3})+,\d+)(?:[eEdD][+-]?\d+)?")
# Integers with separators of thousands; a decimal fraction may look like one, such as "1,234".
_GROUPED = {sign: re.compile(rf"[+\-−]?[1-9]\d{{0,2}}(?:\{sign}\d{{3}})+") for sign in ",."}
_MISSING = {
    *("", "nan", "-nan", "na", "n/a", "null", "-", "inf", "-inf", "#n/a", "#nv"),
    *("nan(ind)", "-nan(ind)", "1.#qnan", "-1.#ind"),
}
_CLOCK = re.compile(
    r"(?:\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}[ T]+)?\d{1,2}:\d{2}(?::\d{2})?(?:[.,:]\d+)?Z?"
)
_HEAD_LINES = 400
_MIN_ROWS = 3  # fewer rows of numbers before a blank line can be a header
_MIN_LENGTH = 32  # fewer rows after the table are a summary rather than a recording
_MAX_LINE = 1_000_000  # number of characters
_NUMBER_STARTS = tuple("0123456789-+.")
MAX_BYTES = 4 * 2**30  # size limit of a text file


@dataclass
class Layout:
    """Position of the rows of numbers in a text file, and the way numbers are written."""

    encoding: str
    separator: str
    decimal: str
    n_fields: int
    first: int
    stop: int
    header: list[str]
    rest: list[str] = field(default_factory=list)
    n_filled: int = 0  # number of columns up to the last that is not empty in the first rows
    is_cut: bool = False  # whether the file ends within a row, which is left out


def _marked_encoding(content: bytes) -> str | None:
    """Encoding by the byte order mark at the start of a file, or by the NUL bytes of UTF-16."""
    for mark, name in _MARKS:
        if content.startswith(mark):
            return name
    head = content[:4096]
    even, odd = head[::2].count(0), head[1::2].count(0)
    if odd > 0.3 * len(head) / 2 and even == 0:
        return "utf-16-le"
    if even > 0.3 * len(head) / 2 and odd == 0:
        return "utf-16-be"
    return None


def decode_text(path: Path, content: bytes) -> tuple[str, str]:
    """Decode the content of a text file.

    Parameters
    ----------
    path : pathlib.Path
        Path of the file, which messages name.
    content : bytes
        Content of the file.

    Returns
    -------
    text : str
        The decoded text.
    encoding : str
        Name of its encoding: UTF-8, UTF-16, UTF-32, Windows-1252 or Latin-1.

    Raises
    ------
    ValueError
        If the file is empty or not text.
    """
    if not content.strip(b"\0 \t\r\n"):
        raise ValueError(f"{path} is empty; obtain a new copy.")
    encoding = _marked_encoding(content)
    for name in [encoding] if encoding else ["utf-8", "cp1252", "latin-1"]:
        try:
            text = content.decode(name)
        except UnicodeDecodeError as error:
            last = error
            continue
        if not text.strip():
            break
        if "\0" in text:
            raise ValueError(
                f"{path} contains NUL bytes, so it is not a text file; pass its format as "
                "format=..."
            )
        return text, name
    else:
        raise ValueError(f"{path} is damaged: it is not {encoding} text ({last}).")
    raise ValueError(f"{path} is empty; obtain a new copy.")


def as_number(text: str) -> float | None:
    """Read a number with a decimal point or comma; None for anything else."""
    text = text.strip().strip('"').strip()
    if _NUMBER.fullmatch(text):
        return float(plain_number(text, "."))
    if _COMMA_NUMBER.fullmatch(text):
        return float(plain_number(text, ","))
    return None


def plain_number(text: str, decimal: str) -> str:
    """Rewrite a number so that it has a decimal point and no thousands separators.

    Other texts are returned unchanged.
    """
    pattern = _COMMA_NUMBER if decimal == "," else _NUMBER
    if pattern.fullmatch(text) is None:
        return text
    plain = text.replace("." if decimal == "," else ",", "")
    return plain.replace(",", ".").replace("−", "-").replace("D", "e").replace("d", "e")


def without_thousands(texts: list[str], decimal: str) -> dict[str, str]:
    """Numbers of a column without separators of thousands; empty if it has other such texts."""
    mark = "." if decimal == "," else ","
    found = [text for text in texts if mark in text]
    is_grouped = all(_GROUPED[mark].fullmatch(text) for text in found)
    return {text: text.replace(mark, "") for text in found} if is_grouped else {}


def split_line(line: str, separator: str) -> list[str]:
    """Split a line into fields; quoted fields may contain the separator."""
    if separator == " ":
        fields = re.findall(r'"[^"]*"|\S+', line) if '"' in line else line.split()
        return [field.strip('"') for field in fields]
    if '"' in line:
        try:
            fields = next(csv.reader([line], delimiter=separator, skipinitialspace=True), [])
        except csv.Error:
            fields = line.split(separator)
    else:
        fields = line.split(separator)
    return [f.strip() for f in fields]


def _is_row(fields: list[str], decimal: str) -> tuple[bool, int]:
    """Whether the fields form a row of data, and how many of them are numbers."""
    pattern = _COMMA_NUMBER if decimal == "," else _NUMBER
    given = [field for field in fields if field.lower() not in _MISSING]
    n_numbers = sum(pattern.fullmatch(field) is not None for field in given)
    if not n_numbers:
        return False, 0
    # A row may hold labels and clock times in addition to numbers.
    is_value = [bool(pattern.fullmatch(f) or _CLOCK.fullmatch(f)) for f in given]
    others = is_value.count(False)
    starts = is_value[0] or others <= 1 < len(given)
    return starts and others <= max(1, len(given) // 2), n_numbers


def _candidates(lines: list[str]) -> list[tuple[str, str]]:
    text = "\n".join(lines)
    found = [(s, d) for s in ("\t", ";", "|") if s in text for d in (".", ",")]
    if "," in text:
        found += [(",", "."), (",", ",")] if '","' in text else [(",", ".")]
    found += [(" ", "."), (" ", ",")]
    return found


def _rows_by_width(lines: list[str], separator: str, decimal: str) -> tuple[int, int, int, int]:
    """Longest run of rows of one width: (number of rows, numbers in them, width, first line)."""
    best = (0, 0, 0, 0)
    run, width, start, numbers = 0, -1, 0, 0
    for i, line in enumerate(lines):
        if _is_inner_blank(line, run, width):
            continue
        fields = split_line(line, separator)
        n = len(fields)
        if n > 1 and separator != " " and line.rstrip("\r\n").endswith(separator):
            fields = fields[:-1]  # a separator at the end of a line does not start a column
        is_row, n_numbers = _is_row(fields, decimal)
        if is_row and n == width:
            run, numbers = run + 1, numbers + n_numbers
        elif is_row:
            run, width, start, numbers = 1, n, i, n_numbers
        else:
            run, width = 0, -1
        if run > best[0]:
            best = (run, numbers, width, start)
    return best


def _is_inner_blank(line: str, run: int, width: int) -> bool:
    """Whether a blank line follows rows of a table; `_end` refuses it if the table goes on."""
    return run >= _MIN_ROWS and width > 1 and not line.strip()


_COMMENT = ("%", "#")


def find_layout(path: Path, lines: list[str], encoding: str, complete: bool) -> Layout:
    """Find the rows of numbers in a text file.

    Parameters
    ----------
    path : pathlib.Path
        Path of the file, which messages name.
    lines : list of str
        Lines of the file.
    encoding : str
        Encoding of the file.
    complete : bool
        Whether the last line ends with a line break.

    Returns
    -------
    layout : Layout
        Position and format of the rows.

    Raises
    ------
    ValueError
        If there are too few rows of numbers, or if the table is damaged or looks transposed.
    """
    head = lines[:_HEAD_LINES]
    if any(len(line) > _MAX_LINE for line in head):
        raise ValueError(
            f"{path} has lines of more than {_MAX_LINE} characters: it has one row per channel or "
            "is not a table. Rows must be samples and columns must be channels; transpose it."
        )
    plain = ["#" if line.lstrip()[:1] in _COMMENT else line for line in head]
    rule = _best_rule(plain)
    if rule is None:
        raise ValueError(
            f"{path} has no rows of numbers in its first {_HEAD_LINES} lines: it is not a text "
            "export of recordings, or it is empty. Pass its format as format=..."
        )
    separator, decimal, width, first = rule
    first += _begins_with_titles(plain[first : first + 2], separator)
    decimal = _decimal(plain[first : first + 50], separator, decimal)
    stop, rest = _end(path, lines, first, separator, decimal, width)
    is_cut = False
    if stop == len(lines) and not complete and _is_cut(lines[first:], separator, width):
        # The program stopped writing within the last row.
        stop, rest, is_cut = stop - 1, [], True
    _check_size(path, stop - first, width)
    filled = _n_filled(lines[first : min(stop, first + 50)], separator)
    header = lines[:first]
    return Layout(encoding, separator, decimal, width, first, stop, header, rest, filled, is_cut)


_FRACTION = re.compile(r"[.,](\d+(?:[eE][+-]?\d+)?)\"?\s*$")


def _is_cut(rows: list[str], separator: str, width: int) -> bool:
    """Whether the last row has fewer fields than others or, in its last number, fewer digits."""
    if len(split_line(rows[-1], separator)) < width:
        return True
    *others, last = (len(m[1]) if (m := _FRACTION.search(row)) else 0 for row in rows[-50:])
    return len(others) > _MIN_ROWS and set(others) == {max(others)} and last < max(others)


def _begins_with_titles(rows: list[str], separator: str) -> bool:
    """Whether the first of two rows has a word where the second has a number."""
    if len(rows) < 2:
        return False
    above, below = (split_line(row, separator) for row in rows)
    return any(
        as_number(b) is not None and as_number(a) is None and a.lower() not in _MISSING
        for a, b in zip(above, below)
    )


def _n_filled(rows: list[str], separator: str) -> int:
    """Number of columns up to the last one that has a value in some row."""
    cells = (enumerate(split_line(row, separator), 1) for row in rows)
    return max((i for row in cells for i, cell in row if cell), default=0)


def without_blank_lines(lines: list[str]) -> list[str]:
    """Remove blank lines if about every second line is blank; otherwise return all lines."""
    head = lines[:_HEAD_LINES]
    blank = sum(not line.strip() for line in head)
    return [line for line in lines if line.strip()] if blank > max(8, 0.4 * len(head)) else lines


def _best_rule(lines: list[str]) -> tuple[str, str, int, int] | None:
    """Separator, decimal sign, width and first row that make the most lines rows of numbers."""
    best: tuple[str, str, int, int] | None = None
    best_score = (0, 0)
    for separator, decimal in _candidates(lines):
        rows, numbers, width, first = _rows_by_width(lines, separator, decimal)
        if rows == 0 or (separator == "," and _is_decimal_comma(lines[first : first + rows])):
            continue
        # If scores are equal, the first candidate wins.
        score = (min(rows, 50), numbers // rows)
        if score > best_score:
            best, best_score = (separator, decimal, width, first), score
    return best


def _check_size(path: Path, n_rows: int, width: int) -> None:
    if n_rows >= _MIN_ROWS:
        return
    if width > 32:
        raise ValueError(
            f"{path} has {counted(n_rows, 'row')} and {width} columns: it looks transposed. Rows "
            "must be samples and columns must be channels; transpose the table."
        )
    raise ValueError(
        f"{path} has {counted(n_rows, 'row')} of numbers; a recording has more. It is truncated or "
        "not a recording."
    )


def _is_decimal_comma(rows: list[str]) -> bool:
    """Whether rows such as "0,0123" hold one number, with equally many digits after the comma."""
    if any(line.count(",") != 1 for line in rows) or len(rows) < 3:
        return False
    if not all(re.fullmatch(r"[+-]?\d+,\d+", line.strip()) for line in rows):
        return False
    decimals = [line.strip().partition(",")[2] for line in rows]
    has_zero = any(re.fullmatch(r"0\d+", digits) for digits in decimals)
    commonest = Counter(map(len, decimals)).most_common(1)[0][1]
    return has_zero and commonest >= 0.9 * len(rows)


def _decimal(rows: list[str], separator: str, decimal: str) -> str:
    """Decimal sign of the rows; `decimal` if all numbers are integers."""
    cells = [cell for row in rows for cell in split_line(row, separator)]
    commas = _numbers_with(",", cells, _COMMA_NUMBER)
    points = _numbers_with(".", cells, _NUMBER)
    if commas and points and all(map(_GROUPED[","].fullmatch, commas)):
        return "."  # commas between thousands
    if separator == ",":
        return decimal
    return "," if commas else "." if points else decimal


def _numbers_with(sign: str, cells: list[str], pattern: re.Pattern[str]) -> list[str]:
    return [cell for cell in cells if sign in cell and pattern.fullmatch(cell)]


def _end(
    path: Path, lines: list[str], first: int, separator: str, decimal: str, width: int
) -> tuple[int, list[str]]:
    """Index of the line after the last row, and the lines that follow, such as another block."""
    for i in range(first, len(lines)):
        line = lines[i]
        if line[:1] in _NUMBER_STARTS and line.count(separator) >= width - 1:
            continue
        fields = split_line(line, separator)
        is_blank = not line.strip() or (separator != " " and not any(fields))
        if is_blank:
            rest = _not_blank(lines[i:])
            _refuse_rows_after_blank(path, rest, i, separator, decimal, width)
            return i, rest
        if not _is_row(fields, decimal)[0] and not len(fields) == width > 1:
            _check_footer(path, lines, i, separator, decimal)
            return i, _not_blank(lines[i:])
    return len(lines), []


def _refuse_rows_after_blank(
    path: Path, rest: list[str], i: int, separator: str, decimal: str, width: int
) -> None:
    """Raise an error if the rows of the table go on after the blank line `i`."""
    fields = split_line(rest[0], separator) if rest else []
    if len(fields) == width and _is_row(fields, decimal)[0]:
        raise ValueError(
            f"{path}: line {i + 1} is blank, but rows follow it. Remove the line if they belong to "
            "the same recording; otherwise put each recording into a separate file."
        )


def is_table(lines: list[str], layout: Layout) -> bool:
    """Whether lines after a table hold another table with as many columns.

    Parameters
    ----------
    lines : list of str
        Lines after the table.
    layout : Layout
        Layout of the table.

    Returns
    -------
    is_table : bool
        Whether at least 32 of the first 400 lines are rows of as many columns.
    """
    fields = (split_line(line, layout.separator) for line in lines[:_HEAD_LINES])
    rows = (len(f) == layout.n_fields and _is_row(f, layout.decimal)[0] for f in fields)
    return sum(rows) >= _MIN_LENGTH


def _not_blank(lines: list[str]) -> list[str]:
    return [line for line in lines if line.strip()]


def _check_footer(path: Path, lines: list[str], i: int, separator: str, decimal: str) -> None:
    """Raise an error if rows follow a line that is not a row, which then is not a footer."""
    later = [k for k in range(i + 1, min(i + 50, len(lines))) if lines[k].strip()]
    if any(_is_row(split_line(lines[k], separator), decimal)[0] for k in later[:2]):
        raise ValueError(
            f"{path}: line {i + 1} is not a row of the table: {lines[i][:60]!r}. The file is "
            "damaged; correct or remove that line."
        )
