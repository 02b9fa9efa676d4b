"""Wavelet features against filter banks written out, PyWavelets, and known energies."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
import pywt

from sklearn_emg.feature_extraction import CWTFeatures, WaveletFeatures, cwt
from sklearn_emg.feature_extraction._wavelet import CWT_FEATURES, FEATURES
from sklearn_emg.recordings import recording_table

FS = 1000.0


def frame(X, names="all", **parameters):
    extractor = WaveletFeatures(names, **parameters).set_output(transform="pandas")
    return extractor.fit_transform(np.atleast_2d(X))


def written_out_dwt(x, wavelet, level):
    """Mallat's algorithm with half-sample symmetric ends: filter, keep every second."""
    bank = pywt.Wavelet(wavelet)
    bands = []
    for _ in range(level):
        n_taps = len(bank.dec_lo)
        padded = np.pad(x, n_taps - 1, mode="symmetric")
        bands.append(np.convolve(padded, bank.dec_hi, mode="valid")[1::2])
        x = np.convolve(padded, bank.dec_lo, mode="valid")[1::2]
    return [x, *bands[::-1]]


def plain(bands):
    """The formulas of the registry for the bands of one window."""
    energy = [sum(c**2) for c in bands]
    fraction = np.array(energy) / sum(energy)
    mav = [np.mean(abs(c)) for c in bands]
    q = [c**2 / e for c, e in zip(bands, energy)]
    return np.concatenate(
        [
            energy,
            fraction,
            [-sum(v[v > 0] * np.log(v[v > 0])) for v in q],
            mav,
            [np.sqrt(np.mean(c**2)) for c in bands],
            [np.std(c) for c in bands],
            [sum(abs(np.diff(c))) for c in bands],
            [low / high for low, high in pairwise(mav)],
            [-sum(fraction * np.log(fraction))],
        ]
    )


def real_windows(real_data, n_times):
    x = np.fromfile(real_data / "emgdb" / "emg_neuropathy.dat", "<i2") / 10000
    yield np.stack([x[s : s + n_times] for s in range(3000, 43000, 8000)])
    x = np.fromfile(real_data / "n2001" / "N2001A01BB02.bin", "<i2", offset=20) / 13107
    yield np.stack([x[s : s + n_times] for s in range(0, 200000, 50000)])


@pytest.mark.parametrize("wavelet, level", [("db4", 4), ("haar", 3), ("sym5", 2)])
@pytest.mark.parametrize("n_times", [501, 4000])
def test_dwt_equals_a_filter_bank_written_out_on_real_windows(real_data, wavelet, level, n_times):
    for X in real_windows(real_data, n_times):
        got = WaveletFeatures(wavelet=wavelet, level=level).fit_transform(X)
        expected = [plain(written_out_dwt(x, wavelet, level)) for x in X]
        np.testing.assert_allclose(got, expected, rtol=1e-6)


def test_packets_equal_a_filter_bank_written_out(real_data):
    X = next(real_windows(real_data, 300))
    low, high = zip(*(written_out_dwt(x, "db2", 1) for x in X))
    got = frame(X, ["wavelet_energy"], wavelet="db2", level=2, decomposition="wpt").to_numpy()
    for i in range(len(X)):
        ll, lh = written_out_dwt(low[i], "db2", 1)
        hl, hh = written_out_dwt(high[i], "db2", 1)
        # Decimation mirrors the high half, so its high-pass band is the lower in frequency.
        np.testing.assert_allclose(got[i], [sum(c**2) for c in (ll, lh, hh, hl)], rtol=1e-9)


def test_haar_by_hand():
    got = frame([[4.0, 2.0, 1.0, 1.0]], wavelet="haar", level=1)
    root = np.sqrt(2)
    expected = {
        "wavelet_energy_a1": 20.0,  # (6, 2) / sqrt 2
        "wavelet_energy_d1": 2.0,  # (2, 0) / sqrt 2
        "wavelet_relative_energy_d1": 1 / 11,
        "wavelet_entropy_a1": -(0.9 * np.log(0.9) + 0.1 * np.log(0.1)),
        "wavelet_entropy_d1": 0.0,
        "wavelet_mav_a1": 4 / root,
        "wavelet_rms_d1": 1.0,
        "wavelet_std_a1": 2 / root,
        "wavelet_wl_a1": 4 / root,
        "wavelet_ratio_a1_d1": 4.0,
        "wavelet_total_entropy": -(10 / 11 * np.log(10 / 11) + 1 / 11 * np.log(1 / 11)),
    }
    for name, value in expected.items():
        assert got[name].iloc[0] == pytest.approx(value, abs=1e-12), name


@pytest.mark.parametrize(
    "parameters", [{"mode": "periodization"}, {"decomposition": "swt"}, {"decomposition": "wpt"}]
)
def test_energies_of_all_bands_sum_up_to_that_of_the_window(parameters):
    X = np.random.default_rng(0).normal(size=(3, 320))
    got = frame(X, ["wavelet_energy"], **{"level": 3, "mode": "periodization"} | parameters)
    np.testing.assert_allclose(got.sum(axis=1), (X**2).sum(axis=1), rtol=1e-9)


@pytest.mark.parametrize("decomposition, band", [("dwt", "d2"), ("swt", "d2"), ("wpt", "p2")])
def test_sinusoid_lies_in_its_band(decomposition, band):
    # 170 Hz of 1000: d2 is 125-250 Hz, packet 2 of 8 is 125-187.5 Hz.
    X = np.sin(2 * np.pi * 170 * np.arange(2000) / FS)
    got = frame(
        X, ["wavelet_relative_energy"], wavelet="db10", level=3, decomposition=decomposition
    )
    assert got[f"wavelet_relative_energy_{band}"].iloc[0] > 0.9


@pytest.mark.parametrize("n_times", [64, 61, 57])
def test_stationary_bands_are_as_long_as_the_window(n_times):
    X = np.random.default_rng(1).normal(size=(2, n_times))
    bands = WaveletFeatures(wavelet="db2", level=3, decomposition="swt")._decompose(X)
    assert [band.shape for band in bands] == [(2, n_times)] * 4


@pytest.mark.parametrize("decomposition", ["dwt", "swt", "wpt"])
def test_row_depends_on_its_window_alone(decomposition):
    X = np.random.default_rng(2).normal(size=(23, 3, 170)).astype(np.float32)
    extractor = WaveletFeatures(wavelet="db2", decomposition=decomposition).fit(X)
    together = extractor.transform(X)
    assert together.dtype == np.float32
    np.testing.assert_array_equal(extractor.transform(X[::-1])[::-1], together)
    np.testing.assert_array_equal(extractor.transform(X[4:5])[0], together[4])
    threaded = WaveletFeatures(wavelet="db2", decomposition=decomposition, n_jobs=2).fit_transform(
        X
    )
    np.testing.assert_array_equal(threaded, together)


@pytest.mark.parametrize("decomposition", ["dwt", "swt", "wpt"])
def test_features_scale_by_their_documented_power(decomposition):
    X = np.random.default_rng(3).normal(size=(4, 250))
    one = frame(X, decomposition=decomposition)
    thousand = frame(1000 * X, decomposition=decomposition)
    for column in one:
        name = max((name for name in FEATURES if column.startswith(name)), key=len)
        np.testing.assert_allclose(
            thousand[column], one[column] * 1000 ** FEATURES[name].power, rtol=1e-9
        )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("decomposition", ["dwt", "swt", "wpt"])
def test_constant_window_has_energy_in_the_lowest_band_only(dtype, decomposition):
    X = np.array([[0.1], [0.0], [-3000.1]], dtype=dtype) * np.ones((3, 128), dtype=dtype)
    fraction = frame(X, ["wavelet_relative_energy"], decomposition=decomposition).to_numpy()
    np.testing.assert_array_equal(fraction[:, 1:], 0.0)
    np.testing.assert_array_equal(fraction[:, 0], [1.0, 0.0, 1.0])
    assert np.isfinite(frame(X, decomposition=decomposition)).all(axis=None)


@pytest.mark.parametrize(
    "parameters, message",
    [
        ({"wavelet": "db99"}, "'wavelet' parameter of WaveletFeatures"),
        ({"mode": "mirror"}, "'mode' parameter of WaveletFeatures"),
        ({"level": 5}, "must be at most 3 for windows of 100 samples"),
        ({"features": ["wavelet_energie"]}, "did you mean 'wavelet_energy'"),
        ({"decomposition": "fwt"}, "'decomposition' parameter of WaveletFeatures"),
    ],
)
def test_wrong_parameters_are_named(parameters, message):
    with pytest.raises(ValueError, match=message):
        WaveletFeatures(**parameters).fit(np.ones((3, 100)))


@pytest.mark.parametrize(
    "wavelet", ["morl", "mexh", "gaus3", "cmor1.5-1.0", "cgau2", "shan1.5-1.0"]
)
@pytest.mark.parametrize("n_times", [50, 333])
def test_cwt_equals_pywavelets(wavelet, n_times):
    X = np.random.default_rng(4).normal(size=(3, n_times))
    scales = [1.5, 4.0, 11.3, 40.0]
    expected, _ = pywt.cwt(X, scales, wavelet)
    got = cwt(X, scales, wavelet)
    np.testing.assert_allclose(got, np.moveaxis(expected, 0, 1), atol=1e-10 * abs(expected).max())


def test_cwt_is_the_published_integral():
    t = np.arange(400)
    x = np.cos(2 * np.pi * 0.05 * t) + 0.5 * np.sin(2 * np.pi * 0.011 * t)
    for a in (8.0, 20.0):
        # 16 a + 1 taps: an odd number of differences, centred half a sample away from b.
        u = (t[np.newaxis] - t[:, np.newaxis] + 0.5) / a
        direct = a**-0.5 * (np.exp(-(u**2) / 2) * np.cos(5 * u)) @ x
        got = cwt(x, [a], "morl")[0]
        # A sum instead of an integral, and 4096 points of the wavelet; ends differ more.
        np.testing.assert_allclose(got[60:-60], direct[60:-60], atol=0.005 * abs(direct).max())


def test_rebuilds_the_published_wavelet_energy(real_data):
    table = pd.read_csv(real_data / "n2001_features" / "n2001_features.csv.gz")
    table = table[table["Patient"] == "C01"]
    x = np.fromfile(real_data / "n2001" / "N2001C01BB51.bin", "<i2", offset=20) / 13.107
    X = x[: 4 * 5859].reshape(4, 5859)
    got = CWTFeatures(["cwt_energy"], wavelet="morl", scales=np.arange(1, 128)).fit_transform(X)
    # The table gives two decimals of numbers near 1e9; its source states no version of PyWavelets,
    # whose sampling of the wavelet has changed since: 0.03 % apart.
    nearest = np.abs(got.sum(axis=1)[:, np.newaxis] / table["WE"].to_numpy() - 1).min(axis=1)
    assert nearest.max() < 1e-3


def test_cwt_features_follow_their_formulas():
    X = np.random.default_rng(5).normal(size=(2, 120))
    scales = np.array([2.0, 5.0, 9.0])
    got = CWTFeatures(fs=FS, scales=scales).fit_transform(X)
    for row, x in zip(got, X):
        power = abs(pywt.cwt(x, scales, "cmor1.5-1.0")[0]) ** 2
        energy = power.sum(axis=1)
        fraction = energy / energy.sum()
        ridge = 1.0 * FS / scales[power.argmax(axis=0)]
        expected = [
            *energy,
            *fraction,
            -sum(fraction * np.log(fraction)),
            ridge.mean(),
            ridge.std(),
        ]
        np.testing.assert_allclose(row, expected, rtol=1e-4)


def test_ridge_follows_a_step_in_frequency():
    t = np.arange(1000) / FS
    X = np.where(t < 0.5, np.sin(2 * np.pi * 50 * t), np.sin(2 * np.pi * 200 * t))[np.newaxis]
    got = CWTFeatures(
        ["cwt_ridge_mean", "cwt_ridge_std"], fs=FS, frequencies=[25, 50, 100, 200, 400]
    ).fit_transform(X)
    np.testing.assert_allclose(got, [[125.0, 75.0]], rtol=0.03)


def test_cwt_rows_and_dtype():
    X = np.random.default_rng(6).normal(size=(19, 2, 150)).astype(np.float32)
    extractor = CWTFeatures(fs=FS, scales=[2, 4, 8]).fit(X)
    together = extractor.transform(X)
    assert together.dtype == np.float32
    np.testing.assert_array_equal(extractor.transform(X[7:8])[0], together[7])
    threaded = CWTFeatures(fs=FS, scales=[2, 4, 8], n_jobs=2).fit_transform(X)
    np.testing.assert_array_equal(threaded, together)
    double = extractor.fit(X.astype(float)).transform(X.astype(float))
    np.testing.assert_allclose(together, double, rtol=1e-3)


@pytest.mark.parametrize(
    "extractor",
    [CWTFeatures(fs=1000.0), WaveletFeatures(wavelet="db2", level=4, decomposition="wpt")],
)
def test_rows_of_double_precision_are_the_same_alone(extractor):
    X = np.random.default_rng(2).normal(size=(7, 300))
    alone = np.concatenate([extractor.fit_transform(X[i : i + 1]) for i in range(7)])
    np.testing.assert_array_equal(alone, extractor.fit_transform(X))


def test_cwt_features_scale_by_their_documented_power():
    X = np.random.default_rng(7).normal(size=(3, 200))
    extractor = CWTFeatures(fs=FS).set_output(transform="pandas")
    one, thousand = extractor.fit_transform(X), extractor.fit_transform(1000 * X)
    for column in one:
        name = max((name for name in CWT_FEATURES if column.startswith(name)), key=len)
        np.testing.assert_allclose(
            thousand[column], one[column] * 1000 ** CWT_FEATURES[name].power, rtol=1e-9
        )


def test_cwt_of_zeros_is_zero_in_every_feature():
    np.testing.assert_array_equal(CWTFeatures(fs=FS).fit_transform(np.zeros((2, 99))), 0.0)


def test_frequencies_of_a_table_become_scales_of_each_rate():
    t = np.arange(2000)
    table = recording_table(
        [np.sin(2 * np.pi * 60 * t / fs) for fs in (1000.0, 2000.0)],
        fs=[1000.0, 2000.0],
        subject=["a", "b"],
    )
    extractor = CWTFeatures(["cwt_ridge_mean"], frequencies=[30, 60, 120])
    np.testing.assert_allclose(extractor.fit_transform(table), 60.0, rtol=0.02)
    extractor = CWTFeatures(["cwt_energy"], frequencies=[30, 60]).fit(table)
    assert extractor.get_feature_names_out().tolist() == ["cwt_energy_30hz", "cwt_energy_60hz"]


@pytest.mark.parametrize(
    "parameters, message",
    [
        ({"wavelet": "morlet"}, "'wavelet' parameter of CWTFeatures"),
        ({"scales": [0.5]}, "scales of CWTFeatures must be one or more numbers of at least 1"),
        ({"scales": [2], "frequencies": [100]}, "not both"),
        ({"frequencies": [600]}, "below 500 Hz"),
        ({"fs": None}, "CWTFeatures needs the sampling rate"),
    ],
)
def test_wrong_cwt_parameters_are_named(parameters, message):
    with pytest.raises(ValueError, match=message):
        CWTFeatures(**{"fs": FS} | parameters).fit(np.ones((3, 100)))


@pytest.mark.parametrize("mode", pywt.Modes.modes)
@pytest.mark.parametrize(
    "wavelet, n_times", [("haar", 9), ("db4", 57), ("bior3.5", 250), ("dmey", 150)]
)
def test_every_mode_equals_pywavelets(mode, wavelet, n_times):
    X = np.random.default_rng(8).normal(size=(3, n_times))
    level = max(min(pywt.dwt_max_level(n_times, wavelet), 2), 1)
    got = WaveletFeatures(wavelet=wavelet, level=level, mode=mode)._decompose(X)
    expected = pywt.wavedec(X, wavelet, mode=mode, level=level)
    for ours, theirs in zip(got, expected):
        np.testing.assert_allclose(ours, theirs, atol=1e-12)
