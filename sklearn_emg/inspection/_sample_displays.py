"""Displays of attributions and attention maps along a signal."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from sklearn_emg._tables import counted
from sklearn_emg.inspection._attention import AttentionMaps, attention_maps
from sklearn_emg.inspection._attribution import Attribution, attribution
from sklearn_emg.inspection._plot import (
    GREY,
    HATCHES,
    OPPOSES,
    SUPPORTS,
    legend_outside,
    panels,
    style,
    tidy,
)
from sklearn_emg.recordings import WindowSet, read_signal

_NEUTRAL = "0.72"  # colour of contributions near 0


class AttributionDisplay:
    """Signal coloured by the contribution of its segments to the output of a network.

    Bars below the signal show the sum of the contributions in each segment. Create the display with
    :meth:`from_estimator`, :meth:`from_attribution` or :meth:`from_recording`.

    Parameters
    ----------
    signal : ndarray of shape (n_channels, n_times)
        Samples in mV.
    values : ndarray of shape (n_channels, n_times)
        Contribution of each sample to the raw output (logit). It is NaN outside the windows.
    fs : float
        Sampling rate in Hz.
    title : str, default=""
        Title of the figure.

    Attributes
    ----------
    figure_ : matplotlib Figure
        Figure that contains the plot.
    axes_ : ndarray of Axes
        For each channel, the Axes of the signal and the Axes of the sums of contributions.
    signal_lines_ : list of LineCollection
        Signal of each channel, coloured by segment.
    bars_ : list of BarContainer
        Sums of the segments of each channel.

    See Also
    --------
    attribution : Computes the contributions.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emg.inspection import AttributionDisplay
    >>> from sklearn_emg.neural_network import EMGClassifier
    >>> rng = np.random.default_rng(0)
    >>> X, y = rng.normal(size=(24, 2, 100)), np.repeat(["control", "patient"], 12)
    >>> net = EMGClassifier("CNN1D", max_epochs=1, random_state=0).fit(X, y)
    >>> display = AttributionDisplay.from_estimator(net, X, fs=1000.0, target="patient")
    >>> [axis.get_ylabel() for axis in display.plot(n_stretches=20).axes_]
    ['channel 1 (mV)', 'logit', 'channel 2 (mV)', 'logit']
    """

    def __init__(
        self,
        signal: NDArray[np.floating],
        values: NDArray[np.floating],
        fs: float,
        *,
        title: str = "",
    ):
        self.signal = signal
        self.values = values
        self.fs = fs
        self.title = title

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: ArrayLike,
        *,
        fs: float,
        window: int = 0,
        target: Any = None,
        method: str = "integrated_gradients",
        baseline: float = 0.0,
        n_steps: int | None = None,
    ) -> AttributionDisplay:
        """Compute the attribution of one window and create the display from it.

        Parameters
        ----------
        estimator : fitted estimator
            A network classifier, or an estimator that ends with one, as in :func:`attribution`.
        X : array-like of shape (n_windows, n_times) or (n_windows, n_channels, n_times)
            Windows in mV, processed by all steps before the network.
        fs : float
            Sampling rate in Hz.
        window : int, default=0
            Index of the window in X.
        target, method, baseline, n_steps
            Parameters of :func:`attribution`.

        Returns
        -------
        display : AttributionDisplay
            Object that stores the values to plot.
        """
        one = np.asarray(X)[window][np.newaxis]
        found = attribution(
            estimator, one, target=target, method=method, baseline=baseline, n_steps=n_steps
        )
        return cls.from_attribution(found, one, fs=fs)

    @classmethod
    def from_attribution(
        cls, attribution: Attribution, X: ArrayLike, *, fs: float, window: int = 0
    ) -> AttributionDisplay:
        """Create the display from one window of an existing attribution.

        Parameters
        ----------
        attribution : Attribution
            Result of :func:`attribution`.
        X : array-like of shape (n_windows, n_times) or (n_windows, n_channels, n_times)
            Windows that were explained.
        fs : float
            Sampling rate in Hz.
        window : int, default=0
            Index of the window in X.

        Returns
        -------
        display : AttributionDisplay
            Object that stores the values to plot.
        """
        windows = np.asarray(X)
        if windows.shape != attribution.values.shape:
            raise ValueError(
                f"The 'X' of AttributionDisplay has shape {windows.shape}, but the attribution is "
                f"of windows of shape {attribution.values.shape}. Give the windows that it was "
                "computed from."
            )
        if windows.ndim > 3:
            raise ValueError(
                "AttributionDisplay draws windows of a signal, but these are images of shape "
                f"{windows.shape[2:]}."
            )
        gained = attribution.output[window] - attribution.baseline_output[window]
        title = f"{attribution.target[window]}: logit {attribution.output[window]:.2f}, "
        title += f"{gained:+.2f} relative to the baseline"
        return cls(
            np.atleast_2d(windows[window]),
            np.atleast_2d(attribution.values[window]),
            float(fs),
            title=title,
        )

    @classmethod
    def from_recording(
        cls, attribution: Attribution, windows: WindowSet, table: pd.DataFrame, row: int = 0
    ) -> AttributionDisplay:
        """Create the display from an entire recording by averaging over overlapping windows.

        Parameters
        ----------
        attribution : Attribution
            Result of :func:`attribution` for ``windows.X``, with one `target`.
        windows : WindowSet
            Windows of `table`, from :func:`~sklearn_emg.recordings.divide`.
        table : DataFrame
            Recording table.
        row : int, default=0
            Position of the recording in the table.

        Returns
        -------
        display : AttributionDisplay
            Object that stores the values to plot.
        """
        chosen = windows.row == row
        if not chosen.any():
            raise ValueError(
                f"Row {row} of the table has no windows to draw. Rows with windows are "
                f"{np.unique(windows.row)[:5].tolist()}, ..."
            )
        values = np.atleast_2d(attribution.to_recordings(windows)[row])
        targets = sorted(set(attribution.target[chosen].tolist()), key=str)
        if len(targets) > 1:
            raise ValueError(
                f"The windows of row {row} are explained for several classes, {targets}. Call "
                "attribution with one 'target'."
            )
        entry = table.iloc[row]
        signal = np.atleast_2d(read_signal(entry["signal"]))[:, : values.shape[-1]]
        subject = f"subject {entry['subject']}, " if "subject" in table.columns else ""
        mean = attribution.output[chosen].mean()
        title = f"{subject}{targets[0]}: mean logit {mean:.2f} over "
        title += counted(int(chosen.sum()), "window")
        return cls(signal, values, windows.fs, title=title)

    def plot(self, ax: Any = None, *, n_stretches: int = 80) -> AttributionDisplay:
        """Draw the signal and the contributions.

        Parameters
        ----------
        ax : Axes or array of Axes, default=None
            One Axes, which is divided, or two Axes per channel. By default, a new figure is
            created.
        n_stretches : int, default=80
            Number of equal segments in which contributions are summed, because contributions of
            single samples vary too quickly to be read.

        Returns
        -------
        display : AttributionDisplay
            The same object, with the drawn artists as attributes.
        """
        n_channels, n_times = self.signal.shape
        bounds = np.unique(np.linspace(0, n_times, min(n_stretches, n_times) + 1).round()).astype(
            int
        )
        sums = np.add.reduceat(np.nan_to_num(self.values), bounds[:-1], axis=1)
        self.figure_, self.axes_ = panels(
            ax,
            2 * n_channels,
            1,
            "AttributionDisplay.plot",
            figsize=(8, 0.8 + 2.6 * n_channels),
            sharex=True,
            height_ratios=[1.5, 1.0] * n_channels,
        )
        largest = float(np.abs(sums).max()) or 1.0
        self.signal_lines_: list[Any] = []
        self.bars_: list[Any] = []
        for k in range(n_channels):
            upper, lower = self.axes_[2 * k : 2 * k + 2]
            name = "amplitude" if n_channels == 1 else f"channel {k + 1}"
            self._plot_signal(upper, self.signal[k], sums[k] / largest, bounds)
            upper.set_ylabel(f"{name} (mV)")
            self._plot_sums(lower, sums[k], bounds)
            lower.set_ylim(-1.1 * largest, 1.1 * largest)
            lower.set_ylabel("logit")
        self.axes_[0].set_title(self.title, loc="left", fontsize=11, pad=20)
        self._plot_legend(self.axes_[0])
        self.axes_[-1].set_xlim(0, n_times / self.fs)
        self.axes_[-1].set_xlabel("time (s); bars: sum of each segment")
        tidy(self.axes_)
        return self

    def _plot_signal(
        self, axis: Any, signal: NDArray[np.floating], values: NDArray, bounds: NDArray[np.intp]
    ) -> None:
        from matplotlib.collections import LineCollection
        from matplotlib.colors import LinearSegmentedColormap

        time = np.arange(len(signal)) / self.fs
        # Each segment extends to the first sample of the next, so that the line has no gaps.
        parts = [np.column_stack([time[a : b + 1], signal[a : b + 1]]) for a, b in pairwise(bounds)]
        colours = LinearSegmentedColormap.from_list("for_against", [OPPOSES, _NEUTRAL, SUPPORTS])
        # The square root makes small values visible. The bars show the values themselves.
        signed = np.sign(values) * np.sqrt(np.abs(values))
        lines = LineCollection(
            parts, colors=colours(0.5 + 0.5 * signed), linewidths=0.6 + 0.8 * np.abs(signed)
        )
        self.signal_lines_.append(axis.add_collection(lines))
        axis.autoscale_view()

    def _plot_sums(self, axis: Any, sums: NDArray, bounds: NDArray[np.intp]) -> None:
        edges = bounds / self.fs
        supports = sums > 0
        self.bars_.append(
            axis.bar(
                edges[:-1],
                sums,
                width=np.diff(edges),
                align="edge",
                color=[SUPPORTS if yes else "white" for yes in supports],
                edgecolor=[SUPPORTS if yes else OPPOSES for yes in supports],
                hatch=[HATCHES[0] if yes else HATCHES[1] for yes in supports],
                linewidth=0.5,
            )
        )
        axis.axhline(0, color="black", lw=0.6)

    @staticmethod
    def _plot_legend(axis: Any) -> None:
        from matplotlib.patches import Patch

        against = Patch(fc="white", ec=OPPOSES, hatch=HATCHES[1], label="opposes it")
        handles = [Patch(color=SUPPORTS, label="supports the class"), against]
        legend_outside(axis, "above left", handles=handles, ncols=2)


class AttentionDisplay:
    """Attention weights of a network over time, above the signal.

    Create the display with :meth:`from_estimator` or :meth:`from_maps`.

    Parameters
    ----------
    maps : AttentionMaps
        Result of :func:`attention_maps`.
    X : array-like of shape (n_windows, n_times) or (n_windows, n_channels, n_times)
        Windows from which the maps were computed, in mV.

    Attributes
    ----------
    figure_ : matplotlib Figure
        Figure that contains the plot.
    axes_ : ndarray of Axes
        One Axes per layer, followed by one Axes per channel of the signal.
    patches_ : list of StepPatch
        Mean over the heads of each layer.
    head_patches_ : list of StepPatch
        Weights of each head, layer by layer.
    even_lines_ : list of Line2D
        Line of each layer at the weight that each position would have if all were equal.
    signal_lines_ : list of Line2D
        Signal of each channel.

    See Also
    --------
    attention_maps : Computes the weights.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emg.inspection import AttentionDisplay
    >>> from sklearn_emg.neural_network import EMGClassifier
    >>> rng = np.random.default_rng(0)
    >>> X, y = rng.normal(size=(24, 100)), np.repeat(["control", "patient"], 12)
    >>> net = EMGClassifier("AttentionNet", max_epochs=1, random_state=0).fit(X, y)
    >>> display = AttentionDisplay.from_estimator(net, X, fs=1000.0).plot(window=3)
    >>> [axis.get_ylabel() for axis in display.axes_]
    ['weight (%)', 'weight (%)', 'amplitude (mV)']
    """

    def __init__(self, maps: AttentionMaps, X: ArrayLike):
        self.maps = maps
        self.X = np.asarray(X)
        n_windows = len(next(iter(maps.weights.values())))
        if len(self.X) != n_windows:
            raise ValueError(
                f"X of AttentionDisplay has {counted(len(self.X), 'window')}, but the maps are of "
                f"{n_windows}. Give the windows that they were computed from."
            )

    @classmethod
    def from_estimator(cls, estimator: Any, X: ArrayLike, *, fs: float) -> AttentionDisplay:
        """Compute the maps and create the display from them.

        Parameters
        ----------
        estimator : fitted estimator
            A network with attention, or an estimator that ends with one.
        X : array-like of shape (n_windows, n_times) or (n_windows, n_channels, n_times)
            Windows in mV, processed by all steps before the network.
        fs : float
            Sampling rate of the windows in Hz.

        Returns
        -------
        display : AttentionDisplay
            Object that stores the values to plot.
        """
        return cls(attention_maps(estimator, X, fs=fs), X)

    @classmethod
    def from_maps(cls, maps: AttentionMaps, X: ArrayLike) -> AttentionDisplay:
        """Create the display from existing maps.

        Parameters
        ----------
        maps : AttentionMaps
            Result of :func:`attention_maps`.
        X : array-like of shape (n_windows, n_times) or (n_windows, n_channels, n_times)
            Windows from which the maps were computed, in mV.

        Returns
        -------
        display : AttentionDisplay
            Object that stores the values to plot.
        """
        return cls(maps, X)

    def plot(self, ax: Any = None, *, window: int = 0) -> AttentionDisplay:
        """Draw the weights of one window and its signal.

        Parameters
        ----------
        ax : Axes or array of Axes, default=None
            One Axes, which is divided, or one Axes per layer and one per channel. By default, a new
            figure is created.
        window : int, default=0
            Index of the window in X.

        Returns
        -------
        display : AttentionDisplay
            The same object, with the drawn artists as attributes.
        """
        signal = np.atleast_2d(self.X[window])
        n_layers, n_channels = len(self.maps.weights), len(signal)
        self.figure_, self.axes_ = panels(
            ax,
            n_layers + n_channels,
            1,
            "AttentionDisplay.plot",
            figsize=(8, 1.0 + 1.3 * n_layers + 1.7 * n_channels),
            sharex=True,
            height_ratios=[1.0] * n_layers + [1.4] * n_channels,
        )
        self.patches_: list[Any] = []
        self.head_patches_: list[Any] = []
        self.even_lines_: list[Any] = []
        for axis, name in zip(self.axes_, self.maps.weights):
            self._plot_weights(axis, name, window)
        time = np.arange(signal.shape[-1]) / self.maps.fs
        self.signal_lines_ = []
        for k, axis in enumerate(self.axes_[n_layers:]):
            self.signal_lines_ += axis.plot(time, signal[k], color="0.25", lw=0.6)
            axis.set_ylabel("amplitude (mV)" if n_channels == 1 else f"channel {k + 1} (mV)")
        legend_outside(self.axes_[0], "above right", ncols=3)
        self.axes_[-1].set_xlim(0, signal.shape[-1] / self.maps.fs)
        self.axes_[-1].set_xlabel("time (s)")
        tidy(self.axes_)
        return self

    def _plot_weights(self, axis: Any, name: str, window: int) -> None:
        edges, kind = self.maps.edges[name], self.maps.kinds[name]
        percent = 100 * self.maps.weights[name][window].astype(float)
        unit = {"self-attention": "head", "graph": "node", "spatial": "map"}[kind]
        for k, head in enumerate(percent if len(percent) > 1 else []):
            colour, _, line, _ = style(k)
            label = f"one line per {unit}" if k == 0 else None
            self.head_patches_.append(
                axis.stairs(head, edges, color=colour, ls=line, lw=0.7, label=label)
            )
        self.patches_.append(
            axis.stairs(
                percent.mean(axis=0),
                edges,
                fill=True,
                color="0.8",
                label="mean" if len(percent) > 1 else "weight",
                zorder=0,
            )
        )
        even = axis.axhline(
            100 / percent.shape[-1], color=GREY, lw=0.8, ls=":", label="equal weights"
        )
        self.even_lines_.append(even)
        count = f"{len(percent)} {unit}{'s' if len(percent) > 1 else ''}"
        axis.set_title(f"{kind.capitalize()}, {count} ({name})", loc="left", fontsize=9)
        axis.set_ylim(bottom=0)
        axis.set_ylabel("weight (%)")
