"""Subjects that are held out inside the fit of a network."""

import numpy as np
import pandas as pd
import pytest

from sklearn_emg.ensemble import DiVoteClassifier
from sklearn_emg.neural_network import EMGClassifier, EMGRegressor, TransferClassifier
from sklearn_emg.recordings import recording_table

TINY = {"n_filters": 2, "n_hidden": 2, "kernel_size": 3}
SUBJECTS = np.repeat(["a", "b", "c", "d", "e", "f"], [3, 4, 5, 3, 4, 5])
Y = np.repeat(["ill", "well"], 12)


class Keeps:
    """Stores the subjects of training and validation."""

    def _train(self, train, valid, *args, **kwargs):
        given = (None if rows is None or rows.rows is None else rows for rows in (train, valid))
        self.train_, self.valid_ = (None if rows is None else rows.rows.numpy() for rows in given)
        return super()._train(train, valid, *args, **kwargs)


class Spy(Keeps, EMGClassifier):
    pass


class SpyOfNumbers(Keeps, EMGRegressor):
    pass


def spy(kind=Spy, **params):
    return kind(module_params=TINY, max_epochs=1, random_state=0, **params)


@pytest.fixture
def X():
    return np.random.default_rng(0).normal(size=(24, 40))


@pytest.mark.parametrize("names", [["f", "b"], ("f", "b"), np.array(["f", "b"])])
def test_exactly_the_named_subjects_are_held_out(X, names):
    net = spy(validation=names).fit(X, Y, groups=SUBJECTS)
    assert set(SUBJECTS[net.valid_]) == {"b", "f"}
    assert set(SUBJECTS[net.train_]) == {"a", "c", "d", "e"}
    assert "valid_loss" in net.history_[-1]


def test_names_go_before_a_fraction(X):
    net = spy(validation=["a", "d"], validation_fraction=None).fit(X, Y, groups=SUBJECTS)
    assert set(SUBJECTS[net.valid_]) == {"a", "d"}


def test_windows_are_drawn_across_subjects_on_request(X):
    net = spy(validation="windows", validation_fraction=0.25).fit(X, Y, groups=SUBJECTS)
    assert np.bincount(Y[net.valid_] == "ill").tolist() == [3, 3]
    assert set(SUBJECTS[net.valid_]) & set(SUBJECTS[net.train_])


def test_a_regressor_holds_out_the_named_too(X):
    net = spy(SpyOfNumbers, validation=["c"]).fit(X, X[:, 0], groups=SUBJECTS)
    assert set(SUBJECTS[net.valid_]) == {"c"}


def test_divote_hands_on_the_names_of_people():
    rng = np.random.default_rng(0)
    table = recording_table([rng.normal(size=90) for _ in range(4)], fs=100.0, subject=range(4))
    table["subject"] = pd.Series([("oslo", 1), ("oslo", 2), ("bern", 1), ("bern", 2)])
    net = spy(validation=[("oslo", 2), ("bern", 1)])
    model = DiVoteClassifier(net, window=0.3, step=None, final_estimator=None)
    model.fit(table, ["ill", "ill", "well", "well"])
    np.testing.assert_array_equal(model.estimator_.valid_, np.arange(3, 9))


def test_people_whose_names_cannot_be_sorted_stay_people():
    rng = np.random.default_rng(0)
    table = recording_table(
        [rng.normal(size=90) for _ in range(4)], fs=100.0, subject=["a", 1, "b", 2]
    )
    model = DiVoteClassifier(spy(validation_fraction=0.5), window=0.3, step=None)
    model.fit(table, ["ill", "ill", "well", "well"])
    subjects = np.repeat(range(4), 3)
    assert not set(subjects[model.estimator_.valid_]) & set(subjects[model.estimator_.train_])


@pytest.mark.parametrize(
    ("validation", "groups", "match"),
    [
        (["x"], SUBJECTS, r"names none of the subjects in 'groups': it contains, for"),
        ([], SUBJECTS, "names none of the subjects"),
        (["a", "b", "c", "d"], SUBJECTS, "holds out all subjects of a class"),
        (["a"], None, "fit was given no 'groups' to find them in"),
        ("other", SUBJECTS, "'validation' parameter of Spy must be"),
    ],
)
def test_impossible_validation_subjects_are_refused(X, validation, groups, match):
    with pytest.raises(ValueError, match=match):
        spy(validation=validation).fit(X, Y, groups=groups)


def test_a_class_without_a_named_subject_is_warned_of(X):
    with pytest.warns(UserWarning, match=r"names no subject of class \['well'\]"):
        spy(validation=["a"]).fit(X, Y, groups=SUBJECTS)


def test_unknown_names_are_warned_of(X):
    with pytest.warns(UserWarning, match=r"not in 'groups': \['x', 7\]\. They are not held out"):
        net = spy(validation=["a", "x", "f", 7]).fit(X, Y, groups=SUBJECTS)
    assert set(SUBJECTS[net.valid_]) == {"a", "f"}


def test_all_names_known_is_nothing_to_warn_of(X, recwarn):
    spy(validation=["a", "f", "a"]).fit(X, Y, groups=SUBJECTS)
    assert not [w for w in recwarn if "groups" in str(w.message)]


def test_a_warm_start_holds_out_nobody_it_was_trained_on(X):
    net = spy(warm_start=True, validation_fraction=0.34).fit(X, Y, groups=SUBJECTS)
    trained, held_out = set(SUBJECTS[net.train_]), set(SUBJECTS[net.valid_])
    # The same subjects again: those that were held out are held out again.
    net.fit(X, Y, groups=SUBJECTS)
    assert set(SUBJECTS[net.valid_]) == held_out
    # With new subjects in addition, some of these are held out, and none that was trained on.
    both = np.concatenate([SUBJECTS, np.char.add("new ", SUBJECTS)])
    net.fit(np.vstack([X, X]), np.concatenate([Y, Y]), groups=both)
    valid = set(both[net.valid_])
    assert held_out < valid
    assert not valid & trained
    assert len(valid) == len(held_out) + 2


def test_a_warm_start_on_trained_subjects_alone_holds_out_none(X):
    net = spy(warm_start=True, validation=["c", "f"]).fit(X, Y, groups=SUBJECTS)
    with pytest.raises(ValueError, match="names 'a', a subject that an earlier fit was trained on"):
        net.set_params(validation=["a"]).fit(X, Y, groups=SUBJECTS)
    known = np.isin(SUBJECTS, ["a", "b", "d", "e"])
    net.set_params(validation="subjects")
    with pytest.warns(UserWarning, match="too few subjects to hold any out"):
        net.fit(X[known], Y[known], groups=SUBJECTS[known])
    assert net.valid_ is None


def test_subjects_of_partial_fit_are_trained_on(X):
    net = spy(warm_start=True, validation_fraction=0.34)
    first = np.isin(SUBJECTS, ["a", "d"])
    net.partial_fit(X[first], Y[first], groups=SUBJECTS[first])
    assert net.subjects_.tolist() == ["a", "d"]
    net.fit(X, Y, groups=SUBJECTS)
    assert not {"a", "d"} & set(SUBJECTS[net.valid_])


def test_a_transfer_holds_out_no_subject_of_its_source(X):
    transfer = TransferClassifier(
        spy(validation_fraction=0.34), frozen=(), allows_shared_subjects=True
    )
    source, both = (
        np.isin(SUBJECTS, ["a", "b", "d", "e"]),
        np.append(SUBJECTS, SUBJECTS).astype(object),
    )
    both[:24] = "x" + both[:24]
    transfer.pretrain(X[source], Y[source], groups=SUBJECTS[source])
    transfer.fit(np.vstack([X, X]), np.concatenate([Y, Y]), groups=both)
    valid = set(both[transfer.estimator_.valid_].tolist())
    assert len(valid) == 2
    assert not valid & {"a", "b", "d", "e"}
