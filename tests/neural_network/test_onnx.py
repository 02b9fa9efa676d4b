"""Networks in the ONNX format, run by onnxruntime."""

import json
from importlib.util import find_spec

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression

from sklearn_emg.neural_network import (
    AttentionNetClassifier,
    CNN1DClassifier,
    DeepEMGNetClassifier,
    DilatedCNNClassifier,
    EMGClassifier,
    EMGRegressor,
    NEMGNetClassifier,
    NeuroFusionNetClassifier,
    RecurrentNetClassifier,
    SpectroEMGNetClassifier,
    StackedLSTMClassifier,
    export_onnx,
)

needs_onnx = pytest.mark.skipif(
    not (find_spec("onnxscript") and find_spec("onnxruntime")),
    reason="needs onnxscript and onnxruntime",
)


def session_of(net, path):
    import onnxruntime

    file = export_onnx(net, path / "model.onnx")
    return onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])


def windows(n=24, n_times=96, seed=0):
    rng = np.random.default_rng(seed)
    y = np.array(["myopathy", "normal", "als"])[np.arange(n) % 3]
    X = rng.normal(size=(n, 2, n_times)) * (1 + np.arange(n) % 3)[:, None, None]
    return X.astype(np.float32), y


@needs_onnx
def test_a_classifier_gives_its_probabilities_and_labels(tmp_path):
    X, y = windows()
    net = CNN1DClassifier(max_epochs=3, lr=0.01, random_state=0).fit(X, y)
    session = session_of(net, tmp_path)
    for n in (1, 24):  # any number of windows
        (probabilities,) = session.run(["probabilities"], {"windows": X[:n]})
        np.testing.assert_allclose(probabilities, net.predict_proba(X[:n]), rtol=0, atol=1e-4)
    metadata = session.get_modelmeta().custom_metadata_map
    assert json.loads(metadata["classes"]) == net.classes_.tolist()
    assert metadata["estimator"] == "CNN1DClassifier"


@needs_onnx
def test_a_regressor_predicts_in_the_unit_of_its_target(tmp_path):
    X, _ = windows()
    force = 100 + 20 * X.std(axis=(1, 2))
    net = EMGRegressor("PatternNet", max_epochs=2, random_state=0).fit(X[:, 0], force)
    (prediction,) = session_of(net, tmp_path).run(None, {"windows": X[:, :1]})
    np.testing.assert_allclose(prediction[:, 0], net.predict(X[:, 0]), rtol=1e-4)


@pytest.mark.slow
@needs_onnx
@pytest.mark.parametrize(
    "net",
    [
        AttentionNetClassifier(),
        DeepEMGNetClassifier(nperseg=16),
        DilatedCNNClassifier(n_filters=8),
        NEMGNetClassifier(n_filters=(4, 4, 8, 8, 8), n_hidden=(8,), stride=1, pool_size=1),
        NeuroFusionNetClassifier(),
        RecurrentNetClassifier(cell="rnn", readout="mean"),
        RecurrentNetClassifier(cell="gru", bidirectional=True),
        SpectroEMGNetClassifier(nperseg=32, n_filters=(8, 8)),
        StackedLSTMClassifier(n_units=16),
    ],
    ids=lambda net: type(net).__name__,
)
def test_every_network_agrees_to_1e_4(net, tmp_path):
    X, y = windows()
    net.set_params(max_epochs=2, random_state=0).fit(X, y)
    (probabilities,) = session_of(net, tmp_path).run(None, {"windows": X})
    np.testing.assert_allclose(probabilities, net.predict_proba(X), rtol=0, atol=1e-4)


@pytest.mark.slow
@needs_onnx
def test_a_network_on_images(tmp_path):
    X = np.random.default_rng(0).normal(size=(12, 2, 20, 30)).astype(np.float32)
    net = EMGClassifier("DeepEMGNet", max_epochs=2, random_state=0).fit(X, np.arange(12) % 2)
    (probabilities,) = session_of(net, tmp_path).run(None, {"windows": X})
    np.testing.assert_allclose(probabilities, net.predict_proba(X), rtol=0, atol=1e-4)


def test_refuses_what_is_no_fitted_network(tmp_path):
    with pytest.raises(TypeError, match=r"export_onnx takes a network .* Got LogisticRegression"):
        export_onnx(LogisticRegression(), tmp_path / "model.onnx")
    with pytest.raises(NotFittedError):
        export_onnx(CNN1DClassifier(), tmp_path / "model.onnx")
