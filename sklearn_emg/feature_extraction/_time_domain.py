"""Time-domain features: amplitude, differences, counts, moments and turns."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sklearn_emg._sklearn import Integral, Interval, Real, StrOptions
from sklearn_emg.base import FeatureExtractor
from sklearn_emg.feature_extraction._blocks import map_rows
from sklearn_emg.feature_extraction._info import FeatureInfo, check_features, check_min_n_times

__all__ = ["FEATURES", "TimeDomainFeatures"]

_PHINYOMARK = (
    "Phinyomark, Phukpattaranont, Limsakul. Feature reduction and selection for EMG signal "
    "classification. Expert Syst. Appl. 39 (2012) 7420-7431"
)
_HUDGINS = (
    "Hudgins, Parker, Scott. A new strategy for multifunction myoelectric control. IEEE Trans. "
    "Biomed. Eng. 40 (1993) 82-94"
)
_TOO = (
    "Too, Abdullah, Mohd Saad. Classification of hand movements based on discrete wavelet "
    "transform and enhanced feature extraction. Int. J. Adv. Comput. Sci. Appl. 10(6) (2019) 83-89"
)
_HJORTH = (
    "Hjorth. EEG analysis based on time domain properties. Electroencephalogr. Clin. "
    "Neurophysiol. 29 (1970) 306-310"
)
_KAISER = (
    "Kaiser. On a simple algorithm to calculate the 'energy' of a signal. Proc. ICASSP (1990) "
    "381-384"
)
_ARJUNAN = (
    "Arjunan, Kumar. Decoding subtle forearm flexions using fractal features of surface "
    "electromyogram from single and multiple sensors. J. NeuroEng. Rehabil. 7 (2010) 53"
)
_WILLISON = (
    "Willison. Analysis of electrical activity in healthy and dystrophic muscle in man. J. Neurol. "
    "Neurosurg. Psychiatry 27 (1964) 386-394"
)
_ZARDOSHTI = (
    "Zardoshti-Kermani, Wheeler, Badie, Hashemi. EMG feature evaluation for movement control of "
    "upper extremity prostheses. IEEE Trans. Rehabil. Eng. 3 (1995) 324-333"
)
_HOSKING = (
    "Hosking. L-moments: analysis and estimation of distributions using linear combinations of "
    "order statistics. J. R. Stat. Soc. B 52 (1990) 105-124"
)
_PATEL = (
    "Patel, Sunitha. Classification of neuromuscular disorders from EMG (2022), twelve features"
)
_STATISTICS = "textbook statistics"

_SUM_NAMES = (
    ("x", "abs", "x2", "d_abs", "d2", "d", "dd", "max", "min", "zc", "ssc", "wamp", "myop")
    + ("c2", "c3", "c4", "c_abs", "dd2", "tk", "tk2", "r2", "x3", "x4", "x5", "xv")
    + ("log", "n_log", "ewl", "mmav1", "mmav2", "l_sum", "turns", "turn_sum")
)
#: Row of each sum that the kernel writes; the histogram and the segments follow.
_SUMS = {name: row for row, name in enumerate(_SUM_NAMES)}
_N_SUMS = len(_SUMS)

# Bits of `_kernels_time`, repeated here because that module imports numba.
_RANGE, _COUNT, _JUMP, _CENTRED, _CURVATURE, _MOMENT, _LOG = (1 << bit for bit in range(7))
_ENHANCED, _MODIFIED, _TURNS, _L_SCALE, _HISTOGRAM, _SLOPE = (1 << bit for bit in range(7, 13))

#: Longest window that NumPy sorts faster than the kernel adds up its buckets, in samples.
_SORTED_BY_NUMPY = 256

#: Floor of the root in the maximum fractal length, in mV: a constant window has the value -12.
_MFL_FLOOR = 1e-12


class _Sums:
    """Sums of all windows by name, and what a feature needs besides."""

    def __init__(
        self, table: NDArray[np.float64], n: int, fs: float, v_order: float, n_bins: int
    ) -> None:
        self.table, self.n, self.fs, self.v_order, self.n_bins = table, n, fs, v_order, n_bins

    def __getitem__(self, name: str) -> NDArray[np.float64]:
        return self.table[_SUMS[name]]

    @functools.cached_property
    def mean(self):
        return self["x"] / self.n

    @functools.cached_property
    def mav(self):
        return self["abs"] / self.n

    @functools.cached_property
    def rms(self):
        return np.sqrt(self["x2"] / self.n)

    @functools.cached_property
    def flat(self):
        """Windows without a difference; two samples that are not equal always have one."""
        return self["d_abs"] == 0.0

    @functools.cached_property
    def variance(self):
        """Mean squared deviation from the mean, exactly 0 for a constant window."""
        return np.where(self.flat, 0.0, self["c2"] / self.n)

    @functools.cached_property
    def difference_variance(self):
        return self._variance_of_differences(self["d2"], self.n - 1, self["d"])

    @functools.cached_property
    def curvature_variance(self):
        return self._variance_of_differences(self["dd2"], self.n - 2, self["dd"])

    @staticmethod
    def _variance_of_differences(square, n: int, total):
        mean_square = square / max(n, 1)
        variance = mean_square - (total / max(n, 1)) ** 2
        # A straight line has differences that are equal but for rounding: that is no variance.
        return np.where(variance > 1e-12 * mean_square, variance, 0.0)


def _ratio(numerator, denominator):
    """Quotient, 0 where the denominator is 0."""
    return np.divide(numerator, denominator, out=np.zeros_like(numerator), where=denominator != 0.0)


def _hjorth_complexity(s: _Sums):
    mobility = np.sqrt(_ratio(s.difference_variance, s.variance))
    return _ratio(np.sqrt(_ratio(s.curvature_variance, s.difference_variance)), mobility)


def _log_detector(s: _Sums):
    return s.mav * np.exp(_ratio(s["log"], s["n_log"]))


def _teager_variance(s: _Sums):
    n = s.n - 2
    return np.maximum(s["tk2"] / n - (s["tk"] / n) ** 2, 0.0)


class _Feature(NamedTuple):
    info: FeatureInfo
    groups: int
    value: Callable[[_Sums], NDArray[np.float64]]


def _time(
    name: str,
    title: str,
    formula: str,
    unit: str,
    source: str,
    groups: int,
    value: Callable[[_Sums], NDArray[np.float64]],
    power: float | None = 0.0,
    min_n_times: int = 1,
) -> tuple[str, _Feature]:
    return name, _Feature(
        FeatureInfo(name, title, formula, unit, "time", source, min_n_times, power), groups, value
    )


_TABLE: dict[str, _Feature] = dict(
    [
        _time("mean", "Mean", "1/N sum x_i", "mV", _PATEL, 0, lambda s: s.mean, 1),
        _time("mav", "Mean absolute value", "1/N sum |x_i|", "mV", _HUDGINS, 0, lambda s: s.mav, 1),
        _time(
            "mmav1",
            "Modified mean absolute value, type 1",
            "1/N sum w_i |x_i|, w_i = 1 for 0.25 N <= i <= 0.75 N, else 0.5",
            "mV",
            _PHINYOMARK,
            _MODIFIED,
            lambda s: s["mmav1"] / s.n,
            1,
        ),
        _time(
            "mmav2",
            "Modified mean absolute value, type 2",
            "1/N sum w_i |x_i|, w_i = 1 for 0.25 N <= i <= 0.75 N, 4 i / N before and "
            "4 (N - i) / N behind (printed as 4 (i - N) / N, which is negative)",
            "mV",
            _PHINYOMARK,
            _MODIFIED,
            lambda s: s["mmav2"] / s.n,
            1,
        ),
        _time(
            "rms",
            "Root mean square",
            "sqrt(1/N sum x_i^2)",
            "mV",
            _PHINYOMARK,
            0,
            lambda s: s.rms,
            1,
        ),
        _time(
            "var",
            "Variance",
            "1/(N-1) sum (x_i - mean)^2; the mean is taken off, which Phinyomark et al. assume "
            "to be 0",
            "mV^2",
            _STATISTICS,
            _CENTRED,
            lambda s: s.variance * (s.n / (s.n - 1)),
            2,
            2,
        ),
        _time(
            "std",
            "Standard deviation",
            "sqrt(var)",
            "mV",
            _STATISTICS,
            _CENTRED,
            lambda s: np.sqrt(s.variance * (s.n / (s.n - 1))),
            1,
            2,
        ),
        _time("iemg", "Integrated EMG", "sum |x_i|", "mV", _PHINYOMARK, 0, lambda s: s["abs"], 1),
        _time(
            "ssi",
            "Simple square integral",
            "sum x_i^2",
            "mV^2",
            _PHINYOMARK,
            0,
            lambda s: s["x2"],
            2,
        ),
        _time("wl", "Waveform length", "sum |d_i|", "mV", _HUDGINS, 0, lambda s: s["d_abs"], 1),
        _time(
            "ewl",
            "Enhanced waveform length",
            "sum_{i=2..N} |x_i - x_{i-1}|^p, p = 0.75 for 0.2 N <= i <= 0.8 N, else 0.5",
            "mV^0.75 + mV^0.5",
            _TOO,
            _ENHANCED,
            lambda s: s["ewl"],
            None,
        ),
        _time(
            "zc",
            "Zero crossings",
            "number of changes of sign, x_i and x_j of opposite sign with nothing but zeros "
            "between them, and |x_i - x_j| >= threshold",
            "count",
            _HUDGINS,
            _COUNT,
            lambda s: s["zc"],
        ),
        _time(
            "ssc",
            "Slope sign changes",
            "number of i with x_i > both neighbours or x_i < both neighbours, and "
            "|x_i - x_{i-1}| >= threshold or |x_i - x_{i+1}| >= threshold",
            "count",
            _HUDGINS,
            _COUNT,
            lambda s: s["ssc"],
        ),
        _time(
            "wamp",
            "Willison amplitude",
            "number of i with |d_i| >= threshold",
            "count",
            _PHINYOMARK,
            _JUMP,
            lambda s: s["wamp"],
        ),
        _time(
            "log",
            "Log detector",
            "exp(mean(log |x_i|)) over the samples that are not zero; 0 if all are",
            "mV",
            _PHINYOMARK,
            _LOG,
            _log_detector,
            1,
        ),
        _time(
            "dasdv",
            "Difference absolute standard deviation value",
            "sqrt(1/(N-1) sum d_i^2)",
            "mV",
            _PHINYOMARK,
            0,
            lambda s: np.sqrt(s["d2"] / (s.n - 1)),
            1,
            2,
        ),
        _time(
            "aac",
            "Average amplitude change",
            "1/N sum |d_i|",
            "mV",
            _PHINYOMARK,
            0,
            lambda s: s["d_abs"] / s.n,
            1,
        ),
        _time(
            "myop",
            "Myopulse percentage rate",
            "share of the samples with |x_i| >= threshold",
            "1",
            _PHINYOMARK,
            _JUMP,
            lambda s: s["myop"] / s.n,
        ),
        _time(
            "tm3",
            "Absolute temporal moment of order 3",
            "|1/N sum x_i^3|",
            "mV^3",
            _PHINYOMARK,
            _MOMENT,
            lambda s: abs(s["x3"]) / s.n,
            3,
        ),
        _time(
            "tm4",
            "Absolute temporal moment of order 4",
            "1/N sum x_i^4",
            "mV^4",
            _PHINYOMARK,
            _MOMENT,
            lambda s: s["x4"] / s.n,
            4,
        ),
        _time(
            "tm5",
            "Absolute temporal moment of order 5",
            "|1/N sum x_i^5|",
            "mV^5",
            _PHINYOMARK,
            _MOMENT,
            lambda s: abs(s["x5"]) / s.n,
            5,
        ),
        _time(
            "v_order",
            "v-order detector",
            "(1/N sum |x_i|^v)^(1/v), v = v_order",
            "mV",
            _ZARDOSHTI,
            _MOMENT,
            lambda s: (s["xv"] / s.n) ** (1.0 / s.v_order),
            1,
        ),
        _time(
            "skewness",
            "Skewness",
            "m_3 / m_2^1.5, m_k = 1/N sum (x_i - mean)^k; 0 for a constant",
            "1",
            _PATEL,
            _CENTRED,
            lambda s: _ratio(s["c3"] / s.n, s.variance * np.sqrt(s.variance)),
        ),
        _time(
            "kurtosis",
            "Kurtosis",
            "m_4 / m_2^2, 3 for a Gaussian (not the excess); 0 for a constant",
            "1",
            _PATEL,
            _CENTRED,
            lambda s: _ratio(s["c4"] / s.n, s.variance**2),
        ),
        _time(
            "var_abs",
            "Variance of the absolute value",
            "1/(N-1) sum (|x_i| - mav)^2",
            "mV^2",
            _PATEL,
            _MOMENT,
            lambda s: s["r2"] / (s.n - 1),
            2,
            2,
        ),
        _time(
            "mfl",
            "Maximum fractal length",
            "log10(sqrt(sum d_i^2)), the root no smaller than 1e-12 mV",
            "log10(mV)",
            _ARJUNAN,
            0,
            lambda s: np.log10(np.maximum(np.sqrt(s["d2"]), _MFL_FLOOR)),
            None,
            2,
        ),
        _time(
            "tkeo_mean",
            "Mean Teager-Kaiser energy",
            "mean of psi_i = x_i^2 - x_{i-1} x_{i+1}, 1 < i < N",
            "mV^2",
            _KAISER,
            _CURVATURE,
            lambda s: s["tk"] / (s.n - 2),
            2,
            3,
        ),
        _time(
            "tkeo_var",
            "Variance of the Teager-Kaiser energy",
            "mean of (psi_i - tkeo_mean)^2",
            "mV^4",
            _KAISER,
            _CURVATURE,
            _teager_variance,
            4,
            3,
        ),
        _time(
            "hjorth_activity",
            "Hjorth activity",
            "var(x) = 1/N sum (x_i - mean)^2",
            "mV^2",
            _HJORTH,
            _CENTRED,
            lambda s: s.variance,
            2,
        ),
        _time(
            "hjorth_mobility",
            "Hjorth mobility",
            "sqrt(var(d) / var(x)); 0 for a constant",
            "1/sample",
            _HJORTH,
            _CENTRED,
            lambda s: np.sqrt(_ratio(s.difference_variance, s.variance)),
            0,
            2,
        ),
        _time(
            "hjorth_complexity",
            "Hjorth complexity",
            "mobility(d) / mobility(x); 0 for a straight line",
            "1",
            _HJORTH,
            _CENTRED | _CURVATURE,
            _hjorth_complexity,
            0,
            3,
        ),
        _time(
            "ptp",
            "Peak-to-peak amplitude",
            "max x_i - min x_i",
            "mV",
            _STATISTICS,
            _RANGE,
            lambda s: s["max"] - s["min"],
            1,
        ),
        _time(
            "crest",
            "Crest factor",
            "max |x_i| / rms; 0 for a window of zeros",
            "1",
            _STATISTICS,
            _RANGE,
            lambda s: _ratio(np.maximum(abs(s["max"]), abs(s["min"])), s.rms),
        ),
        _time(
            "form",
            "Form factor",
            "rms / mav; 0 for a window of zeros",
            "1",
            _STATISTICS,
            0,
            lambda s: _ratio(s.rms, s.mav),
        ),
        _time(
            "turns",
            "Turns per second",
            "turns per second: extremes that differ by at least turn_threshold from the turn "
            "before and from the next",
            "1/s",
            _WILLISON,
            _TURNS,
            lambda s: s["turns"] * (s.fs / s.n),
        ),
        _time(
            "turn_amplitude",
            "Mean amplitude of turns",
            "mean amplitude change that leads to a turn; 0 without turns",
            "mV",
            _WILLISON,
            _TURNS,
            lambda s: _ratio(s["turn_sum"], s["turns"]),
            1,
        ),
        _time(
            "mavslp",
            "Mean absolute value slope",
            "mav of segment k + 1 less mav of segment k, n_segments segments of N // n_segments",
            "mV",
            _HUDGINS,
            _SLOPE,
            lambda s: np.diff(s.table[_N_SUMS + s.n_bins :], axis=0).T,
            1,
        ),
        _time(
            "hist",
            "Amplitude histogram",
            "share of the samples in each of n_bins equal bins over mean -+ 3 standard deviations "
            "(or -+ hist_range), those outside in the outer bins; all in bin n_bins // 2 + 1 for "
            "a constant",
            "1",
            _ZARDOSHTI,
            _HISTOGRAM | _CENTRED,
            lambda s: s.table[_N_SUMS : _N_SUMS + s.n_bins].T / s.n,
        ),
        _time(
            "l_scale",
            "L-scale",
            "second L-moment: sum (2 i - N - 1) x_(i) / (N (N - 1)), x_(i) sorted",
            "mV",
            _HOSKING,
            _L_SCALE | _CENTRED,
            lambda s: s["l_sum"] / (s.n * (s.n - 1.0)),
            1,
            2,
        ),
        _time(
            "mean_abs_difference",
            "Gini mean difference",
            "mean |x_i - x_j| over all pairs (Gini's mean difference), 2 l_scale",
            "mV",
            _HOSKING,
            _L_SCALE | _CENTRED,
            lambda s: s["l_sum"] * (2.0 / (s.n * (s.n - 1.0))),
            1,
            2,
        ),
        _time(
            "mean_abs_deviation",
            "Mean absolute deviation",
            "1/N sum |x_i - mean|",
            "mV",
            _STATISTICS,
            _CENTRED,
            lambda s: np.where(s.flat, 0.0, s["c_abs"] / s.n),
            1,
        ),
    ]
)

FEATURES: dict[str, FeatureInfo] = {name: feature.info for name, feature in _TABLE.items()}

_THRESHOLDS = ("zc", "ssc", "wamp", "myop")
_DEFAULT_THRESHOLD = 0.01


class TimeDomainFeatures(FeatureExtractor):
    """Features of the waveform itself, from mean absolute value to turns per second.

    All features asked for come out of short passes over one window that stays in the cache, in
    compiled code. Each row depends on its own window alone.

    Parameters
    ----------
    features : "all" or list of str, default=("mav", "zc", "ssc", "wl")
        Names of the features, in the order of the output; the default are Hudgins' four. The
        module's ``FEATURES`` has formula, unit and source of each.
    thresholds : float or dict of str to float, default=0.01
        Smallest change that counts as a zero crossing (``zc``), slope sign change (``ssc``) or
        Willison amplitude (``wamp``), and smallest magnitude that counts in the myopulse percentage
        rate (``myop``). One number serves all four; a dict gives them by name and leaves 0.01 to
        those that it does not name. A change of exactly the threshold counts.
    threshold_unit : {"mV", "noise"}, default="mV"
        Unit of `thresholds`: mV, or multiples of the window's own noise level
        ``median(|x_i|) / 0.6745``, the standard deviation of Gaussian noise with that median, which
        spikes hardly move.
    turn_threshold : float, default=0.1
        Amplitude change in mV that makes a turn; 100 uV is the clinical convention.
    v_order : float, default=3
        Exponent v of the ``v_order`` detector.
    n_segments : int, default=3
        Segments of the slope of the mean absolute value; gives ``n_segments - 1`` values.
    n_bins : int, default=9
        Bins of the histogram.
    hist_range : float, default=None
        Half the width in mV of a histogram around 0; by default it spans three standard deviations
        to either side of the window's mean.
    fs : float, default=None
        Sampling rate in Hz. Only ``turns`` needs it, and a recording table brings its own.
    n_jobs : int, default=None
        Threads over blocks of windows; None means 1 unless a `joblib.parallel_config` says
        otherwise, -1 all processors.

    Attributes
    ----------
    n_features_in_ : int
        Second axis of the windows seen in ``fit``. Not set by a table.
    n_channels_in_ : int
        Channels of the signals seen in ``fit``.
    n_times_in_ : int or None
        Samples per window seen in ``fit``; None after a table.

    Raises
    ------
    ValueError
        In ``fit``: an unknown feature, a threshold that is negative, or windows too short for a
        feature, which the message names.

    See Also
    --------
    AutoregressiveFeatures : Coefficients of a linear predictor.
    ComplexityFeatures : Entropies and fractal dimensions.

    Notes
    -----
    Where the literature or other software disagrees, this is what is computed:

    - A sample of exactly zero has no sign. A crossing is a change of sign between neighbours, or
      between the samples on both sides of a run of zeros; a run that the signal leaves on the side
      it came from is none.
    - A slope sign change is a strict extreme: flat steps are none. Its threshold is in mV, not mV².
    - Counts (``zc``, ``ssc``, ``wamp``) and sums (``wl``, ``iemg``, ``ssi``) are not divided by the
      length of the window. A sum over no samples, as ``ssc`` of a window of two, is 0.
    - Ratios of a constant window (skewness, kurtosis, mobility ...) are 0; ``mfl`` is -12.

    Float32 windows give float32 features; sums are carried in float64.

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
        "turn_threshold": [Interval(Real, 0, None, closed="neither")],
        "v_order": [Interval(Real, 1, None, closed="left")],
        "n_segments": [Interval(Integral, 2, None, closed="left")],
        "n_bins": [Interval(Integral, 2, None, closed="left")],
        "hist_range": [Interval(Real, 0, None, closed="neither"), None],
        "fs": [Interval(Real, 0, None, closed="neither"), None],
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
                    f"The 'thresholds' parameter of {name} has the unknown key {key!r}. Known are: "
                    f"{', '.join(_THRESHOLDS)}."
                )
            if isinstance(value, bool) or not isinstance(value, (int, float, np.number)):
                raise TypeError(
                    f"The 'thresholds' parameter of {name} must hold numbers. Got {value!r} for "
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

    def _row_values(
        self, rows: NDArray[np.floating], names: list[str], fs: float
    ) -> NDArray[np.floating]:
        groups = functools.reduce(lambda bits, name: bits | _TABLE[name].groups, names, 0)
        table = self._row_sums(rows, groups)
        sums = _Sums(table, rows.shape[1], fs, float(self.v_order), self.n_bins)
        # A feature's values lie side by side until all are there.
        features = np.empty((len(self._feature_names()), len(rows)), dtype=rows.dtype)
        first = 0
        for name in names:
            value = _TABLE[name].value(sums).T.reshape(-1, len(rows))
            features[first : first + len(value)] = value
            first += len(value)
        return features.T

    def _row_sums(self, rows: NDArray[np.floating], groups: int) -> NDArray[np.float64]:
        from sklearn_emg.feature_extraction._kernels.time import l_sums, time_domain_sums

        n_rows, n_times = rows.shape
        thresholds = np.array([self._threshold_values()], dtype=rows.dtype)
        if self.threshold_unit == "noise" and groups & (_COUNT | _JUMP):
            noise = np.median(np.abs(rows), axis=1, keepdims=True) / rows.dtype.type(0.6745)
            thresholds = thresholds * noise
        # NumPy sorts short windows in vector registers, long ones fall into buckets.
        sort = bool(groups & _L_SCALE) and n_times <= _SORTED_BY_NUMPY
        n_sums = _N_SUMS + self.n_bins + self.n_segments
        if groups < 2 * _CENTRED:
            # Room for the first rows alone.
            n_sums = _SUMS["dd2"]
        out = np.empty((n_sums, n_rows))
        time_domain_sums(
            rows,
            rows.view(f"i{rows.itemsize}"),
            groups & ~_L_SCALE if sort else groups,
            thresholds,
            rows.dtype.type(self.turn_threshold),
            float(self.v_order),
            self.n_bins,
            0.0 if self.hist_range is None else float(self.hist_range),
            self.n_segments,
            out,
        )
        if groups & _L_SCALE:
            sums = out[_SUMS["l_sum"]]
            # Windows that the kernel left are those crowded by one huge sample.
            left = np.arange(n_rows) if sort else np.flatnonzero(np.isnan(sums))
            for start in range(0, len(left), 256):
                some = left[start : start + 256]
                part = rows[some]
                part.sort(axis=1)
                values = np.empty(len(part))
                l_sums(part, values)
                sums[some] = values
        return out
