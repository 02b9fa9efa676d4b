"""Accuracy of measured motor unit potentials, and the gain from them in a rule-based system.

Run with ``python benchmarks/motor_units.py [--seeds 3] [--rules]``.

The script prints the fraction of potentials at a discharge, the fraction of discharges in a
potential, and the medians of the measures next to those of the true units. The truth of simulated
recordings is their discharges and noise-free potentials. If SKLEARN_EMG_DATA names a folder with
``n2001``, real recordings are also compared with expert decompositions and the averages over their
discharges. ``--rules`` compares the rule-based system with and without measures of potentials, by
subject.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import cross_val_predict

from sklearn_emg.datasets import load_annotations, load_n2001, make_nemg_cohort
from sklearn_emg.feature_extraction import MUAPFeatures, TimeDomainFeatures
from sklearn_emg.model_selection import SubjectKFold
from sklearn_emg.papers import rule_based
from sklearn_emg.preprocessing import BandpassFilter, HighpassFilter

FS = 10_000.0
LEAST = 0.05  # mV, as in MUAPFeatures
COHORTS = {
    "biceps_low_force": {"n_subjects": 22, "n_recordings": 44, "protocol": "biceps_low_force"},
    "clinical": {"n_subjects": 18, "n_recordings": 54},
}
MEASURES = ["amplitude", "duration", "phases", "turns"]


def measures_of(wave: np.ndarray, fs: float) -> dict[str, float]:
    """Measure a noise-free potential with the thresholds of MUAPFeatures."""
    quiet = np.zeros(round(0.01 * fs))
    window = np.concatenate([quiet, wave, quiet]).astype(float)
    extractor = MUAPFeatures(
        fs=fs, amplitude_threshold=1e-3, max_rise_time=1, max_duration=1, second_peak=1e3
    )
    table = extractor.fit([window]).potentials([window])
    if table.empty:
        return dict.fromkeys(MEASURES, np.nan)
    return table.loc[table["amplitude"].idxmax(), MEASURES].to_dict()


def compare(found: pd.DataFrame, discharges: pd.DataFrame) -> dict[str, float]:
    """Compare potentials of one recording with its discharges and the measures of their units."""
    peaks = discharges["peak"].to_numpy()
    start, stop = found["start"].to_numpy() - 1e-3, found["stop"].to_numpy() + 1e-3
    inside = (peaks > start[:, None]) & (peaks < stop[:, None])
    alone = found["isolated"].to_numpy()
    result = {
        "potentials": len(found),
        "isolated": alone.sum(),
        "at a discharge": inside[alone].any(axis=1).sum(),
        "discharges": len(peaks),
        "in a potential": inside.any(axis=0).sum(),
        "in an isolated one": inside[alone].any(axis=0).sum(),
    }
    distance = np.abs(found["peak"].to_numpy()[alone, None] - peaks)
    near = distance.min(axis=1, initial=np.inf) < 1e-3
    if near.sum() >= 5:
        units = discharges.iloc[distance[near].argmin(axis=1)]
        for name in MEASURES:
            result[name] = found.loc[alone, name][near].median()
            result[f"true {name}"] = units[name].median()
    return result


def true_discharges(truth: dict) -> pd.DataFrame:
    parts = []
    for wave, firing, size in zip(truth["templates"], truth["firing_times"], truth["ptp_mv"]):
        if size > LEAST and len(firing):
            at = firing + np.abs(wave).argmax() / FS - truth["reference"]
            parts.append(pd.DataFrame({"peak": at, **measures_of(wave, FS)}))
    return pd.concat(parts) if parts else pd.DataFrame({"peak": []})


def expert_discharges(signal: np.ndarray, fs: float, file: str) -> pd.DataFrame:
    half, parts = round(0.015 * fs), []
    for _, events in load_annotations(file).events.groupby("unit"):
        at = np.rint(events["time"] * fs).astype(int)
        at = at[(at > half) & (at < signal.size - half)]
        average = np.median([signal[i - half : i + half] for i in at], axis=0)
        if np.ptp(average) > LEAST:
            peak = events["time"] + (np.abs(average).argmax() - half) / fs
            parts.append(pd.DataFrame({"peak": peak, **measures_of(average, fs)}))
    return pd.concat(parts)


def report(name: str, rows: list[dict[str, float]]) -> None:
    table = pd.DataFrame(rows)
    total = table.sum()
    print(f"\n{name}: {len(table)} recordings, {total['potentials']:.0f} potentials")
    print(f"  isolated {total['isolated'] / total['potentials']:.2f}")
    print(f"  of these, at a discharge {total['at a discharge'] / total['isolated']:.2f}")
    print(f"  of {total['discharges']:.0f} discharges above {1e3 * LEAST:.0f} uV,", end=" ")
    print(f"in a potential {total['in a potential'] / total['discharges']:.2f},", end=" ")
    print(f"in an isolated one {total['in an isolated one'] / total['discharges']:.2f}")
    table = table.dropna()
    for measure in MEASURES:
        own, truth = table[measure], table[f"true {measure}"]
        print(
            f"  {measure}: median {own.median():.3g}, of the units {truth.median():.3g},", end=" "
        )
        print(f"median ratio {(own / truth).median():.2f}", end="")
        if len(table) > 1:
            rank = own.corr(truth, method="spearman")
            print(f", rank correlation {rank:.2f} ({len(table)} recordings)", end="")
        print()


def simulated(seeds: range) -> None:
    for name, settings in COHORTS.items():
        rows = []
        for seed in seeds:
            cohort = make_nemg_cohort(
                fs=FS, duration=3.0, return_truth=True, random_state=seed, **settings
            )
            table = BandpassFilter(20, 4000).fit_transform(cohort.data)
            found = MUAPFeatures().fit(table).potentials(table)
            rows += [
                compare(found[found["window"] == k], true_discharges(truth))
                for k, truth in enumerate(cohort.truth)
            ]
        report(f"Simulated, {name}, seeds {seeds.start} to {seeds.stop - 1}", rows)


def decomposed(folder: Path) -> None:
    data = HighpassFilter(20.0).fit_transform(load_n2001(folder).data)
    found = MUAPFeatures().fit(data).potentials(data)
    for k, row in enumerate(data.itertuples()):
        discharges = expert_discharges(row.signal, row.fs, row.annotations)
        report(row.recording, [compare(found[found["window"] == k], discharges)])


def rules(seeds: range) -> None:
    scores = []
    for seed in seeds:
        X, y = make_nemg_cohort(
            36, n_recordings=144, fs=FS, duration=(0.41, 3.0), random_state=seed, return_X_y=True
        )
        both = rule_based(fs=FS)
        signal = TimeDomainFeatures(["turns", "turn_amplitude", "rms", "zc"], fs=FS)
        alone = rule_based(fs=FS).set_params(
            divote__estimator__features=signal.set_output(transform="pandas")
        )
        row = {"seed": seed}
        for name, model in {"signal alone": alone, "with potentials": both}.items():
            folds = SubjectKFold(6, random_state=seed)
            answers = pd.DataFrame({"subject": X["subject"], "truth": y})
            answers["answer"] = cross_val_predict(model, X, y, cv=folds)
            subjects = answers.groupby("subject").first()
            row[name] = balanced_accuracy_score(subjects["truth"], subjects["answer"])
        scores.append(row)
    table = pd.DataFrame(scores).set_index("seed")
    print("\nRules, 36 simulated subjects, 6 folds by subject, balanced accuracy of subjects")
    print(table.round(3).to_string())
    gain = table["with potentials"] - table["signal alone"]
    print(f"means {table.mean().round(3).to_dict()}, gain {gain.mean():.3f}, sd {gain.std():.3f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--rules", action="store_true")
    arguments = parser.parse_args()
    if arguments.rules:
        rules(range(200, 200 + arguments.seeds))
        return
    simulated(range(30, 30 + arguments.seeds))
    folder = Path(os.environ.get("SKLEARN_EMG_DATA", "")) / "n2001"
    if "SKLEARN_EMG_DATA" in os.environ and folder.is_dir():
        decomposed(folder)
    else:
        print("\nSKLEARN_EMG_DATA has no folder n2001: only simulated recordings")


if __name__ == "__main__":
    main()
