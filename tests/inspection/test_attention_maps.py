"""Attention maps against the formula worked out in NumPy from the module's parameters."""

import numpy as np
import pytest

from sklearn_emg.inspection import AttentionDisplay, attention_maps

torch = pytest.importorskip("torch", reason="the networks need torch")
pytest.importorskip("skorch", reason="the networks need skorch")

from sklearn_emg.neural_network import (  # noqa: E402
    AttentionNetClassifier,
    EMGRegressor,
    NEMGNetClassifier,
    NeuroFusionNetClassifier,
    SpectroEMGNetClassifier,
)

SETTINGS = {"max_epochs": 1, "validation_fraction": None, "random_state": 0}


def fitted(net, n_channels=2, n_times=130):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(7, n_channels, n_times)).astype(np.float32)
    return net.set_params(**SETTINGS).fit(X, np.array(list("aabbabb"))), X


NETWORKS = {
    "attention": AttentionNetClassifier(n_units=12, n_heads=3, n_layers=2, frame=8),
    "fusion": NeuroFusionNetClassifier(n_units=8, n_heads=2, n_nodes=5, n_filters=(4, 6)),
    "spectro": SpectroEMGNetClassifier(nperseg=16, hop=8, n_filters=(4, 4)),
}


@pytest.fixture(scope="module", params=list(NETWORKS))
def net_and_windows(request):
    return fitted(NETWORKS[request.param])


def softmax(values, axis=-1):
    fractions = np.exp(values - values.max(axis=axis, keepdims=True))
    return fractions / fractions.sum(axis=axis, keepdims=True)


def test_weights_sum_to_one_over_positions_inside_the_window(net_and_windows):
    net, X = net_and_windows
    maps = attention_maps(net, X, fs=1000.0, matrices=True)
    for name, weights in maps.weights.items():
        assert (weights >= 0).all()
        np.testing.assert_allclose(weights.sum(axis=-1), 1, rtol=1e-5)
        edges = maps.edges[name]
        assert len(edges) == weights.shape[-1] + 1
        assert edges[0] == 0
        assert edges[-1] <= 0.130
        assert (np.diff(edges) > 0).all()
    for name, matrix in maps.matrices.items():
        np.testing.assert_allclose(matrix.sum(axis=-1), 1, rtol=1e-5)
        np.testing.assert_allclose(matrix.mean(axis=2), maps.weights[name], atol=1e-6)


def test_windows_do_not_depend_on_each_other(net_and_windows):
    net, X = net_and_windows
    together, alone = attention_maps(net, X, fs=1e3), attention_maps(net, X[4:5], fs=1e3)
    for name, weights in together.weights.items():
        np.testing.assert_allclose(alone.weights[name][0], weights[4], atol=1e-6)


def test_first_attention_layer_by_hand():
    net, X = fitted(NETWORKS["attention"])
    state = {k: v.numpy().astype(float) for k, v in net.net_.module_.state_dict().items()}
    frames = X[..., :128].reshape(7, 2, 16, 8).transpose(0, 2, 1, 3).reshape(7, 16, 16)
    x = frames @ state["embed.weight"].T + state["embed.bias"]
    angle = np.arange(16)[:, None] * np.exp(-np.log(1e4) * np.arange(0, 12, 2) / 12)
    x = x + np.concatenate([np.sin(angle), np.cos(angle)], axis=1)
    x = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5)
    x = x * state["layers.0.norm.weight"] + state["layers.0.norm.bias"]
    layer = "layers.0.attention"
    projected = x @ state[f"{layer}.project.weight"].T + state[f"{layer}.project.bias"]
    query, key = projected[..., :12], projected[..., 12:24]
    maps = attention_maps(net, X, fs=1000.0, matrices=True)
    for head in range(3):
        own = slice(4 * head, 4 * head + 4)
        logits = query[..., own] @ key[..., own].transpose(0, 2, 1) / np.sqrt(4)
        np.testing.assert_allclose(maps.matrices[layer][:, head], softmax(logits), atol=1e-5)
    np.testing.assert_allclose(maps.edges[layer][:3], [0, 0.008, 0.016])


@pytest.mark.parametrize("name", ["attention", "fusion"])
def test_matrices_reproduce_what_the_layer_gives_out(name):
    """The fused kernel that the network runs does not show its weights."""
    net, X = fitted(NETWORKS[name])
    module = net.net_.module_.eval()
    maps = attention_maps(net, X, fs=1000.0, matrices=True)
    layers = dict(module.named_modules())
    assert maps.matrices
    for name, matrix in maps.matrices.items():
        seen = {}
        handle = layers[name].register_forward_hook(lambda _, i, o, to=seen: to.update(i=i[0], o=o))
        with torch.no_grad():
            module(torch.from_numpy(X))
            value = layers[name].project(seen["i"]).chunk(3, dim=-1)[2]
            value = value.reshape(*value.shape[:2], matrix.shape[1], -1).transpose(1, 2)
            read = torch.from_numpy(matrix) @ value
            expected = layers[name].combine(read.transpose(1, 2).flatten(2))
        handle.remove()
        np.testing.assert_allclose(expected.numpy(), seen["o"].numpy(), atol=1e-5)


def test_nodes_of_the_graph_by_hand():
    net, X = fitted(NeuroFusionNetClassifier(has_lstm=False, has_gru=False, has_attention=False))
    module = net.net_.module_.eval()
    with torch.no_grad():
        states = module.cnn(torch.from_numpy(X)).numpy()  # (7, 64, 8)
    maps = attention_maps(net, X, fs=1000.0)
    expected = softmax(module.node_graph.gather.weight.detach().numpy() @ states)
    np.testing.assert_allclose(maps.weights["node_graph"], expected, atol=1e-6)
    assert maps.kinds == {"node_graph": "graph"}
    np.testing.assert_allclose(maps.edges["node_graph"], np.arange(9) * 0.016)


def test_spatial_gates_by_hand():
    net, X = fitted(NETWORKS["spectro"])
    module = net.net_.module_.eval()
    block = module.features[1]
    with torch.no_grad():
        x = module.features[0](module.spectrogram(torch.from_numpy(X)))
        for layer in block:
            if isinstance(layer, torch.nn.Sequential):
                x = layer[0](x)  # channel attention
                break
            x = layer(x)
    summary = np.stack([x.mean(dim=1), x.amax(dim=1)], axis=1)
    weight, bias = (p.detach().numpy() for p in layer[1].convolution.parameters())
    padded = np.pad(summary, [(0, 0), (0, 0), (3, 3), (3, 3)])
    views = np.lib.stride_tricks.sliding_window_view(padded, (7, 7), axis=(2, 3))
    gates = 1 / (1 + np.exp(-np.einsum("nchwij,cij->nhw", views, weight[0]) - bias[0]))
    over_time = gates.mean(axis=1)
    maps = attention_maps(net, X, fs=1000.0)
    first, second = maps.weights
    np.testing.assert_allclose(
        maps.weights[first][:, 0], over_time / over_time.sum(axis=1, keepdims=True), atol=1e-5
    )
    # Frames lie around multiples of the hop of 8 samples; pooling joins two.
    np.testing.assert_allclose(maps.edges[first][:3], [0, 0.004, 0.012])
    np.testing.assert_allclose(maps.edges[second][:3], [0, 0.012, 0.028])


def test_regressors_have_maps_too():
    X = np.random.default_rng(0).normal(size=(9, 50)).astype(np.float32)
    net = EMGRegressor("AttentionNet", **SETTINGS).fit(X, X[:, 0])
    assert attention_maps(net, X, fs=100.0).weights["layers.0.attention"].shape == (9, 4, 5)


def test_networks_without_attention_are_refused():
    plain = NEMGNetClassifier(variant="A", n_filters=(2,) * 5, n_hidden=(4,))
    net, X = fitted(plain, n_times=1003)
    with pytest.raises(ValueError, match=r"NEMGNet as built here has none. Use attribution"):
        attention_maps(net, X, fs=1000.0)
    off = NeuroFusionNetClassifier(has_attention=False, has_graph=False)
    net, X = fitted(off)
    with pytest.raises(ValueError, match="NeuroFusionNet as built here has none"):
        attention_maps(net, X, fs=1000.0)
    images = np.random.default_rng(0).normal(size=(6, 2, 16, 20)).astype(np.float32)
    net = SpectroEMGNetClassifier(n_filters=(4,), **SETTINGS).fit(images, list("aabbab"))
    with pytest.raises(ValueError, match=r"fitted on images of \(16, 20\) pixels"):
        attention_maps(net, images, fs=1000.0)


def test_display_draws_weights_above_the_signal():
    net, X = fitted(NETWORKS["fusion"])
    maps = attention_maps(net, X, fs=1000.0)
    display = AttentionDisplay.from_maps(maps, X).plot(window=3)
    assert len(display.axes_) == 2 + 2
    drawn = display.patches_[0].get_data().values
    expected = 100 * maps.weights["attention.attention"][3].mean(axis=0)
    np.testing.assert_allclose(drawn, expected, rtol=1e-5)
    assert len(display.head_patches_) == 2 + 5
    np.testing.assert_array_equal(display.signal_lines_[1].get_ydata(), X[3, 1])
    assert display.axes_[-1].get_xlabel() == "time (s)"
    with pytest.raises(
        ValueError, match="X of AttentionDisplay has 2 windows, but the maps are of 7"
    ):
        AttentionDisplay.from_maps(maps, X[:2])
