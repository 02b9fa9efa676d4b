"""EMGLAB's N2001 set: real recordings, and small folders written here."""

import pickle
import shutil
import warnings

import numpy as np
import pytest

from sklearn_emg.datasets import load_n2001
from sklearn_emg.exceptions import RecordingWarning
from sklearn_emg.recordings import SignalFile

_COMMENTS = {"A": "ALS", "C": "healty controls", "M": "myopathy"}


@pytest.fixture
def add(tmp_path):
    """Write one recording in the format of the set."""

    def add(name, samples=(1, -2, 3), folder=".", header=None, prolog=20, **facts):
        place = tmp_path / folder
        place.mkdir(parents=True, exist_ok=True)
        facts = {"gender": "F", "age": "56", "diagnosis": _COMMENTS.get(name[5], ""), **facts}
        head = header or f"{name} 1 23437.5 {len(samples)}\n{name}.bin 16+{prolog} 13.1070/uV\n"
        text = head + "".join(f"#{key}: {value}\n" for key, value in facts.items())
        (place / f"{name}.hea").write_text(text, newline="\r\n")
        content = bytes(range(prolog)) + np.array(samples, dtype="<i2").tobytes()
        (place / f"{name}.bin").write_bytes(content)
        return place

    return add


@pytest.mark.parametrize("row, first, last", [
    (0, [-71, 4, -38, -50, -47], [-64, -33]), (1, [1, 14, -74, -67, -74], [672, 650]),
])  # fmt: skip
def test_real_samples_are_the_published_steps(row, first, last, real_data):
    signal = load_n2001(real_data / "n2001").data["signal"].iloc[row]
    assert signal.shape == (262124,)
    np.testing.assert_allclose(signal[:5], np.array(first) / 13107, rtol=1e-6)
    np.testing.assert_allclose(signal[-2:], np.array(last) / 13107, rtol=1e-6)


def test_real_headers_are_described(real_data):
    bunch = load_n2001(real_data / "n2001")
    als = bunch.data.iloc[0]
    assert bunch.target.tolist() == ["ALS", "control"]
    assert (als["subject"], als["muscle"], als["muscle_code"]) == ("A01", "biceps brachii", "BB")
    assert (als["side"], als["level"], als["age"], als["gender"]) == ("left", "low", 56.0, "M")
    assert als["fs"] == 23437.5
    assert bunch.data["n_invalid"].tolist() == [0, 0]


def test_real_samples_agree_with_wfdb(real_data):
    wfdb = pytest.importorskip("wfdb")
    table = load_n2001(real_data / "n2001").data
    for name, signal in zip(table["recording"], table["signal"]):
        expected = wfdb.rdrecord(str(real_data / "n2001" / name)).p_signal[:, 0] / 1000
        np.testing.assert_allclose(signal, expected, rtol=1e-6, atol=1e-9)


def test_lazy_signals_are_handles_with_the_same_samples(real_data):
    X, y = load_n2001(real_data / "n2001", lazy=True, return_X_y=True)
    eager = load_n2001(real_data / "n2001").data["signal"]
    assert all(isinstance(handle, SignalFile) for handle in X["signal"])
    assert len(pickle.dumps(X["signal"].iloc[0])) < 1000
    np.testing.assert_array_equal(X["signal"].iloc[1], eager.iloc[1])
    assert y.tolist() == ["ALS", "control"]


def test_sub_folders_are_searched(add, tmp_path):
    add("N2001C03BB01", folder="control/C03")
    add("N2001M02BB11", folder="myopathy")
    table = load_n2001(tmp_path).data
    assert table["subject"].tolist() == ["C03", "M02"]
    assert table["group"].tolist() == ["control", "myopathy"]


def test_prolog_is_skipped(add, tmp_path):
    add("N2001C03BB01", (13107, -13107), prolog=32)
    np.testing.assert_allclose(load_n2001(tmp_path).data["signal"].iloc[0], [1, -1], rtol=1e-6)


@pytest.mark.parametrize("lazy", [False, True])
def test_invalid_samples_are_nan_and_counted(lazy, add, tmp_path):
    add("N2001A06BB01", (5, -32768, 32767, -32768, -32768))
    row = load_n2001(tmp_path, lazy=lazy).data.iloc[0]
    np.testing.assert_array_equal(np.isnan(row["signal"]), [False, True, False, True, True])
    assert (row["n_invalid"], row["n_clipped_high"]) == (3, 1)


@pytest.mark.parametrize("lazy", [False, True])
def test_invalid_samples_are_the_clipping_value_on_request(lazy, add, tmp_path):
    add("N2001A06BB01", (5, -32768))
    row = load_n2001(tmp_path, invalid="clip", lazy=lazy).data.iloc[0]
    assert np.asarray(row["signal"])[1] == pytest.approx(-32768 / 13107, rel=1e-6)
    assert row["n_invalid"] == 1


@pytest.mark.parametrize("muscle", ["BB", "bb", "Biceps brachii", ["VV", "BB"]])
def test_muscle_is_chosen_by_code_or_name(muscle, add, tmp_path):
    add("N2001C03BB01")
    add("N2001C03QQ01", muscle="Quadriceps femoris")
    assert load_n2001(tmp_path, muscle).data["muscle_code"].tolist() == ["BB"]


def test_unknown_code_keeps_the_headers_muscle(add, tmp_path):
    add("N2001C03QQ01", muscle="Vastus medialis")
    add("N2001C03ZZ01")
    assert load_n2001(tmp_path).data["muscle"].tolist() == ["vastus medialis", "ZZ"]


def test_muscle_that_is_not_there_tells_which_are(add, tmp_path):
    add("N2001C03BB01")
    with pytest.raises(ValueError, match=r"in the folder: BB \(biceps brachii\)\. Got 'TA'"):
        load_n2001(tmp_path, "TA")


@pytest.mark.parametrize("text, age", [("56", 56.0), ("29 years", 29.0)])
def test_age_is_a_number(text, age, add, tmp_path):
    add("N2001C03BB01", age=text)
    assert load_n2001(tmp_path).data["age"].iloc[0] == age


def test_age_that_is_not_given_is_nan(add, tmp_path):
    add("N2001C03BB01", age="")
    assert np.isnan(load_n2001(tmp_path).data["age"].iloc[0])


def test_annotations_next_to_a_recording_are_found(add, tmp_path):
    place = add("N2001C03BB01", folder="c")
    (place / "N2001C03BB01.eaf").write_text("x")
    add("N2001C04BB01")
    table = load_n2001(tmp_path).data
    assert table["annotations"].tolist() == [str(place / "N2001C03BB01.eaf"), ""]


@pytest.mark.parametrize("lazy", [False, True])
def test_file_short_of_one_byte_is_named(lazy, real_data, tmp_path):
    for suffix in ("hea", "bin"):
        shutil.copy(real_data / "n2001" / f"N2001A01BB02.{suffix}", tmp_path)
    with open(tmp_path / "N2001A01BB02.bin", "r+b") as file:
        file.truncate(524267)
    with pytest.raises(ValueError, match=r"BB02\.bin has 524267 bytes, .* announces 524268"):
        load_n2001(tmp_path, lazy=lazy)


@pytest.mark.parametrize(
    "header, message",
    [
        ("N2001C04BB01 1 23437.5 3\nN2001C03BB01.bin 16+20 13.107/uV\n", "record 'N2001C04BB01'"),
        ("N2001C03BB01 1 23437.5 3\nN2001C04BB01.bin 16+20 13.107/uV\n", "a file of another"),
        ("N2001C03BB01 1 23437.5 3\nN2001C03BB01.bin 212+20 13.107/uV\n", "signal of format 16"),
        (
            "N2001C03BB01 1 23437.5 3\n../N2001C03BB01.bin 16+20 13.107/uV\n",
            "must have a plain name",
        ),
        ("N2001C03BB01 1 23437.5 3\nN2001C03BB01.bin 16+20\n", "gives no gain"),
        ("N2001C03BB01 1 23437.5 3\nN2001C03BB01.bin 16+20 13.107/deg\n", "not a known voltage"),
        (
            "N2001C03BB01 1 0 3\nN2001C03BB01.bin 16+20 13.107/uV\n",
            "rate must be a positive number",
        ),
        (
            "N2001C03BB01 2 23437.5 3\nN2001C03BB01.bin 16+20 13.107/uV\n",
            "2 signals but describes 1",
        ),
    ],
)
def test_header_of_something_else_is_named(header, message, add, tmp_path):
    add("N2001C03BB01", header=header)
    with pytest.raises(ValueError, match=rf"N2001C03BB01\.hea.*{message}"):
        load_n2001(tmp_path)


def test_diagnosis_that_contradicts_the_name_is_named(add, tmp_path):
    add("N2001C03BB01", diagnosis="ALS")
    with pytest.raises(ValueError, match=r"C03BB01\.hea belongs to the group 'control'"):
        load_n2001(tmp_path)


def test_incomplete_recordings_are_all_named(add, tmp_path):
    add("N2001C03BB01")
    (tmp_path / "N2001C03BB01.bin").unlink()
    add("N2001C04BB01")
    add("N2001C05BB01")
    (tmp_path / "N2001C05BB01.bin").write_bytes(b"")
    with pytest.raises(
        ValueError, match=r"read 2 of 3 recordings:\n.*C03\S+ .*missing.*\n.*C05.*emp"
    ):
        load_n2001(tmp_path)


def test_samples_without_header_are_named(add, tmp_path):
    add("N2001C03BB01")
    (tmp_path / "N2001C03BB01.hea").unlink()
    with pytest.raises(ValueError, match=r"N2001C03BB01\.bin has no header"):
        load_n2001(tmp_path)


def test_recording_found_twice_is_named(add, tmp_path):
    add("N2001C03BB01", folder="a")
    add("N2001C03BB01", folder="b")
    with pytest.raises(ValueError, match=r"C03BB01\.\w+ exists twice"):
        load_n2001(tmp_path)


def test_link_out_of_the_folder_is_not_read(add, tmp_path):
    (tmp_path / "secret").write_bytes(bytes(100))
    place = add("N2001C03BB01", folder="set")
    (place / "N2001C03BB01.bin").unlink()
    (place / "N2001C03BB01.bin").symlink_to(tmp_path / "secret")
    with pytest.raises(ValueError, match=r"N2001C03BB01\.bin leads out of"):
        load_n2001(place)


def test_missing_folder_tells_where_to_get_the_data(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no folder .*nowhere.*www\.emglab\.net"):
        load_n2001(tmp_path / "nowhere")


def test_folder_without_recordings_tells_where_to_get_them(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no file like N2001A01BB02\.hea"):
        load_n2001(tmp_path)


def test_other_treatment_of_invalid_samples_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"'invalid' .* must be 'nan' or 'clip'. Got 'zero'"):
        load_n2001(tmp_path, invalid="zero")


@pytest.mark.parametrize("lazy", [False, True])
def test_file_far_longer_than_a_recording_is_refused_before_it_is_read(lazy, add, tmp_path):
    add("N2001C03BB01", header="N2001C03BB01 1 23437.5 17000000\nN2001C03BB01.bin 16 13.1/uV\n")
    with open(tmp_path / "N2001C03BB01.bin", "wb") as file:
        file.truncate(2 * 17_000_000)
    with pytest.raises(ValueError, match=r"C03BB01\.bin has 17000000 samples according to"):
        load_n2001(tmp_path, lazy=lazy)


# ------------------------------------------------------------------ the whole set


_RNG = np.random.default_rng(0)
_LONG = _RNG.integers(-3000, 3000, size=(3, 500))


@pytest.fixture(scope="module")
def biceps(real_data):
    if not (real_data / "n2001_biceps").is_dir():
        pytest.skip("needs the recordings n2001_biceps in SKLEARN_EMG_DATA")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return load_n2001(real_data / "n2001_biceps", lazy=True)


def test_real_clipped_recordings_are_marked(biceps):
    spoilt = biceps.data[biceps.data["spoilt"]]
    assert spoilt["subject"].eq("A08").sum() == 15
    assert {"N2001A03BB55", "N2001A07BB10"} <= set(spoilt["recording"])
    assert spoilt["clipped"].between(0, 0.1, inclusive="right").all()


def test_real_ends_that_recordings_of_a08_have_in_common_are_found(biceps):
    shared = biceps.data[biceps.data["n_shared_end"] > 0]
    assert set(shared["subject"]) == {"A08"}
    assert len(shared) == 15
    assert shared["n_shared_end"].between(5000, 16000).all()


def test_real_recordings_without_their_ends_are_not_clipped(biceps, real_data):
    with pytest.warns(RecordingWarning, match="5 spoilt recordings: N2001A03BB55 .clipped"):
        trimmed = load_n2001(real_data / "n2001_biceps", spoilt="trim", lazy=True)
    assert len(trimmed.data) == len(biceps.data) - 5
    assert trimmed.data["subject"].eq("A08").sum() == 15
    assert not trimmed.data["spoilt"].any()


def test_real_facts_of_the_headers_are_columns(biceps):
    first = biceps.data.groupby("subject").first()
    assert set(first.index[first["head"] == "short"]) == {"A07", "M06", "M07"}
    assert first.loc["M05", "duration_years"] == pytest.approx(1 / 12)
    assert np.isnan(first.loc["C01", "duration_years"])
    assert first["region"].eq("proximal").all()
    assert first["site"].eq("n2001").all()
    assert set(first["sex"]) == {"M", "F"}
    assert biceps.describe()["missing"]["subjects"] == ["A04", "A06", "C07", "C09", "M03"]


def test_copy_under_another_muscle_is_dropped_with_both_names(add, tmp_path):
    add("N2001C01BB51", _LONG[0], muscle="Biceps brachii (long head)")
    add("N2001C01VM51", _LONG[0], muscle="Vastus medialis")
    add("N2001C03VM02", _LONG[0], muscle="Vastus medialis")
    add("N2001C03VM03", _LONG[1], muscle="Vastus medialis")
    message = r"C01VM51 \(copy of N2001C01BB51\); N2001C03VM02 \(copy of N2001C01BB51\)"
    with pytest.warns(RecordingWarning, match=message):
        bunch = load_n2001(tmp_path)
    assert bunch.data["recording"].tolist() == ["N2001C01BB51", "N2001C03VM03"]
    assert bunch.report["recording"].tolist() == ["N2001C01VM51", "N2001C03VM02"]


def test_copy_of_a_recording_that_is_not_asked_for_is_found(add, tmp_path):
    add("N2001C01BB51", _LONG[0])
    add("N2001C01VM51", _LONG[0], muscle="Vastus medialis")
    with (
        pytest.warns(RecordingWarning, match="C01VM51 .copy of N2001C01BB51"),
        pytest.raises(ValueError, match=r"leaves out all .*N2001C01VM51, copy of"),
    ):
        load_n2001(tmp_path, "VM")


def test_biceps_recording_of_two_subjects_is_dropped(add, tmp_path):
    for name, samples in (("C01BB01", 0), ("M02BB07", 0), ("C01BB02", 1)):
        add(f"N2001{name}", _LONG[samples])
    with pytest.warns(RecordingWarning, match=r"C01BB01.*M02BB07 of another subject.*C01BB01"):
        assert load_n2001(tmp_path).data["recording"].tolist() == ["N2001C01BB02"]


def test_dead_recordings_are_no_copies(add, tmp_path):
    add("N2001A06BB08", np.zeros(500, dtype=int))
    add("N2001C03BB08", np.zeros(500, dtype=int))
    add("N2001C04BB08", _LONG[0])
    table = load_n2001(tmp_path).data
    assert table["spoilt"].tolist() == [True, True, False]
    assert table["defect"].iloc[0] == "dead: all samples are equal"
    with pytest.warns(RecordingWarning, match=r"2 spoilt recordings: N2001A06BB08 \(dead"):
        assert len(load_n2001(tmp_path, spoilt="drop").data) == 1


def test_part_of_clipped_samples_is_told(add, tmp_path):
    samples = _LONG[0].copy()
    samples[:20], samples[20:25] = 32767, -32768
    add("N2001C03BB01", samples)
    row = load_n2001(tmp_path, invalid="clip").data.iloc[0]
    assert (row["clipped"], row["defect"]) == (25 / 500, "clipped: 25 samples")


def test_end_of_another_recording_is_cut_off_on_request(add, tmp_path):
    end = np.append(_LONG[2][:100], 32767)
    add("N2001A08BB01", np.append(_LONG[0], end))
    add("N2001A08BB02", np.append(_LONG[1], end))
    kept = load_n2001(tmp_path).data
    assert kept["n_shared_end"].tolist() == [101, 101]
    assert kept["defect"].iloc[0].endswith("the last 101 samples also end N2001A08BB02")
    for lazy in (False, True):
        bunch = load_n2001(tmp_path, spoilt="trim", lazy=lazy)
        np.testing.assert_allclose(bunch.data["signal"].iloc[0], _LONG[0] / 13107, rtol=1e-6)
        assert bunch.report["action"].tolist() == ["trimmed", "trimmed"]
        assert not bunch.data["spoilt"].any()


@pytest.mark.parametrize("text, years", [
    ("26 years", 26), ("1.5 years", 1.5), ("< 1 month", 1 / 12), ("< 0.5 years", 0.5), ("", np.nan),
])  # fmt: skip
def test_duration_is_a_number_of_years(text, years, add, tmp_path):
    add("N2001A03BB01", duration=text)
    row = load_n2001(tmp_path).data.iloc[0]
    assert row["duration"] == text
    assert row["duration_years"] == pytest.approx(years, nan_ok=True)


def test_other_treatment_of_spoilt_recordings_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"'spoilt' .* 'keep', 'drop', 'trim'. Got 'cut'"):
        load_n2001(tmp_path, spoilt="cut")


def test_copy_of_header_and_samples_is_dropped_with_both_names(add, tmp_path):
    place = add("N2001C01BB51", _LONG[0])
    for suffix in (".hea", ".bin"):
        shutil.copy(place / f"N2001C01BB51{suffix}", place / f"N2001C03VM02{suffix}")
    with pytest.warns(RecordingWarning, match=r"N2001C03VM02 \(copy of N2001C01BB51\)"):
        assert load_n2001(tmp_path).data["recording"].tolist() == ["N2001C01BB51"]
    with (
        pytest.warns(RecordingWarning, match="C03VM02 .copy of N2001C01BB51"),
        pytest.raises(ValueError, match=r"leaves out all .*N2001C03VM02, copy of"),
    ):
        load_n2001(tmp_path, "VM")


def test_copy_of_samples_without_header_is_dropped_with_both_names(add, tmp_path):
    place = add("N2001C01BB51", _LONG[0])
    shutil.copy(place / "N2001C01BB51.bin", place / "N2001C01VM51.bin")
    with pytest.warns(RecordingWarning, match=r"N2001C01VM51 \(copy of N2001C01BB51\)"):
        assert load_n2001(tmp_path).data["recording"].tolist() == ["N2001C01BB51"]


def test_faulty_files_of_other_muscles_are_no_error(add, tmp_path):
    add("N2001C01BB51", _LONG[0])
    add("N2001C01VM51", _LONG[1], header="N2001C09VM51 1 23437.5 500\nx.bin 16 13.1/uV\n")
    add("N2001C02VM51", _LONG[1])
    (tmp_path / "N2001C02VM51.hea").unlink()
    for muscle in ("BB", "biceps brachii"):
        assert len(load_n2001(tmp_path, muscle).data) == 1
    with pytest.raises(ValueError, match=r"cannot use 2 files .*\n.*C09VM51.*\n.*C02VM51"):
        load_n2001(tmp_path)
