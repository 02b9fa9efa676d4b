"""Loader of EMGLAB's N2001 set."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, overload

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils import Bunch

from sklearn_emg.datasets._base import as_bunch_or_pair, existing_folder, raise_faults
from sklearn_emg.datasets._wfdb_format import Header, read_header, signal_file
from sklearn_emg.recordings import SignalFile, recording_table

_DESCR = """N2001
=====
Concentric needle EMG in low-level steady isometric contraction, 23437.5 Hz, 11.2 s a recording,
of controls and of patients with amyotrophic lateral sclerosis (ALS) or myopathy.

Source: EMGLAB, http://www.emglab.net (contributed by Miki Nikolic, Dept. of Clinical
Neurophysiology, Rigshospitalet, Copenhagen)
Licence: the files state none. Use them for research with citation, and do not redistribute them.
Cite: Nikolic M. Detailed Analysis of Clinical Electromyography Signals: EMG Decomposition,
Findings and Firing Pattern Analysis in Controls and Patients with Myopathy and Amytrophic Lateral
Sclerosis. PhD thesis, Faculty of Health Science, University of Copenhagen, 2001.
McGill KC, Lateva ZC, Marateb HR. EMGLAB: an interactive EMG decomposition program. J Neurosci
Methods 2005;149:121-133.

The code -32768 marks an invalid sample, probably one clipped below -2.5 mV. Samples clipped above
2.5 mV stay numbers.
"""

_REMEDY = "Download N2001 from http://www.emglab.net, unpack it and give the folder."
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


@dataclass(frozen=True)
class _Record:
    header: Header
    subject: str
    group: str
    code: str
    facts: dict[str, str]

    @property
    def muscle(self) -> str:
        return _MUSCLES.get(self.code) or self.facts.get("muscle", "").lower() or self.code


@overload
def load_n2001(
    folder: str | os.PathLike[str],
    muscle: str | Sequence[str] | None = ...,
    *,
    invalid: Literal["nan", "clip"] = ...,
    lazy: bool = ...,
    return_X_y: Literal[False] = ...,
) -> Bunch: ...


@overload
def load_n2001(
    folder: str | os.PathLike[str],
    muscle: str | Sequence[str] | None = ...,
    *,
    invalid: Literal["nan", "clip"] = ...,
    lazy: bool = ...,
    return_X_y: Literal[True],
) -> tuple[pd.DataFrame, NDArray]: ...


def load_n2001(
    folder: str | os.PathLike[str],
    muscle: str | Sequence[str] | None = None,
    *,
    invalid: Literal["nan", "clip"] = "nan",
    lazy: bool = False,
    return_X_y: bool = False,
) -> Bunch | tuple[pd.DataFrame, NDArray]:
    """Load your download of EMGLAB's N2001 set: control, ALS and myopathy, needle EMG.

    Parameters
    ----------
    folder : str or path-like
        Folder with the recordings, ``N2001A01BB02.bin`` and ``N2001A01BB02.hea`` and so on, or with
        sub-folders that contain them.
    muscle : str or sequence of str, default=None
        Muscles to load, by code or name, "BB" or "biceps brachii". By default all are loaded.
    invalid : {"nan", "clip"}, default="nan"
        Value of samples that the recorder marked as invalid, probably because they were clipped:
        NaN, or the lower clipping value, -32768 / 13.107 uV = -2.50004 mV.
    lazy : bool, default=False
        Whether to leave the samples in their files, with
        :class:`~sklearn_emg.recordings.SignalFile` handles in the table. Each file is still read
        once, to count its clipped samples.
    return_X_y : bool, default=False
        Whether to return only ``(data, target)``.

    Returns
    -------
    bunch : Bunch
        data : DataFrame of shape (n_recordings, 17)
            Recording table: ``signal`` in mV, float32; ``fs`` in Hz; ``subject``, "A01" ...;
            ``muscle``; ``recording``; ``group``, as `target`; ``muscle_code``, "BB";
            ``muscle_text``, ``side``, ``level``, ``gender``, ``diagnosis`` and ``duration`` as in
            the header (side and level in lower case), ``age`` in years, NaN where it is not
            given; ``n_invalid``, samples marked invalid; ``n_clipped_high``, samples at the upper
            end of the range; ``annotations``, path of the expert decomposition or "".
        target : ndarray of shape (n_recordings,)
            "ALS", "control" or "myopathy".
        target_names : ndarray of str
        DESCR : str
            Description, terms and citation.
    (data, target) : tuple
        If `return_X_y` is True.

    Raises
    ------
    FileNotFoundError
        If there is no such folder or it has no recording.
    ValueError
        If files are truncated, mislabelled, too large or incomplete, each named with the reason, or
        if no recording is of the requested muscle.

    See Also
    --------
    load_annotations : Read expert decompositions of the recordings, ``.eaf``.
    load_n2001_features : Load published features of the biceps recordings.

    References
    ----------
    Nikolic M. Detailed Analysis of Clinical Electromyography Signals: EMG Decomposition, Findings
    and Firing Pattern Analysis in Controls and Patients with Myopathy and Amytrophic Lateral
    Sclerosis. PhD thesis, University of Copenhagen, 2001. The files state no licence.

    Examples
    --------
    >>> from sklearn_emg.datasets import load_n2001
    >>> X, y = load_n2001("N2001", muscle="BB", lazy=True, return_X_y=True)  # doctest: +SKIP
    >>> X["subject"].nunique(), X["fs"].unique()  # doctest: +SKIP
    (25, array([23437.5]))
    """
    if invalid not in ("nan", "clip"):
        raise ValueError(
            f"The 'invalid' parameter of load_n2001 must be 'nan' or 'clip'. Got {invalid!r}."
        )
    root = existing_folder(folder, "load_n2001", _REMEDY)
    records = _of_muscle(_read_headers(root), muscle)
    signals, counts, faults = [], [], []
    for record in records:
        try:
            handle = signal_file(record.header, root=root, mark_invalid=invalid == "nan")
            _check_length(handle)
            counts.append(_count(handle))
            signals.append(handle if lazy else handle.read())
        except (ValueError, OSError) as error:
            faults.append(str(error))
    raise_faults(faults, f"load_n2001 cannot read {len(faults)} of {len(records)} recordings")
    facts = pd.DataFrame([_columns(record) for record in records])
    facts["n_invalid"] = [n_invalid for n_invalid, _ in counts]
    facts["n_clipped_high"] = [n_high for _, n_high in counts]
    facts["annotations"] = [_annotations(record.header.path) for record in records]
    table = recording_table(signals, **facts)
    target = np.array([record.group for record in records])
    return as_bunch_or_pair(table, target, return_X_y, DESCR=_DESCR)


def _columns(record: _Record) -> dict[str, Any]:
    """Columns of the table that come from the name and the header of a recording."""
    facts = record.facts
    return {
        "fs": record.header.fs,
        "subject": record.subject,
        "muscle": record.muscle,
        "recording": record.header.path.stem,
        "group": record.group,
        "muscle_code": record.code,
        "muscle_text": facts.get("muscle", ""),
        "side": facts.get("side", "").lower(),
        "level": facts.get("level", "").lower(),
        "age": _number(facts.get("age", "")),
        "gender": facts.get("gender", ""),
        "diagnosis": facts.get("diagnosis", ""),
        "duration": facts.get("duration", ""),
    }


def _check_length(handle: SignalFile) -> None:
    if handle.n_times > _MAX_SAMPLES:
        raise ValueError(
            f"{handle.path} has {handle.n_times} samples by its header; recordings of N2001 have "
            f"some 262144, and {_MAX_SAMPLES} at most are read. Get it again."
        )


def _read_headers(root: Path) -> list[_Record]:
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
                faults.append(f"{path} is there a second time, as {other}; remove one of them.")
    if not headers and not samples:
        raise FileNotFoundError(
            f"load_n2001: {root} has no file like N2001A01BB02.hea, nor have its sub-folders. "
            f"{_REMEDY}"
        )
    faults += [
        f"{samples[name]} has no header {samples[name].stem}.hea; get it again."
        for name in sorted(samples.keys() - headers.keys())
    ]
    records = []
    for name in sorted(headers):
        try:
            records.append(_record(read_header(headers[name], root)))
        except (ValueError, OSError) as error:
            faults.append(str(error))
    raise_faults(faults, f"load_n2001 cannot use {len(faults)} files of {root}")
    return records


def _record(header: Header) -> _Record:
    [(letter, number, code, _)] = _NAME.findall(header.path.stem)
    facts = {}
    for comment in header.comments:
        key, _, value = comment.partition(":")
        facts[key.strip().lower()] = value.strip()
    group = _GROUPS[letter.upper()]
    if len(header.signals) != 1 or header.signals[0].fmt != "16":
        raise ValueError(f"{header.path} must describe one signal of format 16, as N2001 has it.")
    file = header.signals[0].file
    if Path(file).stem.casefold() != header.path.stem.casefold():
        raise ValueError(
            f"{header.path} has its samples in {file!r}, those of another recording. One of the "
            "two is mislabelled; get it again."
        )
    diagnosis = facts.get("diagnosis", "")
    meant = [name for name, pattern in _DIAGNOSES.items() if pattern.search(diagnosis)]
    if meant and group not in meant:
        raise ValueError(
            f"{header.path} is {group} by its name and {diagnosis!r} by its diagnosis. One of the "
            "two is mislabelled; get it again."
        )
    return _Record(header, f"{letter.upper()}{number}", group, code.upper(), facts)


def _of_muscle(records: list[_Record], muscle: str | Sequence[str] | None) -> list[_Record]:
    if muscle is None:
        return records
    wanted = {m.casefold() for m in ([muscle] if isinstance(muscle, str) else muscle)}
    left = [
        r
        for r in records
        if wanted & {r.code.casefold(), r.muscle.casefold(), r.facts.get("muscle", "").casefold()}
    ]
    if not left:
        there = sorted({f"{r.code} ({r.muscle})" for r in records})
        raise ValueError(
            f"The 'muscle' parameter of load_n2001 must name a muscle in the folder: "
            f"{', '.join(there)}. Got {muscle!r}."
        )
    return left


def _count(handle: SignalFile) -> tuple[int, int]:
    """Number of samples that are marked invalid, and of samples at the upper end of the range."""
    stored = np.fromfile(
        handle.path, dtype=handle.stored_dtype, count=handle.n_times, offset=handle.offset
    )
    return int((stored == _INVALID).sum()), int((stored == _HIGHEST).sum())


def _annotations(header: Path) -> str:
    path = header.with_suffix(".eaf")
    return str(path) if path.is_file() else ""


def _number(text: str) -> float:
    match = re.match(r"\d+(\.\d+)?", text)
    return float(match[0]) if match else np.nan
