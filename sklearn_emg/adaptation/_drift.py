"""Drift alarms by cumulative sums of standardised values, with a set rate of false alarms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq

from sklearn_emg._tables import columns_text, counted
from sklearn_emg._validation import check_option, check_real
from sklearn_emg._warnings import warn_of_recordings

_EXCESS = 1.166  # twice the mean excess of a sum of normal values over its threshold (Siegmund)
_FEW = 50  # with fewer reference values, the mean and standard deviation are too uncertain


def average_run_length(threshold: float, allowance: float, shift: float = 0.0) -> float:
    """Compute the mean number of normal values until a one-sided CUSUM raises an alarm.

    Parameters
    ----------
    threshold : float
        Threshold h of the sum, in standard deviations.
    allowance : float
        Allowance k that is subtracted from each value, in standard deviations.
    shift : float, default=0.0
        Mean of the values, in standard deviations. With 0, the result is the mean number of values
        between false alarms; with a larger shift, it is the mean delay of detection.

    Returns
    -------
    length : float
        Mean number of values.

    Raises
    ------
    ValueError
        If `threshold` or `allowance` is not positive, or `shift` is not finite.

    Notes
    -----
    Siegmund's approximation [1]_ for independent normal values, with :math:`b = h + 1.166` and
    :math:`\\Delta = shift - k`, is

    .. math:: (\\exp(-2 \\Delta b) + 2 \\Delta b - 1) / (2 \\Delta^2),

    and equals :math:`b^2` for :math:`\\Delta = 0`.

    References
    ----------
    .. [1] D. Siegmund, "Sequential Analysis: Tests and Confidence Intervals", Springer, 1985.

    Examples
    --------
    >>> from sklearn_emg.adaptation import average_run_length
    >>> round(average_run_length(5.0, 0.5)), round(average_run_length(5.0, 0.5, shift=1.0), 1)
    (938, 10.3)
    """
    check_real(threshold, "threshold", "average_run_length", 0.0, above=True)
    check_real(allowance, "allowance", "average_run_length", 0.0, above=True)
    check_real(shift, "shift", "average_run_length")
    b, delta = threshold + _EXCESS, shift - allowance
    if abs(delta) < 1e-6:
        return float(b**2)
    return float((np.exp(-2 * delta * b) + 2 * delta * b - 1) / (2 * delta**2))


@dataclass(frozen=True)
class Alarm:
    """Alarm of a :class:`CusumDetector`.

    Attributes
    ----------
    position : int
        Index of the value that raised the alarm.
    since : int
        Index of the first value after the sum was last zero. It estimates when the change began.
    feature : hashable
        Name of the feature, or its index if the features have no names.
    direction : {"up", "down"}
        Whether the values became higher or lower.
    statistic : float
        Cumulative sum at the alarm, in standard deviations.
    """

    position: int
    since: int
    feature: Any
    direction: Literal["up", "down"]
    statistic: float


class CusumDetector:
    """Raise an alarm when the mean of a feature or score has drifted.

    Each value is standardised by the mean and the standard deviation of a reference. A cumulative
    sum in each direction raises an alarm when it exceeds a threshold [1]_. The threshold is chosen
    to give the desired mean number of rows between false alarms.

    Parameters
    ----------
    mean, std : float or array-like of shape (n_features,)
        Mean and standard deviation of each feature without drift.
    shift : float, default=1.0
        Shift of the mean that is to be detected, in standard deviations. Half of it is the
        allowance.
    run_length : float, default=1000.0
        Mean number of rows between false alarms, over all features and directions, if the values
        are normal and independent of one another.
    direction : {"both", "up", "down"}, default="both"
        Direction of the drifts that raise an alarm.
    names : sequence of str, default=None
        Names of the features in the alarms. By default, the features are numbered from 0.

    Attributes
    ----------
    threshold : float
        Threshold of the sums, in standard deviations. It can be set to a different value.
    n_values : int
        Number of rows that have been processed.
    n_missing : int
        Number of NaN values, which are left out of the sums.
    alarms : list of Alarm
        All alarms that have been raised.

    Raises
    ------
    ValueError
        If the shapes of `mean` and `std` or the number of `names` differ, if a mean is not finite,
        if a standard deviation is not positive and finite, or if no threshold gives a `run_length`
        that short.

    See Also
    --------
    average_run_length : Formula for the rate of false alarms and for delays.
    sklearn_emg.streaming.StreamingDiagnosis : Returns the scores of windows as they arrive.

    Notes
    -----
    Values of overlapping windows depend on one another, which makes false alarms more frequent.
    Use one value per recording, or values of windows that do not overlap. False alarms are also
    more frequent if the mean and standard deviation are estimated from few values. After an alarm,
    the sums of its feature start again at zero.

    The threshold follows from Siegmund's formula. If there are m sums, the threshold gives each of
    them a run length of m times `run_length`.

    References
    ----------
    .. [1] E. S. Page, "Continuous inspection schemes", Biometrika 41 (1954) 100-115.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emg.adaptation import CusumDetector
    >>> rng = np.random.default_rng(0)
    >>> detector = CusumDetector.from_reference(
    ...     rng.normal(5.0, 2.0, size=500), run_length=5000
    ... )
    >>> detector.extend(rng.normal(5.0, 2.0, size=100))
    []
    >>> [(alarm.position, alarm.direction) for alarm in detector.extend(np.full(10, 8.0))]
    [(107, 'up')]
    """

    def __init__(
        self,
        mean: float | ArrayLike,
        std: float | ArrayLike,
        *,
        shift: float = 1.0,
        run_length: float = 1000.0,
        direction: Literal["both", "up", "down"] = "both",
        names: Sequence[Any] | None = None,
    ) -> None:
        check_option(direction, ("both", "up", "down"), "direction", "CusumDetector")
        self.shift = check_real(shift, "shift", "CusumDetector", 0.0, above=True)
        self.run_length = check_real(run_length, "run_length", "CusumDetector", 1.0, above=True)
        self.mean, self.std = np.atleast_1d(*(np.asarray(v, dtype=float) for v in (mean, std)))
        if self.mean.ndim != 1 or self.mean.shape != self.std.shape:
            raise ValueError(
                "The 'mean' and 'std' of CusumDetector must each have one value per feature. Got "
                f"shapes {self.mean.shape} and {self.std.shape}."
            )
        self.names = list(range(len(self.mean))) if names is None else list(names)
        if len(self.names) != len(self.mean):
            raise ValueError(
                f"CusumDetector got {counted(len(self.names), 'name')} in 'names' for "
                f"{counted(len(self.mean), 'feature')}."
            )
        if (bad := ~(np.isfinite(self.mean) & (self.std > 0) & np.isfinite(self.std))).any():
            raise ValueError(
                f"Feature {self.names[int(np.argmax(bad))]!r} of CusumDetector has no finite mean, "
                "or its standard deviation is not positive and finite. Leave this feature out."
            )
        self.direction = direction
        self._signs = {"both": (1.0, -1.0), "up": (1.0,), "down": (-1.0,)}[direction]
        self._allowance = self.shift / 2
        self.threshold = self._threshold()
        self.n_values = self.n_missing = 0
        self.alarms: list[Alarm] = []
        self._sums = np.zeros((len(self._signs), len(self.mean)))
        self._since = np.zeros(self._sums.shape, dtype=np.intp)

    @classmethod
    def from_reference(cls, values: pd.DataFrame | ArrayLike, **parameters: Any) -> CusumDetector:
        """Estimate the mean and standard deviation from values without drift.

        Parameters
        ----------
        values : DataFrame or array-like of shape (n_values,) or (n_values, n_features)
            Values of a reference. NaN values are left out. The columns of a DataFrame give the
            names of the features.
        **parameters
            Further parameters of the detector.

        Returns
        -------
        detector : CusumDetector
            Detector with the estimated mean and standard deviation.

        Raises
        ------
        ValueError
            If a feature has fewer than two finite values.

        Warns
        -----
        RecordingWarning
            If a feature has fewer than 50 values, so that its mean is uncertain and false alarms
            are more frequent.
        """
        names = list(values.columns) if isinstance(values, pd.DataFrame) else None
        array = np.asarray(values, dtype=float)
        array = array[:, np.newaxis] if array.ndim == 1 else array
        counts = np.isfinite(array).sum(axis=0)
        if array.ndim != 2 or not len(array) or counts.min() < 2:
            raise ValueError(
                "CusumDetector.from_reference needs at least two finite values of each feature. "
                f"Got shape {array.shape}."
            )
        if counts.min() < _FEW:
            warn_of_recordings(
                f"CusumDetector estimates a mean and a standard deviation from {counts.min()} "
                "values. Both are uncertain, and false alarms are more frequent than 'run_length' "
                f"states. Give {_FEW} or more values.",
            )
        mean, std = np.nanmean(array, axis=0), np.nanstd(array, axis=0, ddof=1)
        return cls(mean, std, **{"names": names, **parameters})

    def _threshold(self) -> float:
        """Find the threshold of each sum that gives all sums together the desired run length."""
        wanted = self.run_length * len(self._signs) * len(self.mean)

        def excess(h: float) -> float:
            return average_run_length(h, self._allowance) - wanted

        if excess(1e-6) > 0:
            raise ValueError(
                f"No threshold of CusumDetector gives a 'run_length' as short as "
                f"{self.run_length:g} with a shift of {self.shift:g}. Increase 'run_length'."
            )
        high = 1.0
        while excess(high) < 0:
            high *= 2
        return float(brentq(excess, 1e-6, high))

    def expected_delay(self, shift: float | None = None) -> float:
        """Compute the mean number of values until a shift of one feature raises an alarm.

        Parameters
        ----------
        shift : float, default=None
            Size of the shift in standard deviations. By default, it is the `shift` of the detector.

        Returns
        -------
        delay : float
            Mean number of values.
        """
        shift = self.shift if shift is None else abs(shift)
        return average_run_length(self.threshold, self._allowance, shift)

    def update(self, values: float | ArrayLike) -> list[Alarm]:
        """Update the sums with one value of each feature.

        Parameters
        ----------
        values : float or array-like of shape (n_features,)
            Value of each feature. NaN leaves the sums of its feature unchanged. The values of a
            Series are found by the names of the features.

        Returns
        -------
        alarms : list of Alarm
            Alarms that these values raised; usually the list is empty.

        Raises
        ------
        ValueError
            If the number of values is not the number of features, or a value is infinite.
        """
        if isinstance(values, pd.Series) and values.index.is_unique:
            by_name = values.index.isin(self.names).sum() == len(self.names)
            values = values[list(self.names)] if by_name else values
        row: NDArray[np.float64] = np.atleast_1d(np.asarray(values, dtype=float))
        if row.shape != self.mean.shape or np.isinf(row).any():
            raise ValueError(
                f"CusumDetector takes {counted(len(self.mean), 'finite value')} (or NaN) at a "
                f"time. Got {row.tolist()!r:.80}."
            )
        missing = np.isnan(row)
        z = np.where(missing, 0.0, (row - self.mean) / self.std)
        found = []
        for k, sign in enumerate(self._signs):
            steps = np.where(missing, 0.0, sign * z - self._allowance)
            self._sums[k] = np.maximum(self._sums[k] + steps, 0.0)
            self._since[k, self._sums[k] == 0] = self.n_values + 1
            for feature in np.flatnonzero(self._sums[k] > self.threshold):
                found.append(self._alarm(k, int(feature)))
        self.n_values += 1
        self.n_missing += int(missing.sum())
        self.alarms += found
        return found

    def _alarm(self, k: int, feature: int) -> Alarm:
        """Create the alarm of a sum and reset the sums of its feature."""
        alarm = Alarm(
            self.n_values,
            int(self._since[k, feature]),
            self.names[feature],
            "up" if self._signs[k] > 0 else "down",
            float(self._sums[k, feature]),
        )
        self._sums[:, feature], self._since[:, feature] = 0.0, self.n_values + 1
        return alarm

    def extend(self, values: pd.DataFrame | ArrayLike) -> list[Alarm]:
        """Update the sums with several rows of values in chronological order.

        Parameters
        ----------
        values : DataFrame or array-like of shape (n_values,) or (n_values, n_features)
            Values with one row for each :meth:`update`. Of the columns of a DataFrame, only those
            with the names of the features are used.

        Returns
        -------
        alarms : list of Alarm
            Alarms that these values raised, in chronological order.

        Raises
        ------
        ValueError
            If a DataFrame lacks the column of a feature, if a row does not have one value per
            feature, or if a value is infinite.
        """
        if isinstance(values, pd.DataFrame):
            if missing := [name for name in self.names if name not in values.columns]:
                raise ValueError(f"The table lacks the {columns_text(missing)} of CusumDetector.")
            values = values[self.names]
        rows = np.asarray(values, dtype=float)
        return [alarm for row in rows for alarm in self.update(row)]
