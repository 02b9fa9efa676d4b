"""Graphs of fitted networks in the ONNX format, which can be run without Python."""

from __future__ import annotations

import copy
import io
import json
import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.utils.validation import check_is_fitted
from torch import nn

from sklearn_emg._files import write_atomically
from sklearn_emg._validation import require
from sklearn_emg._version import __version__
from sklearn_emg.neural_network._estimators import NetClassifier, _NetEstimator

OPSET = 18


def export_onnx(estimator: Any, path: str | os.PathLike[str]) -> Path:
    """Write a fitted network to a file as an ONNX graph.

    Parameters
    ----------
    estimator : estimator of this sub-package
        Fitted estimator; for a `TransferClassifier`, its `estimator_`.
    path : str or path-like
        File to write, with its extension. An existing file is replaced.

    Returns
    -------
    path : Path
        Path of the file.

    Raises
    ------
    TypeError, NotFittedError, ImportError, ValueError
        As in :func:`onnx_model`.

    See Also
    --------
    onnx_model : Returns the graph, and describes its input and output.
    sklearn_emg.deployment.export_onnx : Writes complete systems, with filters, features and votes.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emg.neural_network import ALSNetClassifier, export_onnx
    >>> X = np.random.default_rng(0).normal(size=(20, 1, 50)).astype(np.float32)
    >>> net = ALSNetClassifier(max_epochs=1).fit(X, np.arange(20) % 2)
    >>> file = export_onnx(net, "model.onnx")  # doctest: +SKIP
    >>> import onnxruntime  # doctest: +SKIP
    >>> session = onnxruntime.InferenceSession(file)  # doctest: +SKIP
    >>> session.run(None, {"windows": X})[0].shape  # doctest: +SKIP
    (20, 2)
    """
    model = onnx_model(estimator)
    return write_atomically(path, lambda part: part.write_bytes(model.SerializeToString()))


def onnx_model(estimator: Any) -> Any:
    """Return the ONNX graph of a fitted network, for use within a larger graph.

    :func:`sklearn_emg.deployment.export_onnx` writes it to a file, alone or as part of a system.
    The input ``windows`` contains any number of float32 windows of shape (n_windows, n_channels,
    n_times), or images. A network for signals that differ in length, if it was fitted on signals,
    takes windows of any length, as long as all windows of a call have the same length. The output
    of a classifier is ``probabilities`` of shape (n_windows, n_classes); that of a regressor is
    ``prediction`` of shape (n_windows, n_outputs) in the unit of the target. The metadata contain
    the class name of the estimator, the version of this package and, for a classifier, as JSON, the
    labels in the order of the columns (``classes``).

    Parameters
    ----------
    estimator : estimator of this sub-package
        Fitted estimator; for a `TransferClassifier`, its `estimator_`.

    Returns
    -------
    model : onnx.ModelProto
        Graph in version 18 of the ONNX operators.

    Raises
    ------
    ImportError
        If onnxscript is not installed: ``pip install "sklearn-emg[onnx]"``.
    NotFittedError
        If the estimator is not fitted.
    TypeError
        If the estimator is not a network of this sub-package.
    ValueError
        If the exporter cannot keep the number of windows or the length of signals variable, as with
        some user-defined networks.

    See Also
    --------
    sklearn_emg.deployment.export_onnx : Writes a network or a complete system to a file.

    Notes
    -----
    Outputs agree with those of `predict_proba` and `predict` to 1e-4 or better; they differ because
    the float32 kernels differ. A recurrent layer becomes one operator, so the time for the export
    and the size of the graph do not depend on the number of samples.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emg.neural_network import ALSNetClassifier, onnx_model
    >>> X = np.random.default_rng(0).normal(size=(20, 1, 50)).astype(np.float32)
    >>> net = ALSNetClassifier(max_epochs=1).fit(X, np.arange(20) % 2)
    >>> model = onnx_model(net)  # doctest: +SKIP
    >>> [output.name for output in model.graph.output]  # doctest: +SKIP
    ['probabilities']
    """
    if not isinstance(estimator, _NetEstimator):
        raise TypeError(
            f"onnx_model takes a network of sklearn_emg.neural_network. Got "
            f"{type(estimator).__name__}."
        )
    check_is_fitted(estimator)
    require("onnxscript", "onnx_model", "onnx")
    onnx = require("onnx", "onnx_model", "onnx")
    is_classifier = isinstance(estimator, NetClassifier)
    sizes = np.atleast_1d(estimator.n_times_).tolist()
    # The example has several windows, since the exporter would fix the number of a single one.
    example = torch.zeros(3, estimator.n_channels_, *sizes)
    module = copy.deepcopy(estimator.net_.module_).cpu()
    deployed = _Deployed(module, None if is_classifier else estimator).eval()
    output = "probabilities" if is_classifier else "prediction"
    any_length = estimator._takes_any_length
    metadata = {"estimator": type(estimator).__name__, "sklearn_emg": __version__}
    if is_classifier:
        metadata["classes"] = json.dumps(estimator.classes_.tolist())
    is_recurrent = any(isinstance(part, nn.RNNBase) for part in module.modules())
    with _without_warnings_of_the_exporter():
        model = (_traced if is_recurrent else _exported)(deployed, example, output, any_length)
    onnx.helper.set_model_props(model, metadata)
    return model


def _exported(deployed: _Deployed, example: torch.Tensor, output: str, any_length: bool) -> Any:
    """Export a network without recurrent layers."""
    free: dict[int, Any] = {0: torch.export.Dim("n_windows", min=1)}
    if any_length:
        free = {0: torch.export.Dim.DYNAMIC, 2: torch.export.Dim.DYNAMIC}
    try:
        # With dynamo=True, the result is a program and never None.
        program: Any = torch.onnx.export(
            deployed,
            (example,),
            input_names=["windows"],
            output_names=[output],
            dynamic_shapes=(free,),
            dynamo=True,
            opset_version=OPSET,
            verbose=False,
        )
    except torch.onnx.errors.OnnxExporterError as error:
        if not any_length:
            raise
        raise ValueError(_fixed_length(deployed)) from error
    return program.model_proto


def _traced(deployed: _Deployed, example: torch.Tensor, output: str, any_length: bool) -> Any:
    """Export a recurrent network; each of its recurrent layers becomes one operator.

    The exporter in :func:`_exported` would unroll recurrent layers over the samples of the example.
    A trace is valid for other numbers of windows and samples only if the network's Python code does
    not depend on them, which this function tests.
    """
    n_times = example.shape[-1] + 7 if any_length else example.shape[-1]
    other = torch.linspace(-1, 1, 2 * example.shape[1] * n_times).reshape(2, -1, n_times)
    with torch.no_grad():
        trace = torch.jit.trace(deployed, example, check_trace=False)
        try:
            same = torch.allclose(trace(other), deployed(other), atol=1e-5)
        except RuntimeError:
            same = False
    if not same:
        raise ValueError(_fixed_length(deployed))
    content: Any = io.BytesIO()  # the exporter accepts a file, contrary to its annotations
    torch.onnx.export(
        deployed,
        (example,),
        content,
        input_names=["windows"],
        output_names=[output],
        dynamic_axes={
            "windows": {0: "n_windows", **({2: "n_times"} if any_length else {})},
            output: {0: "n_windows"},
        },
        dynamo=False,
        opset_version=OPSET,
        verbose=False,
    )
    return require("onnx", "onnx_model", "onnx").load_from_string(content.getvalue())


def _fixed_length(deployed: _Deployed) -> str:
    return (
        f"{type(deployed.module).__name__} with these settings cannot be exported: the exporter "
        "fixes the number of windows or of samples. Fit the network on an array of windows of one "
        "length, or use a network of sklearn_emg.neural_network."
    )


class _Deployed(nn.Module):
    """A network with the output transformation of its estimator."""

    def __init__(self, module: nn.Module, regressor: Any | None) -> None:
        super().__init__()
        self.module = module
        self.is_regressor = regressor is not None
        if regressor is not None:
            for name in ("target_mean_", "target_scale_"):
                value = torch.tensor(getattr(regressor, name), dtype=torch.float32)
                self.register_buffer(name, value)

    def forward(self, windows: torch.Tensor) -> torch.Tensor:
        output = self.module(windows)
        if self.is_regressor:
            return output * self.target_scale_ + self.target_mean_
        return output.softmax(dim=1)


@contextmanager
def _without_warnings_of_the_exporter() -> Iterator[None]:
    """Silence the exporter's warnings about unused packages and its own deprecated code."""
    logger = logging.getLogger("torch.onnx")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            for category in (FutureWarning, DeprecationWarning):
                warnings.simplefilter("ignore", category)
            warnings.filterwarnings("ignore", message=".*were assigned during export")
            # Both warnings concern different numbers of windows, which _traced tests.
            warnings.filterwarnings("ignore", message="Exporting a model to ONNX with a batch_size")
            warnings.simplefilter("ignore", torch.jit.TracerWarning)
            yield
    finally:
        logger.setLevel(before)
