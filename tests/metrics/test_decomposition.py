"""decomposition_agreement on cases counted by hand, and its matching against SciPy's."""

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import linear_sum_assignment
from sklearn.exceptions import NotFittedError

from sklearn_emg.exceptions import RecordingWarning
from sklearn_emg.metrics import common_discharges, decomposition_agreement
from sklearn_emg.motor_units import MotorUnitDecomposer


def test_a_shift_between_units_is_no_error():
    reference = [np.array([0.1, 0.21, 0.33, 0.4, 0.52])]
    result = decomposition_agreement([reference[0] + 0.0043], reference)
    row = result.units.iloc[0]
    assert (row["agreement"], row["sensitivity"], row["precision"]) == (1.0, 1.0, 1.0)
    assert row["shift"] == pytest.approx(0.0043)
    assert row["error"] == pytest.approx(0.0, abs=1e-12)


def test_missed_and_false_discharges_by_hand():
    # Of five, one is missed and one is 3 ms off; one is false: 3 common, 5 and 5 in all.
    reference = [[0.1, 0.2, 0.3, 0.4, 0.5]]
    found = [[0.1, 0.2, 0.303, 0.4, 0.7]]
    row = decomposition_agreement(found, reference).units.iloc[0]
    assert row["n_common"] == 3
    assert row["agreement"] == pytest.approx(3 / 7)
    assert row["sensitivity"] == row["precision"] == pytest.approx(3 / 5)


def test_each_unit_is_matched_once_and_others_are_extra():
    reference = [[0.1, 0.2, 0.3], [0.15, 0.27, 0.38]]
    found = [[0.15, 0.27, 0.38], [0.61, 0.72], [0.1, 0.2]]
    result = decomposition_agreement(found, reference)
    assert result.units["found"].tolist() == [3, 1]
    assert result.units["agreement"].tolist() == pytest.approx([2 / 3, 1.0])
    assert result.extra["found"].tolist() == [2]
    assert result.agreement == pytest.approx((2 / 3 + 1) / 2)
    assert result.sensitivity == pytest.approx(5 / 6)
    assert result.precision == 1.0


def test_units_of_a_partial_reference_may_match_one_found_unit():
    found = [[0.1, 0.2, 0.3, 0.4, 0.5]]
    reference = [[0.1, 0.3], [0.2, 0.5]]
    strict = decomposition_agreement(found, reference)
    partial = decomposition_agreement(found, reference, partial=True)
    assert sorted(strict.units["found"]) == [0, 1]
    assert partial.units["found"].tolist() == [1, 1]
    assert partial.sensitivity == 1.0
    assert partial.precision == pytest.approx(4 / 5)


@pytest.mark.parametrize("seed", range(5))
def test_as_many_discharges_are_common_as_an_optimal_assignment_finds(seed):
    rng = np.random.default_rng(seed)
    a, b = (np.sort(rng.uniform(0, 0.05, n)) for n in (31, 23))
    i, j = common_discharges(a, b, 0.001)
    near = np.abs(a[:, None] - b) <= 0.001
    rows, columns = linear_sum_assignment(-near.astype(float))
    assert len(i) == near[rows, columns].sum()
    assert near[i, j].all()


def test_recordings_are_compared_row_by_row():
    table = pd.DataFrame({"row": [0, 0, 3, 3], "unit": 1, "time": [0.1, 0.2, 0.1, 0.2]})
    other = table.assign(time=[0.1, 0.2, 0.5, 0.9])
    result = decomposition_agreement(table, other)
    assert result.units["row"].tolist() == [0, 3]
    assert result.units["agreement"].tolist() == [1.0, 0.0]


def test_nothing_found_and_no_reference():
    result = decomposition_agreement([], [[0.1, 0.2]])
    assert result.units["agreement"].tolist() == [0.0]
    assert "0 of 1 unit matched" in str(result)
    assert len(decomposition_agreement([[0.1]], []).extra) == 1


def test_a_table_without_units_is_refused():
    with pytest.raises(ValueError, match="'found' lacks the column 'unit'"):
        decomposition_agreement(pd.DataFrame({"time": [0.1]}), [[0.1]])


def test_decompositions_without_a_common_recording_are_refused():
    table = pd.DataFrame({"row": 1, "unit": 1, "time": [0.1, 0.2]})  # of one recording of two
    events = table.drop(columns="row")  # as from load_annotations
    with pytest.raises(ValueError, match=r"'found' has the rows 1, but 'reference' has the rows 0"):
        decomposition_agreement(table, events)
    with pytest.raises(TypeError, match=r"'reference' is a dict; .*load_annotations"):
        decomposition_agreement(table, {"events": events})


TRAIN = [0.1, 0.2, 0.3]


@pytest.mark.parametrize(
    ("given", "error", "match"),
    [
        ([[0.1, np.nan]], ValueError, "times of unit 1 contain NaN or infinity"),
        ([TRAIN, [0.1, np.inf]], ValueError, "times of unit 2 contain NaN or infinity"),
        ([[0.1, 0.1, 0.2]], ValueError, "unit 1 discharges twice at 0.1 s"),
        ([["0,1"]], ValueError, "times of unit 1 must be numbers"),
        (TRAIN, TypeError, "one array of times for each unit"),
        (pd.DataFrame({"time": TRAIN, "unit": [1, 1, np.nan]}), ValueError, "column 'unit'"),
        (pd.DataFrame({"time": TRAIN, "unit": 1, "row": [0, 0, np.nan]}), ValueError, "'row'"),
        (MotorUnitDecomposer(), NotFittedError, "not fitted"),
    ],
)
def test_times_that_would_be_dropped_or_miscounted_are_refused(given, error, match):
    for pair, name in (((given, [TRAIN]), "found"), (([TRAIN], given), "reference")):
        with pytest.raises(error, match=match) as caught:
            decomposition_agreement(*pair)
        assert error is NotFittedError or f"'{name}'" in str(caught.value)


def test_times_in_ms_are_warned_of():
    train = 100.0 * np.arange(1, 9)
    with pytest.warns(RecordingWarning, match="'found': the median interval of unit 1 is 100 s"):
        decomposition_agreement([train], [train / 1000])


@pytest.mark.parametrize("number", [0, "a"])
def test_units_may_have_any_number_or_name(number):
    found = pd.DataFrame({"time": TRAIN, "unit": number})
    result = decomposition_agreement(found, [TRAIN[:2], [0.9]])
    assert (result.precision, result.sensitivity) == pytest.approx((2 / 3, 2 / 3))
    assert str(result).startswith("1 of 2 units matched")
