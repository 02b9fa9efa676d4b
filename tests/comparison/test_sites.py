"""compare(site=...): within each site and across sites, on the same subjects."""

import shutil
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import FitFailedWarning
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline

from sklearn_emg.comparison import SiteComparison, compare
from sklearn_emg.datasets import load_algiers, load_n2001
from sklearn_emg.ensemble import DiVoteClassifier, DiVoteRegressor
from sklearn_emg.exceptions import RecordingWarning, SubjectLeakWarning
from sklearn_emg.feature_extraction import TimeDomainFeatures
from sklearn_emg.inspection import report
from sklearn_emg.model_selection import LeaveOneSiteOut, LeaveOneSubjectOut
from sklearn_emg.preprocessing import Resampler, SiteStandardizer
from sklearn_emg.recordings import concat_tables, recording_table


def feature_table(n=12, n_rows=2, sites=("Bern", "Oslo"), gain=5.0):
    """Patients have twice the amplitude; the second site has a different gain."""
    rng = np.random.default_rng(0)
    site, subject, ill = (
        np.repeat(a, n_rows)
        for a in (
            np.repeat(sites, n),
            [f"{s}{k:02}" for s in sites for k in range(n)],
            np.tile(np.arange(n) % 2, len(sites)),
        )
    )
    rms = np.exp(0.05 * rng.normal(size=len(site))) * (1 + ill) * gain ** (site == sites[-1])
    return pd.DataFrame({"rms": rms, "subject": subject, "site": site}), np.array(["h", "i"])[ill]


def pipelines(**settings):
    divote = DiVoteClassifier(LogisticRegression(), window=None, final_estimator=None)
    X, y = feature_table()
    healthy = sorted(set(X["subject"][y == "h"]))
    return {
        "plain": divote,
        "by site": make_pipeline(SiteStandardizer(healthy, **settings), divote),
    }


@pytest.fixture(scope="module")
def result():
    X, y = feature_table()
    return compare(
        pipelines(n_reference=4), X, y, cv=3, site="site", n_resamples=50, progress=False
    )


def test_both_figures_stand_side_by_side(result):
    table = result.site_table("accuracy")
    assert list(table.columns) == ["n", "within", "across"]
    assert table.loc["all", "by site"].tolist()[:2] == [16, "1.00 [0.81, 1.00]"]
    across = table["across"].str[:4].astype(float)
    assert across["all", "by site"] > across["all", "plain"]
    assert table.loc["Bern", "plain"]["within"].startswith("1.00")
    assert table.loc["Bern", "plain"]["across"].startswith("0.25")  # 2 healthy, 6 patients
    assert table.index.get_level_values("site").tolist() == [
        *["Bern"] * 2,
        *["Oslo"] * 2,
        *["all"] * 2,
    ]


def test_references_are_scored_in_neither_test(result):
    X, y = feature_table()
    healthy = set(X["subject"][y == "h"])
    references = [subject for drawn in result.references.values() for subject in drawn]
    assert {site: len(drawn) for site, drawn in result.references.items()} == {"Bern": 4, "Oslo": 4}
    assert set(references) <= healthy
    for part in (result, result.within):
        tested = part.predictions.groupby("pipeline")["subject"].agg(set)
        assert tested.map(lambda s: s == set(X["subject"]) - set(references)).all()
    assert result.chance == pytest.approx(12 / 16)


def test_each_fold_across_is_a_site(result):
    assert result.sites == ["Bern", "Oslo"]
    tested = result.predictions.groupby("fold")["subject"].agg(lambda s: {n[:4] for n in s})
    assert tested.to_dict() == {0: {"Bern"}, 1: {"Oslo"}}
    assert len(result.within.folds["fold"].unique()) == 6


def test_the_overall_figures_are_those_of_the_two_comparisons(result):
    summary = result.site_summary.set_index(["site", "split"]).loc["all"]
    for split, part in (("within", result.within), ("across", result)):
        found, expected = summary.loc[split], part.summary
        assert found["metric"].tolist() == expected["metric"].tolist()
        np.testing.assert_array_equal(found["pooled"], expected["pooled"])
        np.testing.assert_array_equal(found["low"], expected["low"])


def test_it_prints_within_80_columns(result):
    assert isinstance(result, SiteComparison)
    text = repr(result)
    assert "8 references not scored" in text
    assert max(map(len, text.splitlines())) <= 80
    assert "by site" in result._repr_html_()


def test_the_report_has_both_figures(result, tmp_path):
    page = report(result, tmp_path / "page.html").read_text()
    assert "Within and across sites" in page
    assert "Not scored: 8 reference subjects of the sites, whose" in " ".join(page.split())


@pytest.fixture(scope="module")
def adapted():
    X, y = feature_table()
    # A list of references contains none of a new site.
    with pytest.warns(FitFailedWarning, match="by site could not be adapted to site 'Bern'"):
        return compare(
            pipelines(n_reference=4), X, y, cv=2, site="site", adapt=20, n_resamples=20,
            progress=False,
        )  # fmt: skip


def test_scores_by_number_of_local_subjects_stand_next_to_those_across_sites(adapted):
    table = adapted.adaptation_table("accuracy")
    # Of 6 healthy and 6 ill subjects 5 can be learned, and the first of the other class: 10.
    assert table.loc["Oslo"].index.tolist() == [0, 1, 3, 5, 10]
    assert table.columns.tolist() == ["plain"]
    values = table["plain"].str[:4].astype(float)
    assert values["Oslo", 10] > values["Oslo", 0]
    assert "number of labelled subjects of the site" in repr(adapted)
    assert adapted.record.protocol["adapt"] == "20"


def test_the_report_shows_the_curve_of_each_site(adapted, tmp_path):
    page = report(adapted, tmp_path / "page.html").read_text()
    assert "Adaptation to each site" in page
    assert adapted.adaptation_table().loc[("Oslo", 10), "plain"] in page


def test_adapt_needs_sites_and_classes(result):
    X, y = feature_table()
    with pytest.raises(ValueError, match=r"'adapt' parameter of compare needs the column of the s"):
        compare(pipelines(), X, y, adapt=3)
    with pytest.raises(ValueError, match="'adapt' parameter of compare must be an integer"):
        compare(pipelines(), X, y, site="site", adapt=2.5)
    model = DiVoteRegressor(LinearRegression(), window=None)
    with pytest.raises(ValueError, match="'adapt' parameter of compare needs classifiers"):
        compare(model, X, X["rms"], site="site", adapt=3)
    with pytest.raises(ValueError, match="has no curves: call compare"):
        result.adaptation_table()


def test_a_site_with_one_subject_of_a_class_has_no_curve():
    X, y = feature_table(sites=("Bern", "Oslo", "Riga"))
    healthy = sorted(set(X["subject"][(X["site"] == "Riga") & (y == "h")]))
    kept = ~X["subject"].isin(healthy[1:]).to_numpy()
    settings = {"cv": 2, "site": "site", "adapt": 3, "n_resamples": 20, "progress": False}
    with pytest.warns(FitFailedWarning, match="'Riga' has no curve: a class has only one"):
        result = compare({"plain": pipelines()["plain"]}, X[kept], y[kept], **settings)
    assert list(result.adaptation) == ["Bern", "Oslo"]


def test_without_references_every_subject_is_scored():
    X, y = feature_table(gain=1.0)
    result = compare(
        pipelines()["plain"], X, y, cv=LeaveOneSubjectOut(), site="site", n_resamples=20,
        progress=False,
    )  # fmt: skip
    assert result.references == {}
    assert result.predictions["subject"].nunique() == 24
    assert result.within.folds["fold"].nunique() == 24
    assert "not scored" not in repr(result)


def test_recordings_are_standardised_inside_divote_without_a_warning():
    X, y = feature_table(n=8, n_rows=1, gain=0.2)
    rng = np.random.default_rng(1)
    table = recording_table(
        [0.1 * rms * rng.normal(size=600) for rms in X["rms"]],
        fs=1000.0,
        subject=X["subject"].tolist(),
        site=X["site"].tolist(),
        group=["healthy" if label == "h" else "ill" for label in y],
    )
    steps = TimeDomainFeatures(["rms"]), SiteStandardizer(n_reference=2), LogisticRegression()
    model = DiVoteClassifier(make_pipeline(*steps), window=0.3, step=None)
    with warnings.catch_warnings():
        warnings.simplefilter("error", SubjectLeakWarning)
        result = compare(model, table, y, cv=2, site="site", n_resamples=5, progress=False)
    assert result.predictions["y_pred"].tolist() == result.predictions["y_true"].tolist()
    assert all(len(drawn) == 2 for drawn in result.references.values())


def test_references_of_a_part_of_a_site_are_excluded_as_well():
    X, y = feature_table()
    X["place"] = X["site"] + np.tile([" left", " right"], len(X) // 2)
    X["group"] = np.where(y == "h", "healthy", "ill")
    scaler = SiteStandardizer(n_reference=2, site="place")
    model = make_pipeline(scaler, pipelines()["plain"].set_params(features=["rms"]))
    result = compare(model, X, y, site="site", cv=2, n_resamples=5, progress=False)
    drawn = {subject for found in scaler.draw(X).values() for subject in found}
    assert {s for found in result.references.values() for s in found} == drawn
    assert not drawn & set(result.predictions["subject"])


def test_a_site_that_cannot_be_split_has_no_figure_within():
    X, y = feature_table()
    chosen = ~((X["site"] == "Oslo") & (y == "h") & (X["subject"] != "Oslo00"))
    with pytest.warns(RecordingWarning, match="Site 'Oslo' has a class of one subject"):
        result = compare(
            pipelines()["plain"], X[chosen], y[chosen], site="site", n_resamples=5, progress=False
        )
    assert result.site_table().loc["Oslo"]["within"].tolist() == ["-"]
    assert result.site_table().loc["Bern"]["within"].str.startswith("1.00").all()


def test_references_of_all_healthy_subjects_leave_none_to_score():
    X, y = feature_table()
    with pytest.raises(ValueError, match=r"class 'h' at site 'Bern' are references.*n_reference"):
        compare(pipelines(), X, y, site="site", progress=False)


def test_references_of_all_subjects_leave_no_number_to_score():
    X, y = feature_table()
    model = make_pipeline(SiteStandardizer("all"), LinearRegression())
    with pytest.raises(ValueError, match=r"All subjects at site 'Bern' are references"):
        compare({"ridge": model}, X, (y == "h").astype(float), site="site", progress=False)


@pytest.mark.parametrize(
    ("settings", "error", "match"),
    [
        ({"site": "hospital"}, ValueError, "column 'hospital'"),
        ({"site": "site", "cv": [([0], [1])]}, TypeError, "splits the subjects of each site"),
        (
            {"site": "site", "scoring": {"mine": lambda model, X, y: 1.0}},
            ValueError,
            "'mine' of compare scores rows",
        ),
    ],
)
def test_what_cannot_be_compared_is_named(settings, error, match):
    X, y = feature_table()
    with pytest.raises(error, match=match):
        compare(pipelines(n_reference=3), X, y, progress=False, **settings)


def test_a_pipeline_that_fails_keeps_the_others():
    class Failing(LogisticRegression):
        def fit(self, X, y):
            raise RuntimeError("no")

    X, y = feature_table()
    failing = DiVoteClassifier(Failing(), window=None)
    with pytest.warns(FitFailedWarning, match="failed in all"):
        result = compare(
            {"good": pipelines()["plain"], "bad": failing},
            X,
            y,
            cv=2,
            site="site",
            n_resamples=5,
            progress=False,
        )
    assert result.site_table().loc["all", "bad"].tolist() == [0, "-", "-"]
    assert len(result.errors) == 2


def copied(source, target, patterns):
    """Folder with the first file of each pattern and its header."""
    target.mkdir()
    for pattern in patterns:
        first = sorted(source.glob(pattern))[0]
        for found in sorted(source.glob(f"{first.name.partition('.')[0]}.*")):
            shutil.copyfile(found, target / found.name)
    return target


def test_real_sites_are_compared_without_scoring_references(real_data, tmp_path):
    if not (real_data / "algiers").is_dir() or not (real_data / "n2001_biceps").is_dir():
        pytest.skip("needs the folders n2001_biceps and algiers")
    numbers = [*("C03", "C04", "C05", "C06"), *("M02", "M04", "M05")]
    n2001 = copied(real_data / "n2001_biceps", tmp_path / "n2001", [f"*{n}*" for n in numbers])
    biceps = real_data / "algiers" / "02_Biceps Brachii"
    right = copied(
        biceps / "Healthy", tmp_path / "Healthy", [f"*_{k}_ R*" for k in (19, 21, 23, 25)]
    )
    ill = copied(biceps / "Myopathy", tmp_path / "Myopathy", [f"*_{k}_ *" for k in (51, 53, 55)])
    tables = [load_n2001(n2001, invalid="clip").data]
    tables += [load_algiers(folder).data for folder in (right, ill)]
    X = concat_tables(tables)
    y = np.where(X["group"].isin(["control", "healthy"]), "healthy", "myopathy")
    steps = TimeDomainFeatures(["rms", "wl"]), SiteStandardizer(n_reference=2), LogisticRegression()
    model = make_pipeline(
        Resampler(10000.0), DiVoteClassifier(make_pipeline(*steps), window=0.4, step=None)
    )
    result = compare(model, X, y, site="site", cv=2, n_resamples=5, progress=False)
    references = {s for drawn in result.references.values() for s in drawn}
    assert len(result.sites) == 2
    assert len(references) == 4
    assert set(result.predictions["subject"]) == set(X["subject"]) - references
    assert set(result.within.predictions["subject"]) == set(X["subject"]) - references


def test_whole_numbers_of_a_target_need_not_be_at_every_site():
    rng = np.random.default_rng(0)
    subject = np.repeat(np.arange(18), 2)
    X = pd.DataFrame({"rms": rng.normal(size=36), "subject": subject})
    X["site"] = np.where(subject % 2, "Rome", "Oslo")
    y = 10.0 + subject
    model = DiVoteRegressor(LinearRegression(), window=None, features=["rms"])
    for split in ({"site": "site"}, {"cv": LeaveOneSiteOut()}):
        result = compare(model, X, y, progress=False, n_resamples=20, **split)
        assert len(result.predictions) == 18
