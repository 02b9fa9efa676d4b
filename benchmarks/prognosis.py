"""Prognosis on simulated visits: methods, naive baselines, and false alarms without a trend.

Run ``python benchmarks/prognosis.py [--subjects 60] [--seeds 5] [--alarms 40] [--epochs 60]``.
``--severity 60`` estimates the severity from one visit, for 60 subjects in each of
``--severity-seeds 5`` cohorts. ``--survival 60`` predicts the time to an event, which needs
scikit-survival. All data are simulated by ``make_progression_cohort``, so the results say nothing
about patients.
"""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_emg.comparison import compare, leakage_audit
from sklearn_emg.datasets import make_progression_cohort
from sklearn_emg.ensemble import DiVoteRegressor
from sklearn_emg.exceptions import SubjectLeakWarning
from sklearn_emg.feature_extraction import EMGFeatures
from sklearn_emg.metrics import bootstrap_interval, paired_permutation_test
from sklearn_emg.model_selection import VisitSplit
from sklearn_emg.neural_network import EMGRegressor
from sklearn_emg.papers import neurofusion_prognosis
from sklearn_emg.prognosis import (
    LastValueRegressor,
    MixedModelRegressor,
    SurvivalVote,
    compare_survival,
    survival_target,
    visit_contexts,
)


def errors_of(pipelines: dict, n_subjects: int, seed: int, rate: float) -> pd.DataFrame:
    """Return the mean absolute error of each subject (rows) and method (columns)."""
    visits = make_progression_cohort(n_subjects, rate=rate, random_state=seed).visits
    X, y = visit_contexts(visits, visits["score"], context=3)
    cv = VisitSplit(5, random_state=seed)
    result = compare(pipelines, X, y, cv=cv, progress=False, n_resamples=10)
    table = result.predictions
    table = table.assign(error=(table["y_true"] - table["y_pred"]).abs())
    table = table.assign(subject=f"{seed} " + table["subject"].astype(str))
    return table.pivot_table(index="subject", columns="pipeline", values="error", sort=False)


def summary(errors: pd.DataFrame) -> pd.DataFrame:
    """Return the MAE of each method with its interval, and its change from the best baseline.

    The best baseline is the best of the last value, the own slope and the mixed model.
    """
    naive = [name for name in errors if name in ("last value", "own slope", "mixed model")]
    best = errors[naive].mean().idxmin()
    rows = {}
    for name in errors:
        values = errors[name].to_numpy()
        low, high = bootstrap_interval(
            lambda rows, values=values: values[rows].mean(), errors.index, random_state=0
        )
        test = paired_permutation_test(values, errors[best].to_numpy(), random_state=0)
        change = 100 * (values.mean() / errors[best].mean() - 1)
        rows[name] = {
            "MAE": f"{values.mean():.2f} [{low:.2f}, {high:.2f}]",
            f"against {best}": f"{change:+.0f} %",
            "p": f"{test.pvalue:.2g}",
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def false_alarms(n_subjects: int, n_seeds: int) -> pd.DataFrame:
    """Count how often each method has a lower error than a reference (p <= 0.05).

    The data have no trend. Methods that average the noise then have a lower error than the last
    value. The shrunken mean is the best prediction, so errors lower than its error arise by chance.
    """
    references = {"last value": LastValueRegressor(), "shrunken mean": MixedModelRegressor(False)}
    counts: dict[str, dict[str, int]] = {name: {} for name in references}
    for seed in range(n_seeds):
        models = {**references, "mixed model": MixedModelRegressor()}
        errors = errors_of(models, n_subjects, 1000 + seed, 0.0)
        for reference, found in counts.items():
            for name in errors.columns.drop(reference):
                test = paired_permutation_test(
                    errors[name], errors[reference], n_permutations=1000, random_state=0
                )
                alarm = test.difference < 0 and test.pvalue <= 0.05
                found[name] = found.get(name, 0) + int(alarm)
    print(f"number of {n_seeds} seeds with a lower error than the reference (p <= 0.05)")
    return pd.DataFrame(counts)


def severity_of_one_visit(n_subjects: int, n_seeds: int, epochs: int, stages: int) -> None:
    """Evaluate severity from recordings of one visit, by subject and with random windows.

    With one stage, all recordings are from the first visit. With several stages, each subject is
    recorded at one of several visits two years apart, so that severities differ.
    """
    predictions, leaks = [], []
    for seed in range(n_seeds):
        X, y = one_visit(n_subjects, seed, stages)
        print(f"severity {y.min():.2f} to {y.max():.2f}, seed {seed}, {stages} stages")
        models = severity_models(seed, epochs)
        result = compare(models, X, y, cv=5, progress=False)
        print(result, flush=True)
        predictions.append(result.predictions.assign(seed=seed))
        leaks.append(leakage_audit(models["forest"], X, y, progress=False).summary)
        print(leaks[-1], flush=True)
    print(f"{n_seeds} seeds, {stages} stages")
    print(severity_summary(pd.concat(predictions, ignore_index=True)).to_string())
    print(pd.concat(leaks).drop(columns="leaky").groupby(level=0).mean().round(3).to_string())


def one_visit(n_subjects: int, seed: int, stages: int) -> tuple[pd.DataFrame, np.ndarray]:
    """Return recordings of one visit of each subject, and the true severities."""
    cohort = make_progression_cohort(
        n_subjects,
        n_visits=stages,
        interval=24.0,
        missed=0.0,
        dropout=0.0,
        n_recordings=4,
        n_jobs=1,
        random_state=seed,
    )
    own = cohort.visits.groupby("subject", sort=False).ngroup().to_numpy() % stages + 1
    rows = np.repeat(cohort.visits["visit"].to_numpy() == own, 4)
    y = np.repeat(cohort.truth["severity"].to_numpy(), 4)[rows]
    return cohort.data[rows].reset_index(drop=True), y


def severity_models(seed: int, epochs: int) -> dict[str, DiVoteRegressor]:
    """Return a linear model and a forest on features, a network, and the training mean."""
    network = EMGRegressor(
        module_params={"n_filters": 16, "n_hidden": 32},
        max_epochs=epochs,
        patience=None,
        random_state=seed,
    )
    forest = RandomForestRegressor(200, random_state=seed)
    models = {
        "ridge": make_pipeline(EMGFeatures(), StandardScaler(), Ridge(10.0)),
        "forest": make_pipeline(EMGFeatures(), forest),
        "network (ALSNet)": network,
        "dummy": make_pipeline(EMGFeatures(), DummyRegressor()),
    }
    return {name: DiVoteRegressor(m, window=0.25, step=None) for name, m in models.items()}


def severity_summary(predictions: pd.DataFrame) -> pd.DataFrame:
    """Return the RMSE over subjects of all seeds, and the mean rank correlation of the seeds."""
    rows = {}
    for name, table in predictions.groupby("pipeline", sort=False):
        seeds = table["seed"].to_numpy()
        subjects = table["seed"].astype(str) + " " + table["subject"].astype(str)
        true, predicted = table["y_true"].to_numpy(), table["y_pred"].to_numpy()

        def rmse(rows: np.ndarray, difference: np.ndarray = true - predicted) -> float:
            return float(np.sqrt(np.mean(difference[rows] ** 2)))

        def rank(rows: np.ndarray, seeds: np.ndarray = seeds, table: pd.DataFrame = table) -> float:
            of_seed = table.iloc[rows].groupby(seeds[rows])
            found = [t["y_true"].corr(t["y_pred"], method="spearman") for _, t in of_seed]
            return float(np.mean(found))

        rows[name] = {}
        for label, statistic in (("RMSE", rmse), ("rank correlation", rank)):
            low, high = bootstrap_interval(statistic, subjects, strata=seeds, random_state=0)
            value = statistic(np.arange(len(table)))
            rows[name][label] = f"{value:.3f} [{low:.3f}, {high:.3f}]"
    return pd.DataFrame.from_dict(rows, orient="index")


def survival(n_subjects: int, seed: int) -> None:
    """Predict the time to an event from recordings or the clinical score of the first visit."""
    cohort = make_progression_cohort(n_subjects, n_recordings=2, n_jobs=1, random_state=seed)
    known = cohort.subjects[cohort.subjects["event_time"] > 0]
    for name, table in (("recordings", cohort.data), ("score", cohort.visits)):
        X = table[(table["visit"] == 1) & table["subject"].isin(known["subject"])]
        X, y = X.reset_index(drop=True), survival_target(X, known)
        settings = {"window": 0.25, "step": None, "random_state": seed}
        features = EMGFeatures()
        if name == "score":
            settings |= {"window": None, "features": ["score"]}
            features = StandardScaler()
        models = {
            final: SurvivalVote(features, final, **settings)
            for final in ("cox", "forest", "boosting")
        }
        print(f"{name} of the first visit\n{compare_survival(models, X, y)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--subjects", type=int, default=60)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--alarms", type=int, default=40)
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--severity", type=int, default=60, help="subjects per cohort, or 0")
    parser.add_argument(
        "--severity-seeds", type=int, default=5, help="number of cohorts of --severity"
    )
    parser.add_argument("--survival", type=int, default=0, help="number of subjects, or 0")
    parser.add_argument("--out", type=Path, help="file for the table, as CSV")
    options = parser.parse_args()
    warnings.simplefilter("ignore", SubjectLeakWarning)
    parts = []
    for seed in range(options.seeds):
        model = neurofusion_prognosis(max_epochs=options.epochs, random_state=seed)
        parts.append(errors_of({"LSTM (Algorithm 3)": model}, options.subjects, seed, 0.03))
    if parts:
        table = summary(pd.concat(parts))
        print(table.to_string())
        if options.out:
            table.to_csv(options.out)
    if options.severity:
        for stages in (1, 3):
            severity_of_one_visit(options.severity, options.severity_seeds, 20, stages)
    if options.survival:
        survival(options.survival, 0)
    if options.alarms:
        print(false_alarms(options.subjects, options.alarms).to_string())
    print(f"numpy {np.__version__}")


if __name__ == "__main__":
    main()
