"""Feature selection by the importances of a random forest or by significance tests."""

from __future__ import annotations

from typing import Any, ClassVar, Literal, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.feature_selection import SelectFromModel, SelectorMixin
from sklearn.utils import Tags
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import check_is_fitted, validate_data

from sklearn_emg._sklearn import Integral, Interval, Real, StrOptions
from sklearn_emg._tables import counted
from sklearn_emg._validation import require
from sklearn_emg.recordings import (
    refuse_missing_labels,
    refuse_recordings,
    warn_of_identities,
    warn_of_other_order,
)

__all__ = ["RandomForestSelector", "RelevanceSelector"]


def _is_classification(task: str, y: NDArray) -> bool:
    if task == "auto":
        return not type_of_target(y).startswith("continuous")
    return task == "classification"


class _SupervisedSelector(SelectorMixin, BaseEstimator):
    """Base class of the selectors that use y."""

    def _check(self, X: ArrayLike, y: ArrayLike) -> tuple[NDArray, NDArray, bool]:
        self._validate_params()
        refuse_recordings(X, type(self).__name__)
        numeric = self.task == "regression"
        table = X
        warn_of_other_order(X, y, "y")
        if y is not None:
            refuse_missing_labels(y)
        X, y = validate_data(
            self,
            X,
            y,
            dtype=[np.float64, np.float32],
            y_numeric=numeric,
            ensure_all_finite=False,
        )
        warn_of_identities(table, y, type(self).__name__)
        self._refuse_missing(X)
        classify = _is_classification(self.task, y)
        if classify:
            check_classification_targets(y)
            if len(classes := np.unique(y)) < 2:
                raise ValueError(
                    f"{type(self).__name__} needs at least two classes, but y has only 1 class, "
                    f"{classes.tolist()[0]!r}."
                )
        return X, y, classify

    def _refuse_missing(self, X: NDArray) -> None:
        if np.isfinite(X).all():
            return
        bad = np.argwhere(~np.isfinite(X))
        row, column = bad[0]
        names = getattr(self, "feature_names_in_", range(X.shape[1]))
        raise ValueError(
            f"X contains NaN or infinity in {counted(len(bad), 'place')}, first in row {row}, "
            f"column {names[column]!r}. {type(self).__name__} cannot use them: leave the rows out, "
            "or put sklearn.impute.SimpleImputer before it."
        )

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _mean_impurity_decrease(forest) -> NDArray[np.float64]:
    """Compute the mean, over the trees, of the impurity decrease due to each feature."""
    return np.mean(
        [tree.tree_.compute_feature_importances(normalize=False) for tree in forest.estimators_],
        axis=0,
    )


class RandomForestSelector(_SupervisedSelector):
    """Keep the features whose splits reduce the impurity of a random forest most.

    Parameters
    ----------
    threshold : float or str, default=None
        Minimum importance of the features that are kept: a number, "mean", "median", or a multiple
        of one of these, such as "1.25*mean". The default is "mean", or no threshold if `k` is
        given.
    k : int, default=None
        Maximum number of features that are kept. The most important features are chosen.
    task : {"auto", "classification", "regression"}, default="auto"
        Kind of forest. "auto" means regression if `y` contains non-integer numbers, and
        classification otherwise.
    n_estimators : int, default=100
        Number of trees.
    max_depth : int, default=None
        Maximum depth of a tree. By default, there is no limit.
    min_samples_leaf : int or float, default=1
        Minimum number of samples in a leaf (int), or their minimum fraction (float).
    max_features : {"sqrt", "log2"}, int, float or None, default="sqrt"
        Number of features considered at each split, or their fraction (float). None considers all
        features.
    class_weight : {"balanced", "balanced_subsample"}, dict or None, default=None
        Weights of the classes, as in :class:`sklearn.ensemble.RandomForestClassifier`. It must be
        None in regression.
    random_state : int, RandomState instance or None, default=None
        Seed of the forest.
    n_jobs : int, default=None
        Number of trees that are grown in parallel.

    Attributes
    ----------
    importances_ : ndarray of shape (n_features_in_,)
        Importance :math:`I_f` of each feature.
    threshold_ : float
        Minimum importance of the features that are kept; minus infinity if only `k` is given.
    selector_ : SelectFromModel
        Fitted selector, which contains the forest as ``selector_.estimator_``.
    n_features_in_ : int
        Number of features seen in ``fit``.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features seen in ``fit``, set only if all of them are strings.

    Raises
    ------
    ValueError
        If `k` is larger than the number of features, `threshold` is not a valid expression or above
        all importances,
        `class_weight` is given in regression, `y` lacks a label or has a single class, or X
        contains NaN or infinity.

    Warns
    -----
    RecordingWarning
        If X is a DataFrame with columns that look like an identity or a label.

    Notes
    -----
    The importance of feature :math:`f` is the mean over the :math:`N` trees, as in equation (14) of
    Algorithm 1 of NeuroFusionNet,

    .. math:: I_f = \\frac{1}{N} \\sum_{i=1}^{N} \\Delta(f, i).

    :math:`\\Delta(f, i)` is the sum, over the nodes of tree :math:`i` that split on :math:`f`, of
    the weighted proportion of samples that reach the node times the decrease in their Gini impurity
    (or variance, in regression). The ``feature_importances_`` of a forest normalise each tree to a
    sum of one; here, a tree with a larger total decrease has a larger weight.

    The importance of features with many distinct values is biased upwards, and correlated features
    share their importance. Fit the selector on training folds only, as a pipeline does.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emg.feature_selection import RandomForestSelector
    >>> X = np.random.default_rng(0).normal(size=(90, 6))
    >>> y = (X[:, 2] + X[:, 4] > 0).astype(int)
    >>> selector = RandomForestSelector(k=2, random_state=0).fit(X, y)
    >>> selector.get_support(indices=True).tolist()
    [2, 4]
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "threshold": [Interval(Real, None, None, closed="both"), str, None],
        "k": [Interval(Integral, 1, None, closed="left"), None],
        "task": [StrOptions({"auto", "classification", "regression"})],
    }

    def __init__(
        self,
        threshold: float | str | None = None,
        *,
        k: int | None = None,
        task: Literal["auto", "classification", "regression"] = "auto",
        n_estimators: int = 100,
        max_depth: int | None = None,
        min_samples_leaf: int | float = 1,
        max_features: Literal["sqrt", "log2"] | int | float | None = "sqrt",
        class_weight: str | dict | None = None,
        random_state: int | np.random.RandomState | None = None,
        n_jobs: int | None = None,
    ):
        self.threshold = threshold
        self.k = k
        self.task = task
        self.n_estimators = n_estimators
        self.max_depth = max_depth
        self.min_samples_leaf = min_samples_leaf
        self.max_features = max_features
        self.class_weight = class_weight
        self.random_state = random_state
        self.n_jobs = n_jobs

    def _forest(self, classify: bool) -> RandomForestClassifier | RandomForestRegressor:
        shared = {
            "n_estimators": self.n_estimators,
            "max_depth": self.max_depth,
            "min_samples_leaf": self.min_samples_leaf,
            "max_features": self.max_features,
            "random_state": self.random_state,
            "n_jobs": self.n_jobs,
        }
        if classify:
            return RandomForestClassifier(class_weight=self.class_weight, **shared)
        if self.class_weight is not None:
            raise ValueError(
                "The 'class_weight' parameter of RandomForestSelector cannot be used in "
                f"regression. Got {self.class_weight!r}; leave it None or set "
                "task='classification'."
            )
        return RandomForestRegressor(**shared)

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Fit the forest and select the features.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features.
        y : array-like of shape (n_samples,)
            Class labels or numeric targets.

        Returns
        -------
        self : object
            Fitted selector.
        """
        X, y, classify = self._check(X, y)
        if self.k is not None and self.k > X.shape[1]:
            raise ValueError(
                f"The 'k' parameter of RandomForestSelector must be at most {X.shape[1]}, the "
                f"number of features. Got {self.k} instead."
            )
        threshold = self.threshold
        if threshold is None:
            threshold = "mean" if self.k is None else -np.inf
        self.selector_ = SelectFromModel(
            self._forest(classify),
            threshold=threshold,
            max_features=self.k,
            importance_getter=_mean_impurity_decrease,
        ).fit(X, y)
        self.importances_ = _mean_impurity_decrease(self.selector_.estimator_)
        self.threshold_ = self.selector_.threshold_
        if not self.selector_.get_support().any():
            raise ValueError(
                f"RandomForestSelector keeps no feature: the threshold {self.threshold_:g} is "
                f"above the largest importance, {self.importances_.max():.3g}. Lower it, or set "
                "'k', the number of features to keep."
            )
        return self

    def _get_support_mask(self) -> NDArray[np.bool_]:
        check_is_fitted(self)
        return self.selector_.get_support()


class RelevanceSelector(_SupervisedSelector):
    """Keep the features that significance tests find to be related to y, as tsfresh does.

    Each feature is tested separately, and the Benjamini-Yekutieli procedure limits the expected
    proportion of irrelevant features among the selected ones. The class needs tsfresh:
    ``pip install "sklearn-emg[tsfresh]"``.

    Parameters
    ----------
    fdr_level : float, default=0.05
        Upper limit of the expected proportion of irrelevant features among the selected ones, which
        is called the false discovery rate.
    task : {"auto", "classification", "regression"}, default="auto"
        Kind of target. "auto" means regression if `y` contains non-integer numbers, and
        classification otherwise.
    n_significant : int, default=1
        Number of classes for which a feature must be relevant. With three or more classes, each
        class is tested against the rest.
    hypotheses_independent : bool, default=False
        Whether to use the Benjamini-Hochberg procedure instead of the Benjamini-Yekutieli
        procedure. The former has more power but assumes that the tests of the features are
        independent, which does not hold for features of the same signal.

    Attributes
    ----------
    relevance_table_ : DataFrame
        Type, p-values and decisions, as returned by tsfresh, with one row per feature (not in the
        order of the features). With three or more classes, there is a p-value and a decision for
        each class, such as ``p_value_0`` and ``relevant_0`` for the first class in sorted order.
    support_ : ndarray of bool of shape (n_features_in_,)
        Whether each feature is kept.
    n_features_in_ : int
        Number of features seen in ``fit``.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features seen in ``fit``, set only if all of them are strings.

    Raises
    ------
    ImportError
        If tsfresh is not installed.
    ValueError
        If `n_significant` exceeds the number of classes that are tested (1 for two classes), `y`
        lacks a label or has a single class, or X contains NaN or infinity.

    Warns
    -----
    RecordingWarning
        If X is a DataFrame with columns that look like an identity or a label.

    Notes
    -----
    The tests assume that rows are independent. Windows of the same subject are not, so their
    p-values are far too small and the false discovery rate exceeds `fdr_level`. Fit the selector on
    one row per subject, or use its result only as a ranking.

    References
    ----------
    Christ, Kempa-Liehr, Feindt. Distributed and parallel time series feature extraction for
    industrial big data applications. arXiv 1610.07717 (2016).

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emg.feature_selection import RelevanceSelector
    >>> X = np.random.default_rng(0).normal(size=(90, 6))
    >>> y = np.where(X[:, 2] > 0, "myopathy", "normal")
    >>> RelevanceSelector().fit(X, y).get_support(indices=True).tolist()
    [2]
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "fdr_level": [Interval(Real, 0, 1, closed="neither")],
        "task": [StrOptions({"auto", "classification", "regression"})],
        "n_significant": [Interval(Integral, 1, None, closed="left")],
        "hypotheses_independent": ["boolean"],
    }

    def __init__(
        self,
        fdr_level: float = 0.05,
        *,
        task: Literal["auto", "classification", "regression"] = "auto",
        n_significant: int = 1,
        hypotheses_independent: bool = False,
    ):
        self.fdr_level = fdr_level
        self.task = task
        self.n_significant = n_significant
        self.hypotheses_independent = hypotheses_independent

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Test each feature.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features.
        y : array-like of shape (n_samples,)
            Class labels or numeric targets.

        Returns
        -------
        self : object
            Fitted selector.
        """
        X, y, classify = self._check(X, y)
        relevance = require(
            "tsfresh.feature_selection.relevance", "RelevanceSelector", "tsfresh", "tsfresh"
        )
        several = False
        if classify:
            classes, y = np.unique(y, return_inverse=True)
            several = len(classes) > 2
            if self.n_significant > (len(classes) if several else 1):
                raise ValueError(
                    "The 'n_significant' parameter of RelevanceSelector must be at most the number "
                    f"of classes that are tested, {len(classes) if several else 1}. "
                    f"Got {self.n_significant} instead."
                )
        self.relevance_table_ = relevance.calculate_relevance_table(
            pd.DataFrame(X),
            pd.Series(y),
            ml_task="classification" if classify else "regression",
            multiclass=several,
            n_significant=self.n_significant,
            fdr_level=self.fdr_level,
            hypotheses_independent=self.hypotheses_independent,
            n_jobs=1,  # otherwise tsfresh starts processes for tests that take milliseconds
        )
        # The table is sorted by relevance, not by feature.
        relevant = self.relevance_table_.set_index("feature")["relevant"]
        self.support_ = relevant.reindex(range(X.shape[1])).to_numpy(dtype=bool)
        return self

    def _get_support_mask(self) -> NDArray[np.bool_]:
        check_is_fitted(self)
        return self.support_
