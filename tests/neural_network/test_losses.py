"""Losses by name and of the user, batches by stratum, and skorch's names of parameters."""

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from skorch.callbacks import EarlyStopping
from torch import nn
from torch.nn import functional

from sklearn_emg.neural_network import (
    ALSNetClassifier,
    EMGClassifier,
    EMGRegressor,
    load_model,
    save_model,
)
from sklearn_emg.neural_network._data._batches import BatchIterator, WindowDataset
from sklearn_emg.neural_network._losses import FocalLoss, WeightedCrossEntropy


def windows(n_subjects=12, n_windows=5, n_classes=2):
    rng = np.random.default_rng(0)
    subjects = np.repeat(np.arange(n_subjects), n_windows)
    y = subjects % n_classes
    X = rng.normal(size=(len(y), 1, 60)) * (1 + 2 * y)[:, None, None]
    return X.astype(np.float32), y, subjects


def als_net(**params):
    defaults = {"n_filters": 4, "n_hidden": 8, "lr": 0.02, "max_epochs": 10, "random_state": 0}
    return ALSNetClassifier(**{**defaults, **params})


# The losses


@pytest.mark.parametrize("weight", [None, torch.tensor([0.5, 2.0, 1.0])])
def test_focal_loss_is_its_formula_and_with_gamma_0_the_cross_entropy(weight):
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(20, 3, generator=generator, dtype=torch.float64)
    codes = torch.randint(3, (20,), generator=generator)
    weight = None if weight is None else weight.double()
    p = logits.softmax(1)[torch.arange(20), codes]
    by_hand = -((1 - p) ** 2) * p.log() * (1 if weight is None else weight[codes])
    torch.testing.assert_close(FocalLoss(weight)(logits, codes), by_hand.mean())
    plain = WeightedCrossEntropy(weight)(logits, codes)
    torch.testing.assert_close(FocalLoss(weight, gamma=0)(logits, codes), plain)


def test_focal_loss_of_a_window_that_is_certain_has_a_gradient():
    logits = torch.tensor([[200.0, 0.0], [0.0, 0.0]], requires_grad=True)
    FocalLoss(gamma=1.0)(logits, torch.tensor([0, 0])).backward()
    assert torch.isfinite(logits.grad).all()


def test_label_smoothing_is_that_of_pytorch():
    logits, codes = (
        torch.randn(9, 3, generator=torch.Generator().manual_seed(0)),
        torch.arange(9) % 3,
    )
    expected = functional.cross_entropy(logits, codes, label_smoothing=0.1)
    torch.testing.assert_close(WeightedCrossEntropy(label_smoothing=0.1)(logits, codes), expected)
    ones = WeightedCrossEntropy(torch.ones(3), label_smoothing=0.1)
    torch.testing.assert_close(ones(logits, codes), expected)


class Hinge(nn.Module):
    def __init__(self, weight=None, margin=1.0):
        super().__init__()
        self.weight, self.margin = weight, margin

    def forward(self, logits, codes):
        return functional.multi_margin_loss(logits, codes, margin=self.margin, weight=self.weight)


@pytest.mark.parametrize(
    "params",
    [
        {"loss": "focal"},
        {"loss": "focal", "loss_params": {"gamma": 1.0}, "class_weight": "balanced"},
        {"loss_params": {"label_smoothing": 0.1}},
        {"loss": Hinge, "loss_params": {"margin": 0.5}, "class_weight": {0: 1.0, 1: 2.0}},
        {"loss": nn.CrossEntropyLoss},
        {"loss": nn.MultiMarginLoss()},
    ],
)
def test_networks_learn_with_each_loss(params):
    X, y, subjects = windows()
    net = als_net(max_epochs=20, **params).fit(X, y, groups=subjects)
    assert net.score(X, y) > 0.9
    plain = als_net(max_epochs=20).fit(X, y, groups=subjects)
    different = {"loss"} != params.keys() or params["loss"] is not nn.CrossEntropyLoss
    assert (net.history_[:, "train_loss"] != plain.history_[:, "train_loss"]) == different
    np.testing.assert_array_equal(
        clone(net).fit(X, y, groups=subjects).predict_proba(X), net.predict_proba(X)
    )


@pytest.mark.parametrize(
    "loss", [None, "squared_error", "absolute_error", "huber", nn.SmoothL1Loss]
)
def test_regressors_have_losses_of_numbers(loss):
    X, y, subjects = windows()
    net = EMGRegressor(
        module_params={"n_filters": 4}, loss=loss, max_epochs=40, lr=0.02, random_state=0
    )
    assert net.fit(X, 10.0 * y, groups=subjects).score(X, 10.0 * y) > 0.3


def test_a_finished_loss_stays_as_it_was_given():
    X, y, _ = windows()
    loss = nn.CrossEntropyLoss(weight=torch.tensor([1.0, 2.0]))
    net = als_net(loss=loss, max_epochs=1).fit(X, y)
    assert net.net_.criterion_ is not loss
    assert net.loss is loss


@pytest.mark.parametrize(
    ("params", "match"),
    [
        ({"loss": "focla"}, "'loss' parameter of ALSNetClassifier must be one of 'cross_entropy'"),
        ({"loss": "huber"}, "'loss' parameter of ALSNetClassifier must be one of"),
        ({"loss": "focal", "loss_params": {"gama": 1}}, "does not take 'gama' in 'loss_params'"),
        (
            {"loss": nn.CrossEntropyLoss(), "class_weight": "balanced"},
            "instance of CrossEntropyLoss, to which 'class_weight' cannot be applied",
        ),
        (
            {"loss": nn.CrossEntropyLoss(), "loss_params": {"label_smoothing": 0.1}},
            "to which 'loss_params' cannot be applied",
        ),
        ({"loss": nn.MSELoss, "class_weight": "balanced"}, "does not take 'class_weight'"),
        ({"loss": nn.CrossEntropyLoss(reduction="none")}, "must return one number for a batch"),
        (
            {"loss": nn.MSELoss},
            r"'loss' MSELoss cannot take outputs of shape \(32, 2\) and targets of shape "
            r"\(32,\) and type int64",
        ),
        (
            {"optimizer_params": {"momentum": 0.9}},
            "'optimizer' parameter of ALSNetClassifier is Adam, which does not take 'momentum' in "
            "'optimizer_params'. It takes lr, betas",
        ),
        ({"optimizer_params": {"lr": 0.1}}, "must not contain 'lr'.* set 'lr' instead"),
        ({"optimizer_params": {"weight_decay": 0.1}}, "must not contain 'weight_decay'"),
        (
            {"class_weight": "balanced", "loss_params": {"weight": torch.ones(2)}},
            "in both 'class_weight' and 'loss_params'",
        ),
    ],
)
def test_losses_that_cannot_be_used_are_named(params, match):
    X, y, _ = windows()
    with pytest.raises(ValueError, match=match):
        als_net(max_epochs=1, **params).fit(X, y)


def test_a_loss_by_name_is_saved_and_one_of_the_user_is_left_out(tmp_path):
    X, y, _ = windows()
    for loss, loaded in (("focal", "focal"), (Hinge, None), (nn.MultiMarginLoss(), None)):
        net = als_net(loss=loss, max_epochs=1).fit(X, y)
        save_model(net, tmp_path / "net")
        again = load_model(tmp_path / "net")
        assert again.loss == loaded
        np.testing.assert_array_equal(again.predict_proba(X), net.predict_proba(X))


# Batches


def test_batches_have_windows_of_all_subjects_in_proportion():
    subjects = np.repeat([0, 1, 2, 3], [40, 20, 10, 10])
    data = WindowDataset(np.arange(80, dtype=np.float32)[:, None], subjects)
    batches = BatchIterator(data, 16, shuffle=True, seed=0)
    batches.stratify(subjects)
    orders = []
    for _ in range(3):
        drawn = list(batches)
        assert sorted(int(v) for x, _ in drawn for v in x.ravel()) == list(range(80))
        counts = np.array([np.bincount(codes, minlength=4) for _, codes in drawn])
        assert (abs(counts - [8, 4, 2, 2]) <= 1).all()
        orders.append([int(v) for x, _ in drawn for v in x.ravel()])
    assert orders[0] != orders[1] != orders[2]
    plain = BatchIterator(data, 16, shuffle=True, seed=0)
    counts = np.array([np.bincount(codes, minlength=4) for _, codes in plain])
    assert (abs(counts - [8, 4, 2, 2]) > 1).any()


@pytest.mark.parametrize("stratify", ["subject", "class"])
def test_the_strata_are_those_of_the_training_rows(stratify, monkeypatch):
    X, y, subjects = windows()
    order = np.random.default_rng(1).permutation(len(y))
    X, y, subjects = X[order], y[order], subjects[order]
    seen = []
    keep = BatchIterator.stratify

    def look(self, strata):
        if strata is not None:
            seen.append((self.dataset.rows.numpy(), strata))
        keep(self, strata)

    monkeypatch.setattr(BatchIterator, "stratify", look)
    net = als_net(stratify=stratify, max_epochs=2).fit(X, y, groups=subjects)
    ((rows, strata),) = seen
    expected = (subjects if stratify == "subject" else y)[rows]
    np.testing.assert_array_equal(pd.factorize(strata)[0], pd.factorize(expected)[0])
    assert (
        net.history_[:, "train_loss"]
        != als_net(max_epochs=2).fit(X, y, groups=subjects).history_[:, "train_loss"]
    )


def test_batches_by_subject_need_subjects():
    X, y, _ = windows()
    with pytest.raises(ValueError, match="stratify='subject', but was given no subjects"):
        als_net(stratify="subject").fit(X, y)
    with pytest.raises(ValueError, match="stratify='subject', but was given no subjects"):
        als_net(stratify="subject").partial_fit(X, y)


# skorch's names


def test_names_of_skorch_are_accepted():
    stop = EarlyStopping(patience=3, sink=lambda text: None)
    net = EMGClassifier(callbacks=[("stop", stop)])
    net.set_params(
        module__n_filters=4,
        optimizer__betas=(0.8, 0.9),
        criterion__label_smoothing=0.1,
        iterator_train__batch_size=8,
        iterator_valid__batch_size=16,
        callbacks__stop__patience=1,
    )
    assert net.module_params == {"n_filters": 4}
    assert net.optimizer_params == {"betas": (0.8, 0.9)}
    assert net.loss_params == {"label_smoothing": 0.1}
    assert (net.batch_size, net.predict_batch_size) == (8, 16)
    assert net.callbacks[0][1].patience == 1
    assert stop.patience == 3  # copies of the estimator may hold it
    assert net.get_params()["loss_params__label_smoothing"] == 0.1
    X, y, _ = windows()
    assert net.set_params(max_epochs=2).fit(X, y).score(X, y) >= 0
    net.set_params(callbacks__stop=None)
    assert net.callbacks == [("stop", None)]


def test_the_negative_log_likelihood_is_given_logarithms_of_probabilities():
    X, y, subjects = windows()
    nll = als_net(loss=nn.NLLLoss).fit(X, y, groups=subjects)
    entropy = als_net(loss=nn.CrossEntropyLoss).fit(X, y, groups=subjects)
    np.testing.assert_allclose(nll.predict_proba(X), entropy.predict_proba(X), atol=1e-5)


def test_the_network_of_skorch_is_the_estimator_itself_where_it_has_one():
    net = als_net().set_params(module__n_hidden=3)
    assert net.n_hidden == 3
    search = GridSearchCV(als_net(max_epochs=1), {"module__n_filters": [2, 3]}, cv=2)
    X, y, _ = windows()
    assert search.fit(X, y).best_estimator_.n_filters == search.best_params_["module__n_filters"]
    with pytest.raises(ValueError, match="Invalid parameter 'n_hiden'"):
        net.set_params(module__n_hiden=3)


@pytest.mark.parametrize("name", ["iterator_train__shuffle", "iterator_valid__num_workers"])
def test_settings_of_batches_that_are_fixed_are_named(name):
    message = f"ALSNetClassifier creates its own batches, so '{name}' cannot be set. Of the"
    with pytest.raises(ValueError, match=message):
        als_net().set_params(**{name: 2})


def test_a_callback_that_is_not_there_is_named():
    with pytest.raises(ValueError, match=r"has no callback 'stop', only \['halt'\]"):
        EMGClassifier(callbacks=[("halt", EarlyStopping())]).set_params(callbacks__stop__patience=1)


def test_a_grid_takes_parameters_of_loss_and_callbacks():
    X, y, _ = windows()
    stop = EarlyStopping(sink=lambda text: None)
    grid = {"loss__gamma": [0.0, 2.0], "callbacks__stop__patience": [1, 2]}
    net = als_net(loss="focal", max_epochs=1, callbacks=[("stop", stop)])
    search = GridSearchCV(net, grid, cv=2).fit(X, y)
    assert len(search.cv_results_["params"]) == 4
    assert search.best_estimator_.loss_params["gamma"] == search.best_params_["loss__gamma"]
