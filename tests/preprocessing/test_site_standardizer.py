"""Features standardised by the reference subjects of each site."""

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from sklearn_emg.ensemble import DiVoteClassifier
from sklearn_emg.exceptions import RecordingWarning, SubjectLeakWarning
from sklearn_emg.feature_extraction import TimeDomainFeatures
from sklearn_emg.model_selection import LeaveOneSiteOut
from sklearn_emg.preprocessing import SiteStandardizer
from sklearn_emg.recordings import recording_table


def two_sites():
    return pd.DataFrame(
        {
            "rms": [1.0, 3.0, 8.0, 10.0, 30.0, 50.0],
            "zc": [5.0, 5.0, 7.0, 0.0, 4.0, 8.0],
            "subject": [*"abcdef"],
            "site": ["Rome"] * 3 + ["Oslo"] * 3,
            "group": ["Healthy", "healthy", "als", "control", "normal", "als"],
            "age": [20, 30, 40, 50, 60, 70],
        }
    )


def test_values_are_distances_from_the_references_of_the_site():
    X = two_sites()
    out = SiteStandardizer().fit_transform(X)
    assert out["rms"].tolist() == [-1, 1, 6, -1, 1, 3]
    # A feature that is constant among the references has the scale 1.
    assert out["zc"].tolist() == [0, 0, 2, -1, 1, 3]
    pd.testing.assert_frame_equal(out.drop(columns=["rms", "zc"]), X.drop(columns=["rms", "zc"]))


def test_every_reference_subject_has_the_same_weight():
    # a has the rows 0 and 2, b the row 4 three times: mean 2.5, not 2.8.
    X = pd.DataFrame({"rms": [0.0, 2.0, 4.0, 4.0, 4.0], "subject": [*"aabbb"], "reference": True})
    scaler = SiteStandardizer(site=None).fit(X)
    assert scaler.location_.item() == pytest.approx(2.5)
    assert scaler.scale_.item() == pytest.approx(np.sqrt((2.5**2 + 0.5**2 + 2 * 1.5**2) / 4))


def test_the_median_ignores_an_extreme_row():
    values = [1.0, 2.0, 3.0, 4.0, 1000.0]
    X = pd.DataFrame({"rms": values, "subject": [*"abcde"], "reference": True})
    scaler = SiteStandardizer(site=None, statistic="median").fit(X)
    assert scaler.location_.item() == 3.0
    # The quartiles of five equal weights are the second and the fourth value.
    assert scaler.scale_.item() == pytest.approx(2.0 / 1.349, rel=1e-4)


def test_missing_values_are_left_out_of_the_statistics():
    X = pd.DataFrame(
        {
            "rms": [1.0, np.nan, 3.0, 5.0],
            "dead": np.nan,
            "subject": [*"abbc"],
            "reference": [True, True, True, False],
        }
    )
    out = SiteStandardizer(site=None).fit_transform(X)
    np.testing.assert_array_equal(out["rms"], [-1, np.nan, 1, 3])
    assert out["dead"].isna().all()


def test_arrays_are_standardised_as_by_standard_scaler():
    X = np.random.default_rng(0).normal(3, 2, size=(7, 3))
    out = SiteStandardizer("all", site=None).fit_transform(X)
    np.testing.assert_allclose(out, StandardScaler().fit_transform(X))
    with pytest.warns(RecordingWarning, match="has neither sites nor reference marks"):
        np.testing.assert_allclose(SiteStandardizer().fit_transform(X), out)


def test_metadata_of_arrays_is_passed_by_name():
    X = two_sites()
    values = X[["rms", "zc"]].to_numpy()
    facts = {"site": X["site"], "subject": X["subject"], "group": X["group"]}
    out = SiteStandardizer().fit_transform(values, **facts)
    np.testing.assert_array_equal(out, SiteStandardizer().fit_transform(X)[["rms", "zc"]])


@pytest.mark.parametrize(
    ("reference", "change"),
    [
        ("healthy", lambda X: X.assign(reference=X["group"] != "als").drop(columns="group")),
        ("is_control", lambda X: X.assign(is_control=X["group"] != "als").drop(columns="group")),
        (["a", "b", "d", "e"], lambda X: X.drop(columns="group")),
    ],
)
def test_references_are_named_by_a_column_or_a_list(reference, change):
    out = SiteStandardizer(reference).fit_transform(change(two_sites()))
    assert out["rms"].tolist() == [-1, 1, 6, -1, 1, 3]


def test_y_names_the_references_of_the_training_only():
    X = two_sites()
    y, X = X["group"].tolist(), X.drop(columns="group")
    scaler = SiteStandardizer()
    assert scaler.fit(X, y).transform(X)["rms"].tolist() == [-1, 1, 6, -1, 1, 3]
    rome, oslo = X.iloc[:3], X.iloc[3:]
    with pytest.raises(ValueError, match="SiteStandardizer cannot tell which subjects"):
        scaler.fit(rome, y[:3]).transform(oslo)


def test_a_new_site_is_standardised_by_its_references_with_a_warning():
    X = two_sites()
    scaler = SiteStandardizer().fit(X.iloc[:3])
    with pytest.warns(SubjectLeakWarning, match=r"2 subjects .*'d', 'e'.*do not test a model"):
        out = scaler.transform(X.iloc[3:])
    assert out["rms"].tolist() == [-1, 1, 3]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # A site seen in training needs no new references.
        assert scaler.transform(X.iloc[[2]])["rms"].tolist() == [6]


def test_patients_of_a_new_site_change_nothing():
    X = two_sites()
    scaler = SiteStandardizer().fit(X.iloc[:3])
    with pytest.warns(SubjectLeakWarning):
        alone = scaler.transform(X.iloc[3:])
    more = pd.concat([X.iloc[3:], X.iloc[[5]].assign(rms=1e6, subject="g")])
    with pytest.warns(SubjectLeakWarning):
        pd.testing.assert_frame_equal(scaler.transform(more).iloc[:3], alone)


def test_n_reference_subjects_are_drawn_by_the_seed():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(
        {"rms": rng.normal(size=40), "subject": np.repeat(range(20), 2), "group": "healthy"}
    )
    scaler = SiteStandardizer(n_reference=6, site=None, random_state=1).fit(X)
    (drawn,) = scaler.reference_subjects_.values()
    assert len(drawn) == 6
    used = X["rms"][X["subject"].isin(drawn)]
    assert scaler.location_.item() == pytest.approx(used.mean())
    shuffled = X.sample(frac=1, random_state=0)
    assert scaler.draw(shuffled) == scaler.reference_subjects_
    other = clone(scaler).set_params(random_state=2).fit(X)
    assert other.reference_subjects_ != scaler.reference_subjects_


@pytest.mark.parametrize(
    ("scaler", "change", "match"),
    [
        (SiteStandardizer(), lambda X: X.drop(columns="site"), "column 'site'"),
        (SiteStandardizer("mvc"), lambda X: X, "no column 'mvc'"),
        (SiteStandardizer(["a"]), lambda X: X, "Site 'Oslo' has 0 reference subjects"),
        (SiteStandardizer(["a", "d", "e"]), lambda X: X, "Site 'Rome' has 1 reference subject "),
        (SiteStandardizer("group"), lambda X: X, "Column 'group' must contain only True and False"),
        (SiteStandardizer(), lambda X: X.drop(columns=["rms", "zc"]), "no numeric column"),
        (SiteStandardizer(), lambda X: X.assign(rms=np.inf), "infinity"),
        (SiteStandardizer(n_reference=1), lambda X: X, "n_reference"),
    ],
)
def test_what_it_cannot_standardise_is_named(scaler, change, match):
    with pytest.raises(ValueError, match=match):
        scaler.fit(change(two_sites()))


def test_columns_of_fit_are_needed_in_transform():
    X = two_sites()
    scaler = SiteStandardizer().fit(X)
    with pytest.raises(ValueError, match="lacks the column 'zc'"):
        scaler.transform(X.drop(columns="zc"))
    with pytest.raises(ValueError, match="fitted on a DataFrame"):
        scaler.transform(X[["rms", "zc"]].to_numpy())
    assert list(scaler.transform(X.assign(extra=1)).columns) == list(X.columns)


def test_output_is_named_and_pickles_alike():
    X = two_sites()
    scaler = SiteStandardizer(metadata="drop").set_output(transform="pandas").fit(X)
    out = scaler.transform(X)
    assert list(out.columns) == ["rms", "zc"] == list(scaler.get_feature_names_out())
    again = pickle.loads(pickle.dumps(scaler))
    pd.testing.assert_frame_equal(again.transform(X), out)
    assert list(SiteStandardizer().fit(X).get_feature_names_out()) == list(X.columns)
    make_column_transformer((StandardScaler(), ["rms"])).fit(SiteStandardizer().fit_transform(X))


def cohort(gains):
    rng = np.random.default_rng(0)
    rows = [(site, k) for site in gains for k in range(8)]
    signals = [
        gains[site] * (1 + k % 2) * np.exp(0.1 * rng.normal()) * rng.normal(size=900)
        for site, k in rows
    ]
    y = np.array([["healthy", "ill"][k % 2] for _, k in rows])
    X = recording_table(
        signals,
        fs=1000.0,
        subject=[f"{s}{k}" for s, k in rows],
        hospital=[s for s, _ in rows],
        control=y == "healthy",
    )
    return X, y


@pytest.mark.filterwarnings("ignore::sklearn_emg.exceptions.SubjectLeakWarning")
@pytest.mark.filterwarnings("ignore:Since FrozenEstimator")
@pytest.mark.parametrize("classifier", [LogisticRegression(), LinearSVC()])
def test_inside_divote_windows_are_standardised_by_site(classifier):
    X, y = cohort({"Oslo": 0.2, "Rome": 1.0})
    scaler = SiteStandardizer("control", site="hospital")
    divote = DiVoteClassifier(
        make_pipeline(TimeDomainFeatures(["rms"]), scaler, classifier), window=0.3, step=None
    )
    across = LeaveOneSiteOut("hospital")
    assert cross_val_score(divote, X, y, cv=across).tolist() == [1, 1]
    without = clone(divote).set_params(estimator__sitestandardizer="passthrough")
    assert cross_val_score(without, X, y, cv=across).max() == 0.5
    inner = divote.fit(X, y).estimator_.named_steps["sitestandardizer"]
    assert inner.sites_ == ["Oslo", "Rome"]
    assert inner.reference_subjects_["Rome"] == ["Rome0", "Rome2", "Rome4", "Rome6"]


def test_inside_divote_patients_of_another_site_need_no_labels():
    X, y = cohort({"Oslo": 0.2, "Rome": 1.0, "Bern": 2.0})
    scaler = SiteStandardizer("control", site="hospital", n_reference=3)
    features = make_pipeline(TimeDomainFeatures(["rms"]), scaler)
    divote = DiVoteClassifier(make_pipeline(features, LogisticRegression()), window=0.3, cv=2)
    target = (X["hospital"] == "Bern").to_numpy()
    divote.fit(X[~target], y[~target])
    with pytest.warns(SubjectLeakWarning, match="got references .* 3 subjects"):
        predicted = divote.predict(X[target])
    assert predicted.tolist() == y[target].tolist()


def test_partial_fit_learns_a_site_from_its_references_alone():
    X = two_sites()
    rome, oslo = X[:3], X[3:]
    whole = SiteStandardizer().fit(X)
    scaler = SiteStandardizer().fit(rome).partial_fit(oslo[:2])
    assert scaler.sites_ == ["Rome", "Oslo"]
    pd.testing.assert_frame_equal(scaler.transform(X), whole.transform(X))
    # A patient needs no references in the same call, and no group.
    patient = oslo[2:].drop(columns="group")
    assert scaler.transform(patient)["rms"].tolist() == [3]
    # References that are given again replace the earlier ones of this site only.
    scaler.partial_fit(oslo[:2].assign(rms=[0.0, 2.0]))
    assert scaler.transform(X)["rms"].tolist() == [-1, 1, 6, 9, 29, 49]


def test_the_scale_of_a_new_site_is_averaged_with_those_of_the_training():
    X = two_sites()  # Rome has the standard deviation 1
    scaler = SiteStandardizer(prior=3.0).fit(X[:3]).partial_fit(X[3:5])
    assert scaler.location_[1, 0] == 20
    assert scaler.scale_[1, 0] == pytest.approx(np.sqrt((3 * 1 + 2 * 100) / 5))
    one = SiteStandardizer(prior=3.0).fit(X[:3]).partial_fit(X[3:4])
    assert one.location_[1, 0] == 10
    assert one.scale_[1, 0] == pytest.approx(np.sqrt(3 / 4))
    with pytest.raises(ValueError, match="Site 'Oslo' has 1 reference subject among"):
        SiteStandardizer().fit(X[:3]).partial_fit(X[3:4])


def test_a_new_site_without_references_is_pooled_on_request():
    X = two_sites().drop(columns="group").assign(reference=[True, True, False] * 2)
    scaler = SiteStandardizer(new_site="pooled").fit(X)
    np.testing.assert_allclose(scaler.pooled_location_, [11, 3.5])
    np.testing.assert_allclose(scaler.pooled_scale_, [np.sqrt(50.5), np.sqrt(2.5)])
    new = X[2:3].drop(columns="reference").assign(site="Bern", rms=11.0, zc=3.5)
    with pytest.warns(RecordingWarning, match="Site 'Bern' is new to SiteStandardizer"):
        assert scaler.transform(new)[["rms", "zc"]].to_numpy().tolist() == [[0, 0]]
    both = pd.concat([new, new.assign(site="Ghent", subject="z")])
    with pytest.warns(RecordingWarning, match="Sites 'Bern', 'Ghent' are new to"):
        scaler.transform(both)
    with pytest.raises(ValueError, match="SiteStandardizer cannot tell which subjects"):
        SiteStandardizer().fit(X).transform(new)


def test_a_subject_is_standardised_by_its_own_rest():
    X = pd.DataFrame(
        {
            "rms": [1.0, 3.0, 8.0, 10.0, 30.0, 50.0],
            "subject": [*"aaabbb"],
            "rest": [True, True, False] * 2,
        }
    )
    scaler = SiteStandardizer("rest", site="subject")
    assert scaler.fit_transform(X)["rms"].tolist() == [-1, 1, 6, -1, 1, 3]
    with pytest.raises(ValueError, match=r"Subject 'a' has 1 reference row among .* contraction"):
        scaler.fit(X[1:])
    # A new subject's recordings at rest do not reveal its diagnosis, so there is no warning.
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert scaler.transform(X.assign(subject="c")[:3])["rms"].tolist() == [-1, 1, 6]
