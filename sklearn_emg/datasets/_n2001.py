"""Loader for EMGLAB's N2001 set."""

from __future__ import annotations

import filecmp
import hashlib
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
from sklearn_emg._validation import check_option
from sklearn_emg._warnings import warn_of_recordings
from sklearn_emg.datasets._base import (
    as_set_or_pair,
    existing_folder,
    raise_faults,
    refuse_none_left,
    region_of,
)
from sklearn_emg.datasets._copies import Stored, copies, shared_ends, warn_of_copies
from sklearn_emg.datasets._description import DataSet, SetFacts
from sklearn_emg.datasets._wfdb_format import Header, read_header, signal_file
from sklearn_emg.recordings import SignalFile, recording_table

N2001_CITE = (
    "Nikolic M. Detailed Analysis of Clinical Electromyography Signals: EMG Decomposition, "
    "Findings and Firing Pattern Analysis in Controls and Patients with Myopathy and Amyotrophic "
    "Lateral Sclerosis. PhD thesis, Faculty of Health Science, University of Copenhagen, 2001."
)
N2001_CONFOUNDS = (
    "age: ALS 52-67 years, controls 21-37, myopathy 19-63",
    "level of contraction: moderate only in controls; compare recordings with level 'low'",
    "head of the muscle: short head only in A07, M03, M06 and M07",
    "side: right in the controls C01-C06 and C08, left or right in patients",
    "sex: ALS 3 men and 4 women, controls 5 and 4, myopathy 4 and 2",
    "number of recordings: 30 of each control, 3 to 25 of each patient",
)
# Subjects with recordings of the biceps.
N2001_SUBJECTS = (
    *("A01", "A03", "A04", "A05", "A06", "A07", "A08"),
    *(f"C{number:02d}" for number in range(1, 10)),
    *(f"M{number:02d}" for number in range(2, 8)),
)

_FACTS = SetFacts(
    title="N2001",
    about="Concentric needle EMG during steady isometric contraction, mostly at a low level, in "
    "controls and in patients with amyotrophic lateral sclerosis (ALS) or myopathy. Recordings "
    "last 11.2 s and are sampled at 23437.5 Hz.",
    source="EMGLAB, http://www.emglab.net (contributed by Miki Nikolic, Dept. of Clinical "
    "Neurophysiology, Rigshospitalet, Copenhagen)",
    licence="the files state none. Use them for research with citation, and do not redistribute "
    "them.",
    cite=f"{N2001_CITE} McGill KC, Lateva ZC, Marateb HR. EMGLAB: an interactive EMG decomposition "
    "program. J Neurosci Methods 2005;149:121-133.",
    confounds=N2001_CONFOUNDS,
    notes="The code -32768 marks an invalid sample, probably one clipped below -2.5 mV. Samples "
    "clipped above 2.5 mV remain numbers. Several recordings of A08 end with the same half second, "
    "part of which is not EMG. The numbers of subjects and recordings of the whole set are those "
    "of the biceps.",
    subjects=22,
    recordings=475,
    subject_names=N2001_SUBJECTS,
)

_REMEDY = "Download N2001 from http://www.emglab.net, unpack it and pass the folder."
_NAME = re.compile(r"N2001([ACM])(\d{2})([A-Z]{2})(\d{2})", re.IGNORECASE)
_GROUPS = {"A": "ALS", "C": "control", "M": "myopathy"}
# Muscles by code; other muscles are named as in the header.
_MUSCLES = {"BB": "biceps brachii"}
_DIAGNOSES = {
    "ALS": re.compile(r"\bals\b|lateral scleros", re.IGNORECASE),
    "control": re.compile(r"control|healt?h?y|normal", re.IGNORECASE),
    "myopathy": re.compile(r"myopath|myosit|dystroph", re.IGNORECASE),
}
_INVALID, _HIGHEST = -(2**15), 2**15 - 1
_MAX_SAMPLES = 2**24  # 12 minutes; recordings last 11.2 s
_MAX_HEADER = 1_000_000  # bytes; a header has about 550
_SPOILT = ("keep", "drop", "trim")
# Fewer equal samples may be a coincidence.
_MIN_COMPARED = 64


@dataclass(frozen=True)
class _Record:
    header: Header
    subject: str
    group: str
    code: str
    facts: dict[str, str]

    @property
    def name(self) -> str:
        return self.header.path.stem

    @property
    def muscle(self) -> str:
        return _MUSCLES.get(self.code) or self.facts.get("muscle", "").lower() or self.code


@dataclass
class _Samples:
    """Location of the samples of a recording, and their defects."""

    handle: SignalFile
    n_invalid: int
    n_clipped_high: int
    is_dead: bool
    content: bytes  # digest of the samples
    end: bytes  # the last samples
    shared_end: tuple[int, str] = (0, "")

    @property
    def is_comparable(self) -> bool:
        """Whether equal samples mean that two recordings are the same."""
        return not self.is_dead and self.handle.n_times >= _MIN_COMPARED

    @property
    def clipped(self) -> float:
        """Fraction of the samples at either end of the range."""
        return (self.n_invalid + self.n_clipped_high) / self.handle.n_times

    @property
    def defects(self) -> list[str]:
        n_clipped, (n_shared, other) = self.n_invalid + self.n_clipped_high, self.shared_end
        texts = []
        if self.is_dead:
            texts.append("dead: all samples are equal")
        elif n_clipped:
            texts.append(f"clipped: {counted(n_clipped, 'sample')}")
        if n_shared:
            texts.append(f"shared end: the last {n_shared} samples also end {other}")
        return texts


@overload
def load_n2001(
    folder: str | os.PathLike[str],
    muscle: str | Sequence[str] | None = ...,
    *,
    invalid: Literal["nan", "clip"] = ...,
    spoilt: Literal["keep", "drop", "trim"] = ...,
    lazy: bool = ...,
    return_X_y: Literal[False] = ...,
) -> DataSet: ...


@overload
def load_n2001(
    folder: str | os.PathLike[str],
    muscle: str | Sequence[str] | None = ...,
    *,
    invalid: Literal["nan", "clip"] = ...,
    spoilt: Literal["keep", "drop", "trim"] = ...,
    lazy: bool = ...,
    return_X_y: Literal[True],
) -> tuple[pd.DataFrame, NDArray]: ...


def load_n2001(
    folder: str | os.PathLike[str],
    muscle: str | Sequence[str] | None = None,
    *,
    invalid: Literal["nan", "clip"] = "nan",
    spoilt: Literal["keep", "drop", "trim"] = "keep",
    lazy: bool = False,
    return_X_y: bool = False,
) -> DataSet | tuple[pd.DataFrame, NDArray]:
    """Load the downloaded N2001 set of EMGLAB: needle EMG in controls, ALS and myopathy.

    Copies are found by their samples, regardless of their names, and left out with a warning that
    names both files. If a biceps recording also exists under the name of another muscle, the biceps
    recording is kept. If a recording exists under the names of two subjects, neither is kept.

    Parameters
    ----------
    folder : str or path-like
        Folder with the recordings (``N2001A01BB02.bin``, ``N2001A01BB02.hea`` and so on), or with
        sub-folders that contain them.
    muscle : str or sequence of str, default=None
        Muscles to load, by code or name, such as "BB" or "biceps brachii". By default, all are
        loaded.
    invalid : {"nan", "clip"}, default="nan"
        Value of samples that the recorder marked as invalid, probably because they were clipped:
        NaN ("nan") or the lower clipping value ("clip"), which is -32768 / 13.107 uV = -2.50004 mV.
    spoilt : {"keep", "drop", "trim"}, default="keep"
        How to treat recordings that are dead (all samples are equal), have clipped samples, or end
        with samples that also end another recording. "keep" marks them in the table, and "drop"
        leaves them out. "trim" cuts off such an end, and then leaves out the recordings that are
        dead or still have clipped samples.
    lazy : bool, default=False
        Whether to leave the samples in their files and put
        :class:`~sklearn_emg.recordings.SignalFile` handles into the table. Each file is still read
        once, to find spoilt recordings and copies.
    return_X_y : bool, default=False
        Whether to return only ``(data, target)``.

    Returns
    -------
    bunch : Bunch
        data : DataFrame of shape (n_recordings, 27)
            Recording table with the columns ``signal`` (in mV, float32), ``fs`` (in Hz),
            ``subject`` (such as "A01"), ``muscle``, ``region`` ("proximal", "distal" or, if
            unknown, ""), ``recording``, ``group`` (as `target`), ``site`` ("n2001"),
            ``muscle_code`` (such as "BB"), ``head`` (of the muscle: "long", "short" or ""),
            ``muscle_text``, ``side``, ``level``, ``gender``, ``diagnosis``, ``duration`` and
            ``date`` (as in the header, but side and level in lower case), ``sex`` ("M", "F" or
            ""), ``age`` and ``duration_years`` (in years; NaN if not given, and 1 for "< 1 year"),
            ``n_invalid`` (number of samples marked as invalid), ``n_clipped_high`` (number of
            samples at the upper end of the range), ``n_shared_end`` (number of samples at the end
            that also end another recording), ``clipped`` (fraction of samples at either end of the
            range), ``spoilt`` (whether the recording is spoilt), ``defect`` (the reason, or "")
            and ``annotations`` (path of the expert decomposition, or "").
        target : ndarray of shape (n_recordings,)
            Class of each recording: "ALS", "control" or "myopathy".
        target_names : ndarray of str
            Names of the classes.
        report : DataFrame
            Defects that were found, with the columns ``recording``, ``defect`` and ``action``.
        DESCR : str
            Description, terms and citation.
        describe : callable
            ``bunch.describe()`` summarises what was loaded, names the missing ones of the 22
            subjects with biceps recordings, and states known confounds.
    (data, target) : tuple
        If `return_X_y` is True.

    Raises
    ------
    FileNotFoundError
        If there is no such folder or it has no recording.
    ValueError
        If files are truncated, mislabelled, too large or incomplete (the message gives the first
        few reasons), if there is no recording of the requested muscle, or if all recordings are
        left out.

    Warns
    -----
    RecordingWarning
        If recordings are left out because they are copies or, depending on `spoilt`, because they
        are spoilt.

    See Also
    --------
    load_annotations : Read expert decompositions (``.eaf``) of the recordings.
    load_n2001_features : Load published features of the biceps recordings.

    References
    ----------
    Nikolic M. Detailed Analysis of Clinical Electromyography Signals: EMG Decomposition, Findings
    and Firing Pattern Analysis in Controls and Patients with Myopathy and Amyotrophic Lateral
    Sclerosis. PhD thesis, University of Copenhagen, 2001. The files state no licence.

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np
    >>> from sklearn_emg.datasets import load_n2001
    >>> folder = tempfile.mkdtemp()
    >>> with open(os.path.join(folder, "N2001C03BB01.hea"), "w") as file:
    ...     print("N2001C03BB01 1 23437.5 4", file=file)
    ...     print("N2001C03BB01.bin 16 13.107/uV", file=file)
    ...     print("#muscle: Biceps brachii (long head)", file=file)
    >>> samples = np.array([13107, 0, 32767, 1], dtype="<i2")
    >>> samples.tofile(os.path.join(folder, "N2001C03BB01.bin"))
    >>> X, y = load_n2001(folder, return_X_y=True)
    >>> X[["subject", "head", "region", "defect"]].iloc[0].tolist()
    ['C03', 'long', 'proximal', 'clipped: 1 sample']
    """
    if invalid not in ("nan", "clip"):
        raise ValueError(
            f"The 'invalid' parameter of load_n2001 must be 'nan' or 'clip'. Got {invalid!r}."
        )
    check_option(spoilt, _SPOILT, "spoilt", "load_n2001")
    root = existing_folder(folder, "load_n2001", _REMEDY)
    everything, left_out = _read_headers(root, _codes(muscle))
    records = _of_muscle(everything, muscle, left_out)
    chosen = {record.name for record in records}
    samples = _all_samples(everything, chosen, root, invalid == "nan")
    left_out |= {n: text for n, text in _copies(everything, samples).items() if n in chosen}
    report = [(name, text, "dropped") for name, text in left_out.items()]
    warn_of_copies(left_out, "load_n2001")
    records = [record for record in records if record.name not in left_out]
    records = _without_spoilt(records, samples, spoilt, report)
    refuse_none_left(records, report, f"load_n2001 leaves out all recordings of {root}")
    facts = pd.DataFrame([_columns(r) | _findings(samples[r.name]) for r in records])
    facts["annotations"] = [_annotations(record.header.path) for record in records]
    handles = [samples[record.name].handle for record in records]
    return as_set_or_pair(
        recording_table(handles if lazy else map(SignalFile.read, handles), **facts),
        facts["group"].to_numpy(dtype=str),
        return_X_y,
        _FACTS,
        report=pd.DataFrame(report, columns=["recording", "defect", "action"]),
    )


def _columns(record: _Record) -> dict[str, Any]:
    """Return the columns of the table that come from the name and the header of a recording."""
    facts = record.facts
    return {
        "fs": record.header.fs,
        "subject": record.subject,
        "muscle": record.muscle,
        "region": region_of(record.muscle),
        "recording": record.name,
        "group": record.group,
        "site": "n2001",
        "muscle_code": record.code,
        "head": _head(facts.get("muscle", "")),
        "muscle_text": facts.get("muscle", ""),
        "side": facts.get("side", "").lower(),
        "level": facts.get("level", "").lower(),
        "age": _number(facts.get("age", "")),
        "sex": _sex(facts.get("gender", "")),
        "gender": facts.get("gender", ""),
        "diagnosis": facts.get("diagnosis", ""),
        "duration": facts.get("duration", ""),
        "duration_years": _years(facts.get("duration", "")),
        "date": facts.get("date", ""),
    }


def _findings(samples: _Samples) -> dict[str, Any]:
    """Return the columns of the table that come from the samples of a recording."""
    return {
        "n_invalid": samples.n_invalid,
        "n_clipped_high": samples.n_clipped_high,
        "n_shared_end": samples.shared_end[0],
        "clipped": samples.clipped,
        "spoilt": bool(samples.defects),
        "defect": "; ".join(samples.defects),
    }


def _all_samples(
    records: list[_Record], chosen: set[str], root: Path, mark_invalid: bool
) -> dict[str, _Samples]:
    """Examine the samples of all readable recordings; the chosen ones must be readable."""
    found, faults = {}, []
    for record in records:
        try:
            handle = signal_file(record.header, root=root, mark_invalid=mark_invalid)
            _check_length(handle)
            found[record.name] = _examined(handle)
        except (ValueError, OSError) as error:
            if record.name in chosen:
                faults.append(str(error))
    raise_faults(
        faults, f"load_n2001 cannot read {len(faults)} of {counted(len(chosen), 'recording')}"
    )
    return found


def _stored(handle: SignalFile) -> NDArray:
    return np.fromfile(
        handle.path, dtype=handle.stored_dtype, count=handle.n_times, offset=handle.offset
    )


def _examined(handle: SignalFile) -> _Samples:
    stored = _stored(handle)
    if stored.size == 0:
        raise ValueError(f"{handle.path} has no samples; download it again.")
    return _Samples(
        handle,
        n_invalid=int((stored == _INVALID).sum()),
        n_clipped_high=int((stored == _HIGHEST).sum()),
        is_dead=bool(np.ptp(stored.astype(np.int32)) == 0),
        content=hashlib.sha256(stored.tobytes()).digest(),
        end=stored[-_MIN_COMPARED:].tobytes(),
    )


def _content(record: _Record, samples: _Samples) -> Stored:
    """Return the properties of a recording that are compared to find copies."""
    content = samples.content if samples.is_comparable else None
    return Stored(record.name, record.subject, content, record.code in _MUSCLES)


def _copies(records: list[_Record], samples: dict[str, _Samples]) -> dict[str, str]:
    """Return the copies to leave out, with the reasons, and store shared ends in `samples`."""
    stored = [
        _content(record, samples[record.name]) for record in records if record.name in samples
    ]
    left_out = copies(stored)
    groups: dict[bytes, list[str]] = {}
    for recording in stored:
        found = samples[recording.name]
        if recording.name not in left_out and found.is_comparable:
            groups.setdefault(found.end, []).append(recording.name)
    for end, names in groups.items():
        if len(names) > 1 and end != end[:2] * _MIN_COMPARED:  # a silent end is not a copy
            ends = shared_ends({name: _stored(samples[name].handle) for name in names})
            for name, shared in ends.items():
                samples[name].shared_end = shared
    return left_out


def _without_spoilt(
    records: list[_Record],
    samples: dict[str, _Samples],
    spoilt: str,
    report: list[tuple[str, str, str]],
) -> list[_Record]:
    """Return the recordings to load, and add the defects of all recordings to the report."""
    left, dropped = [], []
    for record in records:
        found = samples[record.name]
        action = "kept" if spoilt == "keep" else "dropped"
        if spoilt == "trim" and found.shared_end[0]:
            report.append((record.name, found.defects[-1], "trimmed"))
            samples[record.name] = found = _trimmed(found)
        report += [(record.name, text, action) for text in found.defects]
        if found.defects and action == "dropped":
            dropped.append(f"{record.name} ({'; '.join(found.defects)})")
        else:
            left.append(record)
    if dropped:
        warn_of_recordings(
            f"load_n2001 leaves out {counted(len(dropped), 'spoilt recording')}: "
            f"{', '.join(dropped)}."
        )
    return left


def _trimmed(samples: _Samples) -> _Samples:
    """Return the samples of a recording without the end that it shares with another."""
    handle = samples.handle
    return _examined(
        SignalFile(
            handle.path,
            offset=handle.offset,
            length=handle.n_times - samples.shared_end[0],
            dtype=handle.stored_dtype,
            scale=handle.scale,
            baseline=handle.baseline,
            invalid=handle.invalid,
        )
    )


def _check_length(handle: SignalFile) -> None:
    if handle.n_times > _MAX_SAMPLES:
        raise ValueError(
            f"{handle.path} has {handle.n_times} samples according to its header; recordings of "
            f"N2001 have about 262144, and at most {_MAX_SAMPLES} are read. Download it again."
        )


def _codes(muscle: str | Sequence[str] | None) -> set[str] | None:
    """Return the codes of the requested muscles; None if they can only be found in the headers."""
    if muscle is None:
        return None
    known = {name: code for code, name in _MUSCLES.items()}
    names = [m.casefold() for m in ([muscle] if isinstance(muscle, str) else muscle)]
    codes = {known.get(name, name.upper()) for name in names}
    return codes if all(re.fullmatch("[A-Z]{2}", code) for code in codes) else None


def _read_headers(root: Path, codes: set[str] | None) -> tuple[list[_Record], dict[str, str]]:
    """Read the headers; return the recordings and those to leave out as copies of others.

    Faults in the files of muscles that are not requested are ignored.
    """
    headers, samples, faults = _find(root)
    records, left_out = [], {}
    for name in sorted(headers):
        try:
            records.append(_record(read_header(headers[name], root)))
        except (ValueError, OSError) as error:
            if original := _original(name, headers, samples, root):
                left_out[headers[name].stem] = f"copy of {headers[original].stem}"
            else:
                faults.append((name, str(error)))
    for name in sorted(samples.keys() - headers.keys()):
        path = samples[name]
        if original := _original_samples(path, records, samples, root):
            left_out[path.stem] = f"copy of {original}"
        else:
            faults.append((name, f"{path} has no header {path.stem}.hea; download it again."))
    texts = [text for name, text in faults if _is_of(codes, name)]
    raise_faults(texts, f"load_n2001 cannot use {counted(len(texts), 'file')} of {root}")
    return records, {name: text for name, text in left_out.items() if _is_of(codes, name)}


def _is_of(codes: set[str] | None, name: str) -> bool:
    return codes is None or _NAME.findall(name)[0][2].upper() in codes


def _find(root: Path) -> tuple[dict[str, Path], dict[str, Path], list[tuple[str, str]]]:
    """Return headers and sample files by name, and an error for each name that occurs twice."""
    headers: dict[str, Path] = {}
    samples: dict[str, Path] = {}
    faults = []
    for parent, folders, names in os.walk(root):
        folders.sort()
        for name in sorted(names):
            path = Path(parent, name)
            kind = {".hea": headers, ".bin": samples}.get(path.suffix.lower())
            if kind is None or not _NAME.fullmatch(path.stem):
                continue
            other = kind.setdefault(path.stem.upper(), path)
            if other != path:
                text = f"{path} exists twice, also as {other}; remove one of them."
                faults.append((path.stem, text))
    if not headers and not samples:
        raise FileNotFoundError(
            f"load_n2001: {root} and its sub-folders have no file like N2001A01BB02.hea. {_REMEDY}"
        )
    return headers, samples, faults


def _original(name: str, headers: dict[str, Path], samples: dict[str, Path], root: Path) -> str:
    """Return the name of the recording of which this one is a renamed copy, or ""."""
    try:
        content = read_bytes(regular_file(headers[name], root), _MAX_HEADER)
    except (ValueError, OSError):
        return ""
    other = content.lstrip().split(None, 1)[0].decode("latin-1").upper()
    pairs = [(paths.get(name), paths.get(other)) for paths in (headers, samples)]
    if other == name or not all(a and b and _same_bytes(a, b, root) for a, b in pairs):
        return ""
    return other


def _original_samples(
    path: Path, records: list[_Record], samples: dict[str, Path], root: Path
) -> str:
    """Return the name of the recording whose samples the file repeats, or ""."""
    for record in records:
        own = samples.get(record.name.upper())
        if own is not None and _same_bytes(path, own, root):
            return record.name
    return ""


def _same_bytes(first: Path, second: Path, root: Path) -> bool:
    try:
        return filecmp.cmp(regular_file(first, root), regular_file(second, root), shallow=False)
    except (ValueError, OSError):
        return False


def _record(header: Header) -> _Record:
    [(letter, number, code, _)] = _NAME.findall(header.path.stem)
    facts = {}
    for comment in header.comments:
        key, _, value = comment.partition(":")
        facts[key.strip().lower()] = value.strip()
    group = _GROUPS[letter.upper()]
    if len(header.signals) != 1 or header.signals[0].fmt != "16":
        raise ValueError(f"{header.path} must describe one signal of format 16, as in N2001.")
    file = header.signals[0].file
    if Path(file).stem.casefold() != header.path.stem.casefold():
        raise ValueError(
            f"{header.path} has its samples in {file!r}, which is a file of another recording. One "
            "of the two is mislabelled; download both again."
        )
    diagnosis = facts.get("diagnosis", "")
    meant = [name for name, pattern in _DIAGNOSES.items() if pattern.search(diagnosis)]
    if meant and group not in meant:
        raise ValueError(
            f"{header.path} belongs to the group {group!r} according to its name, but its "
            f"diagnosis is {diagnosis!r}. One of the two is wrong; download the file again."
        )
    return _Record(header, f"{letter.upper()}{number}", group, code.upper(), facts)


def _of_muscle(
    records: list[_Record], muscle: str | Sequence[str] | None, left_out: dict[str, str]
) -> list[_Record]:
    if muscle is None:
        return records
    wanted = {m.casefold() for m in ([muscle] if isinstance(muscle, str) else muscle)}
    left = [
        r
        for r in records
        if wanted & {r.code.casefold(), r.muscle.casefold(), r.facts.get("muscle", "").casefold()}
    ]
    if not left and not left_out:
        there = sorted({f"{r.code} ({r.muscle})" for r in records})
        raise ValueError(
            f"The 'muscle' parameter of load_n2001 must name a muscle in the folder: "
            f"{', '.join(there)}. Got {muscle!r}."
        )
    return left


def _annotations(header: Path) -> str:
    path = header.with_suffix(".eaf")
    return str(path) if path.is_file() else ""


def _number(text: str) -> float:
    match = re.match(r"\d+(\.\d+)?", text)
    return float(match[0]) if match else np.nan


def _head(muscle: str) -> str:
    match = re.search(r"\b(long|short) head\b", muscle, re.IGNORECASE)
    return match[1].lower() if match else ""


def _sex(text: str) -> str:
    return text[:1].upper() if text[:1].upper() in ("F", "M") else ""


def _years(text: str) -> float:
    """Return the years in a text like "26 years" or "< 1 month"; a bound counts as the number."""
    match = re.search(r"(\d+(?:\.\d+)?)\s*(year|month|week|day)?", text, re.IGNORECASE)
    if match is None:
        return np.nan
    per_year = {"month": 12.0, "week": 52.0, "day": 365.0}
    return float(match[1]) / per_year.get((match[2] or "year").lower(), 1.0)
