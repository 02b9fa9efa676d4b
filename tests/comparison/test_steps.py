"""Seconds of loading, preprocessing, features and prediction."""

import numpy as np
import pytest
from data import simulated_cohort
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_emg.comparison import compare, time_steps
from sklearn_emg.ensemble import DiVoteClassifier, DiVoteRegressor
from sklearn_emg.feature_extraction import TimeDomainFeatures
from sklearn_emg.model_selection import SubjectKFold
from sklearn_emg.papers import make_system
from sklearn_emg.preprocessing import AmplitudeScaler, HighpassFilter, WaveletDenoiser


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
    with pytest.raises(ValueError, match="kept no fitted pipelines whose steps could be timed"):
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
    kept = sum(b.size * float(b.var(dtype=float)) for b in after)
    removed = sum(float(((a - b) ** 2).sum()) for a, b in zip(before, after))
    n = sum(a.size for a in before)
    assert times.loc["filter", "snr_db"] == pytest.approx(10 * np.log10(kept / removed), rel=1e-4)
    assert times.loc["filter", "rmse"] == pytest.approx(np.sqrt(removed / n), rel=1e-4)
    # A step that removes nothing or returns no signals has neither.
    others = times.drop(index=["filter", "resample"])[["snr_db", "rmse"]]
    assert others.isna().all(axis=None)


def test_snr_counts_no_offset_of_scaled_signals_and_no_change_of_scale():
    X, y = simulated_cohort()
    scaled = [("scale", AmplitudeScaler("minmax")), ("lower", HighpassFilter(30.0))]
    windows = make_pipeline(TimeDomainFeatures(["rms"]), LogisticRegression())
    vote = DiVoteClassifier(windows, window=0.25)
    model = Pipeline([("highpass", HighpassFilter(30.0)), *scaled, ("vote", vote)]).fit(X, y)
    times = time_steps(model, X[:5]).set_index("step")
    assert np.isnan(times.loc["scale", "snr_db"])
    unit = model[:2].transform(X[:5])["signal"]
    after = model[:3].transform(X[:5])["signal"]
    kept = sum(b.size * float(b.var(dtype=float)) for b in after)
    removed = sum(float(np.square(a - b, dtype=float).sum()) for a, b in zip(unit, after))
    expected = 10 * np.log10(kept / removed)  # the offset is removed here
    assert times.loc["lower", "snr_db"] == pytest.approx(expected, rel=1e-3)
    plain = Pipeline([("scale", scaled[0][1]), ("denoise", WaveletDenoiser()), ("vote", vote)])
    found = [
        time_steps(pipeline.fit(X, y), X[:1]).set_index("step").loc["denoise", "snr_db"]
        for pipeline in (plain, plain[1:])
    ]
    assert found[0] == pytest.approx(found[1], abs=0.5)


def test_the_windows_of_a_regressor_are_apart_from_its_features():
    X, _ = simulated_cohort()
    y = X["subject"].factorize()[0].astype(float)
    windows = make_pipeline(TimeDomainFeatures(["rms"]), LinearRegression())
    times = time_steps(DiVoteRegressor(windows).fit(X, y), X[:5])
    assert times["kind"].tolist() == ["loading", "preprocessing", "features", "prediction", "total"]
