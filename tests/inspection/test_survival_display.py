"""SurvivalDisplay draws the estimate, with groups by risk."""

import numpy as np
import pandas as pd
import pytest
from data import outcomes

from sklearn_emg.inspection import SurvivalDisplay
from sklearn_emg.metrics import kaplan_meier
from sklearn_emg.prognosis import SurvivalComparison

pytest.importorskip("matplotlib", reason="Displays need matplotlib")


Y = outcomes([1, 0, 1, 1, 0, 1], [2, 3, 4, 5, 6, 7])


def test_each_group_has_its_curve_and_numbers_at_risk():
    groups = list("ababab")
    display = SurvivalDisplay.from_outcomes(Y, groups=groups).plot()
    curve, below = display.axes_
    steps = [line for line in curve.lines if line.get_label() in ("a", "b")]
    expected = kaplan_meier(Y[::2])
    np.testing.assert_array_equal(steps[0].get_ydata(), expected["survival"])
    np.testing.assert_array_equal(steps[0].get_xdata(), expected["time"])
    censored = [line.get_xdata().tolist() for line in curve.lines if line.get_marker() == "|"]
    assert censored == [[6.0], [3.0]]
    assert below.texts[0].get_text() == "3"
    assert [label.get_text() for label in below.get_yticklabels()] == ["at risk a", "at risk b"]


def test_rows_of_a_subject_are_one_and_have_one_group():
    subjects = list("aabcde")
    y = Y[[0, 0, 2, 3, 4, 5]]
    display = SurvivalDisplay.from_outcomes(y, subjects)
    assert display.outcomes.index.tolist() == list("abcde")
    assert display.plot().axes_[0].get_legend() is None
    with pytest.raises(ValueError, match="Subject 'a' has two groups"):
        SurvivalDisplay.from_outcomes(y, subjects, list("xyxxxx"))
    with pytest.raises(ValueError, match="has no predicted curves"):
        display.plot("predicted")


def test_predicted_curves_are_drawn_with_their_mean_and_halves_by_risk():
    index = pd.Index(list("abcdef"), name="subject")
    curves = pd.DataFrame(
        np.column_stack([np.linspace(0.9, 0.6, 6), np.linspace(0.8, 0.1, 6)]), index, [3.0, 6.0]
    )
    known = pd.DataFrame({"event": Y["event"], "time": Y["time"], "fold": [0, 1] * 3}, index)
    flat = curves * 0 + 0.5
    result = SurvivalComparison(
        pd.DataFrame(), pd.Series(dtype=float), {"Kaplan-Meier": flat, "m": curves}, known, 0.95
    )
    display = SurvivalDisplay.from_comparison(result)
    lower = display.outcomes["group"] == "lower risk"
    assert lower.tolist() == [True, True, True, True, False, False]  # a tie has the lower risk
    axis = display.plot("predicted").axes_[0]
    mean = next(line for line in axis.lines if line.get_label() == "mean predicted")
    np.testing.assert_allclose(mean.get_ydata(), [1, *curves.mean()])
    assert len(axis.lines) == 6 + 1 + 2
    with pytest.raises(ValueError, match="'name'"):
        SurvivalDisplay.from_comparison(result, "other")
