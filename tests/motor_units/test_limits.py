"""Normal limits: values computed by hand, published numbers, and controls left out of limits."""

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from sklearn_emg.datasets import load_n2001
from sklearn_emg.ensemble import NormalLimitRules
from sklearn_emg.exceptions import RecordingWarning, SubjectLeakWarning
from sklearn_emg.feature_extraction import MUAPFeatures
from sklearn_emg.motor_units import (
    InterferenceCloud,
    MotorUnitDecomposer,
    ReferenceLimits,
    muscle_potentials,
)
from sklearn_emg.preprocessing import BandpassFilter


def potentials(subject, amplitudes, durations=None, muscle="biceps brachii", **columns):
    """One potential per amplitude."""
    durations = np.full(len(amplitudes), 10.0) if durations is None else durations
    table = pd.DataFrame({"amplitude": amplitudes, "duration": durations})
    return table.assign(subject=subject, muscle=muscle, **columns)


def published():
    return ReferenceLimits().use_table()


def controls(n=12, seed=0, ages=None, slope=0.0):
    """Controls with 20 potentials each; the logarithm of the amplitude rises with age."""
    rng = np.random.default_rng(seed)
    parts = []
    for k in range(n):
        age = 40.0 if ages is None else ages[k]
        level = 0.4 * 10 ** (0.05 * rng.normal() + slope * (age - 40.0))
        spread = 10 ** np.linspace(-0.3, 0.3, 20)
        parts.append(potentials(f"C{k}", level * spread, 10.0 * (level * spread) ** 0.3, age=age))
    return pd.concat(parts, ignore_index=True)


def test_published_numbers_have_a_source():
    limits = published().limits_
    assert limits["source"].str.contains("Bischoff").all()
    biceps = limits[(limits["muscle"] == "biceps brachii") & (limits["measure"] == "amplitude")]
    mean = biceps[biceps["statistic"] == "mean"].iloc[0]
    # 436 +- 115 uV, and 2 SD on either side.
    np.testing.assert_allclose(mean[["centre", "low", "high"]].tolist(), [0.436, 0.206, 0.666])
    assert published().single_limits("Biceps", "amplitude") == (0.178, 1.414)
    assert published().single_limits("biceps_brachii", "amplitude") == (0.178, 1.414)
    assert published().single_limits("first dorsal interosseous", "duration") == (4.0, 18.0)


def test_two_of_twenty_may_lie_outside_and_three_may_not():
    for n_low, finding in ((2, "within limits"), (3, "low")):
        table = potentials("P", [0.1] * n_low + [0.45] * (20 - n_low))
        row = published().score_measures(table).iloc[0]
        assert (row["n_below"], row["n_allowed"], row["finding"]) == (n_low, 2, finding)
    # Of 40 potentials, 4 may.
    for n_high, finding in ((4, "within limits"), (5, "high")):
        row = published().score_measures(potentials("P", [1.5] * n_high + [0.4] * (40 - n_high)))
        assert row["finding"].iloc[0] == finding


def test_z_words_and_probabilities_by_hand():
    table = potentials("P", [0.551] * 20, [11.3] * 20)
    muscle = published().score_muscles(table).iloc[0]
    # (0.551 - 0.436) / 0.115 = (11.3 - 9.9) / 1.4 = 1: a posterior of exp(2 z - 2) to 1.
    assert muscle["z"] == pytest.approx(1.0)
    assert muscle["neuropathic"] == pytest.approx(1 / (2 + np.exp(-4)))
    assert muscle["normal"] == pytest.approx(muscle["neuropathic"])
    assert muscle["summary"] == "no measure beyond its limits"
    low = published().score_muscles(potentials("P", [0.15] * 20, [5.0] * 20)).iloc[0]
    assert low["summary"] == "low, short potentials"
    assert low["abnormal"]
    assert low["myopathic"] > 0.97


def test_potentials_at_their_limits_have_z_of_two():
    table = potentials("P", [0.178, 1.414, np.sqrt(0.178 * 1.414)])
    scored = published().score_potentials(table)
    np.testing.assert_allclose(scored["z_amplitude"], [-2.0, 2.0, 0.0], atol=1e-12)
    classes = scored[["myopathic", "normal", "neuropathic"]]
    np.testing.assert_allclose(classes.sum(axis=1), 1.0)


def test_probabilities_stay_finite_however_far():
    table = potentials("P", [1e9] * 20, [1e9] * 20)
    assert published().score_muscles(table)["neuropathic"].tolist() == [1.0]


def test_limits_of_controls_are_prediction_limits():
    table = pd.concat([potentials(f"C{k}", [a] * 20) for k, a in enumerate((0.1, 1.0, 10.0))])
    limits = ReferenceLimits(["amplitude"], confidence=0.9).fit(table).limits_
    mean = limits.set_index("statistic").loc["mean"]
    # Logarithms -1, 0, 1: mean 0, SD 1; Student's 95 % quantile with 2 degrees of freedom.
    factor = 2.919986 * np.sqrt(1 + 1 / 3)
    assert mean["centre"] == pytest.approx(1.0)
    assert np.log10(mean["high"]) == pytest.approx(factor, rel=1e-6)
    assert np.log10(mean["low"]) == pytest.approx(-factor, rel=1e-6)
    assert limits["n_controls"].tolist() == [3, 3, 3]


def test_limits_follow_age_where_ages_spread():
    ages = np.linspace(20, 75, 12)
    limits = ReferenceLimits().fit(controls(ages=ages, slope=0.01))
    rows = limits.limits_.set_index(["measure", "statistic"])
    assert rows.loc[("amplitude", "mean"), "slope"] == pytest.approx(0.01, abs=0.003)
    young, old = (limits.single_limits("biceps brachii", "amplitude", age) for age in (25, 70))
    assert old[0] > 2 * young[0]
    assert old[1] > 2 * young[1]
    flat = ReferenceLimits().fit(controls(ages=np.linspace(30, 45, 12)))
    assert (flat.limits_["slope"] == 0).all()
    with pytest.warns(RecordingWarning, match="the age is not known"):
        limits.score_muscles(potentials("P", [0.4] * 20))


def test_no_control_is_among_its_own_references():
    table = pd.concat([controls(8), potentials("P", [4.0] * 20, [14.0] * 20, age=40.0)])
    # One control is an outlier. It is abnormal as long as it does not widen its own limits.
    table.loc[table["subject"] == "C3", "amplitude"] *= 6
    y = np.where(table["subject"] == "P", "neuropathy", "healthy")
    with warnings.catch_warnings():
        warnings.simplefilter("error", SubjectLeakWarning)
        found = ReferenceLimits().cross_score(table, y).set_index("subject")
    others = table[~table["subject"].isin(["C3", "P"])]
    alone = ReferenceLimits().fit(others).score_muscles(table[table["subject"] == "C3"])
    pd.testing.assert_series_equal(
        found.loc["C3"].drop("group"), alone.iloc[0].drop("subject"), check_names=False
    )
    assert found.loc["C3", "abnormal"]
    assert found.loc["P", "group"] == "neuropathy"
    with pytest.warns(SubjectLeakWarning, match="given to ReferenceLimits (was|were) trained on"):
        ReferenceLimits().fit(table, y).score_muscles(table)


def test_fewer_than_twenty_potentials_lead_to_no_conclusion():
    # Far below the limits, and still one potential too few.
    table = potentials("P7", [0.1] * 19)
    with pytest.warns(RecordingWarning, match=r"1 muscle \(biceps brachii of P7\): fewer than 20"):
        muscle = published().score_muscles(table).iloc[0]
    assert not muscle["enough"]
    assert muscle[["z", "myopathic", "normal", "neuropathic", "abnormal"]].isna().all()
    assert muscle["summary"] == "too few potentials for a conclusion"
    with pytest.warns(RecordingWarning, match="fewer than 20"):
        measures = published().score_measures(table)
    assert measures["finding"].tolist() == ["too few potentials"] * 2
    assert measures["n_below"].tolist() == [19, 0]
    assert measures["z"].iloc[0] == pytest.approx((0.1 - 0.436) / 0.115)


def test_a_measure_with_enough_potentials_decides_without_the_other():
    table = potentials("P7", [0.1] * 20, [10.0] * 19 + [np.nan])
    with pytest.warns(RecordingWarning, match="fewer than 20"):
        low = published().score_muscles(table).iloc[0]
    assert low["summary"] == "low potentials; too few potentials for a conclusion on duration"
    assert low["abnormal"]
    assert low["z"] == pytest.approx((0.1 - 0.436) / 0.115)
    with pytest.warns(RecordingWarning, match="fewer than 20"):
        within = published().score_muscles(table.assign(amplitude=0.436)).iloc[0]
    assert pd.isna(within["abnormal"])
    assert within["normal"] > 0.7


def test_controls_with_fewer_than_twenty_potentials_are_left_out():
    few = pd.concat([controls(4), potentials("C9", [0.4] * 5, age=40.0)])
    with pytest.warns(RecordingWarning, match=r"leaves out .* \(biceps brachii of C9\)"):
        limits = ReferenceLimits().fit(few)
    assert "C9" not in limits.subjects_


def test_controls_of_muscles_without_limits_are_not_among_the_subjects():
    other = potentials("C9", np.linspace(0.2, 0.6, 20), muscle="deltoid", age=40.0)
    with pytest.warns(RecordingWarning, match="no limits for deltoid"):
        limits = ReferenceLimits().fit(pd.concat([controls(4), other]))
    assert limits.subjects_ == ["C0", "C1", "C2", "C3"]


def test_rows_and_their_order_change_nothing():
    table, new = controls(6), potentials("P", np.linspace(0.1, 2, 25))
    shuffled = table.sample(frac=1, random_state=0)
    first, second = (ReferenceLimits().fit(t).score_muscles(new) for t in (table, shuffled))
    pd.testing.assert_frame_equal(first, second, check_exact=False, rtol=1e-12)


def test_controls_that_are_all_alike_have_limits_without_width():
    table = pd.concat([potentials(f"C{k}", [0.1 + 0.2 * k] * 20) for k in range(4)])
    scored = ReferenceLimits().fit(table).score_measures(potentials("P", [0.4] * 20))
    duration = scored.set_index("measure").loc["duration"]
    assert np.isnan(duration["z"])
    assert duration["finding"] == "within limits"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.drop(columns="muscle"), "lacks the column 'muscle'"),
        (lambda t: t.assign(amplitude=0.0), "amplitude of row 0 must be positive"),
        (lambda t: t.iloc[:0], "has no rows"),
        (lambda t: t.assign(muscle=None), "name of a muscle must be a non-empty text"),
        (lambda t: t.assign(muscle="_"), "name of a muscle must be a non-empty text"),
        (lambda t: t.assign(muscle="soleus"), "no limits for amplitude of the muscle 'soleus'"),
        (lambda t: t.assign(age=np.arange(len(t))), "Subject 'P' has several ages"),
    ],
)
def test_bad_tables_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        published().score_muscles(change(potentials("P", [0.4] * 20)))


def test_other_faults_are_refused():
    with pytest.raises(ValueError, match="call fit or use_table first"):
        ReferenceLimits().score_muscles(potentials("P", [0.4] * 20))
    with pytest.raises(ValueError, match=r"'measures' parameter of ReferenceLimits .*'duration'"):
        ReferenceLimits(["durations"])
    with pytest.raises(ValueError, match="no label of y is called healthy"):
        ReferenceLimits().fit(controls(3), ["ill"] * 60)
    with pytest.raises(ValueError, match="requires at least 3 controls"):
        ReferenceLimits().fit(controls(2))
    numbers = {"mean": [1.0], "sd": [0.1], "lowest": [0.5], "highest": [2.0], "source": [""]}
    table = pd.DataFrame({"muscle": ["soleus"], "measure": ["amplitude"], **numbers})
    with pytest.raises(ValueError, match=r"Row 0.* has no source"):
        ReferenceLimits().use_table(table)
    own = ReferenceLimits().use_table(table.assign(source="Own laboratory, 2024"))
    assert own.single_limits("soleus", "amplitude") == (0.5, 2.0)


def test_rules_take_the_limits_of_a_muscle():
    X = pd.DataFrame({"muap_amplitude": [0.4, 0.5, 0.6, 3.0, 3.1, 2.9], "rms": [1.0] * 6})
    y = ["normal"] * 3 + ["neuropathy"] * 3
    rules = NormalLimitRules(reference=published(), muscle="deltoid").fit(X, y)
    np.testing.assert_allclose(rules.limits_, [[0.162, 1.0], [1.531, 1.0]])
    assert rules.export_text().startswith("if muap_amplitude (mV) > 1.53: neuropathy")
    assert clone(rules).fit(X, y).limits_[1, 0] == 1.531
    with pytest.raises(ValueError, match="'muscle' of NormalLimitRules"):
        NormalLimitRules(reference=published()).fit(X, y)
    with pytest.raises(ValueError, match="No column of X has the name of a measure"):
        NormalLimitRules(reference=published(), muscle="deltoid").fit(X[["rms"]], y)


def test_real_recordings_are_measured_by_subject_and_muscle(real_data):
    data = load_n2001(real_data / "n2001_biceps", spoilt="trim").data
    table = data[data["subject"].isin(["A01", "C01"])].groupby("subject").head(2)
    table = BandpassFilter(20.0, 8000.0).fit_transform(table)
    found = muscle_potentials(table)
    isolated = MUAPFeatures().fit(table).potentials(table)["isolated"].sum()
    assert len(found) == isolated > 40
    assert found.groupby("subject")["age"].unique().map(len).eq(1).all()
    units = muscle_potentials(table.iloc[:1], MotorUnitDecomposer())
    assert units["unit"].tolist() == list(range(1, len(units) + 1))
    assert set(published().score_measures(found)["muscle"]) == {"biceps brachii"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sd": -0.1}, "'sd' must be positive"),
        ({"lowest": 3.0}, "'mean' between 'lowest' and 'highest'"),
        ({"mean": 3.0}, "'mean' between 'lowest' and 'highest'"),
        ({"lowest": 0.0}, "amplitude of 'soleus': 'lowest' must be positive"),
        ({"mean": np.nan}, "'mean' parameter .* amplitude of 'soleus'"),
        ({"muscle": ["FDI", "fdi"]}, "occurs twice"),
    ],
)
def test_numbers_that_are_no_limits_are_refused(change, message):
    row = {"muscle": "soleus", "measure": "amplitude", "mean": 1.0, "sd": 0.1, "lowest": 0.5}
    row |= {"highest": 2.0, "source": "Own laboratory, 2024"}
    with pytest.raises(ValueError, match=message):
        ReferenceLimits().use_table(pd.DataFrame({**row, **change}, index=[5, 5]))


def test_a_potential_without_subject_and_an_unknown_method_are_refused():
    table = pd.DataFrame({"signal": [np.zeros(900)], "fs": 1000.0, "subject": "a", "muscle": "FDI"})
    with pytest.raises(TypeError, match="must be MUAPFeatures or MotorUnitDecomposer"):
        muscle_potentials(table, "muap")
    with pytest.raises(ValueError, match=r"must have a subject, but row 0 has none"):
        published().score_muscles(potentials(np.nan, [0.4] * 20))


def test_labels_of_recordings_are_refused_with_the_remedy():
    table = potentials("P1", [0.4] * 20).assign(row=0)
    for call in (ReferenceLimits().fit, published().cross_score):
        with pytest.raises(ValueError, match=r"1 label for 20 rows of X. If y .*\[X\['row'\]\]"):
            call(table, ["control"])
    with pytest.raises(ValueError, match=r"no limits for amplitude of .* leave the potentials of"):
        published().score_muscles(table.assign(muscle="sartorius"))


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"amplitude": 500.0}, "amplitude of biceps brachii of P1 is implausible: .* 500 mV"),
        ({"amplitude": 5e-4}, "must be in mV"),
        ({"duration": 0.01}, "duration of biceps brachii of P1 is implausible: .* 0.01 ms"),
        ({"age": 50 * 365}, "must be in years"),
    ],
)
def test_measures_in_another_unit_are_warned_of(changes, match):
    table = potentials("P1", [0.5] * 25)
    for call in (published().score_muscles, published().score_measures):
        with pytest.warns(RecordingWarning, match=match):
            call(table.assign(**changes))
    with pytest.warns(RecordingWarning, match=match.replace("P1", "C0 and 11 others")):
        ReferenceLimits().fit(controls().assign(**changes))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        published().score_muscles(table.assign(amplitude=np.float32(25), duration=2))


def test_a_table_of_limits_in_another_unit_is_warned_of():
    row = {"muscle": "x", "measure": "amplitude", "mean": 500.0, "sd": 90.0, "source": "mine"}
    with pytest.warns(RecordingWarning, match="amplitude of x is implausible"):
        ReferenceLimits().use_table(pd.DataFrame([row | {"lowest": 200.0, "highest": 900.0}]))


@pytest.mark.parametrize("value", ["0.5", "0,5", "many"])
def test_text_among_the_measures_is_named(value):
    table = potentials("P1", [0.5] * 25).astype({"amplitude": object})
    table.loc[3, "amplitude"] = value
    if value == "0.5":  # a number
        assert not published().score_muscles(table)["abnormal"].any()
        return
    match = f"column 'amplitude' .* must contain numbers, but row 3 has '{value}'.*decimal=','"
    for call in (published().score_muscles, ReferenceLimits().fit):
        with pytest.raises(ValueError, match=match):
            call(table)
    with pytest.raises(ValueError, match="duration of row 0 must be finite"):
        published().score_muscles(potentials("P1", [0.5] * 25, np.inf))


def test_controls_with_similar_names_are_warned_of():
    with pytest.warns(RecordingWarning, match="look alike"):
        ReferenceLimits().fit(controls().replace({"subject": {"C1": "c0 "}}))


def by_age():
    """Limits that depend on age, from controls of 20 to 75 years."""
    return ReferenceLimits().fit(controls(ages=np.linspace(20, 75, 12), slope=0.01))


@pytest.mark.parametrize("age", [19.0, 76.0, 85])
def test_ages_beyond_the_controls_are_warned_of_with_their_range(age):
    limits, table = by_age(), potentials("P", [0.4] * 20, age=age)
    match = f"biceps brachii of P.*the age, {age:g}, is outside .* 20 to 75 years"
    for call in (limits.score_measures, limits.score_muscles, limits.score_potentials):
        with pytest.warns(RecordingWarning, match=match):
            call(table)
    with pytest.warns(RecordingWarning, match="20 to 75 years"):
        limits.single_limits("biceps", "amplitude", age)


def test_ages_within_the_controls_and_limits_without_age_have_no_warning():
    table = potentials("P", [0.4] * 20, age=75)
    both = pd.concat([controls(ages=np.linspace(20, 75, 12), slope=0.01), table])
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        by_age().score_muscles(table)
        by_age().score_potentials(table)
        by_age().single_limits("biceps", "amplitude")
        published().score_muscles(table.assign(age=99))
        # The youngest and the oldest control are beyond the others.
        ReferenceLimits().cross_score(both, np.where(both["subject"] == "P", "ALS", "control"))
    assert [str(w.message) for w in seen] == []


def test_the_age_of_a_subject_serves_all_its_potentials():
    limits, table = by_age(), potentials("P", [0.4] * 20, age=60.0)
    some = table.assign(age=np.where(np.arange(20) < 3, 60.0, np.nan))
    for call in (limits.score_measures, limits.score_potentials):
        pd.testing.assert_frame_equal(call(some), call(table))
        pd.testing.assert_frame_equal(call(table.assign(age="60")), call(table))
    with pytest.raises(ValueError, match=r"column 'age' .* must contain numbers.* '60,5'"):
        limits.score_muscles(table.assign(age="60,5"))
    for age in ("60", np.inf, -1):
        with pytest.raises(ValueError, match="'age' parameter of single_limits"):
            limits.single_limits("biceps", "amplitude", age)


def test_labels_that_are_missing_or_differ_within_a_subject_are_refused():
    table = controls(4)
    points = table.rename(columns={"amplitude": "turn_amplitude", "duration": "turns"})
    for limits, X in ((ReferenceLimits(), table), (InterferenceCloud(), points)):
        for label, match in ((None, "no label for 1 of 80"), ("ALS", "'C0' has several groups")):
            y = [label, *["control"] * 79]
            for call in (limits.fit, limits.cross_score):
                with pytest.raises(ValueError, match=match):
                    call(X, y)


def test_repeated_potentials_are_warned_of():
    rng = np.random.default_rng(0)
    table = potentials("P", rng.uniform(0.2, 1, 20), rng.uniform(5, 15, 20))
    with pytest.warns(RecordingWarning, match="20 potentials of biceps brachii of P occur more"):
        published().score_muscles(pd.concat([table, table]))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        published().score_muscles(pd.concat([table, table[:5]]))
        published().score_muscles(potentials("P", [0.4, 0.5] * 20))
