"""Checkpoints: the state of an interrupted fit, in a file that contains only data and text."""

from __future__ import annotations

import contextlib
import copy
import hashlib
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from sklearn_emg._files import existing_file, refusing, write_atomically
from sklearn_emg._tables import python_value
from sklearn_emg._warnings import warn
from sklearn_emg.recordings import content_digest

_FORMAT = "1"
_TENSOR, _TUPLE, _DICT = "tensor", "tuple", "dict"


class Checkpoint:
    """File of one fit, named after a digest of its data and settings.

    Parameters
    ----------
    folder : str or path-like
        Folder of checkpoints, which several fits can share.
    caller : str
        Name of the estimator's class.
    *identity : object
        Data and settings of the fit. A fit with different data or settings has a different file.

    Attributes
    ----------
    found : dict or None
        Last state that an interrupted fit wrote, or None if there is none.

    Warns
    -----
    UserWarning
        If the file is damaged or belongs to a different fit; the file is then ignored.

    Raises
    ------
    ValueError
        If the folder is a file, or if a setting, such as an open file, cannot be distinguished
        from others of its kind.
    """

    def __init__(self, folder: str | os.PathLike[str], caller: str, *identity: Any) -> None:
        if Path(folder).exists() and not Path(folder).is_dir():
            raise ValueError(
                f"The 'checkpoint' of {caller} must be a folder, but {folder} is a file."
            )
        try:
            self.key = content_digest(torch.__version__, caller, *identity)
        # Pickling raises one of these, depending on the kind of object.
        except (TypeError, AttributeError, OSError) as error:
            raise ValueError(
                f"The 'checkpoint' of {caller} is identified by the data and the settings of the "
                f"fit, but one of them cannot be identified: {error}. Pass plain values, or "
                "classes and functions that have a name."
            ) from error
        self.path = Path(folder) / f"{caller}-{self.key[:32]}.safetensors"
        self._first: dict[str, Any] | None = None
        self.found: dict[str, Any] | None = None
        if self.path.exists():
            try:
                with refusing(f"{self.path} is not a checkpoint", SafetensorError, OSError):
                    self.found = self._read()
            except ValueError as error:
                warn(f"{error} The training starts from the beginning.", UserWarning)

    def generator(self, rng: np.random.RandomState) -> np.random.RandomState:
        """Return the generator of the fit, reset to its first state if the fit was interrupted."""
        if self.found is not None:
            rng = copy.deepcopy(rng)  # the argument may be NumPy's global generator
            first = self.found.pop("rng")
            first["state"]["key"] = np.array(first["state"]["key"], dtype=np.uint32)
            rng.set_state(first)
        self._first = rng.get_state(legacy=False)
        self._first["state"]["key"] = self._first["state"]["key"].tolist()
        return rng

    def _read(self) -> dict[str, Any]:
        with safe_open(existing_file(self.path), framework="pt") as file:
            text = file.metadata() or {}
            # Copies are needed, since the file is replaced while the tensors are in use.
            tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118
        if text.get("format") != _FORMAT or text.get("key") != self.key:
            raise ValueError("it has a different format or belongs to a different fit")
        if text.get("digest") != _digest(text["state"], tensors):
            raise ValueError("its content has changed: the digest in it does not match")
        return cast("dict[str, Any]", _decoded(json.loads(text["state"]), tensors))

    def write(self, state: dict[str, Any], progress: dict[str, Any]) -> None:
        """Replace the file with one that contains the given state.

        Parameters
        ----------
        state : dict
            State of the training, which consists of tensors, arrays, numbers, text and nested
            containers of these.
        progress : dict
            Entry that `checkpoint_progress` returns for this fit.
        """
        tensors: dict[str, torch.Tensor] = {}
        text = json.dumps(_encoded({**state, "rng": self._first}, tensors))
        # Tensors that share memory, such as tied weights, are stored separately in the file.
        known: set[int] = set()
        for name, tensor in tensors.items():
            if tensor.data_ptr() in known:
                tensors[name] = tensor.clone()
            known.add(tensor.data_ptr())
        metadata = {
            "format": _FORMAT,
            "key": self.key,
            "digest": _digest(text, tensors),
            "progress": json.dumps(progress),
            "state": text,
        }
        try:
            write_atomically(self.path, lambda target: save_file(tensors, target, metadata))
        except OSError as error:
            warn(
                f"The checkpoint {self.path} could not be written: {error}. Training continues; "
                "if it is interrupted, the epochs since the last checkpoint are lost.",
                UserWarning,
            )

    def remove(self) -> None:
        """Remove the file after the fit has finished."""
        self.path.unlink(missing_ok=True)


def checkpoint_progress(folder: str | os.PathLike[str]) -> list[dict[str, Any]]:
    """Read the progress of the fits whose checkpoints are in a folder.

    Parameters
    ----------
    folder : str or path-like
        Folder that was passed to network estimators as `checkpoint`.

    Returns
    -------
    progress : list of dict
        One dict for each fit, sorted by the time of writing, the most recent last. Its keys are:
        the last ``epoch`` and the total number of ``epochs``; the ``train_loss`` of that epoch, its
        ``valid_loss`` if there are validation data, and its duration in ``seconds``; the estimated
        remaining time in ``seconds_left``, and as text in ``left`` ("at most 19 min left" if
        training may stop early); ``total_seconds`` and ``total_cpu_seconds`` so far; and the time
        at which the file was ``written``, in seconds since 1970. Other files are ignored.

    Examples
    --------
    >>> from sklearn_emg.neural_network import checkpoint_progress
    >>> checkpoint_progress("folder_of_checkpoints")  # nothing is being trained
    []
    """
    found: list[dict[str, Any]] = []
    for path in Path(folder).glob("*.safetensors"):
        # The file may be removed in the meantime, or may not be a checkpoint.
        with contextlib.suppress(OSError, SafetensorError, LookupError, TypeError, ValueError):
            written = path.stat().st_mtime
            with safe_open(path, framework="np") as file:
                progress = json.loads(file.metadata()["progress"])
            found.append({**progress, "written": written})
    return sorted(found, key=lambda progress: progress["written"])


def _digest(text: str, tensors: dict[str, torch.Tensor]) -> str:
    digest = hashlib.sha256(text.encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _encoded(value: Any, tensors: dict[str, torch.Tensor]) -> Any:
    """Convert a state to JSON and add its tensors to ``tensors``."""
    if isinstance(value, np.ndarray):
        value = torch.from_numpy(np.ascontiguousarray(value))
    if isinstance(value, torch.Tensor):
        name = str(len(tensors))
        tensors[name] = value.detach().cpu().contiguous()
        return {_TENSOR: name}
    value = python_value(value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, dict):
        items = [[_encoded(k, tensors), _encoded(v, tensors)] for k, v in value.items()]
        return {_DICT: items}
    if isinstance(value, list | tuple):
        parts = [_encoded(part, tensors) for part in value]
        return {_TUPLE: parts} if isinstance(value, tuple) else parts
    raise TypeError(
        f"A checkpoint cannot store {type(value).__name__}, which is part of the state of the "
        "optimiser, the history or a callback: it stores only tensors, arrays, numbers, text and "
        "containers of these. Set checkpoint=None, or replace that optimiser or callback."
    )


def _decoded(value: Any, tensors: dict[str, torch.Tensor]) -> Any:
    if isinstance(value, list):
        return [_decoded(part, tensors) for part in value]
    if not isinstance(value, dict):
        return value
    ((kind, content),) = value.items()
    if kind == _TENSOR:
        return tensors[content]
    if kind == _TUPLE:
        return tuple(_decoded(part, tensors) for part in content)
    if kind == _DICT:
        items: Iterable[tuple[Any, Any]] = content
        return {_decoded(k, tensors): _decoded(v, tensors) for k, v in items}
    raise ValueError(f"it contains an entry of unknown kind {kind!r}")
