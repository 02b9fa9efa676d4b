import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal

from sklearn_emg.preprocessing import Resampler, rational_ratio
from sklearn_emg.recordings import recording_table

METHODS = ["polyphase", "fourier"]


@pytest.mark.parametrize(
    "fs_in, fs_out, ratio",
    [
        (48000.0, 10000.0, (5, 24)),
        (23437.5, 10000.0, (32, 75)),
        (4000.0, 10000.0, (5, 2)),
        (1000.1, 1000.0, (10000, 10001)),
        (11718.75, 23437.5, (2, 1)),
        (1000 / 3, 2000.0, (6, 1)),
        (1999.9999996, 2000.0, (1, 1)),
    ],
)
def test_ratio_is_exact(fs_in, fs_out, ratio):
    assert rational_ratio(fs_in, fs_out) == ratio


@given(fs_in=st.floats(50.0, 50000.0), fs_out=st.floats(50.0, 50000.0))
def test_ratio_of_any_rates_is_as_near_as_stated(fs_in, fs_out):
    up, down = rational_ratio(fs_in, fs_out)
    assert min(up, down) >= 1
    assert max(up, down) <= 100_000
    assert up / down == pytest.approx(fs_out / fs_in, rel=5e-6)


@settings(max_examples=40, deadline=None)
@given(
    fs_in=st.floats(200.0, 5000.0),
    fs_out=st.floats(200.0, 5000.0),
    method=st.sampled_from(METHODS),
)
def test_sinusoid_of_any_rate_keeps_its_frequency(fs_in, fs_out, method):
    n_times, freq = 1000, 30.0
    X = np.sin(2 * np.pi * freq * np.arange(n_times) / fs_in)[None]
    resampled = Resampler(fs_out, method=method, fs=fs_in).fit_transform(X)[0]
    times = np.arange(len(resampled)) / fs_out
    assert abs(len(resampled) - n_times * fs_out / fs_in) <= 1.01
    middle = (times > 0.2 * times[-1]) & (times < 0.8 * times[-1])
    expected = np.sin(2 * np.pi * freq * times)
    np.testing.assert_allclose(resampled[middle], expected[middle], atol=0.02)


@pytest.mark.parametrize("method", METHODS)
def test_rates_from_time_stamps_become_the_new_rate(method):
    x = np.random.default_rng(0).normal(size=1000)
    rates = [2000.0, 1 / 0.0005000000001]
    table = recording_table([x, x], fs=rates, subject=["a", "b"])
    resampled = Resampler(2000.0, method=method).fit_transform(table)
    assert resampled["fs"].tolist() == [2000.0, 2000.0]
    np.testing.assert_array_equal(resampled["signal"][1], x)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("fs_in", [48000.0, 23437.5, 4000.0])
def test_sine_lands_on_the_new_grid(method, fs_in):
    # 1 kHz is inside every band; the exact times show a wrong ratio or a delay at once.
    n_times = 9001
    X = np.sin(2 * np.pi * 1000.0 * np.arange(n_times) / fs_in)[None]
    resampled = Resampler(10000.0, method=method, fs=fs_in).fit_transform(X)[0]
    times = np.arange(len(resampled)) / 10000.0
    assert len(resampled) == int(np.ceil(n_times * 10000.0 / fs_in))
    middle = slice(len(times) // 4, -len(times) // 4)
    # 1 %: the pass-band ripple of the Kaiser window.
    np.testing.assert_allclose(resampled[middle], np.sin(2e3 * np.pi * times)[middle], atol=0.01)


@pytest.mark.parametrize("method", METHODS)
def test_what_would_alias_is_removed_by_more_than_40_db(method):
    X = np.sin(2 * np.pi * 6000.0 * np.arange(20000) / 48000.0)[None]  # 20 % above 5 kHz
    resampled = Resampler(10000.0, method=method, fs=48000.0).fit_transform(X)[0]
    assert np.abs(resampled[500:-500]).max() < 0.01


@pytest.mark.parametrize("method", METHODS)
def test_pass_band_is_flat_up_to_80_percent_of_the_new_nyquist_frequency(method):
    times = np.arange(40000) / 48000.0
    X = np.stack([np.sin(2 * np.pi * f * times) for f in (500.0, 2500.0, 4000.0)])
    resampled = Resampler(10000.0, method=method, fs=48000.0).fit_transform(X)[:, 1000:-1000]
    np.testing.assert_allclose(np.sqrt(2 * np.mean(resampled**2, axis=1)), 1.0, rtol=0.01)


@pytest.mark.parametrize("method", METHODS)
def test_an_offset_has_no_edges(method):
    X = np.full((2, 301), 4.0)
    resampled = Resampler(100.0, method=method, fs=300.0).fit_transform(X)
    np.testing.assert_allclose(resampled, 4.0, rtol=2e-3)


def test_polyphase_equals_scipy():
    X = np.random.default_rng(0).normal(size=(3, 2, 240))
    resampled = Resampler(10000.0, fs=48000.0).fit_transform(X)
    np.testing.assert_array_equal(
        resampled, signal.resample_poly(X, 5, 24, axis=-1, padtype="line")
    )


def test_fourier_equals_scipy_for_a_periodic_signal():
    t = np.arange(600) / 600.0
    X = (np.sin(2 * np.pi * 30 * t) + np.cos(2 * np.pi * 12 * t))[None]
    resampled = Resampler(200.0, method="fourier", fs=600.0).fit_transform(X)
    # Away from the ends, where the mirror image is not the periodic continuation.
    expected = signal.resample(X, 200, axis=-1)
    np.testing.assert_allclose(resampled[:, 60:-60], expected[:, 60:-60], atol=0.01)


@pytest.mark.parametrize("method", METHODS)
def test_table_gets_one_rate(method):
    rng = np.random.default_rng(0)
    table = recording_table(
        [rng.normal(size=(2, 480)), rng.normal(size=75).astype(np.float32), rng.normal(size=30)],
        fs=[48000.0, 23437.5, 10000.0],
        subject=["a", "b", "c"],
    )
    resampled = Resampler(10000.0, method=method).fit_transform(table)
    assert resampled["fs"].tolist() == [10000.0] * 3
    assert [s.shape for s in resampled["signal"]] == [(2, 100), (32,), (30,)]
    assert resampled["signal"][1].dtype == np.float32
    np.testing.assert_array_equal(resampled["signal"][2], table["signal"][2])
    assert table["fs"].tolist() == [48000.0, 23437.5, 10000.0]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("n_times", [1, 2, 5])
def test_very_short_windows(method, n_times):
    X = np.ones((2, 3, n_times), dtype=np.float32)
    resampled = Resampler(300.0, method=method, fs=400.0).fit_transform(X)
    assert resampled.shape == (2, 3, int(np.ceil(n_times * 0.75)))
    assert resampled.dtype == np.float32
    assert np.isfinite(resampled).all()


def test_same_rate_gives_an_equal_copy():
    X = np.arange(6.0).reshape(2, 3)
    resampled = Resampler(50.0, fs=50.0).fit_transform(X)
    np.testing.assert_array_equal(resampled, X)
    assert not np.shares_memory(resampled, X)


@pytest.mark.parametrize(
    "step, match",
    [
        (Resampler(10000.0), "Resampler needs the sampling rate of arrays"),
        (Resampler(1000.0, fs=0.01), "differ by a factor above 10000"),
        (Resampler(0.0, fs=10.0), "'fs_out' parameter of Resampler must be a float in"),
    ],
)
def test_unusable_parameters_are_refused(step, match):
    with pytest.raises(ValueError, match=match):
        step.fit(np.ones((2, 9)))
