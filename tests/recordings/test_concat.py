"""Joining the tables of several sites."""

import numpy as np
import pandas as pd
import pytest

from sklearn_emg.datasets import load_n2001
from sklearn_emg.exceptions import RecordingWarning
from sklearn_emg.recordings import check_recording_table, concat_tables, recording_table


def table_of(subjects, fs=1000.0, n_channels=1, **columns):
    rng = np.random.default_rng(3)
    signals = [0.2 * rng.normal(size=(n_channels, 50 + k)) for k in range(len(subjects))]
    return recording_table(signals, fs=fs, subject=subjects, **columns)


def test_rows_keep_their_signals_rates_and_channels():
    first = table_of(["a", "b"], age=[50, 60])
    second = table_of(["c"], fs=2048.0, n_channels=3, channel_names=["x", "y", "z"], side="left")
    joined = concat_tables({"Rome": first, "Oslo": second})
    assert joined["fs"].tolist() == [1000.0, 1000.0, 2048.0]
    assert joined["site"].tolist() == ["Rome", "Rome", "Oslo"]
    assert joined["signal"].iloc[2] is second["signal"].iloc[0]
    assert joined["age"].tolist()[:2] == [50, 60]
    assert np.isnan(joined["age"].iloc[2])
    assert joined["channel_names"].tolist() == [None, None, ("x", "y", "z")]
    assert joined.index.tolist() == [0, 1, 2]
    check_recording_table(joined, finite=True)


def test_a_name_at_two_sites_stands_for_two_subjects():
    with pytest.warns(RecordingWarning, match=r"'s1'.*renamed, as in 'Rome/s1'"):
        joined = concat_tables({"Rome": table_of(["s1", "b"]), "Oslo": table_of(["s1", "c"])})
    assert joined["subject"].tolist() == ["Rome/s1", "b", "Oslo/s1", "c"]


def test_spellings_of_one_name_at_two_sites_stand_for_two_subjects():
    with pytest.warns(RecordingWarning, match="renamed"):
        joined = concat_tables({"Rome": table_of([1, 2]), "Oslo": table_of(["01", "3"])})
    assert joined["subject"].tolist() == ["Rome/1", 2, "Oslo/01", "3"]


@pytest.mark.filterwarnings("error")
def test_a_name_stays_one_subject_on_request_and_within_a_site():
    tables = [table_of(["s1"], site="Rome"), table_of(["s1"], site="Oslo")]
    assert concat_tables(tables, same_name="same")["subject"].tolist() == ["s1", "s1"]
    sessions = [table_of(["s1"], site="Rome"), table_of(["s1"], site="Rome")]
    assert concat_tables(sessions)["subject"].tolist() == ["s1", "s1"]


def test_tables_without_a_site_are_sites_of_their_own():
    joined = concat_tables([table_of(["a"]), table_of(["b"], site="Oslo"), table_of(["c"])])
    assert joined["site"].tolist() == ["site 1", "Oslo", "site 3"]


def test_feature_tables_are_joined():
    features = [pd.DataFrame({"rms": [0.1], "subject": [name]}) for name in "ab"]
    assert concat_tables(features)["rms"].tolist() == [0.1, 0.1]


GOOD = table_of(["a"])


@pytest.mark.parametrize(
    ("tables", "error", "match"),
    [
        (GOOD, TypeError, "a list or a dict of tables"),
        ([], ValueError, "at least one table"),
        ([GOOD, 3], TypeError, "Table 1 of concat_tables: A recording table must be"),
        ({"Rome": GOOD.drop(columns="fs")}, ValueError, r"Table 'Rome' .*lacks the column 'fs'"),
        ([GOOD, GOOD.iloc[:0]], ValueError, "Table 1 of concat_tables.*no rows"),
        ([GOOD, GOOD.drop(columns="signal")], ValueError, "Table 1 .* no column 'signal'"),
        ([GOOD, GOOD.assign(subject=[None])], ValueError, r"Table 1 (.|\n)*row 0.*is missing"),
        ([GOOD.assign(site=[None])], ValueError, "Table 0 .*row 0 has no site"),
        ({"Rome": GOOD.assign(site="Oslo")}, ValueError, "site 'Oslo' in row 0"),
        (
            [GOOD, GOOD, table_of(["site 1/a"])],
            ValueError,
            "cannot rename",
        ),
    ],
)
def test_what_cannot_be_joined_is_named(tables, error, match):
    with pytest.raises(error, match=match):
        concat_tables(tables)


def test_joining_leaves_the_tables_alone():
    first, second = table_of(["a"]), table_of(["a"])
    with pytest.warns(RecordingWarning, match="renamed"):
        concat_tables([first, second])
    assert first["subject"].tolist() == ["a"]
    assert "site" not in first.columns


def test_real_recordings_are_joined(real_data):
    X, _ = load_n2001(real_data / "n2001", lazy=True, return_X_y=True)
    X = X.drop(columns="site")  # all recordings have the same site
    other = X.assign(fs=32768.0)
    with pytest.warns(RecordingWarning, match=r"'A01', 'C01'.*renamed"):
        joined = concat_tables({"Copenhagen": X, "Algiers": other})
    assert joined["subject"].nunique() == 2 * X["subject"].nunique()
    assert sorted(joined["fs"].unique()) == [23437.5, 32768.0]
