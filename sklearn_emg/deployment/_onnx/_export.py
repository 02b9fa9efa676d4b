"""Export of a fitted system to an ONNX file, and comparison of the predictions of both."""

from __future__ import annotations

import json
import os
import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import is_classifier, is_regressor
from sklearn.pipeline import FeatureUnion
from sklearn.utils.validation import check_is_fitted

from sklearn_emg._files import write_atomically
from sklearn_emg._validation import check_option, require
from sklearn_emg._version import __version__
from sklearn_emg.deployment._onnx._features import time_features
from sklearn_emg.deployment._onnx._graph import Graph, Tensor
from sklearn_emg.deployment._onnx._models import (
    TOLERANCE,
    NotExportable,
    best,
    calibrated,
    network_scores,
    scored,
    transformed,
)
from sklearn_emg.deployment._onnx._signals import windows
from sklearn_emg.deployment._onnx._steps import (
    FEATURE_STEPS,
    NEED_FS,
    SIGNAL_STEPS,
    VOTES,
    is_network,
    refusals,
    steps_of,
)
from sklearn_emg.ensemble import DiVoteClassifier
from sklearn_emg.exceptions import SubjectLeakWarning
from sklearn_emg.feature_extraction import EMGFeatures, Flatten, TimeDomainFeatures
from sklearn_emg.recordings import read_signal, to_samples

_CALLER = "export_onnx"


@dataclass(frozen=True)
class _Flow:
    """Value that one step passes to the next.

    Attributes
    ----------
    x : Tensor
        Signals with 3 axes, or features or scores with 2 axes.
    kind : {"signals", "features", "scores"}
        What `x` contains.
    n_channels : int
        Number of channels of signals.
    n_times : int or None
        Number of samples of signals, or None for any length.
    fs : float or None
        Sampling rate in Hz, or None if each step has its own.
    names : list of str or None
        Names of the features.
    n_features : int
        Number of features.
    """

    x: Tensor
    kind: str = "signals"
    n_channels: int = 1
    n_times: int | None = None
    fs: float | None = None
    names: list[str] | None = None
    n_features: int = 0


def export_onnx(
    model: Any,
    path: str | os.PathLike[str],
    X: Any = None,
    *,
    dtype: Literal["float64", "float32"] = "float64",
) -> Path:
    """Write a fitted system as an ONNX file, which runs without Python.

    Filters, windows, time-domain features, steps and classifiers of scikit-learn, networks and
    votes become one graph. If the system has steps that cannot be exported, an error names them
    before anything is written. The outputs of parts that skl2onnx converts are compared with those
    of scikit-learn on random rows.

    Parameters
    ----------
    model : estimator
        Fitted Pipeline, DiVoteClassifier, DiVoteRegressor, network of
        :mod:`sklearn_emg.neural_network`, estimator of scikit-learn, or a search over them. The
        Notes list the steps that can be exported.
    path : str or path-like
        File to write, with its extension. An existing file is replaced.
    X : DataFrame or ndarray, default=None
        Recordings or windows in the form that ``predict`` accepts. onnxruntime runs the graph on
        them, and the results are compared with those of `model` before the file is written. The
        largest absolute difference must not exceed 1e-5 (1e-4 for systems with a network), relative
        to the largest absolute output if that is greater than 1.
    dtype : {"float64", "float32"}, default="float64"
        Type of the input. Choose the type of your signals, because filters return the type of their
        input. A network without other steps always takes float32.

    Returns
    -------
    path : Path
        Path of the file.

    Raises
    ------
    ImportError
        If onnx, onnxruntime or skl2onnx is needed but not installed
        (``pip install "sklearn-emg[onnx]"``).
    NotFittedError
        If the system is not fitted.
    TypeError
        If the system contains steps that cannot be exported. The message names the path of each
        step and the reason.
    ValueError
        If the predictions for `X` differ.

    See Also
    --------
    save_model : Saves the system for further use in Python.

    Notes
    -----
    The file also describes its inputs and outputs in ``doc_string``:

    - A system that ends with DiVoteClassifier or DiVoteRegressor and cuts windows has two inputs.
      ``signal`` contains recordings of one subject that have the same length, in an array of shape
      (n_recordings, n_times) or (n_recordings, n_channels, n_times). ``earlier_scores``, of shape
      (n_earlier, n_classes), contains the ``recording_scores`` of further recordings and may have 0
      rows. The outputs are ``window_scores`` of shape (n_recordings, n_windows, n_classes),
      ``recording_scores`` of shape (n_recordings, n_classes) and, for the subject,
      ``probabilities`` of shape (1, n_classes), ``decision`` or ``prediction``. Recordings must be
      at least as long as a window.
    - Other systems take ``windows`` of shape (n_windows, n_times) or (n_windows, n_channels,
      n_times), or ``features`` of shape (n_rows, n_features), depending on their first step. They
      return ``probabilities``, ``decision``, ``prediction``, ``signals`` or ``features``.

    The metadata are strings. ``estimator`` is the name of the class and ``sklearn_emg`` the version
    of this package. ``classes``, ``feature_names``, ``fs`` in Hz, ``unit`` of the input, and
    ``window`` and ``step`` in s are encoded as JSON.

    The following steps can be exported: the linear filters (causal or zero-phase),
    `AmplitudeScaler`, `Envelope`, `Rectifier`, `ReferenceScaler` with a reference,
    `BaselineRemover` with the mean or median, all features of `TimeDomainFeatures` fitted on
    windows of one length (also in `EMGFeatures`), `Flatten`, selectors, networks of
    :mod:`sklearn_emg.neural_network`, `DiVoteClassifier` without `by`, `DiVoteRegressor` without
    `by`, `weights` and `final_estimator` and with the mean as its average, and all estimators that
    skl2onnx converts. A causal IIR filter runs as a Scan over blocks of samples. A zero-phase IIR
    filter runs as two Scans, with the padding of :func:`scipy.signal.sosfiltfilt`.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn_emg.deployment import export_onnx
    >>> from sklearn_emg.feature_extraction import TimeDomainFeatures
    >>> X = np.random.default_rng(0).normal(size=(20, 50))
    >>> model = make_pipeline(TimeDomainFeatures(), LinearDiscriminantAnalysis())
    >>> model = model.fit(X, np.arange(20) % 2)
    >>> file = export_onnx(model, "model.onnx", X)  # doctest: +SKIP
    >>> import onnxruntime  # doctest: +SKIP
    >>> session = onnxruntime.InferenceSession(file)  # doctest: +SKIP
    >>> session.run(["probabilities"], {"windows": X})[0].shape  # doctest: +SKIP
    (20, 2)
    """
    check_option(dtype, ("float64", "float32"), "dtype", _CALLER)
    check_is_fitted(model)
    if found := list(refusals(model)):
        raise TypeError(f"{_CALLER} cannot export {'; '.join(found)}.")
    steps = list(steps_of(model))
    if len(steps) == 1 and is_network(steps[0][1]):
        from sklearn_emg.neural_network import onnx_model

        onnx = onnx_model(steps[0][1])
    else:
        onnx = _System(steps, np.dtype(dtype)).model(type(model).__name__)
    content = onnx.SerializeToString()
    if X is not None:
        _compare(model, steps, content, X)
    return write_atomically(path, lambda part: part.write_bytes(content))


class _System:
    """Builder of the graph of a system."""

    def __init__(self, steps: list[tuple[str, Any]], dtype: np.dtype):
        self.graph = Graph(_CALLER)
        self.dtype = dtype
        self.steps = steps
        self.inputs: dict[str, tuple[Any, list[Any]]] = {}
        self.outputs: dict[str, tuple[Tensor, list[Any]]] = {}
        self.metadata: dict[str, Any] = {}

    def model(self, name: str) -> Any:
        """Build the ONNX model; `name` is the class of the estimator."""
        last = self.steps[-1][1]
        if isinstance(last, VOTES):
            self._votes(last)
        else:
            flow = self._through(self.steps, self._begin(self.steps))
            self._end(last, flow)
        metadata = {key: json.dumps(value) for key, value in self.metadata.items()}
        metadata |= {"estimator": name, "sklearn_emg": __version__}
        return self.graph.model(self.inputs, self.outputs, metadata, self._text())

    def _text(self) -> str:
        sizes = {name: shape for name, (_, shape) in self.inputs.items()}
        results = {name: shape for name, (_, shape) in self.outputs.items()}
        return f"Input {sizes}, signals in mV. Output {results}."

    # ------------------------------------------------- inputs

    def _input(self, name: str, shape: list[Any], dtype: Any = None) -> Tensor:
        self.inputs[name] = (self.dtype if dtype is None else dtype, shape)
        return Tensor(self.graph, name, self.inputs[name][0])

    def _begin(self, steps: list[tuple[str, Any]]) -> _Flow:
        """Add the input of steps that take windows or features."""
        path, first = steps[0]
        n = int(first.n_features_in_) if hasattr(first, "n_features_in_") else None
        if is_network(first):
            n_times = first.n_times_ if np.ndim(first.n_times_) == 0 else None
            return self._windows(first.n_channels_, n_times, False)
        if isinstance(first, FeatureUnion):
            return self._begin(list(steps_of(first.transformer_list[0][1])))
        if type(first).__module__.startswith("sklearn_emg.") and hasattr(first, "n_times_in_"):
            if n is None or first.n_times_in_ is None:
                return self._windows(getattr(first, "n_channels_in_", 1), None, n is None)
            flat = n == first.n_times_in_
            return self._windows(1 if flat else n, first.n_times_in_, flat)
        if n is None:
            raise _refused(path, first, "its number of features is not known")
        names = getattr(first, "feature_names_in_", None)
        self.metadata["feature_names"] = None if names is None else [str(name) for name in names]
        return _Flow(self._input("features", ["n_rows", n]), "features", n_features=n)

    def _windows(self, n_channels: int, n_times: int | None, flat: bool) -> _Flow:
        self.metadata["unit"] = "mV"
        length = "n_times" if n_times is None else n_times
        if flat:
            x = self._input("windows", ["n_windows", length]).reshape(-1, 1, n_times or -1)
        else:
            x = self._input("windows", ["n_windows", n_channels, length])
        return _Flow(x, n_channels=n_channels, n_times=n_times)

    # ------------------------------------------------- steps

    def _through(self, steps: list[tuple[str, Any]], flow: _Flow, prefix: str = "") -> _Flow:
        for path, step in steps:
            try:
                flow = self._step(step, flow)
            except NotExportable as error:
                raise _refused(prefix + path, step, str(error)) from error
        return flow

    def _step(self, step: Any, flow: _Flow) -> _Flow:
        if type(step) in SIGNAL_STEPS:
            return self._filtered(step, flow)
        if isinstance(step, FeatureUnion):
            parts = [self._through(list(steps_of(s, n)), flow) for n, s in step.transformer_list]
            return self._features(self.graph.concat([p.x for p in parts]), step, parts)
        if isinstance(step, FEATURE_STEPS):
            return self._extracted(step, flow)
        if is_network(step):
            return replace(flow, x=network_scores(step, flow.x), kind="scores")
        return self._by_columns(step, flow)

    def _filtered(self, step: Any, flow: _Flow) -> _Flow:
        fs = flow.fs if getattr(step, "fs", None) is None else float(step.fs)
        if fs is None and isinstance(step, NEED_FS):
            raise NotExportable("its sampling rate is not known; set its 'fs'")
        if fs is not None:
            self.metadata.setdefault("fs", fs)
        return replace(flow, x=SIGNAL_STEPS[type(step)](step, flow.x, fs))

    def _by_columns(self, step: Any, flow: _Flow) -> _Flow:
        """Add a step of scikit-learn, which takes the samples of a signal as features."""
        if flow.kind == "signals":
            flow = self._flat(flow)
        if hasattr(step, "transform") and not (is_classifier(step) or is_regressor(step)):
            x = transformed(step, flow.x, flow.n_features)
            return replace(flow, x=x, n_features=_width(step, flow.n_features))
        x = scored(step, flow.x, flow.n_features, method_of(step))
        return replace(flow, x=x, kind="scores")

    def _flat(self, flow: _Flow) -> _Flow:
        if flow.n_times is None:
            raise NotExportable("it needs signals of a fixed length")
        n = flow.n_channels * flow.n_times
        return replace(flow, x=flow.x.reshape(-1, n), kind="features", n_features=n)

    def _extracted(self, step: Any, flow: _Flow) -> _Flow:
        if isinstance(step, Flatten):
            return self._flat(flow)
        fs = flow.fs if step.fs is None else float(step.fs)
        n_times = int(step.n_times_in_)
        if isinstance(step, TimeDomainFeatures):
            x = time_features(step, flow.x, n_times, fs)
        else:
            x = _in_order(step, [time_features(e, flow.x, n_times, fs) for e in step.extractors_])
        names = step.get_feature_names_out().tolist()
        self.metadata["feature_names"] = names
        return replace(flow, x=x.reshape(-1, len(names)), kind="features", n_features=len(names))

    def _features(self, x: Tensor, step: Any, parts: list[_Flow]) -> _Flow:
        names = [str(name) for name in step.get_feature_names_out()]
        self.metadata["feature_names"] = names
        return replace(parts[0], x=x, kind="features", n_features=len(names))

    # ------------------------------------------------- outputs

    def _end(self, last: Any, flow: _Flow) -> None:
        rows = self.inputs[next(iter(self.inputs))][1][0]
        if flow.kind == "signals":
            shape = [rows, flow.n_channels, "n_times"]
            self.outputs["signals"] = (flow.x, shape)
        elif flow.kind == "features":
            self.outputs["features"] = (flow.x, [rows, flow.n_features])
        else:
            self.outputs[self._named(last)] = (flow.x, [rows, None])

    def _named(self, model: Any) -> str:
        """Return the name of the output of a predictor and store its classes as metadata."""
        if not is_classifier(model):
            return "prediction"
        self.metadata.setdefault("classes", np.asarray(model.classes_).tolist())
        return "probabilities" if hasattr(model, "predict_proba") else "decision"

    def _votes(self, divote: Any) -> None:
        """Add the windows of recordings, their scores and the output for the subject."""
        path, steps = self.steps[-1][0], list(steps_of(divote.estimator_))
        prefix = f"{path}__estimator__" if path else "estimator__"
        if divote.fs_ is None:
            rows = self._begin(steps)
            scores = self._window_scores(divote, steps, rows, prefix)
            of_rows = scores
        else:
            windowed = self._cut(divote)
            scores = self._window_scores(divote, steps, windowed, prefix)
            n_classes = len(divote.classes_) if isinstance(divote, DiVoteClassifier) else 1
            n_recordings = self._signal.size(0)
            scores = scores.reshape(n_recordings, -1, n_classes)
            # Without a window, this is NaN, whereas the mean of onnxruntime would be 0.
            count = scores.size(1).cast(scores.dtype)
            of_rows = scores.reduce("Sum", 1, keepdims=False) / count
            shape = ["n_recordings", "n_windows", n_classes]
            self.outputs["window_scores"] = (scores, shape)
        self._subject(divote, of_rows, path)

    def _cut(self, divote: Any) -> _Flow:
        """Cut the processed signals into windows of shape (n_windows, n_channels, n_times)."""
        *channels, size = divote.window_shape_
        n_channels = channels[0] if channels else 1
        x = self._input("signal", ["n_recordings", *channels, "n_times"])
        self._signal = x
        fs = float(divote.fs_)
        self.metadata |= {"fs": fs, "unit": "mV", "window": divote.window, "step": divote.step}
        if not channels:
            x = self.graph.add("Unsqueeze", [x, self.graph.vector(1)], x.dtype)
        flow = self._through(self.steps[:-1], _Flow(x, n_channels=n_channels, fs=fs))
        step = size if divote.step is None else to_samples("step", divote.step, fs)
        cut = windows(flow.x, size, step, divote.tail).reshape(-1, n_channels, size)
        return replace(flow, x=cut.cast(np.float32), n_times=size)

    def _window_scores(
        self, divote: Any, steps: list[tuple[str, Any]], flow: _Flow, prefix: str
    ) -> Tensor:
        """Add the scores of windows, with columns in the order of the classes."""
        *before, (path, last) = steps
        flow = self._through(before, flow, prefix)
        if not isinstance(divote, DiVoteClassifier):
            return self._through(steps[-1:], flow, prefix).x
        if is_network(last):
            scores = network_scores(last, flow.x)
        else:
            if flow.kind == "signals":
                flow = self._flat(flow)
            method = _method_of_votes(divote)
            try:
                scores = scored(last, flow.x, flow.n_features, method)
            except NotExportable as error:
                raise _refused(prefix + path, last, str(error)) from error
            if method == "decision_function":
                scores = calibrated(divote.calibration_, scores)
        return self._of_classes(divote, last, scores)

    def _of_classes(self, divote: Any, last: Any, scores: Tensor) -> Tensor:
        """Arrange scores in columns of all classes; a hard vote is 1 for a single class."""
        n_classes = len(divote.classes_)
        known = np.searchsorted(divote.classes_, divote.estimator_.classes_)
        if divote.voting == "hard":
            chosen = best(scores) if is_network(last) else scores
            places = np.arange(len(known), dtype=float)
            scores = (chosen.reshape(-1, 1) == places).cast(np.float64)
        return scores @ np.eye(n_classes)[known]

    def _subject(self, divote: Any, of_rows: Tensor, path: str) -> None:
        """Add the mean over recordings, including earlier ones, and the final estimator."""
        is_classes = isinstance(divote, DiVoteClassifier)
        n_classes = len(divote.classes_) if is_classes else 1
        self.outputs["recording_scores"] = (of_rows, ["n_recordings", n_classes])
        earlier = self._input("earlier_scores", ["n_earlier", n_classes], np.float64)
        mean = self.graph.concat([earlier, of_rows], axis=0).reduce("Mean", 0)
        if not is_classes:
            self.outputs["prediction"] = (mean, [1, 1])
            return
        self.metadata["classes"] = divote.classes_.tolist()
        final = divote.final_estimator_
        if final is None:
            self.outputs["probabilities"] = (mean, [1, n_classes])
            return
        ends = list(steps_of(final, f"{path}__final_estimator" if path else "final_estimator"))
        flow = _Flow(mean, "features", n_features=n_classes)
        flow = self._through(ends, flow)
        self.outputs[self._named(final)] = (flow.x, [1, None])


def method_of(step: Any) -> str:
    """Return the name of the method whose output the graph computes."""
    for name in ("predict_proba", "decision_function"):
        if is_classifier(step) and hasattr(step, name):
            return name
    return "predict"


def _method_of_votes(divote: DiVoteClassifier) -> str:
    if divote.voting == "hard":
        return "predict"
    return "predict_proba" if divote.calibration_ is None else "decision_function"


def _width(step: Any, n_features: int) -> int:
    """Return the number of columns that a transformer returns."""
    return int(np.shape(step.transform(np.zeros((1, n_features))))[1])


def _in_order(step: EMGFeatures, parts: list[Tensor]) -> Tensor:
    """Join the columns of several extractors in the order of the feature names."""
    names = [name for e in step.extractors_ for name in e.get_feature_names_out().tolist()]
    joined = parts[0].graph.concat(
        [p.reshape(-1, len(e.get_feature_names_out())) for p, e in zip(parts, step.extractors_)]
    )
    return joined.take([names.index(name) for name in step.get_feature_names_out().tolist()])


def _refused(path: str, step: Any, reason: str) -> TypeError:
    name = f"step {path!r}, {type(step).__name__}" if path else type(step).__name__
    return TypeError(f"{_CALLER} cannot export {name}: {reason}.")


# ------------------------------------------------- comparison


def _compare(model: Any, steps: list[tuple[str, Any]], content: bytes, X: Any) -> None:
    """Raise an error if the predictions of the graph differ from those of the model."""
    runtime = require("onnxruntime", _CALLER, "onnx")
    session = runtime.InferenceSession(content, providers=["CPUExecutionProvider"])
    last = steps[-1][1]
    expected = _reference(model, X)
    if isinstance(last, VOTES):
        found = _answers(session, X)
    else:
        entry = session.get_inputs()[0]
        values = np.asarray(X, dtype=_TYPES[entry.type])
        if is_network(steps[0][1]) and values.ndim == 2:
            values = values[:, np.newaxis]
        found = session.run(None, {entry.name: values})[0]
    if expected.dtype.kind not in "fiu" or session.get_outputs()[-1].name == "decision":
        found, expected = _positions(found, last.classes_), _positions(expected, last.classes_)
    found = np.asarray(found, dtype=np.float64).reshape(expected.shape)
    scale = max(1.0, float(np.abs(expected).max(initial=0.0)))
    limit = 10 * TOLERANCE if any(is_network(step) for _, step in _all(steps)) else TOLERANCE
    worst = float(np.abs(found - expected).max(initial=0.0)) / scale
    if not worst <= limit:
        raise ValueError(
            f"{_CALLER} wrote nothing: the predictions of the graph for X differ by {worst:.2g} "
            f"from those of the model, which is more than {limit:g}. Set dtype={_other(session)!r} "
            "if the signals of X have that type. Otherwise, please report this fault."
        )


_TYPES = {"tensor(double)": np.float64, "tensor(float)": np.float32}


def _other(session: Any) -> str:
    kind = _TYPES[session.get_inputs()[0].type]
    return "float32" if kind is np.float64 else "float64"


def _all(steps: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
    last = steps[-1][1]
    return [*steps, *steps_of(last.estimator_)] if isinstance(last, VOTES) else steps


def _reference(model: Any, X: Any) -> NDArray[Any]:
    """Return the output of the model for X, for comparison with that of the graph."""
    names = ("predict_proba", "decision_function", "predict", "transform")
    name = next(name for name in names if hasattr(model, name))
    with warnings.catch_warnings(action="ignore", category=SubjectLeakWarning):
        # Training recordings may be used for this comparison.
        return np.asarray(getattr(model, name)(X))


def _positions(values: NDArray[Any], classes: NDArray[Any]) -> NDArray[np.floating]:
    """Convert labels or decision values to the indices of the predicted classes."""
    values = np.asarray(values)
    if values.dtype.kind != "f":
        return np.searchsorted(classes, values).astype(float)
    if len(classes) == 2:
        return (values.reshape(len(values), -1)[:, -1] > 0).astype(float)
    return values.argmax(axis=1).astype(float)


def _answers(session: Any, X: Any) -> NDArray[np.floating]:
    """Run the graph on one recording at a time; return the subject's output for each row."""
    entry = session.get_inputs()[0]
    dtype, n_classes = _TYPES[entry.type], session.get_inputs()[1].shape[1]
    if isinstance(X, pd.DataFrame) and "signal" in X:
        rows = [read_signal(signal) for signal in X["signal"]]
        subjects = X["subject"].to_numpy()
    else:
        rows = list(np.asarray(X))
        subjects = np.arange(len(rows))
    answers = {}
    for subject in dict.fromkeys(subjects.tolist()):
        earlier = np.zeros((0, n_classes))
        for row in np.flatnonzero(subjects == subject):
            given = {entry.name: rows[row][np.newaxis].astype(dtype), "earlier_scores": earlier}
            *_, scores, answer = session.run(None, given)
            earlier = np.concatenate([earlier, scores])
        answers[subject] = answer[0]
    return np.stack([answers[subject] for subject in subjects.tolist()])
