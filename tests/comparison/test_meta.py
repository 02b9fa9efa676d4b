"""Meta-analysis: paired differences within sets, combined over sets, against independent sums."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from data import feature_cohort
from numpy.testing import assert_allclose
from scipy import stats
from sklearn.dummy import DummyClassifier
from sklearn.metrics import balanced_accuracy_score
from sklearn.naive_bayes import GaussianNB
from statsmodels.stats.meta_analysis import combine_effects
from statsmodels.stats.multitest import multipletests

from sklearn_emg.comparison import Comparison, compare, meta_analysis
from sklearn_emg.ensemble import DiVoteClassifier
from sklearn_emg.metrics import paired_permutation_test

LABELS = np.array(["ill", "well"])


def result(right, labels=None, **columns):
    """Comparison of pipelines by correctness for each subject (name -> 0 or 1 by subject)."""
    frames = []
    for name, values in right.items():
        true = LABELS[np.arange(len(values)) % 2] if labels is None else np.asarray(labels)
        wrong = np.where(true == "ill", "well", "ill")
        frame = pd.DataFrame({"subject": np.arange(len(values)), "y_true": true})
        frame["y_pred"] = np.where(values, true, wrong)
        frames.append(frame.assign(pipeline=name, fold=0, **columns))
    empty = pd.DataFrame()
    predictions = pd.concat(frames, ignore_index=True)
    return Comparison(empty, empty, predictions, {}, LABELS, 0.5, 0.95)


def random_sets(n_sets=4, names="abc", rates=(0.9, 0.8, 0.5), seed=0):
    rng = np.random.default_rng(seed)
    return {
        f"set {k}": result({name: rng.random(30 + 8 * k) < p for name, p in zip(names, rates)})
        for k in range(n_sets)
    }


def test_a_set_alone_has_the_interval_of_agresti_and_min():
    # 53 and 16 discordant of 1144 subjects: an interval of matched proportions.
    b, c, n = 53, 16, 1144
    first = np.r_[np.ones(b), np.zeros(c), np.ones(n - b - c)]
    second = np.r_[np.zeros(b), np.ones(c), np.ones(n - b - c)]
    meta = meta_analysis({"one": result({"x": first, "y": second})}, metric="accuracy")
    row = meta.pairs.iloc[0]
    cells = np.array([b, c]) + 0.5
    error = np.sqrt(cells.sum() - (cells[0] - cells[1]) ** 2 / (n + 2)) / (n + 2)
    assert_allclose(row["difference"], (b - c) / n)
    assert_allclose(
        [row["low"], row["high"]],
        row["difference"] + error * np.array([-1, 1]) * 1.959964,
        rtol=1e-6,
    )
    assert (meta.sets["better"].item(), meta.sets["worse"].item()) == (b, c)
    assert row["n_sets"] == 1
    assert np.isnan(row["heterogeneity_pvalue"])


def test_sets_are_combined_as_by_statsmodels_and_scipy():
    data = random_sets()
    for name, rates in (("set 4", (0.3, 0.9, 0.9)), ("set 5", (0.9, 0.5, 0.6))):  # these differ
        data[name] = random_sets(1, rates=rates)["set 0"]
    meta = meta_analysis(data, metric="accuracy")
    spreads = []
    for pair, sets in meta.sets.groupby(["first", "second"]):
        row = meta.pairs.set_index(["first", "second"]).loc[pair]
        variance = sets["standard_error"].to_numpy() ** 2
        theirs = combine_effects(sets["difference"].to_numpy(), variance, "chi2")
        # statsmodels keeps a variance between sets below 0, which DerSimonian and Laird call 0.
        spreads.append(max(0, theirs.tau2))
        mean, error = theirs.mean_effect_re, theirs.sd_eff_w_re
        factor = theirs.scale_hksj_re
        if theirs.tau2 <= 0:
            mean, error, factor = theirs.mean_effect_fe, theirs.sd_eff_w_fe, theirs.scale_hksj_fe
        half = stats.t.ppf(0.975, len(sets) - 1) * error * np.sqrt(max(1, factor))
        assert_allclose(row["difference"], mean)
        assert_allclose(row["tau"], np.sqrt(spreads[-1]), atol=1e-12)
        assert_allclose([row["low"], row["high"]], np.clip([mean - half, mean + half], -1, 1))
        assert_allclose(row["heterogeneity_pvalue"], stats.chi2.sf(theirs.q, len(sets) - 1))
        one_sided = np.where(sets["difference"] > 0, sets["pvalue"] / 2, 1 - sets["pvalue"] / 2)
        roots = np.sqrt(sets["n_subjects"])
        p = stats.combine_pvalues(one_sided, "stouffer", weights=roots).pvalue
        assert_allclose(row["pvalue"], 2 * min(p, 1 - p))
        assert_allclose(row["effect_size"], np.average(sets["effect_size"], weights=roots))
    assert max(spreads) > 0
    assert_allclose(
        meta.pairs["adjusted_pvalue"], multipletests(meta.pairs["pvalue"], method="holm")[1]
    )


def test_the_balanced_accuracy_is_paired_class_by_class():
    labels = ["ill"] * 4 + ["well"] * 12
    first, second = np.r_[1, 1, 1, 0, [1] * 12], np.r_[0, 0, 1, 0, [1] * 9, 0, 0, 1]
    data = {"one": result({"x": first, "y": second}, labels)}
    meta = meta_analysis(data)
    row = meta.sets.iloc[0]
    assert_allclose(meta.scores["one"], [(0.75 + 1) / 2, (0.25 + 10 / 12) / 2])
    assert_allclose(row["difference"], (0.5 + 2 / 12) / 2)
    weights = np.r_[[16 / 8] * 4, [16 / 24] * 12]
    assert row["pvalue"] == paired_permutation_test(weights * first, weights * second).pvalue
    # The variance of the mean of two class means, with a quarter of an observation in each cell.
    parts = []
    for n, d in ((4, 2), (12, 2)):
        parts.append(((d + 0.5) / (n + 1) - (d / (n + 1)) ** 2) / (n + 1))
    assert_allclose(row["standard_error"], np.sqrt(sum(parts)) / 2)


def test_scores_are_those_of_compare_and_the_better_pipeline_wins():
    models = {"bayes": GaussianNB(), "dummy": DummyClassifier()}
    models = {name: DiVoteClassifier(model, window=None) for name, model in models.items()}
    results = {}
    for seed in range(3):
        X, y = feature_cohort(effects={"a": 1.5, "b": 0.0}, labels=("well", "ill"), seed=seed)
        results[seed] = compare(models, X, y, cv=3, progress=False, n_resamples=20)
    meta = meta_analysis(results)
    for seed, comparison in results.items():
        for name, cases in comparison.predictions.groupby("pipeline"):
            expected = balanced_accuracy_score(cases["y_true"], cases["y_pred"])
            assert_allclose(meta.scores.loc[name, seed], expected)
    row = meta.pairs.iloc[0]
    assert (row["first"], row["second"], row["n_sets"]) == ("bayes", "dummy", 3)
    assert row["adjusted_pvalue"] < 0.01
    assert meta.groups() == []
    assert "bayes" in repr(meta)
    assert "3 sets" in repr(meta)


def test_a_subject_tested_twice_counts_once():
    once = result({"x": [1, 1, 1, 0], "y": [0, 1, 0, 0]})
    twice = pd.concat([once.predictions, once.predictions.assign(fold=1)])
    doubled = replace(once, predictions=twice)
    pd.testing.assert_frame_equal(
        meta_analysis({"set": once}).pairs, meta_analysis({"set": doubled}).pairs
    )


def test_pipelines_that_agree_on_every_subject_do_not_differ():
    same = np.r_[np.ones(9), np.zeros(3)]
    row = meta_analysis({k: result({"x": same, "y": same}) for k in "abc"}).pairs.iloc[0]
    assert (row["difference"], row["pvalue"], row["tau"]) == (0, 1, 0)
    assert row["low"] == -row["high"] < 0


def test_pipelines_of_some_sets_are_compared_there_and_not_ranked():
    sets = random_sets(3)
    sets["set 0"] = result({"a": np.ones(20), "late": np.r_[np.ones(10), np.zeros(10)]})
    meta = meta_analysis(sets)
    n_sets = {tuple(row[:2]): row[2] for row in meta.pairs[["first", "second", "n_sets"]].values}
    assert list(meta.ranks.index) == ["a"]
    assert n_sets == {("a", "late"): 1, ("a", "b"): 2, ("a", "c"): 2, ("b", "c"): 2}
    assert np.isnan(meta.scores.loc["late", "set 1"])


def test_a_pipeline_without_some_subjects_is_compared_on_the_others():
    whole = result({"x": np.ones(12), "y": np.r_[np.zeros(8), np.ones(4)]})
    cases = whole.predictions
    part = cases[(cases["pipeline"] == "x") | (cases["subject"] < 8)]
    meta = meta_analysis({"set": replace(whole, predictions=part)})
    assert meta.sets["n_subjects"].item() == 8
    assert meta.sets["difference"].item() == 1
    assert np.isnan(meta.scores.loc["y", "set"])
    assert meta.ranks.index.tolist() == ["x"]


def test_differences_to_a_reference_are_turned():
    meta = meta_analysis(random_sets())
    pairs = meta.pairs.set_index(["first", "second"])
    to_b = meta.against("b")
    assert list(to_b.index) == ["a", "c"]
    assert to_b.loc["a", "difference"] == pairs.loc[("a", "b"), "difference"]
    turned = -pairs.loc[("b", "c"), ["difference", "high", "low", "effect_size"]].to_numpy(float)
    assert_allclose(
        to_b.loc["c", ["difference", "low", "high", "effect_size"]].to_numpy(float), turned
    )
    with pytest.raises(ValueError, match="reference"):
        meta.against("z")


def test_critical_differences_are_those_of_demsars_table():
    # Table 5(a) of Demsar (2006): q for 2, 5 and 10 classifiers at 0.05.
    for k, q in ((2, 1.960), (5, 2.728), (10, 3.164)):
        rng = np.random.default_rng(k)
        names = [f"p{i}" for i in range(k)]
        sets = {s: result({name: rng.random(12) < 0.6 for name in names}) for s in range(6)}
        meta = meta_analysis(sets, n_permutations=10)
        expected = q * np.sqrt(k * (k + 1) / (6 * 6))
        assert_allclose(meta.critical_difference, expected, rtol=5e-4)
        if k > 2:
            theirs = stats.friedmanchisquare(*meta.scores.round(12).to_numpy()).pvalue
            assert_allclose(meta.friedman_pvalue, theirs)


def test_groups_join_what_does_not_differ():
    names = [f"p{i}" for i in range(4)]
    rates = (0.97, 0.95, 0.5, 0.45)
    meta = meta_analysis(random_sets(5, names, rates, seed=2))
    assert [sorted(group) for group in meta.groups()] == [["p0", "p1"], ["p2", "p3"]]


def test_intervals_cover_and_tests_keep_their_level():
    # Two equal pipelines on three sets: Stouffer's p is below 0.05 in at most 5 % of designs.
    rng = np.random.default_rng(0)
    covered, rejected, n = 0, 0, 60
    for _ in range(n):
        sets = {k: result({"x": rng.random(17) < 0.8, "y": rng.random(17) < 0.8}) for k in range(3)}
        row = meta_analysis(sets, n_permutations=99).pairs.iloc[0]
        covered += row["low"] <= 0 <= row["high"]
        rejected += row["pvalue"] <= 0.05
    assert covered >= 0.93 * n
    assert rejected <= 0.08 * n


@pytest.mark.parametrize(
    ("change", "error", "match"),
    [
        ({"comparisons": {}}, ValueError, "0 sets with 0 pipelines"),
        ({"comparisons": {"A": "no result"}}, TypeError, "Got str for the set 'A'"),
        ({"comparisons": {"A": result({"x": [1, 0]})}}, ValueError, "1 set with 1 pipeline"),
        ({"metric": "f1"}, ValueError, "metric"),
        ({"n_permutations": 0}, ValueError, "n_permutations"),
        ({"confidence": 95}, ValueError, "confidence"),
    ],
)
def test_unusable_input_is_refused(change, error, match):
    given = {"comparisons": random_sets(2), **change}
    with pytest.raises(error, match=match):
        meta_analysis(**given)


def test_sets_without_usable_diagnoses_are_named():
    none = result({"x": [1, 0], "y": [1, 1]})
    none = replace(none, predictions=none.predictions.iloc[:0])
    with pytest.raises(ValueError, match="The set 'B' of meta_analysis has no diagnoses"):
        meta_analysis({"A": result({"x": [1, 0], "y": [1, 1]}), "B": none})
    sides = result({"x": [1, 0, 1, 1], "y": [1, 1, 0, 1]})
    sides.predictions["subject"] //= 2
    with pytest.raises(ValueError, match="Subject 0 of the set 'A' has several classes"):
        meta_analysis({"A": sides})
    assert meta_analysis({"A": sides}, metric="accuracy").sets["n_subjects"].item() == 2


def test_a_comparison_cannot_be_two_sets():
    sets = random_sets(2)
    with pytest.raises(ValueError, match=r"'set 0' and 'again' .* have the same predictions"):
        meta_analysis({**sets, "again": sets["set 0"]})
