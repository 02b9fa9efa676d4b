"""Confound audit: planted confounds, false findings, adjusted p-values, and real sets."""

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest

from sklearn_emg.comparison import confound_audit
from sklearn_emg.datasets import load_algiers, load_lower_limb, load_n2001
from sklearn_emg.recordings import SignalFile, recording_table


def cohort(n_per_class=12, n_rows=3, classes=("control", "patient"), **columns):
    """Table of subjects with columns per subject, and the class of each row."""
    n = n_per_class * len(classes)
    table = pd.DataFrame({"subject": [f"S{k:03d}" for k in range(n)], **columns})
    table = table.loc[table.index.repeat(n_rows)].reset_index(drop=True)
    return table, np.repeat(classes, n_per_class * n_rows)


def rng(seed=0):
    return np.random.default_rng(seed)


def planted(kind, y):
    """Values of one kind by subject that separate the classes."""
    if kind == "number":
        return rng().normal(10.0 * (y == "patient"), 3.0)
    if kind == "middle":  # controls at both ends, patients between
        return np.where(y == "patient", 0.0, rng().choice([-9.0, 9.0], len(y))) + rng(1).normal(
            size=len(y)
        )
    if kind == "category":
        return np.where(rng().random(len(y)) < 0.1, "other", np.where(y == "patient", "A", "B"))
    if kind == "date":
        return pd.Timestamp("2012-07-01") + pd.to_timedelta(
            rng().integers(0, 30, len(y)) + 300 * (y == "patient"), unit="D"
        )
    if kind == "text of dates":
        return planted("date", y).strftime("%Y-%m-%d %H:%M").tolist()
    if kind == "text of numbers":
        return [f"{value:.1f}" for value in planted("number", y)]
    if kind == "objects":
        mixed = [Decimal(7), "7.5", Fraction(15, 2), None, np.float32(7.5), "unknown"]
        return pd.Series([*planted("number", y)[: -len(mixed)], *mixed], dtype=object)
    if kind == "categories of numbers":
        return pd.Categorical(planted("number", y).round())
    if kind == "period":
        return pd.PeriodIndex(planted("date", y), freq="D")
    if kind == "objects of durations":
        return pd.Series(planted("duration", y).to_pytimedelta(), dtype=object)
    if kind == "duration":
        return pd.to_timedelta(planted("number", y), unit="D")
    if kind == "boolean":
        return planted("category", y) == "A"
    assert kind == "missing"
    return np.where(y == "patient", rng().normal(size=len(y)), np.nan)


@pytest.mark.parametrize(
    ("kind", "read_as"),
    [
        ("number", "number"),
        ("middle", "number"),
        ("category", "category"),
        ("date", "date"),
        ("text of dates", "date"),
        ("text of numbers", "number"),
        ("objects", "number"),
        ("categories of numbers", "number"),
        ("period", "date"),
        ("duration", "number"),
        ("objects of durations", "number"),
        ("boolean", "category"),
        ("missing", "number"),
    ],
)
def test_a_planted_confound_is_found_and_an_unrelated_column_is_not(kind, read_as):
    labels = np.repeat(["control", "patient"], 12)
    table, y = cohort(session=planted(kind, labels), side=["left", "right"] * 12)
    table["age"] = np.repeat(rng(5).normal(50, 10, 24), 3)
    audit = confound_audit(table, y)
    assert audit.confounds == ["session"]
    assert audit.summary.loc["session", "kind"] == read_as
    assert audit.summary.loc["session", "score"] > 0.85


def test_text_that_is_neither_number_nor_date_is_named():
    table, y = cohort(6, age=[f"{k},5" for k in range(12)])
    with pytest.warns(UserWarning, match="column 'age' of confound_audit .* such as '0,5'"):
        confound_audit(table, y, columns="age", n_permutations=19)


def test_a_confound_of_one_of_three_classes_is_found():
    age = np.concatenate([rng().normal(m, 5, 10) for m in (30, 31, 60)])
    table, y = cohort(10, classes=("control", "myopathy", "als"), age=age)
    audit = confound_audit(table, y)
    assert audit.confounds == ["age"]
    assert audit.subjects.to_dict() == {"als": 10, "control": 10, "myopathy": 10}


def test_a_condition_of_some_recordings_of_one_class_is_found():
    # All subjects have recordings at low level; controls have others in addition.
    table, y = cohort(8, n_rows=4)
    table["level"] = np.where((y == "control") & (table.index % 4 > 1), "moderate", "low")
    audit = confound_audit(table, y)
    assert audit.confounds == ["level"]
    assert audit.patterns == {"level": "'moderate' in control only (8 subjects)"}


def test_a_value_of_few_subjects_of_one_class_is_suspect():
    level = ["moderate"] * 2 + ["low"] * 15
    table, y = cohort(1, classes=[*"a" * 7, *"b" * 5, *"c" * 5], level=level)
    audit = confound_audit(table, y)
    assert audit.suspects == ["level"]
    assert "'moderate' in a only (2 subjects)" in repr(audit)


def test_number_of_recordings_and_properties_of_signals_are_audited():
    signals = [0.01 * rng(k).normal(size=2000 + 100 * (k >= 12)) for k in range(24)]
    y = np.repeat(["control", "patient"], 12)
    table = recording_table(signals, fs=1000.0, subject=[f"S{k}" for k in range(24)])
    assert confound_audit(table, y).confounds == ["length"]
    twice = pd.concat([table, table.iloc[:12]], ignore_index=True)
    audit = confound_audit(twice, [*y, *y[:12]], columns="n_recordings")
    assert audit.confounds == ["n_recordings"]


@pytest.mark.filterwarnings("ignore:.*p-value")
def test_an_infinite_number_is_the_largest():
    table, y = cohort(age=[*range(20, 43), np.inf])
    audit = confound_audit(table, y, columns="age", n_permutations=5)
    text = audit.summary.loc["age", "values"]
    assert text == "control: 25.5 (20 to 31); patient: 37.5 (32 to inf)"


def test_signals_are_read_only_if_a_property_is_audited():
    missing = [SignalFile("there/is/no/file.bin", length=100)] * 12
    table = recording_table(missing, fs=1000.0, subject=range(12), side=["left", "right"] * 6)
    y = ["a"] * 6 + ["b"] * 6
    assert confound_audit(table, y, columns=["side"]).summary.index.tolist() == ["side"]
    with pytest.raises(FileNotFoundError):
        confound_audit(table, y, columns=["offset"])


def test_a_column_with_the_name_of_a_property_is_the_property_of_the_table():
    table, y = cohort(length=rng().normal(size=24))
    audit = confound_audit(table, y, columns=["length"])
    assert audit.summary["kind"].tolist() == ["number"]
    assert audit.summary.loc["length", "values"].startswith("control: ")


def test_labels_identities_and_arrays_are_left_out_with_reasons():
    table, y = cohort(12, gap=["x"] * 24)
    table["group"], table["diagnosis"], table["patient_id"] = y, y, table["subject"]
    table["recording"] = [f"file {k}" for k in range(len(table))]
    table["signal"] = [np.zeros(100) + k for k in range(len(table))]
    table["fs"], table["angle"] = 1000.0, table["signal"]
    audit = confound_audit(table, y)
    assert (
        audit.excluded.items()
        >= {
            "group": "it is the label",
            "diagnosis": "named like a label",
            "patient_id": "named like an identity",
            "recording": "no value occurs in two subjects",
            "gap": "the same in all recordings",
            "angle": "it contains arrays",
        }.items()
    )
    assert "Not audited (it is the label): group" in repr(audit)


def test_files_that_only_some_classes_have_are_found():
    table, y = cohort(12)
    table["file"] = [f"{s}.eaf" * (c == "patient") for s, c in zip(table["subject"], y)]
    assert confound_audit(table, y).confounds == ["file"]


def test_of_features_only_the_usual_metadata_are_audited():
    labels = np.repeat(["control", "patient"], 12)
    table, y = cohort(rms=planted("number", labels), age=rng().normal(size=24))
    assert confound_audit(table, y).summary.index.tolist() == ["age"]
    assert confound_audit(table, y, columns="rms").confounds == ["rms"]


def test_the_order_of_rows_and_the_names_of_classes_do_not_matter():
    labels = np.repeat(["control", "patient"], 12)
    table, y = cohort(age=planted("number", labels), side=["left", "right"] * 12)
    order = rng(3).permutation(len(table))
    first = confound_audit(table, y).summary
    again = confound_audit(table.iloc[order], np.array([f"{c}!" for c in y])[order]).summary
    assert first["score"].tolist() == again["score"].tolist()


def test_subjects_may_be_given_instead_of_the_column():
    labels = np.repeat(["control", "patient"], 12)
    table, y = cohort(age=planted("number", labels))
    audit = confound_audit(table.drop(columns="subject"), y, subjects=table["subject"])
    assert audit.confounds == ["age"]


def test_the_scores_of_perfect_and_useless_predictors():
    table, y = cohort(6, age=np.r_[np.arange(6), np.arange(6) + 100], side=["left"] * 12)
    table["side"] = np.tile(["left", "right", "left"], 12)  # the same in every subject
    audit = confound_audit(table, y)
    assert audit.summary.loc["age", "score"] == 1.0
    assert audit.summary.loc["side", "score"] == 0.5
    assert audit.summary.loc["side", "pvalue"] == 1.0
    # Wilson's lower bound of 6 of 6 is 6 / (6 + 1.96²) = 0.610; of the mean of two recalls,
    # 1 - 0.390 / sqrt(2) = 0.724 (Zou and Donner).
    assert audit.summary.loc["age", "low"] == pytest.approx(0.724, abs=0.001)
    assert audit.summary.loc["age", "high"] == 1.0


def test_the_pvalue_is_that_of_all_assignments():
    # 4 + 4 subjects, ages far apart: of the 70 assignments only the true one and its mirror
    # separate the classes as well.
    table, y = cohort(4, age=np.r_[np.arange(4), np.arange(4) + 100.0])
    audit = confound_audit(table, y, n_permutations=20_000)
    # The standard error of 20,000 permutations is 0.0012.
    assert audit.summary.loc["age", "pvalue"] == pytest.approx(2 / 70, abs=0.004)
    assert audit.min_pvalue == pytest.approx(1 / 70)


def test_adjusted_pvalues_are_those_of_the_definition():
    from sklearn_emg.comparison._confounding._audit import _pvalues

    scores = rng(2).normal(size=(60, 5)).round(1)
    scores[0] += [2.0, 0.0, 1.0, 2.0, -1.0]
    p, adjusted = _pvalues(scores)
    table = np.array([[np.mean(scores[:, k] >= row[k]) for k in range(5)] for row in scores])
    order = np.argsort(table[0], kind="stable")
    expected, largest = np.empty(5), 0.0
    for place, k in enumerate(order):
        minima = table[:, order[place:]].min(axis=1)
        largest = max(largest, np.mean(minima <= table[0, k]))
        expected[k] = largest
    np.testing.assert_allclose(p, table[0])
    np.testing.assert_allclose(adjusted, expected)


def null_audit(seed, n_per_class=8, n_classes=2, n_permutations=99):
    """Audit of columns that are independent of the class."""
    n, draw = n_per_class * n_classes, rng(seed)
    table, y = cohort(
        n_per_class,
        n_rows=2,
        classes=[f"class {k}" for k in range(n_classes)],
        age=draw.normal(size=n),
        side=draw.choice(["left", "right"], n),
        level=draw.choice(["low", "moderate", "high"], n, p=[0.7, 0.2, 0.1]),
        session=np.where(draw.random(n) < 0.3, np.nan, draw.integers(0, 5, n)),
    )
    return confound_audit(table, y, n_permutations=n_permutations, random_state=seed)


@pytest.mark.parametrize("n_classes", [2, pytest.param(3, marks=pytest.mark.slow)])
def test_false_findings_have_the_stated_rate(n_classes):
    audits = [null_audit(seed, n_classes=n_classes) for seed in range(200)]
    n_false = sum(bool(audit.confounds) for audit in audits)
    # At a rate of 5 %, the probability of 19 or more of 200 is below 0.01.
    assert n_false < 19
    pvalues = np.concatenate([audit.summary["pvalue"] for audit in audits])
    # Single tests also keep their level: 0.05 plus two standard errors over some 790 tests.
    assert np.mean(pvalues <= 0.05) < 0.066


def test_results_are_reproducible_and_do_not_depend_on_jobs():
    signals = [0.01 * rng(k).normal(size=500) for k in range(12)]
    table = recording_table(signals, fs=1000.0, subject=range(12), age=rng().normal(size=12))
    y = ["a"] * 6 + ["b"] * 6
    first = confound_audit(table, y, random_state=3)
    pd.testing.assert_frame_equal(
        first.summary, confound_audit(table, y, random_state=3, n_jobs=2).summary
    )


def test_many_subjects_are_computed_in_parts(monkeypatch):
    labels = np.repeat(["control", "patient"], 12)
    table, y = cohort(age=planted("number", labels), side=["left", "right"] * 12)
    whole = confound_audit(table, y).summary
    monkeypatch.setattr("sklearn_emg.comparison._confounding._audit._SUBJECTS_AT_ONCE", 5)
    monkeypatch.setattr("sklearn_emg.comparison._confounding._audit._PERMUTATIONS_AT_ONCE", 7)
    pd.testing.assert_frame_equal(whole, confound_audit(table, y).summary)


def test_the_result_prints_in_80_columns():
    labels = np.repeat(["control", "patient"], 12)
    table, y = cohort(age=planted("number", labels), level=["low"] * 12 + ["moderate"] * 12)
    audit = confound_audit(table, y, match="age", caliper={"age": 5.0})
    text = repr(audit)
    assert max(map(len, text.splitlines())) <= 80
    assert "Confound audit of 24 subjects (12 control, 12 patient)" in text
    assert "After matching" in text
    assert "After matching" in audit._repr_html_()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"columns": ["age", "leve"]}, r"\['leve'\].*Did you mean 'level'"),
        ({"match": "weight"}, r"'match' of confound_audit names \['weight'\]"),
        ({"columns": ["angle"]}, "'angle', which is a column of arrays"),
        ({"columns": []}, "nothing to audit"),
        ({"n_permutations": 0}, "'n_permutations' parameter of confound_audit"),
        ({"confidence": 1.0}, "'confidence' must lie between 0 and 1"),
        ({"caliper": 0.1}, "'caliper' .* is used only with 'match'"),
        ({"match": "age", "caliper": -1.0}, "'caliper' parameter of confound_audit"),
        ({"match": "age", "caliper": {"level": 1.0}}, r"'caliper' of confound_audit names"),
    ],
)
def test_wrong_arguments_are_named(change, message):
    table, y = cohort(age=np.arange(24.0), level=["low", "high"] * 12)
    table["signal"] = [np.sin(np.arange(90.0))] * len(table)
    table["angle"], table["fs"] = table["signal"], 1000.0
    with pytest.raises(ValueError, match=message):
        confound_audit(table, y, **change)


def test_a_subject_with_two_labels_is_named():
    table, y = cohort(age=np.arange(24.0))
    y[0] = "patient"
    with pytest.raises(ValueError, match="'S000' has two labels; confound_audit"):
        confound_audit(table, y)


def test_a_class_with_one_subject_is_named():
    table, y = cohort(4, age=np.arange(8.0))
    rows = table["subject"].isin(["S000", "S004", "S005"])
    with pytest.raises(ValueError, match="'control' has only one subject, 'S000'"):
        confound_audit(table[rows], y[rows])


def test_too_few_subjects_for_a_finding_warn():
    table, y = cohort(2, age=np.arange(4.0))
    with pytest.warns(UserWarning, match="p-value cannot be below 0.17"):
        confound_audit(table, y)


def test_lower_limb_has_the_campaign(real_data):
    table, y = load_lower_limb(real_data / "lower_limb", return_X_y=True)
    assert "goniometer_fs" in confound_audit(table, y).confounds
    gait = (table["exercise"] == "gait").to_numpy()
    audit = confound_audit(table[gait], y[gait])
    assert {"goniometer_fs", "length"} <= set(audit.confounds)


def test_algiers_has_power_line_number_of_recordings_and_offset(real_data):
    if not (real_data / "algiers").is_dir():
        pytest.skip("needs the folder algiers")
    table, y = load_algiers(real_data / "algiers", return_X_y=True)
    deltoid = (table["muscle"] == "deltoid").to_numpy()
    audit = confound_audit(table[deltoid], y[deltoid])
    assert {"line_50", "n_recordings", "offset"} <= set(audit.confounds)


def test_n2001_has_age_level_and_head_of_the_muscle(real_data):
    if not (real_data / "n2001_biceps").is_dir():
        pytest.skip("needs the folder n2001_biceps")
    table, y = load_n2001(real_data / "n2001_biceps", lazy=True, return_X_y=True)
    columns = ["age", "level", "head", "side", "n_recordings"]
    audit = confound_audit(table, y, columns=columns)
    assert {"age", "level", "head"} <= {*audit.confounds, *audit.suspects}
    assert audit.summary.loc["age", "pvalue"] < 0.05
    assert "do not overlap" in audit.patterns["age"]
    assert "'moderate' in control only" in audit.patterns["level"]
    assert "in ALS, myopathy only" in audit.patterns["head"]
