"""Decomposer of recordings into the discharges and potentials of their motor units."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted

from sklearn_emg._sklearn import Integral, Interval, InvalidParameterError, Real
from sklearn_emg._validation import check_integer
from sklearn_emg._warnings import warn_of_recordings
from sklearn_emg.base import FeatureExtractor
from sklearn_emg.datasets import load_annotations, save_annotations
from sklearn_emg.motor_units._decompose import Decomposition, decompose
from sklearn_emg.motor_units._signals import place_templates

_DISCHARGES = {"row": int, "unit": int, "time": float, "peak": float, "confidence": float}
_COUNTS = ["n_units", "n_discharges", "n_left_out"]
# Minimum duration in s of a 1-D recording; shorter arrays are more likely to be features.
_SHORTEST = 0.5


class DecomposingExtractor(FeatureExtractor):
    """Base class of steps that decompose each recording into the discharges of its motor units.

    A subclass has the parameters `fs` and `highpass` (Hz), `threshold`, `min_discharges` and
    `n_jobs`, which :class:`MotorUnitDecomposer` describes. The results do not depend on other
    recordings, so nothing is learned in ``fit``.
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "fs": [Interval(Real, 0, None, closed="neither"), None],
        "highpass": [Interval(Real, 0, 2000, closed="right")],
        "threshold": [Interval(Real, 0, None, closed="neither")],
        "min_discharges": [Interval(Integral, 4, None, closed="left")],
        "n_jobs": [Integral, None],
    }

    fs: float | None
    highpass: float
    threshold: float
    min_discharges: int
    n_jobs: int | None

    def _needs_fs(self) -> bool:
        return True

    def _learns(self) -> bool:
        return False

    def _decompose_all(self, X: NDArray[np.floating], fs: float) -> list[Decomposition]:
        """Decompose each recording of X, of shape (n_recordings, n_channels, n_times)."""
        if fs < 5 * self.highpass:
            warn_of_recordings(
                f"{self._caller} finds no units at a sampling rate of {fs:g} Hz with highpass="
                f"{self.highpass:g} Hz, which leaves no frequency band to search in. Use "
                f"recordings sampled at {5 * self.highpass:g} Hz or more, ideally at least 8 kHz."
            )
        return Parallel(n_jobs=self.n_jobs, prefer="threads")(
            delayed(decompose)(
                signals,
                fs,
                highpass=self.highpass,
                threshold=self.threshold,
                min_discharges=self.min_discharges,
            )
            for signals in X
        )


class MotorUnitDecomposer(DecomposingExtractor):
    """Decompose needle EMG into the discharges of its motor units.

    Recurring potentials are grouped by shape, and the number of groups is determined from the data.
    The templates of the groups are then matched with the whole recording, beginning with the
    potential that explains most of it. This resolves superposed potentials. Channels of one needle
    are used jointly. Trains whose intervals or potentials are not those of a single motor unit are
    left out and listed in ``left_out_``.

    Parameters
    ----------
    fs : float, default=None
        Sampling rate in Hz. It is required for arrays; the rates of a recording table are those of
        its rows. Rates below about 8 kHz remove the sharp parts of potentials, by which units are
        distinguished.
    highpass : float, default=250.0
        Corner frequency in Hz of the zero-phase high-pass filter before the first search, at most
        2000. For the search for slow potentials it is multiplied by 0.4. The templates are medians
        of the recording without this filter.
    threshold : float, default=5.0
        Minimum height of the peaks that are grouped, in standard deviations of the noise.
    min_discharges : int, default=6
        Minimum number of discharges of a unit in a recording, at least 4.
    n_jobs : int, default=None
        Number of recordings that are processed at once, each in its own thread. None means 1 unless
        a `joblib.parallel_config` is active; -1 means all processors.

    Attributes
    ----------
    discharges_ : DataFrame of shape (n_discharges, 5)
        Discharges with one discharge per row, sorted by recording and time. The columns are
        ``row``, the position of the recording; ``unit``, numbered from 1 in descending order of
        amplitude; ``time`` in s from the first sample to the largest deflection; ``peak``, this
        deflection in mV; and ``confidence``, from 0 (barely accepted) to 1 (at least as close to
        the template as half of the unit's discharges).
    units_ : DataFrame of shape (n_units, 10)
        Units with one unit per row. The columns are ``row``, ``unit`` and ``n_discharges``;
        ``amplitude`` of the template, peak to peak in mV; ``decomposability``, the distance of its
        high-pass filtered template from that of the nearest other unit, or from 0 if 0 is closer,
        in standard deviations of the noise; ``jiggle``, the median change from one discharge to the
        next relative to the area of the template; the mean ``interval`` in s and its coefficient of
        variation ``variability``; and the estimated fractions of ``missed`` and ``false``
        discharges.
    templates_ : DataFrame of shape (n_templates, 6)
        Median potential of each unit in each channel. The columns are ``row``, the position of the
        recording; ``unit`` and ``channel``, both numbered from 1; ``signal`` in mV and its sampling
        rate ``fs`` in Hz; and ``index``, the index of the sample at the time of the discharge.
    left_out_ : DataFrame of shape (n_trains, 3)
        Trains that were left out, with ``row``, ``n_discharges`` and ``reason``.
    n_recordings_ : int
        Number of recordings seen in ``fit``.
    n_features_in_ : int
        Size of the second axis of the windows seen in ``fit``; not set for a table.
    n_channels_in_ : int
        Number of channels of the signals seen in ``fit``.
    n_times_in_ : int or None
        Number of samples per recording seen in ``fit``; None for a table.

    Raises
    ------
    ValueError
        In ``fit``, if the sampling rate is missing, or if a 1-D recording is shorter than 0.5 s.

    Warns
    -----
    RecordingWarning
        If the sampling rate is below five times `highpass`, in which case no unit can be found.

    See Also
    --------
    DecompositionFeatures : Features of decomposed recordings for classifiers.
    sklearn_emg.metrics.decomposition_agreement : Compare a decomposition with a reference.
    sklearn_emg.feature_extraction.MUAPFeatures : Measure isolated potentials.

    Notes
    -----
    The method has the following steps, which are repeated while units are added:

    1. The recording is high-pass filtered, downsampled by the largest integer that leaves at least
       11.5 kHz, and whitened. Noise and the activity of distant units then have the same power at
       all frequencies.
    2. Peaks of the signal that no unit explains yet are aligned to a fraction of a sample and
       grouped. The limit on their distance is determined by the noise and the energy of the
       potential. The median of a group is a template.
    3. Templates are matched by greedy pursuit with shifts of an eighth of a sample: the discharge
       that decreases the energy most is subtracted first. Each discharge is then removed and placed
       again. A discharge requires more evidence if it follows another discharge of its unit
       improbably early, or if a unit with a variable potential discharges nearby.
    4. Templates are estimated as medians of the signal without the other units. Units are joined if
       their templates are similar and their trains avoid each other. They are divided if their
       potentials are of two kinds that discharge independently. They are dropped if their
       potentials are parts of that of a larger unit, to which they have a fixed lag.

    At the end of a search, templates follow slow drift in parts of 4 to 6 s, if the recording lasts
    at least 8 s. Each train must then be plausible for a motor unit: its rate must be below 60 Hz,
    and its template must differ from noise and from other templates, by more if its discharges are
    few or irregular. The potentials of all units are then subtracted, and the residual is searched
    with a corner frequency of 0.4 times `highpass` and longer windows. This reveals the slow
    potentials of distant units, most of whose energy lies below `highpass`. Trains of this second
    search must also be regular and have no fixed lag to other units. These ideas are those of
    published decomposition methods [1]_ [2]_ [3]_; the settings were chosen on simulated
    recordings.

    For each recording, the method ``transform`` returns the numbers of units, of discharges and of
    trains that were left out. The results of a recording do not depend on other recordings. If a
    signal is scaled, only the amplitudes change.

    References
    ----------
    .. [1] K. C. McGill, Z. C. Lateva, H. R. Marateb. EMGLAB: an interactive EMG decomposition
       program. J. Neurosci. Methods 149 (2005) 121-133.
    .. [2] D. W. Stashuk. EMG signal decomposition: how can it be accomplished and used? J.
       Electromyogr. Kinesiol. 11 (2001) 151-173.
    .. [3] K. C. McGill, H. R. Marateb. Rigorous a posteriori assessment of accuracy in EMG
       decomposition. IEEE Trans. Neural Syst. Rehabil. Eng. 19 (2011) 54-63.

    Examples
    --------
    >>> from sklearn_emg.datasets import simulate_recording
    >>> from sklearn_emg.motor_units import MotorUnitDecomposer
    >>> signal = simulate_recording(drive=0.005, duration=5.0, fs=12000.0, random_state=3)
    >>> decomposer = MotorUnitDecomposer(fs=12000.0).fit(signal)
    >>> decomposer.units_[["unit", "n_discharges"]].shape[1]
    2
    >>> list(decomposer.discharges_.columns)
    ['row', 'unit', 'time', 'peak', 'confidence']
    """

    def __init__(
        self,
        *,
        fs: float | None = None,
        highpass: float = 250.0,
        threshold: float = 5.0,
        min_discharges: int = 6,
        n_jobs: int | None = None,
    ):
        self.fs = fs
        self.highpass = highpass
        self.threshold = threshold
        self.min_discharges = min_discharges
        self.n_jobs = n_jobs

    def fit(self, X: ArrayLike | pd.DataFrame, y: Any = None) -> Self:
        """Decompose each recording.

        Parameters
        ----------
        X : DataFrame, or ndarray of shape (n_times,), (n_recordings, n_times) or \
                (n_recordings, n_channels, n_times)
            Recording table, or recordings in mV. A 1-D array is one recording.
        y : Ignored
            Not used, present for API consistency by convention.

        Returns
        -------
        self : object
            Fitted estimator.
        """
        X = self._as_recordings(X)
        super().fit(X, y)
        results = [
            result for block, fs in self._blocks(X) for result in self._decompose_all(block, fs)
        ]
        self._store(results)
        return self

    def _as_recordings(self, X: Any) -> Any:
        """Convert a 1-D array to an array with one recording."""
        numbers = isinstance(X, (list, tuple)) and len(X) > 0 and np.isscalar(X[0])
        if not (numbers or (isinstance(X, np.ndarray) and X.ndim == 1 and X.dtype != object)):
            return X
        self._validate_params()
        if len(X) < _SHORTEST * self._array_fs():
            raise ValueError(
                f"{self._caller} takes a 1-D array as one recording, which must last at least "
                f"{_SHORTEST} s. Got {len(X)} samples. Reshape your data: windows have shape "
                "(n_windows, n_times)."
            )
        return np.asarray(X)[np.newaxis]

    def _blocks(self, X: ArrayLike | pd.DataFrame) -> Iterator[tuple[NDArray[np.floating], float]]:
        if self._is_table(X):
            for _, values, fs in self._equal_rows(self._check_table(X)):
                yield values, fs
        else:
            values = self._check_array(X, reset=False)
            yield values[:, np.newaxis] if values.ndim == 2 else values, self._array_fs()

    def _store(self, results: list[Decomposition]) -> None:
        discharges, units, templates, left_out = [], [], [], []
        for row, result in enumerate(results):
            left_out += [(row, n, reason) for n, reason in result.left_out]
            for number, unit in enumerate(result.units, start=1):
                n = len(unit.times)
                discharges.append(
                    pd.DataFrame(
                        {
                            "row": row,
                            "unit": number,
                            "time": unit.times,
                            "peak": unit.peaks,
                            "confidence": unit.confidence,
                        }
                    )
                )
                model = unit.intervals
                units.append(
                    {
                        "row": row,
                        "unit": number,
                        "n_discharges": n,
                        "amplitude": float(np.ptp(unit.template, axis=-1).max()),
                        "decomposability": unit.decomposability,
                        "jiggle": unit.jiggle,
                        "interval": model.mean,
                        "variability": model.sd / model.mean,
                        "missed": model.missed,
                        "false": model.false,
                    }
                )
                templates += [
                    (row, number, channel, wave, result.fs, unit.index)
                    for channel, wave in enumerate(unit.template, start=1)
                ]
        self.n_recordings_ = len(results)
        empty = pd.DataFrame({name: np.empty(0, kind) for name, kind in _DISCHARGES.items()})
        table = pd.concat(discharges) if discharges else empty
        self.discharges_ = table.sort_values(["row", "time"], kind="stable", ignore_index=True)
        self.units_ = pd.DataFrame(
            units,
            columns=[
                *("row", "unit", "n_discharges", "amplitude", "decomposability", "jiggle"),
                *("interval", "variability", "missed", "false"),
            ],
        )
        self.templates_ = pd.DataFrame(
            templates, columns=["row", "unit", "channel", "signal", "fs", "index"]
        )
        self.left_out_ = pd.DataFrame(left_out, columns=["row", "n_discharges", "reason"])

    def reconstruct(self, n_times: int, row: int = 0) -> NDArray[np.float64]:
        """Sum of the templates at all discharges of one recording.

        Parameters
        ----------
        n_times : int
            Number of samples of the recording.
        row : int, default=0
            Position of the recording in the data passed to ``fit``.

        Returns
        -------
        signal : ndarray of shape (n_channels, n_times)
            Signal in mV. If the recording has no units, `n_channels` is 0.

        Raises
        ------
        NotFittedError
            If the decomposer is not fitted.
        ValueError, TypeError
            If `row` is not the position of a recording that was passed to ``fit``, or if `n_times`
            is not a positive integer.
        """
        self._check_row(row, "reconstruct")
        check_integer(n_times, "n_times", "reconstruct")
        templates = self.templates_[self.templates_["row"] == row]
        found = self.discharges_[self.discharges_["row"] == row]
        channels = templates["channel"].max() if len(templates) else 0
        signal = np.zeros((channels, n_times))
        for unit, parts in templates.groupby("unit"):
            waves = np.stack(list(parts["signal"]))
            at = found.loc[found["unit"] == unit, "time"].to_numpy() * parts["fs"].iloc[0]
            signal += place_templates(waves, at, int(parts["index"].iloc[0]), n_times)
        return signal

    def to_eaf(self, path: str | os.PathLike[str], row: int = 0) -> None:
        """Write the decomposition of one recording as an EMGLAB annotation file.

        Parameters
        ----------
        path : str or path-like
            Path of the file, with the extension ``.eaf``. An existing file is replaced.
        row : int, default=0
            Position of the recording in the data passed to ``fit``.

        Raises
        ------
        NotFittedError
            If the decomposer is not fitted.
        ValueError, TypeError
            If `row` is not the position of a recording that was passed to ``fit``.
        """
        self._check_row(row, "to_eaf")
        events = self.discharges_[self.discharges_["row"] == row].assign(channel=1)
        save_annotations(
            path,
            events[["time", "unit", "channel"]],
            self.templates_[self.templates_["row"] == row].drop(columns="row"),
        )

    def _check_row(self, row: int, caller: str) -> None:
        check_is_fitted(self, "n_recordings_")
        check_integer(row, "row", caller, 0)
        if row >= self.n_recordings_:
            raise InvalidParameterError(
                f"The 'row' parameter of {caller} must be below {self.n_recordings_}, the number "
                f"of recordings passed to fit. Got {row} instead; the first recording is 0."
            )

    @classmethod
    def from_eaf(cls, path: str | os.PathLike[str]) -> Self:
        """Read a decomposition from an EMGLAB annotation file.

        Parameters
        ----------
        path : str or path-like
            Path of the file, which :func:`~sklearn_emg.datasets.load_annotations` reads.

        Returns
        -------
        decomposer : MotorUnitDecomposer
            Decomposer with the ``discharges_``, ``units_`` and ``templates_`` of the file. Peaks
            and confidences are NaN, since annotation files do not contain them. For the same reason
            ``units_`` has only the columns ``row``, ``unit``, ``n_discharges`` and ``amplitude``.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        ValueError
            If the file is not an annotation file, is damaged or is too large.
        """
        bunch = load_annotations(path)
        found = cls()
        events = bunch.events.drop(columns="channel")
        events.insert(0, "row", 0)
        found.n_recordings_ = 1
        found.discharges_ = events[["row", "unit", "time"]].assign(peak=np.nan, confidence=np.nan)
        found.templates_ = bunch.templates
        found.templates_.insert(0, "row", 0)
        counts = events.groupby("unit").size()
        amplitude = bunch.templates.set_index("unit")["signal"].map(np.ptp).groupby("unit").max()
        found.units_ = pd.DataFrame(
            {
                "row": 0,
                "unit": counts.index,
                "n_discharges": counts.to_numpy(),
                "amplitude": amplitude.reindex(counts.index).to_numpy(),
            }
        )
        found.left_out_ = pd.DataFrame(columns=["row", "n_discharges", "reason"])
        return found

    def _joint_names(self, channels: list[str]) -> list[str]:
        return list(_COUNTS)

    def _extract(self, X: NDArray[np.floating], fs: float) -> NDArray[np.floating]:
        results = self._decompose_all(X, fs)
        counts = [
            (len(r.units), sum(len(unit.times) for unit in r.units), len(r.left_out))
            for r in results
        ]
        return np.array(counts, dtype=X.dtype).reshape(len(X), len(_COUNTS))
