"""Find the module, optimiser and device that the parameters of an estimator name."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import nn

from sklearn_emg._sklearn import InvalidParameterError
from sklearn_emg._tables import counted
from sklearn_emg._validation import did_you_mean
from sklearn_emg.neural_network._data._batches import SequenceDataset, WindowDataset
from sklearn_emg.neural_network._modules._layers import SIZES
from sklearn_emg.neural_network._registry import NETWORKS, public


def resolve_module(
    module: str | Callable[..., nn.Module], params: dict[str, Any] | None, caller: str
) -> tuple[Callable[..., nn.Module], dict[str, Any]]:
    """Look up a network by name and reject settings that it does not take."""
    if isinstance(module, str):
        if module not in NETWORKS:
            raise ValueError(
                f"The 'module' parameter of {caller} is {module!r}, not a network of sklearn_emg. "
                f"{_hint(module, list(NETWORKS))}"
            )
        module = public(module)
    if isinstance(module, nn.Module):
        raise TypeError(
            f"The 'module' parameter of {caller} must be a class or a function, since the sizes "
            f"are taken from the data. Got an instance of {type(module).__name__}."
        )
    params = dict(params or {})
    known = inspect.signature(module).parameters
    _check_arguments(module, known, params, caller)
    _check_params(module, known, params, caller)
    return module, params


def _check_params(
    module: Callable[..., nn.Module],
    known: Mapping[str, inspect.Parameter],
    params: dict[str, Any],
    caller: str,
) -> None:
    """Reject sizes among the settings, and settings that the module does not take."""
    for name in params:
        if name in SIZES:
            raise ValueError(
                f"The 'module_params' parameter of {caller} must not contain {name!r}: sizes are "
                "taken from the data in every fit."
            )
        if name not in known and not _takes_any_name(known):
            settings = [name for name in known if name not in SIZES]
            raise ValueError(
                f"The 'module_params' parameter of {caller} contains {name!r}, which "
                f"{name_of(module)} does not take. {_hint(name, settings)}"
            )


def _takes_any_name(known: Mapping[str, inspect.Parameter]) -> bool:
    return any(p.kind is inspect.Parameter.VAR_KEYWORD for p in known.values())


def _check_arguments(
    module: Callable[..., nn.Module],
    known: Mapping[str, inspect.Parameter],
    params: dict[str, Any],
    caller: str,
) -> None:
    """Reject a module that does not take the sizes by name, or that requires further arguments."""
    P = inspect.Parameter
    named = {n: p for n, p in known.items() if p.kind not in (P.VAR_POSITIONAL, P.VAR_KEYWORD)}
    by_name = {n for n, p in named.items() if p.kind is not P.POSITIONAL_ONLY}
    lacking = set() if _takes_any_name(known) else set(SIZES) - by_name
    given = {*SIZES, *params} & by_name
    needed = [n for n, p in named.items() if p.default is P.empty and n not in given]
    found = _listed("it does not take ", sorted(lacking, key=SIZES.index))
    found += _listed("it needs ", needed)
    if found:
        raise InvalidParameterError(
            f"The 'module' parameter of {caller} must be a class or a function that takes "
            "n_channels, n_times and n_classes by name and requires no further arguments except "
            f"those in 'module_params'. {name_of(module)} does not fit: {' and '.join(found)}. "
            "Rename its arguments, or pass a function with those three arguments that builds it."
        )


def _listed(text: str, names: Sequence[str]) -> list[str]:
    return [text + ", ".join(names)] if names else []


def name_of(module: Callable[..., nn.Module]) -> str:
    return getattr(module, "__name__", repr(module))


def check_output(
    module: nn.Module, windows: WindowDataset | SequenceDataset, n_outputs: int, caller: str
) -> None:
    """Reject a module that does not return one row of outputs per window, before its training."""
    x, _ = windows.take(slice(0, 2))
    device = next((p.device for p in module.parameters()), torch.device("cpu"))
    batch, *lengths = x if isinstance(x, tuple) else (x,)
    name, shape = type(module).__name__, tuple(batch.shape)
    wanted = (
        f"It must take windows of shape (n_windows, n_channels, n_times), here {shape}, and return "
        f"outputs of shape (n_windows, n_classes), here {(len(batch), n_outputs)}."
    )
    was_training = module.training
    module.eval()
    try:
        with torch.no_grad(), torch.random.fork_rng():
            output = module(batch.to(device), *lengths)
    except torch.OutOfMemoryError:
        raise
    except (RuntimeError, TypeError, IndexError, ValueError) as error:
        raise ValueError(f"The module {name} of {caller} failed: {error}. {wanted}") from error
    finally:
        module.train(was_training)
    if not isinstance(output, torch.Tensor):
        raise ValueError(
            f"The module {name} of {caller} returned {type(output).__name__}. {wanted}"
        )
    if output.shape != (len(batch), n_outputs):
        raise ValueError(
            f"The module {name} of {caller} returned an output of shape {tuple(output.shape)}. "
            f"{wanted}"
        )


def resolve_optimizer(optimizer: str | type, caller: str) -> type[torch.optim.Optimizer]:
    """Look up an optimiser of ``torch.optim`` by name."""
    if isinstance(optimizer, str):
        names = [name for name in dir(torch.optim) if _is_optimizer(getattr(torch.optim, name))]
        if optimizer not in names:
            raise ValueError(
                f"The 'optimizer' parameter of {caller} is {optimizer!r}, which is not an "
                f"optimiser in torch.optim. {_hint(optimizer, names)}"
            )
        return getattr(torch.optim, optimizer)
    if not _is_optimizer(optimizer):
        raise TypeError(
            f"The 'optimizer' parameter of {caller} must be a torch.optim.Optimizer class or the "
            f"name of one. Got {optimizer!r}."
        )
    return optimizer


def _is_optimizer(value: Any) -> bool:
    base = torch.optim.Optimizer
    return isinstance(value, type) and issubclass(value, base) and value is not base


def resolve_device(device: str, caller: str) -> torch.device:
    """Resolve "auto" to a device and reject a device that does not exist."""
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        resolved = torch.device(device)
    except RuntimeError as error:
        raise ValueError(
            f"The 'device' parameter of {caller} must be 'auto', 'cpu', 'cuda' or a numbered GPU "
            f"such as 'cuda:1'. Got {device!r} instead."
        ) from error
    n_devices = {
        "cpu": 1,
        "cuda": torch.cuda.device_count() if torch.cuda.is_available() else 0,
        "mps": int(torch.backends.mps.is_available()),
    }.get(resolved.type, 0)
    if (resolved.index or 0) >= n_devices:
        raise ValueError(
            f"The 'device' parameter of {caller} is {device!r}, but torch finds "
            f"{counted(n_devices, f'{resolved.type.upper()} device')}. Use device='auto' or 'cpu'."
        )
    return resolved


def with_callback(
    callbacks: Sequence[Any] | None, name: str, value: Any, cls: type
) -> list[tuple[str, Any]]:
    """Replace one callback, or one of its parameters, using the names of skorch.

    Parameters
    ----------
    callbacks : sequence or None
        Callbacks. Those that are to be reached by name are pairs of a name and a callback.
    name : str
        Name of a callback, optionally followed by two underscores and the name of a parameter.
    value : object
        New callback, or new value of the parameter.
    cls : type
        Class of the estimator.

    Returns
    -------
    callbacks : list
        New list of callbacks. A callback whose parameter is changed is copied first.

    Raises
    ------
    InvalidParameterError
        If no callback has this name.
    """
    name, _, parameter = name.partition("__")
    changed = list(callbacks or [])
    names = [pair[0] if isinstance(pair, tuple | list) else None for pair in changed]
    if name not in names:
        known = [known for known in names if known is not None]
        raise InvalidParameterError(
            f"The 'callbacks' parameter of {cls.__name__} has no callback {name!r}, only {known}. "
            "Name callbacks by passing pairs: [('stop', EarlyStopping())]."
        )
    if parameter:
        callback = copy.copy(changed[names.index(name)][1])
        callback.set_params(**{parameter: value})  # returns None, unlike an estimator's set_params
        value = callback
    changed[names.index(name)] = (name, value)
    return changed


def uses_bfloat16(precision: str, device: torch.device) -> bool:
    """Return whether to compute in bfloat16; with "auto", this depends on the device."""
    return precision == "bfloat16" or (precision == "auto" and has_bfloat16(device))


def has_bfloat16(device: torch.device) -> bool:
    """Return whether a device has instructions for multiplying bfloat16 numbers."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported()
    if device.type != "cpu" or not hasattr(torch.cpu, "get_capabilities"):  # an older PyTorch
        return False
    found = torch.cpu.get_capabilities()
    return bool(found.get("avx512_bf16") or found.get("amx_bf16"))


def _hint(name: str, known: Sequence[str]) -> str:
    return did_you_mean(name, known).strip() or f"Valid names are {sorted(known)}."
