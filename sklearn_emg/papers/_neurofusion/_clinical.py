"""Quantitative EMG and rules on normal limits, which were compared with NeuroFusionNet (2024)."""

from __future__ import annotations

from typing import Any

from sklearn.pipeline import FeatureUnion, Pipeline

from sklearn_emg._validation import check_option
from sklearn_emg.ensemble import NormalLimitRules
from sklearn_emg.feature_extraction import MUAPFeatures, SpectralFeatures, TimeDomainFeatures
from sklearn_emg.papers._building import (
    BAND_PASS,
    MEAN_VOTE,
    SCALING,
    SPECTRUM,
    TRAINING_OF_PERCEPTRON,
    classical_classifier,
    classifier_of_features,
    over_filtered,
)
from sklearn_emg.papers._neurofusion._published import method, neurofusion_systems
from sklearn_emg.papers._registry import OpenChoice

_POTENTIALS = (
    "muap_amplitude",
    "muap_duration",
    "muap_thickness",
    "muap_size_index",
    "muap_polyphasic",
)
_WHY = "the source states only the name of the method"
_FILTER = OpenChoice("sampling rate and windows", "10 kHz; 0.4 s every 0.2 s", _WHY)
_QUANTITATIVE = {
    "lda": ("linear discriminant analysis", "LDA", "traditional EMG analysis"),
    "svm": ("a support vector machine", "SVM", "SVM"),
    "rf": ("a random forest", "forest", "standard machine learning"),
    "mlp": ("a multilayer perceptron", "MLP", "traditional neural network"),
}


@neurofusion_systems(
    {
        f"quantitative-emg-{key}": method(
            f"quantitative EMG measures with {name}",
            f"quantitative EMG + {short}",
            row,
            {"classifier": key},
        )
        for key, (name, short, row) in _QUANTITATIVE.items()
    },
    open_choices=[
        OpenChoice(
            "features",
            "turns (of at least 0.1 mV) per second, mean amplitude per turn, MAV, RMS, zero "
            "crossings of at least 0.01 mV, mean and median frequency",
            _WHY,
        ),
        SPECTRUM,
        SCALING,
        OpenChoice(
            "classifiers",
            "the defaults of scikit-learn; the network has one layer of 100 units and is "
            f"{TRAINING_OF_PERCEPTRON}; the forest has 100 trees, and margins of the SVM are "
            "converted to probabilities by Platt's scaling, cross-validated by subject",
            _WHY,
        ),
        BAND_PASS,
        _FILTER,
        MEAN_VOTE,
    ],
)
def quantitative_emg(
    classifier: str = "lda",
    *,
    fs: float = 10_000.0,
    window: float = 0.4,
    step: float | None = 0.2,
    random_state: Any = None,
) -> Pipeline:
    """Quantitative EMG measures with a standard classifier.

    The measures are turns per second, mean amplitude per turn, mean absolute value, RMS, zero
    crossings, mean and median frequency.

    Parameters
    ----------
    classifier : {"lda", "svm", "rf", "mlp"}, default="lda"
        Classifier. "lda" corresponds to the row "traditional EMG analysis" in the source, "svm" to
        the row "SVM", "rf" to "standard machine learning" and "mlp" to "traditional neural
        network".
    $windows
    $random_state

    Returns
    -------
    pipeline : Pipeline
        Pipeline whose ``divote__estimator`` has the steps ``features``, ``scaler`` and
        ``classifier``.

    Raises
    ------
    ValueError
        If `classifier` is not one of the above.

    Notes
    -----
    $notes

    References
    ----------
    $source

    Examples
    --------
    >>> from sklearn_emg.papers import quantitative_emg
    >>> quantitative_emg().get_params()["divote__estimator__classifier"]
    LinearDiscriminantAnalysis()
    """
    check_option(classifier, tuple(_QUANTITATIVE), "classifier", "quantitative_emg")
    time = TimeDomainFeatures(["turns", "turn_amplitude", "mav", "rms", "zc"])
    features = FeatureUnion([("time", time), ("spectral", SpectralFeatures(["mnf", "mdf"]))])
    windows = classifier_of_features(features, classical_classifier(classifier, random_state))
    return over_filtered(windows, fs, window, step)


@neurofusion_systems(
    {
        "rule-based": method(
            "rules on turns, amplitude and motor unit potentials",
            "rules on turns, amplitude and motor unit potentials",
            "rule-based",
        )
    },
    open_choices=[
        OpenChoice(
            "measures",
            "turns (of at least 0.1 mV) per second, mean amplitude per turn, RMS and zero "
            "crossings of at least 0.01 mV of a window; the median amplitude, duration, ratio of "
            "area to amplitude and size index of the isolated potentials in it, and the fraction "
            "of these with more than four phases",
            _WHY,
        ),
        OpenChoice(
            "rules",
            "each measure is compared with the mean +/- 2 standard deviations of the windows of "
            "the normal group in training, and the rules form a decision list of at most nine "
            "rules; rules on potentials do not apply to a window without potentials",
            _WHY,
        ),
        BAND_PASS,
        _FILTER,
        MEAN_VOTE,
    ],
)
def rule_based(
    *,
    fs: float = 10_000.0,
    window: float = 0.4,
    step: float | None = 0.2,
    limit: float = 2.0,
    max_rules: int = 9,
    turn_threshold: float = 0.1,
) -> Pipeline:
    """Rules that compare turns, amplitude and motor unit potentials with normal limits.

    Parameters
    ----------
    $windows
    limit : float, default=2.0
        Distance of the normal limits from the mean of the normal group, in standard deviations.
    max_rules : int, default=9
        Maximum number of rules in the decision list. There are nine measures.
    turn_threshold : float, default=0.1
        Minimum amplitude of a turn in mV.

    Returns
    -------
    pipeline : Pipeline
        Pipeline whose rules, after `fit`, are returned as text by
        ``pipeline["divote"].estimator_["classifier"].export_text()``.

    See Also
    --------
    sklearn_emg.ensemble.NormalLimitRules : Learns the decision list.
    sklearn_emg.feature_extraction.MUAPFeatures : Finds and measures potentials.

    Notes
    -----
    The source also reports a sensitivity of 79.2 % and a specificity of 72.5 %.

    $notes

    The measures of motor unit potentials are meant for needle EMG. Surface EMG, and EMG with a
    sampling rate below about 4 kHz, has few or no potentials that are steep enough; the diagnosis
    then depends on the other four measures.

    References
    ----------
    $source

    E. Stalberg et al., "Automatic analysis of the EMG interference pattern", Electroencephalogr.
    Clin. Neurophysiol. 56 (1983) 672-681.

    E. Stalberg et al., "Quantitative motor unit potential analysis", J. Clin. Neurophysiol. 13
    (1996) 401-422.

    Examples
    --------
    >>> from sklearn_emg.papers import rule_based
    >>> rule_based(limit=2.5).get_params()["divote__estimator__classifier__limit"]
    2.5
    """
    signal = TimeDomainFeatures(
        ["turns", "turn_amplitude", "rms", "zc"], turn_threshold=turn_threshold
    )
    # The value is NaN if there are no potentials, since 0 would mean a small potential.
    potentials = MUAPFeatures(list(_POTENTIALS), fill_value=float("nan"))
    features = FeatureUnion(
        [("signal", signal), ("potentials", potentials)], verbose_feature_names_out=False
    ).set_output(transform="pandas")
    rules = NormalLimitRules(limit=limit, max_rules=max_rules)
    windows = Pipeline([("features", features), ("classifier", rules)])
    return over_filtered(windows, fs, window, step)
