"""Content of a file as a reader found it, and its conversion to rows of a recording table."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sklearn_emg._tables import counted
from sklearn_emg.io._copies import problems_of_copies
from sklearn_emg.io._kinds import is_counts
from sklearn_emg.recordings import SignalFile, is_voltage, millivolts_per

# Channels of one rate whose lengths differ by no more than this are cut to the shortest.
_RAGGED_END = 0.05  # s

# Number of samples that are checked in a channel that is left in its file.
_N_CHECKED = 100_000

# RMS in mV: no muscle exceeds the first limit; the second is below the noise of any amplifier.
_MAX_RMS = 10.0
_MIN_RMS = 5e-4
# Minimum number of runs of equal samples at which samples count as repeated.
_MIN_RUNS = 100
# Range of plausible sampling rates of EMG in Hz, as in check_quality.
_MIN_RATE, _MAX_RATE = 100.0, 2e5


class Annotation(NamedTuple):
    """Label of an interval or a moment of a recording, as the file gives it.

    Attributes
    ----------
    onset : float
        Time of the beginning in s after the first sample.
    duration : float or None
        Duration in s; None for a single moment.
    label : hashable
        The label or the text of the event.
    source : str
        Where the label comes from: the name of a label column, "EDF", "C3D", "WFDB", "comments",
        "events.tsv" or, for interruptions, "gap".
    """

    onset: float
    duration: float | None
    label: Any
    source: str = ""


class AuxiliaryChannel(NamedTuple):
    """Channel that is not EMG, such as acceleration, force, angle, trigger or temperature.

    Attributes
    ----------
    name, kind, unit : str
        Name of the channel, its kind (such as "force") and its unit, which is empty if the file
        gives none.
    fs : float
        Sampling rate in Hz.
    values : ndarray of shape (n_times,)
        Samples in `unit`.
    """

    name: str
    kind: str
    unit: str
    fs: float
    values: NDArray


@dataclass
class Channel:
    """One channel in the unit of its file, as an array or as a handle to samples in the file.

    ``to_mv`` is the factor to mV. It is None if the unit is not a voltage or not in the file.
    """

    name: str
    values: NDArray | SignalFile
    fs: float | None
    unit: str | None = None
    kind: str = "emg"
    to_mv: float | None = None
    alias: str | None = None
    limits: tuple[float, float] | None = None  # range in `unit` that the file states

    def __post_init__(self) -> None:
        if self.to_mv is None and self.unit and is_voltage(self.unit):
            self.to_mv = millivolts_per(self.unit)


@dataclass
class FileContent:
    """Everything that one file holds, before channels are selected and converted."""

    path: Path
    form: str
    channels: list[Channel]
    start_time: dt.datetime | None = None
    annotations: list[Annotation] = field(default_factory=list)
    subject: Hashable | None = None
    problems: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    details: dict[str, Any] = field(default_factory=dict)
    columns: dict[str, Any] = field(default_factory=dict)
    # Types of columns as named by pandas, where the file states them.
    dtypes: dict[str, str] = field(default_factory=dict)
    # Label columns by name, with one value per sample.
    labels: dict[str, NDArray] = field(default_factory=dict)
    # Rate of the time stamps in Hz, where the file has both a rate and time stamps.
    clock_fs: float | None = None
    # Unit of a table that is already in counts or mV; it is used if the caller passes none.
    unit: str | None = None
    # The other recordings of a file that holds several.
    others: list[FileContent] = field(default_factory=list)


@dataclass
class Row:
    """Channels of one rate and length, in mV or counts."""

    signal: NDArray | SignalFile
    fs: float
    names: tuple[str, ...]
    unit: str


def _chosen(content: FileContent, channels: Sequence[str | int] | None) -> list[Channel]:
    """Channels to read: those requested by name or position or, by default, all EMG channels."""
    emg = [c for c in content.channels if c.kind == "emg"]
    if channels is not None:
        wanted = [channels] if isinstance(channels, str) else channels
        found = [_channel(content, emg, channel) for channel in wanted]
        _refuse_repeated(content.path, found)
        return found
    if not emg:
        kinds = [", ".join(filter(None, (c.kind, c.unit))) for c in content.channels[:20]]
        have = ", ".join(f"{c.name} ({k})" for c, k in zip(content.channels, kinds)) or "none"
        raise ValueError(
            f"{content.path} has no channel that looks like EMG; pass the channels to read as "
            f"channels=[...]. It has: {have}."
        )
    return emg


def _refuse_repeated(path: Path, channels: list[Channel]) -> None:
    if len(set(map(id, channels))) < len(channels):
        names = ", ".join(repr(channel.name) for channel in channels[:40])
        raise ValueError(
            f"{path}: 'channels' has a channel more than once ({names}); pass each channel once."
        )


def _channel(content: FileContent, emg: list[Channel], wanted: str | int) -> Channel:
    if isinstance(wanted, str):
        found = _channels_called(content.channels, wanted)
    else:
        found = emg[wanted : wanted + 1] if 0 <= wanted < len(emg) else []
    if not found:
        have = ", ".join(repr(c.name) for c in content.channels[:40])
        raise ValueError(
            f"{content.path} has no channel {wanted!r}; the channels are {have}. Positions "
            f"count the {len(emg)} EMG channels from 0."
        )
    return found[0]


def _channels_called(channels: list[Channel], name: str) -> list[Channel]:
    """Channels with that name or alias; letter case is ignored if there is no exact match."""
    exact = [c for c in channels if name in (c.name, c.alias)]
    folded = name.casefold()
    return exact or [
        c for c in channels if folded in (c.name.casefold(), (c.alias or "").casefold())
    ]


def rows_of(
    content: FileContent,
    channels: Sequence[str | int] | None,
    unit: str | None,
    gain: float | None,
    fs: float | None,
    lazy: bool = False,
) -> list[Row]:
    """Group channels in mV or counts by rate and length; problems are added to `content`."""
    groups: dict[tuple[float, str], list[_Member]] = {}
    chosen = _chosen(content, channels)
    if channels is None:
        _note_processed(content, [channel.name for channel in chosen])
    for channel in chosen:
        rate = _rate(content, channel, fs)
        factor, stored = _factor(content, channel, unit, gain)
        member = _member(content, channel, factor, stored, lazy, gain)
        groups.setdefault((rate, stored), []).append(member)
    rates = {rate for rate, _ in groups}
    _check_clock(content, fs, set(rates))
    for rate in sorted(rates):
        if not _MIN_RATE <= rate <= _MAX_RATE:
            content.problems.append(
                f"the sampling rate is {rate:g} Hz; that of EMG is {_MIN_RATE:g} Hz to "
                f"{_MAX_RATE / 1e3:g} kHz. If the unit of the time stamps is wrong, pass fs=..."
            )
    content.problems += problems_of_copies(chain(*groups.values()))
    rows = []
    for (rate, stored), members in groups.items():
        for same in _of_one_length(content, rate, members):
            names = tuple(member.name for member in same)
            rows.append(Row(_together(same), rate, names, stored))
    return rows


_PROCESSED = re.compile(
    r".*(?:\b|_)(?:filt(?:ered)?|env(?:elope)?|rms|rect(?:ified)?|smooth(?:ed)?)(?:\b|_|\d).*", re.I
)


def _note_processed(content: FileContent, names: list[str]) -> None:
    """Note a problem if the names of only some channels indicate filtering or rectification."""
    processed = [name for name in names if _PROCESSED.fullmatch(name)]
    if 0 < len(processed) < len(names):
        content.problems.append(
            f"the names of some channels ({', '.join(map(repr, processed[:5]))}) indicate "
            "processed signals, which are read along with the others; pass the channels to read as "
            "channels=[...]."
        )


def _member(
    content: FileContent,
    channel: Channel,
    factor: float,
    stored: str,
    lazy: bool,
    gain: float | None,
) -> _Member:
    """Check the samples of a channel, which stay in their file if `lazy` is true."""
    of_unit = factor if gain is None else np.nan
    values = channel.values
    if values.shape[-1] == 0:
        raise ValueError(f"{content.path}: the channel {channel.name!r} has no samples.")
    if not isinstance(values, SignalFile):
        samples = values.astype(np.float64) * factor
    else:
        checked = values.read(0, _N_CHECKED if lazy else None, dtype=np.float64)
        samples = checked.ravel() * factor
    _check_samples(content, channel.name, samples, stored, of_unit)
    _check_limits(content, channel, samples / factor)
    if lazy and isinstance(values, SignalFile):
        return _Member(channel.name, values, factor)
    return _Member(channel.name, samples, 1.0)


class _Member(NamedTuple):
    """Channel of a row; samples left in their file have yet to be multiplied by `factor`."""

    name: str
    values: NDArray | SignalFile
    factor: float


def _together(members: list[_Member]) -> NDArray | SignalFile:
    files = [m.values for m in members if isinstance(m.values, SignalFile)]
    factors = [m.factor for m in members]
    if len(files) == len(members):
        return _one_file(files, factors)
    arrays = [np.asarray(m.values, dtype=np.float64) * m.factor for m in members]
    return arrays[0] if len(arrays) == 1 else np.stack(arrays)


def _one_file(files: list[SignalFile], factors: list[float]) -> SignalFile:
    """Join channels of one file into one handle, with each channel multiplied by its factor."""
    first = files[0]
    common: dict[str, Any] = {
        "offset": first.offset,
        "length": first.length,
        "dtype": first.stored_dtype,
        "invalid": first.invalid,
    }
    if first.blocks is None:
        # Interleaved samples: all handles have the same scales and one channel each.
        gains = np.ones(first.n_channels)
        positions = [f.channels[0] for f in files if f.channels is not None]
        gains[positions] = factors
        return SignalFile(
            first.path,
            n_channels=first.n_channels,
            channels=positions,
            scale=(np.broadcast_to(first.scale, first.n_channels) * gains).tolist(),
            baseline=first.baseline,
            **common,
        )
    starts = [f.blocks[2][0] for f in files if f.blocks is not None]
    return SignalFile(
        first.path,
        n_channels=len(files),
        scale=[f.scale[0] * factor for f, factor in zip(files, factors)],
        baseline=[f.baseline[0] for f in files],
        blocks=(first.blocks[0], first.blocks[1], starts),
        **common,
    )


def _rate(content: FileContent, channel: Channel, fs: float | None) -> float:
    if fs is not None:
        if channel.fs is not None and abs(channel.fs / fs - 1) > 1e-3:
            content.problems.append(
                f"fs={fs:g} Hz was given, but the file says {channel.fs:g} Hz for "
                f"{channel.name!r}; the given rate is used. Omit fs to use the rate of the file."
            )
        return float(fs)
    if channel.fs is None:
        raise ValueError(
            f"{content.path} does not give its sampling rate; pass fs=... in Hz, taken from the "
            "settings of the device."
        )
    return channel.fs


def contradicts(rate: float, clock: float) -> bool:
    """Whether a rate differs so much from that of the time stamps that the user has to choose."""
    return not 0.9 < rate / clock < 1.1


def _check_clock(content: FileContent, fs: float | None, rates: set[float]) -> None:
    """Compare the rate with the time stamps if a file has both."""
    clock = content.clock_fs
    if clock is None or len(rates) != 1:
        return
    rate = rates.pop()
    if abs(rate / clock - 1) <= 2e-3:
        return
    text = (
        f"the rate is {rate:g} Hz according to {'fs=' if fs is not None else 'the header'} and "
        f"{clock:.6g} Hz according to the time stamps"
    )
    if fs is None and contradicts(rate, clock):
        raise ValueError(f"{content.path}: {text}. Pass the correct one as fs=...")
    content.problems.append(f"{text}; {rate:g} Hz is used.")


def _factor(
    content: FileContent, channel: Channel, unit: str | None, gain: float | None
) -> tuple[float, str]:
    """Factor that converts the stored numbers to mV or counts, and the unit of the result."""
    if unit is None:
        if channel.to_mv is not None:
            return channel.to_mv, "mV"
        what = f"is in {channel.unit!r}" if channel.unit else "has no unit in the file"
        raise ValueError(
            f"{content.path}: the channel {channel.name!r} {what}, so its amplitude in mV is not "
            "known; pass unit='uV', 'mV' or 'V', or unit='counts', with gain=... in counts per mV "
            "or without gain to keep the counts."
        )
    if is_counts(unit):
        return (1.0, "counts") if gain is None else (1.0 / gain, "mV")
    try:
        factor = millivolts_per(unit)
    except ValueError as error:
        raise ValueError(
            f"{content.path}: {error}; pass one of them as unit=..., or 'counts'."
        ) from None
    if channel.to_mv is not None and not np.isclose(channel.to_mv, factor):
        content.problems.append(
            f"unit={unit!r} was given, but the file says {channel.unit!r} for {channel.name!r}; "
            "the given unit is used."
        )
    return factor, "mV"


def _advice(units: list[str], factor: float) -> str:
    """Advice to pass the first of `units` that is smaller (larger, if "V" is the last) than the
    unit with this factor to mV, or to check the gain if there is none.
    """
    is_smaller = units[-1] == "nV"
    for unit in units:
        other = millivolts_per(unit)
        if other < 0.9 * factor if is_smaller else other > 1.1 * factor:
            return f"; if it is {unit}, pass unit={unit!r}"
    return " and the gain"


def _check_samples(
    content: FileContent, name: str, values: NDArray, unit: str, factor: float
) -> None:
    """Note missing samples, constant channels and implausible amplitudes."""
    finite = np.isfinite(values)
    if not finite.all():
        n_bad = int((~finite).sum())
        content.problems.append(
            f"{name!r} has {n_bad} of {values.size} samples that are missing or infinite; "
            "interpolate them or leave the channel out."
        )
        values = values[finite]
    if values.size < 2:
        return
    if np.ptp(values) == 0:
        content.problems.append(
            f"{name!r} is constant ({values[0]:g}), as from a dead or unused input; leave it out "
            "with channels=[...]."
        )
        return
    if values.size >= _MIN_RUNS and np.min(np.diff(values)) > 0:
        content.problems.append(
            f"{name!r} increases from each sample to the next, like time stamps or a counter, not "
            "like EMG; leave it out with channels=[...]."
        )
        return
    if (k := _n_repeats(values)) > 1:
        content.problems.append(
            f"{name!r} repeats each sample {k} times: it was recorded at a lower rate, fs / {k}; "
            f"keep one of every {k} samples."
        )
    if unit != "mV":
        return
    # Squares of extreme values overflow or underflow.
    largest = max(abs(float(values.min())), abs(float(values.max())))
    scaled = values / largest
    spread = largest * float(scaled.std())
    # Differences are not affected by an offset that drifts.
    fast = largest * float(np.diff(scaled).std())
    if min(spread, 2 * fast) > _MAX_RMS:
        content.problems.append(
            f"{name!r} has an RMS of {spread:.4g} mV; that of EMG stays below {_MAX_RMS:g} mV. "
            f"Check the unit{_advice(['mV', 'uV', 'nV'], factor)}."
        )
    elif spread < _MIN_RMS:
        content.problems.append(
            f"{name!r} has an RMS of {spread:.3g} mV, less than the noise of an amplifier. Check "
            f"the unit{_advice(['uV', 'mV', 'V'], factor)}."
        )


def _check_limits(content: FileContent, channel: Channel, values: NDArray) -> None:
    """Note samples outside the range that the file states, by which their scale may be wrong."""
    if channel.limits is None:
        return
    low, high = channel.limits
    margin = 1e-3 * (high - low)
    n_outside = int(((values < low - margin) | (values > high + margin)).sum())
    if n_outside:
        content.problems.append(
            f"{channel.name!r} has {n_outside} of {counted(values.size, 'sample')} outside the "
            f"range that the header states, {low:g} to {high:g} {channel.unit or ''}".rstrip()
            + ", so their scale may be wrong; check the digital and physical ranges."
        )


def _n_repeats(values: NDArray) -> int:
    """Greatest common divisor of the lengths of runs of equal samples; 1 for too few runs."""
    starts = np.flatnonzero(np.diff(values)) + 1
    runs = np.diff(starts)
    if runs.size < _MIN_RUNS or runs.min() < 2:
        return 1
    return int(np.gcd.reduce(runs))


def _of_one_length(content: FileContent, fs: float, members: list[_Member]) -> list[list[_Member]]:
    lengths = [m.values.shape[-1] for m in members]
    shortest, longest = min(lengths), max(lengths)
    if longest == shortest:
        return [members]
    if (longest - shortest) / fs <= _RAGGED_END:
        content.skipped.append(
            f"the last {counted(longest - shortest, 'sample')} of the longest channels at {fs:g} "
            "Hz, which other channels lack"
        )
        return [
            [
                _Member(m.name, np.asarray(m.values, np.float64)[:shortest], m.factor)
                for m in members
            ]
        ]
    groups: dict[int, list[_Member]] = {}
    for member, length in zip(members, lengths):
        groups.setdefault(length, []).append(member)
    return list(groups.values())
