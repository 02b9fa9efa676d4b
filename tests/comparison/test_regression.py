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
        ({"average": "weighted"}, "'average' of compare is only for classifiers"),
        ({"pos_label": 1}, "'pos_label' of compare is only for classifiers"),
        ({"site": "hospital"}, "site of each row from the column 'hospital'"),
    ],
)
def test_parameters_of_classifiers_are_refused(settings, match):
    X, y = numbers(10)
    with pytest.raises(ValueError, match=match):
        compare({"line": divote(LinearRegression())}, X, y, progress=False, **settings)


def test_both_kinds_at_once_are_refused():
    X, y = numbers(10)
    models = {"line": divote(LinearRegression()), "class": DummyClassifier()}
    with pytest.raises(ValueError, match=r"only these pipelines are regressors: \['line'\]"):
        compare(models, X, y, progress=False)


def test_the_permutation_test_permutes_the_numbers_of_subjects():
    X, y = numbers(16, 2)
    model = divote(LinearRegression())
    found = subject_permutation_test(model, X, y, cv=4, n_permutations=19)
    errors = []
    for train, test in SubjectKFold(4, stratify="quantiles").split(X, y):
        fitted = divote(LinearRegression()).fit(X.iloc[train], y[train])
        errors.append(np.abs(fitted.predict(X.iloc[test]) - y[test]).mean())
    assert found.score == pytest.approx(-np.mean(errors))
    assert found.pvalue == pytest.approx(1 / 20)
    assert (found.permutation_scores < found.score).all()
    assert "negated mae -" in repr(found)
    noise = X.assign(rms=np.random.default_rng(1).normal(size=len(X)))
    assert subject_permutation_test(model, noise, y, cv=4, n_permutations=19).pvalue > 0.1
    ranks = subject_permutation_test(
        model, X, y, cv=4, scoring=subject_scorer("spearman"), n_permutations=3
    )
    assert ranks.score > 0.7
    with pytest.raises(ValueError, match="has two labels"):
        subject_permutation_test(model, X, y + np.arange(len(y)) % 2, n_permutations=3)


def hospitals(n_subjects=24, shift=3.0):
    """Numbers from three sites; the last site adds `shift` to the feature."""
    X, y = numbers(n_subjects, 2)
    X["site"] = np.repeat(["A", "B", "C"], len(X) // 3)
    return X.assign(rms=X["rms"] + shift * (X["site"] == "C")), y


def test_regressors_are_compared_within_and_across_sites():
    X, y = hospitals()
    models = {"line": divote(LinearRegression()), "mean": divote(DummyRegressor())}
    found = compare(models, X, y, site="site",
                    cv=3, progress=False, n_resamples=50)  # fmt: skip
    table = found.site_summary.query("level == 'subject' and metric == 'mae'")
    table = table.set_index(["site", "pipeline", "split"])["pooled"]
    assert table["C", "line", "across"] > table["C", "line", "within"] + 1
    rows = (X["site"] == "C").to_numpy()
    fitted = divote(LinearRegression()).fit(X.loc[~rows, ["rms", "subject"]], y[~rows])
    error = np.abs(fitted.predict(X.loc[rows, ["rms", "subject"]]) - y[rows]).mean()
    assert table["C", "line", "across"] == pytest.approx(error)
    assert found.chance == pytest.approx(y[::2].std())
    assert repr(found).startswith("Mean absolute error over subjects within each of 3 sites")
    assert found.site_table().loc[("all", "mean"), "n"] == 24


def test_errors_of_several_sets_are_combined():
    models = {"line": divote(LinearRegression()), "mean": divote(DummyRegressor())}
    sets = {}
    for seed, name in enumerate("ab"):
        X, y = numbers(20, 2, seed)
        sets[name] = compare(models, X, y, progress=False, n_resamples=20)
    meta = meta_analysis(sets, n_permutations=500)
    assert meta.metric == "mae"
    pair = meta.pairs.iloc[0]
    assert (pair["first"], pair["second"]) == ("line", "mean")
    assert pair["pvalue"] < 0.01
    for name, found in sets.items():
        mae = found.summary.query("level == 'subject' and metric == 'mae'").set_index("pipeline")
        np.testing.assert_allclose(
            meta.scores[name], -mae["pooled"].reindex(meta.scores.index), rtol=1e-9
        )
        own = meta.sets.set_index("set").loc[name]
        assert own["difference"] == pytest.approx(mae["pooled"]["mean"] - mae["pooled"]["line"])
        assert own["low"] < own["difference"] < own["high"]
    assert "negated mean absolute error" in " ".join(repr(meta).split())


def test_the_unit_of_numbers_does_not_change_the_tests_of_several_sets():
    models = {"line": divote(LinearRegression()), "mean": divote(DummyRegressor())}
    X, y = numbers(20, 2)
    results = [
        meta_analysis({"a": compare(models, X, unit * y, progress=False, n_resamples=20)})
        for unit in (1.0, 1000.0)
    ]
    small, large = (found.pairs.iloc[0] for found in results)
    for name in ("difference", "low", "high"):
        assert large[name] == pytest.approx(1000 * small[name])
    assert large["effect_size"] == pytest.approx(small["effect_size"])
    assert large["pvalue"] == pytest.approx(small["pvalue"])


def test_accuracies_and_errors_are_not_combined(result):
    with pytest.raises(ValueError, match="set 'a' of meta_analysis has predicted numbers, which"):
        meta_analysis({"a": result, "b": result}, metric="accuracy")


def test_numbers_have_no_measures_of_classes():
    X, y = numbers(9)
    result = compare({"linear": divote(LinearRegression())}, X, y, cv=3, progress=False)
    for measure in (result.per_class, result.confusion_spread, result.confusion):
        with pytest.raises(ValueError, match="Predicted numbers have no"):
            measure()
