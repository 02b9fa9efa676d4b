"""Base class of DiVoteClassifier and DiVoteRegressor: windows, fits and out-of-fold scores."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, ClassVar, Self

import joblib
import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from numpy.typing import NDArray
from sklearn.base import MetaEstimatorMixin, clone
from sklearn.pipeline import Pipeline
from sklearn.utils import Tags, get_tags
from sklearn.utils.validation import check_is_fitted

from sklearn_emg._sklearn import (
    POSITIVE,
    HasMethods,
    HasPredict,
    Integral,
    Interval,
    StrOptions,
    last_of,
    safe_indexing,
)
from sklearn_emg._typing import Labels
from sklearn_emg._warnings import warned_once
from sklearn_emg.ensemble._checks import InputChecks
from sklearn_emg.ensemble._fitting import (
    fit_metadata,
    fit_weights,
    fit_windows,
    hold_out_subjects,
    name_channels,
)
from sklearn_emg.ensemble._further._steps import through_transformers
from sklearn_emg.ensemble._input import Rows, check_weights, column_of
from sklearn_emg.ensemble._metadata import Columns, column_params
from sklearn_emg.ensemble._rates import give_rate
from sklearn_emg.ensemble._votes import Votes
from sklearn_emg.model_selection import Split
from sklearn_emg.recordings import (
    WindowSet,
    is_recording_table,
    mean_by_code,
    rate_of_table,
    warn_of_known_subjects,
    warn_of_other_order,
    warn_of_similar_names,
)


class DiVote(MetaEstimatorMixin, InputChecks, ABC):
    """Cut recordings into windows, fit an estimator to them and aggregate its output.

    A subclass defines the scores of windows (:meth:`_scores_of`) and of recordings
    (:meth:`_row_scores`), and the prediction for each unit (:meth:`_unit_features`,
    :meth:`_answers`).
    """

    takes_kept: ClassVar[bool] = True  # it accepts stored recordings
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "estimator": [HasPredict()],
        "window": [POSITIVE, None],
        "step": [POSITIVE, None],
        "by": [str, None],
        "final_estimator": [HasPredict(), None],
        "cv": [
            Interval(Integral, 2, None, closed="left"),
            HasMethods(["split", "get_n_splits"]),
            Iterable,
            None,
        ],
        "unit": [str],
        "features": [list, None],
        "tail": [StrOptions({"drop", "overlap", "pad"})],
        "nan": [StrOptions({"raise", "skip"})],
        "short": [StrOptions({"raise", "skip"})],
        "n_jobs": [Integral, None],
        "verbose": ["verbose"],
        "memory": [None, str, HasMethods(["cache"])],
    }

    final_estimator: Any
    weights: str | None = None
    n_jobs: int | None
    verbose: int
    memory: str | joblib.Memory | None

    # ------------------------------------------------- what a subclass defines

    @abstractmethod
    def _check_estimator(self) -> None:
        """Raise an error if an estimator is of the wrong kind."""

    @abstractmethod
    def _learn_target(self, y: NDArray[Any]) -> None:
        """Learn the classes, or other properties of the training target."""

    def _learn_units(self, of_units: NDArray[Any]) -> None:
        """Learn properties of the targets of the units."""

    @abstractmethod
    def _new_final(self) -> Any:
        """Return the unfitted final estimator."""

    @property
    @abstractmethod
    def _n_scores(self) -> int:
        """Number of scores per window."""

    @abstractmethod
    def _scores_of(self, fitted: Any, X: Any, columns: Columns) -> NDArray[np.floating]:
        """Scores of windows, of shape (n_windows, n_scores), from the result of `_fit_inner`."""

    @abstractmethod
    def _fit_inner(
        self,
        rows: Rows,
        y: NDArray,
        weights: NDArray[np.floating] | None,
        times: NDArray[np.intp],
    ) -> Any:
        """Fit the estimator of windows; `times` is how often each row is used, 0 for never."""

    @abstractmethod
    def _keep_inner(self, fitted: Any) -> None:
        """Store the result of `_fit_inner` in fitted attributes."""

    @abstractmethod
    def _row_scores(self, rows: Rows, windows: NDArray[np.floating]) -> NDArray[np.floating]:
        """Scores of rows, averaged over their windows; NaN for a row without windows."""

    @abstractmethod
    def _unit_features(self, rows: Rows, scores: NDArray[np.floating]) -> NDArray[np.floating]:
        """Features of units for the final estimator, from the scores of rows."""

    @abstractmethod
    def _answers(self, rows: Rows) -> NDArray[Any]:
        """Prediction for each unit."""

    @abstractmethod
    def vote(self, X: Any, groups: Labels | None = None) -> Votes:
        """Scores of windows, recordings and subjects."""

    # ------------------------------------------------- input

    def _check(
        self, X: Any, y: Any = None, groups: Labels | None = None, *, reset: bool
    ) -> tuple[Rows, NDArray | None]:
        rows, y = super()._check(X, y, groups, reset=reset)
        if self.weights not in (None, "windows"):
            table = X if isinstance(X, pd.DataFrame) else None
            given = column_of(table, self.weights, "weights", self._caller)
            weights = check_weights(given, rows.n_rows, f"Column {self.weights!r}")
            rows = replace(rows, weights=weights)
        return rows, y

    def _weights_of(self, rows: Rows) -> NDArray[np.floating] | None:
        """Weight of each row in the average over its unit."""
        if self.weights == "windows":
            return np.bincount(rows.row, minlength=rows.n_rows).astype(float)
        return rows.weights

    # ------------------------------------------------- fit

    @warned_once()
    def fit(
        self,
        X: Any,
        y: Labels,
        groups: Labels | None = None,
        sample_weight: Labels | None = None,
    ) -> Self:
        """Fit the estimator of windows and the final estimator.

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n_rows, ...)
            Recording table or, with ``window=None``, a feature table or an array of windows.
        y : array-like of shape (n_rows,)
            Target of each row, which must be the same for all rows of a subject (or unit).
        groups : array-like of shape (n_rows,), default=None
            Subject of each row; by default, the ``subject`` column of X. If there is neither, each
            row counts as a separate subject.
        sample_weight : array-like of shape (n_rows,), default=None
            Weight of each row, at least 0. Each window has the weight of its row in the fit and the
            calibration of `estimator`, and each unit has the mean weight of its rows in the fit of
            the final estimator. The averages of scores ignore these weights.

        Returns
        -------
        self : object
            Fitted estimator.
        """
        self._validate_params()
        self._check_estimator()
        warn_of_other_order(X, sample_weight, "sample_weight")
        rows, target = self._check(X, y, groups, reset=True)
        rows.refuse_lost_subjects()
        self._check_units(rows, self._unit_labels(rows, np.asarray(target)))
        self._fit_rows(rows, X, np.asarray(target), check_weights(sample_weight, rows.n_rows))
        return self

    def _check_units(self, rows: Rows, of_units: NDArray[Any]) -> None:
        """Warn of targets from which little can be learned."""

    def _fit_rows(
        self, rows: Rows, X: Any, y: NDArray[Any], weights: NDArray[np.floating] | None
    ) -> None:
        """Fit on checked rows of X."""
        self.subjects_ = rows.subject_names
        self._learn_target(y)
        self.by_levels_ = None if rows.by is None else sorted(set(rows.by), key=_sort_key)
        warn_of_similar_names(self.by_levels_ or (), f"{self.by!r} value")
        of_units = self._unit_labels(rows, y)
        self._learn_units(of_units)
        # All checks come before the training of the estimator, which can take a long time.
        out_of_fold = self._scores_out_of_fold()
        splits = self._splits(rows, X, y) if out_of_fold else []
        self._check_pretrained(rows, splits)
        fitted = self._fit_inner(rows, y, weights, np.ones(rows.n_rows, dtype=np.intp))
        self._keep_inner(fitted)
        self.final_estimator_: Any = None
        self.training_features_: NDArray[np.floating] | None = None
        self.training_labels_: NDArray[Any] | None = None
        self.training_weights_: NDArray[np.floating] | None = None
        if out_of_fold:
            scores = self._out_of_fold(rows, y, weights, splits)
        elif self.final_estimator is not None:
            windows = self._scores_of(fitted, rows.X, rows.columns_of())
            scores = self._row_scores(rows, windows)
        else:
            return
        self._fit_units(rows, scores, of_units, weights, splits)

    def _scores_out_of_fold(self) -> bool:
        """Whether `cv` is used."""
        return self.final_estimator is not None and self.cv is not None

    def _fit_units(
        self,
        rows: Rows,
        scores: NDArray[np.floating],
        of_units: NDArray[Any],
        weights: NDArray[np.floating] | None,
        splits: list[Split],
    ) -> None:
        """Fit the final estimator on the features of the units that have a window."""
        features = self._unit_features(rows, scores)
        seen = np.isin(np.arange(len(rows.unit_index)), rows.unit[np.isfinite(scores[:, 0])])
        self.training_features_ = features[seen]
        self.training_labels_ = of_units[seen]
        self.training_weights_ = self._unit_weights(rows, weights)[seen]
        self.final_estimator_ = self._fit_final(rows, features, of_units, weights, seen)

    def _fit_final(
        self,
        rows: Rows,
        features: NDArray[np.floating],
        of_units: NDArray[Any],
        weights: NDArray[np.floating] | None,
        used: NDArray[np.bool_],
    ) -> Any:
        """Return a clone of the final estimator, fitted on some of the units."""
        final, params = self._new_final(), {}
        if weights is not None:
            params = fit_weights(final, self._unit_weights(rows, weights)[used])
        return final.fit(features[used], of_units[used], **params)

    def _unit_weights(
        self, rows: Rows, weights: NDArray[np.floating] | None
    ) -> NDArray[np.floating]:
        """Mean weight of the rows of each unit."""
        if weights is None:
            return np.ones(len(rows.unit_index))
        return mean_by_code(weights[:, np.newaxis], rows.unit, len(rows.unit_index))[:, 0]

    def _fit_estimator(
        self,
        rows: Rows,
        y: NDArray,
        weights: NDArray[np.floating] | None,
        times: NDArray[np.intp],
    ) -> Any:
        X, row, columns = rows.X, rows.row, rows.columns_of()
        if (times != 1).any():
            windows = np.repeat(np.arange(len(row)), times[row])
            X, row = safe_indexing(X, windows), row[windows]
            columns = {name: values[windows] for name, values in columns.items()}
        estimator = clone(self.estimator)
        self._rates = {} if rows.fs is None else give_rate(estimator, rows.fs)
        subject, groups = rows.subject[row], rows.groups()[row]
        known = rows.subject_names is not None
        target, before = self._target_of_windows(y, row), {}
        if target is not None:
            before = hold_out_subjects(
                estimator, X, target, subject, groups, known, self._caller, numbers=self._numbers
            )
        params = fit_metadata(estimator, groups, None if weights is None else weights[row])
        params |= column_params(estimator, "fit", columns)
        with rate_of_table(rows.fs):
            fitted = fit_windows(estimator, X, target, params, self.memory)
        name_channels(fitted, getattr(self, "channel_names_", None))
        return fitted.set_params(**before) if before else fitted

    def _target_of_windows(self, y: NDArray, row: NDArray[np.intp]) -> NDArray | None:
        """Target of each window for the estimator; None if it learns without a target."""
        return y[row]

    def _out_of_fold(
        self,
        rows: Rows,
        y: NDArray,
        weights: NDArray[np.floating] | None,
        splits: list[Split],
    ) -> NDArray[np.floating]:
        """Mean scores of each row from an estimator that was not trained on its subject."""
        parts = Parallel(n_jobs=self.n_jobs, verbose=int(self.verbose))(
            delayed(self._score_fold)(rows, y, weights, train, test) for train, test in splits
        )
        scores = np.full((rows.n_rows, self._n_scores), np.nan)
        for (_, test), part in zip(splits, parts):
            scores[test] = part[test]
        return scores

    def _score_fold(
        self,
        rows: Rows,
        y: NDArray,
        weights: NDArray[np.floating] | None,
        train: NDArray[np.intp],
        test: NDArray[np.intp],
    ) -> NDArray[np.floating]:
        times = np.bincount(train, minlength=rows.n_rows)
        fitted = self._fit_inner(rows, y, weights, times)
        windows = np.flatnonzero(np.isin(rows.row, test))
        if not windows.size:
            return np.full((rows.n_rows, self._n_scores), np.nan)
        X, columns = safe_indexing(rows.X, windows), rows.columns_of(windows)
        values = self._scores_of(fitted, X, columns)
        return self._row_scores(replace(rows, row=rows.row[windows]), values)

    def windows(self, X: Any) -> WindowSet:
        """Cut X into the windows that ``estimator_`` gets, in the order of ``vote(X).windows``.

        Parameters
        ----------
        X : DataFrame or ndarray
            Input as in ``fit``.

        Returns
        -------
        windows : WindowSet
            Windows, in the attribute ``X``. For feature tables and arrays, these are the rows of
            features, with ``start`` 0 and ``fs`` NaN.
        """
        check_is_fitted(self)
        if is_recording_table(X):
            windows = self._recording_windows(X, reset=False)
            return replace(windows, X=np.asarray(windows.X))
        inner, _ = self._check_matrix(X, None, None, reset=False)
        n_rows = len(inner)
        return WindowSet(
            inner, np.arange(n_rows), np.zeros(n_rows, dtype=np.intp), float("nan"), n_rows, {}
        )

    def _warn_of_known_subjects(self, rows: Rows) -> None:
        """Warn about subjects that the estimator, or a pretrained part of it, was trained on."""
        if rows.subject_names is not None:
            known = {*(() if self.subjects_ is None else self.subjects_), *self._pretrained}
            given = rows.subject_names.tolist()
            warn_of_known_subjects(known, given, self._caller)

    def _checked_rows(self, X: Any, groups: Labels | None) -> Rows:
        """Check the input of a public method, and warn about training subjects in it."""
        check_is_fitted(self)
        rows, _ = self._check(X, groups=groups, reset=False)
        self._warn_of_known_subjects(rows)
        return rows

    @warned_once()
    def predict(self, X: Any, groups: Labels | None = None) -> NDArray:
        """Predict the target of the subject of each row.

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n_rows, ...)
            Input as in ``fit``, with all recordings of each subject.
        groups : array-like of shape (n_rows,), default=None
            Subject of each row; by default, the ``subject`` column of X.

        Returns
        -------
        y : ndarray of shape (n_rows,)
            Predicted targets, which are the same for all rows of a subject (or unit).

        Warns
        -----
        SubjectLeakWarning
            If the model was trained on any of the subjects.
        """
        rows = self._checked_rows(X, groups)
        return self._answers(rows)[rows.unit]

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.input_tags.allow_nan = get_tags(self.estimator).input_tags.allow_nan
        tags.input_tags.sparse = False
        return tags


def _sort_key(value: Any) -> tuple[str, Any]:
    # A column may hold both numbers and text; each type is sorted separately.
    return (
        (type(value).__name__, value) if isinstance(value, (str, int, float)) else ("", str(value))
    )


def find_votes(estimator: Any, X: Any) -> Votes | None:
    """Return the votes of a fitted estimator that ends with DiVote.

    Parameters
    ----------
    estimator : fitted estimator
        A DiVoteClassifier or DiVoteRegressor, a Pipeline that ends with one, or a search over
        either.
    X : DataFrame or ndarray
        Rows to predict.

    Returns
    -------
    votes : Votes or None
        Votes of the rows; None if the estimator does not end with DiVote.
    """
    if isinstance(estimator, DiVote):
        return estimator.vote(X)
    if hasattr(estimator, "best_estimator_"):
        return find_votes(estimator.best_estimator_, X)
    if isinstance(estimator, Pipeline) and len(estimator.steps) > 0:
        last = last_of(estimator)
        if isinstance(last, DiVote) or hasattr(last, "best_estimator_"):
            return find_votes(last, through_transformers(estimator, X))
    return None
