"""The command sklearn-emg: from a folder of invented recordings to a report."""

import re
import shutil
import subprocess
import sys
import tomllib
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from data import recording_cohort
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from sklearn_emg._command import _warn_of_older, main
from sklearn_emg.deployment import load_model, save_model
from sklearn_emg.ensemble import DiVoteClassifier
from sklearn_emg.feature_extraction import TimeDomainFeatures

GROUPS = {"control": 0.1, "patient": 0.2}


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Two groups of six subjects in CSV files; one recording is clipped."""
    rng = np.random.default_rng(0)
    root = tmp_path_factory.mktemp("data") / "study"
    for group, sd in GROUPS.items():
        (root / group).mkdir(parents=True)
        for k in range(6):
            for muscle in ("biceps", "deltoid"):
                signal = sd * np.convolve(rng.normal(size=1504), [1, 0.6, 0, -0.6, -1], "valid")
                if (group, k, muscle) == ("patient", 3, "biceps"):
                    signal = np.clip(signal, -0.2, 0.2)
                lines = [f"{i / 1000},{v:.4f}" for i, v in enumerate(signal)]
                path = root / group / f"{group[0]}{k:02d}_{muscle}.csv"
                path.write_text("\n".join(["time [s],EMG [mV]", *lines]) + "\n")
    return root


@pytest.fixture(autouse=True)
def own_warnings():
    """The command changes how warnings are shown; the change must not persist after a test."""
    with warnings.catch_warnings():
        yield


def test_one_command_gives_a_report_with_figures(study, tmp_path, capsys):
    out = tmp_path / "report"
    options = ["--label", "group", "--subject", "subject", "--folds", "3", "--epochs", "1"]
    options.append("--save-model")
    assert main(["compare", str(study), *options, "--out", str(out), "--quiet"]) == 0
    shown = capsys.readouterr()
    assert "Pattern: {group}/{subject}_*.csv" in shown.err
    assert "clipped (1 bad): p03_biceps" in shown.out
    assert "Comparison of 4 pipelines over 12 subjects" in shown.out
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "Quality of the recordings</h2>" in page
    assert "Confounds</h2>" in page
    assert page.count("<img ") >= 4
    for name in ("comparison", "quality", "confounds"):
        assert (out / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    predictions = pd.read_csv(out / "predictions.csv")
    assert predictions.groupby("pipeline")["subject"].nunique().tolist() == [12] * 4
    lda = predictions[predictions["pipeline"] == "features + LDA"]
    assert (lda["y_true"] == lda["y_pred"]).mean() >= 0.9  # amplitudes differ by a factor of 2
    assert len(pd.read_csv(out / "quality.csv")) == 24
    for name, title in (("model_card", "# Model card: "), ("data_card", "# Data card")):
        assert (out / f"{name}.md").read_text(encoding="utf-8").startswith(title)
    assert "Model card: " in page
    predict = ["predict", str(out / "model")]
    files = [str(study / "patient" / f"p03_{m}.csv") for m in ("biceps", "deltoid")]
    table = tmp_path / "diagnoses.csv"
    assert main([*predict, *files, "--subject", "p03", "--out", str(table)]) == 0
    assert "warning: 1 of 1 subjects given to" in capsys.readouterr().err
    row = pd.read_csv(table).iloc[0]
    assert row[["subject", "n_recordings", "diagnosis", "in_training"]].tolist() == [
        "p03", 2, "patient", "yes",
    ]  # fmt: skip
    assert row["probability_control"] + row["probability_patient"] == pytest.approx(1)
    assert " of 2 recordings for patient" in row["reasons"]
    assert "bad: " in row["quality"]
    assert "(p03_biceps)" in row["quality"]
    new = tmp_path / "new.csv"  # by a name that was not trained on, and without a subject
    new.write_text((study / "control" / "c00_biceps.csv").read_text())
    assert main([*predict, str(new), "--out", str(table)]) == 0
    captured = capsys.readouterr()
    assert pd.read_csv(table)["in_training"].tolist() == ["not known"]
    assert "--subject sets another name" in captured.err
    shown = captured.out
    assert re.search(r"new: \d+ of \d+ windows for control; ", shown)
    assert "quality: no finding" in shown
    assert (
        main([*predict, str(study / "control"), "--pattern", "{id}_*.csv", "--subject", "id"]) == 0
    )
    assert capsys.readouterr().out.count("quality: ") == 6
    assert main([*predict, *files, "--label", "group"]) == 2
    assert "--label can be used only with a folder" in capsys.readouterr().err
    (tmp_path / "other").mkdir()
    other = tmp_path / "other" / "new.csv"
    other.write_text((study / "patient" / "p03_biceps.csv").read_text())
    assert main([*predict, str(new), str(other)]) == 2
    assert "have the same name, so they would be one subject" in capsys.readouterr().err
    assert main([*predict, str(new), str(other), "--subject", "new"]) == 0


def test_twelve_lines_of_python_give_the_same(study, tmp_path, monkeypatch):
    monkeypatch.chdir(study.parent)
    code = """
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.pipeline import make_pipeline
from sklearn_emg.comparison import compare
from sklearn_emg.ensemble import DiVoteClassifier
from sklearn_emg.feature_extraction import TimeDomainFeatures
from sklearn_emg.inspection import report
from sklearn_emg.io import read_folder
from sklearn_emg.preprocessing import check_quality
X, y = read_folder("study", "{group}/{subject}_{muscle}.csv")
X, y = (quality := check_quality(X, y)).drop_bad(X, y)
model = DiVoteClassifier(make_pipeline(TimeDomainFeatures(), LinearDiscriminantAnalysis()))
report(compare({"LDA": model}, X, y, cv=3, progress=False), "report.html", quality=quality)
"""
    assert len(code.strip().splitlines()) <= 12
    exec(compile(code, "guide", "exec"), {})
    page = (study.parent / "report.html").read_text(encoding="utf-8")
    assert "Quality of the recordings</h2>" in page
    assert page.count("<img ") >= 3


def test_quality_of_a_folder(study, tmp_path, capsys):
    assert main(["quality", str(study), "--out", str(tmp_path)]) == 0
    assert "23 ok, 0 check, 1 bad" in capsys.readouterr().out
    assert "p03_biceps" in (tmp_path / "quality.html").read_text(encoding="utf-8")


def test_metadata_and_names_of_fields(study, tmp_path, capsys):
    names = [p.relative_to(study).as_posix() for p in sorted(study.rglob("*.csv"))]
    sheet = tmp_path / "sheet.csv"
    table = pd.DataFrame({"file": names, "person": [n.split("/")[1][:3] for n in names]})
    table.to_csv(sheet, index=False)
    options = ["--metadata", str(sheet), "--subject", "person", "--pattern"]
    assert main(["quality", str(study), *options, "{group}/{recording}.csv"]) == 0
    capsys.readouterr()
    assert main(["quality", str(study), "--pattern", "{group}/{id}_*.csv", "--subject", "id"]) == 0
    assert "24 recordings" in capsys.readouterr().out


@pytest.mark.parametrize("column", ["group", "sex"])
def test_the_pattern_agrees_with_the_metadata(study, tmp_path, column, capsys):
    subjects = sorted({p.name[:3] for p in study.rglob("*.csv")})
    sheet = tmp_path / "sheet.csv"
    groups = [{"c": "control", "p": "patient"}[s[0]] for s in subjects]
    pd.DataFrame({"Subject": subjects, column: groups}).to_csv(sheet, index=False)
    assert main(["quality", str(study), "--metadata", str(sheet), "--label", column]) == 0
    shown = capsys.readouterr()
    assert shown.err.startswith("Pattern: */{subject}_*.csv")
    assert "warning" not in shown.err
    assert "24 recordings" in shown.out


def test_folders_that_the_metadata_name_are_subjects(tmp_path, capsys):
    for subject in ("s1", "s2"):
        (tmp_path / "study" / subject).mkdir(parents=True)
        lines = ["time [s],EMG [mV]", *(f"{i / 1000},{i % 7 / 10}" for i in range(300))]
        (tmp_path / "study" / subject / "rest_1.csv").write_text("\n".join(lines))
    sheet = tmp_path / "sheet.csv"
    sheet.write_text("subject,group\ns1,a\ns2,b\n")
    assert main(["quality", str(tmp_path / "study"), "--metadata", str(sheet)]) == 0
    assert "Pattern: {subject}/*.csv" in capsys.readouterr().err


def test_metadata_that_name_files_and_subjects_need_no_pattern(tmp_path, capsys):
    folder = tmp_path / "study"
    folder.mkdir()
    lines = ["time [s],EMG [mV]", *(f"{i / 1000},{i % 7 / 10}" for i in range(300))]
    names = [f"Subj {k} - biceps.csv" for k in range(3)]
    for name in names:
        (folder / name).write_text("\n".join(lines))
    sheet = pd.DataFrame({"file": names, "subject": ["a", "b", "b"], "group": [0, 1, 1]})
    sheet.to_csv(folder / "sheet.csv", index=False)
    (folder / names[0]).write_text("damaged")
    assert main(["quality", str(folder), "--metadata", str(folder / "sheet.csv")]) == 0
    shown = capsys.readouterr()
    assert "Pattern: *.csv" in shown.err
    assert f"warning: read_recordings cannot read 1 of 3 files: {folder / names[0]}" in shown.err
    assert "Quality of 2 recordings" in shown.out


def test_options_that_a_bids_data_set_does_not_use_are_refused(tmp_path, capsys):
    (tmp_path / "dataset_description.json").write_text("{}")
    options = ["--metadata", "sheet.csv", "--subject", "id"]
    assert main(["quality", str(tmp_path), *options]) == 2
    assert "error: --metadata, --subject cannot be used with" in capsys.readouterr().err


def test_a_file_is_described(study, capsys):
    assert main(["describe", str(study / "control" / "c00_biceps.csv")]) == 0
    assert "EMG  emg   mV 1000.0" in capsys.readouterr().out


def test_several_files_are_described_and_a_folder_is_not(study, capsys):
    files = [str(path) for path in sorted(study.rglob("*.csv"))[:2]]
    assert main(["describe", *files]) == 0
    assert capsys.readouterr().out.count("rate from") == 2
    assert main(["describe", str(study)]) == 2
    assert f"check it with: quality {study}" in capsys.readouterr().err


def test_errors_name_options_in_place_of_parameters(tmp_path, capsys):
    rows = "".join(f"{k / 1000},{k % 7}\n" for k in range(2000))
    for name in ("a", "b"):
        (tmp_path / f"{name}.csv").write_text(f"time [s],Force [N]\n{rows}")
    assert main(["quality", str(tmp_path), "--pattern", "{subject}.csv"]) == 2
    shown = capsys.readouterr().err
    assert "--channels ..." in shown
    assert "channels=" not in shown


def test_systems_and_benchmark_are_those_of_papers(capsys):
    assert main(["systems"]) == 0
    out = capsys.readouterr().out
    assert (
        "nemgnet-b-pd\n  J. Yoo et al. (2022): nEMGNet B with DiVote feature-PD\n  published: "
        in out
    )
    assert " \n" not in out
    assert main(["benchmark", "--data", "nothing", "--out", "x"]) == 2
    assert "--data takes one of simulated" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["describe", "nothing.csv"], "There is no file nothing.csv"),
        (["quality", "nothing"], "there is no folder nothing"),
        (["quality", "STUDY", "--pattern", "{subject}.edf"], "no file below"),
        (["quality", "STUDY", "--pattern", "{subject}.csv", "--subject", "id"], "--subject id is"),
        (["compare", "STUDY", "--pattern", "*/{subject}_*.csv", "--out", "x"], "with --label"),
        (["compare", "STUDY", "--label", "sex", "--pattern", "*/{subject}_*.csv", "--out", "x"],
         "no column 'sex'"),
        (["quality", "STUDY", "--subject", "person"], "--subject person is neither a field"),
        (["predict", "nothing", "new.csv"], "nothing"),
    ],
)  # fmt: skip
def test_errors_have_one_line(study, arguments, message, capsys):
    assert main([str(study) if a == "STUDY" else a for a in arguments]) == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error:")]
    assert len(lines) == 1
    assert message in lines[0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "required"),
        (["frobnicate"], "frobnicate"),
        (["compare", "study"], "--out"),
        (
            ["compare", "study", "--out", "x", "--window", "-1"],
            "--window: must be a number above 0",
        ),
        (
            ["compare", "study", "--out", "x", "--window", "nan"],
            "--window: must be a number above 0",
        ),
        (
            ["compare", "study", "--out", "x", "--epochs", "-3"],
            "--epochs: must be an integer of at",
        ),
        (["compare", "study", "--out", "x", "--epochs", "2.5"], "got '2.5'"),
        (["compare", "study", "--out", "x", "--folds", "1"], "--folds: must be an integer of at"),
        (["compare", "study", "--out", "x", "--jobs", "0"], "--jobs: must be an integer other"),
        (["compare", "study", "--out", __file__], "test_command.py is a file; give a folder"),
        (["quality", "study", "--out", f"{__file__}/a/b"], "test_command.py is a file"),
        (["quality", "study", "--fs", "0"], "--fs: must be a number above 0"),
        (["predict", "m", "a.csv", "--out", "."], "is a folder; give a file"),
        (["predict", "m", "a.csv", "--out", "no/such/t.csv"], "there is no folder no"),
    ],
)
def test_wrong_usage_has_one_line(arguments, message, capsys):
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    err = capsys.readouterr().err
    assert err.startswith("error: ")
    assert message in err
    assert err.count("\n") == 1


@pytest.mark.slow
def test_a_causal_model_of_the_command_runs_live(study, tmp_path, capsys):
    pytest.importorskip("skops")
    copy = shutil.copytree(study, tmp_path / "study")
    file = copy / "control" / "c01_biceps.csv"
    lines = file.read_text().splitlines()
    lines[400:405] = [line.split(",")[0] + "," for line in lines[400:405]]  # samples are missing
    file.write_text("\n".join(lines) + "\n")
    options = ["--label", "group", "--subject", "subject", "--folds", "2", "--epochs", "0"]
    out = ["--out", str(tmp_path / "out"), "--quiet", "--causal", "--save-model"]
    assert main(["compare", str(copy), *options, *out]) == 0
    model = str(tmp_path / "out" / "model")
    assert "zero_phase=False" in repr(load_model(model)[0])
    capsys.readouterr()
    assert main(["live", model, "--file", str(copy / "patient" / "p02_deltoid.csv")]) == 0
    shown = capsys.readouterr().out
    assert "of the votes" in shown
    assert "patient" in shown


def test_errors_name_options_and_not_parameters(tmp_path, capsys):
    pytest.importorskip("skops")
    X, y = recording_cohort([1, 3] * 3)
    windows = make_pipeline(TimeDomainFeatures(["rms"]), LogisticRegression())
    model = save_model(DiVoteClassifier(windows, window=0.2).fit(X, y), tmp_path / "model")
    file = tmp_path / "new.csv"
    pd.DataFrame({"EMG": X["signal"][0]}).to_csv(file, index=False)
    assert main(["predict", str(model), str(file)]) == 2
    assert "pass --fs ... in Hz" in capsys.readouterr().err
    assert main(["predict", str(model), str(file), "--fs", "1000"]) == 2
    assert "pass --unit uV, 'mV' or 'V', or --unit counts" in capsys.readouterr().err
    assert main(["predict", str(model), str(file), "--fs", "1000", "--unit", "mV"]) == 0
    assert "agreement" in capsys.readouterr().out


def test_an_empty_folder_is_an_error(tmp_path, capsys):
    assert main(["quality", str(tmp_path)]) == 2
    assert "no file below" in capsys.readouterr().err


def test_help_has_examples_and_loads_nothing_heavy():
    code = (
        "import sys\nfrom sklearn_emg._command import main\n"
        "try:\n    main(['compare', '--help'])\nexcept SystemExit as done:\n    print(done.code)\n"
        "print([m for m in ('numpy', 'pandas', 'sklearn', 'torch') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "sklearn-emg compare study --label group --subject subject --out report" in done.stdout
    assert done.stdout.endswith("0\n[]\n")


@pytest.mark.parametrize("arguments", [["sklearn_emg", "systems"], ["sklearn_emg.papers", "list"]])
def test_a_reader_that_ends_early_causes_no_message(arguments):
    with subprocess.Popen(
        [sys.executable, "-m", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as running:
        running.stdout.close()
        assert running.stderr.read() == b""
    assert running.returncode == 1


def test_what_an_earlier_run_left_is_named(tmp_path, capsys):
    (tmp_path / "model").mkdir()
    _warn_of_older(tmp_path, model=True, confounds=True)
    shown = capsys.readouterr().err
    assert f"{tmp_path / 'model'} was written by an earlier run" in shown
    assert "confounds.png" not in shown
    _warn_of_older(tmp_path, model=False, confounds=True)
    assert capsys.readouterr().err == ""


def test_the_entry_point_is_the_command():
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]
    assert project["scripts"] == {"sklearn-emg": f"{main.__module__}:{main.__name__}"}


def test_the_package_runs_as_a_module():
    done = subprocess.run(
        [sys.executable, "-m", "sklearn_emg", "--version"], capture_output=True, text=True
    )
    assert done.returncode == 0
    assert done.stdout.strip().count(".") == 2
