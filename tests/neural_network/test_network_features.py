"""Activations of a network as features: layers, codes, tables, and fits inside the fold."""

import numpy as np
import pytest
from data import cohort, simulated_cohort
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import FeatureUnion, Pipeline

from sklearn_emg.ensemble import DiVoteClassifier
from sklearn_emg.exceptions import SubjectLeakWarning
from sklearn_emg.feature_extraction import TimeDomainFeatures
from sklearn_emg.metrics import subject_scorer
from sklearn_emg.model_selection import SubjectKFold

torch = pytest.importorskip("torch")

from sklearn_emg.neural_network import (  # noqa: E402
    ALSNetClassifier,
    AutoencoderNetClassifier,
    NetworkFeatures,
    PatternNetClassifier,
)

TINY = {"max_epochs": 1, "validation_fraction": None, "random_state": 0}
ALS = ALSNetClassifier(n_filters=4, n_hidden=5, **TINY)


def test_features_are_what_enters_the_last_part():
    X, y, _ = cohort()
    step = NetworkFeatures(ALS).fit(X, y)
    module = step.estimator_.net_.module_.eval()
    with torch.inference_mode():
        logits = module.classifier(torch.from_numpy(step.transform(X)))
        expected = module(torch.from_numpy(X))
    torch.testing.assert_close(logits, expected)
    assert step.get_feature_names_out().tolist() == ["code_0", "code_1", "code_2", "code_3"]


def test_codes_of_an_autoencoder_are_those_of_its_encoder():
    X, y, _ = cohort()
    net = AutoencoderNetClassifier(n_filters=(4,), n_code=6, pretrain_epochs=1, **TINY)
    step = NetworkFeatures(net).fit(X, y)
    encoder = step.estimator_.net_.module_.eval().encoder
    with torch.inference_mode():
        codes = encoder(torch.from_numpy(X)).numpy()
    np.testing.assert_allclose(step.transform(X), codes, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(step.transform(X[3:4]), codes[3:4], rtol=1e-4, atol=1e-6)


def test_a_named_layer_keeps_its_times_on_request():
    X, y, _ = cohort()
    mean = NetworkFeatures(ALS, layer="features.0").fit(X, y)
    flat = NetworkFeatures(ALS, layer="features.0", time_average=False).fit(X, y)
    every = flat.transform(X).reshape(len(X), mean.transform(X).shape[1], -1)
    np.testing.assert_allclose(every.mean(-1), mean.transform(X), rtol=1e-4, atol=1e-6)
    assert flat.get_feature_names_out()[0] == "features.0_0"


def test_signals_of_a_table_that_differ_in_length_have_features():
    X, y = simulated_cohort()
    X = X.assign(signal=[s[: 500 + 10 * k] for k, s in enumerate(X["signal"])])
    step = NetworkFeatures(ALS).fit(X, y)
    with pytest.warns(SubjectLeakWarning):
        features = step.transform(X)
    assert features.shape == (len(X), 4)
    alone = step._activations(X.iloc[5:6])
    np.testing.assert_allclose(features[5:6], alone, rtol=1e-4, atol=1e-6)


def test_networks_are_trained_inside_the_fold_and_tuned_with_named_features():
    X, y = simulated_cohort()
    both = FeatureUnion(
        [("network", NetworkFeatures(ALS)), ("time", TimeDomainFeatures(["rms", "wl"]))]
    )
    model = DiVoteClassifier(
        Pipeline([("features", both), ("classifier", LogisticRegression(max_iter=1000))]),
        window=0.25,
        step=None,
        final_estimator=None,
    )
    search = GridSearchCV(
        model,
        {"estimator__features__network__estimator__n_filters": [3, 4]},
        cv=SubjectKFold(2, random_state=0),
        scoring=subject_scorer("accuracy"),
        error_score="raise",
    ).fit(X, y)
    names = search.best_estimator_.estimator_[0].get_feature_names_out()
    n_filters = search.best_params_["estimator__features__network__estimator__n_filters"]
    assert len(names) == n_filters + 2


def test_unknown_layers_and_other_estimators_are_named():
    X, y, _ = cohort()
    with pytest.raises(ValueError, match=r"names 'featurs'.*Did you mean 'features'"):
        NetworkFeatures(ALS, layer="featurs").fit(X, y)
    with pytest.raises(ValueError, match=r"must be a network of sklearn_emg\.neural_network"):
        NetworkFeatures(LogisticRegression()).fit(X, y)
    with pytest.raises(ValueError, match=r"PatternNet are in its last part, .*classifier\.0, "):
        NetworkFeatures(PatternNetClassifier(**TINY)).fit(X, y)
