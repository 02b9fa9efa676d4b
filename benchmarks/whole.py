"""Time and memory of all systems that need no extra, with audits, on N2001 biceps recordings.

    python benchmarks/whole.py FOLDER [--folds 5] [--audit 3] [--jobs 2] [--kind published] [--anew]

FOLDER contains the biceps recordings of EMGLAB's N2001 set. The benchmark of these systems,
with a leakage audit of each, runs with an empty store of stateless steps and again with the filled
store, each time without finished runs. One line per run states the wall time, the CPU time of this
process and its workers, and the largest sum of their resident memory.

The store contains no fitted estimators, so multilayer perceptrons, ensembles and support vector
machines are fitted in each run. ``--memory`` also stores the fitted window classifiers, in another
folder, for a third run that fits none of them again.

The cost of computing everything in each fit is estimated from one fold of each system without a
store: its CPU time is multiplied by the number of fits in folds and audits. ``--anew`` runs the
complete benchmark without a store instead. For a quick test, ``--subjects`` uses the first subjects
of each class, and ``--recordings`` the first recordings of each subject. ``--kind`` selects
published systems or baselines, and ``--audit`` sets the number of folds of the audits.
"""

from __future__ import annotations

import argparse
import tempfile
import threading
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psutil

from sklearn_emg.comparison import compare
from sklearn_emg.datasets import load_n2001
from sklearn_emg.model_selection import RecordingStore, RepeatedSubjectKFold
from sklearn_emg.papers import list_systems, make_system, run_benchmark


@dataclass
class Cost:
    """Wall time (s), CPU time (s) and memory (MB) of this process and its workers."""

    wall: float = 0.0
    cpu: float = 0.0
    memory: float = 0.0


class Meter:
    """Measure the cost of a ``with`` block by sampling this process and its workers."""

    def __enter__(self) -> Cost:
        self.cost = Cost()
        self._seen: dict[int, float] = {}
        self._before = self._sample()
        self._seen = dict(self._before)
        self._start = time.perf_counter()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self.cost

    def _sample(self) -> dict[int, float]:
        here = psutil.Process()
        found, resident = {}, 0
        for process in [here, *here.children(recursive=True)]:
            try:
                times = process.cpu_times()
                resident += process.memory_info().rss
            except psutil.NoSuchProcess:
                continue
            found[process.pid] = times.user + times.system
        self.cost.memory = max(self.cost.memory, resident / 1e6)
        return found

    def _watch(self) -> None:
        while not self._stop.wait(0.2):
            self._seen |= self._sample()

    def __exit__(self, *exc: object) -> None:
        self._stop.set()
        self._thread.join()
        self._seen |= self._sample()
        self.cost.wall = time.perf_counter() - self._start
        self.cost.cpu = sum(t - self._before.get(pid, 0.0) for pid, t in self._seen.items())


def some(table: pd.DataFrame, y: np.ndarray, subjects: int, recordings: int) -> np.ndarray:
    """Return rows of the first subjects of each class, with their first recordings."""
    subject = table["subject"]
    kept = subject.groupby(y).transform(lambda s: pd.factorize(s)[0]) < subjects
    return (kept & (table.groupby("subject").cumcount() < recordings)).to_numpy()


def measured(label: str, function: Callable[[], Any]) -> Cost:
    """Return and print the cost of a call."""
    with Meter() as cost:
        function()
    print(f"{label:32}{cost.wall:10.1f}{cost.cpu:10.1f}{cost.memory:10.0f}", flush=True)
    return cost


def one_fold(name: str, table: pd.DataFrame, y: np.ndarray, protocol: Any) -> None:
    """Fit and test a system on the first fold without stored results."""
    run = protocol.runs(table, y)[0]
    system = make_system(name)
    split = [(run.fit_rows, run.test)]
    compare({name: system}, table, y, cv=split, store=None, n_resamples=2, progress=False)


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--audit", type=int, default=3, help="number of folds of the audits")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--systems", nargs="+", metavar="NAME")
    parser.add_argument("--kind", choices=["published", "baseline"], help="kind of the systems")
    parser.add_argument("--subjects", type=int, default=10**6, help="number of subjects per class")
    parser.add_argument(
        "--recordings", type=int, default=10**6, help="number of recordings per subject"
    )
    parser.add_argument(
        "--anew", action="store_true", help="run the complete benchmark without a store"
    )
    parser.add_argument("--memory", action="store_true", help="add a third run with stored fits")
    parser.add_argument("--store", type=Path, help="folder of the store (default: temporary)")
    arguments = parser.parse_args(argv)
    warnings.simplefilter("ignore")
    known = list_systems(arguments.kind)
    chosen = arguments.systems or known.index[known["needs"] == ""].tolist()
    records = load_n2001(arguments.folder, muscle="BB", invalid="clip")
    rows = some(records.data, records.target, arguments.subjects, arguments.recordings)
    table, y = records.data[rows].reset_index(drop=True), records.target[rows]
    protocol = RepeatedSubjectKFold(arguments.folds, n_repeats=1, random_state=0)

    def whole(store: Any, memory: Any = None) -> None:
        with tempfile.TemporaryDirectory() as out:
            result = run_benchmark(
                chosen, table, y, protocol, out, audit_splits=arguments.audit,
                n_jobs=arguments.jobs, n_resamples=2, figure=False, progress=False, store=store,
                memory=memory,
            )  # fmt: skip
        failed = result.runs["state"] != "done"
        if failed.any() or (result.audits["error"] != "").any():
            reasons = [*result.runs["reason"], *result.audits["error"]]
            raise SystemExit(f"Failed: {[r for r in reasons if r][:3]}")

    print(f"{len(chosen)} systems, {len(table)} recordings of "
          f"{table['subject'].nunique()} subjects, {arguments.folds} folds, audits, "
          f"{arguments.jobs} jobs")  # fmt: skip
    print(f"{'':32}{'wall, s':>10}{'CPU, s':>10}{'MB':>10}")
    n_fits = arguments.folds + 2 * arguments.audit  # an audit has two splits
    if arguments.anew:
        anew = measured("without a store", lambda: whole(None)).cpu
    else:
        cost = measured(
            "one fold of each, without a store",
            lambda: [one_fold(name, table, y, protocol) for name in chosen],
        )
        anew = n_fits * cost.cpu
        print(f"{'without a store, estimated':32}{'':10}{anew:10.1f}")
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.store or temporary
        fits = Path(temporary) / "fits" if arguments.memory else None
        empty = measured("with an empty store", lambda: whole(RecordingStore(folder), fits))
        filled = measured("with a filled store", lambda: whole(RecordingStore(folder)))
        if arguments.memory:
            kept = measured("also with stored fits", lambda: whole(RecordingStore(folder), fits))
            print(f"{anew / kept.cpu:.1f} times less CPU time if fits are stored too")
        n_bytes = sum(p.stat().st_size for p in Path(folder).rglob("*") if p.is_file())
    print(f"CPU time compared with no store: {anew / empty.cpu:.1f} times less with an empty "
          f"store, {anew / filled.cpu:.1f} with a filled one; {n_bytes / 1e6:.0f} MB "
          "in the store")  # fmt: skip


if __name__ == "__main__":
    main()
