"""What the explanations do with a trained module; the one module here that imports PyTorch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

Scores = Callable[[torch.Tensor], torch.Tensor]


@contextmanager
def _for_gradients(module: nn.Module) -> Iterator[None]:
    """Evaluation mode, gradients of the input alone, and recurrent layers that allow them."""
    was_training = module.training
    needed = {p: p.requires_grad for p in module.parameters()}
    module.eval()
    with ExitStack() as stack:
        stack.enter_context(torch.enable_grad())
        # cuDNN has no backward pass of recurrent layers in evaluation mode.
        if any(isinstance(layer, nn.RNNBase) for layer in module.modules()):
            stack.enter_context(torch.backends.cudnn.flags(enabled=False))
        for parameter in needed:
            parameter.requires_grad_(False)
        try:
            yield
        finally:
            for parameter, need in needed.items():
                parameter.requires_grad_(need)
            module.train(was_training)


def maximise(
    module: nn.Module,
    device: str,
    start: NDArray[np.float32],
    nodes: NDArray[np.intp],
    shifts: NDArray[np.intp],
    lr: float,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Windows that raise the output of their node, and all outputs before each update.

    The windows are moved round by ``shifts`` (n_updates, n_windows) samples before the module sees
    them; what is updated stays in place. Adam works sample by sample, so windows learn apart.
    """
    x = torch.tensor(start, device=device, requires_grad=True)
    node = torch.as_tensor(nodes, device=device)[:, None]
    moves = torch.as_tensor(shifts, device=device)
    times = torch.arange(x.shape[-1], device=device)
    optimizer = torch.optim.Adam([x], lr=lr)
    shape = (len(x),) + (1,) * (x.ndim - 2) + (x.shape[-1],)
    history = []
    with _for_gradients(module):
        for move in moves:
            index = ((times - move[:, None]) % x.shape[-1]).reshape(shape).expand(x.shape)
            output = module(x.gather(-1, index))
            history.append(output.detach())
            (x.grad,) = torch.autograd.grad(-output.gather(1, node).sum(), [x])
            optimizer.step()
        with torch.no_grad():
            history.append(module(x))
    return x.detach().cpu().numpy(), torch.stack(history).cpu().numpy()


def activations(
    module: nn.Module,
    device: str,
    X: torch.Tensor,
    layers: Sequence[str],
    batch_size: int,
    time_average: bool,
) -> dict[str, NDArray[np.float32]]:
    """Outputs of the named layers, flattened: (n_windows, n_units) each."""
    named = dict(module.named_modules())
    kept: dict[str, list[NDArray[np.float32]]] = {name: [] for name in layers}

    def keeper(name: str) -> Callable[..., None]:
        def keep(_module: nn.Module, _inputs: tuple, output: torch.Tensor | tuple) -> None:
            # Recurrent layers give (output, state).
            values = output[0] if isinstance(output, tuple) else output
            if time_average and values.ndim > 2:
                values = values.mean(dim=-1)
            kept[name].append(values.reshape(len(values), -1).float().cpu().numpy())

        return keep

    was_training = module.training
    module.eval()
    hooks = [named[name].register_forward_hook(keeper(name)) for name in layers]
    try:
        with torch.inference_mode():
            for first in range(0, len(X), batch_size):
                module(X[first : first + batch_size].to(device))
    finally:
        for hook in hooks:
            hook.remove()
        module.train(was_training)
    return {name: np.concatenate(parts) for name, parts in kept.items() if parts}


def outputs(
    module: nn.Module, device: str, X: torch.Tensor, nodes: NDArray[np.intp], batch_size: int
) -> NDArray[np.float64]:
    """Output of the node of each window."""
    was_training = module.training
    module.eval()
    parts = []
    try:
        with torch.inference_mode():
            for first in range(0, len(X), batch_size):
                part = slice(first, first + batch_size)
                node = torch.as_tensor(nodes[part], device=device)[:, None]
                parts.append(module(X[part].to(device)).gather(1, node)[:, 0].double().cpu())
    finally:
        module.train(was_training)
    return torch.cat(parts).numpy()


def path_gradients(
    module: nn.Module,
    device: str,
    X: torch.Tensor,
    baseline: torch.Tensor,
    nodes: NDArray[np.intp],
    places: NDArray[np.float64],
    batch_size: int,
) -> NDArray[np.float64]:
    """Mean gradient of each window's node over points between the baseline and the window."""
    total = np.zeros(X.shape)
    with _for_gradients(module):
        for first in range(0, len(X), batch_size):
            part = slice(first, first + batch_size)
            x, b = X[part].to(device), baseline[part].to(device)
            node = torch.as_tensor(nodes[part], device=device)[:, None]
            for place in places:
                point = (b + float(place) * (x - b)).requires_grad_()
                output = module(point).gather(1, node).sum()
                (gradient,) = torch.autograd.grad(output, [point])
                total[part] += gradient.double().cpu().numpy()
    return total / len(places)


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
    """Fall of each window's node when a patch of one channel is replaced by the baseline."""
    n_times = X.shape[-1]
    whole = outputs(module, device, X, nodes, batch_size)
    starts = list(range(0, max(n_times - size, 0) + 1, step))
    if starts[-1] + size < n_times:
        starts.append(n_times - size)
    total, count = np.zeros(X.shape), np.zeros(n_times)
    for first in starts:
        patch = slice(first, min(first + size, n_times))
        count[patch] += 1
        for channel in range(X.shape[1]):
            changed = X.clone()
            changed[:, channel, ..., patch] = baseline[:, channel, ..., patch]
            fall = whole - outputs(module, device, changed, nodes, batch_size)
            n_values = total[0, channel, ..., patch].size
            total[:, channel, ..., patch] += (fall / n_values).reshape(
                (-1,) + (1,) * (total.ndim - 2)
            )
    return total / count
