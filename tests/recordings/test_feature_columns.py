import warnings

import numpy as np
import pandas as pd
import pytest

from sklearn_emg.exceptions import RecordingWarning
from sklearn_emg.recordings import feature_columns

N_SUBJECTS, N_ROWS = 10, 6
SUBJECT = np.repeat(np.arange(N_SUBJECTS), N_ROWS)
ROW = np.tile(np.arange(N_ROWS), N_SUBJECTS)
RNG = np.random.default_rng(0)
CLASSES = np.array(["als", "well", "myopathy"])[SUBJECT % 3]


def features_of(name, values, y=None):
    table = pd.DataFrame({"rms": RNG.normal(size=60), name: values, "subject": SUBJECT})
    return feature_columns(table, y)


@pytest.mark.parametrize(
    "values, reason",
    [
        ((SUBJECT % 3 == 0).astype(float), "determined by y"),
        (pd.array(SUBJECT % 3 == 0, dtype="boolean"), "determined by y"),
        (pd.array(SUBJECT % 3, dtype="Int64"), "one-to-one with y"),
        (np.array([31, 28, 40, 22, 31, 29, 38, 27, 33, 25.0])[SUBJECT], "constant within each"),
        (SUBJECT * 7 + 100, "one-to-one with the subject"),
        (SUBJECT * 100 + ROW // 2, "each value occurs in one subject only"),
        (np.arange(60) * 2, "a count of the rows"),
        (np.delete(np.arange(80), np.arange(3, 43, 2)), "a count of the rows"),
        (RNG.permutation(60), "a count of the rows"),
        (ROW, "a count of the rows"),
        (1.6e9 + 86400.0 * SUBJECT + 0.5 * ROW, "a count of the rows"),
    ],
)
def test_columns_that_reveal_subject_label_or_row_are_left_out(values, reason):
    with pytest.warns(RecordingWarning, match=rf"'x' \((like )?{reason}"):
        assert features_of("x", values, CLASSES) == ["rms"]


@pytest.mark.parametrize(
    "values",
    [
        RNG.normal(size=60),
        RNG.poisson(5, 60),
        RNG.integers(0, 2, 60).astype(bool),
        pd.array(RNG.integers(0, 2, 60).astype(bool), dtype="boolean"),
        pd.array(RNG.normal(size=60), dtype="Float64"),
        np.zeros(60),
        np.r_[np.zeros(59), 1.0],
        (SUBJECT == 4).astype(float),  # a finding of one subject
        RNG.normal(size=60).astype("f4"),
    ],
)
def test_other_columns_are_features(values):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert features_of("x", values, CLASSES) == ["rms", "x"]


def test_features_of_subjects_are_constant_within_them():
    per_subject = RNG.integers(0, 4, (10, 3))[SUBJECT].astype(float)
    table = pd.DataFrame(per_subject, columns=["a", "b", "c"]).assign(subject=SUBJECT)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert feature_columns(table) == ["a", "b", "c"]


@pytest.mark.parametrize(
    "name",
    ["Age", "SEX", "time_s", "start_ms", "cv_fold", "is_test", "train", "y_true", "diag", "ICD10"]
    + ["is_healthy", "Cohort", "Start time", "day", "Case No", "trial"],
)
def test_metadata_labels_and_places_in_other_spellings(name):
    with pytest.warns(RecordingWarning, match=f"'{name}' .named like"):
        assert features_of(name, RNG.normal(size=60)) == ["rms"]


@pytest.mark.parametrize(
    "name",
    ["rise_time", "time_to_peak_ms", "median_freq", "group_delay", "duration_ms", "n_turns", "s"]
    + ["day_rms", "healthy_fraction", "path_length", "record_length", "ms", "control_rate"],
)
def test_names_of_features_are_kept(name):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert features_of(name, RNG.normal(size=60)) == ["rms", name]


def test_even_steps_of_the_only_feature_are_no_count():
    subject = np.tile(range(8), 3)
    table = pd.DataFrame({"rms": np.linspace(1, 2, 24), "subject": subject})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert feature_columns(table, subject % 2) == ["rms"]
    with pytest.warns(RecordingWarning, match="'rms' .a count of the rows"):
        assert feature_columns(table.assign(rms=range(24)), subject % 2) == []
