"""NeuroFusionNet and the networks it is compared with."""

import itertools

import pytest
import torch
from data import tensor
from network_checks import check_evaluation, check_gradients, check_learning

from sklearn_emg.neural_network import (
    CNN1D,
    AttentionNet,
    AutoencoderNet,
    ConvAutoencoder,
    NeuroFusionNet,
    PatternNet,
    RecurrentNet,
)
from sklearn_emg.neural_network._modules._layers import Frames, SelfAttention

PARTS = ["has_cnn", "has_lstm", "has_gru", "has_attention", "has_graph", "has_regulariser"]
SMALL_FUSION = {
    "n_filters": (8, 12),
    "n_units": 16,
    "n_nodes": 5,
    "n_node_units": 3,
    "dropout": 0.1,
}
NETWORKS = [
    pytest.param(AttentionNet, {"n_units": 24, "n_layers": 1, "n_hidden": 30}, id="AttentionNet"),
    pytest.param(AutoencoderNet, {"n_filters": (4, 8), "n_code": 12}, id="AutoencoderNet"),
    pytest.param(CNN1D, {"n_filters": (4, 8), "n_hidden": 20}, id="CNN1D"),
    pytest.param(
        CNN1D, {"n_filters": (4, 8), "batch_norm": True, "pooling": "average"}, id="CNN1D-average"
    ),
    pytest.param(NeuroFusionNet, SMALL_FUSION, id="NeuroFusionNet"),
    pytest.param(
        NeuroFusionNet,
        {**SMALL_FUSION, "has_cnn": False, "has_gru": False, "pool_size": 2},
        id="NeuroFusionNet-few",
    ),
    pytest.param(PatternNet, {"n_hidden": (12, 7), "activation": "sigmoid"}, id="PatternNet"),
    pytest.param(RecurrentNet, {"cell": "rnn", "n_units": 20, "n_layers": 2}, id="RNN"),
    pytest.param(RecurrentNet, {"cell": "lstm", "n_units": 20, "readout": "mean"}, id="LSTM"),
    pytest.param(RecurrentNet, {"cell": "gru", "n_units": 20, "bidirectional": True}, id="GRU"),
]


def build(network, settings, n_times=64, n_channels=2, n_classes=3, seed=0):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return network(n_channels, n_times, n_classes, **settings)


def n_parameters(module):
    return sum(p.numel() for p in module.parameters())


@pytest.mark.parametrize("network, settings", NETWORKS)
@pytest.mark.parametrize("n_channels, n_times, n_classes", [(1, 64, 2), (3, 83, 5)])
def test_gives_a_logit_per_class(network, settings, n_channels, n_times, n_classes):
    net = build(network, settings, n_times, n_channels, n_classes)
    assert net(tensor(7, n_channels, n_times)).shape == (7, n_classes)


@pytest.mark.parametrize("network, settings", NETWORKS)
def test_gradients_reach_every_parameter(network, settings):
    check_gradients(build(network, settings), tensor(6, 2, 64))


@pytest.mark.parametrize("network, settings", NETWORKS)
def test_evaluation_is_deterministic_and_takes_a_batch_of_one(network, settings):
    check_evaluation(build(network, settings), tensor(5, 2, 64))


@pytest.mark.parametrize("network, settings", NETWORKS)
def test_learns_32_windows_by_heart(network, settings):
    check_learning(build(network, settings), tensor(32, 2, 64, seed=1))


@pytest.mark.parametrize(
    "network, settings, minimum",
    [
        (AttentionNet, {"frame": 7}, 7),
        (AutoencoderNet, {}, 1),
        (CNN1D, {"pool_size": 3}, 9),
        (NeuroFusionNet, {}, 16),
        (NeuroFusionNet, {"has_cnn": False, "pool_size": 3}, 9),
        (PatternNet, {}, 1),
        (RecurrentNet, {"frame": 6}, 6),
    ],
)
def test_runs_at_its_minimum_length_and_states_it(network, settings, minimum):
    assert network(2, minimum, 3, **settings).eval()(tensor(4, 2, minimum)).shape == (4, 3)
    if minimum > 1:
        with pytest.raises(ValueError, match=f"{network.__name__} .* at least {minimum} samples"):
            network(2, minimum - 1, 3, **settings)


# Parameters, counted by hand


def dense(n_in, n_out):
    return (n_in + 1) * n_out


def recurrent(n_gates, n_in, n_units):
    return n_gates * n_units * (n_in + n_units + 2)


@pytest.mark.parametrize("batch_norm", [False, True])
def test_cnn1d_holds_what_its_layers_need(batch_norm):
    net = CNN1D(
        3, 40, 5, n_filters=(4, 6), kernel_size=7, pool_size=3, n_hidden=11, batch_norm=batch_norm
    )
    convolutions = dense(3 * 7, 4) + dense(4 * 7, 6)
    head = dense(6 * 4, 11) + dense(11, 5)  # 40 -> 13 -> 4 samples
    assert n_parameters(net) == convolutions + head + batch_norm * 2 * (4 + 6)


@pytest.mark.parametrize("cell, n_gates", [("rnn", 1), ("gru", 3), ("lstm", 4)])
@pytest.mark.parametrize("directions", [1, 2])
def test_recurrent_net_holds_what_its_layers_need(cell, n_gates, directions):
    net = RecurrentNet(
        3, 40, 5, cell=cell, n_units=7, n_layers=2, frame=4, bidirectional=directions == 2
    )
    first, second = recurrent(n_gates, 3 * 4, 7), recurrent(n_gates, 7 * directions, 7)
    assert n_parameters(net) == directions * (first + second) + dense(7 * directions, 5)


def test_attention_net_holds_what_its_layers_need():
    net = AttentionNet(3, 40, 5, n_units=8, n_heads=2, n_layers=3, n_hidden=13, frame=4)
    layer = 2 * 2 * 8 + dense(8, 3 * 8) + dense(8, 8) + dense(8, 13) + dense(13, 8)
    assert n_parameters(net) == dense(3 * 4, 8) + 3 * layer + 2 * 8 + dense(8, 5)


def test_autoencoders_hold_what_their_layers_need():
    settings = {"n_filters": (4, 6), "kernel_size": 5, "stride": 3, "n_code": 7}
    n_times, length = 41, 5  # 41 -> 14 -> 5 samples
    encoder = dense(3 * 5, 4) + dense(4 * 5, 6) + dense(6 * length, 7)
    decoder = dense(7, 6 * length) + (6 * 5 * 4 + 4) + (4 * 5 * 3 + 3)
    assert n_parameters(ConvAutoencoder(3, n_times, **settings)) == encoder + decoder
    net = AutoencoderNet(3, n_times, 2, n_hidden=11, **settings)
    assert n_parameters(net) == encoder + dense(7, 11) + dense(11, 2)


def test_patternnet_holds_what_its_layers_need():
    net = PatternNet(3, 4, 5, n_hidden=(9, 7))
    assert n_parameters(net) == 2 * 12 + dense(12, 9) + dense(9, 7) + dense(7, 5)


@pytest.mark.parametrize("switches", list(itertools.product([False, True], repeat=6)))
def test_neurofusionnet_holds_what_the_parts_that_are_on_need(switches):
    cnn, lstm, gru, attention, graph, _ = switches
    net = NeuroFusionNet(3, 64, 5, **SMALL_FUSION, **dict(zip(PARTS, switches)))
    width, expected = 3, 0
    if cnn:
        expected += dense(3 * 9, 8) + dense(8 * 9, 12) + 2 * (8 + 12)
        width = 12
    for on, n_gates in ((lstm, 4), (gru, 3)):
        if on:
            expected += recurrent(n_gates, width, 16)
            width = 16
    if attention:
        expected += (width != 16) * dense(width, 16) + 2 * 16 + dense(16, 48) + dense(16, 16)
        width = 16
    if graph:
        expected += 5 * width + 2 * 5 * 3 + dense(width, width)
    assert n_parameters(net) == expected + dense(width, 5)
    assert net.eval()(tensor(4, 3, 64)).shape == (4, 5)


# What each network does


def test_frames_hold_the_samples_of_all_channels_in_order():
    X = torch.arange(2 * 11.0).reshape(1, 2, 11)
    frames = Frames("N", n_channels=2, n_times=11, frame=3)(X)
    assert frames[0].tolist() == [
        [0, 1, 2, 11, 12, 13],
        [3, 4, 5, 14, 15, 16],
        [6, 7, 8, 17, 18, 19],
    ]


def test_attention_is_that_of_pytorch():
    ours = SelfAttention(12, 3)
    theirs = torch.nn.MultiheadAttention(12, 3, batch_first=True)
    with torch.no_grad():
        theirs.in_proj_weight.copy_(ours.project.weight)
        theirs.in_proj_bias.copy_(ours.project.bias)
        theirs.out_proj.load_state_dict(ours.combine.state_dict())
        X = tensor(4, 7, 12)
        torch.testing.assert_close(ours(X), theirs(X, X, X)[0])


def test_attention_net_knows_the_order_of_frames():
    net = build(AttentionNet, {}).eval()
    X = tensor(3, 2, 60)
    frames_swapped = torch.cat([X[..., 30:], X[..., :30]], dim=-1)
    with torch.no_grad():
        assert (net(X) - net(frames_swapped)).abs().max() > 1e-3


@pytest.mark.parametrize("n_times", [1, 20, 41, 64])
def test_the_decoder_restores_the_length(n_times):
    net = ConvAutoencoder(3, n_times, n_filters=(4, 6), kernel_size=5, stride=3)
    assert net(tensor(2, 3, n_times)).shape == (2, 3, n_times)


def test_the_autoencoder_learns_to_restore_windows():
    net = build(lambda c, t, k, **s: ConvAutoencoder(c, t, **s), {"n_code": 8}, n_channels=1)
    phase = torch.linspace(0, 6, 16)[:, None, None]
    X = torch.sin(phase + torch.arange(64) / 4)
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(150):
        optimizer.zero_grad()
        loss = (net(X) - X).square().mean()
        loss.backward()
        optimizer.step()
    assert loss < 0.05 * X.square().mean()


def test_backward_units_read_to_the_first_frame():
    net = build(RecurrentNet, {"bidirectional": True, "n_units": 5, "frame": 4}).eval()
    X = tensor(3, 2, 64)
    seen = []
    net.classifier.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    with torch.no_grad():
        net(X)
        _, (final, _) = net.recurrent(net.frames(X))
    torch.testing.assert_close(seen[0], torch.cat([final[0], final[1]], dim=1))


def test_a_regulariser_that_is_off_leaves_training_deterministic():
    X = tensor(4, 2, 64)
    on, off = (build(NeuroFusionNet, {**SMALL_FUSION, "has_regulariser": r}) for r in (True, False))
    assert (on(X) - on(X)).abs().max() > 0
    torch.testing.assert_close(off(X), off(X), rtol=0, atol=0)


@pytest.mark.parametrize(
    "network, settings, message",
    [
        (AttentionNet, {"n_heads": 5}, "'n_heads' parameter of AttentionNet must divide the 64"),
        (AttentionNet, {"n_units": 9, "n_heads": 3}, "'n_units' parameter of AttentionNet .* even"),
        (AutoencoderNet, {"kernel_size": 3}, "'kernel_size' parameter of AutoencoderNet .* odd"),
        (CNN1D, {"kernel_size": 8}, "'kernel_size' parameter of CNN1D must be odd"),
        (CNN1D, {"pooling": "median"}, "'pooling' parameter of CNN1D must be one of"),
        (NeuroFusionNet, {"n_heads": 5}, "'n_heads' parameter of NeuroFusionNet must divide"),
        (NeuroFusionNet, {"n_nodes": 0}, "'n_nodes' parameter of NeuroFusionNet"),
        (PatternNet, {"activation": "elu"}, "'activation' parameter of PatternNet must be one of"),
        (RecurrentNet, {"cell": "mlp"}, "'cell' parameter of RecurrentNet must be one of"),
        (RecurrentNet, {"frame": 0}, "'frame' parameter of RecurrentNet"),
    ],
)
def test_refuses_settings_out_of_range(network, settings, message):
    with pytest.raises(ValueError, match=message):
        network(2, 100, 3, **settings)
