"""Recording tables, windows and file handles."""

import pickle
import warnings
from decimal import Decimal
from fractions import Fraction

import joblib
import numpy as np
import pandas as pd
import pytest

from sklearn_emg.exceptions import RecordingWarning
from sklearn_emg.preprocessing import BandpassFilter, HighpassFilter
from sklearn_emg.recordings import (
    SignalFile,
    check_recording_table,
    divide,
    read_signal,
    recording_table,
    subjects_of,
    window_table,
)


@pytest.fixture
def table():
    rng = np.random.default_rng(0)
    signals = [rng.normal(size=n) for n in (100, 55, 73)]
    return recording_table(
        signals, fs=100.0, subject=["a", "b", "a"], region=["proximal", "distal", "distal"], age=51
    )


def test_table_keeps_every_column_and_dtype(table):
    assert list(table.columns) == ["signal", "fs", "subject", "region", "age"]
    assert table["fs"].dtype == float
    assert table["age"].tolist() == [51, 51, 51]


def test_signals_of_equal_length_stay_one_per_row():
    table = recording_table(np.ones((3, 7)), fs=10, subject=list("abc"))
    assert table.shape == (3, 3)
    assert table["signal"].iloc[2].shape == (7,)


def test_table_from_3d_array_is_multichannel():
    table = recording_table(np.ones((5, 2, 7)), fs=10, subject="a")
    assert table["signal"].iloc[4].shape == (2, 7)


def test_names_of_subjects_may_be_tuples():
    names = [("lab", 1), ("lab", 2)]
    signals = np.random.default_rng(0).normal(size=(2, 100))
    table = recording_table(list(signals), fs=1000.0, subject=names)
    assert table["subject"].tolist() == names
    with pytest.raises(ValueError, match="'subject' has 2 values for 1 signal"):
        recording_table([signals[0]], fs=1000.0, subject=names)


def test_table_refuses_a_column_of_another_length():
    with pytest.raises(ValueError, match=r"Column 'subject' has 2 values for 3 signals"):
        recording_table(np.ones((3, 7)), fs=10, subject=["a", "b"])


def test_check_names_the_missing_column_and_what_there_is():
    with pytest.raises(
        ValueError, match=r"lacks the column 'fs' \(sampling rate in Hz\).*'signal'"
    ):
        check_recording_table(pd.DataFrame({"signal": [1], "subject": ["a"]}))


def test_check_reports_all_faults_of_a_table_at_once(table):
    bad = table.copy()
    bad.at[0, "signal"] = np.ones((1, 2, 3))
    bad.at[1, "signal"] = [1.0, 2.0]
    bad.loc[2, "fs"] = -1.0
    bad["subject"] = ["a", None, "b"]
    with pytest.raises(ValueError) as error:
        check_recording_table(bad)
    for text in (
        "row 0, column 'signal': must be 1-D (n_times,) or 2-D",
        "row 1, column 'signal': must be a NumPy array or a SignalFile, got list",
        "row 2, column 'fs': must be a positive number in Hz, got -1.0",
        "row 1, column 'subject': is missing",
    ):
        assert text in str(error.value)


@pytest.mark.parametrize(
    "value, match",
    [
        (np.array([], dtype=float), "is empty"),
        (np.array(["a", "b"]), "must be numeric in mV"),
        (np.array([1j, 2j]), "must be numeric in mV"),
    ],
)
def test_check_refuses_unusable_signals(table, value, match):
    table.at[1, "signal"] = value
    with pytest.raises(ValueError, match=rf"row 1, column 'signal': {match}"):
        check_recording_table(table)


def test_check_finds_nan_on_request(table):
    signal = table.at[1, "signal"].copy()
    signal[3] = np.nan
    table.at[1, "signal"] = signal
    assert check_recording_table(table) is table
    with pytest.raises(ValueError, match=r"row 1, .*contains NaN or infinity"):
        check_recording_table(table, finite=True)


def test_check_refuses_other_types_and_empty_tables(table):
    with pytest.raises(TypeError, match="must be a pandas DataFrame, got ndarray"):
        check_recording_table(np.ones((2, 3)))
    with pytest.raises(ValueError, match="has no rows"):
        check_recording_table(table.iloc[:0])
    with pytest.raises(ValueError, match="the column 'age' more than once"):
        check_recording_table(pd.concat([table, table[["age"]]], axis=1))


# ------------------------------------------------------------------ windows


def test_windows_hold_the_samples_of_their_recording(table):
    windows = divide(table, window=0.3, step=0.1)
    assert windows.X.shape == (8 + 3 + 5, 30)
    assert windows.X.dtype == np.float32
    for x, row, start in zip(windows.X, windows.row, windows.start):
        expected = table["signal"].iloc[row][start : start + 30]
        np.testing.assert_array_equal(x, expected.astype(np.float32))


def test_rates_within_a_millionth_are_one_rate():
    x = np.random.default_rng(0).normal(size=2000)
    rates = [2000.0, 1 / 0.0005000000001, 2000.0015]
    table = recording_table([x, x + 1, x], fs=rates, subject=["a", "b", "c"])
    assert divide(table, 0.1).fs == 2000.0
    assert len(window_table(table, 0.1)[0]) == 30
    table["fs"] = [2000.0, 2000.01, 2000.0]
    with pytest.raises(ValueError, match=r"row 0 has fs=2000 Hz and row 1 has fs=2000.01 Hz"):
        divide(table, 0.1)


def test_rates_of_an_estimator_and_of_the_table_may_differ_by_rounding():
    x = np.random.default_rng(0).normal(size=2000)
    table = recording_table([x], fs=1 / 0.0005000000001, subject="a")
    assert BandpassFilter(20.0, 400.0, fs=2000.0).fit_transform(table)["signal"][0].shape == (2000,)
    with pytest.raises(ValueError, match="'fs' parameter of BandpassFilter is 2001 Hz"):
        BandpassFilter(20.0, 400.0, fs=2001).fit(table)


def test_windows_lead_back_to_rows_and_subjects(table):
    windows = divide(table, window=0.3, step=0.1)
    assert windows.repeat(table["subject"]).tolist() == ["a"] * 8 + ["b"] * 3 + ["a"] * 5
    means = windows.mean_by_row(windows.start[:, None])
    np.testing.assert_allclose(means[:, 0], [35, 10, 20])


@pytest.mark.parametrize(
    "window, fs, n_samples",
    # 1 s at 23437.5 Hz is 23437 samples in the Boumerdes study, 0.25 s 5859 in the N2001 features.
    [(1.0, 23437.5, 23437), (0.25, 23437.5, 5859), (0.4, 10000.0, 4000), (0.29, 100.0, 29)],
)
def test_seconds_become_the_whole_samples_that_fit(window, fs, n_samples):
    table = recording_table([np.zeros(30000)], fs=fs, subject="a")
    assert divide(table, window).X.shape[1] == n_samples


@pytest.mark.parametrize("name", ["window", "step"])
@pytest.mark.parametrize("value", ["0.2", [0.2], 0, -1.0, np.nan, np.inf])
def test_durations_must_be_positive_numbers(table, name, value):
    with pytest.raises(ValueError, match=f"The '{name}' must be a positive number of seconds"):
        divide(table, **{"window": 0.2, name: value})


def test_boumerdes_windows_per_record():
    # 26 windows of 23,437 samples with a step of 9,375 from a record of 262,124 samples.
    table = recording_table([np.zeros(262124, dtype=np.float32)], fs=23437.5, subject="a")
    assert len(divide(table, 1.0, 0.4)) == 26
    assert divide(table, 1.0, 0.4).start[1] == 9375


@pytest.mark.parametrize(
    "tail, starts, last",
    [
        ("drop", [0, 30, 60], 60),
        ("overlap", [0, 30, 60, 70], 70),
        ("pad", [0, 30, 60, 90], 90),
    ],
)
def test_tail(tail, starts, last):
    signal = np.arange(1.0, 101.0)
    table = recording_table([signal], fs=100.0, subject="a")
    windows = divide(table, 30, unit="samples", tail=tail)
    assert windows.start.tolist() == starts
    expected = np.zeros(30)
    rest = signal[last : last + 30]
    expected[: len(rest)] = rest
    np.testing.assert_array_equal(windows.X[-1], expected)


def test_padding_adds_no_window_where_overlapping_ones_cover_the_end():
    table = recording_table([np.ones(100)], fs=100.0, subject="a")
    assert divide(table, 40, 20, unit="samples", tail="pad").start.tolist() == [0, 20, 40, 60]


def test_short_recordings_are_an_error_or_left_out_with_a_warning(table):
    with pytest.raises(ValueError, match=r"row 1 has 55 samples \(0.55 s\), but one window has 70"):
        divide(table, 0.7)
    with pytest.warns(UserWarning, match="row 1 has 55 samples"):
        windows = divide(table, 0.7, short="skip")
    assert windows.row.tolist() == [0, 2]
    assert list(windows.skipped) == [1]
    assert np.isnan(windows.mean_by_row(np.ones((2, 1)))[1, 0])


def test_windows_with_nan_are_an_error_or_left_out_with_a_warning(table):
    table.at[0, "signal"] = np.where(np.arange(100) == 35, np.nan, 1.0)
    with pytest.raises(ValueError, match=r"row 0 has NaN or infinity in 1 of 5 windows"):
        divide(table, 0.2)
    with pytest.warns(UserWarning, match="row 0 has NaN"):
        windows = divide(table, 0.2, nan="skip")
    assert windows.start[windows.row == 0].tolist() == [0, 40, 60, 80]
    assert np.isfinite(windows.X).all()


@pytest.mark.parametrize(
    ("fault", "call"),
    [
        ("gap", lambda X: divide(X, 0.2)),
        ("gap", lambda X: HighpassFilter(10.0).fit_transform(X)),
        ("short", lambda X: divide(X, 0.2)),
        ("rate", lambda X: divide(X, 0.2)),
        ("counts", lambda X: HighpassFilter(10.0).fit(X)),
    ],
)
def test_rows_of_a_part_of_a_table_are_named_by_position_and_index(fault, call):
    signals = np.random.default_rng(0).normal(0, 0.1, size=(4, 100))
    table = recording_table(list(signals), fs=100.0, subject=list("abcd"))
    if fault == "gap":
        table.at[3, "signal"][5] = np.nan
    elif fault == "rate":
        table.loc[3, "fs"] = 200.0
    else:
        table.at[3, "signal"] = signals[3, :7] if fault == "short" else np.arange(100.0)
    part = table.iloc[[0, 2, 3]]  # as in a fold of a comparison
    with warnings.catch_warnings():
        warnings.simplefilter("error", RecordingWarning)
        with pytest.raises((ValueError, RecordingWarning), match=r"(?i)row 2 \(index 3\)"):
            call(part)


def test_rows_without_any_window_are_named(table):
    table.at[2, "signal"] = np.full(100, np.nan)
    with pytest.warns(RecordingWarning, match=r"No window is left of rows 1, 2\.$"):
        windows = divide(table, 0.7, nan="skip", short="skip")
    assert windows.row.tolist() == [0]
    table.at[0, "signal"] = np.where(np.arange(100) == 35, np.nan, 1.0)
    with pytest.warns(RecordingWarning, match=r"1 of 5 windows; [^.]*5 of 5 windows\. No window"):
        divide(table, 0.2, nan="skip")


def test_no_window_left_is_an_error(table):
    with pytest.raises(ValueError, match="No window of 500"):
        divide(table, 5.0, short="skip")


def test_mixed_rates_and_channels_are_refused(table):
    mixed = table.assign(fs=[100.0, 100.0, 200.0])
    with pytest.raises(ValueError, match=r"row 2 has fs=200 Hz. Resample the rows"):
        divide(mixed, 0.3)
    table.at[1, "signal"] = np.ones((2, 55))
    with pytest.raises(
        ValueError, match=r"one number of channels, but row 0.*row 1 one of shape \(2, 55\)"
    ):
        divide(table, 0.3)


@pytest.mark.parametrize(
    "kwargs, match",
    [
        ({"window": 0.0}, "'window' must be a positive number of seconds"),
        ({"window": np.nan}, "'window' must be a positive number"),
        ({"window": 0.001}, "shorter than one sample"),
        ({"window": 2.5, "unit": "samples"}, "integer number of samples"),
        ({"window": 0.3, "step": -1}, "'step' must be a positive number"),
        ({"window": 0.3, "tail": "keep"}, "'tail' must be one of"),
        ({"window": 0.3, "nan": "drop"}, "'nan' must be one of"),
        ({"window": 0.3, "short": 1}, "'short' must be one of"),
        ({"window": 3, "unit": "ms"}, "'unit' must be one of"),
    ],
)
def test_divide_refuses_bad_arguments(table, kwargs, match):
    with pytest.raises(ValueError, match=match):
        divide(table, **kwargs)


def test_window_table_has_one_window_per_row_without_copies(table):
    windows, row = window_table(table, 0.3, 0.1)
    assert len(windows) == 16
    assert windows["subject"].tolist() == table["subject"].iloc[row].tolist()
    assert list(windows.columns) == list(table.columns)
    assert np.shares_memory(windows["signal"].iloc[1], table["signal"].iloc[0])
    np.testing.assert_array_equal(
        np.stack(windows["signal"].tolist()).astype(np.float32), divide(table, 0.3, 0.1).X
    )


# ------------------------------------------------------------------ subjects


def test_subjects_of_reads_groups_before_the_column(table):
    assert subjects_of(table).tolist() == [0, 1, 0]
    assert subjects_of(table, groups=[5, 6, 7]).tolist() == [0, 1, 2]


def test_subjects_of_refuses_anonymous_rows(table):
    with pytest.raises(ValueError, match="does not name the subjects of its rows"):
        subjects_of(np.ones((3, 2)))
    with pytest.raises(ValueError, match="Row 1 has no subject"):
        subjects_of(table.assign(subject=["a", None, "b"]))
    with pytest.raises(ValueError, match="groups has 2 entries for 3 rows"):
        subjects_of(table, groups=[1, 2])


def test_subjects_of_keeps_types_apart(table):
    assert subjects_of(table.assign(subject=[1, "1", ("1", 2)])).tolist() == [0, 1, 2]


# ------------------------------------------------------------------ files


@pytest.fixture
def stored(tmp_path):
    samples = np.random.default_rng(0).integers(-2000, 2000, size=(3, 50), dtype=np.int16)
    path = tmp_path / "emg.dat"
    with open(path, "wb") as file:
        file.write(b"prolog")
        samples.T.astype("<i2").tofile(file)
    return path, samples


def test_signal_file_reads_scaled_channels(stored):
    path, samples = stored
    handle = SignalFile(path, offset=6, n_channels=3, scale=[1.0, 0.5, 0.25], baseline=[0, 10, 20])
    expected = (samples - np.array([[0], [10], [20]])) * np.array([[1.0], [0.5], [0.25]])
    np.testing.assert_array_equal(np.asarray(handle), expected)
    assert handle.shape == (3, 50)
    assert np.asarray(handle, dtype=np.float64).dtype == np.float64


def test_signal_file_reads_parts_and_chosen_channels(stored):
    path, samples = stored
    handle = SignalFile(path, offset=6, length=50, n_channels=3, channels=[2, 0])
    np.testing.assert_array_equal(handle.read(10, 25), samples[[2, 0], 10:25])
    np.testing.assert_array_equal(handle.read(45, 99), samples[[2, 0], 45:])


def test_signal_file_marks_invalid_samples(tmp_path):
    path = tmp_path / "a.bin"
    np.array([1, -32768, 3], dtype="<i2").tofile(path)
    np.testing.assert_array_equal(SignalFile(path, invalid=-32768).read(), [1, np.nan, 3])


def test_signal_file_names_a_truncated_file(stored):
    path, _ = stored
    with pytest.raises(ValueError, match=r"emg.dat holds 50 samples .* 51 were announced"):
        np.asarray(SignalFile(path, offset=6, length=51, n_channels=3))


def test_signal_file_is_pickled_as_a_reference(stored):
    path, samples = stored
    handle = SignalFile(path, offset=6, n_channels=3)
    data = pickle.dumps(handle)
    assert len(data) < 500
    again = pickle.loads(data)
    assert again == handle
    assert hash(again) == hash(handle)
    np.testing.assert_array_equal(np.asarray(again), samples)


@pytest.mark.parametrize(
    "kwargs, match",
    [
        ({"offset": -1}, "'offset' of SignalFile must be >= 0"),
        ({"length": -1}, "'length' of SignalFile"),
        ({"n_channels": 0}, "'n_channels' of SignalFile"),
        ({"n_channels": 2, "channels": [2]}, r"'channels' of SignalFile must be from 0 to 1"),
        ({"n_channels": 2, "scale": [1, 2, 3]}, "'scale' of SignalFile"),
        ({"baseline": np.inf}, "'baseline' of SignalFile"),
        ({"dtype": object}, "'dtype' parameter of SignalFile"),
    ],
)
def test_signal_file_refuses_bad_arguments(kwargs, match):
    with pytest.raises(ValueError, match=match):
        SignalFile("a.bin", **kwargs)


def test_signal_file_of_another_size_is_refused(tmp_path):
    path = tmp_path / "a.bin"
    np.zeros(400, "<i2").tofile(path)
    for wrong in ({"n_channels": 3}, {"dtype": "V3"}, {"offset": 5, "dtype": "<f4"}):
        with pytest.raises(ValueError, match=r"a\.bin has .* no multiple of .* Check the 'n_chan"):
            SignalFile(path, **wrong).read()
        assert SignalFile(path, length=10, **wrong).read().shape[-1] == 10
    with pytest.raises(ValueError, match="the number of bytes of a block"):
        _ = SignalFile(path, blocks=(9, 18, [0])).shape


@pytest.mark.parametrize("name", ["a.npy", "a.EDF", "a.csv", "a.mat"])
def test_signal_file_takes_no_header_for_samples(name):
    with pytest.raises(ValueError, match=r"does not begin with samples.*read_recordings.*offset="):
        SignalFile(name)
    assert SignalFile(name, offset=128, length=10).shape == (10,)


def _subject_and_sum(table):
    return table["subject"].iloc[0], float(sum(read_signal(s).sum() for s in table["signal"]))


def test_handles_in_a_table_divide_like_arrays_and_reach_workers(stored):
    path, samples = stored
    handles = [SignalFile(path, offset=6, n_channels=3, channels=[c]) for c in range(3)]
    table = recording_table(handles, fs=10.0, subject=list("abc"))
    arrays = recording_table(samples[:, None, :].astype(float), fs=10.0, subject=list("abc"))
    np.testing.assert_array_equal(divide(table, 1.0).X, divide(arrays, 1.0).X)
    with joblib.parallel_config(backend="loky", n_jobs=2):
        out = joblib.Parallel()(joblib.delayed(_subject_and_sum)(table.iloc[[i]]) for i in range(3))
    assert out == [(s, float(samples[i].sum())) for i, s in enumerate("abc")]


def test_signal_file_reads_blocks_and_24_bits(tmp_path):
    values = np.arange(-60, 60).reshape(2, 60) * 70_001
    little = np.ascontiguousarray(values.astype("<i4")).view(np.uint8).reshape(2, 60, 4)[..., :3]
    blocks = little.reshape(2, 6, 10, 3).transpose(1, 0, 2, 3)  # 6 blocks, 10 samples per channel
    (tmp_path / "blocks.bin").write_bytes(b"head" + blocks.tobytes())
    (tmp_path / "mixed.bin").write_bytes(little.transpose(1, 0, 2).tobytes())
    inblocks = SignalFile(tmp_path / "blocks.bin", offset=4, dtype="V3", n_channels=2,
                          blocks=(10, 60, [0, 30]))  # fmt: skip
    mixed = SignalFile(tmp_path / "mixed.bin", dtype="V3", n_channels=2)
    for handle in (inblocks, mixed):
        assert handle.shape == (2, 60)
        np.testing.assert_array_equal(handle.read(dtype=float), values)
        np.testing.assert_array_equal(handle.read(7, 33, dtype=float), values[:, 7:33])
    longer = SignalFile(tmp_path / "blocks.bin", offset=4, dtype="V3", n_channels=2, length=80,
                        blocks=(10, 60, [0, 30]))  # fmt: skip
    with pytest.raises(ValueError, match="holds 60 samples per channel after byte 4, but 80 were"):
        longer.read()
    with pytest.raises(ValueError, match="'blocks' of SignalFile"):
        SignalFile(tmp_path / "blocks.bin", n_channels=2, blocks=(10, 60, [0, 50]))


@pytest.mark.parametrize("dtype", ["i2", "f4", "f8"])
@pytest.mark.parametrize("as_list", [False, True])
def test_masked_samples_become_nan(dtype, as_list):
    x = np.ma.masked_array(np.arange(-50, 50).reshape(2, 50).astype(dtype))
    x[0, 10:20] = np.ma.masked
    table = recording_table([list(x) if as_list else x], fs=1000.0, subject="a", unit="uV")
    assert np.flatnonzero(np.isnan(table["signal"][0])).tolist() == list(range(10, 20))


def test_masked_samples_of_a_table_made_by_hand_are_refused():
    table = recording_table([np.arange(-50, 50)], fs=1000.0, subject="a", unit="uV")
    x = np.ma.masked_greater(table["signal"][0], 0)
    with pytest.raises(ValueError, match=r"row 0, .* has masked samples; replace them by NaN"):
        check_recording_table(table.assign(signal=pd.Series([x], dtype=object)))


@pytest.mark.parametrize("fs", [b"2000.5", Decimal("2000.5"), Fraction(4001, 2), "2000.5"])
def test_rates_of_other_types_become_numbers(fs):
    x = np.random.default_rng(0).normal(0, 0.1, 500)
    for given in (fs, [fs]):
        table = recording_table([x], fs=given, subject="a")
        assert table["fs"].dtype == float
        assert table["fs"].tolist() == [2000.5]
    by_hand = table.assign(fs=pd.Series([fs], dtype=object))
    with pytest.raises(ValueError, match=r"column 'fs': .*(is the|positive number).*2000\.5|4001"):
        check_recording_table(by_hand)


@pytest.mark.parametrize("fs", [np.array(2000.0), np.array([[2000]]), np.array(2000, dtype="u2")])
def test_rates_of_files_may_be_arrays_of_one_number(fs):
    table = recording_table(np.random.default_rng(0).normal(size=(2, 400)), fs=fs, subject="a")
    assert table["fs"].tolist() == [2000.0, 2000.0]


def test_subjects_and_columns_of_iterators_and_views():
    signals = [np.random.default_rng(k).normal(size=200) for k in range(2)]
    for names in (
        iter("ab"),
        (n for n in "ab"),
        {"a": 1, "b": 2}.keys(),
        {1: "a", 2: "b"}.values(),
    ):
        table = recording_table(signals, fs=iter([1000, 2000]), subject=names, age=iter([40, 50]))
        assert table["subject"].tolist() == ["a", "b"]
        assert table["fs"].tolist() == [1000.0, 2000.0]
        assert table["age"].tolist() == [40, 50]
