"""One nested search per source, over filter, window, features or network, and vote, by subject."""

from importlib.util import find_spec

import pytest
from data import simulated_cohort
from sklearn.model_selection import GridSearchCV, cross_val_score
from small_systems import SIZES, shrink

from sklearn_emg.metrics import subject_scorer
from sklearn_emg.model_selection import SubjectKFold
from sklearn_emg.papers import get_system, list_systems, make_system
from sklearn_emg.preprocessing import BandpassFilter

# Diagnosis from recordings; a prognosis reads visits.
NAMES = [name for name in list_systems().index if get_system(name).task != "prognosis"]
# The first system of each function stands for its source's family.
ONE_EACH = list(
    {
        get_system(name).function: name
        for name in reversed(list_systems().index)
        if get_system(name).task == "diagnosis"
    }.values()
)[::-1]

# Its support vector machine is calibrated on three folds of subjects, more than this cohort has.
ONE_EACH[ONE_EACH.index("yoo-2023-svm")] = "yoo-2023-rf"
# Too long for everyday use, or nested elsewhere.
LONG = {
    "ahmed-islam",
    "boosted-features",
    "minirocket",
    "multirocket",
    "selected-features-mlp",
    "tree-ensembles",
}
LIBRARY = {"catch22": "pycatch22", "riemann": "pyriemann", "nets, images": "timm", "nets": "torch"}


def grid_of(model, name, fs):
    """One alternative of each kind: filter, window, innermost number, vote."""
    grid = {
        "filter": [BandpassFilter(30.0, 0.4 * fs)],
        "divote__window": [0.35],
        "divote__voting": ["hard"] if "rocket" in name else ["soft", "hard"],
    }
    params = model.get_params()
    inner = [
        path
        for path in params
        if path.startswith("divote__estimator__")
        and path.rsplit("__", 1)[1] in ("lr", "alpha", "C", "tol", "n_estimators", "learning_rate")
        and isinstance(params[path], float | int)
    ]
    if inner:
        grid[inner[0]] = [params[inner[0]] or 0.001]
    return grid


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(
            name, marks=[pytest.mark.slow] if get_system(name).needs or name in LONG else []
        )
        for name in ONE_EACH
    ],
)
def test_each_source_is_searched_nested_by_subject(name):
    needs = {
        "catch22": "pycatch22",
        "riemann": "pyriemann",
        "nets, images": "timm",
        "nets": "torch",
    }
    system = get_system(name)
    if system.needs and find_spec(needs[system.needs]) is None:
        pytest.skip(f"needs {needs[system.needs]}")
    # A transfer needs two training subjects of a class, one to pretrain and one to fine-tune.
    n_subjects = 24 if name == "transfer-cnn" else 12
    X, y = simulated_cohort(n_subjects=n_subjects, n_recordings=24, duration=0.45)
    fs = max(SIZES["cohort"][0], system.min_fs)
    model = shrink(make_system(name, fs=fs, window=0.4, step=0.4))
    grid = grid_of(model, name, fs)
    search = GridSearchCV(
        model,
        grid,
        cv=SubjectKFold(2, random_state=1),
        scoring=subject_scorer("balanced_accuracy"),
        error_score="raise",
    )
    scores = cross_val_score(
        search,
        X,
        y,
        cv=SubjectKFold(2, random_state=0),
        scoring=subject_scorer("balanced_accuracy"),
        error_score="raise",
    )
    assert len(scores) == 2
    assert ((scores >= 0) & (scores <= 1)).all()
