"""Interference pattern: points, clouds of own controls, and controls left out of their cloud."""

import numpy as np
import pandas as pd
import pytest

from sklearn_emg.exceptions import RecordingWarning, SubjectLeakWarning
from sklearn_emg.feature_extraction import TimeDomainFeatures
from sklearn_emg.motor_units import InterferenceCloud, interference_points


def points(subject, turns=200.0, amplitude=0.4, n=20, seed=0, muscle="biceps brachii"):
    rng = np.random.default_rng(seed)
    spread = 10 ** (0.08 * rng.normal(size=(n, 2)))
    table = pd.DataFrame(spread * (turns, amplitude), columns=["turns", "turn_amplitude"])
    return table.assign(subject=subject, muscle=muscle)


def controls(n=10):
    return pd.concat([points(f"C{k}", seed=k) for k in range(n)], ignore_index=True)


def test_points_are_turns_of_parts():
    rng = np.random.default_rng(0)
    signal = 0.3 * rng.normal(size=2600)
    table = pd.DataFrame({"signal": [signal], "fs": 1000.0, "subject": "a", "muscle": "deltoid"})
    found = interference_points(table, seconds=0.5)
    assert found["start"].tolist() == [0.0, 0.5, 1.0, 1.5, 2.0]
    extractor = TimeDomainFeatures(["turns", "turn_amplitude"], fs=1000.0)
    expected = extractor.fit_transform(signal[500:1000][np.newaxis])[0]
    np.testing.assert_allclose(found.loc[1, ["turns", "turn_amplitude"]].astype(float), expected)
    quiet = interference_points(table.assign(signal=[0.001 * signal]))
    assert len(quiet) == 0


def test_cloud_holds_healthy_points_and_names_the_side_of_others():
    cloud = InterferenceCloud().fit(controls())
    row = cloud.clouds_.iloc[0]
    assert row["turns"] == pytest.approx(200, rel=0.1)
    assert row["turn_amplitude"] == pytest.approx(0.4, rel=0.1)
    # The 90 % quantile of the distance of two independent normal variables is 2.146.
    assert row["radius"] == pytest.approx(2.15, abs=0.35)
    healthy = cloud.score(points("H", seed=99)).iloc[0]
    assert not healthy["abnormal"]
    assert healthy["summary"] == "within the cloud"
    high = cloud.score(points("P", amplitude=1.6)).iloc[0]
    assert high["summary"] == "points of high amplitude"
    low = cloud.score(points("Q", amplitude=0.15, turns=600.0)).iloc[0]
    assert low["summary"] == "points of low amplitude and many turns"
    assert low["outside"] == 1.0


def test_outline_is_at_the_radius():
    cloud = InterferenceCloud().fit(controls())
    outline = pd.DataFrame(cloud.outline("Biceps"), columns=["turns", "turn_amplitude"])
    centre = cloud.clouds_.iloc[0]
    z = np.log10(outline["turns"] / centre["turns"])
    assert z.max() == pytest.approx(centre["radius"] * np.sqrt(centre["var_turns"]), rel=1e-3)


def test_no_control_is_among_its_own_references():
    table = pd.concat([controls(), points("P", amplitude=2.0)], ignore_index=True)
    table.loc[table["subject"] == "C4", "turn_amplitude"] *= 5
    y = np.where(table["subject"] == "P", "ALS", "control")
    found = InterferenceCloud().cross_score(table, y).set_index("subject")
    assert found.loc["C4", "abnormal"]
    assert not found.drop(["C4", "P"])["abnormal"].any()
    with pytest.warns(SubjectLeakWarning, match="C4"):
        InterferenceCloud().fit(table, y).score(table[table["subject"] == "C4"])


def test_few_controls_points_and_unknown_muscles_are_said():
    with pytest.raises(ValueError, match="requires at least 3 controls"):
        InterferenceCloud().fit(controls(2))
    table = pd.concat([controls(4), points("few", n=5)], ignore_index=True)
    with pytest.warns(RecordingWarning, match=r"leaves out 1 control, few \(biceps brachii\)"):
        cloud = InterferenceCloud().fit(table)
    assert cloud.subjects_ == ["C0", "C1", "C2", "C3"]
    with pytest.raises(ValueError, match="no cloud of the muscle 'soleus'"):
        cloud.score(points("P", muscle="soleus"))
    with pytest.raises(ValueError, match="call fit first"):
        InterferenceCloud().score(points("P"))
    with pytest.raises(ValueError, match="must be positive"):
        cloud.score(points("P").assign(turns=0.0))
    few = cloud.score(points("P", amplitude=5.0, n=9)).iloc[0]
    assert pd.isna(few["abnormal"])
    assert few["summary"] == "too few points for a conclusion"


def test_other_units_text_similar_names_and_recordings_are_named():
    cloud = InterferenceCloud().fit(controls())
    new = points("P")
    with pytest.warns(RecordingWarning, match="turn_amplitude of biceps brachii of P is implaus"):
        cloud.score(new.assign(turn_amplitude=1000 * new["turn_amplitude"]))
    with pytest.raises(ValueError, match="'turns' of the table of points must contain numbers"):
        cloud.score(new.assign(turns="0,5"))
    with pytest.warns(RecordingWarning, match="look alike"):
        InterferenceCloud().fit(controls().replace({"subject": {"C1": "c0 "}}))
    table = pd.DataFrame({"signal": [np.zeros(9)], "fs": 9e3, "subject": "a", "muscle": "b"})
    with pytest.raises(ValueError, match="computes them from recordings"):
        cloud.score(table)


def test_low_sampling_rates_are_warned_of():
    signal = 0.3 * np.random.default_rng(0).normal(size=2600)
    table = pd.DataFrame({"signal": [signal], "fs": 1000.0, "subject": "a", "muscle": "deltoid"})
    with pytest.warns(RecordingWarning, match="misses turns .* 1000 Hz of row 0. Use .* 4000 Hz"):
        interference_points(table)
