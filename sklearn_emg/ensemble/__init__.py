"""Aggregation of the predictions for windows by recording and subject, and window classifiers."""

from sklearn_emg.ensemble._base import DiVote as DiVote
from sklearn_emg.ensemble._base import find_votes as find_votes
from sklearn_emg.ensemble._divote import DiVoteClassifier
from sklearn_emg.ensemble._further._steps import learn_references as learn_references
from sklearn_emg.ensemble._further._steps import refuse_unknown_labels as refuse_unknown_labels
from sklearn_emg.ensemble._further._steps import through_transformers as through_transformers
from sklearn_emg.ensemble._further._steps import train_further as train_further
from sklearn_emg.ensemble._further._steps import transformers_of as transformers_of
from sklearn_emg.ensemble._further._steps import with_last as with_last
from sklearn_emg.ensemble._further._updating import UPDATES as UPDATES
from sklearn_emg.ensemble._input import Rows as Rows
from sklearn_emg.ensemble._input import refuse_unusable_labels as refuse_unusable_labels
from sklearn_emg.ensemble._input import row_numbers as row_numbers
from sklearn_emg.ensemble._metadata import Columns as Columns
from sklearn_emg.ensemble._metadata import call_with_columns as call_with_columns
from sklearn_emg.ensemble._numbers import AVERAGES as AVERAGES
from sklearn_emg.ensemble._numbers import unit_statistics as unit_statistics
from sklearn_emg.ensemble._regressor import DiVoteRegressor
from sklearn_emg.ensemble._rules import NormalLimitRules
from sklearn_emg.ensemble._smote import SMOTEClassifier
from sklearn_emg.ensemble._subject_transfer import SubjectTransferClassifier
from sklearn_emg.ensemble._votes import Votes
from sklearn_emg.ensemble._windows_step import Windows

__all__ = [
    "DiVoteClassifier",
    "DiVoteRegressor",
    "NormalLimitRules",
    "SMOTEClassifier",
    "SubjectTransferClassifier",
    "Votes",
    "Windows",
]
