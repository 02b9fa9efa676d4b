"""Explanations of networks against linear models, whose answers are known in closed form."""

import sys

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from sklearn_emg.inspection import (
    AttributionDisplay,
    activation_maximization,
    attribution,
    layer_embedding,
)
from sklearn_emg.inspection._activation import _measures
from sklearn_emg.inspection._embedding import default_layers
from sklearn_emg.preprocessing import AmplitudeScaler
from sklearn_emg.recordings import divide, recording_table

torch = pytest.importorskip("torch", reason="the networks need torch")
pytest.importorskip("skorch", reason="the networks need skorch")

from sklearn_emg.ensemble import DiVoteClassifier  # noqa: E402
from sklearn_emg.neural_network import DilatedCNNClassifier, EMGClassifier, NEMGNet  # noqa: E402


class Linear(torch.nn.Module):
    """Logits w x + c for any number of channels."""

    def __init__(self, n_channels, n_times, n_classes):
        super().__init__()
        self.dense = torch.nn.Linear(n_channels * n_times, n_classes)

    def forward(self, x):
        return self.dense(x.flatten(1))


def fitted(module, n_channels=2, n_times=60, n_classes=3, **settings):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(5 * n_classes, n_channels, n_times)).astype(np.float32)
    y = np.repeat(["a", "b", "c"][:n_classes], 5)
    net = EMGClassifier(module, max_epochs=1, random_state=0, validation_fraction=None, **settings)
    return net.fit(X, y), X


@pytest.fixture(scope="module")
def linear():
    net, X = fitted(Linear)
    weights = net.net_.module_.dense.weight.detach().numpy().reshape(3, 2, 60)
    return net, X, weights


@pytest.fixture(scope="module")
def cnn():
    return fitted("CNN1D", n_times=64)


# Attribution


def test_a_table_is_explained_like_its_windows(cnn):
    net, X, *_ = cnn
    subjects = [f"new {k}" for k in range(len(X))]
    table = recording_table(list(X), fs=1000.0, subject=subjects)
    found, windows = attribution(net, table, target="b"), attribution(net, X, target="b")
    with pytest.raises(ValueError, match=r"'target' of attribution must be one.*Got list"):
        attribution(net, X, target=["b"] * len(X))
    np.testing.assert_allclose(found.values.reshape(X.shape), windows.values, atol=1e-6)


@pytest.mark.parametrize("method", ["integrated_gradients", "gradient_x_input", "occlusion"])
@pytest.mark.parametrize("baseline", [0.0, 0.25])
def test_linear_network_gets_weight_times_difference(linear, method, baseline):
    net, X, weights = linear
    patch = 1 if method == "occlusion" else None
    found = attribution(net, X, target="b", method=method, baseline=baseline, patch=patch)
    np.testing.assert_allclose(found.values, weights[1] * (X - baseline), atol=2e-6)
    np.testing.assert_allclose(found.residual, 0, atol=2e-5)


def test_integrated_gradients_are_complete_where_gradient_x_input_is_not(cnn):
    net, X = cnn
    complete = attribution(net, X, target="c", n_steps=200)
    rough = attribution(net, X, target="c", method="gradient_x_input")
    scale = np.abs(complete.output - complete.baseline_output).mean()
    assert np.abs(complete.residual).max() < 0.02 * scale
    assert np.abs(rough.residual).max() > 0.02 * scale


def test_occlusion_shares_a_patch_equally_and_sums_to_the_whole_on_a_linear_network(linear):
    net, X, weights = linear
    found = attribution(net, X, target="a", method="occlusion", patch=10)
    by_patch = (weights[0] * X).reshape(len(X), 2, 6, 10).mean(axis=-1)
    np.testing.assert_allclose(found.values, np.repeat(by_patch, 10, axis=-1), atol=1e-6)
    np.testing.assert_allclose(found.residual, 0, atol=2e-5)


def test_occlusion_reaches_the_end_of_the_window(linear):
    net, X, _ = linear
    found = attribution(net, X[:1], target="a", method="occlusion", patch=7, patch_step=5)
    assert (found.values[..., -1] != 0).all()
    np.testing.assert_allclose(found.residual, 0, atol=2e-5)


def test_target_defaults_to_the_predicted_class(linear):
    net, X, _ = linear
    assert attribution(net, X).target.tolist() == net.predict(X).tolist()


def test_recordings_get_the_mean_over_the_windows_that_cover_a_sample():
    net, _ = fitted(Linear, n_channels=1, n_times=4)
    table = recording_table([np.arange(10.0), np.arange(6.0)], fs=10.0, subject=["s", "t"])
    windows = divide(table, window=0.4, step=0.2)
    found = attribution(net, windows.X, target="a")
    first, second = found.to_recordings(windows)
    assert first.shape == (10,)
    assert second.shape == (6,)
    np.testing.assert_allclose(first[:2], found.values[0, :2])
    np.testing.assert_allclose(first[2:4], (found.values[0, 2:] + found.values[1, :2]) / 2)
    with pytest.raises(ValueError, match="Got 6 windows for an attribution of 2"):
        attribution(net, windows.X[:2]).to_recordings(windows)


def test_display_sums_stretches_of_each_channel(linear):
    net, X, weights = linear
    found = attribution(net, X, target="b")
    display = AttributionDisplay.from_attribution(found, X, fs=1000.0, window=2)
    display.plot(n_stretches=12)
    expected = (weights[1] * X[2]).reshape(2, 12, 5).sum(axis=-1)
    heights = [[bar.get_height() for bar in bars] for bars in display.bars_]
    np.testing.assert_allclose(heights, expected, atol=1e-5)
    drawn = np.concatenate([part[:, 1] for part in display.signal_lines_[1].get_segments()])
    assert set(np.float32(drawn)) == set(X[2, 1])
    assert display.axes_[0].get_title(loc="left").startswith("b: logit ")
    same = AttributionDisplay.from_estimator(net, X, fs=1000.0, window=2, target="b")
    np.testing.assert_allclose(same.values, found.values[2], atol=1e-6)


def test_display_of_a_recording_reaches_the_end_of_its_last_window():
    net, _ = fitted(Linear, n_channels=1, n_times=4)
    table = recording_table([np.arange(11.0), np.arange(6.0)], fs=10.0, subject=["s", "t"])
    windows = divide(table, window=0.4, step=0.2)
    found = attribution(net, windows.X, target="a")
    display = AttributionDisplay.from_recording(found, windows, table, row=0).plot()
    np.testing.assert_allclose(display.values, [found.to_recordings(windows)[0]])
    assert display.signal.shape == (1, 10)
    assert display.axes_[0].get_title(loc="left").startswith("subject s, a: mean logit")
    assert display.axes_[-1].get_xlim() == (0, 1)
    with pytest.raises(ValueError, match="Give the windows that it was"):
        AttributionDisplay.from_attribution(found, windows.X[:2], fs=10.0)


def test_gives_what_captum_gives_without_batches_and_shares(cnn):
    captum = pytest.importorskip("captum.attr", reason="captum is not installed")
    net, X = cnn
    module = net.net_.module_.eval()
    x = torch.from_numpy(X)
    theirs = captum.IntegratedGradients(module).attribute(
        x, target=1, n_steps=40, method="riemann_middle"
    )
    ours = attribution(net, X, target="b", n_steps=40)
    np.testing.assert_allclose(ours.values, theirs.numpy(), atol=1e-6)
    theirs = captum.InputXGradient(module).attribute(x.requires_grad_(), target=1)
    ours = attribution(net, X, target="b", method="gradient_x_input")
    np.testing.assert_allclose(ours.values, theirs.detach().numpy(), atol=1e-6)
    theirs = captum.Occlusion(module).attribute(
        x.detach(), sliding_window_shapes=(1, 8), strides=(1, 8), target=1
    )
    ours = attribution(net, X, target="b", method="occlusion", patch=8)
    np.testing.assert_allclose(8 * ours.values, theirs.numpy(), atol=1e-6)


def test_wrong_targets_baselines_and_steps_are_refused(linear):
    net, X, _ = linear
    with pytest.raises(ValueError, match=r"'target' of attribution must be one of .*Got 'd'"):
        attribution(net, X, target="d")
    with pytest.raises(ValueError, match=r"'baseline' of attribution must be a number or fit"):
        attribution(net, X, baseline=np.zeros(7))
    with pytest.raises(ValueError, match="'patch_step' of attribution must be at most"):
        attribution(net, X, method="occlusion", patch=5, patch_step=6)


# Activation maximisation


def test_linear_network_pulls_each_sample_along_the_sign_of_its_weight(linear):
    net, _, weights = linear
    found = activation_maximization(
        net, fs=1000.0, n_updates=30, lr=0.01, max_shift=0.0, start_scale=0.0, random_state=0
    )
    # With a constant gradient Adam moves each sample by lr at every update.
    np.testing.assert_allclose(found.windows[0], 0.3 * np.sign(weights), atol=1e-3)
    assert found.outputs.shape == (31, 1, 3, 3)


def test_start_is_noise_and_outputs_of_the_node_rise(cnn):
    net, _ = cnn
    found = activation_maximization(net, fs=1000.0, n_updates=60, n_starts=2, random_state=1)
    assert found.windows.shape == (2, 3, 2, 64)
    own = np.diagonal(found.outputs, axis1=2, axis2=3)
    assert (own[-1] > own[0] + 0.05).all()
    expected = np.random.RandomState(1).normal(size=(6, 2, 64)).reshape(2, 3, 2, 64)
    assert 0.3 < np.abs(found.windows - expected).max() <= 0.61


def test_starts_and_classes_do_not_depend_on_each_other(linear):
    net, _, _ = linear
    settings = {"fs": 1000.0, "n_updates": 5, "max_shift": 0.0, "random_state": 3}
    one = activation_maximization(net, **settings)
    two = activation_maximization(net, n_starts=2, **settings)
    np.testing.assert_allclose(two.windows[0], one.windows[0], atol=1e-6)


@pytest.mark.parametrize("module", ["CNN1D", "StackedLSTM", "AttentionNet", "RecurrentNet"])
def test_is_reproducible_and_leaves_generators_and_module_alone(module):
    net, X = fitted(module, n_times=64)
    state = torch.get_rng_state()
    before = net.predict_proba(X)
    settings = {"fs": 1000.0, "n_updates": 4, "random_state": 0}
    one, two = (activation_maximization(net, **settings) for _ in range(2))
    np.testing.assert_array_equal(one.windows, two.windows)
    assert torch.equal(state, torch.get_rng_state())
    np.testing.assert_array_equal(net.predict_proba(X), before)
    assert all(p.requires_grad for p in net.net_.module_.parameters())
    assert all(p.grad is None or not p.grad.any() for p in net.net_.module_.parameters())


def test_measures_of_a_known_wave():
    t = np.arange(500) / 1000
    wave = 2 * np.sin(2 * np.pi * 40 * t)
    rms, peak_to_peak, frequency, phase = _measures(wave.reshape(1, 1, 1, -1), 1000.0)
    np.testing.assert_allclose(rms, np.sqrt(2))
    np.testing.assert_allclose(peak_to_peak, 4, rtol=0.01)
    np.testing.assert_allclose(frequency, 40)
    np.testing.assert_allclose(phase, 0.0125, rtol=1e-3)  # half a period


def test_phase_duration_is_the_width_of_potentials_whatever_the_white_noise():
    rng = np.random.default_rng(0)
    train = np.zeros(5000)
    for start in (300, 1700, 3900):
        train[start : start + 40] = 1.0  # 8 ms at 5 kHz
    train -= train.mean()
    clean, noisy = train, train + 0.05 * rng.normal(size=5000)
    *_, phases = _measures(np.stack([clean, noisy])[None, :, None], 5000.0)
    np.testing.assert_allclose(phases[0], [0.016, 0.016], rtol=0.05)  # a box overlaps itself twice


def test_margin_raises_the_class_against_the_others(linear):
    net, _, weights = linear
    settings = {"fs": 1000.0, "n_updates": 1, "max_shift": 0.0, "start_scale": 0.0}
    found = activation_maximization(net, objective="margin", random_state=0, **settings)
    bias = net.net_.module_.dense.bias.detach().numpy()
    for k in range(3):
        others = [j for j in range(3) if j != k]
        fractions = np.exp(bias[others]) / np.exp(bias[others]).sum()
        slope = weights[k] - np.einsum("j,jct->ct", fractions, weights[others])
        # Adam's first step has the sign of the gradient.
        np.testing.assert_allclose(found.windows[0, k], 0.01 * np.sign(slope), rtol=1e-4)


def test_images_have_an_amplitude_but_no_frequency():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(6, 2, 5, 7)).astype(np.float32)

    class OfImages(Linear):
        def __init__(self, n_channels, n_times, n_classes):
            super().__init__(n_channels, n_times[0] * n_times[1], n_classes)

    net = EMGClassifier(OfImages, max_epochs=1, validation_fraction=None, random_state=0)
    net.fit(X, np.repeat(["a", "b"], 3))
    found = activation_maximization(net, fs=1.0, n_updates=2, random_state=0)
    assert found.windows.shape == (1, 2, 2, 5, 7)
    np.testing.assert_allclose(found.rms, np.sqrt((found.windows**2).mean(axis=(2, 3, 4))))
    assert np.isnan(found.mean_frequency).all()
    assert np.isnan(found.phase_duration).all()
    assert attribution(net, X, method="occlusion", patch=3).values.shape == X.shape


@pytest.mark.gpu
@pytest.mark.parametrize("module", ["CNN1D", "StackedLSTM"])
def test_explains_networks_on_a_gpu(module):
    if not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")
    net, X = fitted(module, n_times=64, device="cuda")
    settings = {"fs": 1000.0, "n_updates": 20, "random_state": 0}
    one, two = (activation_maximization(net, **settings) for _ in range(2))
    np.testing.assert_allclose(one.windows, two.windows, atol=1e-5)
    assert np.abs(attribution(net, X, n_steps=200).residual).max() < 0.01
    assert layer_embedding(net, X, method="pca").points


def test_parameters_that_a_method_does_not_use_are_refused(cnn):
    net, X = cnn
    with pytest.raises(ValueError, match=r"'n_steps' .* only with method='integrated_gradients'"):
        attribution(net, X, method="occlusion", n_steps=9)
    with pytest.raises(ValueError, match=r"'patch' and 'patch_step' .* only with method='occl"):
        attribution(net, X, patch=9, patch_step=9)
    with pytest.raises(ValueError, match=r"'n_neighbors' .* only with UMAP"):
        layer_embedding(net, X, method="pca", n_neighbors=5)


# Layer embedding


def test_layers_default_to_five_blocks_with_the_last():
    net = DilatedCNNClassifier(n_filters=4, n_hidden=4, max_epochs=1, validation_fraction=None)
    X = np.random.default_rng(0).normal(size=(8, 100)).astype(np.float32)
    net.fit(X, np.repeat(["a", "b"], 4))
    names = default_layers(net.net_.module_)
    assert len(names) == 5
    assert names[-1] == "classifier"
    embedding = layer_embedding(net, X, method="pca")
    assert list(embedding.points) == names
    assert embedding.n_units["classifier"] == 2


def test_principal_components_of_the_last_layer_are_those_of_the_logits(cnn):
    net, X = cnn
    embedding = layer_embedding(net, X, layers=["classifier"], method="pca")
    logits = torch.from_numpy(net._raw_output(X)).double().numpy()
    singular = np.linalg.svd(logits - logits.mean(axis=0), compute_uv=False)
    lengths = np.linalg.norm(embedding.points["classifier"], axis=0)
    np.testing.assert_allclose(lengths, singular[:2], rtol=1e-3)
    assert embedding.method == "pca"
    assert 0.5 < embedding.explained["classifier"] <= 1 + 1e-6


def test_time_average_keeps_one_number_per_filter(cnn):
    net, X = cnn
    embedding = layer_embedding(
        net, X, layers=["features.0"], method="pca", time_average=True, random_state=0
    )
    assert embedding.n_units == {"features.0": 32}


def test_umap_is_taken_where_it_is_installed(cnn, monkeypatch):
    net, X = cnn
    monkeypatch.setitem(sys.modules, "umap", None)
    assert layer_embedding(net, X, layers=["classifier"]).method == "pca"
    with pytest.raises(ImportError, match=r"needs umap-learn.*sklearn-emg\[explain\]"):
        layer_embedding(net, X, method="umap")


@pytest.mark.slow
def test_umap_is_reproducible(cnn):
    pytest.importorskip("umap")
    net, X = cnn
    one, two = (layer_embedding(net, X, layers=["features"], random_state=0) for _ in range(2))
    assert one.method == "umap"
    np.testing.assert_array_equal(one.points["features"], two.points["features"])


def test_unknown_layers_are_named(cnn):
    net, X = cnn
    with pytest.raises(ValueError, match=r"must be layers of CNN1D. Got \['conv9'\]; it has"):
        layer_embedding(net, X, layers=["conv9"])


# Finding the network


def test_network_at_the_end_of_a_pipeline_and_of_a_vote_is_found():
    rng = np.random.default_rng(0)
    table = recording_table([rng.normal(size=128) for _ in range(6)], fs=100.0, subject=range(6))
    net = EMGClassifier("CNN1D", max_epochs=1, validation_fraction=None, random_state=0)
    vote = DiVoteClassifier(make_pipeline(AmplitudeScaler(), net), window=0.64, step=None)
    vote.fit(table, np.repeat(["a", "b"], 3))
    assert activation_maximization(vote, fs=100.0, n_updates=1).windows.shape == (1, 2, 1, 64)


def test_what_is_no_network_is_refused():
    with pytest.raises(TypeError, match=r"needs a network classifier .* Got LogisticRegression"):
        activation_maximization(LogisticRegression(), fs=1.0)
    with pytest.raises(NotFittedError, match="fit the EMGClassifier"):
        attribution(EMGClassifier(), np.zeros((2, 3)))


def test_missing_torch_names_the_extra(linear, monkeypatch):
    net, X, _ = linear
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ImportError, match=r'attribution needs torch.*"sklearn-emg\[nets\]"'):
        attribution(net, X)


@pytest.mark.parametrize("variant, blocks", [("A", (1, 2, 3, 5, 6)), ("B", (1, 4, 7, 11, 16))])
def test_the_layers_of_nemgnet_are_those_of_its_paper(variant, blocks):
    # Activations after the blocks 2, 4, 6, 9 and 12; A has no blocks 4, 6, ..., 12.
    net = NEMGNet(1, 1003, 3, variant, n_filters=(2,) * 5, n_hidden=(2,))
    assert default_layers(net) == [f"features.{k}" for k in blocks]
