"""Units of samples, and their conversion to millivolts."""

import numpy as np
import pytest

from sklearn_emg.recordings import SignalFile, millivolts_per, read_signal, recording_table


@pytest.mark.parametrize(
    "unit, factor",
    [("uV", 1e-3), ("µV", 1e-3), ("μV", 1e-3), ("mv", 1), ("mV", 1), ("V", 1e3), ("Volts", 1e3)],
)
def test_units_in_any_spelling(unit, factor):
    assert millivolts_per(unit) == factor


@pytest.mark.parametrize("unit", ["deg", "", "mmHg", "NU"])
def test_other_units_are_refused(unit):
    with pytest.raises(ValueError, match="not a known voltage"):
        millivolts_per(unit)


@pytest.mark.parametrize(
    "unit, factor",
    [("uV", 1e-3), ("µV", 1e-3), ("\u03bcV", 1e-3), ("mV", 1.0), ("V", 1e3), ("nV", 1e-6)],
)
def test_samples_become_millivolts(unit, factor, noise):
    table = recording_table([noise / factor], fs=1000.0, subject="a", unit=unit)
    np.testing.assert_allclose(table["signal"][0], noise, rtol=1e-12)


def test_units_may_differ_by_recording_and_float32_stays(noise):
    signals = [noise.astype(np.float32) * 1000, noise / 1000]
    table = recording_table(signals, fs=1000.0, subject=["a", "b"], unit=["uV", "V"])
    assert [s.dtype for s in table["signal"]] == [np.float32, np.float64]
    np.testing.assert_allclose(table["signal"][0], noise, rtol=1e-5)
    np.testing.assert_allclose(table["signal"][1], noise, rtol=1e-12)


def test_counts_become_millivolts(noise):
    counts = np.rint(2048 + 1000 * noise).astype("<i2")
    table = recording_table([counts], fs=1e3, subject="a", unit="counts", gain=1000, baseline=2048)
    np.testing.assert_allclose(table["signal"][0], np.rint(1000 * noise) / 1000, atol=1e-12)


def test_a_file_gets_another_scale_and_is_not_read(tmp_path, noise):
    path = tmp_path / "a.bin"
    counts = np.rint(2048 + 1000 * noise).astype("<i2")
    file = SignalFile(path, length=len(counts))
    table = recording_table([file], fs=1e3, subject="a", unit="counts", gain=1000, baseline=2048)
    scaled = recording_table(
        [SignalFile(path, length=len(counts), scale=2.0, baseline=8.0)],
        fs=1e3,
        subject="a",
        unit="uV",
    )
    counts.tofile(path)
    np.testing.assert_allclose(
        read_signal(table["signal"][0], np.float64), np.rint(1000 * noise) / 1000, atol=1e-12
    )
    np.testing.assert_allclose(
        read_signal(scaled["signal"][0], np.float64), (counts - 8.0) * 2.0 / 1000
    )


@pytest.mark.parametrize(
    "given, match",
    [
        ({"unit": "mmHg"}, "'unit' of recording_table must be 'nV', 'uV', 'mV', 'V' or 'counts'"),
        ({"unit": 3}, "must be a str such as 'mV'"),
        ({"unit": "counts"}, "requires a 'gain'"),
        ({"unit": "counts", "gain": 0}, "requires a 'gain'"),
        ({"unit": "counts", "gain": 1.0, "baseline": np.nan}, "'baseline' .* finite"),
        ({"gain": 1000.0}, "require unit='counts'"),
        ({"unit": ["mV", "uV", "V"]}, "Column 'unit' has 3 values for 1 signal"),
    ],
)
def test_unusable_units_are_refused(given, match, noise):
    with pytest.raises(ValueError, match=match):
        recording_table([noise], fs=1000.0, subject="a", **given)


def test_half_precision_is_not_used_for_the_conversion():
    x = np.array([0.0, 1.0, 2.0], dtype=np.float16)
    table = recording_table([x], fs=1000.0, subject="a", unit="nV")
    np.testing.assert_allclose(table["signal"][0], x.astype(float) * 1e-6, rtol=1e-12)
