"""Channels by name, segments from labels, events and activity, cuts, and the MVC."""

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.pipeline import make_pipeline

from sklearn_emg.ensemble import DiVoteClassifier, Windows
from sklearn_emg.exceptions import RecordingWarning
from sklearn_emg.feature_extraction import TimeDomainFeatures
from sklearn_emg.io import Annotation
from sklearn_emg.neural_network import EMGClassifier
from sklearn_emg.recordings import (
    SignalFile,
    cut_recordings,
    join_channels,
    label_lag,
    normalize_to_mvc,
    recording_table,
    segment_activity,
    segments_from_events,
    segments_from_labels,
    select_channels,
    split_channels,
)


def table_of(names=("flexor", "extensor"), n_rows=2, **columns):
    signals = [np.arange(200.0).reshape(2, 100) + 1000 * i for i in range(n_rows)]
    table = recording_table(signals, fs=100.0, subject=[f"s{i}" for i in range(n_rows)],
                            recording=[f"r{i}" for i in range(n_rows)], **columns)  # fmt: skip
    column = pd.Series([names] * n_rows, dtype=object)
    return table.assign(channel_names=column)


# ---------------------------------------------------------------- channels


def test_channels_are_chosen_by_name_or_position():
    table = table_of()
    one = select_channels(table, "Extensor")
    assert one["signal"].iloc[0].tolist() == list(range(100, 200))
    assert one["channel_names"].tolist() == [("extensor",)] * 2
    both = select_channels(table, [1, "flexor"])
    assert both["channel_names"].iloc[0] == ("extensor", "flexor")
    assert both["signal"].iloc[0][:, 0].tolist() == [100, 0]
    with pytest.raises(ValueError, match=r"Row 0 has no channel 'biceps'; it has \['flexor'"):
        select_channels(table, "biceps")
    with pytest.raises(ValueError, match="2 channels called 'a'"):
        select_channels(table_of(("a", "a")), "a")
    with pytest.raises(ValueError, match="'channels' is empty"):
        select_channels(table, [])
    with pytest.raises(ValueError, match="2 channels but 1 name in 'channel_names'"):
        select_channels(table_of(("a",)), "a")


def test_chosen_channels_of_a_file_stay_in_the_file(tmp_path):
    np.arange(300, dtype="<i2").tofile(tmp_path / "a.bin")
    handle = SignalFile(tmp_path / "a.bin", n_channels=3, scale=[1.0, 2.0, 3.0])
    table = recording_table([handle], fs=100.0, subject="s")
    chosen = select_channels(table, ["ch3", "ch1"])["signal"].iloc[0]
    assert isinstance(chosen, SignalFile)
    np.testing.assert_array_equal(np.asarray(chosen), np.asarray(handle)[[2, 0]])
    again = select_channels(select_channels(table, ["ch3", "ch1"]), "ch3")["signal"].iloc[0]
    np.testing.assert_array_equal(again, np.asarray(handle)[2])


def test_split_channels_join_to_what_they_were():
    table = table_of(side=["left", "right"])
    split = split_channels(table)
    assert split["channel"].tolist() == ["flexor", "extensor"] * 2
    assert split["subject"].tolist() == ["s0", "s0", "s1", "s1"]
    assert split["signal"].iloc[3].shape == (100,)
    joined = join_channels(split)
    pd.testing.assert_frame_equal(
        joined.drop(columns="signal")[table.columns.drop("signal")], table.drop(columns="signal")
    )
    for a, b in zip(joined["signal"], table["signal"]):
        np.testing.assert_array_equal(a, b)


def test_rows_that_cannot_be_joined_are_named():
    split = split_channels(table_of())
    with pytest.raises(ValueError, match="lacks the column 'trial'"):
        join_channels(split, by="trial")
    with pytest.raises(ValueError, match="different sampling rates"):
        join_channels(split.assign(fs=[1.0, 2.0, 1.0, 1.0]))
    with pytest.raises(ValueError, match=r"'extensor' more than once"):
        join_channels(pd.concat([split, split], ignore_index=True))
    assert "muscle" not in join_channels(split.assign(muscle=["a", "b", "a", "b"]))


# ---------------------------------------------------------------- labels and events


def test_labels_become_runs():
    segments = segments_from_labels(np.repeat([0, 1, 0, 2, 0], 500), 1000.0)
    assert segments["label"].tolist() == [0, 1, 0, 2, 0]
    assert segments["start"].tolist() == [0, 0.5, 1, 1.5, 2]
    texts = segments_from_labels(["", "a", "a", None, "b"], fs=10.0)
    assert texts.to_numpy().tolist() == [[0.1, 0.3, "a"], [0.4, 0.5, "b"]]
    with pytest.raises(ValueError, match="must be 1-D"):
        segments_from_labels(np.zeros((2, 5)), fs=10.0)
    with pytest.raises(ValueError, match="'fs'"):
        segments_from_labels([1, 2], fs=0)


def annotated():
    notes = [
        (Annotation(0.1, 0.3, "grip", "EDF"), Annotation(0.5, None, "beep", "EDF")),
        (Annotation(0.2, 0.4, "pinch", "label"), Annotation(0.3, None, "gap", "gap")),
    ]
    return table_of().assign(annotations=pd.Series(notes, dtype=object))


def test_events_become_segments():
    table = annotated()
    with pytest.warns(RecordingWarning, match="1 event without a duration.*'beep'"):
        segments = segments_from_events(table)
    assert segments["row"].tolist() == [0, 1]
    assert segments["label"].tolist() == ["grip", "pinch"]
    around = segments_from_events(table, labels=["beep"], window=(-0.1, 0.2))
    np.testing.assert_allclose(around[["start", "stop"]], [[0.4, 0.7]])
    assert segments_from_events(table, source="label")["row"].tolist() == [1]
    discharges = pd.DataFrame({"time": [0.2, 0.4], "unit": [1, 2], "channel": [1, 1]})
    assert segments_from_events(discharges, window=(0, 0.1))["label"].tolist() == [1, 2]
    assert len(segments_from_events([0.1, 0.2], window=(0, 1))) == 2
    with pytest.raises(ValueError, match=r"no event is left.* come from .*'label'"):
        segments_from_events(table, labels=["none"])
    with pytest.raises(ValueError, match="no column 'annotations'"):
        segments_from_events(table_of())
    with pytest.raises(ValueError, match="must have a column 'onset'"):
        segments_from_events(pd.DataFrame({"a": [1]}))
    with pytest.raises(ValueError, match="'window'"):
        segments_from_events(table, window=(1, 0))


# ---------------------------------------------------------------- cuts


def test_cut_rows_keep_columns_labels_and_times():
    table = annotated().assign(side=["l", "r"])
    segments = pd.DataFrame({"row": [1, 0, 0], "start": [0.2, 0.0, 0.1], "stop": [0.3, 1.0, 0.4],
                             "label": ["x", "y", "z"]})  # fmt: skip
    cut = cut_recordings(table, segments)
    assert cut["label"].tolist() == ["x", "y", "z"]
    assert cut["subject"].tolist() == ["s1", "s0", "s0"]
    assert cut["side"].tolist() == ["r", "l", "l"]
    assert cut["start"].tolist() == [0.2, 0.0, 0.1]
    np.testing.assert_array_equal(cut["signal"].iloc[2], table["signal"].iloc[0][:, 10:40])
    (grip,) = cut["annotations"].iloc[2]
    assert (grip.onset, grip.duration, grip.label) == (0, pytest.approx(0.3), "grip")
    assert np.shares_memory(cut["signal"].iloc[1], table["signal"].iloc[0])


def test_margin_and_shortest_duration():
    table = table_of(n_rows=1)
    segments = pd.DataFrame({"start": [0.0, 0.5], "stop": [0.5, 0.65], "label": ["a", "b"]})
    with pytest.warns(RecordingWarning, match=r"segment 1 of row 0 lasts 0\.05 s"):
        cut = cut_recordings(table, segments, margin=0.05, min_duration=0.1)
    assert cut[["start", "stop"]].to_numpy().tolist() == [[0.05, 0.45]]
    with pytest.raises(ValueError, match="no segment is left"):
        cut_recordings(table, segments, margin=0.3)


def test_gaps_split_skip_or_raise():
    table = annotated()
    table["signal"].iloc[0][:, 40:45] = np.nan
    segments = pd.DataFrame({"row": [0, 1], "start": [0.3, 0.1], "stop": [0.6, 0.5]})
    cut = cut_recordings(table, segments)
    np.testing.assert_allclose(
        cut[["start", "stop"]], [[0.3, 0.4], [0.45, 0.6], [0.1, 0.3], [0.3, 0.5]]
    )
    good = pd.DataFrame({"row": [0], "start": [0.0], "stop": [0.2]})
    with pytest.warns(RecordingWarning, match="has a gap"):
        left = cut_recordings(table, pd.concat([segments, good]), gaps="skip")
    assert left[["start", "stop"]].to_numpy().tolist() == [[0.0, 0.2]]
    with pytest.raises(ValueError, match=r"Segment 0 \(0\.3 to 0\.6 s of row 0\)"):
        cut_recordings(table, segments, gaps="raise")


@pytest.mark.parametrize(
    "segments, match",
    [
        ({"row": [0], "start": [2.0], "stop": [3.0]}, "lies outside row 0, which lasts 1 s"),
        (
            {"row": [5], "start": [0.0], "stop": [1.0]},
            "refers to row 5, but .* rows 0 to 1",
        ),
        ({"row": [0], "start": [0.5], "stop": [0.5]}, "runs from 0.5 to 0.5"),
        ({"row": [0], "start": [np.nan], "stop": [0.5]}, "runs from nan"),
        ({"start": [0.0], "stop": [1.0]}, "no column 'row'"),
        ({"row": [0], "begin": [0.0]}, "columns start and stop"),
    ],
)
def test_segments_that_fit_no_recording(segments, match):
    with pytest.raises(ValueError, match=match):
        cut_recordings(table_of(), pd.DataFrame(segments))


def test_segment_that_ends_after_its_recording_is_cut_and_reported():
    segments = pd.DataFrame({"row": [0], "start": [0.5], "stop": [1.2]})
    with pytest.warns(RecordingWarning, match="cut to the 1 s of row 0"):
        cut = cut_recordings(table_of(), segments)
    assert cut["stop"].tolist() == [1.0]


# ---------------------------------------------------------------- activity


def bursts(fs=1000.0, seed=0, gain=6.0):
    """Noise whose activity is known: 2 s of rest, 1.5 s of contraction, twice, and rest."""
    edges = [(2.0, 3.5), (5.5, 7.0)]
    x = np.random.default_rng(seed).normal(scale=0.01, size=int(9 * fs))
    for start, stop in edges:
        x[int(start * fs) : int(stop * fs)] *= gain
    return x, edges


@pytest.mark.parametrize("method", ["double-threshold", "teager-kaiser", "level"])
def test_activity_is_found_within_hundredths_of_a_second(method):
    for seed in range(5):
        x, edges = bursts(seed=seed)
        found = segment_activity(x + 0.3, 1000.0, method=method)  # an offset does not matter
        assert found["label"].tolist() == ["rest", "contraction"] * 2 + ["rest"]
        active = found[found["label"] == "contraction"][["start", "stop"]].to_numpy()
        np.testing.assert_allclose(active, edges, atol=0.06)
        assert found["start"].iloc[0] == 0
        assert found["stop"].iloc[-1] == 9.0
        np.testing.assert_array_equal(found["start"][1:], found["stop"][:-1])


def test_rest_alone_gives_no_contraction():
    noise = np.random.default_rng(1).normal(scale=0.01, size=(4, 20_000))
    for x in noise:
        assert segment_activity(x, 2000.0)["label"].tolist() == ["rest"]


def test_activity_relative_to_mvc_and_of_a_table():
    x, edges = bursts(gain=50.0)
    found = segment_activity(x, 1000.0, method="level", mvc=1.0, level=0.2)
    active = found[found["label"] == "contraction"]
    np.testing.assert_allclose(active[["start", "stop"]], edges, atol=0.06)
    assert len(segment_activity(x, 1000.0, method="level", mvc=100.0)) == 1
    table = recording_table([x, np.stack([x, np.zeros_like(x)])], fs=1000.0, subject="s")
    found = segment_activity(table)
    assert found["row"].tolist() == [0] * 5 + [1] * 5
    cut = cut_recordings(table, found[found["label"] == "contraction"])
    assert len(cut) == 4


def test_bad_input_of_activity_is_named():
    x, _ = bursts()
    with pytest.raises(ValueError, match="pass fs="):
        segment_activity(x)
    with pytest.raises(ValueError, match="'method'"):
        segment_activity(x, 1000.0, method="double")
    with pytest.raises(ValueError, match=r"baseline.*does not lie within"):
        segment_activity(x, 1000.0, baseline=(8.0, 12.0))
    with pytest.raises(ValueError, match="neither NaN nor infinite"):
        segment_activity(np.full(100, np.nan), 1000.0)
    table = recording_table([x], fs=1000.0, subject="s")
    for settings, text in (
        ({"mvc": 1.0, "level": 0.1}, "'mvc' and 'level' .* only with method='level'"),
        ({"n_sd": 5.0}, "'n_sd' .* only with method='teager-kaiser'"),
        ({"method": "level", "false_alarm": 0.1}, "'false_alarm' .* method='double-threshold'"),
        ({"method": "level", "mvc": 1.0, "baseline": (0.0, 1.0)}, "'baseline' .* mvc=None"),
    ):
        with pytest.raises(ValueError, match=text):
            segment_activity(x, 1000.0, **settings)
    with pytest.raises(ValueError, match=r"segment_activity is 500 Hz, but row 0.* 1000 Hz"):
        segment_activity(table, 500.0)
    assert segment_activity(table, 1000.0).equals(segment_activity(table))
    with pytest.raises(ValueError, match=r"'mvc'.*one per channel \(3 in the signal\)\. Got 2"):
        segment_activity(np.stack([x] * 3), 1000.0, method="level", mvc=[1.0, 2.0])
    with pytest.raises(ValueError, match=r"lacks the column 'fs'"):
        segment_activity(table.drop(columns="fs"))


@pytest.mark.parametrize("shift", [-0.5, 0.0, 0.75])
def test_lag_of_labels(shift):
    labels = np.repeat(["rest", "fist", "rest", "open", "rest", "fist"], 2000)
    scale = np.where(labels == "rest", 0.1, 1.0)
    x = np.random.default_rng(2).normal(size=(3, len(labels))) * scale
    assert label_lag(x, np.roll(labels, round(1000 * shift)), fs=1000.0) == pytest.approx(
        shift, abs=0.051
    )


def test_lag_in_a_short_recording():
    labels = np.repeat([0, 1, 0, 2, 0, 1], 500)
    x = np.random.default_rng(5).normal(size=3000) * np.where(labels == 0, 0.01, 0.1)
    for lag in (0.5, -0.5):
        late = np.roll(labels, round(500 * lag))
        assert label_lag(x, late, fs=500.0) == pytest.approx(lag, abs=0.051)


def test_no_lag_where_the_power_tells_nothing():
    labels = np.repeat(["a", "b", "a", "b", "a", "b"], 2000)
    assert label_lag(np.random.default_rng(3).normal(size=12_000), labels, fs=1000.0) is None
    assert label_lag(np.ones(4000), np.repeat(["a", "b"], 2000), fs=1000.0) is None
    with pytest.raises(ValueError, match=r"one label per sample. Got labels of shape \(100,\)"):
        label_lag(np.ones(4000), labels[:100], fs=1000.0)


# ---------------------------------------------------------------- MVC


def test_amplitude_becomes_a_fraction_of_the_largest_contraction():
    rng = np.random.default_rng(4)
    x = rng.normal(size=(2, 4000)) * np.array([[0.2], [0.4]])
    table = recording_table([x, 3 * x], fs=1000.0, subject=["a", "b"])
    quiet, amplitude = (rng.normal(scale=s, size=(2, 4000)) for s in (0.1, 0.8))
    mvc = recording_table([quiet, amplitude, amplitude], fs=1000.0, subject=["a", "a", "b"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        normal = normalize_to_mvc(table, mvc)
    assert normal["signal"].iloc[0].std(axis=1) == pytest.approx([0.25, 0.5], rel=0.12)
    assert set(normal["unit"]) == {"MVC"}
    with pytest.raises(ValueError, match=r"Row 1 has no maximal contraction.*'b'"):
        normalize_to_mvc(table, mvc[:2])
    with pytest.raises(ValueError, match="already normalised"):
        normalize_to_mvc(normal, mvc)
    with pytest.raises(ValueError, match="must have 2 channels with a positive RMS"):
        normalize_to_mvc(table, mvc.assign(signal=[s[0] for s in mvc["signal"]]))


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"fs": -1000.0}, "'fs' parameter of segment_activity"),
        ({"fs": np.nan}, "'fs' parameter of segment_activity"),
        ({"signal": np.ma.masked_greater(np.arange(100.0), 50)}, "neither NaN"),
        ({"signal": np.arange(100) + 0j}, "A signal must consist of samples"),
        ({"signal": np.arange(100).astype("M8[s]")}, "A signal must consist of samples"),
    ],
)
def test_activity_of_what_is_no_signal_is_refused(change, match):
    with pytest.raises(ValueError, match=match):
        segment_activity(**({"signal": np.arange(100.0), "fs": 1000.0} | change))


def test_rows_with_channels_in_different_orders_are_refused():
    mixed = table_of().assign(channel_names=[("flexor", "extensor"), ("extensor", "flexor")])
    model = make_pipeline(TimeDomainFeatures(["rms"]), LinearDiscriminantAnalysis())
    y = ["a", "b"]
    steps = (
        TimeDomainFeatures(["rms"]),
        Windows(TimeDomainFeatures(["rms"]), window=0.5),
        DiVoteClassifier(model, window=0.5),
        EMGClassifier("CNN1D", max_epochs=1),
    )
    for step in steps:
        with pytest.raises(ValueError, match="Row 1 has the channels extensor, flexor, but row 0"):
            step.fit(mixed, y)
    even = select_channels(mixed, ["flexor", "extensor"])
    fitted = steps[0].fit(even)
    assert fitted.get_feature_names_out().tolist() == ["flexor_rms", "extensor_rms"]
    with pytest.raises(ValueError, match="Row 1 has the channels"):
        fitted.transform(mixed)
    rms = fitted.transform(even)
    expected = [np.sqrt(np.mean(np.square(s), axis=1)) for s in mixed["signal"]]
    np.testing.assert_allclose(rms, [expected[0], expected[1][::-1]])


def test_a_reference_of_another_muscle_or_order_is_told():
    table, mvc = table_of(muscle="biceps"), table_of(muscle="triceps")
    with pytest.warns(RecordingWarning, match="'biceps' comes from the muscle 'triceps'. Pass by="):
        normalize_to_mvc(table, mvc)
    both = pd.concat([mvc, mvc.assign(muscle="biceps")], ignore_index=True)
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="normalize_to_mvc")
        normalize_to_mvc(table, both, by=("subject", "muscle"))
    other = table_of(("extensor", "flexor"))
    with pytest.raises(ValueError, match="in the order extensor, flexor"):
        normalize_to_mvc(table_of(), other)
