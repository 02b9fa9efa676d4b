"""Matched subjects: exact categories, calipers, optimal pairs, and what is dropped."""

from itertools import permutations

import numpy as np
import pandas as pd
import pytest

from sklearn_emg.comparison import confound_audit, match_subjects
from sklearn_emg.datasets import load_n2001


def subjects(y, **columns):
    """One row per subject."""
    return pd.DataFrame({"subject": [f"S{k}" for k in range(len(y))], **columns}), np.array([*y])


def test_pairs_lie_within_the_caliper_in_the_unit_of_the_column():
    table, y = subjects("ccccppp", age=[20.0, 40, 41, 60, 43, 62, 90])
    matched = match_subjects(table, y, "age", caliper={"age": 3.0})
    assert matched.rows.tolist() == [2, 3, 4, 5]
    assert matched.sets[["set", "subject", "age"]].values.tolist() == [
        [0, "S2", 41.0],
        [0, "S4", 43.0],
        [1, "S3", 60.0],
        [1, "S5", 62.0],
    ]
    assert matched.dropped["subject"].tolist() == ["S0", "S1", "S6"]
    assert set(matched.dropped["reason"]) == {"no match within the caliper of age"}
    assert matched.calipers == {"age": 3.0}


def test_the_default_caliper_is_a_fifth_of_the_deviation_within_classes():
    ages = np.array([30.0, 40, 50, 130, 140, 150])
    table, y = subjects("cccppp", age=ages)
    # The deviation is 10 within each class; the difference between classes is not included.
    assert match_subjects(table, y, "age", caliper=20).calipers == {"age": 200.0}
    with pytest.raises(ValueError, match=r"age \(c: 40 \(30 to 50\); p: 140 \(130 to 150\)\)"):
        match_subjects(table, y, "age")


def test_as_many_pairs_as_possible_at_the_smallest_sum_of_distances():
    draw = np.random.default_rng(0)
    for _ in range(20):
        a, b = draw.normal(50, 10, 4), draw.normal(52, 10, 5)
        table, y = subjects("aaaabbbbb", age=np.r_[a, b])
        matched = match_subjects(table, y, "age", caliper={"age": 4.0})
        best = max(
            (len(d), -sum(d))
            for chosen in permutations(range(5), 4)
            if (d := [abs(x - b[k]) for x, k in zip(a, chosen) if abs(x - b[k]) <= 4.0]) is not None
        )
        found = matched.sets.groupby("set")["age"].agg(np.ptp)
        assert (len(found), -found.sum()) == pytest.approx(best)


def test_three_classes_give_sets_of_three():
    table, y = subjects("aabbbccc", age=[30.0, 50, 31, 51, 70, 29, 49, 90])
    sets = match_subjects(table, y, "age", caliper={"age": 2.0}).sets
    assert sets["class"].tolist() == [*"abcabc"]
    assert sets.groupby("set")["age"].agg(["min", "max"]).values.tolist() == [[29, 31], [49, 51]]


def test_categories_are_equal_in_all_classes():
    table, y = subjects("ccccpppp", sex=[*"MMMFMFFF"], age=np.arange(8.0))
    sets = match_subjects(table, y, ["sex", "age"], caliper=100.0).sets
    assert sets.groupby("set")["sex"].nunique().eq(1).all()
    assert sets.groupby(["class", "sex"]).size().to_dict() == {
        ("c", "F"): 1,
        ("c", "M"): 1,
        ("p", "F"): 1,
        ("p", "M"): 1,
    }


def test_rows_of_a_level_that_a_class_lacks_are_dropped_and_the_subject_stays():
    table = pd.DataFrame(
        {"subject": [*"aabbcd"], "level": ["low", "high", "low", "high", "low", "low"]}
    )
    matched = match_subjects(table, list("ccccpp"), "level")
    assert matched.rows.tolist() == [0, 2, 4, 5]
    assert matched.dropped[["subject", "reason"]].values.tolist() == [
        ["a", "no p with the same level"],
        ["b", "no p with the same level"],
    ]


def test_one_stratum_without_numbers_keeps_all_subjects():
    table, y = subjects("cccccpp", level=["low"] * 7)
    assert len(match_subjects(table, y, "level").rows) == 7


def test_missing_values_have_no_match():
    table, y = subjects("cccppp", age=[40, 41, np.nan, 40, 41, 42], sex=[*"MMMMM", None])
    dropped = match_subjects(table, y, ["age", "sex"], caliper={"age": 0.5}).dropped
    assert dropped[["subject", "reason"]].values.tolist() == [
        ["S2", "age is missing"],
        ["S5", "sex is missing"],
    ]


def test_dates_are_matched_in_days():
    days = pd.to_datetime(["2012-07-01", "2012-07-20", "2012-07-03", "2012-09-01"])
    table, y = subjects("ccpp", date=days)
    matched = match_subjects(table, y, "date", caliper={"date": 2})
    assert matched.rows.tolist() == [0, 2]
    assert matched.calipers == {"date": 2.0}
    assert matched.sets["date"].tolist() == ["2012-07-01", "2012-07-03"]


def test_ties_are_chosen_by_the_seed_and_stay_reproducible():
    table, y = subjects("c" * 12 + "p" * 3, age=[50.0] * 15)
    chosen = [match_subjects(table, y, "age", random_state=k).rows.tolist() for k in range(5)]
    assert len({tuple(rows) for rows in chosen}) > 1
    assert chosen[2] == match_subjects(table, y, "age", random_state=2).rows.tolist()


def test_matching_removes_a_planted_confound():
    draw = np.random.default_rng(0)
    y = np.repeat(["control", "patient"], 60)
    age = draw.normal(np.where(y == "patient", 55.0, 45.0), 12.0)
    table, y = subjects(y, age=age, side=["left", "right"] * 60)
    audit = confound_audit(table, y, match="age")
    assert audit.confounds == ["age"]
    assert audit.matched_audit.confounds == []
    assert len(audit.matched.rows) >= 60
    assert audit.matched_audit.subjects.tolist() == [len(audit.matched.rows) / 2] * 2


def test_an_audit_without_matches_warns_and_keeps_what_it_found():
    table, y = subjects("c" * 8 + "p" * 8, age=np.r_[np.arange(8.0), np.arange(8.0) + 50])
    with pytest.warns(UserWarning, match=r"cannot be audited. No subjects of all classes match"):
        audit = confound_audit(table, y, match=["age"])
    assert audit.confounds == ["age"]
    assert audit.matched_audit is None
    assert "Matched 0 subjects (none)" in repr(audit)


def test_matching_needs_a_column():
    table, y = subjects("ccpp", age=np.arange(4.0))
    with pytest.raises(ValueError, match="match_subjects needs at least one column"):
        match_subjects(table, y, [])


def test_n2001_matches_in_level_and_not_in_age(real_data):
    if not (real_data / "n2001_biceps").is_dir():
        pytest.skip("needs the folder n2001_biceps")
    table, y = load_n2001(real_data / "n2001_biceps", lazy=True, return_X_y=True)
    matched = match_subjects(table, y, "level")
    assert set(table["level"].iloc[matched.rows]) == {"low"}
    assert set(matched.dropped["subject"]) == {"C01", "C02"}
    with pytest.raises(ValueError, match=r"No subjects of all classes match in level .* age"):
        match_subjects(table, y, ["level", "age"], caliper={"age": 10})
