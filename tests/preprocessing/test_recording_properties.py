"""Properties of recordings: known sines, steps and offsets, files, and missing samples."""

import numpy as np
import pandas as pd
import pytest

from sklearn_emg.preprocessing import recording_properties
from sklearn_emg.recordings import SignalFile, recording_table

FS = 2000.0


def noise(n=40_000, sd=0.01, seed=0):
    return sd * np.random.default_rng(seed).normal(size=n)


def properties(signal, fs=FS, **kwargs):
    table = recording_table([np.asarray(signal)], fs=fs, subject="A")
    return recording_properties(table, **kwargs).iloc[0]


@pytest.mark.parametrize(("name", "line"), [("line_50", 50.0), ("line_60", 60.0)])
def test_amplitude_of_a_sine_at_the_line_frequency(name, line):
    t = np.arange(40_000) / FS
    found = properties(noise() + 0.03 * np.sin(2 * np.pi * line * t))
    # The tolerance is 2 %, since noise of 0.01 mV adds to the sine of 0.03 mV.
    assert found[name] == pytest.approx(0.03, rel=0.02)
    other = "line_60" if name == "line_50" else "line_50"
    assert found[other] == 0.0


def test_the_spectrum_of_the_muscle_is_no_line():
    coloured = [np.convolve(noise(10_000, seed=k), np.ones(20), "same") for k in range(50)]
    table = recording_table(coloured, fs=FS, subject="A")
    assert (recording_properties(table)[["line_50", "line_60"]] == 0).all(axis=None)


def test_white_noise_has_its_density_and_standard_deviation():
    found = properties(noise(sd=0.02))
    assert found["noise_density"] == pytest.approx(0.02 / np.sqrt(FS / 2), rel=0.05)
    # The 10 % quantile of deviations over 100 samples lies 1.3 standard errors (7 %) below.
    assert found["noise_floor"] == pytest.approx(0.02 * (1 - 1.28 / np.sqrt(200)), rel=0.02)


def test_noise_floor_is_that_of_the_quiet_part():
    burst = np.repeat([1.0, 0.0], 20_000) * noise(sd=1.0) + noise(sd=0.01, seed=1)
    assert properties(burst)["noise_floor"] == pytest.approx(0.01, rel=0.15)


def test_length_offset_and_invalid_samples():
    signal = noise() + 0.02
    signal[:1000] = np.nan
    found = properties(signal)
    assert found["length"] == 20.0
    assert found["offset"] == pytest.approx(0.02, abs=0.0002)
    assert found["invalid"] == 1000 / 40_000


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_step_of_the_converter(dtype):
    step = 2.5 / 2**15
    signal = (np.round(noise(sd=0.05) / step) * step + 0.05).astype(dtype)
    assert properties(signal)["step"] == pytest.approx(step, rel=0.01)


@pytest.mark.parametrize("sd", [0.001, 0.1, 1.0])
def test_step_does_not_depend_on_the_amplitude(sd):
    step = 2.5 / 2**15
    short = np.round(noise(4000, sd=sd) / step) * step
    assert properties(short)["step"] == pytest.approx(step, rel=0.01)


def test_step_of_values_that_were_rounded_again():
    signal = np.round(np.round(noise(sd=20.0) / 0.78125) * 0.78125, 1) / 1000
    assert properties(signal)["step"] == pytest.approx(0.78e-3, rel=0.01)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_filtered_samples_have_no_step(dtype):
    assert np.isnan(properties(noise().astype(dtype))["step"])


@pytest.mark.parametrize("low", [-np.inf, -0.02])
def test_clipped_samples_on_one_side_or_both(low):
    clipped = np.clip(noise(), low, 0.02)
    expected = np.mean((clipped == 0.02) | (clipped == low))
    assert properties(clipped)["clipped"] == pytest.approx(expected)
    assert properties(noise())["clipped"] <= 2 / 40_000


def test_channels_have_rows_and_a_recording_their_summary():
    signal = np.stack([noise(seed=k) + offset for k, offset in enumerate((0.001, 0.002, 0.009))])
    table = recording_table([signal, signal[:2]], fs=FS, subject=["A", "B"]).set_index(
        pd.Index(["x", "y"], name="file")
    )
    by_channel = recording_properties(table, channels=True)
    assert by_channel.index.tolist() == [("x", 1), ("x", 2), ("x", 3), ("y", 1), ("y", 2)]
    assert by_channel.index.names == ["file", "channel"]
    by_recording = recording_properties(table)
    assert by_recording.index.equals(table.index)
    assert by_recording["n_channels"].tolist() == [3, 2]
    assert by_recording.loc["x", "offset"] == by_channel.loc[("x", 2), "offset"]


def test_a_file_gives_what_its_samples_give_also_in_parallel(tmp_path):
    counts = np.round(noise() / 1e-4).astype("<i2")
    counts.tofile(tmp_path / "a.bin")
    handle = SignalFile(tmp_path / "a.bin", scale=1e-4)
    table = recording_table([handle, counts * 1e-4], fs=FS, subject=["A", "B"])
    found = recording_properties(table, n_jobs=2)
    pd.testing.assert_series_equal(found.iloc[0], found.iloc[1], check_names=False)
    assert found["step"].tolist() == [1e-4, 1e-4]


def test_a_channel_without_valid_samples_has_a_length_and_no_other_property():
    found = properties(np.stack([np.full(5000, np.nan), np.full(5000, np.nan)]))
    assert found["length"] == 2.5
    assert found["invalid"] == 1.0
    assert found.drop(["length", "invalid", "n_channels"]).isna().all()


def test_a_short_recording_has_no_line_amplitude():
    found = properties(noise(20))
    assert found[["line_50", "line_60", "noise_density"]].isna().all()
    assert np.isnan(properties(noise(200))["line_50"])  # five periods
    assert np.isfinite(found["noise_floor"])


def test_constant_samples_are_neither_clipped_nor_stepped():
    found = properties(np.full(5000, 0.5))
    assert found["offset"] == 0.5
    assert found["clipped"] == 0.0
    assert np.isnan(found["step"])


def test_a_table_without_rates_is_refused():
    with pytest.raises(ValueError, match="lacks the column 'fs'"):
        recording_properties(pd.DataFrame({"signal": [noise()], "subject": ["A"]}))
