"""One fit and test of a pipeline, measured, with its predictions at each level."""

from __future__ import annotations

import threading
import time
import traceback
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
import pandas as pd
import psutil
from numpy.typing import NDArray
from sklearn.base import clone

from sklearn_emg._sklearn import safe_indexing
from sklearn_emg.ensemble import Votes, find_votes
from sklearn_emg.metrics import subjects_from_rows
from sklearn_emg.model_selection import Split
from sklearn_emg.recordings import subjects_of

LEVELS = ("window", "recording", "subject")


class _PeakMemory:
    """Growth of the resident memory of this process inside a ``with`` block, by sampling."""

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
    """What one fitted pipeline said of the test rows, at one level."""

    subject: NDArray[np.intp]  # code of the subject of each case
    y_true: NDArray[Any]
    y_pred: NDArray[Any]
    proba: NDArray[np.floating] | None


@dataclass
class Outcome:
    pipeline: str
    fold: int
    levels: dict[str, Level] = field(default_factory=dict)
    fit_seconds: float = np.nan
    predict_ms: float = np.nan
    peak_memory_mb: float = np.nan
    error: str = ""
    details: str = ""


def _levels_from_votes(
    votes: Votes, X: pd.DataFrame, y: NDArray, classes: NDArray
) -> dict[str, Level]:
    """Levels of an estimator that votes from windows to people."""
    person = subjects_of(X)
    score = [f"score_{c}" for c in classes]
    row = votes.windows["row"].to_numpy()
    windows = votes.windows
    scored = votes.recordings["n_windows"].to_numpy() > 0
    recordings = votes.recordings[scored]
    # Units (subjects, or sides or sessions of subjects) are in order of first appearance.
    keys = pd.MultiIndex.from_frame(votes.recordings[list(votes.subjects.index.names)])
    first = np.unique(pd.factorize(keys)[0], return_index=True)[1]
    probability = [f"probability_{c}" for c in classes]
    proba = votes.subjects[probability].to_numpy() if probability[0] in votes.subjects else None
    diagnosis = votes.subjects["diagnosis"].to_numpy()
    return {
        "window": Level(person[row], y[row], windows["vote"].to_numpy(), windows[score].to_numpy()),
        "recording": Level(
            person[scored], y[scored], recordings["vote"].to_numpy(), recordings[score].to_numpy()
        ),
        "subject": Level(person[first], y[first], diagnosis, proba),
    }


def _levels(estimator: Any, X: pd.DataFrame, y: NDArray) -> tuple[dict[str, Level], float]:
    """Predictions of the test rows at each level, and the seconds that predicting took."""
    start = time.perf_counter()
    votes = find_votes(estimator, X)
    if votes is not None:
        seconds = time.perf_counter() - start
        return _levels_from_votes(votes, X, y, np.asarray(estimator.classes_)), seconds
    y_rows = np.asarray(estimator.predict(X))
    seconds = time.perf_counter() - start
    proba = estimator.predict_proba(X) if hasattr(estimator, "predict_proba") else None
    people = subjects_from_rows(X, y, y_rows, proba, np.asarray(estimator.classes_))
    return {
        "recording": Level(subjects_of(X), y, y_rows, proba),
        "subject": Level(
            np.arange(len(people.subject)),
            cast("NDArray[Any]", people.y_true),  # None only without y
            people.y_pred,
            people.y_proba,
        ),
    }, seconds


def _check_levels(levels: dict[str, Level], model: Any, classes: NDArray) -> None:
    """Refuse answers that cannot be scored; probabilities get a column for each class of y."""
    known = np.asarray(model.classes_)
    for level in levels.values():
        for answers in (level.y_pred, known):
            if (strange := np.setdiff1d(answers, classes)).size:
                raise ValueError(f"It answers {strange.tolist()[:3]}, which are no labels of y.")
        if level.proba is None:
            continue
        proba = np.asarray(level.proba, dtype=float)
        if proba.shape != (len(level.y_true), len(known)):
            raise ValueError(
                f"predict_proba gives the shape {proba.shape} for {len(level.y_true)} cases and "
                f"{len(known)} classes."
            )
        if not np.allclose(proba.sum(axis=1), 1, atol=1e-4):  # nor NaN
            raise ValueError("predict_proba gives rows that do not sum to 1.")
        # A class without training rows has none of the probability.
        level.proba = np.zeros((len(proba), len(classes)))
        level.proba[:, np.searchsorted(classes, known)] = proba


def run_fold(
    name: str, estimator: Any, X: pd.DataFrame, y: NDArray, fold: int, split: Split
) -> Outcome:
    """Fit and test one pipeline on one fold; a failure becomes part of the outcome."""
    train, test = split
    outcome = Outcome(name, fold)
    try:
        with _PeakMemory() as memory:
            model = clone(estimator)
            X_train, X_test = safe_indexing(X, train), safe_indexing(X, test)
            start = time.perf_counter()
            model.fit(X_train, y[train])
            outcome.fit_seconds = time.perf_counter() - start
            outcome.levels, seconds = _levels(model, X_test, y[test])
        _check_levels(outcome.levels, model, np.unique(y))
        # Codes count the subjects of this test set; those of the whole table fit all folds.
        whole = subjects_of(X)[test][np.unique(subjects_of(X_test), return_index=True)[1]]
        for level in outcome.levels.values():
            level.subject = whole[level.subject]
        outcome.predict_ms = 1e3 * seconds / len(test)
        outcome.peak_memory_mb = memory.megabytes
    # Whatever a pipeline raises must not cost the results of the others.
    except Exception as error:  # noqa: BLE001
        outcome.error = f"{type(error).__name__}: {error}"
        outcome.details = traceback.format_exc()
    return outcome
