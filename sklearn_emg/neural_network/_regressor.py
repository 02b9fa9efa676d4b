"""A scikit-learn regressor that trains a PyTorch module."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, Self, Unpack

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.utils import Tags
from torch import nn

from sklearn_emg._sklearn import InvalidParameterError
from sklearn_emg._tables import counted
from sklearn_emg._typing import Labels, Signals
from sklearn_emg.neural_network._building import resolve_module
from sklearn_emg.neural_network._estimators import _NetEstimator
from sklearn_emg.neural_network._net import RegressorNet
from sklearn_emg.neural_network._parameters import MODULE, Training, trains


@trains(own=MODULE)
class EMGRegressor(RegressorMixin, _NetEstimator):
    """Train a PyTorch network as a scikit-learn regressor.

    The network is of the same kind as in :class:`EMGClassifier`; it has one output for each target,
    and its ``n_classes`` is the number of targets. Targets are standardised with the mean and
    standard deviation of `y`, so that their unit does not matter. The default `loss` is the mean
    squared error of the standardised targets.

    Parameters
    ----------
    {parameters}

    Attributes
    ----------
    net_ : skorch.NeuralNetRegressor
        The trained net; ``net_.module_`` is the module. Its outputs are standardised.
    history_ : skorch.history.History
        One row per epoch, as in :class:`EMGClassifier` but without accuracies.
    target_mean_, target_scale_ : ndarray of shape (n_outputs,)
        Mean and standard deviation of the targets. The scale of a constant target is 1.
    n_channels_, n_times_ : int
        Number of channels and of samples of the windows. For images, `n_times_` is the tuple of
        height and width in pixels; for signals that differ in length, it is the shortest length.
    n_features_in_ : int
        Number of samples for 2-D `X`, and of channels otherwise.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, if `X` was a DataFrame of windows.
    subjects_ : ndarray of shape (n_subjects,) or None
        Identities of the training subjects. None if they were not given, or after `load_model`,
        since `save_model` does not write them.

    See Also
    --------
    EMGClassifier : Trains networks on labels; its notes also apply to this class.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emg.neural_network import EMGRegressor
    >>> rng = np.random.default_rng(0)
    >>> force = rng.uniform(10, 100, size=80)
    >>> X = rng.normal(size=(80, 30)) * force[:, None] / 50
    >>> net = EMGRegressor(max_epochs=40, lr=0.01, random_state=0).fit(X, force)
    >>> bool(net.score(X, force) > 0.5)
    True
    """

    _target_checks: ClassVar[dict[str, Any]] = {"multi_output": True, "y_numeric": True}
    _fitted: ClassVar[tuple[str, ...]] = (
        *_NetEstimator._fitted,
        "target_mean_",
        "target_scale_",
        "_target_ndim",
    )

    if TYPE_CHECKING:

        def __init__(
            self,
            module: str | Callable[..., nn.Module] = "ALSNet",
            *,
            module_params: dict[str, Any] | None = None,
            **training: Unpack[Training],
        ) -> None: ...

    def _module(self):
        return resolve_module(self.module, self.module_params, type(self).__name__)

    def _learn_target(self, y, classes=None):
        if y.dtype.kind not in "biuf":
            raise ValueError(
                f"y of {type(self).__name__} must be numbers. Got {y.dtype}. Use EMGClassifier for "
                "labels."
            )
        self._target_ndim = y.ndim
        y = y.reshape(len(y), -1)
        self.target_mean_ = y.mean(axis=0)
        with np.errstate(over="ignore"):
            scale = y.std(axis=0)
        if not np.isfinite([self.target_mean_, scale]).all():
            raise ValueError(
                f"y of {type(self).__name__} has values of up to {np.abs(y).max():.3g}, too large "
                "to be standardised. Correct them, or choose another unit."
            )
        self.target_scale_ = np.where(scale > 0, scale, 1.0)

    def _encode(self, y):
        n_outputs = len(self.target_mean_)
        if y.ndim != self._target_ndim or y.size != len(y) * n_outputs:
            raise ValueError(
                f"y has shape {y.shape}, but {type(self).__name__} was fitted on y with "
                f"{counted(self._target_ndim, 'dimension')} and {counted(n_outputs, 'output')}."
            )
        targets = (y.reshape(len(y), n_outputs) - self.target_mean_) / self.target_scale_
        return np.zeros(len(y), dtype=np.intp), targets.astype(np.float32)

    def _describe(self, strata):
        return "the targets"

    def _check_keep_best(self):
        if self.keep_best != "loss":
            raise InvalidParameterError(
                f"The 'keep_best' parameter of {type(self).__name__} must be 'loss': predicted "
                f"numbers have no accuracy. Got {self.keep_best!r} instead."
            )

    def _net_settings(self):
        return {
            "net": RegressorNet,
            "n_classes": len(self.target_mean_),
            **self._criterion(None),
        }

    def partial_fit(self, X: Signals, y: Labels, groups: Labels | None = None) -> Self:
        """Train for one epoch on these windows, starting from the current weights.

        There is no validation split. The windows must have the size of those in the first call, and
        the targets are standardised as in that call.

        Parameters
        ----------
        X : array-like of shape (n_windows, n_times) or (n_windows, n_channels, n_times)
            Windows, at least two.
        y : array-like of shape (n_windows,) or (n_windows, n_outputs)
            Targets.
        groups : array-like of shape (n_windows,), default=None
            Subject of each window, added to `subjects_`. For a recording table, `groups` is not
            needed, since the table contains the subjects.

        Returns
        -------
        self : object
            The estimator.
        """
        return self._partial_fit(X, y, groups=groups)

    def predict(self, X: Signals) -> np.ndarray:
        """Predict the targets.

        Parameters
        ----------
        X : array-like of shape (n_windows, n_times) or (n_windows, n_channels, n_times)
            Windows of the same shape as in `fit`. After a fit on signals, X is a recording table or
            a list of signals; only the networks for signals that differ in length accept lengths
            other than those in `fit`.

        Returns
        -------
        ndarray of shape (n_windows,) or (n_windows, n_outputs)
            Predictions in the unit of the targets, with as many dimensions as `y` in `fit`.
        """
        output = self._raw_output(X) * self.target_scale_ + self.target_mean_
        return output.ravel() if self._target_ndim == 1 else output

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
