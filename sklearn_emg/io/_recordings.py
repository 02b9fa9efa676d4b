"""Read files of any known format into a recording table."""

from __future__ import annotations

import codecs
import os
import re
import struct
import zlib
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sklearn_emg._files import check_file_name, existing_file
from sklearn_emg._tables import counted, first_few, listed
from sklearn_emg._validation import check_option, check_real
from sklearn_emg._warnings import warn
from sklearn_emg.exceptions import RecordingWarning
from sklearn_emg.io._content import AuxiliaryChannel, Channel, FileContent, Row, rows_of
from sklearn_emg.io._formats._bids import find_bids_files, parse_bids_file
from sklearn_emg.io._formats._c3d import parse_c3d
from sklearn_emg.io._formats._edf import parse_edf
from sklearn_emg.io._formats._hdf5 import parse_hdf5
from sklearn_emg.io._formats._mat import parse_mat
from sklearn_emg.io._formats._npy import parse_npy
from sklearn_emg.io._formats._opensignals import parse_opensignals
from sklearn_emg.io._formats._parquet import parse_parquet
from sklearn_emg.io._formats._wfdb import parse_wfdb
from sklearn_emg.io._kinds import is_counts
from sklearn_emg.io._labels import is_part, label_annotations
from sklearn_emg.io._text import parse_text
from sklearn_emg.recordings import is_blank, label_lag, object_column, warn_of_subject_names

PARSERS: dict[str, Callable[[Path], FileContent]] = {
    "text": parse_text,
    "edf": parse_edf,
    "c3d": parse_c3d,
    "opensignals": parse_opensignals,
    "mat": parse_mat,
    "hdf5": parse_hdf5,
    "wfdb": parse_wfdb,
    "bids": parse_bids_file,
    "npy": parse_npy,
    "parquet": parse_parquet,
}

_PathLike = str | os.PathLike[str]
_MAX_SHOWN = 5
# Columns that only some formats have; they are left out if no row has a value.
_OPTIONAL = ("start_time", "stored_names")
# Errors that a damaged file can cause in a parser.
_DAMAGE = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    MemoryError,
    RuntimeError,
    TypeError,
    UnicodeError,
    ValueError,
    EOFError,
    struct.error,
    zlib.error,
)
# Shortest lag in s between labels and activity that is reported.
_MIN_LAG = 0.3
# Time in s by which annotations may lie outside a recording.
_MARGIN = 1.0

_BY_START = (
    (b"\x93NUMPY", "npy"),
    (b"PAR1", "parquet"),
    (b"MATLAB 7.3", "mat"),
    (b"MATLAB 5.0", "mat"),
)
_ARCHIVES = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0", b"%PDF", b"\x1f\x8b", b"\xfd7zXZ")
_BY_SUFFIX = {
    ".edf": "edf",
    ".bdf": "edf",
    ".c3d": "c3d",
    ".mat": "mat",
    ".h5": "hdf5",
    ".hdf5": "hdf5",
    ".npy": "npy",
    ".parquet": "parquet",
}


def read_recordings(
    path_or_paths: _PathLike | Iterable[_PathLike],
    *,
    format: str | None = None,
    channels: Sequence[str | int] | None = None,
    unit: str | None = None,
    gain: float | None = None,
    fs: float | None = None,
    subject: Hashable | Sequence[Hashable] | Callable[[str], Hashable] | None = None,
    aux: bool = False,
    lazy: bool = False,
    errors: str = "raise",
    **columns: Any,
) -> pd.DataFrame:
    """Read files of any known format into one recording table.

    The format of each file is recognised by its content or its name. Known formats are text exports
    (Delsys EMGworks, Noraxon, Vicon Nexus, OpenBCI, Biometrics, plain CSV ...), OpenSignals text
    and HDF5, EDF and BDF, C3D, MATLAB, HDF5, WFDB, BIDS folders, NumPy arrays and Parquet.

    Parameters
    ----------
    path_or_paths : path-like or iterable of path-like
        Path of one file, or paths of several files. A BIDS folder stands for all EMG files in it.
    format : {"text", "edf", "c3d", "opensignals", "mat", "hdf5", "wfdb", "bids", "npy", \
"parquet"}, default=None
        Format of the files. By default it is recognised for each file.
    channels : sequence of str or int, default=None
        Channels to read, by name or by position among the EMG channels. By default all channels
        whose name and unit indicate EMG are read.
    unit : {"nV", "uV", "mV", "V", "counts"}, default=None
        Unit of the stored samples. By default it is taken from the file.
    gain : float, default=None
        Counts per mV, used with ``unit="counts"``. By default the samples remain in counts.
    fs : float, default=None
        Sampling rate in Hz. By default it is taken from the file.
    subject : hashable, sequence of hashable or callable, default=None
        Subject of the recordings: one value for all files, one value per file, or a function of
        the file's name without its extension. By default the subject is taken from the file. If a
        file names no subject, an error is raised, since an evaluation is biased if one subject
        counts as two.
    aux : bool, default=False
        Whether to keep the channels that are not EMG (acceleration, force, angle, trigger) in a
        column ``aux``, with a tuple of :class:`AuxiliaryChannel` per row.
    lazy : bool, default=False
        Whether to leave the samples of EDF, BDF, BIDS, WFDB and NumPy files in their files, with
        :class:`~sklearn_emg.recordings.SignalFile` handles in the table. Samples in other formats
        are always read.
    errors : {"raise", "warn"}, default="raise"
        If some of several files cannot be read, "raise" raises an error, and "warn" leaves them
        out with a warning that lists them. If no file can be read, both raise an error.
    **columns
        Further columns (``muscle="biceps"``, ``session=...``). Each is one value for all files,
        one value per file, or a function of the file's name without its extension.

    Returns
    -------
    table : DataFrame of shape (n_recordings, n_columns)
        Recording table with one row per recording: one per file, or several for a Parquet file
        that holds several recordings. Channels with a different rate or length have their own
        rows. The columns are ``signal``, a float64 array of shape ``(n_times,)`` for one
        channel and ``(n_channels, n_times)`` for several, or a
        :class:`~sklearn_emg.recordings.SignalFile`; ``fs`` in Hz; ``subject``; ``recording``, the
        file's name without its extension; ``channel_names``, a tuple of str; ``unit`` of the
        signal, "mV" or "counts"; ``start_time``, if a file states it; ``annotations``, a tuple of
        :class:`Annotation` from label columns, annotations, events and comments of the file and
        interruptions of its time stamps; ``skipped``, the parts of the file that were left out;
        and ``file``, the path. Some files give further columns, such as ``sex`` or the columns of
        a BIDS or Parquet table. If channels are stored under other names, the column
        ``stored_names`` holds them.

    Raises
    ------
    FileNotFoundError
        If a single path is given and there is no such file.
    TypeError
        If `unit` is not a str, or a subject is not hashable.
    ValueError
        If a file is damaged or of no known format, or if its unit, rate or subject is neither in
        the file nor passed. The message names the file, the fault and the remedy. Of several
        files, those that do not exist are also listed in this error.
    ImportError
        If a format requires a library of the extra ``formats`` or ``export`` that is not
        installed.

    Warns
    -----
    RecordingWarning
        If a file can be read but looks wrong, for instance because its time stamps have gaps or
        jitter, a channel is constant, channels share a name, the RMS is implausible for EMG, a
        second table in the file is left out, or labels and activity are not aligned in time; if a
        file is given more than once; and if files are left out with ``errors="warn"``.

    See Also
    --------
    describe_file : Describe what is recognised in a file.
    read_folder : Read a folder, with columns and labels from the names of folders and files.

    Notes
    -----
    - "text" (CSV, TXT, TSV, ASC): separator, decimal sign, header, encoding, units in the titles,
      time columns and label columns are recognised. Sensors with time columns of their own keep
      their own rates.
    - "edf" (EDF, EDF+, BDF, BDF+): each signal keeps its own sampling rate, and annotations are
      kept with their times.
    - "c3d": forces and other analog channels that are not EMG are left out unless `aux` is true;
      events become annotations.
    - "opensignals" (biosignalsplux, BITalino; text or HDF5): counts are converted to mV with the
      transfer function of the EMG sensor and the resolution of each channel.
    - "mat" (any version) and "hdf5": arrays are found in nested structs or groups, with the rate,
      names, units and labels next to them; exports of LabChart are recognised. HDF5 files, such as
      those of version 7.3 of MATLAB, require h5py.
    - "wfdb": :func:`sklearn_emg.datasets.load_wfdb` reads the records; their annotations are in
      files with the extension ``.atr``.
    - "bids": the EDF or BDF files are read with ``*_channels.tsv`` (kinds, units, bad channels),
      ``*_emg.json``, ``*_events.tsv`` (annotations), and the columns of ``participants.tsv`` (such
      as age, sex and group) and ``*_scans.tsv``. Subject, session, task, acquisition and run are
      taken from the file names.
    - "npy" (shape (n_times,) or (n_channels, n_times)): floats without a unit are assumed to be in
      mV; an array that looks transposed is refused.
    - "parquet": tables that :func:`write_recordings` wrote are read with all their columns. In
      tables with one row per sample, units, rate and labels are recognised as in text files. The
      format requires pyarrow (extra ``export``).

    Examples
    --------
    >>> import os, tempfile
    >>> from sklearn_emg.io import read_recordings
    >>> path = os.path.join(tempfile.mkdtemp(), "trial.csv")
    >>> with open(path, "w") as file:
    ...     _ = file.write("time (s),biceps [uV]" + os.linesep)
    ...     _ = file.writelines(f"{i / 1000},{i % 7 - 3}{os.linesep}" for i in range(50))
    >>> table = read_recordings(path, subject="s1")
    >>> table[["fs", "subject", "channel_names"]]
           fs subject channel_names
    0  1000.0      s1     (biceps,)
    """
    check_option(errors, ("raise", "warn"), "errors", "read_recordings")
    paths = _paths(path_or_paths, format)
    fs, gain = _check_numbers(fs, unit, gain)
    subjects = _per_file("subject", subject, paths)
    more = {name: _per_file(name, value, paths) for name, value in columns.items()}
    rows: list[dict[str, Any]] = []
    stated: list[dict[str, str]] = []
    faults: list[str] = []
    for i, path in enumerate(paths):
        try:
            content = parse_file(path, format, lazy)
            contents = [content, *content.others]
            found = _all_rows(contents, channels, unit, gain, fs, subjects[i], aux, lazy)
        except (ValueError, OSError) as error:
            if len(paths) == 1:
                raise
            faults.append(str(error))
            continue
        given = {name: values[i] for name, values in more.items()}
        rows += [{**row, **given} for row in found]
        stated += [one.dtypes for one in contents]
        _warn(contents)
    if faults:
        _report(faults, len(paths), may_warn=errors == "warn" and len(faults) < len(paths))
    table = _table(rows, _stated_types(stated, more))
    warn_of_subject_names(pd.unique(table["subject"].astype(object)))
    return table


def _report(faults: list[str], n_files: int, may_warn: bool) -> None:
    """Raise an error or a warning about files that cannot be read."""
    shown = first_few(faults, _MAX_SHOWN, "\n")
    text = f"read_recordings cannot read {len(faults)} of {counted(n_files, 'file')}:\n{shown}"
    if not may_warn:
        raise ValueError(text)
    warn(text, RecordingWarning)


def _stated_types(stated: list[dict[str, str]], given: Mapping[str, Any]) -> dict[str, str]:
    """Types of columns if all files state the same types, without columns given by the caller."""
    if not stated or any(one != stated[0] for one in stated):
        return {}
    return {name: dtype for name, dtype in stated[0].items() if name not in given}


def _check_numbers(
    fs: float | None, unit: str | None, gain: float | None
) -> tuple[float | None, float | None]:
    if fs is not None:
        fs = check_real(fs, "fs", "read_recordings", 0.0)
        if fs <= 0:
            raise ValueError(f"The 'fs' parameter of read_recordings must be positive. Got {fs}.")
    if unit is not None and not isinstance(unit, str):
        raise TypeError(f"The 'unit' of read_recordings must be a str such as 'uV'. Got {unit!r}.")
    if gain is not None:
        gain = check_real(gain, "gain", "read_recordings", 0.0)
        if gain <= 0 or unit is None or not is_counts(unit):
            raise ValueError(
                "The 'gain' of read_recordings, in counts per mV, must be positive and requires "
                f"unit='counts'. Got gain={gain!r} and unit={unit!r}."
            )
    return fs, gain


def _table(rows: list[dict[str, Any]], dtypes: Mapping[str, str]) -> pd.DataFrame:
    """Convert rows to a table; columns have the types that the files state, if any."""
    # A column of the file is kept even if all its values are missing.
    present = (n for row in rows for n, v in row.items() if v is not None or n not in _OPTIONAL)
    names = list(dict.fromkeys(present))
    # The columns hold objects, since pandas would unpack tuples and arrays.
    table = pd.DataFrame({name: object_column(row.get(name) for row in rows) for name in names})
    for name in names:
        if name not in ("signal", "channel_names", "annotations", "skipped", "stored_names", "aux"):
            table[name] = _typed(table[name], dtypes.get(name), rows[0]["file"])
    table["fs"] = table["fs"].astype(float)
    return table


def _typed(column: pd.Series, dtype: str | None, path: str) -> pd.Series:
    """Give a column its type; integers and booleans keep theirs if other values are missing."""
    if dtype is not None:
        try:
            return column.astype(pd.api.types.pandas_dtype(dtype))
        except (ValueError, TypeError) as error:
            raise ValueError(
                f"{path}: the column {column.name!r} does not have the type that the file states, "
                f"{dtype}; the file is damaged."
            ) from error
    known = column[column.notna()]
    if len(known) in (0, len(column)):
        return column.infer_objects()
    if all(type(value) is bool for value in known):
        return column.astype("boolean")
    if all(type(value) is int for value in known):
        return column.astype("Int64")
    return column.infer_objects()


def _all_rows(contents: list[FileContent], *arguments: Any) -> list[dict[str, Any]]:
    """Rows of all recordings of a file."""
    return [row for content in contents for row in _rows(content, *arguments)]


def _rows(
    content: FileContent,
    channels: Sequence[str | int] | None,
    unit: str | None,
    gain: float | None,
    fs: float | None,
    subject: Hashable | None,
    aux: bool,
    lazy: bool,
) -> list[dict[str, Any]]:
    subject = _subject(content, subject)
    rows = rows_of(content, channels, unit or content.unit, gain, fs, lazy)
    _note_outside(content, rows)
    read = {name for row in rows for name in row.names}
    others = [c for c in content.channels if c.name not in read]
    skipped = tuple(dict.fromkeys([*content.skipped, *map(_described, others)]))
    table = []
    for row in rows:
        entry: dict[str, Any] = {
            "signal": row.signal,
            "fs": row.fs,
            "subject": subject,
            "recording": content.path.stem,
            "channel_names": row.names,
            "unit": row.unit,
            "start_time": content.start_time,
            "annotations": (*content.annotations, *_labels(content, row)),
            "skipped": skipped,
            "file": str(content.path),
            **content.columns,
        }
        entry["stored_names"] = _stored_names(content, row)
        if aux:
            entry["aux"] = tuple(_auxiliary(channel, row.fs) for channel in others)
        table.append(entry)
    return table


def _subject(content: FileContent, given: Hashable | None) -> Hashable:
    """Subject that was passed or, by default, that of the file."""
    subject: Any = content.subject if given is None else given
    if given is None and isinstance(subject, list):  # a tuple that was stored as JSON
        subject = tuple(subject)
    if subject is None or is_blank(subject) or (np.ndim(subject) == 0 and pd.isna(subject)):
        raise ValueError(
            f"{content.path} does not name its subject; pass subject=... as a name or as a "
            "function of the file's name, such as subject=lambda name: name[:3]."
        )
    if not isinstance(subject, Hashable):
        raise TypeError(f"A subject must be hashable, such as a name. Got {subject!r}.")
    return subject


def _stored_names(content: FileContent, row: Row) -> tuple[str, ...] | None:
    """Names of the channels in the file; None if none differs from its name in the table."""
    aliases = {c.name: c.alias for c in content.channels if c.alias not in (None, c.name)}
    return tuple(aliases.get(name) or name for name in row.names) if aliases else None


def _auxiliary(channel: Channel, fs: float) -> AuxiliaryChannel:
    """Channel that is not read as EMG; without a rate of its own, it has that of the recording."""
    values = np.asarray(channel.values).ravel()
    rate = channel.fs or fs
    return AuxiliaryChannel(channel.name, channel.kind, channel.unit or "", rate, values)


def _described(channel: Channel) -> str:
    parts = [channel.kind]
    parts += [f"{channel.fs:g} Hz"] if channel.fs else []
    parts += [channel.unit] if channel.unit else []
    return f"{channel.name} ({', '.join(parts)})"


def _labels(content: FileContent, row: Row) -> list[Any]:
    found = []
    for name, values in content.labels.items():
        made = label_annotations(name, values, row.fs)
        found += made
        n_times = row.signal.shape[-1]
        has_spans = any(a.duration is not None for a in made)
        if len(values) == n_times and has_spans and not is_part(name):
            lag = label_lag(row.signal, _dense(made, n_times, row.fs), row.fs)
            if lag is not None and abs(lag) >= _MIN_LAG:
                late = "late" if lag > 0 else "early"
                content.problems.append(
                    f"the labels of {name!r} are {abs(lag):.2g} s {late} relative to the activity "
                    "of the channels; shift the labels, or leave a margin when you cut segments."
                )
    return found


def _note_outside(content: FileContent, rows: list[Row]) -> None:
    """Note a problem if annotations lie outside the recording, as with onsets in ms."""
    end = max(row.signal.shape[-1] / row.fs for row in rows)
    onsets = [a.onset for a in content.annotations if not -_MARGIN <= a.onset <= end + _MARGIN]
    if onsets:
        content.problems.append(
            f"{len(onsets)} of {counted(len(content.annotations), 'annotation')} "
            f"{'lies' if len(onsets) == 1 else 'lie'} outside the recording of {end:.6g} s, the "
            f"first at {onsets[0]:.6g} s; check the unit of their onsets, which must be s."
        )


def _dense(annotations: Sequence[Any], n_times: int, fs: float) -> np.ndarray:
    labels = np.full(n_times, None, dtype=object)
    for a in annotations:
        if a.duration is not None:
            labels[round(a.onset * fs) : round((a.onset + a.duration) * fs)] = a.label
    return labels


def _warn(contents: list[FileContent]) -> None:
    content = contents[0]
    problems = list(dict.fromkeys(p for one in contents for p in one.problems))
    if problems:
        warn(f"{content.path}: " + first_few(problems, _MAX_SHOWN, "\n  "), RecordingWarning)


def _paths(given: _PathLike | Iterable[_PathLike], format: str | None) -> list[Path]:
    if format is not None:
        check_option(format, tuple(PARSERS), "format", "read_recordings")
    if isinstance(given, (str, bytes, os.PathLike)):
        given = [given]
    elif not isinstance(given, Iterable):
        raise TypeError(f"read_recordings takes a path or several paths. Got {given!r}.")
    listed = [os.fsdecode(path) for path in given]
    if not listed:
        raise ValueError("read_recordings: no path was given; pass the path of at least one file.")
    paths: list[Path] = []
    for path in map(Path, listed):
        check_file_name(path)
        if path.is_dir():
            paths += find_bids_files(path)
        else:
            paths.append(path)
    _warn_of_repeated(paths)
    return paths


def _warn_of_repeated(paths: list[Path]) -> None:
    if repeated := [str(path) for path, n in Counter(paths).items() if n > 1]:
        warn(
            f"read_recordings got files more than once: {first_few(repeated, _MAX_SHOWN)}. Each "
            "occurrence becomes a row of its own; pass each path once.",
            RecordingWarning,
        )


def _per_file(name: str, value: Any, paths: list[Path]) -> list[Any]:
    if callable(value):
        return [value(path.stem) for path in paths]
    value = listed(value)
    if isinstance(value, (str, bytes, tuple)) or np.ndim(value) == 0:
        return [value] * len(paths)
    if len(value) != len(paths):
        raise ValueError(
            f"The {name!r} of read_recordings must be one value for all files, one value per file, "
            f"or a function of the file's name. Got "
            f"{counted(len(value), 'value')} for {counted(len(paths), 'file')}."
        )
    return list(value)


def recognised_format(path: Path) -> str:
    """Format of a file by its first bytes or, if they do not identify it, by its name.

    Parameters
    ----------
    path : pathlib.Path
        Path of the file.

    Returns
    -------
    format : str
        One of the formats of :func:`read_recordings`.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is not a regular file, or if it is empty, an archive, a spreadsheet or a document.
    """
    if not path.exists() and path.with_name(path.name + ".hea").is_file():
        return "wfdb"
    with open(existing_file(path), "rb") as file:
        head = file.read(4096)
    if not head:
        raise ValueError(f"{path} is empty; obtain a new copy.")
    if path.suffix == ".hea" or (
        path.suffix in (".dat", ".bin") and path.with_suffix(".hea").is_file()
    ):
        return "wfdb"
    if head.startswith(_ARCHIVES):
        raise ValueError(
            f"{path} is an archive, spreadsheet or document; unpack it or export it as text."
        )
    return _format_of_content(path, head) or _BY_SUFFIX.get(path.suffix.lower(), "text")


def _format_of_content(path: Path, head: bytes) -> str | None:
    """Format of a file by its first bytes; None if they do not identify it."""
    for start, form in _BY_START:
        if head.startswith(start):
            return form
    if b"\x89HDF\r\n\x1a\n" in head:
        return "hdf5"
    if re.match(rb"\xffBIOSEMI|0 {7}(?s:.{248})", head):
        return "bids" if path.match("emg/*_emg.*") else "edf"
    if head[1:2] == b"\x50" and path.suffix.lower() == ".c3d":
        return "c3d"
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        head = head[: len(head) // 2 * 2].decode("utf-16", errors="replace").encode()
    if head.lstrip(b"\xef\xbb\xbf").startswith((b"# OpenSignals", b"# JSON Text File")):
        return "opensignals"
    return None


def _damage(path: Path, form: str, error: BaseException) -> str:
    """Message about a file that a reader cannot read."""
    text = str(error)
    if isinstance(error, ValueError) and path.name in text:
        return text
    return (
        f"{path} cannot be read as {form}: it is damaged or in another format "
        f"({type(error).__name__}{': ' if text else ''}{text[:300]}). Obtain a new copy, or pass "
        "its format as format=..."
    )


def parse_file(path: Path, format: str | None = None, lazy: bool = False) -> FileContent:
    """Read everything that a file holds.

    Parameters
    ----------
    path : pathlib.Path
        Path of the file.
    format : str, default=None
        Format of the file. By default it is recognised.
    lazy : bool, default=False
        Whether to leave the samples of WFDB records in their file. It has no effect on other
        formats, whose samples may be left in the file in either case.

    Returns
    -------
    content : FileContent
        Channels, annotations and other content of the file.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is damaged, is not in that format, or has no channels. The message names the
        file.
    """
    if format is not None:
        check_option(format, tuple(PARSERS), "format", "describe_file")
    found = recognised_format(path)
    form = format or found
    try:
        content = parse_wfdb(path, lazy) if form == "wfdb" else PARSERS[form](path)
    except _DAMAGE as error:
        raise ValueError(_damage(path, form, error)) from error
    except OSError as error:
        if isinstance(error, FileNotFoundError) or path.name in str(error):
            raise
        raise OSError(f"{path} cannot be read as {form}: it is damaged ({error}).") from error
    if not content.channels:
        raise ValueError(_no_channels(content, form))
    for one in (content, *content.others):
        _make_names_unique(one)
    return content


def _no_channels(content: FileContent, form: str) -> str:
    texts = first_few([f"the column {n!r} holds texts" for n in content.labels], _MAX_SHOWN)
    return (
        f"{content.path} has no channels that can be read as {form}{texts and f' ({texts})'}; a "
        "recording needs a column of numbers for each channel."
    )


def _make_names_unique(content: FileContent) -> None:
    """Number the channels that share a name with an earlier channel: "EMG", "EMG (2)"."""
    taken = {channel.name for channel in content.channels}
    seen: set[str] = set()
    renamed = []
    for channel in content.channels:
        name, k = channel.name, 1
        while channel.name in seen or (k > 1 and channel.name in taken):
            k += 1
            channel.name = f"{name} ({k})"
        seen.add(channel.name)
        if k > 1 and channel.kind == "emg":
            renamed.append(f"{name!r} is now {channel.name!r}")
    if renamed:
        content.problems.append(
            f"channels share a name and were renamed: {first_few(renamed, _MAX_SHOWN)}; check the "
            "order of the channels, or give them distinct names."
        )
