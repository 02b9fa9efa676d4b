"""Small settings of every public estimator, for the checks in test_common.py.

scikit-learn's checks send windows of 1 to 20 samples, so instances have a sampling rate and
settings that such windows allow.
"""

from importlib.util import find_spec

import numpy as np
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.preprocessing import Normalizer, StandardScaler

from sklearn_emg import neural_network
from sklearn_emg.adaptation import AdaptiveDiagnosis
from sklearn_emg.ensemble import (
    DiVoteClassifier,
    DiVoteRegressor,
    NormalLimitRules,
    SMOTEClassifier,
    SubjectTransferClassifier,
    Windows,
)
from sklearn_emg.feature_extraction import (
    STFT,
    AutoregressiveFeatures,
    Catch22Features,
    ComplexityFeatures,
    CWTCoefficients,
    CWTFeatures,
    EMGFeatures,
    FeatureQuantiles,
    FFTSpectrum,
    Flatten,
    LogSpectrogram,
    MelSpectrogram,
    MiniRocket,
    MUAPFeatures,
    MultichannelFeatures,
    MultiRocket,
    SpectralFeatures,
    TangentSpaceFeatures,
    TimeDomainFeatures,
    TsfreshFeatures,
    WaveformImage,
    WaveletFeatures,
)
from sklearn_emg.feature_selection import RandomForestSelector, RelevanceSelector
from sklearn_emg.model_selection import CachedTransformer
from sklearn_emg.motor_units import (
    DecompositionFeatures,
    MotorUnitDecomposer,
    RestActivityDetector,
)
from sklearn_emg.neural_network import (
    ALSNetClassifier,
    CNN1DClassifier,
    EMGClassifier,
    EMGRegressor,
    NetworkFeatures,
    PretrainedEncoder,
    TransferClassifier,
)
from sklearn_emg.neural_network._registry import NETWORKS
from sklearn_emg.preprocessing import (
    AdaptiveFilter,
    AmplitudeScaler,
    ArtefactDetector,
    ArtefactRejector,
    AutoencoderDenoiser,
    BandpassFilter,
    BaselineRemover,
    Envelope,
    GapInterpolator,
    HighpassFilter,
    LowpassFilter,
    NotchFilter,
    RecordingUndersampler,
    Rectifier,
    ReferenceScaler,
    Resampler,
    ShapeReducer,
    SiteStandardizer,
    WaveletDenoiser,
    WindowAugmenter,
)
from sklearn_emg.prognosis import (
    ContextBoostingRegressor,
    LastValueRegressor,
    LSTMPrognosis,
    LSTMPrognosisClassifier,
    MixedModelRegressor,
    SlopeRegressor,
    SurvivalVote,
)

SMALL_NET = {"lr": 0.02, "max_epochs": 12, "patience": None, "random_state": 0}
# Values with which networks take windows of one sample and train fast. A sequence keeps its length,
# and settings that a network lacks are omitted.
SMALL_SIZES = {
    **{"n_filters": 8, "kernel_size": 3, "kernel_sizes": 3, "stride": 1, "pool_size": 1},
    **{"n_hidden": 16, "n_units": 8, "n_heads": 2, "n_layers": 1, "n_blocks": 1, "n_nodes": 2},
    **{"n_code": 16, "pretrain_epochs": 1, "frame": 1, "nperseg": 2, "hop": 1, "delta_width": 3},
    **{"dropout": 0.0, "batch_size": 32, "evaluate_every": None},
}
# Other settings of single networks.
OWN_SETTINGS = {
    "DilatedCNN": {"dropout": 0.05, "max_epochs": 25},
    "ImageNetwork": {"architecture": "test_byobnet", "lr": 1e-3, "max_epochs": 2},
    "NEMGNet": {"variant": "A", "n_hidden": (16,), "lr": 0.01},
    "RecurrentNet": {"cell": "gru"},
    "StackedLSTM": {"n_units": 16, "lr": 0.05, "max_epochs": 15},
}


def small_classifier(network):
    """Build the ready-made classifier of a network with small settings."""
    model = getattr(neural_network, f"{network}Classifier")()
    defaults = model.get_params()
    small = {
        name: (value,) * len(defaults[name]) if isinstance(defaults[name], tuple) else value
        for name, value in {**SMALL_SIZES, **SMALL_NET}.items()
        if name in defaults
    }
    return model.set_params(**small).set_params(**OWN_SETTINGS.get(network, {}))


class TimesOfEvents(SurvivalVote):
    """SurvivalVote for scikit-learn's checks: labels and numbers become times of events."""

    def fit(self, X, y, groups=None):
        return super().fit(X, outcomes_of(y), groups)

    def score(self, X, y, groups=None):
        return super().score(X, outcomes_of(y), groups)


def outcomes_of(y):
    """Outcomes with the given times, or ranks of labels; any other target is returned unchanged."""
    given = np.asarray(y)
    if y is None or given.ndim != 1 or given.dtype.kind not in "biufcOUS":
        return y
    if given.dtype.kind in "OUS":
        given = np.unique(given.astype(str), return_inverse=True)[1]
    given = given.real
    time = given - given.min() + 1.0
    return np.rec.fromarrays([np.ones(len(time), dtype=bool), time], names="event,time")


# Without scikit-survival, which is an extra.
SKIPPED = set() if find_spec("sksurv") else {SurvivalVote}
INSTANCES = [
    *([] if SKIPPED else [TimesOfEvents(Normalizer(), window=None)]),
    ContextBoostingRegressor(5, random_state=0),
    LSTMPrognosis(n_units=8, max_epochs=60, lr=0.05, patience=None, random_state=0),
    LSTMPrognosisClassifier(n_units=8, max_epochs=30, lr=0.02, patience=None, random_state=0),
    LastValueRegressor(),
    MixedModelRegressor(),
    SlopeRegressor(),
    AdaptiveDiagnosis(DiVoteClassifier(LogisticRegression(), window=None)),
    DiVoteClassifier(LogisticRegression(), window=None),
    DiVoteRegressor(LinearRegression(), window=None),
    AutoregressiveFeatures(1),
    ComplexityFeatures(["permutation_entropy", "petrosian", "lempel_ziv"], permutation_order=2),
    Catch22Features(),
    CWTCoefficients(scales=[2, 4]),
    CWTFeatures(fs=1000.0, scales=[2, 4]),
    EMGFeatures(),
    FeatureQuantiles(TimeDomainFeatures(["rms"]), part=0.002, fs=1000.0),
    FFTSpectrum(fs=1000.0),
    Flatten(),
    LogSpectrogram(delta=True, nperseg=8),
    MelSpectrogram(3, fs=1000.0, nperseg=16),
    MUAPFeatures(fs=400.0),
    DecompositionFeatures(fs=400.0, fill_value=0.0),
    MotorUnitDecomposer(fs=400.0),
    RestActivityDetector(fs=5000.0, fill_value=0.0),
    MiniRocket(84, max_dilations=2, random_state=0),
    MultiRocket(672, max_dilations=2, random_state=0),
    MultichannelFeatures(),
    STFT(nperseg=8),
    SpectralFeatures(fs=1000.0),
    TangentSpaceFeatures([]),
    TimeDomainFeatures(),
    TsfreshFeatures("minimal"),
    WaveformImage(8, 9),
    WaveletFeatures(wavelet="haar", level=1),
    RandomForestSelector(n_estimators=5, random_state=0),
    RelevanceSelector(),
    EMGClassifier(module_params={"n_filters": 8, "kernel_size": 3, "n_hidden": 16}, **SMALL_NET),
    EMGRegressor(module_params={"n_filters": 8, "kernel_size": 3, "n_hidden": 16}, **SMALL_NET),
    *map(small_classifier, NETWORKS),
    NetworkFeatures(ALSNetClassifier(n_filters=8, kernel_size=3, n_hidden=16, **SMALL_NET)),
    PretrainedEncoder(
        CNN1DClassifier(n_filters=(4,), kernel_size=3, pool_size=1, n_hidden=4),
        patch=1,
        max_epochs=1,
        random_state=0,
    ),
    TransferClassifier(ALSNetClassifier(n_filters=8, kernel_size=3, n_hidden=16, **SMALL_NET)),
    AdaptiveFilter(fs=1000.0),
    AdaptiveFilter("delayed", algorithm="rls", memory=1.0, length=0.005, fs=1000.0),
    AmplitudeScaler(),
    AmplitudeScaler("robust", by="training"),
    ArtefactDetector(fs=1000.0),
    ArtefactRejector(fs=1000.0),
    AutoencoderDenoiser(n_filters=4, kernel_size=3, n_layers=1, max_epochs=2, random_state=0),
    BandpassFilter(20.0, 400.0, order=2, fs=1000.0),
    BandpassFilter(design="fir", fs=1000.0),
    BaselineRemover(fs=1000.0),
    BaselineRemover("polynomial"),
    Envelope(fs=1000.0),
    Envelope("lowpass", fs=1000.0),
    GapInterpolator(fs=1000.0),
    HighpassFilter(fs=1000.0),
    LowpassFilter(fs=1000.0),
    NotchFilter(fs=1000.0),
    NotchFilter(zero_phase=False, fs=1000.0),
    RecordingUndersampler(random_state=0),
    Rectifier(),
    ReferenceScaler(1.0),
    Resampler(500.0, fs=1000.0),
    Resampler(500.0, method="fourier", fs=1000.0),
    ShapeReducer(2.0),
    SiteStandardizer("all", site=None),
    SiteStandardizer("all", site=None, statistic="median"),
    WaveletDenoiser(),
    WaveletDenoiser(threshold="sure", n_shifts=3),
    WindowAugmenter(epsilon=0.1, random_state=0),
    NormalLimitRules(),
    SMOTEClassifier(LogisticRegression()),
    Windows(StandardScaler(), window=None),
    CachedTransformer(TimeDomainFeatures(fs=1000.0)),
    SubjectTransferClassifier(
        TransferClassifier(ALSNetClassifier(n_filters=8, kernel_size=3, n_hidden=16, **SMALL_NET))
    ),
]
