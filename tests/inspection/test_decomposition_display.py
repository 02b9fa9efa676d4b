"""DecompositionDisplay draws the signal, the residual, discharges and templates."""

import numpy as np
import pandas as pd
import pytest

from sklearn_emg.datasets import simulate_recording
from sklearn_emg.inspection import DecompositionDisplay
from sklearn_emg.motor_units import MotorUnitDecomposer

FS = 12_000.0


@pytest.fixture(scope="module")
def fitted():
    signal = simulate_recording(drive=0.005, duration=5.0, fs=FS, random_state=1)
    return signal, MotorUnitDecomposer(fs=FS).fit(signal)


def test_the_residual_is_smaller_and_each_unit_is_drawn(fitted):
    signal, decomposer = fitted
    display = DecompositionDisplay.from_decomposer(decomposer, signal, fs=FS).plot()
    assert np.std(display.residual) < 0.4 * np.std(signal)
    n_units = len(decomposer.units_)
    assert len(display.event_lines_) == len(display.template_lines_) == n_units
    first = decomposer.discharges_.query("unit == 1")["time"]
    np.testing.assert_allclose(display.event_lines_[0].get_positions(), first)


def test_reference_discharges_are_marked_as_found_or_missed(fitted):
    signal, decomposer = fitted
    times = decomposer.discharges_.query("unit == 1")["time"].to_numpy() + 0.002
    extra = times[:2] + 0.03
    reference = pd.DataFrame({"unit": 5, "time": np.concatenate([times, extra])})
    display = DecompositionDisplay.from_decomposer(decomposer, signal, fs=FS, reference=reference)
    found, missed = display.plot().axes_[2].get_lines()
    assert len(found.get_xdata()) == len(times)
    assert len(missed.get_xdata()) == 2


def test_a_rate_and_an_existing_channel_are_needed(fitted):
    signal, decomposer = fitted
    with pytest.raises(ValueError, match="needs the sampling rate"):
        DecompositionDisplay.from_decomposer(decomposer, signal)
    with pytest.raises(ValueError, match="1 channel, but 'channel' is 2"):
        DecompositionDisplay.from_decomposer(decomposer, signal, fs=FS, channel=2)
