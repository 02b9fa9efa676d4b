"""Every system is searched nested by subject over filter, window, features or network, and vote."""

from importlib.util import find_spec

import pytest
from data import simulated_cohort
from sklearn.model_selection import GridSearchCV, cross_validate
from small_systems import SIZES, shrink

from sklearn_emg.metrics import subject_scorer
from sklearn_emg.model_selection import SubjectKFold
from sklearn_emg.papers import get_system, list_systems, make_system
from sklearn_emg.preprocessing import BandpassFilter

# Diagnosis from recordings; a prognosis reads visits, and is searched in its own tests.
NAMES = [name for name in list_systems().index if get_system(name).task == "diagnosis"]
LIBRARY = {"catch22": "pycatch22", "riemann": "pyriemann", "nets, images": "timm", "nets": "torch"}

# A parameter of features or network of each function, and two values of it.
TUNED = {
    "ahmed_islam": ("features__time__features", [["rms", "wl"], ["mfl", "aac"]]),
    "alsnet": ("n_filters", [(2, 2, 4), (4, 4, 4)]),
    "amplitude_envelope_analysis": ("features__features", [["mean", "std"], ["mean", "wl"]]),
    "boosted_features": ("features__features", ["hudgins", "elamvazuthi"]),
    "boumerdes_cnn": ("estimator__dilations", [(1, 2, 3, 4), (1, 2, 4, 8)]),
    "boumerdes_lstm": ("estimator__n_units", [3, 4]),
    "catch22_features": ("features__amplitude", [True, False]),
    "deepemgnet": ("nperseg", [64, 128]),
    "elamvazuthi": ("features__ar__order", [3, 4]),
    "frequency_domain_analysis": ("features__features", [["mnf", "mdf"], ["mnf", "pkf"]]),
    "inception_time": ("n_blocks", [1, 2]),
    "mel_spectrogram_network": ("image__n_mels", [24, 32]),
    "minirocket": ("features__n_features", [84, 168]),
    "multirocket": ("features__n_features", [672, 1344]),
    "nemgnet": ("n_hidden", [(4, 4), (8,)]),
    "neurofusion_features": ("selection__max_features", [2, 3]),
    "neurofusionnet": ("network__has_graph", [True, False]),
    "patel_sunitha": ("features__thresholds", [0.005, 0.02]),
    "plain_network": ("lr", [0.001, 0.01]),
    "quantitative_emg": ("features__time__turn_threshold", [0.05, 0.1]),
    "rule_based": ("classifier__max_rules", [2, 4]),
    "selected_features_mlp": ("selection__max_features", [2, 3]),
    "spectroemgnet": ("attention", ["channel", None]),
    "tangent_space": ("features__delays", [(0.001,), (0.001, 0.002)]),
    "time_domain_analysis": ("features__thresholds", [0.005, 0.02]),
    "transfer_cnn": ("estimator__estimator__n_hidden", [3, 4]),
    "tree_ensembles": ("classifier__forest__max_depth", [2, 3]),
    "waveform_image_network": ("image__width", [32, 48]),
    "yoo_2023": ("features__time__thresholds", [0.005, 0.02]),
    "yoo_2023_cnn": ("pooling", ["max", "average"]),
}
# One of each function is searched in the default run, unless it takes seconds.
EVERYDAY = {
    *("alsnet", "amplitude-envelope", "boumerdes-cnn", "catch22", "deepemgnet", "elamvazuthi"),
    *("frequency-domain", "nemgnet-a-pd", "patel-sunitha-knn", "plain-cnn", "spectroemgnet"),
    *("quantitative-emg-lda", "time-domain", "yoo-2023-cnn"),
}


def names_of_inside(name):
    """Path of the tuned parameter of a system, and its values."""
    function = get_system(name).function.__name__
    assert function in TUNED, (
        f"Add a line for {function} to TUNED, with a parameter and two values."
    )
    inside, values = TUNED[function]
    if name == "elamvazuthi-ar":
        inside = "features__order"
    return f"divote__estimator__{inside}", values


def small_system(name, fs):
    model = shrink(make_system(name, fs=fs, window=0.4, step=0.4))
    if get_system(name).needs == "nets, images":
        # The networks of the sources, of up to 140 million weights, are fitted in test_systems.
        network = "divote__estimator__network"
        model.set_params(**{f"{network}__architecture": "test_byobnet", f"{network}__resize": 32})
    return model


def cohort_of(name):
    """The minimum number of subjects for two nested halves: four of each class."""
    n_subjects = {"transfer-cnn": 24}.get(name, 12)  # four pretrain, four fine-tune
    if get_system(name).function.__name__ == "yoo_2023" or name.endswith("-svm"):
        n_subjects = 36  # three folds of subjects calibrate the support vector machine
    return simulated_cohort(n_subjects=n_subjects, n_recordings=2 * n_subjects, duration=0.45)


# After one epoch, an autoencoder reconstructs almost nothing.
@pytest.mark.filterwarnings("ignore:.* takes windows in mV, but a mean amplitude")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[] if name in EVERYDAY else pytest.mark.slow) for name in NAMES],
)
def test_each_system_is_searched_nested_by_subject(name):
    system = get_system(name)
    if system.needs and find_spec(LIBRARY[system.needs]) is None:
        pytest.skip(f"needs {LIBRARY[system.needs]}")
    X, y = cohort_of(name)
    fs = max(SIZES["cohort"][0], system.min_fs)
    model = small_system(name, fs)
    inside, values = names_of_inside(name)
    votes = [None, "logistic"] if model["divote"].voting == "hard" else ["soft", "hard"]
    vote = f"divote__{'final_estimator' if votes[0] is None else 'voting'}"
    # Each candidate has a different filter, window, inner part and vote.
    grid = [
        {"filter": [pass_], "divote__window": [window], inside: [value], vote: [way]}
        for pass_, window, value, way in zip(
            (BandpassFilter(30.0, 900.0), BandpassFilter(20.0, 700.0)),
            (0.4, 0.42),
            values,
            votes,
        )
    ]
    search = GridSearchCV(
        model,
        grid,
        cv=SubjectKFold(2, random_state=1),
        scoring=subject_scorer("balanced_accuracy"),
        error_score="raise",
    )
    found = cross_validate(
        search,
        X,
        y,
        cv=SubjectKFold(2, random_state=0),
        scoring=subject_scorer("balanced_accuracy"),
        error_score="raise",
        return_estimator=True,
    )
    assert ((found["test_score"] >= 0) & (found["test_score"] <= 1)).all()
    for fitted in found["estimator"]:
        assert len(fitted.cv_results_["params"]) == 2
        best, chosen = fitted.best_estimator_, fitted.best_params_
        reached = best["divote"].estimator_.get_params()
        assert reached[inside.removeprefix("divote__estimator__")] == chosen[inside]
        assert best["divote"].window == chosen["divote__window"]
        assert best["filter"].high == chosen["filter"].high
