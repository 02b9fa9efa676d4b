"""Steps whose results are kept."""

import os
import pickle
import shutil
import subprocess
import sys
import threading
import warnings

import joblib
import numpy as np
import pandas as pd
import pytest
from data import simulated_cohort
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from sklearn_emg.ensemble import DiVoteClassifier
from sklearn_emg.feature_extraction import TimeDomainFeatures
from sklearn_emg.metrics import subject_scorer
from sklearn_emg.model_selection import CachedTransformer, SubjectKFold
from sklearn_emg.recordings import (
    SignalFile,
    content_digest,
    read_signal,
    recording_table,
    signal_digest,
)


@pytest.fixture
def computed(monkeypatch):
    """Numbers of windows for which features were computed."""
    counts = []
    original = TimeDomainFeatures.transform

    def counting(self, X):
        counts.append(len(X))
        return original(self, X)

    monkeypatch.setattr(TimeDomainFeatures, "transform", counting)
    return counts


@pytest.fixture(scope="module")
def cohort():
    return simulated_cohort(n_recordings=18, duration=0.7)


def searched(features, X, y):
    lda = LinearDiscriminantAnalysis(solver="lsqr")
    model = DiVoteClassifier(make_pipeline(features, lda), window=0.3, step=None)
    grid = {"estimator__lineardiscriminantanalysis__shrinkage": [0.1, 0.3, 0.5, 0.7]}
    cv = SubjectKFold(3, random_state=0)
    return GridSearchCV(model, grid, cv=cv, scoring=subject_scorer("accuracy")).fit(X, y)


def test_a_grid_over_the_classifier_computes_every_feature_once(cohort, computed, tmp_path):
    X, y = cohort
    kept = searched(CachedTransformer(TimeDomainFeatures(), memory=str(tmp_path)), X, y)
    # Training and test windows of three folds, and all windows for the final fit.
    n_windows = computed[-1]
    assert len(computed) == 7
    assert sum(computed) == 4 * n_windows
    computed.clear()
    plain = searched(TimeDomainFeatures(), X, y)
    assert sum(computed) >= (4 * 3 + 1) * n_windows
    np.testing.assert_array_equal(
        kept.cv_results_["mean_test_score"], plain.cv_results_["mean_test_score"]
    )


def test_other_settings_or_training_data_are_not_mixed(tmp_path):
    X = np.random.default_rng(0).normal(size=(9, 4))
    memory = joblib.Memory(tmp_path, verbose=0)
    for train, with_std in ((X, True), (X[:5], True), (X, False), (X, True)):
        scaler = StandardScaler(with_std=with_std)
        kept = CachedTransformer(scaler, memory=memory).fit(train).transform(X)
        np.testing.assert_allclose(kept, scaler.fit(train).transform(X))


def test_output_and_names_are_those_of_the_transformer(tmp_path):
    X = np.random.default_rng(0).normal(size=(5, 3, 60))
    cached = CachedTransformer(TimeDomainFeatures(fs=1000.0), memory=str(tmp_path))
    frame = cached.set_output(transform="pandas").fit(X).transform(X)
    assert frame.columns.tolist() == cached.get_feature_names_out().tolist()
    assert isinstance(cached.set_output(transform="default").transform(X), np.ndarray)


@pytest.fixture
def numbers():
    rng = np.random.default_rng(0)
    return rng.normal(size=(20, 3)), 5 + 3 * rng.normal(size=(20, 3)), rng.normal(size=(4, 3))


def test_what_was_fitted_without_memory_keeps_nothing(numbers, tmp_path):
    A, B, X = numbers
    fitted = [CachedTransformer(StandardScaler()).fit(train) for train in (A, B)]
    for cached, train in zip(fitted, (A, B)):
        cached.set_params(memory=str(tmp_path))
        np.testing.assert_allclose(cached.transform(X), StandardScaler().fit(train).transform(X))
    assert not list(tmp_path.rglob("output.pkl"))


def test_a_fitted_transformer_that_was_changed_keeps_nothing(numbers, tmp_path):
    A, B, X = numbers
    cached = CachedTransformer(StandardScaler(), memory=str(tmp_path)).fit(A)
    cached.transform(X)
    cached.transformer_.partial_fit(B)
    np.testing.assert_array_equal(cached.transform(X), cached.transformer_.transform(X))
    cached.transformer_ = StandardScaler().fit(B)
    np.testing.assert_array_equal(cached.transform(X), cached.transformer_.transform(X))


def test_a_copy_of_a_fitted_instance_finds_what_it_kept(numbers, tmp_path, monkeypatch):
    A, _, X = numbers
    cached = CachedTransformer(StandardScaler(), memory=str(tmp_path)).fit(A)
    kept = cached.transform(X)
    monkeypatch.setattr(StandardScaler, "transform", None)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(cached)).transform(X), kept)


def test_another_version_keeps_results_of_its_own(numbers, tmp_path, monkeypatch):
    A, _, X = numbers
    CachedTransformer(StandardScaler(), memory=str(tmp_path)).fit(A).transform(X)
    n = len(list(tmp_path.rglob("output.pkl")))
    monkeypatch.setattr("sklearn_emg.recordings._digest.__version__", "999")
    CachedTransformer(StandardScaler(), memory=str(tmp_path)).fit(A).transform(X)
    assert len(list(tmp_path.rglob("output.pkl"))) == 2 * n


def test_code_of_ones_own_counts_not_its_name(numbers, tmp_path):
    _, _, X = numbers
    for factor in (2.0, 3.0):
        space = {"__name__": "__main__", "factor": factor}
        exec("def scaled(X):\n    return factor * X", space)
        transformer = FunctionTransformer(space["scaled"])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # joblib cannot keep this function, only its results
            kept = CachedTransformer(transformer, memory=str(tmp_path)).fit(X).transform(X)
        np.testing.assert_array_equal(kept, factor * X)


def test_files_of_a_table_count_with_their_content(tmp_path):
    path = tmp_path / "a.bin"
    means = []
    for scale in (1, 2):
        (scale * np.arange(40, dtype="<i2")).tofile(path)
        table = recording_table([SignalFile(path)], fs=10.0, subject=["a"])
        cached = CachedTransformer(TimeDomainFeatures(["mav"]), memory=str(tmp_path / "kept"))
        means.append(float(cached.fit(table).transform(table).item()))
    assert means == [19.5, 39.0]


class Planted:
    """Loading it from a pickle gives None."""

    def __reduce__(self):
        return dict.get, ({}, "nothing")


def test_a_result_of_another_question_is_not_believed(numbers, tmp_path):
    A, B, X = numbers
    memory = str(tmp_path)
    CachedTransformer(StandardScaler(), memory=memory).fit(A).transform(X)
    files = sorted(tmp_path.rglob("output.pkl"), key=lambda p: p.stat().st_mtime_ns)
    CachedTransformer(StandardScaler(), memory=memory).fit(B).transform(X)
    others = sorted(
        set(tmp_path.rglob("output.pkl")) - set(files), key=lambda p: p.stat().st_mtime_ns
    )
    for own, other in zip(files, others):
        shutil.copy(own, other)
    expected = StandardScaler().fit(B).transform(X)
    with pytest.warns(UserWarning, match="belongs to another call and is not used"):
        kept = CachedTransformer(StandardScaler(), memory=memory).fit(B).transform(X)
    np.testing.assert_allclose(kept, expected)
    for other in others:
        other.write_bytes(pickle.dumps(Planted()))
    with pytest.warns(UserWarning, match="Delete this folder of 'memory'"):
        kept = CachedTransformer(StandardScaler(), memory=memory).fit(B).transform(X)
    np.testing.assert_allclose(kept, expected)


def test_what_has_no_identity_is_computed_each_time(numbers, tmp_path):
    A, _, X = numbers
    part = threading.Lock()
    cached = CachedTransformer(StandardScaler(), memory=str(tmp_path))
    with pytest.warns(
        UserWarning, match="Nothing is stored in 'memory': the key would not cover all"
    ):
        cached.fit(A, y=[part])
    np.testing.assert_allclose(cached.transform(X), StandardScaler().fit(A).transform(X))
    assert not list(tmp_path.rglob("output.pkl"))


def test_divote_does_not_share_networks_of_other_files_and_versions(cohort, tmp_path, monkeypatch):
    X, y = cohort
    lda = make_pipeline(TimeDomainFeatures(), LinearDiscriminantAnalysis())
    model = DiVoteClassifier(lda, window=0.3, step=None, memory=str(tmp_path))

    def kept():
        return len(list(tmp_path.rglob("output.pkl")))

    model.fit(X, y)
    model.fit(X, y)
    assert kept() == 1
    louder = X.assign(signal=[2 * s for s in X["signal"]])
    model.fit(louder, y)
    assert kept() == 2
    monkeypatch.setattr("sklearn_emg.recordings._digest.__version__", "999")
    model.fit(X, y)
    assert kept() == 3


# -------------------------------------------------------------------- digests


def test_a_digest_is_of_content_and_nothing_else():
    x = np.arange(6.0).reshape(2, 3)
    assert content_digest(x) == content_digest(np.asfortranarray(x)) == content_digest(x[:, :])
    assert content_digest(x) != content_digest(x.T.reshape(2, 3))
    assert content_digest(x) != content_digest(x.astype("f4"))
    assert content_digest(x) != content_digest(x.ravel())
    one = ("a", 1)
    assert content_digest([one, one]) == content_digest([("a", 1), ("a", 1)])
    assert content_digest({"a": 1, "b": 2}) != content_digest({"b": 2, "a": 1})
    assert content_digest({"a", "b", 1}) == content_digest({1, "b", "a"})
    frame = pd.DataFrame({"a": [1.0, 2.0], "b": ["x", "y"]})
    parts = pd.concat([frame[["a"]], frame[["b"]]], axis=1)
    assert content_digest(frame) == content_digest(parts)
    assert content_digest(frame) != content_digest(frame[["b", "a"]])
    with np.printoptions(precision=1, threshold=2):
        assert content_digest(x) == content_digest(np.arange(6.0).reshape(2, 3))


def test_functions_differ_by_code_defaults_and_what_they_enclose():
    def adder(n):
        return lambda x, k=1: x + n * k

    def adder_of_two(n):
        return lambda x, k=2: x + n * k

    assert content_digest(adder(1)) == content_digest(adder(1))
    assert content_digest(adder(1)) != content_digest(adder(2))
    assert content_digest(adder(1)) != content_digest(adder_of_two(1))


def test_classes_of_ones_own_differ_by_their_methods():
    def made(value):
        class Own:
            level = value

            def get(self):
                return self.level

        return Own

    assert content_digest(made(1)) == content_digest(made(1))
    assert content_digest(made(1)) != content_digest(made(2))


def test_a_file_has_the_digest_of_the_array_that_it_reads_as(tmp_path):
    path = tmp_path / "a.bin"
    rng = np.random.default_rng(0)
    rng.integers(-99, 99, size=(2_200_000, 2)).astype("<i2").tofile(path)
    file = SignalFile(path, n_channels=2, scale=0.01)
    assert signal_digest(file) == signal_digest(read_signal(file))
    values = read_signal(file).copy()
    values[1, 2_100_000] += 0.01
    assert signal_digest(values) != signal_digest(file)
    assert signal_digest(np.zeros((0,))) != signal_digest(np.zeros((2, 0)))


def test_digests_are_the_same_in_every_process():
    code = (
        "from sklearn_emg.papers import make_system\n"
        "from sklearn_emg.recordings import content_digest\n"
        "models = [make_system(n) for n in ('time-domain', 'patel-sunitha-gb', 'rule-based')]\n"
        "print(content_digest(models, {'a', 'b', 'c', 1}, lambda x: x in {'p', 'q', 'r'}))"
    )
    seen = {
        subprocess.run(
            [sys.executable, "-c", code], env={**os.environ, "PYTHONHASHSEED": seed},
            check=True, capture_output=True, text=True,
        ).stdout
        for seed in "12"
    }  # fmt: skip
    assert len(seen) == 1
