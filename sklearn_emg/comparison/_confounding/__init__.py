"""Audit of properties other than the disease that predict the class, and matched subjects."""

from sklearn_emg.comparison._confounding._audit import ConfoundAudit, confound_audit
from sklearn_emg.comparison._confounding._matching import MatchedSubjects, match_subjects

__all__ = ["ConfoundAudit", "MatchedSubjects", "confound_audit", "match_subjects"]
