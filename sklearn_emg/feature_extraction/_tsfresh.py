"""Transformer that computes the features of tsfresh for windows."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping
from types import ModuleType
from typing import Any, ClassVar, Literal, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from sklearn_emg._sklearn import Integral, StrOptions
from sklearn_emg._tables import counted, first_few
from sklearn_emg._validation import require
from sklearn_emg.base import FeatureExtractor

Settings = Mapping[str, list[dict[str, Any]] | None]


def _tsfresh() -> ModuleType:
    return require("tsfresh.feature_extraction", "TsfreshFeatures", "tsfresh")


def _features_of(x: NDArray[np.float64], settings: Settings) -> tuple[list[str], list[float]]:
    """Compute the features of a signal; return their names, as in tsfresh, and their values.

    The names lack the prefix with which tsfresh denotes the kind of series.
    """
    names, values = [], []
    for function, parameters in _calculators(settings):
        series = pd.Series(x) if getattr(function, "input", None) == "pd.Series" else x
        for key, value in _results(function, series, parameters):
            names.append(f"{function.__name__}__{key}" if key else function.__name__)
            values.append(value)
    return names, values


def _calculators(settings: Settings) -> Iterator[tuple[Any, list[dict[str, Any]] | None]]:
    """Yield the functions of tsfresh and their parameters, except those that always give NaN."""
    from tsfresh.feature_extraction import feature_calculators

    for calculator, parameters in settings.items():
        function: Any = calculator
        if not callable(calculator):
            function = getattr(feature_calculators, calculator)
        if not issubclass(pd.RangeIndex, getattr(function, "index_type", pd.Index)):
            continue  # tsfresh also skips these for series without time stamps
        if calculator == "query_similarity_count":
            # The default parameters contain no query, so the value is always NaN.
            parameters = [p for p in parameters or [] if p.get("query") is not None]
            if not parameters:
                continue
        yield function, parameters


def _results(function: Any, series: Any, parameters: list[dict[str, Any]] | None) -> Iterable[Any]:
    """Compute the values of one calculator, each with the suffix of its name."""
    from tsfresh.utilities.string_manipulation import convert_to_output_format

    if getattr(function, "fctype", None) == "combiner":
        return function(series, param=parameters)
    if parameters:
        return [(convert_to_output_format(p), function(series, **p)) for p in parameters]
    return [("", function(series))]


def _block(rows: NDArray[np.floating], settings: Settings) -> NDArray[np.float64]:
    """Compute the values of each row of a block, which is the work of one process."""
    from threadpoolctl import threadpool_limits

    # The calculators solve many small systems, for which several BLAS threads are up to ten times
    # slower than one on busy cores.
    with threadpool_limits(1), warnings.catch_warnings(action="ignore"):
        # The calculators warn about each missing value; _check_missing reports them by name.
        return np.array([_features_of(row.astype(np.float64), settings)[1] for row in rows], float)


class TsfreshFeatures(FeatureExtractor):
    """Features of tsfresh, computed window by window.

    The extraction of tsfresh takes a long table with one row per sample and assembles a wide table
    from single values. This class calls the calculators on each window and writes their values
    into the feature matrix. It requires tsfresh: ``pip install "sklearn-emg[tsfresh]"``.

    Parameters
    ----------
    settings : {"minimal", "efficient", "comprehensive"} or mapping, default="efficient"
        Selection of features: the name of a set of tsfresh, or any settings object of tsfresh, such
        as ``MinimalFCParameters()``, ``from_columns(...)["ch1"]`` or a dict that maps names of
        calculators to lists of their parameters. "efficient" has 776 features and takes about 0.3 s
        per window of 4000 samples. The memory that "comprehensive" needs grows with the square of
        the window length.
    missing : {"raise", "keep", "zero"}, default="raise"
        Treatment of values that are not defined for a window (NaN or infinite in tsfresh): "raise"
        raises an error that names the features, "keep" returns NaN, for a later imputer, and
        "zero" returns 0.
    n_jobs : int, default=None
        Number of processes. None means 1 unless a `joblib.parallel_config` context is active; -1
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
    settings_ : mapping
        Settings of the calculators.

    Raises
    ------
    ImportError
        If tsfresh is not installed.
    ValueError
        If a calculator is unknown, or a value is missing and `missing` is "raise".

    Notes
    -----
    Columns have the names of tsfresh, ``<kind>__<calculator>__<parameters>``, where the kinds are
    the names of the channels or, without names, ``ch1``, ``ch2`` ...;
    ``tsfresh.feature_extraction.settings.from_columns`` recovers the settings of selected columns
    from these names. Features that never have a value are omitted: ``query_similarity_count``
    without a query, and calculators that need time stamps.
    :class:`sklearn_emg.feature_selection.RelevanceSelector` selects features as tsfresh does.

    References
    ----------
    Christ, Braun, Neuffer, Kempa-Liehr. Time series feature extraction on basis of scalable
    hypothesis tests (tsfresh). Neurocomputing 307 (2018) 72-77, doi:10.1016/j.neucom.2018.03.067.

    Examples
    --------
    >>> from sklearn_emg.feature_extraction import TsfreshFeatures
    >>> extractor = TsfreshFeatures({"maximum": None, "quantile": [{"q": 0.5}]})
    >>> extractor.fit_transform([[1.0, 2.0, 5.0], [0.0, 1.0, -1.0]])
    array([[5., 2.],
           [1., 0.]])
    >>> extractor.get_feature_names_out().tolist()
    ['ch1__maximum', 'ch1__quantile__q_0.5']
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "settings": [StrOptions({"minimal", "efficient", "comprehensive"}), Mapping],
        "missing": [StrOptions({"raise", "keep", "zero"})],
        "n_jobs": [Integral, None],
    }

    def __init__(
        self,
        settings: Literal["minimal", "efficient", "comprehensive"] | Settings = "efficient",
        *,
        missing: Literal["raise", "keep", "zero"] = "raise",
        n_jobs: int | None = None,
    ):
        self.settings = settings
        self.missing = missing
        self.n_jobs = n_jobs

    def fit(self, X: ArrayLike | pd.DataFrame, y: Any = None) -> Self:
        """Check the parameters and the input, and determine the names of the features.

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
        self._validate_params()
        package = _tsfresh()
        if isinstance(self.settings, str):
            classes = {
                "minimal": package.MinimalFCParameters,
                "efficient": package.EfficientFCParameters,
                "comprehensive": package.ComprehensiveFCParameters,
            }
            self.settings_ = classes[self.settings]()
        else:
            self.settings_ = self.settings
        for name in self.settings_:
            if not callable(name) and not hasattr(package.feature_calculators, name):
                raise ValueError(
                    f"The 'settings' parameter of TsfreshFeatures has the unknown calculator "
                    f"{name!r}; see tsfresh.feature_extraction.feature_calculators."
                )
        # The names depend only on the settings, so any signal can be used to find them.
        with warnings.catch_warnings(action="ignore"):
            self._calculators = _features_of(np.sin(np.arange(64.0)), self.settings_)[0]
        if not self._calculators:
            raise ValueError("The 'settings' parameter of TsfreshFeatures names no calculator.")
        return super().fit(X, y)

    def _learns(self) -> bool:
        return False

    def _feature_names(self) -> list[str]:
        return self._calculators

    def _joint_names(self, channels: list[str]) -> list[str]:
        return [f"{channel}__{name}" for channel in channels for name in self._feature_names()]

    def _extract(self, X: NDArray[np.floating], fs: float) -> NDArray[np.floating]:
        from joblib import Parallel, delayed, effective_n_jobs

        rows = X.reshape(-1, X.shape[-1])
        n_blocks = 1 if effective_n_jobs(self.n_jobs) == 1 else 4 * effective_n_jobs(self.n_jobs)
        blocks = np.array_split(np.arange(len(rows)), min(n_blocks, len(rows)))
        values = Parallel(n_jobs=self.n_jobs)(
            delayed(_block)(rows[block[0] : block[-1] + 1], self.settings_) for block in blocks
        )
        values = np.concatenate(values).astype(X.dtype)
        missing = ~np.isfinite(values)
        if missing.any():
            self._check_missing(missing)
            values[missing] = 0.0 if self.missing == "zero" else np.nan
        return values.reshape(*X.shape[:2], -1)

    def _check_missing(self, missing: NDArray[np.bool_]) -> None:
        if self.missing != "raise":
            return
        columns = np.flatnonzero(missing.any(axis=0))
        names = first_few(self._calculators[column] for column in columns)
        raise ValueError(
            f"tsfresh has no value for {names} in {missing.any(axis=1).sum()} of "
            f"{counted(len(missing), 'signal')}, which may be constant or too short. Leave those "
            "features out of 'settings', or set missing='keep' (NaN, for an imputer) or "
            "missing='zero'."
        )
