"""Set the sampling rate of the windows in every step that needs it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from numbers import Real
from typing import Any

from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline

from sklearn_emg._sklearn import BaseSearchCV
from sklearn_emg.recordings import same_rate

# Parameters that set a rate or change it.
_RATE_PARAMETERS = ("fs", "fs_out", "factor")


def give_rate(estimator: Any, fs: float, path: str = "estimator") -> dict[str, float]:
    """Set the rate in Hz of the windows, in place, in every part whose ``fs`` is None.

    The steps of a Pipeline after a step that changes the rate, such as a Resampler, get the new
    rate. Return the rate of each part that has an ``fs``, by its path, which begins with `path`.
    Raise ValueError if a part already has a different rate, or a search tries other rates.
    """
    rates: dict[str, float] = {}
    _walk(estimator, float(fs), path, rates, frozen=False)
    return rates


def _walk(estimator: Any, fs: float, path: str, rates: dict[str, float], frozen: bool) -> float:
    """Visit an estimator and its parts; return the sampling rate of its output."""
    if isinstance(estimator, FrozenEstimator):
        # It is fitted and belongs to the caller, so it is not changed.
        return _walk(estimator.estimator, fs, path, rates, frozen=True)
    if isinstance(estimator, Pipeline):
        for name, step in estimator.steps:
            if hasattr(step, "get_params"):
                fs = _walk(step, fs, f"{path}__{name}", rates, frozen)
        return fs
    own = estimator.get_params(deep=False)
    if "fs" in own:
        _set_or_compare(estimator, own["fs"], fs, path, frozen)
        rates[path] = fs
    # Candidates are tried in this copy, which lacks the rates that are set below.
    untouched = clone(estimator.estimator) if isinstance(estimator, BaseSearchCV) else None
    fs_out = fs
    for name, part in _parts(estimator):
        changed = _walk(part, fs, f"{path}__{name}", rates, frozen)
        # A wrapper of one transformer has the output rate of that transformer.
        fs_out = changed if name in ("transformer", "estimator") else fs_out
    if untouched is not None and not frozen:
        _give_candidates(estimator, untouched, fs, path, rates)
    return float(estimator.output_fs(fs)) if hasattr(estimator, "output_fs") else fs_out


def _parts(estimator: Any) -> Iterator[tuple[str, Any]]:
    """Estimators that are parameters of an estimator, with the names of these parameters."""
    for name, value in estimator.get_params(deep=True).items():
        if "__" not in name and hasattr(value, "get_params") and not isinstance(value, type):
            yield name, value


def _set_or_compare(estimator: Any, own: Any, fs: float, path: str, frozen: bool) -> None:
    if own is None:
        if not frozen:
            estimator.set_params(fs=fs)
    # The step itself rejects a value that is not a number.
    elif isinstance(own, Real) and not same_rate(float(own), fs):
        raise ValueError(
            f"{path}__fs is {float(own):.10g} Hz, but the windows that this "
            f"{type(estimator).__name__} gets have a rate of {fs:.10g} Hz. Leave its 'fs' as None, "
            "so that it gets the rate of the table, or put a Resampler before it."
        )


def _candidates(search: Any) -> Iterator[tuple[str, Any]]:
    """Parameters and values that a search tries."""
    space = getattr(search, "param_grid", None) or getattr(search, "param_distributions", None)
    for grid in [space] if isinstance(space, Mapping) else (space or []):
        for key, values in grid.items():
            if hasattr(values, "rvs"):
                yield key, values
            else:
                yield from ((key, value) for value in values)


def _give_candidates(
    search: Any, estimator: Any, fs: float, path: str, rates: dict[str, float]
) -> None:
    """Set the rate in the steps that an inner search tries; reject a search over rates."""
    path = f"{path}__estimator"
    known = {key: rate for key, rate in rates.items() if key.startswith(path)}
    for key, value in _candidates(search):
        is_rate = key.rpartition("__")[2] in _RATE_PARAMETERS
        if hasattr(value, "rvs"):
            if is_rate:
                _refuse_search(path, key)
        elif is_rate or hasattr(value, "get_params"):
            trial = clone(estimator).set_params(**{key: clone(value, safe=False)})
            found: dict[str, float] = {}
            _walk(trial, fs, path, found, frozen=False)
            if any(not same_rate(known[k], found[k]) for k in known.keys() & found.keys()):
                _refuse_search(path, key)
            _give_step(value, f"{path}__{key}", found, rates)


def _give_step(value: Any, path: str, found: dict[str, float], rates: dict[str, float]) -> None:
    """Set the rate that was found for a candidate step in the step itself."""
    rate = next((rate for part, rate in found.items() if part.startswith(path)), None)
    if rate is not None and hasattr(value, "get_params"):
        _walk(value, rate, path, rates, frozen=False)


def _refuse_search(path: str, key: str) -> None:
    raise ValueError(
        f"The search at {path.removesuffix('__estimator')} tries values of {path}__{key}, which "
        "changes the sampling rate of later steps. Put the search around the complete model "
        "instead, without the inner search; the key in its grid is "
        f"'{path.removesuffix('__estimator')}__{key}'."
    )
