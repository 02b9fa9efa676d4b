"""The recommended pipeline: simulated recordings of two rates, power line, real recordings."""

import numpy as np
import pytest
from data import simulated_cohort

from sklearn_emg.datasets import load_algiers
from sklearn_emg.metrics import predict_subjects
from sklearn_emg.model_selection import SubjectKFold
from sklearn_emg.papers import recommended_pipeline

pytestmark = [
    pytest.mark.filterwarnings("ignore:n_quantiles"),  # fewer windows than quantiles
    pytest.mark.filterwarnings("ignore::sklearn_emg.exceptions.SubjectLeakWarning"),
]


def test_it_diagnoses_simulated_subjects_at_4_khz():
    X, y = simulated_cohort(12, 24, fs=4000.0, duration=2.1)
    model = recommended_pipeline(fs=4000.0, window=1.0, part=0.25)
    train, test = next(SubjectKFold(3).split(X, y))
    answers = model.fit(X.iloc[train], y[train]).predict(X.iloc[test])
    assert np.mean(answers == y[test]) > 0.6  # three classes


def test_it_takes_other_rates_and_is_the_same_with_the_same_seed():
    X, y = simulated_cohort(6, 12, fs=4000.0, duration=2.1)
    scores = [recommended_pipeline().fit(X, y).predict_proba(X) for _ in range(2)]
    np.testing.assert_array_equal(*scores)
    assert np.isfinite(scores[0]).all()


def test_the_power_line_is_not_seen():
    X, y = simulated_cohort(6, 12, fs=4000.0, duration=2.1)
    model = recommended_pipeline(fs=4000.0).fit(X, y)
    t = np.arange(len(X["signal"].iloc[0])) / 4000.0
    hum = X.copy()
    hum["signal"] = [s + 0.05 * np.sin(2 * np.pi * 50 * t) for s in X["signal"]]
    before, after = (model.predict_proba(table) for table in (X, hum))
    assert np.abs(before - after).max() < 0.1


@pytest.mark.slow
def test_it_beats_chance_on_real_subjects(real_data):
    data = load_algiers(real_data / "algiers").data
    y = data["group"].to_numpy()
    train, test = next(SubjectKFold(5).split(data, y))
    model = recommended_pipeline().fit(data.iloc[train], y[train])
    found = predict_subjects(model, data.iloc[test], y[test])
    recalls = [np.mean(found.y_pred[found.y_true == c] == c) for c in np.unique(y)]
    assert np.mean(recalls) > 0.6
