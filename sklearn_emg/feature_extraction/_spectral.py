"""Features of the power spectrum, computed from one estimate of the spectrum per window."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, Literal

import numpy as np
import scipy.fft
from numpy.typing import NDArray
from scipy.signal import get_window

from sklearn_emg._sklearn import Integral, Interval, Real, StrOptions
from sklearn_emg.base import FeatureExtractor
from sklearn_emg.feature_extraction._blocks import for_blocks
from sklearn_emg.feature_extraction._info import (
    FeatureInfo,
    check_features,
    check_min_n_times,
)

_PHINYOMARK = "Phinyomark et al. 2012, Expert Syst. Appl. 39:7420, doi:10.1016/j.eswa.2012.01.102"
_AHMED = "Ahmed & Islam 2021, eleven-feature system"
_DU = "Du & Vuskovic 2004, Temporal vs. spectral approach to feature extraction, IEEE IRI"


def _info(
    name: str, title: str, formula: str, unit: str, source: str, power: float | None, n: int = 2
) -> FeatureInfo:
    return FeatureInfo(name, title, formula, unit, "spectral", source, n, power)


FEATURES: dict[str, FeatureInfo] = {
    info.name: info
    for info in (
        _info("ttp", "Total power", "total power SM0 = sum_k P_k", "mV^2", _PHINYOMARK, 2.0),
        _info("mnp", "Mean power", "mean power sum_k P_k / M", "mV^2", _PHINYOMARK, 2.0),
        _info(
            "mnf",
            "Mean frequency",
            "mean frequency sum_k f_k P_k / sum_k P_k",
            "Hz",
            _PHINYOMARK,
            0.0,
        ),
        _info(
            "mdf",
            "Median frequency",
            "median frequency: lowest f_m with sum_{k<=m} P_k >= sum_k P_k / 2",
            "Hz",
            _PHINYOMARK,
            0.0,
        ),
        _info(
            "pkf",
            "Peak frequency",
            "peak frequency: lowest f_m with P_m >= (1 - 1e-5) max_k P_k",
            "Hz",
            _PHINYOMARK,
            0.0,
        ),
        _info("sm1", "First spectral moment", "spectral moment sum_k f_k P_k", "mV^2 Hz", _DU, 2.0),
        _info(
            "sm2",
            "Second spectral moment",
            "spectral moment sum_k f_k^2 P_k",
            "mV^2 Hz^2",
            _DU,
            2.0,
        ),
        _info(
            "sm3", "Third spectral moment", "spectral moment sum_k f_k^3 P_k", "mV^2 Hz^3", _DU, 2.0
        ),
        _info(
            "vcf",
            "Variance of the central frequency",
            "variance of central frequency SM2 / SM0 - (SM1 / SM0)^2",
            "Hz^2",
            _PHINYOMARK,
            0.0,
        ),
        _info(
            "spectral_entropy",
            "Spectral entropy",
            "-sum_k p_k ln p_k / ln M with p_k = P_k / sum_k P_k",
            "1",
            "Inouye et al. 1991, Electroencephalogr. Clin. Neurophysiol. 79:204, "
            "doi:10.1016/0013-4694(91)90138-T",
            0.0,
        ),
        _info(
            "flatness",
            "Spectral flatness",
            "exp(sum_k ln P_k / M) / (sum_k P_k / M)",
            "1",
            "Gray & Markel 1974, IEEE Trans. ASSP 22:207, doi:10.1109/TASSP.1974.1162572",
            0.0,
        ),
        _info(
            "edge_frequency",
            "Spectral edge frequency",
            "lowest f_m with sum_{k<=m} P_k >= edge sum_k P_k",
            "Hz",
            "Rampil 1998, Anesthesiology 89:980, doi:10.1097/00000542-199810000-00023",
            0.0,
        ),
        _info(
            "fr",
            "Frequency ratio",
            "frequency ratio: power in the low band / power in the high band",
            "1",
            _PHINYOMARK,
            0.0,
        ),
        _info(
            "psr",
            "Power spectrum ratio",
            "power-spectrum ratio: power within 20 Hz of the peak frequency / total power",
            "1",
            _PHINYOMARK,
            0.0,
        ),
        _info(
            "fft_max",
            "Maximum of the spectral density",
            "max_k P_k / df, df = f_1",
            "mV^2/Hz",
            _AHMED,
            2.0,
        ),
        _info(
            "fft_var",
            "Variance of the amplitude spectrum",
            "variance over k (divisor M) of the amplitudes A_k = sqrt(2 P_k)",
            "mV^2",
            _AHMED,
            2.0,
        ),
        _info(
            "spectral_slope",
            "Spectral slope",
            "slope of the least-squares line of ln P_k on ln f_k, excluding bins with P_k = 0",
            "1",
            "Miller et al. 2009, PLoS Comput. Biol. 5:e1000609, "
            "doi:10.1371/journal.pcbi.1000609 (power law P ~ f^slope)",
            0.0,
        ),
        _info(
            "band_power",
            "Band power",
            "sum of P_k over low < f_k <= high, for each of the bands",
            "mV^2",
            "Parseval's theorem",
            2.0,
        ),
    )
}

# Half-width in Hz of the range around the peak for the power spectrum ratio.
_PSR_WIDTH = 20.0
# Features that need sums of logarithms; the others follow from the first pass over the powers.
_LOG_FEATURES = frozenset({"spectral_entropy", "flatness", "spectral_slope"})


def _remove_mean(X: NDArray[np.floating]) -> tuple[NDArray[np.floating], NDArray[np.float64]]:
    mean = X.mean(axis=-1, keepdims=True)
    return X - mean, mean[..., 0].astype(np.float64) ** 2


class _Spectrum:
    """One-sided power spectra of windows of one length, with settings that all windows share."""

    def __init__(
        self,
        n_times: int,
        fs: float,
        dtype: np.dtype,
        method: str,
        nperseg: int,
        taper: str | None,
        n_fft: int | str | None,
    ):
        self.n_seg = n_times if method == "fft" else min(nperseg, n_times)
        self.hop = self.n_seg - self.n_seg // 2
        self.n_fft = self.n_seg
        if n_fft == "fast":
            self.n_fft = scipy.fft.next_fast_len(self.n_seg, real=True)
        elif n_fft is not None:
            self.n_fft = int(n_fft)
        if taper is None:
            taper = "boxcar" if method == "fft" else "hann"
        weights = get_window(taper, self.n_seg)
        self.weights = None if taper == "boxcar" else weights.astype(dtype)
        # The factor of 2 accounts for the mirror image of each bin. By Parseval's theorem, the sum
        # over the bins is then the variance of the window.
        self.scale = dtype.type(2.0 / (self.n_fft * float(np.sum(weights**2))))
        self.n_bins = self.n_fft // 2
        self.ends_at_nyquist = self.n_fft % 2 == 0
        self.df = fs / self.n_fft
        self.dtype = dtype
        self.plain = method == "fft" and self.weights is None and self.n_fft == self.n_seg

    def row_bytes(self) -> int:
        return (3 * self.n_fft + self.n_bins) * self.dtype.itemsize

    def of(self, X: NDArray[np.floating]) -> tuple[NDArray[np.floating], NDArray[np.float64]]:
        """Compute the powers of bins 1 to M of each row, and the squared mean of the row."""
        power = np.empty((len(X), self.n_bins), dtype=self.dtype)
        if self.plain:
            offset = np.empty(len(X))
            ac = self._transform(X, power, offset)
            # A large offset reduces the precision of all bins and is therefore subtracted. The
            # decision depends only on the window.
            if (far := np.flatnonzero(offset > 100.0 * ac)).size:
                centred, _ = _remove_mean(X[far])
                redone = np.empty((len(far), self.n_bins), dtype=self.dtype)
                self._transform(centred, redone, np.empty(len(far)))
                power[far] = redone
            return power, offset
        starts = range(0, X.shape[1] - self.n_seg + 1, self.hop)
        offset = np.zeros(len(X))
        for start in starts:
            centred, mean_square = _remove_mean(X[:, start : start + self.n_seg])
            np.maximum(offset, mean_square, out=offset)
            if self.weights is not None:
                centred *= self.weights
            if start == 0:
                self._transform(centred, power, np.empty(len(X)))
            else:
                segment = np.empty_like(power)
                self._transform(centred, segment, np.empty(len(X)))
                power += segment
        if len(starts) > 1:
            power /= len(starts)
        return power, offset

    def _transform(self, X, power, offset) -> NDArray[np.float64]:
        """Write the powers of bins 1 to M and of bin 0; return the sum over bins 1 to M."""
        from sklearn_emg.feature_extraction._kernels.spectral import power_of

        spectrum = scipy.fft.rfft(X, self.n_fft, axis=-1)
        total = np.empty(len(X))
        power_of(spectrum.view(self.dtype), self.scale, self.ends_at_nyquist, power, offset, total)
        return total


def check_taper(taper: Any, caller: str) -> None:
    """Refuse a taper that is not a window of scipy.signal.get_window."""
    try:
        get_window(taper, 4)
    except ValueError as error:
        raise ValueError(
            f"The 'taper' parameter of {caller} must be a window of scipy.signal.get_window. "
            f"Got {taper!r} instead ({error})."
        ) from error


def power_spectrum(
    X: NDArray[np.floating],
    fs: float,
    *,
    method: Literal["fft", "welch"] = "fft",
    nperseg: int = 256,
    taper: str | None = None,
    n_fft: int | Literal["fast"] | None = None,
) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Compute the one-sided power spectrum of windows after subtraction of their mean.

    Parameters
    ----------
    X : ndarray of shape (n_windows, n_times)
        Windows in mV, float32 or float64.
    fs : float
        Sampling rate in Hz.
    method, nperseg, taper, n_fft
        See :class:`SpectralFeatures`.

    Returns
    -------
    frequencies : ndarray of shape (n_bins,)
        Frequencies in Hz, from ``fs / n_fft`` up to at most ``fs / 2``, without bin 0.
    power : ndarray of shape (n_windows, n_bins)
        Powers in mV^2. Their sum is the variance of the window for ``method="fft"`` without a
        taper, and approximately the variance otherwise.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emg.feature_extraction import power_spectrum
    >>> t = np.arange(200) / 1000
    >>> frequencies, power = power_spectrum(3 * np.sin(2 * np.pi * 50 * t)[np.newaxis], fs=1000.0)
    >>> float(frequencies[power[0].argmax()]), round(float(power.sum()), 6)  # A^2 / 2
    (50.0, 4.5)
    """
    X = np.atleast_2d(X)
    spectrum = _Spectrum(X.shape[1], fs, X.dtype, method, nperseg, taper, n_fft)
    return spectrum.df * np.arange(1, spectrum.n_bins + 1), spectrum.of(X)[0]


class SpectralFeatures(FeatureExtractor):
    """Features of the power spectrum: powers, characteristic frequencies, moments, shape.

    All features come from one estimate of the spectrum per window. P_k, k = 1 ... M, is the
    one-sided power at the frequency f_k = k fs / n_fft of the window without its mean, scaled so
    that sum_k P_k is the variance of the window (A^2 / 2 for a sinusoid of amplitude A); with a
    taper or segments, it is approximately the variance.

    Parameters
    ----------
    features : "all" or list of str, default="all"
        Names of the features, in the order of the output; :func:`feature_table` describes them.
        "all" includes "band_power" only if `bands` are given.
    fs : float, default=None
        Sampling rate in Hz. It is required for arrays; a recording table contains its own.
    method : {"fft", "welch"}, default="fft"
        Method of estimation: the periodogram of the whole window, or the mean over segments that
        overlap by half (Welch).
    nperseg : int, default=256
        Number of samples per segment for ``method="welch"``, limited to the length of the window.
    taper : str, default=None
        Name of a window of :func:`scipy.signal.get_window` that needs no parameters. The default is
        "boxcar" (no taper) for "fft" and "hann" for "welch".
    n_fft : int or "fast", default=None
        Length of the transform in samples. The default is the length of the window (or segment).
        For a longer transform, the window is padded with zeros, which makes the frequency grid
        finer but adds no information; "fast" selects the next length with a fast transform.
    edge : float, default=0.95
        Fraction of the total power that lies at or below the edge frequency.
    ratio_bands : tuple of two (low, high) pairs, default=None
        Low and high bands of the frequency ratio in Hz. By default, the low band contains all
        frequencies up to the mean frequency and the high band contains all others.
    bands : sequence of (low, high) pairs, default=None
        Bands in Hz for "band_power"; the features are named ``band_power_<low>_<high>``.
    n_jobs : int, default=None
        Number of threads. None means 1 unless a `joblib.parallel_config` context is active; -1
        means all processors. The results do not depend on `n_jobs`.

    Attributes
    ----------
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
        If the sampling rate is missing, a name or `taper` is unknown, "band_power" is requested
        without `bands`, a band exceeds the Nyquist frequency or contains no frequency of the
        spectrum, `n_fft` is less than the length of the window (or segment), or the windows are too
        short.

    Notes
    -----
    Definitions differ between authors: periodogram or Welch, amplitude, power or density, with or
    without the mean. Except for "fft_max" (density) and "fft_var" (amplitude), this class uses
    power. It always subtracts the mean and omits bin 0, because the offset of an electrode is not
    muscle activity. The parameter `method` selects the periodogram or Welch's method.

    By default, the transform has the length of the window, as in the published periodogram.
    Transforms are several times slower if the length has a large prime factor: a transform of
    23437 = 23 * 1019 samples, one second of N2001, is 9 times slower than one of 23520 samples.
    ``n_fft="fast"`` avoids this and shifts frequencies by less than one bin.

    All features of a constant window are 0. The frequency ratio is also 0 if its high band has no
    power. A spectrum of a single bin (windows of two or three samples) has an entropy, slope and
    frequency ratio of 0.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emg.feature_extraction import SpectralFeatures
    >>> t = np.arange(500) / 1000
    >>> X = 2 * np.sin(2 * np.pi * 60 * t)[np.newaxis]
    >>> extractor = SpectralFeatures(["ttp", "mnf", "band_power"], fs=1000.0, bands=[(50, 150)])
    >>> extractor.fit_transform(X).round(6)
    array([[ 2., 60.,  2.]])
    >>> extractor.get_feature_names_out().tolist()
    ['ttp', 'mnf', 'band_power_50_150']
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "features": [str, "array-like"],
        "method": [StrOptions({"fft", "welch"})],
        "nperseg": [Interval(Integral, 2, None, closed="left")],
        "taper": [str, None],
        "n_fft": [Interval(Integral, 2, None, closed="left"), StrOptions({"fast"}), None],
        "edge": [Interval(Real, 0, 1, closed="neither")],
        "ratio_bands": ["array-like", None],
        "bands": ["array-like", None],
        "n_jobs": [Integral, None],
    }

    def __init__(
        self,
        features: str | Sequence[str] = "all",
        *,
        fs: float | None = None,
        method: Literal["fft", "welch"] = "fft",
        nperseg: int = 256,
        taper: str | None = None,
        n_fft: int | Literal["fast"] | None = None,
        edge: float = 0.95,
        ratio_bands: tuple[tuple[float, float], tuple[float, float]] | None = None,
        bands: Sequence[tuple[float, float]] | None = None,
        n_jobs: int | None = None,
    ):
        self.features = features
        self.fs = fs
        self.method = method
        self.nperseg = nperseg
        self.taper = taper
        self.n_fft = n_fft
        self.edge = edge
        self.ratio_bands = ratio_bands
        self.bands = bands
        self.n_jobs = n_jobs

    def _needs_fs(self) -> bool:
        return True

    def _names(self) -> list[str]:
        known = FEATURES
        if isinstance(self.features, str) and self.bands is None:
            known = {name: info for name, info in FEATURES.items() if name != "band_power"}
        return check_features(self.features, known, self._caller)

    def _check_parameters(self, fs: float) -> None:
        names = self._names()
        if "band_power" in names and self.bands is None:
            raise ValueError(
                f"The feature 'band_power' of {self._caller} needs the 'bands' parameter, for "
                "instance bands=[(20, 250), (250, 500)] in Hz. Got None instead."
            )
        for name in ("ratio_bands", "bands"):
            self._check_bands(name, fs)
        if self.ratio_bands is not None and len(self.ratio_bands) != 2:
            raise ValueError(
                "The 'ratio_bands' parameter of SpectralFeatures must be two (low, high) pairs. "
                f"Got {self.ratio_bands!r} instead."
            )
        if self.taper is not None:
            check_taper(self.taper, "SpectralFeatures")

    def _check_bands(self, parameter: str, fs: float) -> None:
        bands: Iterable[Any] | None = getattr(self, parameter)
        if bands is None:
            return
        for band in bands:
            if np.shape(band) != (2,) or not 0 <= band[0] < band[1] <= fs / 2:
                raise ValueError(
                    f"The '{parameter}' parameter of {self._caller} must contain pairs with "
                    f"0 <= low < high <= {fs / 2:g} Hz, half the sampling rate. "
                    f"Got {band!r} instead."
                )

    def _shortest(self, fs: float) -> dict[str, int]:
        return {name: FEATURES[name].min_n_times for name in self._names()}

    def _check_length(self, n_times: int, fs: float) -> None:
        n_seg = n_times if self.method == "fft" else min(self.nperseg, n_times)
        check_min_n_times(n_seg, self._shortest(fs), self._caller)
        if isinstance(self.n_fft, (int, np.integer)) and self.n_fft < n_seg:
            raise ValueError(
                f"The 'n_fft' parameter of SpectralFeatures must be at least {n_seg}, the number "
                f"of samples that are transformed. Got {self.n_fft} instead."
            )

    def _feature_names(self) -> list[str]:
        names: list[str] = []
        for name in self._names():
            if name == "band_power":
                names.extend(f"band_power_{low:g}_{high:g}" for low, high in self.bands or ())
            else:
                names.append(name)
        return names

    def _bins(self, bands: Iterable[Any] | None, spectrum: _Spectrum) -> NDArray[np.intp]:
        """Find the first bin of each band, low < f <= high, and the bin after its last one."""
        frequencies = spectrum.df * np.arange(1, spectrum.n_bins + 1)
        pairs = [] if bands is None else [tuple(band) for band in bands]
        found = np.searchsorted(frequencies, np.reshape(pairs, (-1, 2)).astype(float), "right")
        for pair, (start, stop) in zip(pairs, found):
            if start == stop:
                raise ValueError(
                    f"The band {pair} Hz of {self._caller} contains no frequency of the spectrum, "
                    f"whose frequencies are {spectrum.df:g} Hz apart. Widen the band or use "
                    "longer windows."
                )
        return found

    @staticmethod
    def _columns(names: list[str], n_bands: int) -> list[int]:
        """List the columns of `names` in the kernel's output, whose last columns are the bands."""
        order = list(FEATURES)
        columns: list[int] = []
        for name in names:
            first = order.index(name)
            columns.extend(range(first, first + (n_bands if name == "band_power" else 1)))
        return columns

    def _extract(self, X: NDArray[np.floating], fs: float) -> NDArray[np.floating]:
        from sklearn_emg.feature_extraction._kernels.spectral import (
            log_sums,
            spectral_sums,
            values_of_sums,
        )

        names = self._names()
        spectrum = _Spectrum(
            X.shape[-1], fs, X.dtype, self.method, self.nperseg, self.taper, self.n_fft
        )
        bands = self._bins(self.bands if "band_power" in names else None, spectrum)
        splits = self._bins(self.ratio_bands, spectrum)
        rows = X.reshape(-1, X.shape[-1])
        columns = self._columns(names, len(bands))
        result = np.empty((len(rows), len(columns)), dtype=X.dtype)
        log_numbers = np.log(np.arange(1.0, spectrum.n_bins + 1))
        with_logs = not _LOG_FEATURES.isdisjoint(names)
        slack = 16 * float(np.finfo(X.dtype).eps)
        # The tolerance ensures that 20 Hz is 5 bins of 4 Hz in spite of rounding errors.
        half_width = int(_PSR_WIDTH / spectrum.df + 1e-9)

        def work(start: int, stop: int) -> None:
            power, offset = spectrum.of(rows[start:stop])
            sums = np.empty((stop - start, 12 + len(bands)))
            logs = np.ones((stop - start, 6))
            spectral_sums(
                power,
                float(self.edge),
                slack,
                half_width,
                splits,
                bands,
                "fft_var" in names,
                sums,
            )
            if with_logs:
                with np.errstate(divide="ignore"):
                    power_logs = np.log(power)
                log_sums(power, power_logs, log_numbers, logs)
            # What remains of a constant window after subtraction of its mean is rounding error.
            min_power = slack**2 * (sums[:, 0] + offset)
            values = np.empty((stop - start, len(FEATURES) - 1 + len(bands)))
            values_of_sums(sums, logs, spectrum.n_bins, spectrum.df, min_power, values)
            result[start:stop] = values[:, columns]

        for_blocks(work, len(rows), spectrum.row_bytes(), self.n_jobs, min_rows=16)
        return result.reshape(*X.shape[:2], -1)
