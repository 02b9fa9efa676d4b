"""CUSUM: run lengths against published values, alarms, limits of a reference."""

import numpy as np
import pandas as pd
import pytest

from sklearn_emg.adaptation import CusumDetector, average_run_length
from sklearn_emg.exceptions import RecordingWarning


@pytest.mark.parametrize(
    "threshold, shift, exact",
    # D. C. Montgomery, Introduction to Statistical Quality Control: two-sided run lengths, k = 0.5.
    [(4.0, 0.0, 168.0), (5.0, 0.0, 465.0), (4.0, 1.0, 8.38), (5.0, 1.0, 10.4), (4.0, 2.0, 3.34)],
)
def test_run_lengths_are_those_of_the_table(threshold, shift, exact):
    up = average_run_length(threshold, 0.5, shift)
    down = average_run_length(threshold, 0.5, -shift)
    # Siegmund's approximation is within 5 percent.
    assert 1 / (1 / up + 1 / down) == pytest.approx(exact, rel=0.05)


def streams(n, run_length):
    """Detector of n independent streams, each with the threshold of one."""
    detector = CusumDetector(np.zeros(n), np.ones(n))
    detector.threshold = CusumDetector(0.0, 1.0, run_length=run_length).threshold
    return detector


def test_false_alarms_come_at_the_stated_rate():
    n, n_steps, run_length = 200, 1000, 100
    detector = streams(n, run_length)
    values = np.random.default_rng(0).normal(size=(n_steps, n))
    n_alarms = len(detector.extend(values))
    assert n_alarms == pytest.approx(n * n_steps / run_length, rel=0.08)


@pytest.mark.parametrize("shift", [1.0, 2.0])
def test_the_delay_is_that_of_the_formula(shift):
    detector = streams(1000, 500)
    values = np.random.default_rng(0).normal(shift, 1.0, size=(60, 1000))
    first = {}
    for alarm in detector.extend(values):
        first.setdefault(alarm.feature, alarm.position + 1)
    expected = CusumDetector(0.0, 1.0, run_length=500).expected_delay(shift)
    assert len(first) == 1000
    assert np.mean(list(first.values())) == pytest.approx(expected, rel=0.05)


def test_an_alarm_names_feature_direction_and_change():
    rng = np.random.default_rng(1)
    table = pd.DataFrame(rng.normal(size=(300, 2)), columns=["rms", "mnf"])
    detector = CusumDetector.from_reference(table, run_length=10_000)
    stream = pd.DataFrame(rng.normal(size=(60, 2)), columns=["rms", "mnf"])
    stream.loc[30:, "mnf"] -= 3.0
    alarms = detector.extend(stream[["mnf", "rms"]])  # in any order of columns
    assert alarms[0].feature == "mnf"
    assert alarms[0].direction == "down"
    assert 30 < alarms[0].position < 36
    assert 20 <= alarms[0].since <= 30
    assert all(alarm.feature == "mnf" for alarm in alarms)
    up = CusumDetector.from_reference(table, run_length=10_000, direction="up")
    assert up.extend(stream) == []


def test_missing_values_are_counted_and_leave_the_sums():
    detector = CusumDetector(0.0, 1.0)
    detector.extend([2.0, 2.0])
    sums = detector._sums.copy()
    assert detector.update(np.nan) == []
    np.testing.assert_array_equal(detector._sums, sums)
    assert (detector.n_values, detector.n_missing) == (3, 1)


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="Feature 'rms' of CusumDetector has no finite mean, or"):
        CusumDetector([0.0], [0.0], names=["rms"])
    with pytest.raises(ValueError, match=r"shapes \(2,\) and \(1,\)"):
        CusumDetector([0.0, 1.0], 1.0)
    with pytest.raises(ValueError, match="must be a finite number > 0"):
        CusumDetector(0.0, 1.0, shift=-1.0)
    with pytest.raises(ValueError, match=r"as short as 1\.01 with a shift of 1"):
        CusumDetector(0.0, 1.0, run_length=1.01, direction="up")
    with pytest.raises(ValueError, match="takes 1 finite value "):
        CusumDetector(0.0, 1.0).update(np.inf)
    with pytest.raises(ValueError, match="lacks the column 'rms'"):
        CusumDetector(0.0, 1.0, names=["rms"]).extend(pd.DataFrame({"mnf": [1.0]}))
    with pytest.warns(RecordingWarning, match="deviation from 20 values"):
        CusumDetector.from_reference(np.arange(20.0))


def test_values_of_a_series_are_found_by_name():
    for order in (["a", "b"], ["b", "a"], ["x", "b", "a"]):
        detector = CusumDetector([0.0, 0.0], [1.0, 1.0], names=["a", "b"])
        row = pd.Series({"a": 0.0, "b": 9.0, "x": 5.0})[order]
        (alarm,) = detector.update(row)
        assert alarm.feature == "b"
    detector = CusumDetector([0.0, 0.0], [1.0, 1.0])
    (alarm,) = detector.update(pd.Series([0.0, 9.0], index=["rms", "mav"]))  # by position
    assert alarm.feature == 1
