import re

import numpy as np
import pytest
from imblearn.pipeline import make_pipeline as make_sampling_pipeline
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.pipeline import make_pipeline

from sklearn_emg.ensemble import DiVoteClassifier
from sklearn_emg.inspection import preprocessing_report
from sklearn_emg.model_selection import SubjectKFold
from sklearn_emg.preprocessing import (
    ArtefactRejector,
    BandpassFilter,
    NotchFilter,
    RecordingUndersampler,
    Resampler,
)
from sklearn_emg.recordings import recording_table

pytest.importorskip("matplotlib")


@pytest.fixture
def cohort():
    rng = np.random.default_rng(0)
    signals = [rng.normal(size=2000) for _ in range(9)]
    signals[2][1000:1400] = 0.0
    subjects = ["<b>a</b>", "a2", "a3", "a4", "a5", "b1", "b2", "b2", "b3"]
    return recording_table(signals, fs=1000.0, subject=subjects), np.array(["A"] * 5 + ["B"] * 4)


def test_page_stands_alone_and_names_every_step(cohort, tmp_path):
    pipeline = make_pipeline(BandpassFilter(20.0, 400.0), NotchFilter(60.0), LogisticRegression())
    report = preprocessing_report(pipeline, *cohort, tmp_path / "a.html", rows=(0, 3))
    page = report.path.read_text(encoding="utf-8")
    assert page.count("data:image/png;base64,") == 4
    assert not re.findall(r"(?:src|href)=[\"'](?!data:|#)", page)
    for text in ("BandpassFilter(", "freq=60.0", "LogisticRegression(", "9 recordings of 8 subj"):
        assert text in page


def test_names_from_the_data_cannot_become_markup(cohort, tmp_path):
    table, y = cohort
    cv = SubjectKFold(3, random_state=0)
    report = preprocessing_report(NotchFilter(), table, y, tmp_path / "a.html", cv=cv)
    page = report.path.read_text(encoding="utf-8")
    assert "<b>a</b>" not in page
    assert "&lt;b&gt;a&lt;/b&gt;" in page


def test_what_is_no_pipeline_is_refused(cohort, tmp_path):
    with pytest.raises(TypeError, match="'pipeline' of preprocessing_report must be an estimator"):
        preprocessing_report("notch", *cohort, tmp_path / "a.html")


@pytest.mark.parametrize("cv", [3, StratifiedGroupKFold(3)], ids=["int", "scikit-learn's"])
def test_any_splitter_keeps_subjects_together(cohort, tmp_path, cv):
    report = preprocessing_report(NotchFilter(), *cohort, tmp_path / "a.html", cv=cv)
    tested = ", ".join(report.splits["test subjects"]).split(", ")
    assert sorted(tested) == sorted(cohort[0]["subject"].unique())


def test_measures_by_hand(tmp_path):
    t = np.arange(4000) / 1000.0
    kept, taken = np.sin(2 * np.pi * 100 * t), 0.1 * np.sin(2 * np.pi * 5 * t)
    table = recording_table([kept + taken], fs=1000.0, subject="a")
    report = preprocessing_report(BandpassFilter(30.0, 400.0), table, [0], tmp_path / "a.html")
    step = report.steps.loc["bandpassfilter"]
    assert step["snr"] == pytest.approx(20.0, abs=0.5)
    # 5 %: at the ends the filter sees a mirrored sine.
    assert step["rmse"] == pytest.approx(0.1 / np.sqrt(2), rel=0.05)
    assert step["seconds"] == 4.0
    assert step["missing"] == 0.0


def test_what_is_left_out_is_counted_with_the_reason(cohort, tmp_path):
    pipeline = make_sampling_pipeline(
        RecordingUndersampler(random_state=0),
        ArtefactRejector(kinds=["flat"], window=0.2),
        DiVoteClassifier(LogisticRegression(), window=0.2, step=0.2, nan="skip"),
    )
    report = preprocessing_report(pipeline, *cohort, tmp_path / "a.html", rows=[0])
    recordings = report.dropped[report.dropped["what"] == "recording"]
    assert recordings["why"].tolist() == ["by recordingundersampler"]
    windows = report.dropped[report.dropped["what"] == "windows"]
    if recordings["row"].item() == 2:  # the one with the flat line
        assert windows.empty
    else:
        assert windows["row"].tolist() == [2]
        assert "NaN or infinity in 2 of 10 windows" in windows["why"].item()
        assert report.steps["missing"].iloc[1] == pytest.approx(400 / (8 * 2000))
    assert report.classes["recordings"].tolist() == [5, 4]
    assert report.classes["recordings after"].tolist() == [4, 4]
    assert report.classes["windows"].sum() == 80 - 2 * len(windows)
    assert report.classes["subjects"].tolist() == [5, 3]


def test_splits_show_no_subject_on_both_sides(cohort, tmp_path):
    report = preprocessing_report(
        Resampler(500.0), *cohort, tmp_path / "a.html", cv=SubjectKFold(3, random_state=0)
    )
    assert len(report.splits) == 3
    assert (report.splits["on both sides"] == "").all()
    assert report.splits["test recordings"].sum() == 9
    assert np.isnan(report.steps.loc["resampler", "snr"])


def test_the_pipeline_stays_unfitted_and_the_table_untouched(cohort, tmp_path):
    table, y = cohort
    step, before = NotchFilter(), table["signal"][0].copy()
    preprocessing_report(make_pipeline(step), table, y, tmp_path / "a.html")
    assert not hasattr(step, "n_times_in_")
    np.testing.assert_array_equal(table["signal"][0], before)


def test_missing_row_is_named(cohort, tmp_path):
    with pytest.raises(ValueError, match=r"'rows' of preprocessing_report must be in 0..8. Got 9"):
        preprocessing_report(NotchFilter(), *cohort, tmp_path / "a.html", rows=[9])


def test_a_folder_is_not_replaced_by_a_page(cohort, tmp_path):
    with pytest.raises(ValueError, match=r"must be the path of a file.*add a file name"):
        preprocessing_report(NotchFilter(), *cohort, tmp_path)
    assert tmp_path.is_dir()
