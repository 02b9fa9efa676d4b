"""Continuous wavelet transform of windows, and its image by frequency and time."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np
import scipy.fft
from numpy.typing import ArrayLike, NDArray

from sklearn_emg._sklearn import Integral, Interval, StrOptions
from sklearn_emg._tables import counted
from sklearn_emg.feature_extraction._time_frequency import ImageTransformer


class Scales:
    """Filters of a continuous wavelet transform for windows of one length.

    Parameters
    ----------
    wavelet : pywt.ContinuousWavelet
        Wavelet of the transform.
    scales : ndarray of shape (n_scales,)
        Scales in samples.
    n_times : int
        Number of samples in a window.
    dtype : dtype
        Data type of the windows, which determines the precision of the coefficients.
    """

    def __init__(self, wavelet, scales: NDArray[np.float64], n_times: int, dtype: np.dtype):
        import pywt

        integral, x = pywt.integrate_wavelet(wavelet, precision=12)
        self.complex = np.iscomplexobj(integral)
        step = x[1] - x[0]
        filters, shifts = [], []
        for scale in scales:
            # The integral is sampled at the rate of the signal, as in PyWavelets; its differences
            # are the integrals of the wavelet over each sample.
            at = (np.arange(scale * (x[-1] - x[0]) + 1) / (scale * step)).astype(int)
            taps = np.conj(integral[at[at < integral.size]])[::-1]
            filters.append(-np.sqrt(scale) * np.diff(taps, prepend=0.0, append=0.0))
            shifts.append((taps.size - 2) // 2 + 1)
        length = max(h.size - c for h, c in zip(filters, shifts)) + n_times
        self.n_fft = scipy.fft.next_fast_len(length, real=not self.complex)
        self.n_times = n_times
        padded = np.zeros((len(filters), self.n_fft), dtype=np.result_type(integral, float))
        for row, h, shift in zip(padded, filters, shifts):
            # Taps before the current sample wrap around; the transform is long enough for this.
            np.add.at(row, (np.arange(h.size) - shift) % self.n_fft, h)
        out = np.result_type(dtype, np.complex64)
        if self.complex:
            self.responses = scipy.fft.fft(padded, axis=-1).astype(out)
        else:
            self.responses = scipy.fft.rfft(padded, axis=-1).astype(out)

    def transform(self, X: NDArray[np.floating]):
        """Yield W(a, b) of the rows, of shape (n_rows, n_times), for each scale."""
        if self.complex:
            spectrum = scipy.fft.fft(X, self.n_fft, axis=-1)
        else:
            spectrum = scipy.fft.rfft(X, self.n_fft, axis=-1)
        for response in self.responses:
            product = spectrum * response
            if self.complex:
                W = scipy.fft.ifft(product, self.n_fft, axis=-1, overwrite_x=True)
            else:
                W = scipy.fft.irfft(product, self.n_fft, axis=-1, overwrite_x=True)
            yield W[:, : self.n_times]


def continuous_wavelet(name: str, caller: str):
    """Return a continuous wavelet of PyWavelets by its name.

    Raises
    ------
    ValueError
        If PyWavelets has no continuous wavelet of this name; the message lists the known names.
    """
    import pywt

    try:
        return pywt.ContinuousWavelet(name)
    except ValueError as error:
        raise ValueError(
            f"The 'wavelet' parameter of {caller} must be a continuous wavelet of PyWavelets "
            f"({', '.join(pywt.wavelist(kind='continuous'))}; parameters are part of the name, as "
            f"in 'cmor1.5-1.0'). Got {name!r} instead."
        ) from error


def cwt(
    X: NDArray[np.floating], scales: ArrayLike, wavelet: str = "morl"
) -> NDArray[np.floating] | NDArray[np.complexfloating]:
    """Compute the continuous wavelet transform W(a, b) = a^(-1/2) sum_t x(t) psi*((t - b) / a).

    Parameters
    ----------
    X : ndarray of shape (..., n_times)
        Signals in mV, float32 or float64.
    scales : array-like of shape (n_scales,)
        Scales a, in samples.
    wavelet : str, default="morl"
        Name of a continuous wavelet of PyWavelets.

    Returns
    -------
    W : ndarray of shape (..., n_scales, n_times)
        Coefficients in mV sqrt(samples), which are complex for a complex wavelet.

    Notes
    -----
    The transform is equation (12) of Algorithm 1 of NeuroFusionNet, with time in samples. It has
    the same values as :func:`pywt.cwt` but is an order of magnitude faster, because all scales
    share one Fourier transform of the signal. As in PyWavelets, the wavelet is integrated over each
    sample, and a filter with an even number of taps is half a sample off centre.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emg.feature_extraction import cwt
    >>> W = cwt(np.sin(2 * np.pi * np.arange(400) / 20), scales=[8, 16, 32], wavelet="morl")
    >>> W.shape, int((W**2).sum(axis=-1).argmax())  # 0.8125 / 16 is about 1 / 20
    ((3, 400), 1)
    """
    X = np.asarray(X)
    if X.dtype not in (np.float32, np.float64):
        X = X.astype(np.float64)
    scales = np.atleast_1d(np.asarray(scales, dtype=float))
    kernel = Scales(continuous_wavelet(wavelet, "cwt"), scales, X.shape[-1], X.dtype)
    W = np.stack(list(kernel.transform(X.reshape(-1, X.shape[-1]))), axis=1)
    return W.reshape(*X.shape[:-1], len(scales), X.shape[-1])


def scales_of(estimator: Any, fs: float | None) -> NDArray[np.float64]:
    """Compute the scales in samples from the parameters of an estimator and the rate in Hz.

    They are ``centre_frequency * fs / frequencies``, the given scales, or by default 2 to 64 in
    half octaves.
    """
    if estimator.frequencies is not None and fs is not None:
        centre = centre_frequency(continuous_wavelet(estimator.wavelet, type(estimator).__name__))
        return centre * fs / np.asarray(estimator.frequencies, dtype=float)
    if estimator.scales is not None:
        return np.asarray(estimator.scales, dtype=float)
    return 2.0 ** (np.arange(2, 13) / 2)


def scale_labels(estimator: Any) -> list[str]:
    """Return the label of each scale for names of features: its frequency or length in samples."""
    if estimator.frequencies is not None:
        return [f"{frequency:g}hz" for frequency in np.asarray(estimator.frequencies, float)]
    return [f"{scale:.4g}" for scale in scales_of(estimator, None)]


def centre_frequency(wavelet: Any) -> float:
    """Return the frequency of the largest peak of a wavelet's spectrum at scale 1.

    It is in cycles per sample, as in PyWavelets.
    """
    import pywt

    return float(pywt.central_frequency(wavelet, precision=12))


def check_scales(estimator: Any, fs: float) -> Any:
    """Check the wavelet, scales and frequencies of an estimator, and return the wavelet.

    Raises
    ------
    ValueError
        If the wavelet is unknown, scales and frequencies are both given, a scale is below one
        sample, or a frequency is not below the Nyquist frequency.
    """
    caller = type(estimator).__name__
    wavelet = continuous_wavelet(estimator.wavelet, caller)
    if estimator.scales is not None and estimator.frequencies is not None:
        raise ValueError(
            f"Pass either 'scales' or 'frequencies' to {caller}, not both; a frequency f "
            "corresponds to the scale f_c fs / f."
        )
    if estimator.frequencies is not None:
        given = np.asarray(estimator.frequencies, dtype=float)
        if given.ndim != 1 or not given.size or not ((given > 0) & (given < fs / 2)).all():
            raise ValueError(
                f"The 'frequencies' parameter of {caller} must contain frequencies above 0 and "
                f"below {fs / 2:g} Hz, half the sampling rate. Got {estimator.frequencies!r} "
                "instead."
            )
    scales = scales_of(estimator, fs)
    if scales.ndim != 1 or not scales.size or not (np.isfinite(scales) & (scales >= 1)).all():
        raise ValueError(
            f"The scales of {caller} must be one or more numbers of at least 1 sample. "
            f"Got {scales.tolist()!r} instead; lower the frequencies or raise the scales."
        )
    return wavelet


class CWTCoefficients(ImageTransformer):
    """Continuous wavelet transform W(a, b): an image of coefficients by frequency and time.

    Parameters
    ----------
    output : {"magnitude", "power", "coefficient"}, default="magnitude"
        Values of the image: the modulus of W in mV sqrt(samples), its square, or W itself, which
        requires a real wavelet.
    fs : float, default=None
        Sampling rate in Hz. It is required for arrays if `frequencies` is given; a recording table
        contains its own.
    wavelet : str, default="cmor1.5-1.0"
        Name of a continuous wavelet of PyWavelets. With a complex wavelet, the modulus of the
        transform follows the envelope; with a real one ("morl"), the modulus oscillates.
    scales : array-like of shape (n_scales,), default=None
        Scales a in samples. The default is 2, 2.83, 4 ... 64, half an octave apart.
    frequencies : array-like of shape (n_scales,), default=None
        Frequencies f in Hz, which can be given instead of scales: a = f_c fs / f, where f_c is the
        centre frequency of the wavelet in cycles per sample.
    n_segments : int, default=None
        Number of segments of equal length over which values are averaged; remaining samples at the
        end of the window are omitted. None keeps each sample.
    n_jobs : int, default=None
        Number of threads. None means 1 unless a `joblib.parallel_config` context is active; -1
        means all processors. The results do not depend on `n_jobs`.

    Attributes
    ----------
    n_channels_in_ : int
        Number of channels of the windows seen in ``fit``.
    n_times_in_ : int
        Number of samples per window seen in ``fit``.

    Raises
    ------
    ValueError
        If the wavelet is unknown or does not fit `output`, scales and frequencies are both given,
        a scale is below one sample, a frequency is not below the Nyquist frequency, or windows are
        shorter than `n_segments` samples.

    See Also
    --------
    CWTFeatures : Energies, entropy and ridge of the same transform.
    Flatten : Turn each image into one row of features.

    Notes
    -----
    W(a, b) is equation (12) of Algorithm 1 of NeuroFusionNet, computed by :func:`cwt`; the signal
    is 0 beyond the ends of the window. Rows of an image are in the order of `scales` or
    `frequencies`. Images are float32 for samples of any type. Use :func:`cwt` to obtain the
    coefficients in float64.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn_emg.feature_extraction import CWTCoefficients, Flatten
    >>> X = np.sin(2 * np.pi * 50 * np.arange(500) / 1000)[np.newaxis]
    >>> cwt = CWTCoefficients(fs=1000.0, frequencies=[25, 50, 100], n_segments=2)
    >>> images = cwt.fit_transform(X)
    >>> images.shape, images[0, 0, :, 0].argmax().item()
    ((1, 1, 3, 2), 1)
    >>> make_pipeline(cwt, Flatten()).fit(X).get_feature_names_out()[:3].tolist()
    ['cwt_25hz_0', 'cwt_25hz_1', 'cwt_50hz_0']
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "output": [StrOptions({"magnitude", "power", "coefficient"})],
        "wavelet": [str],
        "scales": ["array-like", None],
        "frequencies": ["array-like", None],
        "n_segments": [Interval(Integral, 1, None, closed="left"), None],
        "n_jobs": [Integral, None],
    }

    def __init__(
        self,
        output: Literal["magnitude", "power", "coefficient"] = "magnitude",
        *,
        fs: float | None = None,
        wavelet: str = "cmor1.5-1.0",
        scales: ArrayLike | None = None,
        frequencies: ArrayLike | None = None,
        n_segments: int | None = None,
        n_jobs: int | None = None,
    ):
        self.output = output
        self.fs = fs
        self.wavelet = wavelet
        self.scales = scales
        self.frequencies = frequencies
        self.n_segments = n_segments
        self.n_jobs = n_jobs

    def _needs_fs(self) -> bool:
        return self.frequencies is not None

    def _check_parameters(self, fs: float) -> None:
        wavelet = check_scales(self, fs)
        if self.output == "coefficient" and wavelet.complex_cwt:
            raise ValueError(
                f"The wavelet {self.wavelet!r} of CWTCoefficients has complex coefficients, which "
                "an image cannot hold: use output='magnitude', or a real wavelet such as 'morl'."
            )

    def _image_shape(self, n_times: int) -> tuple[int, int, int]:
        n_scales = len(scale_labels(self))
        width = n_times if self.n_segments is None else self.n_segments
        if width > n_times:
            raise ValueError(
                f"Windows of {counted(n_times, 'sample')} (n_features={n_times}) are too short for "
                f"CWTCoefficients with n_segments={self.n_segments}."
            )
        return 1, n_scales, width

    def _images(self, X: NDArray[np.floating], fs: float) -> NDArray[np.floating]:
        scales = scales_of(self, fs)
        wavelet = continuous_wavelet(self.wavelet, type(self).__name__)
        kernel = Scales(wavelet, scales, X.shape[-1], X.dtype)
        _, height, width = self._image_shape(X.shape[-1])
        images = np.empty((len(X), 1, height, width), dtype=X.dtype)
        length = X.shape[-1] // width
        for row, W in enumerate(kernel.transform(X)):
            values = W if self.output == "coefficient" else np.abs(W)
            values = values**2 if self.output == "power" else values
            images[:, 0, row] = (
                values[:, : length * width].reshape(len(X), width, length).mean(axis=-1)
            )
        return images

    def _pixel_names(self) -> list[str]:
        _, _, width = self._image_shape(self.n_times_in_)
        return [f"cwt_{scale}_{part}" for scale in scale_labels(self) for part in range(width)]
