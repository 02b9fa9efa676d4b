"""Warnings name the user's line, however deep in the package they are issued."""

import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from data import feature_cohort, noise, recording_cohort
from sklearn.dummy import DummyClassifier
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline

import sklearn_emg
from sklearn_emg.comparison import compare
from sklearn_emg.ensemble import DiVoteClassifier
from sklearn_emg.feature_extraction import TimeDomainFeatures
from sklearn_emg.io import read_folder, read_recordings
from sklearn_emg.metrics import subject_scorer
from sklearn_emg.preprocessing import HighpassFilter
from sklearn_emg.recordings import (
    cut_recordings,
    feature_columns,
    recording_table,
    subjects_of,
    window_table,
)

FEATURES, LABELS = feature_cohort()
LARGE = noise(3, 500, scale=100.0)


def diagnose():
    return DiVoteClassifier(GaussianNB(), window=None)


def predict_a_training_subject():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = diagnose().fit(FEATURES, LABELS)
    model.predict(FEATURES[:6])


def score_subjects_of_one_class():
    one = FEATURES["subject"] == 2
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = diagnose().fit(FEATURES[~one], LABELS[~one])
    subject_scorer("auroc")(model, FEATURES[one], LABELS[one])


def divide_a_short_recording():
    table, _ = recording_cohort([1.0, 1.0], lengths=[50, 900])
    window_table(table, 0.1, short="skip")


def cut_a_long_segment():
    table, _ = recording_cohort([1.0], lengths=[900])
    cut_recordings(table, pd.DataFrame({"start": [0.1], "stop": [1.2]}))


def read_a_constant_channel(folder):
    np.save(folder / "a.npy", np.ones(2000))
    read_recordings(folder / "a.npy", fs=1000.0, subject="a")


def read_a_folder_with_other_files(folder):
    for name in ("s1_a.npy", "other.npy"):
        np.save(folder / name, noise(2000, scale=0.1))
    read_folder(folder, "{subject}_{muscle}.npy", fs=1000.0)


CALLS = {
    "recording_table": lambda: recording_table(LARGE, fs=1000.0, subject=list("abc")),
    "similar names": lambda: subjects_of(FEATURES[:2], groups=["s1", "S1"]),
    "feature_columns": lambda: feature_columns(FEATURES.assign(patient_no=1)),
    "window_table": divide_a_short_recording,
    "cut_recordings": cut_a_long_segment,
    "windows": lambda: TimeDomainFeatures(["mav"]).fit(LARGE),
    "pipeline": lambda: make_pipeline(
        HighpassFilter(20.0, fs=1000.0), TimeDomainFeatures(["mav"])
    ).fit(LARGE),
    "predict": predict_a_training_subject,
    "scorer": score_subjects_of_one_class,
    "cross_val_score": lambda: cross_val_score(
        diagnose(), FEATURES, LABELS, cv=StratifiedKFold(3, shuffle=True, random_state=0)
    ),
    "compare": lambda: compare(
        {"dummy": DiVoteClassifier(DummyClassifier(), window=None),
         "broken": DiVoteClassifier(DummyClassifier(strategy="constant", constant=9), window=None)},
        FEATURES, LABELS, cv=3, progress=False, n_resamples=20,
    ),
    "read_recordings": read_a_constant_channel,
    "read_folder": read_a_folder_with_other_files,
}  # fmt: skip


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_a_warning_names_the_line_of_the_user(call, tmp_path):
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        call(tmp_path) if call.__code__.co_argcount else call()
    assert seen
    assert {w.filename for w in seen} == {__file__}


def test_all_warnings_are_given_by_the_function_that_finds_this_line():
    root = Path(sklearn_emg.__file__).parent
    files = [file for file in root.rglob("*.py") if "warnings.warn(" in file.read_text("utf-8")]
    assert [file.name for file in files] == ["_warnings.py"]
