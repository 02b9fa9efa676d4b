"""The benchmark: systems of the literature on the same subjects, fold by fold, resumable."""

from __future__ import annotations

import contextlib
import fnmatch
import hashlib
import json
import os
import platform
import time
import traceback
import uuid
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import sklearn
from joblib import Parallel, delayed
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from tqdm.auto import tqdm

from sklearn_emg._typing import Labels
from sklearn_emg._version import __version__
from sklearn_emg.comparison import (
    Comparison,
    Level,
    Outcome,
    Scoring,
    build_comparison,
    checked_labels,
    find_divote,
    leakage_audit,
    run_fold,
)
from sklearn_emg.model_selection import (
    Protocol,
    assert_no_shared_subject,
    with_seed,
    with_validation,
)
from sklearn_emg.papers._registry import Figure, get_system, list_systems, make_system
from sklearn_emg.recordings import (
    check_recording_table,
    is_recording_table,
    read_signal,
    window_table,
)

_VERSION = 1  # of the files; another one is not mixed in
LEAKY_NOTE = (
    "LEAKY PROTOCOL: windows of the same person are in training and test. These figures say "
    "nothing of new patients; they show how the leak flatters."
)


@dataclass(frozen=True)
class Benchmark:
    """Results of :func:`run_benchmark`.

    Attributes
    ----------
    comparison : Comparison
        As of :func:`sklearn_emg.comparison.compare`; of a leaky protocol only windows.
    audits : DataFrame
        One row per audited system: balanced accuracy of windows by ``random windows`` (leaky) and
        by ``subjects``, and ``gap``.
    published : dict of str to str
    leaky : bool
        Whether the protocol puts people on both sides.
    cpu_seconds : DataFrame
        One row per system and run: seconds of all threads of its process, which other programs on
        the same machine lengthen less than seconds on the clock.
    notes : dict of str to str
        Lines for the head of the Markdown table.
    """

    comparison: Comparison
    audits: pd.DataFrame
    published: dict[str, str]
    leaky: bool
    cpu_seconds: pd.DataFrame
    notes: dict[str, str] = field(default_factory=dict)

    def table(self) -> pd.DataFrame:
        """One row per system: ours with intervals, the published figure, audit, costs.

        Returns
        -------
        table : DataFrame of str
        """
        level = "window" if self.leaky else "subject"
        summary = self.comparison.summary
        rows = {}
        for name in self.published:
            mine = summary[summary["pipeline"] == name]
            row = {"kind": "network" if get_system(name).needs else "classical"}
            for metric in ("accuracy", "balanced_accuracy", "f1", "auroc"):
                row[f"{level} {metric}"] = _cell(mine, level, metric)
            if not self.leaky:
                row["window accuracy"] = _cell(mine, "window", "accuracy")
            row["published"] = self.published[name] or "-"
            if len(self.audits):
                row["audit: random windows (leaky) / by subject"] = self._audit(name)
            folds = self.comparison.folds
            folds = folds[(folds["pipeline"] == name) & (folds["level"] == level)]
            cpu = self.cpu_seconds[self.cpu_seconds["pipeline"] == name]
            cpu = cpu[cpu["fold"].isin(folds["fold"])]
            for label, value, digits in (
                ("fit s", folds["fit_seconds"].mean(), 2),
                ("CPU s", cpu["cpu_seconds"].mean(), 2),
                ("predict ms/rec", folds["predict_ms_per_recording"].mean(), 1),
                # Memory that an earlier run left to the process is not seen to grow again.
                ("peak MB", folds["peak_memory_mb"].max(), 0),
            ):
                row[label] = "-" if np.isnan(value) else f"{value:.{digits}f}"
            row["failed or not run"] = self._failure(name)
            rows[name] = row
        return pd.DataFrame.from_dict(rows, orient="index")

    def _audit(self, name: str) -> str:
        if name not in self.audits.index or self.audits.loc[name, "error"]:
            return "-"
        leaky, by_subject = self.audits.loc[name, ["random windows", "subjects"]]
        return f"{leaky:.2f} / {by_subject:.2f}"

    def _failure(self, name: str) -> str:
        folds = self.comparison.folds
        errors = folds[(folds["pipeline"] == name) & (folds["error"] != "")]
        if errors.empty:
            return ""
        total = folds.loc[folds["pipeline"] == name, "fold"].nunique()
        reason = str(errors["error"].iloc[0]).replace("\n", " ").replace("|", "/")
        return f"{errors['fold'].nunique()} of {total}: {reason}"


def _cell(summary: pd.DataFrame, level: str, metric: str) -> str:
    values = summary[(summary["level"] == level) & (summary["metric"] == metric)]
    if values.empty or np.isnan(pooled := values["pooled"].iloc[0]):
        return "-"
    low, high = values[["low", "high"]].iloc[0]
    return f"{pooled:.2f}" if np.isnan(low) else f"{pooled:.2f} [{low:.2f}, {high:.2f}]"


# -------------------------------------------------------------------- files


def _write(path: Path, text: str) -> None:
    """Write a file so that it is there whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".part-{uuid.uuid4().hex}")
    try:
        with open(temporary, "x", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _outcome_to_json(outcome: Outcome, cpu_seconds: float) -> str:
    levels = {
        name: {
            "subject": level.subject.tolist(),
            "y_true": level.y_true.tolist(),
            "y_pred": level.y_pred.tolist(),
            # In full: rounding would make ties of nearly sure cases and change their ranks.
            "proba": None if level.proba is None else level.proba.tolist(),
            "unit": None if level.unit is None else level.unit.tolist(),
        }
        for name, level in outcome.levels.items()
    }
    kept = {k: v for k, v in vars(outcome).items() if k not in ("levels", "estimator")}
    # What a search chose may be an estimator: it is kept as its text.
    return json.dumps({**kept, "cpu_seconds": cpu_seconds, "levels": levels}, default=repr)


def _outcome_from_json(content: dict[str, Any]) -> tuple[Outcome, float]:
    """A finished run, and the CPU seconds that it took."""
    cpu_seconds = content.pop("cpu_seconds", np.nan)
    levels = {
        name: Level(
            np.array(level["subject"], dtype=np.intp),
            np.array(level["y_true"]),
            np.array(level["y_pred"]),
            None if level["proba"] is None else np.array(level["proba"], dtype=float),
            None if level.get("unit") is None else np.array(level["unit"], dtype=object),
        )
        for name, level in content.pop("levels").items()
    }
    return Outcome(**content, levels=levels), cpu_seconds


def _fingerprint(X: pd.DataFrame, y: NDArray) -> str:
    """Digest of who is in the data, with which labels and samples."""
    digest = hashlib.sha256()
    for name in sorted(set(X.columns) - {"signal"}, key=str):
        digest.update(f"{name}:{X[name].tolist()}".encode())
    digest.update(str(y.tolist()).encode())
    if is_recording_table(X):
        for signal in X["signal"]:
            # Length and a few samples tell recordings apart without reading every byte.
            values = read_signal(signal)
            digest.update(
                f"{values.shape}{values[..., :: max(1, values.shape[-1] // 16)]}".encode()
            )
    return digest.hexdigest()


def _read_json(path: Path) -> dict[str, Any] | None:
    """Content of a result file; None where it is not there, or not whole any more."""
    if not path.exists():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        content = None
    if not isinstance(content, dict) or not content:
        warnings.warn(
            f"{path} is damaged and counts as not there: what it held is done again.",
            UserWarning,
            stacklevel=2,
        )
        return None
    return content


def _check_folder(out: Path, config: dict[str, Any]) -> None:
    """Take an empty folder, or one that holds folds of the same benchmark."""
    file = out / "benchmark.json"
    before = _read_json(file)
    if before is None and any((out / "runs").glob("*/*.json")):
        raise ValueError(
            f"{out} holds finished runs, but no {file.name} that says of which benchmark. Choose "
            "another folder, or delete its runs."
        )
    if before is not None:
        differs = [k for k in config if before.get(k) != config[k]]
        if differs:
            details = "; ".join(f"{k}: {before.get(k)!r} there, {config[k]!r} now" for k in differs)
            raise ValueError(
                f"{out} holds folds of another benchmark ({details}). Choose another folder."
            )
        return
    _write(file, json.dumps(config, indent=1))


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
        changes["fs"] = max(rate, system.least_fs) if fs is None else float(fs)
    if max_epochs is not None and "max_epochs" in takes:
        changes["max_epochs"] = max_epochs
    model = make_system(name, **changes)
    known = model.get_params(deep=True)
    if is_recording_table(X) and known.get("filter__high") is not None:
        # Filters come before resampling: the slowest recording says what they can pass.
        high = min(float(known["filter__high"]), 0.45 * float(X["fs"].min()))
        model.set_params(filter__high=high)
    if "divote__short" in known:
        # One recording that is shorter than a paper's window must not cost the whole system.
        model.set_params(divote__short="skip")
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


def _failed(name: str, number: int, error: BaseException) -> Outcome:
    return Outcome(
        name, number, error=f"{type(error).__name__}: {error}", details=traceback.format_exc()
    )


def _do_run(
    path: Path,
    name: str,
    X: pd.DataFrame,
    y: NDArray,
    protocol: Protocol,
    number: int,
    options: Mapping[str, Any],
) -> None:
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
    _write(path, _outcome_to_json(outcome, cpu_seconds))


def _do_audit(
    path: Path,
    name: str,
    X: pd.DataFrame,
    y: NDArray,
    n_splits: int,
    seed: int,
    options: Mapping[str, Any],
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.filterwarnings("ignore", "Windows left out")  # the report says so once
        try:
            plain = {k: v for k, v in options.items() if k != "search"}
            model = with_seed(build(name, X, **plain), seed)
            audit = leakage_audit(model, X, y, n_splits=n_splits, progress=False, random_state=seed)
            balanced = audit.summary["mean_balanced_accuracy"]
            result: dict[str, Any] = {
                "random windows": float(balanced["random windows"]),
                "subjects": float(balanced["subjects"]),
                "gap": audit.gap,
                "error": "",
            }
        except Exception as error:  # noqa: BLE001
            none = float("nan")
            result = {"random windows": none, "subjects": none, "gap": none}
            result["error"] = f"{type(error).__name__}: {error}"
    _write(path, json.dumps({"system": name, **result}))


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
    is called again with the same arguments.

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
        then that of the first of them, and the others' is the votes'. Delete it afterwards.

    Returns
    -------
    benchmark : Benchmark
        Also written to `out`: ``results.parquet`` (one row per system, run, level and metric),
        ``summary.parquet``, ``predictions.parquet``, ``audits.parquet``, ``results.md`` and, with
        matplotlib, ``results.png``.

    Raises
    ------
    ValueError
        If `out` holds another benchmark, no system matches, no system has one of `parameters`, an
        option is out of range, the table or the labels are unusable, or the protocol does not fit
        the data.
    TypeError
        If `protocol` is none.

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
    to_run = [] if report_only else [name for name in names if name not in reasons]
    _check_parameters(names, parameters or {})
    if audit_splits < 0 or audit_splits == 1:
        raise ValueError(
            "The 'audit_splits' of run_benchmark must be 0 for no audit, or at least 2 folds. "
            f"Got {audit_splits}."
        )
    if fs is not None and not (np.isfinite(fs) and fs > 0):
        raise ValueError(f"The 'fs' of run_benchmark must be a positive rate in Hz. Got {fs}.")
    if not isinstance(n_resamples, (int, np.integer)) or n_resamples < 1:
        raise ValueError(f"The 'n_resamples' of run_benchmark must be >= 1. Got {n_resamples!r}.")
    if not isinstance(protocol, Protocol):
        raise TypeError(
            "The 'protocol' of run_benchmark must be one of sklearn_emg.model_selection, such as "
            f"RepeatedSubjectKFold(5, n_repeats=1). Got {protocol!r}."
        )
    if is_recording_table(X):
        check_recording_table(X)
    y, out = checked_labels(X, y), Path(out)
    runs = _numbers(protocol, X, y)
    config = {
        "version": _VERSION,
        "data": _fingerprint(X, y),
        "protocol": repr(protocol),
        "fs": fs,
        "max_epochs": max_epochs,
        "parameters": {k: repr(v) for k, v in sorted((parameters or {}).items())},
        "search": search_label,
    }
    _check_folder(out, config)
    options: dict[str, Any] = {
        "fs": fs,
        "max_epochs": max_epochs,
        "parameters": parameters,
        "search": search,
        "memory": None if memory is None else os.fspath(memory),
    }
    tasks, files, audit_files = [], {}, {}
    for number in runs:
        for name in names:
            path = files[name, number] = out / "runs" / name / f"{number:03d}.json"
            if name in to_run and _todo(path, retry_failed):
                tasks.append(delayed(_do_run)(path, name, X, y, protocol, number, options))
    for name in names if audit_splits else ():
        path = audit_files[name] = out / "audits" / f"{name}-{audit_splits}.json"
        if name in to_run and _todo(path, retry_failed):
            tasks.append(delayed(_do_audit)(path, name, X, y, audit_splits, random_state, options))
    with tqdm(total=len(tasks), desc="benchmark", unit="run", disable=not progress) as bar:
        _Runs(bar, n_jobs=n_jobs)(tasks)
    finished = [
        _read_run(path, name, number, reasons.get(name, "not finished yet"))
        for (name, number), path in files.items()
    ]
    outcomes = [outcome for outcome, _ in finished]
    cpu_seconds = pd.DataFrame(
        [(outcome.pipeline, outcome.fold, seconds) for outcome, seconds in finished],
        columns=["pipeline", "fold", "cpu_seconds"],
    )
    seed = check_random_state(random_state).randint(2**31 - 1)
    scoring = Scoring(np.unique(y), n_resamples=n_resamples, seed=seed)
    comparison = build_comparison(outcomes, names, X, y, scoring)
    if protocol.leaky:
        comparison = _windows_only(comparison)
    benchmark = Benchmark(
        comparison,
        _read_audits(audit_files),
        {name: "; ".join(map(str, get_system(name).published)) for name in names},
        protocol.leaky,
        cpu_seconds,
        dict(notes or {}),
    )
    _report(benchmark, out, repr(protocol), figure)
    return benchmark


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


def _numbers(protocol: Protocol, X: pd.DataFrame, y: NDArray) -> range:
    """Numbers of the runs; says at once where the protocol does not fit the data."""
    # Windows are not cut yet: a table of few recordings can have plenty.
    return range(protocol.get_n_splits() if protocol.of_windows else len(protocol.runs(X, y)))


def _todo(path: Path, retry_failed: bool) -> bool:
    content = _read_json(path)
    return content is None or (retry_failed and content["error"] != "")


def _read_run(path: Path, name: str, number: int, reason: str) -> tuple[Outcome, float]:
    """A finished run and its CPU seconds, or why there is none."""
    content = _read_json(path)
    if content is not None:
        return _outcome_from_json(content)
    return Outcome(name, number, error=f"not run: {reason}"), np.nan


def _read_audits(files: Mapping[str, Path]) -> pd.DataFrame:
    columns = ["random windows", "subjects", "gap", "error"]
    rows = {name: content for name, path in files.items() if (content := _read_json(path))}
    return pd.DataFrame.from_dict(rows, orient="index", columns=["system", *columns])[columns]


# -------------------------------------------------------------------- report


def _report(benchmark: Benchmark, out: Path, protocol: str, figure: bool) -> None:
    comparison = benchmark.comparison
    cost = ["fit_seconds", "cpu_seconds", "predict_ms_per_recording", "peak_memory_mb"]
    keys = ["pipeline", "fold", "level", "n_cases", "error"]
    folds = comparison.folds.merge(benchmark.cpu_seconds, "left", ["pipeline", "fold"])
    tidy = folds.melt(keys, [c for c in folds.columns if c not in keys], "metric", "value").rename(
        columns={"pipeline": "system", "fold": "run"}
    )
    tidy["leaky"] = benchmark.leaky
    tidy["kind"] = np.where(tidy["metric"].isin(cost), "cost", "score")
    _parquet(tidy, out / "results.parquet")
    _parquet(comparison.summary.assign(leaky=benchmark.leaky), out / "summary.parquet")
    people = comparison.predictions.copy()
    people["subject"] = people["subject"].astype(str)
    _parquet(people, out / "predictions.parquet")
    _parquet(benchmark.audits.reset_index(names="system"), out / "audits.parquet")
    _write(out / "results.md", _markdown(benchmark, protocol))
    if figure:
        # Without matplotlib there is none; the table has everything.
        with contextlib.suppress(ImportError):
            _draw(benchmark, out / "results.png")


def _parquet(frame: pd.DataFrame, path: Path) -> None:
    temporary = path.with_name(f".part-{path.name}")
    frame.to_parquet(temporary, index=False)
    os.replace(temporary, path)


def _markdown(benchmark: Benchmark, protocol: str) -> str:
    table = benchmark.table()
    head = ["# Published systems, compared", ""]
    if benchmark.leaky:
        head += [f"**{LEAKY_NOTE}**", ""]
    notes = dict(benchmark.notes)
    if "command" in notes:
        notes["command"] = f"`{notes['command']}`"  # a * in it is no markup
    facts = {
        **notes,
        "protocol": protocol,
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "software": f"sklearn-emg {__version__}, scikit-learn {sklearn.__version__}, "
        f"Python {platform.python_version()}",
        "hardware": _hardware(),
        "largest class": f"{benchmark.comparison.chance:.2f} of the subjects",
    }
    head += [f"- {name}: {value}" for name, value in facts.items()]
    head += [
        "",
        "Intervals are 95 % over subjects. The audit runs one pipeline on the same windows under a "
        "random split (leaky) and a split by subject, balanced accuracy of windows. Published "
        "figures come from other data; those called leaky had subjects, or the test set itself, on "
        "both sides of the split. Recordings shorter than a system's window are left out of it.",
        "",
    ]
    # A row of dashes for each system that was not run would bury those that were.
    state = table["failed or not run"].str.extract(r"^(\d+) of (\d+): not run: (.*)$")
    absent = state[2].where(state[0] == state[1])
    table = table[absent.isna()]
    columns = ["system", *table.columns]
    lines = [f"| {' | '.join(columns)} |", f"|{'---|' * len(columns)}"]
    lines += [f"| {' | '.join([str(name), *row])} |" for name, row in table.iterrows()]
    reasons = absent.groupby(absent, sort=False).groups
    lines += [""] if reasons else []
    lines += [f"- Not run, {reason}: {', '.join(names)}." for reason, names in reasons.items()]
    return "\n".join([*head, *lines, ""])


def _hardware() -> str:
    cores = f"{platform.machine()}, {os.cpu_count()} CPU cores"
    try:
        import torch
    except ImportError:
        return cores
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"
    return f"{cores}, {gpu}"


def _draw(benchmark: Benchmark, path: Path) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure as Canvas

    level = "window" if benchmark.leaky else "subject"
    summary = benchmark.comparison.summary
    chosen = summary[(summary["level"] == level) & (summary["metric"] == "accuracy")]
    chosen = chosen.set_index("pipeline").reindex(list(benchmark.published))
    figure = Canvas(figsize=(8, 0.35 * len(chosen) + 1.8), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    at = np.arange(len(chosen))[::-1]
    spread = np.stack([chosen["pooled"] - chosen["low"], chosen["high"] - chosen["pooled"]])
    axes.errorbar(
        chosen["pooled"], at, xerr=np.nan_to_num(spread), fmt="o", color="#0072B2", capsize=3,
        label="here, 95 % over subjects",
    )  # fmt: skip
    _mark_published(axes, list(chosen.index), at)
    axes.axvline(benchmark.comparison.chance, color="0.5", ls="--", lw=1, label="largest class")
    title = f"accuracy of {level}s" + (" (LEAKY protocol)" if benchmark.leaky else "")
    axes.set(yticks=at, yticklabels=chosen.index, xlim=(0, 1.02), xlabel=title)
    figure.legend(loc="outside upper center", ncols=2, frameon=False, fontsize="small")
    figure.savefig(path, dpi=120)


def _mark_published(axes: Any, names: list[str], at: NDArray) -> None:
    figures: list[tuple[Figure, float]] = [
        (figure, height) for name, height in zip(names, at) for figure in get_system(name).published
    ]
    styles = {
        True: ("s", "#D55E00", "published, leaky"),
        False: ("D", "#009E73", "published, by subject"),
        None: ("x", "0.4", "published, split not stated"),
    }
    for kind, (marker, colour, label) in styles.items():
        points = [(f.value / 100, height) for f, height in figures if f.leaky is kind]
        if points:
            axes.scatter(*zip(*points), marker=marker, color=colour, label=label, s=30, zorder=3)
