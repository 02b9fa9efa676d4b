"""Checks that every public estimator has to pass.

Estimators are found automatically. One that has no entry in ``INSTANCES`` makes
`test_every_public_estimator_is_checked` fail, so that a new one cannot be forgotten.
"""

import importlib
import inspect
import pickle
import pkgutil

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.base import BaseEstimator, clone
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import estimator_checks_generator, parametrize_with_checks

import sklearn_emg
from sklearn_emg.base import FeatureExtractor, SignalTransformer
from sklearn_emg.feature_extraction import AutoregressiveFeatures, EMGFeatures
from sklearn_emg.feature_selection import RelevanceSelector
from sklearn_emg.preprocessing import AmplitudeScaler, AutoencoderDenoiser, ReferenceScaler
from sklearn_emg.recordings import recording_table

from estimator_instances import INSTANCES, SKIPPED  # isort: skip


def public_estimators():
    """Every estimator class that a package or module of sklearn_emg names in its __all__."""
    found = {}
    modules = ["sklearn_emg." + m.name for m in pkgutil.iter_modules(sklearn_emg.__path__)]
    for name in modules:
        if name.rsplit(".", 1)[1].startswith("_"):
            continue
        module = importlib.import_module(name)
        for public in getattr(module, "__all__", ()):
            item = getattr(module, public)
            if inspect.isclass(item) and issubclass(item, BaseEstimator):
                found[item] = f"{name}.{public}"
    # Bases are for subclasses.
    return {c: n for c, n in found.items() if c not in (SignalTransformer, FeatureExtractor)}


PUBLIC = public_estimators()
SIGNAL_TO_SIGNAL = [e for e in INSTANCES if isinstance(e, SignalTransformer)]
EXTRACTORS = [e for e in INSTANCES if isinstance(e, FeatureExtractor)]


def name_of(estimator):
    return type(estimator).__name__


def test_every_public_estimator_is_checked():
    seen = {cls for e in INSTANCES for cls in type(e).__mro__} | SKIPPED
    missing = {PUBLIC[c] for c in PUBLIC if c not in seen}
    assert not missing, f"add small instances of {sorted(missing)} to tests/estimator_instances.py"


@parametrize_with_checks(INSTANCES)
def test_scikit_learn_checks(estimator, check):
    check(estimator)


@pytest.mark.parametrize("estimator", INSTANCES, ids=name_of)
def test_the_checks_really_run(estimator):
    # A class with only the tag for 3-D input gets a single check and passes unnoticed.
    assert len(list(estimator_checks_generator(estimator))) >= 40


@pytest.mark.parametrize("estimator", INSTANCES, ids=name_of)
def test_repr_html_shows_the_estimator(estimator):
    assert type(estimator).__name__ in estimator._repr_html_()


@pytest.mark.parametrize("cls", PUBLIC, ids=lambda c: c.__name__)
def test_public_docstrings_have_parameters_and_a_running_example(cls):
    doc = inspect.getdoc(cls)
    parameters = inspect.signature(cls).parameters
    sections = ["Parameters\n----------"] if parameters else []
    for part in (*sections, "Examples\n--------", ">>> "):
        assert part in doc, f"{cls.__name__} lacks {part!r} in its docstring"
    for parameter in parameters:
        assert parameter in doc, f"{cls.__name__} does not document {parameter!r}"


# ------------------------------------------------------------------ signals


@pytest.fixture(scope="module")
def windows():
    return np.random.default_rng(0).normal(size=(7, 3, 260))


def for_table(estimator):
    estimator = clone(estimator)
    return estimator.set_params(fs=None) if "fs" in estimator.get_params() else estimator


def table_of(windows, fs=1000.0):
    names = [f"s{i}" for i in range(len(windows))]
    return recording_table(list(windows), fs=fs, subject=names, note=names)


def rate_of(estimator):
    return float(estimator.get_params().get("fs") or 1000.0)


@pytest.mark.parametrize("estimator", SIGNAL_TO_SIGNAL + EXTRACTORS, ids=name_of)
def test_a_table_gives_what_its_signals_give_as_arrays(estimator, windows):
    fs = rate_of(estimator)
    table = table_of(windows, fs)
    out = for_table(estimator).fit(table).transform(table)
    expected = clone(estimator).fit(windows).transform(windows)
    if isinstance(estimator, SignalTransformer):
        assert isinstance(out, pd.DataFrame)
        assert out["subject"].tolist() == table["subject"].tolist()
        assert out["note"].tolist() == table["note"].tolist()
        out = np.stack(out["signal"].tolist())
    np.testing.assert_allclose(out, expected, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("estimator", SIGNAL_TO_SIGNAL + EXTRACTORS, ids=name_of)
def test_a_window_does_not_depend_on_the_others(estimator, windows):
    fitted = clone(estimator).fit(windows)
    together = fitted.transform(windows)
    order = [3, 0, 6, 2]
    np.testing.assert_allclose(fitted.transform(windows[order]), together[order], rtol=1e-9)


STATELESS = [e for e in INSTANCES if hasattr(e, "transform") and not get_tags(e).requires_fit]


def test_steps_that_learn_say_so():
    learning = [
        AmplitudeScaler(by="training"),
        ReferenceScaler(),
        AutoregressiveFeatures("aic"),
        EMGFeatures(on_short="drop"),
        AutoencoderDenoiser(),
        RelevanceSelector(),
    ]
    assert all(get_tags(step).requires_fit for step in learning)
    assert len(STATELESS) > 30

    class Learning(SignalTransformer):
        def _fit_signals(self, X, fs):
            self.mean_ = X.mean()

    assert get_tags(Learning()).requires_fit


@pytest.mark.parametrize("estimator", STATELESS, ids=name_of)
def test_what_fit_has_seen_does_not_change_a_step_that_learns_nothing(estimator, windows):
    one = clone(estimator).fit(windows[:2] * 5).transform(windows)
    other = clone(estimator).fit(windows[3:], [0, 1, 0, 1]).transform(windows)
    np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(clone(estimator).transform(windows), one)  # without fit
    # A store keeps each recording separately, so a row must be bit-identical with any other rows.
    for dtype in (np.float32, np.float64):
        fitted = clone(estimator).fit(windows.astype(dtype))
        together = fitted.transform(windows.astype(dtype))
        for row in range(len(windows)):
            alone = fitted.transform(windows[row : row + 1].astype(dtype))
            np.testing.assert_array_equal(alone[0], together[row])


@pytest.mark.parametrize("estimator", SIGNAL_TO_SIGNAL + EXTRACTORS, ids=name_of)
def test_float32_stays_and_the_input_is_left_alone(estimator, windows):
    X = windows.astype(np.float32)
    X.setflags(write=False)
    out = clone(estimator).fit(X).transform(X)
    assert out.dtype == np.float32
    strided = np.repeat(X, 2, axis=2)[:, :, ::2]
    np.testing.assert_allclose(clone(estimator).fit(strided).transform(strided), out)


@pytest.mark.parametrize("estimator", SIGNAL_TO_SIGNAL + EXTRACTORS, ids=name_of)
def test_other_channels_and_lengths_than_fitted_are_refused(estimator, windows):
    fitted = clone(estimator).fit(windows)
    with pytest.raises(ValueError, match=r"features, but|channels"):
        fitted.transform(windows[:, :2])
    with pytest.raises(ValueError, match="samples"):
        fitted.transform(windows[:, :, :-1])


NAN_REFUSED = [e for e in SIGNAL_TO_SIGNAL + EXTRACTORS if not get_tags(e).input_tags.allow_nan]


@pytest.mark.parametrize("estimator", NAN_REFUSED, ids=name_of)
def test_nan_in_a_table_names_the_row(estimator, windows):
    signals = [w.copy() for w in windows]
    signals[4][0, 7] = np.nan
    table = table_of(signals, rate_of(estimator))
    step = for_table(estimator)
    with pytest.raises(ValueError, match=r"[Rr]ow 4.*NaN"):
        step.fit(table).transform(table)


@pytest.mark.parametrize("estimator", SIGNAL_TO_SIGNAL + EXTRACTORS, ids=name_of)
def test_the_column_of_signals_alone_is_refused(estimator, windows):
    with pytest.raises(ValueError, match="got the column 'signal' alone"):
        clone(estimator).fit(table_of(windows)["signal"])


@pytest.mark.parametrize("estimator", EXTRACTORS, ids=name_of)
def test_feature_names_fit_the_columns(estimator, windows):
    fitted = clone(estimator).set_output(transform="pandas").fit(windows)
    frame = fitted.transform(windows)
    names = fitted.get_feature_names_out()
    assert frame.columns.tolist() == names.tolist()
    assert len(set(names)) == len(names)
    assert np.isfinite(frame.to_numpy()).all()


@pytest.mark.parametrize("estimator", SIGNAL_TO_SIGNAL, ids=name_of)
def test_global_pandas_output_leaves_signals_alone(estimator, windows):
    with sklearn.config_context(transform_output="pandas"):
        assert isinstance(clone(estimator).fit(windows).transform(windows), np.ndarray)


@pytest.mark.parametrize("estimator", SIGNAL_TO_SIGNAL + EXTRACTORS, ids=name_of)
def test_pickled_in_a_pipeline(estimator, windows):
    y = np.arange(7) % 2
    X = windows[:, 0]
    steps = make_pipeline(clone(estimator), LogisticRegression()).fit(X, y)
    again = pickle.loads(pickle.dumps(steps))
    np.testing.assert_array_equal(again.predict_proba(X), steps.predict_proba(X))


def test_global_random_state_is_left_alone(windows):
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    for estimator in SIGNAL_TO_SIGNAL + EXTRACTORS:
        clone(estimator).fit(windows).transform(windows)
    np.testing.assert_array_equal(np.random.get_state()[1], state)  # noqa: NPY002
