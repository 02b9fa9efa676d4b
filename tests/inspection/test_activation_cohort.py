"""Activation maximisation of networks trained on the simulated cohort, against the paper."""

import numpy as np
import pytest

pytest.importorskip("torch", reason="the networks need torch")
pytest.importorskip("skorch", reason="the networks need skorch")

from sklearn_emg.datasets import make_nemg_cohort
from sklearn_emg.inspection import activation_maximization
from sklearn_emg.neural_network import NEMGNetClassifier
from sklearn_emg.recordings import divide

FS = 5000.0
SEEDS = range(3)


@pytest.fixture(scope="module")
def networks():
    """Narrow nEMGNets, each trained on as many simulated subjects as the paper had."""
    trained = []
    for seed in SEEDS:
        table, y = make_nemg_cohort(57, fs=FS, difficulty=0.3, return_X_y=True, random_state=seed)
        windows = divide(table, 0.4, 0.2, short="skip")
        net = NEMGNetClassifier(
            variant="A",
            n_filters=(16, 32, 32, 64, 64),
            n_hidden=(64, 16),
            max_epochs=15,
            patience=7,
            keep_best="loss",
            class_weight="balanced",
            random_state=seed,
        )
        groups = windows.repeat(table["subject"])
        trained.append(net.fit(windows.X, windows.repeat(y), groups=groups))
        assert net.classes_.tolist() == ["myopathy", "neuropathy", "normal"]
    return trained


def medians(networks, **settings):
    """RMS, mean frequency and phase duration of myopathy, neuropathy, normal, by network."""
    settings = {"fs": FS, "n_starts": 2, "progress": False, **settings}
    found = [
        activation_maximization(net, random_state=seed, **settings)
        for seed, net in zip(SEEDS, networks)
    ]
    names = ("rms", "mean_frequency", "phase_duration")
    return [
        np.transpose([np.median(getattr(result, name), axis=0) for result in found])
        for name in names
    ]


@pytest.mark.slow
def test_neuropathic_windows_are_large_and_long_and_myopathic_ones_small_and_fast(networks):
    """This holds in each network here, but not in all networks of benchmarks/explanations.py."""
    rms, frequency, phase = medians(networks, objective="margin", start_scale=0.05)
    myopathy, neuropathy, normal = rms
    assert (neuropathy > 1.5 * normal).all(), rms
    assert (normal > 1.3 * myopathy).all(), rms
    myopathy, neuropathy, normal = frequency
    assert (myopathy > 1.2 * np.maximum(neuropathy, normal)).all(), frequency
    myopathy, neuropathy, normal = phase
    assert (neuropathy > 1.5 * normal).all(), phase
    assert (normal > 1.2 * myopathy).all(), phase


@pytest.mark.slow
def test_neuropathic_windows_are_the_largest_from_the_published_start_too(networks):
    """The initial noise of 1 mV, far larger than the signals, hides the other differences."""
    myopathy, neuropathy, normal = medians(networks, objective="margin")[0]
    assert (neuropathy > 1.3 * np.maximum(myopathy, normal)).all()
