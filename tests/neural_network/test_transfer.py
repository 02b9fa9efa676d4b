"""Networks that start from another training: TransferClassifier, AutoencoderNetClassifier."""

import inspect
import re
import warnings
from functools import partial

import data
import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GroupKFold, cross_val_score

from sklearn_emg.comparison import compare
from sklearn_emg.ensemble import DiVoteClassifier, SubjectTransferClassifier
from sklearn_emg.exceptions import RecordingWarning, SubjectLeakWarning
from sklearn_emg.neural_network import (
    ALSNetClassifier,
    AutoencoderNet,
    AutoencoderNetClassifier,
    EMGClassifier,
    PretrainedEncoder,
    TransferClassifier,
    load_model,
    save_model,
)
from sklearn_emg.neural_network._modules import _autoencoder
from sklearn_emg.recordings import recording_table

SMALL = {"n_filters": (4, 6), "kernel_size": 3, "dilations": (1, 2), "n_hidden": 8, "dropout": 0.2}


cohort = partial(data.cohort, n_windows=4, n_times=40)


def sines(n_windows=40, seed=0):
    rng = np.random.default_rng(seed)
    y = np.arange(n_windows) % 2
    period = np.where(y, 8, 20)[:, None]
    phase = rng.uniform(size=(n_windows, 1))
    return np.sin(2 * np.pi * (np.arange(48) / period + phase)).astype(np.float32), y


def small_net(**params):
    return ALSNetClassifier(**{**SMALL, "max_epochs": 3, "random_state": 0, "lr": 0.01, **params})


def state_of(net):
    return {name: value.clone() for name, value in net.net_.module_.state_dict().items()}


def changed(before, after):
    return {name for name in before if not torch.equal(before[name], after[name])}


@pytest.fixture(scope="module")
def pretrained():
    X, y, subjects = cohort(8)
    return TransferClassifier(small_net()).pretrain(X, y, groups=subjects)


# TransferClassifier


def test_frozen_layers_stay_as_pretrained_and_the_others_learn(pretrained):
    X, y, subjects = cohort(8, first=100, seed=1)
    before = state_of(pretrained.source_)
    net = clone(pretrained).fine_tune(X, y, groups=subjects)
    moved = changed(before, state_of(net.estimator_))
    # The running statistics of batch normalisation are frozen with its layer.
    assert all(name.startswith("classifier") for name in moved)
    assert {"classifier.0.weight", "classifier.4.weight", "classifier.2.running_mean"} <= moved
    assert changed(before, state_of(pretrained.source_)) == set()


def test_nothing_frozen_starts_from_the_pretrained_weights(pretrained):
    X, y, subjects = cohort(8, first=100, seed=1)
    net = clone(pretrained).set_params(
        frozen=(), fine_tune_params={"lr": 1e-7, "max_epochs": 1, "weight_decay": 0.0}
    )
    net.fine_tune(X, y, groups=subjects)
    before, after = state_of(pretrained.source_), state_of(net.estimator_)
    for name in ("features.0.weight", "classifier.4.weight"):
        assert not torch.equal(before[name], after[name])
        torch.testing.assert_close(before[name], after[name], atol=1e-5, rtol=0)


def test_one_named_layer_is_frozen(pretrained):
    X, y, _ = cohort(8, seed=1)
    net = clone(pretrained).set_params(frozen=["features.0"]).fine_tune(X, y)
    moved = changed(state_of(pretrained.source_), state_of(net.estimator_))
    named = {n for n, _ in net.estimator_.net_.module_.named_parameters()}
    assert named - moved == {"features.0.weight", "features.0.bias"}


def test_other_classes_get_a_new_last_layer(pretrained):
    X, y, subjects = cohort(9, first=100, labels=range(3))
    labels = np.array(["als", "myopathy", "normal"])[y]
    net = clone(pretrained).fine_tune(X, labels, groups=subjects)
    assert net.predict_proba(X).shape == (36, 3)
    assert net.classes_.tolist() == ["als", "myopathy", "normal"]
    moved = changed(
        {n: v for n, v in state_of(pretrained.source_).items() if n.startswith("features")},
        state_of(net.estimator_),
    )
    assert not moved


def test_renewed_layers_start_from_random_weights(pretrained):
    X, y, _ = cohort(8, seed=1)
    params = {"fine_tune_params": {"lr": 1e-7, "max_epochs": 1}, "frozen": ["features"]}
    net = clone(pretrained).set_params(renewed=["classifier.4"], **params).fine_tune(X, y)
    before, after = state_of(pretrained.source_), state_of(net.estimator_)
    assert (before["classifier.4.weight"] - after["classifier.4.weight"]).abs().max() > 0.01
    torch.testing.assert_close(
        before["classifier.0.weight"], after["classifier.0.weight"], atol=1e-5, rtol=0
    )


def test_clones_keep_the_pretrained_network_so_that_it_can_be_cross_validated(pretrained):
    X, y, subjects = cohort(8, first=100, seed=1)
    copy = clone(pretrained)
    assert copy.source_ is pretrained.source_
    with pytest.raises(NotFittedError):
        copy.predict(X)
    scores = cross_val_score(
        copy.set_params(fine_tune_params={"max_epochs": 20}),
        X,
        y,
        groups=subjects,
        cv=GroupKFold(3),
        error_score="raise",
    )
    assert scores.mean() > 0.8


def test_misspelt_parameters_are_refused_before_the_pretraining():
    X, y, subjects = cohort(8)
    net = TransferClassifier(small_net(max_epochs=1), fine_tune_params={"max_epoch": 1})
    with pytest.raises(ValueError, match="'fine_tune_params' of TransferClassifier are not"):
        net.pretrain(X, y, groups=subjects)
    assert not hasattr(net, "source_")


def test_subjects_of_both_cohorts_are_refused(pretrained):
    X, y, subjects = cohort(8, first=6, seed=1)
    with pytest.raises(ValueError, match=r"2 subjects with the source cohort, \[6, 7\] for"):
        clone(pretrained).fine_tune(X, y, groups=list(subjects))
    clone(pretrained).set_params(allows_shared_subjects=True).fine_tune(X, y, groups=subjects)


def test_pretraining_without_subjects_is_warned_of():
    X, y, subjects = cohort(8)
    net = TransferClassifier(small_net(max_epochs=1))
    with pytest.warns(SubjectLeakWarning, match=r"pretrain was given no subjects.*'groups'"):
        net.pretrain(X, y)
    assert net.source_subjects_ is None
    with warnings.catch_warnings():
        warnings.simplefilter("error", SubjectLeakWarning)
        net.pretrain(X, y, groups=subjects)


def test_predicting_subjects_of_the_pretraining_is_warned_of(pretrained):
    X, y, subjects = cohort(8, first=100, seed=1)
    net = clone(pretrained).set_params(fine_tune_params={"max_epochs": 1})
    net.fine_tune(X, y, groups=subjects)
    new = recording_table(list(X.astype(float)), fs=1000.0, subject=subjects + 100)
    known = new.assign(subject=subjects - 98)  # 2 to 9; 0 to 7 were in the pretraining
    for answer in (net.predict, net.predict_proba):
        with pytest.warns(SubjectLeakWarning, match=r"6 subjects .* pretrained on, \[2, 3, 4\]"):
            answer(known)
        with warnings.catch_warnings():
            warnings.simplefilter("error", SubjectLeakWarning)
            answer(new)
            answer(X)


def test_a_pretrained_network_is_not_compared_on_its_own_subjects(pretrained):
    X, y, subjects = cohort(8, seed=1)
    table = pd.DataFrame(X[:, 0].astype(float)).add_prefix("t").assign(subject=subjects + 7)
    model = DiVoteClassifier(SubjectTransferClassifier(pretrained), window=None)
    with pytest.raises(ValueError, match=r"transfer: fold \d would test 1 subject \(7\) that"):
        compare({"transfer": model}, table, y, cv=2, progress=False)


def test_fit_without_pretraining_trains_everything():
    X, y, subjects = cohort(8)
    net = TransferClassifier(small_net())
    with pytest.raises(NotFittedError, match="Call 'pretrain' with the source cohort first"):
        net.fine_tune(X, y)
    plain = small_net().fit(X, y, groups=subjects)
    np.testing.assert_array_equal(
        net.fit(X, y, groups=subjects).predict_proba(X), plain.predict_proba(X)
    )


def test_the_fine_tuned_network_holds_no_pretrained_one_and_can_be_saved(pretrained, tmp_path):
    X, y, _ = cohort(8, seed=1)
    net = clone(pretrained).fine_tune(X, y).estimator_
    assert not any(name.startswith("_start") for name in vars(net))
    save_model(net, tmp_path / "model")
    loaded = load_model(tmp_path / "model")
    np.testing.assert_array_equal(loaded.predict_proba(X), net.predict_proba(X))


@pytest.mark.parametrize(
    "params, message",
    [
        ({"frozen": ["feature"]}, r"'frozen' .* names 'feature', which .* \['features', 'class"),
        ({"renewed": ["head"]}, "'renewed' parameter of TransferClassifier names 'head'"),
        ({"frozen": ["features", "classifier"]}, "'frozen' .* leaves nothing to train"),
        ({"frozen": ["features"], "renewed": ["features.0"]}, "they are in 'renewed', or"),
    ],
)
def test_refuses_layers(pretrained, params, message):
    X, y, _ = cohort(8, seed=1)
    with pytest.raises(ValueError, match=message):
        clone(pretrained).set_params(**params).fine_tune(X, y)


def test_frozen_layers_of_another_size_are_refused(pretrained):
    X, y, _ = cohort(8, seed=1)
    with pytest.raises(ValueError, match=r"pretrained network does not provide: .*features"):
        clone(pretrained).fine_tune(X[:, :1], y)


def test_a_network_without_the_usual_head_must_name_its_layers():
    def module(n_channels, n_times, n_classes):
        flat = torch.nn.Flatten()
        return torch.nn.Sequential(flat, torch.nn.Linear(n_channels * n_times, n_classes))

    X, y, _ = cohort(8)
    net = TransferClassifier(EMGClassifier(module, max_epochs=1)).pretrain(X, y)
    with pytest.raises(ValueError, match=r"no part named 'classifier'. Its parts are \['1'\]"):
        net.fine_tune(X, y)
    net.set_params(frozen=()).fine_tune(X, y)


# AutoencoderNetClassifier


def small_autoencoder(**params):
    defaults = {"n_code": 8, "lr": 0.01, "max_epochs": 15, "random_state": 0}
    return AutoencoderNetClassifier(**{**defaults, **params})


def test_the_encoder_learns_to_restore_windows_before_it_classifies():
    X, y = sines()
    net = small_autoencoder().fit(X, y)
    assert net.reconstruction_loss_.shape == (20,)
    assert net.reconstruction_loss_[-1] < 0.3 * net.reconstruction_loss_[0]
    new_X, new_y = sines(seed=1)
    assert net.score(new_X, new_y) > 0.9


def test_a_frozen_encoder_does_not_depend_on_the_labels():
    X, y = sines()
    kept = {"freezes_encoder": True, "validation_fraction": None, "max_epochs": 2}
    one, other = (small_autoencoder(**kept).fit(X, labels) for labels in (y, y[::-1]))
    moved = changed(state_of(one), state_of(other))
    assert moved
    assert all(name.startswith("classifier") for name in moved)


def test_the_autoencoder_sees_no_validation_windows(monkeypatch):
    X, y = sines()
    subjects = np.arange(40) // 4
    seen = []

    minimise = _autoencoder.minimise

    def spy(loss_of, parameters, train, **kwargs):
        seen.append((train.X.clone(), len(train)))
        return minimise(loss_of, parameters, train, **kwargs)

    monkeypatch.setattr(_autoencoder, "minimise", spy)
    net = AutoencoderNetClassifier(max_epochs=1, pretrain_epochs=1, random_state=0)
    net.fit(X, y, groups=subjects)
    windows, n = seen[0]
    assert n == 32  # of ten subjects, two are held out
    held_out = (windows[:, 0, None] != torch.from_numpy(X)).any(-1).all(0)
    assert len(set(subjects[held_out.numpy()])) == 2


def test_without_pretraining_it_is_the_network_alone():
    X, y = sines()
    params = {"max_epochs": 2, "random_state": 0}
    net = AutoencoderNetClassifier(pretrain_epochs=0, **params).fit(X, y)
    assert net.reconstruction_loss_.shape == (0,)
    alone = EMGClassifier("AutoencoderNet", **params).fit(X, y)
    np.testing.assert_array_equal(net.predict_proba(X), alone.predict_proba(X))


def test_a_pretrained_network_is_saved(tmp_path):
    X, y = sines()
    net = small_autoencoder(max_epochs=1).fit(X, y)
    save_model(net, tmp_path / "model")
    loaded = load_model(tmp_path / "model")
    np.testing.assert_array_equal(loaded.predict_proba(X), net.predict_proba(X))
    np.testing.assert_array_equal(loaded.reconstruction_loss_, net.reconstruction_loss_)


def test_an_autoencoder_that_diverges_is_refused():
    X, y = sines()
    with pytest.raises(ValueError, match="autoencoder of AutoencoderNetClassifier diverged"):
        small_autoencoder().fit(X * 1e30, y)


def test_documents_the_parameters_of_network_and_training_with_their_defaults():
    section = AutoencoderNetClassifier.__doc__.split("Attributes\n")[0]
    entries = dict(re.findall(r"^(\w+) : .*default=(.+)$", section, flags=re.MULTILINE))
    own = inspect.signature(AutoencoderNetClassifier).parameters
    assert list(entries) == list(own)
    assert all(eval(shown) == own[name].default for name, shown in entries.items())
    settings = inspect.signature(AutoencoderNet).parameters
    sizes = {"n_channels", "n_times", "n_classes"}
    assert all(own[n].default == p.default for n, p in settings.items() if n not in sizes)


def two_channels(fs, names, prefix):
    signals = np.random.default_rng(0).normal(size=(8, 2, 300))
    subject = [f"{prefix}{k}" for k in range(8)]
    return recording_table(signals, fs=fs, subject=subject, channel_names=names)


@pytest.mark.parametrize("kind", ["pretrained", "encoder"])
def test_the_signals_of_both_cohorts_are_compared(kind):
    y = ["a", "b"] * 4
    source, net = two_channels(1000.0, ["flexor", "extensor"], "s"), small_net(max_epochs=1)
    model = TransferClassifier(net)
    if kind == "pretrained":
        model.pretrain(source, y)
    else:
        encoder = PretrainedEncoder(net, patch=8, max_epochs=1).fit(source)
        model.set_params(encoder=FrozenEstimator(encoder))
    with pytest.raises(ValueError, match=r"select_channels\(table, \['flexor', 'extensor'\]"):
        clone(model).fit(two_channels(1000.0, ["extensor", "flexor"], "t"), y)
    match = r"pretrained on signals of fs=1000 Hz, but X has fs=2000 Hz.*Resampler\(fs_out=1000\)"
    with pytest.warns(RecordingWarning, match=match):
        clone(model).fit(two_channels(2000.0, ["flexor", "extensor"], "t"), y)
    with warnings.catch_warnings():
        warnings.simplefilter("error", RecordingWarning)
        clone(model).fit(two_channels(1000.0, ["flexor", "extensor"], "t"), y)
        clone(model).fit(two_channels(1000.0, ["biceps", "triceps"], "u"), y)


def test_an_encoder_of_unknown_subjects_is_warned_of():
    X, y = sines()
    groups = [f"s{k // 4}" for k in range(len(y))]
    encoder = PretrainedEncoder(small_net(), patch=8, max_epochs=1).fit(X)
    model = TransferClassifier(small_net(max_epochs=1), encoder=FrozenEstimator(encoder))
    with pytest.warns(SubjectLeakWarning, match="'encoder' of TransferClassifier.*no subjects"):
        model.fit(X, y, groups=groups)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        clone(model).set_params(allows_shared_subjects=True).fit(X, y, groups=groups)
        clone(model).set_params(encoder=encoder).fit(X, y, groups=groups)  # fitted anew
