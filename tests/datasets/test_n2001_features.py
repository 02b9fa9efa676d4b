"""The 9-feature table of N2001."""

import gzip

import numpy as np
import pandas as pd
import pytest

from sklearn_emg.datasets import load_n2001_features

_HEAD = "Patient,Class,muap_1,muap_2,SampEn,APEN,SSC,MDF,high_power,FracDim,WE,split\n"
_GOOD = "C01,0,6.0,83.17,0.26,0.32,3430.0,104.01,13.19,1.52,2801151859.91,train\n"
_DEAD = "A06,1,0.0,0.0,-0.0,0.0,0.0,4.0,0.0,,0.0,train\n"


def write(path, content):
    path.write_text(_HEAD + content)
    return path


def test_real_table_has_the_published_counts(real_data):
    bunch = load_n2001_features(real_data / "n2001_features")
    assert bunch.data.shape == (20856 - 43, 10)
    assert bunch.data["subject"].nunique() == 22
    assert bunch.split.value_counts().to_dict() == {"train": 13837, "val": 3060, "test": 3916}
    assert set(bunch.target_names) == {"control", "ALS", "myopathy"}


def test_real_table_holds_subject_and_numbers_only(real_data):
    bunch = load_n2001_features(real_data / "n2001_features")
    assert list(bunch.data.columns) == ["subject", *bunch.feature_names]
    features = bunch.data[bunch.feature_names]
    assert (features.dtypes == np.float64).all()
    assert np.isfinite(features.to_numpy()).all()
    assert features.iloc[0].tolist() == [
        6.0, 83.17, 0.26, 0.32, 3430.0, 104.01, 13.19, 1.52, 2801151859.91,
    ]  # fmt: skip


def test_real_dead_windows_are_reported_and_kept_on_request(real_data):
    path = real_data / "n2001_features" / "n2001_features.csv.gz"
    bunch = load_n2001_features(path, keep_defects=True)
    assert len(bunch.data) == len(bunch.target) == len(bunch.split) == 20856
    assert bunch.data["FracDim"].isna().sum() == 43
    assert bunch.report.to_numpy().tolist() == [["A06", "43 windows of a dead recording", "kept"]]


def test_dead_windows_are_dropped_with_their_labels(tmp_path):
    bunch = load_n2001_features(write(tmp_path / "t.csv", _GOOD + _DEAD + _GOOD))
    assert bunch.target.tolist() == ["control", "control"]
    assert bunch.data.index.tolist() == bunch.split.index.tolist() == [0, 1]


def test_return_X_y(tmp_path):
    X, y = load_n2001_features(write(tmp_path / "t.csv", _GOOD), return_X_y=True)
    assert isinstance(X, pd.DataFrame)
    assert y.tolist() == ["control"]


def test_table_without_split_has_none(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("\n".join(line.rsplit(",", 1)[0] for line in (_HEAD + _GOOD).splitlines()))
    assert load_n2001_features(path).split is None


@pytest.mark.parametrize(
    "content, message",
    [
        ("Patient,Class\nC01,0\n", "lacks the columns"),
        ("<html>Not found</html>", "lacks the columns"),
        ("", "not a readable table"),
        (_HEAD, "has no rows"),
        (_HEAD + _GOOD.replace("83.17", "much"), r"must have numbers in the column 'muap_2'"),
        (_HEAD + _GOOD + _GOOD[:-20], "lacks values .*row 3"),
        (_HEAD + _GOOD.replace("1.52", "inf"), "infinite ones.*row 2"),
        (_HEAD + _GOOD.replace("C01,0", "C01,2"), "row 2: patient 'C01' has class 2"),
        (_HEAD + _GOOD.replace("C01,0", "X01,0"), "row 2: patient 'X01' has class 0"),
    ],
)
def test_other_files_are_named(content, message, tmp_path):
    path = tmp_path / "t.csv"
    path.write_text(content)
    with pytest.raises(ValueError, match=rf"t\.csv.*{message}".replace(".*", r"[\s\S]*")):
        load_n2001_features(path)


def test_truncated_gzip_file_is_named(tmp_path):
    path = tmp_path / "n2001_features.csv.gz"
    path.write_bytes(gzip.compress((_HEAD + _GOOD).encode())[:-1])
    with pytest.raises(ValueError, match=r"n2001_features\.csv\.gz is not a readable table"):
        load_n2001_features(tmp_path)


def test_missing_table_tells_where_to_get_it(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"n2001_features\.csv or .*ChatMED/ALS-EMG"):
        load_n2001_features(tmp_path)


@pytest.mark.parametrize(
    "more, message",
    [("\n" * 1_000_001, "more than 1000000 rows"), ("1," * 6_000, "more than 10000 bytes")],
    ids=["rows", "line"],
)
def test_table_larger_than_the_published_one_is_refused_before_it_is_parsed(
    more, message, tmp_path
):
    path = tmp_path / "t.csv"
    path.write_text(_HEAD + _GOOD + more)
    with pytest.raises(ValueError, match=rf"t\.csv is not a readable table \(it has {message}"):
        load_n2001_features(path)
