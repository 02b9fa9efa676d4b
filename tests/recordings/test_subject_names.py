"""Subjects: names that look alike, blank names, and frames of other libraries."""

import unicodedata
import warnings

import numpy as np
import pandas as pd
import pytest

from sklearn_emg.exceptions import RecordingWarning
from sklearn_emg.model_selection import SubjectKFold
from sklearn_emg.recordings import (
    Subjects,
    check_recording_table,
    is_recording_table,
    recording_table,
    similar_subjects,
    subjects_of,
)


@pytest.mark.parametrize(
    "first, second",
    [
        ("S1", "s1"),
        ("S1", "S1 "),
        ("S1", "S 1"),
        ("S1", "S_1"),
        ("S1", "S01"),
        ("S1", "S\uff11"),
        ("S1", "S1\u200b"),
        (1, "1"),
        (1.0, "1"),
        ("1", "1.0"),
        ("a", b"a"),
        ("Zo\u00e9", unicodedata.normalize("NFD", "Zo\u00e9")),
        ("Zo\u00e9", "Zoe"),
        ("S-1", "S\u20131"),
        (("x", 1), ("x", "1")),
        ("J. Doe", "J Doe"),
        ("Doe, John", "Doe John"),
        ("S1", "'S1'"),
        ("S1", "b'S1'"),
        ("S1", "(S1)"),
        ("#12", 12),
        ("S1;", "S1"),
        ("A1", "\u03911"),
        ("S1", "\u04051"),
        (True, "true"),
        (pd.Timestamp("2020-01-02"), "2020-01-02"),
    ],
)
def test_names_that_look_alike_are_warned_of_with_both_spellings(first, second):
    assert similar_subjects([first, second, "other"]) == [(first, second)]
    with pytest.warns(RecordingWarning, match="Subjects that look alike") as seen:
        codes = subjects_of(None, [first, second, "other"])
    assert codes.tolist() == [0, 1, 2]
    if isinstance(first, str):
        assert first in str(seen[0].message)


@pytest.mark.parametrize(
    "names",
    [["S1", "S10"], ["A1-1", "A11"], ["1.05", "1.5"], ["a", "b"], [1, 10], ["Hea05", "Neu05"]]
    + [["S1.1", "S11"], ["1.2", "12"], [".5", "5"], ["1.10", "1.1"], ["A", "A'"], ["A*", "A+"]]
    + [["+1", "-1"], [-1, 1], ["\u5f20\u4f1f", "\u5f20\u97e6"], ["S1L", "S1R"]],
)
def test_other_names_are_not(names):
    assert similar_subjects(names) == []


def test_tables_and_splitters_warn():
    x = np.random.default_rng(0).normal(size=(4, 300))
    names = ["S1", "S1 ", "S2", "S3"]
    with pytest.warns(RecordingWarning, match="'S1' and 'S1 '"):
        table = recording_table(x, fs=1000.0, subject=names)
    with pytest.warns(RecordingWarning, match="'S1' and 'S1 '"):
        list(SubjectKFold(2).split(table, ["a", "b", "a", "b"]))


@pytest.mark.parametrize("blank", ["", " ", "\t", "\u200b"])
def test_blank_subjects_are_refused(blank):
    with pytest.raises(ValueError, match="Row 1 has a blank subject"):
        subjects_of(pd.DataFrame({"subject": ["a", blank]}))
    with pytest.raises(ValueError, match=r"row 1.*column 'subject': is blank"):
        recording_table(np.ones((2, 300)), fs=1000.0, subject=["a", blank])


@pytest.mark.parametrize(
    "name",
    ["nan", "None", "NA", "<NA>", "N/A", "null", "unknown", "?", "-"]
    + ["N/D", "n.d.", "(blank)", "not recorded", "TBD", "-999"],
)
def test_text_for_missing_values_is_warned_of(name):
    with pytest.warns(RecordingWarning, match="looks like a missing value"):
        subjects_of(None, ["a", name])


@pytest.mark.parametrize("names", [["Na", "Li"], ["Nan", "Ann"], [-5, -4, 3], [-1, 1], [1.5, 2.5]])
def test_names_of_persons_and_numbers_are_not_missing(names):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(set(subjects_of(None, names).tolist())) == len(names)


def test_code_of_a_missing_category_is_warned_of():
    codes = pd.Series(["a", "b", None, "c"]).astype("category").cat.codes
    for names in (codes, codes.tolist(), codes.astype(object)):
        with pytest.warns(RecordingWarning, match="The name -1 of a subject looks like a missing"):
            subjects_of(None, names)


def test_names_that_cannot_be_compared_and_repeated_columns_are_refused():
    with pytest.raises(ValueError, match=r"text, a number or a tuple .* row 1 has \['a', 1\]"):
        subjects_of(pd.DataFrame({"subject": ["a", ["a", 1]]}))
    table = pd.DataFrame([["a", "b"]], columns=["subject", "subject"])
    with pytest.raises(ValueError, match="the column 'subject' more than once"):
        subjects_of(table)


def test_many_rows_are_cheap_and_names_stay():
    names = np.array([f"S{i}" for i in range(1000)], dtype=object)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        subjects = Subjects.of(None, np.tile(names, 100))
    assert len(subjects) == 1000
    assert subjects.by_row.tolist() == np.tile(names, 100).tolist()


# ------------------------------------------------------------------ frames of other libraries


@pytest.mark.parametrize("library", ["polars", "pyarrow"])
def test_other_frames_are_refused_by_name(library):
    module = pytest.importorskip(library)
    make = module.DataFrame if library == "polars" else module.table
    frame = make({"signal": [[0.1, 0.2], [0.3, 0.4]], "fs": [1e3, 1e3], "subject": ["a", "b"]})
    match = rf"pandas DataFrame, got {library}\..*to_pandas\(\)"
    for function in (is_recording_table, check_recording_table, subjects_of):
        with pytest.raises(TypeError, match=match):
            function(frame)
    with pytest.raises(TypeError, match=match):
        recording_table(frame, fs=1e3, subject="a")
    assert not is_recording_table(make({"rms": [0.1]}))


def test_a_frame_is_one_recording_with_named_channels():
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(500, 2)), columns=["flexor", "ext"])
    for given in (frame, [frame]):
        table = recording_table(given, fs=1000.0, subject="a")
        np.testing.assert_array_equal(table["signal"][0], frame.to_numpy().T)
        assert table["channel_names"][0] == ("flexor", "ext")
    with pytest.warns(RecordingWarning, match=r"the column 'Time \[s\]'"):
        recording_table(frame.assign(**{"Time [s]": 0.1}), fs=1000.0, subject="a")
    with pytest.raises(ValueError, match=r"Row 0: .* numeric, unlike the column 'ext'"):
        recording_table(frame.astype({"ext": str}), fs=1000.0, subject="a")


@pytest.mark.parametrize("dtype", ["Float32", "Float64", "Int16", "double[pyarrow]"])
def test_frames_and_columns_of_nullable_types(dtype):
    if "pyarrow" in dtype:
        pytest.importorskip("pyarrow")
    values = np.round(np.random.default_rng(0).normal(size=(500, 2)) * 1000)
    frame = pd.DataFrame(values, columns=["flexor", "ext"]).astype(dtype)
    frame.loc[10, "ext"] = pd.NA
    values[10, 1] = np.nan
    table = recording_table([frame, frame["ext"]], fs=1000.0, unit="uV", subject=["a", "b"])
    np.testing.assert_allclose(table["signal"][0], values.T / 1000, rtol=1e-6)
    np.testing.assert_allclose(table["signal"][1], values[:, 1] / 1000, rtol=1e-6)


def test_features_bear_the_names_of_channels():
    from sklearn_emg.feature_extraction import TimeDomainFeatures

    X = np.random.default_rng(0).normal(size=(2, 2, 300))
    table = recording_table(X, fs=1000.0, subject=["a", "b"], channel_names=["biceps", "triceps"])
    names = TimeDomainFeatures(["rms"]).fit(table).get_feature_names_out()
    assert names.tolist() == ["biceps_rms", "triceps_rms"]
    for other in ([["a", "b"], ["b", "c"]], ["a", "a"], [["a", "b"], None]):
        table = recording_table(X, fs=1000.0, subject=["a", "b"], channel_names=other)
        names = TimeDomainFeatures(["rms"]).fit(table).get_feature_names_out()
        assert names.tolist() == ["ch1_rms", "ch2_rms"]
    with pytest.raises(ValueError, match="2 channels but 3 names in 'channel_names'"):
        recording_table(X, fs=1000.0, subject="a", channel_names=["a", "b", "c"])


# ------------------------------------------------------------------ messages


@pytest.mark.parametrize(
    "signals, match",
    [
        ([np.ones(9), [np.ones(9), np.ones(4)]], r"Row 1 has channels of unequal length: \[9, 4\]"),
        (np.ones(500), r"got one signal of 500 samples. Pass it as \[signal\]"),
        ([np.array(["0,12", "0,5"], dtype=object)], "'0,12'; it has a decimal comma.*decimal=','"),
        ([np.array(["a", "b"])], "text such as 'a'; convert it to float"),
    ],
)
def test_signals_that_are_none_are_named(signals, match):
    with pytest.raises(ValueError, match=match):
        recording_table(signals, fs=1000.0, subject="a")


def test_rates_as_text_are_converted_or_named():
    x = np.random.default_rng(0).normal(size=300)
    table = recording_table([x], fs="2000.4", subject="a")
    assert table["fs"].tolist() == [2000.4]
    with pytest.raises(ValueError, match="Row 1, column 'fs': the text '2000,4' is not a number"):
        recording_table([x, x], fs=["2000.4", "2000,4"], subject="a")
    with pytest.raises(ValueError, match=r"row 0.*'fs': is the text '2000'; convert it"):
        check_recording_table(table.assign(fs="2000"))


def test_signals_under_another_name_are_named():
    table = recording_table([np.ones(300)], fs=1000.0, subject="a")
    with pytest.raises(ValueError, match="Column 'emg' of X holds signals"):
        is_recording_table(table.rename(columns={"signal": "emg"}))


def test_windows_of_unequal_length_are_named():
    from sklearn_emg.feature_extraction import TimeDomainFeatures

    with pytest.raises(ValueError, match=r"windows of one length.*from 100 to 200 samples"):
        TimeDomainFeatures(["rms"]).fit([np.ones(200), np.ones(100)])
    windows = np.array([np.ones(200), np.ones(100)], dtype=object)
    with pytest.raises(ValueError, match=r"windows of one length.*from 100 to 200 samples"):
        TimeDomainFeatures(["rms"]).fit(windows)


@pytest.mark.parametrize("signals", ["a.csv", ["a.csv"], {"flexor": np.ones(300)}])
def test_paths_and_dicts_are_no_recordings(signals):
    with pytest.raises(TypeError, match="must be a list of arrays, or one DataFrame"):
        recording_table(signals, fs=1000.0, subject="a")


def test_subjects_that_were_read_before_are_handed_down():
    table = pd.DataFrame({"subject": ["b", "a", "b"]})
    subjects = Subjects.of(table)
    assert Subjects.of(table, subjects) is subjects
    assert subjects_of(table, subjects).tolist() == [0, 1, 0]
    with pytest.raises(ValueError, match=r"belong to 3 rows, but X has 2\."):
        Subjects.of(table.iloc[:2], subjects)
