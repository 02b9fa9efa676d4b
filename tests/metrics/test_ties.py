"""Equal scores are ties, however many windows they are averaged over."""

import numpy as np
from sklearn.dummy import DummyClassifier

from sklearn_emg.comparison import compare
from sklearn_emg.ensemble import DiVoteClassifier
from sklearn_emg.metrics import subject_scorer
from sklearn_emg.recordings import mean_by_code, recording_table


def test_means_of_equal_values_are_that_value():
    codes = np.repeat([0, 1, 3], [1, 3, 7])
    values = np.where(codes[:, np.newaxis] == 3, [0.1, np.inf], [0.7, 0.1])
    means = mean_by_code(values, codes, 4)
    assert means[[0, 1, 3]].tolist() == [[0.7, 0.1], [0.7, 0.1], [0.1, np.inf]]
    assert np.isnan(means[2]).all()


def test_a_dummy_ranks_no_subject_before_another():
    rng = np.random.default_rng(0)
    y = np.repeat(["als", "control", "myopathy"], 6)
    # The number of windows depends on the class.
    signals = [0.1 * rng.normal(size=50 * (3 + 4 * (k // 6) + k % 3)) for k in range(18)]
    table = recording_table(signals, fs=500.0, subject=[f"s{k}" for k in range(18)])
    model = DiVoteClassifier(DummyClassifier(), window=0.1, step=None, final_estimator=None)
    result = compare({"dummy": model}, table, y, cv=3, n_resamples=10, progress=False)
    areas = result.summary.query("metric == 'auroc' and level != 'window'")
    assert len(areas) == 2
    assert (areas["pooled"] == 0.5).all()
    model.fit(table[::2], y[::2])
    assert subject_scorer("auroc")(model, table[1::2], y[1::2]) == 0.5
