"""Published feature sets, and features of several families by their names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal, Self, cast

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone

from sklearn_emg._sklearn import Integral, Interval, Real, StrOptions
from sklearn_emg._tables import counted, first_few
from sklearn_emg._validation import did_you_mean
from sklearn_emg.base import FeatureExtractor
from sklearn_emg.feature_extraction._autoregressive import AutoregressiveFeatures
from sklearn_emg.feature_extraction._complexity import ComplexityFeatures
from sklearn_emg.feature_extraction._info import FeatureInfo, check_features
from sklearn_emg.feature_extraction._muap import MUAPFeatures
from sklearn_emg.feature_extraction._multichannel import MultichannelFeatures
from sklearn_emg.feature_extraction._spectral import SpectralFeatures
from sklearn_emg.feature_extraction._table import FAMILIES
from sklearn_emg.feature_extraction._time_domain import TimeDomainFeatures
from sklearn_emg.feature_extraction._wavelet import CWTFeatures, WaveletFeatures

FEATURE_SETS: dict[str, tuple[str, ...]] = {
    "hudgins": ("mav", "zc", "ssc", "wl"),
    "phinyomark-2012": ("mav", "wl", "wamp", "ar", "mavslp"),
    "phinyomark-2013": ("sample_entropy", "cepstrum", "rms", "wl"),
    "elamvazuthi": ("ar", "rms", "zc", "wl", "mav"),
    "ahmed": (
        "rms",
        "wl",
        "var",
        "mfl",
        "mmav1",
        "ewl",
        "dasdv",
        "aac",
        "fft_var",
        "fft_max",
        "tkeo_var",
    ),
    "patel": (
        "mean",
        "var",
        "mav",
        "rms",
        "wl",
        "zc",
        "log",
        "dasdv",
        "aac",
        "var_abs",
        "kurtosis",
        "skewness",
    ),
}


def _known() -> dict[str, FeatureInfo]:
    """Map names to features; a name that occurs in two families refers to the first."""
    known: dict[str, FeatureInfo] = {}
    for infos in FAMILIES.values():
        for name, info in infos.items():
            known.setdefault(name, info)
    return known


def _family_of(name: str) -> type:
    return next(family for family, infos in FAMILIES.items() if name in infos)


class EMGFeatures(FeatureExtractor):
    """Features of several families at once: a published set, or any features by their names.

    Parameters
    ----------
    features : str or list of str, default="hudgins"
        Name of a set, names of features (see :func:`feature_table`), or "all":

        - "hudgins": MAV, ZC, SSC, WL [1]_;
        - "phinyomark-2012": MAV and WL, WAMP, AR, MAV slope, which represent the four groups of
          features in [2]_ (energy and complexity, frequency, prediction, time dependence);
        - "phinyomark-2013": sample entropy, cepstral coefficients, RMS, WL [3]_;
        - "elamvazuthi": AR, RMS, ZC, WL, MAV [4]_;
        - "ahmed": RMS, WL, variance, maximum fractal length, modified MAV, enhanced WL, DASDV, AAC,
          variance of the FFT, maximum of the FFT density, variance of the Teager-Kaiser energy
          [5]_;
        - "patel": mean, variance, MAV, RMS, WL, ZC, log detector, DASDV, AAC, variance of the
          absolute value, kurtosis, skewness [6]_.

        "all" omits "band_power" if `bands` is None, and features across channels if there is only
        one channel.
    fs : float, default=None
        Sampling rate in Hz. For arrays, it is required by ``turns``, the ridge frequencies and all
        features of the power spectrum and of motor unit potentials; a recording table contains its
        own.
    thresholds, threshold_unit
        See :class:`TimeDomainFeatures`.
    ar_order : int or "aic", default=4
        Order of the autoregressive model; see :class:`AutoregressiveFeatures`.
    bands : sequence of (low, high) pairs, default=None
        Bands in Hz for "band_power"; see :class:`SpectralFeatures`.
    wavelet : str, default="db4"
        Wavelet of the discrete transform; see :class:`WaveletFeatures`.
    level : int, default=4
        Number of levels of the discrete transform.
    drop : sequence of str, default=()
        Names of features to omit from `features`, or domains of :func:`feature_table`, such as
        "wavelet", "complexity" or "motor unit".
    on_short : {"raise", "drop"}, default="raise"
        Treatment of features for which windows seen in ``fit`` are too short: "raise" raises an
        error that names them, and "drop" omits them. For example, windows of 0.5 s at 200 Hz are
        too short for four levels of "db4".
    n_jobs : int, default=None
        Number of threads. None means 1 unless a `joblib.parallel_config` context is active; -1
        means all processors. The results do not depend on `n_jobs`.

    Attributes
    ----------
    extractors_ : list of FeatureExtractor
        Fitted extractors of the families to which the requested features belong.
    dropped_ : list of str
        Names of the features that were omitted because windows were too short for them.
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
        If a name is unknown, the sampling rate is missing, no feature remains after `drop`, or
        windows are too short for a feature.

    Notes
    -----
    Columns are ordered by channel, with the features of each channel in the requested order;
    features across channels come last. A set determines only the names of the features; the order
    of the autoregressive model and the thresholds are set by the parameters. For other settings,
    combine the extractors with :func:`sklearn.pipeline.make_union`.

    References
    ----------
    .. [1] B. Hudgins, P. Parker, R. Scott. A new strategy for multifunction myoelectric control.
       IEEE Trans. Biomed. Eng. 40 (1993) 82-94.
    .. [2] A. Phinyomark, P. Phukpattaranont, C. Limsakul. Feature reduction and selection for EMG
       signal classification. Expert Systems with Applications 39 (2012) 7420-7431.
    .. [3] A. Phinyomark et al. EMG feature evaluation for improving myoelectric pattern recognition
       robustness. Expert Systems with Applications 40 (2013) 4832-4840.
    .. [4] I. Elamvazuthi et al. Electromyography (EMG) based classification of neuromuscular
       disorders using multi-layer perceptron. Procedia Computer Science 76 (2015) 223-228.
    .. [5] Ahmed, Islam (2021), eleven features and a two-layer network.
    .. [6] Patel, Sunitha (2022), twelve features with MLP, SVM, RF, GB and kNN.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emg.feature_extraction import EMGFeatures
    >>> X = np.random.default_rng(0).normal(size=(3, 2, 400))
    >>> EMGFeatures("elamvazuthi", ar_order=2).fit(X).get_feature_names_out().tolist()[:6]
    ['ch1_ar_1', 'ch1_ar_2', 'ch1_rms', 'ch1_zc', 'ch1_wl', 'ch1_mav']
    >>> EMGFeatures(["mdf", "sample_entropy"], fs=1000.0).fit_transform(X).shape
    (3, 4)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "features": [str, "array-like"],
        "thresholds": [Interval(Real, 0, None, closed="left"), dict],
        "threshold_unit": [StrOptions({"mV", "noise"})],
        "ar_order": [Interval(Integral, 1, None, closed="left"), StrOptions({"aic"})],
        "bands": ["array-like", None],
        "wavelet": [str],
        "level": [Interval(Integral, 1, None, closed="left")],
        "drop": [list, tuple],
        "on_short": [StrOptions({"raise", "drop"})],
        "n_jobs": [Integral, None],
    }

    def __init__(
        self,
        features: str | Sequence[str] = "hudgins",
        *,
        fs: float | None = None,
        thresholds: float | Mapping[str, float] = 0.01,
        threshold_unit: Literal["mV", "noise"] = "mV",
        ar_order: int | Literal["aic"] = 4,
        bands: Sequence[tuple[float, float]] | None = None,
        wavelet: str = "db4",
        level: int = 4,
        drop: Sequence[str] = (),
        on_short: Literal["raise", "drop"] = "raise",
        n_jobs: int | None = None,
    ):
        self.features = features
        self.fs = fs
        self.thresholds = thresholds
        self.threshold_unit = threshold_unit
        self.ar_order = ar_order
        self.bands = bands
        self.wavelet = wavelet
        self.level = level
        self.drop = drop
        self.on_short = on_short
        self.n_jobs = n_jobs

    def _names(self) -> list[str]:
        omitted = {*self._to_drop(), *getattr(self, "dropped_", ())}
        names = [name for name in self._requested_names() if name not in omitted]
        if not names:
            raise ValueError(
                "The 'drop' and 'on_short' parameters of EMGFeatures leave no feature. Drop fewer "
                "features or use longer windows."
            )
        return names

    def _to_drop(self) -> set[str]:
        known = _known()
        domains = {info.domain for info in known.values()}
        for name in self.drop:
            if name not in known and name not in domains:
                raise ValueError(
                    "The 'drop' parameter of EMGFeatures must contain names of features or the "
                    f"domains {', '.join(map(repr, sorted(domains)))}. Got {name!r} instead."
                    f"{did_you_mean(name, [*known, *domains])}"
                )
        return {name for name, info in known.items() if {name, info.domain} & set(self.drop)}

    def _requested_names(self) -> list[str]:
        known = _known()
        if not isinstance(self.features, str):
            return check_features(self.features, known, type(self).__name__)
        if self.features in FEATURE_SETS:
            return list(FEATURE_SETS[self.features])
        if self.features != "all":
            raise ValueError(
                "The 'features' parameter of EMGFeatures must be 'all', a list of names of "
                f"features or one of the sets {', '.join(map(repr, FEATURE_SETS))}. "
                f"Got {self.features!r} instead."
            )
        omitted = set() if self.bands is not None else {"band_power"}
        if self.n_channels_in_ == 1:
            omitted.update(FAMILIES[MultichannelFeatures])
        return [name for name in known if name not in omitted]

    def _needs_fs(self) -> bool:
        return any(self._extractor(_family_of(n), [n])._needs_fs() for n in self._names())

    def _extractor(self, family: type, names: list[str]) -> FeatureExtractor:
        shared = {"features": names, "n_jobs": self.n_jobs}
        settings: dict[type, dict[str, Any]] = {
            TimeDomainFeatures: {
                "fs": self.fs,
                "thresholds": self.thresholds,
                "threshold_unit": self.threshold_unit,
            },
            AutoregressiveFeatures: {"order": self.ar_order},
            SpectralFeatures: {"fs": self.fs, "bands": self.bands},
            WaveletFeatures: {"wavelet": self.wavelet, "level": self.level},
            CWTFeatures: {"fs": self.fs},
            ComplexityFeatures: {},
            MUAPFeatures: {"fs": self.fs},
            MultichannelFeatures: {},
        }
        extractor = family(**shared, **settings[family])
        # Messages name the class whose parameters the user has set.
        extractor._owner = type(self).__name__
        return extractor

    def fit(self, X: ArrayLike | pd.DataFrame, y: Any = None) -> Self:
        """Check the parameters and the input, and fit the extractors of the families.

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
        self.extractors_, self.dropped_ = [], []
        super().fit(X, y)
        self.dropped_ = self._too_short(X)
        families = [self._extractor(f, names) for f, names in self._by_family().items()]
        self.extractors_ = [family.fit(X) for family in families]
        self._order = self._column_order()
        return self

    def _learns(self) -> bool:
        return self.on_short == "drop"  # the lengths seen in fit determine the features

    def _by_family(self) -> dict[type, list[str]]:
        by_family: dict[type, list[str]] = {}
        for name in self._names():
            by_family.setdefault(_family_of(name), []).append(name)
        # Features across channels belong to no single channel and come last.
        return dict(sorted(by_family.items(), key=lambda item: item[0] is MultichannelFeatures))

    def _too_short(self, X: ArrayLike | pd.DataFrame) -> list[str]:
        """Find the features for which some window is too short.

        Raises
        ------
        ValueError
            If `X` is an array, a window is too short and `on_short` is "raise". For a table,
            ``transform`` raises an error that names the rows.
        """
        if self._is_table(X):
            if self.on_short == "raise":
                return []
            lengths = [signal.shape[-1] for signal in X["signal"]]
            shapes = sorted(set(zip(lengths, X["fs"].astype(float))))
        else:
            shapes = [(cast(int, self.n_times_in_), self._array_fs())]
        families = [self._extractor(f, names) for f, names in self._by_family().items()]
        short: dict[str, int] = {}
        for n_times, fs in shapes:
            found = self._needed(families, n_times, fs)
            if found and self.on_short == "raise":
                self._refuse(n_times, found)
            short |= found
        return list(short)

    @staticmethod
    def _needed(families: Sequence[FeatureExtractor], n_times: int, fs: float) -> dict[str, int]:
        """Return the minimum length of each feature that needs more than `n_times` samples."""
        shortest = [item for family in families for item in family._shortest(fs).items()]
        return {name: n for name, n in shortest if n > n_times}

    def _refuse(self, n_times: int, short: Mapping[str, int]) -> None:
        levels = counted(self.level, "level")
        settings = {
            AutoregressiveFeatures: (f" of order {self.ar_order}", "lower 'ar_order'"),
            WaveletFeatures: (f" of {levels} of {self.wavelet!r}", "lower 'level'"),
        }
        groups: dict[tuple[str, int], list[str]] = {}
        remedies = ["use longer windows"]
        for name, n in short.items():
            text, remedy = settings.get(_family_of(name), ("", remedies[0]))
            groups.setdefault((text, n), []).append(name)
            if remedy not in remedies:
                remedies.append(remedy)
        parts = []
        for (text, n), names in groups.items():
            verb = "needs" if len(names) == 1 else "need"
            parts.append(f"{first_few(names, 4)}{text} {verb} {n}")
        if self.on_short == "raise":
            known = _known()
            domains = sorted({known[name].domain for name in short})
            remedies += [f"omit them with drop={domains}", "set on_short='drop'"]
        else:
            remedies.append("fit on windows as short as these")
        raise ValueError(
            f"Windows of {counted(n_times, 'sample')} (n_features={n_times}) are too short for "
            f"EMGFeatures: {'; '.join(parts)}. Remedies: {', '.join(remedies[:-1])} or "
            f"{remedies[-1]}."
        )

    def _column_order(self) -> list[int]:
        """List the columns of one channel in the order of the requested names."""
        columns: dict[str, list[int]] = {}
        first = 0
        for extractor in self._per_channel():
            for name in extractor.features:
                width = len(self._single(extractor, name)._feature_names())
                columns[name] = list(range(first, first + width))
                first += width
        return [column for name in self._names() for column in columns.get(name, [])]

    @staticmethod
    def _single(extractor: FeatureExtractor, name: str) -> FeatureExtractor:
        single = clone(extractor).set_params(features=[name])
        # Names may depend on fitted attributes, such as the order of a model.
        for key, value in vars(extractor).items():
            if key.endswith("_") and not key.startswith("_"):
                setattr(single, key, value)
        return single

    def _per_channel(self) -> list[FeatureExtractor]:
        return [e for e in self.extractors_ if not isinstance(e, MultichannelFeatures)]

    def _across(self) -> list[FeatureExtractor]:
        return [e for e in self.extractors_ if isinstance(e, MultichannelFeatures)]

    def _check_parameters(self, fs: float) -> None:
        self._names()
        for extractor in self.extractors_:
            extractor._check_parameters(fs)

    def _check_length(self, n_times: int, fs: float) -> None:
        if short := self._needed(self.extractors_, n_times, fs):
            self._refuse(n_times, short)
        for extractor in self.extractors_:
            extractor._check_length(n_times, fs)

    def _joint_names(self, channels: list[str]) -> list[str]:
        names = [name for e in self._per_channel() for name in e._feature_names()]
        names = [names[column] for column in self._order]
        if len(channels) > 1:
            names = [f"{channel}_{name}" for channel in channels for name in names]
        return names + [name for e in self._across() for name in e._joint_names(channels)]

    def _extract(self, X: NDArray[np.floating], fs: float) -> NDArray[np.floating]:
        blocks = []
        if self._per_channel():
            values = np.concatenate([e._extract(X, fs) for e in self._per_channel()], axis=-1)
            blocks.append(values[..., self._order].reshape(len(X), -1))
        blocks.extend(e._extract(X, fs) for e in self._across())
        return np.concatenate(blocks, axis=1)
