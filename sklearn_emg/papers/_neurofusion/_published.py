"""Results that Chandrasekaran et al. (2024) report in three tables, one of them on enhancement.

The source names no data set and does not state how subjects were split.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from types import MappingProxyType
from typing import Any

from sklearn_emg.papers._registry import PublishedResult, Source, Variant, published_systems

NEUROFUSION = Source(
    "R. Chandrasekaran et al.",
    2024,
    "Pioneering prognosis and management in neuromuscular healthcare using EMG signal processing "
    "with advanced deep learning techniques",
    "Traitement du Signal 41 (4), 1633-1645, doi:10.18280/ts.410401",
)
neurofusion_systems = partial(
    published_systems,
    source=NEUROFUSION,
    input="EMG, windows of 0.4 s every 0.2 s",
    data="not named; the split of the subjects is not stated either",
)

# Accuracy, sensitivity, specificity, precision and F1 in percent, time in ms, use of resources in
# percent.
_METHODS = {
    "traditional EMG analysis": (78.5, 82.2, 75.8, 79.4, 80.5, 120, 65),
    "rule-based": (76.8, 79.2, 72.5, 75.6, 76.8, 180, 70),
    "standard machine learning": (85.3, 87.1, 82.4, 86.5, 87.5, 150, 80),
    "traditional neural network": (81.6, 84.2, 78.5, 82.1, 82.0, 160, 75),
    "ensembles": (87.9, 89.5, 85.2, 88.6, 89.5, 140, 85),
    "hybrid": (89.2, 91.0, 87.3, 89.9, 90.2, 130, 90),
    "CNN": (92.5, 94.1, 90.8, 92.3, 92.5, 90, 95),
    "RNN": (91.2, 92.8, 89.6, 91.5, 91.2, 95, 92),
    "LSTM": (93.8, 95.2, 92.4, 93.6, 93.8, 85, 98),
    "GRU": (92.1, 93.7, 90.2, 92.0, 92.1, 100, 94),
    "attention": (94.5, 95.9, 93.2, 94.3, 94.5, 80, 99),
    "transfer learning": (93.2, 94.7, 91.5, 93.0, 93.2, 88, 96),
    "autoencoder": (90.6, 91.8, 89.2, 90.5, 90.6, 110, 88),
}
# Accuracy, precision, recall and F1 in percent, time in ms.
_AGAINST = {
    "proposed": (92.0, 94.0, 93.0, 93.0, 120),
    "time-domain analysis": (85.0, 82.0, 89.0, 85.0, 320),
    "SVM": (88.0, 84.0, 91.0, 87.0, 230),
    "frequency-domain": (88.0, 85.0, 91.0, 88.0, 280),
    "amplitude envelope": (84.0, 78.0, 86.0, 82.0, 310),
}
# SNR after enhancement in dB, RMSE of reconstruction, accuracy in percent, time for features in s.
_ENHANCEMENT = {
    "proposed": (45.0, 1.2, 95.0, 0.8),
    "CNN": (43.0, 1.1, 94.0, 0.7),
    "RNN": (40.0, 1.5, 90.0, 1.0),
    "LSTM": (42.0, 1.4, 92.0, 0.9),
    "GRU": (44.0, 1.3, 91.0, 1.1),
    "attention": (41.0, 1.6, 89.0, 1.2),
    "transfer learning": (39.0, 1.7, 88.0, 1.3),
    "autoencoder": (38.0, 1.8, 87.0, 1.4),
}
_MEASURES = (
    ("sensitivity", "%"),
    ("specificity", "%"),
    ("precision", "%"),
    ("F1", "%"),
    ("time", "ms"),
    ("use of resources", "%"),
)
_MEASURES_AGAINST = (("precision", "%"), ("recall", "%"), ("F1", "%"), ("time", "ms"))
_MEASURES_ENHANCEMENT = (
    ("SNR after enhancement", "dB"),
    ("RMSE of reconstruction, unit not stated", ""),
    ("accuracy in the comparison of enhancements", "%"),
    ("time of feature extraction", "s"),
)


def method(
    name: str, estimator: str, row: str, settings: Mapping[str, Any] = MappingProxyType({})
) -> Variant:
    """Return a system with its accuracy and all other figures of its row in the three tables."""
    accuracy = (_METHODS if row in _METHODS else _AGAINST)[row][0]
    figures = [
        *zip(_MEASURES, _METHODS.get(row, ())[1:]),
        *zip(_MEASURES_AGAINST, _AGAINST.get(row, ())[1:]),
        *zip(_MEASURES_ENHANCEMENT, _ENHANCEMENT.get(row, ())),
    ]
    further = [PublishedResult(measure, value, unit=unit) for (measure, unit), value in figures]
    main = [PublishedResult("accuracy", accuracy)]
    return Variant(name, estimator, main, settings, further)
