"""Filters, resampling and everything else that signals go through before features are taken."""

from sklearn_emg.preprocessing._adaptive import AdaptiveFilter
from sklearn_emg.preprocessing._artefacts import (
    ArtefactDetector,
    ArtefactRejector,
    GapInterpolator,
    segment_recording,
)
from sklearn_emg.preprocessing._augmentation import WindowAugmenter, mixup
from sklearn_emg.preprocessing._autoencoder import AutoencoderDenoiser
from sklearn_emg.preprocessing._balance import RecordingUndersampler, capped_sampling_strategy
from sklearn_emg.preprocessing._baseline import BaselineRemover
from sklearn_emg.preprocessing._export import export, read_exported
from sklearn_emg.preprocessing._filters import (
    BandpassFilter,
    FilterStream,
    HighpassFilter,
    LowpassFilter,
    NotchFilter,
)
from sklearn_emg.preprocessing._reduction import ShapeReducer
from sklearn_emg.preprocessing._resampling import Resampler, rational_ratio
from sklearn_emg.preprocessing._scaling import (
    AmplitudeScaler,
    Envelope,
    Rectifier,
    ReferenceScaler,
)
from sklearn_emg.preprocessing._wavelet import WaveletDenoiser

__all__ = [
    "AdaptiveFilter",
    "AmplitudeScaler",
    "ArtefactDetector",
    "ArtefactRejector",
    "AutoencoderDenoiser",
    "BandpassFilter",
    "BaselineRemover",
    "Envelope",
    "FilterStream",
    "GapInterpolator",
    "HighpassFilter",
    "LowpassFilter",
    "NotchFilter",
    "RecordingUndersampler",
    "Rectifier",
    "ReferenceScaler",
    "Resampler",
    "ShapeReducer",
    "WaveletDenoiser",
    "WindowAugmenter",
    "capped_sampling_strategy",
    "export",
    "mixup",
    "rational_ratio",
    "read_exported",
    "segment_recording",
]
