"""Aggregate the scores of windows into recordings and subjects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sklearn_emg._tables import counted
from sklearn_emg._warnings import warn
from sklearn_emg.ensemble._input import Rows
from sklearn_emg.exceptions import RecordingWarning
from sklearn_emg.recordings import mean_by_code


@dataclass(frozen=True)
class Votes:
    """Scores and diagnoses of windows, recordings and subjects, as tables.

    Score columns are called ``score_<class>``; the scores of a row with windows sum to one. The
    tables of :class:`DiVoteRegressor` have a column ``prediction`` in place of the scores, votes,
    diagnoses and probabilities.

    Attributes
    ----------
    windows : DataFrame of shape (n_windows, ...)
        Columns are ``row`` (position of the recording in X), ``start`` (in s; only if recordings
        were cut), ``subject``, the scores, and ``vote`` (the class with the highest score).
    recordings : DataFrame of shape (n_rows, ...)
        The index is that of X. Columns are ``subject``, those named by `unit` and `by`,
        ``n_windows``, the mean scores of the windows (NaN for a recording without windows) and
        ``vote`` (missing for such a recording).
    subjects : DataFrame of shape (n_units, ...)
        The index holds the subjects or, with a different `unit`, the pairs of subject and unit.
        Columns are ``n_recordings``, the mean scores of the subject's recordings ("feature-all"),
        ``vote``, the ``feature_...`` columns that the final classifier reads, ``diagnosis``, and
        ``probability_<class>``. The columns of probabilities are absent if the final classifier
        gives no probabilities.
    """

    windows: pd.DataFrame
    recordings: pd.DataFrame
    subjects: pd.DataFrame


@dataclass(frozen=True)
class Diagnoses:
    """Scores of rows and units, and the output of the final classifier.

    Attributes
    ----------
    rows : ndarray of shape (n_rows, n_classes)
        Scores of rows; NaN for a row without windows.
    units : ndarray of shape (n_units, n_classes)
        Mean scores of the rows of each unit; NaN for a unit without windows.
    features : ndarray of shape (n_units, n_features)
        Features that the final classifier reads.
    proba : ndarray of shape (n_units, n_classes) or None
        Class probabilities of units; None if the final classifier gives none.
    diagnosis : ndarray of shape (n_units,)
        Predicted class of each unit.
    """

    rows: NDArray[np.floating]
    units: NDArray[np.floating]
    features: NDArray[np.floating]
    proba: NDArray[np.floating] | None
    diagnosis: NDArray[Any]


@dataclass(frozen=True)
class Aggregation:
    """Aggregation of the scores of rows into features of units.

    Attributes
    ----------
    classes : ndarray of shape (n_classes,)
        Class labels.
    by : str or None
        Name of the column whose values are averaged separately.
    levels : list or None
        Values of this column in training.
    unit : str
        Column that defines the unit of diagnosis.
    """

    classes: NDArray[Any]
    by: str | None
    levels: list[Any] | None
    unit: str

    @property
    def score_names(self) -> list[str]:
        return [f"score_{c}" for c in self.classes]

    @property
    def probability_names(self) -> list[str]:
        return [f"probability_{c}" for c in self.classes]

    @property
    def feature_names(self) -> list[str]:
        if self.by is None:
            return [f"feature_{c}" for c in self.classes]
        return [f"feature_{level}_{c}" for level in self.levels or [] for c in self.classes]

    def unit_means(self, rows: Rows, scores: NDArray[np.floating]) -> NDArray[np.floating]:
        """Mean scores of each unit's rows ("feature-all"); NaN for a unit without windows."""
        valid = np.isfinite(scores[:, 0])
        return mean_by_code(scores[valid], rows.unit[valid], len(rows.unit_index))

    def _level_means(
        self, rows: Rows, by: NDArray[Any], scores: NDArray[np.floating]
    ) -> NDArray[np.floating]:
        """Mean scores of shape (n_units, n_levels, n_classes); NaN if a unit lacks a level."""
        levels = self.levels or []
        n_units, n_levels = len(rows.unit_index), len(levels)
        position = {level: k for k, level in enumerate(levels)}
        level = np.array([position.get(value, -1) for value in by])
        valid = np.isfinite(scores[:, 0]) & (level >= 0)
        codes = rows.unit[valid] * n_levels + level[valid]
        means = mean_by_code(scores[valid], codes, n_units * n_levels)
        return means.reshape(n_units, n_levels, -1)

    def warn_of_unknown_levels(self, rows: Rows) -> None:
        """Warn about values of `by` that were not in the training table."""
        if rows.by is not None and (unknown := set(rows.by) - set(self.levels or [])):
            warn(
                f"Recordings with {self.by} {', '.join(sorted(map(repr, unknown)))} are left out "
                f"of the subject features: the training table had only {self.levels}.",
                UserWarning,
            )

    def warn_of_units_without_windows(self, rows: Rows, means: NDArray[np.floating]) -> None:
        """Warn about units without scores; `means` is the result of `unit_means`."""
        empty = np.flatnonzero(np.isnan(means[:, 0]))
        if empty.size:
            names = ", ".join(repr(rows.unit_index.tolist()[k]) for k in empty[:3])
            warn(
                f"No usable window in {empty.size} of {counted(len(means), self.unit)} "
                f"({names}{', ...' if empty.size > 3 else ''}): the scores are "
                f"1/{len(self.classes)} and contain no information. Leave these recordings out, or "
                "correct them.",
                RecordingWarning,
            )

    def unit_features(self, rows: Rows, scores: NDArray[np.floating]) -> NDArray[np.floating]:
        """Features that the final classifier reads; 1/n_classes where a unit lacks a level."""
        if rows.by is None:
            features = self.unit_means(rows, scores)
        else:
            means = self._level_means(rows, rows.by, scores)
            features = means.reshape(len(rows.unit_index), -1)
        return np.where(np.isfinite(features), features, 1.0 / len(self.classes))

    def average(self, rows: Rows, scores: NDArray[np.floating]) -> NDArray[np.floating]:
        """Class probabilities of units by simple averaging."""
        if rows.by is None:
            return self.unit_features(rows, scores)
        means = self._level_means(rows, rows.by, scores)
        present = np.isfinite(means)
        total = np.where(present, means, 0.0).sum(axis=1)
        count = present.sum(axis=1)
        return np.where(count > 0, total / np.maximum(count, 1), 1.0 / len(self.classes))

    def best(self, scores: NDArray[np.floating]) -> NDArray[Any]:
        """Class with the highest score; None if there are no scores."""
        best = self.classes[np.argmax(np.nan_to_num(scores, nan=-1.0), axis=1)]
        missing = np.isnan(scores[:, 0])
        if missing.any():
            best = best.astype(object)
            best[missing] = None
        return best

    def windows_table(self, rows: Rows, scores: NDArray[np.floating]) -> pd.DataFrame:
        """Table `Votes.windows`, from the scores of windows."""
        windows = table_of_windows(rows)
        windows[self.score_names] = scores
        windows["vote"] = self.classes[np.argmax(scores, axis=1)]
        return windows

    def recordings_table(self, rows: Rows, scores: NDArray[np.floating]) -> pd.DataFrame:
        """Table `Votes.recordings`, from the scores of rows."""
        recordings = table_of_recordings(rows, self.unit, self.by)
        recordings[self.score_names] = scores
        recordings["vote"] = self.best(scores)
        return recordings

    def subjects_table(self, rows: Rows, found: Diagnoses) -> pd.DataFrame:
        """Table `Votes.subjects`, from the diagnoses."""
        subjects = table_of_units(rows)
        subjects[self.score_names] = found.units
        subjects["vote"] = self.best(found.units)
        subjects[self.feature_names] = found.features
        subjects["diagnosis"] = found.diagnosis
        if found.proba is not None:
            subjects[self.probability_names] = found.proba
        return subjects


def table_of_windows(rows: Rows) -> pd.DataFrame:
    """Return the row, start and subject of each window.

    Parameters
    ----------
    rows : Rows
        Windows and the units that they belong to.

    Returns
    -------
    windows : DataFrame of shape (n_windows, 2 or 3)
        Columns ``row``, ``start`` (in s, if windows were cut) and ``subject``.
    """
    windows = pd.DataFrame({"row": rows.row})
    if rows.start is not None:
        windows["start"] = rows.start
    return windows.assign(subject=rows.unit_index.get_level_values(0)[rows.unit[rows.row]])


def table_of_recordings(rows: Rows, unit: str, by: str | None) -> pd.DataFrame:
    """Return the subject, unit, value of `by` and number of windows of each recording.

    Parameters
    ----------
    rows : Rows
        Windows and the units that they belong to.
    unit : str
        Column of the unit of a diagnosis.
    by : str or None
        Column whose values are voted on separately.

    Returns
    -------
    recordings : DataFrame of shape (n_recordings, n_columns)
        Columns ``subject``, `unit` (unless it is ``subject``), `by` (if given) and ``n_windows``.
    """
    subjects = rows.unit_index.get_level_values(0)
    recordings = pd.DataFrame({"subject": subjects[rows.unit]}, index=rows.index)
    if unit != "subject":
        recordings[unit] = rows.unit_index.get_level_values(1)[rows.unit]
    if rows.by is not None:
        recordings[by] = rows.by
    return recordings.assign(n_windows=np.bincount(rows.row, minlength=rows.n_rows))


def table_of_units(rows: Rows) -> pd.DataFrame:
    """Count the recordings of each unit.

    Parameters
    ----------
    rows : Rows
        Recordings and the units to which they belong.

    Returns
    -------
    table : DataFrame of shape (n_units, 1)
        Column ``n_recordings``, indexed by unit.
    """
    n_recordings = np.bincount(rows.unit, minlength=len(rows.unit_index))
    return pd.DataFrame({"n_recordings": n_recordings}, index=rows.unit_index)
