"""The choice of `recommended_pipeline` in nested folds, on N2001 (low level) and Algiers.

    python benchmarks/best_pipeline.py FOLDER [--data n2001 algiers] [--repeats 10] [--out TABLE.md]

FOLDER contains ``n2001_biceps`` and ``algiers``. The features of each recording are computed once
for each sampling rate and filter. Four settings are then chosen in folds within each training fold,
by the balanced accuracy of subjects: the rate with its filter, the summary of features (quantiles
over the parts of windows of 2 s, or only the median), the strength of the penalty, and the vote
(mean, or a second stage on out-of-fold scores). Among equal candidates the first one wins
(quantiles before the median, then the lower rate, the stronger penalty and the mean vote). Test
subjects take no part in a choice. The results are compared with those of each candidate fixed
beforehand, of the plain baseline (nine features of windows of 0.4 s, logistic regression, mean
vote) and, on N2001, of the rule that subjects older than 45 years have ALS and all others are
controls. Intervals come from a bootstrap over subjects within their classes.
"""

from __future__ import annotations

import argparse
import itertools
import time
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from sklearn_emg.datasets import load_algiers, load_n2001
from sklearn_emg.feature_extraction import (
    AutoregressiveFeatures,
    SpectralFeatures,
    TimeDomainFeatures,
)
from sklearn_emg.model_selection import SubjectKFold
from sklearn_emg.papers import recommended_pipeline
from sklearn_emg.recordings import divide

RATES = (10_000.0, 20_000.0)
GRID = {
    "fs": RATES,
    "summary": ("quantiles", "median"),
    "C": (0.003, 0.03),
    "vote": ("mean", "second stage"),
}
INNER = 4


class Features:
    """Features of all windows of a table: the recording of each window, and matrices by name."""

    def __init__(self, table: pd.DataFrame, y: np.ndarray) -> None:
        self.subject = table["subject"].astype(str).to_numpy()
        self.y = y
        self.values: dict[Any, np.ndarray] = {}
        self.rows: dict[Any, np.ndarray] = {}
        self.median: dict[float, np.ndarray] = {}
        self.scaled: dict[Any, tuple[np.ndarray, np.ndarray]] = {}
        for fs in RATES:
            self._add(table, fs)

    def _add(self, table: pd.DataFrame, fs: float) -> None:
        pipeline = recommended_pipeline(fs=fs)
        divote = pipeline[-1]
        union = divote.estimator.named_steps["features"]
        plain = FeatureUnion([
            ("time", TimeDomainFeatures(["mav", "zc", "ssc", "wl"])),
            ("spectrum", SpectralFeatures(["mnf"])),
            ("ar", AutoregressiveFeatures(4)),
        ])  # fmt: skip
        for kind, extractor, window in (
            ("quantiles", union, divote.window), ("plain", plain, 0.4)
        ):  # fmt: skip
            if kind == "plain" and fs != RATES[0]:
                continue
            found, rows = [], []
            for row in range(len(table)):
                part = table.iloc[[row]]
                for _, step in pipeline.steps[:-1]:
                    part = step.fit_transform(part) if step != "passthrough" else part
                windows = divide(part, window, nan="skip", short="skip")
                if not len(windows.X):
                    continue
                parts = [
                    (name, clone(e).set_params(**({"fs": fs} if "fs" in e.get_params() else {})))
                    for name, e in extractor.transformer_list
                ]
                features = FeatureUnion(parts)
                found.append(features.fit_transform(windows.X.astype(float)))
                rows.append(np.full(len(windows.X), row))
                names = features.get_feature_names_out()
            self.values[kind, fs] = np.concatenate(found)
            self.rows[kind, fs] = np.concatenate(rows)
            if kind == "quantiles":
                self.median[fs] = np.char.endswith(names.astype(str), "_q50")
                self.rows["median", fs] = self.rows[kind, fs]

    def scores(
        self, kind: str, fs: float, C: float, train: np.ndarray, test: np.ndarray
    ) -> pd.DataFrame:
        """Return the mean probabilities of the test recordings, which are rows of the table."""
        row = self.rows[kind, fs]
        a, b = np.isin(row, train), np.isin(row, test)
        if kind == "plain":
            X = self.values[kind, fs]
            signed_log = FunctionTransformer(lambda v: np.sign(v) * np.log1p(np.abs(v)))
            balanced = LogisticRegression(class_weight="balanced", max_iter=1000)
            model = make_pipeline(signed_log, StandardScaler(), balanced)
            model.fit(X[a], self.y[row[a]])
            proba = model.predict_proba(X[b])
        else:
            # Scaled once for all candidates, since each column is scaled independently.
            key = fs, train.tobytes(), test.tobytes()
            windows = recommended_pipeline(C=C)[-1].estimator
            if key not in self.scaled:
                scaler, X = clone(windows["scaler"]), self.values["quantiles", fs]
                self.scaled[key] = scaler.fit_transform(X[a]), scaler.transform(X[b])
            columns = self.median[fs] if kind == "median" else slice(None)
            parts = [part[:, columns] for part in self.scaled[key]]
            model = clone(windows["classifier"]).fit(parts[0], self.y[row[a]])
            proba = model.predict_proba(parts[1])
        table = pd.DataFrame(proba, columns=model.classes_)
        return table.groupby(row[b]).mean().reindex(test).fillna(1 / len(model.classes_))

    def of_subjects(self, scores: pd.DataFrame) -> pd.DataFrame:
        return scores.groupby(self.subject[scores.index]).mean()

    def labels(self, subjects: pd.Index) -> np.ndarray:
        return pd.Series(self.y).groupby(self.subject).first()[subjects].to_numpy()


def folds(data: Features, rows: np.ndarray, k: int, seed: int) -> list[tuple[Any, Any]]:
    X = pd.DataFrame({"subject": data.subject[rows]})
    return [
        (rows[a], rows[b]) for a, b in SubjectKFold(k, random_state=seed).split(X, data.y[rows])
    ]


def second_stage() -> LogisticRegression:
    return LogisticRegression(C=10.0, class_weight="balanced", max_iter=1000)


def balanced(y: np.ndarray, found: np.ndarray) -> float:
    return float(np.mean([np.mean(found[y == c] == c) for c in np.unique(y)]))


def diagnoses(scores: pd.DataFrame) -> np.ndarray:
    return scores.columns.to_numpy()[scores.to_numpy().argmax(axis=1)]


def run(data: Features, repeats: int) -> tuple[pd.DataFrame, Counter[Any]]:
    """Return diagnoses of all subjects by method and repeat, and counts of chosen candidates."""
    everything = np.arange(len(data.y))
    bases = list(itertools.product(GRID["summary"], GRID["fs"], GRID["C"]))
    first = pd.Series(everything).groupby(data.subject).first().to_numpy()
    chosen: Counter[Any] = Counter()
    out = []
    for repeat in range(repeats):
        for train, test in folds(data, everything, 5, repeat):
            data.scaled.clear()
            found: dict[Any, np.ndarray] = {}
            single: dict[Any, np.ndarray] = {}
            inner: dict[Any, float] = {}
            for base in bases:
                parts = [data.scores(*base, a, b) for a, b in folds(data, train, INNER, repeat)]
                held = data.of_subjects(pd.concat(parts).sort_index())
                of_rows = data.scores(*base, train, test)
                tested = data.of_subjects(of_rows)
                alone = data.of_subjects(of_rows.loc[np.isin(of_rows.index, first)])
                y = data.labels(held.index)
                final = second_stage().fit(held, y)
                inner[*base, "mean"] = balanced(y, diagnoses(held))
                found[*base, "mean"] = diagnoses(tested)
                single[*base, "mean"] = diagnoses(alone)
                inner[*base, "second stage"] = _inner_second(held, y, repeat)
                found[*base, "second stage"] = final.predict(tested)
                single[*base, "second stage"] = final.predict(alone)
            best = max(inner, key=lambda key: round(inner[key], 6))  # the first of equal candidates
            chosen[best] += 1
            plain = data.of_subjects(data.scores("plain", RATES[0], 1.0, train, test))
            ways = {str(key): value for key, value in found.items()}
            ways |= {
                "nested choice": found[best],
                "nested choice, first recording of each subject": single[best],
                "plain baseline": diagnoses(plain),
            }
            for way, answers in ways.items():
                out.append(pd.DataFrame({
                    "way": way, "repeat": repeat, "subject": tested.index,
                    "group": data.labels(tested.index), "diagnosis": answers,
                }))  # fmt: skip
    return pd.concat(out, ignore_index=True), chosen


def _inner_second(held: pd.DataFrame, y: np.ndarray, seed: int) -> float:
    """Return the balanced accuracy of the second stage on out-of-fold training scores."""
    names = pd.DataFrame({"subject": held.index})
    found = np.empty(len(y), dtype=object)
    for a, b in SubjectKFold(INNER, random_state=seed).split(names, y):
        found[b] = second_stage().fit(held.iloc[a], y[a]).predict(held.iloc[b])
    return balanced(y, found)


def summary(predictions: pd.DataFrame, n_resamples: int = 2000) -> pd.DataFrame:
    """Return balanced accuracy with its interval, recalls and wrong diagnoses by method."""
    rng = np.random.default_rng(0)
    rows = {}
    for way, part in predictions.groupby("way", sort=False):
        right = (part["group"] == part["diagnosis"]).groupby([part["group"], part["subject"]])
        of_subject = right.mean()
        classes = {c: of_subject[c].to_numpy() for c in of_subject.index.levels[0]}
        draws = {c: v[rng.integers(len(v), size=(n_resamples, len(v)))].mean(axis=1)
                 for c, v in classes.items()}  # fmt: skip
        total = np.mean(list(draws.values()), axis=0)
        score = np.mean([v.mean() for v in classes.values()])
        low, high = np.quantile(total, [0.025, 0.975])
        row = {"balanced accuracy": f"{score:.3f} [{low:.2f}, {high:.2f}]"}
        for c, v in classes.items():
            low, high = np.quantile(draws[c], [0.025, 0.975])
            row[f"recall {c}"] = f"{v.mean():.2f} [{low:.2f}, {high:.2f}]"
        ever = [f"{s} {r:.1f}" for (_, s), r in of_subject.items() if r < 1]
        row["subjects misdiagnosed (fraction of correct diagnoses)"] = (
            ", ".join(ever) if len(ever) <= 4 else str(len(ever))
        )
        rows[way] = row
    return pd.DataFrame.from_dict(rows, orient="index")


def age_rule(table: pd.DataFrame, y: np.ndarray) -> pd.DataFrame:
    """Diagnose subjects older than 45 years with ALS, and all others as controls."""
    found = pd.DataFrame({"subject": table["subject"].astype(str), "group": y,
                          "diagnosis": np.where(table["age"] > 45, "ALS", "control")})  # fmt: skip
    return found.drop_duplicates("subject").assign(way="older than 45", repeat=0)


def load(name: str, folder: Path) -> pd.DataFrame:
    if name == "algiers":
        return load_algiers(folder / "algiers").data.reset_index(drop=True)
    table = load_n2001(folder / "n2001_biceps", muscle="BB", invalid="clip", spoilt="trim").data
    return table[table["level"] == "low"].reset_index(drop=True)


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--data", nargs="+", default=["n2001", "algiers"])
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args(argv)
    warnings.simplefilter("ignore")
    text = ""
    for name in arguments.data:
        start = time.perf_counter()
        table = load(name, arguments.folder)
        y = table["group"].astype(str).to_numpy()
        data = Features(table, y)
        print(f"{name}: features computed after {time.perf_counter() - start:.0f} s", flush=True)
        predictions, chosen = run(data, arguments.repeats)
        if name == "n2001":
            predictions = pd.concat([predictions, age_rule(table, y)])
        counts = ", ".join(
            f"{n} {c}"
            for c, n in pd.Series(y).groupby(table["subject"]).first().value_counts().items()
        )
        text += (
            f"\n{name}: {len(table)} recordings of {table['subject'].nunique()} subjects "
            f"({counts}); {arguments.repeats} x 5 folds by subject; {time.strftime('%Y-%m-%d')}\n\n"
            f"{summary(predictions).to_markdown()}\n\nchosen in the folds: "
            + ", ".join(f"{key} {n}" for key, n in chosen.most_common()) + "\n"
        )  # fmt: skip
        print(text, f"{time.perf_counter() - start:.0f} s", flush=True)
    if arguments.out:
        arguments.out.write_text(text)


if __name__ == "__main__":
    main()
