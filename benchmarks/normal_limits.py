"""Fractions of controls and patients that normal limits classify as abnormal, by subject.

Run with ``python benchmarks/normal_limits.py DATA [--method potentials|units] [--recordings 6]``,
where DATA has the folders ``n2001_biceps`` and ``algiers``. ``--recordings`` uses only the first
recordings of each subject. Published limits are used unchanged. Limits computed from the controls
of the set, and their cloud of turns and amplitude, are cross-validated: no control is among its own
references. No parameter was chosen on these data. Thickness and size index are the measures of
Sonoo and Stålberg (1993). The confidence of 0.9 corresponds to the aim that at most 1 control in 10
is abnormal. These measures and this confidence were compared with the defaults on simulated cohorts
(``--simulated SEED ...``).
"""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path

import pandas as pd

from sklearn_emg.datasets import load_algiers, load_n2001, make_nemg_cohort
from sklearn_emg.exceptions import RecordingWarning
from sklearn_emg.feature_extraction import MUAPFeatures
from sklearn_emg.metrics import wilson_interval
from sklearn_emg.motor_units import (
    InterferenceCloud,
    MotorUnitDecomposer,
    ReferenceLimits,
    interference_points,
    muscle_potentials,
)
from sklearn_emg.preprocessing import BandpassFilter, HighpassFilter
from sklearn_emg.recordings import is_healthy

# Measures and confidence of the limits that are computed from the controls of the set.
RULES = {
    "own controls": (("amplitude", "duration"), 0.95),
    "own, 4 at 0.9": (("amplitude", "duration", "thickness", "size_index"), 0.90),
}
METHODS = {"potentials": MUAPFeatures, "units": MotorUnitDecomposer}


def load(data: Path) -> dict[str, pd.DataFrame]:
    """Return the recordings of both sets, those of N2001 at the low level."""
    n2001 = load_n2001(data / "n2001_biceps", spoilt="trim").data
    return {
        "n2001": n2001[n2001["level"] == "low"],
        "algiers": load_algiers(data / "algiers", spoilt="drop").data,
    }


def simulated(seed: int) -> pd.DataFrame:
    """Return a cohort of 22 subjects that imitates N2001, with recordings of 5 s."""
    cohort = make_nemg_cohort(
        22, n_recordings=132, fs=12_000.0, duration=5.0, protocol="biceps_low_force",
        random_state=seed,
    )  # fmt: skip
    return cohort.data.assign(muscle="biceps brachii", group=cohort.target)


def measured(table: pd.DataFrame, method: str) -> pd.DataFrame:
    """Return the potentials of each recording with its group, one recording at a time."""
    parts = []
    for k in range(len(table)):
        row = BandpassFilter(20.0, min(8000.0, 0.45 * table["fs"].iloc[k])).fit_transform(
            table.iloc[[k]]
        )
        part = muscle_potentials(row, METHODS[method]())
        parts.append(part.assign(row=k, group=table["group"].iloc[k]))
    return pd.concat(parts, ignore_index=True)


def line(name: str, group: str, flags: pd.Series, n_all: int) -> str:
    n, k = len(flags), int(flags.sum())
    if not n:
        return f"{name:<12} {group:<11} none of {n_all} has a conclusion"
    low, high = wilson_interval(k / n, n)
    text = f"{name:<12} {group:<11} {k:>3} of {n:<3} {k / n:.2f} [{low:.2f}, {high:.2f}]"
    return text + (f"  ({n_all - n} without a conclusion)" if n < n_all else "")


def summary(name: str, muscles: pd.DataFrame, table: pd.DataFrame) -> None:
    """Print the numbers of subjects per group with an abnormal muscle and without a conclusion."""
    groups = table.drop_duplicates("subject").set_index("subject")["group"]
    flags = muscles.groupby("subject")["abnormal"].any()
    decided = flags | muscles.groupby("subject")["abnormal"].agg(lambda of: of.notna().all())
    flags = flags[decided]
    for group in groups.unique():
        of = flags[flags.index.map(groups) == group]
        print(line(name, group, of, int((groups == group).sum())))
    ill = [s for s in flags.index if not is_healthy(groups[s])]
    print(line(name, "patients", flags[ill], int((~groups.map(is_healthy)).sum())))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, nargs="?")
    parser.add_argument("--simulated", type=int, nargs="*", default=[], metavar="SEED")
    parser.add_argument("--method", choices=METHODS, default="potentials")
    parser.add_argument("--recordings", type=int, help="recordings per subject (default: all)")
    parser.add_argument(
        "--keep", type=Path, help="folder for the tables of potentials, which are reused"
    )
    options = parser.parse_args()
    warnings.simplefilter("ignore", RecordingWarning)
    tables = {f"simulated {seed}": simulated(seed) for seed in options.simulated}
    for name, table in (tables | (load(options.data) if options.data else {})).items():
        table = table.groupby("subject").head(options.recordings or len(table))
        kept = options.keep / f"{name}-{options.method}.pkl" if options.keep else None
        if kept and kept.exists():
            potentials = pd.read_pickle(kept)
        else:
            potentials = measured(table, options.method)
        if kept:
            potentials.to_pickle(kept)
        print(f"\n{name}, {options.method}: {table['subject'].nunique()} subjects, "
              f"{len(table)} recordings, {len(potentials)} potentials")  # fmt: skip
        published = ReferenceLimits().use_table().score_muscles(potentials)
        summary("published", published, table)
        for rule, (measures, confidence) in RULES.items():
            limits = ReferenceLimits(measures, confidence=confidence)
            try:
                own = limits.cross_score(potentials, potentials["group"])
            except ValueError as error:
                print(f"{rule}: not possible. {error}")
            else:
                summary(rule, own, table)
        points = interference_points(HighpassFilter(20.0).fit_transform(table))
        groups = table["group"].to_numpy()[points["row"].astype(int)]
        try:
            cloud = InterferenceCloud().cross_score(points, groups)
        except ValueError as error:
            print(f"cloud: not possible. {error}")
        else:
            summary("cloud", cloud, table)


if __name__ == "__main__":
    main()
