"""Recordings in nested structs and groups: arrays with their rate, names and unit next to them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklearn_emg.io._clock import measure_clock, seconds_of
from sklearn_emg.io._content import Channel, FileContent
from sklearn_emg.io._kinds import channel_kind, is_unit, split_unit

__all__ = ["Node", "content_of_tree"]

Node = dict[str, Any]

_RATE = re.compile(
    r"(?:.*_)?(?:fs|sr|srate|rate|freq|fsamp|sf|f_?s(?:ample)?|samp(?:l(?:e|ing))?[ _]?"
    r"(?:rate|freq(?:uency)?)|frequency)(?:_?k?hz)?",
    re.I,
)
_NAMES = re.compile(
    r"(?:ch(?:an(?:nel)?s?)?_?)?(?:names?|labels?|titles?)|ch(?:an(?:nel)?s?)?|muscles?(?:_?names?)?"
    r"|electrodes?",
    re.I,
)
_UNITS = re.compile(r"units?(?:_?text)?|(?:.*_)?units?", re.I)
_SUBJECT = re.compile(r"(?:subj(?:ect)?|participant|patient)s?(?:_?(?:id|code|name|nr|no))?", re.I)
_WITHIN_SUBJECT = re.compile(r"(?:subject_?)?(?:id|code|name|nr)", re.I)
_GENERIC = re.compile(
    r"data|values?|signals?|channel_?data|x|y|raw|samples|recordings?|traces?|waveforms?", re.I
)
_SHORTEST = 32  # samples; shorter arrays are no recordings
_MAX_CHANNELS = 2048


@dataclass
class _Array:
    key: str
    path: tuple[str, ...]
    values: NDArray
    context: list[Node]

    @property
    def rank(self) -> int:
        """0 where something is called EMG, 1 for names such as "data", 2 for any other."""
        if any(re.search(r"emg", part, re.I) for part in self.path):
            return 0
        return 1 if _GENERIC.fullmatch(self.key) else 2


def _arrays(node: Node, path: tuple[str, ...], context: list[Node], depth: int) -> Iterator[_Array]:
    if depth > 30:
        raise ValueError("its structs are nested more than 30 deep")
    for key, value in node.items():
        name = key or (path[-1] if path else key)
        where = (*path, key) if key else path
        if isinstance(value, dict):
            yield from _arrays(value, where, [value, *context], depth + 1)
        elif isinstance(value, (list, tuple)) or (
            isinstance(value, np.ndarray) and value.dtype == object
        ):
            entries = [v for v in _flat(value)[:1000] if isinstance(v, dict)]
            for i, entry in enumerate(entries):
                here = (*where, str(i + 1))
                yield from _arrays(entry, here, [entry, *context], depth + 1)
        elif isinstance(value, np.ndarray) and value.dtype.kind in "fiub":
            values = np.squeeze(value)
            if values.ndim >= 1 and max(values.shape) >= _SHORTEST:
                yield _Array(name, where, values, context)


def _found(context: list[Node], pattern: re.Pattern[str]) -> Iterator[tuple[str, Any]]:
    """Entries next to an array, the nearest first."""
    for node in context:
        # What is said in a struct of its own ("info", "header") counts after what is said here.
        inner = [v for v in node.values() if isinstance(v, dict) and not _has_arrays(v)]
        for place in (node, *inner):
            for key, value in place.items():
                if pattern.fullmatch(key.strip()):
                    yield key, value


def _has_arrays(node: Node) -> bool:
    return any(isinstance(v, np.ndarray) and v.size >= _SHORTEST for v in node.values())


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
    # One number, or the same for each channel.
    same = flat.size == 1 or (flat.size <= _MAX_CHANNELS and np.ptp(flat.astype(float)) == 0)
    return float(flat[0]) if same and np.isfinite(float(flat[0])) else None


def _rate(context: list[Node]) -> float | None:
    for key, value in _found(context, _RATE):
        rate = _number(value)
        if rate is not None and rate > 0:
            return rate * (1e3 if "khz" in key.lower() else 1.0)
    # Seconds (or ms, where the unit says so) from sample to sample.
    for key, value in _found(context, re.compile(r"isi|dt|interval|sampling_?interval", re.I)):
        step = _number(value)
        if step is not None and step > 0:
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


def _units(context: list[Node], n: int) -> list[str] | None:
    for _, value in _found(context, _UNITS):
        texts = [t for t in _texts(value)]
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
        If no array looks like one, or it has more than two axes.
    """
    content = FileContent(path, form, [], subject=_subject(tree))
    labchart = _labchart(content, tree)
    if labchart:
        return content
    arrays = list(_arrays(tree, (), [tree], 0))
    # Kinds by name first: what is called time, label or force is no EMG.
    kinds = {a.path: "emg" if a.rank < 2 else channel_kind(a.key) for a in arrays}
    signals = [a for a in arrays if kinds[a.path] == "emg"]
    usable = [a for a in signals if a.values.ndim <= 2]
    if not usable:
        shapes = ", ".join(f"{'.'.join(a.path)} {a.values.shape}" for a in arrays[:10]) or "none"
        raise ValueError(
            f"{path} has no array of one or two axes that looks like a recording; its arrays: "
            f"{shapes}. Save (n_channels, n_times) for each recording."
        )
    best = min(a.rank for a in usable)
    length = max(max(a.values.shape) for a in usable if a.rank == best)
    times = [a for a in arrays if kinds[a.path] == "time" and a.values.ndim == 1]
    for array in arrays:
        where = ".".join(array.path)
        kind = kinds[array.path]
        if kind == "time" or kind == "index":
            content.skipped.append(f"{where} ({'time stamps' if kind == 'time' else kind})")
        elif array.values.ndim > 2:
            content.skipped.append(f"{where} (shape {array.values.shape})")
        elif kind == "label" and array.values.ndim == 1 and len(array.values) == length:
            content.labels[array.key] = array.values
        else:
            if kind == "emg" and (array.rank > best or max(array.values.shape) < _SHORTEST):
                kind = "other"
            _add(content, array, kind, times)
    content.details = {"arrays": len(arrays)}
    rows = {a.path[:-1] for a in usable if a.rank == best and any(p.isdigit() for p in a.path)}
    if len(rows) > 1:
        content.problems.append(
            f"the file has an array of {len(rows)} structs; their signals are read as channels of "
            "one recording. Save each in a file of its own where they are trials or subjects."
        )
    return content


def _add(content: FileContent, array: _Array, kind: str, times: list[_Array]) -> None:
    values = np.atleast_2d(array.values)
    shape = values.shape
    names = _names(array.context, shape)
    along = {len(t.values) for t in times}
    if names is not None and shape[0] != shape[1]:
        transposed = len(names) == shape[1]
    elif (shape[0] in along) != (shape[1] in along):
        transposed = shape[0] in along
    else:
        transposed = shape[0] > shape[1]
    values = values.T if transposed else values
    n = len(values)
    if n > _MAX_CHANNELS:
        raise ValueError(
            f"{content.path}: {'.'.join(array.path)} has the shape {shape}; neither axis is one of "
            "channels."
        )
    if names is None or len(names) != n:
        names = [array.key] if n == 1 else [f"{array.key} {i + 1}" for i in range(n)]
    if n == 1 and len(array.values.shape) == 1 and array.rank == 2:
        names = [array.key]
    units = _units(array.context, n)
    fs = _rate(array.context)
    for clock in times:
        if len(clock.values) == values.shape[1]:
            seconds, _ = seconds_of(clock.values, None, clock.key)
            measured = None if seconds is None else measure_clock(seconds)
            if measured is not None:
                content.clock_fs = measured.fs
                fs = fs or measured.fs
                content.problems += measured.problems()
    known = {c.name for c in content.channels}
    for i in range(n):
        name, unit = split_unit(names[i])
        if name in known:
            name = f"{'.'.join(array.path)} {i + 1}"
        unit = unit or (units[i] if units else None)
        own = kind
        if kind == "emg" and unit is not None:
            own = channel_kind(name, unit)
        elif kind == "emg" and names[i] != array.key and n > 1:
            own = channel_kind(name)
        content.channels.append(Channel(name, values[i], fs, unit, own))


def _labchart(content: FileContent, tree: Node) -> bool:
    """LabChart's export: all channels in one row, with their first and last positions."""
    keys = {"data", "datastart", "dataend", "samplerate", "titles"}
    if not keys <= set(tree):
        return False
    data = np.ravel(tree["data"])
    first, last, rates = (np.atleast_1d(np.asarray(tree[k], dtype=float)) for k in
                          ("datastart", "dataend", "samplerate"))  # fmt: skip
    titles, unit_texts = _texts(tree["titles"]), _texts(tree.get("unittext", []))
    unit_map = np.atleast_1d(np.asarray(tree.get("unittextmap", []), dtype=float))
    for i, title in enumerate(titles):
        a, b = (float(np.ravel(v[i])[0]) for v in (first, last))
        if a < 1 or b > data.size or b <= a:
            content.skipped.append(f"{title} (no samples in the first block)")
            continue
        rate = float(np.ravel(rates[i])[0])
        at = int(np.ravel(unit_map[i])[0]) - 1 if i < len(unit_map) else 0
        unit = unit_texts[at] if 0 <= at < len(unit_texts) else None
        values = data[int(a) - 1 : int(b)]
        content.channels.append(Channel(title, values, rate, unit, channel_kind(title, unit)))
    if first.ndim == 2 and first.shape[1] > 1:
        content.skipped.append(f"{first.shape[1] - 1} further blocks of the recording")
    content.form = "LabChart MATLAB"
    return True
