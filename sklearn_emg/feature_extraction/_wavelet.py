"""Features of discrete, stationary, packet and continuous wavelet transforms."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sklearn_emg._sklearn import Integral, Interval, StrOptions
from sklearn_emg._tables import counted
from sklearn_emg.base import FeatureExtractor
from sklearn_emg.feature_extraction._blocks import for_blocks
from sklearn_emg.feature_extraction._info import (
    FeatureInfo,
    check_features,
    check_min_n_times,
)
from sklearn_emg.feature_extraction._transforms._cwt import (
    Scales,
    centre_frequency,
    check_scales,
    continuous_wavelet,
    scale_labels,
    scales_of,
)

_SUBASI = "Subasi 2013, Comput. Biol. Med. 43:576, doi:10.1016/j.compbiomed.2013.01.020"
_ROSSO = "Rosso et al. 2001, J. Neurosci. Methods 105:65, doi:10.1016/S0165-0270(00)00356-3"
_PHINYOMARK = "Phinyomark et al. 2011, Meas. Sci. Rev. 11:45, doi:10.2478/v10048-011-0009-y"
# Fraction of the largest power below which there is no ridge. It is -100 dB, which is above the
# rounding errors of a Fourier transform in float32.
_RIDGE_FLOOR = 1e-10

_MORLET = "Grossmann & Morlet 1984, SIAM J. Math. Anal. 15:723, doi:10.1137/0515056"


def _by_name(infos: Sequence[FeatureInfo]) -> dict[str, FeatureInfo]:
    return {info.name: info for info in infos}


FEATURES: dict[str, FeatureInfo] = _by_name(
    [
        FeatureInfo(
            "wavelet_energy",
            "Wavelet energy",
            "E_b = sum_k c_bk^2",
            "mV^2",
            "wavelet",
            _ROSSO,
            2,
            2.0,
        ),
        FeatureInfo(
            "wavelet_relative_energy",
            "Relative wavelet energy",
            "E_b / sum_b E_b",
            "1",
            "wavelet",
            _ROSSO,
            2,
            0.0,
        ),
        FeatureInfo(
            "wavelet_entropy",
            "Wavelet entropy within a band",
            "-sum_k q_k ln q_k with q_k = c_bk^2 / E_b",
            "1",
            "wavelet",
            "Coifman & Wickerhauser 1992, IEEE Trans. Inf. Theory 38:713, doi:10.1109/18.119732",
            2,
            0.0,
        ),
        FeatureInfo(
            "wavelet_mav",
            "Mean absolute value of wavelet coefficients",
            "sum_k |c_bk| / K_b",
            "mV",
            "wavelet",
            _SUBASI,
            2,
            1.0,
        ),
        FeatureInfo(
            "wavelet_rms",
            "Root mean square of wavelet coefficients",
            "sqrt(sum_k c_bk^2 / K_b)",
            "mV",
            "wavelet",
            _PHINYOMARK,
            2,
            1.0,
        ),
        FeatureInfo(
            "wavelet_std",
            "Standard deviation of wavelet coefficients",
            "sqrt(sum_k (c_bk - mean c_b)^2 / K_b)",
            "mV",
            "wavelet",
            _SUBASI,
            2,
            1.0,
        ),
        FeatureInfo(
            "wavelet_wl",
            "Waveform length of wavelet coefficients",
            "sum_k |c_b,k+1 - c_bk|",
            "mV",
            "wavelet",
            _PHINYOMARK,
            2,
            1.0,
        ),
        FeatureInfo(
            "wavelet_ratio",
            "Ratio of neighbouring wavelet bands",
            "mean |c_b| / mean |c_b'| of neighbouring bands, where b is lower in frequency than b'",
            "1",
            "wavelet",
            _SUBASI,
            2,
            0.0,
        ),
        FeatureInfo(
            "wavelet_total_entropy",
            "Total wavelet entropy",
            "-sum_b p_b ln p_b with p_b = E_b / sum_b E_b",
            "1",
            "wavelet",
            _ROSSO,
            2,
            0.0,
        ),
    ]
)

CWT_FEATURES: dict[str, FeatureInfo] = _by_name(
    [
        FeatureInfo(
            "cwt_energy",
            "Energy of the continuous wavelet transform",
            "E_a = sum_b |W(a, b)|^2",
            "mV^2",
            "wavelet",
            _MORLET,
            2,
            2.0,
        ),
        FeatureInfo(
            "cwt_relative_energy",
            "Relative energy of the continuous wavelet transform",
            "E_a / sum_a E_a",
            "1",
            "wavelet",
            _MORLET,
            2,
            0.0,
        ),
        FeatureInfo(
            "cwt_entropy",
            "Entropy of the continuous wavelet transform",
            "-sum_a p_a ln p_a with p_a = E_a / sum_a E_a",
            "1",
            "wavelet",
            _ROSSO,
            2,
            0.0,
        ),
        FeatureInfo(
            "cwt_ridge_mean",
            "Mean ridge frequency",
            "mean of f(a_b) over time b, where a_b is the scale with the largest |W(a, b)|; times "
            "with |W(a_b, b)|^2 below 1e-10 of its largest value are excluded",
            "Hz",
            "wavelet",
            "Delprat et al. 1992, IEEE Trans. Inf. Theory 38:644, doi:10.1109/18.119728",
            2,
            0.0,
        ),
        FeatureInfo(
            "cwt_ridge_std",
            "Standard deviation of the ridge frequency",
            "standard deviation of f(a_b) over the same times b as for cwt_ridge_mean",
            "Hz",
            "wavelet",
            "Delprat et al. 1992, IEEE Trans. Inf. Theory 38:644, doi:10.1109/18.119728",
            2,
            0.0,
        ),
    ]
)


def _discrete_wavelet(name: str, estimator: str):
    import pywt

    if name not in pywt.wavelist(kind="discrete"):
        raise ValueError(
            f"The 'wavelet' parameter of {estimator} must be one of "
            f"pywt.wavelist(kind='discrete'). Got {name!r} instead."
        )
    return pywt.Wavelet(name)


class WaveletFeatures(FeatureExtractor):
    """Features of each sub-band of a discrete, stationary or packet wavelet transform.

    Parameters
    ----------
    features : "all" or list of str, default="all"
        Names of the features; :func:`feature_table` describes them. "wavelet_total_entropy" has
        one value, "wavelet_ratio" has one per pair of neighbouring bands, and all others have one
        per band.
    wavelet : str, default="db4"
        Name of a discrete wavelet of PyWavelets.
    level : int, default=4
        Number of levels of the decomposition.
    decomposition : {"dwt", "swt", "wpt"}, default="dwt"
        Kind of transform: "dwt" is the discrete transform with bands ``a<level>``, ``d<level>`` ...
        ``d1``; "swt" is the stationary (undecimated) transform with the same bands; "wpt" is the
        packet transform with all packets of the last level, ``p0`` ... ``p<2**level - 1>``, from
        low to high frequencies.
    mode : str, default="symmetric"
        Mode of PyWavelets that extends a window beyond its ends. "periodization" preserves energy
        if the length is a multiple of ``2**level``. The stationary transform is always periodic.
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
        If the wavelet, the mode or a feature is unknown, or the windows are too short for `level`.

    Notes
    -----
    c_bk, k = 1 ... K_b, are the coefficients of band b. Bands are ordered from low to high
    frequencies, as are the names. If the energy of a band is within the rounding error of the
    energy of the window, all features of the band and the ratios to it are 0.

    The stationary transform needs a multiple of ``2**level`` samples. Other windows are extended by
    their mirror image, and the coefficients of the extension are discarded. The coefficients are
    normalised so that their energies sum to the energy of the window, or of the extended window
    before coefficients are discarded.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emg.feature_extraction import WaveletFeatures
    >>> X = np.tile([1.0, -1.0], 32)[np.newaxis]
    >>> extractor = WaveletFeatures(["wavelet_relative_energy"], wavelet="haar", level=2)
    >>> extractor.fit_transform(X).round(6)
    array([[0., 0., 1.]])
    >>> extractor.get_feature_names_out().tolist()[-1]
    'wavelet_relative_energy_d1'
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "features": [str, "array-like"],
        "wavelet": [str],
        "level": [Interval(Integral, 1, None, closed="left")],
        "decomposition": [StrOptions({"dwt", "swt", "wpt"})],
        "mode": [str],
        "n_jobs": [Integral, None],
    }

    def __init__(
        self,
        features: str | Sequence[str] = "all",
        *,
        wavelet: str = "db4",
        level: int = 4,
        decomposition: Literal["dwt", "swt", "wpt"] = "dwt",
        mode: str = "symmetric",
        n_jobs: int | None = None,
    ):
        self.features = features
        self.wavelet = wavelet
        self.level = level
        self.decomposition = decomposition
        self.mode = mode
        self.n_jobs = n_jobs

    def _names(self) -> list[str]:
        return check_features(self.features, FEATURES, self._caller)

    def _check_parameters(self, fs: float) -> None:
        import pywt

        self._names()
        _discrete_wavelet(self.wavelet, self._caller)
        if self.mode not in pywt.Modes.modes:
            raise ValueError(
                f"The 'mode' parameter of {self._caller} must be one of "
                f"{pywt.Modes.modes}. Got {self.mode!r} instead."
            )

    def _shortest(self, fs: float) -> dict[str, int]:
        wavelet = _discrete_wavelet(self.wavelet, self._caller)
        # This is the rule of pywt.dwt_max_level: each level halves the window, down to the length
        # of the filters.
        shortest = max(wavelet.dec_len - 1, 1) * 2**self.level
        return {name: max(FEATURES[name].min_n_times, shortest) for name in self._names()}

    def _check_length(self, n_times: int, fs: float) -> None:
        import pywt

        needed = {name: FEATURES[name].min_n_times for name in self._names()}
        check_min_n_times(n_times, needed, self._caller)
        wavelet = _discrete_wavelet(self.wavelet, self._caller)
        highest = pywt.dwt_max_level(n_times, wavelet)
        if self.level > highest:
            raise ValueError(
                f"The 'level' parameter of {self._caller} must be at most {highest} for "
                f"windows of {counted(n_times, 'sample')} (n_features={n_times}) and the wavelet "
                f"{self.wavelet!r}. Got {self.level} instead; use longer windows or a shorter "
                "wavelet."
            )

    def _bands(self) -> list[str]:
        if self.decomposition == "wpt":
            return [f"p{node}" for node in range(2**self.level)]
        return [f"a{self.level}", *(f"d{level}" for level in range(self.level, 0, -1))]

    def _feature_names(self) -> list[str]:
        bands = self._bands()
        names = []
        for name in self._names():
            if name == "wavelet_total_entropy":
                names.append(name)
            elif name == "wavelet_ratio":
                names.extend(f"{name}_{low}_{high}" for low, high in pairwise(bands))
            else:
                names.extend(f"{name}_{band}" for band in bands)
        return names

    def _decompose(self, X: NDArray[np.floating]) -> list[NDArray[np.floating]]:
        """Compute the coefficients of each band, low frequencies first, for rows of samples."""
        import pywt

        if self.decomposition == "dwt":
            if self.mode in _EXTENSIONS:
                return _dwt(X, pywt.Wavelet(self.wavelet), self.level, _EXTENSIONS[self.mode])
            return pywt.wavedec(X, self.wavelet, mode=self.mode, level=self.level, axis=-1)
        if self.decomposition == "wpt":
            tree = pywt.WaveletPacket(X, self.wavelet, mode=self.mode, maxlevel=self.level, axis=-1)
            return [node.data for node in tree.get_level(self.level, order="freq")]
        n_times = X.shape[-1]
        added = -n_times % 2**self.level
        if added:
            X = np.pad(X, [(0, 0), (0, added)], mode="symmetric")
        bands = pywt.swt(X, self.wavelet, level=self.level, axis=-1, trim_approx=True, norm=True)
        return [band[:, :n_times] for band in bands]

    def _extract(self, X: NDArray[np.floating], fs: float) -> NDArray[np.floating]:
        names = self._names()
        rows = X.reshape(-1, X.shape[-1])
        result = np.empty((len(rows), len(self._feature_names())), dtype=X.dtype)

        def work(start: int, stop: int) -> None:
            # numba would compile the kernels again for another layout or a read-only array.
            bands = self._decompose(np.array(rows[start:stop], order="C"))
            values = _band_values(bands, "wavelet_entropy" in names)
            np.concatenate([values[name] for name in names], axis=1, out=result[start:stop])

        copies = 2 + self.level if self.decomposition == "swt" else 2
        for_blocks(work, len(rows), copies * rows[0].nbytes, self.n_jobs)
        return result.reshape(*X.shape[:2], -1)


# Modes of PyWavelets that extend a window by its own samples, and their names in numpy.pad.
_Extension = Literal["symmetric", "reflect", "wrap", "edge"]
_EXTENSIONS: dict[str, _Extension] = {
    "symmetric": "symmetric",
    "reflect": "reflect",
    "periodic": "wrap",
    "constant": "edge",
}


def _dwt(X: NDArray[np.floating], wavelet: Any, level: int, extension: _Extension) -> list[NDArray]:
    """Compute the result of pywt.wavedec several times faster, by filtering whole rows."""
    from sklearn_emg.feature_extraction._kernels.wavelet import dwt_level

    low = np.asarray(wavelet.dec_lo, dtype=X.dtype)
    high = np.asarray(wavelet.dec_hi, dtype=X.dtype)
    reach = low.size - 1
    bands = []
    for _ in range(level):
        n_times = X.shape[1]
        index = np.pad(np.arange(n_times), reach, mode=extension)
        shape = len(X), (n_times + reach) // 2
        approximation, detail = np.empty(shape, X.dtype), np.empty(shape, X.dtype)
        dwt_level(X, low, high, index[:reach], index[-reach:], approximation, detail)
        bands.append(detail)
        X = approximation
    return [X, *bands[::-1]]


def _divide(top: NDArray, bottom: NDArray) -> NDArray:
    """Divide; the quotient is 0 where the divisor is 0."""
    return np.divide(top, bottom, out=np.zeros_like(top), where=bottom > 0)


def _entropy(p: NDArray) -> NDArray:
    """Compute -sum p ln p over the last axis, where 0 ln 0 is 0."""
    # Adding 0.0 turns the -0.0 of a single proportion into 0.0.
    return -(p * np.log(np.where(p > 0, p, 1.0))).sum(axis=-1) + 0.0


def _band_values(
    bands: Sequence[NDArray[np.floating]], with_entropy: bool
) -> dict[str, NDArray[np.float64]]:
    """Compute features of shape (n_rows, n_values) from the coefficients of the bands of rows."""
    from sklearn_emg.feature_extraction._kernels.wavelet import band_sums

    n_rows = len(bands[0])
    sums = np.empty((len(bands), n_rows, 5))
    counts = np.array([band.shape[-1] for band in bands], dtype=float)
    for b, band in enumerate(bands):
        band = np.ascontiguousarray(band)
        logs = band
        if with_entropy:
            # The smallest normal number replaces 0, so that 0 ln 0 is 0.
            logs = np.log(np.maximum(band * band, np.finfo(band.dtype).tiny))
        band_sums(band, logs, sums[b])
    # The array must be contiguous: NumPy sums strided rows in a different order.
    sums = np.ascontiguousarray(np.moveaxis(sums, [0, 1, 2], [2, 1, 0]))
    deviation, absolute, energy, length, logged = sums
    # Each of these has shape (n_rows, n_bands). Energies within the rounding error of the energy of
    # the window, such as those of the details of a constant, are set to 0.
    rounding = (16 * np.finfo(bands[0].dtype).eps) ** 2 * energy.sum(axis=1, keepdims=True)
    is_zero = energy <= rounding
    absolute, energy, length, logged = (
        np.where(is_zero, 0.0, values) for values in (absolute, energy, length, logged)
    )
    # The same applies to deviations from the mean, such as those of the coefficients of a constant.
    deviation[deviation <= rounding] = 0.0
    relative = _divide(energy, np.broadcast_to(energy.sum(axis=1, keepdims=True), energy.shape))
    mav = absolute / counts
    positive = np.where(energy > 0, energy, 1.0)
    return {
        "wavelet_energy": energy,
        "wavelet_relative_energy": relative,
        "wavelet_entropy": np.where(
            energy > 0, np.maximum(np.log(positive) - logged / positive, 0.0), 0.0
        ),
        "wavelet_mav": mav,
        "wavelet_rms": np.sqrt(energy / counts),
        "wavelet_std": np.sqrt(deviation / counts),
        "wavelet_wl": length,
        "wavelet_ratio": _divide(mav[:, :-1], mav[:, 1:]),
        "wavelet_total_entropy": _entropy(relative)[:, np.newaxis],
    }


class CWTFeatures(FeatureExtractor):
    """Features of the continuous wavelet transform: energy by scale, entropy, ridge frequency.

    Parameters
    ----------
    features : "all" or list of str, default="all"
        Names of the features; :func:`feature_table` describes them. "cwt_energy" and
        "cwt_relative_energy" have one value per scale, and the others have one value.
    fs : float, default=None
        Sampling rate in Hz. It is required for arrays if ridge features are computed or
        `frequencies` is given; a recording table contains its own.
    wavelet : str, default="cmor1.5-1.0"
        Name of a continuous wavelet of PyWavelets. With a complex wavelet, the modulus of the
        transform follows the envelope; with a real one ("morl"), the modulus and the ridge
        oscillate.
    scales : array-like of shape (n_scales,), default=None
        Scales a in samples. The default is 2, 2.83, 4 ... 64, half an octave apart.
    frequencies : array-like of shape (n_scales,), default=None
        Frequencies f in Hz, which can be given instead of scales: a = f_c fs / f, where f_c is the
        centre frequency of the wavelet in cycles per sample.
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
        If the wavelet or a feature is unknown, scales and frequencies are both given, a scale is
        below one sample, or a frequency is not below the Nyquist frequency.

    Notes
    -----
    :func:`cwt` defines W(a, b) for each sample b of the window; the signal is 0 beyond the ends of
    the window. If several scales have the same power at b, the first is the ridge. There is no
    ridge at times when the powers at all scales are more than 100 dB below the largest power of the
    window. All features of a window of zeros are 0.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emg.feature_extraction import CWTFeatures
    >>> X = np.sin(2 * np.pi * 50 * np.arange(500) / 1000)[np.newaxis]
    >>> ridge = CWTFeatures(["cwt_ridge_mean"], fs=1000.0, frequencies=[25, 50, 100, 200])
    >>> ridge.fit_transform(X).round(2)
    array([[50.]])
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "features": [str, "array-like"],
        "wavelet": [str],
        "scales": ["array-like", None],
        "frequencies": ["array-like", None],
        "n_jobs": [Integral, None],
    }

    def __init__(
        self,
        features: str | Sequence[str] = "all",
        *,
        fs: float | None = None,
        wavelet: str = "cmor1.5-1.0",
        scales: ArrayLike | None = None,
        frequencies: ArrayLike | None = None,
        n_jobs: int | None = None,
    ):
        self.features = features
        self.fs = fs
        self.wavelet = wavelet
        self.scales = scales
        self.frequencies = frequencies
        self.n_jobs = n_jobs

    def _names(self) -> list[str]:
        return check_features(self.features, CWT_FEATURES, self._caller)

    def _needs_fs(self) -> bool:
        return self.frequencies is not None or any("ridge" in name for name in self._names())

    def _check_parameters(self, fs: float) -> None:
        self._names()
        check_scales(self, fs)

    def _shortest(self, fs: float) -> dict[str, int]:
        return {name: CWT_FEATURES[name].min_n_times for name in self._names()}

    def _check_length(self, n_times: int, fs: float) -> None:
        check_min_n_times(n_times, self._shortest(fs), self._caller)

    def _feature_names(self) -> list[str]:
        labels = scale_labels(self)
        names: list[str] = []
        for name in self._names():
            if name in ("cwt_energy", "cwt_relative_energy"):
                names.extend(f"{name}_{label}" for label in labels)
            else:
                names.append(name)
        return names

    def _extract(self, X: NDArray[np.floating], fs: float | None) -> NDArray[np.floating]:
        from sklearn_emg.feature_extraction._kernels.wavelet import scale_energy, scale_maximum

        names = self._names()
        scales = scales_of(self, fs)
        wavelet = continuous_wavelet(self.wavelet, self._caller)
        rows = X.reshape(-1, X.shape[-1])
        kernel = Scales(wavelet, scales, X.shape[-1], X.dtype)
        frequencies = centre_frequency(wavelet) / scales * (1.0 if fs is None else fs)
        with_ridge = any("ridge" in name for name in names)
        result = np.empty((len(rows), len(self._feature_names())), dtype=X.dtype)

        def work(start: int, stop: int) -> None:
            energy = np.empty((len(scales), stop - start))
            largest = np.full((stop - start, X.shape[-1]), -1.0, dtype=X.dtype)
            which = np.zeros((stop - start, X.shape[-1]), dtype=np.int32)
            for index, W in enumerate(kernel.transform(rows[start:stop])):
                power = W.real**2 + W.imag**2 if kernel.complex else W * W
                scale_energy(power, energy[index])
                if with_ridge:
                    scale_maximum(power, index, largest, which)
            # The array must be contiguous: NumPy sums strided rows in a different order.
            energy = np.ascontiguousarray(energy.T)
            relative = _divide(energy, np.broadcast_to(energy.sum(1, keepdims=True), energy.shape))
            values = {
                "cwt_energy": energy,
                "cwt_relative_energy": relative,
                "cwt_entropy": _entropy(relative)[:, np.newaxis],
            }
            if with_ridge:
                # Powers more than 100 dB below the largest may be rounding errors.
                has_ridge = largest > _RIDGE_FLOOR * largest.max(axis=1, keepdims=True)
                n_ridge = np.maximum(has_ridge.sum(axis=1, keepdims=True), 1)
                ridge = np.where(has_ridge, frequencies[which], 0.0)
                mean = ridge.sum(axis=1, keepdims=True) / n_ridge
                spread = np.where(has_ridge, ridge - mean, 0.0) ** 2
                values["cwt_ridge_mean"] = mean
                values["cwt_ridge_std"] = np.sqrt(spread.sum(axis=1, keepdims=True) / n_ridge)
            block = np.concatenate([values[name] for name in names], axis=1)
            block[energy.sum(axis=1) == 0] = 0.0
            result[start:stop] = block

        item = 2 * X.itemsize if kernel.complex else X.itemsize
        for_blocks(work, len(rows), 6 * kernel.n_fft * item, self.n_jobs, min_rows=4)
        return result.reshape(*X.shape[:2], -1)
