"""Published systems on tables with gaps and dead recordings."""

import warnings

import numpy as np
import pytest
from data import simulated_cohort
from small_systems import shrink

from sklearn_emg.datasets import load_n2001
from sklearn_emg.exceptions import RecordingWarning
from sklearn_emg.model_selection import RepeatedSubjectKFold
from sklearn_emg.papers import make_system, run_benchmark
from sklearn_emg.recordings import object_column, read_signal

SYSTEMS = ["time-domain", "yoo-2023-svm", "quantitative-emg-svm"]
WITHOUT = {"gaps": "passthrough", "mark": "passthrough", "divote__nan": "raise"}


def damaged(table):
    """A copy: row 0 is zero, row 1 has a short and row 2 a long gap, row 7 has no sample."""
    signals = [np.array(signal) for signal in table["signal"]]
    signals[0][:] = 0.0
    signals[1][50:54] = np.nan
    signals[2][100:900] = np.nan
    signals[7][:] = np.nan
    return table.assign(signal=object_column(signals, table.index))


@pytest.fixture(scope="module")
def cohort():
    return simulated_cohort(6, 18, fs=4000.0, duration=1.0)


@pytest.mark.parametrize("name", SYSTEMS)
def test_gaps_and_dead_recordings_cost_their_windows_alone(cohort, name):
    X, y = cohort
    bad = damaged(X)
    model = make_system(name, fs=4000.0)
    with pytest.warns(RecordingWarning, match="No window is left of row 7"):
        model.fit(bad, y)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RecordingWarning)
        votes = model[-1].vote(model[:-1].transform(bad))
    n_windows = votes.recordings["n_windows"].tolist()
    assert n_windows[7] == 0
    assert 0 < n_windows[2] < n_windows[1] == n_windows[0]
    assert np.isfinite(votes.windows.filter(like="score_")).all(axis=None)


@pytest.mark.parametrize("name", SYSTEMS)
def test_a_table_without_gaps_is_not_changed(cohort, name):
    X, y = cohort
    model = make_system(name, fs=4000.0)
    plain = make_system(name, fs=4000.0).set_params(**WITHOUT)
    expected = plain.fit(X, y).predict_proba(X)
    np.testing.assert_array_equal(model.fit(X, y).predict_proba(X), expected)


@pytest.fixture
def real_damaged(real_data):
    """Two subjects of each group of N2001, two recordings of each, two of them dead."""
    X, y = load_n2001(real_data / "n2001_biceps", lazy=True, return_X_y=True)
    # The clipped ones first.
    order = X.assign(group=y).sort_values("n_invalid", ascending=False, kind="stable")
    subjects = order.drop_duplicates("subject").groupby("group").head(2)["subject"]
    some = order[order["subject"].isin(subjects)].groupby("subject").head(2)
    n_times = round(3 * 23437.5)
    signals = [np.array(read_signal(signal)[..., :n_times]) for signal in some["signal"]]
    assert any(np.isnan(signal).any() for signal in signals)
    signals[0], signals[3] = np.zeros(n_times), np.full(n_times, np.nan)
    return some.assign(signal=object_column(signals, some.index)), y[some.index]


def test_real_recordings_with_dead_ones(real_damaged, tmp_path):
    X, y = real_damaged
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RecordingWarning)
        protocol = RepeatedSubjectKFold(2, n_repeats=1)
        result = run_benchmark(
            SYSTEMS, X, y, protocol, tmp_path, progress=False, n_resamples=10, figure=False
        )
    assert result.runs["state"].tolist() == ["done"] * 6, result.runs["reason"].tolist()
    # The subject of the lost recording is diagnosed from its other recording.
    diagnoses = result.comparison.predictions
    assert diagnoses.groupby("pipeline")["subject"].nunique().tolist() == [6, 6, 6]


def check_boumerdes(X, y, **settings):
    """Fit the network of the study for an epoch and diagnose the subjects that it was fitted on."""
    pytest.importorskip("torch")
    pytest.importorskip("imblearn")
    model = shrink(make_system("boumerdes-cnn", random_state=0, **settings))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(X, y)
        votes = model[-1].vote(model[1:-1].transform(X))
    assert np.isfinite(votes.windows.filter(like="score_")).all(axis=None)
    assert set(votes.subjects.index) == set(X["subject"])
    return votes.recordings["n_windows"].to_numpy()


def test_boumerdes_leaves_out_windows_with_gaps(cohort):
    X, y = cohort
    n_windows = check_boumerdes(damaged(X), y, fs=2000.0, window=0.4, step=0.2)
    assert n_windows[7] == 0
    assert n_windows[:3].tolist() == [4, 3, 2]  # short gaps cost their windows too


def test_boumerdes_runs_on_n2001_as_it_comes(real_damaged):
    X, y = real_damaged
    n_windows = check_boumerdes(X, y)
    assert n_windows[0] == 6  # zeros are kept, as in the study
    assert n_windows[3] == 0
