"""Whole systems in the ONNX format agree with the systems; errors name what cannot be exported."""

import json
import warnings

import numpy as np
import pandas as pd
import pytest
from data import cohort, noise, simulated_cohort
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC, LinearSVC

from sklearn_emg.datasets import fetch_emgdb, load_algiers
from sklearn_emg.deployment import export_onnx
from sklearn_emg.ensemble import DiVoteClassifier, DiVoteRegressor, SMOTEClassifier
from sklearn_emg.exceptions import SubjectLeakWarning
from sklearn_emg.feature_extraction import EMGFeatures, TimeDomainFeatures
from sklearn_emg.feature_selection import RandomForestSelector
from sklearn_emg.model_selection import CachedTransformer, SubjectKFold
from sklearn_emg.preprocessing import (
    AmplitudeScaler,
    BandpassFilter,
    BaselineRemover,
    Envelope,
    HighpassFilter,
    LowpassFilter,
    NotchFilter,
    Rectifier,
    ReferenceScaler,
    Resampler,
)

onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("skl2onnx")
pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn_emg.exceptions.SubjectLeakWarning"),
    pytest.mark.filterwarnings("ignore::sklearn_emg.exceptions.RecordingWarning"),
]


def session_of(model, path, **settings):
    file = export_onnx(model, path / "model.onnx", **settings)
    return onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])


def outputs(session, **inputs):
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(None, inputs)))


@pytest.fixture(scope="module")
def recordings():
    """Twelve subjects for training and six for prediction."""
    X, y = simulated_cohort(18, 36, 2000.0, 0.5)
    chosen = {s for c in np.unique(y) for s in X["subject"][y == c].unique()[:4]}
    train = X["subject"].isin(chosen).to_numpy()
    return X[train], y[train], X[~train]


# ------------------------------------------------- signals and features

FILTERS = [
    BandpassFilter(20.0, 400.0, fs=1000.0),
    BandpassFilter(20.0, 400.0, zero_phase=False, fs=1000.0),
    BandpassFilter(20.0, 400.0, design="fir", fs=1000.0),
    BandpassFilter(20.0, 400.0, design="fir", zero_phase=False, fs=1000.0),
    HighpassFilter(0.5, zero_phase=False, fs=10000.0),
    LowpassFilter(100.0, design="chebyshev2", fs=1000.0),
    NotchFilter(harmonics="all", fs=1000.0),
    AmplitudeScaler(),
    AmplitudeScaler("minmax"),
    AmplitudeScaler("robust"),
    AmplitudeScaler("maxabs", by="training"),
    BaselineRemover("mean"),
    BaselineRemover("median"),
    Envelope(fs=1000.0),
    Envelope("mean", fs=1000.0),
    Envelope("lowpass", fs=1000.0),
    Rectifier("half"),
    ReferenceScaler(2.0),
]


@pytest.mark.parametrize("step", FILTERS, ids=str)
def test_steps_on_signals_of_any_kind(step, tmp_path):
    for X in (noise(3, 700, offset=2.0), noise(2, 3, 9).astype(np.float32)):
        session = session_of(step.fit(X), tmp_path, dtype=str(X.dtype))
        found = outputs(session, windows=X)["signals"]
        expected = step.transform(X)
        assert found.dtype == expected.dtype
        np.testing.assert_allclose(found.reshape(X.shape), expected, rtol=0, atol=1e-6)


def windows_with_ties():
    """Windows with a constant, zeros, runs of zeros and samples on a grid, which ties need."""
    X = np.round(noise(6, 2, 333), 1)
    X[0], X[1], X[2, 0, 10:30] = 0.0, 3.0, 0.0
    return X


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"threshold_unit": "noise", "hist_range": 1.0, "v_order": 2, "thresholds": 0.1},
        {"thresholds": 0.1, "turn_threshold": 1.0, "n_bins": 4, "n_segments": 5},
    ],
    ids=["default", "noise", "others"],
)
def test_every_time_domain_feature(settings, dtype, tmp_path):
    step = TimeDomainFeatures("all", fs=1000.0, **settings)
    for n_times in (333, 8):
        X = windows_with_ties()[..., :n_times].astype(dtype)
        found = outputs(session_of(step.fit(X), tmp_path, dtype=dtype), windows=X)["features"]
        np.testing.assert_allclose(found, step.transform(X), rtol=2e-6, atol=2e-6)
    names = json.loads(
        onnxruntime.InferenceSession(tmp_path / "model.onnx")
        .get_modelmeta()
        .custom_metadata_map["feature_names"]
    )
    assert names == step.get_feature_names_out().tolist()


# ------------------------------------------------- classifiers

CLASSIFIERS = [
    GaussianNB(),
    GradientBoostingClassifier(n_estimators=3, random_state=0),
    LinearDiscriminantAnalysis(),
    LinearSVC(),
    LogisticRegression(),
    RandomForestClassifier(5, random_state=0),
    SVC(),
    SVC(probability=True, random_state=0),
]


@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize("labels", [("ill", "well"), (3, 1, 7)], ids=["two", "three"])
@pytest.mark.parametrize("model", CLASSIFIERS, ids=lambda m: type(m).__name__)
def test_classifiers_of_windows(model, labels, tmp_path):
    X, y, _ = cohort(24, 4, n_times=60, labels=labels)
    pipeline = make_pipeline(TimeDomainFeatures(), StandardScaler(), model).fit(X, y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        session = session_of(pipeline, tmp_path, dtype="float32")
    (name, found), *_ = outputs(session, windows=X).items()
    method = "predict_proba" if name == "probabilities" else "decision_function"
    expected = getattr(pipeline, method)(X)
    np.testing.assert_allclose(found.reshape(expected.shape), expected, rtol=1e-5, atol=1e-5)
    metadata = session.get_modelmeta().custom_metadata_map
    assert json.loads(metadata["classes"]) == pipeline.classes_.tolist()


def test_regressors_selectors_unions_and_inputs_of_features(tmp_path):
    X, y, _ = cohort(12, 4, n_times=60)
    force = 100.0 + X.std(axis=(1, 2))
    union = make_union(TimeDomainFeatures(["rms"]), EMGFeatures(["zc", "var", "mav"]))
    selector = RandomForestSelector(k=3, random_state=0)
    for model in (
        make_pipeline(union, selector, PCA(2, whiten=True), Ridge()),
        make_pipeline(CachedTransformer(TimeDomainFeatures()), LinearRegression()),
    ):
        model.fit(X, force)
        found = outputs(session_of(model, tmp_path, dtype="float32"), windows=X)["prediction"]
        np.testing.assert_allclose(found[:, 0], model.predict(X), rtol=1e-5)
    features = TimeDomainFeatures().fit_transform(X).astype(np.float64)
    model = make_pipeline(StandardScaler(), LinearDiscriminantAnalysis()).fit(features, y)
    found = outputs(session_of(model, tmp_path), features=features)["probabilities"]
    np.testing.assert_allclose(found, model.predict_proba(features), rtol=0, atol=1e-9)


def test_a_network_in_a_pipeline(tmp_path):
    neural_network = pytest.importorskip("sklearn_emg.neural_network")
    pytest.importorskip("onnxscript")
    X, y, _ = cohort(12, 4, 1, n_times=60)
    net = neural_network.RecurrentNetClassifier(
        cell="gru", n_units=4, frame=5, max_epochs=1, random_state=0
    )
    model = make_pipeline(HighpassFilter(20.0, fs=1000.0), net).fit(X[:, 0], y)
    session = session_of(model, tmp_path, X=X[:, 0], dtype="float32")
    found = outputs(session, windows=X[:5, 0])["probabilities"]
    np.testing.assert_allclose(found, model.predict_proba(X[:5, 0]), rtol=0, atol=1e-5)


# ------------------------------------------------- votes


def divote(*steps, **settings):
    return DiVoteClassifier(make_pipeline(*steps), **{"window": 0.1, "step": 0.05, **settings})


def features():
    return make_pipeline(TimeDomainFeatures(), StandardScaler())


SYSTEMS = {
    "zero phase": lambda: make_pipeline(
        BandpassFilter(20.0, 800.0), divote(features(), LinearDiscriminantAnalysis())
    ),
    "causal": lambda: make_pipeline(
        HighpassFilter(10.0, zero_phase=False),
        NotchFilter(zero_phase=False),
        AmplitudeScaler(by="training"),
        divote(EMGFeatures("patel"), StandardScaler(), LogisticRegression(), tail="overlap"),
    ),
    "calibrated": lambda: divote(features(), SVC(), step=0.037, tail="pad"),
    "hard": lambda: divote(
        features(), RandomForestClassifier(5, random_state=0), voting="hard", final_estimator=None
    ),
    "final": lambda: divote(features(), GaussianNB(), final_estimator=SVC(), step=None),
    "SMOTE": lambda: DiVoteClassifier(
        SMOTEClassifier(make_pipeline(TimeDomainFeatures(), GaussianNB()), random_state=0),
        window=0.1,
    ),
    "search": lambda: GridSearchCV(
        divote(features(), LinearDiscriminantAnalysis()),
        {"voting": ["soft"]},
        cv=SubjectKFold(2),
    ),
}


@pytest.mark.parametrize("name", SYSTEMS)
def test_systems_agree_with_their_files(name, recordings, tmp_path):
    X, y, new = recordings
    model = SYSTEMS[name]().fit(X, y)
    session = session_of(model, tmp_path, X=new, dtype="float32")  # which compares all subjects
    assert [entry.name for entry in session.get_inputs()] == ["signal", "earlier_scores"]


@pytest.mark.filterwarnings("default::sklearn_emg.exceptions.SubjectLeakWarning")
def test_a_comparison_with_training_recordings_gives_no_warning(recordings, tmp_path):
    X, y, _ = recordings
    model = divote(*features(), LinearDiscriminantAnalysis()).fit(X, y)
    with warnings.catch_warnings():
        warnings.simplefilter("error", SubjectLeakWarning)
        export_onnx(model, tmp_path / "model.onnx", X, dtype="float32")
    assert (tmp_path / "model.onnx").stat().st_size > 0


def test_the_votes_of_windows_recordings_and_the_subject(recordings, tmp_path):
    X, y, new = recordings
    model = divote(features(), LinearDiscriminantAnalysis()).fit(X, y)
    session = session_of(model, tmp_path, dtype="float32")
    subject = new[new["subject"] == new["subject"].iloc[0]]
    votes = model.vote(subject)
    signal = np.stack(subject["signal"].tolist())
    found = outputs(session, signal=signal, earlier_scores=np.zeros((0, 3)))
    names = [f"score_{c}" for c in model.classes_]
    windows = votes.windows[names].to_numpy().reshape(found["window_scores"].shape)
    np.testing.assert_allclose(found["window_scores"], windows, rtol=0, atol=1e-5)
    expected = votes.recordings[names].to_numpy()
    np.testing.assert_allclose(found["recording_scores"], expected, rtol=0, atol=1e-5)
    expected = model.predict_proba(subject)[:1]
    np.testing.assert_allclose(found["probabilities"], expected, rtol=0, atol=1e-5)
    # Recordings passed one at a time give the same predictions.
    first = outputs(session, signal=signal[:1], earlier_scores=np.zeros((0, 3)))
    rest = outputs(session, signal=signal[1:], earlier_scores=first["recording_scores"])
    np.testing.assert_allclose(rest["probabilities"], expected, rtol=0, atol=1e-5)
    metadata = session.get_modelmeta().custom_metadata_map
    assert json.loads(metadata["classes"]) == model.classes_.tolist()
    facts = {key: json.loads(metadata[key]) for key in ("fs", "unit", "window", "step")}
    assert facts == {"fs": 2000.0, "unit": "mV", "window": 0.1, "step": 0.05}
    assert "signals in mV" in session.get_modelmeta().description


def test_recordings_shorter_than_a_window_have_no_answer(recordings, tmp_path):
    X, y, _ = recordings
    model = divote(features(), LinearDiscriminantAnalysis()).fit(X, y)
    session = session_of(model, tmp_path)
    found = outputs(session, signal=np.ones((1, 20)), earlier_scores=np.zeros((0, 3)))
    assert found["window_scores"].shape == (1, 0, 3)
    assert np.isnan(found["recording_scores"]).all()
    assert np.isnan(found["probabilities"]).all()


def test_a_folder_is_not_replaced_by_the_file(recordings, tmp_path):
    X, y, _ = recordings
    model = divote(features(), LinearDiscriminantAnalysis()).fit(X, y)
    (tmp_path / "kept").write_text("data")
    with pytest.raises(IsADirectoryError, match="is a folder with files in it"):
        export_onnx(model, tmp_path)
    assert (tmp_path / "kept").read_text() == "data"


def test_a_regression_of_subjects(recordings, tmp_path):
    X, _, new = recordings
    codes, subjects = np.unique(X["subject"], return_inverse=True)
    grip = np.linspace(10.0, 40.0, len(codes))[subjects]
    model = DiVoteRegressor(make_pipeline(features(), Ridge()), window=0.1).fit(X, grip)
    session = session_of(model, tmp_path, X=new, dtype="float32")
    assert session.get_outputs()[-1].name == "prediction"


def of_seconds(table, seconds):
    """The first seconds of each recording."""
    cut = [s[..., : int(seconds * fs)] for s, fs in zip(table["signal"], table["fs"])]
    return table.assign(signal=cut)


def test_needle_recordings_of_emgdb(real_data, tmp_path):
    table, y = fetch_emgdb(data_home=real_data, return_X_y=True)
    table = of_seconds(table, 4.0)
    model = make_pipeline(
        BandpassFilter(10.0, 1500.0),
        divote(TimeDomainFeatures("all"), StandardScaler(), LinearDiscriminantAnalysis()),
    ).fit(table, y)
    path = export_onnx(model, tmp_path / "model.onnx", table)  # which compares all recordings
    assert path.is_file()


@pytest.mark.slow  # the loader compares all samples
def test_needle_recordings_of_algiers(real_data, tmp_path):
    table, y = load_algiers(real_data / "algiers", return_X_y=True)
    kept = table["subject"].isin(pd.unique(table["subject"])[::4])
    table, y = of_seconds(table[kept], 1.0), y[kept.to_numpy()]
    model = make_pipeline(
        HighpassFilter(10.0, zero_phase=False),
        divote(features(), RandomForestClassifier(10, random_state=0)),
    ).fit(table, y)
    path = export_onnx(model, tmp_path / "model.onnx", table)  # which compares all recordings
    assert path.is_file()


# ------------------------------------------------- refusals


def test_all_steps_without_a_graph_are_named_with_their_reason(recordings, tmp_path):
    X, y, _ = recordings
    model = make_pipeline(
        Resampler(1000.0),
        BaselineRemover(),
        divote(EMGFeatures(["rms", "ar"]), LogisticRegression()),
    ).fit(X, y)
    with pytest.raises(TypeError) as refused:
        export_onnx(model, tmp_path / "model.onnx")
    message = str(refused.value)
    assert message.startswith("export_onnx cannot export step 'resampler', Resampler: it has no")
    assert "step 'baselineremover', BaselineRemover: method='moving_median'" in message
    assert (
        "step 'divoteclassifier__estimator__emgfeatures', EMGFeatures: it has features of "
        "AutoregressiveFeatures" in message
    )
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "model, match",
    [
        (
            divote(features(), HistGradientBoostingClassifier(max_iter=2)),
            "step 'estimator__histgradientboostingclassifier', HistGradientBoostingClassifier: "
            "skl2onnx does not convert",
        ),
        (
            divote(FunctionTransformer(np.abs), StandardScaler(), LogisticRegression()),
            "step 'estimator__functiontransformer', FunctionTransformer: skl2onnx does not",
        ),
        (
            divote(features(), LogisticRegression(), by="muscle"),
            "DiVoteClassifier: by='muscle': a graph does not read that column",
        ),
    ],
    ids=["converter", "function", "by"],
)
def test_what_a_graph_cannot_do_is_refused(model, match, recordings, tmp_path):
    X, y, _ = recordings
    model.fit(X.assign(muscle="biceps"), y)
    with pytest.raises(TypeError, match=match):
        export_onnx(model, tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())


def test_a_file_that_differs_from_the_system_is_not_written(recordings, tmp_path, monkeypatch):
    X, y, new = recordings
    model = divote(features(), LinearDiscriminantAnalysis()).fit(X, y)
    monkeypatch.setattr("sklearn_emg.deployment._onnx._models.sigmoid", lambda x: x)
    monkeypatch.setattr("sklearn_emg.deployment._onnx._models.softmax", lambda x: x)
    with pytest.raises(ValueError, match="wrote nothing: the predictions of the graph for X"):
        export_onnx(model, tmp_path / "model.onnx", new)
    assert not list(tmp_path.iterdir())


def test_an_unfitted_system_is_refused(tmp_path):
    with pytest.raises(NotFittedError):
        export_onnx(divote(features(), LogisticRegression()), tmp_path / "model.onnx")
