"""Signals that differ in length: padded, and the padding has no effect."""

import inspect
import pickle
from importlib.util import find_spec

import numpy as np
import pandas as pd
import pytest
import torch
from data import signal_cohort
from sklearn.base import clone
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from skorch.callbacks import EpochScoring

from sklearn_emg import neural_network
from sklearn_emg.deployment import export_onnx
from sklearn_emg.model_selection import SubjectKFold
from sklearn_emg.neural_network import (
    ALSNet,
    ALSNetClassifier,
    AttentionNet,
    AttentionNetClassifier,
    CNN1DClassifier,
    DilatedCNN,
    DilatedCNNClassifier,
    EMGRegressor,
    NeuroFusionNet,
    NeuroFusionNetClassifier,
    RecurrentNet,
    RecurrentNetClassifier,
    StackedLSTM,
    StackedLSTMClassifier,
    TransferClassifier,
    load_model,
    save_model,
)
from sklearn_emg.neural_network._data._batches import BatchIterator, SequenceDataset
from sklearn_emg.neural_network._data._inputs import takes_lengths
from sklearn_emg.neural_network._registry import NETWORKS, any_length_networks
from sklearn_emg.preprocessing import HighpassFilter
from sklearn_emg.recordings import recording_table

LENGTHS = (64, 37, 90, 51, 19)
SMALL_FUSION = {
    "n_filters": (8, 12),
    "n_units": 16,
    "n_nodes": 5,
    "n_node_units": 3,
    "pool_size": 2,
}
OFF = {"has_cnn": False, "has_lstm": False, "has_gru": False}
CASES = [
    pytest.param(ALSNet, {}, id="ALSNet"),
    pytest.param(
        ALSNet,
        {"kernel_size": (4, 3, 2), "stride": (2, 1, 3), "dilations": (1, 3, 1)},
        id="ALSNet-strides",
    ),
    pytest.param(
        ALSNet, {"padding": "valid", "kernel_size": 3, "stride": (1, 2, 1)}, id="ALSNet-valid"
    ),
    pytest.param(DilatedCNN, {"n_filters": 8}, id="DilatedCNN"),
    pytest.param(StackedLSTM, {"n_units": 12}, id="StackedLSTM"),
    *(
        pytest.param(
            RecurrentNet,
            {"cell": cell, "bidirectional": both, "readout": readout, "frame": 4, "n_layers": 2},
            id=f"{cell}-{'both' if both else 'forward'}-{readout}",
        )
        for cell in ("rnn", "lstm", "gru")
        for both in (False, True)
        for readout in ("last", "mean")
    ),
    pytest.param(AttentionNet, {"frame": 4, "n_units": 24}, id="AttentionNet"),
    pytest.param(NeuroFusionNet, SMALL_FUSION, id="NeuroFusionNet"),
    pytest.param(NeuroFusionNet, {**SMALL_FUSION, "pooling": "average"}, id="NeuroFusionNet-mean"),
    pytest.param(NeuroFusionNet, {**SMALL_FUSION, **OFF}, id="NeuroFusionNet-few"),
    pytest.param(NeuroFusionNet, {**SMALL_FUSION, "has_graph": False}, id="NeuroFusionNet-tree"),
]


def signals(lengths=LENGTHS, n_channels=2, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=(n_channels, n)).astype(np.float32) for n in lengths]


def padded(batch, n_more=0, fill=0.0):
    lengths = torch.tensor([x.shape[-1] for x in batch])
    out = torch.full((len(batch), batch[0].shape[0], int(lengths.max()) + n_more), fill)
    for row, x in enumerate(batch):
        out[row, :, : x.shape[-1]] = torch.from_numpy(x)
    return out, lengths


def build(network, settings, seed=0):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = network(2, min(LENGTHS), 3, **settings)
        for layer in net.modules():  # a fresh normalisation does nothing
            if isinstance(layer, torch.nn.BatchNorm1d):
                torch.nn.init.normal_(layer.bias)
                torch.nn.init.normal_(layer.running_mean)
        return net


# The modules


@pytest.mark.parametrize("network, settings", CASES)
def test_padding_does_not_change_the_output(network, settings):
    net = build(network, settings).eval()
    batch = signals()
    with torch.no_grad():
        alone = torch.cat([net(torch.from_numpy(x)[None]) for x in batch]).softmax(dim=1)
        for n_more, fill in ((0, 0.0), (13, 1e3)):
            together = net(*padded(batch, n_more, fill)).softmax(dim=1)
            torch.testing.assert_close(together, alone, rtol=0, atol=1e-6)


@pytest.mark.parametrize("network, settings", CASES)
def test_training_does_not_see_the_padding(network, settings):
    found = []
    for n_more, fill in ((0, 0.0), (13, 1e3)):
        net = build(network, {**settings, **dropout_off(network)}).train()
        loss = net(*padded(signals(), n_more, fill)).square().sum()
        loss.backward()
        found.append([p.grad for p in net.parameters()] + list(net.buffers()))
    for first, second in zip(*found):
        torch.testing.assert_close(first, second, rtol=1e-4, atol=1e-5)


def dropout_off(network):
    return {} if network in (ALSNet, StackedLSTM, RecurrentNet) else {"dropout": 0.0}


def test_normalisation_learns_from_the_samples_alone():
    net = build(ALSNet, {})
    for layer in net.features:
        if isinstance(layer, torch.nn.BatchNorm1d):
            layer.momentum = 1.0
    batch = signals()
    net(*padded(batch))
    first, norm = net.features[0], net.features[2]
    with torch.no_grad():
        parts = [first(torch.from_numpy(x)[None]).relu()[0] for x in batch]
    torch.testing.assert_close(norm.running_mean, torch.cat(parts, dim=1).mean(dim=1))


@pytest.mark.parametrize(
    "network, settings, minimum",
    [
        (ALSNet, {"padding": "valid", "kernel_size": 5, "dilations": (1, 2, 3)}, 25),
        (AttentionNet, {"frame": 7}, 7),
        (NeuroFusionNet, {"pool_size": 3}, 9),
        (RecurrentNet, {"frame": 6}, 6),
    ],
)
def test_a_signal_that_is_too_short_is_refused(network, settings, minimum):
    net = network(2, 40, 3, **settings).eval()
    net(*padded(signals((40, minimum))))
    message = f"{network.__name__} .* at least {minimum} samples. Got n_times={minimum - 1}"
    with pytest.raises(ValueError, match=message):
        net(*padded(signals((40, minimum - 1))))


# The estimators


def table_of(X, subjects, fs=1000.0):
    return recording_table(X, fs=fs, subject=[f"s{s}" for s in subjects])


CLASSIFIERS = [
    ALSNetClassifier(n_filters=8, kernel_size=3),
    DilatedCNNClassifier(n_filters=8, kernel_size=3, batch_size=32),
    StackedLSTMClassifier(n_units=12, n_layers=1),
    RecurrentNetClassifier(cell="gru", frame=4, n_units=12, bidirectional=True),
    RecurrentNetClassifier(cell="rnn", frame=4, n_units=12, readout="mean"),
    AttentionNetClassifier(frame=4, n_units=12, n_layers=1),
    NeuroFusionNetClassifier(n_filters=(8,), kernel_size=3, n_units=8, n_nodes=3),
]


@pytest.mark.parametrize("net", CLASSIFIERS, ids=lambda net: type(net).__name__)
def test_predictions_of_a_signal_do_not_depend_on_others_and_generalise(net, tmp_path):
    X, y, subjects = signal_cohort()
    net = clone(net).set_params(max_epochs=20, lr=0.02, random_state=0)
    net.fit(X, y, groups=subjects)
    new, labels, _ = signal_cohort(seed=1, shortest=30)
    proba = net.predict_proba(new)
    alone = np.concatenate([net.predict_proba([signal]) for signal in new])
    np.testing.assert_allclose(alone, proba, rtol=0, atol=1e-6)
    assert np.mean(net.predict(new) == labels) > 0.8
    save_model(net, tmp_path / "net")
    np.testing.assert_array_equal(load_model(tmp_path / "net").predict_proba(new), proba)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(net)).predict_proba(new), proba)


def small_net(**params):
    defaults = {"frame": 4, "n_units": 8, "max_epochs": 2, "random_state": 0}
    return RecurrentNetClassifier(**{**defaults, **params})


def test_a_table_brings_its_subjects(monkeypatch):
    X, y, subjects = signal_cohort()
    names = [f"s{s}" for s in subjects]
    by_table = small_net(max_epochs=4).fit(table_of(X, subjects), y)
    by_list = small_net(max_epochs=4).fit(X, y, groups=names)
    np.testing.assert_array_equal(
        by_table.predict_proba(table_of(X, subjects)), by_list.predict_proba(X)
    )
    assert by_table.n_times_ == 24
    assert by_table.n_channels_ == by_table.n_features_in_ == 2


def test_cross_validation_of_recordings_by_subject():
    X, y, subjects = signal_cohort(n_channels=1)
    table = table_of([x[0] for x in X], subjects)
    model = make_pipeline(HighpassFilter(20.0), small_net(max_epochs=15, lr=0.02))
    scores = cross_val_score(model, table, y, cv=SubjectKFold(3), error_score="raise")
    assert scores.min() > 0.7


def test_signals_of_one_length_are_an_array():
    X, y, subjects = signal_cohort()
    X = [signal[:, :24] for signal in X]
    array = np.stack(X)
    by_list, by_array = small_net().fit(X, y), small_net().fit(array, y)
    np.testing.assert_allclose(by_list.predict_proba(X), by_array.predict_proba(array), atol=1e-6)
    assert by_list.predict_proba([signal[:, :20] for signal in X]).shape == (48, 2)
    with pytest.raises(ValueError, match=r"fitted on windows of 2 .* and 24 samples"):
        by_array.predict(array[..., :20])
    flattened = CNN1DClassifier(n_filters=(4,), max_epochs=1).fit(table_of(X, subjects), y)
    assert flattened.predict(X).shape == (48,)


def test_any_array_can_be_predicted_after_signals():
    X, y, _ = signal_cohort()
    net = small_net().fit(X, y)
    array = np.random.default_rng(0).normal(size=(7, 2, 33))
    expected = net.predict_proba(list(array))
    for same in (array, pd.Series(list(array)), tuple(array)):
        np.testing.assert_allclose(net.predict_proba(same), expected)
    np.testing.assert_array_equal(net.set_params(predict_batch_size=5).predict(X), net.predict(X))


def test_partial_fit_warm_start_and_early_stopping():
    X, y, subjects = signal_cohort()
    net = small_net(lr=0.02).partial_fit(X[:10], y[:10], classes=["control", "patient"])
    for _ in range(14):
        net.partial_fit(X, y)
    assert net.score(X, y) > 0.8
    longer = [np.tile(signal, 2) for signal in X]
    warm = small_net(warm_start=True).fit(X, y).fit(longer, y)
    assert len(warm.history_) == 4
    noise = np.random.default_rng(0).integers(0, 2, len(X))
    stopped = small_net(max_epochs=60, patience=3, evaluate_every=2, lr=0.02)
    assert len(stopped.fit(X, noise, groups=subjects).history_) < 60


def test_a_regressor_takes_signals():
    X, _, _ = signal_cohort()
    force = np.array([np.abs(signal).mean() for signal in X])
    net = EMGRegressor("ALSNet", max_epochs=40, lr=0.02, random_state=0).fit(X, force)
    assert net.score(X, force) > 0.5


def test_callbacks_score_signals():
    X, y, subjects = signal_cohort()
    scoring = EpochScoring("accuracy", name="valid_right", lower_is_better=False)
    net = small_net(callbacks=[scoring], max_epochs=4).fit(X, y, groups=subjects)
    np.testing.assert_allclose(
        net.history_[:, "valid_right"], net.history_[:, "valid_acc"], atol=1e-6
    )


def test_transfer_reads_the_subjects_of_tables():
    X, y, subjects = signal_cohort()
    table = table_of(X, subjects)
    net = TransferClassifier(small_net()).pretrain(table, y)
    with pytest.raises(ValueError, match=r"subject.* with the source cohort"):
        net.fine_tune(table, y)
    assert net.fine_tune(table_of(X, subjects + 100), y).predict(table).shape == (48,)


# Batches


def test_every_signal_is_batched_once_with_others_of_similar_length():
    rng = np.random.default_rng(0)
    X = [np.full((1, n), n, dtype=np.float32) for n in rng.integers(10, 400, size=211)]
    data = SequenceDataset(X, np.arange(211))
    batches = BatchIterator(data, batch_size=8, shuffle=True, seed=3)
    epochs = []
    for _ in range(2):
        seen, n_samples = [], 0
        for (padded_signals, lengths), rows in batches:
            n_samples += padded_signals.numel()
            seen += rows.tolist()
            for signal, n, row in zip(padded_signals, lengths, rows):
                assert signal[0].tolist() == [n] * n + [0] * (signal.shape[1] - n)
                assert X[row].shape == (1, n)
        assert sorted(seen) == list(range(211))
        assert n_samples < 1.15 * int(data.lengths.sum())  # 1.9 times without the order
        epochs.append(seen)
    assert epochs[0] != epochs[1]


def test_signals_are_not_copied():
    X = [np.zeros((2, n), dtype=np.float32) for n in (5, 8)]
    data = SequenceDataset(X, np.arange(2), rows=np.array([1]))
    assert data.signals[0].data_ptr() == X[1].ctypes.data
    assert data.y.tolist() == [1]


# Refusals


def test_the_list_of_networks_for_signals_is_true():
    networks = {name: getattr(neural_network, name) for name in NETWORKS}
    able = {
        name
        for name, network in networks.items()
        if "lengths" in inspect.signature(network.forward).parameters
    }
    assert able == set(any_length_networks())
    assert able == {name for name, network in networks.items() if takes_lengths(network)}


def test_refuses_signals():
    X, y, subjects = signal_cohort()
    with pytest.raises(ValueError, match=r"CNN1DClassifier .* 24 to 71 samples.* ALSNet, Atten"):
        CNN1DClassifier().fit(X, y)
    hole = [*X[:-1], np.full((2, 30), np.nan)]
    with pytest.raises(ValueError, match=r"Row 47 of X contains NaN"):
        small_net().fit(hole, y)
    with pytest.raises(ValueError, match=r"same number of channels. Row 0 has 2, row 47 has 1"):
        small_net().fit([*X[:-1], X[-1][0]], y)
    with pytest.raises(ValueError, match=r"RecurrentNet .* at least 30 samples. Got n_times=24"):
        small_net(frame=30).fit(X, y)
    mixed = table_of(X, subjects, fs=[1000.0] * 47 + [500.0])
    with pytest.raises(ValueError, match="one sampling rate"):
        small_net().fit(mixed, y)
    net = small_net().fit(table_of(X, subjects), y)
    with pytest.raises(ValueError, match=r"fs=1000 Hz, but X has fs=500 Hz. Put Resampler"):
        net.predict(table_of(X, subjects, fs=500.0))
    with pytest.raises(ValueError, match=r"signals of 1 channels?, but .* fitted on 2"):
        net.predict([x[0] for x in X])
    with pytest.raises(ValueError, match=r"at least 4 samples. Got n_times=3"):
        net.predict([X[0][:, :3], X[1]])
    with pytest.raises(ValueError, match="takes windows of one length here"):
        small_net().fit(np.zeros((48, 2, 30)), y).predict(X)


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
@pytest.mark.skipif(
    not (find_spec("onnxscript") and find_spec("onnxruntime")),
    reason="needs onnxscript and onnxruntime",
)
def test_onnx_of_signals_of_any_length(tmp_path, cell):
    import onnxruntime

    X, y, _ = signal_cohort()
    net = small_net(cell=cell).fit(X, y)
    file = export_onnx(net, tmp_path / "net.onnx")
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    for signal in X[:3]:
        windows = signal[np.newaxis].astype(np.float32)
        (proba,) = session.run(None, {"windows": windows})
        np.testing.assert_allclose(proba, net.predict_proba([signal]), rtol=0, atol=1e-5)


@pytest.mark.filterwarnings("ignore:Recordings do not look like EMG")
def test_channels_in_another_order_are_refused_also_after_loading(tmp_path):
    rng = np.random.default_rng(0)
    signals = [rng.normal(size=(2, n)) for n in range(40, 48)]
    names = {"fs": 100.0, "subject": list("aabbccdd")}
    table = recording_table(signals, **names, channel_names=["biceps", "vastus"])
    swapped = recording_table(signals, **names, channel_names=["vastus", "biceps"])
    net = ALSNetClassifier(n_filters=2, n_hidden=2, max_epochs=1, random_state=0)
    net.fit(table, [0, 0, 0, 0, 1, 1, 1, 1])
    save_model(net, tmp_path / "net")
    for fitted in (net, load_model(tmp_path / "net")):
        with pytest.raises(ValueError, match="ALSNetClassifier was fitted on biceps, vastus, in"):
            fitted.predict(swapped[:2])
        assert fitted.predict(signals[:2]).shape == (2,)
    with pytest.raises(ValueError, match="fitted on biceps, vastus"):
        net.set_params(warm_start=True).fit(swapped, [0, 0, 0, 0, 1, 1, 1, 1])
