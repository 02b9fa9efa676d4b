"""Models as files: the same predictions, nothing executed, clear refusals."""

import hashlib
import json
import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from data import cohort
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from sklearn.base import clone

from sklearn_emg.neural_network import (
    ALSNetClassifier,
    AttentionNetClassifier,
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


WINDOWS = cohort(24, 1, n_times=37, labels=("a", "b"))[:2]


def fitted(estimator):
    X, y = WINDOWS
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
    X, y = WINDOWS
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
    with pytest.raises(ValueError, match=r"user-defined network, '.*Own'\. Pass its class"):
        load_model(tmp_path / "m")
    again = load_model(tmp_path / "m", module=Own)
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))


def test_refuses_what_it_cannot_write(tmp_path):
    with pytest.raises(TypeError, match=r"save_model takes one of .* Got object"):
        save_model(object(), tmp_path / "m")
    model, _, _ = fitted(EMGClassifier(Own, max_epochs=1))
    model.set_params(optimizer_params={"eps": np.zeros((2, 2))})
    with pytest.raises(TypeError, match="cannot write 'optimizer_params': it contains ndarray"):
        save_model(model, tmp_path / "m")
    assert not list(tmp_path.iterdir())


def forge(path, change):
    """Change a description and compute its digest again."""
    content = json.loads(path.read_text())
    change(content)
    content.pop("digest")
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    content["digest"] = hashlib.sha256(text.encode()).hexdigest()
    path.write_text(json.dumps(content))


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda c: c.update(format=99), "format 99 is not 1"),
        (lambda c: c.update({"class": "subprocess.Popen"}), "KeyError.*subprocess.Popen"),
        (lambda c: c["params"].update(command="rm"), "unexpected keyword argument 'command'"),
        (lambda c: c["fitted"].pop("classes_"), "KeyError.*classes_"),
        (lambda c: c["fitted"].update(n_channels_=10**9), "does not match"),
        (lambda c: c["fitted"].update(n_channels_=-1), "'n_channels' parameter of ALSNet"),
        (lambda c: c["params"].update(lr="fast"), "'lr' parameter of ALSNetClassifier"),
        (lambda c: c["params"].update(n_hidden=65), "does not match"),
    ],
)
def test_refuses_a_description_that_was_tampered_with(change, message, tmp_path):
    model, _, _ = fitted(MODELS[2])
    _, description = save_model(model, tmp_path / "m")
    forge(description, change)
    with pytest.raises(ValueError, match=message):
        load_model(tmp_path / "m")


def test_refuses_damaged_and_missing_files(tmp_path):
    model, _, _ = fitted(MODELS[2])
    weights, description = save_model(model, tmp_path / "m")
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-100])
    with pytest.raises(ValueError, match=r"m\.safetensors does not match"):
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


def saved(folder, name="m", seed=0):
    X, y = WINDOWS
    model = ALSNetClassifier(n_filters=2, max_epochs=1, random_state=seed).fit(X, y)
    return save_model(model, folder / name), model, X


@pytest.mark.parametrize("seed", [0, 1], ids=["equal weights", "other weights"])
def test_weights_of_another_model_are_refused(seed, tmp_path):
    X, y = WINDOWS
    (weights, _), model, _ = saved(tmp_path, "a")
    renamed = np.where(y == "a", "x", "z")
    other, _ = save_model(
        clone(model).set_params(random_state=seed).fit(X, renamed), tmp_path / "b"
    )
    weights.write_bytes(other.read_bytes())
    with pytest.raises(ValueError, match=r"a\.safetensors does not match .*a\.json: its SHA-256"):
        load_model(tmp_path / "a")


@pytest.mark.parametrize("file", [0, 1], ids=["weights", "description"])
def test_every_flipped_bit_is_found(file, tmp_path):
    files, _, _ = saved(tmp_path)
    whole = files[file].read_bytes()
    for place in np.linspace(0, len(whole) - 2, 60).astype(int):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << (place % 7)
        files[file].write_bytes(damaged)
        if file == 1 and same_text(whole, damaged):  # a line break became another blank
            continue
        with pytest.raises(ValueError, match=r"m\.(json|safetensors) "):
            load_model(tmp_path / "m")


def same_text(one, other):
    try:
        return json.loads(one) == json.loads(bytes(other))
    except ValueError:
        return False


def test_weights_must_be_finite(tmp_path):
    (weights, description), model, _ = saved(tmp_path)
    tensors = load_file(weights)
    next(v for v in tensors.values() if v.is_floating_point()).view(-1)[0] = torch.nan
    save_file(tensors, weights)
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    forge(description, lambda c: c.update(weights=digest))
    with pytest.raises(ValueError, match=r"m\.safetensors has NaN or infinite weights"):
        load_model(tmp_path / "m")
    next(model.net_.module_.parameters()).data.view(-1)[0] = torch.inf
    with pytest.raises(ValueError, match="save_model: ALSNetClassifier has NaN"):
        save_model(model, tmp_path / "m")


def test_compiling_is_not_taken_over(tmp_path):
    _, model, _ = saved(tmp_path)
    _, description = save_model(model.set_params(compile=True), tmp_path / "m")
    assert not load_model(tmp_path / "m").compile
    forge(description, lambda c: c["params"].update(compile=True))
    with pytest.raises(ValueError, match=r"m\.json .*compile=True would start compilers"):
        load_model(tmp_path / "m")


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda c: c["params"].update(callbacks=["x"]), "callbacks must be None in a file"),
        (lambda c: c["params"].update(optimizer_params={"dict": [["fast", True]]}), "fast"),
        (lambda c: c["fitted"].update(net_="x"), "no fitted attribute 'net_'"),
        (lambda c: c["fitted"].update(n_channels_=2.5), "must be an integer"),
        (lambda c: c["fitted"].update(n_times_=10**30), "too large"),
        (lambda c: c["params"].update(n_filters=10**12), "larger network than that of the weights"),
        (lambda c: c["fitted"].update(_ndim=7), "_ndim"),
        (lambda c: c["fitted"].update(_fs=-1), "positive rate"),
        (lambda c: c["fitted"]["classes_"].update(array=["b", "a"]), "sorted"),
        (lambda c: c["fitted"]["classes_"].update(array=["a"]), "two classes"),
        (lambda c: c["fitted"]["classes_"].update(dtype="|V2147483647"), "V2147483647"),
        (lambda c: c["fitted"]["classes_"].update(dtype="<U999999999"), "U999999999"),
        (lambda c: c["fitted"]["_class_counts"].update(array=[1, -1]), "_class_counts"),
        (lambda c: c.update(history=[{"epoch": []}]), "history contains a list"),
        (lambda c: c.update(more=1), "its parts are"),
    ],
)
def test_forged_descriptions_are_refused(change, message, tmp_path):
    (_, description), _, _ = saved(tmp_path)
    forge(description, change)
    with pytest.raises(ValueError, match=message) as error:
        load_model(tmp_path / "m")
    assert "m.json" in str(error.value)


def test_a_network_of_a_thousand_million_layers_is_refused(tmp_path):
    X, y = WINDOWS
    model = AttentionNetClassifier(max_epochs=1, random_state=0, device="cpu").fit(X, y)
    _, description = save_model(model, tmp_path / "m")
    forge(description, lambda c: c["params"].update(n_layers=10**9))
    with pytest.raises(ValueError, match=r"m\.json: .* larger network than that of the weights"):
        load_model(tmp_path / "m")


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
JSON = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3), max_leaves=5) | st.one_of(
    st.dictionaries(st.sampled_from(["array", "dtype", "tuple", "dict"]), SCALARS, max_size=2),
    st.sampled_from([[[[]]], {"array": [1, 2], "dtype": "i4,i4"}, 10**400, "subprocess.Popen"]),
)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("written")
    return folder, saved(folder)[0][1].read_text()


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_whatever_a_description_holds_it_is_used_or_refused(written, data):
    folder, text = written

    def change(content):
        node = content
        key = data.draw(st.sampled_from(sorted(node)))
        while isinstance(node[key], dict) and node[key] and data.draw(st.booleans()):
            node = node[key]
            key = data.draw(st.sampled_from(sorted(node)))
        node[key] = data.draw(JSON)

    (folder / "m.json").write_text(text)
    forge(folder / "m.json", change)
    refusal = "m.json"
    try:
        load_model(folder / "m")
    except ValueError as error:
        refusal = str(error)
    assert "m.json" in refusal


@pytest.mark.parametrize(
    "text", ["", "[1, 2]", "3", "[" * 100_000, '{"format": ' + "[" * 5000, "\0", "nul", b"\xff\xfe"]
)
def test_text_that_is_no_description_is_refused(text, tmp_path):
    (_, description), _, _ = saved(tmp_path)
    description.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ValueError, match=r"m\.json"):
        load_model(tmp_path / "m")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no pipes")
@pytest.mark.parametrize("file", [0, 1], ids=["weights", "description"])
def test_a_pipe_is_not_waited_for(file, tmp_path):
    files, _, _ = saved(tmp_path)
    files[file].unlink()
    os.mkfifo(files[file])
    with pytest.raises(ValueError, match="is not a regular file"):
        load_model(tmp_path / "m")


@pytest.mark.parametrize("stopped_at", [1, 2, 3])
def test_a_save_that_stops_leaves_the_old_or_the_new_model(stopped_at, tmp_path, monkeypatch):
    _, old, X = saved(tmp_path)
    new = clone(old).set_params(random_state=1).fit(*WINDOWS)
    replace, calls = os.replace, []

    def stop(*arguments):
        calls.append(arguments)
        if len(calls) == stopped_at:
            raise KeyboardInterrupt
        return replace(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", stop)
        with pytest.raises(KeyboardInterrupt):
            save_model(new, tmp_path / "m")
    expected = new if stopped_at == 3 else old
    np.testing.assert_array_equal(
        load_model(tmp_path / "m").predict_proba(X), expected.predict_proba(X)
    )
    files = save_model(new, tmp_path / "m")
    assert sorted(tmp_path.iterdir()) == sorted(files)


def test_two_writers_end_with_one_model(tmp_path):
    _, one, X = saved(tmp_path)
    two = clone(one).set_params(random_state=1).fit(*WINDOWS)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda k: save_model((one, two)[k % 2], tmp_path / "m"), range(20)))
    got = load_model(tmp_path / "m").predict_proba(X)
    assert any(np.array_equal(got, model.predict_proba(X)) for model in (one, two))
    assert len(list(tmp_path.iterdir())) == 2


def test_the_folder_of_checkpoints_is_not_saved_nor_loaded(tmp_path):
    X, y = np.random.default_rng(0).normal(size=(20, 50)), np.repeat([0, 1], 10)
    net = ALSNetClassifier(n_filters=4, max_epochs=1, checkpoint=tmp_path / "fits").fit(X, y)
    _, description = save_model(net, tmp_path / "net")
    assert load_model(tmp_path / "net").checkpoint is None
    forge(description, lambda content: content["params"].update(checkpoint="/etc"))
    with pytest.raises(ValueError, match="checkpoint must be None in a file"):
        load_model(tmp_path / "net")
