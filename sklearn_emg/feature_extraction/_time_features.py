"""Table of the time-domain features: formula, unit, source and value from the sums of windows."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sklearn_emg.feature_extraction._info import FeatureInfo
from sklearn_emg.feature_extraction._kernels.sums import (
    CENTRED,
    COUNT,
    CURVATURE,
    ENHANCED,
    HISTOGRAM,
    JUMP,
    L_SCALE,
    LOG,
    MODIFIED,
    MOMENT,
    N_TIME_SUMS,
    RANGE,
    SLOPE,
    TIME_SUMS,
    TURNS,
)

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

#: Lower bound of the root in the maximum fractal length, in mV: a constant has the value -12.
_MFL_FLOOR = 1e-12


class TimeSums:
    """Sums of all windows by name, and other values that features need.

    Parameters
    ----------
    table : ndarray of shape (n_sums, n_windows)
        Sums over the samples of each window, in mV and its powers, in the order of ``TIME_SUMS``.
    n : int
        Number of samples in a window.
    fs : float
        Sampling rate in Hz.
    v_order : float
        Exponent of the v-order detector.
    n_bins : int
        Number of bins of the histogram.
    """

    def __init__(
        self, table: NDArray[np.float64], n: int, fs: float, v_order: float, n_bins: int
    ) -> None:
        self.table, self.n, self.fs, self.v_order, self.n_bins = table, n, fs, v_order, n_bins

    def __getitem__(self, name: str) -> NDArray[np.float64]:
        return self.table[TIME_SUMS[name]]

    @property
    def bins(self):
        """Number of samples in each bin of the histogram, along the last axis."""
        return self.table[N_TIME_SUMS : N_TIME_SUMS + self.n_bins].T

    @property
    def segments(self):
        """Mean absolute value of each segment minus that of the window, along the last axis."""
        return self.table[N_TIME_SUMS + self.n_bins :].T

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
        """Whether each window is constant, that is, whether all its differences are 0."""
        return self["d_abs"] == 0.0

    @functools.cached_property
    def variance(self):
        """Mean squared deviation from the mean, which is exactly 0 for a constant window."""
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
        # The differences of a straight line are equal to within rounding error: set the variance to
        # 0.
        return np.where(variance > 1e-12 * mean_square, variance, 0.0)


class NamedSums(TimeSums):
    """Sums of windows, which a function provides by name.

    Parameters
    ----------
    sums : callable
        Function that takes the name of a sum, "bins" or "segments", and returns its values for all
        windows.
    n, fs, v_order, n_bins
        See :class:`TimeSums`.
    """

    def __init__(
        self, sums: Callable[[str], Any], n: int, fs: float, v_order: float, n_bins: int
    ) -> None:
        super().__init__(np.empty((0, 0)), n, fs, v_order, n_bins)
        self._sums = sums

    def __getitem__(self, name: str) -> Any:
        return self._sums(name)

    @property
    def bins(self):
        return self._sums("bins")

    @property
    def segments(self):
        return self._sums("segments")


def _ratio(numerator, denominator):
    """Divide; the quotient is 0 where the denominator is 0."""
    return np.divide(numerator, denominator, out=np.zeros_like(numerator), where=denominator != 0.0)


def _hjorth_complexity(s: TimeSums):
    mobility = np.sqrt(_ratio(s.difference_variance, s.variance))
    return _ratio(np.sqrt(_ratio(s.curvature_variance, s.difference_variance)), mobility)


def _log_detector(s: TimeSums):
    return s.mav * np.exp(_ratio(s["log"], s["n_log"]))


def _teager_variance(s: TimeSums):
    n = s.n - 2
    return np.maximum(s["tk2"] / n - (s["tk"] / n) ** 2, 0.0)


class _Feature(NamedTuple):
    info: FeatureInfo
    groups: int
    value: Callable[[TimeSums], NDArray[np.float64]]


def _time(
    name: str,
    title: str,
    formula: str,
    unit: str,
    source: str,
    groups: int,
    value: Callable[[TimeSums], NDArray[np.float64]],
    power: float | None = 0.0,
    min_n_times: int = 1,
) -> tuple[str, _Feature]:
    return name, _Feature(
        FeatureInfo(name, title, formula, unit, "time", source, min_n_times, power), groups, value
    )


TIME_FEATURES: dict[str, _Feature] = dict(
    [
        _time("mean", "Mean", "1/N sum x_i", "mV", _PATEL, 0, lambda s: s.mean, 1),
        _time("mav", "Mean absolute value", "1/N sum |x_i|", "mV", _HUDGINS, 0, lambda s: s.mav, 1),
        _time(
            "mmav1",
            "Modified mean absolute value, type 1",
            "1/N sum w_i |x_i|, w_i = 1 for 0.25 N <= i <= 0.75 N, else 0.5",
            "mV",
            _PHINYOMARK,
            MODIFIED,
            lambda s: s["mmav1"] / s.n,
            1,
        ),
        _time(
            "mmav2",
            "Modified mean absolute value, type 2",
            "1/N sum w_i |x_i|, w_i = 1 for 0.25 N <= i <= 0.75 N, 4 i / N before and "
            "4 (N - i) / N after (the paper prints 4 (i - N) / N, which is negative)",
            "mV",
            _PHINYOMARK,
            MODIFIED,
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
            "1/(N-1) sum (x_i - mean)^2 (Phinyomark et al. assume that the mean is 0)",
            "mV^2",
            _STATISTICS,
            CENTRED,
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
            CENTRED,
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
            ENHANCED,
            lambda s: s["ewl"],
            None,
        ),
        _time(
            "zc",
            "Zero crossings",
            "number of pairs x_i and x_j of opposite sign with only zeros between them and "
            "|x_i - x_j| >= threshold",
            "count",
            _HUDGINS,
            COUNT,
            lambda s: s["zc"],
        ),
        _time(
            "ssc",
            "Slope sign changes",
            "number of i with x_i > both neighbours or x_i < both neighbours, and "
            "|x_i - x_{i-1}| >= threshold or |x_i - x_{i+1}| >= threshold",
            "count",
            _HUDGINS,
            COUNT,
            lambda s: s["ssc"],
        ),
        _time(
            "wamp",
            "Willison amplitude",
            "number of i with |d_i| >= threshold",
            "count",
            _PHINYOMARK,
            JUMP,
            lambda s: s["wamp"],
        ),
        _time(
            "log",
            "Log detector",
            "exp(mean(log |x_i|)) over the samples that are not zero; 0 if all samples are zero",
            "mV",
            _PHINYOMARK,
            LOG,
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
            "proportion of the samples with |x_i| >= threshold",
            "1",
            _PHINYOMARK,
            JUMP,
            lambda s: s["myop"] / s.n,
        ),
        _time(
            "tm3",
            "Absolute temporal moment of order 3",
            "|1/N sum x_i^3|",
            "mV^3",
            _PHINYOMARK,
            MOMENT,
            lambda s: abs(s["x3"]) / s.n,
            3,
        ),
        _time(
            "tm4",
            "Absolute temporal moment of order 4",
            "1/N sum x_i^4",
            "mV^4",
            _PHINYOMARK,
            MOMENT,
            lambda s: s["x4"] / s.n,
            4,
        ),
        _time(
            "tm5",
            "Absolute temporal moment of order 5",
            "|1/N sum x_i^5|",
            "mV^5",
            _PHINYOMARK,
            MOMENT,
            lambda s: abs(s["x5"]) / s.n,
            5,
        ),
        _time(
            "v_order",
            "v-order detector",
            "(1/N sum |x_i|^v)^(1/v), v = v_order",
            "mV",
            _ZARDOSHTI,
            MOMENT,
            lambda s: (s["xv"] / s.n) ** (1.0 / s.v_order),
            1,
        ),
        _time(
            "skewness",
            "Skewness",
            "m_3 / m_2^1.5, m_k = 1/N sum (x_i - mean)^k; 0 for a constant",
            "1",
            _PATEL,
            CENTRED,
            lambda s: _ratio(s["c3"] / s.n, s.variance * np.sqrt(s.variance)),
        ),
        _time(
            "kurtosis",
            "Kurtosis",
            "m_4 / m_2^2, 3 for a Gaussian (not the excess); 0 for a constant",
            "1",
            _PATEL,
            CENTRED,
            lambda s: _ratio(s["c4"] / s.n, s.variance**2),
        ),
        _time(
            "var_abs",
            "Variance of the absolute value",
            "1/(N-1) sum (|x_i| - mav)^2",
            "mV^2",
            _PATEL,
            MOMENT,
            lambda s: s["r2"] / (s.n - 1),
            2,
            2,
        ),
        _time(
            "mfl",
            "Maximum fractal length",
            "log10(max(sqrt(sum d_i^2), 1e-12 mV))",
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
            CURVATURE,
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
            CURVATURE,
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
            CENTRED,
            lambda s: s.variance,
            2,
        ),
        _time(
            "hjorth_mobility",
            "Hjorth mobility",
            "sqrt(var(d) / var(x)); 0 for a constant",
            "1/sample",
            _HJORTH,
            CENTRED,
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
            CENTRED | CURVATURE,
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
            RANGE,
            lambda s: s["max"] - s["min"],
            1,
        ),
        _time(
            "crest",
            "Crest factor",
            "max |x_i| / rms; 0 for a window of zeros",
            "1",
            _STATISTICS,
            RANGE,
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
            "number of turns per second; turns are extrema that differ by at least turn_threshold "
            "from the previous and the next turn",
            "1/s",
            _WILLISON,
            TURNS,
            lambda s: s["turns"] * (s.fs / s.n),
        ),
        _time(
            "turn_amplitude",
            "Mean amplitude of turns",
            "mean amplitude change that leads to a turn; 0 if there are no turns",
            "mV",
            _WILLISON,
            TURNS,
            lambda s: _ratio(s["turn_sum"], s["turns"]),
            1,
        ),
        _time(
            "mavslp",
            "Mean absolute value slope",
            "mav of segment k + 1 minus mav of segment k; segments have N // n_segments samples",
            "mV",
            _HUDGINS,
            SLOPE,
            lambda s: s.segments[..., 1:] - s.segments[..., :-1],
            1,
        ),
        _time(
            "hist",
            "Amplitude histogram",
            "proportion of the samples in each of n_bins equal bins over mean -+ 3 standard "
            "deviations (or -+ hist_range); samples outside belong to the outer bins, and all "
            "samples of a constant to bin n_bins // 2 + 1",
            "1",
            _ZARDOSHTI,
            HISTOGRAM | CENTRED,
            lambda s: s.bins / s.n,
        ),
        _time(
            "l_scale",
            "L-scale",
            "second L-moment: sum (2 i - N - 1) x_(i) / (N (N - 1)), x_(i) sorted",
            "mV",
            _HOSKING,
            L_SCALE | CENTRED,
            lambda s: s["l_sum"] / (s.n * (s.n - 1.0)),
            1,
            2,
        ),
        _time(
            "mean_abs_difference",
            "Gini mean difference",
            "mean |x_i - x_j| over all pairs, which equals 2 l_scale",
            "mV",
            _HOSKING,
            L_SCALE | CENTRED,
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
            CENTRED,
            lambda s: np.where(s.flat, 0.0, s["c_abs"] / s.n),
            1,
        ),
    ]
)

FEATURES: dict[str, FeatureInfo] = {name: feature.info for name, feature in TIME_FEATURES.items()}
