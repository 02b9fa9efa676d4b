"""The modules: shapes, least lengths, gradients, modes."""

import numpy as np
import pytest
import torch

from sklearn_emg.neural_network import ALSNet

# name, class, settings that keep it small
NETWORKS = [
    pytest.param(ALSNet, {}, id="ALSNet"),
    pytest.param(ALSNet, {"padding": "valid", "stride": 2, "kernel_size": 4}, id="ALSNet-valid"),
]


def build(network, settings, n_channels=2, n_times=160, n_classes=3, seed=0):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return network(n_channels, n_times, n_classes, **settings)


def windows(*shape, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).normal(size=shape).astype(np.float32))


@pytest.mark.parametrize("network, settings", NETWORKS)
@pytest.mark.parametrize("n_channels, n_times, n_classes", [(1, 160, 2), (3, 211, 5)])
def test_gives_a_logit_per_class(network, settings, n_channels, n_times, n_classes):
    net = build(network, settings, n_channels, n_times, n_classes)
    assert net(windows(7, n_channels, n_times)).shape == (7, n_classes)


@pytest.mark.parametrize("network, settings", NETWORKS)
def test_gradients_reach_every_parameter(network, settings):
    net = build(network, settings)
    net(windows(6, 2, 160)).square().sum().backward()
    without = [n for n, p in net.named_parameters() if p.grad is None or not p.grad.any()]
    # A bias before batch normalisation is taken off again with the mean: no gradient but rounding.
    assert without == []


@pytest.mark.parametrize("network, settings", NETWORKS)
def test_evaluation_is_deterministic_and_takes_a_batch_of_one(network, settings):
    net = build(network, settings).eval()
    X = windows(5, 2, 160)
    with torch.no_grad():
        together, again = net(X), net(X)
        alone = torch.cat([net(x[None]) for x in X])
    torch.testing.assert_close(together, again, rtol=0, atol=0)
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("network, settings", NETWORKS)
def test_learns_32_windows_by_heart(network, settings):
    net = build(network, settings)
    X, y = windows(32, 2, 160, seed=1), torch.arange(32) % 3
    optimizer = torch.optim.Adam(net.parameters(), lr=5e-3)
    for _ in range(200):
        net.train()
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(net(X), y).backward()
        optimizer.step()
        with torch.no_grad():
            right = (net.eval()(X).argmax(1) == y).float().mean()
        if right == 1:
            break
    assert right == 1


def test_alsnet_states_the_least_length():
    settings = {"padding": "valid", "kernel_size": 5, "dilations": (1, 2, 3)}
    ALSNet(1, 25, 2, **settings)  # 1 + 4 * (1 + 2 + 3)
    with pytest.raises(ValueError, match=r"ALSNet .* at least 25 samples. Got n_times=24"):
        ALSNet(1, 24, 2, **settings)


@pytest.mark.parametrize("stride", [1, 2, 3])
def test_alsnet_runs_at_its_least_length(stride):
    with pytest.raises(ValueError, match="at least") as refusal:
        ALSNet(1, 1, 2, padding="valid", stride=stride)
    least = int(str(refusal.value).split("at least ")[1].split()[0])
    net = ALSNet(1, least, 2, padding="valid", stride=stride).eval()
    assert net.features[:-1](windows(1, 1, least)).shape[-1] == 1


def test_alsnet_keeps_the_length_with_padding():
    net = ALSNet(1, 50, 2, kernel_size=(4, 5, 6))
    assert net.features[:-1](windows(3, 1, 50)).shape == (3, 32, 50)


def test_he_initialisation_has_the_right_spread():
    net = build(ALSNet, {"init": "he_normal", "n_filters": 64, "kernel_size": 16})
    weight = net.features[5].weight  # fan-in 64 * 16
    assert weight.std().item() == pytest.approx(np.sqrt(2 / (64 * 16)), rel=0.05)
    assert not net.classifier[0].bias.any()


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"n_filters": (8, 8)}, "'n_filters' parameter of ALSNet must be .* 3 integers"),
        ({"kernel_size": 0}, "'kernel_size' parameter of ALSNet"),
        ({"padding": "causal"}, "'padding' parameter of ALSNet must be one of"),
        ({"dropout": 1.0}, r"'dropout' parameter of ALSNet must lie in \[0, 1\)"),
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
