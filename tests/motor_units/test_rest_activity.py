"""Spontaneous activity at rest: simulated events are found and named, contractions are refused."""

import warnings

import numpy as np
import pandas as pd
import pytest

from sklearn_emg.datasets import load_n2001, simulate_recording
from sklearn_emg.exceptions import RecordingWarning
from sklearn_emg.motor_units import RestActivityDetector
from sklearn_emg.motor_units._rest._kinds import Shape, Timing, kind_of

FS = 10000.0


def rest(spontaneous, seed=2, duration=8.0, **amplifier):
    return simulate_recording(
        drive=0.0,
        duration=duration,
        fs=FS,
        spontaneous=spontaneous,
        amplifier=amplifier or None,
        return_truth=True,
        random_state=seed,
    )


def detected(*signals):
    return RestActivityDetector(fs=FS).fit(list(signals))


@pytest.mark.parametrize(
    "name, kind",
    [
        ("fibrillations", "fibrillation"),
        ("sharp_waves", "positive sharp wave"),
        ("fasciculations", "fasciculation"),
        ("endplate_spikes", "end-plate activity"),
    ],
)
def test_events_of_each_kind_are_found_at_their_times(name, kind):
    signal, truth = rest({name: 1})
    found = detected(signal).events_
    [source] = truth["spontaneous"]
    late = np.abs(source["template"]).argmax() / FS - truth["reference"]
    times = found.loc[found["kind"] == kind, "time"].to_numpy()
    inside = source["firing_times"][(source["firing_times"] < 7.98)]
    apart = np.abs(inside[:, None] + late - times).min(axis=1)
    # End-plate spikes are so frequent that some overlap.
    assert np.mean(apart < 0.002) > (0.6 if name == "endplate_spikes" else 0.85)
    assert (found["kind"] == kind).mean() > 0.85
    assert np.median(found["amplitude"]) == pytest.approx(source["ptp_mv"], rel=0.25)


def test_rates_and_regularity_are_those_of_the_source():
    signal, truth = rest({"fibrillations": 1}, seed=5, duration=12.0)
    [source] = detected(signal).sources_.to_dict("records")
    intervals = np.diff(truth["spontaneous"][0]["firing_times"])
    assert source["rate"] == pytest.approx(1 / intervals.mean(), rel=0.03)
    assert source["variability"] == pytest.approx(intervals.std() / intervals.mean(), abs=0.03)
    assert source["first_phase"] == "positive"
    assert 1.0 < source["duration"] < 6.5


@pytest.mark.parametrize("noise", [0.001, 0.01, 0.056])
def test_quiet_muscle_has_no_events(noise):
    signals = [rest({}, seed=seed, duration=5.0, noise=noise)[0] for seed in range(4)]
    detector = detected(*signals)
    assert len(detector.events_) == 0
    assert detector.recordings_["rest"].all()
    assert list(detector.events_.columns) == [
        *("row", "channel", "source", "kind", "time", "amplitude")
    ]


def test_endplate_noise_is_no_sign_of_disease():
    found = detected(rest({"endplate_noise": 0.006})[0]).events_
    assert set(found["kind"]) <= {"end-plate activity", "unclassified"}


@pytest.mark.parametrize("diagnosis", ["normal", "myopathy", "neuropathy"])
def test_contractions_are_refused(diagnosis):
    signals = [
        simulate_recording(
            "biceps_brachii", diagnosis, drive=drive, duration=5.0, fs=FS, random_state=seed
        )
        for seed, drive in enumerate((0.005, 0.03, 0.2))
    ]
    with pytest.warns(RecordingWarning, match="does not look for spontaneous activity in"):
        detector = detected(*signals)
    assert not detector.recordings_["rest"].any()
    assert (detector.recordings_["reason"] != "").all()
    assert len(detector.events_) == 0
    features = pd.DataFrame(detector.transform(signals), columns=detector.get_feature_names_out())
    assert (features["rest_state"] == 0).all()
    assert features["rest_fibrillations"].isna().all()


def test_features_are_events_per_second():
    signal, _ = rest({"fibrillations": 2})
    detector = detected(signal)
    row = pd.Series(detector.transform([signal])[0], index=detector.get_feature_names_out())
    n = (detector.events_["kind"] == "fibrillation").sum()
    assert row["rest_fibrillations"] == pytest.approx(n / 8.0)
    assert row["rest_sources"] == 2
    assert row["rest_state"] == 1


def test_short_and_slow_recordings_and_wrong_units_are_refused():
    signal, _ = rest({"fibrillations": 1})
    for given, fs, reason in (
        (signal[: int(1.9 * FS)], FS, "shorter than 2 s"),
        (signal, 2000.0, "below 4000 Hz"),
        (1000 * signal, FS, "check the unit"),
    ):
        with pytest.warns(RecordingWarning, match=reason):
            found = RestActivityDetector(fs=fs).fit([given])
        assert not found.recordings_["rest"].any()


def test_alone_in_a_batch_and_in_a_table_the_same():
    signals = [
        rest({"sharp_waves": 1, "fasciculations": 1}, seed=s, duration=5.0)[0] for s in (1, 2)
    ]
    together = detected(*signals).events_
    alone = [detected(signal).events_.assign(row=k) for k, signal in enumerate(signals)]
    pd.testing.assert_frame_equal(together, pd.concat(alone, ignore_index=True))
    table = pd.DataFrame({"signal": signals, "fs": FS, "subject": ["a", "b"]})
    pd.testing.assert_frame_equal(RestActivityDetector().fit(table).events_, together)


def test_polarity_tells_sharp_waves_and_scale_only_amplitudes():
    signal, _ = rest({"sharp_waves": 2})
    assert (detected(signal).sources_["kind"] == "positive sharp wave").any()
    assert not (detected(-signal).sources_["kind"] == "positive sharp wave").any()
    detector = RestActivityDetector(fs=FS, min_amplitude=0.0)
    a, b = (detector.fit([factor * signal]).events_ for factor in (1.0, 1.5))
    np.testing.assert_allclose(b["amplitude"], 1.5 * a["amplitude"])
    pd.testing.assert_frame_equal(a.drop(columns="amplitude"), b.drop(columns="amplitude"))


@pytest.mark.parametrize(
    "shape, timing, kind",
    [
        (Shape(0.1, 3.0, 1, False), Timing(20, 5.0, 0.05), "fibrillation"),
        (Shape(0.1, 3.0, -1, False), Timing(20, 5.0, 0.05), "fibrillation"),
        (Shape(0.1, 3.0, -1, False), Timing(20, 12.0, 0.35), "end-plate activity"),
        (Shape(0.1, 12.0, 1, True), Timing(20, 5.0, 0.05), "positive sharp wave"),
        (Shape(0.1, 12.0, 1, True), Timing(20, 5.0, 0.30), "unclassified"),
        (Shape(0.5, 11.0, 1, False), Timing(2, 0.2, np.nan), "fasciculation"),
        (Shape(0.5, 11.0, 1, False), Timing(90, 9.0, 0.17), "motor unit"),
        (Shape(0.2, 5.0, 1, False), Timing(90, 9.0, 0.17), "motor unit"),
        (Shape(0.03, 3.0, 1, False), Timing(1, 0.1, np.nan), "unclassified"),
    ],
)
def test_rules(shape, timing, kind):
    assert kind_of(shape, timing) == kind


def test_real_recordings_of_contractions_are_refused(real_data):
    table = load_n2001(real_data / "n2001").data
    with pytest.warns(RecordingWarning, match="does not look for spontaneous activity"):
        assert not RestActivityDetector().fit(table).recordings_["rest"].any()


@pytest.mark.slow
def test_few_real_recordings_at_low_force_are_called_rest(real_data):
    table = load_n2001(real_data / "n2001_biceps", spoilt="trim").data
    table = table[table["level"] == "low"].groupby("subject").head(1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RecordingWarning)
        found = RestActivityDetector().fit(table).recordings_
    assert found["rest"].mean() <= 0.15


@pytest.mark.parametrize("value", [0.0, 0.3, -12.0])
def test_a_dead_recording_is_not_called_quiet(value):
    dead = np.full(48000, value)
    dead[:10] += 1e-3
    with pytest.warns(RecordingWarning, match="it contains no signal"):
        got = RestActivityDetector(fs=24000.0).fit_transform(dead[np.newaxis])
    assert np.isnan(got[0, 0])
    assert got[0, -1] == 0
