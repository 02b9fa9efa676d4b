import numpy as np
import pandas as pd
import pytest
from data import noise
from imblearn.over_sampling import SMOTE
from imblearn.pipeline import make_pipeline
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_validate

from sklearn_emg.preprocessing import (
    RecordingUndersampler,
    WindowAugmenter,
    capped_sampling_strategy,
    mixup,
)
from sklearn_emg.recordings import recording_table

CHANGES = {
    "mix": 0.4,
    "max_shift": 0.2,
    "max_warp": 0.1,
    "band_stop": 20.0,
    "drop_channel": 0.5,
    "max_scale": 2.0,
    "epsilon": 0.1,
}


def _only(name, **kwargs):
    return WindowAugmenter(**{name: CHANGES[name]}, fs=100.0, random_state=0, **kwargs)


@pytest.mark.parametrize("name", CHANGES)
def test_copies_follow_the_windows_that_stay_untouched(name):
    X, y = noise(5, 2, 60).astype(np.float32), np.array(["b", "a", "b", "a", "b"])
    X_more, y_more = _only(name, n_copies=3).fit_resample(X, y)
    assert (X_more.shape, X_more.dtype) == ((20, 2, 60), np.float32)
    np.testing.assert_array_equal(X_more[:5], X)
    np.testing.assert_array_equal(y_more, np.tile(y, 4))
    assert not np.allclose(X_more[5:10], X)
    assert not np.allclose(X_more[5:10], X_more[10:15])


@pytest.mark.parametrize("name", CHANGES)
def test_seed_decides_and_the_global_state_is_left_alone(name):
    X, y = noise(6, 3, 40), np.arange(6) % 2
    np.random.seed(7)  # noqa: NPY002
    expected = np.random.RandomState(7).rand()
    first, again = (_only(name).fit_resample(X, y)[0] for _ in range(2))
    other = _only(name).set_params(random_state=1).fit_resample(X, y)[0]
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    assert np.random.rand() == expected  # noqa: NPY002


def test_noise_has_the_signal_to_noise_ratio_asked_for():
    X = noise(3, 20000) * np.array([[0.1], [1.0], [10.0]])
    added = WindowAugmenter(epsilon=10 ** (-12 / 20), random_state=0).augment(X) - X
    np.testing.assert_allclose(20 * np.log10(X.std(axis=1) / added.std(axis=1)), 12.0, atol=0.1)


def test_scale_is_one_factor_per_window_within_its_limits():
    X = noise(200, 2, 7)
    ratio = _only("max_scale").augment(X) / X
    np.testing.assert_allclose(ratio, np.broadcast_to(ratio[:, :1, :1], X.shape))
    assert 0.5 <= ratio.min() < 0.55
    assert 1.9 < ratio.max() <= 2.0


def test_shift_rotates_all_channels_alike():
    X = np.tile(np.arange(50.0), (30, 2, 1))
    shifted = _only("max_shift").augment(X)
    np.testing.assert_array_equal(shifted[:, 0], shifted[:, 1])
    steps = (shifted[:, 0, 0] + 25) % 50 - 25
    assert set(np.abs(steps)) <= set(range(11))
    assert len(set(steps)) > 5
    np.testing.assert_array_equal(np.sort(shifted, axis=-1), X)


def test_warp_changes_the_frequency_by_no_more_than_asked_for():
    t = np.arange(2000) / 100.0
    X = np.tile(np.sin(2 * np.pi * 2.0 * t), (40, 1))
    warped = _only("max_warp").augment(X)
    freqs = np.fft.rfftfreq(2000, 0.01)[np.abs(np.fft.rfft(warped)).argmax(axis=1)]
    assert freqs.min() == pytest.approx(1.8, abs=0.06)
    assert freqs.max() == pytest.approx(2.2, abs=0.06)


def test_band_stop_removes_a_band_and_nothing_else():
    X = noise(1, 1000)
    ratio = np.abs(np.fft.rfft(_only("band_stop").augment(X)) / np.fft.rfft(X))[0]
    stopped = np.flatnonzero(ratio < 1e-9)
    np.testing.assert_allclose(np.delete(ratio, stopped), 1.0)
    np.testing.assert_array_equal(np.diff(stopped), 1)
    assert len(stopped) <= 200  # 20 Hz of bins of 0.1 Hz


def test_one_channel_always_stays():
    dropped = _only("drop_channel").set_params(drop_channel=0.99).augment(noise(50, 4, 9))
    n_left = (dropped != 0).any(axis=-1).sum(axis=1)
    assert n_left.min() == 1
    assert n_left.mean() < 1.2


def test_mixtures_stay_inside_their_class():
    X = np.array([[0.0], [1.0], [10.0], [11.0]]).repeat(3, axis=1)
    mixed = WindowAugmenter(mix=1.0, random_state=0).augment(X, [0, 0, 1, 1])
    assert (mixed[:2] <= 1).all()
    assert (mixed[2:] >= 10).all()


def test_mixup_mixes_windows_and_targets_alike():
    X, y = np.eye(5), np.eye(5)
    X_mixed, y_mixed = mixup(X, y, alpha=1.0, random_state=0)
    np.testing.assert_allclose(X_mixed, y_mixed)
    np.testing.assert_allclose(X_mixed.sum(axis=1), 1.0)
    assert (X_mixed.max(axis=1) < 1).any()


@pytest.mark.parametrize(
    "augmenter, X, match",
    [
        (WindowAugmenter(band_stop=5.0), noise(4, 9), "needs its 'fs' parameter for 'band_stop'"),
        (WindowAugmenter(band_stop=50.0, fs=90.0), noise(4, 9), "'band_stop' parameter of Window"),
        (WindowAugmenter(drop_channel=0.1), noise(4, 9), "'drop_channel' parameter of WindowAug"),
        (WindowAugmenter(0), noise(4, 9), "'n_copies' parameter of WindowAugmenter must"),
        (WindowAugmenter(), noise(4, 2, 2, 9), "Found array with dim 4"),
    ],
)
def test_unusable_parameters_are_refused(augmenter, X, match):
    with pytest.raises(ValueError, match=match):
        augmenter.fit_resample(X, [0, 1, 0, 1])


def test_an_augmenter_without_modifications_is_warned_of(recwarn):
    X = noise(4, 9)
    with pytest.warns(UserWarning, match="changes nothing.*each copy equals its window"):
        WindowAugmenter(2).fit_resample(X, [0, 1, 0, 1])
    WindowAugmenter(epsilon=0.0).fit_resample(X, [0, 1, 0, 1])  # as in a grid of values
    assert not recwarn


@pytest.mark.parametrize("kind", [list, np.array, pd.Series, pd.Categorical])
def test_mixup_of_labels_as_text_gives_a_column_per_class(kind):
    X, labels = noise(6, 5), ["well", "ill", "ill", "carrier", "well", "ill"]
    classes = sorted(set(labels))
    columns = np.array([[label == c for c in classes] for label in labels], float)
    expected = mixup(X, columns, alpha=1.0, random_state=0)
    X_mixed, y_mixed = mixup(X, kind(labels), alpha=1.0, random_state=0)
    np.testing.assert_array_equal(X_mixed, expected[0])
    np.testing.assert_array_equal(y_mixed, expected[1])
    np.testing.assert_allclose(y_mixed.sum(axis=1), 1.0)


@pytest.mark.parametrize("y", [["a", 1], [["a", "b"], ["b", "a"]]])
def test_mixup_says_what_targets_must_be(y):
    with pytest.raises(ValueError, match=r"'y' of mixup must be numbers .* or one string label"):
        mixup(noise(2, 5), y)


def test_mixtures_need_classes():
    with pytest.raises(ValueError, match="needs 'y' for its 'mix'"):
        WindowAugmenter(mix=0.2).augment(noise(3, 5))


@pytest.mark.parametrize(
    "X, y, alpha, match",
    [
        (noise(3, 5), [0, 1, 1], 0.0, "'alpha' parameter of mixup"),
        (noise(3, 5), [0, 1, 1], np.inf, "'alpha' parameter of mixup"),
        (noise(3, 5), [0, 1], 0.2, "2 targets"),
        (np.where(np.eye(3) > 0, np.nan, 1.0), [0, 1, 1], 0.2, "NaN or infinity in 3 of 3 rows"),
        (np.ma.masked_greater(noise(3, 5), 0.5), [0, 1, 1], 0.2, "masked"),
    ],
)
def test_mixup_refuses_bad_input(X, y, alpha, match):
    with pytest.raises(ValueError, match=match):
        mixup(X, y, alpha=alpha)


def test_cap_of_the_boumerdes_study():
    y = ["ALS"] * 2333 + ["myopathy"] * 2443 + ["normal"] * 4990
    wanted = capped_sampling_strategy(2.0)(y)
    assert wanted == {"ALS": 4666, "myopathy": 4886}


def test_cap_stops_at_the_largest_class_and_leaves_equal_classes_alone():
    assert capped_sampling_strategy(3.0)([0] * 4 + [1] * 9 + [2] * 10) == {0: 10, 1: 10}
    assert capped_sampling_strategy(1.0)([0] * 4 + [1] * 9) == {}


def test_factor_below_one_is_refused():
    with pytest.raises(ValueError, match="'factor' parameter of capped_sampling_strategy"):
        capped_sampling_strategy(0.5)


def test_cap_serves_smote_after_clone():
    X, y = noise(60, 8), np.array(["a"] * 10 + ["b"] * 50)
    smote = clone(SMOTE(sampling_strategy=capped_sampling_strategy(2.0), random_state=0))
    _, y_more = smote.fit_resample(X, y)
    assert dict(zip(*np.unique(y_more, return_counts=True))) == {"a": 20, "b": 50}


class _Recorder(DummyClassifier):
    """Remembers what it was fitted on."""

    def fit(self, X, y):
        self.seen_ = np.asarray(X)
        return super().fit(X, y)


@pytest.mark.parametrize(
    "sampler",
    [
        SMOTE(sampling_strategy=capped_sampling_strategy(2.0), k_neighbors=2, random_state=0),
        WindowAugmenter(mix=1.0, random_state=0),
    ],
)
def test_no_synthetic_window_uses_a_test_subject(sampler):
    # One axis per subject: a window made from several subjects is nonzero on all their axes.
    groups = np.repeat(np.arange(6), [12, 12, 12, 12, 6, 6])
    X = np.eye(6)[groups] * (1 + noise(60, 1) ** 2)
    y = np.where(groups < 4, 0, 1)
    cv = cross_validate(
        make_pipeline(sampler, _Recorder()),
        X,
        y,
        cv=[
            (np.flatnonzero(~np.isin(groups, test)), np.flatnonzero(np.isin(groups, test)))
            for test in ([0, 4], [1, 5], [2, 4])
        ],
        return_estimator=True,
        return_indices=True,
    )
    for pipeline, test in zip(cv["estimator"], cv["indices"]["test"]):
        seen = pipeline[-1].seen_
        assert len(seen) > len(X) - len(test)
        assert (seen[:, np.unique(groups[test])] == 0).all()


def unbalanced_table():
    subjects = ["a"] * 5 + ["b"] * 2 + ["c"] * 1 + ["d"] * 3
    table = recording_table(list(noise(11, 30)), fs=10.0, subject=subjects)
    return table, np.array([0] * 8 + [1] * 3)


@pytest.mark.parametrize("seed", range(5))
def test_recordings_are_taken_from_those_who_have_most(seed):
    table, y = unbalanced_table()
    kept, y_kept = RecordingUndersampler(4 / 3, random_state=seed).fit_resample(table, y)
    assert kept["subject"].value_counts().to_dict() == {"a": 1, "b": 2, "c": 1, "d": 3} or (
        kept["subject"].value_counts().to_dict() == {"a": 2, "b": 1, "c": 1, "d": 3}
    )
    assert np.bincount(y_kept).tolist() == [4, 3]


def test_rows_keep_their_order_and_labels():
    table, y = unbalanced_table()
    sampler = RecordingUndersampler(random_state=0)
    kept, y_kept = sampler.fit_resample(table, y)
    assert kept.index.is_monotonic_increasing
    np.testing.assert_array_equal(y_kept, y[sampler.sample_indices_])


def test_undersampling_of_a_table_of_features():
    table, y = unbalanced_table()
    features = table.drop(columns="signal").assign(rms=1.0)
    sampler = RecordingUndersampler(4 / 3, random_state=0)
    of_signals, of_features = (sampler.fit_resample(X, y)[0] for X in (table, features))
    assert of_features["subject"].tolist() == of_signals["subject"].tolist()
    assert of_features["rms"].dtype == float


def test_undersampling_of_a_table_without_subjects_keeps_its_columns():
    table = pd.DataFrame(noise(9, 2), columns=["rms", "mav"], index=list("abcdefghi"))
    sampler = RecordingUndersampler(random_state=0)
    kept, _ = sampler.fit_resample(table, [0] * 7 + [1] * 2)
    pd.testing.assert_frame_equal(kept, table.iloc[sampler.sample_indices_])


def test_tables_are_not_augmented():
    table, y = unbalanced_table()
    with pytest.raises(TypeError, match="WindowAugmenter takes arrays of windows"):
        WindowAugmenter(epsilon=0.1).fit_resample(table, y)


def test_undersampling_of_arrays():
    kept, y = RecordingUndersampler(2.0, random_state=0).fit_resample(
        noise(9, 2, 4), [0] * 7 + [1] * 2
    )
    assert kept.shape == (6, 2, 4)
    assert np.bincount(y).tolist() == [4, 2]
    with pytest.raises(ValueError, match=r"y has no label for 1 of 9 rows.* row 2"):
        RecordingUndersampler().fit_resample(noise(9, 2, 4), [0, 0, None, *[1] * 6])


def test_undersampler_in_a_pipeline_leaves_test_rows_alone():
    X, y = noise(40, 3), np.array([0] * 30 + [1] * 10)
    pipeline = make_pipeline(RecordingUndersampler(random_state=0), LogisticRegression())
    assert len(pipeline.fit(X, y).predict(X)) == 40


def test_pca_is_the_eigendecomposition_of_the_covariance():
    # Equations 13 and 16 of the NeuroFusionNet paper: C = X'X / (n - 1), C v = lambda v.
    X = noise(50, 4) @ np.diag([4.0, 3.0, 2.0, 1.0]) + 7.0
    pca = PCA().fit(X)
    centred = X - X.mean(axis=0)
    values, vectors = np.linalg.eigh(centred.T @ centred / 49)
    np.testing.assert_allclose(pca.explained_variance_, values[::-1])
    np.testing.assert_allclose(np.abs(pca.components_ @ vectors[:, ::-1]), np.eye(4), atol=1e-10)


def test_noise_is_given_by_its_signal_to_noise_ratio():
    X = np.random.default_rng(0).normal(size=(4, 5000))
    by_ratio = WindowAugmenter(snr=14.0, random_state=0)
    by_epsilon = WindowAugmenter(epsilon=10 ** (-14 / 20), random_state=0)
    np.testing.assert_array_equal(by_ratio.augment(X), by_epsilon.augment(X))
    noise_power = (by_ratio.augment(X) - X).var()
    assert 10 * np.log10(X.var() / noise_power) == pytest.approx(14.0, abs=0.3)
    with pytest.raises(ValueError, match="either 'epsilon' or 'snr'"):
        WindowAugmenter(epsilon=0.1, snr=10.0).augment(X)


@pytest.mark.parametrize("y", [None, [0.0, np.nan], ["a", None]])
def test_mixup_needs_every_target(y):
    with pytest.raises(ValueError, match=r"'y' of mixup has no target in row [01]"):
        mixup(noise(2, 5), y)


def test_mixup_takes_windows_of_numbers():
    with pytest.raises(ValueError, match=r"'X' of mixup must be an array .* Got DataFrame"):
        mixup(recording_table(noise(2, 100), fs=1000.0, subject=["a", "b"]), [0, 1])


@pytest.mark.parametrize(
    "X, y, match",
    [
        (np.where(np.eye(4) > 0, np.nan, 1.0), [0, 1, 0, 1], "NaN or infinity in 4 of 4 rows"),
        (noise(4, 9), [0, None, 0, 1], "y has no label for 1 of 4 rows"),
        (noise(4, 9), ["a", "", "a", "b"], "y has no label for 1 of 4 rows"),
    ],
)
def test_the_augmenter_names_missing_samples_and_labels(X, y, match):
    with pytest.raises(ValueError, match=match):
        WindowAugmenter(snr=20.0).fit_resample(X, y)
