"""Audit of a leak: one pipeline under a random window split and under a split by subject."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.metrics import confusion_matrix
from sklearn.model_selection import StratifiedKFold
from sklearn.utils import check_random_state
from tqdm.auto import tqdm

from sklearn_emg._sklearn import safe_indexing
from sklearn_emg._typing import Labels
from sklearn_emg.comparison._checks import checked_labels
from sklearn_emg.ensemble import DiVoteClassifier, find_votes
from sklearn_emg.metrics import confusion_measures
from sklearn_emg.model_selection import Split, SubjectKFold
from sklearn_emg.recordings import is_recording_table, window_table


@dataclass(frozen=True)
class LeakageAudit:
    """Results of :func:`leakage_audit`.

    Attributes
    ----------
    folds : DataFrame
        One row per split and fold: ``accuracy`` and ``balanced_accuracy`` of windows.
    summary : DataFrame
        Index of splits: ``random windows`` (leaky), ``recordings`` (leaky, only where recordings
        were cut into windows) and ``subjects``; mean and standard deviation over folds, and
        ``leaky``.
    gap : float
        Mean balanced accuracy of windows under the random window split less that under the split
        by subject: what the leak would have flattered.
    """

    folds: pd.DataFrame
    summary: pd.DataFrame
    gap: float

    def __repr__(self) -> str:
        return (
            f"Leakage audit: a random window split would have flattered by {self.gap:+.3f}\n"
            f"{self.summary.round(3).to_string()}"
        )

    def _repr_html_(self) -> str:
        return self.summary.round(3).to_html(escape=True)


def divote_parameters(estimator: Any) -> tuple[str, DiVoteClassifier] | None:
    """Prefix of the parameters of the DiVoteClassifier in a pipeline, and the classifier."""
    if isinstance(estimator, DiVoteClassifier):
        return "", estimator
    for name, value in estimator.get_params(deep=True).items():
        if isinstance(value, DiVoteClassifier):
            return f"{name}__", value
    return None


def leakage_audit(
    estimator: Any,
    X: pd.DataFrame,
    y: Labels,
    *,
    n_splits: int = 5,
    n_jobs: int | None = None,
    progress: bool = True,
    random_state: Any = 0,
) -> LeakageAudit:
    """Run one pipeline under a random window split and under a split by subject.

    Both arms get the same windows, the same pipeline and the same number of folds; only the split
    differs. The difference is what a study that splits windows at random would have claimed too
    much.

    Parameters
    ----------
    estimator : estimator
        Pipeline with a DiVoteClassifier in it, or a classifier of the rows of X. The
        DiVoteClassifier's recordings are cut with its `window` and `step` before anything else, so
        that a window can be dealt to either side on its own; filters ahead of it see windows here.
    X : DataFrame
        Table with a ``subject`` column.
    y : array-like of shape (n_rows,)
        Label of each row.
    n_splits : int, default=5
        Folds of each arm.
    n_jobs : int, default=None
        Jobs over folds.
    progress : bool, default=True
        Show a progress bar.
    random_state : int or RandomState instance, default=0

    Returns
    -------
    audit : LeakageAudit
        ``folds``, ``summary`` and ``gap``.

    Raises
    ------
    ValueError
        If X has no subjects or a class has too few for the folds.

    Notes
    -----
    Only the split differs between the arms. Networks that stop early on held-out subjects do so in
    both; studies that also drew their validation windows at random claimed still more (see
    :func:`sklearn_emg.model_selection.with_validation`).

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from sklearn.neighbors import KNeighborsClassifier
    >>> from sklearn_emg.comparison import leakage_audit
    >>> rng = np.random.default_rng(0)
    >>> subject = np.repeat(range(60), 10)
    >>> signature = rng.normal(size=(60, 4))  # of each subject; says nothing about the class
    >>> X = pd.DataFrame(signature[subject] + 0.1 * rng.normal(size=(600, 4)))
    >>> X.columns = X.columns.astype(str)
    >>> X["subject"] = subject
    >>> y = np.where(subject % 2, "patient", "control")
    >>> from sklearn_emg.ensemble import DiVoteClassifier
    >>> model = DiVoteClassifier(KNeighborsClassifier(), window=None)
    >>> audit = leakage_audit(model, X, y, progress=False)
    >>> audit.summary["accuracy"].round(1).to_dict()
    {'random windows': 1.0, 'subjects': 0.4}
    """
    y = checked_labels(X, y)
    model, recording = clone(estimator), None
    found = divote_parameters(estimator)
    if found is not None:
        prefix, divote = found
        # Window scores do not depend on the final classifier.
        changed = {"final_estimator": None, "cv": None}
        if divote.window is not None and is_recording_table(X):
            X, recording = window_table(
                X, divote.window, divote.step, tail=divote.tail, nan=divote.nan, short=divote.short
            )
            y = y[recording]
            changed["window"] = None
        model.set_params(**{f"{prefix}{name}": value for name, value in changed.items()})
    seed = check_random_state(random_state).randint(2**31 - 1)
    by_window = StratifiedKFold(n_splits, shuffle=True, random_state=seed)
    by_group = SubjectKFold(n_splits, random_state=seed)
    # The honest arm comes first: where it is impossible, nothing else is run.
    arms = {"subjects": list(by_group.split(X, y))}
    arms["random windows"] = list(by_window.split(np.zeros(len(y)), y))
    if recording is not None and len(np.unique(recording)) < len(recording):
        arms["recordings"] = list(by_group.split(X, y, groups=recording))
    tasks = [(arm, fold, split) for arm, s in arms.items() for fold, split in enumerate(s)]
    scores = Parallel(n_jobs=n_jobs, return_as="generator")(
        delayed(_score_windows)(model, X, y, split) for _, _, split in tasks
    )
    bar = tqdm(scores, total=len(tasks), desc="audit", unit="fit", disable=not progress)
    # The bar first: it closes when it is asked for one more than there is.
    folds = pd.DataFrame(
        [{"split": arm, "fold": fold, **score} for score, (arm, fold, _) in zip(bar, tasks)]
    )
    order = [arm for arm in ("random windows", "recordings", "subjects") if arm in arms]
    by_split = folds.groupby("split")[["accuracy", "balanced_accuracy"]]
    summary = by_split.mean().join(by_split.std(ddof=1).add_suffix("_std")).loc[order]
    summary["leaky"] = [arm != "subjects" for arm in order]
    # Balanced: the plain accuracy of a mere guess differs between the arms with the class shares
    # of their test sets.
    balanced = summary["balanced_accuracy"]
    gap = float(balanced["random windows"] - balanced["subjects"])
    return LeakageAudit(folds, summary, gap)


def _score_windows(estimator: Any, X: Any, y: NDArray, split: Split) -> dict[str, float]:
    train, test = split
    model = clone(estimator).fit(safe_indexing(X, train), y[train])
    X_test = safe_indexing(X, test)
    votes = find_votes(model, X_test)
    y_pred = model.predict(X_test) if votes is None else votes.windows["vote"].to_numpy()
    y_true = y[test] if votes is None else y[test][votes.windows["row"].to_numpy()]
    classes = np.unique(y)
    measures = confusion_measures(confusion_matrix(y_true, y_pred, labels=classes))
    return {name: float(measures[name]) for name in ("accuracy", "balanced_accuracy")}
