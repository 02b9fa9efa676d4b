"""Properties of recordings that come from the equipment and the protocol, not from disease."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from numpy.typing import NDArray
from scipy.signal import welch

from sklearn_emg.preprocessing._artefacts._measures import saturation_fraction
from sklearn_emg.recordings import SignalFile, check_recording_table, read_signal

__all__ = ["PROPERTIES", "recording_properties", "signal_properties"]

#: Properties of a recording and how channels are summarised.
PROPERTIES = {
    "n_channels": np.max,
    "length": np.max,
    "offset": np.median,
    "step": np.median,
    "clipped": np.max,
    "invalid": np.max,
    "noise_floor": np.median,
    "noise_density": np.median,
    "line_50": np.median,
    "line_60": np.median,
}
_LINES = {"line_50": 50.0, "line_60": 60.0}
_STRETCH, _QUIET = 0.05, 0.1  # s, and the quantile of stretches that counts as quiet
_SEGMENT = 2.0  # s; the lines of the spectrum are 0.5 Hz apart
_MIN_PERIODS = 8  # periods of the power line that a recording needs
_MIN_PEAK = 2.0  # times the highest density around a line, with many segments
_TOP = (0.7, 0.9)  # of the Nyquist frequency; anti-aliasing filters cut above


def signal_properties(
    X: NDArray[np.floating], fs: float, spectrum: Spectrum | None = None
) -> dict[str, NDArray[np.float64]]:
    """Properties of the channels of one recording.

    Parameters
    ----------
    X : ndarray of shape (n_channels, n_times)
        Samples in mV; NaN marks invalid ones.
    fs : float
        Sampling rate in Hz.
    spectrum : Spectrum, default=None
        Spectra of the channels, if they were computed before.

    Returns
    -------
    properties : dict of str to ndarray of shape (n_channels,)
        As in :func:`recording_properties`, without ``n_channels``.
    """
    n_channels, n_times = X.shape
    finite = np.isfinite(X)
    n_finite = finite.sum(axis=1)
    offset = np.full(n_channels, np.nan)
    live = n_finite > 0
    offset[live] = np.where(finite[live], X[live], 0.0).sum(axis=1) / n_finite[live]
    filled = np.where(finite, X, np.where(live, offset, 0.0)[:, None])
    found = {
        "length": np.full(n_channels, n_times / fs),
        "offset": offset,
        "step": np.array([_step(x[ok]) for x, ok in zip(X, finite)]),
        "clipped": saturation_fraction(filled, None, both_ends=False),
        "invalid": (~finite).mean(axis=1),
        "noise_floor": _quiet_deviation(filled, max(round(_STRETCH * fs), 2)),
        **_of_spectrum(spectrum or spectrum_of(filled, fs), n_channels),
    }
    return {name: np.where(live | (name in ("length", "invalid")), v, np.nan) for name, v in
            found.items()}  # fmt: skip


def _step(samples: NDArray[np.floating]) -> float:
    """Distance of the values of a converter, to two digits, from the middle 80 % of samples.

    Values whose distances are multiples of the smallest one have that step. Otherwise it is the
    mean distance, without gaps above 1.5 times the median, as of values that were rounded again;
    it is NaN where more than half of the samples are distinct: they were filtered, or simulated.
    """
    if len(samples) < 2:
        return np.nan
    samples = np.sort(samples)
    cut = len(samples) // 10
    middle = samples[cut : len(samples) - cut]
    steps = np.diff(middle)
    steps = steps[steps > 0]
    if not len(steps):
        return np.nan
    steps = steps[steps > 1e-4 * np.median(steps)]  # smaller ones are rounding errors
    multiples = np.rint(steps / steps.min())
    # All float32 numbers are multiples of some step, that of their last bit.
    coarse = steps.min() > 4 * np.finfo(np.float32).eps * np.abs(samples[[0, -1]]).max()
    if coarse and np.mean(np.abs(steps / steps.min() - multiples) < 0.1) > 0.95:
        step = steps.sum() / multiples.sum()
    elif len(steps) <= len(middle) / 2:
        step = steps[steps <= 1.5 * np.median(steps)].mean()
    else:
        return np.nan
    return float(f"{step:.1e}")


def _quiet_deviation(X: NDArray[np.floating], n_stretch: int) -> NDArray[np.float64]:
    n = X.shape[1] // n_stretch
    if n == 0:
        return X.std(axis=1)
    stretches = X[:, : n * n_stretch].reshape(len(X), n, n_stretch)
    return np.quantile(stretches.std(axis=2), _QUIET, axis=1)


class Spectrum(NamedTuple):
    """Frequencies and rate in Hz, densities in mV²/Hz, of shape (n_channels, n_freqs).

    They are means over `n_segments` segments.
    """

    freqs: NDArray[np.float64]
    density: NDArray[np.float64]
    fs: float
    n_segments: int

    def amplitude_of_line(self, line: float) -> NDArray[np.float64]:
        """Amplitude of a sine at a frequency: 0 without a peak, NaN where it cannot be seen."""
        # A sine of amplitude a has the power a² / 2 in the main lobe of the Hann window.
        width, far = self.freqs[1], np.abs(self.freqs - line)
        lobe, near = far <= 2 * width, (far > 2 * width) & (far <= max(10.0, 6 * width))
        if width * _MIN_PERIODS > line or line + 2 * width >= self.fs / 2:
            return np.full(len(self.density), np.nan)
        background = np.median(self.density[:, near], axis=1)
        power = (self.density[:, lobe] - background[:, None]).sum(axis=1) * width
        # A peak of the muscle's own spectrum is not a line; one of few segments varies more.
        smallest = _MIN_PEAK * (1 + 1 / self.n_segments) * self.density[:, near].max(axis=1)
        peak = self.density[:, lobe].max(axis=1) > smallest
        return np.where(peak, np.sqrt(2 * np.maximum(power, 0.0)), 0.0)


def spectrum_of(X: NDArray[np.floating], fs: float) -> Spectrum | None:
    """Spectra of channels by Welch's method; None for fewer than 32 samples.

    Parameters
    ----------
    X : ndarray of shape (n_channels, n_times)
        Samples in mV, without NaN.
    fs : float
        Sampling rate in Hz.
    """
    n_segment = min(round(_SEGMENT * fs), X.shape[1])
    if n_segment < 32:
        return None
    # Neighbours have half of their samples in common.
    n_segments = 1 + (X.shape[1] - n_segment) // (n_segment - n_segment // 2)
    freqs, density = welch(X, fs, nperseg=n_segment)
    return Spectrum(freqs, density, fs, n_segments)


def _of_spectrum(spectrum: Spectrum | None, n_channels: int) -> dict[str, NDArray[np.float64]]:
    """Amplitudes at the power-line frequencies and the density of the noise at high frequencies."""
    if spectrum is None:
        return dict.fromkeys(("noise_density", *_LINES), np.full(n_channels, np.nan))
    freqs, density, fs, _ = spectrum
    top = (freqs >= _TOP[0] * fs / 2) & (freqs <= _TOP[1] * fs / 2)
    found = {"noise_density": np.sqrt(np.median(density[:, top], axis=1))}
    return found | {name: spectrum.amplitude_of_line(line) for name, line in _LINES.items()}


def recording_properties(
    table: pd.DataFrame,
    *,
    channels: bool = False,
    n_jobs: int | None = None,
) -> pd.DataFrame:
    """Measure what equipment and protocol leave in each recording.

    Recordings are read one after the other, also from files, and none is kept.

    Parameters
    ----------
    table : DataFrame
        Recording table with ``signal`` and ``fs``.
    channels : bool, default=False
        Whether to give a row per recording and channel. By default a recording has one row: the
        largest value of its channels for ``clipped`` and ``invalid``, else their median.
    n_jobs : int, default=None
        Number of parallel jobs over recordings.

    Returns
    -------
    properties : DataFrame of shape (n_recordings, 10)
        The index is that of the table, with the channel number (from 1) as a second level if
        `channels` is true. Columns:

        - ``n_channels``;
        - ``length``: length in s;
        - ``offset``: mean in mV;
        - ``step``: converter step in mV, to two digits, from the distances of neighbouring
          values in the middle 80 % of the samples; NaN if they are not multiples of one step and
          more than half of these samples are distinct, as after a filter;
        - ``clipped``: fraction of samples on plateaus at the highest or lowest value, or at such a
          value that is much more frequent than the next one;
        - ``invalid``: fraction of samples that are NaN or infinite;
        - ``noise_floor``: 10 % quantile of the standard deviations of stretches of 50 ms, in mV;
        - ``noise_density``: amplitude density between 0.7 and 0.9 of the Nyquist frequency, in
          mV/√Hz;
        - ``line_50``, ``line_60``: amplitude in mV of a sine at the power-line frequency; 0 unless
          it rises to twice the highest density within 10 Hz, or to four times in a recording of a
          single segment; NaN for recordings shorter than eight periods or sampled too slowly.

    Raises
    ------
    ValueError
        If the table lacks a column or has unusable rows.

    See Also
    --------
    ArtefactDetector : Scores artefacts in windows.
    sklearn_emg.comparison.confound_audit : Tests whether such properties predict the class.

    Notes
    -----
    No property is fully independent of the muscle: a full interference pattern has no quiet
    stretch, so that ``noise_floor`` rises with the level of contraction, and high potentials
    clip more.

    Spectra are those of Welch's method [1]_ with Hann windows of 2 s. Each job has
    one recording at a time in memory, with some copies in float64.

    References
    ----------
    .. [1] P. D. Welch, "The use of fast Fourier transform for the estimation of power spectra",
       IEEE Trans. Audio Electroacoust. 15 (1967) 70-73. :doi:`10.1109/TAU.1967.1161901`

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emg.preprocessing import recording_properties
    >>> from sklearn_emg.recordings import recording_table
    >>> t = np.arange(8000) / 2000.0
    >>> noise = 0.01 * np.random.default_rng(0).normal(size=8000)
    >>> table = recording_table([noise + 0.05 * np.sin(100 * np.pi * t)], fs=2000.0, subject="A")
    >>> recording_properties(table)[["length", "line_50"]].round(2).values.tolist()
    [[4.0, 0.05]]
    """
    check_recording_table(table, required=("signal", "fs"), plausible=False)
    rows = zip(table["signal"], table["fs"])
    run: Any = Parallel(n_jobs=n_jobs)
    parts = run(delayed(_properties_of)(signal, float(fs), channels) for signal, fs in rows)
    if not channels:
        return pd.DataFrame(parts, index=table.index, columns=[*PROPERTIES])
    labels = [name if isinstance(name, tuple) else (name,) for name in table.index]
    keys = [(*label, k + 1) for label, part in zip(labels, parts) for k in range(len(part))]
    names = [*table.index.names, "channel"]
    index = pd.MultiIndex.from_tuples(keys, names=names)
    return pd.concat(parts, ignore_index=True).set_axis(index)


def _properties_of(signal: Any, fs: float, channels: bool) -> Any:
    # float64: the step of a converter is lost in the rounding of float32.
    dtype = np.float64 if isinstance(signal, SignalFile) else None
    X = np.atleast_2d(read_signal(signal, dtype)).astype(np.float64, copy=False)
    found = {"n_channels": np.full(len(X), float(len(X))), **signal_properties(X, fs)}
    if channels:
        return pd.DataFrame(found)[[*PROPERTIES]]
    return {name: _summary(found[name], how) for name, how in PROPERTIES.items()}


def _summary(values: NDArray[np.float64], how: Any) -> float:
    values = values[~np.isnan(values)]
    return float(how(values)) if len(values) else np.nan
