"""Scores in which each subject counts once, and measures that scikit-learn lacks."""

from sklearn_emg.metrics._confusion import METRICS as METRICS
from sklearn_emg.metrics._confusion import confusion_measures as confusion_measures
from sklearn_emg.metrics._decomposition import (
    DecompositionAgreement,
    decomposition_agreement,
)
from sklearn_emg.metrics._decomposition import common_discharges as common_discharges
from sklearn_emg.metrics._decomposition import discharge_trains as discharge_trains
from sklearn_emg.metrics._inference import (
    PairedTest,
    compare_pair,
    corrected_resampled_ttest,
    paired_permutation_test,
)
from sklearn_emg.metrics._intervals import bootstrap_interval, wilson_interval
from sklearn_emg.metrics._intervals import check_confidence as check_confidence
from sklearn_emg.metrics._numbers import ERRORS as ERRORS
from sklearn_emg.metrics._numbers import NUMBER_METRICS as NUMBER_METRICS
from sklearn_emg.metrics._numbers import concordance as concordance
from sklearn_emg.metrics._numbers import measures_of_sums as measures_of_sums
from sklearn_emg.metrics._numbers import number_sums as number_sums
from sklearn_emg.metrics._numbers import rank_correlation as rank_correlation
from sklearn_emg.metrics._numbers import regression_measures
from sklearn_emg.metrics._subjects import (
    SubjectPredictions,
    predict_subjects,
    subject_scorer,
)
from sklearn_emg.metrics._subjects import refuse_metric_function as refuse_metric_function
from sklearn_emg.metrics._subjects import subjects_from_rows as subjects_from_rows
from sklearn_emg.metrics._survival import brier_contributions as brier_contributions
from sklearn_emg.metrics._survival import check_outcomes as check_outcomes
from sklearn_emg.metrics._survival import check_times as check_times
from sklearn_emg.metrics._survival import integrated as integrated
from sklearn_emg.metrics._survival import kaplan_meier, survival_measures
from sklearn_emg.metrics._survival import outcomes_of_subjects as outcomes_of_subjects
from sklearn_emg.metrics._survival import survival_at as survival_at
from sklearn_emg.metrics._uncertainty import (
    Threshold,
    calibration_summary,
    conformal_intervals,
    conformal_sets,
    conformal_subjects,
    threshold_for_sensitivity,
)

__all__ = [
    "DecompositionAgreement",
    "PairedTest",
    "SubjectPredictions",
    "Threshold",
    "bootstrap_interval",
    "calibration_summary",
    "compare_pair",
    "conformal_intervals",
    "conformal_sets",
    "conformal_subjects",
    "corrected_resampled_ttest",
    "decomposition_agreement",
    "kaplan_meier",
    "paired_permutation_test",
    "predict_subjects",
    "regression_measures",
    "subject_scorer",
    "survival_measures",
    "threshold_for_sensitivity",
    "wilson_interval",
]
