"""Images of plotted windows."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from sklearn_emg._sklearn import Integral, Interval
from sklearn_emg._tables import counted
from sklearn_emg.feature_extraction._time_frequency import ImageTransformer


class WaveformImage(ImageTransformer):
    """Binary image of a window that is plotted as a line from left to right.

    Parameters
    ----------
    height, width : int, default=128
        Height and width of the image in pixels.
    limits : tuple of (low, high), default=None
        Amplitudes in mV at the lower and the upper edge; values outside are drawn at the edge. By
        default, the image of each window spans its own minimum to maximum, as in a plot with
        automatic axes, so that the amplitude is lost.
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
        If `limits` is not a pair with low < high, or windows have fewer than two samples.

    Notes
    -----
    The samples are joined by straight lines. A pixel is 1 if the line passes through its column at
    its height (to the nearest row), and 0 otherwise. Row 0 is the upper edge. The first sample is
    at the left edge and the last sample at the right edge. If `limits` is None, a constant window
    is a line at half height. Nam et al. use plotted waveforms as the input of Inception-v4; see
    ``sklearn_emg.papers``.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emg.feature_extraction import WaveformImage
    >>> image = WaveformImage(height=3, width=4).fit_transform([[0.0, 2.0, 0.0]])
    >>> image[0, 0].astype(int)
    array([[0, 1, 1, 0],
           [1, 1, 1, 1],
           [1, 0, 0, 1]])
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "height": [Interval(Integral, 2, None, closed="left")],
        "width": [Interval(Integral, 2, None, closed="left")],
        "limits": ["array-like", None],
        "n_jobs": [Integral, None],
    }

    def __init__(
        self,
        height: int = 128,
        width: int = 128,
        *,
        limits: tuple[float, float] | None = None,
        n_jobs: int | None = None,
    ):
        self.height = height
        self.width = width
        self.limits = limits
        self.n_jobs = n_jobs

    def _check_parameters(self, fs: float) -> None:
        if self.limits is not None and (
            np.shape(self.limits) != (2,) or not self.limits[0] < self.limits[1]
        ):
            raise ValueError(
                "The 'limits' parameter of WaveformImage must be a pair in mV with low < high. "
                f"Got {self.limits!r} instead."
            )

    def _image_shape(self, n_times: int) -> tuple[int, int, int]:
        if n_times < 2:
            raise ValueError(
                f"Windows of {counted(n_times, 'sample')} (n_features={n_times}) are too short for "
                "WaveformImage: a line needs at least 2."
            )
        return 1, self.height, self.width

    def _images(self, X: NDArray[np.floating], fs: float) -> NDArray[np.floating]:
        low, high = _column_extremes(X, self.width)
        if self.limits is None:
            bottom, top = X.min(axis=1, keepdims=True), X.max(axis=1, keepdims=True)
            flat = top == bottom
            bottom, top = np.where(flat, -1, bottom), np.where(flat, 1, top)
            low, high = np.where(flat, 0, low), np.where(flat, 0, high)
        else:
            bottom, top = self.limits
        scale = (self.height - 1) / (top - bottom)
        first, last = (
            np.rint(np.clip((top - edge) * scale, 0, self.height - 1)) for edge in (high, low)
        )
        rows = np.arange(self.height)[:, np.newaxis]
        drawn = (rows >= first[:, np.newaxis]) & (rows <= last[:, np.newaxis])
        return drawn[:, np.newaxis].astype(np.float32)


def _column_extremes(X: NDArray[np.floating], width: int) -> tuple[NDArray, NDArray]:
    """Find the lowest and highest point, in each column, of the line through the samples."""
    n_times = X.shape[1]
    position = np.arange(width + 1) * ((n_times - 1) / width)
    left = np.minimum(position.astype(int), n_times - 2)
    part = (position - left).astype(X.dtype)
    edges = X[:, left] * (1 - part) + X[:, left + 1] * part
    low = np.minimum(edges[:, :-1], edges[:, 1:])
    high = np.maximum(edges[:, :-1], edges[:, 1:])
    # Samples inside each column; columns narrower than one sample may have none.
    start = np.ceil(position[:-1]).astype(int)
    inside = np.append(start[1:], n_times) > start
    np.minimum(low, np.minimum.reduceat(X, start, axis=1), out=low, where=inside)
    np.maximum(high, np.maximum.reduceat(X, start, axis=1), out=high, where=inside)
    return low, high
