"""Scores of the predictions at each level, over folds and pooled, with intervals over subjects."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score
from sklearn.utils import check_random_state

from sklearn_emg.comparison._runs import LEVELS, Level, Outcome
from sklearn_emg.metrics import METRICS, bootstrap_interval, confusion_measures, wilson_interval

ALL_METRICS = (*METRICS, "auroc")


class Scores(ABC):
    """Base class of the scores of labels and of numbers, which computes the summary over folds."""

    confidence: float
    n_resamples: int
    seed: int
    metrics: ClassVar[tuple[str, ...]]
    task: ClassVar[str]
    classes: NDArray[Any]

    @abstractmethod
    def fold_scores(self, level: Level) -> dict[str, float]:
        """Compute all measures over the predictions of one fold."""

    @abstractmethod
    def reason(self, level: Level) -> str:
        """Return the reason for a NaN among the measures of one fold; empty if there is none."""

    @abstractmethod
    def pooled(self, done: list[Outcome], level: str, folds: pd.DataFrame) -> Pooled:
        """Compute values over the predictions of all folds, and their intervals over subjects."""

    def summarise(
        self, outcomes: list[Outcome], name: str, folds: pd.DataFrame
    ) -> list[dict[str, Any]]:
        """Compute the rows of the summary for one pipeline: means over folds and pooled values."""
        of_pipeline = [o for o in outcomes if o.pipeline == name]
        done = [o for o in of_pipeline if not o.error]
        counts = {"n_folds": len(done), "n_failed": len(of_pipeline) - len(done)}
        rows = []
        for level in _levels_of(done):
            of_level = folds[(folds["pipeline"] == name) & (folds["level"] == level)]
            pooled = self.pooled(done, level, of_level)
            for metric in (*self.metrics, *(extra_metrics(done) if level == "subject" else ())):
                row = {"pipeline": name, "level": level, "metric": metric}
                row |= {**_over_folds(of_level[metric]), **pooled.row(metric), **counts}
                rows.append({**row, "note": pooled.note.get(metric, "") or _note(row, of_level)})
        return rows


@dataclass(frozen=True)
class Scoring(Scores):
    """Settings of the scores of a classification, and their computation from predictions.

    Parameters
    ----------
    classes : ndarray of shape (n_classes,)
        Sorted labels.
    average : {"macro", "weighted"}, default="macro"
        Average of one-vs-rest measures over classes.
    positive : int, default=None
        Index of the class for which the one-vs-rest measures are computed if there are two classes.
        If None, they are averaged over the classes.
    confidence : float, default=0.95
        Confidence level of the intervals.
    n_resamples : int, default=1000
        Number of bootstrap resamples; at most 200 are used for the AUROC.
    seed : int, default=0
        Seed of the resamples.
    """

    classes: NDArray[Any]
    average: str = "macro"
    positive: int | None = None
    confidence: float = 0.95
    n_resamples: int = 1000
    seed: int = 0
    metrics: ClassVar[tuple[str, ...]] = ALL_METRICS
    task: ClassVar[str] = "classification"

    # ---------------------------------------------------------------- one fold

    def matrix(self, level: Level) -> NDArray[np.intp]:
        """Count predictions by true class (rows) and predicted class (columns)."""
        matrix = np.zeros((len(self.classes), len(self.classes)), dtype=np.intp)
        np.add.at(matrix, self._codes(level), 1)
        return matrix

    def _codes(self, level: Level) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        true, predicted = (np.searchsorted(self.classes, y) for y in (level.y_true, level.y_pred))
        return true, predicted

    def fold_scores(self, level: Level) -> dict[str, float]:
        """Compute all measures of one fold, or only the accuracy if a class is not tested."""
        scores = self._measures(self.matrix(level))
        scores["auroc"] = self.auroc(level)
        return scores

    def reason(self, level: Level) -> str:
        """Return the reason for a NaN among the measures of one fold; empty if there is none."""
        missing = np.setdiff1d(self.classes, level.y_true)
        reasons = [f"class {missing.tolist()[0]!r} is not tested"] if missing.size else []
        if level.proba is None:
            reasons.append("no probabilities for the AUROC")
        return "; ".join(reasons)

    def _measures(self, matrix: NDArray[Any]) -> dict[str, float]:
        measures = confusion_measures(matrix, average=self.average, positive=self.positive)
        scores = {name: float(value) for name, value in measures.items()}
        if (matrix.sum(axis=1) == 0).any():
            # If the test set lacks a class, only the accuracy is defined.
            scores = {k: (v if k == "accuracy" else float("nan")) for k, v in scores.items()}
        return scores

    def auroc(self, level: Level) -> float:
        """Compute the one-vs-rest AUROC; NaN if a class or the probabilities are missing."""
        if level.proba is None or len(np.unique(level.y_true)) < len(self.classes):
            return float("nan")
        if len(self.classes) == 2:
            k = 1 if self.positive is None else self.positive
            return float(roc_auc_score(level.y_true == self.classes[k], level.proba[:, k]))
        return float(
            roc_auc_score(
                level.y_true,
                level.proba,
                multi_class="ovr",
                average=self.average,
                labels=self.classes,
            )
        )

    # ---------------------------------------------------------------- all folds

    def pooled(self, done: list[Outcome], level: str, folds: pd.DataFrame) -> Pooled:
        """Compute values over the predictions of all folds, and their intervals over subjects."""
        done = [o for o in done if level in o.levels]
        if not done:
            return Pooled()
        stack, n_scored, several = self._stack([o.levels[level] for o in done], level)
        result = Pooled(self._measures(stack.sum(axis=0)), n_scored=n_scored, n_subjects=len(stack))
        rng = check_random_state(self.seed)
        self._bootstrap(stack, result, rng)
        if level == "subject" and not several:
            self._wilson(result)
        self._pool_auroc(result, done, level, folds["auroc"].to_numpy(), rng)
        result.add_means(folds[extra_metrics(done) if level == "subject" else []])
        result.drop_empty_intervals()
        if level == "subject" and "accuracy" not in result.low:
            # If all diagnoses are correct or all are wrong, each subject counts as one diagnosis.
            self._wilson(result)
            result.note["accuracy"] = ""
        return result

    def _wilson(self, result: Pooled) -> None:
        """Set the interval of an accuracy with one diagnosis per subject."""
        result.low["accuracy"], result.high["accuracy"] = wilson_interval(
            result.value["accuracy"], result.n_subjects, confidence=self.confidence
        )

    def _pool_auroc(
        self,
        result: Pooled,
        done: list[Outcome],
        level: str,
        areas: NDArray[np.floating],
        rng: np.random.RandomState,
    ) -> None:
        """Average the AUROC over folds, since scores of different models have different scales."""
        if not np.isfinite(areas).any():
            return
        result.value["auroc"] = float(np.nanmean(areas))
        if level == "subject":
            result.low["auroc"], result.high["auroc"] = self.auroc_interval(done, rng)
        else:
            result.note["auroc"] = "mean over folds; an interval is given for subjects only"

    def _stack(self, levels: list[Level], level: str) -> tuple[NDArray[np.float64], int, bool]:
        """Compute the confusion matrix of each subject, and the number of predictions.

        Also return whether subjects have several diagnoses. A diagnosis that was made in several
        folds counts once, with its mean.
        """
        subject = np.concatenate([v.subject for v in levels])
        true, predicted = np.concatenate([self._codes(v) for v in levels], axis=1)
        subjects, of = np.unique(subject, return_inverse=True)
        weight, n_scored, several = np.ones(len(of)), len(of), False
        if level == "subject":
            units = [np.zeros(len(v.subject)) if v.unit is None else v.unit for v in levels]
            pairs = pd.MultiIndex.from_arrays([of, np.concatenate(units)])
            case = pd.factorize(pairs)[0]
            weight = 1 / np.bincount(case)[case]
            n_scored = int(case.max()) + 1
            several = n_scored > len(subjects)
        stack = np.zeros((len(subjects), len(self.classes), len(self.classes)))
        np.add.at(stack, (of, true, predicted), weight)
        return stack, n_scored, several

    def _bootstrap(
        self, stack: NDArray[np.floating], result: Pooled, rng: np.random.RandomState
    ) -> None:
        """Compute percentiles of the measures over resamples of subjects with their predictions."""
        n = len(stack)
        drawn = rng.multinomial(n, np.full(n, 1 / n), size=self.n_resamples)
        resampled = confusion_measures(
            np.tensordot(drawn, stack, axes=1), average=self.average, positive=self.positive
        )
        tails = [0.5 - self.confidence / 2, 0.5 + self.confidence / 2]
        for metric, values in resampled.items():
            if np.isfinite(result.value[metric]):
                result.low[metric], result.high[metric] = np.quantile(values, tails)

    def auroc_interval(
        self, done: list[Outcome], rng: np.random.RandomState
    ) -> tuple[float, float]:
        """Compute the interval of the AUROC by resampling subjects within folds and classes."""
        levels = [o.levels["subject"] for o in done]
        codes = [np.searchsorted(self.classes, level.y_true) for level in levels]
        pairs = [self._ordered_pairs(c, v.proba) for c, v in zip(codes, levels)]
        ends = np.cumsum([len(c) for c in codes])

        def mean_area(rows: NDArray[np.intp]) -> float:
            drawn = np.split(np.bincount(rows, minlength=ends[-1]), ends[:-1])
            areas = [_area(n, fold) for n, fold in zip(drawn, pairs) if fold]
            return float(np.nanmean(areas)) if np.isfinite(areas).any() else np.nan

        # A subject that is tested in several folds is resampled separately in each fold. A subject
        # with several diagnoses is drawn with all of them, among subjects with the same classes.
        subjects, strata = [], []
        for fold, (level, code) in enumerate(zip(levels, codes)):
            present = np.zeros((int(level.subject.max()) + 1, len(self.classes)), dtype=np.intp)
            present[level.subject, code] = 1
            sets = present[level.subject] @ (1 << np.arange(len(self.classes)))
            subjects += [(fold, s) for s in level.subject.tolist()]
            strata += [(fold << len(self.classes)) + k for k in sets.tolist()]
        return bootstrap_interval(
            mean_area,
            pd.factorize(pd.MultiIndex.from_tuples(subjects))[0],
            strata=strata,
            n_resamples=min(self.n_resamples, 200),
            confidence=self.confidence,
            random_state=rng,
        )

    def _ordered_pairs(
        self, codes: NDArray[np.intp], proba: NDArray[np.floating] | None
    ) -> list[_Pairs]:
        """Compare each diagnosis of a class with those of other classes, for the AUROC of one fold.

        The AUROC is the fraction of such pairs that are in the correct order, where ties count half
        (J. A. Hanley, B. J. McNeil, Radiology 143 (1982) 29-36). The result is empty if a class is
        missing.
        """
        n_classes = len(self.classes)
        counts = np.bincount(codes, minlength=n_classes)
        if proba is None or (counts == 0).any():
            return []
        equal = np.full(n_classes, 1 / n_classes)
        weights = counts / len(codes) if self.average == "weighted" else equal
        if n_classes == 2:
            weights = np.zeros(2)
            weights[1 if self.positive is None else self.positive] = 1.0
        pairs = []
        for k in np.flatnonzero(weights):
            own, rest = np.flatnonzero(codes == k), np.flatnonzero(codes != k)
            ordered = (1 + np.sign(proba[own, None, k] - proba[rest, k])) / 2
            pairs.append(_Pairs(float(weights[k]), own, rest, ordered))
        return pairs


def extra_metrics(outcomes: list[Outcome]) -> list[str]:
    """Return the names of the additional metrics in the order in which they were given."""
    return list(dict.fromkeys(metric for o in outcomes for metric in o.scores))


def _levels_of(done: list[Outcome]) -> list[str]:
    """Return the levels of finished runs; the level of diagnoses if there are no such runs."""
    return [level for level in LEVELS if any(level in o.levels for o in done)] or ["subject"]


def _over_folds(values: pd.Series) -> dict[str, float]:
    values = values.dropna()
    return {"mean": values.mean(), "std": values.std(ddof=1)}


@dataclass
class Pooled:
    """Values over all folds, their intervals, and numbers of predictions and subjects."""

    value: dict[str, float] = field(default_factory=dict)
    low: dict[str, float] = field(default_factory=dict)
    high: dict[str, float] = field(default_factory=dict)
    note: dict[str, str] = field(default_factory=dict)
    n_scored: int = 0
    n_subjects: int = 0

    def row(self, metric: str) -> dict[str, float]:
        """Return the columns of the summary for one metric."""
        return {
            "pooled": self.value.get(metric, np.nan),
            "low": self.low.get(metric, np.nan),
            "high": self.high.get(metric, np.nan),
            "n_scored": self.n_scored,
            "n_subjects": self.n_subjects,
        }

    def add_means(self, folds: pd.DataFrame) -> None:
        """Add means over folds of additional metrics."""
        for metric in folds:
            self.value[str(metric)] = float(folds[metric].mean())
            self.note[str(metric)] = "mean over folds; no interval"

    def drop_empty_intervals(self) -> None:
        """Remove intervals of zero width, for which the bootstrap estimates no uncertainty."""
        for metric in list(self.low):
            if not np.isfinite(self.low[metric]) or self.low[metric] > self.high[metric] - 1e-12:
                del self.low[metric], self.high[metric]
                self.note[metric] = "no interval: all resamples of the subjects give the same value"


@dataclass(frozen=True)
class _Pairs:
    """Diagnoses of one class, all others, and whether each pair of them is in the correct order."""

    weight: float
    own: NDArray[np.intp]
    rest: NDArray[np.intp]
    ordered: NDArray[np.floating]


def _area(n: NDArray[np.intp], pairs: list[_Pairs]) -> float:
    """Compute the AUROC of a fold with diagnosis i drawn n[i] times; NaN if a class is missing."""
    area = 0.0
    for pair in pairs:
        own, rest = n[pair.own], n[pair.rest]
        if not (own.any() and rest.any()):
            return float("nan")
        area += pair.weight * float(own @ pair.ordered @ rest) / (own.sum() * rest.sum())
    return area


def _note(row: dict[str, Any], folds: pd.DataFrame) -> str:
    """Return the reason for a NaN in a row of the summary; empty if there is none."""
    if not row["n_folds"]:
        return "failed in all folds"
    if np.isnan(row["mean"]) or np.isnan(row["pooled"]):
        return "; ".join(dict.fromkeys(note for note in folds["note"] if note))
    return "one fold has no standard deviation" if np.isnan(row["std"]) else ""
