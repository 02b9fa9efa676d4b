"""Spectra and wavelet coefficients as features: formulas of the source, names, grids, pipelines."""

import numpy as np
import pytest
from data import cohort, noise, simulated_cohort
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline

from sklearn_emg.ensemble import DiVoteClassifier
from sklearn_emg.feature_extraction import (
    STFT,
    Catch22Features,
    CWTCoefficients,
    FFTSpectrum,
    Flatten,
    MiniRocket,
    TangentSpaceFeatures,
    TimeDomainFeatures,
    cwt,
)
from sklearn_emg.metrics import subject_scorer
from sklearn_emg.model_selection import SubjectKFold
from sklearn_emg.preprocessing import BandpassFilter, Resampler
from sklearn_emg.recordings import recording_table

FS = 1000.0


def direct_fourier(X):
    """Equation 11 as a sum over samples, without the mean."""
    n = X.shape[-1]
    t, k = np.arange(n), np.arange(1, n // 2 + 1)[:, np.newaxis]
    return (X - X.mean(-1, keepdims=True)) @ np.exp(-2j * np.pi * k * t / n).T


@pytest.mark.parametrize("n_times", [50, 51])
def test_spectrum_is_equation_11(n_times):
    X = noise(7, 3, n_times, offset=0.3)
    power = 2 * np.abs(direct_fourier(X)) ** 2 / n_times**2
    if n_times % 2 == 0:
        power[..., -1] /= 2
    for output, expected in {
        "power": power,
        "magnitude": np.sqrt(2 * power),
        "log": 10 * np.log10(power),
    }.items():
        got = FFTSpectrum(output, fs=FS).fit_transform(X)
        np.testing.assert_allclose(got, expected.reshape(7, -1), rtol=1e-9)
    np.testing.assert_allclose(power.sum(-1), X.var(-1))


def test_bands_add_up_power_and_are_named_by_their_centre():
    X = noise(5, 2, 200)
    every = FFTSpectrum("power", fs=FS).fit(X)
    bands = FFTSpectrum("power", fs=FS, low=20, high=130, resolution=50).fit(X)
    assert bands.get_feature_names_out().tolist() == [
        "ch1_fft_45hz", "ch1_fft_95hz", "ch2_fft_45hz", "ch2_fft_95hz"
    ]  # fmt: skip
    f = every.frequencies_
    for b, (low, high) in enumerate([(20, 70), (70, 120)]):
        inside = every.transform(X)[:, : len(f)][:, (f > low) & (f <= high)].sum(axis=1)
        np.testing.assert_allclose(bands.transform(X)[:, b], inside)


def test_bands_do_not_depend_on_rate_and_length():
    rng = np.random.default_rng(0)
    table = recording_table([rng.normal(size=n) for n in (400, 700)], fs=FS, subject=["a", "b"])
    table["fs"] = [1000.0, 1400.0]
    spectrum = FFTSpectrum("power", high=400, resolution=100).fit(table)
    assert spectrum.transform(table).shape == (2, 4)
    with pytest.raises(
        ValueError, match=r"have 350 features from 2 to 700 Hz, but FFTSpectrum was"
    ):
        FFTSpectrum().fit(table).transform(table)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"low": 300.0, "high": 200.0}, "must satisfy low < high <= 500 Hz"),
        ({"high": 501.0}, "must satisfy low < high <= 500 Hz"),
        ({"resolution": 5.0}, "are 20 Hz apart. Raise 'resolution'"),
        ({"taper": "kaiser"}, "'taper' parameter of FFTSpectrum"),
    ],
)
def test_wrong_spectra_are_named(parameters, message):
    with pytest.raises(ValueError, match=message):
        FFTSpectrum(fs=FS, **parameters).fit(noise(3, 50))


@pytest.mark.parametrize("wavelet", ["morl", "cmor1.5-1.0"])
def test_coefficients_are_equation_12(wavelet):
    X, scales = noise(4, 3, 90), [3.0, 8.0, 20.0]
    W = cwt(X, scales, wavelet)
    image = CWTCoefficients(wavelet=wavelet, scales=scales).fit_transform(X)
    np.testing.assert_allclose(image, np.abs(W), rtol=1e-5, atol=1e-6)
    parts = CWTCoefficients("power", wavelet=wavelet, scales=scales, n_segments=4).fit_transform(X)
    expected = (np.abs(W) ** 2)[..., :88].reshape(4, 3, 3, 4, 22).mean(-1)
    np.testing.assert_allclose(parts, expected, rtol=1e-5, atol=1e-6)


def test_real_coefficients_keep_their_sign():
    X = noise(2, 60)
    got = CWTCoefficients("coefficient", wavelet="morl", scales=[4]).fit_transform(X)[:, 0, 0]
    np.testing.assert_allclose(got, cwt(X, [4], "morl")[:, 0], rtol=1e-5, atol=1e-6)
    with pytest.raises(ValueError, match="complex coefficients"):
        CWTCoefficients("coefficient").fit(X)


def test_flattened_values_have_the_names_of_their_pixels():
    X = noise(3, 2, 80)
    model = make_pipeline(STFT(nperseg=16, hop=40), Flatten()).fit(X)
    names = model.get_feature_names_out().tolist()
    assert (names[0], names[4], names[-1]) == ("ch1_stft_0_0", "ch1_stft_1_1", "ch2_stft_8_2")
    image = STFT(nperseg=16, hop=40).fit_transform(X)
    assert model.transform(X)[1, names.index("ch2_stft_3_1")] == image[1, 1, 3, 1]
    with pytest.raises(ValueError, match=r"shape \(2, 9, 2\), but Flatten was fitted on"):
        model[-1].transform(image[..., :2])


@pytest.mark.parametrize("windows", ["table", "2-D", "3-D"])
def test_names_go_through_filters_and_resampling(windows):
    X = noise(4, 2, 300)
    fs = FS
    if windows == "table":
        X, fs = recording_table(list(X), fs=FS, subject=list("abcd")), None
    elif windows == "2-D":
        X = X[:, 0]
    model = Pipeline(
        [
            ("filter", BandpassFilter(20.0, 200.0, fs=fs)),
            ("resample", Resampler(500.0, fs=fs)),
            ("features", TimeDomainFeatures(["rms", "wl"], fs=None if fs is None else 500.0)),
        ]
    ).fit(X)
    names = ["rms", "wl"] if windows == "2-D" else ["ch1_rms", "ch1_wl", "ch2_rms", "ch2_wl"]
    assert model.get_feature_names_out().tolist() == names
    assert model.transform(X).shape == (4, len(names))


def test_spectra_are_tuned_in_a_classical_pipeline_by_subject():
    X, y = simulated_cohort()
    inner = Pipeline(
        [
            ("spectrum", FFTSpectrum("log", high=900.0, resolution=50.0)),
            ("pca", PCA(3, random_state=0)),
            ("classifier", LogisticRegression(max_iter=500)),
        ]
    )
    search = GridSearchCV(
        DiVoteClassifier(inner, window=0.2, step=None, final_estimator=None),
        {
            "estimator__spectrum": [
                FFTSpectrum("log", high=900.0, resolution=100.0),
                Pipeline([("cwt", CWTCoefficients("power", n_segments=4)), ("flat", Flatten())]),
            ],
            "window": [0.1, 0.25],
        },
        cv=SubjectKFold(3, random_state=0),
        scoring=subject_scorer("accuracy"),
        error_score="raise",
    ).fit(X, y)
    assert len(search.cv_results_["params"]) == 4


def test_rows_do_not_depend_on_each_other():
    X, _, _ = cohort(n_times=64)
    for step in (FFTSpectrum("log", fs=FS), CWTCoefficients(n_segments=4)):
        together = step.fit_transform(X)
        np.testing.assert_array_equal(together[7:8], step.transform(X[7:8]))


def test_characteristics_are_those_of_pycatch22():
    pycatch22 = pytest.importorskip("pycatch22")
    X = noise(3, 2, 150, scale=0.2, offset=0.1)
    extractor = Catch22Features().fit(X)
    got = extractor.transform(X)
    expected = pycatch22.catch22_all(X[1, 1].tolist(), short_names=True)
    np.testing.assert_allclose(got[1, 24:46], expected["values"], rtol=1e-6)
    assert extractor.get_feature_names_out()[24:46].tolist() == [
        f"ch2_{name}" for name in expected["short_names"]
    ]
    np.testing.assert_allclose(got[1, 46:], [X[1, 1].mean(), X[1, 1].std()])
    constant = Catch22Features().fit_transform(np.full((1, 50), 0.3))
    assert not constant[0, :22].any()


def test_covariances_are_in_the_tangent_space_at_their_mean():
    pytest.importorskip("pyriemann")
    X = noise(12, 2, 400)
    X[:, 1] += 0.5 * X[:, 0]
    extractor = TangentSpaceFeatures([]).fit(X)
    names = extractor.get_feature_names_out().tolist()
    assert names == ["ch1_ch1", "ch1_ch2", "ch2_ch2"]
    # The mean of the tangent vectors is 0 at the mean of the covariances.
    np.testing.assert_allclose(extractor.transform(X).mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(extractor.mean_, [[1, 0.5], [0.5, 1.25]], atol=0.15)
    # Doubling the amplitude adds log(4) on the diagonal, for any mean.
    louder = extractor.transform(2 * X) - extractor.transform(X)
    np.testing.assert_allclose(louder, np.tile([np.log(4), 0, np.log(4)], (12, 1)), atol=1e-3)


def test_delayed_copies_add_the_autocovariance():
    pytest.importorskip("pyriemann")
    X = noise(4, 300)
    extractor = TangentSpaceFeatures([0.001, 0.0011, 0.004], fs=FS).fit(X)
    assert extractor.mean_.shape == (3, 3)  # 1 ms and 1.1 ms are one sample each
    assert extractor.get_feature_names_out()[2] == "ch1_ch1-4ms"
    with pytest.raises(ValueError, match="the longest delay has 4"):
        extractor.fit(X[:, :4])


@pytest.mark.parametrize("extractor", [FFTSpectrum(fs=FS), MiniRocket(84, random_state=0)])
def test_a_second_fit_takes_windows_of_another_length(extractor):
    X = noise(4, 1, 200)
    expected = clone(extractor).fit(X[..., :100]).transform(X[..., :100])
    got = extractor.fit(X).fit(X[..., :100]).transform(X[..., :100])
    np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("delay", [-0.001, np.nan, "a"])
def test_delays_are_finite_and_not_negative(delay):
    pytest.importorskip("pyriemann")
    with pytest.raises(ValueError, match="'delays' parameter of TangentSpaceFeatures"):
        TangentSpaceFeatures([delay], fs=FS).fit(noise(4, 2, 200))
