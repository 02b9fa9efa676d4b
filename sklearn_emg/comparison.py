"""Compare pipelines under one subject-wise protocol, and audit how much a leak would flatter."""

from __future__ import annotations

import threading
import time
import traceback
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, cast

import numpy as np
import pandas as pd
import psutil
from joblib import Parallel, delayed
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, clone
from sklearn.exceptions import FitFailedWarning
from sklearn.metrics import confusion_matrix, roc_auc_score
from sklearn.model_selection import StratifiedKFold
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from tqdm.auto import tqdm

from sklearn_emg._sklearn import safe_indexing
from sklearn_emg._typing import Labels
from sklearn_emg.ensemble import DiVoteClassifier, Votes, find_votes
from sklearn_emg.metrics import bootstrap_interval, wilson_interval
from sklearn_emg.metrics._confusion import METRICS, confusion_measures
from sklearn_emg.metrics._intervals import _check_confidence
from sklearn_emg.metrics._subjects import subjects_from_rows
from sklearn_emg.model_selection import SubjectKFold
from sklearn_emg.model_selection._protocols import splits_by_subject
from sklearn_emg.model_selection._split import (
    Split,
    assert_no_shared_subject,
    labels_of_rows,
)
from sklearn_emg.recordings import is_recording_table, subjects_of, window_table

__all__ = ["Comparison", "LeakageAudit", "compare", "leakage_audit"]

LEVELS = ("window", "recording", "subject")
_ALL_METRICS = (*METRICS, "auroc")


# -------------------------------------------------------------------- measuring one fit


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
class _Level:
    """What one fitted pipeline said of the test rows, at one level."""

    subject: NDArray[np.intp]  # code of the subject of each case
    y_true: NDArray[Any]
    y_pred: NDArray[Any]
    proba: NDArray[np.floating] | None


@dataclass
class _Outcome:
    pipeline: str
    fold: int
    levels: dict[str, _Level] = field(default_factory=dict)
    fit_seconds: float = np.nan
    predict_ms: float = np.nan
    peak_memory_mb: float = np.nan
    error: str = ""
    details: str = ""


def _levels_from_votes(
    votes: Votes, X: pd.DataFrame, y: NDArray, classes: NDArray
) -> dict[str, _Level]:
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
        "window": _Level(
            person[row], y[row], windows["vote"].to_numpy(), windows[score].to_numpy()
        ),
        "recording": _Level(
            person[scored], y[scored], recordings["vote"].to_numpy(), recordings[score].to_numpy()
        ),
        "subject": _Level(person[first], y[first], diagnosis, proba),
    }


def _levels(estimator: Any, X: pd.DataFrame, y: NDArray) -> tuple[dict[str, _Level], float]:
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
        "recording": _Level(subjects_of(X), y, y_rows, proba),
        "subject": _Level(
            np.arange(len(people.subject)),
            cast("NDArray[Any]", people.y_true),  # None only without y
            people.y_pred,
            people.y_proba,
        ),
    }, seconds


def _check_levels(levels: dict[str, _Level], model: Any, classes: NDArray) -> None:
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


def _run(
    name: str, estimator: Any, X: pd.DataFrame, y: NDArray, fold: int, split: Split
) -> _Outcome:
    """Fit and test one pipeline on one fold; a failure becomes part of the outcome."""
    train, test = split
    outcome = _Outcome(name, fold)
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


# -------------------------------------------------------------------- scores


def _auroc(level: _Level, classes: NDArray, average: str, positive: int | None) -> float:
    if level.proba is None or len(np.unique(level.y_true)) < len(classes):
        return float("nan")
    if len(classes) == 2:
        k = 1 if positive is None else positive
        return float(roc_auc_score(level.y_true == classes[k], level.proba[:, k]))
    return float(
        roc_auc_score(level.y_true, level.proba, multi_class="ovr", average=average, labels=classes)
    )


def _matrices(level: _Level, classes: NDArray) -> dict[int, NDArray]:
    """Confusion matrix of each subject's cases."""
    subjects, of = np.unique(level.subject, return_inverse=True)
    matrices = np.zeros((len(subjects), len(classes), len(classes)), dtype=np.intp)
    true, predicted = (np.searchsorted(classes, y) for y in (level.y_true, level.y_pred))
    np.add.at(matrices, (of, true, predicted), 1)
    return dict(zip(subjects.tolist(), matrices))


def _fold_scores(
    level: _Level, classes: NDArray, average: str, positive: int | None
) -> dict[str, float]:
    total = np.sum(list(_matrices(level, classes).values()), axis=0)
    scores = {
        k: float(v)
        for k, v in confusion_measures(total, average=average, positive=positive).items()
    }
    scores["auroc"] = _auroc(level, classes, average, positive)
    if (total.sum(axis=1) == 0).any():
        # With a class missing from the test set only the share of right answers makes sense.
        scores = {k: (v if k == "accuracy" else float("nan")) for k, v in scores.items()}
    return scores


@dataclass(frozen=True)
class Comparison:
    """Results of :func:`compare`.

    Attributes
    ----------
    folds : DataFrame
        One row per pipeline, fold and level (window, recording, subject): ``n_cases``, accuracy,
        balanced_accuracy, f1, precision, sensitivity, specificity, mcc, auroc; fit_seconds,
        predict_ms_per_recording, peak_memory_mb; ``error``, empty where all went well.
    summary : DataFrame
        One row per pipeline, level and metric: ``mean`` and ``std`` over folds; ``pooled``, over
        the test cases of all folds; ``low`` and ``high``, the subject-level confidence interval
        of the pooled value; ``n_subjects``, ``n_folds`` and ``n_failed``.
    predictions : DataFrame
        One row per pipeline, fold and tested subject: true and predicted class and probabilities.
    errors : dict of (str, int) to str
        Traceback of each pipeline and fold that failed.
    classes : ndarray of shape (n_classes,)
    chance : float
        Share of subjects in the largest class: what always naming it scores.
    confidence : float
    """

    folds: pd.DataFrame
    summary: pd.DataFrame
    predictions: pd.DataFrame
    errors: dict[tuple[str, int], str]
    classes: NDArray[Any]
    chance: float
    confidence: float

    def table(
        self,
        level: str = "subject",
        metrics: str | Iterable[str] = ("accuracy", "balanced_accuracy", "f1", "auroc", "mcc"),
    ) -> pd.DataFrame:
        """A table to read: one row per pipeline, a metric and its interval in each cell.

        Parameters
        ----------
        level : {"window", "recording", "subject"}, default="subject"
        metrics : str or iterable of str
            Names from ``summary["metric"]``.

        Returns
        -------
        table : DataFrame of str
            Pooled values as ``0.86 [0.67, 0.95]``; seconds, milliseconds and MB as means of folds.

        Raises
        ------
        ValueError
            If the comparison has no such level or metric.
        """
        chosen = self.summary[self.summary["level"] == level]
        if chosen.empty:
            raise ValueError(
                f"The comparison has no level {level!r}; it has "
                f"{sorted(set(self.summary['level']))}."
            )
        metrics = [metrics] if isinstance(metrics, str) else list(metrics)
        if unknown := sorted(set(metrics) - set(_ALL_METRICS)):
            raise ValueError(
                f"The comparison has no metrics {unknown}; it has {list(_ALL_METRICS)}."
            )
        rows = {}
        for name, part in chosen.groupby("pipeline", sort=False):
            values = part.set_index("metric")
            row = {}
            for metric in metrics:
                pooled, low, high = values.loc[metric, ["pooled", "low", "high"]].to_numpy(float)
                text = "-" if np.isnan(pooled) else f"{pooled:.2f}"
                row[metric] = text if np.isnan(low) else f"{text} [{low:.2f}, {high:.2f}]"
            times = self.folds[(self.folds["pipeline"] == name) & (self.folds["level"] == level)]
            for label, column, digits in (
                ("fit s", "fit_seconds", 2),
                ("predict ms/rec", "predict_ms_per_recording", 1),
                ("peak MB", "peak_memory_mb", 0),
            ):
                value = times[column].mean()
                row[label] = "-" if np.isnan(value) else f"{value:.{digits}f}"
            failed = values["n_failed"].iloc[0]
            row["failed folds"] = str(int(failed)) if failed else ""
            rows[name] = row
        table = pd.DataFrame.from_dict(rows, orient="index")
        return table if (table["failed folds"] != "").any() else table.drop(columns="failed folds")

    def __repr__(self) -> str:
        return (
            f"Comparison of {self.summary['pipeline'].nunique()} pipelines over "
            f"{self.predictions['subject'].nunique()} subjects, largest class {self.chance:.2f} "
            f"of them, {100 * self.confidence:g} % intervals over subjects\n"
            f"{self.table().to_string()}"
        )

    def _repr_html_(self) -> str:
        return self.table().to_html(escape=True)


def _summarise(
    outcomes: list[_Outcome],
    name: str,
    folds: pd.DataFrame,
    classes: NDArray,
    average: str,
    positive: int | None,
    confidence: float,
    n_resamples: int,
    seed: int,
) -> list[dict[str, Any]]:
    """Rows of the summary for one pipeline: over folds, pooled, and intervals by subject."""
    mine = [o for o in outcomes if o.pipeline == name]
    done = [o for o in mine if not o.error]
    rows = []
    levels = [level for level in LEVELS if any(level in o.levels for o in done)] or ["subject"]
    for level in levels:
        of_level = folds[(folds["pipeline"] == name) & (folds["level"] == level)]
        pooled, low, high, n_subjects = _pooled(
            [o for o in done if level in o.levels],
            level,
            of_level["auroc"].to_numpy(),
            classes,
            average,
            positive,
            confidence,
            n_resamples,
            seed,
        )
        for metric in _ALL_METRICS:
            values = of_level[metric].dropna()
            rows.append(
                {
                    "pipeline": name,
                    "level": level,
                    "metric": metric,
                    "mean": values.mean(),
                    "std": values.std(ddof=1),
                    "pooled": pooled.get(metric, np.nan),
                    "low": low.get(metric, np.nan),
                    "high": high.get(metric, np.nan),
                    "n_subjects": n_subjects,
                    "n_folds": len(done),
                    "n_failed": len(mine) - len(done),
                }
            )
    return rows


def _pooled(
    done: list[_Outcome],
    level: str,
    areas: NDArray[np.floating],
    classes: NDArray,
    average: str,
    positive: int | None,
    confidence: float,
    n_resamples: int,
    seed: int,
) -> tuple[dict[str, float], dict[str, float], dict[str, float], int]:
    """Values over the test cases of all folds and their intervals when subjects are redrawn."""
    per_subject: dict[int, list[NDArray]] = {}
    for outcome in done:
        for subject, matrix in _matrices(outcome.levels[level], classes).items():
            per_subject.setdefault(subject, []).append(matrix)
    if not per_subject:
        return {}, {}, {}, 0
    stack = np.stack([np.sum(m, axis=0) for m in per_subject.values()]).astype(float)
    n_subjects = len(stack)
    if level == "subject":
        # Tested once or several times, a subject counts once.
        stack /= stack.sum(axis=(1, 2), keepdims=True)
    measure = partial(confusion_measures, average=average, positive=positive)
    pooled = {k: float(v) for k, v in measure(stack.sum(axis=0)).items()}
    if (stack.sum(axis=(0, 2)) == 0).any():
        pooled = {k: (v if k == "accuracy" else np.nan) for k, v in pooled.items()}
    rng = check_random_state(seed)
    drawn = rng.multinomial(n_subjects, np.full(n_subjects, 1 / n_subjects), size=n_resamples)
    resampled = measure(np.tensordot(drawn, stack, axes=1))
    tails = [0.5 - confidence / 2, 0.5 + confidence / 2]
    low, high = {}, {}
    for metric, values in resampled.items():
        if np.isfinite(pooled[metric]):
            low[metric], high[metric] = np.quantile(values, tails)
    if level == "subject":
        low["accuracy"], high["accuracy"] = wilson_interval(
            pooled["accuracy"], n_subjects, confidence=confidence
        )
    # Scores of different models are not on one scale: the area is taken within folds.
    if np.isfinite(areas).any():
        pooled["auroc"] = float(np.nanmean(areas))
        if level == "subject":
            low["auroc"], high["auroc"] = _auroc_interval(
                done, classes, average, positive, confidence, n_resamples, rng
            )
    for metric in list(low):
        # Where no resample moves the value, the bootstrap has nothing to say of its uncertainty.
        if np.isclose(low[metric], high[metric], rtol=0, atol=1e-12):
            del low[metric], high[metric]
    return pooled, low, high, n_subjects


def _area_form(
    codes: NDArray[np.intp],
    proba: NDArray[np.floating] | None,
    n_classes: int,
    average: str,
    positive: int | None,
) -> NDArray[np.floating] | None:
    """Matrix A with ``n @ A @ n`` the AUROC of a fold in which case i was drawn n[i] times.

    An area is the share of pairs of a case of the class and another case that the scores order
    rightly, ties counting half (J. A. Hanley, B. J. McNeil, Radiology 143 (1982) 29-36); draws
    within classes leave the number of pairs as it is. None where a class is missing.
    """
    counts = np.bincount(codes, minlength=n_classes)
    if proba is None or (counts == 0).any():
        return None
    weights = counts / len(codes) if average == "weighted" else np.full(n_classes, 1 / n_classes)
    if n_classes == 2:
        weights = np.zeros(2)
        weights[1 if positive is None else positive] = 1.0
    form = np.zeros((len(codes), len(codes)))
    for k in np.flatnonzero(weights):
        own, rest = np.flatnonzero(codes == k), np.flatnonzero(codes != k)
        ordered = (1 + np.sign(proba[own, None, k] - proba[rest, k])) / 2
        form[np.ix_(own, rest)] += weights[k] / ordered.size * ordered
    return form


def _auroc_interval(
    done: list[_Outcome],
    classes: NDArray,
    average: str,
    positive: int | None,
    confidence: float,
    n_resamples: int,
    rng: np.random.RandomState,
) -> tuple[float, float]:
    """Redraw subjects within fold and class, so that each resample has an area in each fold."""
    levels = [o.levels["subject"] for o in done]
    codes = [np.searchsorted(classes, level.y_true) for level in levels]
    forms = [_area_form(c, v.proba, len(classes), average, positive) for c, v in zip(codes, levels)]
    ends = np.cumsum([len(c) for c in codes])

    def mean_area(rows: NDArray[np.intp]) -> float:
        drawn = np.split(np.bincount(rows, minlength=ends[-1]), ends[:-1])
        return float(np.mean([n @ form @ n for n, form in zip(drawn, forms) if form is not None]))

    strata = [k * len(classes) + c for k, c in enumerate(codes)]
    # A subject tested in several folds is redrawn in each apart: it is a case per fold here.
    return bootstrap_interval(
        mean_area,
        np.arange(ends[-1]),
        strata=np.concatenate(strata),
        n_resamples=min(n_resamples, 200),
        confidence=confidence,
        random_state=rng,
    )


# -------------------------------------------------------------------- compare


def _named(pipelines: Any) -> dict[str, Any]:
    if isinstance(pipelines, BaseEstimator):
        return {type(pipelines).__name__: pipelines}
    try:
        named = dict(pipelines)
    except (TypeError, ValueError) as error:
        raise TypeError(
            "The 'pipelines' of compare must be an estimator or a dict {'name': estimator}. "
            f"Got {type(pipelines).__name__} instead."
        ) from error
    if not named:
        raise ValueError("compare needs at least one pipeline, as {'name': estimator}.")
    for name, estimator in named.items():
        if isinstance(estimator, type) or not hasattr(estimator, "fit"):
            raise TypeError(
                f"Pipeline {name!r} of compare must be an unfitted estimator. Got {estimator!r}."
            )
    return {str(name): estimator for name, estimator in named.items()}


def _checked_labels(X: Any, y: Labels) -> NDArray:
    y = labels_of_rows(y, len(X))
    check_classification_targets(y)
    if (y == y[:1]).all():
        raise ValueError(f"y has one class only, {y[:1].tolist()}: there is nothing to tell apart.")
    return y


def _subject_splits(cv: Any, X: Any, y: NDArray, random_state: Any) -> list[Split]:
    if cv is None or isinstance(cv, (int, np.integer)):
        cv = SubjectKFold(5 if cv is None else int(cv), random_state=random_state)
    if isinstance(cv, str) or not (hasattr(cv, "split") or isinstance(cv, Iterable)):
        raise TypeError(
            "The 'cv' of compare must be a number of folds, a splitter such as SubjectKFold(5), or "
            f"an iterable of (train, test). Got {cv!r}."
        )
    if not hasattr(cv, "split"):
        splits = [(_rows(train), _rows(test)) for train, test in cv]
    else:
        splits = splits_by_subject(cv, X, y)
    if not splits:
        raise ValueError("The 'cv' of compare gives no split; a generator can be used only once.")
    for fold, (train, test) in enumerate(splits):
        if not (len(train) and len(test)):
            raise ValueError(f"Split {fold} of 'cv' has no rows for training or for the test.")
        assert_no_shared_subject(X, train, test)
    return splits


def _rows(chosen: Any) -> NDArray[np.intp]:
    """Row numbers of one side of a split, given as such or as a mask."""
    chosen = np.asarray(chosen)
    return np.flatnonzero(chosen) if chosen.dtype == bool else chosen.astype(np.intp)


def _positive(pos_label: Any, classes: NDArray, average: str) -> int | None:
    if average not in ("macro", "weighted"):
        raise ValueError(f"The 'average' must be 'macro' or 'weighted'. Got {average!r}.")
    if pos_label is None:
        return None
    if len(classes) != 2 or pos_label not in classes.tolist():
        raise ValueError(
            f"The 'pos_label' must be one of two classes. Got {pos_label!r} for the classes "
            f"{classes.tolist()}."
        )
    return classes.tolist().index(pos_label)


def compare(
    pipelines: Mapping[str, Any] | BaseEstimator,
    X: pd.DataFrame,
    y: Labels,
    *,
    cv: Any = 5,
    average: str = "macro",
    pos_label: Any = None,
    confidence: float = 0.95,
    n_resamples: int = 1000,
    n_jobs: int | None = None,
    progress: bool = True,
    random_state: Any = 0,
) -> Comparison:
    """Compare pipelines on the same subjects, split by subject.

    Every pipeline is fitted and tested on the same folds. A pipeline that fails in a fold loses
    that fold, not the results of the others.

    Parameters
    ----------
    pipelines : dict of str to estimator
        Classifiers of recording tables or feature tables, such as
        :class:`~sklearn_emg.ensemble.DiVoteClassifier`.
    X : DataFrame
        Table with a ``subject`` column.
    y : array-like of shape (n_rows,)
        Label of each row, one per subject.
    cv : int, None, splitter or iterable of (train, test), default=5
        An int is ``SubjectKFold(cv, random_state=random_state)``, None that with 5. The group
        splitters of scikit-learn get the subjects as groups. A split with a subject on both sides
        is refused.
    average : {"macro", "weighted"}, default="macro"
        How one-vs-rest F1, precision, sensitivity, specificity and AUROC are averaged over
        classes.
    pos_label : label, default=None
        With two classes: give these for this class alone.
    confidence : float, default=0.95
        Of the intervals.
    n_resamples : int, default=1000
        Bootstrap resamples; at most 200 for the AUROC.
    n_jobs : int, default=None
        Jobs over pipelines and folds. Times and memory are those of a job among others.
    progress : bool, default=True
        Show a progress bar.
    random_state : int or RandomState instance, default=0
        For the folds of an int `cv` and the bootstrap. Pipelines have their own.

    Returns
    -------
    comparison : Comparison
        ``folds``, ``summary``, ``predictions``, ``errors``; printing it shows the subject level.

    Raises
    ------
    ValueError
        If X has no subjects, y lacks labels, a class has too few subjects for the folds, a split
        leaks, or a parameter is out of range.
    TypeError
        If a pipeline is no estimator, or `cv` no way to split.

    Warns
    -----
    FitFailedWarning
        If a pipeline fails in a fold; the message is also in ``folds["error"]``.

    Notes
    -----
    Intervals are over subjects: Wilson's for the subject-level accuracy, otherwise percentiles of
    a bootstrap that draws subjects with all their cases. They hold the fitted models fixed and say
    nothing of the choice of folds. The AUROC is the mean over folds, since scores of different
    models do not share a scale; it is missing where a test set lacks a class, and its interval
    redraws subjects within fold and class. Where no resample moves a value (all subjects right,
    say) no interval is given, but for the accuracy. Answers that are no labels of y, or
    probabilities that do not sum to 1, count as a failure; a class without training rows has
    probability 0. Peak memory is the growth of the resident set of the process while fitting and
    predicting, sampled every 5 ms.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from sklearn.dummy import DummyClassifier
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn_emg.comparison import compare
    >>> from sklearn_emg.ensemble import DiVoteClassifier
    >>> rng = np.random.default_rng(0)
    >>> y = np.repeat(["control", "patient"], 40)
    >>> X = pd.DataFrame(
    ...     {"rms": rng.normal(size=80) + 2 * (y == "patient"), "subject": np.repeat(range(20), 4)}
    ... )
    >>> result = compare(
    ...     {
    ...         "logistic": DiVoteClassifier(LogisticRegression(), window=None),
    ...         "largest class": DiVoteClassifier(DummyClassifier(), window=None),
    ...     },
    ...     X, y, cv=5, progress=False,
    ... )
    >>> result.table(metrics=["accuracy"])["accuracy"].to_dict()
    {'logistic': '1.00 [0.84, 1.00]', 'largest class': '0.50 [0.30, 0.70]'}
    """
    pipelines = _named(pipelines)
    # All that can be refused is, before hours of training.
    _check_confidence(confidence)
    if not isinstance(n_resamples, (int, np.integer)) or n_resamples < 1:
        raise ValueError(
            f"The 'n_resamples' of compare must be an int >= 1. Got {n_resamples!r} instead."
        )
    check_random_state(random_state)
    y = _checked_labels(X, y)
    classes = np.unique(y)
    positive = _positive(pos_label, classes, average)
    splits = _subject_splits(cv, X, y, random_state)
    tasks = [
        (name, estimator, fold, split)
        for fold, split in enumerate(splits)
        for name, estimator in pipelines.items()
    ]
    results = Parallel(n_jobs=n_jobs, return_as="generator")(
        delayed(_run)(name, estimator, X, y, fold, split) for name, estimator, fold, split in tasks
    )
    outcomes = []
    for outcome in tqdm(
        results, total=len(tasks), desc="compare", unit="fit", disable=not progress
    ):
        outcomes.append(outcome)
        if outcome.error:
            warnings.warn(
                f"{outcome.pipeline} failed in fold {outcome.fold}: {outcome.error}",
                FitFailedWarning,
                stacklevel=2,
            )
    return _comparison(
        outcomes,
        list(pipelines),
        X,
        y,
        classes,
        average,
        positive,
        confidence,
        n_resamples,
        random_state,
    )


def _comparison(
    outcomes: list[_Outcome],
    names: list[str],
    X: pd.DataFrame,
    y: NDArray,
    classes: NDArray,
    average: str,
    positive: int | None,
    confidence: float,
    n_resamples: int,
    random_state: Any,
) -> Comparison:
    # Of objects one by one: a subject may be a tuple.
    names_of = pd.Series(list(dict.fromkeys(X["subject"])), dtype=object).to_numpy()
    fold_rows, people = [], []
    for outcome in outcomes:
        measured = {
            "fit_seconds": outcome.fit_seconds,
            "predict_ms_per_recording": outcome.predict_ms,
            "peak_memory_mb": outcome.peak_memory_mb,
            "error": outcome.error,
        }
        head = {"pipeline": outcome.pipeline, "fold": outcome.fold}
        if outcome.error:
            empty = dict.fromkeys(_ALL_METRICS, np.nan)
            fold_rows.append({**head, "level": "subject", "n_cases": 0, **empty, **measured})
            continue
        for level in LEVELS:
            if level not in outcome.levels:
                continue
            cases = outcome.levels[level]
            scores = _fold_scores(cases, classes, average, positive)
            n_cases = len(cases.y_true)
            fold_rows.append({**head, "level": level, "n_cases": n_cases, **scores, **measured})
        people.append(_people(head, outcome.levels["subject"], names_of, classes))
    folds = pd.DataFrame(fold_rows)
    seed = check_random_state(random_state).randint(2**31 - 1)
    summary = pd.DataFrame(
        [
            row
            for name in names
            for row in _summarise(
                outcomes,
                name,
                folds,
                classes,
                average,
                positive,
                confidence,
                n_resamples,
                seed,
            )
        ]
    )
    predictions = (
        pd.concat(people, ignore_index=True)
        if people
        else pd.DataFrame(columns=["pipeline", "fold", "subject", "y_true", "y_pred"])
    )
    label_of = dict(zip(X["subject"], y))
    chance = float(pd.Series(list(label_of.values())).value_counts(normalize=True).max())
    errors = {(o.pipeline, o.fold): o.details for o in outcomes if o.error}
    return Comparison(folds, summary, predictions, errors, classes, chance, confidence)


def _people(
    head: dict[str, Any], level: _Level, names: NDArray[Any], classes: NDArray[Any]
) -> pd.DataFrame:
    frame = pd.DataFrame(
        {"subject": names[level.subject], "y_true": level.y_true, "y_pred": level.y_pred}
    )
    if level.proba is not None:
        frame[[f"probability_{c}" for c in classes]] = level.proba
    for name, value in reversed(head.items()):
        frame.insert(0, name, value)
    return frame


# -------------------------------------------------------------------- leakage audit


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


def _divote_parameters(estimator: Any) -> tuple[str, DiVoteClassifier] | None:
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
    y = _checked_labels(X, y)
    model, recording = clone(estimator), None
    found = _divote_parameters(estimator)
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
