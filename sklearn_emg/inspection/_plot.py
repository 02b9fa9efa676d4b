"""Helpers of the Displays: import of matplotlib, panels, legends and a palette."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from types import ModuleType
from typing import Any

import numpy as np

from sklearn_emg._validation import require

# The palette of Okabe and Ito can be distinguished with any type of colour vision. Each colour has
# its own marker, line style and hatch, for prints without colour.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "^", "s", "D", "v", "P", "X")
LINES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (8, 2)), (0, (1, 1)))
HATCHES = ("", "//", "..", "xx", "\\\\", "++", "oo")
GREY = "0.45"

# Colours of contributions that support or oppose a class. No diagnosis has them, and they can be
# distinguished with any type of colour vision.
SUPPORTS, OPPOSES = "#4B2A8C", "#7A8000"

# Style of each diagnosis. Different names for the same group share one style.
DIAGNOSES = {
    "neuropathy": 0,
    "myopathy": 1,
    "normal": 2,
    "control": 2,
    "healthy": 2,
    "als": 3,
    "patient": 4,
    "pathology": 4,
    "abnormal": 4,
}


def style(k: int) -> tuple[str, str, Any, str]:
    """Return colour, marker, line style and hatch of group k; combinations vary after group 6."""
    n, turn = len(COLORS), k // len(COLORS)
    return COLORS[k % n], MARKERS[(k + turn) % n], LINES[(k + turn) % n], HATCHES[(k + turn) % n]


def class_styles(classes: Iterable[Any]) -> list[tuple[str, str, Any, str]]:
    """Return colour, marker, line style and hatch of each class.

    Diagnoses in ``DIAGNOSES`` look the same in every figure, regardless of case. Other classes get
    the remaining styles in order.
    """
    classes = list(classes)
    known = [DIAGNOSES.get(str(label).lower()) for label in classes]
    free = (k for k in itertools.count() if k not in known)
    return [style(next(free) if k is None else k) for k in known]


def pyplot(caller: str) -> ModuleType:
    """Import matplotlib.pyplot when something is drawn."""
    return require("matplotlib.pyplot", caller, "plot")


def panels(
    ax: Any,
    n_rows: int,
    n_cols: int,
    caller: str,
    *,
    figsize: tuple[float, float],
    sharex: bool = False,
    sharey: bool = False,
    height_ratios: Sequence[float] | None = None,
    width_ratios: Sequence[float] | None = None,
    n_used: int | None = None,
) -> tuple[Any, np.ndarray]:
    """Create a figure, use the given Axes, or divide a single Axes into panels.

    Return the figure and an array of ``n_rows * n_cols`` Axes, row by row. If only the first
    `n_used` of them are needed, an array of `n_used` Axes may be given.
    """
    plt = pyplot(caller)
    n = n_rows * n_cols
    if ax is None:
        figure, axes = plt.subplots(
            n_rows,
            n_cols,
            figsize=figsize,
            sharex=sharex,
            sharey=sharey,
            squeeze=False,
            layout="constrained",
            height_ratios=height_ratios,
            width_ratios=width_ratios,
        )
        return figure, axes.ravel()
    if isinstance(ax, (np.ndarray, list, tuple)):
        axes = np.asarray(ax, dtype=object).ravel()
        if len(axes) not in (n, n_used):
            raise ValueError(f"The 'ax' of {caller} must hold {n_used or n} Axes. Got {len(axes)}.")
        return axes[0].figure, axes
    if n == 1:
        return ax.figure, np.array([ax], dtype=object)
    # As in scikit-learn, a single Axes given for several panels is replaced by them.
    ax.set_axis_off()
    grid = ax.get_subplotspec().subgridspec(
        n_rows, n_cols, height_ratios=height_ratios, width_ratios=width_ratios
    )
    axes = grid.subplots(sharex=sharex, sharey=sharey, squeeze=False).ravel()
    return ax.figure, axes


def tidy(axes: Iterable[Any]) -> None:
    """Hide the top and right frame lines, which have no scale.

    Parameters
    ----------
    axes : iterable of Axes
        Axes to change.
    """
    for ax in axes:
        ax.spines[["top", "right"]].set_visible(False)


def plain_ticks(ax: Any) -> None:
    """Label logarithmic axes with numbers instead of formulas, which pages do not typeset."""
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_formatter(lambda value, _: f"{value:g}")
        axis.set_minor_formatter(lambda value, _: "")


# Corner of a legend and the position of this corner outside the axes, where it covers no data.
_OUTSIDE = {
    "above left": ("lower left", (-0.01, 0.99)),
    "above right": ("lower right", (1.0, 1.0)),
    "right": ("upper left", (1.0, 1.0)),
}


def legend_outside(ax: Any, place: str, **options: Any) -> Any:
    """Draw a legend outside the axes and return it.

    `place` is "above left", "above right" or "right". The options are passed to ``Axes.legend``.
    """
    corner, anchor = _OUTSIDE[place]
    options = {"frameon": False, "fontsize": 8, **options}
    return ax.legend(loc=corner, bbox_to_anchor=anchor, **options)


def draw_interval(
    ax: Any,
    value: float,
    ends: tuple[float, float],
    at: float,
    *,
    vertical: bool = False,
    **options: Any,
) -> Any:
    """Draw a value with its interval and return the container of the artists.

    `at` is the position on the other axis. If the ends are not finite, only the value is drawn. The
    options are passed to ``Axes.errorbar``.
    """
    low, high = ends
    bars = [[max(0.0, value - low)], [max(0.0, high - value)]] if np.isfinite(ends).all() else None
    options = {"ms": 7, "capsize": 3, **options}
    if vertical:
        return ax.errorbar(at, value, yerr=bars, **options)
    return ax.errorbar(value, at, xerr=bars, **options)


def log_scale(ax: Any, which: str) -> None:
    """Make an axis logarithmic, with labels such as 0.1, 1 and 10.

    Parameters
    ----------
    ax : matplotlib Axes
        Axes with the data already drawn, whose range determines the ticks.
    which : {"x", "y"}
        Axis to change. If the data span less than 2.5 decades, 2 and 5 times each power of ten are
        labelled too.
    """
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    ax.set(**{f"{which}scale": "log"})
    axis = ax.xaxis if which == "x" else ax.yaxis
    low, high = axis.get_view_interval()
    decades = np.log10(high / low) if low > 0 else 1.0
    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if decades < 2.5 else (1.0,)))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
