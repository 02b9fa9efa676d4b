"""Preprocessing: quality, filters, resampling, artefacts, denoising, scaling and export.

Samplers for the training data (augmentation, balancing) and the standardisation of features by site
are here too.
"""

from sklearn_emg.preprocessing._artefacts._detector import THRESHOLDS as THRESHOLDS
from sklearn_emg.preprocessing._artefacts._detector import ArtefactDetector
from sklearn_emg.preprocessing._artefacts._gaps import GapInterpolator
from sklearn_emg.preprocessing._artefacts._properties import PROPERTIES as PROPERTIES
from sklearn_emg.preprocessing._artefacts._properties import recording_properties
from sklearn_emg.preprocessing._artefacts._rejector import ArtefactRejector
from sklearn_emg.preprocessing._artefacts._segments import segment_recording
from sklearn_emg.preprocessing._augmentation import WindowAugmenter, mixup
from sklearn_emg.preprocessing._balance import RecordingUndersampler, capped_sampling_strategy
from sklearn_emg.preprocessing._denoising._autoencoder import AutoencoderDenoiser
from sklearn_emg.preprocessing._denoising._wavelet import WaveletDenoiser
from sklearn_emg.preprocessing._export import export, read_exported
from sklearn_emg.preprocessing._filtering._adaptive import AdaptiveFilter
from sklearn_emg.preprocessing._filtering._baseline import BaselineRemover
from sklearn_emg.preprocessing._filtering._filters import (
    BandpassFilter,
    FilterStream,
    HighpassFilter,
    LowpassFilter,
    NotchFilter,
)
from sklearn_emg.preprocessing._filtering._resampling import Resampler
from sklearn_emg.preprocessing._filtering._resampling import rational_ratio as rational_ratio
from sklearn_emg.preprocessing._quality._check import QualityReport, check_quality
from sklearn_emg.preprocessing._quality._findings import (
    QUALITY_KINDS as QUALITY_KINDS,
)
from sklearn_emg.preprocessing._quality._findings import (
    QUALITY_LEVELS as QUALITY_LEVELS,
)
from sklearn_emg.preprocessing._reduction import ShapeReducer
from sklearn_emg.preprocessing._scaling import (
    AmplitudeScaler,
    Envelope,
    Rectifier,
    ReferenceScaler,
)
from sklearn_emg.preprocessing._sites import SiteStandardizer
from sklearn_emg.preprocessing._streams import SampleStream, SignalStream

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
    "QualityReport",
    "RecordingUndersampler",
    "Rectifier",
    "ReferenceScaler",
    "Resampler",
    "SampleStream",
    "ShapeReducer",
    "SignalStream",
    "SiteStandardizer",
    "WaveletDenoiser",
    "WindowAugmenter",
    "capped_sampling_strategy",
    "check_quality",
    "export",
    "mixup",
    "read_exported",
    "recording_properties",
    "segment_recording",
]
