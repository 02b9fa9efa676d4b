"""A classifier of the N2001 feature table, chosen without the test subjects, and its scores.

    python benchmarks/n2001_features.py FOLDER [--parts choice split loso folds]

FOLDER contains n2001_features.csv.gz (https://github.com/ChatMED/ALS-EMG).

- choice: candidates are compared by cross-validation over the 17 subjects of training and
  validation. The classifier of papers.n2001_features was the best. The test subjects were not used.
- split: the chosen classifier is scored on the five published test subjects, with the probability
  of each single window and with the mean probability of all windows of the subject.
- loso, folds: the classifier is scored on all 22 subjects, with one subject left out at a time and
  in five folds by subject, with intervals over subjects.
"""

from __future__ import annotations

import argparse
import warnings

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import (
    ExtraTreesClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score, roc_auc_score
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from sklearn_emg.comparison import compare
from sklearn_emg.datasets import load_n2001_features
from sklearn_emg.model_selection import LeaveOneSubjectOut, RepeatedSubjectKFold, SubjectKFold
from sklearn_emg.papers import n2001_features

PUBLISHED = (0.893, 0.871, 0.975)  # accuracy, macro F1, AUROC


def logs(classifier):
    return make_pipeline(FunctionTransformer(np.log1p), StandardScaler(), classifier)


CANDIDATES = {
    "boosting": HistGradientBoostingClassifier(random_state=0),
    "boosting, small trees": HistGradientBoostingClassifier(
        learning_rate=0.05, max_iter=150, max_leaf_nodes=15, min_samples_leaf=100,
        l2_regularization=1, random_state=0,
    ),
    "extra trees": ExtraTreesClassifier(150, min_samples_leaf=20, random_state=0),
    "extra trees, balanced": ExtraTreesClassifier(
        150, min_samples_leaf=5, class_weight="balanced", random_state=0
    ),
    "forest, balanced": RandomForestClassifier(
        150, min_samples_leaf=20, class_weight="balanced", random_state=0
    ),
    "LDA of logs": logs(LinearDiscriminantAnalysis()),
    "logistic of logs, balanced": logs(LogisticRegression(class_weight="balanced", max_iter=500)),
    "perceptron of logs": logs(MLPClassifier((32,), alpha=1.0, max_iter=60, random_state=0)),
    "vote of perceptron, LDA, trees": n2001_features(random_state=0).estimator,
}  # fmt: skip


def scores(y, proba):
    classes = np.unique(y)
    predicted = classes[np.argmax(proba, axis=1)]
    return np.array(
        [
            accuracy_score(y, predicted),
            f1_score(y, predicted, average="macro"),
            roc_auc_score(y, proba, multi_class="ovr", average="macro"),
        ]
    )


def pooled(proba, subjects):
    """Return, for each window, the mean probabilities over all windows of its subject."""
    return pd.DataFrame(proba).groupby(np.asarray(subjects)).transform("mean").to_numpy()


def say(name, values):
    accuracy, f1, auroc = values
    print(f"{name:44s} accuracy {accuracy:.3f}  macro F1 {f1:.3f}  AUROC {auroc:.3f}", flush=True)


def choice(table, test):
    """Choose the candidate with the largest sum of three mean scores over folds by subject."""
    print("17 subjects for training and validation, two times four folds by subject")
    X, y = table.data[~test].reset_index(drop=True), table.target[~test]
    runs = RepeatedSubjectKFold(4, n_repeats=2, random_state=0).runs(X, y)
    values = X[table.feature_names].to_numpy()
    found = {}
    for name, model in CANDIDATES.items():
        folds = []
        for r in runs:
            proba = clone(model).fit(values[r.train], y[r.train]).predict_proba(values[r.test])
            together = pooled(proba, X["subject"].iloc[r.test])
            folds.append([scores(y[r.test], proba), scores(y[r.test], together)])
        found[name], by_subject = np.mean(folds, axis=0)
        say(f"{name}, single windows", found[name])
        say(f"{name}, pooled by subject", by_subject)
    print(f"chosen: {max(found, key=lambda name: found[name].sum())}")


def split(table, test):
    print("Published split, 5 test subjects")
    X, y = table.data[test], table.target[test]
    fitted = n2001_features(random_state=0).fit(table.data[~test], table.target[~test])
    windows = fitted.vote(X).windows
    proba = windows[[f"score_{c}" for c in fitted.classes_]].to_numpy()
    say("single windows", scores(y, proba))
    say("pooled by subject", scores(y, pooled(proba, X["subject"])))
    right = X["subject"][fitted.predict(X) == y].nunique()
    print(f"subjects: {right} of {X['subject'].nunique()} correct")
    say("published XGBoost, single windows", PUBLISHED)


def over_all(table, title, cv):
    result = compare(
        {"n2001_features": n2001_features(random_state=0)},
        table.data, table.target, cv=cv, progress=False,
    )  # fmt: skip
    print(f"{title}, 22 subjects, 95 % intervals over subjects")
    for level in ("window", "subject"):
        figures = result.table(level, ["accuracy", "balanced_accuracy", "f1"])
        print(f"{level}s\n{figures.to_string()}")


PARTS = {
    "choice": choice,
    "split": split,
    "loso": lambda table, _: over_all(table, "Leave-one-subject-out", LeaveOneSubjectOut()),
    "folds": lambda table, _: over_all(
        table, "5 folds by subject", SubjectKFold(5, random_state=0)
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    table = load_n2001_features(arguments.folder)
    test = (table.split == "test").to_numpy()
    for part in arguments.parts:
        PARTS[part](table, test)
        print()


if __name__ == "__main__":
    main()
