"""Pass columns of the table, such as the site, to steps that request them for each window."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from numpy.typing import NDArray
from sklearn.pipeline import Pipeline
from sklearn.utils.metadata_routing import MetadataRequest, get_routing_for_object

Columns = Mapping[str, NDArray[Any]]


def requested_columns(estimator: Any) -> set[str]:
    """Return the columns that the transformers of a pipeline request through metadata routing.

    Parameters
    ----------
    estimator : estimator
        Pipeline or any other estimator.

    Returns
    -------
    columns : set of str
        Names of the columns requested in ``fit`` or ``transform``.
    """
    return {
        column
        for method in ("fit", "transform")
        for _, requests in _requests(estimator, method)
        for column in requests.values()
    }


def column_params(estimator: Any, method: str, columns: Columns) -> dict[str, NDArray[Any]]:
    """Parameters of a method that pass columns to the transformers that request them.

    They are named ``step__parameter``, as a Pipeline takes them without metadata routing.
    """
    return {
        f"{path}__{name}" if path else name: columns[column]
        for path, requests in _requests(estimator, method)
        for name, column in requests.items()
        if column in columns
    }


def call_with_columns(estimator: Any, method: str, X: Any, columns: Columns) -> Any:
    """Call a method of a fitted estimator; its transformers get the columns that they request."""
    if not columns:
        return getattr(estimator, method)(X)
    if isinstance(estimator, Pipeline):
        *head, (_, last) = estimator.steps
        for _, step in head:
            if step is not None and step != "passthrough" and not hasattr(step, "fit_resample"):
                X = call_with_columns(step, "transform", X, columns)
        return call_with_columns(last, method, X, columns)
    params = column_params(estimator, method, columns) if method == "transform" else {}
    return getattr(estimator, method)(X, **params)


def _requests(estimator: Any, method: str, path: str = "") -> Iterator[tuple[str, dict[str, str]]]:
    """Paths of transformers that request columns, with the column of each parameter."""
    if isinstance(estimator, Pipeline):
        for name, step in estimator.steps:
            yield from _requests(step, method, f"{path}__{name}" if path else name)
    elif hasattr(estimator, "transform") and hasattr(estimator, "get_metadata_routing"):
        request = get_routing_for_object(estimator)
        asked = getattr(request, method).requests if isinstance(request, MetadataRequest) else {}
        if known := _columns_of(asked):
            yield path, known


def _columns_of(asked: Mapping[str, Any]) -> dict[str, str]:
    """Column of each parameter that is requested.

    True requests the column with the name of the parameter; a str names another column.
    """
    columns = {name: name if alias is True else alias for name, alias in asked.items()}
    return {n: c for n, c in columns.items() if isinstance(c, str) and c[:1] != "$"}
