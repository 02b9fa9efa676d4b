"""Features across channels against NumPy's own and values worked out by hand."""

import numpy as np
import pytest

from sklearn_emg.feature_extraction import MultichannelFeatures
from sklearn_emg.feature_extraction._multichannel import FEATURES
from sklearn_emg.recordings import recording_table


def windows(n_channels=3, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(7, n_channels, 50))
    X[:, 1:] += 0.5 * X[:, :1] + 3
    return X


def frame(X, features="all", **parameters):
    extractor = MultichannelFeatures(features, **parameters).set_output(transform="pandas")
    return extractor.fit_transform(X)


def test_covariance_and_correlation_equal_numpy():
    X = windows()
    got = frame(X, ["covariance", "correlation"])
    for row, x in enumerate(X):
        expected = [*np.cov(x, ddof=0)[np.triu_indices(3)], *np.corrcoef(x)[np.triu_indices(3, 1)]]
        np.testing.assert_allclose(got.iloc[row], expected, rtol=1e-10)


def test_names_say_the_channels():
    assert frame(windows()).columns.tolist() == [
        *(f"covariance_ch{i}_ch{j}" for i, j in ("11", "12", "13", "22", "23", "33")),
        *(f"correlation_ch{i}_ch{j}" for i, j in ("12", "13", "23")),
        *(f"rms_ratio_ch{i}_ch{j}" for i, j in ("12", "13", "23")),
        *(f"rms_fraction_ch{i}" for i in "123"),
        *(f"rms_phasor_ch{i}_ch{j}" for i, j in ("12", "13", "23")),
        "rms_resultant",
    ]


def test_ratios_and_phasors_by_hand():
    # RMS 3, 4, 5 and 2 at 0, 90, 180 and 270 degrees.
    X = np.array([[[3.0, -3.0], [4.0, 4.0], [5.0, 5.0], [2.0, -2.0]]])
    got = frame(X).iloc[0]
    assert got["rms_ratio_ch1_ch2"] == pytest.approx(0.75)
    assert got["rms_fraction_ch3"] == pytest.approx(5 / 14)
    assert got["rms_phasor_ch1_ch2"] == pytest.approx(5.0)
    assert got["rms_phasor_ch1_ch3"] == pytest.approx(8.0)
    assert got["rms_phasor_ch2_ch4"] == pytest.approx(6.0)
    assert got["rms_resultant"] == pytest.approx(np.hypot(3 - 5, 4 - 2))
    assert got["covariance_ch1_ch4"] == pytest.approx(6.0)
    assert got["correlation_ch1_ch4"] == pytest.approx(1.0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_constant_and_silent_channels_have_documented_values(dtype):
    X = windows().astype(dtype)
    X[0] = 0.0
    X[1, 0] = 0.1
    X[2, 2] = 0.0
    got = frame(X)
    assert np.isfinite(got).all(axis=None)
    np.testing.assert_array_equal(got.iloc[0], 0.0)
    assert got.loc[1, ["covariance_ch1_ch1", "correlation_ch1_ch2"]].tolist() == [0.0, 0.0]
    assert got.loc[2, ["rms_ratio_ch1_ch3", "rms_fraction_ch3"]].tolist() == [0.0, 0.0]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_row_depends_on_its_window_alone(dtype):
    X = np.random.default_rng(1).normal(size=(500, 4, 300)).astype(dtype)
    extractor = MultichannelFeatures().fit(X)
    together = extractor.transform(X)
    assert together.dtype == dtype
    np.testing.assert_array_equal(extractor.transform(X[::-1])[::-1], together)
    np.testing.assert_array_equal(extractor.transform(X[9:10])[0], together[9])
    np.testing.assert_array_equal(MultichannelFeatures(n_jobs=2).fit_transform(X), together)


def test_features_scale_by_their_documented_power():
    X = windows()
    for name, info in FEATURES.items():
        one, thousand = frame(X, [name]), frame(1000 * X, [name])
        np.testing.assert_allclose(thousand, one * 1000**info.power, rtol=1e-9, err_msg=name)


def test_table_equals_array():
    X = windows()
    table = recording_table(list(X), fs=1000.0, subject=list("abcdefg"))
    np.testing.assert_array_equal(
        MultichannelFeatures().fit_transform(table), MultichannelFeatures().fit_transform(X)
    )


def test_pairs_of_one_channel_are_refused():
    with pytest.raises(ValueError, match="relate two channels, but X has one"):
        MultichannelFeatures(["correlation"]).fit(np.ones((3, 10)))


def test_other_number_of_channels_than_fitted_is_refused():
    extractor = MultichannelFeatures().fit(windows(3))
    with pytest.raises(ValueError, match="3"):
        extractor.transform(windows(4))
