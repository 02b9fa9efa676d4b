"""Recordings that a table holds more than once."""

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline

from sklearn_emg.comparison import compare, leakage_audit, subject_permutation_test
from sklearn_emg.ensemble import DiVoteClassifier
from sklearn_emg.exceptions import RecordingWarning, SubjectLeakWarning
from sklearn_emg.feature_extraction import TimeDomainFeatures
from sklearn_emg.model_selection import LeaveOneSubjectOut, SubjectKFold
from sklearn_emg.recordings import SignalFile
from sklearn_emg.recordings._repeats import repeated_signals
from tests.data import recording_cohort

MODEL = make_pipeline(
    DiVoteClassifier(make_pipeline(TimeDomainFeatures(), LogisticRegression()), window=0.3)
)


@pytest.fixture
def cohort():
    return recording_cohort((1, 2, 1, 2, 1, 2, 1, 2), lengths=(600, 600))


def _compare(table, y):
    return compare(MODEL, table, y, cv=2, progress=False)


def _permute(table, y):
    return subject_permutation_test(MODEL, table, y, cv=2, n_permutations=2)


def _audit(table, y):
    return leakage_audit(MODEL, table, y, n_splits=2, progress=False)


def _cross_validate(table, y):
    return cross_val_score(MODEL, table, y, cv=SubjectKFold(2))


def _search(table, y):
    grid = {"divoteclassifier__window": [0.2, 0.3]}
    return GridSearchCV(MODEL, grid, cv=LeaveOneSubjectOut()).fit(table, y)


@pytest.mark.parametrize("function", [_compare, _audit, _permute, _cross_validate, _search])
@pytest.mark.filterwarnings("ignore:.*p-value")
def test_a_signal_of_two_subjects_is_a_leak(cohort, function):
    table, y = cohort
    table.at[4, "signal"] = table.at[0, "signal"].copy()
    with pytest.warns(SubjectLeakWarning, match=r"row 0 \(subject 's0'\), row 4 \(subject 's2'\)"):
        function(table, y)


def test_a_table_concatenated_with_itself_counts_twice(cohort):
    table, y = cohort
    twice = pd.concat([table, table], ignore_index=True)
    with pytest.warns(RecordingWarning, match="16 signals occur more than once within a subject"):
        _compare(twice, np.concatenate([y, y]))


@pytest.mark.parametrize("function", [_compare, _audit, _permute])
@pytest.mark.filterwarnings("ignore:.*p-value")
def test_files_with_the_same_samples_are_found(cohort, tmp_path, function):
    table, y = cohort
    for row, signal in enumerate(table["signal"]):
        signal.astype("<f4").tofile(tmp_path / f"{row}.bin")
    (tmp_path / "14.bin").write_bytes((tmp_path / "2.bin").read_bytes())
    table["signal"] = [SignalFile(tmp_path / f"{row}.bin", dtype="<f4") for row in range(len(y))]
    with pytest.warns(SubjectLeakWarning, match=r"row 2 \(subject 's1'\), row 14 \(subject 's7'\)"):
        function(table, y)


def test_rows_of_one_part_of_a_file_are_found_without_reading(cohort):
    table, y = cohort
    for row in range(len(y)):
        table.at[row, "signal"] = SignalFile("absent.bin", offset=100 * row, length=50)
    table.at[3, "signal"] = SignalFile("absent.bin", offset=0, length=50)
    with pytest.warns(SubjectLeakWarning, match=r"row 0 \(subject 's0'\), row 3 \(subject 's1'\)"):
        list(SubjectKFold(2).split(table, y))


def test_compare_warns_once(cohort):
    table, y = cohort
    table.at[4, "signal"] = table.at[0, "signal"].copy()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        compare(MODEL, table, y, cv=LeaveOneSubjectOut(), progress=False)
    assert sum("with identical samples" in str(w.message) for w in caught) == 1


def test_permutations_warn_once(cohort):
    table, y = cohort
    table.at[4, "signal"] = table.at[0, "signal"].copy()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        _permute(table, y)
    assert sum("with identical samples" in str(w.message) for w in caught) == 1


def test_a_search_in_a_worker_does_not_name_rows_of_its_part(cohort):
    table, y = cohort
    table.at[4, "signal"] = table.at[0, "signal"].copy()
    grid = {"divoteclassifier__window": [0.2, 0.3]}
    search = GridSearchCV(MODEL, grid, cv=SubjectKFold(2))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        compare(search, table, y, cv=2, progress=False)
    texts = {str(w.message) for w in caught if "with identical samples" in str(w.message)}
    assert len(texts) == 1
    assert "row 0 (subject 's0'), row 4" in texts.pop()


def test_samples_are_compared_in_single_precision(cohort, tmp_path):
    table = cohort[0]
    table.at[1, "signal"].astype("<f4").tofile(tmp_path / "a.bin")
    table.at[4, "signal"] = SignalFile(tmp_path / "a.bin", dtype="<f4")
    assert repeated_signals(table["signal"].tolist()) == [[1, 4]]
    assert repeated_signals([np.array([0.0, 1.0]), np.array([-0.0, 1.0])]) == [[0, 1]]


def test_odd_signals_are_no_copies(tmp_path):
    gap = np.zeros(500)
    gap[3] = np.nan
    short = tmp_path / "short.bin"
    np.arange(600, dtype="<f4").tofile(short)
    for signal in (
        np.full(500, np.nan),
        gap,
        None,
        [],
        SignalFile(short, dtype="<f4", length=1000),
    ):
        assert repeated_signals([signal, signal]) == []
    frame = pd.DataFrame(
        np.ones((4, 2)), columns=pd.MultiIndex.from_product([["signal"], ["a", "b"]])
    )
    assert len(list(SubjectKFold(2).split(frame, None, list("abcd")))) == 2


def test_signals_that_only_start_alike_and_dead_channels_are_no_copies(cohort):
    table, y = cohort
    for row in (0, 4):  # equal except for the last sample
        table.at[row, "signal"] = table.at[0, "signal"].copy()
    table.at[4, "signal"][-1] += 1
    for row in (2, 6):
        table.at[row, "signal"] = np.zeros(600)
    assert repeated_signals(table["signal"].tolist()) == []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        _compare(table, y)
    assert [w for w in caught if "several subjects" in str(w.message)] == []
    assert [w for w in caught if "more than once" in str(w.message)] == []
