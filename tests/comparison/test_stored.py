"""Stateless steps that run once on each recording: the scores equal those of a new computation."""

import warnings

import pandas as pd
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.exceptions import ConvergenceWarning, FitFailedWarning
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from sklearn_emg.comparison import compare, leakage_audit
from sklearn_emg.datasets import make_nemg_cohort
from sklearn_emg.ensemble import DiVoteClassifier
from sklearn_emg.feature_extraction import TimeDomainFeatures
from sklearn_emg.model_selection import RecordingStore, SubjectKFold
from sklearn_emg.papers import list_systems, make_system
from sklearn_emg.preprocessing import AmplitudeScaler, BandpassFilter

MEASURED = ["fit_seconds", "predict_ms_per_recording", "peak_memory_mb"]


@pytest.fixture(scope="module")
def cohort():
    return make_nemg_cohort(
        12, n_recordings=12, fs=2000.0, duration=0.7, random_state=0, return_X_y=True
    )


@pytest.fixture
def filtered(monkeypatch):
    """Lengths of the signals that were filtered."""
    lengths = []
    original = BandpassFilter._transform_signals

    def counting(self, signals, fs):
        lengths.append(signals.shape[-1])
        return original(self, signals, fs)

    monkeypatch.setattr(BandpassFilter, "_transform_signals", counting)
    return lengths


def model(classifier=None, *steps):
    classifier = KNeighborsClassifier(3) if classifier is None else classifier
    windows = make_pipeline(TimeDomainFeatures(), StandardScaler(), classifier)
    divote = DiVoteClassifier(windows, window=0.2, step=0.1, final_estimator=None)
    return make_pipeline(BandpassFilter(20, 400), *steps, divote)


def assert_same(one, other):
    pd.testing.assert_frame_equal(one.predictions, other.predictions, check_exact=True)
    pd.testing.assert_frame_equal(
        one.folds.drop(columns=MEASURED), other.folds.drop(columns=MEASURED), check_exact=True
    )


def compared(pipelines, cohort, **settings):
    return compare(
        pipelines, *cohort, cv=SubjectKFold(2), n_resamples=2, progress=False, **settings
    )


def classical_systems():
    systems = list_systems()
    names = systems.index[systems["needs"] == ""]
    models = {name: make_system(name, fs=2000.0) for name in names}
    for system in models.values():
        known = system.get_params(deep=True)
        shorter = {k: 5 for k in known if k.endswith(("__max_iter", "__n_estimators"))}
        seeds = {k: 0 for k in known if k.endswith("random_state")}
        windows = {k: 0.5 for k, v in known.items() if k.endswith("__window") and v and v > 0.7}
        system.set_params(filter__high=900.0, **shorter, **seeds, **windows)
    return models


def test_all_classical_systems_score_the_same_to_the_last_bit(cohort, tmp_path):
    systems = classical_systems()
    assert len(systems) > 20
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        anew = compared(systems, cohort, store=None)
        for _ in range(2):  # with an empty store and with a full one
            assert_same(compared(systems, cohort, store=tmp_path), anew)
    assert (anew.folds["error"] == "").all()


@pytest.mark.parametrize("name", ["minirocket", "quantitative-emg-lda"])
def test_audits_score_the_same_to_the_last_bit(cohort, name):
    system = classical_systems()[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        anew, kept = (
            leakage_audit(system, *cohort, n_splits=2, progress=False, store=store)
            for store in (None, "auto")
        )
    pd.testing.assert_frame_equal(kept.folds, anew.folds, check_exact=True)


def test_pipelines_folds_and_audits_filter_each_recording_once(cohort, filtered, tmp_path):
    pipelines = {"knn": model(), "lda": model(LinearDiscriminantAnalysis())}
    anew = compared(pipelines, cohort, store=None)
    assert len(filtered) == 2 * 2 * 12
    filtered.clear()
    assert_same(compared(pipelines, cohort), anew)
    assert len(filtered) == 12
    filtered.clear()
    store = RecordingStore(tmp_path)
    compared(pipelines, cohort, store=store)
    leakage_audit(pipelines["knn"], *cohort, n_splits=2, progress=False, store=store)
    assert len(filtered) == 12
    assert set(filtered) == {1400}
    assert_same(compared(pipelines, cohort, store=tmp_path, n_jobs=2), anew)


def test_a_search_in_a_comparison_computes_each_candidate_once(cohort, filtered):
    grid = {"bandpassfilter__high": [300.0, 400.0], "divoteclassifier__voting": ["soft", "hard"]}
    search = GridSearchCV(model(), grid, cv=SubjectKFold(2))
    found = compared({"search": search}, cohort, return_estimator=True)
    assert len(filtered) == 2 * 12
    assert_same(compared({"search": search}, cohort, store=None), found)
    best = found.estimators["search", 0]
    assert set(best.best_params_) == set(grid)
    assert set(best.get_params(deep=True)) == set(search.get_params(deep=True))
    best.predict(cohort[0].assign(subject=[f"new {s}" for s in cohort[0]["subject"]]))


@pytest.mark.parametrize(
    "step",
    [
        AmplitudeScaler(by="training"),
        FunctionTransformer(lambda table: table.assign(signal=[2 * s for s in table["signal"]])),
    ],
    ids=["learns", "own code"],
)
def test_steps_that_learn_or_are_not_known_see_arrays(cohort, step):
    pipelines = {"model": model(None, step)}
    assert_same(compared(pipelines, cohort), compared(pipelines, cohort, store=None))
    audits = [
        leakage_audit(pipelines["model"], *cohort, n_splits=2, progress=False, store=store)
        for store in (None, "auto")
    ]
    pd.testing.assert_frame_equal(audits[0].folds, audits[1].folds, check_exact=True)


def test_scorers_and_failures_are_as_without_a_store(cohort):
    def peak(estimator, X, y):
        return float(max(signal[100:].max() for signal in X["signal"]))

    X, y = cohort
    X = X.copy()
    X["signal"] = [s.copy() for s in X["signal"]]
    X["signal"].iloc[3][7] = float("nan")
    results = []
    for store in (None, "auto"):
        with pytest.warns(FitFailedWarning, match="model failed in fold"):
            results.append(
                compared(
                    {"model": model(), "features": model().steps[-1][1].set_params(nan="skip")},
                    (X, y),
                    scoring={"peak": peak},
                    store=store,
                )
            )
    assert_same(*results)
    assert results[1].folds["peak"].notna().any()


def test_the_audit_scores_the_windows_of_compare(cohort):
    system = model()
    compare_folds = compared({"model": system}, cohort).folds
    of_windows = compare_folds[compare_folds["level"] == "window"]["accuracy"].tolist()
    audit = leakage_audit(
        system, *cohort, n_splits=2, progress=False, splits=["subjects", "random windows"]
    )
    by_subject = audit.folds[audit.folds["split"] == "subjects"]["accuracy"].tolist()
    assert by_subject == of_windows
    assert audit.summary.index.tolist() == ["random windows", "subjects"]
    with pytest.raises(ValueError, match="'splits' of leakage_audit must be taken from"):
        leakage_audit(system, *cohort, n_splits=2, splits=["subjects"])


def test_a_store_is_a_folder_or_a_store(cohort):
    with pytest.raises(TypeError, match="'store' must be 'auto', a folder, a RecordingStore or"):
        compared({"model": model()}, cohort, store=7)
