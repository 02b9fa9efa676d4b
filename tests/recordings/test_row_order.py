"""Series whose index has a different order from that of X, and labels in several spellings."""

import os
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.model_selection import cross_val_score, permutation_test_score
from sklearn.naive_bayes import GaussianNB

from sklearn_emg.adaptation import AdaptiveDiagnosis, prequential_score
from sklearn_emg.comparison import (
    compare,
    confound_audit,
    leakage_audit,
    match_subjects,
    subject_permutation_test,
)
from sklearn_emg.ensemble import DiVoteClassifier, SMOTEClassifier
from sklearn_emg.exceptions import RecordingWarning, SubjectLeakWarning
from sklearn_emg.inspection import DiVoteDisplay, FeatureDisplay, data_card, report
from sklearn_emg.metrics import predict_subjects
from sklearn_emg.model_selection import SubjectKFold, subject_train_test_split
from sklearn_emg.preprocessing import RecordingUndersampler, check_quality
from sklearn_emg.prognosis import visit_contexts
from sklearn_emg.recordings import recording_table, subjects_of

N = 24
Y = pd.Series(np.repeat(["control", "patient"], N // 2))
TABLE = pd.DataFrame(
    {"rms": np.random.default_rng(0).normal(size=N) + 2 * (Y == "patient"), "age": range(N)}
).assign(subject=[f"S{k:02d}" for k in range(N)])
SHUFFLED = TABLE.sample(frac=1, random_state=0)
DIVOTE = DiVoteClassifier(GaussianNB(), window=None, features=["rms"])
OTHER = "indexes of X and {} share labels in different orders"


@pytest.mark.parametrize(
    "call",
    [
        lambda X, y: compare(DIVOTE, X, y, progress=False),
        lambda X, y: leakage_audit(DIVOTE, X, y, progress=False),
        lambda X, y: confound_audit(X, y, n_permutations=9),
        lambda X, y: match_subjects(X, y, "age"),
        lambda X, y: subject_permutation_test(DIVOTE, X, y, n_permutations=2),
    ],
)
def test_labels_of_shuffled_rows_are_refused(call):
    for X, y in ((SHUFFLED, Y), (TABLE, Y.sample(frac=1, random_state=1))):
        with pytest.raises(ValueError, match=OTHER.format("y")):
            call(X, y)


@pytest.mark.parametrize(
    "call",
    [
        lambda X, y: DIVOTE.fit(X, y),
        lambda X, y: cross_val_score(DIVOTE, X, y, cv=SubjectKFold(3)),
        lambda X, y: subject_train_test_split(X, y, random_state=0),
        lambda X, y: SMOTEClassifier(GaussianNB()).fit(X[["rms"]], y),
        lambda X, y: RecordingUndersampler().fit_resample(X, y),
        lambda X, y: DiVoteDisplay.from_estimator(clone(DIVOTE).fit(TABLE, Y), unknown(X), y),
        lambda X, y: FeatureDisplay.from_features(X[["rms"]], y, groups=X["subject"]),
        lambda X, y: report(clone(DIVOTE).fit(TABLE, Y), os.devnull, X=unknown(X), y=y),
        lambda X, y: adapted().partial_fit(unknown(X), y),
        lambda X, y: prequential_score(adapted(), unknown(X), y, batch=12, n_resamples=9),
    ],
)
def test_labels_of_shuffled_rows_are_warned_of_where_permutations_are_meant(call):
    with pytest.warns(RecordingWarning, match=OTHER.format("y")):
        call(SHUFFLED, Y)
    with pytest.warns(RecordingWarning, match=OTHER.format("y")):
        call(TABLE.iloc[1:-1], Y.iloc[2:])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        call(SHUFFLED, Y.loc[SHUFFLED.index])
        call(TABLE.iloc[::2], Y.iloc[::2].reset_index(drop=True))  # counted anew
        call(TABLE.set_axis([f"row {k}" for k in range(N)]), Y)


def unknown(X):
    return X.assign(subject="new " + X["subject"])


def adapted():
    return AdaptiveDiagnosis(DIVOTE).fit(TABLE, Y)


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda X, y: data_card(X, y), "table"),
        (lambda X, y: check_quality(noise(X), y), "table"),
        (lambda X, y: visit_contexts(visits(X), y.factorize()[0] + 0 * y.map(len)), "visits"),
    ],
)
def test_the_message_names_the_table(call, name):
    with pytest.warns(RecordingWarning, match=rf"indexes of {name} and y .* y.loc\[{name}.index"):
        call(SHUFFLED, Y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        call(TABLE, Y)


def noise(X):
    signals = 0.1 * np.random.default_rng(0).normal(size=(len(X), 2000))
    return recording_table(signals, fs=1e3, subject=X["subject"].to_numpy()).set_axis(X.index)


def visits(X):
    return X.assign(
        subject=np.arange(N) // 4, visit=np.arange(N) % 4, time=3.0 * (np.arange(N) % 4)
    )


def test_weights_groups_and_truths_of_shuffled_rows_are_warned_of():
    y, alone = Y.loc[SHUFFLED.index], SHUFFLED.drop(columns="subject")
    with pytest.warns(RecordingWarning, match=OTHER.format("groups")):
        DIVOTE.fit(alone, y, groups=TABLE["subject"])
    with pytest.warns(RecordingWarning, match=OTHER.format("sample_weight")):
        DIVOTE.fit(SHUFFLED, y, sample_weight=pd.Series(np.ones(N)))
    model = GaussianNB().fit(TABLE[["rms"]], Y)
    with pytest.warns(RecordingWarning, match=OTHER.format("y")):
        predict_subjects(model, SHUFFLED[["rms"]], Y, groups=SHUFFLED["subject"])


def test_columns_of_a_table_in_another_order_are_warned_of():
    signals = [np.random.default_rng(k).normal(size=500) for k in range(3)]
    names = pd.Series(["s1", "s2", "s3"], index=["a", "b", "c"])
    match = "The indexes of subject and age share .* age.loc.subject.index.*age.to_numpy"
    with pytest.warns(RecordingWarning, match=match):
        table = recording_table(signals, fs=1e3, subject=names, age=names[::-1].str[1:])
    assert table["age"].tolist() == ["3", "2", "1"]  # by position, as is said
    column = pd.Series(signals, index=["c", "a", "b"])
    with pytest.warns(RecordingWarning, match=OTHER.format("subject").replace("X", "signals")):
        recording_table(column, fs=1e3, subject=names)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        recording_table(column, fs=1e3, subject=names[["c", "a", "b"]], age=names.to_numpy())


def test_a_permutation_test_of_rows_still_runs():
    with pytest.warns(RecordingWarning, match=OTHER.format("y")):
        permutation_test_score(DIVOTE, TABLE, Y, cv=SubjectKFold(2), n_permutations=2)


def test_groups_that_divide_subjects_are_warned_of():
    table = pd.concat([TABLE, TABLE], ignore_index=True)
    y = pd.concat([Y, Y], ignore_index=True)
    match = r"The groups divide 24 of 24 subjects in the column 'subject' of X, such as 'S00'"
    for call in (
        lambda groups: subjects_of(table, groups),
        lambda groups: DIVOTE.fit(table, y, groups=groups),
        lambda groups: next(SubjectKFold(3).split(table, y, groups=groups)),
        lambda groups: subject_train_test_split(table, y, groups=groups),
        lambda groups: confound_audit(table, y, subjects=groups, columns="age", n_permutations=9),
    ):
        with pytest.warns(SubjectLeakWarning, match=match):
            call(range(2 * N))
        with warnings.catch_warnings():
            warnings.simplefilter("error", SubjectLeakWarning)
            call(table["subject"])
            call([f"{label} {name[-1]}" for label, name in zip(y, table["subject"])])


@pytest.mark.parametrize(
    "first, second, are_alike",
    [
        ("non-ALS", "non ALS", True),
        ("stage_1", "stage-1", True),
        ("1", "1.0", True),
        ("ALS", "ALS ", True),
        ("-1", "1", False),
        ("ALS+", "ALS-", False),
        ("A", "A-", False),
        ("1", "01a", False),
        ("1.5", "15", False),
    ],
)
def test_labels_in_two_spellings(first, second, are_alike):
    labels = np.where(np.arange(N) % 4 == 0, first, np.where(Y == "patient", second, "other"))
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always", RecordingWarning)
        list(SubjectKFold(2, stratify="classes").split(TABLE, labels))
    assert are_alike == any("look alike" in str(w.message) for w in seen)


def test_labels_that_look_alike_or_missing_are_named():
    some = np.arange(N) % 3 == 0
    alike = Y.where(~some, Y.str.upper() + " ")
    with pytest.warns(RecordingWarning, match="labels 'CONTROL ' and 'control' of y look alike"):
        DIVOTE.fit(TABLE, alike)
    with pytest.warns(RecordingWarning, match="labels 'PATIENT ' and 'patient' of y look alike"):
        compare(DIVOTE, TABLE, alike, cv=2, progress=False)
    missing = Y.where(~some).astype(object).map(str)
    with pytest.warns(RecordingWarning, match="label 'nan' of y counts as a class"):
        DIVOTE.fit(TABLE, missing)
    with pytest.raises(ValueError, match="no label for 8 of 24 rows; the first of these is row 0"):
        DIVOTE.fit(TABLE, missing.replace("nan", " "))
    blank = Y.astype("string").where(~some)
    blank.iloc[1] = ""
    with pytest.raises(ValueError, match="no label for 9 of 24 rows; the first of these is row 0"):
        DIVOTE.fit(TABLE, blank)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        DIVOTE.fit(TABLE, np.where(some, "-1", "1"))
