"""MiniRocket: positive proportions of many dilated convolutions."""

from __future__ import annotations

from itertools import combinations
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_random_state

from sklearn_emg._sklearn import Integral, Interval
from sklearn_emg.base import FeatureExtractor
from sklearn_emg.feature_extraction._blocks import for_blocks
from sklearn_emg.recordings import read_signal

__all__ = ["MiniRocket"]

_KERNELS = np.array(list(combinations(range(9), 3)))  # positions of the weights of 2


class MiniRocket(FeatureExtractor):
    """Proportions of positive values of 84 dilated convolutions: MiniRocket.

    The kernels are fixed; the biases are quantiles of convolutions of training windows. A linear
    classifier on these features is among the most accurate classifiers of time series, and fast.

    Parameters
    ----------
    n_features : int, default=9996
        Number of features, rounded down to a multiple of 84.
    max_dilations : int, default=32
        Maximum number of dilations of each kernel. Fewer dilations are faster.
    n_jobs : int, default=None
        Number of threads. The results do not depend on it.
    random_state : int, RandomState instance or None, default=None
        Seed of the training windows whose convolutions give the biases, and of the channels that
        the convolutions of a dilation add up.

    Attributes
    ----------
    dilations_ : ndarray of shape (n_dilations,)
        Distances in samples between the weights of a kernel.
    biases_ : ndarray of shape (n_features_out,)
        Biases, by dilation and kernel.
    channels_ : ndarray of bool of shape (n_dilations, n_channels)
        Channels that the convolutions of a dilation add up; all of a single channel.
    n_channels_in_ : int
        Number of channels of the signals seen in ``fit``.
    n_features_in_ : int
        Size of the second axis of the windows seen in ``fit``; not set by a table.
    n_times_in_ : int or None
        Number of samples per window seen in ``fit``; None after a table.

    Raises
    ------
    ValueError
        If the rows of a table differ in length, or windows differ in length from those in ``fit``.

    Notes
    -----
    A kernel has nine weights, three of 2 and six of -1, so that an offset has no effect. Dilations
    are spaced evenly on a logarithmic scale, up to a kernel as long as the window. Half of the
    convolutions are computed with zeros beyond the ends (all, in windows shorter than nine
    samples). With several channels each dilation adds
    up a random subset of them; the published version draws one for each kernel and dilation.

    References
    ----------
    A. Dempster, D. F. Schmidt, G. I. Webb, "MiniRocket: A Very Fast (Almost) Deterministic
    Transform for Time Series Classification", KDD 2021, 248-257. :doi:`10.1145/3447548.3467231`

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import RidgeClassifierCV
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn_emg.feature_extraction import MiniRocket
    >>> rng = np.random.default_rng(0)
    >>> y = np.repeat(["control", "patient"], 20)
    >>> X = rng.normal(size=(40, 100))
    >>> X[y == "patient"] = X[y == "patient"].cumsum(axis=1)  # slower
    >>> rocket = MiniRocket(840, random_state=0)
    >>> model = make_pipeline(rocket, RidgeClassifierCV()).fit(X[::2], y[::2])
    >>> bool(model.score(X[1::2], y[1::2]) > 0.9)
    True
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "n_features": [Interval(Integral, 84, None, closed="left")],
        "max_dilations": [Interval(Integral, 1, None, closed="left")],
        "n_jobs": [Integral, None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        n_features: int = 9996,
        *,
        max_dilations: int = 32,
        n_jobs: int | None = None,
        random_state: int | np.random.RandomState | None = None,
    ):
        self.n_features = n_features
        self.max_dilations = max_dilations
        self.n_jobs = n_jobs
        self.random_state = random_state

    def fit(self, X: ArrayLike | pd.DataFrame, y: Any = None) -> Self:
        """Learn biases from the convolutions of training windows.

        Parameters
        ----------
        X : ndarray of shape (n_windows, n_times) or (n_windows, n_channels, n_times), or DataFrame
            Windows in mV, or a recording table whose rows have one length.
        y : Ignored
            Not used; present by convention of scikit-learn.

        Returns
        -------
        self : object
        """
        from sklearn_emg.feature_extraction._kernels.rocket import convolution

        self.__dict__.pop("biases_", None)  # of windows of another length
        super().fit(X, y)
        windows = self._training_windows(X)
        self._n_samples = windows.shape[-1]
        rng = check_random_state(self.random_state)
        self.dilations_, self._n_biases = _dilations(
            self._n_samples, self.n_features // len(_KERNELS), self.max_dilations
        )
        self.channels_ = _channels(rng, len(self.dilations_), windows.shape[1])
        # Multiples of the golden ratio modulo 1 are spread evenly over the quantiles.
        n_features = len(_KERNELS) * int(self._n_biases.sum())
        quantiles = np.arange(1, n_features + 1) * ((np.sqrt(5) + 1) / 2) % 1
        chosen = rng.randint(len(windows), size=(len(self.dilations_), len(_KERNELS)))
        biases: list[NDArray[np.floating]] = []
        stop = 0
        for d, dilation in enumerate(self.dilations_):
            for kernel, (i, j, k) in enumerate(_KERNELS):
                x = np.ascontiguousarray(windows[chosen[d, kernel]])
                values = convolution(x, dilation, i, j, k, self.channels_[d])
                start, stop = stop, stop + self._n_biases[d]
                biases.append(np.quantile(values, quantiles[start:stop]))
        self.biases_ = np.concatenate(biases)
        return self

    def _training_windows(self, X: Any) -> NDArray[np.floating]:
        if not self._is_table(X):
            X = np.asarray(X)
            X = X if X.dtype in (np.float32, np.float64) else X.astype(np.float64)
            return X[:, np.newaxis] if X.ndim == 2 else X
        signals = [np.atleast_2d(read_signal(signal)) for signal in X["signal"]]
        for row, signal in enumerate(signals):
            if signal.shape != signals[0].shape:
                raise ValueError(
                    "MiniRocket learns from windows of one length: row 0 has a signal of shape "
                    f"{signals[0].shape}, row {row} of shape {signal.shape}. Cut the recordings "
                    "into windows first; DiVoteClassifier does."
                )
        return np.stack(signals)

    def _check_length(self, n_times: int, fs: float) -> None:
        expected = getattr(self, "_n_samples", n_times)
        if n_times != expected and hasattr(self, "biases_"):
            raise ValueError(
                f"MiniRocket was fitted on windows of {expected} samples; X has {n_times}."
            )

    def _joint_names(self, channels: list[str]) -> list[str]:
        return [
            f"ppv_d{dilation}_k{kernel}_{bias}"
            for dilation, n_biases in zip(self.dilations_, self._n_biases)
            for kernel in range(len(_KERNELS))
            for bias in range(n_biases)
        ]

    def _extract(self, X: NDArray[np.floating], fs: float) -> NDArray[np.floating]:
        from sklearn_emg.feature_extraction._kernels.rocket import positive_proportions

        features = np.empty((len(X), len(self.biases_)), dtype=X.dtype)
        biases = self.biases_.astype(X.dtype)

        def work(start: int, stop: int) -> None:
            part = np.ascontiguousarray(X[start:stop])
            part = part if part.flags.writeable else part.copy()
            positive_proportions(
                part, self.dilations_, self._n_biases, biases, self.channels_, features[start:stop]
            )

        for_blocks(work, len(X), X[0].nbytes + features[0].nbytes, self.n_jobs)
        return features


def _dilations(
    n_times: int, n_per_kernel: int, max_dilations: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Dilations, and how many of the biases of each kernel belong to each."""
    n_dilations = min(n_per_kernel, max_dilations)
    exponents = np.linspace(0, np.log2(max((n_times - 1) / 8, 1)), n_dilations)
    dilations, counts = np.unique((2.0**exponents).astype(np.int64), return_counts=True)
    n_biases = (counts * (n_per_kernel / n_dilations)).astype(np.int64)
    rest = n_per_kernel - int(n_biases.sum())
    n_biases += rest // len(n_biases)
    n_biases[: rest % len(n_biases)] += 1
    return dilations, n_biases


def _channels(rng: np.random.RandomState, n_dilations: int, n_channels: int) -> NDArray[np.bool_]:
    """Random channels of each dilation, 1 to 9 of them, fewer more often."""
    chosen = np.ones((n_dilations, n_channels), dtype=bool)
    if n_channels > 1:
        largest = np.log2(min(n_channels, 9) + 1)
        for row in chosen:
            size = int(2 ** rng.uniform(0, largest))
            row[:] = False
            row[rng.choice(n_channels, size, replace=False)] = True
    return chosen
