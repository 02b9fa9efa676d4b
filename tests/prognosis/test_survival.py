"""SurvivalVote, its outcomes, and the comparison of survival models."""

import numpy as np
import pandas as pd
import pytest
from data import outcomes
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from sklearn_emg.datasets import make_progression_cohort
from sklearn_emg.deployment import load_model, save_model
from sklearn_emg.feature_extraction import TimeDomainFeatures
from sklearn_emg.metrics import kaplan_meier
from sklearn_emg.model_selection import SubjectKFold, SubjectsPerClassOut
from sklearn_emg.prognosis import SurvivalVote, compare_survival, survival_target
from sklearn_emg.recordings import recording_table

pytest.importorskip("sksurv", reason="scikit-survival is an extra")


def amplitudes(n_subjects=40, n_recordings=2, seed=0):
    """Noise whose amplitude is the hazard of its subject, and the outcomes."""
    rng = np.random.default_rng(seed)
    hazard = rng.uniform(0.3, 3, n_subjects)
    time = 5 / hazard * rng.exponential(1, n_subjects) ** 0.3  # Weibull, shape 3.3
    left = rng.uniform(2, 20, n_subjects)
    rows = np.repeat(np.arange(n_subjects), n_recordings)
    table = recording_table(
        [hazard[k] * rng.normal(size=400) for k in rows],
        fs=1000.0,
        subject=[f"s{k:02d}" for k in rows],
    )
    y = outcomes(time <= left, np.minimum(time, left) + 0.01)
    return table, y[rows]


def visits(n_subjects=40, seed=0):
    """First visits of subjects at risk, and the outcomes."""
    cohort = make_progression_cohort(n_subjects, random_state=seed)
    table = cohort.visits.merge(cohort.subjects, on="subject")
    table = table[(table["visit"] == 1) & (table["event_time"] > 0)].reset_index(drop=True)
    return table, survival_target(table)


# ------------------------------------------------------------------ outcomes


def course(**changes):
    """Two subjects, each at two visits."""
    table = {"subject": list("aabb"), "time": [0.0, 3.0, 1.0, 5.0]}
    known = {"subject": ["b", "a"], "event": [True, False], "event_time": [11.0, 9.0]}
    for name, value in changes.items():
        (table if name == "time" else known)[name] = value
    return pd.DataFrame(table), pd.DataFrame(known)


def test_time_counts_from_the_last_visit():
    y = survival_target(*course())
    assert y.tolist() == [(False, 6.0)] * 2 + [(True, 6.0)] * 2
    X, known = course()
    np.testing.assert_array_equal(survival_target(X.merge(known, on="subject")), y)
    early = survival_target(X[X["time"] < 2], known)
    assert early["time"].tolist() == [9.0, 10.0]


def test_times_may_be_dates():
    dates = pd.to_datetime(["2026-01-01", "2026-01-31", "2026-01-11", "2026-01-31"])
    X, known = course(time=dates, event_time=pd.to_datetime(["2026-02-10", "2026-03-02"]))
    days = survival_target(X, known)["time"] * 365.25 / 12
    np.testing.assert_allclose(days, [30, 30, 10, 10])


def test_without_visits_times_are_as_given():
    X, known = course()
    assert survival_target(X[["subject"]], known)["time"].tolist() == [9.0, 9.0, 11.0, 11.0]


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"event": [1, 0]}, "column 'event' .* must be boolean.*int64"),
        ({"event": [True, None]}, "column 'event' .* must be boolean"),
        ({"event_time": [0.5, 9.0]}, "subject 'b' at 0.5 is before its first visit at 1"),
        ({"event_time": [11.0, 2.0]}, "subject 'a' at 2 is not after its last visit at 3"),
        ({"event_time": [5.0, 9.0]}, "subject 'b' at 5 is not after its last visit"),
        ({"event_time": [np.nan, 9.0]}, "'event_time' of subject 'b' is missing"),
        ({"event_time": pd.to_datetime(["2026-02-10", "2026-03-02"])}, "use only months"),
        ({"subject": ["b", "c"]}, "Subject 'a' of X has no outcome"),
        ({"subject": ["b", "b"]}, "Subject 'b' has two outcomes in survival_target"),
    ],
)
def test_mistakes_of_outcomes_are_named(changes, match):
    with pytest.raises(ValueError, match=match):
        survival_target(*course(**changes))


def test_an_array_has_no_subjects():
    with pytest.raises(TypeError, match="X of survival_target must be a DataFrame"):
        survival_target(np.ones((3, 2)))


def test_a_missing_column_is_named():
    with pytest.raises(ValueError, match="needs the columns 'event', 'event_time', but X"):
        survival_target(course()[0])


# ------------------------------------------------------------------ SurvivalVote


@pytest.mark.parametrize("final", ["cox", "forest", "boosting"])
def test_risks_of_new_subjects_follow_the_hazard(final):
    X, y = amplitudes()
    model = SurvivalVote(TimeDomainFeatures(["rms"]), final, window=0.1, random_state=0)
    model.fit(X[:50], y[:50])
    assert model.score(X[50:], y[50:]) > 0.6
    curves = model.predict_survival(X[50:])
    assert curves.shape == (15, len(curves.columns))
    assert (curves.to_numpy()[:, 0] <= 1).all()
    assert (np.diff(curves.to_numpy(), axis=1) <= 1e-12).all()
    assert model.predict_survival(X[50:], 0.0).to_numpy().tolist() == [[1.0]] * 15
    risk = pd.Series(model.predict(X[50:])).groupby(X["subject"][50:].to_numpy())
    assert (risk.nunique() == 1).all()
    if final == "cox":
        late = curves.iloc[:, -1].rank(ascending=False).tolist()
        assert risk.first()[curves.index].rank().tolist() == late


def test_features_of_a_subject_are_statistics_of_its_recordings():
    X, y = amplitudes(20, 3)
    X["quality"] = np.tile([1.0, 2.0, 0.0], 20)
    model = SurvivalVote(
        TimeDomainFeatures(["rms"]),
        window=0.1,
        step=None,
        statistics=["average", "sd", "max"],
        weights="quality",
    ).fit(X, y)
    assert model.feature_names_ == ["rms average", "rms sd", "rms max"]
    windows = np.stack(X["signal"].tolist()).reshape(20, 3, 4, 100)
    rms = np.sqrt((windows**2).mean(axis=-1)).mean(axis=-1)[:, :2]
    mean = (rms[:, 0] + 2 * rms[:, 1]) / 3
    squares = (rms[:, 0] - mean) ** 2 + 2 * (rms[:, 1] - mean) ** 2
    sd = np.sqrt(squares / (3 - 5 / 3))
    expected = np.column_stack([mean, sd, rms.max(axis=1)])
    np.testing.assert_allclose(model.training_features_, expected, rtol=1e-4)
    assert "risk" in model.vote(X.assign(subject="new " + X["subject"])).subjects


def test_a_model_of_scikit_survival_can_be_given():
    from sksurv.linear_model import CoxPHSurvivalAnalysis

    X, y = visits()
    model = SurvivalVote(StandardScaler(), CoxPHSurvivalAnalysis(), features=["score"], window=None)
    model.fit(X, y)
    alone = CoxPHSurvivalAnalysis().fit(StandardScaler().fit_transform(X[["score"]]), y)
    np.testing.assert_allclose(model.final_estimator_.coef_, alone.coef_)
    assert model.final_estimator_.coef_[0] < 0  # lower scores are worse


def test_columns_with_the_outcome_are_no_features():
    X, y = visits()
    X = X.drop(columns="treated_from").assign(months=y["time"])
    with pytest.warns(UserWarning, match="'event_time' .named like an outcome.*the outcome itself"):
        model = SurvivalVote(StandardScaler(), window=None).fit(X, y)
    assert model.feature_names_ == ["score average", "rate average"]


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda y: np.arange(len(y)), "SurvivalVote needs outcomes"),
        (lambda y: outcomes(~y["event"] & False, y["time"]), "no event was observed in 80"),
        (lambda y: outcomes(y["event"], 0 * y["time"]), "time of row 0 is 0"),
        (lambda y: y[:-1], "y must be 1-D with one number per recording, 80"),
        (
            lambda y: outcomes(y["event"], y["time"] + (np.arange(len(y)) == 3)),
            "SurvivalVote: subject 's01' has two outcomes",
        ),
        (lambda y: None, "requires y to be passed"),
    ],
)
def test_mistakes_of_the_target_are_named(change, match):
    X, y = amplitudes()
    with pytest.raises(ValueError, match=match):
        SurvivalVote(TimeDomainFeatures(["rms"]), window=0.1).fit(X, change(y))


def test_times_beyond_the_follow_up_are_refused():
    X, y = visits()
    model = SurvivalVote(StandardScaler(), features=["score"], window=None).fit(X[:30], y[:30])
    with pytest.raises(ValueError, match="within the follow-up of the training subjects, 0 to 15"):
        model.predict_survival(X[30:], [6.0, 60.0])


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"final_estimator": "tree"}, "'final_estimator' parameter of SurvivalVote"),
        ({"statistics": ["mean"]}, "'statistics' of SurvivalVote must be some of"),
        ({"statistics": []}, "'statistics' of SurvivalVote must be some of"),
        ({"average": "mode"}, "'average' parameter of SurvivalVote"),
        ({"estimator": 3}, "'estimator' parameter of SurvivalVote"),
    ],
)
def test_bad_settings_are_refused(settings, match):
    X, y = amplitudes()
    settings = {"estimator": TimeDomainFeatures(["rms"]), "window": 0.1, **settings}
    with pytest.raises(ValueError, match=match):
        SurvivalVote(**settings).fit(X, y)


# ------------------------------------------------------------------ comparison


def first_visits(n_subjects=50):
    X, y = visits(n_subjects)
    return X[["subject", "score"]], y


def cox(**settings):
    return SurvivalVote(StandardScaler(), features=["score"], window=None, **settings)


def test_models_are_scored_on_subjects_held_out_beside_the_kaplan_meier_curve():
    X, y = first_visits()
    search = GridSearchCV(cox(), {"average": ["mean", "median"]}, cv=SubjectKFold(2))
    models = {"cox": cox(), "piped": make_pipeline(FunctionTransformer(), cox()), "search": search}
    result = compare_survival(models, X, y, times=[9.0, 12.0], n_resamples=50)
    assert result.table().index.tolist() == ["Kaplan-Meier", *models]
    flat = result.summary.query("model == 'Kaplan-Meier'").set_index("measure")["value"]
    assert (flat[["concordance", "auc", "auc at 12"]] == 0.5).all()
    np.testing.assert_allclose(result.curves["piped"], result.curves["cox"])
    assert (result.pvalues > 0).all()
    assert "47 subjects with 20 events, at the times 9," in repr(result)
    # By hand for one fold.
    (train, test), *_ = SubjectKFold(5, shuffle=True, random_state=0).split(X, y["event"])
    fitted = cox().fit(X.iloc[train], y[train])
    expected = fitted.predict_survival(X.iloc[test], [9.0, 12.0])
    np.testing.assert_allclose(result.curves["cox"].loc[expected.index], expected)
    assert result.outcomes.loc[expected.index, "fold"].nunique() == 1


def test_the_scores_of_a_comparison_are_those_of_pairs_within_folds():
    X, y = first_visits()
    result = compare_survival({"cox": cox()}, X, y, times=[12.0], n_resamples=10)
    lost, known = 1 - result.curves["cox"][12.0], result.outcomes
    right = whole = 0
    for _, fold in known.groupby("fold"):
        for name in fold.index[fold["event"] & (fold["time"] <= 12)]:
            later = fold.index[fold["time"] > 12]
            weight = weight_at(known, fold["time"][name])
            whole += weight * len(later)
            ahead = lost[name] - lost[later]
            right += weight * ((ahead > 1e-8).sum() + 0.5 * (ahead.abs() <= 1e-8).sum())
    found = result.summary.set_index(["model", "measure"])["value"]
    assert found["cox", "auc at 12"] == pytest.approx(right / whole)


def weight_at(known, time):
    censoring = kaplan_meier(outcomes(~known["event"], known["time"]))
    return 1 / censoring.loc[censoring["time"] <= time, "survival"].iloc[-1]


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"times": [6.0, 90.0]}, "reach 90, beyond the follow-up"),
        ({"models": {}}, "needs models"),
        ({"models": {"Kaplan-Meier": cox()}}, "needs models other than 'Kaplan-Meier'"),
        ({"cv": KFold(2)}, "leaks"),
        ({"cv": SubjectsPerClassOut(random_state=0)}, "must test every subject; 'P"),
    ],
)
def test_mistakes_of_a_comparison_are_named(settings, match):
    X, y = first_visits()
    X, y = pd.concat([X, X], ignore_index=True), np.concatenate([y, y])
    with pytest.raises(ValueError, match=match):
        compare_survival(
            **{"models": {"cox": cox()}, "X": X, "y": y, "n_resamples": 10, **settings}
        )


def test_a_subject_with_two_events_is_named():
    X, y = first_visits()
    X, y = pd.concat([X, X], ignore_index=True), np.concatenate([y, y])
    y["time"][-1] += 1
    with pytest.raises(ValueError, match=r"compare_survival: subject 'P50' has two outcomes"):
        compare_survival({"cox": cox()}, X, y)


def test_a_saved_model_predicts_the_same(tmp_path):
    pytest.importorskip("skops", reason="skops is an extra")
    X, y = first_visits()
    model = cox().fit(X, y)
    new = X.assign(subject="new " + X["subject"])
    save_model(model, tmp_path / "b")
    again = load_model(tmp_path / "b")
    np.testing.assert_array_equal(again.predict_survival(new), model.predict_survival(new))


def test_dates_of_events_need_the_dates_of_visits():
    dates = pd.to_datetime(["2024-03-01", "2024-05-01"])
    X = pd.DataFrame({"subject": [1, 2], "event": [True, False], "event_time": dates})
    with pytest.raises(
        ValueError, match="'event_time' of survival_target contains dates, but X has"
    ):
        survival_target(X)
    with pytest.raises(ValueError, match="Subject 2 of X has no outcome"):
        survival_target(X, X[:1])
    y = survival_target(X.assign(time=pd.Timestamp("2024-02-01")))
    assert y["time"].tolist() == pytest.approx([29 / 30.4375, 90 / 30.4375], abs=1e-3)


def test_a_missing_time_of_an_event_is_named():
    X = pd.DataFrame({"subject": ["a", "b"], "event": [True, False], "event_time": [9.0, np.nan]})
    with pytest.raises(ValueError, match="'event_time' of subject 'b' is missing"):
        survival_target(X)
