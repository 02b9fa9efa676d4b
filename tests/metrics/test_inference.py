"""Paired tests of two models against SciPy, closed forms and simulation."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupShuffleSplit
from sklearn.naive_bayes import GaussianNB

from sklearn_emg.comparison import compare
from sklearn_emg.ensemble import DiVoteClassifier
from sklearn_emg.metrics import (
    compare_pair,
    corrected_resampled_ttest,
    paired_permutation_test,
    regression_measures,
)

D = np.array([0.11, -0.02, 0.25, 0.07, 0.13, 0.04, 0.0])


def test_with_no_test_subjects_it_is_the_plain_t_test_of_scipy():
    own = corrected_resampled_ttest(D, n_train=1e12, n_test=1)
    plain = stats.ttest_1samp(D, 0.0)
    interval = plain.confidence_interval(0.95)
    assert own.statistic == pytest.approx(plain.statistic)
    assert own.pvalue == pytest.approx(plain.pvalue)
    assert (own.low, own.high) == pytest.approx((interval.low, interval.high))


def test_correction_is_that_of_nadeau_and_bengio():
    # 1/k becomes 1/k + n_test/n_train: t shrinks by sqrt(1/k / (1/k + 1/4)) with k = 7.
    own = corrected_resampled_ttest(D, n_train=[16] * 7, n_test=[4] * 7)
    plain = stats.ttest_1samp(D, 0.0).statistic
    assert own.statistic == pytest.approx(plain * np.sqrt((1 / 7) / (1 / 7 + 1 / 4)))
    assert own.pvalue == pytest.approx(2 * stats.t.sf(abs(own.statistic), df=6))


def test_correction_keeps_false_alarms_down_where_the_plain_test_does_not():
    # Random splits of the same 40 cases: two models that are right with the same probability.
    rng = np.random.default_rng(0)
    plain = corrected = 0
    for _ in range(400):
        right = rng.integers(2, size=(2, 40))
        d = []
        for _ in range(15):
            test = rng.choice(40, 8, replace=False)
            d.append(right[0, test].mean() - right[1, test].mean())
        if np.ptp(d) == 0:
            continue
        plain += stats.ttest_1samp(d, 0.0).pvalue < 0.05
        corrected += corrected_resampled_ttest(d, 32, 8).pvalue < 0.05
    assert plain / 400 > 0.3
    assert corrected / 400 < 0.15


@pytest.mark.parametrize(("d", "p"), [([0.0, 0.0, 0.0], 1.0), ([0.1, 0.1, 0.1], np.nan)])
def test_equal_differences_give_no_spurious_certainty(d, p):
    test = corrected_resampled_ttest(d, 8, 2)
    assert test.pvalue == pytest.approx(p, nan_ok=True)
    assert np.isnan(test.low)


def test_permutation_is_that_of_scipy_where_it_is_exact():
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=9), rng.normal(size=9)
    scipy = stats.permutation_test(
        (a, b), lambda x, y: np.mean(x - y), permutation_type="samples", n_resamples=np.inf
    )
    own = paired_permutation_test(a, b)
    assert own.statistic == pytest.approx(scipy.statistic)
    assert own.pvalue == pytest.approx(scipy.pvalue)


def test_permutation_of_right_and_wrong_is_the_exact_mcnemar_test():
    # Only the first model is correct for 9 subjects, only the second for 2; 20 are ties.
    first = np.r_[np.ones(9), np.zeros(2), np.ones(20)]
    second = np.r_[np.zeros(9), np.ones(2), np.ones(20)]
    binomial = stats.binomtest(9, 11, 0.5).pvalue
    assert paired_permutation_test(first, second).pvalue == pytest.approx(binomial)


def test_random_exchanges_come_near_the_exact_test_and_repeat():
    first = np.r_[np.ones(20), np.zeros(9)]
    second = 1 - first
    exact = stats.binomtest(20, 29, 0.5).pvalue
    runs = [
        paired_permutation_test(first, second, n_permutations=20_000, random_state=0).pvalue
        for _ in range(2)
    ]
    assert runs[0] == runs[1]
    assert runs[0] == pytest.approx(exact, abs=4 * np.sqrt(exact / 20_000))


def test_a_subject_with_many_cases_counts_once():
    first = [1] * 50 + [0, 0, 0]
    second = [0] * 50 + [1, 1, 1]
    subjects = ["a"] * 50 + ["b", "c", "d"]
    test = paired_permutation_test(first, second, subjects=subjects)
    assert (test.n, test.difference) == (4, -0.5)


def test_identical_models_do_not_differ():
    assert paired_permutation_test([1, 0, 1], [1, 0, 1]).pvalue == 1.0


def test_intervals_end_at_the_limits_of_a_difference():
    d = [0.9, 0.2, 0.9, 0.1]
    free = corrected_resampled_ttest(d, 8, 2, limits=None)
    assert free.high > 1
    held = corrected_resampled_ttest(d, 8, 2)
    assert (held.low, held.high) == (free.low, 1.0)
    assert held.pvalue == free.pvalue
    wider = corrected_resampled_ttest(d, 8, 2, limits=(-2, 2))
    assert wider.high == min(free.high, 2.0)
    mirrored = corrected_resampled_ttest(np.negative(d), 8, 2)
    assert mirrored.low == -1.0
    assert mirrored.high == pytest.approx(-held.low)


def test_differences_outside_the_limits_are_refused():
    with pytest.raises(ValueError, match=r"has 1\.5, outside the 'limits' .* or None"):
        corrected_resampled_ttest([0.1, 1.5], 8, 2)
    assert corrected_resampled_ttest([0.1, 1.5], 8, 2, limits=(-2, 2)).difference == 0.8
    assert corrected_resampled_ttest([10.0, 14.0], 8, 2, limits=None).difference == 12.0


def test_bad_scores_are_refused():
    with pytest.raises(ValueError, match="at least 2 finite numbers"):
        corrected_resampled_ttest([0.1, np.nan], 8, 2)
    with pytest.raises(ValueError, match="must be positive"):
        corrected_resampled_ttest([0.1, 0.2], 8, 0)
    with pytest.raises(ValueError, match="give pairs"):
        paired_permutation_test([1, 0], [1])
    with pytest.raises(ValueError, match="3 entries for 2 scores"):
        paired_permutation_test([1, 0], [1, 0], subjects=list("abc"))


@pytest.fixture(scope="module")
def comparison():
    rng = np.random.default_rng(0)
    y = np.repeat(["control", "patient"], 45)
    X = pd.DataFrame(
        {"rms": rng.normal(size=90) + (y == "patient"), "subject": np.repeat(range(30), 3)}
    )
    models = {
        "a": DiVoteClassifier(LogisticRegression(), window=None),
        "again": DiVoteClassifier(LogisticRegression(), window=None),
        "guess": DiVoteClassifier(DummyClassifier(), window=None),
    }
    return compare(models, X, y, cv=3, progress=False)


def test_a_pair_of_a_comparison(comparison):
    tests = compare_pair(comparison, "a", "guess")
    predictions = comparison.predictions
    right = predictions["y_true"] == predictions["y_pred"]
    difference = (
        right[predictions["pipeline"] == "a"].mean()
        - right[predictions["pipeline"] == "guess"].mean()
    )
    permutation = tests.loc["permutation over subjects"]
    assert permutation["difference"] == pytest.approx(difference)
    assert permutation["n"] == 30
    assert tests.loc["corrected t-test over folds", "n"] == 3


def test_the_t_test_counts_the_subjects_that_were_trained_on(comparison):
    models = {"a": GaussianNB(), "guess": DummyClassifier()}
    models = {name: DiVoteClassifier(model, window=None) for name, model in models.items()}
    y = np.repeat(["control", "patient"], 15)
    X = pd.DataFrame({"rms": np.random.default_rng(1).normal(size=30) + (y == "patient")})
    cv = GroupShuffleSplit(6, train_size=0.4, test_size=0.2, random_state=0)
    result = compare(models, X.assign(subject=range(30)), y, cv=cv, progress=False)
    assert (result.folds["n_train"] == 12).all()
    assert (comparison.folds["n_train"] == 20).all()
    scores = result.folds.query("level == 'subject'").pivot(index="fold", columns="pipeline")
    d = scores["accuracy"]["a"] - scores["accuracy"]["guess"]
    t = d.mean() / np.sqrt((1 / 6 + 6 / 12) * d.var())
    found = compare_pair(result, "a", "guess").loc["corrected t-test over folds"]
    assert found["statistic"] == pytest.approx(t)


def test_a_model_does_not_differ_from_itself(comparison):
    assert (compare_pair(comparison, "a", "again")["pvalue"] == 1.0).all()


def test_unknown_pipelines_and_metrics_are_refused(comparison):
    with pytest.raises(ValueError, match="no pipeline 'b'"):
        compare_pair(comparison, "a", "b")
    with pytest.raises(ValueError, match="no metric 'speed'"):
        compare_pair(comparison, "a", "guess", metric="speed")
    with pytest.raises(ValueError, match="needs two pipelines"):
        compare_pair(comparison, "a", "a")


def test_values_that_are_no_numbers_are_named():
    with pytest.raises(ValueError, match="'second' must contain numbers"):
        paired_permutation_test([0.1, 0.2], ["a", "b"])
    with pytest.raises(ValueError, match="'y_true' must contain numbers"):
        regression_measures(["a", "b"], [0.1, 0.2])


def test_subjects_of_pairs_may_not_be_missing():
    with pytest.raises(ValueError, match="Row 1 has no subject"):
        paired_permutation_test([0.1, 0.2], [0.3, 0.1], subjects=["a", None])
