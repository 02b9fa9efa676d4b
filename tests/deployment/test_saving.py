"""Whole systems in a folder: equal predictions in another process, nothing executed."""

import hashlib
import json
import os
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import sklearn
from data import recording_cohort
from sklearn.calibration import CalibratedClassifierCV
from sklearn.discriminant_analysis import (
    LinearDiscriminantAnalysis,
    QuadraticDiscriminantAnalysis,
)
from sklearn.ensemble import (
    AdaBoostClassifier,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.exceptions import InconsistentVersionWarning, NotFittedError
from sklearn.feature_selection import SelectKBest, mutual_info_classif
from sklearn.frozen import FrozenEstimator
from sklearn.gaussian_process import GaussianProcessClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeClassifier

from sklearn_emg._files import json_digest
from sklearn_emg.deployment import load_model, save_model
from sklearn_emg.ensemble import DiVoteClassifier, SMOTEClassifier
from sklearn_emg.feature_extraction import EMGFeatures, TimeDomainFeatures
from sklearn_emg.feature_selection import RandomForestSelector
from sklearn_emg.metrics import subject_scorer
from sklearn_emg.model_selection import SubjectKFold
from sklearn_emg.motor_units import DecompositionFeatures
from sklearn_emg.neural_network import ALSNetClassifier, EMGClassifier, PatternNet
from sklearn_emg.preprocessing import (
    AmplitudeScaler,
    BandpassFilter,
    HighpassFilter,
    SiteStandardizer,
)
from sklearn_emg.prognosis import SlopeRegressor
from sklearn_emg.streaming import StreamingDiagnosis

# A version of scikit-learn that is read, but is not the one that runs.
OTHER_VERSION = "1.6.1" if sklearn.__version__ == "1.6.0" else "1.6.0"

pytest.importorskip("skops")
pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn_emg.exceptions.SubjectLeakWarning"),
    pytest.mark.filterwarnings("ignore::sklearn_emg.exceptions.RecordingWarning"),
]


def divote(*steps, **settings):
    return DiVoteClassifier(make_pipeline(*steps), window=0.2, step=0.1, **settings)


def search():
    model = divote(TimeDomainFeatures(), SVC())
    return GridSearchCV(model, {"voting": ["hard"]}, cv=SubjectKFold(2))


SYSTEMS = {
    "filters and features": lambda: make_pipeline(
        BandpassFilter(20.0, 400.0, zero_phase=False),
        AmplitudeScaler(by="training"),
        divote(TimeDomainFeatures(), StandardScaler(), LogisticRegression(), by="muscle"),
    ),
    "selector": lambda: divote(
        EMGFeatures(), RandomForestSelector(k=3, random_state=0), LogisticRegression()
    ),
    "calibrated": lambda: divote(TimeDomainFeatures(), SVC(), cv=SubjectKFold(2)),
    "boosting": lambda: divote(TimeDomainFeatures(), HistGradientBoostingClassifier(max_iter=2)),
    "SMOTE": lambda: DiVoteClassifier(
        SMOTEClassifier(make_pipeline(TimeDomainFeatures(), LogisticRegression())), window=0.2
    ),
    "search": search,
    "network": lambda: make_pipeline(
        HighpassFilter(10.0),
        DiVoteClassifier(ALSNetClassifier(max_epochs=1, random_state=0), window=0.2, step=0.1),
    ),
}


@pytest.fixture(scope="module")
def table():
    table, y = recording_cohort([1, 3, 1, 3, 1, 3, 1, 3], lengths=(600, 400))
    table["muscle"] = ["biceps", "vastus"] * 8
    return table, y


@pytest.fixture
def saved(table, tmp_path):
    model = SYSTEMS["network"]().fit(*table)
    return save_model(model, tmp_path / "model")


@pytest.mark.parametrize("name", SYSTEMS)
def test_systems_come_back_with_equal_predictions(name, table, tmp_path):
    X, y = table
    model = SYSTEMS[name]().fit(X, y)
    again = load_model(save_model(model, tmp_path / "model"))
    method = "predict_proba" if hasattr(model, "predict_proba") else "predict"
    np.testing.assert_array_equal(getattr(again, method)(X), getattr(model, method)(X))
    assert again.get_params(deep=True).keys() == model.get_params(deep=True).keys()


def test_another_process_predicts_the_same(table, saved, tmp_path):
    X, _ = table
    X.to_pickle(tmp_path / "X.pkl")
    code = (
        "import sys, numpy as np, pandas as pd\n"
        "from sklearn_emg.deployment import load_model\n"
        "X = pd.read_pickle(sys.argv[2])\n"
        "np.save(sys.argv[3], load_model(sys.argv[1]).predict_proba(X))\n"
    )
    files = [str(saved), str(tmp_path / "X.pkl"), str(tmp_path / "p.npy")]
    command = [sys.executable, "-W", "ignore", "-c", code, *files]
    subprocess.run(command, check=True, cwd=Path(__file__).parents[2])
    expected = load_model(saved).predict_proba(X)
    np.testing.assert_array_equal(np.load(tmp_path / "p.npy"), expected)


def test_a_network_alone_and_one_that_was_there_before(table, tmp_path):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(20, 200)), np.repeat([0, 1], 10)
    for seed in (0, 1):  # the folder is replaced
        net = ALSNetClassifier(max_epochs=1, random_state=seed).fit(X, y)
        again = load_model(save_model(net, tmp_path / "net"))
        np.testing.assert_array_equal(again.predict_proba(X), net.predict_proba(X))


def test_the_model_itself_is_not_changed(table, saved, tmp_path):
    X, y = table
    model = SYSTEMS["network"]().fit(X, y)
    network = model[-1].estimator_
    save_model(model, tmp_path / "other")
    assert model[-1].estimator_ is network


def square(X):
    return np.square(X)


def test_types_of_the_user_are_named_and_need_trust_on_both_sides(tmp_path):
    X, y = np.random.default_rng(0).normal(size=(20, 5)), np.repeat([0, 1], 10)
    model = make_pipeline(FunctionTransformer(square), LogisticRegression()).fit(X, y)
    own = f"{square.__module__}.square"
    with pytest.raises(TypeError, match=rf"contains {own}, which load_model does not build"):
        save_model(model, tmp_path / "model")
    save_model(model, tmp_path / "model", trusted=[own])
    with pytest.raises(ValueError, match=rf"it contains {own}\. Types that are not trusted"):
        load_model(tmp_path / "model")
    again = load_model(tmp_path / "model", trusted=[own])
    np.testing.assert_array_equal(again.predict(X), model.predict(X))


def test_an_unfitted_system_is_refused(tmp_path):
    with pytest.raises(NotFittedError):
        save_model(SYSTEMS["selector"](), tmp_path / "model")


def rewritten(folder, **changes):
    """Change the description as its writer would, with a digest that fits."""
    file = folder / "system.json"
    content = json.loads(file.read_text()) | changes
    content.pop("digest")
    file.write_text(json.dumps({**content, "digest": json_digest(content)}))
    return content


@pytest.mark.parametrize("library", ["scikit-learn", "sklearn_emg"])
def test_other_versions_are_refused_with_both_named(saved, library):
    versions = json.loads((saved / "system.json").read_text())["versions"]
    rewritten(saved, versions={**versions, library: "0.1.7"})
    match = f"written with {library} 0.1.7, but the installed {library} {versions[library]}"
    with pytest.raises(ValueError, match=match):
        load_model(saved)


def test_a_forged_file_with_fitting_digests_executes_nothing(saved, tmp_path):
    import skops.io

    made = tmp_path / "made"
    forged = skops.io.dumps(FunctionTransformer(func=Path.touch, kw_args={"self": str(made)}))
    (saved / "system.skops").write_bytes(forged)
    files = json.loads((saved / "system.json").read_text())["files"]
    rewritten(saved, files={**files, "system.skops": hashlib.sha256(forged).hexdigest()})
    with pytest.raises(ValueError, match="are not built, because building them could execute code"):
        load_model(saved)
    assert not made.exists()


def test_files_outside_the_folder_are_not_read(saved):
    files = json.loads((saved / "system.json").read_text())["files"]
    rewritten(saved, files={**files, "../other": "0" * 64})
    with pytest.raises(ValueError, match="it names the files"):
        load_model(saved)


def test_damaged_files_are_refused_and_named(saved):
    rng = np.random.default_rng(0)
    files = sorted(saved.iterdir())
    assert len(files) == 4
    for trial in range(300):
        file = files[trial % len(files)]
        content = file.read_bytes()
        damaged = bytearray(content)
        if trial % 3 == 0:
            damaged = damaged[: rng.integers(len(damaged))]
        else:
            for place in rng.integers(len(damaged), size=1 + trial % 5):
                damaged[place] ^= rng.integers(1, 256)
        file.write_bytes(damaged)
        with pytest.raises(ValueError, match=r"system\.|network_0"):
            load_model(saved)
        file.write_bytes(content)
    load_model(saved)


def test_forged_content_of_the_archive_is_refused(saved):
    """Damaged content of the archive is refused even if its digest matches."""
    rng = np.random.default_rng(1)
    description = json.loads((saved / "system.json").read_text())
    content = (saved / "system.skops").read_bytes()
    refused = 0
    for _ in range(100):
        damaged = bytearray(content)
        for place in rng.integers(len(damaged), size=20):
            damaged[place] ^= rng.integers(1, 256)
        (saved / "system.skops").write_bytes(damaged)
        digest = hashlib.sha256(damaged).hexdigest()
        rewritten(saved, files={**description["files"], "system.skops": digest})
        try:
            load_model(saved)
        except ValueError as error:
            refused += "system.skops" in str(error)
    assert refused == 100


FINAL = [
    None,
    LogisticRegression(),
    LinearDiscriminantAnalysis(),
    QuadraticDiscriminantAnalysis(reg_param=0.1),
    GaussianNB(),
    SVC(),
    KNeighborsClassifier(2),
    DecisionTreeClassifier(random_state=0),
    RandomForestClassifier(3, random_state=0),
    ExtraTreesClassifier(3, random_state=0),
    GradientBoostingClassifier(n_estimators=2, random_state=0),
    AdaBoostClassifier(n_estimators=2, random_state=0),
    MLPClassifier((3,), max_iter=5, random_state=0),
    CalibratedClassifierCV(LogisticRegression(), cv=2),
    VotingClassifier([("a", GaussianNB()), ("b", LogisticRegression())], voting="soft"),
    StackingClassifier([("a", GaussianNB())], LogisticRegression(), cv=2),
    make_pipeline(StandardScaler(), LinearSVC(random_state=0)),
    make_pipeline(SelectKBest(k=1), GaussianProcessClassifier()),
    make_pipeline(
        SelectKBest(mutual_info_classif, k=1), KNeighborsClassifier(2, algorithm="brute")
    ),
    KNeighborsClassifier(2, algorithm="ball_tree", metric="minkowski", p=3),
    FrozenEstimator(LogisticRegression().fit([[0.0, 1.0], [1.0, 0.0]], [0, 1])),
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("final", FINAL, ids=lambda f: type(f).__name__)
def test_systems_with_every_kind_of_final_classifier_travel_and_move(final, table, tmp_path):
    X, y = table
    model = divote(TimeDomainFeatures(["rms", "zc"]), LogisticRegression(), final_estimator=final)
    model = model.fit(X, y)
    folder = save_model(model, tmp_path / "model").rename(tmp_path / "another name")
    again = load_model(folder)
    method = "predict_proba" if hasattr(model, "predict_proba") else "predict"
    np.testing.assert_array_equal(getattr(again, method)(X), getattr(model, method)(X))
    live, other = StreamingDiagnosis(model), StreamingDiagnosis(again)
    for stream in (live, other):
        stream.begin("new", muscle="biceps")
        stream.push(X["signal"].iloc[0])
        stream.end()
    pd.testing.assert_frame_equal(live.diagnose(), other.diagnose())


@pytest.mark.parametrize(
    "scoring", ["balanced_accuracy", "roc_auc", subject_scorer("f1"), subject_scorer("accuracy")]
)
def test_a_search_travels_with_its_scorer(scoring, table, tmp_path):
    X, y = table
    model = divote(TimeDomainFeatures(["rms"]), LogisticRegression())
    search = GridSearchCV(model, {"tail": ["drop"]}, cv=SubjectKFold(2), scoring=scoring).fit(X, y)
    again = load_model(save_model(search, tmp_path / "model"))
    np.testing.assert_array_equal(again.predict_proba(X), search.predict_proba(X))
    assert again.score(X, y) == search.score(X, y)


@pytest.mark.parametrize("algorithm", ["kd_tree", "ball_tree"])
def test_trees_of_neighbours_are_built_again_and_checked_in_other_versions(algorithm, tmp_path):
    X = np.random.default_rng(0).normal(size=(50, 3))
    model = KNeighborsRegressor(3, algorithm=algorithm, leaf_size=2, weights="distance")
    folder = save_model(model.fit(X, X[:, 0]), tmp_path / "model")
    older(folder)
    again = load_model(folder)
    np.testing.assert_array_equal(again.predict(X), model.predict(X))
    assert type(again._tree) is type(model._tree)
    checks = json.loads((folder / "system.json").read_text())["checks"]
    assert [check["class"] for check in checks] == ["KNeighborsRegressor"]
    checks[0]["values"][0] += 1.0
    older(folder, checks=checks)
    with pytest.raises(ValueError, match="KNeighborsRegressor returns different values"):
        load_model(folder)


def test_mappings_with_keys_that_are_no_texts_travel_with_what_is_in_them(tmp_path):
    X = pd.DataFrame({"rms": np.arange(8.0), "subject": list("aabbccdd")})
    scaler = SiteStandardizer("all", site=None).fit(X)
    assert list(scaler.reference_subjects_) == [None]
    inner = {(1, "a"): pd.DataFrame({"x": [1.0, 2.0]})}
    scaler.notes_ = {None: inner, "same": inner, 3: [pd.Series([1.5], name="y")]}
    again = load_model(save_model(scaler, tmp_path / "model"))
    pd.testing.assert_frame_equal(again.transform(X), scaler.transform(X))
    assert again.reference_subjects_ == scaler.reference_subjects_
    assert list(again.notes_) == [None, "same", 3]
    assert again.notes_[None] is again.notes_["same"]
    pd.testing.assert_frame_equal(again.notes_[None][1, "a"], inner[1, "a"])
    pd.testing.assert_series_equal(again.notes_[3][0], scaler.notes_[3][0])
    scaler.transform(X)


KILLED = """
import os, sys
from pathlib import Path
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn_emg.deployment import save_model
write, left = Path.write_bytes, int(sys.argv[2])
def killed(self, content):
    global left
    left -= 1
    if left < 0:
        write(self, content[: len(content) // 2])
        os._exit(9)
    return write(self, content)
Path.write_bytes = Path.write_text = lambda self, content, **_: killed(
    self, content.encode() if isinstance(content, str) else content
)
save_model(LogisticRegression().fit(np.eye(4), [0, 1, 0, 1]), sys.argv[1])
"""


@pytest.mark.parametrize("writes", [0, 1])
def test_a_process_that_is_killed_while_it_saves_leaves_the_old_system(writes, tmp_path):
    X = np.random.default_rng(0).normal(size=(20, 4))
    old = LogisticRegression().fit(X, X[:, 0] > 0)
    folder = save_model(old, tmp_path / "model")
    command = [sys.executable, "-c", KILLED, str(folder), str(writes)]
    root = Path(__file__).parents[2]
    found = os.environ | {"PYTHONPATH": str(root)}
    assert subprocess.run(command, cwd=root, env=found, check=False).returncode == 9
    np.testing.assert_array_equal(load_model(folder).coef_, old.coef_)
    save_model(old, folder)
    np.testing.assert_array_equal(load_model(folder).coef_, old.coef_)


def test_a_missing_file_is_named(saved):
    (saved / "network_0.json").unlink()
    with pytest.raises(FileNotFoundError, match=r"network_0\.json"):
        load_model(saved)


def test_a_folder_or_file_of_the_user_is_not_replaced(tmp_path):
    X, y = np.random.default_rng(0).normal(size=(20, 5)), np.repeat([0, 1], 10)
    model = LogisticRegression().fit(X, y)
    (tmp_path / "mine").mkdir()
    notes = tmp_path / "mine" / "notes.txt"
    notes.write_text("dear")
    with pytest.raises(FileExistsError, match=r"mine contains 'notes\.txt', which is not part"):
        save_model(model, tmp_path / "mine")
    with pytest.raises(FileExistsError, match="is a file"):
        save_model(model, notes)
    assert notes.read_text() == "dear"
    (tmp_path / "empty").mkdir()
    assert save_model(model, tmp_path / "empty").is_dir()


def test_motor_unit_features_travel_and_trusted_names_are_a_list(tmp_path):
    X, y = np.random.default_rng(0).normal(size=(4, 2000)), [0, 1, 0, 1]
    features = DecompositionFeatures(["mu_count"], fs=8000.0)
    model = make_pipeline(features, LogisticRegression()).fit(X, y)
    again = load_model(save_model(model, tmp_path / "model"))
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))
    with pytest.raises(TypeError, match=r"give \['my\.type'\]"):
        load_model(tmp_path / "model", trusted="my.type")


def test_what_skops_does_not_write_is_refused(tmp_path):
    X = np.random.default_rng(0).normal(size=(10, 2))
    model = SlopeRegressor().fit(X, X[:, 0])
    model.log_ = (number for number in range(3))
    with pytest.raises(TypeError, match="cannot write SlopeRegressor, which contains an object"):
        save_model(model, tmp_path / "model")
    index = pd.MultiIndex.from_tuples([(1, "a"), (2, "b")])
    model.log_ = pd.DataFrame({"x": [1, 2]}, index=index)
    with pytest.raises(TypeError, match="a pandas object with an index of several levels"):
        save_model(model, tmp_path / "model")


class OwnNetwork(PatternNet):
    """A network of the user."""


def test_networks_that_load_model_does_not_build_are_refused(tmp_path):
    X, y = np.random.default_rng(0).normal(size=(20, 30)), np.repeat([0, 1], 10)
    model = EMGClassifier(OwnNetwork, max_epochs=1, random_state=0).fit(X, y)
    with pytest.raises(TypeError, match=r"network of the class .*OwnNetwork"):
        save_model(model, tmp_path / "model")


def older(folder, version=OTHER_VERSION, **changes):
    """Change the description as if another version of scikit-learn had written it."""
    versions = json.loads((folder / "system.json").read_text())["versions"]
    return rewritten(folder, versions={**versions, "scikit-learn": version}, **changes)


def test_another_version_with_equal_values_is_read(table, saved):
    expected = load_model(saved).predict_proba(table[0])
    checks = older(saved)["checks"]
    assert [check["class"] for check in checks] == ["LogisticRegression"]
    with warnings.catch_warnings():
        warnings.simplefilter("error", InconsistentVersionWarning)
        again = load_model(saved)
    np.testing.assert_array_equal(again.predict_proba(table[0]), expected)


@pytest.mark.parametrize(
    "values, why",
    [
        ([0.5] * 6, "LogisticRegression returns different values"),
        (None, "LogisticRegression returns no values that can be compared"),
        ([0.5], "LogisticRegression returns different values"),
    ],
)
def test_another_version_with_other_values_is_refused_with_both_named(saved, values, why):
    check = {"class": "LogisticRegression", "method": "predict_proba", "values": values}
    older(saved, checks=[check])
    there, here = OTHER_VERSION, sklearn.__version__
    match = f"written with scikit-learn {there}, but with scikit-learn {here}, {why}"
    with pytest.raises(ValueError, match=match):
        load_model(saved)


@pytest.mark.parametrize("version", ["1.5.2", "2.0.1", "dev"])
def test_versions_that_are_not_comparable_are_refused(saved, version):
    older(saved, version)
    match = (
        f"written with scikit-learn {version}, but the installed scikit-learn {sklearn.__version__}"
    )
    with pytest.raises(ValueError, match=match):
        load_model(saved)
