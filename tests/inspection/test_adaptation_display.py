"""AdaptationDisplay: lines of the curve, panels."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from sklearn_emg.adaptation import AdaptiveDiagnosis, adaptation_curve
from sklearn_emg.ensemble import DiVoteClassifier
from sklearn_emg.inspection import AdaptationDisplay

from data import site_cohort  # isort: skip


@pytest.fixture(scope="module")
def curve():
    X, y = site_cohort("Rome", n=16)
    new, new_y = site_cohort("Oslo", offset=3.0, n=12, seed=1)
    model = AdaptiveDiagnosis(DiVoteClassifier(LogisticRegression(), window=None))
    both = pd.concat([X, new], ignore_index=True), np.concatenate([y, new_y])
    settings = {"target": "Oslo", "sizes": (0, 3), "n_draws": 2, "n_resamples": 50}
    return adaptation_curve({"system": model}, *both, **settings)


def test_lines_show_the_values_of_the_curve(curve):
    display = AdaptationDisplay.from_curve(curve).plot()
    for cohort in ("new", "old"):
        line = display.lines_["adapted to Oslo", "system", cohort][0]
        np.testing.assert_allclose(line.get_ydata(), curve.rows(cohort=cohort)["value"])
    assert [t.get_text() for t in display.axes_[0].get_xticklabels()] == ["0", "3"]


def test_curves_have_a_panel_each_and_other_metrics(curve):
    display = AdaptationDisplay.from_curves({"A": curve, "B": [curve], "C": curve})
    display.plot("recall myopathy")
    assert [axis.get_title() for axis in display.axes_] == ["A", "B", "C"]
    assert len(display.lines_) == 6
    _, given = plt.subplots(1, 3)
    assert display.plot(ax=given).axes_.tolist() == given.tolist()
    with pytest.raises(ValueError, match="'metric' parameter of AdaptationCurve"):
        display.plot("auroc")
