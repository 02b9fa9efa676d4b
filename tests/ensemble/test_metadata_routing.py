"""Plain GroupKFold, nested, with scikit-learn's metadata routing."""

import numpy as np
import pytest
from data import cohort, simulated_cohort
from sklearn import config_context
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_validate
from sklearn.pipeline import make_pipeline

from sklearn_emg.ensemble import DiVoteClassifier
from sklearn_emg.feature_extraction import TimeDomainFeatures


@pytest.fixture
def routing():
    with config_context(enable_metadata_routing=True):
        yield


def test_group_folds_nest_over_an_array_with_groups(routing):
    X, y, groups = cohort()
    windows = make_pipeline(TimeDomainFeatures(["rms", "wl"]), LogisticRegression())
    vote = DiVoteClassifier(windows, window=None, final_estimator=None)
    vote.set_fit_request(groups=True)
    search = GridSearchCV(
        vote,
        {"estimator__logisticregression__C": [0.1, 1.0]},
        cv=GroupKFold(3),
        error_score="raise",
    )
    scores = cross_validate(
        search, X, y, cv=GroupKFold(3), params={"groups": groups}, error_score="raise",
        return_estimator=True,
    )  # fmt: skip
    assert (scores["test_score"] > 0.9).all()
    for found in scores["estimator"]:
        assert len(found.best_estimator_.subjects_) == 8


def test_group_folds_nest_over_a_table(routing):
    X, y = simulated_cohort()
    windows = make_pipeline(TimeDomainFeatures(["rms", "wl"]), LogisticRegression())
    vote = DiVoteClassifier(windows, window=0.25, step=None, final_estimator=None)
    vote.set_fit_request(groups=False)
    search = GridSearchCV(vote, {"window": [0.2, 0.25]}, cv=GroupKFold(2), error_score="raise")
    groups = X["subject"].to_numpy()
    scores = cross_validate(
        search, X, y, cv=GroupKFold(3), params={"groups": groups}, error_score="raise"
    )
    assert np.isfinite(scores["test_score"]).all()
