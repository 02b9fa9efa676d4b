"""FeatureDisplay: features of each subject by class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import clone

from sklearn_emg._sklearn import last_of
from sklearn_emg._typing import Labels
from sklearn_emg._validation import check_one_per_row
from sklearn_emg.comparison import labels_of_subjects
from sklearn_emg.feature_extraction import feature_facts, info_of
from sklearn_emg.inspection._plot import class_styles, log_scale, panels, tidy
from sklearn_emg.recordings import Subjects, groups_of, warn_of_other_order

_MAX_FEATURES = 12


class FeatureDisplay:
    """Features by class, with a point for each subject and a bar at the median of each class.

    A subject with many recordings is a single point. Create the display with
    :meth:`from_estimator` or :meth:`from_features`.

    Parameters
    ----------
    features : DataFrame of shape (n_subjects, n_features)
        Median of each feature over the rows of a subject. Without subjects, each row counts as a
        subject.
    y : ndarray of shape (n_subjects,)
        Label of each subject.
    units : dict of str to str
        Unit of each feature, or "" or "1" for a feature without a unit.
    what : str, default="subject"
        What a point stands for, which the figure states.

    Attributes
    ----------
    figure_ : matplotlib Figure
        Figure that contains the plot.
    axes_ : ndarray of Axes
        One Axes per feature.
    points_ : list of PathCollection
        Points of each feature and class.
    medians_ : list of LineCollection
        Bar at the median of each feature and class.

    Examples
    --------
    >>> from sklearn_emg.datasets import make_nemg_cohort
    >>> from sklearn_emg.feature_extraction import TimeDomainFeatures
    >>> from sklearn_emg.inspection import FeatureDisplay
    >>> table, y = make_nemg_cohort(
    ...     6, n_recordings=12, fs=4000.0, duration=0.5, return_X_y=True, random_state=0
    ... )
    >>> extractor = TimeDomainFeatures(["rms", "zc"])
    >>> display = FeatureDisplay.from_estimator(extractor, table, y).plot()
    >>> [axis.get_ylabel() for axis in display.axes_]
    ['rms (mV)', 'zc (count)']
    """

    def __init__(
        self,
        features: pd.DataFrame,
        y: np.ndarray,
        *,
        units: Mapping[str, str],
        what: str = "subject",
    ):
        self.features = features
        self.y = y
        self.units = units
        self.what = what

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: Labels,
        *,
        features: Sequence[str] | None = None,
        groups: Labels | None = None,
    ) -> FeatureDisplay:
        """Create the display from features that an estimator extracts.

        Parameters
        ----------
        estimator : transformer
            A feature extractor, or a Pipeline that ends with one. A clone of it is fitted.
        X : DataFrame or ndarray
            Recording table, or windows.
        y : array-like of shape (n_rows,)
            Label of each row.
        features : sequence of str, default=None
            Names of at most 12 features to show. By default, the first 12 are shown.
        groups : array-like of shape (n_rows,), default=None
            Subject of each row. By default, it is the ``subject`` column of X; without one, each
            row is a point.

        Returns
        -------
        display : FeatureDisplay
            Object that stores the values to plot.
        """
        warn_of_other_order(X, y, "y")
        if not (hasattr(estimator, "fit") and hasattr(estimator, "transform")):
            raise TypeError(
                "FeatureDisplay.from_estimator takes a feature extractor, or a Pipeline that ends "
                f"with one. Got {type(estimator).__name__}. Pass the steps before "
                "the classifier, and the windows or recordings that they take."
            )
        fitted = clone(estimator).fit(X, y)
        frame = pd.DataFrame(
            np.asarray(fitted.transform(X)), columns=list(fitted.get_feature_names_out())
        )
        groups = groups_of(X, groups)
        known = feature_facts()
        channels = getattr(last_of(fitted), "channel_names_in_", None) or ()
        found = {name: info_of(name, known, channels) for name in frame.columns}
        units = {name: info["unit"] for name, info in found.items() if info is not None}
        return cls.from_features(
            frame, np.asarray(y), features=features, groups=groups, units=units
        )

    @classmethod
    def from_features(
        cls,
        X: pd.DataFrame,
        y: Labels,
        *,
        features: Sequence[str] | None = None,
        groups: Labels | None = None,
        units: Mapping[str, str] | None = None,
    ) -> FeatureDisplay:
        """Create the display from a feature table.

        Parameters
        ----------
        X : DataFrame of shape (n_rows, n_features)
            Table whose columns are features.
        y : array-like of shape (n_rows,)
            Label of each row.
        features : sequence of str, default=None
            Names of at most 12 features to show. By default, the first 12 are shown.
        groups : array-like of shape (n_rows,), default=None
            Subject of each row. Without subjects, each row is a point.
        units : mapping of str to str, default=None
            Units of columns that are not features of this package.

        Returns
        -------
        display : FeatureDisplay
            Object that stores the values to plot.
        """
        warn_of_other_order(X, y, "y")
        y = check_one_per_row(y, len(X), "FeatureDisplay")
        names = list(X.columns[:_MAX_FEATURES]) if features is None else list(features)
        _check_features(names, X.columns)
        shown = X[names].reset_index(drop=True)
        what = "row"
        if groups is not None:
            subjects = Subjects.of(None, groups)
            y = labels_of_subjects(subjects, y, "FeatureDisplay")
            shown, what = shown.groupby(subjects.codes).median(), "subject"
        known = feature_facts()
        own = {name: (info_of(name, known) or {"unit": ""})["unit"] for name in names}
        found = {name: (units or {}).get(name, own[name]) for name in names}
        return cls(shown, y, units=found, what=what)

    def plot(self, ax: Any = None, *, log: bool = False) -> FeatureDisplay:
        """Draw one panel per feature.

        Parameters
        ----------
        ax : Axes or array of Axes, default=None
            One Axes, which is divided, or one Axes per feature. By default, a new figure is
            created.
        log : bool, default=False
            Whether the scale is logarithmic, which suits positive features.

        Returns
        -------
        display : FeatureDisplay
            The same object, with the drawn artists as attributes.
        """
        names = list(self.features.columns)
        classes = np.unique(self.y)
        # More than four panels are arranged in rows. A given array of Axes has one per feature.
        n_cols = len(names) if len(names) <= 4 else int(np.ceil(np.sqrt(len(names))))
        n_rows = int(np.ceil(len(names) / n_cols))
        given = isinstance(ax, (np.ndarray, list, tuple))
        width = 1.0 + 0.55 * len(classes)
        self.figure_, axes = panels(
            ax,
            1 if given else n_rows,
            len(names) if given else n_cols,
            "FeatureDisplay.plot",
            figsize=(width * n_cols + 0.5, 2.7 * n_rows + 0.3),
        )
        for spare in axes[len(names) :]:
            spare.set_axis_off()
        self.axes_ = axes[: len(names)]
        self.points_: list[Any] = []
        self.medians_: list[Any] = []
        for axis, name in zip(self.axes_, names):
            self._plot_feature(axis, name, classes, log)
        tidy(self.axes_)
        self.figure_.supxlabel(f"points: one per {self.what}; bars: medians", fontsize=9)
        return self

    def _plot_feature(self, axis: Any, name: str, classes: np.ndarray, log: bool) -> None:
        values = self.features[name].to_numpy(dtype=float)
        for k, (label, look) in enumerate(zip(classes, class_styles(classes))):
            color, marker, *_ = look
            of_class = values[self.y == label]
            # Points are spread by rank, so that repeated calls draw the same figure.
            place = k + 0.5 * (np.argsort(np.argsort(of_class)) * 0.618 % 1 - 0.5)
            self.points_.append(
                axis.scatter(
                    place, of_class, s=20, color=color, marker=marker, alpha=0.75, linewidths=0
                )
            )
            self.medians_.append(
                axis.hlines(np.nanmedian(of_class), k - 0.36, k + 0.36, colors="black", lw=2)
            )
        axis.set_xticks(
            np.arange(len(classes)),
            [str(label) for label in classes],
            rotation=35,
            ha="right",
            rotation_mode="anchor",
        )
        axis.set_xlim(-0.6, len(classes) - 0.4)
        if log:
            log_scale(axis, "y")
        unit = self.units.get(name, "")
        # The unit "1" means that there is no unit.
        axis.set_ylabel(f"{name} ({unit})" if unit not in ("", "1") else name)


def _check_features(names: list[str], columns: pd.Index) -> None:
    """Raise an error if names are not columns, or if there are none or too many."""
    if missing := [name for name in names if name not in columns]:
        raise ValueError(
            f"The 'features' of FeatureDisplay must be among the columns {list(columns)}. "
            f"Got {missing}."
        )
    if not 1 <= len(names) <= _MAX_FEATURES:
        raise ValueError(
            f"FeatureDisplay shows 1 to {_MAX_FEATURES} features. Got {len(names)}. Select them "
            "with 'features'."
        )
