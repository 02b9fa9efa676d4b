"""Tables that worker processes map from a file."""

import pickle
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from sklearn.dummy import DummyClassifier

from sklearn_emg.comparison import _workers, compare, mapped_tables, run_tasks
from sklearn_emg.recordings import keep_recordings, plain_recordings, recording_table


def recordings(n_times=30_000):
    rng = np.random.default_rng(0)
    signals = []
    for _ in range(2):
        signals += [
            rng.normal(size=n_times).astype(np.float32),
            rng.normal(size=(2, n_times)),
            rng.normal(size=(n_times, 3)).T,  # not contiguous
            rng.normal(size=2 * n_times)[::2],
        ]
    table = recording_table(signals, fs=1000.0, subject=[f"s{k}" for k in range(8)])
    return table.assign(age=np.arange(8) / 2, note=["µ", None] * 4)


def received(table, n_jobs=2):
    """The table that a task gets, and the files that exist meanwhile."""
    with mapped_tables([(1, table), (2, table)], n_jobs) as tasks:
        assert tasks[0][1] is tasks[1][1]
        files = [*Path(tasks[0][1]._path).parent.iterdir()] if tasks[0][1] is not table else []
        return pickle.loads(pickle.dumps(tasks[0][1])), files


@pytest.mark.parametrize("kept", [False, True])
def test_a_task_gets_the_same_table(kept):
    table = recordings()
    given = keep_recordings(table, None) if kept else table
    found, files = received(given)
    assert len(files) == 1
    assert not files[0].parent.exists()
    if kept:
        assert [s.key for s in found["signal"]] == [s.key for s in given["signal"]]
        found = plain_recordings(found)
    pd.testing.assert_frame_equal(found.drop(columns="signal"), table.drop(columns="signal"))
    for one, other in zip(found["signal"], table["signal"]):
        assert_array_equal(one, other)
        assert one.dtype == other.dtype
        assert one.flags.writeable
        assert one.flags.aligned


def test_changes_in_one_task_do_not_reach_another():
    table = recordings()
    with mapped_tables([(table,)], 2) as tasks:
        content = pickle.dumps(tasks[0][0])
        pickle.loads(content)["signal"].iloc[0][:] = 0.0
        assert_array_equal(pickle.loads(content)["signal"].iloc[0], table["signal"].iloc[0])
    assert len(content) < 1000


@pytest.mark.parametrize("case", ["small", "one job", "threads", "memmap", "no pickle", "no space"])
def test_other_tables_are_passed_on_unchanged(case, tmp_path, monkeypatch):
    table = recordings(100 if case == "small" else 30_000)
    if case == "memmap":
        values = np.memmap(tmp_path / "signal", dtype=np.float32, mode="w+", shape=3_000)
        table["signal"] = [values, *table["signal"].tolist()[1:]]
    elif case == "no pickle":
        table["note"] = [open(tmp_path / "note", "w")] * 8  # noqa: SIM115
    elif case == "no space":
        monkeypatch.setattr(_workers.pickle, "dump", refuse)
    backend = "threading" if case == "threads" else "loky"
    n_jobs = 1 if case == "one job" else 2
    with joblib.parallel_config(backend=backend), mapped_tables([(table, 1)], n_jobs) as tasks:
        assert tasks[0][0] is table


def refuse(*given, **options):
    raise OSError(28, "No space left on device")


def total(table):
    kinds = {type(signal).__name__ for signal in table["signal"]}
    return float(sum(np.asarray(signal).sum() for signal in table["signal"])), kinds


def test_tasks_run_on_mapped_tables():
    table = recordings()
    expected = total(table)
    assert list(run_tasks(total, [(table,)] * 3, n_jobs=2)) == [expected] * 3


def test_results_do_not_depend_on_the_number_of_jobs():
    table = recordings()
    y = np.array(["a", "b"] * 4)
    model = {"dummy": DummyClassifier(strategy="stratified", random_state=0)}
    settings = {"cv": 2, "n_resamples": 10, "progress": False}
    one, two = (compare(model, table, y, n_jobs=n_jobs, **settings) for n_jobs in (1, 2))
    pd.testing.assert_frame_equal(one.predictions, two.predictions)
