"""Measures of artefacts along the last axis of arrays."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage


def runs_mask(mask: NDArray[np.bool_], min_length: int) -> NDArray[np.bool_]:
    """Keep only runs of at least `min_length` True samples along the last axis."""
    if min_length <= 1:
        return mask
    # The memory of a binary opening would grow with the square of the length.
    steps = np.diff(mask, axis=-1, prepend=False, append=False).reshape(-1, mask.shape[-1] + 1)
    edges = np.flatnonzero(steps)  # alternately the first sample of a run and the first after it
    starts, ends = edges[::2], edges[1::2]
    long = ends - starts >= min_length
    changes = np.zeros(steps.size, dtype=np.int8)
    changes[starts[long]], changes[ends[long]] = 1, -1
    inside = np.cumsum(changes, dtype=np.int8).reshape(*mask.shape[:-1], -1)
    return inside[..., :-1].astype(bool)


def saturation_fraction(X: NDArray[np.floating], limit: float | None) -> NDArray[np.float64]:
    """Compute the fraction of samples at or beyond a limit, or cut off at the extrema.

    Parameters
    ----------
    X : ndarray of shape (..., n_times)
        Signals.
    limit : float or None
        Amplitude in mV at which the amplifier saturates. If it is None, each of the two extreme
        values is compared with the value next to it. If the extreme value is more than 2.5 times as
        frequent, samples in runs of at least four of them count; if it is also more frequent by
        more than three samples, as after clipping of short peaks, all samples with this value
        count. A peak that is only rounded to the steps of a converter is at most 2.4 times as long
        on its highest step as on the next one.

    Returns
    -------
    fraction : ndarray of shape (...)
        Fraction of the samples of each signal.
    """
    if limit is not None:
        return (np.abs(X) >= limit).mean(axis=-1)
    high, low = X.max(axis=-1, keepdims=True), X.min(axis=-1, keepdims=True)
    varies = high > low
    at_high, at_low = (high == X) & varies, (low == X) & varies
    cut = np.zeros(X.shape, dtype=bool)
    for values, at_end in ((X, at_high), (-X, at_low)):
        excess = _excess(values, at_end, at_high | at_low)
        cut |= at_end & ((excess > 3) | ((excess > 0) & runs_mask(at_end, 4)))
    return cut.mean(axis=-1)


def _excess(
    X: NDArray[np.floating], at_end: NDArray[np.bool_], extreme: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Compare the number of the highest samples with 2.5 times that of the next lower value.

    The result has the shape (..., 1). Samples at either of the two extrema are not compared.
    """
    inner = np.where(extreme, -np.inf, X)
    below = (inner == inner.max(axis=-1, keepdims=True)) & ~extreme
    return at_end.sum(axis=-1, keepdims=True) - 2.5 * below.sum(axis=-1, keepdims=True)


def flat_fraction(X: NDArray[np.floating], n_flat: int) -> NDArray[np.float64]:
    """Compute the fraction of samples in runs of at least `n_flat` equal samples.

    Parameters
    ----------
    X : ndarray of shape (..., n_times)
        Signals.
    n_flat : int
        Minimum length of a run in samples.

    Returns
    -------
    fraction : ndarray of shape (...)
        Fraction of the samples of each signal.
    """
    n_times = X.shape[-1]
    if n_times == 1:
        return np.zeros(X.shape[:-1])
    equal = runs_mask(np.diff(X, axis=-1) == 0, max(min(n_flat, n_times) - 1, 1))
    flat = np.zeros(X.shape, dtype=bool)
    flat[..., 1:] |= equal
    flat[..., :-1] |= equal
    return flat.mean(axis=-1)


def power_fractions(
    X: NDArray[np.floating], fs: float, motion_freq: float, line_freqs: Sequence[float]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Compute the fractions of the power below a frequency and at power-line frequencies.

    The mean is subtracted first. The power at a power-line frequency includes four harmonics. A
    Hann window confines each line to two bins on either side.

    Parameters
    ----------
    X : ndarray of shape (..., n_times)
        Signals.
    fs, motion_freq : float
        Sampling rate, and upper frequency of motion artefacts, in Hz.
    line_freqs : sequence of float
        Candidate frequencies of the power line in Hz.

    Returns
    -------
    motion : ndarray of shape (...)
        Fraction of the power below `motion_freq`, excluding the bins of a power line. If the
        candidate frequencies give different fractions, it is the smallest of them.
    lines : ndarray of shape (n_line_freqs, ...)
        Fraction of the power at each power-line frequency and its harmonics.
    bands : ndarray of shape (n_line_freqs,)
        Fraction of the frequencies that count as those of each power line. It is the expected
        fraction of the power of white noise.
    """
    n_times = X.shape[-1]
    centred = X - X.mean(axis=-1, keepdims=True, dtype=np.float64)
    spectrum = np.abs(np.fft.rfft(centred * np.hanning(n_times + 2)[1:-1], axis=-1)) ** 2
    freqs = np.fft.rfftfreq(n_times, 1 / fs)
    width = max(2 * fs / n_times, 1.0)
    total = spectrum[..., 1:].sum(axis=-1)
    safe = np.where(total > 0, total, 1.0)
    lines, slow_parts, bands = [], [], []
    for line in line_freqs:
        at_line = np.zeros(len(freqs), dtype=bool)
        # In a short window, a power line cannot be separated from other frequencies.
        if width < line / 4:
            for harmonic in range(1, 6):
                if harmonic * line < fs / 2:
                    at_line |= np.abs(freqs - harmonic * line) <= width
        lines.append(spectrum[..., at_line].sum(axis=-1) / safe)
        bands.append(at_line.mean())
        slow = (freqs > 0) & (freqs < motion_freq) & ~at_line
        slow_parts.append(spectrum[..., slow].sum(axis=-1) / safe)
    return np.min(slow_parts, axis=0), np.stack(lines), np.array(bands)


def spike_ratio(X: NDArray[np.floating]) -> NDArray[np.float64]:
    """Compute the largest distance from the median of three, relative to the medians' range.

    There is one ratio, of at most 1e6, for each signal of the last axis.
    """
    size = (1,) * (X.ndim - 1) + (3,)
    # "mirror" does not repeat the end sample. A repeated spike would be its own median.
    medians = ndimage.median_filter(X, size=size, mode="mirror")
    largest = np.abs(X - medians).max(axis=-1)
    return _ratio(largest, np.ptp(medians, axis=-1))


def pop_ratio(X: NDArray[np.floating], n_median: int) -> NDArray[np.float64]:
    """Compute the largest step of the baseline, relative to the spread within stretches.

    It is the largest step between the medians of neighbouring stretches of `n_median` samples,
    divided by the mean standard deviation of the stretches, at most 1e6; 0 for a signal of fewer
    than two stretches.
    """
    n_stretches = X.shape[-1] // n_median
    if n_stretches < 2:
        return np.zeros(X.shape[:-1])
    stretches = X[..., : n_stretches * n_median].reshape(*X.shape[:-1], n_stretches, n_median)
    medians = np.median(stretches, axis=-1)
    spread = stretches.std(axis=-1, dtype=np.float64).mean(axis=-1)
    return _ratio(np.abs(np.diff(medians, axis=-1)).max(axis=-1), spread)


def _ratio(numerator: NDArray, denominator: NDArray) -> NDArray[np.float64]:
    numerator = np.asarray(numerator, dtype=np.float64)
    denominator = np.asarray(denominator, dtype=np.float64)
    # Ratios are limited to 1e6, so that features are finite even if the denominator is 0.
    limit = np.where(numerator > 0, 1e6, 0.0)
    return np.minimum(np.divide(numerator, denominator, out=limit, where=denominator > 0), 1e6)
