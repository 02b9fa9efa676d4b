"""Seconds of loading, preprocessing, features and prediction."""

import numpy as np
import pytest
from data import simulated_cohort
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_emg.comparison import compare, time_steps
from sklearn_emg.ensemble import DiVoteRegressor
from sklearn_emg.feature_extraction import TimeDomainFeatures
from sklearn_emg.model_selection import SubjectKFold
from sklearn_emg.papers import make_system


def test_each_step_has_its_seconds_and_they_add_up():
    X, y = simulated_cohort()
    model = make_system("time-domain", fs=2000.0)
    search = GridSearchCV(model, {"divote__voting": ["soft"]}, cv=SubjectKFold(2))
    times = time_steps(search.fit(X, y), X[:5])
    assert times["step"].tolist() == [
        "signals", "gaps", "filter", "resample", "mark", "windows",
        "estimator__features", "estimator__scaler", "estimator__classifier", "all",
    ]  # fmt: skip
    kinds = ["loading", *["preprocessing"] * 5, *["features"] * 2, "prediction", "total"]
    assert times["kind"].tolist() == kinds
    assert times["seconds"].iloc[-1] == pytest.approx(times["seconds"].iloc[:-1].sum())
    per_recording = 1e3 * times["seconds"] / 5
    np.testing.assert_allclose(times["ms_per_recording"], per_recording)


def test_compare_times_the_steps_on_the_test_recordings_of_each_fold():
    X, y = simulated_cohort()
    models = {"LDA": make_system("time-domain", fs=2000.0)}
    result = compare(
        models, X, y, cv=SubjectKFold(2, random_state=0), return_estimator=True, progress=False
    )
    times = result.time_steps(X)
    features = times[times["kind"] == "features"]
    assert features.groupby("fold")["seconds"].sum().gt(0).tolist() == [True, True]
    assert times[times["kind"] == "total"]["pipeline"].tolist() == ["LDA", "LDA"]
    n_tested = result.predictions["fold"].map(
        lambda k: X["subject"].isin(result.predictions.query("fold == @k")["subject"]).sum()
    )
    last = times[times["kind"] == "total"]
    assert (last["seconds"] / last["ms_per_recording"] * 1e3).round().tolist() == [
        n_tested[result.predictions["fold"] == k].iloc[0] for k in (0, 1)
    ]
    with pytest.raises(ValueError, match="no recording of the subjects tested in fold 0"):
        result.time_steps(X.assign(subject="other"))
    with pytest.raises(ValueError, match="lacks the column 'subject'"):
        result.time_steps(X.drop(columns="subject"))
    without = compare(models, X, y, cv=SubjectKFold(2, random_state=0), progress=False)
    with pytest.raises(ValueError, match="kept no fitted pipelines, whose steps could be timed"):
        without.time_steps(X)


def test_what_does_not_predict_is_refused():
    X, _ = simulated_cohort()
    with pytest.raises(TypeError, match="StandardScaler at its end does not"):
        time_steps(StandardScaler(), X)


def test_steps_that_change_signals_have_snr_and_rmse():
    X, y = simulated_cohort()
    model = make_system("time-domain", fs=2000.0).fit(X, y)
    times = time_steps(model, X[:5]).set_index("step")
    before = model[:1].transform(X[:5])["signal"]
    after = model["filter"].transform(model[:1].transform(X[:5]))["signal"]
    kept = sum(float((b**2).sum()) for b in after)
    removed = sum(float(((a - b) ** 2).sum()) for a, b in zip(before, after))
    n = sum(a.size for a in before)
    assert times.loc["filter", "snr_db"] == pytest.approx(10 * np.log10(kept / removed), rel=1e-4)
    assert times.loc["filter", "rmse"] == pytest.approx(np.sqrt(removed / n), rel=1e-4)
    # What removes nothing, or gives no signals, has neither.
    others = times.drop(index=["filter", "resample"])[["snr_db", "rmse"]]
    assert others.isna().all(axis=None)


def test_the_windows_of_a_regressor_are_apart_from_its_features():
    X, _ = simulated_cohort()
    y = X["subject"].factorize()[0].astype(float)
    windows = make_pipeline(TimeDomainFeatures(["rms"]), LinearRegression())
    times = time_steps(DiVoteRegressor(windows).fit(X, y), X[:5])
    assert times["kind"].tolist() == ["loading", "preprocessing", "features", "prediction", "total"]
