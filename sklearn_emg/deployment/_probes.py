"""Values of scikit-learn's estimators on random rows, which another version has to reproduce."""

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
    """Estimators of scikit-learn in a system whose values are noted, each with all inside it.

    Parameters
    ----------
    parts : iterable
        All objects in the system.
    inner : callable
        Gives the objects in an object.
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
    """Name of the class and first values for random rows, None where there are none.

    Parameters
    ----------
    part : fitted estimator of scikit-learn
    method : str, default=None
        Method that gives the values; by default the first that it has.

    Returns
    -------
    record : dict
        ``class``, ``method`` and ``values``, a list of numbers or texts.
    """
    rows = np.random.default_rng(0).uniform(0, 2, size=(_N_ROWS, int(part.n_features_in_)))
    if method not in _METHODS:
        method = next(name for name in _METHODS if hasattr(part, name))
    record: dict[str, Any] = {"class": type(part).__name__, "method": method, "values": None}
    try:
        values = np.asarray(getattr(part, method)(rows)).ravel()[:_MAX_VALUES]
    except (ValueError, TypeError, AttributeError):  # such as an encoder, which knows its values
        return record
    if values.dtype.kind in "fiub" and np.isfinite(values).all():
        record["values"] = [float(value) for value in values]
    elif values.dtype.kind in "OUT":
        record["values"] = [str(value) for value in values]
    return record


def complete(parts: Iterable[Any]) -> None:
    """Set defaults of parameters that the version that wrote the file did not have.

    Parameters
    ----------
    parts : iterable
        Objects in a system, of which the estimators of scikit-learn are changed.
    """
    for part in parts:
        if isinstance(part, BaseEstimator) and type(part).__module__.startswith("sklearn."):
            for name, parameter in signature(type(part).__init__).parameters.items():
                if name not in vars(part) and parameter.default is not Parameter.empty:
                    setattr(part, name, parameter.default)


def check_values(parts: list[BaseEstimator], records: Any) -> None:
    """Raise unless all estimators give the stored values.

    Parameters
    ----------
    parts : list of estimator
    records : list of dict
        What `values_of` gave when the system was saved.

    Raises
    ------
    ValueError
        If an estimator gives other values. The message names its class.
    """
    if [type(part).__name__ for part in parts] != [record["class"] for record in records]:
        raise ValueError("it has other estimators than were noted")
    for part, record in zip(parts, records):
        found, expected = values_of(part, record["method"])["values"], record["values"]
        if found is None or expected is None:
            raise ValueError(f"{type(part).__name__} gives no values that can be compared")
        if not _agree(found, expected):
            raise ValueError(f"{type(part).__name__} gives other values than there")


def _agree(found: list[Any], expected: list[Any]) -> bool:
    if len(found) != len(expected):
        return False
    if any(isinstance(value, str) for value in (*found, *expected)):
        return found == expected
    return bool(np.allclose(found, expected, rtol=_TOLERANCE, atol=_TOLERANCE))
