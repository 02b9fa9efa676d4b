"""Graphs of the time-domain features of windows, with the formulas of TimeDomainFeatures."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from sklearn_emg.deployment._onnx._graph import Tensor, xp
from sklearn_emg.deployment._onnx._signals import quantile
from sklearn_emg.feature_extraction import TimeDomainFeatures


class _Window:
    """Windows of shape (n_rows, n_times) and intermediate results that several sums use.

    Counts compare samples in the type of the windows, as the compiled kernels do. Sums are computed
    in float64.
    """

    def __init__(self, x: Tensor, n: int, step: TimeDomainFeatures):
        self.x, self.n, self.step = x, n, step
        self.wide = x.cast(np.float64)
        self.threshold = cache(self._threshold)
        self.sum = cache(self._sum)

    def _sum(self, name: str) -> Tensor:
        return _SUMS[name](self)

    def _threshold(self, name: str) -> Any:
        value = np.asarray(self.step.threshold_values()[name], self.x.dtype)
        if self.step.threshold_unit == "mV":
            return value
        return quantile(abs(self.x), 0.5) / 0.6745 * value

    @property
    def differences(self) -> Tensor:
        return self.wide[..., 1:] - self.wide[..., :-1]

    @property
    def centred(self) -> Tensor:
        return self.wide - self.sum("x") / self.n

    @property
    def teager(self) -> Tensor:
        x = self.wide
        return x[..., 1:-1] * x[..., 1:-1] - x[..., :-2] * x[..., 2:]

    @property
    def magnitude(self) -> Tensor:
        return abs(self.wide)


def _zero_crossings(w: _Window) -> Tensor:
    """Count changes of sign; samples that are zero take the last nonzero value before them."""
    last, distance = w.x, 1
    while distance < w.n:
        shifted = last[..., :-distance].pad(distance, 0)
        last = xp.where(last == 0.0, shifted, last)
        distance *= 2
    before, after = last[..., :-1], w.x[..., 1:]
    opposite = ((before < 0.0) & (after > 0.0)) | ((before > 0.0) & (after < 0.0))
    return (opposite & (abs(after - before) >= w.threshold("zc"))).count()


def _slope_sign_changes(w: _Window) -> Tensor:
    d = w.x[..., 1:] - w.x[..., :-1]
    before, after = d[..., :-1], d[..., 1:]
    extremum = ((before > 0.0) & (after < 0.0)) | ((before < 0.0) & (after > 0.0))
    threshold = w.threshold("ssc")
    return (extremum & ((abs(before) >= threshold) | (abs(after) >= threshold))).count()


def _weighted(values: Tensor, weights: np.ndarray) -> Tensor:
    return (values * weights).sum()


def _modified(w: _Window, kind: int) -> Tensor:
    n, i = w.n, np.arange(1, w.n + 1)
    middle = (4 * i >= n) & (4 * i <= 3 * n)
    sides = 0.5 if kind == 1 else xp.where(4 * i < n, 4 * i / n, 4 * (n - i) / n)
    return _weighted(w.magnitude, xp.where(middle, 1.0, sides))


def _enhanced(w: _Window) -> Tensor:
    i = np.arange(2, w.n + 1)  # number (from 1) of the later sample of each difference
    strong = (5 * i >= w.n) & (5 * i <= 4 * w.n)
    return (abs(w.differences) ** xp.where(strong, 0.75, 0.5)).sum()


def _logarithms(w: _Window) -> Tensor:
    some = w.magnitude > 0.0
    scale = xp.where(w.sum("abs") > 0.0, w.sum("abs") / w.n, 1.0)
    return xp.where(some, xp.log(xp.where(some, w.magnitude, 1.0) / scale), 0.0).sum()


def _l_sum(w: _Window) -> Tensor:
    return _weighted(w.wide.sorted(), 2.0 * np.arange(1, w.n + 1) - w.n - 1)


def _bins(w: _Window) -> Tensor:
    n_bins, limit = w.step.n_bins, w.step.hist_range
    inner = 2.0 * np.arange(1, n_bins) / n_bins - 1.0
    if limit is None:
        edges = w.sum("x") / w.n + xp.sqrt(w.sum("c2") / w.n) * (3.0 * inner)
    else:
        edges = w.x.graph.constant(float(limit) * inner[np.newaxis], np.float64)
    upper = edges.cast(w.x.dtype).reshape(-1, n_bins - 1, 1)
    above = (w.x.reshape(-1, 1, w.n) >= upper).count().reshape(-1, n_bins - 1)
    counts = -(above.pad(0, 1) - above.pad(1, 0) - _first(n_bins, w.n))
    if limit is not None:
        return counts
    central = xp.where(np.arange(n_bins) == n_bins // 2, float(w.n), 0.0)
    return xp.where(w.sum("d_abs") == 0.0, central, counts)


def _first(n_bins: int, n: int) -> np.ndarray:
    """Return the window length for the first bin and 0 for the others."""
    return xp.where(np.arange(n_bins) == 0, float(n), 0.0)


def _segments(w: _Window) -> Tensor:
    n_segments = w.step.n_segments
    size = w.n // n_segments
    part = (w.magnitude - w.sum("abs") / w.n)[..., : size * n_segments]
    return part.reshape(-1, n_segments, size).reduce("Mean", keepdims=False)


def _turns(w: _Window) -> Tensor:
    """Compute the number of turns and the sum of amplitude changes, of shape (n_rows, 2).

    The Scan over the samples assumes that each window rises from its first sample. As in the
    compiled kernel, the results of windows that fall first are corrected at the end.
    """
    graph, first = w.x.graph, w.wide[..., :1]
    threshold = np.asarray(w.step.turn_threshold, w.x.dtype)

    def reaches(size: Tensor) -> Tensor:
        return size.cast(w.x.dtype) >= threshold

    def body(state: Tensor, v: Tensor) -> tuple[Tensor, None]:
        sign, best, last, total, count, high, low, way = (state[..., k : k + 1] for k in range(8))
        best = xp.maximum(best, v * sign)
        turned = reaches(best - v * sign)
        total = xp.where(turned, total + (best + last), total)
        count = xp.where(turned, count + 1.0, count)
        last = xp.where(turned, best, last)
        best = xp.where(turned, -(v * sign), best)
        sign = xp.where(turned, -sign, sign)
        still = ~reaches(high - low)
        rising, falling = still & (v > high), still & (v < low)
        way = xp.where(rising, 1.0, xp.where(falling, -1.0, way))
        ends = [xp.where(rising, v, high), xp.where(falling, v, low), way]
        return graph.concat([sign, best, last, total, count, *ends]), None

    zero = first * 0.0
    begin = graph.concat([zero + 1.0, first, -first, zero, zero, first, first, zero])
    end, _ = graph.scan(body, begin, w.wide.transpose(1, 0).reshape(w.n, -1, 1))
    total, count, high, low, way = (end[..., k : k + 1] for k in range(3, 8))
    rising = way > 0.0
    wrong = ~rising & (count > 0.0)
    total = xp.where(rising, total + (first - low), total)
    total = xp.where(wrong, total - (high - first), total)
    count = xp.where(wrong, count - 1.0, count)
    return graph.concat([count, xp.where(count > 0.0, total, 0.0)])


_SUMS: dict[str, Callable[[_Window], Tensor]] = {
    "x": lambda w: w.wide.sum(),
    "abs": lambda w: w.magnitude.sum(),
    "x2": lambda w: (w.wide * w.wide).sum(),
    "d_abs": lambda w: abs(w.differences).sum(),
    "d2": lambda w: (w.differences * w.differences).sum(),
    "d": lambda w: w.differences.sum(),
    "dd": lambda w: (w.differences[..., 1:] - w.differences[..., :-1]).sum(),
    "max": lambda w: w.wide.reduce("Max"),
    "min": lambda w: w.wide.reduce("Min"),
    "zc": _zero_crossings,
    "ssc": _slope_sign_changes,
    "wamp": lambda w: (abs(w.x[..., 1:] - w.x[..., :-1]) >= w.threshold("wamp")).count(),
    "myop": lambda w: (abs(w.x) >= w.threshold("myop")).count(),
    "c2": lambda w: (w.centred * w.centred).sum(),
    "c3": lambda w: (w.centred**3.0).sum(),
    "c4": lambda w: (w.centred**4.0).sum(),
    "c_abs": lambda w: abs(w.centred).sum(),
    "dd2": lambda w: ((w.differences[..., 1:] - w.differences[..., :-1]) ** 2.0).sum(),
    "tk": lambda w: w.teager.sum(),
    "tk2": lambda w: (w.teager * w.teager).sum(),
    "r2": lambda w: ((w.magnitude - w.sum("abs") / w.n) ** 2.0).sum(),
    "x3": lambda w: (w.wide**3.0).sum(),
    "x4": lambda w: (w.wide**4.0).sum(),
    "x5": lambda w: (w.wide**5.0).sum(),
    "xv": lambda w: (w.magnitude ** float(w.step.v_order)).sum(),
    "log": _logarithms,
    "n_log": lambda w: (w.magnitude > 0.0).count(),
    "ewl": _enhanced,
    "mmav1": lambda w: _modified(w, 1),
    "mmav2": lambda w: _modified(w, 2),
    "l_sum": _l_sum,
    "both_turns": _turns,
    "turns": lambda w: w.sum("both_turns")[..., :1],
    "turn_sum": lambda w: w.sum("both_turns")[..., 1:],
    "bins": _bins,
    "segments": _segments,
}


def time_features(step: TimeDomainFeatures, x: Tensor, n_times: int, fs: float | None) -> Tensor:
    """Compute the features of all channels, of shape (n_windows, n_channels, n_features)."""
    window = _Window(x.reshape(-1, n_times), n_times, step)
    values = step.from_sums(window.sum, n_times, fs)
    features = x.graph.concat([value.cast(x.dtype) for value in values])
    return features.reshape(-1, x.size(1), features.size())
