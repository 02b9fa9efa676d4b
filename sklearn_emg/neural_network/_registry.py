"""The networks by name: for the 'module' parameter, for saving, for the public names."""

from __future__ import annotations

import ast
import importlib
import re
from pathlib import Path
from typing import Any

_MODULES = Path(__file__).parent / "_modules"
_ALL = re.compile(r"^__all__ = (\[.*?\])", re.MULTILINE | re.DOTALL)


def _listed() -> dict[str, str]:
    """Names in ``__all__`` of the files of the networks, with their files.

    The files are read and not imported, so that PyTorch loads when a network is first used.
    """
    files = {file.stem: _ALL.search(file.read_text("utf-8")) for file in _MODULES.glob("*.py")}
    return {
        name: f"_modules.{file}"
        for file, names in sorted(files.items())
        if names
        for name in ast.literal_eval(names[1])
    }


# Where every name of neural_network is defined. Those that only other packages of this one need
# are not among the public names.
INTERNAL = {
    "fit_threads": "_threads",
    "resolve_device": "_building",
    "split_validation": "_data._split",
}
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
# A network is listed together with its ready classifier, <name>Classifier.
NETWORKS = [name for name in HOME if f"{name}Classifier" in HOME]


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
