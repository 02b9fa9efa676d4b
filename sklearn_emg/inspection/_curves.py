"""LearningCurveDisplay: loss and accuracy of a network by epoch."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.exceptions import NotFittedError

from sklearn_emg.inspection._networks import unwrap
from sklearn_emg.inspection._plot import COLORS, GREY, legend_outside, panels, tidy

_NAMES = {"loss": "loss", "acc": "accuracy"}


class LearningCurveDisplay:
    """Loss and accuracy of a network by epoch, on training and validation subjects.

    Create the display with :meth:`from_estimator` or :meth:`from_history`. scikit-learn has a
    different display of the same name, which shows scores by the number of training samples.

    Parameters
    ----------
    curves : dict of str to ndarray of shape (n_epochs,)
        Available curves among ``train_loss``, ``valid_loss``, ``train_acc`` and ``valid_acc``.
    best_epoch : int or None
        Epoch of the lowest validation loss, counted from 1; None without a validation loss.

    Attributes
    ----------
    figure_ : matplotlib Figure
        Figure that contains the plot.
    axes_ : ndarray of Axes
        Axes of the loss and, if it was recorded, of the accuracy.
    lines_ : dict of str to Line2D
        Line of each curve, by the name of the curve.
    best_lines_ : list of Line2D
        Vertical line at the best epoch in each Axes.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emg.inspection import LearningCurveDisplay
    >>> from sklearn_emg.neural_network import EMGClassifier
    >>> rng = np.random.default_rng(0)
    >>> X, y = rng.normal(size=(24, 100)), np.repeat(["control", "patient"], 12)
    >>> net = EMGClassifier("CNN1D", max_epochs=3, random_state=0).fit(X, y)
    >>> display = LearningCurveDisplay.from_estimator(net).plot()
    >>> sorted(display.lines_)
    ['train_acc', 'train_loss', 'valid_acc', 'valid_loss']
    """

    def __init__(self, curves: dict[str, np.ndarray], *, best_epoch: int | None = None):
        self.curves = curves
        self.best_epoch = best_epoch

    @classmethod
    def from_estimator(cls, estimator: Any) -> LearningCurveDisplay:
        """Create the display from a trained network.

        Parameters
        ----------
        estimator : fitted estimator
            A classifier or regressor of :mod:`sklearn_emg.neural_network`, or a Pipeline or
            :class:`~sklearn_emg.ensemble.DiVoteClassifier` that ends with one.

        Returns
        -------
        display : LearningCurveDisplay
            Object that stores the values to plot.
        """
        network = unwrap(estimator)
        if not hasattr(network, "history_"):
            if hasattr(network, "max_epochs"):
                raise NotFittedError(
                    "LearningCurveDisplay needs a trained network. Fit the "
                    f"{type(network).__name__} first."
                )
            raise TypeError(
                "LearningCurveDisplay needs a network of sklearn_emg.neural_network, which has a "
                f"history_. Got {type(network).__name__}."
            )
        return cls.from_history(network.history_)

    @classmethod
    def from_history(cls, history: Any) -> LearningCurveDisplay:
        """Create the display from a training history.

        Parameters
        ----------
        history : sequence of mappings
            One mapping per epoch, for example the ``history_`` of a network.

        Returns
        -------
        display : LearningCurveDisplay
            Object that stores the values to plot.
        """
        rows = list(history)
        wanted = [f"{part}_{name}" for name in _NAMES for part in ("train", "valid")]
        present = [name for name in wanted if rows and name in rows[-1]]
        if not present:
            raise ValueError(
                f"The 'history' of LearningCurveDisplay must have epochs with some of {wanted}."
            )
        curves = {
            name: np.array([row.get(name, np.nan) for row in rows], dtype=float) for name in present
        }
        best = None
        if "valid_loss" in curves:
            best = 1 + int(np.nanargmin(curves["valid_loss"]))
        return cls(curves, best_epoch=best)

    def plot(self, ax: Any = None) -> LearningCurveDisplay:
        """Draw the curves.

        Parameters
        ----------
        ax : Axes or array of Axes, default=None
            One Axes, which is divided, or one Axes per panel. By default, a new figure is created.

        Returns
        -------
        display : LearningCurveDisplay
            The same object, with the drawn artists as attributes.
        """
        measures = [m for m in _NAMES if any(name.endswith(f"_{m}") for name in self.curves)]
        self.figure_, self.axes_ = panels(
            ax,
            1,
            len(measures),
            "LearningCurveDisplay.plot",
            figsize=(3.3 * len(measures) + 1.8, 2.8),
        )
        looks = {"train": (COLORS[0], "-", "o", "training"), "valid": (COLORS[1], "--", "^", None)}
        self.lines_, self.best_lines_ = {}, []
        for axis, measure in zip(self.axes_, measures):
            for part, (color, line, marker, label) in looks.items():
                values = self.curves.get(f"{part}_{measure}")
                if values is None:
                    continue
                epochs = np.arange(1, len(values) + 1)
                (self.lines_[f"{part}_{measure}"],) = axis.plot(
                    epochs,
                    values,
                    color=color,
                    ls=line,
                    marker=marker,
                    ms=4,
                    markevery=max(1, len(values) // 12),
                    label=label or "validation",
                )
            if self.best_epoch is not None:
                self.best_lines_.append(
                    axis.axvline(
                        self.best_epoch,
                        color=GREY,
                        lw=1,
                        ls=":",
                        label=f"lowest validation loss (epoch {self.best_epoch})",
                    )
                )
            axis.set(xlabel="epoch", ylabel=_NAMES[measure])
            axis.xaxis.get_major_locator().set_params(integer=True)
        legend_outside(self.axes_[-1], "right")
        if "acc" in measures:
            self.axes_[-1].set_ylim(top=1.02)
        tidy(self.axes_)
        return self
