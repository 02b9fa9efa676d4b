"""Losses of the networks, given by name or by the user."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from sklearn_emg._sklearn import InvalidParameterError
from sklearn_emg._validation import check_option


class WeightedCrossEntropy(nn.Module):
    """Cross entropy in which each window is weighted by its class.

    The weighted sum is divided by the number of windows. PyTorch's cross entropy divides it by the
    sum of the weights in the batch, which cancels the weights in a batch of a single class.
    """

    weight: torch.Tensor | None

    def __init__(self, weight: torch.Tensor | None = None, label_smoothing: float = 0.0) -> None:
        super().__init__()
        self.register_buffer("weight", weight)
        self.label_smoothing = label_smoothing

    def forward(self, logits: torch.Tensor, codes: torch.Tensor) -> torch.Tensor:
        """Return the mean loss over the windows."""
        smoothing = self.label_smoothing
        if self.weight is None:
            return functional.cross_entropy(logits, codes, label_smoothing=smoothing)
        total = functional.cross_entropy(
            logits, codes, weight=self.weight, label_smoothing=smoothing, reduction="sum"
        )
        return total / len(codes)


class FocalLoss(nn.Module):
    """Focal loss of Lin et al. (2017): cross entropy times ``(1 - p) ** gamma``.

    ``p`` is the predicted probability of the true class, so well-classified windows have less
    weight. With ``gamma=0`` the loss is the cross entropy.
    """

    weight: torch.Tensor | None

    def __init__(self, weight: torch.Tensor | None = None, gamma: float = 2.0) -> None:
        super().__init__()
        self.register_buffer("weight", weight)
        self.gamma = gamma

    def forward(self, logits: torch.Tensor, codes: torch.Tensor) -> torch.Tensor:
        """Return the mean loss over the windows."""
        log_p = functional.log_softmax(logits, dim=1).gather(1, codes[:, None])[:, 0]
        # This computes 1 - p without cancellation if p is close to 1.
        losses = (-torch.expm1(log_p)).pow(self.gamma) * -log_p
        return (losses if self.weight is None else losses * self.weight[codes]).mean()


_OF_CLASSES: dict[str, type[nn.Module]] = {
    "cross_entropy": WeightedCrossEntropy,
    "focal": FocalLoss,
}
_OF_NUMBERS: dict[str, type[nn.Module]] = {
    "squared_error": nn.MSELoss,
    "absolute_error": nn.L1Loss,
    "huber": nn.HuberLoss,
}


def criterion_settings(
    loss: Any, params: dict[str, Any] | None, weight: torch.Tensor | None, of_classes: bool, by: str
) -> dict[str, Any]:
    """Return the criterion of a skorch net and its arguments.

    Parameters
    ----------
    loss, params
        Parameters `loss` and `loss_params` of the estimator.
    weight : tensor of shape (n_classes,) or None
        Weight of each class in the loss.
    of_classes : bool
        Whether the targets are class codes; otherwise they are real numbers.
    by : str
        Name of the estimator's class.

    Returns
    -------
    settings : dict
        Arguments of a skorch net: ``criterion`` and the ``criterion__*`` arguments.

    Raises
    ------
    InvalidParameterError
        If there is no such loss, or it does not take one of the parameters or the class weights.
    """
    params = dict(params or {})
    if isinstance(loss, nn.Module):
        if params or weight is not None:
            what = "'loss_params'" if params else "'class_weight'"
            raise InvalidParameterError(
                f"The 'loss' parameter of {by} is an instance of {type(loss).__name__}, to which "
                f"{what} cannot be applied. Pass the class, or set {what} to None."
            )
        return {"criterion": copy.deepcopy(loss)}  # the loss may have weights that are trained
    if loss is None or isinstance(loss, str):
        loss = _known_loss(loss, of_classes, by)
    if weight is not None:
        params["weight"] = weight
    refuse_unknown("loss", loss, params, by)
    return {"criterion": loss, **{f"criterion__{key}": value for key, value in params.items()}}


def _known_loss(name: str | None, of_classes: bool, by: str) -> Any:
    """Return the loss with this name; None means the default."""
    known = _OF_CLASSES if of_classes else _OF_NUMBERS
    if name is None:
        name = next(iter(known))
    check_option(name, list(known), "loss", by)
    return known[name]


def refuse_unknown(parameter: str, function: Any, settings: Mapping[str, Any], by: str) -> None:
    """Reject settings that a loss or an optimiser does not take.

    Parameters
    ----------
    parameter : {"loss", "optimizer"}
        Parameter of the estimator whose value is `function`.
    function : type or callable
        Class of the loss or optimiser, or a function that builds it.
    settings : mapping
        Further arguments of `function`.
    by : str
        Name of the estimator's class.

    Raises
    ------
    InvalidParameterError
        If `function` does not take one of the settings.
    """
    taken = list(inspect.signature(function).parameters.values())
    if any(p.kind is inspect.Parameter.VAR_KEYWORD for p in taken):
        return
    # The argument "params" of an optimiser contains the weights that it updates.
    names = [p.name for p in taken if p.name != "params"]
    for key in settings:
        if key not in names:
            of_class = parameter == "loss" and key == "weight"
            what = "'class_weight'" if of_class else f"{key!r} in '{parameter}_params'"
            raise InvalidParameterError(
                f"The '{parameter}' parameter of {by} is "
                f"{getattr(function, '__name__', repr(function))}, which does not take {what}. It "
                f"takes {', '.join(names) or 'nothing'}."
            )


def check_optimizer_params(optimizer: type, settings: Mapping[str, Any], by: str) -> None:
    """Reject settings that an optimiser does not take, and those that are parameters themselves.

    Parameters
    ----------
    optimizer : type
        Class of the optimiser.
    settings : mapping
        Parameter `optimizer_params` of the estimator.
    by : str
        Name of the estimator's class.

    Raises
    ------
    InvalidParameterError
        If `optimizer` does not take one of the settings, or one of them is ``lr`` or
        ``weight_decay``.
    """
    refuse_unknown("optimizer", optimizer, settings, by)
    for name in sorted({"lr", "weight_decay"} & settings.keys()):
        raise InvalidParameterError(
            f"The 'optimizer_params' of {by} must not contain {name!r}, which is a parameter of "
            f"{by} itself: set {name!r} instead."
        )
