"""The benchmark, which runs published systems on the same subjects and can be resumed."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils import check_random_state
from tqdm.auto import tqdm

from sklearn_emg._files import folder_to_write
from sklearn_emg._typing import Labels
from sklearn_emg._validation import check_integer, check_real
from sklearn_emg.comparison import (
    Comparison,
    Outcome,
    Scoring,
    build_comparison,
    checked_labels,
    confound_audit,
)
from sklearn_emg.model_selection import Protocol, ProtocolRun, RandomRecordings, opened_store
from sklearn_emg.papers._benchmark._results import (
    CONFOUNDS,
    Benchmark,
    facts_of,
    write_parquet,
    write_results,
)
from sklearn_emg.papers._benchmark._store import (
    AUDIT_COLUMNS,
    AuditFile,
    FinishedAudit,
    FinishedRun,
    RunFile,
    Truth,
    open_folder,
    settings_of,
)
from sklearn_emg.papers._benchmark._systems import check_parameters, choose_systems, identity_of
from sklearn_emg.papers._benchmark._tasks import do_audit, do_run, run_all
from sklearn_emg.papers._benchmark._trainings import show_trainings
from sklearn_emg.papers._registry import get_system
from sklearn_emg.recordings import (
    check_recording_table,
    content_digest,
    is_recording_table,
    keep_recordings,
    subjects_of,
    warn_of_repeated_signals,
)

_File = TypeVar("_File", RunFile, AuditFile)
_Result = TypeVar("_Result", FinishedRun, FinishedAudit)


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
    confounds: bool = False,
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
    store: Any = "auto",
) -> Benchmark:
    """Run systems over the runs of a protocol; finished runs are kept and are not repeated.

    Each finished run is stored as a file in ``out/runs``. An interrupted benchmark continues where
    it stopped when it is called again with the same arguments; a network continues from its last
    checkpoint, which is kept in ``out/training`` until its run is finished. The progress bar shows
    the epochs of the networks. A folder belongs to one set of data (all samples, labels and
    columns), one protocol, one set of options and one version of this package. If the file of a run
    was changed, or belongs to a different fold or to a system with different settings, the run is
    repeated with a warning. Several processes may run or report one benchmark at the same time. If
    a worker process is killed, for instance because of its memory use, only its run is lost.

    Parameters
    ----------
    systems : str or sequence of str
        Names of :func:`~sklearn_emg.papers.list_systems`, shell patterns, "all", "classical" or
        "networks".
    X : DataFrame
        Recording table.
    y : array-like of shape (n_rows,)
        Label of each recording.
    protocol : Protocol
        Protocol, such as the protocols of :mod:`sklearn_emg.model_selection`.
    out : path-like
        Results folder.
    fs : float, default=None
        Sampling rate in Hz for all systems; by default, the rate of each paper, or the lowest rate
        in the table if this is lower.
    max_epochs : int, default=None
        Maximum number of epochs of all networks; by default, as in each paper.
    parameters : mapping, default=None
        Parameters for ``set_params`` of those systems that have them.
    search : callable, default=None
        Function ``search(name, estimator)`` that returns the estimator to fit instead, such as a
        grid search.
    search_label : str, default=""
        Description of `search`, so that results of different searches are not mixed.
    audit_splits : int, default=0
        Number of folds of the leakage audit of each system, at least 2; 0 means no audit.
    confounds : bool, default=False
        Whether to audit, once for the folder, which other properties in the table predict the
        class; see :func:`~sklearn_emg.comparison.confound_audit`.
    n_jobs : int, default=None
        Number of parallel runs; ``joblib.parallel_config`` chooses the backend.
    retry_failed : bool, default=False
        Whether to repeat failed runs.
    left_out : mapping of str to str, default=None
        Names or patterns of systems that are not run, mapped to the reasons, which are reported.
    report_only : bool, default=False
        Whether to only report the finished runs.
    progress : bool, default=True
        Whether to show a progress bar.
    n_resamples : int, default=1000
        Number of bootstrap resamples.
    figure : bool, default=True
        Whether to draw ``results.png`` if matplotlib is installed.
    random_state : int, default=0
        Seed of the bootstrap and the audits; the protocol has its own seeds.
    notes : mapping, default=None
        Lines for the head of the Markdown table.
    memory : path-like, default=None
        Folder of fitted window classifiers, passed to
        :class:`~sklearn_emg.ensemble.DiVoteClassifier` as `memory`. Systems that differ only in
        their votes, such as the three of each nEMGNet, then share one network per run; the fit time
        of the first system includes the training, and the fit times of the others include only the
        votes. Delete the folder afterwards. It contains pickle files, which can execute code when
        they are loaded; only trusted users may have write access to this folder. The files in `out`
        execute nothing when they are loaded.
    store : {"auto"}, path-like, RecordingStore or None, default="auto"
        Place where results of stateless steps are stored, so that all systems, runs and audits
        share them, as in :func:`~sklearn_emg.comparison.compare`. The CPU time of a run then
        includes only those steps that no earlier run has computed. None computes them in each run.

    Returns
    -------
    benchmark : Benchmark
        Results of all finished runs. They are also written to `out`: ``results.parquet`` (one row
        per system, run, level and metric), ``summary.parquet``, ``folds.parquet``,
        ``predictions.parquet``, ``confusions.parquet``, ``runs.parquet``, ``trainings.parquet``
        (epochs of networks), ``audits.parquet``, ``confounds.parquet`` (if `confounds` is True),
        ``about.json``, ``results.md`` and, with `figure` and matplotlib, ``results.png``.
        :func:`read_benchmark` reads them.

    Raises
    ------
    ValueError
        If `out` contains a different benchmark (the message says what differs), no system matches,
        no system has one of the `parameters`, an option is out of range, the table or the labels
        are unusable, or the protocol does not fit the data.
    TypeError
        If `protocol` is not a protocol.
    NotADirectoryError
        If `out`, or a folder that would contain it, is a file.

    Warns
    -----
    UserWarning
        If a file in the folder is damaged or belongs to different data or settings; it is treated
        as missing.
    SubjectLeakWarning
        If recordings of different subjects contain the same samples.
    RecordingWarning
        If several recordings of one subject contain the same samples.

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
    names, reasons = choose_systems(systems), _reasons(left_out or {})
    check_parameters(names, parameters or {})
    fs, max_epochs = _checked_options(fs, max_epochs, n_resamples, audit_splits, protocol)
    y, out = _checked_labels(X, y), folder_to_write(out)
    runs = _runs(protocol, X, y)
    warn_of_repeated_signals(X)
    options: dict[str, Any] = {"fs": fs, "max_epochs": max_epochs, "parameters": parameters or {}}
    settings = settings_of(X, y, protocol=repr(protocol), **options, search=search_label)
    options["search"] = search
    shared = open_folder(out, settings)
    identity = _identities(names, X, options, shared)
    options["memory"] = None if memory is None else os.fspath(memory)
    truths = _truths(X, y, runs)
    done = _Results(_run_files(out, identity, runs), lambda file: file.read(truths[file.number]))
    audits = _Results(_audit_files(out, identity, audit_splits, random_state), AuditFile.read)
    to_run = set() if report_only else set(names) - set(reasons)
    again = done.to_do(to_run, retry_failed)
    audit_again = audits.to_do(to_run, retry_failed)
    settled = (audit_splits, random_state, options)
    found_confounds = _confounds(X, y, out, confounds and not report_only, n_jobs, random_state)
    n_tasks = len(again) + len(audit_again)
    with (
        opened_store(store if n_tasks else None, n_jobs) as opened,
        tqdm(total=n_tasks, desc="benchmark", unit="run", disable=not progress) as bar,
        show_trainings([*again, *audit_again], bar),
    ):
        kept = X
        if opened is not None and is_recording_table(X):
            kept = keep_recordings(X, opened)
        tasks: list[tuple[Any, ...]] = []
        tasks += [(do_run, file, kept, y, protocol, options) for file in again]
        tasks += [(do_audit, file, kept, y, *settled) for file in audit_again]
        run_all(tasks, np.unique(y), n_jobs, bar)
    done.read(again)
    audits.read(audit_again)
    seed = check_random_state(random_state).randint(2**31 - 1)
    scoring = Scoring(np.unique(y), n_resamples=n_resamples, seed=seed)
    table, outcomes = _table_of_runs(done.found, reasons)
    comparison = build_comparison(outcomes, names, X, y, scoring)
    benchmark = Benchmark(
        _of_level(comparison, protocol) if protocol.leaky else comparison,
        _table_of_audits(audits.found),
        _published(names),
        protocol.leaky,
        table,
        facts_of(notes or {}, repr(protocol), comparison.chance),
        found_confounds,
    )
    write_results(benchmark, out, figure)
    return benchmark


def _confounds(
    X: pd.DataFrame, y: NDArray, out: Path, asked: bool, n_jobs: int | None, seed: int
) -> pd.DataFrame:
    """Return the summary of the confound audit, which is computed once for a folder."""
    path = out / CONFOUNDS
    if asked and not path.exists():
        audit = confound_audit(X, y, n_jobs=n_jobs, random_state=seed)
        write_parquet(audit.summary.reset_index(names="property"), path)
    return pd.read_parquet(path) if path.exists() else pd.DataFrame()


class _Results(Generic[_File, _Result]):
    """Content of the files of a benchmark, with None for a file without a result."""

    def __init__(self, files: Sequence[_File], read: Callable[[_File], _Result | None]) -> None:
        self.found: dict[_File, _Result | None] = {}
        self._read: Callable[[_File], _Result | None] = read
        self.read(files)

    def read(self, files: Sequence[_File]) -> None:
        """Read the given files."""
        self.found |= {file: self._read(file) for file in files}

    def to_do(self, systems: set[str], retry: bool) -> list[_File]:
        """Return files of the given systems without a result or, if `retry`, with an error."""
        return [
            file
            for file, result in self.found.items()
            if file.system in systems and (result is None or (retry and result.error))
        ]


def _reasons(left_out: Mapping[str, str]) -> dict[str, str]:
    """Return the reasons why systems are left out, by system name."""
    return {name: why for key, why in left_out.items() for name in choose_systems([key])}


def _checked_options(
    fs: float | None, max_epochs: int | None, n_resamples: int, audit_splits: int, protocol: Any
) -> tuple[float | None, int | None]:
    """Reject options that are out of range, and return the numbers as Python numbers."""
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


def _checked_labels(X: pd.DataFrame, y: Labels) -> NDArray:
    """Check the table, and return the labels of its rows."""
    if is_recording_table(X):
        check_recording_table(X)
    return checked_labels(X, y)


def _identities(
    names: Sequence[str], X: pd.DataFrame, options: Mapping[str, Any], shared: str
) -> dict[str, str]:
    """Return a digest of the settings and the parameters of each system, by system name."""
    return {name: content_digest(shared, identity_of(name, X, options)) for name in names}


def _published(names: Sequence[str]) -> dict[str, str]:
    """Return the published results of the systems, as text."""
    return {name: "; ".join(map(str, get_system(name).published)) for name in names}


def _run_files(
    out: Path, identity: Mapping[str, str], runs: Sequence[ProtocolRun | None]
) -> list[RunFile]:
    """Return the files of all runs, sorted by run and then by system."""
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
    """Return the files of the audits of all systems; none if there is no audit."""
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


def _rows_of(run: ProtocolRun | None) -> Any:
    """Return the rows and seed that identify a run, or None for a run of windows."""
    return None if run is None else (run.train, run.validation, run.test, run.seed)


def _table_of_runs(
    found: Mapping[RunFile, FinishedRun | None], reasons: Mapping[str, str]
) -> tuple[pd.DataFrame, list[Outcome]]:
    """Return the state of each run with its reason, and outcomes, also for runs not done."""
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


def _table_of_audits(found: Mapping[AuditFile, FinishedAudit | None]) -> pd.DataFrame:
    done = {file.system: audit for file, audit in found.items() if audit is not None}
    return pd.DataFrame.from_dict(done, orient="index", columns=list(AUDIT_COLUMNS))


def _of_level(comparison: Comparison, protocol: Protocol) -> Comparison:
    """Keep only windows or recordings, since a leaky protocol tests no new subjects."""
    level = "recording" if isinstance(protocol, RandomRecordings) else "window"
    folds, summary = comparison.folds, comparison.summary
    return replace(
        comparison,
        folds=folds[(folds["level"] == level) | (folds["error"] != "")],
        summary=summary[(summary["level"] == level) | (summary["n_folds"] == 0)],
        predictions=comparison.predictions.iloc[:0],
    )


def _runs(protocol: Protocol, X: pd.DataFrame, y: NDArray) -> list[ProtocolRun | None]:
    """Return the runs of the protocol, or raise an error if it does not fit the data."""
    # Runs of windows are unknown until the windows are cut.
    if protocol.of_windows:
        return [None] * protocol.get_n_splits()
    return list(protocol.runs(X, y))


def _truths(X: pd.DataFrame, y: NDArray, runs: Sequence[ProtocolRun | None]) -> list[Truth]:
    """Return the possible content of each run."""
    subject = subjects_of(X)
    return [Truth.of_rows(subject, y, None if run is None else run.test) for run in runs]
