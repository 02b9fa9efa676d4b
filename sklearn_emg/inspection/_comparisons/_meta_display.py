"""Display of a meta-analysis: mean ranks of pipelines, or differences from one of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from sklearn_emg._validation import check_option
from sklearn_emg.comparison import Comparison, MetaAnalysis, meta_analysis
from sklearn_emg.inspection._plot import GREY, draw_interval, legend_outside, panels, style, tidy

_KINDS = ("ranks", "differences")


class MetaAnalysisDisplay:
    """Mean ranks of pipelines over several data sets, or differences from one pipeline.

    Create the display with :meth:`from_comparisons` or :meth:`from_meta_analysis`.

    Parameters
    ----------
    meta : MetaAnalysis
        Result of :func:`~sklearn_emg.comparison.meta_analysis`.

    Attributes
    ----------
    figure_ : matplotlib Figure
        Figure that contains the plot.
    ax_ : matplotlib Axes
        Axes of the plot.
    points_ : list of Line2D or ErrorbarContainer
        Mean rank of each pipeline, or its difference over all sets.
    set_points_ : dict of str to Line2D
        Ranks or differences in each set, by the name of the set.
    groups_ : list of Line2D
        Bars in a plot of ranks; each bar joins pipelines that do not differ.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from sklearn.dummy import DummyClassifier
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn_emg.comparison import compare
    >>> from sklearn_emg.ensemble import DiVoteClassifier
    >>> from sklearn_emg.inspection import MetaAnalysisDisplay
    >>> models = {
    ...     "logistic": DiVoteClassifier(LogisticRegression(), window=None),
    ...     "dummy": DiVoteClassifier(DummyClassifier(), window=None),
    ... }
    >>> y = np.repeat(["control", "patient"], 40)
    >>> results = {}
    >>> for seed, name in enumerate(["hospital A", "hospital B"]):
    ...     rms = np.random.default_rng(seed).normal(size=80) + 2 * (y == "patient")
    ...     X = pd.DataFrame({"rms": rms, "subject": np.repeat(range(20), 4)})
    ...     results[name] = compare(models, X, y, progress=False)
    >>> display = MetaAnalysisDisplay.from_comparisons(results).plot()
    >>> [label.get_text() for label in display.ax_.get_yticklabels()]
    ['logistic', 'dummy']
    """

    def __init__(self, meta: MetaAnalysis):
        self.meta = meta

    @classmethod
    def from_comparisons(
        cls, comparisons: Mapping[str, Comparison], **parameters: Any
    ) -> MetaAnalysisDisplay:
        """Run :func:`~sklearn_emg.comparison.meta_analysis` and create the display from it.

        Parameters
        ----------
        comparisons : mapping of str to Comparison
            Comparison of each data set, by the name of the set.
        **parameters
            Further parameters of ``meta_analysis``.

        Returns
        -------
        display : MetaAnalysisDisplay
            Object that stores the values to plot.
        """
        return cls(meta_analysis(comparisons, **parameters))

    @classmethod
    def from_meta_analysis(cls, meta: MetaAnalysis) -> MetaAnalysisDisplay:
        """Create the display from an existing meta-analysis.

        Parameters
        ----------
        meta : MetaAnalysis
            Result of :func:`~sklearn_emg.comparison.meta_analysis`.

        Returns
        -------
        display : MetaAnalysisDisplay
            Object that stores the values to plot.
        """
        return cls(meta)

    def plot(
        self, kind: str = "ranks", *, reference: str | None = None, ax: Any = None
    ) -> MetaAnalysisDisplay:
        """Draw ranks or differences.

        Parameters
        ----------
        kind : {"ranks", "differences"}, default="ranks"
            Kind of plot.

            - "ranks": ranks in each set and their means. A bar joins pipelines that do not differ
              from one another.
            - "differences": differences from one pipeline, in each set and over all sets.
        reference : str, default=None
            Pipeline with which "differences" compares the others. By default, it is the one with
            the best mean rank or, if no pipeline is ranked, the first one.
        ax : Axes, default=None
            Axes to draw in. By default, a new figure is created.

        Returns
        -------
        display : MetaAnalysisDisplay
            The same object, with the drawn artists as attributes.

        Raises
        ------
        ValueError
            If `kind` is unknown, if it is "ranks" and no pipeline has diagnosed all subjects of all
            sets, or if `reference` is unknown.
        """
        check_option(kind, _KINDS, "kind", "MetaAnalysisDisplay.plot")
        self.points_: list[Any] = []
        self.set_points_: dict[str, Any] = {}
        self.groups_: list[Any] = []
        n_rows = len(self.meta.ranks if kind == "ranks" else self.meta.scores)
        size = (7.2, 1.5 + 0.3 * n_rows)
        self.figure_, axes = panels(ax, 1, 1, "MetaAnalysisDisplay.plot", figsize=size)
        self.ax_ = axes[0]
        if kind == "ranks":
            names = self._plot_ranks()
        else:
            names = self._plot_differences(reference)
        self.ax_.set_yticks(np.arange(len(names)), names)
        self.ax_.set_ylim(len(names) - 0.4, -0.6)
        self.ax_.grid(axis="y", color="0.92", lw=0.8)
        self.ax_.set_axisbelow(True)
        n_entries = len(self.set_points_) + 1
        legend_outside(
            self.ax_, "above right", ncols=n_entries, columnspacing=1.0, handletextpad=0.3
        )
        tidy(axes)
        return self

    def _plot_ranks(self) -> list[str]:
        mean = self.meta.mean_ranks
        if mean.empty:
            raise ValueError(
                "MetaAnalysisDisplay.plot ranks only pipelines that diagnosed all subjects of "
                "every set, but there is none. Choose kind='differences'."
            )
        places = np.arange(len(mean))
        for k, (name, ranks) in enumerate(self.meta.ranks.loc[mean.index].items()):
            color, marker, *_ = style(k)
            (self.set_points_[str(name)],) = self.ax_.plot(
                ranks, places, marker, ms=5, color=color, alpha=0.65, label=str(name)
            )
        for place, rank in enumerate(mean):
            label = "mean rank" if place == 0 else None
            self.points_ += self.ax_.plot(
                rank, place, "|", ms=13, mew=3, color="black", label=label
            )
        for k, group in enumerate(self.meta.groups()):
            ends = [mean.index.get_loc(group[0]), mean.index.get_loc(group[-1])]
            at = len(mean) + 0.9 + 0.35 * k
            self.groups_ += self.ax_.plot([at, at], ends, color="black", lw=3)
        n_sets = self.meta.ranks.shape[1]
        ticks = np.unique(np.linspace(1, len(mean), min(len(mean), 8)).round())
        self.ax_.set_xticks(ticks)
        self.ax_.set_xlim(0.5, len(mean) + 1.3 + 0.35 * len(self.groups_))
        self.ax_.set_xlabel(
            f"rank by {self._metric} over {n_sets} sets (1: highest)\n"
            "bars at the right join pipelines that do not differ "
            f"(adjusted p > {1 - self.meta.confidence:.2g})"
        )
        return list(mean.index)

    def _plot_differences(self, reference: str | None) -> list[str]:
        meta = self.meta
        if reference is None:
            reference = str(meta.pairs["first"].iloc[0])
        table = meta.against(reference)
        names = list(table.index)
        sets = meta.sets[(meta.sets["first"] == reference) | (meta.sets["second"] == reference)]
        ahead = sets["second"] == reference
        other = sets["first"].where(ahead, sets["second"])
        # Errors have the unit of the target. Accuracies are shown in percent.
        scale, unit = (
            (1, "unit of the target") if meta.metric == "mae" else (100, "percentage points")
        )
        difference = scale * sets["difference"].where(ahead, -sets["difference"])
        self.ax_.axvline(0, color=GREY, lw=0.8)
        for k, name in enumerate(meta.scores.columns):
            color, marker, *_ = style(k)
            rows = sets["set"] == name
            heights = [names.index(pipeline) + 0.25 for pipeline in other[rows]]
            (self.set_points_[str(name)],) = self.ax_.plot(
                difference[rows], heights, marker, ms=4, color=color, alpha=0.65, label=str(name)
            )
        shown = scale * table[["difference", "low", "high"]].to_numpy(dtype=np.float64)
        for place, (value, low, high) in enumerate(shown.tolist()):
            self.points_.append(
                draw_interval(
                    self.ax_,
                    value,
                    (low, high),
                    place - 0.1,
                    fmt="D",
                    ms=5,
                    color="black",
                    label="all sets" if place == 0 else None,
                )
            )
        # Intervals from few sets can be very long. The limits of the axis may cut them off.
        inside = np.append(difference, scale * table["difference"])
        margin = max(5.0 if scale > 1 else 0.0, 0.4 * np.ptp(inside))
        self.ax_.set_xlim(inside.min() - margin, inside.max() + margin)
        self.ax_.set_xlabel(
            f"{self._metric} minus that of {reference}\n({unit}, same subjects; "
            f"bars: {100 * meta.confidence:g} % intervals)"
        )
        return names

    @property
    def _metric(self) -> str:
        return self.meta.title
