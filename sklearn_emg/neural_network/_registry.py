"""The networks by name, for the 'module' parameter, for saving and for the public names."""

from __future__ import annotations

import ast
import importlib
import re
from pathlib import Path
from typing import Any

_MODULES = Path(__file__).parent / "_modules"
_ALL = re.compile(r"^__all__ = (\[.*?\])", re.MULTILINE | re.DOTALL)


def _listed() -> dict[str, str]:
    """Return the names in ``__all__`` of the files of the networks, with their files.

    The files are read and not imported, so that PyTorch is loaded when a network is first used.
    """
    files = {file.stem: _ALL.search(file.read_text("utf-8")) for file in _MODULES.glob("*.py")}
    return {
        name: f"_modules.{file}"
        for file, names in sorted(files.items())
        if names
        for name in ast.literal_eval(names[1])
    }


# Names that only other packages of sklearn_emg need; they are not public.
INTERNAL = {
    "fit_threads": "_threads",
    "resolve_device": "_building",
    "split_validation": "_data._split",
}
# File in which each name of neural_network is defined.
HOME = {
    **INTERNAL,
    **_listed(),
    "checkpoint_progress": "_checkpoints",
    "EMGClassifier": "_estimators",
    "EMGRegressor": "_regressor",
    "NetworkFeatures": "_features",
    "PretrainedEncoder": "_pretraining._encoder",
    "TransferClassifier": "_transfer",
    "export_onnx": "_onnx",
    "load_model": "_saving",
    "onnx_model": "_onnx",
    "save_model": "_saving",
}
PUBLIC = sorted(HOME.keys() - INTERNAL.keys())
# A network is listed together with its ready-made classifier, <name>Classifier.
NETWORKS = [name for name in HOME if f"{name}Classifier" in HOME]


def public(name: str) -> Any:
    """Import and return the object with this public name."""
    return getattr(importlib.import_module(f"{__package__}.{HOME[name]}"), name)


def saved_classes() -> dict[str, Any]:
    """Return the estimators that `save_model` can write, by name."""
    names = ["EMGClassifier", "EMGRegressor", *(f"{name}Classifier" for name in NETWORKS)]
    return {name: public(name) for name in names}


def any_length_networks() -> list[str]:
    """Return the names of the networks that take signals of different lengths."""
    return [name for name in NETWORKS if getattr(public(name), "takes_any_length", False)]
