"""Splits by subject: nobody's data on both sides."""

from sklearn_emg.model_selection._caching import CachedTransformer
from sklearn_emg.model_selection._protocols import (
    BoumerdesProtocol,
    LeaveOneSubjectOutProtocol,
    NEMGNetProtocol,
    NestedProtocol,
    ProtocolRun,
    RandomWindows,
    RepeatedSubjectKFold,
    SubjectHoldout,
    with_seed,
    with_validation,
)
from sklearn_emg.model_selection._split import (
    LeaveOneSubjectOut,
    SubjectKFold,
    SubjectsPerClassOut,
    subject_train_test_split,
)

__all__ = [
    "BoumerdesProtocol",
    "CachedTransformer",
    "LeaveOneSubjectOut",
    "LeaveOneSubjectOutProtocol",
    "NEMGNetProtocol",
    "NestedProtocol",
    "ProtocolRun",
    "RandomWindows",
    "RepeatedSubjectKFold",
    "SubjectHoldout",
    "SubjectKFold",
    "SubjectsPerClassOut",
    "subject_train_test_split",
    "with_seed",
    "with_validation",
]
