"""MiniRocket and MultiRocket against the published algorithms written out, and in a pipeline."""

from itertools import combinations

import numpy as np
import pytest
from data import noise, simulated_cohort
from sklearn.base import clone
from sklearn.linear_model import RidgeClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_emg.ensemble import DiVoteClassifier
from sklearn_emg.feature_extraction import MiniRocket, MultiRocket, TangentSpaceFeatures
from sklearn_emg.recordings import recording_table


def convolved(x, convolutions):
    """Convolve one window with vectors of nine weights, and subtract each bias of a convolution."""
    n_times, column = x.shape[-1], 0
    for d, (dilation, n_biases) in enumerate(zip(convolutions.dilations, convolutions.n_biases)):
        padded = np.pad(x[convolutions.channels[d]].sum(axis=0), 4 * dilation)
        for kernel, positions in enumerate(combinations(range(9), 3)):
            weights = np.full(9, -1.0)
            weights[list(positions)] = 2.0
            values = sum(
                w * padded[tap * dilation : tap * dilation + n_times]
                for tap, w in enumerate(weights)
            )
            if (d + kernel) % 2 == 1:
                values = values[4 * dilation : n_times - 4 * dilation]
            for bias in convolutions.biases[column : column + n_biases]:
                yield values - bias
            column += n_biases


def written_out(rocket, x):
    return [np.mean(z > 0) for z in convolved(x, rocket._convolutions)]


def four_poolings(z):
    """The poolings of MultiRocket, from their definitions."""
    at = np.flatnonzero(z > 0)
    if not at.size:
        return 0.0, 0, 0.0, -1.0
    runs = np.split(at, np.flatnonzero(np.diff(at) > 1) + 1)
    return at.size / z.size, max(map(len, runs)), z[at].mean(), at.mean()


@pytest.mark.parametrize("n_channels", [1, 3])
@pytest.mark.parametrize("n_times", [70, 1300])
def test_features_are_proportions_of_positive_values(n_times, n_channels):
    X = noise(5, n_channels, n_times)
    rocket = MiniRocket(84 * 23, random_state=0).fit(X)
    got = rocket.transform(X)
    assert got.shape == (5, 84 * 23)
    np.testing.assert_allclose(got[3], written_out(rocket, X[3]), atol=1e-12)
    np.testing.assert_array_equal(rocket.transform(X[3:4]), got[3:4])


def test_single_precision_differs_by_single_samples():
    X = noise(6, 2000)
    rocket = MiniRocket(84 * 7, random_state=0).fit(X)
    difference = rocket.transform(X.astype(np.float32)) - rocket.transform(X)
    assert np.abs(difference).max() < 3 / 1000


@pytest.mark.parametrize("n_channels", [1, 2])
@pytest.mark.parametrize("n_times", [60, 700])
def test_four_poolings_of_samples_and_differences(n_times, n_channels):
    X = noise(19, n_channels, n_times)
    X[18] = 0.0  # no value is above most of the biases
    rocket = MultiRocket(672 * 5, random_state=0).fit(X)
    got = rocket.transform(X)
    for row in (3, 17, 18):  # of two groups of windows that are computed side by side
        halves = [
            np.transpose([four_poolings(z) for z in convolved(x, convolutions)]).ravel()
            for x, convolutions in zip((X[row], np.diff(X[row])), rocket._convolutions)
        ]
        np.testing.assert_allclose(got[row], np.concatenate(halves), rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(rocket.transform(X[17:18]), got[17:18])
    names = rocket.get_feature_names_out()
    assert len(names) == len(set(names)) == 672 * 5
    assert names[[0, 420, 840, 1260, 1680]].tolist() == [
        f"{name}_d1_k0_0" for name in ("ppv", "lspv", "mpv", "mipv", "diff_ppv")
    ]


def test_multirocket_has_the_published_size_and_takes_threads():
    X = noise(40, 300).astype(np.float32)
    rocket = MultiRocket(random_state=0).fit(X)
    assert len(rocket.get_feature_names_out()) == 49_728  # 6216 convolutions, twice, four poolings
    features = rocket.transform(X[:3])
    assert features.dtype == np.float32
    small = MultiRocket(672, random_state=0).fit(X)
    np.testing.assert_array_equal(small.set_params(n_jobs=2).transform(X), small.transform(X))
    # In float32, rounding moves single samples across a bias, which changes most features little.
    difference = features - rocket.transform(X[:3].astype(np.float64))
    assert np.median(np.abs(difference)) < 1e-4
    with pytest.raises(ValueError, match="MultiRocket needs two samples"):
        MultiRocket(672).fit(X[:, :1])


@pytest.mark.parametrize("rocket", [MiniRocket(84), MultiRocket(672), TangentSpaceFeatures()])
def test_signals_of_another_rate_are_refused(rocket):
    if isinstance(rocket, TangentSpaceFeatures):
        pytest.importorskip("pyriemann")
    signals, subject = list(noise(4, 200)), list("abcd")
    rocket.fit(recording_table(signals, fs=2000.0, subject=subject))
    assert rocket.fs_ == 2000.0
    faster = recording_table(signals, fs=4000.0, subject=subject)
    with pytest.raises(ValueError, match=r"trained at 2000 Hz .* a signal at 4000 Hz"):
        rocket.transform(faster)
    with pytest.raises(ValueError, match=r"2000 and 4000 Hz\. Put Resampler"):
        rocket.fit(faster.assign(fs=[2000.0, 4000.0, 4000.0, 4000.0]))
    assert rocket.fit(faster).transform(faster).shape[0] == 4


def test_dilations_and_biases_are_those_of_the_paper():
    # 9996 features are 119 for each kernel, on at most 32 dilations up to (4000 - 1) / 8 = 499.
    rocket = MiniRocket(random_state=0).fit(noise(3, 4000))
    assert rocket.biases_.shape == (9996,)
    assert rocket.dilations_[[0, -1]].tolist() == [1, 499]
    assert rocket._convolutions.n_biases.sum() == 119
    assert (np.diff(rocket.dilations_) > 0).all()
    assert len(rocket.get_feature_names_out()) == 9996


def test_biases_are_quantiles_of_training_convolutions():
    # A single window: all biases come from it, so that proportions spread evenly over 0 to 1.
    X = noise(1, 1000)
    features = MiniRocket(84 * 50, random_state=0).fit_transform(X)[0]
    np.testing.assert_allclose(np.quantile(features, [0.1, 0.5, 0.9]), [0.1, 0.5, 0.9], atol=0.02)


def test_an_offset_has_no_effect_inside_the_window():
    X = noise(4, 300)
    rocket = MiniRocket(84, random_state=0).fit(X)
    inner = np.arange(84) % 2 == 1
    moved = rocket.transform(X + 0.7)
    np.testing.assert_allclose(moved[:, inner], rocket.transform(X)[:, inner], atol=1e-12)


def test_a_table_gives_the_features_of_its_windows():
    X = noise(4, 2, 200)
    table = recording_table(list(X), fs=1000.0, subject=list("abcd"))
    rocket = MiniRocket(84, random_state=0)
    np.testing.assert_array_equal(clone(rocket).fit_transform(table), rocket.fit_transform(X))
    uneven = recording_table([X[0], X[1, :, :150]], fs=1000.0, subject=["a", "b"])
    with pytest.raises(ValueError, match="row 1 has shape"):
        MiniRocket(84).fit(uneven)


@pytest.mark.parametrize("offset", [1e3, -1e5, 1e6])
@pytest.mark.parametrize("extractor", [MiniRocket(420), MultiRocket(672)])
def test_a_large_offset_costs_no_digits_in_float32(extractor, offset):
    X = noise(12, 400)
    X[::2] += offset  # the other windows are computed in single precision
    X = X.astype(np.float32)
    single, double = (
        clone(extractor).set_params(random_state=0).fit(values) for values in (X, X.astype(float))
    )
    got, expected = single.transform(X), double.transform(X.astype(float))
    assert got.dtype == np.float32
    near = np.isclose(got, expected, rtol=1e-3, atol=1e-3)
    assert near[::2].mean() > 0.999
    np.testing.assert_array_equal(single.transform(X[:5]), got[:5])
    np.testing.assert_array_equal(single.transform(X[1::2]), got[1::2])


def test_ridge_on_random_convolutions_votes():
    X, y = simulated_cohort()
    inner = make_pipeline(MiniRocket(420, random_state=0), StandardScaler(), RidgeClassifier())
    vote = DiVoteClassifier(
        inner, window=0.25, step=None, voting="hard", final_estimator=None, short="skip"
    )
    train = X["subject"].isin(X["subject"].unique()[:6]).to_numpy()
    vote.fit(X[train], y[train])
    assert set(vote.predict(X[~train])) <= set(y)
