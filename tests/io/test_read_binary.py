"""EDF, BDF, C3D, OpenSignals, MATLAB, HDF5, WFDB, BIDS and NumPy files."""

import contextlib
import pickle

import device_files as make
import numpy as np
import pandas as pd
import pytest

from sklearn_emg.exceptions import RecordingWarning
from sklearn_emg.io import describe_file, read_recordings
from sklearn_emg.recordings import SignalFile, segments_from_events, select_channels

pytestmark = pytest.mark.filterwarnings("error")


FORMS = {
    "a.edf": (make.edf, "edf"),
    "a.bdf": (lambda path: make.edf(path, 24), "edf"),
    "real.c3d": (make.c3d, "c3d"),
    "integers.c3d": (lambda path: make.c3d(path, real=False), "c3d"),
    "mips.c3d": (lambda path: make.c3d(path, order=">"), "c3d"),
    "os.txt": (make.opensignals_text, "opensignals"),
    "bitalino.txt": (lambda path: make.opensignals_text(path, "bitalino_rev"), "opensignals"),
    "os.h5": (make.opensignals_hdf5, "opensignals"),
    "a.mat": (make.matlab, "mat"),
    "a73.mat": (make.matlab_73, "mat"),
    "a.h5": (make.hdf5, "hdf5"),
    "rec.hea": (make.wfdb, "wfdb"),
}


@pytest.mark.parametrize("name", FORMS)
def test_each_form_reads_to_what_was_written(tmp_path, name):
    write, form = FORMS[name]
    truth, fs = write(tmp_path / name)
    for table in (
        read_recordings(tmp_path / name, subject="s"),
        read_recordings(tmp_path / name, format=form, subject="s", channels=list(truth)),
    ):
        assert len(table) == 1
        row = table.iloc[0]
        assert row["channel_names"] == tuple(truth)
        assert row["fs"] == pytest.approx(fs, rel=1e-6)
        assert row["unit"] == "mV"
        for x, values in zip(truth.values(), np.atleast_2d(row["signal"])):
            assert len(values) == len(x)
            np.testing.assert_allclose(values - values.mean(), x, atol=0.01 * x.std() + 1e-3)


def test_edf_keeps_a_slow_signal_apart_and_annotations(tmp_path):
    make.edf(tmp_path / "a.edf")
    row = read_recordings(tmp_path / "a.edf", subject="s", aux=True, format="edf").iloc[0]
    assert [(a.onset, a.duration, a.label) for a in row["annotations"]] == [
        (0.5, 1.25, "squat"),
        (3.0, None, "beep"),
    ]
    (temperature,) = row["aux"]
    assert (temperature.kind, temperature.fs, len(temperature.values)) == ("temperature", 1.0, 4)


def test_channels_of_two_rates_are_rows_of_their_own(tmp_path):
    import edfio

    signals = [
        edfio.EdfSignal(
            make.emg(2 * fs, fs, 0.1, seed) * 1e3, fs, label=f"EMG {name}", physical_dimension="uV"
        )
        for seed, (name, fs) in enumerate((("a", 2000), ("b", 500), ("c", 2000)))
    ]
    edfio.Edf(signals).write(tmp_path / "a.edf")
    table = read_recordings(tmp_path / "a.edf", subject="s")
    assert table["channel_names"].tolist() == [("EMG a", "EMG c"), ("EMG b",)]
    assert table["fs"].tolist() == [2000.0, 500.0]
    assert [s.shape for s in table["signal"]] == [(2, 4000), (1000,)]


def test_edf_subject_is_that_of_its_head(tmp_path):
    import edfio

    x = edfio.EdfSignal(make.emg(2000, 1000, 0.1, 1), 1000, label="EMG", physical_dimension="mV")
    edfio.Edf([x], patient=edfio.Patient(code="P17")).write(tmp_path / "a.edf")
    assert read_recordings(tmp_path / "a.edf", format="edf")["subject"].tolist() == ["P17"]


def test_an_interruption_of_an_edf_is_reported_and_its_annotations_move(tmp_path):
    make.edf(tmp_path / "a.edf")
    content = bytearray((tmp_path / "a.edf").read_bytes())
    content[192:197] = b"EDF+D"
    for old, new in ((b"+2\x14\x14", b"+5\x14\x14"), (b"+3\x14\x14", b"+6\x14\x14"),
                     (b"+3\x14beep", b"+6\x14beep")):  # fmt: skip
        at = content.index(old)
        content[at : at + len(new)] = new
    (tmp_path / "a.edf").write_bytes(content)
    with pytest.warns(RecordingWarning, match=r"has 1 interruption of 3 s after 2 s"):
        row = read_recordings(tmp_path / "a.edf", subject="s", format="edf").iloc[0]
    times = {a.label: a.onset for a in row["annotations"]}
    assert times == {"squat": 0.5, "beep": 3.0, "gap of 3 s": 2.0}


def test_c3d_events_and_forces(tmp_path):
    make.c3d(tmp_path / "a.c3d")
    row = read_recordings(tmp_path / "a.c3d", subject="s", aux=True, format="c3d").iloc[0]
    assert [(a.onset, a.label) for a in row["annotations"]] == [(0.25, "Left Foot Strike")]
    assert [a.name for a in row["aux"]] == ["Force.Fz1"]


def test_matlab_labels_of_each_sample_and_subject(tmp_path):
    from scipy.io import savemat

    x = np.stack([make.emg(900, 1000, 0.1, k) for k in range(3)], axis=1)
    content = {"emg": x, "stimulus": np.repeat([0, 4, 0], 300)[:, None], "acc": x + 1,
               "frequency": 1000, "subject": 12}  # fmt: skip
    savemat(tmp_path / "a.mat", content)
    row = read_recordings(tmp_path / "a.mat", unit="mV", format="mat").iloc[0]
    assert row["channel_names"] == ("emg 1", "emg 2", "emg 3")
    assert row["subject"] == "12"
    assert [a.label for a in row["annotations"]] == [0, 4, 0]
    assert any("acc" in text for text in row["skipped"])


def test_labchart_blocks_of_one_row(tmp_path):
    from scipy.io import savemat

    x = [make.emg(800, 1000, 0.1, 1), make.emg(400, 500, 0.2, 2)]
    savemat(tmp_path / "a.mat", {
        "data": np.concatenate(x)[None], "datastart": [[1], [801]], "dataend": [[800], [1200]],
        "titles": np.array(["EMG left", "EMG right"]), "samplerate": [[1000], [500]],
        "unittext": np.array(["mV"]), "unittextmap": [[1], [1]],
    })  # fmt: skip
    table = read_recordings(tmp_path / "a.mat", subject="s")
    assert table["channel_names"].tolist() == [("EMG left",), ("EMG right",)]
    assert table["fs"].tolist() == [1000.0, 500.0]


def test_opensignals_names_of_the_file_select_too(tmp_path):
    make.opensignals_hdf5(tmp_path / "a.h5")
    row = read_recordings(tmp_path / "a.h5", subject="s", channels=["channel_2"]).iloc[0]
    assert row["channel_names"] == ("CH2",)
    assert row["stored_names"] == ("channel_2",)


def test_bids_folder_with_its_tables(tmp_path):
    path, truth, _ = make.bids(tmp_path)
    table = read_recordings(tmp_path)
    row = table.iloc[0]
    assert (row["subject"], row["session"], row["task"]) == ("07", "1", "grip")
    assert (row["age"], row["group"]) == (54.0, "patient")
    assert row["channel_names"] == tuple(truth)
    segments = segments_from_events(table, source="events.tsv", labels=["grip"])
    assert segments[["start", "stop"]].to_numpy().tolist() == [[1.5, 2.5]]
    assert read_recordings(path, format="bids")["subject"].tolist() == ["07"]
    side = path.with_name("sub-07_ses-1_task-grip_channels.tsv")
    side.write_text(side.read_text().replace("uV\tgood", "mV\tbad"))
    (tmp_path / "task-grip_emg.json").write_text('{"SamplingFrequency": 4000}')
    with pytest.warns(
        RecordingWarning, match="(?s)unit mV for 'EMG soleus'.*as bad.*rate of 4000 Hz"
    ):
        read_recordings(tmp_path)
    side.write_text("channel\n1\n")
    with pytest.raises(ValueError, match=r"channels\.tsv has no column 'name'"):
        read_recordings(tmp_path)
    path.unlink()
    with pytest.raises(ValueError, match="a folder without BIDS EMG files"):
        read_recordings(tmp_path)


def test_bids_tables_that_do_not_fit_the_recording_are_told(tmp_path):
    path, truth, _ = make.bids(tmp_path)
    events = path.with_name("sub-07_ses-1_task-grip_events.tsv")
    events.write_text("onset\tduration\ttrial_type\n1500\t1000\tgrip\n0\tn/a\tcue\n")
    with pytest.warns(RecordingWarning, match=r"1 of 4 annotations lies outside .* at 1500 s; che"):
        read_recordings(tmp_path)
    events.unlink()
    side = path.with_name("sub-07_ses-1_task-grip_channels.tsv")
    side.write_text("name\ttype\tunits\nTemp\tMISC\tdegC\n")
    with pytest.warns(RecordingWarning, match=r"channels\.tsv lacks channels .*: EMG soleus"):
        assert read_recordings(tmp_path)["channel_names"].tolist() == [tuple(truth)]


def test_arrays_that_look_transposed_are_refused(tmp_path):
    x = np.stack([make.emg(900, 1000, 0.1, k) for k in range(8)]).astype("f4")
    np.save(tmp_path / "right.npy", x)
    np.save(tmp_path / "wrong.npy", x.T)
    row = read_recordings(tmp_path / "right.npy", subject="s", fs=1000.0, format="npy").iloc[0]
    assert row["channel_names"] == tuple(f"ch{i + 1}" for i in range(8))
    np.testing.assert_array_equal(row["signal"], x)
    with pytest.raises(ValueError, match=r"wrong\.npy has the shape \(900, 8\).*transposed"):
        read_recordings(tmp_path / "wrong.npy", subject="s", fs=1000.0)
    np.save(tmp_path / "counts.npy", (1e3 * x).astype("i2"))
    with pytest.raises(ValueError, match=r"counts\.npy.*no unit"):
        read_recordings(tmp_path / "counts.npy", subject="s", fs=1000.0)
    np.save(tmp_path / "deep.npy", x[None])
    with pytest.raises(ValueError, match=r"deep\.npy has the shape \(1, 8, 900\)"):
        read_recordings(tmp_path / "deep.npy", subject="s", fs=1000.0)
    np.save(tmp_path / "objects.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match=r"objects\.npy"):
        read_recordings(tmp_path / "objects.npy", subject="s", fs=1000.0)


@pytest.mark.parametrize("name", ["a.edf", "a.bdf", "real.c3d", "a.h5", "a.mat", "os.txt"])
def test_descriptions_of_all_forms(tmp_path, name):
    truth, fs = FORMS[name][0](tmp_path / name)
    description = describe_file(tmp_path / name)
    emg = description.channels[description.channels["kind"] == "emg"]
    assert emg["name"].tolist() == list(truth)
    np.testing.assert_allclose(emg["fs"].astype(float), fs)
    assert name in str(description)


def test_format_that_does_not_fit_is_an_error(tmp_path):
    make.edf(tmp_path / "a.edf")
    for form in ("c3d", "hdf5", "mat", "text", "opensignals", "wfdb", "npy"):
        with pytest.raises((ValueError, OSError), match=r"a\.edf|a\.hea|record"):
            read_recordings(tmp_path / "a.edf", subject="s", format=form)
    with pytest.raises(ValueError, match="'format'"):
        read_recordings(tmp_path / "a.edf", subject="s", format="edff")


def test_inputs_without_a_named_sensor_are_read_as_emg_and_reported(tmp_path):
    truth, _ = make.opensignals_text(tmp_path / "a.txt", "bitalino_rev", "RAW")
    with pytest.warns(RecordingWarning, match="sensor of 'CH1' is not named in the file"):
        row = read_recordings(tmp_path / "a.txt", subject="s").iloc[0]
    assert row["channel_names"] == tuple(truth)


def test_c3d_whose_rates_contradict_each_other(tmp_path):
    make.c3d(tmp_path / "a.c3d")
    content = (tmp_path / "a.c3d").read_bytes()
    with_other = content.replace(np.float32(2000).tobytes(), np.float32(1000).tobytes())
    (tmp_path / "a.c3d").write_bytes(with_other)
    with pytest.raises(ValueError, match="1000 Hz, but 20 samples per frame at 100 frames/s"):
        read_recordings(tmp_path / "a.c3d", subject="s", format="c3d")


@pytest.mark.parametrize("name", ["a.edf", "a.bdf", "a.npy", "rec.hea"])
def test_samples_can_stay_in_their_file(tmp_path, name):
    path = tmp_path / name
    if name == "a.npy":
        np.save(path, np.stack([make.emg(900, 1000, 0.1, k) for k in range(3)]))
    elif name == "rec.hea":
        make.wfdb(path)
    else:
        make.edf(path, 16 if name == "a.edf" else 24)
    how = {"subject": "s", "fs": 2000.0 if name[-3:] in ("edf", "bdf") else 1000.0}
    eager, lazy = (read_recordings(path, lazy=lazy, **how).iloc[0] for lazy in (False, True))
    handle = lazy["signal"]
    assert isinstance(handle, SignalFile)
    full = np.atleast_2d(eager["signal"])
    np.testing.assert_allclose(np.atleast_2d(np.asarray(handle)), full, atol=1e-6)
    for start, stop in ((0, 1), (10, 333), (400, 900)):
        np.testing.assert_allclose(
            np.atleast_2d(handle.read(start, stop)), full[:, start:stop], atol=1e-6
        )
    assert pickle.loads(pickle.dumps(handle)) == handle
    one = select_channels(pd.DataFrame([lazy]), [lazy["channel_names"][-1]])["signal"].iloc[0]
    np.testing.assert_allclose(np.atleast_2d(one), full[-1:], atol=1e-6)


def test_rate_and_names_in_a_struct_next_to_the_data(tmp_path):
    from scipy.io import savemat

    x = np.stack([make.emg(900, 2000, 0.1, k) for k in range(2)])
    info = {"sampling_frequency": 2000, "units": "uV", "labels": np.array(["TA", "GM"], object)}
    savemat(tmp_path / "a.mat", {"rec": {"signal": x.T * 1e3, "info": info}})
    row = read_recordings(tmp_path / "a.mat", subject="s", format="mat").iloc[0]
    assert (row["channel_names"], row["fs"]) == (("TA", "GM"), 2000.0)
    trials = [{"emg": v, "fs": 2000, "unit": "mV"} for v in x]
    savemat(tmp_path / "b.mat", {"trials": np.array(trials, dtype=object)})
    with pytest.warns(RecordingWarning, match="an array of 2 structs"):
        read_recordings(tmp_path / "b.mat", subject="s", format="mat")


def test_rate_against_a_time_vector_is_refused(tmp_path):
    from scipy.io import savemat

    x = make.emg(900, 2000, 0.1, 1)
    savemat(tmp_path / "a.mat", {"emg": x, "t": np.arange(900) / 1000, "fs": 2000})
    with pytest.raises(ValueError, match="2000 Hz according to the header and 1000 Hz"):
        read_recordings(tmp_path / "a.mat", subject="s", unit="mV", format="mat")


def test_opensignals_in_utf_16_and_jumps_of_its_counter(tmp_path):
    path = tmp_path / "a.txt"
    truth, fs = make.opensignals_text(path)
    text = path.read_text()
    path.write_bytes(text.encode("utf-16"))
    row = read_recordings(path, subject="a").iloc[0]
    assert row["fs"] == fs
    assert row["channel_names"] == tuple(truth)
    lines = text.splitlines()
    path.write_text("\n".join([*lines[:103], *lines[110:], ""]))
    with pytest.warns(RecordingWarning, match="'nSeq' jumps from 3 to 11 between samples 99"):
        read_recordings(path, subject="a")


@pytest.mark.parametrize(
    "change, told",
    [
        (lambda n: n, None),
        (lambda n: (n + 65_000) % 2**16, None),
        (lambda n: n % 16, None),
        (lambda n: n + 60 * (n >= 700), "'nSeq' jumps from 699 to 760 between samples 699 and 700"),
        (lambda n: np.where(n < 700, n, n - 699), "'nSeq' jumps from 699 to 1"),
    ],
    ids=["complete", "wraps", "four bits", "gap", "repeated"],
)
def test_counters_of_opensignals_in_hdf5(tmp_path, change, told):
    h5py = pytest.importorskip("h5py")
    path = tmp_path / "a.h5"
    make.opensignals_hdf5(path)
    with h5py.File(path, "r+") as file:
        raw = next(iter(file.values()))["raw"]
        raw["nSeq"][...] = change(np.arange(len(raw["nSeq"])))[:, None]
    with pytest.warns(RecordingWarning, match=told) if told else contextlib.nullcontext():
        row = read_recordings(path, subject="a").iloc[0]
    assert "nSeq (index)" in row["skipped"]
