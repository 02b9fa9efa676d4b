"""Selectors: equation (14) written out, known relevant features, and the results of tsfresh."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from sklearn_emg.ensemble import NormalLimitRules, SMOTEClassifier
from sklearn_emg.exceptions import RecordingWarning
from sklearn_emg.feature_extraction import EMGFeatures, Flatten
from sklearn_emg.feature_selection import RandomForestSelector, RelevanceSelector
from sklearn_emg.recordings import recording_table


def problem(n_samples=120, seed=0):
    X = np.random.default_rng(seed).normal(size=(n_samples, 7))
    return X, np.where(X[:, 2] + X[:, 5] > 0, "myopathy", "normal")


def written_out_importance(forest, n_features):
    """Equation (14): mean over trees of the decrease of impurity by the splits on a feature."""
    importance = np.zeros(n_features)
    for estimator in forest.estimators_:
        tree = estimator.tree_
        weight = tree.weighted_n_node_samples
        for node in range(tree.node_count):
            left, right = tree.children_left[node], tree.children_right[node]
            if left != -1:
                decrease = weight[node] * tree.impurity[node] - sum(
                    weight[child] * tree.impurity[child] for child in (left, right)
                )
                importance[tree.feature[node]] += decrease / weight[0]
    return importance / len(forest.estimators_)


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_importances_are_equation_14(task):
    X, y = problem()
    if task == "regression":
        y = X[:, 2] + X[:, 5]
    selector = RandomForestSelector(n_estimators=7, random_state=0).fit(X, y)
    expected = written_out_importance(selector.selector_.estimator_, 7)
    np.testing.assert_allclose(selector.importances_, expected, rtol=1e-10)
    # The total decrease of impurity is 0 if no tree was split.
    assert selector.importances_.sum() > 0


@pytest.mark.parametrize("selector", [RandomForestSelector(), RelevanceSelector()])
def test_what_is_missing_is_named_with_a_remedy(selector):
    X, y = problem()
    X[7, 3] = np.nan
    X[9, 1] = np.inf
    match = "NaN or infinity in 2 places, first in row 7, column {}.*SimpleImputer"
    with pytest.raises(ValueError, match=match.format(3)):
        selector.fit(X, y)
    with pytest.raises(ValueError, match=match.format("'d'")):
        selector.fit(pd.DataFrame(X, columns=list("abcdefg")), y)


@pytest.mark.parametrize("selector", [RandomForestSelector(), RelevanceSelector()])
def test_missing_labels_and_a_single_class_are_named(selector):
    X, y = problem()
    with pytest.raises(ValueError, match=r"y has no label for 1 of 120 rows.* row 5"):
        selector.fit(X, [None if row == 5 else label for row, label in enumerate(y)])
    with pytest.raises(ValueError, match=f"{type(selector).__name__} needs at least two classes"):
        selector.fit(X, ["normal"] * 120)


@pytest.mark.parametrize("parameters", [{}, {"k": 2}, {"threshold": "1.2*mean"}])
def test_finds_the_features_that_matter(parameters):
    X, y = problem()
    selector = RandomForestSelector(n_estimators=30, random_state=0, **parameters).fit(X, y)
    assert selector.get_support(indices=True).tolist() == [2, 5]


def test_k_keeps_the_most_important():
    X, y = problem()
    selector = RandomForestSelector(k=3, n_estimators=10, random_state=0).fit(X, y)
    best = np.sort(np.argsort(-selector.importances_)[:3])
    assert selector.get_support(indices=True).tolist() == best.tolist()


def test_threshold_and_k_hold_together():
    X, y = problem()
    selector = RandomForestSelector("mean", k=5, n_estimators=10, random_state=0).fit(X, y)
    expected = selector.importances_ >= selector.importances_.mean()
    np.testing.assert_array_equal(selector.get_support(), expected)


def test_names_are_kept():
    X, y = problem()
    frame = pd.DataFrame(X, columns=list("abcdefg"))
    selector = RandomForestSelector(k=2, n_estimators=30, random_state=0)
    pipeline = make_pipeline(selector).set_output(transform="pandas")
    assert pipeline.fit_transform(frame, y).columns.tolist() == ["c", "f"]


def test_importances_do_not_depend_on_jobs():
    X, y = problem()
    one = RandomForestSelector(n_estimators=8, random_state=3).fit(X, y)
    two = RandomForestSelector(n_estimators=8, random_state=3, n_jobs=2).fit(X, y)
    np.testing.assert_array_equal(one.importances_, two.importances_)


@pytest.mark.parametrize(
    "parameters, message",
    [
        ({"k": 8}, "'k' parameter of RandomForestSelector must be at most 7"),
        ({"k": 0}, "'k' parameter of RandomForestSelector"),
        ({"task": "ranking"}, "'task' parameter of RandomForestSelector"),
        ({"task": "classification"}, "Unknown label type"),
        ({"class_weight": "balanced"}, "cannot be used in regression"),
    ],
)
def test_wrong_parameters_are_named(parameters, message):
    X, _ = problem()
    with pytest.raises(ValueError, match=message):
        RandomForestSelector(**parameters).fit(X, X[:, 0])


@pytest.mark.parametrize("n_classes", [2, 3])
def test_relevance_equals_tsfresh(n_classes):
    selection = pytest.importorskip("tsfresh.feature_selection.selection")
    X, _ = problem()
    y = np.digitize(X[:, 2] + X[:, 5], [0] if n_classes == 2 else [-0.7, 0.7])
    frame = pd.DataFrame(X, columns=list("abcdefg"))
    expected = selection.select_features(
        frame, pd.Series(y), multiclass=n_classes > 2, ml_task="classification", n_jobs=0
    )
    selector = RelevanceSelector().set_output(transform="pandas")
    got = selector.fit_transform(frame, np.array(["b", "c", "a"])[y])
    assert got.columns.tolist() == sorted(expected.columns)
    assert {"c", "f"} <= set(got.columns)


def test_relevance_for_regression():
    pytest.importorskip("tsfresh")
    X, _ = problem()
    selector = RelevanceSelector().fit(X, X[:, 2] + 0.1 * X[:, 0])
    assert 2 in selector.get_support(indices=True)


def test_relevance_is_rare_among_noise():
    pytest.importorskip("tsfresh")
    rng = np.random.default_rng(1)
    X, y = rng.normal(size=(100, 300)), rng.integers(0, 2, 100)
    assert RelevanceSelector().fit(X, y).get_support().sum() <= 1


def test_second_fit_forgets_the_first():
    pytest.importorskip("tsfresh")
    X, y = problem()
    selector = RelevanceSelector().fit(X, y)
    fresh = clone(selector).fit(X[:, ::-1], y)
    selector.fit(X[:, ::-1], y)
    np.testing.assert_array_equal(selector.get_support(), fresh.get_support())


def test_relevance_for_more_classes_than_there_are_is_refused():
    pytest.importorskip("tsfresh")
    X, y = problem()
    with pytest.raises(ValueError, match="number of classes that are tested, 1"):
        RelevanceSelector(n_significant=2).fit(X, y)


def test_missing_tsfresh_names_the_extra(monkeypatch):
    import sys

    X, y = problem()
    monkeypatch.setitem(sys.modules, "tsfresh.feature_selection.relevance", None)
    with pytest.raises(ImportError, match=r"sklearn-emg\[tsfresh\]"):
        RelevanceSelector().fit(X, y)


def test_identities_among_the_features_are_named():
    X = pd.DataFrame(np.random.default_rng(0).normal(size=(20, 2)), columns=["rms", "wl"])
    X["patient"] = np.arange(20)[::-1]
    y = np.repeat([0, 1], 10)
    with pytest.warns(RecordingWarning, match="RandomForestSelector uses .* 'patient' \\(named"):
        RandomForestSelector(n_estimators=2).fit(X.assign(subject=y), y)
    with pytest.warns(RecordingWarning, match="EMGFeatures uses .* 'subject' \\(the subject"):
        EMGFeatures("hudgins", fs=1000.0).fit(X.assign(subject=y))


def test_recordings_are_no_features():
    table = recording_table(np.ones((4, 100)), fs=1000.0, subject=list("abcd"))
    steps = [RandomForestSelector(), RelevanceSelector(), NormalLimitRules(), Flatten()]
    for step in [*steps, SMOTEClassifier(LogisticRegression())]:
        with pytest.raises(ValueError, match=f"{type(step).__name__} takes features or windows"):
            step.fit(table, ["x", "y", "x", "y"])


def test_a_threshold_that_keeps_no_feature_is_refused():
    X = np.random.default_rng(0).normal(size=(20, 3))
    y = (X[:, 0] > 0).astype(int)
    with pytest.raises(ValueError, match=r"keeps no feature: the threshold 2 .* set 'k'"):
        RandomForestSelector(2, n_estimators=5, random_state=0).fit(X, y)
