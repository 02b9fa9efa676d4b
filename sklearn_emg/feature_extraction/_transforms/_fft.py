"""Fourier spectrum of windows as features."""

from __future__ import annotations

from typing import Any, ClassVar, Literal, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from sklearn_emg._sklearn import POSITIVE, Integral, Interval, Real, StrOptions
from sklearn_emg._tables import counted
from sklearn_emg.base import FeatureExtractor
from sklearn_emg.feature_extraction._blocks import for_blocks
from sklearn_emg.feature_extraction._spectral import check_taper, power_spectrum

_FLOOR = 1e-10  # mV^2, -100 dB, as in LogSpectrogram


class FFTSpectrum(FeatureExtractor):
    """Amplitudes, powers or levels of the Fourier spectrum, one feature per frequency or band.

    Parameters
    ----------
    output : {"magnitude", "power", "log"}, default="magnitude"
        Values of the features: amplitude in mV (a sinusoid of amplitude A has the value A at its
        frequency), power in mV^2 (A^2 / 2), or level of the power in dB relative to 1 mV^2, limited
        to at least -100 dB.
    fs : float, default=None
        Sampling rate in Hz. It is required for arrays; a recording table contains its own.
    low : float, default=0.0
        Lower edge of the band in Hz.
    high : float, default=None
        Upper edge of the band in Hz; the default is ``fs / 2``.
    resolution : float, default=None
        Width in Hz of bands, starting at `low`, over which power is summed; an incomplete band at
        the end is omitted. By default, each frequency of the transform is a feature; these
        frequencies are ``fs / n_times`` apart.
    taper : str, default="boxcar"
        Name of a window of :func:`scipy.signal.get_window` that needs no parameters.
    n_jobs : int, default=None
        Number of threads. None means 1 unless a `joblib.parallel_config` context is active; -1
        means all processors. The results do not depend on `n_jobs`.

    Attributes
    ----------
    frequencies_ : ndarray of shape (n_frequencies,)
        Frequencies in Hz of the features of a channel; with `resolution`, they are the centres of
        the bands.
    n_features_in_ : int
        Size of the second axis of the array seen in ``fit``: number of samples for 2-D windows and
        number of channels for 3-D windows; not set for a recording table.
    n_channels_in_ : int
        Number of channels of the signals seen in ``fit``.
    n_times_in_ : int or None
        Number of samples per window seen in ``fit``; None for a recording table.

    Raises
    ------
    ValueError
        If the sampling rate is missing, `taper` is unknown, the band is empty or exceeds half the
        rate, `resolution` is less than the spacing of the transform's frequencies, or the
        frequencies of a row of a table differ from those seen in ``fit``.

    See Also
    --------
    SpectralFeatures : Characteristic frequencies and moments of the spectrum.
    STFT : Spectra of successive frames.

    Notes
    -----
    The mean of a window is subtracted, so frequency 0 has no power and is omitted. Without a taper,
    the power at f_k = k fs / n, k = 1 ... n / 2, is

    .. math:: P_k = \\frac{2}{n^2} \\left| \\sum_t x_t e^{-2 \\pi i k t / n} \\right|^2

    (half of this at the Nyquist frequency). The sum over k is the variance of the window, and the
    amplitude is sqrt(2 P_k). A band contains the frequencies low < f <= low + resolution; its power
    is the sum of their powers, and its amplitude is the square root of twice this sum. The spectrum
    is that of equation (11) in Algorithm 1 of NeuroFusionNet.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emg.feature_extraction import FFTSpectrum
    >>> X = 3 * np.sin(2 * np.pi * 50 * np.arange(100) / 1000)[np.newaxis]
    >>> spectrum = FFTSpectrum(fs=1000.0, low=20, high=80)
    >>> spectrum.fit_transform(X).round(6)
    array([[0., 0., 3., 0., 0., 0.]])
    >>> spectrum.get_feature_names_out().tolist()
    ['fft_30hz', 'fft_40hz', 'fft_50hz', 'fft_60hz', 'fft_70hz', 'fft_80hz']
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "output": [StrOptions({"magnitude", "power", "log"})],
        "low": [Interval(Real, 0, None, closed="left")],
        "high": [POSITIVE, None],
        "resolution": [POSITIVE, None],
        "taper": [str],
        "n_jobs": [Integral, None],
    }

    def __init__(
        self,
        output: Literal["magnitude", "power", "log"] = "magnitude",
        *,
        fs: float | None = None,
        low: float = 0.0,
        high: float | None = None,
        resolution: float | None = None,
        taper: str = "boxcar",
        n_jobs: int | None = None,
    ):
        self.output = output
        self.fs = fs
        self.low = low
        self.high = high
        self.resolution = resolution
        self.taper = taper
        self.n_jobs = n_jobs

    def fit(self, X: ArrayLike | pd.DataFrame, y: Any = None) -> Self:
        """Check the parameters and the input, and determine the frequencies of the features.

        Parameters
        ----------
        X : ndarray of shape (n_windows, n_times) or (n_windows, n_channels, n_times), or DataFrame
            Windows in mV, or a recording table.
        y : Ignored
            Not used; present by convention of scikit-learn.

        Returns
        -------
        self : object
            Fitted transformer.
        """
        self.__dict__.pop("frequencies_", None)  # from a fit on windows of a different length
        super().fit(X, y)
        if self._is_table(X):
            n_times, fs = X["signal"].iloc[0].shape[-1], float(X["fs"].iloc[0])
        else:
            n_times, fs = int(self.n_times_in_ or 0), self._array_fs()
        self.frequencies_ = self._grid(n_times, fs)[0]
        return self

    def _learns(self) -> bool:
        return False  # the frequencies follow from the rate, the length and the parameters

    def _needs_fs(self) -> bool:
        return True

    def _check_parameters(self, fs: float) -> None:
        top = fs / 2 if self.high is None else self.high
        if not self.low < top <= fs / 2:
            raise ValueError(
                "The 'low' and 'high' parameters of FFTSpectrum must satisfy low < high <= "
                f"{fs / 2:g} Hz, half the sampling rate. Got {self.low} and {self.high} instead."
            )
        check_taper(self.taper, "FFTSpectrum")

    def _grid(self, n_times: int, fs: float) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
        """Compute the frequencies of the features, and the edges of their bins."""
        if n_times < 2:
            raise ValueError(
                f"Windows of {counted(n_times, 'sample')} (n_features={n_times}) are too short for "
                "FFTSpectrum: a spectrum needs at least 2."
            )
        top = fs / 2 if self.high is None else float(self.high)
        bins = np.arange(1, n_times // 2 + 1, dtype=np.float64) * (fs / n_times)
        slack = 1e-9 * fs  # for rounding errors of k fs / n
        if self.resolution is None:
            first, last = np.searchsorted(bins, [self.low + slack, top + slack], "left")
            edges = np.arange(first, last + 1)
            frequencies = bins[first:last]
        else:
            n_bands = int((top - self.low) / self.resolution + 1e-9)
            limits = self.low + self.resolution * np.arange(n_bands + 1)
            edges = np.searchsorted(bins, limits + slack, "left").astype(np.intp)
            frequencies = np.asarray(limits[:-1] + self.resolution / 2, dtype=np.float64)
        if not len(frequencies) or (np.diff(edges) == 0).any():
            width, remedy = "the band", "Widen the band"
            if self.resolution is not None:
                width, remedy = f"a band of {self.resolution:g} Hz", "Raise 'resolution'"
            raise ValueError(
                f"FFTSpectrum: {width} between {self.low:g} and {top:g} Hz contains no frequency "
                f"of the transform; these frequencies are {fs / n_times:g} Hz apart. {remedy} or "
                "use longer windows."
            )
        return frequencies, np.asarray(edges, dtype=np.intp)

    def _check_length(self, n_times: int, fs: float) -> None:
        frequencies = self._grid(n_times, fs)[0]
        expected = getattr(self, "frequencies_", frequencies)
        if len(expected) != len(frequencies) or not np.allclose(expected, frequencies):
            raise ValueError(
                f"Windows of {n_times} samples at {fs:g} Hz have "
                f"{counted(len(frequencies), 'feature')} from {frequencies[0]:g} to "
                f"{frequencies[-1]:g} Hz, but FFTSpectrum was fitted on "
                f"{len(expected)} from {expected[0]:g} to {expected[-1]:g} Hz. Cut the recordings "
                "to the same length, or set 'high' and 'resolution'."
            )

    def _feature_names(self) -> list[str]:
        return [f"fft_{frequency:.6g}hz" for frequency in self.frequencies_]

    def _extract(self, X: NDArray[np.floating], fs: float) -> NDArray[np.floating]:
        _, edges = self._grid(X.shape[-1], fs)
        rows = X.reshape(-1, X.shape[-1])
        values = np.empty((len(rows), len(edges) - 1), dtype=X.dtype)

        def work(start: int, stop: int) -> None:
            _, power = power_spectrum(rows[start:stop], fs, taper=self.taper)
            bands = np.add.reduceat(power[:, : edges[-1]], edges[:-1], axis=1)
            if self.output == "magnitude":
                bands = np.sqrt(2 * bands)
            elif self.output == "log":
                bands = 10 * np.log10(np.maximum(bands, _FLOOR))
            values[start:stop] = bands

        for_blocks(work, len(rows), 4 * rows[0].nbytes, self.n_jobs, min_rows=16)
        return values.reshape(*X.shape[:2], -1)
