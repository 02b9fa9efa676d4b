"""Denoising by wavelet thresholds."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from sklearn_emg._sklearn import Integral, Interval, StrOptions
from sklearn_emg._validation import did_you_mean
from sklearn_emg.base import SignalTransformer


def shrink(
    coefficients: NDArray[np.floating], threshold: NDArray[np.floating], shrinkage: str
) -> NDArray[np.floating]:
    """Set small coefficients to 0 and shrink the others by one of three rules.

    Parameters
    ----------
    coefficients : ndarray of shape (..., n)
        Wavelet coefficients of one level.
    threshold : ndarray of shape (..., 1)
        Threshold of each signal.
    shrinkage : {"soft", "hard", "garrote"}
        Rule for coefficients d whose absolute values exceed the threshold. "soft" moves them
        towards 0 by the threshold, "hard" does not change them, and "garrote" replaces them by
        ``d - threshold**2 / d``.

    Returns
    -------
    shrunk : ndarray of shape (..., n)
        Coefficients after shrinkage.
    """
    size = np.abs(coefficients)
    if shrinkage == "hard":
        return np.where(size > threshold, coefficients, 0.0)
    if shrinkage == "soft":
        return np.sign(coefficients) * np.maximum(size - threshold, 0.0)
    large = size > threshold
    ratio = np.divide(threshold, size, out=np.ones_like(size), where=large)
    return coefficients * (1.0 - ratio**2)


def noise_level(coefficients: NDArray[np.floating]) -> NDArray[np.floating]:
    """Estimate the standard deviation of Gaussian noise from the median absolute coefficient."""
    # The upper quartile of the standard normal distribution is 0.6745.
    return np.median(np.abs(coefficients), axis=-1, keepdims=True) / 0.6744897501960817


def sure_threshold(
    coefficients: NDArray[np.floating], sigma: NDArray[np.floating]
) -> NDArray[np.floating]:
    """Compute the threshold of one level by the hybrid form of SureShrink.

    Parameters
    ----------
    coefficients : ndarray of shape (..., n)
        Wavelet coefficients of the level.
    sigma : ndarray of shape (..., 1)
        Standard deviation of the noise.

    Returns
    -------
    threshold : ndarray of shape (..., 1)
        Threshold that minimises the unbiased risk estimate, or the universal threshold if the level
        is too sparse for this estimate.

    References
    ----------
    D. L. Donoho, I. M. Johnstone, "Adapting to unknown smoothness via wavelet shrinkage", J. Am.
    Stat. Assoc. 90 (1995) 1200-1224, equations 8 to 11. :doi:`10.1080/01621459.1995.10476626`
    """
    n = coefficients.shape[-1]
    safe = np.where(sigma > 0, sigma, 1.0)
    squares = np.sort((coefficients / safe) ** 2, axis=-1)
    kept = np.arange(n - 1, -1, -1)
    risk = n - 2 * np.arange(1, n + 1) + np.cumsum(squares, axis=-1) + kept * squares
    best = np.argmin(risk, axis=-1)[..., np.newaxis]
    threshold = np.sqrt(np.take_along_axis(squares, best, axis=-1))
    universal = np.sqrt(2 * np.log(max(n, 2)))
    sparseness = (squares.mean(axis=-1, keepdims=True) - 1) * np.sqrt(n)
    sparse = sparseness <= np.log2(max(n, 2)) ** 1.5
    return np.where(sparse, universal, np.minimum(threshold, universal)) * sigma


def bayes_threshold(
    coefficients: NDArray[np.floating], sigma: NDArray[np.floating]
) -> NDArray[np.floating]:
    """Compute the threshold of one level by BayesShrink, ``sigma**2 / sigma_signal``.

    Parameters
    ----------
    coefficients : ndarray of shape (..., n)
        Wavelet coefficients of the level.
    sigma : ndarray of shape (..., 1)
        Standard deviation of the noise.

    Returns
    -------
    threshold : ndarray of shape (..., 1)
        Threshold. If the level contains only noise, it is the largest absolute coefficient.

    References
    ----------
    S. G. Chang, B. Yu, M. Vetterli, "Adaptive wavelet thresholding for image denoising and
    compression", IEEE Trans. Image Process. 9 (2000) 1532-1546. :doi:`10.1109/83.862633`
    """
    of_signal = np.mean(coefficients**2, axis=-1, keepdims=True) - sigma**2
    largest = np.abs(coefficients).max(axis=-1, keepdims=True)
    return np.divide(
        sigma**2,
        np.sqrt(np.maximum(of_signal, 0.0)),
        out=largest.astype(np.float64),
        where=of_signal > 0,
    )


def wavelet_denoise(
    signals: NDArray[np.float64],
    *,
    wavelet: str,
    level: int,
    threshold: str,
    shrinkage: str,
    noise: str,
) -> NDArray[np.float64]:
    """Denoise signals along the last axis, without cycle spinning.

    Parameters
    ----------
    signals : ndarray of shape (..., n_times)
        Signals with noise.
    wavelet, threshold, shrinkage, noise : str
        Parameters of :class:`WaveletDenoiser`.
    level : int
        Number of levels of the decomposition, at most the maximum for signals of this length.

    Returns
    -------
    denoised : ndarray of shape (..., n_times)
        Denoised signals.
    """
    import pywt

    n_times = signals.shape[-1]
    approximation, *details = pywt.wavedec(signals, wavelet, mode="symmetric", level=level, axis=-1)
    finest = noise_level(details[-1])
    shrunk = [approximation]
    for detail in details:
        sigma = finest if noise == "white" else noise_level(detail)
        if threshold == "universal":
            limit = sigma * np.sqrt(2 * np.log(n_times))
        elif threshold == "sure":
            limit = sure_threshold(detail, sigma)
        else:
            limit = bayes_threshold(detail, sigma)
        shrunk.append(shrink(detail, limit, shrinkage))
    return pywt.waverec(shrunk, wavelet, mode="symmetric", axis=-1)[..., :n_times]


class WaveletDenoiser(SignalTransformer):
    """Remove broadband noise by shrinking small wavelet coefficients.

    Parameters
    ----------
    wavelet : str, default="sym8"
        Name of a discrete wavelet of PyWavelets.
    level : int, default=5
        Number of levels of the decomposition. Fewer levels are used if a window is too short.
        Frequencies below ``fs / 2**(level + 1)`` are not changed.
    threshold : {"universal", "sure", "bayes"}, default="bayes"
        Rule for the threshold of a level, defined in the Notes.
    shrinkage : {"soft", "hard", "garrote"}, default="soft"
        Rule for coefficients :math:`d` whose absolute values exceed the threshold :math:`\\lambda`.
        "soft" moves them towards 0 by :math:`\\lambda`, "hard" does not change them, and "garrote"
        replaces them by :math:`d - \\lambda^2 / d`.
    noise : {"white", "correlated"}, default="white"
        Kind of noise. The standard deviation of white noise is estimated from the finest level of
        the decomposition. That of correlated noise is estimated for each level separately.
    n_shifts : int, default=1
        Number of delays (0, 1, 2 ... samples) over which the result is averaged. This cycle
        spinning [4]_ reduces artefacts that depend on the position of the wavelet grid. With
        ``2**level`` delays, the result no longer depends on this position.

    Attributes
    ----------
    n_features_in_ : int
        Size of the second axis of the windows seen in ``fit``. It is not set for a table.
    n_times_in_ : int or None
        Number of samples per window seen in ``fit``, or None if a table was given.
    subjects_ : ndarray of shape (n_subjects,) or None
        Names of the subjects of the table seen in ``fit``; None if they are not known.

    Raises
    ------
    ValueError
        If the wavelet is unknown, or a signal contains NaN.

    See Also
    --------
    BandpassFilter : Removes noise outside the band of the EMG.

    Notes
    -----
    The standard deviation of the noise is estimated from the coefficients :math:`d` as
    :math:`\\sigma = \\text{median} |d| / 0.6745`. The threshold of a level is

    - "universal" [1]_: :math:`\\sigma \\sqrt{2 \\ln n}` for :math:`n` samples;
    - "sure" [2]_: the threshold that minimises Stein's unbiased estimate of the risk of soft
      thresholding, or the universal threshold if the level is sparse;
    - "bayes" [3]_: :math:`\\sigma^2 / \\sigma_x`, where :math:`\\sigma_x^2` is the mean square of
      the coefficients minus :math:`\\sigma^2`.

    In a full interference pattern, most coefficients are those of the EMG, so the median measures
    the EMG and the thresholds remove part of it. In this case, "bayes" removes the least and
    "universal" the most. A constant signal is not changed.

    References
    ----------
    .. [1] D. L. Donoho, I. M. Johnstone, "Ideal spatial adaptation by wavelet shrinkage",
       Biometrika 81 (1994) 425-455. :doi:`10.1093/biomet/81.3.425`
    .. [2] D. L. Donoho, I. M. Johnstone, "Adapting to unknown smoothness via wavelet shrinkage",
       J. Am. Stat. Assoc. 90 (1995) 1200-1224. :doi:`10.1080/01621459.1995.10476626`
    .. [3] S. G. Chang, B. Yu, M. Vetterli, "Adaptive wavelet thresholding for image denoising and
       compression", IEEE Trans. Image Process. 9 (2000) 1532-1546. :doi:`10.1109/83.862633`
    .. [4] R. R. Coifman, D. L. Donoho, "Translation-invariant de-noising", in *Wavelets and
       Statistics*, Springer, 1995, 125-150. :doi:`10.1007/978-1-4612-2544-7_9`

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emg.preprocessing import WaveletDenoiser
    >>> t = np.linspace(-1, 1, 2000)
    >>> potential = np.exp(-((t / 0.1) ** 2)) * np.sin(20 * t)
    >>> noise = np.random.default_rng(0).normal(scale=0.1, size=t.size)
    >>> denoised = WaveletDenoiser().fit_transform((potential + noise)[np.newaxis])[0]
    >>> bool(np.std(denoised - potential) < 0.3 * np.std(noise))
    True
    """

    _keeps_equal_samples: ClassVar[bool] = False

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "wavelet": [str],
        "level": [Interval(Integral, 1, None, closed="left")],
        "threshold": [StrOptions({"universal", "sure", "bayes"})],
        "shrinkage": [StrOptions({"soft", "hard", "garrote"})],
        "noise": [StrOptions({"white", "correlated"})],
        "n_shifts": [Interval(Integral, 1, None, closed="left")],
    }

    def __init__(
        self,
        wavelet: str = "sym8",
        *,
        level: int = 5,
        threshold: Literal["universal", "sure", "bayes"] = "bayes",
        shrinkage: Literal["soft", "hard", "garrote"] = "soft",
        noise: Literal["white", "correlated"] = "white",
        n_shifts: int = 1,
    ):
        self.wavelet = wavelet
        self.level = level
        self.threshold = threshold
        self.shrinkage = shrinkage
        self.noise = noise
        self.n_shifts = n_shifts

    def _check_parameters(self, fs: float) -> None:
        import pywt

        names = pywt.wavelist(kind="discrete")
        if self.wavelet not in names:
            raise ValueError(
                "The 'wavelet' parameter of WaveletDenoiser must name a discrete wavelet of "
                f"PyWavelets. Got {self.wavelet!r} instead.{did_you_mean(self.wavelet, names)}"
            )

    def _transform_signals(self, signals: NDArray[np.floating], fs: float) -> NDArray[np.floating]:
        import pywt

        longest = pywt.dwt_max_level(signals.shape[-1], self.wavelet)
        level = min(self.level, longest)
        if level == 0:
            return signals.copy()
        total = np.zeros(signals.shape)
        for shift in range(self.n_shifts):
            # Mirrored samples in front of the signal shift it relative to the wavelet grid. Their
            # number is limited to the length of the signal.
            n_front = min(shift, signals.shape[-1])
            front = np.flip(signals[..., :n_front], axis=-1)
            delayed = np.concatenate([front, signals], axis=-1, dtype=np.float64)
            total += wavelet_denoise(
                delayed,
                wavelet=self.wavelet,
                level=level,
                threshold=self.threshold,
                shrinkage=self.shrinkage,
                noise=self.noise,
            )[..., n_front:]
        return (total / self.n_shifts).astype(signals.dtype, copy=False)
