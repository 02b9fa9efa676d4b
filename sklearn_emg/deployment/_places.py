"""Placeholders in a saved system for networks, trees, tables and mappings unknown to skops."""

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
    """Placeholder for a fitted network in a saved system.

    Parameters
    ----------
    number : int, default=0
        Number in the names of the network's files.
    module : str, default=None
        Name of the network's class, or None if the class is one of
        :mod:`sklearn_emg.neural_network`.
    """

    def __init__(self, number: int = 0, module: str | None = None):
        self.number = number
        self.module = module


class SavedNeighbours(BaseEstimator):
    """Placeholder for a compiled nearest-neighbour tree of scikit-learn.

    Parameters
    ----------
    kind : {"KDTree", "BallTree"}, default="KDTree"
        Class of the tree.
    samples : ndarray of shape (n_samples, n_features), default=None
        Samples from which the tree is built.
    leaf_size : int, default=30
        Number of samples at which the tree switches to brute-force search.
    metric : str, default="euclidean"
        Name of the distance metric.
    metric_params : dict, default=None
        Further parameters of the metric.
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
        """Build the tree."""
        if self.kind not in _TREES:
            raise ValueError(f"it names the tree {self.kind!r}, which is not in {sorted(_TREES)}")
        params = self.metric_params or {}
        samples = np.asarray(self.samples, dtype=np.float64)
        return _TREES[self.kind](samples, self.leaf_size, metric=self.metric, **params)


def neighbours_of(parts: Iterable[Any]) -> dict[int, SavedNeighbours]:
    """Create placeholders for the trees of all estimators of :mod:`sklearn.neighbors`.

    Parameters
    ----------
    parts : iterable
        All objects in a system.

    Returns
    -------
    places : dict of int to SavedNeighbours
        Placeholder of each tree, by the ``id`` of the tree.
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
    """Placeholder for a pandas DataFrame, Series or Index, stored as arrays and lists.

    Parameters
    ----------
    kind : {"DataFrame", "Series", "Index"}, default="DataFrame"
        Class of the object.
    columns : list, default=None
        One entry per column, which is an array of numbers or a list of any values.
    names : list, default=None
        Names of the columns.
    index : SavedTable, default=None
        Index of the rows. None means that the rows are numbered from 0.
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
        """Build the pandas object."""
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
    """Placeholder for a mapping that skops cannot write, stored as two lists.

    Parameters
    ----------
    keys : list, default=None
        Keys of the mapping.
    values : list, default=None
        Value of each key.
    """

    def __init__(self, keys: list[Any] | None = None, values: list[Any] | None = None):
        self.keys = keys
        self.values = values

    def restored(self) -> dict[Any, Any]:
        """Build the mapping; its values may still contain placeholders."""
        return dict(zip(self.keys or [], self.values or [], strict=True))


def is_mapping(value: Any) -> bool:
    """Return whether a value is a mapping that skops cannot write; it is restored as a dict.

    Examples are the settings of tsfresh and a dict with the site None as a key.
    """
    if isinstance(value, UserDict):
        return True
    return type(value) is dict and not all(isinstance(key, (str, int, float)) for key in value)


def _column(values: Any) -> pd.Series:
    """Build a column; text gets the string type of the installed version of pandas."""
    if isinstance(values, np.ndarray):
        return pd.Series(values)
    texts = all(isinstance(value, str) for value in values)
    return pd.Series(values) if texts and values else pd.Series(values, dtype=object)


def is_table(value: Any) -> bool:
    """Return whether a value is a pandas DataFrame, Series or Index."""
    return isinstance(value, _CONTAINERS)


def saved_table(table: Any) -> SavedTable:
    """Create the placeholder for a pandas object.

    Raise TypeError if it has an index of several levels, or a column of a type other than numbers,
    booleans, text and Python objects.
    """
    if isinstance(table, pd.DataFrame):
        columns = [_plain(table.iloc[:, k]) for k in range(table.shape[1])]
        return SavedTable("DataFrame", columns, table.columns.tolist(), _index(table))
    name = [table.name]
    if isinstance(table, pd.Series):
        return SavedTable("Series", [_plain(table)], name, _index(table))
    if isinstance(table, pd.MultiIndex):
        raise TypeError("a pandas object with an index of several levels")
    return SavedTable("Index", [_plain(table.to_series())], name)


def _index(table: pd.DataFrame | pd.Series) -> SavedTable | None:
    plain = table.index.equals(pd.RangeIndex(len(table))) and table.index.name is None
    return None if plain else saved_table(table.index)


def _plain(column: pd.Series) -> Any:
    if isinstance(column.dtype, np.dtype) and column.dtype.kind in "biuf":
        return column.to_numpy()
    if column.dtype == object or isinstance(column.dtype, pd.StringDtype):
        return column.tolist()
    raise TypeError(f"a pandas column of type {column.dtype}")


def known_network(module: Any) -> str | None:
    """Return the name of a known network class outside `neural_network`, or None for others."""
    name = getattr(module, "__name__", "")
    home = getattr(module, "__module__", "")
    is_known = name == _CONTEXT_LSTM and home.startswith("sklearn_emg.prognosis.")
    return name if is_known else None


def network_class(name: str) -> Any:
    """Return the class of a network by the name that `known_network` returns."""
    if name != _CONTEXT_LSTM:
        raise ValueError(f"it names the network {name!r}, which this package does not have")
    return context_network()
