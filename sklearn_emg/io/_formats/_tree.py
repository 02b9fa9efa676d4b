"""Recordings in nested structs and groups: arrays with rate, names and units next to them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklearn_emg._tables import counted, first_few
from sklearn_emg.io._clock import measure_clock, seconds_of
from sklearn_emg.io._content import Channel, FileContent
from sklearn_emg.io._kinds import channel_kind, is_unit, split_unit

Node = dict[str, Any]

# Names of sampling rates, the most specific first; the last may be rates of something else.
_SAMPLING = (
    r"(?:fs|sr|srate|sfreq|fsamp|sf|f_?s(?:ample)?|samp(?:l(?:e|ing))?[ _]?(?:rate|freq(?:uency)?))"
)
_HZ = r"(?:[ _]?[(\[]?k?hz[)\]]?)?"
_RATES = tuple(
    re.compile(words + _HZ, re.I)
    for words in (
        rf"(?:emg_?)?{_SAMPLING}(?:_?s?emg)?",
        rf".*_{_SAMPLING}",
        r"(?:emg_?)?(?:rate|freq|frequency)",
        r".*_(?:rate|freq|frequency)",
    )
)
_NO_RATE = re.compile(
    r".*(?:filt|cut|high|low|pass|notch|mains|line|stim|video|camera|frame|heart|resp|baud|acc|imu|"
    r"force|mocap|kin).*",
    re.I,
)
_SCALES = re.compile(r"(?:scale|scaling)(?:_?factor)?|conversion(?:_?factor)?|lsb(?:_?.?v)?", re.I)
_OFFSETS = re.compile(r"(?:add_?)?offset", re.I)
_SURE_SCALES = ("scale_factor", "conversion")  # names of the CF and NWB conventions
_NAMES = re.compile(
    r"(?:ch(?:an(?:nel)?s?)?_?)?(?:names?|labels?|titles?)|ch(?:an(?:nel)?s?)?|muscles?(?:_?names?)?"
    r"|electrodes?|descriptions?",
    re.I,
)
# Names of units, the most specific first; units of time are excluded.
_UNITS = (
    re.compile(r"(?:data_?)?units?(?:_?text)?", re.I),
    re.compile(r"(?!(?:isi|dt|time|interval|x|.*(?:rate|freq))_).*_units?", re.I),
)
_SITES = re.compile(r"chanlocs|ch(?:an(?:nel)?s?)?(?:_?info)?", re.I)
_SUBJECT = re.compile(r"(?:subj(?:ect)?|participant|patient)s?(?:_?(?:id|code|name|nr|no))?", re.I)
_WITHIN_SUBJECT = re.compile(r"(?:subject_?)?(?:id|code|name|nr)", re.I)
_GENERIC = re.compile(
    r"data|values?|signals?|channel_?data|x|y|raw|samples|recordings?|traces?|waveforms?", re.I
)
_MIN_LENGTH = 32  # samples; shorter arrays are not recordings
_MAX_DEPTH = 30
_MAX_ENTRIES = 1000  # number of structs of an array that are searched
_MAX_CHANNELS = 2048
_MIN_CHANNELS = 16  # above this number, channels may be mistaken for samples


@dataclass
class _Array:
    key: str
    path: tuple[str, ...]
    values: NDArray
    context: list[Node]

    @property
    def place(self) -> str:
        return ".".join(self.path)

    @property
    def in_list(self) -> bool:
        """Whether the array belongs to a struct of an array of structs."""
        return any(part.isdigit() for part in self.path)

    @property
    def rank(self) -> int:
        """Rank: 0 if the path contains "EMG", 1 for names such as "data", 2 for other names."""
        if any(re.search(r"emg", part, re.I) for part in self.path):
            return 0
        return 1 if _GENERIC.fullmatch(self.key) else 2


def _arrays(node: Node, path: tuple[str, ...], context: list[Node], depth: int) -> Iterator[_Array]:
    """Yield the numeric arrays of a node and of all nodes within it."""
    if depth > _MAX_DEPTH:
        raise ValueError(f"its structs are nested more than {_MAX_DEPTH} levels deep")
    for key, value in node.items():
        where = (*path, key) if key else path
        name = where[-1] if where else key
        for inner, place in _inner_nodes(value, where):
            yield from _arrays(inner, place, [inner, *context], depth + 1)
        for array, place in _inner_arrays(value, where):
            values = np.squeeze(array)
            if max(values.shape, default=0) >= _MIN_LENGTH:
                yield _Array(name, place, values, context)


def _inner_arrays(value: Any, path: tuple[str, ...]) -> Iterator[tuple[NDArray, tuple[str, ...]]]:
    """Yield an array of numbers, or the arrays of numbers in a cell array, with their paths."""
    if isinstance(value, np.ndarray) and value.dtype.kind in "fiub":
        yield value, path
    elif _is_list(value):
        for i, entry in enumerate(_flat(value)[:_MAX_ENTRIES]):
            if isinstance(entry, np.ndarray) and entry.dtype.kind in "fiub":
                yield entry, (*path, str(i + 1))


def _inner_nodes(value: Any, path: tuple[str, ...]) -> Iterator[tuple[Node, tuple[str, ...]]]:
    """Yield a value that is a struct, or the structs of an array or list, with their paths."""
    if isinstance(value, dict):
        yield value, path
    elif _is_list(value):
        nodes = [v for v in _flat(value)[:_MAX_ENTRIES] if isinstance(v, dict)]
        for i, node in enumerate(nodes):
            yield node, (*path, str(i + 1))


def _found(context: list[Node], pattern: re.Pattern[str]) -> Iterator[tuple[str, Any]]:
    """Yield the entries near an array that have a key matching the pattern, the nearest first."""
    for node in context:
        for place in (node, *_structs_without_arrays(node, pattern in _RATES)):
            for key, value in place.items():
                if pattern.fullmatch(key.strip()):
                    yield key, _without_attributes(value)


def _structs_without_arrays(node: Node, attributes: bool) -> list[Node]:
    """Structs such as "info" and "header", whose entries come after those of the node itself.

    `attributes` adds the attributes of single values; these may give a rate but name no channel.
    """
    inner = [v for v in node.values() if isinstance(v, dict) and not _has_arrays(v)]
    return inner if attributes else [v for v in inner if "" not in v]


def _without_attributes(value: Any) -> Any:
    """Value of a data set that has attributes; a single number with a unit becomes a text."""
    if not isinstance(value, dict) or "" not in value:
        return value
    units = [t for key, v in value.items() if _UNITS[0].fullmatch(key) for t in _texts(v)]
    number = _number(value[""])
    return value[""] if number is None or not units else f"{number:.17g} {units[0]}"


def _has_arrays(node: Node) -> bool:
    return any(isinstance(v, np.ndarray) and v.size >= _MIN_LENGTH for v in node.values())


def _flat(value: Any) -> list[Any]:
    """Entries of a list or an array of any number of axes."""
    return value.ravel().tolist() if isinstance(value, np.ndarray) else list(value)


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value.strip()]
    if isinstance(value, (list, tuple, np.ndarray)):
        flat = _flat(value)
        if flat and all(isinstance(v, (str, np.str_)) for v in flat):
            return [str(v).strip() for v in flat]
    return []


def _number(value: Any) -> float | None:
    if isinstance(value, str):
        return None
    flat = np.ravel(np.asarray(value)) if not isinstance(value, dict) else np.empty(0)
    if flat.size == 0 or flat.dtype.kind not in "fiu":
        return None
    # A single number, or one per channel if all are equal.
    same = flat.size == 1 or (flat.size <= _MAX_CHANNELS and np.ptp(flat.astype(float)) == 0)
    return float(flat[0]) if same and np.isfinite(float(flat[0])) else None


def _positive(value: Any) -> float | None:
    number = _number(value)
    return number if number is not None and number > 0 else None


def _named_rate(context: list[Node]) -> float | None:
    """Sampling rate in Hz, from the entry with the most specific name."""
    for words in _RATES:
        # The rate of the EMG is preferred to others.
        found = sorted(_found(context, words), key=lambda pair: "emg" not in pair[0].lower())
        for key, value in found:
            rate = _positive(value) or _rate_of_text(value)
            if rate and not _NO_RATE.fullmatch(key):
                in_khz = "khz" in key.lower() and not re.search("hz", str(value), re.I)
                return rate * (1e3 if in_khz else 1.0)
    return None


def _rate_of_text(value: Any) -> float | None:
    """Sampling rate in Hz from a text such as "1000 Hz" or "1000"."""
    texts = _texts(value)
    pattern = r"\s*(\d+(?:\.\d+)?)\s*(?:(k?)Hz)?\s*"
    match = re.fullmatch(pattern, texts[0], re.I) if len(texts) == 1 else None
    return None if match is None else float(match[1]) * (1e3 if match[2] else 1.0)


def _rate(context: list[Node]) -> float | None:
    if (rate := _named_rate(context)) is not None:
        return rate
    # The sampling interval is in s, or in ms if the unit says so.
    for key, value in _found(context, re.compile(r"isi|dt|interval|sampling_?interval", re.I)):
        if step := _positive(value):
            units = [_texts(v) for _, v in _found(context, re.compile(rf"{key}_?units?", re.I))]
            ms = any(u and u[0].lower().startswith("ms") for u in units)
            return round((1e3 if ms else 1.0) / step, 6)
    return None


def _names(context: list[Node], lengths: tuple[int, ...]) -> list[str] | None:
    for _, value in _found(context, _NAMES):
        texts = _texts(value)
        if texts and len(texts) in lengths:
            return texts
    return None


def _names_of_sites(context: list[Node], n: int) -> list[str]:
    """Names of channels that have one struct each, as in EEGLAB files; empty otherwise."""
    for _, value in _found(context, _SITES):
        sites = [v for v in (_flat(value) if _is_list(value) else [value]) if isinstance(v, dict)]
        keys = ("labels", "label", "name")
        found = [v[key].strip() for v in sites for key in keys if isinstance(v.get(key), str)]
        if len(found) == len(sites) == n:
            return found
    return []


def _is_list(value: Any) -> bool:
    return isinstance(value, (list, tuple)) or (
        isinstance(value, np.ndarray) and value.dtype == object
    )


def _units(context: list[Node], n: int) -> list[str] | None:
    for words in _UNITS:
        for _, value in _found(context, words):
            texts = _texts(value)
            if len(texts) in (1, n) and all(is_unit(t) for t in texts):
                return texts * n if len(texts) == 1 else texts
    return None


def _subject(node: Node) -> str | None:
    for key, value in node.items():
        if not _SUBJECT.fullmatch(key):
            if isinstance(value, dict) and (inner := _subject(value)):
                return inner
            continue
        if isinstance(value, dict):
            for inner_key, entry in value.items():
                if _WITHIN_SUBJECT.fullmatch(inner_key) and _as_name(entry):
                    return _as_name(entry)
        elif _as_name(value):
            return _as_name(value)
    return None


def _as_name(value: Any) -> str | None:
    texts = _texts(value)
    if len(texts) == 1 and texts[0]:
        return texts[0]
    number = None if isinstance(value, (str, dict, list, tuple)) else _number(value)
    return None if number is None else f"{number:g}"


def content_of_tree(path: Path, form: str, tree: Node) -> FileContent:
    """Find the recording in nested arrays.

    Raises
    ------
    ValueError
        If no array with one or two axes looks like a recording.
    """
    content = FileContent(path, form, [], subject=_subject(tree))
    if _labchart(content, tree):
        return content
    arrays = list(_arrays(tree, (), [tree], 0))
    # Names determine kinds first, since an array called time, label or force is not EMG.
    kinds = {a.path: "emg" if a.rank < 2 else channel_kind(a.key) for a in arrays}
    signals = _signals(path, arrays, kinds)
    n_times = max(max(a.values.shape) for a in signals)
    times = [a for a in arrays if kinds[a.path] == "time" and a.values.ndim == 1]
    for array in arrays:
        is_other = kinds[array.path] == "emg" and array.rank > signals[0].rank
        _add(content, array, "other" if is_other else kinds[array.path], times, n_times)
    content.details = {"arrays": len(arrays)}
    _note_structs(content, signals)
    _note_groups(content, signals)
    return content


def _note_structs(content: FileContent, signals: list[_Array]) -> None:
    """Note a problem if the signals come from several structs or cells of one array."""
    structs = {tuple(part for part in a.path if part.isdigit()) for a in signals if a.in_list}
    if len(structs) > 1:
        what = "cells" if signals[0].path[-1].isdigit() else "structs"
        content.problems.append(
            f"the file has an array of {len(structs)} {what}; their signals are read as channels "
            f"of one recording. If the {what} are trials or subjects, save each in a file of its "
            "own."
        )


def _note_groups(content: FileContent, signals: list[_Array]) -> None:
    """Note a problem if arrays of several channels and one name come from several groups."""
    several = [a for a in signals if a.values.ndim == 2 and len(a.path) > 1 and not a.in_list]
    groups = list(dict.fromkeys(a.path[-2] for a in several))
    if len(groups) > 1 and len({a.key for a in several}) == 1:
        content.problems.append(
            f"the file has the array {several[0].key!r} in {len(groups)} groups ("
            f"{first_few(groups, 5)}); their signals are read as channels of one recording. If "
            "the groups are trials or subjects, save each in a file of its own."
        )


def _signals(path: Path, arrays: list[_Array], kinds: dict[tuple[str, ...], str]) -> list[_Array]:
    """Arrays that hold EMG: the candidates with the most specific names."""
    usable = [a for a in arrays if kinds[a.path] == "emg" and a.values.ndim <= 2]
    if not usable:
        shapes = ", ".join(f"{a.place} {a.values.shape}" for a in arrays[:10]) or "none"
        raise ValueError(
            f"{path} has no array of one or two axes that looks like a recording; its arrays are: "
            f"{shapes}. Save an array of shape (n_channels, n_times) for each recording."
        )
    rank = min(a.rank for a in usable)
    return [a for a in usable if a.rank == rank]


def _add(content: FileContent, array: _Array, kind: str, times: list[_Array], n_times: int) -> None:
    """Add an array as channels or labels, or note that it is left out."""
    if kind in ("time", "index"):
        what = "time stamps" if kind == "time" else kind
        content.skipped.append(f"{array.place} ({what})")
    elif array.values.ndim > 2:
        content.skipped.append(f"{array.place} (shape {array.values.shape})")
    elif kind == "label" and array.values.shape == (n_times,):
        content.labels[array.key] = array.values
    else:
        _add_channels(content, array, kind, times)


def _add_channels(content: FileContent, array: _Array, kind: str, times: list[_Array]) -> None:
    values = np.atleast_2d(array.values)
    names = _names(array.context, values.shape)
    if _is_transposed(values.shape, names, times):
        values = values.T
    n = len(values)
    _check_axes(content, array, values.shape, stated=names is not None or bool(times))
    _note_other_names(content, array, values.shape)
    given_units = _units(array.context, n)
    values = _scaled(content, array, values, has_unit=given_units is not None)
    units: Sequence[str | None] = given_units or [split_unit(array.key)[1]] * n
    titles = _fitting_names(array, names, n)
    parts = [split_unit(title) for title in titles]
    rates = _rates(array.context, n, _measure_rate(content, times, values.shape[1]))
    own_names = set(titles) - {array.key} if n > 1 else set()
    names = _unused_names(content, array, [name for name, _ in parts])
    signals = zip(names, titles, parts, _without_padding(content, values, rates), rates, units)
    for name, title, (plain, unit), x, fs, stated in signals:
        own = _own_kind(kind, plain, (unit, stated), units, title in own_names)
        unit = unit or stated
        content.channels.append(Channel(name, x, fs, unit, own))


def _note_other_names(content: FileContent, array: _Array, lengths: tuple[int, ...]) -> None:
    """Note a problem if the names of channels next to an array are not as many as its channels."""
    for key, value in array.context[0].items():
        n = len(_texts(value))
        if n > 1 and n not in lengths and _NAMES.fullmatch(key) and not array.in_list:
            content.problems.append(
                f"{key!r} has {n} names, but {array.place} has the shape {array.values.shape}, so "
                "they are not used; correct the list of names."
            )


def _unused_names(content: FileContent, array: _Array, names: list[str]) -> list[str]:
    """Names of the channels, prefixed with the array's path if another array has one of them."""
    if not set(names) & {channel.name for channel in content.channels}:
        return names
    if names == _numbered(names[0].removesuffix(" 1"), len(names)):
        return _numbered(array.place, len(names))
    return [f"{array.place} {name}" for name in names]


def _own_kind(
    kind: str,
    name: str,
    given: tuple[str | None, str | None],
    units: Sequence[str | None],
    is_named: bool,
) -> str:
    """Kind of a channel of an array, from its own name or unit if it has one."""
    own, stated = given
    by_name = channel_kind(name)
    # The unit of time stamps may be only that of the other channels.
    if is_named and own is None and by_name in ("time", "index") and len(set(units)) == 1:
        return by_name
    unit = own or stated
    return channel_kind(name, unit) if kind == "emg" and (unit or is_named) else kind


def _rates(context: list[Node], n: int, clock_fs: float | None) -> list[float | None]:
    """Sampling rate of each channel in Hz, from a list of rates or a rate for all channels."""
    for key, value in _found(context, _RATES[0]):
        flat = np.ravel(value) if isinstance(value, np.ndarray) else np.empty(0)
        if n > 1 and flat.size == n and flat.dtype.kind in "fiu" and (flat > 0).all():
            factor = 1e3 if "khz" in key.lower() else 1.0
            return [float(fs) * factor for fs in flat]
    return [_rate(context) or clock_fs] * n


def _without_padding(
    content: FileContent, values: NDArray, rates: list[float | None]
) -> list[NDArray]:
    """Remove the zeros that pad channels of lower rates, as in exports of Delsys."""
    known = [fs for fs in rates if fs is not None]
    parts = []
    for x, fs in zip(values, rates):
        n = len(x) if fs is None else int(np.ceil(len(x) * fs / max(known)))
        is_whole = bool(np.nan_to_num(x[n:]).any())
        if is_whole:
            content.problems.append(
                f"a channel at {fs:g} Hz has as many samples as one at {max(known):g} Hz, so they "
                "differ in duration; check the rates."
            )
        parts.append(x if is_whole else x[:n])
    return parts


def _check_axes(content: FileContent, array: _Array, shape: tuple[int, ...], stated: bool) -> None:
    """Refuse arrays with too many channels, and note a problem if the axes may be swapped."""
    n, n_times = shape
    if n > _MAX_CHANNELS:
        raise ValueError(
            f"{content.path}: {array.place} has the shape {np.atleast_2d(array.values).shape}; "
            "both axes are too long for channels. Save an array of shape (n_channels, n_times) for "
            "each recording."
        )
    if n > _MIN_CHANNELS and not stated and n_times < 4 * n:
        content.problems.append(
            f"{array.place} has the shape {array.values.shape}, and nothing states which axis is "
            f"time; it is read as {n} channels of {counted(n_times, 'sample')}. If this is wrong, "
            "save the names of the channels next to the array."
        )


def _factor(node: Node) -> tuple[str, float | None]:
    """Name and value of a factor that the samples must be multiplied by; None if there is none."""
    for key, value in node.items():
        factor = _number(value) if _SCALES.fullmatch(key) else None
        if factor is not None and factor not in (0.0, 1.0):
            return key, factor
    return "", None


def _scaled(content: FileContent, array: _Array, values: NDArray, has_unit: bool) -> NDArray:
    """Multiply values by the factor next to them if its name or integer samples require it."""
    node = array.context[0]
    key, factor = _factor(node)
    if factor is None:
        return values
    if key.lower() not in _SURE_SCALES and values.dtype.kind == "f":
        if has_unit:  # the samples have this unit without the factor, as in exports of Spike2
            return values
        content.problems.append(
            f"{array.place} has {key} = {factor:g} next to it, which is not applied, since the "
            "samples are not integers; multiply the samples by it if necessary."
        )
        return values
    content.details[key] = factor
    zeros = [_number(v) for k, v in node.items() if _OFFSETS.fullmatch(k)]
    return values * factor + (zeros[0] if zeros and zeros[0] is not None else 0.0)


def _fitting_names(array: _Array, names: list[str] | None, n: int) -> list[str]:
    """Names of `n` channels if there are as many, and numbered names of the array otherwise."""
    if n == 1 and array.values.ndim == 1 and array.rank == 2:
        return [array.key]
    names = names or _names_of_sites(array.context, n)
    return names if len(names) == n else _numbered(split_unit(_title(array))[0], n)


def _title(array: _Array) -> str:
    """Name of an array; "data" in a struct "biceps" is named after the struct."""
    parents = [part for part in array.path[:-1] if not part.isdigit()]
    of_struct = parents and _GENERIC.fullmatch(array.key) and channel_kind(parents[-1]) == "emg"
    return parents[-1] if of_struct else array.key


def _numbered(name: str, n: int) -> list[str]:
    return [name] if n == 1 else [f"{name} {i + 1}" for i in range(n)]


def _is_transposed(shape: tuple[int, ...], names: list[str] | None, times: list[_Array]) -> bool:
    """Whether channels are on the second axis, by names, time stamps or lengths of the axes."""
    lengths = {len(t.values) for t in times}
    if names is not None and shape[0] != shape[1]:
        return len(names) == shape[1]
    if (shape[0] in lengths) != (shape[1] in lengths):
        return shape[0] in lengths
    return shape[0] > shape[1]


def _measure_rate(content: FileContent, times: list[_Array], n_times: int) -> float | None:
    """Sampling rate in Hz from the first time stamps of that length; problems are noted."""
    rates = []
    for stamps in times:
        if len(stamps.values) != n_times:
            continue
        seconds, _ = seconds_of(stamps.values, None, stamps.key)
        clock = None if seconds is None else measure_clock(seconds)
        if clock is not None:
            rates.append(clock.fs)
            content.clock_fs = clock.fs
            content.problems += clock.problems()
    return rates[0] if rates else None


def _numbers(values: Any) -> NDArray[np.float64]:
    return np.atleast_1d(np.asarray(values, dtype=float))


def _first_number(values: Any) -> float:
    return float(np.ravel(values)[0])


def _labchart(content: FileContent, tree: Node) -> bool:
    """Read an export of LabChart, with all channels in one row; return whether it is one."""
    keys = {"data", "datastart", "dataend", "samplerate", "titles"}
    if not keys <= set(tree):
        return False
    data = np.ravel(tree["data"])
    first, last, rates = map(_numbers, (tree["datastart"], tree["dataend"], tree["samplerate"]))
    titles, unit_texts = _texts(tree["titles"]), _texts(tree.get("unittext", []))
    unit_map = _numbers(tree.get("unittextmap", []))
    for i, title in enumerate(titles):
        a, b = _first_number(first[i]), _first_number(last[i])
        if a < 1 or b > data.size or b <= a:
            content.skipped.append(f"{title} (no samples in the first block)")
            continue
        rate = _first_number(rates[i])
        at = int(_first_number(unit_map[i])) - 1 if i < len(unit_map) else 0
        unit = unit_texts[at] if 0 <= at < len(unit_texts) else None
        values = data[int(a) - 1 : int(b)]
        content.channels.append(Channel(title, values, rate, unit, channel_kind(title, unit)))
    if first.ndim == 2 and first.shape[1] > 1:
        content.skipped.append(counted(first.shape[1] - 1, "further block") + " of the recording")
    content.form = "LabChart MATLAB"
    return True
