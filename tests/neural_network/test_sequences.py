"""Signals that differ in length: padded, and the padding has no effect."""

import numpy as np
import pytest
import torch

from sklearn_emg.neural_network import (
    ALSNet,
    AttentionNet,
    DilatedCNN,
    NeuroFusionNet,
    RecurrentNet,
    StackedLSTM,
)

LENGTHS = (64, 37, 90, 51, 19)
SMALL_FUSION = {"n_filters": (8, 12), "n_units": 16, "n_nodes": 5, "n_node_units": 3, "pool_size": 2}
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
    "network, settings, least",
    [
        (ALSNet, {"padding": "valid", "kernel_size": 5, "dilations": (1, 2, 3)}, 25),
        (AttentionNet, {"frame": 7}, 7),
        (NeuroFusionNet, {"pool_size": 3}, 9),
        (RecurrentNet, {"frame": 6}, 6),
    ],
)
def test_a_signal_that_is_too_short_is_refused(network, settings, least):
    net = network(2, 40, 3, **settings).eval()
    net(*padded(signals((40, least))))
    message = f"{network.__name__} .* at least {least} samples. Got n_times={least - 1}"
    with pytest.raises(ValueError, match=message):
        net(*padded(signals((40, least - 1))))
