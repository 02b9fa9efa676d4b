"""Variants of EDF, BDF, WFDB, MATLAB, HDF5, OpenSignals and C3D that real programs write."""

import json
import warnings

import device_files as make
import numpy as np
import pandas as pd
import pytest

from sklearn_emg.exceptions import RecordingWarning
from sklearn_emg.io import describe_file, read_recordings

N, FS = 1200, 1000.0
A, B = make.emg(N, FS, 0.1, 1), make.emg(N, FS, 0.25, 2)


pytestmark = pytest.mark.filterwarnings("error")


def assert_channels(path, truth, fs=FS, **arguments):
    """The table, after its channels are compared with the truth in mV."""
    table = read_recordings(path, subject="s", **arguments)
    rates, found = {}, {}
    for signal, rate, names in zip(table["signal"], table["fs"], table["channel_names"]):
        assert len(set(names)) == len(names)
        rates.update(dict.fromkeys(names, rate))
        found.update(zip(names, np.atleast_2d(signal)))
    assert list(found) == list(truth)
    for name, x in truth.items():
        assert rates[name] == pytest.approx(fs[name] if isinstance(fs, dict) else fs, rel=1e-6)
        np.testing.assert_allclose(found[name] - found[name].mean(), x - x.mean(), atol=2e-3)
    return table


def edf(path, signals, form="Edf", **arguments):
    import edfio

    kind = edfio.EdfSignal if form == "Edf" else edfio.BdfSignal
    made = [kind(v, fs, label=n, physical_dimension=u) for n, v, fs, u in signals]
    getattr(edfio, form)(made, **arguments).write(path)
    return path


X = make.emg(2000, FS, 0.1, 7)
SHARED = r"share a name and were renamed: 'EMG' is now 'EMG \(2\)'"


@pytest.mark.parametrize("form", ["samples", "recordings", "wfdb"])
def test_names_that_are_changed_are_told(tmp_path, form):
    path = tmp_path / ("a.hea" if form == "wfdb" else "a.parquet")
    if form == "wfdb":
        counts = np.round(np.stack([A, B]) * 2000).astype("<i2")
        counts.T.tofile(tmp_path / "a.dat")
        lines = [f"a.dat 16 2000/mV 16 0 {c[0]} {c.sum(dtype='i2')} 0 EMG" for c in counts]
        path.write_text("\n".join([f"a 2 1000 {N}", *lines, ""]))
    else:
        pa = pytest.importorskip("pyarrow")
        from pyarrow.parquet import write_table

        names = ["time (s)", "EMG (mV)", "EMG (mV)"]
        row = {"signal": [[A, B]], "fs": [FS], "channel_names": [["EMG", "EMG"]]}
        of_samples = form == "samples"
        columns = [np.arange(N) / FS, A, B]
        write_table(pa.Table.from_arrays([*map(pa.array, columns)], names) if of_samples
                    else pa.table({k: pa.array(v) for k, v in row.items()}), path)  # fmt: skip
    with pytest.warns(RecordingWarning, match=SHARED):
        assert_channels(path, {"EMG": A, "EMG (2)": B})


@pytest.mark.parametrize("kind", ["dates", "intervals", "seconds"])
def test_times_in_the_index_of_a_data_frame(tmp_path, kind):
    pytest.importorskip("pyarrow")
    seconds = np.arange(N) / FS
    index = {
        "dates": pd.Timestamp("2026-01-02") + pd.to_timedelta(seconds, unit="s"),
        "intervals": pd.Index(pd.to_timedelta(seconds, unit="s"), name="elapsed"),
        "seconds": pd.Index(seconds, name="time"),
    }[kind]
    pd.DataFrame({"A (mV)": A, "B (mV)": B}, index=index).to_parquet(tmp_path / "a.parquet")
    assert_channels(tmp_path / "a.parquet", {"A": A, "B": B})


@pytest.mark.parametrize("form", ["npy", "parquet"])
def test_a_unit_that_is_only_assumed_can_be_given(tmp_path, form):
    path = tmp_path / f"a.{form}"
    if form == "npy":
        np.save(path, np.stack([A, B]) * 1e3)
    else:
        pytest.importorskip("pyarrow")
        pd.DataFrame({"signal": [[A * 1e3, B * 1e3]]}).to_parquet(path)
    found = read_recordings(path, subject="s", unit="uV", fs=FS)["signal"].iloc[0]
    np.testing.assert_allclose(found, [A, B], atol=1e-9)
    assert describe_file(path).channels["unit"].tolist() == ["mV", "mV"]
    with pytest.warns(RecordingWarning, match="pass unit='uV'"):
        read_recordings(path, subject="s", fs=FS)


@pytest.mark.parametrize("form", ["npy", "mat", "csv"])
def test_time_stamps_among_the_channels_are_named(tmp_path, form):
    path = tmp_path / f"a.{form}"
    stack = np.stack([A, np.arange(N) / FS])
    if form == "npy":
        np.save(path, stack)
    elif form == "mat":
        from scipy.io import savemat

        savemat(path, {"data": stack.T, "fs": FS})
    else:
        np.savetxt(path, stack.T, delimiter=",", header="EMG 1 (mV),EMG 2 (mV)", comments="")
    with pytest.warns(RecordingWarning, match="2' increases from each sample to the next, like ti"):
        read_recordings(path, subject="s", fs=None if form == "mat" else FS, unit="mV")


def replaced(path, old, new):
    content = path.read_bytes()
    assert content.count(old) > 0
    path.write_bytes(content.replace(old, new.ljust(len(old))))
    return path


@pytest.mark.parametrize("unit", [b"\xb5V", "µV".encode(), b"MicroV", b"x10-6 V"])
def test_units_of_edf(tmp_path, unit):
    path = edf(tmp_path / "a.edf", [("EMG", X * 1e3, 1000, "uV")])
    assert_channels(replaced(path, b"uV      ", unit), {"EMG": X})


@pytest.mark.parametrize("encoding", ["latin-1", "utf-8"])
def test_labels_and_annotations_of_edf_in_other_letters(tmp_path, encoding):
    import edfio

    notes = [edfio.EdfAnnotation(0.5, 1, "druckXX")]
    path = edf(tmp_path / "a.edf", [("EMG Fuszheber", X * 1e3, 1000, "uV")], annotations=notes)
    replaced(path, b"EMG Fuszheber   ", "EMG Fußheber".encode(encoding))
    table = assert_channels(
        replaced(path, b"druckXX", "drück".encode(encoding)), {"EMG Fußheber": X}
    )
    assert table["annotations"].iloc[0][0].label == "drück"


@pytest.mark.parametrize("form", ["Edf", "Bdf"])
def test_labels_that_occur_twice(tmp_path, form):
    signals = [("EMG", X * 1e3, 1000, "uV"), ("EMG", X[::-1] * 1e3, 1000, "uV")]
    path = edf(tmp_path / "a.edf", signals, form)
    with pytest.warns(RecordingWarning, match=SHARED):
        assert_channels(path, {"EMG": X, "EMG (2)": X[::-1]})


def test_rates_of_a_record_of_a_tenth_of_a_second(tmp_path):
    signals = [("EMG", X * 1e3, 1000, "uV"), ("EMG slow", X[::4] * 1e3, 250, "uV")]
    path = edf(tmp_path / "a.edf", signals, data_record_duration=0.1)
    assert_channels(path, {"EMG": X, "EMG slow": X[::4]}, {"EMG": 1000, "EMG slow": 250})


def test_status_of_bdf_is_no_emg(tmp_path):
    import edfio

    low, high = -(2**23), 2**23 - 1
    status = np.zeros(2000)
    status[500:520] = 5
    edfio.Bdf([
        edfio.BdfSignal(X * 1e3, 1000, label="A1", physical_dimension="uV"),
        edfio.BdfSignal(status, 1000, label="Status", physical_dimension="Boolean",
                        physical_range=(low, high)),
    ]).write(tmp_path / "a.bdf")  # fmt: skip
    table = assert_channels(tmp_path / "a.bdf", {"A1": X}, aux=True)
    ((name, kind, *_, values),) = table["aux"].iloc[0]
    assert (name, kind) == ("Status", "trigger")
    np.testing.assert_allclose(values, status, atol=0.5)


def test_more_data_records_than_announced(tmp_path):
    path = edf(tmp_path / "a.edf", [("EMG", X * 1e3, 1000, "uV")])
    path.write_bytes(path.read_bytes() + path.read_bytes()[512:])
    with pytest.warns(RecordingWarning, match="announces 2 data records but the file has 4"):
        assert_channels(path, {"EMG": X})


def wfdb(path, lines, samples, kind="<i2"):
    path.with_suffix(".dat").write_bytes(np.asarray(samples).astype(kind).tobytes())
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize("lazy", [False, True])
def test_wfdb_signals_that_are_no_voltages_or_no_emg_are_left_out(tmp_path, lazy):
    stored = np.rint(np.stack([A, B * 10, B], axis=1) * 1e4)
    lines = [
        "a 3 1000 1200",
        "a.dat 16 10000/mV 16 0 0 0 0 EMG left",
        "a.dat 16 100/N 16 0 0 0 0 Grip force",
        "a.dat 16 10000/mV 16 0 0 0 0 ECG",
    ]
    table = assert_channels(wfdb(tmp_path / "a.hea", lines, stored), {"EMG left": A}, lazy=lazy)
    assert table["skipped"].iloc[0] == ("Grip force (force, N)", "ECG (other, 1000 Hz, mV)")


def test_wfdb_signals_of_two_rates(tmp_path):
    fast = make.emg(2 * N, 2 * FS, 0.1, 3)
    stored = np.rint(np.stack([fast[::2], fast[1::2], B], axis=1) * 1e4)
    lines = ["a 2 1000 1200", "a.dat 16x2 10000/mV 16 0 0 0 0 fast",
             "a.dat 16 10000/mV 16 0 0 0 0 slow"]  # fmt: skip
    path = wfdb(tmp_path / "a.hea", lines, stored)
    assert_channels(path, {"fast": fast, "slow": B}, {"fast": 2000, "slow": 1000})


@pytest.mark.parametrize("slow", [False, True])
def test_annotations_of_wfdb_count_frames(tmp_path, slow):
    fast = make.emg(2 * N, 2 * FS, 0.1, 3)
    stored = np.rint(np.stack([fast[::2], fast[1::2], *([B] if slow else [])], axis=1) * 1e4)
    lines = [f"a {1 + slow} 1000 1200", "a.dat 16x2 10000/mV 16 0 0 0 0 fast",
             *(["a.dat 16 10000/mV 16 0 0 0 0 slow"] if slow else [])]  # fmt: skip
    path = wfdb(tmp_path / "a.hea", lines, stored)
    words = np.array([22 << 10 | 600, 0], dtype="<u2")  # a note at frame 600
    path.with_suffix(".atr").write_bytes(words.tobytes())
    table = read_recordings(path, subject="s")
    assert [mark.onset for marks in table["annotations"] for mark in marks] == [0.6] * (1 + slow)


@pytest.mark.parametrize("form, gain", [("16", 1e4), ("212", 1e3), ("24", 1e6), ("80", 60)])
def test_wfdb_formats(tmp_path, form, gain):
    library = pytest.importorskip("wfdb")
    x = np.stack([A, B], axis=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of pandas, in the code of wfdb
        library.wrsamp(
            "a", fs=1000, units=["mV", "uV"], sig_name=["u", "v"], fmt=[form, form],
            p_signal=x * [1, 1e3], adc_gain=[gain, gain / 1e3], baseline=[0, 0],
            write_dir=str(tmp_path),
        )  # fmt: skip
    stored = np.rint(x * gain) / gain
    assert_channels(tmp_path / "a.hea", {"u": stored[:, 0], "v": stored[:, 1]})


MV = {"fs": 1000, "unit": "mV"}
MATLAB = {
    "rate of a filter": ({"emg": A, "cutoff_frequency": 20, "filter_freq": 450, **MV}, ["emg"]),
    "rate of a video": ({"emg": A, "video_rate": 100, "mains_freq": 50, **MV}, ["emg"]),
    "rate of the forces": ({"emg": A, "acc_fs": 148, **MV}, ["emg"]),
    "rate as text": ({"emg": A, "fs": "1000 Hz", "unit": "mV"}, ["emg"]),
    "rate in kHz": ({"emg": A, "fs_kHz": 1.0, "unit": "mV"}, ["emg"]),
    "times in ms": ({"emg": A, "time_ms": np.arange(N), "unit": "mV"}, ["emg"]),
    "integers and a factor": (
        {"emg": np.rint(A * 1e4).astype("i2"), "scale": 0.1, "fs": 1000, "units": "uV"},
        ["emg"],
    ),
    "structs with data": (
        {"biceps": {"data": A, **MV}, "triceps": {"data": B, **MV}},
        ["biceps", "triceps"],
    ),
}


LABELS = np.array([("TA",), ("GM",)], dtype=[("labels", object)])
SLOW = np.r_[B[: N // 10], np.zeros(N - N // 10)]
PROGRAMS = {
    "EEGLAB": {"EEG": {"data": np.stack([A, B]), "srate": 1000, "chanlocs": LABELS, **MV}},
    "Biopac": {"data": np.stack([A, B], axis=1), "isi": 1.0, "isi_units": "ms",
               "labels": np.array(["TA", "GM"]), "units": np.array(["mV", "mV"])},
    "Spike2": {"V_Ch1": {"title": "TA", "interval": 0.001, "scale": 0.5, "units": "mV",
                         "values": A[:, None]},
               "V_Ch2": {"title": "GM", "interval": 0.001, "scale": 0.5, "units": "mV",
                         "values": B[:, None]}},
}  # fmt: skip


@pytest.mark.parametrize("name", PROGRAMS)
def test_matlab_files_of_programs(tmp_path, name):
    from scipy.io import savemat

    savemat(tmp_path / "a.mat", PROGRAMS[name])
    assert_channels(tmp_path / "a.mat", {"TA": A, "GM": B})


def test_a_matrix_of_channels_of_several_rates(tmp_path):
    from scipy.io import savemat

    names = np.array(["EMG 1   ", "ACC X 1 "])
    content = {"Channels": names, "Data": np.stack([A, SLOW]), "Fs": np.array([[1000.0], [100.0]])}
    savemat(tmp_path / "a.mat", content)
    table = assert_channels(tmp_path / "a.mat", {"EMG 1": A}, unit="mV", aux=True)
    (slow,) = table["aux"].iloc[0]
    assert (slow.kind, slow.fs, len(slow.values)) == ("accelerometer", 100.0, N // 10)


@pytest.mark.parametrize("name", MATLAB)
def test_rates_units_and_names_of_matlab_files(tmp_path, name):
    from scipy.io import savemat

    content, names = MATLAB[name]
    savemat(tmp_path / "a.mat", content)
    assert_channels(tmp_path / "a.mat", dict(zip(names, (A, B))))


def test_a_factor_that_may_be_applied_already_is_named(tmp_path):
    from scipy.io import savemat

    savemat(tmp_path / "a.mat", {"emg": A, "scale": 0.1, "fs": 1000})
    with pytest.warns(RecordingWarning, match=r"scale = 0.1 next to it, which is not applied"):
        assert_channels(tmp_path / "a.mat", {"emg": A}, unit="mV")


def test_cells_and_axes_that_may_be_mistaken_are_named(tmp_path):
    from scipy.io import savemat

    cells = np.empty((1, 2), dtype=object)
    cells[0, 0], cells[0, 1] = A, B
    savemat(tmp_path / "a.mat", {"emg": cells, **MV})
    with pytest.warns(RecordingWarning, match="an array of 2 cells"):
        assert_channels(tmp_path / "a.mat", {"emg": A, "emg.2": B})
    many = np.stack([make.emg(100, FS, 0.1, k) for k in range(128)])
    savemat(tmp_path / "b.mat", {"emg": many, **MV})
    with pytest.warns(RecordingWarning, match="nothing states which axis is time"):
        read_recordings(tmp_path / "b.mat", subject="s")


def test_channels_of_further_structs_keep_their_names_units_and_kinds(tmp_path):
    savemat = pytest.importorskip("scipy.io").savemat
    names = np.array(["TA (uV)", "ACC X (g)", "GM (uV)"], dtype=object)
    trials = np.zeros(2, dtype=[("data", "O"), ("names", "O"), ("fs", "O")])
    for k in range(2):
        trials[k] = np.stack([A, B, B]) * 1e3, names, 1000.0
    savemat(tmp_path / "a.mat", {"trial": trials})
    with pytest.warns(RecordingWarning, match="an array of 2 structs"):
        assert_channels(
            tmp_path / "a.mat", {"TA": A, "GM": B, "trial.2.data TA": A, "trial.2.data GM": B}
        )


def test_a_list_of_rates_in_kilohertz(tmp_path):
    savemat = pytest.importorskip("scipy.io").savemat
    content = {"emg": np.stack([A, B]), "unit": "mV", "names": ["a", "b"], "fs_khz": [1.0, 1.0]}
    savemat(tmp_path / "a.mat", content)
    assert_channels(tmp_path / "a.mat", {"a": A, "b": B})


def test_structs_of_an_array_of_version_73(tmp_path):
    h5py = pytest.importorskip("h5py")
    path = tmp_path / "a.mat"
    with h5py.File(path, "w", userblock_size=512) as file:
        refs, group = file.create_group("#refs#"), file.create_group("ch")
        group.attrs["MATLAB_class"] = b"struct"
        for field, kind, values in (
            ("data", b"double", [A[None] * 1e3, B[None] * 1e3]),
            ("name", b"char", [np.array([[ord(c)] for c in n], "u2") for n in ("TA", "GM")]),
            ("fs", b"double", [np.array([[1000.0]])] * 2),
            ("unit", b"char", [np.array([[ord(c)] for c in "uV"], "u2")] * 2),
        ):
            made = [refs.create_dataset(f"{field}{i}", data=v) for i, v in enumerate(values)]
            for data in made:
                data.attrs["MATLAB_class"] = kind
            group[field] = np.array([[data.ref] for data in made], dtype=h5py.ref_dtype)
    content = path.read_bytes()
    path.write_bytes(b"MATLAB 7.3 MAT-file".ljust(512, b" ") + content[512:])
    with pytest.warns(RecordingWarning, match="an array of 2 structs"):
        assert_channels(path, {"TA": A, "GM": B})


@pytest.mark.parametrize(
    "facts",
    [
        {"SampleRate": 1000, "Units": b"microvolts", "channel_names": ["a", "b"]},
        {"sfreq": 1000.0, "units": "uV", "ch_names": ["a", "b"]},
        {"Fs (Hz)": 1000.0, "units": ["uV", "uV"], "labels": ["a", "b"]},
        {"sampling_frequency": "1 kHz", "unit": "uV", "names": ["a", "b"]},
        {"dt": 0.001, "unit": "uV", "names": ["a", "b"]},
        {"fs": 1000.0, "unit": "volts", "conversion": 1e-6, "names": ["a", "b"]},
    ],
)
def test_attributes_of_hdf5(tmp_path, facts):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        data = file.create_dataset("emg", data=np.stack([A, B], axis=1) * 1e3)
        data.attrs.update(facts)
    assert_channels(tmp_path / "a.h5", {"a": A, "b": B})


def test_columns_of_a_compound_data_set(tmp_path):
    h5py = pytest.importorskip("h5py")
    values = np.zeros(N, dtype=[("time", "f8"), ("EMG1", "f8"), ("EMG2", "f8")])
    values["time"], values["EMG1"], values["EMG2"] = np.arange(N) / FS, A, B
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("trial", data=values).attrs["unit"] = "mV"
    assert_channels(tmp_path / "a.h5", {"EMG1": A, "EMG2": B})


@pytest.mark.parametrize("form", ["txt", "h5"])
def test_two_devices_of_opensignals(tmp_path, form):
    counts = [np.rint((v / 3 + 0.5) * 2**16).astype("u2") for v in (A, B)]
    path = tmp_path / f"a.{form}"
    if form == "h5":
        h5py = pytest.importorskip("h5py")
        with h5py.File(path, "w") as file:
            for name, values in zip(("AA", "BB"), counts):
                device = file.create_group(name)
                device.attrs.update({"sampling rate": 1000, "resolution": [16], "device": "plux"})
                device["raw/channel_1"] = values[:, None]
                device["raw/channel_1"].attrs.update({"sensor": "EMG", "label": "CH1"})
    else:
        head = {"sensor": ["EMG"], "column": ["nSeq", "CH1"], "label": ["CH1"], "device": "plux",
                "sampling rate": 1000, "resolution": [16]}  # fmt: skip
        rows = [f"{i % 16}\t{a}\t{i % 16}\t{b}\t" for i, (a, b) in enumerate(zip(*counts))]
        lines = [f"# {json.dumps({'AA': head, 'BB': head})}", "# EndOfHeader", *rows]
        make.write_text(path, ["# OpenSignals Text File Format", *lines])
    with pytest.warns(RecordingWarning, match=r"share a name .* 'CH1' is now 'CH1 \(2\)'"):
        assert_channels(path, {"CH1": A, "CH1 (2)": B})


@pytest.mark.parametrize("form", ["mat", "h5"])
def test_groups_of_several_channels_are_told(tmp_path, form):
    path = tmp_path / f"a.{form}"
    groups = {f"trial{k}": {"emg": np.stack([A, B]) * (k + 1), "fs_emg": FS} for k in range(2)}
    if form == "mat":
        from scipy.io import savemat

        savemat(path, groups)
    else:
        h5py = pytest.importorskip("h5py")
        with h5py.File(path, "w") as file:
            for name, group in groups.items():
                for key, value in group.items():
                    file[f"{name}/{key}"] = value
    with pytest.warns(RecordingWarning, match=r"'emg' in 2 groups \(trial0, trial1\)"):
        table = read_recordings(path, subject="s", unit="mV")
    assert table["fs"].tolist() == [FS]


def test_a_file_given_twice_is_told(tmp_path):
    path = tmp_path / "a.npy"
    np.save(path, np.stack([A, B]))
    with pytest.warns(RecordingWarning, match=r"got files more than once: .*a\.npy"):
        assert len(read_recordings([path, path], subject="s", fs=FS)) == 2


def test_channels_asked_for_twice_are_refused(tmp_path):
    np.save(tmp_path / "a.npy", np.stack([A, B]))
    for channels in (["ch1", "ch1"], ["ch1", 0]):
        with pytest.raises(ValueError, match="'channels' has a channel more than once"):
            read_recordings(tmp_path / "a.npy", subject="s", fs=FS, channels=channels)
