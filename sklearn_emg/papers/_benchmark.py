"""The benchmark: systems of the literature on the same subjects, fold by fold, resumable."""

from __future__ import annotations

import contextlib
import fnmatch
import os
import pickle
import time
import traceback
import warnings
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from tqdm.auto import tqdm

from sklearn_emg._typing import Labels
from sklearn_emg._validation import check_integer, check_real
from sklearn_emg.comparison import (
    Comparison,
    Outcome,
    Scoring,
    build_comparison,
    checked_labels,
    find_divote,
    killed_outcome,
    leakage_audit,
    run_fold,
    run_tasks,
)
from sklearn_emg.model_selection import (
    Protocol,
    ProtocolRun,
    assert_no_shared_subject,
    with_seed,
    with_validation,
)
from sklearn_emg.papers._benchmark_results import Benchmark, write_results
from sklearn_emg.papers._benchmark_store import (
    AUDIT_COLUMNS,
    AuditFile,
    RunFile,
    Truth,
    open_folder,
    settings_of,
)
from sklearn_emg.papers._registry import get_system, list_systems, make_system
from sklearn_emg.recordings import (
    check_recording_table,
    content_digest,
    is_recording_table,
    window_table,
)

__all__ = ["build", "choose_systems", "run_benchmark"]

_File = TypeVar("_File", RunFile, AuditFile)

# -------------------------------------------------------------------- one task


def _prepared(
    name: str, X: pd.DataFrame, y: NDArray, of_windows: bool, options: Mapping[str, Any]
) -> tuple[Any, pd.DataFrame, NDArray]:
    """The system, and its rows: recordings, or its own windows where the protocol deals them."""
    model = build(name, X, **options)
    if not of_windows:
        return model, X, y
    found = find_divote(model)
    if found is None or not is_recording_table(X):
        return model, X, y
    prefix, divote = found
    if divote.window is None:  # rows are windows already
        return model, X, y
    windows, row = window_table(
        X, divote.window, divote.step, tail=divote.tail, nan=divote.nan, short=divote.short
    )
    changed = {"window": None, "final_estimator": None, "cv": None}
    model.set_params(**{f"{prefix}{k}": v for k, v in changed.items()})
    # As the studies did: networks draw their validation windows at random too.
    return with_validation(model, "windows"), windows, y[row]


def build(
    name: str,
    X: pd.DataFrame,
    *,
    fs: float | None = None,
    max_epochs: int | None = None,
    parameters: Mapping[str, Any] | None = None,
    search: Callable[[str, Any], Any] | None = None,
    memory: str | None = None,
) -> Any:
    """Build a system for the rates of a table.

    Parameters
    ----------
    name : str
        From `list_systems`.
    X : DataFrame
    fs : float, default=None
        Rate in Hz at which windows are cut. By default the paper's, or the lowest of the table
        where that is lower and the network allows it.
    max_epochs : int, default=None
        Of networks; by default the paper's.
    parameters : mapping, default=None
        For ``set_params``, where the system has such a parameter.
    search : callable, default=None
        ``search(name, estimator)`` wraps the system, for nested protocols.
    memory : str, default=None
        Folder of fitted window classifiers, the `memory` of DiVote.

    Returns
    -------
    estimator : estimator object
    """
    system = get_system(name)
    takes = system.function.__kwdefaults__ or {}
    changes: dict[str, Any] = {}
    if "fs" in takes and is_recording_table(X):
        rate = min(float(takes["fs"]), float(X["fs"].min()))
        changes["fs"] = max(rate, system.min_fs) if fs is None else float(fs)
    if max_epochs is not None and "max_epochs" in takes:
        changes["max_epochs"] = max_epochs
    model = make_system(name, **changes)
    known = model.get_params(deep=True)
    if is_recording_table(X) and known.get("filter__high") is not None:
        # Filters come before resampling: the slowest recording says what they can pass.
        high = min(float(known["filter__high"]), 0.45 * float(X["fs"].min()))
        model.set_params(filter__high=high)
    model.set_params(**{k: v for k, v in (parameters or {}).items() if k in known})
    if memory is not None and "divote__memory" in known:
        model.set_params(divote__memory=memory)
    return model if search is None else search(name, model)


class _Runs(Parallel):
    """Parallel runs with a progress bar.

    joblib tells here of each finished task; its generators, which could be counted outside, are
    refused by ray's backend.
    """

    def __init__(self, bar: tqdm, **options: Any) -> None:
        super().__init__(**options)
        self._bar = bar

    def print_progress(self) -> None:
        """Move the bar to the number of finished runs."""
        self._bar.update(self.n_completed_tasks - self._bar.n)


def _run_all(
    tasks: Sequence[tuple[Any, ...]], classes: NDArray, n_jobs: int | None, bar: tqdm
) -> None:
    """Do all tasks, each a function and its arguments; the first of these is the file it writes.

    A worker process that is killed costs its own task, whose file says so.
    """
    before = [_written(file) for _, file, *_ in tasks]
    try:
        _Runs(bar, n_jobs=n_jobs)(delayed(function)(*given) for function, *given in tasks)
    except BrokenProcessPool:
        left = [task for task, time in zip(tasks, before) if _written(task[1]) == time]
        for (_, file, *_), result in zip(left, run_tasks(_call, left, n_jobs=n_jobs)):
            bar.update()
            if not isinstance(result, BrokenProcessPool):
                continue
            outcome = killed_outcome(file.system, getattr(file, "number", 0), result)
            if isinstance(file, RunFile):
                file.write(outcome, float("nan"), classes)
            else:
                file.write({}, outcome.error)


def _call(function: Callable[..., None], *given: Any) -> None:
    function(*given)


def _written(file: RunFile | AuditFile) -> int | None:
    """When the file was written, in ns."""
    return file.path.stat().st_mtime_ns if file.path.exists() else None


def _failed(name: str, number: int, error: BaseException) -> Outcome:
    return Outcome(
        name, number, error=f"{type(error).__name__}: {error}", details=traceback.format_exc()
    )


def _do_run(
    file: RunFile, X: pd.DataFrame, y: NDArray, protocol: Protocol, options: Mapping[str, Any]
) -> None:
    name, number = file.system, file.number
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.filterwarnings("ignore", "Windows left out")  # the report says so once
        start = time.process_time()
        try:
            model, rows, labels = _prepared(name, X, y, protocol.of_windows, options)
            run = protocol.runs(rows, labels)[number]
            if not protocol.leaky:
                assert_no_shared_subject(rows, run.fit_rows, run.test)
            model = run.prepare(model, rows)
            outcome = run_fold(name, model, rows, labels, number, (run.fit_rows, run.test))
        # What a system raises becomes its row; the others go on.
        except Exception as error:  # noqa: BLE001
            outcome = _failed(name, number, error)
        # Seconds on the clock also hold what else the machine did meanwhile.
        cpu_seconds = time.process_time() - start
    file.write(outcome, cpu_seconds, np.unique(y))


def _do_audit(
    file: AuditFile,
    X: pd.DataFrame,
    y: NDArray,
    n_splits: int,
    seed: int,
    options: Mapping[str, Any],
) -> None:
    figures, message = {}, ""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.filterwarnings("ignore", "Windows left out")  # the report says so once
        try:
            plain = {k: v for k, v in options.items() if k != "search"}
            model = with_seed(build(file.system, X, **plain), seed)
            audit = leakage_audit(model, X, y, n_splits=n_splits, progress=False, random_state=seed)
            balanced = audit.summary["mean_balanced_accuracy"]
            figures = {arm: float(balanced[arm]) for arm in ("random windows", "subjects")}
            figures["gap"] = float(audit.gap)
        except Exception as error:  # noqa: BLE001
            message = f"{type(error).__name__}: {error}"
    file.write(figures, message)


# -------------------------------------------------------------------- the benchmark


def choose_systems(patterns: str | Sequence[str]) -> list[str]:
    """Names of systems that match patterns.

    Parameters
    ----------
    patterns : str or sequence of str
        Names, shell patterns such as ``nemgnet-*``, ``all``, ``classical`` (no network) or
        ``networks``.

    Returns
    -------
    names : list of str
        In the order of `list_systems`.

    Raises
    ------
    ValueError
        If there is no pattern, or one matches nothing.

    Examples
    --------
    >>> from sklearn_emg.papers._benchmark import choose_systems
    >>> choose_systems(["yoo-2023-*", "alsnet"])
    ['alsnet', 'yoo-2023-svm', 'yoo-2023-rf']
    """
    systems = list_systems()
    chosen: set[str] = set()
    patterns = [patterns] if isinstance(patterns, str) else patterns
    if not patterns:
        raise ValueError("No system is named; 'all' takes every one of list_systems().")
    for pattern in patterns:
        if pattern == "all":
            found = set(systems.index)
        elif pattern in ("classical", "networks"):
            found = set(systems.index[(systems["needs"] == "") == (pattern == "classical")])
        else:
            found = set(fnmatch.filter(systems.index, pattern))
        if not found:
            get_system(pattern)  # says what there is
        chosen |= found
    return [name for name in systems.index if name in chosen]


def run_benchmark(
    systems: str | Sequence[str],
    X: pd.DataFrame,
    y: Labels,
    protocol: Protocol,
    out: str | os.PathLike[str],
    *,
    fs: float | None = None,
    max_epochs: int | None = None,
    parameters: Mapping[str, Any] | None = None,
    search: Callable[[str, Any], Any] | None = None,
    search_label: str = "",
    audit_splits: int = 0,
    n_jobs: int | None = None,
    retry_failed: bool = False,
    left_out: Mapping[str, str] | None = None,
    report_only: bool = False,
    progress: bool = True,
    n_resamples: int = 1000,
    figure: bool = True,
    random_state: int = 0,
    notes: Mapping[str, str] | None = None,
    memory: str | os.PathLike[str] | None = None,
) -> Benchmark:
    """Run systems over the runs of a protocol; finished runs are kept and never done twice.

    Each finished run is a file in ``out/runs``. A killed benchmark goes on where it stopped when it
    is called again with the same arguments. A folder belongs to one set of data (every sample
    counts), one protocol, one set of options and one version of this package. A run whose file was
    changed, or is of another fold or of a system with other settings, is done again with a warning.
    Several processes may run or report one benchmark at a time. A worker process that is killed,
    for its memory for instance, costs the run that it was at.

    Parameters
    ----------
    systems : str or sequence of str
        Names or patterns, see :func:`~sklearn_emg.papers.list_systems`.
    X : DataFrame
        Recording table.
    y : array-like of shape (n_rows,)
    protocol : Protocol
        From :mod:`sklearn_emg.model_selection`.
    out : path-like
        Folder of results.
    fs : float, default=None
        Rate in Hz for all systems; by default each paper's, or the table's where that is lower.
    max_epochs : int, default=None
        Of all networks; by default each paper's.
    parameters : mapping, default=None
        For ``set_params`` of the systems that have them.
    search : callable, default=None
        ``search(name, estimator)`` returns what is fitted instead, such as a grid search.
    search_label : str, default=""
        What `search` does, so that results of different ones are not mixed.
    audit_splits : int, default=0
        Folds of the leakage audit of each system; 0 leaves it out.
    n_jobs : int, default=None
        Parallel runs; ``joblib.parallel_config`` chooses the backend.
    retry_failed : bool, default=False
        Do failed runs again.
    left_out : mapping of str to str, default=None
        Name or pattern of systems that are not run, and why: the reason stands in their rows.
    report_only : bool, default=False
        Run nothing; report the runs that are finished.
    progress : bool, default=True
    n_resamples : int, default=1000
        Of the bootstrap.
    figure : bool, default=True
        Draw ``results.png``, where matplotlib is installed.
    random_state : int, default=0
        Of the bootstrap and the audit; the protocol has its own seeds.
    notes : mapping, default=None
        Lines for the head of the Markdown table.
    memory : path-like, default=None
        Folder of fitted window classifiers, the `memory` of
        :class:`~sklearn_emg.ensemble.DiVoteClassifier`. Systems that differ in their votes alone,
        such as the three of each nEMGNet, train one network a run between them; the time to fit is
        then that of the first of them, and the others' is the votes'. Delete it afterwards. It
        holds pickle files, and loading one runs whatever is in it: nobody whom you do not trust may
        have the right to write there. Files in `out` are JSON, and nothing in them is run.

    Returns
    -------
    benchmark : Benchmark
        Also written to `out`: ``results.parquet`` (one row per system, run, level and metric),
        ``summary.parquet``, ``predictions.parquet``, ``runs.parquet``, ``audits.parquet``,
        ``results.md`` and, with matplotlib, ``results.png``.

    Raises
    ------
    ValueError
        If `out` holds another benchmark (the message says what differs), no system matches, no
        system has one of `parameters`, an option is out of range, the table or the labels are
        unusable, or the protocol does not fit the data.
    TypeError
        If `protocol` is none.

    Warns
    -----
    UserWarning
        If a file of the folder is damaged or is not what its name says; it counts as not there.

    Examples
    --------
    >>> import tempfile
    >>> from sklearn_emg.datasets import make_nemg_cohort
    >>> from sklearn_emg.model_selection import RepeatedSubjectKFold
    >>> from sklearn_emg.papers import run_benchmark
    >>> X, y = make_nemg_cohort(
    ...     6, n_recordings=12, fs=2000.0, duration=0.6, return_X_y=True, random_state=0
    ... )
    >>> with tempfile.TemporaryDirectory() as out:
    ...     protocol = RepeatedSubjectKFold(2, n_repeats=1)
    ...     result = run_benchmark(
    ...         ["time-domain"], X, y, protocol, out, figure=False, progress=False
    ...     )
    >>> result.table().loc["time-domain", "published"]
    'accuracy 85.00 % (split not stated)'
    """
    names = choose_systems(systems)
    reasons = {n: why for key, why in (left_out or {}).items() for n in choose_systems([key])}
    _check_parameters(names, parameters or {})
    fs, max_epochs = _checked_options(fs, max_epochs, n_resamples, audit_splits, protocol)
    if is_recording_table(X):
        check_recording_table(X)
    y, out = checked_labels(X, y), Path(out)
    runs = _runs(protocol, X, y)
    options: dict[str, Any] = {"fs": fs, "max_epochs": max_epochs, "parameters": parameters or {}}
    settings = settings_of(X, y, protocol=repr(protocol), **options, search=search_label)
    options["search"] = search
    shared = open_folder(out, settings)
    identity = {name: content_digest(shared, _identity(name, X, options)) for name in names}
    options["memory"] = None if memory is None else os.fspath(memory)
    files = _run_files(out, identity, runs)
    audit_files = _audit_files(out, identity, audit_splits, random_state)
    truths = [Truth.of_rows(X, y, None if run is None else run.test) for run in runs]
    found = {file: file.read(truths[file.number]) for file in files}
    audits = {file: file.read() for file in audit_files}
    to_run = set() if report_only else set(names) - set(reasons)
    errors = {file: result[0].error for file, result in found.items() if result is not None}
    again = _to_do(files, errors, to_run, retry_failed)
    audit_errors = {file: row["error"] for file, row in audits.items() if row is not None}
    audit_again = _to_do(audit_files, audit_errors, to_run, retry_failed)
    tasks: list[tuple[Any, ...]] = [(_do_run, file, X, y, protocol, options) for file in again]
    settled = (audit_splits, random_state, options)
    tasks += [(_do_audit, file, X, y, *settled) for file in audit_again]
    with tqdm(total=len(tasks), desc="benchmark", unit="run", disable=not progress) as bar:
        _run_all(tasks, np.unique(y), n_jobs, bar)
    found.update({file: file.read(truths[file.number]) for file in again})
    audits.update({file: file.read() for file in audit_again})
    seed = check_random_state(random_state).randint(2**31 - 1)
    scoring = Scoring(np.unique(y), n_resamples=n_resamples, seed=seed)
    table, outcomes = _table_of_runs(found, reasons)
    comparison = build_comparison(outcomes, names, X, y, scoring)
    done = {file.system: row for file, row in audits.items() if row is not None}
    benchmark = Benchmark(
        _windows_only(comparison) if protocol.leaky else comparison,
        pd.DataFrame.from_dict(done, orient="index", columns=list(AUDIT_COLUMNS)),
        {name: "; ".join(map(str, get_system(name).published)) for name in names},
        protocol.leaky,
        table,
        dict(notes or {}),
    )
    write_results(benchmark, out, repr(protocol), figure)
    return benchmark


def _checked_options(
    fs: float | None, max_epochs: int | None, n_resamples: int, audit_splits: int, protocol: Any
) -> tuple[float | None, int | None]:
    """Refuse options that are out of range; return plain numbers."""
    if audit_splits < 0 or audit_splits == 1:
        raise ValueError(
            "The 'audit_splits' of run_benchmark must be 0 for no audit, or at least 2 folds. "
            f"Got {audit_splits}."
        )
    if fs is not None:
        fs = check_real(fs, "fs", "run_benchmark", 0, above=True)
    if max_epochs is not None:
        max_epochs = check_integer(max_epochs, "max_epochs", "run_benchmark")
    check_integer(n_resamples, "n_resamples", "run_benchmark")
    if not isinstance(protocol, Protocol):
        raise TypeError(
            "The 'protocol' of run_benchmark must be one of sklearn_emg.model_selection, such as "
            f"RepeatedSubjectKFold(5, n_repeats=1). Got {protocol!r}."
        )
    return fs, max_epochs


def _run_files(
    out: Path, identity: Mapping[str, str], runs: Sequence[ProtocolRun | None]
) -> list[RunFile]:
    """Files of all runs, by run and then by system."""
    return [
        RunFile(
            out / "runs" / name / f"{number:03d}.json",
            name,
            number,
            content_digest(of_system, _rows_of(run)),
        )
        for number, run in enumerate(runs)
        for name, of_system in identity.items()
    ]


def _audit_files(
    out: Path, identity: Mapping[str, str], n_splits: int, seed: int
) -> list[AuditFile]:
    """Files of the audits of all systems; none without audits."""
    if n_splits == 0:
        return []
    return [
        AuditFile(
            out / "audits" / f"{name}-{n_splits}.json",
            name,
            content_digest(of_system, n_splits, seed),
        )
        for name, of_system in identity.items()
    ]


def _to_do(
    files: Sequence[_File], errors: Mapping[_File, str], systems: set[str], retry: bool
) -> list[_File]:
    """Files of some systems that have no result yet, or an error that is tried again."""
    return [
        file
        for file in files
        if file.system in systems and (file not in errors or (retry and errors[file]))
    ]


def _identity(name: str, X: pd.DataFrame, options: Mapping[str, Any]) -> str:
    """Digest of a system with all its parameters; one that cannot be built has its reason."""
    try:
        model = build(name, X, **options)
    # Its runs will fail for the same reason, which becomes their row.
    except Exception as error:  # noqa: BLE001
        return f"{type(error).__name__}: {error}"
    try:
        return content_digest(model)
    except (TypeError, AttributeError, pickle.PicklingError) as error:
        raise ValueError(
            f"System {name!r} has a parameter that cannot be told from others, so that its runs "
            f"could be taken for those of other settings: {error}. Give plain values or estimators."
        ) from error


def _rows_of(run: ProtocolRun | None) -> Any:
    """What tells a run from others: its rows and its seed; None of one of windows."""
    return None if run is None else (run.train, run.validation, run.test, run.seed)


def _table_of_runs(
    found: Mapping[RunFile, tuple[Outcome, float] | None], reasons: Mapping[str, str]
) -> tuple[pd.DataFrame, list[Outcome]]:
    """State of each run and why, and the outcomes with a stand-in for those that were not done."""
    rows, outcomes = [], []
    for file, result in found.items():
        if result is None:
            reason = reasons.get(file.system, "not finished yet")
            outcome, cpu_seconds, state = Outcome(file.system, file.number), np.nan, "not run"
            outcome.error = f"not run: {reason}"
        else:
            outcome, cpu_seconds = result
            reason, state = outcome.error, "failed" if outcome.error else "done"
        rows.append((file.system, file.number, state, reason, cpu_seconds))
        outcomes.append(outcome)
    columns = ["system", "run", "state", "reason", "cpu_seconds"]
    return pd.DataFrame(rows, columns=columns), outcomes


def _check_parameters(names: Sequence[str], parameters: Mapping[str, Any]) -> None:
    """Refuse a parameter that none of the systems has: it is misspelt."""
    left = set(parameters)
    for name in names if left else ():
        # A system whose libraries are missing says so in its own row.
        with contextlib.suppress(ImportError):
            left -= set(make_system(name).get_params(deep=True))
    if left:
        raise ValueError(f"None of {', '.join(names)} has the parameters {sorted(left)}.")


def _windows_only(comparison: Comparison) -> Comparison:
    """Without what a leaky protocol would say of people: none of them is new to the model."""
    folds, summary = comparison.folds, comparison.summary
    return replace(
        comparison,
        folds=folds[(folds["level"] == "window") | (folds["error"] != "")],
        summary=summary[(summary["level"] == "window") | (summary["n_folds"] == 0)],
        predictions=comparison.predictions.iloc[:0],
    )


def _runs(protocol: Protocol, X: pd.DataFrame, y: NDArray) -> list[ProtocolRun | None]:
    """Runs of the protocol; says at once where it does not fit the data."""
    # Windows are not cut yet: a table of few recordings can have plenty.
    if protocol.of_windows:
        return [None] * protocol.get_n_splits()
    return list(protocol.runs(X, y))
