"""Explanations of networks and diagnoses, Displays, reports and live views.

Importing this sub-package loads neither PyTorch nor matplotlib. The explanations of networks need
``pip install "sklearn-emg[nets]"``, and attributions also need
``pip install "sklearn-emg[explain]"``. The Displays and the reports need
``pip install "sklearn-emg[plot]"``, and ``watch`` needs ``pip install "sklearn-emg[terminal]"``.
"""

from sklearn_emg.inspection._activation import (
    ActivationMaximizationDisplay,
    activation_maximization,
)
from sklearn_emg.inspection._attention import AttentionMaps, attention_maps
from sklearn_emg.inspection._attribution import Attribution, attribution
from sklearn_emg.inspection._comparisons import (
    ComparisonDisplay,
    ConfoundDisplay,
    LeakageDisplay,
    MetaAnalysisDisplay,
)
from sklearn_emg.inspection._curves import LearningCurveDisplay
from sklearn_emg.inspection._divote_display import DiVoteDisplay
from sklearn_emg.inspection._embedding import LayerEmbeddingDisplay, layer_embedding
from sklearn_emg.inspection._explain import SubjectExplanationDisplay, explain_subject
from sklearn_emg.inspection._feature_display import FeatureDisplay
from sklearn_emg.inspection._importance import (
    FamilyImportanceDisplay,
    family_importance,
)
from sklearn_emg.inspection._live._page import LiveView
from sklearn_emg.inspection._live._terminal import watch
from sklearn_emg.inspection._outcomes import (
    AdaptationDisplay,
    AgreementDisplay,
    CourseDisplay,
    SurvivalDisplay,
)
from sklearn_emg.inspection._recordings._decomposition_display import DecompositionDisplay
from sklearn_emg.inspection._recordings._quality_display import QualityDisplay
from sklearn_emg.inspection._recordings._recording_display import RecordingDisplay
from sklearn_emg.inspection._reports import (
    Card,
    data_card,
    model_card,
    preprocessing_report,
    quantitative_emg_report,
    report,
    write_cards,
)
from sklearn_emg.inspection._sample_displays import AttentionDisplay, AttributionDisplay

__all__ = [
    "ActivationMaximizationDisplay",
    "AdaptationDisplay",
    "AgreementDisplay",
    "AttentionDisplay",
    "AttentionMaps",
    "Attribution",
    "AttributionDisplay",
    "Card",
    "ComparisonDisplay",
    "ConfoundDisplay",
    "CourseDisplay",
    "DecompositionDisplay",
    "DiVoteDisplay",
    "FamilyImportanceDisplay",
    "FeatureDisplay",
    "LayerEmbeddingDisplay",
    "LeakageDisplay",
    "LearningCurveDisplay",
    "LiveView",
    "MetaAnalysisDisplay",
    "QualityDisplay",
    "RecordingDisplay",
    "SubjectExplanationDisplay",
    "SurvivalDisplay",
    "activation_maximization",
    "attention_maps",
    "attribution",
    "data_card",
    "explain_subject",
    "family_importance",
    "layer_embedding",
    "model_card",
    "preprocessing_report",
    "quantitative_emg_report",
    "report",
    "watch",
    "write_cards",
]
