"""Properties of recordings that are due to the equipment and the protocol, not to disease."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from numpy.typing import NDArray
from scipy.signal import welch

from sklearn_emg.preprocessing._artefacts._measures import saturation_fraction
from sklearn_emg.recordings import SignalFile, check_recording_table, read_signal

# Properties of a recording and the functions that summarise its channels.
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
_STRETCH, _QUIET = 0.05, 0.1  # length in s, and quantile of the stretches that counts as quiet
_SEGMENT = 2.0  # s; the frequencies of the spectrum are 0.5 Hz apart
_MIN_PERIODS = 8  # minimum length of a recording in periods of the power line
_MIN_PEAK = 2.0  # minimum ratio of a peak to the highest density around it, for many segments
_TOP = (0.7, 0.9)  # fractions of the Nyquist frequency; anti-aliasing filters act above


def signal_properties(
    X: NDArray[np.floating], fs: float, spectrum: Spectrum | None = None
) -> dict[str, NDArray[np.float64]]:
    """Measure the properties of the channels of one recording.

    Parameters
    ----------
    X : ndarray of shape (n_channels, n_times)
        Samples in mV, in which NaN marks invalid samples.
    fs : float
        Sampling rate in Hz.
    spectrum : Spectrum, default=None
        Spectra of the channels, if they have already been computed.

    Returns
    -------
    properties : dict of str to ndarray of shape (n_channels,)
        Properties as in :func:`recording_properties`, without ``n_channels``.
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
        "clipped": saturation_fraction(filled, None),
        "invalid": (~finite).mean(axis=1),
        "noise_floor": _quiet_deviation(filled, max(round(_STRETCH * fs), 2)),
        **_of_spectrum(spectrum or spectrum_of(filled, fs), n_channels),
    }
    return {name: np.where(live | (name in ("length", "invalid")), v, np.nan) for name, v in
            found.items()}  # fmt: skip


def _step(samples: NDArray[np.floating]) -> float:
    """Estimate the step of the converter, to two digits, from the middle 80 % of the samples.

    If the distances between neighbouring values are multiples of the smallest one, this is the
    step. If not, and at most half of the samples are distinct, the values may have been rounded
    again, and the step is the mean of the distances up to 1.5 times their median. Otherwise, as for
    filtered or simulated signals, the result is NaN.
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
    # All float32 numbers are multiples of the step of their last bit.
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
    """Power spectral densities of the channels of a recording.

    The frequencies `freqs` and the sampling rate `fs` are in Hz. The densities, in mV²/Hz and of
    shape (n_channels, n_freqs), are means over `n_segments` segments.
    """

    freqs: NDArray[np.float64]
    density: NDArray[np.float64]
    fs: float
    n_segments: int

    def amplitude_of_line(self, line: float) -> NDArray[np.float64]:
        """Compute the amplitude in mV of a sine at `line`: 0 without a peak, NaN if unresolved."""
        # A sine of amplitude a has the power a² / 2 in the main lobe of the Hann window.
        width, far = self.freqs[1], np.abs(self.freqs - line)
        lobe, near = far <= 2 * width, (far > 2 * width) & (far <= max(10.0, 6 * width))
        if width * _MIN_PERIODS > line or line + 2 * width >= self.fs / 2:
            return np.full(len(self.density), np.nan)
        background = np.median(self.density[:, near], axis=1)
        power = (self.density[:, lobe] - background[:, None]).sum(axis=1) * width
        # A peak of the muscle's own spectrum is not a line. The fewer the segments, the more the
        # spectrum varies.
        smallest = _MIN_PEAK * (1 + 1 / self.n_segments) * self.density[:, near].max(axis=1)
        peak = self.density[:, lobe].max(axis=1) > smallest
        return np.where(peak, np.sqrt(2 * np.maximum(power, 0.0)), 0.0)


def spectrum_of(X: NDArray[np.floating], fs: float) -> Spectrum | None:
    """Compute the spectra of channels by Welch's method, or None for fewer than 32 samples."""
    n_segment = min(round(_SEGMENT * fs), X.shape[1])
    if n_segment < 32:
        return None
    # Neighbouring segments overlap by half.
    n_segments = 1 + (X.shape[1] - n_segment) // (n_segment - n_segment // 2)
    freqs, density = welch(X, fs, nperseg=n_segment)
    return Spectrum(freqs, density, fs, n_segments)


def _of_spectrum(spectrum: Spectrum | None, n_channels: int) -> dict[str, NDArray[np.float64]]:
    """Compute the amplitudes of power lines and the noise density at high frequencies."""
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
    """Measure properties of recordings that are due to the equipment and the protocol.

    Recordings, including those in files, are read one after another and are not kept in memory.

    Parameters
    ----------
    table : DataFrame
        Recording table with the columns ``signal`` and ``fs``.
    channels : bool, default=False
        Whether to return a row for each channel of each recording. By default, there is one row per
        recording, with the largest value of its channels for ``clipped`` and ``invalid`` and their
        median for the other measures.
    n_jobs : int, default=None
        Number of recordings that are processed in parallel.

    Returns
    -------
    properties : DataFrame of shape (n_recordings, 10)
        Properties of the recordings. The index is that of the table; if `channels` is true, the
        channel number (from 1) is a further level. The columns are

        - ``n_channels``: number of channels;
        - ``length``: length in s;
        - ``offset``: mean in mV;
        - ``step``: step of the converter in mV, to two significant digits, from the distances
          between neighbouring values in the middle 80 % of the samples; NaN if these distances are
          not multiples of a single step and more than half of the samples are distinct, as after a
          filter;
        - ``clipped``: fraction of samples on plateaus at the highest or lowest value, or at one of
          these values if it is much more frequent than the next one;
        - ``invalid``: fraction of samples that are NaN or infinite;
        - ``noise_floor``: 10 % quantile of the standard deviations of stretches of 50 ms, in mV;
        - ``noise_density``: amplitude density between 0.7 and 0.9 of the Nyquist frequency, in
          mV/√Hz;
        - ``line_50``, ``line_60``: amplitude in mV of a sine at the power-line frequency; 0 unless
          the peak is more than 2 (1 + 1 / n) times the highest density within 10 Hz, where n is the
          number of segments of the spectrum; NaN for recordings that are shorter than eight periods
          or sampled too slowly.

    Raises
    ------
    ValueError
        If the table lacks the column ``signal`` or ``fs``, or has unusable rows.

    See Also
    --------
    ArtefactDetector : Scores artefacts in windows.
    sklearn_emg.comparison.confound_audit : Tests whether such properties predict the class.

    Notes
    -----
    No property is fully independent of the muscle. A full interference pattern has no quiet
    stretch, so ``noise_floor`` rises with the level of contraction, and high potentials are clipped
    more often.

    Spectra are computed by Welch's method [1]_ with Hann windows of 2 s. Each job has one recording
    at a time in memory, with a few copies in float64.

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
    # Read as float64, since rounding to float32 would hide the step of the converter.
    dtype = np.float64 if isinstance(signal, SignalFile) else None
    X = np.atleast_2d(read_signal(signal, dtype)).astype(np.float64, copy=False)
    found = {"n_channels": np.full(len(X), float(len(X))), **signal_properties(X, fs)}
    if channels:
        return pd.DataFrame(found)[[*PROPERTIES]]
    return {name: _summary(found[name], how) for name, how in PROPERTIES.items()}


def _summary(values: NDArray[np.float64], how: Any) -> float:
    values = values[~np.isnan(values)]
    return float(how(values)) if len(values) else np.nan
