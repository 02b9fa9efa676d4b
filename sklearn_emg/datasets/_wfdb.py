"""Loader for records in the WFDB format."""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable, Iterable, Sequence
from pathlib import Path
from typing import Any, Literal, overload

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sklearn_emg._tables import counted, listed
from sklearn_emg.datasets._base import as_set_or_pair, raise_faults
from sklearn_emg.datasets._description import DataSet, SetFacts
from sklearn_emg.datasets._wfdb_format import (
    Header,
    SignalSpec,
    read_header,
    read_record,
    signal_file,
)
from sklearn_emg.recordings import SignalFile, recording_table

_FACTS = SetFacts(
    title="Records in the WFDB format",
    about="Records that were read from their files.",
    source="the source of the records; on PhysioNet, the page of the data set",
    licence="the licence given by the source",
    cite="the citation given by the source",
)

# Limits on values that a header announces as missing: in total, or per value in a file.
_MAX_GAP = 2**24
_MAX_GAP_RATIO = 100

_PathLike = str | os.PathLike[str]


@overload
def load_wfdb(
    paths: _PathLike | Iterable[_PathLike],
    *,
    subject: Hashable | Sequence[Hashable] | Callable[[str], Hashable],
    target: Hashable | Sequence[Hashable] | Callable[[str], Hashable] | None = ...,
    channels: Sequence[int | str] | None = ...,
    lazy: bool = ...,
    verify: bool = ...,
    return_X_y: Literal[False] = ...,
) -> DataSet: ...


@overload
def load_wfdb(
    paths: _PathLike | Iterable[_PathLike],
    *,
    subject: Hashable | Sequence[Hashable] | Callable[[str], Hashable],
    target: Hashable | Sequence[Hashable] | Callable[[str], Hashable] | None = ...,
    channels: Sequence[int | str] | None = ...,
    lazy: bool = ...,
    verify: bool = ...,
    return_X_y: Literal[True],
) -> tuple[pd.DataFrame, NDArray]: ...


def load_wfdb(
    paths: _PathLike | Iterable[_PathLike],
    *,
    subject: Hashable | Sequence[Hashable] | Callable[[str], Hashable],
    target: Hashable | Sequence[Hashable] | Callable[[str], Hashable] | None = None,
    channels: Sequence[int | str] | None = None,
    lazy: bool = False,
    verify: bool = True,
    return_X_y: bool = False,
) -> DataSet | tuple[pd.DataFrame, NDArray]:
    """Load records in the WFDB format, which PhysioNet uses.

    Headers and signal files are not trusted: no file outside the folder of the header is read, even
    if the header or a link names it, and a file that is truncated, empty, damaged or inconsistent
    with its header raises an error that names it.

    Parameters
    ----------
    paths : path-like or iterable of path-like
        Records, given as ``folder/name`` with or without ``.hea``, or folders, from which all
        records are loaded.
    subject : hashable, sequence of hashable or callable
        Subject of the records: one for all, one per record, or a function of the name of a record,
        such as ``lambda name: name[:3]``. There is no default, since an evaluation is biased if one
        subject counts as two.
    target : hashable, sequence of hashable or callable, default=None
        Labels of the records, given in the same way as `subject`.
    channels : sequence of int or str, default=None
        Signals to read, by position or by name. By default, all are read. Signals that are not
        voltages must be left out.
    lazy : bool, default=False
        Whether to leave the samples in their files and put
        :class:`~sklearn_emg.recordings.SignalFile` handles into the table. This is possible for the
        formats 16, 32, 61, 80 and 160 with one file per record.
    verify : bool, default=True
        Whether to compare the samples with the checksums in the header, if it has any. With
        ``lazy=True``, samples are neither read nor compared.
    return_X_y : bool, default=False
        Whether to return only ``(data, target)``.

    Returns
    -------
    bunch : Bunch
        data : DataFrame of shape (n_records, 6)
            Recording table with the columns ``signal``, ``fs`` (in Hz), ``subject``,
            ``channel_names`` and ``comments`` (both as in the header), and ``recording`` (name
            of the record). Signals are in mV and float32, or float64 if float32 is too coarse for
            the step of the converter. Their shape is ``(n_channels, n_times)``, or ``(n_times,)``
            for a record with one signal if `channels` is None. Samples are NaN if they are marked
            as invalid or their segment is missing.
        target : ndarray of shape (n_records,) or None
            Labels of the records.
        target_names : ndarray or None
            Names of the classes.
        ch_names : list of list of str
            Names of the signals of each record, as in the header.
        DESCR : str
            Description.
        describe : callable
            ``bunch.describe()`` summarises what was loaded.
    (data, target) : tuple
        If `return_X_y` is True.

    Raises
    ------
    FileNotFoundError
        If there is no such record.
    ValueError
        If records cannot be read (the message gives the first few reasons), if the length of
        `subject` or `target` is not the number of records, or if `return_X_y` is True without a
        `target`.
    ImportError
        If a FLAC format is read and soundfile is not installed.

    See Also
    --------
    fetch_emgdb : Fetch example recordings of PhysioNet.
    load_n2001 : Load the N2001 set, with facts from its file names and headers.

    Notes
    -----
    Samples are ``(stored - baseline) / gain`` in the unit of the header, which may be spelled uV,
    µV, mV, mv, V and so on. A signal without a gain raises an error, since its scale in mV is
    unknown. Segments of a record are joined, with NaN for segments or signals that are missing. A
    skewed signal is shifted to its true time, with NaN at the end. All formats of signal(5) are
    read; the FLAC formats 508, 516 and 524 need soundfile, which the extra ``formats`` installs.

    References
    ----------
    WFDB applications guide, header(5) and signal(5), https://physionet.org/physiotools/wag/

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np
    >>> from sklearn_emg.datasets import load_wfdb
    >>> folder = tempfile.mkdtemp()
    >>> with open(os.path.join(folder, "s1a.hea"), "w") as file:
    ...     _ = file.write("s1a 1 1000 4" + os.linesep + "s1a.dat 16 200/uV")
    >>> np.array([0, 200, -200, 100], dtype="<i2").tofile(os.path.join(folder, "s1a.dat"))
    >>> bunch = load_wfdb(folder, subject=lambda name: name[:2])
    >>> bunch.data["signal"].iloc[0], bunch.data["subject"].iloc[0]
    (array([ 0.    ,  0.001 , -0.001 ,  0.0005], dtype=float32), 's1')
    """
    if return_X_y and target is None:
        raise ValueError("load_wfdb: return_X_y=True needs a 'target'.")
    headers = _headers(paths)
    names = [header.name for header in headers]
    subjects = _per_record("subject", subject, names)
    labels = None if target is None else np.asarray(_per_record("target", target, names))
    signals, rates, ch_names, faults = [], [], [], []
    for header in headers:
        try:
            signal, fs, channel_names = _read(header, channels, lazy, verify)
        except (ValueError, OSError) as error:
            faults.append(str(error))
            continue
        signals.append(signal)
        rates.append(fs)
        ch_names.append(channel_names)
    raise_faults(
        faults, f"load_wfdb cannot read {len(faults)} of {counted(len(headers), 'record')}"
    )
    table = recording_table(
        signals,
        fs=rates,
        subject=subjects,
        channel_names=ch_names,
        recording=names,
        comments=["\n".join(c.strip() for c in header.comments) for header in headers],
    )
    return as_set_or_pair(table, labels, return_X_y, _FACTS, ch_names=ch_names)


def _read_headers(path: Path, faults: list[str]) -> list[Header]:
    """Read the headers of a record or folder; add those that cannot be read to `faults`."""
    found = sorted(path.glob("*.hea")) if path.is_dir() else [_header_path(path)]
    if not found:
        raise FileNotFoundError(f"load_wfdb: the folder {path} has no WFDB header, *.hea.")
    headers = []
    for file in found:
        try:
            headers.append(read_header(file))
        except (ValueError, OSError) as error:
            faults.append(str(error))
    return headers


def _headers(paths: _PathLike | Iterable[_PathLike]) -> list[Header]:
    given = [paths] if isinstance(paths, (str, os.PathLike)) else list(paths)
    if not given:
        raise ValueError("load_wfdb: 'paths' is empty; give records or folders.")
    headers: list[Header] = []
    faults: list[str] = []
    for path in map(Path, given):
        read = _read_headers(path, faults)
        # The segments of a record have their own headers, but are not records.
        segments = {name for header in read for name, _ in header.segments}
        headers += [h for h in read if not (path.is_dir() and h.name in segments)]
    raise_faults(faults, f"load_wfdb cannot read {counted(len(faults), 'header')}")
    return headers


def _header_path(path: Path) -> Path:
    for candidate in (path, path.with_name(path.name + ".hea"), path.with_suffix(".hea")):
        if candidate.suffix == ".hea" and os.path.lexists(candidate):
            return candidate
    raise FileNotFoundError(
        f"load_wfdb: there is no record {path}; its header {path.name.removesuffix('.hea')}.hea "
        "must be next to its samples."
    )


def _per_record(name: str, value: Any, records: list[str]) -> list[Hashable]:
    if callable(value):
        return [value(record) for record in records]
    value = listed(value)
    if isinstance(value, (str, bytes)) or np.ndim(value) == 0:
        return [value] * len(records)
    if len(value) != len(records):
        raise ValueError(
            f"The {name!r} parameter of load_wfdb must be one value for all, one per record, or a "
            f"function of the record's name. Got {counted(len(value), 'value')} for "
            f"{counted(len(records), 'record')}: "
            f"{', '.join(records[:5])}{' ...' if len(records) > 5 else ''}."
        )
    return list(value)


def _read(
    header: Header, channels: Sequence[int | str] | None, lazy: bool, verify: bool
) -> tuple[SignalFile | NDArray[np.floating], float, list[str]]:
    if header.segments:
        if lazy:
            raise ValueError(f"{header.path} has several segments; use lazy=False.")
        signal, fs, names = _read_segments(header, channels, verify)
    else:
        wanted = _positions(header, header.signals, channels)
        names = [header.signals[c].name for c in wanted]
        if lazy:
            return signal_file(header, None if channels is None else wanted), header.fs, names
        signal, fs = read_record(header, wanted, verify=verify)
    return signal[0] if len(signal) == 1 and channels is None else signal, fs, names


def _positions(
    header: Header, signals: Sequence[SignalSpec], channels: Sequence[int | str] | None
) -> list[int]:
    if channels is None:
        return list(range(len(signals)))
    names = [spec.name for spec in signals]
    wanted = [names.index(c) if c in names else c for c in channels]
    if not wanted or any(c not in range(len(names)) for c in wanted):
        raise ValueError(
            f"{header.path} has the signals {names}; the 'channels' parameter of load_wfdb must "
            f"contain some of these or positions from 0 to {len(names) - 1}. Got {list(channels)}."
        )
    return [int(c) for c in wanted]


def _read_segments(
    header: Header, channels: Sequence[int | str] | None, verify: bool
) -> tuple[NDArray[np.floating], float, list[str]]:
    """Join segments, with NaN where one is missing or lacks a signal."""
    parts = [None if name == "~" else _segment(header, name) for name, _ in header.segments]
    layout = next((part for part in parts if part is not None), None)
    if layout is None:
        raise ValueError(f"{header.path} has no segment with samples.")
    wanted = _positions(header, layout.signals, channels)
    names = [layout.signals[c].name for c in wanted]
    # A first segment of length 0 only describes signals; later segments match these by name.
    by_name = header.segments[0][1] == 0
    _check_layout(header, layout, parts, by_name)
    pieces = [
        _piece(header, part, length, names, None if by_name else wanted, verify)
        for part, (_, length) in zip(parts, header.segments)
    ]
    _check_missing(header, len(wanted), sum(values.size for _, values in pieces))
    dtype = np.result_type(*(values.dtype for _, values in pieces))
    signal = np.full((len(wanted), sum(v.shape[1] for _, v in pieces)), np.nan, dtype=dtype)
    start = 0
    for rows, values in pieces:
        signal[rows, start : start + values.shape[1]] = values
        start += values.shape[1]
    return signal, header.fs, names


def _check_layout(
    header: Header, layout: Header, parts: list[Header | None], by_name: bool
) -> None:
    """Raise if the segments do not have the announced number of signals or differ in names."""
    if len(layout.signals) != header.n_signals:
        raise ValueError(
            f"{header.path} announces {counted(header.n_signals, 'signal')}, but "
            f"{layout.path.name} has {len(layout.signals)}; correct one of the headers."
        )
    for part in filter(None, parts):
        if not by_name and _differ(part.signals, layout.signals):
            raise ValueError(
                f"{header.path}: {part.path.name} has the signals {_names_of(part)}, but "
                f"{layout.path.name} has {_names_of(layout)}; the segments of a record must have "
                "the same signals in one order."
            )


def _names_of(header: Header) -> list[str]:
    return [spec.name for spec in header.signals]


def _differ(first: Sequence[SignalSpec], second: Sequence[SignalSpec]) -> bool:
    """Return whether signals at the same position have different names."""
    return any(a.name and b.name and a.name != b.name for a, b in zip(first, second))


def _check_missing(header: Header, n_channels: int, n_present: int) -> None:
    """Raise if a header announces many samples that are in no file, or another total."""
    total = sum(length for _, length in header.segments)
    missing = n_channels * total - n_present
    if missing > max(_MAX_GAP, _MAX_GAP_RATIO * n_present):
        raise ValueError(
            f"{header.path} announces {missing} missing values but contains only "
            f"{counted(n_present, 'value')}."
        )
    if header.n_times not in (None, total):
        raise ValueError(
            f"{header.path} announces {counted(header.n_times or 0, 'sample')}, but its segments "
            f"have {total}; correct the header or obtain a new copy."
        )


def _piece(
    header: Header,
    part: Header | None,
    length: int,
    names: list[str],
    positions: list[int] | None,
    verify: bool,
) -> tuple[list[int], NDArray[np.floating]]:
    """Return the rows of the signal that a segment fills, and the samples of these rows."""
    rows = _rows(part, names, positions is None)
    if part is None or not length or not rows:
        return rows if length else [], np.empty((0, length), dtype=np.float32)
    own = [spec.name for spec in part.signals]
    found = [own.index(names[i]) if positions is None else positions[i] for i in rows]
    return rows, _checked_piece(header, part, found, length, verify)


def _rows(part: Header | None, names: list[str], by_name: bool) -> list[int]:
    """Return the rows of the signal that a segment fills."""
    if part is None:
        return []
    own = {spec.name for spec in part.signals}
    return [i for i, name in enumerate(names) if not by_name or name in own]


def _checked_piece(
    header: Header, part: Header, positions: list[int], length: int, verify: bool
) -> NDArray[np.floating]:
    if max(positions) >= len(part.signals):
        raise ValueError(
            f"{part.path} has {counted(len(part.signals), 'signal')}, fewer than other segments."
        )
    values, fs = read_record(part, positions, verify=verify)
    if fs != header.fs or values.shape[1] != length:
        raise ValueError(
            f"{part.path} has {counted(values.shape[1], 'sample')} at {fs:g} Hz, but "
            f"{header.path.name} announces {length} at {header.fs:g} Hz."
        )
    return values


def _segment(header: Header, name: str) -> Header:
    segment = read_header(header.path.parent / f"{name}.hea")
    if segment.segments:
        raise ValueError(f"{header.path} has the segment {name!r}, which has segments itself.")
    return segment
