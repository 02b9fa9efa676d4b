"""Subjects, folds, columns, weights and calibration of DiVote."""

import warnings

import numpy as np
import pytest
import sklearn
from data import feature_cohort
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import (
    BaggingClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    StackingClassifier,
    StackingRegressor,
)
from sklearn.exceptions import DataConversionWarning
from sklearn.feature_selection import RFECV
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, Ridge, SGDClassifier
from sklearn.model_selection import (
    GridSearchCV,
    KFold,
    PredefinedSplit,
    StratifiedKFold,
    TunedThresholdClassifierCV,
    cross_val_predict,
    cross_val_score,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.semi_supervised import SelfTrainingClassifier
from sklearn.svm import SVC, LinearSVC
from small_systems import pretrained

from sklearn_emg.ensemble import (
    DiVoteClassifier,
    DiVoteRegressor,
    NormalLimitRules,
    SMOTEClassifier,
)
from sklearn_emg.exceptions import RecordingWarning, SubjectLeakWarning
from sklearn_emg.metrics import subject_scorer
from sklearn_emg.model_selection import SubjectKFold

FEATURES = [f"f{k}" for k in range(6)]


def alike(n_subjects=10, effect=0.0):
    """Rows of a subject are similar; without an effect, they are independent of the label."""
    effects = dict.fromkeys(FEATURES, effect)
    return feature_cohort(n_subjects, 6, effects, 1.0, 0.1, labels=("well", "ill"), seed=1)


def divote(estimator, **settings):
    return DiVoteClassifier(estimator, window=None, **settings)


def test_predicting_training_subjects_warns_once_in_each_call():
    X, y = alike()
    model = divote(GaussianNB()).fit(X, y)
    assert model.subjects_.tolist() == list(range(10))
    recordings = model.vote(X.assign(subject=X["subject"] + 100)).recordings
    for call in (
        lambda: model.predict(X[:12]),
        lambda: model.predict_proba(X[:12]),
        lambda: model.score(X[:12], y[:12]),
        lambda: model.vote(X[:12]),
        lambda: model.vote_subjects(recordings.assign(subject=X["subject"])[:12]),
        lambda: subject_scorer()(model, X[:12], y[:12]),
    ):
        with pytest.warns(
            SubjectLeakWarning, match=r"2 of 2 subjects .* trained on \(0, 1\)"
        ) as seen:
            call()
        assert len(seen) == 1


def test_new_subjects_fits_and_rows_without_subjects_give_no_warning():
    X, y = alike()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = divote(GaussianNB()).fit(X, y)
        model.predict(X.assign(subject=X["subject"] + 100))
        values = X[FEATURES].to_numpy()
        plain = divote(GaussianNB()).fit(values, y)
        assert plain.subjects_ is None
        plain.predict(values)


def test_metadata_are_no_features_if_the_subjects_are_given_apart():
    X, y = alike()
    table = X.drop(columns="subject").assign(age=np.arange(len(X)) % 7 + 40, fs=1000.0)
    model = DiVoteClassifier(LogisticRegression(), window=None)
    model.fit(table, y, groups=X["subject"])
    assert model.feature_names_in_.tolist() == FEATURES
    plain = DiVoteClassifier(LogisticRegression(), window=None)
    plain.fit(table[FEATURES], y, groups=X["subject"])
    np.testing.assert_array_equal(model.predict_proba(table), plain.predict_proba(table[FEATURES]))


def test_plain_folds_warn():
    X, y = alike()
    folds = StratifiedKFold(3, shuffle=True, random_state=0)
    with pytest.warns(SubjectLeakWarning):
        cross_val_score(divote(GaussianNB()), X, y, cv=folds)
    with pytest.warns(SubjectLeakWarning):
        GridSearchCV(divote(GaussianNB()), {"voting": ["soft"]}, cv=folds).fit(X, y)
    with pytest.warns(SubjectLeakWarning):
        cross_val_predict(divote(GaussianNB()), X, y, cv=KFold(3, shuffle=True, random_state=0))


def subject_folds(subjects, n=5):
    folds = [subjects // 2 == k for k in range(n)]
    return [(np.flatnonzero(~test), np.flatnonzero(test)) for test in folds]


@pytest.mark.parametrize("form", ["repeated", "mask"])
def test_inner_folds_are_checked_by_their_rows(form):
    X, y = alike()
    folds = subject_folds(X["subject"].to_numpy())
    plain = divote(KNeighborsClassifier(1), cv=folds).fit(X, y).training_features_
    if form == "repeated":  # as many rows as the table has
        given = [(np.resize(train, len(y)), test) for train, test in folds]
    else:
        rows = np.arange(len(y))
        given = [(np.isin(rows, train), np.isin(rows, test)) for train, test in folds]
    found = divote(KNeighborsClassifier(1), cv=iter(given)).fit(X, y).training_features_
    np.testing.assert_array_equal(found, plain)


def test_inner_folds_that_share_a_subject_are_refused_by_name():
    X, y = alike()
    X["subject"] = [f"S{s}" for s in X["subject"]]
    rows = np.arange(len(y))
    with pytest.raises(ValueError, match=r"leaks: .*'S0'"):
        divote(GaussianNB(), cv=[(rows, rows[:30]), (rows[:30], rows[30:])]).fit(X, y)
    with pytest.raises(ValueError, match="must give row numbers below 60"):
        divote(GaussianNB(), cv=[(rows[:30] + 60, rows[30:])]).fit(X, y)


@pytest.mark.parametrize(
    "name, values",
    [
        *((name, np.arange(60.0) % 7) for name in ("subject_id", "patient", "id", "PatientID")),
        *((name, np.arange(60.0) % 7) for name in ("label", "target", "class", "diagnosis")),
        *((name, np.arange(60.0) % 7) for name in ("recording_id", "fold", "Unnamed: 0", "index")),
        ("q", np.repeat(np.arange(10), 6) * 7.0),
        ("q", np.repeat(np.arange(10), 6) % 2),
        ("q", np.arange(60) + 3),
    ],
)
def test_identities_and_labels_are_left_out_with_a_warning(name, values):
    X, y = alike()
    X[name] = values
    with pytest.warns(RecordingWarning, match=rf"{name!r} \(.*features=\[\.\.\.\]"):
        model = divote(GaussianNB()).fit(X, y)
    assert model.n_features_in_ == 6
    assert model.predict(X.assign(subject=X["subject"] + 100)).shape == (60,)
    chosen = divote(GaussianNB(), features=[*FEATURES, name]).fit(X, y)
    assert chosen.n_features_in_ == 7


@pytest.mark.parametrize("estimator", [SVC(), make_pipeline(StandardScaler(), LinearSVC())])
@pytest.mark.parametrize("cv", [None, 2])
def test_decisions_are_calibrated_on_subjects_that_are_held_out(estimator, cv):
    X, y = alike(effect=2.0)
    model = divote(estimator, cv=cv).fit(X, y)
    new = X.assign(subject=X["subject"] + 100)
    np.testing.assert_allclose(model.predict_proba(new).sum(axis=1), 1)
    assert model.score(new, y) > 0.8
    folds = list(SubjectKFold(5, shuffle=False).split(X, y))
    expected = CalibratedClassifierCV(estimator, cv=folds, ensemble=False).fit(X[FEATURES], y)
    scores = model.vote(new).windows[["score_ill", "score_well"]]
    np.testing.assert_allclose(scores, expected.predict_proba(X[FEATURES]), atol=1e-6)


def test_calibration_takes_weights_without_a_warning():
    X, y = alike(effect=2.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = divote(SVC()).fit(X, y, sample_weight=np.linspace(1, 2, len(X)))
    np.testing.assert_allclose(model.predict_proba(X).sum(axis=1), 1)


def test_calibration_needs_two_subjects_of_each_class():
    X, y = alike(3)
    with pytest.raises(ValueError, match=r"two subjects of each class, but class 'ill' has 1"):
        divote(SVC()).fit(X, y)
    assert not hasattr(divote(SVC(), voting="hard").fit(X, y).estimator_, "predict_proba")


@pytest.mark.parametrize("cv", [3, SubjectKFold(3, shuffle=False)])
def test_folds_inside_hold_out_subjects(cv):
    X, y = alike(effect=1.0)
    calibrated = CalibratedClassifierCV(SVC(), cv=cv)
    explicit = list(SubjectKFold(3, shuffle=False).split(X, y))
    model = divote(calibrated).fit(X, y)
    expected = CalibratedClassifierCV(SVC(), cv=explicit).fit(X[FEATURES], y)
    np.testing.assert_allclose(
        model.estimator_.predict_proba(X[FEATURES]), expected.predict_proba(X[FEATURES])
    )
    assert model.estimator_.cv is not explicit
    assert str(model.estimator_.cv) == str(cv)


def test_folds_inside_that_split_a_subject_are_warned_of():
    X, y = alike()
    inner = GridSearchCV(GaussianNB(), {"var_smoothing": [1e-9]}, cv=StratifiedKFold(3))
    with pytest.warns(SubjectLeakWarning, match="estimator__cv of DiVoteClassifier"):
        divote(inner).fit(X, y)


def search_in(estimator, cv=3):
    return GridSearchCV(estimator, {}, cv=cv)


CALIBRATED = CalibratedClassifierCV(SVC(), cv=3)


@pytest.mark.parametrize(
    ("estimator", "place"),
    [
        (search_in(CALIBRATED), r"CalibratedClassifierCV \(estimator\.estimator\)"),
        (CalibratedClassifierCV(search_in(GaussianNB())), r"GridSearchCV \(estimator\.estimator\)"),
        (
            GridSearchCV(make_pipeline(SVC()), {"svc": [CALIBRATED]}, cv=3),
            r"CalibratedClassifierCV \(estimator\.param_grid\.svc\.0\)",
        ),
        (BaggingClassifier(CALIBRATED, 2), "CalibratedClassifierCV"),
        (OneVsRestClassifier(CALIBRATED), "CalibratedClassifierCV"),
        (
            BaggingClassifier(TunedThresholdClassifierCV(GaussianNB(), cv=0.3), 2),
            "TunedThresholdClassifierCV",
        ),
        (search_in(make_pipeline(RFECV(LogisticRegression(), cv=2), GaussianNB())), "RFECV"),
        (search_in(SMOTEClassifier(search_in(GaussianNB()))), "GridSearchCV"),
        (SMOTEClassifier(search_in(CALIBRATED)), "CalibratedClassifierCV .* SMOTEClassifier"),
    ],
)
def test_parts_that_split_windows_without_their_subjects_are_named(estimator, place):
    X, y = alike()
    with pytest.warns(SubjectLeakWarning, match=f"{place}.* without their subjects, so cv="):
        divote(estimator).fit(X, y)


@pytest.mark.parametrize(
    "estimator, place, remedy",
    [
        (
            HistGradientBoostingClassifier(max_iter=2, early_stopping=True),
            r"\(estimator\)",
            "early_stopping=False",
        ),
        (
            make_pipeline(StandardScaler(), SGDClassifier(loss="log_loss", early_stopping=True)),
            r"\(estimator.sgdclassifier\)",
            "early_stopping=False",
        ),
        (
            SMOTEClassifier(GradientBoostingClassifier(n_estimators=2, n_iter_no_change=1)),
            r"\(estimator\) inside SMOTEClassifier",
            "n_iter_no_change=None",
        ),
        (SVC(probability=True), r"\(estimator\)", r"CalibratedClassifierCV\(SVC\(\)\)"),
    ],
    ids=["boosting", "pipeline", "SMOTE", "SVC"],
)
@pytest.mark.filterwarnings("ignore:.*probability:FutureWarning")
def test_early_stopping_and_probabilities_from_windows_are_warned_of(estimator, place, remedy):
    with pytest.warns(SubjectLeakWarning, match=f"{place}.*training subjects.*{remedy}"):
        divote(estimator).fit(*alike())


@pytest.mark.parametrize(
    "estimator",
    [
        HistGradientBoostingClassifier(max_iter=2),
        GradientBoostingClassifier(n_estimators=2),
        SGDClassifier(loss="log_loss"),
        CalibratedClassifierCV(SVC(), cv=2),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
def test_estimators_that_hold_out_no_windows_give_no_warning(estimator, recwarn):
    divote(estimator).fit(*alike(effect=1.0))
    assert not [w for w in recwarn if issubclass(w.category, SubjectLeakWarning)]


def test_an_unfitted_network_of_skorch_counts_as_unfitted(recwarn):
    torch, skorch = pytest.importorskip("torch"), pytest.importorskip("skorch")
    layers = torch.nn.Sequential(torch.nn.Linear(6, 2), torch.nn.Softmax(dim=1))
    net = skorch.NeuralNetClassifier(layers, max_epochs=1, verbose=0)
    as_float = FunctionTransformer(lambda X: np.array(X, dtype=np.float32))
    X, y = alike()
    model = divote(make_pipeline(as_float, net))
    model.fit(X, (y == "ill").astype(int))
    assert not [w for w in recwarn if issubclass(w.category, SubjectLeakWarning)]
    frozen = divote(FrozenEstimator(model.estimator_))
    with pytest.warns(SubjectLeakWarning, match="fitted on unknown subjects"):
        frozen.fit(X, (y == "ill").astype(int))


def test_an_estimator_with_other_classes_is_refused():
    X, y = alike()
    numbers = np.where(X["subject"] < 4, -1, y == "ill").astype(int)
    with pytest.raises(ValueError, match=r"\[0, 1\], but y has \[-1, 0, 1\].*missing label"):
        divote(SelfTrainingClassifier(GaussianNB())).fit(X, numbers)
    three = np.where(X["subject"] < 2, "other", y)
    inner = FrozenEstimator(GaussianNB().fit(X[FEATURES].to_numpy(), three))
    with pytest.raises(ValueError, match=r"'other'.*but y has \['ill', 'well'\]"):
        divote(inner, final_estimator=None).fit(X, y)


def test_parts_that_get_folds_of_subjects_are_not_warned_of():
    X, y = alike()
    smote = SMOTEClassifier(CalibratedClassifierCV(GaussianNB(), cv=3), random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error", SubjectLeakWarning)
        model = divote(smote).fit(X, y)
        divote(make_pipeline(RFECV(LogisticRegression(), cv=2), search_in(SVC()))).fit(X, y)
        divote(search_in(CALIBRATED)).fit(X[FEATURES].to_numpy(), y)  # rows without subjects
    assert model.estimator_.estimator_.cv == 3


def test_smote_gives_a_search_inside_folds_of_subjects():
    X, y = alike()
    X["f5"] = X["subject"]  # so that rows, synthetic ones too, reveal their subject
    few = np.flatnonzero((y == "well") | (np.arange(len(y)) % 6 < 3))
    seen = []

    class Spy(GaussianNB):
        def fit(self, X, y):
            seen.append(set(np.rint(X[:, -1]).astype(int)))
            return super().fit(X, y)

    smote = SMOTEClassifier(search_in(Spy(), cv=5), random_state=0)
    smote.fit(X[FEATURES].to_numpy()[few], y[few], groups=X["subject"].to_numpy()[few])
    assert smote.n_synthetic_ == {"ill": 15}
    assert [len(subjects) for subjects in seen] == [8] * 5 + [10]


@pytest.mark.parametrize("routing", [False, True])
def test_weights_reach_windows_and_subjects(routing):
    X, y = alike(effect=0.5)
    half = np.arange(len(y)) % 6 < 3
    new = X.assign(subject=X["subject"] + 100)
    with sklearn.config_context(enable_metadata_routing=routing):
        inner = GaussianNB().set_fit_request(sample_weight=True) if routing else GaussianNB()
        weighted = divote(inner, final_estimator=None)
        weighted.fit(X, y, sample_weight=half.astype(float))
    alone = divote(GaussianNB(), final_estimator=None).fit(X[half], y[half])
    np.testing.assert_allclose(weighted.predict_proba(new), alone.predict_proba(new))
    one = np.where(X["subject"] == 0, 9.0, 1.0)
    model = divote(make_pipeline(StandardScaler(), GaussianNB())).fit(X, y, sample_weight=one)
    expected = LogisticRegression().fit(
        model.training_features_, ["well", "ill"] * 5, sample_weight=[9] + 9 * [1]
    )
    np.testing.assert_allclose(model.final_estimator_.coef_, expected.coef_)


def test_weights_that_cannot_be_used_are_refused():
    X, y = alike()
    with pytest.raises(ValueError, match="KNeighborsClassifier takes no sample_weight"):
        divote(KNeighborsClassifier()).fit(X, y, sample_weight=np.ones(60))
    with pytest.raises(ValueError, match="one weight per row, 60 of them"):
        divote(GaussianNB()).fit(X, y, sample_weight=np.ones(6))
    with pytest.raises(ValueError, match=r"not negative\. Row 0 has -1"):
        divote(GaussianNB()).fit(X, y, sample_weight=-np.ones(60))


@pytest.mark.parametrize("final", ["logistic", None])
@pytest.mark.parametrize(
    "change, match",
    [
        (lambda y: np.where(np.arange(60) == 5, None, y), "no label for 1 of 60 rows.* row 5"),
        (
            lambda y: [1 if v == "ill" else v for v in y],
            "mixed types: row 0 has 'well'.*row 6 has 1",
        ),
        (lambda y: ["ill"] * 60, "at least two classes, but y has 1 class, 'ill'"),
    ],
)
def test_unusable_labels_are_named(change, match, final):
    X, y = alike()
    with pytest.raises(ValueError, match=match):
        divote(GaussianNB(), final_estimator=final).fit(X, change(y.astype(object)))


def test_folds_that_train_on_one_class_are_refused():
    X, y = alike()
    well, ill = np.flatnonzero(y == "well"), np.flatnonzero(y == "ill")
    with pytest.raises(ValueError, match="training part of a fold of its 'cv' has 1 class, 'well'"):
        divote(GaussianNB(), cv=[(well, ill), (ill, well)]).fit(X, y)


def test_a_threshold_is_tuned_on_a_proportion_of_the_subjects():
    X, y = alike()
    X["f5"] = X["subject"]  # so that rows reveal their subject
    seen = []

    class Spy(GaussianNB):
        def fit(self, X, y):
            seen.append(set(np.asarray(X)[:, -1]))
            return super().fit(X, y)

        def predict_proba(self, X):
            seen.append(set(np.asarray(X)[:, -1]))
            return super().predict_proba(X)

    tuned = TunedThresholdClassifierCV(Spy(), cv=0.4, random_state=0)
    model = divote(tuned, features=FEATURES).fit(X, y)
    whole, train, test = seen[:3]  # the classifier is first refitted
    assert not train & test
    assert len(test) == 4
    assert train | test == whole
    assert model.estimator_.cv == 0.4
    lonely = (X["subject"] == X["subject"].iloc[0]) | (y == "ill")
    with pytest.warns(SubjectLeakWarning, match="estimator__cv of DiVoteClassifier puts windows"):
        divote(tuned, features=FEATURES).fit(X[lonely], y[lonely])


STACK = StackingClassifier([("nb", GaussianNB()), ("svc", SVC())], cv=2)


@pytest.mark.parametrize(
    "estimator",
    [STACK, make_pipeline(StandardScaler(), STACK), SMOTEClassifier(STACK)],
)
def test_stacks_with_the_default_final_estimator_are_taken(estimator):
    X, y = alike(effect=2.0)
    new = X.assign(subject=X["subject"] + 100)
    model = divote(estimator).fit(X, y)
    assert model.predict_proba(new).shape == (60, 2)
    assert model.calibration_ is None


def test_stacks_may_be_final_estimators_and_regressors():
    X, y = alike(effect=2.0)
    new = X.assign(subject=X["subject"] + 100)
    final = StackingClassifier([("nb", GaussianNB())], cv=2)
    assert divote(GaussianNB(), final_estimator=final).fit(X, y).predict(new).shape == (60,)
    stack = StackingRegressor([("ridge", Ridge())], cv=2)
    number = (y == "ill").astype(float)
    assert DiVoteRegressor(stack, window=None).fit(X, number).predict(new).shape == (60,)


def test_subjects_of_a_pretrained_part_are_known():
    X, y = alike()
    model = divote(make_pipeline(StandardScaler(), pretrained({100})))
    new = X.assign(subject=X["subject"] + 100)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.fit(X, y).predict(new[6:])
    with pytest.warns(SubjectLeakWarning, match=r"1 of 10 subjects .* trained on \(100\)"):
        model.predict(new)
    values = X[FEATURES].to_numpy()
    unnamed = divote(pretrained({100})).fit(values, y)
    with pytest.warns(SubjectLeakWarning, match=r"trained on \(100\)"):
        unnamed.predict(values, groups=new["subject"])


def test_pretrained_subjects_are_not_scored_inside_a_fit():
    X, y = alike()
    with pytest.raises(ValueError, match=r"DiVoteClassifier: fold 0 would test 1 subject \(0\)"):
        divote(pretrained({0}), cv=2).fit(X, y)
    search = GridSearchCV(pretrained({0}), {"var_smoothing": [1e-9]}, cv=2)
    with pytest.warns(SubjectLeakWarning, match=r"pretrained on subjects .*such as 0\) and can be"):
        divote(search).fit(X, y)


def test_a_part_that_was_fitted_on_unknown_subjects_is_warned_of():
    X, y = alike()
    frozen = FrozenEstimator(GaussianNB().fit(X[FEATURES], y))
    with pytest.warns(SubjectLeakWarning, match="is already fitted on unknown subjects"):
        divote(frozen).fit(X, y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        divote(frozen).fit(X[FEATURES], y)  # without subjects there is nothing to check


@pytest.mark.parametrize("cv", [3, None])
def test_folds_inside_of_a_class_of_one_subject_are_warned_of_if_they_leak(cv):
    X, y = alike(7)
    y = np.where(X["subject"] == 0, "ill", "well")
    search = GridSearchCV(GaussianNB(), {"var_smoothing": [1e-9]}, cv=cv)
    with pytest.warns(SubjectLeakWarning, match="class 'ill' has 1 subject"):
        divote(search).fit(X, y)
    with warnings.catch_warnings():
        warnings.simplefilter("error", SubjectLeakWarning)  # one row of each subject
        divote(search).fit(X[::6], y[::6])


def test_permuted_labels_are_told_how_to_move_by_subject():
    X, y = alike()
    with pytest.raises(ValueError, match=r"sklearn_emg\.comparison\.subject_permutation_test"):
        divote(GaussianNB()).fit(X, np.random.default_rng(0).permutation(y))


def test_features_are_names_or_all_columns_of_an_array():
    X, y = alike()
    model = DiVoteClassifier(GaussianNB(), window=None, features=FEATURES)
    values, groups = X[FEATURES].to_numpy(), X["subject"]
    assert model.fit(values, y, groups=groups).n_features_in_ == 6
    with pytest.raises(ValueError, match="name 6 columns, but X is an array of 7 columns"):
        model.fit(np.column_stack([values, np.arange(len(y))]), y, groups=groups)
    # Bagging converts the table to an array, in which the subject would be a feature.
    with pytest.raises(ValueError, match="without names"):
        BaggingClassifier(model, n_estimators=2).fit(X.assign(subject=range(len(y))), y)


def test_subjects_in_the_index_and_repeated_columns_are_refused():
    X, y = alike()
    model = DiVoteClassifier(GaussianNB(), window=None)
    with pytest.raises(ValueError, match=r"subjects in its index .*reset_index\('subject'\)"):
        model.fit(X.set_index("subject"), y)
    with pytest.raises(ValueError, match="the column 'f0' more than once"):
        model.fit(X.rename(columns={"f1": "f0"}), y)


@pytest.mark.parametrize("name", ["case_no", "PatNr", "MRN", "dx", "window start", "date", "rec"])
def test_further_names_of_columns_that_are_no_features(name):
    X, y = alike()
    X[name] = np.random.default_rng(0).normal(size=len(y))
    with pytest.warns(RecordingWarning, match=f"left out of the features: '{name}' "):
        assert DiVoteClassifier(GaussianNB(), window=None).fit(X, y).n_features_in_ == 6


def test_a_count_backwards_is_no_feature_and_a_part_of_a_name_is_one():
    X, y = alike()
    X["k"], X["sub_band"] = np.arange(len(y))[::-1], X["f0"] ** 2
    with pytest.warns(RecordingWarning, match=r"'k' \(a count of the rows\)\."):
        assert DiVoteClassifier(GaussianNB(), window=None).fit(X, y).n_features_in_ == 7


@pytest.mark.parametrize("y", ["ill", {1: "ill"}, {"ill"}])
def test_labels_must_be_one_per_row(y):
    with pytest.raises(ValueError, match="y of DiVoteClassifier must be a list, array or Series"):
        DiVoteClassifier(GaussianNB(), window=None).fit(alike()[0], y)


def test_numbers_of_several_types_are_labels():
    X, y = alike()
    mixed = [(1.0 if i % 2 else 1) if label == "ill" else 0 for i, label in enumerate(y)]
    model = DiVoteClassifier(GaussianNB(), window=None).fit(X, np.array(mixed, dtype=object))
    assert model.classes_.tolist() == [0, 1]


def test_wrapped_classifiers_need_two_classes():
    X, y = alike()
    for model in (SMOTEClassifier(GaussianNB()), NormalLimitRules("ill")):
        with pytest.raises(ValueError, match=f"{type(model).__name__} .* two classes"):
            model.fit(X[FEATURES], np.full(len(y), "ill"))


@pytest.mark.parametrize("unit", ["subject", "side"])
def test_a_class_with_a_single_subject_is_warned_of(unit):
    X, y = feature_cohort()
    X = X.assign(side=[f"{name} {k % 2}" for k, name in enumerate(X["subject"])])
    few = ((y == "well") | (X["subject"] == 0)).to_numpy()
    model = divote(GaussianNB(), unit=unit, features=["rms"])
    match = "Class 'ill' has a single subject, 0: .* Add subjects of this class"
    with pytest.warns(RecordingWarning, match=match):
        model.fit(X[few], y[few])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.fit(X, y)
        divote(GaussianNB()).fit(X.drop(columns=["subject", "side"])[few], y[few])


@pytest.mark.parametrize(
    "y, match",
    [
        (np.eye(2)[[0, 1] * 4], r"ndarray of shape \(8, 2\).*one-hot"),
        ([["a"], ["b"], "a", "b", "a", "b", "a", "b"], "list, in row 0"),
        ([("a", 1), ("b", 2)] * 4, r"list of shape \(8, 2\)"),
    ],
)
def test_labels_with_several_values_are_refused(y, match):
    model = DiVoteClassifier(GaussianNB(), window=None)
    with pytest.raises(ValueError, match=match):
        model.fit(np.random.default_rng(0).normal(size=(8, 2)), y)


def test_labels_in_a_column_are_taken():
    X, y = feature_cohort()
    model = DiVoteClassifier(GaussianNB(), window=None)
    codes = np.unique(y, return_inverse=True)[1]
    with pytest.warns(DataConversionWarning):
        column = model.fit(X, codes[:, None]).predict_proba(X)
    np.testing.assert_array_equal(column, model.fit(X, codes).predict_proba(X))


@pytest.mark.parametrize("cv", [PredefinedSplit, KFold])
def test_splitters_without_groups_do_not_warn_of_groups(cv):
    X, y = feature_cohort()
    subject = np.unique(X["subject"], return_inverse=True)[1]
    order = np.argsort(subject, kind="stable")
    X, y, subject = X.iloc[order], np.asarray(y)[order], subject[order]
    n_folds = np.unique(subject).size
    folds = PredefinedSplit(subject) if cv is PredefinedSplit else KFold(n_folds)
    with warnings.catch_warnings():
        warnings.filterwarnings("error", "The groups parameter is ignored")
        final = DiVoteClassifier(GaussianNB(), window=None, cv=folds).fit(X, y)
        inner = CalibratedClassifierCV(GaussianNB(), cv=folds)
        votes = DiVoteClassifier(inner, window=None, final_estimator=None).fit(X, y)
    for model in (final, votes):
        assert model.predict(X).shape == (len(X),)
