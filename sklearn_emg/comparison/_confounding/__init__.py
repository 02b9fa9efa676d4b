"""What else than the disease predicts the class: its audit, and subjects matched in it."""

from sklearn_emg.comparison._confounding._audit import ConfoundAudit, confound_audit
from sklearn_emg.comparison._confounding._matching import MatchedSubjects, match_subjects

__all__ = ["ConfoundAudit", "MatchedSubjects", "confound_audit", "match_subjects"]
