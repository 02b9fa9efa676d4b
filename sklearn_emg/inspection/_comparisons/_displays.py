"""Displays of a comparison of pipelines and of audits of leakage and confounds."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sklearn_emg._typing import Labels
from sklearn_emg._validation import check_integer, check_option
from sklearn_emg.comparison import (
    Comparison,
    ConfoundAudit,
    LeakageAudit,
    confound_audit,
    leakage_audit,
)
from sklearn_emg.inspection._plot import (
    COLORS,
    GREY,
    HATCHES,
    MARKERS,
    draw_interval,
    legend_outside,
    log_scale,
    panels,
    style,
    tidy,
)
from sklearn_emg.metrics import METRICS, bootstrap_interval

_KINDS = ("scores", "differences", "time")
_FRACTIONS = {*METRICS, "auroc"} - {"mcc"}  # metrics with values from 0 to 1
_TIMES = {
    "fit": ("fit_seconds", "time to fit a fold (s)"),
    "predict": ("predict_ms_per_recording", "time to predict a recording (ms)"),
}
# Colour and marker of each finding of a confound audit.
_FINDING_STYLES = {
    "confound": (COLORS[1], MARKERS[1]),
    "suspect": (COLORS[4], MARKERS[2]),
    "no finding": (COLORS[0], MARKERS[0]),
}


class ComparisonDisplay:
    """Scores of pipelines with intervals, paired differences, or scores against time.

    Create the display with :meth:`from_comparison`.

    Parameters
    ----------
    scores : DataFrame
        One row per pipeline. ``score`` has the confidence limits ``low`` and ``high``,
        ``n_subjects`` is the number of subjects, and ``fit_seconds`` and
        ``predict_ms_per_recording`` are mean times.
    differences : DataFrame
        One row for each pipeline, other than the reference, that diagnosed some of the subjects
        that the reference diagnosed. ``difference`` is the accuracy of the pipeline minus that of
        the reference, over subjects that both diagnosed, with the confidence limits ``low`` and
        ``high``.
        ``better`` and ``worse`` are the numbers of subjects that the pipeline diagnoses correctly
        more often and less often than the reference.
    metric : str
        Metric of the scores.
    chance : float
        Chance level of the accuracy, which is the proportion of subjects (or units) in the largest
        class.
    confidence : float
        Confidence level of the intervals.
    reference : str
        Pipeline with which the others are compared.

    Attributes
    ----------
    figure_ : matplotlib Figure
        Figure that contains the plot.
    ax_ : matplotlib Axes
        Axes of the plot.
    points_ : list of Line2D or ErrorbarContainer
        Point and interval of each pipeline.
    chance_line_ : Line2D or None
        Line at the chance level, which is drawn only for the accuracy.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from sklearn.dummy import DummyClassifier
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn_emg.comparison import compare
    >>> from sklearn_emg.ensemble import DiVoteClassifier
    >>> from sklearn_emg.inspection import ComparisonDisplay
    >>> rng = np.random.default_rng(0)
    >>> y = np.repeat(["control", "patient"], 40)
    >>> X = pd.DataFrame(
    ...     {"rms": rng.normal(size=80) + 2 * (y == "patient"), "subject": np.repeat(range(20), 4)}
    ... )
    >>> result = compare(
    ...     {
    ...         "logistic": DiVoteClassifier(LogisticRegression(), window=None),
    ...         "dummy": DiVoteClassifier(DummyClassifier(), window=None),
    ...     },
    ...     X, y, cv=5, progress=False,
    ... )
    >>> ComparisonDisplay.from_comparison(result).plot().ax_.get_xlabel()
    'accuracy over 20 subjects (bars: 95 % intervals)'
    """

    def __init__(
        self,
        scores: pd.DataFrame,
        differences: pd.DataFrame,
        *,
        metric: str,
        chance: float,
        confidence: float,
        reference: str,
    ):
        self.scores = scores
        self.differences = differences
        self.metric = metric
        self.chance = chance
        self.confidence = confidence
        self.reference = reference

    @classmethod
    def from_comparison(
        cls,
        comparison: Comparison,
        *,
        metric: str = "accuracy",
        reference: str | None = None,
        n_resamples: int = 1000,
        random_state: int | np.random.RandomState | None = 0,
    ) -> ComparisonDisplay:
        """Create the display from a comparison.

        Parameters
        ----------
        comparison : Comparison
            Result of :func:`~sklearn_emg.comparison.compare` with classifiers.
        metric : str, default="accuracy"
            Subject-level metric that "scores" and "time" show, a name from
            ``comparison.summary["metric"]``. "differences" always shows the accuracy.
        reference : str, default=None
            Pipeline with which the others are compared. By default, it is the first one.
        n_resamples : int, default=1000
            Number of bootstrap resamples of subjects for the intervals of differences.
        random_state : int, RandomState instance or None, default=0
            Seed of the bootstrap.

        Returns
        -------
        display : ComparisonDisplay
            Object that stores the values to plot.
        """
        if comparison.task == "regression":
            raise ValueError(
                "ComparisonDisplay is for classifiers. For regressors, see AgreementDisplay."
            )
        summary = comparison.summary[comparison.summary["level"] == "subject"]
        names = list(dict.fromkeys(summary["pipeline"]))
        metrics = list(dict.fromkeys(summary["metric"]))
        check_option(metric, metrics, "metric", "ComparisonDisplay")
        reference = names[0] if reference is None else reference
        if reference not in names:
            raise ValueError(
                f"The 'reference' of ComparisonDisplay must be one of the pipelines {names}. Got "
                f"{reference!r}."
            )
        scores = (
            summary[summary["metric"] == metric]
            .set_index("pipeline")[["pooled", "low", "high", "n_subjects"]]
            .rename(columns={"pooled": "score"})
        )
        folds = comparison.folds[comparison.folds["level"] == "subject"]
        times = folds.groupby("pipeline")[[column for column, _ in _TIMES.values()]].mean()
        differences = _differences(
            comparison.predictions,
            names,
            reference,
            comparison.confidence,
            n_resamples,
            random_state,
        )
        return cls(
            scores.join(times),
            differences,
            metric=metric,
            chance=comparison.chance,
            confidence=comparison.confidence,
            reference=reference,
        )

    def plot(
        self, kind: str = "scores", *, time: str = "predict", ax: Any = None
    ) -> ComparisonDisplay:
        """Draw scores, differences or scores against time.

        Parameters
        ----------
        kind : {"scores", "differences", "time"}, default="scores"
            Kind of plot.

            - "scores": subject-level scores with their intervals.
            - "differences": differences in accuracy from the reference, on the same subjects.
            - "time": scores against time.
        time : {"predict", "fit"}, default="predict"
            Time for ``kind="time"``, which is the time to predict a recording or to fit a fold.
        ax : Axes, default=None
            Axes to draw in. By default, a new figure is created.

        Returns
        -------
        display : ComparisonDisplay
            The same object, with the drawn artists as attributes.
        """
        check_option(kind, _KINDS, "kind", "ComparisonDisplay.plot")
        check_option(time, list(_TIMES), "time", "ComparisonDisplay.plot")
        n_lines = len(self.differences if kind == "differences" else self.scores)
        height = 4.0 if kind == "time" else 1.3 + 0.42 * n_lines
        self.figure_, axes = panels(ax, 1, 1, "ComparisonDisplay.plot", figsize=(6.4, height))
        self.ax_ = axes[0]
        self.chance_line_ = None
        self.points_: list[Any] = []
        {"scores": self._plot_scores, "differences": self._plot_differences}.get(
            kind, lambda: self._plot_time(*_TIMES[time])
        )()
        tidy(axes)
        return self

    def _label(self) -> str:
        n = int(self.scores["n_subjects"].max())
        return f"{self.metric.replace('_', ' ')} over {n} subjects"

    def _plot_scores(self) -> None:
        table = self.scores.sort_values("score", kind="stable")
        self._draw_chance(self.ax_.axvline)
        for place, (name, row) in enumerate(table.iterrows()):
            k = list(self.scores.index).index(name)
            color, marker, *_ = style(k)
            self.points_.append(
                draw_interval(
                    self.ax_,
                    row["score"],
                    (row["low"], row["high"]),
                    place,
                    fmt=marker,
                    color=color,
                )
            )
        self.ax_.set_yticks(np.arange(len(table)), list(table.index))
        self.ax_.set_ylim(-0.6, len(table) - 0.4)
        if self.metric in _FRACTIONS:
            self.ax_.set_xlim(0, 1.02)
        self.ax_.set_xlabel(f"{self._label()} (bars: {100 * self.confidence:g} % intervals)")
        if self.chance_line_ is not None:
            legend_outside(self.ax_, "above right", handles=[self.chance_line_])

    def _draw_chance(self, draw: Any) -> None:
        # The chance level is known only for the accuracy.
        if self.metric == "accuracy":
            self.chance_line_ = draw(
                self.chance, color=GREY, ls="--", lw=1, label="always the largest class"
            )

    def _plot_differences(self) -> None:
        if self.differences.empty:
            raise ValueError(
                f"No other pipeline of the comparison diagnosed the same subjects as "
                f"{self.reference!r}, so there is no difference to draw."
            )
        table = self.differences.sort_values("difference", kind="stable")
        self.ax_.axvline(0, color="black", lw=0.8)
        for place, (name, row) in enumerate(table.iterrows()):
            color, marker, *_ = style(list(self.scores.index).index(name))
            value, *ends = (100 * row[["difference", "low", "high"]]).tolist()
            self.points_.append(
                draw_interval(self.ax_, value, tuple(ends), place, fmt=marker, color=color)
            )
        labels = [
            f"{name}\n{int(row['better'])} better, {int(row['worse'])} worse"
            for name, row in table.iterrows()
        ]
        self.ax_.set_yticks(np.arange(len(table)), labels)
        self.ax_.set_ylim(-0.6, len(table) - 0.4)
        self.ax_.set_xlabel(
            f"accuracy minus that of {self.reference}\n(percentage points, same subjects; "
            f"bars: {100 * self.confidence:g} % intervals)"
        )

    def _plot_time(self, column: str, label: str) -> None:
        self._draw_chance(self.ax_.axhline)
        for k, (name, row) in enumerate(self.scores.iterrows()):
            color, marker, *_ = style(k)
            self.points_.append(
                draw_interval(
                    self.ax_,
                    row["score"],
                    (row["low"], row["high"]),
                    row[column],
                    vertical=True,
                    fmt=marker,
                    color=color,
                    elinewidth=0.8,
                    label=str(name),
                )
            )
        log_scale(self.ax_, "x")
        self.ax_.set_xlabel(label)
        self.ax_.set_ylabel(self._label())
        if self.metric in _FRACTIONS:
            self.ax_.set_ylim(0, 1.02)
        legend_outside(self.ax_, "right")


def _mean_of(values: NDArray[np.floating], rows: NDArray[np.intp]) -> float:
    return float(values[rows].mean())


def _differences(
    predictions: pd.DataFrame,
    names: list[str],
    reference: str,
    confidence: float,
    n_resamples: int,
    random_state: Any,
) -> pd.DataFrame:
    """Compute paired differences in accuracy; repeated tests of a subject are averaged."""
    right = predictions.assign(right=(predictions["y_true"] == predictions["y_pred"]).astype(float))
    by_subject = right.pivot_table(index="subject", columns="pipeline", values="right", sort=False)
    rows = {}
    for name in names:
        if name == reference or not {name, reference} <= set(by_subject.columns):
            continue
        pair = by_subject[[name, reference]].dropna()
        difference = (pair[name] - pair[reference]).to_numpy()
        if not len(difference):
            continue
        low, high = bootstrap_interval(
            partial(_mean_of, difference),
            np.arange(len(difference)),
            n_resamples=n_resamples,
            confidence=confidence,
            random_state=random_state,
        )
        rows[name] = {
            "difference": difference.mean(),
            "low": low,
            "high": high,
            "better": int((difference > 0).sum()),
            "worse": int((difference < 0).sum()),
        }
    columns = ["difference", "low", "high", "better", "worse"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns)


class LeakageDisplay:
    """Scores of random splits of windows next to the scores of the split by subject.

    Create the display with :meth:`from_estimator` or :meth:`from_audit`.

    Parameters
    ----------
    audit : LeakageAudit
        Result of :func:`~sklearn_emg.comparison.leakage_audit`.
    n_classes : int, default=None
        Number of classes, from which the chance level follows. None draws no chance level.

    Attributes
    ----------
    figure_ : matplotlib Figure
        Figure that contains the plot.
    ax_ : matplotlib Axes
        Axes of the plot.
    bars_ : BarContainer
        Mean of each split over its folds.
    points_ : list of Line2D
        Scores of the folds of each split.
    gap_text_ : Annotation
        Score of the first split minus the score of the last split.
    chance_line_ : Line2D or None
        Line at the chance level.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from sklearn.neighbors import KNeighborsClassifier
    >>> from sklearn_emg.ensemble import DiVoteClassifier
    >>> from sklearn_emg.inspection import LeakageDisplay
    >>> rng = np.random.default_rng(0)
    >>> subject = np.repeat(range(20), 10)
    >>> X = pd.DataFrame(rng.normal(size=(20, 4))[subject] + 0.1 * rng.normal(size=(200, 4)))
    >>> X.columns = X.columns.astype(str)
    >>> X["subject"] = subject
    >>> y = np.where(subject % 2, "patient", "control")
    >>> model = DiVoteClassifier(KNeighborsClassifier(), window=None)
    >>> display = LeakageDisplay.from_estimator(model, X, y).plot()
    >>> display.ax_.get_ylabel()
    'balanced accuracy of windows'
    """

    def __init__(self, audit: LeakageAudit, *, n_classes: int | None = None):
        self.audit = audit
        self.n_classes = n_classes

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: pd.DataFrame,
        y: Labels,
        *,
        n_splits: int = 5,
        n_jobs: int | None = None,
        random_state: Any = 0,
    ) -> LeakageDisplay:
        """Run :func:`~sklearn_emg.comparison.leakage_audit` and create the display from it.

        Parameters
        ----------
        estimator : estimator
            Pipeline to audit.
        X : DataFrame
            Recording or feature table with a ``subject`` column.
        y : array-like of shape (n_rows,)
            Label or target value of each row.
        n_splits : int, default=5
            Number of folds.
        n_jobs : int, default=None
            Number of folds that run in parallel.
        random_state : int, RandomState instance or None, default=0
            Seed of the random split of windows.

        Returns
        -------
        display : LeakageDisplay
            Object that stores the values to plot.
        """
        audit = leakage_audit(
            estimator,
            X,
            y,
            n_splits=n_splits,
            n_jobs=n_jobs,
            progress=False,
            random_state=random_state,
        )
        numbers = audit.task == "regression"
        return cls(audit, n_classes=None if numbers else len(np.unique(np.asarray(y))))

    @classmethod
    def from_audit(cls, audit: LeakageAudit, *, n_classes: int | None = None) -> LeakageDisplay:
        """Create the display from an existing audit.

        Parameters
        ----------
        audit : LeakageAudit
            Result of :func:`~sklearn_emg.comparison.leakage_audit`.
        n_classes : int, default=None
            Number of classes, from which the chance level follows. None draws no chance level.

        Returns
        -------
        display : LeakageDisplay
            Object that stores the values to plot.
        """
        return cls(audit, n_classes=n_classes)

    def plot(self, ax: Any = None) -> LeakageDisplay:
        """Draw the mean and the folds of each split, and the gap between splits.

        Parameters
        ----------
        ax : Axes, default=None
            Axes to draw in. By default, a new figure is created.

        Returns
        -------
        display : LeakageDisplay
            The same object, with the drawn artists as attributes.
        """
        summary, folds = self.audit.summary, self.audit.folds
        self.figure_, axes = panels(
            ax, 1, 1, "LeakageDisplay.plot", figsize=(1.8 + 1.4 * len(summary), 3.8)
        )
        self.ax_ = axis = axes[0]
        metric, numbers = self.audit.metric, self.audit.task == "regression"
        values = summary[f"mean_{metric}"].to_numpy()
        leaky = summary["leaky"].to_numpy()
        place = np.arange(len(summary))
        self.bars_ = axis.bar(
            place,
            values,
            width=0.6,
            color=np.where(leaky, "white", COLORS[0]),
            edgecolor=np.where(leaky, COLORS[1], COLORS[0]),
            hatch=np.where(leaky, HATCHES[1], "").tolist(),
        )
        self.points_ = []
        for k, split in enumerate(summary.index):
            values_of = folds.loc[folds["split"] == split, metric].to_numpy()
            side = np.linspace(-0.15, 0.15, len(values_of)) if len(values_of) > 1 else np.zeros(1)
            self.points_ += axis.plot(
                k + side, values_of, "o", ms=4, color="black", mfc="white", label="a fold", zorder=3
            )
        self._mark_gap(axis, values)
        self.chance_line_ = None
        handles = self.points_[:1]
        if self.n_classes:
            self.chance_line_ = axis.axhline(
                1 / self.n_classes, color=GREY, ls="--", lw=1, label="chance level"
            )
            handles = [*handles, self.chance_line_]
        kinds = np.where(leaky, "leaky", "no leak")
        axis.set_xticks(place, [f"{name}\n{kind}" for name, kind in zip(summary.index, kinds)])
        axis.set_xlim(-0.6, len(summary) + 0.1)
        if not numbers:
            axis.set_ylim(0, 1.05)
        axis.set_xlabel("split into training and test windows")
        axis.set_ylabel(f"{'mean absolute error' if numbers else 'balanced accuracy'} of windows")
        legend_outside(axis, "above right", handles=handles, ncols=2)
        tidy(axes)
        return self

    def _mark_gap(self, axis: Any, values: np.ndarray) -> None:
        last, gap = len(values) - 1, f"{100 * self.audit.gap:+.0f}\npoints"
        if self.audit.task == "regression":
            gap = f"{-self.audit.gap:+.2g}"
        axis.plot([0.3, last + 0.42], [values[0]] * 2, color="black", lw=0.8, ls=":")
        axis.annotate(
            "",
            xy=(last + 0.38, values[0]),
            xytext=(last + 0.38, values[last]),
            arrowprops={"arrowstyle": "<->", "lw": 1, "shrinkA": 0, "shrinkB": 0},
        )
        self.gap_text_ = axis.annotate(
            f"leak\n{gap}",
            xy=(last + 0.44, (values[0] + values[last]) / 2),
            va="center",
            fontsize=9,
        )


class ConfoundDisplay:
    """Scores of diagnoses from single properties other than the disease, with their intervals.

    Create the display with :meth:`from_table` or :meth:`from_audit`.

    Parameters
    ----------
    audit : ConfoundAudit
        Result of :func:`~sklearn_emg.comparison.confound_audit`.

    Attributes
    ----------
    figure_ : matplotlib Figure
        Figure that contains the plot.
    ax_ : matplotlib Axes
        Axes of the plot.
    points_ : list of ErrorbarContainer
        Score and interval of each property, with the smallest adjusted p-value first.
    matched_points_ : list of ErrorbarContainer
        Scores and intervals of the matched subjects, if these were audited.
    chance_points_ : list of Line2D
        Mean score of each property with permuted labels.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from sklearn_emg.inspection import ConfoundDisplay
    >>> rng = np.random.default_rng(0)
    >>> y = np.repeat(["control", "patient"], 12)
    >>> table = pd.DataFrame({"subject": range(24), "side": ["left", "right"] * 12})
    >>> table["age"] = rng.normal(np.where(y == "patient", 60, 40), 8)
    >>> display = ConfoundDisplay.from_table(table, y).plot()
    >>> [label.get_text() for label in display.ax_.get_yticklabels()]
    ['age', 'side']
    """

    def __init__(self, audit: ConfoundAudit):
        self.audit = audit

    @classmethod
    def from_table(cls, table: pd.DataFrame, y: Labels, **parameters: Any) -> ConfoundDisplay:
        """Run :func:`~sklearn_emg.comparison.confound_audit` and create the display from it.

        Parameters
        ----------
        table : DataFrame
            Recording or feature table with a ``subject`` column.
        y : array-like of shape (n_rows,)
            Label of each row.
        **parameters
            Further parameters of ``confound_audit``.

        Returns
        -------
        display : ConfoundDisplay
            Object that stores the values to plot.
        """
        return cls(confound_audit(table, y, **parameters))

    @classmethod
    def from_audit(cls, audit: ConfoundAudit) -> ConfoundDisplay:
        """Create the display from an existing audit.

        Parameters
        ----------
        audit : ConfoundAudit
            Result of :func:`~sklearn_emg.comparison.confound_audit`.

        Returns
        -------
        display : ConfoundDisplay
            Object that stores the values to plot.
        """
        return cls(audit)

    def plot(self, ax: Any = None, *, max_properties: int = 30) -> ConfoundDisplay:
        """Draw the balanced accuracy of each property, with the smallest p-value at the top.

        Parameters
        ----------
        ax : Axes, default=None
            Axes to draw in. By default, a new figure is created.
        max_properties : int, default=30
            Maximum number of properties that are drawn.

        Returns
        -------
        display : ConfoundDisplay
            The same object, with the drawn artists as attributes.
        """
        check_integer(max_properties, "max_properties", "ConfoundDisplay.plot")
        rows = self.audit.summary.iloc[:max_properties]
        again = self.audit.matched_audit
        matched = {} if again is None else dict(again.summary.iterrows())
        height = 1.4 + 0.3 * len(rows)
        self.figure_, axes = panels(ax, 1, 1, "ConfoundDisplay.plot", figsize=(6.8, height))
        self.ax_ = axis = axes[0]
        self.points_: list[Any] = []
        self.matched_points_: list[Any] = []
        self.chance_points_: list[Any] = []
        handles: dict[str, Any] = dict.fromkeys(_FINDING_STYLES)
        for place, (name, row) in enumerate(rows.iterrows()):
            self.chance_points_ += axis.plot(row["chance"], place, "|", ms=12, mew=2, color=GREY)
            finding = row["finding"] or "no finding"
            self.points_.append(self._draw(row, place, *_FINDING_STYLES[finding]))
            handles[finding] = self.points_[-1]
            if name in matched:
                low = self._draw(matched[name], place + 0.3, "black", "o", hollow=True)
                self.matched_points_.append(low)
                handles["matched subjects"] = low
        handles["labels permuted (mean)"] = self.chance_points_[0]
        drawn = {text: handle for text, handle in handles.items() if handle is not None}
        axis.set_yticks(np.arange(len(rows)), [str(name) for name in rows.index])
        axis.set_ylim(len(rows) - 0.4, -0.6)
        axis.set_xlim(-0.02, 1.02)
        n_subjects = int(self.audit.subjects.sum())
        axis.set_xlabel(
            f"balanced accuracy over {n_subjects} subjects with one property alone\n"
            f"(bars: {100 * self.audit.confidence:g} % intervals)"
        )
        legend_outside(
            axis,
            "above right",
            handles=list(drawn.values()),
            labels=list(drawn),
            ncols=len(drawn),
            columnspacing=1.0,
        )
        tidy(axes)
        return self

    def _draw(
        self, row: pd.Series, place: float, color: str, marker: str, hollow: bool = False
    ) -> Any:
        return draw_interval(
            self.ax_,
            row["score"],
            (row["low"], row["high"]),
            place,
            fmt=marker,
            ms=5 if hollow else 7,
            mfc="white" if hollow else color,
            color=color,
            elinewidth=0.8 if hollow else 1.5,
            capsize=2 if hollow else 3,
        )
