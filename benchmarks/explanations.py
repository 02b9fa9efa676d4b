"""Evaluation of the explanations on simulated subjects, for which the truth is known.

    python benchmarks/explanations.py windows              # windows optimised for trained networks
    python benchmarks/explanations.py windows --seeds 4    # ... only for cohort 4
    python benchmarks/explanations.py muscles              # affected muscles, and explain_subject

All results refer to simulated subjects, not to patients.
"""

from __future__ import annotations

import argparse

import numpy as np
import pandas as pd
from scipy.stats import spearmanr
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.metrics import balanced_accuracy_score, roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_emg.datasets import make_nemg_cohort, simulate_recording
from sklearn_emg.ensemble import DiVoteClassifier
from sklearn_emg.feature_extraction import EMGFeatures
from sklearn_emg.inspection import activation_maximization, explain_subject
from sklearn_emg.model_selection import SubjectKFold
from sklearn_emg.neural_network import NEMGNetClassifier
from sklearn_emg.recordings import divide, recording_table

MUSCLES = ("biceps_brachii", "vastus_lateralis", "tibialis_anterior", "first_dorsal_interosseous")
FS = 5000.0

# Subjects, difficulty, sampling rate, step of the windows, filters, dense layers, epochs.
NETWORKS = {
    "small": (30, 0.2, 5000.0, None, (16, 16, 32, 32, 32), (32,), 20),
    "5kHz": (57, 0.3, 5000.0, 0.2, (16, 32, 32, 64, 64), (64, 16), 15),
    "10kHz": (
        57, 0.5, 10000.0, 0.2, (16, 32, 32, 32, 32), (64, 16), 15,
    ),
}  # fmt: skip


def ideal_windows(seeds: list[int], networks: list[str]) -> pd.DataFrame:
    """Return measures of optimised windows, from published settings and from near silence."""
    rows = []
    for name in networks:
        n, difficulty, fs, step, filters, hidden, epochs = NETWORKS[name]
        for seed in seeds:
            cohort = {"fs": fs, "difficulty": difficulty, "return_X_y": True}
            table, y = make_nemg_cohort(n, random_state=seed, **cohort)
            new, y_new = make_nemg_cohort(18, n_recordings=54, random_state=1000 + seed, **cohort)
            windows, unseen = divide(table, 0.4, step, short="skip"), divide(new, 0.4, short="skip")
            net = NEMGNetClassifier(
                variant="A",
                n_filters=filters,
                n_hidden=hidden,
                max_epochs=epochs,
                patience=max(6, epochs // 2),
                keep_best="loss",
                class_weight="balanced",
                random_state=seed,
            )
            net.fit(windows.X, windows.repeat(y), groups=windows.repeat(table["subject"]))
            score = balanced_accuracy_score(unseen.repeat(y_new), net.predict(unseen.X))
            for objective, scale in (("margin", 0.05), ("logit", 1.0)):
                found = activation_maximization(
                    net,
                    fs=fs,
                    objective=objective,
                    start_scale=scale,
                    n_starts=4,
                    progress=False,
                    random_state=seed,
                )
                for k, label in enumerate(found.classes):
                    rows.append(
                        {
                            "network": f"{name}, seed {seed}",
                            "unseen": score,
                            "raised": f"{objective} from {scale} mV",
                            "class": label,
                            "probability": found.probabilities[:, k].min(),
                            "rms": np.median(found.rms[:, k]),
                            "mean_frequency": np.median(found.mean_frequency[:, k]),
                            "phase_ms": 1000 * np.median(found.phase_duration[:, k]),
                        }
                    )
    return pd.DataFrame(rows)


def affected_muscles(seeds: list[int]) -> pd.DataFrame:
    """Return AUCs for affected muscles and rank correlations with severity, by seed."""
    rows = []
    for diagnosis in ("neuropathy", "myopathy"):
        for seed in seeds:
            table, affected, ill = _patchy_cohort(seed, diagnosis)
            y = np.where(ill, diagnosis, "normal")
            areas = [
                roc_auc_score(_by_muscle(table, affected, values.name)[values.index], values)
                for values in _contributions(table, y, [diagnosis])
            ]
            rows.append(
                {
                    "truth": f"{diagnosis}: affected or not",
                    "measure": "area under the curve",
                    "seed": seed,
                    "mean": np.mean(areas),
                    "se": np.std(areas, ddof=1) / len(areas) ** 0.5,
                    "patients": len(areas),
                }
            )
    for seed in seeds:
        table, y = make_nemg_cohort(
            45, n_recordings=225, fs=FS, duration=1.0, difficulty=0.3, return_X_y=True,
            random_state=seed,
        )  # fmt: skip
        ranks = []
        for values in _contributions(table, y, ["myopathy", "neuropathy"]):
            severity = _by_muscle(table, table["severity"].to_numpy(), values.name)[values.index]
            if len(severity) > 2:  # a rank correlation needs more than two muscles
                ranks.append(spearmanr(severity, values)[0])
        rows.append(
            {
                "truth": "graded severity",
                "measure": "rank correlation",
                "seed": seed,
                "mean": np.mean(ranks),
                "se": np.std(ranks, ddof=1) / len(ranks) ** 0.5,
                "patients": len(ranks),
            }
        )
    return pd.DataFrame(rows)


def _patchy_cohort(seed: int, diagnosis: str, n_patients: int = 14):
    """Return patients with two of four muscles affected, and as many healthy subjects."""
    rng = np.random.default_rng(seed)
    signals, rows = [], []
    for subject in range(2 * n_patients):
        ill = subject % 2 == 1
        chosen = set(rng.choice(MUSCLES, size=2, replace=False)) if ill else set()
        for muscle in MUSCLES:
            signals.append(
                simulate_recording(
                    muscle,
                    diagnosis if muscle in chosen else "normal",
                    severity=0.8,
                    duration=0.8,
                    fs=FS,
                    random_state=int(rng.integers(2**31)),
                )
            )
            rows.append((subject, muscle, muscle in chosen, ill))
    facts = pd.DataFrame(rows, columns=["subject", "muscle", "affected", "ill"])
    table = recording_table(signals, fs=FS, subject=facts["subject"], muscle=facts["muscle"])
    return table, facts["affected"].to_numpy(), facts["ill"].to_numpy()


def _contributions(table: pd.DataFrame, y: np.ndarray, diseases: list[str]):
    """Yield the contributions of the muscles of each held-out patient."""
    lda = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")
    windows = make_pipeline(EMGFeatures("patel"), StandardScaler(), lda)
    divote = DiVoteClassifier(windows, window=0.4, step=0.2)
    for train, test in SubjectKFold(4, random_state=0).split(table, y):
        divote.fit(table.iloc[train], y[train])
        unseen = table.iloc[test]
        for subject in unseen["subject"].unique():
            own = (table["subject"] == subject).to_numpy()
            target = y[own][0]
            if target in diseases:
                found = explain_subject(divote, unseen, subject, target=target)
                yield found.muscles["contribution"].rename(subject)


def _by_muscle(table: pd.DataFrame, truth: np.ndarray, subject: object) -> pd.Series:
    """Return the mean of the simulated truth for each muscle of a patient."""
    own = table["subject"] == subject
    return pd.Series(truth[own]).groupby(table["muscle"][own].to_numpy()).mean()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("what", choices=["windows", "muscles"])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], help="cohorts (0 1 2)")
    parser.add_argument(
        "--network", choices=list(NETWORKS), nargs="+", default=list(NETWORKS), help="default all"
    )
    options = parser.parse_args()
    if options.what == "muscles":
        found = affected_muscles(options.seeds)
    else:
        found = ideal_windows(options.seeds, options.network)
    print(found.round(3).to_string(index=False))


if __name__ == "__main__":
    main()
