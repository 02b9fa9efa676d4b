"""Estimators that are fitted on tables remember their subjects and warn where they predict them."""

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    GridSearchCV,
    StratifiedKFold,
    cross_val_predict,
    cross_val_score,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from sklearn_emg.comparison import compare
from sklearn_emg.ensemble import (
    DiVoteClassifier,
    NormalLimitRules,
    SMOTEClassifier,
    SubjectTransferClassifier,
)
from sklearn_emg.exceptions import RecordingWarning, SubjectLeakWarning
from sklearn_emg.feature_extraction import STFT, EMGFeatures
from sklearn_emg.model_selection import (
    CachedTransformer,
    SubjectKFold,
    check_not_pretrained_on,
    pretrained_parts,
)
from sklearn_emg.neural_network import (
    ALSNetClassifier,
    EMGRegressor,
    TransferClassifier,
    load_model,
    save_model,
)
from sklearn_emg.preprocessing import AmplitudeScaler, Rectifier
from sklearn_emg.recordings import recording_table

SUBJECT = np.repeat(np.arange(6), 4)
Y = np.where(SUBJECT % 2, "ill", "well")
RNG = np.random.default_rng(0)
SIGNALS = RNG.normal(size=(24, 40)) * (1 + 2 * (Y == "ill"))[:, None]
TABLE = recording_table(list(SIGNALS), fs=1000.0, subject=SUBJECT.tolist())
FEATURES = pd.DataFrame(SIGNALS).add_prefix("t").assign(subject=SUBJECT)
PLAIN_FOLDS = StratifiedKFold(3, shuffle=True, random_state=0)


def flat(images):
    return images.reshape(len(images), -1)


def net(**settings):
    settings = {"validation_fraction": None, "max_epochs": 1, "random_state": 0, **settings}
    return ALSNetClassifier(**settings)


def cached():
    return CachedTransformer(EMGFeatures("hudgins"))


MODELS = {
    "features": (lambda: make_pipeline(EMGFeatures("hudgins"), LogisticRegression()), TABLE),
    "cached features": (lambda: make_pipeline(cached(), LogisticRegression()), TABLE),
    "filter, features": (
        lambda: make_pipeline(Rectifier(), EMGFeatures("hudgins"), LogisticRegression()),
        TABLE,
    ),
    "images": (
        lambda: make_pipeline(STFT(nperseg=8), FunctionTransformer(flat), LogisticRegression()),
        TABLE,
    ),
    "network": (net, TABLE),
    "network of features": (net, FEATURES),
    "transfer": (lambda: TransferClassifier(net()), TABLE),
    "subject transfer": (
        lambda: SubjectTransferClassifier(TransferClassifier(net()), random_state=0),
        FEATURES,
    ),
    "smote": (lambda: SMOTEClassifier(LogisticRegression(), random_state=0), FEATURES),
    "rules": (NormalLimitRules, FEATURES),
    "step": (lambda: make_pipeline(FunctionTransformer(), net()), TABLE),
}


@pytest.fixture(params=list(MODELS), ids=list(MODELS))
def case(request):
    make, X = MODELS[request.param]
    return make(), X


def test_folds_of_rows_warn_and_folds_of_subjects_do_not(case):
    model, X = case
    with pytest.warns(SubjectLeakWarning, match=r"\d of 6 subjects .* (was|were) trained on"):
        cross_val_score(model, X, Y, cv=PLAIN_FOLDS)
    with pytest.warns(SubjectLeakWarning, match="(was|were) trained on"):
        cross_val_predict(model, X, Y, cv=PLAIN_FOLDS, method="predict_proba")
    with warnings.catch_warnings():
        warnings.simplefilter("error", SubjectLeakWarning)
        cross_val_score(model, X, Y, cv=SubjectKFold(3))


def test_each_prediction_warns_once(case):
    model, X = case
    model.fit(X, Y)
    for call in (model.predict, model.predict_proba, lambda X: model.score(X, Y)):
        with pytest.warns(SubjectLeakWarning, match=r"6 of 6 subjects .* \(0, 1, 2, ") as seen:
            call(X)
        assert len(seen) == 1


def test_other_spellings_are_named_with_both(case):
    model, X = case
    model.fit(X, Y)
    with pytest.warns(SubjectLeakWarning, match=r"that were trained on: '00' like 0, '01' like 1"):
        model.predict(X.assign(subject=[f"0{s}" for s in SUBJECT]))


def test_features_are_computed_without_a_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error", SubjectLeakWarning)
        extractor = EMGFeatures("hudgins").fit(TABLE, Y)
        extractor.transform(TABLE)
        features = extractor.fit_transform(TABLE)
        np.testing.assert_array_equal(extractor.transform(TABLE[4:]), features[4:])
        CachedTransformer(Rectifier()).fit_transform(TABLE, Y)
        frozen = make_pipeline(FrozenEstimator(extractor), LogisticRegression())
        cross_val_score(frozen, TABLE, Y, cv=SubjectKFold(3))


def test_divote_names_both_spellings():
    X = FEATURES.assign(subject=[f"S{s}" for s in SUBJECT])
    model = DiVoteClassifier(LogisticRegression(), window=None).fit(X, Y)
    with pytest.warns(SubjectLeakWarning, match="DiVoteClassifier look like .*'s01 ' like 'S1'"):
        model.predict(X.iloc[4:8].assign(subject="s01 "))


def test_the_subject_is_no_feature_of_a_feature_table():
    numbered = FEATURES.assign(patient_id=np.arange(24)[::-1])
    for make in (net, NormalLimitRules, MODELS["smote"][0]):
        with pytest.warns(RecordingWarning, match="'patient_id' \\(named like an identity\\)"):
            model = make().fit(numbered, Y)
        assert model.n_features_in_ == 40
        strangers = numbered.assign(subject=SUBJECT + 50, patient_id=-1)
        np.testing.assert_array_equal(model.predict(strangers), model.predict(SIGNALS))


def test_subjects_accumulate_where_training_goes_on():
    model = net()
    model.partial_fit(TABLE[:8], Y[:8]).partial_fit(TABLE[8:16], Y[8:16])
    assert model.subjects_.tolist() == [0, 1, 2, 3]
    assert model.fit(TABLE[:8], Y[:8]).subjects_.tolist() == [0, 1]
    again = net(warm_start=True).fit(TABLE[:8], Y[:8]).fit(TABLE[8:16], Y[8:16])
    assert again.subjects_.tolist() == [0, 1, 2, 3]


def test_regressors_and_calibrated_networks_warn():
    force = EMGRegressor(max_epochs=1, validation_fraction=None).fit(TABLE, np.arange(24.0))
    with pytest.warns(SubjectLeakWarning, match="given to EMGRegressor"):
        force.predict(TABLE[:3])
    calibrated = CalibratedClassifierCV(net(), cv=PLAIN_FOLDS)
    with pytest.warns(SubjectLeakWarning, match="given to ALSNetClassifier"):
        calibrated.fit(TABLE, Y)
    with pytest.warns(SubjectLeakWarning, match="given to ALSNetClassifier"):
        GridSearchCV(net(), {"lr": [0.1]}, cv=PLAIN_FOLDS).fit(TABLE, Y)


def test_arrays_name_no_subjects_but_groups_do(tmp_path):
    model = net().fit(SIGNALS, Y)
    assert model.subjects_ is None
    model.fit(SIGNALS, Y, groups=SUBJECT)
    assert model.subjects_.tolist() == list(range(6))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.predict(SIGNALS)
    save_model(model, tmp_path / "model")
    assert "subjects_" not in (tmp_path / "model.json").read_text()
    assert load_model(tmp_path / "model").subjects_ is None


# ------------------------------------------------------------------ fitted before


@pytest.mark.parametrize(
    "fit",
    [
        lambda: net().fit(SIGNALS, Y, groups=SUBJECT),
        lambda: make_pipeline(FunctionTransformer(), net()).fit(TABLE, Y),
        lambda: CalibratedClassifierCV(net(), cv=SubjectKFold(3)).fit(TABLE, Y),
        lambda: SMOTEClassifier(net(), random_state=0).fit(FEATURES, Y),
        lambda: DiVoteClassifier(net(), window=None).fit(TABLE, Y),
    ],
    ids=["network", "pipeline", "calibrated", "smote", "divote"],
)
def test_a_frozen_network_is_checked_by_its_subjects(fit):
    frozen = FrozenEstimator(fit())
    (part,) = pretrained_parts(frozen)
    assert part.subjects == set(range(6))
    with pytest.raises(ValueError, match=r"fold 1 would test 1 subject \(5\) that estimator"):
        check_not_pretrained_on(frozen, [[10, 11], [5, 12]])
    with pytest.warns(SubjectLeakWarning, match="'05' is tested, .* on 5, which may be the same"):
        check_not_pretrained_on(frozen, [["05"]])


def test_a_frozen_network_is_not_compared_on_its_subjects():
    frozen = FrozenEstimator(net().fit(TABLE, Y))
    with pytest.raises(ValueError, match=r"m: fold \d would test \d subject"):
        compare({"m": frozen}, TABLE, Y, cv=3, progress=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        compare({"m": frozen}, TABLE.assign(subject=SUBJECT + 50), Y, cv=3, progress=False)


def test_a_frozen_step_is_checked_if_it_learned():
    learned = AmplitudeScaler(by="training").fit(TABLE)
    (part,) = pretrained_parts(FrozenEstimator(learned))
    assert part.subjects == set(range(6))
    for stateless in (AmplitudeScaler(), EMGFeatures("hudgins")):
        assert pretrained_parts(FrozenEstimator(stateless.fit(TABLE))) == []


def test_fitted_without_subjects_means_unknown():
    (part,) = pretrained_parts(FrozenEstimator(net().fit(SIGNALS, Y)))
    assert part.subjects is None
    # The groups of windows inside DiVote are row numbers, not names of subjects.
    inner = DiVoteClassifier(net(), window=None).fit(SIGNALS, Y)
    (part,) = pretrained_parts(FrozenEstimator(inner))
    assert part.subjects is None


def test_a_fine_tuning_without_subjects_leaves_those_of_the_pretraining_known():
    model = TransferClassifier(net()).pretrain(SIGNALS, Y, groups=SUBJECT).fine_tune(SIGNALS, Y)
    assert [p.subjects for p in pretrained_parts(FrozenEstimator(model))] == [set(range(6)), None]


def test_codes_of_mixed_names_are_no_names():
    names = np.array([k if k % 2 else f"S{k}" for k in SUBJECT], dtype=object)
    transfer = SubjectTransferClassifier(TransferClassifier(net()), random_state=0)
    model = DiVoteClassifier(transfer, window=None).fit(FEATURES.assign(subject=names), Y)
    (part,) = pretrained_parts(FrozenEstimator(model))
    assert set(names) <= part.subjects
    assert not {0, 2, 4} & part.subjects
