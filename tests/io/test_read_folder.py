"""Folders of files: columns and labels from paths, metadata joined by file or subject."""

import contextlib
import unicodedata
import warnings

import numpy as np
import pandas as pd
import pytest

from sklearn_emg.exceptions import RecordingWarning
from sklearn_emg.io import read_folder

SUBJECTS = ["s01", "s02", "s03"]
PATTERN = "{group}/{subject}_{muscle}.csv"


@pytest.fixture
def study(tmp_path):
    rng = np.random.default_rng(0)
    for group, subjects in (("control", ("s01", "s02")), ("patient", ("s03",))):
        (tmp_path / group).mkdir()
        for subject in subjects:
            for muscle in ("biceps", "triceps_long"):
                rows = [f"{i / 1000},{v:.5f}" for i, v in enumerate(rng.normal(0, 0.1, 200))]
                path = tmp_path / group / f"{subject}_{muscle}.csv"
                path.write_text("\n".join(["time [s],EMG [mV]", *rows]) + "\n")
    return tmp_path


def test_paths_give_columns_and_labels(study):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        X, y = read_folder(study, PATTERN)
    assert X["subject"].tolist() == ["s01", "s01", "s02", "s02", "s03", "s03"]
    assert X["muscle"].tolist() == ["biceps", "triceps_long"] * 3
    assert y.tolist() == ["control"] * 4 + ["patient"] * 2
    assert "group" not in X
    assert X["file"].iloc[0] == "control/s01_biceps.csv"
    # macOS writes such files next to those on drives of other systems.
    (study / "control" / "._s01_biceps.csv").write_bytes(b"\0\5\x16\7")
    X, y = read_folder(study, "*/{subject}_{muscle}.csv")
    assert len(X) == 6
    assert y is None
    X, y = read_folder(study, PATTERN, target="muscle")
    assert set(y) == {"biceps", "triceps_long"}


def test_metadata_of_subjects_and_of_files(study):
    table = pd.DataFrame({"subject": ["s01", "s02", "s03"], "age": [30, 40, 50]})
    X, _ = read_folder(study, PATTERN, metadata=table)
    assert X["age"].tolist() == [30, 30, 40, 40, 50, 50]
    X, y = read_folder(study, PATTERN, metadata=table.assign(state="ill"), target="state")
    assert set(y) == {"ill"}
    table.to_excel(study / "meta.xlsx", index=False)
    X, _ = read_folder(study, PATTERN, metadata=study / "meta.xlsx")
    assert X["age"].tolist() == [30, 30, 40, 40, 50, 50]
    names = sorted(p.relative_to(study).as_posix() for p in study.glob("*/*.csv"))
    for change in (lambda n: n, lambda n: n.split("/")[1], lambda n: n.split("/")[1][:-4]):
        table = pd.DataFrame({"Filename": [change(n) for n in names], "force": range(6)})
        path = study / "meta.tsv"
        table.to_csv(path, sep="\t", index=False)
        X, _ = read_folder(study, PATTERN, metadata=path)
        assert X["force"].tolist() == list(range(6))


def test_missing_and_double_entries_are_listed(study):
    table = pd.DataFrame({"subject": ["s01", "s02", "s09"], "age": [30, 40, 50]})
    with pytest.warns(RecordingWarning) as seen:
        read_folder(study, PATTERN, metadata=table)
    texts = [str(w.message) for w in seen]
    assert any("2 files without a row" in t and "patient/s03_biceps.csv" in t for t in texts)
    assert any("1 row of the metadata without a file: s09" in t for t in texts)
    with pytest.raises(ValueError, match="more than one row for s01"):
        read_folder(study, PATTERN, metadata=pd.concat([table, table[:1]]))
    with pytest.raises(ValueError, match="group='control' in its path and 'patient' in the meta"):
        read_folder(study, PATTERN, metadata=table.assign(subject=SUBJECTS, group="patient"))
    with pytest.raises(ValueError, match="no column 'file' to join by"):
        read_folder(study, PATTERN, metadata=pd.DataFrame({"height": [1]}))
    with pytest.raises(ValueError, match="no file has a row in the metadata"):
        read_folder(study, PATTERN, metadata=pd.DataFrame({"subject": ["x"], "age": [1]}))


def test_patterns_that_do_not_fit(study):
    (study / "control" / "notes.csv").write_text("a,b\n")
    with pytest.warns(
        RecordingWarning, match=r"left out 1 file not matched by .*control/notes\.csv"
    ):
        read_folder(study, PATTERN)
    with pytest.raises(ValueError, match=r"no file below .* fits the pattern '\{subject\}\.csv'"):
        read_folder(study, "{subject}.csv")
    with (
        pytest.raises(ValueError, match="have no 'subject'"),
        pytest.warns(RecordingWarning, match="not matched by the pattern"),
    ):
        read_folder(study, "{group}/{name}_{muscle}.csv")
    with pytest.raises(FileNotFoundError, match="no folder"):
        read_folder(study / "none", PATTERN)
    with pytest.raises(FileNotFoundError, match=r"no metadata file .*none\.csv"), pytest.warns():
        read_folder(study, PATTERN, metadata=study / "none.csv")


def test_files_with_the_extension_in_other_letter_case_are_listed(study):
    csv = next((study / "control").glob("*.csv"))
    csv.rename(csv.with_suffix(".CSV"))
    with pytest.warns(RecordingWarning, match=r"left out 1 file not matched by .*\.CSV"):
        read_folder(study, PATTERN)


def test_subjects_that_are_numbers_are_joined(tmp_path):
    """Codes with leading zeros stay text, and empty lines of a sheet change no code."""
    lines = ["time [s],EMG [mV]", *(f"{i / 1000},{i % 7 / 10}" for i in range(300))]
    for name in ("007", "010", "12", "13"):
        (tmp_path / name[:2]).mkdir(exist_ok=True)
        (tmp_path / name[:2] / f"{name}.csv").write_text("\n".join(lines))
    sheet = tmp_path / "sheet.tsv"
    sheet.write_text("subject\tage\tempty\n007\t40\t\n010\t50\t\n12\t60\t\n13\t70\t\n")
    frame = pd.DataFrame({"subject": [12, np.nan, 13, np.nan], "age": [60, np.nan, 70, np.nan]})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        table, _ = read_folder(tmp_path, "*/{subject}.csv", metadata=sheet)
    assert table.set_index("subject")["age"].to_dict() == {"007": 40, "010": 50, "12": 60, "13": 70}
    with pytest.warns(RecordingWarning, match="2 files without a row in the metadata: 00/007.csv"):
        table, _ = read_folder(tmp_path, "*/{subject}.csv", metadata=frame)
    assert table.set_index("subject")["age"][["12", "13"]].tolist() == [60, 70]


def test_fields_between_longer_texts(tmp_path):
    lines = ["time [s],EMG [mV]", *(f"{i / 1000},{i % 7 / 10}" for i in range(300))]
    for name in ("Subj 01 - biceps long", "Subj 02 - biceps long"):
        (tmp_path / f"{name}.csv").write_text("\n".join(lines))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        table, _ = read_folder(tmp_path, "{subject} - {muscle}.csv")
    assert table["subject"].tolist() == ["Subj 01", "Subj 02"]
    assert set(table["muscle"]) == {"biceps long"}


def test_metadata_in_the_folder_are_no_recording(study):
    sheet = study / "sheet.csv"
    sheet.write_text("subject,age\ns01,30\ns02,40\ns03,50\n")
    with contextlib.suppress(OSError):  # where links need rights
        (study / "broken.txt").symlink_to(study / "nothing.txt")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        table, _ = read_folder(study, PATTERN, metadata=sheet)
        assert len(read_folder(study, "*/{subject}_*.csv", metadata=str(sheet))[0]) == 6
    assert table["age"].tolist() == [30, 30, 40, 40, 50, 50]


def test_files_that_cannot_be_read_are_an_error_or_left_out(study):
    (study / "control" / "s01_biceps.csv").write_text("damaged")
    with pytest.raises(ValueError, match=r"cannot read 1 of 6 files:\n.*s01_biceps\.csv"):
        read_folder(study, PATTERN)
    with pytest.warns(RecordingWarning, match=r"cannot read 1 of 6 files:\n.*s01_biceps\.csv"):
        table, y = read_folder(study, PATTERN, errors="warn")
    assert len(table) == len(y) == 5
    with pytest.raises(ValueError, match="'errors'"):
        read_folder(study, PATTERN, errors="ignore")
    for path in study.glob("*/*.csv"):
        path.write_text("damaged")
    with pytest.raises(ValueError, match="cannot read 6 of 6 files"):
        read_folder(study, PATTERN, errors="warn")


@pytest.mark.parametrize("title", ["subject,age", "subject,age,"])
def test_separators_at_the_end_of_the_rows_of_metadata(study, title):
    sheet = study / "sheet.csv"
    sheet.write_text(f"{title}\ns01,30,\ns02,40,\ns03,50,\n")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        table, _ = read_folder(study, PATTERN, metadata=sheet)
    assert table["age"].tolist() == [30, 30, 40, 40, 50, 50]
    assert not any(name.startswith("Unnamed") for name in table)


def test_a_column_to_join_by_requires_metadata(study):
    with pytest.raises(ValueError, match=r"'on' .* is used only with 'metadata'"):
        read_folder(study, PATTERN, on="subject")


@pytest.mark.parametrize("form", ["NFC", "NFD"])
@pytest.mark.parametrize("by_file", [False, True], ids=["by subject", "by file"])
def test_names_with_accents_join_in_any_unicode_form(tmp_path, form, by_file):
    names = ["José", "Zoë"]
    for name in names:
        path = tmp_path / f"{unicodedata.normalize(form, name)}.csv"
        path.write_text("time [s],EMG [mV]\n" + "".join(f"{i / 1e3},{i % 3}\n" for i in range(50)))
    files = {"file": [f"{name}.csv" for name in names]} if by_file else {}
    sheet = pd.DataFrame({**files, "subject": names, "age": [40, 50]})
    table, _ = read_folder(tmp_path, "*.csv" if by_file else "{subject}.csv", metadata=sheet)
    assert table["subject"].tolist() == names
    assert table["age"].tolist() == [40, 50]
