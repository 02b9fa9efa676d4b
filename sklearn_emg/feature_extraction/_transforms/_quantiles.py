"""Quantiles of features over the parts of a window."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone

from sklearn_emg._sklearn import POSITIVE, HasMethods
from sklearn_emg._tables import counted
from sklearn_emg._validation import check_fraction
from sklearn_emg.base import FeatureExtractor
from sklearn_emg.recordings import read_signal, with_signals


class FeatureQuantiles(FeatureExtractor):
    """Quantiles of features over the parts of a window or of a recording.

    Each window is cut into parts without overlap, the features of each part are computed, and each
    feature is summarised by its quantiles. The median describes the typical part. Other quantiles
    describe how much the parts differ, for instance because motor unit potentials are rare.

    Parameters
    ----------
    extractor : FeatureExtractor
        Extractor of the features of one part, such as :class:`TimeDomainFeatures`. It must not
        learn anything from the data.
    part : float, default=0.4
        Length of a part in seconds. Samples after the last complete part are not used.
    quantiles : sequence of float, default=(0.1, 0.5, 0.9)
        Probabilities of the quantiles, from 0 to 1.
    fs : float, default=None
        Sampling rate in Hz. It is required for arrays; a recording table contains its own.

    Attributes
    ----------
    extractor_ : FeatureExtractor
        Fitted extractor.
    n_features_in_ : int
        Size of the second axis of the array seen in ``fit``: number of samples for 2-D windows and
        number of channels for 3-D windows; not set for a recording table.
    n_channels_in_ : int
        Number of channels of the signals seen in ``fit``.
    n_times_in_ : int or None
        Number of samples per window seen in ``fit``; None for a recording table.

    Raises
    ------
    TypeError
        If `extractor` is not a feature extractor of this package.
    ValueError
        If `extractor` learns from data or has a sampling rate other than `fs`, a quantile is
        out of range or given twice, or windows are shorter than one part.

    See Also
    --------
    sklearn_emg.ensemble.DiVoteClassifier : Average the scores of windows instead of their features.

    Notes
    -----
    Quantiles between the values of two parts are interpolated linearly. The name of a column
    consists of the feature and the probability in percent, such as ``rms_q90``.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emg.feature_extraction import FeatureQuantiles, TimeDomainFeatures
    >>> X = np.repeat([[1.0, 2.0, 4.0]], 100, axis=1)  # parts of 0.1 s with MAV 1, 2 and 4
    >>> quantiles = FeatureQuantiles(
    ...     TimeDomainFeatures(["mav"]), part=0.1, quantiles=(0.5, 1.0), fs=1000.0
    ... )
    >>> quantiles.fit_transform(X)
    array([[2., 4.]])
    >>> quantiles.get_feature_names_out().tolist()
    ['mav_q50', 'mav_q100']
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "extractor": [HasMethods(["fit", "transform"])],
        "part": [POSITIVE],
        "quantiles": ["array-like"],
    }

    def __init__(
        self,
        extractor: FeatureExtractor,
        *,
        part: float = 0.4,
        quantiles: Sequence[float] = (0.1, 0.5, 0.9),
        fs: float | None = None,
    ):
        self.extractor = extractor
        self.part = part
        self.quantiles = quantiles
        self.fs = fs

    def fit(self, X: ArrayLike | pd.DataFrame, y: Any = None) -> Self:
        """Check the parameters and the input, and fit the extractor.

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
        self._check_settings()
        self.extractor_: Any = None  # until the input is known to be usable
        super().fit(X, y)
        if self._is_table(X):  # only the start of the first signal; nothing is learned
            X = X.iloc[:1]
            signal, size = read_signal(X["signal"].iloc[0]), self._size(float(X["fs"].iloc[0]))
            X = with_signals(X, [signal[..., :size]])
        else:
            X = np.asarray(X)[..., : self._size(self._array_fs())]
        self.extractor_ = self._with_rate().fit(X)
        return self

    def _check_settings(self) -> None:
        """Raise an error for extractors and quantiles that cannot be used."""
        if not isinstance(self.extractor, FeatureExtractor):
            raise TypeError(
                "The 'extractor' parameter of FeatureQuantiles must be a feature extractor, such "
                f"as TimeDomainFeatures(). Got {self.extractor!r} instead."
            )
        if self.extractor._learns():
            raise ValueError(
                "The 'extractor' parameter of FeatureQuantiles must not learn from the data. "
                f"{self.extractor!r} does; choose fixed features and orders."
            )
        for value in np.atleast_1d(np.asarray(self.quantiles, dtype=object)):
            check_fraction(value, "quantiles", "FeatureQuantiles")
        ends = self._ends()
        if not ends or len(set(ends)) < len(ends):
            raise ValueError(
                "The 'quantiles' parameter of FeatureQuantiles must contain different "
                f"probabilities. Got {self.quantiles!r} instead."
            )

    def _with_rate(self) -> Any:
        """Clone the extractor; give it the rate `fs` if that is set and the clone has one."""
        extractor = clone(self.extractor)
        params = extractor.get_params()
        if self.fs is None or "fs" not in params:
            return extractor
        if params["fs"] not in (None, self.fs):
            raise ValueError(
                f"The 'extractor' of FeatureQuantiles has fs={params['fs']}, and FeatureQuantiles "
                f"has fs={self.fs}. Pass the rate of X to both, or only to FeatureQuantiles."
            )
        return extractor.set_params(fs=self.fs)

    def _probabilities(self) -> list[float]:
        return [float(q) for q in np.atleast_1d(np.asarray(self.quantiles))]

    def _learns(self) -> bool:
        return False

    def _needs_fs(self) -> bool:
        return True

    def _size(self, fs: float) -> int:
        return max(1, round(self.part * fs))

    def _check_parameters(self, fs: float) -> None:
        if self.extractor_ is not None:
            self.extractor_._check_parameters(fs)

    def _check_length(self, n_times: int, fs: float) -> None:
        size = self._size(fs)
        if n_times < size:
            raise ValueError(
                f"Windows of {counted(n_times, 'sample')} (n_features={n_times}) are shorter than "
                f"a part of FeatureQuantiles, {self.part} s or {size} samples. Use longer windows "
                "or a shorter 'part'."
            )
        if self.extractor_ is not None:
            self.extractor_._check_length(size, fs)

    def _ends(self) -> list[str]:
        """Return the last parts of the names of the features, such as ``q90``."""
        return [f"q{100 * q:g}" for q in self._probabilities()]

    def _joint_names(self, channels: list[str]) -> list[str]:
        return [
            f"{name}_{end}"
            for end in self._ends()
            for name in self.extractor_._joint_names(channels)
        ]

    def _extract(self, X: NDArray[np.floating], fs: float) -> NDArray[np.floating]:
        n_windows, n_channels, n_times = X.shape
        size = self._size(fs)
        n_parts = n_times // size
        parts = X[..., : n_parts * size].reshape(n_windows, n_channels, n_parts, size)
        parts = np.ascontiguousarray(parts.swapaxes(1, 2)).reshape(-1, n_channels, size)
        values = self.extractor_._extract(parts, fs).reshape(n_windows, n_parts, -1)
        found = np.quantile(values, self._probabilities(), axis=1)
        return found.swapaxes(0, 1).reshape(n_windows, -1).astype(X.dtype, copy=False)
