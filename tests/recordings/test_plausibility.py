"""Warnings of recordings and windows that cannot be EMG in mV."""

import warnings
from functools import partial

import data
import numpy as np
import pandas as pd
import pytest

from sklearn_emg._warnings import warned_once
from sklearn_emg.exceptions import RecordingWarning
from sklearn_emg.feature_extraction import SpectralFeatures, TimeDomainFeatures
from sklearn_emg.preprocessing import BandpassFilter
from sklearn_emg.recordings import SignalFile, check_recording_table, recording_table

noise = partial(data.noise, scale=0.1)


def texts(function, *args, **kwargs):
    """Texts of the RecordingWarnings."""
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        function(*args, **kwargs)
    return [str(w.message) for w in seen if w.category is RecordingWarning]


def table(signals, fs=1000.0):
    return recording_table(signals, fs=fs, subject=[f"S{i}" for i in range(len(signals))])


@pytest.mark.parametrize("scale", [0.003, 0.01, 0.3, 1.0])
def test_emg_in_millivolts_gives_no_warning(scale):
    assert texts(table, [noise(2, 3000, scale=scale, seed=i) for i in range(4)]) == []


@pytest.mark.parametrize(
    "signals, match",
    [
        ([noise(3000), noise(3000, scale=100.0)], r"row 1: the mean amplitude is above 5 mV"),
        ([noise(3000, scale=1e-4)] * 2, r"rows 0, 1: .* noise of an amplifier.*unit='V'"),
        ([noise(3000, scale=5e-4)] * 2, r"rows 0, 1: .* noise of an amplifier.*unit='V'"),
        ([noise(3000), np.abs(noise(3000))], r"row 1: a channel never changes its sign"),
        ([np.stack([noise(3000), np.abs(noise(3000))])], r"row 0: a channel never changes"),
        ([np.round(2048 + noise(3000, scale=150.0)).astype("i2")], r"row 0: all samples are int"),
        ([np.round(127 + noise(3000, scale=4.0))], r"row 0: all samples are integers"),
        ([noise(3000) + 1650.0], r"row 0: the offset is above 1000 mV"),
        (
            [np.stack([noise(3000), noise(3000, scale=100.0)])] * 2,
            r"rows 0, 1: the amplitude of a channel is above 5 mV and more than 300 times",
        ),
        ([noise(300, 8)], r"row 0: has more channels than samples \(shape \(300, 8\)\)"),
        (
            [noise(3000, seed=i, scale=4.0 if i == 2 else 0.004) for i in range(5)],
            r"row 2: the amplitude differs from the median",
        ),
    ],
)
def test_what_cannot_be_millivolts_is_named(signals, match):
    with pytest.warns(RecordingWarning, match=match):
        table(signals)


def test_rates_in_other_units_than_hertz_are_named():
    with pytest.warns(RecordingWarning, match=r"row 1: a sampling rate of 1e\+06 Hz is too high"):
        table([noise(3000)] * 2, fs=[1000.0, 1e6])
    for step in (TimeDomainFeatures(), BandpassFilter(0.2, 0.45), SpectralFeatures()):
        match = f"'fs' parameter of {type(step).__name__}: a sampling rate of 2 Hz is too low"
        with pytest.warns(RecordingWarning, match=match):
            step.set_params(fs=2.0).fit(noise(2, 3000))


def test_a_low_rate_is_named():
    with pytest.warns(RecordingWarning, match=r"row 1: a sampling rate of 2 Hz is too low"):
        table([noise(3000), noise(3000)], fs=[2000.0, 2.0])


def test_one_warning_names_all_rows():
    [text] = texts(table, [noise(3000, scale=100.0)] * 7 + [noise(300, 8)])
    assert "rows 0, 1, 2, 3, 4 and 2 more" in text
    assert "row 7: has more channels than samples" in text


def test_gaps_and_constant_channels_do_not_disturb():
    gap = noise(3000)
    gap[100:2000] = np.nan
    one_dead = np.stack([noise(3000), np.zeros(3000)])
    pause = noise(20000)
    pause[1000:-1000] = 0.0
    assert texts(table, [gap, one_dead, pause, np.full(3000, np.nan), noise(3000)]) == []
    assert texts(table, [np.zeros(20)]) == []


@pytest.mark.parametrize("dead", [
    np.zeros(3000), np.full((2, 20000), 3.3), np.r_[np.zeros(50), np.full(50, np.nan)],
])  # fmt: skip
def test_dead_recordings_are_named(dead, tmp_path):
    with pytest.warns(RecordingWarning, match=r"row 1: all samples are equal: .* dead"):
        X = table([noise(3000), dead, noise(3000, seed=1)])
    if dead.shape == (3000,):
        with pytest.warns(RecordingWarning, match="row 1: .* dead"):
            TimeDomainFeatures().fit(X)
        dead.astype("<f4").tofile(tmp_path / "a.bin")
        with pytest.warns(RecordingWarning, match="row 0: .* dead"):
            TimeDomainFeatures().fit(table([SignalFile(tmp_path / "a.bin", dtype="<f4")]))


def test_estimators_warn_of_tables_made_by_hand_and_not_of_filtered_ones():
    X = table([noise(4000), noise(4000, seed=1)])
    X["signal"] = pd.Series([noise(4000, 8), noise(4000, 8, seed=1)], dtype=object)
    with pytest.warns(RecordingWarning, match="rows 0, 1: has more channels than samples"):
        BandpassFilter(20, 400).fit(X)
    X["signal"] = pd.Series([noise(4000, scale=100.0)] * 2, dtype=object)
    with pytest.warns(RecordingWarning, match="too large for EMG"):
        filtered = BandpassFilter(20, 400).fit_transform(X)
    assert texts(TimeDomainFeatures().fit_transform, filtered) == []


def test_files_are_looked_at_by_estimators_only(tmp_path):
    np.round(noise(4000, scale=150.0)).astype("<i2").tofile(tmp_path / "a.bin")
    file = SignalFile(tmp_path / "a.bin", length=4000)
    assert texts(table, [file]) == []
    with pytest.warns(RecordingWarning, match="row 0: all samples are integers"):
        TimeDomainFeatures().fit(table([file]))


def test_a_stretch_of_a_file_does_not_count_for_all_of_it(tmp_path):
    x = np.concatenate([-np.ones(3000), np.abs(noise(4000)), -np.ones(3000)]).astype("<f4")
    x.tofile(tmp_path / "a.bin")
    X = table([SignalFile(tmp_path / "a.bin", length=10000, dtype="<f4")])
    assert texts(TimeDomainFeatures().fit, X) == []


@pytest.mark.parametrize(
    "X, match",
    [
        (noise(10, 400, 8), "more channels .400. than samples .8."),
        (noise(6, 2000, scale=2e-4), "If the windows are in V"),
        (noise(6, 2000, scale=200.0), "If the windows are in µV or counts"),
    ],
)
def test_windows_of_another_unit_or_axis_are_named(X, match):
    with pytest.warns(RecordingWarning, match=match):
        TimeDomainFeatures(["rms"], fs=1000.0).fit(X)


@pytest.mark.parametrize("scale", [0.01, 1.0, 5.0])
def test_windows_in_millivolts_or_standardised_give_no_warning(scale):
    X = noise(10, 4, 400, scale=scale)
    assert texts(TimeDomainFeatures(["rms"], fs=1000.0).fit, X) == []


def test_a_warning_is_given_once_in_a_call_chain():
    X = table([noise(3000)])
    X["signal"] = pd.Series([noise(3000, scale=100.0)], dtype=object)

    @warned_once()
    def chain():
        check_recording_table(X)
        check_recording_table(X)

    assert len(texts(chain)) == 1
    assert len(texts(chain)) == 1


@pytest.mark.parametrize("step", [BandpassFilter(20, 400, fs=1000.0), TimeDomainFeatures()])
def test_a_recording_given_as_windows_of_its_channels_is_named(step):
    x = noise(2000, 2)
    with pytest.warns(RecordingWarning, match=r"2000 windows of 2 samples.*pass X\.T\[np"):
        step.fit(x)
    assert texts(step.fit, x.T[np.newaxis]) == []
    assert texts(step.fit, noise(2000, 20)) == []
