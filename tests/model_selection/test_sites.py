"""Splits that leave one site out, and the draw of reference subjects."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score

from sklearn_emg.ensemble import DiVoteClassifier
from sklearn_emg.exceptions import RecordingWarning
from sklearn_emg.model_selection import LeaveOneSiteOut, draw_references


def table_of(sites, subjects, classes):
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"rms": rng.normal(size=len(sites)), "subject": subjects, "site": sites})
    return X, np.array(classes)


def three_sites():
    X, y = table_of(
        np.repeat(["Rome", "Oslo", "Bern"], [8, 4, 6]),
        [*"aabbccdd", *"eeff", *"gghhii"],
        [*"hhhhiiii", *"hhii", *"hhiihh"],
    )
    return X.assign(rms=X["rms"] + 3 * (y == "i")), y


def test_each_site_is_tested_once_on_all_others():
    X, y = three_sites()
    runs = LeaveOneSiteOut().runs(X, y)
    assert [run.label for run in runs] == ["site Bern", "site Oslo", "site Rome"]
    for run, name in zip(runs, ["Bern", "Oslo", "Rome"]):
        assert set(X["site"].iloc[run.test]) == {name}
        assert sorted([*run.train, *run.test]) == list(range(18))
    assert LeaveOneSiteOut().get_n_splits(X, y) == 3


def test_the_order_of_rows_does_not_change_the_folds():
    X, y = three_sites()
    order = np.random.default_rng(1).permutation(len(X))
    for (_, test), (_, other) in zip(
        LeaveOneSiteOut().split(X, y), LeaveOneSiteOut().split(X.iloc[order], y[order])
    ):
        assert sorted(order[other]) == test.tolist()


def test_sites_may_be_an_array_and_subjects_groups():
    X, y = three_sites()
    plain, sites, groups = X[["rms"]].to_numpy(), X["site"].to_numpy(), X["subject"].tolist()
    splitter = LeaveOneSiteOut(sites)
    expected = list(LeaveOneSiteOut().split(X, y))
    for (train, test), (_, other) in zip(expected, splitter.split(plain, y, groups)):
        np.testing.assert_array_equal(test, other)
        assert len(train) + len(test) == len(X)
    assert splitter.get_n_splits() == 3


def test_scikit_learn_takes_it_as_any_splitter():
    X, y = three_sites()
    model = DiVoteClassifier(LogisticRegression(), window=None, final_estimator=None)
    assert cross_val_score(model, X, y, cv=LeaveOneSiteOut()).tolist() == [1, 1, 1]
    search = GridSearchCV(model, {"estimator__C": [0.1, 1.0]}, cv=LeaveOneSiteOut()).fit(X, y)
    assert search.n_splits_ == 3


def test_a_subject_of_two_sites_is_an_error_or_left_out_of_the_training():
    X, y = table_of(["Rome", "Rome", "Rome", "Oslo", "Oslo", "Oslo"], [*"abcade"], [*"hihhih"])
    with pytest.raises(ValueError, match=r"Subject 'a' has recordings at several.*'Oslo', 'Rome'"):
        LeaveOneSiteOut().runs(X, y)
    with pytest.warns(RecordingWarning, match="leaves 1 row of other sites out"):
        runs = LeaveOneSiteOut(shared="drop").runs(X, y)
    assert runs[0].train.tolist() == [1, 2]
    assert runs[0].test.tolist() == [3, 4, 5]
    for run in runs:
        assert not set(X["subject"].iloc[run.train]) & set(X["subject"].iloc[run.test])


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda X: X.drop(columns="site"), "column 'site'"),
        (lambda X: X.assign(site="Rome"), "at least two sites"),
        (lambda X: X.assign(site=["Rome", None, *X["site"][2:]]), "Row 1 has no site"),
        (lambda X: X.drop(columns="subject"), "no 'subject' column"),
    ],
)
def test_what_it_cannot_split_is_named(change, match):
    X, y = three_sites()
    with pytest.raises(ValueError, match=match):
        LeaveOneSiteOut().runs(change(X), y)


def test_a_class_that_no_other_site_has_is_an_error():
    X, y = three_sites()
    y = np.where((X["site"] == "Oslo") & (y == "i"), "als", y)
    with pytest.raises(ValueError, match=r"site 'Oslo' is tested.*class 'als'"):
        LeaveOneSiteOut().runs(X, y)


def test_a_training_of_one_class_is_an_error():
    X, y = table_of(["Rome", "Rome", "Oslo", "Oslo"], [*"abcd"], [*"hihh"])
    with pytest.raises(ValueError, match=r"site 'Rome' is tested, the training set has no subject"):
        LeaveOneSiteOut().runs(X, y)
    with pytest.raises(ValueError, match=r"has only the class 'h'"):
        LeaveOneSiteOut().runs(X.iloc[[0, 2, 3]], y[[0, 2, 3]])


def test_an_array_of_another_length_is_an_error():
    X, y = three_sites()
    with pytest.raises(ValueError, match=r"one site per row, 18 of them.*\(17,\)"):
        LeaveOneSiteOut(X["site"].to_numpy()[:-1]).runs(X, y)


def test_the_draw_depends_on_names_and_seed_alone():
    names = [f"s{k}" for k in range(20)]
    drawn = draw_references(names, 5, 0)
    assert drawn == draw_references(names[::-1] + names, 5, 0)
    assert len(set(drawn)) == 5
    assert drawn != draw_references(names, 5, 1)
    assert draw_references(["b", "a"], 5, 0) == ["a", "b"]
