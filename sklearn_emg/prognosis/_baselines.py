"""Baselines of prognosis: the last value, a slope, a mixed model and boosting."""

from __future__ import annotations

import importlib.util
import warnings
from abc import ABC, abstractmethod
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.utils import Tags, check_array, check_consistent_length
from sklearn.utils.validation import check_is_fitted, validate_data

from sklearn_emg._validation import check_integer, require, require_target
from sklearn_emg.prognosis._contexts import Contexts, has_contexts
from sklearn_emg.recordings import has_subjects


class _ContextRegressor(RegressorMixin, BaseEstimator, ABC):
    """Base class of regressors of contexts, which checks X and y and reads the contexts."""

    _names: list[str] | None = None  # names of the features of contexts seen in fit

    def _checked(self, X: Any, y: Any = None) -> tuple[Contexts, NDArray[np.floating] | None]:
        reset = y is not None
        if has_contexts(X, type(self).__name__):
            contexts = Contexts.of(X, None if reset else self._names)
            if reset:
                self.n_features_in_, self._names = X.shape[1], contexts.names
                y = check_array(y, ensure_2d=False, dtype=float, input_name="y")
                check_consistent_length(X, y)
            return contexts, y
        if reset:
            self._names = None
            X, y = validate_data(self, X, y, dtype=float, y_numeric=True)
        else:
            X = validate_data(self, X, dtype=float, reset=False)
        return Contexts.of(X), y

    def fit(self, X: Any, y: ArrayLike) -> Self:
        """Fit the model to contexts and later values.

        Parameters
        ----------
        X : DataFrame of :func:`visit_contexts`, or ndarray of shape (n_examples, n_visits)
            Contexts. The columns of an array are values at equal time steps, with the newest value
            last.
        y : array-like of shape (n_examples,)
            Value at the target visit.

        Returns
        -------
        self : object
        """
        require_target(y, type(self).__name__)
        contexts, target = self._checked(X, y)
        self._learn(X, contexts, np.asarray(target, dtype=float))
        self.is_fitted_ = True
        return self

    def _learn(self, X: Any, contexts: Contexts, y: NDArray[np.floating]) -> None:
        """Fit the model. By default, nothing is learned."""

    def predict(self, X: Any) -> NDArray[np.floating]:
        """Predict the value at the target visit.

        Parameters
        ----------
        X : DataFrame or ndarray
            Contexts, as in ``fit``.

        Returns
        -------
        y : ndarray of shape (n_examples,)
            Predicted values.
        """
        check_is_fitted(self, "is_fitted_")
        return self._predict(X, self._checked(X)[0])

    @abstractmethod
    def _predict(self, X: Any, contexts: Contexts) -> NDArray[np.floating]:
        """Predict the value at the target visit of each context."""

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.regressor_tags.poor_score = True  # the columns are a time series, not features
        return tags


class LastValueRegressor(_ContextRegressor):
    """Predict that the last known value does not change.

    On clinical data, this baseline is hard to beat over short times. It has no parameters and
    learns nothing.

    Examples
    --------
    >>> from sklearn_emg.prognosis import LastValueRegressor
    >>> LastValueRegressor().fit([[1.0, 2.0]], [3.0]).predict([[5.0, 4.0]])
    array([4.])
    """

    def _predict(self, X: Any, contexts: Contexts) -> NDArray[np.floating]:
        return contexts.value[:, -1].copy()


class SlopeRegressor(_ContextRegressor):
    """Extrapolate the straight line through the subject's own values.

    The line is fitted to the known visits by least squares. With a single visit, the prediction is
    its value.

    Examples
    --------
    >>> from sklearn_emg.prognosis import SlopeRegressor
    >>> SlopeRegressor().fit([[1.0, 2.0]], [3.0]).predict([[5.0, 4.0]])
    array([3.])
    """

    def _predict(self, X: Any, contexts: Contexts) -> NDArray[np.floating]:
        known = np.isfinite(contexts.value)
        n = known.sum(axis=1)
        t = np.where(known, -contexts.ago, 0.0)
        v = np.where(known, contexts.value, 0.0)
        mean_t, mean_v = t.sum(axis=1) / n, v.sum(axis=1) / n
        centred = np.where(known, t - mean_t[:, np.newaxis], 0.0)
        spread = (centred**2).sum(axis=1)
        slope = (centred * v).sum(axis=1) / np.where(spread > 0, spread, 1.0)
        line = mean_v + slope * (contexts.ahead - mean_t)
        return np.where(spread > 0, line, contexts.value[:, -1])


class MixedModelRegressor(_ContextRegressor):
    """Predict values by a linear mixed model with random effects for each subject.

    A line with a random intercept and slope (only an intercept if `slope` is False) is fitted to
    the values of the training subjects [1]_. For a new subject, the best linear unbiased prediction
    is the line of the population, moved towards the subject's known values according to their
    number and noise. The class needs statsmodels.

    Parameters
    ----------
    slope : bool, default=True
        Whether values change with time. If False, the prediction is the mean of the population,
        moved towards the mean of the subject, which is the best prediction of a stable value that
        is measured with noise.

    Attributes
    ----------
    slope_ : float
        Mean change in the population per month (per step, for an array), or 0 if `slope` is False.
    centre_, scale_ : float
        Mean and standard deviation of the values, by which they are standardised.
    unit_ : float
        Standard deviation of the times, by which they are divided.
    effects_ : ndarray of shape (2,) or (1,)
        Intercept and, if `slope` is True, slope of the population, for standardised values.
    between_ : ndarray of shape (2, 2) or (1, 1)
        Covariance of the random effects.
    noise_ : float
        Variance of the noise of standardised values.
    n_features_in_ : int
        Number of columns of X.

    Raises
    ------
    ImportError
        In ``fit``, if statsmodels is not installed.
    ValueError
        In ``predict``, if X has the column ``time`` and the X of ``fit`` had none, or vice versa.

    References
    ----------
    .. [1] N. M. Laird, J. H. Ware, "Random-effects models for longitudinal data", Biometrics 38
       (1982) 963-974.

    Examples
    --------
    >>> from sklearn_emg.datasets import make_progression_cohort
    >>> from sklearn_emg.prognosis import MixedModelRegressor, visit_contexts
    >>> visits = make_progression_cohort(20, random_state=0).visits
    >>> X, y = visit_contexts(visits, visits["score"])
    >>> bool(MixedModelRegressor().fit(X, y).slope_ < 0)
    True
    """

    def __init__(self, slope: bool = True) -> None:
        self.slope = slope

    def _design(self, months: NDArray[np.floating]) -> NDArray[np.floating]:
        """Compute the design matrix at the given times."""
        parts = [np.ones_like(months), months / self.unit_]
        return np.stack(parts if self.slope else parts[:1], axis=-1)

    def _learn(self, X: Any, contexts: Contexts, y: NDArray[np.floating]) -> None:
        require("statsmodels.api", "MixedModelRegressor", "prognosis")
        from statsmodels.regression.mixed_linear_model import MixedLM
        from statsmodels.tools.sm_exceptions import ConvergenceWarning

        rows = _observations(X, contexts, y)
        self.centre_ = float(rows["value"].mean())
        self.scale_ = float(rows["value"].std(ddof=0)) or 1.0
        self.unit_ = float(rows["time"].std(ddof=0)) or 1.0
        value = (rows["value"].to_numpy() - self.centre_) / self.scale_
        design = self._design(rows["time"].to_numpy())
        with warnings.catch_warnings():
            # If subjects hardly differ, variances are at the boundary, which is not an error.
            warnings.simplefilter("ignore", ConvergenceWarning)
            warnings.simplefilter("ignore", UserWarning)
            warnings.simplefilter("ignore", RuntimeWarning)
            try:
                found = MixedLM(value, design, rows["subject"].to_numpy(), exog_re=design).fit(
                    reml=True, method=["lbfgs"]
                )
                effects, between = np.asarray(found.fe_params), np.asarray(found.cov_re)
                noise = float(found.scale)
            except (np.linalg.LinAlgError, ValueError):
                effects = between = np.full(design.shape[1], np.nan)
                noise = np.nan
        if not (np.isfinite(effects).all() and np.isfinite(between).all() and noise > 0):
            # For values without noise, or too few values, the line of least squares is used, with
            # large variances between subjects.
            effects = np.linalg.lstsq(design, value, rcond=None)[0]
            between, noise = np.eye(design.shape[1]), 1e-6
        self._timed = contexts.time is not None
        self.effects_, self.between_, self.noise_ = effects, between, noise
        self.slope_ = float(effects[1] * self.scale_ / self.unit_) if self.slope else 0.0

    def _predict(self, X: Any, contexts: Contexts) -> NDArray[np.floating]:
        if self._timed != (contexts.time is not None):
            raise ValueError(
                "MixedModelRegressor needs the column 'time' either in fit and in predict, or in "
                "neither."
            )
        start = np.zeros(len(contexts.value)) if contexts.time is None else contexts.time
        out = np.empty(len(contexts.value))
        for k, value in enumerate(contexts.value):
            known = np.isfinite(value)
            design = self._design(start[k] - contexts.ago[k, known])
            residual = (value[known] - self.centre_) / self.scale_ - design @ self.effects_
            covariance = design @ self.between_ @ design.T + self.noise_ * np.eye(len(design))
            own = self.between_ @ design.T @ np.linalg.lstsq(covariance, residual, rcond=None)[0]
            then = self._design(start[k] + contexts.ahead[k])
            out[k] = self.centre_ + self.scale_ * float(then @ (self.effects_ + own))
        return out


def _observations(X: Any, contexts: Contexts, y: NDArray[np.floating]) -> pd.DataFrame:
    """List the values of the training subjects in contexts and targets, without repetition."""
    n, n_visits = contexts.value.shape
    subject = np.arange(n)
    if has_subjects(X):
        subject = pd.factorize(X["subject"].astype(object))[0]
    last = np.zeros(n) if contexts.time is None else contexts.time
    rows = pd.DataFrame(
        {
            "subject": np.concatenate([np.repeat(subject, n_visits), subject]),
            "time": np.concatenate(
                [(last[:, np.newaxis] - contexts.ago).ravel(), last + contexts.ahead]
            ),
            "value": np.concatenate([contexts.value.ravel(), y]),
        }
    ).dropna()
    # The time of the same visit may differ by rounding errors between contexts.
    return rows.assign(moment=rows["time"].round(6)).drop_duplicates(["subject", "moment"])


class ContextBoostingRegressor(_ContextRegressor):
    """Predict the change from the last value by gradient boosting on the columns of the context.

    Parameters
    ----------
    n_trees : int, default=100
        Number of trees.
    min_samples_leaf : int, default=20
        Minimum number of examples in a leaf.
    random_state : int, RandomState instance or None, default=None
        Seed of the gradient boosting.

    Attributes
    ----------
    model_ : HistGradientBoostingRegressor
        Fitted model of the change from the last value.
    n_features_in_ : int
        Number of columns of X.

    Examples
    --------
    >>> from sklearn_emg.datasets import make_progression_cohort
    >>> from sklearn_emg.prognosis import ContextBoostingRegressor, visit_contexts
    >>> visits = make_progression_cohort(20, random_state=0).visits
    >>> X, y = visit_contexts(visits, visits["score"])
    >>> ContextBoostingRegressor(random_state=0).fit(X, y).predict(X).shape == y.shape
    True
    """

    def __init__(
        self, n_trees: int = 100, *, min_samples_leaf: int = 20, random_state: Any = None
    ) -> None:
        self.n_trees = n_trees
        self.min_samples_leaf = min_samples_leaf
        self.random_state = random_state

    def _learn(self, X: Any, contexts: Contexts, y: NDArray[np.floating]) -> None:
        name = type(self).__name__
        self.model_ = HistGradientBoostingRegressor(
            max_iter=check_integer(self.n_trees, "n_trees", name),
            min_samples_leaf=check_integer(self.min_samples_leaf, "min_samples_leaf", name),
            early_stopping=False,
            random_state=self.random_state,
        ).fit(_flat(contexts), y - contexts.value[:, -1])

    def _predict(self, X: Any, contexts: Contexts) -> NDArray[np.floating]:
        return contexts.value[:, -1] + self.model_.predict(_flat(contexts))


def _flat(contexts: Contexts) -> NDArray[np.floating]:
    return np.column_stack([contexts.features.reshape(len(contexts.value), -1), contexts.ahead])


def naive_baselines() -> dict[str, RegressorMixin]:
    """Make the baselines with which every prognosis should be compared.

    Returns
    -------
    baselines : dict of str to estimator
        Unfitted baselines by name. "mixed model" is included only if statsmodels is installed.
    """
    found: dict[str, RegressorMixin] = {
        "last value": LastValueRegressor(),
        "own slope": SlopeRegressor(),
        "mixed model": MixedModelRegressor(),
        "boosting": ContextBoostingRegressor(random_state=0),
    }
    if importlib.util.find_spec("statsmodels") is None:
        del found["mixed model"]
    return found
