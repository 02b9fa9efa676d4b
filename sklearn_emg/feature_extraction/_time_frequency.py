"""Images of windows for networks: spectrograms.

The transformers take windows (or a recording table with rows of equal length) and return float32
arrays of shape (n_windows, n_channels * n_maps, height, width) with time along the last axis.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal, Self

import numpy as np
import pandas as pd
import scipy.fft
from numpy.typing import ArrayLike, NDArray
from scipy.signal import get_window
from sklearn.base import clone
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from sklearn_emg._ranges import compute_safely, ranges_of
from sklearn_emg._sklearn import POSITIVE, Integral, Interval, Real, StrOptions
from sklearn_emg._tables import counted
from sklearn_emg.base import SignalEstimator
from sklearn_emg.feature_extraction._blocks import for_blocks
from sklearn_emg.feature_extraction._spectral import check_taper
from sklearn_emg.recordings import LastToSeeSubjects, distinct_rates, is_recording_table


class ImageTransformer(
    LastToSeeSubjects,
    SignalEstimator,
    auto_wrap_output_keys=None,
):
    """Base class of steps that turn windows into images.

    A subclass implements ``_image_shape(n_times)``, which returns the number of maps per channel,
    the height and the width, and ``_images(X, fs)``, which turns rows of samples (n_rows, n_times)
    into images (n_rows, n_maps, height, width) and treats each row independently. It may override
    ``_check_parameters(fs)`` and ``_pixel_names()``, which returns the names of the values of one
    channel.
    """

    def __init_subclass__(cls, **kwargs: Any):
        # Images are not columns, although their values have names for Flatten.
        super().__init_subclass__(auto_wrap_output_keys=None, **kwargs)

    def fit(self, X: ArrayLike | pd.DataFrame, y: Any = None) -> Self:
        """Check the parameters and the input.

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
        self._validate_params()
        self._remember_subjects(X)
        if is_recording_table(X):
            X = self._check_table(X, reset=True)
            shape = np.shape(X["signal"].iloc[0])
            self.n_channels_in_ = shape[0] if len(shape) == 2 else 1
            self.n_times_in_ = shape[-1]
            self._check_shapes(X)
            rates = distinct_rates(X["fs"])
        else:
            X = self._check_array(X, reset=True)
            self.n_channels_in_ = 1 if X.ndim == 2 else X.shape[1]
            self.n_times_in_ = X.shape[-1]
            rates = [self._array_fs()]
        for fs in rates:
            self._check_parameters(fs)
        self._image_shape(self.n_times_in_)
        return self

    def transform(self, X: ArrayLike | pd.DataFrame) -> NDArray[np.float32]:
        """Compute an image of each window.

        Parameters
        ----------
        X : ndarray of shape (n_windows, n_times) or (n_windows, n_channels, n_times), or DataFrame
            Windows in mV, or a recording table.

        Returns
        -------
        images : ndarray of shape (n_windows, n_channels * n_maps, height, width), float32
            Images. The maps of one channel are adjacent along the second axis.

        Raises
        ------
        ValueError
            If a window contains NaN, differs in length or number of channels from the windows seen
            in ``fit``, or gives powers that are too large for float32.
        """
        if not self._is_fitted():
            return clone(self).fit(X).transform(X)
        if is_recording_table(X):
            self._warn_if_trained(X)
            X = self._check_table(X)
            self._check_shapes(X)
            images = []
            for _, values, fs in self._equal_rows(X):
                self._check_parameters(fs)
                images.append(self._windows_to_images(values, fs))
            return np.concatenate(images)
        X = self._check_array(X, reset=False)
        X = X[:, np.newaxis, :] if X.ndim == 2 else X
        if X.shape[1:] != (self.n_channels_in_, self.n_times_in_):
            raise ValueError(
                f"X has windows of {counted(X.shape[1], 'channel')} x {X.shape[2]} samples, but "
                f"{type(self).__name__} was fitted on windows of {self.n_channels_in_} x "
                f"{self.n_times_in_}."
            )
        fs = self._array_fs()
        self._check_parameters(fs)
        return self._windows_to_images(X, fs)

    def _windows_to_images(self, X: NDArray[np.floating], fs: float) -> NDArray[np.float32]:
        rows = X.reshape(-1, X.shape[-1])
        n_maps, height, width = self._image_shape(X.shape[-1])
        images = np.empty((len(rows), n_maps, height, width), dtype=np.float32)
        high, low = ranges_of(rows[:, np.newaxis])

        def work(start: int, stop: int) -> None:
            block = slice(start, stop)
            values, overflow = compute_safely(
                lambda part: self._images(part[:, 0], fs),
                rows[block, np.newaxis],
                high[block],
                low[block],
            )
            with np.errstate(over="ignore"):
                images[block] = values
            overflow |= np.isinf(images[block]) & np.isfinite(values)
            if overflow.any():
                row = start + int(np.flatnonzero(overflow.reshape(len(values), -1).any(axis=1))[0])
                raise ValueError(
                    f"{type(self).__name__} gives powers too large for float32, first in window "
                    f"{row // X.shape[1]}, whose samples reach "
                    f"{max(high[row, 0], -low[row, 0]):.3g} mV. Check the unit or scale the "
                    "signals to mV."
                )

        image_bytes = 4 * n_maps * height * width * X.itemsize
        for_blocks(work, len(rows), rows[0].nbytes + image_bytes, self.n_jobs)
        return images.reshape(len(X), -1, height, width)

    def _check_shapes(self, table: pd.DataFrame) -> None:
        expected = self.n_channels_in_, self.n_times_in_
        for row, signal in enumerate(table["signal"]):
            shape = (1, *np.shape(signal))[-2:]
            if shape != expected:
                raise ValueError(
                    f"{type(self).__name__} makes images of one size: expected signals of "
                    f"{counted(expected[0], 'channel')} x {expected[1]} samples, but row {row} has "
                    f"{shape[0]} x {shape[1]}. Cut the table into windows first."
                )

    def set_output(self, *, transform: str | None = None) -> Self:
        """Do nothing, because images have no columns that an output format could apply to.

        Parameters
        ----------
        transform : {"default", "pandas", "polars"}, default=None
            Not used; present because pipelines set the output of all their steps.

        Returns
        -------
        self : object
            This transformer, unchanged.
        """
        return self

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> NDArray:
        """Return the names of the values of an image, in the order of :class:`Flatten`.

        Parameters
        ----------
        input_features : Ignored
            Not used; present by convention of scikit-learn.

        Returns
        -------
        names : ndarray of str objects of shape (n_values,)
            Names in C order. A name such as ``stft_8_12`` consists of the class, the row and the
            column of the value, counted from 0. If a channel has several maps, the number of the
            map follows the class, as in ``logspectrogram1_8_12``. If there is more than one
            channel, the name starts with the channel, as in ``ch2_stft_8_12``.
            :class:`CWTCoefficients` has the scale or frequency in place of the row.
        """
        check_is_fitted(self, "n_times_in_")
        names = self._pixel_names()
        if self.n_channels_in_ > 1:
            names = [f"ch{c + 1}_{name}" for c in range(self.n_channels_in_) for name in names]
        return np.asarray(names, dtype=object)

    def _pixel_names(self) -> list[str]:
        n_maps, height, width = self._image_shape(self.n_times_in_)
        kind = type(self).__name__.lower()
        maps = [kind] if n_maps == 1 else [f"{kind}{m}" for m in range(n_maps)]
        return [f"{m}_{r}_{c}" for m in maps for r in range(height) for c in range(width)]

    def _check_parameters(self, fs: float) -> None:
        """Raise an error if a parameter is incompatible with the sampling rate."""

    def _image_shape(self, n_times: int) -> tuple[int, int, int]:
        raise NotImplementedError(f"{type(self).__name__} does not implement _image_shape.")

    def _images(self, X: NDArray[np.floating], fs: float) -> NDArray[np.floating]:
        raise NotImplementedError(f"{type(self).__name__} does not implement _images.")

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        # Networks take float32.
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags


_STFT_CONSTRAINTS: dict[str, list[Any]] = {
    "nperseg": [Interval(Integral, 2, None, closed="left")],
    "hop": [Interval(Integral, 1, None, closed="left"), None],
    "n_fft": [Interval(Integral, 2, None, closed="left"), None],
    "taper": [str],
    "center": ["boolean"],
    "n_jobs": [Integral, None],
}


class _FrameTransformer(ImageTransformer):
    """Base class of spectrograms, which computes Fourier transforms of tapered frames."""

    def _hop(self) -> int:
        return max(self.nperseg // 4, 1) if self.hop is None else self.hop

    def _n_fft(self) -> int:
        return self.nperseg if self.n_fft is None else self.n_fft

    def _check_parameters(self, fs: float) -> None:
        name = type(self).__name__
        check_taper(self.taper, name)
        if self._n_fft() < self.nperseg:
            raise ValueError(
                f"The 'n_fft' parameter of {name} must be at least nperseg={self.nperseg}. "
                f"Got {self.n_fft} instead."
            )

    def _n_frames(self, n_times: int) -> int:
        if self.center:
            return 1 + n_times // self._hop()
        if n_times < self.nperseg:
            raise ValueError(
                f"Windows of {counted(n_times, 'sample')} (n_features={n_times}) are shorter than "
                f"the nperseg={self.nperseg} samples of a frame of {type(self).__name__}. Lower "
                "'nperseg' or set center=True."
            )
        return 1 + (n_times - self.nperseg) // self._hop()

    def _power(self, X: NDArray[np.floating]) -> NDArray[np.floating]:
        """Compute powers of shape (n_rows, n_frequencies, n_frames); sinusoids peak at A^2 / 2."""
        n_frames, hop, n_fft = self._n_frames(X.shape[-1]), self._hop(), self._n_fft()
        if self.center:
            X = np.pad(X, [(0, 0), (self.nperseg // 2, self.nperseg)])
        frames = np.lib.stride_tricks.sliding_window_view(X, self.nperseg, axis=-1)
        frames = frames[:, : (n_frames - 1) * hop + 1 : hop]
        weights = get_window(self.taper, self.nperseg).astype(X.dtype)
        spectrum = scipy.fft.rfft(frames * weights, n_fft, axis=-1)
        power = spectrum.real**2 + spectrum.imag**2
        # Bins between 0 and the Nyquist frequency include their mirror image.
        scale = np.full(power.shape[-1], 2.0 / float(weights.sum(dtype=np.float64)) ** 2)
        scale[0] /= 2
        if n_fft % 2 == 0:
            scale[-1] /= 2
        power *= scale.astype(X.dtype)
        return power.swapaxes(1, 2)


class STFT(_FrameTransformer):
    """Short-time Fourier transform: an image of amplitude or power by frequency and time.

    Parameters
    ----------
    output : {"magnitude", "power"}, default="magnitude"
        Values of the image: amplitude in mV (a sinusoid of amplitude A has the value A at its
        frequency) or power in mV^2 (A^2 / 2).
    nperseg : int, default=256
        Number of samples per frame.
    hop : int, default=None
        Number of samples from one frame to the next; the default is ``nperseg // 4``.
    n_fft : int, default=None
        Length of the transform in samples, to which frames are padded with zeros; the default is
        `nperseg`.
    taper : str, default="hann"
        Name of a window of :func:`scipy.signal.get_window` that needs no parameters.
    center : bool, default=True
        If True, frame t is centred at sample ``t * hop``, with zeros beyond the ends of the window,
        and there are ``1 + n_times // hop`` frames. If False, all frames lie within the window, and
        there are ``1 + (n_times - nperseg) // hop`` frames.
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
        If `taper` is unknown, `n_fft` is less than `nperseg`, or, with ``center=False``, windows
        are shorter than a frame.

    Notes
    -----
    Row k of an image corresponds to the frequency k fs / n_fft, from 0 to at most fs / 2.
    The height is ``n_fft // 2 + 1``. Such images are the input of DeepEMGNet (Sengur et al. 2017).

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emg.feature_extraction import STFT
    >>> X = 3 * np.sin(2 * np.pi * np.arange(400) / 8)[np.newaxis]
    >>> images = STFT(nperseg=64, hop=16).fit_transform(X)
    >>> images.shape, round(float(images[0, 0, 8, 12]), 3)  # 64 / 8 = row 8
    ((1, 1, 33, 26), 3.0)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "output": [StrOptions({"magnitude", "power"})],
        **_STFT_CONSTRAINTS,
    }

    def __init__(
        self,
        output: Literal["magnitude", "power"] = "magnitude",
        *,
        nperseg: int = 256,
        hop: int | None = None,
        n_fft: int | None = None,
        taper: str = "hann",
        center: bool = True,
        n_jobs: int | None = None,
    ):
        self.output = output
        self.nperseg = nperseg
        self.hop = hop
        self.n_fft = n_fft
        self.taper = taper
        self.center = center
        self.n_jobs = n_jobs

    def _image_shape(self, n_times: int) -> tuple[int, int, int]:
        return 1, self._n_fft() // 2 + 1, self._n_frames(n_times)

    def _images(self, X: NDArray[np.floating], fs: float) -> NDArray[np.floating]:
        power = self._power(X)
        if self.output == "magnitude":
            # The bins at 0 and the Nyquist frequency have no mirror image: their amplitude is the
            # square root of their power.
            power[:, 1 : (self._n_fft() + 1) // 2] *= 2
            power = np.sqrt(power)
        return power[:, np.newaxis]


def _decibel(power: NDArray[np.floating], floor: float, top_db: float | None) -> NDArray:
    """Convert powers in mV^2 to dB, limited to `top_db` below the maximum of each image."""
    level = 10.0 * np.log10(np.maximum(power, floor))
    if top_db is not None:
        np.maximum(level, level.max(axis=(1, 2), keepdims=True) - top_db, out=level)
    return level


def _delta(image: NDArray[np.floating], width: int) -> NDArray[np.floating]:
    """Compute the slope of the line fitted to `width` frames; the end frames are repeated."""
    half = width // 2
    padded = np.pad(image, [(0, 0), (0, 0), (half, half)], mode="edge")
    n_frames = image.shape[-1]
    slope = np.zeros_like(image)
    for step in range(1, half + 1):
        later = padded[..., half + step : half + step + n_frames]
        slope += step * (later - padded[..., half - step : half - step + n_frames])
    return slope / (2 * sum(step**2 for step in range(1, half + 1)))


class LogSpectrogram(_FrameTransformer):
    """Logarithm of the power by frequency and time, optionally with its slope over time.

    Parameters
    ----------
    delta : bool, default=False
        Whether the delta log spectrum is added as a second map: the slope of the log spectrum over
        time, in dB per frame. The maps of a channel are in the order log, delta.
    delta_width : int, default=9
        Number of frames to which a slope is fitted; it must be odd.
    floor : float, default=1e-10
        Lower bound of powers in mV^2. With the default, a window of zeros has a level of -100 dB.
    top_db : float, default=80.0
        Range of an image in dB: lower levels are set to `top_db` below its maximum. None means no
        such limit.
    nperseg, hop, n_fft, taper, center, n_jobs
        See :class:`STFT`.

    Attributes
    ----------
    n_channels_in_ : int
        Number of channels of the windows seen in ``fit``.
    n_times_in_ : int
        Number of samples per window seen in ``fit``.

    Raises
    ------
    ValueError
        If `delta_width` is even, or under the conditions listed for :class:`STFT`.

    Notes
    -----
    Levels are 10 log10(P / 1 mV^2). The delta at frame t is
    sum_n n (c_{t+n} - c_{t-n}) / (2 sum_n n^2), n = 1 ... (delta_width - 1) / 2, with the first and
    last frame repeated beyond the ends (Furui 1986, IEEE Trans. ASSP 34:52,
    doi:10.1109/TASSP.1986.1164788). Log spectrum and delta are the two input channels of
    SpectroEMG-Net (Rahman et al., arXiv 2309.10483).

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emg.feature_extraction import LogSpectrogram
    >>> X = np.random.default_rng(0).normal(size=(5, 2, 1000))
    >>> LogSpectrogram(delta=True, nperseg=128, hop=50).fit_transform(X).shape
    (5, 4, 65, 21)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "delta": ["boolean"],
        "delta_width": [Interval(Integral, 3, None, closed="left")],
        "floor": [POSITIVE],
        "top_db": [POSITIVE, None],
        **_STFT_CONSTRAINTS,
    }

    def __init__(
        self,
        delta: bool = False,
        *,
        delta_width: int = 9,
        floor: float = 1e-10,
        top_db: float | None = 80.0,
        nperseg: int = 256,
        hop: int | None = None,
        n_fft: int | None = None,
        taper: str = "hann",
        center: bool = True,
        n_jobs: int | None = None,
    ):
        self.delta = delta
        self.delta_width = delta_width
        self.floor = floor
        self.top_db = top_db
        self.nperseg = nperseg
        self.hop = hop
        self.n_fft = n_fft
        self.taper = taper
        self.center = center
        self.n_jobs = n_jobs

    def _check_parameters(self, fs: float) -> None:
        super()._check_parameters(fs)
        if self.delta_width % 2 == 0:
            raise ValueError(
                "The 'delta_width' parameter of LogSpectrogram must be odd, so that a frame lies "
                f"in the middle. Got {self.delta_width} instead."
            )

    def _image_shape(self, n_times: int) -> tuple[int, int, int]:
        return 1 + self.delta, self._n_fft() // 2 + 1, self._n_frames(n_times)

    def _images(self, X: NDArray[np.floating], fs: float) -> NDArray[np.floating]:
        level = _decibel(self._power(X), self.floor, self.top_db)
        if not self.delta:
            return level[:, np.newaxis]
        return np.stack([level, _delta(level, self.delta_width)], axis=1)


def _to_mel(frequency: ArrayLike) -> NDArray[np.float64]:
    """Convert Hz to Slaney's mel: 200/3 Hz per mel below 1 kHz, 27 mel per factor of 6.4 above."""
    frequency = np.asarray(frequency, dtype=float)
    above = 15.0 + 27.0 * np.log(np.maximum(frequency, 1000.0) / 1000.0) / np.log(6.4)
    return np.where(frequency < 1000.0, 3.0 * frequency / 200.0, above)


def _from_mel(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    above = 1000.0 * np.exp((np.maximum(mel, 15.0) - 15.0) * np.log(6.4) / 27.0)
    return np.where(mel < 15.0, 200.0 * mel / 3.0, above)


def mel_filterbank(
    fs: float, n_fft: int, n_mels: int, *, f_min: float = 0.0, f_max: float | None = None
) -> NDArray[np.float64]:
    """Compute triangular filters at equal distances on the mel scale, each with an area of one.

    Parameters
    ----------
    fs : float
        Sampling rate in Hz.
    n_fft : int
        Length of the Fourier transform in samples.
    n_mels : int
        Number of filters.
    f_min, f_max : float
        Lowest and highest frequency in Hz; the default of `f_max` is ``fs / 2``.

    Returns
    -------
    weights : ndarray of shape (n_mels, n_fft // 2 + 1)
        Weights of the frequencies in each filter, in 1/Hz.

    Raises
    ------
    ValueError
        If a filter is too narrow to contain a frequency of the transform.

    References
    ----------
    M. Slaney, Auditory Toolbox, Technical Report 1998-010, Interval Research Corporation, 1998.

    Examples
    --------
    >>> from sklearn_emg.feature_extraction import mel_filterbank
    >>> weights = mel_filterbank(10000.0, 256, 40)
    >>> weights.shape, weights[0].argmax().item()
    ((40, 129), 2)
    """
    bottom, top = _to_mel([f_min, fs / 2 if f_max is None else f_max])
    corners = _from_mel(np.linspace(bottom, top, n_mels + 2))
    low, centre, high = (corners[i : n_mels + i, np.newaxis] for i in range(3))
    f = np.arange(n_fft // 2 + 1) * fs / n_fft
    weights = np.maximum(np.minimum((f - low) / (centre - low), (high - f) / (high - centre)), 0.0)
    if (empty := np.flatnonzero(weights.sum(axis=1) == 0)).size:
        raise ValueError(
            f"Mel filter {empty[0] + 1} of {n_mels} ({corners[empty[0]]:.4g} to "
            f"{corners[empty[0] + 2]:.4g} Hz) contains no frequency of a transform of {n_fft} "
            f"samples at {fs:g} Hz. Lower 'n_mels' or raise 'n_fft'."
        )
    return weights * 2.0 / (high - low)


class MelSpectrogram(_FrameTransformer):
    """Spectrogram with frequencies on the mel scale, in dB.

    Parameters
    ----------
    n_mels : int, default=40
        Number of mel bands, which is the height of the image.
    fs : float, default=None
        Sampling rate in Hz. It is required for arrays; a recording table contains its own.
    f_min : float, default=0.0
        Lowest frequency in Hz.
    f_max : float, default=None
        Highest frequency in Hz; the default is ``fs / 2``.
    log : bool, default=True
        Whether values are levels in dB relative to 1 mV^2/Hz. If False, they are powers in mV^2/Hz.
    floor : float, default=1e-13
        Lower bound of powers in mV^2/Hz. It is used only for levels.
    top_db : float, default=80.0
        Range of an image in dB: lower levels are set to `top_db` below its maximum. None means no
        such limit.
    nperseg, hop, n_fft, taper, center, n_jobs
        See :class:`STFT`. A longer `n_fft` allows narrower filters.

    Attributes
    ----------
    n_channels_in_ : int
        Number of channels of the windows seen in ``fit``.
    n_times_in_ : int
        Number of samples per window seen in ``fit``.

    Raises
    ------
    ValueError
        If the sampling rate is missing, `f_max` exceeds half of it or does not exceed `f_min`, or a
        filter is too narrow to contain a frequency of the transform. The conditions listed for
        :class:`STFT` also apply.

    Notes
    -----
    The filters are those of Slaney, which librosa uses by default. Nodera et al. classify such
    images with image networks; see ``sklearn_emg.papers``.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emg.feature_extraction import MelSpectrogram
    >>> X = np.random.default_rng(0).normal(size=(3, 4000))
    >>> MelSpectrogram(fs=10000.0).fit_transform(X).shape
    (3, 1, 40, 63)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "n_mels": [Interval(Integral, 1, None, closed="left")],
        "f_min": [Interval(Real, 0, None, closed="left")],
        "f_max": [POSITIVE, None],
        "log": ["boolean"],
        "floor": [POSITIVE],
        "top_db": [POSITIVE, None],
        **_STFT_CONSTRAINTS,
    }

    def __init__(
        self,
        n_mels: int = 40,
        *,
        fs: float | None = None,
        f_min: float = 0.0,
        f_max: float | None = None,
        log: bool = True,
        floor: float = 1e-13,
        top_db: float | None = 80.0,
        nperseg: int = 256,
        hop: int | None = None,
        n_fft: int | None = None,
        taper: str = "hann",
        center: bool = True,
        n_jobs: int | None = None,
    ):
        self.n_mels = n_mels
        self.fs = fs
        self.f_min = f_min
        self.f_max = f_max
        self.log = log
        self.floor = floor
        self.top_db = top_db
        self.nperseg = nperseg
        self.hop = hop
        self.n_fft = n_fft
        self.taper = taper
        self.center = center
        self.n_jobs = n_jobs

    def _needs_fs(self) -> bool:
        return True

    def _weights(self, fs: float) -> NDArray[np.float64]:
        return mel_filterbank(fs, self._n_fft(), self.n_mels, f_min=self.f_min, f_max=self.f_max)

    def _check_parameters(self, fs: float) -> None:
        super()._check_parameters(fs)
        top = fs / 2 if self.f_max is None else self.f_max
        if not self.f_min < top <= fs / 2:
            raise ValueError(
                "The 'f_min' and 'f_max' parameters of MelSpectrogram must satisfy f_min < f_max "
                f"<= {fs / 2:g} Hz, half the sampling rate. Got {self.f_min} and {self.f_max} "
                "instead."
            )
        self._weights(fs)

    def _image_shape(self, n_times: int) -> tuple[int, int, int]:
        return 1, self.n_mels, self._n_frames(n_times)

    def _images(self, X: NDArray[np.floating], fs: float) -> NDArray[np.floating]:
        power = self._weights(fs).astype(X.dtype) @ self._power(X)
        if self.log:
            power = _decibel(power, self.floor, self.top_db)
        return power[:, np.newaxis]
