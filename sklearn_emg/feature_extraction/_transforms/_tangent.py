"""Covariances of channels in the tangent space at their Riemannian mean."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.covariance import ledoit_wolf

from sklearn_emg._tables import counted
from sklearn_emg._validation import check_real, require
from sklearn_emg.base import FeatureExtractor

_DELAYS = tuple(2e-4 * 2.0**k for k in range(7))
_FLOOR = 1e-12  # mV^2: a variance of (1 nV)^2 makes covariances of silent windows invertible


class TangentSpaceFeatures(FeatureExtractor):
    """Covariances of channels and their delayed copies, in the tangent space at their mean.

    Covariance matrices lie on a curved manifold. The features are their coordinates in the tangent
    space at the Riemannian mean of the training windows, where a linear classifier can be used.

    Parameters
    ----------
    delays : sequence of float, default=(0.0002, 0.0004, ... 0.0128)
        Delays in seconds of copies of each channel. The copies add the autocovariance of the
        channel to the covariance matrix. If the sequence is empty, there are no copies. Each delay
        is rounded to an integer number of samples, at least one, and duplicates are removed.
    fs : float, default=None
        Sampling rate in Hz. It is required for arrays; a recording table contains its own.
    metric : str, default="riemann"
        Metric of pyRiemann for the mean and the tangent space, such as "riemann" or "logeuclid".

    Attributes
    ----------
    mean_ : ndarray of shape (n_dims, n_dims)
        Mean covariance matrix of the training windows in mV^2. Each channel is followed by its
        copies.
    fs_ : float or None
        Sampling rate of the training signals in Hz; None for arrays without `fs`.
    n_features_in_ : int
        Size of the second axis of the array seen in ``fit``: number of samples for 2-D windows and
        number of channels for 3-D windows; not set for a recording table.
    n_channels_in_ : int
        Number of channels of the signals seen in ``fit``.
    n_times_in_ : int or None
        Number of samples per window seen in ``fit``; None for a recording table.

    Raises
    ------
    ImportError
        If pyRiemann is not installed (extra ``riemann``).
    ValueError
        If a delay is negative, windows are not longer than the longest delay, the sampling rate
        that delays require is missing, or sampling rates differ.

    Notes
    -----
    Covariances are estimated with the shrinkage of Ledoit and Wolf. There are
    n_dims (n_dims + 1) / 2 features, where n_dims = n_channels (1 + n_delays). A variance of
    1e-12 mV^2 is added to the diagonal, so that covariances of silent windows can be inverted.

    References
    ----------
    A. Barachant, S. Bonnet, M. Congedo, C. Jutten, "Classification of covariance matrices using a
    Riemannian-based kernel for BCI applications", Neurocomputing 112 (2013) 172-178.
    :doi:`10.1016/j.neucom.2012.12.039`

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emg.feature_extraction import TangentSpaceFeatures
    >>> X = np.random.default_rng(0).normal(size=(6, 2, 300))
    >>> extractor = TangentSpaceFeatures(delays=[0.001], fs=1000.0)
    >>> extractor.fit_transform(X).shape
    (6, 10)
    >>> extractor.get_feature_names_out()[:2].tolist()
    ['ch1_ch1', 'ch1_ch1-1ms']
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "delays": ["array-like"],
        "metric": [str],
    }

    def __init__(
        self,
        delays: Sequence[float] = _DELAYS,
        *,
        fs: float | None = None,
        metric: str = "riemann",
    ):
        self.delays = delays
        self.fs = fs
        self.metric = metric

    def fit(self, X: ArrayLike | pd.DataFrame, y: Any = None) -> Self:
        """Compute the mean covariance of the training windows.

        Parameters
        ----------
        X : ndarray of shape (n_windows, n_times) or (n_windows, n_channels, n_times), or DataFrame
            Windows in mV, or a recording table.
        y : Ignored
            Not used; present by convention of scikit-learn.

        Returns
        -------
        self : object
            Fitted transformer.
        """
        require("pyriemann", "TangentSpaceFeatures", "riemann", "pyRiemann")
        from pyriemann.tangentspace import TangentSpace

        for delay in self.delays:
            check_real(delay, "delays", "TangentSpaceFeatures", 0.0)
        for learned in ("_tangent", "fs_"):
            self.__dict__.pop(learned, None)
        super().fit(X, y)
        self.fs_ = self._one_rate(X) if self._is_table(X) else self._array_fs()
        if self._is_table(X):
            parts = [self._covariances(values, fs) for _, values, fs in self._equal_rows(X)]
            covariances = np.concatenate(parts)
        else:
            values = np.asarray(X, dtype=np.float64)
            covariances = self._covariances(
                values[:, np.newaxis] if values.ndim == 2 else values, self._array_fs()
            )
        self._tangent = TangentSpace(metric=self.metric).fit(covariances)
        self.mean_ = self._tangent.reference_
        return self

    def _needs_fs(self) -> bool:
        return len(self.delays) > 0

    def _check_parameters(self, fs: float) -> None:
        self._check_rate(fs)

    def _lags(self, fs: float | None) -> list[int]:
        """Convert the delays to samples, with 0 first."""
        rate = 0.0 if fs is None else fs
        return sorted({0, *(max(1, round(float(delay) * rate)) for delay in self.delays)})

    def _check_length(self, n_times: int, fs: float) -> None:
        if n_times <= self._lags(fs)[-1]:
            raise ValueError(
                f"Windows of {counted(n_times, 'sample')} (n_features={n_times}) are too short for "
                f"TangentSpaceFeatures: the longest delay has {self._lags(fs)[-1]} samples."
            )

    def _covariances(self, X: NDArray[np.floating], fs: float) -> NDArray[np.float64]:
        lags = self._lags(fs)
        n_times = X.shape[-1] - lags[-1]
        copies = [X[..., lags[-1] - lag : lags[-1] - lag + n_times] for lag in lags]
        stacked = np.stack(copies, axis=2).reshape(len(X), -1, n_times).astype(np.float64)
        floor = _FLOOR * np.eye(stacked.shape[1])
        return np.stack([ledoit_wolf(window.T)[0] + floor for window in stacked])

    def _joint_names(self, channels: list[str]) -> list[str]:
        lags = self._lags(self.fs_)
        labels = [
            channel if lag == 0 else f"{channel}-{1000 * lag / self.fs_:g}ms"
            for channel in channels
            for lag in lags
        ]
        return [f"{labels[i]}_{labels[j]}" for i, j in zip(*np.triu_indices(len(labels)))]

    def _extract(self, X: NDArray[np.floating], fs: float) -> NDArray[np.floating]:
        return self._tangent.transform(self._covariances(X, fs)).astype(X.dtype)
