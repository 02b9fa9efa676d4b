"""Plain GroupKFold, nested, with scikit-learn's metadata routing."""

import warnings

import numpy as np
import pytest
from data import cohort, simulated_cohort
from sklearn import config_context
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_validate
from sklearn.pipeline import FeatureUnion, make_pipeline

from sklearn_emg.ensemble import DiVoteClassifier, Windows
from sklearn_emg.feature_extraction import TimeDomainFeatures
from sklearn_emg.preprocessing import AmplitudeScaler


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


def features_of_windows():
    return make_pipeline(TimeDomainFeatures(["rms", "wl"]), LogisticRegression())


@pytest.mark.parametrize("kind", ["vote", "windows", "array"])
def test_group_folds_nest_without_a_request(routing, kind):
    X, y = simulated_cohort()
    groups = X["subject"].to_numpy()
    model, grid = DiVoteClassifier(features_of_windows(), window=0.25), {"window": [0.2, 0.25]}
    if kind == "windows":
        step = Windows(TimeDomainFeatures(["rms", "wl"]), window=0.25)
        model, grid = make_pipeline(step, LogisticRegression()), {"windows__window": [0.2, 0.25]}
    if kind == "array":
        X, y, groups = cohort()
        model, grid = DiVoteClassifier(features_of_windows(), window=None), {"voting": ["soft"]}
    search = GridSearchCV(model, grid, cv=GroupKFold(2), error_score="raise")
    scores = cross_validate(
        search, X, y, cv=GroupKFold(3), params={"groups": groups}, error_score="raise"
    )
    assert np.isfinite(scores["test_score"]).all()


def network(**settings):
    pytest.importorskip("torch")
    from sklearn_emg.neural_network import ALSNetClassifier

    return ALSNetClassifier(n_filters=2, n_hidden=2, max_epochs=1, random_state=0, **settings)


def held_out(network):
    return network._held_out


@pytest.mark.parametrize("routed", [False, True])
@pytest.mark.parametrize("kind", ["step", "features", "windows", "search"])
def test_networks_hold_out_subjects_wherever_they_stand(routed, kind):
    X, y = simulated_cohort()
    net = network()
    from sklearn_emg.neural_network import NetworkFeatures

    scale = AmplitudeScaler("zscore")
    features = make_pipeline(scale, NetworkFeatures(net), LogisticRegression())
    models = {
        "step": DiVoteClassifier(make_pipeline(scale, net), window=0.25),
        "features": DiVoteClassifier(features, window=0.25),
        "windows": Windows(features[:-1], window=0.25),
        "search": DiVoteClassifier(
            GridSearchCV(make_pipeline(scale, net), {"alsnetclassifier__lr": [0.01]}, cv=2),
            window=0.25,
        ),
    }
    with config_context(enable_metadata_routing=routed):
        model = models[kind].fit(X, y)
    if kind == "windows":
        fitted = model.transformer_[1].estimator_
    else:
        fitted = model.estimator_
        fitted = fitted.best_estimator_ if kind == "search" else fitted
        fitted = fitted[1].estimator_ if kind == "features" else fitted[-1]
    assert set(held_out(fitted)) < set(X["subject"])
    assert held_out(fitted)


@pytest.mark.parametrize("routed", [False, True])
def test_a_network_that_gets_no_subjects_is_named(routed):
    X, y = simulated_cohort()
    union = FeatureUnion([("rms", TimeDomainFeatures(["rms"])), ("net", network_features())])
    model = DiVoteClassifier(make_pipeline(union, LogisticRegression()), window=0.25)
    with config_context(enable_metadata_routing=routed):
        if routed:
            fitted = model.fit(X, y).estimator_[0].transformer_list[1][1].estimator_
            assert held_out(fitted)
            return
        with pytest.warns(UserWarning, match=r"NetworkFeatures \(featureunion.net\) gets no"):
            model.fit(X, y)
        for off in ({"validation": "windows"}, {"validation_fraction": None}):
            union["net"].estimator.set_params(validation="subjects", validation_fraction=0.2)
            union["net"].estimator.set_params(**off)
            with warnings.catch_warnings():
                warnings.filterwarnings("error", message=".*gets no subjects from")
                model.fit(X, y)


def network_features():
    net = network()
    from sklearn_emg.neural_network import NetworkFeatures

    return NetworkFeatures(net)
