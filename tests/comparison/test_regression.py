"""compare, leakage_audit and compare_pair with regressors, and the measures of numbers."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.linear_model import LinearRegression
from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error
from sklearn.neighbors import KNeighborsRegressor

from sklearn_emg.comparison import (
    compare,
    leakage_audit,
    meta_analysis,
    subject_permutation_test,
)
from sklearn_emg.ensemble import DiVoteRegressor
from sklearn_emg.metrics import (
    compare_pair,
    conformal_subjects,
    predict_subjects,
    regression_measures,
    subject_scorer,
)
from sklearn_emg.model_selection import SubjectKFold


def numbers(n_subjects=30, n_rows=4, seed=0):
    """Feature table of a severity with noise, and the severity."""
    rng = np.random.default_rng(seed)
    y = np.repeat(rng.normal(10, 3, n_subjects), n_rows)
    X = pd.DataFrame(
        {"rms": y + rng.normal(size=len(y)), "subject": np.repeat(range(n_subjects), n_rows)}
    )
    return X, y


def divote(model):
    return DiVoteRegressor(model, window=None)


@pytest.fixture(scope="module")
def result():
    X, y = numbers()
    models = {"line": divote(LinearRegression()), "dummy": divote(DummyRegressor())}
    return compare(models, X, y, progress=False, n_resamples=300)


def test_measures_are_those_of_scikit_learn_and_scipy():
    rng = np.random.default_rng(1)
    y, p = rng.normal(size=(2, 50)).round(1) + 1e6
    found = regression_measures(y, p)
    assert found["rmse"] == pytest.approx(root_mean_squared_error(y, p))
    assert found["mae"] == pytest.approx(mean_absolute_error(y, p))
    assert found["r2"] == pytest.approx(r2_score(y, p))
    assert found["spearman"] == pytest.approx(stats.spearmanr(y, p).statistic)
    assert found["concordance"] == pytest.approx((stats.somersd(y, p).statistic + 1) / 2)
    centred = y - y.mean(), p - p.mean()
    expected = (
        2 * np.mean(centred[0] * centred[1]) / (y.var() + p.var() + (y.mean() - p.mean()) ** 2)
    )
    assert found["ccc"] == pytest.approx(expected)


def test_pooled_values_are_those_of_the_predictions(result):
    table = result.predictions.query("pipeline == 'line'")
    row = result.summary.query("pipeline == 'line' and level == 'subject'").set_index("metric")
    expected = regression_measures(table["y_true"], table["y_pred"])
    np.testing.assert_allclose(row["pooled"].reindex(expected), list(expected.values()))
    assert (row["low"] <= row["pooled"]).all()
    assert (row["pooled"] <= row["high"]).all()
    assert result.chance == pytest.approx(table["y_true"].std(ddof=0))
    assert "predicting the mean" in repr(result)
    with pytest.raises(ValueError, match="no confusion matrix"):
        result.confusion("line")


def test_a_pair_is_compared_by_absolute_errors(result):
    tests = compare_pair(result, "line", "dummy")
    errors = result.predictions.assign(e=lambda t: (t["y_true"] - t["y_pred"]).abs()).pivot(
        index="subject", columns="pipeline", values="e"
    )
    difference = (errors["line"] - errors["dummy"]).mean()
    assert tests.loc["permutation over subjects", "difference"] == pytest.approx(difference)
    assert (tests["pvalue"] < 0.01).all()


def test_folds_are_stratified_by_quantiles():
    X, y = numbers(25)
    means = [y[test].mean() for _, test in SubjectKFold(5).split(X, y)]
    alone = [y[test].mean() for _, test in SubjectKFold(5).split(X)]
    assert np.std(means) < np.std(alone)
    scores = np.repeat(np.arange(25), 4)  # integers, each of one subject
    with pytest.raises(ValueError, match="needs at least 5 subjects of each class"):
        list(SubjectKFold(5).split(X, scores))
    folds = list(SubjectKFold(5, stratify="quantiles").split(X, scores))
    assert [len(set(scores[test] // 5)) for _, test in folds] == [5] * 5
    with pytest.raises(ValueError, match="'stratify'"):
        list(SubjectKFold(5, stratify="deciles").split(X, y))


def test_targets_that_differ_within_a_subject_are_cases_of_visits():
    X, y = numbers(20, 3)
    X["visit"] = np.tile([1, 2, 3], 20)
    y = y + X["visit"].to_numpy()

    class Rows(LinearRegression):
        def fit(self, X, y):
            return super().fit(X[["rms"]], y)

        def predict(self, X):
            return super().predict(X[["rms"]])

    result = compare({"rows": Rows()}, X, y, progress=False, n_resamples=50)
    assert result.unit == "visit"
    assert len(result.predictions) == 60
    assert result.summary["n_subjects"].iloc[0] == 20


def test_a_random_split_hides_the_error():
    rng = np.random.default_rng(0)
    subject = np.repeat(range(40), 6)
    signature = rng.normal(size=(40, 3))
    X = pd.DataFrame(signature[subject] + 0.05 * rng.normal(size=(240, 3)), columns=list("abc"))
    y = np.repeat(rng.normal(size=40), 6)  # says nothing about the signature
    model = divote(KNeighborsRegressor(1))
    audit = leakage_audit(model, X.assign(subject=subject), y, progress=False)
    assert audit.summary.loc["random windows", "mean_mae"] < 0.1
    assert audit.gap > 0.5
    assert "underestimates the mean absolute error" in repr(audit)


def test_scorers_of_subjects_prefer_low_errors():
    X, y = numbers()
    model = divote(LinearRegression()).fit(X[:60], y[:60])
    found = predict_subjects(model, X[60:], y[60:])
    assert found.are_numbers
    measures = regression_measures(found.y_true, found.y_pred)
    assert subject_scorer("rmse")(model, X[60:], y[60:]) == pytest.approx(-measures["rmse"])
    sklearn_name = subject_scorer("neg_mean_absolute_error")(model, X[60:], y[60:])
    assert sklearn_name == pytest.approx(-measures["mae"])
    assert subject_scorer("spearman")(model, X[60:], y[60:]) == pytest.approx(measures["spearman"])
    with pytest.raises(ValueError, match="does not score the numbers that a regressor predicts"):
        subject_scorer("accuracy")(model, X[60:], y[60:])


def test_conformal_intervals_of_regressors():
    X, y = numbers(60)
    model = divote(LinearRegression()).fit(X[:80], y[:80])
    found = conformal_subjects(model, X[80:160], y[80:160], X[160:], coverage=0.8)
    truth = y[160::4]
    assert found.columns.tolist() == ["prediction", "low", "high"]
    assert 0.6 <= np.mean((found["low"] <= truth) & (truth <= found["high"])) < 1.0
    with pytest.raises(ValueError, match="by_class=True"):
        conformal_subjects(model, X[80:160], y[80:160], X[160:], by_class=True)


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"average": "weighted"}, "'average' of compare is for classifiers"),
        ({"pos_label": 1}, "'pos_label' of compare is for classifiers"),
        ({"site": "hospital"}, "'site' of compare is for classifiers"),
    ],
)
def test_parameters_of_classifiers_are_refused(settings, match):
    X, y = numbers(10)
    with pytest.raises(ValueError, match=match):
        compare({"line": divote(LinearRegression())}, X, y, progress=False, **settings)


def test_both_kinds_at_once_are_refused():
    X, y = numbers(10)
    models = {"line": divote(LinearRegression()), "class": DummyClassifier()}
    with pytest.raises(ValueError, match=r"not both: \['line'\] are regressors"):
        compare(models, X, y, progress=False)


def test_what_counts_diagnoses_refuses_numbers(result):
    X, y = numbers(10)
    with pytest.raises(ValueError, match="combines diagnoses, and the set 'a' has predicted"):
        meta_analysis({"a": result, "b": result})
    with pytest.raises(ValueError, match=r"is for classifiers. Compare a regressor with"):
        subject_permutation_test(divote(LinearRegression()), X, y)


def test_numbers_have_no_measures_of_classes():
    X, y = numbers(9)
    result = compare({"linear": divote(LinearRegression())}, X, y, cv=3, progress=False)
    for measure in (result.per_class, result.confusion_spread, result.confusion):
        with pytest.raises(ValueError, match="Predicted numbers have no"):
            measure()
