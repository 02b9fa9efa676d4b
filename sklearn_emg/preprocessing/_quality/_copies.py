"""Search for channels that have samples in common: copies and overlapping cuts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sklearn_emg.preprocessing._quality._measures import Sketch

# Number of bits of the hash that are 0 for patterns that are kept: one in 2**2 to 2**6 patterns is
# kept, and fewer in very long tables.
_SPARSE, _DENSE, _DENSEST = 10, 6, 2
_FEW_PATTERNS, _MAX_PATTERNS = 1 << 21, 1 << 23
_MIN_PATTERNS = 2  # minimum number of common patterns at the same lag
_TOLERANCE = 1e-3  # fraction of the range of a pattern's samples, for copies with a different gain


class Overlap(NamedTuple):
    """Samples that two channels have in common.

    Parameters
    ----------
    first, second : int
        Indices of the two channels.
    start, second_start, n_samples : int
        Index of the first common sample in the first and in the second channel, and number of
        common samples.
    gain : float
        Ratio of the samples of the second channel to those of the first, apart from an offset.
    """

    first: int
    second: int
    start: int
    second_start: int
    n_samples: int
    gain: float


def mask_for(n_samples: int) -> int:
    """Choose which bits of the hash must be 0 for patterns to be kept, for a table of this size.

    Longer tables keep a smaller fraction of their patterns, which limits the memory.
    """
    bits = _DENSEST
    while bits < _DENSE and n_samples >> bits > _FEW_PATTERNS:
        bits += 1
    while n_samples >> bits > _MAX_PATTERNS and bits < 3 * _SPARSE:
        bits += 1
    return (1 << bits) - 1


def overlaps(
    sketches: Sequence[Sketch | None],
    read: Callable[[int, int, int], NDArray[np.float64]],
    lengths: Sequence[int],
) -> list[Overlap]:
    """Find channels that have samples in common.

    If more than two channels have the same samples, each is compared with the previous one.

    Parameters
    ----------
    sketches : sequence of Sketch or None
        Sketch of each channel.
    read : callable
        Function that is called as ``read(channel, start, stop)`` and returns samples of a channel.
    lengths : sequence of int
        Number of samples of each channel.

    Returns
    -------
    found : list of Overlap
        Overlaps in the order of the channels.
    """
    found: list[Overlap] = []
    originals: dict[bytes, int] = {}
    for k, sketch in enumerate(sketches):
        if sketch is None:
            continue
        before = originals.get(sketch.digest)
        if before is not None and lengths[before] == lengths[k]:
            found.append(Overlap(before, k, 0, 0, lengths[k], 1.0))
        originals[sketch.digest] = k
    # One of several equal channels represents all of them.
    distinct = sorted(originals.values())
    for first, second, lag, places in _candidates(sketches, distinct):
        start, stop = max(0, -lag), min(lengths[first], lengths[second] - lag)
        x, y = read(first, start, stop), read(second, start + lag, stop + lag)
        runs = [_common(x, y, place - start) for place in places]
        begin, end, gain = max(runs, key=lambda run: run[1] - run[0])
        if end > begin:
            found.append(
                Overlap(first, second, start + begin, start + begin + lag, end - begin, gain)
            )
    return sorted(found)


def _candidates(
    sketches: Sequence[Sketch | None], channels: Sequence[int]
) -> list[tuple[int, int, int, list[int]]]:
    """Find pairs of channels, the lag at which most patterns agree, and places of such patterns."""
    words, position, channel = _patterns(sketches, channels)
    at = np.flatnonzero(words[1:] == words[:-1])
    pairs = np.column_stack([channel[at], channel[at + 1], position[at + 1] - position[at]])
    lags, which, counts = np.unique(pairs, axis=0, return_inverse=True, return_counts=True)
    found: dict[tuple[int, int], tuple[int, int]] = {}
    for k in np.flatnonzero(counts >= _MIN_PATTERNS).tolist():
        pair = (int(lags[k, 0]), int(lags[k, 1]))
        found[pair] = max(found.get(pair, (0, 0)), (int(counts[k]), k))
    result = []
    order = np.argsort(which.ravel(), kind="stable")
    bounds = np.concatenate([[0], np.cumsum(counts)])
    for (first, second), (_, k) in found.items():
        places = np.sort(position[at[order[bounds[k] : bounds[k + 1]]]])
        some = places[[len(places) // 4, len(places) // 2, 3 * len(places) // 4]]
        result.append((first, second, int(lags[k, 2]), sorted(set(some.tolist()))))
    return result


def _patterns(
    sketches: Sequence[Sketch | None], channels: Sequence[int]
) -> tuple[NDArray[np.uint64], NDArray[np.int64], NDArray[np.int64]]:
    """Sort the patterns, with their positions and channels, and omit repeated ones."""
    kept = [(k, sketch) for k in channels if (sketch := sketches[k])]
    none = Sketch(b"", np.empty(0, np.uint64), np.empty(0, np.int64))
    words = np.concatenate([s.words for _, s in [(0, none), *kept]])
    position = np.concatenate([s.positions for _, s in [(0, none), *kept]])
    channel = np.repeat([k for k, _ in kept], [len(s.words) for _, s in kept]).astype(np.int64)
    order = np.lexsort((position, channel, words))
    words, position, channel = words[order], position[order], channel[order]
    # A pattern that a channel repeats, as a sine does, is not specific.
    within = (words[1:] == words[:-1]) & (channel[1:] == channel[:-1])
    repeated = np.zeros(len(words), dtype=bool)
    repeated[1:] |= within
    repeated[:-1] |= within
    return words[~repeated], position[~repeated], channel[~repeated]


def _common(x: NDArray[np.float64], y: NDArray[np.float64], place: int) -> tuple[int, int, float]:
    """Find the samples around a place that are equal except for gain and offset."""
    from sklearn_emg.preprocessing._quality._kernels import SPAN

    inside = slice(place, place + SPAN)
    gain, offset = _line(x[inside], y[inside])
    if not np.isfinite(gain) or gain == 0:
        return 0, 0, gain
    with np.errstate(invalid="ignore"):
        differs = np.abs(y - gain * x - offset) > _TOLERANCE * np.ptp(y[inside])
    differs |= np.isfinite(x) != np.isfinite(y)
    if differs[inside].any():
        return 0, 0, gain
    edges = np.flatnonzero(differs)
    k = int(np.searchsorted(edges, place))
    begin = int(edges[k - 1]) + 1 if k else 0
    end = int(edges[k]) if k < len(edges) else len(x)
    return begin, end, 1.0 if abs(gain - 1) < _TOLERANCE else gain


def _line(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[float, float]:
    """Fit y as a straight line in x, and return its gain and offset."""
    both = np.isfinite(x) & np.isfinite(y)
    if both.sum() < 2:
        return np.nan, np.nan
    x, y = x[both], y[both]
    spread = x - x.mean()
    power = float(spread @ spread)
    gain = float(spread @ (y - y.mean())) / power if power > 0 else np.nan
    return gain, float(y.mean() - gain * x.mean())


def chains(pairs: Sequence[tuple[int, int]]) -> list[list[int]]:
    """Group numbers that are connected by pairs.

    Parameters
    ----------
    pairs : sequence of (int, int)
        Pairs of numbers of the same group.

    Returns
    -------
    groups : list of list of int
        Groups of numbers, in ascending order.
    """
    root: dict[int, int] = {}

    def find(k: int) -> int:
        while root.setdefault(k, k) != k:
            root[k] = root[root[k]]
            k = root[k]
        return k

    for a, b in pairs:
        low, high = sorted((find(a), find(b)))
        root[high] = low
    groups: dict[int, list[int]] = {}
    for k in sorted(root):
        groups.setdefault(find(k), []).append(k)
    return list(groups.values())
