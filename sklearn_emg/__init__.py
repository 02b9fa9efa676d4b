"""scikit-learn-compatible estimators for neuromuscular diagnosis from electromyography.

Sub-packages load when they are first used, so that ``import sklearn_emg`` stays light.
"""

import importlib

from sklearn_emg._version import __version__

_SUBMODULES = (
    "base",
    "comparison",
    "datasets",
    "ensemble",
    "feature_extraction",
    "inspection",
    "metrics",
    "model_selection",
    "neural_network",
    "papers",
    "preprocessing",
    "recordings",
)

__all__ = [*_SUBMODULES, "__version__"]


def __dir__() -> list[str]:
    return list(__all__)


def __getattr__(name: str):
    if name in _SUBMODULES:
        return importlib.import_module(f"sklearn_emg.{name}")
    raise AttributeError(f"module 'sklearn_emg' has no attribute {name!r}")
