"""Filters, scalers and envelopes as graphs on signals of shape (n_signals, n_channels, n_times)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import signal

from sklearn_emg.deployment._onnx._graph import Graph, Tensor, xp
from sklearn_emg.preprocessing import AmplitudeScaler, BaselineRemover, Envelope, LowpassFilter

# Samples that one step of the loop over a signal filters: a product of matrices is fast, and its
# rounding errors are those of float64.
_BLOCK = 64


def _in_rows(x: Tensor) -> Tensor:
    """Signals of shape (n_signals, n_channels, n_times) as (n_signals * n_channels, n_times)."""
    return x.reshape(-1, x.size())


def _as_before(rows: Tensor, x: Tensor) -> Tensor:
    """Rows in the shape of x, with any number of samples."""
    return rows.reshape(-1, x.size(1), rows.size())


def _block_matrix(sos: NDArray[np.float64]) -> NDArray[np.float64]:
    """Matrix from the samples of a block and the state before it to the output and the next state.

    It has a row for each sample and each state, and is the response of the filter to one of them.
    """
    n_sections = len(sos)
    n_states = 2 * n_sections
    inputs = np.eye(_BLOCK + n_states)[:, :_BLOCK]
    states = np.eye(n_states, _BLOCK + n_states, _BLOCK).reshape(n_sections, 2, -1)
    output, state = signal.sosfilt(sos, inputs, zi=states.swapaxes(1, 2))
    return np.hstack([output, state.swapaxes(0, 1).reshape(_BLOCK + n_states, n_states)])


def _sections(rows: Tensor, sos: NDArray[np.float64]) -> Tensor:
    """Filter forwards from the steady state of the first sample, in blocks by a Scan."""
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
    """Signals with `n` samples more on each side, mirrored about their end points."""
    left = rows[..., :1] * 2.0 - rows[..., n:0:-1]
    right = rows[..., -1:] * 2.0 - rows.slice(-2, n * -1 - 2, -1, -1)
    return rows.graph.concat([left, rows, right])


def _both_ways(rows: Tensor, sos: NDArray[np.float64]) -> Tensor:
    """Filter forwards and backwards, as scipy.signal.sosfiltfilt does, by two Scans."""
    n_taps = 2 * len(sos) + 1 - min((sos[:, 2] == 0).sum(), (sos[:, 5] == 0).sum())
    n_times = rows.size()
    n = xp.minimum(n_times - 1, 3 * int(n_taps))
    there = _sections(_odd_extension(rows, n), sos)[..., ::-1]
    back = _sections(there, sos)[..., ::-1]
    return back.slice(n, n + n_times, -1)


def _taps(rows: Tensor, taps: NDArray[np.float64], zero_phase: bool) -> Tensor:
    """Convolution with the taps of a FIR filter, by a Scan over the taps."""
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
    """The four linear filters, zero-phase or causal."""
    found = step.coefficients(fs)
    rows = _in_rows(x.cast(np.float64))
    if hasattr(found, "taps"):
        result = _taps(rows, found.taps, step.zero_phase)
    else:
        result = (_both_ways if step.zero_phase else _sections)(rows, found.sos)
    return _as_before(result, x).cast(x.dtype)


def quantile(x: Tensor, fraction: float) -> Tensor:
    """Quantile along the last axis, with linear interpolation, which is kept."""
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
    # The scale of a constant signal is 1.
    return location, xp.where(scale <= largest * (10 * np.finfo(np.float64).eps), 1.0, scale)


def scaled(step: AmplitudeScaler, x: Tensor, fs: float) -> Tensor:
    """AmplitudeScaler, by each signal or by the training signals."""
    wide = x.cast(np.float64)
    if step.by == "training":
        location, scale = step.location_[:, np.newaxis], step.scale_[:, np.newaxis]
    else:
        location, scale = _location_and_scale(wide, step.method)
    return ((wide - location) / scale).cast(x.dtype)


def divided(step: Any, x: Tensor, fs: float) -> Tensor:
    """ReferenceScaler with a given reference."""
    reference = np.atleast_1d(np.asarray(step.reference, dtype=np.float64))
    return (x.cast(np.float64) / reference[:, np.newaxis]).cast(x.dtype)


def rectified(step: Any, x: Tensor, fs: float) -> Tensor:
    """Rectifier."""
    return abs(x) if step.wave == "full" else xp.maximum(x, 0.0)


def without_baseline(step: BaselineRemover, x: Tensor, fs: float) -> Tensor:
    """BaselineRemover by mean or median."""
    if step.method == "median":
        return x - quantile(x, 0.5)
    return (x.cast(np.float64) - x.cast(np.float64).mean()).cast(x.dtype)


def _moving_mean(x: Tensor, half: int) -> Tensor:
    """Mean over ``2 * half + 1`` samples around each, and over fewer at the ends."""
    graph, n_times = x.graph, x.size()
    sums = graph.add("CumSum", [x, graph.constant(-1, np.int64)], x.dtype).pad(1, 0)
    place = graph.counting(n_times)
    begin, end = xp.maximum(place - half, 0), xp.minimum(place + (half + 1), n_times)
    return (sums.take(end) - sums.take(begin)) / (end - begin).cast(x.dtype)


def envelope(step: Envelope, x: Tensor, fs: float) -> Tensor:
    """Envelope by moving RMS, moving mean or low-pass filter."""
    if step.method == "lowpass":
        return filtered(LowpassFilter(step.cutoff, order=2), abs(x), fs)
    wide, half = x.cast(np.float64), int(step.window * fs / 2)
    if step.method == "mean":
        return _moving_mean(abs(wide), half).cast(x.dtype)
    return xp.sqrt(xp.maximum(_moving_mean(wide * wide, half), 0.0)).cast(x.dtype)


def windows(x: Tensor, size: int, step: int, tail: str) -> Tensor:
    """Windows of signals, of shape (n_signals, n_windows, n_channels, size), as divide() cuts them.

    Parameters
    ----------
    x : Tensor of shape (n_signals, n_channels, n_times)
    size, step : int
        Samples of a window, and from one window to the next.
    tail : {"drop", "overlap", "pad"}
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
    """Length with the last window of tail="pad", which has samples that no other window has."""
    graph = n_times.graph
    rest = xp.maximum(n_times - size, 0)
    last = graph.operator("Div", rest, step) * step  # first sample of the last complete window
    after = last + step
    extends = (last + size < n_times) & (after < n_times)
    return xp.maximum(graph.where(extends, after + size, n_times), size)
