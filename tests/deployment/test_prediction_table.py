"""Predictions for new recordings, with agreement, quality and details of the training."""

import numpy as np
import pandas as pd
import pytest
from data import simulated_cohort
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline

from sklearn_emg.adaptation import AdaptiveDiagnosis
from sklearn_emg.deployment import prediction_table
from sklearn_emg.ensemble import DiVoteClassifier, DiVoteRegressor
from sklearn_emg.exceptions import SubjectLeakWarning
from sklearn_emg.feature_extraction import TimeDomainFeatures
from sklearn_emg.metrics import wilson_interval
from sklearn_emg.preprocessing import check_quality
from sklearn_emg.recordings import recording_table


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(0)
    y = np.repeat(["control", "patient"], 24)
    X = pd.DataFrame({"rms": rng.normal(size=48) + 5 * (y == "patient")})
    X["subject"] = np.repeat([f"s{k}" for k in range(12)], 4)
    return X, y


def new_rows(values, subjects):
    return pd.DataFrame({"rms": values, "subject": subjects})


def test_diagnoses_have_probabilities_agreement_and_no_false_claim(rows):
    model = DiVoteClassifier(LinearDiscriminantAnalysis(), window=None).fit(*rows)
    X = new_rows([5.2, 4.8, 0.3, 0.1, -0.2], ["a", "a", "a", "b", "b"])
    found = prediction_table(model, X)
    assert found["diagnosis"].tolist() == ["patient", "control"]
    proba = found[["probability_control", "probability_patient"]]
    np.testing.assert_allclose(proba.to_numpy(), model.predict_proba(X)[[0, 3]])
    assert found["reasons"].tolist() == [
        "2 of 3 windows for patient; 2 of 3 recordings for patient",
        "2 of 2 windows for control; 2 of 2 recordings for control",
    ]
    low, high = wilson_interval(2 / 3, 3)
    assert found.filter(like="agreement").loc["a"].tolist() == [2 / 3, low, high]
    assert found["quality"].tolist() == ["not checked"] * 2
    assert found["in_training"].tolist() == ["no", "no"]


@pytest.mark.parametrize("step", [None, 0.2, 0.05])
def test_windows_that_overlap_count_once_in_the_agreement(step):
    X, y = simulated_cohort()
    if step != 0.05:
        X["fs"] = 2048.0  # windows of 409.6 samples, which are rounded
    new = (X["subject"] == X["subject"].iloc[-1]).to_numpy()
    windows = make_pipeline(TimeDomainFeatures(), LinearDiscriminantAnalysis())
    model = DiVoteClassifier(windows, window=0.2, step=step, final_estimator=None)
    model = model.fit(X[~new], y[~new])
    found = prediction_table(model, X[new], confidence=0.9).iloc[0]
    cut = model.vote(X[new]).windows
    apart = cut if step != 0.05 else cut[cut["start"].rank(method="dense") % 4 == 1]
    assert len(apart) == 4
    fraction = (apart["vote"] == found["diagnosis"]).mean()
    low, high = wilson_interval(fraction, len(apart), confidence=0.9)
    assert found.filter(like="agreement").tolist() == [fraction, low, high]


def test_an_adapted_system_is_described_like_the_system_in_it(rows):
    model = DiVoteClassifier(LinearDiscriminantAnalysis(), window=None)
    new = new_rows([5.2, 4.8, 0.3], ["a", "a", "b"])
    adapted = AdaptiveDiagnosis(model).fit(*rows).partial_fit(new, ["patient"] * 2 + ["control"])
    inner = prediction_table(adapted.estimator_, new[:2].assign(subject="c"))
    for wrapped in (adapted, FrozenEstimator(adapted)):
        found = prediction_table(wrapped, new[:2].assign(subject="c"))
        pd.testing.assert_frame_equal(found, inner)
    with pytest.warns(SubjectLeakWarning, match="2 of 2 subjects"):
        found = prediction_table(adapted, new)
    assert found["in_training"].tolist() == ["yes", "yes"]


def test_training_subjects_are_marked_or_not_known(rows):
    model = DiVoteClassifier(LinearDiscriminantAnalysis(), window=None).fit(*rows)
    with pytest.warns(SubjectLeakWarning, match="1 of 2 subjects"):
        found = prediction_table(model, new_rows([0.1, 0.2], ["s3", "new"]))
    assert found["in_training"].to_dict() == {"s3": "yes", "new": "no"}
    plain = make_pipeline(Columns(), LogisticRegression()).fit(*rows)
    found = prediction_table(plain, new_rows([0.1, 0.2], ["s3", "new"]))
    assert found["in_training"].tolist() == ["not known"] * 2
    assert found["reasons"].tolist() == ["", ""]


class Columns(PCA):
    """The only feature of the table, without the subjects."""

    def fit(self, X, y=None):
        return super().fit(X[["rms"]])

    def fit_transform(self, X, y=None):
        return super().fit_transform(X[["rms"]])

    def transform(self, X):
        return super().transform(X[["rms"]])


def test_numbers_have_intervals_where_the_model_knows_them(rows):
    X, _ = rows
    y = X["rms"].groupby(X["subject"]).transform("mean").to_numpy()
    new = new_rows([1.0, 2.0, 4.0], ["a", "a", "b"])
    model = DiVoteRegressor(LinearRegression(), window=None, features=["rms"], cv=3).fit(X, y)
    found = prediction_table(model, new, coverage=0.8)
    intervals = model.predict_interval(new, coverage=0.8)[[0, 2]]
    np.testing.assert_allclose(found[["low", "high"]].to_numpy(), intervals)
    assert ((found["low"] <= found["prediction"]) & (found["prediction"] <= found["high"])).all()
    assert found["reasons"].tolist()[0].startswith("recordings from ")
    model.set_params(cv=None).fit(X, y)
    assert "low" not in prediction_table(model, new)


def test_findings_stand_with_their_subjects():
    X, y = simulated_cohort()
    rng = np.random.default_rng(0)
    signals = [0.1 * rng.normal(size=2000) for _ in range(3)]
    signals[2] = np.clip(signals[2], -0.1, 0.1)
    new = recording_table(signals, fs=2000.0, subject=["a", "b", "b"], recording=["r1", "r2", "r3"])
    windows = make_pipeline(TimeDomainFeatures(["rms", "wl"]), LinearDiscriminantAnalysis())
    model = DiVoteClassifier(windows, window=0.2, final_estimator=None).fit(X, y)
    found = prediction_table(model, new, quality=check_quality(new))
    assert found.loc["a", "quality"] == ""
    assert found.loc["b", "quality"] == "bad: 31 % of the samples are clipped (r3)"
    with pytest.raises(ValueError, match="has 2 recordings, but the table has 3"):
        prediction_table(model, new, quality=check_quality(new.iloc[:2]))


def test_what_predicts_nothing_is_refused(rows):
    with pytest.raises(TypeError, match=r"must be a fitted classifier or regressor\. Got PCA"):
        prediction_table(PCA().fit(rows[0][["rms"]]), rows[0])
    with pytest.raises(TypeError, match="Got 'folder/model': read it with load_model"):
        prediction_table("folder/model", rows[0])
    model = DiVoteClassifier(LinearDiscriminantAnalysis(), window=None).fit(*rows)
    with pytest.raises(ValueError, match="must have a 'subject' column"):
        prediction_table(model, rows[0][["rms"]])
