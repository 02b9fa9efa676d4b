"""Scores of the predictions at each level, over folds and pooled, with intervals over subjects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score
from sklearn.utils import check_random_state

from sklearn_emg.comparison._runs import LEVELS, Level, Outcome
from sklearn_emg.metrics import METRICS, bootstrap_interval, confusion_measures, wilson_interval

ALL_METRICS = (*METRICS, "auroc")


@dataclass(frozen=True)
class Scoring:
    """How predictions are scored.

    Parameters
    ----------
    classes : ndarray of shape (n_classes,)
        Labels, sorted.
    average : {"macro", "weighted"}, default="macro"
        How one-vs-rest measures are averaged over classes.
    positive : int, default=None
        With two classes: the index of the class that these measures are given for.
    confidence : float, default=0.95
        Confidence level of the intervals.
    n_resamples : int, default=1000
        Bootstrap resamples; at most 200 for the AUROC.
    seed : int, default=0
        Seed of the resamples.
    """

    classes: NDArray[Any]
    average: str = "macro"
    positive: int | None = None
    confidence: float = 0.95
    n_resamples: int = 1000
    seed: int = 0

    # ---------------------------------------------------------------- one fold

    def matrices(self, level: Level) -> dict[int, NDArray[np.intp]]:
        """Confusion matrix of each subject's cases."""
        n_classes = len(self.classes)
        subjects, of = np.unique(level.subject, return_inverse=True)
        matrices = np.zeros((len(subjects), n_classes, n_classes), dtype=np.intp)
        true, predicted = (np.searchsorted(self.classes, y) for y in (level.y_true, level.y_pred))
        np.add.at(matrices, (of, true, predicted), 1)
        return dict(zip(subjects.tolist(), matrices))

    def fold_scores(self, level: Level) -> dict[str, float]:
        """Every measure over the cases of one fold; NaN where a class is missing from them."""
        total = np.sum(list(self.matrices(level).values()), axis=0)
        scores = self._measures(total)
        scores["auroc"] = self.auroc(level)
        return scores

    def _measures(self, matrix: NDArray[Any]) -> dict[str, float]:
        measures = confusion_measures(matrix, average=self.average, positive=self.positive)
        scores = {name: float(value) for name, value in measures.items()}
        if (matrix.sum(axis=1) == 0).any():
            # With a class missing from the test set only the share of right answers makes sense.
            scores = {k: (v if k == "accuracy" else float("nan")) for k, v in scores.items()}
        return scores

    def auroc(self, level: Level) -> float:
        """Area under the ROC curve, one class against the rest; NaN where a class is missing."""
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

    def summarise(
        self, outcomes: list[Outcome], name: str, folds: pd.DataFrame
    ) -> list[dict[str, Any]]:
        """Rows of the summary for one pipeline: over folds, pooled, and intervals by subject."""
        of_pipeline = [o for o in outcomes if o.pipeline == name]
        done = [o for o in of_pipeline if not o.error]
        rows = []
        levels = [level for level in LEVELS if any(level in o.levels for o in done)] or ["subject"]
        for level in levels:
            of_level = folds[(folds["pipeline"] == name) & (folds["level"] == level)]
            pooled, low, high, n_subjects = self._pooled(
                [o for o in done if level in o.levels], level, of_level["auroc"].to_numpy()
            )
            for metric in ALL_METRICS:
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
                        "n_failed": len(of_pipeline) - len(done),
                    }
                )
        return rows

    def _pooled(
        self, done: list[Outcome], level: str, areas: NDArray[np.floating]
    ) -> tuple[dict[str, float], dict[str, float], dict[str, float], int]:
        """Values over the test cases of all folds and their intervals when subjects are redrawn."""
        per_subject: dict[int, list[NDArray]] = {}
        for outcome in done:
            for subject, matrix in self.matrices(outcome.levels[level]).items():
                per_subject.setdefault(subject, []).append(matrix)
        if not per_subject:
            return {}, {}, {}, 0
        stack = np.stack([np.sum(m, axis=0) for m in per_subject.values()]).astype(float)
        n_subjects = len(stack)
        if level == "subject":
            # Tested once or several times, a subject counts once.
            stack /= stack.sum(axis=(1, 2), keepdims=True)
        pooled = self._measures(stack.sum(axis=0))
        rng = check_random_state(self.seed)
        low, high = self._bootstrap(stack, pooled, rng)
        if level == "subject":
            low["accuracy"], high["accuracy"] = wilson_interval(
                pooled["accuracy"], n_subjects, confidence=self.confidence
            )
        # Scores of different models are not on one scale: the area is taken within folds.
        if np.isfinite(areas).any():
            pooled["auroc"] = float(np.nanmean(areas))
            if level == "subject":
                low["auroc"], high["auroc"] = self.auroc_interval(done, rng)
        for metric in list(low):
            # Where no resample moves the value, the bootstrap says nothing of its uncertainty.
            if np.isclose(low[metric], high[metric], rtol=0, atol=1e-12):
                del low[metric], high[metric]
        return pooled, low, high, n_subjects

    def _bootstrap(
        self, stack: NDArray[np.floating], pooled: dict[str, float], rng: np.random.RandomState
    ) -> tuple[dict[str, float], dict[str, float]]:
        """Percentiles of the measures when subjects are redrawn with all their cases."""
        n = len(stack)
        drawn = rng.multinomial(n, np.full(n, 1 / n), size=self.n_resamples)
        resampled = confusion_measures(
            np.tensordot(drawn, stack, axes=1), average=self.average, positive=self.positive
        )
        tails = [0.5 - self.confidence / 2, 0.5 + self.confidence / 2]
        low, high = {}, {}
        for metric, values in resampled.items():
            if np.isfinite(pooled[metric]):
                low[metric], high[metric] = np.quantile(values, tails)
        return low, high

    def auroc_interval(
        self, done: list[Outcome], rng: np.random.RandomState
    ) -> tuple[float, float]:
        """Redraw subjects within fold and class, so that each resample has an area in each fold."""
        levels = [o.levels["subject"] for o in done]
        codes = [np.searchsorted(self.classes, level.y_true) for level in levels]
        forms = [self._area_form(c, v.proba) for c, v in zip(codes, levels)]
        ends = np.cumsum([len(c) for c in codes])

        def mean_area(rows: NDArray[np.intp]) -> float:
            drawn = np.split(np.bincount(rows, minlength=ends[-1]), ends[:-1])
            areas = [n @ form @ n for n, form in zip(drawn, forms) if form is not None]
            return float(np.mean(areas))

        strata = [k * len(self.classes) + c for k, c in enumerate(codes)]
        # A subject tested in several folds is redrawn in each apart: it is a case per fold here.
        return bootstrap_interval(
            mean_area,
            np.arange(ends[-1]),
            strata=np.concatenate(strata),
            n_resamples=min(self.n_resamples, 200),
            confidence=self.confidence,
            random_state=rng,
        )

    def _area_form(
        self, codes: NDArray[np.intp], proba: NDArray[np.floating] | None
    ) -> NDArray[np.floating] | None:
        """Matrix A with ``n @ A @ n`` the AUROC of a fold in which case i was drawn n[i] times.

        An area is the share of pairs of a case of the class and another case that the scores order
        rightly, ties counting half (J. A. Hanley, B. J. McNeil, Radiology 143 (1982) 29-36); draws
        within classes leave the number of pairs as it is. None where a class is missing.
        """
        n_classes = len(self.classes)
        counts = np.bincount(codes, minlength=n_classes)
        if proba is None or (counts == 0).any():
            return None
        equal = np.full(n_classes, 1 / n_classes)
        weights = counts / len(codes) if self.average == "weighted" else equal
        if n_classes == 2:
            weights = np.zeros(2)
            weights[1 if self.positive is None else self.positive] = 1.0
        form = np.zeros((len(codes), len(codes)))
        for k in np.flatnonzero(weights):
            own, rest = np.flatnonzero(codes == k), np.flatnonzero(codes != k)
            ordered = (1 + np.sign(proba[own, None, k] - proba[rest, k])) / 2
            form[np.ix_(own, rest)] += weights[k] / ordered.size * ordered
        return form
