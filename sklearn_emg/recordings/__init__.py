"""The recording table: the subject of each recording is stored in X.

A recording table is a :class:`pandas.DataFrame` with one row per recording. Its columns are:

``signal``
    Each row holds an array in mV, of shape ``(n_times,)`` or ``(n_channels, n_times)``, or a
    :class:`SignalFile`, which is read when it is needed. Rows may differ in length.
``fs``
    Sampling rate in Hz; it may differ from row to row.
``subject``
    Any hashable identifier. Splitters, DiVoteClassifier and scorers read the subject from this
    column.
``channel_names``
    A tuple with one name per channel, if names are known. Features are named after them.
``muscle``, ``region`` and any other column
    These columns are kept unchanged.
"""

from __future__ import annotations

from sklearn_emg.recordings._columns import feature_columns
from sklearn_emg.recordings._columns import identities_learned as identities_learned
from sklearn_emg.recordings._columns import is_healthy as is_healthy
from sklearn_emg.recordings._columns import named_like as named_like
from sklearn_emg.recordings._columns import revealing_columns as revealing_columns
from sklearn_emg.recordings._columns import warn_of_identities as warn_of_identities
from sklearn_emg.recordings._columns import warn_of_left_out as warn_of_left_out
from sklearn_emg.recordings._digest import content_digest as content_digest
from sklearn_emg.recordings._digest import signal_digest as signal_digest
from sklearn_emg.recordings._frames import groups_of as groups_of
from sklearn_emg.recordings._frames import has_subjects as has_subjects
from sklearn_emg.recordings._frames import other_order as other_order
from sklearn_emg.recordings._frames import refuse_repeated_columns as refuse_repeated_columns
from sklearn_emg.recordings._frames import warn_of_other_order as warn_of_other_order
from sklearn_emg.recordings._keeping import after_step as after_step
from sklearn_emg.recordings._keeping import check_facts as check_facts
from sklearn_emg.recordings._keeping import divide_kept as divide_kept
from sklearn_emg.recordings._keeping import is_kept as is_kept
from sklearn_emg.recordings._keeping import is_pending as is_pending
from sklearn_emg.recordings._keeping import keep_recordings as keep_recordings
from sklearn_emg.recordings._keeping import plain_recordings as plain_recordings
from sklearn_emg.recordings._keeping import step_key as step_key
from sklearn_emg.recordings._keeping import values_of_recordings as values_of_recordings
from sklearn_emg.recordings._kept import DERIVED as DERIVED
from sklearn_emg.recordings._kept import FILTERED as FILTERED
from sklearn_emg.recordings._kept import KeptSignal as KeptSignal
from sklearn_emg.recordings._kept import KeptWindows as KeptWindows
from sklearn_emg.recordings._kept import Store as Store
from sklearn_emg.recordings._kept import derived_key as derived_key
from sklearn_emg.recordings._operations._activity import label_lag, segment_activity
from sklearn_emg.recordings._operations._channels import (
    channel_names_of as channel_names_of,
)
from sklearn_emg.recordings._operations._channels import (
    join_channels,
    select_channels,
    split_channels,
)
from sklearn_emg.recordings._operations._concat import concat_tables
from sklearn_emg.recordings._operations._mvc import normalize_to_mvc
from sklearn_emg.recordings._operations._segments import GAP_SOURCE as GAP_SOURCE
from sklearn_emg.recordings._operations._segments import (
    cut_recordings,
    segments_from_events,
    segments_from_labels,
)
from sklearn_emg.recordings._plausibility import Fault as Fault
from sklearn_emg.recordings._plausibility import faults_of_figures as faults_of_figures
from sklearn_emg.recordings._plausibility import is_swapped as is_swapped
from sklearn_emg.recordings._plausibility import rate_fault as rate_fault
from sklearn_emg.recordings._plausibility import rate_of_table as rate_of_table
from sklearn_emg.recordings._plausibility import (
    warn_of_implausible_rate as warn_of_implausible_rate,
)
from sklearn_emg.recordings._plausibility import (
    warn_of_implausible_recordings as warn_of_implausible_recordings,
)
from sklearn_emg.recordings._plausibility import (
    warn_of_implausible_windows as warn_of_implausible_windows,
)
from sklearn_emg.recordings._rates import check_rates as check_rates
from sklearn_emg.recordings._rates import distinct_rates as distinct_rates
from sklearn_emg.recordings._rates import one_rate as one_rate
from sklearn_emg.recordings._rates import same_rate as same_rate
from sklearn_emg.recordings._repeats import warn_of_repeated_signals as warn_of_repeated_signals
from sklearn_emg.recordings._signal_file import SignalFile, read_signal
from sklearn_emg.recordings._signal_file import unmasked as unmasked
from sklearn_emg.recordings._subjects import Subjects, similar_subjects, subjects_of
from sklearn_emg.recordings._subjects import is_blank as is_blank
from sklearn_emg.recordings._subjects import known_by_other_spelling as known_by_other_spelling
from sklearn_emg.recordings._subjects import mean_by_code as mean_by_code
from sklearn_emg.recordings._subjects import object_column as object_column
from sklearn_emg.recordings._subjects import refuse_missing_labels as refuse_missing_labels
from sklearn_emg.recordings._subjects import warn_of_labels as warn_of_labels
from sklearn_emg.recordings._subjects import warn_of_similar_names as warn_of_similar_names
from sklearn_emg.recordings._subjects import warn_of_subject_names as warn_of_subject_names
from sklearn_emg.recordings._table import METADATA_COLUMNS as METADATA_COLUMNS
from sklearn_emg.recordings._table import check_recording_table, recording_table
from sklearn_emg.recordings._table import common_channel_names as common_channel_names
from sklearn_emg.recordings._table import is_recording_table as is_recording_table
from sklearn_emg.recordings._table import refuse_other_order as refuse_other_order
from sklearn_emg.recordings._table import refuse_recordings as refuse_recordings
from sklearn_emg.recordings._table import with_signals as with_signals
from sklearn_emg.recordings._training import LastToSeeSubjects as LastToSeeSubjects
from sklearn_emg.recordings._training import SubjectMemory as SubjectMemory
from sklearn_emg.recordings._training import subject_names as subject_names
from sklearn_emg.recordings._training import subjects_of_steps as subjects_of_steps
from sklearn_emg.recordings._training import training_subjects as training_subjects
from sklearn_emg.recordings._training import warn_of_known_subjects as warn_of_known_subjects
from sklearn_emg.recordings._training import warn_of_other_spelling as warn_of_other_spelling
from sklearn_emg.recordings._units import is_voltage as is_voltage
from sklearn_emg.recordings._units import millivolts_per as millivolts_per
from sklearn_emg.recordings._visits import check_visits
from sklearn_emg.recordings._visits import visit_months as visit_months
from sklearn_emg.recordings._windows import OnFault as OnFault
from sklearn_emg.recordings._windows import Tail as Tail
from sklearn_emg.recordings._windows import Unit as Unit
from sklearn_emg.recordings._windows import WindowSet, divide, window_table
from sklearn_emg.recordings._windows import to_samples as to_samples

__all__ = [
    "SignalFile",
    "Subjects",
    "WindowSet",
    "check_recording_table",
    "check_visits",
    "concat_tables",
    "cut_recordings",
    "divide",
    "feature_columns",
    "join_channels",
    "label_lag",
    "normalize_to_mvc",
    "read_signal",
    "recording_table",
    "segment_activity",
    "segments_from_events",
    "segments_from_labels",
    "select_channels",
    "similar_subjects",
    "split_channels",
    "subjects_of",
    "window_table",
]
