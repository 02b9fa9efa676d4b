"""The page of the quality of a cohort, and its section in reports."""

import html

import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.pipeline import make_pipeline

from sklearn_emg.comparison import compare
from sklearn_emg.ensemble import DiVoteClassifier
from sklearn_emg.feature_extraction import TimeDomainFeatures
from sklearn_emg.inspection import QualityDisplay, report
from sklearn_emg.preprocessing import check_quality
from sklearn_emg.recordings import recording_table

plt = pytest.importorskip("matplotlib.pyplot", reason="Displays need matplotlib")
FS = 1000.0


def cohort(n_subjects=8, n_recordings=2):
    rng = np.random.default_rng(0)
    subject = np.repeat(np.arange(n_subjects), n_recordings)
    signals = list(0.1 * rng.normal(size=(len(subject), 2000)) * (1 + subject % 2)[:, None])
    signals[1] = np.clip(signals[1], -0.1, 0.1)
    signals[2] = signals[3].copy()
    names = [f"r{k}" for k in range(len(subject))]
    subjects = [f"<s{s}>" for s in subject]
    return (
        recording_table(signals, fs=FS, subject=subjects, recording=names),
        np.array(["control", "patient"])[subject % 2],
    )


def test_findings_and_amplitudes_are_those_of_the_report():
    quality = check_quality(*cohort())
    display = QualityDisplay.from_report(quality).plot()
    assert display.levels.columns.tolist() == ["clipped", "copy"]
    assert display.levels["clipped"].tolist() == [0, 2] + [0] * 14
    assert display.levels["copy"].tolist() == [0, 0, 0, 2] + [0] * 12
    titles = [label.get_text() for label in display.axes_[0].get_xticklabels()]
    assert titles == ["clipped (1)", "copy (1)"]
    drawn = display.amplitudes_.get_offsets()
    np.testing.assert_allclose(drawn[:, 0], quality.channels["rms"])
    assert [t.get_text() for t in display.axes_[0].get_yticklabels()][:2] == ["r0", "r1"]


def test_many_recordings_are_named_by_subject():
    display = QualityDisplay.from_table(cohort(8, 6)[0]).plot()
    names = [t.get_text() for t in display.axes_[0].get_yticklabels()]
    assert names == [f"<s{k}>" for k in range(8)]


def test_a_dead_table_is_drawn():
    table = recording_table(np.zeros((2, 500)), fs=FS, subject=["a", "b"])
    assert QualityDisplay.from_table(table).plot().levels["dead"].tolist() == [2, 2]


def test_other_reports_are_refused():
    with pytest.raises(TypeError, match=r"must be the result of check_quality. Got list"):
        QualityDisplay.from_report([])


def test_a_page_of_quality_and_a_section_of_a_comparison(tmp_path):
    table, y = cohort()
    quality = check_quality(table, y)
    page = html.unescape(report(quality, tmp_path / "quality.html").read_text(encoding="utf-8"))
    assert "16 (14 ok, 0 check, 2 bad)" in page
    assert "copy of r2" in page
    assert '<h2 id="part-2">Measures' in page
    kept, labels = quality.drop_bad(table, y)
    windows = make_pipeline(TimeDomainFeatures(["rms"]), LinearDiscriminantAnalysis())
    model = DiVoteClassifier(windows, window=0.5)
    result = compare({"LDA": model}, kept, labels, cv=2, progress=False)
    page = report(result, tmp_path / "a.html", quality=quality).read_text(encoding="utf-8")
    assert "Quality of the recordings</h2>" in page
    assert "&lt;s0&gt;" in page
    assert "<s0>" not in page
    with pytest.raises(ValueError, match="'X' of report is for a fitted pipeline; a QualityRep"):
        report(quality, tmp_path / "b.html", X=table)
    with pytest.raises(TypeError, match=r"'quality' of report must be a QualityReport. Got list"):
        report(result, tmp_path / "b.html", quality=[])
