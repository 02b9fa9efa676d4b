"""Prognosis: contexts of earlier visits, and baselines for the value at a later visit."""

from sklearn_emg.prognosis._baselines import (
    ContextBoostingRegressor,
    LastValueRegressor,
    MixedModelRegressor,
    SlopeRegressor,
)
from sklearn_emg.prognosis._baselines import naive_baselines as naive_baselines
from sklearn_emg.prognosis._contexts import Contexts as Contexts
from sklearn_emg.prognosis._contexts import visit_contexts
from sklearn_emg.prognosis._lstm import LSTMPrognosis, LSTMPrognosisClassifier

__all__ = [
    "ContextBoostingRegressor",
    "LSTMPrognosis",
    "LSTMPrognosisClassifier",
    "LastValueRegressor",
    "MixedModelRegressor",
    "SlopeRegressor",
    "visit_contexts",
]
