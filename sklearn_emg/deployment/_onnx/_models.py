"""Graphs of estimators that take features: graphs of this package, of skl2onnx and of networks."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from sklearn.base import is_classifier
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import BaseEnsemble
from sklearn.feature_selection import SelectorMixin
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge, RidgeClassifier
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import BaseDecisionTree

from sklearn_emg._sklearn import last_of
from sklearn_emg._validation import require
from sklearn_emg.deployment._onnx._graph import ML_OPSET, OPSET, Graph, Tensor, xp

TOLERANCE = 1e-5
_N_PROBES = 60
_LINEAR = (LinearDiscriminantAnalysis, LinearRegression, LinearSVC, Ridge, RidgeClassifier)


class NotExportable(ValueError):
    """Error for a step that cannot be exported; the message is the reason, without the step."""


# ------------------------------------------------- our own graphs


def _standardized(step: StandardScaler, x: Tensor) -> Tensor:
    """Apply a StandardScaler in the type of its input, so that trees compare the same values."""
    if step.with_mean:
        x = x - step.mean_
    return x / step.scale_ if step.with_std else x


def _components(step: PCA, x: Tensor) -> Tensor:
    rotated = (x.cast(np.float64) - step.mean_) @ step.components_.T.astype(np.float64)
    if step.whiten:
        rotated = rotated / xp.sqrt(step.explained_variance_)
    return rotated.cast(x.dtype)


def transformed(step: Any, x: Tensor, n_features: int) -> Tensor:
    """Add a fitted transformer of features to the graph; return its output."""
    if isinstance(step, SelectorMixin):
        return x.take(step.get_support(indices=True))
    if type(step) is StandardScaler:
        return _standardized(step, x)
    if type(step) is PCA:
        return _components(step, x)
    return _converted(step, x, n_features, "transform")


def _is_linear(model: Any) -> bool:
    if type(model) is LogisticRegression:
        # Later versions of scikit-learn have no `multi_class` and never use one-versus-rest here.
        return getattr(model, "multi_class", None) != "ovr" and model.solver != "liblinear"
    return type(model) in _LINEAR


def _linear(model: Any, x: Tensor) -> Tensor:
    """Compute the decision values of a linear model, of shape (n_rows, n_columns)."""
    weights = np.atleast_2d(model.coef_).astype(np.float64)
    return x.cast(np.float64) @ weights.T + np.asarray(model.intercept_, dtype=np.float64)


def sigmoid(x: Tensor) -> Tensor:
    """Compute 1 / (1 + exp(-x))."""
    return x.graph.add("Sigmoid", [x], x.dtype)


def with_complement(p: Tensor) -> Tensor:
    """Return the probabilities of two classes from the probability of the second class."""
    return p.graph.concat([p * -1.0 + 1.0, p])


def softmax(x: Tensor) -> Tensor:
    """Compute the softmax along the last axis."""
    return x.graph.add("Softmax", [x], x.dtype, axis=-1)


# ------------------------------------------------- scores


def scored(model: Any, x: Tensor, n_features: int, method: str) -> Tensor:
    """Add a classifier or regressor of features to the graph.

    Parameters
    ----------
    model : fitted estimator of scikit-learn
        Classifier or regressor.
    x : Tensor of shape (n_rows, n_features)
        Features.
    n_features : int
        Number of features.
    method : {"predict_proba", "decision_function", "predict"}
        Method whose output is computed. For a classifier, "predict" gives the index of the class.

    Returns
    -------
    scores : Tensor of shape (n_rows, n_columns) or (n_rows,)
        Output of the method in float64. Class indices have shape (n_rows,).
    """
    if not _is_linear(model):
        return _converted(model, x, n_features, method).cast(np.float64)
    decisions = _linear(model, x)
    if not is_classifier(model) or method == "decision_function":
        return decisions
    if method == "predict_proba":
        if len(model.classes_) == 2:
            return with_complement(sigmoid(decisions))
        return softmax(decisions)
    if len(model.classes_) == 2:
        return (decisions > 0.0).count().reshape(-1)
    return best(decisions)


def best(scores: Tensor) -> Tensor:
    """Return the index of the highest score of each row, in float64, of shape (n_rows,)."""
    place = scores.graph.add("ArgMax", [scores], np.int64, axis=-1, keepdims=0)
    return place.cast(np.float64)


# ------------------------------------------------- skl2onnx


def _converted(model: Any, x: Tensor, n_features: int, method: str) -> Tensor:
    """Add the graph of skl2onnx if its output agrees with the output of scikit-learn."""
    reasons = []
    # Trees compare in float32, as in scikit-learn. Other estimators are more exact in float64.
    trees = isinstance(model, (BaseEnsemble, BaseDecisionTree))
    for dtype in (np.float32, np.float64) if trees else (np.float64, np.float32):
        try:
            converted, name = _convert(model, n_features, method, dtype)
            found = _agrees(converted, name, model, n_features, method, dtype)
        # The converter and the runtime have no common base class of errors.
        except Exception as error:  # noqa: BLE001
            reasons.append(f"{type(error).__name__}: {' '.join(str(error).split())[:120]}")
            continue
        (result,) = x.graph.embed(converted, {"X": x.cast(dtype)}, {name: found})
        if _has_one_column(model, method):
            return result[..., -1:]
        if method == "predict" and is_classifier(model):
            return _position(result, model.classes_).cast(np.float64)
        return result if is_classifier(model) or method == "transform" else result.reshape(-1, 1)
    raise NotExportable(f"skl2onnx does not convert {type(model).__name__} ({reasons[0]})")


def _convert(model: Any, n_features: int, method: str, dtype: Any) -> tuple[Any, str]:
    """Convert an estimator with skl2onnx; return the model and the name of its output."""
    skl2onnx = require("skl2onnx", "export_onnx", "onnx")
    kinds = skl2onnx.common.data_types
    kind = kinds.FloatTensorType if dtype is np.float32 else kinds.DoubleTensorType
    last = last_of(model)
    options: dict[str, bool] = {}
    if is_classifier(model):
        options = {"zipmap": False}
        if method == "decision_function":
            options["raw_scores"] = True
    with warnings.catch_warnings(action="ignore"):
        converted = skl2onnx.convert_sklearn(
            model,
            initial_types=[("X", kind([None, n_features]))],
            options={id(last): options},
            target_opset={"": OPSET, "ai.onnx.ml": ML_OPSET},
        )
    names = [output.name for output in converted.graph.output]
    place = -1 if is_classifier(model) and method != "predict" else 0
    return converted, names[place]


def _agrees(
    converted: Any, name: str, model: Any, n_features: int, method: str, dtype: Any
) -> np.dtype:
    """Check the output against scikit-learn on random rows, and return its type."""
    runtime = require("onnxruntime", "export_onnx", "onnx")
    session = runtime.InferenceSession(
        converted.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    scales = 10.0 ** np.linspace(-2, 2, _N_PROBES)[:, np.newaxis]
    rows = np.random.default_rng(0).normal(size=(_N_PROBES, n_features)) * scales
    rows = rows.astype(np.float32).astype(dtype)
    (found,) = session.run([name], {"X": rows})
    with warnings.catch_warnings(action="ignore"):
        expected = np.asarray(getattr(model, method)(rows))
    if expected.dtype.kind not in "fiu" or (method == "predict" and is_classifier(model)):
        if not np.array_equal(found.ravel(), expected.ravel()):
            raise ValueError("its labels differ from those of scikit-learn on random rows")
        return found.dtype if found.dtype.kind in "fiu" else np.dtype(object)
    if _has_one_column(model, method):
        found = found.reshape(_N_PROBES, -1)[:, -1]
    if found.size != expected.size or not np.allclose(
        found.reshape(expected.shape), expected, rtol=TOLERANCE, atol=TOLERANCE, equal_nan=True
    ):
        raise ValueError("its output differs from that of scikit-learn on random rows")
    return found.dtype


def _has_one_column(model: Any, method: str) -> bool:
    """Return whether scikit-learn gives only the decision value of the second class."""
    return method == "decision_function" and len(model.classes_) == 2


def _position(labels: Tensor, classes: Any) -> Tensor:
    """Return the index of each label in the classes."""
    texts = np.asarray(classes).dtype.kind not in "iub"
    keys = [str(c) if texts else int(c) for c in classes]
    name = "keys_strings" if texts else "keys_int64s"
    return labels.graph.add(
        "LabelEncoder",
        [labels],
        np.int64,
        domain="ai.onnx.ml",
        default_int64=-1,
        **{name: keys, "values_int64s": list(range(len(keys)))},
    )


# ------------------------------------------------- networks


def network_scores(net: Any, x: Tensor) -> Tensor:
    """Add a network to the graph; `x` has shape (n_windows, n_channels, n_times)."""
    from sklearn_emg.neural_network import onnx_model

    try:
        model = onnx_model(net)
    except ValueError as error:
        raise NotExportable(str(error)) from error
    name = model.graph.output[0].name
    (result,) = x.graph.embed(model, {"windows": x.cast(np.float32)}, {name: np.float32})
    return result.cast(np.float64)


def calibrated(calibration: Any, decisions: Tensor) -> Tensor:
    """Convert decision values to probabilities with the sigmoids that DiVoteClassifier fits."""
    graph: Graph = decisions.graph
    sigmoids = calibration.calibrated_classifiers_[0].calibrators
    parts = [
        sigmoid((decisions[..., k : k + 1] * float(s.a_) + float(s.b_)) * -1.0)
        for k, s in enumerate(sigmoids)
    ]
    if len(parts) == 1:
        return with_complement(parts[0])
    p = graph.concat(parts)
    total = p.sum()
    return xp.where(total > 0.0, p / xp.where(total > 0.0, total, 1.0), 1.0 / len(parts))
