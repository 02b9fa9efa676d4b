"""Results of a comparison: tables of folds, summary and predictions."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sklearn_emg._tables import ReadableTable, counted
from sklearn_emg.comparison._record._facts import RunRecord
from sklearn_emg.comparison._steps import time_steps
from sklearn_emg.metrics import ERRORS, NUMBER_METRICS, confusion_measures
from sklearn_emg.recordings import check_recording_table

_DEFAULT_METRICS = {
    "classification": ("accuracy", "balanced_accuracy", "f1", "auroc", "mcc"),
    "regression": NUMBER_METRICS,
}


@dataclass(frozen=True)
class Comparison:
    """Results of :func:`compare`.

    Attributes
    ----------
    folds : DataFrame
        One row per pipeline, fold and level ("window", "recording" or "subject"); a fold that
        failed has one row, at the level "subject". The columns are ``pipeline``, ``fold``,
        ``level`` and ``n_scored`` (number of windows, recordings or diagnoses); ``accuracy``,
        ``balanced_accuracy``, ``f1``, ``precision``, ``sensitivity``, ``specificity``, ``mcc`` and
        ``auroc``; the metrics of `scoring` at the level "subject"; ``n_train`` (number of training
        subjects); ``fit_seconds``, ``predict_ms_per_recording`` and ``peak_memory_mb``; ``note``
        (reason for a NaN); and ``error`` (empty if the fold succeeded). The level "subject" is the
        level of diagnoses: with a `unit`, there is one diagnosis per unit.
    summary : DataFrame
        One row per ``pipeline``, ``level`` and ``metric``. The other columns are ``mean`` and
        ``std`` over folds; ``pooled`` (value over the test sets of all folds or, for the AUROC and
        the metrics of `scoring`, the mean over folds); ``low`` and ``high`` (confidence interval of
        the pooled value over subjects); ``n_scored`` (as in `folds`), ``n_subjects``, ``n_folds``
        (number of folds without a failure) and ``n_failed``; and ``note`` (reason for a NaN).
    predictions : DataFrame
        One row per ``pipeline``, ``fold`` and diagnosis, with the columns ``subject``, the unit (if
        it is not the subject), ``y_true``, ``y_pred`` and, if there are probabilities,
        ``probability_`` followed by each class.
    errors : dict of (str, int) to str
        Traceback of each pipeline and fold that failed.
    classes : ndarray of shape (n_classes,)
        Labels of the classes.
    chance : float
        Chance level of the accuracy: the fraction of subjects (or units) in the largest class,
        which is the accuracy of a constant prediction of this class.
    confidence : float
        Confidence level of the intervals.
    unit : str
        Unit of a diagnosis: "subject", or the `unit` of the DiVote estimators. For other pipelines
        whose targets differ within a subject, it is "target_visit" or "visit" if this column
        distinguishes the rows of a subject, and "row" otherwise.
    chosen_parameters : DataFrame
        Choices of the searches in the pipelines, with one row per ``pipeline``, ``fold``,
        ``search`` (its place in the pipeline, empty for the pipeline itself) and ``parameter``. The
        column ``value`` contains the chosen value.
    confusions : DataFrame
        Number ``n`` of predictions by ``pipeline``, ``fold``, ``level``, ``y_true`` and ``y_pred``;
        empty for regressors. See :meth:`confusion`.
    estimators : dict of (str, int) to estimator
        Fitted pipelines by name and fold; empty unless ``return_estimator=True``.
    task : {"classification", "regression"}
        Task of the pipelines. For a regression, ``folds`` and ``summary`` contain the measures of
        :func:`~sklearn_emg.metrics.regression_measures`, ``classes`` is empty, and `chance` is
        the standard deviation of the true values, which is the RMSE of a constant prediction of
        their mean.
    remark : str
        Remark on a prognosis, which names the pipelines that are better than the best naive
        baseline; empty for other comparisons.
    record : RunRecord or None
        Descriptions of the rows, protocol, settings, seeds, versions and CPU time of the run, which
        :func:`~sklearn_emg.inspection.model_card` and
        :func:`~sklearn_emg.comparison.subgroup_scores` use.
    numbers_held : dict of str to int
        Number of weights and running statistics of the networks in each pipeline that has any, the
        largest over the folds.
    training_history : DataFrame
        One row per epoch of the networks, with the columns ``pipeline``, ``fold``, ``network`` (its
        class), ``epoch`` (from 1) and, if they were recorded, ``train_loss``, ``train_acc``,
        ``valid_loss``, ``valid_acc``, ``lr`` and ``dur`` (in s); empty if there is no network.
    """

    folds: pd.DataFrame
    summary: pd.DataFrame
    predictions: pd.DataFrame
    errors: dict[tuple[str, int], str]
    classes: NDArray[Any]
    chance: float
    confidence: float
    unit: str = "subject"
    chosen_parameters: pd.DataFrame = field(default_factory=pd.DataFrame)
    confusions: pd.DataFrame = field(default_factory=pd.DataFrame)
    estimators: dict[tuple[str, int], Any] = field(default_factory=dict)
    task: str = "classification"
    remark: str = ""
    record: RunRecord | None = None
    numbers_held: dict[str, int] = field(default_factory=dict)
    training_history: pd.DataFrame = field(default_factory=pd.DataFrame)

    def _level(self, level: str) -> str:
        """Check the name of a level; the unit of the diagnoses stands for "subject"."""
        level = "subject" if level == self.unit else level
        levels = list(dict.fromkeys(self.summary["level"]))
        if level not in levels:
            raise ValueError(f"The comparison has no level {level!r}; it has {sorted(levels)}.")
        return level

    def confusion(
        self, name: str | None = None, level: str = "subject", *, fold: int | None = None
    ) -> pd.DataFrame:
        """Return the confusion matrix of one pipeline.

        Parameters
        ----------
        name : str, default=None
            Name of the pipeline; required if there are several.
        level : {"window", "recording", "subject"}, default="subject"
            Level of the predictions.
        fold : int, default=None
            Number of a fold. By default, the predictions of all folds are counted.

        Returns
        -------
        confusion : DataFrame of int of shape (n_classes, n_classes)
            Numbers of predictions; rows are true classes and columns are predicted classes. A
            subject that is tested in several folds is counted in each of them.

        Raises
        ------
        ValueError
            If numbers were predicted, or the comparison has no such pipeline, level or fold.
        """
        if self.task == "regression":
            raise ValueError("Predicted numbers have no confusion matrix; see table().")
        name = pipeline_named(self, name)
        level, table = self._level(level), self.confusions
        part = table[(table["pipeline"] == name) & (table["level"] == level)]
        if fold is not None:
            part = part[part["fold"] == fold]
        if part.empty:
            fold_text = "" if fold is None else f" in fold {fold}"
            raise ValueError(f"{name!r} has no predictions of {level}s{fold_text}.")
        counts = part.groupby(["y_true", "y_pred"], sort=False)["n"].sum()
        matrix = counts.unstack("y_pred").loc[self.classes, self.classes]
        return ReadableTable(matrix.rename_axis(index="true", columns="predicted"))

    def confusion_spread(self, name: str | None = None, level: str = "window") -> pd.DataFrame:
        """Compute the mean and standard deviation of the confusion matrix in percent over folds.

        Percentages are relative to the sum of the row, that is, of the true class. With repeated
        folds (:class:`~sklearn_emg.model_selection.RepeatedSubjectKFold`), the statistics are over
        folds and repetitions, as in figure 5 of J. Yoo et al. (2022).

        Parameters
        ----------
        name : str, default=None
            Name of the pipeline; required if there are several.
        level : {"window", "recording", "subject"}, default="window"
            Level of the predictions.

        Returns
        -------
        spread : DataFrame of float of shape (n_classes, 2 * n_classes)
            Table in percent. Rows are true classes; columns are the statistic ("mean", or "sd" with
            divisor n_folds - 1) and the predicted class. Folds that do not test a class do not
            count in the row of this class.

        Raises
        ------
        ValueError
            If numbers were predicted, or the comparison has no such pipeline or level.
        """
        self.confusion(name, level)  # raises an error for an unknown name or level
        level, table = self._level(level), self.confusions
        chosen = table["level"] == level
        if name is not None:
            chosen &= table["pipeline"] == name
        folds = table.loc[chosen, "fold"].unique()
        percent = []
        for fold in folds:
            counts = self.confusion(name, level, fold=fold).astype(float)
            total = counts.sum(axis=1)
            percent.append(100 * counts.div(total.where(total > 0), axis=0))
        stacked = pd.concat(percent, keys=range(len(percent))).groupby(level=1)
        parts = {"mean": stacked.mean(), "sd": stacked.std()}
        result = pd.concat({key: part.loc[self.classes] for key, part in parts.items()}, axis=1)
        return ReadableTable(result.rename_axis(index="true", columns=["", "predicted"]))

    def time_steps(self, X: pd.DataFrame) -> pd.DataFrame:
        """Measure the times of loading, preprocessing, features and prediction of each pipeline.

        Parameters
        ----------
        X : DataFrame
            Recording table that was compared. Each fitted pipeline runs on the recordings of its
            test subjects.

        Returns
        -------
        times : DataFrame
            One row per pipeline, fold and step, with the columns ``pipeline``, ``fold`` and those
            of :func:`~sklearn_emg.comparison.time_steps`: ``step``, ``kind``, ``seconds``,
            ``snr_db``, ``rmse`` and ``ms_per_recording``.

        Raises
        ------
        ValueError
            If the comparison did not keep its pipelines (``return_estimator=True``), `X` is not a
            valid recording table, or it has none of the subjects tested in a fold.
        """
        if not self.estimators:
            raise ValueError(
                "The comparison kept no fitted pipelines whose steps could be timed: run "
                "compare(..., return_estimator=True)."
            )
        check_recording_table(X)
        tables = []
        for (name, fold), estimator in self.estimators.items():
            tested = (self.predictions["pipeline"] == name) & (self.predictions["fold"] == fold)
            rows = X["subject"].isin(set(self.predictions.loc[tested, "subject"]))
            if not rows.any():
                raise ValueError(f"X has no recording of the subjects tested in fold {fold}.")
            times = time_steps(estimator, X[rows.to_numpy()])
            times.insert(0, "pipeline", name)
            times.insert(1, "fold", fold)
            tables.append(times)
        return ReadableTable(pd.concat(tables, ignore_index=True))

    def per_class(self, level: str = "subject") -> pd.DataFrame:
        """Compute the precision, recall and F1 of each class, pooled over folds.

        Parameters
        ----------
        level : {"window", "recording", "subject"}, default="subject"
            Level of the predictions.

        Returns
        -------
        measures : DataFrame of float
            One row per ``pipeline`` and ``class``, with the columns ``precision``, ``recall``,
            ``f1`` and ``n`` (number of windows, recordings or diagnoses of this class). A ratio
            whose denominator is 0 is 0.

        Raises
        ------
        ValueError
            If numbers were predicted, or the comparison has no such level.
        """
        if self.task == "regression":
            raise ValueError("Predicted numbers have no measures of classes; see table().")
        rows = {}
        for name in dict.fromkeys(self.confusions["pipeline"]):
            counts = self.confusion(name, level)
            matrix = counts.to_numpy()
            for code, label in enumerate(self.classes.tolist()):
                values = confusion_measures(matrix, positive=code)
                rows[name, label] = {
                    "precision": float(values["precision"]),
                    "recall": float(values["sensitivity"]),
                    "f1": float(values["f1"]),
                    "n": int(matrix[code].sum()),
                }
        table = pd.DataFrame.from_dict(rows, orient="index")
        table.index = pd.MultiIndex.from_tuples(rows, names=["pipeline", "class"])
        return ReadableTable(table)

    def table(
        self,
        level: str = "subject",
        metrics: str | Iterable[str] | None = None,
    ) -> pd.DataFrame:
        """Format the scores as a table with one row per pipeline.

        Parameters
        ----------
        level : {"window", "recording", "subject"}, default="subject"
            Level of the predictions; "subject", or the name of the `unit`, is the level of
            diagnoses.
        metrics : str or iterable of str, default=None
            Names from ``summary["metric"]``. The default is accuracy, balanced_accuracy, f1, auroc
            and mcc, or all measures of a regression.

        Returns
        -------
        table : DataFrame of str
            Pooled values with intervals, such as ``0.86 [0.67, 0.95]``, and the means over folds
            ``fit s``, ``predict ms/rec`` and ``peak MB``. If a pipeline has a network, ``numbers
            held`` is the number of its weights and running statistics. If a fold failed, ``failed
            folds`` is the number of such folds. The table is printed in full, whatever its width.

        Raises
        ------
        ValueError
            If the comparison has no such level or metric.
        """
        level = self._level(level)
        chosen = self.summary[self.summary["level"] == level]
        metrics = _DEFAULT_METRICS[self.task] if metrics is None else metrics
        metrics = [metrics] if isinstance(metrics, str) else list(metrics)
        known = list(dict.fromkeys(chosen["metric"]))
        if unknown := sorted(set(metrics) - set(known)):
            raise ValueError(
                f"The comparison has no metrics {unknown} of {level}s; it has {known}."
            )
        rows = {}
        for name, part in chosen.groupby("pipeline", sort=False):
            values = part.set_index("metric")
            row = {metric: score_cell(values, metric) for metric in metrics}
            times = self.folds[(self.folds["pipeline"] == name) & (self.folds["level"] == level)]
            for label, column, digits in (
                ("fit s", "fit_seconds", 2),
                ("predict ms/rec", "predict_ms_per_recording", 1),
                ("peak MB", "peak_memory_mb", 0),
            ):
                value = times[column].mean()
                row[label] = "-" if np.isnan(value) else f"{value:.{digits}f}"
            held, failed = self.numbers_held.get(str(name)), values["n_failed"].iloc[0]
            row["numbers held"] = f"{held:,}" if held else ""
            row["failed folds"] = str(int(failed)) if failed else ""
            rows[name] = row
        table = ReadableTable.from_dict(rows, orient="index")
        unused = (table[["numbers held", "failed folds"]] == "").all()
        return ReadableTable(table.drop(columns=unused.index[unused]))

    def __repr__(self) -> str:
        cases = counted(self.predictions["subject"].nunique(), "subject")
        if self.unit != "subject":
            units = self.predictions[["subject", self.unit]].drop_duplicates()
            cases = f"{counted(len(units), self.unit)} of {cases}"
        pipelines = counted(self.summary["pipeline"].nunique(), "pipeline")
        if self.task == "regression":
            remark = f"{self.remark}\n" if self.remark else ""
            return (
                f"Comparison of {pipelines} over {cases}; predicting the mean has an RMSE of "
                f"{_digits(self.chance)}\n{remark}"
                f"{100 * self.confidence:g} % intervals over subjects\n{self.table()!r}"
            )
        return (
            f"Comparison of {pipelines} over {cases}, chance level {self.chance:.2f}\n"
            f"(the largest class), {100 * self.confidence:g} % intervals over subjects\n"
            f"{self.table()!r}"
        )

    def _repr_html_(self) -> str:
        return self.table().to_html(escape=True)


def score_cell(values: pd.DataFrame, metric: str) -> str:
    """Format a pooled value as ``0.86 [0.67, 0.95]``, or "-" if there is none."""
    if metric not in values.index:
        return "-"
    pooled, low, high = values.loc[metric, ["pooled", "low", "high"]].to_numpy(float)
    # An error has the unit of the target, so its magnitude is not known in advance.
    shown: Callable[[Any], str] = _digits if metric in ERRORS else "{:.2f}".format
    text = "-" if np.isnan(pooled) else shown(pooled)
    return text if np.isnan(low) else f"{text} [{shown(low)}, {shown(high)}]"


def _digits(value: float) -> str:
    """Format a number with two decimals, or with three digits if it is very small or large."""
    return f"{value:.2f}" if value == 0 or 0.1 <= abs(value) < 1000 else f"{value:.3g}"


def pipeline_named(result: Comparison, name: str | None) -> str:
    """Check the name of a pipeline; None stands for the only one."""
    names = list(dict.fromkeys(result.summary["pipeline"]))
    if name is None and len(names) == 1:
        return names[0]
    if name not in names:
        raise ValueError(f"The comparison has no pipeline {name!r}; it has {names}.")
    return str(name)
