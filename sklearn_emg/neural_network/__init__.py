"""Networks of the literature and scikit-learn estimators that train them.

Importing this sub-package costs nothing: PyTorch and skorch load when one of its names is first
used. They come with ``pip install "sklearn-emg[nets]"``.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sklearn_emg.neural_network._alsnet import ALSNet
    from sklearn_emg.neural_network._dilated_cnn import DilatedCNN
    from sklearn_emg.neural_network._estimators import EMGClassifier, EMGRegressor
    from sklearn_emg.neural_network._nemgnet import NEMGNet
    from sklearn_emg.neural_network._published import (
        ALSNetClassifier,
        DilatedCNNClassifier,
        NEMGNetClassifier,
        StackedLSTMClassifier,
    )
    from sklearn_emg.neural_network._saving import load_model, save_model
    from sklearn_emg.neural_network._stacked_lstm import StackedLSTM

_HOME = {
    "ALSNet": "_alsnet",
    "ALSNetClassifier": "_published",
    "DilatedCNN": "_dilated_cnn",
    "DilatedCNNClassifier": "_published",
    "EMGClassifier": "_estimators",
    "EMGRegressor": "_estimators",
    "NEMGNet": "_nemgnet",
    "NEMGNetClassifier": "_published",
    "StackedLSTM": "_stacked_lstm",
    "StackedLSTMClassifier": "_published",
    "load_model": "_saving",
    "save_model": "_saving",
}

__all__ = [
    "ALSNet",
    "ALSNetClassifier",
    "DilatedCNN",
    "DilatedCNNClassifier",
    "EMGClassifier",
    "EMGRegressor",
    "NEMGNet",
    "NEMGNetClassifier",
    "StackedLSTM",
    "StackedLSTMClassifier",
    "load_model",
    "save_model",
]


def __dir__() -> list[str]:
    return list(__all__)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        value = getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] not in {
            "torch",
            "skorch",
            "safetensors",
        }:
            raise
        raise ImportError(
            f"{__name__}.{name} needs {error.name}, which is not installed: "
            'pip install "sklearn-emg[nets]"'
        ) from error
    globals()[name] = value  # the next access does not come here
    return value
