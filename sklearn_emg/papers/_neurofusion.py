"""NeuroFusionNet's Algorithm 1 and the methods that its tables compare it with.

The source names no data set and says nothing of how subjects were split; its figures are quoted
with that warning.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import (
    ExtraTreesClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    VotingClassifier,
)
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_emg.ensemble import NormalLimitRules
from sklearn_emg.feature_extraction import (
    CWTFeatures,
    MUAPFeatures,
    SpectralFeatures,
    TimeDomainFeatures,
    WaveletFeatures,
)
from sklearn_emg.feature_selection import RandomForestSelector
from sklearn_emg.papers._building import check_choice, over_filtered
from sklearn_emg.papers._feature_studies import _classifier, _windows
from sklearn_emg.papers._registry import Figure, register
from sklearn_emg.preprocessing import AdaptiveFilter, AmplitudeScaler, Envelope, WaveletDenoiser

CITATION = (
    "Pioneering prognosis and management in neuromuscular healthcare using EMG signal processing "
    "with advanced deep learning techniques (NeuroFusionNet)"
)
INPUT = "EMG, windows of 0.4 s every 0.2 s; the source names no data"
_TIME = ("mav", "rms", "wl", "zc", "ssc", "wamp", "var")
_FREQUENCY = ("mnf", "mdf", "pkf", "ttp", "sm1", "sm2", "spectral_entropy")
_POTENTIALS = (
    "muap_amplitude",
    "muap_duration",
    "muap_thickness",
    "muap_size_index",
    "muap_polyphasic",
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
    fs : float, default=10000
        Rate in Hz at which windows are cut.
    window, step : float, default=0.4 and 0.2
        Seconds.

    Returns
    -------
    pipeline : Pipeline
        ``divote__estimator`` has the steps ``features``, ``scaler``, ``classifier``.

    Notes
    -----
    Published, without naming data or split: accuracy .85, precision .82, recall .89, F1 .85.

    Left open in the source, with the choice made here:

    - everything but the name: MAV, RMS, WL, ZC, SSC, Willison amplitude, variance; linear
      discriminant analysis; band-pass of 20 to 4000 Hz; vote by mean probability

    Examples
    --------
    >>> from sklearn_emg.papers import time_domain_analysis
    >>> time_domain_analysis(window=0.2).named_steps["divote"].window
    0.2
    """
    return over_filtered(_windows(TimeDomainFeatures(list(_TIME)), _LDA()), fs, window, step)


def frequency_domain_analysis(
    *,
    fs: float = 10_000.0,
    window: float = 0.4,
    step: float | None = 0.2,
) -> Pipeline:
    """Features of the power spectrum with linear discriminant analysis.

    Parameters
    ----------
    fs : float, default=10000
        Rate in Hz at which windows are cut.
    window, step : float, default=0.4 and 0.2
        Seconds.

    Returns
    -------
    pipeline : Pipeline
        ``divote__estimator`` has the steps ``features``, ``scaler``, ``classifier``.

    Notes
    -----
    Published, without naming data or split: accuracy .88, precision .85, recall .91, F1 .88.

    Left open in the source, with the choice made here:

    - everything but the name: mean, median and peak frequency, total power, first two moments,
      spectral entropy; linear discriminant analysis; band-pass of 20 to 4000 Hz; vote by mean
      probability

    Examples
    --------
    >>> from sklearn_emg.papers import frequency_domain_analysis
    >>> frequency_domain_analysis(fs=2000.0).get_params()["resample__fs_out"]
    2000.0
    """
    features = SpectralFeatures(list(_FREQUENCY))
    return over_filtered(_windows(features, _LDA()), fs, window, step)


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
    fs : float, default=10000
        Rate in Hz at which windows are cut.
    window, step : float, default=0.4 and 0.2
        Seconds.
    envelope : float, default=0.05
        Length of the moving RMS in seconds.

    Returns
    -------
    pipeline : Pipeline
        With a step ``envelope`` ahead of ``divote``.

    Notes
    -----
    Published, without naming data or split: accuracy .84, precision .78, recall .86, F1 .82.

    Left open in the source, with the choice made here:

    - everything but the name: moving RMS of 50 ms; its mean, standard deviation, range, waveform
      length, skewness and kurtosis; linear discriminant analysis; band-pass of 20 to 4000 Hz; vote
      by mean probability

    Examples
    --------
    >>> from sklearn_emg.papers import amplitude_envelope_analysis
    >>> amplitude_envelope_analysis().named_steps["envelope"]
    Envelope(window=0.05)
    """
    features = TimeDomainFeatures(["mean", "std", "ptp", "wl", "skewness", "kurtosis"])
    return over_filtered(
        _windows(features, _LDA()),
        fs,
        window,
        step,
        before=(("envelope", Envelope(window=envelope)),),
    )


def traditional_analysis(
    classifier: str = "lda",
    *,
    fs: float = 10_000.0,
    window: float = 0.4,
    step: float | None = 0.2,
    random_state: Any = None,
) -> Pipeline:
    """Quantitative EMG measures with a standard classifier.

    Turns per second, mean amplitude per turn, mean absolute value, RMS, zero crossings, mean and
    median frequency.

    Parameters
    ----------
    classifier : {"lda", "svm", "rf", "mlp"}, default="lda"
        "lda" is the row "traditional EMG analysis" of the source, "svm" "SVM", "rf" "standard
        machine learning", "mlp" "traditional neural network".
    fs : float, default=10000
        Rate in Hz at which windows are cut.
    window, step : float, default=0.4 and 0.2
        Seconds.
    random_state : int, RandomState instance or None, default=None

    Returns
    -------
    pipeline : Pipeline
        ``divote__estimator`` has the steps ``features``, ``scaler``, ``classifier``.

    Raises
    ------
    ValueError
        If `classifier` is not one of the above.

    Notes
    -----
    Published, without naming data or split, accuracy: traditional analysis 78.5 %, SVM 88, standard
    machine learning 85.3, traditional neural network 81.6.

    Left open in the source, with the choice made here:

    - everything but the names: the measures above, turns of at least 0.1 mV; classifiers with the
      defaults of scikit-learn, the network with one layer of 100 units; band-pass of 20 to 4000 Hz;
      vote by mean probability

    Examples
    --------
    >>> from sklearn_emg.papers import traditional_analysis
    >>> traditional_analysis().get_params()["divote__estimator__classifier"]
    LinearDiscriminantAnalysis()
    """
    check_choice(classifier, ("lda", "svm", "rf", "mlp"), "classifier", "traditional_analysis")
    model = _LDA() if classifier == "lda" else _classifier(classifier, random_state)
    time = TimeDomainFeatures(["turns", "turn_amplitude", "mav", "rms", "zc"])
    spectral = SpectralFeatures(["mnf", "mdf"])
    return over_filtered(
        _windows(FeatureUnion([("time", time), ("spectral", spectral)]), model), fs, window, step
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
    """Rules on turns, amplitude and motor unit potentials: outside the limits of the normal group.

    Parameters
    ----------
    fs : float, default=10000
        Rate in Hz at which windows are cut.
    window, step : float, default=0.4 and 0.2
        Seconds.
    limit : float, default=2.0
        Normal limits in standard deviations on either side of the mean of the normal group.
    max_rules : int, default=9
        Rules in the list, at most; there are nine measures.
    turn_threshold : float, default=0.1
        Least amplitude in mV of a turn of the signal.

    Returns
    -------
    pipeline : Pipeline
        After `fit`, ``pipeline["divote"].estimator_["classifier"].export_text()`` prints the rules.

    See Also
    --------
    sklearn_emg.feature_extraction.MUAPFeatures : How potentials are found and measured.

    Notes
    -----
    Published, without naming data or split: accuracy 76.8 %, sensitivity 79.2, specificity 72.5.

    Left open in the source, with the choice made here:

    - the measures: turns per second, mean amplitude per turn, RMS and zero crossings of a window;
      of the potentials that stand alone in it, median amplitude, duration, ratio of area to
      amplitude and size index, and the share with more than four phases
    - the rules: each measure is held against mean +/- 2 standard deviations of the windows of the
      normal group in training, and ordered into a decision list; a window without a potential meets
      no rule on potentials
    - band-pass of 20 to 4000 Hz; vote by mean probability

    Motor unit potentials are those of needle electrodes. Surface recordings, and rates below some 4
    kHz, show few or none that are steep enough, and the other four measures decide.

    References
    ----------
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
    # NaN where there is no potential: 0 would pass for a small one.
    potentials = MUAPFeatures(list(_POTENTIALS), fill_value=float("nan"))
    features = FeatureUnion(
        [("signal", signal), ("potentials", potentials)], verbose_feature_names_out=False
    ).set_output(transform="pandas")
    windows = Pipeline(
        [
            ("features", features),
            ("classifier", NormalLimitRules(limit=limit, max_rules=max_rules)),
        ]
    )
    return over_filtered(windows, fs, window, step)


def ensembles(
    *,
    fs: float = 10_000.0,
    window: float = 0.4,
    step: float | None = 0.2,
    n_estimators: int = 200,
    random_state: Any = None,
) -> Pipeline:
    """Random forest, extra trees and boosted trees that vote, on time and frequency features.

    Parameters
    ----------
    fs : float, default=10000
        Rate in Hz at which windows are cut.
    window, step : float, default=0.4 and 0.2
        Seconds.
    n_estimators : int, default=200
        Trees of each forest.
    random_state : int, RandomState instance or None, default=None

    Returns
    -------
    pipeline : Pipeline
        ``divote__estimator`` has the steps ``features``, ``scaler``, ``classifier``.

    Notes
    -----
    Published, without naming data or split: accuracy 87.9 %, sensitivity 89.5, specificity 85.2.

    Left open in the source, with the choice made here:

    - everything but the name: the features of the time- and the frequency-domain analysis; mean
      probability of a random forest, extra trees and histogram gradient boosting; band-pass of 20
      to 4000 Hz; vote by mean probability

    Examples
    --------
    >>> from sklearn_emg.papers import ensembles
    >>> [n for n, _ in ensembles().get_params()["divote__estimator__classifier"].estimators]
    ['forest', 'extra', 'boosting']
    """
    members = [
        ("forest", RandomForestClassifier(n_estimators, random_state=random_state)),
        ("extra", ExtraTreesClassifier(n_estimators, random_state=random_state)),
        ("boosting", HistGradientBoostingClassifier(random_state=random_state)),
    ]
    return over_filtered(
        _windows(_both(), VotingClassifier(members, voting="soft")), fs, window, step
    )


def hybrid(
    *,
    fs: float = 10_000.0,
    window: float = 0.4,
    step: float | None = 0.2,
    hidden: Sequence[int] = (64, 32),
    random_state: Any = None,
) -> Pipeline:
    """Features of three domains, chosen by a random forest, read by a neural network.

    Parameters
    ----------
    fs : float, default=10000
        Rate in Hz at which windows are cut.
    window, step : float, default=0.4 and 0.2
        Seconds.
    hidden : sequence of int, default=(64, 32)
        Units of the hidden layers.
    random_state : int, RandomState instance or None, default=None

    Returns
    -------
    pipeline : Pipeline
        ``divote__estimator`` has the steps ``features``, ``scaler``, ``selection``,
        ``classifier``.

    Notes
    -----
    Published, without naming data or split: accuracy 89.2 %, sensitivity 91.0, specificity 87.3.

    Left open in the source, with the choice made here:

    - everything but the name: time, frequency and wavelet features; those of more than the mean
      impurity importance in a random forest; a perceptron of 64 and 32 units; band-pass of 20 to
      4000 Hz; vote by mean probability

    Examples
    --------
    >>> from sklearn_emg.papers import hybrid
    >>> list(hybrid().named_steps["divote"].estimator.named_steps)
    ['features', 'scaler', 'selection', 'classifier']
    """
    features = FeatureUnion([*_both().transformer_list, ("wavelet", WaveletFeatures())])
    windows = Pipeline(
        [
            ("features", features),
            ("scaler", StandardScaler()),
            ("selection", RandomForestSelector(random_state=random_state)),
            ("classifier", MLPClassifier(tuple(hidden), max_iter=500, random_state=random_state)),
        ]
    )
    return over_filtered(windows, fs, window, step)


def neurofusion_features(
    *,
    fs: float = 10_000.0,
    window: float = 0.4,
    step: float | None = 0.2,
    n_components: float | int = 0.99,
    mains: float = 50.0,
    random_state: Any = None,
) -> Pipeline:
    """NeuroFusionNet's Algorithm 1, enhancement and features, with a perceptron at its end.

    Band-pass, adaptive filter, denoising, min-max normalisation, segmentation; mean absolute value,
    Fourier spectrum and continuous wavelet transform; PCA, normalisation, and selection by
    random-forest impurity importance.

    Parameters
    ----------
    fs : float, default=10000
        Rate in Hz at which windows are cut.
    window, step : float, default=0.4 and 0.2
        Seconds.
    n_components : float or int, default=0.99
        Of the PCA: share of the variance, or number of components.
    mains : float, default=50.0
        Frequency of the mains in Hz, for the adaptive filter.
    random_state : int, RandomState instance or None, default=None

    Returns
    -------
    pipeline : Pipeline
        Steps ``filter``, ``resample``, ``adaptive``, ``denoise``, ``scale``, ``divote``;
        ``divote__estimator`` has the steps ``features``, ``scaler``, ``pca``, ``normalise``,
        ``selection``, ``classifier``.

    Notes
    -----
    Published for the whole system, without naming data or split: accuracy .92, precision .94,
    recall .93, F1 .93.

    Left open in the source, with the choice made here:

    - adaptive filter: LMS-type, against the mains; denoising by wavelets where the source trains an
      autoencoder: ``set_params(denoise=AutoencoderDenoiser())`` does, with torch
    - min-max normalisation by recording; the wavelet of the transform: a complex Morlet wavelet
    - features are standardised before the PCA too, since they differ in unit
    - components with more than the mean importance are kept; the classifier is a perceptron of 100
      units, in place of the deep network of Algorithm 2
    - band-pass of 20 to 4000 Hz; windows of 0.4 s every 0.2 s; vote by mean probability

    References
    ----------
    "Pioneering prognosis and management in neuromuscular healthcare using EMG signal processing
    with advanced deep learning techniques".

    Examples
    --------
    >>> from sklearn_emg.papers import neurofusion_features
    >>> list(neurofusion_features().named_steps)
    ['gaps', 'filter', 'resample', 'adaptive', 'denoise', 'scale', 'mark', 'divote']
    """
    features = FeatureUnion(
        [
            ("mav", TimeDomainFeatures(["mav"])),
            ("fourier", SpectralFeatures(list(_FREQUENCY))),
            ("cwt", CWTFeatures()),
        ]
    )
    windows = Pipeline(
        [
            ("features", features),
            ("scaler", StandardScaler()),
            ("pca", PCA(n_components, random_state=random_state)),
            ("normalise", StandardScaler()),
            ("selection", RandomForestSelector(random_state=random_state)),
            ("classifier", _classifier("mlp", random_state)),
        ]
    )
    before = (
        ("adaptive", AdaptiveFilter("mains", freq=mains)),
        ("denoise", WaveletDenoiser()),
        ("scale", AmplitudeScaler("minmax")),
    )
    return over_filtered(windows, fs, window, step, before=before)


_LDA = LinearDiscriminantAnalysis


def _both() -> FeatureUnion:
    return FeatureUnion(
        [
            ("time", TimeDomainFeatures(list(_TIME))),
            ("spectral", SpectralFeatures(list(_FREQUENCY))),
        ]
    )


_TABLE: tuple[tuple[str, Callable[..., Any], str, float, dict[str, Any]], ...] = (
    ("time-domain", time_domain_analysis, "time-domain features + LDA", 85.0, {}),
    ("frequency-domain", frequency_domain_analysis, "spectral features + LDA", 88.0, {}),
    ("amplitude-envelope", amplitude_envelope_analysis, "RMS envelope + LDA", 84.0, {}),
    ("traditional", traditional_analysis, "quantitative EMG + LDA", 78.5, {}),
    ("table-svm", traditional_analysis, "quantitative EMG + SVM", 88.0, {"classifier": "svm"}),
    ("table-ml", traditional_analysis, "quantitative EMG + forest", 85.3, {"classifier": "rf"}),
    ("table-mlp", traditional_analysis, "quantitative EMG + MLP", 81.6, {"classifier": "mlp"}),
    ("rule-based", rule_based, "rules on turns, amplitude and motor unit potentials", 76.8, {}),
    ("ensembles", ensembles, "forest, extra trees and boosting, soft vote", 87.9, {}),
    ("hybrid", hybrid, "three domains, forest selection, MLP", 89.2, {}),
    ("neurofusion-features", neurofusion_features, "Algorithm 1 + MLP", 92.0, {}),
)
for _name, _function, _estimator, _value, _settings in _TABLE:
    register(
        _function,
        _name,
        citation=CITATION,
        input=INPUT,
        estimator=_estimator,
        published=[Figure("accuracy", _value)],
        **_settings,
    )
