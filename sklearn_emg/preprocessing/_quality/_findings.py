"""Findings about recordings, from the measures of their channels and from copies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from sklearn_emg._tables import first_few
from sklearn_emg.preprocessing._quality._copies import Overlap, chains
from sklearn_emg.recordings import Fault, faults_of_figures, rate_fault, similar_subjects

QUALITY_LEVELS = ("ok", "check", "bad")


class Kind(NamedTuple):
    """Title of a kind of finding, and its remedy."""

    title: str
    remedy: str


#: Kinds of findings, in the order of the report.
QUALITY_KINDS = {
    "unreadable": Kind("cannot be read", "obtain a new copy, or leave the recording out"),
    "transposed": Kind("axes swapped", "transpose the signal to (n_channels, n_times)"),
    "unit": Kind("unit implausible", "give the true unit to the reader, such as unit='uV'"),
    "rate": Kind(
        "sampling rate implausible", "look up the rate in the protocol or in the device's settings"
    ),
    "length": Kind("short", "leave the recording out if it was cut by mistake"),
    "dead": Kind("constant stretches", "leave out the channel (select_channels) or the recording"),
    "clipped": Kind(
        "clipped", "leave the recording out; ArtefactRejector marks the clipped stretches"
    ),
    "rectified": Kind("rectified", "give the raw signal; most features need it"),
    "offset": Kind("offset", "remove it with BaselineRemover or HighpassFilter"),
    "line": Kind("power-line interference", "remove it with NotchFilter or AdaptiveFilter"),
    "drift": Kind("drift", "remove it with HighpassFilter"),
    "noise": Kind("broadband noise", "look at the recording; leave it out if noise covers the EMG"),
    "resolution": Kind("coarse steps", "look for a recording of finer resolution"),
    "spikes": Kind("spikes", "look at them; ArtefactRejector marks windows with spikes"),
    "gaps": Kind("missing samples", "fill short gaps with GapInterpolator; leave out the rest"),
    "interrupted": Kind(
        "interrupted time stamps",
        "cut the recording there, as cut_recordings does at its annotations",
    ),
    "ragged": Kind("ragged ends", "cut the recording to the samples that it has"),
    "copy": Kind("copy", "keep one of them, under its true subject and label"),
    "overlap": Kind("overlapping cuts", "keep one, or cut off the common samples"),
    "subject": Kind("subject in doubt", "correct the names of the subjects"),
    "label": Kind("label in doubt", "correct the labels, or leave the recordings out"),
}

# Values of measures above which a channel should be checked, and above which it is bad.
LIMITS = {
    "dead": (0.1, 0.5),
    "clipped": (0.0, 1e-4),
    "rectified": (0.015, 0.015),
    "line": (0.1, 0.95),
    "drift": (0.7, np.inf),  # half of the power
    "noise": (20.0, np.inf),
    "resolution": (0.25, 1.0),
    "spikes": (0.0, np.inf),
    "gaps": (0.0, 0.1),
}
_MIN_LENGTH = 0.25  # s
_MIN_RELATIVE_LENGTH = 0.1  # as a fraction of the median length in the table
_MIN_GROUP = 3  # minimum number of recordings for comparisons within the table
_MAX_SPREAD = 0.2  # maximum deviation from the factor of the rate, in octaves
_MAX_OF_BOTH = 0.5


@dataclass
class Channel:
    """One channel of one recording, with its metadata and its measures."""

    row: int
    number: int
    name: str
    fs: float
    n_times: int
    recording: str
    subject: Any = None
    label: Any = None
    is_cut: bool = False
    is_counts: bool = False
    interruptions: tuple[float, ...] | None = None  # times in s, or None if they are unknown
    measures: dict[str, Any] = field(default_factory=dict)
    error: tuple[str, str] | None = None  # kind and text, if the samples could not be measured

    def get(self, name: str) -> float:
        return float(self.measures.get(name, np.nan))


class Finding(NamedTuple):
    """A finding about a channel, or about a whole recording if `channel` is None."""

    row: int
    channel: int | None
    kind: str
    quality: str
    value: float
    text: str
    remedy: str


def _finding(
    c: Channel, kind: str, quality: str, value: float, text: str, remedy: str = ""
) -> Finding:
    return Finding(
        c.row, c.number, kind, quality, value, text, remedy or QUALITY_KINDS[kind].remedy
    )


def findings_of(
    channels: Sequence[Channel],
    overlaps: Sequence[Overlap],
    limits: Mapping[str, tuple[float, float]],
    *,
    raw: bool,
) -> list[Finding]:
    """Return all findings, in the order of the recordings.

    Parameters
    ----------
    channels : sequence of Channel
        Channels of all recordings.
    overlaps : sequence of Overlap
        Samples that channels have in common.
    limits : mapping of str to (float, float)
        Limits by kind, as in ``LIMITS``.
    raw : bool
        Whether the samples are as recorded, so that their unit can be checked.

    Returns
    -------
    findings : list of Finding
        Findings of all kinds.
    """
    measured = [c for c in channels if c.error is None]
    found = [_finding(c, c.error[0], "bad", np.nan, c.error[1]) for c in channels if c.error]
    for channel in measured:
        found += _of_limits(channel, limits)
    if raw:
        found += _of_units(measured) + _of_counts(measured)
    found += _of_rates(measured)
    found += _of_lengths(measured)
    found += _of_interruptions(channels)
    found += _of_noise(measured, limits["noise"])
    found += _of_overlaps(measured, overlaps)
    found += _of_subjects(channels)
    order = {kind: k for k, kind in enumerate(QUALITY_KINDS)}
    return sorted(
        dict.fromkeys(found),
        key=lambda f: (f.row, -1 if f.channel is None else f.channel, order[f.kind]),
    )


def _of_limits(c: Channel, limits: Mapping[str, tuple[float, float]]) -> list[Finding]:
    """Return the findings that depend only on the channel itself."""
    found = {}
    for kind, (value, text) in _values(c).items():
        check, bad = limits[kind]
        if value > min(check, bad):
            quality = "bad" if value > bad else "check"
            found[kind] = _finding(c, kind, quality, value, text)
    n_invalid = round(c.get("invalid") * c.n_times)
    if "gaps" in found and n_invalid == c.get("gap_at_start") + c.get("gap_at_end"):
        found["gaps"] = found["gaps"]._replace(kind="ragged", remedy=QUALITY_KINDS["ragged"].remedy)
    return [*found.values()] if "one_sign" not in c.measures else _of_signs(c, found)


def _of_signs(c: Channel, found: dict[str, Finding]) -> list[Finding]:
    """Return the findings, corrected for samples of a single sign."""
    if c.measures["one_sign"]:
        if "rectified" not in found:
            text = f"never changes its sign, with a mean of {c.get('mean'):.2g} mV"
            remedy = "subtract the offset; give the raw signal if this is an envelope"
            found["offset"] = _finding(c, "offset", "check", c.get("mean"), text, remedy)
    elif "clipped" in found:
        # Like rectification, saturation causes many samples near one end of the range.
        found.pop("rectified", None)
    return [*found.values()]


def _values(c: Channel) -> dict[str, tuple[float, str]]:
    """Return the measure and the text of each kind that has limits."""
    rms = c.get("rms") or np.nan
    return {
        "dead": (c.get("flat"), _dead_text(c)),
        "clipped": (c.get("clipped"), f"{_percent(c.get('clipped'))} of the samples are clipped"),
        "rectified": (
            c.get("rectified"),
            "the samples are densest at their lowest or highest value, as if rectified",
        ),
        "line": (
            c.get("line"),
            f"{_percent(c.get('line'))} of the power is at {c.get('line_freq'):.0f} Hz and its "
            "harmonics",
        ),
        "drift": (
            c.get("drift") / rms,
            f"the baseline varies by {c.get('drift'):.2g} mV, the whole signal by {rms:.2g} mV",
        ),
        "resolution": (
            c.get("step") / rms,
            f"the steps of the converter, {c.get('step'):.2g} mV, are large for an RMS of "
            f"{rms:.2g} mV",
        ),
        "spikes": (c.get("spikes"), _counted(c.get("spikes"), "isolated spike")),
        "gaps": (c.get("invalid") - c.measures.get("clipped_gaps", 0.0), _gap_text(c)),
    }


def _percent(fraction: float) -> str:
    percent = 100 * fraction
    return f"{percent:.0f} %" if percent >= 10 else f"{percent:.2g} %"


def _counted(n: float, noun: str) -> str:
    return "" if np.isnan(n) else f"{n:.0f} {noun}{'' if n == 1 else 's'}"


def _n_samples(n: int) -> str:
    return "sample" if n == 1 else f"{n} samples"


def _dead_text(c: Channel) -> str:
    if c.get("rms") == 0:
        return "dead: all samples are equal"
    return (
        f"{_percent(c.get('flat'))} of the samples are constant, for up to "
        f"{c.get('longest_flat'):.2g} s"
    )


def _gap_text(c: Channel) -> str:
    start, end = int(c.measures.get("gap_at_start", 0)), int(c.measures.get("gap_at_end", 0))
    if c.get("invalid") == 1:
        return "no valid sample"
    parts = [f"{_percent(c.get('invalid'))} of the samples are missing or infinite"]
    n_inside = int(c.measures.get("gaps", 0)) - (start > 0) - (end > 0)
    if n_inside:
        inside = _counted(n_inside, "gap")
        if round(c.get("longest_gap") * c.fs) > max(start, end):
            longest = ", the longest" if n_inside > 1 else ""
            inside += f"{longest} of {c.get('longest_gap'):.2g} s"
        parts.append(inside)
    parts += [f"the first {_n_samples(start)}"] * (start > 0)
    parts += [f"the last {_n_samples(end)}"] * (end > 0)
    return ": ".join([parts[0], ", ".join(parts[1:])])


def _of_units(channels: Sequence[Channel]) -> list[Finding]:
    """Find amplitudes that are implausible for EMG in mV, with the first fault of each channel."""
    live = [k for k, c in enumerate(channels) if c.get("rms") > 0 and not c.is_counts]
    if not live:
        return []
    figures = {
        name: np.array([channels[k].measures[name] for k in live])
        for name in ("mean", "amplitude", "integers")
    }
    first: dict[int, Fault] = {}
    for fault in faults_of_figures({"row": np.array(live), **figures}):
        for k in fault.rows:
            first.setdefault(int(k), fault)
    return [
        _finding(channels[k], "unit", "bad", channels[k].get("amplitude"), fault.message)
        for k, fault in sorted(first.items())
    ]


def _of_counts(channels: Sequence[Channel]) -> list[Finding]:
    """Find channels whose gain is not known."""
    text = "the samples are counts of a converter, and their size in mV is not known"
    remedy = "give the gain to the reader"
    counts = [c for c in channels if c.is_counts]
    return [_finding(c, "unit", "check", np.nan, text, remedy) for c in counts]


def _of_rates(channels: Sequence[Channel]) -> list[Finding]:
    found = []
    for c in channels:
        if text := rate_fault(c.fs):
            found.append(_finding(c, "rate", "bad", c.fs, text))
        elif (factor := c.measures.get("rate_factor", 1.0)) != 1.0:
            text = (
                f"the power line is seen at {'half' if factor < 1 else 'twice'} its frequency, as "
                f"if the rate were {c.fs / factor:g} Hz, not {c.fs:g} Hz"
            )
            found.append(_finding(c, "rate", "check", c.fs, text))
    return found + _of_spectra(channels)


def _of_spectra(channels: Sequence[Channel]) -> list[Finding]:
    """Find sampling rates that differ by a factor of 2, with spectra shifted by this factor."""
    rates = np.array([c.fs for c in channels])
    frequencies = np.array([c.get("median_freq") for c in channels])
    usable = np.isfinite(frequencies) & (frequencies > 0)
    if not usable.any():
        return []
    common = max(set(rates.tolist()), key=lambda rate: np.sum(usable & (rates == rate)))
    others = np.log2(frequencies[usable & (rates == common)])
    if len(others) < _MIN_GROUP:
        return []
    middle, (low, high) = np.median(others), np.quantile(others, [0.05, 0.95])
    found = []
    for c, rate, frequency in zip(channels, rates, frequencies):
        factor = rate / common
        if factor not in (0.5, 2.0) or not frequency > 0:
            continue
        shift = np.log2(frequency)
        if not low <= shift <= high and abs(shift - middle - np.log2(factor)) < _MAX_SPREAD:
            text = (
                f"the rate is {factor:g} times that of most others, {common:g} Hz, and so is the "
                f"median frequency, {frequency:.0f} Hz, as if the rates were the same"
            )
            found.append(_finding(c, "rate", "check", c.fs, text))
    return found


def _of_lengths(channels: Sequence[Channel]) -> list[Finding]:
    lengths = np.array([c.n_times / c.fs for c in channels])
    typical = np.median(lengths) if len(lengths) >= _MIN_GROUP else 0.0
    found = []
    for c, length in zip(channels, lengths.tolist()):
        if length < _MIN_LENGTH:
            text = f"{length:.2g} s are too short for most windows"
        elif length < _MIN_RELATIVE_LENGTH * typical:
            text = f"{length:.2g} s are short: half of the recordings have {typical:.2g} s or more"
        else:
            continue
        found.append(_finding(c, "length", "check", length, text))
    return found


def _of_interruptions(channels: Sequence[Channel]) -> list[Finding]:
    """Find recordings whose time stamps jump, where the reader has joined the samples."""
    found = []
    for c in {c.row: c for c in channels}.values():
        if c.interruptions:
            n = len(c.interruptions)
            text = (
                f"the time stamps jump {'once' if n == 1 else f'{n} times'}, first after "
                f"{min(c.interruptions):.3g} s; the samples are joined there"
            )
            remedy = QUALITY_KINDS["interrupted"].remedy
            found.append(Finding(c.row, None, "interrupted", "check", n, text, remedy))
    return found


def _of_noise(channels: Sequence[Channel], limits: tuple[float, float]) -> list[Finding]:
    """Find channels with more noise than others of the same name and sampling rate."""
    groups: dict[Any, list[Channel]] = {}
    for c in channels:
        groups.setdefault((c.name, c.fs, c.is_counts), []).append(c)
    found = []
    for group in groups.values():
        density = np.array([c.get("noise_density") for c in group])
        known = density[density > 0]
        if len(known) < _MIN_GROUP:
            continue
        for c, ratio in zip(group, (density / np.median(known)).tolist()):
            if ratio > min(limits):
                quality = "bad" if ratio > limits[1] else "check"
                text = f"the noise at high frequencies is {ratio:.0f} times that of most others"
                found.append(_finding(c, "noise", quality, ratio, text))
    return found


def _of_overlaps(channels: Sequence[Channel], overlaps: Sequence[Overlap]) -> list[Finding]:
    """Return the findings for copies and for overlapping cuts."""
    whole: list[Overlap] = []
    partial: list[Overlap] = []
    for o in overlaps:
        both = channels[o.first].n_times, channels[o.second].n_times
        (whole if o.n_samples == both[0] == both[1] else partial).append(o)
    found = []
    gains = {o.second: o.gain for o in whole}
    for group in chains([(o.first, o.second) for o in whole]):
        found += _of_copies([channels[k] for k in group], [gains.get(k, 1.0) for k in group])
    for o in partial:
        found += _of_cuts(channels[o.first], channels[o.second], o)
    return found


def _of_copies(group: Sequence[Channel], gains: Sequence[float]) -> list[Finding]:
    """Return the findings for channels that have all samples in common."""
    found = []
    doubt = _what_differs(group)
    for c, gain in zip(group, gains):
        others = [o for o in group if o is not c]
        names = first_few((_name(o, c) for o in others), 3)
        scaled = "" if gain == 1 else f", but {gain:.4g} times as large"
        if doubt:
            text = f"has the same samples as {names}{scaled}; the copies differ in {doubt}"
            remedy = f"find out which {doubt} is right; until then leave all of them out"
            found.append(_finding(c, "copy", "bad", 1.0, text, remedy))
        elif c is not group[0]:
            text = f"copy of {_name(group[0], c)}{scaled}"
            found.append(_finding(c, "copy", "bad", 1.0, text, "leave it out"))
    return found


def _what_differs(group: Sequence[Channel]) -> str:
    names = []
    for name in ("subject", "label"):
        if len({getattr(c, name) for c in group}) > 1:
            names.append(name)
    return " and ".join(names)


def _of_cuts(first: Channel, second: Channel, overlap: Overlap) -> list[Finding]:
    """Return the findings for two channels that have some samples in common."""
    doubt = _what_differs((first, second))
    if first.is_cut and first.recording == second.recording and not doubt:
        return []  # segments that were cut from the same recording on purpose
    fraction = overlap.n_samples / min(first.n_times, second.n_times)
    quality = "bad" if doubt and fraction >= _MAX_OF_BOTH else "check"
    found = []
    places = (first, second, overlap.start), (second, first, overlap.second_start)
    for c, other, start in places:
        text = f"{_place(c, start, overlap.n_samples)} are samples of {_name(other, c)} too"
        text += f", of another {doubt}" if doubt else ""
        found.append(_finding(c, "overlap", quality, fraction, text))
    return found


def _place(c: Channel, start: int, n_samples: int) -> str:
    """Describe where samples of a channel are, in s."""
    length = f"{n_samples / c.fs:.3g} s"
    if start + n_samples >= c.n_times:
        return f"the last {length}"
    return f"the first {length}" if start == 0 else f"{length} from {start / c.fs:.3g} s"


def _name(c: Channel, seen_from: Channel) -> str:
    """Name another channel by its recording, and by its channel and subject if they differ."""
    if c.row == seen_from.row:
        return f"channel {c.name}"
    name = str(c.recording)
    if c.recording == seen_from.recording:
        name = f"row {c.row}"
    elif name.isdigit():
        name = f"recording {name}"
    if c.name != seen_from.name:
        name += f", channel {c.name}"
    if c.subject != seen_from.subject:
        name += f" (subject {c.subject})"
    return name


def _of_subjects(channels: Sequence[Channel]) -> list[Finding]:
    """Find subjects without a name, with similar names, or with several labels."""
    rows = {c.row: c for c in channels}
    if all(c.subject is None for c in rows.values()):
        return []
    missing = [c for c in rows.values() if pd.isna(c.subject) or not str(c.subject).strip()]
    found = [_of_recording(c, "subject", "bad", "the subject is missing") for c in missing]
    named: dict[Any, list[Channel]] = {}
    left = sorted(rows.keys() - {c.row for c in missing})
    for row in left:
        named.setdefault(rows[row].subject, []).append(rows[row])
    return found + _of_spellings(named) + _of_labels(named)


def _of_spellings(named: Mapping[Any, Sequence[Channel]]) -> list[Finding]:
    """Find subjects whose names look like different spellings of the same name."""
    found = []
    for names in similar_subjects(named):
        for name in names:
            others = ", ".join(repr(n) for n in names if n is not name)
            text = f"the subject {name!r} looks like {others}"
            found += [_of_recording(c, "subject", "check", text) for c in named[name]]
    return found


def _of_labels(named: Mapping[Any, Sequence[Channel]]) -> list[Finding]:
    """Find subjects with several labels, if most subjects have only one."""
    labels = {s: list(dict.fromkeys(c.label for c in cs)) for s, cs in named.items()}
    several = [s for s, values in labels.items() if len(values) > 1]
    # Labels of gestures or contraction levels vary within most subjects; those of diseases do not.
    if len(named) == 1 or len(several) > len(named) / 2:
        return []
    found: list[Finding] = []
    for s in several:
        text = f"the subject {s!r} has the labels {', '.join(map(repr, labels[s]))}"
        found += [_of_recording(c, "label", "bad", text) for c in named[s]]
    return found


def _of_recording(c: Channel, kind: str, quality: str, text: str) -> Finding:
    """Make a finding about a whole recording."""
    return Finding(c.row, None, kind, quality, np.nan, text, QUALITY_KINDS[kind].remedy)
