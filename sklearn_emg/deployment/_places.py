"""Places of networks, tables and mappings in a saved system, which skops does not write."""

from __future__ import annotations

from collections import UserDict
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.neighbors import BallTree, KDTree

from sklearn_emg.prognosis import context_network

_CONTEXT_LSTM = "ContextLSTM"
_TREES = {"KDTree": KDTree, "BallTree": BallTree}
_CONTAINERS = (pd.DataFrame, pd.Series, pd.Index)


class SavedNetwork(BaseEstimator):
    """Place of a fitted network in a saved system.

    Parameters
    ----------
    number : int
        Number of the network's files.
    module : str or None
        Name of its class, if it is not one of :mod:`sklearn_emg.neural_network`.
    """

    def __init__(self, number: int = 0, module: str | None = None):
        self.number = number
        self.module = module


class SavedNeighbours(BaseEstimator):
    """Place of a tree of scikit-learn for the search of neighbours, which is compiled.

    Parameters
    ----------
    kind : {"KDTree", "BallTree"}
    samples : ndarray of shape (n_samples, n_features)
    leaf_size : int
    metric : str
    metric_params : dict
    """

    def __init__(
        self,
        kind: str = "KDTree",
        samples: Any = None,
        leaf_size: int = 30,
        metric: str = "euclidean",
        metric_params: dict[str, Any] | None = None,
    ):
        self.kind = kind
        self.samples = samples
        self.leaf_size = leaf_size
        self.metric = metric
        self.metric_params = metric_params

    def restored(self) -> Any:
        """The tree."""
        if self.kind not in _TREES:
            raise ValueError(f"it names the tree {self.kind!r}, which is none of {sorted(_TREES)}")
        params = self.metric_params or {}
        samples = np.asarray(self.samples, dtype=np.float64)
        return _TREES[self.kind](samples, self.leaf_size, metric=self.metric, **params)


def neighbours_of(parts: Iterable[Any]) -> dict[int, SavedNeighbours]:
    """Places of the trees that estimators of :mod:`sklearn.neighbors` hold, by their identities.

    Parameters
    ----------
    parts : iterable
        All objects in a system.

    Returns
    -------
    places : dict of int to SavedNeighbours
    """
    places = {}
    for part in parts:
        tree = getattr(part, "_tree", None) if isinstance(part, BaseEstimator) else None
        if type(tree).__name__ in _TREES and hasattr(part, "effective_metric_"):
            metric = part.effective_metric_, part.effective_metric_params_
            samples = np.asarray(part._fit_X)
            places[id(tree)] = SavedNeighbours(
                type(tree).__name__, samples, part.leaf_size, *metric
            )
    return places


class SavedTable(BaseEstimator):
    """Table, column or index of pandas in a saved system, as arrays and lists.

    Parameters
    ----------
    kind : {"DataFrame", "Series", "Index"}
    columns : list
        Arrays of numbers, or lists of any values.
    names : list
        Names of the columns.
    index : SavedTable or None
        None for numbers from 0.
    """

    def __init__(
        self,
        kind: str = "DataFrame",
        columns: list[Any] | None = None,
        names: list[Any] | None = None,
        index: SavedTable | None = None,
    ):
        self.kind = kind
        self.columns = columns
        self.names = names
        self.index = index

    def restored(self) -> Any:
        """The object of pandas."""
        columns = [_column(values) for values in self.columns or []]
        if self.kind == "Index":
            return pd.Index(columns[0], name=(self.names or [None])[0])
        index = None if self.index is None else self.index.restored()
        if self.kind == "Series":
            return pd.Series(columns[0], index=index, name=(self.names or [None])[0])
        frame = pd.DataFrame(dict(enumerate(columns)))
        frame.columns = pd.Index(self.names or [])
        return frame if index is None else frame.set_axis(index, axis=0)


class SavedMapping(BaseEstimator):
    """Mapping in a saved system whose keys are not texts or numbers, as two lists.

    Parameters
    ----------
    keys : list
    values : list
    """

    def __init__(self, keys: list[Any] | None = None, values: list[Any] | None = None):
        self.keys = keys
        self.values = values

    def restored(self) -> dict[Any, Any]:
        """The mapping, whose values may still hold places."""
        return dict(zip(self.keys or [], self.values or [], strict=True))


def is_mapping(value: Any) -> bool:
    """Whether a value is a mapping that skops does not write; it is read as a dict.

    Such are the settings of tsfresh, and sites with the name None.
    """
    if isinstance(value, UserDict):
        return True
    return type(value) is dict and not all(isinstance(key, (str, int, float)) for key in value)


def _column(values: Any) -> pd.Series:
    """A column: text gets the type that this version of pandas has for it."""
    if isinstance(values, np.ndarray):
        return pd.Series(values)
    texts = all(isinstance(value, str) for value in values)
    return pd.Series(values) if texts and values else pd.Series(values, dtype=object)


def is_table(value: Any) -> bool:
    """Whether a value is a table, a column or an index of pandas."""
    return isinstance(value, _CONTAINERS)


def saved_table(table: Any) -> SavedTable:
    """Place of a table.

    Parameters
    ----------
    table : DataFrame, Series or Index

    Returns
    -------
    place : SavedTable

    Raises
    ------
    TypeError
        If it has an index of several levels, or columns of another type than numbers, truth values,
        text and objects.
    """
    if isinstance(table, pd.DataFrame):
        columns = [_plain(table.iloc[:, k]) for k in range(table.shape[1])]
        return SavedTable("DataFrame", columns, table.columns.tolist(), _index(table))
    name = [table.name]
    if isinstance(table, pd.Series):
        return SavedTable("Series", [_plain(table)], name, _index(table))
    if isinstance(table, pd.MultiIndex):
        raise TypeError("a table of pandas with an index of several levels")
    return SavedTable("Index", [_plain(table.to_series())], name)


def _index(table: pd.DataFrame | pd.Series) -> SavedTable | None:
    plain = table.index.equals(pd.RangeIndex(len(table))) and table.index.name is None
    return None if plain else saved_table(table.index)


def _plain(column: pd.Series) -> Any:
    if isinstance(column.dtype, np.dtype) and column.dtype.kind in "biuf":
        return column.to_numpy()
    if column.dtype == object or isinstance(column.dtype, pd.StringDtype):
        return column.tolist()
    raise TypeError(f"a column of pandas of the type {column.dtype}")


def known_network(module: Any) -> str | None:
    """Name of a network of this package outside of `neural_network`, None for others."""
    name = getattr(module, "__name__", "")
    home = getattr(module, "__module__", "")
    is_known = name == _CONTEXT_LSTM and home.startswith("sklearn_emg.prognosis.")
    return name if is_known else None


def network_class(name: str) -> Any:
    """Class of a network by the name that `known_network` gives.

    Parameters
    ----------
    name : str

    Returns
    -------
    module : type

    Raises
    ------
    ValueError
        If the name is not known.
    """
    if name != _CONTEXT_LSTM:
        raise ValueError(f"it names the network {name!r}, which is not one of this package")
    return context_network()
