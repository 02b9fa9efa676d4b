"""QualityDisplay: quality findings and amplitudes of all recordings of a cohort."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from sklearn_emg.inspection._plot import COLORS, GREY, legend_outside, log_scale, panels, tidy
from sklearn_emg.preprocessing import QUALITY_KINDS, QUALITY_LEVELS, QualityReport, check_quality

#: Colours of the levels, which also differ in lightness.
_LEVEL_COLORS = ("#E8E8E8", COLORS[4], COLORS[1])
_MAX_NAMES = 40  # maximum number of names on an axis


class QualityDisplay:
    """Quality of a cohort, with one row per recording in the order of the table.

    The left panel shows the kinds of findings of each recording. The right panel shows the
    amplitude (RMS) and the noise floor of each recording, which are medians over its channels.
    Create the display with :meth:`from_report` or :meth:`from_table`.

    Parameters
    ----------
    report : QualityReport
        Result of :func:`~sklearn_emg.preprocessing.check_quality`.

    Attributes
    ----------
    levels : DataFrame of shape (n_recordings, n_kinds)
        Level of each kind of finding in each recording, which is 0 (ok), 1 (check) or 2 (bad). The
        columns are the kinds that occur.
    figure_ : matplotlib Figure
        Figure that contains the plot.
    axes_ : ndarray of Axes
        Axes of the findings and of the amplitudes.
    image_ : AxesImage
        Image of the findings.
    amplitudes_, noise_floors_ : PathCollection
        Points of the amplitudes and of the noise floors.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emg.inspection import QualityDisplay
    >>> from sklearn_emg.recordings import recording_table
    >>> signals = 0.1 * np.random.default_rng(0).normal(size=(3, 4000))
    >>> signals[1] = np.clip(signals[1], -0.1, 0.1)
    >>> table = recording_table(signals, fs=2000.0, subject=["a", "b", "c"])
    >>> display = QualityDisplay.from_table(table).plot()
    >>> [label.get_text() for label in display.axes_[0].get_xticklabels()]
    ['clipped (1)']
    """

    def __init__(self, report: QualityReport):
        self.report = report
        recordings = report.recordings
        rank = report.findings["quality"].map(QUALITY_LEVELS.index)
        table = rank.groupby([report.findings["row"], report.findings["kind"]]).max().unstack()
        present = [kind for kind in QUALITY_KINDS if kind in table.columns]
        self.levels = (
            table.reindex(index=range(len(recordings)), columns=present).fillna(0).astype(int)
        )

    @classmethod
    def from_report(cls, report: QualityReport) -> QualityDisplay:
        """Create the display from a quality report.

        Parameters
        ----------
        report : QualityReport
            Result of :func:`~sklearn_emg.preprocessing.check_quality`.

        Returns
        -------
        display : QualityDisplay
            Object that stores the values to plot.
        """
        if not isinstance(report, QualityReport):
            raise TypeError(
                "The 'report' of QualityDisplay must be the result of check_quality. Got "
                f"{type(report).__name__}."
            )
        return cls(report)

    @classmethod
    def from_table(cls, table: pd.DataFrame, y: Any = None, **check: Any) -> QualityDisplay:
        """Check the quality of a table and create the display from the result.

        Parameters
        ----------
        table : DataFrame
            Recording table.
        y : array-like of shape (n_recordings,), default=None
            Label of each recording.
        **check
            Parameters of :func:`~sklearn_emg.preprocessing.check_quality`.

        Returns
        -------
        display : QualityDisplay
            Object that stores the values to plot.
        """
        return cls(check_quality(table, y, **check))

    def plot(self, *, ax: Any = None) -> QualityDisplay:
        """Draw findings and amplitudes.

        Parameters
        ----------
        ax : Axes or sequence of Axes, default=None
            One Axes, which is divided, or one Axes per panel. By default, a new figure is created.

        Returns
        -------
        display : QualityDisplay
            The same object, with the drawn artists as attributes.
        """
        n_rows, n_kinds = self.levels.shape
        height = float(np.clip(2.0 + 0.2 * n_rows, 3.5, 11.0))
        widths = (max(0.35 * n_kinds, 1.0), 2.6)
        self.figure_, self.axes_ = panels(
            ax, 1, 2, "QualityDisplay.plot", figsize=(4.2 + sum(widths), height),
            width_ratios=widths, sharey=True,
        )  # fmt: skip
        from matplotlib.colors import BoundaryNorm, ListedColormap
        from matplotlib.patches import Patch

        left, right = self.axes_
        # If there are no findings, there is a single empty column.
        values = self.levels.to_numpy() if n_kinds else np.zeros((n_rows, 1), dtype=int)
        colors = ListedColormap(list(_LEVEL_COLORS))
        self.image_ = left.imshow(
            values, aspect="auto", interpolation="nearest", cmap=colors,
            norm=BoundaryNorm([-0.5, 0.5, 1.5, 2.5], 3),
        )  # fmt: skip
        counts = (self.levels > 0).sum().tolist()
        titles = [f"{QUALITY_KINDS[str(kind)].title} ({n})" for kind, n in zip(self.levels, counts)]
        left.set_xticks(range(max(n_kinds, 1)), titles or ["no finding"], rotation=90)
        left.set_xticks(np.arange(0.5, max(n_kinds, 1) - 1), minor=True)
        left.grid(axis="x", which="minor", color="white", linewidth=1.5)
        left.tick_params(which="minor", length=0)
        left.set(title="Findings")
        self._mark_rows(left)
        self._draw_amplitudes(right)
        quality = self.report.recordings["quality"]
        handles = [
            Patch(facecolor=color, label=f"{level} ({(quality == level).sum()})")
            for level, color in zip(QUALITY_LEVELS, _LEVEL_COLORS)
        ]
        handles = [*handles, *right.get_legend_handles_labels()[0]]
        legend_outside(right, "right", handles=handles, fontsize=None, title="Recordings")
        return self

    def _mark_rows(self, ax: Any) -> None:
        """Label the rows by recording or, if there are too many, by subject with dividing lines."""
        recordings = self.report.recordings
        n_rows = len(recordings)
        names, what = recordings["recording"].astype(str).to_numpy(), "recording"
        starts = np.arange(n_rows)
        if n_rows > _MAX_NAMES:
            subjects = recordings["subject"].astype(str).to_numpy()
            starts = np.flatnonzero(np.r_[True, subjects[1:] != subjects[:-1]])
            names, what = subjects[starts], "subject"
            for start in starts[1:] if len(starts) <= _MAX_NAMES else ():
                ax.axhline(start - 0.5, color="white", linewidth=0.8)
        middles = (starts + np.r_[starts[1:], n_rows] - 1) / 2
        some = np.arange(0, len(middles), -(-len(middles) // _MAX_NAMES))
        ax.set_yticks(middles[some], [_shortened(name) for name in names[some]])
        ax.set_ylabel(what)

    def _draw_amplitudes(self, ax: Any) -> None:
        channels = self.report.channels
        medians = channels.groupby("row")[["rms", "noise_floor"]].median()
        medians = medians.where(medians > 0)  # zeros of dead channels have no logarithm
        rows = medians.index.to_numpy()
        rank = self.report.recordings["quality"].map(QUALITY_LEVELS.index).to_numpy()
        edges = np.array(["0.5", *_LEVEL_COLORS[1:]], dtype=object)[rank]
        self.noise_floors_ = ax.scatter(
            medians["noise_floor"], rows, s=14, marker="|", color=GREY, label="noise floor"
        )
        self.amplitudes_ = ax.scatter(medians["rms"], rows, s=14, c=list(edges), label="RMS")
        if medians.notna().to_numpy().any():
            log_scale(ax, "x")
        ax.grid(axis="x", color="0.9")
        ax.set_axisbelow(True)
        ax.set(xlabel="mV", title="Amplitude")
        ax.tick_params(labelleft=False)
        ax.set_ylim(len(self.levels) - 0.5, -0.5)
        tidy([ax])


def _shortened(name: str) -> str:
    return name if len(name) <= 28 else f"…{name[-27:]}"
