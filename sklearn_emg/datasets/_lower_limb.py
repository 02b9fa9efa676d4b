"""Loader for the UCI "EMG dataset in Lower Limb"."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, overload

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sklearn_emg._files import read_bytes, regular_file
from sklearn_emg._tables import counted
from sklearn_emg.datasets._base import as_set_or_pair, decode, existing_folder, raise_faults
from sklearn_emg.datasets._description import DataSet, SetFacts
from sklearn_emg.recordings import recording_table

_FACTS = SetFacts(
    title="EMG dataset in Lower Limb",
    about="Surface EMG of four thigh muscles (rectus femoris, biceps femoris, vastus medialis, "
    "semitendinosus; mV, 1000 Hz) and knee angle (degrees) of men with a knee pathology (group A) "
    "and without one (group N) during gait, standing leg flexion and sitting leg extension.",
    source="UCI Machine Learning Repository, data set 278, https://doi.org/10.24432/C5ZW3P",
    licence="CC BY 4.0 (https://creativecommons.org/licenses/by/4.0/)",
    cite="Sanchez O, Sotelo J. EMG Dataset in Lower Limb. UCI Machine Learning Repository, 2014.",
    confounds=(
        "campaign: patients were recorded in July 2012 and April 2013, all controls but one in "
        "July 2013",
        "file header and sampling rate of the goniometer: both differ between the campaigns",
        "length: recordings of gait are uncut in patients (10-57 s) and cut in controls (5-9 s)",
        "offset: the offset of the electrodes, up to 16 uV, identifies the session",
    ),
    notes="A score for pathology may reflect the campaign instead of the pathology; no claim about "
    "diagnosis can be based on it.",
    subjects=21,
    recordings=63,
)

_URL = "https://archive.ics.uci.edu/dataset/278/emg+dataset+in+lower+limb"
_REMEDY = (
    f"Download and unpack the data set from {_URL} and pass its folder (with A_TXT and N_TXT)."
)
_FS = 1000.0
_CHANNELS = ("rectus femoris", "biceps femoris", "vastus medialis", "semitendinosus")
_GROUPS = {"A": "pathology", "N": "normal"}
_EXERCISES = {"mar": "gait", "pie": "standing", "sen": "sitting"}
_DEFECTS = ("copies", "numbers", "misplaced", "ragged")
_MAX_BYTES = 100_000_000  # the size of the largest file is 2.5 MB
_MAX_HEADER_BYTES = 10_000
# Limits far above those of the published files, so that a forged file cannot use much memory.
_MAX_ROWS = 1_000_000
_MAX_LINE_BYTES = 1_000
_MAX_REPAIRS = 100  # cells that are a number with a unit

_NAME = re.compile(r"(\d{1,2})([AN])(mar|pie|sen)\.txt(?:\.gz)?", re.IGNORECASE)
_CHANNEL_LINE = re.compile(
    r"Channel \d+: '(?P<title>[^']*)', (?P<n>\d+) values, engineering units: (?P<unit>\w+),"
    r"[^\r\n]*?(?:extrapolated from (?P<fs>\d+) to 1000 samples per second)?\.?\s*"
)
# Titles differ between campaigns, but their order does not; a misplaced title means a wrong file.
_TITLES = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in ("rf|recto", "bf|b.ceps", "vm|vasto", "st$|.*semitend", "fx|flexo")
)
_NUMBER_WITH_UNIT = re.compile(r"([-+]?\d+(?:\.\d+)?)\s*[A-Za-z]+")


@dataclass
class _Recording:
    """Content of one file."""

    path: Path
    number: int
    letter: str
    exercise: str
    values: NDArray[np.floating]  # (n_rows, 5), NaN where a cell is empty
    goniometer_fs: float
    content: bytes  # everything except the line with the file's name

    @property
    def name(self) -> str:
        return f"{self.number}{self.letter}{self.exercise}"


@overload
def load_lower_limb(
    folder: str | os.PathLike[str],
    *,
    keep_defects: bool | Sequence[str] = ...,
    return_X_y: Literal[False] = ...,
) -> DataSet: ...


@overload
def load_lower_limb(
    folder: str | os.PathLike[str],
    *,
    keep_defects: bool | Sequence[str] = ...,
    return_X_y: Literal[True],
) -> tuple[pd.DataFrame, NDArray]: ...


def load_lower_limb(
    folder: str | os.PathLike[str],
    *,
    keep_defects: bool | Sequence[str] = False,
    return_X_y: bool = False,
) -> DataSet | tuple[pd.DataFrame, NDArray]:
    """Load the UCI lower-limb EMG data set: four thigh muscles, with and without knee pathology.

    Group and recording campaign are confounded in this set. Patients were recorded in July 2012 and
    April 2013, all controls but one in July 2013; header, goniometer rate, recording length and
    electrode offsets predict the group almost perfectly. The set shows the bias of a split by
    windows and is useful for trying out code, but no claim about diagnosis can be based on it. The
    sign and zero of the goniometer differ between recordings, and all recordings have 60 Hz
    power-line interference.

    Parameters
    ----------
    folder : str or path-like
        Folder of the unpacked data set (with ``A_TXT`` and ``N_TXT``), one of these two folders, or
        any folder that contains their files, such as ``1Amar.txt`` or, gzipped, ``1Amar.txt.gz``.
    keep_defects : bool or sequence of str, default=False
        Defects of the published files that are not corrected. True selects all of them.

        - ``"copies"``: files that repeat another one byte for byte (2Npie, 2Nsen) are kept; by
          default, they are dropped.
        - ``"numbers"``: 2N remains a separate subject; by default, 2N and 1N, who are the same man,
          are the subject ``"N01"``.
        - ``"misplaced"``: 7Nmar, which is very probably a recording of patient 4A, is kept; by
          default, it is dropped.
        - ``"ragged"``: rows at the end in which EMG or angle is missing are kept, with NaN; by
          default, signal and angle are trimmed to the rows that have both.

        In any case, a number followed by a letter ("7.5V" in 1Nmar) is read as the number, and the
        last line of every file, which contains only tabs, is left out.
    return_X_y : bool, default=False
        Whether to return only ``(data, target)``.

    Returns
    -------
    bunch : Bunch
        data : DataFrame of shape (n_recordings, 12)
            Recording table with the columns ``signal`` (shape (4, n_times), in mV), ``fs``
            (1000 Hz), ``subject`` ("A01" to "N11"), ``region`` ("proximal"), ``recording`` (name of
            the file, such as "1Amar"), ``group`` (as `target`), ``site`` ("lower_limb"),
            ``exercise`` ("gait", "standing" for leg flexion or "sitting" for leg extension),
            ``number`` (the subject as published, such as "1A"), ``goniometer`` (the knee angle in
            degrees, an array of length n_times), ``goniometer_fs`` (the rate in Hz at which it was
            measured before it was interpolated to 1000 Hz) and ``channel_names`` (a tuple of the
            four muscles).
        target : ndarray of shape (n_recordings,)
            Class of each recording: "pathology" or "normal".
        target_names : ndarray of str
            Names of the classes.
        ch_names : list of str
            The four muscles, in the order of the channels.
        report : DataFrame
            Defects that were found, with the columns ``recording``, ``defect`` and ``action``.
        DESCR : str
            Description, licence (CC BY 4.0) and citation.
        describe : callable
            ``bunch.describe()`` summarises what was loaded and states known confounds.
    (data, target) : tuple
        If `return_X_y` is True.

    Raises
    ------
    FileNotFoundError
        If there is no such folder, or it has no file of the data set.
    ValueError
        If a file is truncated, or is not the file that its name indicates. The message names the
        first few such files.

    References
    ----------
    Sanchez O, Sotelo J. EMG Dataset in Lower Limb. UCI Machine Learning Repository, 2014.
    https://doi.org/10.24432/C5ZW3P. Licence: CC BY 4.0.

    Examples
    --------
    >>> from sklearn_emg.datasets import load_lower_limb
    >>> X, y = load_lower_limb("EMG_lower_limb", return_X_y=True)  # doctest: +SKIP
    >>> X["subject"].nunique()  # doctest: +SKIP
    21
    """
    kept = _check_kept(keep_defects)
    root = existing_folder(folder, "load_lower_limb", _REMEDY)
    report: list[tuple[str, str, str]] = []
    recordings = _read_all(root, report)
    if not recordings:
        raise FileNotFoundError(
            f"load_lower_limb: {root} has no file like 1Amar.txt or 1Amar.txt.gz. {_REMEDY}"
        )
    recordings = _drop_copies(recordings, "copies" in kept, report)
    recordings = _drop_misplaced(recordings, "misplaced" in kept, report)
    subjects = [_person(r, "numbers" in kept, report) for r in recordings]
    for recording in recordings:
        recording.values = _trim(recording, "ragged" in kept, report)
    facts = pd.DataFrame([_columns(recording) for recording in recordings])
    facts.insert(0, "subject", subjects)
    table = recording_table(
        [np.ascontiguousarray(r.values[:, :4].T) for r in recordings],
        fs=_FS,
        **facts,
        channel_names=_CHANNELS,
    )
    return as_set_or_pair(
        table,
        facts["group"].to_numpy(dtype=str),
        return_X_y,
        _FACTS,
        ch_names=list(_CHANNELS),
        report=pd.DataFrame(report, columns=["recording", "defect", "action"]),
    )


def _columns(recording: _Recording) -> dict[str, Any]:
    """Return the columns of the table for one recording, without its subject."""
    return {
        "region": "proximal",
        "recording": recording.name,
        "group": _GROUPS[recording.letter],
        "site": "lower_limb",
        "exercise": _EXERCISES[recording.exercise],
        "number": f"{recording.number}{recording.letter}",
        "goniometer": recording.values[:, 4].copy(),
        "goniometer_fs": recording.goniometer_fs,
    }


def _check_kept(keep_defects: bool | Sequence[str]) -> frozenset[str]:
    if isinstance(keep_defects, (bool, np.bool_)):
        return frozenset(_DEFECTS if keep_defects else ())
    names = [keep_defects] if isinstance(keep_defects, str) else list(keep_defects)
    if unknown := [name for name in names if name not in _DEFECTS]:
        raise ValueError(
            f"The 'keep_defects' parameter of load_lower_limb must be True, False or some of "
            f"{list(_DEFECTS)}. Got {unknown} instead."
        )
    return frozenset(names)


def _read_all(root: Path, report: list[tuple[str, str, str]]) -> list[_Recording]:
    found: dict[tuple[str, int, str], Path] = {}
    recordings, faults = [], []
    for parent, folders, names in os.walk(root):
        folders.sort()
        for name in sorted(names):
            if match := _NAME.fullmatch(name):
                number, letter, exercise = match.groups()
                # If a folder has a plain and a gzipped file, the plain one comes first.
                key = (letter.upper(), int(number), exercise.lower())
                path = Path(parent, name)
                if found.setdefault(key, path).parent != path.parent:
                    faults.append(f"{path} exists twice, also as {found[key]}; remove one of them.")
    for (letter, number, exercise), path in sorted(found.items()):
        try:
            recordings.append(_read(regular_file(path, root), number, letter, exercise, report))
        except (ValueError, OSError) as error:
            faults.append(str(error))
    raise_faults(
        faults, f"load_lower_limb cannot read {len(faults)} of {counted(len(found), 'file')}"
    )
    if recordings:
        text = f"left out in {counted(len(recordings), 'file')}"
        report.append(("all", "the last line contains only tabs", text))
    return recordings


def _split(path: Path, content: bytes) -> tuple[list[str], bytes]:
    """Split a file into the lines of its header and the rows of numbers."""
    # An empty line ends the header. Line ends are CRLF as published, but LF after some tools.
    head, end, body = content.partition(b"\r\n\r\n" if b"\r\n" in content[:500] else b"\n\n")
    lines = decode(head[:_MAX_HEADER_BYTES]).splitlines()
    usual = len(head) <= _MAX_HEADER_BYTES and end and lines
    if not usual or not lines[0].startswith("File Name:"):
        raise ValueError(f"{path} has no header of the lower-limb data set; download it again.")
    if body.count(b"\n") > _MAX_ROWS or any(len(s) > _MAX_LINE_BYTES for s in body.split(b"\n")):
        raise ValueError(
            f"{path} has more than {_MAX_ROWS} rows or {_MAX_LINE_BYTES} bytes in a row, which is "
            "more than any file of the lower-limb data set has; download it again."
        )
    return lines, body


def _read(
    path: Path, number: int, letter: str, exercise: str, report: list[tuple[str, str, str]]
) -> _Recording:
    content = read_bytes(path, _MAX_BYTES)
    lines, body = _split(path, content)
    channels = [m for line in lines if (m := _CHANNEL_LINE.fullmatch(line))]
    _check_channels(channels, path)
    n_columns = 5 + any(line.startswith("Digitals combined") for line in lines)
    name = f"{number}{letter}{exercise}"
    values = _numbers(body, n_columns, len(lines) + 1, path, name, report)
    if body.rstrip(b"\r\n").rpartition(b"\n")[2].strip(b"\t"):
        text = "does not end with a line of tabs, unlike published files; values may be lost"
        report.append((name, text, "kept"))
    n_emg = int(channels[0]["n"])
    complete = np.flatnonzero(np.isfinite(values[:, :4]).all(axis=1))
    if complete.size != n_emg:
        raise ValueError(
            f"{path} has {counted(complete.size, 'row')} of EMG, but its header announces {n_emg}. "
            "The file is truncated or changed; download it again."
        )
    return _Recording(
        path,
        number,
        letter,
        exercise,
        values,
        float(channels[4]["fs"] or _FS),
        content.split(b"\n", 1)[1],
    )


def _check_channels(channels: list[re.Match[str]], path: Path) -> None:
    units = [m["unit"] for m in channels]
    if units != ["mV"] * 4 + ["deg"]:
        raise ValueError(
            f"{path} must announce four channels in mV and one in deg, but has {units}."
        )
    for match, expected, muscle in zip(channels, _TITLES, (*_CHANNELS, "knee angle")):
        if not expected.match(match["title"]):
            raise ValueError(f"{path}: the channel {match['title']!r} is where {muscle} should be.")


def _numbers(
    body: bytes,
    n_columns: int,
    n_head: int,
    path: Path,
    name: str,
    report: list[tuple[str, str, str]],
) -> NDArray[np.floating]:
    """Read the values of the five columns; the sixth of some files is a constant of the logger."""
    names = list(range(n_columns))
    try:
        frame = pd.read_csv(
            io.BytesIO(body), sep="\t", header=None, names=names, index_col=False, dtype=np.float64
        )
    except ValueError:
        try:
            cells = pd.read_csv(
                io.BytesIO(body), sep="\t", header=None, names=names, index_col=False, dtype=str,
                encoding="latin-1",
            )  # fmt: skip
        except ValueError as error:
            raise ValueError(f"{path} is not a table of {n_columns} columns: {error}") from error
        frame = _repaired(cells, n_head, path, name, report)
    values = frame.to_numpy(dtype=np.float64)[:, :5]
    written = np.flatnonzero(np.isfinite(values).any(axis=1))
    return values[: written[-1] + 1 if written.size else 0]


def _repaired(
    cells: pd.DataFrame, n_head: int, path: Path, name: str, report: list[tuple[str, str, str]]
) -> pd.DataFrame:
    """Convert cells that are text to numbers; a number with a unit is read as the number."""
    frame = cells.apply(pd.to_numeric, errors="coerce")
    texts = np.argwhere(frame.isna().to_numpy() & cells.notna().to_numpy())
    for i, (row, column) in enumerate(texts):
        cell = str(cells.iat[row, column])
        match = _NUMBER_WITH_UNIT.fullmatch(cell.strip())
        if match is None or i == _MAX_REPAIRS:
            raise ValueError(
                f"{path}: line {n_head + row + 1}, column {column + 1} must be a number, "
                f"got {cell!r}."
            )
        frame.iat[row, column] = float(match[1])
        text = f"line {n_head + row + 1} has the value {cell!r}"
        report.append((name, text, f"read as {match[1]}"))
    return frame


def _drop_copies(
    recordings: list[_Recording], keep: bool, report: list[tuple[str, str, str]]
) -> list[_Recording]:
    first: dict[bytes, str] = {}
    left = []
    for recording in recordings:
        original = first.setdefault(recording.content, recording.name)
        recording.content = b""  # no longer needed
        if original != recording.name:
            action = "kept" if keep else "dropped"
            report.append((recording.name, f"byte copy of {original}", action))
            if not keep:
                continue
        left.append(recording)
    return left


def _drop_misplaced(
    recordings: list[_Recording], keep: bool, report: list[tuple[str, str, str]]
) -> list[_Recording]:
    for recording in recordings:
        if recording.name == "7Nmar":
            # Recorded 37 s after 4Amar with the same logger, channel titles and electrode offsets.
            text = "very probably a recording of patient 4A"
            report.append((recording.name, text, "kept" if keep else "dropped"))
    return [r for r in recordings if keep or r.name != "7Nmar"]


def _person(recording: _Recording, keep: bool, report: list[tuple[str, str, str]]) -> str:
    number = recording.number
    if (recording.letter, number) == ("N", 2):
        action = "kept as N02" if keep else "subject is N01"
        report.append((recording.name, "subject 2N is subject 1N", action))
        number = number if keep else 1
    return f"{recording.letter}{number:02d}"


def _trim(
    recording: _Recording, keep: bool, report: list[tuple[str, str, str]]
) -> NDArray[np.floating]:
    whole = np.flatnonzero(np.isfinite(recording.values).all(axis=1))
    n_rows = len(recording.values)
    stop = whole[-1] + 1 if whole.size else 0
    if stop < n_rows:
        lacking = np.isnan(recording.values[stop:, :4]).any()
        text = f"{'EMG' if lacking else 'angle'} missing at the end"
        rows = counted(n_rows - stop, "row")
        report.append((recording.name, f"{text} ({rows})", "kept as NaN" if keep else "trimmed"))
    values = recording.values if keep else recording.values[:stop]
    n_gaps = int(np.isnan(recording.values[:stop]).any(axis=1).sum())
    if n_gaps:
        report.append((recording.name, f"{counted(n_gaps, 'row')} with gaps", "kept as NaN"))
    return values
