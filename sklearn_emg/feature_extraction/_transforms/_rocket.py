"""MiniRocket and MultiRocket: pooled features of many dilated convolutions."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from itertools import combinations
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_random_state

from sklearn_emg._sklearn import Integral, Interval
from sklearn_emg._tables import counted
from sklearn_emg.base import FeatureExtractor
from sklearn_emg.feature_extraction._blocks import for_blocks
from sklearn_emg.recordings import read_signal

_KERNELS = np.array(list(combinations(range(9), 3)))  # positions of the weights of 2
_POOLINGS = ("ppv", "lspv", "mpv", "mipv")


@dataclass(frozen=True)
class Convolutions:
    """Dilated convolutions with biases that are learned from training windows.

    Attributes
    ----------
    dilations : ndarray of shape (n_dilations,)
        Distances in samples between the weights of a kernel.
    n_biases : ndarray of shape (n_dilations,)
        Number of biases of each kernel at each dilation.
    biases : ndarray of shape (n_biases_in_total,)
        Biases, ordered by dilation and then by kernel.
    channels : ndarray of bool of shape (n_dilations, n_channels)
        Channels that are summed in the convolutions of each dilation.
    """

    dilations: NDArray[np.int64]
    n_biases: NDArray[np.int64]
    biases: NDArray[np.floating]
    channels: NDArray[np.bool_]

    @property
    def names(self) -> list[str]:
        """Names of the features, made of dilation, kernel and bias."""
        return [
            f"d{dilation}_k{kernel}_{bias}"
            for dilation, n_biases in zip(self.dilations, self.n_biases)
            for kernel in range(len(_KERNELS))
            for bias in range(n_biases)
        ]


def learn_convolutions(
    windows: NDArray[np.floating],
    n_per_kernel: int,
    max_dilations: int,
    rng: np.random.RandomState,
) -> Convolutions:
    """Choose dilations for the length of the windows, and biases from convolutions of windows."""
    from sklearn_emg.feature_extraction._kernels.rocket import convolution

    dilations, n_biases = _dilations(windows.shape[-1], n_per_kernel, max_dilations)
    channels = _channels(rng, len(dilations), windows.shape[1])
    # Multiples of the golden ratio modulo 1 are spread evenly over the quantiles.
    n_features = len(_KERNELS) * int(n_biases.sum())
    quantiles = np.arange(1, n_features + 1) * ((np.sqrt(5) + 1) / 2) % 1
    chosen = rng.randint(len(windows), size=(len(dilations), len(_KERNELS)))
    biases: list[NDArray[np.floating]] = []
    stop = 0
    for d, dilation in enumerate(dilations):
        for kernel, (i, j, k) in enumerate(_KERNELS):
            x = np.ascontiguousarray(windows[chosen[d, kernel]])
            x = x.astype(np.float64) if _far_from_zero(x[np.newaxis])[0] else x
            values = convolution(x, dilation, i, j, k, channels[d])
            start, stop = stop, stop + n_biases[d]
            biases.append(np.quantile(values, quantiles[start:stop]))
    return Convolutions(dilations, n_biases, np.concatenate(biases), channels)


class _Rocket(FeatureExtractor, ABC):
    """Base class of features of convolutions whose biases are learned from training windows."""

    n_jobs: int | None
    random_state: int | np.random.RandomState | None

    def fit(self, X: ArrayLike | pd.DataFrame, y: Any = None) -> Self:
        """Learn the biases from convolutions of training windows.

        Parameters
        ----------
        X : ndarray of shape (n_windows, n_times) or (n_windows, n_channels, n_times), or DataFrame
            Windows in mV, or a recording table whose rows have the same length and sampling rate.
        y : Ignored
            Not used; present by convention of scikit-learn.

        Returns
        -------
        self : object
            Fitted transformer.
        """
        for learned in ("biases_", "fs_"):  # from windows of a different length or rate
            self.__dict__.pop(learned, None)
        super().fit(X, y)
        fs = self._one_rate(X) if self._is_table(X) else None
        windows = self._training_windows(X)
        self._n_samples = windows.shape[-1]
        self._learn(windows, check_random_state(self.random_state))
        self.fs_ = fs
        return self

    def _extract(self, X: NDArray[np.floating], fs: float) -> NDArray[np.floating]:
        far = _far_from_zero(X) if X.dtype == np.float32 else np.zeros(len(X), dtype=bool)
        if not far.any():
            return self._pooled(X)
        near, double = self._pooled(X[~far]), self._pooled(X[far].astype(np.float64))
        features = np.empty((len(X), double.shape[1]), dtype=X.dtype)
        features[~far], features[far] = near, double
        return features

    @abstractmethod
    def _pooled(self, X: NDArray[np.floating]) -> NDArray[np.floating]:
        """Compute the features of windows in the precision of X."""

    @abstractmethod
    def _learn(self, windows: NDArray[np.floating], rng: np.random.RandomState) -> None:
        """Learn the biases from windows of shape (n_windows, n_channels, n_times) in mV."""

    def _training_windows(self, X: Any) -> NDArray[np.floating]:
        if not self._is_table(X):
            X = np.asarray(X)
            X = X if X.dtype in (np.float32, np.float64) else X.astype(np.float64)
            return X[:, np.newaxis] if X.ndim == 2 else X
        signals = [np.atleast_2d(read_signal(signal)) for signal in X["signal"]]
        for row, signal in enumerate(signals):
            if signal.shape != signals[0].shape:
                raise ValueError(
                    f"{type(self).__name__} learns from windows of one length: row 0 has a signal "
                    f"of shape {signals[0].shape}, but row {row} has shape {signal.shape}. Cut the "
                    "recordings into windows first, as DiVoteClassifier does."
                )
        return np.stack(signals)

    def _check_parameters(self, fs: float) -> None:
        self._check_rate(fs)

    def _check_length(self, n_times: int, fs: float) -> None:
        expected = getattr(self, "_n_samples", n_times)
        if n_times != expected and hasattr(self, "biases_"):
            raise ValueError(
                f"{type(self).__name__} was fitted on windows of {expected} samples, but X has "
                f"windows of {n_times}."
            )


class MiniRocket(_Rocket):
    """MiniRocket: proportions of positive values of dilated convolutions with 84 kernels.

    The kernels are fixed; the biases are quantiles of convolutions of training windows. A linear
    classifier on these features is fast and among the most accurate classifiers of time series.

    Parameters
    ----------
    n_features : int, default=9996
        Number of features, rounded down to a multiple of 84.
    max_dilations : int, default=32
        Maximum number of dilations of each kernel. Fewer dilations are faster.
    n_jobs : int, default=None
        Number of threads. None means 1 unless a `joblib.parallel_config` context is active; -1
        means all processors. The results do not depend on `n_jobs`.
    random_state : int, RandomState instance or None, default=None
        Seed for drawing the training windows whose convolutions give the biases, and the channels
        that are summed in the convolutions of each dilation.

    Attributes
    ----------
    dilations_ : ndarray of shape (n_dilations,)
        Distances in samples between the weights of a kernel.
    biases_ : ndarray of shape (n_features_out,)
        Biases, ordered by dilation and then by kernel.
    channels_ : ndarray of bool of shape (n_dilations, n_channels)
        Channels that are summed in the convolutions of each dilation. If there is only one channel,
        it is always used.
    fs_ : float or None
        Sampling rate of the training table in Hz; None for arrays.
    n_channels_in_ : int
        Number of channels of the signals seen in ``fit``.
    n_features_in_ : int
        Size of the second axis of the array seen in ``fit``: number of samples for 2-D windows and
        number of channels for 3-D windows; not set for a recording table.
    n_times_in_ : int or None
        Number of samples per window seen in ``fit``; None for a recording table.

    Raises
    ------
    ValueError
        If windows differ in length or sampling rate from each other or from those seen in ``fit``.

    See Also
    --------
    MultiRocket : Add three pooling operators, and differences of samples.

    Notes
    -----
    A kernel has nine weights, three of 2 and six of -1. Dilations are spaced evenly on a
    logarithmic scale, up to a kernel as long as the window. Half of the convolutions are padded
    with zeros beyond the ends of the window (all of them in windows shorter than nine samples). An
    offset affects only the padded convolutions; remove it with a high-pass filter. Windows in
    float32 whose offset is large are computed in double precision. With several
    channels, a random subset of the channels is summed at each dilation, whereas the published
    version draws a subset for each kernel and dilation.

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

    def _learn(self, windows: NDArray[np.floating], rng: np.random.RandomState) -> None:
        n_per_kernel = self.n_features // len(_KERNELS)
        found = learn_convolutions(windows, n_per_kernel, self.max_dilations, rng)
        self._convolutions = found
        self.dilations_, self.biases_ = found.dilations, found.biases
        self.channels_ = found.channels

    def _joint_names(self, channels: list[str]) -> list[str]:
        return [f"ppv_{name}" for name in self._convolutions.names]

    def _pooled(self, X: NDArray[np.floating]) -> NDArray[np.floating]:
        from sklearn_emg.feature_extraction._kernels.rocket import positive_proportions

        features = np.empty((len(X), len(self.biases_)), dtype=X.dtype)
        if not len(X):
            return features
        biases = self.biases_.astype(X.dtype)
        n_biases = self._convolutions.n_biases

        def work(start: int, stop: int) -> None:
            part = np.ascontiguousarray(X[start:stop])
            part = part if part.flags.writeable else part.copy()
            positive_proportions(
                part, self.dilations_, n_biases, biases, self.channels_, features[start:stop]
            )

        for_blocks(work, len(X), X[0].nbytes + features[0].nbytes, self.n_jobs)
        return features


class MultiRocket(_Rocket):
    """MultiRocket: four pooled features of dilated convolutions of samples and differences.

    Convolutions, dilations and biases are chosen as in :class:`MiniRocket`, once for the samples
    and once for their differences. The features of each convolution minus its bias are the
    proportion, the mean, the mean position and the longest run of its positive values.

    Parameters
    ----------
    n_features : int, default=49728
        Number of features, rounded down to a multiple of 672.
    max_dilations : int, default=32
        Maximum number of dilations of each kernel. Fewer dilations are faster.
    n_jobs : int, default=None
        Number of threads. None means 1 unless a `joblib.parallel_config` context is active; -1
        means all processors. The results do not depend on `n_jobs`.
    random_state : int, RandomState instance or None, default=None
        Seed for drawing the training windows whose convolutions give the biases, and the channels
        that are summed in the convolutions of each dilation.

    Attributes
    ----------
    biases_ : tuple of two ndarray of shape (n_features_out / 8,)
        Biases of the convolutions of samples and of differences, ordered as in MiniRocket.
    fs_ : float or None
        Sampling rate of the training table in Hz; None for arrays.
    n_channels_in_ : int
        Number of channels of the signals seen in ``fit``.
    n_features_in_ : int
        Size of the second axis of the array seen in ``fit``: number of samples for 2-D windows and
        number of channels for 3-D windows; not set for a recording table.
    n_times_in_ : int or None
        Number of samples per window seen in ``fit``; None for a recording table.

    Raises
    ------
    ValueError
        If windows differ in length or sampling rate from each other or from those seen in ``fit``,
        or have fewer than two samples.

    See Also
    --------
    MiniRocket : Compute only proportions of positive values, in a tenth of the time.

    Notes
    -----
    Let :math:`z_t` be a convolution minus its bias at the samples :math:`t = 0 \\ldots n - 1`, and
    :math:`P` the set of positions with :math:`z_t > 0`. The features are:

    - ``ppv``, :math:`|P| / n`;
    - ``lspv``, the number of samples in the longest run of positions in :math:`P`;
    - ``mpv``, :math:`\\sum_{t \\in P} z_t / |P|`, which is 0 if :math:`P` is empty;
    - ``mipv``, :math:`\\sum_{t \\in P} t / |P|`, which is -1 if :math:`P` is empty.

    The code of the authors and that of aeon add the bias to the convolution in ``mpv`` and count
    one more sample in runs that start after the first sample and end before the last. These
    differences hardly affect a classifier of standardised features.

    Sixteen windows are processed side by side in one pass over their samples.

    References
    ----------
    C. W. Tan, A. Dempster, C. Bergmeir, G. I. Webb, "MultiRocket: multiple pooling operators and
    transformations for fast and effective time series classification", Data Min. Knowl. Discov. 36
    (2022) 1623-1646. :doi:`10.1007/s10618-022-00844-1`

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emg.feature_extraction import MultiRocket
    >>> X = np.random.default_rng(0).normal(size=(5, 100))
    >>> rocket = MultiRocket(672, random_state=0)
    >>> rocket.fit_transform(X).shape
    (5, 672)
    >>> rocket.get_feature_names_out()[[0, 671]].tolist()
    ['ppv_d1_k0_0', 'diff_mipv_d1_k83_0']
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **MiniRocket._parameter_constraints,
        "n_features": [Interval(Integral, 672, None, closed="left")],
    }

    def __init__(
        self,
        n_features: int = 49728,
        *,
        max_dilations: int = 32,
        n_jobs: int | None = None,
        random_state: int | np.random.RandomState | None = None,
    ):
        self.n_features = n_features
        self.max_dilations = max_dilations
        self.n_jobs = n_jobs
        self.random_state = random_state

    def _check_length(self, n_times: int, fs: float) -> None:
        super()._check_length(n_times, fs)
        if n_times < 2:
            raise ValueError(
                f"Windows of {counted(n_times, 'sample')} (n_features={n_times}) have no "
                "differences; MultiRocket needs two samples."
            )

    def _learn(self, windows: NDArray[np.floating], rng: np.random.RandomState) -> None:
        n_per_kernel = self.n_features // (8 * len(_KERNELS))
        self._convolutions = tuple(
            learn_convolutions(values, n_per_kernel, self.max_dilations, rng)
            for values in (windows, np.diff(windows))
        )
        self.biases_ = tuple(convolutions.biases for convolutions in self._convolutions)

    def _joint_names(self, channels: list[str]) -> list[str]:
        return [
            f"{of}{pooling}_{name}"
            for of, convolutions in zip(("", "diff_"), self._convolutions)
            for pooling in _POOLINGS
            for name in convolutions.names
        ]

    def _pooled(self, X: NDArray[np.floating]) -> NDArray[np.floating]:
        from sklearn_emg.feature_extraction._kernels.rocket import LANES

        n_half = 4 * len(self.biases_[0])
        features = np.empty((len(X), 2 * n_half), dtype=X.dtype)
        if not len(X):
            return features
        row_bytes = LANES * (X[0].nbytes + features[0].nbytes)

        def work(start: int, stop: int) -> None:
            part = slice(LANES * start, LANES * stop)
            self._pool(X[part], self._convolutions[0], features[part, :n_half])
            self._pool(np.diff(X[part]), self._convolutions[1], features[part, n_half:])

        for_blocks(work, -(-len(X) // LANES), row_bytes, self.n_jobs)
        return features

    def _pool(
        self, X: NDArray[np.floating], learned: Convolutions, out: NDArray[np.floating]
    ) -> None:
        """Write the pooled features of all windows, by pooling, then by convolution and bias."""
        from sklearn_emg.feature_extraction._kernels.rocket import LANES, four_poolings

        biases = learned.biases.astype(X.dtype)
        side_by_side = np.zeros((*X.shape[1:], LANES), dtype=X.dtype)
        pooled = np.empty((len(_POOLINGS), len(biases), LANES), dtype=np.float64)
        for start in range(0, len(X), LANES):
            n = len(X[start : start + LANES])
            side_by_side[..., :n] = np.moveaxis(X[start : start + LANES], 0, -1)
            four_poolings(
                side_by_side.reshape(len(side_by_side), -1),
                learned.dilations,
                learned.n_biases,
                biases,
                learned.channels,
                pooled,
            )
            out[start : start + n] = pooled.reshape(-1, LANES)[:, :n].T


def _far_from_zero(X: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Return which windows have an offset that costs float32 the digits of the signal."""
    low, high = X.min(axis=-1).astype(np.float64), X.max(axis=-1).astype(np.float64)
    return (np.abs(low + high) > 32 * (high - low)).any(axis=1)


def _dilations(
    n_times: int, n_per_kernel: int, max_dilations: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Compute the dilations, and the number of biases of each kernel at each dilation."""
    n_dilations = min(n_per_kernel, max_dilations)
    exponents = np.linspace(0, np.log2(max((n_times - 1) / 8, 1)), n_dilations)
    dilations, counts = np.unique((2.0**exponents).astype(np.int64), return_counts=True)
    n_biases = (counts * (n_per_kernel / n_dilations)).astype(np.int64)
    rest = n_per_kernel - int(n_biases.sum())
    n_biases += rest // len(n_biases)
    n_biases[: rest % len(n_biases)] += 1
    return dilations, n_biases


def _channels(rng: np.random.RandomState, n_dilations: int, n_channels: int) -> NDArray[np.bool_]:
    """Draw 1 to 9 random channels for each dilation; smaller numbers are more likely."""
    chosen = np.ones((n_dilations, n_channels), dtype=bool)
    if n_channels > 1:
        largest = np.log2(min(n_channels, 9) + 1)
        for row in chosen:
            size = int(2 ** rng.uniform(0, largest))
            row[:] = False
            row[rng.choice(n_channels, size, replace=False)] = True
    return chosen
