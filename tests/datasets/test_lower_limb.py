"""The UCI lower-limb set: its dialects and defects, on real files and on small ones."""

import gzip
import shutil

import numpy as np
import pytest

from sklearn_emg.datasets import load_lower_limb

_TITLES_OLD = (
    "Recto Femoral", "Biceps Femoral", "Vasto Medial", "EMG Semitendinoso", "Flexo-Extension"
)  # fmt: skip
_TITLES_NEW = ("RF", "BF", "VM", "ST", "FX")


def text(values, titles=_TITLES_NEW, *, announced=None, digitals=False, low_rate=False, first=1):
    """A file as the logger writes it: CRLF, a header, rows, a last line of tabs only."""
    n = len(values) if announced is None else announced
    head = ["File Name: log.log"]
    for k, title in enumerate(titles):
        unit = "deg" if k == 4 else "mV"
        more = ", extrapolated from 50 to 1000 samples per second" if low_rate and k == 4 else ""
        head.append(
            f"Channel {first + k}: '{title}', {n} values, engineering units: {unit}, "
            f"no filters{more}."
        )
    if digitals:
        head.append(f"Digitals combined (event=16, d=8, c=4, b=2, a=1): {n} values, .")
    rows = ["\t".join(map(str, row)) + ("\t31" if digitals else "") for row in values]
    return "\r\n".join([*head, "", *rows, "\t\t\t\t", ""]).encode()


@pytest.fixture
def rows():
    return np.round(np.random.default_rng(0).normal(size=(9, 5)), 4)


@pytest.fixture(scope="module")
def real(request):
    folder = request.getfixturevalue("real_data") / "lower_limb"
    return load_lower_limb(folder)


def test_real_values_are_those_of_the_file(real):
    row = real.data.set_index("recording").loc["1Amar"]
    assert row["signal"].shape == (4, 12973)
    np.testing.assert_array_equal(row["signal"][:, 0], [-0.0548, -0.0015, 0.042, 0.0285])
    np.testing.assert_array_equal(row["signal"][:, -1], [-0.0075, -0.003, -0.0105, -0.0023])
    assert (row["goniometer"][0], row["goniometer"][-1]) == (-9.0, -7.2)


def test_real_persons_are_told_apart(real):
    subjects = real.data["subject"]
    assert subjects.nunique() == 13  # seven patients, six controls: 2N is 1N
    assert real.data.loc[subjects == "N01", "recording"].tolist() == [
        "1Nmar", "1Npie", "1Nsen", "2Nmar",
    ]  # fmt: skip


def test_real_recordings_have_no_gap_left(real):
    assert len(real.data) == 39
    assert all(np.isfinite(s).all() for s in real.data["signal"])
    assert all(np.isfinite(g).all() for g in real.data["goniometer"])
    assert all(s.shape[1] == len(g) for s, g in zip(real.data["signal"], real.data["goniometer"]))


def test_real_lengths_are_those_of_the_logger(real, real_data):
    pd = pytest.importorskip("pandas")
    logged = pd.read_csv(real_data / "lower_limb" / "recordings.csv").set_index("file")["emg_rows"]
    n_times = real.data.set_index("recording")["signal"].map(lambda s: s.shape[1])
    # If the angle ends one sample before the EMG, the EMG is cut to the length of the angle.
    shorter = logged.loc[n_times.index] - n_times
    assert shorter[shorter != 0].to_dict() == {"4Nsen": 1, "7Npie": 1}


def test_real_defects_are_reported(real):
    report = real.report.set_index("recording")
    assert report.loc["2Npie", "defect"] == "byte copy of 1Npie"
    assert report.loc["2Nmar", "action"].tolist() == ["subject is N01", "trimmed"]
    assert report.loc["7Nmar", "action"] == "dropped"
    assert "line 5690 has the value '7.5V'" in report.loc["1Nmar", "defect"].tolist()


def test_real_defects_are_kept_on_request(real_data):
    data = load_lower_limb(real_data / "lower_limb", keep_defects=True).data
    assert len(data) == 42
    data = data.set_index("recording")
    assert data.loc["2Npie", "subject"] == "N02"
    assert data.loc["7Nmar", "subject"] == "N07"
    assert np.isnan(data.loc["1Nmar", "signal"][:, 5681:]).all()
    assert data.loc["1Nmar", "goniometer"][5682] == 7.5


def test_defects_are_kept_one_by_one(real_data):
    data = load_lower_limb(real_data / "lower_limb", keep_defects=["copies"]).data
    assert len(data) == 41
    assert set(data.loc[data["number"] == "2N", "subject"]) == {"N01"}


def test_unpacked_and_packed_files_read_alike(real_data, tmp_path):
    packed = real_data / "lower_limb" / "A_TXT" / "2Asen.txt.gz"
    with gzip.open(packed) as source, open(tmp_path / "2Asen.txt", "wb") as target:
        shutil.copyfileobj(source, target)
    plain = load_lower_limb(tmp_path).data["signal"].iloc[0]
    shutil.copy(packed, tmp_path)
    (tmp_path / "2Asen.txt").unlink()
    np.testing.assert_array_equal(load_lower_limb(tmp_path).data["signal"].iloc[0], plain)


@pytest.mark.parametrize(
    "dialect",
    [
        {"titles": _TITLES_OLD, "first": 4},
        {"titles": ("Recto femoral", "Biceps Femoral", "Vasto Medial", "Semitendinoso", "Flexo"),
         "digitals": True},
        {"titles": _TITLES_NEW, "low_rate": True},
    ],
)  # fmt: skip
def test_header_dialects_give_the_same_columns(dialect, rows, tmp_path):
    (tmp_path / "9Apie.txt").write_bytes(text(rows, **dialect))
    data = load_lower_limb(tmp_path).data
    np.testing.assert_array_equal(data["signal"].iloc[0], rows[:, :4].T)
    np.testing.assert_array_equal(data["goniometer"].iloc[0], rows[:, 4])
    assert data["goniometer_fs"].iloc[0] == (50.0 if dialect.get("low_rate") else 1000.0)


def test_line_ends_of_unix_are_read(rows, tmp_path):
    (tmp_path / "3Nsen.txt").write_bytes(text(rows).replace(b"\r\n", b"\n"))
    np.testing.assert_array_equal(load_lower_limb(tmp_path).data["signal"].iloc[0], rows[:, :4].T)


def test_columns_say_who_and_what(rows, tmp_path):
    (tmp_path / "11Nmar.txt").write_bytes(text(rows))
    bunch = load_lower_limb(tmp_path)
    row = bunch.data.iloc[0]
    assert (row["subject"], row["group"], row["exercise"]) == ("N11", "normal", "gait")
    assert bunch.ch_names[0] == "rectus femoris"
    assert bunch.target.tolist() == ["normal"]


def test_truncated_file_is_named(rows, tmp_path):
    (tmp_path / "3Apie.txt").write_bytes(text(rows)[:-60])
    with pytest.raises(
        ValueError, match=r"3Apie\.txt has \d rows of EMG, but its header announces 9"
    ):
        load_lower_limb(tmp_path)


def test_cut_last_value_is_reported(rows, tmp_path):
    (tmp_path / "3Apie.txt").write_bytes(text(rows).removesuffix(b"\r\n\t\t\t\t\r\n")[:-1])
    assert "does not end with a line of tabs" in load_lower_limb(tmp_path).report["defect"][0]


def test_truncated_gzip_file_is_named(rows, tmp_path):
    (tmp_path / "3Apie.txt.gz").write_bytes(gzip.compress(text(rows))[:-1])
    with pytest.raises(ValueError, match=r"3Apie\.txt\.gz is truncated or not a gzip file"):
        load_lower_limb(tmp_path)


@pytest.mark.parametrize(
    "content, message",
    [
        (b"", "is empty"),
        (b"File Name: x" + b" " * 20_000 + b"\r\n\r\n", "has no header of the lower-limb data set"),
        (b"<html>404</html>", "has no header of the lower-limb data set"),
        (text(np.zeros((3, 5)), ("BF", "RF", "VM", "ST", "FX")), "'BF' is where rectus"),
        (text(np.zeros((3, 4)), ("RF", "BF", "VM", "ST")), "four channels in mV and one in deg"),
        (text([["x?", 0, 0, 0, 0]]), "line 8, column 1 must be a number, got 'x[?]'"),
    ],
)
def test_file_that_is_something_else_is_named(content, message, tmp_path):
    (tmp_path / "3Apie.txt").write_bytes(content)
    with pytest.raises(ValueError, match=rf"3Apie\.txt.*{message}"):
        load_lower_limb(tmp_path)


def test_all_bad_files_are_told_at_once(rows, tmp_path):
    (tmp_path / "1Amar.txt").write_bytes(text(rows))
    (tmp_path / "2Amar.txt").write_bytes(b"")
    (tmp_path / "3Amar.txt").write_bytes(b"x")
    with pytest.raises(ValueError, match=r"2 of 3 files:\n.*2Amar[^\n]*\n.*3Amar"):
        load_lower_limb(tmp_path)


def test_recording_in_two_folders_is_named(rows, tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "1Amar.txt").write_bytes(text(rows))
    with pytest.raises(ValueError, match=r"b/1Amar\.txt exists twice, also as .*a/1Amar"):
        load_lower_limb(tmp_path)


def test_plain_file_comes_before_its_gzipped_copy(rows, tmp_path):
    (tmp_path / "1Amar.txt").write_bytes(text(rows))
    (tmp_path / "1Amar.txt.gz").write_bytes(b"not read")
    assert len(load_lower_limb(tmp_path).data) == 1


def test_link_out_of_the_folder_is_not_read(rows, tmp_path):
    (tmp_path / "elsewhere.txt").write_bytes(text(rows))
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "1Amar.txt").symlink_to(tmp_path / "elsewhere.txt")
    with pytest.raises(ValueError, match=r"1Amar\.txt leads out of"):
        load_lower_limb(tmp_path / "set")


def test_missing_folder_tells_where_to_get_the_data(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no folder .*nowhere.*archive\.ics\.uci\.edu"):
        load_lower_limb(tmp_path / "nowhere")


def test_folder_without_recordings_tells_where_to_get_them(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no file like 1Amar\.txt .*archive\.ics\.uci"):
        load_lower_limb(tmp_path)


def test_unknown_defect_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"'keep_defects' parameter of load_lower_limb .*'copy'"):
        load_lower_limb(tmp_path, keep_defects=["copy"])


@pytest.mark.parametrize("more", [b"1\n" * 1_000_001, b"1" * 2_000], ids=["rows", "line"])
def test_file_larger_than_any_of_the_set_is_refused_before_it_is_parsed(more, rows, tmp_path):
    (tmp_path / "3Apie.txt").write_bytes(text(rows) + more)
    with pytest.raises(ValueError, match=r"3Apie\.txt has more than 1000000 rows or 1000 bytes"):
        load_lower_limb(tmp_path)


def test_only_a_few_cells_with_units_are_read_as_numbers(tmp_path):
    cells = np.full((101, 5), "1.0V", dtype=object)
    (tmp_path / "3Apie.txt").write_bytes(text(cells))
    with pytest.raises(ValueError, match=r"3Apie\.txt: line 28, column 1 must be a number"):
        load_lower_limb(tmp_path)
