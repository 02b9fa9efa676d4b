"""Time and memory of features, store and comparison for up to 100,000 recordings.

    python benchmarks/scale.py [--recordings 1000 10000 100000] [--backend loky dask] [--jobs 2]

The recordings are handles of segments of 0.25 s in a few files at 4000 Hz, with 20 recordings per
subject. Two pipelines with four features per window are compared in two folds with a store on disk.
One line per size, backend and state of the store (empty or filled) gives the wall time, the CPU
time and the largest resident memory of a single process. ``--kill SECONDS`` starts the comparison
of the smallest size in a process, kills the process after that time and starts the comparison
again. The second run uses what the first run has stored, and must return the predictions of an
uninterrupted run.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import psutil
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_emg.comparison import Comparison, compare
from sklearn_emg.ensemble import DiVoteClassifier
from sklearn_emg.feature_extraction import TimeDomainFeatures
from sklearn_emg.model_selection import RecordingStore
from sklearn_emg.recordings import SignalFile, recording_table

FS, SECONDS, FILES, PER_SUBJECT = 4000.0, 0.25, 4, 20


@dataclass
class Cost:
    """Wall time and CPU time in s, and memory of the largest process in MB."""

    wall: float = 0.0
    cpu: float = 0.0
    memory: float = 0.0


@contextlib.contextmanager
def metered() -> Iterator[Cost]:
    """Measure the cost of a block by sampling this process and its workers."""
    cost, seen, stop = Cost(), {}, threading.Event()

    def sample() -> None:
        here = psutil.Process()
        for process in [here, *here.children(recursive=True)]:
            with contextlib.suppress(psutil.NoSuchProcess):
                times = process.cpu_times()
                seen[process.pid] = times.user + times.system
                cost.memory = max(cost.memory, process.memory_info().rss / 1e6)

    def watch() -> None:
        while not stop.wait(0.5):
            sample()

    sample()
    before, start = sum(seen.values()), time.perf_counter()
    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield cost
    finally:
        stop.set()
        thread.join()
        sample()
        cost.wall = time.perf_counter() - start
        cost.cpu = sum(seen.values()) - before


def write_files(folder: Path) -> list[Path]:
    """Write a few files of 16-bit noise, each 120 s long."""
    rng = np.random.default_rng(0)
    paths = [folder / f"{k}.bin" for k in range(FILES)]
    for k, path in enumerate(paths):
        # The files of patients, with odd numbers, have a slightly larger amplitude.
        (rng.normal(size=int(120 * FS)) * (300 + 60 * (k % 2))).astype("<i2").tofile(path)
    return paths


def handles(paths: list[Path], n: int) -> tuple[pd.DataFrame, np.ndarray]:
    """Return a table of `n` recordings that are read when needed, and their labels."""
    subject = np.arange(n) // PER_SUBJECT
    length = int(FS * SECONDS)
    last = int(120 * FS) - length
    # Each row is a different recording, as long as there are unused offsets.
    offset = np.arange(n) // FILES * 17 % last
    file = 2 * (np.arange(n) % (FILES // 2)) + subject % 2
    signals = [
        SignalFile(paths[f], offset=2 * int(o), length=length, scale=0.001)
        for f, o in zip(file, offset)
    ]
    table = recording_table(signals, fs=FS, subject=[f"S{s:05d}" for s in subject])
    return table, np.where(subject % 2, "patient", "control")


def pipelines() -> dict[str, Any]:
    def over(classifier: Any) -> Any:
        features = TimeDomainFeatures(["rms", "wl", "zc", "ssc"])
        windows = make_pipeline(features, StandardScaler(), classifier)
        return DiVoteClassifier(windows, window=SECONDS, step=None, final_estimator=None)

    return {"lda": over(LinearDiscriminantAnalysis()), "logistic": over(LogisticRegression())}


def run(folder: Path, n: int, jobs: int) -> Comparison:
    """Compare `n` recordings, with the store and the files in a folder."""
    table, y = handles(write_files(folder), n)
    store = RecordingStore(folder / "store", memory_limit=2e8)
    return compare(
        pipelines(), table, y, cv=2, n_jobs=jobs, store=store, n_resamples=20, progress=False
    )


@contextlib.contextmanager
def backend_of(name: str, jobs: int) -> Iterator[None]:
    """Run the jobs of joblib on loky or on a LocalCluster of dask."""
    if name != "dask":
        with joblib.parallel_config(name):
            yield
        return
    from dask.distributed import Client, LocalCluster

    with (
        LocalCluster(
            n_workers=jobs, threads_per_worker=1, memory_limit="2GB", dashboard_address=None
        ) as cluster,
        Client(cluster),
        joblib.parallel_config("dask"),
    ):
        yield


def killed_and_continued(n: int, seconds: float, jobs: int) -> None:
    """Kill a comparison, continue it from its store, and compare the results."""
    with tempfile.TemporaryDirectory() as temporary, tempfile.TemporaryDirectory() as other:
        command = [sys.executable, __file__, "--only", str(n), temporary, "--jobs", str(jobs)]
        process = subprocess.Popen(command, start_new_session=True)
        time.sleep(seconds)
        if process.poll() is not None:
            raise SystemExit(
                f"The run of {n} recordings ended within {seconds} s; kill it earlier."
            )
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        kept = sum(1 for _ in (Path(temporary) / "store").rglob("output.pkl"))
        with metered() as cost:
            again = run(Path(temporary), n, jobs)
        whole = run(Path(other), n, jobs)
    pd.testing.assert_frame_equal(again.predictions, whole.predictions)
    print(
        f"killed after {seconds:g} s with {kept} results in the store; continued in "
        f"{cost.wall:.0f} s, same predictions as an uninterrupted run"
    )


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--recordings", type=int, nargs="+", default=[1000, 10_000, 100_000])
    parser.add_argument("--backend", nargs="+", default=["loky", "dask"], choices=("loky", "dask"))
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--kill", type=float, metavar="SECONDS")
    parser.add_argument("--only", nargs=2, metavar=("N", "FOLDER"), help=argparse.SUPPRESS)
    arguments = parser.parse_args(argv)
    warnings.simplefilter("ignore")
    if arguments.only:
        run(Path(arguments.only[1]), int(arguments.only[0]), arguments.jobs)
        return
    if arguments.kill is not None:
        killed_and_continued(min(arguments.recordings), arguments.kill, arguments.jobs)
        return
    print(f"{'recordings':>10} {'backend':8}{'store':8}{'wall, s':>9}{'CPU, s':>9}{'MB':>7}"
          f"{'ms/recording':>16}")  # fmt: skip
    for n in arguments.recordings:
        for name in arguments.backend:
            with tempfile.TemporaryDirectory() as temporary:
                for state in ("empty", "filled"):
                    with backend_of(name, arguments.jobs), metered() as cost:
                        run(Path(temporary), n, arguments.jobs)
                    print(f"{n:10} {name:8}{state:8}{cost.wall:9.1f}{cost.cpu:9.1f}"
                          f"{cost.memory:7.0f}{1e3 * cost.wall / n:16.2f}", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
