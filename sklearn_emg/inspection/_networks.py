"""Find the fitted network or vote inside an estimator, without importing PyTorch."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from numpy.typing import ArrayLike, NDArray
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import Pipeline

from sklearn_emg._validation import require
from sklearn_emg.ensemble import DiVoteClassifier


def torch_tools(caller: str) -> ModuleType:
    """Import the part of this sub-package that needs PyTorch, no sooner than it is used.

    Parameters
    ----------
    caller : str
        Name in the error.

    Raises
    ------
    ImportError
        If PyTorch is not installed; the message states how to install it.
    """
    require("torch", caller, "nets")
    from sklearn_emg.inspection import _torch_tools

    return _torch_tools


def find_divote(estimator: Any, X: Any, caller: str) -> tuple[DiVoteClassifier, Any]:
    """The vote at the end of a fitted estimator, and the table as it reaches it.

    Parameters
    ----------
    estimator : fitted estimator
        A DiVoteClassifier, a Pipeline that ends with one, or a search over either.
    X : DataFrame or ndarray
        Input of the estimator.
    caller : str
        Function or class, for the message.

    Returns
    -------
    divote : DiVoteClassifier
    table : DataFrame or ndarray
        `X`, transformed by the steps before the vote.

    Raises
    ------
    TypeError
        If there is no DiVoteClassifier at the end.
    """
    found, table = estimator, X
    while not isinstance(found, DiVoteClassifier):
        if hasattr(found, "best_estimator_"):
            found = found.best_estimator_
        elif isinstance(found, Pipeline):
            head, found = found[:-1], found.steps[-1][1]
            table = head.transform(table) if len(head) else table
        else:
            raise TypeError(
                f"{caller} takes a DiVoteClassifier, or a Pipeline or search with one at its end. "
                f"Got {type(estimator).__name__}."
            )
    return found, table


def ends_with_divote(estimator: Any) -> bool:
    """Whether a fitted estimator is a DiVoteClassifier or ends with one.

    Parameters
    ----------
    estimator : fitted estimator
        A Pipeline is followed to its last step, a search to its best estimator.

    Returns
    -------
    ends : bool
    """
    while not isinstance(estimator, DiVoteClassifier):
        if hasattr(estimator, "best_estimator_"):
            estimator = estimator.best_estimator_
        elif isinstance(estimator, Pipeline):
            estimator = estimator.steps[-1][1]
        else:
            return False
    return True


def unwrap(estimator: Any) -> Any:
    """Give the estimator at the end of a search, a DiVoteClassifier or a Pipeline.

    Parameters
    ----------
    estimator : estimator
        Fitted; these three may hold each other to any depth.

    Returns
    -------
    estimator : estimator
        The same estimator where it is none of the three.
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
    """The fitted network that `estimator` is, or has at its end; a classifier by default."""
    found = unwrap(estimator)
    if hasattr(found, "net_") and (hasattr(found, "classes_") or not classifier):
        return found
    kind = "network classifier" if classifier else "network"
    if hasattr(found, "max_epochs") and (hasattr(found, "predict_proba") or not classifier):
        raise NotFittedError(
            f"{caller} explains a trained network: fit the {type(found).__name__}."
        )
    raise TypeError(
        f"{caller} explains a {kind} of sklearn_emg.neural_network, or a Pipeline or "
        f"DiVoteClassifier with one at its end. Got {type(found).__name__}."
    )


def window_shape(network: Any) -> tuple[int, ...]:
    """Shape of a window as the module gets it: channels, then samples (or height and width)."""
    times = network.n_times_
    return (network.n_channels_, *(times if isinstance(times, tuple) else (times,)))


def node_of(network: Any, target: Any, caller: str) -> int:
    """Position of a label among the outputs.

    Parameters
    ----------
    network : fitted network classifier
    target : label
    caller : str
        Name in the message.

    Returns
    -------
    position : int

    Raises
    ------
    ValueError
        If `target` is not one of the classes.
    """
    known = network.classes_.tolist()
    if target not in known:
        raise ValueError(
            f"The 'target' of {caller} must be one of the classes {known}. Got {target!r} instead."
        )
    return known.index(target)


def predicted_nodes(network: Any, X: ArrayLike) -> NDArray:
    """Position of the predicted class of each window among the outputs.

    Parameters
    ----------
    network : fitted network classifier
    X : array-like of shape (n_windows, n_times) or (n_windows, n_channels, n_times)

    Returns
    -------
    positions : ndarray of shape (n_windows,)
    """
    return network.predict_proba(X).argmax(axis=1)
