"""Updates of a fitted DiVoteClassifier with further recordings."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted, has_fit_parameter

from sklearn_emg._sklearn import last_of
from sklearn_emg._typing import Labels
from sklearn_emg._validation import check_integer, check_option
from sklearn_emg._warnings import warned_once
from sklearn_emg.ensemble._base import DiVote
from sklearn_emg.ensemble._further._steps import (
    learn_references,
    refuse_unknown_labels,
    through_transformers,
    train_further,
    with_last,
)
from sklearn_emg.ensemble._input import Rows, check_weights
from sklearn_emg.model_selection import labels_of_rows
from sklearn_emg.recordings import object_column, refuse_missing_labels, warn_of_other_order

UPDATES = ("refit", "fine_tune", "final")


class Updating(DiVote):
    """Part of DiVoteClassifier that learns from further recordings after ``fit``.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels seen in ``fit``; an update cannot add any.
    """

    classes_: NDArray[Any]

    @warned_once()
    def learn_references(self, X: Any, groups: Labels | None = None) -> Self:
        """Standardise new sites or subjects with unlabelled reference recordings.

        Each :class:`~sklearn_emg.preprocessing.SiteStandardizer` among the steps of `estimator_`
        learns the sites of X with ``partial_fit``; nothing else changes.

        Parameters
        ----------
        X : DataFrame or ndarray
            Reference recordings in the form that ``fit`` takes, with the columns that the
            SiteStandardizer requests.
        groups : array-like of shape (n_rows,), default=None
            Subject of each row; by default, the ``subject`` column of X.

        Returns
        -------
        self : object
            Fitted estimator.

        Raises
        ------
        ValueError
            If no step is a SiteStandardizer, or X differs in form from the X of ``fit``.
        """
        check_is_fitted(self)
        rows, _ = self._check(X, groups=groups, reset=False)
        if not learn_references(self.estimator_, rows.X, rows.columns_of()):
            raise ValueError(
                f"The estimator of {self._caller} has no SiteStandardizer to learn from "
                "references: put one before its classifier."
            )
        return self

    @warned_once()
    def update(
        self,
        X: Any,
        y: Labels,
        groups: Labels | None = None,
        sample_weight: Labels | None = None,
        *,
        how: str = "refit",
        n_epochs: int = 1,
    ) -> Self:
        """Learn from labelled recordings without changing the fitted transformers.

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n_rows, ...)
            Input as in ``fit``. For "refit", give all rows, including those of earlier fits;
            otherwise, give only the new rows.
        y : array-like of shape (n_rows,)
            Label of each row, one of ``classes_`` and the same for all rows of a subject (or unit).
        groups : array-like of shape (n_rows,), default=None
            Subject of each row; by default, the ``subject`` column of X.
        sample_weight : array-like of shape (n_rows,), default=None
            Weight of each row, at least 0. "fine_tune" does not use it when it trains on windows.
        how : {"refit", "fine_tune", "final"}, default="refit"
            "refit" fits the classifier at the end of `estimator_` and the final classifier on all
            rows; the folds of `cv` and of a calibration do not refit the transformers either.
            "final" fits only the final classifier, on the units of earlier fits and those of X.
            "fine_tune" does the same, if there is a final classifier, and also trains the
            classifier of windows further with its ``partial_fit``; the units of X are scored before
            that.
        n_epochs : int, default=1
            Number of passes of "fine_tune" over the windows.

        Returns
        -------
        self : object
            Fitted estimator.

        Raises
        ------
        ValueError
            If y has a new class or, for "refit", lacks a class; if X differs in channels or rate
            from the X of ``fit``; if there is no final classifier for "final"; or if the classifier
            has no ``partial_fit`` for "fine_tune".
        """
        check_option(how, UPDATES, "how", f"{self._caller}.update")
        check_integer(n_epochs, "n_epochs", f"{self._caller}.update")
        check_is_fitted(self)
        rows, _ = self._check(X, groups=groups, reset=False)
        rows.refuse_lost_subjects()
        warn_of_other_order(X, y, "y")
        labels = self._new_labels(y, rows.n_rows)
        weights = check_weights(sample_weight, rows.n_rows)
        if how == "refit":
            self._refit_last(rows, X, labels, weights)
        else:
            self._add_rows(rows, labels, weights, n_epochs if how == "fine_tune" else 0)
        return self

    def _new_labels(self, y: Any, n_rows: int) -> NDArray[Any]:
        """Check the labels of new rows: all classes must be known, but one class is enough."""
        if y is None or len(y) != n_rows:
            raise ValueError(
                f"{self._caller}.update needs one label per row of X, {n_rows} of them; got "
                f"{'none' if y is None else len(y)}."
            )
        refuse_missing_labels(y)
        labels = np.asarray(labels_of_rows(y, n_rows))
        refuse_unknown_labels(labels, self.classes_, self._caller)
        return labels

    def _refit_last(
        self, rows: Rows, X: Any, y: NDArray[Any], weights: NDArray[np.floating] | None
    ) -> None:
        if lost := np.setdiff1d(self.classes_, np.unique(y)).tolist():
            raise ValueError(
                f"X has no row of class {lost[0]!r}: update(how='refit') takes all rows, including "
                "those of earlier fits."
            )
        inner = clone(self).set_params(estimator=clone(last_of(self.estimator_)))
        windows = through_transformers(self.estimator_, rows.X, rows.columns_of())
        inner._fit_rows(replace(rows, X=windows, columns={}), X, y, weights)
        # The attributes change last, so that a failure leaves the earlier state.
        self.estimator_ = with_last(self.estimator_, inner.estimator_)
        kept = ("training_features_", "training_labels_", "training_weights_")
        for name in ("_calibration", "final_estimator_", "subjects_", "by_levels_", *kept):
            setattr(self, name, getattr(inner, name))

    def _add_rows(
        self, rows: Rows, y: NDArray[Any], weights: NDArray[np.floating] | None, n_epochs: int
    ) -> None:
        of_units = self._unit_labels(rows, y)
        if not n_epochs and self.final_estimator_ is None:
            raise ValueError(
                f"update(how='final') fits the final classifier, but {self._caller} has none "
                "(final_estimator=None). Use how='fine_tune' or 'refit'."
            )
        windows = through_transformers(self.estimator_, rows.X, rows.columns_of())
        fitted = last_of(self.estimator_), getattr(self, "_calibration", None)
        if self.final_estimator_ is not None:
            scores = self._row_scores(rows, self._scores_of(fitted, windows, {}))
            self._add_units(rows, self._unit_features(rows, scores), of_units, weights)
        if n_epochs:
            train_further(fitted[0], windows, y[rows.row], n_epochs, rows.groups()[rows.row])
        new = [] if rows.subject_names is None else rows.subject_names.tolist()
        if new or self.subjects_ is not None:
            known = [] if self.subjects_ is None else self.subjects_.tolist()
            self.subjects_ = object_column(dict.fromkeys([*known, *new])).to_numpy()

    def _add_units(
        self,
        rows: Rows,
        features: NDArray[np.floating],
        of_units: NDArray[Any],
        weights: NDArray[np.floating] | None,
    ) -> None:
        """Fit the final classifier on the units of earlier fits and on new ones."""
        given = features, of_units, self._unit_weights(rows, weights)
        kept: Any = self.training_features_, self.training_labels_, self.training_weights_
        joined = [np.concatenate(pair) for pair in zip(kept, given)]
        final = self._new_final()
        params = {}
        if (joined[2] != 1).any():
            if not has_fit_parameter(final, "sample_weight"):
                raise ValueError(
                    f"{type(final).__name__}, the final classifier, takes no sample_weight: use "
                    "one that does, or update without weights."
                )
            params["sample_weight"] = joined[2]
        self.final_estimator_ = final.fit(joined[0], joined[1], **params)
        self.training_features_, self.training_labels_, self.training_weights_ = joined
