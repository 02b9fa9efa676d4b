"""Stores of the output of stateless steps."""

import multiprocessing
import os
import pickle
import stat

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import FunctionTransformer

from sklearn_emg.base import FeatureExtractor
from sklearn_emg.datasets import make_nemg_cohort
from sklearn_emg.ensemble import DiVoteClassifier
from sklearn_emg.feature_extraction import SpectralFeatures, TimeDomainFeatures
from sklearn_emg.metrics import subject_scorer
from sklearn_emg.model_selection import (
    CachedTransformer,
    RecordingStore,
    SubjectKFold,
    takes_kept,
)
from sklearn_emg.preprocessing import (
    AmplitudeScaler,
    ArtefactRejector,
    BandpassFilter,
    GapInterpolator,
    Resampler,
)
from sklearn_emg.recordings import (
    divide,
    divide_kept,
    keep_recordings,
    plain_recordings,
    read_signal,
    recording_table,
    window_table,
)


class Loudness(FeatureExtractor):
    """Mean absolute value; counts the windows that it is computed for."""

    computed: list[int] = []  # noqa: RUF012

    def __init__(self, factor=1.0):
        self.factor = factor

    def _feature_names(self):
        return ["loudness"]

    def _extract(self, X, fs):
        self.computed.append(len(X))
        return self.factor * np.abs(X).mean(axis=-1, keepdims=True)


@pytest.fixture
def computed():
    Loudness.computed.clear()
    return Loudness.computed


@pytest.fixture(scope="module")
def cohort():
    return make_nemg_cohort(
        6, n_recordings=12, fs=2000.0, duration=0.7, random_state=0, return_X_y=True
    )


@pytest.fixture
def table():
    rng = np.random.default_rng(0)
    return recording_table(
        [rng.normal(size=n) for n in (900, 700, 1200)], fs=1000.0, subject=list("abc")
    )


def windows_of(table, store, window=0.2):
    return divide_kept(keep_recordings(table, store), window).X


# -------------------------------------------------------------------- what is kept


def test_kept_windows_are_those_of_divide(table):
    kept, plain = windows_of(table, RecordingStore()), divide(table, 0.2).X
    np.testing.assert_array_equal(kept, plain)
    np.testing.assert_array_equal(kept[[5, 0, 9]], plain[[5, 0, 9]])
    assert kept.shape == plain.shape
    assert len(kept) == len(plain)


@pytest.mark.parametrize("tail", ["drop", "overlap", "pad"])
def test_windows_at_the_end_and_those_with_gaps_are_treated_as_by_divide(table, tail):
    table["signal"].iloc[1][350] = np.nan
    settings = {"window": 0.25, "step": 0.1, "tail": tail, "nan": "skip", "short": "skip"}
    with pytest.warns(UserWarning, match="row 1 has NaN"):
        plain = divide(table, **settings)
    with pytest.warns(UserWarning, match="row 1 has NaN"):
        kept = divide_kept(keep_recordings(table, RecordingStore()), **settings)
    np.testing.assert_array_equal(kept.X, plain.X)
    for name in ("row", "start", "skipped"):
        np.testing.assert_equal(getattr(kept, name), getattr(plain, name))
    with pytest.raises(ValueError, match="row 1 has NaN or infinity in"):
        divide_kept(keep_recordings(table, RecordingStore()), 0.25)


def test_steps_run_once_when_samples_are_needed(table, monkeypatch):
    filtered = []
    original = BandpassFilter._transform_signals

    def counting(self, signals, fs):
        filtered.append(signals.shape)
        return original(self, signals, fs)

    monkeypatch.setattr(BandpassFilter, "_transform_signals", counting)
    store = RecordingStore()
    steps = make_pipeline(BandpassFilter(20, 400), Resampler(500.0))
    for _ in range(2):
        out = steps.fit_transform(keep_recordings(table, store))
        assert out["fs"].tolist() == [500.0] * 3
        assert out["subject"].tolist() == list("abc")
        assert [s.shape for s in out["signal"]] == [(450,), (350,), (600,)]
        assert len(filtered) == 3
    expected = steps.fit_transform(table)["signal"]
    for kept, plain in zip(out["signal"], expected):
        np.testing.assert_array_equal(kept, plain)


def test_learning_steps_get_arrays_and_their_results_are_not_kept(table):
    store = RecordingStore()
    for part in (table, table.iloc[:1]):
        steps = make_pipeline(BandpassFilter(20, 400), AmplitudeScaler(by="training"))
        kept = clone(steps).fit(keep_recordings(part, store)).transform(table)
        plain = clone(steps).fit(part).transform(table)
        for one, other in zip(kept["signal"], plain["signal"]):
            assert isinstance(one, np.ndarray)
            np.testing.assert_array_equal(one, other)


def test_columns_that_steps_make_reach_the_next_step(table):
    table["signal"].iloc[2][100:200] = np.nan
    note = GapInterpolator(longer="note")
    kept = plain_recordings(note.fit(table).transform(keep_recordings(table, RecordingStore())))
    pd.testing.assert_series_equal(kept["artefacts"], note.transform(table)["artefacts"])
    steps = make_pipeline(note, AmplitudeScaler(by="training"), ArtefactRejector(kinds=[]))
    kept = steps.fit_transform(keep_recordings(table, RecordingStore()))
    for one, other in zip(kept["signal"], steps.fit_transform(table)["signal"]):
        np.testing.assert_array_equal(one, other)
    assert np.isnan(kept["signal"].iloc[2]).sum() == 100


def test_faults_name_the_row_as_without_a_store(table):
    table["signal"].iloc[1][3] = np.nan
    kept = BandpassFilter(20, 400).fit(table).transform(keep_recordings(table, RecordingStore()))
    with pytest.raises(ValueError, match=r"Row 1, column 'signal': contains NaN"):
        plain_recordings(kept)
    with pytest.raises(ValueError, match=r"Row 1, column 'signal': contains NaN"):
        divide_kept(kept, 0.2)


def test_features_of_windows_in_any_order_come_from_one_computation(table, computed):
    X = windows_of(table, RecordingStore())
    rows = np.random.default_rng(0).permutation(len(X))
    features = Loudness().fit(X)
    whole = features.transform(X)
    np.testing.assert_array_equal(features.transform(X[rows]), whole[rows])
    assert sorted(computed) == [3, 4, 6]
    np.testing.assert_array_equal(whole, Loudness().fit_transform(divide(table, 0.2).X))


def test_windows_as_rows_share_the_features_of_their_recording(table, computed):
    store = RecordingStore()
    whole = Loudness().fit_transform(windows_of(table, store))
    rows, owner = window_table(keep_recordings(table, store), 0.2)
    part = rows.iloc[[5, 2, 11]]
    found = Loudness().fit_transform(divide_kept(part, 200, unit="samples").X)
    np.testing.assert_array_equal(found, whole[[5, 2, 11]])
    assert sum(computed) == 13
    assert owner[[5, 2, 11]].tolist() == [1, 0, 2]
    np.testing.assert_array_equal(read_signal(part["signal"].iloc[0]), table["signal"][1][200:400])


def test_features_of_whole_recordings_are_kept_row_by_row(table, computed):
    store = RecordingStore()
    kept = keep_recordings(table, store)
    whole = Loudness().fit(kept).transform(kept)
    np.testing.assert_array_equal(Loudness().fit(kept).transform(kept.iloc[[2, 0]]), whole[[2, 0]])
    assert sum(computed) == 3


def change_of_a_sample(table):
    table["signal"].iloc[0][5] = np.nextafter(table["signal"].iloc[0][5], 9.0)


def change_of_a_column(table):
    table["subject"] = list("xbc")


@pytest.mark.parametrize("change", [change_of_a_sample, change_of_a_column])
def test_a_changed_recording_is_computed_again_and_the_others_are_not(table, computed, change):
    store = RecordingStore()
    Loudness().fit_transform(windows_of(table, store))
    change(table)
    found = Loudness().fit_transform(windows_of(table, store))
    assert computed == [4, 3, 6, 4]
    np.testing.assert_array_equal(found, Loudness().fit_transform(divide(table, 0.2).X))


def test_other_parameters_windows_and_versions_are_computed_again(table, computed, monkeypatch):
    store = RecordingStore()
    X = windows_of(table, store)
    for expected in (13, 13):
        Loudness().fit_transform(X)
        assert sum(computed) == expected
    np.testing.assert_array_equal(Loudness(2.0).fit_transform(X), 2 * Loudness().fit_transform(X))
    assert sum(computed) == 26
    Loudness().fit_transform(windows_of(table, store, 0.3))
    assert sum(computed) == 35
    monkeypatch.setattr("sklearn_emg.recordings._kept.__version__", "999")
    Loudness().fit_transform(windows_of(table, store))
    assert sum(computed) == 48


def test_only_steps_of_known_behaviour_are_given_kept_recordings():
    lda = LinearDiscriminantAnalysis()
    own = FunctionTransformer(lambda X: X - np.mean(X, axis=0))
    assert takes_kept(make_pipeline(TimeDomainFeatures(), own, lda))
    assert not takes_kept(make_pipeline(own, TimeDomainFeatures(), lda))
    assert takes_kept(FeatureUnion([("a", TimeDomainFeatures()), ("b", SpectralFeatures())]))
    assert not takes_kept(FeatureUnion([("a", TimeDomainFeatures()), ("b", own)]))
    divote = DiVoteClassifier(make_pipeline(own, lda))
    assert takes_kept(make_pipeline(BandpassFilter(), divote))
    assert not takes_kept(make_pipeline(BandpassFilter(), own, divote))
    steps = make_pipeline(TimeDomainFeatures(), lda)
    assert takes_kept(GridSearchCV(steps, {"lineardiscriminantanalysis__tol": [0.1, 0.2]}))
    assert not takes_kept(GridSearchCV(steps, {"timedomainfeatures": [own]}))


def test_a_search_with_cached_features_computes_each_recording_once(cohort, computed, tmp_path):
    X, y = cohort
    lda = LinearDiscriminantAnalysis(solver="lsqr")
    grid = {"estimator__lineardiscriminantanalysis__shrinkage": [0.1, 0.5, 0.7]}

    def searched(features):
        model = DiVoteClassifier(make_pipeline(features, lda), window=0.3, step=None)
        cv = SubjectKFold(2, random_state=0)
        return GridSearchCV(model, grid, cv=cv, scoring=subject_scorer("accuracy")).fit(X, y)

    kept = searched(CachedTransformer(Loudness(), memory=str(tmp_path)))
    assert sum(computed) == len(divide(X, 0.3).X)
    assert len(computed) == len(X)
    plain = searched(Loudness())
    names = ["mean_test_score", "split0_test_score", "split1_test_score"]
    for name in names:
        np.testing.assert_array_equal(kept.cv_results_[name], plain.cv_results_[name])


def test_cached_filters_hand_on_arrays_and_work_once_on_each_recording(table, tmp_path):
    cached = CachedTransformer(BandpassFilter(20, 400), memory=str(tmp_path))
    for part in (table, table.iloc[[2, 0]]):
        out = cached.fit(part).transform(part)
        for one, other in zip(out["signal"], BandpassFilter(20, 400).fit_transform(part)["signal"]):
            assert isinstance(one, np.ndarray)
            np.testing.assert_array_equal(one, other)
    # The signal and its shape of three recordings.
    assert len(list(tmp_path.rglob("output.pkl"))) in (3, 6)


# -------------------------------------------------------------------- where it is kept


def squares(n):
    return np.arange(n) ** 2


def test_a_folder_serves_later_stores(tmp_path):
    calls = []

    def counted(n):
        calls.append(n)
        return squares(n)

    for _ in range(2):
        store = RecordingStore(tmp_path)
        for _ in range(2):
            np.testing.assert_array_equal(store.get("key", counted, 7), squares(7))
        store.close()
    assert calls == [7]


@pytest.mark.skipif(os.name == "nt", reason="modes of POSIX")
def test_the_folder_is_private(tmp_path):
    folder = tmp_path / "new"
    store = RecordingStore(folder)
    store.get("key", squares, 3)
    assert stat.S_IMODE((folder / "sklearn_emg").stat().st_mode) == 0o700
    spilled = RecordingStore()
    spilled.spill()
    assert stat.S_IMODE(spilled.folder.stat().st_mode) == 0o700
    spilled.close()


def damages():
    def cut(path):
        path.write_bytes(path.read_bytes()[:-40])

    def emptied(path):
        path.write_bytes(b"")

    def flipped(path):
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)

    def planted(path):
        joblib.dump(("other key", "0", pickle.dumps(5)), path)

    return [cut, emptied, flipped, planted]


@pytest.mark.parametrize("damage", damages(), ids=lambda f: f.__name__)
def test_a_damaged_result_is_computed_again_with_a_warning(tmp_path, damage):
    RecordingStore(tmp_path).get("key", squares, 999)
    (path,) = tmp_path.rglob("output.pkl")
    damage(path)
    store = RecordingStore(tmp_path)
    _forget()
    with pytest.warns(UserWarning, match="is damaged, or was put there by others"):
        found = store.get("key", squares, 999)
    np.testing.assert_array_equal(found, squares(999))
    _forget()
    np.testing.assert_array_equal(
        RecordingStore(tmp_path).get("key", lambda n: None, 999), squares(999)
    )


def _forget():
    """Clear the memory, as in a new process."""
    from sklearn_emg.model_selection import _store

    _store._fronts.clear()


def write_many(folder):
    store = RecordingStore(folder)
    return [int(store.get(f"key {k}", squares, 2000 + k).sum()) for k in range(12)]


def test_several_processes_write_at_a_time(tmp_path):
    expected = [int(squares(2000 + k).sum()) for k in range(12)]
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        assert pool.map(write_many, [tmp_path] * 4, chunksize=1) == [expected] * 4


def test_the_size_on_disk_is_limited(tmp_path):
    limit = 200_000
    store = RecordingStore(tmp_path, size_limit=limit)
    for k in range(40):
        store.get(f"key {k}", np.full, 2000, float(k))  # 16 kB each
    store.close()
    assert 0 < sum(p.stat().st_size for p in tmp_path.rglob("output.pkl")) <= limit


def test_a_disk_that_cannot_be_written_costs_speed_only(tmp_path, monkeypatch):
    store = RecordingStore(tmp_path)

    def full(*args, **settings):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("joblib.numpy_pickle.dump", full)
    with pytest.warns(UserWarning, match="cannot write to its folder .*No space left"):
        np.testing.assert_array_equal(store.get("key", squares, 5), squares(5))
    np.testing.assert_array_equal(store.get("other", squares, 6), squares(6))
    monkeypatch.undo()
    monkeypatch.setattr("sklearn_emg.model_selection._store.Path.mkdir", full)
    with pytest.warns(UserWarning, match="cannot write to its folder"):
        RecordingStore(tmp_path / "b").get("key", squares, 5)


def test_errors_of_the_function_are_its_own(tmp_path):
    def missing():
        raise FileNotFoundError("recording.bin")

    for store in (RecordingStore(), RecordingStore(tmp_path)):
        with pytest.raises(FileNotFoundError, match=r"recording\.bin"):
            store.get("key", missing)
        np.testing.assert_array_equal(store.get("key", squares, 5), squares(5))


def test_what_does_not_fit_into_memory_goes_to_a_temporary_folder():
    calls = []

    def counted(k):
        calls.append(k)
        return np.full(1000, float(k))

    store = RecordingStore(memory_limit=20_000)
    for k in (0, 1, 2, 3, 4, 0, 4, 3, 1):
        assert store.get(f"key {k}", counted, k)[0] == k
    assert len(calls) <= 6
    folder = store.folder
    assert folder.is_dir()
    copy = pickle.loads(pickle.dumps(store))
    assert copy.get("key 4", counted, 4)[0] == 4
    copy.close()
    assert folder.is_dir()  # it belongs to the store that made it
    store.close()
    assert not folder.exists()


def test_kept_recordings_reach_other_processes(table, tmp_path):
    kept = keep_recordings(table, RecordingStore(tmp_path))
    copy = pickle.loads(pickle.dumps(kept))
    for one, other in zip(copy["signal"], table["signal"]):
        np.testing.assert_array_equal(one, other)
    assert [s.key for s in copy["signal"]] == [s.key for s in kept["signal"]]
