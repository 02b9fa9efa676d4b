"""Named sets of features, and properties of every feature of the package."""

import subprocess
import sys

import numpy as np
import pytest

from sklearn_emg.feature_extraction import (
    FEATURE_SETS,
    AutoregressiveFeatures,
    ComplexityFeatures,
    EMGFeatures,
    MultichannelFeatures,
    SpectralFeatures,
    TimeDomainFeatures,
)
from sklearn_emg.feature_extraction._sets import _known
from sklearn_emg.recordings import recording_table

FS = 1000.0
PARAMETERS = {"fs": FS, "bands": [(20, 100), (100, 400)]}


def windows(n_windows=5, n_channels=2, n_times=300, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_windows, n_channels, n_times))
    X[..., 1:] += 0.6 * X[..., :-1]
    return X


def test_sets_equal_the_extractors_of_their_families():
    X = windows(n_channels=1)[:, 0]
    time = {name: TimeDomainFeatures([name], fs=FS).fit_transform(X) for name in ("rms", "zc")}
    time |= {name: TimeDomainFeatures([name]).fit_transform(X) for name in ("wl", "mav")}
    expected = np.hstack(
        [AutoregressiveFeatures(4).fit_transform(X), *(time[n] for n in ("rms", "zc", "wl", "mav"))]
    )
    np.testing.assert_array_equal(EMGFeatures("elamvazuthi").fit_transform(X), expected)


@pytest.mark.parametrize(
    "name, n_columns",
    [
        ("hudgins", 4),
        ("phinyomark-2012", 9),
        ("phinyomark-2013", 7),
        ("elamvazuthi", 8),
        ("ahmed", 11),
        ("patel", 12),
    ],
)
def test_each_set_has_its_columns(name, n_columns):
    got = EMGFeatures(name, fs=FS).fit_transform(windows(n_channels=1))
    assert got.shape == (5, n_columns)
    assert np.isfinite(got).all()


def test_columns_come_channel_by_channel_in_the_order_asked_for():
    names = ["mnf", "mav", "correlation", "ar", "pkf"]
    extractor = EMGFeatures(names, fs=FS, ar_order=2).fit(windows())
    one = ["mnf", "mav", "ar_1", "ar_2", "pkf"]
    expected = [f"ch{c}_{name}" for c in (1, 2) for name in one] + ["correlation_ch1_ch2"]
    assert extractor.get_feature_names_out().tolist() == expected
    got = dict(zip(expected, extractor.transform(windows()).T))
    spectral = SpectralFeatures(["pkf"], fs=FS).fit_transform(windows())
    np.testing.assert_array_equal(got["ch2_pkf"], spectral[:, 1])
    mav = TimeDomainFeatures(["mav"]).fit_transform(windows())
    np.testing.assert_array_equal(got["ch1_mav"], mav[:, 0])
    joint = MultichannelFeatures(["correlation"]).fit_transform(windows())
    np.testing.assert_array_equal(got["correlation_ch1_ch2"], joint[:, 0])


@pytest.mark.parametrize("name", list(_known()))
def test_every_known_feature_comes_under_its_name(name):
    extractor = EMGFeatures([name], **PARAMETERS).set_output(transform="pandas")
    got = extractor.fit_transform(windows())
    assert all(column.removeprefix("ch1_").removeprefix("ch2_").startswith(name) for column in got)
    assert np.isfinite(got).all(axis=None)


def test_all_has_every_feature_once():
    got = EMGFeatures("all", **PARAMETERS).set_output(transform="pandas").fit_transform(windows())
    assert got.columns.is_unique
    for name in _known():
        assert any(name in column for column in got), name


def test_all_of_one_channel_has_none_across_channels():
    names = EMGFeatures("all", fs=FS).fit(windows()[:, 0]).get_feature_names_out().tolist()
    assert not {"rms_fraction_ch1", "covariance_ch1_ch1"} & set(names)
    assert not any(name.startswith("band_power") for name in names)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_no_window_gives_nan_infinity_or_a_warning(dtype):
    rng = np.random.default_rng(1)
    n_times = 300
    X = np.zeros((7, 2, n_times), dtype=dtype)
    X[1] = 0.1
    X[2, 0, 150] = 1.0
    X[3] = np.where(np.arange(n_times) < 120, -1, 1)
    X[4] = np.arange(n_times) / n_times
    X[5] = np.rint(rng.normal(size=n_times))
    X[6] = 1e-4 * rng.normal(size=n_times) + 50
    got = EMGFeatures("all", **PARAMETERS).set_output(transform="pandas").fit_transform(X)
    assert np.isfinite(got).all(axis=None), got.columns[~np.isfinite(got).all()].tolist()


def test_row_depends_on_its_window_alone():
    X = windows(9).astype(np.float32)
    extractor = EMGFeatures("all", **PARAMETERS).fit(X)
    together = extractor.transform(X)
    assert together.dtype == np.float32
    np.testing.assert_array_equal(extractor.transform(X[::-1])[::-1], together)
    np.testing.assert_array_equal(extractor.transform(X[3:4])[0], together[3])
    threaded = EMGFeatures("all", n_jobs=2, **PARAMETERS).fit_transform(X)
    np.testing.assert_array_equal(threaded, together)


def test_table_equals_array():
    X = windows()
    table = recording_table(list(X), fs=FS, subject=list("abcde"))
    names = ["mav", "mdf", "ar", "wavelet_energy", "sample_entropy", "covariance"]
    np.testing.assert_array_equal(
        EMGFeatures(names).fit_transform(table), EMGFeatures(names, fs=FS).fit_transform(X)
    )


def test_rows_of_a_table_may_differ_in_length_and_rate():
    rng = np.random.default_rng(2)
    lengths, rates = [300, 300, 200, 200, 300], [1e3, 1e3, 1e3, 2e3, 2e3]
    signals = [rng.normal(size=(2, n)) for n in lengths]
    signals[1] = signals[1].astype(np.float32)
    table = recording_table(signals, fs=rates, subject=list("abcde"))
    names = ["mav", "mdf", "sample_entropy"]
    expected = [
        EMGFeatures(names, fs=fs).fit_transform(signal[np.newaxis])[0]
        for signal, fs in zip(signals, rates)
    ]
    np.testing.assert_array_equal(EMGFeatures(names).fit_transform(table), expected)


def test_error_in_a_table_names_its_rows():
    signals = [np.ones(50), np.ones(50), np.ones(3), np.ones(3)]
    table = recording_table(signals, fs=FS, subject=list("abcd"))
    with pytest.raises(ValueError, match="Rows 2 to 3: Windows of 3 samples"):
        EMGFeatures("elamvazuthi").fit(table).transform(table)


def test_order_of_the_model_is_chosen_in_fit():
    X = windows(n_channels=1)
    extractor = EMGFeatures(["ar", "rms"], ar_order="aic").fit(X)
    alone = AutoregressiveFeatures("aic").fit(X)
    expected = [*alone.get_feature_names_out(), "rms"]
    assert extractor.get_feature_names_out().tolist() == expected


def test_settings_reach_the_families():
    X = windows(n_channels=1)
    got = EMGFeatures(["zc"], thresholds=2.0).fit_transform(X)
    np.testing.assert_array_equal(got, TimeDomainFeatures(["zc"], thresholds=2.0).fit_transform(X))
    got = EMGFeatures(["wavelet_energy"], wavelet="haar", level=2).fit(X)
    assert len(got.get_feature_names_out()) == 3


def test_second_fit_forgets_the_first():
    extractor = EMGFeatures(["mav", "correlation"]).fit(windows(n_channels=3))
    extractor.fit(windows(n_channels=2))
    fresh = EMGFeatures(["mav", "correlation"]).fit(windows(n_channels=2))
    X = windows(n_channels=2, seed=4)
    np.testing.assert_array_equal(extractor.transform(X), fresh.transform(X))


@pytest.mark.parametrize(
    "parameters, message",
    [
        ({"features": "phinyomark"}, "one of the sets 'hudgins', 'phinyomark-2012'"),
        ({"features": ["mavv"]}, "did you mean 'mav'"),
        ({"features": ["Median_Frequency"]}, "did you mean 'mdf'"),
        ({"features": ["mav", "mav"]}, "repeats 'mav'"),
        ({"features": ["mdf"]}, "EMGFeatures needs the sampling rate"),
        ({"features": ["band_power"], "fs": FS}, "needs the 'bands' parameter"),
        ({"ar_order": 0}, "'ar_order' parameter of EMGFeatures"),
    ],
)
def test_wrong_parameters_are_named(parameters, message):
    with pytest.raises(ValueError, match=message):
        EMGFeatures(**parameters).fit(windows())


def test_too_short_windows_name_the_feature():
    with pytest.raises(ValueError, match=r"ar of order 4 needs 5"):
        EMGFeatures("elamvazuthi").fit(np.ones((2, 4)))


def test_all_of_a_short_window_at_200_hz_leaves_out_what_is_too_short():
    X = windows()[:, 0, :100]
    with pytest.raises(
        ValueError, match=r"wavelet_energy.*of 4 levels of 'db4' need 112\. .*"
    ) as e:
        EMGFeatures("all", fs=200.0).fit(X)
    for remedy in ("EMGFeatures", "lower 'level'", r"drop=['wavelet']", "on_short='drop'"):
        assert remedy in str(e.value)
    extractor = EMGFeatures("all", fs=200.0, on_short="drop").fit(X)
    names = extractor.get_feature_names_out().tolist()
    assert extractor.dropped_ == [n for n in _known() if n.startswith("wavelet_")]
    assert not any(name.startswith("wavelet_") for name in names)
    assert {"mav", "ar_4", "mdf", "dfa", "muap_rate", "cwt_entropy"} <= set(names)
    assert np.isfinite(extractor.transform(X)).all()
    table = recording_table(list(X), fs=200.0, subject="a")
    rows = EMGFeatures("all", on_short="drop").fit(table)
    assert rows.dropped_ == extractor.dropped_
    np.testing.assert_array_equal(rows.transform(table), extractor.transform(X))
    short = recording_table([X[0, :30]], fs=200.0, subject="a")
    with pytest.raises(ValueError, match=r"Row 0.*box_counting needs 32.*fit on windows as short"):
        rows.transform(short)


@pytest.mark.parametrize("n_times", [1, 2, 3, 4, 7, 20])
@pytest.mark.parametrize("fs", [200.0, 1000.0, 10_000.0])
def test_the_shortest_windows_have_the_features_that_are_left(n_times, fs):
    X = windows()[..., :n_times]
    extractor = EMGFeatures("all", fs=fs, on_short="drop").fit(X)
    assert np.isfinite(extractor.transform(X)).all()
    for name in extractor.dropped_:
        with pytest.raises(ValueError, match=f"too short for EMGFeatures: {name} .*drop="):
            EMGFeatures([name], fs=fs).fit(X)


def test_features_and_domains_are_dropped_by_name():
    X = windows()[:, 0]
    every = EMGFeatures("all", fs=FS).fit(X).get_feature_names_out().tolist()
    some = EMGFeatures("all", fs=FS, drop=["autoregressive", "mav"]).fit(X)
    left = [n for n in every if n not in ("mav", "ar_residual") and n[:3] not in ("ar_", "cep")]
    assert some.get_feature_names_out().tolist() == left
    with pytest.raises(ValueError, match=r"'drop'.*'complexity'.*Did you mean 'wavelet'\?"):
        EMGFeatures(drop=["wavelets"]).fit(X)
    with pytest.raises(ValueError, match="leave no feature"):
        EMGFeatures("hudgins", drop=["time"]).fit(X)


@pytest.mark.parametrize(
    "parameters, message",
    [
        ({"bands": [(20, 2000)]}, "The 'bands' parameter of EMGFeatures must contain pairs"),
        ({"wavelet": "db"}, "The 'wavelet' parameter of EMGFeatures must be one of"),
        ({"thresholds": {"z": 1.0}}, "The 'thresholds' parameter of EMGFeatures has the unknown"),
    ],
)
def test_messages_of_the_families_name_emgfeatures(parameters, message):
    with pytest.raises(ValueError, match=message):
        EMGFeatures("all", fs=FS, **parameters).fit(windows())


def test_sets_hold_known_features():
    for name, features in FEATURE_SETS.items():
        assert set(features) <= set(_known()), name


def test_complexity_and_spectral_family_agree_on_their_common_name():
    X = windows(n_channels=1)
    np.testing.assert_allclose(
        ComplexityFeatures(["spectral_entropy"]).fit_transform(X),
        SpectralFeatures(["spectral_entropy"], fs=FS).fit_transform(X),
        rtol=1e-10,
    )


def test_import_loads_none_of_the_heavy_packages():
    code = (
        "import sys, sklearn_emg.feature_extraction, sklearn_emg.feature_selection;"
        "heavy = {'numba', 'pywt', 'tsfresh', 'torch', 'matplotlib'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
