"""Splits by subject, site or time, evaluation protocols, and caching of transformers."""

from sklearn_emg.model_selection._caching import CachedTransformer
from sklearn_emg.model_selection._caching import call_kept as call_kept
from sklearn_emg.model_selection._caching import keeps_results as keeps_results
from sklearn_emg.model_selection._caching import key_for as key_for
from sklearn_emg.model_selection._kept_steps import is_stateless as is_stateless
from sklearn_emg.model_selection._kept_steps import takes_kept as takes_kept
from sklearn_emg.model_selection._pretrained import PretrainedPart as PretrainedPart
from sklearn_emg.model_selection._pretrained import (
    check_not_pretrained_on as check_not_pretrained_on,
)
from sklearn_emg.model_selection._pretrained import parts_of as parts_of
from sklearn_emg.model_selection._pretrained import (
    pretrained_parts,
)
from sklearn_emg.model_selection._protocols import (
    NestedProtocol,
    RandomRecordings,
    RandomWindows,
    RepeatedSubjectKFold,
    SubjectHoldout,
)
from sklearn_emg.model_selection._runs import Protocol, ProtocolRun, with_validation
from sklearn_emg.model_selection._runs import groups_of_search as groups_of_search
from sklearn_emg.model_selection._runs import splits_by_subject as splits_by_subject
from sklearn_emg.model_selection._runs import with_seed as with_seed
from sklearn_emg.model_selection._sites import LeaveOneSiteOut
from sklearn_emg.model_selection._sites import draw_references as draw_references
from sklearn_emg.model_selection._sites import sites_of as sites_of
from sklearn_emg.model_selection._split import (
    LeaveOneSubjectOut,
    SubjectKFold,
    SubjectsPerClassOut,
    subject_train_test_split,
)
from sklearn_emg.model_selection._split import (
    assert_no_shared_subject as assert_no_shared_subject,
)
from sklearn_emg.model_selection._store import RecordingStore
from sklearn_emg.model_selection._store import opened_store as opened_store
from sklearn_emg.model_selection._strata import Split as Split
from sklearn_emg.model_selection._strata import SubjectStrata as SubjectStrata
from sklearn_emg.model_selection._strata import labels_of_rows as labels_of_rows
from sklearn_emg.model_selection._visits import (
    ChronologicalSplit,
    LaterVisitSplit,
    VisitSplit,
)
from sklearn_emg.model_selection._visits import check_contexts as check_contexts

__all__ = [
    "CachedTransformer",
    "ChronologicalSplit",
    "LaterVisitSplit",
    "LeaveOneSiteOut",
    "LeaveOneSubjectOut",
    "NestedProtocol",
    "Protocol",
    "ProtocolRun",
    "RandomRecordings",
    "RandomWindows",
    "RecordingStore",
    "RepeatedSubjectKFold",
    "SubjectHoldout",
    "SubjectKFold",
    "SubjectsPerClassOut",
    "VisitSplit",
    "pretrained_parts",
    "subject_train_test_split",
    "with_validation",
]
