"""Conversion of the columns of a text table to channels, label columns and time stamps."""

from __future__ import annotations

import datetime as dt
import io
import re
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sklearn_emg._files import read_bytes
from sklearn_emg._tables import counted, first_few
from sklearn_emg.io._clock import Clock, counter_problems, measure_clock, seconds_of
from sklearn_emg.io._content import Annotation, Channel, FileContent
from sklearn_emg.io._kinds import channel_kind, split_unit
from sklearn_emg.io._labels import is_part
from sklearn_emg.io._text._dialects import Dialect, apply_dialect, kind_by_device, recognise
from sklearn_emg.io._text._header import SUBJECT, Header, read_header_lines
from sklearn_emg.io._text._layout import (
    MAX_BYTES,
    Layout,
    decode_text,
    find_layout,
    is_table,
    plain_number,
    without_blank_lines,
    without_thousands,
)

_MISSING = [
    *("", "NaN", "nan", "NAN", "-NaN", "-nan", "NA", "N/A", "n/a", "null", "NULL", "-", "--"),
    *("#N/A", "#NV", "nan(ind)", "-nan(ind)", "1.#QNAN", "-1.#IND"),
]
# Separators of thousands other than commas and points: apostrophes and narrow or fixed blanks.
_THOUSANDS = re.compile("(?<=[0-9])['\u2019\u00a0\u202f](?=[0-9]{3}(?![0-9]))")
_FOREIGN = re.compile(r"[^\x00-\x7f]{4}")
_MAX_LABELS = 60
_MAX_FOOTER = 50  # number of rows
_MAX_CHANGES = 0.9  # fraction of rows in which a label may change
_MIN_CELLS = 32  # minimum number of samples of a file with all samples in one line


def parse_text(path: Path) -> FileContent:
    """Read a text file into channels, label columns and notes.

    Raises
    ------
    ValueError
        If the file is empty, damaged, ambiguous or not a table. The message names the file and the
        line.
    """
    text, encoding = decode_text(path, read_bytes(path, MAX_BYTES))
    if _THOUSANDS.search(text):
        text = _THOUSANDS.sub("", text)
    if (row := _single_row(path, text)) is not None:
        return FileContent(path, "text, one row of numbers", [Channel("column 1", row, None)])
    dialect = recognise(without_blank_lines(text.splitlines()))
    lines, complete = dialect.lines, text[-1] in "\r\n"
    del text
    layout = find_layout(path, lines, encoding, complete)
    header = read_header_lines(layout)
    apply_dialect(dialect, header, layout.n_fields)
    content = FileContent(path, dialect.form, [], subject=header.subject)
    content.skipped += dialect.skipped
    _note_encoding(content, encoding, layout)
    frame = _without_footer(content, _read_frame(path, lines, layout))
    if layout.rest and not dialect.skipped:
        _note_rest(content, layout)
    if layout.is_cut:
        content.problems.append(
            "it ends within a row, which is left out; it may be truncated. Compare its duration "
            "with that of the recording."
        )
    names = {"\t": "tab", " ": "blanks"}
    content.details = {
        "encoding": encoding,
        "separator": names.get(layout.separator, layout.separator),
        "decimal sign": layout.decimal,
        "header lines": len(layout.header),
        "rows": len(frame),
    }
    _check_count(content, dialect, frame)
    _refuse_transposed(path, frame)
    _name_row_numbers(header, frame)
    _note_empty(content, header, frame)
    _fill(content, frame, header, dialect)
    content.annotations += _comments(content, dialect, layout.first)
    return content


def _note_encoding(content: FileContent, encoding: str, layout: Layout) -> None:
    """Note a problem if titles are in an encoding that is not known."""
    # Four such letters in a row are a text in another alphabet.
    is_foreign = encoding == "cp1252" and _FOREIGN.search("\n".join(layout.header))
    if encoding == "latin-1" or is_foreign:
        content.problems.append(
            "its encoding is not UTF-8, UTF-16 or Windows-1252, so names may be wrong; save the "
            "file as UTF-8."
        )


def _check_count(content: FileContent, dialect: Dialect, frame: pd.DataFrame) -> None:
    """Compare the number of rows with that in the header."""
    announced = max([dialect.n_rows or 0, *(n for _, _, n in dialect.sensors.values())])
    if len(frame) < announced:
        raise ValueError(
            f"{content.path} announces {counted(announced, 'sample')} but has "
            f"{counted(len(frame), 'row')}: it is truncated; export it again."
        )
    if dialect.n_rows and len(frame) > dialect.n_rows:
        content.problems.append(
            f"the header announces {counted(dialect.n_rows, 'sample')}, but the table has "
            f"{counted(len(frame), 'row')}; check whether it holds another recording."
        )


def _name_row_numbers(header: Header, frame: pd.DataFrame) -> None:
    """Shift the titles if they begin with the second column, as R writes them."""
    n = len(header.names)
    lacks_title = header.named and n > 1 and header.names[-1] == f"column {n}"
    if not lacks_title or not np.array_equal(frame.get(0, ()), np.arange(1, len(frame) + 1)):
        return
    # The numbers may also be time stamps below the title "time".
    kind = channel_kind(header.names[0])
    if kind == "index" or (kind == "time" and not frame[1].is_monotonic_increasing):
        return
    header.names = ["index", *header.names[:-1]]
    header.units = [None, *header.units[:-1]]


def _note_empty(content: FileContent, header: Header, frame: pd.DataFrame) -> None:
    """Note titled columns without values, which are a problem if they are EMG channels."""
    for i, (name, unit) in enumerate(zip(header.names, header.units)):
        if not header.named or i in frame or name == f"column {i + 1}":
            continue
        content.skipped.append(f"{name} (no values)")
        if channel_kind(name, unit) == "emg":
            content.problems.append(
                f"the column {name!r} has no values and is left out; check whether the sensor was "
                "in use."
            )


def _note_rest(content: FileContent, layout: Layout) -> None:
    """Note the lines after the table, which are a problem if they hold another recording."""
    text = (
        f"{counted(len(layout.rest), 'line')} after the table, beginning with "
        f"{layout.rest[0][:40]!r}"
    )
    content.skipped.append(text)
    if is_table(layout.rest, layout):
        content.problems.append(
            f"only its first table is read. The {text}, hold another one; put each table into a "
            "file of its own."
        )


def _comments(content: FileContent, dialect: Dialect, first: int) -> list[Annotation]:
    """Convert comments of rows to annotations if the rate is known."""
    # A slower channel has a value only in some of the rows.
    fs = max((channel.fs for channel in content.channels if channel.fs is not None), default=None)
    if fs is None:
        return []
    return [
        Annotation((line - first) / fs, None, text, "comments") for line, text in dialect.comments
    ]


def content_of_frame(path: Path, form: str, frame: pd.DataFrame) -> FileContent:
    """Find channels, label columns and time stamps of a table with one row per sample.

    Parameters
    ----------
    path : pathlib.Path
        Path of the file, which messages name.
    form : str
        Format of the file in words.
    frame : DataFrame of shape (n_times, n_columns)
        The table, whose columns are named after the channels.

    Returns
    -------
    content : FileContent
        The content of the table.

    Raises
    ------
    ValueError
        If the table looks transposed.
    """
    _refuse_transposed(path, frame)
    titles = [split_unit(str(name)) for name in frame.columns]
    header = Header([name for name, _ in titles], [unit for _, unit in titles], named=True)
    frame = frame.set_axis(range(len(titles)), axis=1)
    for i in frame.columns[[t.kind == "M" for t in frame.dtypes]]:
        frame[i] = frame[i].astype(str)
    for i in map(int, frame.columns[[t.kind == "m" for t in frame.dtypes]]):
        frame[i], header.units[i] = frame[i].dt.total_seconds(), "s"
    content = FileContent(path, form, [], details={"rows": len(frame)})
    _fill(content, frame, header, Dialect(form, []))
    return content


def _refuse_transposed(path: Path, frame: pd.DataFrame) -> None:
    if len(frame) < len(frame.columns):
        raise ValueError(
            f"{path} has {counted(len(frame), 'row')} and {len(frame.columns)} columns: it looks "
            "transposed. Rows must be samples and columns must be channels; transpose the table."
        )


def _single_row(path: Path, text: str) -> NDArray[np.float64] | None:
    """Samples of a file that has all of them in one line; None if it has several lines."""
    if re.search(r"[\r\n]", text.strip()):
        return None
    cells = re.split(r"[;\s]+" if re.search(r"[;\s]", text.strip()) else ",", text.strip())
    if len(cells) < _MIN_CELLS:
        return None
    try:
        return np.array([cell.replace(",", ".") for cell in cells], dtype=np.float64)
    except ValueError as error:
        raise ValueError(
            f"{path} is damaged: its only line is not a row of numbers ({error})."
        ) from None


def _read_frame(path: Path, lines: list[str], layout: Layout) -> pd.DataFrame:
    body = "\n".join(lines[layout.first : layout.stop])
    try:
        frame = pd.read_csv(
            io.StringIO(body),
            sep=r"\s+" if layout.separator == " " else layout.separator,
            decimal=layout.decimal,
            header=None,
            names=list(range(layout.n_fields)),
            index_col=False,
            skipinitialspace=True,
            na_values=_MISSING,
            keep_default_na=False,
            low_memory=False,
        )
    except (ValueError, OverflowError) as error:  # a ParserError is a ValueError
        raise ValueError(
            f"{path} is damaged: the rows after line {layout.first} are not a table ({error})."
        ) from None
    # A separator at the end of each line creates an empty column.
    frame = frame.dropna(axis=1, how="all")
    for i in frame.columns[[kind.kind == "O" for kind in frame.dtypes]]:
        cells = frame[i].unique()
        grouped = without_thousands(
            [c.strip() for c in cells if isinstance(c, str)], layout.decimal
        )
        plain = {
            cell: plain_number(grouped.get(cell.strip(), cell.strip()), layout.decimal)
            if isinstance(cell, str)
            else cell
            for cell in cells
        }
        frame[i] = frame[i].map(plain)
    return frame


def _without_footer(content: FileContent, frame: pd.DataFrame) -> pd.DataFrame:
    """The table without rows at its end that begin with a text, such as "Mean" and "RMS"."""
    first = frame.iloc[:, 0]
    is_text = (first.notna() & pd.to_numeric(first, errors="coerce").isna()).to_numpy()
    n_rows = int(is_text.sum())
    if not 0 < n_rows <= min(_MAX_FOOTER, len(frame) - 3) or not is_text[-n_rows:].all():
        return frame
    content.skipped.append(
        f"{counted(n_rows, 'row')} after the table, beginning with {first.iloc[-n_rows]!r}"
    )
    return frame.iloc[:-n_rows]


class _Column:
    """Column with its kind: time, index, label, EMG or something else."""

    def __init__(self, name: str, unit: str | None, values: NDArray, named: bool):
        self.name, self.unit, self.values = name, unit, values
        self.kind = channel_kind(name, unit) if named else "emg"
        self.seconds: NDArray | None = None

    @property
    def is_text(self) -> bool:
        return self.values.dtype.kind not in "fiub"


_NO_CHANNELS = {"time": "time stamps", "index": "index", "subject": "subject"}


def _fill(content: FileContent, frame: pd.DataFrame, header: Header, dialect: Dialect) -> None:
    """Sort the columns of the table into channels, labels and time stamps."""
    columns = [_column(frame, i, header, dialect) for i in map(int, frame.columns)]
    _settle_parts(content, columns, header.named)
    _settle_texts(content, columns)
    _settle_by_content(columns, header.named)
    content.problems += _interleaved_problems(columns)
    _settle_units(columns, header.pairs.get("common unit"))
    clocks = _clocks(columns)
    pairs = _own_clocks(columns)
    rate = header.fs if pairs else _shared_rate(content, columns, clocks, header)
    content.problems += _counter_problems(columns, clocks)
    content.problems += _parts_problems(columns, clocks)
    for i, column in enumerate(columns):
        if column.kind in _NO_CHANNELS:
            content.skipped.append(f"{column.name} ({_NO_CHANNELS[column.kind]})")
            continue
        clock = clocks.get(pairs.get(i, -1))
        if clock is not None and column.kind == "emg":
            content.problems += [f"{column.name!r}: {p}" for p in clock.problems()]
            content.annotations += clock.annotations()
        fs = _announced_rate(content, column, dialect, rate if clock is None else clock.fs)
        _add_column(content, column, fs)


def _settle_parts(content: FileContent, columns: list[_Column], named: bool) -> None:
    """Take the subject from a column, and find columns that name the part of a recording."""
    for column in columns if named else []:
        values = pd.unique(pd.Series(column.values).dropna())
        if is_part(column.name):
            column.kind = "label"
        if not SUBJECT.fullmatch(column.name) or not 0 < len(values) <= _MAX_LABELS:
            continue
        names = [f"{v:g}" if isinstance(v, float) else str(v).strip() for v in values.tolist()]
        if len(names) > 1:
            raise ValueError(
                f"{content.path} has rows of {len(names)} subjects in the column {column.name!r} "
                f"({first_few(names, 5)}); put the recordings of each subject into files of their "
                "own."
            )
        column.kind = "subject"
        content.subject = names[0] if content.subject is None else content.subject


def _parts_problems(columns: list[_Column], clocks: dict[int, Clock]) -> list[str]:
    """Messages about columns by which rows without time stamps belong to several recordings."""
    if clocks:
        return []
    parts = {c.name: pd.Series(c.values).nunique() for c in columns if is_part(c.name)}
    return [
        f"the column {name!r} has {n} values, and there are no time stamps. The rows are read as "
        "one recording; if each value is a recording of its own, put them into separate files."
        for name, n in parts.items()
        if 1 < n <= _MAX_LABELS
    ]


def _interleaved_problems(columns: list[_Column]) -> list[str]:
    """Messages about label columns that change in nearly every row, like names of channels."""
    problems = []
    for column in columns:
        if column.kind != "label" or not column.is_text:
            continue
        codes, names = pd.factorize(column.values)
        given = codes[codes >= 0]
        is_dense = len(given) > 0.5 * len(codes)
        if (
            is_dense
            and 1 < len(names) <= _MAX_LABELS
            and np.mean(np.diff(given) != 0) > _MAX_CHANGES
        ):
            problems.append(
                f"the label in the column {column.name!r} changes in nearly every row, from "
                f"{names[0]!r} to {names[1]!r}. If the table has one row per sample and channel, "
                "convert it to one column per channel."
            )
    return problems


def _counter_problems(columns: list[_Column], clocks: dict[int, Clock]) -> list[str]:
    """Messages about gaps in counters of samples or frames, unless time stamps show gaps."""
    if any(clock.gaps for clock in clocks.values()):
        return []
    counters = [c for c in columns if c.kind == "index" and not c.is_text]
    return [p for c in counters for p in counter_problems(c.name, c.values)]


def _add_column(content: FileContent, column: _Column, fs: float | None) -> None:
    if column.kind == "label":
        content.labels[column.name] = column.values
    else:
        values, fs = _every_kth(_without_end(column.values), fs)
        content.channels.append(Channel(column.name, values, fs, column.unit, column.kind))


def _every_kth(values: NDArray, fs: float | None) -> tuple[NDArray, float | None]:
    """Samples and rate of a slower channel, which has a value only in every k-th row."""
    if values.dtype.kind != "f":
        return values, fs
    at = np.flatnonzero(np.isfinite(values))
    steps = np.diff(at)
    if steps.size < 3 or steps.min() < 2 or np.ptp(steps) > 1 or at[0] >= steps.max():
        return values, fs
    step = float(at[-1] - at[0]) / steps.size
    return values[at], None if fs is None else round(fs / step, 9)


def _column(frame: pd.DataFrame, position: int, header: Header, dialect: Dialect) -> _Column:
    name = header.names[position] if position < len(header.names) else f"column {position + 1}"
    unit = header.units[position] if position < len(header.units) else None
    column = _Column(name, unit, frame[position].to_numpy(), header.named)
    if column.kind == "emg":
        column.kind = kind_by_device(dialect, position, name) or "emg"
    return column


def _shared_rate(
    content: FileContent, columns: list[_Column], clocks: dict[int, Clock], header: Header
) -> float | None:
    """Rate in Hz of all columns, from the header or from the best time stamps."""
    shared = _best_clock(clocks)
    if shared is None:
        content.problems += header.rate_problems()
        return header.fs
    return _apply_clock(content, columns[shared], clocks[shared], header.fs)


def _apply_clock(
    content: FileContent, column: _Column, clock: Clock, announced: float | None
) -> float:
    """Rate in Hz of a file with time stamps: that of its header or, by default, of its clock."""
    content.annotations += clock.annotations()
    content.details["rate from"] = "header" if announced else f"column {column.name!r}"
    content.start_time = _start(column)
    if announced is None:
        content.problems += clock.problems()
        return clock.fs
    content.clock_fs = clock.fs
    content.problems += clock.gap_problems()
    return announced


def _announced_rate(
    content: FileContent, column: _Column, dialect: Dialect, fs: float | None
) -> float | None:
    """Rate in Hz that the header gives for the sensor of a column; `fs` if it gives none."""
    announced = dialect.sensors[column.name][0] if column.name in dialect.sensors else 0.0
    if announced <= 0:
        return fs
    if fs is not None and not 0.9 < announced / fs < 1.1:
        raise ValueError(
            f"{content.path}: for {column.name!r}, the header gives {announced:g} Hz and the time "
            f"column {fs:.6g} Hz. Correct the one that is wrong."
        )
    return announced


def _settle_texts(content: FileContent, columns: list[_Column]) -> None:
    """Determine which columns of text hold numbers, clock times or labels.

    A damaged number raises an error in an EMG channel; elsewhere it becomes a missing value, and a
    problem is noted.
    """
    for column in columns:
        if not column.is_text:
            continue
        texts = pd.Series(column.values, dtype="object")
        given = texts.dropna()
        numbers = pd.to_numeric(given.astype(str).str.strip(), errors="coerce")
        n_numbers = int(numbers.notna().sum())
        if n_numbers == len(given):
            full = pd.to_numeric(texts.astype("string").str.strip(), errors="coerce")
            column.values = full.to_numpy(dtype=float, na_value=np.nan)
        elif n_numbers > 0.5 * len(given) and column.kind != "label":
            row = int(given.index[numbers.isna()][0])
            text = f"row {row + 1} of the table has {given[row]!r} in the column {column.name!r}"
            if column.kind == "emg":
                raise ValueError(
                    f"{content.path}: {text}, which is not a number. Correct or empty the cell. If "
                    "another recording begins there, put it into a file of its own."
                )
            content.problems.append(f"{text}, which is not a number; it is left out.")
            full = pd.to_numeric(texts.astype("string").str.strip(), errors="coerce")
            column.values = full.to_numpy(dtype=float, na_value=np.nan)
        else:
            seconds, _ = seconds_of(column.values, None, column.name)
            column.kind, column.seconds = ("label", None) if seconds is None else ("time", seconds)


def _settle_units(columns: list[_Column], common: str | None) -> None:
    """Give EMG columns without a unit the common unit of the header."""
    for column in columns:
        if column.kind == "emg" and column.unit is None:
            column.unit = common


def _settle_by_content(columns: list[_Column], named: bool) -> None:
    """Find counters, time stamps and labels by their values if their names do not identify them."""
    emg = [c for c in columns if c.kind == "emg"]
    for column in emg:
        if column.unit is None and len(emg) > 1:
            column.kind = _kind_by_values(column, emg, not named or column is columns[0])
    for column in columns:
        if column.kind == "label" and _has_many_values(column):
            column.kind = "other"


def _has_many_values(column: _Column) -> bool:
    """Whether a column holds too many distinct numbers for labels."""
    if column.is_text:
        return False
    values = column.values.astype(float)
    return np.unique(values[np.isfinite(values)]).size > _MAX_LABELS


def _kind_by_values(column: _Column, emg: list[_Column], may_be_time: bool) -> str:
    values = column.values.astype(float)
    values = values[np.isfinite(values)]
    if values.size < 3:
        return column.kind
    steps = np.diff(values)
    integers = bool(np.all(values == np.round(values)))
    if integers and np.mean(steps == 1) > 0.9:
        return "index"
    if may_be_time and np.min(steps) >= 0 < np.max(steps):
        return "time"
    are_labels = integers and _few_runs(values) and not all(_few_runs(c.values) for c in emg)
    return "label" if are_labels else column.kind


def _few_runs(values: NDArray) -> bool:
    values = np.asarray(values, dtype=float)
    values = values[np.isfinite(values)]
    n_runs = 1 + int(np.count_nonzero(np.diff(values)))
    return 1 < n_runs <= values.size / 20 and np.unique(values).size <= _MAX_LABELS


def _clocks(columns: list[_Column]) -> dict[int, Clock]:
    clocks = {}
    for i, column in enumerate(columns):
        if column.kind != "time":
            continue
        times = column.seconds
        if times is None:
            times, _ = seconds_of(column.values, column.unit, column.name)
        clock = None if times is None else measure_clock(_without_end(times))
        if clock is not None:
            clocks[i] = clock
    return clocks


def _own_clocks(columns: list[_Column]) -> dict[int, int]:
    """Position of each channel's time column, if each sensor has a time column to its left."""
    times = [i for i, c in enumerate(columns) if c.kind == "time"]
    if len(times) < 2 or times[0] != 0:
        return {}
    ends = [*times[1:], len(columns)]
    if any(end - start < 2 for start, end in zip(times, ends)):
        return {}
    return {i: start for start, end in zip(times, ends) for i in range(start + 1, end)}


def _best_clock(clocks: dict[int, Clock]) -> int | None:
    even = [i for i, clock in clocks.items() if not clock.in_packets]
    return next(iter(even or clocks), None)


def _start(column: _Column) -> dt.datetime | None:
    """Start of the recording if the time stamps are dates or count from 1970 in s, ms or us."""
    if column.is_text:
        first = str(column.values[0])
        match = re.match(r"\s*\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}:\d{2}(?:\.\d{1,6})?", first)
        return dt.datetime.fromisoformat(match[0].strip()) if match else None
    first = float(column.values[0])
    for low, high, factor in ((5e8, 5e9, 1.0), (5e11, 5e12, 1e-3), (5e14, 5e15, 1e-6)):
        if low < first < high:
            return dt.datetime.fromtimestamp(first * factor, dt.UTC)
    return None


def _without_end(values: NDArray) -> NDArray:
    """Values up to the last one that is not missing, since slower sensors have shorter columns."""
    if values.dtype.kind != "f":
        return values
    present = np.flatnonzero(~np.isnan(values))
    return values[: present[-1] + 1] if present.size else values[:0]
