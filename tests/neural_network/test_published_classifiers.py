"""One classifier per network: flat parameters that reach the module, the papers' training."""

import ast
import inspect
import pickle
import re
import sys
import textwrap
from functools import partial
from pathlib import Path

import data
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from sklearn_emg import neural_network
from sklearn_emg.neural_network import (
    ALSNetClassifier,
    AttentionNetClassifier,
    AutoencoderNetClassifier,
    CNN1DClassifier,
    DeepEMGNetClassifier,
    DilatedCNNClassifier,
    EMGClassifier,
    EMGRegressor,
    ImageNetworkClassifier,
    NEMGNetClassifier,
    NeuroFusionNetClassifier,
    PatternNetClassifier,
    RecurrentNetClassifier,
    SpectroEMGNetClassifier,
    StackedLSTMClassifier,
)

from sklearn_emg.neural_network import _estimators  # isort: skip
from sklearn_emg.neural_network._parameters import trains
from sklearn_emg.neural_network._ready import ReadyClassifier
from sklearn_emg.neural_network._registry import NETWORKS

PUBLISHED = [
    ALSNetClassifier,
    AttentionNetClassifier,
    CNN1DClassifier,
    DeepEMGNetClassifier,
    DilatedCNNClassifier,
    ImageNetworkClassifier,
    NEMGNetClassifier,
    NeuroFusionNetClassifier,
    PatternNetClassifier,
    RecurrentNetClassifier,
    SpectroEMGNetClassifier,
    StackedLSTMClassifier,
]
SIZES = {"n_channels", "n_times", "n_classes"}
TINY_NEMGNET = {
    "n_filters": (4, 4, 8, 8, 8),
    "n_hidden": (8,),
    "stride": 1,
    "pool_size": 1,
}


cohort = partial(data.cohort, 8, 4, n_times=24, labels=("control", "patient"))


def network_of(cls):
    return getattr(neural_network, cls.__name__.removesuffix("Classifier"))


@pytest.mark.parametrize("cls", PUBLISHED)
def test_holds_every_setting_of_its_network_with_the_same_default(cls):
    settings = inspect.signature(network_of(cls)).parameters
    own = inspect.signature(cls).parameters
    for name, parameter in settings.items():
        if name not in SIZES:
            assert own[name].default == parameter.default, name


@pytest.mark.parametrize("cls", [*PUBLISHED, AutoencoderNetClassifier, EMGClassifier, EMGRegressor])
def test_documents_every_parameter_with_its_default(cls):
    # Python removes the indentation by itself from version 3.13 on.
    assert cls.__doc__.rstrip() == inspect.cleandoc(cls.__doc__)
    section = cls.__doc__.split("Attributes\n")[0]
    entries = dict(re.findall(r"^(\w+) : .*default=(.+)$", section, flags=re.MULTILINE))
    own = inspect.signature(cls).parameters
    assert list(entries) == list(own)
    for name, shown in entries.items():
        assert eval(shown) == own[name].default, name


@pytest.mark.parametrize("cls", PUBLISHED)
def test_training_parameters_are_those_of_emg_classifier(cls):
    general = set(inspect.signature(EMGClassifier).parameters) - {"module", "module_params"}
    settings = set(inspect.signature(network_of(cls)).parameters) - SIZES
    assert set(inspect.signature(cls).parameters) == general | settings


def test_the_stubs_for_type_checkers_are_up_to_date():
    sys.path.insert(0, str(Path(__file__).parents[2] / "doc"))
    from stubs import STUBS, path_of

    for package, text in STUBS.items():
        assert path_of(package).read_text(encoding="utf-8") == text(), "run python doc/stubs.py"


def test_constructors_have_explicit_signatures():
    signature = inspect.signature(NEMGNetClassifier)
    assert list(signature.parameters)[:3] == ["variant", "n_filters", "n_hidden"]
    assert signature.parameters["lr"].annotation is float
    assert NEMGNetClassifier(patience=3).get_params()["patience"] == 3
    with pytest.raises(TypeError, match=r"NEMGNetClassifier: .* unexpected keyword argument 'lrr'"):
        NEMGNetClassifier(lrr=0.1)
    with pytest.raises(TypeError, match=r"argument 'epochs'. Did you mean 'max_epochs'\?"):
        NEMGNetClassifier(epochs=3)
    with pytest.raises(TypeError, match="NEMGNetClassifier: multiple values for argument 'varia"):
        NEMGNetClassifier("A", variant="B")


class Narrow(ALSNetClassifier):
    def __init__(self, width=4, max_epochs=1):
        super().__init__(n_filters=width, max_epochs=max_epochs, random_state=0)
        self.width = width


def test_a_subclass_may_have_a_constructor_of_its_own():
    assert clone(Narrow(5)).get_params() == {"width": 5, "max_epochs": 1}
    X, y, _ = cohort()
    assert pickle.loads(pickle.dumps(Narrow().fit(X, y))).predict(X).shape == y.shape


def test_settings_reach_the_module():
    X, y, subjects = cohort()
    net = NEMGNetClassifier(variant="B", **TINY_NEMGNET, max_epochs=1, random_state=0)
    module = clone(net).set_params(variant="A").fit(X, y, groups=subjects).net_.module_
    assert len(module.features) == 7  # no residual blocks
    assert module.classifier[2].out_features == 8


def test_equals_the_general_classifier_with_the_same_settings():
    X, y, subjects = cohort()
    training = {"max_epochs": 3, "random_state": 0}
    flat = DilatedCNNClassifier(n_filters=4, batch_size=32, lr_patience=None, **training)
    general = EMGClassifier(
        "DilatedCNN", module_params={"n_filters": 4}, weight_decay=2e-4, patience=25, **training
    )
    np.testing.assert_array_equal(
        flat.fit(X, y, groups=subjects).predict_proba(X),
        general.fit(X, y, groups=subjects).predict_proba(X),
    )


def test_grid_search_over_network_and_training():
    X, y, _ = cohort()
    net = NEMGNetClassifier(**TINY_NEMGNET, max_epochs=1, random_state=0)
    grid = {"variant": ["A", "B"], "lr": [1e-3, 1e-2]}
    search = GridSearchCV(net, grid, cv=2, error_score="raise").fit(X, y)
    assert set(search.best_params_) == {"variant", "lr"}


@pytest.mark.parametrize(
    "net",
    [
        ALSNetClassifier(n_filters=8, lr=0.01, max_epochs=20, random_state=0),
        DilatedCNNClassifier(n_filters=8, lr=0.01, max_epochs=20, random_state=0),
        NEMGNetClassifier(**TINY_NEMGNET, variant="A", lr=0.02, max_epochs=40, random_state=0),
        StackedLSTMClassifier(n_units=16, n_layers=1, lr=0.02, max_epochs=40, random_state=0),
        AttentionNetClassifier(n_units=16, frame=4, lr=0.01, max_epochs=40, random_state=0),
        CNN1DClassifier(n_filters=(8, 8), pool_size=2, lr=0.01, max_epochs=20, random_state=0),
        DeepEMGNetClassifier(nperseg=8, lr=0.01, max_epochs=20, random_state=0),
        NeuroFusionNetClassifier(pool_size=2, n_units=8, lr=0.01, max_epochs=30, random_state=0),
        RecurrentNetClassifier(cell="gru", frame=2, lr=0.01, max_epochs=40, random_state=0),
        SpectroEMGNetClassifier(
            nperseg=8, n_filters=(8, 8), delta_width=3, lr=0.01, max_epochs=40, random_state=0
        ),
    ],
    ids=lambda net: type(net).__name__,
)
def test_learns_subjects_it_has_not_seen(net):
    X, y, subjects = cohort()
    new_X, new_y, _ = cohort(seed=1)
    assert net.fit(X, y, groups=subjects).score(new_X, new_y) > 0.8


def test_wrong_settings_of_the_network_are_refused_in_fit():
    X, y, _ = cohort()
    with pytest.raises(ValueError, match="'variant' parameter of NEMGNet must be one of"):
        NEMGNetClassifier(variant="E").fit(X, y)
    with pytest.raises(ValueError, match=r"at least 1003 samples\. Got n_times=24"):
        NEMGNetClassifier().fit(X, y)


# No parameter is ignored


def names_read(function):
    """Names of variables that a function reads."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    nodes = [n for n in ast.walk(tree) if isinstance(n, ast.Name)]
    return {n.id for n in nodes if isinstance(n.ctx, ast.Load)}


def attributes_read(module):
    """Attributes of self that the functions of a module read, except in constructors."""
    tree = ast.parse(inspect.getsource(module))
    functions = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)]
    nodes = [n for f in functions if f.name != "__init__" for n in ast.walk(f)]
    return {n.attr for n in nodes if isinstance(n, ast.Attribute) and isinstance(n.ctx, ast.Load)}


@pytest.mark.parametrize("name", NETWORKS)
def test_every_setting_of_a_network_is_used(name):
    network = getattr(neural_network, name)
    # Networks that average over time do not depend on the length.
    settings = set(inspect.signature(network).parameters) - {"n_times"}
    constructor = vars(network)["__init__"]
    # A partialmethod wraps a constructor with different defaults.
    assert settings <= names_read(getattr(constructor, "func", constructor))


@pytest.mark.parametrize(
    "cls",
    [EMGClassifier, EMGRegressor, *PUBLISHED, AutoencoderNetClassifier],
    ids=lambda c: c.__name__,
)
def test_every_parameter_of_an_estimator_is_used(cls):
    used = attributes_read(_estimators) | attributes_read(inspect.getmodule(cls))
    if hasattr(cls, "_network"):  # read under the names of the network's settings
        used |= set(inspect.signature(cls._network).parameters)
    assert set(inspect.signature(cls).parameters) <= used


def net_classifier(settings):
    """A ready-made classifier of a network whose docstring describes some settings."""

    def __init__(self, n_channels, n_times, n_classes, *, width=3):
        pass

    sizes = "n_channels, n_times, n_classes : int\n"
    doc = f"A network.\n\nParameters\n----------\n{sizes}{settings}\nNotes\n-----\nNone.\n"
    net = type("Net", (), {"__init__": __init__, "__doc__": doc})
    return trains(net)(type("NetClassifier", (ReadyClassifier,), {"__doc__": "{parameters}"}))


def test_settings_of_a_network_are_described_in_its_classifier():
    described = net_classifier("width : int, default=3\n    Width.\n").__doc__
    assert described.startswith("width : int, default=3\n    Width.\nclass_weight :")


def test_a_setting_without_text_is_named():
    with pytest.raises(TypeError, match="docstring of Net does not describe the parameter 'width'"):
        net_classifier("")
