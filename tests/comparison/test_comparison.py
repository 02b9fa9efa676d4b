"""compare and leakage_audit on data with known answers."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from data import recording_cohort
from scipy.stats import binomtest
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.dummy import DummyClassifier
from sklearn.exceptions import FitFailedWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score, roc_auc_score
from sklearn.model_selection import GridSearchCV, LeaveOneGroupOut, StratifiedGroupKFold
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from sklearn_emg.comparison import (
    Level,
    Outcome,
    Scoring,
    compare,
    leakage_audit,
    subject_permutation_test,
)
from sklearn_emg.ensemble import DiVoteClassifier
from sklearn_emg.metrics import bootstrap_interval
from sklearn_emg.model_selection import LeaveOneSubjectOut, SubjectKFold, SubjectsPerClassOut


@pytest.fixture(scope="module")
def features():
    """24 subjects, 3 classes, rows that contain a signature of the subject."""
    rng = np.random.default_rng(0)
    of_subject = rng.normal(size=(24, 3)) + 1.2 * np.eye(3)[np.arange(24) % 3]
    subject = np.repeat(np.arange(24), rng.integers(5, 15, size=24))
    X = pd.DataFrame(of_subject[subject] + 0.2 * rng.normal(size=(len(subject), 3)))
    X.columns = ["a", "b", "c"]
    X["subject"] = subject
    return X, np.array(["als", "healthy", "myopathy"])[subject % 3]


def rows_model(estimator=None):
    return DiVoteClassifier(estimator or LogisticRegression(), window=None)


@pytest.fixture(scope="module")
def result(features):
    X, y = features
    models = {"logistic": rows_model(), "nearest": rows_model(KNeighborsClassifier())}
    return compare(models, X, y, cv=4, progress=False, n_resamples=200)


def test_every_subject_is_tested_once_by_every_pipeline(result, features):
    X, _ = features
    for _, part in result.predictions.groupby("pipeline"):
        assert sorted(part["subject"]) == sorted(set(X["subject"]))


def test_folds_are_tidy(result):
    assert len(result.folds) == 2 * 4 * 3
    assert set(result.folds["level"]) == {"window", "recording", "subject"}
    assert (result.folds["error"] == "").all()
    assert (result.folds[["fit_seconds", "predict_ms_per_recording"]] > 0).all(axis=None)
    assert (result.folds["peak_memory_mb"] >= 0).all()
    assert result.folds.groupby(["pipeline", "level"])["n_scored"].sum().unstack()[
        "subject"
    ].tolist() == [24, 24]


def test_fold_scores_are_those_of_the_same_fold_by_hand(result, features):
    X, y = features
    train, test = list(SubjectKFold(4).split(X, y))[2]
    model = rows_model().fit(X.iloc[train], y[train])
    votes = model.vote(X.iloc[test])
    folds = result.folds.query("pipeline == 'logistic' and fold == 2").set_index("level")
    windows = votes.windows
    assert folds.loc["window", "accuracy"] == pytest.approx(np.mean(windows["vote"] == y[test]))
    assert folds.loc["window", "f1"] == pytest.approx(
        f1_score(y[test], windows["vote"], average="macro")
    )
    scores = windows[[f"score_{c}" for c in model.classes_]].to_numpy()
    assert folds.loc["window", "auroc"] == pytest.approx(
        roc_auc_score(y[test], scores, multi_class="ovr")
    )
    first = ~X["subject"].iloc[test].duplicated()
    assert folds.loc["subject", "accuracy"] == pytest.approx(
        np.mean(votes.subjects["diagnosis"].to_numpy() == y[test][first])
    )


def test_subject_interval_of_the_accuracy_is_wilsons(result):
    accuracy = result.summary.query("level == 'subject' and metric == 'accuracy'")
    for name, part in result.predictions.groupby("pipeline"):
        row = accuracy[accuracy["pipeline"] == name].iloc[0]
        right = int((part["y_true"] == part["y_pred"]).sum())
        assert row["pooled"] == pytest.approx(right / 24)
        low, high = binomtest(right, 24).proportion_ci(method="wilson")
        assert (row["low"], row["high"]) == pytest.approx((low, high))
        assert row["n_subjects"] == 24


def test_intervals_hold_their_value_and_lie_in_range(result):
    part = result.summary.dropna(subset=["low"])
    assert len(part) >= 2 * (7 * 3 + 1)
    assert (part["low"] <= part["pooled"] + 1e-9).all()
    assert (part["pooled"] <= part["high"] + 1e-9).all()
    assert part["low"].min() >= -1
    assert part["high"].max() <= 1


def test_table_and_repr_can_be_read(result):
    table = result.table("subject", metrics=["accuracy"])
    assert list(table.columns) == ["accuracy", "fit s", "predict ms/rec", "peak MB"]
    assert "[" in table.loc["logistic", "accuracy"]
    assert "2 pipelines over 24 subjects, chance level 0.33" in repr(result)
    assert "<table" in result._repr_html_()
    with pytest.raises(ValueError, match="has no level 'muscle'"):
        result.table("muscle")


def test_same_seed_same_result_in_any_number_of_jobs(result, features):
    X, y = features
    models = {"logistic": rows_model(), "nearest": rows_model(KNeighborsClassifier())}
    again = compare(models, X, y, cv=4, progress=False, n_resamples=200, n_jobs=2)
    pd.testing.assert_frame_equal(again.summary, result.summary)
    pd.testing.assert_frame_equal(again.predictions, result.predictions)


class Fragile(ClassifierMixin, BaseEstimator):
    def fit(self, X, y):
        if 0 in set(X["subject"]):
            raise RuntimeError("cannot stand subject 0")
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return np.full(len(X), self.classes_[0])


def test_a_failing_pipeline_keeps_the_others_and_its_own_good_folds(features):
    X, y = features
    with pytest.warns(FitFailedWarning, match="fragile failed in fold .: RuntimeError: cannot"):
        out = compare({"fragile": Fragile(), "logistic": rows_model()}, X, y, cv=4, progress=False)
    failed = out.folds[out.folds["error"] != ""]
    assert set(failed["pipeline"]) == {"fragile"}
    assert len(failed) == len(out.errors) == 3
    assert "cannot stand subject 0" in next(iter(out.errors.values()))
    assert out.predictions.groupby("pipeline")["subject"].nunique().to_dict() == {
        "fragile": 6,
        "logistic": 24,
    }
    assert out.table().loc["fragile", "failed folds"] == "3"


class Broken(LogisticRegression):
    def fit(self, X, y):
        raise RuntimeError("no luck")


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.FitFailedWarning")
def test_nothing_to_compare_is_an_error_with_the_first_reason(features):
    X, y = features
    for models in (rows_model(Broken()), {"a": rows_model(Broken()), "b": rows_model(Broken())}):
        with pytest.raises(ValueError, match=r"every fit failed in all 3 folds.*no luck") as caught:
            compare(models, X, y, cv=3, progress=False)
        assert "in fit" in caught.value.__notes__[0]


def test_a_pipeline_that_fails_in_all_folds_is_warned_of(features):
    X, y = features
    models = {"broken": rows_model(Broken()), "good": rows_model()}
    with pytest.warns(FitFailedWarning, match=r"1 pipeline of 2 failed in all 3 folds.*no luck"):
        out = compare(models, X, y, cv=3, progress=False, n_resamples=20)
    broken = out.summary[out.summary["pipeline"] == "broken"]
    assert broken["pooled"].isna().all()
    assert (broken["note"] == "failed in all folds").all()
    assert set(out.predictions["pipeline"]) == {"good"}


def test_pipelines_without_votes_have_recordings_and_subjects(features):
    X, y = features
    columns = FunctionTransformer(lambda t: t[["a", "b", "c"]])
    out = compare(make_pipeline(columns, LogisticRegression()), X, y, cv=3, progress=False)
    assert set(out.summary["level"]) == {"recording", "subject"}
    assert out.summary["pipeline"].unique().tolist() == ["Pipeline"]


def test_leave_one_subject_out_pools_what_single_folds_cannot_say(features):
    X, y = features
    out = compare(rows_model(), X, y, cv=LeaveOneSubjectOut(), progress=False, n_resamples=50)
    folds = out.folds.query("level == 'subject'")
    assert folds["auroc"].isna().all()
    assert folds["accuracy"].notna().all()
    summary = out.summary.query("level == 'subject'").set_index("metric")
    assert summary.loc[["f1", "mcc", "balanced_accuracy"], "pooled"].notna().all()
    assert np.isnan(summary.loc["auroc", "pooled"])
    assert out.table().loc["DiVoteClassifier", "auroc"] == "-"


def test_a_subject_tested_several_times_counts_once(features):
    X, y = features
    cv = SubjectsPerClassOut(2, n_splits=9, random_state=0)
    out = compare(rows_model(), X, y, cv=cv, progress=False, n_resamples=50)
    predictions = out.predictions.assign(right=lambda p: p["y_true"] == p["y_pred"])
    expected = predictions.groupby("subject")["right"].mean().mean()
    row = out.summary.query("level == 'subject' and metric == 'accuracy'").iloc[0]
    assert row["pooled"] == pytest.approx(expected)
    assert row["n_subjects"] == predictions["subject"].nunique()


def test_pos_label_gives_the_measures_of_one_class(features):
    X, y = features
    ill = np.where(y == "healthy", "healthy", "ill")
    out = compare(rows_model(), X, ill, cv=3, pos_label="ill", progress=False, n_resamples=50)
    summary = out.summary.query("level == 'subject'").set_index("metric")["pooled"]
    predictions = out.predictions
    of_ill = predictions[predictions["y_true"] == "ill"]
    assert summary["sensitivity"] == pytest.approx(np.mean(of_ill["y_pred"] == "ill"))
    well = predictions[predictions["y_true"] == "healthy"]
    assert summary["specificity"] == pytest.approx(np.mean(well["y_pred"] == "healthy"))


def test_bad_requests_are_refused(features):
    X, y = features
    rows = np.arange(len(X))
    leaky = [(rows[rows % 2 == 0], rows[rows % 2 == 1])]
    for kwargs, match in [
        ({"cv": leaky}, "This split leaks: 24 subjects"),
        ({"cv": 9}, "needs at least 9 subjects of each class"),
        ({"average": "micro"}, "'average' must be 'macro' or 'weighted'"),
        ({"pos_label": "als"}, "'pos_label' must be one of two classes"),
        ({"cv": []}, "'cv' of compare gives no split"),
        ({"cv": [(rows, [])]}, "Split 0 of 'cv' has no rows"),
        ({"confidence": 95}, "'confidence' must lie between 0 and 1"),
        ({"n_resamples": 0}, "'n_resamples' parameter of compare must be an integer of at least 1"),
    ]:
        with pytest.raises(ValueError, match=match):
            compare(rows_model(), X, y, progress=False, **kwargs)
    for kwargs, match in [
        ({"cv": "loso"}, r"'cv' of compare must be a number of folds.*Got 'loso'"),
        ({"cv": 3.0}, r"'cv' of compare must be a number of folds.*Got 3\.0"),
        ({"pipelines": "nemgnet"}, r"must be an estimator or a dict .* Got str"),
        ({"pipelines": [rows_model()]}, r"must be an estimator or a dict .* Got list"),
        ({"pipelines": {"a": LogisticRegression}}, "Pipeline 'a' of compare must be an unfitted"),
    ]:
        with pytest.raises(TypeError, match=match):
            compare(**{"pipelines": rows_model(), "X": X, "y": y, **kwargs})
    for same in ({1: rows_model(), "1": rows_model()}, [("1", rows_model())] * 2):
        with pytest.raises(ValueError, match="Two pipelines of compare are named '1'"):
            compare(same, X, y, progress=False)
    with pytest.raises(ValueError, match="at least one pipeline"):
        compare({}, X, y)
    with pytest.raises(
        ValueError, match="y has no label for 2 of 237 rows; the first of these is row 3"
    ):
        compare(rows_model(), X, pd.Series(y).where(~np.isin(rows, [3, 5])))
    with pytest.raises(ValueError, match=r"y has only one class, \['als'\]"):
        compare(rows_model(), X, np.repeat("als", len(y)))
    with pytest.raises(ValueError, match="y has 3 labels"):
        compare(rows_model(), X, y[:3])
    with pytest.raises(ValueError, match="does not name the subjects of its rows"):
        compare(rows_model(), X.drop(columns="subject"), y)


def test_parameters_are_refused_before_anything_is_fitted(features):
    X, y = features

    def fitted(table):
        raise AssertionError

    model = make_pipeline(FunctionTransformer(fitted), rows_model())
    for kwargs in ({"confidence": 1.5}, {"n_resamples": -1}, {"random_state": "seed"}):
        with pytest.raises(ValueError, match=r"confidence|n_resamples|seed"):
            compare(model, X, y, cv=SubjectKFold(3), progress=False, **kwargs)


@pytest.mark.parametrize(
    "cv", [None, StratifiedGroupKFold(4), LeaveOneGroupOut()], ids=["None", "strata", "one out"]
)
def test_splitters_of_scikit_learn_get_the_subjects(features, cv):
    result = compare(rows_model(), *features, cv=cv, progress=False, n_resamples=5)
    assert result.predictions["subject"].is_unique
    assert len(result.predictions) == 24
    X, y = features
    X = X.assign(subject=[("site", subject) for subject in X["subject"]])
    named = compare(rows_model(), X, y, cv=cv, progress=False, n_resamples=5)
    assert named.predictions["subject"].tolist() == [
        ("site", subject) for subject in result.predictions["subject"]
    ]


@pytest.mark.parametrize(
    "test, match",
    [
        ([0, 1, 0], "Split 0 of 'cv' tests row 0 more than once"),
        ([0, 10_000], "row numbers below .*10000"),
        (np.ones(3, dtype=bool), "masks of that length"),
    ],
    ids=["repeated", "out of range", "short mask"],
)
def test_test_rows_are_valid_and_different(features, test, match):
    X, y = features
    train = np.flatnonzero(X["subject"] > 5)
    with pytest.raises(ValueError, match=match):
        compare(rows_model(), X, y, cv=[(train, test)], progress=False)


def test_labels_of_mixed_types_are_named(features):
    X, y = features
    mixed = y.astype(object)
    mixed[X["subject"] == 0] = 1
    with pytest.raises(ValueError, match="labels of mixed types: row 0 has 1, a int, and row"):
        compare(rows_model(), X, mixed, progress=False)


@pytest.mark.parametrize("routing", [False, True])
@pytest.mark.parametrize("outer", [lambda m: m, lambda m: make_pipeline(FunctionTransformer(), m)])
def test_a_search_with_group_folds_gets_the_subjects(features, routing, outer):
    X, y = features
    grid, folds = {"voting": ["soft", "hard"]}, StratifiedGroupKFold(2)
    with config_context(enable_metadata_routing=routing):
        search = outer(GridSearchCV(rows_model(), grid, cv=folds))
        result = compare(search, X, y, cv=3, progress=False, n_resamples=20)
        test = subject_permutation_test(search, X, y, cv=3, n_permutations=20)
    assert not result.errors
    scores = result.folds.query("level == 'subject'")["balanced_accuracy"]
    assert test.score == pytest.approx(scores.mean())


def test_splits_are_row_numbers_or_masks(features):
    X, y = features
    held = (X["subject"] < 6).to_numpy()
    rows = np.arange(len(X))
    given = ([(~held, held)], [(rows[~held].tolist(), rows[held].tolist())])
    first, second = (
        compare(rows_model(), X, y, cv=cv, progress=False, n_resamples=5).predictions
        for cv in given
    )
    assert first["subject"].tolist() == list(range(6))
    pd.testing.assert_frame_equal(first, second)


@pytest.mark.parametrize("kind", ["string", "category", "object", "Int64", "boolean"])
def test_labels_of_any_kind(features, kind):
    X, y = features
    if kind in ("Int64", "boolean"):
        y = (y == "als").astype(int if kind == "Int64" else bool)
    plain = compare(rows_model(), X, y, cv=3, progress=False, n_resamples=5)
    other = compare(rows_model(), X, pd.Series(y, dtype=kind), cv=3, progress=False, n_resamples=5)
    pd.testing.assert_series_equal(plain.folds["auroc"], other.folds["auroc"])
    assert plain.classes.tolist() == other.classes.tolist()


def test_subjects_may_be_tuples(features):
    X, y = features
    pairs = [("site", s) for s in X["subject"]]
    result = compare(rows_model(), X.assign(subject=pairs), y, cv=3, progress=False, n_resamples=5)
    assert set(result.predictions["subject"]) == set(pairs)


class Odd(ClassifierMixin, BaseEstimator):
    """A classifier whose answers cannot be scored."""

    def __init__(self, answer="unknown"):
        self.answer = answer

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return np.repeat("gout" if self.answer == "unknown" else self.classes_[0], len(X))

    def predict_proba(self, X):
        fraction = {"nan": np.nan, "scores": 0.9}.get(self.answer, 1 / len(self.classes_))
        return np.full((len(X), len(self.classes_)), fraction)[:, self.answer == "narrow" :]


@pytest.mark.parametrize(
    ("answer", "match"),
    [
        ("unknown", r"predicts \['gout'\], which are not labels of y"),
        ("nan", "do not sum to 1"),
        ("scores", "do not sum to 1"),
        ("narrow", r"the shape \(\d+, 2\) for \d+ predictions and 3 classes"),
    ],
)
def test_answers_that_cannot_be_scored_cost_their_pipeline_alone(features, answer, match):
    models = {"odd": Odd(answer), "fine": rows_model()}
    with pytest.warns(FitFailedWarning, match="odd failed in fold"):
        folds = compare(models, *features, cv=3, progress=False, n_resamples=5).folds
    errors = folds.groupby("pipeline")["error"]
    assert errors.get_group("odd").str.contains(match).all()
    assert (errors.get_group("fine") == "").all()
    table = compare({"fine": rows_model()}, *features, cv=3, progress=False, n_resamples=5).table()
    assert "nan" not in table.to_string()


def test_a_class_without_training_rows_has_no_probability(features):
    X, y = features
    train = np.flatnonzero((X["subject"] > 5) & (y != "myopathy"))
    cv = [(train, np.flatnonzero(X["subject"] <= 5))]
    predictions = compare(rows_model(), X, y, cv=cv, progress=False, n_resamples=5).predictions
    assert (predictions["probability_myopathy"] == 0).all()
    assert "myopathy" in set(predictions["y_true"])


@pytest.mark.parametrize(
    ("n_classes", "average", "positive"),
    [(2, "macro", None), (2, "macro", 0), (3, "macro", None), (4, "weighted", None)],
)
def test_the_interval_of_the_area_is_that_of_scikit_learns_area(n_classes, average, positive):
    rng = np.random.default_rng(n_classes)
    classes, done = np.array(list("dbca"))[:n_classes], []
    classes.sort()
    for fold, n in enumerate((23, 17, 19, 1)):  # the last has no area
        codes = rng.permutation(np.arange(n) % n_classes)
        # Rounded, so that there are ties.
        proba = (rng.dirichlet(np.ones(n_classes), n) + np.eye(n_classes)[codes]).round(1)
        proba /= proba.sum(axis=1, keepdims=True)
        level = Level(np.arange(n), classes[codes], classes[codes], proba)
        done.append(Outcome("model", fold, {"subject": level}))
    of = [o.levels["subject"] for o in done]
    fold = np.repeat(range(4), [len(v.y_true) for v in of])
    y, proba = np.concatenate([v.y_true for v in of]), np.concatenate([v.proba for v in of])

    def area(rows):
        if n_classes == 2:
            k = 1 if positive is None else positive
            return roc_auc_score(y[rows] == classes[k], proba[rows, k])
        return roc_auc_score(
            y[rows], proba[rows], multi_class="ovr", average=average, labels=classes
        )

    def mean_area(rows):
        return np.mean([area(rows[fold[rows] == k]) for k in range(3)])

    strata = fold * n_classes + np.searchsorted(classes, y)
    expected = bootstrap_interval(
        mean_area, range(len(y)), strata=strata, n_resamples=40, random_state=5
    )
    scoring = Scoring(classes, average, positive, n_resamples=40)
    ours = scoring.auroc_interval(done, np.random.RandomState(5))
    np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-12)


# ------------------------------------------------------------------ leakage audit


@pytest.fixture(scope="module")
def cohort():
    """Recordings whose amplitude depends on the subject and not on the class."""
    return recording_cohort(1 + 0.2 * np.arange(20))


def log_power(windows):
    return np.log(np.mean(windows**2, axis=-1)).reshape(-1, 1)


def test_audit_separates_leaky_splits_from_that_by_subject(features):
    X, y = features
    y = np.array(["ill", "well"])[X["subject"] % 2]
    audit = leakage_audit(rows_model(KNeighborsClassifier()), X, y, n_splits=4, progress=False)
    assert audit.summary.index.tolist() == ["random windows", "subjects"]
    assert audit.summary["leaky"].tolist() == [True, False]
    assert audit.summary.loc["random windows", "mean_accuracy"] > 0.9
    assert audit.summary.loc["subjects", "mean_accuracy"] < 0.75
    assert audit.gap == pytest.approx(-audit.summary["mean_balanced_accuracy"].diff().iloc[1])
    assert len(audit.folds) == 8


@pytest.mark.parametrize("in_pipeline", [False, True])
def test_audit_cuts_recordings_and_assigns_windows(cohort, in_pipeline):
    table, y = cohort
    inner = make_pipeline(FunctionTransformer(log_power), StandardScaler(), KNeighborsClassifier(5))
    model = DiVoteClassifier(inner, window=0.3, step=0.1, cv=3)
    if in_pipeline:
        model = make_pipeline(FunctionTransformer(lambda t: t), model)
    audit = leakage_audit(model, table, y, n_splits=4, progress=False, random_state=1)
    assert audit.summary.index.tolist() == ["random windows", "recordings", "subjects"]
    accuracy = audit.summary["mean_accuracy"]
    assert accuracy["random windows"] > accuracy["subjects"] + 0.1
    # The given pipeline is not changed.
    assert "window=0.3" in repr(model)
    assert "overestimates the balanced accuracy\nof windows by 0." in repr(audit)
    assert "underestimates the balanced accuracy" in repr(replace(audit, gap=-0.1))


def test_the_progress_bar_of_an_audit_reaches_its_end(features, capsys):
    X, y = features
    y = np.array(["ill", "well"])[X["subject"] % 2]
    audit = leakage_audit(rows_model(KNeighborsClassifier()), X, y, n_splits=4)
    shown = capsys.readouterr().err
    assert "100%" in shown
    assert "8/8" in shown
    assert len(audit.folds) == 8


def test_audit_of_a_dummy_baseline_has_no_gap(cohort):
    table, y = cohort
    model = DiVoteClassifier(
        make_pipeline(FunctionTransformer(log_power), DummyClassifier()), window=0.3
    )
    audit = leakage_audit(model, table, y, n_splits=4, progress=False)
    assert audit.gap == 0


def test_audit_refuses_one_subject_per_class(cohort):
    table, y = cohort
    two = table[table["subject"].isin(["s0", "s1"])]
    with pytest.raises(ValueError, match="needs at least 5 subjects"):
        leakage_audit(DiVoteClassifier(LogisticRegression()), two, y[:6], progress=False)


def test_equal_scores_have_an_area_of_one_half_whatever_the_number_of_windows(features):
    X, y = features
    out = compare(rows_model(DummyClassifier()), X, y, cv=4, progress=False, n_resamples=50)
    areas = out.folds["auroc"]
    np.testing.assert_allclose(areas, 0.5)


def test_no_interval_where_no_resample_moves_the_value(features):
    X, y = features
    X = X.assign(a=(y == "als").astype(float), b=(y == "healthy").astype(float))
    model = rows_model().set_params(features=["a", "b"])
    out = compare(model, X, y, cv=4, progress=False, n_resamples=50)
    summary = out.summary.query("level == 'subject'").set_index("metric")
    assert summary.loc["f1", "pooled"] == 1.0
    assert np.isnan(summary.loc["f1", "low"])
    assert summary.loc["accuracy", "low"] == pytest.approx(0.862, abs=1e-3)  # Wilson, 24 of 24


@pytest.mark.parametrize("function", [leakage_audit, subject_permutation_test])
def test_a_dict_of_pipelines_in_place_of_one_is_refused(function, features):
    X, y = features
    with pytest.raises(TypeError, match=rf"{function.__name__} takes one unfitted estimator"):
        function({"a": rows_model(KNeighborsClassifier())}, X, y)


def test_the_name_of_the_column_of_labels_in_place_of_the_labels_is_refused(features):
    X, y = features
    with pytest.raises(TypeError, match=r"Got the text 'group'; pass X\['group'\]"):
        compare(rows_model(KNeighborsClassifier()), X.assign(group=y), "group", progress=False)
