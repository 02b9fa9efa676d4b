"""Networks on a CUDA device, and what can be tested without one."""

import hashlib
import json
import pickle
import runpy
from functools import partial
from pathlib import Path

import data
import numpy as np
import pytest
import torch

from sklearn_emg.neural_network import (
    ALSNetClassifier,
    EMGRegressor,
    ImageNetworkClassifier,
    NEMGNetClassifier,
    NeuroFusionNetClassifier,
    RecurrentNetClassifier,
    StackedLSTMClassifier,
    load_model,
    resolve_device,
    save_model,
)
from sklearn_emg.neural_network._data._batches import BatchIterator, SequenceDataset, WindowDataset

on_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
without_cuda = pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")


cohort = partial(data.cohort, n_times=1024, labels=("control", "patient"))


def small(**params):
    return ALSNetClassifier(**{"lr": 0.02, "max_epochs": 12, "random_state": 0, **params})


NETWORKS = [
    small(),
    NEMGNetClassifier(n_filters=(4, 4, 8, 8, 8), n_hidden=(8,), lr=0.01, max_epochs=30),
    StackedLSTMClassifier(n_units=12, n_layers=1, lr=0.02, max_epochs=30),
    RecurrentNetClassifier(cell="gru", bidirectional=True, lr=0.01, max_epochs=30),
    NeuroFusionNetClassifier(n_filters=(8,), n_units=8, lr=0.01, max_epochs=30),
    ImageNetworkClassifier(architecture="test_byobnet", nperseg=64, lr=0.01, max_epochs=15),
]


# On any machine


@without_cuda
def test_auto_is_the_cpu_where_there_is_no_card():
    assert resolve_device("auto", "N").type == "cpu"


def test_auto_is_the_card_where_there_is_one(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert resolve_device("auto", "N").type == "cuda"
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert resolve_device("cuda:1", "N").index == 1
    with pytest.raises(ValueError, match=r"'device' parameter of N is 'cuda:2', but torch finds 2"):
        resolve_device("cuda:2", "N")


@without_cuda
def test_a_model_saved_on_a_card_is_read_on_the_cpu(tmp_path):
    X, y, _ = cohort()
    net = small(max_epochs=1).fit(X, y)
    _, description = save_model(net, tmp_path / "net")
    content = json.loads(description.read_text())
    content["params"]["device"] = "cuda:1"
    content.pop("digest")
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    content["digest"] = hashlib.sha256(text.encode()).hexdigest()
    description.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=r"is 'cuda:1', but torch finds 0 .* device='auto' or"):
        load_model(tmp_path / "net")
    again = load_model(tmp_path / "net", device="cpu")
    np.testing.assert_array_equal(again.predict_proba(X), net.predict_proba(X))


def test_inference_batches_fill_a_card_and_fit_into_a_cache():
    X, y, _ = cohort()
    net = small(max_epochs=1).fit(X, y)
    assert net._inference_batch("cpu") == 64  # 2 x 1024 samples
    assert net._inference_batch("cuda") == 1024
    assert net._inference_batch("cuda", n_times=200_000) == 64


def test_batches_for_a_card_are_page_locked(monkeypatch):
    locked = []
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda self: locked.append(self) or self)
    windows = WindowDataset(np.zeros((8, 2, 5), np.float32), np.arange(8))
    assert len(list(BatchIterator(windows, batch_size=4, pin=True))) == 2
    assert len(locked) == 4  # windows and targets
    signals = SequenceDataset([np.zeros((2, n), np.float32) for n in (3, 5)], np.arange(2))
    list(BatchIterator(signals, batch_size=4, pin=True))
    assert len(locked) == 4 + 3  # signals, lengths and targets


@pytest.mark.slow
def test_the_benchmark_for_cards_runs():
    benchmark = Path(__file__).parents[2] / "benchmarks" / "networks.py"
    rows = runpy.run_path(str(benchmark))["gpu_rows"]("cpu", smaller=1000)
    assert len(rows) == 4
    assert all(figure > 0 for _, figure, _, _ in rows)


# On a card


@pytest.mark.gpu
@on_cuda
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("net", NETWORKS, ids=lambda net: type(net).__name__)
def test_learns_on_a_card_and_predicts_the_same_on_the_cpu(net, precision, tmp_path):
    X, y, subjects = cohort()
    state = torch.cuda.get_rng_state()
    net.set_params(device="cuda", precision=precision, random_state=0).fit(X, y, groups=subjects)
    assert torch.equal(torch.cuda.get_rng_state(), state)
    assert next(net.net_.module_.parameters()).is_cuda
    assert net.score(X, y) > 0.9
    proba = net.predict_proba(X)
    tolerance = 1e-3
    save_model(net, tmp_path / "net")
    for device in ("cuda", "cpu"):
        again = load_model(tmp_path / "net", device=device)
        assert next(again.net_.module_.parameters()).device.type == device
        np.testing.assert_allclose(again.predict_proba(X), proba, atol=tolerance)
    again = pickle.loads(pickle.dumps(net))
    np.testing.assert_allclose(again.predict_proba(X), proba, atol=tolerance)


@pytest.mark.gpu
@on_cuda
@pytest.mark.parametrize("net", NETWORKS[2:5], ids=lambda net: type(net).__name__)
def test_signals_of_differing_length_on_a_card(net):
    X, y, subjects = cohort()
    signals = [x[:, : 200 + 13 * row] for row, x in enumerate(X)]
    net.set_params(device="cuda", random_state=0).fit(signals, y, groups=subjects)
    proba = net.predict_proba(signals)
    alone = np.concatenate([net.predict_proba([signal]) for signal in signals])
    np.testing.assert_allclose(alone, proba, atol=1e-3)


@pytest.mark.gpu
@on_cuda
def test_a_regressor_partial_fit_and_callbacks_on_a_card():
    X, _, _ = cohort()
    force = np.abs(X).mean(axis=(1, 2))
    net = EMGRegressor(lr=0.01, max_epochs=30, device="cuda", random_state=0).fit(X, force)
    assert net.score(X, force) > 0.7
    assert np.isfinite(net.partial_fit(X, force).predict(X)).all()


@pytest.mark.gpu
@on_cuda
def test_only_batches_are_sent_to_the_card():
    X, y, _ = cohort(n_windows=1000)
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    small(max_epochs=1, device="cuda", n_filters=4, predict_batch_size=32).fit(X, y)
    assert torch.cuda.max_memory_allocated() - before < X.nbytes


@pytest.mark.gpu
@pytest.mark.slow
@on_cuda
def test_a_compiled_net_on_a_card():
    X, y, _ = cohort()
    plain = small(max_epochs=2, device="cuda").fit(X, y).predict_proba(X)
    compiled = small(max_epochs=2, device="cuda", compile=True).fit(X, y)
    np.testing.assert_allclose(compiled.predict_proba(X), plain, atol=1e-2)
