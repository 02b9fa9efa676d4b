"""Interference pattern: turns and amplitude, and clouds of healthy subjects."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from sklearn_emg._tables import columns_text, counted
from sklearn_emg._validation import check_fraction, check_real
from sklearn_emg._warnings import warn_of_recordings
from sklearn_emg.feature_extraction import TimeDomainFeatures
from sklearn_emg.motor_units._given import KEYS, checked_rows
from sklearn_emg.motor_units._limit_tables import FACTS, check_groups, healthy_rows, muscle_name
from sklearn_emg.recordings import (
    check_recording_table,
    is_healthy,
    read_signal,
    warn_of_known_subjects,
    warn_of_subject_names,
)

_MIN_CONTROLS = 3
_MIN_POINTS = 10
_ALLOWED = 0.1
_PAIR = ["turns", "turn_amplitude"]
_MIN_FS = 4000.0


def interference_points(table: pd.DataFrame, *, seconds: float = 0.5) -> pd.DataFrame:
    """Compute turns per second and mean amplitude per turn of segments of each recording.

    Parameters
    ----------
    table : DataFrame of shape (n_recordings, n_columns)
        Recording table with the columns ``subject`` and ``muscle`` and, optionally, ``age``,
        ``recording`` and ``side``. Slow drift must be removed first.
    seconds : float, default=0.5
        Length of the segments in s. An incomplete segment at the end of a recording is left out.

    Returns
    -------
    points : DataFrame of shape (n_points, n_columns)
        Points with one row per segment of the first channel. The columns are ``row``, the position
        of the recording; those of the above columns that `table` has; ``start`` of the segment in
        s; ``turns`` per second; and ``turn_amplitude``, the mean amplitude per turn in mV. Turns
        are counted with a threshold of 0.1 mV. Segments without turns are left out.

    Raises
    ------
    ValueError
        If the table is not a recording table or lacks a column.

    Examples
    --------
    >>> from sklearn_emg.datasets import make_nemg_cohort
    >>> from sklearn_emg.motor_units import interference_points
    >>> table, _ = make_nemg_cohort(3, n_recordings=3, duration=1.0, fs=8000.0, return_X_y=True,
    ...                             random_state=0)
    >>> list(interference_points(table).columns[-3:])
    ['start', 'turns', 'turn_amplitude']
    """
    check_recording_table(table)
    check_real(seconds, "seconds", "interference_points", 0.0, above=True)
    if lacking := [name for name in KEYS if name not in table]:
        raise ValueError(f"The table of interference_points lacks the {columns_text(lacking)}.")
    _warn_of_low_rates(table)
    names = [name for name in FACTS if name in table]
    parts = []
    for row, record in enumerate(table.to_dict("records")):
        signal, fs = np.atleast_2d(read_signal(record["signal"]))[0], float(record["fs"])
        size = int(seconds * fs)
        if len(signal) < size:
            continue
        windows = signal[: len(signal) // size * size].reshape(-1, size)
        values = TimeDomainFeatures(_PAIR, fs=fs).fit_transform(windows)
        facts = {str(name): record[name] for name in names}
        start = np.arange(len(values)) * size / fs
        parts.append(
            pd.DataFrame({"row": row, **facts, "start": start}).assign(
                turns=values[:, 0], turn_amplitude=values[:, 1]
            )
        )
    columns = ["row", *names, "start", *_PAIR]
    points = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)
    return points[points["turns"] > 0].reset_index(drop=True)


def _warn_of_low_rates(table: pd.DataFrame) -> None:
    if (table["fs"] < _MIN_FS).any():
        row = int(np.flatnonzero(table["fs"] < _MIN_FS)[0])
        warn_of_recordings(
            "interference_points misses turns at low sampling rates, such as the "
            f"{table['fs'].iloc[row]:g} Hz of row {row}. Use recordings sampled at {_MIN_FS:g} Hz "
            "or more."
        )


class InterferenceCloud:
    """Clouds of turns and amplitudes by muscle, learned from your own healthy subjects.

    The cloud of a muscle is an ellipse that contains most points of healthy subjects, with the
    logarithms of turns per second and mean amplitude per turn as coordinates. A healthy subject has
    few points outside the ellipse. Results are numbers and neutral words, not a diagnosis.

    Parameters
    ----------
    coverage : float, default=0.9
        Expected proportion of the points of a further healthy subject inside the ellipse.

    Attributes
    ----------
    clouds_ : DataFrame of shape (n_muscles, 10)
        Clouds with one row per ``muscle``. The further columns are ``turns`` (1/s) and
        ``turn_amplitude`` (mV) of the centre; the variances ``var_turns`` and ``var_amplitude`` and
        the ``covariance`` of the decadic logarithms; the ``radius`` in standard deviations; the
        ``allowed`` fraction of points outside; and the numbers ``n_controls`` and ``n_points``.
    subjects_ : list
        Names of the controls from whose points the clouds were learned.

    See Also
    --------
    interference_points : Compute the points of a recording table.
    ReferenceLimits : Limits of motor unit potentials.

    Notes
    -----
    Clouds of turns and amplitude were introduced by Stålberg et al. [1]_, who call a study abnormal
    if more than a tenth of its points lie outside. Each control has the same weight. The radius is
    the `coverage` quantile of the distances, in standard deviations, of each control's points from
    the centre of the other controls' points. The allowed fraction is a tenth or, if this is larger,
    the largest fraction of the points of a control that lie outside the cloud of the other
    controls. Of n controls and a further healthy subject, each is about equally likely to have the
    largest fraction, so the probability that the further subject is called abnormal is at most
    about 1 / (n + 1). Clouds depend on the needle, the filter and the forces that were recorded.

    References
    ----------
    .. [1] E. Stålberg, J. Chu, V. Bril, S. Nandedkar, S. Stålberg, M. Ericsson. Automatic analysis
       of the EMG interference pattern. Electroencephalogr. Clin. Neurophysiol. 56 (1983) 672-681.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from sklearn_emg.motor_units import InterferenceCloud
    >>> rng = np.random.default_rng(0)
    >>> points = pd.DataFrame({"subject": np.repeat(list("ABCDE"), 20), "muscle": "deltoid"})
    >>> points["turns"] = 10 ** rng.normal(2.3, 0.1, 100)
    >>> points["turn_amplitude"] = 10 ** rng.normal(-0.5, 0.1, 100)
    >>> high = points[:20].assign(subject="P", turn_amplitude=2.0)
    >>> InterferenceCloud().fit(points).score(high)["summary"].tolist()
    ['points of high amplitude']
    """

    clouds_: pd.DataFrame
    subjects_: list[Any]

    def __init__(self, *, coverage: float = 0.9):
        self.coverage = check_fraction(coverage, "coverage", "InterferenceCloud", below=True)

    def __repr__(self) -> str:
        return f"InterferenceCloud(coverage={self.coverage:g})"

    def fit(self, X: pd.DataFrame, y: ArrayLike | None = None) -> Self:
        """Learn the clouds of healthy subjects.

        A muscle has no cloud if fewer than three controls have at least 10 points each.

        Parameters
        ----------
        X : DataFrame of shape (n_points, n_columns)
            Points with the columns ``subject``, ``muscle``, ``turns`` and ``turn_amplitude``, as
            returned by :func:`interference_points`.
        y : array-like of shape (n_points,), default=None
            Group of each point. Only points of groups called healthy, normal or control are used.
            By default all points are used.

        Returns
        -------
        self : object
            This object, with clouds.

        Raises
        ------
        ValueError
            If a column is missing, if no point belongs to a healthy subject, or if no muscle has
            three controls with at least 10 points each.

        Warns
        -----
        RecordingWarning
            If controls are left out because they have fewer than 10 points of a muscle.
        """
        X = _checked(X)
        if y is not None:
            X = healthy_rows(X, y, type(self).__name__)
        warn_of_subject_names(X["subject"].unique())
        rows, left_out = [], []
        used: set[Any] = set()
        for muscle, part in X.groupby("muscle", sort=True):
            points = _points_of(part)
            few = [name for name, values in points.items() if len(values) < _MIN_POINTS]
            left_out += [f"{name} ({muscle})" for name in few]
            for name in few:
                del points[name]
            if len(points) >= _MIN_CONTROLS:
                rows.append(self._cloud(str(muscle), points))
                used.update(points)
        if not rows:
            raise ValueError(
                f"InterferenceCloud requires at least {_MIN_CONTROLS} controls with {_MIN_POINTS} "
                "points of a muscle, but no muscle has them. Pass more or longer recordings."
            )
        if left_out:
            warn_of_recordings(
                f"InterferenceCloud leaves out {counted(len(left_out), 'control')}, "
                f"{', '.join(left_out[:5])}: fewer than {_MIN_POINTS} points."
            )
        self.clouds_ = pd.DataFrame(rows)
        self.subjects_ = list(dict.fromkeys(X["subject"][X["subject"].isin(used)]))
        return self

    def _cloud(self, muscle: str, points: dict[Any, NDArray[np.float64]]) -> dict[str, Any]:
        outer = {
            name: _distances(values, *_ellipse([v for n, v in points.items() if n != name]))
            for name, values in points.items()
        }
        # Each control has the same weight, however many points it has.
        distances = np.concatenate(list(outer.values()))
        weights = np.concatenate([np.full(len(d), 1 / len(d)) for d in outer.values()])
        order = np.argsort(distances)
        reached = np.cumsum(weights[order]) / weights.sum()
        radius = float(distances[order][np.searchsorted(reached, self.coverage - 1e-12)])
        outside = max(float(np.mean(d > radius)) for d in outer.values())
        centre, covariance = _ellipse(list(points.values()))
        return {
            "muscle": muscle,
            "turns": float(10.0 ** centre[0]),
            "turn_amplitude": float(10.0 ** centre[1]),
            "var_turns": float(covariance[0, 0]),
            "var_amplitude": float(covariance[1, 1]),
            "covariance": float(covariance[0, 1]),
            "radius": radius,
            "allowed": max(_ALLOWED, outside),
            "n_controls": len(points),
            "n_points": len(distances),
        }

    def muscles(self) -> list[str]:
        """Names of the muscles that have a cloud.

        Returns
        -------
        names : list of str
            Names in the order of ``clouds_``.

        Raises
        ------
        ValueError
            If the clouds are not fitted.
        """
        if not hasattr(self, "clouds_"):
            raise ValueError("InterferenceCloud has no clouds yet: call fit first.")
        return list(self.clouds_["muscle"])

    def _row(self, muscle: str) -> dict[str, Any]:
        names = self.muscles()
        found = self.clouds_[self.clouds_["muscle"] == muscle_name(muscle)].to_dict("records")
        if not found:
            raise ValueError(
                f"InterferenceCloud has no cloud of the muscle {muscle_name(muscle)!r}. It has "
                f"clouds of {', '.join(names)}; fit it on controls of this muscle too."
            )
        return {str(name): value for name, value in found[0].items()}

    def outline(self, muscle: str, n_points: int = 200) -> NDArray[np.float64]:
        """Outline of the cloud of a muscle for plots.

        Parameters
        ----------
        muscle : str
            Name of the muscle.
        n_points : int, default=200
            Number of points of the outline.

        Returns
        -------
        outline : ndarray of shape (n_points, 2)
            Turns per second and mean amplitude per turn in mV of each point.

        Raises
        ------
        ValueError
            If the clouds are not fitted, or if there is no cloud of this muscle.
        """
        row = self._row(muscle)
        centre, covariance = _of_row(row)
        angle = np.linspace(0.0, 2.0 * np.pi, n_points)
        circle = np.column_stack([np.cos(angle), np.sin(angle)])
        return 10.0 ** (centre + row["radius"] * circle @ np.linalg.cholesky(covariance).T)

    def score(self, X: pd.DataFrame) -> pd.DataFrame:
        """Compare the points of each subject and muscle with the cloud of the muscle.

        Parameters
        ----------
        X : DataFrame of shape (n_points, n_columns)
            Points as for :meth:`fit`.

        Returns
        -------
        table : DataFrame of shape (n_rows, 8)
            Results with one row per ``subject`` and ``muscle``. The further columns are
            ``n_points``; ``enough``, whether there are at least 10 points; ``outside``, the
            fraction of points outside the cloud; ``allowed``, the allowed fraction; ``abnormal``,
            which is NA if there are not enough points; and ``summary``, in words.

        Raises
        ------
        ValueError
            If the clouds are not fitted, if a column is missing, or if a muscle has no cloud.

        Warns
        -----
        SubjectLeakWarning
            If subjects are among the controls.
        """
        X = _checked(X)
        if hasattr(self, "subjects_"):
            names = dict.fromkeys(X["subject"])
            warn_of_known_subjects(self.subjects_, names, "InterferenceCloud")
        return pd.DataFrame(
            [
                {"subject": subject, "muscle": muscle, **self._score(part, str(muscle))}
                for (subject, muscle), part in X.groupby(KEYS, sort=False)
            ]
        ).astype({"abnormal": "boolean"})

    def _score(self, part: pd.DataFrame, muscle: str) -> dict[str, Any]:
        row = self._row(muscle)
        centre, covariance = _of_row(row)
        values = np.log10(part[_PAIR].to_numpy(dtype=np.float64))
        beyond = _distances(values, centre, covariance) > row["radius"]
        outside = float(beyond.mean())
        found: dict[str, Any] = {
            "n_points": len(part),
            "enough": len(part) >= _MIN_POINTS,
            "outside": outside,
            "allowed": row["allowed"],
        }
        if not found["enough"]:
            return found | {"abnormal": pd.NA, "summary": "too few points for a conclusion"}
        if outside <= row["allowed"]:
            return found | {"abnormal": False, "summary": "within the cloud"}
        return found | {"abnormal": True, "summary": _words(values[beyond], centre, covariance)}

    def cross_score(self, X: pd.DataFrame, y: ArrayLike) -> pd.DataFrame:
        """Score all subjects with clouds of controls, excluding each control from its own cloud.

        Parameters
        ----------
        X : DataFrame of shape (n_points, n_columns)
            Points as for :meth:`fit`.
        y : array-like of shape (n_points,)
            Group of each point. The groups called healthy, normal or control are the controls.

        Returns
        -------
        table : DataFrame of shape (n_rows, 8)
            Results as returned by :meth:`score`, in the order of the subjects in `X`.

        Raises
        ------
        ValueError
            In the same cases as :meth:`fit`, or if there is no cloud of a muscle, with or without
            one of its controls.
        """
        X = _checked(X)
        check_groups(X, y, type(self).__name__)
        labels = np.asarray(y, dtype=object)
        healthy = np.array([is_healthy(label) for label in labels])
        parts = []
        if (~healthy).any():
            parts.append(
                InterferenceCloud(coverage=self.coverage).fit(X, labels).score(X[~healthy])
            )
        for name in dict.fromkeys(X.loc[healthy, "subject"]):
            others = X[healthy & (X["subject"] != name).to_numpy()]
            cloud = InterferenceCloud(coverage=self.coverage).fit(others)
            parts.append(cloud.score(X[X["subject"] == name]))
        order = {name: k for k, name in enumerate(dict.fromkeys(X["subject"]))}
        return pd.concat(parts, ignore_index=True).sort_values(
            "subject", key=lambda names: names.map(order), kind="stable", ignore_index=True
        )


def _checked(X: pd.DataFrame) -> pd.DataFrame:
    X = checked_rows(
        X, _PAIR, one="point", source="interference_points", caller="InterferenceCloud"
    )
    if not (X[_PAIR] > 0).all(axis=None):
        row = X.index[~(X[_PAIR] > 0).all(axis=1)][0]
        raise ValueError(f"The turns and the amplitude of row {row!r} must be positive.")
    return X


def _points_of(part: pd.DataFrame) -> dict[Any, NDArray[np.float64]]:
    """Logarithms of the points of each subject."""
    return {
        name: np.log10(own[_PAIR].to_numpy(dtype=np.float64))
        for name, own in part.groupby("subject", sort=False)
    }


def _ellipse(points: list[NDArray[np.float64]]) -> tuple[NDArray, NDArray]:
    """Centre and covariance of the points of subjects with equal weights."""
    centre = np.mean([values.mean(axis=0) for values in points], axis=0)
    squares = [(values - centre).T @ (values - centre) / len(values) for values in points]
    # The n subjects have n - 1 degrees of freedom.
    covariance = np.mean(squares, axis=0) * len(points) / max(len(points) - 1, 1)
    return centre, covariance + 1e-6 * np.eye(2)  # keeps the ellipse of equal points finite


def _of_row(row: dict[str, Any]) -> tuple[NDArray, NDArray]:
    centre = np.log10([row["turns"], row["turn_amplitude"]])
    off = row["covariance"]
    return centre, np.array([[row["var_turns"], off], [off, row["var_amplitude"]]])


def _distances(values: NDArray, centre: NDArray, covariance: NDArray) -> NDArray[np.float64]:
    """Mahalanobis distances from the centre."""
    apart = np.linalg.solve(np.linalg.cholesky(covariance), (values - centre).T)
    return np.sqrt((apart**2).sum(axis=0))


def _words(values: NDArray, centre: NDArray, covariance: NDArray) -> str:
    """Describe where the points outside lie, if they are at least one SD from the centre."""
    z = (np.median(values, axis=0) - centre) / np.sqrt(np.diag(covariance))
    words = []
    if abs(z[1]) >= 1:
        words.append("high amplitude" if z[1] > 0 else "low amplitude")
    if abs(z[0]) >= 1:
        words.append("many turns" if z[0] > 0 else "few turns")
    return f"points of {' and '.join(words)}" if words else "points on several sides of the cloud"
