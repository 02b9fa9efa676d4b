"""Read a folder of files; columns and labels come from the names of folders and files."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sklearn_emg._files import check_file_name
from sklearn_emg._tables import counted, first_few
from sklearn_emg._validation import check_unused
from sklearn_emg._warnings import warn
from sklearn_emg.exceptions import RecordingWarning
from sklearn_emg.io._recordings import read_recordings

_FIELD = re.compile(r"\{(\w+)\}|\*")
_MAX_SHOWN = 10
_PARAMETERS = ("channels", "format", "unit", "fs", "aux", "signal", "path_or_paths")
_TARGETS = ("label", "group", "diagnosis", "class", "condition")
_KEYS = ("file", "filename", "file_name", "path", "recording", "subject")


def read_folder(
    folder: str | os.PathLike[str],
    pattern: str,
    *,
    metadata: str | os.PathLike[str] | pd.DataFrame | None = None,
    on: str | None = None,
    target: str | None = None,
    **read: Any,
) -> tuple[pd.DataFrame, NDArray | None]:
    """Read a folder of recordings; columns and labels come from the path of each file.

    Parameters
    ----------
    folder : path-like
        The folder with the files. Hidden files and folders, whose names begin with a dot, are
        ignored.
    pattern : str
        Path of the files below `folder`, with names of columns in braces, for instance
        ``"{group}/{subject}_{muscle}.csv"``. ``*`` stands for any text without a slash. The value
        of a field contains no slash. Unless the field is the last in a file or folder name, its
        value does not contain the text that separates it from the next field either.
    metadata : path-like or DataFrame, default=None
        Table with one row per file or per value of a field, such as a subject: CSV, TSV or a
        spreadsheet (xlsx requires the extra ``formats``). Its columns are added to those of the
        recordings.
    on : str, default=None
        Column of `metadata` with the name of the file (with or without extension and folders) or
        with the values of a field of the pattern. By default it is the first existing column of
        "file", "filename", "file_name", "path", "recording" and "subject". It requires `metadata`.
    target : str, default=None
        Column with the labels. By default it is the first existing column of "label", "group",
        "diagnosis", "class" and "condition".
    **read
        Further parameters of :func:`read_recordings`, such as `unit`, `fs`, `channels` and
        `format`.

    Returns
    -------
    table : DataFrame of shape (n_recordings, n_columns)
        Recording table of :func:`read_recordings`, with the fields of the pattern and the columns
        of `metadata` and without the column of labels. ``file`` is the path below `folder`.
    y : ndarray of shape (n_recordings,) or None
        Labels; None if `target` is None and no column of labels exists.

    Raises
    ------
    FileNotFoundError
        If there is no such folder or file of metadata.
    ValueError
        If no file fits the pattern or has a row in `metadata`, if there is no field or column
        "subject", if files cannot be read, if `metadata` has two rows for one file, contradicts a
        path or lacks the column `on`, if `on` is given without `metadata`, if there is no column
        `target`, or if a recording has no label.
    ImportError
        If a file or the spreadsheet requires a library that is not installed.

    Warns
    -----
    RecordingWarning
        If files with the extension of the pattern do not fit it, if files have no row in
        `metadata`, or if rows of `metadata` have no file. The message lists them. Further warnings
        are those of :func:`read_recordings`.

    Examples
    --------
    >>> import os, tempfile
    >>> from sklearn_emg.io import read_folder
    >>> folder = tempfile.mkdtemp()
    >>> for group, subject in (("control", "s1"), ("patient", "s2")):
    ...     os.mkdir(os.path.join(folder, group))
    ...     with open(os.path.join(folder, group, subject + "_biceps.csv"), "w") as file:
    ...         _ = file.write("time [s],EMG [mV]" + os.linesep)
    ...         _ = file.writelines(f"{i / 1000},{i % 3}{os.linesep}" for i in range(50))
    >>> X, y = read_folder(folder, "{group}/{subject}_{muscle}.csv")
    >>> X[["subject", "muscle", "fs"]], y
    (  subject  muscle      fs
    0      s1  biceps  1000.0
    1      s2  biceps  1000.0, array(['control', 'patient'], dtype=object))
    """
    if metadata is None:
        check_unused("read_folder", "'metadata'", on=on)
    root = Path(folder).expanduser()
    if not root.is_dir():
        raise FileNotFoundError(f"read_folder: there is no folder {root}.")
    sheet = metadata if isinstance(metadata, (str, os.PathLike)) else None
    paths, fields = _matching(root, pattern, sheet)
    frame = pd.DataFrame(fields)
    frame.insert(0, "file", [p.relative_to(root).as_posix() for p in paths])
    if metadata is not None:
        frame = _joined(frame, metadata, on)
    _check_names(set(frame.columns), set(read), pattern)
    columns = {name: frame[name].tolist() for name in frame.columns if name != "file"}
    table = read_recordings(paths, **{**columns, **read})
    table["file"] = [Path(f).relative_to(root).as_posix() for f in table["file"]]
    return separate_labels(table, target)


def _check_names(columns: set[str], given: set[str], pattern: str) -> None:
    """Raise an error if there is no subject, or if a column is also passed as a parameter."""
    if "subject" not in columns | given:
        raise ValueError(
            f"read_folder: the pattern {pattern!r} and the metadata have no 'subject'; put "
            "{subject} into the pattern where the path names the subject, or pass subject=..."
        )
    for name in _PARAMETERS:
        if name in columns & given:
            raise ValueError(f"read_folder: {name!r} is both a column and a parameter; keep one.")


def separate_labels(table: pd.DataFrame, target: str | None) -> tuple[pd.DataFrame, NDArray | None]:
    """Separate the labels from a recording table.

    Parameters
    ----------
    table : DataFrame of shape (n_recordings, n_columns)
        Recording table.
    target : str or None
        Column with the labels. If None, it is the first existing column of "label", "group",
        "diagnosis", "class" and "condition".

    Returns
    -------
    table : DataFrame
        The table without the column of labels.
    y : ndarray of shape (n_recordings,) or None
        Labels; None if `target` is None and no column of labels exists.

    Raises
    ------
    ValueError
        If there is no such column, or a recording has no label.
    """
    names = _TARGETS if target is None else (target,)
    found = next((n for n in names if n in table.columns), None)
    if found is None:
        if target is None:
            return table, None
        raise ValueError(
            f"read_folder: there is no column {target!r} for the labels; there are "
            f"{list(table.columns)}."
        )
    y = np.asarray(table[found], dtype=object)
    if pd.isna(y).any():
        row = int(np.flatnonzero(pd.isna(y))[0])
        raise ValueError(
            f"read_folder: {table['file'].iloc[row]} has no {found!r}; complete the metadata or "
            "move the file out of the folder."
        )
    return table.drop(columns=found), y


def _expression(pattern: str) -> re.Pattern[str]:
    """Regular expression that matches the paths that fit a pattern."""
    parts, at, seen = [], 0, set()
    for match in _FIELD.finditer(pattern):
        parts.append(re.escape(pattern[at : match.start()]))
        at = match.end()
        name = match[1]
        if name is None:
            parts.append(r"[^/]*")
        elif name in seen:
            parts.append(f"(?P={name})")
        else:
            seen.add(name)
            rest = pattern[at:].split("/")[0]
            literal = re.split(r"[{*]", rest)[0]
            # A field ends before the text that separates it from the next field.
            stop = f"(?!{re.escape(literal)})" if literal and literal != rest else ""
            parts.append(f"(?P<{name}>(?:{stop}[^/])+)")
    parts.append(re.escape(pattern[at:]))
    try:
        return re.compile("".join(parts), re.I if os.name == "nt" else 0)
    except re.error as error:
        raise ValueError(
            f"read_folder: the pattern {pattern!r} cannot be used ({error}); write the names of "
            "columns in braces, as in {group}/{subject}.csv."
        ) from None


def visible_files(root: Path) -> Iterator[Path]:
    """Yield the files below a folder in sorted order, except hidden ones and hidden folders.

    Raise ValueError if the name of a file is not UTF-8.
    """
    for where, folders, files in os.walk(root):
        folders[:] = sorted(f for f in folders if not f.startswith("."))
        visible = (name for name in sorted(files) if not name.startswith("."))
        yield from (check_file_name(Path(where) / name) for name in visible)


def _without(paths: Iterator[Path], metadata: str | os.PathLike[str] | None) -> Iterator[Path]:
    """Paths other than that of the metadata file, which may lie in the folder."""
    if metadata is None:
        return paths
    sheet = os.path.realpath(metadata)
    return (path for path in paths if os.path.realpath(path) != sheet)


def _matching(
    root: Path, pattern: str, metadata: str | os.PathLike[str] | None
) -> tuple[list[Path], list[dict[str, str]]]:
    """Files that fit a pattern, except the metadata file, and their fields."""
    expression = _expression(pattern.replace("\\", "/"))
    suffix = Path(pattern).suffix
    paths, fields, others = [], [], []
    for path in _without(visible_files(root), metadata):
        relative = path.relative_to(root).as_posix()
        if match := expression.fullmatch(relative):
            paths.append(path)
            fields.append({k: _composed(v).strip() for k, v in match.groupdict().items()})
        elif path.suffix.lower() == suffix.lower():
            others.append(relative)
    if not paths:
        example = f", for instance {others[0]}" if others else ""
        raise ValueError(
            f"read_folder: no file below {root} fits the pattern {pattern!r}; number of other "
            f"files that end in {suffix!r}: {len(others)}{example}."
        )
    if others:
        warn(
            f"read_folder left out {counted(len(others), 'file')} not matched by the pattern "
            f"{pattern!r}: {first_few(others, _MAX_SHOWN)}.",
            RecordingWarning,
        )
    return paths, fields


def read_metadata(metadata: str | os.PathLike[str] | pd.DataFrame) -> pd.DataFrame:
    """Read a table of metadata from CSV, TSV or a spreadsheet.

    Parameters
    ----------
    metadata : path-like or DataFrame
        The file, or the table itself.

    Returns
    -------
    table : DataFrame
        The table, with its rows numbered from 0.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is not a readable table.
    ImportError
        If a spreadsheet requires a library that is not installed.
    """
    if isinstance(metadata, pd.DataFrame):
        return metadata.reset_index(drop=True)
    path = Path(metadata)
    if not path.is_file():
        raise FileNotFoundError(f"read_folder: there is no metadata file {path}.")
    try:
        if path.suffix.lower() in (".xlsx", ".xls", ".ods"):
            return pd.read_excel(path)
        table, texts = _read_csv(path), _read_csv(path, dtype=str)
    except ImportError as error:
        raise ImportError(
            f"read_folder: {path} requires a library of the extra 'formats' ({error}). Install it "
            "with pip install 'sklearn-emg[formats]', or save the sheet as CSV."
        ) from error
    except (ValueError, OSError, KeyError) as error:
        raise ValueError(f"read_folder: {path} is not a readable table ({error}).") from error
    for name in table:
        # Integers with leading zeros, such as the subject 007, stay text.
        if texts[name].astype("string").str.fullmatch(r"\s*0\d+\s*").any():
            table[name] = texts[name]
    return table


def _read_csv(path: Path, dtype: type | None = None) -> pd.DataFrame:
    # A separator at the end of a row does not start another column.
    return pd.read_csv(
        path, sep=None, engine="python", encoding="utf-8-sig", dtype=dtype, index_col=False
    )


def _key_text(value: Any) -> str:
    """Text of a key; pandas reads the integers of a column with empty cells as floats."""
    is_whole = isinstance(value, float) and value.is_integer()
    return _composed(str(int(value) if is_whole else value)).strip()


def _composed(text: str) -> str:
    """Text with composed letters; macOS stores "é" in file names as "e" with an accent."""
    return unicodedata.normalize("NFC", text)


def _joined(
    frame: pd.DataFrame, metadata: str | os.PathLike[str] | pd.DataFrame, on: str | None
) -> pd.DataFrame:
    """Add the columns of the metadata to the frame, joined by the file or by a field."""
    table = read_metadata(metadata)
    table = _titled(table)
    key = _key_column(table, on)
    table = table.dropna(how="all").reset_index(drop=True)
    given = table[key].map(_key_text).str.replace("\\", "/", regex=False)
    repeated = sorted(given[given.duplicated()].unique())
    if repeated:
        raise ValueError(
            "read_folder: the metadata have more than one row for "
            f"{first_few(repeated, _MAX_SHOWN)} in the column {key!r}; keep one."
        )
    if key.lower() in frame.columns and key.lower() != "file":
        own = frame[key.lower()].astype(str)
    else:
        own = _names_like(frame["file"].map(_composed), set(given))
    at = own.map(pd.Series(np.arange(len(table)), index=given))
    missing = frame["file"][at.isna()].tolist()
    _warn_unmatched(missing, "file", "without a row in the metadata")
    _warn_unmatched(sorted(set(given) - set(own)), "row", "of the metadata without a file")
    if len(missing) == len(frame):
        raise ValueError(
            f"read_folder: no file has a row in the metadata. The column {key!r} has "
            f"{', '.join(map(str, given[:3]))}; the files are {', '.join(frame['file'][:3])}."
        )
    further = table.drop(columns=key)
    common = [c for c in further.columns if c in frame.columns]
    for column in common:
        _check_agreement(frame, further, column, at)
    further = further.drop(columns=common).reindex(at)
    further.index = frame.index
    return pd.concat([frame, further], axis=1)


def _titled(table: pd.DataFrame) -> pd.DataFrame:
    """The table without the empty columns that separators at the ends of lines create."""
    table = table.set_axis([str(c).strip() for c in table.columns], axis=1)
    empty = [c for c in table if str(c).startswith("Unnamed: ") and table[c].isna().all()]
    return table.drop(columns=empty)


def _key_column(table: pd.DataFrame, on: str | None) -> str:
    """Column of the metadata that names the files or subjects."""
    lower = {c.lower(): c for c in table.columns}
    key = on if on is not None else next((lower[w] for w in _KEYS if w in lower), None)
    if key is None or key not in table.columns:
        raise ValueError(
            f"read_folder: the metadata have no column {on or 'file'!r} to join by; they have "
            f"{list(table.columns)}. Pass the column as on=..."
        )
    return key


def _warn_unmatched(texts: list[str], noun: str, what: str) -> None:
    if texts:
        warn(
            f"read_folder found {counted(len(texts), noun)} {what}: "
            f"{first_few(texts, _MAX_SHOWN)}.",
            RecordingWarning,
        )


def _check_agreement(
    frame: pd.DataFrame, further: pd.DataFrame, column: str, at: pd.Series
) -> None:
    """Raise an error if a path and its row of the metadata differ in a column."""
    values = further[column].reindex(at).astype(str).to_numpy()
    differs = np.flatnonzero((values != frame[column].astype(str)) & at.notna().to_numpy())
    if differs.size:
        i = int(differs[0])
        raise ValueError(
            f"read_folder: {frame['file'].iloc[i]} has {column}={frame[column].iloc[i]!r} in its "
            f"path and {values[i]!r} in the metadata; correct one of them."
        )


def _names_like(files: pd.Series, given: set[str]) -> pd.Series:
    """Paths or names of the files, with or without extension, in the form that most rows use."""
    forms = [
        files,
        files.map(lambda f: Path(f).name),
        files.map(lambda f: Path(f).stem),
        files.map(lambda f: Path(f).with_suffix("").as_posix()),
    ]
    return max(forms, key=lambda form: int(form.isin(given).sum()))
