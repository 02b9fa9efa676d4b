"""Quality measures of a channel, from its raw samples."""

from __future__ import annotations

import hashlib
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sklearn_emg.preprocessing._artefacts._properties import (
    Spectrum,
    signal_properties,
    spectrum_of,
)

# Measures of a channel in the order of the report, including those of ``signal_properties``.
MEASURES = (
    "length",
    "rms",
    "offset",
    "flat",
    "clipped",
    "rectified",
    "line",
    "line_freq",
    "line_50",
    "line_60",
    "drift",
    "noise_floor",
    "noise_density",
    "step",
    "spikes",
    "invalid",
    "gaps",
    "longest_gap",
    "median_freq",
)
_FLAT = 0.01  # s; at a low rate, the steps of a converter cause several equal samples in a row
_MIN_FLAT = 15
_SPIKE = 1.5  # times the range of the samples around it; larger below 1000 Hz, see ArtefactDetector
# Gaps count as clipped if the samples next to them are at least this fraction of the way from the
# median to an extremum, and if there are at least this many such gaps.
_CLOSE, _MIN_GAPS = 0.8, 3
_SHORT = 0.005  # s; maximum length of a short gap
_SLOW = 0.5  # s; length of the stretches whose means measure the drift
_NEAR = 0.02  # fraction of the range that counts as near the lowest value
_HARMONICS = 5
_LINE_FREQS = (50.0, 60.0)
# Apparent power line if the stated rate is half or twice the true rate: its frequencies, the
# multiples at which peaks are searched for, and the fraction of the power that a single peak needs.
_AT_HALF = ((25.0, 30.0), (1, 3, 5, 7), 0.03)
_AT_TWICE = ((100.0, 120.0), (1, 2, 3, 4, 5), 0.05)
_MIN_PEAKS = 3


class Sketch(NamedTuple):
    """Digest of the samples of a channel, and patterns at some positions."""

    digest: bytes
    words: NDArray[np.uint64]
    positions: NDArray[np.int64]


def measures_of(
    x: NDArray[np.float64], fs: float, mask: int, at_end: NDArray[np.bool_] | None = None
) -> tuple[dict[str, Any], Sketch | None]:
    """Compute the measures and the sketch of a channel.

    Parameters
    ----------
    x : ndarray of shape (n_times,)
        Samples in mV. NaN and infinite samples are invalid.
    fs : float
        Sampling rate in Hz.
    mask : int
        Bits of the hash that must be 0 for a pattern to be kept, see ``sketch``.
    at_end : ndarray of bool of shape (n_times,), default=None
        True for invalid samples whose code is an end of the converter's range. They count as
        clipped.

    Returns
    -------
    measures : dict of str to float
        Measures of ``MEASURES``, and others that findings need, such as ``mean``, ``amplitude`` and
        ``rate_factor``.
    sketch : Sketch or None
        Sketch of the samples, or None if the channel does not have at least two different samples.
    """
    from sklearn_emg.preprocessing._quality import _kernels as kernels

    finite = np.isfinite(x)
    whole = finite.all()
    values = x if whole else x[finite]
    n_gaps, longest, gap_at_start, gap_at_end = (0, 0, 0, 0) if whole else kernels.gaps(x)
    found: dict[str, Any] = {
        "gaps": n_gaps,
        "longest_gap": longest / fs,
        "gap_at_start": gap_at_start,
        "gap_at_end": gap_at_end,
    }
    filled = x if whole else _filled(x, finite)
    spectrum = spectrum_of(filled[None], fs) if len(values) else None
    properties = signal_properties(x[None], fs, spectrum)
    found |= {name: float(value[0]) for name, value in properties.items()}
    if not len(values):
        return found, None
    if not whole:
        lost = _clipped_gaps(x, finite, found["clipped"] > 0, fs) if at_end is None else at_end
        found["clipped_gaps"] = float(lost.mean())
        found["clipped"] += found["clipped_gaps"]
    found |= _of_amplitudes(values)
    n_flat, longest_flat = kernels.flat_runs(x, max(round(_FLAT * fs), _MIN_FLAT))
    found |= {"flat": n_flat / len(x), "longest_flat": longest_flat / fs}
    if found["rms"] == 0:
        return found | {"flat": 1.0, "spikes": 0.0}, None
    limit = _SPIKE * max(1.0, np.sqrt(1000.0 / fs))
    found["spikes"] = float(kernels.count_spikes(filled, max(round(fs), 3), limit, found["rms"]))
    found["drift"] = _drift(filled, max(round(_SLOW * fs), 1))
    found |= _of_lines(spectrum, found["rms"])
    words, positions = kernels.sketch(x, np.uint64(mask))
    stored = np.where(finite, x, np.nan).astype(np.float32) + np.float32(0)
    digest = hashlib.blake2b(np.ascontiguousarray(stored).tobytes(), digest_size=16).digest()
    return found, Sketch(digest, words, positions)


def _drift(x: NDArray[np.float64], n_stretch: int) -> float:
    """Compute the standard deviation of the means of stretches, or 0 for a single stretch."""
    n = len(x) // n_stretch
    return float(x[: n * n_stretch].reshape(n, n_stretch).mean(axis=1).std()) if n > 1 else 0.0


def _filled(x: NDArray[np.float64], finite: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Fill gaps with straight lines, or with zeros if there is no valid sample."""
    at = np.flatnonzero(finite)
    return np.interp(np.arange(len(x)), at, x[at]) if at.size else np.zeros_like(x)


def _clipped_gaps(
    x: NDArray[np.float64], finite: NDArray[np.bool_], at_one_end: bool, fs: float
) -> NDArray[np.bool_]:
    """Find samples in gaps that the recorder marked as invalid because they were clipped.

    These are gaps between samples near an extremum, and short gaps if samples are also clipped at
    the end of the range that is not used as the invalid code.
    """
    clipped = np.zeros(len(x), dtype=bool)
    edges = np.flatnonzero(np.diff(finite, prepend=True, append=True)).reshape(-1, 2)
    starts, stops = edges[(edges[:, 0] > 0) & (edges[:, 1] < len(x))].T
    if len(starts) < _MIN_GAPS:
        return clipped
    values = x[finite]
    middle = np.median(values)
    low, high = (middle + _CLOSE * (end - middle) for end in (values.min(), values.max()))
    before, after = x[starts - 1], x[stops]
    at = (before <= low) & (after <= low) | (before >= high) & (after >= high)
    at |= at_one_end & (stops - starts < _SHORT * fs)
    if at.sum() >= max(_MIN_GAPS, at.size / 2):
        for start, stop in zip(starts[at], stops[at]):
            clipped[start:stop] = True
    return clipped


def _of_amplitudes(values: NDArray[np.float64]) -> dict[str, Any]:
    """Compute measures of the distribution of valid samples."""
    mean = values.mean()
    centred = values - mean
    low, high = values.min(), values.max()
    varies = bool(high > low)
    return {
        "mean": mean,
        "rms": float(np.sqrt(np.mean(centred**2))) if varies else 0.0,
        "amplitude": float(np.abs(centred).mean()) if varies else 0.0,
        # Integers in a small range are probably a pulse or a label, not counts.
        "integers": bool(high - low >= 3 and (values == np.rint(values)).all()),
        "one_sign": varies and bool(low >= 0 or high <= 0),
        "rectified": abs(_near_end(values) - _near_end(-values)) if varies else 0.0,
    }


def _near_end(values: NDArray[np.float64]) -> float:
    """Compute the fraction of samples near the lowest value, without those equal to it.

    A rectified signal has more samples there than anywhere else, even after its mean is subtracted,
    and few near the other end. A sine has as many near the other end, and a clipped signal has many
    samples that are equal to the lowest value.
    """
    low = values.min()
    high = np.partition(values, int(0.99 * (len(values) - 1)))[int(0.99 * (len(values) - 1))]
    return float(np.mean((values > low) & (values <= low + _NEAR * (high - low))))


def _of_lines(spectrum: Spectrum | None, rms: float) -> dict[str, float]:
    """Measure power-line interference, and find the peaks that it has if the rate is wrong."""
    if spectrum is None:
        return {}
    freqs, density = spectrum.freqs, spectrum.density[0]
    powers = {line: _power(spectrum, line) for line in _LINE_FREQS}
    line = max(powers, key=lambda name: powers[name])
    found = {
        "line": powers[line] / rms**2 if rms else 0.0,
        "line_freq": line if powers[line] > 0 else np.nan,
        "rate_factor": 1.0,
    }
    total = np.cumsum(density)
    found["median_freq"] = float(freqs[np.searchsorted(total, total[-1] / 2)])
    seen = any(spectrum.amplitude_of_line(k * f)[0] > 0 for f in _LINE_FREQS for k in (1, 3))
    if _has_lines(spectrum, rms, *_AT_HALF):
        found["rate_factor"] = 0.5
    elif not seen and _has_lines(spectrum, rms, *_AT_TWICE):
        # Rectifiers hum at twice the power-line frequency, but not without this frequency itself.
        found["rate_factor"] = 2.0
    return found


def _has_lines(
    spectrum: Spectrum,
    rms: float,
    lines: tuple[float, ...],
    multiples: tuple[int, ...],
    smallest: float,
) -> bool:
    """Return whether there are peaks at one of the frequencies and its multiples."""
    for line in lines:
        amplitudes = [spectrum.amplitude_of_line(k * line)[0] for k in multiples]
        n_peaks = sum(a > 0 for a in amplitudes)
        if amplitudes[0] > 0 and (
            n_peaks >= _MIN_PEAKS or amplitudes[0] ** 2 / 2 >= smallest * rms**2
        ):
            return True
    return False


def _power(spectrum: Spectrum, line: float) -> float:
    """Compute the power of a line and its harmonics in mV², or 0 without a peak at the line."""
    first = spectrum.amplitude_of_line(line)[0]
    if not first > 0:
        return 0.0
    amplitudes = [first] + [
        spectrum.amplitude_of_line(k * line)[0] for k in range(2, _HARMONICS + 1)
    ]
    return float(np.nansum(np.square(amplitudes)) / 2)
