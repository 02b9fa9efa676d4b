"""The Displays: what they draw, their inputs and their errors."""

import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from data import simulated_cohort
from numpy.testing import assert_allclose
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from sklearn_emg import inspection
from sklearn_emg.adaptation import AdaptiveDiagnosis, adaptation_curve
from sklearn_emg.comparison import compare, confound_audit, leakage_audit, meta_analysis
from sklearn_emg.datasets import make_progression_cohort
from sklearn_emg.ensemble import DiVoteClassifier
from sklearn_emg.feature_extraction import SpectralFeatures, TimeDomainFeatures
from sklearn_emg.inspection import (
    ActivationMaximizationDisplay,
    AdaptationDisplay,
    AgreementDisplay,
    AttentionDisplay,
    AttentionMaps,
    AttributionDisplay,
    ComparisonDisplay,
    ConfoundDisplay,
    CourseDisplay,
    DecompositionDisplay,
    DiVoteDisplay,
    FamilyImportanceDisplay,
    FeatureDisplay,
    LayerEmbeddingDisplay,
    LeakageDisplay,
    LearningCurveDisplay,
    MetaAnalysisDisplay,
    QualityDisplay,
    RecordingDisplay,
    SubjectExplanationDisplay,
    SurvivalDisplay,
)
from sklearn_emg.inspection._plot import (
    COLORS,
    HATCHES,
    LINES,
    MARKERS,
    class_styles,
    log_scale,
    style,
)
from sklearn_emg.metrics import decomposition_agreement
from sklearn_emg.preprocessing import Rectifier
from sklearn_emg.prognosis import LastValueRegressor, survival_target, visit_contexts
from sklearn_emg.recordings import recording_table

plt = pytest.importorskip("matplotlib.pyplot", reason="the Displays need matplotlib")


@pytest.fixture(scope="module")
def cohort():
    return simulated_cohort(fs=4000.0)


def aged_subjects():
    """Subjects whose patients are older, and a side without information."""
    y = np.repeat(["control", "patient"], 12)
    age = np.random.default_rng(0).normal(np.where(y == "patient", 62, 45), 9)
    table = pd.DataFrame({"subject": range(24), "age": age, "side": ["left", "right"] * 12})
    return table, y


@pytest.fixture(scope="module")
def divote(cohort):
    windows = make_pipeline(TimeDomainFeatures(["rms", "zc"]), LinearDiscriminantAnalysis())
    return DiVoteClassifier(windows).fit(*cohort)


@pytest.fixture(scope="module")
def comparison():
    return compared(0)


@pytest.fixture(scope="module")
def comparisons(comparison):
    return {"A": comparison, "B": compared(1)}


def compared(seed):
    rng = np.random.default_rng(seed)
    y = np.repeat(["control", "patient"], 40)
    X = pd.DataFrame({"rms": rng.normal(size=80) + 2 * (y == "patient"), "subject": range(80)})
    X["subject"] //= 4
    pipelines = {
        "logistic": DiVoteClassifier(LogisticRegression(), window=None),
        "dummy": DiVoteClassifier(DummyClassifier(), window=None),
    }
    return compare(pipelines, X, y, cv=5, progress=False)


@pytest.fixture(scope="module")
def signatures():
    """Subjects that are easily distinguished and classes that are not."""
    rng = np.random.default_rng(0)
    subject = np.repeat(range(20), 10)
    X = pd.DataFrame(rng.normal(size=(20, 4))[subject] + 0.1 * rng.normal(size=(200, 4)))
    X.columns = X.columns.astype(str)
    return X.assign(subject=subject), np.where(subject % 2, "patient", "control")


def some_embedding():
    rng = np.random.default_rng(0)
    points = {"features.1": rng.normal(size=(12, 2)), "classifier": rng.normal(size=(12, 2))}
    n_units = {"features.1": 30, "classifier": 3}
    return LayerEmbeddingDisplay(points, "pca", n_units, {"features.1": 0.31, "classifier": 1.0})


def some_windows():
    rng = np.random.default_rng(0)
    windows = rng.normal(size=(2, 3, 1, 50))
    measure = np.arange(1.0, 7.0).reshape(2, 3)
    classes = np.array(["a", "b", "c"])
    outputs = np.zeros((4, 2, 3, 3))
    return ActivationMaximizationDisplay(
        windows,
        outputs,
        measure / 10,
        classes,
        1000.0,
        measure,
        measure,
        100 * measure,
        measure / 1000,
    )


def some_attention(X):
    weights = np.full((len(X), 2, 10), 0.1, dtype=np.float32)
    edges, kinds = {"attention": np.arange(11) * 0.01}, {"attention": "self-attention"}
    return AttentionMaps({"attention": weights}, edges, kinds, {}, 1000.0)


def some_decomposition():
    times = np.arange(0.1, 1.0, 0.1)
    found = pd.DataFrame({"unit": 1, "time": times})
    wave = np.hanning(30)
    templates = pd.DataFrame({"unit": [1], "signal": [wave], "fs": 1000.0, "index": 10})
    signal = np.random.default_rng(0).normal(size=1000)
    return DecompositionDisplay(
        signal,
        0.5 * signal,
        1000.0,
        found,
        templates,
        reference=found,
        agreement=decomposition_agreement(found, found),
    )


def some_courses():
    visits = make_progression_cohort(10, random_state=0).visits
    X, y = visit_contexts(visits, visits["score"])
    result = compare({"last value": LastValueRegressor()}, X, y, cv=2, progress=False)
    return CourseDisplay.from_comparison(result, X)


def some_survival():
    cohort = make_progression_cohort(30, random_state=0)
    X = cohort.visits.merge(cohort.subjects, on="subject")
    X = X[(X["visit"] == 1) & (X["event_time"] > 0)]
    groups = (X["score"] < 28).map({True: "low score", False: "high score"})
    return SurvivalDisplay.from_outcomes(survival_target(X), X["subject"], groups)


def some_adaptation():
    y = np.tile(["healthy", "myopathy"], 20)
    rms = np.random.default_rng(0).normal(size=40) - 3 * (y == "myopathy")
    site = np.repeat(["Rome", "Oslo"], 20)
    X = pd.DataFrame({"rms": rms, "subject": range(40), "site": site})
    model = AdaptiveDiagnosis(DiVoteClassifier(LinearDiscriminantAnalysis(), window=None))
    return AdaptationDisplay.from_curve(
        adaptation_curve(model, X, y, target="Oslo", sizes=[0, 2], n_draws=1, n_resamples=20)
    )


def every_display(cohort, divote, comparisons, signatures):
    """Each Display with each of its pictures."""
    table, y = cohort
    history = [
        {"train_loss": 1 / k, "valid_loss": 1 + (k - 3) ** 2, "train_acc": 0.5, "valid_acc": 0.4}
        for k in range(1, 6)
    ]
    audit = leakage_audit(
        DiVoteClassifier(LinearDiscriminantAnalysis(), window=None), *signatures, progress=False
    )
    model = DiVoteClassifier(LinearDiscriminantAnalysis(), window=None)
    importance = FamilyImportanceDisplay.from_estimator(model, *signatures, families="feature")
    votes = DiVoteDisplay.from_estimator(divote, table, y)
    noise = np.random.default_rng(0).normal(size=(3, 2, 100))
    result = ComparisonDisplay.from_comparison(comparisons["A"])
    meta = MetaAnalysisDisplay.from_comparisons(comparisons)
    courses = some_courses()
    agreement = AgreementDisplay.from_predictions([1.0, 2.0, 3.0, 4.0], [1.5, 2.0, 3.5, 4.0])
    return [
        (RecordingDisplay.from_table(table, 1, window=0.2, step=0.1), {}),
        (FeatureDisplay.from_estimator(TimeDomainFeatures(["rms", "zc"]), table, y), {}),
        *[(votes, {"kind": kind}) for kind in ("heatmap", "simplex", "regions")],
        *[(result, {"kind": kind}) for kind in ("scores", "differences", "time")],
        *[(meta, {"kind": kind}) for kind in ("ranks", "differences")],
        (LeakageDisplay.from_audit(audit, n_classes=2), {}),
        (ConfoundDisplay.from_table(*aged_subjects(), match="age", caliper=1.0), {}),
        (importance, {}),
        (LearningCurveDisplay.from_history(history), {}),
        (some_windows(), {}),
        (LayerEmbeddingDisplay.from_embedding(some_embedding(), np.repeat(["a", "b"], 6)), {}),
        (AttributionDisplay(noise[0], noise[1], 1000.0), {}),
        (AttentionDisplay.from_maps(some_attention(noise), noise), {}),
        (SubjectExplanationDisplay.from_estimator(divote, table, table["subject"].iloc[0]), {}),
        (some_decomposition(), {}),
        *[(agreement, {"kind": kind}) for kind in ("calibration", "bland-altman")],
        *[(courses, {"kind": kind}) for kind in ("courses", "horizon")],
        (QualityDisplay.from_table(table), {}),
        (some_survival(), {}),
        (some_adaptation(), {}),
    ]


@pytest.fixture(scope="module")
def displays(cohort, divote, comparisons, signatures):
    return every_display(cohort, divote, comparisons, signatures)


def test_every_display_is_among_those_tested(displays):
    public = {getattr(inspection, name) for name in inspection.__all__ if name.endswith("Display")}
    assert {type(display) for display, _ in displays} == public


def test_every_plot_gives_the_display_and_draws_into_one_new_figure(displays):
    for display, settings in displays:
        before = plt.get_fignums()
        assert display.plot(**settings) is display
        assert len(plt.get_fignums()) == len(before) + 1
        display.figure_.canvas.draw()


def test_every_plot_draws_into_the_axes_it_is_given(displays):
    for display, settings in displays:
        figure, ax = plt.subplots()
        display.plot(ax=ax, **settings)
        assert display.figure_ is figure
        assert len(plt.get_fignums()) == 1
        figure.canvas.draw()
        plt.close(figure)


def test_every_axis_with_numbers_has_a_label(displays):
    for display, settings in displays:
        display.plot(**settings)
        display.figure_.canvas.draw()
        for axis in np.ravel(getattr(display, "axes_", getattr(display, "ax_", None))):
            if not axis.axison:
                continue
            # Panels share the axis labels of the outer panels.
            for which, outer in (("x", "is_last_row"), ("y", "is_first_col")):
                ticks = getattr(axis, f"get_{which}ticklabels")()
                text = "".join(t.get_text() for t in ticks if t.get_visible())
                # Names of classes, subjects and pipelines need no axis label.
                if not text or any(c.isalpha() for c in text):
                    continue
                if settings.get("kind") == "heatmap":
                    continue  # one label for the three panels
                if getattr(axis.get_subplotspec(), outer)():
                    assert getattr(axis, f"get_{which}label")(), (type(display), which)


def test_missing_matplotlib_names_the_caller_and_the_extra(displays, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    for display, settings in displays:
        name = type(display).__name__
        with pytest.raises(ImportError, match=rf'{name}\.plot needs matplotlib.*emg\[plot\]"'):
            display.plot(**settings)


def test_wrong_number_of_axes_is_refused(displays):
    _, axes = plt.subplots(1, 7)
    for display, settings in displays:
        with pytest.raises(ValueError, match=r"'ax' of \w+\.plot must hold \d+ Axes. Got 7"):
            display.plot(ax=axes, **settings)


def test_styles_differ_by_more_than_colour():
    looks = [style(k) for k in range(14)]
    assert len({(look[0], look[1]) for look in looks}) == 14
    assert len({len(x) for x in (COLORS, MARKERS, LINES, HATCHES)}) == 1
    # Grey levels of neighbours differ, so that they differ in a grey print.
    rgb = np.array([[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in COLORS[:3]])
    assert (np.abs(np.diff(rgb @ [0.299, 0.587, 0.114])) > 10).all()


def test_logarithmic_axes_have_plain_numbers():
    figure, ax = plt.subplots()
    ax.plot([0.03, 4], [1, 2])
    log_scale(ax, "x")
    figure.canvas.draw()
    texts = {t.get_text() for t in ax.get_xticklabels()}
    assert {"0.05", "0.1", "0.2", "0.5", "1", "2"} <= texts


# RecordingDisplay


def test_recording_shows_signal_envelope_windows_and_discharges():
    t = np.arange(2000) / 1000
    signal = np.sqrt(2) * np.sin(2 * np.pi * 100 * t)
    events = pd.DataFrame({"time": [0.1, 0.5, 0.7], "unit": [4, 2, 4]})
    display = RecordingDisplay.from_signal(
        signal, fs=1000.0, annotations=events, window=0.5, step=0.25, envelope=0.1
    ).plot()
    np.testing.assert_array_equal(display.line_.get_ydata(), signal)
    np.testing.assert_allclose(display.envelope_line_.get_ydata()[200:1800], 1, rtol=0.01)
    assert len(display.window_lines_.get_segments()) == 7
    assert [len(line.get_positions()) for line in display.event_lines_] == [1, 2]
    labels = [axis.get_ylabel() for axis in display.axes_]
    assert labels == ["amplitude (mV)", "unit", "frequency (Hz)"]
    power = display.image_.get_array()
    at = np.unravel_index(np.argmax(power), power.shape)[0]
    assert display.image_.get_coordinates()[at : at + 2, 0, 1].mean() == pytest.approx(100, abs=30)


def test_recording_with_gaps_is_drawn_without_an_envelope():
    signal = np.ones(500)
    signal[100:120] = np.nan
    display = RecordingDisplay.from_signal(signal, fs=1000.0).plot()
    assert display.envelope_line_ is None


def test_recording_takes_the_channel_asked_for():
    table = recording_table([np.arange(600.0).reshape(3, 200)], fs=100.0, subject="s")
    display = RecordingDisplay.from_table(table, channel=2, envelope=None).plot(spectrogram=False)
    assert display.line_.get_ydata()[0] == 400
    assert len(display.axes_) == 1
    with pytest.raises(ValueError, match=r"one channel .* Got a signal of shape \(3, 200\)"):
        RecordingDisplay.from_signal(table["signal"].iloc[0], fs=100.0)
    with pytest.raises(ValueError, match="lack the column 'unit'"):
        RecordingDisplay.from_signal(np.ones(9), fs=9.0, annotations=pd.DataFrame({"time": [1.0]}))


# FeatureDisplay


def test_features_are_medians_of_subjects_with_their_units(cohort):
    table, y = cohort
    extractor = SpectralFeatures(["mdf", "mnf"])
    display = FeatureDisplay.from_estimator(extractor, table, y, features=["mnf"]).plot()
    values = extractor.fit_transform(table)[:, 1]
    expected = pd.Series(values).groupby(table["subject"].to_numpy(), sort=False).median()
    drawn = np.concatenate([p.get_offsets()[:, 1] for p in display.points_])
    np.testing.assert_allclose(np.sort(drawn), np.sort(expected))
    assert display.axes_[0].get_ylabel() == "mnf (Hz)"


def test_features_of_classifiers_and_of_subjects_with_two_labels_are_refused(cohort):
    table, y = cohort
    extractor = SpectralFeatures(["mnf"])
    vote = DiVoteClassifier(make_pipeline(extractor, LinearDiscriminantAnalysis()))
    with pytest.raises(TypeError, match=r"Got DiVoteClassifier\. Pass the steps before"):
        FeatureDisplay.from_estimator(vote, table, y)
    other = np.array(y, dtype=object)
    other[0] = "other"
    with pytest.raises(ValueError, match="has two labels; FeatureDisplay needs one"):
        FeatureDisplay.from_estimator(extractor, table, other)


def test_features_of_named_channels_have_units():
    x = np.random.default_rng(0).normal(scale=0.1, size=(4, 2, 500))
    names = ["biceps", "triceps_l"]
    table = recording_table(list(x), fs=1000.0, subject=list("abcd"), channel_names=names)
    pipeline = make_pipeline(Rectifier(), TimeDomainFeatures(["rms", "zc"]))
    for extractor in (pipeline, pipeline[-1]):
        display = FeatureDisplay.from_estimator(extractor, table, list("ppcc"))
        assert display.units == {
            "biceps_rms": "mV", "biceps_zc": "count", "triceps_l_rms": "mV", "triceps_l_zc": "count"
        }  # fmt: skip


def test_features_of_channels_and_with_suffixes_keep_their_unit():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(6, 3)), columns=["ch2_rms", "ar_1", "own"])
    display = FeatureDisplay.from_features(X, list("aabbcc"), units={"own": "kg"})
    assert display.units == {"ch2_rms": "mV", "ar_1": "1", "own": "kg"}
    assert display.what == "row"
    with pytest.raises(ValueError, match=r"must be among the columns .* Got \['rms'\]"):
        FeatureDisplay.from_features(X, list("aabbcc"), features=["rms"])
    with pytest.raises(ValueError, match="has 2 labels for 6 rows"):
        FeatureDisplay.from_features(X, list("ab"))


# DiVoteDisplay


def test_heat_map_holds_each_recording_once(cohort, divote):
    table, y = cohort
    display = DiVoteDisplay.from_estimator(divote, table, y).plot("heatmap")
    votes = divote.vote(table)
    for image, name in zip(display.images_, divote.classes_):
        shown = np.ma.filled(image.get_array().astype(float), np.nan)
        assert np.isfinite(shown).sum() == len(table)
        np.testing.assert_allclose(
            np.sort(shown[np.isfinite(shown)]), np.sort(votes.recordings[f"score_{name}"])
        )
        # Subjects are sorted by their true class.
        first = votes.subjects.index[
            np.argsort(
                y[np.unique(pd.factorize(table["subject"])[0], return_index=True)[1]], kind="stable"
            )[0]
        ]
        own = votes.recordings.loc[votes.recordings["subject"] == first, f"score_{name}"]
        np.testing.assert_allclose(shown[0][np.isfinite(shown[0])], own)


def test_simplex_puts_certain_subjects_into_the_corners(cohort, divote):
    table, y = cohort
    display = DiVoteDisplay.from_estimator(divote, table, y)
    scores = [f"score_{c}" for c in divote.classes_]
    display.votes.subjects[scores] = np.tile(np.eye(3), (3, 1))
    display.plot("simplex")
    places = np.unique(
        np.round(np.concatenate([p.get_offsets() for p in display.points_[:3]]), 6), axis=0
    )
    np.testing.assert_allclose(places, [[0, 0], [0.5, np.sqrt(3) / 2], [1, 0]], atol=1e-5)


def test_regions_count_the_errors_of_both_rules(cohort, divote):
    table, y = cohort
    display = DiVoteDisplay.from_estimator(divote, table, y).plot("regions")
    votes = divote.vote(table).subjects
    truth = dict(zip(table["subject"], y))
    for axis, column in zip(display.axes_, ("vote", "diagnosis")):
        wrong = sum(votes[column][s] != truth[s] for s in votes.index)
        assert axis.get_title().endswith(f"{wrong} of 9 subjects wrong")


def test_votes_without_labels_or_with_two_classes(cohort, divote):
    table, y = cohort
    display = DiVoteDisplay.from_estimator(divote, table)
    for kind in ("heatmap", "simplex", "regions"):
        display.plot(kind)
    two = np.isin(y, ["myopathy", "normal"])
    windows = make_pipeline(TimeDomainFeatures(["rms"]), LinearDiscriminantAnalysis())
    fitted = DiVoteClassifier(windows, final_estimator=None).fit(table[two], y[two])
    display = DiVoteDisplay.from_estimator(fitted, table[two], y[two]).plot()
    assert len(display.images_) == 2
    with pytest.raises(ValueError, match="'simplex' of DiVoteDisplay needs three classes"):
        display.plot("simplex")
    with pytest.raises(ValueError, match=r"'kind' parameter of DiVoteDisplay\.plot must be one of"):
        display.plot("map")
    with pytest.raises(TypeError, match="Got PCA"):
        DiVoteDisplay.from_estimator(PCA(), table)
    with pytest.raises(ValueError, match="has 2 labels for 27 rows"):
        DiVoteDisplay.from_estimator(divote, table, ["a", "b"])


# ComparisonDisplay, LeakageDisplay and ConfoundDisplay


def test_confounds_are_drawn_from_the_best_predictor_down():
    table, y = aged_subjects()
    audit = confound_audit(table, y, match="age", caliper=1.0)
    display = ConfoundDisplay.from_audit(audit).plot()
    names = [label.get_text() for label in display.ax_.get_yticklabels()]
    assert names == audit.summary.index.tolist() == ["age", "side"]
    scores = [bar.lines[0].get_xdata()[0] for bar in display.points_]
    assert scores == audit.summary["score"].tolist()
    colors = [bar.lines[0].get_color() for bar in display.points_]
    assert colors == [COLORS[1], COLORS[0]]
    matched = audit.matched_audit.summary.loc[names, "score"]
    assert [bar.lines[0].get_xdata()[0] for bar in display.matched_points_] == matched.tolist()
    chance = [line.get_xdata()[0] for line in display.chance_points_]
    assert chance == audit.summary["chance"].tolist()
    assert display.plot(max_properties=1).points_[0].lines[0].get_xdata()[0] == scores[0]
    assert len(display.points_) == 1


def test_ranks_and_differences_of_a_meta_analysis_are_drawn(comparisons):
    meta = meta_analysis(comparisons, n_permutations=99)
    display = MetaAnalysisDisplay.from_meta_analysis(meta).plot()
    names = [label.get_text() for label in display.ax_.get_yticklabels()]
    assert names == meta.mean_ranks.index.tolist()
    assert [line.get_xdata()[0] for line in display.points_] == meta.mean_ranks.tolist()
    assert list(display.set_points_) == ["A", "B"]
    assert display.set_points_["A"].get_xdata().tolist() == meta.ranks.loc[names, "A"].tolist()
    drawn = [np.array(names)[bar.get_ydata()].tolist() for bar in display.groups_]
    assert drawn == [[group[0], group[-1]] for group in meta.groups()]
    display.plot("differences", reference="dummy")
    rows = meta.against("dummy")
    assert [label.get_text() for label in display.ax_.get_yticklabels()] == rows.index.tolist()
    shown = [bar.lines[0].get_xdata()[0] for bar in display.points_]
    assert_allclose(shown, 100 * rows["difference"])
    with pytest.raises(ValueError, match="reference"):
        display.plot("differences", reference="absent")
    nowhere = replace(meta, ranks=meta.ranks.iloc[:0])
    with pytest.raises(ValueError, match="Choose kind='differences'"):
        MetaAnalysisDisplay(nowhere).plot()


def test_differences_are_paired_by_subject(comparison):
    display = ComparisonDisplay.from_comparison(comparison, reference="dummy")
    right = comparison.predictions.assign(
        right=comparison.predictions["y_true"] == comparison.predictions["y_pred"]
    ).pivot(index="subject", columns="pipeline", values="right")
    gain = right["logistic"].astype(int) - right["dummy"].astype(int)
    row = display.differences.loc["logistic"]
    assert row["difference"] == pytest.approx(gain.mean())
    assert (row["better"], row["worse"]) == ((gain > 0).sum(), (gain < 0).sum())
    assert row["low"] <= row["difference"] <= row["high"]


@pytest.mark.parametrize("kind", ["scores", "time"])
def test_scores_below_zero_are_inside_the_axes(comparison, kind):
    summary = comparison.summary.replace({"metric": {"f1": "neg_log_loss"}})
    chosen = summary["metric"] == "neg_log_loss"
    summary.loc[chosen, ["pooled", "low", "high"]] = [-0.5, np.nan, np.nan]
    below = replace(comparison, summary=summary)
    display = ComparisonDisplay.from_comparison(below, metric="neg_log_loss").plot(kind)
    limits = display.ax_.get_xlim() if kind == "scores" else display.ax_.get_ylim()
    assert limits[0] < -0.5 < limits[1]


def test_scores_and_intervals_are_those_of_the_comparison(comparison):
    display = ComparisonDisplay.from_comparison(comparison, metric="f1").plot()
    summary = comparison.summary.query("level == 'subject' and metric == 'f1'")
    assert display.scores["score"].tolist() == summary["pooled"].tolist()
    assert display.chance_line_ is None  # known only for the accuracy
    with pytest.raises(ValueError, match="'metric' parameter of ComparisonDisplay must be one of"):
        ComparisonDisplay.from_comparison(comparison, metric="kappa")
    with pytest.raises(ValueError, match="'reference' of ComparisonDisplay must be one of"):
        ComparisonDisplay.from_comparison(comparison, reference="forest")
    with pytest.raises(
        ValueError, match=r"'time' parameter of ComparisonDisplay\.plot must be one of"
    ):
        display.plot("time", time="sum")


def test_leak_is_marked_with_the_gap_of_the_audit(signatures):
    from sklearn.neighbors import KNeighborsClassifier

    model = DiVoteClassifier(KNeighborsClassifier(), window=None)
    display = LeakageDisplay.from_estimator(model, *signatures, n_splits=4).plot()
    heights = [bar.get_height() for bar in display.bars_]
    assert heights[0] - heights[-1] == pytest.approx(display.audit.gap)
    assert f"{100 * display.audit.gap:+.0f}" in display.gap_text_.get_text()
    assert [len(line.get_xdata()) for line in display.points_] == [4, 4]
    assert display.chance_line_.get_ydata()[0] == 0.5


# Networks


def test_learning_curve_marks_the_lowest_validation_loss():
    history = [{"train_loss": 3.0 - k, "valid_loss": abs(k - 1.2)} for k in range(3)]
    display = LearningCurveDisplay.from_history(history).plot()
    assert display.best_epoch == 2
    assert sorted(display.lines_) == ["train_loss", "valid_loss"]
    with pytest.raises(ValueError, match="must have epochs with some of"):
        LearningCurveDisplay.from_history([])
    with pytest.raises(TypeError, match="Got LogisticRegression"):
        LearningCurveDisplay.from_estimator(LogisticRegression())


def test_typical_windows_have_one_scale_and_their_measures():
    display = some_windows().plot(start=1, span=0.02)
    assert [len(line.get_xdata()) for line in display.lines_] == [20, 20, 20]
    assert display.axes_[0].get_title(loc="left") == (
        "a: 4 mV RMS, mean frequency 400 Hz, phases of 4.0 ms"
    )
    assert len({axis.get_ylim() for axis in display.axes_}) == 1


def test_layers_need_a_label_for_each_window():
    with pytest.raises(ValueError, match="has 2 labels for 12 windows"):
        LayerEmbeddingDisplay.from_embedding(some_embedding(), ["a", "b"])


def test_explanation_draws_muscles_recordings_and_windows(cohort, divote):
    table, _ = cohort
    subject = table["subject"].iloc[3]
    display = SubjectExplanationDisplay.from_estimator(divote, table, subject, n_decisive=2).plot()
    found = display
    widths = [bar.get_width() for bar in display.bars_]
    np.testing.assert_allclose(widths, 100 * found.muscles["contribution"])
    assert len(display.points_.get_xdata()) == len(found.recordings)
    assert len(display.lines_) == 2


def test_a_diagnosis_has_one_style_everywhere():
    als, control, myopathy = class_styles(["ALS", "control", "myopathy"])
    assert class_styles(["myopathy", "neuropathy", "normal"])[::2] == [myopathy, control]
    assert class_styles(["als"]) == [als]
    # Other classes get the styles that are left, and no two classes of a figure the same.
    looks = class_styles(["fist", "myopathy", "open", "neuropathy", 3, True])
    assert looks[1] == myopathy
    assert len(set(looks)) == len(looks)


@pytest.mark.parametrize(
    ("row", "channel", "match"),
    [
        (3, 0, "'row' of RecordingDisplay .* 0 to 1.*2 recordings"),
        (0, 5, "'channel' .* 3 channels"),
    ],
)
def test_a_row_or_channel_that_does_not_exist_is_named(row, channel, match):
    table = recording_table(0.1 * np.ones((2, 3, 500)), fs=1e3, subject=["a", "b"])
    with pytest.raises(ValueError, match=match):
        RecordingDisplay.from_table(table, row, channel=channel)
    RecordingDisplay.from_table(table, -1, channel=-1)
