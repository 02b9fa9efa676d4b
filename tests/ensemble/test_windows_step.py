"""Windows as a step: pooled features, tuning over window and step, subjects and tables."""

import numpy as np
import pytest
from data import simulated_cohort
from sklearn.ensemble import RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_emg.ensemble import DiVoteClassifier, Windows
from sklearn_emg.exceptions import RecordingWarning, SubjectLeakWarning
from sklearn_emg.feature_extraction import STFT, SpectralFeatures, TimeDomainFeatures
from sklearn_emg.feature_selection import RandomForestSelector
from sklearn_emg.metrics import subject_scorer
from sklearn_emg.model_selection import SubjectKFold
from sklearn_emg.preprocessing import Resampler
from sklearn_emg.recordings import divide, recording_table


@pytest.fixture(scope="module")
def cohort():
    return simulated_cohort()


def test_features_are_pooled_over_the_windows_of_a_recording(cohort):
    X, _ = cohort
    step = Windows(
        TimeDomainFeatures(["rms", "wl"]),
        window=0.1,
        step=0.05,
        statistics=["mean", "std", "min", "median", "max"],
    )
    got = step.fit_transform(X)
    windows = divide(X, 0.1, 0.05)
    features = TimeDomainFeatures(["rms", "wl"]).fit_transform(windows.X)
    of_third = features[windows.row == 3].astype(float)
    expected = [of_third.mean(0), of_third.std(0), of_third.min(0), np.median(of_third, 0)]
    np.testing.assert_allclose(got[3], np.concatenate([*expected, of_third.max(0)]), rtol=1e-6)
    assert step.get_feature_names_out()[:3].tolist() == ["rms_mean", "wl_mean", "rms_std"]


def test_any_estimator_is_tuned_over_window_and_step(cohort):
    X, y = cohort
    model = Pipeline(
        [
            ("windows", Windows(SpectralFeatures(["mnf", "mdf", "ttp"]))),
            ("classifier", RandomForestClassifier(10, random_state=0)),
        ]
    )
    grid = {"windows__window": [0.1, 0.2], "windows__step": [0.05, None]}
    search = GridSearchCV(
        model,
        grid,
        cv=SubjectKFold(3, random_state=0),
        scoring=subject_scorer("accuracy"),
        error_score="raise",
    ).fit(X, y)
    assert len(search.cv_results_["params"]) == 4
    assert search.best_estimator_["windows"].fs_ == 2000.0


def test_an_estimator_of_tables_is_tuned_over_the_window(cohort):
    X, y = cohort
    windows = Windows(TimeDomainFeatures(["rms", "wl"]), keep=["subject", "region"])
    votes = DiVoteClassifier(
        make_pipeline(StandardScaler(), LogisticRegression()), window=None, by="region"
    )
    model = Pipeline([("windows", windows), ("divote", votes)])
    features = model[0].fit_transform(X)
    assert features.columns.tolist() == ["rms", "wl", "subject", "region"]
    grid = {"windows__window": [0.1, 0.25], "divote__by": ["region", None]}
    cv = SubjectKFold(3, random_state=0)
    search = GridSearchCV(model, grid, cv=cv, scoring=subject_scorer("accuracy")).fit(X, y)
    assert len(search.best_estimator_["divote"].subjects_) == X["subject"].nunique()


def test_windows_go_as_a_table_to_a_transformer_of_tables(cohort):
    X, _ = cohort
    array = Windows(TimeDomainFeatures(["rms"]), window=0.1).fit(X)
    table = Windows(TimeDomainFeatures(["rms"]), window=0.1, as_table=True).fit(X)
    np.testing.assert_allclose(table.transform(X), array.transform(X), rtol=1e-5)


def test_the_transformer_learns_from_training_windows_with_their_labels(cohort):
    X, y = cohort
    inner = make_pipeline(
        TimeDomainFeatures(["rms", "wl", "zc"]), RandomForestSelector(n_estimators=5)
    )
    train = X["subject"].isin(X["subject"].unique()[:6]).to_numpy()
    step = Windows(inner, window=0.25).fit(X[train], y[train])
    assert step.transform(X[~train]).shape[0] == (~train).sum()
    assert set(step.subjects_) == set(X["subject"][train])


def test_training_subjects_are_known_after_a_fit_with_labels(cohort):
    X, y = cohort
    model = make_pipeline(Windows(TimeDomainFeatures(["rms"])), LogisticRegression()).fit(X, y)
    with pytest.warns(SubjectLeakWarning, match="given to Windows (was|were) trained on"):
        model.predict(X)


def test_recordings_without_a_window_have_no_features():
    table = recording_table([np.arange(10.0), np.arange(3.0)], fs=10.0, subject=["a", "b"])
    step = Windows(TimeDomainFeatures(["mean"]), window=0.5, short="skip")
    with pytest.warns(RecordingWarning, match="No window is left of row 1"):
        got = step.fit_transform(table)
    assert got[0, 0] == 4.5
    assert np.isnan(got[1, 0])


def test_faults_are_named(cohort):
    X, y = cohort
    with pytest.raises(ValueError, match=r"'statistics' parameter of Windows.*Did you mean 'mean'"):
        Windows(TimeDomainFeatures(), statistics=["maen"]).fit(X)
    with pytest.raises(ValueError, match="lacks the column 'site'"):
        Windows(TimeDomainFeatures(), keep=["site"]).fit(X)
    with pytest.raises(ValueError, match=r"put Flatten\(\) after it"):
        Windows(STFT(nperseg=64)).fit_transform(X)
    with pytest.raises(ValueError, match=r"Put Resampler\(2000\) before"):
        Windows(TimeDomainFeatures()).fit(X, y).transform(Resampler(1000.0).fit_transform(X))


def two_channels(**columns):
    X, y = simulated_cohort()
    signals = [np.stack([s, 3 * s[::-1]]) for s in X["signal"]]
    table = recording_table(signals, fs=2000.0, subject=X["subject"], **columns)
    return table, y


@pytest.mark.parametrize("kind", ["windows", "vote"])
def test_features_of_windows_have_the_names_of_the_channels(kind):
    X, y = two_channels(channel_names=["biceps", "vastus"])
    features = make_pipeline(StandardScaler(), LogisticRegression())
    if kind == "windows":
        model = make_pipeline(Windows(TimeDomainFeatures(["rms"]), window=0.25), *features)
        names = model.fit(X, y)[:1].get_feature_names_out()
    else:
        inner = make_pipeline(TimeDomainFeatures(["rms"]), *features)
        model = DiVoteClassifier(inner, window=0.25).fit(X, y)
        names = model.estimator_[:1].get_feature_names_out()
    assert names.tolist() == ["biceps_rms", "vastus_rms"]
    swapped, _ = two_channels(channel_names=["vastus", "biceps"])
    with pytest.raises(ValueError, match="was fitted on biceps, vastus, in that order"):
        model.predict(swapped[:3])


@pytest.mark.parametrize("kind", ["windows", "vote"])
def test_features_in_frames_are_known_again(kind):
    X, y = two_channels(channel_names=["biceps", "vastus"])
    steps = [TimeDomainFeatures(["rms"]), StandardScaler()]
    framed = make_pipeline(*steps, LogisticRegression()).set_output(transform="pandas")
    plain = make_pipeline(*steps, LogisticRegression())
    if kind == "windows":
        models = [Windows(part[:-1], window=0.25) for part in (framed, plain)]
        got, expected = (model.fit(X, y).transform(X) for model in models)
    else:
        models = [DiVoteClassifier(part, window=0.25) for part in (framed, plain)]
        got, expected = (model.fit(X, y).predict_proba(X) for model in models)
    np.testing.assert_allclose(got, expected)


def test_frozen_extractors_are_not_changed():
    X, y = two_channels(channel_names=["biceps", "vastus"])
    own = TimeDomainFeatures(["rms"], fs=2000.0).fit(np.zeros((1, 2, 500)))
    inner = make_pipeline(FrozenEstimator(own), LogisticRegression())
    DiVoteClassifier(inner, window=0.25).fit(X, y)
    Windows(FrozenEstimator(own), window=0.25).fit(X, y)
    assert own.channel_names_in_ is None
