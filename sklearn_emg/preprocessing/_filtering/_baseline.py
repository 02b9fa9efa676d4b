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
    """Least-squares polynomial of each signal.

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
    """Moving median, at every eighth of its length and along straight lines between.

    Parameters
    ----------
    signals : ndarray of shape (..., n_times)
    n_median : int
        Length of the median in samples; no more than there are is used.

    Returns
    -------
    baseline : ndarray of shape (..., n_times)
    """
    n_times = signals.shape[-1]
    size = min(n_median, n_times)
    hop = max(size // 8, 1)
    starts = np.arange(0, n_times - size + 1, hop)
    stretches = [(s, s + size) for s in starts]
    # Shorter and shorter towards the ends, where a drift would otherwise be taken for constant.
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
    """Remove an offset or a slow drift, by subtraction of what is fitted to the baseline.

    Parameters
    ----------
    method : {"mean", "median", "polynomial", "moving_median"}, default="moving_median"
        "mean" and "median" remove an offset, "polynomial" a trend of the given `degree`,
        "moving_median" whatever the median over `window` seconds follows.
    window : float, default=0.2
        Length of the moving median in seconds: many times a motor unit potential, so that
        potentials do not count.
    degree : int, default=1
        Of the polynomial.
    fs : float, default=None
        Sampling rate of arrays in Hz, for "moving_median" only. A recording table brings its own.

    Attributes
    ----------
    n_features_in_ : int
        Second axis of the windows seen in ``fit``. Not set by a table.
    n_times_in_ : int or None
        Samples per window seen in ``fit``; None after a table.

    Raises
    ------
    ValueError
        If an array comes without `fs` where it is needed, or a signal holds NaN.

    See Also
    --------
    HighpassFilter : Linear, with an exact corner.

    Notes
    -----
    A median is not drawn by potentials, however large, as long as they fill less than half of its
    window. It leaves the shape of potentials as it is, where a high-pass filter gives each a tail
    of the other sign. The moving median is computed at every eighth of `window`, with straight
    lines between, and over shorter stretches at the ends. It follows what is slower than about
    ``0.3 / window`` Hz; against faster wander a high-pass filter does more.

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
