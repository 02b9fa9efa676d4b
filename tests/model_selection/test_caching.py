"""Steps whose results are kept."""

import joblib
import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_emg.datasets import make_nemg_cohort
from sklearn_emg.ensemble import DiVoteClassifier
from sklearn_emg.feature_extraction import TimeDomainFeatures
from sklearn_emg.metrics import subject_scorer
from sklearn_emg.model_selection import CachedTransformer, SubjectKFold


@pytest.fixture
def computed(monkeypatch):
    """Numbers of windows of which features were computed."""
    counts = []
    original = TimeDomainFeatures.transform

    def counting(self, X):
        counts.append(len(X))
        return original(self, X)

    monkeypatch.setattr(TimeDomainFeatures, "transform", counting)
    return counts


@pytest.fixture(scope="module")
def cohort():
    return make_nemg_cohort(
        9, n_recordings=18, fs=2000.0, duration=0.7, random_state=0, return_X_y=True
    )


def searched(features, X, y):
    lda = LinearDiscriminantAnalysis(solver="lsqr")
    model = DiVoteClassifier(make_pipeline(features, lda), window=0.3, step=None)
    grid = {"estimator__lineardiscriminantanalysis__shrinkage": [0.1, 0.3, 0.5, 0.7]}
    cv = SubjectKFold(3, random_state=0)
    return GridSearchCV(model, grid, cv=cv, scoring=subject_scorer("accuracy")).fit(X, y)


def test_a_grid_over_the_classifier_computes_every_feature_once(cohort, computed, tmp_path):
    X, y = cohort
    kept = searched(CachedTransformer(TimeDomainFeatures(), memory=str(tmp_path)), X, y)
    # Training and test windows of three folds, and all windows for the final fit.
    n_windows = computed[-1]
    assert len(computed) == 7
    assert sum(computed) == 4 * n_windows
    computed.clear()
    plain = searched(TimeDomainFeatures(), X, y)
    assert sum(computed) >= (4 * 3 + 1) * n_windows
    np.testing.assert_array_equal(
        kept.cv_results_["mean_test_score"], plain.cv_results_["mean_test_score"]
    )


def test_other_settings_or_training_data_are_not_mixed(tmp_path):
    X = np.random.default_rng(0).normal(size=(9, 4))
    memory = joblib.Memory(tmp_path, verbose=0)
    for train, with_std in ((X, True), (X[:5], True), (X, False), (X, True)):
        scaler = StandardScaler(with_std=with_std)
        kept = CachedTransformer(scaler, memory=memory).fit(train).transform(X)
        np.testing.assert_allclose(kept, scaler.fit(train).transform(X))


def test_output_and_names_are_those_of_the_transformer(tmp_path):
    X = np.random.default_rng(0).normal(size=(5, 3, 60))
    cached = CachedTransformer(TimeDomainFeatures(fs=1000.0), memory=str(tmp_path))
    frame = cached.set_output(transform="pandas").fit(X).transform(X)
    assert frame.columns.tolist() == cached.get_feature_names_out().tolist()
    assert isinstance(cached.set_output(transform="default").transform(X), np.ndarray)
