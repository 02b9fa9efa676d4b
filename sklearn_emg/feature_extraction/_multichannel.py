"""Features that relate the channels of a window to one another."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, combinations_with_replacement
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from sklearn_emg._sklearn import Integral
from sklearn_emg.base import FeatureExtractor
from sklearn_emg.feature_extraction._blocks import for_blocks
from sklearn_emg.feature_extraction._info import FeatureInfo, check_features

_STATISTICS = "textbook statistics"
_ONAY = (
    "Onay, Mert. Phasor represented EMG feature extraction against varying contraction level of "
    "prosthetic control. Biomed. Signal Process. Control 59 (2020) 101881"
)
_HARGROVE = (
    "Hargrove, Englehart, Hudgins. A comparison of surface and intramuscular myoelectric signal "
    "classification. IEEE Trans. Biomed. Eng. 54 (2007) 847-853"
)


def _info(name: str, title: str, formula: str, unit: str, source: str, power: float) -> FeatureInfo:
    return FeatureInfo(name, title, formula, unit, "multichannel", source, 1, power)


FEATURES: dict[str, FeatureInfo] = {
    info.name: info
    for info in (
        _info(
            "covariance",
            "Covariance of channels",
            "sum_t (x_it - mean x_i)(x_jt - mean x_j) / N for channels i <= j",
            "mV^2",
            _STATISTICS,
            2.0,
        ),
        _info(
            "correlation",
            "Correlation of channels",
            "covariance of channels i < j divided by the product of their standard deviations",
            "1",
            _STATISTICS,
            0.0,
        ),
        _info(
            "rms_ratio",
            "Ratio of root mean squares",
            "RMS_i / RMS_j for channels i < j",
            "1",
            _HARGROVE,
            0.0,
        ),
        _info(
            "rms_fraction",
            "Channel's proportion of the sum of root mean squares",
            "RMS_i / sum_j RMS_j",
            "1",
            _HARGROVE,
            0.0,
        ),
        _info(
            "rms_phasor",
            "Phasor difference of root mean squares",
            "|RMS_i z^(i-1) - RMS_j z^(j-1)| for i < j of C channels, z = exp(2 pi sqrt(-1) / C)",
            "mV",
            _ONAY,
            1.0,
        ),
        _info(
            "rms_resultant",
            "Resultant of the root mean square phasors",
            "|sum_c RMS_c z^(c-1)| over C channels, z = exp(2 pi sqrt(-1) / C)",
            "mV",
            _ONAY,
            1.0,
        ),
    )
}

_PAIRS = frozenset({"correlation", "rms_ratio", "rms_phasor"})


class MultichannelFeatures(FeatureExtractor):
    """Relations between the channels of a window: covariance, correlation, ratios and phasors.

    Parameters
    ----------
    features : "all" or list of str, default="all"
        Names of the features; :func:`feature_table` describes them.
    n_jobs : int, default=None
        Number of threads. None means 1 unless a `joblib.parallel_config` context is active; -1
        means all processors. The results do not depend on `n_jobs`.

    Attributes
    ----------
    n_features_in_ : int
        Size of the second axis of the array seen in ``fit``: number of samples for 2-D windows and
        number of channels for 3-D windows; not set for a recording table.
    n_channels_in_ : int
        Number of channels of the signals seen in ``fit``.
    n_times_in_ : int or None
        Number of samples per window seen in ``fit``; None for a recording table.

    Raises
    ------
    ValueError
        If a feature is unknown, or if all requested features relate two channels and the windows
        have only one.

    Notes
    -----
    The phasors assume that the channels are electrodes at equal distances around a ring, in the
    order of the channels. The correlation with a constant channel, the ratio to a channel of zeros
    and the proportions in a window of zeros are 0.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emg.feature_extraction import MultichannelFeatures
    >>> X = np.array([[[1.0, -1.0, 1.0, -1.0], [2.0, -2.0, -2.0, 2.0]]])
    >>> extractor = MultichannelFeatures(["correlation", "rms_fraction"])
    >>> extractor.fit_transform(X).round(3)
    array([[0.   , 0.333, 0.667]])
    >>> extractor.get_feature_names_out().tolist()
    ['correlation_ch1_ch2', 'rms_fraction_ch1', 'rms_fraction_ch2']
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "features": [str, "array-like"],
        "n_jobs": [Integral, None],
    }

    def __init__(self, features: str | Sequence[str] = "all", *, n_jobs: int | None = None):
        self.features = features
        self.n_jobs = n_jobs

    def _names(self) -> list[str]:
        return check_features(self.features, FEATURES, self._caller)

    def _check_parameters(self, fs: float) -> None:
        names = self._names()
        if self.n_channels_in_ == 1 and _PAIRS.issuperset(names):
            raise ValueError(
                f"The features {', '.join(map(repr, names))} of {self._caller} relate two "
                "channels, but X has one. Pass windows of shape (n_windows, n_channels, n_times)."
            )

    def _joint_names(self, channels: list[str]) -> list[str]:
        pairs = ["_".join(pair) for pair in combinations(channels, 2)]
        labels = {
            "covariance": ["_".join(p) for p in combinations_with_replacement(channels, 2)],
            "correlation": pairs,
            "rms_ratio": pairs,
            "rms_fraction": channels,
            "rms_phasor": pairs,
        }
        names = []
        for name in self._names():
            if name == "rms_resultant":
                names.append(name)
            else:
                names.extend(f"{name}_{label}" for label in labels[name])
        return names

    def _extract(self, X: NDArray[np.floating], fs: float) -> NDArray[np.floating]:
        names = self._names()
        result = np.empty((len(X), len(self._joint_names(self._channels()))), dtype=X.dtype)

        def work(start: int, stop: int) -> None:
            values = _relations(X[start:stop])
            np.concatenate([values[name] for name in names], axis=1, out=result[start:stop])

        for_blocks(work, len(X), 16 * X[0].size, self.n_jobs)
        return result


def _relations(X: NDArray[np.floating]) -> dict[str, NDArray[np.float64]]:
    """Compute features by name; each has the shape (n_windows, n_values)."""
    n_channels, n_times = X.shape[1:]
    rounding = float(np.finfo(X.dtype).eps)
    X = X.astype(np.float64)
    mean = X.mean(axis=2, keepdims=True)
    rms = np.sqrt(np.einsum("wct,wct->wc", X, X) / n_times)
    X -= mean
    covariance = X @ X.swapaxes(1, 2) / n_times
    # What remains of a constant channel after subtraction of its mean is rounding error.
    std = np.sqrt(np.einsum("wcc->wc", covariance))
    std = np.where(std <= 4 * rounding * rms, 0.0, std)
    covariance *= (std > 0)[:, :, np.newaxis] & (std > 0)[:, np.newaxis, :]
    i, j = np.triu_indices(n_channels, 1)
    scale = std[:, i] * std[:, j]
    total = np.broadcast_to(rms.sum(axis=1, keepdims=True), rms.shape)
    phasor = rms * np.exp(2j * np.pi * np.arange(n_channels) / n_channels)
    upper = np.triu_indices(n_channels)
    return {
        "covariance": covariance[:, upper[0], upper[1]],
        "correlation": np.clip(_divide(covariance[:, i, j], scale), -1.0, 1.0),
        "rms_ratio": _divide(rms[:, i], rms[:, j]),
        "rms_fraction": _divide(rms, total),
        "rms_phasor": np.abs(phasor[:, i] - phasor[:, j]),
        "rms_resultant": np.abs(phasor.sum(axis=1, keepdims=True)),
    }


def _divide(top: NDArray, bottom: NDArray) -> NDArray:
    """Divide; the quotient is 0 where the divisor is 0."""
    return np.divide(top, bottom, out=np.zeros(top.shape), where=bottom > 0)
