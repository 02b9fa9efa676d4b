"""DiVote on a case computed by hand, and its other documented properties."""

import pickle

import numpy as np
import pandas as pd
import pytest
import sklearn
from data import noise, recording_cohort
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, GroupKFold, LeaveOneGroupOut
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC

from sklearn_emg.comparison import compare
from sklearn_emg.ensemble import DiVoteClassifier, find_votes
from sklearn_emg.exceptions import RecordingWarning
from sklearn_emg.feature_extraction import TimeDomainFeatures
from sklearn_emg.inspection import explain_subject
from sklearn_emg.model_selection import LeaveOneSubjectOut, SubjectKFold
from sklearn_emg.preprocessing import RecordingUndersampler
from sklearn_emg.recordings import recording_table


class FirstSample(ClassifierMixin, BaseEstimator):
    """Takes the first sample of a window for the probability of the second class."""

    def fit(self, X, y, groups=None):
        self.classes_ = np.unique(y)
        self.groups_ = groups
        self.seen_ = X
        return self

    def predict_proba(self, X):
        p = np.asarray(X, dtype=float).reshape(len(X), -1)[:, 0]
        return np.column_stack([1 - p, p])

    def predict(self, X):
        return self.classes_[np.argmax(self.predict_proba(X), axis=1)]


class LabelsOnly(ClassifierMixin, BaseEstimator):
    """Has neither probabilities nor decisions."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return np.full(len(X), self.classes_[0])


@pytest.fixture
def hand():
    """Windows of 2 samples; subject a: .1 .3 | .8, subject b: .9 .7 .5."""
    signals = [[0.1, 0, 0.3, 0], [0.8, 0], [0.9, 0, 0.7, 0, 0.5, 0]]
    table = recording_table(
        signals, fs=10.0, subject=["a", "a", "b"], region=["proximal", "distal", "proximal"]
    )
    return table, np.array(["M", "M", "N"])


def divote(**kwargs):
    return DiVoteClassifier(FirstSample(), **{"window": 0.2, "step": None, **kwargs})


def test_chain_worked_by_hand(hand):
    table, y = hand
    votes = divote(final_estimator=None).fit(table, y).vote(table)
    np.testing.assert_allclose(votes.windows["score_N"], [0.1, 0.3, 0.8, 0.9, 0.7, 0.5], rtol=1e-6)
    assert votes.windows["row"].tolist() == [0, 0, 1, 2, 2, 2]
    np.testing.assert_allclose(votes.windows["start"], [0, 0.2, 0, 0, 0.2, 0.4])
    assert votes.windows["subject"].tolist() == list("aaabbb")
    np.testing.assert_allclose(votes.recordings["score_N"], [0.2, 0.8, 0.7], rtol=1e-6)
    assert votes.recordings["n_windows"].tolist() == [2, 1, 3]
    assert votes.recordings["vote"].tolist() == ["M", "N", "N"]
    # Recordings, not windows, have equal weights: (0.2 + 0.8) / 2, not (0.1 + 0.3 + 0.8) / 3.
    np.testing.assert_allclose(votes.subjects["score_N"], [0.5, 0.7], rtol=1e-6)
    assert votes.subjects.index.tolist() == ["a", "b"]
    assert votes.subjects["n_recordings"].tolist() == [2, 1]


def test_feature_pd_worked_by_hand(hand):
    table, y = hand
    model = divote(by="region").fit(table, y)
    assert model.by_levels_ == ["distal", "proximal"]
    votes = model.vote(table)
    columns = [f"feature_{level}_{c}" for level in ("distal", "proximal") for c in "MN"]
    np.testing.assert_allclose(
        votes.subjects[columns],
        # Subject b has no distal recording: 1 / n_classes each.
        [[0.2, 0.8, 0.8, 0.2], [0.5, 0.5, 0.3, 0.7]],
        rtol=1e-6,
    )
    np.testing.assert_allclose(model.training_features_, votes.subjects[columns])
    expected = LogisticRegression().fit(model.training_features_, ["M", "N"])
    np.testing.assert_allclose(
        votes.subjects[["probability_M", "probability_N"]],
        expected.predict_proba(model.training_features_),
    )


def test_plain_averaging_with_by_counts_each_kind_once(hand):
    table, y = hand
    table = pd.concat([table, table.iloc[[0]]], ignore_index=True)
    y = np.append(y, "M")
    model = divote(by="region", final_estimator=None).fit(table, y)
    # a: proximal 0.2 twice, distal 0.8 once -> 0.5; b has proximal 0.7 alone.
    np.testing.assert_allclose(model.predict_proba(table)[:, 1], [0.5, 0.5, 0.7, 0.5], rtol=1e-6)


def test_hard_voting_counts_windows(hand):
    table, y = hand
    votes = divote(voting="hard", final_estimator=None).fit(table, y).vote(table)
    # Windows with a probability of N above 0.5 vote for N; at 0.5, argmax takes the first class.
    assert votes.windows["score_N"].tolist() == [0, 0, 1, 1, 1, 0]
    np.testing.assert_allclose(votes.recordings["score_N"], [0, 1, 2 / 3])
    np.testing.assert_allclose(votes.subjects["score_N"], [0.5, 2 / 3])


def test_three_classes_lack_a_third_each():
    table = recording_table(
        [[0.1, 0.2], [0.3, 0.1], [0.2, 0.9], [0.5, 0.5]],
        fs=10.0,
        subject=list("abcd"),
        muscle=["x", "y", "x", "y"],
    )
    model = DiVoteClassifier(KNeighborsClassifier(1), window=0.2, step=None, by="muscle").fit(
        table, [0, 1, 2, 2]
    )
    features = model.vote(table).subjects.filter(like="feature_")
    np.testing.assert_allclose(features.iloc[0, 3:], 1 / 3)


def test_a_row_gets_the_answer_of_its_subject(hand):
    table, y = hand
    model = divote().fit(table, y)
    proba = model.predict_proba(table)
    np.testing.assert_array_equal(proba[0], proba[1])
    assert (
        model.predict(table).tolist()
        == model.vote(table).subjects.loc[["a", "a", "b"], "diagnosis"].tolist()
    )


def test_row_order_and_index_do_not_matter(hand):
    table, y = hand
    model = divote(by="region").fit(table, y)
    shuffled = table.iloc[[2, 0, 1]].set_index(pd.Index(["r", "s", "t"]))
    np.testing.assert_allclose(model.predict_proba(shuffled), model.predict_proba(table)[[2, 0, 1]])
    assert model.vote(shuffled).recordings.index.tolist() == ["r", "s", "t"]


def cohort(n_subjects=12, lengths=(300, 340, 380), n_channels=None):
    """Patients have twice the amplitude of controls; the first recording is proximal."""
    amplitudes = 1.0 + np.arange(n_subjects) % 2 + noise(n_subjects, scale=0.3)
    table, y = recording_cohort(amplitudes, lengths, n_channels, ("control", "patient"))
    regions = ["proximal"] + ["distal"] * (len(lengths) - 1)
    return table.assign(region=regions * n_subjects), y


def rms(windows):
    return np.sqrt(np.mean(windows**2, axis=-1)).reshape(len(windows), -1)


def windows_model():
    return make_pipeline(FunctionTransformer(rms), StandardScaler(), LogisticRegression())


def test_out_of_fold_scores_come_from_estimators_that_never_saw_the_subject():
    table, y = cohort()
    model = DiVoteClassifier(windows_model(), window=0.1, cv=LeaveOneSubjectOut()).fit(table, y)
    subject_names = table["subject"].drop_duplicates().tolist()
    for k in (0, 5):
        out = (table["subject"] == subject_names[k]).to_numpy()
        other = DiVoteClassifier(windows_model(), window=0.1, final_estimator=None)
        other.fit(table[~out], y[~out])
        np.testing.assert_allclose(
            model.training_features_[k], other.predict_proba(table[out])[0], rtol=1e-9
        )


def test_in_sample_scores_are_those_of_the_fitted_estimator():
    table, y = cohort()
    model = DiVoteClassifier(windows_model(), window=0.1).fit(table, y)
    features = model.vote(table).subjects.filter(like="feature_")
    np.testing.assert_allclose(model.training_features_, features)


@pytest.mark.parametrize("cv", [3, SubjectKFold(3, random_state=0), LeaveOneGroupOut()])
def test_out_of_fold_training_accepts_ints_and_splitters_and_jobs(cv):
    table, y = cohort()
    one = DiVoteClassifier(windows_model(), window=0.1, cv=cv).fit(table, y)
    two = clone(one).set_params(n_jobs=2).fit(table, y)
    assert one.training_features_.shape == (12, 2)
    np.testing.assert_array_equal(one.training_features_, two.training_features_)


def test_a_cv_that_shares_subjects_is_refused():
    table, y = cohort()
    rows = np.arange(len(table))
    leaky = [(rows[rows % 2 == k], rows[rows % 2 != k]) for k in (0, 1)]
    with pytest.raises(ValueError, match="This split leaks"):
        DiVoteClassifier(windows_model(), window=0.1, cv=leaky).fit(table, y)
    with pytest.raises(ValueError, match="must test every row once; row 0 is tested 0 times"):
        DiVoteClassifier(windows_model(), window=0.1, cv=[(rows[:6], rows[6:])]).fit(table, y)


def test_windows_subjects_reach_the_inner_estimator():
    table, y = cohort(n_subjects=4)
    for inner in (FirstSample(), make_pipeline(FunctionTransformer(rms), FirstSample())):
        model = DiVoteClassifier(inner, window=0.1, step=0.1).fit(table, y)
        last = model.estimator_ if isinstance(inner, FirstSample) else model.estimator_[-1]
        # 3 windows of 0.1 s in each recording of 300, 340 and 380 samples.
        np.testing.assert_array_equal(last.groups_, np.repeat(table["subject"].unique(), 9))


def test_windows_subjects_split_an_inner_search():
    table, y = cohort()
    search = GridSearchCV(windows_model(), {"logisticregression__C": [0.1, 1]}, cv=GroupKFold(3))
    model = DiVoteClassifier(search, window=0.1).fit(table, y)
    assert model.estimator_.best_params_["logisticregression__C"] in (0.1, 1)


def test_subjects_are_routed_with_metadata_routing():
    table, y = cohort(n_subjects=4)
    with sklearn.config_context(enable_metadata_routing=True):
        inner = make_pipeline(FunctionTransformer(rms), FirstSample().set_fit_request(groups=True))
        model = DiVoteClassifier(inner, window=0.1, step=0.1).fit(table, y)
        assert model.estimator_[-1].groups_.shape == (36,)
        model = DiVoteClassifier(windows_model(), window=0.1, step=0.1).fit(table, y)
    assert model.predict(table).shape == (12,)


def test_a_sampler_before_a_group_aware_step_gets_a_warning_and_no_wrong_groups():
    from imblearn.over_sampling import RandomOverSampler
    from imblearn.pipeline import make_pipeline as make_imblearn_pipeline

    table, y = cohort(n_subjects=5)
    inner = make_imblearn_pipeline(
        FunctionTransformer(rms), RandomOverSampler(random_state=0), FirstSample()
    )
    with pytest.warns(UserWarning, match="'firstsample' can hold out subjects but gets none"):
        model = DiVoteClassifier(inner, window=0.1).fit(table, y)
    assert model.estimator_[-1].groups_ is None


def test_a_sampler_of_recordings_before_divote_can_be_compared_and_predicted():
    from imblearn.pipeline import make_pipeline as make_imblearn_pipeline

    table, y = cohort()
    model = DiVoteClassifier(windows_model(), window=0.1)
    steps = (RecordingUndersampler(random_state=0), model)
    plain, sampled = (
        compare({"one": pipeline}, table, y, cv=2, progress=False).predictions
        for pipeline in (model, make_imblearn_pipeline(*steps))
    )
    pd.testing.assert_frame_equal(plain, sampled)  # the classes have the same number of recordings
    fitted = make_imblearn_pipeline(*steps).fit(table, y)
    assert len(find_votes(fitted, table).subjects) == table["subject"].nunique()
    explanation = explain_subject(fitted, table, table["subject"][0])
    assert explanation.probabilities.sum() == pytest.approx(1)


def test_multichannel_recordings_give_3d_windows():
    table, y = cohort(n_channels=4)
    model = DiVoteClassifier(FirstSample(), window=0.1, step=0.05, final_estimator=None)
    model.fit(table, y)
    assert model.estimator_.seen_.shape[1:] == (4, 100)
    assert model.estimator_.seen_.dtype == np.float32
    other, _ = cohort(n_channels=3)
    with pytest.raises(ValueError, match=r"windows have shape \(3, 100\)"):
        model.predict(other)
    assert DiVoteClassifier(windows_model(), window=0.1).fit(table, y).score(table, y) > 0.8


def test_nested_parameters_are_tuned_by_a_subject_wise_grid():
    table, y = cohort()
    grid = {
        "window": [0.1, 0.2],
        "estimator__logisticregression__C": [0.1, 1.0],
        "final_estimator__C": [0.5],
    }
    model = DiVoteClassifier(windows_model(), final_estimator=LogisticRegression())
    search = GridSearchCV(model, grid, cv=SubjectKFold(3, random_state=0), error_score="raise")
    search.fit(table, y)
    assert search.best_score_ > 0.8
    votes = find_votes(search, table)
    assert len(votes.subjects) == 12


def test_votes_are_found_at_the_end_of_a_pipeline():
    table, y = cohort(n_subjects=4)
    model = make_pipeline(
        FunctionTransformer(lambda t: t), DiVoteClassifier(windows_model(), window=0.1)
    ).fit(table, y)
    assert len(find_votes(model, table).recordings) == 12
    dummy = DummyClassifier().fit(table[["fs"]], y)
    assert find_votes(dummy, table) is None


def test_another_unit_than_the_subject_gets_a_diagnosis_of_its_own():
    table, y = cohort(n_subjects=4, lengths=(300, 340))
    table["side"] = ["left", "right"] * 4
    y = np.where(table["side"] == "left", "ill", "well")
    with pytest.raises(ValueError, match=r"Subject 's0' has the labels 'ill' and 'well'"):
        DiVoteClassifier(windows_model(), window=0.1).fit(table, y)
    model = DiVoteClassifier(windows_model(), window=0.1, unit="side").fit(table, y)
    votes = model.vote(table)
    assert votes.subjects.index.tolist()[:2] == [("s0", "left"), ("s0", "right")]
    assert len(votes.subjects) == 8
    np.testing.assert_array_equal(model.predict(table), votes.subjects["diagnosis"])


def test_feature_table_rows_are_windows():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(40, 2)), columns=["rms", "zc"])
    X["subject"] = np.repeat(list("abcdefgh"), 5)
    X["muscle"] = "biceps"
    y = np.repeat([0, 1], 20)
    X["rms"] += 3 * y
    model = DiVoteClassifier(LogisticRegression(), window=None).fit(X, y)
    assert model.estimator_.feature_names_in_.tolist() == ["rms", "zc"]
    assert model.vote(X).subjects["n_recordings"].tolist() == [5] * 8
    assert model.score(X, y) == 1.0
    chosen = DiVoteClassifier(LogisticRegression(), window=None, features=["zc"]).fit(X, y)
    assert chosen.n_features_in_ == 1


def test_feature_table_with_text_asks_for_the_features():
    X = pd.DataFrame({"rms": [1.0, 2.0], "note": ["x", "y"], "subject": ["a", "b"]})
    with pytest.raises(ValueError, match=r"numeric, unlike the column 'note'.*features="):
        DiVoteClassifier(LogisticRegression(), window=None).fit(X, [0, 1])


def test_recordings_of_one_length_are_windows_with_window_none():
    table = recording_table(np.eye(4), fs=10.0, subject=list("abcd"))
    model = DiVoteClassifier(FirstSample(), window=None, final_estimator=None)
    model.fit(table, [1, 0, 0, 0])
    assert model.predict_proba(table)[:, 1].tolist() == [1, 0, 0, 0]
    longer = recording_table([np.ones(4), np.ones(5)], fs=10.0, subject=list("ab"))
    with pytest.raises(ValueError, match=r"window=None, .* row 1 has \(5,\)"):
        model.fit(longer, [0, 1])


def test_groups_say_whose_array_rows_are():
    X = np.array([[0.1], [0.3], [0.9]])
    model = DiVoteClassifier(FirstSample(), window=None, final_estimator=None)
    model.fit(X, ["M", "M", "N"], groups=["a", "a", "b"])
    np.testing.assert_allclose(
        model.predict_proba(X, groups=["a", "a", "b"])[:, 1], [0.2, 0.2, 0.9]
    )


def test_skipped_recordings_are_counted_and_their_subject_falls_back(hand):
    table, y = hand
    model = divote(window=0.4, short="skip", final_estimator=None)
    with pytest.warns(UserWarning, match="row 1 has 2 samples"):
        votes = model.fit(table, y).vote(table)
    assert votes.recordings["n_windows"].tolist() == [1, 0, 1]
    assert votes.recordings["vote"].isna().tolist() == [False, True, False]
    alone = table.iloc[[1, 2]].assign(subject=["c", "b"])
    with pytest.warns(RecordingWarning, match=r"No usable window in 1 of 2 subjects \('c'\)"):
        np.testing.assert_allclose(model.predict_proba(alone)[0], [0.5, 0.5])


def test_a_training_subject_without_a_window_is_refused_by_name(hand):
    table, y = hand
    alone = table.assign(subject=["a", "c", "b"])
    model = divote(window=0.4, short="skip", final_estimator=None)
    with (
        pytest.warns(RecordingWarning, match="No window is left of row 1"),
        pytest.raises(ValueError, match=r"No window is left of subject 'c': .* rows 1\. Leave"),
    ):
        model.fit(alone, y)
    lost = table.assign(subject=["a", "c", "b"], signal=[np.ones(4), *[np.full(4, np.nan)] * 2])
    with (
        pytest.warns(RecordingWarning, match="No window is left of rows 1, 2"),
        pytest.raises(ValueError, match=r"subject 'c' \(and of 1 more subject\)"),
    ):
        divote(window=0.4, nan="skip").fit(lost, y)


def test_a_value_of_by_unseen_in_training_is_left_out_with_a_warning(hand):
    table, y = hand
    model = divote(by="region").fit(table.iloc[[0, 2]], y[[0, 2]])
    with pytest.warns(UserWarning, match=r"with region 'distal' are left out.*\['proximal'\]"):
        model.predict(table)


@pytest.mark.parametrize(
    "kwargs, match",
    [
        ({"by": "limb"}, "'by' parameter of DiVoteClassifier names the column 'limb'"),
        ({"unit": "limb"}, "'unit' parameter of DiVoteClassifier names the column 'limb'"),
        ({"window": 9.0}, "row 0 has 4 samples"),
        ({"estimator": LabelsOnly()}, "voting='soft' needs class probabilities, but LabelsOnly"),
        ({"estimator": FunctionTransformer()}, "'estimator' parameter of DiVoteClassifier"),
        ({"voting": "loud"}, "'voting' parameter of DiVoteClassifier"),
        ({"final_estimator": "svm"}, "'final_estimator' parameter of DiVoteClassifier"),
        ({"cv": 1}, "'cv' parameter of DiVoteClassifier"),
    ],
)
def test_bad_parameters_are_refused(hand, kwargs, match):
    table, y = hand
    with pytest.raises(ValueError, match=match):
        divote().set_params(**kwargs).fit(table, y)


def test_bad_tables_are_refused(hand):
    table, y = hand
    with pytest.raises(ValueError, match="lacks the column 'subject'"):
        divote().fit(table.drop(columns="subject"), y)
    with pytest.raises(ValueError, match=r"cuts the recordings of a table.*window=None"):
        divote().fit(np.ones((3, 4)), y)
    with pytest.raises(ValueError, match="one label per recording, 3 of them"):
        divote().fit(table, y[:2])
    with pytest.raises(ValueError, match="requires y to be passed"):
        divote().fit(table, None)
    region = table.assign(region=["proximal", None, "distal"])
    with pytest.raises(ValueError, match=r"Row 1, column 'region': a value is missing"):
        divote(by="region").fit(region, y)


def test_hard_votes_of_a_classifier_without_probabilities():
    table, y = cohort()
    model = DiVoteClassifier(
        make_pipeline(FunctionTransformer(rms), SVC()),
        window=0.1,
        voting="hard",
        final_estimator=SVC(),
    ).fit(table, y)
    assert model.score(table, y) > 0.8
    assert not hasattr(model, "predict_proba")
    assert "probability_control" not in model.vote(table).subjects


def test_pickle_and_repr(hand):
    table, y = hand
    model = divote(by="region").fit(table, y)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict_proba(table), model.predict_proba(table))
    assert "FirstSample" in model._repr_html_()


# Votes of subjects from scores of recordings, and the windows that are cut


@pytest.mark.parametrize(
    "settings", [{}, {"final_estimator": None}, {"by": "region"}, {"unit": "region"}]
)
def test_subjects_from_recordings_are_those_of_the_whole_chain(settings):
    rng = np.random.default_rng(0)
    table = recording_table(
        list(rng.normal(size=(12, 300)) * np.repeat([1.0, 3.0], 6)[:, None]),
        fs=1000.0,
        subject=list("aaabbbcccddd"),
        region=["proximal", "distal", "distal"] * 4,
    )
    windows = make_pipeline(TimeDomainFeatures(["rms"]), LogisticRegression())
    divote = DiVoteClassifier(windows, window=0.1, **settings).fit(table, [0] * 6 + [1] * 6)
    votes = divote.vote(table)
    pd.testing.assert_frame_equal(divote.vote_subjects(votes.recordings), votes.subjects)
    part = [1, 4, 5, 9]  # some recordings of each subject
    expected = divote.vote(table.iloc[part]).subjects
    pd.testing.assert_frame_equal(divote.vote_subjects(votes.recordings.iloc[part]), expected)


def test_recordings_without_scores_are_refused():
    X = pd.DataFrame({"rms": [1.0, 2.0, 3.0, 4.0], "subject": list("abcd")})
    divote = DiVoteClassifier(LogisticRegression(), window=None).fit(X, [0, 0, 1, 1])
    with pytest.raises(ValueError, match="lack the columns 'score_0', 'score_1'"):
        divote.vote_subjects(X)


def test_windows_are_those_of_the_votes():
    rng = np.random.default_rng(0)
    table = recording_table(list(rng.normal(size=(4, 250))), fs=500.0, subject=list("abcd"))
    rms = make_pipeline(TimeDomainFeatures(["rms"]), LogisticRegression())
    divote = DiVoteClassifier(rms, window=0.2, step=0.1).fit(table, [0, 0, 1, 1])
    cut, votes = divote.windows(table), divote.vote(table).windows
    np.testing.assert_array_equal(cut.row, votes["row"])
    np.testing.assert_allclose(cut.start / cut.fs, votes["start"])
    np.testing.assert_allclose(divote.estimator_.predict_proba(cut.X), votes.iloc[:, 3:5])
    with pytest.raises(ValueError, match=r"1000 Hz, but .* was fitted on windows of 500 Hz"):
        divote.windows(table.assign(fs=1000.0))


def test_windows_of_feature_rows_are_the_rows():
    X = pd.DataFrame({"rms": [1.0, 2.0, 3.0, 4.0], "subject": list("abcd")})
    divote = DiVoteClassifier(LogisticRegression(), window=None).fit(X, [0, 0, 1, 1])
    found = divote.windows(X)
    pd.testing.assert_frame_equal(found.X, X[["rms"]])
    assert np.isnan(found.fs)
    assert found.row.tolist() == [0, 1, 2, 3]


class Counted(FirstSample):
    """Counts the fits of all its copies."""

    fits = 0

    def fit(self, X, y, groups=None):
        type(self).fits += 1
        return super().fit(X, y, groups)


def test_memory_spares_fits_and_changes_no_answer(hand, tmp_path):
    table, y = hand
    Counted.fits = 0
    for by in (None, "region", None):
        for final in (None, "logistic"):
            settings = {"window": 0.2, "step": None, "by": by, "final_estimator": final}
            kept = DiVoteClassifier(Counted(), memory=str(tmp_path), **settings).fit(table, y)
            plain = DiVoteClassifier(FirstSample(), **settings).fit(table, y)
            np.testing.assert_array_equal(kept.predict_proba(table), plain.predict_proba(table))
    assert Counted.fits == 1


def test_memory_fits_anew_for_other_windows_labels_subjects_and_settings(hand, tmp_path):
    table, y = hand
    Counted.fits = 0

    def fit(table=table, y=y, estimator=Counted, window=0.2):
        model = DiVoteClassifier(estimator(), window=window, step=None, memory=str(tmp_path))
        model.fit(table, y)
        return Counted.fits

    louder = table.assign(signal=[2 * signal for signal in table["signal"]])
    counts = [fit(), fit(window=0.1), fit(louder), fit(y=np.array(["N", "N", "M"]))]
    counts += [fit(table.assign(subject=["a", "a", "c"])), fit(estimator=FirstSample), fit()]
    assert counts == [1, 2, 3, 4, 5, 5, 5]


def test_search_with_memory_trains_each_fold_once(tmp_path):
    rng = np.random.default_rng(0)
    signals, subject = rng.random((12, 40)), np.repeat(list("abcdef"), 2)
    table = recording_table(
        list(signals), fs=10.0, subject=subject, region=["proximal", "distal"] * 6
    )
    y = np.repeat(["M", "N"], 6)
    Counted.fits = 0
    model = DiVoteClassifier(Counted(), window=0.4, step=None, memory=str(tmp_path))
    grid = {"by": [None, "region"], "voting": ["soft", "hard"], "final_estimator": [None, SVC()]}
    search = GridSearchCV(model, grid, cv=SubjectKFold(3)).fit(table, y)
    assert Counted.fits == 3 + 1  # and the refit on all subjects
    assert len(search.cv_results_["params"]) == 8


def test_memory_tells_that_it_must_be_a_folder(hand):
    table, y = hand
    with pytest.raises(ValueError, match="'memory' parameter of DiVoteClassifier"):
        divote(memory=3).fit(table, y)


class TooNarrow(FirstSample):
    def predict_proba(self, X):
        return np.ones((len(X), 1))


def test_probabilities_that_do_not_fit_the_classes_are_refused(hand):
    table, y = hand
    with pytest.raises(
        ValueError, match=r"predict_proba of TooNarrow .* shape \(6, 2\).* Got shape \(6, 1\)"
    ):
        DiVoteClassifier(TooNarrow(), window=0.2, step=None).fit(table, y)


class Diverged(FirstSample):
    def predict_proba(self, X):
        return np.where(np.arange(len(X))[:, np.newaxis] == 1, np.nan, super().predict_proba(X))


@pytest.mark.parametrize("final", [None, "logistic"])
def test_probabilities_that_are_not_finite_are_refused(hand, final):
    model = DiVoteClassifier(Diverged(), window=0.2, step=None, final_estimator=final)
    with pytest.raises(ValueError, match=r"Diverged .* 1 window of 6 \(first: window 1\)"):
        model.fit(*hand).predict(hand[0])


def test_a_subject_with_two_labels_is_named_as_it_was_given(hand):
    table, _ = hand
    with pytest.raises(ValueError, match="Subject 7 has the labels 'M' and 'N'"):
        divote().fit(table.assign(subject=[7, 7, 8]), ["M", "N", "N"])
