"""Removal of offsets and slow drift."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from sklearn_emg._sklearn import POSITIVE, Integral, Interval, StrOptions
from sklearn_emg.base import SignalTransformer


def polynomial_baseline(signals: NDArray[np.floating], degree: int) -> NDArray[np.float64]:
    """Fit a polynomial to each signal (last axis) by least squares; return its values."""
    n_times = signals.shape[-1]
    # Legendre polynomials on [-1, 1] are used, since powers of time would be nearly collinear.
    basis = np.polynomial.legendre.legvander(
        np.linspace(-1, 1, n_times) if n_times > 1 else np.zeros(1), min(degree, n_times - 1)
    )
    orthonormal, _ = np.linalg.qr(basis)
    return (signals @ orthonormal) @ orthonormal.T


def median_baseline(signals: NDArray[np.floating], n_median: int) -> NDArray[np.float64]:
    """Compute a moving median at intervals of an eighth of its window, and interpolate.

    Parameters
    ----------
    signals : ndarray of shape (..., n_times)
        Signals.
    n_median : int
        Length of the stretches in samples. It is limited to the length of the signals.

    Returns
    -------
    baseline : ndarray of shape (..., n_times)
        Interpolated medians.
    """
    n_times = signals.shape[-1]
    size = min(n_median, n_times)
    hop = max(size // 8, 1)
    starts = np.arange(0, n_times - size + 1, hop)
    stretches = [(s, s + size) for s in starts]
    # Shorter stretches are added at the ends, where the baseline would otherwise be constant.
    for part in (size // 2, size // 4):
        if part > 0:
            stretches = [(0, part), *stretches, (n_times - part, n_times)]
    stretches.sort(key=sum)
    medians = np.stack([np.median(signals[..., a:b], axis=-1) for a, b in stretches], axis=-1)
    centres = np.array([(a + b - 1) / 2 for a, b in stretches])
    times = np.arange(n_times)
    flat = medians.reshape(-1, len(stretches))
    lines = [np.interp(times, centres, row) for row in flat]
    return np.stack(lines).reshape(signals.shape)


class BaselineRemover(SignalTransformer):
    """Remove an offset or a slow drift by subtracting an estimated baseline.

    Parameters
    ----------
    method : {"mean", "median", "polynomial", "moving_median"}, default="moving_median"
        Estimate of the baseline. "mean" and "median" remove an offset, "polynomial" removes a
        polynomial trend of the given `degree`, and "moving_median" removes the median over `window`
        seconds.
    window : float, default=0.2
        Length of the window of the moving median in seconds. It should be many times the duration
        of a motor unit potential, so that potentials do not affect the median.
    degree : int, default=1
        Degree of the polynomial, for "polynomial".
    fs : float, default=None
        Sampling rate of arrays in Hz, for "moving_median" only. A recording table contains its own
        sampling rates.

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
        If `fs` is missing for an array although it is needed, or a signal contains NaN.

    See Also
    --------
    HighpassFilter : A linear filter with a defined corner frequency.

    Notes
    -----
    Potentials of any size hardly affect a median if they fill less than half of its window.
    Subtracting the median preserves the shape of potentials, whereas a high-pass filter adds a tail
    of opposite sign to each of them. The moving median is computed at intervals of an eighth of
    `window`, over shorter stretches at the ends, and interpolated linearly. It follows drift below
    about ``0.3 / window`` Hz. A high-pass filter removes more of the faster drift.

    Examples
    --------
    >>> from sklearn_emg.preprocessing import BaselineRemover
    >>> BaselineRemover("median").fit_transform([[2.0, 2.0, 9.0, 2.0]])
    array([[0., 0., 7., 0.]])
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "method": [StrOptions({"mean", "median", "polynomial", "moving_median"})],
        "window": [POSITIVE],
        "degree": [Interval(Integral, 0, None, closed="left")],
        "fs": [POSITIVE, None],
    }

    def __init__(
        self,
        method: Literal["mean", "median", "polynomial", "moving_median"] = "moving_median",
        *,
        window: float = 0.2,
        degree: int = 1,
        fs: float | None = None,
    ):
        self.method = method
        self.window = window
        self.degree = degree
        self.fs = fs

    def _needs_fs(self) -> bool:
        return self.method == "moving_median"

    def _transform_signals(self, signals: NDArray[np.floating], fs: float) -> NDArray[np.floating]:
        if self.method == "mean":
            baseline = signals.mean(axis=-1, keepdims=True, dtype=np.float64)
        elif self.method == "median":
            baseline = np.median(signals, axis=-1, keepdims=True)
        elif self.method == "polynomial":
            baseline = polynomial_baseline(signals.astype(np.float64), self.degree)
        else:
            baseline = median_baseline(signals, max(round(self.window * fs), 1))
        return (signals - baseline).astype(signals.dtype, copy=False)
