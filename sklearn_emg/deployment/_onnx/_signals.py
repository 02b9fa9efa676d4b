"""Graphs of filters, scalers and envelopes of signals (n_signals, n_channels, n_times)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import signal

from sklearn_emg.deployment._onnx._graph import Graph, Tensor, xp
from sklearn_emg.preprocessing import AmplitudeScaler, BaselineRemover, Envelope, LowpassFilter

# Number of samples that each step of the loop over a signal filters by one matrix product, which is
# fast and has the rounding errors of float64.
_BLOCK = 64


def _block_matrix(sos: NDArray[np.float64]) -> NDArray[np.float64]:
    """Compute the matrix that filters a block of samples.

    The matrix maps the samples of a block and the filter state before it to the output and the next
    state. Each row is the response of the filter to one sample or one state variable.
    """
    n_sections = len(sos)
    n_states = 2 * n_sections
    inputs = np.eye(_BLOCK + n_states)[:, :_BLOCK]
    states = np.eye(n_states, _BLOCK + n_states, _BLOCK).reshape(n_sections, 2, -1)
    output, state = signal.sosfilt(sos, inputs, zi=states.swapaxes(1, 2))
    return np.hstack([output, state.swapaxes(0, 1).reshape(_BLOCK + n_states, n_states)])


def _sections(rows: Tensor, sos: NDArray[np.float64]) -> Tensor:
    """Filter forwards by a Scan over blocks, from the steady state of the first sample."""
    graph = rows.graph
    n_times = rows.size()
    blocks = graph.operator("Div", n_times + (_BLOCK - 1), _BLOCK)
    padded = rows.pad(0, blocks * _BLOCK - n_times)
    items = padded.reshape(-1, blocks, _BLOCK).transpose(1, 0, 2)
    matrix = graph.constant(_block_matrix(sos), np.float64)
    steady = graph.constant(signal.sosfilt_zi(sos).reshape(1, -1), np.float64)

    def body(state: Tensor, block: Tensor) -> tuple[Tensor, Tensor]:
        found = graph.concat([block, state]) @ matrix
        return found[..., _BLOCK:], found[..., :_BLOCK]

    _, outputs = graph.scan(body, rows[..., :1] @ steady, items)
    assert outputs is not None
    filtered = outputs.transpose(1, 0, 2).reshape(-1, blocks * _BLOCK)
    return filtered.slice(0, n_times, -1)


def _odd_extension(rows: Tensor, n: Tensor) -> Tensor:
    """Extend signals by `n` samples on each side, by point reflection about their ends."""
    left = rows[..., :1] * 2.0 - rows[..., n:0:-1]
    right = rows[..., -1:] * 2.0 - rows.slice(-2, n * -1 - 2, -1, -1)
    return rows.graph.concat([left, rows, right])


def _both_ways(rows: Tensor, sos: NDArray[np.float64]) -> Tensor:
    """Filter forwards and backwards by two Scans, as scipy.signal.sosfiltfilt does."""
    n_taps = 2 * len(sos) + 1 - min((sos[:, 2] == 0).sum(), (sos[:, 5] == 0).sum())
    n_times = rows.size()
    n = xp.minimum(n_times - 1, 3 * int(n_taps))
    there = _sections(_odd_extension(rows, n), sos)[..., ::-1]
    back = _sections(there, sos)[..., ::-1]
    return back.slice(n, n + n_times, -1)


def _taps(rows: Tensor, taps: NDArray[np.float64], zero_phase: bool) -> Tensor:
    """Convolve with the taps of an FIR filter by a Scan over the taps."""
    graph, n_times = rows.graph, rows.size()
    if zero_phase:
        half = len(taps) // 2
        mirrored = xp.minimum(n_times - 1, half)
        rest = mirrored * -1 + half
        extended = _odd_extension(rows, mirrored).pad(rest, rest, "edge")
    else:
        extended = rows.pad(len(taps) - 1, 0, "edge")
    order = graph.constant(np.arange(len(taps))[::-1, np.newaxis], np.int64)
    values = graph.constant(taps, np.float64)

    def body(total: Tensor, k: Tensor) -> tuple[Tensor, None]:
        first = k * -1 + (len(taps) - 1)
        return total + extended.slice(first, first + n_times, -1) * values.take(k, 0), None

    total, _ = graph.scan(body, rows * 0.0, order)
    return total


def filtered(step: Any, x: Tensor, fs: float) -> Tensor:
    """Apply a linear filter, zero-phase or causal; `fs` is in Hz."""
    found = step.coefficients(fs)
    rows = x.cast(np.float64).reshape(-1, x.size())  # (n_signals * n_channels, n_times)
    if hasattr(found, "taps"):
        result = _taps(rows, found.taps, step.zero_phase)
    else:
        result = (_both_ways if step.zero_phase else _sections)(rows, found.sos)
    return result.reshape(-1, x.size(1), result.size()).cast(x.dtype)


def quantile(x: Tensor, fraction: float) -> Tensor:
    """Compute a quantile along the last axis by linear interpolation; the axis is kept."""
    ordered = x.sorted()
    place = (x.size() - 1).cast(np.float64) * fraction
    below = xp.floor(place)
    low = ordered.take(below.cast(np.int64))
    high = ordered.take(xp.minimum(below.cast(np.int64) + 1, x.size() - 1))
    return low + (high - low) * (place - below).cast(x.dtype)


def _location_and_scale(x: Tensor, method: str) -> tuple[Any, Tensor]:
    largest = abs(x).reduce("Max")
    location: Any = 0.0
    if method == "zscore":
        location = x.mean()
        scale = xp.sqrt(((x - location) ** 2.0).mean())
    elif method == "minmax":
        location = x.reduce("Min")
        scale = x.reduce("Max") - location
    elif method == "robust":
        location = quantile(x, 0.5)
        scale = quantile(x, 0.75) - quantile(x, 0.25)
    else:
        scale = largest
    # A constant signal gets the scale 1.
    return location, xp.where(scale <= largest * (10 * np.finfo(np.float64).eps), 1.0, scale)


def scaled(step: AmplitudeScaler, x: Tensor, fs: float) -> Tensor:
    """Apply an AmplitudeScaler with the scale of each signal or of the training signals."""
    wide = x.cast(np.float64)
    if step.by == "training":
        location, scale = step.location_[:, np.newaxis], step.scale_[:, np.newaxis]
    else:
        location, scale = _location_and_scale(wide, step.method)
    return ((wide - location) / scale).cast(x.dtype)


def divided(step: Any, x: Tensor, fs: float) -> Tensor:
    """Apply a ReferenceScaler with a given reference."""
    reference = np.atleast_1d(np.asarray(step.reference, dtype=np.float64))
    return (x.cast(np.float64) / reference[:, np.newaxis]).cast(x.dtype)


def rectified(step: Any, x: Tensor, fs: float) -> Tensor:
    """Apply a Rectifier."""
    return abs(x) if step.wave == "full" else xp.maximum(x, 0.0)


def without_baseline(step: BaselineRemover, x: Tensor, fs: float) -> Tensor:
    """Apply a BaselineRemover that subtracts the mean or median."""
    if step.method == "median":
        return x - quantile(x, 0.5)
    return (x.cast(np.float64) - x.cast(np.float64).mean()).cast(x.dtype)


def _moving_mean(x: Tensor, half: int) -> Tensor:
    """Average ``2 * half + 1`` samples around each sample, and fewer at the ends."""
    graph, n_times = x.graph, x.size()
    sums = graph.add("CumSum", [x, graph.constant(-1, np.int64)], x.dtype).pad(1, 0)
    place = graph.counting(n_times)
    begin, end = xp.maximum(place - half, 0), xp.minimum(place + (half + 1), n_times)
    return (sums.take(end) - sums.take(begin)) / (end - begin).cast(x.dtype)


def envelope(step: Envelope, x: Tensor, fs: float) -> Tensor:
    """Compute the envelope by a moving RMS, a moving mean or a low-pass filter."""
    if step.method == "lowpass":
        return filtered(LowpassFilter(step.cutoff, order=2), abs(x), fs)
    wide, half = x.cast(np.float64), int(step.window * fs / 2)
    if step.method == "mean":
        return _moving_mean(abs(wide), half).cast(x.dtype)
    return xp.sqrt(xp.maximum(_moving_mean(wide * wide, half), 0.0)).cast(x.dtype)


def windows(x: Tensor, size: int, step: int, tail: str) -> Tensor:
    """Cut signals into the same windows as :func:`~sklearn_emg.recordings.divide`.

    Parameters
    ----------
    x : Tensor of shape (n_signals, n_channels, n_times)
        Signals.
    size : int
        Number of samples of a window.
    step : int
        Number of samples from the start of one window to the start of the next.
    tail : {"drop", "overlap", "pad"}
        Treatment of the samples after the last complete window.

    Returns
    -------
    windows : Tensor of shape (n_signals, n_windows, n_channels, size)
        Windows of each signal.
    """
    graph: Graph = x.graph
    n_times = x.size()
    if tail == "pad":
        padded = _padded_length(n_times, size, step)
        x, n_times = x.pad(0, padded - n_times), padded
    last = xp.maximum(n_times - size, -1)
    starts = graph.counting(last + 1, step)
    if tail == "overlap":
        n_starts = xp.minimum(graph.operator("Div", last + (step - 1), step) + 1, last + 1)
        starts = graph.concat([starts, last], axis=0).slice(0, n_starts, 0)
    places = starts.reshape(-1, 1) + np.arange(size)
    return x.take(places).transpose(0, 2, 1, 3)


def _padded_length(n_times: Tensor, size: int, step: int) -> Tensor:
    """Return the length up to the end of the last, padded window of tail="pad"."""
    graph = n_times.graph
    rest = xp.maximum(n_times - size, 0)
    last = graph.operator("Div", rest, step) * step  # first sample of the last complete window
    after = last + step
    extends = (last + size < n_times) & (after < n_times)
    return xp.maximum(graph.where(extends, after + size, n_times), size)
