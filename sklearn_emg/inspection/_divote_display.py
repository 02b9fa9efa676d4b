"""DiVoteDisplay: scores of recordings and diagnoses of subjects by DiVote."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from sklearn_emg._tables import counted
from sklearn_emg._validation import check_one_per_row, check_option
from sklearn_emg.ensemble import Votes
from sklearn_emg.inspection._networks import find_divote
from sklearn_emg.inspection._plot import GREY, class_styles, panels
from sklearn_emg.recordings import warn_of_other_order

_KINDS = ("heatmap", "simplex", "regions")
# Corners of the simplex of three scores: bottom left, bottom right, top.
_CORNERS = np.array([[0.0, 0.0], [1.0, 0.0], [0.5, np.sqrt(3) / 2]])
_FINE = 400


class DiVoteDisplay:
    """Scores of recordings and subjects by DiVote, in the three figures of the nEMGNet study.

    ========= ==================================================================================
    kind      content
    ========= ==================================================================================
    heatmap   score of each class for every recording, with one row per subject
    simplex   mean scores of the subjects in the triangle of three classes
    regions   the same points on the decision regions of the highest mean score ("argmax") and
              of the final classifier
    ========= ==================================================================================

    Create the display with :meth:`from_estimator`. If the DiVoteClassifier has a `unit` other than
    the subject, each unit takes the place of a subject here.

    Parameters
    ----------
    votes : Votes
        Votes of a DiVoteClassifier, from its ``vote``.
    classes : ndarray of shape (n_classes,)
        Class labels.
    y : ndarray of shape (n_subjects,) or None
        True class of each subject, in the order of ``votes.subjects``.
    final : tuple of (estimator, int) or None
        Final classifier and the number of kinds of recordings (`by`) that it takes.

    Attributes
    ----------
    figure_ : matplotlib Figure
        Figure that contains the plot.
    axes_ : ndarray of Axes
        One Axes per class for "heatmap", one for "simplex", and two for "regions" (one if there is
        no final classifier).
    images_ : list of AxesImage
        Image of each class in "heatmap".
    points_ : list of PathCollection
        Points of the subjects in "simplex" and "regions".
    regions_ : list of QuadContourSet
        Decision regions of each Axes in "regions".

    References
    ----------
    J. Yoo et al., "Residual one-dimensional convolutional neural network for neuromuscular
    disorder classification from needle electromyography signals with explainability", Comput.
    Methods Programs Biomed. 226 (2022) 107079.

    Examples
    --------
    >>> from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn_emg.datasets import make_nemg_cohort
    >>> from sklearn_emg.ensemble import DiVoteClassifier
    >>> from sklearn_emg.feature_extraction import TimeDomainFeatures
    >>> from sklearn_emg.inspection import DiVoteDisplay
    >>> table, y = make_nemg_cohort(
    ...     6, n_recordings=12, fs=4000.0, duration=0.5, return_X_y=True, random_state=0
    ... )
    >>> windows = make_pipeline(TimeDomainFeatures(["rms", "zc"]), LinearDiscriminantAnalysis())
    >>> divote = DiVoteClassifier(windows).fit(table, y)
    >>> len(DiVoteDisplay.from_estimator(divote, table, y).plot("heatmap").images_)
    3
    """

    def __init__(
        self,
        votes: Votes,
        classes: NDArray[Any],
        *,
        y: NDArray[Any] | None = None,
        final: tuple[Any, int] | None = None,
    ):
        self.votes = votes
        self.classes = classes
        self.y = y
        self.final = final

    @classmethod
    def from_estimator(cls, estimator: Any, X: Any, y: ArrayLike | None = None) -> DiVoteDisplay:
        """Create the display from the votes of a fitted estimator.

        Parameters
        ----------
        estimator : fitted estimator
            A DiVoteClassifier, a Pipeline that ends with one, or a search over either.
        X : DataFrame or ndarray
            Recordings to predict. If the figure should show the accuracy, they must be from
            subjects that the estimator was not trained on.
        y : array-like of shape (n_rows,), default=None
            True label of each row.

        Returns
        -------
        display : DiVoteDisplay
            Object that stores the values to plot.
        """
        found, table = find_divote(estimator, X, "DiVoteDisplay")
        votes = found.vote(table)
        if y is not None:
            warn_of_other_order(X, y, "y")
            y = check_one_per_row(y, len(votes.recordings), "DiVoteDisplay")
            y = y[np.unique(_unit_of_row(votes), return_index=True)[1]]
        final = None
        if found.final_estimator_ is not None:
            n_levels = 1 if found.by_levels_ is None else len(found.by_levels_)
            final = (found.final_estimator_, n_levels)
        return cls(votes, found.classes_, y=y, final=final)

    def plot(self, kind: str = "heatmap", *, ax: Any = None) -> DiVoteDisplay:
        """Draw the heat map, the simplex or the decision regions.

        Wrong diagnoses are marked. If the final classifier takes several kinds of recordings
        (`by`), its regions are drawn for subjects who have the same scores in all kinds. The point
        of a subject, which is the mean over the recordings, may then lie in the region of another
        diagnosis.

        Parameters
        ----------
        kind : {"heatmap", "simplex", "regions"}, default="heatmap"
            Kind of plot. "simplex" and "regions" need three classes.
        ax : Axes or array of Axes, default=None
            One Axes, which is divided, or one Axes per panel. By default, a new figure is created.

        Returns
        -------
        display : DiVoteDisplay
            The same object, with the drawn artists as attributes.
        """
        check_option(kind, _KINDS, "kind", "DiVoteDisplay.plot")
        if kind == "heatmap":
            return self._plot_heatmap(ax)
        if len(self.classes) != 3:
            raise ValueError(
                f"The {kind!r} of DiVoteDisplay needs three classes for its triangle. Got "
                f"{len(self.classes)}. Use kind='heatmap'."
            )
        return self._plot_simplex(ax) if kind == "simplex" else self._plot_regions(ax)

    # Heat map

    def _plot_heatmap(self, ax: Any) -> DiVoteDisplay:
        subjects, recordings = self.votes.subjects, self.votes.recordings
        unit = _unit_of_row(self.votes)
        n_subjects = len(subjects)
        order = np.arange(n_subjects)
        if self.y is not None:
            order = np.argsort(np.searchsorted(self.classes, self.y), kind="stable")
        line_of = np.empty(n_subjects, dtype=int)
        line_of[order] = np.arange(n_subjects)
        number = recordings.groupby(unit).cumcount().to_numpy()
        n_classes = len(self.classes)
        self.figure_, self.axes_ = panels(
            ax,
            1,
            n_classes,
            "DiVoteDisplay.plot",
            figsize=(2.2 + 1.9 * n_classes, 1.2 + max(2.0, 0.17 * n_subjects)),
            sharey=True,
        )
        self.images_ = []
        for axis, name in zip(self.axes_, self.classes):
            image = np.full((n_subjects, number.max() + 1), np.nan)
            image[line_of[unit], number] = recordings[f"score_{name}"]
            self.images_.append(
                axis.imshow(
                    image,
                    vmin=0,
                    vmax=1,
                    cmap="cividis",
                    aspect="auto",
                    interpolation="none",
                    extent=(0.5, image.shape[1] + 0.5, n_subjects - 0.5, -0.5),
                )
            )
            # Some scores are nearly white in a grey print, so empty cells are hatched.
            axis.patch.set(facecolor="white", edgecolor="0.8", hatch="////")
            axis.set_title(f"score for {name}", fontsize=10)
            axis.xaxis.get_major_locator().set_params(integer=True)
            axis.spines[["top", "right", "left", "bottom"]].set_visible(False)
            axis.tick_params(length=0)
        self.axes_[n_classes // 2].set_xlabel("recording of the subject (hatched: none)")
        self._label_subjects(order)
        self.figure_.colorbar(
            self.images_[-1], ax=list(self.axes_), label="score (0 to 1)", pad=0.02, aspect=30
        )
        return self

    def _label_subjects(self, order: NDArray[np.intp]) -> None:
        index = self.votes.subjects.index
        diagnosis = self.votes.subjects["diagnosis"].to_numpy()
        names = [" ".join(map(str, i)) if isinstance(i, tuple) else str(i) for i in index]
        size = float(np.clip(260 / max(len(names), 1), 5, 9))
        labels = []
        for k in order:
            wrong = self.y is not None and diagnosis[k] != self.y[k]
            labels.append(f"✗ diagnosed {diagnosis[k]}  {names[k]}" if wrong else names[k])
        first = self.axes_[0]
        first.set_yticks(np.arange(len(order)), labels, fontsize=size)
        if self.y is None:
            first.set_ylabel("subject")
            return
        sorted_y = self.y[order]
        borders = np.flatnonzero(sorted_y[1:] != sorted_y[:-1]) + 0.5
        for axis in self.axes_:
            for border in borders:
                axis.axhline(border, color="white", lw=4)
                axis.axhline(border, color="black", lw=0.8)
        # The true classes are written to the right of the last panel, where there are no names.
        for name in np.unique(sorted_y):
            middle = float(np.flatnonzero(sorted_y == name).mean())
            self.axes_[-1].text(
                1.03,
                middle,
                f"true: {name}",
                transform=self.axes_[-1].get_yaxis_transform(),
                rotation=270,
                va="center",
                ha="left",
                fontsize=9,
            )

    # Triangle

    def _scores(self) -> NDArray[np.floating]:
        scores = self.votes.subjects[[f"score_{c}" for c in self.classes]].to_numpy(dtype=float)
        return np.where(np.isfinite(scores), scores, 1 / 3)

    def _plot_simplex(self, ax: Any) -> DiVoteDisplay:
        self.figure_, self.axes_ = panels(ax, 1, 1, "DiVoteDisplay.plot", figsize=(5.4, 4.6))
        self.regions_: list[Any] = []
        axis = self.axes_[0]
        self._frame(axis)
        self.points_ = self._draw_points(axis, self.votes.subjects["diagnosis"].to_numpy())
        axis.legend(loc="upper left", bbox_to_anchor=(-0.08, 1.0), frameon=False, fontsize=9)
        axis.set_title(
            f"mean scores of {counted(len(self.votes.subjects), 'subject')}", fontsize=11
        )
        return self

    def _plot_regions(self, ax: Any) -> DiVoteDisplay:
        n_panels = 1 if self.final is None else 2
        self.figure_, self.axes_ = panels(
            ax, 1, n_panels, "DiVoteDisplay.plot", figsize=(4.4 * n_panels, 4.4)
        )
        axes_scores, x, y = _lattice()
        by_argmax = self.classes[np.argmax(self._scores(), axis=1)]
        called = [("highest mean score", by_argmax, axes_scores.argmax(axis=-1))]
        if self.final is not None:
            estimator, n_levels = self.final
            label = estimator.predict(np.tile(axes_scores.reshape(-1, 3), (1, n_levels)))
            codes = np.searchsorted(self.classes, label).reshape(x.shape)
            name = type(estimator).__name__
            name = f"{name}, same scores for all kinds" if n_levels > 1 else name
            called.append((name, self.votes.subjects["diagnosis"].to_numpy(), codes))
        self.points_, self.regions_ = [], []
        for axis, (name, diagnosis, codes) in zip(self.axes_, called):
            self._frame(axis, grid=False)
            self.regions_.append(_fill(axis, x, y, codes, self.classes))
            self.points_ += self._draw_points(axis, diagnosis)
            title = name
            if self.y is not None:
                wrong = int((diagnosis != self.y).sum())
                title = f"{name}\n{wrong} of {counted(len(diagnosis), 'subject')} wrong"
            axis.set_title(title, fontsize=10)
        self.axes_[0].legend(
            loc="upper left", bbox_to_anchor=(-0.1, 1.0), frameon=False, fontsize=8
        )
        return self

    def _frame(self, axis: Any, grid: bool = True) -> None:
        axis.set_aspect("equal")
        axis.set_axis_off()
        axis.set(xlim=(-0.14, 1.14), ylim=(-0.12, 0.98))
        axis.fill(*_CORNERS.T, fill=False, edgecolor="black", lw=1)
        if grid:
            for score in (0.25, 0.5, 0.75):
                for k in range(3):
                    ends = np.zeros((2, 3))
                    ends[:, k] = score
                    ends[0, (k + 1) % 3] = ends[1, (k + 2) % 3] = 1 - score
                    axis.plot(*(ends @ _CORNERS).T, color="0.85", lw=0.7, zorder=0)
        for name, corner, vertical in zip(self.classes, _CORNERS, ("top", "top", "bottom")):
            shift = -0.025 if vertical == "top" else 0.02
            axis.text(
                corner[0], corner[1] + shift, f"all {name}", ha="center", va=vertical, fontsize=9
            )

    def _draw_points(self, axis: Any, diagnosis: NDArray[Any]) -> list[Any]:
        place = self._scores() @ _CORNERS
        truth = np.full(len(place), None) if self.y is None else self.y
        drawn = []
        names = [None] if self.y is None else list(self.classes)
        for name, (color, marker, *_) in zip(names, class_styles(names)):
            chosen = truth == name
            if not chosen.any():
                continue
            label = "subject" if name is None else f"true: {name}"
            drawn.append(
                axis.scatter(
                    *place[chosen].T,
                    s=34,
                    color=color,
                    marker=marker,
                    edgecolor="white",
                    lw=0.6,
                    label=label,
                    zorder=3,
                )
            )
        if self.y is not None and (wrong := diagnosis != self.y).any():
            drawn.append(
                axis.scatter(
                    *place[wrong].T,
                    s=120,
                    facecolor="none",
                    edgecolor="black",
                    lw=1.1,
                    label="wrong diagnosis",
                    zorder=4,
                )
            )
        return drawn


def _unit_of_row(votes: Votes) -> NDArray[np.intp]:
    """Return the position in ``votes.subjects`` of each row of ``votes.recordings``."""
    keys = pd.MultiIndex.from_frame(votes.recordings[list(votes.subjects.index.names)])
    # Subjects (or their sides or sessions) are in the order of first appearance.
    return pd.factorize(keys)[0]


def _lattice() -> tuple[NDArray[np.floating], NDArray[np.floating], NDArray[np.floating]]:
    """Return the scores (n, n, 3) on a square lattice; some are negative outside the triangle."""
    x, y = np.meshgrid(np.linspace(0, 1, _FINE), np.linspace(0, _CORNERS[2, 1], _FINE))
    third = y / _CORNERS[2, 1]
    second = x - third / 2
    return np.stack([1 - second - third, second, third], axis=-1), x, y


def _fill(
    axis: Any, x: NDArray, y: NDArray, codes: NDArray[np.intp], classes: Iterable[Any]
) -> Any:
    """Fill the regions with tints and hatches and clip them to the triangle."""
    import matplotlib.colors as mcolors
    from matplotlib.patches import Polygon

    looks = class_styles(classes)
    tints = [0.72 + 0.28 * np.array(mcolors.to_rgb(look[0])) for look in looks]
    filled = axis.contourf(
        x,
        y,
        codes,
        levels=[-0.5, 0.5, 1.5, 2.5],
        colors=tints,
        hatches=[look[3] for look in looks],
        zorder=0,
    )
    filled.set_edgecolor("white")
    filled.set_clip_path(Polygon(_CORNERS, transform=axis.transData))
    axis.contour(x, y, codes, levels=[0.5, 1.5], colors=GREY, linewidths=0.8).set_clip_path(
        Polygon(_CORNERS, transform=axis.transData)
    )
    return filled
