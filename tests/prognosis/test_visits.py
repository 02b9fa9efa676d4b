"""Visits of subjects: checks, contexts, splits that respect time, and naive baselines."""

import os
import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from sklearn_emg.comparison import compare
from sklearn_emg.datasets import make_progression_cohort
from sklearn_emg.exceptions import RecordingWarning
from sklearn_emg.inspection import model_card, report
from sklearn_emg.model_selection import (
    ChronologicalSplit,
    LaterVisitSplit,
    LeaveOneSubjectOut,
    VisitSplit,
)
from sklearn_emg.prognosis import (
    ContextBoostingRegressor,
    LastValueRegressor,
    MixedModelRegressor,
    SlopeRegressor,
    visit_contexts,
)
from sklearn_emg.recordings import check_visits, recording_table, visit_months

N_DESIGNS = int(os.environ.get("SKLEARN_EMG_VISIT_DESIGNS", "200"))


def visits_of(*, time=(0.0, 3.0, 9.0), visit=(1, 2, 3), subject="a", **columns):
    return pd.DataFrame({"subject": subject, "visit": visit, "time": time, **columns})


@pytest.mark.parametrize(
    ("columns", "match"),
    [
        ({"time": [0.0, 9.0, 3.0]}, "row 2.* visit 3 of subject 'a' is at 3.0, not after visit 2"),
        ({"visit": [1, 2, 2]}, "row 2.* visit 2 of subject 'a' has two times, 3.0 and 9.0"),
        ({"visit": [1, None, 3]}, "row 1.*'visit': must be a number that counts"),
        ({"visit": ["1", "2", "3"]}, "row 0.*'visit': must be a number that counts"),
        (
            {"time": [0.0, pd.Timestamp("2026-01-01"), 3.0]},
            "row 1.* is a date, but row 0",
        ),
        ({"time": [0.0, None, 3.0]}, "row 1.*'time': is missing"),
        ({"time": [0.0, np.inf, 3.0]}, "row 1.*'time': must be finite"),
        ({"time": ["0", "3", "9"]}, "row 0.*'time': must be months or a date, got '0'"),
        (
            {"time": pd.to_timedelta([0, 90, 180], "D")},
            "row 0.*'time': must be months or a date, got Timedelta",
        ),
        (
            {"time": [pd.Timestamp(2026, 1, 1, tz="UTC"), *pd.to_datetime(["2026-04-01"] * 2)]},
            "row 1.* is a date, but row 0 has a date with a time zone",
        ),
    ],
)
def test_unusable_visits_are_named(columns, match):
    table = visits_of(**columns)
    with pytest.raises(ValueError, match=f"(?s){match}"):
        check_visits(table)
    signals = [np.random.default_rng(0).normal(size=50)] * 3
    with pytest.raises(ValueError, match=f"(?s){match}"):
        recording_table(signals, fs=1000.0, **table.to_dict("list"))


def test_a_table_without_visits_is_refused():
    with pytest.raises(ValueError, match="table of visits has no rows"):
        check_visits(visits_of().iloc[:0])


@pytest.mark.parametrize(
    ("times", "match"),
    [
        (
            [0.0, 3.0, 6.0, 0.0, 91.0, 182.0],
            "'b' are 91 months apart, but those of the median",
        ),
        ([0.0, 900.0, 1300.0, 0.0, 800.0, 1100.0], "'a' span 1300 months, more than 100 years"),
    ],
)
def test_times_that_look_like_days_are_named(times, match):
    visits = pd.DataFrame({"subject": list("aaabbb"), "visit": [1, 2, 3] * 2, "time": times})
    with pytest.warns(RecordingWarning, match=match):
        check_visits(visits)
    signals = list(np.random.default_rng(0).normal(size=(6, 50)))
    with pytest.warns(RecordingWarning, match=match):
        recording_table(signals, fs=1000.0, **visits.to_dict("list"))


def test_irregular_visits_are_no_other_unit():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_visits(make_progression_cohort(60, random_state=0).visits)


def test_visits_of_recordings_are_kept():
    table = visits_of(visit=(1, 1, 2), time=(0.0, 0.0, 3.0))
    signals = list(np.random.default_rng(0).normal(size=(3, 50)))
    kept = recording_table(signals, fs=1000.0, **table.to_dict("list"))
    assert kept[["visit", "time"]].to_numpy().tolist() == [[1, 0], [1, 0], [2, 3]]


def test_dates_are_months():
    dates = pd.to_datetime(["2026-01-01", "2026-07-01", "2027-01-01"])
    months = visit_months(check_visits(visits_of(time=dates)))
    np.testing.assert_allclose(months, [0.0, 181 / 30.4375, 12.0], atol=0.01)


# ------------------------------------------------------------------ contexts


def test_contexts_hold_what_was_known_before():
    X, y = visit_contexts(visits_of(rms=[1.0, 2.0, 4.0]), [40.0, 38.0, 33.0], context=2)
    assert y.tolist() == [38.0, 33.0]
    assert X["rms@0"].tolist() == [1.0, 2.0]
    assert X["ago@-1"].tolist()[1] == 3.0
    assert X["ahead"].tolist() == [3.0, 6.0]
    assert X["target_visit"].tolist() == [2, 3]
    assert np.isnan(X["value@-1"][0])
    far, y = visit_contexts(visits_of(), [40.0, 38.0, 33.0], horizon=2)
    assert (far["ahead"].tolist(), y.tolist()) == ([9.0], [33.0])


@pytest.mark.parametrize(
    ("visits", "y", "match"),
    [
        (visits_of(visit=(3, 2, 1), time=(9.0, 3.0, 0.0)), [1, 2, 3], "'a' are out of order"),
        (visits_of(visit=(1, 2, 2), time=(0.0, 3.0, 3.0)), [1, 2, 3], "visit 2 .* occurs twice"),
        (visits_of(), [1, np.nan, 3], "value of visit 2 of subject 'a' .row 1. is nan"),
        (visits_of(visit=[1], time=[0.0]), [1], "No subject has the 2 visits"),
        (
            pd.DataFrame({"subject": ["a"]}),
            [1],
            "must have a column 'subject' and a column 'visit'",
        ),
        (visits_of(), list("uvw"), "y of visit_contexts must be numbers. For labels, make"),
    ],
)
def test_unusable_courses_are_named(visits, y, match):
    with pytest.raises(ValueError, match=match):
        visit_contexts(visits, y)


def test_subjects_without_an_example_are_named():
    visits = pd.DataFrame({"subject": list("aabS"), "visit": [1, 2, 1, 1]})
    with pytest.warns(RecordingWarning, match="2 subjects with fewer than .* 'b', 'S'"):
        X, _ = visit_contexts(visits, [1.0, 2.0, 3.0, 4.0])
    assert X["subject"].tolist() == ["a"]


def test_subjects_of_visits_that_look_alike_are_named():
    visits = pd.DataFrame({"subject": ["S1", "S1", "s1", "s1"], "visit": [1, 2, 3, 4]})
    with pytest.warns(RecordingWarning, match="'S1' and 's1'"):
        visit_contexts(visits, [1.0, 2.0, 3.0, 4.0])


# ------------------------------------------------------------------ splits


@st.composite
def designs(draw):
    """Visits of random subjects at random times, and settings of contexts."""
    rng = np.random.default_rng(draw(st.integers(0, 2**31)))
    counts = draw(st.lists(st.integers(1, 7), min_size=4, max_size=12))
    parts = [
        pd.DataFrame(
            {"subject": f"s{k}", "time": np.cumsum(rng.uniform(0.1, 6, n)), "x": rng.normal(size=n)}
        )
        for k, n in enumerate(counts)
    ]
    visits = pd.concat(parts, ignore_index=True)
    context = draw(st.integers(1, 4))
    horizon = draw(st.integers(1, 3))
    return visits, rng.normal(size=len(visits)), context, horizon


def splits_of(splitter, X, y, refusal):
    """Splits, or none where the splitter refuses the design for the reason given."""
    try:
        return list(splitter.split(X, y))
    except ValueError as error:
        if refusal not in str(error):
            raise
        return []


@settings(max_examples=N_DESIGNS, deadline=None)
@given(designs(), st.integers(2, 4))
def test_no_split_of_visits_leaks(design, n_splits):
    visits, values, context, horizon = design
    if visits.groupby("subject").size().max() <= horizon:
        with pytest.raises(ValueError, match="No subject has"):
            visit_contexts(visits, values, context=context, horizon=horizon)
        return
    X, y = visit_contexts(visits, values, context=context, horizon=horizon)
    assert (X["time"] < X["target_time"]).all()
    # The features of a context are those of visits up to its end.
    last = visits.merge(X.reset_index()[["index", "subject", "time"]], on=["subject", "time"])
    assert (X["x@0"].to_numpy()[last["index"]] == last["x"].to_numpy()).all()
    known = np.column_stack([X["time"] - X[f"ago@{k - context + 1}"] for k in range(context)])
    assert np.nanmax(known - X[["time"]].to_numpy()) <= 1e-9
    splits = splits_of(VisitSplit(n_splits), X, y, "needs at least")
    for train, test in splits:
        assert not set(X["subject"].iloc[train]) & set(X["subject"].iloc[test])
    later = splits_of(LaterVisitSplit(), X, y, "no target to train on")
    for train, test in later:
        ends = X.iloc[test].groupby("subject")["time"].min()
        learned = X.iloc[train].groupby("subject")["target_time"].max()
        both = learned.index.intersection(ends.index)
        assert (learned[both] <= ends[both]).all()


def test_targets_before_their_context_are_refused():
    X, y = visit_contexts(visits_of(), [1.0, 2.0, 3.0])
    X.loc[1, "target_time"] = 1.0
    with pytest.raises(ValueError, match=r"row 1 .subject 'a'. has a context up to 3"):
        list(VisitSplit(2).split(X, y))
    with pytest.raises(ValueError, match="visit_contexts"):
        list(VisitSplit(2).split(visits_of(), y))


def test_a_gap_lies_between_the_parts_of_a_recording():
    X = pd.DataFrame({"recording": np.repeat([0, 1], 20), "start": np.tile(0.1 * np.arange(20), 2)})
    X = X.sample(frac=1, random_state=0, ignore_index=True).assign(subject="a")
    ((train, test),) = ChronologicalSplit(0.2, gap=0.4).split(X)
    assert len(test) == 8
    for number in (0, 1):
        start = X["start"].where(X["recording"] == number)
        assert start.iloc[test].min() - start.iloc[train].max() >= 0.4 - 1e-9
    with pytest.raises(ValueError, match="recording 0 of subject a has 20 rows, none"):
        list(ChronologicalSplit(gap=5).split(X.sort_values("recording")))
    with pytest.raises(ValueError, match="lacks the column 'start'"):
        list(ChronologicalSplit().split(X.drop(columns="start")))


# ------------------------------------------------------------------ baselines


def test_a_line_is_continued():
    time = np.array([0.0, 3.0, 4.0, 9.0])
    visits = visits_of(time=time, visit=(1, 2, 3, 4))
    X, y = visit_contexts(visits, 40 - 2 * time, context=3)
    predicted = SlopeRegressor().fit(X, y).predict(X)
    np.testing.assert_allclose(predicted[1:], y[1:])
    assert predicted[0] == 40.0  # one visit tells no slope
    np.testing.assert_array_equal(LastValueRegressor().fit(X, y).predict(X), X["value@0"])


def test_the_mixed_model_finds_the_slope_of_the_population():
    rng = np.random.default_rng(0)
    subject, visit = np.repeat(np.arange(80), 5), np.tile(np.arange(5), 80)
    slope = rng.normal(-0.5, 0.1, 80)[subject]
    value = 40 + rng.normal(0, 4, 80)[subject] + slope * 3 * visit + rng.normal(0, 0.5, 400)
    visits = pd.DataFrame({"subject": subject, "visit": visit, "time": 3.0 * visit})
    X, y = visit_contexts(visits, value, context=4)
    model = MixedModelRegressor().fit(X, y)
    assert model.slope_ == pytest.approx(-0.5, abs=0.05)
    error = np.abs(model.predict(X) - y).mean()
    assert error < 0.8 * np.abs(LastValueRegressor().fit(X, y).predict(X) - y).mean()


def test_boosting_learns_a_change_that_depends_on_the_context():
    rng = np.random.default_rng(0)
    subject, visit = np.repeat(np.arange(60), 5), np.tile(np.arange(5), 60)
    fast = rng.random(60)[subject] > 0.5
    value = 40 - 3.0 * visit * fast + rng.normal(0, 0.2, 300)
    visits = pd.DataFrame({"subject": subject, "visit": visit, "mark": fast.astype(float)})
    X, y = visit_contexts(visits, value)
    train = (X["subject"] < 40).to_numpy()
    model = ContextBoostingRegressor(random_state=0).fit(X[train], y[train])
    assert np.abs(model.predict(X[~train]) - y[~train]).mean() < 0.6


def test_compare_adds_the_baselines_and_says_what_beats_them():
    visits = make_progression_cohort(40, random_state=0).visits
    X, y = visit_contexts(visits, visits["score"])

    class Noise(LastValueRegressor):
        def _predict(self, X, contexts):
            return contexts.value[:, -1] + np.random.default_rng(0).normal(
                0, 9, len(contexts.value)
            )

    class Oracle(LastValueRegressor):
        def _predict(self, X, contexts):
            return truth.reindex(
                pd.MultiIndex.from_frame(X[["subject", "target_visit"]])
            ).to_numpy()

    truth = visits.set_index(["subject", "visit"])["score"]
    settings = {"cv": VisitSplit(4), "progress": False, "n_resamples": 50}
    result = compare({"noise": Noise()}, X, y, **settings)
    names = ["noise", "last value", "own slope", "mixed model", "boosting"]
    assert result.table().index.tolist() == names
    assert result.unit == "target_visit"
    assert "No pipeline is better." in result.remark
    assert result.remark in repr(result)
    better = compare({"oracle": Oracle(), "noise": Noise()}, X, y, **settings)
    assert "better (test paired by subject): oracle (-100 %)." in better.remark
    alone = compare({"mine": LastValueRegressor()}, X, y, **settings)
    assert alone.table().index.tolist() == ["mine", *names[2:]]
    with pytest.raises(ValueError, match="adds the baseline 'boosting'"):
        compare({"boosting": Noise()}, X, y, **settings)


def test_labels_of_visits_are_compared_by_visit():
    visits = contexts_with_features()
    X, y = visit_contexts(visits, visits["score"], context=2)
    labels = np.where(y < np.median(y), "severe", "mild")
    model = make_pipeline(FunctionTransformer(lambda X: X[["value@0"]]), LogisticRegression())
    result = compare({"last": model}, X, labels, cv=VisitSplit(3), progress=False, n_resamples=50)
    assert result.unit == "target_visit"
    assert len(result.predictions) == len(X)
    assert float(result.summary.query("metric == 'accuracy'")["pooled"].max()) > 0.6


def test_a_fold_whose_subjects_keep_their_label_is_counted_by_visit_too():
    visits = contexts_with_features()
    X, y = visit_contexts(visits, visits["score"], context=2)
    labels = np.where(y < np.median(y), "severe", "mild")
    labels[X["subject"] == X["subject"].iloc[0]] = "mild"
    numbers = np.where(labels == "mild", 1.0, 0.0)
    for model, target in ((LogisticRegression(), labels), (LinearRegression(), numbers)):
        last = make_pipeline(FunctionTransformer(lambda X: X[["value@0"]]), model)
        settings = {"cv": LeaveOneSubjectOut(), "progress": False, "n_resamples": 50}
        result = compare({"last": last}, X, target, **settings)
        predictions = result.predictions.query("pipeline == 'last'")
        assert len(predictions) == len(X)
        assert set(result.folds["level"]) == {"subject"}


def test_later_visits_of_the_same_subjects_are_compared_too(tmp_path):
    visits = make_progression_cohort(12, random_state=0).visits
    X, y = visit_contexts(visits, visits["score"])
    result = compare({"last": LastValueRegressor()}, X, y, cv=LaterVisitSplit(), progress=False,
                     n_resamples=50)  # fmt: skip
    assert result.predictions["subject"].nunique() <= 12
    page = report(result, tmp_path / "report.html").read_text(encoding="utf-8")
    assert "the subjects of each test set are also in the training set" in page
    assert "no subject is in both" not in page


def test_the_model_card_says_that_known_subjects_are_tested():
    visits = make_progression_cohort(12, random_state=0).visits
    X, y = visit_contexts(visits, visits["score"])
    labels = np.where(y > np.median(y), "high", "low")
    model = make_pipeline(FunctionTransformer(lambda X: X[["value@0"]]), LogisticRegression())
    result = compare({"last": model}, X, labels, cv=LaterVisitSplit(), progress=False,
                     n_resamples=50)  # fmt: skip
    text = model_card("last", result).markdown
    assert "all test subjects, since later visits of known subjects are tested" in text
    assert "refuses such splits" not in text
    assert "no subject is in both" not in text
    assert "fitted on earlier visits of the test subjects" in text


# ------------------------------------------------------------------ simulator


def test_units_are_lost_and_the_others_grow():
    cohort = make_progression_cohort(30, random_state=0)
    groups = cohort.truth.groupby(cohort.visits["subject"])
    assert groups["severity"].is_monotonic_increasing.all()
    assert groups["units"].is_monotonic_decreasing.all()
    assert groups["fibres_per_unit"].is_monotonic_increasing.all()
    check_visits(cohort.visits)
    ill = make_progression_cohort(30, diagnosis="myopathy", random_state=0)
    fibres = ill.truth.groupby(ill.visits["subject"])["fibres_per_unit"]
    assert fibres.is_monotonic_decreasing.all() or (fibres.last() < fibres.first()).mean() > 0.9


def test_treatment_slows_the_course():
    settings = {"n_subjects": 40, "missed": 0.0, "dropout": 0.0, "random_state": 0}
    plain = make_progression_cohort(**settings)
    treated = make_progression_cohort(**settings, treated=1.0, effect=0.9)
    last = [c.truth.groupby(c.visits["subject"])["severity"].last() for c in (plain, treated)]
    assert (last[1] <= last[0] + 1e-12).all()
    assert (last[0] - last[1]).mean() > 0.02


def test_noise_alone_shows_no_trend():
    slopes = []
    for seed in range(5):
        cohort = make_progression_cohort(60, rate=0.0, random_state=seed)
        assert cohort.truth.groupby(cohort.visits["subject"])["severity"].nunique().max() == 1
        change = cohort.visits.groupby("subject")["score"].agg(lambda s: s.iloc[-1] - s.iloc[0])
        slopes.append(change.mean() / (change.std() / np.sqrt(len(change))))
        gain = cohort.truth["gain"]
        slopes.append(np.corrcoef(gain, cohort.visits["time"])[0, 1] * np.sqrt(len(gain)))
    assert np.max(np.abs(slopes)) < 3.5


def test_events_are_those_of_the_course_and_the_others_are_censored():
    cohort = make_progression_cohort(60, event_severity=0.5, random_state=0)
    table = cohort.subjects.set_index("subject")
    last = cohort.visits.groupby("subject")["time"].last()
    severity = cohort.truth.groupby(cohort.visits["subject"])["severity"].last()
    assert (table["event_time"] <= last + 1e-9).all()
    assert 0 < table["event"].mean() < 1
    assert (severity[table["event"]] >= 0.5 - 1e-9).all()
    assert (severity[~table["event"]] < 0.5).all()


def test_visits_are_irregular_and_subjects_leave():
    cohort = make_progression_cohort(80, dropout=0.08, missed=0.2, random_state=0)
    counts = cohort.visits.groupby("subject").size()
    assert counts.min() == 1
    assert counts.max() == 6
    gaps = cohort.visits.groupby("subject")["time"].diff().dropna()
    assert gaps.min() > 0
    assert gaps.std() > 0.5


def test_recordings_of_visits():
    cohort = make_progression_cohort(2, n_visits=2, n_recordings=2, duration=0.3, missed=0,
                                     dropout=0, random_state=0)  # fmt: skip
    assert len(cohort.data) == 8
    assert cohort.data["signal"][0].shape == (1200,)
    again = make_progression_cohort(2, n_visits=2, n_recordings=2, duration=0.3, missed=0,
                                    dropout=0, random_state=0)  # fmt: skip
    np.testing.assert_array_equal(cohort.data["signal"][7], again.data["signal"][7])
    assert not np.array_equal(cohort.data["signal"][0], cohort.data["signal"][1])


def contexts_with_features():
    visits = make_progression_cohort(12, random_state=0).visits
    rng = np.random.default_rng(0)
    return visits.assign(rms=rng.normal(size=len(visits)), mnf=100 + rng.normal(size=len(visits)))


def test_features_are_read_by_name_whatever_the_order_of_columns():
    visits = contexts_with_features()
    X, y = visit_contexts(visits, visits["score"], context=2)
    model = ContextBoostingRegressor(min_samples_leaf=3, random_state=0).fit(X, y)
    turned = X[sorted(X.columns, key=lambda c: c.startswith("rms@"))]
    assert turned.columns.tolist() != X.columns.tolist()
    np.testing.assert_array_equal(model.predict(turned), model.predict(X))
    with pytest.raises(ValueError, match=r"seen in fit had \['value', 'ago', 'rms', 'mnf'\]"):
        model.predict(X.rename(columns=lambda c: c.replace("rms", "arv")))


def test_what_contexts_cannot_be_made_of_is_refused():
    visits = contexts_with_features()
    for name in ("value", "ago"):
        with pytest.raises(ValueError, match=f"have a feature '{name}'"):
            visit_contexts(visits.rename(columns={"rms": name}), visits["score"])
    with pytest.raises(ValueError, match="feature 'side' of visit_contexts is not numeric"):
        visit_contexts(visits.assign(side="left"), visits["score"], features=["side"])
    nameless = visits.assign(subject=visits["subject"].where(np.arange(len(visits)) != 3))
    with pytest.raises(ValueError, match="Row 3 of the visits has no subject"):
        visit_contexts(nameless, visits["score"])


@pytest.mark.parametrize("model", [LastValueRegressor(), ContextBoostingRegressor()])
def test_a_table_of_visits_is_no_table_of_contexts(model):
    visits = contexts_with_features().assign(subject=np.arange(len(contexts_with_features())))
    with pytest.raises(ValueError, match=r"takes a table of visit_contexts.* column 'subject'"):
        model.fit(visits, visits["score"])


@pytest.mark.parametrize("model", [LastValueRegressor(), SlopeRegressor(), MixedModelRegressor()])
def test_baselines_refuse_targets_and_contexts_that_lack_values(model):
    visits = contexts_with_features()
    X, y = visit_contexts(visits, visits["score"], context=2)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        model.fit(X, y[1:])
    with pytest.raises(ValueError, match="y contains NaN"):
        model.fit(X, np.where(np.arange(len(y)) == 3, np.nan, y))
    with pytest.raises(ValueError, match="Row 0 has no last known value"):
        model.fit(X.assign(**{"value@0": np.nan}), y)
    with pytest.raises(ValueError, match="no column 'ahead'"):
        model.fit(X.drop(columns="ahead"), y)


def test_a_mixed_model_of_times_needs_them_to_predict():
    visits = contexts_with_features()
    X, y = visit_contexts(visits, visits["score"], context=2)
    with pytest.raises(ValueError, match="needs the column 'time' either in fit and in predict"):
        MixedModelRegressor().fit(X, y).predict(X.drop(columns="time"))
    untimed = X.drop(columns="time")
    assert np.isfinite(MixedModelRegressor().fit(untimed, y).predict(untimed)).all()


def test_groups_may_join_subjects_and_not_divide_them():
    visits = make_progression_cohort(12, random_state=0).visits
    X, y = visit_contexts(visits, visits["score"], context=2)
    with pytest.raises(ValueError, match=r"This split leaks: 1[0-9] subjects"):
        next(VisitSplit(3).split(X, y, np.arange(len(X))))
    pairs = X["subject"].str[1:].astype(int).to_numpy() // 2
    for train, test in VisitSplit(3).split(X, y, pairs):
        assert not set(pairs[train]) & set(pairs[test])


def test_recordings_of_two_subjects_with_one_name_are_two_series():
    X = pd.DataFrame({"subject": list("aaaabbbb"), "recording": 0, "start": [*range(4)] * 2})
    X.loc[4:, "start"] += 10
    train, test = next(ChronologicalSplit().split(X))
    assert (train.tolist(), test.tolist()) == ([0, 1, 2, 4, 5, 6], [3, 7])
    for column in ("recording", "start"):
        holes = X.astype({column: float})
        holes.loc[5, column] = np.nan
        with pytest.raises(ValueError, match=f"row 5 has no '{column}'"):
            next(ChronologicalSplit().split(holes))


def test_later_visits_are_those_of_subjects_whatever_the_groups():
    visits = make_progression_cohort(12, random_state=0).visits
    X, y = visit_contexts(visits, visits["score"], context=2)
    expected = [part.tolist() for part in next(LaterVisitSplit().split(X, y))]
    sites = X["subject"].str[1:].astype(int).to_numpy() % 3
    found = [part.tolist() for part in next(LaterVisitSplit().split(X, y, sites))]
    assert found == expected
    assert X["subject"].iloc[expected[1]].nunique() > 3
    with pytest.raises(ValueError, match=r"Groups divide subject 'P01' \(row 1\) of Later"):
        next(LaterVisitSplit().split(X, y, np.arange(len(X))))


def test_groups_name_the_subjects_of_series_where_the_table_does_not():
    X = pd.DataFrame({"recording": 0, "start": [0.0, 1, 2, 3, 10, 11, 12, 13]})
    train, test = next(ChronologicalSplit().split(X, groups=list("aaaabbbb")))
    assert (train.tolist(), test.tolist()) == ([0, 1, 2, 4, 5, 6], [3, 7])


def test_without_a_trend_the_shrunken_mean_beats_the_last_value_as_theory_says():
    rng = np.random.default_rng(0)
    n, between, noise = 400, 3.0, 2.0
    values = 30 + between * rng.normal(size=(n, 1)) + noise * rng.normal(size=(n, 4))
    visits = pd.DataFrame({"subject": np.repeat(np.arange(n), 4), "visit": np.tile(range(4), n)})
    X, y = visit_contexts(visits, values.ravel(), context=3, min_context=3)
    model = MixedModelRegressor(slope=False).fit(X, y)
    assert model.slope_ == 0.0
    # Mean absolute errors follow from the variances of normal errors: 2 s^2 for the last value,
    # s^2 (1 + t^2 / (k t^2 + s^2)) for the shrunken mean of k values.
    last, mean = 2 * noise**2, noise**2 * (1 + between**2 / (3 * between**2 + noise**2))
    errors = {
        "last": np.abs(LastValueRegressor().fit(X, y).predict(X) - y),
        "mean": np.abs(model.predict(X) - y),
    }
    for name, variance in (("last", last), ("mean", mean)):
        assert errors[name].mean() == pytest.approx(np.sqrt(2 * variance / np.pi), rel=0.06)
    assert np.mean(errors["mean"]) < 0.85 * np.mean(errors["last"])
