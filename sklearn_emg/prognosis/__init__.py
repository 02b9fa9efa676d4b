"""Prognosis: prediction of values at later visits from earlier visits, and of times to an event."""

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
from sklearn_emg.prognosis._lstm import context_network as context_network
from sklearn_emg.prognosis._survival import SurvivalVote, survival_target
from sklearn_emg.prognosis._survival_comparison import SurvivalComparison, compare_survival

__all__ = [
    "ContextBoostingRegressor",
    "LSTMPrognosis",
    "LSTMPrognosisClassifier",
    "LastValueRegressor",
    "MixedModelRegressor",
    "SlopeRegressor",
    "SurvivalComparison",
    "SurvivalVote",
    "compare_survival",
    "survival_target",
    "visit_contexts",
]
