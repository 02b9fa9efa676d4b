"""The page of a comparison of regressors, and the display of agreement."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from sklearn.dummy import DummyRegressor
from sklearn.linear_model import LinearRegression

from sklearn_emg.comparison import compare, leakage_audit
from sklearn_emg.datasets import make_progression_cohort
from sklearn_emg.ensemble import DiVoteRegressor
from sklearn_emg.inspection import (
    AgreementDisplay,
    ComparisonDisplay,
    CourseDisplay,
    LeakageDisplay,
    report,
)
from sklearn_emg.prognosis import LastValueRegressor, visit_contexts


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    y = np.repeat(rng.normal(10, 3, 20), 3)
    X = pd.DataFrame({"rms": y + rng.normal(size=60), "subject": np.repeat(range(20), 3)})
    return X, y


@pytest.fixture(scope="module")
def result(data):
    models = {"line": LinearRegression(), "dummy": DummyRegressor()}
    models = {name: DiVoteRegressor(model, window=None) for name, model in models.items()}
    return compare(models, *data, progress=False, n_resamples=50)


def test_the_page_shows_errors_agreement_and_the_leak(result, data, tmp_path):
    model = DiVoteRegressor(LinearRegression(), window=None)
    audit = leakage_audit(model, *data, progress=False)
    text = report(result, tmp_path / "page.html", audits={"line": audit}).read_text("utf-8")
    best = result.table(metrics="mae").loc["line", "mae"]
    assert f"lowest mean absolute error over subjects is {best}, by line" in text
    assert "Bland-Altman plot of line" in text
    assert "would change the mean absolute error by" in text
    assert "balanced" not in text


def test_a_fitted_regressor_has_a_page(data, tmp_path):
    model = DiVoteRegressor(LinearRegression(), window=None).fit(*data)
    text = report(model, tmp_path / "page.html").read_text("utf-8")
    assert "DiVoteRegressor" in text


def test_agreement_is_that_of_bland_and_altman():
    rng = np.random.default_rng(0)
    y = rng.normal(50, 10, 200)
    p = 2 + y + rng.normal(0, 3, 200)
    display = AgreementDisplay.from_predictions(y, p, n_resamples=50)
    assert display.predictions.columns.tolist() == ["subject", "y_true", "y_pred"]
    error = p - y
    assert display.limits["bias"] == pytest.approx(error.mean())
    assert display.limits["high"] == pytest.approx(error.mean() + 1.96 * error.std(ddof=1))
    slope = np.polyfit(p, y, 1)[0]
    assert display.calibration["slope"] == pytest.approx(slope)
    assert display.calibration["slope_low"] < slope < display.calibration["slope_high"]


def test_displays_draw_what_they_are_for(result, data):
    display = AgreementDisplay.from_comparison(result, "line")
    assert len(display.plot().points_.get_offsets()) == 20
    assert display.plot("bland-altman").ax_.get_xlabel() == "mean of predicted and true"
    with pytest.raises(ValueError, match="no pipeline 'other'"):
        AgreementDisplay.from_comparison(result, "other")
    with pytest.raises(ValueError, match="see AgreementDisplay"):
        ComparisonDisplay.from_comparison(result)
    model = DiVoteRegressor(LinearRegression(), window=None)
    leak = LeakageDisplay.from_estimator(model, *data).plot()
    assert leak.ax_.get_ylabel() == "mean absolute error of windows"


def test_courses_have_bands_of_the_other_subjects_and_errors_by_horizon():
    visits = make_progression_cohort(12, random_state=0).visits
    X, y = visit_contexts(visits, visits["score"])
    result = compare({"last value": LastValueRegressor()}, X, y, cv=2, progress=False,
                     n_resamples=10)  # fmt: skip
    display = CourseDisplay.from_comparison(result, X, coverage=0.8)
    table = display.predictions.query("pipeline == 'last value'")
    half = (table["high"] - table["low"]) / 2
    errors = (table["y_true"] - table["y_pred"]).abs().groupby(table["subject"]).max()
    first = table["subject"].iloc[0]
    # k = ceil(12 * 0.8) = 10 of the 11 other subjects
    assert half.iloc[0] == pytest.approx(np.sort(errors.drop(first))[9])
    known = display.known.merge(visits.assign(time=visits["time"].round(6)), on=["subject", "time"])
    np.testing.assert_allclose(known["value"], known["score"])
    axes = display.plot(n_subjects=2).axes_
    counts = table["subject"].value_counts()
    assert counts[axes[0].get_title()] == counts.max()
    given = Figure().subplots(4, 1)
    assert display.plot(n_subjects=4, ax=given).axes_.tolist() == given.tolist()
    assert display.plot("horizon").axes_[0].get_ylabel() == "mean absolute error"
    with pytest.raises(ValueError, match="needs the contexts of visit_contexts"):
        CourseDisplay.from_comparison(result, visits)
