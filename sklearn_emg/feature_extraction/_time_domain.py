"""Time-domain features: amplitude, differences, counts, moments and turns."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from sklearn_emg._sklearn import POSITIVE, Integral, Interval, Real, StrOptions
from sklearn_emg._validation import did_you_mean
from sklearn_emg.base import FeatureExtractor
from sklearn_emg.feature_extraction._blocks import map_rows
from sklearn_emg.feature_extraction._info import check_features, check_min_n_times
from sklearn_emg.feature_extraction._kernels.sums import (
    CENTRED,
    COUNT,
    JUMP,
    L_SCALE,
    N_TIME_SUMS,
    TIME_SUMS,
)
from sklearn_emg.feature_extraction._time_features import (
    FEATURES,
    TIME_FEATURES,
    NamedSums,
    TimeSums,
)

#: Longest window, in samples, that NumPy sorts in less time than the kernel needs for its buckets.
_SORTED_BY_NUMPY = 256

_THRESHOLDS = ("zc", "ssc", "wamp", "myop")
_DEFAULT_THRESHOLD = 0.01


class TimeDomainFeatures(FeatureExtractor):
    """Features of the waveform, from the mean absolute value to turns per second.

    Compiled code computes all requested features in short passes over one window that stays in the
    cache. Each row of the output depends only on its own window.

    Parameters
    ----------
    features : "all" or list of str, default=("mav", "zc", "ssc", "wl")
        Names of the features, in the order of the output; the default is the set of Hudgins et al.
        [2]_. :func:`feature_table` lists the formula, unit and source of each.
    thresholds : float or dict of str to float, default=0.01
        Smallest change that counts as a zero crossing (``zc``), as a slope sign change (``ssc``) or
        in the Willison amplitude (``wamp``), and smallest magnitude that counts in the myopulse
        percentage rate (``myop``). A number applies to all four; a dict contains thresholds by
        name, and 0.01 applies to missing names. A value equal to the threshold counts.
    threshold_unit : {"mV", "noise"}, default="mV"
        Unit of `thresholds`: mV, or multiples of the noise level of the window,
        ``median(|x_i|) / 0.6745``, which estimates the standard deviation of Gaussian noise and is
        little affected by spikes.
    turn_threshold : float, default=0.1
        Minimum amplitude change of a turn in mV; the default of 100 uV is the clinical convention.
    v_order : float, default=3
        Exponent v of the ``v_order`` detector.
    n_segments : int, default=3
        Number of segments for ``mavslp``, which has ``n_segments - 1`` values.
    n_bins : int, default=9
        Number of bins of the histogram (``hist``).
    hist_range : float, default=None
        Half the width in mV of the histogram, which is then centred at 0. By default, the histogram
        spans three standard deviations on either side of the mean of the window.
    fs : float, default=None
        Sampling rate in Hz. It is required for ``turns`` of arrays; a recording table contains its
        own.
    n_jobs : int, default=None
        Number of threads that process blocks of windows. None means 1 unless a
        `joblib.parallel_config` context is active; -1 means all processors.

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
    TypeError
        If a threshold is not a number.
    ValueError
        If a feature or a key of `thresholds` is unknown, a threshold is negative, the sampling rate
        that ``turns`` requires is missing, or windows are too short for a feature.

    See Also
    --------
    AutoregressiveFeatures : Coefficients of a linear predictor.
    ComplexityFeatures : Entropies and fractal dimensions.

    Notes
    -----
    Definitions in the literature and in other software differ. This class uses the following:

    - A sample of exactly zero has no sign. A zero crossing is a change of sign between neighbours,
      or between the samples before and after a run of zeros. If these two samples have the same
      sign, there is no crossing.
    - A slope sign change is a strict extremum; plateaus do not count. Its threshold is in mV, not
      mV².
    - Thresholds apply to neighbouring samples, whose differences become smaller as the sampling
      rate rises: a signal has fewer counts at a higher rate, down to none.
    - Counts (``zc``, ``ssc``, ``wamp``) and sums (``wl``, ``iemg``, ``ssi``) are not divided by the
      length of the window. A sum over no samples, such as ``ssc`` of two samples, is 0.
    - Skewness, kurtosis, mobility and complexity of a constant window are 0; its ``mfl`` is -12.

    Float32 windows give float32 features; long sums are accumulated in float64.

    References
    ----------
    .. [1] A. Phinyomark, P. Phukpattaranont, C. Limsakul. Feature reduction and selection for EMG
       signal classification. Expert Systems with Applications 39 (2012) 7420-7431.
    .. [2] B. Hudgins, P. Parker, R. Scott. A new strategy for multifunction myoelectric control.
       IEEE Trans. Biomed. Eng. 40 (1993) 82-94.
    .. [3] R. Willison. Analysis of electrical activity in healthy and dystrophic muscle in man.
       J. Neurol. Neurosurg. Psychiatry 27 (1964) 386-394.

    Examples
    --------
    >>> from sklearn_emg.feature_extraction import TimeDomainFeatures
    >>> extractor = TimeDomainFeatures(["mav", "zc", "wl"], thresholds=0.5)
    >>> extractor.fit_transform([[1.0, -1.0, 0.0, 2.0], [3.0, 3.0, 3.0, 3.0]])
    array([[1., 2., 5.],
           [3., 0., 0.]])
    >>> extractor.get_feature_names_out()
    array(['mav', 'zc', 'wl'], dtype=object)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "features": [StrOptions({"all"}), list, tuple],
        "thresholds": [Interval(Real, 0, None, closed="left"), dict],
        "threshold_unit": [StrOptions({"mV", "noise"})],
        "turn_threshold": [POSITIVE],
        "v_order": [Interval(Real, 1, None, closed="left")],
        "n_segments": [Interval(Integral, 2, None, closed="left")],
        "n_bins": [Interval(Integral, 2, None, closed="left")],
        "hist_range": [POSITIVE, None],
        "fs": [POSITIVE, None],
        "n_jobs": [Integral, None],
    }

    def __init__(
        self,
        features: Literal["all"] | Iterable[str] = ("mav", "zc", "ssc", "wl"),
        *,
        thresholds: float | Mapping[str, float] = _DEFAULT_THRESHOLD,
        threshold_unit: Literal["mV", "noise"] = "mV",
        turn_threshold: float = 0.1,
        v_order: float = 3,
        n_segments: int = 3,
        n_bins: int = 9,
        hist_range: float | None = None,
        fs: float | None = None,
        n_jobs: int | None = None,
    ):
        self.features = features
        self.thresholds = thresholds
        self.threshold_unit = threshold_unit
        self.turn_threshold = turn_threshold
        self.v_order = v_order
        self.n_segments = n_segments
        self.n_bins = n_bins
        self.hist_range = hist_range
        self.fs = fs
        self.n_jobs = n_jobs

    def _names(self) -> list[str]:
        return check_features(self.features, FEATURES, self._caller)

    def _needs_fs(self) -> bool:
        return "turns" in self._names()

    def _check_parameters(self, fs: float) -> None:
        self._names()
        self._threshold_values()

    def _threshold_values(self) -> list[float]:
        if not isinstance(self.thresholds, Mapping):
            return [float(self.thresholds)] * len(_THRESHOLDS)
        name = self._caller
        for key, value in self.thresholds.items():
            if key not in _THRESHOLDS:
                raise ValueError(
                    f"The 'thresholds' parameter of {name} has the unknown key {key!r}. Known keys "
                    f"are: {', '.join(_THRESHOLDS)}.{did_you_mean(key, _THRESHOLDS)}"
                )
            if isinstance(value, bool) or not isinstance(value, (int, float, np.number)):
                raise TypeError(
                    f"The 'thresholds' parameter of {name} must contain numbers. Got {value!r} for "
                    f"{key!r} instead."
                )
            if not value >= 0:
                raise ValueError(
                    f"The 'thresholds' parameter of {name} must not be negative. Got {value!r} for "
                    f"{key!r} instead."
                )
        return [float(self.thresholds.get(key, _DEFAULT_THRESHOLD)) for key in _THRESHOLDS]

    def _shortest(self, fs: float) -> dict[str, int]:
        needed = {name: FEATURES[name].min_n_times for name in self._names()}
        if "mavslp" in needed:
            needed["mavslp"] = self.n_segments
        return needed

    def _check_length(self, n_times: int, fs: float) -> None:
        check_min_n_times(n_times, self._shortest(fs), self._caller)

    def _feature_names(self) -> list[str]:
        several = {"mavslp": self.n_segments - 1, "hist": self.n_bins}
        names: list[str] = []
        for name in self._names():
            if name in several:
                names.extend(f"{name}_{k + 1}" for k in range(several[name]))
            else:
                names.append(name)
        return names

    def _extract(self, X: NDArray[np.floating], fs: float) -> NDArray[np.floating]:
        names = self._names()
        n_values = len(self._feature_names())
        return map_rows(lambda rows: self._row_values(rows, names, fs), X, n_values, self.n_jobs)

    def from_sums(self, sums: Callable[[str], Any], n_times: int, fs: float | None) -> list[Any]:
        """Compute the features from given sums over the samples of each window.

        The formulas use only arithmetic and NumPy functions, so the sums need not be arrays: the
        export to ONNX passes symbols.

        Parameters
        ----------
        sums : callable
            Function that takes the name of a sum, such as ``"abs"`` for the sum of absolute values
            (see ``_kernels/sums.py``), ``"bins"`` or ``"segments"``, and returns it for all
            windows.
        n_times : int
            Number of samples in a window.
        fs : float or None
            Sampling rate in Hz, which is required for "turns".

        Returns
        -------
        values : list
            Values of each feature in `features`; "hist" and "mavslp" have several columns.
        """
        rate = float("nan") if fs is None else fs
        given = NamedSums(sums, n_times, rate, float(self.v_order), self.n_bins)
        return [TIME_FEATURES[name].value(given) for name in self._names()]

    def threshold_values(self) -> dict[str, float]:
        """Return the thresholds by name.

        Returns
        -------
        thresholds : dict of str to float
            Thresholds of "zc", "ssc", "wamp" and "myop" in the unit given by `threshold_unit`.
        """
        return dict(zip(_THRESHOLDS, self._threshold_values()))

    def _row_values(
        self, rows: NDArray[np.floating], names: list[str], fs: float
    ) -> NDArray[np.floating]:
        groups = functools.reduce(lambda bits, name: bits | TIME_FEATURES[name].groups, names, 0)
        table = self._row_sums(rows, groups)
        sums = TimeSums(table, rows.shape[1], fs, float(self.v_order), self.n_bins)
        # The values of one feature are contiguous until all features are computed.
        features = np.empty((len(self._feature_names()), len(rows)), dtype=rows.dtype)
        first = 0
        for name in names:
            value = TIME_FEATURES[name].value(sums).T.reshape(-1, len(rows))
            features[first : first + len(value)] = value
            first += len(value)
        return features.T

    def _row_sums(self, rows: NDArray[np.floating], groups: int) -> NDArray[np.float64]:
        from sklearn_emg.feature_extraction._kernels.l_moments import l_sums
        from sklearn_emg.feature_extraction._kernels.time import time_domain_sums

        n_rows, n_times = rows.shape
        thresholds = np.array([self._threshold_values()], dtype=rows.dtype)
        if self.threshold_unit == "noise" and groups & (COUNT | JUMP):
            noise = np.median(np.abs(rows), axis=1, keepdims=True) / rows.dtype.type(0.6745)
            thresholds = thresholds * noise
        # NumPy sorts short windows in vector registers; the kernel uses buckets for long ones.
        sort = bool(groups & L_SCALE) and n_times <= _SORTED_BY_NUMPY
        n_sums = N_TIME_SUMS + self.n_bins + self.n_segments
        if groups < 2 * CENTRED:
            # Only the first rows are needed.
            n_sums = TIME_SUMS["dd2"]
        out = np.empty((n_sums, n_rows))
        time_domain_sums(
            rows,
            rows.view(f"i{rows.itemsize}"),
            groups & ~L_SCALE if sort else groups,
            thresholds,
            rows.dtype.type(self.turn_threshold),
            float(self.v_order),
            self.n_bins,
            0.0 if self.hist_range is None else float(self.hist_range),
            self.n_segments,
            out,
        )
        if groups & L_SCALE:
            sums = out[TIME_SUMS["l_sum"]]
            # The kernel returns NaN for windows in which a huge sample crowds the others together.
            unsorted = np.arange(n_rows) if sort else np.flatnonzero(np.isnan(sums))
            for start in range(0, len(unsorted), 256):
                block = unsorted[start : start + 256]
                part = rows[block]
                part.sort(axis=1)
                values = np.empty(len(part))
                l_sums(part, values)
                sums[block] = values
        return out
