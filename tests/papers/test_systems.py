"""Every published system builds, clones, can be tuned, fits and predicts."""

import inspect
import re
from importlib.util import find_spec

import numpy as np
import pandas as pd
import pytest
from data import simulated_cohort
from sklearn.base import BaseEstimator, clone
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import GridSearchCV, HalvingGridSearchCV, RandomizedSearchCV
from small_systems import SIZES, shrink

from sklearn_emg.datasets import load_lower_limb
from sklearn_emg.feature_extraction import TimeDomainFeatures
from sklearn_emg.metrics import subject_scorer
from sklearn_emg.model_selection import SubjectHoldout, SubjectKFold
from sklearn_emg.papers import get_system, list_systems, make_system, nemgnet, rule_based
from sklearn_emg.preprocessing import AutoencoderDenoiser

SYSTEMS = list_systems()
SYSTEMS = SYSTEMS[SYSTEMS["task"] == "diagnosis"]
IMAGES = SYSTEMS.index[SYSTEMS["needs"] == "nets, images"].tolist()


@pytest.fixture(scope="module")
def cohort():
    return simulated_cohort(n_recordings=36, duration=0.45)


def test_every_row_of_the_table_says_where_it_comes_from():
    assert SYSTEMS.index.is_unique
    assert len(SYSTEMS) >= 30
    for column in ("title", "citation", "input", "estimator", "open_choices"):
        assert (SYSTEMS[column].str.len() > 5).all(), column


@pytest.mark.parametrize("name", SYSTEMS.index)
def test_a_leaky_figure_is_called_leaky_wherever_it_is_quoted(name):
    system = get_system(name)
    doc = system.function.__doc__
    assert "Details that the source leaves open, or that differ here:" in doc
    for figure in system.published:
        if figure.leaky:
            assert "(leaky)" in str(figure)
            assert "leaky" in doc


def test_titles_have_authors_year_and_method():
    assert SYSTEMS["title"].is_unique
    assert SYSTEMS["title"].str.fullmatch(r"[A-Z].+ \((19|20)\d\d\): \S.+").all()


@pytest.mark.parametrize("name", SYSTEMS.index)
def test_docstrings_are_complete(name):
    system = get_system(name)
    doc = " ".join(system.function.__doc__.split())
    assert "$" not in doc
    assert system.source.authors in doc
    for choice in system.open_choices:
        assert str(choice) in doc
    for result in system.published:
        assert str(result) in doc


def test_every_parameter_is_documented():
    for function in {get_system(name).function for name in SYSTEMS.index}:
        described = re.findall(r"^(\w+) : ", function.__doc__.split("Returns\n")[0], re.M)
        assert described == list(inspect.signature(function).parameters)


def test_published_figures_are_those_of_the_sources():
    published = {n: [f.value for f in get_system(n).published] for n in SYSTEMS.index}
    assert published["nemgnet-b-pd"] == [83.69]
    assert published["nemgnet-d-averaging"] == [75.35]
    assert published["nemgnet-a-all"] == [76.06]
    assert published["patel-sunitha-svm"] == [73.0]
    assert published["boumerdes-lstm"] == [64.86]


@pytest.mark.parametrize("name", SYSTEMS.index)
def test_builds_clones_and_reaches_nested_parts(name):
    model = make_system(name, fs=1000.0)
    copy = clone(model)
    assert str(copy.get_params()) == str(model.get_params())
    copy.set_params(resample__fs_out=500.0, divote__window=0.25)
    assert copy.named_steps["divote"].window == 0.25
    # Numbers of the innermost parts can be tuned.
    deepest = max(copy.get_params(), key=lambda p: p.count("__"))
    assert deepest.count("__") >= 2


def parts(estimator):
    """Estimators among the parameters of an estimator, in lists and dicts too."""
    found, values = [], list(estimator.get_params(deep=False).values())
    while values:
        value = values.pop()
        if isinstance(value, dict | list | tuple):
            values += value.values() if isinstance(value, dict) else value
        elif isinstance(value, BaseEstimator):
            found += [value, *parts(value)]
    return found


@pytest.mark.parametrize("name", SYSTEMS.index)
def test_every_part_is_reached_by_set_params(name):
    model = make_system(name, fs=1000.0)
    params = model.get_params(deep=True)
    inside = parts(model)
    assert len(inside) >= 3
    assert {id(part) for part in inside} <= {id(value) for value in params.values()}
    numbers = {path: 2 * v for path, v in params.items() if type(v) in (int, float)}
    model.set_params(**numbers)
    assert len(numbers) >= 5
    assert {path: model.get_params()[path] for path in numbers} == numbers


@pytest.fixture(scope="module")
def limb(real_data):
    """Sitting recordings of six subjects, four muscles of the thigh, 2.2 s at 1 kHz."""
    limb = load_lower_limb(real_data / "lower_limb")
    subjects = ["A01", "A02", "A03", "N01", "N03", "N04"]
    rows = (limb.data["exercise"] == "sitting") & limb.data["subject"].isin(subjects)
    X = limb.data[rows].assign(region="proximal")
    X["signal"] = [signal[:, :2200] for signal in X["signal"]]
    return X, np.asarray(limb.target)[rows]


# Each fit draws 140 million weights, so CI fits each VGG network on only one of the two sets.
LONG = {("nodera-vgg16", "limb"), ("nodera-vgg19", "cohort")}


@pytest.mark.parametrize(
    ("name", "data"),
    [
        pytest.param(name, data, marks=[pytest.mark.slow] if (name, data) in LONG else [])
        for name in SYSTEMS.index
        for data in SIZES
    ],
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.filterwarnings("ignore:Mean of empty slice")
def test_fits_and_tells_new_people(name, data, request):
    if name in IMAGES and find_spec("timm") is None:
        pytest.skip("needs timm")
    X, y = request.getfixturevalue(data)
    fs, window, step = SIZES[data]
    fs = max(fs, get_system(name).min_fs * 0.4 / window)
    model = shrink(make_system(name, fs=fs, window=window, step=step))
    run = SubjectHoldout(random_state=0).runs(X, y)[0]
    new, truth = X.iloc[run.test], y[run.test]
    model.fit(X.iloc[run.train], y[run.train])
    proba = model.predict_proba(new)
    assert proba.shape == (len(new), len(set(y)))
    np.testing.assert_allclose(proba.sum(axis=1), 1.0, atol=1e-6)
    # One diagnosis per subject.
    answers = pd.DataFrame({"subject": new["subject"], "answer": model.predict(new)})
    assert (answers.groupby("subject")["answer"].nunique() == 1).all()
    assert model.score(new, truth) == np.mean(answers["answer"] == truth)


def test_the_autoencoder_of_algorithm_1_takes_the_place_of_wavelets(cohort):
    X, y = cohort
    model = make_system("neurofusion-features", fs=2000.0, random_state=0)
    denoiser = AutoencoderDenoiser(2, max_epochs=1, random_state=0)
    model = shrink(model).set_params(divote__estimator__denoise=denoiser)
    assert set(model.fit(X, y).predict(X)) <= set(y)


def test_networks_on_images_are_those_of_the_paper():
    name = "divote__estimator__network__architecture"
    built = {make_system(n).get_params()[name] for n in IMAGES}
    assert built == {*("resnet50", "resnet152", "vgg16", "vgg19", "inception_v3", "inception_v4")}


@pytest.mark.parametrize("name", SYSTEMS.index[SYSTEMS["needs"].str.startswith("nets")])
def test_early_stopping_is_that_of_the_source_or_stated(name):
    pytest.importorskip("skorch", reason="the networks need skorch")
    found = {v for k, v in make_system(name).get_params().items() if k.endswith("__patience")}
    found -= {v for k, v in make_system(name).get_params().items() if k.endswith("lr_patience")}
    choices = str(get_system(name).open_choices)
    if name == "neurofusion-features":
        return  # its only network is an autoencoder without labels
    if name == "boumerdes-cnn":
        assert found == {25}  # of the source
    elif "patience 20" in choices:
        assert found == {20}
    else:
        assert found == {None} or found == set()
        assert re.search("early stopping.*(none|without)|without early stopping", choices)


def test_rules_can_be_read(cohort):
    X, y = cohort
    model = rule_based(fs=2000.0).fit(X, y)
    text = model["divote"].estimator_["classifier"].export_text()
    assert text.splitlines()[-1].startswith("else:")
    assert any(name in text for name in ("turns", "turn_amplitude", "rms", "zc"))


def test_a_system_is_tuned_over_its_steps_by_subject(cohort):
    X, y = cohort
    search = GridSearchCV(
        make_system("time-domain", fs=2000.0),
        {"filter__high": [500.0, 900.0], "divote__estimator__features__thresholds": [0.005, 0.02]},
        cv=SubjectKFold(3, random_state=0),
        scoring=subject_scorer("accuracy"),
        error_score="raise",
    ).fit(X, y)
    assert len(search.cv_results_["params"]) == 4


def test_a_misspelt_system_is_answered_with_near_misses():
    with pytest.raises(ValueError, match="Did you mean 'patel-sunitha-knn'"):
        make_system("patel-sunita-knn")


def test_an_unknown_argument_is_refused_with_those_there_are():
    with pytest.raises(TypeError, match="alsnet has no argument 'epochs'; it has fs, window"):
        make_system("alsnet", epochs=3)


def test_unknown_variants_and_features_are_refused():
    with pytest.raises(ValueError, match="'variant' parameter of nemgnet must be one of 'A', 'B'"):
        nemgnet("E")
    with pytest.raises(ValueError, match="'feature' parameter of nemgnet"):
        nemgnet("B", "proximal")


def test_a_missing_region_column_is_named(cohort):
    X, y = cohort
    with pytest.raises(ValueError, match="names the column 'region'"):
        make_system("nemgnet-a-pd", fs=2000.0).fit(X.drop(columns="region"), y)


def test_mixed_sampling_rates_become_one(cohort):
    X, y = cohort
    X = X.copy()
    slow = np.arange(len(X)) % 2 == 0
    X["signal"] = [s[::2] if half else s for s, half in zip(X["signal"], slow)]
    X["fs"] = np.where(slow, 1000.0, 2000.0)
    model = make_system("time-domain", fs=800.0).fit(X, y)
    assert model["divote"].window_shape_ == (320,)


def test_with_a_memory_a_grid_over_the_classifier_computes_features_once(
    cohort, tmp_path, monkeypatch
):
    X, y = cohort
    fits = []
    original = TimeDomainFeatures.fit

    def counting(self, X, y=None):
        fits.append(len(X))
        return original(self, X, y)

    monkeypatch.setattr(TimeDomainFeatures, "fit", counting)
    model = make_system("time-domain", fs=2000.0)
    model.set_params(memory=str(tmp_path), divote__estimator__memory=str(tmp_path))
    grid = {"divote__estimator__classifier__tol": [1e-5, 1e-4, 1e-3]}
    cv = SubjectKFold(2, random_state=0)
    GridSearchCV(model, grid, cv=cv, scoring=subject_scorer("accuracy")).fit(X, y)
    # Once in each of two folds and once for the final fit, not once for each of the three values.
    assert len(fits) == 3


def test_searches_of_scikit_learn_halve_and_draw(cohort):
    X, y = cohort
    model = make_system("yoo-2023-rf", fs=2000.0)
    grid = {
        "divote__estimator__classifier__n_estimators": [3, 5],
        "divote__voting": ["soft", "hard"],
    }
    common = {"cv": SubjectKFold(2, random_state=0), "scoring": subject_scorer("accuracy")}
    drawn = RandomizedSearchCV(model, grid, n_iter=2, random_state=0, **common).fit(X, y)
    halved = HalvingGridSearchCV(
        model, grid, resource="divote__estimator__classifier__max_depth", max_resources=4,
        min_resources=2, factor=2, **common,
    ).fit(X, y)  # fmt: skip
    assert len(drawn.cv_results_["params"]) == 2
    assert halved.n_resources_ == [2, 4]
