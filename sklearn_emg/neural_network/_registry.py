"""The networks by name: for the 'module' parameter, for saving, for the public names."""

from __future__ import annotations

import importlib
from typing import Any

# Name of each network and its file in _modules; its ready classifier is called <name>Classifier.
NETWORKS = {
    "ALSNet": "_alsnet",
    "AttentionNet": "_attention",
    "AutoencoderNet": "_autoencoder",
    "CNN1D": "_cnn1d",
    "DeepEMGNet": "_deepemgnet",
    "DilatedCNN": "_dilated_cnn",
    "ImageNetwork": "_image_network",
    "NEMGNet": "_nemgnet",
    "NeuroFusionNet": "_neurofusionnet",
    "PatternNet": "_patternnet",
    "RecurrentNet": "_recurrent",
    "SpectroEMGNet": "_spectroemgnet",
    "StackedLSTM": "_stacked_lstm",
}
# Where every public name of neural_network is defined.
HOME = {
    **{name: f"_modules.{file}" for name, file in NETWORKS.items()},
    **{f"{name}Classifier": "_classifiers" for name in NETWORKS},
    "ConvAutoencoder": "_modules._autoencoder",
    "checkpoint_progress": "_checkpoints",
    "EMGClassifier": "_estimators",
    "EMGRegressor": "_regressor",
    "TransferClassifier": "_transfer",
    "export_onnx": "_onnx",
    "fit_threads": "_threads",
    "load_model": "_saving",
    "resolve_device": "_building",
    "save_model": "_saving",
    "split_validation": "_data._split",
}


def public(name: str) -> Any:
    """Object of this public name, imported where it is defined."""
    return getattr(importlib.import_module(f"{__package__}.{HOME[name]}"), name)


def saved_classes() -> dict[str, Any]:
    """Estimators that a file can hold, by name."""
    names = ["EMGClassifier", "EMGRegressor", *(f"{name}Classifier" for name in NETWORKS)]
    return {name: public(name) for name in names}


def any_length_networks() -> list[str]:
    """Names of the networks that take signals that differ in length."""
    return [name for name in NETWORKS if getattr(public(name), "takes_any_length", False)]
