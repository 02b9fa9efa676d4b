"""The modules: shapes, minimum lengths, gradients, modes."""

import numpy as np
import pytest
import torch
from data import tensor
from network_checks import check_evaluation, check_gradients, check_learning

from sklearn_emg.neural_network import ALSNet, DilatedCNN, NEMGNet, StackedLSTM

# class, settings that keep it small, a length that it takes
SMALL_NEMGNET = {"n_filters": (4, 8, 8, 16, 16), "n_hidden": (32, 8)}
NETWORKS = [
    pytest.param(ALSNet, {}, 160, id="ALSNet"),
    pytest.param(
        ALSNet, {"padding": "valid", "stride": 2, "kernel_size": 4}, 160, id="ALSNet-valid"
    ),
    pytest.param(DilatedCNN, {"dropout": 0.1, "n_filters": 16}, 160, id="DilatedCNN"),
    pytest.param(NEMGNet, {"variant": "A", **SMALL_NEMGNET}, 1003, id="NEMGNet-A"),
    pytest.param(
        NEMGNet, {"variant": "B", "stride": 1, **SMALL_NEMGNET}, 160, id="NEMGNet-B-stride-1"
    ),
    pytest.param(StackedLSTM, {"n_units": 24}, 30, id="StackedLSTM"),
]


def build(network, settings, n_times=160, n_channels=2, n_classes=3, seed=0):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return network(n_channels, n_times, n_classes, **settings)


@pytest.mark.parametrize("network, settings, n_times", NETWORKS)
@pytest.mark.parametrize("n_channels, longer, n_classes", [(1, 0, 2), (3, 51, 5)])
def test_gives_a_logit_per_class(network, settings, n_times, n_channels, longer, n_classes):
    net = build(network, settings, n_times + longer, n_channels, n_classes)
    assert net(tensor(7, n_channels, n_times + longer)).shape == (7, n_classes)


@pytest.mark.parametrize("network, settings, n_times", NETWORKS)
def test_gradients_reach_every_parameter(network, settings, n_times):
    check_gradients(build(network, settings, n_times), tensor(6, 2, n_times))


@pytest.mark.parametrize("network, settings, n_times", NETWORKS)
def test_evaluation_is_deterministic_and_takes_a_batch_of_one(network, settings, n_times):
    check_evaluation(build(network, settings, n_times), tensor(5, 2, n_times))


@pytest.mark.parametrize("network, settings, n_times", NETWORKS)
def test_learns_32_windows_by_heart(network, settings, n_times):
    check_learning(build(network, settings, n_times), tensor(32, 2, n_times, seed=1), lr=5e-3)


@pytest.mark.parametrize("network", [ALSNet, DilatedCNN, StackedLSTM])
def test_takes_windows_of_one_sample(network):
    assert network(2, 1, 3).eval()(tensor(4, 2, 1)).shape == (4, 3)


def test_alsnet_states_the_least_length():
    settings = {"padding": "valid", "kernel_size": 5, "dilations": (1, 2, 3)}
    ALSNet(1, 25, 2, **settings)  # 1 + 4 * (1 + 2 + 3)
    with pytest.raises(ValueError, match=r"ALSNet .* at least 25 samples. Got n_times=24"):
        ALSNet(1, 24, 2, **settings)


@pytest.mark.parametrize("stride", [1, 2, 3])
def test_alsnet_runs_at_its_least_length(stride):
    with pytest.raises(ValueError, match="at least") as refusal:
        ALSNet(1, 1, 2, padding="valid", stride=stride)
    minimum = int(str(refusal.value).split("at least ")[1].split()[0])
    net = ALSNet(1, minimum, 2, padding="valid", stride=stride).eval()
    assert net.features[:-1](tensor(1, 1, minimum)).shape[-1] == 1


@pytest.mark.parametrize("stride", [1, 3])
def test_alsnet_pads_like_pytorch(stride):
    net = ALSNet(1, 50, 2, kernel_size=(4, 5, 6), stride=stride)
    x = tensor(3, 1, 50)
    assert net.features[:-1](x).shape == (3, 32, -(-50 // stride**3))
    first = next(m for m in net.features if isinstance(m, torch.nn.Conv1d))
    padded = torch.nn.functional.pad(x, (1, 2))  # 3 zeros for a kernel of 4: 1 left, 2 right
    expected = torch.nn.functional.conv1d(padded, first.weight, first.bias)
    torch.testing.assert_close(net.features[:2](x), expected[..., ::stride])


def test_he_initialisation_has_the_right_spread():
    net = build(ALSNet, {"init": "he_normal", "n_filters": 64, "kernel_size": 16})
    weight = [m for m in net.features if isinstance(m, torch.nn.Conv1d)][1].weight  # fan-in 64 * 16
    assert weight.std().item() == pytest.approx(np.sqrt(2 / (64 * 16)), rel=0.05)
    assert not net.classifier[0].bias.any()


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"n_filters": (8, 8)}, "'n_filters' parameter of ALSNet must be .* 3 integers"),
        ({"kernel_size": 0}, "'kernel_size' parameter of ALSNet"),
        ({"padding": "causal"}, "'padding' parameter of ALSNet must be one of"),
        ({"dropout": 1.0}, r"'dropout' parameter of ALSNet must be a number in \[0, 1\)"),
        ({"init": "zeros"}, "'init' parameter of ALSNet must be one of"),
    ],
)
def test_alsnet_refuses_settings_out_of_range(settings, message):
    with pytest.raises(ValueError, match=message):
        ALSNet(1, 100, 2, **settings)


@pytest.mark.parametrize("sizes", [(0, 10, 2), (1, 10.5, 2), (1, 10, True)])
def test_sizes_must_be_positive_integers(sizes):
    with pytest.raises(ValueError, match="parameter of ALSNet must be an integer of at least 1"):
        ALSNet(*sizes)


# nEMGNet


@pytest.fixture(scope="module")
def published_nemgnet():
    return NEMGNet(n_channels=1, n_times=4000, n_classes=3)


def test_nemgnet_b_holds_the_published_count(published_nemgnet):
    # Table 6 of the paper: parameters, running statistics and counters of batch normalisation.
    state = published_nemgnet.state_dict()
    assert sum(value.numel() for value in state.values()) == 33_238_686


def test_nemgnet_reduces_4000_samples_to_3(published_nemgnet):
    with torch.no_grad():
        assert published_nemgnet.eval().features(tensor(1, 1, 4000)).shape == (1, 1024, 3)


@pytest.mark.parametrize("variant, n_blocks", [("A", 0), ("B", 2), ("C", 4), ("D", 6)])
def test_nemgnet_variants_differ_in_residual_blocks(variant, n_blocks):
    net = NEMGNet(1, 1003, 3, variant=variant, **SMALL_NEMGNET)
    names = [type(layer).__name__ for layer in net.features]
    assert names.count("_ResidualBlock") == 5 * n_blocks
    assert len(names) - 5 * n_blocks == 7


def test_a_residual_block_adds_its_input():
    net = NEMGNet(1, 1003, 3, **SMALL_NEMGNET)
    block = net.features[3].eval()
    torch.nn.init.zeros_(block.inner[-1].weight)  # the convolutions then return zeros
    X = tensor(2, 4, 11)
    torch.testing.assert_close(block(X), X.relu())


def test_nemgnet_states_the_least_length():
    with pytest.raises(ValueError, match=r"NEMGNet .* at least 1003 samples. Got n_times=1002"):
        NEMGNet(1, 1002, 3)
    tiny = NEMGNet(2, 1, 3, stride=1, pool_size=1, **SMALL_NEMGNET).eval()
    assert tiny(tensor(4, 2, 1)).shape == (4, 3)


# LSTM


def test_stacked_lstm_remembers_at_the_start():
    net = build(StackedLSTM, {"n_units": 5, "n_layers": 2}, 9)
    for layer in range(2):
        bias = getattr(net.lstm, f"bias_ih_l{layer}") + getattr(net.lstm, f"bias_hh_l{layer}")
        assert bias.tolist() == [0] * 5 + [1] * 5 + [0] * 10  # input, forget, cell, output
        forget = getattr(net.lstm, f"weight_hh_l{layer}")[5:10]
        torch.testing.assert_close(forget @ forget.T, torch.eye(5), atol=1e-5, rtol=0)


def test_stacked_lstm_uses_the_order_of_samples():
    net = build(StackedLSTM, {"n_units": 8}, 20).eval()
    X = tensor(3, 2, 20)
    with torch.no_grad():
        assert (net(X) - net(X.flip(-1))).abs().max() > 1e-4
