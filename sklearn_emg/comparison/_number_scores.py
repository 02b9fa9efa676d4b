"""Scores of predicted numbers, over folds and pooled, with intervals over subjects."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils import check_random_state

from sklearn_emg.comparison._runs import Level, Outcome
from sklearn_emg.comparison._scores import Pooled, Scores, extra_metrics
from sklearn_emg.metrics import (
    NUMBER_METRICS,
    concordance,
    measures_of_sums,
    number_sums,
    rank_correlation,
    regression_measures,
)

_RANKS = {"spearman": rank_correlation, "concordance": concordance}
_RANK_RESAMPLES = 200


@dataclass(frozen=True)
class NumberScoring(Scores):
    """Settings of the scores of a regression, and their computation from predictions.

    Parameters
    ----------
    confidence : float, default=0.95
        Confidence level of the intervals.
    n_resamples : int, default=1000
        Number of bootstrap resamples; at most 200 are used for rank correlation and concordance.
    seed : int, default=0
        Seed of the resamples.
    """

    confidence: float = 0.95
    n_resamples: int = 1000
    seed: int = 0
    classes: NDArray[Any] = field(default_factory=lambda: np.array([]))
    metrics: ClassVar[tuple[str, ...]] = NUMBER_METRICS
    task: ClassVar[str] = "regression"

    def fold_scores(self, level: Level) -> dict[str, float]:
        return regression_measures(level.y_true, level.y_pred)

    def reason(self, level: Level) -> str:
        if len(np.unique(level.y_true)) < 2:
            return "all true values of the fold are equal"
        if len(np.unique(level.y_pred)) < 2:
            return "all predictions of the fold are equal, so there is no rank correlation"
        return ""

    def pooled(self, done: list[Outcome], level: str, folds: pd.DataFrame) -> Pooled:
        done = [o for o in done if level in o.levels]
        if not done:
            return Pooled()
        levels = [o.levels[level] for o in done]
        subject, y_true, y_pred = _joined(levels)
        case = _cases(levels, level)
        weight = 1 / np.bincount(case)[case]  # a diagnosis made in several folds counts once
        n_subjects = int(subject.max()) + 1
        centre = y_true.mean()
        terms = number_sums(y_true - centre, y_pred - centre) * weight[:, np.newaxis]
        sums = np.zeros((n_subjects, terms.shape[1]))
        np.add.at(sums, subject, terms)
        value = {k: float(v) for k, v in measures_of_sums(sums.sum(axis=0)).items()}
        value |= {name: rank(y_true, y_pred) for name, rank in _RANKS.items()}
        result = Pooled(value, n_scored=int(case.max()) + 1, n_subjects=n_subjects)
        self._add_intervals(result, sums, subject, y_true, y_pred)
        result.add_means(folds[extra_metrics(done) if level == "subject" else []])
        result.drop_empty_intervals()
        return result

    def _add_intervals(
        self,
        result: Pooled,
        sums: NDArray[np.floating],
        subject: NDArray[np.intp],
        y_true: NDArray[np.floating],
        y_pred: NDArray[np.floating],
    ) -> None:
        """Add percentiles of the measures over resamples of subjects with all their predictions."""
        n = len(sums)
        rng = check_random_state(self.seed)
        drawn = rng.multinomial(n, np.full(n, 1 / n), size=self.n_resamples)
        resampled = measures_of_sums(drawn @ sums)
        rows_of = [np.flatnonzero(subject == k) for k in range(n)]
        few = min(self.n_resamples, _RANK_RESAMPLES)
        rows = [np.concatenate([rows_of[k] for k in np.repeat(range(n), d)]) for d in drawn[:few]]
        for name, rank in _RANKS.items():
            resampled[name] = np.array([rank(y_true[r], y_pred[r]) for r in rows])
        tails = [0.5 - self.confidence / 2, 0.5 + self.confidence / 2]
        for metric, values in resampled.items():
            values = values[np.isfinite(values)]
            if np.isfinite(result.value[metric]) and values.size:
                result.low[metric], result.high[metric] = np.quantile(values, tails)


def _joined(
    levels: list[Level],
) -> tuple[NDArray[np.intp], NDArray[np.floating], NDArray[np.floating]]:
    """Return the codes of subjects, the true values and the predicted values."""
    subject = np.unique(np.concatenate([v.subject for v in levels]), return_inverse=True)[1]
    y_true = np.concatenate([np.asarray(v.y_true, dtype=float) for v in levels])
    return subject, y_true, np.concatenate([np.asarray(v.y_pred, dtype=float) for v in levels])


def _cases(levels: list[Level], level: str) -> NDArray[np.intp]:
    """Return codes of diagnoses (of subjects or units) or, at other levels, of predictions."""
    subject = np.concatenate([v.subject for v in levels])
    if level != "subject":
        return np.arange(len(subject))
    units = [np.zeros(len(v.subject)) if v.unit is None else v.unit for v in levels]
    return pd.factorize(pd.MultiIndex.from_arrays([subject, np.concatenate(units)]))[0]
