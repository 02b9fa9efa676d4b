"""Batches by index, and the split into training and validation rows."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sklearn_emg.neural_network._data._batches import BatchIterator, WindowDataset
from sklearn_emg.neural_network._data._split import split_validation


def windows_of(n_windows):
    X = np.arange(n_windows * 6, dtype=np.float32).reshape(n_windows, 2, 3)
    return WindowDataset(X, np.arange(n_windows))


@pytest.mark.parametrize(
    "n_windows, sizes",
    [(8, [4, 4]), (9, [4, 5]), (10, [4, 4, 2]), (3, [3]), (1, [1])],
)
def test_a_last_batch_of_one_joins_the_batch_before(n_windows, sizes):
    batches = BatchIterator(windows_of(n_windows), batch_size=4)
    assert [len(y) for _, y in batches] == sizes
    assert len(batches) == len(sizes)


def test_every_window_comes_once_per_epoch_in_a_new_order():
    batches = BatchIterator(windows_of(21), batch_size=4, shuffle=True, seed=3)
    first, second = ([int(v) for _, y in batches for v in y] for _ in range(2))
    assert sorted(first) == sorted(second) == list(range(21))
    assert first != second


def test_windows_and_targets_stay_together():
    data = windows_of(11)
    for X, y in BatchIterator(data, batch_size=4, shuffle=True):
        assert X.shape[1:] == (2, 3)
        np.testing.assert_array_equal(X[:, 0, 0], y * 6)


def test_data_sets_share_the_memory_of_the_array():
    X = np.zeros((5, 7), dtype=np.float32)
    rows = np.array([4, 1])
    data = WindowDataset(X, np.arange(5), rows)
    assert data.windows.data_ptr() == X.ctypes.data
    assert data.y.tolist() == [4, 1]
    assert data.X.shape == (2, 1, 7)


@given(
    subject_classes=st.lists(st.integers(0, 2), min_size=1, max_size=12),
    rows_per_subject=st.integers(1, 4),
    fraction=st.floats(0.05, 0.95),
    seed=st.integers(0, 1000),
)
@settings(max_examples=60, deadline=None)
def test_subjects_are_never_on_both_sides_and_no_class_is_lost(
    subject_classes, rows_per_subject, fraction, seed
):
    subjects = np.repeat(np.arange(len(subject_classes)), rows_per_subject)
    codes = np.array(subject_classes)[subjects]
    train, valid = split_validation(codes, subjects, fraction, np.random.RandomState(seed))
    assert sorted([*train, *valid]) == list(range(len(codes)))
    assert not set(subjects[train]) & set(subjects[valid])
    assert set(codes[train]) == set(codes)


def test_each_class_gives_its_share_of_subjects():
    subjects = np.arange(30)
    codes = np.repeat([0, 1], [20, 10])
    _, valid = split_validation(codes, subjects, 0.2, np.random.RandomState(0))
    assert np.bincount(codes[valid]).tolist() == [4, 2]


def test_a_class_with_one_subject_stays_in_training():
    subjects = np.array([0, 0, 1, 1, 2, 2])
    codes = np.array([0, 0, 0, 0, 1, 1])
    train, valid = split_validation(codes, subjects, 0.5, np.random.RandomState(0))
    assert set(codes[valid]) == {0}
    assert {4, 5} <= set(train)


def test_a_subject_that_alone_has_a_class_is_not_held_out():
    # Each of two subjects has both classes, except class 2, which only subject 0 has.
    subjects = np.array([0, 0, 0, 0, 1, 1, 1])
    codes = np.array([0, 0, 1, 2, 0, 0, 1])
    for seed in range(8):
        train, _ = split_validation(codes, subjects, 0.5, np.random.RandomState(seed))
        assert 2 in codes[train]


def test_another_seed_gives_another_split():
    codes = np.zeros(30, dtype=int)
    splits = {
        tuple(split_validation(codes, None, 0.2, np.random.RandomState(s))[1]) for s in (0, 1)
    }
    assert len(splits) == 2
