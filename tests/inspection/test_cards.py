"""Model cards and data cards: their contents, the items left to the author, and their agreement."""

import re

import numpy as np
import pandas as pd
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression

from sklearn_emg.comparison import compare, confound_audit, leakage_audit, subgroup_scores
from sklearn_emg.ensemble import DiVoteClassifier, DiVoteRegressor
from sklearn_emg.inspection import data_card, model_card, write_cards
from sklearn_emg.metrics import wilson_interval
from sklearn_emg.preprocessing import check_quality
from sklearn_emg.recordings import recording_table

pytest.importorskip("jinja2", reason="cards need Jinja2")


@pytest.fixture(scope="module")
def data():
    """24 subjects of four recordings; sex alternates, age separates the classes."""
    rng = np.random.default_rng(0)
    subject = np.repeat(np.arange(24), 4)
    y = np.where(subject < 14, "control", "patient")
    X = pd.DataFrame({"rms": rng.normal(size=96) + 1.5 * (y == "patient")})
    X["subject"] = [f"s_{s}" for s in subject]
    X["sex"] = np.where(subject % 2, "f", "m")
    X["age"] = np.where(subject < 14, 35.0, 65.0) + subject % 3
    X.loc[subject == 3, "age"] = np.nan
    X["muscle"] = np.tile(["biceps", "biceps", "deltoid", "deltoid"], 24)
    X["site"] = np.where(subject < 22, "Rome", "Lyon")
    return X, y


def pipelines():
    of = {"window": None, "features": ["rms"]}
    return {
        "lda": DiVoteClassifier(LinearDiscriminantAnalysis(), **of),
        "forest": DiVoteClassifier(RandomForestClassifier(5, random_state=7), **of),
    }


@pytest.fixture(scope="module")
def result(data):
    return compare(pipelines(), *data, cv=3, progress=False, n_resamples=50)


@pytest.fixture(scope="module")
def card(data, result):
    return model_card(pipelines()["forest"].fit(*data), result)


def section(card, title):
    return next(s for s in card.sections if s.title == title)


def facts(card, title):
    return dict(section(card, title).facts)


def test_subgroups_of_subjects_have_wilson_intervals(data, result):
    scores = subgroup_scores(result, "lda", by="sex").set_index("subgroup")
    predictions = result.predictions.query("pipeline == 'lda'")
    sexes = data[0].drop_duplicates("subject").set_index("subject")["sex"]
    women = predictions[predictions["subject"].map(sexes) == "f"]
    right = float((women["y_true"] == women["y_pred"]).mean())
    found = scores.loc["f", ["n_subjects", "score", "low", "high"]].tolist()
    assert found == pytest.approx([12, right, *wilson_interval(right, 12)])
    assert scores.loc["f", "n of control"] == 7


@pytest.mark.parametrize("by", ["handedness", ("sex", "handedness")])
def test_properties_that_are_not_in_the_table_are_named(result, by):
    with pytest.raises(ValueError, match=r"no column 'handedness'.* had the columns"):
        subgroup_scores(result, "lda", by=by)


def test_ages_are_in_bands_and_unknown_ones_stand_last(result):
    scores = subgroup_scores(result, "lda", by="age", age_bands=(36, 40))
    assert scores["subgroup"].tolist() == [
        "below 36", "36 to below 40", "40 and above", "not known",
    ]  # fmt: skip
    # The age of s_3 is missing. Of the other 13 controls, 4 are 35 years old and 9 are 36 or 37.
    assert scores["n_subjects"].tolist() == [4, 9, 10, 1]


def test_bands_of_ages_are_in_the_order_of_their_numbers(result):
    scores = subgroup_scores(result, "lda", by="age", age_bands=(5, 36, 66, 100))
    assert scores["subgroup"].tolist() == [
        "5 to below 36", "36 to below 66", "66 to below 100", "not known",
    ]  # fmt: skip


def test_a_muscle_divides_recordings_and_their_predictions(data, result):
    scores = subgroup_scores(result, "lda", by="muscle").set_index("subgroup")
    assert scores["unit"].tolist() == ["recording", "recording"]
    assert scores["n_scored"].tolist() == [48, 48]
    both = result.summary.query("pipeline == 'lda' and level == 'recording'").set_index("metric")
    assert scores["score"].mean() == pytest.approx(both.loc["accuracy", "pooled"])
    assert (scores["low"] < scores["score"]).all()


def test_small_subgroups_have_no_figure_and_it_is_said(card, result):
    scores = subgroup_scores(result, "forest", by="site").set_index("subgroup")
    assert np.isnan(scores.loc["Lyon", "score"])
    (_, table) = section(card, "Scores by subgroup").tables[0]
    assert table.loc["site: Lyon", "accuracy"] == "too few (2)"
    assert table.loc["site: Rome", "sensitivity control"].endswith("]")


def test_figures_are_those_of_the_comparison(card, result):
    (_, scores), (_, by_class), (_, pairs) = section(card, "Scores").tables
    shown = result.table(metrics=["accuracy"]).loc["forest", "accuracy"]
    assert scores.loc["accuracy", "value"] == shown
    recall = result.per_class().loc[("forest", "patient")]
    assert by_class.loc["patient", "n"] == 10
    assert by_class.loc["patient", "sensitivity"].startswith(f"{recall['recall']:.2f} [")
    assert pairs.index.tolist() == ["lda"]
    assert 0 < pairs.loc["lda", "p"] <= 1


def test_the_card_knows_settings_seeds_versions_and_cpu_time(card):
    (_, settings) = section(card, "Model").tables[0]
    assert ["RandomForestClassifier", "n_estimators", "5"] in settings.to_numpy().tolist()
    assert facts(card, "Model")["Training"] == "fitted on 24 subjects"
    reproduction = facts(card, "Reproduction")
    assert "estimator (RandomForestClassifier) 7" in reproduction["Seeds of the pipeline"]
    assert "scikit-learn" in reproduction["Versions"]
    assert re.fullmatch(r"\d+\.\d s in all folds", reproduction["CPU time"])
    assert float(reproduction["CPU time"].split()[0]) > 0


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.FitFailedWarning")
def test_a_pipeline_that_fails_leaves_a_cpu_time_of_all(data):
    failing = DiVoteClassifier(LinearDiscriminantAnalysis(), window=None, features=["nothing"])
    models = {"lda": pipelines()["lda"], "failing": failing}
    result = compare(models, *data, cv=2, progress=False, n_resamples=5)
    card = model_card(models["lda"].fit(*data), result, pipeline="lda")
    assert "s of CPU time for all pipelines" in card.markdown
    assert "nan s" not in card.markdown
    assert set(result.record.cpu_seconds) == {"lda", "failing"}


def test_confounds_are_audited_without_being_asked(card):
    assert "age" in facts(card, "Data")["Confounds"]
    leaks = section(card, "Leak checks").tables[0][1]
    assert leaks.loc["Confounds", "check"] == "done"
    assert leaks.loc["Copies and overlapping excerpts", "check"] == "not done"
    assert leaks.loc["Random split of windows", "check"] == "not done"


def test_checks_that_are_given_are_done(data, result):
    X, y = data
    audit = leakage_audit(pipelines()["lda"], X, y, n_splits=3, progress=False)
    confounds = confound_audit(X, y, columns="sex")
    card = model_card("lda", result, audit=audit, confounds=confounds)
    leaks = section(card, "Leak checks").tables[0][1]
    found = leaks.loc["Random split of windows", "found"]
    assert found == audit.effect
    assert facts(card, "Data")["Confounds"] == "none found"


def test_checklists_have_all_items_and_invent_nothing(card):
    tripod = section(card, "TRIPOD+AI").tables[0][1]
    reforms = section(card, "REFORMS").tables[0][1]
    assert tripod.index.tolist() == [str(k) for k in range(1, 28)]
    assert len(reforms) == 32
    for item in ("1", "2", "3", "17", "19", "25"):
        assert tripod.loc[item, ["answer", "by"]].tolist() == ["author", "author"]
    assert "24 subjects (control 14, patient 10)" in tripod.loc["5", "answer"]
    assert tripod.loc["5", "by"] == "run, author"
    assert tripod.loc["11", "answer"] == "age for 1 subject"
    assert reforms.loc["1a", "answer"] == "author"
    assert reforms.loc["8a", "answer"] == "author"  # no site was left out
    assert section(card, "Intended use").facts == []
    assert len(section(card, "Intended use").blanks) == 3


def test_sites_that_are_left_out_are_stated(data):
    X, y = data
    X = X.assign(site=np.where(X["subject"].str[2:].astype(int) % 2, "Rome", "Lyon"))
    model = {"lda": pipelines()["lda"]}
    result = compare(model, X, y, site="site", progress=False, n_resamples=20)
    card = model_card("lda", result)
    assert (
        facts(card, "Protocol")["Splits"]
        == "each site is tested with a model that was trained on the others (Lyon, Rome)"
    )
    reforms = section(card, "REFORMS").tables[0][1]
    assert (
        reforms.loc["8a", "answer"]
        == "each site was tested with a model that was trained on the others"
    )


def test_numbers_have_errors_by_subgroup(data):
    X, _ = data
    target = X["rms"].groupby(X["subject"]).transform("mean").to_numpy()
    of = {"window": None, "features": ["rms"]}
    model = DiVoteRegressor(LinearRegression(), **of)
    result = compare({"linear": model}, X, target, cv=3, progress=False, n_resamples=20)
    card = model_card(model, result)
    (_, table) = section(card, "Scores by subgroup").tables[0]
    assert table.columns.tolist() == ["unit", "subjects", "mean absolute error"]
    assert "Slope" in section(card, "Calibration").facts[0][0]
    assert "because it needs classes" in facts(card, "Data")["Confounds"]


@pytest.mark.parametrize(
    ("name", "fault"), [(None, "needs 'name'"), ("ldaa", "found no pipeline 'ldaa'")]
)
def test_subgroups_of_no_pipeline_are_refused(name, fault, result):
    with pytest.raises(ValueError, match=rf"subgroup_scores {fault}: pass one of .* \['lda'"):
        subgroup_scores(result, name)


def test_a_model_with_other_settings_is_refused_or_its_difference_stated(result, data):
    other = DiVoteClassifier(LogisticRegression(), window=None, features=["rms"])
    with pytest.raises(ValueError, match="the settings of none of them"):
        model_card(other, result)
    card = model_card(other, result, pipeline="lda")
    assert facts(card, "Model")["Differs from the compared pipeline"] == "steps"
    with pytest.raises(ValueError, match=r"no pipeline 'ldaa'.*'lda'"):
        model_card("ldaa", result)
    with pytest.raises(TypeError, match="must be a Comparison"):
        model_card(other, data[0])


def test_markdown_and_html_mark_what_the_author_knows(card):
    text = card.markdown
    assert text.startswith("# Model card: forest\n")
    assert "- Use for which the model is intended: **[author]**" in text
    assert "s\\_0" not in text.split("## Data")[0]
    tables = [line for line in text.splitlines() if line.startswith("|")]
    assert len(tables) > 100
    page = card.html
    assert page.count("<mark>author</mark>") > 10
    assert '<td class="author">author</td>' in page
    assert "http:" not in page
    assert "https:" not in page


def test_names_cannot_become_markup(data):
    X, y = data
    X = X.assign(sex=["<b>|x_"] * len(X))
    card = data_card(X, y)
    assert "\\<b\\>\\|x\\_" in card.markdown
    assert "<b>" not in card.html


def test_a_data_card_describes_recordings(tmp_path):
    rng = np.random.default_rng(0)
    signals = [0.1 * rng.normal(size=2000) for _ in range(8)]
    signals[1] = signals[0]
    table = recording_table(
        signals, fs=1000.0, subject=list("aabbccdd"), sex=list("ffmmffmm"),
        channel_names=["biceps"],
    )  # fmt: skip
    y = np.repeat(["control", "patient"], 4)
    quality = check_quality(table, y)
    with pytest.warns(UserWarning, match="With 4 subjects"):
        confounds = confound_audit(table, y)
    card = data_card(table, y, quality=quality, confounds=confounds)
    recordings = facts(card, "Recordings")
    assert recordings["Total length"] == "0.3 min"
    assert recordings["Channels"] == "biceps"
    assert facts(card, "Subjects")["Subjects by sex"] == "f 2, m 2"
    few = "none found; with so few subjects, no p-value can be below 0.17"
    assert facts(card, "Confounds")["Confounds"] == few
    assert "1 bad (copy)" in facts(card, "Quality")["check_quality"]
    assert card.save(tmp_path / "card.md").read_text(encoding="utf-8") == card.markdown
    with pytest.raises(ValueError, match=r"\.html or \.md"):
        card.save(tmp_path / "card.txt")
    with pytest.raises(ValueError, match="for each of the 8 rows"):
        data_card(table, y[:3])
    with pytest.raises(ValueError, match="'subject' column"):
        data_card(table.drop(columns="subject"))


def test_one_call_writes_both_cards(data, result, tmp_path):
    files = write_cards(tmp_path / "new", "lda", result, *data)
    assert sorted(files) == ["data_card.html", "data_card.md", "model_card.html", "model_card.md"]
    assert "Data card" in files["data_card.html"].read_text(encoding="utf-8")
    X, y = data
    with pytest.raises(ValueError, match="write_cards needs the table of the comparison"):
        write_cards(tmp_path / "other", "lda", result, X.assign(subject="s0"), y)
    assert not (tmp_path / "other").exists()


def test_classes_that_are_floats_are_no_target_and_whole_numbers_may_be_one(data):
    X, y = data
    y = (y == "patient").astype(float)
    result = compare(pipelines()["lda"], X, y, cv=3, progress=False, n_resamples=20)
    made = model_card(pipelines()["lda"], result)
    assert "Target" not in facts(made, "Data")
    assert section(made, "Data").tables[0][1]["subjects"].tolist() == [14, 10]
    assert section(data_card(X, y), "Subjects").tables[0][1].index.tolist() == [0.0, 1.0]
    score = 10 + pd.factorize(X["subject"])[0]
    assert facts(data_card(X, score), "Subjects")["Target"] == "21.5 (10 to 33)"


def test_ages_as_text_and_a_sex_that_some_rows_lack_are_those_of_subjects(data):
    X, y = data
    expected = subgroup_scores(compare(pipelines()["lda"], X, y, cv=3, progress=False))
    ages = X["age"].map(lambda age: "unknown" if pd.isna(age) else f"{age:g}")
    given = X.assign(age=ages, sex=X["sex"].where(np.arange(96) % 4 > 0))
    result = compare(pipelines()["lda"], given, y, cv=3, progress=False)
    pd.testing.assert_frame_equal(subgroup_scores(result), expected)
    made = model_card(pipelines()["lda"], result)
    assert facts(made, "Data")["Subjects by sex"] == "m 12, f 12"
    assert facts(made, "Data")["Age: median (range)"].endswith("; not known for 1")
    assert "age" in facts(made, "Data")["Confounds"]
    assert "age" in confound_audit(given, y).confounds


def test_a_wrong_diagnosis_of_a_muscle_names_it_and_no_interval_is_a_point(data):
    X, y = data
    model = DiVoteClassifier(
        LinearDiscriminantAnalysis(), unit="muscle", window=None, features=["rms"]
    )
    result = compare(model, X.assign(rms=X["rms"] + 2 * (y == "patient")), y, progress=False)
    wrong = result.predictions.query("y_true != y_pred")
    listed = facts(model_card(model, result), "Failures")
    names = listed["Muscles with a wrong diagnosis (true class)"]
    assert len(wrong)
    assert all(f"{s} {m} (" in names for s, m in zip(wrong["subject"], wrong["muscle"]))
    scores = subgroup_scores(result, by="sex")
    sure = scores[scores["sensitivity of patient"] == 1]
    assert len(sure)
    n_women = sure["n of patient"].iloc[0]
    assert sure["low of patient"].iloc[0] == pytest.approx(wilson_interval(1.0, n_women)[0])
