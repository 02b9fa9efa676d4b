"""Adaptation to new sites and patients with references or a few labels, and drift alarms."""

from sklearn_emg.adaptation._curve import AdaptationCurve, adaptation_curve
from sklearn_emg.adaptation._curve import largest_draw as largest_draw
from sklearn_emg.adaptation._diagnosis import AdaptiveDiagnosis
from sklearn_emg.adaptation._drift import Alarm, CusumDetector, average_run_length
from sklearn_emg.adaptation._prequential import PrequentialScore, prequential_score

__all__ = [
    "AdaptationCurve",
    "AdaptiveDiagnosis",
    "Alarm",
    "CusumDetector",
    "PrequentialScore",
    "adaptation_curve",
    "average_run_length",
    "prequential_score",
]
