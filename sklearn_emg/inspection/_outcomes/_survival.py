"""Display of times to an event: Kaplan-Meier curves of groups and predicted curves."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sklearn_emg._typing import Labels
from sklearn_emg._validation import check_option
from sklearn_emg.inspection._plot import COLORS, class_styles, panels, tidy
from sklearn_emg.metrics import check_outcomes, kaplan_meier, outcomes_of_subjects
from sklearn_emg.prognosis import SurvivalComparison
from sklearn_emg.recordings import Subjects

KINDS = ("kaplan-meier", "predicted")
_UNITS = "months"


class SurvivalDisplay:
    """Fraction of subjects without an event over time, in Kaplan-Meier or predicted curves.

    Create the display with :meth:`from_outcomes` or :meth:`from_comparison`.

    Parameters
    ----------
    outcomes : DataFrame
        One row per subject, with the columns ``event``, ``time`` in months, and ``group``.
    curves : DataFrame of shape (n_subjects, n_times), default=None
        Predicted curve of each subject. The columns are times in months.

    Attributes
    ----------
    figure_ : matplotlib Figure
        Figure that contains the plot.
    axes_ : ndarray of Axes
        Axes of the panels.

    Examples
    --------
    >>> from sklearn_emg.datasets import make_progression_cohort
    >>> from sklearn_emg.inspection import SurvivalDisplay
    >>> from sklearn_emg.prognosis import survival_target
    >>> cohort = make_progression_cohort(30, random_state=0)
    >>> X = cohort.visits.merge(cohort.subjects, on="subject")
    >>> X = X[(X["visit"] == 1) & (X["event_time"] > 0)]
    >>> groups = (X["score"] < 28).map({True: "low score", False: "high score"})
    >>> display = SurvivalDisplay.from_outcomes(survival_target(X), X["subject"], groups).plot()
    >>> [text.get_text() for text in display.axes_[0].get_legend().get_texts()]
    ['high score', 'low score']
    """

    def __init__(self, outcomes: pd.DataFrame, curves: pd.DataFrame | None = None):
        self.outcomes = outcomes
        self.curves = curves

    @classmethod
    def from_outcomes(
        cls, y: NDArray[Any], subjects: Labels | None = None, groups: Labels | None = None
    ) -> SurvivalDisplay:
        """Create the display from outcomes.

        Parameters
        ----------
        y : structured ndarray of shape (n_rows,)
            Outcomes from :func:`~sklearn_emg.prognosis.survival_target`.
        subjects : array-like of shape (n_rows,), default=None
            Subject of each row. Each subject counts once. By default, each row is a subject.
        groups : array-like of shape (n_rows,), default=None
            Group of the subject of each row. Each group has its own curve.

        Returns
        -------
        display : SurvivalDisplay
            Object that stores the values to plot.

        Raises
        ------
        ValueError
            If the outcomes are invalid, or a subject has two outcomes or groups.
        """
        y = check_outcomes(y, cls.__name__, some_event=False)
        found = Subjects.of(None, np.arange(len(y)) if subjects is None else subjects)
        known = outcomes_of_subjects(y, found.codes, found.names, cls.__name__)
        group = pd.Series("" if groups is None else list(groups), index=range(len(y)))
        several = group.groupby(found.codes).nunique(dropna=False)
        if (several > 1).any():
            name = found.names[int(np.argmax(several.to_numpy() > 1))]
            raise ValueError(
                f"Subject {name!r} has two groups in {cls.__name__}. Give one group per subject."
            )
        table = pd.DataFrame(
            {
                "event": known["event"],
                "time": known["time"],
                "group": group.groupby(found.codes).first().to_numpy(),
            },
            index=pd.Index(found.names, name="subject"),
        )
        return cls(table)

    @classmethod
    def from_comparison(
        cls, comparison: SurvivalComparison, name: str | None = None
    ) -> SurvivalDisplay:
        """Create the display from a comparison, with two groups of subjects by predicted risk.

        Parameters
        ----------
        comparison : SurvivalComparison
            Result of :func:`~sklearn_emg.prognosis.compare_survival`.
        name : str, default=None
            Name of the model. By default, it is the first one that was compared.

        Returns
        -------
        display : SurvivalDisplay
            Display with two groups. The subjects of each fold are divided at the median of the
            predicted probability of an event by the last time of the curves.
        """
        names = list(comparison.curves)
        name = names[1] if name is None else name
        check_option(name, names, "name", cls.__name__)
        curves, outcomes = comparison.curves[name], comparison.outcomes
        last = curves.iloc[:, -1]
        middle = last.groupby(outcomes["fold"]).transform("median")
        group = np.where(last < middle, "higher risk", "lower risk")
        return cls(outcomes.assign(group=group), curves)

    def plot(self, kind: str = "kaplan-meier", *, ax: Any = None) -> SurvivalDisplay:
        """Draw Kaplan-Meier curves or predicted curves.

        Parameters
        ----------
        kind : {"kaplan-meier", "predicted"}, default="kaplan-meier"
            Kind of plot. "kaplan-meier" shows Kaplan-Meier curves of the groups with pointwise 95 %
            intervals, marks at censored times, and the numbers at risk below. "predicted" shows the
            predicted curve of each subject, their mean, and the Kaplan-Meier curve. The last two
            agree if the model is calibrated.
        ax : Axes or array of Axes, default=None
            Axes to draw in. By default, a new figure is created.

        Returns
        -------
        display : SurvivalDisplay
            The same object, with the drawn artists as attributes.

        Raises
        ------
        ValueError
            If `kind` is unknown, or is "predicted" and there are no predicted curves.
        """
        check_option(kind, KINDS, "kind", type(self).__name__)
        if kind == "predicted":
            self._draw_predicted(ax)
        else:
            self._draw_groups(ax)
        tidy(self.axes_)
        return self

    def _draw_groups(self, ax: Any) -> None:
        groups = sorted(set(self.outcomes["group"]), key=str)
        self.figure_, self.axes_ = panels(
            ax,
            2,
            1,
            "SurvivalDisplay.plot",
            figsize=(5.6, 3.6 + 0.22 * len(groups)),
            sharex=True,
            height_ratios=[3.2, 0.32 * len(groups) + 0.1],
        )
        axis, below = self.axes_
        for group, (color, _, line, _) in zip(groups, class_styles(groups)):
            own = self.outcomes[self.outcomes["group"] == group]
            _draw_curve(axis, own, color, line, str(group))
        if groups != [""]:
            axis.legend(frameon=False, fontsize=8)
        axis.set(ylabel="fraction without event", ylim=(-0.02, 1.05))
        axis.set_xlim(left=0)
        ticks = axis.get_xticks()
        ticks = ticks[(ticks >= 0) & (ticks <= self.outcomes["time"].max())]
        for place, group in enumerate(groups):
            time = self.outcomes.loc[self.outcomes["group"] == group, "time"].to_numpy()
            for tick in ticks:
                below.text(tick, -place, int((time >= tick).sum()), ha="center", va="center",
                           fontsize=8)  # fmt: skip
        below.set(ylim=(0.6 - len(groups), 0.6), yticks=-np.arange(len(groups)))
        below.set_yticklabels([f"at risk {group}".strip() for group in groups], fontsize=8)
        below.tick_params(length=0)
        below.tick_params(axis="y", pad=12)
        below.spines[["left", "bottom"]].set_visible(False)
        below.set_xlabel(_UNITS)
        axis.tick_params(labelbottom=True)
        below.tick_params(labelbottom=False)

    def _draw_predicted(self, ax: Any) -> None:
        if self.curves is None:
            raise ValueError(
                "SurvivalDisplay has no predicted curves. Create it with from_comparison to use "
                "kind='predicted'."
            )
        self.figure_, self.axes_ = panels(ax, 1, 1, "SurvivalDisplay.plot", figsize=(5.6, 3.8))
        axis = self.axes_[0]
        times = np.concatenate([[0.0], self.curves.columns.to_numpy(dtype=float)])
        values = np.column_stack([np.ones(len(self.curves)), self.curves.to_numpy()])
        event = self.outcomes["event"].to_numpy()
        for had, color, label in ((False, COLORS[0], "censored"), (True, COLORS[1], "with event")):
            for k, curve in enumerate(values[event == had]):
                axis.plot(times, curve, color=color, lw=0.6, alpha=0.5,
                          label=f"predicted, {label}" if not k else None)  # fmt: skip
        axis.plot(times, values.mean(axis=0), "o-", color="black", ms=4, label="mean predicted")
        _draw_curve(axis, self.outcomes, COLORS[2], "--", "Kaplan-Meier")
        axis.set(xlabel=_UNITS, ylabel="probability of no event", ylim=(-0.02, 1.05))
        axis.set_xlim(0, 1.1 * times[-1])
        legend = axis.legend(frameon=False, fontsize=8, loc="lower left")
        for line in legend.get_lines()[:2]:  # thin and pale in the plot, where curves overlap
            line.set(alpha=1.0, linewidth=1.5)


def _draw_curve(axis: Any, outcomes: pd.DataFrame, color: str, line: Any, label: str) -> None:
    """Draw a Kaplan-Meier curve with its band and with marks at censored times."""
    y = outcomes[["event", "time"]].to_records(index=False)
    curve = kaplan_meier(y)
    axis.step(curve["time"], curve["survival"], where="post", color=color, ls=line, lw=1.5,
              label=label)  # fmt: skip
    axis.fill_between(curve["time"], curve["low"], curve["high"], step="post", color=color,
                      alpha=0.15, lw=0)  # fmt: skip
    censored = np.sort(outcomes.loc[~outcomes["event"], "time"].to_numpy())
    place = np.searchsorted(curve["time"].to_numpy(), censored, side="right") - 1
    axis.plot(censored, curve["survival"].to_numpy()[place], "|", color=color, ms=6)
