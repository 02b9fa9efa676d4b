"""What a comparison gives: tables of folds, of a summary and of predictions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sklearn_emg.comparison._scores import ALL_METRICS


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
        if unknown := sorted(set(metrics) - set(ALL_METRICS)):
            raise ValueError(
                f"The comparison has no metrics {unknown}; it has {list(ALL_METRICS)}."
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
