"""Fitted networks as files: weights in safetensors, everything else in JSON."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import sklearn
import torch
from safetensors import SafetensorError
from safetensors.torch import load as from_bytes
from safetensors.torch import load_file
from safetensors.torch import save as to_bytes
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted
from skorch.history import History
from torch import nn

from sklearn_emg._version import __version__
from sklearn_emg.neural_network import (
    _estimators,
    _published,
    _published_autoencoder,
    _published_baselines,
    _published_images,
)
from sklearn_emg.neural_network._estimators import NETWORKS

_FORMAT = 1
# Not every fit learns these, and files of earlier versions lack the last two.
_MAY_LACK = {"feature_names_in_", "_takes_any_length", "_fs"}
_CLASSES = {
    cls.__name__: cls
    for cls in (
        _estimators.EMGClassifier,
        _estimators.EMGRegressor,
        _published.ALSNetClassifier,
        _published.DilatedCNNClassifier,
        _published.NEMGNetClassifier,
        _published.StackedLSTMClassifier,
        _published_autoencoder.AutoencoderNetClassifier,
        _published_baselines.AttentionNetClassifier,
        _published_baselines.CNN1DClassifier,
        _published_baselines.NeuroFusionNetClassifier,
        _published_baselines.PatternNetClassifier,
        _published_baselines.RecurrentNetClassifier,
        _published_images.DeepEMGNetClassifier,
        _published_images.ImageNetworkClassifier,
        _published_images.SpectroEMGNetClassifier,
    )
}


def save_model(estimator: Any, path: str | os.PathLike[str]) -> tuple[Path, Path]:
    """Write a fitted network to ``<path>.safetensors`` and ``<path>.json``.

    The weights and running statistics go into the first file, parameters, classes, sizes, history
    and versions into the second. The state of the optimiser is not kept, nor are ``callbacks`` and
    a ``random_state`` that is a generator: those parameters are None in the loaded estimator.

    Parameters
    ----------
    estimator : estimator of this sub-package
        A fitted one.
    path : str or path-like
        Where to write, without the endings. Existing files are replaced.

    Returns
    -------
    weights, description : Path
        The two files.

    Raises
    ------
    NotFittedError
        If the estimator is not fitted.
    TypeError
        If it is of another class, or a parameter or label has no form in JSON.

    See Also
    --------
    load_model : The way back.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from sklearn_emg.neural_network import ALSNetClassifier, load_model, save_model
    >>> X = np.random.default_rng(0).normal(size=(20, 50))
    >>> y = np.repeat(["control", "patient"], 10)
    >>> net = ALSNetClassifier(max_epochs=1, random_state=0).fit(X, y)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     weights, description = save_model(net, f"{folder}/model")
    ...     again = load_model(f"{folder}/model")
    >>> bool((again.predict_proba(X) == net.predict_proba(X)).all())
    True
    """
    name = type(estimator).__name__
    if _CLASSES.get(name) is not type(estimator):
        raise TypeError(f"save_model takes one of {sorted(_CLASSES)}. Got {name}.")
    check_is_fitted(estimator)
    weights, description = _files(path)
    fitted = {n: getattr(estimator, n) for n in estimator._fitted if hasattr(estimator, n)}
    text = json.dumps(
        {
            "format": _FORMAT,
            "class": name,
            "params": {n: _portable(n, v) for n, v in estimator.get_params(deep=False).items()},
            "fitted": {n: _to_json(n, v) for n, v in fitted.items()},
            "history": [
                {k: v for k, v in row.items() if isinstance(v, bool | int | float | str)}
                for row in estimator.history_
            ],
            "versions": {
                "sklearn_emg": __version__,
                "torch": torch.__version__,
                "sklearn": sklearn.__version__,
            },
        },
        indent=1,
    )
    state = estimator.net_.module_.state_dict()
    tensors = {n: v.detach().cpu().contiguous() for n, v in state.items()}
    _replace(weights, to_bytes(tensors))
    _replace(description, (text + "\n").encode())
    return weights, description


def load_model(
    path: str | os.PathLike[str],
    *,
    module: Callable[..., nn.Module] | None = None,
    device: str | None = None,
) -> Any:
    """Read a network that :func:`save_model` wrote; it predicts the same, bit for bit.

    Nothing in the files is executed: numbers and text are read, and only classes of this
    sub-package are built from them.

    Parameters
    ----------
    path : str or path-like
        Where the files are, without their endings.
    module : type or callable, default=None
        The network, where the saved estimator had one of the user's own; it cannot be in a file.
    device : str, default=None
        Takes the place of the saved ``device`` parameter, e.g. "cpu" for a model from a GPU.

    Returns
    -------
    estimator
        Of the class that was saved, fitted. It can predict, and go on training with
        ``partial_fit``.

    Raises
    ------
    FileNotFoundError
        If a file is missing.
    ValueError
        If the description is not one that `save_model` writes, or does not fit the weights, or
        `module` is needed.

    See Also
    --------
    save_model : Writes the files, with an example.
    """
    weights, description = _files(path)
    estimator, history = _read_description(description)
    params = estimator.get_params(deep=False)
    if module is not None:
        estimator.set_params(module=module)
    elif params.get("module", "ALSNet") not in NETWORKS:
        raise ValueError(
            f"{description} holds a network of the user's own, {params['module']!r}. Give its "
            "class in the 'module' parameter of load_model."
        )
    if device is not None:
        estimator.set_params(device=device)
    estimator._validate_params()
    estimator._rng = check_random_state(estimator.random_state)
    net, on_device = estimator._build_net()
    try:
        if on_device.type == "cuda":  # straight to the card
            state = load_file(weights, device=str(on_device))
        else:
            # Read, not mapped: a mapped file that is written anew would change the model.
            state = from_bytes(weights.read_bytes())
            state = {name: value.to(on_device) for name, value in state.items()}
        net.initialize_around(_module_around(state, net, on_meta=module is None))
    except (RuntimeError, SafetensorError) as error:
        raise ValueError(f"{weights} does not fit {description}: {error}") from error
    net.history_ = History(history)
    estimator.net_, estimator.history_ = net, net.history_
    return estimator


def _read_description(description: Path) -> tuple[Any, list[dict[str, Any]]]:
    """Give the estimator without its net, and the history."""
    try:
        content = json.loads(description.read_text(encoding="utf-8"))
        if content["format"] != _FORMAT:
            raise ValueError(f"format {content['format']!r} is not {_FORMAT}")
        cls = _CLASSES[content["class"]]
        estimator = cls(**{n: _from_json(v) for n, v in content["params"].items()})
        for name in cls._fitted:
            if name in content["fitted"] or name not in _MAY_LACK:
                setattr(estimator, name, _from_json(content["fitted"][name]))
        return estimator, [dict(row) for row in content["history"]]
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(f"{description} is not a description by save_model: {error!r}") from error


def _module_around(state: dict[str, torch.Tensor], net: Any, on_meta: bool) -> nn.Module:
    """Build the module with given weights, without drawing initial ones where possible."""
    params = net.get_params_for("module")
    if not on_meta:  # a module of the user's own may compute buffers that are not in the state
        with torch.random.fork_rng(devices=[]):
            module = net.module(**params)
        module.load_state_dict(state)
        return module
    with torch.device("meta"):
        module = net.module(**params)
    module.load_state_dict(state, assign=True)
    return module


def _files(path: str | os.PathLike[str]) -> tuple[Path, Path]:
    path = Path(path)
    return path.with_name(path.name + ".safetensors"), path.with_name(path.name + ".json")


def _replace(path: Path, content: bytes) -> None:
    """Write a file so that it is never seen half written."""
    part = path.with_name(path.name + ".part")
    part.write_bytes(content)
    part.replace(path)


def _portable(name: str, value: Any) -> Any:
    """Form of a parameter in JSON; what only training needs and has none becomes None."""
    if name == "callbacks" or isinstance(value, np.random.RandomState):
        return None
    if name == "module" and not isinstance(value, str):
        own_name = getattr(value, "__qualname__", type(value).__qualname__)
        in_package = value.__module__.startswith(__package__ + ".") and own_name in NETWORKS
        return own_name if in_package else f"{value.__module__}.{own_name}"
    called = getattr(value, "__name__", "")
    if name == "optimizer" and called and getattr(torch.optim, called, None) is value:
        return called
    return _to_json(name, value)


def _to_json(name: str, value: Any) -> Any:
    """JSON for numbers, text, None, tuples, lists, dicts and arrays of these."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list):
        return [_to_json(name, v) for v in value]
    if isinstance(value, tuple):
        return {"tuple": [_to_json(name, v) for v in value]}
    if isinstance(value, dict):
        return {"dict": [[_to_json(name, k), _to_json(name, v)] for k, v in value.items()]}
    if isinstance(value, np.ndarray) and value.ndim == 1:
        return {"array": [_to_json(name, v) for v in value], "dtype": value.dtype.str}
    raise TypeError(
        f"save_model cannot write {name!r}: it holds {type(value).__name__}, and only numbers, "
        "text, None, tuples, lists, dicts and one-dimensional arrays of them can be written."
    )


def _from_json(value: Any) -> Any:
    if isinstance(value, list):
        return [_from_json(v) for v in value]
    if not isinstance(value, dict):
        return value
    if "array" in value:
        return np.array(value["array"], dtype=np.dtype(value["dtype"]))
    if "tuple" in value:
        return tuple(_from_json(v) for v in value["tuple"])
    return {_from_json(k): _from_json(v) for k, v in value["dict"]}
