"""Descriptions of loaded sets, and recordings that repeat others."""

import copy
import pickle

import numpy as np
import pandas as pd
import pytest

from sklearn_emg.datasets import fetch_emgdb, load_lower_limb, load_n2001_features, make_nemg_cohort
from sklearn_emg.datasets._base import as_set_or_pair, region_of
from sklearn_emg.datasets._copies import Stored, copies, shared_ends
from sklearn_emg.datasets._description import SetFacts

_KEYS = {
    *("title", "subjects", "recordings", "windows", "seconds", "classes", "missing", "defects"),
    *("confounds", "source", "licence", "citation"),
}


def _bunch(**more):
    table = pd.DataFrame(
        {
            "signal": [np.zeros(200), np.zeros((3, 100)), np.zeros(50)],
            "fs": [100.0, 100.0, 50.0],
            "subject": ["A1", "A1", "C2"],
            "age": [50.0, 50.0, np.nan],
            "side": ["left", " ", ""],
            "defect": ["", "", "dead"],
        }
    )
    facts = SetFacts(
        "Set", "About it.", "a hospital", "CC0", "A. Uthor", ("age: patients are older",),
        subjects=3, recordings=5, subject_names=("A1", "C1", "C2"),
    )  # fmt: skip
    return as_set_or_pair(table, np.array(["ALS", "ALS", "control"]), False, facts, **more)


def test_description_counts_by_class():
    description = _bunch().describe()
    assert set(description) == _KEYS
    assert (description["subjects"], description["recordings"]) == (2, 3)
    assert description["seconds"] == pytest.approx(2 + 1 + 1)
    expected = {"ALS": [1, 2, 3.0], "control": [1, 1, 1.0]}
    assert {k: v.tolist() for k, v in description["classes"].iterrows()} == expected


def test_description_names_what_is_missing():
    missing = _bunch().describe()["missing"]
    assert missing == {"subjects": ["C1"], "recordings": 2, "values": {"age": 1, "side": 2}}


def test_description_follows_changed_data():
    bunch = _bunch()
    bunch.data, bunch.target = bunch.data.iloc[:2], bunch.target[:2]
    assert bunch.describe()["missing"]["subjects"] == ["C1", "C2"]


def test_printed_description_has_all_facts():
    report = pd.DataFrame([("r1", "dead", "kept")], columns=["recording", "defect", "action"])
    text = str(_bunch(report=report).describe())
    for part in ("Set: 2 subjects, 3 recordings, 4.0 s", "whole set: 1 (C1)", "age in 1 recording",
                 "- dead, kept: r1", "- age: patients are older", "Licence: CC0",
                 "Cite: A. Uthor"):  # fmt: skip
        assert part in text
    assert repr(_bunch(report=report).describe()) == text


def test_set_is_pickled_and_copied_with_its_description():
    for other in (pickle.loads(pickle.dumps(_bunch())), copy.copy(_bunch())):
        assert str(other.describe()) == str(_bunch().describe())


def test_long_descr_has_licence_and_confounds():
    text = _bunch().DESCR
    assert text.startswith("Set\n===\n\nAbout it.")
    assert "Licence: CC0\nCite: A. Uthor" in text
    assert "- age: patients are older" in text


def test_real_sets_describe_themselves(real_data):
    loaded = {
        "limb": load_lower_limb(real_data / "lower_limb"),
        "features": load_n2001_features(real_data / "n2001_features"),
        "emgdb": fetch_emgdb(data_home=real_data, download_if_missing=False),
    }
    described = {name: bunch.describe() for name, bunch in loaded.items()}
    assert all(d["confounds"] and d["licence"] and d["citation"] for d in described.values())
    assert described["features"]["recordings"] is None
    assert described["features"]["windows"] == 20813
    assert described["features"]["seconds"] == pytest.approx(20813 / 4)
    assert described["emgdb"]["missing"]["subjects"] == 0
    assert loaded["limb"].data["region"].eq("proximal").all()
    assert loaded["emgdb"].data["region"].eq("distal").all()


def test_simulated_cohort_states_its_own_confound():
    cohort = make_nemg_cohort(3, n_recordings=3, fs=4000.0, random_state=0)
    assert [c.partition(":")[0] for c in cohort.describe()["confounds"]] == ["region"]
    even = make_nemg_cohort(3, n_recordings=3, fs=4000.0, region_balance="balanced", random_state=0)
    assert even.describe()["confounds"] == []
    assert "none stated" in str(even.describe())


@pytest.mark.parametrize("muscle, region", [
    ("Biceps brachii", "proximal"), ("vastus medialis", "proximal"), ("deltoid", "proximal"),
    ("Tibialis anterior", "distal"), ("first dorsal interosseous", "distal"),
    ("brachioradialis", "distal"), ("tongue", ""),
])  # fmt: skip
def test_region_is_that_of_the_muscle(muscle, region):
    assert region_of(muscle) == region


def test_copies_of_one_subject_leave_the_preferred_one():
    stored = [Stored("v", "C1", 1), Stored("b", "C1", 1, True), Stored("x", "C1", 2)]
    assert copies(stored) == {"v": "copy of b"}


def test_copies_of_two_subjects_leave_the_preferred_one_or_none():
    assert copies([Stored("a", "A1", 1, True), Stored("c", "C1", 1)]) == {"c": "copy of a"}
    left_out = copies([Stored("a", "A1", 1), Stored("c", "C1", 1), Stored("d", "C1", None)])
    assert list(left_out) == ["a", "c"]
    assert "same samples as c of another subject" in left_out["a"]


def test_signals_without_content_are_no_copies():
    assert copies([Stored("a", "A1", None), Stored("c", "C1", None)]) == {}


def test_shared_ends_are_the_longest_with_any_other_signal():
    rng = np.random.default_rng(0)
    end = rng.integers(-99, 99, size=100).astype("<i2")
    signals = {
        "a": np.append(rng.integers(200, 300, size=7), end).astype("<i2"),
        "b": np.append(rng.integers(300, 400, size=50), end).astype("<i2"),
        "c": np.append(rng.integers(400, 500, size=3), end[40:]).astype("<i2"),
        "d": rng.integers(500, 600, size=80).astype("<i2"),
    }
    ends = shared_ends(signals)
    assert ends["a"] == (100, "b")
    assert ends["b"] == (100, "a")
    assert ends["c"][0] == 60
    assert ends["d"] == (0, "")
