"""DiVoteRegressor: numbers of windows, recordings and subjects."""

import numpy as np
import pandas as pd
import pytest
from data import noise
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.dummy import DummyRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge, RidgeCV
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import make_pipeline

from sklearn_emg.ensemble import DiVoteClassifier, DiVoteRegressor
from sklearn_emg.exceptions import RecordingWarning, SubjectLeakWarning
from sklearn_emg.feature_extraction import TimeDomainFeatures
from sklearn_emg.metrics import subject_scorer
from sklearn_emg.model_selection import SubjectKFold
from sklearn_emg.recordings import recording_table


class Passes(RegressorMixin, BaseEstimator):
    """Predicts the first feature of each row."""

    def fit(self, X, y):
        self.rows_ = len(X)
        return self

    def predict(self, X):
        return np.asarray(X, dtype=float)[:, 0]


def severity_cohort(n_subjects=12, n_recordings=3, seed=0):
    """Recordings of noise whose amplitude is the severity of the subject."""
    rng = np.random.default_rng(seed)
    y = np.repeat(rng.uniform(1, 4, n_subjects), n_recordings)
    subject = np.repeat([f"s{k:02d}" for k in range(n_subjects)], n_recordings)
    signals = [a * rng.normal(size=400) for a in y]
    return recording_table(signals, fs=1000.0, subject=subject), y


def rms(final=None):
    return make_pipeline(
        TimeDomainFeatures(["rms"]), LinearRegression() if final is None else final
    )


FEATURES = pd.DataFrame(
    {
        "value": [1.0, 2.0, 9.0, 4.0, 6.0, 5.0],
        "quality": [1.0, 1.0, 0.0, 1.0, 3.0, 1.0],
        "muscle": ["a", "b", "a", "a", "b", "a"],
        "subject": ["s", "s", "s", "t", "t", "t"],
    }
)
Y = np.array([1.0, 1.0, 1.0, 5.0, 5.0, 5.0])


def fitted(**settings):
    return DiVoteRegressor(Passes(), window=None, features=["value"], **settings).fit(FEATURES, Y)


@pytest.mark.filterwarnings("ignore::sklearn_emg.exceptions.SubjectLeakWarning")
class TestAggregation:
    @pytest.mark.parametrize(
        ("average", "expected"), [("mean", [4.0, 5.0]), ("median", [2.0, 5.0])]
    )
    def test_averages_of_recordings(self, average, expected):
        values = fitted(average=average).vote(FEATURES).subjects["prediction"]
        np.testing.assert_allclose(values, expected)

    def test_a_trimmed_mean_leaves_out_a_fifth_of_the_weight_at_each_end(self):
        table = pd.DataFrame({"value": [0.0, 1.0, 2.0, 3.0, 100.0], "subject": list("sssss")})
        model = fitted(average="trimmed")
        assert model.predict(table)[0] == pytest.approx(2.0)

    def test_a_column_gives_weights_of_recordings(self):
        values = fitted(weights="quality").vote(FEATURES).subjects["prediction"]
        np.testing.assert_allclose(values, [1.5, (4 + 18 + 5) / 5])

    def test_the_weighted_median_is_that_of_repeated_values(self):
        values = fitted(weights="quality", average="median").vote(FEATURES).subjects["prediction"]
        np.testing.assert_allclose(values, [1.5, 6.0])

    def test_the_final_regressor_reads_statistics_of_recordings(self):
        model = fitted(final_estimator=Passes())
        names = [f"feature_{name}" for name in ("mean", "sd", "min", "max")]
        features = model.vote(FEATURES).subjects[names]
        np.testing.assert_allclose(features.loc["t"], [5.0, 1.0, 4.0, 6.0])

    def test_statistics_of_recordings_are_weighted(self):
        model = fitted(final_estimator=Passes(), weights="quality")
        names = [f"feature_{name}" for name in ("mean", "sd", "min", "max")]
        features = model.vote(FEATURES).subjects[names]
        # The recording without weight is left out.
        np.testing.assert_allclose(features.loc["s"], [1.5, np.sqrt(0.5), 1.0, 2.0])
        squares = (4 - 5.4) ** 2 + 3 * (6 - 5.4) ** 2 + (5 - 5.4) ** 2
        sd = np.sqrt(squares / (5 - 11 / 5))
        np.testing.assert_allclose(features.loc["t"], [5.4, sd, 4.0, 6.0])

    def test_statistics_do_not_depend_on_the_scale_of_weights(self):
        tables = [FEATURES.assign(quality=scale * FEATURES["quality"]) for scale in (1, 7)]
        model = fitted(final_estimator=Passes(), weights="quality")
        one, other = (model.vote(table).subjects for table in tables)
        np.testing.assert_allclose(one, other)
        same = fitted(final_estimator=Passes(), weights="quality", by=None)
        equal = same.vote(FEATURES.assign(quality=3.0)).subjects
        plain = fitted(final_estimator=Passes()).vote(FEATURES).subjects
        np.testing.assert_allclose(equal, plain)

    def test_the_final_regressor_reads_averages_by_kind(self):
        features = fitted(final_estimator=Passes(), by="muscle").vote(FEATURES).subjects
        assert features.loc["s", ["feature_a", "feature_b"]].tolist() == [5.0, 2.0]

    def test_windows_weigh_as_many_as_they_are(self):
        table = recording_table([noise(400), noise(800)], fs=1000.0, subject=["s", "s"])
        train, y = severity_cohort()
        model = DiVoteRegressor(rms(), window=0.1, step=None, weights="windows").fit(train, y)
        votes = model.vote(table)
        expected = np.average(votes.recordings["prediction"], weights=[4, 8])
        assert votes.subjects["prediction"].tolist() == pytest.approx([expected])


def test_severity_of_new_subjects_is_predicted():
    X, y = severity_cohort()
    model = DiVoteRegressor(rms(), window=0.1).fit(X[:27], y[:27])
    np.testing.assert_allclose(model.predict(X[27:]), y[27:], atol=0.4)


def test_a_search_tunes_the_windows():
    X, y = severity_cohort()
    search = GridSearchCV(
        DiVoteRegressor(rms(), window=0.1),
        {"window": [0.02, 0.2], "average": ["mean", "median"]},
        cv=SubjectKFold(3),
        scoring=subject_scorer("mae"),
    ).fit(X, y)
    assert search.best_score_ == max(search.cv_results_["mean_test_score"]) < 0


def test_training_subjects_are_warned_of():
    X, y = severity_cohort()
    with pytest.warns(SubjectLeakWarning, match="DiVoteRegressor"):
        DiVoteRegressor(rms(), window=0.1).fit(X, y).predict(X[:3])


def test_inner_folds_hold_out_subjects():
    X, y = severity_cohort()
    search = GridSearchCV(Ridge(), {"alpha": [1.0]}, cv=3)
    model = DiVoteRegressor(rms(search), window=0.1).fit(X, y)
    assert model.estimator_[-1].cv == 3
    with pytest.warns(SubjectLeakWarning, match="KFold.*splits windows"):
        DiVoteRegressor(rms(RidgeCV(cv=KFold(2, shuffle=True))), window=0.1).fit(X, y)


def test_intervals_cover_new_subjects_and_need_folds():
    X, y = severity_cohort(60)
    model = DiVoteRegressor(rms(), window=0.1, cv=5).fit(X[:90], y[:90])
    low, high = model.predict_interval(X[90:], coverage=0.8).T
    covered = np.mean((low <= y[90:]) & (y[90:] <= high))
    assert 0.6 <= covered < 1.0
    # k = ceil(31 * 0.8) = 25 of 30 training subjects
    np.testing.assert_allclose((high - low) / 2, np.sort(model.residuals_)[24])
    with pytest.raises(ValueError, match="fit DiVoteRegressor with a 'cv'"):
        DiVoteRegressor(rms(), window=0.1).fit(X, y).predict_interval(X)


def test_final_residuals_are_out_of_fold_too():
    X, y = severity_cohort(20)
    y = np.random.default_rng(0).permutation(y.reshape(-1, 3)).ravel()  # nothing to learn
    final = make_pipeline(LinearRegression())
    model = DiVoteRegressor(rms(), window=0.1, cv=5, final_estimator=final).fit(X, y)
    seen = np.abs(model.final_estimator_.predict(model.training_features_) - y[::3])
    assert np.mean(model.residuals_) > np.mean(seen)


def test_several_values_of_a_subject_need_a_unit():
    X, y = severity_cohort()
    X["visit"] = np.tile([1, 2, 3], 12)
    y = y + X["visit"].to_numpy()
    with pytest.raises(ValueError, match=r"Subject 's00' has the values .* set 'unit'"):
        DiVoteRegressor(rms(), window=0.1).fit(X, y)
    model = DiVoteRegressor(rms(), window=0.1, unit="visit").fit(X[:27], y[:27])
    assert model.vote(X[27:]).subjects.index.names == ["subject", "visit"]


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"estimator": LogisticRegression()}, "'estimator' parameter of DiVoteRegressor must be a"),
        ({"final_estimator": LogisticRegression()}, "'final_estimator' parameter of DiVoteRegr"),
        ({"by": "subject"}, "by='subject' of DiVoteRegressor has no effect"),
        ({"weights": "quality"}, "'weights' parameter of DiVoteRegressor names the column"),
        ({"average": "mode"}, "'average' parameter of DiVoteRegressor"),
    ],
)
def test_bad_settings_are_refused(settings, match):
    X, y = severity_cohort(4)
    with pytest.raises(ValueError, match=match):
        DiVoteRegressor(**{"estimator": rms(), "window": 0.1, **settings}).fit(X, y)


@pytest.mark.parametrize(
    ("bad", "match"),
    [
        ("mild", "learns numbers, but y has 'mild' in row 1. .* DiVoteClassifier for labels"),
        (np.inf, "learns numbers, but y has inf in row 1"),
        (np.nan, "y has no label for 1 of 12 rows; the first of these is row 1"),
    ],
)
def test_bad_targets_are_named(bad, match):
    X, y = severity_cohort(4)
    y = y.astype(object)
    y[1] = bad
    with pytest.raises(ValueError, match=match):
        DiVoteRegressor(rms(), window=0.1).fit(X, y)


def test_bad_weights_are_named():
    with pytest.raises(ValueError, match=r"Column 'quality' must be finite .* Row 2 has -1"):
        model = DiVoteRegressor(Passes(), window=None, features=["value"], weights="quality")
        model.fit(FEATURES.assign(quality=[1, 1, -1, 1, 1, 1]), Y)


def test_a_subject_without_windows_gets_the_mean_of_the_training():
    X, y = severity_cohort()
    model = DiVoteRegressor(rms(), window=0.1, short="skip").fit(X[:33], y[:33])
    new = recording_table([noise(400), noise(20)], fs=1000.0, subject=["u", "v"])
    with pytest.warns(RecordingWarning, match="such as 'v'.: the prediction is the mean"):
        assert model.predict(new)[1] == pytest.approx(np.mean(y[:33:3]))


def test_the_classifier_points_to_its_sister():
    X, y = severity_cohort(4)
    with pytest.raises(ValueError, match=r"must be a classifier.*DiVoteRegressor takes regressors"):
        DiVoteClassifier(DummyRegressor(), window=0.1).fit(X, y > 2)


def test_a_column_of_weights_is_no_feature():
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"subject": np.repeat(range(8), 2), "rms": rng.normal(size=16)})
    table["quality"] = rng.uniform(0.1, 1.0, 16)
    model = DiVoteRegressor(Ridge(), window=None, weights="quality")
    model.fit(table, np.repeat(rng.normal(size=8), 2))
    assert model.feature_names_in_.tolist() == ["rms"]
