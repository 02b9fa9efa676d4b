"""Spectral features against closed forms, a plain NumPy transcription and a published table."""

import numpy as np
import pandas as pd
import pytest
import scipy.signal

from sklearn_emg.feature_extraction import SpectralFeatures, power_spectrum
from sklearn_emg.feature_extraction._spectral import FEATURES
from sklearn_emg.recordings import recording_table, window_table

FS = 1000.0
NAMES = [name for name in FEATURES if name != "band_power"]


def features(X, names, **parameters):
    X = np.atleast_2d(X)
    result = SpectralFeatures(names, **{"fs": FS} | parameters).fit_transform(X)
    return dict(zip(names, result.T))


def sinusoid(frequency, amplitude=1.0, n_times=500):
    return amplitude * np.sin(2 * np.pi * frequency * np.arange(n_times) / FS + 0.3)


def plain(x, fs, edge=0.95, width=20.0):
    """The definitions of the docstring, written out for one window, float64."""
    n = x.size
    X = np.fft.fft(x - x.mean())
    M = n // 2
    f = np.arange(1, M + 1) * fs / n
    P = np.array(
        [abs(X[k]) ** 2 + (abs(X[n - k]) ** 2 if n - k != k else 0) for k in range(1, M + 1)]
    )
    P = P / n**2
    total = sum(P)
    mnf = sum(f * P) / total
    p = P / total
    peak = f[np.argmax(P)]
    amplitude = np.sqrt(2 * P)
    return {
        "ttp": total,
        "mnp": total / M,
        "mnf": mnf,
        "mdf": f[np.nonzero(np.cumsum(P) >= total / 2)[0][0]],
        "pkf": peak,
        "sm1": sum(f * P),
        "sm2": sum(f**2 * P),
        "sm3": sum(f**3 * P),
        "vcf": sum(P * (f - mnf) ** 2) / total,
        "spectral_entropy": -sum(p * np.log(p)) / np.log(M),
        "flatness": np.exp(np.mean(np.log(P))) / np.mean(P),
        "edge_frequency": f[np.nonzero(np.cumsum(P) >= edge * total)[0][0]],
        "fr": sum(P[f <= mnf]) / sum(P[f > mnf]),
        "psr": sum(P[abs(f - peak) <= width]) / total,
        "fft_max": max(P) / (fs / n),
        "fft_var": np.mean((amplitude - amplitude.mean()) ** 2),
        "spectral_slope": np.polyfit(np.log(f), np.log(P), 1)[0],
    }


def real_windows(real_data, n_times):
    """Windows of emgdb and N2001 in mV with their sampling rates."""
    for name in ("emg_healthy", "emg_myopathy", "emg_neuropathy"):
        x = np.fromfile(real_data / "emgdb" / f"{name}.dat", "<i2") / 10000
        yield np.stack([x[s : s + n_times] for s in range(3000, 43000, 8000)]), 4000.0
    for name in ("N2001A01BB02", "N2001C01BB51"):
        x = np.fromfile(real_data / "n2001" / f"{name}.bin", "<i2", offset=20) / 13107
        yield np.stack([x[s : s + n_times] for s in range(0, 200000, 50000)]), 23437.5


@pytest.mark.parametrize("n_times", [999, 4000])
def test_equals_written_out_definitions_on_real_windows(real_data, n_times):
    for X, fs in real_windows(real_data, n_times):
        ours = SpectralFeatures(fs=fs).fit_transform(X)
        expected = [list(plain(x, fs).values()) for x in X]
        np.testing.assert_allclose(ours, expected, rtol=1e-6)


@pytest.mark.parametrize("n_times", [999, 4000])
def test_float32_agrees_with_float64_on_real_windows(real_data, n_times):
    for X, fs in real_windows(real_data, n_times):
        ours = SpectralFeatures(fs=fs).fit_transform(X.astype(np.float32))
        assert ours.dtype == np.float32
        # Rounding may move a quantile by one bin; 1e-3 is below a bin's width.
        np.testing.assert_allclose(ours, SpectralFeatures(fs=fs).fit_transform(X), rtol=1e-3)


def published_rows(real_data, record, subject):
    """Rows of the published table that belong to one record, in uV, as 44 windows of 5859."""
    table = pd.read_csv(real_data / "n2001_features" / "n2001_features.csv.gz")
    table = table[table["Patient"] == subject]
    x = np.fromfile(real_data / "n2001" / f"{record}.bin", "<i2", offset=20) / 13107
    return table, x[: 44 * 5859].reshape(44, 5859)


@pytest.mark.parametrize("record, subject", [("N2001A01BB02", "A01"), ("N2001C01BB51", "C01")])
def test_rebuilds_the_published_median_frequency_and_band_power(real_data, record, subject):
    table, X = published_rows(real_data, record, subject)
    mdf = SpectralFeatures(["mdf"], fs=23437.5).fit_transform(X)[:, 0]
    welch = SpectralFeatures(
        ["band_power"], fs=23437.5, method="welch", nperseg=2048, bands=[(100, 400)]
    ).fit_transform(X)[:, 0]
    # Published: uV^2/Hz summed over the lattice of 23437.5 / 2048 Hz, both to two decimals.
    density = welch * 1e6 / (23437.5 / 2048)
    published = table[["MDF", "high_power"]].to_numpy()
    rows = np.column_stack([mdf, density])
    nearest = np.abs(rows[:, np.newaxis] - published).max(axis=2).min(axis=1)
    assert nearest.max() < 0.0051


def test_sinusoid_has_its_power_at_its_frequency():
    got = features(sinusoid(60.0, amplitude=3.0), NAMES)
    expected = {
        "ttp": 4.5,
        "mnf": 60,
        "mdf": 60,
        "pkf": 60,
        "edge_frequency": 60,
        "sm2": 4.5 * 3600,
    }
    for name, value in expected.items():
        assert got[name][0] == pytest.approx(value, rel=1e-9), name
    assert got["psr"][0] == pytest.approx(1.0)
    assert got["fft_max"][0] == pytest.approx(4.5 / 2.0)  # lattice of 2 Hz
    assert got["vcf"][0] == pytest.approx(0.0, abs=1e-6)
    assert got["spectral_entropy"][0] == pytest.approx(0.0, abs=1e-9)
    assert got["flatness"][0] < 1e-20
    # One amplitude of 3 among 250: mean 3/250, mean square 9/250.
    assert got["fft_var"][0] == pytest.approx(9 / 250 - (3 / 250) ** 2)


def test_two_sinusoids_divide_at_the_weaker_of_equal_halves():
    # Powers 1/2 at 50 Hz and 1/2 at 150 Hz: mean 100 Hz, half of the power reached at 50 Hz.
    got = features(sinusoid(50.0) + sinusoid(150.0), ["mnf", "mdf", "vcf", "fr"])
    assert [got[name][0] for name in got] == pytest.approx([100.0, 50.0, 2500.0, 1.0])


def test_band_power_counts_the_upper_limit_and_not_the_lower():
    X = sinusoid(50.0, 2.0) + sinusoid(150.0, 4.0)
    bands = [(0, 50), (50, 150), (150, 500)]
    got = SpectralFeatures(["band_power"], fs=FS, bands=bands).fit_transform(X[np.newaxis])
    np.testing.assert_allclose(got, [[2.0, 8.0, 0.0]], atol=1e-12)


def test_frequency_ratio_of_given_bands():
    X = sinusoid(50.0, 2.0) + sinusoid(150.0, 4.0)
    got = features(X, ["fr"], ratio_bands=((20, 100), (100, 450)))
    assert got["fr"][0] == pytest.approx(2.0 / 8.0)


def test_white_noise_is_flat():
    X = np.random.default_rng(0).normal(scale=2.0, size=(60, 4096))
    got = {name: values.mean() for name, values in features(X, NAMES).items()}
    # Powers of white noise are exponentially distributed; Euler's constant comes from E ln P, the
    # tolerances are about four standard errors of the mean over 60 windows of 2048 bins.
    euler = np.euler_gamma
    assert got["ttp"] == pytest.approx(4.0, rel=0.02)
    assert got["mnf"] == pytest.approx(FS / 4, rel=0.01)
    assert got["mdf"] == pytest.approx(FS / 4, rel=0.02)
    assert got["edge_frequency"] == pytest.approx(0.95 * FS / 2, rel=0.005)
    assert got["vcf"] == pytest.approx((FS / 2) ** 2 / 12, rel=0.02)
    assert got["flatness"] == pytest.approx(np.exp(-euler), rel=0.01)
    assert got["spectral_entropy"] == pytest.approx(1 - (1 - euler) / np.log(2048), rel=0.005)
    assert got["spectral_slope"] == pytest.approx(0.0, abs=0.02)
    # Rayleigh amplitudes: the variance is 1 - pi / 4 times their mean square, 8 / 2048.
    assert got["fft_var"] == pytest.approx((1 - np.pi / 4) * 8 / 2048, rel=0.02)


def test_slope_of_a_power_law_is_its_exponent():
    rng = np.random.default_rng(1)
    n_times = 1000
    k = np.arange(1, n_times // 2 + 1)
    spectrum = np.concatenate([[0], k**-0.75 * np.exp(2j * np.pi * rng.random(k.size))])
    spectrum[-1] = k[-1] ** -0.75 * np.sqrt(2)  # no mirror image: twice the power
    got = features(np.fft.irfft(spectrum), ["spectral_slope"])
    assert got["spectral_slope"][0] == pytest.approx(-1.5, rel=1e-9)


@pytest.mark.parametrize("n_times", [2, 5, 64, 97, 500])
def test_total_power_is_the_variance(n_times):
    X = np.random.default_rng(2).normal(size=(7, n_times)) + 5
    for parameters in ({}, {"n_fft": "fast"}, {"n_fft": 700}):
        got = features(X, ["ttp"], **parameters)["ttp"]
        np.testing.assert_allclose(got, X.var(axis=1), rtol=1e-9)


@pytest.mark.parametrize("n_times", [300, 1025])
def test_welch_equals_scipy(n_times):
    X = np.random.default_rng(3).normal(size=(5, n_times)) + 2
    frequencies, power = power_spectrum(X, FS, method="welch", nperseg=128)
    f, density = scipy.signal.welch(X, FS, nperseg=128)
    np.testing.assert_allclose(frequencies, f[1:])
    np.testing.assert_allclose(power, density[:, 1:] * f[1], rtol=1e-10)


def test_tapered_periodogram_equals_scipy():
    X = np.random.default_rng(3).normal(size=(5, 333))
    frequencies, power = power_spectrum(X, FS, taper="hamming", n_fft=400)
    f, density = scipy.signal.periodogram(X, FS, window="hamming", nfft=400, detrend="constant")
    np.testing.assert_allclose(frequencies, f[1:])
    np.testing.assert_allclose(power, density[:, 1:] * f[1], rtol=1e-10)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("method", ["fft", "welch"])
def test_row_depends_on_its_window_alone(dtype, method):
    rng = np.random.default_rng(4)
    X = rng.normal(size=(37, 3, 301)).astype(dtype)
    X[5] += 1000
    extractor = SpectralFeatures(fs=FS, method=method).fit(X)
    together = extractor.transform(X)
    order = rng.permutation(37)
    np.testing.assert_array_equal(extractor.transform(X[order]), together[order])
    for row in (0, 5, 36):
        np.testing.assert_array_equal(extractor.transform(X[row : row + 1])[0], together[row])
    threaded = SpectralFeatures(fs=FS, method=method, n_jobs=2).fit_transform(X)
    np.testing.assert_array_equal(threaded, together)


def test_features_scale_by_their_documented_power():
    X = np.random.default_rng(5).normal(size=(4, 250))
    names = [*NAMES, "band_power"]
    one = features(X, names, bands=[(50, 200)])
    thousand = features(1000 * X, names, bands=[(50, 200)])
    for name in names:
        np.testing.assert_allclose(
            thousand[name], one[name] * 1000.0 ** FEATURES[name].power, rtol=1e-9, err_msg=name
        )


def test_offset_sign_and_time_reversal_change_nothing():
    X = np.random.default_rng(6).normal(size=(4, 250))
    one = SpectralFeatures(fs=FS).fit_transform(X)
    for other in (-X, X[:, ::-1], X + 1e4):
        np.testing.assert_allclose(SpectralFeatures(fs=FS).fit_transform(other), one, rtol=1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("value", [0.0, 0.1, -1234.567])
@pytest.mark.parametrize("parameters", [{}, {"method": "welch"}, {"n_fft": "fast"}])
def test_constant_windows_are_zero_in_every_feature(dtype, value, parameters):
    X = np.full((3, 331), value, dtype=dtype)
    got = SpectralFeatures(fs=FS, bands=[(10, 100)], **parameters).fit_transform(X)
    np.testing.assert_array_equal(got, 0.0)


def test_names_per_channel():
    X = np.random.default_rng(7).normal(size=(6, 2, 100))
    extractor = SpectralFeatures(["pkf", "band_power"], fs=FS, bands=[(20, 250), (250, 499.5)])
    frame = extractor.set_output(transform="pandas").fit_transform(X)
    assert frame.columns.tolist() == [
        f"ch{c}_{name}"
        for c in (1, 2)
        for name in ("pkf", "band_power_20_250", "band_power_250_499.5")
    ]


def test_table_rows_keep_their_own_rate():
    t = np.arange(4000)
    table = recording_table(
        [np.sin(2 * np.pi * 60 * t[:n] / fs) for n, fs in ((1000, 1000), (4000, 2000))],
        fs=[1000.0, 2000.0],
        subject=["a", "b"],
    )
    got = SpectralFeatures(["pkf"]).fit_transform(table)
    np.testing.assert_allclose(got, [[60.0], [60.0]])


def test_overlapping_windows_of_a_table_equal_copied_windows():
    x = np.random.default_rng(8).normal(size=700)
    table, _ = window_table(recording_table([x], fs=FS, subject="a"), window=0.2, step=0.05)
    X = np.stack(table["signal"].tolist())
    np.testing.assert_array_equal(
        SpectralFeatures().fit_transform(table), SpectralFeatures(fs=FS).fit_transform(X)
    )


@pytest.mark.parametrize(
    "parameters, message",
    [
        ({"fs": None}, "SpectralFeatures needs the sampling rate"),
        ({"features": ["mnff"]}, "did you mean 'mnf'"),
        ({"features": ["band_power"]}, "needs the 'bands' parameter"),
        ({"bands": [(100, 600)]}, "high <= 500 Hz, half the sampling rate"),
        ({"bands": [(101, 101.5)]}, "contains no frequency of the spectrum"),
        ({"ratio_bands": [(10, 20)]}, "two \\(low, high\\) pairs"),
        ({"n_fft": 50}, "'n_fft' parameter of SpectralFeatures must be at least 100"),
        ({"taper": "hannn"}, "'taper' parameter of SpectralFeatures"),
        ({"edge": 1.0}, "'edge' parameter of SpectralFeatures"),
    ],
)
def test_wrong_parameters_are_named(parameters, message):
    X = np.random.default_rng(9).normal(size=(3, 100))
    with pytest.raises(ValueError, match=message):
        SpectralFeatures(**{"fs": FS} | parameters).fit_transform(X)


def test_too_short_windows_name_the_feature():
    with pytest.raises(ValueError, match=r"1 sample .*mnf needs 2"):
        SpectralFeatures(["mnf"], fs=FS).fit(np.ones((3, 1)))


def test_spectrum_of_one_line_has_no_shape():
    got = features([[1.0, 3.0]], ["ttp", "mnf", "spectral_entropy", "spectral_slope", "fr"])
    assert [values[0] for values in got.values()] == [1.0, 500.0, 0.0, 0.0, 0.0]
