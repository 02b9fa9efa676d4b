"""explain_subject against values computed by hand and against the simulator's ground truth."""

import numpy as np
import pandas as pd
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_emg.datasets import simulate_recording
from sklearn_emg.ensemble import DiVoteClassifier
from sklearn_emg.feature_extraction import TimeDomainFeatures
from sklearn_emg.inspection import explain_subject
from sklearn_emg.inspection._plot import COLORS, OPPOSES, SUPPORTS
from sklearn_emg.model_selection import SubjectKFold
from sklearn_emg.preprocessing import AmplitudeScaler, BandpassFilter
from sklearn_emg.recordings import recording_table


def loud_table(seed=0, n_times=500):
    """Subjects a and b are controls; c and d are patients, with only the tibialis affected."""
    rng = np.random.default_rng(seed)
    amplitudes = np.array([1, 1, 1.2, 1, 0.9, 1, 1, 2.5, 2.5, 1.1, 2.2, 1.9])
    table = recording_table(
        [a * rng.normal(size=n_times) for a in amplitudes],
        fs=1000.0,
        subject=list("aaabbbcccddd"),
        muscle=["biceps", "biceps", "tibialis"] * 2 + ["biceps", "tibialis", "tibialis"] * 2,
        side=["left", "right", "right"] * 4,
    )
    return table, np.repeat(["control", "patient"], 6)


def fitted(**settings):
    table, y = loud_table()
    windows = make_pipeline(TimeDomainFeatures(["rms"]), LogisticRegression())
    return DiVoteClassifier(windows, window=0.1, step=None, **settings).fit(table, y), table


def test_recordings_and_muscles_left_out_by_hand():
    divote, table = fitted(final_estimator=None)
    found = explain_subject(divote, table, "d", target="patient")
    own = table[table["subject"] == "d"]
    whole = divote.predict_proba(own)[0, 1]
    assert found.probabilities["patient"] == pytest.approx(whole)
    head, *rows = repr(found).splitlines()
    assert head == f"Subject d: diagnosis patient, probability of patient {whole:.2f}"
    assert [row.split()[0] for row in rows[2:]] == found.muscles.index.tolist()
    for k, index in enumerate(own.index):
        left = divote.predict_proba(own.drop(index))[0, 1]
        assert found.recordings["contribution"].iloc[k] == pytest.approx(whole - left)
    for muscle, row in found.muscles.iterrows():
        left = divote.predict_proba(own[own["muscle"] != muscle])[0, 1]
        assert row["contribution"] == pytest.approx(whole - left)
    assert found.muscles.index.tolist() == ["tibialis", "biceps"]
    assert found.muscles["n_recordings"].to_dict() == {"tibialis": 2, "biceps": 1}


@pytest.mark.parametrize("by", [None, "side"])
def test_recordings_left_out_agree_with_the_vote_on_the_rest(by):
    divote, table = fitted(by=by)
    own = table[table["subject"] == "c"]
    found = explain_subject(divote, table, "c")
    column = divote.classes_.tolist().index(found.target)
    whole = divote.predict_proba(own)[0, column]
    left = [divote.predict_proba(own.drop(i))[0, column] for i in own.index]
    np.testing.assert_allclose(found.recordings["contribution"], whole - np.array(left))
    assert found.recordings.index.equals(own.index)


def test_windows_left_out_by_hand():
    divote, table = fitted(final_estimator=None)
    found = explain_subject(divote, table, "c", target="patient")
    windows, rows = found.windows, found.recordings
    assert windows["row"].value_counts().tolist() == [5, 5, 5]
    for k in (0, 7, 14):
        rest = windows.drop(index=k).groupby("row")["score"].mean()
        expected = rows["score"].mean() - rest.mean()
        assert windows["contribution"].iloc[k] == pytest.approx(expected)


def test_the_only_recording_left_out_leaves_ignorance():
    divote, table = fitted(final_estimator=None)
    found = explain_subject(divote, table.iloc[[11]], "d", target="patient")
    assert found.recordings["contribution"].item() == pytest.approx(
        found.probabilities["patient"] - 0.5
    )


def test_decisive_windows_do_not_overlap_and_carry_their_samples():
    table, y = loud_table()
    windows = make_pipeline(TimeDomainFeatures(["rms"]), LogisticRegression())
    divote = DiVoteClassifier(windows, window=0.2, step=0.05).fit(table, y)
    found = explain_subject(divote, table, "d", n_decisive=4)
    chosen = found.windows.iloc[found.decisive]
    assert chosen["contribution"].is_monotonic_decreasing
    assert found.decisive[0] == found.windows["contribution"].argmax()
    for _, part in chosen.groupby("row"):
        assert (np.diff(np.sort(part["start"])) > 0.199).all()
    first = chosen.iloc[0]
    signal = table["signal"].loc[table["subject"] == "d"].iloc[int(first["row"])]
    start = round(first["start"] * 1000)
    np.testing.assert_allclose(found.decisive_signals[0], signal[start : start + 200], rtol=1e-6)
    assert found.duration == pytest.approx(0.2)


def test_pipelines_and_searches_are_seen_through():
    table, y = loud_table()
    windows = make_pipeline(TimeDomainFeatures(["rms"]), LogisticRegression())
    pipe = make_pipeline(
        BandpassFilter(20, 400), DiVoteClassifier(windows, window=0.1, final_estimator=None)
    )
    grid = {"divoteclassifier__step": [0.1]}
    search = GridSearchCV(pipe, grid, cv=SubjectKFold(2)).fit(table, y)
    inside = explain_subject(search.best_estimator_, table, "d")
    pd.testing.assert_frame_equal(explain_subject(search, table, "d").windows, inside.windows)


def test_feature_rows_are_explained_without_times():
    rng = np.random.default_rng(0)
    y = np.repeat(["control", "patient"], 12)
    X = pd.DataFrame({"rms": rng.normal(size=24) + 2 * (y == "patient"), "subject": range(24)})
    X["subject"] //= 3
    divote = DiVoteClassifier(LogisticRegression(), window=None).fit(X, y)
    found = explain_subject(divote, X, 5)
    assert found.muscles is None
    assert "start" not in found.windows
    assert np.isnan(found.duration)
    assert len(found.decisive_signals) == 3


def test_colours_of_the_sign_belong_to_no_diagnosis():
    pytest.importorskip("matplotlib")
    from matplotlib.colors import to_hex

    divote, table = fitted()
    display = explain_subject(divote, table, "c").plot()
    edges = {to_hex(bar.get_edgecolor()) for bar in display.bars_}
    assert edges == {SUPPORTS.lower(), OPPOSES.lower()}
    assert edges.isdisjoint(color.lower() for color in COLORS)
    texts = [text.get_text() for text in display.axes_[0].get_legend().get_texts()]
    assert texts == [
        f"supports {display.target} (muscle left out)",
        "opposes it",
        "one recording left out",
    ]


def test_what_cannot_be_explained_is_refused():
    divote, table = fitted()
    with pytest.raises(ValueError, match=r"no subject 'z'; it has 'a', 'b'"):
        explain_subject(divote, table, "z")
    with pytest.raises(ValueError, match=r"'target' of explain_subject must be one of"):
        explain_subject(divote, table, "a", target="ill")
    with pytest.raises(TypeError, match=r"ends with one\. Got AmplitudeScaler"):
        explain_subject(AmplitudeScaler(), table, "a")
    with pytest.raises(ValueError, match="needs a table with a 'subject' column"):
        explain_subject(divote, table.drop(columns="subject"), "a")
    with pytest.raises(ValueError, match="'X' parameter of explain_subject must be"):
        explain_subject(divote, table.to_numpy(), "a")
    with pytest.raises(ValueError, match="'n_decisive' parameter of explain_subject must be"):
        explain_subject(divote, table, "a", n_decisive=0)
    by_side, table = fitted(unit="side")
    with pytest.raises(ValueError, match="gets 2 diagnoses, one for each 'side'"):
        explain_subject(by_side, table, "a")
    no_proba, table = fitted(final_estimator=RidgeClassifier())
    with pytest.raises(ValueError, match="RidgeClassifier has no predict_proba"):
        explain_subject(no_proba, table, "a")


MUSCLES = ("biceps_brachii", "vastus_lateralis", "tibialis_anterior", "first_dorsal_interosseous")


def patchy_cohort(seed, n_patients=14, diagnosis="neuropathy"):
    """Patients with two of four muscles affected, and as many healthy controls."""
    rng = np.random.default_rng(seed)
    signals, rows = [], []
    for subject in range(2 * n_patients):
        ill = subject % 2 == 1
        affected = set(rng.choice(MUSCLES, size=2, replace=False)) if ill else set()
        for muscle in MUSCLES:
            signals.append(
                simulate_recording(
                    muscle,
                    diagnosis if muscle in affected else "normal",
                    severity=0.8,
                    duration=0.8,
                    fs=5000.0,
                    random_state=int(rng.integers(2**31)),
                )
            )
            rows.append((subject, muscle, muscle in affected, ill))
    facts = pd.DataFrame(rows, columns=["subject", "muscle", "affected", "ill"])
    table = recording_table(signals, fs=5000.0, subject=facts["subject"], muscle=facts["muscle"])
    return table, facts


@pytest.mark.parametrize("diagnosis", ["neuropathy", "myopathy"])
def test_finds_the_muscles_that_the_simulator_affected(diagnosis):
    """Contributions separate affected from healthy muscles within unseen patients (AUC)."""
    table, facts = patchy_cohort(0, diagnosis=diagnosis)
    y = np.where(facts["ill"], diagnosis, "normal")
    windows = make_pipeline(
        TimeDomainFeatures(["rms", "zc", "wl", "ssc"]),
        StandardScaler(),
        LinearDiscriminantAnalysis(),
    )
    divote = DiVoteClassifier(windows, window=0.4, step=0.2)
    areas = []
    for train, test in SubjectKFold(4, random_state=0).split(table, y):
        divote.fit(table.iloc[train], y[train])
        for subject in facts["subject"].iloc[test][facts["ill"].iloc[test]].unique():
            found = explain_subject(divote, table.iloc[test], subject, target=diagnosis)
            truth = facts[facts["subject"] == subject].set_index("muscle")["affected"]
            values = found.muscles["contribution"]
            areas.append(roc_auc_score(truth.loc[values.index], values))
    assert len(areas) == 14
    assert np.mean(areas) > 0.75, np.mean(areas)
