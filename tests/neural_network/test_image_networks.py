"""Networks on spectrograms and other images, and images in the estimators."""

import os
import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest
import torch
from data import tensor
from network_checks import check_evaluation, check_gradients, check_learning
from sklearn.pipeline import make_pipeline

from sklearn_emg.feature_extraction import STFT, LogSpectrogram, MelSpectrogram
from sklearn_emg.neural_network import (
    DeepEMGNet,
    EMGClassifier,
    ImageNetwork,
    ImageNetworkClassifier,
    NetworkFeatures,
    PretrainedEncoder,
    SpectroEMGNet,
    load_model,
    save_model,
)
from sklearn_emg.neural_network._modules._layers._image import Spectrogram

SMALL_DEEP = {"nperseg": 16, "n_filters": (4, 6), "kernel_size": (3, 5)}
SMALL_SPECTRO = {"nperseg": 32, "n_filters": (8, 12), "dropout": 0.1, "reduction": 2}


def two_classes(n_windows=24, n_times=128, seed=0):
    """Windows with a slow or a fast sine in noise."""
    rng = np.random.default_rng(seed)
    fast = np.arange(n_windows) % 2
    period = np.where(fast, 5.0, 20.0)[:, None]
    X = np.sin(2 * np.pi * (np.arange(n_times) / period + rng.uniform(size=(n_windows, 1))))
    X += 0.3 * rng.normal(size=X.shape)
    return X.astype(np.float32), np.where(fast, "fast", "slow")


# The spectrogram inside the networks


@pytest.mark.parametrize("n_times, nperseg, hop", [(300, 64, None), (301, 50, 7), (40, 64, 16)])
def test_amplitudes_are_those_of_the_transformer(n_times, nperseg, hop):
    layer = Spectrogram("N", n_times, nperseg=nperseg, hop=hop, log=False, delta_width=None)
    X = tensor(5, 2, n_times)
    expected = STFT(nperseg=nperseg, hop=hop).fit_transform(X.numpy())
    assert layer.size == expected.shape[2:]
    np.testing.assert_allclose(layer(X).numpy(), expected, rtol=1e-4, atol=1e-6)


def test_levels_and_slopes_are_those_of_the_transformer():
    layer = Spectrogram("N", 300, nperseg=64, hop=None, log=True, delta_width=5)
    X = tensor(5, 2, 300)
    expected = LogSpectrogram(delta=True, delta_width=5, nperseg=64).fit_transform(X.numpy())
    np.testing.assert_allclose(layer(X).numpy(), expected, atol=0.01)  # dB


def test_silence_has_a_level_and_a_finite_gradient():
    for log in (False, True):
        layer = Spectrogram("N", 64, nperseg=16, hop=None, log=log, delta_width=None)
        X = torch.zeros(2, 1, 64, requires_grad=True)
        image = layer(X)
        image.sum().backward()
        assert torch.isfinite(X.grad).all()
        assert image.unique().item() == pytest.approx(-100 if log else 1e-10)


# The modules

# Not importorskip, since timm cannot be imported directly with a CPU build of torch.
needs_timm = pytest.mark.skipif(not find_spec("timm"), reason="image networks need timm")
SMALL_IMAGE = {"architecture": "test_byobnet", "nperseg": 16}
CASES = [
    pytest.param(DeepEMGNet, SMALL_DEEP, 2, 40, id="DeepEMGNet"),
    pytest.param(
        DeepEMGNet, {**SMALL_DEEP, "pooling": "average"}, 2, (9, 13), id="DeepEMGNet-image"
    ),
    pytest.param(SpectroEMGNet, SMALL_SPECTRO, 2, 90, id="SpectroEMGNet"),
    pytest.param(SpectroEMGNet, SMALL_SPECTRO, 4, (9, 13), id="SpectroEMGNet-image"),
    pytest.param(ImageNetwork, SMALL_IMAGE, 2, 120, id="ImageNetwork", marks=needs_timm),
    pytest.param(ImageNetwork, SMALL_IMAGE, 2, (9, 13), id="ImageNetwork-image", marks=needs_timm),
]


def build(network, settings, n_channels, n_times, n_classes=3):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return network(n_channels, n_times, n_classes, **settings)


def some(n, n_channels, n_times, seed=0):
    return tensor(n, n_channels, *np.atleast_1d(n_times), seed=seed)


@pytest.mark.parametrize("network", [DeepEMGNet, SpectroEMGNet])
def test_a_raw_window_and_its_negative_are_the_same(network):
    # Hence the tag poor_score: the clusters in scikit-learn's checks differ in sign.
    net = build(network, {}, 2, 1000).eval()
    X = tensor(4, 2, 1000)
    with torch.no_grad():
        torch.testing.assert_close(net(X), net(-X))


@pytest.mark.parametrize("network, settings, n_channels, n_times", CASES)
@pytest.mark.parametrize("more_channels, n_classes", [(0, 2), (1, 5)])
def test_gives_a_logit_per_class(network, settings, n_channels, n_times, more_channels, n_classes):
    n_channels += more_channels
    net = build(network, settings, n_channels, n_times, n_classes)
    assert net(some(7, n_channels, n_times)).shape == (7, n_classes)


@pytest.mark.parametrize("network, settings, n_channels, n_times", CASES)
def test_gradients_reach_every_parameter(network, settings, n_channels, n_times):
    net = build(network, settings, n_channels, n_times)
    for layer in net.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):  # timm lets residual branches begin at zero
            torch.nn.init.ones_(layer.weight)
    check_gradients(net, some(6, n_channels, n_times))


@pytest.mark.parametrize("network, settings, n_channels, n_times", CASES)
def test_evaluation_is_deterministic_and_takes_one(network, settings, n_channels, n_times):
    net = build(network, settings, n_channels, n_times)
    check_evaluation(net, some(5, n_channels, n_times))


@pytest.mark.parametrize("network, settings, n_channels, n_times", CASES)
def test_learns_32_windows_by_heart(network, settings, n_channels, n_times):
    net = build(network, settings, n_channels, n_times)
    check_learning(net, some(32, n_channels, n_times, seed=1))


def n_parameters(net):
    return sum(p.numel() for p in net.parameters())


def test_deepemgnet_holds_what_its_layers_need():
    c, k1, k2, f1, f2, n = 3, 3, 5, 4, 6, 2
    net = DeepEMGNet(c, (22, 37), n, n_filters=(f1, f2), kernel_size=(k1, k2), pool_size=3)
    norms = 2 * (c + f1 + f2)
    convolutions = f1 * (c * k1**2 + 1) + f2 * (f1 * k2**2 + 1)
    dense = n * (f2 * 2 * 4 + 1)  # 22 -> 7 -> 2 high, 37 -> 12 -> 4 wide
    assert n_parameters(net) == norms + convolutions + dense


@pytest.mark.parametrize("attention", [None, "channel", "spatial", "both"])
def test_spectroemgnet_holds_what_its_layers_need(attention):
    c, f1, f2, n, spatial = 3, 8, 12, 5, 5
    net = SpectroEMGNet(
        c, 200, n, n_filters=(f1, f2), reduction=4, attention=attention, spatial_kernel_size=spatial
    )
    maps = 2 * c
    expected = 2 * maps + sum(
        out * (into * 9 + 1) + 2 * out for into, out in ((maps, f1), (f1, f2))
    )
    if attention in ("channel", "both"):
        expected += sum(out * h + h + h * out + out for out, h in ((f1, 2), (f2, 3)))
    if attention in ("spatial", "both"):
        expected += 2 * (2 * spatial**2 + 1)
    assert n_parameters(net) == expected + n * (f2 + 1)


def test_attention_weighs_filters_by_what_is_in_the_image():
    net = build(SpectroEMGNet, {**SMALL_SPECTRO, "attention": "channel"}, 1, (16, 16))
    weigh = net.features[1][3][0].eval()
    X = tensor(2, 8, 6, 6)
    ratio = weigh(X) / X
    torch.testing.assert_close(ratio, ratio[:, :, :1, :1].expand_as(ratio))
    assert ratio.std(dim=1).min() > 0
    assert 0 < ratio.min() < ratio.max() < 1


@pytest.mark.parametrize(
    "network, minimum", [(DeepEMGNet, (2**2 - 1) * 32), (SpectroEMGNet, 7 * 64)]
)
def test_states_the_minimum_length(network, minimum):
    assert network(1, minimum, 2).eval()(tensor(1, 1, minimum)).shape == (1, 2)
    with pytest.raises(
        ValueError,
        match=rf"{network.__name__} .* windows of at least {minimum} sam.*{minimum - 1}\.",
    ):
        network(1, minimum - 1, 2)


def test_states_the_least_image():
    with pytest.raises(ValueError, match=r"DeepEMGNet .* at least 4 x 4 pixels. Got 3 x 9"):
        DeepEMGNet(1, (3, 9), 2)
    with pytest.raises(ValueError, match=r"SpectroEMGNet .* nperseg of at least 14. Got 12"):
        SpectroEMGNet(1, 500, 2, nperseg=12)
    assert SpectroEMGNet(1, 500, 2, nperseg=14).eval()(tensor(1, 1, 500)).shape == (1, 2)


@pytest.mark.parametrize(
    "network, settings, message",
    [
        (DeepEMGNet, {"kernel_size": 4}, "'kernel_size' parameter of DeepEMGNet must be odd"),
        (DeepEMGNet, {"pooling": "min"}, "'pooling' parameter of DeepEMGNet must be one of"),
        (DeepEMGNet, {"nperseg": 1}, "'nperseg' parameter of DeepEMGNet must be at least 2"),
        (SpectroEMGNet, {"delta_width": 4}, "'delta_width' parameter of SpectroEMGNet must be odd"),
        (SpectroEMGNet, {"attention": "time"}, "'attention' parameter of SpectroEMGNet must be"),
        (SpectroEMGNet, {"spatial_kernel_size": 2}, "'spatial_kernel_size' parameter of Spectro"),
    ],
)
def test_refuses_settings_out_of_range(network, settings, message):
    with pytest.raises(ValueError, match=message):
        network(1, 1000, 2, **settings)


# Images in the estimators


def test_spectrograms_in_a_pipeline():
    X, y = two_classes()
    net = EMGClassifier(
        "SpectroEMGNet",
        module_params={"n_filters": (4, 4), "attention": None},
        lr=0.02,
        max_epochs=10,
        random_state=0,
    )
    steps = make_pipeline(LogSpectrogram(delta=True, nperseg=16), net).fit(X, y)
    assert net.n_channels_ == 2
    assert net.n_times_ == (9, 33)
    new_X, new_y = two_classes(seed=1)
    assert steps.score(new_X, new_y) > 0.9


def test_predictions_on_images_do_not_depend_on_the_batch(tmp_path):
    X = np.random.default_rng(0).normal(size=(11, 2, 8, 9)).astype(np.float32)
    y = np.arange(11) % 2
    params = {"module_params": SMALL_DEEP, "max_epochs": 1, "random_state": 0}
    net = EMGClassifier("DeepEMGNet", **params).fit(X, y)
    together = net.predict_proba(X)
    alone = np.concatenate([net.predict_proba(x[None]) for x in X])
    np.testing.assert_allclose(alone, together, rtol=0, atol=1e-7)
    save_model(net, tmp_path / "model")
    np.testing.assert_array_equal(load_model(tmp_path / "model").predict_proba(X), together)


def test_other_images_than_fitted_are_refused():
    X, y = np.zeros((8, 2, 8, 9), np.float32), np.arange(8) % 2
    net = EMGClassifier("DeepEMGNet", module_params=SMALL_DEEP, max_epochs=1).fit(X, y)
    with pytest.raises(ValueError, match=r"windows of 2 channels? and \(8, 9\) pixels"):
        net.predict(X[..., :-1])
    with pytest.raises(ValueError, match=r"shape \(8, 2, 8\) does not fit"):
        net.predict(X[..., 0])
    with pytest.raises(ValueError, match=r"for images, \(n_windows, n_channels, height, width\)"):
        net.fit(X[..., None], y)


def test_a_network_on_windows_refuses_images():
    with pytest.raises(ValueError, match=r"'n_times' parameter of ALSNet .* Got \(8, 9\)"):
        EMGClassifier("ALSNet").fit(np.zeros((8, 2, 8, 9)), np.arange(8) % 2)


# Networks of timm

PUBLISHED = {
    "inception_v4": 41_210_744,
    "inception_v3": 21_826_241,
    "resnet50": 23_567_352,
    "resnet152": 58_301_534,
    "vgg16": 134_272_835,
    "vgg19": 139_582_531,
}


def test_image_network_refuses_what_it_cannot_take():
    with pytest.raises(ValueError, match=r"at least 75 x 75 pixels. Got 40 x 63 and resize=None"):
        ImageNetwork(1, (40, 63), 3, architecture="inception_v3")


@needs_timm
@pytest.mark.parametrize("architecture", PUBLISHED)
def test_image_networks_hold_the_published_counts(architecture):
    with torch.device("meta"):  # sizes alone, no memory
        net = ImageNetwork(3, (128, 128), 3, architecture=architecture)
    assert sum(v.numel() for v in net.state_dict().values()) == PUBLISHED[architecture]


@needs_timm
def test_an_unknown_architecture_is_refused():
    with pytest.raises(ValueError, match=r"'architecture' .* ImageNetwork must .* Got 'resnet'"):
        ImageNetwork(1, (40, 63), 3, architecture="resnet")


@needs_timm
def test_image_network_classifies_small_images():
    net = build(ImageNetwork, {"resize": 64}, 1, (40, 63)).eval()
    assert net(tensor(2, 1, 40, 63)).shape == (2, 3)


@needs_timm
def test_image_network_makes_images_of_raw_windows():
    settings = {"architecture": "test_byobnet", "nperseg": 32, "hop": 5}
    net = build(ImageNetwork, settings, 2, 400).eval()
    X = tensor(4, 2, 400)
    with torch.no_grad():
        assert net.spectrogram(X).shape == (4, 2, 17, 81)
        torch.testing.assert_close(net(X), net(-X))


@needs_timm
def test_image_network_classifier_learns_sines(tmp_path):
    X, y = two_classes(n_times=400)
    net = ImageNetworkClassifier(
        architecture="test_byobnet", nperseg=32, lr=0.01, max_epochs=15, random_state=0
    ).fit(X, y)
    new_X, new_y = two_classes(n_times=400, seed=1)
    assert net.score(new_X, new_y) > 0.9
    save_model(net, tmp_path / "net")
    np.testing.assert_array_equal(
        load_model(tmp_path / "net").predict_proba(X), net.predict_proba(X)
    )


@needs_timm
@pytest.mark.parametrize("architecture", ["test_byobnet", "test_vit"])
def test_features_of_an_image_network_are_those_before_its_last_layer(architecture):
    X, y = two_classes(n_windows=8, n_times=400)
    net = ImageNetworkClassifier(
        architecture=architecture, nperseg=32, resize=160, max_epochs=1, random_state=0
    )
    step = NetworkFeatures(net).fit(X, y)
    module = step.estimator_.net_.module_.eval()
    images = torch.nn.functional.interpolate(
        module.spectrogram(torch.from_numpy(X)[:, None]), (160, 160), mode="bilinear"
    )
    with torch.inference_mode():
        before = module.network.forward_features(images)
        expected = module.network.forward_head(before, pre_logits=True)
    np.testing.assert_allclose(step.transform(X), expected.numpy(), rtol=1e-4, atol=1e-5)
    encoder = PretrainedEncoder(net, max_epochs=1, random_state=0).fit(X)
    left = set(encoder.estimator_.net_.module_.state_dict()) - set(encoder.pretrained_weights())
    assert {name.rpartition(".")[2] for name in left} == {"weight", "bias"}
    assert len(left) == 2


@needs_timm
def test_an_architecture_without_one_last_layer_needs_a_name():
    X, y = two_classes(n_windows=8, n_times=400)
    net = ImageNetworkClassifier(
        architecture="test_byobnet", nperseg=32, max_epochs=1, random_state=0
    )
    fitted = NetworkFeatures(net).fit(X, y)
    module = fitted.estimator_.net_.module_
    module.network.get_classifier = lambda: (module.network.head.fc, module.network.head.fc)
    with pytest.raises(ValueError, match=r"cannot determine the last part of ImageNetwork.*The la"):
        fitted.transform(X)


@needs_timm
def test_an_image_network_in_a_pipeline_is_saved(tmp_path):
    X, y = two_classes(n_windows=8, n_times=400)
    net = EMGClassifier(
        "ImageNetwork", max_epochs=1, batch_size=8, validation_fraction=None, random_state=0
    )
    steps = make_pipeline(MelSpectrogram(16, fs=1000.0, nperseg=128), net).fit(X, y)
    save_model(net.set_params(module_params={"pretrained": True}), tmp_path / "model")
    loaded = load_model(tmp_path / "model")  # without fetching weights that it does not need
    images = steps[0].transform(X)
    np.testing.assert_array_equal(loaded.predict_proba(images), net.predict_proba(images))


def test_without_timm_the_error_says_what_to_install():
    code = (
        "import sys; sys.modules['timm'] = None\n"
        "from sklearn_emg.neural_network import ImageNetwork\n"
        "ImageNetwork(3, (40, 63), 3)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=os.environ, check=False
    )
    assert "ImageNetwork needs timm: pip install" in result.stderr
