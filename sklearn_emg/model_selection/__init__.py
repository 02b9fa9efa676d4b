"""Splits by subject: nobody's data on both sides."""

from sklearn_emg.model_selection._split import (
    LeaveOneSubjectOut,
    SubjectKFold,
    SubjectsPerClassOut,
    subject_train_test_split,
)

__all__ = [
    "LeaveOneSubjectOut",
    "SubjectKFold",
    "SubjectsPerClassOut",
    "subject_train_test_split",
]
