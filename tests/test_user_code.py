"""Code that users write runs, and passes mypy (`make lint` checks this file).

`assert_type` does nothing when it runs; mypy compares the type it sees with the one given.
"""

from __future__ import annotations

from typing import Any, assert_type

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_emg.base import FeatureExtractor, SignalTransformer
from sklearn_emg.comparison import Comparison, compare
from sklearn_emg.datasets import make_nemg_cohort
from sklearn_emg.ensemble import DiVoteClassifier, Votes
from sklearn_emg.feature_extraction import TimeDomainFeatures
from sklearn_emg.metrics import subject_scorer
from sklearn_emg.model_selection import SubjectKFold, subject_train_test_split
from sklearn_emg.preprocessing import BandpassFilter
from sklearn_emg.recordings import divide, is_recording_table, recording_table

Signals = NDArray[np.floating]


class CrossingRate(FeatureExtractor):
    """A feature that needs the sampling rate."""

    def __init__(self, *, fs: float | None = None) -> None:
        self.fs = fs

    def _needs_fs(self) -> bool:
        return True

    def _feature_names(self) -> list[str]:
        return ["crossing_rate"]

    def _extract(self, X: Signals, fs: float) -> Signals:
        crossings = np.sum(X[..., 1:] * X[..., :-1] < 0, axis=-1, keepdims=True)
        return (crossings * fs / X.shape[-1]).astype(X.dtype)


class Rectifier(SignalTransformer):
    """A step that needs no rate and declares that it may be unknown."""

    def _transform_signals(self, signals: Signals, fs: float | None) -> Signals:
        return np.abs(signals)


def small_cohort() -> tuple[pd.DataFrame, NDArray[np.str_]]:
    return make_nemg_cohort(
        12,
        n_recordings=24,
        fs=2000.0,
        duration=0.5,
        classes=("normal", "myopathy"),
        return_X_y=True,
        random_state=0,
    )


def diagnoser() -> DiVoteClassifier:
    windows = make_pipeline(
        BandpassFilter(20.0, 450.0, fs=2000.0),
        TimeDomainFeatures(["rms", "zc", "wl"]),
        StandardScaler(),
        RandomForestClassifier(10, random_state=0),
    )
    return DiVoteClassifier(windows, window=0.2, step=0.1, tail="drop", cv=SubjectKFold(2))


def test_fit_vote_and_score() -> None:
    X, y = small_cohort()
    X_train, X_test, y_train, y_test = subject_train_test_split(X, y, random_state=0)
    divote = assert_type(diagnoser(), DiVoteClassifier).fit(X_train, y_train)
    votes = assert_type(divote.vote(X_test), Votes)
    assert_type(votes.subjects, pd.DataFrame)
    score = subject_scorer("balanced_accuracy")(divote, X_test, y_test)
    assert 0.0 <= assert_type(score, float) <= 1.0
    assert assert_type(divote.predict(X_test), NDArray[Any]).shape == (len(X_test),)


def test_compare() -> None:
    X, y = small_cohort()
    pipelines = {"forest": diagnoser(), "one level": diagnoser().set_params(cv=None)}
    result = compare(pipelines, X, y, cv=SubjectKFold(2), progress=False)
    assert_type(result, Comparison)
    assert set(assert_type(result.summary, pd.DataFrame)["pipeline"]) == set(pipelines)


def test_own_steps_on_tables_and_arrays() -> None:
    table = recording_table([np.sin(np.arange(n)) for n in (400, 500)], fs=100.0, subject=[0, 1])
    rectified: Any = Rectifier().fit(table).transform(table)
    assert is_recording_table(rectified)
    crossings = assert_type(CrossingRate().fit(table), CrossingRate)
    assert assert_type(crossings.transform(table), Signals).shape == (2, 1)
    windows = divide(table, 1.0, 0.5, tail="overlap")
    features = CrossingRate(fs=windows.fs).fit(windows.X).transform(windows.X)
    assert features.shape == (len(windows), 1)


def test_bunch_and_pair() -> None:
    cohort = make_nemg_cohort(3, n_recordings=3, fs=2000.0, duration=0.5, random_state=0)
    assert is_recording_table(cohort.data)
    assert len(cohort.target) == 3
