"""Autoregressive features against known processes, plain NumPy and statsmodels."""

import numpy as np
import pytest
from scipy.signal import lfilter

from sklearn_emg.feature_extraction import AutoregressiveFeatures
from sklearn_emg.recordings import recording_table

METHODS = ["burg", "yule_walker", "least_squares"]


def ar_process(coefficients, n_windows, n_times, seed=0):
    noise = np.random.default_rng(seed).normal(size=(n_windows, n_times + 500))
    return lfilter([1.0], np.r_[1.0, -np.asarray(coefficients)], noise, axis=-1)[:, 500:]


def plain_burg(x, order):
    f, b, a, e = x[1:], x[:-1], np.zeros(0), np.mean(x**2)
    for _ in range(order):
        k = 2 * (f @ b) / (f @ f + b @ b)
        a = np.r_[a - k * a[::-1], k]
        f, b = (f - k * b)[1:], (b - k * f)[:-1]
        e *= 1 - k**2
    return np.r_[a, e]


def plain_yule_walker(x, order):
    r = np.array([x[k:] @ x[: len(x) - k] for k in range(order + 1)]) / len(x)
    R = r[np.abs(np.subtract.outer(np.arange(order), np.arange(order)))]
    a = np.linalg.solve(R, r[1:])
    return np.r_[a, r[0] - a @ r[1:]]


def plain_least_squares(x, order):
    past = np.stack([x[order - k : len(x) - k] for k in range(1, order + 1)], axis=1)
    a = np.linalg.lstsq(past, x[order:], rcond=None)[0]
    return np.r_[a, np.mean((x[order:] - past @ a) ** 2)]


PLAIN = {
    "burg": plain_burg,
    "yule_walker": plain_yule_walker,
    "least_squares": plain_least_squares,
}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("order", [1, 2, 5])
def test_matches_the_plain_definition(method, order):
    X = ar_process([1.6, -0.8], n_windows=3, n_times=211) + 2.0
    got = AutoregressiveFeatures(order, method, features="all").fit_transform(X)[:, : order + 1]
    expected = [PLAIN[method](x - x.mean(), order) for x in X]
    np.testing.assert_allclose(got, expected, rtol=1e-9)


@pytest.mark.parametrize("method", METHODS)
def test_matches_on_real_windows(method, real_data):
    emgdb = np.fromfile(real_data / "emgdb/emg_healthy.dat", dtype="<i2") / 1e4
    n2001 = np.fromfile(real_data / "n2001/N2001A01BB02.bin", dtype="<i2", offset=20) / 13107.0
    X = np.stack([emgdb[8000:12000], n2001[5000:9000], n2001[50_000:54_000]])
    got = AutoregressiveFeatures(6, method, features=["ar", "ar_residual"]).fit_transform(X)
    expected = [PLAIN[method](x - x.mean(), 6) for x in X]
    np.testing.assert_allclose(got, expected, rtol=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_finds_the_coefficients_of_a_known_process(method):
    X = ar_process([0.75, -0.5], n_windows=1, n_times=200_000)
    got = AutoregressiveFeatures(2, method, features=["ar", "ar_residual"]).fit_transform(X)
    # Standard errors are sqrt((1 - a_2^2) / N) = 0.002 and sqrt(2 / N) = 0.003.
    np.testing.assert_allclose(got[0], [0.75, -0.5, 1.0], atol=0.012)


def test_burg_matches_statsmodels():
    linear_model = pytest.importorskip("statsmodels.regression.linear_model")
    X = ar_process([1.2, -0.6, 0.1], n_windows=4, n_times=300)
    got = AutoregressiveFeatures(4).fit_transform(X)
    # Its residual variance is the mean over the remaining forward and backward errors.
    expected = [linear_model.burg(x, order=4)[0] for x in X]
    np.testing.assert_allclose(got, expected, rtol=1e-9)


def test_cepstrum_is_that_of_the_model_spectrum():
    X = ar_process([0.75, -0.5], n_windows=2, n_times=400)
    got = AutoregressiveFeatures(3, features=["ar", "cepstrum"]).fit_transform(X)
    for row in got:
        transfer = 1.0 / np.fft.fft(np.r_[1.0, -row[:3]], 4096)
        # Half of the cepstrum of the power spectrum lies at positive quefrencies.
        cepstrum = np.fft.ifft(np.log(np.abs(transfer) ** 2)).real
        np.testing.assert_allclose(row[3:], cepstrum[1:4], rtol=1e-9)


def test_aic_finds_the_order():
    X = ar_process([0.5, 0.0, -0.6], n_windows=20, n_times=1000)
    for method in METHODS:
        extractor = AutoregressiveFeatures("aic", method, max_order=8).fit(X)
        assert extractor.order_ == 3
        assert extractor.transform(X).shape == (20, 3)
        expected = AutoregressiveFeatures(3, method).fit_transform(X)
        np.testing.assert_array_equal(extractor.transform(X), expected)


@pytest.mark.parametrize("method", METHODS)
def test_constant_and_zero_windows_have_zero_coefficients(method):
    X = np.stack([np.zeros(50), np.full(50, 0.3)])
    got = AutoregressiveFeatures(4, method, features="all").fit_transform(X)
    np.testing.assert_allclose(got, 0.0, atol=1e-30)


@pytest.mark.parametrize("method", METHODS)
def test_a_sinusoid_stays_finite_at_an_order_beyond_need(method):
    x = np.sin(2 * np.pi * 0.1 * np.arange(200))
    got = AutoregressiveFeatures(6, method, demean=False, features="all").fit_transform(x[None])
    assert np.isfinite(got).all()
    if method == "least_squares":
        # x_n = 2 cos(w) x_{n-1} - x_{n-2} is exact, and enough.
        expected = [2 * np.cos(0.2 * np.pi), -1, 0, 0, 0, 0]
        np.testing.assert_allclose(got[0, :6], expected, atol=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_coefficients_do_not_depend_on_the_unit(method):
    X = ar_process([1.6, -0.8], n_windows=2, n_times=150)
    extractor = AutoregressiveFeatures(3, method, features="all")
    mv, uv = extractor.fit_transform(X), extractor.fit_transform(1000 * X)
    np.testing.assert_allclose(uv, mv * np.r_[1, 1, 1, 1e6, 1, 1, 1], rtol=1e-9)


def test_burg_and_yule_walker_look_alike_forwards_and_backwards():
    X = ar_process([1.6, -0.8], n_windows=2, n_times=150)
    for method in ("burg", "yule_walker"):
        extractor = AutoregressiveFeatures(4, method)
        np.testing.assert_allclose(
            extractor.fit_transform(-X[:, ::-1]), extractor.fit_transform(X), rtol=1e-9
        )


def test_a_row_depends_on_its_window_alone():
    X = ar_process([0.9, -0.3], n_windows=300, n_times=600)
    for method in METHODS:
        extractor = AutoregressiveFeatures(4, method, features="all").fit(X)
        batch = extractor.transform(X)
        np.testing.assert_array_equal(extractor.transform(X[::-1]), batch[::-1])
        np.testing.assert_array_equal(extractor.transform(X[5:6]), batch[5:6])
        np.testing.assert_array_equal(extractor.set_params(n_jobs=2).transform(X), batch)


def test_names_say_channel_and_lag():
    X = ar_process([0.5], n_windows=6, n_times=50).reshape(3, 2, 50)
    extractor = AutoregressiveFeatures(2, features="all").fit(X)
    names = extractor.get_feature_names_out()
    one = ["ar_1", "ar_2", "ar_residual", "cepstrum_1", "cepstrum_2"]
    assert list(names) == [f"ch{c}_{name}" for c in (1, 2) for name in one]
    assert extractor.transform(X).shape == (3, 10)


def test_keeps_float32():
    X = ar_process([0.5], n_windows=3, n_times=100)
    got = AutoregressiveFeatures(2).fit_transform(X.astype(np.float32))
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, AutoregressiveFeatures(2).fit_transform(X), rtol=1e-4)


@pytest.mark.parametrize("method, shortest", [("burg", 5), ("least_squares", 8)])
def test_names_the_shortest_window(method, shortest):
    X = np.random.default_rng(0).normal(size=(3, shortest - 1))
    with pytest.raises(ValueError, match=f"too short .* ar of order 4 needs {shortest}"):
        AutoregressiveFeatures(4, method).fit(X)


def test_order_aic_of_a_recording_table():
    signals = [ar_process([0.9, -0.5], 1, n, seed=n)[0] for n in (4000, 5000, 6000)]
    table = recording_table(signals, fs=1000.0, subject=["a", "b", "c"])
    extractor = AutoregressiveFeatures("aic", max_order=6).fit(table)
    assert extractor.order_ == 2
    assert extractor.transform(table).shape == (3, 2)
