"""Splits by subject: properties over random data sets, and refusals."""

import numpy as np
import pandas as pd
import pytest
import sklearn
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    GridSearchCV,
    GroupShuffleSplit,
    StratifiedGroupKFold,
    StratifiedKFold,
    cross_validate,
)
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline

from sklearn_emg.model_selection import (
    LeaveOneSubjectOut,
    RepeatedSubjectKFold,
    SubjectHoldout,
    SubjectKFold,
    SubjectsPerClassOut,
    splits_by_subject,
    subject_train_test_split,
)
from sklearn_emg.model_selection._split import assert_no_shared_subject


@st.composite
def cohorts(draw, least_per_class=3):
    """A table with a subject column and labels; subjects differ in their number of rows."""
    n_classes = draw(st.integers(2, 4))
    sizes = draw(st.lists(st.integers(least_per_class, 7), min_size=n_classes, max_size=n_classes))
    label = np.repeat(np.arange(n_classes), sizes)
    rows = draw(st.lists(st.integers(1, 5), min_size=len(label), max_size=len(label)))
    subject = np.repeat(np.arange(len(label)), rows)
    order = np.random.default_rng(draw(st.integers(0, 99))).permutation(len(subject))
    names = np.array([f"s{i}" for i in range(len(label))], dtype=object)
    return pd.DataFrame({"subject": names[subject[order]]}), label[subject][order]


def check_partition(X, splits):
    tested = []
    for train, test in splits:
        names = set(X["subject"].iloc[train]), set(X["subject"].iloc[test])
        assert not names[0] & names[1]
        assert len(train) + len(test) == len(X)
        tested += names[1]
    return tested


@settings(deadline=None, max_examples=60)
@given(cohorts(), st.integers(2, 3), st.integers(0, 5))
def test_kfold_tests_every_subject_once_with_balanced_classes(cohort, n_splits, seed):
    X, y = cohort
    splits = list(SubjectKFold(n_splits, random_state=seed).split(X, y))
    tested = check_partition(X, splits)
    assert sorted(tested) == sorted(set(X["subject"]))
    for label in np.unique(y):
        counts = [X["subject"].iloc[test[y[test] == label]].nunique() for _, test in splits]
        assert max(counts) - min(counts) <= 1
        assert min(counts) >= 1


@settings(deadline=None, max_examples=30)
@given(cohorts())
def test_leave_one_subject_out_tests_every_subject_once(cohort):
    X, y = cohort
    splitter = LeaveOneSubjectOut()
    tested = check_partition(X, splitter.split(X, y))
    assert len(tested) == splitter.get_n_splits(X, y) == X["subject"].nunique()


@settings(deadline=None, max_examples=30)
@given(cohorts(), st.integers(1, 2), st.integers(0, 5))
def test_subjects_per_class_out_holds_out_as_many_of_each_class(cohort, n_subjects, seed):
    X, y = cohort
    splitter = SubjectsPerClassOut(n_subjects, random_state=seed)
    splits = list(splitter.split(X, y))
    tested = check_partition(X, splits)
    assert len(splits) == splitter.get_n_splits(X, y)
    assert len(tested) == len(set(tested))
    for _, test in splits:
        by_class = X.iloc[test].groupby(y[test])["subject"].nunique()
        assert by_class.tolist() == [n_subjects] * len(np.unique(y))


@settings(deadline=None, max_examples=60)
@given(cohorts(), st.floats(0.3, 0.6), st.integers(0, 5))
def test_train_test_split_keeps_people_apart_and_classes_on_both_sides(cohort, size, seed):
    X, y = cohort
    X_train, X_test, y_train, y_test = subject_train_test_split(
        X, y, test_size=size, random_state=seed
    )
    assert not set(X_train["subject"]) & set(X_test["subject"])
    assert len(X_train) + len(X_test) == len(X)
    assert set(y_train) == set(y_test) == set(y)
    n_test = X_test["subject"].nunique()
    assert n_test == round(size * X["subject"].nunique())


@pytest.fixture
def table():
    return pd.DataFrame({"subject": np.repeat([f"s{i}" for i in range(20)], 3), "rms": 0.0})


@pytest.fixture
def labels():
    return np.repeat(["ill", "well"], 30)


def test_one_seed_gives_the_same_folds_and_another_seed_others(table, labels):
    def partition(seed):
        splits = SubjectKFold(4, random_state=seed).split(table, labels)
        return {tuple(test) for _, test in splits}

    assert partition(1) == partition(1)
    assert len({frozenset(partition(seed)) for seed in range(10)}) == 10


def test_splitters_repeat_themselves_at_each_call(table, labels):
    for splitter in (SubjectKFold(3, random_state=0), SubjectsPerClassOut(2, random_state=0)):
        first, second = (list(splitter.split(table, labels)) for _ in range(2))
        for (_, a), (_, b) in zip(first, second):
            np.testing.assert_array_equal(a, b)


def test_more_runs_than_disjoint_test_sets_draw_subjects_anew():
    X = pd.DataFrame({"subject": list("abcdefg")})
    y = [0, 0, 0, 1, 1, 1, 1]
    splits = list(SubjectsPerClassOut(1, n_splits=6, random_state=0).split(X, y))
    assert len(splits) == 6
    counts = pd.Series([X["subject"][i] for _, test in splits for i in test]).value_counts()
    assert counts[list("abc")].tolist() == [2, 2, 2]


def test_groups_serve_arrays(labels):
    X, groups = np.zeros((60, 2)), np.repeat(np.arange(20), 3)
    for train, test in SubjectKFold(5, random_state=0).split(X, labels, groups):
        assert not set(groups[train]) & set(groups[test])


def test_anonymous_rows_are_refused(labels):
    with pytest.raises(ValueError, match="does not name the subjects of its rows"):
        next(SubjectKFold(5).split(np.zeros((60, 2)), labels))
    with pytest.raises(ValueError, match="does not name the subjects of its rows"):
        LeaveOneSubjectOut().get_n_splits(np.zeros((60, 2)))


def test_a_class_with_fewer_subjects_than_folds_is_refused_with_its_name():
    X = pd.DataFrame({"subject": list("aabcdefg")})
    y = ["als"] * 4 + ["normal"] * 4
    with pytest.raises(ValueError, match=r"class 'als' has 3 \('a', 'b', 'c'\)"):
        next(SubjectKFold(4).split(X, y))


@pytest.mark.parametrize(
    "splitter", [SubjectKFold(2), LeaveOneSubjectOut(), SubjectsPerClassOut(1)]
)
def test_one_person_per_class_cannot_be_split(splitter):
    X = pd.DataFrame({"subject": ["healthy", "myopathy", "neuropathy"]})
    with pytest.raises(ValueError, match="needs at least 2 subjects of each class"):
        next(splitter.split(X, ["normal", "myopathy", "neuropathy"]))


@pytest.mark.parametrize(
    "splitter, match",
    [
        (SubjectKFold(1), "'n_splits' parameter of SubjectKFold must be an integer of at least 2"),
        (SubjectKFold(2.0), "'n_splits' parameter of SubjectKFold"),
        (SubjectsPerClassOut(0), "'n_subjects' parameter of SubjectsPerClassOut"),
        (SubjectsPerClassOut(1, n_splits=0), "'n_splits' parameter of SubjectsPerClassOut"),
        (SubjectsPerClassOut(10), "needs at least 11 subjects of each class"),
        (SubjectKFold(11), "needs at least 11 subjects of each class, but class 'ill' has 10"),
    ],
)
def test_impossible_requests_are_refused(table, labels, splitter, match):
    with pytest.raises(ValueError, match=match):
        next(splitter.split(table, labels))


@pytest.mark.parametrize(
    ("y", "match"),
    [
        (pd.Series(["a", None] * 12, dtype=object), "y has no label for 12 of 24 rows.* row 1"),
        (pd.Series([0, None] * 12, dtype="Int64"), "y has no label for 12 of 24 rows.* row 1"),
        ([0.0, np.nan] * 12, "y has no label for 12 of 24 rows.* row 1"),
        (["a", None] * 12, "y has no label for 12 of 24 rows.* row 1"),
        (["a", np.nan] * 12, "y has no label for 12 of 24 rows.* row 1"),
        (
            np.ma.masked_array([0, 1] * 12, mask=[False, True] * 12),
            "y has no label for 12 of 24 rows.* row 1",
        ),
        (
            np.array([1, "a"] * 12, dtype=object),
            r"y contains Python objects .* np\.array\(y\.tolist",
        ),
        ([0, 1] * 9, "y has 18 labels for 24 rows of X"),
    ],
    ids=["object", "Int64", "float", "list of None", "list of NaN", "mask", "objects", "short"],
)
def test_labels_that_cannot_be_stratified_by_are_refused(y, match):
    with pytest.raises(ValueError, match=match):
        next(SubjectKFold(2).split(np.zeros((24, 3)), y, np.repeat(range(12), 2)))


def test_groups_of_two_columns_are_refused():
    with pytest.raises(ValueError, match=r"groups must be 1-D.* Got shape \(6, 1\)"):
        next(SubjectKFold(2).split(np.zeros((6, 3)), [0, 1] * 3, np.arange(6)[:, None]))


def test_integers_as_objects_stratify_as_integers_do():
    X, y, subjects = np.zeros((24, 3)), np.arange(24) // 2 % 2, np.repeat(range(12), 2)
    splits = [list(SubjectKFold(2).split(X, labels, subjects)) for labels in (y, y.astype(object))]
    for expected, found in zip(*splits):
        np.testing.assert_array_equal(np.concatenate(found), np.concatenate(expected))


def test_a_column_of_labels_stratifies_as_a_list_does():
    X, y = np.zeros((24, 3)), np.arange(24) // 2 % 3
    subjects = np.repeat(range(12), 2)
    cv = SubjectKFold(3, random_state=0)
    for (_, one), (_, other) in zip(cv.split(X, y, subjects), cv.split(X, y[:, None], subjects)):
        assert one.tolist() == other.tolist()


def test_too_few_subjects_without_classes_are_refused(table):
    with pytest.raises(ValueError, match="needs at least 21 subjects, but X has 20"):
        next(SubjectKFold(21).split(table))


def test_subjects_per_class_needs_one_class_per_subject(table):
    with pytest.raises(ValueError, match="needs one class per subject, but subject 's0'"):
        next(SubjectsPerClassOut(1).split(table, np.tile(["rest", "gait", "sit"], 20)))
    with pytest.raises(ValueError, match="needs the classes"):
        next(SubjectsPerClassOut(1).split(table))


def test_kfold_serves_subjects_with_several_labels(table):
    y = np.tile(["rest", "gait", "sit"], 20)
    splits = list(SubjectKFold(10, random_state=0).split(table, y))
    assert sorted(check_partition(table, splits)) == sorted(set(table["subject"]))
    assert all(sorted(y[test]) == sorted(["rest", "gait", "sit"] * 2) for _, test in splits)


@pytest.mark.parametrize(
    "size, match",
    [
        (1.5, "must be a float between 0 and 1"),
        (True, "must be a float between 0 and 1"),
        (20, "cannot put 20 of 20 subjects"),
        (1, "cannot put 1 of 20 subjects"),
    ],
)
def test_train_test_split_refuses_sizes(table, labels, size, match):
    with pytest.raises(ValueError, match=match):
        subject_train_test_split(table, labels, test_size=size)


def test_a_split_by_row_is_found_out(table):
    with pytest.raises(ValueError, match=r"This split leaks: 1 subject is .*'s0'"):
        assert_no_shared_subject(table, np.array([0, 5]), np.array([1]))


class Recorder(ClassifierMixin, BaseEstimator):
    """Stores the subjects of its training and refuses to predict them."""

    def __init__(self, alpha=0):
        self.alpha = alpha

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        self.known_ = set(X["subject"])
        return self

    def predict(self, X):
        if self.known_ & set(X["subject"]):
            raise AssertionError("predicts a subject it was fitted on")
        return np.full(len(X), self.classes_[0])


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_nested_search_never_shares_a_subject(table, labels, n_jobs):
    inner = GridSearchCV(Recorder(), {"alpha": [0, 1]}, cv=SubjectKFold(2), error_score="raise")
    out = cross_validate(
        inner, table, labels, cv=SubjectKFold(3), n_jobs=n_jobs, error_score="raise"
    )
    assert len(out["test_score"]) == 3


def test_a_subjects_signature_scores_at_chance():
    # Rows reveal the subject only: random windows score near 1, splits by subject near 1/2.
    rng = np.random.default_rng(0)
    X = pd.DataFrame(np.repeat(rng.normal(size=(60, 2)), 6, axis=0), columns=["a", "b"])
    X["subject"] = np.repeat(np.arange(60), 6)
    y = np.repeat(np.arange(60) % 2, 6)
    model = make_pipeline(
        make_column_transformer(("passthrough", ["a", "b"])), KNeighborsClassifier(1)
    )
    by_subject = cross_validate(model, X, y, cv=SubjectKFold(5, random_state=0))["test_score"]
    rows = cross_validate(model, X, y, cv=StratifiedKFold(5, shuffle=True, random_state=0))
    assert rows["test_score"].mean() > 0.98
    assert 0.3 < by_subject.mean() < 0.7


def test_logistic_regression_with_metadata_routing(table, labels):
    X = table.assign(rms=np.random.default_rng(0).normal(size=60))[["rms"]]
    with sklearn.config_context(enable_metadata_routing=True):
        out = cross_validate(
            LogisticRegression(),
            X,
            labels,
            cv=SubjectKFold(3),
            params={"groups": table["subject"]},
            error_score="raise",
        )
    assert len(out["test_score"]) == 3


def folds_of(splitter, X, y):
    return [frozenset(X["subject"].iloc[test]) for _, test in splitter.split(X, y)]


def test_folds_without_a_seed_are_the_same_at_every_call(table):
    y = np.repeat([0, 1], 30)
    first, second = (folds_of(SubjectKFold(3), table, y) for _ in range(2))
    assert first == second
    assert folds_of(SubjectKFold(3, random_state=1), table, y) != first
    seeded = folds_of(SubjectKFold(3, random_state=0), table, y)
    assert seeded == folds_of(SubjectKFold(3, shuffle=True, random_state=0), table, y)
    with pytest.raises(ValueError, match="'random_state' 0 of SubjectKFold has no effect"):
        next(SubjectKFold(3, shuffle=False, random_state=0).split(table, y))


@pytest.mark.parametrize(
    "kind", [str, int, lambda k: ("site", k), lambda k: k if k % 2 else str(k)]
)
@pytest.mark.parametrize(
    "splitter",
    [
        SubjectKFold(3),
        SubjectKFold(3, random_state=0),
        LeaveOneSubjectOut(),
        SubjectsPerClassOut(2, random_state=0),
        RepeatedSubjectKFold(3, n_repeats=2),
        SubjectHoldout(),
    ],
    ids=lambda s: type(s).__name__,
)
def test_the_order_of_the_rows_has_no_part_in_the_folds(table, splitter, kind):
    codes = np.repeat(np.arange(20), 3)
    X = pd.DataFrame({"subject": pd.Series([kind(k) for k in codes], dtype=object)})
    order = np.random.default_rng(0).permutation(len(X))
    expected = folds_of(splitter, X, codes % 2)
    assert folds_of(splitter, X.iloc[order], codes[order] % 2) == expected
    train = subject_train_test_split(X, codes % 2, random_state=0)[0]
    again = subject_train_test_split(X.iloc[order], codes[order] % 2, random_state=0)[0]
    assert set(train["subject"]) == set(again["subject"])


@pytest.mark.parametrize("kind", [str, int, lambda k: k if k % 2 else str(k)])
def test_group_splitters_of_scikit_learn_make_the_folds_of_their_names(kind):
    codes = np.repeat(np.arange(20)[::-1], 3)
    X = pd.DataFrame({"subject": pd.Series([kind(k) for k in codes], dtype=object)})
    for cv in (StratifiedGroupKFold(3, shuffle=True, random_state=0), GroupShuffleSplit(3)):
        cv.random_state = 0
        folds = [(a.tolist(), b.tolist()) for a, b in splits_by_subject(cv, X, codes % 2)]
        if X["subject"].map(type).nunique() == 1:
            own = cv.split(X, codes % 2, groups=X["subject"])
            assert folds == [(a.tolist(), b.tolist()) for a, b in own]
        order = np.random.default_rng(0).permutation(len(X))
        again = splits_by_subject(cv, X.iloc[order], codes[order] % 2)
        assert [sorted(order[test]) for _, test in again] == [sorted(test) for _, test in folds]
