"""Networks learn the diagnoses of simulated subjects that they have not seen."""

import runpy
from pathlib import Path

import pytest

# The table of networks and their settings is that of the figures in the guide.
BENCHMARK = runpy.run_path(str(Path(__file__).parents[2] / "benchmarks" / "networks.py"))


@pytest.fixture(scope="module")
def cohort():
    return BENCHMARK["learning_cohort"]()


@pytest.mark.slow
@pytest.mark.parametrize("name", BENCHMARK["LEARNERS"])
def test_is_above_chance_on_subjects_that_it_has_not_seen(name, cohort):
    accuracy = BENCHMARK["accuracy_by_subject"](BENCHMARK["LEARNERS"][name], *cohort)
    _, low, _ = BENCHMARK["mean_with_interval"](accuracy.mean(axis=0))
    assert low > 1 / 3  # three classes


def test_every_ready_classifier_is_in_the_table():
    from sklearn_emg import neural_network

    learners = {
        type(net.steps[-1][1] if hasattr(net, "steps") else net).__name__
        for net in BENCHMARK["LEARNERS"].values()
    }
    ready = {name for name in neural_network.__all__ if name.endswith("Classifier")}
    assert learners == ready - {"EMGClassifier", "TransferClassifier"}
