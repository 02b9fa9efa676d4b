"""One command computes the Boumerdes tables again on a download of N2001."""

from functools import partial
from importlib.util import find_spec

import numpy as np
import pandas as pd
import pytest

from sklearn_emg.papers import boumerdes_tables, read_benchmark, run_benchmark
from sklearn_emg.papers.__main__ import main
from sklearn_emg.papers._benchmark._boumerdes_tables import runs_by_subject
from sklearn_emg.papers._boumerdes import BOUMERDES_PAIRS
from sklearn_emg.recordings import recording_table

pytestmark = pytest.mark.skipif(find_spec("torch") is None, reason="needs torch")

HEADER = """\
{name} 1 23437.5 {n}
{name}.bin 16+20 13.1070/uV
#gender: M
#age: 50
#diagnosis: {diagnosis}
#duration: {duration}
#muscle: {muscle}
#side: Left
#protocol: steady isometric contraction
#level: low
#electrode: concentric needle
#high-pass filter: 2 Hz
#low-pass filter: 10 kHz
#gain: 500
#contributor: Miki Nikolic, Dept Clinical Neurophysiology, Rigshospital, Copenhagen
#date: 08/2001
#indentifier: C:\\Recordings\\1ch\\34467\\4\\EMGDAT\\2.bin
#contact: mn@e-med.dk
"""
MUSCLES = {
    "BB": "Biceps brachii (long head)",
    "VM": "Vastus medialis",
    "TA": "Tibialis anterior",
    "DE": "Deltoideus",
    "AP": "Abductor pollicis brevis",
}
CLASSES = {"A": (8, "ALS", 3.0), "C": (10, "healty controls", 1.0), "M": (7, "myopathy", 0.5)}
# The biceps of these subjects was not recorded, so that no class has all numbers from 1 to 7.
NO_BICEPS = ("A02", "C10", "M01")
SMALL = [
    *("--epochs", "1", "--quiet", "--set", "divote__window=0.1", "--set", "divote__step=0.1"),
    *("--set", "divote__estimator__estimator__n_filters=2"),
]


def write_n2001(folder, n=7_100):
    """N2001's layout: 25 subjects, five muscles, 0.3 s each, headers as the original's."""
    rng = np.random.default_rng(0)
    for letter, (count, diagnosis, amplitude) in CLASSES.items():
        for subject_number in range(1, count + 1):
            for number, (code, muscle) in enumerate(MUSCLES.items(), start=1):
                subject = f"{letter}{subject_number:02d}"
                if code == "BB" and subject in NO_BICEPS:
                    continue
                name = f"N2001{subject}{code}{number:02d}"
                samples = np.round(13.107 * 50 * amplitude * rng.normal(size=n)).astype("<i2")
                if name == "N2001A05BB01":
                    samples[:2000] = -(2**15)  # marked invalid by the recorder
                duration = "0.5 years" if letter != "C" else ""
                facts = {"diagnosis": diagnosis, "duration": duration, "muscle": muscle}
                (folder / f"{name}.bin").write_bytes(bytes(20) + samples.tobytes())
                (folder / f"{name}.hea").write_text(HEADER.format(name=name, n=n, **facts))


def test_the_whole_layout_of_n2001(tmp_path, monkeypatch):
    # Intervals of six folders take longer than the networks here.
    quick = partial(run_benchmark, n_resamples=10)
    monkeypatch.setattr("sklearn_emg.papers._benchmark._boumerdes_tables.run_benchmark", quick)
    folder, out = tmp_path / "n2001", tmp_path / "out"
    folder.mkdir()
    write_n2001(folder)
    assert main(["boumerdes", str(folder), "--out", str(out), *SMALL]) == 0
    tables = pd.read_parquet(out / "tables.parquet")
    assert (tables["failed"] == "").all()
    # Three tasks, each with random windows once and by subject six times.
    assert tables["runs"].tolist() == [1, 6, 1, 6, 1, 6]
    assert tables["leaky"].tolist() == [True, False] * 3
    assert tables["network"].unique().tolist() == ["boumerdes-cnn"]
    assert tables["mean"].between(0, 100).all()
    subjects = pd.read_parquet(
        out / "boumerdes-cnn-ALS-myopathy-normal-by-subject" / "predictions.parquet"
    )
    tested = subjects.groupby("fold")["subject"].apply(lambda s: sorted(s)).tolist()
    assert tested == [[f"{c}0{t}" for c in "ACM"] for t in (3, 4, 3, 6, 3, 7)]
    text = (out / "tables.md").read_text()
    assert "| random windows (LEAKY) | 1 |" in text
    assert "71.89 (56.33-80.59), F1 0.71, 244 min" in text
    assert "subjects per class {'control': 9, 'ALS': 7, 'myopathy': 6}" in text
    assert str(tmp_path) not in text
    leaky = (out / "boumerdes-cnn-ALS-normal-random-windows-LEAKY" / "results.md").read_text()
    assert "**LEAKY PROTOCOL" in leaky
    trainings = pd.read_parquet(out / "trainings.parquet")
    assert len(trainings) == tables["runs"].sum()
    by_subject = trainings[trainings["protocol"] == "by subject"]
    pairs = by_subject[["validation", "test"]].astype(int).apply(tuple, axis=1).tolist()
    assert pairs == 3 * list(BOUMERDES_PAIRS)
    assert trainings["kept"].between(1, trainings["epochs"]).all()
    assert trainings[["train_accuracy", "valid_accuracy"]].stack().between(0, 100).all()
    assert "| ALS, normal | boumerdes-cnn | by subject | 5 | 3 | 7 | 1 | 1 |" in text
    stored = read_benchmark(out / "boumerdes-cnn-ALS-normal-by-subject")
    assert len(stored.comparison.training_history) == 6
    assert stored.table()["numbers held"].tolist() != ["-"]
    # The same command resumes and finds nothing left to do.
    written = {f: f.stat().st_mtime_ns for f in out.glob("*/runs/*/*.json")}
    assert main(["boumerdes", str(folder), "--out", str(out), *SMALL]) == 0
    assert {f: f.stat().st_mtime_ns for f in out.glob("*/runs/*/*.json")} == written
    pd.testing.assert_frame_equal(pd.read_parquet(out / "trainings.parquet"), trainings)


def test_the_records_at_hand_say_what_they_cannot_show(real_data, tmp_path):
    out = tmp_path / "out"
    assert (
        main(["boumerdes", str(real_data / "n2001"), "--out", str(out), "--fs", "500", *SMALL]) == 0
    )
    tables = pd.read_parquet(out / "tables.parquet").set_index(["task", "protocol"])
    (leaky,) = tables.index[tables["runs"] > 0]
    assert leaky == ("ALS, normal", "random windows (LEAKY)")
    assert 0 <= tables.loc[leaky, "mean"] <= 100
    failed = tables["failed"]
    assert "there are no recordings of myopathy" in failed["ALS, myopathy, normal", "by subject"]
    assert "class 'ALS' has 1 ('A01')" in failed["ALS, normal", "by subject"]


def test_training_differs_where_the_study_says_so(tmp_path, monkeypatch):
    from sklearn_emg.papers._benchmark import _boumerdes_tables

    seen = {}

    def watch(systems, X, y, protocol, out, **options):
        seen[out.name] = (systems, options["parameters"])
        raise KeyboardInterrupt

    monkeypatch.setattr(_boumerdes_tables, "run_benchmark", watch)
    names = [f"{c}0{i}" for c in "CM" for i in (1, 2, 3)]
    X = recording_table([np.ones(9)] * 6, fs=9.0, subject=names)
    y = np.repeat(["control", "myopathy"], 3)
    with pytest.raises(KeyboardInterrupt):
        boumerdes_tables(X, y, tmp_path, pairs=[(1, 2)], parameters={"divote__window": 0.5})
    assert seen["boumerdes-cnn-myopathy-normal-random-windows-LEAKY"] == (
        ["boumerdes-cnn"],
        {
            "divote__nan": "skip",
            "resample": "passthrough",
            "divote__window": 0.5,
            "divote__estimator__factor": 1.0,  # no window is synthetic under this split
            "divote__estimator__estimator__batch_size": 32,
            "divote__estimator__estimator__patience": 20,
            "undersample__max_ratio": 192 / 107,
        },
    )


def test_runs_that_the_subjects_do_not_allow_are_named(tmp_path, monkeypatch):
    from sklearn_emg.papers._benchmark import _boumerdes_tables

    seen = []

    def quick(systems, X, y, protocol, out, **options):
        seen.append(protocol)
        return run_benchmark(systems, X, y, protocol, out, n_resamples=10, **options)

    monkeypatch.setattr(_boumerdes_tables, "run_benchmark", quick)
    names = [f"{c}{i}" for c in "AC" for i in (1, 2, 3, 4)]
    rng = np.random.default_rng(0)
    X = recording_table([rng.normal(size=600) for _ in names], fs=200.0, subject=names)
    y = np.repeat(["ALS", "control"], 4)
    tables = boumerdes_tables(X, y, tmp_path, max_epochs=1, progress=False)
    row = tables[tables["task"] == "ALS, normal"].set_index("protocol").loc["by subject"]
    assert row["runs"] == 2
    assert row["left_out"] == "(6, 3), (3, 6), (7, 3), (3, 7)"
    assert seen[-1].pairs == [(4, 3), (3, 4)]
    assert "(6, 3), (3, 6), (7, 3), (3, 7)" in (tmp_path / "tables.md").read_text()


def test_every_run_by_subject_is_listed_with_the_subjects_that_it_lacks(
    real_data, tmp_path, capsys
):
    folder = real_data / "n2001_biceps"
    if not folder.is_dir():
        pytest.skip("needs the recordings n2001_biceps in SKLEARN_EMG_DATA")
    # Nothing is run: the command first states which runs the subjects allow.
    main(["boumerdes", str(folder), "--out", str(tmp_path), "--report", "--quiet"])
    text = capsys.readouterr().out
    assert "subjects allow: ALS, myopathy, normal: 0 of 6; myopathy, normal: 0 of 6; ALS" in text
    lines = [line.split() for line in text.splitlines()[2:8]]
    assert [line[3:5] for line in lines] == [list(p) for p in ("43", "34", "63", "36", "73", "37")]
    assert all(line[5:] == ["False", "ALS", "4,", "myopathy", "3"] for line in lines[:2])


def test_runs_may_count_the_subjects_at_hand():
    names = [f"{c}0{i}" for c in "AC" for i in (1, 5, 9)]
    X = recording_table([np.arange(9.0)] * 6, fs=9.0, subject=names)
    y = np.repeat(["ALS", "control"], 3)
    by_number = runs_by_subject(X, y, [(1, 2), (5, 9)]).set_index("task").loc["ALS, normal"]
    assert by_number["possible"].tolist() == [False, True]
    assert by_number["missing"].tolist() == ["ALS 2, control 2", ""]
    by_position = runs_by_subject(X, y, [(1, 2), (5, 9)], "position").set_index("task")
    assert by_position.loc["ALS, normal", "possible"].tolist() == [True, False]
    without = by_position.loc["myopathy, normal", "missing"].iloc[0]
    assert without == "all myopathy"


def test_data_that_serve_no_task_are_refused(tmp_path):
    X = recording_table([np.ones(9)] * 2, fs=9.0, subject=["C01", "C02"])
    with pytest.raises(ValueError, match="No row of the tables has a result: there are no rec"):
        boumerdes_tables(X, ["control", "control"], tmp_path)
