"""Networks of the literature and scikit-learn estimators that train them.

Importing this sub-package is fast: PyTorch and skorch load when one of its names is first
used. They come with ``pip install "sklearn-emg[nets]"``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sklearn_emg.neural_network._registry import HOME, public

if TYPE_CHECKING:
    from sklearn_emg.neural_network._building import resolve_device
    from sklearn_emg.neural_network._checkpoints import checkpoint_progress
    from sklearn_emg.neural_network._classifiers import (
        ALSNetClassifier,
        AttentionNetClassifier,
        AutoencoderNetClassifier,
        CNN1DClassifier,
        DeepEMGNetClassifier,
        DilatedCNNClassifier,
        ImageNetworkClassifier,
        NEMGNetClassifier,
        NeuroFusionNetClassifier,
        PatternNetClassifier,
        RecurrentNetClassifier,
        SpectroEMGNetClassifier,
        StackedLSTMClassifier,
    )
    from sklearn_emg.neural_network._data._split import split_validation
    from sklearn_emg.neural_network._estimators import EMGClassifier, EMGRegressor
    from sklearn_emg.neural_network._modules._alsnet import ALSNet
    from sklearn_emg.neural_network._modules._attention import AttentionNet
    from sklearn_emg.neural_network._modules._autoencoder import AutoencoderNet, ConvAutoencoder
    from sklearn_emg.neural_network._modules._cnn1d import CNN1D
    from sklearn_emg.neural_network._modules._deepemgnet import DeepEMGNet
    from sklearn_emg.neural_network._modules._dilated_cnn import DilatedCNN
    from sklearn_emg.neural_network._modules._image_network import ImageNetwork
    from sklearn_emg.neural_network._modules._nemgnet import NEMGNet
    from sklearn_emg.neural_network._modules._neurofusionnet import NeuroFusionNet
    from sklearn_emg.neural_network._modules._patternnet import PatternNet
    from sklearn_emg.neural_network._modules._recurrent import RecurrentNet
    from sklearn_emg.neural_network._modules._spectroemgnet import SpectroEMGNet
    from sklearn_emg.neural_network._modules._stacked_lstm import StackedLSTM
    from sklearn_emg.neural_network._onnx import export_onnx
    from sklearn_emg.neural_network._saving import load_model, save_model
    from sklearn_emg.neural_network._transfer import TransferClassifier

__all__ = [
    "CNN1D",
    "ALSNet",
    "ALSNetClassifier",
    "AttentionNet",
    "AttentionNetClassifier",
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
    "checkpoint_progress",
    "export_onnx",
    "load_model",
    "resolve_device",
    "save_model",
    "split_validation",
]


def __dir__() -> list[str]:
    return list(__all__)


def __getattr__(name: str) -> Any:
    if name not in HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        value = public(name)
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
