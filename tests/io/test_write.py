"""Written recording tables are read back unchanged, by this package and by other programs."""

import datetime as dt
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sklearn_emg.datasets import fetch_emgdb
from sklearn_emg.exceptions import RecordingWarning
from sklearn_emg.io import (
    Annotation,
    AuxiliaryChannel,
    describe_file,
    read_recordings,
    write_recordings,
)
from sklearn_emg.recordings import object_column, recording_table

RATES = [1925.926, 2000.0, 23437.5]
START = dt.datetime(2021, 3, 4, 5, 6, 7, 250_000)
GRIP = (Annotation(0.5, 1.25, "grip", "EDF"), Annotation(1.0, None, "beep", "EDF"))


@pytest.fixture
def table():
    """Three recordings of two subjects with unequal rates, lengths and numbers of channels."""
    rng = np.random.default_rng(0)
    signals = [
        rng.normal(0, 0.1, size=(2, 3852)),
        rng.normal(0.05, 0.05, size=10_007),  # a prime number
        rng.normal(0, 1, size=(3, 5000)).astype(np.float32),
    ]
    made = recording_table(
        signals,
        fs=RATES,
        subject=["s1", "s1", "s2"],
        channel_names=[["biceps", "triceps"], ["biceps"], ["a", "b", "c"]],
        muscle=["arm", "biceps", "arm"],
        age=[30, 30, 41],
        force=[0.5, 0.3, np.nan],
        recording=["r1", "r2", "r3"],
    )
    made["start_time"] = pd.Series([START, None, START], dtype="datetime64[us]")
    made["annotations"] = object_column([GRIP, (), ()])
    return made


@pytest.fixture
def labels():
    return pd.Series(["control", "control", "patient"], name="group")


def quiet(table, path, *args, **kwargs):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RecordingWarning)
        return write_recordings(table, path, *args, **kwargs)


def read_again(path):
    if path.is_dir() and not (path / "participants.tsv").exists():
        return read_recordings(
            sorted(p for p in path.iterdir() if p.suffix not in (".dat", ".atr"))
        )
    return read_recordings(path)


def errors_in_steps(written, read, bits):
    """Largest error of each channel, in steps of the converter."""
    for old, new in zip(written["signal"], read["signal"]):
        for x, y in zip(np.atleast_2d(old), np.atleast_2d(new)):
            yield np.abs(x - y).max() / (np.ptp(x) / 2**bits)


@pytest.mark.parametrize(
    "form, bits",
    [
        ("edf", 16),
        ("bdf", 24),
        ("wfdb", 16),
        ("wfdb", 24),
        ("wfdb", 32),
        ("bids", 16),
        ("bids", 24),
    ],
)
def test_samples_and_facts_come_back(tmp_path, table, labels, form, bits):
    path = quiet(table, tmp_path / "out", labels, format=form, bits=bits)
    again = read_again(path)
    # Limits with few digits, and a code for NaN, cost a thousandth of a step. With 32 bits the
    # count of 0 mV, which has 30 bits, makes steps larger where the offset is large.
    assert max(errors_in_steps(table, again, bits)) <= (0.506 if bits < 32 else 8)
    np.testing.assert_allclose(again["fs"], RATES, rtol=0 if form in ("wfdb", "bids") else 1e-6)
    for name in ("channel_names", "subject", "recording"):
        assert again[name].tolist() == table[name].tolist()
    assert [None if pd.isna(t) else t.to_pydatetime() for t in again["start_time"]] == [
        START, None, START]  # fmt: skip
    assert again["unit"].tolist() == ["mV"] * 3
    tolerance = 0.5 / RATES[0] if form == "wfdb" else 0
    for old, new in zip(GRIP, again["annotations"][0], strict=True):
        assert new.label == old.label
        assert new.onset == pytest.approx(old.onset, abs=tolerance)
        assert new.duration == pytest.approx(old.duration, abs=2 * tolerance)
        assert new.source == {"wfdb": "WFDB"}.get(form, old.source)
    assert again["annotations"].tolist()[1:] == [(), ()]
    if form in ("wfdb", "bids"):
        assert again["muscle"].tolist() == ["arm", "biceps", "arm"]
        assert again["age"].tolist() == [30, 30, 41]
        assert again["force"].tolist()[:2] == [0.5, 0.3]
        assert pd.isna(again["force"][2])
        assert again["group"].tolist() == labels.tolist()


def test_parquet_is_exact(tmp_path, table, labels):
    table["subject"] = pd.Series([1, "one", 2.5], dtype=object)
    table["skipped"] = object_column([("x",), (), ()])
    aux = AuxiliaryChannel("load", "force", "N", 10.0, np.arange(20.0))
    table["aux"] = object_column([(aux,), (), ()])
    path = write_recordings(table, tmp_path / "t.parquet", labels)
    again = read_recordings(path, aux=True)
    for old, new in zip(table["signal"], again["signal"]):
        np.testing.assert_array_equal(old, new, strict=False)
    for name in ("fs", "subject", "channel_names", "annotations", "muscle", "age", "recording"):
        assert again[name].tolist() == table[name].tolist()
    assert [type(s) for s in again["subject"]] == [int, str, float]
    assert again["group"].tolist() == labels.tolist()
    assert again["age"].dtype == table["age"].dtype
    assert again["start_time"].tolist()[::2] == [START, START]
    np.testing.assert_array_equal(again["force"], table["force"])
    assert again["skipped"][0] == ("x", "load (force, 10 Hz, N)")
    assert again["aux"][0][0]._replace(values=0) == aux._replace(values=0)
    np.testing.assert_array_equal(again["aux"][0][0].values, aux.values)


def test_counts_are_kept_in_parquet_and_refused_elsewhere(tmp_path):
    counts = np.random.default_rng(0).integers(-99, 99, size=(2, 300))
    table = recording_table([counts], fs=200.0, subject="s").assign(unit="counts")
    again = read_recordings(quiet(table, tmp_path / "t.parquet"), format="parquet")
    assert again["unit"].tolist() == ["counts"]
    np.testing.assert_array_equal(again["signal"][0], counts)
    assert describe_file(tmp_path / "t.parquet").asks == []  # read_parquet needed no parameter
    for form in ("edf", "wfdb", "bids"):
        with pytest.raises(ValueError, match="row 0 is in counts, but this format holds voltages"):
            write_recordings(table, tmp_path / "out", format=form)


def test_what_a_form_does_not_hold_is_named(tmp_path, table, labels):
    table["channel_names"] = object_column([("Biceps brachii, caput longum", "µ"), ("Force",),
                                            ("a", "b", "c")])  # fmt: skip
    table["object"] = object_column([{}, {}, {}])
    table.loc[0, "subject"] = "p 9"
    with pytest.warns(RecordingWarning, match="edf does not hold") as caught:
        write_recordings(table, tmp_path / "out", labels, format="edf")
    text = str(caught[-1].message)
    for part in (
        "the name of the channel 'Biceps brachii, caput longum', written as 'Biceps",
        "the name of the channel 'Force', written as 'EMG Force'",
        "the column 'age'\n",
        "the column 'group'\n",
        "the column 'object' of dict",
        "the spelling or type of the subject, written as 'p_9' (in 1 of 3 rows)",
        "format='parquet' keeps the complete table",
    ):
        assert part in text
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        write_recordings(table.drop(columns="object"), tmp_path / "all", labels, format="bids")
    again = read_recordings(tmp_path / "all", format="bids")
    assert again["channel_names"].tolist() == table["channel_names"].tolist()
    assert again["stored_names"][0] == ("Biceps brachii,", "u")
    assert again["subject"].tolist() == ["p 9", "s1", "s2"]


def test_types_of_columns_and_subjects_come_back_from_bids_and_wfdb(tmp_path):
    signals = np.random.default_rng(0).normal(size=(4, 400))
    columns = {"code": ["007", "010", "1", "x"], "left": [True, False, True, True],
               "session": [1, 2, 1, 2], "y": [1, 1, 2, 2]}  # fmt: skip
    table = recording_table(signals, fs=1000.0, subject=[3, 3, 4, 4], **columns)
    for form in ("bids", "wfdb"):
        again = read_again(quiet(table, tmp_path / form, format=form))
        for name, values in {**columns, "subject": [3, 3, 4, 4]}.items():
            assert again[name].tolist() == values
            assert type(again[name].tolist()[0]) is type(values[0])


@pytest.mark.parametrize("form", ["parquet", "bids", "wfdb"])
def test_integers_truth_values_and_missing_columns_come_back(tmp_path, form):
    made = recording_table(
        [np.arange(400) % 7 / 10 - 0.3] * 3, fs=1000.0, subject=list("abc"), channel_names=["b"],
        visits=pd.array([1, None, 3], dtype="Int64"),
        smoker=pd.array([True, None, False], dtype="boolean"),
        score=[None, None, None],
    )  # fmt: skip
    path = write_recordings(made, tmp_path / f"x.{form}", format=form)
    again = read_recordings(sorted(path.glob("*.hea")) if form == "wfdb" else path)
    pd.testing.assert_series_equal(again["visits"], made["visits"])
    pd.testing.assert_series_equal(again["smoker"], made["smoker"])
    assert again["score"].isna().tolist() == [True] * 3


def test_parquet_states_the_types_of_numbers(tmp_path):
    made = recording_table(
        [np.arange(400) % 7 / 10 - 0.3] * 2, fs=1000.0, subject=list("ab"),
        visits=pd.array([1, 2], dtype="Int64"), unknown=pd.array([None, None], dtype="Int16"),
        grade=np.array([1, 2], dtype=np.int8), age=[np.nan, np.nan],
    )  # fmt: skip
    again = read_recordings(write_recordings(made, tmp_path / "x.parquet"), format="parquet")
    for name in ("visits", "unknown", "grade", "age"):
        pd.testing.assert_series_equal(again[name], made[name])


def test_missing_samples(tmp_path, table):
    table["signal"][0][1, 7] = np.nan
    for form in ("edf", "bids"):
        with pytest.raises(
            ValueError, match=r"row 0 \('r1'\) has samples \(1\) .* channel 'triceps'"
        ):
            quiet(table, tmp_path / form, format=form)
        assert list(tmp_path.iterdir()) == []
    path = quiet(table, tmp_path / "w", format="wfdb")
    with pytest.warns(RecordingWarning, match="1 of 3852 samples that are missing"):
        again = read_again(path)
    assert np.flatnonzero(np.isnan(again["signal"][0])).tolist() == [3852 + 7]


@pytest.mark.parametrize("form", ["edf", "wfdb", "bids", "parquet"])
def test_existing_files_are_kept_unless_asked(tmp_path, table, form):
    path = tmp_path / ("t.parquet" if form == "parquet" else "out")
    quiet(table, path, format=form)
    before = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    with pytest.raises(FileExistsError, match=r"exists.*pass overwrite=True"):
        quiet(table, path, format=form)
    assert {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()} == before
    quiet(table.assign(signal=[-s for s in table["signal"]]), path, format=form, overwrite=True)
    assert read_again(path)["signal"][1].mean() == pytest.approx(-0.05, abs=0.01)


def test_a_folder_of_another_program_is_not_replaced(tmp_path, table):
    (tmp_path / "notes.txt").write_text("mine")
    for overwrite in (False, True):
        with pytest.raises(FileExistsError, match=r"not a data set .* even with overwrite=True; c"):
            write_recordings(table, tmp_path, format="bids", overwrite=overwrite)
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_files_and_folders_do_not_replace_each_other(tmp_path, table):
    (tmp_path / "x.parquet").mkdir()
    (tmp_path / "y").write_text("mine")
    for overwrite in (False, True):
        with pytest.raises(IsADirectoryError, match=r"x\.parquet is a folder; name a file"):
            write_recordings(table, tmp_path / "x.parquet", overwrite=overwrite)
        for form in ("bids", "edf", "wfdb"):
            with pytest.raises(FileExistsError, match=r"choose (another name|a new folder)"):
                quiet(table, tmp_path / "y", format=form, overwrite=overwrite)
    assert (tmp_path / "y").read_text() == "mine"


def test_parameters_are_checked(tmp_path, table):
    for arguments, text in (
        ({}, "does not determine the format"),
        ({"format": "csv"}, "'format' parameter of write_recordings must be"),
        ({"format": "edf", "bits": 24}, "must be 16 for edf. Got 24"),
        ({"format": "edf", "sidecar": {}}, "require format='bids'"),
        ({"format": "edf", "y": [1]}, "Got 1 label for 3 rows"),
        ({"format": "edf", "y": pd.Series([1, 2, 3], name="age")}, "already has a column 'age'"),
    ):
        with pytest.raises(ValueError, match=text):
            write_recordings(table, tmp_path / "out", **arguments)
    with pytest.raises(ValueError, match="pass a folder"):
        quiet(table, tmp_path / "out.edf")


@settings(max_examples=40, deadline=None, derandomize=True, database=None)
@given(
    n_times=st.integers(3, 3000),
    fs=st.floats(100, 50_000),
    spread=st.floats(1e-6, 1e3),
    offset=st.floats(-100, 100),
    form=st.sampled_from(["edf", "bdf", "wfdb"]),
)
def test_any_rate_length_and_range(tmp_path_factory, n_times, fs, spread, offset, form):
    folder = tmp_path_factory.mktemp("any")
    signal = spread * (offset + np.random.default_rng(n_times).normal(size=n_times))
    table = recording_table([signal], fs=fs, subject="s")
    quiet(table, folder / "out", format=form)
    (path,) = (p for p in (folder / "out").iterdir() if p.suffix != ".dat")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RecordingWarning)
        again = read_recordings(path)
    bits = 24 if form == "bdf" else 16
    # A limit of EDF has 8 characters, of at least 1e-6 uV.
    room = 4e-5 * np.abs(signal).max() + 2e-9 if form != "wfdb" else 0.0
    bound = 0.506 * (np.ptp(signal) + room) / 2**bits
    assert np.abs(again["signal"][0] - signal).max() <= bound + 1e-12 * np.abs(signal).max()
    # Very short recordings have few data records to choose from.
    assert again["fs"][0] == pytest.approx(fs, rel=1e-6 if n_times / fs > 0.1 else 1e-3)


def test_other_programs_read_edf_and_wfdb(tmp_path, table):
    import edfio
    import mne
    import wfdb

    quiet(table, tmp_path / "edf", format="edf")
    quiet(table, tmp_path / "bdf", format="bdf")
    for file, bits in ((edfio.read_edf(tmp_path / "edf" / "r1.edf"), 16),
                       (edfio.read_bdf(tmp_path / "bdf" / "r1.bdf"), 24)):  # fmt: skip
        assert [s.label for s in file.signals] == ["biceps", "triceps"]
        assert [(a.onset, a.duration, a.text) for a in file.annotations] == [
            (0.5, 1.25, "grip"), (1.0, None, "beep")]  # fmt: skip
        assert (file.patient.code, file.startdate, file.starttime) == (
            "s1",
            START.date(),
            START.time(),
        )
        for signal, x in zip(file.signals, table["signal"][0]):
            assert signal.sampling_frequency == pytest.approx(RATES[0], rel=1e-6)
            assert np.abs(signal.data / 1e3 - x).max() <= 0.506 * np.ptp(x) / 2**bits
    raw = mne.io.read_raw_edf(tmp_path / "edf" / "r2.edf", verbose="ERROR")
    np.testing.assert_allclose(1e3 * raw.get_data()[0], table["signal"][1], atol=4e-6)
    assert raw.info["sfreq"] == 2000.0
    quiet(table, tmp_path / "wfdb", format="wfdb", bits=24)
    record = wfdb.rdrecord(str(tmp_path / "wfdb" / "r1"))
    np.testing.assert_allclose(record.p_signal.T, table["signal"][0], atol=1e-6)
    assert (record.sig_name, record.units) == (["biceps", "triceps"], ["mV", "mV"])
    assert (record.fs, record.base_datetime) == (RATES[0], START)
    notes = wfdb.rdann(str(tmp_path / "wfdb" / "r1"), "atr")
    assert notes.aux_note == ["grip", "beep", "grip"]
    assert notes.symbol == ["(", '"', ")"]
    assert (notes.sample / RATES[0]).tolist() == pytest.approx([0.5, 1.0, 1.75], abs=0.5 / RATES[0])


def test_other_programs_read_parquet(tmp_path, table):
    write_recordings(table, tmp_path / "t.parquet")
    frame = pd.read_parquet(tmp_path / "t.parquet")
    assert frame["channel_names"][0].tolist() == ["biceps", "triceps"]
    np.testing.assert_array_equal(np.stack(frame["signal"][0]), table["signal"][0])
    np.testing.assert_array_equal(frame["fs"], table["fs"])


def test_parquet_of_other_programs(tmp_path):
    x = np.random.default_rng(0).normal(0, 200, size=900)
    frame = pd.DataFrame({"time [s]": np.arange(900) / 1500, "EMG [uV]": x, "acc [g]": x,
                          "gesture": np.repeat(["rest", "fist", "rest"], 300)})  # fmt: skip
    frame.to_parquet(tmp_path / "samples.parquet")
    row = read_recordings(tmp_path / "samples.parquet", subject="s").iloc[0]
    np.testing.assert_allclose(row["signal"], x / 1000)
    assert (row["fs"], row["channel_names"]) == (1500.0, ("EMG",))
    assert [a.label for a in row["annotations"]] == ["rest", "fist", "rest"]
    assert "acc (accelerometer, 1500 Hz, g)" in row["skipped"]
    assert describe_file(tmp_path / "samples.parquet").form == "Parquet, one row per sample"
    frame.T.set_axis([f"c{i}" for i in range(900)], axis=1).astype(str).to_parquet(
        tmp_path / "turned.parquet"
    )
    with pytest.raises(ValueError, match="4 rows and 900 columns: it looks transposed"):
        read_recordings(tmp_path / "turned.parquet", subject="s")
    plain = pd.DataFrame({"signal": [x / 1000, -x / 1000], "fs": [1500, 1500], "subject": [1, 2]})
    plain.to_parquet(tmp_path / "table.parquet")
    again = read_recordings(tmp_path / "table.parquet")
    np.testing.assert_array_equal(again["signal"][1], -x / 1000)
    assert again["subject"].tolist() == [1, 2]
    assert describe_file(tmp_path / "table.parquet").details["recordings"] == 2


@pytest.mark.parametrize("form, bits", [("edf", 16), ("wfdb", 16), ("bids", 24), ("parquet", None)])
def test_real_recordings_come_back(tmp_path, real_data, form, bits):
    table, y = fetch_emgdb(data_home=real_data, return_X_y=True)
    table["signal"] = object_column([signal[:20_011] for signal in table["signal"]])
    path = tmp_path / ("t.parquet" if form == "parquet" else "out")
    again = read_again(quiet(table, path, pd.Series(y, name="class"), format=form))
    again = again.sort_values("subject", ignore_index=True)
    table = table.assign(**{"class": y}).sort_values("subject", ignore_index=True)
    assert again["subject"].tolist() == table["subject"].tolist()
    assert again["fs"].tolist() == table["fs"].tolist()
    assert max(errors_in_steps(table, again, bits or 64)) <= (0.506 if bits else 0)
    if form != "edf":
        assert again["class"].tolist() == table["class"].tolist()


@pytest.fixture
def dataset(tmp_path, table, labels):
    sidecar = {"PowerLineFrequency": 50, "EMGReference": "wrist", "EMGType": "invasive",
               "CannulaDiameter": 0.46, "EMGCoordinateUnits": "mm",
               "EMGCoordinateSystemDescription": "x towards the wrist"}  # fmt: skip
    electrodes = pd.DataFrame({"name": ["E1", "E2"], "x": [0.1, 0.2], "y": [0.0, None]})
    return quiet(table.assign(session=["a", "b", "a"]), tmp_path / "data", labels,
                 format="bids", sidecar=sidecar, electrodes=electrodes)  # fmt: skip


def test_files_of_a_bids_data_set(dataset):
    import json

    folder = dataset / "sub-s1" / "ses-a"
    assert (folder / "emg" / "sub-s1_ses-a_electrodes.tsv").read_text() == (
        "name\tx\ty\nE1\t0.1\t0.0\nE2\t0.2\tn/a\n"
    )
    sidecar = json.loads((folder / "emg" / "sub-s1_ses-a_task-emg_emg.json").read_text())
    assert sidecar["SamplingFrequency"] == RATES[0]
    assert sidecar["CannulaDiameter"] == 0.46
    assert not any(name.startswith("EMGCoordinate") for name in sidecar)
    system = json.loads((folder / "emg" / "sub-s1_ses-a_coordsystem.json").read_text())
    assert system == {
        "EMGCoordinateSystem": "Other",
        "EMGCoordinateSystemDescription": "x towards the wrist",
        "EMGCoordinateUnits": "mm",
    }
    assert (dataset / "participants.tsv").read_text().splitlines() == [
        "participant_id\tage\tgroup", "sub-s1\t30\tcontrol", "sub-s2\t41\tpatient"]  # fmt: skip
    row = (folder / "sub-s1_ses-a_scans.tsv").read_text().splitlines()[1].split("\t")
    assert row[:2] == ["emg/sub-s1_ses-a_task-emg_emg.bdf", "2021-03-04T05:06:07.250000"]
    assert row[2:] == ["arm", "0.5", "r1"]


def test_positions_without_a_unit_are_named(tmp_path, table):
    electrodes = pd.DataFrame({"name": ["E1"], "x": [0.1], "y": [0.0]})
    with pytest.warns(RecordingWarning, match="the unit of the positions in 'electrodes'"):
        write_recordings(table, tmp_path / "data", format="bids", electrodes=electrodes)


def test_mne_bids_reads_the_data_set(dataset, table):
    mne_bids = pytest.importorskip("mne_bids")
    paths = mne_bids.find_matching_paths(dataset, datatypes="emg", extensions=".bdf")
    raws = [mne_bids.read_raw_bids(path, verbose="ERROR") for path in sorted(paths, key=str)]
    assert [raw.ch_names for raw in raws] == [list(n) for n in table["channel_names"]]
    assert {kind for raw in raws for kind in raw.get_channel_types()} == {"emg"}
    assert sorted(raws[0].annotations.description) == ["beep", "grip"]
    np.testing.assert_allclose(1e3 * raws[0].get_data(), table["signal"][0], atol=1e-7)


def test_the_validator_of_bids_finds_no_error(dataset):
    beside = Path(sys.executable).with_name("bids-validator-deno")
    program = beside if beside.exists() else shutil.which("bids-validator-deno")
    if program is None:
        pytest.skip("needs the program bids-validator-deno (pip install bids-validator-deno)")
    done = subprocess.run(
        [program, "--ignoreWarnings", str(dataset)], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout
    assert "ERROR" not in done.stdout


@pytest.mark.parametrize("subjects", [("S 1", "S_1"), ("Ä1", "Å1"), ("張", "王")])
def test_edf_does_not_merge_subjects(tmp_path, subjects):
    signals = np.random.default_rng(0).normal(0, 0.1, (2, 1000))
    table = recording_table(list(signals), fs=1000.0, subject=["a", "b"])
    table["subject"] = list(subjects)
    with pytest.raises(ValueError, match=f"{subjects[0]!r} and {subjects[1]!r} would both"):
        write_recordings(table, tmp_path / "edf", format="edf")
    assert not (tmp_path / "edf").exists()


def test_names_and_labels_that_wfdb_shortens_are_named(tmp_path):
    signal = np.random.default_rng(0).normal(0, 0.1, (1, 1000))
    table = recording_table([signal], fs=1000.0, subject="s1", channel_names=["Biceps  left"])
    table["annotations"] = object_column([(Annotation(0.1, None, "a" + "é" * 200, ""),)])
    lost = r"first 255 of labels[^!]*channel 'Biceps  left', written as 'Biceps left'"
    with pytest.warns(RecordingWarning, match=lost):
        write_recordings(table, tmp_path, format="wfdb")
    again = read_recordings(sorted(tmp_path.glob("*.hea")))
    assert again["channel_names"][0] == ("Biceps left",)
    assert again["annotations"][0][0].label == "a" + "é" * 127


def test_texts_and_types_that_bids_alters_are_named(tmp_path):
    signals = np.random.default_rng(0).normal(0, 0.1, (3, 1000))
    table = recording_table(list(signals), fs=1000.0, subject=["s1", "s2", "s3"])
    table["note"] = ["weak\nleft", "n/a", "kept"]
    table["grade"] = pd.Series([1, "1", True], dtype=object)
    table["annotations"] = object_column([(Annotation(0.1, None, "two\tcells", ""),), (), ()])
    with pytest.warns(RecordingWarning) as caught:
        write_recordings(table, tmp_path / "bids", format="bids")
    message = str(caught[0].message)
    assert "the spelling of texts in 'note'" in message
    assert "(in 2 of 3 rows)" in message
    assert "the types of the values in the column 'grade': all become text" in message
    assert "the spelling of labels in 'annotations'" in message
    assert read_recordings(tmp_path / "bids", format="bids")["grade"].tolist() == ["1", "1", "true"]


def test_an_unknown_form_is_no_damage(tmp_path):
    (tmp_path / "a.csv").write_text("time [s],EMG [mV]\n0,1\n0.001,2\n")
    with pytest.raises(ValueError, match="'format' parameter of describe_file must be one of"):
        describe_file(tmp_path / "a.csv", format="tekst")


@pytest.mark.parametrize("form", ["edf", "bdf", "bids"])
def test_samples_beyond_the_numbers_of_edf_are_refused(form, tmp_path):
    table = recording_table([1e300 * np.array([-1.0, 0.5])], fs=1000.0, subject="s1")
    with pytest.raises(ValueError, match="values up to 1e\\+300 mV in the channel 'ch1'"):
        write_recordings(table, tmp_path / "out", format=form)


@pytest.mark.parametrize("form", ["parquet", "wfdb"])
def test_subjects_that_are_tuples_come_back(form, tmp_path):
    signal = np.random.default_rng(0).normal(0, 0.1, 1000)
    table = recording_table([signal], fs=1000.0, subject=[("a", 1)])
    path = write_recordings(table, tmp_path / "out", format=form)
    files = path if form == "parquet" else sorted(path.glob("*.hea"))
    assert read_recordings(files)["subject"].tolist() == [("a", 1)]


@pytest.mark.parametrize("scale", [1e300, 1e-300])
def test_amplitudes_of_any_size_are_checked(scale, tmp_path):
    signal = scale * np.random.default_rng(0).normal(size=1000)
    table = recording_table([signal], fs=1000.0, subject="s1")
    path = write_recordings(table, tmp_path / "a.parquet")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        read_recordings(path)
    assert {w.category for w in caught} == {RecordingWarning}
    assert "'ch1' has an RMS of" in str(caught[-1].message)
