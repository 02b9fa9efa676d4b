"""Scores that count people, and measures that scikit-learn lacks."""

from sklearn_emg.metrics._intervals import bootstrap_interval, wilson_interval
from sklearn_emg.metrics._subjects import (
    SubjectPredictions,
    predict_subjects,
    subject_scorer,
)

__all__ = [
    "SubjectPredictions",
    "bootstrap_interval",
    "predict_subjects",
    "subject_scorer",
    "wilson_interval",
]
