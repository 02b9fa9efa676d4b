"""Motor unit potentials: their detection, clinical measures and summary."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, ClassVar, Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted

from sklearn_emg._sklearn import POSITIVE, Integral, Interval, Real, StrOptions
from sklearn_emg._tables import counted
from sklearn_emg.base import FeatureExtractor
from sklearn_emg.feature_extraction._blocks import map_rows
from sklearn_emg.feature_extraction._info import FeatureInfo, check_features, check_min_n_times
from sklearn_emg.feature_extraction._kernels.sums import MUAP_MEASURES

_STALBERG = (
    "Stålberg, Nandedkar, Sanders, Falck. Quantitative motor unit potential analysis. J. Clin. "
    "Neurophysiol. 13 (1996) 401-422"
)
_MULTI_MUP = (
    "Stålberg, Falck, Sonoo, Stålberg, Åström. Multi-MUP EMG analysis - a two year experience in "
    "daily clinical work. Electroencephalogr. Clin. Neurophysiol. 97 (1995) 145-154"
)
_OUTLIERS = (
    "Stålberg, Bischoff, Falck. Outliers, a way to detect abnormality in quantitative EMG. Muscle "
    "Nerve 17 (1994) 392-399"
)
_THICKNESS = (
    "Nandedkar, Barkhaus, Sanders, Stålberg. Analysis of amplitude and area of concentric needle "
    "EMG motor unit action potentials. Electroencephalogr. Clin. Neurophysiol. 69 (1988) 561-567"
)
_SIZE_INDEX = (
    "Sonoo, Stålberg. The ability of MUP parameters to discriminate between normal and neurogenic "
    "MUPs in concentric EMG: analysis of the MUP 'thickness' and the proposal of 'size index'. "
    "Electroencephalogr. Clin. Neurophysiol. 89 (1993) 291-303"
)

# The features summarise the potentials of a window. The kernel writes them in this order.
FEATURES: dict[str, FeatureInfo] = {
    name: FeatureInfo(name, title, formula, unit, "motor unit", source, 3, power)
    for name, title, formula, unit, source, power in (
        (
            "muap_rate",
            "Potentials per second",
            "isolated potentials per second",
            "1/s",
            _MULTI_MUP,
            0,
        ),
        (
            "muap_superposed",
            "Superposed potentials per second",
            "superpositions per second: potentials that are longer than max_duration or have a "
            "second peak more than refractory from the main peak",
            "1/s",
            _MULTI_MUP,
            0,
        ),
        (
            "muap_amplitude",
            "Median amplitude of potentials",
            "median of max x_i - min x_i",
            "mV",
            _STALBERG,
            1,
        ),
        (
            "muap_duration",
            "Median duration of potentials",
            "median time from the first to the last sample with |x_i| > duration_threshold, with "
            "interruptions of at most gap",
            "ms",
            _STALBERG,
            0,
        ),
        (
            "muap_rise_time",
            "Median rise time of potentials",
            "median time from 10 to 90 % of the steepest flank (in clinical practice, from peak to "
            "peak)",
            "ms",
            _STALBERG,
            0,
        ),
        (
            "muap_area",
            "Median area of potentials",
            "median of sum |x_i| / fs over the duration",
            "mV*ms",
            _STALBERG,
            1,
        ),
        (
            "muap_thickness",
            "Median thickness of potentials",
            "median of area / amplitude",
            "ms",
            _THICKNESS,
            0,
        ),
        (
            "muap_size_index",
            "Median size index of potentials",
            "median of 2 log10(amplitude / mV) + thickness / ms",
            "log10(mV) + ms",
            _SIZE_INDEX,
            None,
        ),
        (
            "muap_amplitude_p10",
            "10th percentile of the amplitude of potentials",
            "10 % quantile of the amplitudes",
            "mV",
            _OUTLIERS,
            1,
        ),
        (
            "muap_amplitude_p90",
            "90th percentile of the amplitude of potentials",
            "90 % quantile of the amplitudes",
            "mV",
            _OUTLIERS,
            1,
        ),
        (
            "muap_duration_p10",
            "10th percentile of the duration of potentials",
            "10 % quantile of the durations",
            "ms",
            _OUTLIERS,
            0,
        ),
        (
            "muap_duration_p90",
            "90th percentile of the duration of potentials",
            "90 % quantile of the durations",
            "ms",
            _OUTLIERS,
            0,
        ),
        (
            "muap_phases",
            "Mean number of phases of potentials",
            "mean of 1 + number of baseline crossings from beyond phase_threshold on one side to "
            "beyond it on the other",
            "count",
            _STALBERG,
            0,
        ),
        (
            "muap_turns",
            "Mean number of turns of potentials",
            "mean number of extrema that differ by at least turn_threshold from the previous and "
            "the next extremum; the baseline counts as an extremum at both ends",
            "count",
            _STALBERG,
            0,
        ),
        (
            "muap_polyphasic",
            "Proportion of polyphasic potentials",
            "proportion of potentials with more than four phases",
            "1",
            _STALBERG,
            0,
        ),
    )
}
_COLUMN = {name: column for column, name in enumerate(FEATURES)}


class MUAPFeatures(FeatureExtractor):
    """Measures of motor unit potentials: amplitude, duration, phases, turns and others.

    Isolated potentials are detected in each window, and each is measured by clinical definitions. A
    feature is the median, a quantile or the mean of a measure over the potentials in a window, or a
    proportion or rate of these potentials. Unlike in multi-MUP analysis [1]_, discharges are
    neither sorted by motor unit nor averaged. A unit therefore need not discharge repeatedly, and
    windows may be short, but background activity shortens durations and adds phases and turns.

    Parameters
    ----------
    features : "all" or list of str, default=("muap_rate", "muap_amplitude", "muap_duration", \
            "muap_phases", "muap_polyphasic")
        Names of the features, in the order of the output. Further features are "muap_superposed",
        "muap_rise_time", "muap_area", "muap_thickness", "muap_size_index", "muap_turns" and the
        quantiles "muap_amplitude_p10", "muap_amplitude_p90", "muap_duration_p10" and
        "muap_duration_p90", which are sensitive to outliers. :func:`feature_table` lists the
        formula, unit and source of each.
    fs : float, default=None
        Sampling rate in Hz. It is required for arrays; a recording table contains its own. Below
        about 4 kHz, the flanks of potentials of nearby units are too short to be sampled.
    amplitude_threshold : float, default=0.05
        Minimum peak-to-peak amplitude of a potential, in the unit given by `threshold_unit`.
    duration_threshold : float, default=0.02
        Distance from the baseline above which a sample belongs to a potential, in the unit
        given by `threshold_unit`.
    phase_threshold : float, default=0.02
        Minimum height of a phase on either side of the baseline, in the unit given by
        `threshold_unit`.
    turn_threshold : float, default=0.05
        Minimum change of amplitude between turns, in the unit given by `threshold_unit`.
    threshold_unit : {"mV", "noise"}, default="mV"
        Unit of the four thresholds: mV, or multiples of the noise level of the window,
        ``median(|x_i - median(x)|) / 0.6745``, which estimates the standard deviation of Gaussian
        noise. The defaults of the thresholds are in mV.
    gap : float, default=0.002
        Longest time in seconds for which a potential may stay below `duration_threshold`. Before
        and after a potential, the signal stays below it for longer.
    max_rise_time : float, default=0.001
        Maximum rise time in seconds, from 10 to 90 % of the flank. Potentials of distant units rise
        more slowly.
    max_duration : float, default=0.03
        Maximum duration in seconds. Longer potentials count as superpositions.
    refractory : float, default=0.004
        Time in seconds from the main peak beyond which a second peak is attributed to another
        discharge.
    second_peak : float, default=0.25
        Minimum height of a second peak on both of its sides, as a fraction of the amplitude.
    fill_value : float, default=0.0
        Value that all features except the two rates have in a window without an isolated potential.
        NaN is suitable for estimators that accept missing values.
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
    ValueError
        If a feature is unknown, the sampling rate is missing, or windows are too short to contain a
        sample with a gap before and after it.

    See Also
    --------
    TimeDomainFeatures : Turns and amplitudes of the whole signal, for overlapping potentials.

    Notes
    -----
    The baseline is the median of the window. A segment begins and ends with a sample that is
    further than `duration_threshold` from the baseline, and successive samples of this kind within
    it are at most `gap` apart. A segment is a potential if

    - it is at least one gap away from the ends of the window,
    - its amplitude is at least `amplitude_threshold`, and
    - its rise time is at most `max_rise_time`.

    A potential is isolated unless it lasts longer than `max_duration`, or has a turn more than
    `refractory` from its peak whose height on both sides is at least `second_peak` times the
    amplitude. Superpositions that resemble a single potential are not recognised.

    Amplitude, duration, phases, turns, area and the ratio of area to amplitude follow clinical
    definitions [2]_ [3]_, and the size index follows Sonoo and Stålberg [4]_. Three choices are
    specific to this package. The first is the thresholds. The second is a single level of 20 uV for
    the duration, whereas clinicians place cursors on an averaged potential. The third is the rise
    time, which is measured from 10 to 90 % of the steepest flank, so that it does not depend on
    polarity and depends little on how a flank begins and ends. The time from peak to peak is longer
    by a quarter or more. Since textbooks require at most 0.5 ms from peak to peak [5]_, the default
    limit of 1 ms accepts more units.

    Durations at the default level are shorter than those of an averaged potential at 10 uV. Slow
    drift of the baseline must be removed first, for instance by a high-pass filter at 20 Hz, which
    changes the slow parts of a potential.

    References
    ----------
    .. [1] E. Stålberg, B. Falck, M. Sonoo, S. Stålberg, M. Åström. Multi-MUP EMG analysis - a two
       year experience in daily clinical work. Electroencephalogr. Clin. Neurophysiol. 97 (1995)
       145-154.
    .. [2] E. Stålberg, S. D. Nandedkar, D. B. Sanders, B. Falck. Quantitative motor unit potential
       analysis. J. Clin. Neurophysiol. 13 (1996) 401-422.
    .. [3] S. D. Nandedkar, P. E. Barkhaus, D. B. Sanders, E. V. Stålberg. Analysis of amplitude and
       area of concentric needle EMG motor unit action potentials. Electroencephalogr. Clin.
       Neurophysiol. 69 (1988) 561-567.
    .. [4] M. Sonoo, E. Stålberg. The ability of MUP parameters to discriminate between normal and
       neurogenic MUPs in concentric EMG: analysis of the MUP "thickness" and the proposal of "size
       index". Electroencephalogr. Clin. Neurophysiol. 89 (1993) 291-303.
    .. [5] D. C. Preston, B. E. Shapiro. Electromyography and Neuromuscular Disorders.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emg.feature_extraction import MUAPFeatures
    >>> t = np.arange(-0.05, 0.05, 1e-4)
    >>> potential = 0.3 * np.exp(-((t / 4e-4) ** 2)) - 0.2 * np.exp(-(((t - 1e-3) / 1e-3) ** 2))
    >>> extractor = MUAPFeatures(["muap_rate", "muap_amplitude", "muap_phases"], fs=10_000.0)
    >>> extractor.fit_transform([potential, np.zeros(1000)]).round(2)
    array([[10.  ,  0.43,  2.  ],
           [ 0.  ,  0.  ,  0.  ]])
    >>> extractor.potentials([potential])[["peak", "duration", "turns"]].round(4)
       peak  duration  turns
    0  0.05       3.1      2
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "features": [StrOptions({"all"}), list, tuple],
        "fs": [POSITIVE, None],
        "amplitude_threshold": [POSITIVE],
        "duration_threshold": [POSITIVE],
        "phase_threshold": [Interval(Real, 0, None, closed="left")],
        "turn_threshold": [POSITIVE],
        "threshold_unit": [StrOptions({"mV", "noise"})],
        "gap": [POSITIVE],
        "max_rise_time": [POSITIVE],
        "max_duration": [POSITIVE],
        "refractory": [Interval(Real, 0, None, closed="left")],
        "second_peak": [POSITIVE],
        "fill_value": [Real],
        "n_jobs": [Integral, None],
    }

    def __init__(
        self,
        features: Literal["all"] | Iterable[str] = (
            "muap_rate",
            "muap_amplitude",
            "muap_duration",
            "muap_phases",
            "muap_polyphasic",
        ),
        *,
        fs: float | None = None,
        amplitude_threshold: float = 0.05,
        duration_threshold: float = 0.02,
        phase_threshold: float = 0.02,
        turn_threshold: float = 0.05,
        threshold_unit: Literal["mV", "noise"] = "mV",
        gap: float = 0.002,
        max_rise_time: float = 0.001,
        max_duration: float = 0.03,
        refractory: float = 0.004,
        second_peak: float = 0.25,
        fill_value: float = 0.0,
        n_jobs: int | None = None,
    ):
        self.features = features
        self.fs = fs
        self.amplitude_threshold = amplitude_threshold
        self.duration_threshold = duration_threshold
        self.phase_threshold = phase_threshold
        self.turn_threshold = turn_threshold
        self.threshold_unit = threshold_unit
        self.gap = gap
        self.max_rise_time = max_rise_time
        self.max_duration = max_duration
        self.refractory = refractory
        self.second_peak = second_peak
        self.fill_value = fill_value
        self.n_jobs = n_jobs

    def potentials(self, X: ArrayLike | pd.DataFrame) -> pd.DataFrame:
        """Measure the potentials of each window, one per row.

        Parameters
        ----------
        X : ndarray of shape (n_windows, n_times) or (n_windows, n_channels, n_times), or DataFrame
            Windows in mV, or a recording table, as in ``transform``.

        Returns
        -------
        table : DataFrame of shape (n_potentials, 14)
            Potentials in the order of windows, channels and time. The columns are ``window`` (row
            of `X`, from 0); ``channel`` (from 1); ``start``, ``stop`` and ``peak`` (largest
            distance from the baseline) in seconds from the first sample; ``isolated`` (False for
            a superposition, which only "muap_superposed" counts); ``amplitude`` (mV), ``duration``
            (ms), ``phases``, ``turns``, ``rise_time`` (ms), ``area`` (mV ms), ``thickness`` (ms)
            and ``size_index``.

        Raises
        ------
        ValueError
            If a window contains NaN or is too short, or the number of channels differs from that
            in ``fit``.
        """
        check_is_fitted(self)
        found = [
            self._potentials(signal, fs, window, channel + 1)
            for window, signals, fs in self._windows(X)
            for channel, signal in enumerate(signals)
        ]
        table = pd.DataFrame(np.concatenate(found), columns=["window", "channel", *MUAP_MEASURES])
        integers = dict.fromkeys(("window", "channel", "phases", "turns"), np.int64)
        return table.astype({**integers, "isolated": bool})

    def _windows(
        self, X: ArrayLike | pd.DataFrame
    ) -> Iterator[tuple[int, NDArray[np.floating], float]]:
        """Yield the number, signals of shape (n_channels, n_times) and rate of each window."""
        if self._is_table(X):
            blocks: Iterable[tuple[int, NDArray[np.floating], float]] = self._equal_rows(
                self._check_table(X)
            )
        else:
            X = self._check_array(X, reset=False)
            blocks = [(0, X[:, np.newaxis] if X.ndim == 2 else X, self._array_fs())]
        for first, values, fs in blocks:
            self._same_channels(values.shape[1])
            self._check_length(values.shape[-1], fs)
            for k, signals in enumerate(values):
                yield first + k, signals, fs

    def _potentials(
        self, signal: NDArray[np.floating], fs: float, window: int, channel: int
    ) -> NDArray[np.float64]:
        """Compute the rows of the table of potentials for one signal."""
        from sklearn_emg.feature_extraction._kernels.muap import find_potentials

        row = np.array(signal, order="C")
        [base], [thresholds] = self._levels(row[np.newaxis])
        limits = self._limits(fs)
        found = np.empty((row.size // int(limits[0]) + 2, len(MUAP_MEASURES)))
        where, value = np.empty(row.size + 2, dtype=np.int64), np.empty(row.size + 2)
        found = found[: find_potentials(row, base, thresholds, limits, where, value, found)]
        # The last sample ends at `stop`, so that stop - start is the duration.
        found[:, 1] += 1.0
        found[:, :3] /= fs
        number = np.full(len(found), window), np.full(len(found), channel)
        return np.column_stack([*number, found])

    def _levels(
        self, rows: NDArray[np.floating]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Compute the baseline of each row, and thresholds in mV for each row or for all rows."""
        bases = np.median(rows, axis=1, keepdims=True)
        thresholds = np.array(
            [
                [
                    self.amplitude_threshold,
                    self.duration_threshold,
                    self.phase_threshold,
                    self.turn_threshold,
                ]
            ],
            dtype=np.float64,
        )
        if self.threshold_unit == "noise":
            noise = np.median(np.abs(rows - bases), axis=1, keepdims=True) / 0.6745
            # If all but a few samples are equal, the noise is 0 and these few exceed any multiple.
            thresholds = thresholds * np.maximum(noise, np.finfo(np.float32).tiny)
        return bases[:, 0].astype(np.float64), thresholds

    def _limits(self, fs: float) -> NDArray[np.float64]:
        """Convert times to samples, and add the other limits of the kernel."""
        return np.array(
            [
                # Neighbouring samples are never separated by a gap.
                max(self.gap * fs, 1.0),
                self.max_rise_time * fs,
                self.max_duration * fs,
                self.refractory * fs,
                self.second_peak,
                fs / 1000.0,
            ]
        )

    def _names(self) -> list[str]:
        return check_features(self.features, FEATURES, self._caller)

    def _needs_fs(self) -> bool:
        return True

    def _check_parameters(self, fs: float) -> None:
        self._names()

    def _shortest(self, fs: float) -> dict[str, int]:
        return dict.fromkeys(self._names(), 2 * int(self.gap * fs) + 1)

    def _check_length(self, n_times: int, fs: float) -> None:
        n_quiet = int(self.gap * fs)
        unit = f"a potential between gaps of {counted(n_quiet, 'sample')}"
        check_min_n_times(n_times, {unit: 2 * n_quiet + 1}, self._caller)

    def _feature_names(self) -> list[str]:
        return self._names()

    def _extract(self, X: NDArray[np.floating], fs: float) -> NDArray[np.floating]:
        columns = [_COLUMN[name] for name in self._names()]
        return map_rows(
            lambda rows: self._row_values(rows, fs)[:, columns], X, len(columns), self.n_jobs
        )

    def _row_values(self, rows: NDArray[np.floating], fs: float) -> NDArray[np.floating]:
        from sklearn_emg.feature_extraction._kernels.muap import summarise_potentials

        bases, thresholds = self._levels(rows)
        out = np.empty((len(rows), len(FEATURES)))
        seconds = rows.shape[1] / fs
        fill = float(self.fill_value)
        summarise_potentials(rows, bases, thresholds, self._limits(fs), seconds, fill, out)
        return out
