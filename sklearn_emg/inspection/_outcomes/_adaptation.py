"""Display of accuracy at a new site as a function of the number of local subjects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sklearn_emg.adaptation import AdaptationCurve
from sklearn_emg.inspection._plot import GREY, panels, style, tidy

_COLUMNS = 2


class AdaptationDisplay:
    """Accuracy at a new site as a function of the number of local subjects.

    Create the display with :meth:`from_curve` or :meth:`from_curves`.

    Parameters
    ----------
    curves : dict of str to list of AdaptationCurve
        Curves of each panel, by the title of the panel.

    Attributes
    ----------
    figure_ : matplotlib Figure
        Figure that contains the plot.
    axes_ : ndarray of Axes
        One Axes per panel.
    lines_ : dict of tuple to ErrorbarContainer
        Lines by (title of the panel, name of the system, cohort). The cohort is "new" or "old".

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn_emg.adaptation import AdaptiveDiagnosis, adaptation_curve
    >>> from sklearn_emg.ensemble import DiVoteClassifier
    >>> from sklearn_emg.inspection import AdaptationDisplay
    >>> y = np.tile(["healthy", "myopathy"], 30)
    >>> site = np.repeat(["Rome", "Oslo"], 30)
    >>> rms = np.random.default_rng(0).normal(size=60) - 3 * (y == "myopathy")
    >>> X = pd.DataFrame({"rms": rms, "subject": range(60), "site": site})
    >>> model = AdaptiveDiagnosis(DiVoteClassifier(LogisticRegression(), window=None))
    >>> curve = adaptation_curve(
    ...     model, X, y, target="Oslo", sizes=[0, 2, 4], n_draws=2, n_resamples=50
    ... )
    >>> display = AdaptationDisplay.from_curve(curve).plot()
    >>> sorted(cohort for _, _, cohort in display.lines_)
    ['new', 'old']
    """

    def __init__(self, curves: Mapping[str, Sequence[AdaptationCurve]]):
        self.curves = curves

    @classmethod
    def from_curve(cls, curve: AdaptationCurve) -> AdaptationDisplay:
        """Create the display from one curve.

        Parameters
        ----------
        curve : AdaptationCurve
            Result of :func:`~sklearn_emg.adaptation.adaptation_curve`.

        Returns
        -------
        display : AdaptationDisplay
            Object that stores the values to plot.
        """
        return cls({f"adapted to {curve.target}": [curve]})

    @classmethod
    def from_curves(
        cls, curves: Mapping[str, AdaptationCurve | Sequence[AdaptationCurve]]
    ) -> AdaptationDisplay:
        """Create a display with one panel per title.

        Parameters
        ----------
        curves : mapping of str to AdaptationCurve or list of AdaptationCurve
            Curves of each panel, by the title of the panel. The curves of a list share a panel.

        Returns
        -------
        display : AdaptationDisplay
            Object that stores the values to plot.
        """
        return cls(
            {
                title: [found] if isinstance(found, AdaptationCurve) else list(found)
                for title, found in curves.items()
            }
        )

    def plot(self, metric: str = "balanced_accuracy", *, ax: Any = None) -> AdaptationDisplay:
        """Draw the metric with its intervals.

        Parameters
        ----------
        metric : str, default="balanced_accuracy"
            Name from the ``summary`` of the curves.
        ax : Axes or array of Axes, default=None
            One Axes, which is divided, or one Axes per panel. By default, a new figure is created.

        Returns
        -------
        display : AdaptationDisplay
            The same object, with the drawn artists as attributes.
        """
        n_columns = min(_COLUMNS, len(self.curves))
        n_rows = -(-len(self.curves) // n_columns)
        self.figure_, axes = panels(
            ax,
            n_rows,
            n_columns,
            "AdaptationDisplay.plot",
            figsize=(4.6 * n_columns, 3.3 * n_rows + 0.3),
            n_used=len(self.curves),
        )
        self.axes_ = axes[: len(self.curves)]
        for empty in axes[len(self.curves) :]:
            empty.set_axis_off()
        self.lines_: dict[tuple[str, str, str], Any] = {}
        for axis, (title, found) in zip(self.axes_, self.curves.items()):
            self._plot_panel(axis, title, found, metric)
        tidy(self.axes_)
        return self

    def _plot_panel(
        self, axis: Any, title: str, found: Sequence[AdaptationCurve], metric: str
    ) -> None:
        sizes = sorted({int(n) for curve in found for n in curve.summary["n_local"]})
        parts = [part for curve in found for part in _lines_of(curve, metric)]
        names = list(dict.fromkeys(name for name, *_ in parts))
        for name, cohort, part in parts:
            k = names.index(name)
            # Numbers of subjects are evenly spaced. Systems are shifted sideways, so that error
            # bars do not overlap.
            at = np.searchsorted(sizes, part["n_local"]) + 0.09 * (k - (len(names) - 1) / 2)
            self.lines_[title, str(name), cohort] = _draw_line(axis, at, part, k, cohort, name)
        if metric == "balanced_accuracy":
            _draw_chance(axis, found[0].chance)
        axis.set_xticks(range(len(sizes)), sizes)
        axis.set_ylim(0.0, 1.02)
        axis.set_title(title, fontsize=10)
        axis.set_xlabel("local subjects that the system learned from")
        axis.set_ylabel(metric.replace("_", " "))
        axis.legend(frameon=False, fontsize=7.5, loc="lower right")


def _draw_chance(axis: Any, chance: float) -> None:
    """Draw a line at the chance level."""
    axis.axhline(chance, color=GREY, lw=0.9, ls=":", zorder=0)
    axis.annotate(
        "chance",
        (1.0, chance),
        xycoords=("axes fraction", "data"),
        xytext=(0, 2),
        textcoords="offset points",
        color=GREY,
        fontsize=7,
        ha="right",
    )


def _lines_of(curve: AdaptationCurve, metric: str) -> list[tuple[Any, str, Any]]:
    """Return the name, cohort and rows of each line."""
    return [
        (name, cohort, part)
        for cohort in dict.fromkeys(curve.summary["cohort"])
        for name, part in curve.rows(metric, cohort).groupby("model", sort=False)
    ]


def _draw_line(axis: Any, at: Any, part: Any, k: int, cohort: str, name: Any) -> Any:
    """Draw values with intervals; lines of old subjects are dotted and pale."""
    color, marker, line, _ = style(k)
    new = cohort == "new"
    value, low, high = (part[c].to_numpy(dtype=float) for c in ("value", "low", "high"))
    return axis.errorbar(
        at,
        value,
        yerr=np.maximum([value - low, high - value], 0.0),
        marker=marker,
        ms=5,
        color=color,
        ls=line if new else ":",
        alpha=1.0 if new else 0.6,
        mfc=color if new else "white",
        capsize=2,
        lw=1.4,
        elinewidth=0.9,
        label=str(name) if new else f"{name}, old subjects",
    )
