"""Systems of a benchmark: their choice by name, construction and identity."""

from __future__ import annotations

import contextlib
import fnmatch
import pickle
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd

from sklearn_emg._validation import did_you_mean
from sklearn_emg.papers._registry import get_system, list_systems, make_system
from sklearn_emg.recordings import content_digest, is_recording_table


def choose_systems(patterns: str | Sequence[str]) -> list[str]:
    """Return the names of systems that match patterns.

    Parameters
    ----------
    patterns : str or sequence of str
        Names, shell patterns such as "nemgnet-*", "all", "classical" (systems without a network)
        or "networks".

    Returns
    -------
    names : list of str
        Names in the order of `list_systems`.

    Raises
    ------
    ValueError
        If there is no pattern, or a pattern matches nothing.

    Examples
    --------
    >>> from sklearn_emg.papers._benchmark._systems import choose_systems
    >>> choose_systems(["yoo-2023-*", "alsnet"])
    ['alsnet', 'yoo-2023-svm', 'yoo-2023-rf', 'yoo-2023-cnn']
    """
    patterns = [patterns] if isinstance(patterns, str) else patterns
    if not patterns:
        raise ValueError("No system is named. Use 'all' for all systems of list_systems().")
    systems = list_systems()
    # The benchmark scores diagnoses of recordings.
    systems = systems[systems["task"] == "diagnosis"]
    chosen = {name for pattern in patterns for name in _matches(pattern, systems)}
    return [name for name in systems.index if name in chosen]


def _matches(pattern: str, systems: pd.DataFrame) -> list[str]:
    """Return the names that a pattern matches, or raise an error if there are none."""
    if pattern == "all":
        return list(systems.index)
    if pattern in ("classical", "networks"):
        has_network = [get_system(name).has_network for name in systems.index]
        wanted = pattern == "networks"
        return [name for name, network in zip(systems.index, has_network) if network == wanted]
    if found := fnmatch.filter(systems.index, pattern):
        return found
    system = get_system(pattern)  # raises an error that lists the systems
    raise ValueError(
        f"{system.name!r} is a {system.task} from contexts of visits; the benchmark diagnoses "
        "recordings. Compare it with sklearn_emg.comparison.compare."
    )


def build(
    name: str,
    X: pd.DataFrame,
    *,
    fs: float | None = None,
    max_epochs: int | None = None,
    parameters: Mapping[str, Any] | None = None,
    search: Callable[[str, Any], Any] | None = None,
    memory: str | None = None,
) -> Any:
    """Build a system for the sampling rates of a table.

    Parameters
    ----------
    name : str
        Name from `list_systems`.
    X : DataFrame
        Table of recordings.
    fs : float, default=None
        Sampling rate in Hz at which windows are cut. By default, it is the rate of the paper, or
        the lowest rate in the table if this is lower and the network allows it.
    max_epochs : int, default=None
        Maximum number of epochs of networks; by default, the number in the paper.
    parameters : mapping, default=None
        Parameters for ``set_params``; those that the system does not have are ignored.
    search : callable, default=None
        Function ``search(name, estimator)`` that wraps the system, for nested protocols.
    memory : str, default=None
        Folder of fitted window classifiers, the `memory` of DiVote.

    Returns
    -------
    estimator : estimator object
        Unfitted estimator.
    """
    model = make_system(name, **_changes(name, X, fs, max_epochs))
    known = model.get_params(deep=True)
    if is_recording_table(X) and known.get("filter__high") is not None:
        # Filters precede resampling, so the lowest sampling rate limits the cut-off frequency.
        high = min(float(known["filter__high"]), 0.45 * float(X["fs"].min()))
        model.set_params(filter__high=high)
    settings = dict(parameters or {})
    if memory is not None:
        settings["divote__memory"] = memory
    model.set_params(**{k: v for k, v in settings.items() if k in known})
    return model if search is None else search(name, model)


def _changes(
    name: str, X: pd.DataFrame, fs: float | None, max_epochs: int | None
) -> dict[str, Any]:
    """Return the arguments of a system's function that differ from its defaults."""
    system = get_system(name)
    takes = system.function.__kwdefaults__ or {}
    changes: dict[str, Any] = {}
    if "fs" in takes and is_recording_table(X):
        rate = min(float(takes["fs"]), float(X["fs"].min()))
        changes["fs"] = max(rate, system.min_fs) if fs is None else float(fs)
    if max_epochs is not None and "max_epochs" in takes:
        changes["max_epochs"] = max_epochs
    return changes


def check_parameters(names: Sequence[str], parameters: Mapping[str, Any]) -> None:
    """Reject parameters that none of the systems has, since they are probably misspelt."""
    left, known = set(parameters), set[str]()
    for name in names if left else ():
        # If the libraries of a system are missing, its row in the results says so.
        with contextlib.suppress(ImportError):
            known |= set(make_system(name).get_params(deep=True))
    if left := left - known:
        inside = [name for name in sorted(known) if name.endswith(f"__{min(left)}")]
        hint = f" Did you mean {inside[0]!r}?" if inside else did_you_mean(min(left), known)
        raise ValueError(
            f"None of {', '.join(names)} has the parameters {sorted(left)}, as get_params() names "
            f"them.{hint}"
        )


def identity_of(name: str, X: pd.DataFrame, options: Mapping[str, Any]) -> str:
    """Return a digest of a system and its parameters, or the reason why it cannot be built."""
    try:
        model = build(name, X, **options)
    # The runs of the system will fail for the same reason, which is then reported.
    except Exception as error:  # noqa: BLE001
        return f"{type(error).__name__}: {error}"
    try:
        return content_digest(model)
    except (TypeError, AttributeError, pickle.PicklingError) as error:
        raise ValueError(
            f"System {name!r} has a parameter that cannot be identified, so its runs could be "
            f"mistaken for runs with different settings: {error}. Pass plain values or estimators."
        ) from error
