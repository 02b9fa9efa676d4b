"""catch22: 22 canonical characteristics of a time series."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from joblib import Parallel, delayed, effective_n_jobs
from numpy.typing import NDArray

from sklearn_emg._sklearn import Integral
from sklearn_emg._validation import require
from sklearn_emg.base import FeatureExtractor

# Short names of the publication, in the order of pycatch22.
_NAMES = (
    "mode_5",
    "mode_10",
    "outlier_timing_pos",
    "outlier_timing_neg",
    "acf_timescale",
    "acf_first_min",
    "low_freq_power",
    "median_freq",
    "forecast_error",
    "whiten_timescale",
    "high_fluctuation",
    "stretch_high",
    "stretch_decreasing",
    "entropy_pairs",
    "ami2",
    "trev",
    "ami_timescale",
    "transition_variance",
    "periodicity",
    "embedding_dist",
    "rs_range",
    "dfa",
)


class Catch22Features(FeatureExtractor):
    """The 22 canonical time-series characteristics (catch22), and mean and standard deviation.

    Parameters
    ----------
    amplitude : bool, default=True
        Whether the mean and the standard deviation of the window in mV are added ("catch24"). The
        22 other features do not depend on them.
    n_jobs : int, default=None
        Number of processes. None means 1 unless a `joblib.parallel_config` context is active; -1
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
    ImportError
        If pycatch22 is not installed (extra ``catch22``).

    Notes
    -----
    Windows are standardised before the 22 characteristics are computed, as in the publication. A
    characteristic that is undefined is 0, and so are all 22 for a constant window.

    References
    ----------
    C. H. Lubba et al., "catch22: CAnonical Time-series CHaracteristics", Data Min. Knowl. Discov.
    33 (2019) 1821-1852. :doi:`10.1007/s10618-019-00647-x`

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emg.feature_extraction import Catch22Features
    >>> X = np.random.default_rng(0).normal(size=(3, 200))
    >>> extractor = Catch22Features()
    >>> extractor.fit_transform(X).shape
    (3, 24)
    >>> extractor.get_feature_names_out()[[0, 7, 23]].tolist()
    ['mode_5', 'median_freq', 'std']
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "amplitude": ["boolean"],
        "n_jobs": [Integral, None],
    }

    def __init__(self, amplitude: bool = True, *, n_jobs: int | None = None):
        self.amplitude = amplitude
        self.n_jobs = n_jobs

    def _feature_names(self) -> list[str]:
        return [*_NAMES, *(("mean", "std") if self.amplitude else ())]

    def _extract(self, X: NDArray[np.floating], fs: float) -> NDArray[np.floating]:
        require("pycatch22", "Catch22Features", "catch22")
        rows = X.reshape(-1, X.shape[-1])
        n_blocks = min(effective_n_jobs(self.n_jobs), len(rows))
        parts = Parallel(n_jobs=self.n_jobs)(
            delayed(_characteristics)(block) for block in np.array_split(rows, n_blocks)
        )
        values = np.concatenate(parts)
        if self.amplitude:
            values = np.column_stack([values, rows.mean(axis=1), rows.std(axis=1)])
        return values.astype(X.dtype).reshape(*X.shape[:2], -1)


def _characteristics(rows: NDArray[np.floating]) -> NDArray[np.float64]:
    """Compute the 22 characteristics of each row."""
    import pycatch22

    values = np.zeros((len(rows), len(_NAMES)))
    for row, signal in zip(values, rows.astype(np.float64)):
        if np.ptp(signal) > 0:
            standard = ((signal - signal.mean()) / signal.std()).tolist()
            row[:] = pycatch22.catch22_all(standard)["values"]
    return np.where(np.isfinite(values), values, 0.0)
