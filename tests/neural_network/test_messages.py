"""Messages of the networks about invalid labels, modules and settings."""

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from sklearn_emg.exceptions import RecordingWarning
from sklearn_emg.neural_network import (
    CNN1DClassifier,
    EMGClassifier,
    EMGRegressor,
    ImageNetworkClassifier,
    NEMGNet,
    NEMGNetClassifier,
    PatternNetClassifier,
    RecurrentNetClassifier,
    TransferClassifier,
    load_model,
    save_model,
)

X = np.random.default_rng(0).normal(size=(12, 2, 50)).astype(np.float32)
LABELS = np.array(["a", "b"] * 6, dtype=object)
QUICK = {"max_epochs": 1, "validation_fraction": None, "random_state": 0}


def with_hole(value, row=7):
    labels = LABELS.copy()
    labels[row] = value
    return labels


@pytest.mark.parametrize("classes", [["a", "b", "c"], ["A", "B"], ["a", "c"]])
def test_classes_of_a_later_partial_fit_must_be_those_of_the_first(classes):
    net = CNN1DClassifier(**QUICK).partial_fit(X, LABELS, classes=["a", "b"])
    with pytest.raises(ValueError, match=r"'classes' of CNN1DClassifier.partial_fit.*first call"):
        net.partial_fit(X, LABELS, classes=classes)
    net.partial_fit(X, LABELS, classes=["b", "a"]).partial_fit(X, LABELS)


def test_a_checkpoint_that_is_a_file_is_refused_before_training(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="'checkpoint' of CNN1DClassifier must be a folder"):
        CNN1DClassifier(checkpoint=tmp_path / "file", **QUICK).fit(X, LABELS)


def test_targets_that_overflow_are_named():
    with pytest.raises(ValueError, match=r"y of EMGRegressor has values of up to 1.1e\+301"):
        EMGRegressor("CNN1D", **QUICK).fit(X, 1e300 * np.arange(12))


@pytest.mark.parametrize("module", ["CNN1D", "RecurrentNet", "AttentionNet"])
def test_networks_are_in_single_precision_whatever_the_default_of_torch(module, tmp_path):
    net = EMGClassifier(module, **QUICK)
    expected = clone(net).fit(X, LABELS).predict_proba(X)
    torch.set_default_dtype(torch.float64)
    try:
        net.fit(X, LABELS)
        save_model(net, tmp_path / "net")
        for model in (net, load_model(tmp_path / "net")):
            np.testing.assert_array_equal(model.predict_proba(X), expected)
        assert torch.get_default_dtype() == torch.float64
    finally:
        torch.set_default_dtype(torch.float32)


# Targets


@pytest.mark.parametrize(
    "y",
    [
        with_hole(None),
        with_hole(" "),
        with_hole(np.nan),
        with_hole(pd.NA).tolist(),
        pd.Series(with_hole(None), dtype="string"),
        pd.Series(pd.Categorical(with_hole(None))),
        np.where(np.arange(12) == 7, np.nan, 1.0),
    ],
)
@pytest.mark.parametrize(
    "net", [EMGClassifier("CNN1D", **QUICK), CNN1DClassifier(**QUICK)], ids=["EMG", "CNN1D"]
)
def test_a_missing_label_names_its_row(net, y):
    message = r"y of \w+Classifier has no label .* in 1 of 12 rows, first in row 7"
    with pytest.raises(ValueError, match=message):
        net.fit(X, y)
    with pytest.raises(ValueError, match=message):
        net.partial_fit(X, y, classes=["a", "b"])
    with pytest.raises(ValueError, match=message):
        TransferClassifier(net).pretrain(X, y)


@pytest.mark.parametrize("value, what", [(np.nan, "no target"), (np.inf, "an infinite target")])
@pytest.mark.parametrize("n_outputs", [1, 2])
def test_a_missing_target_names_its_row(value, what, n_outputs):
    y = np.ones((12, n_outputs))
    y[4, -1] = value
    with pytest.raises(ValueError, match=f"y of EMGRegressor has {what}.* first in row 4"):
        EMGRegressor("CNN1D", **QUICK).fit(X, y[:, 0] if n_outputs == 1 else y)


def test_a_missing_target_among_objects_is_not_trained_on():
    with pytest.raises(ValueError, match=r"no target .* in 4 of 12 rows, first in row 0"):
        EMGRegressor("CNN1D", **QUICK).fit(X, pd.Series([None, 1.0, 2.0] * 4, dtype=object))


def test_labels_of_mixed_types():
    message = "mixes text and other labels: 'ctl' in row 1, 1 in row 0"
    for y in ([1, "ctl"] * 6, np.array([1, "ctl"] * 6, dtype=object)):
        with pytest.raises(ValueError, match=message):
            EMGClassifier("CNN1D", **QUICK).fit(X, y)
    with pytest.raises(ValueError, match=r"\(classes\) has no label .* row 1"):
        EMGClassifier("CNN1D", **QUICK).partial_fit(X, LABELS, classes=["a", None])


def test_numbers_in_an_object_column_are_labels():
    net = EMGClassifier("CNN1D", **QUICK).fit(X, pd.Series([3, 5] * 6, dtype=object))
    assert net.classes_.tolist() == [3, 5]
    assert net.classes_.dtype.kind == "i"


# Modules of the user


class OtherNames(torch.nn.Module):
    def __init__(self, n_chans, n_outputs, n_samples):
        super().__init__()


class PerSample(torch.nn.Module):
    """Outputs for each sample instead of each window."""

    def __init__(self, n_channels, n_times, n_classes):
        super().__init__()
        self.layer = torch.nn.Conv1d(n_channels, n_classes, 1)

    def forward(self, x):
        return self.layer(x)


class WithStates(PerSample):
    def forward(self, x):
        return self.layer(x).mean(dim=-1), x


class OneOutput(PerSample):
    """Outputs without an axis, which the mean squared error would broadcast silently."""

    def forward(self, x):
        return self.layer(x).mean(dim=(1, 2))


class FlatWindows(PerSample):
    def __init__(self, n_channels, n_times, n_classes):
        super().__init__(n_channels, n_times, n_classes)
        self.layer = torch.nn.Linear(n_times, n_classes)

    def forward(self, x):
        return self.layer(x.flatten(1))


class TooManyOutputs(PerSample):
    def forward(self, x):
        return torch.cat([self.layer(x).mean(dim=-1)] * 2, dim=1)


def test_a_module_with_other_names_of_arguments():
    with pytest.raises(
        (TypeError, ValueError),
        match=r"takes n_channels, n_times and n_classes by name .* OtherNames does not fit: .*"
        r"does not take n_channels, .* needs n_chans, n_outputs, n_samples",
    ):
        EMGClassifier(OtherNames, **QUICK).fit(X, LABELS)
    with pytest.raises(
        (TypeError, ValueError), match=r"must build a torch\.nn\.Module.* returned str"
    ):
        EMGClassifier(lambda n_channels, n_times, n_classes: "no module", **QUICK).fit(X, LABELS)


def test_a_function_may_rename_the_arguments():
    def build(n_channels, n_times, n_classes, width=1):
        return torch.nn.Sequential(
            torch.nn.Flatten(), torch.nn.Linear(n_channels * n_times, n_classes * width)
        )

    assert EMGClassifier(build, **QUICK).fit(X, LABELS).predict(X).shape == (12,)


@pytest.mark.parametrize(
    "module, message",
    [
        (
            PerSample,
            r"returned an output of shape \(2, 2, 50\).*\(n_windows, n_classes\).*\(2, 2\)",
        ),
        (TooManyOutputs, r"returned an output of shape \(2, 4\)\..*\(n_windows, n_classes\)"),
        (WithStates, r"returned tuple.*outputs of shape \(n_windows, n_classes\), here \(2, 2\)"),
        (FlatWindows, r"failed: .*\(n_windows, n_channels, n_times\), here \(2, 2, 50\)"),
    ],
)
def test_a_module_with_another_output(module, message):
    with pytest.raises(
        ValueError, match=f"The module {module.__name__} of EMGClassifier {message}"
    ):
        EMGClassifier(module, **QUICK).fit(X, LABELS)


def test_a_regressor_refuses_an_output_that_the_loss_would_spread():
    with pytest.raises(ValueError, match=r"OneOutput of EMGRegressor .* \(2,\).* here \(2, 1\)"):
        EMGRegressor(OneOutput, **QUICK).fit(X, np.arange(12.0))


# Single settings


@pytest.mark.parametrize("prefix", ["module", "module_params"])
@pytest.mark.parametrize("cls", [EMGClassifier, EMGRegressor])
def test_one_setting_of_the_network_can_be_searched(cls, prefix):
    y = np.arange(12) % 2
    net = cls("RecurrentNet", module_params={"cell": "gru", "frame": 5}, **QUICK)
    grid = {f"{prefix}__n_units": [3, 4]}
    search = GridSearchCV(net, grid, cv=2, error_score="raise").fit(X, y)
    units = search.best_params_[f"{prefix}__n_units"]
    module = search.best_estimator_.net_.module_
    assert module.recurrent.hidden_size == units
    assert isinstance(module.recurrent, torch.nn.GRU)
    assert net.module_params == {"cell": "gru", "frame": 5}


def test_single_settings_by_name():
    net = EMGClassifier("RecurrentNet", module_params={"n_units": 3})
    copy = clone(net).set_params(module__cell="gru", optimizer__betas=(0.8, 0.9))
    assert copy.module_params == {"n_units": 3, "cell": "gru"}
    assert copy.optimizer_params == {"betas": (0.8, 0.9)}
    assert copy.get_params()["module_params__cell"] == "gru"
    assert "module_params__cell" not in copy.get_params(deep=False)
    assert clone(copy).get_params() == copy.get_params()
    assert copy.set_params(**copy.get_params()).module_params == {"n_units": 3, "cell": "gru"}
    outer = TransferClassifier(net).set_params(estimator__module__n_units=5)
    assert outer.estimator.module_params == {"n_units": 5}
    with pytest.raises(ValueError, match=r"'n_unit', which RecurrentNet does not take\. Did you"):
        net.set_params(module__n_unit=3).fit(X, LABELS)
    with pytest.raises(ValueError, match="Invalid parameter 'models'"):
        net.set_params(models__n_units=3)


def test_the_choice_among_networks_needs_no_name():
    assert NEMGNetClassifier("A").variant == "A"
    assert RecurrentNetClassifier("gru").cell == "gru"
    assert ImageNetworkClassifier("vgg16").architecture == "vgg16"
    assert PatternNetClassifier(20).n_hidden == 20
    assert len(NEMGNet(1, 2000, 2, "A").features) == 7
    with pytest.raises(TypeError, match="positional argument"):
        NEMGNetClassifier("A", (4, 4, 8, 8, 8))


def test_windows_that_the_network_cannot_represent_and_no_windows_at_all():
    with pytest.warns(RuntimeWarning), pytest.raises(ValueError, match="samples of up to 1e"):
        CNN1DClassifier(**QUICK).fit(X.astype(float) / abs(X).max() * 1e300, LABELS)
    with pytest.raises(ValueError, match="0 sample"):
        CNN1DClassifier(**QUICK).fit(X[:0], [])


def test_masked_samples_are_refused():
    masked = np.ma.masked_greater(X, 1)
    for given in (masked, list(masked)):
        with pytest.raises(ValueError, match="CNN1DClassifier got a masked array"):
            CNN1DClassifier(**QUICK).fit(given, LABELS)


def test_labels_that_look_alike_are_warned_of():
    labels = np.array(["a", "b"] * 6, dtype=object)
    labels[3] = "B "
    with pytest.warns(RecordingWarning, match="labels 'B ' and 'b' of y look alike"):
        CNN1DClassifier(**QUICK).fit(X, labels)
