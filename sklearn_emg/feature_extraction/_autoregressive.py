"""Autoregressive features: coefficients, residual variance and cepstrum of a linear predictor."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, ClassVar, Literal, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from sklearn_emg._sklearn import Integral, Interval, StrOptions
from sklearn_emg.base import FeatureExtractor
from sklearn_emg.feature_extraction._blocks import map_rows
from sklearn_emg.feature_extraction._info import FeatureInfo, check_features, check_min_n_times
from sklearn_emg.recordings import is_recording_table

_GRAUPE = (
    "Graupe, Cline. Functional separation of EMG signals via ARMA identification methods for "
    "prosthesis control purposes. IEEE Trans. Syst. Man Cybern. 5 (1975) 252-259"
)
_KANG = (
    "Kang, Shiu, Cheng, Lai, Tsao, Kuo. The application of cepstral coefficients and maximum "
    "likelihood method in EMG pattern recognition. IEEE Trans. Biomed. Eng. 42 (1995) 777-785"
)

FEATURES: dict[str, FeatureInfo] = {
    info.name: info
    for info in (
        FeatureInfo(
            "ar",
            "Autoregressive coefficients",
            "a_k in x_n = sum_{k=1..p} a_k x_{n-k} + e_n",
            "1",
            "autoregressive",
            _GRAUPE,
            2,
        ),
        FeatureInfo(
            "ar_residual",
            "Residual variance of the autoregressive model",
            "variance of e_n: mean(x^2) prod (1 - k_m^2) over the reflection coefficients k_m "
            "(Burg, Yule-Walker) or the mean squared residual (least squares)",
            "mV^2",
            "autoregressive",
            _GRAUPE,
            2,
            2,
        ),
        FeatureInfo(
            "cepstrum",
            "Cepstral coefficients",
            "c_1 = a_1, c_n = a_n + sum_{l=1..n-1} (1 - l/n) a_l c_{n-l}, the cepstrum of the "
            "model's spectrum",
            "1",
            "autoregressive",
            _KANG,
            2,
        ),
    )
}


def cepstral_coefficients(coefficients: NDArray[np.floating]) -> NDArray[np.floating]:
    """Compute the first cepstral coefficients of an autoregressive model.

    Parameters
    ----------
    coefficients : ndarray of shape (..., order)
        Coefficients a_k of ``x_n = sum a_k x_{n-k} + e_n``, k = 1 ... order.

    Returns
    -------
    cepstrum : ndarray of shape (..., order)
        Cepstral coefficients c_1 ... c_order.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emg.feature_extraction._autoregressive import cepstral_coefficients
    >>> cepstral_coefficients(np.array([0.5, 0.0, 0.0]))  # 0.5**n / n
    array([0.5       , 0.125     , 0.04166667])
    """
    a = coefficients
    c = np.array(a, copy=True)
    for n in range(2, a.shape[-1] + 1):
        for k in range(1, n):
            c[..., n - 1] += (1.0 - k / n) * a[..., k - 1] * c[..., n - k - 1]
    return c


class AutoregressiveFeatures(FeatureExtractor):
    """Autoregressive coefficients, residual variance and cepstrum of each window.

    The model is ``x_n = a_1 x_{n-1} + ... + a_p x_{n-p} + e_n``; a positive ``ar_1`` means that
    neighbouring samples are similar. Some software uses the opposite sign.

    Parameters
    ----------
    order : int or "aic", default=4
        Order p of the model. With "aic", ``fit`` selects the order up to `max_order` that minimises
        the mean over the training windows of Akaike's criterion,
        ``N log(residual variance) + 2 p`` for windows of N samples. Windows without power are left
        out.
    method : {"burg", "yule_walker", "least_squares"}, default="burg"
        Method of estimation: Burg's lattice method, the Yule-Walker equations of the biased
        autocorrelation, or least squares of the forward prediction error over the samples that have
        p predecessors.
    features : "all" or list of str, default=("ar",)
        Names of the features: "ar" (coefficients a_k), "ar_residual" (variance of e_n) and
        "cepstrum" (cepstral coefficients of the model).
    demean : bool, default=True
        Whether the mean of each window is subtracted first; the model has no constant term.
    max_order : int, default=10
        Highest order that ``order="aic"`` considers.
    n_jobs : int, default=None
        Number of threads that process blocks of windows. None means 1 unless a
        `joblib.parallel_config` context is active; -1 means all processors.

    Attributes
    ----------
    order_ : int
        Order of the model.
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
        If a feature is unknown, or windows are shorter than p + 1 samples (2 p for least squares);
        with ``order="aic"``, p is `max_order` in ``fit``.

    Notes
    -----
    If a model of lower order already predicts a window to within rounding error, for instance a
    sinusoid, the remaining coefficients are 0. With ``demean=True``, all coefficients of a constant
    window are 0. All computations are in float64.

    References
    ----------
    .. [1] J. P. Burg. Maximum entropy spectral analysis. Proc. 37th Meeting of the Society of
       Exploration Geophysicists, 1967.
    .. [2] D. Graupe, W. K. Cline. Functional separation of EMG signals via ARMA identification
       methods for prosthesis control purposes. IEEE Trans. Syst. Man Cybern. 5 (1975) 252-259.
    .. [3] W.-J. Kang et al. The application of cepstral coefficients and maximum likelihood method
       in EMG pattern recognition. IEEE Trans. Biomed. Eng. 42 (1995) 777-785.
    .. [4] H. Akaike. A new look at the statistical model identification. IEEE Trans. Autom. Control
       19 (1974) 716-723.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emg.feature_extraction import AutoregressiveFeatures
    >>> X = np.random.default_rng(0).normal(size=(3, 500))
    >>> X[:, 1:] += 0.9 * X[:, :-1]
    >>> extractor = AutoregressiveFeatures(order=2).fit(X)
    >>> extractor.get_feature_names_out()
    array(['ar_1', 'ar_2'], dtype=object)
    >>> extractor.transform(X).shape
    (3, 2)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "order": [Interval(Integral, 1, None, closed="left"), StrOptions({"aic"})],
        "method": [StrOptions({"burg", "yule_walker", "least_squares"})],
        "features": [StrOptions({"all"}), list, tuple],
        "demean": ["boolean"],
        "max_order": [Interval(Integral, 1, None, closed="left")],
        "n_jobs": [Integral, None],
    }

    def __init__(
        self,
        order: int | Literal["aic"] = 4,
        method: Literal["burg", "yule_walker", "least_squares"] = "burg",
        *,
        features: Literal["all"] | Iterable[str] = ("ar",),
        demean: bool = True,
        max_order: int = 10,
        n_jobs: int | None = None,
    ):
        self.order = order
        self.method = method
        self.features = features
        self.demean = demean
        self.max_order = max_order
        self.n_jobs = n_jobs

    def fit(self, X: ArrayLike | pd.DataFrame, y: Any = None) -> Self:
        """Check the parameters and the input, and select the order if `order` is "aic".

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
        # Windows must be long enough for the highest order that may be selected.
        self.order_ = self._highest_order()
        super().fit(X, y)
        if self.order == "aic":
            self.order_ = self._best_order(X)
        return self

    def _learns(self) -> bool:
        return self.order == "aic"

    def _names(self) -> list[str]:
        return check_features(self.features, FEATURES, self._caller)

    def _check_parameters(self, fs: float) -> None:
        self._names()

    def _highest_order(self) -> int:
        return self.max_order if isinstance(self.order, str) else self.order

    def _shortest(self, fs: float) -> dict[str, int]:
        order = getattr(self, "order_", self._highest_order())
        shortest = 2 * order if self.method == "least_squares" else order + 1
        return dict.fromkeys(self._names(), shortest)

    def _check_length(self, n_times: int, fs: float) -> None:
        needed = {f"{k} of order {self.order_}": n for k, n in self._shortest(fs).items()}
        check_min_n_times(n_times, needed, self._caller)

    def _feature_names(self) -> list[str]:
        names = []
        for name in self._names():
            if name == "ar_residual":
                names.append(name)
            else:
                names.extend(f"{name}_{k + 1}" for k in range(self.order_))
        return names

    def _models(self, rows: NDArray[np.floating]) -> NDArray[np.float64]:
        """Compute the coefficients of each row, then the residual variances of orders 0 to p."""
        from sklearn_emg.feature_extraction._kernels import ar as kernels

        out = np.empty((len(rows), 2 * self.order_ + 1))
        getattr(kernels, self.method)(rows, self.order_, self.demean, out)
        return out

    def _extract(self, X: NDArray[np.floating], fs: float) -> NDArray[np.floating]:
        names = self._names()

        def row_values(rows: NDArray[np.floating]) -> NDArray[np.floating]:
            models = self._models(rows)
            a = models[:, : self.order_]
            values: dict[str, NDArray[np.floating]] = {"ar": a, "ar_residual": models[:, -1:]}
            if "cepstrum" in names:
                values["cepstrum"] = cepstral_coefficients(a)
            return np.concatenate([values[name] for name in names], axis=-1)

        return map_rows(row_values, X, len(self._feature_names()), self.n_jobs)

    def _training_signals(self, X: ArrayLike | pd.DataFrame) -> Iterator[NDArray[np.floating]]:
        if is_recording_table(X):
            for row, signal in enumerate(X["signal"]):
                values = np.atleast_2d(self._read_finite(signal, X, row))[np.newaxis]
                self._check_length(values.shape[-1], float(X["fs"].iloc[row]))
                yield values
        else:
            X = self._check_array(X, reset=False)
            yield X[:, np.newaxis] if X.ndim == 2 else X

    def _best_order(self, X: ArrayLike | pd.DataFrame) -> int:
        orders = np.arange(1, self.max_order + 1)
        total = np.zeros(self.max_order)
        for signals in self._training_signals(X):
            models = map_rows(
                self._models, signals, 2 * self.max_order + 1, self.n_jobs, np.float64
            )
            variances = models[..., self.max_order + 1 :].reshape(-1, len(orders))
            power = models[..., self.max_order].reshape(-1, 1)
            # Windows without power are left out; the bound keeps the logarithm of an exact fit
            # finite.
            has_power = power[:, 0] > 0
            residual = np.maximum(variances[has_power] / power[has_power], np.finfo(float).eps)
            total += (signals.shape[-1] * np.log(residual) + 2 * orders).sum(axis=0)
        return int(orders[np.argmin(total)])
