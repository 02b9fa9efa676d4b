"""Search for the fitted network or DiVoteClassifier in an estimator, without PyTorch."""

from __future__ import annotations

from collections.abc import Hashable
from types import ModuleType
from typing import Any

from numpy.typing import ArrayLike, NDArray
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import Pipeline

from sklearn_emg._sklearn import end_of, last_of
from sklearn_emg._validation import require
from sklearn_emg.ensemble import DiVoteClassifier, through_transformers


def torch_tools(caller: str) -> ModuleType:
    """Import the PyTorch module of this sub-package when it is first used."""
    require("torch", caller, "nets")
    from sklearn_emg.inspection import _torch_tools

    return _torch_tools


def find_divote(estimator: Any, X: Any, caller: str) -> tuple[DiVoteClassifier, Any]:
    """Find the DiVoteClassifier at the end of a fitted estimator and transform its input.

    The estimator is a DiVoteClassifier, a Pipeline that ends with one, or a search over either.
    Raise TypeError if it is not.
    """
    found, table = estimator, X
    while not isinstance(found, DiVoteClassifier):
        if hasattr(found, "best_estimator_"):
            found = found.best_estimator_
        elif isinstance(found, Pipeline):
            found, table = last_of(found), through_transformers(found, table)
        else:
            raise TypeError(
                f"{caller} needs a DiVoteClassifier, or a Pipeline or search that ends with one. "
                f"Got {type(estimator).__name__}."
            )
    return found, table


def ends_with_divote(estimator: Any) -> bool:
    """Return whether a fitted estimator is a DiVoteClassifier or ends with one.

    Parameters
    ----------
    estimator : fitted estimator
        Estimator to examine. For a Pipeline, the last step is examined, and for a search, the best
        estimator.

    Returns
    -------
    ends : bool
        True if there is a DiVoteClassifier at the end.
    """
    return isinstance(end_of(estimator), DiVoteClassifier)


def unwrap(estimator: Any) -> Any:
    """Return the estimator at the end of a search, a DiVoteClassifier or a Pipeline.

    Parameters
    ----------
    estimator : fitted estimator
        Estimator to unwrap. The three kinds may be nested to any depth.

    Returns
    -------
    estimator : estimator
        Innermost estimator, or the given one if it is none of the three kinds.
    """
    found = estimator
    while True:
        if hasattr(found, "best_estimator_"):
            found = found.best_estimator_
        elif hasattr(found, "estimator_"):  # DiVoteClassifier
            found = found.estimator_
        elif isinstance(found, Pipeline):
            found = found.steps[-1][1]
        else:
            return found


def find_network(estimator: Any, caller: str, *, classifier: bool = True) -> Any:
    """Return the fitted network at the end of `estimator`, by default only a classifier."""
    found = unwrap(estimator)
    if hasattr(found, "net_") and (hasattr(found, "classes_") or not classifier):
        return found
    kind = "network classifier" if classifier else "network"
    if hasattr(found, "max_epochs") and (hasattr(found, "predict_proba") or not classifier):
        raise NotFittedError(
            f"{caller} needs a trained network: fit the {type(found).__name__} first."
        )
    raise TypeError(
        f"{caller} needs a {kind} of sklearn_emg.neural_network, or a Pipeline or "
        f"DiVoteClassifier that ends with one. Got {type(found).__name__}."
    )


def window_shape(network: Any) -> tuple[int, ...]:
    """Return the shape of an input window: channels, then samples or height and width."""
    times = network.n_times_
    return (network.n_channels_, *(times if isinstance(times, tuple) else (times,)))


def node_of(network: Any, target: Any, caller: str) -> int:
    """Return the index of a label among the outputs, and raise ValueError for other labels."""
    known = network.classes_.tolist()
    if not isinstance(target, Hashable):
        raise ValueError(
            f"The 'target' of {caller} must be one label for all windows, of the classes {known}. "
            f"Got {type(target).__name__}."
        )
    if target not in known:
        raise ValueError(
            f"The 'target' of {caller} must be one of the classes {known}. Got {target!r} instead."
        )
    return known.index(target)


def predicted_nodes(network: Any, X: ArrayLike) -> NDArray:
    """Return the output index of the predicted class of each window."""
    return network.predict_proba(X).argmax(axis=1)
