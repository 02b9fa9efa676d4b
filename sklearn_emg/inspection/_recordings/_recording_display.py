"""RecordingDisplay: signal, discharges, windows and spectrogram of one recording."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.signal import spectrogram as scipy_spectrogram

from sklearn_emg._tables import columns_text, counted
from sklearn_emg.inspection._plot import COLORS, legend_outside, panels, style, tidy
from sklearn_emg.preprocessing import Envelope
from sklearn_emg.recordings import read_signal


class RecordingDisplay:
    """Signal, envelope, discharges, windows and spectrogram of one recording.

    Create the display with :meth:`from_signal` or :meth:`from_table`.

    Parameters
    ----------
    signal : ndarray of shape (n_times,)
        Samples in mV.
    fs : float
        Sampling rate in Hz.
    envelope : ndarray of shape (n_times,) or None
        Moving root mean square in mV.
    annotations : DataFrame or None
        Discharges, with the columns ``time`` in s and ``unit``, such as the ``events`` of
        :func:`~sklearn_emg.datasets.load_annotations`.
    windows : tuple of (ndarray, float) or None
        Start of each window and length of the windows, in s.
    title : str, default=""
        Title of the figure.

    Attributes
    ----------
    figure_ : matplotlib Figure
        Figure that contains the plot.
    axes_ : ndarray of Axes
        Axes of the signal, of the discharges (if there are annotations) and of the spectrogram (if
        it is drawn).
    line_ : Line2D
        Line of the signal.
    envelope_line_ : Line2D or None
        Line of the envelope.
    event_lines_ : list of EventCollection
        Discharges of each unit.
    window_lines_ : LineCollection or None
        Bars of the windows.
    image_ : QuadMesh or None
        Image of the spectrogram.
    colorbar_ : Colorbar or None
        Colour bar of the spectrogram.

    Examples
    --------
    >>> from sklearn_emg.datasets import simulate_recording
    >>> from sklearn_emg.inspection import RecordingDisplay
    >>> signal = simulate_recording(duration=0.5, fs=5000.0, random_state=0)
    >>> display = RecordingDisplay.from_signal(signal, fs=5000.0, window=0.2, step=0.1).plot()
    >>> [axis.get_ylabel() for axis in display.axes_]
    ['amplitude (mV)', 'frequency (Hz)']
    """

    def __init__(
        self,
        signal: NDArray[np.floating],
        fs: float,
        *,
        envelope: NDArray[np.floating] | None = None,
        annotations: pd.DataFrame | None = None,
        windows: tuple[NDArray[np.floating], float] | None = None,
        title: str = "",
    ):
        self.signal = signal
        self.fs = fs
        self.envelope = envelope
        self.annotations = annotations
        self.windows = windows
        self.title = title

    @classmethod
    def from_signal(
        cls,
        signal: ArrayLike,
        *,
        fs: float,
        envelope: float | None = 0.05,
        annotations: pd.DataFrame | None = None,
        window: float | None = None,
        step: float | None = None,
        title: str = "",
    ) -> RecordingDisplay:
        """Create the display from one channel.

        Parameters
        ----------
        signal : array-like of shape (n_times,)
            Samples in mV.
        fs : float
            Sampling rate in Hz.
        envelope : float or None, default=0.05
            Length of the moving root mean square in s. None draws no envelope, and a signal with
            missing samples has none.
        annotations : DataFrame, default=None
            Discharges, with the columns ``time`` in s and ``unit``.
        window : float, default=None
            Length of the windows in s, as in :func:`~sklearn_emg.recordings.divide`. By default, no
            windows are drawn.
        step : float, default=None
            Time from the start of one window to the start of the next, in s. By default, it equals
            `window`.
        title : str, default=""
            Title of the figure.

        Returns
        -------
        display : RecordingDisplay
            Object that stores the values to plot.
        """
        signal = np.asarray(signal)
        if signal.ndim != 1 or signal.size < 2:
            raise ValueError(
                "RecordingDisplay draws one channel of at least two samples. Got a signal of shape "
                f"{signal.shape}. Select one channel with signal[channel]."
            )
        given = ("time", "unit") if annotations is None else annotations.columns
        if missing := [c for c in ("time", "unit") if c not in given]:
            raise ValueError(
                f"The 'annotations' of RecordingDisplay lack the {columns_text(missing)}."
            )
        windows = None
        if window is not None:
            step = window if step is None else step
            last = len(signal) / fs - window
            windows = (np.arange(0, last + 1e-9, step), float(window))
        smooth = None
        if envelope is not None and np.isfinite(signal).all():
            smooth = Envelope("rms", window=envelope, fs=fs).fit_transform(signal[np.newaxis])[0]
        return cls(
            signal,
            float(fs),
            envelope=smooth,
            annotations=annotations,
            windows=windows,
            title=title,
        )

    @classmethod
    def from_table(
        cls,
        table: pd.DataFrame,
        row: int = 0,
        *,
        channel: int = 0,
        envelope: float | None = 0.05,
        annotations: pd.DataFrame | None = None,
        window: float | None = None,
        step: float | None = None,
    ) -> RecordingDisplay:
        """Create the display from one row of a recording table.

        Parameters
        ----------
        table : DataFrame
            Recording table.
        row : int, default=0
            Position of the recording in the table.
        channel : int, default=0
            Index of the channel to show if the signal has several.
        envelope, annotations, window, step
            Parameters of :meth:`from_signal`.

        Returns
        -------
        display : RecordingDisplay
            Object that stores the values to plot.
        """
        _check_position(row, len(table), "row", "the table", "recording")
        entry = table.iloc[row]
        n_channels = len(np.atleast_2d(read_signal(entry["signal"])))
        _check_position(channel, n_channels, "channel", f"row {row}", "channel")
        signal = np.atleast_2d(read_signal(entry["signal"]))[channel]
        facts = [f"subject {entry['subject']}"] if "subject" in table.columns else []
        facts += [
            str(entry[column]).replace("_", " ")
            for column in ("muscle", "region")
            if column in table.columns
        ]
        return cls.from_signal(
            signal,
            fs=float(entry["fs"]),
            envelope=envelope,
            annotations=annotations,
            window=window,
            step=step,
            title=", ".join(facts),
        )

    def plot(
        self, ax: Any = None, *, spectrogram: bool = True, max_frequency: float | None = None
    ) -> RecordingDisplay:
        """Draw the recording.

        Parameters
        ----------
        ax : Axes or array of Axes, default=None
            One Axes, which is divided if there are several panels, or one Axes per panel. By
            default, a new figure is created.
        spectrogram : bool, default=True
            Whether to draw the spectrogram.
        max_frequency : float, default=None
            Highest frequency shown, in Hz. By default, it is half the sampling rate.

        Returns
        -------
        display : RecordingDisplay
            The same object, with the drawn artists as attributes.
        """
        events = self.annotations
        n_units = 0 if events is None else events["unit"].nunique()
        heights = [2.0, *([] if events is None else [0.3 + 0.16 * n_units])]
        heights += [1.6] * spectrogram
        self.figure_, self.axes_ = panels(
            ax,
            len(heights),
            1,
            "RecordingDisplay.plot",
            figsize=(8, 0.9 + sum(heights)),
            sharex=True,
            height_ratios=heights,
        )
        self._plot_signal(self.axes_[0])
        self.event_lines_ = [] if events is None else self._plot_events(self.axes_[1], events)
        self.image_ = self.colorbar_ = None
        if spectrogram:
            self._plot_spectrogram(self.axes_[-1], max_frequency)
        self.axes_[0].set_xlim(0, len(self.signal) / self.fs)
        self.axes_[-1].set_xlabel("time (s)")
        tidy(self.axes_)
        return self

    def _plot_signal(self, axis: Any) -> None:
        time = np.arange(len(self.signal)) / self.fs
        (self.line_,) = axis.plot(time, self.signal, color="0.35", lw=0.5, label="signal")
        self.envelope_line_ = None
        if self.envelope is not None:
            (self.envelope_line_,) = axis.plot(
                time, self.envelope, color=COLORS[1], lw=1.8, label="envelope (moving RMS)"
            )
        self.window_lines_ = None
        if self.windows is not None:
            starts, length = self.windows
            low, high = np.nanmin(self.signal), np.nanmax(self.signal)
            # Overlapping windows are drawn on separate lines below the signal.
            distance = starts[1] - starts[0] if len(starts) > 1 else length
            n_lines = max(1, int(np.ceil(length / distance - 1e-9)))
            y = low - 0.05 * (high - low) * (1.5 + np.arange(len(starts)) % n_lines)
            gap = min(0.04 * length, 0.2 * distance)
            self.window_lines_ = axis.hlines(
                y,
                starts + gap / 2,
                starts + length - gap / 2,
                colors=COLORS[0],
                lw=2,
                label=f"{counted(len(starts), 'window')} of {length:g} s",
            )
        axis.set_ylabel("amplitude (mV)")
        # The legend can be as wide as the panel, so the title is placed above it.
        axis.set_title(self.title, loc="left", fontsize=11, pad=20)
        legend_outside(axis, "above left", ncols=3)

    def _plot_events(self, axis: Any, events: pd.DataFrame) -> list[Any]:
        units = sorted(set(events["unit"]))
        times = [events.loc[events["unit"] == unit, "time"].to_numpy() for unit in units]
        lines = axis.eventplot(
            times,
            lineoffsets=np.arange(len(units)),
            linelengths=0.7,
            linewidths=1,
            colors=[style(k)[0] for k in range(len(units))],
        )
        axis.set_yticks(np.arange(len(units)), [str(unit) for unit in units])
        axis.set_ylabel("unit")
        axis.invert_yaxis()
        return lines

    def _plot_spectrogram(self, axis: Any, max_frequency: float | None) -> None:
        values = np.nan_to_num(self.signal.astype(float))
        # Segments of 25 ms resolve 40 Hz and are short enough to separate potentials.
        size = min(len(values), max(16, round(0.025 * self.fs)))
        frequency, time, power = scipy_spectrogram(
            values, self.fs, nperseg=size, noverlap=size * 3 // 4, scaling="density"
        )
        decibel = 10 * np.log10(np.maximum(power, np.finfo(float).tiny))
        top = float(decibel.max())
        self.image_ = axis.pcolormesh(
            time,
            frequency,
            decibel,
            vmin=top - 60,
            vmax=top,
            cmap="cividis",
            shading="nearest",
            rasterized=True,
        )
        axis.set_ylim(0, self.fs / 2 if max_frequency is None else max_frequency)
        axis.set_ylabel("frequency (Hz)")
        self.colorbar_ = axis.figure.colorbar(
            self.image_, ax=axis, label="dB re 1 mV²/Hz", pad=0.01, aspect=12
        )


def _check_position(position: int, n: int, name: str, where: str, noun: str) -> None:
    if not -n <= position < n:
        raise ValueError(
            f"The {name!r} of RecordingDisplay must be a position from 0 to {n - 1}, since {where} "
            f"has {counted(n, noun)}. Got {position}."
        )
