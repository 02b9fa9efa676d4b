"""AdaptiveDiagnosis: references of a new site, labelled recordings, remembered subjects."""

import numpy as np
import pandas as pd
import pytest
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_emg.adaptation import AdaptiveDiagnosis
from sklearn_emg.datasets import load_algiers, load_n2001
from sklearn_emg.ensemble import DiVoteClassifier
from sklearn_emg.exceptions import SubjectLeakWarning
from sklearn_emg.feature_extraction import TimeDomainFeatures
from sklearn_emg.neural_network import EMGClassifier
from sklearn_emg.preprocessing import AmplitudeScaler, BandpassFilter, Resampler, SiteStandardizer
from sklearn_emg.recordings import concat_tables

from data import recording_cohort  # isort: skip
from data import site_cohort as site  # isort: skip


def divote(classifier=None, **params):
    classifier = LogisticRegression() if classifier is None else classifier
    return DiVoteClassifier(classifier, **{"window": None, "final_estimator": None, **params})


def test_references_of_a_new_site_without_labels_are_enough():
    X, y = site("Rome")
    new, new_y = site("Oslo", gain=3.0, offset=10.0, seed=1)
    model = AdaptiveDiagnosis(make_pipeline(SiteStandardizer(), divote()))
    model.fit(X.assign(group=y), y)
    references = new["subject"].isin([f"Oslo {k}" for k in (0, 2, 4)])
    with pytest.raises(ValueError, match="cannot tell which subjects are references"):
        model.predict(new)
    model.calibrate(new[references].assign(group="unknown"))
    assert model.reference_subjects_.tolist() == ["Oslo 0", "Oslo 2", "Oslo 4"]
    assert model.score(new[~references].assign(group="unknown"), new_y[~references]) > 0.9
    # Rows of the source are standardised as before.
    assert model.estimator_[0].sites_ == ["Rome", "Oslo"]


def test_one_reference_is_enough_with_a_prior_and_more_can_follow():
    X, y = site("Rome")
    new, _ = site("Oslo", offset=10.0, seed=1)
    model = AdaptiveDiagnosis(make_pipeline(SiteStandardizer(prior=5.0), divote()))
    model.fit(X.assign(group=y), y).calibrate(new[new["subject"] == "Oslo 0"])
    one = model.estimator_[0].location_[1]
    np.testing.assert_allclose(one, new[["rms", "zc"]][:2].mean())
    model.calibrate(new[new["subject"] == "Oslo 2"])  # adds to the earlier reference
    both = new[new["subject"].isin(["Oslo 0", "Oslo 2"])][["rms", "zc"]].mean()
    np.testing.assert_allclose(model.estimator_[0].location_[1], both)


def test_a_patient_is_standardised_by_an_own_rest_contraction():
    X, y = site("Rome", n=12)
    X = X.assign(rms=X["rms"] + X["subject"].map({s: 7 * k for k, s in enumerate(set(X.subject))}))
    rest = X.assign(rms=X["rms"] - 4 * (y == "myopathy"), rest=True)
    both = pd.concat([X.assign(rest=False), rest], ignore_index=True)
    labels = np.concatenate([y, y])
    step = SiteStandardizer("rest", site="subject", prior=3.0, new_site="raise")
    model = AdaptiveDiagnosis(make_pipeline(step, divote())).fit(both, labels)
    patient = X[:2].assign(subject="new", rms=[104.0, 104.5])
    own_rest = patient.assign(rms=[100.0, 100.3])
    model.calibrate(own_rest)
    assert model.reference_subjects_.size == 0  # a patient's own rest is not a leak
    assert model.predict(patient.assign(rest=False)).tolist() == ["myopathy"] * 2


@pytest.mark.parametrize(
    "classifier, update",
    [(LogisticRegression(), "refit"), (GaussianNB(), "fine_tune"), (None, "final")],
)
def test_labelled_recordings_move_the_decision(classifier, update):
    X, y = site("Rome")
    new, new_y = site("Oslo", offset=4.0, seed=1)  # the healthy subjects of Oslo look like patients
    final = None if classifier else LogisticRegression()
    chain = make_pipeline(StandardScaler(), classifier or LogisticRegression())
    model = AdaptiveDiagnosis(divote(chain, final_estimator=final), update=update, weight=3.0)
    if update == "fine_tune":
        model.set_params(weight=1.0, n_epochs=3)
    model.fit(X, y)
    assert model.update_ == update
    local = new["subject"].isin([f"Oslo {k}" for k in range(10)])
    before = model.score(new[~local], new_y[~local])
    model.partial_fit(new[local], new_y[local])
    assert model.score(new[~local], new_y[~local]) > before
    assert set(model.subjects_) == set(X["subject"]) | set(new["subject"][local])
    with pytest.warns(SubjectLeakWarning, match="trained on"):
        model.predict(new[local])
    # Steps before the classifier are not fitted again.
    mean = model.estimator_.estimator_[0].mean_
    np.testing.assert_allclose(mean, X[["rms", "zc"]].mean())


def test_refit_is_the_fit_on_old_and_new_rows_of_a_pipeline_without_divote():
    X, y = site("Rome", n=8)
    new, new_y = site("Oslo", n=4, seed=1)
    columns = ["rms", "zc"]
    model = AdaptiveDiagnosis(make_pipeline(StandardScaler(), LogisticRegression()), weight=2.0)
    model.fit(X[columns], y, groups=X["subject"])
    model.partial_fit(new[columns], new_y, groups=new["subject"])
    scaler = StandardScaler().fit(X[columns])
    both = scaler.transform(pd.concat([X, new])[columns])
    expected = LogisticRegression().fit(
        both, np.concatenate([y, new_y]), sample_weight=np.repeat([1.0, 2.0], [16, 8])
    )
    np.testing.assert_allclose(model.estimator_[-1].coef_, expected.coef_)
    with pytest.warns(SubjectLeakWarning, match="1 of 1 subjects given to AdaptiveDiagnosis"):
        model.predict(new[columns][:2], groups=new["subject"][:2])


def test_a_frozen_system_adapts_without_its_recordings_and_stays_as_it_was():
    X, y = site("Rome")
    new, new_y = site("Oslo", offset=4.0, seed=1)
    system = divote(final_estimator=LogisticRegression()).fit(X, y)
    before = system.final_estimator_.coef_.copy()
    model = AdaptiveDiagnosis(FrozenEstimator(system), update="final").partial_fit(new, new_y)
    assert set(model.subjects_) == set(X["subject"]) | set(new["subject"])
    assert not np.allclose(model.estimator_.final_estimator_.coef_, before)
    np.testing.assert_array_equal(system.final_estimator_.coef_, before)
    with pytest.raises(ValueError, match="needs the recordings of the first fit"):
        AdaptiveDiagnosis(FrozenEstimator(system)).partial_fit(new, new_y)


def test_bad_input_is_refused_and_leaves_the_system_as_it_was():
    X, y = site("Rome")
    new, new_y = site("Oslo", n=6)
    model = AdaptiveDiagnosis(divote()).fit(X, y)
    before = model.predict_proba(new)
    with pytest.raises(ValueError, match=r"label 'Myopathy' \(row 0\).*knows \['healthy'"):
        model.partial_fit(new[:2], ["Myopathy", "Myopathy"])
    with pytest.raises(ValueError, match="y has no label for 1 of 2 rows"):
        model.partial_fit(new[:2], ["myopathy", None])
    with pytest.raises(ValueError, match="the classes of its first fit are"):
        model.partial_fit(new, new_y, classes=["healthy", "myopathy", "ALS"])
    with pytest.raises(ValueError, match="no SiteStandardizer"):
        model.calibrate(new)
    by_site = AdaptiveDiagnosis(make_pipeline(SiteStandardizer(), divote()))
    by_site.fit(X.assign(group=y), y)
    with pytest.raises(ValueError, match="lacks the column 'site', by which"):
        by_site.calibrate(new.drop(columns="site"))
    with pytest.raises(ValueError, match="needs a table with the columns"):
        by_site.calibrate(new[["rms", "zc"]].to_numpy())
    with pytest.raises(ValueError, match="lacks the column 'zc' seen"):
        model.partial_fit(new.drop(columns="zc"), new_y)
    with pytest.raises(ValueError, match="was fitted on DataFrame but was given ndarray"):
        model.partial_fit(new[["rms", "zc"]].to_numpy(), new_y)
    with pytest.raises(ValueError, match="has the labels 'healthy' and 'myopathy'"):
        model.partial_fit(new[:2], ["healthy", "myopathy"])
    with pytest.raises(ValueError, match="fits the final classifier"):
        AdaptiveDiagnosis(divote(), update="final").fit(X, y).partial_fit(new, new_y)
    with pytest.raises(ValueError, match="LogisticRegression has no partial_fit"):
        AdaptiveDiagnosis(divote(), update="fine_tune").fit(X, y).partial_fit(new, new_y)
    with pytest.raises(ValueError, match="must be a classifier"):
        AdaptiveDiagnosis(LinearRegression()).fit(X[["rms"]], np.arange(40.0))
    np.testing.assert_array_equal(model.predict_proba(new), before)


def test_a_network_is_fine_tuned_on_recordings_and_remembers_its_subjects():
    X, y = recording_cohort(np.tile([1.0, 3.0], 4), lengths=(400, 300), labels=("well", "ill"))
    tiny = {"n_filters": 2, "n_hidden": 2, "kernel_size": 3}
    net = EMGClassifier(module_params=tiny, max_epochs=1, warm_start=True, random_state=0)
    system = DiVoteClassifier(make_pipeline(AmplitudeScaler(), net), window=0.1, step=None)
    model = AdaptiveDiagnosis(system, n_epochs=2).fit(X[:8], y[:8])
    assert model.update_ == "fine_tune"
    before = model.estimator_.estimator_[-1]
    model.partial_fit(X[8:12], y[8:12])
    after = model.estimator_.estimator_[-1]
    assert after.subjects_.tolist() == ["s0", "s1", "s2", "s3", "s4", "s5"]
    assert model.subjects_.tolist() == after.subjects_.tolist()
    old, new = (next(iter(n.net_.module_.parameters())).detach().numpy() for n in (before, after))
    assert not np.allclose(old, new)
    assert len(model.estimator_.training_features_) == 6
    # No subject is held out when the network alone is trained further.
    windows = model.estimator_.windows(X)
    owner = X["subject"].to_numpy()[windows.row]
    after.fit(windows.X, y[windows.row], groups=owner)
    assert set(after._held_out) <= {"s6", "s7", *before._held_out}
    with pytest.raises(ValueError, match="shape"):  # two channels instead of one
        two = X[8:10].assign(signal=[np.stack([x, x]) for x in X["signal"][8:10]])
        model.partial_fit(two, y[8:10])
    with pytest.raises(ValueError, match="Resample to the rate"):
        model.partial_fit(X[8:10].assign(fs=2000.0), y[8:10])


@pytest.mark.slow
def test_references_of_another_hospital_inside_divote(real_data):
    n2001 = load_n2001(real_data / "n2001_biceps", muscle="BB", invalid="clip").data
    n2001 = n2001[(n2001["level"] == "low") & (n2001["group"] != "myopathy")]
    n2001 = n2001.groupby("subject").head(2)
    algiers = load_algiers(real_data / "algiers").data
    algiers = algiers[(algiers["muscle"] == "deltoid") & (algiers["group"] != "myopathy")]
    algiers = algiers.groupby("subject").head(1).groupby("group").head(8)
    names = {"ALS": "neuropathy", "control": "healthy", "normal": "healthy"}
    table = concat_tables(
        {"N2001": n2001.drop(columns="site"), "Algiers": algiers.drop(columns="site")}
    )
    table = table.assign(group=table["group"].replace(names))
    table = Resampler(10_000.0).fit_transform(BandpassFilter(20.0, 2000.0).fit_transform(table))
    chain = make_pipeline(
        TimeDomainFeatures(["rms", "wl", "zc"]), SiteStandardizer(prior=3.0), LogisticRegression()
    )
    system = DiVoteClassifier(chain, window=0.4, step=None, final_estimator=None)
    source = table["site"] == "N2001"
    model = AdaptiveDiagnosis(system).fit(table[source], table["group"][source])
    healthy = table[~source & (table["group"] == "healthy")]
    patients = table[~source & (table["group"] == "neuropathy")].drop(columns="group")
    with pytest.raises(ValueError, match="cannot tell which subjects are references"):
        model.predict(patients)
    model.calibrate(healthy[:4].drop(columns="group"))
    assert set(model.predict(patients)) <= {"healthy", "neuropathy"}
    step = model.estimator_.estimator_[1]
    assert step.sites_ == ["N2001", "Algiers"]
    assert step.reference_subjects_["Algiers"] == sorted(healthy["subject"][:4])
    model.partial_fit(healthy[4:6].drop(columns="group"), ["healthy"] * 2)
    assert set(model.subjects_) == {*table["subject"][source], *healthy["subject"][4:6]}
