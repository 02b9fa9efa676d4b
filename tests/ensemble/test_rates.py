"""The table's sampling rate reaches every step inside DiVote."""

import warnings

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline

from sklearn_emg.ensemble import DiVoteClassifier, Windows
from sklearn_emg.exceptions import RecordingWarning
from sklearn_emg.feature_extraction import SpectralFeatures, TimeDomainFeatures
from sklearn_emg.model_selection import SubjectKFold
from sklearn_emg.papers import frequency_domain_analysis
from sklearn_emg.preprocessing import BandpassFilter, Resampler
from sklearn_emg.recordings import recording_table


def tone(fs=4000.0, frequency=100.0, n=8):
    t = np.arange(int(fs)) / fs
    signals = [0.1 * np.sin(2 * np.pi * frequency * t + k) for k in range(n)]
    y = np.array(["control", "patient"] * (n // 2))
    return recording_table(signals, fs=fs, subject=[f"S{k}" for k in range(n)]), y


class Frequencies(LogisticRegression):
    """Keeps the median of what it was fitted on."""

    def fit(self, X, y):
        self.median_ = float(np.median(X))
        return super().fit(X, y)


def spectral(fs=None):
    return make_pipeline(SpectralFeatures(["mnf"], fs=fs), Frequencies())


def test_steps_without_a_rate_get_that_of_the_table_and_the_users_own_stay_as_they_were():
    X, y = tone()
    union = FeatureUnion([("f", SpectralFeatures(["mnf"])), ("t", TimeDomainFeatures(["rms"]))])
    inner = make_pipeline(BandpassFilter(20, 900), union, LogisticRegression())
    model = DiVoteClassifier(inner, window=0.25).fit(X, y)
    found = model.estimator_.get_params()
    assert found["bandpassfilter__fs"] == found["featureunion__f__fs"] == 4000.0
    assert model.get_params()["estimator__featureunion__f__fs"] is None
    assert model.fs_ == 4000.0
    assert clone(model).fit(X, y).predict(X).shape == (8,)


@pytest.mark.parametrize("rate", [4000.0, 2000.0, 1000.0])
def test_mean_frequency_of_a_sinusoid_at_each_rate_of_a_grid(rate):
    X, y = tone()
    model = Pipeline([("resample", Resampler(4000.0)), ("divote", DiVoteClassifier(spectral()))])
    search = GridSearchCV(
        model, {"resample__fs_out": [rate]}, cv=SubjectKFold(2), error_score="raise"
    )
    search.fit(X, y)
    median = search.best_estimator_["divote"].estimator_[-1].median_
    assert median == pytest.approx(100.0, abs=2.0)


def test_steps_behind_an_inner_resampler_get_its_rate():
    X, y = tone()
    inner = make_pipeline(Resampler(1000.0), SpectralFeatures(["mnf"]), Frequencies())
    model = DiVoteClassifier(inner, window=0.25).fit(X, y)
    assert model.estimator_[1].fs == 1000.0
    assert model.estimator_[-1].median_ == pytest.approx(100.0, abs=2.0)


def test_a_rate_that_contradicts_the_table_is_refused():
    X, y = tone()
    with pytest.raises(ValueError, match=r"estimator__spectralfeatures__fs .* 1000 Hz.* 4000 Hz"):
        DiVoteClassifier(spectral(1000.0), window=0.25).fit(X, y)
    DiVoteClassifier(spectral(4000.001), window=0.25).fit(X, y)  # one rate, but for rounding


def test_a_search_inside_over_rates_is_refused():
    X, y = tone()
    inner = make_pipeline(
        Resampler(1000.0), SpectralFeatures(["mnf"]), LinearDiscriminantAnalysis()
    )
    search = GridSearchCV(inner, {"resampler__fs_out": [1000.0, 2000.0]}, cv=2)
    with pytest.raises(ValueError, match="Put the search around the complete model"):
        DiVoteClassifier(search, window=0.25).fit(X, y)


def test_a_table_of_another_rate_is_refused_or_warned_of_when_predicting():
    (X, y), (other, _) = tone(), tone(fs=2000.0)
    model = DiVoteClassifier(spectral(), window=0.25).fit(X, y)
    with pytest.raises(ValueError, match=r"2000 Hz, but .* 4000 Hz.*spectralfeatures"):
        model.predict(other)
    blind = DiVoteClassifier(LogisticRegression(), window=0.25).fit(X, y)
    with pytest.raises(ValueError, match="windows have shape"):
        blind.predict(other)
    with pytest.warns(RecordingWarning, match=r"2000 Hz, but .* 4000 Hz"):
        blind.set_params(window=0.5).predict(other)


def test_published_systems_take_the_rate_from_the_table():
    X, y = tone(fs=8000.0)
    model = frequency_domain_analysis(fs=4000.0).set_params(resample__fs_out=2000.0).fit(X, y)
    assert model["divote"].estimator_["features"].fs == 2000.0
    made = frequency_domain_analysis(fs=2000.0).fit(X, y)
    new = X.assign(subject=[f"T{k}" for k in range(8)])
    np.testing.assert_allclose(model.predict_proba(new), made.predict_proba(new))


def test_signals_under_another_name_are_pointed_out():
    X, y = tone()
    X = X.rename(columns={"signal": "emg"})
    for step in (TimeDomainFeatures(), BandpassFilter(20, 400), DiVoteClassifier(spectral())):
        with pytest.raises(ValueError, match=r"'emg' of X holds signals.*'signal'"):
            step.fit(X, y)


def test_rates_that_are_lowered_on_purpose_are_not_warned_of():
    X, y = tone(frequency=10.0)
    features = make_pipeline(TimeDomainFeatures(["rms"]), LogisticRegression())
    before = Resampler(fs_out=50.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error", RecordingWarning)
        make_pipeline(before, DiVoteClassifier(features)).fit(X, y)
        DiVoteClassifier(make_pipeline(before, features)).fit(X, y)
        Windows(make_pipeline(before, features[0])).fit(X)
    with pytest.warns(RecordingWarning, match="sampling rate of 50 Hz is too low"):
        TimeDomainFeatures(["rms"], fs=50.0).fit(np.ones((2, 100)))


@pytest.mark.parametrize("step", [TimeDomainFeatures(), SpectralFeatures()])
def test_a_pipeline_without_windows_warns_of_a_rate_that_was_not_in_training(step):
    (X, y), (other, _) = tone(), tone(fs=2000.0)
    other = other.assign(subject=[f"T{k}" for k in range(8)])
    model = make_pipeline(step, LogisticRegression()).fit(X, y)
    with pytest.warns(RecordingWarning, match=r"2000 Hz, but .* of 4000 Hz.*Resampler\(4000\)"):
        model.predict(other)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.predict(other.assign(fs=4000.001))
        clone(step).fit(X).transform(other)  # features only
