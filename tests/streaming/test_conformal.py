"""Stopping by conformal sets keeps the stated error, however often the sets are inspected."""

import numpy as np
import pytest
from data import recording_cohort
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from sklearn_emg.ensemble import DiVoteClassifier
from sklearn_emg.feature_extraction import TimeDomainFeatures
from sklearn_emg.streaming import (
    ConformalStop,
    FixedLength,
    SequentialTest,
    StreamingDiagnosis,
    vote_courses,
)

CLASSES = ["als", "control", "myopathy"]


def courses(codes, n_windows, rng, strength=3.0):
    """Votes of different subjects: each has its own vote probabilities, and some are wrong."""
    weights = rng.dirichlet(np.ones(3), size=len(codes))
    weights[np.arange(len(codes)), codes] += strength * rng.uniform(size=len(codes))
    weights /= weights.sum(axis=1, keepdims=True)
    drawn = [rng.choice(3, size=n_windows, p=p) for p in weights]
    return [np.cumsum(np.eye(3)[votes], axis=0) for votes in drawn]


def decided(rule, course):
    found = (rule.decide(votes, 0.0) for votes in course)
    return next((place for place in found if place is not None), None)


@pytest.mark.parametrize("by_class", [False, True])
def test_the_error_is_at_most_the_stated_one_for_exchangeable_subjects(by_class):
    rng = np.random.default_rng(0)
    n_wrong = n_decided = 0
    n_draws, n_new, coverage = 25, 12, 0.8
    for _ in range(n_draws):
        codes = rng.integers(3, size=45 + n_new)
        votes = courses(codes, 20, rng)
        rule = ConformalStop(
            votes[n_new:], np.array(CLASSES)[codes[n_new:]], CLASSES,
            coverage=coverage, by_class=by_class,
        )  # fmt: skip
        found = [decided(rule, course) for course in votes[:n_new]]
        n_wrong += sum(f is not None and f != k for f, k in zip(found, codes))
        n_decided += sum(f is not None for f in found)
    n = n_draws * n_new
    assert n_decided > 0.2 * n
    # Two standard errors of a proportion of 0.2 in 300 are 0.046.
    assert n_wrong / n <= 1 - coverage + 0.046


def test_sets_that_hold_only_at_the_end_would_err_more_often():
    """Calibrated on whole courses, the same rule exceeds its error if read after every window."""
    rng = np.random.default_rng(1)
    wrong = np.zeros(2)
    for _ in range(20):
        codes = rng.integers(3, size=60)
        votes = courses(codes, 20, rng, strength=1.0)
        y = np.array(CLASSES)[codes]
        at_all = ConformalStop(votes[10:], y[10:], CLASSES, coverage=0.8)
        at_end = ConformalStop(votes[10:], y[10:], CLASSES, coverage=0.8)
        at_end._worst = np.array([(v[-1] + 1) / (v[-1].sum() + 3) for v in votes[10:]])
        for k, rule in enumerate((at_all, at_end)):
            found = [decided(rule, course) for course in votes[:10]]
            wrong[k] += sum(f is not None and f != c for f, c in zip(found, codes))
    assert wrong[0] / 200 <= 0.2 < wrong[1] / 200


def test_worst_moment_and_limit_by_hand():
    # Proportions of the true class (v + 1) / (n + 2): 1/2, 1/3, 2/4, 3/5 and 1/2, 2/3, 3/4, 4/5.
    first = [[0, 1], [1, 1], [2, 1]]
    second = [[0, 1], [0, 2], [0, 3]]
    rule = ConformalStop([first, second], ["a", "b"], ["a", "b"], coverage=0.5)
    # k = ceil(3 * 0.5) = 2nd smallest of 1 - 1/3 and 1 - 1/2: classes with a proportion of 1/3.
    assert rule.n_votes == 3
    assert rule.members([0, 0]).tolist() == [True, True]
    assert rule.members([1, 0]).tolist() == [True, True]
    assert rule.members([2, 0]).tolist() == [True, False]
    assert rule.decide([0, 2], 1.0) == 1
    assert rule.decide([0, 4], 1.0) is None  # longer than what was calibrated


@pytest.mark.parametrize(
    "changes, match",
    [
        ({"coverage": 1.0}, "'coverage' parameter of ConformalStop"),
        ({"y": ["a"]}, "Got 2 courses, 1 label"),
        ({"y": ["a", "c"]}, r"label 'c', which is not among the classes a, b"),
        ({"classes": ["a", "b", "c"]}, r"\(n_windows, 3\).* the shape \(1, 2\)"),
        ({"courses": [], "y": []}, "Got 0 courses"),
        ({"courses": [[[1, 0]], [[0, np.nan]]]}, "Item 1 .* has NaN, infinite or neg"),
        ({"courses": [[[1, -1]], [[0, 1]]]}, "Item 0 .* has NaN, infinite or neg"),
    ],
)
def test_wrong_calibration_is_refused(changes, match):
    given = {"courses": [[[1, 0]], [[0, 1]]], "y": ["a", "b"], "classes": ["a", "b"]}
    with pytest.raises(ValueError, match=match):
        ConformalStop(**{**given, **changes})


@pytest.mark.parametrize("votes", [[np.nan, 1], [-1, 2], [np.inf, 0]])
def test_votes_that_are_no_numbers_of_windows_are_refused(votes):
    rules = [
        ConformalStop([[[1, 0]], [[0, 1]]], ["a", "b"], ["a", "b"], coverage=0.5),
        SequentialTest(max_seconds=1.0),
        FixedLength(1.0),
    ]
    for rule in rules:
        with pytest.raises(ValueError, match=f"votes of {type(rule).__name__} must be numbers of"):
            rule.decide(votes, 2.0)
    with pytest.raises(ValueError, match=r"needs the votes of 2 classes\. Got 3"):
        rules[0].decide([1, 2, 3], 2.0)


@pytest.mark.parametrize("column", ["signal", "fs", "subject"])
def test_courses_need_a_whole_recording_table(column):
    table, y = recording_cohort([1, 3] * 2)
    windows = make_pipeline(TimeDomainFeatures(["rms"]), LogisticRegression())
    model = DiVoteClassifier(windows, window=0.2).fit(table, y)
    with pytest.raises(ValueError, match=f"'{column}'"):
        vote_courses(model, table.drop(columns=column))


def test_subjects_are_calibrated_and_a_new_one_is_decided():
    table, y = recording_cohort([1, 3] * 12)
    windows = make_pipeline(TimeDomainFeatures(["rms"]), LogisticRegression())
    trained = table["subject"].isin([f"s{k}" for k in range(4)]).to_numpy()
    model = DiVoteClassifier(windows, window=0.2, step=0.1).fit(table[trained], y[trained])
    found = vote_courses(model, table[~trained])
    labels = [y[(table["subject"] == s).to_numpy()][0] for s in found.index]
    rule = ConformalStop(found["votes"], labels, model.classes_, coverage=0.9)
    live = StreamingDiagnosis(model, stop=rule)
    live.begin("new")
    events = live.push(3 * np.random.default_rng(0).normal(size=900))
    first = next(e for e in events if e.decision.decided is not None)
    assert first.decision.decided == events[-1].decision.decided == 1
    # The course contains the votes of the decision: four windows of 0.2 s in 0.9 s, by recording.
    subject = found.index[0]
    n_rows = (table["subject"] == subject).sum()
    assert found.loc[subject, "votes"][-1].sum() == 4 * n_rows
    assert found.loc[subject, "seconds"][-1] == pytest.approx(0.9 * n_rows)
