"""The N2001 feature table: a classifier chosen without the test subjects, and what it is worth.

    python benchmarks/n2001_features.py FOLDER

FOLDER holds n2001_features.csv.gz (https://github.com/ChatMED/ALS-EMG). Candidates are compared by
cross-validation over the 17 subjects of training and validation; the best one is then scored once
on the five published test subjects, and over all subjects by leaving one out and in five folds.
"""

from __future__ import annotations

import argparse
import warnings

import numpy as np
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

PUBLISHED = "published XGBoost: accuracy 0.893, macro F1 0.871, AUROC 0.975"


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
    "vote of the last, LDA, trees": n2001_features(random_state=0).estimator,
}  # fmt: skip


def scores(y, proba):
    classes = np.unique(y)
    predicted = classes[np.argmax(proba, axis=1)]
    return (
        accuracy_score(y, predicted),
        f1_score(y, predicted, average="macro"),
        roc_auc_score(y, proba, multi_class="ovr", average="macro"),
    )


def choose(X, y, columns):
    """Mean scores of windows over folds by subject; the sum of the three decides."""
    runs = RepeatedSubjectKFold(4, n_repeats=2, random_state=0).runs(X, y)
    values = X[columns].to_numpy()
    found = {}
    for name, model in CANDIDATES.items():
        folds = [
            scores(
                y[r.test],
                clone(model).fit(values[r.train], y[r.train]).predict_proba(values[r.test]),
            )
            for r in runs
        ]
        found[name] = np.mean(folds, axis=0)
        print(f"{name:28s} accuracy {found[name][0]:.3f}  F1 {found[name][1]:.3f}  "
              f"AUROC {found[name][2]:.3f}", flush=True)  # fmt: skip
    return max(found, key=lambda name: found[name].sum())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder")
    parser.add_argument("--skip-choice", action="store_true", help="score n2001_features() only")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    table = load_n2001_features(arguments.folder)
    X, y, columns = table.data, table.target, table.feature_names
    test = (table.split == "test").to_numpy()
    model = n2001_features(random_state=0)
    if not arguments.skip_choice:
        print("Windows of training and validation subjects, two times four folds by subject")
        best = choose(X[~test].reset_index(drop=True), y[~test], columns)
        print(f"chosen: {best}")
        model.set_params(estimator=CANDIDATES[best])
    fitted = model.fit(X[~test], y[~test])
    windows = fitted.vote(X[test]).windows
    proba = windows[[f"score_{c}" for c in fitted.classes_]].to_numpy()
    accuracy, f1, auroc = scores(y[test], proba)
    print("\nPublished split, 5 test subjects")
    print(f"each window alone: accuracy {accuracy:.3f}, macro F1 {f1:.3f}, AUROC {auroc:.3f}")
    accuracy, f1, auroc = scores(y[test], fitted.predict_proba(X[test]))
    print("windows with the diagnosis of their subject, by the mean of all of its windows: "
          f"accuracy {accuracy:.3f}, macro F1 {f1:.3f}, AUROC {auroc:.3f}")  # fmt: skip
    right = fitted.predict(X[test]) == y[test]
    print(
        f"subjects: {X[test][right]['subject'].nunique()} of {X[test]['subject'].nunique()} right"
    )
    print(f"{PUBLISHED}, each window alone")
    models = {"averaging": model, "final logistic": clone(model).set_params(
        final_estimator="logistic", cv=4)}  # fmt: skip
    for title, cv in (("leave one subject out", LeaveOneSubjectOut()),
                      ("5 folds by subject", SubjectKFold(5, random_state=0))):  # fmt: skip
        result = compare(models, X, y, cv=cv, progress=False)
        print(f"\n{title}", flush=True)
        for level in ("window", "subject"):
            figures = result.table(level, ["accuracy", "balanced_accuracy", "f1"])
            print(f"{level}s\n{figures.to_string()}")


if __name__ == "__main__":
    main()
