"""DecompositionDisplay: signal, residual, discharges and templates of a recording."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from sklearn_emg._tables import counted
from sklearn_emg.inspection._plot import COLORS, GREY, panels, style, tidy
from sklearn_emg.metrics import DecompositionAgreement, common_discharges, decomposition_agreement
from sklearn_emg.motor_units import MotorUnitDecomposer
from sklearn_emg.recordings import read_signal


class DecompositionDisplay:
    """Signal, residual, discharges and templates of a decomposed recording.

    Create the display with :meth:`from_decomposer`.

    Parameters
    ----------
    signal, residual : ndarray of shape (n_times,)
        Signal of one channel, and this signal minus the potentials of all discharges, in mV.
    fs : float
        Sampling rate in Hz.
    discharges : DataFrame
        Discharges, with the columns ``unit`` and ``time`` in s.
    templates : DataFrame
        Templates of the same channel, with the columns ``unit``, ``signal`` in mV, ``fs`` in Hz and
        ``index``, the sample at the time of the discharge.
    reference : DataFrame or None
        Reference discharges, with the columns ``unit`` and ``time`` in s.
    agreement : DecompositionAgreement or None
        Agreement of the discharges with the reference.
    title : str, default=""
        Title of the figure.

    Attributes
    ----------
    figure_ : matplotlib Figure
        Figure that contains the plot.
    axes_ : ndarray of Axes
        Axes of the signal, the residual, the discharges and the templates.
    signal_line_, residual_line_ : Line2D
        Lines of the signal and of the residual.
    event_lines_ : list of EventCollection
        Discharges of each unit, in the order of the units.
    template_lines_ : list of Line2D
        Template of each unit.

    Examples
    --------
    >>> from sklearn_emg.datasets import simulate_recording
    >>> from sklearn_emg.inspection import DecompositionDisplay
    >>> from sklearn_emg.motor_units import MotorUnitDecomposer
    >>> signal = simulate_recording(drive=0.005, duration=3.0, fs=12000.0, random_state=3)
    >>> decomposer = MotorUnitDecomposer(fs=12000.0).fit(signal)
    >>> display = DecompositionDisplay.from_decomposer(decomposer, signal, fs=12000.0).plot()
    >>> [axis.get_ylabel() for axis in display.axes_]
    ['signal (mV)', 'residual (mV)', 'unit', 'template (mV)']
    """

    def __init__(
        self,
        signal: NDArray[np.floating],
        residual: NDArray[np.floating],
        fs: float,
        discharges: pd.DataFrame,
        templates: pd.DataFrame,
        *,
        reference: pd.DataFrame | None = None,
        agreement: DecompositionAgreement | None = None,
        title: str = "",
    ):
        self.signal = signal
        self.residual = residual
        self.fs = fs
        self.discharges = discharges
        self.templates = templates
        self.reference = reference
        self.agreement = agreement
        self.title = title

    @classmethod
    def from_decomposer(
        cls,
        decomposer: MotorUnitDecomposer,
        X: ArrayLike | pd.DataFrame,
        *,
        row: int = 0,
        channel: int = 1,
        fs: float | None = None,
        reference: pd.DataFrame | None = None,
        partial: bool = False,
        title: str = "",
    ) -> DecompositionDisplay:
        """Create the display from a recording and its fitted decomposer.

        Parameters
        ----------
        decomposer : MotorUnitDecomposer
            Decomposer that was fitted on `X`.
        X : DataFrame or array-like
            Recording table, or one recording in mV of shape (n_times,) or (n_channels, n_times).
        row : int, default=0
            Row of the recording among those on which the decomposer was fitted.
        channel : int, default=1
            Number of the channel to draw, counted from 1.
        fs : float, default=None
            Sampling rate in Hz. It is required for an array; a table contains its own.
        reference : DataFrame, default=None
            Reference discharges, with the columns ``time`` in s and ``unit``.
        partial : bool, default=False
            Whether the reference is partial, as in
            :func:`~sklearn_emg.metrics.decomposition_agreement`.
        title : str, default=""
            Title of the figure.

        Returns
        -------
        display : DecompositionDisplay
            Object that stores the values to plot.

        Raises
        ------
        ValueError
            If X is an array and `fs` is None, or if there is no such channel.
        """
        if isinstance(X, pd.DataFrame):
            signal, fs = read_signal(X["signal"].iloc[row]), float(X["fs"].iloc[row])
        elif fs is None:
            raise ValueError("DecompositionDisplay needs the sampling rate of an array. Set 'fs'.")
        else:
            signal = np.asarray(X)
        channels = np.atleast_2d(signal)
        if not 1 <= channel <= len(channels):
            raise ValueError(
                f"The recording has {counted(len(channels), 'channel')}, but 'channel' is "
                f"{channel}."
            )
        found = decomposer.discharges_
        templates = decomposer.templates_
        explained = decomposer.reconstruct(channels.shape[-1], row)
        wave = channels[channel - 1]
        rest = wave - explained[channel - 1] if len(explained) else wave
        found = found[found["row"] == row].drop(columns="row")
        templates = templates[(templates["row"] == row) & (templates["channel"] == channel)]
        agreement = None
        if reference is not None:
            agreement = decomposition_agreement(found, reference, partial=partial)
        return cls(
            wave,
            rest,
            fs,
            found,
            templates,
            reference=reference,
            agreement=agreement,
            title=title,
        )

    def plot(self, ax: Any = None, *, start: float = 0.0, stop: float | None = None) -> Any:
        """Draw the recording.

        Parameters
        ----------
        ax : Axes or array of 4 Axes, default=None
            Axes to draw in. By default, a new figure is created.
        start : float, default=0.0
            Start of the part that is drawn, in s.
        stop : float, default=None
            End of the part that is drawn, in s. By default, it is the end of the recording.

        Returns
        -------
        display : DecompositionDisplay
            The same object, with the drawn artists as attributes.
        """
        self.figure_, self.axes_ = panels(
            ax, 4, 1, "DecompositionDisplay.plot", figsize=(9, 8), height_ratios=[2, 2, 2, 2.2]
        )
        stop = len(self.signal) / self.fs if stop is None else stop
        part = slice(round(start * self.fs), round(stop * self.fs))
        time = np.arange(len(self.signal))[part] / self.fs
        top, rest, raster, shapes = self.axes_
        [self.signal_line_] = top.plot(time, self.signal[part], color=COLORS[0], lw=0.6)
        [self.residual_line_] = rest.plot(time, self.residual[part], color=GREY, lw=0.6)
        rest.set_ylim(top.get_ylim())
        for axis, name in ((top, "signal (mV)"), (rest, "residual (mV)")):
            axis.set(ylabel=name, xlim=(start, stop))
            axis.tick_params(labelbottom=False)
        self._draw_raster(raster)
        raster.set(xlim=(start, stop), xlabel="time (s)", ylabel="unit")
        self._draw_templates(shapes)
        top.set_title(self.title)
        tidy(self.axes_)
        return self

    def _draw_raster(self, axis: Any) -> None:
        self.event_lines_ = []
        units = list(self.templates["unit"])
        for k, unit in enumerate(units):
            times = self.discharges.loc[self.discharges["unit"] == unit, "time"].to_numpy()
            [line] = axis.eventplot(
                [times], lineoffsets=unit, linelengths=0.7, colors=style(k)[0], linewidths=1.0
            )
            self.event_lines_.append(line)
        axis.set_yticks(units)
        if units:
            axis.set_ylim(max(units) + 0.7, min(units) - 0.7)
        if self.agreement is None or self.reference is None:
            return
        # Reference discharges that were found are drawn as dots, the others as crosses.
        for row in self.agreement.units.to_dict("records"):
            if row["found"] == 0:
                continue
            matched = self.reference["unit"] == row["reference"]
            theirs = np.sort(self.reference.loc[matched, "time"].to_numpy()) + row["shift"]
            ours = self.discharges.loc[self.discharges["unit"] == row["found"], "time"].to_numpy()
            _, common = common_discharges(np.sort(ours), theirs, 0.001)
            missed = np.setdiff1d(np.arange(len(theirs)), common)
            height = row["found"] + 0.48
            axis.plot(theirs[common], np.full(len(common), height), ".", color="black", ms=3)
            axis.plot(theirs[missed], np.full(len(missed), height), "x", color=COLORS[1], ms=5)
        axis.set_title(
            "bars: found discharges; dots and crosses: found and missed reference discharges",
            fontsize=9,
        )

    def _draw_templates(self, axis: Any) -> None:
        self.template_lines_ = []
        offset = 0.0
        ticks = []
        for k, row in enumerate(self.templates.to_dict("records")):
            wave, index = np.asarray(row["signal"]), int(row["index"])
            time = 1000.0 * (np.arange(len(wave)) - index) / row["fs"]
            place = offset + time
            [drawn] = axis.plot(place, wave, color=style(k)[0], lw=1.2)
            self.template_lines_.append(drawn)
            axis.annotate(f"{row['unit']}", (place[index], wave.max()), ha="center", fontsize=9)
            ticks.append(offset)
            offset += 1.15 * (time[-1] - time[0])
        axis.set(
            ylabel="template (mV)",
            xlabel="30 ms per unit, from 10 ms before the discharge to 20 ms after it",
        )
        axis.set_xticks(ticks, ["0"] * len(ticks))
