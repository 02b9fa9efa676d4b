import hashlib
import json
import os
import sys
import warnings
import zipfile
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest

from sklearn_emg.preprocessing import BandpassFilter, export, read_exported
from sklearn_emg.recordings import SignalFile, recording_table

FORMATS = ["parquet", "npz", "wfdb"]


def _path(folder, format):
    return folder / ("records" if format == "wfdb" else f"signals.{format}")


@pytest.fixture
def table():
    rng = np.random.default_rng(0)
    signals = [rng.normal(size=40), rng.normal(size=(3, 25)).astype(np.float32)]
    signals.append(np.array([0.5, np.nan, -0.25]))
    return pd.DataFrame(
        {
            "fs": [23437.5, 1000.0, 48000.0],
            "signal": pd.Series(signals, dtype=object),
            "subject": ["ä", "b", "b"],
            "level": [1, 2, 3],
            "age": [31.5, np.nan, 0.1],
            "left": [True, False, True],
            "channel_names": pd.Series([None, ("a", "b", "ä"), None], dtype=object),
            "code": pd.Series([7, "x", None], dtype=object),
        },
    ).set_index(pd.Index([5, 3, 9]))


def _assert_signals_equal(read, written, format):
    for a, b in zip(read, written):
        assert (a.shape, a.dtype) == (b.shape, b.dtype)
        # 32 bits of the recording's range; the values here are below 4 mV.
        np.testing.assert_allclose(a, b, rtol=0, atol=4e-9 if format == "wfdb" else 0)


@pytest.mark.parametrize("format", FORMATS)
def test_table_reads_back_equal(table, format, tmp_path):
    path = export(table, ["M", "N", "M"], _path(tmp_path, format), format=format)
    back = read_exported(path)
    pd.testing.assert_frame_equal(back.X.drop(columns="signal"), table.drop(columns="signal"))
    assert back.X.columns.tolist() == table.columns.tolist()
    _assert_signals_equal(back.X["signal"], table["signal"], format)
    assert back.y.tolist() == ["M", "N", "M"]


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("shape", [(4, 30), (4, 2, 30)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_windows_read_back_equal(format, shape, dtype, tmp_path):
    X = np.random.default_rng(0).normal(size=shape).astype(dtype)
    y = np.array([3, 5, 3, 5])
    back = read_exported(export(X, y, _path(tmp_path, format), format=format, fs=23437.5))
    _assert_signals_equal(back.X, X, format)
    np.testing.assert_array_equal(back.y, y)
    assert (back.y.dtype, back.fs) == (y.dtype, 23437.5)


@pytest.mark.parametrize(
    "y", [None, [True, False], [0.5, 1.5], np.array(["a", "bc"], dtype=object)]
)
def test_labels_keep_their_type(y, tmp_path):
    back = read_exported(export(np.ones((2, 3)), y, tmp_path / "a.npz"))
    if y is None:
        assert back.y is None
    else:
        np.testing.assert_array_equal(back.y, y)
        assert back.y.dtype == np.asarray(y).dtype


def test_files_are_read(tmp_path):
    np.array([1, -2, 3], dtype="<i2").tofile(tmp_path / "a.bin")
    table = recording_table([SignalFile(tmp_path / "a.bin", scale=0.5)], fs=10.0, subject="a")
    back = read_exported(export(table, None, tmp_path / "a.npz"))
    np.testing.assert_array_equal(back.X["signal"][0], np.float32([0.5, -1.0, 1.5]))


def test_wfdb_records_are_readable_by_others(table, tmp_path):
    wfdb = pytest.importorskip("wfdb")
    export(table, None, tmp_path / "records", format="wfdb")
    record = wfdb.rdrecord(str(tmp_path / "records" / "r000001"))
    np.testing.assert_allclose(record.p_signal.T, table["signal"].iloc[1], atol=4e-9)
    assert (record.fs, record.units) == (1000, ["mV"] * 3)
    assert np.isnan(wfdb.rdrecord(str(tmp_path / "records" / "r000002")).p_signal[1, 0])


def test_parquet_is_readable_by_others(table, tmp_path):
    export(table, ["M", "N", "M"], tmp_path / "a.parquet")
    frame = pd.read_parquet(tmp_path / "a.parquet")
    assert frame["y"].tolist() == ["M", "N", "M"]
    np.testing.assert_array_equal(
        np.reshape(frame["signal"][1], (3, 25)), table["signal"].iloc[1].astype(float)
    )


@pytest.mark.parametrize("format", FORMATS)
def test_nothing_is_overwritten_unless_asked_for(format, tmp_path):
    path = _path(tmp_path, format)
    export(np.ones((2, 3)), None, path, format=format, fs=10.0)
    with pytest.raises(FileExistsError, match="exists already"):
        export(np.zeros((2, 3)), None, path, format=format, fs=10.0)
    export(np.zeros((2, 3)), None, path, format=format, fs=10.0, overwrite=True)
    assert (read_exported(path).X == 0).all()
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("format", FORMATS)
def test_a_failure_leaves_nothing_behind_and_the_old_file_alone(format, tmp_path, monkeypatch):
    path = _path(tmp_path, format)
    export(np.ones((2, 3)), None, path, format=format, fs=10.0)

    def fail(*args):
        raise OSError("disk full")

    monkeypatch.setattr(f"sklearn_emg.preprocessing._export._write_{format}", fail)
    with pytest.raises(OSError, match="disk full"):
        export(np.zeros((2, 3)), None, path, format=format, fs=10.0, overwrite=True)
    assert (read_exported(path).X == 1).all()
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


TABLE = recording_table([np.ones(3)], fs=10.0, subject="a")


@pytest.mark.parametrize(
    "X, y, name, options, match",
    [
        (np.ones((2, 3)), None, "a.csv", {}, "cannot be determined from its suffix"),
        (np.ones((2, 3)), None, "a", {"format": "hdf"}, "'format' of export must be"),
        (np.ones((2, 3)), [1], "a.npz", {}, r"one label per row. Got shape \(1,\) for 2 rows"),
        (np.ones((2, 3)), None, "a", {"format": "wfdb"}, "needs the 'fs' of windows"),
        (np.ones(3), None, "a.npz", {}, "Got shape"),
        (TABLE, None, "a.npz", {"fs": 20.0}, "export is 20 Hz, but row 0 of the table has 10 Hz"),
    ],
)
def test_unusable_arguments_are_refused(X, y, name, options, match, tmp_path):
    with pytest.raises(ValueError, match=match):
        export(X, y, tmp_path / name, **options)
    assert not list(tmp_path.iterdir())


def test_column_of_other_objects_is_named(tmp_path):
    table = recording_table([np.ones(3)], fs=10.0, subject="a").assign(when=pd.Timestamp(0))
    with pytest.raises(ValueError, match="Column 'when' holds a Timestamp"):
        export(table, None, tmp_path / "a.npz")


def test_strange_files_are_refused(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.ones(3))
    with pytest.raises(ValueError, match="was not written by export"):
        read_exported(tmp_path / "a.npz")
    with pytest.raises(FileNotFoundError, match="no file or folder"):
        read_exported(tmp_path / "b.npz")


def forge(file, change):
    """Change a table and compute its digest again."""
    header = json.loads(file.read_text())
    change(header)
    form = header.pop("format"), header.pop("sha256")
    digest = hashlib.sha256(json.dumps(header, sort_keys=True).encode()).hexdigest()
    file.write_text(json.dumps({**header, "format": form[0], "sha256": digest}))


def test_record_outside_the_folder_is_refused(tmp_path):
    path = export(np.ones((1, 3)), None, tmp_path / "records", format="wfdb", fs=10.0)
    forge(path / "table.json", lambda h: h["files"].update({"../elsewhere": "0"}))
    with pytest.raises(ValueError, match="outside its folder"):
        read_exported(path)


def test_samples_outside_the_folder_are_refused(tmp_path):
    path = export(np.ones((1, 3)), None, tmp_path / "records", format="wfdb", fs=10.0)
    record = path / "r000000.hea"
    record.write_text(record.read_text().replace("r000000.dat", "../r000000.dat"))
    with pytest.raises(ValueError, match=r"digest of r000000\.hea does not match"):
        read_exported(path)


def test_processed_table_goes_out_and_comes_back(tmp_path):
    X = np.random.default_rng(0).normal(size=(2, 300))
    table = recording_table(list(X), fs=1000.0, subject=["a", "b"])
    filtered = BandpassFilter().fit_transform(table)
    back = read_exported(export(filtered, [0, 1], tmp_path / "a.parquet"))
    pd.testing.assert_frame_equal(back.X, filtered)


def _saved(format, folder):
    X = np.round(np.random.default_rng(0).normal(size=(3, 200)), 4)
    return X, export(X, ["a", "b", "a"], _path(folder, format), format=format, fs=1000.0)


def _files(path):
    return sorted(path.iterdir()) if path.is_dir() else [path]


@pytest.mark.parametrize("format", FORMATS)
def test_no_flipped_bit_is_read_as_another_sample(format, tmp_path):
    X, path = _saved(format, tmp_path)
    n_refused = 0
    for file in _files(path):
        content = file.read_bytes()
        for place in np.linspace(0, len(content) - 1, 40).astype(int):
            damaged = bytearray(content)
            damaged[place] ^= 1 << (place % 8)
            file.write_bytes(damaged)
            try:
                back = read_exported(path)
            except ValueError as error:
                n_refused += str(path) in str(error)
            else:  # only files that other programs read
                np.testing.assert_allclose(back.X, X, atol=1e-8)
                assert back.y.tolist() == ["a", "b", "a"]
        file.write_bytes(content)
    assert n_refused > 20
    read_exported(path)


@pytest.mark.parametrize("format", ["npz", "parquet"])
@pytest.mark.parametrize(
    "damage",
    [
        lambda c: b"",
        lambda c: c[: len(c) // 2],
        lambda c: c[:-30],
        lambda c: b"PK\x03\x04" + bytes(100),
        lambda c: c[:200] + bytes(300) + c[500:],
        lambda c: b"PAR1" + bytes(20) + b"PAR1",
    ],
)
def test_damaged_files_are_named(format, damage, tmp_path):
    _, path = _saved(format, tmp_path)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ValueError, match=rf"signals\.{format} was not written by export"):
        read_exported(path)


@pytest.mark.parametrize("format", ["npz", "parquet"])
def test_a_long_recording_of_zeros_comes_back(format, tmp_path, monkeypatch):
    monkeypatch.setattr("sklearn_emg.preprocessing._export._ALWAYS_READ", 10_000)
    X = np.zeros((2, 100_000))
    path = export(X, None, _path(tmp_path, format))
    np.testing.assert_array_equal(read_exported(path).X, X)
    assert path.stat().st_size > X.nbytes / 100


@pytest.mark.parametrize("format", ["npz", "parquet"])
def test_samples_that_a_file_has_no_room_for_are_not_read(format, tmp_path, monkeypatch):
    monkeypatch.setattr("sklearn_emg.preprocessing._export._is_too_dense", lambda *sizes: False)
    path = export(np.zeros((2, 100_000)), None, _path(tmp_path, format))
    monkeypatch.undo()
    monkeypatch.setattr("sklearn_emg.preprocessing._export._ALWAYS_READ", 10_000)
    with pytest.raises(ValueError, match=r"it states 1600000 bytes of samples in a file of \d+"):
        read_exported(path)


def test_array_of_another_length_in_an_npz_is_not_unpacked(tmp_path):
    _, path = _saved("npz", tmp_path)
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            if name != "signal_1.npy":
                method = zipfile.ZIP_STORED if name == "header.json" else None
                archive.writestr(name, content, method)
        with archive.open("signal_1.npy", "w") as file:
            np.lib.format.write_array(file, np.zeros(1_000_000))
    with pytest.raises(ValueError, match=r"signal_1\.npy does not have the shape and type"):
        read_exported(path)


@pytest.mark.parametrize("name", ["r000001.dat", "r000001.hea", "table.json", "RECORDS"])
@pytest.mark.parametrize("make", ["link", "pipe", "nothing", "folder"])
def test_what_is_no_file_of_the_folder_is_not_opened(name, make, tmp_path):
    _, path = _saved("wfdb", tmp_path)
    content = (path / name).read_bytes()
    (path / name).unlink()
    if make == "link":
        (tmp_path / "secret").write_bytes(content)
        (path / name).symlink_to(tmp_path / "secret")
    elif make == "pipe":
        os.mkfifo(path / name)
    elif make == "folder":
        (path / name).mkdir()
    with pytest.raises(ValueError, match=rf"records was not written by export.*{name}"):
        read_exported(path)


def test_a_pipe_in_place_of_a_file_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.npz")
    with pytest.raises(ValueError, match=r"a\.npz is not a regular file"):
        read_exported(tmp_path / "a.npz")


def test_header_of_a_record_that_was_changed_is_refused(tmp_path):
    _, path = _saved("wfdb", tmp_path)
    header = path / "r000000.hea"
    header.write_text(header.read_text().replace(" 200\n", f" {10**12}\n"))
    with pytest.raises(ValueError, match=r"digest of r000000\.hea does not match its content"):
        read_exported(path)


@pytest.mark.parametrize(
    "change, match",
    [
        (
            lambda h: h["signals"][0].update(shape=[10**12]),
            "r000000.dat has 800 bytes, but table.json states 4000000000000",
        ),
        (lambda h: h["signals"][0].update(shape=[-200]), "never writes signals of shape"),
        (lambda h: h["signals"][0].update(shape=[True, 200]), "never writes signals of shape"),
        (lambda h: h["signals"][0].update(dtype="|V2147483647"), "never writes signals of shape"),
        (lambda h: h["signals"].pop(), "3 records and 3 gains for 2 signals"),
        (lambda h: h["y"]["values"].pop(), "2 values for 3 signals"),
        (lambda h: h["y"].update(array_dtype="<U99999999"), "labels of type <U99999999"),
        (lambda h: h["columns"]["fs"].update(dtype="|V2147483647"), "columns of type"),
        (lambda h: h["index"].update(values=[[]] * 3), "a column contains lists"),
        (lambda h: h.update(kind="picture"), "'picture', neither a table nor windows"),
        (lambda h: h["files"].pop("r000002.dat"), "r000002.dat"),
    ],
)
def test_forged_tables_are_refused(change, match, tmp_path):
    _, path = _saved("wfdb", tmp_path)
    forge(path / "table.json", change)
    with pytest.raises(ValueError, match=match) as error:
        read_exported(path)
    assert "records was not written by export" in str(error.value)


def test_two_writers_end_with_one_export(tmp_path):
    path = tmp_path / "records"

    def write(k):
        export(np.full((2, 50), k), None, path, format="wfdb", fs=1000.0, overwrite=True)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(write, range(1, 21)))
    assert len(np.unique(read_exported(path).X)) == 1
    assert list(tmp_path.iterdir()) == [path]


def test_export_needs_no_wfdb(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "wfdb", None)
    X, path = _saved("wfdb", tmp_path)
    np.testing.assert_allclose(read_exported(path).X, X, atol=1e-8)


def test_column_type_that_cannot_be_kept_is_named(tmp_path):
    table = recording_table([np.ones(3)], fs=10.0, subject="a")
    table["part"] = pd.arrays.SparseArray([1.0])
    with pytest.raises(ValueError, match=r"Column 'part' has the type Sparse"):
        export(table, None, tmp_path / "a.npz")


@pytest.mark.parametrize("scale", [1e10, 1e30, 1e300, 1e-300])
def test_wfdb_keeps_samples_of_any_size(scale, tmp_path):
    X = scale * np.random.default_rng(0).normal(size=(2, 50))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        back = read_exported(export(X, None, tmp_path / "a", format="wfdb", fs=1000.0)).X
    np.testing.assert_allclose(back, X, rtol=0, atol=max(np.abs(X).max(), 1.0) / 2**31)


def test_masked_windows_are_refused(tmp_path):
    X = np.ma.masked_greater(np.random.default_rng(0).normal(size=(2, 50)), 1)
    with pytest.raises(ValueError, match="export got a masked array with"):
        export(X, None, tmp_path / "a.npz")


@pytest.mark.parametrize("format", ["parquet", "npz"])
def test_a_file_with_another_suffix_is_read_by_its_content(tmp_path, format):
    if format == "parquet":
        pytest.importorskip("pyarrow")
    X = np.random.default_rng(0).normal(size=(3, 50))
    path = export(X, ["a", "b", "a"], tmp_path / "recordings.v2", format=format, fs=1000.0)
    np.testing.assert_array_equal(read_exported(path).X, X)
