"""The one place that imports private scikit-learn names, so that a move there breaks one file."""

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
