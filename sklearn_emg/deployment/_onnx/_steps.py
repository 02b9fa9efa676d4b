"""Steps of a system that can be exported, and the reasons why others cannot."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from sklearn.base import BaseEstimator
from sklearn.feature_selection import SelectorMixin
from sklearn.pipeline import FeatureUnion, Pipeline

from sklearn_emg.deployment._onnx import _signals
from sklearn_emg.ensemble import DiVoteClassifier, DiVoteRegressor
from sklearn_emg.feature_extraction import EMGFeatures, Flatten, TimeDomainFeatures
from sklearn_emg.preprocessing import (
    AmplitudeScaler,
    BandpassFilter,
    BaselineRemover,
    Envelope,
    HighpassFilter,
    LowpassFilter,
    NotchFilter,
    Rectifier,
    ReferenceScaler,
)

_FILTERS = (BandpassFilter, HighpassFilter, LowpassFilter, NotchFilter)
NEED_FS = (*_FILTERS, Envelope)
SIGNAL_STEPS: dict[type, Callable[..., Any]] = {
    **dict.fromkeys(_FILTERS, _signals.filtered),
    AmplitudeScaler: _signals.scaled,
    BaselineRemover: _signals.without_baseline,
    Envelope: _signals.envelope,
    Rectifier: _signals.rectified,
    ReferenceScaler: _signals.divided,
}
FEATURE_STEPS = (TimeDomainFeatures, EMGFeatures, Flatten)
VOTES = (DiVoteClassifier, DiVoteRegressor)
# Attributes that hold the fitted estimator of a search, a cache or a resampler.
_INNER = ("best_estimator_", "transformer_", "estimator_")


def inner(model: Any) -> Any:
    """Return the fitted estimator inside a search, a cache or a resampler, or the model itself."""
    if isinstance(model, VOTES) or not type(model).__module__.startswith("sklearn_emg."):
        return inner(model.best_estimator_) if hasattr(model, "best_estimator_") else model
    if is_network(model) or isinstance(model, SelectorMixin):
        return model
    for name in _INNER:
        if hasattr(model, name):
            return inner(getattr(model, name))
    return model


def is_network(model: Any) -> bool:
    """Return whether an estimator is itself a fitted network."""
    return hasattr(model, "net_")


def steps_of(model: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the path and the estimator of each step, including those of nested pipelines."""
    model = inner(model)
    if isinstance(model, Pipeline):
        for name, step in model.steps:
            yield from steps_of(step, f"{path}__{name}" if path else name)
    elif model is not None and model != "passthrough":
        yield path, model


def refusals(model: Any, path: str = "") -> Iterator[str]:
    """For each step, at any depth, that cannot be exported, yield its name and the reason."""
    for where, step in steps_of(model, path):
        reason = _refusal(step)
        if reason is not None:
            name = f"step {where!r}, {type(step).__name__}" if where else type(step).__name__
            yield f"{name}: {reason}"
        prefix = f"{where}__" if where else ""
        if isinstance(step, VOTES):
            yield from refusals(step.estimator_, f"{prefix}estimator")
            yield from refusals(step.final_estimator_, f"{prefix}final_estimator")
        elif isinstance(step, FeatureUnion):
            for name, part in step.transformer_list:
                yield from refusals(part, f"{prefix}{name}")


def _refusal(step: BaseEstimator) -> str | None:
    rule = _RULES.get(type(step))
    if rule is not None:
        return rule(step)
    if type(step) in SIGNAL_STEPS or is_network(step) or isinstance(step, SelectorMixin):
        return None
    if type(step).__module__.startswith("sklearn."):
        return None  # skl2onnx decides
    return "it has no ONNX graph in this package; apply it before the graph or leave it out"


def _of_reference(step: ReferenceScaler) -> str | None:
    if step.reference is not None:
        return None
    return "it reads reference contractions from the table; set its 'reference'"


def _of_baseline(step: BaselineRemover) -> str | None:
    if step.method in ("mean", "median"):
        return None
    return f"method={step.method!r} has no graph; use 'mean', 'median' or a HighpassFilter"


def _of_time_features(step: TimeDomainFeatures) -> str | None:
    if step.n_times_in_ is not None:
        return None
    return (
        "it was fitted on recordings of any length; fit it on windows of one length, for example "
        "in a DiVoteClassifier"
    )


def _of_features(step: EMGFeatures) -> str | None:
    others = [type(e).__name__ for e in step.extractors_ if type(e) is not TimeDomainFeatures]
    if not others:
        return _of_time_features(step)
    return f"it has features of {', '.join(others)}; only those of TimeDomainFeatures are exported"


def _of_votes(step: Any) -> str | None:
    if step.by is not None:
        return f"by={step.by!r}: a graph does not read that column of the table; set by=None"
    return None


def _of_numbers(step: DiVoteRegressor) -> str | None:
    if step.average != "mean" or step.weights is not None or step.final_estimator_ is not None:
        return "only average='mean' without 'weights' and without 'final_estimator' is exported"
    return _of_votes(step)


_RULES: dict[type, Callable[[Any], str | None]] = {
    ReferenceScaler: _of_reference,
    BaselineRemover: _of_baseline,
    TimeDomainFeatures: _of_time_features,
    EMGFeatures: _of_features,
    Flatten: lambda step: None,
    DiVoteClassifier: _of_votes,
    DiVoteRegressor: _of_numbers,
}
