"""Leakage audit: one pipeline under a random split of windows and under a split by subject."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import clone, is_regressor
from sklearn.metrics import confusion_matrix
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.utils import check_random_state
from tqdm.auto import tqdm

from sklearn_emg._sklearn import safe_indexing
from sklearn_emg._tables import ReadableTable
from sklearn_emg._typing import Labels
from sklearn_emg._warnings import warn, warned_once
from sklearn_emg.comparison._checks import (
    check_one_pipeline,
    checked_target,
    find_divote,
    refuse_pretrained,
    subject_folds,
    task_of,
)
from sklearn_emg.comparison._runs import refuse_identities, run_tasks
from sklearn_emg.comparison._stored import stateless_head, stored_table
from sklearn_emg.ensemble import find_votes
from sklearn_emg.exceptions import SubjectLeakWarning
from sklearn_emg.metrics import confusion_measures, regression_measures
from sklearn_emg.model_selection import Split, groups_of_search, opened_store
from sklearn_emg.recordings import (
    Subjects,
    is_recording_table,
    warn_of_repeated_signals,
    window_table,
)

_MEASURES = {"classification": ("accuracy", "balanced_accuracy"), "regression": ("r2", "mae")}
_SPLITS = ("subjects", "random windows", "recordings")


@dataclass(frozen=True)
class LeakageAudit:
    """Results of :func:`leakage_audit`.

    Attributes
    ----------
    folds : DataFrame
        One row per split and fold, with the columns ``split``, ``fold``, and ``accuracy`` and
        ``balanced_accuracy`` of windows, or ``r2`` and ``mae`` of a regressor.
    summary : DataFrame
        One row per split: ``random windows`` (leaky), ``recordings`` (leaky, present only if it was
        requested and a recording was cut into several windows) and ``subjects``. The columns
        ``mean_accuracy``, ``mean_balanced_accuracy``, ``std_accuracy`` and
        ``std_balanced_accuracy`` (``mae`` and ``r2`` of a regressor) describe the scores of windows
        over folds; ``leaky`` marks leaky splits. Folds are weighted equally, whatever their number
        of windows, whereas the ``pooled`` scores of :func:`compare` weight windows equally.
    gap : float
        Mean balanced accuracy of windows under the random split of windows minus that under the
        split by subject: the amount by which the leak overestimates accuracy. For a regressor, it
        is the mean absolute error under the split by subject minus that under the random split: the
        amount by which the leak underestimates the error.
    task : {"classification", "regression"}
        Task of the pipeline.
    """

    folds: pd.DataFrame
    summary: pd.DataFrame
    gap: float
    task: str = "classification"

    @property
    def metric(self) -> str:
        """Name of the score in `gap`."""
        return _MEASURES[self.task][-1]

    @property
    def effect(self) -> str:
        """Effect of the random split, such as "overestimates ... of windows by 0.1"."""
        numbers = self.task == "regression"
        verb = "under" if numbers == (self.gap >= 0) else "over"
        score = "mean absolute error" if numbers else "balanced accuracy"
        return f"{verb}estimates the {score} of windows by {abs(self.gap):.2g}"

    def __repr__(self) -> str:
        effect = self.effect.replace(" of windows", "\nof windows")
        table = ReadableTable(self.summary.round(3))
        return f"Leakage audit: a random window split {effect}\n{table!r}"

    def _repr_html_(self) -> str:
        return self.summary.round(3).to_html(escape=True)


@warned_once()
def leakage_audit(
    estimator: Any,
    X: pd.DataFrame,
    y: Labels,
    *,
    n_splits: int = 5,
    n_jobs: int | None = None,
    progress: bool = True,
    random_state: Any = 0,
    store: Any = "auto",
    splits: Sequence[str] = _SPLITS,
) -> LeakageAudit:
    """Run one pipeline under a random window split and under a split by subject.

    The windows, the pipeline and the number of folds are the same under both splits. The difference
    between the scores is the amount by which a random split of windows overestimates accuracy.

    Parameters
    ----------
    estimator : estimator
        Pipeline that contains a DiVoteClassifier or DiVoteRegressor, or a classifier or regressor
        of the rows of X. If there is a DiVote estimator, recordings are cut into windows with its
        `window` and `step` before they are split, so that each window can be assigned to training
        or test. Steps at the beginning of a Pipeline that process signals and learn nothing, such
        as filters, are applied before the cut. All later steps are applied to windows.
    X : DataFrame
        Table with a ``subject`` column.
    y : array-like of shape (n_rows,)
        Label or number of each row.
    n_splits : int, default=5
        Number of folds of each split; the split by subject is ``SubjectKFold(n_splits)``.
    n_jobs : int, default=None
        Number of folds that are processed in parallel, as in :class:`joblib.Parallel`.
    progress : bool, default=True
        Whether to show a progress bar.
    random_state : int or RandomState instance, default=0
        Seed of the random window split.
    store : {"auto"}, path-like, RecordingStore or None, default="auto"
        Place where the results of stateless steps are kept, as in
        :func:`~sklearn_emg.comparison.compare`.
    splits : sequence of str, default=("subjects", "random windows", "recordings")
        Splits to run, which must include "subjects" and "random windows". The split by recording
        is run only if a recording is cut into several windows.

    Returns
    -------
    audit : LeakageAudit
        Results with ``folds``, ``summary`` and ``gap``.

    Raises
    ------
    ValueError
        If X has no subjects, a class has too few subjects for the folds, a part of the estimator
        was already fitted on subjects of X, the estimator uses the subject as a feature, or
        `splits` lacks a required split or contains an unknown one.
    RuntimeError
        If the worker process of a fit is killed twice.

    Warns
    -----
    SubjectLeakWarning, RecordingWarning
        If several recordings contain the same samples: SubjectLeakWarning if they are of different
        subjects, and RecordingWarning if they are of one subject.
    UserWarning
        If each subject has only one window.

    Notes
    -----
    Networks that stop early on held-out subjects do so under both splits. Studies that also drew
    their validation windows at random overestimate accuracy even more (see
    :func:`sklearn_emg.model_selection.with_validation`).

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from sklearn.neighbors import KNeighborsClassifier
    >>> from sklearn_emg.comparison import leakage_audit
    >>> rng = np.random.default_rng(0)
    >>> subject = np.repeat(range(60), 10)
    >>> signature = rng.normal(size=(60, 4))  # of each subject, unrelated to the class
    >>> X = pd.DataFrame(signature[subject] + 0.1 * rng.normal(size=(600, 4)))
    >>> X.columns = X.columns.astype(str)
    >>> X["subject"] = subject
    >>> y = np.where(subject % 2, "patient", "control")
    >>> from sklearn_emg.ensemble import DiVoteClassifier
    >>> model = DiVoteClassifier(KNeighborsClassifier(), window=None)
    >>> audit = leakage_audit(model, X, y, progress=False)
    >>> audit.summary["mean_accuracy"].round(1).to_dict()
    {'random windows': 1.0, 'subjects': 0.4}
    """
    check_one_pipeline(estimator, "leakage_audit")
    name = type(estimator).__name__
    task = task_of({name: estimator})
    y = checked_target(X, y, task)
    by_group = subject_folds(n_splits, task)
    warn_of_repeated_signals(X)
    refuse_pretrained(estimator, X, by_group.split(X, y), name=name)
    _check_splits(splits)
    seed = check_random_state(random_state).randint(2**31 - 1)
    with opened_store(store, n_jobs) as opened:
        X = stored_table(estimator, X, opened)
        model, X, y, recording = as_windows(estimator, X, y)
        if len(Subjects.of(X)) == len(y):
            warn(
                "Each subject has one window in leakage_audit, so a random split of windows is a "
                "split by subject and shows no leak. Pass a table with several windows per subject."
            )
        random = KFold if task == "regression" else StratifiedKFold
        by_window = random(n_splits, shuffle=True, random_state=seed)
        # The split by subject comes first: if it is impossible, nothing else is run.
        folds = {"subjects": list(by_group.split(X, y))}
        folds["random windows"] = list(by_window.split(np.zeros(len(y)), y))
        several = recording is not None and len(np.unique(recording)) < len(recording)
        if several and "recordings" in splits:
            folds["recordings"] = list(by_group.split(recording, y, groups=recording))
        places = [(name, fold) for name, of_split in folds.items() for fold in range(len(of_split))]
        tasks = [(model, X, y, folds[name][fold]) for name, fold in places]
        scores = run_tasks(_score_windows, tasks, n_jobs=n_jobs)
        bar = tqdm(scores, total=len(tasks), desc="audit", unit="fit", disable=not progress)
        # The bar is the first argument, so that zip exhausts and closes it.
        rows = [_fold_row(*place, score) for score, place in zip(bar, places)]
    return _audit_of(pd.DataFrame(rows), task)


def _check_splits(splits: Sequence[str]) -> None:
    for split in (*_SPLITS[:2], *splits):
        if split not in _SPLITS or split not in splits:
            raise ValueError(
                f"The 'splits' of leakage_audit must be taken from {list(_SPLITS)} and include the "
                f"first two. Got {list(splits)} instead."
            )


def as_windows(
    estimator: Any, X: pd.DataFrame, y: NDArray
) -> tuple[Any, pd.DataFrame, NDArray, NDArray[np.intp] | None]:
    """Cut the recordings of a table into the windows of the DiVote estimator in a pipeline.

    Stateless steps on signals at the beginning of the pipeline are applied before the cut.

    Parameters
    ----------
    estimator : estimator
        Pipeline, or classifier or regressor of rows.
    X : DataFrame with a ``subject`` column
        Recording table or feature table.
    y : ndarray of shape (n_rows,)
        Label or number of each row.

    Returns
    -------
    model : estimator
        Clone of the estimator for tables of windows, without the steps that were applied.
    X : DataFrame of n_windows rows
        Table of windows.
    y : ndarray of shape (n_windows,)
        Label or number of each window.
    recording : ndarray of int of shape (n_windows,) or None
        Row of the recording of each window; None if the rows were not cut.
    """
    model, found = clone(estimator), find_divote(estimator)
    if found is None:
        return model, X, y, None
    prefix, divote = found
    recording = None
    # Window scores do not depend on the final classifier.
    changed = {"final_estimator": None, "cv": None}
    if divote.window is not None and is_recording_table(X):
        head, model = stateless_head(model)
        for step in head:
            X = step.fit(X).transform(X)
        X, recording = window_table(
            X, divote.window, divote.step, tail=divote.tail, nan=divote.nan, short=divote.short
        )
        y = y[recording]
        changed["window"] = None
    model.set_params(**{f"{prefix}{name}": value for name, value in changed.items()})
    return model, X, y, recording


def _fold_row(name: str, fold: int, score: Any) -> dict[str, Any]:
    if isinstance(score, BaseException):
        raise RuntimeError(
            f"The worker process of the audit was killed in fold {fold} of the split {name!r}, "
            "even when it ran only this fit. It may have requested more memory than is available."
        ) from score
    return {"split": name, "fold": fold, **score}


def _audit_of(folds: pd.DataFrame, task: str) -> LeakageAudit:
    """Compute the summary over folds and the gap between the splits."""
    by_split = folds.groupby("split")[list(_MEASURES[task])]
    spread = by_split.std(ddof=1).add_prefix("std_")
    # In the order of their names, the splits range from the leakiest to the split by subject.
    summary = ReadableTable(by_split.mean().add_prefix("mean_").join(spread))
    summary["leaky"] = summary.index != "subjects"
    if task == "regression":
        error = summary["mean_mae"]
        gap = float(error["subjects"] - error["random windows"])
        return LeakageAudit(folds, summary, gap, task)
    # The balanced accuracy is used because the accuracy of the dummy baseline differs between the
    # splits with the class proportions of their test sets.
    balanced = summary["mean_balanced_accuracy"]
    gap = float(balanced["random windows"] - balanced["subjects"])
    return LeakageAudit(folds, summary, gap)


def _score_windows(estimator: Any, X: Any, y: NDArray, split: Split) -> dict[str, float]:
    train, test = split
    X_train = safe_indexing(X, train)
    model = clone(estimator).fit(X_train, y[train], **groups_of_search(estimator, X_train))
    refuse_identities(model, X_train, y[train])
    X_test = safe_indexing(X, test)
    with warnings.catch_warnings(action="ignore", category=SubjectLeakWarning):
        # All other splits score training subjects, which is the leak that the audit measures.
        votes = find_votes(model, X_test)
        column = "prediction" if is_regressor(model) else "vote"
        y_pred = model.predict(X_test) if votes is None else votes.windows[column].to_numpy()
    y_true = y[test] if votes is None else y[test][votes.windows["row"].to_numpy()]
    if is_regressor(model):
        found = regression_measures(y_true, y_pred)
        return {name: found[name] for name in _MEASURES["regression"]}
    classes = np.unique(y)
    measures = confusion_measures(confusion_matrix(y_true, y_pred, labels=classes))
    return {name: float(measures[name]) for name in _MEASURES["classification"]}
