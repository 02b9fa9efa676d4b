"""Fitting and testing of a pipeline, with its costs and its predictions at each level."""

from __future__ import annotations

import os
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from functools import partial
from numbers import Real
from typing import Any, cast

import numpy as np
import pandas as pd
import psutil
from joblib import Parallel, delayed, effective_n_jobs, parallel_config
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, clone, is_regressor

from sklearn_emg._sklearn import safe_indexing
from sklearn_emg._tables import counted
from sklearn_emg._warnings import Noted, call_noting, repeat_noted
from sklearn_emg.comparison._workers import mapped_tables
from sklearn_emg.ensemble import Votes, find_votes
from sklearn_emg.metrics import SubjectPredictions, subjects_from_rows
from sklearn_emg.model_selection import Split, groups_of_search
from sklearn_emg.recordings import (
    identities_learned,
    is_recording_table,
    plain_recordings,
    subjects_of,
)

LEVELS = ("window", "recording", "subject")

# Columns of the training history that are shown.
_HISTORY = ("train_loss", "train_acc", "valid_loss", "valid_acc", "lr", "dur")


class _PeakMemory:
    """Context manager that samples the growth of the resident memory of this process."""

    def __enter__(self) -> _PeakMemory:
        self._process = psutil.Process()
        self._start = self._peak = self._process.memory_info().rss
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def _watch(self) -> None:
        while not self._stop.wait(0.005):
            self._peak = max(self._peak, self._process.memory_info().rss)

    def __exit__(self, *exc: object) -> None:
        self._stop.set()
        self._thread.join()
        self._peak = max(self._peak, self._process.memory_info().rss)

    @property
    def megabytes(self) -> float:
        return (self._peak - self._start) / 1e6


@dataclass
class Level:
    """Predictions of one fitted pipeline for the test rows, at one level.

    Attributes
    ----------
    subject : ndarray of shape (n_predictions,)
        Code, in the whole table, of the subject of each prediction. `n_scored` is the number of
        windows, recordings or subjects (or units) that were predicted.
    y_true, y_pred : ndarray of shape (n_predictions,)
        True and predicted labels or numbers.
    proba : ndarray of shape (n_predictions, n_classes) or None
        Probabilities of the classes, if there are any.
    unit : ndarray of shape (n_predictions,) or None
        Unit of each diagnosis, such as the side or the session, if subjects have several diagnoses.
    row : ndarray of int of shape (n_predictions,) or None
        Row of each prediction in the whole table; None if predictions do not belong to single rows.
    """

    subject: NDArray[np.intp]
    y_true: NDArray[Any]
    y_pred: NDArray[Any]
    proba: NDArray[np.floating] | None
    unit: NDArray[Any] | None = None
    row: NDArray[np.intp] | None = None

    def without(self, subjects: NDArray[np.intp]) -> Level:
        """Remove the predictions for some subjects.

        Parameters
        ----------
        subjects : ndarray of int
            Codes of these subjects.

        Returns
        -------
        level : Level
            Predictions for the other subjects.
        """
        left = ~np.isin(self.subject, subjects)
        proba = None if self.proba is None else np.asarray(self.proba)[left]
        unit, row = (None if v is None else v[left] for v in (self.unit, self.row))
        return Level(self.subject[left], self.y_true[left], self.y_pred[left], proba, unit, row)


@dataclass
class Outcome:
    """Predictions and costs of one fit and test of a pipeline, or the error that it raised.

    Attributes
    ----------
    pipeline, fold : str, int
        Name of the pipeline and number of the fold.
    levels : dict of str to Level
        Predictions at each level.
    fit_seconds, predict_ms, peak_memory_mb : float
        Time of fitting in s, time of prediction per recording in ms, and peak memory in MB.
    cpu_seconds : float
        CPU time of fitting and predicting in s, summed over all threads of the process.
    n_train : float
        Number of training subjects; NaN if it is not known.
    error, details : str
        Message and traceback of the error; empty if there was none.
    unit : str
        Unit of a diagnosis; see :class:`Comparison`.
    scores : dict of str to float
        Additional metrics at the level of diagnoses.
    chosen : list of (str, str, object)
        Search, parameter and value of each choice made by a search in the pipeline.
    estimator : estimator or None
        Fitted pipeline, if it is kept.
    numbers_held : int
        Number of weights and running statistics of the networks in the pipeline.
    history : list of dict
        Epochs of the networks in the pipeline, as in ``Comparison.training_history``.
    """

    pipeline: str
    fold: int
    levels: dict[str, Level] = field(default_factory=dict)
    fit_seconds: float = np.nan
    predict_ms: float = np.nan
    peak_memory_mb: float = np.nan
    cpu_seconds: float = np.nan
    error: str = ""
    details: str = ""
    unit: str = "subject"
    scores: dict[str, float] = field(default_factory=dict)
    chosen: list[tuple[str, str, Any]] = field(default_factory=list)
    estimator: Any = None
    n_train: float = np.nan
    numbers_held: int = 0
    history: list[dict[str, Any]] = field(default_factory=list)


def _first_of_units(votes: Votes) -> tuple[NDArray[np.intp], NDArray[Any] | None]:
    """Return the first row of each unit, and the names of units if subjects have several."""
    # Units (subjects, or sides or sessions of subjects) are in the order of first appearance.
    names = list(votes.recordings.columns[: votes.subjects.index.nlevels])
    keys = pd.MultiIndex.from_frame(votes.recordings[names])
    first = np.unique(pd.factorize(keys)[0], return_index=True)[1]
    unit = None if len(names) == 1 else votes.subjects.index.get_level_values(1).to_numpy()
    return first, unit


def _levels_from_votes(
    votes: Votes, y: NDArray, subject: NDArray[np.intp], classes: NDArray
) -> dict[str, Level]:
    """Return the levels of a classifier that aggregates window predictions to subjects."""
    score = [f"score_{c}" for c in classes]
    row = votes.windows["row"].to_numpy()
    windows = votes.windows
    scored = votes.recordings["n_windows"].to_numpy() > 0
    recordings = votes.recordings[scored]
    first, unit = _first_of_units(votes)
    probability = [f"probability_{c}" for c in classes]
    proba = votes.subjects[probability].to_numpy() if probability[0] in votes.subjects else None
    diagnosis = votes.subjects["diagnosis"].to_numpy()
    return {
        "window": Level(
            subject[row], y[row], windows["vote"].to_numpy(), windows[score].to_numpy()
        ),
        "recording": Level(
            subject[scored],
            y[scored],
            recordings["vote"].to_numpy(),
            recordings[score].to_numpy(),
            row=np.flatnonzero(scored),
        ),
        "subject": Level(subject[first], y[first], diagnosis, proba, unit),
    }


def _numbers_from_votes(votes: Votes, y: NDArray, subject: NDArray[np.intp]) -> dict[str, Level]:
    """Return the levels of a regressor that aggregates window predictions to subjects."""
    row = votes.windows["row"].to_numpy()
    scored = votes.recordings["n_windows"].to_numpy() > 0
    first, unit = _first_of_units(votes)
    return {
        name: Level(
            subject[rows],
            y[rows],
            table["prediction"].to_numpy(),
            None,
            units,
            rows if name == "recording" else None,
        )
        for name, rows, table, units in (
            ("window", row, votes.windows, None),
            ("recording", np.flatnonzero(scored), votes.recordings[scored], None),
            ("subject", first, votes.subjects, unit),
        )
    }


def _numbers_of_rows(
    outcome: Outcome,
    X: pd.DataFrame,
    y: NDArray,
    y_rows: NDArray,
    subject: NDArray[np.intp],
    unit: tuple[str, NDArray[Any]] | None,
) -> None:
    """Store numbers predicted for rows: one per subject, or one per row if targets differ."""
    numbers = np.asarray(y_rows, dtype=float).reshape(len(y))
    rows = Level(subject, y, numbers, None, row=np.arange(len(y)))
    if unit is not None:
        outcome.unit, rows.unit = unit
        outcome.levels = {"subject": rows}
        return
    subjects = subjects_from_rows(X, y, y_rows, None, np.array([]))
    true = cast("NDArray[Any]", subjects.y_true)  # None only without y
    of_subjects = Level(pd.unique(subject), true, subjects.y_pred, None)
    outcome.levels = {"recording": rows, "subject": of_subjects}


def _unit_of_rows(model: Any, X: pd.DataFrame, y: NDArray) -> tuple[str, NDArray[Any]] | None:
    """Return the column that distinguishes the rows of a subject, such as the visit, or the index.

    Return None if all rows of a subject have the same target, or if y contains labels of
    recordings. The result depends on the whole table, so that the unit is the same in all folds.
    """
    differ = (pd.Series(y).groupby(subjects_of(X)).nunique() > 1).any()
    if not differ or not (is_regressor(model) or "target_visit" in X):
        return None
    for column in ("target_visit", "visit"):
        if column in X and not X.duplicated(["subject", column]).any():
            return column, X[column].to_numpy()
    return "row", X.index.to_numpy()


def _predict(
    outcome: Outcome,
    estimator: Any,
    X: pd.DataFrame,
    y: NDArray,
    subject: NDArray[np.intp],
    unit: tuple[str, NDArray[Any]] | None,
) -> float:
    """Store the predictions of the test rows in the outcome; return the prediction time in s."""
    start = time.perf_counter()
    votes = find_votes(estimator, X)
    if votes is not None:
        seconds = time.perf_counter() - start
        if is_regressor(estimator):
            outcome.levels = _numbers_from_votes(votes, y, subject)
        else:
            outcome.levels = _levels_from_votes(votes, y, subject, np.asarray(estimator.classes_))
        outcome.unit = str(votes.recordings.columns[votes.subjects.index.nlevels - 1])
        return seconds
    y_rows = np.asarray(estimator.predict(X))
    seconds = time.perf_counter() - start
    if is_regressor(estimator):
        _numbers_of_rows(outcome, X, y, y_rows, subject, unit)
        return seconds
    proba = estimator.predict_proba(X) if hasattr(estimator, "predict_proba") else None
    rows = Level(subject, y, y_rows, proba, row=np.arange(len(y)))
    if unit is not None:
        outcome.unit, rows.unit = unit
        outcome.levels = {"subject": rows}
        return seconds
    subjects = subjects_from_rows(X, y, y_rows, proba, np.asarray(estimator.classes_))
    outcome.levels = {
        "recording": rows,
        "subject": Level(
            pd.unique(subject),
            cast("NDArray[Any]", subjects.y_true),  # None only without y
            subjects.y_pred,
            subjects.y_proba,
        ),
    }
    return seconds


def _check_levels(levels: dict[str, Level], model: Any, classes: NDArray) -> None:
    """Check that predictions can be scored; give probabilities one column per class of y."""
    if is_regressor(model):
        if not all(np.isfinite(level.y_pred).all() for level in levels.values()):
            raise ValueError("The pipeline predicts numbers that are not finite.")
        return
    known = np.asarray(model.classes_)
    for level in levels.values():
        for answers in (level.y_pred, known):
            if (unknown := np.setdiff1d(answers, classes)).size:
                raise ValueError(
                    f"The pipeline predicts {unknown.tolist()[:3]}, which are not labels of y."
                )
        if level.proba is None:
            continue
        proba = np.asarray(level.proba, dtype=float)
        if proba.shape != (len(level.y_true), len(known)):
            raise ValueError(
                f"predict_proba returns the shape {proba.shape} for "
                f"{counted(len(level.y_true), 'prediction')} and {len(known)} classes."
            )
        if not np.allclose(proba.sum(axis=1), 1, atol=1e-4):  # this also rejects NaN
            raise ValueError("predict_proba returns rows that do not sum to 1.")
        # A class without training rows has probability 0.
        level.proba = np.zeros((len(proba), len(classes)))
        level.proba[:, np.searchsorted(classes, known)] = proba


def chosen_parameters(estimator: Any) -> list[tuple[str, str, Any]]:
    """List the choices of the searches in a fitted estimator.

    Parameters
    ----------
    estimator : fitted estimator
        Pipeline that may contain searches.

    Returns
    -------
    chosen : list of (str, str, object)
        Place of the search (empty for the estimator itself), parameter and value of each choice.
    """
    found: list[tuple[str, str, Any]] = []
    todo: list[tuple[str, Any]] = [("", estimator)]
    seen: set[int] = set()
    while todo:
        path, part = todo.pop(0)
        if id(part) in seen:
            continue
        seen.add(id(part))
        if isinstance(getattr(part, "best_params_", None), Mapping):
            found += [(path, name, value) for name, value in part.best_params_.items()]
        dot = f"{path}." if path else ""
        todo += [(f"{dot}{name}", inner) for name, inner in _inner(part)]
    return found


def _inner(part: Any) -> list[tuple[str, Any]]:
    """List the estimators, and containers that may contain some, in an estimator or container."""
    named: dict[Any, Any] = {}
    if isinstance(part, BaseEstimator):
        named = {**vars(part), "cv_results_": None}
    elif isinstance(part, dict):
        named = part
    elif isinstance(part, (list, tuple)):
        named = dict(enumerate(part))
        if len(part) > 1 and isinstance(part[0], str):  # (name, estimator, ...)
            named[part[0]] = named.pop(1)
    holders = (BaseEstimator, dict, list, tuple)
    return [(str(name), value) for name, value in named.items() if isinstance(value, holders)]


def _scores(
    outcome: Outcome, metrics: Mapping[str, Any], model: Any, X: pd.DataFrame, y: NDArray
) -> dict[str, float]:
    """Compute the additional metrics of the diagnoses of this fold."""
    level = outcome.levels["subject"]
    classes = np.array([]) if is_regressor(model) else np.asarray(model.classes_)
    scores = {}
    for name, scorer in metrics.items():
        if hasattr(scorer, "score"):  # a subject_scorer scores the stored diagnoses
            predictions = SubjectPredictions(
                level.subject, level.y_true, level.y_pred, level.proba, classes
            )
            scores[name] = float(scorer.score(predictions))
        else:
            table = plain_recordings(X) if is_recording_table(X) else X
            scores[name] = float(scorer(model, table, y))
    return scores


def run_fold(
    name: str,
    estimator: Any,
    X: pd.DataFrame,
    y: NDArray,
    fold: int,
    split: Split,
    *,
    metrics: Mapping[str, Any] | None = None,
    keep: bool = False,
    unscored: NDArray[np.intp] | None = None,
) -> Outcome:
    """Fit and test one pipeline on one fold; an error becomes part of the outcome.

    Parameters
    ----------
    name : str
        Name of the pipeline.
    estimator : estimator
        Pipeline, of which a clone is fitted.
    X : DataFrame with a ``subject`` column
        Table of all rows.
    y : ndarray of shape (n_rows,)
        Label or number of each row.
    fold : int
        Number of the fold.
    split : (ndarray of int, ndarray of int)
        Training rows and test rows.
    metrics : dict of str to callable, default=None
        Additional metrics: ``subject_scorer`` objects, or ``scorer(estimator, X, y)``.
    keep : bool, default=False
        Whether the outcome keeps the fitted estimator.
    unscored : ndarray of int, default=None
        Codes, in X, of subjects that are predicted with the others but not scored, such as
        reference subjects of a site.

    Returns
    -------
    outcome : Outcome
        Predictions and costs, or the error.
    """
    train, test = split
    outcome = Outcome(name, fold)
    cpu_start = time.process_time()
    try:
        with _PeakMemory() as memory:
            model = clone(estimator)
            X_train, X_test = safe_indexing(X, train), safe_indexing(X, test)
            subject = subjects_of(X)
            outcome.n_train = len(np.unique(subject[train]))
            start, cpu_start = time.perf_counter(), time.process_time()
            try:
                model.fit(X_train, y[train], **groups_of_search(model, X_train))
            except ValueError:  # possibly because of text columns, such as names of subjects
                refuse_identities(model, X_train, y[train])
                raise
            outcome.fit_seconds = time.perf_counter() - start
            refuse_identities(model, X_train, y[train])
            unit = _unit_of_rows(model, X, y)
            unit = unit and (unit[0], unit[1][test])
            seconds = _predict(outcome, model, X_test, y[test], subject[test], unit)
            outcome.cpu_seconds = time.process_time() - cpu_start
        for level in outcome.levels.values():
            level.row = None if level.row is None else np.asarray(test)[level.row]
        if unscored is not None:
            outcome.levels = {name: v.without(unscored) for name, v in outcome.levels.items()}
        outcome.scores = _scores(outcome, metrics or {}, model, X_test, y[test])
        _check_levels(outcome.levels, model, np.unique(y))
        outcome.predict_ms = 1e3 * seconds / len(test)
        outcome.peak_memory_mb = memory.megabytes
        outcome.chosen = chosen_parameters(model)
        outcome.numbers_held, outcome.history = numbers_held(model), _history(model)
        outcome.estimator = model if keep else None
    # An error in one pipeline must not discard the results of the others.
    except Exception as error:  # noqa: BLE001
        outcome.error = f"{type(error).__name__}: {error}"
        outcome.details = traceback.format_exc()
        outcome.cpu_seconds = time.process_time() - cpu_start
    return outcome


def fitted_networks(part: Any, seen: set[int]) -> Iterator[Any]:
    """Yield the parts of a fitted estimator that have a training history."""
    if id(part) in seen:
        return
    seen.add(id(part))
    if isinstance(part, BaseEstimator):
        if hasattr(part, "history_"):
            yield part
            return
        part = vars(part)
    if isinstance(part, dict):
        part = list(part.values())
    if isinstance(part, list | tuple):
        for value in part:
            yield from fitted_networks(value, seen)


def numbers_held(model: Any) -> int:
    """Count the parameters and running statistics of the networks in a fitted pipeline."""
    modules: list[Any] = [
        getattr(getattr(network, "net_", network), "module_", None)
        for network in fitted_networks(model, set())
    ]
    states = [module.state_dict() for module in modules if hasattr(module, "state_dict")]
    return sum(value.numel() for state in states for value in state.values())


def _history(model: Any) -> list[dict[str, Any]]:
    """Return the epochs of the networks in a fitted pipeline."""
    return [
        {
            "network": type(network).__name__,
            "epoch": number,
            **{key: float(epoch[key]) for key in _HISTORY if isinstance(epoch.get(key), Real)},
        }
        for network in fitted_networks(model, set())
        for number, epoch in enumerate(network.history_, start=1)
        if isinstance(epoch, Mapping)
    ]


def refuse_identities(model: Any, X: pd.DataFrame, y: NDArray) -> None:
    """Raise an error if a fitted estimator uses the subject, another identity or a label."""
    if message := identities_learned(model, X, y):
        raise ValueError(message)


def killed_outcome(name: str, fold: int, error: BaseException) -> Outcome:
    """Return the outcome of a fit whose worker process was killed with `error`."""
    return Outcome(
        name,
        fold,
        error=f"{type(error).__name__}: the worker process was killed, even when it ran only this "
        "fit. It may have requested more memory than is available, or crashed in compiled code.",
        details=str(error),
    )


def run_tasks(
    function: Callable[..., Any], tasks: Sequence[tuple[Any, ...]], *, n_jobs: int | None = None
) -> Iterator[Any]:
    """Yield the results of tasks in their order; a killed worker loses only its own task.

    If a worker process is killed (by a crash, or because of its memory use), it is not known which
    task it ran. Tasks that may have been running are repeated, each in a separate worker, and all
    other tasks continue.

    Parameters
    ----------
    function : callable
        Function that is called for each task.
    tasks : sequence of tuple
        Arguments of each call.
    n_jobs : int, default=None
        Number of jobs as in :class:`joblib.Parallel`. With 1, there are no worker processes.

    Yields
    ------
    result : object
        Return value of the function, or a BrokenProcessPool if the worker was killed again.

    Warns
    -----
    SubjectLeakWarning, RecordingWarning
        If a task gives such a warning; each warning is given once.
    """
    done, issued = 0, set[Noted]()
    noting = partial(call_noting, os.getpid(), function)
    # joblib divides the cores by the number of jobs. With two jobs or more, even a single task runs
    # in a worker process, whose death does not end this process.
    n_jobs = min(effective_n_jobs(n_jobs), max(2, len(tasks)))
    if n_jobs > 1:
        # joblib restarts a worker whose memory has grown by 300 MB, which the first network in a
        # worker always causes, and warns of a possible memory leak. No task is lost by the restart.
        # The filter stays, since the warning comes from a thread that outlives this call.
        warnings.filterwarnings(
            "ignore", "A worker stopped while some jobs were given to the executor", UserWarning
        )
    with mapped_tables(tasks, n_jobs) as tasks:
        while done < len(tasks):
            parallel = Parallel(n_jobs=n_jobs, return_as="generator")
            try:
                for result, noted in parallel(delayed(noting)(*task) for task in tasks[done:]):
                    done += 1
                    repeat_noted(noted, issued)
                    yield result
            except BrokenProcessPool:
                # joblib dispatches up to twice as many tasks as there are jobs.
                for task in tasks[done : done + 2 * effective_n_jobs(n_jobs)]:
                    done += 1
                    result, noted = _alone(noting, task)
                    repeat_noted(noted, issued)
                    yield result


def _alone(function: Callable[..., Any], task: tuple[Any, ...]) -> tuple[Any, list[Noted]]:
    """Run one task in a separate worker process; return its result or the error of the process."""
    try:
        with parallel_config(backend="loky"):
            return Parallel(n_jobs=2)([delayed(function)(*task)])[0]
    except BrokenProcessPool as error:
        return error, []
