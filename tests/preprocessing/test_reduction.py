import numpy as np
import pytest
from data import noise

from sklearn_emg.preprocessing import Resampler, ShapeReducer
from sklearn_emg.recordings import recording_table

METHODS = ["minmax", "m4", "lttb", "minmaxlttb"]


@pytest.mark.parametrize("method", METHODS)
def test_peaks_stay(method):
    X = 0.01 * noise(3, 2, 1000)
    X[..., 333], X[..., 777] = 5.0, -4.0
    reduced = ShapeReducer(20.0, method=method).fit_transform(X)
    assert reduced.shape == (3, 2, 48)
    assert (reduced.max(axis=-1) == 5.0).all()
    assert (reduced.min(axis=-1) == -4.0).all()


def test_resampler_loses_the_peak_that_a_reducer_keeps():
    X = np.zeros((1, 1000))
    X[0, 333] = 5.0
    assert Resampler(50.0, fs=1000.0).fit_transform(X).max() < 0.5
    assert ShapeReducer(20.0).fit_transform(X).max() == 5.0


@pytest.mark.parametrize("method", METHODS)
def test_samples_are_a_part_of_the_signal_in_its_order(method):
    X = np.arange(500.0)[None]
    reduced = ShapeReducer(7.0, method=method).fit_transform(X)[0]
    assert np.isin(reduced, X[0]).all()
    assert (np.diff(reduced) >= 0).all()


@pytest.mark.parametrize("method", METHODS)
def test_table_gets_the_mean_rate(method):
    table = recording_table(
        [noise(2, 800).astype(np.float32), noise(400)], fs=[800.0, 400.0], subject="a"
    )
    reduced = ShapeReducer(10.0, method=method).fit_transform(table)
    assert reduced["fs"].tolist() == [80.0, 40.0]
    assert [s.shape for s in reduced["signal"]] == [(2, 80), (40,)]
    assert reduced["signal"][0].dtype == np.float32


@pytest.mark.parametrize("n_times", [1, 3, 4])
def test_signal_without_samples_to_spare_stays(n_times):
    X = noise(2, n_times)
    np.testing.assert_array_equal(ShapeReducer(2.0).fit_transform(X), X)
