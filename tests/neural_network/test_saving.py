"""Models as files: the same predictions, nothing executed, clear refusals."""

import json

import numpy as np
import pytest
import torch
from sklearn.base import clone

from sklearn_emg.neural_network import (
    ALSNetClassifier,
    DilatedCNNClassifier,
    EMGClassifier,
    EMGRegressor,
    NEMGNetClassifier,
    StackedLSTM,
    StackedLSTMClassifier,
    load_model,
    save_model,
)

MODELS = [
    EMGClassifier(StackedLSTM, module_params={"n_units": 6}, max_epochs=2),
    EMGRegressor(module_params={"n_filters": (4, 5, 6)}, max_epochs=2),
    ALSNetClassifier(n_filters=4, class_weight={"a": 2.0, "b": 1.0}, max_epochs=2),
    DilatedCNNClassifier(n_filters=4, optimizer=torch.optim.AdamW, max_epochs=2),
    NEMGNetClassifier(
        variant="A", n_filters=(4, 4, 4, 4, 4), n_hidden=(8,), pool_size=1, max_epochs=2
    ),
    StackedLSTMClassifier(n_units=6, max_epochs=2, callbacks=[]),
]


def data(seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(24, 2, 37)), np.array(["a", "b"])[np.arange(24) % 2]


def fitted(estimator):
    X, y = data()
    target = np.abs(X).mean(axis=(1, 2)) if isinstance(estimator, EMGRegressor) else y
    return clone(estimator).set_params(random_state=0).fit(X, target), X, target


def output(model, X):
    return model.predict_proba(X) if hasattr(model, "predict_proba") else model.predict(X)


@pytest.mark.parametrize("estimator", MODELS, ids=lambda e: type(e).__name__)
def test_a_loaded_model_predicts_bit_for_bit(estimator, tmp_path):
    model, X, target = fitted(estimator)
    files = save_model(model, tmp_path / "my.model")
    assert [f.name for f in files] == ["my.model.safetensors", "my.model.json"]
    assert sorted(tmp_path.iterdir()) == sorted(files)
    again = load_model(tmp_path / "my.model")
    assert type(again) is type(model)
    np.testing.assert_array_equal(output(again, X), output(model, X))
    assert again.history_[:, "train_loss"] == model.history_[:, "train_loss"]
    expected = {
        k: v for k, v in model.get_params().items() if k not in {"callbacks", "optimizer", "module"}
    }
    assert expected.items() <= again.get_params().items()
    again.partial_fit(X, target)  # it can go on
    assert len(again.history_) == 3


@pytest.mark.parametrize(
    "labels", [[5, 7], [True, False], np.array(["x", "yy"], object), [0.0, 1.0]]
)
def test_labels_keep_their_type(labels, tmp_path):
    X, y = data()
    labels = np.asarray(labels)[(y == "a").astype(int)]
    model = ALSNetClassifier(n_filters=2, max_epochs=1, random_state=0).fit(X, labels)
    save_model(model, tmp_path / "m")
    again = load_model(tmp_path / "m")
    assert again.classes_.dtype == model.classes_.dtype
    np.testing.assert_array_equal(again.predict(X), model.predict(X))


def test_loading_touches_no_global_generator(tmp_path):
    model, _, _ = fitted(MODELS[0])
    save_model(model, tmp_path / "m")
    state = torch.get_rng_state()
    load_model(tmp_path / "m")
    assert torch.equal(torch.get_rng_state(), state)


class Own(torch.nn.Module):
    def __init__(self, n_channels, n_times, n_classes):
        super().__init__()
        self.dense = torch.nn.Linear(n_channels * n_times, n_classes)

    def forward(self, x):
        return self.dense(x.flatten(1))


def test_a_network_of_ones_own_must_be_given(tmp_path):
    model, X, _ = fitted(EMGClassifier(Own, max_epochs=1))
    save_model(model, tmp_path / "m")
    with pytest.raises(ValueError, match=r"network of the user's own, '.*Own'\. Give its class"):
        load_model(tmp_path / "m")
    again = load_model(tmp_path / "m", module=Own)
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))


def test_refuses_what_it_cannot_write(tmp_path):
    with pytest.raises(TypeError, match=r"save_model takes one of .* Got object"):
        save_model(object(), tmp_path / "m")
    model, _, _ = fitted(EMGClassifier(Own, max_epochs=1))
    model.set_params(optimizer_params={"eps": np.zeros((2, 2))})
    with pytest.raises(TypeError, match="cannot write 'optimizer_params': it holds ndarray"):
        save_model(model, tmp_path / "m")
    assert not list(tmp_path.iterdir())


def corrupt(path, change):
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda c: c.update(format=99), "format 99 is not 1"),
        (lambda c: c.update({"class": "subprocess.Popen"}), "KeyError.*subprocess.Popen"),
        (lambda c: c["params"].update(command="rm"), "unexpected keyword argument 'command'"),
        (lambda c: c["fitted"].pop("classes_"), "KeyError.*classes_"),
        (lambda c: c["fitted"].update(n_channels_=10**9), "does not fit"),
        (lambda c: c["fitted"].update(n_channels_=-1), "'n_channels' parameter of ALSNet"),
        (lambda c: c["params"].update(lr="fast"), "'lr' parameter of ALSNetClassifier"),
        (lambda c: c["params"].update(n_hidden=65), "does not fit"),
    ],
)
def test_refuses_a_description_that_was_tampered_with(change, message, tmp_path):
    model, _, _ = fitted(MODELS[2])
    _, description = save_model(model, tmp_path / "m")
    corrupt(description, change)
    with pytest.raises(ValueError, match=message):
        load_model(tmp_path / "m")


def test_refuses_damaged_and_missing_files(tmp_path):
    model, _, _ = fitted(MODELS[2])
    weights, description = save_model(model, tmp_path / "m")
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-100])
    with pytest.raises(ValueError, match=r"m\.safetensors does not fit"):
        load_model(tmp_path / "m")
    weights.write_bytes(whole)
    description.write_text("{]")
    with pytest.raises(ValueError, match=r"m\.json is not a description by save_model"):
        load_model(tmp_path / "m")
    with pytest.raises(FileNotFoundError, match=r"nowhere\.json"):
        load_model(tmp_path / "nowhere")


def test_writing_anew_leaves_a_loaded_model_as_it_is(tmp_path):
    model, X, y = fitted(MODELS[2])
    save_model(model, tmp_path / "m")
    loaded = load_model(tmp_path / "m")
    before = loaded.predict_proba(X)
    save_model(clone(model).set_params(random_state=1).fit(X, y), tmp_path / "m")
    np.testing.assert_array_equal(loaded.predict_proba(X), before)
