"""Displays of explanations: typical windows, layers of a network, one subject's diagnosis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from sklearn_emg.inspection._activation import ActivationMaximization, activation_maximization
from sklearn_emg.inspection._embedding import LayerEmbedding, layer_embedding
from sklearn_emg.inspection._explain import SubjectExplanation, explain_subject
from sklearn_emg.inspection._plot import COLORS, GREY, HATCHES, panels, style, tidy


class ActivationMaximizationDisplay:
    """The window that excites each class node of a network the most.

    Create it with :meth:`from_estimator` or :meth:`from_result`.

    Parameters
    ----------
    result : ActivationMaximization
        What :func:`activation_maximization` found.

    Attributes
    ----------
    figure_ : matplotlib Figure
    axes_ : ndarray of Axes
        One per class.
    lines_ : list of Line2D

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emg.inspection import ActivationMaximizationDisplay
    >>> from sklearn_emg.neural_network import EMGClassifier
    >>> rng = np.random.default_rng(0)
    >>> X, y = rng.normal(size=(24, 100)), np.repeat(["control", "patient"], 12)
    >>> net = EMGClassifier("CNN1D", max_epochs=1, random_state=0).fit(X, y)
    >>> display = ActivationMaximizationDisplay.from_estimator(
    ...     net, fs=1000.0, n_updates=10, progress=False, random_state=0
    ... )
    >>> len(display.plot().axes_)
    2
    """

    def __init__(self, result: ActivationMaximization):
        self.result = result

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        *,
        fs: float,
        objective: str = "logit",
        n_updates: int = 1500,
        lr: float = 1e-2,
        max_shift: float = 0.125,
        start_scale: float = 1.0,
        progress: bool = True,
        random_state: int | np.random.RandomState | None = None,
    ) -> ActivationMaximizationDisplay:
        """Find the windows; parameters as in :func:`activation_maximization`."""
        return cls(
            activation_maximization(
                estimator,
                fs=fs,
                objective=objective,
                n_updates=n_updates,
                lr=lr,
                max_shift=max_shift,
                start_scale=start_scale,
                progress=progress,
                random_state=random_state,
            )
        )

    @classmethod
    def from_result(cls, result: ActivationMaximization) -> ActivationMaximizationDisplay:
        """Show windows that were found before."""
        return cls(result)

    def plot(
        self,
        ax: Any = None,
        *,
        start: int = 0,
        channel: int = 0,
        span: float | None = None,
        sharey: bool = True,
    ) -> ActivationMaximizationDisplay:
        """Draw one window per class.

        Parameters
        ----------
        ax : Axes or array of Axes, default=None
            One Axes, which is divided, or one per class; by default a new figure.
        start : int, default=0
            Which start to show, of several.
        channel : int, default=0
            Channel to show.
        span : float, default=None
            Seconds in the middle of the window to show, by default all of it.
        sharey : bool, default=True
            One scale of millivolts for all classes, so that amplitudes compare.

        Returns
        -------
        display : ActivationMaximizationDisplay
        """
        result = self.result
        n_classes = len(result.classes)
        windows = result.windows[start, :, channel]
        if windows.ndim != 2:
            raise ValueError(
                "ActivationMaximizationDisplay draws windows of a signal; these are images of "
                f"shape {windows.shape[1:]}."
            )
        n_times = windows.shape[-1]
        shown = n_times if span is None else max(2, min(n_times, round(span * result.fs)))
        first = (n_times - shown) // 2
        time = np.arange(shown) / result.fs
        self.figure_, self.axes_ = panels(
            ax,
            n_classes,
            1,
            "ActivationMaximizationDisplay.plot",
            figsize=(7, 1.7 * n_classes + 0.4),
            sharex=True,
            sharey=sharey,
        )
        self.lines_ = []
        for k, (axis, name) in enumerate(zip(self.axes_, result.classes)):
            values = windows[k, first : first + shown]
            self.lines_ += axis.plot(time, values, color=style(k)[0], lw=0.7)
            axis.set_title(
                f"{name}: {result.rms[start, k]:.2g} mV rms, mean frequency "
                f"{result.mean_frequency[start, k]:.0f} Hz, phases of "
                f"{1000 * result.phase_duration[start, k]:.1f} ms",
                loc="left",
                fontsize=10,
            )
            axis.set_ylabel("mV")
        self.axes_[-1].set_xlabel("time (s)")
        self.axes_[-1].set_xlim(0, shown / result.fs)
        tidy(self.axes_)
        return self


class LayerEmbeddingDisplay:
    """How windows of the classes part from layer to layer of a network.

    Create it with :meth:`from_estimator` or :meth:`from_embedding`.

    Parameters
    ----------
    embedding : LayerEmbedding
        What :func:`layer_embedding` found.
    y : array-like of shape (n_windows,)
        Label of each window.

    Attributes
    ----------
    figure_ : matplotlib Figure
    axes_ : ndarray of Axes
        One per layer.
    points_ : list of PathCollection
        Per layer and class.
    legend_ : matplotlib Legend

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emg.inspection import LayerEmbeddingDisplay
    >>> from sklearn_emg.neural_network import EMGClassifier
    >>> rng = np.random.default_rng(0)
    >>> X, y = rng.normal(size=(24, 100)), np.repeat(["control", "patient"], 12)
    >>> net = EMGClassifier("CNN1D", max_epochs=1, random_state=0).fit(X, y)
    >>> display = LayerEmbeddingDisplay.from_estimator(
    ...     net, X, y, layers=["features", "classifier"], method="pca"
    ... )
    >>> len(display.plot().axes_)
    2
    """

    def __init__(self, embedding: LayerEmbedding, y: ArrayLike):
        self.embedding = embedding
        self.y = np.asarray(y)
        n_windows = len(next(iter(embedding.points.values())))
        if len(self.y) != n_windows:
            raise ValueError(
                f"y of LayerEmbeddingDisplay has {len(self.y)} labels for {n_windows} windows."
            )

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: ArrayLike,
        y: ArrayLike,
        *,
        layers: Sequence[str] | None = None,
        method: str = "auto",
        time_average: bool = False,
        random_state: int | np.random.RandomState | None = None,
    ) -> LayerEmbeddingDisplay:
        """Compute the embedding; parameters as in :func:`layer_embedding`."""
        embedding = layer_embedding(
            estimator,
            X,
            layers=layers,
            method=method,
            time_average=time_average,
            random_state=random_state,
        )
        return cls(embedding, y)

    @classmethod
    def from_embedding(cls, embedding: LayerEmbedding, y: ArrayLike) -> LayerEmbeddingDisplay:
        """Show an embedding that was computed before."""
        return cls(embedding, y)

    def plot(self, ax: Any = None) -> Self:
        """Draw a scatter of the windows after each layer.

        Parameters
        ----------
        ax : Axes or array of Axes, default=None
            One Axes, which is divided, or one per layer; by default a new figure.

        Returns
        -------
        display : LayerEmbeddingDisplay
        """
        names = list(self.embedding.points)
        self.figure_, self.axes_ = panels(
            ax,
            1,
            len(names),
            "LayerEmbeddingDisplay.plot",
            figsize=(2.4 * len(names) + 0.6, 2.9),
        )
        is_pca = self.embedding.method == "pca"
        kind = "principal component" if is_pca else "UMAP"
        self.points_ = []
        for axis, name in zip(self.axes_, names):
            points = self.embedding.points[name]
            vertical = points[:, 1] if points.shape[1] > 1 else np.zeros(len(points))
            for k, label in enumerate(np.unique(self.y)):
                color, marker, *_ = style(k)
                mine = self.y == label
                self.points_.append(
                    axis.scatter(
                        points[mine, 0],
                        vertical[mine],
                        s=14,
                        color=color,
                        marker=marker,
                        alpha=0.7,
                        linewidths=0,
                        label=str(label),
                    )
                )
            share = f"\n{self.embedding.explained[name]:.0%} of variance" if is_pca else ""
            axis.set_title(f"after {name}{share}", fontsize=10)
            # Only the distances have a meaning.
            axis.set(xticks=[], yticks=[], xlabel=f"{kind} 1")
        self.axes_[0].set_ylabel(f"{kind} 2")
        self.legend_ = self.axes_[-1].legend(
            loc="upper left", bbox_to_anchor=(1.02, 1), frameon=False, markerscale=1.4
        )
        tidy(self.axes_)
        return self


class SubjectExplanationDisplay:
    """What drove one subject's diagnosis: muscles, recordings, decisive windows.

    Create it with :meth:`from_estimator` or :meth:`from_explanation`.

    Parameters
    ----------
    explanation : SubjectExplanation
        What :func:`explain_subject` found.

    Attributes
    ----------
    figure_ : matplotlib Figure
    axes_ : ndarray of Axes
        The contributions first, then one per decisive window.
    bars_ : BarContainer
        Contributions of the muscles.
    points_ : Line2D
        Contributions of the recordings.
    lines_ : list of Line2D
        Decisive windows.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn_emg.ensemble import DiVoteClassifier
    >>> from sklearn_emg.feature_extraction import TimeDomainFeatures
    >>> from sklearn_emg.inspection import SubjectExplanationDisplay
    >>> from sklearn_emg.recordings import recording_table
    >>> rng = np.random.default_rng(0)
    >>> table = recording_table(
    ...     [a * rng.normal(size=500) for a in (1, 1, 1, 3)], fs=1000.0, subject=list("aabb"),
    ...     muscle=["biceps", "tibialis"] * 2,
    ... )
    >>> rms = make_pipeline(TimeDomainFeatures(["rms"]), LogisticRegression())
    >>> divote = DiVoteClassifier(rms, window=0.1).fit(table, ["control"] * 2 + ["patient"] * 2)
    >>> display = SubjectExplanationDisplay.from_estimator(divote, table, "b")
    >>> len(display.plot().lines_)
    3
    """

    def __init__(self, explanation: SubjectExplanation):
        self.explanation = explanation

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: pd.DataFrame,
        subject: Any,
        *,
        target: Any = None,
        muscle: str = "muscle",
        n_decisive: int = 3,
    ) -> SubjectExplanationDisplay:
        """Explain the subject; parameters as in :func:`explain_subject`."""
        return cls(
            explain_subject(
                estimator, X, subject, target=target, muscle=muscle, n_decisive=n_decisive
            )
        )

    @classmethod
    def from_explanation(cls, explanation: SubjectExplanation) -> SubjectExplanationDisplay:
        """Show an explanation that was made before."""
        return cls(explanation)

    def plot(self, ax: Any = None) -> Self:
        """Draw the contributions, and the decisive windows on one scale of millivolts.

        Parameters
        ----------
        ax : Axes or array of Axes, default=None
            One Axes, which is divided, or 1 + n_decisive of them; by default a new figure. Windows
            that are no signals of samples are not drawn.

        Returns
        -------
        display : SubjectExplanationDisplay
        """
        found = self.explanation
        signals = found.decisive_signals if np.isfinite(found.duration) else []
        n_bars = len(found.recordings) if found.muscles is None else len(found.muscles)
        heights = [0.5 + 0.35 * n_bars, *[1.2] * len(signals)]
        self.figure_, self.axes_ = panels(
            ax,
            1 + len(signals),
            1,
            "SubjectExplanationDisplay.plot",
            figsize=(7, 1.2 + sum(heights)),
            height_ratios=heights,
        )
        self._plot_contributions(self.axes_[0])
        self.lines_: list[Any] = []
        for axis, k, signal in zip(self.axes_[1:], found.decisive, signals):
            self._plot_window(axis, int(k), np.atleast_2d(signal))
        if signals:
            largest = 1.05 * max(float(np.abs(s).max()) for s in signals)
            for axis in self.axes_[1:]:
                axis.set_ylim(-largest, largest)
            self.axes_[-1].set_xlabel("time in the recording (s); one scale of mV for all windows")
        tidy(self.axes_)
        return self

    def _plot_contributions(self, axis: Any) -> None:
        found = self.explanation
        table = found.muscles
        if table is None:
            table = found.recordings.sort_values("contribution", ascending=False, kind="stable")
        names = [str(name).replace("_", " ") for name in table.index]
        values = 100 * table["contribution"].to_numpy()
        place = np.arange(len(table))[::-1]
        self.bars_ = axis.barh(
            place,
            values,
            height=0.62,
            color=[COLORS[1] if v > 0 else "white" for v in values],
            edgecolor=[COLORS[1] if v > 0 else COLORS[0] for v in values],
            hatch=[HATCHES[0] if v > 0 else HATCHES[1] for v in values],
        )
        if found.muscles is not None:
            where = dict(zip(table.index, place))
            column = table.index.name
            y = [where[name] for name in found.recordings[column]]
            (self.points_,) = axis.plot(
                100 * found.recordings["contribution"],
                y,
                "o",
                color="black",
                mfc="white",
                ms=4.5,
                label="one recording left out",
            )
            self.bars_.set_label("all recordings of the muscle left out")
            axis.legend(
                frameon=False,
                fontsize=8,
                ncols=2,
                loc="lower left",
                bbox_to_anchor=(-0.01, 0.98),
            )
        axis.axvline(0, color="black", lw=0.8)
        axis.set_yticks(place, names)
        axis.set_xlabel(f"contribution to the probability of {found.target} (percentage points)")
        probability = found.probabilities[found.target]
        says = "" if found.target == found.diagnosis else f", diagnosis {found.diagnosis}"
        axis.set_title(
            f"Subject {found.subject}: probability of {found.target} {probability:.2f}{says}",
            loc="left",
            fontsize=11,
            pad=20,  # above the legend
        )

    def _plot_window(self, axis: Any, k: int, signal: np.ndarray) -> None:
        found = self.explanation
        window = found.windows.iloc[k]
        row = int(window["row"])
        time = window["start"] + np.arange(signal.shape[-1]) * found.duration / signal.shape[-1]
        self.lines_ += axis.plot(time, signal.T, lw=0.6, color="black" if len(signal) < 2 else None)
        column = found.muscles.index.name if found.muscles is not None else None
        where = f"{found.recordings[column].iloc[row]}, ".replace("_", " ") if column else ""
        axis.set_title(
            f"{where}recording {found.recordings.index[row]}: score of {found.target} "
            f"{window['score']:.2f}, {100 * window['contribution']:+.2g} points",
            loc="left",
            fontsize=9,
        )
        axis.set_ylabel("mV")
        axis.set_xlim(time[0], time[-1])
        axis.axhline(0, color=GREY, lw=0.4, zorder=0)
