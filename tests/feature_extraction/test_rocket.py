"""MiniRocket against the published algorithm written out, and its place in a pipeline."""

from itertools import combinations

import numpy as np
import pytest
from data import noise, simulated_cohort
from sklearn.base import clone
from sklearn.linear_model import RidgeClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_emg.ensemble import DiVoteClassifier
from sklearn_emg.feature_extraction import MiniRocket
from sklearn_emg.recordings import recording_table


def written_out(rocket, x):
    """Features of one window: each kernel as a vector of nine weights."""
    n_times = x.shape[-1]
    features, column = [], 0
    for d, (dilation, n_biases) in enumerate(zip(rocket.dilations_, rocket._n_biases)):
        for kernel, positions in enumerate(combinations(range(9), 3)):
            weights = np.full(9, -1.0)
            weights[list(positions)] = 2.0
            padded = np.pad(x[rocket.channels_[d]].sum(axis=0), 4 * dilation)
            convolved = sum(
                w * padded[tap * dilation : tap * dilation + n_times]
                for tap, w in enumerate(weights)
            )
            if (d + kernel) % 2 == 1:
                convolved = convolved[4 * dilation : n_times - 4 * dilation]
            for bias in rocket.biases_[column : column + n_biases]:
                features.append(np.mean(convolved > bias))
            column += n_biases
    return features


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


def test_dilations_and_biases_are_those_of_the_paper():
    # 9996 features are 119 for each kernel, on at most 32 dilations up to (4000 - 1) / 8 = 499.
    rocket = MiniRocket(random_state=0).fit(noise(3, 4000))
    assert rocket.biases_.shape == (9996,)
    assert rocket.dilations_[[0, -1]].tolist() == [1, 499]
    assert rocket._n_biases.sum() == 119
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
    with pytest.raises(ValueError, match="row 1 of shape"):
        MiniRocket(84).fit(uneven)


def test_ridge_on_random_convolutions_votes():
    X, y = simulated_cohort()
    inner = make_pipeline(MiniRocket(420, random_state=0), StandardScaler(), RidgeClassifier())
    vote = DiVoteClassifier(
        inner, window=0.25, step=None, voting="hard", final_estimator=None, short="skip"
    )
    train = X["subject"].isin(X["subject"].unique()[:6]).to_numpy()
    vote.fit(X[train], y[train])
    assert set(vote.predict(X[~train])) <= set(y)
