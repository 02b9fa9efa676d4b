"""Filters, resampling and everything else that signals go through before features are taken."""

from sklearn_emg.preprocessing._filters import (
    BandpassFilter,
    FilterStream,
    HighpassFilter,
    LowpassFilter,
    NotchFilter,
)
from sklearn_emg.preprocessing._resampling import Resampler, rational_ratio

__all__ = [
    "BandpassFilter",
    "FilterStream",
    "HighpassFilter",
    "LowpassFilter",
    "NotchFilter",
    "Resampler",
    "rational_ratio",
]
