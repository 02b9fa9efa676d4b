"""Networks in the ONNX format, run by onnxruntime."""

import json
from importlib.util import find_spec

import numpy as np
import pytest
import torch
from data import cohort
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression

from sklearn_emg.deployment import export_onnx
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
    onnx_model,
)
from sklearn_emg.neural_network import export_onnx as write_network

DIAGNOSES = ("myopathy", "normal", "als")
COHORT = cohort(24, 1, n_times=96, labels=DIAGNOSES)

needs_onnx = pytest.mark.skipif(
    not (find_spec("onnxscript") and find_spec("onnxruntime")),
    reason="needs onnxscript and onnxruntime",
)


def session_of(net, path):
    import onnxruntime

    file = export_onnx(net, path / "model.onnx")
    return onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])


@needs_onnx
def test_a_classifier_gives_its_probabilities_and_labels(tmp_path):
    X, y, _ = COHORT
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
    X, _, _ = COHORT
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
    X, y, _ = COHORT
    net.set_params(max_epochs=2, random_state=0).fit(X, y)
    (probabilities,) = session_of(net, tmp_path).run(None, {"windows": X})
    np.testing.assert_allclose(probabilities, net.predict_proba(X), rtol=0, atol=1e-4)


@needs_onnx
@pytest.mark.parametrize(
    "net",
    [
        NeuroFusionNetClassifier(n_filters=(8, 8), n_units=8),
        RecurrentNetClassifier(cell="rnn", n_units=8, n_layers=2),
        RecurrentNetClassifier(cell="gru", n_units=8, bidirectional=True),
        RecurrentNetClassifier(cell="lstm", n_units=8, bidirectional=True, readout="mean"),
        StackedLSTMClassifier(n_units=8),
    ],
    ids=lambda net: f"{type(net).__name__}-{net.get_params().get('cell')}",
)
def test_recurrent_networks_are_not_unrolled(net, tmp_path):
    import onnx

    n_nodes = []
    for n_times in (40, 400):
        X, y, _ = cohort(24, 1, n_times=n_times, labels=DIAGNOSES)
        fitted = net.set_params(max_epochs=1, random_state=0).fit(X, y)
        (probabilities,) = session_of(fitted, tmp_path).run(None, {"windows": X})
        np.testing.assert_allclose(probabilities, fitted.predict_proba(X), rtol=0, atol=1e-5)
        n_nodes.append(len(onnx.load(tmp_path / "model.onnx").graph.node))
    assert n_nodes[0] == n_nodes[1] < 150


class LastTen(torch.nn.Module):
    """A recurrent network whose Python code counts the windows."""

    def __init__(self, n_channels, n_times, n_classes):
        super().__init__()
        self.recurrent = torch.nn.GRU(n_channels, n_classes, batch_first=True)

    def forward(self, x):
        return self.recurrent(x.transpose(1, 2))[0][:, -1] * x.shape[0].__int__()


@needs_onnx
def test_refuses_a_network_of_which_the_number_of_windows_would_be_fixed(tmp_path):
    X, y, _ = COHORT
    net = EMGClassifier(LastTen, max_epochs=1, random_state=0).fit(X, y)
    with pytest.raises(ValueError, match="LastTen with these settings cannot be exported"):
        export_onnx(net, tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
@needs_onnx
def test_a_network_on_images(tmp_path):
    X = np.random.default_rng(0).normal(size=(12, 2, 20, 30)).astype(np.float32)
    net = EMGClassifier("DeepEMGNet", max_epochs=2, random_state=0).fit(X, np.arange(12) % 2)
    (probabilities,) = session_of(net, tmp_path).run(None, {"windows": X})
    np.testing.assert_allclose(probabilities, net.predict_proba(X), rtol=0, atol=1e-4)


def test_refuses_what_is_no_fitted_network(tmp_path):
    with pytest.raises(TypeError, match=r"onnx_model takes a network .* Got LogisticRegression"):
        onnx_model(LogisticRegression())
    with pytest.raises(NotFittedError):
        export_onnx(CNN1DClassifier(), tmp_path / "model.onnx")


@needs_onnx
def test_a_network_alone_is_written_as_its_graph(tmp_path):
    import onnxruntime

    X, y = COHORT[:2]
    net = CNN1DClassifier(max_epochs=1, random_state=0).fit(X, y)
    session = onnxruntime.InferenceSession(write_network(net, tmp_path / "net.onnx"))
    windows = np.asarray(X, dtype=np.float32)
    found = session.run(None, {"windows": windows})[0]
    np.testing.assert_allclose(found, net.predict_proba(X), atol=1e-4)
