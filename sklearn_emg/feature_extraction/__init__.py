"""Features of windows, and images of windows for networks."""

from sklearn_emg.feature_extraction._autoregressive import AutoregressiveFeatures
from sklearn_emg.feature_extraction._complexity import ComplexityFeatures
from sklearn_emg.feature_extraction._muap import MUAPFeatures
from sklearn_emg.feature_extraction._multichannel import MultichannelFeatures
from sklearn_emg.feature_extraction._sets import FEATURE_SETS, EMGFeatures
from sklearn_emg.feature_extraction._spectral import SpectralFeatures
from sklearn_emg.feature_extraction._spectral import power_spectrum as power_spectrum
from sklearn_emg.feature_extraction._table import feature_facts as feature_facts
from sklearn_emg.feature_extraction._table import feature_table
from sklearn_emg.feature_extraction._table import info_of as info_of
from sklearn_emg.feature_extraction._time_domain import TimeDomainFeatures
from sklearn_emg.feature_extraction._time_frequency import (
    STFT,
    LogSpectrogram,
    MelSpectrogram,
)
from sklearn_emg.feature_extraction._time_frequency import mel_filterbank as mel_filterbank
from sklearn_emg.feature_extraction._transforms._catch22 import Catch22Features
from sklearn_emg.feature_extraction._transforms._cwt import CWTCoefficients, cwt
from sklearn_emg.feature_extraction._transforms._fft import FFTSpectrum
from sklearn_emg.feature_extraction._transforms._flatten import Flatten
from sklearn_emg.feature_extraction._transforms._quantiles import FeatureQuantiles
from sklearn_emg.feature_extraction._transforms._rocket import MiniRocket, MultiRocket
from sklearn_emg.feature_extraction._transforms._tangent import TangentSpaceFeatures
from sklearn_emg.feature_extraction._transforms._waveform import WaveformImage
from sklearn_emg.feature_extraction._tsfresh import TsfreshFeatures
from sklearn_emg.feature_extraction._wavelet import CWTFeatures, WaveletFeatures

__all__ = [
    "FEATURE_SETS",
    "STFT",
    "AutoregressiveFeatures",
    "CWTCoefficients",
    "CWTFeatures",
    "Catch22Features",
    "ComplexityFeatures",
    "EMGFeatures",
    "FFTSpectrum",
    "FeatureQuantiles",
    "Flatten",
    "LogSpectrogram",
    "MUAPFeatures",
    "MelSpectrogram",
    "MiniRocket",
    "MultiRocket",
    "MultichannelFeatures",
    "SpectralFeatures",
    "TangentSpaceFeatures",
    "TimeDomainFeatures",
    "TsfreshFeatures",
    "WaveformImage",
    "WaveletFeatures",
    "cwt",
    "feature_table",
]
