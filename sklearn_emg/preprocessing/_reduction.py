"""Downsampling that preserves peaks."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from sklearn_emg._sklearn import Interval, Real, StrOptions
from sklearn_emg._validation import require
from sklearn_emg.base import SignalTransformer

_DOWNSAMPLERS = {
    "minmax": "MinMaxDownsampler",
    "m4": "M4Downsampler",
    "lttb": "LTTBDownsampler",
    "minmaxlttb": "MinMaxLTTBDownsampler",
}


class ShapeReducer(SignalTransformer):
    """Keep a subset of the samples that preserves the plotted shape of the signal.

    A resampler lowers the peaks of narrow potentials, whereas this class keeps them. The remaining
    samples are not evenly spaced. They are suitable for plots, for networks that take waveforms and
    for measuring amplitudes, but not for spectra or filters.

    Parameters
    ----------
    factor : float, default=10.0
        Ratio of the number of samples before reduction to the number after it.
    method : {"minmax", "m4", "lttb", "minmaxlttb"}, default="minmax"
        Method of selecting samples. "minmax" keeps the lowest and the highest sample of each
        stretch; "m4" also keeps the first and the last. "lttb" keeps the sample that forms the
        largest triangle with the sample kept before it and the mean of the next stretch.
        "minmaxlttb" applies "lttb" after "minmax".

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
        If a signal contains NaN.
    ImportError
        If tsdownsample (extra ``reduce``) is not installed.

    See Also
    --------
    Resampler : Returns evenly spaced samples.

    Notes
    -----
    Of :math:`n` samples, :math:`4 \\lfloor n / (4\\,factor) \\rfloor` remain, but at least 4. A
    signal that already has no more samples than that is not changed. "m4" repeats a sample that is,
    for instance, both the first and the lowest of its stretch. The ``fs`` column of a table becomes
    ``fs / factor``, the mean rate.

    References
    ----------
    J. Van Der Donckt, J. Van Der Donckt, S. Van Hoecke, "tsdownsample: High-performance time
    series downsampling for scalable visualization", SoftwareX 29 (2025) 102045.
    :doi:`10.1016/j.softx.2025.102045`

    S. Steinarsson, *Downsampling Time Series for Visual Representation*, Master's thesis,
    University of Iceland, 2013.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emg.preprocessing import ShapeReducer
    >>> X = np.zeros((1, 1000))
    >>> X[0, 123] = 5.0  # a potential of one sample
    >>> reduced = ShapeReducer(50.0).fit_transform(X)
    >>> reduced.shape, float(reduced.max())
    ((1, 20), 5.0)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "factor": [Interval(Real, 1, None, closed="left")],
        "method": [StrOptions(set(_DOWNSAMPLERS))],
    }

    def __init__(
        self,
        factor: float = 10.0,
        *,
        method: Literal["minmax", "m4", "lttb", "minmaxlttb"] = "minmax",
    ):
        self.factor = factor
        self.method = method

    def _fs_out(self, fs: float) -> float:
        return fs / self.factor

    def _transform_signals(self, signals: NDArray[np.floating], fs: float) -> NDArray[np.floating]:
        tsdownsample = require("tsdownsample", "ShapeReducer", "reduce")
        n_times = signals.shape[-1]
        # All methods accept a multiple of 4 as output length; M4 keeps four samples of each
        # stretch.
        n_out = max(4 * int(n_times / self.factor / 4), 4)
        if n_out >= n_times:
            return signals.copy()
        downsampler = getattr(tsdownsample, _DOWNSAMPLERS[self.method])()
        flat = np.ascontiguousarray(signals.reshape(-1, n_times))
        kept = [row[np.sort(downsampler.downsample(row, n_out=n_out))] for row in flat]
        return np.stack(kept).reshape(*signals.shape[:-1], n_out)
