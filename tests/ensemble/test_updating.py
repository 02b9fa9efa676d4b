"""DiVoteClassifier learns further rows after fit: refit, fine-tuning, final classifier."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from sklearn_emg.ensemble import DiVoteClassifier
from sklearn_emg.feature_extraction import TimeDomainFeatures

from data import feature_cohort, recording_cohort  # isort: skip


def divote(classifier, **params):
    chain = make_pipeline(StandardScaler(), classifier)
    return DiVoteClassifier(chain, **{"window": None, **params})


@pytest.mark.parametrize(
    "model",
    [
        divote(LogisticRegression()),
        # Folds fit only the classifier, so no step precedes it.
        DiVoteClassifier(LogisticRegression(), window=None, cv=3),
        DiVoteClassifier(LinearSVC(random_state=0), window=None),  # its decisions are calibrated
        divote(LogisticRegression(), final_estimator=None, voting="hard"),
    ],
    ids=["final", "out of fold", "decisions", "votes"],
)
def test_a_refit_on_the_same_rows_changes_nothing(model):
    X, y = feature_cohort(effects={"rms": 1.0, "zc": 0.5})
    model.fit(X, y)
    before = model.vote(X).subjects.select_dtypes(float)
    model.update(X, y, how="refit")
    pd.testing.assert_frame_equal(model.vote(X).subjects.select_dtypes(float), before)


def test_windows_of_recordings_are_refitted_behind_fitted_steps():
    X, y = recording_cohort([1.0, 3.0] * 4, labels=("well", "ill"))
    chain = make_pipeline(TimeDomainFeatures(), StandardScaler(), LogisticRegression())
    model = DiVoteClassifier(chain, window=0.2, step=0.2).fit(X[:12], y[:12])
    mean = model.estimator_[1].mean_.copy()
    coefficients = model.estimator_[-1].coef_.copy()
    model.update(X, y)
    np.testing.assert_array_equal(model.estimator_[1].mean_, mean)
    assert not np.allclose(model.estimator_[-1].coef_, coefficients)
    assert model.subjects_.tolist() == [f"s{k}" for k in range(8)]
    assert len(model.training_features_) == len(model.training_labels_) == 8


def test_the_final_classifier_is_fitted_on_old_and_new_subjects_with_weights():
    X, y = feature_cohort(effects={"rms": 2.0})
    old, new = X["subject"] < 8, X["subject"] >= 8
    model = divote(LogisticRegression()).fit(X[old], y[old])
    inner = model.estimator_[-1].coef_.copy()
    unseen = model.vote(X[new]).subjects
    features = np.vstack(
        [model.training_features_, unseen[["feature_ill", "feature_well"]].to_numpy()]
    )
    model.update(X[new], y[new], sample_weight=np.full(new.sum(), 3.0), how="final")
    labels = ["ill", "well"] * 6
    expected = LogisticRegression().fit(features, labels, np.repeat([1.0, 3.0], [8, 4]))
    np.testing.assert_allclose(model.final_estimator_.coef_, expected.coef_)
    np.testing.assert_array_equal(model.estimator_[-1].coef_, inner)
    no_weights = divote(LogisticRegression(), final_estimator=KNeighborsClassifier(1))
    no_weights.fit(X[old], y[old])
    with pytest.raises(ValueError, match="KNeighborsClassifier, the final classifier, takes no"):
        no_weights.update(X[new], y[new], sample_weight=np.full(new.sum(), 3.0), how="final")
    assert len(no_weights.training_features_) == 8


def test_fine_tuning_goes_on_where_fit_ended():
    X, y = feature_cohort(effects={"rms": 2.0})
    old, new = X["subject"] < 8, X["subject"] >= 8
    model = divote(GaussianNB(), final_estimator=None).fit(X[old], y[old])
    model.update(X[new], y[new], how="fine_tune", n_epochs=2)
    scaled = model.estimator_[0].transform(X[["rms"]])
    expected = GaussianNB().fit(scaled[old], y[old])
    for _ in range(2):
        expected.partial_fit(scaled[new], y[new])
    np.testing.assert_allclose(model.estimator_[-1].theta_, expected.theta_)
    assert model.subjects_.tolist() == list(range(12))


def test_updates_refuse_unusable_rows():
    X, y = feature_cohort(effects={"rms": 2.0})
    model = divote(LogisticRegression()).fit(X, y)
    with pytest.raises(ValueError, match=r"has no row of class 'well': update"):
        model.update(X[y == "ill"], y[y == "ill"])
    with pytest.raises(ValueError, match="one label per row of X, 72 of them; got 3"):
        model.update(X, y[:3])
    with pytest.raises(ValueError, match="'how' parameter of DiVoteClassifier"):
        model.update(X, y, how="finetune")
    with pytest.raises(ValueError, match="has no SiteStandardizer"):
        model.learn_references(X)
