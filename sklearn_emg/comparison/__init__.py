"""Comparison of pipelines split by subject, audits of leaks and confounds, permutation test."""

from sklearn_emg.comparison._audit import LeakageAudit, leakage_audit
from sklearn_emg.comparison._audit import as_windows as as_windows
from sklearn_emg.comparison._checks import checked_labels as checked_labels
from sklearn_emg.comparison._checks import refuse_pretrained as refuse_pretrained
from sklearn_emg.comparison._compare import build_comparison as build_comparison
from sklearn_emg.comparison._compare import compare
from sklearn_emg.comparison._confounding import (
    ConfoundAudit,
    MatchedSubjects,
    confound_audit,
    match_subjects,
)
from sklearn_emg.comparison._meta import MetaAnalysis, meta_analysis
from sklearn_emg.comparison._meta import holm as holm
from sklearn_emg.comparison._permutation import PermutationTest, subject_permutation_test
from sklearn_emg.comparison._permutation import labels_of_subjects as labels_of_subjects
from sklearn_emg.comparison._record._facts import RunRecord as RunRecord
from sklearn_emg.comparison._record._facts import described_rows as described_rows
from sklearn_emg.comparison._record._facts import kinds_of as kinds_of
from sklearn_emg.comparison._record._facts import settings_of as settings_of
from sklearn_emg.comparison._record._facts import short_text as short_text
from sklearn_emg.comparison._record._facts import versions as versions
from sklearn_emg.comparison._record._subgroups import AGE_BANDS as AGE_BANDS
from sklearn_emg.comparison._record._subgroups import diagnoses as diagnoses
from sklearn_emg.comparison._record._subgroups import rate as rate
from sklearn_emg.comparison._record._subgroups import record_of as record_of
from sklearn_emg.comparison._record._subgroups import sensitivities as sensitivities
from sklearn_emg.comparison._record._subgroups import subgroup_scores
from sklearn_emg.comparison._results import Comparison
from sklearn_emg.comparison._results import pipeline_named as pipeline_named
from sklearn_emg.comparison._runs import LEVELS as LEVELS
from sklearn_emg.comparison._runs import Level as Level
from sklearn_emg.comparison._runs import Outcome as Outcome
from sklearn_emg.comparison._runs import killed_outcome as killed_outcome
from sklearn_emg.comparison._runs import run_fold as run_fold
from sklearn_emg.comparison._runs import run_tasks as run_tasks
from sklearn_emg.comparison._scores import Scoring as Scoring
from sklearn_emg.comparison._sites import SiteComparison
from sklearn_emg.comparison._steps import time_steps
from sklearn_emg.comparison._stored import stored_table as stored_table
from sklearn_emg.comparison._workers import mapped_tables as mapped_tables

__all__ = [
    "Comparison",
    "ConfoundAudit",
    "LeakageAudit",
    "MatchedSubjects",
    "MetaAnalysis",
    "PermutationTest",
    "SiteComparison",
    "compare",
    "confound_audit",
    "leakage_audit",
    "match_subjects",
    "meta_analysis",
    "subgroup_scores",
    "subject_permutation_test",
    "time_steps",
]
