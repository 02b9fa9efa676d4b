"""Errors, counts and output of compare; permutation tests over subjects."""

import os
import signal
import time
import warnings

import numpy as np
import pandas as pd
import pytest
from data import feature_cohort
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_transformer
from sklearn.discriminant_analysis import (
    LinearDiscriminantAnalysis,
    QuadraticDiscriminantAnalysis,
)
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import (
    BaggingClassifier,
    RandomForestClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.exceptions import FitFailedWarning
from sklearn.feature_selection import SelectKBest
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import accuracy_score, make_scorer, recall_score
from sklearn.model_selection import GridSearchCV, cross_val_score, permutation_test_score
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import FeatureUnion, make_pipeline, make_union
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.tree import DecisionTreeClassifier
from small_systems import pretrained

from sklearn_emg._warnings import warn
from sklearn_emg.comparison import compare, leakage_audit, run_tasks, subject_permutation_test
from sklearn_emg.ensemble import DiVoteClassifier
from sklearn_emg.exceptions import RecordingWarning, SubjectLeakWarning
from sklearn_emg.feature_extraction import SpectralFeatures
from sklearn_emg.metrics import compare_pair, subject_scorer
from sklearn_emg.model_selection import LeaveOneSiteOut, SubjectKFold, pretrained_parts
from sklearn_emg.recordings import recording_table

QUICK = {"progress": False, "n_resamples": 40}


@pytest.fixture
def data():
    """12 subjects with two sides of three rows each; the first feature depends on the class."""
    effects = {"a": 1.5, "b": 0.0, "c": 0.0}
    X, y = feature_cohort(effects=effects, labels=("well", "ill"))
    X["side"] = np.tile(np.repeat(["left", "right"], 3), 12)
    return X.assign(subject=[f"s{s:02d}" for s in X["subject"]]), y


def vote(estimator=None, **settings):
    return DiVoteClassifier(
        estimator or GaussianNB(), window=None, features=["a", "b", "c"], **settings
    )


@pytest.mark.parametrize(
    "place",
    [
        lambda m: vote(m),
        lambda m: vote(make_pipeline(StandardScaler(), m)),
        lambda m: make_pipeline(FunctionTransformer(), vote(make_pipeline(m))),
        lambda m: GridSearchCV(vote(m), {"final_estimator": [None]}, cv=SubjectKFold(2)),
        lambda m: FrozenEstimator(vote(m)),
    ],
    ids=["vote", "inner pipeline", "outer pipeline", "search", "frozen"],
)
def test_one_fold_with_a_pretrained_subject_refuses_the_pipeline(data, place):
    model = place(pretrained({"s03", "elsewhere"}))
    with pytest.raises(ValueError, match=r"m: fold \d would test 1 subject \('s03'\)"):
        compare({"fine": vote(), "m": model}, *data, cv=3, **QUICK)
    with pytest.raises(ValueError, match="'s03'"):
        leakage_audit(model, *data, n_splits=3, progress=False)
    with pytest.raises(ValueError, match="'s03'"):
        subject_permutation_test(model, *data, cv=3, n_permutations=20)


@pytest.mark.parametrize(
    "place",
    [
        lambda s: make_pipeline(FrozenEstimator(s), GaussianNB()),
        lambda s: make_pipeline(FeatureUnion([("s", FrozenEstimator(s))]), GaussianNB()),
        lambda s: make_pipeline(FunctionTransformer(s.transform), GaussianNB()),
    ],
    ids=["frozen", "in a union", "its method"],
)
def test_what_was_fitted_on_unknown_subjects_is_warned_of(data, place):
    scaler = StandardScaler().fit(data[0][["a", "b", "c"]].to_numpy())
    with pytest.warns(SubjectLeakWarning, match="StandardScaler.* is already fitted on unknown"):
        compare({"m": vote(place(scaler))}, *data, cv=3, **QUICK)


def test_only_what_learned_something_counts_as_pretrained(data):
    assert pretrained_parts(vote(make_pipeline(StandardScaler(), GaussianNB()))) == []
    fitted = vote().fit(*data)
    assert pretrained_parts(fitted) == []  # its clone is not fitted
    stateless = FunctionTransformer().fit(data[0][["a"]])
    assert pretrained_parts(make_pipeline(FrozenEstimator(stateless), GaussianNB())) == []


def test_names_spelled_nearly_alike_are_warned_of(data):
    with pytest.warns(SubjectLeakWarning, match=r"'s03' is tested.*'S03 '"):
        compare({"m": vote(pretrained({"S03 "}))}, *data, cv=3, **QUICK)


# ------------------------------------------------------------------ identities, workers


CHOOSES = make_column_transformer(("passthrough", ["a", "b", "c"]))
TAKES_ALL = {
    "LinearDiscriminantAnalysis": LinearDiscriminantAnalysis(),
    "StandardScaler": make_pipeline(StandardScaler(), GaussianNB()),
    "GaussianNB": GridSearchCV(GaussianNB(), {}, cv=SubjectKFold(2)),
    "RandomForestClassifier": RandomForestClassifier(2),
    "BaggingClassifier": BaggingClassifier(GaussianNB(), 2),
    "SelectKBest": make_pipeline(SelectKBest(k=2), GaussianNB()),
    # Columns that are passed on with or without their names.
    "DecisionTreeClassifier": make_pipeline(
        make_column_transformer((StandardScaler(), ["a", "b"]), remainder="passthrough"),
        DecisionTreeClassifier(),
    ),
    "QuadraticDiscriminantAnalysis": make_pipeline(
        make_column_transformer((StandardScaler(), ["a", "b"]), remainder="passthrough"),
        QuadraticDiscriminantAnalysis(),
    ).set_output(transform="pandas"),
    "KNeighborsClassifier": make_pipeline(
        make_union(CHOOSES, "passthrough"),
        FunctionTransformer(feature_names_out="one-to-one"),
        KNeighborsClassifier(1),
    ),
    "StackingClassifier": StackingClassifier(
        [("m", make_pipeline(CHOOSES, GaussianNB()))], passthrough=True, cv=SubjectKFold(2)
    ),
}


@pytest.fixture
def numbered(data):
    X, y = data
    return X[["a", "b", "c"]].assign(patient_no=np.arange(len(X))[::-1], subject=codes(X)), y


def codes(X):
    return pd.factorize(X["subject"])[0]


@pytest.mark.parametrize("name", TAKES_ALL)
def test_the_subject_is_no_feature_of_what_is_compared(numbered, name):
    match = f"{name} was trained on columns that are not features: 'subject' .*'patient_no'"
    with pytest.warns(FitFailedWarning), pytest.raises(ValueError, match=match):
        compare({"m": TAKES_ALL[name]}, *numbered, cv=2, **QUICK)
    with pytest.raises(ValueError, match=match):
        leakage_audit(TAKES_ALL[name], *numbered, n_splits=2, progress=False)
    with pytest.warns(RecordingWarning, match=match):
        scores = cross_val_score(
            TAKES_ALL[name], *numbered, cv=SubjectKFold(2), scoring=subject_scorer()
        )
    assert np.isfinite(scores).all()


def test_the_remedy_for_the_subject_among_the_features_fits_the_task(numbered):
    X = numbered[0].drop(columns="patient_no")
    with pytest.warns(FitFailedWarning), pytest.raises(ValueError, match="into DiVoteRegressor"):
        compare({"m": LinearRegression()}, X, X["a"] + X["b"], cv=2, **QUICK)


def test_names_of_subjects_as_text_are_named_in_place_of_a_failed_conversion(numbered):
    X, y = numbered
    X = X.assign(subject=X["subject"].map("S{:02d}".format))
    with pytest.warns(FitFailedWarning), pytest.raises(ValueError, match="features: 'subject'"):
        compare({"m": GaussianNB()}, X, y, cv=2, **QUICK)


@pytest.mark.parametrize(
    "model",
    [
        make_pipeline(CHOOSES, GaussianNB()),
        make_pipeline(CHOOSES, GaussianNB()).set_output(transform="pandas"),
        make_pipeline(FunctionTransformer(lambda X: X[["a", "b"]]), GaussianNB()),
        CalibratedClassifierCV(make_pipeline(CHOOSES, GaussianNB()), cv=2),
        VotingClassifier([("m", make_pipeline(CHOOSES, GaussianNB()))]),
        GridSearchCV(make_pipeline(CHOOSES, GaussianNB()), {}, cv=2),
        make_pipeline(CHOOSES, StandardScaler(), GaussianNB()),
        make_pipeline(
            make_column_transformer(
                ("passthrough", ["a", "b", "subject"]), verbose_feature_names_out=False
            ),
            DiVoteClassifier(GaussianNB(), window=None),
        ).set_output(transform="pandas"),
        DummyClassifier(),
        vote(),
    ],
)
def test_what_chooses_its_columns_is_compared(numbered, model):
    with warnings.catch_warnings():
        warnings.simplefilter("error", RecordingWarning)
        result = compare({"m": model}, *numbered, cv=2, **QUICK)
    assert (result.folds["error"] == "").all()


class Splits(GaussianNB):
    """Warns in ``fit``, as a step that splits the windows of a subject."""

    def fit(self, X, y):
        warnings.warn(f"{len(self.get_params())} parameters", UserWarning, stacklevel=1)
        warn("windows of one subject", SubjectLeakWarning)
        warn("a recording", RecordingWarning)
        return super().fit(X, y)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_leaks_that_fits_find_are_told_once(data, n_jobs):
    for function in (
        lambda: compare(
            {"m": vote(Splits()), "n": vote(Splits())}, *data, cv=2, n_jobs=n_jobs, **QUICK
        ),
        lambda: leakage_audit(vote(Splits()), *data, n_splits=2, n_jobs=n_jobs, progress=False),
    ):
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("default")
            function()
        messages = [
            w for w in seen if issubclass(w.category, (SubjectLeakWarning, RecordingWarning))
        ]
        assert sorted(str(w.message) for w in messages) == ["a recording", "windows of one subject"]
        assert {w.filename for w in messages} == {__file__}


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_leaks_that_fits_find_can_be_errors(data, n_jobs):
    with warnings.catch_warnings():
        warnings.simplefilter("error", SubjectLeakWarning)
        with pytest.raises(SubjectLeakWarning, match="windows of one subject"):
            compare({"m": vote(Splits())}, *data, cv=2, n_jobs=n_jobs, **QUICK)


# ------------------------------------------------------------------ units


def test_units_are_counted_and_subjects_redrawn(data):
    X, y = data
    y = np.where((y == "ill") & (X["side"] == "left"), "ill", "well")  # 6 of 24 sides
    result = compare(vote(unit="side"), X, y, cv=3, **QUICK)
    assert result.unit == "side"
    assert result.chance == pytest.approx(18 / 24)
    assert not result.predictions.duplicated(["subject", "side"]).any()
    assert len(result.predictions) == 24
    row = result.summary.query("level == 'subject' and metric == 'accuracy'").iloc[0]
    assert (row["n_scored"], row["n_subjects"]) == (24, 12)
    right = result.predictions["y_true"] == result.predictions["y_pred"]
    assert row["pooled"] == pytest.approx(right.mean())
    of_subject = right.groupby(result.predictions["subject"]).mean().to_numpy()
    rng = np.random.default_rng(1)
    drawn = [rng.choice(of_subject, 12).mean() for _ in range(4000)]
    low, high = np.quantile(drawn, [0.025, 0.975])
    assert row["low"] == pytest.approx(low, abs=0.1)
    assert row["high"] == pytest.approx(high, abs=0.1)
    assert "24 sides of 12 subjects, chance level 0.75" in repr(result)
    pd.testing.assert_frame_equal(result.table("side"), result.table("subject"))


def test_pipelines_of_different_units_are_not_compared(data):
    with pytest.raises(ValueError, match="diagnose different units"):
        compare({"a": vote(), "b": vote(unit="side")}, *data, cv=3, **QUICK)
    with pytest.raises(TypeError, match="must be the name of one column; join several"):
        compare({"a": vote(unit=["subject", "side"])}, *data, cv=3, **QUICK)


# ------------------------------------------------------------------ faults


class Dies(GaussianNB):
    def __init__(self, parent=None):
        super().__init__()
        self.parent = parent

    def fit(self, X, y):
        assert os.getpid() != self.parent
        os.kill(os.getpid(), signal.SIGKILL)


def test_a_killed_worker_costs_its_own_folds(data):
    models = {
        "good": vote(),
        "dies": vote(Dies(os.getpid())),
        "also good": vote(LogisticRegression()),
    }
    with pytest.warns(FitFailedWarning, match="dies failed in fold 0.*worker process was killed"):
        result = compare(models, *data, cv=2, n_jobs=2, **QUICK)
    assert {name for name, _ in result.errors} == {"dies"}
    alone = compare({"good": vote()}, *data, cv=2, **QUICK)
    good = result.predictions.query("pipeline == 'good'").reset_index(drop=True)
    pd.testing.assert_frame_equal(good, alone.predictions)


# ------------------------------------------------------------------ what can be read


def test_what_searches_chose_can_be_read_without_their_estimators(data):
    grid = {"estimator__var_smoothing": [1e-9, 0.5]}
    search = GridSearchCV(vote(), grid, cv=SubjectKFold(2), scoring=subject_scorer("auroc"))
    inner = vote(GridSearchCV(GaussianNB(), {"var_smoothing": [0.25]}, cv=2))
    result = compare({"search": search, "inner": inner}, *data, cv=3, **QUICK)
    chosen = result.chosen_parameters.set_index(["pipeline", "fold"])
    assert chosen.loc["search", "parameter"].tolist() == ["estimator__var_smoothing"] * 3
    assert set(chosen.loc["search", "value"]) <= {1e-9, 0.5}
    assert chosen.loc["inner", "search"].tolist() == ["estimator_"] * 3
    assert not result.estimators


def test_extra_metrics_and_fitted_pipelines(data):
    X, y = data
    ill = make_scorer(recall_score, pos_label="ill")
    scoring = ["f1_macro", "neg_log_loss", subject_scorer(ill), "f1"]
    result = compare(vote(), X, y, cv=3, scoring=scoring, return_estimator=True, **QUICK)
    folds = result.folds.query("level == 'subject'")
    np.testing.assert_allclose(folds["f1_macro"], folds["f1"])
    test = next(iter(SubjectKFold(3).split(X, y)))[1]
    model = result.estimators["DiVoteClassifier", 0]
    expected = subject_scorer("neg_log_loss")(model, X.iloc[test], y[test])
    assert folds["neg_log_loss"].iloc[0] == pytest.approx(expected)
    summary = result.summary.query("metric == 'neg_log_loss'").iloc[0]
    assert summary["pooled"] == pytest.approx(folds["neg_log_loss"].mean())
    assert summary["note"] == "mean over folds; no interval"
    with pytest.raises(ValueError, match=r"no metric 'f1_makro'. Did you mean 'f1_macro'"):
        compare(vote(), X, y, cv=3, scoring="f1_makro", **QUICK)


def test_scorers_of_labels_count_diagnoses_instead_of_rows(data):
    X, y = data
    more = np.r_[np.arange(len(y)), np.repeat(np.flatnonzero(X["subject"] == "s00"), 9)]
    X, y = X.iloc[more], y[more]
    ill = make_scorer(recall_score, pos_label="ill")
    scoring = {"hits": make_scorer(accuracy_score), "ill": ill, "subjects": subject_scorer(ill)}
    folds = compare(vote(), X, y, cv=3, scoring=scoring, **QUICK).folds.query("level == 'subject'")
    np.testing.assert_allclose(folds["hits"], folds["accuracy"])
    np.testing.assert_allclose(folds["ill"], folds["subjects"])
    chance = {"cv": 3, "n_permutations": 19}
    hits = subject_permutation_test(vote(), X, y, scoring=scoring["hits"], **chance)
    assert hits.score == pytest.approx(folds["accuracy"].mean())


def test_names_of_sites_and_values_of_by_that_look_alike_are_warned_of(data):
    X, y = data
    X["site"] = np.repeat(["Rome", "rome ", "Oslo"], 24)
    with pytest.warns(RecordingWarning, match="Sites that look alike .*'Rome' and 'rome '"):
        list(LeaveOneSiteOut().split(X))
    X["side"] = np.tile(["left", "Left", "right"], 24)
    with pytest.warns(RecordingWarning, match="'side' values that look alike .*'Left' and 'left'"):
        vote(by="side").fit(X, y)


def test_confusion_matrices_count_the_cases_of_each_level(data):
    X, y = data
    result = compare({"m": vote(), "n": vote()}, X, y, cv=3, **QUICK)
    subjects = result.confusion("m")
    predictions = result.predictions.query("pipeline == 'm'")
    pd.testing.assert_frame_equal(
        pd.DataFrame(subjects),
        pd.crosstab(
            predictions["y_true"],
            predictions["y_pred"],
            rownames=["true"],
            colnames=["predicted"],
        ),
        check_dtype=False,
    )
    assert result.confusion("m", "window").to_numpy().sum() == len(X)
    folds = [result.confusion("m", "window", fold=k) for k in range(3)]
    pd.testing.assert_frame_equal(sum(folds[1:], folds[0]), result.confusion("m", "window"))
    for name, level, match in (("x", "window", "no pipeline 'x'"), ("m", "muscle", "no level")):
        with pytest.raises(ValueError, match=match):
            result.confusion(name, level)


def test_results_print_whole_at_80_columns(data):
    result = compare({"one": vote(), "another": vote(LogisticRegression())}, *data, cv=3, **QUICK)
    pair = compare_pair(result, "one", "another")
    audit = leakage_audit(vote(), *data, n_splits=3, progress=False)
    with pd.option_context("display.width", 80, "display.max_columns", 0):
        for table in (pair, result.table(), result.table("window"), result.summary, audit.summary):
            text = str(table)
            assert "..." not in text
            assert all(str(column) in text for column in table.columns)
        for text in (repr(result), repr(audit)):
            assert max(map(len, text.splitlines())) <= 82


def test_every_missing_value_of_a_summary_has_a_reason(data):
    X, y = data
    one = [(np.flatnonzero(X["subject"] != "s00"), np.flatnonzero(X["subject"] == "s00"))]
    for cv in (3, one):
        summary = compare(vote(), X, y, cv=cv, **QUICK).summary
        missing = summary[["mean", "std", "pooled", "low", "high"]].isna().any(axis=1)
        assert (summary.loc[missing, "note"] != "").all()


# ------------------------------------------------------------------ permutations


def test_permutation_finds_an_effect_and_none(data):
    X, y = data
    real = subject_permutation_test(vote(), X.assign(a=5.0 * (y == "ill")), y, cv=3)
    assert real.score == 1.0
    assert real.pvalue < 0.02
    rng = np.random.default_rng(0)
    noise = X.assign(a=rng.normal(size=len(X)))
    assert subject_permutation_test(vote(), noise, y, cv=3).pvalue > 0.05
    again = subject_permutation_test(vote(), noise, y, cv=3)
    np.testing.assert_array_equal(
        again.permutation_scores,
        subject_permutation_test(vote(), noise, y, cv=3, n_jobs=2).permutation_scores,
    )


def test_permutation_with_one_row_per_subject_is_that_of_scikit_learn(data):
    X, y = data[0].iloc[::6], data[1][::6]
    cv, scorer = SubjectKFold(3), subject_scorer()
    ours = subject_permutation_test(vote(), X, y, cv=cv, n_permutations=25)
    theirs = permutation_test_score(
        vote(), X, y, cv=cv, scoring=scorer, n_permutations=25, random_state=0
    )
    assert ours.score == theirs[0]
    np.testing.assert_array_equal(ours.permutation_scores, theirs[1])
    assert ours.pvalue == theirs[2]


def test_permutation_refuses_what_it_cannot_test(data):
    X, y = data
    with pytest.raises(ValueError, match="Subject 's00' has two labels"):
        subject_permutation_test(vote(), X, np.where(np.arange(72) == 1, "ill", y), cv=3)
    with pytest.raises(ValueError, match="predicts one label for each 'side'"):
        subject_permutation_test(vote(unit="side"), X, y, cv=3)
    part = [(np.arange(36, 71), np.arange(36))]
    with pytest.raises(ValueError, match="takes some rows of a subject"):
        subject_permutation_test(vote(), X, y, cv=part)
    few = X["subject"] < "s04"
    with pytest.warns(UserWarning, match="4 subjects and 100 permutations.*cannot be below 0.17"):
        subject_permutation_test(vote(), X[few], y[few], cv=2)


def test_the_audit_hands_on_the_rate_of_the_table():
    rng = np.random.default_rng(0)
    y = np.repeat(["ill", "well"], 8)
    signals = [(1 + (label == "ill")) * rng.normal(size=400) for label in y]
    table = recording_table(signals, fs=1000.0, subject=np.arange(16) // 2)
    audits = []
    for fs in (None, 1000.0):
        inner = make_pipeline(SpectralFeatures(fs=fs), GaussianNB())
        model = DiVoteClassifier(inner, window=0.1, step=None)
        audits.append(leakage_audit(model, table, y, n_splits=2, progress=False))
    pd.testing.assert_frame_equal(audits[0].folds, audits[1].folds)
    assert audits[0].folds["accuracy"].notna().all()


def test_confusion_in_percent_has_its_spread_over_folds(data):
    X, y = data
    result = compare({"m": vote()}, X, y, cv=3, **QUICK)
    spread = result.confusion_spread("m")
    folds = [result.confusion("m", "window", fold=k).to_numpy() for k in range(3)]
    percent = np.array([100 * f / f.sum(axis=1, keepdims=True) for f in folds])
    np.testing.assert_allclose(spread["mean"], percent.mean(axis=0))
    np.testing.assert_allclose(spread["sd"], percent.std(axis=0, ddof=1))
    np.testing.assert_allclose(spread["mean"].sum(axis=1), 100)


def test_each_class_has_its_precision_recall_and_f1(data):
    X, y = data
    result = compare({"m": vote()}, X, y, cv=3, **QUICK)
    got = result.per_class("window")
    counts = result.confusion("m", "window").to_numpy()
    for code, label in enumerate(result.classes):
        row = got.loc[("m", label)]
        assert row["precision"] == pytest.approx(counts[code, code] / counts[:, code].sum())
        assert row["recall"] == pytest.approx(counts[code, code] / counts[code].sum())
        assert row["n"] == counts[code].sum()


def test_each_fold_keeps_the_history_of_its_networks():
    pytest.importorskip("torch")
    from data import simulated_cohort

    from sklearn_emg.neural_network import ALSNetClassifier

    X, y = simulated_cohort()
    net = ALSNetClassifier(n_filters=3, n_hidden=4, max_epochs=2, patience=None, random_state=0)
    model = DiVoteClassifier(net, window=0.25, step=None, final_estimator=None)
    result = compare({"als": model}, X, y, cv=2, return_estimator=True, **QUICK)
    history = result.training_history
    assert history[["fold", "epoch"]].to_numpy().tolist() == [[0, 1], [0, 2], [1, 1], [1, 2]]
    assert history[["train_loss", "valid_acc"]].notna().all(axis=None)
    module = result.estimators["als", 0].estimator_.net_.module_
    held = sum(value.numel() for value in module.state_dict().values())
    unkept = compare({"als": model}, X, y, cv=2, **QUICK)
    for table in (result.table(), unkept.table()):
        assert table.loc["als", "numbers held"] == f"{held:,}"
    pd.testing.assert_frame_equal(
        unkept.training_history.drop(columns="dur"), history.drop(columns="dur")
    )


GROWN = []


def grow(seconds: float, n_bytes: int) -> int:
    time.sleep(seconds)
    GROWN.append(np.ones(n_bytes // 8))
    return os.getpid()


def test_workers_that_grow_are_restarted_without_a_warning():
    """joblib would warn of a memory leak when the first network is imported in a worker."""
    tasks = [(1.1, n_bytes) for n_bytes in (8, 8, *[400_000_000] * 3)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        processes = list(run_tasks(grow, tasks, n_jobs=2))
    assert len(processes) == 5
    assert len(set(processes)) > 2


def test_audits_without_subjects_or_with_one_window_each_say_so():
    X, y = feature_cohort()
    model = DiVoteClassifier(GaussianNB(), window=None, final_estimator=None)
    with pytest.raises(ValueError, match="does not name the subjects"):
        leakage_audit(model, X.drop(columns="subject"), y, progress=False)
    first = ~X["subject"].duplicated().to_numpy()
    with pytest.warns(UserWarning, match="Each subject has one window"):
        leakage_audit(model, X[first], np.asarray(y)[first], n_splits=2, progress=False)
    with pytest.raises(ValueError, match="have no rows"):
        compare({"m": model}, X[:0], y[:0], progress=False)


def test_permutation_tests_refuse_functions_of_labels():
    X, y = feature_cohort()
    model = DiVoteClassifier(GaussianNB(), window=None)
    with pytest.raises(TypeError, match="make_scorer"):
        subject_permutation_test(model, X, y, scoring=lambda y_true, y_pred: 0.0)
