"""The Algiers set: real recordings, and small folders written here."""

import bz2
import gzip
import lzma
import re
import warnings

import numpy as np
import pytest

from sklearn_emg.datasets import load_algiers
from sklearn_emg.exceptions import RecordingWarning

_FOLDERS = {"D": "01_Deltoid", "B": "02_Biceps Brachii"}
_GROUPS = {"Hea": "Healthy", "Myo": "Myopathy", "Neu": "Neuropathy"}
_PACK = {"": bytes, ".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress}


def _samples(seed, n_times=163840):
    return np.round(np.random.default_rng(seed).normal(scale=300, size=n_times), 1)


@pytest.fixture
def add(tmp_path):
    """Write one recording in the format of the set."""

    def add(name, samples=None, folder=None, end="\r\n", suffix="", text=None):
        letters, group = re.sub(r"[\s_]", "", name)[-4], name[-3:]
        place = tmp_path / (folder or f"{_FOLDERS[letters]}/{_GROUPS[group]}")
        place.mkdir(parents=True, exist_ok=True)
        if text is None:
            samples = _samples(sum(map(ord, name)), 200) if samples is None else samples
            text = "".join(f"{value:11.4f}{end}" for value in samples)
        path = place / f"{name}.asc{suffix}"
        path.write_bytes(_PACK[suffix](text.encode()))
        return path

    return add


@pytest.fixture(autouse=True)
def quiet():
    """Ignore the warning that the small files do not look like EMG."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Recordings do not look like EMG")
        yield


# ------------------------------------------------------------------ real recordings


@pytest.fixture(scope="module")
def real(real_data):
    if not (real_data / "algiers").is_dir():
        pytest.skip("needs the Algiers recordings in SKLEARN_EMG_DATA")
    return load_algiers(real_data / "algiers")


def test_real_subjects_are_counted_within_groups(real):
    subjects = real.data.groupby("group")["subject"].nunique()
    assert subjects.to_dict() == {"healthy": 25, "myopathy": 48, "neuropathy": 47}
    recordings = real.data[real.data["group"] == "healthy"].groupby("subject").size()
    assert recordings.eq(4).all()


def test_real_samples_are_those_of_the_file_in_mv(real, real_data):
    path = next((real_data / "algiers").rglob("EMG _001 _01_ RD_Hea.asc*"))
    content = path.read_bytes()
    text = lzma.decompress(content) if path.suffix == ".xz" else content
    expected = np.array(text.split(), dtype=float) / 1000
    row = real.data.set_index("recording").loc["EMG _001 _01_ RD_Hea"]
    np.testing.assert_allclose(row["signal"], expected, rtol=1e-6)
    assert (row["subject"], row["muscle"], row["side"]) == ("Hea01", "deltoid", "right")


def test_real_recordings_last_five_seconds(real):
    assert set(real.data["signal"].map(len)) <= {163839, 163840, 163841}
    assert not real.data["spoilt"].any()


# ------------------------------------------------------------------ names


def test_subject_is_group_and_number(add, tmp_path):
    add("EMG _009 _05_ RD_Hea")
    add("EMG _155 _05_ LB_Neu")
    table = load_algiers(tmp_path).data
    assert table["subject"].tolist() == ["Hea05", "Neu05"]
    assert table["muscle"].tolist() == ["deltoid", "biceps brachii"]
    assert table["side"].tolist() == ["right", "left"]
    assert table["region"].eq("proximal").all()
    assert table["site"].eq("algiers").all()


@pytest.mark.parametrize("name", [
    "EMG _009 _05_ RD_Hea", "EMG_009_05_RD_Hea", " EMG_ 009 _ 05 _ RD _Hea",
    "emg%20_009%20_05_%20rd_hea", "EMG+_009+_05_+RD_Hea", "EMG _9 _5_ R D_Hea",
])  # fmt: skip
def test_blanks_may_stand_anywhere_in_a_name(name, tmp_path):
    (tmp_path / f"{name}.asc").write_text("1.0\n-2.0\n3.0\n")
    row = load_algiers(tmp_path).data.iloc[0]
    assert (row["subject"], row["number"], row["side"]) == ("Hea05", 9, "right")


def test_both_muscles_of_a_subject_are_one_subject(add, tmp_path):
    add("EMG _161 _11_ RD_Neu")
    add("EMG _381 _11_ LB_Neu")
    assert load_algiers(tmp_path).data["subject"].tolist() == ["Neu11", "Neu11"]


@pytest.mark.parametrize("folder, wrong", [
    ("01_Deltoid/Myopathy", "Myopathy"), ("02_Biceps Brachii/Healthy", "02_Biceps Brachii"),
    ("2_biceps", "2_biceps"), ("neuropathy", "neuropathy"),
])  # fmt: skip
def test_folder_that_contradicts_a_name_is_named(folder, wrong, add, tmp_path):
    path = add("EMG _009 _05_ RD_Hea", folder=folder)
    message = rf"{path.name} belongs to the muscle 'deltoid' and .* 'healthy' .* folder '{wrong}'"
    with pytest.raises(ValueError, match=message):
        load_algiers(tmp_path)


def test_folders_of_other_names_say_nothing(add, tmp_path):
    add("EMG _009 _05_ RD_Hea", folder="myopathy_study/part 1")
    assert load_algiers(tmp_path).target.tolist() == ["healthy"]


def test_name_that_is_not_understood_is_left_out_with_a_warning(add, tmp_path):
    add("EMG _009 _05_ RD_Hea")
    (tmp_path / "EMG _010 RD_Hea.asc").write_text("1.0\n")
    (tmp_path / "._EMG _011 _06_ RD_Hea.asc").write_bytes(b"\0\5")
    with pytest.warns(RecordingWarning, match=r"leaves out 1 file .*EMG _010 RD_Hea\.asc"):
        bunch = load_algiers(tmp_path)
    assert len(bunch.data) == 1
    assert bunch.report["recording"].tolist() == ["EMG _010 RD_Hea.asc", "EMG _009 _05_ RD_Hea"]


@pytest.mark.parametrize("muscle", ["deltoid", "D", ["Deltoid"]])
def test_muscle_is_chosen_by_name_or_letter(muscle, add, tmp_path):
    add("EMG _009 _05_ RD_Hea")
    add("EMG _209 _05_ RB_Hea")
    assert load_algiers(tmp_path, muscle).data["muscle"].tolist() == ["deltoid"]


def test_unknown_muscle_and_absent_muscle_are_errors(add, tmp_path):
    add("EMG _009 _05_ RD_Hea")
    with pytest.raises(ValueError, match=r"must name 'deltoid', .* Got \['vastus'\]"):
        load_algiers(tmp_path, "vastus")
    with pytest.raises(ValueError, match="no recording of biceps brachii"):
        load_algiers(tmp_path, "B")


# ------------------------------------------------------------------ samples


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "", " \t\r\n\r\n"])
@pytest.mark.parametrize("suffix", list(_PACK))
def test_samples_are_in_mv_for_any_line_end_and_packing(end, suffix, add, tmp_path):
    add("EMG _009 _05_ RD_Hea", [-103.9, 250.7, 12345.6, -12345.6], end=end, suffix=suffix)
    row = load_algiers(tmp_path).data.iloc[0]
    np.testing.assert_allclose(row["signal"], [-0.1039, 0.2507, 12.3456, -12.3456], rtol=1e-6)
    assert row["fs"] == 32768.0
    assert row["signal"].dtype == np.float32


def test_numbers_without_a_blank_between_them_are_apart(add, tmp_path):
    add("EMG _009 _05_ RD_Hea", text="  -103.9000-10250.7000   12.1000")
    expected = [-0.1039, -10.2507, 0.0121]
    np.testing.assert_allclose(load_algiers(tmp_path).data["signal"].iloc[0], expected, rtol=1e-6)


@pytest.mark.parametrize("cut", ["-", "12", "12.", "12.3", "12.300", "."])
def test_last_number_that_is_cut_is_left_out_and_reported(cut, add, tmp_path):
    add("EMG _009 _05_ RD_Hea", text=f"1.0000\r\n-2.0000\r\n3.5000\r\n{cut}")
    bunch = load_algiers(tmp_path)
    np.testing.assert_allclose(bunch.data["signal"].iloc[0], [0.001, -0.002, 0.0035], rtol=1e-6)
    assert (f"last number is cut, {cut!r}", "left out") in set(
        zip(bunch.report["defect"], bunch.report["action"])
    )


def test_last_number_of_a_file_with_free_decimals_is_kept(add, tmp_path):
    add("EMG _009 _05_ RD_Hea", text="1\n-2.25\n3.5\n4")
    assert len(load_algiers(tmp_path).data["signal"].iloc[0]) == 4


@pytest.mark.parametrize("text, message", [
    ("", "is empty"), (" \r\n\n", "has no samples"), ("1.0\nV\n2.0\n", "value 2 .* got 'V'"),
    ("1,5\n2,5\n", "value 1 .* got '1,5'"), ("1.0\nnan\n2.0\n", "value 2 .* got 'nan'"),
    ("1.0\n\x00\x00\n2.0\n", "value 2 must be a number"), ("1.0\ninf\n2.0\n", "got 'inf'"),
])  # fmt: skip
def test_file_that_holds_no_numbers_is_named(text, message, add, tmp_path):
    add("EMG _010 _06_ RD_Hea")
    add("EMG _009 _05_ RD_Hea", text=text)
    message = rf"use 1 of 2 files:\n.*_009 _05_ RD_Hea\.asc.*{message}"
    with pytest.raises(ValueError, match=message):
        load_algiers(tmp_path)


@pytest.mark.parametrize("suffix", [".gz", ".bz2", ".xz"])
def test_packed_file_that_is_cut_is_named(suffix, add, tmp_path):
    path = add("EMG _009 _05_ RD_Hea", suffix=suffix)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(ValueError, match=rf"RD_Hea\.asc\{suffix} is truncated or not a "):
        load_algiers(tmp_path)


def test_link_out_of_the_folder_is_not_read(add, tmp_path):
    path = add("EMG _009 _05_ RD_Hea", folder="set")
    (tmp_path / "secret").write_bytes(path.read_bytes())
    path.unlink()
    path.symlink_to(tmp_path / "secret")
    with pytest.raises(ValueError, match=r"RD_Hea\.asc leads out of"):
        load_algiers(path.parent)


def test_missing_folder_and_empty_folder_tell_where_to_get_the_data(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no folder .*nowhere.*data\.mendeley\.com"):
        load_algiers(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match=r"no file like 'EMG _009.*data\.mendeley\.com"):
        load_algiers(tmp_path)


# ------------------------------------------------------------------ copies and spoilt recordings


def test_copy_of_a_subjects_own_recording_is_dropped_with_both_names(add, tmp_path):
    samples = _samples(0, 5000)
    add("EMG _009 _05_ RD_Hea", samples)
    add("EMG _010 _05_ LD_Hea", samples, end="\n", suffix=".xz")
    add("EMG _011 _06_ LD_Hea")
    message = (
        r"EMG _010 _05_ LD_Hea\.asc\.xz \(copy of 01_Deltoid/Healthy/EMG _009 _05_ RD_Hea\.asc\)"
    )
    with pytest.warns(RecordingWarning, match=message):
        bunch = load_algiers(tmp_path)
    assert bunch.data["number"].tolist() == [9, 11]
    dropped = bunch.report[bunch.report["action"] == "dropped"]
    assert dropped["recording"].tolist() == ["EMG _010 _05_ LD_Hea"]


def test_recording_under_the_names_of_two_subjects_is_dropped(add, tmp_path):
    samples = _samples(0, 5000)
    add("EMG _009 _05_ RD_Hea", samples)
    add("EMG _155 _05_ RD_Neu", samples)
    add("EMG _011 _06_ LD_Hea")
    with pytest.warns(RecordingWarning, match=r"_009.*_155.* of another subject.*_155.*_009"):
        assert load_algiers(tmp_path).data["number"].tolist() == [11]


def test_copy_that_ends_earlier_is_found(add, tmp_path):
    samples = _samples(0, 40_000)
    add("EMG _009 _05_ RD_Hea", samples)
    add("EMG _010 _05_ LD_Hea", samples[:35_000])
    with pytest.warns(RecordingWarning, match="copy of"):
        assert load_algiers(tmp_path).data["number"].tolist() == [9]


def test_plain_and_packed_file_of_one_name_are_one_recording(add, tmp_path):
    add("EMG _009 _05_ RD_Hea", suffix=".xz")
    add("EMG _009 _05_ RD_Hea")
    with pytest.warns(
        RecordingWarning, match=r"RD_Hea\.asc\.xz \(copy of \S+ \S+ \S+ RD_Hea\.asc\)"
    ):
        assert len(load_algiers(tmp_path).data) == 1


def test_one_name_with_different_samples_is_an_error(add, tmp_path):
    add("EMG _009 _05_ RD_Hea", folder="a")
    add("EMG _009 _05_ RD_Hea", _samples(1, 200), folder="b")
    with pytest.raises(ValueError, match=r"b/EMG.*has the name of .*a/EMG.* but different samples"):
        load_algiers(tmp_path)


def test_dead_recordings_are_no_copies_and_are_marked(add, tmp_path):
    add("EMG _009 _05_ RD_Hea", np.zeros(163840))
    add("EMG _011 _06_ RD_Hea", np.zeros(163840))
    add("EMG _013 _07_ RD_Hea", _samples(0))
    table = load_algiers(tmp_path).data
    assert table["spoilt"].tolist() == [True, True, False]
    assert table["defect"].tolist() == [*["dead: all samples are equal"] * 2, ""]


def test_clipped_and_short_recordings_are_marked_and_dropped_on_request(add, tmp_path):
    clipped = _samples(0)
    clipped[100:120] = clipped.max()
    add("EMG _009 _05_ RD_Hea", clipped)
    add("EMG _011 _06_ RD_Hea", _samples(1)[:100_000])
    add("EMG _013 _07_ RD_Hea", _samples(2))
    defects = load_algiers(tmp_path).data["defect"].tolist()
    assert defects == ["clipped: 20 samples", "short: 3.05 s instead of 5 s", ""]
    with pytest.warns(RecordingWarning, match=r"2 spoilt .*_009.*clipped.*_011.*short"):
        bunch = load_algiers(tmp_path, spoilt="drop")
    assert bunch.data["subject"].tolist() == ["Hea07"]
    assert bunch.report["action"].tolist() == ["dropped", "dropped"]


def test_folder_of_spoilt_recordings_alone_is_an_error(add, tmp_path):
    add("EMG _009 _05_ RD_Hea", np.zeros(163840))
    with pytest.warns(RecordingWarning), pytest.raises(ValueError, match=r"leaves out all .*dead"):
        load_algiers(tmp_path, spoilt="drop")


def test_description_counts_what_is_here_and_what_is_missing(add, tmp_path):
    add("EMG _009 _05_ RD_Hea", _samples(0))
    add("EMG _155 _05_ LB_Neu", _samples(1))
    description = load_algiers(tmp_path).describe()
    assert (description["subjects"], description["recordings"]) == (2, 2)
    assert description["seconds"] == pytest.approx(10.0)
    assert description["missing"]["subjects"] == 236
    assert description["classes"].loc["healthy"].tolist() == [1, 1, 5.0]
