"""Scores that count subjects, intervals, and measures of confusion matrices."""

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from data import feature_cohort
from imblearn.metrics import specificity_score
from scipy.stats import binomtest
from sklearn import metrics
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.dummy import DummyClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.svm import LinearSVC

from sklearn_emg.exceptions import SubjectLeakWarning
from sklearn_emg.metrics import (
    bootstrap_interval,
    predict_subjects,
    subject_scorer,
    wilson_interval,
)
from sklearn_emg.metrics._confusion import confusion_measures
from sklearn_emg.model_selection import SubjectKFold
from sklearn_emg.preprocessing import Rectifier
from sklearn_emg.recordings import recording_table


class Table(LogisticRegression):
    """Reads the feature columns of a table with subjects."""

    def fit(self, X, y):
        return super().fit(X[["rms"]], y)

    def predict_proba(self, X):
        return super().predict_proba(X[["rms"]])

    def predict(self, X):
        return super().predict(X[["rms"]])


@pytest.fixture
def data():
    n_rows = np.random.default_rng(0).integers(1, 30, size=20)
    X, y = feature_cohort(20, n_rows, {"rms": -1.0})
    return X.assign(subject=[f"s{s}" for s in X["subject"]]), y


def test_a_subject_counts_the_same_whatever_its_rows(data):
    X, y = data
    model = Table().fit(X, y)
    score = subject_scorer("accuracy")(model, X, y)
    proba = pd.DataFrame(model.predict_proba(X)).groupby(X["subject"], sort=False).mean()
    truth = pd.Series(y).groupby(X["subject"], sort=False).first()
    assert score == np.mean(model.classes_[proba.to_numpy().argmax(axis=1)] == truth)
    longer = pd.concat([X, X[X["subject"] == "s0"]], ignore_index=True)
    assert subject_scorer("accuracy")(model, longer, np.append(y, y[X["subject"] == "s0"])) == score


@pytest.mark.parametrize("name", ["balanced_accuracy", "roc_auc", "neg_log_loss", "f1_macro"])
def test_any_scorer_of_scikit_learn_reads_subjects(data, name):
    X, y = data
    model = Table().fit(X, y)
    predictions = predict_subjects(model, X, y)
    expected = {
        "balanced_accuracy": lambda: metrics.balanced_accuracy_score(
            predictions.y_true, predictions.y_pred
        ),
        "roc_auc": lambda: metrics.roc_auc_score(
            predictions.y_true == "well", predictions.y_proba[:, 1]
        ),
        "neg_log_loss": lambda: -metrics.log_loss(predictions.y_true, predictions.y_proba),
        "f1_macro": lambda: metrics.f1_score(
            predictions.y_true, predictions.y_pred, average="macro"
        ),
    }[name]()
    assert subject_scorer(name)(model, X, y) == pytest.approx(expected, rel=1e-12)


@pytest.fixture
def three():
    """30 subjects of three classes; the smallest class has five."""
    rng = np.random.default_rng(1)
    label = np.repeat(["als", "myopathy", "well"], [5, 10, 15])
    of = np.repeat(np.arange(30), rng.integers(1, 6, size=30))
    level = np.array([0.0, 1.0, 2.0])[np.searchsorted(["als", "myopathy", "well"], label)]
    X = pd.DataFrame({"subject": of, "rms": level[of] + rng.normal(size=len(of))})
    return X, label[of]


ONE_VS_REST = {
    "f1": metrics.f1_score,
    "precision": metrics.precision_score,
    "sensitivity": metrics.recall_score,
    "specificity": specificity_score,
}


@pytest.mark.parametrize("average", ["macro", "weighted"])
def test_scores_of_three_classes_are_those_of_scikit_learn(three, average):
    X, y = three
    model = Table().fit(X, y)
    predictions = predict_subjects(model, X, y)
    true, predicted = predictions.y_true, predictions.y_pred

    def score(name):
        return subject_scorer(name, average=average)(model, X, y)

    for name, function in ONE_VS_REST.items():
        assert score(name) == pytest.approx(function(true, predicted, average=average)), name
    assert score("accuracy") == metrics.accuracy_score(true, predicted)
    assert score("balanced_accuracy") == metrics.balanced_accuracy_score(true, predicted)
    assert score("mcc") == pytest.approx(metrics.matthews_corrcoef(true, predicted))
    assert score("auroc") == pytest.approx(
        metrics.roc_auc_score(true, predictions.y_proba, multi_class="ovr", average=average)
    )


@pytest.mark.parametrize(
    "theirs, ours", [("recall", "sensitivity"), ("roc_auc", "auroc"), ("matthews_corrcoef", "mcc")]
)
def test_names_of_scikit_learn_mean_the_same_measure(data, three, theirs, ours):
    for X, y in (data, three):
        model = Table().fit(X, y)
        assert subject_scorer(theirs)(model, X, y) == subject_scorer(ours)(model, X, y)


def test_scikit_learns_measures_of_one_class_ask_for_it(data):
    X, y = data
    model = Table().fit(X, y)
    predictions = predict_subjects(model, X, y)
    for name in ("f1", "precision", "recall"):
        function = getattr(metrics, f"{name}_score")
        expected = function(predictions.y_true, predictions.y_pred, pos_label="ill")
        assert subject_scorer(name, pos_label="ill")(model, X, y) == pytest.approx(expected)
    with pytest.raises(ValueError, match=r"must be one of two classes\. Got 'als'"):
        subject_scorer("f1", pos_label="als")(model, X, y)


def test_further_measures_of_one_class_take_labels_of_text(data):
    X, y = data
    model = Table().fit(X, y)
    predictions = predict_subjects(model, X, y)
    is_true, is_predicted = predictions.y_true == "well", predictions.y_pred == "well"
    proba = predictions.y_proba[:, 1]
    expected = {
        "jaccard": metrics.jaccard_score(is_true, is_predicted),
        "average_precision": metrics.average_precision_score(is_true, proba),
        "neg_brier_score": -metrics.brier_score_loss(is_true, proba),
    }
    for name, value in expected.items():
        assert subject_scorer(name)(model, X, y) == pytest.approx(value)


@pytest.mark.parametrize("name", ["f1_weighted", "jaccard_macro", "neg_log_loss", "roc_auc_ovo"])
def test_other_scorers_of_scikit_learn_take_three_classes(three, name):
    X, y = three
    model = Table().fit(X, y)
    predictions = predict_subjects(model, X, y)

    def ovo(true, proba):
        return metrics.roc_auc_score(true, proba, multi_class="ovo")

    expected = {
        "f1_weighted": lambda t, p, _: metrics.f1_score(t, p, average="weighted"),
        "jaccard_macro": lambda t, p, _: metrics.jaccard_score(t, p, average="macro"),
        "neg_log_loss": lambda t, _, proba: -metrics.log_loss(t, proba),
        "roc_auc_ovo": lambda t, _, proba: ovo(t, proba),
    }[name](predictions.y_true, predictions.y_pred, predictions.y_proba)
    assert subject_scorer(name)(model, X, y) == pytest.approx(expected)


def test_scorer_works_in_cross_validation_and_pickles(data):
    X, y = data
    scorer = pickle.loads(pickle.dumps(subject_scorer("accuracy")))
    scores = cross_val_score(
        Table(), X, y, cv=SubjectKFold(4, random_state=0), scoring=scorer, error_score="raise"
    )
    # Five subjects in a fold.
    np.testing.assert_allclose(scores * 5, np.round(scores * 5))
    assert repr(scorer) == "subject_scorer('accuracy')"


def test_without_probabilities_the_most_frequent_label_wins():
    X = np.array([[1.0], [1.0], [-1.0], [-1.0]])
    model = LinearSVC().fit(X, ["p", "p", "n", "n"])
    predictions = predict_subjects(model, [[1.0], [2.0], [-1.0], [-3.0]], groups=list("aaab"))
    assert predictions.y_pred.tolist() == ["p", "n"]
    assert predictions.y_proba is None
    assert predictions.y_true is None


def test_the_most_frequent_label_is_found_in_any_order_of_the_classes():
    class Says(ClassifierMixin, BaseEstimator):
        classes_ = np.array(["well", "ill"])

        def predict(self, X):
            return np.asarray(X)[:, 0]

    X, groups = np.array([["ill", "ill", "well", "well", "well"]]).T, ["a", "a", "a", "b", "b"]
    assert predict_subjects(Says(), X, groups=groups).y_pred.tolist() == ["ill", "well"]
    X[0, 0] = "none"
    with pytest.raises(ValueError, match=r"predicts 'none', which is not one of its classes"):
        predict_subjects(Says(), X, groups=groups)


def test_a_subject_with_two_labels_cannot_be_scored(data):
    X, y = data
    model = Table().fit(X, y)
    y = np.where(np.arange(len(y)) == 1, "well", "ill")
    with pytest.raises(ValueError, match=r"Subject 's0' has the labels 'ill' and 'well'"):
        subject_scorer("accuracy")(model, X, y)
    with pytest.raises(ValueError, match=r"y has no label for 1 of .* row 0"):
        subject_scorer("accuracy")(model, X, [None, *["ill"] * (len(X) - 1)])


@pytest.mark.parametrize("name", ["auroc", "neg_log_loss", "roc_auc_ovr"])
def test_scores_of_probabilities_need_probabilities(name):
    X, y = np.arange(8.0)[:, np.newaxis], np.repeat(["ill", "well"], 4)
    table = pd.DataFrame({"subject": range(8)})
    margins = make_pipeline(FunctionTransformer(lambda _: X), LinearSVC()).fit(table, y)
    with pytest.raises(ValueError, match="has no predict_proba, which this metric needs"):
        subject_scorer(name)(margins, table, y)


def test_anonymous_rows_and_unknown_metrics_are_refused():
    model = DummyClassifier().fit(np.zeros((4, 1)), [0, 0, 1, 1])
    with pytest.raises(ValueError, match="does not name the subjects of its rows"):
        subject_scorer("accuracy")(model, np.zeros((4, 1)), [0, 0, 1, 1])
    with pytest.raises(ValueError, match="correctness"):
        subject_scorer("correctness")
    with pytest.raises(TypeError, match=r"name of one metric or one scorer\. Got \['f1'\]"):
        subject_scorer(["f1"])
    for settings in ({"pos_label": 1}, {"average": "weighted"}):
        with pytest.raises(ValueError, match="only for its own measures"):
            subject_scorer("f1_weighted", **settings)


@pytest.mark.parametrize("k, n", [(19, 22), (0, 7), (7, 7), (1, 3)])
def test_wilson_interval_is_scipys(k, n):
    expected = binomtest(k, n).proportion_ci(0.95, method="wilson")
    np.testing.assert_allclose(wilson_interval(k / n, n), expected, atol=1e-12)


@pytest.mark.parametrize("args", [(1.1, 5), (-0.1, 5), (0.5, 0)])
def test_wilson_interval_refuses(args):
    with pytest.raises(ValueError, match="needs a proportion"):
        wilson_interval(*args)


def test_bootstrap_of_a_mean_matches_its_standard_error():
    values = np.random.default_rng(0).normal(size=200)
    low, high = bootstrap_interval(
        lambda rows: values[rows].mean(), np.arange(200), n_resamples=4000, random_state=0
    )
    error = values.std(ddof=1) / np.sqrt(200)
    # 4000 resamples: the quantiles are good to some 3 % of the width.
    np.testing.assert_allclose((high - low) / (2 * 1.96 * error), 1.0, atol=0.06)


def test_bootstrap_draws_subjects_with_all_their_rows_within_strata():
    subjects = np.repeat(list("abcd"), [1, 5, 2, 3])
    strata = np.repeat([0, 0, 1, 1], [1, 5, 2, 3])
    seen = []

    def statistic(rows):
        seen.append(rows)
        return 0.0

    bootstrap_interval(statistic, subjects, strata=strata, n_resamples=50, random_state=0)
    for rows in seen:
        counts = np.bincount(rows, minlength=11)
        for name in "abcd":
            assert len(set(counts[subjects == name])) == 1
        assert counts[strata == 0][0] + counts[subjects == "b"][0] == 2


@pytest.mark.parametrize(
    "name", [lambda k: ("site", k), lambda k: k if k % 2 else str(k)], ids=["tuples", "mixed"]
)
def test_subjects_of_a_bootstrap_may_have_any_names(name):
    values, subjects = np.arange(30.0), np.repeat(range(10), 3)
    plain, named = (
        bootstrap_interval(lambda rows: values[rows].mean(), of, n_resamples=50, random_state=0)
        for of in (subjects, [name(k) for k in subjects])
    )
    assert plain == named


@pytest.mark.parametrize(
    ("subjects", "options", "match"),
    [
        ([], {}, "at least one row"),
        ([1.0, np.nan], {}, "Row 1 has no subject"),
        ([1, 2], {"n_resamples": 0}, "'n_resamples' must be an int >= 1"),
    ],
)
def test_bootstrap_refuses(subjects, options, match):
    with pytest.raises(ValueError, match=match):
        bootstrap_interval(np.mean, subjects, **options)


def test_predicted_subjects_may_be_tuples():
    X, y = np.zeros((4, 1)), ["ill", "ill", "well", "well"]
    model = DummyClassifier(strategy="constant", constant="ill").fit(X, y)
    groups = [("oslo", 1), ("oslo", 1), ("bern", 1), ("oslo", 2)]
    predictions = predict_subjects(model, X, y, groups=groups).subject
    assert predictions.tolist() == [("oslo", 1), ("bern", 1), ("oslo", 2)]


def test_bootstrap_of_an_undefined_statistic_is_nan():
    out = bootstrap_interval(lambda rows: np.nan, list("ab"), n_resamples=10, random_state=0)
    assert np.isnan(out).all()
    with pytest.raises(ValueError, match="'confidence' must lie between 0 and 1"):
        bootstrap_interval(lambda rows: 0.0, list("ab"), confidence=95)


@pytest.mark.parametrize("average", ["macro", "weighted"])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_measures_are_those_of_scikit_learn_and_imbalanced_learn(average, n_classes):
    rng = np.random.default_rng(n_classes)
    y_true, y_pred = rng.integers(0, n_classes, (2, 90))
    y_pred = np.where(rng.random(90) < 0.4, y_true, y_pred)
    got = confusion_measures(metrics.confusion_matrix(y_true, y_pred), average=average)
    kwargs = {"average": average}
    expected = {
        "accuracy": metrics.accuracy_score(y_true, y_pred),
        "balanced_accuracy": metrics.balanced_accuracy_score(y_true, y_pred),
        "f1": metrics.f1_score(y_true, y_pred, **kwargs),
        "precision": metrics.precision_score(y_true, y_pred, **kwargs),
        "sensitivity": metrics.recall_score(y_true, y_pred, **kwargs),
        "specificity": specificity_score(y_true, y_pred, **kwargs),
        "mcc": metrics.matthews_corrcoef(y_true, y_pred),
    }
    assert got.keys() == expected.keys()
    for name, value in expected.items():
        assert got[name] == pytest.approx(value, rel=1e-12), name


def test_measures_of_one_class_and_of_empty_margins():
    got = confusion_measures(np.array([[8, 2], [1, 9]]), positive=0)
    assert got["sensitivity"] == pytest.approx(0.8)
    assert got["specificity"] == pytest.approx(0.9)
    never = confusion_measures(np.array([[5, 0], [5, 0]]), positive=1)
    assert [never[k] for k in ("precision", "sensitivity", "f1", "mcc")] == [0, 0, 0, 0]


def test_measures_of_a_stack_are_those_of_each():
    stack = np.random.default_rng(0).integers(0, 9, size=(7, 3, 3))
    together = confusion_measures(stack)
    for k, matrix in enumerate(stack):
        alone = confusion_measures(matrix)
        for name in together:
            assert together[name][k] == pytest.approx(alone[name])


def test_a_scorer_knows_the_subjects_of_the_steps_before_a_classifier():
    subject, rng = np.repeat(np.arange(6), 4), np.random.default_rng(0)
    X = recording_table(list(rng.normal(size=(24, 90))), fs=1000.0, subject=subject)
    y = np.where(subject % 2, "ill", "well")
    means = FunctionTransformer(lambda table: np.stack(list(table["signal"])).mean(1)[:, None])
    model = make_pipeline(Rectifier(), means, LinearSVC())
    plain = StratifiedKFold(3, shuffle=True, random_state=0)
    with pytest.warns(SubjectLeakWarning, match=r"given to Pipeline (was|were) trained on"):
        cross_val_score(model, X, y, cv=plain, scoring=subject_scorer())
    with warnings.catch_warnings():
        warnings.simplefilter("error", SubjectLeakWarning)
        cross_val_score(model, X, y, cv=SubjectKFold(3), scoring=subject_scorer())
        # A filter that was fitted on all subjects has learned nothing.
        frozen = make_pipeline(FrozenEstimator(Rectifier().fit(X)), means, LinearSVC())
        cross_val_score(frozen, X, y, cv=SubjectKFold(3), scoring=subject_scorer())
    with pytest.warns(SubjectLeakWarning, match="that were trained on: '0' like 0") as seen:
        predict_subjects(model.fit(X, y), X.assign(subject=subject.astype(str)))
    assert len(seen) == 1


def test_scorers_name_labels_that_the_model_does_not_know():
    X, y = feature_cohort(4, 2, {"rms": 1.0}, 1.0, 0.1, labels=("well", "ill"), seed=0)
    model = DummyClassifier(strategy="constant", constant="ill").fit(X, y)
    sick = np.where(y == "ill", "sick", y)
    with pytest.warns(UserWarning, match=r"label 'sick', but .* trained on .*\['ill', 'well'\]"):
        assert subject_scorer("accuracy")(model, X, sick) == 0.0


@pytest.mark.parametrize("metric", [metrics.accuracy_score, lambda first, second: 0.0])
def test_functions_of_labels_are_no_scorers(metric):
    with pytest.raises(TypeError, match=r"called with an estimator, X and y.*make_scorer\("):
        subject_scorer(metric)


def test_functions_of_labels_with_weights_are_no_scorers():
    def hits(y_true, y_pred, weight=None):
        return np.average(y_true == y_pred, weights=weight)

    with pytest.raises(TypeError, match=r"make_scorer\(hits\)"):
        subject_scorer(hits)

    def scorer(estimator, X, y, weight=None):
        return 0.5

    assert callable(subject_scorer(scorer))


@pytest.mark.parametrize("form", [lambda y: y[:, None], lambda y: pd.DataFrame({"y": y})])
def test_labels_in_a_column_are_scored(form):
    X, y = feature_cohort()
    model = DummyClassifier(strategy="most_frequent").fit(X, y)
    scorer = subject_scorer("accuracy")
    assert scorer(model, X, form(np.asarray(y))) == scorer(model, X, y)


def test_a_fold_of_one_class_is_scored_without_a_warning():
    X, y = feature_cohort()
    y = np.asarray(y)
    model = DummyClassifier(strategy="most_frequent").fit(X, y)
    one = y == model.predict(X[:1])[0]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert subject_scorer()(model, X[one], y[one]) == 1
