"""Subjects that an estimator was trained on, and warnings if they are predicted."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Iterator
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.frozen import FrozenEstimator

from sklearn_emg._sklearn import CONTAINERS, GroupsRequester, inner_parts
from sklearn_emg._tables import python_value
from sklearn_emg._typing import Labels
from sklearn_emg._warnings import warn
from sklearn_emg.exceptions import RecordingWarning, SubjectLeakWarning
from sklearn_emg.recordings._columns import feature_columns, revealing_columns, warn_of_left_out
from sklearn_emg.recordings._frames import has_subjects, warn_of_other_order
from sklearn_emg.recordings._rates import distinct_rates, same_rate
from sklearn_emg.recordings._subjects import known_by_other_spelling, object_column
from sklearn_emg.recordings._table import is_recording_table


def subject_names(X: Any, groups: Labels | None = None) -> list[Any] | None:
    """Return the distinct names of the subjects of `groups` or, if it is None, of a table.

    They are Python objects in order of first appearance; None if there are neither groups nor a
    column.
    """
    if groups is None:
        if not has_subjects(X):
            return None
        groups = X["subject"]
    return [
        name
        for name in dict.fromkeys(map(python_value, groups))
        if isinstance(name, tuple) or not pd.isna(name)
    ]


def warn_of_known_subjects(
    known: Collection[Hashable], given: Iterable[Hashable], caller: str
) -> None:
    """Warn if predicted subjects are among the training subjects.

    Parameters
    ----------
    known : collection of hashable
        Training subjects.
    given : iterable of hashable
        Distinct subjects that are predicted.
    caller : str
        Name of the class in the message.

    Warns
    -----
    SubjectLeakWarning
        If a predicted subject is a training subject or looks like another spelling of one.
    """
    known, given = set(known), list(given)
    if shared := [name for name in given if name in known]:
        some = ", ".join(map(repr, shared[:3])) + (", ..." if len(shared) > 3 else "")
        warn(
            f"{len(shared)} of {len(given)} subjects given to {caller} "
            f"{'was' if len(shared) == 1 else 'were'} trained on ({some}): "
            "scores of training subjects say nothing about new subjects. Split by subject, for "
            "instance with cv=SubjectKFold(). If this is intended, filter SubjectLeakWarning.",
            SubjectLeakWarning,
        )
    warn_of_other_spelling(known, given, caller)


def warn_of_other_spelling(
    known: Collection[Hashable], given: Iterable[Hashable], caller: str
) -> None:
    """Warn if predicted subjects look like other spellings of training subjects.

    Parameters
    ----------
    known, given, caller
        See :func:`warn_of_known_subjects`.

    Warns
    -----
    SubjectLeakWarning
        If there are such subjects. The message names some of them in both spellings.
    """
    if alike := known_by_other_spelling(given, known):
        some = ", ".join(f"{name!r} like {other!r}" for name, other in alike[:3])
        warn(
            f"Subjects given to {caller} look like other spellings of subjects that were trained "
            f"on: {some}{', ...' if len(alike) > 3 else ''}. If they are the same subjects, their "
            "scores say nothing about new subjects; use one spelling in training and test.",
            SubjectLeakWarning,
        )


def training_subjects(model: Any) -> tuple[frozenset[Any], bool]:
    """Return the subjects on which a fitted estimator and its parts state that they were trained.

    Attributes with names that end with ``subjects_`` hold them. Also return whether all training
    subjects are known: there is such an attribute, and none of them is None in every part that has
    it.
    """
    found: dict[str, list[Any]] = {}
    for name, value in _stated_subjects(model):
        found.setdefault(name, [])
        if value is not None:
            found[name].append(value)
    complete = bool(found) and all(found.values())
    known = [names for values in found.values() for names in values]
    return frozenset(name for names in known for name in map(python_value, names)), complete


def _stated_subjects(model: Any) -> Iterator[tuple[str, Any]]:
    """Yield the name and value of each attribute that holds subjects, in an estimator's parts."""
    todo: list[tuple[Any, bool]] = [(model, False)]
    seen: set[int] = set()
    while todo:
        part, known_above = todo.pop()
        if id(part) in seen:
            continue
        seen.add(id(part))
        if not isinstance(part, CONTAINERS):
            own = vars(part)
            yield from _own_subjects(own, known_above)
            if own.get("subjects_", ()) is None:
                continue
            known_above = known_above or "subjects_" in own
        todo += [(value, known_above) for value in inner_parts(part)]


def _own_subjects(attributes: dict[str, Any], known_above: bool) -> Iterator[tuple[str, Any]]:
    for name, value in attributes.items():
        # Within an estimator that knows its subjects, `subjects_` of a part may hold codes.
        if name.endswith("subjects_") and not (known_above and name == "subjects_"):
            yield name, value


def subjects_of_steps(model: Any) -> set[Any]:
    """Return training subjects known only to the steps before the predictor of an estimator.

    A classifier after a feature extractor gets a matrix without subjects, but the extractor has
    seen the table in the same ``fit``.

    Parameters
    ----------
    model : fitted estimator
        The estimator.

    Returns
    -------
    subjects : set
        Training subjects; empty if a part of the estimator knows them and warns about them itself.
    """
    known: set[Any] = set()
    todo: list[Any] = [model]
    seen: set[int] = set()
    while todo:
        part = todo.pop()
        if id(part) in seen or isinstance(part, FrozenEstimator):
            continue
        seen.add(id(part))
        if not isinstance(part, CONTAINERS):
            names = vars(part).get("subjects_")
            warns = hasattr(part, "predict") or getattr(part, "_with_labels", False)
            if names is not None and warns:
                return set()
            known.update(map(python_value, names if names is not None else ()))
        todo += inner_parts(part)
    return known


class SubjectMemory(GroupsRequester):
    """Mixin of estimators that remember their training subjects.

    Attributes
    ----------
    subjects_ : ndarray of shape (n_subjects,) or None
        Names of the training subjects; None if they are not known.
    """

    subjects_: NDArray[Any] | None = None

    def _remember_subjects(
        self, X: Any, groups: Labels | None = None, *, go_on: bool = False
    ) -> None:
        """Keep the subjects of X or groups and, if `go_on` is true, those of earlier fits."""
        names = subject_names(X, groups)
        if go_on and self.subjects_ is not None:
            names = list(dict.fromkeys([*self.subjects_, *(names or ())]))
        self.subjects_ = None if names is None else object_column(names).to_numpy()

    def _features_of(self, X: Any, y: Any = None, *, reset: bool) -> Any:
        """Select the feature columns of a feature table; return any other X unchanged.

        As in DiVoteClassifier, metadata of a table with subjects are left out. Columns that look
        like an identity or a label are left out with a warning.
        """
        if not isinstance(X, pd.DataFrame) or is_recording_table(X):
            return X
        if not reset:
            kept = getattr(self, "feature_names_in_", None)
            return X if kept is None or not set(kept) < set(X.columns) else X[list(kept)]
        y = y if y is not None and np.shape(y) == (len(X),) else None
        if "subject" in X.columns:
            return X[feature_columns(X, y, include="rename it")]
        dropped = revealing_columns(X, y)
        warn_of_left_out(dropped, "rename it")
        return X.drop(columns=list(dropped)) if dropped else X

    def _warn_of_known_subjects(self, X: Any) -> None:
        """Warn if a table to be predicted contains training subjects."""
        if self.subjects_ is not None and (given := subject_names(X)):
            known = self.subjects_.tolist()
            warn_of_known_subjects(known, given, type(self).__name__)


def _rates_of(X: Any) -> tuple[float, ...]:
    """Return the distinct sampling rates of a table that need not have been checked."""
    if not (is_recording_table(X) and "fs" in X.columns):
        return ()
    return tuple(distinct_rates(pd.to_numeric(X["fs"], errors="coerce").dropna()))


class LastToSeeSubjects(SubjectMemory):
    """Mixin of transformers that convert tables to a matrix without subjects.

    A classifier that follows such a transformer cannot warn about training subjects. Since a
    Pipeline trains with ``fit_transform(X, y)``, ``transform`` warns instead after such a fit with
    labels. It then also warns if a table has a sampling rate that was not in training. After
    ``fit``, or without labels, features are only computed, and there is no warning.
    """

    _with_labels = False
    _fit_rates: tuple[float, ...] = ()

    def _remember_subjects(
        self, X: Any, groups: Labels | None = None, *, go_on: bool = False
    ) -> None:
        super()._remember_subjects(X, groups, go_on=go_on)
        self._with_labels = False
        self._fit_rates = _rates_of(X)

    def fit_transform(self, X: Any, y: Any = None, **fit_params: Any) -> Any:
        """Fit to signals, then transform them.

        If labels are given, as in a Pipeline, a later ``transform`` of these subjects warns, since
        the classifier that follows gets a matrix without subjects.

        Parameters
        ----------
        X : ndarray of shape (n_windows, n_times) or (n_windows, n_channels, n_times), or DataFrame
            Windows in mV, or a recording table.
        y : array-like of shape (n_windows,), default=None
            Labels, which do not change the result.
        **fit_params : dict
            Further parameters of ``fit``.

        Returns
        -------
        features : ndarray or DataFrame with n_windows rows
            Features of each window.

        Warns
        -----
        RecordingWarning
            If labels are given, and the table has several sampling rates, or the index of `y` has a
            different order from that of `X`.
        """
        features = super().fit_transform(X, y, **fit_params)  # type: ignore[misc]
        self._with_labels = y is not None
        if y is not None:
            warn_of_other_order(X, y, "y")
            self._warn_of_several_rates()
        return features

    def _warn_of_several_rates(self) -> None:
        """Warn if the table of ``fit`` has several sampling rates."""
        if len(rates := self._fit_rates) > 1:
            warn(
                f"The table has sampling rates from {rates[0]:.10g} to {rates[-1]:.10g} Hz, and "
                "features can depend on the rate, which can differ between the classes. Put "
                f"Resampler({rates[0]:.10g}) before {type(self).__name__}.",
                RecordingWarning,
            )

    def _warn_if_trained(self, X: Any) -> None:
        """Warn about training subjects and new rates of a table after a fit with labels."""
        if not self._with_labels:
            return
        self._warn_of_known_subjects(X)
        known = self._fit_rates
        if known and (other := [fs for fs in _rates_of(X) if not np.any(same_rate(fs, known))]):
            warn(
                f"The table has a sampling rate of {other[0]:.10g} Hz, but {type(self).__name__} "
                f"was fitted on recordings of {known[0]:.10g} Hz, and features can depend on the "
                f"rate. Put Resampler({known[0]:.10g}) before it.",
                RecordingWarning,
            )
