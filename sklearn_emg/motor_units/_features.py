"""Features of recordings from the measures of their motor units."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sklearn_emg._sklearn import Real, StrOptions
from sklearn_emg._validation import check_option
from sklearn_emg.motor_units._decompose import Decomposition
from sklearn_emg.motor_units._decomposer import DecomposingExtractor
from sklearn_emg.motor_units._firing import common_drive
from sklearn_emg.motor_units._measures import template_measures

#: Title of each feature.
FEATURES = {
    "mu_count": "Number of motor units",
    "mu_left_out": "Number of trains left out",
    "mu_discharges": "Discharges of all units per second",
    "mu_rate": "Median firing rate (Hz)",
    "mu_rate_max": "Highest firing rate (Hz)",
    "mu_variability": "Median coefficient of variation of the intervals",
    "mu_doublets": "Proportion of intervals below 20 ms",
    "mu_common_drive": "Median correlation of smoothed rates",
    "mu_jiggle": "Median variability of consecutive potentials",
    "mu_decomposability": "Median decomposability index",
    "mu_amplitude": "Median amplitude of the units (mV)",
    "mu_amplitude_max": "Largest amplitude (mV)",
    "mu_duration": "Median duration of the units (ms)",
    "mu_area": "Median area (mV ms)",
    "mu_thickness": "Median thickness (ms)",
    "mu_size_index": "Median size index",
    "mu_phases": "Mean number of phases",
    "mu_turns": "Mean number of turns",
    "mu_polyphasic": "Proportion of units with more than four phases",
    "mu_near_fibres": "Mean number of near-fibre potentials",
}
_DEFAULT = (
    *("mu_count", "mu_rate", "mu_variability", "mu_jiggle"),
    *("mu_amplitude", "mu_duration", "mu_phases", "mu_turns"),
)


class DecompositionFeatures(DecomposingExtractor):
    """Extract measures of the motor units of each recording: number, firing and potentials.

    Each recording is decomposed with all of its channels, as by :class:`MotorUnitDecomposer`, and
    described by one row of features. Recordings should last several seconds, since a unit requires
    `min_discharges` discharges.

    Parameters
    ----------
    features : "all" or list of str, default=("mu_count", "mu_rate", "mu_variability", \
            "mu_jiggle", "mu_amplitude", "mu_duration", "mu_phases", "mu_turns")
        Names of the features in the order of the output. Further features are "mu_left_out",
        "mu_discharges", "mu_rate_max", "mu_doublets", "mu_common_drive", "mu_decomposability",
        "mu_amplitude_max", "mu_area", "mu_thickness", "mu_size_index", "mu_polyphasic" and
        "mu_near_fibres".
    fs : float, default=None
        Sampling rate in Hz. It is required for arrays; the rates of a recording table are those of
        its rows.
    highpass : float, default=250.0
        Corner frequency in Hz of the high-pass filter that is applied before the search, at most
        2000.
    threshold : float, default=5.0
        Minimum height of the peaks that are grouped, in standard deviations of the noise.
    min_discharges : int, default=6
        Minimum number of discharges of a unit in a recording, at least 4.
    fill_value : float, default=NaN
        Value of features that are not defined. In a recording without units, these are all
        features except "mu_count", "mu_left_out" and "mu_discharges"; in a recording without two
        units that are active together, "mu_common_drive"; and in a recording in which all
        potentials stay within 10 uV, most of their measures.
    n_jobs : int, default=None
        Number of recordings that are processed at once, each in its own thread. None means 1 unless
        a `joblib.parallel_config` is active; -1 means all processors.

    Attributes
    ----------
    n_features_in_ : int
        Size of the second axis of the windows seen in ``fit``; not set for a table.
    n_channels_in_ : int
        Number of channels of the signals seen in ``fit``.
    n_times_in_ : int or None
        Number of samples per window seen in ``fit``; None for a table.

    Raises
    ------
    ValueError
        In ``fit``, if a feature is unknown or the sampling rate is missing.

    Warns
    -----
    RecordingWarning
        If the sampling rate is below five times `highpass`, in which case no unit can be found.

    See Also
    --------
    MotorUnitDecomposer : Decompose recordings into the discharges of motor units.
    sklearn_emg.feature_extraction.MUAPFeatures : Measure isolated potentials in short windows.

    Examples
    --------
    >>> from sklearn_emg.datasets import simulate_recording
    >>> from sklearn_emg.motor_units import DecompositionFeatures
    >>> signal = simulate_recording(drive=0.005, duration=5.0, fs=12000.0, random_state=3)
    >>> extractor = DecompositionFeatures(["mu_count", "mu_rate"], fs=12000.0)
    >>> extractor.fit_transform([signal]).shape
    (1, 2)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "features": [StrOptions({"all"}), list, tuple],
        **DecomposingExtractor._parameter_constraints,
        "fill_value": [Real],
    }

    def __init__(
        self,
        features: Literal["all"] | Iterable[str] = _DEFAULT,
        *,
        fs: float | None = None,
        highpass: float = 250.0,
        threshold: float = 5.0,
        min_discharges: int = 6,
        fill_value: float = np.nan,
        n_jobs: int | None = None,
    ):
        self.features = features
        self.fs = fs
        self.highpass = highpass
        self.threshold = threshold
        self.min_discharges = min_discharges
        self.fill_value = fill_value
        self.n_jobs = n_jobs

    def _names(self) -> list[str]:
        names = list(FEATURES) if isinstance(self.features, str) else list(self.features)
        for name in names:
            check_option(name, list(FEATURES), "features", self._caller)
        return names

    def _check_parameters(self, fs: float) -> None:
        self._names()

    def _joint_names(self, channels: list[str]) -> list[str]:
        return self._names()

    def _extract(self, X: NDArray[np.floating], fs: float) -> NDArray[np.floating]:
        names, seconds = self._names(), X.shape[-1] / fs
        rows = [describe(result, seconds) for result in self._decompose_all(X, fs)]
        values = np.array([[row[name] for name in names] for row in rows], dtype=np.float64)
        return np.where(np.isnan(values), self.fill_value, values).astype(X.dtype)


def describe(result: Decomposition, seconds: float) -> dict[str, float]:
    """Compute all features of one decomposition.

    Parameters
    ----------
    result : Decomposition
        Units of one recording.
    seconds : float
        Duration of the recording in s.

    Returns
    -------
    values : dict of str to float
        Value of each feature in `FEATURES`, in the unit stated there; NaN if it is not defined.
    """
    values: dict[str, Any] = dict.fromkeys(FEATURES, np.nan)
    units = result.units
    trains = [unit.times for unit in units]
    values["mu_count"] = float(len(units))
    values["mu_left_out"] = float(len(result.left_out))
    values["mu_discharges"] = sum(map(len, trains)) / seconds
    if not units:
        return values
    rates = [1.0 / unit.intervals.mean for unit in units]
    values["mu_rate"], values["mu_rate_max"] = np.median(rates), np.max(rates)
    values["mu_variability"] = np.median([u.intervals.sd / u.intervals.mean for u in units])
    intervals = np.concatenate([np.diff(train) for train in trains])
    values["mu_doublets"] = np.mean(intervals < 0.02)
    values["mu_jiggle"] = np.median([unit.jiggle for unit in units])
    values["mu_decomposability"] = np.median([unit.decomposability for unit in units])
    numbers = np.repeat(np.arange(len(units)), [len(train) for train in trains])
    pairs = common_drive(pd.DataFrame({"time": np.concatenate(trains), "unit": numbers}))
    values["mu_common_drive"] = pairs["correlation"].median()
    values |= _of_templates(result)
    return values


def _of_templates(result: Decomposition) -> dict[str, float]:
    """Features from the template of each unit in the channel where it is largest."""
    waves = [unit.template[np.ptp(unit.template, axis=-1).argmax()] for unit in result.units]
    frame = pd.DataFrame({"unit": np.arange(len(waves)), "signal": waves, "fs": result.fs})
    table = template_measures(frame)
    means = {name: table[name].mean() for name in ("phases", "turns", "near_fibres")}
    medians = {
        name: table[name].median()
        for name in ("amplitude", "duration", "area", "thickness", "size_index")
    }
    return {
        **{f"mu_{name}": value for name, value in {**means, **medians}.items()},
        "mu_amplitude_max": table["amplitude"].max(),
        "mu_polyphasic": (table["phases"] > 4).mean(),
    }
