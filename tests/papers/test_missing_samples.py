"""Published systems on tables with gaps and dead recordings."""

import warnings

import numpy as np
import pytest

from sklearn_emg.datasets import make_nemg_cohort
from sklearn_emg.exceptions import RecordingWarning
from sklearn_emg.papers import make_system
from sklearn_emg.recordings import object_column

SYSTEMS = ["time-domain", "yoo-2023-svm", "table-svm"]
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
    return make_nemg_cohort(
        6, n_recordings=18, fs=4000.0, duration=1.0, return_X_y=True, random_state=0
    )


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
