"""Small settings of every public estimator, for the checks in test_common.py.

scikit-learn's checks send windows of 1 to 20 samples, so instances have a sampling rate and
settings that such windows allow.
"""

from sklearn.linear_model import LogisticRegression

from sklearn_emg.ensemble import DiVoteClassifier
from sklearn_emg.feature_extraction import (
    AutoregressiveFeatures,
    CWTFeatures,
    SpectralFeatures,
    TimeDomainFeatures,
    WaveletFeatures,
)
from sklearn_emg.neural_network import (
    ALSNetClassifier,
    DilatedCNNClassifier,
    EMGClassifier,
    EMGRegressor,
    NEMGNetClassifier,
    StackedLSTMClassifier,
)
from sklearn_emg.papers import NormalLimitRules, SMOTEClassifier
from sklearn_emg.preprocessing import (
    AdaptiveFilter,
    AmplitudeScaler,
    ArtefactDetector,
    ArtefactRejector,
    BandpassFilter,
    BaselineRemover,
    Envelope,
    GapInterpolator,
    HighpassFilter,
    LowpassFilter,
    NotchFilter,
    Rectifier,
    ReferenceScaler,
    Resampler,
    WaveletDenoiser,
)

SMALL_NET = {"lr": 0.02, "max_epochs": 12, "patience": None, "random_state": 0}

INSTANCES = [
    DiVoteClassifier(LogisticRegression(), window=None),
    AutoregressiveFeatures(1),
    CWTFeatures(fs=1000.0),
    SpectralFeatures(fs=1000.0),
    TimeDomainFeatures(),
    WaveletFeatures(wavelet="haar", level=1),
    EMGClassifier(module_params={"n_filters": 8, "kernel_size": 3, "n_hidden": 16}, **SMALL_NET),
    EMGRegressor(module_params={"n_filters": 8, "kernel_size": 3, "n_hidden": 16}, **SMALL_NET),
    ALSNetClassifier(n_filters=8, kernel_size=3, n_hidden=16, **SMALL_NET),
    DilatedCNNClassifier(
        n_filters=8, kernel_size=3, n_hidden=16, dropout=0.05, batch_size=32, **SMALL_NET
    ),
    NEMGNetClassifier(
        variant="A",
        n_filters=(8, 8, 8, 8, 8),
        n_hidden=(16,),
        stride=1,
        pool_size=1,
        lr=0.01,
        max_epochs=12,
        evaluate_every=None,
        random_state=0,
    ),
    StackedLSTMClassifier(n_units=16, n_layers=1, lr=0.05, max_epochs=15, random_state=0),
    AdaptiveFilter(fs=1000.0),
    AmplitudeScaler(),
    ArtefactDetector(fs=1000.0),
    ArtefactRejector(fs=1000.0),
    BandpassFilter(20.0, 400.0, order=2, fs=1000.0),
    BaselineRemover(fs=1000.0),
    Envelope(fs=1000.0),
    GapInterpolator(fs=1000.0),
    HighpassFilter(fs=1000.0),
    LowpassFilter(fs=1000.0),
    NotchFilter(fs=1000.0),
    Rectifier(),
    ReferenceScaler(1.0),
    Resampler(500.0, fs=1000.0),
    WaveletDenoiser(),
    NormalLimitRules(),
    SMOTEClassifier(LogisticRegression()),
]
