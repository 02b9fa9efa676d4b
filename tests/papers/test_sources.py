"""Systems follow their sources or state the differences; baselines are listed with them."""

from collections import Counter
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from data import noise, simulated_cohort
from sklearn.dummy import DummyClassifier
from sklearn.model_selection import GridSearchCV

from sklearn_emg.datasets import load_n2001
from sklearn_emg.exceptions import RecordingWarning
from sklearn_emg.metrics import subject_scorer
from sklearn_emg.model_selection import SubjectKFold
from sklearn_emg.papers import ALSNetProtocol, get_system, list_systems, make_system
from sklearn_emg.papers._benchmark import _boumerdes_tables as boumerdes
from sklearn_emg.papers._boumerdes import BOUMERDES_PAIRS
from sklearn_emg.preprocessing import capped_sampling_strategy
from sklearn_emg.recordings import divide, recording_table

BASELINES = list_systems(kind="baseline")


def test_baselines_stand_beside_the_published_systems():
    assert {"minirocket", "multirocket", "catch22", "tangent-space"} <= set(BASELINES.index)
    published = list_systems(kind="published")
    assert not set(published.index) & set(BASELINES.index)
    assert len(published) + len(BASELINES) == len(list_systems())
    assert (BASELINES["published"] == "").all()
    with pytest.raises(ValueError, match="'kind' parameter of list_systems"):
        list_systems(kind="baselines")


@pytest.mark.parametrize(
    "name", ["elamvazuthi", "deepemgnet", "yoo-2023-svm", "yoo-2023-rf", "yoo-2023-cnn"]
)
def test_splits_by_signals_are_leaky_and_the_deviation_is_listed(name):
    system = get_system(name)
    assert all(result.leaky for result in system.published)
    deviations = [choice for choice in system.open_choices if choice.deviates]
    said = [choice.paper for choice in deviations]
    assert "a split of signals into training, validation and test sets" in said


def test_published_figures_of_all_tasks_and_rows():
    values = {n: [r.value for r in get_system(n).published] for n in list_systems().index}
    assert values["elamvazuthi"] == [86.3, 82.5, 81.0, 80.5, 77.0]
    assert values["yoo-2023-cnn"] == [92.5]
    assert "healthy/sick" in get_system("ahmed-islam").published[0].measure
    assert "Tables 5 and 6" in get_system("nodera-resnet50").citation


def test_deviations_name_what_the_paper_says():
    for name in list_systems().index:
        for choice in get_system(name).open_choices:
            assert choice.what, name
            assert choice.choice, name
            if choice.deviates:
                assert f"{choice.choice} instead of {choice.paper}" in str(choice)
                assert choice.why, (name, choice.what)


def test_manual_diagnosis_is_a_row_that_no_pipeline_can_stand_for():
    with pytest.raises(ValueError, match=r"72\.10 %.*is not that of a system: physicians"):
        make_system("manual diagnosis")


def test_windows_of_boumerdes_are_as_many_as_published():
    # 262,124 samples at 23,437.5 Hz hold 26 windows of 1 s every 0.4 s.
    table = recording_table([np.zeros(262_124, dtype=np.float32)], fs=23_437.5, subject="A03")
    assert len(divide(table, window=1.0, step=0.4)) == 26
    assert [26 * n for n in (98, 192, 107)] == [2548, 4992, 2782]
    model = make_system("boumerdes-cnn")["divote"]
    assert (model.window, model.step) == (1.0, 0.4)


def test_random_windows_of_boumerdes_hold_no_synthetic_window():
    for task in boumerdes.TASKS:
        leaky = boumerdes.settings_of(task, boumerdes.LEAKY)
        assert leaky["divote__estimator__factor"] == 1.0  # of SMOTE: no more than the real windows
        assert "divote__estimator__factor" not in boumerdes.settings_of(task, boumerdes.BY_SUBJECT)
    model = make_system("boumerdes-cnn")
    assert model.set_params(**leaky)["divote"].estimator.factor == 1.0
    assert make_system("boumerdes-cnn")["divote"].estimator.factor == 2.0


def boumerdes_recordings():
    """As many recordings as N2001's biceps has, with 26 windows of 1 s every 0.4 s at 25 Hz."""
    counts = {"ALS": (98, 8), "healthy": (270, 10), "myopathy": (107, 7)}
    y = np.repeat(list(counts), [n for n, _ in counts.values()])
    subjects = [f"{name} {k % n}" for name, (n_rows, n) in counts.items() for k in range(n_rows)]
    return recording_table(list(noise(len(y), 280)), fs=25.0, subject=subjects), y


@pytest.mark.filterwarnings("ignore:Recordings do not look like EMG")
def test_windows_of_boumerdes_are_as_many_as_published_in_each_class():
    X, y = boumerdes_recordings()
    X, y = make_system("boumerdes-cnn", random_state=0)["undersample"].fit_resample(X, y)
    assert Counter(y) == {"ALS": 98, "healthy": 192, "myopathy": 107}
    windows = divide(X, window=1.0, step=0.4)
    assert Counter(windows.repeat(y)) == {"ALS": 2548, "healthy": 4992, "myopathy": 2782}
    for label, n_spoilt in (("ALS", 37), ("healthy", 2), ("myopathy", 10)):
        for row in np.flatnonzero(y == label)[:n_spoilt]:
            X["signal"].iloc[row][0] = np.nan  # in the first window only
    with pytest.warns(RecordingWarning, match="left out"):
        left = divide(X, window=1.0, step=0.4, nan="skip")
    found = Counter(left.repeat(y))
    assert found == {"ALS": 2511, "healthy": 4990, "myopathy": 2772}
    # The published numbers after SMOTE exceed neither twice the real windows nor the largest class.
    goal = capped_sampling_strategy(2.0)(left.repeat(y))
    assert 4665 <= goal["ALS"] <= 2 * found["ALS"]
    assert 4886 <= goal["myopathy"] <= 2 * found["myopathy"]


class Counting(DummyClassifier):
    """A classifier that remembers how many windows of each class it was given."""

    def fit(self, X, y):
        Counting.found = Counter(np.asarray(y).tolist())
        return super().fit(X, y)


@pytest.mark.filterwarnings("ignore:Recordings do not look like EMG")
def test_the_random_window_arm_is_given_no_synthetic_window():
    pytest.importorskip("imblearn")
    X, y = boumerdes_recordings()
    rows = np.r_[0:8, 98:118, 368:378]  # 8, 20 and 10 recordings
    X, y = X.iloc[rows].reset_index(drop=True), y[rows]
    real = {"ALS": 8 * 26, "healthy": 15 * 26, "myopathy": 10 * 26}  # healthy: 192 / 98 of ALS
    model = make_system("boumerdes-cnn", fs=25.0, random_state=0)
    model["divote"].set_params(estimator__estimator=Counting(), final_estimator=None)
    factor = "divote__estimator__factor"
    leaky = boumerdes.settings_of(boumerdes.TASKS[0], boumerdes.LEAKY)
    model.set_params(**{factor: leaky[factor]}).fit(X, y)
    assert Counting.found == real
    model.set_params(**{factor: 2.0}).fit(X, y)
    # At most twice the real ones, and at most as many as in the largest class.
    assert Counting.found["ALS"] == min(2 * real["ALS"], real["healthy"])
    assert real["myopathy"] < Counting.found["myopathy"] <= 2 * real["myopathy"]
    assert Counting.found["healthy"] == real["healthy"]


def test_smote_doubles_a_class_at_most():
    y = np.repeat(["ALS", "myopathy", "normal"], [2511, 2772, 4990])
    goal = capped_sampling_strategy(2.0)(y)
    assert goal["ALS"] <= 2 * 2511
    assert goal["myopathy"] == 4990


def test_windows_with_a_missing_sample_are_left_out_of_boumerdes_as_in_the_source(real_data):
    bunch = load_n2001(real_data / "n2001_biceps", "BB", invalid="nan", lazy=True)
    # No other available recording has a missing sample.
    rows = bunch.data["subject"].isin(["A03", "A08", "M02", "M05"]).to_numpy()
    X, y = bunch.data[rows], np.asarray(bunch.target)[rows]
    has_gap = np.array([np.isnan(signal).any() for signal in X["signal"]])
    X, y = X[has_gap].reset_index(drop=True), y[has_gap]
    model = make_system("boumerdes-cnn")
    steps = [model.named_steps[name] for name in ("gaps", "resample", "mark")]
    for step in steps:
        X = step.fit_transform(X)
    with pytest.warns(RecordingWarning, match="left out"):
        windows = divide(X, model["divote"].window, model["divote"].step, nan="skip")
    left_out = Counter(np.repeat(y, 26).tolist())
    left_out.subtract(windows.repeat(y).tolist())
    # The thesis leaves out 10 windows of myopathy, and 37 of ALS. Two subjects with
    # ALS are not in this copy.
    assert left_out == {"ALS": 28, "myopathy": 10}


def test_twice_the_training_windows_are_fewer_than_published_after_smote(real_data):
    # Subject 3 is in validation or test in every run. With 26 windows a record, 107 records of
    # myopathy in the source and 91 of the other subjects here, M03 has 16.
    assert all(3 in pair for pair in BOUMERDES_PAIRS)
    bunch = load_n2001(real_data / "n2001_biceps", "BB", invalid="nan", lazy=True)
    counts = Counter(bunch.data["subject"])
    m03 = 107 - sum(n for subject, n in counts.items() if subject.startswith("M"))
    assert (counts["A03"], m03) == (20, 16)
    assert 2 * (2511 - 26 * (counts["A03"] - 1)) < 4665  # one recording of A03 has gaps
    assert 2 * (2772 - 26 * m03) < 4886


def test_further_published_figures_are_those_of_the_sources():
    further = {n: {r.measure: r for r in get_system(n).further} for n in list_systems().index}
    best = further["nemgnet-b-pd"]
    assert [best[f"{m} of subjects"].value for m in ("F1", "precision", "AUROC", "MCC")] == [
        83.59, 87.96, 91.45, 77.70,
    ]  # fmt: skip
    assert best["accuracy of windows"].text == "62.35 %"
    assert best["parameters and buffers"].text == "33,238,686"
    assert further["nodera-vgg19"]["MCC of subjects"].value == 62.91
    assert further["nam-inception-v4"]["parameters and buffers"].value == 41_210_744
    test_fold = "of a test fold of 1614 windows on a V100"
    seconds = [
        [further[name][f"{stage} {test_fold}"].value for stage in ("preprocessing", "loading")]
        for name in ("nemgnet-b-pd", "nodera-vgg16")
    ]
    assert seconds == [[0.01, 0.43], [19.61, 2.63]]
    assert best["standard deviation of the accuracy of windows"].value == 4.60
    assert further["alsnet"]["specificity of windows"].value == 98.59
    assert further["plain-lstm"]["SNR after enhancement"].text == "42 dB"
    assert further["time-domain"]["time"].text == "320 ms"
    runs = further["boumerdes-cnn"]
    assert runs["highest accuracy of windows of six runs, ALS/normal"].value == 97.03
    assert runs["training time, ALS/myopathy/normal"].text == "244 min"
    for name in list_systems(kind="published").index:
        assert get_system(name).published or name in ("elamvazuthi-ar", "neurofusion-prognosis")


# A part of a pipeline, and what the table of a system that has it must name.
STATED = {
    "StandardScaler": "standardised",
    "BandpassFilter": "band-pass",
    "LogisticRegression": "logistic regression",
    "ReadyClassifier": "batches|weights",
    "WindowAugmenter": "each training window|copy of each training window",
    "AutoencoderDenoiser": "autoencoder",
    "AdaptiveFilter": "LMS",
    "Envelope": "moving RMS",
    "SMOTEClassifier": "SMOTE",
    "RecordingUndersampler": "at most 192",
    "MLPClassifier": "perceptron|hidden layer|hidden units|layer of 100 units",
    "CalibratedClassifierCV": "Platt",
    "RandomForestSelector": "importance",
    "PCA": "variance",
    "ImageNetworkClassifier": "96 x 96",
}
# Default settings of a feature step that change its values, and how a table names them.
OF_FEATURES = {
    "zc ssc wamp": "0.01 mV",
    "turns turn_amplitude": "0.1 mV",
    "mnf mdf pkf": "without a taper",
    "ar": "order 4 by Burg",
}


def parts_of_system(model):
    params = {**model.get_params(), "": model}
    kinds = {kind.__name__ for value in params.values() for kind in type(value).__mro__}
    if model.get_params().get("divote__final_estimator") == "logistic":
        kinds.add("LogisticRegression")
    groups = [value for key, value in params.items() if key.endswith("features")]
    names = [n for group in groups if isinstance(group, (list, tuple)) for n in group]
    return kinds, {name for name in names if isinstance(name, str)}


@pytest.mark.parametrize("name", list_systems().index)
def test_every_part_of_a_system_is_stated_in_its_table(name):
    pytest.importorskip("torch")
    pytest.importorskip("imblearn")
    system = get_system(name)
    try:
        kinds, features = parts_of_system(make_system(name))
    except ImportError as error:
        pytest.skip(str(error))
    said = " ".join(f"{choice.what}: {choice.choice}" for choice in system.open_choices)
    wanted = [text for kind, text in STATED.items() if kind in kinds]
    wanted += [text for group, text in OF_FEATURES.items() if features & set(group.split())]
    for texts in wanted:
        assert any(text in said for text in texts.split("|")), texts
    assert (system.kind == "baseline") == (system.data == "")


def test_what_the_thesis_says_is_not_shown_as_left_open():
    for name in ("boumerdes-cnn", "boumerdes-lstm"):
        paper = {choice.what: choice.paper for choice in get_system(name).open_choices}
        assert "no synthetic windows" in paper["SMOTE with random windows"]
        assert paper["missing samples"] == "windows with missing samples are left out"
        assert "only windows are scored" in paper["vote over recordings and subjects"]


def test_scores_of_a_system_without_epochs_are_listed_once(monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parents[2] / "doc")
    from generate_pages import own_figures

    rows = own_figures(get_system("minirocket"))
    assert rows
    assert not any("epochs" in data for _, data, *_ in rows)
    assert len({tuple(row) for row in rows}) == len(rows)
    assert any("at most 5 epochs" in data for _, data, *_ in own_figures(get_system("alsnet")))


def test_every_system_says_what_becomes_of_missing_samples():
    for name in list_systems().index:
        system = get_system(name)
        stated = [choice.what for choice in system.open_choices]
        assert len(set(stated)) == len(stated), name
        assert ("missing samples" in stated) == (system.task == "diagnosis"), name


def test_als_net_divides_its_subjects_80_20_25():
    y = np.array(["ALS"] * 50 + ["healthy"] * 75)
    run = ALSNetProtocol().runs({"subject": np.arange(125)}["subject"][:, None], y, np.arange(125))
    assert [len(part) for part in (run[0].train, run[0].validation, run[0].test)] == [80, 20, 25]


def test_image_baselines_hold_as_many_numbers_as_published():
    torch = pytest.importorskip("torch")
    if find_spec("timm") is None:
        pytest.skip("needs timm")
    from sklearn_emg.neural_network import ImageNetwork

    model = make_system("nodera-resnet50").named_steps["divote"].estimator
    image = np.random.default_rng(0).normal(size=(2, 1, 40, 63)).astype(np.float32)
    coloured = model.named_steps["colours"].transform(image)
    assert coloured.shape == (2, 3, 40, 63)
    with torch.device("meta"):
        net = ImageNetwork(coloured.shape[1], (40, 63), 3, architecture="resnet50", resize=96)
    assert sum(value.numel() for value in net.state_dict().values()) == 23_567_352


def test_weights_of_photographs_come_from_a_file(tmp_path):
    torch = pytest.importorskip("torch")
    if find_spec("timm") is None:
        pytest.skip("needs timm")
    from sklearn_emg.neural_network import ImageNetwork

    file = tmp_path / "weights.pth"
    torch.manual_seed(0)
    photographs = ImageNetwork(3, (64, 64), 1000, architecture="test_byobnet")
    torch.save(photographs.network.state_dict(), file)
    kept = torch.load(file)["stem.conv.weight"]
    net = ImageNetwork(3, (64, 64), 2, architecture="test_byobnet", pretrained=str(file))
    torch.testing.assert_close(net.network.state_dict()["stem.conv.weight"], kept)
    for absent in ("absent.pth", True):  # True does not download weights
        with pytest.raises(FileNotFoundError, match="'pretrained' parameter of ImageNetwork names"):
            ImageNetwork(3, (64, 64), 2, architecture="test_byobnet", pretrained=absent)


def test_algorithm_1_is_in_the_order_of_its_source():
    model = make_system("neurofusion-features")
    assert list(model.named_steps) == [
        "gaps", "filter", "resample", "adaptive", "scale", "mark", "divote"
    ]  # fmt: skip
    assert list(model["divote"].estimator.named_steps) == [
        "denoise", "features", "scaler", "pca", "normalise", "selection", "augment", "classifier"
    ]  # fmt: skip
    assert type(model["divote"].estimator["denoise"]).__name__ == "AutoencoderDenoiser"
    assert model["divote"].estimator["pca"].svd_solver == "covariance_eigh"
    pytest.importorskip("torch")
    network = make_system("neurofusionnet")
    assert list(network.named_steps) == list(model.named_steps)
    windows = network["divote"].estimator
    assert [type(step).__name__ for _, step in windows.steps] == [
        "AutoencoderDenoiser", "NeuroFusionNetClassifier"
    ]  # fmt: skip
    assert windows["network"].augment.epsilon == 0.05


@pytest.mark.parametrize("name", ["minirocket", "multirocket", "boosted-features"])
def test_baselines_are_tuned_by_subject(name):
    X, y = simulated_cohort()
    model = make_system(name, fs=2000.0, window=0.25, random_state=0)
    if "rocket" in name:
        model.set_params(divote__estimator__features__n_features=672)
    else:
        model.set_params(divote__estimator__classifier__max_iter=3)
    search = GridSearchCV(
        model,
        {"filter__high": [700.0, 900.0]},
        cv=SubjectKFold(2, random_state=0),
        scoring=subject_scorer("balanced_accuracy"),
        error_score="raise",
    ).fit(X, y)
    assert len(search.cv_results_["params"]) == 2
