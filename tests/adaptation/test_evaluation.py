"""Curves over local subjects, and prequential scores."""

import numpy as np
import pandas as pd
import pytest
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from sklearn_emg.adaptation import AdaptiveDiagnosis, adaptation_curve, prequential_score
from sklearn_emg.ensemble import DiVoteClassifier
from sklearn_emg.exceptions import SubjectLeakWarning
from sklearn_emg.preprocessing import SiteStandardizer

from data import site_cohort as site  # isort: skip

SETTINGS = {"target": "Oslo", "n_resamples": 100, "sizes": (0, 1, 4)}


def divote():
    return DiVoteClassifier(LogisticRegression(), window=None, final_estimator=None)


def two_sites(offset):
    X, y = site("Rome", n=32)
    new, new_y = site("Oslo", offset=offset, n=24, seed=1)
    y = np.concatenate([y, new_y])
    return pd.concat([X, new], ignore_index=True).assign(group=y), y


def standardised(**params):
    step = SiteStandardizer(prior=4.0, new_site="pooled")
    return AdaptiveDiagnosis(make_pipeline(step, divote()), **params)


def test_references_of_the_site_raise_the_curve_and_forget_nothing():
    X, y = two_sites(offset=8.0)
    curve = adaptation_curve(standardised(), X, y, learn="references", n_draws=3, **SETTINGS)
    rows = curve.rows().set_index("n_local")
    assert rows.loc[0, "value"] == 0.5  # all lie above the healthy subjects of Rome
    assert rows.loc[4, "value"] > 0.9
    assert rows.loc[4, "low"] <= rows.loc[4, "value"] <= rows.loc[4, "high"]
    assert rows.loc[4, "difference"] == pytest.approx(rows.loc[4, "value"] - 0.5)
    assert rows["n_recordings"].tolist() == [0, 2, 8]
    assert set(rows["n_subjects"]) == {20}
    old = curve.rows(cohort="old")
    assert old["value"].nunique() == 1  # Rome is standardised as before
    assert old["n_subjects"].tolist() == [8.0, 8.0, 8.0]
    assert "Balanced accuracy at 'Oslo' by number of local healthy references" in repr(curve)


def test_test_subjects_are_the_same_for_all_sizes_and_never_learned():
    X, y = two_sites(offset=3.0)
    models = {"refit": AdaptiveDiagnosis(divote(), weight=4.0), "standardised": standardised()}
    curve = adaptation_curve(models, X, y, n_draws=2, forgetting=False, **SETTINGS)
    found = curve.predictions
    tests = found.groupby(["model", "draw", "n_local"])["subject"].agg(frozenset)
    assert tests.groupby(level="draw").nunique().tolist() == [1, 1]
    assert all(len(names) == 24 - 4 for names in tests)
    assert curve.table().shape == (3, 2)
    rows = curve.rows().set_index(["model", "n_local"])["value"]
    assert rows["refit", 4] > rows["refit", 0]
    # The mean over draws, computed from the predictions.
    part = found[(found["model"] == "refit") & (found["n_local"] == 4)]
    recalls = (part["y_true"] == part["y_pred"]).groupby([part["draw"], part["y_true"]]).mean()
    assert rows["refit", 4] == pytest.approx(recalls.groupby(level=0).mean().mean())


def test_a_curve_refuses_what_it_cannot_draw():
    X, y = two_sites(offset=0.0)
    with pytest.raises(ValueError, match=r"draws 12 subjects of class 'healthy' .* has 12"):
        adaptation_curve(standardised(), X, y, target="Oslo", learn="references", sizes=[12])
    with pytest.raises(ValueError, match=r"one of at least two sites .*Got 'Bern'"):
        adaptation_curve(standardised(), X, y, target="Bern")
    with pytest.raises(TypeError, match="is a DiVoteClassifier: wrap it"):
        adaptation_curve({"plain": divote()}, X, y, target="Oslo")
    with pytest.raises(ValueError, match="no label of the new site denotes them"):
        names = np.where(y == "healthy", "kind A", "kind B")
        adaptation_curve(standardised(), X, names, learn="references", **SETTINGS)
    again = X.assign(subject=X["subject"].replace("Oslo 1", "Rome 1"))
    with pytest.raises(
        ValueError, match=r"Subject 'Rome 1' of site 'Oslo' also has .*\(1 subject in"
    ):
        adaptation_curve(standardised(), again, y, **SETTINGS)
    with pytest.raises(ValueError, match="must contain a number above 0"):
        adaptation_curve(standardised(), X, y, target="Oslo", sizes=[0])


def test_every_subject_is_tested_before_it_is_learned():
    X, y = site("Rome", n=16)
    new, new_y = site("Oslo", offset=4.0, n=20, seed=1)
    old, old_y = site("Rome held out", n=10, seed=2)
    model = AdaptiveDiagnosis(divote(), weight=4.0).fit(X, y)
    coefficients = model.estimator_.estimator_.coef_.copy()
    score = prequential_score(model, new, new_y, old=(old, old_y), batch=2, n_resamples=100)
    assert score.predictions["subject"].tolist() == list(dict.fromkeys(new["subject"]))
    assert score.predictions["n_learned"].tolist() == [0, 0, 2, 2, *np.repeat(range(4, 20, 2), 2)]
    # Before any update, both systems are the same.
    first = score.predictions[:2]
    assert first["y_pred"].tolist() == first["y_frozen"].tolist()
    summary = score.summary
    assert summary.loc["adapting", "value"] > summary.loc["frozen", "value"]
    assert summary.loc["difference", "value"] == pytest.approx(
        summary.loc["adapting", "value"] - summary.loc["frozen", "value"]
    )
    assert summary.loc["old, change", "value"] < 0  # the limit moved to the values of Oslo
    assert score.old["n_learned"].tolist() == [*range(0, 21, 2)]
    curve = score.curve()
    assert curve["accuracy"].iloc[-1] == summary.loc["adapting", "value"]
    assert (curve["low"] <= curve["accuracy"]).all()
    # The given system is not changed.
    np.testing.assert_array_equal(model.estimator_.estimator_.coef_, coefficients)
    assert set(score.model.subjects_) >= set(new["subject"])


def test_the_old_subjects_are_the_same_for_references_and_labels():
    X, y = two_sites(offset=3.0)
    found = [
        adaptation_curve(standardised(), X, y, learn=learn, n_draws=2, **SETTINGS).predictions
        for learn in ("references", "labels")
    ]
    old = [rows[(rows["cohort"] == "old") & (rows["n_local"] == 0)] for rows in found]
    assert old[0]["subject"].tolist() == old[1]["subject"].tolist()
    assert old[0]["y_pred"].tolist() == old[1]["y_pred"].tolist()


def test_subjects_of_the_training_are_named_once():
    X, y = site("Rome", n=12)
    model = AdaptiveDiagnosis(divote()).fit(X, y)
    with pytest.warns(SubjectLeakWarning) as given:
        prequential_score(model, X, y, n_resamples=10)
    assert len([w for w in given if issubclass(w.category, SubjectLeakWarning)]) == 1
    assert "12 of 12 subjects" in str(given[0].message)


def test_subjects_that_were_trained_on_are_no_test():
    X, y = site("Rome", n=8)
    system = DiVoteClassifier(LogisticRegression(), window=None).fit(X, y)
    model = AdaptiveDiagnosis(FrozenEstimator(system), update="final")
    new, new_y = site("Oslo", n=4, seed=1)
    both = pd.concat([X[:2], new], ignore_index=True)
    with pytest.warns(SubjectLeakWarning, match="1 of 5 subjects given to AdaptiveDiagnosis"):
        prequential_score(model, both, [y[0], y[1], *new_y], n_resamples=10)
    with pytest.raises(ValueError, match="Subject 'Oslo 0' has two labels"):
        prequential_score(model, new, ["healthy", "myopathy"] * 4)
    with pytest.raises(TypeError, match="must be an AdaptiveDiagnosis"):
        prequential_score(system, new, new_y)
