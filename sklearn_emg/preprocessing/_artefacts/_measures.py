"""Measures of artefacts in arrays of samples, along the last axis."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

__all__ = [
    "flat_fraction",
    "pop_ratio",
    "power_fractions",
    "runs_mask",
    "saturation_fraction",
    "spike_ratio",
]


def runs_mask(mask: NDArray[np.bool_], shortest: int) -> NDArray[np.bool_]:
    """Keep what is True for at least `shortest` samples in a row, along the last axis."""
    if shortest <= 1:
        return mask
    # An opening: what an erosion and a dilation by the same number of samples leave.
    structure = np.ones((1,) * (mask.ndim - 1) + (shortest,), dtype=bool)
    return ndimage.binary_opening(mask, structure)


def saturation_fraction(X: NDArray[np.floating], limit: float | None) -> NDArray[np.float64]:
    """Share of samples at or beyond the limit, or on plateaus at a signal's own extremes.

    Parameters
    ----------
    X : ndarray of shape (..., n_times)
    limit : float or None
        End of the amplifier's range in mV. None looks for four equal samples in a row at the
        highest or lowest value, and for both of these values in many more samples than the values
        next to them, as peaks that are cut for one or two samples leave them.
    """
    if limit is not None:
        return (np.abs(X) >= limit).mean(axis=-1)
    high, low = X.max(axis=-1, keepdims=True), X.min(axis=-1, keepdims=True)
    varies = high > low
    at_high, at_low = (high == X) & varies, (low == X) & varies
    plateaus = runs_mask(at_high, 4) | runs_mask(at_low, 4)
    cut = _pile_up(X, at_high, -np.inf) & _pile_up(-X, at_low, -np.inf)
    return (plateaus | ((at_high | at_low) & cut)).mean(axis=-1)


def _pile_up(
    X: NDArray[np.floating], at_end: NDArray[np.bool_], lowest: float
) -> NDArray[np.bool_]:
    """Whether many more samples have the highest value than the one below it, of shape (..., 1).

    Samples of a converter with coarse steps share their extremes too, but not more often than
    other values.
    """
    below = np.where(at_end, lowest, X)
    n_below = (below == below.max(axis=-1, keepdims=True)).sum(axis=-1, keepdims=True)
    return at_end.sum(axis=-1, keepdims=True) > 2 * n_below + 3


def flat_fraction(X: NDArray[np.floating], n_flat: int) -> NDArray[np.float64]:
    """Share of samples that lie in runs of at least `n_flat` equal samples.

    Parameters
    ----------
    X : ndarray of shape (..., n_times)
    n_flat : int
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
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Share of the power below `motion_freq`, and at line frequencies and four harmonics of each.

    The mean is left out; a Hann window keeps a line within two bins.

    Parameters
    ----------
    X : ndarray of shape (..., n_times)
    fs, motion_freq : float
        In Hz.
    line_freqs : sequence of float
        Frequencies of the power line to look for, in Hz.

    Returns
    -------
    motion : ndarray of shape (...)
        Below `motion_freq` and not near the line frequency that has most power.
    lines : ndarray of shape (n_line_freqs, ...)
    """
    n_times = X.shape[-1]
    centred = X - X.mean(axis=-1, keepdims=True, dtype=np.float64)
    spectrum = np.abs(np.fft.rfft(centred * np.hanning(n_times + 2)[1:-1], axis=-1)) ** 2
    freqs = np.fft.rfftfreq(n_times, 1 / fs)
    width = max(2 * fs / n_times, 1.0)
    total = spectrum[..., 1:].sum(axis=-1)
    safe = np.where(total > 0, total, 1.0)
    lines, slow_parts = [], []
    for line in line_freqs:
        at_line = np.zeros(len(freqs), dtype=bool)
        # A window too short to tell the line from the rest says nothing about it.
        if width < line / 4:
            for harmonic in range(1, 6):
                if harmonic * line < fs / 2:
                    at_line |= np.abs(freqs - harmonic * line) <= width
        lines.append(spectrum[..., at_line].sum(axis=-1) / safe)
        slow = (freqs > 0) & (freqs < motion_freq) & ~at_line
        slow_parts.append(spectrum[..., slow].sum(axis=-1) / safe)
    return np.min(slow_parts, axis=0), np.stack(lines)


def spike_ratio(X: NDArray[np.floating]) -> NDArray[np.float64]:
    """Largest distance of a sample from the median of three, relative to the range of the medians.

    Parameters
    ----------
    X : ndarray of shape (..., n_times)
    """
    size = (1,) * (X.ndim - 1) + (3,)
    # "mirror" does not repeat the end, which would hide a spike there from itself.
    medians = ndimage.median_filter(X, size=size, mode="mirror")
    largest = np.abs(X - medians).max(axis=-1)
    return _ratio(largest, np.ptp(medians, axis=-1))


def pop_ratio(X: NDArray[np.floating], n_median: int) -> NDArray[np.float64]:
    """Largest step of the baseline between neighbouring stretches, over the spread around it.

    Parameters
    ----------
    X : ndarray of shape (..., n_times)
    n_median : int
        Length of a stretch in samples.
    """
    n_stretches = X.shape[-1] // n_median
    if n_stretches < 2:
        return np.zeros(X.shape[:-1])
    stretches = X[..., : n_stretches * n_median].reshape(*X.shape[:-1], n_stretches, n_median)
    medians = np.median(stretches, axis=-1)
    spread = stretches.std(axis=-1, dtype=np.float64).mean(axis=-1)
    return _ratio(np.abs(np.diff(medians, axis=-1)).max(axis=-1), spread)


def _ratio(part: NDArray, whole: NDArray) -> NDArray[np.float64]:
    part, whole = np.asarray(part, dtype=np.float64), np.asarray(whole, dtype=np.float64)
    # Something on nothing is a finite but hopeless ratio, so that features stay finite.
    ratio = np.divide(part, whole, out=np.where(part > 0, 1e6, 0.0), where=whole > 0)
    return np.minimum(ratio, 1e6)
