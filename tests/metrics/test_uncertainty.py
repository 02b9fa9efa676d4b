"""Calibration, thresholds and prediction sets against closed forms and simulation."""

import numpy as np
import pandas as pd
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.metrics import brier_score_loss, log_loss, roc_curve
from sklearn.svm import LinearSVC

from sklearn_emg.metrics import (
    calibration_summary,
    conformal_sets,
    conformal_subjects,
    threshold_for_sensitivity,
)

CLASSES = ["als", "control", "myopathy"]


def draw(n, rng, sharpness=1.0):
    """Cases whose classes are drawn from the probabilities themselves."""
    proba = rng.dirichlet([0.6, 0.8, 1.0], size=n)
    y = np.array([rng.choice(3, p=p) for p in proba])
    proba = proba**sharpness
    return np.array(CLASSES)[y], proba / proba.sum(axis=1, keepdims=True)


def test_probabilities_sum_to_one():
    with pytest.raises(ValueError, match=r"must sum to 1\. Those in row 1 sum to 0\.4"):
        calibration_summary(["a", "b"], [[0.5, 0.5], [0.2, 0.2]], ["a", "b"])


def test_scores_are_those_of_scikit_learn():
    y, proba = draw(50, np.random.default_rng(0))
    selected = calibration_summary(y, proba, CLASSES)
    assert selected["log_loss"] == pytest.approx(log_loss(y, proba, labels=CLASSES))
    binary = np.where(y == "als", "als", "other")
    two = np.column_stack([proba[:, 0], 1 - proba[:, 0]])
    # Both classes count here, one in scikit-learn's binary score.
    expected = 2 * brier_score_loss(binary == "als", two[:, 0])
    assert calibration_summary(binary, two, ["als", "other"])["brier"] == pytest.approx(expected)


def test_calibration_error_of_two_bins_by_hand():
    # Confidences 0.6, 0.6, 0.9, 0.9: right 1 of 2 and 2 of 2.
    proba = np.array([[0.6, 0.4], [0.6, 0.4], [0.9, 0.1], [0.1, 0.9]])
    summary = calibration_summary(["a", "b", "a", "b"], proba, ["a", "b"], n_bins=2)
    assert summary["calibration_error"] == pytest.approx((0.1 + 0.1) / 2)


def test_spiegelhalters_test_holds_its_level_and_finds_overconfidence():
    rng = np.random.default_rng(0)
    pvalues = [calibration_summary(*draw(60, rng), CLASSES)["spiegelhalter_p"] for _ in range(300)]
    # 5 % with a standard error of 1.3 %.
    assert 0.01 < np.mean(np.array(pvalues) < 0.05) < 0.10
    too_sure = calibration_summary(*draw(200, rng, sharpness=4.0), CLASSES)
    assert too_sure["spiegelhalter_p"] < 1e-3
    assert too_sure["confidence"] > too_sure["accuracy"]


def test_threshold_is_the_first_of_the_roc_curve_with_that_sensitivity():
    rng = np.random.default_rng(3)
    y = np.repeat(["ill", "well"], [23, 31])
    score = np.round(rng.normal(size=54) + (y == "ill"), 1)  # with ties
    for wanted in (0.5, 0.8, 0.95, 1.0):
        fpr, tpr, thresholds = roc_curve(y == "ill", score, drop_intermediate=False)
        first = np.flatnonzero(tpr >= wanted)[0]
        selected = threshold_for_sensitivity(y, score, pos_label="ill", sensitivity=wanted)
        assert selected.value == pytest.approx(thresholds[first])
        assert selected.sensitivity == pytest.approx(tpr[first])
        assert selected.specificity == pytest.approx(1 - fpr[first])


def test_guaranteed_sensitivity_asks_for_more_and_may_be_out_of_reach():
    y = np.repeat(["ill", "well"], [30, 30])
    score = np.r_[np.linspace(1, 2, 30), np.linspace(0, 1.5, 30)]
    plain = threshold_for_sensitivity(y, score, pos_label="ill", sensitivity=0.8)
    sure = threshold_for_sensitivity(y, score, pos_label="ill", sensitivity=0.8, guaranteed=True)
    assert sure.value < plain.value
    assert sure.sensitivity_interval[0] >= 0.8
    with pytest.raises(ValueError, match=r"the lower end of the interval is 0\.89"):
        threshold_for_sensitivity(y, score, pos_label="ill", guaranteed=True)


def test_threshold_needs_both_classes():
    with pytest.raises(ValueError, match="needs both classes; 'ill' has 0 of 2"):
        threshold_for_sensitivity(["well", "well"], [0.1, 0.2], pos_label="ill")


@pytest.mark.parametrize(("n", "coverage"), [(19, 0.9), (30, 0.8), (9, 0.5)])
def test_sets_cover_as_promised_and_not_much_more(n, coverage):
    rng = np.random.default_rng(0)
    hits = []
    for _ in range(1500):
        y, proba = draw(n + 2, rng, sharpness=3.0)  # badly calibrated on purpose
        sets = conformal_sets(y[:n], proba[:n], proba[n:], CLASSES, coverage=coverage)
        hits.append(sets[np.arange(2), [CLASSES.index(c) for c in y[n:]]].mean())
    mean, error = np.mean(hits), np.std(hits) / np.sqrt(len(hits))
    assert coverage - 4 * error <= mean <= coverage + 1 / (n + 1) + 4 * error


def test_sets_by_class_cover_each_class():
    rng = np.random.default_rng(0)
    hits = {c: [] for c in CLASSES}
    for _ in range(400):
        y, proba = draw(60, rng, sharpness=3.0)
        proba[:, 0] *= 0.2  # one class is hard to see
        proba /= proba.sum(axis=1, keepdims=True)
        sets = conformal_sets(y[:50], proba[:50], proba[50:], CLASSES, coverage=0.8, by_class=True)
        for row, label in zip(sets, y[50:]):
            hits[label].append(row[CLASSES.index(label)])
    assert all(np.mean(h) > 0.77 for h in hits.values())


def test_with_too_few_calibration_subjects_every_class_is_in_the_set():
    y, proba = draw(8, np.random.default_rng(0))
    assert conformal_sets(y, proba, proba, CLASSES, coverage=0.9).all()


def test_limits_do_not_suffer_from_rounding():
    # (9 + 1) * 0.7 is 7.000000000000001 in binary: the 7th of 9 scores is meant, not the 8th.
    own = 1 - np.arange(1, 10) / 10
    proba = np.column_stack([own, 1 - own])
    sets = conformal_sets(["a"] * 9, proba, [[0.3, 0.7], [0.25, 0.75]], ["a", "b"], coverage=0.7)
    assert sets[:, 0].tolist() == [True, False]


def test_unknown_labels_and_shapes_are_refused():
    y, proba = draw(4, np.random.default_rng(0))
    with pytest.raises(ValueError, match=r"labels that are not in 'classes'.*'mdx'"):
        conformal_sets([*y[:3], "mdx"], proba, proba, CLASSES)
    with pytest.raises(ValueError, match=r"one column per class, \(4, 2\)"):
        calibration_summary(y, proba, CLASSES[:2])
    with pytest.raises(ValueError, match="'coverage' must lie between"):
        conformal_sets(y, proba, proba, CLASSES, coverage=1.0)


def test_sets_of_subjects_refuse_shared_people_and_classifiers_without_probabilities():
    X = pd.DataFrame({"rms": [0.0, 1.0, 0.1, 1.1], "subject": list("abcd")})
    y = np.array(["well", "ill", "well", "ill"])
    model = DummyClassifier().fit(X[["rms"]], y)
    with pytest.raises(ValueError, match="calibration subjects that are not among the new"):
        conformal_subjects(model, X[:3], y[:3], X[2:])
    X = X.assign(subject=[0, 1, 2, 3])
    svc = LinearSVC().fit(X, y)
    with pytest.raises(ValueError, match="LinearSVC has no predict_proba"):
        conformal_subjects(svc, X[:2], y[:2], X[2:])


def test_probabilities_may_be_rounded_to_two_decimals():
    y, proba = draw(200, np.random.default_rng(2))
    exact = calibration_summary(y, proba, CLASSES)
    rounded = calibration_summary(y, proba.round(2), CLASSES)
    assert rounded["brier"] == pytest.approx(exact["brier"], abs=0.01)
    calibration_summary(y, (proba / 1).astype("f2"), CLASSES)


@pytest.mark.parametrize(
    "change, match",
    [
        (lambda p: np.log(p), "between 0 and 1. Row 0 has -"),
        (lambda p: 100 * p, "between 0 and 1. Row 0 has"),
        (lambda p: np.where(p == p[3, 1], np.nan, p), "between 0 and 1. Row 3 has nan"),
        (lambda p: pd.DataFrame(p, columns=CLASSES[::-1]), "same order"),
    ],
)
def test_values_that_are_no_probabilities_of_the_classes_are_refused(change, match):
    y, proba = draw(40, np.random.default_rng(1))
    changed = change(np.clip(proba, 1e-6, 1))
    with pytest.raises(ValueError, match=f"'y_proba'.*{match}"):
        calibration_summary(y, changed, CLASSES)
    with pytest.raises(ValueError, match=f"'proba'.*{match}"):
        conformal_sets(y, proba, changed, CLASSES)


def test_missing_labels_and_scores_of_text_are_named():
    with pytest.raises(ValueError, match="first of these is row 1"):
        calibration_summary(["a", None], [[0.5, 0.5]] * 2, ["a", "b"])
    with pytest.raises(ValueError, match="'score' must contain numbers"):
        threshold_for_sensitivity(["a", "b"], ["high", "low"], pos_label="a")
