import json

import numpy as np
import pandas as pd
import pytest
import wfdb

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


@pytest.mark.parametrize(
    "X, y, name, options, match",
    [
        (np.ones((2, 3)), None, "a.csv", {}, "cannot be told from its suffix"),
        (np.ones((2, 3)), None, "a", {"format": "hdf"}, "'format' of export must be"),
        (np.ones((2, 3)), [1], "a.npz", {}, "one label for each of 2 rows"),
        (np.ones((2, 3)), None, "a", {"format": "wfdb"}, "needs the 'fs' of windows"),
        (np.ones(3), None, "a.npz", {}, "Got shape"),
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
    with pytest.raises(ValueError, match="no export of this package"):
        read_exported(tmp_path / "a.npz")
    with pytest.raises(FileNotFoundError, match="no file or folder"):
        read_exported(tmp_path / "b.npz")


def test_record_outside_the_folder_is_refused(tmp_path):
    path = export(np.ones((1, 3)), None, tmp_path / "records", format="wfdb", fs=10.0)
    header = json.loads((path / "table.json").read_text())
    header["records"] = ["../elsewhere"]
    (path / "table.json").write_text(json.dumps(header))
    with pytest.raises(ValueError, match="outside its folder"):
        read_exported(path)


def test_samples_outside_the_folder_are_refused(tmp_path):
    path = export(np.ones((1, 3)), None, tmp_path / "records", format="wfdb", fs=10.0)
    record = path / "r000000.hea"
    record.write_text(record.read_text().replace("r000000.dat", "../r000000.dat"))
    with pytest.raises(ValueError, match=r"outside its folder|invalid syntax in signal line"):
        read_exported(path)


def test_processed_table_goes_out_and_comes_back(tmp_path):
    X = np.random.default_rng(0).normal(size=(2, 300))
    table = recording_table(list(X), fs=1000.0, subject=["a", "b"])
    filtered = BandpassFilter().fit_transform(table)
    back = read_exported(export(filtered, [0, 1], tmp_path / "a.parquet"))
    pd.testing.assert_frame_equal(back.X, filtered)
