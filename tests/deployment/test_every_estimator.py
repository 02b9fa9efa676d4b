"""Every public estimator is saved in this process and predicts the same in another."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from data import noise
from estimator_instances import INSTANCES
from sklearn.base import clone

from sklearn_emg.datasets import make_progression_cohort
from sklearn_emg.deployment import load_model, save_model
from sklearn_emg.ensemble import NormalLimitRules
from sklearn_emg.motor_units import MotorUnitDecomposer, ReferenceLimits
from sklearn_emg.prognosis import LSTMPrognosis, visit_contexts

pytest.importorskip("skops")
pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn_emg.exceptions.SubjectLeakWarning"),
    pytest.mark.filterwarnings("ignore::sklearn_emg.exceptions.RecordingWarning"),
]
METHODS = ("predict_proba", "predict", "transform")
# Training takes seconds, or the library of its extra is not needed for these tests.
LEFT_OUT = {
    "ImageNetworkClassifier": "timm",
    "MixedModelRegressor": "statsmodels",
    "Catch22Features": "pycatch22",
    "TangentSpaceFeatures": "pyriemann",
    "TsfreshFeatures": "tsfresh",
    "RelevanceSelector": "tsfresh",
    "ShapeReducer": "tsdownsample",
}
NOT_SAVED = ("ImageNetworkClassifier",)  # takes long to train
CHOSEN = {
    f"{number}-{type(instance).__name__}": instance
    for number, instance in enumerate(INSTANCES)
    if type(instance).__name__ not in NOT_SAVED
    and not hasattr(instance, "fit_resample")  # which predicts nothing
    and find_spec(LEFT_OUT.get(type(instance).__name__, "numpy"))
}
# Types of these tests.
OF_TESTS = ("estimator_instances.TimesOfEvents",)
CODE = """
import sys, warnings
import numpy as np
from pathlib import Path
from sklearn_emg.deployment import load_model
warnings.simplefilter("ignore")
folder = Path(sys.argv[1])
X = np.load(folder / "X.npy")
for path in sorted(folder.glob("*/system.json")):
    model = load_model(path.parent, trusted=sys.argv[2:])
    method = next(m for m in ("predict_proba", "predict", "transform") if hasattr(model, m))
    np.save(folder / f"{path.parent.name}.npy", getattr(model, method)(X))
"""


def windows():
    X = noise(30, 24)
    return X * np.where(np.arange(30) % 2, 3.0, 1.0)[:, None], np.arange(30) % 2


@pytest.fixture(scope="module")
def predicted(tmp_path_factory):
    """Folder with all systems, the input, and what a fresh process predicted."""
    folder = tmp_path_factory.mktemp("systems")
    X, y = windows()
    np.save(folder / "X.npy", X)
    fitted = {}
    for name, instance in CHOSEN.items():
        model = clone(instance)
        if "max_epochs" in model.get_params():
            model.set_params(max_epochs=1)
        fitted[name] = model.fit(X, y)
        save_model(fitted[name], folder / name, trusted=OF_TESTS)
    root = Path(__file__).parents[2]
    found = os.pathsep.join([str(root), str(root / "tests")])
    command = [sys.executable, "-c", CODE, str(folder), *OF_TESTS]
    subprocess.run(command, check=True, cwd=root, env=os.environ | {"PYTHONPATH": found})
    return folder, fitted, X


@pytest.mark.slow  # trains all networks
@pytest.mark.parametrize("name", CHOSEN)
def test_another_process_predicts_the_same(name, predicted):
    folder, fitted, X = predicted
    method = next(method for method in METHODS if hasattr(fitted[name], method))
    expected = np.asarray(getattr(fitted[name], method)(X))
    np.testing.assert_array_equal(np.load(folder / f"{name}.npy"), expected)


def test_tables_of_motor_units_travel(tmp_path):
    X = np.tile(noise(20), (1, 400))
    model = MotorUnitDecomposer(fs=8000.0).fit(X)
    again = load_model(save_model(model, tmp_path / "model"))
    tables = {name: value for name, value in vars(model).items() if isinstance(value, pd.DataFrame)}
    assert {"discharges_", "units_", "templates_", "left_out_"} <= tables.keys()
    for name, table in tables.items():
        pd.testing.assert_frame_equal(getattr(again, name), table)


def test_rules_with_published_limits_travel(tmp_path):
    y = np.repeat(["myopathy", "normal"], 20)
    features = pd.DataFrame({"amplitude": noise(40, offset=5.0), "duration": noise(40, offset=9.0)})
    limits = ReferenceLimits().use_table()
    model = NormalLimitRules("normal", reference=limits, muscle="deltoid").fit(features, y)
    again = load_model(save_model(model, tmp_path / "model"))
    np.testing.assert_array_equal(again.predict_proba(features), model.predict_proba(features))


def test_a_prognosis_by_a_network_travels(tmp_path):
    visits = make_progression_cohort(6, random_state=0).visits
    X, y = visit_contexts(visits, visits["score"])
    model = LSTMPrognosis(context=2, n_units=2, max_epochs=1, random_state=0).fit(X, y)
    again = load_model(save_model(model, tmp_path / "model"))
    np.testing.assert_array_equal(again.predict(X), model.predict(X))
