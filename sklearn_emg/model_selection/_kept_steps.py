"""Find steps that learn nothing, and steps that accept recordings from a store."""

from __future__ import annotations

from typing import Any

from sklearn.base import BaseEstimator
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.utils import get_tags

from sklearn_emg._sklearn import BaseSearchCV
from sklearn_emg.base import FeatureExtractor, SignalTransformer


def takes_kept(estimator: Any) -> bool:
    """Whether an estimator accepts recordings and windows from a store instead of arrays.

    Parameters
    ----------
    estimator : estimator
        Estimator to examine.

    Returns
    -------
    takes : bool
        True for signal transformers and feature extractors of this package that use the
        ``transform`` of their base class, for estimators whose attribute ``takes_kept`` is True,
        and for pipelines, unions and searches if all parts that get such recordings accept them.
    """
    if estimator is None or isinstance(estimator, str):  # "passthrough", "drop"
        return True
    if isinstance(estimator, Pipeline):
        for _, step in estimator.steps:
            if not takes_kept(step):
                return False
            if not _passes_on(step):
                return True
        return True
    if isinstance(estimator, FeatureUnion):
        return all(takes_kept(part) for _, part in estimator.transformer_list)
    if isinstance(estimator, BaseSearchCV):
        return takes_kept(estimator.estimator) and not _tries_estimators(estimator)
    if isinstance(estimator, SignalTransformer):
        return type(estimator).transform is SignalTransformer.transform
    if isinstance(estimator, FeatureExtractor):
        return type(estimator).transform is FeatureExtractor.transform
    return bool(getattr(estimator, "takes_kept", False))


def _passes_on(step: Any) -> bool:
    """Whether a step may return recordings or windows of a store."""
    if step is None or isinstance(step, str):
        return True
    if isinstance(step, Pipeline):
        return all(_passes_on(part) for _, part in step.steps)
    if getattr(step, "takes_kept", False) and hasattr(step, "transformer"):
        return _passes_on(step.transformer)
    return isinstance(step, SignalTransformer) and not get_tags(step).requires_fit


def is_stateless(estimator: Any) -> bool:
    """Whether a transformer learns nothing in ``fit`` (scikit-learn's tag ``requires_fit``).

    For a Pipeline or FeatureUnion, it is whether each part learns nothing.
    """
    if estimator is None or isinstance(estimator, str):
        return True
    if isinstance(estimator, Pipeline):
        return all(is_stateless(step) for _, step in estimator.steps)
    if isinstance(estimator, FeatureUnion):
        return all(is_stateless(part) for _, part in estimator.transformer_list)
    return not get_tags(estimator).requires_fit


def _tries_estimators(search: BaseEstimator) -> bool:
    """Whether a search puts other estimators into its pipeline."""
    space = getattr(search, "param_grid", None) or getattr(search, "param_distributions", None)
    grids = [space] if isinstance(space, dict) else list(space or [])
    values = [v for grid in grids for choices in grid.values() if not hasattr(choices, "rvs")
              for v in choices]  # fmt: skip
    return any(hasattr(value, "fit") for value in values)
