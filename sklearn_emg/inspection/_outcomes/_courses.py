"""Display of disease courses: predicted values of later visits, or errors by months ahead."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sklearn_emg._validation import check_fraction, check_integer, check_option
from sklearn_emg.comparison import Comparison
from sklearn_emg.inspection._plot import COLORS, GREY, MARKERS, panels, tidy
from sklearn_emg.metrics import bootstrap_interval, conformal_intervals

KINDS = ("courses", "horizon")


class CourseDisplay:
    """Measured and predicted courses of subjects, or the prediction error by months ahead.

    Create the display with :meth:`from_comparison`.

    Parameters
    ----------
    predictions : DataFrame
        One row per pipeline, fold and predicted visit. The columns are ``pipeline``, ``fold``,
        ``subject``, ``target_visit``, ``target_time`` and ``ahead`` in months, ``y_true``,
        ``y_pred``, and the limits ``low`` and ``high`` of the prediction band, which are infinite
        if there are too few subjects.
    known : DataFrame
        Measured values, with the columns ``subject``, ``time`` in months, and ``value``.
    coverage : float
        Required coverage of the bands.

    Attributes
    ----------
    figure_ : matplotlib Figure
        Figure that contains the plot.
    axes_ : ndarray of Axes
        Axes of the panels.

    Examples
    --------
    >>> from sklearn_emg.comparison import compare
    >>> from sklearn_emg.datasets import make_progression_cohort
    >>> from sklearn_emg.inspection import CourseDisplay
    >>> from sklearn_emg.prognosis import LastValueRegressor, visit_contexts
    >>> visits = make_progression_cohort(10, random_state=0).visits
    >>> X, y = visit_contexts(visits, visits["score"])
    >>> result = compare({"last value": LastValueRegressor()}, X, y, cv=2, progress=False)
    >>> display = CourseDisplay.from_comparison(result, X).plot("horizon")
    >>> display.axes_[0].get_xlabel()
    'months ahead'
    """

    def __init__(self, predictions: pd.DataFrame, known: pd.DataFrame, *, coverage: float):
        self.predictions = predictions
        self.known = known
        self.coverage = coverage

    @classmethod
    def from_comparison(
        cls, comparison: Comparison, X: pd.DataFrame, *, coverage: float = 0.9
    ) -> CourseDisplay:
        """Create the display from a comparison of prognostic models.

        Parameters
        ----------
        comparison : Comparison
            Result of :func:`~sklearn_emg.comparison.compare` on `X`.
        X : DataFrame
            Contexts of :func:`~sklearn_emg.prognosis.visit_contexts`.
        coverage : float, default=0.9
            Required coverage of the bands, which are conformal intervals computed from the largest
            error of each of the other subjects.

        Returns
        -------
        display : CourseDisplay
            Object that stores the values to plot.

        Raises
        ------
        ValueError
            If X does not contain contexts of ``visit_contexts``, or the comparison was not made on
            them.
        """
        check_fraction(coverage, "coverage", "CourseDisplay", below=True)
        if comparison.unit != "target_visit" or "value@0" not in X.columns:
            raise ValueError(
                "CourseDisplay needs the contexts of visit_contexts and a comparison on them."
            )
        keys = ["subject", "target_visit"]
        places = X[[*keys, "target_time", "ahead"]]
        table = comparison.predictions.merge(places, on=keys, how="left")
        bands = [_with_bands(part, coverage) for _, part in table.groupby("pipeline", sort=False)]
        steps = sorted(c for c in X.columns if str(c).startswith("value@"))
        parts = [
            pd.DataFrame(
                {
                    "subject": X["subject"],
                    "time": X["time"] - X[column.replace("value@", "ago@")],
                    "value": X[column],
                }
            )
            for column in steps
        ]
        last = table.rename(columns={"target_time": "time", "y_true": "value"})
        known = pd.concat([*parts, last[["subject", "time", "value"]]]).dropna()
        known = known.assign(time=known["time"].round(6)).drop_duplicates(["subject", "time"])
        known = known.sort_values(["subject", "time"]).reset_index(drop=True)
        return cls(pd.concat(bands, ignore_index=True), known, coverage=coverage)

    def plot(
        self, kind: str = "courses", *, name: str | None = None, n_subjects: int = 6, ax: Any = None
    ) -> CourseDisplay:
        """Draw courses or errors.

        Parameters
        ----------
        kind : {"courses", "horizon"}, default="courses"
            Kind of plot. "courses" shows measured and predicted values of some subjects over time.
            "horizon" shows the mean absolute error of each pipeline by months ahead.
        name : str, default=None
            Pipeline whose predictions "courses" shows. By default, it is the first one.
        n_subjects : int, default=6
            Maximum number of subjects that "courses" shows. They are the subjects with the most
            predicted visits.
        ax : Axes or array of Axes, default=None
            One Axes, which is divided, or one Axes per subject for "courses". By default, a new
            figure is created.

        Returns
        -------
        display : CourseDisplay
            The same object, with the drawn artists as attributes.
        """
        check_option(kind, KINDS, "kind", "CourseDisplay")
        if kind == "horizon":
            self.figure_, self.axes_ = panels(ax, 1, 1, "CourseDisplay.plot", figsize=(5.6, 4.0))
            self._draw_horizon(self.axes_[0])
        else:
            self._draw_courses(name, check_integer(n_subjects, "n_subjects", "CourseDisplay"), ax)
        tidy(self.axes_)
        return self

    def _draw_courses(self, name: str | None, n_subjects: int, ax: Any) -> None:
        names = list(dict.fromkeys(self.predictions["pipeline"]))
        name = names[0] if name is None else name
        check_option(name, names, "name", "CourseDisplay")
        predicted = self.predictions[self.predictions["pipeline"] == name]
        chosen = predicted["subject"].value_counts(sort=True).index[:n_subjects].tolist()
        n_cols = min(3, len(chosen))
        n_rows = -(-len(chosen) // n_cols)
        size = (2.9 * n_cols + 0.4, 2.3 * n_rows + 0.4)
        self.figure_, self.axes_ = panels(
            ax,
            n_rows,
            n_cols,
            "CourseDisplay.plot",
            figsize=size,
            sharex=True,
            sharey=True,
            n_used=len(chosen),
        )
        for axis, subject in zip(self.axes_, chosen):
            known = self.known[self.known["subject"] == subject]
            part = predicted[predicted["subject"] == subject].sort_values("target_time")
            axis.plot(known["time"], known["value"], "o-", color=GREY, ms=4, label="measured")
            error = np.abs(part[["low", "high"]].to_numpy() - part[["y_pred"]].to_numpy()).T
            axis.errorbar(
                part["target_time"],
                part["y_pred"],
                yerr=np.where(np.isfinite(error), error, 0.0),
                fmt=MARKERS[1],
                color=COLORS[1],
                ms=4,
                lw=1,
                label=f"{name}, {100 * self.coverage:g} % band",
            )
            axis.set_title(str(subject), fontsize=9)
        for axis in self.axes_[len(chosen) :]:
            axis.set_axis_off()
        for k, axis in enumerate(self.axes_[: len(chosen)]):
            if k >= len(chosen) - n_cols:
                axis.set_xlabel("months")
            if k % n_cols == 0:
                axis.set_ylabel("score")
        self.figure_.legend(*self.axes_[0].get_legend_handles_labels(), loc="outside lower center",
                            ncols=2, frameon=False)  # fmt: skip

    def _draw_horizon(self, axis: Any) -> None:
        table = self.predictions.assign(
            error=(self.predictions["y_true"] - self.predictions["y_pred"]).abs()
        )
        ends = np.unique(np.quantile(table["ahead"], [0, 0.25, 0.5, 0.75, 1]))
        table["bin"] = np.clip(np.searchsorted(ends, table["ahead"], side="right") - 1, 0, None)
        table["bin"] = table["bin"].clip(upper=max(len(ends) - 2, 0))
        for k, (name, part) in enumerate(table.groupby("pipeline", sort=False)):
            rows = []
            for _, cases in part.groupby("bin"):
                errors = cases["error"].to_numpy()
                low, high = _mean_interval(errors, cases["subject"].tolist())
                rows.append((cases["ahead"].mean(), errors.mean(), low, high))
            x, y, low, high = np.array(rows).T
            shift = 0.02 * np.ptp(ends) * k
            axis.errorbar(
                x + shift,
                y,
                yerr=np.clip([y - low, high - y], 0, None),
                color=COLORS[k % len(COLORS)],
                marker=MARKERS[k % len(MARKERS)],
                ms=4,
                lw=1,
                label=str(name),
            )
        axis.set(xlabel="months ahead", ylabel="mean absolute error")
        axis.set_ylim(bottom=0)
        axis.legend(frameon=False, fontsize=8)


def _mean_interval(errors: NDArray[np.floating], subjects: list[Any]) -> tuple[float, float]:
    """Compute the bootstrap interval of a mean error over subjects."""
    return bootstrap_interval(
        lambda rows: float(errors[rows].mean()), subjects, n_resamples=200, random_state=0
    )


def _with_bands(part: pd.DataFrame, coverage: float) -> pd.DataFrame:
    """Add the limits of the bands, from the errors of the other subjects, to the predictions."""
    errors = (part["y_true"] - part["y_pred"]).abs().groupby(part["subject"]).max()
    out = []
    for subject, own in part.groupby("subject", sort=False):
        others = errors.drop(subject)
        ends = np.tile([-np.inf, np.inf], (len(own), 1))
        if len(others):
            ends = conformal_intervals(others, own["y_pred"], coverage=coverage)
        out.append(own.assign(low=ends[:, 0], high=ends[:, 1]))
    return pd.concat(out)
