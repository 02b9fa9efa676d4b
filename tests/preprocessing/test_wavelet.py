import numpy as np
import pytest
import pywt
from data import noise, snr

from sklearn_emg.preprocessing import WaveletDenoiser
from sklearn_emg.preprocessing._denoising._wavelet import (
    bayes_threshold,
    noise_level,
    shrink,
    sure_threshold,
)


def _potentials(n_times):
    """Sparse, short potentials on a flat line."""
    t = np.arange(n_times)
    return sum(
        np.exp(-(((t - centre) / 12.0) ** 2)) * np.sin((t - centre) / 5.0) * 3.0
        for centre in range(200, n_times, 450)
    )


@pytest.mark.parametrize(
    "shrinkage, expected",
    [
        ("soft", [-2.0, 0.0, 0.0, 0.0, 1.0]),
        ("hard", [-4.0, 0.0, 0.0, 0.0, 3.0]),
        ("garrote", [-3.0, 0.0, 0.0, 0.0, 5 / 3]),
    ],
)
def test_shrinkage_by_hand(shrinkage, expected):
    shrunk = shrink(np.array([-4.0, -2.0, 0.0, 1.0, 3.0]), np.array([2.0]), shrinkage)
    np.testing.assert_allclose(shrunk, expected)


@pytest.mark.parametrize("shrinkage", ["soft", "hard", "garrote"])
def test_shrinkage_equals_pywavelets(shrinkage):
    d = noise(60)
    np.testing.assert_allclose(
        shrink(d, np.array([0.7]), shrinkage), pywt.threshold(d, 0.7, shrinkage), atol=1e-15
    )


def test_noise_level_of_gaussian_noise():
    # The standard error of the median estimate is 1.17 sigma / sqrt(n).
    assert noise_level(2.0 * noise(40000))[0] == pytest.approx(2.0, rel=0.02)


def test_sure_threshold_is_the_least_risk_of_all():
    d, sigma = 3.0 * noise(3, 200), np.full((3, 1), 1.3)
    thresholds = sure_threshold(d, sigma)[:, 0]
    for row, threshold in zip(d / 1.3, thresholds / 1.3):
        # Donoho & Johnstone 1995: n - 2 #{|x| <= t} + sum min(|x|, t)^2, at each |x|.
        size = np.abs(row)
        risks = [200 - 2 * (size <= t).sum() + (np.minimum(size, t) ** 2).sum() for t in size]
        assert threshold == pytest.approx(size[np.argmin(risks)])


def test_sure_takes_the_universal_threshold_for_pure_noise():
    d = noise(1, 1024)
    threshold = sure_threshold(d, np.ones((1, 1)))[0, 0]
    assert threshold == pytest.approx(np.sqrt(2 * np.log(1024)))


def test_bayes_threshold_by_hand():
    d = np.array([[3.0, -4.0, 0.0, 5.0]])  # mean square 12.5
    assert bayes_threshold(d, np.array([[1.5]]))[0, 0] == pytest.approx(2.25 / np.sqrt(10.25))
    assert bayes_threshold(d, np.array([[6.0]]))[0, 0] == 5.0


@pytest.mark.parametrize("threshold", ["universal", "sure", "bayes"])
@pytest.mark.parametrize("shrinkage", ["soft", "hard", "garrote"])
def test_sparse_potentials_come_out_of_the_noise(threshold, shrinkage):
    clean = _potentials(4500)
    noisy = (clean + clean.std() * noise(4500))[None]  # 0 dB
    denoiser = WaveletDenoiser(threshold=threshold, shrinkage=shrinkage)
    # Soft thresholds at the universal level cost most of the amplitude.
    expected = 5.5 if (threshold, shrinkage) == ("universal", "soft") else 6.0
    assert snr(clean, denoiser.fit_transform(noisy)[0]) > expected


def test_correlated_noise_is_measured_at_each_level():
    clean = _potentials(9000)
    drift = np.cumsum(noise(9000))
    drift -= np.convolve(drift, np.full(101, 1 / 101), mode="same")
    noisy = (clean + 0.7 * clean.std() / drift.std() * drift)[None]
    white, correlated = (
        snr(clean, WaveletDenoiser(noise=kind, threshold="sure").fit_transform(noisy)[0])
        for kind in ("white", "correlated")
    )
    assert correlated > white + 0.5


def test_cycle_spinning_helps():
    clean = _potentials(4500)
    noisy = (clean + clean.std() * noise(4500))[None]
    plain, spun = (snr(clean, WaveletDenoiser(n_shifts=n).fit_transform(noisy)[0]) for n in (1, 16))
    assert spun > plain + 0.3


def test_all_shifts_make_the_result_independent_of_the_grid():
    # At level 2 the grid distinguishes only four delays.
    def denoise(signal, n_shifts):
        step = WaveletDenoiser("haar", level=2, threshold="sure", n_shifts=n_shifts)
        return step.fit_transform(signal[None])[0]

    X = noise(2000) ** 3
    spun, plain = (np.std(denoise(X, n)[101:1900] - denoise(X[1:], n)[100:1899]) for n in (4, 1))
    # The noise is still estimated from one sample more or less.
    assert spun < 0.1 * plain


def test_scale_of_the_signal_does_not_matter():
    X = noise(2, 3, 300)
    for threshold in ("universal", "sure", "bayes"):
        denoiser = WaveletDenoiser(threshold=threshold)
        np.testing.assert_allclose(
            denoiser.fit_transform(1e-3 * X), 1e-3 * denoiser.fit_transform(X), atol=1e-12
        )


def test_each_signal_is_treated_alone():
    X = noise(4, 2, 250) * np.arange(1, 9).reshape(4, 2, 1)
    denoiser = WaveletDenoiser(n_shifts=3, threshold="sure").fit(X)
    np.testing.assert_allclose(denoiser.transform(X[2:3])[0], denoiser.transform(X)[2])


@pytest.mark.parametrize("n_times", [1, 2, 14, 15, 31, 64])
def test_short_windows_keep_their_length_and_type(n_times):
    X = noise(2, 3, n_times).astype(np.float32)
    denoised = WaveletDenoiser(n_shifts=40).fit_transform(X)
    assert (denoised.shape, denoised.dtype) == (X.shape, np.float32)
    assert np.isfinite(denoised).all()


@pytest.mark.parametrize("threshold", ["universal", "sure", "bayes"])
def test_constant_signal_stays(threshold):
    X = np.full((2, 400), 2.5)
    np.testing.assert_allclose(WaveletDenoiser(threshold=threshold).fit_transform(X), X)


def test_misspelt_wavelet_gets_a_hint():
    with pytest.raises(ValueError, match=r"'wavelet' parameter .* Got 'sym08' .*Did you mean"):
        WaveletDenoiser("sym08").fit(noise(2, 50))
