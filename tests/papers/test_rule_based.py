"""Rules on turns, amplitude and motor unit potentials: their inputs and their text."""

import re

import numpy as np
import pandas as pd
import pytest

from sklearn_emg.datasets import make_nemg_cohort
from sklearn_emg.ensemble import NormalLimitRules
from sklearn_emg.papers import rule_based


def test_a_measure_that_is_missing_meets_no_rule():
    X = np.array(
        [[1.0, np.nan], [3.0, np.nan], [np.nan, np.nan], [9.0, 5.0], [8.0, 6.0], [7.0, 7.0]]
    )
    y = np.repeat(["control", "patient"], 3)
    rules = NormalLimitRules().fit(X, y)
    np.testing.assert_allclose(rules.limits_, [[0.0, np.nan], [4.0, np.nan]])
    assert rules.export_text() == "if x0 > 4: patient (0.80)\nelse: control (0.80)"
    assert rules.predict([[np.nan, 99.0], [9.0, np.nan]]).tolist() == ["control", "patient"]


def test_rules_show_the_units_of_the_features():
    names = ["muap_duration", "ch2_turns", "muap_polyphasic", "wavelet_energy_d1", "own"]
    values = np.linspace(-1, 1, 8)[:, None]
    X = pd.DataFrame(np.vstack([np.repeat(values, 5, axis=1), 9.0 + 6 * np.eye(5)]), columns=names)
    rules = NormalLimitRules(max_rules=5).fit(X, np.repeat(["normal", "ill"], [8, 5]))
    assert rules.export_text().startswith("if muap_duration (ms) > ")
    shown = [f"{name} >" for name in ("muap_duration (ms)", "ch2_turns (1/s)", "muap_polyphasic")]
    for k, name in enumerate(shown):
        rules.rules_ = [(k, "above", rules.default_)]
        assert name in rules.export_text()


@pytest.fixture(scope="module")
def fitted():
    X, y = make_nemg_cohort(
        12, n_recordings=24, fs=10_000.0, duration=1.0, difficulty=0.0, random_state=0,
        return_X_y=True,
    )  # fmt: skip
    return rule_based().fit(X, y)["divote"].estimator_


def test_rules_are_on_the_signal_and_on_motor_unit_potentials(fitted):
    assert fitted["classifier"].feature_names_in_.tolist() == [
        *("turns", "turn_amplitude", "rms", "zc", "muap_amplitude", "muap_duration"),
        *("muap_thickness", "muap_size_index", "muap_polyphasic"),
    ]


def test_rules_read_as_sentences_with_units(fitted):
    lines = fitted["classifier"].export_text().splitlines()
    rule = r"(else )?if (\w+)( \(.+\))? [<>] -?[\d.]+: (normal|myopathy|neuropathy) \(0\.\d\d\)"
    found = [re.fullmatch(rule, line) for line in lines[:-1]]
    assert all(found)
    assert any(match[2].startswith("muap_") and match[3] for match in found)
    assert lines[-1].startswith("else: ")


def test_windows_without_potentials_are_judged_by_the_rest(fitted):
    quiet = np.zeros((2, 4000), dtype=np.float32)
    values = fitted["features"].transform(quiet)
    assert values.iloc[:, 4:].isna().all(axis=None)
    assert np.isfinite(fitted.predict_proba(quiet)).all()
