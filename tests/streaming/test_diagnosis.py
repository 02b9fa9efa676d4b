"""Live diagnosis: the same results for chunks of any length as for whole recordings."""

import warnings
from functools import cache

import numpy as np
import pandas as pd
import pytest
from data import recording_cohort, simulated_cohort
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_emg.adaptation import AdaptiveDiagnosis
from sklearn_emg.datasets import fetch_emgdb, load_algiers, load_lower_limb, load_n2001
from sklearn_emg.ensemble import DiVoteClassifier
from sklearn_emg.exceptions import RecordingWarning, SubjectLeakWarning
from sklearn_emg.feature_extraction import SpectralFeatures, TimeDomainFeatures
from sklearn_emg.model_selection import CachedTransformer
from sklearn_emg.neural_network import ALSNetClassifier
from sklearn_emg.papers import list_systems, make_system
from sklearn_emg.preprocessing import (
    AmplitudeScaler,
    ArtefactDetector,
    BandpassFilter,
    BaselineRemover,
    Envelope,
    HighpassFilter,
    LowpassFilter,
    NotchFilter,
    RecordingUndersampler,
    Rectifier,
    Resampler,
    SiteStandardizer,
    WaveletDenoiser,
)
from sklearn_emg.recordings import cut_recordings, recording_table, select_channels
from sklearn_emg.streaming import (
    ConformalStop,
    FixedLength,
    Gap,
    MajorityVote,
    SequentialTest,
    StreamingDiagnosis,
    replay,
    to_causal,
)

pytestmark = pytest.mark.filterwarnings("ignore::sklearn_emg.exceptions.SubjectLeakWarning")


def system(*steps, estimator=None, window=0.2, step=0.05, **settings):
    estimator = estimator or make_pipeline(
        TimeDomainFeatures(), StandardScaler(), LogisticRegression()
    )
    return make_pipeline(*steps, DiVoteClassifier(estimator, window=window, step=step, **settings))


def features_and_lda():
    windows = make_pipeline(TimeDomainFeatures(), StandardScaler(), LinearDiscriminantAnalysis())
    return make_pipeline(
        NotchFilter(50.0, zero_phase=False),
        BandpassFilter(20.0, 450.0, zero_phase=False),
        DiVoteClassifier(windows, window=0.2, step=0.05),
    )


def envelope_and_forest():
    windows = make_pipeline(SpectralFeatures(), RandomForestClassifier(5, random_state=0))
    return make_pipeline(
        HighpassFilter(10.0, design="fir", zero_phase=False),
        Rectifier(),
        LowpassFilter(100.0, zero_phase=False),
        DiVoteClassifier(windows, window=0.2, step=0.13, tail="overlap", voting="hard"),
    )


def network():
    net = ALSNetClassifier(max_epochs=1, random_state=0)
    return make_pipeline(
        BandpassFilter(20.0, 450.0, zero_phase=False),
        AmplitudeScaler(by="training"),
        DiVoteClassifier(net, window=0.2, step=0.1, tail="pad", final_estimator=None),
    )


SYSTEMS = {"lda": features_and_lda, "forest": envelope_and_forest, "network": network}


def cuts(n_times, rng):
    """Bounds of random chunks, some of them empty or of one sample."""
    lengths = rng.choice([0, 1, 7, 50, 333, 1000], size=n_times)
    bounds = np.minimum(np.cumsum(lengths), n_times)
    return zip(np.r_[0, bounds], bounds)


def streamed(live, table, seed=0):
    """Row, start and scores of the windows of a table that is given in random chunks."""
    rng = np.random.default_rng(seed)
    found = []
    for row, (signal, subject) in enumerate(zip(table["signal"], table["subject"])):
        columns = table.iloc[row].drop(["signal", "subject"]).to_dict()
        live.begin(subject, **columns)
        events = []
        for begin, stop in cuts(signal.shape[-1], rng):
            if stop > begin or begin < signal.shape[-1]:
                events += live.push(signal[..., begin:stop])
        events += live.end()
        found += [(row, e.start, *e.scores) for e in events if e.scores is not None]
    return np.array(found)


def assert_streams(model, table):
    live = StreamingDiagnosis(model)
    expected = live.offline(table)
    found = streamed(live, table)
    assert len(expected)
    np.testing.assert_array_equal(found, expected.drop(columns="vote").to_numpy(dtype=float))
    return expected


@pytest.fixture(scope="module")
def simulated():
    table, y = simulated_cohort()
    return table.iloc[::2].reset_index(drop=True), y[::2]


@pytest.mark.parametrize("name", SYSTEMS)
def test_random_chunks_give_the_windows_of_whole_recordings(simulated, name):
    table, y = simulated
    model = SYSTEMS[name]().fit(table, y)
    expected = assert_streams(model, table)
    offline = model[-1].vote(model[:-1].transform(table)).windows
    assert offline["start"].tolist() == expected["start"].tolist()
    assert offline["vote"].tolist() == expected["vote"].tolist()
    scores = [c for c in offline if c.startswith("score_")]
    np.testing.assert_allclose(offline[scores], expected[scores], atol=2e-5)


@pytest.mark.parametrize("kind", ["float16", "int16", ">f4"])
def test_samples_of_any_type_stream_as_they_are_diagnosed_offline(simulated, kind):
    table, y = simulated
    model = SYSTEMS["lda"]().fit(table, y)
    few = table.head(2).copy()
    few["signal"] = [(30 * signal).astype(kind) for signal in few["signal"]]
    assert_streams(model, few)


def test_windows_are_those_of_divote_to_the_last_bit(simulated, monkeypatch):
    table, y = simulated
    model = features_and_lda().fit(table, y)
    live = StreamingDiagnosis(model)
    seen = []
    score = model[-1].score_windows
    monkeypatch.setattr(model[-1], "score_windows", lambda X, c: (seen.append(X), score(X, c))[1])
    streamed(live, table)
    expected = model[-1].windows(model[:-1].transform(table)).X
    np.testing.assert_array_equal(np.concatenate(seen), expected)
    features = model[-1].estimator_[0]
    one_by_one = np.concatenate([features.transform(X) for X in seen])
    np.testing.assert_array_equal(one_by_one, features.transform(expected))


@pytest.mark.parametrize(
    "step",
    [
        BandpassFilter(20.0, 400.0, zero_phase=False),
        BandpassFilter(20.0, 400.0, design="fir", zero_phase=False),
        HighpassFilter(20.0, design="chebyshev2", zero_phase=False),
        LowpassFilter(300.0, design="bessel", zero_phase=False),
        NotchFilter(50.0, harmonics=3, zero_phase=False),
        Rectifier(wave="half"),
        AmplitudeScaler("robust", by="training"),
        Resampler(1000.0),
        CachedTransformer(HighpassFilter(20.0, zero_phase=False)),
    ],
    ids=lambda step: type(step).__name__,
)
def test_each_streamable_step_gives_the_same_bits_in_two_channels(step):
    table, y = recording_cohort([1, 1, 3, 3], n_channels=2)
    assert_streams(system(step, tail="pad").fit(table, y), table)


def test_votes_of_recordings_and_diagnosis_are_those_of_divote(simulated):
    table, y = simulated
    model = system(HighpassFilter(10.0, zero_phase=False), by="region").fit(table, y)
    subject = table[table["subject"] == table["subject"].iloc[0]]
    live = StreamingDiagnosis(model)
    streamed(live, subject)
    votes = model[-1].vote(model[:-1].transform(subject))
    scores = [c for c in votes.recordings if c.startswith("score_")]
    np.testing.assert_allclose(live.recordings[scores], votes.recordings[scores], atol=1e-6)
    found, expected = live.diagnose(), votes.subjects
    assert found["diagnosis"].tolist() == expected["diagnosis"].tolist()
    numbers = expected.select_dtypes("number").columns
    np.testing.assert_allclose(found[numbers], expected[numbers], atol=1e-6)


def test_a_search_is_taken():
    table, y = recording_cohort([1, 1, 1, 1, 3, 3, 3, 3])
    search = GridSearchCV(system(Rectifier()), {"rectifier__wave": ["full"]}, cv=2)
    assert_streams(search.fit(table, y), table)


# ------------------------------------------------- gaps and changes


def gapped(position=400, n=60):
    table, y = recording_cohort([1, 1, 3, 3])
    signal = table["signal"].iloc[0].copy()
    signal[position : position + n] = np.nan
    return table, y, signal


def test_without_filters_a_gap_leaves_out_the_windows_that_divote_skips():
    table, y, signal = gapped()
    model = system(nan="skip", tail="overlap").fit(table, y)
    live = StreamingDiagnosis(model)
    live.begin("new")
    events = [e for k in range(0, 900, 70) for e in live.push(signal[k : k + 70])] + live.end()
    with_gap = recording_table([signal], fs=1000.0, subject="new")
    with pytest.warns(UserWarning, match="Windows left out"):
        expected = live.offline(with_gap)
    windows = [e for e in events if not isinstance(e, Gap)]
    assert [e.start for e in windows] == expected["start"].tolist()
    np.testing.assert_array_equal([e.scores for e in windows], expected.iloc[:, 2:-1])
    gaps = [e for e in events if isinstance(e, Gap)]
    assert (gaps[0].start, gaps[-1].stop) == (0.4, 0.46)


def test_after_a_gap_filters_start_anew_and_lost_samples_count_as_a_gap():
    table, y, signal = gapped(position=400, n=100)
    model = system(HighpassFilter(20.0, zero_phase=False)).fit(table, y)
    live = StreamingDiagnosis(model)
    live.begin("new")
    by_nan = live.push(signal) + live.end()
    live.begin("new")
    by_count = live.push(signal[:400]) + live.push(signal[500:], start=500) + live.end()
    live.begin("new")
    by_mask = live.push(np.ma.masked_invalid(np.nan_to_num(signal, nan=np.inf))) + live.end()
    live.begin("new")
    alone = live.push(signal[500:]) + live.end()
    runs = (by_nan, by_count, by_mask, alone)
    scores = [[e.scores for e in x if not isinstance(e, Gap)] for x in runs]
    np.testing.assert_array_equal(scores[0], scores[1])
    np.testing.assert_array_equal(scores[0], scores[2])
    np.testing.assert_array_equal(scores[0][-len(scores[3]) :], scores[3])


def test_gaps_can_be_refused_and_a_refused_chunk_changes_nothing():
    table, y, signal = gapped()
    model = system(HighpassFilter(20.0, zero_phase=False)).fit(table, y)
    live, other = StreamingDiagnosis(model, gaps="raise"), StreamingDiagnosis(model)
    for each in (live, other):
        each.begin("new")
        each.push(signal[:300])
    with pytest.raises(ValueError, match=r"NaN or infinite at 0\.4 s.*gaps='restart'"):
        live.push(signal[300:])
    with pytest.raises(ValueError, match=r"20 samples are missing at 0\.3 s"):
        live.push(signal[:100], start=320)
    rest = table["signal"].iloc[1]
    found = [[e.scores for e in each.push(rest)] for each in (live, other)]
    np.testing.assert_array_equal(*found)


def test_other_rates_channels_and_repeated_samples_are_refused():
    table, y = recording_cohort([1, 1, 3, 3], n_channels=2)
    live = StreamingDiagnosis(system().fit(table, y))
    with pytest.raises(ValueError, match=r"no recording has begun. Call begin\(subject\)"):
        live.push(np.zeros((2, 10)))
    live.begin("new")
    live.push(np.ones((2, 10)))
    with pytest.raises(ValueError, match=r"rate of 2000 Hz, but the model was fitted at 1000 Hz"):
        live.push(np.ones((2, 10)), fs=2000.0)
    with pytest.raises(ValueError, match=r"\(3, 10\), but the model was fitted on \(2, n_times"):
        live.push(np.ones((3, 10)))
    with pytest.raises(ValueError, match=r"'start' parameter of StreamingDiagnosis\.push"):
        live.push(np.ones((2, 10)), start=10.5)
    for values, kind in ((1j, "complex128"), (True, "bool"), ("0.1", "<U3"), (None, "object")):
        with pytest.raises(ValueError, match=f"has {kind} samples. Give an array of real numbers"):
            live.push(np.full((2, 10), values))
    for name in ("artefacts", "stop", "smooth"):
        with pytest.raises(TypeError, match=f"'{name}' of StreamingDiagnosis must have a method"):
            StreamingDiagnosis(system().fit(table, y), **{name: 5})
    with pytest.raises(ValueError, match="sample 5, but 10 samples were given"):
        live.push(np.ones((2, 10)), start=5)
    with pytest.raises(ValueError, match=r"has not ended. Call end\(\) first"):
        live.begin("new")


@pytest.mark.parametrize(
    "change, match", [(lambda x: 1000 * x, "too large for EMG"), (np.round, "are integers")]
)
@pytest.mark.parametrize("artefacts", [None, ArtefactDetector()])
def test_signals_that_are_not_in_millivolts_warn_once_in_each_recording(change, match, artefacts):
    table, y = recording_cohort([1, 3] * 3)
    live = StreamingDiagnosis(system().fit(table, y), artefacts=artefacts)
    signal = change(3 * np.random.default_rng(0).normal(size=900))
    for _ in range(2):
        live.begin("new")
        with pytest.warns(RecordingWarning, match=match) as found:
            list(live.run(signal[k : k + 30] for k in range(0, 900, 30)))
        assert len(found) == 1


@pytest.mark.parametrize("classes", [["myopathy", "healthy"], ["healthy", "als", "myopathy"]])
def test_a_stopping_rule_for_other_classes_is_refused(classes):
    table, y = recording_cohort([1, 3] * 3, labels=("healthy", "myopathy"))
    rule = ConformalStop([np.eye(len(classes))] * 2, classes[:2], classes)
    with pytest.raises(ValueError, match=r"has the classes .*, but the model has healthy, my"):
        StreamingDiagnosis(system().fit(table, y), stop=rule)


def test_a_signal_in_millivolts_does_not_warn():
    table, y = recording_cohort([1, 3] * 3)
    live = StreamingDiagnosis(system().fit(table, y))
    live.begin("new")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert live.push(3 * np.random.default_rng(0).normal(size=900))  # windows were scored


@pytest.mark.parametrize("subject", [None, float("nan"), " "])
def test_a_recording_without_a_subject_is_refused(subject):
    table, y = recording_cohort([1, 3] * 3)
    live = StreamingDiagnosis(system().fit(table, y))
    with pytest.raises(ValueError, match=r"begin needs a subject, such as .new.. Got"):
        live.begin(subject)
    live.begin("new")


def test_a_model_that_votes_by_a_column_needs_it(simulated):
    table, y = simulated
    live = StreamingDiagnosis(system(by="region").fit(table, y))
    with pytest.raises(ValueError, match=r"needs 'region'.*begin\(subject, region="):
        live.begin("new")


def test_columns_that_steps_inside_request_are_passed():
    table, y = recording_cohort([1, 3] * 4)
    table["site"] = np.where(table["subject"].isin(["s0", "s1", "s2", "s3"]), "a", "b")
    table["reference"] = y == 0
    windows = make_pipeline(TimeDomainFeatures(["rms"]), SiteStandardizer(), LogisticRegression())
    model = DiVoteClassifier(windows, window=0.2, step=0.05).fit(table, y)
    assert_streams(model, table)
    first, other = (
        StreamingDiagnosis(model).offline(table.iloc[:1].assign(site=site)) for site in "ab"
    )
    assert not np.array_equal(first["score_0"], other["score_0"])
    assert model.requested_columns() == {"site", "subject", "reference", "group"}


def test_subjects_of_the_training_warn():
    table, y = recording_cohort([1, 1, 3, 3])
    live = StreamingDiagnosis(system().fit(table, y))
    with pytest.warns(SubjectLeakWarning, match="StreamingDiagnosis (was|were) trained on"):
        live.begin("s0")


# ------------------------------------------------- artefacts, rules, smoothing


def test_windows_with_an_artefact_do_not_vote():
    table, y = recording_cohort([1, 1, 3, 3])
    signal = table["signal"].iloc[0].copy()
    signal[350:600] = 0.0  # the electrode fell off
    model = system(HighpassFilter(20.0, zero_phase=False)).fit(table, y)
    live = StreamingDiagnosis(model, artefacts=ArtefactDetector())
    live.begin("new")
    events = [e for k in range(0, 900, 90) for e in live.push(signal[k : k + 90])]
    rejected = [e.start for e in events if "flat" in e.rejected]
    assert rejected
    assert all(0.15 < start < 0.6 for start in rejected)
    assert all(e.scores is None for e in events if e.rejected)
    last = events[-1].decision
    assert (last.n_rejected, last.n_windows) == (len(rejected), len(events) - len(rejected))
    expected = live.offline(recording_table([signal], fs=1000.0, subject="new"))
    assert expected["start"].tolist() == [e.start for e in events if not e.rejected]


def test_decision_counts_windows_that_do_not_overlap():
    table, y = recording_cohort([1, 3, 1, 3])
    live = StreamingDiagnosis(system().fit(table, y), stop=FixedLength(0.6))
    live.begin("new")
    events = live.push(3 * np.random.default_rng(1).normal(size=900))
    assert [e.decision.decided for e in events if e.stop < 0.6] == [None] * 8
    assert events[-1].decision.decided == 1
    last = events[-1].decision
    assert (last.leading, last.fraction, last.n_windows) == (1, 1.0, 15)
    assert last.interval == pytest.approx((0.5101, 1.0), abs=1e-4)  # Wilson of 4 in 4


def test_sequential_test_stops_at_the_bound_of_wald():
    rule = SequentialTest(alpha=0.1, beta=0.1, low=0.4, high=0.6)
    # One vote gives log(1.5); log(0.9 * 2 / 0.1) = 2.89 needs 8 votes of one class.
    assert rule.decide([0, 7], 1.0) is None
    assert rule.decide([0, 8], 1.0) == 1
    assert SequentialTest(max_seconds=3.0).decide([2, 1], 3.0) == 0


def test_sequential_test_keeps_its_error_rate():
    rng = np.random.default_rng(0)
    rule = SequentialTest(alpha=0.1, beta=0.1)
    wrong = 0
    for _ in range(400):
        votes, place = np.zeros(2, dtype=int), None
        while place is None:
            votes[int(rng.random() < 0.6)] += 1
            place = rule.decide(votes, 0.0)
        wrong += place == 0
    assert wrong / 400 < 0.1


def test_a_hysteresis_that_no_class_can_exceed_is_refused():
    with pytest.raises(ValueError, match=r"at most .n_windows., 3, .*Got 4"):
        MajorityVote(3, hysteresis=4)


def test_gestures_are_smoothed():
    table, y = recording_cohort([1, 1, 3, 3], labels=("rest", "fist"))
    y = np.where(np.repeat([1, 1, 3, 3], 3) > 1, "fist", "rest")
    model = system(step=0.2).fit(table, y)
    live = StreamingDiagnosis(model, smooth=MajorityVote(3))
    live.begin("new")
    noise = np.random.default_rng(2).normal(size=2000)
    loud = np.repeat([1, 1, 1, 3, 1, 1, 3, 3, 3, 3], 200)
    events = live.push(noise * loud)
    assert [str(e.vote) for e in events] == ["rest"] * 3 + ["fist"] + ["rest"] * 2 + ["fist"] * 4
    assert [str(e.smoothed) for e in events] == ["rest"] * 7 + ["fist"] * 3


def test_memory_does_not_grow_with_the_signal():
    table, y = recording_cohort([1, 1, 3, 3])
    live = StreamingDiagnosis(system(HighpassFilter(20.0, zero_phase=False)).fit(table, y))
    live.begin("new")
    for k in range(30):
        live.push(np.random.default_rng(k).normal(size=500))
    assert live._cutter._kept.shape[-1] <= 200
    assert live.latency.n_chunks == 30
    assert 0 < live.latency.median <= live.latency.p99


# ------------------------------------------------- what cannot stream


@pytest.mark.parametrize(
    "step, match",
    [
        (BandpassFilter(20.0, 400.0), "depends on later samples.*to_causal"),
        (BaselineRemover("mean"), "BaselineRemover needs the whole recording.*to_causal"),
        (Envelope(), "Envelope needs the whole recording.*to_causal"),
        (AmplitudeScaler(), "whole recording for its statistics.*to_causal"),
        (Resampler(500.0), "fit the system at 500 Hz|Record at 500 Hz|needs future samples"),
        (WaveletDenoiser(), "WaveletDenoiser needs the whole.*inside DiVoteClassifier"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_steps_that_need_the_whole_recording_are_refused_with_the_remedy(step, match):
    table, y = recording_cohort([1, 1, 3, 3])
    model = system(step).fit(table, y)
    if isinstance(step, Resampler):  # it streams at its own rate
        assert StreamingDiagnosis(model).fs == 500.0
        return
    with pytest.raises(ValueError, match=match):
        StreamingDiagnosis(model)


def test_the_causal_version_streams_and_says_what_changes():
    table, y = recording_cohort([1, 1, 3, 3])
    steps = [BandpassFilter(20.0, 400.0), BaselineRemover(), AmplitudeScaler(), Envelope("lowpass")]
    model = system(*steps, Rectifier())
    causal, changes = to_causal(model)
    assert [line.split(":")[0] for line in changes] == [
        "Step 'bandpassfilter', BandpassFilter",
        "Step 'baselineremover', BaselineRemover",
        "Step 'amplitudescaler', AmplitudeScaler",
        "Step 'envelope', Envelope",
    ]
    assert model[0].zero_phase
    assert_streams(causal.fit(table, y), table)
    assert to_causal(causal).changes == []


def test_a_step_without_causal_substitute_is_named():
    with pytest.raises(ValueError, match="no causal substitute for step 'waveletdenoiser'"):
        to_causal(system(WaveletDenoiser()))


def test_published_systems_have_a_causal_version():
    systems = list_systems()
    refused = {}
    for name in systems.index[systems["task"] == "diagnosis"]:
        try:
            causal, changes = to_causal(make_system(name))
        except ImportError:  # of an extra
            continue
        except ValueError as error:
            refused[name] = str(error)
        else:
            assert all(text.startswith("Step '") for text in changes), name
            assert to_causal(causal).changes == [], name
    assert not refused


def test_a_sampler_acts_in_fit_only_and_neither_streams_nor_hinders():
    pipeline = pytest.importorskip("imblearn.pipeline")
    table, y = recording_cohort([1, 3] * 4)
    plain = system(HighpassFilter(10.0, zero_phase=False)).fit(table, y)
    sampler = RecordingUndersampler(random_state=0)
    model = pipeline.make_pipeline(HighpassFilter(10.0), sampler, plain[-1])
    causal, changes = to_causal(model)
    assert len(changes) == 1
    assert isinstance(causal[1], RecordingUndersampler)
    expected = assert_streams(plain, table.head(2))
    pd.testing.assert_frame_equal(assert_streams(causal.fit(table, y), table.head(2)), expected)


@pytest.mark.filterwarnings("default::sklearn_emg.exceptions.SubjectLeakWarning")
def test_an_adapted_system_streams_and_warns_of_all_it_has_learned():
    table, y = recording_cohort([1, 3] * 4)
    new, labels = recording_cohort([1, 3], seed=1)
    new["subject"] = "local " + new["subject"]
    filtered = HighpassFilter(10.0, zero_phase=False)
    model = AdaptiveDiagnosis(system(filtered, estimator=None)).fit(table, y)
    model.partial_fit(new, labels)
    live = StreamingDiagnosis(model)
    with pytest.warns(SubjectLeakWarning, match="'local s0'"):
        live.begin("local s0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SubjectLeakWarning)
        assert_streams(model, new)
        assert_streams(FrozenEstimator(model), new.head(1))
    zero_phase = AdaptiveDiagnosis(system(HighpassFilter(10.0)))
    causal, changes = to_causal(zero_phase)
    assert isinstance(causal, AdaptiveDiagnosis)
    assert not causal.estimator[0].zero_phase
    assert len(changes) == 1


def test_the_causal_version_of_an_adaptation_adapts_and_leaves_the_system_as_it_is():
    table, y = recording_cohort([1, 3] * 4)
    frozen = FrozenEstimator(system(HighpassFilter(10.0)).fit(table, y))
    for model in (AdaptiveDiagnosis(system(HighpassFilter(10.0))).fit(table, y),
                  AdaptiveDiagnosis(frozen)):  # fmt: skip
        causal, changes = to_causal(model)
        assert isinstance(causal, AdaptiveDiagnosis)
        assert not causal.estimator[0].zero_phase
        assert len(changes) == 1
    assert frozen.estimator[0].zero_phase


def test_channels_in_another_order_are_refused():
    table, y = recording_cohort([1, 3] * 4, n_channels=2)
    table["channel_names"] = [("biceps", "triceps")] * len(table)
    model = system(HighpassFilter(10.0, zero_phase=False)).fit(table, y)
    live = StreamingDiagnosis(model)
    match = r"are triceps, biceps, but .* select_channels\(table, \['biceps', 'triceps'\]\)"
    with pytest.raises(ValueError, match=match):
        live.begin("new", channel_names=("triceps", "biceps"))
    other = table.assign(channel_names=[("triceps", "biceps")] * len(table))
    with pytest.raises(ValueError, match=match):
        model.predict(other)
    with pytest.raises(ValueError, match=match):
        TimeDomainFeatures().fit(table).transform(other)
    again = select_channels(other, ["biceps", "triceps"])
    swapped = select_channels(table, ["triceps", "biceps"])
    assert again["channel_names"].tolist() == table["channel_names"].tolist()
    assert not np.array_equal(again["signal"][0], table["signal"][0])
    np.testing.assert_array_equal(again["signal"][0], swapped["signal"][0])
    live.begin("new", channel_names=["biceps", "triceps"])
    assert live.push(table["signal"][0])
    model.predict(table.assign(channel_names=[("EMG1", "EMG2")] * len(table)))


def test_samples_that_no_amplifier_gives_are_a_gap():
    table, y = recording_cohort([1, 3] * 4)
    live = StreamingDiagnosis(system(HighpassFilter(10.0, zero_phase=False)).fit(table, y))
    live.begin("new")
    events = live.push([0.1, 1e10, -1e300, np.inf, 0.2])
    assert events == [Gap(0, 0.001, 0.004)]


def test_a_chunk_of_channels_of_different_lengths_and_subjects_as_lists_are_refused():
    table, y = recording_cohort([1, 3] * 4)
    live = StreamingDiagnosis(system(HighpassFilter(10.0, zero_phase=False)).fit(table, y))
    with pytest.raises(ValueError, match=r"begin needs a subject, such as .new.\. Got \['a'\]"):
        live.begin(["a"])
    live.begin("new")
    with pytest.raises(ValueError, match="channels of different lengths"):
        live.push([[1.0, 2.0], [3.0]])


def test_a_path_in_place_of_a_model_is_refused_with_the_remedy():
    with pytest.raises(ValueError, match="Read a saved system with load_model"):
        StreamingDiagnosis("folder/model")
    with pytest.raises(ValueError, match=r"Give the file 'recording\.csv' to replay_file"):
        replay("recording.csv", 1000.0)


def test_other_models_are_refused():
    with pytest.raises(ValueError, match="ends with LogisticRegression"):
        StreamingDiagnosis(make_pipeline(TimeDomainFeatures(), LogisticRegression()))
    frame = pd.DataFrame({"rms": [1.0, 2.0, 3.0, 4.0], "subject": list("abcd")})
    divote = DiVoteClassifier(LogisticRegression(), window=None).fit(frame, [0, 0, 1, 1])
    with pytest.raises(ValueError, match="divides recordings into windows"):
        StreamingDiagnosis(divote)


# ------------------------------------------------- real recordings


LOADERS = {
    "emgdb": lambda folder: fetch_emgdb(data_home=folder, return_X_y=True)[0],
    "n2001": lambda folder: load_n2001(folder / "n2001_biceps", lazy=True, return_X_y=True)[0],
    "algiers": lambda folder: load_algiers(folder / "algiers", "Biceps Brachii", return_X_y=True)[
        0
    ],
    "lower_limb": lambda folder: load_lower_limb(folder / "lower_limb", return_X_y=True)[0],
}


SLOW = ("n2001", "algiers")


@cache
def loaded(name, folder):
    return LOADERS[name](folder)


REAL = [
    pytest.param(name, kind, marks=[pytest.mark.slow] * (kind == "forest" and name in SLOW))
    for name in LOADERS
    for kind in SYSTEMS
]


@pytest.mark.parametrize("name, kind", REAL)
def test_real_recordings_stream_to_the_last_bit(real_data, name, kind):
    table = loaded(name, real_data)
    first = table.drop_duplicates("subject").head(3)
    first = first[first["fs"] == first["fs"].iloc[0]].reset_index(drop=True)
    spans = pd.DataFrame({"row": range(len(first)), "start": 0.0, "stop": 0.6})
    pieces = cut_recordings(first, spans)
    y = np.arange(len(pieces)) % 2
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = SYSTEMS[kind]().fit(pieces, y)
    assert_streams(model, pieces)


# ------------------------------------------------- sources


def test_run_replays_a_recording_and_ends_it(simulated):
    table, y = simulated
    model = features_and_lda().fit(table, y)
    live = StreamingDiagnosis(model)
    live.begin("new")
    events = list(live.run(replay(table["signal"].iloc[0], 2000.0, chunk=0.03, speed=None)))
    expected = live.offline(table.iloc[:1])
    assert [e.start for e in events] == expected["start"].tolist()
    np.testing.assert_array_equal([e.scores for e in events], expected.iloc[:, 2:-1])
    live.begin("new")  # the recording has ended
