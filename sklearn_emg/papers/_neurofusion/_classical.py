"""Classical methods with which Chandrasekaran et al. (2024) compare NeuroFusionNet.

The source names no data set and does not state how subjects were split; its results are quoted with
this warning.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sklearn.ensemble import (
    ExtraTreesClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    VotingClassifier,
)
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_emg.feature_extraction import (
    SpectralFeatures,
    TimeDomainFeatures,
    WaveletFeatures,
)
from sklearn_emg.feature_selection import RandomForestSelector
from sklearn_emg.papers._building import (
    BAND_PASS,
    MEAN_VOTE,
    SCALING,
    SPECTRUM,
    THRESHOLDS,
    TRAINING_OF_PERCEPTRON,
    classical_classifier,
    classifier_of_features,
    over_filtered,
    perceptron,
)
from sklearn_emg.papers._neurofusion._published import method, neurofusion_systems
from sklearn_emg.papers._registry import OpenChoice
from sklearn_emg.preprocessing import Envelope

_TIME = ("mav", "rms", "wl", "zc", "ssc", "wamp", "var")
_FREQUENCY = ("mnf", "mdf", "pkf", "ttp", "sm1", "sm2", "spectral_entropy")
_WHY = "the source states only the name of the method"
_FILTER = OpenChoice("sampling rate and windows", "10 kHz; 0.4 s every 0.2 s", _WHY)
_LDA = OpenChoice("classifier", "linear discriminant analysis", _WHY)


@neurofusion_systems(
    {
        "time-domain": method(
            "time-domain features with linear discriminant analysis",
            "time-domain features + LDA",
            "time-domain analysis",
        )
    },
    open_choices=[
        OpenChoice("features", "MAV, RMS, WL, ZC, SSC, Willison amplitude and variance", _WHY),
        THRESHOLDS,
        SCALING,
        _LDA,
        BAND_PASS,
        _FILTER,
        MEAN_VOTE,
    ],
)
def time_domain_analysis(
    *,
    fs: float = 10_000.0,
    window: float = 0.4,
    step: float | None = 0.2,
) -> Pipeline:
    """Time-domain features with linear discriminant analysis.

    Parameters
    ----------
    $windows

    Returns
    -------
    pipeline : Pipeline
        Pipeline whose ``divote__estimator`` has the steps ``features``, ``scaler`` and
        ``classifier``.

    Notes
    -----
    The source also reports a precision of 82 %, a recall of 89 % and an F1 score of 85 %.

    $notes

    References
    ----------
    $source

    Examples
    --------
    >>> from sklearn_emg.papers import time_domain_analysis
    >>> time_domain_analysis(window=0.2).named_steps["divote"].window
    0.2
    """
    windows = classifier_of_features(TimeDomainFeatures(list(_TIME)), classical_classifier("lda"))
    return over_filtered(windows, fs, window, step)


@neurofusion_systems(
    {
        "frequency-domain": method(
            "features of the power spectrum with linear discriminant analysis",
            "spectral features + LDA",
            "frequency-domain",
        )
    },
    open_choices=[
        OpenChoice(
            "features",
            "mean, median and peak frequency, total power, first two spectral moments and spectral "
            "entropy",
            _WHY,
        ),
        SPECTRUM,
        SCALING,
        _LDA,
        BAND_PASS,
        _FILTER,
        MEAN_VOTE,
    ],
)
def frequency_domain_analysis(
    *,
    fs: float = 10_000.0,
    window: float = 0.4,
    step: float | None = 0.2,
) -> Pipeline:
    """Features of the power spectrum with linear discriminant analysis.

    Parameters
    ----------
    $windows

    Returns
    -------
    pipeline : Pipeline
        Pipeline whose ``divote__estimator`` has the steps ``features``, ``scaler`` and
        ``classifier``.

    Notes
    -----
    The source also reports a precision of 85 %, a recall of 91 % and an F1 score of 88 %.

    $notes

    References
    ----------
    $source

    Examples
    --------
    >>> from sklearn_emg.papers import frequency_domain_analysis
    >>> frequency_domain_analysis(fs=2000.0).get_params()["resample__fs_out"]
    2000.0
    """
    features = SpectralFeatures(list(_FREQUENCY))
    windows = classifier_of_features(features, classical_classifier("lda"))
    return over_filtered(windows, fs, window, step)


@neurofusion_systems(
    {
        "amplitude-envelope": method(
            "shape of the RMS envelope with linear discriminant analysis",
            "RMS envelope + LDA",
            "amplitude envelope",
        )
    },
    open_choices=[
        OpenChoice("envelope", "moving RMS of 50 ms", _WHY),
        OpenChoice(
            "features",
            "mean, standard deviation, range, waveform length, skewness and kurtosis of the "
            "envelope",
            _WHY,
        ),
        SCALING,
        _LDA,
        BAND_PASS,
        _FILTER,
        MEAN_VOTE,
    ],
)
def amplitude_envelope_analysis(
    *,
    fs: float = 10_000.0,
    window: float = 0.4,
    step: float | None = 0.2,
    envelope: float = 0.05,
) -> Pipeline:
    """Shape of the moving RMS envelope with linear discriminant analysis.

    Parameters
    ----------
    $windows
    envelope : float, default=0.05
        Length of the moving RMS in seconds.

    Returns
    -------
    pipeline : Pipeline
        Pipeline with a step ``envelope`` before ``divote``.

    Notes
    -----
    The source also reports a precision of 78 %, a recall of 86 % and an F1 score of 82 %.

    $notes

    References
    ----------
    $source

    Examples
    --------
    >>> from sklearn_emg.papers import amplitude_envelope_analysis
    >>> amplitude_envelope_analysis().named_steps["envelope"]
    Envelope(window=0.05)
    """
    features = TimeDomainFeatures(["mean", "std", "ptp", "wl", "skewness", "kurtosis"])
    windows = classifier_of_features(features, classical_classifier("lda"))
    before = (("envelope", Envelope(window=envelope)),)
    return over_filtered(windows, fs, window, step, before=before)


@neurofusion_systems(
    {
        "tree-ensembles": method(
            "random forest, extra trees and gradient boosting with a soft vote",
            "forest, extra trees and boosting, soft vote",
            "ensembles",
        )
    },
    open_choices=[
        OpenChoice("features", "as in the time-domain and frequency-domain analyses", _WHY),
        OpenChoice(
            "ensembles",
            "mean probability of a random forest, extra trees (200 trees each) and histogram "
            "gradient boosting",
            _WHY,
        ),
        THRESHOLDS,
        SPECTRUM,
        SCALING,
        BAND_PASS,
        _FILTER,
        MEAN_VOTE,
    ],
)
def tree_ensembles(
    *,
    fs: float = 10_000.0,
    window: float = 0.4,
    step: float | None = 0.2,
    n_estimators: int = 200,
    random_state: Any = None,
) -> Pipeline:
    """Vote of random forest, extra trees and boosted trees on time and frequency features.

    This system corresponds to the row "ensembles" in the source.

    Parameters
    ----------
    $windows
    n_estimators : int, default=200
        Number of trees of each forest.
    $random_state

    Returns
    -------
    pipeline : Pipeline
        Pipeline whose ``divote__estimator`` has the steps ``features``, ``scaler`` and
        ``classifier``.

    Notes
    -----
    The source also reports a sensitivity of 89.5 % and a specificity of 85.2 %.

    $notes

    References
    ----------
    $source

    Examples
    --------
    >>> from sklearn_emg.papers import tree_ensembles
    >>> [n for n, _ in tree_ensembles().get_params()["divote__estimator__classifier"].estimators]
    ['forest', 'extra', 'boosting']
    """
    members = [
        ("forest", RandomForestClassifier(n_estimators, random_state=random_state)),
        ("extra", ExtraTreesClassifier(n_estimators, random_state=random_state)),
        ("boosting", HistGradientBoostingClassifier(random_state=random_state)),
    ]
    windows = classifier_of_features(
        FeatureUnion(_two_domains()), VotingClassifier(members, voting="soft")
    )
    return over_filtered(windows, fs, window, step)


@neurofusion_systems(
    {
        "selected-features-mlp": method(
            "features of three domains, selected by a random forest, with a multilayer perceptron",
            "three domains, forest selection, MLP",
            "hybrid",
        )
    },
    open_choices=[
        OpenChoice(
            "features",
            "as in the time-domain and frequency-domain analyses, and features of a discrete "
            "wavelet transform (db4, four levels)",
            _WHY,
        ),
        THRESHOLDS,
        SPECTRUM,
        SCALING,
        OpenChoice(
            "selection", "features above the mean impurity importance in a random forest", _WHY
        ),
        OpenChoice(
            "classifier",
            f"a multilayer perceptron with 64 and 32 units, {TRAINING_OF_PERCEPTRON}",
            _WHY,
        ),
        BAND_PASS,
        _FILTER,
        MEAN_VOTE,
    ],
)
def selected_features_mlp(
    *,
    fs: float = 10_000.0,
    window: float = 0.4,
    step: float | None = 0.2,
    hidden: Sequence[int] = (64, 32),
    random_state: Any = None,
) -> Pipeline:
    """Features of three domains, selected by a random forest, with a multilayer perceptron.

    This system corresponds to the row "hybrid" in the source.

    Parameters
    ----------
    $windows
    hidden : sequence of int, default=(64, 32)
        Number of units of each hidden layer.
    $random_state

    Returns
    -------
    pipeline : Pipeline
        Pipeline whose ``divote__estimator`` has the steps ``features``, ``scaler``, ``selection``
        and ``classifier``.

    Notes
    -----
    The source also reports a sensitivity of 91.0 % and a specificity of 87.3 %.

    $notes

    References
    ----------
    $source

    Examples
    --------
    >>> from sklearn_emg.papers import selected_features_mlp
    >>> list(selected_features_mlp().named_steps["divote"].estimator.named_steps)
    ['features', 'scaler', 'selection', 'classifier']
    """
    features = FeatureUnion([*_two_domains(), ("wavelet", WaveletFeatures())])
    windows = Pipeline(
        [
            ("features", features),
            ("scaler", StandardScaler()),
            ("selection", RandomForestSelector(random_state=random_state)),
            ("classifier", perceptron(hidden, random_state)),
        ]
    )
    return over_filtered(windows, fs, window, step)


def _two_domains() -> list[tuple[str, Any]]:
    return [
        ("time", TimeDomainFeatures(list(_TIME))),
        ("spectral", SpectralFeatures(list(_FREQUENCY))),
    ]
