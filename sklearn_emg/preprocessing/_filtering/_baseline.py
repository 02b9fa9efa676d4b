"""Removal of offsets and slow drift."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from sklearn_emg._sklearn import Integral, Interval, Real, StrOptions
from sklearn_emg.base import SignalTransformer

__all__ = ["BaselineRemover"]

_POSITIVE = Interval(Real, 0, None, closed="neither")


def polynomial_baseline(signals: NDArray[np.floating], degree: int) -> NDArray[np.float64]:
    """Fit a polynomial to each signal by least squares.

    Parameters
    ----------
    signals : ndarray of shape (..., n_times)
    degree : int

    Returns
    -------
    baseline : ndarray of shape (..., n_times)
    """
    n_times = signals.shape[-1]
    # Legendre polynomials on [-1, 1]: powers of the time would be nearly collinear.
    basis = np.polynomial.legendre.legvander(
        np.linspace(-1, 1, n_times) if n_times > 1 else np.zeros(1), min(degree, n_times - 1)
    )
    orthonormal, _ = np.linalg.qr(basis)
    return (signals @ orthonormal) @ orthonormal.T


def median_baseline(signals: NDArray[np.floating], n_median: int) -> NDArray[np.float64]:
    """Compute a moving median at every eighth of its length, with linear interpolation between.

    Parameters
    ----------
    signals : ndarray of shape (..., n_times)
    n_median : int
        Length of the median in samples, at most the length of the signal.

    Returns
    -------
    baseline : ndarray of shape (..., n_times)
    """
    n_times = signals.shape[-1]
    size = min(n_median, n_times)
    hop = max(size // 8, 1)
    starts = np.arange(0, n_times - size + 1, hop)
    stretches = [(s, s + size) for s in starts]
    # Stretches become shorter towards the ends; the baseline would otherwise be constant there.
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
    """Remove an offset or a slow drift, by subtraction of an estimated baseline.

    Parameters
    ----------
    method : {"mean", "median", "polynomial", "moving_median"}, default="moving_median"
        Estimate of the baseline: "mean" and "median" remove an offset, "polynomial" a trend of the
        given `degree`, "moving_median" the median over `window` seconds.
    window : float, default=0.2
        Length of the moving median in seconds. It should be many times that of a motor unit
        potential, so that potentials do not change the median.
    degree : int, default=1
        Degree of the polynomial.
    fs : float, default=None
        Sampling rate of arrays in Hz, for "moving_median" only. A recording table contains its own.

    Attributes
    ----------
    n_features_in_ : int
        Size of the second axis of the windows seen in ``fit``; not set for a table.
    n_times_in_ : int or None
        Number of samples per window seen in ``fit``; None after a table.

    Raises
    ------
    ValueError
        If an array comes without `fs` where it is needed, or a signal holds NaN.

    See Also
    --------
    HighpassFilter : Is linear and has a defined corner frequency.

    Notes
    -----
    Potentials of any size change a median little if they fill less than half of its window. Its
    subtraction preserves the shape of potentials, whereas a high-pass filter adds a tail of
    opposite sign to each. The moving median is computed at every eighth of `window`, with linear
    interpolation between, and over shorter stretches at the ends. It follows drift below about
    ``0.3 / window`` Hz; a high-pass filter removes more of faster drift.

    Examples
    --------
    >>> from sklearn_emg.preprocessing import BaselineRemover
    >>> BaselineRemover("median").fit_transform([[2.0, 2.0, 9.0, 2.0]])
    array([[0., 0., 7., 0.]])
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "method": [StrOptions({"mean", "median", "polynomial", "moving_median"})],
        "window": [_POSITIVE],
        "degree": [Interval(Integral, 0, None, closed="left")],
        "fs": [_POSITIVE, None],
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
