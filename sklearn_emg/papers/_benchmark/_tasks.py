"""Tasks of a benchmark, each of which writes one run or audit of a system to its file."""

from __future__ import annotations

import os
import time
import traceback
import warnings
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed, effective_n_jobs
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from tqdm.auto import tqdm

from sklearn_emg._warnings import call_noting, repeat_noted
from sklearn_emg.comparison import (
    Outcome,
    as_windows,
    killed_outcome,
    leakage_audit,
    mapped_tables,
    refuse_pretrained,
    run_fold,
    run_tasks,
    stored_table,
)
from sklearn_emg.exceptions import SubjectLeakWarning
from sklearn_emg.model_selection import (
    Protocol,
    RandomRecordings,
    assert_no_shared_subject,
    with_seed,
    with_validation,
)
from sklearn_emg.papers._benchmark._store import AuditFile, RunFile
from sklearn_emg.papers._benchmark._systems import build
from sklearn_emg.papers._benchmark._trainings import forget_trainings, resume_trainings
from sklearn_emg.papers._registry import get_system


def _prepared(
    name: str, X: pd.DataFrame, y: NDArray, of_windows: bool, options: Mapping[str, Any]
) -> tuple[Any, pd.DataFrame, NDArray]:
    """Return the system and its rows: recordings, or windows if the protocol splits windows."""
    if of_windows:  # the parameters that the source used on windows, unless the user sets them
        given = options.get("parameters") or {}
        options = {**options, "parameters": {**get_system(name).random_windows, **given}}
    model = build(name, X, **options)
    X = stored_table(model, X, None)
    if not of_windows:
        return model, X, y
    model, windows, labels, recording = as_windows(model, X, y)
    if recording is None:  # rows are windows already
        return model, X, y
    # As in the studies, networks also draw their validation windows at random.
    return with_validation(model, "windows"), windows, labels


class _Runs(Parallel):
    """Parallel runs with a progress bar.

    joblib calls :meth:`print_progress` after each finished task. A generator of results, which
    could be counted outside, does not work with ray's backend.
    """

    def __init__(self, bar: tqdm, **options: Any) -> None:
        super().__init__(**options)
        self._bar = bar

    def print_progress(self) -> None:
        """Advance the bar to the number of finished runs."""
        self._bar.update(self.n_completed_tasks - self._bar.n)


def run_all(
    tasks: Sequence[tuple[Any, ...]], classes: NDArray, n_jobs: int | None, bar: tqdm
) -> None:
    """Run all tasks, each a function and its arguments, of which the first is the file to write.

    If a worker process is killed, only its own task is lost, and the file of this task says so.
    """
    before = [_written(file) for _, file, *_ in tasks]
    # joblib divides the cores among the jobs. There are at least two jobs, so that a single task
    # also has its own process.
    n_jobs = min(effective_n_jobs(n_jobs), max(2, len(tasks)))
    noting = partial(call_noting, os.getpid())
    try:
        with mapped_tables(tasks, n_jobs) as mapped:
            results = _Runs(bar, n_jobs=n_jobs)(delayed(noting)(*task) for task in mapped)
        repeat_noted([warning for _, noted in results for warning in noted], set())
    except BrokenProcessPool:
        left = [task for task, time in zip(tasks, before) if _written(task[1]) == time]
        for (_, file, *_), result in zip(left, run_tasks(_call, left, n_jobs=n_jobs)):
            bar.update()
            if isinstance(result, BrokenProcessPool):
                _write_killed(file, result, classes)


def _write_killed(file: RunFile | AuditFile, error: BaseException, classes: NDArray) -> None:
    """Write to the file of a task that its worker process was killed."""
    if isinstance(file, RunFile):
        file.write(killed_outcome(file.system, file.number, error), float("nan"), classes)
    else:
        file.write({}, killed_outcome(file.system, 0, error).error)


def _call(function: Callable[..., None], *given: Any) -> None:
    function(*given)


def _written(file: RunFile | AuditFile) -> int | None:
    """Return the time at which the file was written, in ns, or None if there is no file."""
    return file.path.stat().st_mtime_ns if file.path.exists() else None


def _failed(name: str, number: int, error: BaseException) -> Outcome:
    return Outcome(
        name, number, error=f"{type(error).__name__}: {error}", details=traceback.format_exc()
    )


def do_run(
    file: RunFile, X: pd.DataFrame, y: NDArray, protocol: Protocol, options: Mapping[str, Any]
) -> None:
    """Fit and test a system in one run of the protocol, and write the outcome."""
    name, number = file.system, file.number
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.filterwarnings("ignore", "Windows left out")  # the report says this once
        if protocol.leaky:  # the table of results is labelled as leaky
            warnings.simplefilter("ignore", SubjectLeakWarning)
        start, cpu_before = time.process_time(), 0.0
        try:
            model, rows, labels = _prepared(name, X, y, protocol.of_windows, options)
            run = protocol.runs(rows, labels)[number]
            if not protocol.leaky:
                assert_no_shared_subject(rows, run.fit_rows, run.test)
            model = run.prepare(model, rows)
            if isinstance(protocol, RandomRecordings):  # validation is also drawn at random
                model = with_validation(model, "windows")
            if not protocol.leaky:
                refuse_pretrained(model, rows, [(run.fit_rows, run.test)], name=name)
            seconds, cpu_before = resume_trainings(model, file)
            outcome = run_fold(name, model, rows, labels, number, (run.fit_rows, run.test))
            outcome.fit_seconds += seconds
        # An error of a system is reported in its row; the others continue.
        except Exception as error:  # noqa: BLE001
            outcome = _failed(name, number, error)
        # Wall-clock time would also include other work of the machine.
        cpu_seconds = time.process_time() - start + cpu_before
    file.write(outcome, cpu_seconds, np.unique(y))
    forget_trainings(file)


def do_audit(
    file: AuditFile,
    X: pd.DataFrame,
    y: NDArray,
    n_splits: int,
    seed: int,
    options: Mapping[str, Any],
) -> None:
    """Run the leakage audit of a system, and write its scores."""
    figures, message = {}, ""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.filterwarnings("ignore", "Windows left out")  # the report says this once
        try:
            plain = {k: v for k, v in options.items() if k != "search"}
            model = with_seed(build(file.system, X, **plain), seed)
            resume_trainings(model, file)
            audit = leakage_audit(
                model,
                X,
                y,
                n_splits=n_splits,
                progress=False,
                random_state=seed,
                store=None,  # the benchmark has already stored X if it is to be stored
                splits=("subjects", "random windows"),
            )
            balanced = audit.summary["mean_balanced_accuracy"]
            figures = {arm: float(balanced[arm]) for arm in ("random windows", "subjects")}
            figures["gap"] = float(audit.gap)
        except Exception as error:  # noqa: BLE001
            message = f"{type(error).__name__}: {error}"
    file.write(figures, message)
    forget_trainings(file)
