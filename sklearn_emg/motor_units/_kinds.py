"""Kinds of potentials: clustering, division, joining, and removal of parts of other potentials."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sklearn_emg.motor_units import _signals as signals
from sklearn_emg.motor_units._search import Search, shrink
from sklearn_emg.motor_units._signals import Floats
from sklearn_emg.motor_units._trains import avoid_each_other, locked_fraction

# Time in s on either side of a peak that is compared, and the minimum distance of peaks in s.
_HALF_WINDOW, _DISTANCE = 0.002, 0.0015
# Largest difference between noise-free potentials of a kind, as a fraction of their energy.
_TOLERANCE = 0.15
# Maximum number of peaks that are compared with one another; the highest peaks are chosen.
_MAX_PEAKS = 2500
# Templates are the same if their distance is smaller than this fraction of the smaller energy.
_SAME = 0.25
# Templates with a smaller distance may belong to one variable unit; their trains decide.
_SIMILAR = 0.5
_SAME_UNIT = 0.1
# Largest probability with which independent trains avoid each other as much as two trains that are
# joined: _DOUBT_IF_CLOSE for templates with a distance below _CLOSE, and _DOUBT otherwise.
_CLOSE = 0.3
_DOUBT, _DOUBT_IF_CLOSE = 0.02, 0.3
# Largest shift in s between compared templates.
_REACH = 0.006
# Minimum energy of a template, in units of the variance of the noise.
_MIN_ENERGY = 40.0
# Minimum distance of two kinds within a unit, in standard deviations of either kind.
_APART = 3.5
# A unit is part of a larger one if more than this fraction of its discharges has a fixed lag to it.
_PART = 0.4


def _smooth(residual: Floats, used: NDArray[np.bool_], fs: float) -> Floats:
    """Low-pass filtered residual in units of its noise, in which slow potentials stand out."""
    kernel = np.hanning(max(int(0.0017 * fs), 3) + 2)[1:-1]
    view = np.array([np.convolve(row, kernel, "same") for row in residual])
    return view / np.maximum(signals.noise_level(view, used), 1e-12)[:, None]


def find_kinds(search: Search, residual: Floats, threshold: float, minimum: int) -> None:
    """Add templates of sharp and slow potentials that recur in the residual.

    Parameters
    ----------
    search : Search
        State of the decomposition, whose templates are extended in place.
    residual : ndarray of shape (n_channels, n_times)
        Signal minus the potentials of the known units, in standard deviations of the noise.
    threshold : float
        Minimum norm over the channels at a peak, in standard deviations of the noise.
    minimum : int
        Minimum number of similar potentials.
    """
    kinds: list[Floats] = []
    for view in (residual, _smooth(residual, search.used, search.fs)):
        kinds += _clusters(search, residual, view, threshold, minimum)
    known = list(search.templates)
    reach = int(_REACH * search.fs)
    for kind in kinds:
        if (kind**2).sum() >= _MIN_ENERGY and all(
            similarity(kind, other, reach)[0] > _SAME for other in known
        ):
            known.append(kind)
    search.templates = np.array(known).reshape(-1, *search.templates.shape[1:])


def _clusters(
    search: Search, residual: Floats, view: Floats, threshold: float, minimum: int
) -> list[Floats]:
    """Medians of the potentials of each cluster, in descending order of frequency."""
    samples, shift = signals.peaks(view, threshold, int(_DISTANCE * search.stretch * search.fs))
    if len(samples) < minimum:
        return []
    if len(samples) > _MAX_PEAKS:
        level = np.einsum("ct,ct->t", view, view)[samples]
        highest = np.sort(np.argsort(-level, kind="stable")[:_MAX_PEAKS])
        samples, shift = samples[highest], shift[highest]
    at = samples + shift
    half = int(_HALF_WINDOW * search.stretch * search.fs)
    shape = signals.taper(2 * half + 1, max(half // 3, 1))
    windows = signals.snippets(residual, at, half, 2 * half + 1) * shape
    flat = windows.reshape(len(windows), -1)
    found = []
    for members in _groups(flat, flat.shape[1] * float(np.mean(shape**2)), minimum):
        parts = signals.snippets(residual, at[members], search.before, search.length)
        template = signals.median(parts) * search.window()
        found.append(shrink(template, int(members.sum())))
    return found


def _groups(flat: Floats, n_values: float, minimum: int) -> list[NDArray[np.bool_]]:
    """Members of groups of similar rows, beginning with the row with the most neighbours."""
    from sklearn_emg.motor_units._kernels import neighbours

    size = np.einsum("ij,ij->i", flat, flat)
    # The distance of noisy rows is twice a chi-square variable with n_values degrees of freedom.
    near = neighbours(
        flat @ flat.T, size, 2.0 * n_values + 4.0 * np.sqrt(2.0 * n_values), _TOLERANCE
    )
    free = np.ones(len(flat), dtype=bool)
    n_near = near.sum(axis=1)
    groups: list[NDArray[np.bool_]] = []
    while True:
        count = np.where(free, n_near, 0)
        # Of equally frequent potentials, the largest is the seed.
        seed = np.lexsort((size, count))[-1]
        if count[seed] < minimum:
            return groups
        members = near[seed] & free
        centre = np.median(flat[members], axis=0)
        energy = centre @ centre
        apart = size + energy - 2.0 * flat @ centre
        close = apart < n_values + 4.0 * np.sqrt(n_values) + _TOLERANCE * energy
        group = close & free
        taken = free & (members | group)
        free &= ~taken
        # The matrix of neighbours is symmetric.
        n_near -= near[taken].sum(axis=0)
        if group.sum() >= minimum:
            groups.append(group)


def similarity(a: Floats, b: Floats, reach: int) -> tuple[float, int]:
    """Minimum distance of `a` and a shifted `b` relative to the smaller energy, and the shift."""
    from sklearn_emg.motor_units._kernels import closest

    product, shift = closest(np.ascontiguousarray(a), np.ascontiguousarray(b), reach)
    energies = float(np.vdot(a, a)), float(np.vdot(b, b))
    apart = (sum(energies) - 2.0 * product) / max(min(energies), 1e-12)
    return apart, shift


def drop_parts(search: Search) -> None:
    """Leave out units that discharge at a fixed time after or before a larger unit.

    Such a unit is usually a part of the larger unit's potential, for example a late component.

    Parameters
    ----------
    search : Search
        State of the decomposition, which is changed in place. Units without discharges are left
        out too.
    """
    energy = search.energy
    trains = [search.train(unit) for unit in range(len(energy))]
    kept = np.ones(len(energy), dtype=bool)
    for unit in np.argsort(energy, kind="stable"):
        larger = [k for k in np.flatnonzero(kept) if energy[k] > energy[unit]]
        kept[unit] = len(trains[unit]) > 0 and not any(
            locked_fraction(trains[k], trains[unit]) > _PART for k in larger
        )
    search.keep(kept)


def join(search: Search) -> bool:
    """Join similar units whose trains avoid each other, beginning with the most similar units.

    The template is that of the unit with more discharges. The result is whether units were joined.
    """
    joined = False
    while _join_two(search):
        joined = True
    return joined


def _join_two(search: Search) -> bool:
    n_units = len(search.templates)
    energy, counts = search.energy, search.counts
    reach = int(_REACH * search.fs)
    trains = [search.train(unit) for unit in range(n_units)]
    pairs = []
    for i in range(n_units):
        for j in range(i):
            if max(energy[i], energy[j]) < 4.0 * min(energy[i], energy[j]):
                apart, shift = similarity(search.templates[i], search.templates[j], reach)
                if apart < _SIMILAR:
                    pairs.append((apart, i, j, shift))
    for apart, i, j, shift in sorted(pairs):
        if counts[i] > counts[j]:
            i, j, shift = j, i, -shift
        # A few potentials close to those of a frequent unit are assumed to belong to it.
        same = apart < _SAME_UNIT and counts[i] < 0.25 * counts[j]
        doubt = _DOUBT_IF_CLOSE if apart < _CLOSE else _DOUBT
        if counts[i] and (same or avoid_each_other(trains[i], trains[j], search.seconds, doubt)):
            of_unit = search.units == i
            search.at[of_unit] += shift
            search.units[of_unit] = j
            search.keep(np.arange(n_units) != i)
            return True
    return False


def divide(search: Search, minimum: int) -> None:
    """Divide units whose potentials are of two kinds that discharge independently.

    Parameters
    ----------
    search : Search
        State of the decomposition. The template of the rarer kind is added to it in place; the
        discharges are assigned later, by a new search.
    minimum : int
        Minimum number of discharges of each kind.
    """
    residual = search.residual()
    new = []
    middle = slice(
        max(search.before - int(0.003 * search.fs), 0), search.before + int(0.004 * search.fs)
    )
    for unit in range(len(search.templates)):
        times = search.times[search.units == unit]
        if len(times) < 2 * minimum:
            continue
        rest = signals.snippets(residual, times, search.before, search.length)
        flat = rest[..., middle].reshape(len(rest), -1)
        size = np.einsum("ij,ij->i", flat, flat)
        clean = size <= 3.0 * np.median(size)
        few = _two_kinds(flat[clean], minimum)
        if few is None:
            continue
        first, second = (np.sort(times[clean][part]) / search.fs for part in (few, ~few))
        if not avoid_each_other(first, second, search.seconds):
            rare, frequent = (signals.median(rest[clean][part]) for part in (few, ~few))
            new.append(search.templates[unit] + rare * search.window())
            search.templates[unit] = search.templates[unit] + frequent * search.window()
    if new:
        search.templates = np.concatenate([search.templates, new])


def _two_kinds(rows: Floats, minimum: int) -> NDArray[np.bool_] | None:
    """Rows of the smaller of two kinds along the first principal axis; None if there is only one.

    The division into two kinds minimises the sum of squared deviations from their means.
    """
    values = rows - np.median(rows, axis=0)
    place = values @ np.linalg.eigh(values.T @ values)[1][:, -1]
    order = np.sort(place)
    n = len(order)
    lower = np.arange(1, n)
    sums = np.cumsum(order)[:-1]
    first, second = sums / lower, (order.sum() - sums) / (n - lower)
    cut = int((lower * (n - lower) * (first - second) ** 2).argmax())
    inner = np.concatenate([order[: cut + 1] - first[cut], order[cut + 1 :] - second[cut]])
    if second[cut] - first[cut] < _APART * max(float(inner.std()), 1e-9):
        return None
    if min(cut + 1, n - cut - 1) < minimum:
        return None
    upper = place > 0.5 * (order[cut] + order[cut + 1])
    # If the parts are equally large, the part without the first row is chosen, since the direction
    # of the axis is arbitrary.
    return upper if (upper.sum(), not upper[0]) < (n - upper.sum(), bool(upper[0])) else ~upper
