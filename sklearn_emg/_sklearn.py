"""The one place that imports private scikit-learn names, so that a move there breaks one file."""

from sklearn.utils._param_validation import (
    HasMethods,
    Hidden,
    Integral,
    Interval,
    Options,
    Real,
    StrOptions,
    validate_params,
)
from sklearn.utils._set_output import _wrap_data_with_container as wrap_with_container

__all__ = [
    "HasMethods",
    "Hidden",
    "Integral",
    "Interval",
    "Options",
    "Real",
    "StrOptions",
    "validate_params",
    "wrap_with_container",
]
