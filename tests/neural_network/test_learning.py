"""Networks learn the diagnoses of simulated subjects that they have not seen."""

import numpy as np
import pytest
from scipy.stats import t
from sklearn.pipeline import make_pipeline

from sklearn_emg.datasets import make_nemg_cohort
from sklearn_emg.feature_extraction import TimeDomainFeatures
from sklearn_emg.neural_network import (
    ALSNetClassifier,
    AttentionNetClassifier,
    AutoencoderNetClassifier,
    CNN1DClassifier,
    DeepEMGNetClassifier,
    NeuroFusionNetClassifier,
    PatternNetClassifier,
    RecurrentNetClassifier,
    SpectroEMGNetClassifier,
)

TRAINING = {"max_epochs": 20, "patience": 8, "random_state": 0}
NETWORKS = [
    ALSNetClassifier(lr=3e-3, **TRAINING),
    AttentionNetClassifier(frame=40, n_units=32, **TRAINING),
    AutoencoderNetClassifier(lr=3e-3, **TRAINING),
    CNN1DClassifier(lr=3e-3, **TRAINING),
    DeepEMGNetClassifier(nperseg=64, **TRAINING),
    NeuroFusionNetClassifier(n_filters=(16, 32), n_units=32, pool_size=8, lr=3e-3, **TRAINING),
    PatternNetClassifier(**TRAINING),
    RecurrentNetClassifier(cell="gru", frame=20, readout="mean", lr=3e-3, **TRAINING),
    SpectroEMGNetClassifier(n_filters=(16, 32), nperseg=128, **TRAINING),
]


@pytest.fixture(scope="module")
def cohort():
    """Windows of 0.4 s of 36 subjects; six of each class are for testing."""
    data = make_nemg_cohort(
        36,
        n_recordings=216,
        fs=5000.0,
        duration=0.8,
        difficulty=0.2,
        region_balance="balanced",
        random_state=0,
    )
    X = np.stack(data.data["signal"].tolist()).reshape(-1, 2000)
    y = np.repeat(data.target, 2)
    subjects = np.repeat(data.data["subject"].to_numpy(), 2)
    held_out = [
        subject for label in data.target_names for subject in np.unique(subjects[y == label])[:6]
    ]
    return X, y, subjects, np.isin(subjects, held_out)


@pytest.mark.slow
@pytest.mark.parametrize("net", NETWORKS, ids=lambda net: type(net).__name__)
def test_is_above_chance_on_subjects_that_it_has_not_seen(net, cohort):
    X, y, subjects, test = cohort
    if isinstance(net, PatternNetClassifier):
        features = make_pipeline(TimeDomainFeatures(), net)
        right = features.fit(X[~test], y[~test]).predict(X[test]) == y[test]
    else:
        right = net.fit(X[~test], y[~test], groups=subjects[~test]).predict(X[test]) == y[test]
    # Windows of a subject are alike: the subjects are the sample.
    by_subject = np.array([right[subjects[test] == s].mean() for s in np.unique(subjects[test])])
    error = by_subject.std(ddof=1) / np.sqrt(len(by_subject))
    lower = by_subject.mean() - t.ppf(0.975, len(by_subject) - 1) * error
    assert lower > 1 / 3 + 0.05  # three classes
