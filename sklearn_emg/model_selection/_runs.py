"""Protocols: splitters whose splits, called runs, may include validation subjects."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn import get_config
from sklearn.base import clone
from sklearn.model_selection import BaseCrossValidator
from sklearn.pipeline import Pipeline

from sklearn_emg._sklearn import BaseSearchCV, consumes_groups
from sklearn_emg._typing import Labels
from sklearn_emg.model_selection._strata import Split, SubjectStrata, sorted_positions
from sklearn_emg.recordings import Subjects, warn_of_repeated_signals


@dataclass(frozen=True)
class ProtocolRun:
    """One split of a protocol: one fit and one test.

    Attributes
    ----------
    number : int
        Index of the run in the protocol, from 0.
    label : str
        Description of the run, such as "fold 2, initialisation 1".
    train, test : ndarray of int
        Row numbers of the training set and of the test set.
    validation : ndarray of int or None
        Row numbers that are reserved for choosing weights or settings; None if there are none.
        These rows are in neither `train` nor `test`, except that a leaky protocol may use test rows
        for this choice.
    seed : int
        Value for the `random_state` of the estimator and of the estimators inside it.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_emg.model_selection import SubjectHoldout
    >>> from sklearn_emg.neural_network import ALSNetClassifier
    >>> X = pd.DataFrame({"subject": ["A1", "A2", "A3", "C1", "C2", "C3"]})
    >>> protocol = SubjectHoldout(validation_size=0.2)
    >>> run = protocol.runs(X, ["als"] * 3 + ["control"] * 3)[0]
    >>> len(run.prepare(ALSNetClassifier(), X).validation)
    2
    """

    number: int
    label: str
    train: NDArray[np.intp]
    test: NDArray[np.intp]
    validation: NDArray[np.intp] | None = None
    seed: int = 0

    @property
    def fit_rows(self) -> NDArray[np.intp]:
        """Training and validation rows together, for estimators that hold out the latter."""
        if self.validation is None:
            return self.train
        return np.sort(np.concatenate([self.train, self.validation]))

    @property
    def chooses_on_test(self) -> bool:
        """Whether weights are chosen on test rows, as in some studies, so that scores are leaky."""
        return self.validation is not None and bool(np.isin(self.validation, self.test).any())

    def prepare(self, estimator: Any, X: Any, groups: Labels | None = None) -> Any:
        """Copy an estimator and prepare it for this run.

        Parameters
        ----------
        estimator : estimator object
            Estimator to copy.
        X : DataFrame with a ``subject`` column, or array-like
            All rows that the protocol splits.
        groups : array-like of shape (n_rows,), default=None
            Subject of each row; by default, the ``subject`` column of X.

        Returns
        -------
        estimator : estimator object
            Unfitted copy with the seed of the run. Fit it on `fit_rows`: the networks inside use
            the validation subjects of the run, if there are any, for early stopping. Classifiers
            that choose nothing during the fit also learn from these subjects.

        Raises
        ------
        ValueError
            If weights are chosen on test rows and the estimator has no network, so that it would
            learn from the test set.
        """
        estimator = with_seed(estimator, self.seed)
        if self.validation is None:
            return estimator
        if self.chooses_on_test and not _paths_to(estimator, "validation"):
            raise ValueError(
                f"{self.label} chooses weights on the test subjects, but "
                f"{type(estimator).__name__} has no network that chooses weights, so it would be "
                "fitted on these subjects. Use a protocol that chooses nothing on test subjects."
            )
        subjects = SubjectStrata(X, None, groups)
        held = [subjects.names[k] for k in np.unique(subjects.codes[self.validation])]
        return with_validation(estimator, held)


class Protocol(BaseCrossValidator):
    """Base class of the splitters in this package.

    A protocol is a scikit-learn splitter: ``cross_validate(model, X, y, cv=protocol)`` fits on the
    training and validation rows together (without validation rows that are also test rows). Its
    :meth:`runs` contain more than its splits: a label, a seed and, if the protocol defines them,
    the validation rows of each run. A subclass defines ``_runs(X, y, groups)``, which returns a
    list of :class:`ProtocolRun`.

    Attributes
    ----------
    leaky : bool
        Whether a subject may be in both the training set and the test set, or weights may be chosen
        on test rows.
    of_windows : bool
        Whether rows are windows, so that recordings have to be cut into windows before the split.

    Examples
    --------
    >>> from sklearn_emg.model_selection import Protocol, ProtocolRun
    >>> class FirstAgainstRest(Protocol):
    ...     def _runs(self, X, y, groups):
    ...         first = (X["subject"] == X["subject"].iloc[0]).to_numpy()
    ...         return [ProtocolRun(0, "first", (~first).nonzero()[0], first.nonzero()[0])]
    >>> import pandas as pd
    >>> FirstAgainstRest().get_n_splits(pd.DataFrame({"subject": ["a", "b"]}), [0, 1])
    1
    """

    leaky: bool = False
    of_windows: ClassVar[bool] = False
    # With metadata routing, groups are passed without a request; a table needs no groups.
    __metadata_request__split: ClassVar[dict[str, bool]] = {"groups": True}

    def runs(
        self, X: Any, y: Labels | None = None, groups: Labels | None = None
    ) -> list[ProtocolRun]:
        """List the runs for the given data.

        Parameters
        ----------
        X : DataFrame with a ``subject`` column, or array-like
            Rows to split.
        y : array-like of shape (n_rows,), default=None
            Labels by which the splits are stratified.
        groups : array-like of shape (n_rows,), default=None
            Subject of each row; by default, the ``subject`` column of X.

        Returns
        -------
        runs : list of ProtocolRun
            Runs in the order of their numbers.

        Raises
        ------
        ValueError
            If neither X nor `groups` gives the subjects, a class has too few of them, or a
            parameter is out of range.
        """
        return self._runs(X, y, groups)

    def _runs(self, X: Any, y: Labels | None, groups: Labels | None) -> list[ProtocolRun]:
        raise NotImplementedError(f"{type(self).__name__} lacks _runs.")

    def split(self, X: Any, y: Any = None, groups: Labels | None = None) -> Iterator[Split]:
        """Yield the row numbers of the training set (with validation) and test set of each run.

        Parameters
        ----------
        X : DataFrame with a ``subject`` column, or array-like
            Rows to split.
        y : array-like of shape (n_rows,), default=None
            Labels by which the splits are stratified.
        groups : array-like of shape (n_rows,), default=None
            Subject of each row; by default, the ``subject`` column of X.

        Yields
        ------
        train, test : ndarray of int
            Row numbers. No subject has rows in both, unless the protocol is `leaky`.

        Raises
        ------
        ValueError
            In the same cases as :meth:`runs`.

        Warns
        -----
        SubjectLeakWarning, RecordingWarning
            If recordings in memory have the same samples, or rows refer to the same part of a file.
        """
        warn_of_repeated_signals(X, groups, read_files=False)
        for run in self.runs(X, y, groups):
            yield run.train if run.chooses_on_test else run.fit_rows, run.test

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Return the number of runs for the given data."""
        if X is None:
            raise ValueError(f"{type(self).__name__} needs X and y to count its runs.")
        return len(self.runs(X, y, groups))


def splits_by_subject(cv: Any, X: Any, y: Any, subjects: Subjects | None = None) -> list[Split]:
    """Split a table with a ``subject`` column; group splitters get its subjects as groups."""
    if not _asks_for_groups(cv):
        return list(cv.split(X, y))
    return list(cv.split(X, y, _sortable(Subjects.of(X, subjects))))


def _asks_for_groups(cv: Any) -> bool:
    return not isinstance(cv, Protocol) and consumes_groups(cv)


def groups_of_search(model: Any, X: Any) -> dict[str, NDArray[Any]]:
    """Parameter of ``fit`` that passes subjects to a search whose splitter asks for groups.

    Parameters
    ----------
    model : estimator
        Estimator that is fitted on X; other estimators than searches need no parameter.
    X : DataFrame with a ``subject`` column
        Training rows.

    Returns
    -------
    params : dict
        The parameter, if it is needed.
    """
    path, last = "", model
    while isinstance(last, Pipeline):
        path, last = f"{path}{last.steps[-1][0]}__", last.steps[-1][1]
    if not (isinstance(last, BaseSearchCV) and hasattr(last.cv, "split")):
        return {}
    if not _asks_for_groups(last.cv):
        return {}
    path = "" if get_config()["enable_metadata_routing"] else path
    return {f"{path}groups": _sortable(Subjects.of(X))}


def _sortable(subjects: Subjects) -> NDArray[Any]:
    """Subject of each row: its name or, if names cannot be sorted, the position of its name.

    Both are independent of the order of the rows, and so are the folds.
    """
    if _are_sortable(subjects.names):
        return subjects.by_row
    return np.argsort(sorted_positions(subjects.names.tolist()))[subjects.codes]


def _are_sortable(names: NDArray[Any]) -> bool:
    """Whether splitters can sort and compare names; they cannot with mixed types or tuples."""
    try:
        np.unique(names)
    except TypeError:
        return False
    return not any(isinstance(name, tuple) for name in names)


def with_seed(estimator: Any, seed: Any) -> Any:
    """Copy an estimator and set every `random_state` in it to a seed.

    Parameters
    ----------
    estimator : estimator object
        Estimator to copy.
    seed : int, RandomState instance or None
        Value of each `random_state`.

    Returns
    -------
    estimator : estimator object
        Unfitted copy.

    Examples
    --------
    >>> from sklearn.ensemble import BaggingClassifier
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from sklearn_emg.model_selection import with_seed
    >>> with_seed(BaggingClassifier(DecisionTreeClassifier()), 3).estimator.random_state
    3
    """
    return _with_parameter(estimator, "random_state", seed)


def with_validation(estimator: Any, validation: str | Sequence[Any]) -> Any:
    """Copy an estimator so that its networks choose their weights on given subjects.

    Parameters
    ----------
    estimator : estimator object
        Estimator, for instance a pipeline that contains a network classifier of this package.
    validation : {"subjects", "windows"} or sequence of subjects
        Value of `validation` in the networks; see
        :class:`sklearn_emg.neural_network.EMGClassifier`. "windows" is leaky.

    Returns
    -------
    estimator : estimator object
        Unfitted copy; if the estimator contains no network, all parameters are kept.

    Examples
    --------
    >>> from sklearn_emg.model_selection import with_validation
    >>> from sklearn_emg.papers import alsnet
    >>> with_validation(alsnet(), ["A04", "C04"]).named_steps["divote"].estimator.validation
    ['A04', 'C04']
    """
    return _with_parameter(estimator, "validation", validation)


def _with_parameter(estimator: Any, name: str, value: Any) -> Any:
    estimator = clone(estimator)
    return estimator.set_params(**dict.fromkeys(_paths_to(estimator, name), value))


def _paths_to(estimator: Any, name: str) -> list[str]:
    """Parameters of this name in an estimator and its parts."""
    known = estimator.get_params(deep=True)
    return [path for path in known if path == name or path.endswith(f"__{name}")]
