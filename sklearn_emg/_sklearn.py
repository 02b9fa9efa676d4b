"""Private names of scikit-learn, all imported here so that their changes affect only one file."""

import inspect
from typing import Any

from sklearn.calibration import _CalibratedClassifier as CalibratedPart
from sklearn.model_selection._search import BaseSearchCV
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
from sklearn.utils.validation import _check_feature_names_in as check_feature_names_in

__all__ = [
    "BaseSearchCV",
    "CalibratedPart",
    "GroupsRequester",
    "HasMethods",
    "Hidden",
    "Integral",
    "Interval",
    "InvalidParameterError",
    "Options",
    "Real",
    "StrOptions",
    "check_feature_names_in",
    "safe_indexing",
    "validate_params",
]


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
