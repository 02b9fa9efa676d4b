"""EMGClassifier and EMGRegressor beyond scikit-learn's checks, which are in test_common.py."""

import pickle
import subprocess
import sys

import numpy as np
import pytest
import torch
from data import cohort
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.metrics import accuracy_score
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.utils import get_tags

import sklearn_emg.neural_network as neural_network
from sklearn_emg.neural_network import ALSNet, EMGClassifier, EMGRegressor

SMALL = {"n_filters": 8, "kernel_size": 3, "n_hidden": 16}


def small_classifier(**params):
    defaults = {"module_params": SMALL, "lr": 0.02, "max_epochs": 12, "random_state": 0}
    return EMGClassifier(**{**defaults, **params})


def small_regressor(**params):
    defaults = {"module_params": SMALL, "lr": 0.02, "max_epochs": 20, "random_state": 0}
    return EMGRegressor(**{**defaults, **params})


# Labels, shapes, sizes


@pytest.mark.parametrize(
    "names", [["a", "b", "c"], [5, 7, -1], [2.0, 0.0, 5.0], np.array(["x", "yy", "z"], object)]
)
def test_any_labels(names):
    X, y, _ = cohort(labels=range(3))
    labels = np.asarray(names)[y]
    net = small_classifier(max_epochs=20).fit(X, labels)
    assert set(net.predict(X)) <= set(names)
    assert accuracy_score(labels, net.predict(X)) > 0.8
    np.testing.assert_array_equal(net.classes_, np.unique(labels))


def test_probabilities_follow_the_order_of_the_classes():
    X, y, _ = cohort(labels=range(3))
    labels = np.array(["c", "a", "b"])[y]
    net = small_classifier(max_epochs=20).fit(X, labels)
    proba = net.predict_proba(X)
    assert proba.shape == (60, 3)
    np.testing.assert_allclose(proba.sum(axis=1), 1, rtol=1e-12)
    np.testing.assert_array_equal(net.classes_[proba.argmax(axis=1)], net.predict(X))


def test_tags_allow_two_and_three_dimensions():
    for estimator in (small_classifier(), small_regressor()):
        tags = get_tags(estimator).input_tags
        assert tags.two_d_array
        assert tags.three_d_array


def test_sizes_are_inferred_at_every_fit_and_written_nowhere():
    net = small_classifier(max_epochs=2)
    before = net.get_params()
    for n_channels, n_times, n_classes in [(1, 30, 2), (3, 41, 3)]:
        X, y, _ = cohort(n_channels=n_channels, n_times=n_times, labels=range(n_classes))
        assert net.fit(X, y).predict_proba(X).shape == (60, n_classes)
        assert (net.n_channels_, net.n_times_, net.n_features_in_) == (
            n_channels,
            n_times,
            n_channels,
        )
    assert net.get_params() == before


def test_one_channel_in_two_or_three_dimensions_is_the_same():
    X, y, _ = cohort(n_channels=1)
    flat = small_classifier(max_epochs=3).fit(X[:, 0], y)
    deep = small_classifier(max_epochs=3).fit(X, y)
    np.testing.assert_array_equal(flat.predict_proba(X[:, 0]), deep.predict_proba(X))
    np.testing.assert_array_equal(flat.predict_proba(X), deep.predict_proba(X[:, 0]))


def test_read_only_and_non_contiguous_windows():
    X, y, _ = cohort()
    expected = small_classifier(max_epochs=2).fit(X, y).predict_proba(X)
    frozen = X.copy()
    frozen.flags.writeable = False
    strided = np.repeat(X, 2, axis=2)[:, :, ::2].astype(np.float64)
    for other in (frozen, strided):
        net = small_classifier(max_epochs=2).fit(other, y)
        np.testing.assert_array_equal(net.predict_proba(other), expected)


def test_contiguous_float32_is_not_copied(monkeypatch):
    from sklearn_emg.neural_network._data import _inputs

    X, y, _ = cohort()
    seen = []

    class Spy(_inputs.WindowDataset):
        def __init__(self, *args):
            super().__init__(*args)
            seen.append(self.windows.data_ptr())

    monkeypatch.setattr(_inputs, "WindowDataset", Spy)
    small_classifier(max_epochs=1).fit(X, y)
    assert seen == [X.ctypes.data] * 2  # training and validation rows of the same memory


# Randomness


def test_same_seed_same_model_and_global_generators_untouched():
    X, y, _ = cohort()
    torch.manual_seed(7)
    np.random.seed(7)  # noqa: NPY002
    torch_state, numpy_state = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    params = {"module_params": {**SMALL, "dropout": 0.3}, "max_epochs": 3}
    first = small_classifier(**params).fit(X, y).predict_proba(X)
    assert torch.equal(torch.get_rng_state(), torch_state)
    assert (np.random.get_state()[1] == numpy_state).all()  # noqa: NPY002
    torch.manual_seed(8)
    np.testing.assert_array_equal(small_classifier(**params).fit(X, y).predict_proba(X), first)
    other = small_classifier(**params, random_state=1).fit(X, y).predict_proba(X)
    assert np.abs(other - first).max() > 1e-3


def test_refit_forgets_the_first_fit():
    X, y, _ = cohort()
    other, other_y, _ = cohort(n_channels=1, n_times=33, seed=5)
    twice = small_classifier(max_epochs=2).fit(other, other_y).fit(X, y)
    once = small_classifier(max_epochs=2).fit(X, y)
    np.testing.assert_array_equal(twice.predict_proba(X), once.predict_proba(X))


# Validation


def held_out(monkeypatch, estimator, X, y, groups):
    """Rows that the estimator validates on."""
    seen = {}
    train = type(estimator)._train

    def spy(self, train_set, valid, *args, **kwargs):
        seen["valid"] = None if valid is None else valid.rows.numpy()
        return train(self, train_set, valid, *args, **kwargs)

    monkeypatch.setattr(type(estimator), "_train", spy)
    estimator.fit(X, y, groups=groups)
    return seen["valid"]


def test_whole_subjects_are_held_out(monkeypatch):
    X, y, subjects = cohort(n_subjects=10, n_windows=4)
    names = np.array([f"subject {s}" for s in subjects])
    valid = held_out(monkeypatch, small_classifier(max_epochs=1), X, y, names)
    inside = np.zeros(len(y), dtype=bool)
    inside[valid] = True
    assert set(subjects[inside]).isdisjoint(subjects[~inside])
    assert sorted(np.unique(subjects[inside]) % 2) == [0, 1]  # one subject of each class


def test_without_groups_windows_are_held_out_by_class(monkeypatch):
    X, y, _ = cohort()
    valid = held_out(monkeypatch, small_classifier(max_epochs=1), X, y, None)
    assert np.bincount(y[valid]).tolist() == [6, 6]


def test_a_class_with_one_subject_gives_one_warning():
    X, y, subjects = cohort(n_subjects=3)
    labels = np.array(["healthy", "ill"])[y]
    with pytest.warns(UserWarning, match=r"no validation subject of class.*'ill'") as caught:
        small_classifier(max_epochs=1).fit(X, labels, groups=subjects)
    assert len(caught) == 1


def test_too_few_subjects_to_validate_train_on_everything():
    X, y, subjects = cohort(n_subjects=2)
    with pytest.warns(UserWarning, match="too few subjects to hold any out") as caught:
        net = small_classifier(max_epochs=3).fit(X, y, groups=subjects)
    assert len(caught) == 1
    assert len(net.history_) == 3
    assert "valid_loss" not in net.history_[0]


def test_no_validation_on_request(recwarn):
    X, y, _ = cohort()
    net = small_classifier(validation_fraction=None, max_epochs=4, patience=1).fit(X, y)
    assert len(net.history_) == 4
    assert not recwarn.list


def test_missing_groups_are_refused():
    X, y, subjects = cohort()
    groups = [None, *subjects[1:]]
    with pytest.raises(ValueError, match=r"groups of EMGClassifier .* 1 of 60 are missing"):
        small_classifier().fit(X, y, groups=groups)
    with pytest.raises(ValueError, match="groups of EMGClassifier must be one-dimensional"):
        small_classifier().fit(X, y, groups=subjects[:, None])


def test_stops_after_patience_and_restores_the_best_weights():
    X, _, _ = cohort(n_subjects=8)
    y = np.random.default_rng(0).integers(0, 2, len(X))  # nothing to learn: it overfits at once
    net = small_classifier(max_epochs=60, patience=3).fit(X, y)
    losses = net.history_[:, "valid_loss"]
    best = int(np.argmin(losses))
    assert len(losses) == best + 4 < 60
    shorter = small_classifier(max_epochs=best + 1).fit(X, y)
    np.testing.assert_array_equal(net.predict_proba(X), shorter.predict_proba(X))


def test_learning_rate_falls_on_a_plateau():
    X, _, _ = cohort(n_subjects=8)
    y = np.random.default_rng(0).integers(0, 2, len(X))
    net = small_classifier(max_epochs=25, patience=None, lr_patience=3, lr_factor=0.5).fit(X, y)
    rates = np.array(net.history_[:, "lr"])
    best = np.array(net.history_[:, "valid_loss_best"])
    waited = 0
    for epoch in range(1, len(rates)):
        waited = 0 if best[epoch - 1] else waited + 1
        expected = 0.5 if waited == 3 else 1.0
        waited = 0 if waited == 3 else waited
        assert rates[epoch] / rates[epoch - 1] == pytest.approx(expected)
    assert rates[-1] < rates[0]


def test_weights_between_epochs_are_candidates_too(monkeypatch):
    from sklearn_emg.neural_network import _net

    X, y, _ = cohort()
    offers = []
    offer = _net._BestWeights.offer
    monkeypatch.setattr(
        _net._BestWeights, "offer", lambda self, loss: offers.append(loss) or offer(self, loss)
    )
    # 48 windows in batches of 8: 6 updates per epoch, 12 in two; numbers 5 and 10 count.
    small_classifier(max_epochs=2, batch_size=8, evaluate_every=5).fit(X, y)
    assert len(offers) == 2 + 2


# Loss


def test_balanced_weights_are_inverse_frequencies():
    X, y, _ = cohort()
    y = np.r_[np.zeros(45, int), np.ones(15, int)]
    net = small_classifier(class_weight="balanced", validation_fraction=None, max_epochs=1)
    weight = net.fit(X, y).net_.criterion_.weight
    np.testing.assert_allclose(weight, [60 / (2 * 45), 60 / (2 * 15)], rtol=1e-6)


def test_balanced_weights_follow_the_windows_of_all_partial_fits():
    X, _, _ = cohort()
    net = small_classifier(class_weight="balanced")
    net.partial_fit(X[:40], np.zeros(40, int), classes=[0, 1])
    net.partial_fit(X[40:], np.ones(20, int))
    np.testing.assert_allclose(net.net_.criterion_.weight, [60 / 80, 60 / 40], rtol=1e-6)


def test_class_weights_by_label_move_the_decision():
    X, _, _ = cohort()
    y = np.random.default_rng(1).choice(["a", "b"], len(X))
    fraction = [
        np.mean(
            small_classifier(class_weight={"a": a, "b": 1}, validation_fraction=None)
            .fit(X, y)
            .predict_proba(X)[:, 0]
        )
        for a in (0.02, 50)
    ]
    assert fraction[0] < 0.3 < 0.7 < fraction[1]


def test_the_loss_is_the_weighted_mean_over_windows():
    from sklearn_emg.neural_network._losses import WeightedCrossEntropy

    logits = torch.tensor([[2.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    codes = torch.tensor([0, 0, 1])
    each = -np.log([np.exp(2) / (np.exp(2) + 1), 1 / (1 + np.e), 0.5])
    loss = WeightedCrossEntropy(torch.tensor([3.0, 0.5]))(logits, codes)
    assert loss.item() == pytest.approx(np.mean(each * [3, 3, 0.5]), rel=1e-6)


def test_weight_decay_spares_biases_and_normalisation():
    X, y, _ = cohort()
    net = small_classifier(weight_decay=0.5, max_epochs=1).fit(X, y)
    decayed, free = net.net_.optimizer_.param_groups
    assert (decayed["weight_decay"], free["weight_decay"]) == (0.5, 0)
    assert {p.ndim for p in free["params"]} == {1}
    n_parameters = len(decayed["params"]) + len(free["params"])
    assert n_parameters == len(list(net.net_.module_.parameters()))


# Going on


def test_warm_start_goes_on_where_fit_ended():
    X, y, _ = cohort()
    net = small_classifier(warm_start=True, max_epochs=3, validation_fraction=None).fit(X, y)
    first = net.history_[0, "train_loss"]
    net.fit(X, y)
    assert len(net.history_) == 6
    assert net.history_[3, "train_loss"] < first / 2
    with pytest.raises(ValueError, match=r"fitted on windows of 2 channels? and 50 samples"):
        net.fit(X[:, :, :40], y)
    with pytest.raises(ValueError, match="settings of its network have changed"):
        net.set_params(module_params={**SMALL, "n_hidden": 17}).fit(X, y)


def test_a_fit_that_fails_leaves_no_old_net():
    X, y, _ = cohort()
    net = small_classifier(max_epochs=1).fit(X, y)
    with pytest.raises(ValueError, match="needs at least two classes"):
        net.fit(X, np.zeros(len(y)))
    with pytest.raises(NotFittedError, match="not fitted yet"):
        net.predict(X)


def test_partial_fit_is_one_epoch_and_knows_the_classes():
    X, y, _ = cohort()
    net = small_classifier()
    net.partial_fit(X[y == 0], y[y == 0], classes=[0, 1])
    for _ in range(8):
        net.partial_fit(X, y)
    assert len(net.history_) == 9
    assert net.score(X, y) > 0.8
    with pytest.raises(ValueError, match=r"labels that EMGClassifier was not fitted on: \[2\]"):
        net.partial_fit(X, y + 1)


def test_fit_keeps_no_optimiser_state_without_warm_start():
    X, y, _ = cohort()
    assert not small_classifier(max_epochs=1).fit(X, y).net_.optimizer_.state
    assert small_classifier(max_epochs=1, warm_start=True).fit(X, y).net_.optimizer_.state


# The estimator among scikit-learn's tools


def test_pickled_model_predicts_bit_for_bit_and_carries_no_data():
    X, y, _ = cohort(n_times=2000)
    net = small_classifier(max_epochs=2, warm_start=True).fit(X, y)
    blob = pickle.dumps(net)
    assert len(blob) < X.nbytes / 4
    np.testing.assert_array_equal(pickle.loads(blob).predict_proba(X), net.predict_proba(X))


def test_grid_search_reaches_module_settings():
    X, y, _ = cohort()
    grid = {"module_params": [{**SMALL, "n_filters": n} for n in (2, 4)], "lr": [0.01, 0.03]}
    search = GridSearchCV(small_classifier(max_epochs=3), grid, cv=2, error_score="raise")
    assert search.fit(X, y).best_estimator_.predict(X).shape == (60,)


def test_subject_groups_can_be_routed():
    import sklearn

    X, y, subjects = cohort()
    with sklearn.config_context(enable_metadata_routing=True):
        net = small_classifier(max_epochs=2).set_fit_request(groups=True)
        scores = cross_val_score(net, X, y, params={"groups": subjects}, cv=2, error_score="raise")
    assert scores.shape == (2,)


def test_a_module_class_of_ones_own():
    class Amplitude(torch.nn.Module):
        def __init__(self, n_channels, n_times, n_classes, scale=1.0):
            super().__init__()
            self.scale = scale
            self.dense = torch.nn.Linear(n_channels, n_classes)

        def forward(self, x):
            return self.dense(x.abs().mean(dim=-1) * self.scale)

    X, y, _ = cohort()
    net = EMGClassifier(Amplitude, module_params={"scale": 2.0}, lr=0.1, random_state=0)
    assert clone(net).fit(X, y).score(X, y) > 0.9


def test_skorch_callbacks_see_batches():
    from skorch.callbacks import Callback, EarlyStopping, EpochScoring

    class Counter(Callback):
        def initialize(self):
            self.n_batches_ = self.n_gradients_ = 0
            return self

        def on_batch_end(self, net, training, **kwargs):
            self.n_batches_ += training

        def on_grad_computed(self, net, **kwargs):
            self.n_gradients_ += 1

    X, y, _ = cohort()
    callbacks = [
        ("counter", Counter()),
        EpochScoring("balanced_accuracy", name="valid_bac", lower_is_better=False),
        EarlyStopping("valid_bac", lower_is_better=False, patience=2, load_best=False),
    ]
    net = small_classifier(callbacks=callbacks, batch_size=16, max_epochs=9).fit(X, y)
    counter = dict(net.net_.callbacks_)["counter"]
    assert counter.n_batches_ == counter.n_gradients_ == 3 * len(net.history_)
    assert len(net.history_[0, "batches", :, "train_loss"]) == 3 + 1 or net.history_[0]["batches"]
    assert max(net.history_[:, "valid_bac"]) > 0.8


def test_history_has_a_row_per_epoch():
    X, y, _ = cohort()
    history = small_classifier(max_epochs=3).fit(X, y).history_
    assert {"epoch", "train_loss", "valid_loss", "train_acc", "valid_acc", "lr", "dur"} <= set(
        history[-1]
    )
    assert len(history) == 3


def test_verbose_prints_and_silence_is_silent(capsys):
    X, y, _ = cohort()
    small_classifier(max_epochs=2).fit(X, y)
    assert capsys.readouterr().out == ""
    small_classifier(max_epochs=2, verbose=2).fit(X, y)
    out = capsys.readouterr().out
    assert "train_loss" in out
    assert "valid_loss" in out


@pytest.mark.parametrize("optimizer", ["SGD", "AdamW", torch.optim.RMSprop])
def test_optimisers_by_name_or_class(optimizer):
    X, y, _ = cohort()
    history = (
        small_classifier(optimizer=optimizer, max_epochs=8, weight_decay=1e-4).fit(X, y).history_
    )
    assert history[-1, "train_loss"] < history[0, "train_loss"]


# Refusals


@pytest.mark.parametrize(
    "params, error, message",
    [
        ({"module": "alsnet"}, ValueError, "not a network of sklearn_emg.* Did you mean 'ALSNet'"),
        ({"module": ALSNet(1, 9, 2)}, TypeError, "must be a class .* Got an instance of ALSNet"),
        (
            {"module_params": {"kernel": 3}},
            ValueError,
            "ALSNet does not take. Did you mean 'kernel_size'",
        ),
        ({"module_params": {"n_times": 3}}, ValueError, "must not contain 'n_times'"),
        ({"optimizer": "adam"}, ValueError, "Did you mean 'Adam'"),
        ({"optimizer": dict}, TypeError, "must be a torch.optim.Optimizer class"),
        ({"device": "gpu"}, ValueError, "'device' parameter of EMGClassifier must be 'auto'"),
        ({"lr": 0.0}, ValueError, "'lr' parameter of EMGClassifier"),
        ({"batch_size": 1}, ValueError, "'batch_size' parameter of EMGClassifier"),
        ({"class_weight": {0: 0.0, 1: 0.0}}, ValueError, "non-negative weights that are not all 0"),
        (
            {"module_params": {"padding": "valid", "kernel_size": 20}},
            ValueError,
            "at least 115 samples. Got n_times=50",
        ),
    ],
)
def test_refuses_parameters(params, error, message):
    X, y, _ = cohort()
    with pytest.raises(error, match=message):
        small_classifier(**params).fit(X, y)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_cuda_asked_for_but_absent():
    X, y, _ = cohort()
    with pytest.raises(
        ValueError, match="'device' parameter of EMGClassifier is 'cuda', but torch"
    ):
        small_classifier(device="cuda").fit(X, y)


def test_refuses_input():
    X, y, _ = cohort()
    hole = X.copy()
    hole[3, 1, 4] = np.nan
    with pytest.raises(ValueError, match=r"row 3; EMGClassifier cannot.*GapInter"):
        small_classifier().fit(hole, y)
    with pytest.raises(ValueError, match=r"y of EMGRegressor must be numbers. Got <U"):
        small_regressor().fit(X, y.astype(str))
    with pytest.raises(ValueError, match=r"needs at least two classes in y. Got one class: 'a'"):
        small_classifier().fit(X, ["a"] * len(y))
    with pytest.raises(
        ValueError, match=r"the shape \(n_windows, n_times\), .* \(60, 2, 5, 5, 2\)"
    ):
        small_classifier().fit(X.reshape(60, 2, 5, 5, 2), y)
    net = small_classifier(max_epochs=1).fit(X, y)
    with pytest.raises(ValueError, match=r"windows of 1 channels?, but .* 2 channels?"):
        net.predict(X[:, :1])
    with pytest.raises(ValueError, match=r"windows of 1 channels?, but .* 2 channels?"):
        net.predict(X[:, 0])
    with pytest.raises(ValueError, match=r"fitted on windows of 2 channels? and 50 samples"):
        net.predict(X[:, :, :49])
    with pytest.raises(ValueError, match="Input X contains NaN"):
        net.predict(hole)


def test_divergence_is_an_error():
    X, y, _ = cohort()
    with pytest.raises(ValueError, match=r"Training diverged: the loss of epoch 1 is (nan|inf)"):
        small_classifier(optimizer="SGD", lr=1e30, validation_fraction=None).fit(X * 1e4, y)


# Prediction, devices, compilation


def test_a_window_is_judged_alone():
    X, y, _ = cohort()
    net = small_classifier(max_epochs=3).fit(X, y)
    expected = net.predict_proba(X)
    np.testing.assert_allclose([net.predict_proba(x[None])[0] for x in X], expected, rtol=1e-6)
    for size in (4, 7, 1000):
        net.set_params(predict_batch_size=size)
        np.testing.assert_allclose(net.predict_proba(X), expected, rtol=1e-6)


@pytest.mark.slow
def test_a_compiled_net_gives_the_same_and_pickles():
    X, y, _ = cohort()
    plain = small_classifier(max_epochs=2).fit(X, y)
    compiled = small_classifier(max_epochs=2, compile=True).fit(X, y)
    # Sums are in a different order, and a dozen updates of Adam magnify the differences.
    np.testing.assert_allclose(compiled.predict_proba(X), plain.predict_proba(X), atol=1e-2)
    again = pickle.loads(pickle.dumps(compiled))
    np.testing.assert_allclose(again.predict_proba(X), compiled.predict_proba(X), atol=1e-5)


# Regression


def test_regressor_takes_targets_in_their_own_unit():
    X, _, _ = cohort()
    force = 1e-4 * np.abs(X).mean(axis=(1, 2))
    net = small_regressor(max_epochs=40).fit(X, force)
    assert net.score(X, force) > 0.8
    assert net.predict(X).shape == (60,)


def test_regressor_of_several_outputs_holds_out_subjects(monkeypatch):
    X, _, subjects = cohort()
    level = np.abs(X).mean(axis=2)  # one number per channel
    regressor = small_regressor(max_epochs=40)
    valid = held_out(monkeypatch, regressor, X, level, subjects)
    assert len(set(subjects[valid])) == 2  # 0.2 of 12 subjects
    assert regressor.predict(X).shape == (60, 2)
    assert regressor.score(X, level) > 0.7
    with pytest.raises(ValueError, match=r"y has shape \(60,\), but .* and 2 outputs"):
        regressor.partial_fit(X, level[:, 0])


def test_regressor_of_a_constant_target():
    X, _, _ = cohort()
    net = small_regressor(max_epochs=5).fit(X, np.full(60, 3.0))
    np.testing.assert_allclose(net.predict(X), 3, atol=0.5)


# The package


def test_importing_the_package_does_not_import_torch():
    code = "import sys, sklearn_emg.neural_network as n; print('torch' in sys.modules, dir(n))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.startswith("False ['ALSNet', 'ALSNetClassifier'")


def test_every_public_name_is_there():
    assert {name for name in neural_network.__all__ if getattr(neural_network, name)} == set(
        neural_network.__all__
    )
    with pytest.raises(AttributeError, match="no attribute 'NoNet'"):
        _ = neural_network.NoNet


def test_without_torch_the_error_names_the_extra():
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "import sklearn_emg.neural_network as n\n"
        "try:\n    n.EMGClassifier\nexcept ImportError as e:\n    print(e)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 'EMGClassifier needs torch, which is not installed: pip install "sklearn-emg[nets]"' in (
        out.stdout
    )
