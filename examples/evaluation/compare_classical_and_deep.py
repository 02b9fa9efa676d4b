"""
Classical features or a deep network? A comparison by subject
=============================================================

Which pipeline separates patients from controls better: features and a random forest, or a
convolutional network on raw windows? Both are evaluated on the same folds of subjects, and no
subject is on both sides of a split. The leakage audit then shows the scores that a random split of
windows, which many papers use, would have reported.

Run the example on the simulated cohort, which needs no download::

    python examples/evaluation/compare_classical_and_deep.py            # takes minutes

    python examples/evaluation/compare_classical_and_deep.py --small    # smaller, takes seconds

or on real recordings, by passing the folder that contains them::

    python examples/evaluation/compare_classical_and_deep.py --data lower-limb FOLDER
    python examples/evaluation/compare_classical_and_deep.py --data n2001 FOLDER
    python examples/evaluation/compare_classical_and_deep.py --data n2001-features FOLDER
    python examples/evaluation/compare_classical_and_deep.py --data emgdb FOLDER
"""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import StandardScaler

from sklearn_emg.comparison import compare, leakage_audit
from sklearn_emg.datasets import (
    fetch_emgdb,
    load_lower_limb,
    load_n2001,
    load_n2001_features,
    make_nemg_cohort,
)
from sklearn_emg.ensemble import DiVoteClassifier
from sklearn_emg.feature_extraction import AutoregressiveFeatures, TimeDomainFeatures
from sklearn_emg.model_selection import SubjectKFold
from sklearn_emg.neural_network import ALSNet, EMGClassifier
from sklearn_emg.preprocessing import BandpassFilter, Resampler

# %%
# The pipelines
# -------------
#
# Filters are applied to whole recordings, so edge effects occur only at the ends of a recording.
# ``DiVoteClassifier`` cuts the windows, classifies them, and aggregates the window predictions by
# recording and by subject.


def features():
    """Return Hudgins' features, further amplitude measures and autoregressive coefficients."""
    time_domain = TimeDomainFeatures(
        features=["mav", "rms", "wl", "zc", "ssc", "wamp", "var"],
    )
    return make_union(time_domain, AutoregressiveFeatures(order=4))


def network(epochs: int = 8):
    """Return ALSNet with early stopping on the loss of held-out subjects."""
    return EMGClassifier(
        ALSNet, max_epochs=epochs, batch_size=64, patience=3, class_weight="balanced",
        random_state=0,
    )  # fmt: skip


def pipelines(fs: float, low: float, high: float, window: float, step: float, by: str | None):
    """Return classical and deep pipelines for recording tables, and a dummy baseline."""

    def by_subject(windows_classifier):
        return make_pipeline(
            BandpassFilter(low, high),
            Resampler(fs),
            DiVoteClassifier(windows_classifier, window=window, step=step, by=by),
        )

    forest = RandomForestClassifier(200, class_weight="balanced", random_state=0)
    return {
        "features + LDA": by_subject(
            make_pipeline(features(), StandardScaler(), LinearDiscriminantAnalysis())
        ),
        "features + forest": by_subject(make_pipeline(features(), forest)),
        "ALSNet (deep)": by_subject(network()),
        "dummy": by_subject(make_pipeline(features(), DummyClassifier())),
    }


# %%
# The data
# --------


def simulated(small: bool = False):
    if small:
        size = {"n_subjects": 15, "n_recordings": 45, "duration": 1.0, "difficulty": 0.3}
    else:
        size = {"n_subjects": 24}
    cohort = make_nemg_cohort(**size, fs=10_000.0, random_state=0)
    models = pipelines(5000.0, 20.0, 2000.0, window=0.4, step=0.2, by="region")
    return "Simulated needle EMG", cohort.data, cohort.target, models


def lower_limb(folder: Path):
    limb = load_lower_limb(folder)
    models = pipelines(1000.0, 20.0, 450.0, window=0.256, step=0.256, by=None)
    return "UCI lower limb, pathology against normal", limb.data, limb.target, models


def n2001(folder: Path):
    records = load_n2001(folder, muscle="BB")
    models = pipelines(10_000.0, 20.0, 4000.0, window=0.5, step=0.5, by=None)
    return "N2001, biceps brachii", records.data, records.target, models


def n2001_features(folder: Path):
    table = load_n2001_features(folder)

    def by_subject(windows_classifier):
        return DiVoteClassifier(windows_classifier, window=None, cv=3)

    models = {
        "LDA": by_subject(make_pipeline(StandardScaler(), LinearDiscriminantAnalysis())),
        "extra trees": by_subject(
            ExtraTreesClassifier(300, min_samples_leaf=5, class_weight="balanced", random_state=0)
        ),
        "dummy": by_subject(DummyClassifier()),
    }
    return "N2001 feature table, 22 subjects", table.data, table.target, models


def emgdb(folder: Path):
    records = fetch_emgdb(data_home=folder.parent if folder.name == "emgdb" else folder)
    models = pipelines(4000.0, 20.0, 1500.0, window=0.4, step=0.2, by=None)
    return "PhysioNet emgdb", records.data, records.target, models


SOURCES = {
    "lower-limb": lower_limb,
    "n2001": n2001,
    "n2001-features": n2001_features,
    "emgdb": emgdb,
}

# Warnings that are printed with the scores of a set.
CAVEATS = {
    "simulated": "These data are simulated: no score is evidence about real patients.",
    "lower-limb": (
        "In this set, diagnosis and recording campaign are confounded (patients and nearly all "
        "controls were recorded in different months): no score is evidence about diagnosis."
    ),
}
AUDITED = ("features + LDA", "features + forest", "LDA", "extra trees")

# %%
# Example signals
# ---------------


def show_signals(name: str, table: pd.DataFrame, y: np.ndarray, out: Path) -> None:
    """Plot half a second of one recording of each class, and print its features."""
    first = [int(np.flatnonzero(np.asarray(y) == label)[0]) for label in np.unique(y)]
    chosen = table.iloc[first]
    figure, axes = plt.subplots(len(chosen), 1, figsize=(8, 1.8 * len(chosen)), squeeze=False)
    for axis, (_, row), label in zip(axes[:, 0], chosen.iterrows(), np.unique(y)):
        signal = np.atleast_2d(np.asarray(row["signal"]))[0, : int(0.5 * row["fs"])]
        axis.plot(np.arange(len(signal)) / row["fs"], signal, lw=0.6, color="0.15")
        axis.set(ylabel="amplitude (mV)", title=f"{label} (subject {row['subject']})")
    axes[-1, 0].set_xlabel("time (s)")
    figure.suptitle(f"{name}: half a second of one subject per class")
    figure.tight_layout()
    figure.savefig(out / "signals.png", dpi=120)
    extractor = TimeDomainFeatures(features=["mav", "rms", "wl", "zc"])
    extractor.set_output(transform="pandas")
    values = extractor.fit_transform(chosen)
    values.index = pd.Index(np.unique(y), name="class")
    print("\nFeatures of one complete recording per class\n" + values.round(3).to_string())


# %%
# The comparison and the leakage audit
# ------------------------------------


def draw(name: str, result, audits: dict, out: Path) -> None:
    """Draw subject-level accuracies with intervals, and window scores of leaky splits."""
    summary = result.summary.query("level == 'subject' and metric == 'accuracy'")
    figure, (left, right) = plt.subplots(
        1, 2, figsize=(11, 0.5 * len(summary) + 2.4), width_ratios=[1, 1]
    )
    at = np.arange(len(summary))[::-1]
    errors = [summary["pooled"] - summary["low"], summary["high"] - summary["pooled"]]
    left.errorbar(summary["pooled"], at, xerr=errors, fmt="o", color="#0072B2", capsize=3)
    left.axvline(result.chance, color="0.5", ls="--", lw=1)
    left.text(result.chance, -0.55, " largest class", color="0.4", va="bottom", fontsize="small")
    left.set(
        yticks=at, yticklabels=summary["pipeline"], xlim=(0, 1), ylim=(-0.6, len(summary) - 0.5),
        xlabel="accuracy over subjects (95 % interval)", title="Split by subject",
    )  # fmt: skip
    for k, audit in enumerate(audits.values()):
        values = audit.summary["mean_balanced_accuracy"]
        for split, value in values.items():
            leaky = split != "subjects"
            right.plot(
                value, -k, "s" if leaky else "o", color="#D55E00" if leaky else "#0072B2",
                mfc="none" if split == "recordings" else None,
                label=f"{split}{' (leaky)' if leaky else ''}" if k == 0 else None,
            )  # fmt: skip
        right.plot(values[["random windows", "subjects"]], [-k, -k], color="0.7", zorder=0)
    right.set(
        yticks=[-k for k in range(len(audits))], yticklabels=list(audits), xlim=(0, 1.02),
        ylim=(-len(audits) + 0.4, 0.6), xlabel="balanced accuracy over windows",
        title="Random split of windows and split by subject",
    )  # fmt: skip
    right.legend(loc="upper center", bbox_to_anchor=(0.4, -0.22), ncols=3, frameon=False)
    figure.suptitle(f"{name}: scores by subject and under a random split of windows")
    figure.tight_layout()
    figure.savefig(out / "comparison.png", dpi=120)


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Compare features and a network by subject.")
    parser.add_argument(
        "--data", nargs=2, metavar=("SET", "FOLDER"),
        help=f"set of real recordings (one of {', '.join(SOURCES)}) and its folder",
    )  # fmt: skip
    parser.add_argument(
        "--small", action="store_true",
        help="simulate fewer subjects and recordings, which takes seconds instead of minutes",
    )  # fmt: skip
    parser.add_argument("--out", type=Path, default=Path("demo_output"), help="folder for figures")
    parser.add_argument("--splits", type=int, default=5, help="number of folds (default: 5)")
    parser.add_argument("--jobs", type=int, default=None, help="number of parallel fits")
    arguments = parser.parse_args(argv)
    source = "simulated"
    if arguments.data is None:
        name, table, y, models = simulated(arguments.small)
    else:
        source, folder = arguments.data
        if source not in SOURCES:
            parser.error(f"unknown data set {source!r}; choose from {', '.join(SOURCES)}")
        name, table, y, models = SOURCES[source](Path(folder))
    arguments.out.mkdir(parents=True, exist_ok=True)

    first = table.drop_duplicates("subject").index
    counts = pd.Series(np.asarray(y), index=table.index).loc[first].value_counts()
    print(f"{name}: {len(table)} rows, subjects per class: {counts.to_dict()}")
    if "signal" in table:
        show_signals(name, table, y, arguments.out)

    cv = SubjectKFold(arguments.splits, random_state=0)
    try:
        next(cv.split(table, y))
    except ValueError as error:
        print(f"\nNo comparison: {error}")
        return
    result = compare(models, table, y, cv=cv, n_jobs=arguments.jobs)
    print(
        f"\nSubjects ({arguments.splits} folds by subject)\n{result.table('subject').to_string()}"
    )
    print(f"\nWindows\n{result.table('window', ['accuracy', 'balanced_accuracy']).to_string()}")
    print(f"\nChance level (largest class): {result.chance:.2f}. Intervals are over subjects.")
    if source in CAVEATS:
        print(CAVEATS[source])

    audits = {
        pipeline: leakage_audit(model, table, y, n_splits=arguments.splits, n_jobs=arguments.jobs)
        for pipeline, model in models.items()
        if pipeline in AUDITED
    }
    for pipeline, audit in audits.items():
        print(f"\n{pipeline}: {audit}")
    draw(name, result, audits, arguments.out)
    print(f"\nFigures: {', '.join(str(p) for p in sorted(arguments.out.glob('*.png')))}")


if __name__ == "__main__":
    main()
