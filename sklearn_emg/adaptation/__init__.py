"""Adaptation to new sites and patients: references, few labels, and alarms of drift."""

from sklearn_emg.adaptation._diagnosis import AdaptiveDiagnosis

__all__ = ["AdaptiveDiagnosis"]
