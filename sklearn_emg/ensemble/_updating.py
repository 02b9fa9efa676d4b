"""Learning further recordings after ``fit``: steps of a chain, and their last classifier."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from inspect import signature
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted, has_fit_parameter

from sklearn_emg._typing import Labels
from sklearn_emg._validation import check_integer, check_option
from sklearn_emg._warnings import warned_once
from sklearn_emg.ensemble._base import DiVote
from sklearn_emg.ensemble._input import Rows, check_weights
from sklearn_emg.ensemble._metadata import Columns, call_with_columns, column_params
from sklearn_emg.model_selection import labels_of_rows, refuse_missing_labels
from sklearn_emg.preprocessing import SiteStandardizer
from sklearn_emg.recordings import object_column

UPDATES = ("refit", "fine_tune", "final")


def last_of(model: Any) -> Any:
    """The predictor at the end of a pipeline; a model without steps is its own.

    Parameters
    ----------
    model : estimator

    Returns
    -------
    last : estimator
    """
    while isinstance(model, Pipeline):
        model = model.steps[-1][1]
    return model


def transformers_of(model: Any) -> Iterator[Any]:
    """Transformers before the last predictor of a pipeline, without samplers of training rows.

    Parameters
    ----------
    model : estimator

    Yields
    ------
    step : transformer
    """
    if not isinstance(model, Pipeline):
        return
    for _, step in model.steps[:-1]:
        inner = [*transformers_of(step), last_of(step)] if isinstance(step, Pipeline) else [step]
        yield from (
            part
            for part in inner
            if part is not None and part != "passthrough" and not hasattr(part, "fit_resample")
        )
    yield from transformers_of(model.steps[-1][1])


def with_last(model: Any, last: Any) -> Any:
    """A pipeline of the same fitted transformers with another predictor at the end.

    Parameters
    ----------
    model : estimator
    last : fitted estimator

    Returns
    -------
    model : estimator
    """
    if not isinstance(model, Pipeline):
        return last
    *head, (name, end) = model.steps
    return type(model)([*head, (name, with_last(end, last))])


def through_transformers(model: Any, X: Any, columns: Columns | None = None) -> Any:
    """X as it reaches the last predictor of a fitted pipeline.

    Parameters
    ----------
    model : fitted estimator
    X : ndarray or DataFrame
    columns : dict of str to ndarray, default=None
        Columns of the rows, for the steps that request them.

    Returns
    -------
    X : ndarray or DataFrame
    """
    for step in transformers_of(model):
        X = call_with_columns(step, "transform", X, columns or {})
    return X


def learn_references(model: Any, X: Any, columns: Columns | None = None) -> int:
    """Give reference rows to the SiteStandardizers of a fitted pipeline.

    Parameters
    ----------
    model : fitted estimator
    X : ndarray or DataFrame
        Rows of references.
    columns : dict of str to ndarray, default=None
        Columns of the rows, for the steps that request them.

    Returns
    -------
    n_steps : int
        Number of SiteStandardizers that learned.
    """
    steps = list(transformers_of(model))
    learning = [k for k, step in enumerate(steps) if isinstance(step, SiteStandardizer)]
    for k, step in enumerate(steps[: learning[-1] + 1] if learning else ()):
        if k in learning:
            step.partial_fit(X, **column_params(step, "partial_fit", columns or {}))
        if k < learning[-1]:
            X = call_with_columns(step, "transform", X, columns or {})
    return len(learning)


def train_further(
    last: Any, X: Any, y: NDArray[Any], n_epochs: int, groups: NDArray[Any] | None = None
) -> None:
    """Train a fitted classifier further, from where it stands.

    Parameters
    ----------
    last : fitted classifier
    X : ndarray or DataFrame of n_rows rows
    y : ndarray of shape (n_rows,)
    n_epochs : int
        Number of passes over the rows.
    groups : ndarray of shape (n_rows,) or None, default=None
        Subjects, for a classifier that remembers them.

    Raises
    ------
    ValueError
        If the classifier has no ``partial_fit``.
    """
    if not hasattr(last, "partial_fit"):
        raise ValueError(
            f"{type(last).__name__} has no partial_fit, so that it cannot be trained further "
            "(update='fine_tune'). Use a network, SGDClassifier or GaussianNB, or update='refit'."
        )
    named = groups is not None and "groups" in signature(last.partial_fit).parameters
    for _ in range(n_epochs):
        last.partial_fit(X, y, **({"groups": groups} if named else {}))


def refuse_unknown_labels(y: NDArray[Any], classes: NDArray[Any], caller: str) -> None:
    """Raise if new labels have a class that a fitted classifier does not know.

    Parameters
    ----------
    y : ndarray of shape (n_rows,)
    classes : ndarray of shape (n_classes,)
    caller : str
        Class named in the message.
    """
    known = classes.tolist()
    if unknown := [label for label in dict.fromkeys(y.tolist()) if label not in known]:
        row = y.tolist().index(unknown[0])
        raise ValueError(
            f"y has the label {unknown[0]!r} (row {row}), which {caller} was not fitted on; it "
            f"knows {known}. Correct the spelling, or fit anew with rows of all classes."
        )


class Updating(DiVote):
    """The part of DiVoteClassifier that learns further recordings after ``fit``."""

    classes_: NDArray[Any]

    @warned_once()
    def learn_references(self, X: Any, groups: Labels | None = None) -> Self:
        """Standardise new sites or subjects by unlabelled reference recordings.

        Each :class:`~sklearn_emg.preprocessing.SiteStandardizer` among the steps of `estimator_`
        learns the sites of X by ``partial_fit``; nothing else changes.

        Parameters
        ----------
        X : DataFrame or ndarray
            As in ``fit``: references, with the columns that the standardiser requests.
        groups : array-like of shape (n_rows,), default=None
            Subjects of the rows, for an X without a ``subject`` column.

        Returns
        -------
        self : object

        Raises
        ------
        ValueError
            If no step is a SiteStandardizer, or X is not like that of ``fit``.
        """
        check_is_fitted(self)
        rows, _ = self._check(X, groups=groups, reset=False)
        if not learn_references(self.estimator_, rows.X, rows.columns_of()):
            raise ValueError(
                f"The estimator of {self._caller} has no SiteStandardizer, which learns from "
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
        """Learn labelled recordings with the fitted transformers as they are.

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n_rows, ...)
            As in ``fit``. For "refit" all rows, those of earlier fits and the new ones; otherwise
            the new ones.
        y : array-like of shape (n_rows,)
            Labels among ``classes_``, one for all rows of a subject (or unit).
        groups : array-like of shape (n_rows,), default=None
            Subjects of the rows, for an X without a ``subject`` column.
        sample_weight : array-like of shape (n_rows,), default=None
            Weight of each row, at least 0; not used in the training of windows by "fine_tune".
        how : {"refit", "fine_tune", "final"}, default="refit"
            "refit" fits the classifier at the end of `estimator_`, and the final classifier, on
            all rows. "fine_tune" trains the classifier of windows further by its ``partial_fit``
            and then does as "final": it fits the final classifier on the units of earlier fits and
            on those of X. New units are scored before the training on them.
        n_epochs : int, default=1
            Passes of "fine_tune" over the windows.

        Returns
        -------
        self : object

        Raises
        ------
        ValueError
            If y has a new class, X differs in channels or rate from that of ``fit``, or the
            classifier has no ``partial_fit`` for "fine_tune".
        """
        check_option(how, UPDATES, "how", f"{self._caller}.update")
        check_integer(n_epochs, "n_epochs", f"{self._caller}.update")
        check_is_fitted(self)
        rows, _ = self._check(X, groups=groups, reset=False)
        rows.refuse_lost_subjects()
        labels = self._new_labels(y, rows.n_rows)
        weights = check_weights(sample_weight, rows.n_rows)
        if how == "refit":
            self._refit_last(rows, X, labels, weights)
        else:
            self._add_rows(rows, labels, weights, n_epochs if how == "fine_tune" else 0)
        return self

    def _new_labels(self, y: Any, n_rows: int) -> NDArray[Any]:
        """Labels of new rows, all of known classes; one class is enough."""
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
        inner = clone(self).set_params(estimator=clone(last_of(self.estimator_)))
        windows = through_transformers(self.estimator_, rows.X, rows.columns_of())
        inner._fit_rows(replace(rows, X=windows, columns={}), X, y, weights)
        if len(inner.classes_) < len(self.classes_):
            lost = np.setdiff1d(self.classes_, inner.classes_).tolist()
            raise ValueError(
                f"X has no row of class {lost[0]!r}: update(how='refit') takes all rows, those of "
                "earlier fits included."
            )
        # Changed at the end, so that a failure leaves the earlier state.
        self.estimator_ = with_last(self.estimator_, inner.estimator_)
        for name in ("_calibration", "final_estimator_", "subjects_", "by_levels_"):
            setattr(self, name, getattr(inner, name))
        for name in ("training_features_", "training_labels_", "training_weights_"):
            setattr(self, name, getattr(inner, name))

    def _add_rows(
        self, rows: Rows, y: NDArray[Any], weights: NDArray[np.floating] | None, n_epochs: int
    ) -> None:
        of_units = self._unit_labels(rows, y)
        if not n_epochs and self.final_estimator_ is None:
            raise ValueError(
                f"update(how='final') fits the final classifier, and {self._caller} has none "
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
        new = self._unit_weights(rows, weights)
        self.training_features_ = np.vstack([self.training_features_, features])
        self.training_labels_ = np.concatenate([self.training_labels_, of_units])
        self.training_weights_ = np.concatenate([self.training_weights_, new])
        final = self._new_final()
        params = {}
        if (self.training_weights_ != 1).any() and has_fit_parameter(final, "sample_weight"):
            params["sample_weight"] = self.training_weights_
        elif (self.training_weights_ != 1).any():
            raise ValueError(
                f"{type(final).__name__}, the final classifier, takes no sample_weight: use one "
                "that does, or update without weights."
            )
        self.final_estimator_ = final.fit(self.training_features_, self.training_labels_, **params)
