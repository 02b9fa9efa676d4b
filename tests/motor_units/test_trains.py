"""Intervals, firing statistics and common drive on trains with known properties."""

import warnings

import numpy as np
import pandas as pd
import pytest

from sklearn_emg.exceptions import RecordingWarning
from sklearn_emg.motor_units import (
    MotorUnitDecomposer,
    common_drive,
    firing_statistics,
    template_measures,
)
from sklearn_emg.motor_units._trains import avoid_each_other, fit_intervals, locked_fraction


def train(rate=10.0, cv=0.15, seconds=60.0, seed=0):
    rng = np.random.default_rng(seed)
    n = int(1.2 * rate * seconds)
    times = np.cumsum(np.maximum(1 + cv * rng.normal(size=n), 0.3)) / rate
    return times[times < seconds]


@pytest.mark.parametrize("missed", [0.0, 0.2, 0.4])
@pytest.mark.parametrize("seed", [1, 2])
def test_missed_discharges_are_estimated_and_do_not_change_the_interval(missed, seed):
    times = train(seed=seed)
    kept = times[np.random.default_rng(seed).random(len(times)) >= missed]
    model = fit_intervals(kept)
    assert model.mean == pytest.approx(0.1, rel=0.05)
    assert model.sd / model.mean == pytest.approx(0.15, abs=0.04)
    assert model.missed == pytest.approx(missed, abs=0.06)
    assert model.false < 0.05


def test_false_discharges_are_estimated():
    times, rng = train(), np.random.default_rng(5)
    false = rng.uniform(0, 60, 100)
    model = fit_intervals(np.sort(np.concatenate([times, false])))
    assert model.mean == pytest.approx(0.1, rel=0.06)
    # 100 of some 700 are false; those close to a true discharge look like regular intervals.
    assert 0.05 < model.false < 0.25


def test_discharges_at_one_time_are_no_reason_to_fail():
    intervals = [0.0] * 6 + [3e-4, 0.04, 0.14, 0.31, 0.32, 0.37, 0.38, 0.41, 0.44, 0.49, 0.5, 0.53]
    intervals += [0.55, 0.55, 0.59, 0.67, 0.71, 0.72, 0.74, 1.26]
    model = fit_intervals(np.cumsum(intervals))
    assert np.isfinite(model).all()
    assert model.false > 0.1


def test_three_discharges_say_nothing_about_intervals():
    assert np.isnan(fit_intervals([0.1, 0.2, 0.3])).all()


def test_trains_of_one_unit_avoid_each_other_and_those_of_two_do_not():
    times = train(seconds=20)
    rng = np.random.default_rng(3)
    first = rng.random(len(times)) < 0.5
    assert avoid_each_other(times[first], times[~first], 20.0)
    assert not avoid_each_other(times, train(seconds=20, seed=9), 20.0)


def test_discharges_at_a_fixed_lag_are_locked():
    times = train(seconds=20)
    assert locked_fraction(times, times[::2] + 0.007) == 1.0
    assert locked_fraction(times, train(seconds=20, seed=4)) < 0.15


def test_firing_statistics_by_hand():
    # Intervals 100, 100, 15 and 100 ms: one of four is a double discharge.
    table = pd.DataFrame({"unit": [2] * 5 + [7], "time": [0.5, 0.6, 0.7, 0.715, 0.815, 0.2]})
    result = firing_statistics(table, level=([0.0, 1.0], [0.0, 10.0])).set_index("unit")
    assert result.loc[2, "doublets"] == pytest.approx(0.25)
    assert result["first"].tolist() == [0.5, 0.2]
    assert result["order"].tolist() == [2, 1]
    assert result["threshold"].tolist() == pytest.approx([5.0, 2.0])
    assert np.isnan(result.loc[7, "rate"])


def test_a_level_of_several_recordings_is_refused():
    table = pd.DataFrame({"row": [0, 1], "unit": 1, "time": 0.1})
    with pytest.raises(ValueError, match="'level' belongs to a single recording"):
        firing_statistics(table, level=([0, 1], [0, 1]))
    with pytest.raises(ValueError, match="lacks the column 'unit'"):
        common_drive(table.drop(columns="unit"))


def modulated(seed, common, seconds=60.0):
    """A train whose rate follows `common`, a function of time."""
    rng = np.random.default_rng(seed)
    phase, times, t = rng.random(), [], 0.0
    while t < seconds:
        t += 0.001
        phase += 0.001 * (10.0 + 2.5 * common(t)) * (1 + 0.3 * rng.normal())
        if phase > 1:
            phase -= 1
            times.append(t)
    return np.array(times)


def test_units_with_a_common_drive_have_correlated_rates():
    together = [modulated(s, lambda t: np.sin(2 * np.pi * 1.1 * t)) for s in (0, 1)]
    alone = modulated(2, lambda t: np.sin(2 * np.pi * 0.73 * t + 2))
    parts = [*together, alone]
    table = pd.concat(pd.DataFrame({"unit": k, "time": t}) for k, t in enumerate(parts))
    result = common_drive(table).set_index(["first", "second"])
    assert result.loc[(0, 1), "correlation"] > 0.7
    assert abs(result.loc[(0, 1), "lag"]) <= 0.03
    assert result.loc[(0, 2), "correlation"] < 0.5


def test_measures_of_a_template_are_those_of_the_wave():
    fs = 10_000.0
    t = np.arange(-0.01, 0.02, 1 / fs)
    wave = np.where(np.abs(t) < 0.002, 0.2 + 0.2 * np.cos(np.pi * t / 0.002), 0.0)
    table = template_measures(pd.DataFrame({"unit": [3], "signal": [wave], "fs": fs}))
    row = table.iloc[0]
    assert row["amplitude"] == pytest.approx(0.4)
    # The wave exceeds 10 uV where cos > -0.95, which is 0.899 of the 4 ms.
    assert row["duration"] == pytest.approx(0.899 * 4.0, abs=0.11)
    assert (row["phases"], row["turns"], row["near_fibres"]) == (1, 1, 1)
    assert row["area"] == pytest.approx(0.2 * 4.0, rel=0.01)
    flat = template_measures(pd.DataFrame({"unit": [1], "signal": [0 * wave], "fs": fs}))
    assert flat.drop(columns="unit").isna().all(axis=None)


def test_missing_times_and_levels_that_do_not_ascend_are_refused():
    table = pd.DataFrame({"unit": 1, "time": [0.1, np.nan, 0.3]})
    with pytest.raises(ValueError, match="missing values in the column 'time'"):
        firing_statistics(table)
    with pytest.raises(ValueError, match="times of 'level' must be in ascending order"):
        firing_statistics(table.dropna(), level=([1.0, 0.0], [0.0, 10.0]))
    with pytest.raises(ValueError, match="'window' parameter of common_drive"):
        common_drive(table.dropna(), window=0.005)


def test_lags_beyond_the_common_time_are_not_compared():
    times = train(seconds=10)
    both = pd.DataFrame({"time": np.r_[times, times + 0.05], "unit": np.repeat([1, 2], len(times))})
    pair = common_drive(both, max_lag=100.0).iloc[0]
    assert (pair["correlation"], pair["lag"]) == pytest.approx((1.0, 0.05), abs=0.05)


@pytest.mark.parametrize("given", [np.zeros((2, 3)), [[0.1, 0.2]], MotorUnitDecomposer()])
def test_what_is_no_table_of_a_decomposer_is_refused(given):
    for measure in (firing_statistics, common_drive):
        with pytest.raises(TypeError, match=rf"{measure.__name__} takes .* decomposer.discharges_"):
            measure(given)
    with pytest.raises(TypeError, match=r"template_measures takes .*decomposer.templates_"):
        template_measures(given)


def test_repeated_discharges_are_refused_and_times_in_ms_or_samples_are_warned_of():
    table = pd.DataFrame({"time": np.arange(50) / 10, "unit": 1})
    for function in (firing_statistics, common_drive):
        with pytest.raises(ValueError, match="unit 1 of row 0 discharges twice at 0 s"):
            function(pd.concat([table, table]))
        for factor in (1000, 24000):
            with pytest.warns(RecordingWarning, match="Check that the times are in s"):
                function(table.assign(time=factor * table["time"]))
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            function(table.assign(time=200 * table["time"]))  # fasciculations
            function(pd.concat([table, table.assign(row=1)]).fillna({"row": 0}))


@pytest.mark.parametrize("level", [([0, 1, 2], [0, 1]), ([0, 1], [0, np.nan]), (0, 1)])
def test_a_level_that_is_no_pair_of_equal_length_is_refused(level):
    table = pd.DataFrame({"time": np.arange(50) / 10, "unit": 1})
    with pytest.raises(ValueError, match="'level' must be a pair of times and values"):
        firing_statistics(table, level=level)
