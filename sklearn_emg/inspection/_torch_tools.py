"""Computations of explanations on a trained module; no other file here imports PyTorch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.utils.hooks import RemovableHandle

Scores = Callable[[torch.Tensor], torch.Tensor]


@contextmanager
def _evaluating(module: nn.Module, gradients: AbstractContextManager) -> Iterator[None]:
    """Set evaluation mode and a mode of gradients, and restore the earlier modes at the end."""
    was_training = module.training
    module.eval()
    try:
        with gradients:
            yield
    finally:
        module.train(was_training)


@contextmanager
def _for_gradients(module: nn.Module) -> Iterator[None]:
    """Set evaluation mode and compute gradients only of the input, even in recurrent layers."""
    needed = {p: p.requires_grad for p in module.parameters()}
    with ExitStack() as stack:
        stack.enter_context(_evaluating(module, torch.enable_grad()))
        # cuDNN has no backward pass for recurrent layers in evaluation mode.
        if any(isinstance(layer, nn.RNNBase) for layer in module.modules()):
            stack.enter_context(torch.backends.cudnn.flags(enabled=False))
        for parameter in needed:
            parameter.requires_grad_(False)
        try:
            yield
        finally:
            for parameter, need in needed.items():
                parameter.requires_grad_(need)


def maximise(
    module: nn.Module,
    device: str,
    start: NDArray[np.float32],
    nodes: NDArray[np.intp],
    shifts: Iterable[NDArray[np.intp]],
    lr: float,
    objective: str,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Train windows to raise the output or margin of their node; also return all outputs.

    For each update, ``shifts`` contains the numbers of samples by which the windows are rotated
    before they enter the module, in an array of shape (n_windows,). The updated windows themselves
    are not rotated. Adam updates each sample separately, so windows are trained independently.
    """
    x = torch.tensor(start, device=device, requires_grad=True)
    node = torch.as_tensor(nodes, device=device)[:, None]
    times = torch.arange(x.shape[-1], device=device)
    optimizer = torch.optim.Adam([x], lr=lr)
    shape = (len(x),) + (1,) * (x.ndim - 2) + (x.shape[-1],)
    history = []
    with _for_gradients(module):
        for shift in shifts:
            move = torch.as_tensor(shift, device=device)
            index = ((times - move[:, None]) % x.shape[-1]).reshape(shape).expand(x.shape)
            output = module(x.gather(-1, index))
            history.append(output.detach())
            raised = output.gather(1, node).sum()
            if objective == "margin":
                others = output.scatter(1, node, -torch.inf)
                raised = raised - others.logsumexp(dim=1).sum()
            (x.grad,) = torch.autograd.grad(-raised, [x])
            optimizer.step()
        with torch.no_grad():
            history.append(module(x))
    return x.detach().cpu().numpy(), torch.stack(history).cpu().numpy()


def _run(
    module: nn.Module,
    device: str,
    X: torch.Tensor,
    batch_size: int,
    hooks: Sequence[RemovableHandle],
) -> None:
    """Run the module on all windows in evaluation mode, then remove the hooks."""
    try:
        with _evaluating(module, torch.inference_mode()):
            for first in range(0, len(X), batch_size):
                module(X[first : first + batch_size].to(device))
    finally:
        for hook in hooks:
            hook.remove()


def activations(
    module: nn.Module,
    device: str,
    X: torch.Tensor,
    layers: Sequence[str],
    batch_size: int,
    time_average: bool,
) -> dict[str, NDArray[np.float32]]:
    """Compute the outputs of named layers in evaluation mode by forward hooks.

    Parameters
    ----------
    module : Module
        Trained module. Its training mode is restored at the end.
    device : str
        Device of the module.
    X : tensor of shape (n_windows, n_channels, n_times) or of images
        Windows in mV, on any device. They are moved in batches.
    layers : sequence of str
        Names from ``module.named_modules()``.
    batch_size : int
        Number of windows per batch.
    time_average : bool
        Whether to average outputs of more than two axes over the last axis.

    Returns
    -------
    outputs : dict of str to ndarray of shape (n_windows, n_units)
        Flattened outputs by layer. A layer that never runs is left out.

    Raises
    ------
    KeyError
        If the module has no layer of that name.
    """
    named = dict(module.named_modules())
    kept: dict[str, list[NDArray[np.float32]]] = {name: [] for name in layers}

    def keeper(name: str) -> Callable[..., None]:
        def keep(_module: nn.Module, _inputs: tuple, output: torch.Tensor | tuple) -> None:
            # Recurrent layers return (output, state).
            values = output[0] if isinstance(output, tuple) else output
            if time_average and values.ndim > 2:
                values = values.mean(dim=-1)
            kept[name].append(values.reshape(len(values), -1).float().cpu().numpy())

        return keep

    hooks = [named[name].register_forward_hook(keeper(name)) for name in layers]
    _run(module, device, X, batch_size, hooks)
    return {name: np.concatenate(parts) for name, parts in kept.items() if parts}


def outputs(
    module: nn.Module, device: str, X: torch.Tensor, nodes: NDArray[np.intp], batch_size: int
) -> NDArray[np.float64]:
    """Compute the raw output (logit) of one node per window, without gradients.

    Parameters
    ----------
    module, device, X, batch_size
        Same as in :func:`activations`.
    nodes : ndarray of shape (n_windows,)
        Column of the output to return for each window.

    Returns
    -------
    outputs : ndarray of shape (n_windows,)
        Raw output of each window.
    """
    parts = []
    with _evaluating(module, torch.inference_mode()):
        for first in range(0, len(X), batch_size):
            part = slice(first, first + batch_size)
            node = torch.as_tensor(nodes[part], device=device)[:, None]
            parts.append(module(X[part].to(device)).gather(1, node)[:, 0].double().cpu())
    return torch.cat(parts).numpy()


def gradient_parts(
    module: nn.Module,
    device: str,
    X: torch.Tensor,
    baseline: torch.Tensor,
    nodes: NDArray[np.intp],
    n_steps: int | None,
    batch_size: int,
) -> NDArray[np.float64]:
    """Compute integrated gradients, or gradient times difference if `n_steps` is None."""
    from captum.attr import IntegratedGradients, Saliency

    parts = []
    with _for_gradients(module):
        for x, b, node in _batches(device, X, baseline, nodes, batch_size):
            if n_steps is None:
                # InputXGradient of captum does not take a baseline.
                slopes = Saliency(module).attribute(x.requires_grad_(), target=node, abs=False)
                relevance = (x - b) * slopes
            else:
                relevance = IntegratedGradients(module).attribute(
                    x,
                    baselines=b,
                    target=node,
                    n_steps=n_steps,
                    method="riemann_middle",
                    internal_batch_size=len(x),
                )
            parts.append(relevance.detach().double().cpu().numpy())
    return np.concatenate(parts)


def occlusion(
    module: nn.Module,
    device: str,
    X: torch.Tensor,
    baseline: torch.Tensor,
    nodes: NDArray[np.intp],
    size: int,
    step: int,
    batch_size: int,
) -> NDArray[np.float64]:
    """Compute the decrease of each node when a patch of one channel is replaced by the baseline.

    A window is tiled with patches of `size` samples; patches at its ends may be shorter. The result
    is the mean over tilings that are shifted by `step` samples from one to the next.
    """
    from captum.attr import FeatureAblation

    total = np.zeros(X.shape)
    offsets = range(0, size, step)
    with _evaluating(module, torch.no_grad()):
        for offset in offsets:
            patch = (torch.arange(X.shape[-1]) + offset) // size
            channel = torch.arange(X.shape[1]).reshape(-1, *[1] * (X.ndim - 2))
            mask = (channel * (patch[-1] + 1) + patch).expand(1, *X.shape[1:])
            sizes = torch.bincount(mask.flatten())[mask].numpy()
            decreases = [
                FeatureAblation(module).attribute(
                    x, baselines=b, target=node, feature_mask=mask.to(device)
                )
                for x, b, node in _batches(device, X, baseline, nodes, batch_size)
            ]
            total += torch.cat(decreases).double().cpu().numpy() / sizes
    return total / len(offsets)


def _batches(
    device: str,
    X: torch.Tensor,
    baseline: torch.Tensor,
    nodes: NDArray[np.intp],
    batch_size: int,
) -> Iterator[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]:
    for first in range(0, len(X), batch_size):
        part = slice(first, first + batch_size)
        node = torch.as_tensor(nodes[part], device=device)
        yield X[part].to(device), baseline[part].to(device), node


def attention(
    module: Any, device: str, X: torch.Tensor, batch_size: int, matrices: bool
) -> tuple[dict[str, NDArray[np.float32]], dict[str, NDArray[np.float32]], dict[str, Any]]:
    """Compute the attention weights over time of a network that has ``attention_maps``.

    Parameters
    ----------
    module : Module
        Trained module.
    device : str
        Device of the module.
    X : tensor of shape (n_windows, n_channels, n_times)
        Windows in mV.
    batch_size : int
        Number of windows per batch.
    matrices : bool
        Whether to also keep the weights at each position.

    Returns
    -------
    weights : dict of str to ndarray of shape (n_windows, n_heads, n_positions)
        Weights by layer, averaged over the positions that attend.
    whole : dict of str to ndarray of shape (n_windows, n_heads, n_positions, n_positions)
        Weights of self-attention at each position, by layer. It is empty without `matrices`.
    layers : dict of str to AttentionMap
        Kind of each layer, and the samples that its positions cover.
    """
    means: dict[str, list[NDArray[np.float32]]] = {}
    whole: dict[str, list[NDArray[np.float32]]] = {}
    layers: dict[str, Any] = {}
    with _evaluating(module, torch.inference_mode()):
        for part in X.split(batch_size):
            layers = module.attention_maps(part.to(device))
            for name, layer in layers.items():
                weights = layer.weights.float()
                if weights.ndim == 4:
                    if matrices:
                        whole.setdefault(name, []).append(weights.cpu().numpy())
                    weights = weights.mean(dim=2)
                means.setdefault(name, []).append(weights.cpu().numpy())
    return (
        {name: np.concatenate(parts) for name, parts in means.items()},
        {name: np.concatenate(parts) for name, parts in whole.items()},
        layers,
    )
