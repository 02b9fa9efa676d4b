"""Networks of the literature and scikit-learn estimators that train them.

Importing this sub-package costs nothing: PyTorch and skorch load when one of its names is first
used. They come with ``pip install "sklearn-emg[nets]"``.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sklearn_emg.neural_network._alsnet import ALSNet
    from sklearn_emg.neural_network._attention import AttentionNet
    from sklearn_emg.neural_network._augment import AugmentBatches
    from sklearn_emg.neural_network._autoencoder import AutoencoderNet, ConvAutoencoder
    from sklearn_emg.neural_network._cnn1d import CNN1D
    from sklearn_emg.neural_network._deepemgnet import DeepEMGNet
    from sklearn_emg.neural_network._dilated_cnn import DilatedCNN
    from sklearn_emg.neural_network._estimators import EMGClassifier, EMGRegressor
    from sklearn_emg.neural_network._image_network import ImageNetwork
    from sklearn_emg.neural_network._nemgnet import NEMGNet
    from sklearn_emg.neural_network._neurofusionnet import NeuroFusionNet
    from sklearn_emg.neural_network._onnx import export_onnx
    from sklearn_emg.neural_network._patternnet import PatternNet
    from sklearn_emg.neural_network._published import (
        ALSNetClassifier,
        DilatedCNNClassifier,
        NEMGNetClassifier,
        StackedLSTMClassifier,
    )
    from sklearn_emg.neural_network._published_autoencoder import AutoencoderNetClassifier
    from sklearn_emg.neural_network._published_baselines import (
        AttentionNetClassifier,
        CNN1DClassifier,
        NeuroFusionNetClassifier,
        PatternNetClassifier,
        RecurrentNetClassifier,
    )
    from sklearn_emg.neural_network._published_images import (
        DeepEMGNetClassifier,
        ImageNetworkClassifier,
        SpectroEMGNetClassifier,
    )
    from sklearn_emg.neural_network._recurrent import RecurrentNet
    from sklearn_emg.neural_network._saving import load_model, save_model
    from sklearn_emg.neural_network._spectroemgnet import SpectroEMGNet
    from sklearn_emg.neural_network._stacked_lstm import StackedLSTM
    from sklearn_emg.neural_network._transfer import TransferClassifier

_HOME = {
    "ALSNet": "_alsnet",
    "ALSNetClassifier": "_published",
    "AttentionNet": "_attention",
    "AttentionNetClassifier": "_published_baselines",
    "AugmentBatches": "_augment",
    "AutoencoderNet": "_autoencoder",
    "AutoencoderNetClassifier": "_published_autoencoder",
    "CNN1D": "_cnn1d",
    "CNN1DClassifier": "_published_baselines",
    "ConvAutoencoder": "_autoencoder",
    "DeepEMGNet": "_deepemgnet",
    "DeepEMGNetClassifier": "_published_images",
    "DilatedCNN": "_dilated_cnn",
    "DilatedCNNClassifier": "_published",
    "EMGClassifier": "_estimators",
    "EMGRegressor": "_estimators",
    "ImageNetwork": "_image_network",
    "ImageNetworkClassifier": "_published_images",
    "NEMGNet": "_nemgnet",
    "NEMGNetClassifier": "_published",
    "NeuroFusionNet": "_neurofusionnet",
    "NeuroFusionNetClassifier": "_published_baselines",
    "PatternNet": "_patternnet",
    "PatternNetClassifier": "_published_baselines",
    "RecurrentNet": "_recurrent",
    "RecurrentNetClassifier": "_published_baselines",
    "SpectroEMGNet": "_spectroemgnet",
    "SpectroEMGNetClassifier": "_published_images",
    "StackedLSTM": "_stacked_lstm",
    "StackedLSTMClassifier": "_published",
    "TransferClassifier": "_transfer",
    "export_onnx": "_onnx",
    "load_model": "_saving",
    "save_model": "_saving",
}

__all__ = [
    "CNN1D",
    "ALSNet",
    "ALSNetClassifier",
    "AttentionNet",
    "AttentionNetClassifier",
    "AugmentBatches",
    "AutoencoderNet",
    "AutoencoderNetClassifier",
    "CNN1DClassifier",
    "ConvAutoencoder",
    "DeepEMGNet",
    "DeepEMGNetClassifier",
    "DilatedCNN",
    "DilatedCNNClassifier",
    "EMGClassifier",
    "EMGRegressor",
    "ImageNetwork",
    "ImageNetworkClassifier",
    "NEMGNet",
    "NEMGNetClassifier",
    "NeuroFusionNet",
    "NeuroFusionNetClassifier",
    "PatternNet",
    "PatternNetClassifier",
    "RecurrentNet",
    "RecurrentNetClassifier",
    "SpectroEMGNet",
    "SpectroEMGNetClassifier",
    "StackedLSTM",
    "StackedLSTMClassifier",
    "TransferClassifier",
    "export_onnx",
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
