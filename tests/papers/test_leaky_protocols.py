"""Leaky protocols of studies: their scores, and the label of these as leaky."""

import warnings

import numpy as np
import pytest
from data import simulated_cohort

from sklearn_emg.exceptions import SubjectLeakWarning
from sklearn_emg.model_selection import RandomRecordings
from sklearn_emg.papers import read_benchmark, run_benchmark
from sklearn_emg.papers.__main__ import main
from sklearn_emg.papers._benchmark._page import set_page, system_scores
from sklearn_emg.papers._benchmark._tasks import _prepared


@pytest.fixture(scope="module")
def cohort():
    return simulated_cohort(duration=0.7)


def test_random_recordings_are_labelled_and_scored_by_recording(cohort, tmp_path):
    X, y = cohort
    protocol = RandomRecordings(0.5, n_repeats=2)
    with warnings.catch_warnings():
        warnings.simplefilter("error", SubjectLeakWarning)  # the table labels it as leaky
        result = run_benchmark(
            ["time-domain"], X, y, protocol, tmp_path,
            progress=False, figure=False, n_resamples=50,
        )  # fmt: skip
    assert result.level == "recording"
    assert set(result.comparison.summary["level"]) == {"recording"}
    assert result.comparison.predictions.empty
    n_tested = result.comparison.folds["n_scored"].tolist()
    assert n_tested == [int(np.ceil(len(X) / 2))] * 2
    assert "recording accuracy" in result.table()
    assert "LEAKY PROTOCOL" in (tmp_path / "results.md").read_text()
    scores = system_scores("here", read_benchmark(tmp_path))
    assert set(scores["measure"]) == {"accuracy of recordings", "balanced accuracy of recordings"}
    assert scores["leaky"].all()
    page = set_page(result)
    assert "accuracy of recordings" in page
    assert "**Confusion matrices of recordings**" in page
    assert "subject" not in page.split("**Confusion matrices")[1]


def test_a_benchmark_of_random_windows_makes_up_no_window_where_the_source_made_none():
    pytest.importorskip("imblearn")
    table, y = simulated_cohort(duration=1.3)
    for name in ("boumerdes-cnn", "boumerdes-lstm"):
        options = {"fs": 200.0}
        model, windows, labels = _prepared(name, table, y, True, options)
        assert model["divote"].estimator.factor == 1.0
        assert len(windows) == len(labels)
        by_subject, _, _ = _prepared(name, table, y, False, options)
        assert by_subject["divote"].estimator.factor == 2.0
        options["parameters"] = {"divote__estimator__factor": 1.5}
        own, _, _ = _prepared(name, table, y, True, options)
        assert own["divote"].estimator.factor == 1.5


def test_the_command_divides_recordings_at_random(tmp_path, capsys):
    command = ["benchmark", "--data", "simulated", "--subjects", "9", "--rate", "2000"]
    command += ["--systems", "time-domain", "--protocol", "random-recordings", "--repeats", "1"]
    assert main([*command, "--audit", "0", "--quiet", "--out", str(tmp_path)]) == 0
    assert "recording accuracy" in capsys.readouterr().out
    assert read_benchmark(tmp_path).notes["protocol"].startswith("RandomRecordings(")
