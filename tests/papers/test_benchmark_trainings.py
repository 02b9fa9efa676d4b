"""Networks in a benchmark: interrupted within a run, and shown while they train."""

import io
import os

import pandas as pd
import pytest
from tqdm.auto import tqdm

from sklearn_emg.model_selection import RepeatedSubjectKFold
from sklearn_emg.papers import run_benchmark
from sklearn_emg.papers._benchmark import _trainings
from sklearn_emg.papers._benchmark._store import RunFile

pytest.importorskip("torch", reason="the networks need torch")

from sklearn_emg.neural_network._checkpoints import Checkpoint, checkpoint_progress
from sklearn_emg.neural_network._net import ClassifierNet

PROTOCOL = RepeatedSubjectKFold(2, n_repeats=1)
SMALL = {"divote__window": 0.4, "divote__estimator__n_filters": 4, "divote__estimator__n_hidden": 4}


@pytest.fixture(scope="module")
def cohort():
    from sklearn_emg.datasets import make_nemg_cohort

    return make_nemg_cohort(
        9, n_recordings=27, fs=2000.0, duration=0.7, random_state=0, return_X_y=True
    )


def run(cohort, out, **options):
    quick = {"progress": False, "figure": False, "n_resamples": 50, "max_epochs": 3}
    return run_benchmark(["alsnet"], *cohort, PROTOCOL, out, parameters=SMALL, **quick | options)


def interrupt(monkeypatch, k):
    """Press Ctrl-C after k checkpoints."""
    write, left = Checkpoint.write, [k]

    def write_and_interrupt(self, *given):
        write(self, *given)
        left[0] -= 1
        if not left[0]:
            raise KeyboardInterrupt

    monkeypatch.setattr(Checkpoint, "write", write_and_interrupt)


def test_an_interrupted_network_goes_on_within_its_run(cohort, tmp_path, monkeypatch):
    whole = run(cohort, tmp_path / "whole")
    assert (whole.runs["state"] == "done").all()
    assert not (tmp_path / "whole" / "training").exists()
    out = tmp_path / "out"
    with monkeypatch.context() as patch:
        interrupt(patch, 3 + 2)  # in the second run
        with pytest.raises(KeyboardInterrupt):
            run(cohort, out)
    assert [path.name for path in (out / "runs" / "alsnet").iterdir()] == ["000.json"]
    training = out / "training" / "alsnet" / "001"
    (progress,) = checkpoint_progress(training)
    assert (progress["epoch"], progress["epochs"]) == (2, 3)

    epochs = []
    train = ClassifierNet._train_epoch
    monkeypatch.setattr(
        ClassifierNet, "_train_epoch", lambda *a: epochs.append(a[0].epoch_) or train(*a)
    )
    resumed = run(cohort, out)
    assert epochs == [2]  # and not the first two
    pd.testing.assert_frame_equal(resumed.comparison.predictions, whole.comparison.predictions)
    assert not (out / "training").exists()
    # The time of the interrupted attempt is included.
    assert resumed.runs["cpu_seconds"][1] > progress["total_cpu_seconds"] > 0
    seconds = resumed.comparison.folds.query("fold == 1")["fit_seconds"]
    assert (seconds > progress["total_seconds"]).all()


def test_an_interrupted_audit_goes_on_and_leaves_nothing(cohort, tmp_path, monkeypatch):
    run(cohort, tmp_path)
    with monkeypatch.context() as patch:
        interrupt(patch, 2)
        with pytest.raises(KeyboardInterrupt):
            run(cohort, tmp_path, audit_splits=2)
    assert len(checkpoint_progress(tmp_path / "training" / "alsnet" / "alsnet-2")) == 1
    result = run(cohort, tmp_path, audit_splits=2)
    assert result.audits["error"].tolist() == [""]
    assert not (tmp_path / "training").exists()


def test_a_failed_run_leaves_no_checkpoints(cohort, tmp_path, monkeypatch):
    def fail(self, *given):
        self.path.parent.mkdir(parents=True)
        raise ValueError("failed on purpose")

    monkeypatch.setattr(Checkpoint, "write", fail)
    result = run(cohort, tmp_path)
    assert result.runs["reason"].str.contains("failed on purpose").all()
    assert not (tmp_path / "training").exists()


def test_systems_share_networks_with_checkpoints_too(cohort, tmp_path):
    memory = tmp_path / "nets"
    first, second = (run(cohort, tmp_path / name, memory=memory) for name in ("a", "b"))
    pd.testing.assert_frame_equal(first.comparison.predictions, second.comparison.predictions)
    assert len(list(memory.rglob("output.pkl"))) == 2  # one network a run


def test_the_progress_bar_shows_the_epoch_and_the_time_left(tmp_path, monkeypatch):
    file = RunFile(tmp_path / "runs" / "alsnet" / "004.json", "alsnet", 4, "")
    others = [RunFile(tmp_path / "runs" / "alsnet" / "005.json", "alsnet", 5, "")]
    checkpoint = Checkpoint(tmp_path / "training" / "alsnet" / "004", "ALSNetClassifier", 1)
    monkeypatch.setattr(_trainings, "_EVERY", 0.01)
    text = io.StringIO()
    old = {"epoch": 1, "epochs": 9, "left": "never"}
    checkpoint.write({}, old)
    os.utime(checkpoint.path, (0, 0))  # of an earlier benchmark
    with (
        tqdm(total=2, file=text, ncols=200) as bar,
        _trainings.show_trainings([file, *others], bar),
    ):
        for _ in range(3000):  # the first look imports torch
            if "004" in text.getvalue():
                break
            if _ == 20:
                assert "alsnet" not in text.getvalue()
                checkpoint.write({}, {"epoch": 3, "epochs": 9, "left": "at most 4 min left"})
            _trainings.time.sleep(0.01)
    assert "alsnet 004: epoch 3 of 9, at most 4 min left" in text.getvalue()
    assert "005" not in text.getvalue()
