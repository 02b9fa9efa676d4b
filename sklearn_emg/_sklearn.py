"""Private names of scikit-learn, all imported here so that their changes affect only one file."""

import inspect
from typing import Any

from sklearn.base import BaseEstimator, is_classifier
from sklearn.calibration import _CalibratedClassifier
from sklearn.ensemble import StackingClassifier, StackingRegressor
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.metrics._scorer import _BaseScorer as BaseScorer
from sklearn.model_selection._search import BaseSearchCV
from sklearn.pipeline import Pipeline
from sklearn.utils import _safe_indexing as safe_indexing
from sklearn.utils._param_validation import (
    HasMethods,
    Hidden,
    Integral,
    Interval,
    InvalidParameterError,
    Options,
    Real,
    StrOptions,
    validate_params,
)
from sklearn.utils.metadata_routing import get_routing_for_object
from sklearn.utils.validation import _check_feature_names_in as check_feature_names_in

POSITIVE = Interval(Real, 0, None, closed="neither")  # constraint of a parameter
CONTAINERS = (dict, list, tuple)
_HOLDERS = (BaseEstimator, _CalibratedClassifier, *CONTAINERS)


def validated(**constraints: list[Any]) -> Any:
    """Decorate a function that checks its parameters, with the constraints of each parameter."""
    return validate_params(constraints, prefer_skip_nested_validation=True)


def has_method(estimator: Any, name: str) -> bool:
    """Whether an estimator (also a Pipeline or a search) has a method, or will after ``fit``.

    An unfitted stack without `final_estimator` does not have the methods of its default one yet.
    """
    last = estimator
    while isinstance(last, (Pipeline, BaseSearchCV)):
        last = last.steps[-1][1] if isinstance(last, Pipeline) else last.estimator
    is_stack = isinstance(last, (StackingClassifier, StackingRegressor))
    if is_stack and last.final_estimator is None:
        return hasattr(LogisticRegression if is_classifier(last) else RidgeCV, name)
    return hasattr(estimator, name)


def inner_parts(part: Any) -> list[Any]:
    """List the estimators, and containers that may hold some, directly inside one of these."""
    inner = part if isinstance(part, CONTAINERS) else vars(part)
    values = inner.values() if isinstance(inner, dict) else inner
    return [value for value in values if isinstance(value, _HOLDERS)]


def last_of(model: Any) -> Any:
    """Return the step at the end of a pipeline, or the model itself if it is no pipeline."""
    while isinstance(model, Pipeline):
        model = model.steps[-1][1]
    return model


def end_of(model: Any) -> Any:
    """Return the estimator at the end of pipelines and fitted searches, or the model itself."""
    while isinstance(model, Pipeline) or hasattr(model, "best_estimator_"):
        model = model.best_estimator_ if hasattr(model, "best_estimator_") else last_of(model)
    return model


def consumes_groups(cv: Any) -> bool:
    """Return whether a splitter requests groups; without them, it raises an error.

    Parameters
    ----------
    cv : splitter
        Splitter of scikit-learn or of sklearn_emg.

    Returns
    -------
    asks : bool
        True if ``split`` requests ``groups``.
    """
    return bool(get_routing_for_object(cv).consumes("split", ["groups"]))


class HasPredict(HasMethods):
    """Constraint on estimators with ``fit`` that have ``predict`` at the latest once fitted."""

    def __init__(self) -> None:
        super().__init__(["fit", "predict"])

    def is_satisfied_by(self, val: Any) -> bool:
        return all(has_method(val, name) for name in self.methods)


class GroupsRequester:
    """Mixin of estimators whose methods request `groups` by default under metadata routing.

    scikit-learn routes metadata only to methods that request them, and its group splitters request
    groups by default. Estimators that hold out subjects, or that aggregate predictions for each
    subject, also request them by default, so the subjects are known with and without routing.
    ``set_fit_request(groups=False)`` cancels the request of ``fit``.
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        for name in ("fit", "partial_fit", "predict", "predict_proba", "score"):
            method = getattr(cls, name, None)
            if method is not None and "groups" in inspect.signature(method).parameters:
                setattr(cls, f"__metadata_request__{name}", {"groups": True})
        super().__init_subclass__(**kwargs)
