"""DecompositionFeatures: values of a simulated recording, and of one without units."""

import numpy as np
import pytest

from sklearn_emg.datasets import simulate_recording
from sklearn_emg.motor_units import (
    DecompositionFeatures,
    MotorUnitDecomposer,
    firing_statistics,
    template_measures,
)

FS = 12_000.0
SIGNAL = simulate_recording(drive=0.005, duration=6.0, fs=FS, random_state=1)


@pytest.fixture(scope="module")
def features():
    quiet = 0.005 * np.random.default_rng(0).normal(size=SIGNAL.size)
    extractor = DecompositionFeatures("all", fs=FS).set_output(transform="pandas")
    return extractor.fit_transform([SIGNAL, quiet.astype(np.float32)])


def test_features_are_those_of_the_decomposer(features):
    decomposer = MotorUnitDecomposer(fs=FS).fit(SIGNAL)
    row = features.iloc[0]
    assert row["mu_count"] == len(decomposer.units_) > 3
    assert row["mu_discharges"] == pytest.approx(len(decomposer.discharges_) / 6.0)
    firing = firing_statistics(decomposer.discharges_)
    assert row["mu_rate"] == pytest.approx(firing["rate"].median(), rel=1e-5)
    assert row["mu_variability"] == pytest.approx(firing["variability"].median(), rel=1e-5)
    measures = template_measures(decomposer.templates_)
    assert row["mu_duration"] == pytest.approx(measures["duration"].median(), rel=1e-5)
    assert row["mu_phases"] == pytest.approx(measures["phases"].mean(), rel=1e-5)
    assert np.isfinite(row).all()


def test_a_recording_of_noise_has_counts_of_0_and_nothing_else(features):
    row = features.iloc[1]
    counts = ["mu_count", "mu_left_out", "mu_discharges"]
    assert row[["mu_count", "mu_discharges"]].tolist() == [0, 0]
    assert row.drop(counts).isna().all()


def test_an_unknown_feature_is_refused():
    with pytest.raises(ValueError, match="mu_rate"):
        DecompositionFeatures(["mu_rates"], fs=FS).fit([SIGNAL])
