"""Loader for the Algiers needle recordings of the deltoid and the biceps brachii."""

from __future__ import annotations

import hashlib
import io
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, overload

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sklearn_emg._files import PACKED, read_bytes, regular_file
from sklearn_emg._tables import counted, first_few
from sklearn_emg._validation import check_option
from sklearn_emg._warnings import warn_of_recordings
from sklearn_emg.datasets._base import (
    as_set_or_pair,
    existing_folder,
    raise_faults,
    refuse_none_left,
    region_of,
)
from sklearn_emg.datasets._copies import Stored, copies, warn_of_copies
from sklearn_emg.datasets._description import DataSet, SetFacts
from sklearn_emg.recordings import recording_table

_URL = "https://data.mendeley.com/datasets/543xpjycj9/1"
_REMEDY = (
    f"Download the archive from {_URL} in a browser, unpack it and pass its folder (with "
    "'01_Deltoid' and '02_Biceps Brachii')."
)

_FACTS = SetFacts(
    title="Algiers",
    about="Needle EMG of the deltoid and the biceps brachii during isometric contraction, in "
    "healthy subjects and in patients with myopathy or neuropathy. Recordings last 5 s and are "
    "sampled at 32768 Hz.",
    source="Mendeley Data, version 1, https://doi.org/10.17632/543xpjycj9.1",
    licence="CC BY 4.0 according to the page of the archive; check it before you redistribute the "
    "data",
    cite="Messekher A, Mekaooui S, Kedir-Talha M, Kediha MI, Mostefaoui F. Electromyographic data "
    "recordings during isometric contractions of the biceps brachii and deltoid collected from "
    "patients and healthy subjects. Mendeley Data V1, 2023.",
    confounds=(
        "number of recordings and muscles: healthy subjects have four recordings, of both sides of "
        "both muscles; nearly all patients have one",
        "conditions: it is not known whether healthy subjects and patients were recorded under the "
        "same conditions",
        "age, sex and level of contraction: not given, so they cannot be compared",
    ),
    notes="The step of the converter is 0.7 uV, and smaller in a few files of myopathy.",
    subjects=238,
    recordings=397,
)

_FS = 32768.0
_SECONDS = 5.0
_GROUPS = {"hea": "healthy", "myo": "myopathy", "neu": "neuropathy"}
_MUSCLES = {"d": "deltoid", "b": "biceps brachii"}
_SIDES = {"r": "right", "l": "left"}
_FOLDERS = {
    **{name: name for name in _GROUPS.values()},
    **{"deltoid": "deltoid", "biceps": "biceps brachii", "biceps brachii": "biceps brachii"},
}
_SUFFIX = re.compile(rf"\.asc({'|'.join(re.escape(suffix) for suffix in PACKED)})?", re.IGNORECASE)
# Names like "EMG _009 _05_ RD_Hea"; blanks may be anywhere and may be other characters.
_NAME = re.compile(r"emg_?(\d{1,4})_(\d{1,4})_([rl])_?([db])_(hea|myo|neu)[a-z]*")
_APART = re.compile(r"(?:%20|[\s_+-])+")

_MAX_BYTES = 50_000_000  # the size of a file is about 1.8 MB
_MAX_NAMED = 10
_SPOILT = ("keep", "drop")
_BLANKS = bytes.maketrans(b" \t\r\v\f", b"\n\n\n\n\n")
_JOINED = re.compile(rb"(?<=\d)-")  # columns of a fixed width without a blank between them
# Fewer equal samples may be a coincidence; a full second of equal samples is not.
_MIN_COMPARED, _MAX_COMPARED = 64, 32768
# This many equal samples in a row at the highest or lowest value are clipped, not a peak.
_MIN_CLIPPED = 8
_SHORT = 0.9  # fraction of the usual length


@dataclass
class _Recording:
    """Facts from the name of a file, and its samples."""

    path: Path
    number: int
    subject: str
    group: str
    muscle: str
    side: str
    signal: NDArray[np.float32]
    n_clipped: int = 0

    @property
    def name(self) -> str:
        return _SUFFIX.sub("", self.path.name)

    @property
    def defects(self) -> list[str]:
        seconds = self.signal.size / _FS
        texts = []
        if np.ptp(self.signal) == 0:
            texts.append("dead: all samples are equal")
        elif self.n_clipped:
            texts.append(f"clipped: {counted(self.n_clipped, 'sample')}")
        if seconds < _SHORT * _SECONDS:
            texts.append(f"short: {seconds:.3g} s instead of {_SECONDS:g} s")
        return texts


@overload
def load_algiers(
    folder: str | os.PathLike[str],
    muscle: str | Sequence[str] | None = ...,
    *,
    spoilt: Literal["keep", "drop"] = ...,
    return_X_y: Literal[False] = ...,
) -> DataSet: ...


@overload
def load_algiers(
    folder: str | os.PathLike[str],
    muscle: str | Sequence[str] | None = ...,
    *,
    spoilt: Literal["keep", "drop"] = ...,
    return_X_y: Literal[True],
) -> tuple[pd.DataFrame, NDArray]: ...


def load_algiers(
    folder: str | os.PathLike[str],
    muscle: str | Sequence[str] | None = None,
    *,
    spoilt: Literal["keep", "drop"] = "keep",
    return_X_y: bool = False,
) -> DataSet | tuple[pd.DataFrame, NDArray]:
    """Load the downloaded Algiers set: needle EMG in health, myopathy and neuropathy.

    The licence of the archive must be accepted in a browser, so this function cannot fetch it.
    Download the archive from https://data.mendeley.com/datasets/543xpjycj9/1, unpack it and pass
    the folder. Each group numbers its subjects from 1, so the name of a subject consists of its
    group and number, such as "Hea05". Copies are found by their samples, regardless of their names,
    and left out with a warning that names both files. If a recording exists under the names of two
    subjects, neither is kept.

    The files are text, so their samples cannot be left in the files as with ``lazy=True`` of the
    other loaders. To load the set in parts, pass one of its folders or a `muscle`.

    Parameters
    ----------
    folder : str or path-like
        Folder of the unpacked archive (with ``01_Deltoid`` and ``02_Biceps Brachii``), one of these
        two folders, or any folder with files like ``EMG _009 _05_ RD_Hea.asc``, plain or compressed
        (``.asc.gz``, ``.asc.bz2``, ``.asc.xz``).
    muscle : str or sequence of str, default=None
        Muscles to load: "deltoid", "biceps brachii" or their letters "D" and "B". By default, both
        are loaded.
    spoilt : {"keep", "drop"}, default="keep"
        How to treat recordings that are dead (all samples are equal), clipped (at least 8 equal
        samples in a row at the highest or lowest value), or shorter than 4.5 s (of the usual 5 s):
        "keep" marks them in the table, and "drop" leaves them out with a warning.
    return_X_y : bool, default=False
        Whether to return only ``(data, target)``.

    Returns
    -------
    bunch : Bunch
        data : DataFrame of shape (n_recordings, 12)
            Recording table with the columns ``signal`` (in mV, float32), ``fs`` (32768 Hz),
            ``subject`` (such as "Hea05"), ``muscle`` ("deltoid" or "biceps brachii"), ``region``
            ("proximal"), ``recording`` (file name without extension), ``group`` (as
            `target`), ``site`` ("algiers"), ``side`` ("left" or "right"), ``number`` (of the
            recording), ``spoilt`` (whether the recording is spoilt) and ``defect`` (the reason, or
            "").
        target : ndarray of shape (n_recordings,)
            Class of each recording: "healthy", "myopathy" or "neuropathy".
        target_names : ndarray of str
            Names of the classes.
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
        If there is no such folder or it has no recording.
    ValueError
        If files are empty, damaged, not lists of numbers, in the folder of a wrong muscle or group,
        or different although their names are equal (the message names the first few); if there is
        no recording of the requested muscle; or if all recordings are left out.

    Warns
    -----
    RecordingWarning
        If files are left out because they are copies, are spoilt or have names that are not
        understood.

    Notes
    -----
    Samples are stored in microvolts as text, separated by blanks or line ends of any kind. If the
    last number is cut short, it is left out and reported. Samples in text files cannot be read
    lazily, so all signals are loaded into memory (0.65 MB each).

    References
    ----------
    Messekher A, Mekaooui S, Kedir-Talha M, Kediha MI, Mostefaoui F. Electromyographic data
    recordings during isometric contractions of the biceps brachii and deltoid collected from
    patients and healthy subjects. Mendeley Data V1, 2023. https://doi.org/10.17632/543xpjycj9.1.
    Licence: CC BY 4.0.

    Examples
    --------
    >>> import os, tempfile
    >>> from sklearn_emg.datasets import load_algiers
    >>> folder = os.path.join(tempfile.mkdtemp(), "01_Deltoid", "Healthy")
    >>> os.makedirs(folder)
    >>> with open(os.path.join(folder, "EMG _009 _05_ RD_Hea.asc"), "w") as file:
    ...     print("-103.9000", "250.7000", "12.5000", sep=os.linesep, file=file)
    >>> X, y = load_algiers(folder, return_X_y=True)
    >>> X[["subject", "muscle", "side", "region"]].iloc[0].tolist(), y.tolist()
    (['Hea05', 'deltoid', 'right', 'proximal'], ['healthy'])
    """
    check_option(spoilt, _SPOILT, "spoilt", "load_algiers")
    wanted = _muscles(muscle)
    root = existing_folder(folder, "load_algiers", _REMEDY)
    report: list[tuple[str, str, str]] = []
    recordings = _read_all(_find(root, report), wanted, root, report)
    recordings = _without_copies(recordings, root, report)
    if spoilt == "drop":
        recordings = _without_spoilt(recordings, report)
    else:
        report += [(r.name, text, "kept") for r in recordings for text in r.defects]
    refuse_none_left(recordings, report, f"load_algiers leaves out all recordings of {root}")
    facts = pd.DataFrame([_columns(recording) for recording in recordings])
    return as_set_or_pair(
        recording_table([r.signal for r in recordings], fs=_FS, site="algiers", **facts),
        facts["group"].to_numpy(dtype=str),
        return_X_y,
        _FACTS,
        report=pd.DataFrame(report, columns=["recording", "defect", "action"]),
    )


def _muscles(muscle: str | Sequence[str] | None) -> set[str]:
    if muscle is None:
        return set(_MUSCLES.values())
    given = [muscle] if isinstance(muscle, str) else list(muscle)
    known = {**_MUSCLES, **{name: name for name in _MUSCLES.values()}}
    if not given or (unknown := [name for name in given if str(name).lower() not in known]):
        raise ValueError(
            "The 'muscle' parameter of load_algiers must name 'deltoid', 'biceps brachii' or both. "
            f"Got {unknown if given else given} instead."
        )
    return {known[str(name).lower()] for name in given}


def _columns(recording: _Recording) -> dict[str, Any]:
    """Return the columns of the table for one recording."""
    return {
        "subject": recording.subject,
        "muscle": recording.muscle,
        "region": region_of(recording.muscle),
        "recording": recording.name,
        "group": recording.group,
        "side": recording.side,
        "number": recording.number,
        "spoilt": bool(recording.defects),
        "defect": "; ".join(recording.defects),
    }


def _text_files(root: Path) -> Iterator[tuple[Path, re.Match[str]]]:
    """Yield the text files in a folder and its sub-folders, with the suffix of each."""
    for parent, folders, names in os.walk(root):
        folders.sort()
        for name in sorted(names):
            suffix = _SUFFIX.search(name)
            if suffix is not None and suffix.end() == len(name) and not name.startswith("."):
                yield Path(parent, name), suffix


def _find(root: Path, report: list[tuple[str, str, str]]) -> list[tuple[Path, re.Match[str]]]:
    """Return the files that are named as in the set, in the order of their recordings."""
    found, unknown = [], []
    for path, suffix in _text_files(root):
        stem = _APART.sub("_", path.name[: suffix.start()].strip()).lower()
        if match := _NAME.fullmatch(stem.strip("_")):
            found.append((path, match))
        else:
            unknown.append(path)
    report += [(path.name, "name is not understood", "left out") for path in unknown]
    if not found:
        raise FileNotFoundError(
            f"load_algiers: {root} and its sub-folders have no file like 'EMG _009 _05_ "
            f"RD_Hea.asc'. {_REMEDY}" + (f" Found {unknown[0]}." if unknown else "")
        )
    if unknown:
        warn_of_recordings(
            f"load_algiers leaves out {counted(len(unknown), 'file')} with names unlike 'EMG _009 "
            f"_05_ RD_Hea.asc': {first_few(unknown, _MAX_NAMED)}."
        )
    # A plain file comes before a compressed one.
    return sorted(found, key=lambda f: (int(f[1][1]), f[1][0], f[0].suffix.lower() in PACKED))


def _read_all(
    files: Sequence[tuple[Path, re.Match[str]]],
    wanted: set[str],
    root: Path,
    report: list[tuple[str, str, str]],
) -> list[_Recording]:
    recordings, faults = [], []
    for path, match in files:
        muscle = _MUSCLES[match[4]]
        group = _GROUPS[match[5]]
        wrong = _other_folder(path, root, {muscle, group})
        if wrong:
            faults.append(
                f"{path} belongs to the muscle {muscle!r} and the group {group!r} according to its "
                f"name, but is in the folder {wrong!r}. One of the two is mislabelled; download "
                "the file again."
            )
        if wrong or muscle not in wanted:
            continue
        try:
            signal = _read(regular_file(path, root), report)
        except (ValueError, OSError) as error:
            faults.append(str(error))
            continue
        subject = f"{match[5].capitalize()}{int(match[2]):02d}"
        recordings.append(
            _Recording(
                *(path, int(match[1]), subject, group, muscle, _SIDES[match[3]], signal),
                n_clipped=_n_clipped(signal),
            )
        )
    raise_faults(faults, f"load_algiers cannot use {len(faults)} of {counted(len(files), 'file')}")
    if not recordings:
        raise ValueError(f"load_algiers: {root} has no recording of {' or '.join(sorted(wanted))}.")
    return recordings


def _other_folder(path: Path, root: Path, expected: set[str]) -> str:
    """Return the name of a parent folder for another muscle or group; "" if there is none."""
    for name in (root.resolve().name, *path.relative_to(root).parts[:-1]):
        meant = _FOLDERS.get(_APART.sub(" ", re.sub(r"^[\d\s_.-]+", "", name)).strip().lower())
        if meant is not None and meant not in expected:
            return name
    return ""


def _read(path: Path, report: list[tuple[str, str, str]]) -> NDArray[np.float32]:
    """Read the samples of a file in mV."""
    content = read_bytes(path, _MAX_BYTES).translate(_BLANKS).strip(b"\n")
    if content.count(b"-") > content.count(b"\n-") + content.startswith(b"-"):
        content = _JOINED.sub(b"\n-", content)
    last = content[-40:].rpartition(b"\n")[2]
    if _is_cut(content, last):
        content = content[: len(content) - len(last)]
        text = f"last number is cut, {last.decode('latin-1')!r}"
        report.append((_SUFFIX.sub("", path.name), text, "left out"))
    if not content.strip():
        raise ValueError(f"{path} has no samples; download it again.")
    try:
        frame = pd.read_csv(io.BytesIO(content), sep="\x01", header=None, dtype=np.float64)
    except ValueError:
        raise ValueError(_bad_number(path, content)) from None
    microvolts = frame[0].to_numpy()
    if frame.shape[1] > 1 or not np.isfinite(microvolts).all():
        raise ValueError(_bad_number(path, content))
    return (microvolts / 1000).astype(np.float32)


def _is_cut(content: bytes, last: bytes) -> bool:
    """Return whether the last number has fewer decimals than those before it, or is incomplete."""
    before = content[-400:].split(b"\n")[1:-1][-10:]
    decimals = {len(number.partition(b".")[2]) for number in before if number}
    if not before or last in (b"-", b"+", b".", b"-."):
        return bool(before)
    return len(decimals) == 1 and len(last.partition(b".")[2]) < decimals.pop()


def _bad_number(path: Path, content: bytes) -> str:
    for position, text in enumerate(content.split()):
        try:
            usable = np.isfinite(float(text))
        except ValueError:
            usable = False
        if not usable:
            shown = text[:40].decode("latin-1")
            return f"{path}: value {position + 1} must be a number in microvolts, got {shown!r}."
    return f"{path} is not a list of numbers; download it again."


def _n_clipped(signal: NDArray[np.float32]) -> int:
    """Count samples in long runs of the highest or lowest value; 0 for a constant signal."""
    if np.ptp(signal) == 0:
        return 0
    n_clipped = 0
    for extreme in (signal.min(), signal.max()):
        at = np.flatnonzero(signal == extreme)
        if at.size >= _MIN_CLIPPED:
            runs = np.split(at, np.flatnonzero(np.diff(at) > 1) + 1)
            n_clipped += sum(run.size for run in runs if run.size >= _MIN_CLIPPED)
    return n_clipped


def _content(recording: _Recording) -> bytes | None:
    """Return a digest of the first second; None if equal samples may be a coincidence."""
    part = recording.signal[:_MAX_COMPARED]
    if part.size < _MIN_COMPARED or np.ptp(part) == 0:
        return None
    return hashlib.sha256(part.tobytes()).digest()


def _without_copies(
    recordings: list[_Recording], root: Path, report: list[tuple[str, str, str]]
) -> list[_Recording]:
    # Paths serve as names, since files in two folders may have the same name.
    names = [str(r.path.relative_to(root)) for r in recordings]
    left_out = copies([Stored(n, r.subject, _content(r)) for n, r in zip(names, recordings)])
    warn_of_copies(left_out, "load_algiers")
    report += [(r.name, left_out[n], "dropped") for n, r in zip(names, recordings) if n in left_out]
    left = [r for n, r in zip(names, recordings) if n not in left_out]
    first: dict[str, _Recording] = {}
    faults = []
    for recording in left:
        key = _APART.sub("", recording.name).lower()
        other = first.setdefault(key, recording)
        if other is not recording:
            faults.append(
                f"{recording.path} has the name of {other.path} but different samples; remove one "
                "of them."
            )
    found = counted(len(faults), "recording")
    raise_faults(faults, f"load_algiers found {found} with the name of another")
    return left


def _without_spoilt(
    recordings: list[_Recording], report: list[tuple[str, str, str]]
) -> list[_Recording]:
    left = [r for r in recordings if not r.defects]
    dropped = [r for r in recordings if r.defects]
    report += [(r.name, text, "dropped") for r in dropped for text in r.defects]
    if dropped:
        named = ", ".join(f"{r.name} ({'; '.join(r.defects)})" for r in dropped)
        warn_of_recordings(
            f"load_algiers leaves out {counted(len(dropped), 'spoilt recording')}: {named}."
        )
    return left
