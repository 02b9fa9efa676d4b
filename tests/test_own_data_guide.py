"""The snippets of the page on own data, each run on small files of its format."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sklearn_emg.recordings import check_recording_table, read_signal

GUIDE = Path(__file__).parents[1] / "doc" / "user_guide" / "own_data.rst"
FS = 2000.0
NAMES = ("c07_biceps", "p01_biceps")

pytestmark = pytest.mark.skipif(not GUIDE.exists(), reason="the guide is not part of an install")


def snippets(title):
    """Code blocks of the section with this title."""
    text = GUIDE.read_text(encoding="utf-8")
    until_next_title = r"(.*?)(?=^\S[^\n]*\n---|\Z)"
    section = re.search(rf"^{re.escape(title)}\n-+\n{until_next_title}", text, re.M | re.S)[1]
    blocks = re.findall(r"\.\. code-block:: python\n\n((?:   .*\n|\n)+)", section)
    return [re.sub(r"^   ", "", block, flags=re.M) for block in blocks]


def run(block):
    """Run a snippet and return the names that it defines."""
    names = {}
    exec(compile(block, str(GUIDE), "exec"), names)
    return names


@pytest.fixture
def recordings(tmp_path, monkeypatch):
    """An empty folder "recordings" in the current one, and two signals of two channels, in mV."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "recordings").mkdir()
    rng = np.random.default_rng(0)
    return {name: 0.1 * rng.normal(size=(2, 4000)) for name in NAMES}


def assert_table(table, signals, atol=1e-9, subjects=("c07", "p01"), channels=slice(None)):
    check_recording_table(table)
    assert table["subject"].tolist() == list(subjects)
    assert (table["fs"] == FS).all()
    for found, expected in zip(table["signal"], signals.values()):
        np.testing.assert_allclose(read_signal(found), expected[channels], atol=atol)


def test_wfdb(recordings):
    wfdb = pytest.importorskip("wfdb")
    for name, signal in recordings.items():
        wfdb.wrsamp(
            name,
            fs=FS,
            units=["uV", "uV"],
            sig_name=["one", "two"],
            p_signal=1000 * signal.T,
            fmt=["16", "16"],
            write_dir="recordings",
        )
    (block,) = snippets("WFDB (PhysioNet)")
    names = run(block)
    assert_table(names["table"], recordings, atol=1e-4)
    assert list(names["y"]) == ["control", "patient"]


def test_csv(recordings):
    for name, signal in recordings.items():
        pd.DataFrame(1000 * signal.T, columns=["ch1", "ch2"]).to_csv(f"recordings/{name}.csv")
    (block,) = snippets("CSV")
    assert_table(run(block)["table"], recordings)


def test_a_file_is_described(recordings):
    frame = pd.DataFrame({"time [s]": np.arange(4000) / FS, "EMG [mV]": recordings[NAMES[1]][0]})
    frame.to_csv("recordings/p01_biceps.csv", index=False)
    (block,) = snippets("Describe a file")
    description = run(block)["description"]
    assert description.channels["fs"].tolist() == [FS]
    assert [question.split("=")[0] for question in description.asks] == ["subject"]


def write_text_files(recordings, folder, names):
    for name, signal in zip(names, recordings.values()):
        path = Path(folder, f"{name}.csv")
        path.parent.mkdir(parents=True, exist_ok=True)
        frame = pd.DataFrame({"time [s]": np.arange(4000) / FS, "EMG [mV]": signal[0]})
        frame.to_csv(path, index=False)


def test_writing_files(recordings):
    write_text_files(recordings, "recordings", NAMES)
    (block,) = snippets("Writing files")
    names = run(block)
    assert_table(names["same"], recordings, channels=0)
    assert_table(names["again"], recordings, atol=1e-7, channels=0)
    assert names["again"]["subject"].tolist() == names["same"]["subject"].tolist()


def test_files_of_any_form(recordings):
    write_text_files(recordings, "recordings", NAMES)
    (block,) = snippets("Files of any format")
    table = run(block)["table"]
    assert_table(table, recordings, channels=0)
    assert table["session"].tolist() == [1, 1]


def test_a_folder_of_files(recordings):
    write_text_files(recordings, "study", ("control/c07_biceps", "patient/p01_biceps"))
    Path("study/subjects.tsv").write_text("subject\tage\nc07\t50\np01\t60\n")
    (block,) = snippets("A folder of files")
    names = run(block)
    assert_table(names["table"], recordings, channels=0)
    assert names["table"][["muscle", "age"]].to_numpy().tolist() == [["biceps", 50], ["biceps", 60]]
    assert names["y"].tolist() == ["control", "patient"]


def test_segments_of_a_recording(recordings):
    frame = pd.DataFrame({"time [s]": np.arange(4000) / FS, "EMG [mV]": recordings[NAMES[1]][0]})
    frame["gesture"] = np.repeat(["rest", "fist", "rest", "fist"], 1000)
    frame.to_csv("recordings/p01_session.csv", index=False)
    (block,) = snippets("Segments of a recording")
    names = run(block)
    assert names["y"].tolist() == ["rest", "fist", "rest", "fist"]
    np.testing.assert_allclose(
        names["table"]["signal"].iloc[1], recordings[NAMES[1]][0, 1200:1800], atol=1e-9
    )


def test_matlab(recordings):
    from scipy.io import savemat

    for name, signal in recordings.items():
        savemat(f"recordings/{name}.mat", {"emg": signal[0] / 1000, "fs": FS})
    assert_table(run(snippets("MATLAB")[0])["table"], recordings, channels=0)


def test_matlab_73(recordings):
    h5py = pytest.importorskip("h5py", reason="files of MATLAB 7.3 need h5py")
    for name, signal in recordings.items():
        # The 512 bytes before the HDF5 data are those that MATLAB writes.
        with h5py.File(f"recordings/{name}.mat", "w", userblock_size=512) as file:
            # MATLAB stores by columns: its (n_times, n_channels) is (n_channels, n_times) here.
            file["emg"], file["fs"] = signal / 1000, np.full((1, 1), FS)
        with open(f"recordings/{name}.mat", "r+b") as file:
            file.write(b"MATLAB 7.3 MAT-file".ljust(128))
    assert_table(run(snippets("MATLAB")[0])["table"], recordings)


def write_edf(edfio, name, signal, unit, suffix):
    kind = {"edf": edfio.EdfSignal, "bdf": edfio.BdfSignal}[suffix]
    scale = {"uV": 1000, "mV": 1}[unit]
    channel = kind(
        scale * signal, sampling_frequency=FS, label="EMG biceps", physical_dimension=unit
    )
    whole = {"edf": edfio.Edf, "bdf": edfio.Bdf}[suffix]
    whole([channel], patient=edfio.Patient(code=name[:3])).write(f"recordings/{name}.{suffix}")


def test_edf_and_bdf(recordings):
    edfio = pytest.importorskip("edfio")
    for (name, signal), unit, suffix in zip(recordings.items(), ("uV", "mV"), ("edf", "bdf")):
        write_edf(edfio, name, signal[0], unit, suffix)
    assert_table(run(snippets("EDF and BDF")[0])["table"], recordings, atol=2e-5, channels=0)


def test_edf_and_bdf_with_mne(recordings):
    edfio, mne = pytest.importorskip("edfio"), pytest.importorskip("mne")
    for (name, signal), suffix in zip(recordings.items(), ("bdf", "edf")):
        write_edf(edfio, name, signal[0], "uV", suffix)
    with mne.utils.use_log_level("error"):
        names = run(snippets("EDF and BDF")[1])
    assert_table(names["table"], recordings, atol=2e-5, channels=slice(0, 1))
    raw = names["raws"][0]
    raw.set_channel_types({"biceps": "eeg"}, on_unit_change="ignore")
    raw.set_channel_types({"biceps": "emg"}, on_unit_change="ignore")  # as the guide has it
    assert raw.get_channel_types() == ["emg"]


@pytest.mark.filterwarnings("ignore")  # of the writer; only what is read counts here
def test_bids(recordings):
    mne, mne_bids = pytest.importorskip("mne"), pytest.importorskip("mne_bids")
    pytest.importorskip("edfio")
    with mne.utils.use_log_level("error"):
        for name, signal in recordings.items():
            info = mne.create_info(["EMG1", "EMG2"], FS, "emg")
            raw = mne.io.RawArray(signal / 1000, info)
            raw.info["line_freq"] = 50
            path = mne_bids.BIDSPath(
                subject=name[:3], task="contraction", datatype="emg", root="dataset"
            )
            mne_bids.write_raw_bids(
                raw, path, format="EDF", allow_preload=True, emg_placement="Measured"
            )
        table = pd.read_csv("dataset/participants.tsv", sep="\t")
        table["group"] = ["control", "patient"]
        table.to_csv("dataset/participants.tsv", sep="\t", index=False)
        names = run(snippets("BIDS")[0])
    assert_table(names["table"], recordings, atol=2e-5)
    assert names["table"]["task"].tolist() == ["contraction"] * 2
    assert names["y"].tolist() == ["control", "patient"]


def test_raw_binary_files(recordings):
    for name, signal in recordings.items():
        (1000 * signal[0]).round().astype("<i2").tofile(f"recordings/{name}.raw")
    names = run(snippets("Raw binary files")[0])
    assert (names["table"]["fs"] == 10_000).all()
    for found, expected in zip(names["table"]["signal"], recordings.values()):
        np.testing.assert_allclose(read_signal(found), expected[0], atol=6e-4)


def test_every_section_with_a_snippet_is_run():
    text = GUIDE.read_text(encoding="utf-8")
    assert text.count(".. code-block:: python") == 12


@pytest.mark.slow
def test_tuning_a_support_vector_machine_from_files_to_a_report(recordings, tmp_path):
    pytest.importorskip("matplotlib")
    rng = np.random.default_rng(1)
    for k in range(20):
        group = "patient" if k % 2 else "control"
        (tmp_path / "study" / group).mkdir(parents=True, exist_ok=True)
        samples = {
            "time [s]": np.arange(2000) / FS,
            "EMG [mV]": (1 + k % 2) * rng.normal(size=2000),
        }
        path = tmp_path / "study" / group / f"s{k:02}_biceps.csv"
        pd.DataFrame(samples).to_csv(path, index=False)
    text = (GUIDE.parent / "tuning.rst").read_text(encoding="utf-8")
    block = re.search(r"\.\. code-block:: python\n\n((?:   .*\n|\n)+)", text)[1]
    names = run(re.sub(r"^   ", "", block, flags=re.M))
    assert set(names["result"].chosen_parameters["parameter"]) == {
        "divoteclassifier__window",
        "divoteclassifier__estimator__svc__C",
    }
    assert "<h1>Comparison of pipelines</h1>" in (tmp_path / "report.html").read_text()
