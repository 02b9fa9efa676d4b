"""The classifier of the published feature table."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score, f1_score, roc_auc_score

from sklearn_emg.comparison import compare
from sklearn_emg.datasets import load_n2001_features
from sklearn_emg.model_selection import SubjectKFold
from sklearn_emg.papers import n2001_features


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_it_reads_the_columns_of_the_table_and_answers_by_subject():
    rng = np.random.default_rng(0)
    y = np.repeat(["ALS", "control", "myopathy"], 30)
    level = np.repeat([1.0, 5.0, 25.0], 30)
    X = pd.DataFrame({f"f{k}": level * rng.lognormal(0, 0.2, 90) for k in range(4)})
    X["subject"] = np.repeat([f"s{i}" for i in range(9)], 10)
    model = n2001_features(random_state=0).set_params(estimator__trees__n_estimators=10)
    assert model.fit(X, y).score(X, y) == 1.0


def test_the_seed_reaches_every_member():
    params = n2001_features(random_state=7).get_params()
    seeds = {v for k, v in params.items() if k.endswith("random_state")}
    assert seeds == {7}


def scores(y, proba, classes):
    predicted = classes[np.argmax(proba, axis=1)]
    return (
        accuracy_score(y, predicted),
        f1_score(y, predicted, average="macro"),
        roc_auc_score(y, proba, multi_class="ovr"),
    )


PUBLISHED = (0.893, 0.871, 0.975)  # XGBoost, each window alone


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_windows_of_the_tables_own_test_subjects(real_data):
    table = load_n2001_features(real_data / "n2001_features")
    test = (table.split == "test").to_numpy()
    model = n2001_features(random_state=0).fit(table.data[~test], table.target[~test])
    X, y = table.data[test], table.target[test]
    # For each window, the model predicts the mean probability of the subject. This is better than
    # the published figures, which are those of single windows.
    pooled = scores(y, model.predict_proba(X), model.classes_)
    assert all(ours >= theirs for ours, theirs in zip(pooled, PUBLISHED))
    # Single windows do not reach the published figures, but the difference is small.
    columns = [f"score_{c}" for c in model.classes_]
    alone = scores(y, model.vote(X).windows[columns].to_numpy(), model.classes_)
    assert all(ours >= theirs - 0.03 for ours, theirs in zip(alone, PUBLISHED))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_five_folds_by_subject_have_intervals_for_windows_and_subjects(real_data):
    table = load_n2001_features(real_data / "n2001_features")
    model = n2001_features(random_state=0).set_params(estimator__trees__n_estimators=20)
    result = compare(
        {"ours": model}, table.data, table.target, cv=SubjectKFold(5, random_state=0),
        progress=False, n_resamples=200,
    )  # fmt: skip
    accuracy = result.summary.query("metric == 'accuracy'").set_index("level")
    assert accuracy.loc["subject", "n_subjects"] == 22
    for level in ("window", "subject"):
        row = accuracy.loc[level]
        assert row["low"] < row["pooled"] < row["high"]
        assert row["low"] > 1 / 3
