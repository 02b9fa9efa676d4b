"""How many controls and patients normal limits call abnormal, by subject.

Run with ``python benchmarks/normal_limits.py DATA [--method potentials|units]``, where DATA has the
folders ``n2001_biceps`` and ``algiers``. Published limits learn nothing. Limits of own controls are
crossed: no control is among its own references. No parameter was chosen on these data.
"""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path

import pandas as pd

from sklearn_emg.datasets import load_algiers, load_n2001
from sklearn_emg.exceptions import RecordingWarning
from sklearn_emg.feature_extraction import MUAPFeatures
from sklearn_emg.metrics import wilson_interval
from sklearn_emg.motor_units import MotorUnitDecomposer, ReferenceLimits, muscle_potentials
from sklearn_emg.preprocessing import BandpassFilter
from sklearn_emg.recordings import is_healthy

METHODS = {"potentials": MUAPFeatures, "units": MotorUnitDecomposer}


def load(data: Path) -> dict[str, pd.DataFrame]:
    """Recordings of both sets, those of N2001 at low level."""
    n2001 = load_n2001(data / "n2001_biceps", spoilt="trim").data
    return {
        "n2001": n2001[n2001["level"] == "low"],
        "algiers": load_algiers(data / "algiers", spoilt="drop").data,
    }


def measured(table: pd.DataFrame, method: str) -> pd.DataFrame:
    """Potentials of each recording, filtered and measured one at a time, with the group."""
    parts = []
    for k in range(len(table)):
        row = BandpassFilter(20.0, 8000.0).fit_transform(table.iloc[[k]])
        part = muscle_potentials(row, METHODS[method]())
        parts.append(part.assign(row=k, group=table["group"].iloc[k]))
    return pd.concat(parts, ignore_index=True)


def line(name: str, group: str, flags: pd.Series, n_all: int) -> str:
    n, k = len(flags), int(flags.sum())
    low, high = wilson_interval(k / n, n)
    text = f"{name:<12} {group:<11} {k:>3} of {n:<3} {k / n:.2f} [{low:.2f}, {high:.2f}]"
    return text + (f"  ({n_all - n} without a potential)" if n < n_all else "")


def summary(name: str, muscles: pd.DataFrame, table: pd.DataFrame) -> None:
    """A subject is abnormal if one of the muscles is."""
    groups = table.drop_duplicates("subject").set_index("subject")["group"]
    flags = muscles.groupby("subject")["abnormal"].any()
    for group in groups.unique():
        of = flags[flags.index.map(groups) == group]
        print(line(name, group, of, int((groups == group).sum())))
    ill = [s for s in flags.index if not is_healthy(groups[s])]
    print(line(name, "patients", flags[ill], int((~groups.map(is_healthy)).sum())))
    enough = muscles.groupby("subject")["enough"].all()
    counts = [int((enough.index.map(groups) == g).sum()) for g in groups.unique()]
    few = [int((~enough[enough.index.map(groups) == g]).sum()) for g in groups.unique()]
    print(f"{name:<12} subjects with a muscle of fewer than 20: " + ", ".join(
        f"{g} {k} of {n}" for g, k, n in zip(groups.unique(), few, counts)))  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--method", choices=METHODS, default="potentials")
    parser.add_argument("--keep", type=Path, help="folder for the tables of potentials")
    options = parser.parse_args()
    warnings.simplefilter("ignore", RecordingWarning)
    for name, table in load(options.data).items():
        potentials = measured(table, options.method)
        if options.keep:
            potentials.to_pickle(options.keep / f"{name}-{options.method}.pkl")
        print(f"\n{name}, {options.method}: {table['subject'].nunique()} subjects, "
              f"{len(table)} recordings, {len(potentials)} potentials")  # fmt: skip
        published = ReferenceLimits().use_table().score_muscles(potentials)
        summary("published", published, table)
        try:
            own = ReferenceLimits().cross_score(potentials, potentials["group"])
        except ValueError as error:
            print(f"own controls: not possible. {error}")
        else:
            summary("own controls", own, table)


if __name__ == "__main__":
    main()
