"""Fewer samples with the peaks kept."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from sklearn_emg._sklearn import Interval, Real, StrOptions
from sklearn_emg.base import SignalTransformer

__all__ = ["ShapeReducer"]

_DOWNSAMPLERS = {
    "minmax": "MinMaxDownsampler",
    "m4": "M4Downsampler",
    "lttb": "LTTBDownsampler",
    "minmaxlttb": "MinMaxLTTBDownsampler",
}


class ShapeReducer(SignalTransformer):
    """Keep a part of the samples, chosen so that the picture of the signal stays the same.

    A resampler averages narrow potentials away; this keeps their peaks. The samples that remain are
    not evenly spaced: use them for plots, for networks on wave shapes and for amplitudes, but not
    for spectra or filters.

    Parameters
    ----------
    factor : float, default=10.0
        How many times fewer samples.
    method : {"minmax", "m4", "lttb", "minmaxlttb"}, default="minmax"
        "minmax" keeps the lowest and the highest sample of each stretch, "m4" also the first and
        the last, "lttb" the one that makes the largest triangle with its neighbours, "minmaxlttb"
        runs the latter on what the first leaves.

    Attributes
    ----------
    n_features_in_ : int
        Second axis of the windows seen in ``fit``. Not set by a table.
    n_times_in_ : int or None
        Samples per window seen in ``fit``; None after a table.

    Raises
    ------
    ValueError
        If a signal holds NaN.

    See Also
    --------
    Resampler : Evenly spaced samples.

    Notes
    -----
    Of :math:`n` samples :math:`4 \\lfloor n / (4\\,factor) \\rfloor` stay, at least 4; a signal
    that has no more stays as it is. "m4" repeats a sample that is, say, both the first and the
    lowest. The ``fs`` column of a table becomes ``fs / factor``, the mean rate.

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
        try:
            import tsdownsample
        except ImportError as error:
            raise ImportError(
                "ShapeReducer needs tsdownsample: pip install 'sklearn-emg[reduce]'."
            ) from error

        n_times = signals.shape[-1]
        # A multiple of 4 suits all methods: M4 keeps four samples of each stretch.
        n_out = max(4 * int(n_times / self.factor / 4), 4)
        if n_out >= n_times:
            return signals.copy()
        downsampler = getattr(tsdownsample, _DOWNSAMPLERS[self.method])()
        flat = np.ascontiguousarray(signals.reshape(-1, n_times))
        kept = [row[np.sort(downsampler.downsample(row, n_out=n_out))] for row in flat]
        return np.stack(kept).reshape(*signals.shape[:-1], n_out)
