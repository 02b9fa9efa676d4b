"""The benchmark command: runs can be resumed, leaks and failures are reported."""

import argparse
import gzip
import json
import os
import shutil
import signal
import subprocess
import sys
import warnings
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
from data import simulated_cohort
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.model_selection import KFold
from sklearn.naive_bayes import GaussianNB

from sklearn_emg import __version__
from sklearn_emg.comparison import compare
from sklearn_emg.model_selection import (
    RandomWindows,
    RepeatedSubjectKFold,
)
from sklearn_emg.papers import (
    BoumerdesProtocol,
    make_system,
    run_benchmark,
)
from sklearn_emg.papers.__main__ import DATA, _backend, _names, _without_folders, main
from sklearn_emg.papers._benchmark import _run, _store, _systems, _tasks
from sklearn_emg.papers._benchmark._systems import build, choose_systems
from sklearn_emg.recordings import SignalFile

PROTOCOL = RepeatedSubjectKFold(2, n_repeats=1)


@pytest.fixture(scope="module")
def cohort():
    return simulated_cohort(duration=0.7)


def run(cohort, out, systems=("time-domain", "rule-based"), protocol=PROTOCOL, **options):
    quick = {"progress": False, "figure": False, "n_resamples": 50}
    return run_benchmark(systems, *cohort, protocol, out, **{**quick, **options})


def test_the_folds_are_those_of_compare(cohort, tmp_path):
    X, y = cohort
    ours = run(cohort, tmp_path, ["time-domain"]).comparison
    theirs = compare(
        {"time-domain": make_system("time-domain", fs=2000.0)},
        X,
        y,
        cv=[(r.train, r.test) for r in PROTOCOL.runs(X, y)],
        progress=False,
        n_resamples=50,
    )
    columns = ["fold", "level", "n_scored", "accuracy", "f1", "auroc"]
    pd.testing.assert_frame_equal(ours.folds[columns], theirs.folds[columns])
    columns = ["level", "metric", "pooled", "low", "high"]
    pd.testing.assert_frame_equal(ours.summary[columns], theirs.summary[columns])


class Pretrained(GaussianNB):
    """Was trained on subject S01 before, and reports this."""

    def __sklearn_clone__(self):
        copy = type(self)()
        copy.source_, copy.source_subjects_ = True, {"S01"}
        return copy


def with_pretrained_classifier(name, estimator):
    return estimator.set_params(divote__estimator=Pretrained())


def test_subjects_of_a_pretraining_are_not_tested(cohort, tmp_path):
    X, y = cohort
    assert "S01" in set(X["subject"])
    result = run(
        cohort, tmp_path, ["time-domain"], search=with_pretrained_classifier, search_label="before"
    )
    reasons = result.runs.set_index("run")["reason"]
    tests = [set(X["subject"].iloc[r.test]) for r in PROTOCOL.runs(X, y)]
    for number, tested in enumerate(tests):
        refused = "would test 1 subject ('S01')" in reasons[number]
        assert refused == ("S01" in tested)


def test_finished_runs_are_not_done_again(cohort, tmp_path):
    first = run(cohort, tmp_path)
    files = sorted(tmp_path.glob("runs/*/*.json"))
    assert len(files) == 4
    before = [os.stat(f).st_mtime_ns for f in files]
    files[1].unlink()
    again = run(cohort, tmp_path)
    after = [os.stat(f).st_mtime_ns for f in files]
    assert [a == b for a, b in zip(after, before)] == [True, False, True, True]
    pd.testing.assert_frame_equal(first.comparison.predictions, again.comparison.predictions)


class Deadly(ClassifierMixin, BaseEstimator):
    def fit(self, X, y):
        os.kill(os.getpid(), signal.SIGKILL)


def deadly(name, estimator):
    """A search that kills the worker that fits one of the systems."""
    return Deadly() if name == "rule-based" else estimator


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no SIGKILL")
def test_a_killed_worker_costs_its_own_runs(cohort, tmp_path):
    result = run(cohort, tmp_path, search=deadly, search_label="deadly", n_jobs=2)
    states = result.runs.set_index("system")["state"]
    assert states["time-domain"].tolist() == ["done", "done"]
    assert states["rule-based"].tolist() == ["failed", "failed"]
    reasons = result.runs.loc[result.runs["state"] == "failed", "reason"]
    assert reasons.str.contains("the worker process was killed, even when it ran only").all()
    again = run(cohort, tmp_path, search=deadly, search_label="deadly", report_only=True)
    assert again.runs["state"].tolist() == result.runs["state"].tolist()


# A benchmark that is killed while the third of four runs is being written.
DYING = """
import os, signal, sys
from sklearn_emg.datasets import make_nemg_cohort
from sklearn_emg.model_selection import RepeatedSubjectKFold
from sklearn_emg.papers import run_benchmark

fsync, written = os.fsync, []

def die(descriptor):
    written.append(descriptor)
    if len(written) == 4:  # benchmark.json, two runs, and this one
        os.ftruncate(descriptor, os.fstat(descriptor).st_size // 2)
        os.kill(os.getpid(), signal.SIGKILL)
    fsync(descriptor)

os.fsync = die
X, y = make_nemg_cohort(
    9, n_recordings=27, fs=2000.0, duration=0.7, random_state=0, return_X_y=True
)
protocol = RepeatedSubjectKFold(2, n_repeats=1)
run_benchmark(["time-domain", "rule-based"], X, y, protocol, sys.argv[1], progress=False)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no SIGKILL")
def test_a_killed_benchmark_goes_on_where_it_stopped(cohort, tmp_path):
    command = [sys.executable, "-c", DYING, str(tmp_path)]
    killed = subprocess.run(command, check=False, capture_output=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    done = {f: os.stat(f).st_mtime_ns for f in tmp_path.glob("runs/*/*.json")}
    assert len(done) == 2
    assert all(json.loads(f.read_text()) for f in done)  # none is half written
    assert not (tmp_path / "results.md").exists()
    resumed = run(cohort, tmp_path)
    assert len(list(tmp_path.glob("runs/*/*.json"))) == 4
    assert all(os.stat(f).st_mtime_ns == at for f, at in done.items())
    whole = run(cohort, tmp_path / "never killed")
    pd.testing.assert_frame_equal(resumed.comparison.predictions, whole.comparison.predictions)


def test_an_interrupted_command_keeps_what_is_finished(tmp_path, capsys, monkeypatch):
    real, calls = _run.do_run, []

    def interrupted(*arguments):
        calls.append(arguments)
        if len(calls) == 2:
            raise KeyboardInterrupt
        real(*arguments)

    monkeypatch.setattr(_run, "do_run", interrupted)
    command = [
        *("benchmark", "--data", "simulated", "--subjects", "9", "--rate", "2000", "--quiet"),
        *("--systems", "time-domain", "--folds", "3", "--audit", "0", "--out", str(tmp_path)),
    ]
    assert main(command) == 130
    assert "The same command continues" in capsys.readouterr().err
    assert main([*command, "--report", "--note", "weather=fine"]) == 0
    text = (tmp_path / "results.md").read_text()
    assert "2 of 3: not run: not finished yet" in text
    assert "- weather: fine" in text
    assert "--report" not in text
    assert main(command) == 0
    assert "not run:" not in (tmp_path / "results.md").read_text()
    assert len(calls) == 4  # one finished, one interrupted, two after it


def test_a_system_left_out_says_why(cohort, tmp_path):
    result = run(cohort, tmp_path, left_out={"rule-*": "takes a neurologist"}, audit_splits=2)
    assert not (tmp_path / "runs" / "rule-based").exists()
    table = result.table()
    assert table.loc["rule-based", "failed or not run"] == "2 of 2: not run: takes a neurologist"
    assert table.loc["time-domain", "failed or not run"] == ""
    assert list(result.audits.index) == ["time-domain"]
    text = (tmp_path / "results.md").read_text()
    assert "- Not run, takes a neurologist: rule-based." in text
    assert "| rule-based |" not in text


def test_the_progress_bar_counts_runs_and_audits(cohort, tmp_path, capsys):
    run(cohort, tmp_path, ["time-domain"], progress=True, audit_splits=2)
    assert "3/3" in capsys.readouterr().err
    run(cohort, tmp_path, ["time-domain"], progress=True, audit_splits=2)
    assert "3/3" not in capsys.readouterr().err


def test_results_are_written_tidy_and_to_read(cohort, tmp_path):
    result = run(
        cohort, tmp_path, audit_splits=2, figure=True, notes={"data": "nine simulated subjects"}
    )
    tidy = pd.read_parquet(tmp_path / "results.parquet")
    assert {"system", "run", "level", "metric", "value", "leaky"} <= set(tidy.columns)
    assert not tidy["leaky"].any()
    expected = result.comparison.folds.query("pipeline == 'rule-based' and level == 'window'")
    own = tidy.query("system == 'rule-based' and level == 'window' and metric == 'accuracy'")
    np.testing.assert_array_equal(own["value"], expected["accuracy"])
    text = (tmp_path / "results.md").read_text()
    assert "- data: nine simulated subjects" in text
    assert "accuracy 76.80 % (split not stated)" in text
    audit = result.audits.loc["rule-based"]
    assert f"{audit['random windows']:.2f} / {audit['subjects']:.2f}" in text
    assert (tmp_path / "results.png").stat().st_size > 5000
    assert len(pd.read_parquet(tmp_path / "predictions.parquet")) == 18


def test_a_failing_system_has_a_row_with_the_reason(cohort, tmp_path):
    X, y = cohort
    result = run((X.drop(columns="region"), y), tmp_path, ["nemgnet-a-pd", "time-domain"])
    table = result.table()
    assert table.loc["nemgnet-a-pd", "failed or not run"].startswith(
        "2 of 2: ValueError: The 'by' parameter"
    )
    assert table.loc["nemgnet-a-pd", "subject accuracy"] == "-"
    assert table.loc["time-domain", "failed or not run"] == ""
    assert table.loc["time-domain", "subject accuracy"] != "-"


def test_failed_runs_stay_failed_until_asked_for(cohort, tmp_path, monkeypatch):
    real = _tasks.run_fold

    def short_of_memory(name, model, X, y, fold, split):
        if fold == 1:
            raise MemoryError("none left")
        return real(name, model, X, y, fold, split)

    with monkeypatch.context() as patched:
        patched.setattr(_tasks, "run_fold", short_of_memory)
        run(cohort, tmp_path, ["time-domain"])
    result = run(cohort, tmp_path, ["time-domain"])
    assert result.table()["failed or not run"].iloc[0] == "1 of 2: MemoryError: none left"
    states = result.runs.set_index("run")[["state", "reason"]].to_dict("index")
    assert states[0] == {"state": "done", "reason": ""}
    assert states[1] == {"state": "failed", "reason": "MemoryError: none left"}
    again = run(cohort, tmp_path, ["time-domain"], retry_failed=True)
    assert again.table()["failed or not run"].iloc[0] == ""


def test_the_leaky_protocol_is_labelled_and_reports_windows_only(cohort, tmp_path):
    result = run(cohort, tmp_path, ["time-domain"], protocol=RandomWindows())
    assert not any("subject" in c for c in result.table().columns if "audit" not in c)
    assert set(result.comparison.folds["level"]) == {"window"}
    assert result.comparison.predictions.empty
    assert "**LEAKY PROTOCOL" in (tmp_path / "results.md").read_text()
    assert pd.read_parquet(tmp_path / "results.parquet")["leaky"].all()


def test_a_folder_of_another_benchmark_is_refused(cohort, tmp_path):
    run(cohort, tmp_path, ["time-domain"])
    with pytest.raises(ValueError, match=r"contains runs of a different benchmark.*protocol"):
        run(cohort, tmp_path, ["time-domain"], protocol=RepeatedSubjectKFold(3, n_repeats=1))
    X, y = cohort
    with pytest.raises(ValueError, match=r"contains runs of a different benchmark.*data"):
        run((X.iloc[:-1], y[:-1]), tmp_path, ["time-domain"])


@pytest.mark.parametrize("inside", [(), ("results",)])
def test_a_file_in_place_of_the_folder_is_refused(cohort, tmp_path, inside):
    (tmp_path / "file").write_text("")
    with pytest.raises(NotADirectoryError, match="file is a file; give a folder"):
        run(cohort, tmp_path.joinpath("file", *inside))


def test_runs_without_the_name_of_their_benchmark_are_refused(cohort, tmp_path):
    run(cohort, tmp_path, ["time-domain"])
    (tmp_path / "benchmark.json").unlink()
    with pytest.raises(ValueError, match=r"finished runs, but no benchmark\.json to identify"):
        run(cohort, tmp_path, ["time-domain"])


@pytest.mark.parametrize("text", ['{"pipeline": "time-d', "", "[]"])
def test_a_damaged_result_is_made_again(cohort, tmp_path, text):
    whole = run(cohort, tmp_path, ["time-domain"], audit_splits=2)
    run_file = tmp_path / "runs" / "time-domain" / "001.json"
    audit_file = tmp_path / "audits" / "time-domain-2.json"
    for file in (run_file, audit_file):
        file.write_text(text)
    with pytest.warns(
        UserWarning, match=r"(001|domain-2)\.json is damaged and is treated as missing"
    ):
        report = run(cohort, tmp_path, ["time-domain"], audit_splits=2, report_only=True)
    assert "1 of 2: not run: not finished" in report.table()["failed or not run"].iloc[0]
    with pytest.warns(UserWarning, match="is damaged"):
        again = run(cohort, tmp_path, ["time-domain"], audit_splits=2)
    pd.testing.assert_frame_equal(again.comparison.predictions, whole.comparison.predictions)
    pd.testing.assert_frame_equal(again.audits, whole.audits)


# -------------------------------------------------------------------- what lies in the folder


@pytest.fixture(scope="module")
def finished(cohort, tmp_path_factory):
    """A folder with two finished runs of one system, never to be changed."""
    out = tmp_path_factory.mktemp("finished")
    result = run(cohort, out, ["time-domain"])
    return out, result.comparison.predictions


@pytest.fixture
def folder(finished, tmp_path):
    """A copy of the finished folder, its run files and its predictions."""
    out = tmp_path / "copy"
    shutil.copytree(finished[0], out)
    return out, sorted(out.glob("runs/*/*.json")), finished[1]


def edited(file, change):
    content = json.loads(file.read_text())
    change(content)
    return json.dumps(content)


def on_level(**changes):
    return lambda content: content["levels"]["subject"].update(changes)


def turned(content):
    for level in content["levels"].values():
        level["y_true"] = [(code + 1) % 3 for code in level["y_true"]]


def tripled(content):
    for level in content["levels"].values():
        level.update({k: v * 3 for k, v in level.items() if isinstance(v, list)})


FORGERIES = {
    "another number": lambda content: content.update(fold=0),
    "another system": lambda content: content.update(pipeline="rule-based"),
    "labels turned": turned,
    "cases tripled": tripled,
    "no levels": lambda content: content.pop("levels"),
    "one key more": lambda content: content.update(more=1),
    "no class": on_level(y_pred=[99] * 4),
    "other predictions": lambda content: content["levels"]["subject"]["y_pred"].reverse(),
    "too few": on_level(y_pred=["normal"]),
    "a level that is none": lambda content: content["levels"].update(subject=[1]),
    "an error and levels": lambda content: content.update(error="MemoryError"),
    "text for seconds": lambda content: content.update(fit_seconds="1"),
    "no digest": lambda content: content.pop("digest"),
    "other settings": lambda content: content.update(made_of="0" * 64),
}


@pytest.mark.parametrize("name", FORGERIES)
@pytest.mark.parametrize("sealed", [False, True])
def test_a_forged_run_is_done_again(cohort, folder, name, sealed):
    out, files, expected = folder
    text = edited(files[1], FORGERIES[name])
    if sealed and name not in ("other predictions", "no digest"):
        # Even with a valid digest, the results must agree with the data.
        content = json.loads(text)
        content.pop("digest")
        text = json.dumps({**content, "digest": _store._seal(content)})
    files[1].write_text(text)
    reason = r"001\.json is damaged and is treated as missing \((it|keys)"
    with pytest.warns(UserWarning, match=reason):
        result = run(cohort, out, ["time-domain"])
    assert files[1].read_text() != text
    pd.testing.assert_frame_equal(result.comparison.predictions, expected)


@pytest.mark.parametrize("text", ["[1]", '{"pipeline": ', "", "null", "[" * 5000, "\x00"])
def test_what_is_no_result_is_done_again(cohort, folder, text):
    out, files, expected = folder
    files[0].write_text(text)
    with pytest.warns(UserWarning, match=r"000\.json is damaged and is treated as missing"):
        result = run(cohort, out, ["time-domain"])
    pd.testing.assert_frame_equal(result.comparison.predictions, expected)


def test_the_file_of_another_fold_and_a_folder_are_done_again(cohort, folder):
    out, files, expected = folder
    shutil.copy(files[0], files[1])
    files[0].unlink()
    files[0].mkdir()
    with pytest.warns(UserWarning, match="is damaged and is treated as missing") as caught:
        result = run(cohort, out, ["time-domain"])
    messages = " ".join(str(w.message) for w in caught)
    assert "001.json is damaged and is treated as missing (it belongs to fold 0)" in messages
    assert "000.json is damaged and is treated as missing (IsADirectoryError" in messages
    pd.testing.assert_frame_equal(result.comparison.predictions, expected)
    assert not [p for p in out.rglob(".*") if p.exists()]


def test_runs_of_a_system_with_other_parameters_are_done_again(cohort, folder, monkeypatch):
    out, _, _ = folder
    real = _systems.make_system

    def changed(name, **changes):
        return real(name, **changes).set_params(divote__step=0.3)

    monkeypatch.setattr(_systems, "make_system", changed)
    with pytest.warns(UserWarning, match="it belongs to different data or settings") as caught:
        run(cohort, out, ["time-domain"])
    assert sum("it belongs to different data" in str(w.message) for w in caught) == 2


def test_an_audit_of_another_seed_is_done_again(cohort, tmp_path):
    run(cohort, tmp_path, ["time-domain"], audit_splits=2)
    with pytest.warns(UserWarning, match=r"domain-2\.json .*\(it belongs to different data"):
        run(cohort, tmp_path, ["time-domain"], audit_splits=2, random_state=1)


def test_every_sample_and_label_counts(cohort, folder):
    out, _, _ = folder
    X, y = cohort
    changed = X.copy()
    changed["signal"] = changed["signal"].map(np.copy)
    changed["signal"].iloc[5][77] += 1e-3
    with pytest.raises(
        ValueError, match=r"different benchmark \(data: different signals\)\. Choose a"
    ):
        run((changed, y), out, ["time-domain"])
    with pytest.raises(ValueError, match=r"\(data: different columns\)"):
        run((X.assign(age=1.0), y), out, ["time-domain"])
    swapped = np.where(y == "normal", "myopathy", np.where(y == "myopathy", "normal", y))
    with pytest.raises(ValueError, match=r"\(data: different labels\)"):
        run((X, swapped), out, ["time-domain"])


def test_the_same_data_are_the_same_in_files_and_under_any_print_options(cohort, tmp_path):
    X, y = cohort
    lazy = X.copy()
    files = []
    for k, samples in enumerate(X["signal"]):
        np.asarray(samples, "<f4").tofile(tmp_path / f"{k}.bin")
        files.append(SignalFile(tmp_path / f"{k}.bin", dtype="<f4"))
    lazy["signal"] = pd.Series(files, index=X.index, dtype=object)
    eager = X.assign(signal=[np.asarray(s, "f4") for s in X["signal"]])
    parameters = {"filter__high": np.float64(900.0), "divote__estimator__verbose": False}
    run((eager, y), tmp_path / "out", ["time-domain"], parameters=parameters)
    with np.printoptions(precision=2, threshold=5, legacy="1.13"), warnings.catch_warnings():
        warnings.simplefilter("error")
        run((lazy, y), tmp_path / "out", ["time-domain"], parameters=parameters)
    (tmp_path / "3.bin").write_bytes((tmp_path / "4.bin").read_bytes())
    with pytest.raises(ValueError, match=r"\(data: different signals\)"):
        run((lazy, y), tmp_path / "out", ["time-domain"], parameters=parameters)


def test_another_version_of_the_package_is_refused(cohort, folder, monkeypatch):
    out, _, _ = folder
    assert json.loads((out / "benchmark.json").read_text())["sklearn_emg"] == __version__
    monkeypatch.setattr(_store, "__version__", "999")
    with pytest.raises(
        ValueError, match=r"\(sklearn_emg: '0.* there, '999' now\)\. Choose a different"
    ):
        run(cohort, out, ["time-domain"])


REPORTING = """
import sys, warnings
from sklearn_emg.datasets import make_nemg_cohort
from sklearn_emg.model_selection import RepeatedSubjectKFold
from sklearn_emg.papers import run_benchmark

X, y = make_nemg_cohort(
    9, n_recordings=27, fs=2000.0, duration=0.7, random_state=0, return_X_y=True
)
protocol = RepeatedSubjectKFold(2, n_repeats=1)
options = {"progress": False, "n_resamples": 50}
for _ in range(3):
    run_benchmark(["time-domain"], X, y, protocol, sys.argv[1], retry_failed=True, **options)
"""


def test_two_processes_in_one_folder_end_well(tmp_path, finished):
    command = [sys.executable, "-c", REPORTING, str(tmp_path)]
    processes = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    errors = [process.communicate()[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], errors
    assert not any("damaged" in text for text in errors)
    assert not list(tmp_path.rglob(".*"))
    subjects = pd.read_parquet(tmp_path / "predictions.parquet")
    assert subjects["y_pred"].tolist() == finished[1]["y_pred"].tolist()


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"audit_splits": 1}, "'audit_splits' of run_benchmark must be 0 for no audit, or at leas"),
        ({"audit_splits": -1}, "'audit_splits' of run_benchmark must be 0"),
        ({"fs": -5.0}, r"'fs' parameter of run_benchmark must be a finite number > 0\. Got -5"),
        ({"fs": np.nan}, "'fs' parameter of run_benchmark must be a finite number > 0"),
        ({"max_epochs": 0}, "'max_epochs' parameter of run_benchmark must be an integer of at"),
        ({"systems": []}, "No system is named"),
        ({"n_resamples": 0}, "'n_resamples' parameter of run_benchmark must be an integer of at"),
    ],
)
def test_options_out_of_range_are_refused_before_anything_runs(cohort, tmp_path, options, match):
    with pytest.raises(ValueError, match=match):
        run(cohort, tmp_path, **options)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda X, y: (X.drop(columns="fs"), y), "lacks the column 'fs'"),
        (lambda X, y: (X, np.linspace(0, 1, len(y))), "Unknown label type: continuous"),
        (lambda X, y: (X, np.repeat("normal", len(y))), r"only one class, \['normal'\]"),
        (lambda X, y: (X, y[:3]), "y has 3 labels for 27 rows"),
    ],
)
def test_unusable_data_are_refused_before_anything_runs(cohort, tmp_path, change, match):
    with pytest.raises(ValueError, match=match):
        run(change(*cohort), tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("protocol", [KFold(2), 5, None])
def test_what_is_no_protocol_is_refused(cohort, tmp_path, protocol):
    with pytest.raises(TypeError, match="'protocol' of run_benchmark must be one of sklearn_emg"):
        run(cohort, tmp_path, protocol=protocol)


def test_a_protocol_that_does_not_fit_is_refused_before_anything_runs(cohort, tmp_path):
    with pytest.raises(ValueError, match=r"needs the subjects .* of each class by position"):
        run(cohort, tmp_path, protocol=BoumerdesProtocol(by="position"))
    assert not list(tmp_path.iterdir())


def test_parallel_runs_give_the_same(cohort, tmp_path):
    alone = run(cohort, tmp_path / "alone").comparison
    with joblib.parallel_config(backend="loky"):
        together = run(cohort, tmp_path / "together", n_jobs=2).comparison
    pd.testing.assert_frame_equal(alone.predictions, together.predictions)


def test_runs_on_a_dask_cluster_give_the_same(cohort, tmp_path):
    distributed = pytest.importorskip("distributed", reason="dask.distributed is not installed")
    alone = run(cohort, tmp_path / "alone").comparison
    with (
        distributed.LocalCluster(
            n_workers=1, threads_per_worker=1, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster),
        joblib.parallel_config(backend="dask"),
    ):
        together = run(cohort, tmp_path / "together", n_jobs=-1).comparison
    pd.testing.assert_frame_equal(alone.predictions, together.predictions)


def test_each_process_of_a_cluster_has_its_part_of_the_cores(monkeypatch):
    distributed = pytest.importorskip("distributed", reason="dask.distributed is not installed")
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(joblib, "cpu_count", lambda *_, **__: 6)
    with _backend("dask", None, 2):
        found = distributed.get_client().run(os.environ.get, "OMP_NUM_THREADS")
    assert list(found.values()) == ["3", "3"]


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["dask", "ray"])
def test_the_command_starts_a_cluster_of_its_own(tmp_path, backend):
    pytest.importorskip(
        {"dask": "distributed"}.get(backend, backend), reason=f"{backend} is not installed"
    )
    command = [
        *("benchmark", "--data", "simulated", "--subjects", "9", "--rate", "2000", "--quiet"),
        *("--systems", "time-domain", "--folds", "3", "--audit", "0"),
    ]
    assert main([*command, "--out", str(tmp_path / "alone")]) == 0
    out = tmp_path / "cluster"
    assert main([*command, "--backend", backend, "--jobs", "2", "--out", str(out)]) == 0
    alone, together = (
        pd.read_parquet(tmp_path / name / "predictions.parquet") for name in ("alone", "cluster")
    )
    pd.testing.assert_frame_equal(alone, together)


def test_nested_choices_are_made_inside_each_fold(cohort, tmp_path):
    grid = {"time-domain": {"filter__high": [500.0, 900.0]}}
    file = tmp_path / "grid.json"
    file.write_text(json.dumps(grid))
    arguments = [
        *("benchmark", "--data", "simulated", "--subjects", "12", "--rate", "2000", "--quiet"),
        *("--systems", "time-domain", "--protocol", "nested", "--folds", "2", "--audit", "0"),
    ]
    assert main([*arguments, "--grid", str(file), "--out", str(tmp_path / "out")]) == 0
    text = (tmp_path / "out" / "results.md").read_text()
    assert "NestedProtocol" in text
    assert str(tmp_path) not in text.replace(str(file), "")


def test_a_network_is_seeded_by_run_and_shrunk_by_options(cohort):
    X, _ = cohort
    model = build("alsnet", X, max_epochs=3, parameters={"divote__window": 0.4, "other": 1})
    assert model.get_params()["divote__estimator__max_epochs"] == 3
    assert model.get_params()["divote__window"] == 0.4
    assert model.get_params()["resample__fs_out"] == 2000.0
    assert build("nemgnet-b-all", X).get_params()["resample__fs_out"] == 2510.0


def test_systems_that_differ_in_their_votes_alone_share_networks(cohort, tmp_path):
    systems = ["nemgnet-a-averaging", "nemgnet-a-all", "nemgnet-a-pd"]
    small = {"max_epochs": 1, "parameters": {"divote__estimator__n_filters": (4,) * 5}}
    alone = run(cohort, tmp_path / "alone", systems, **small)
    together = run(cohort, tmp_path / "together", systems, memory=tmp_path / "nets", **small)
    scores = ["pipeline", "fold", "level", "accuracy", "auroc"]
    pd.testing.assert_frame_equal(together.comparison.folds[scores], alone.comparison.folds[scores])
    assert (together.comparison.folds["error"] == "").all()
    assert len(list((tmp_path / "nets").rglob("output.pkl"))) == 2  # one network a run


def test_a_parameter_that_no_system_has_is_refused(cohort, tmp_path):
    with pytest.raises(
        ValueError, match=r"None of time-domain has the parameters \['divote__wind'\]"
    ):
        run(cohort, tmp_path, ["time-domain"], parameters={"divote__wind": 0.3})
    with pytest.raises(ValueError, match="Did you mean 'divote__window'"):
        run(cohort, tmp_path, ["time-domain"], parameters={"window": 0.3})


def test_patterns_choose_systems():
    assert choose_systems(["nemgnet-b-*"]) == [
        "nemgnet-b-averaging",
        "nemgnet-b-all",
        "nemgnet-b-pd",
    ]
    assert "alsnet" in choose_systems(["networks"])
    assert "alsnet" not in choose_systems(["classical"])
    assert choose_systems("alsnet") == ["alsnet"]
    with pytest.raises(ValueError, match="Did you mean 'alsnet'"):
        choose_systems(["alsnets"])


def test_the_command_explains_what_it_cannot_do(tmp_path, capsys):
    assert main(["benchmark", "--data", "lower-limb", "--out", str(tmp_path)]) == 2
    assert "must be followed by the folder" in capsys.readouterr().err
    assert main(["benchmark", "--data", "mars", "--out", str(tmp_path)]) == 2
    assert "--data takes one of simulated" in capsys.readouterr().err
    nested = ["benchmark", "--data", "simulated", "--protocol", "nested", "--out", str(tmp_path)]
    assert main(nested) == 2
    assert "chooses settings from grids" in capsys.readouterr().err
    simulated = ["benchmark", "--data", "simulated", "--out", str(tmp_path)]
    assert main([*simulated, "--address", "tcp://here:1"]) == 2
    assert "--backend is 'loky'" in capsys.readouterr().err
    assert main([*simulated, "--leave-out", "nam-inception-v4"]) == 2
    assert "--leave-out SYSTEMS=TEXT is expected. Got 'nam-inception-v4'" in capsys.readouterr().err
    for pairs in ("((1, 2)", "1; 2"):
        assert main([*simulated, "--protocol", "boumerdes", "--pairs", pairs]) == 2
        assert "--pairs must be pairs of numbers such as '((1, 2)," in capsys.readouterr().err
    file = tmp_path / "grid.json"
    for text, message in [("{", "grid.json is not valid JSON"), ("[]", "must contain")]:
        file.write_text(text)
        assert main([*nested, "--grid", str(file)]) == 2
        assert message in capsys.readouterr().err


def test_the_command_compares_the_classes_of_a_source(tmp_path, capsys):
    command = ["benchmark", "--data", "simulated", "--subjects", "9", "--rate", "2000"]
    command += ["--systems", "time-domain", "--folds", "2", "--audit", "0", "--quiet", "--out"]
    joined = "healthy=normal,sick=myopathy+neuropathy"
    for text, counts in [("normal, myopathy,", (3, 3)), (joined, (3, 6))]:
        assert main([*command, str(tmp_path / text[:5]), "--classes", text]) == 0
        subjects = pd.read_parquet(tmp_path / text[:5] / "predictions.parquet")
        of_class = subjects["y_true"].value_counts()
        names = [part.partition("=")[0] for part in _names(text)]
        assert [of_class[name] for name in names] == list(counts)
    for text, message in [
        ("gout", "names 'gout', but the"),
        ("normal,normal", "twice"),
        ("", "at least two classes"),
        ("sick=,normal", "needs CLASS or NAME=CLASS+CLASS"),
        ("a = normal + myopathy", "at least two classes"),
    ]:
        assert main([*command, str(tmp_path / "c"), "--classes", text]) == 2
        assert message in capsys.readouterr().err


def test_names_on_the_command_line_may_have_spaces_and_stray_commas():
    assert _names(" alsnet, nam,") == ["alsnet", "nam"]


def test_emgdb_is_given_by_its_own_folder_too(monkeypatch, tmp_path):
    homes = []

    def fetch(data_home):
        homes.append(str(data_home))
        raise OSError("no network")

    monkeypatch.setattr("sklearn_emg.datasets.fetch_emgdb", fetch)
    for folder in (tmp_path, tmp_path / "emgdb"):
        command = ["benchmark", "--data", "emgdb", str(folder), "--out", str(tmp_path / "out")]
        assert main(command) == 2
    assert homes == [str(tmp_path)] * 2


def test_the_head_names_the_command_and_no_folder():
    argv = ["benchmark", "--data", "n2001", "/a", "--out=/b", "--memory", "/c", "--report"]
    expected_call = ["benchmark", "--data", "n2001", "FOLDER", "--out=DIR", "--memory", "NETWORKS"]
    assert _without_folders(argv, ["/a"]) == expected_call


def test_the_command_lists_the_systems(capsys):
    assert main(["list"]) == 0
    assert "nemgnet-b-pd" in capsys.readouterr().out


# -------------------------------------------------------------------- N2001


def write_n2001(folder, seconds=0.8):
    """N2001's layout: 10 controls, 8 ALS, 7 myopathy; several muscles; headers as the original."""
    rng = np.random.default_rng(0)
    n = int(23437.5 * seconds)
    for letter, count, diagnosis in (
        ("C", 10, "healty controls"),
        ("A", 8, "ALS"),
        ("M", 7, "myopathy"),
    ):
        for subject in range(1, count + 1):
            for number, muscle in enumerate(("BB", "VM")):
                name = f"N2001{letter}{subject:02d}{muscle}{number + 1:02d}"
                amplitude = {"C": 1.0, "A": 3.0, "M": 0.5}[letter]
                samples = np.round(13.107 * 50 * amplitude * rng.normal(size=n)).astype("<i2")
                (folder / f"{name}.bin").write_bytes(bytes(20) + samples.tobytes())
                (folder / f"{name}.hea").write_text(
                    f"{name} 1 23437.5 {n}\n{name}.bin 16+20 13.1070/uV\n#gender: M\n#age: 50\n"
                    f"#diagnosis: {diagnosis}\n#muscle: "
                    f"{'biceps brachii' if muscle == 'BB' else 'vastus medialis'}\n#side: left\n"
                )


def test_one_command_does_the_boumerdes_runs_on_n2001s_layout(tmp_path):
    folder = tmp_path / "n2001"
    folder.mkdir()
    write_n2001(folder)
    out = tmp_path / "out"
    status = main(
        [
            *("benchmark", "--data", "n2001", str(folder), "--systems", "boumerdes-cnn"),
            *("--protocol", "boumerdes", "--fs", "1000", "--epochs", "1", "--audit", "0"),
            *("--set", "divote__window=0.4", "--set", "divote__step=0.2", "--quiet"),
            *("--set", "divote__estimator__estimator__n_filters=4", "--out", str(out)),
        ]
    )
    assert status == 0
    subjects = pd.read_parquet(out / "predictions.parquet")
    # Six runs, one subject of each class in each: 3, 4, 3, 6, 3, 7.
    tested = subjects.groupby("fold")["subject"].apply(lambda s: sorted(x[-2:] for x in s))
    assert [t[0] for t in tested] == ["03", "04", "03", "06", "03", "07"]
    assert subjects.groupby("fold")["y_true"].nunique().tolist() == [3] * 6
    text = (out / "results.md").read_text()
    assert "99.85 % (leaky)" in text
    assert str(folder) not in text


@pytest.mark.parametrize("level, n_recordings", [("low", 3), ("all", 4)])
def test_benchmark_on_n2001_compares_one_level(level, n_recordings, tmp_path):
    rng = np.random.default_rng(0)
    for name, contraction in (
        ("A01BB01", "low"), ("C01BB01", "low"), ("C01BB02", "moderate"), ("M02BB01", "low"),
    ):  # fmt: skip
        name = f"N2001{name}"
        rng.integers(-900, 900, size=800).astype("<i2").tofile(tmp_path / f"{name}.bin")
        (tmp_path / f"{name}.hea").write_text(
            f"{name} 1 23437.5 800\n{name}.bin 16 13.1070/uV\n#level: {contraction}\n"
        )
    arguments = argparse.Namespace(level=level)
    name, table, y, caveat = DATA["n2001"](arguments, str(tmp_path))
    assert len(table) == len(y) == n_recordings
    assert ("low level" in name) == (level == "low")
    assert "age: ALS 52-67 years" in caveat


def test_one_command_does_a_system_on_algiers(tmp_path, capsys):
    rng = np.random.default_rng(0)
    folder, out = tmp_path / "algiers", tmp_path / "out"
    folder.mkdir()
    number = 0
    for group, amplitude in (("Hea", 100), ("Myo", 40), ("Neu", 300)):
        for subject_number in range(1, 4):
            number += 1
            samples = np.round(amplitude * rng.normal(size=163_840), 1)
            content = "\n".join(map(str, samples)).encode()
            name = f"EMG _{number:03d} _{subject_number:02d}_ RD_{group}.asc.gz"
            (folder / name).write_bytes(gzip.compress(content, 1))
    argv = ["benchmark", "--data", "algiers", str(folder), "--systems", "time-domain"]
    argv += ["--folds", "3", "--audit", "0", "--quiet", "--out", str(out)]
    assert main(argv) == 0
    text = (out / "results.md").read_text()
    assert "Algiers, deltoid and biceps, 9 recordings" in text
    assert "confounded with the diagnosis: number of recordings and muscles" in text
    assert set(pd.read_parquet(out / "predictions.parquet")["subject"]) == {
        f"{group}0{n}" for group in ("Hea", "Myo", "Neu") for n in (1, 2, 3)
    }


def test_make_benchmark_runs_four_sets():
    makefile = Path(__file__).parents[2] / "Makefile"
    if not makefile.is_file() or shutil.which("make") is None:
        pytest.skip("needs the repository and make")
    output = subprocess.run(
        ["make", "-n", "-f", str(makefile), "benchmark", "SKLEARN_EMG_DATA=/data"],
        cwd=makefile.parent, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    for name, folder in (("lower-limb", "lower_limb"), ("n2001", "n2001_biceps"), ("algiers",) * 2):
        assert f'--data {name} "/data/{folder}" --out benchmark_results/{folder}' in output
    assert "--data simulated --out benchmark_results/simulated" in output
