"""Display of predicted and true values: calibration plot and Bland-Altman plot."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import stats

from sklearn_emg._typing import Labels
from sklearn_emg._validation import check_option
from sklearn_emg.comparison import Comparison, pipeline_named
from sklearn_emg.inspection._plot import COLORS, GREY, panels, tidy
from sklearn_emg.metrics import bootstrap_interval, check_confidence, regression_measures

KINDS = ("calibration", "bland-altman")


class AgreementDisplay:
    """Agreement of predicted and true values in a calibration plot or a Bland-Altman plot.

    Create the display with :meth:`from_predictions` or :meth:`from_comparison`.

    Parameters
    ----------
    predictions : DataFrame
        One row per prediction, with the columns ``subject``, ``y_true`` and ``y_pred``.
    calibration : dict of str to float
        ``slope`` and ``intercept`` of the least-squares regression of true on predicted values.
        ``slope_low`` and ``slope_high`` are confidence limits of the slope from a bootstrap over
        subjects. The slope of a calibrated model is 1. A slope below 1 means that the predictions
        vary too much.
    limits : dict of str to float
        ``bias`` is the mean of predicted minus true values, with the confidence limits ``bias_low``
        and ``bias_high``. ``low`` and ``high`` are the limits of agreement, which are the bias
        minus and plus 1.96 standard deviations [1]_.
    confidence : float
        Confidence level of the intervals.

    Attributes
    ----------
    figure_ : matplotlib Figure
        Figure that contains the plot.
    ax_ : matplotlib Axes
        Axes of the plot.
    points_ : matplotlib PathCollection
        One point per prediction.

    References
    ----------
    .. [1] J. M. Bland, D. G. Altman, "Statistical methods for assessing agreement between two
       methods of clinical measurement", Lancet 327 (1986) 307-310.

    Examples
    --------
    >>> from sklearn_emg.inspection import AgreementDisplay
    >>> display = AgreementDisplay.from_predictions([1.0, 2.0, 3.0, 4.0], [1.5, 2.0, 3.5, 4.0])
    >>> {name: round(value, 2) for name, value in display.limits.items()}
    {'bias': 0.25, 'bias_low': -0.21, 'bias_high': 0.71, 'low': -0.32, 'high': 0.82}
    >>> display.plot("bland-altman").ax_.get_ylabel()
    'predicted - true'
    """

    def __init__(
        self,
        predictions: pd.DataFrame,
        *,
        calibration: dict[str, float],
        limits: dict[str, float],
        confidence: float,
    ):
        self.predictions = predictions
        self.calibration = calibration
        self.limits = limits
        self.confidence = confidence

    @classmethod
    def from_predictions(
        cls,
        y_true: ArrayLike,
        y_pred: ArrayLike,
        *,
        subjects: Labels | None = None,
        confidence: float = 0.95,
        n_resamples: int = 500,
        random_state: int | np.random.RandomState | None = 0,
    ) -> AgreementDisplay:
        """Create the display from predictions.

        Parameters
        ----------
        y_true, y_pred : array-like of shape (n_predictions,)
            True and predicted values.
        subjects : array-like of shape (n_predictions,), default=None
            Subject of each prediction. By default, each prediction is of a different subject.
        confidence : float, default=0.95
            Confidence level of the intervals.
        n_resamples : int, default=500
            Number of bootstrap resamples of subjects for the slope.
        random_state : int, RandomState instance or None, default=0
            Seed of the bootstrap.

        Returns
        -------
        display : AgreementDisplay
            Object that stores the values to plot.

        Raises
        ------
        ValueError
            If the lengths differ, a value is not finite, or there are fewer than three pairs of
            values.
        """
        check_confidence(confidence)
        regression_measures(y_true, y_pred)  # checks the values
        y, p = np.asarray(y_true, dtype=float), np.asarray(y_pred, dtype=float)
        if len(y) < 3:
            raise ValueError(f"AgreementDisplay needs at least three predictions. Got {len(y)}.")
        subject = np.arange(len(y)) if subjects is None else np.asarray(subjects)

        def slope(rows: Any) -> float:
            spread = float(np.var(p[rows]))
            return float(np.cov(p[rows], y[rows], ddof=0)[0, 1]) / spread if spread > 0 else np.nan

        found = slope(slice(None))
        low, high = bootstrap_interval(
            slope,
            subject,
            n_resamples=n_resamples,
            confidence=confidence,
            random_state=random_state,
        )
        calibration = {"slope": found, "intercept": float(y.mean() - found * p.mean())}
        calibration |= {"slope_low": low, "slope_high": high}
        # In the interval of the bias, each subject counts once, with the mean of its errors.
        error = pd.Series(p - y)
        means = error.groupby(pd.factorize(subject)[0]).mean()
        half = np.nan
        if len(means) > 1:
            quantile = stats.t.ppf(0.5 + confidence / 2, len(means) - 1)
            half = float(quantile * means.std() / np.sqrt(len(means)))
        bias, spread = float(error.mean()), float(error.std())
        limits = {"bias": bias, "bias_low": bias - half, "bias_high": bias + half}
        limits |= {"low": bias - 1.96 * spread, "high": bias + 1.96 * spread}
        predictions = pd.DataFrame({"subject": subject, "y_true": y, "y_pred": p})
        return cls(predictions, calibration=calibration, limits=limits, confidence=confidence)

    @classmethod
    def from_comparison(cls, comparison: Comparison, name: str | None = None) -> AgreementDisplay:
        """Create the display from the predictions of one pipeline of a comparison.

        Parameters
        ----------
        comparison : Comparison
            Result of :func:`~sklearn_emg.comparison.compare` with regressors.
        name : str, default=None
            Name of the pipeline. It is required if there are several pipelines.

        Returns
        -------
        display : AgreementDisplay
            Object that stores the values to plot.

        Raises
        ------
        ValueError
            If the comparison is of classifiers or has no such pipeline.
        """
        if comparison.task != "regression":
            raise ValueError(
                "AgreementDisplay is for regressors. For classifiers, see ComparisonDisplay."
            )
        name = pipeline_named(comparison, name)
        table = comparison.predictions[comparison.predictions["pipeline"] == name]
        return cls.from_predictions(
            table["y_true"],
            table["y_pred"],
            subjects=table["subject"],
            confidence=comparison.confidence,
        )

    def plot(self, kind: str = "calibration", *, ax: Any = None) -> AgreementDisplay:
        """Draw the calibration plot or the Bland-Altman plot.

        Parameters
        ----------
        kind : {"calibration", "bland-altman"}, default="calibration"
            Kind of plot. "calibration" shows true against predicted values with the calibration
            line. "bland-altman" shows the differences of the two values against their mean, with
            the limits of agreement.
        ax : matplotlib Axes, default=None
            Axes to draw in. By default, a new figure is created.

        Returns
        -------
        display : AgreementDisplay
            The same object, with the drawn artists as attributes.
        """
        check_option(kind, KINDS, "kind", "AgreementDisplay")
        self.figure_, (self.ax_,) = panels(ax, 1, 1, "AgreementDisplay.plot", figsize=(5.6, 4.2))
        y, p = self.predictions["y_true"].to_numpy(), self.predictions["y_pred"].to_numpy()
        (self._draw_calibration if kind == "calibration" else self._draw_differences)(y, p)
        tidy([self.ax_])
        return self

    def _draw_calibration(self, y: np.ndarray, p: np.ndarray) -> None:
        ax, found = self.ax_, self.calibration
        self.points_ = ax.scatter(p, y, s=18, color=COLORS[0], alpha=0.7)
        ends = np.array([min(y.min(), p.min()), max(y.max(), p.max())])
        ax.plot(ends, ends, color=GREY, ls="--", label="true = predicted")
        if np.isfinite(found["slope"]):
            ends = np.array([p.min(), p.max()])
            text = (
                f"slope {found['slope']:.2f} [{found['slope_low']:.2f}, {found['slope_high']:.2f}]"
            )
            ax.plot(ends, found["intercept"] + found["slope"] * ends, color=COLORS[1], label=text)
        ax.set(xlabel="predicted", ylabel="true")
        ax.legend(frameon=False)

    def _draw_differences(self, y: np.ndarray, p: np.ndarray) -> None:
        ax, found = self.ax_, self.limits
        self.points_ = ax.scatter((y + p) / 2, p - y, s=18, color=COLORS[0], alpha=0.7)
        ax.axhline(0, color=GREY, lw=0.8)
        ax.axhspan(found["bias_low"], found["bias_high"], color=COLORS[1], alpha=0.15, lw=0)
        ax.axhline(found["bias"], color=COLORS[1], label=f"bias {found['bias']:.2f}")
        text = f"limits of agreement {found['low']:.2f}, {found['high']:.2f}"
        ax.axhline(found["low"], color=COLORS[1], ls="--", label=text)
        ax.axhline(found["high"], color=COLORS[1], ls="--")
        ax.set(xlabel="mean of predicted and true", ylabel="predicted - true")
        ax.legend(frameon=False)
