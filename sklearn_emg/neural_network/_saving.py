"""Saving and loading of fitted networks, with weights as safetensors and the rest as JSON."""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import sklearn
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load as from_bytes
from safetensors.torch import save as to_bytes
from sklearn.base import is_classifier
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted
from skorch.history import History
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from sklearn_emg._files import (
    existing_file,
    json_digest,
    locked_folder,
    read_bytes,
    refusing,
    write_atomically,
    write_text_atomically,
)
from sklearn_emg._tables import python_value
from sklearn_emg._version import __version__
from sklearn_emg.neural_network._net import single_precision
from sklearn_emg.neural_network._registry import NETWORKS, saved_classes

_FORMAT = 1
_PARTS = {"format", "class", "params", "fitted", "history", "versions", "weights", "digest"}
_MAX_DESCRIPTION_BYTES = 32 * 2**20
_MAX_ARRAY_BYTES = 2**26
_MAX_VALUES = 2**40  # maximum number in a window; loading allocates nothing of that size
_MIN_BOUND = 2**26  # number of values that a tensor of any network may have (256 MiB as float32)
# Parameters that are not written: objects, code, and a path on the machine.
_LEFT_OUT = ("augment", "callbacks", "checkpoint")
# Attributes that not every fit sets.
_MAY_LACK = {"feature_names_in_", "_takes_any_length", "_fs", "_channels"}
_CLASSES = saved_classes()


def save_model(estimator: Any, path: str | os.PathLike[str]) -> tuple[Path, Path]:
    """Write a fitted network to ``<path>.safetensors`` and ``<path>.json``.

    The first file contains the weights and running statistics; the second contains the parameters,
    classes, sizes, history and versions, and the SHA-256 digests of the first file and of its own
    content. The state of the optimiser is not saved, and neither are the parameters ``augment``,
    ``callbacks``, ``checkpoint``, a user-defined ``loss`` and a ``random_state`` that is a
    generator. These parameters are None in the loaded estimator, and ``compile`` is False.

    If a process is killed while it writes, either the old or the new model remains. If two
    processes write the same model, the one that finishes later replaces the other.

    Parameters
    ----------
    estimator : EMGClassifier, EMGRegressor or classifier of a single network
        Fitted estimator; for a `TransferClassifier`, `NetworkFeatures` or `PretrainedEncoder`, its
        `estimator_`.
    path : str or path-like
        Path of the files, without extensions. Existing files are replaced.

    Returns
    -------
    weights, description : Path
        Paths of the two files.

    Raises
    ------
    NotFittedError
        If the estimator is not fitted.
    TypeError
        If the estimator is of a different class, or a parameter or label cannot be written as JSON.
    ValueError
        If weights are NaN or infinite, or the description is larger than `load_model` accepts.

    See Also
    --------
    load_model : Reads the files.

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
    state = estimator.net_.module_.state_dict()
    tensors = {n: v.detach().cpu().contiguous() for n, v in state.items()}
    _check_finite(tensors, f"save_model: {name}")
    fitted = {n: getattr(estimator, n) for n in estimator._fitted if hasattr(estimator, n)}
    content = {
        "format": _FORMAT,
        "class": name,
        "params": {n: _portable(n, v) for n, v in estimator.get_params(deep=False).items()},
        "fitted": {n: _to_json(n, v) for n, v in fitted.items()},
        "history": [_portable_row(row) for row in getattr(estimator, "history_", ())],
        "versions": {
            "sklearn_emg": __version__,
            "torch": torch.__version__,
            "sklearn": sklearn.__version__,
        },
    }
    # The digest in the file distinguishes equal weights that belong to different descriptions.
    weights = to_bytes(tensors, metadata={"description": json_digest(content)})
    content["weights"] = hashlib.sha256(weights).hexdigest()
    text = json.dumps({**content, "digest": json_digest(content)}, indent=1) + "\n"
    if len(text) > _MAX_DESCRIPTION_BYTES:
        raise ValueError(
            f"save_model: the description of {name} has {len(text)} bytes, more than the "
            f"{_MAX_DESCRIPTION_BYTES} that load_model reads. Shorten its history_ or parameters."
        )
    return _write(path, weights, text)


def _write(path: str | os.PathLike[str], weights: bytes, description: str) -> tuple[Path, Path]:
    """Write both files in an order that ensures that the weights of the description always exist.

    The weights are first written under a hidden name. The new description then makes the new model
    valid. Only then are the weights renamed; `load_model` looks for both names.
    """
    weights_file, description_file = _files(path)
    waiting = weights_file.with_name(f".{Path(path).name}.{uuid.uuid4().hex}.weights")
    weights_file.parent.mkdir(parents=True, exist_ok=True)
    with locked_folder(weights_file.parent):
        try:
            write_atomically(waiting, lambda target: target.write_bytes(weights))
            write_text_atomically(description_file, description)
        except BaseException:
            waiting.unlink(missing_ok=True)
            raise
        os.replace(waiting, weights_file)
        for left in _waiting_weights(path):  # files that killed processes left behind
            left.unlink(missing_ok=True)
    return weights_file, description_file


def load_model(
    path: str | os.PathLike[str],
    *,
    module: Callable[..., nn.Module] | None = None,
    device: str | None = None,
) -> Any:
    """Read a network that :func:`save_model` wrote.

    On the same device, its predictions are bit-identical to those of the saved network.

    Nothing in the files is executed: only numbers and text are read, and only classes of this
    sub-package are built from them. Weights that do not belong to the description, damaged files
    and options that would start processes are rejected. The digests detect damage and mistakes, but
    do not prove who wrote the files.

    Parameters
    ----------
    path : str or path-like
        Path of the files, without extensions.
    module : type or callable, default=None
        The network. It is required if the saved estimator has a user-defined network, since the
        files do not contain its code.
    device : str, default=None
        Device that replaces the saved ``device`` parameter, such as "cpu" for a model that was
        trained on a GPU. None keeps the saved one.

    Returns
    -------
    estimator : estimator
        Fitted estimator of the class that was saved. It can predict, and can continue training with
        ``partial_fit``.

    Raises
    ------
    FileNotFoundError
        If a file is missing.
    ValueError
        If the description was not written by `save_model` or does not match the weights, or if
        `module` is required.

    See Also
    --------
    save_model : Writes the files; its docstring contains an example.
    """
    weights, description = _files(path)
    content, stored = _read_files(path)
    with refusing(f"{description} is not a description by save_model"):
        estimator, history = _described_estimator(content)
    params = estimator.get_params(deep=False)
    if module is not None:
        estimator.set_params(module=module)
    elif params.get("module", "ALSNet") not in NETWORKS:
        raise ValueError(
            f"{description} contains a user-defined network, {params['module']!r}. Pass its class "
            "in the 'module' parameter of load_model."
        )
    if device is not None:
        estimator.set_params(device=device)
    with refusing(f"{description} cannot be used"):
        estimator._validate_params()
        estimator._rng = check_random_state(estimator.random_state)
        net, on_device = estimator._build_net()
    with refusing(f"{weights} does not match {description}", SafetensorError):
        # The file is read, not memory-mapped, since rewriting a mapped file would change the model.
        state = from_bytes(stored)
        _check_finite(state, str(weights))
        state = {name: value.to(on_device) for name, value in state.items()}
        net.initialize_around(_module_around(state, net, on_meta=module is None))
    net.history_ = History(history)
    estimator.net_ = net
    if history:
        estimator.history_ = net.history_
    else:
        vars(estimator).pop("classes_", None)
    return estimator


def _read_files(path: str | os.PathLike[str]) -> tuple[dict[str, Any], bytes]:
    """Return the content of a description, and the weights that it names."""
    weights, description = _files(path)
    before = None
    while True:
        text = read_bytes(existing_file(description), _MAX_DESCRIPTION_BYTES)
        if text == before:
            break
        content = _parse(text, description)
        # A process that is writing renames the waiting file to its final name.
        for file in (weights, *_waiting_weights(path), weights):
            try:
                stored = existing_file(file).read_bytes()
            except FileNotFoundError:
                continue
            if hashlib.sha256(stored).hexdigest() == content["weights"]:
                return content, stored
        before = text  # another process may have replaced the description in the meantime
    existing_file(weights)
    raise ValueError(
        f"{weights} does not match {description}: its SHA-256 digest is not the one in the "
        "description. The weights are damaged or belong to a different model; copy both files "
        "again."
    )


def _parse(text: bytes, description: Path) -> dict[str, Any]:
    with refusing(f"{description} is not a description by save_model"):
        content = json.loads(text)
        if not isinstance(content, dict):
            raise ValueError(f"it contains a {type(content).__name__}, not a dict")
        if content.get("format") != _FORMAT:
            raise ValueError(f"format {content.get('format')!r} is not {_FORMAT}")
        if content.keys() != _PARTS:
            raise ValueError(f"its parts are {sorted(content)[:20]} instead of {sorted(_PARTS)}")
        if content.pop("digest") != json_digest(content):
            raise ValueError("its text has been changed: the digest in it does not match")
    return content


def _described_estimator(content: dict[str, Any]) -> tuple[Any, list[dict[str, Any]]]:
    """Return the estimator without its net, and the history."""
    cls = _CLASSES[content["class"]]
    params = {n: _from_json(v) for n, v in content["params"].items()}
    if params.get("compile"):
        raise ValueError("compile=True would start compilers")
    for name in _LEFT_OUT:
        if params.get(name) is not None:
            raise ValueError(f"{name} must be None in a file, but is {params[name]!r}")
    estimator = cls(**params)
    fitted = content["fitted"]
    if unknown := fitted.keys() - set(cls._fitted):
        raise ValueError(f"{cls.__name__} has no fitted attribute {sorted(unknown)[0]!r}")
    if not content["history"]:  # a network of PretrainedEncoder, which has two outputs
        fitted = {"classes_": _to_json("classes_", np.array([0, 1])), **fitted}
    for name in cls._fitted:
        if name in fitted or name not in _MAY_LACK:
            setattr(estimator, name, _from_json(fitted[name]))
    _check_fitted(estimator)
    return estimator, [_checked_row(row) for row in content["history"]]


def _checked_row(row: dict[str, Any]) -> dict[str, Any]:
    """Check one epoch of the history, and return it as a dict."""
    for value in row.values():
        if not isinstance(value, bool | int | float | str):
            raise ValueError(f"history contains a {type(value).__name__} instead of a number")
    return dict(row)


def _check_fitted(estimator: Any) -> None:
    """Check sizes and classes, on which all methods of a fitted estimator depend."""
    n_times = estimator.n_times_
    times = n_times if isinstance(n_times, tuple) else (n_times,)
    _check_sizes(estimator.n_features_in_, [estimator.n_channels_, *times])
    if (estimator._ndim, len(times)) not in ((2, 1), (3, 1), (4, 2)):
        raise ValueError(f"_ndim {estimator._ndim!r} and n_times_ {n_times!r} do not match")
    if not isinstance(estimator._takes_any_length, bool):
        raise ValueError(
            f"_takes_any_length must be true or false, but is {estimator._takes_any_length!r}"
        )
    fs = estimator._fs
    if fs is not None and not (isinstance(fs, int | float) and 0 < fs < math.inf):
        raise ValueError(f"_fs must be a positive rate in Hz, but is {fs!r}")
    channels = estimator._channels
    if channels is not None and not (
        isinstance(channels, tuple)
        and len(channels) == estimator.n_channels_
        and all(isinstance(name, str) for name in channels)
    ):
        raise ValueError(f"_channels must name each channel, but is {channels!r}")
    if is_classifier(estimator):
        _check_classes(estimator.classes_, estimator._class_counts)


def _check_sizes(n_features: Any, sizes: list[Any]) -> None:
    """Check that sizes are integers and that windows are not too large."""
    for name, value in [("n_features_in_", n_features), *(("size", size) for size in sizes)]:
        if type(value) is not int:
            raise ValueError(f"{name} must be an integer, but is {value!r}")
    if math.prod(sizes) > _MAX_VALUES:
        raise ValueError(f"windows of {sizes} are too large")


def _check_classes(classes: Any, counts: Any) -> None:
    """Check that classes are sorted and that each has a number of training rows."""
    if not isinstance(classes, np.ndarray) or len(classes) < 2:
        raise ValueError("classes_ must be an array of at least two classes")
    if not np.array_equal(np.unique(classes), classes):
        raise ValueError(f"classes_ must be sorted and unique, but is {classes.tolist()[:20]}")
    if not isinstance(counts, np.ndarray) or counts.dtype.kind != "i":
        raise ValueError("_class_counts must be an array of integers")
    if counts.shape != classes.shape or (counts < 0).any():
        raise ValueError("_class_counts must have a number of at least 0 for each class")


def _check_finite(tensors: dict[str, torch.Tensor], what: str) -> None:
    for name, value in tensors.items():
        if value.is_floating_point() and not bool(torch.isfinite(value).all()):
            raise ValueError(f"{what} has NaN or infinite weights in {name!r}")


class _Bounded(TorchDispatchMode):
    """Refuse to allocate many more or much larger tensors than the weights in a file require."""

    def __init__(self, state: dict[str, torch.Tensor]) -> None:
        super().__init__()
        self._left = 1000 + 100 * len(state)
        self._max_numel = max(4 * sum(value.numel() for value in state.values()), _MIN_BOUND)

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        sizes = args[0] if args and isinstance(args[0], list | tuple) else args
        numbers = [n for n in sizes if isinstance(n, int)]
        self._left -= 1
        if self._left < 0 or math.prod(numbers) > self._max_numel:
            raise ValueError("the description specifies a larger network than that of the weights")
        return func(*args, **(kwargs or {}))


def _module_around(state: dict[str, torch.Tensor], net: Any, on_meta: bool) -> nn.Module:
    """Build the module with given weights, if possible without drawing initial weights."""
    params = net.get_params_for("module")
    if not on_meta:  # a user-defined module may compute buffers that are not in the state
        with torch.random.fork_rng(devices=[]), single_precision(), _Bounded(state):
            module = net.module(**params)
        module.load_state_dict(state)
        return module
    with _Bounded(state), single_precision(), torch.device("meta"):
        module = net.module(**params)
    module.load_state_dict(state, assign=True)
    return module


def _files(path: str | os.PathLike[str]) -> tuple[Path, Path]:
    path = Path(path)
    return path.with_name(path.name + ".safetensors"), path.with_name(path.name + ".json")


def _waiting_weights(path: str | os.PathLike[str]) -> list[Path]:
    """Return the files of weights that were written but not yet renamed."""
    path = Path(path)
    pattern = re.compile(rf"\.{re.escape(path.name)}\.[0-9a-f]{{32}}\.weights")
    return [entry for entry in path.parent.iterdir() if pattern.fullmatch(entry.name)]


def _portable_row(row: dict[str, Any]) -> dict[str, Any]:
    """Return the numbers and text in one epoch of the history."""
    return {k: v for k, v in row.items() if isinstance(v, bool | int | float | str)}


def _portable(name: str, value: Any) -> Any:
    """Convert a parameter to JSON; training parameters that are not saved become None."""
    if name in _LEFT_OUT or isinstance(value, np.random.RandomState):
        return None
    if name == "loss" and not isinstance(value, str):
        return None
    if name == "compile":  # True would start compilers when the file is loaded
        return False
    if name == "module" and not isinstance(value, str):
        own_name = getattr(value, "__qualname__", type(value).__qualname__)
        in_package = value.__module__.startswith(__package__ + ".") and own_name in NETWORKS
        return own_name if in_package else f"{value.__module__}.{own_name}"
    if name == "optimizer":
        called = getattr(value, "__name__", "")
        return called if getattr(torch.optim, called, None) is value else _to_json(name, value)
    return _to_json(name, value)


def _to_json(name: str, value: Any) -> Any:
    """Convert numbers, text, None, tuples, lists, dicts and arrays of these to JSON."""
    value = python_value(value)
    if isinstance(value, bool | int | float | str | None):
        return value
    if isinstance(value, dict):
        return {"dict": _to_json(name, [list(item) for item in value.items()])}
    if isinstance(value, tuple):
        return {"tuple": _to_json(name, list(value))}
    if isinstance(value, np.ndarray) and value.ndim == 1:
        return {"array": _to_json(name, list(value)), "dtype": value.dtype.str}
    if isinstance(value, list):
        return [_to_json(name, v) for v in value]
    raise TypeError(
        f"save_model cannot write {name!r}: it contains {type(value).__name__}, but only numbers, "
        "text, None, tuples, lists, dicts and one-dimensional arrays of these can be written."
    )


def _array(entries: list[Any], dtype_name: str) -> NDArray[Any]:
    # Sizes are read from the name, since older versions of NumPy overflow on huge text dtypes.
    form = re.fullmatch(r"[<>|=]?([biufUO])(\d{0,12})", dtype_name)
    size = 0 if form is None else int(form[2] or 1) * (4 if form[1] == "U" else 1)
    if form is None or size * len(entries) > _MAX_ARRAY_BYTES:
        raise ValueError(f"arrays of {dtype_name!r} are not written by save_model")
    if any(isinstance(entry, list | dict) for entry in entries):
        raise ValueError("arrays must have one dimension")
    return np.array(entries, dtype=dtype_name)


def _from_json(value: Any) -> Any:
    if isinstance(value, list):
        return [_from_json(v) for v in value]
    if not isinstance(value, dict):
        return value
    if value.keys() == {"array", "dtype"}:
        return _array(list(value["array"]), value["dtype"])
    if value.keys() == {"tuple"}:
        return tuple(_from_json(v) for v in value["tuple"])
    if value.keys() == {"dict"}:
        return {_from_json(k): _from_json(v) for k, v in value["dict"]}
    raise ValueError(f"a dict with {sorted(value)[:5]} is not written by save_model")
