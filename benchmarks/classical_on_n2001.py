"""All systems without a network on the biceps recordings of N2001: none may fail.

    python benchmarks/classical_on_n2001.py FOLDER [--folds 5] [--systems time-domain yoo-2023-rf]

FOLDER holds the biceps recordings of EMGLAB's N2001 set. Each system is fitted and scored, split by
subject, on the recordings as they are and on a copy in which one recording is zero throughout and
one has no valid sample, as dead channels and lost files are in real cohorts. A line per system
states the seconds and the failed folds. The exit code is 1 if any fold failed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

from sklearn_emg.datasets import load_n2001
from sklearn_emg.model_selection import RecordingStore, RepeatedSubjectKFold
from sklearn_emg.papers import list_systems, run_benchmark
from sklearn_emg.recordings import object_column


def with_dead_recordings(table: pd.DataFrame) -> pd.DataFrame:
    """A copy whose first recording is zero and whose last one is NaN throughout."""
    signals = list(table["signal"])
    signals[0], signals[-1] = np.zeros_like(signals[0]), np.full_like(signals[-1], np.nan)
    return table.assign(signal=object_column(signals, table.index))


def failures(
    name: str, table: pd.DataFrame, y: np.ndarray, folds: int, seed: int, store: RecordingStore
) -> list[str]:
    """Reasons of the folds of a system that failed."""
    protocol = RepeatedSubjectKFold(folds, n_repeats=1, random_state=seed)
    with tempfile.TemporaryDirectory() as out:
        result = run_benchmark(
            name, table, y, protocol, out, store=store, progress=False, n_resamples=1, figure=False
        )
    runs = result.runs
    return runs.loc[runs["state"] != "done", "reason"].tolist()


def main(argv: list[str] | None = None) -> int:
    systems = list_systems()
    classical = systems.index[systems["needs"] == ""].tolist()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--systems", nargs="+", default=classical, metavar="NAME")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args(argv)
    records = load_n2001(arguments.folder, muscle="BB", invalid="clip")
    tables = {"as it is": records.data, "with dead ones": with_dead_recordings(records.data)}
    warnings.filterwarnings("ignore", "Windows left out")
    n_failed, store = 0, RecordingStore()  # for all systems
    print(f"{len(records.data)} recordings, {arguments.folds} folds by subject")
    print(f"{'system':24}{'table':16}{'seconds':>8}  failed", flush=True)
    for name in arguments.systems:
        for kind, table in tables.items():
            start = time.perf_counter()
            reasons = failures(name, table, records.target, arguments.folds, arguments.seed, store)
            seconds = time.perf_counter() - start
            n_failed += len(reasons)
            text = "; ".join([str(len(reasons)), *reasons[:1]])
            print(f"{name:24}{kind:16}{seconds:8.0f}  {text}", flush=True)
    print(f"{n_failed} folds failed")
    return 1 if n_failed else 0


if __name__ == "__main__":
    sys.exit(main())
