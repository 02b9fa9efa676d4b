"""Write recording tables to Parquet, BIDS, EDF+, BDF+ and WFDB."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from sklearn_emg._files import write_atomically
from sklearn_emg._tables import counted, first_few
from sklearn_emg._typing import Labels
from sklearn_emg._validation import check_option
from sklearn_emg._warnings import warn
from sklearn_emg.exceptions import RecordingWarning
from sklearn_emg.io._formats._parquet import write_parquet
from sklearn_emg.io._writing._bids import bids_parts, is_own_dataset
from sklearn_emg.io._writing._edf import edf_parts
from sklearn_emg.io._writing._rows import Part, WrittenRow, written_rows
from sklearn_emg.io._writing._wfdb import wfdb_parts
from sklearn_emg.recordings import check_recording_table

# Numbers of bits per sample that each format can have; the first is the default.
_BITS = {"parquet": (), "bids": (24, 16), "edf": (16,), "bdf": (24,), "wfdb": (16, 24, 32)}
_SUFFIXES = {".parquet": "parquet", ".edf": "edf", ".bdf": "bdf"}
_MAX_SHOWN = 12


def write_recordings(
    table: pd.DataFrame,
    path: str | os.PathLike[str],
    y: Labels | None = None,
    *,
    format: str | None = None,
    bits: int | None = None,
    sidecar: Mapping[str, Any] | None = None,
    electrodes: pd.DataFrame | None = None,
    overwrite: bool = False,
) -> Path:
    """Write a recording table so that :func:`read_recordings` and other programs can read it.

    ==========  =============================  =====================================================
    format      files                          what is kept
    ==========  =============================  =====================================================
    "parquet"   one file                       everything, exactly, apart from columns with
                                               objects other than text, numbers, lists and dates
    "bids"      a data set in a folder         samples within half a step; all other columns
    "edf"       EDF+, one file per recording   samples within half a step of 16 bits; channels,
                                               rate, subject, sex, start time and annotations
    "bdf"       BDF+, one file per recording   as "edf", with 24 bits
    "wfdb"      2 or 3 files per recording     samples within half a step; NaN; all other
                                               columns; annotations to the nearest sample
    ==========  =============================  =====================================================

    A step is the range of a channel, from its lowest to its highest value, divided by ``2**bits``.
    A warning lists what a format does not hold. ``file``, ``skipped`` and ``stored_names`` describe
    the file that a recording was read from; they are written to Parquet only.

    Parameters
    ----------
    table : DataFrame of shape (n_recordings, n_columns)
        Recording table in mV.
    path : path-like
        A file for "parquet", and for "edf" and "bdf" if the table has one row; otherwise a folder.
        Files in a folder are named after the column ``recording``, if there is one.
    y : array-like of shape (n_recordings,), default=None
        Labels, which are written as a further column. It has the name of `y` if `y` is a Series
        with a name, such as "group", and is called "target" otherwise.
    format : {"parquet", "bids", "edf", "bdf", "wfdb"}, default=None
        Format of the files. By default it is given by the extension of `path`.
    bits : {16, 24, 32}, default=None
        Number of bits per sample: 16 (EDF+) or 24 (BDF+) for "bids", with 24 as the default, and
        16, 24 or 32 for "wfdb", with 16 as the default.
    sidecar : mapping, default=None
        Fields of ``*_emg.json`` for "bids", such as ``{"PowerLineFrequency": 50, "EMGReference":
        "wrist"}``. Fields for needles (``EMGType``, ``CannulaDiameter``, ``CannulaLength``) are
        proposed for BIDS but not yet part of it; they are written if they are given. Fields that
        begin with ``EMGCoordinate`` describe the positions of `electrodes` and are written to
        ``*_coordsystem.json``: ``EMGCoordinateUnits`` ("mm", "percent" ...),
        ``EMGCoordinateSystemDescription``.
    electrodes : DataFrame of shape (n_electrodes, n_columns), default=None
        Positions of electrodes for ``*_electrodes.tsv`` of "bids", with the columns ``name``,
        ``x`` and ``y``. They are the same for all subjects.
    overwrite : bool, default=False
        Whether existing files are replaced. The folder of a "bids" data set is replaced as a whole,
        and only if :func:`write_recordings` wrote it.

    Returns
    -------
    path : pathlib.Path
        Path of the file or folder that was written.

    Raises
    ------
    FileExistsError
        If a file or data set exists already and `overwrite` is false, if the path for "bids" is a
        folder that is neither empty nor a data set that :func:`write_recordings` wrote, or if a
        file exists where a folder is to be written.
    IsADirectoryError
        If a folder exists where a file is to be written.
    ValueError
        If the table is invalid, the format cannot hold its samples, two subjects would have the
        same code in "edf" or "bdf", or parameters contradict each other.
    ImportError
        If pyarrow, which "parquet" needs, is not installed.

    Warns
    -----
    RecordingWarning
        If the format does not hold parts of the table. The message lists them.

    See Also
    --------
    read_recordings : Read files of any known format.

    Notes
    -----
    Each file is written completely or not at all. A new folder appears only when all its files have
    been written.

    References
    ----------
    Brain Imaging Data Structure 1.11, electromyography. Needles: issue 2371 of
    bids-standard/bids-specification.

    Kemp B, Olivan J. European data format 'plus' (EDF+), an EDF alike standard format for the
    exchange of physiological data. Clin Neurophysiol 2003;114:1755-1761.

    WFDB applications guide, header(5), signal(5) and annot(5),
    https://physionet.org/physiotools/wag/

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np
    >>> from sklearn_emg.io import read_recordings, write_recordings
    >>> from sklearn_emg.recordings import recording_table
    >>> signal = np.random.default_rng(0).normal(0, 0.1, size=2000)
    >>> table = recording_table([signal], fs=1000.0, subject="s1", channel_names=["biceps"])
    >>> path = write_recordings(table, os.path.join(tempfile.mkdtemp(), "s1.edf"))
    >>> again = read_recordings(path)
    >>> again[["fs", "subject", "channel_names"]]
           fs subject channel_names
    0  1000.0      s1     (biceps,)
    >>> bool(np.abs(again["signal"][0] - signal).max() <= np.ptp(signal) / 2**16)
    True
    """
    path = Path(path).expanduser()
    form = _form(path, format)
    bits = _bits(form, bits)
    if form != "bids" and (sidecar is not None or electrodes is not None):
        raise ValueError(
            "The 'sidecar' and 'electrodes' of write_recordings require format='bids'. Got "
            f"format={form!r}."
        )
    check_recording_table(table, plausible=False)
    labels, target = _labels(y, table)
    if form == "parquet":
        lost = _write_parquet(path, table, labels, target, overwrite)
    else:
        rows = written_rows(table, labels, target)
        _write_rows(path, form, bits, rows, sidecar, electrodes, overwrite)
        lost = _counted(rows)
    if lost:
        shown = first_few(lost, _MAX_SHOWN, "\n  ")
        remedy = "" if form == "parquet" else "\nformat='parquet' keeps the complete table."
        warn(f"{path}: {form} does not hold\n  {shown}{remedy}", RecordingWarning)
    return path


def _form(path: Path, format: str | None) -> str:
    if format is None:
        format = _SUFFIXES.get(path.suffix.lower())
        if format is None:
            raise ValueError(
                f"write_recordings: the extension of {path.name!r} does not determine the format; "
                f"pass format=... with one of {', '.join(map(repr, _BITS))}."
            )
    check_option(format, tuple(_BITS), "format", "write_recordings")
    return format


def _bits(form: str, bits: int | None) -> int:
    options = _BITS[form]
    if bits is None:
        return options[0] if options else 64
    if bits not in options:
        rule = f"must be {' or '.join(map(str, options))}" if options else "is not used"
        raise ValueError(
            f"The 'bits' parameter of write_recordings {rule} for {form}. Got {bits!r}."
        )
    return bits


def _labels(y: Labels | None, table: pd.DataFrame) -> tuple[list[Any] | None, str]:
    """Labels of the rows and the name of their column."""
    if y is None:
        return None, ""
    target = str(y.name) if isinstance(y, pd.Series) and y.name is not None else "target"
    labels = list(y)
    if len(labels) != len(table):
        raise ValueError(
            f"The 'y' of write_recordings must have one label per row. Got "
            f"{counted(len(labels), 'label')} for {counted(len(table), 'row')}."
        )
    if target in table.columns:
        raise ValueError(
            f"write_recordings: the table already has a column {target!r}; give y another name "
            "with y = pd.Series(y, name=...)."
        )
    return labels, target


def _counted(rows: list[WrittenRow]) -> list[str]:
    """Descriptions of what is lost, with the number of rows if not all rows are affected."""
    counts = Counter(text for row in rows for text in dict.fromkeys(row.lost))
    return [
        text if n == len(rows) else f"{text} (in {n} of {len(rows)} rows)"
        for text, n in counts.items()
    ]


def _write_parquet(
    path: Path, table: pd.DataFrame, labels: list[Any] | None, target: str, overwrite: bool
) -> list[str]:
    _refuse_existing([path], overwrite)
    if labels is not None:
        table = table.assign(**{target: pd.Series(labels, index=table.index)})
    lost: list[str] = []
    write_atomically(path, lambda part: lost.extend(write_parquet(part, table)))
    return lost


def _write_rows(
    path: Path,
    form: str,
    bits: int,
    rows: list[WrittenRow],
    sidecar: Mapping[str, Any] | None,
    electrodes: pd.DataFrame | None,
    overwrite: bool,
) -> None:
    """Write the files of all rows, into a folder or as one file."""
    if form == "bids":
        parts = bids_parts(rows, bits, path.name, sidecar, electrodes)
        _refuse_other_folder(path, overwrite)
        write_atomically(path, lambda folder: _fill(folder, parts))
        return
    parts = wfdb_parts(rows, bits) if form == "wfdb" else edf_parts(rows, bits)
    if path.suffix.lower() in _SUFFIXES:
        if len(parts) > 1:
            raise ValueError(
                f"write_recordings: {form} has one file per recording, but the table has "
                f"{len(rows)} recordings; pass a folder instead of {path.name!r}, and "
                f"format={form!r}."
            )
        _refuse_existing([path], overwrite)
        write_atomically(path, parts[0][1])
    elif path.exists():
        if not path.is_dir():
            raise FileExistsError(
                f"write_recordings: {path} is a file, but {form} is written into a folder; choose "
                "another name."
            )
        _refuse_existing([path / name for name, _ in parts], overwrite)
        for name, write in parts:
            write_atomically(path / name, write)
    else:
        write_atomically(path, lambda folder: _fill(folder, parts))


def _refuse_other_folder(path: Path, overwrite: bool) -> None:
    """Refuse to replace a file, or a folder that is not a data set of :func:`write_recordings`."""
    if not path.exists() or (path.is_dir() and not any(path.iterdir())):
        return
    if not is_own_dataset(path):
        raise FileExistsError(
            f"{path} exists and is not a data set that write_recordings wrote. It is not replaced, "
            "even with overwrite=True; choose a new folder."
        )
    _refuse_existing([path], overwrite, replaces_folder=True)


def _fill(folder: Path, parts: list[Part]) -> None:
    for name, write in parts:
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        write(target)


def _refuse_existing(paths: list[Path], overwrite: bool, *, replaces_folder: bool = False) -> None:
    existing = [path for path in paths if path.exists()]
    if folders := [path for path in existing if path.is_dir() and not replaces_folder]:
        raise IsADirectoryError(f"write_recordings: {folders[0]} is a folder; name a file instead.")
    if existing and not overwrite:
        more = f" and {len(existing) - 1} more" if len(existing) > 1 else ""
        raise FileExistsError(
            f"write_recordings: {existing[0]} exists{more}; choose another name, or pass "
            "overwrite=True to replace it."
        )
