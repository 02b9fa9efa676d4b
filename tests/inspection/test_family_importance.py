"""Permutation importance by family and by fold of subjects."""

import numpy as np
import pandas as pd
import pytest
from data import feature_cohort
from joblib import parallel_config
from sklearn.linear_model import LogisticRegression

from sklearn_emg.ensemble import DiVoteClassifier
from sklearn_emg.exceptions import RecordingWarning
from sklearn_emg.inspection import family_importance
from sklearn_emg.metrics import subject_scorer


@pytest.fixture
def table():
    """The time features depend on the class, the others do not."""
    effects = {"rms": 2.0, "zc": 2.0, "mdf": 0.0, "mnf": 0.0, "ch2_ar_1": 0.0, "own": 0.0}
    X, y = feature_cohort(24, 4, effects, labels=("control", "patient"))
    X["age"] = 50.0
    return X, y


def model():
    return DiVoteClassifier(LogisticRegression(), window=None)


def test_the_family_that_separates_the_classes_comes_first(table):
    X, y = table
    found = family_importance(model(), X, y, cv=4, n_repeats=3, random_state=0)
    assert found.families == {
        "time": ["rms", "zc"],
        "spectral": ["mdf", "mnf"],
        "autoregressive": ["ch2_ar_1"],
        "other": ["own"],
    }
    assert found.summary.index[0] == "time"
    assert found.summary.loc["time", "importance"] > 0.3
    assert found.summary["importance"].drop("time").abs().max() < 0.1
    assert found.folds.groupby("family").size().tolist() == [12] * 4


def test_a_family_the_model_does_not_read_has_no_importance(table):
    X, y = table
    blind = DiVoteClassifier(LogisticRegression(), window=None, features=["rms", "mdf"])
    found = family_importance(
        blind, X, y, families={"read": ["rms"], "unread": ["zc", "own"]}, cv=3, random_state=0
    )
    own = found.folds[found.folds["family"] == "unread"]
    assert (own["importance"] == 0).all()


def test_results_do_not_depend_on_jobs_and_leave_the_table_alone(table):
    X, y = table
    before = X.copy()
    settings = {"cv": 3, "n_repeats": 2, "families": "feature", "random_state": 1}
    scorer = subject_scorer("neg_log_loss")
    one = family_importance(model(), X, y, scoring=scorer, **settings)
    with parallel_config("threading"):
        two = family_importance(model(), X, y, scoring=scorer, n_jobs=2, **settings)
    pd.testing.assert_frame_equal(one.folds, two.folds)
    pd.testing.assert_frame_equal(X, before)
    assert set(one.summary.index) == {"rms", "zc", "mdf", "mnf", "ch2_ar_1", "own"}


def test_unknown_columns_and_leaking_splits_are_refused(table):
    X, y = table
    with pytest.raises(ValueError, match=r"must name columns of X.*Got \['iemg'\]"):
        family_importance(model(), X, y, families={"time": ["iemg"]})
    with pytest.raises(ValueError, match="has no numeric feature columns"):
        family_importance(model(), X[["subject", "age"]], y)
    with pytest.raises(ValueError, match="has 2 labels for 96 rows"):
        family_importance(model(), X, ["a", "b"])

    class Leaky:
        def split(self, X, y):
            yield np.arange(1, 96), np.arange(1)

    with pytest.raises(ValueError, match="both"):
        family_importance(model(), X, y, cv=Leaky())


def test_identities_and_labels_are_in_no_family():
    rng = np.random.default_rng(0)
    y = np.repeat(["control", "patient"], 20)
    X = pd.DataFrame({"rms": rng.normal(size=40), "subject": np.arange(40) // 4})
    X["patient_id"], X["shown"] = X["subject"] * 3.0, (y == "patient").astype(float)
    model = DiVoteClassifier(LogisticRegression(), window=None, features=["rms"])
    with pytest.warns(RecordingWarning, match=r"'patient_id' .*'shown'.*name it in a family"):
        found = family_importance(model, X, y, cv=2, n_repeats=1, progress=False)
    assert found.families == {"time": ["rms"]}
