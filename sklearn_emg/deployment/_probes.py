"""Outputs of scikit-learn estimators on random rows, which another version must reproduce."""

from __future__ import annotations

from collections.abc import Iterable
from inspect import Parameter, signature
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.pipeline import FeatureUnion, Pipeline

_METHODS = ("predict_proba", "decision_function", "predict", "transform")
_N_ROWS, _MAX_VALUES = 3, 60
_TOLERANCE = 1e-6


def probed(parts: Iterable[Any], inner: Any) -> list[BaseEstimator]:
    """Return those scikit-learn estimators of a system whose outputs are stored for comparison.

    An estimator that another one contains is not listed, because the output of the outer one covers
    it.

    Parameters
    ----------
    parts : iterable
        All objects in the system.
    inner : callable
        Function that returns the objects inside an object.

    Returns
    -------
    found : list of estimator
        Estimators to compare.
    """
    found: list[BaseEstimator] = []
    covered: set[int] = set()
    for part in parts:
        if id(part) in covered or not _is_candidate(part):
            continue
        inside = list(inner(part))
        if any(type(p).__module__.startswith("sklearn_emg.") for p in inside):
            continue
        covered.update(map(id, inside))
        found.append(part)
    return found


def _is_candidate(part: Any) -> bool:
    return (
        isinstance(part, BaseEstimator)
        and type(part).__module__.startswith("sklearn.")
        and not isinstance(part, (Pipeline, FeatureUnion))
        and hasattr(part, "n_features_in_")
        and any(hasattr(part, method) for method in _METHODS)
    )


def values_of(part: BaseEstimator, method: str | None = None) -> dict[str, Any]:
    """Compute the first output values of an estimator on random rows.

    Parameters
    ----------
    part : fitted estimator of scikit-learn
        Estimator to evaluate.
    method : str, default=None
        Method that computes the values. By default, it is the first one available of
        "predict_proba", "decision_function", "predict" and "transform".

    Returns
    -------
    record : dict
        ``class`` is the name of the class, ``method`` the name of the method, and ``values`` a list
        of numbers or strings, or None if the estimator returns no values that can be compared.
    """
    rows = np.random.default_rng(0).uniform(0, 2, size=(_N_ROWS, int(part.n_features_in_)))
    if method not in _METHODS:
        method = next(name for name in _METHODS if hasattr(part, name))
    record: dict[str, Any] = {"class": type(part).__name__, "method": method, "values": None}
    try:
        values = np.asarray(getattr(part, method)(rows)).ravel()[:_MAX_VALUES]
    except (ValueError, TypeError, AttributeError):  # for example, an encoder of known categories
        return record
    if values.dtype.kind in "fiub" and np.isfinite(values).all():
        record["values"] = [float(value) for value in values]
    elif values.dtype.kind in "OUT":
        record["values"] = [str(value) for value in values]
    return record


def complete(parts: Iterable[Any]) -> None:
    """Give default values to parameters that the version that wrote the file did not have.

    Parameters
    ----------
    parts : iterable
        Objects in a system. Only the estimators of scikit-learn among them are changed.
    """
    for part in parts:
        if isinstance(part, BaseEstimator) and type(part).__module__.startswith("sklearn."):
            for name, parameter in signature(type(part).__init__).parameters.items():
                if name not in vars(part) and parameter.default is not Parameter.empty:
                    setattr(part, name, parameter.default)


def check_values(parts: list[BaseEstimator], records: Any) -> None:
    """Raise an error unless all estimators reproduce the stored values.

    `records` are the results of `values_of` for these estimators when the system was saved. The
    message names the class of an estimator that returns different values or none.
    """
    if [type(part).__name__ for part in parts] != [record["class"] for record in records]:
        raise ValueError("its estimators are not those that were compared")
    for part, record in zip(parts, records):
        found, expected = values_of(part, record["method"])["values"], record["values"]
        if found is None or expected is None:
            raise ValueError(f"{type(part).__name__} returns no values that can be compared")
        if not _agree(found, expected):
            raise ValueError(f"{type(part).__name__} returns different values")


def _agree(found: list[Any], expected: list[Any]) -> bool:
    if len(found) != len(expected):
        return False
    if any(isinstance(value, str) for value in (*found, *expected)):
        return found == expected
    return bool(np.allclose(found, expected, rtol=_TOLERANCE, atol=_TOLERANCE))
