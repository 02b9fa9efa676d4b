"""SMOTE with the correct subjects, and rules on normal limits."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_emg.ensemble import NormalLimitRules, SMOTEClassifier


class Recorder(ClassifierMixin, BaseEstimator):
    """Keeps what it was fitted on."""

    def fit(self, X, y, groups=None):
        self.X_, self.y_, self.groups_ = X, y, groups
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return np.full(len(X), self.classes_[0])


@pytest.fixture
def windows():
    """Windows around a level of each subject: 7 for each of three ill, 30 and 20 for two well."""
    rng = np.random.default_rng(0)
    groups = np.repeat(["a", "b", "c", "d", "e"], [7, 7, 7, 30, 20])
    level = np.repeat([0.0, 100.0, 200.0, 300.0, 400.0], [7, 7, 7, 30, 20])
    y = np.where(level < 250, "ill", "well")
    return level[:, None, None] + rng.uniform(-1, 1, size=(71, 2, 9)), y, groups


def test_a_synthetic_window_belongs_to_the_subject_of_its_sources(windows):
    X, y, groups = windows
    seen = SMOTEClassifier(Recorder(), random_state=0).fit(X, y, groups=groups).estimator_
    assert len(seen.groups_) == len(seen.X_) == len(seen.y_) > len(X)
    level = dict(zip("abcde", (0.0, 100.0, 200.0, 300.0, 400.0)))
    # Interpolation between two subjects would lie far from every level.
    expected = np.array([level[g] for g in seen.groups_])[:, None, None]
    assert np.abs(seen.X_ - expected).max() <= 1.0


def test_synthetic_windows_are_at_most_as_many_as_real_ones(windows):
    X, y, groups = windows
    model = SMOTEClassifier(Recorder(), random_state=0).fit(X, y, groups=groups)
    assert model.n_synthetic_ == {"ill": 21}
    np.testing.assert_array_equal(model.estimator_.X_[: len(X)], X)
    assert (model.estimator_.y_[len(X) :] == "ill").all()


def test_a_factor_of_one_adds_nothing(windows):
    X, y, groups = windows
    model = SMOTEClassifier(Recorder(), factor=1.0).fit(X, y, groups=groups)
    np.testing.assert_array_equal(model.estimator_.groups_, groups)


def test_synthetic_windows_lie_between_two_real_ones(windows):
    X, y, groups = windows
    model = SMOTEClassifier(Recorder(), k_neighbors=2, random_state=0).fit(X, y, groups=groups)
    new = model.estimator_.X_[len(X) :].reshape(-1, 18)
    ill = X[y == "ill"].reshape(-1, 18)
    for window in new:
        # On the segment, the distances to its ends sum to its length.
        d = np.linalg.norm(ill - window, axis=1)
        pairs = np.linalg.norm(ill[:, None] - ill[None], axis=2)
        assert np.abs(d[:, None] + d[None] - pairs).min() < 1e-9


def network(**params):
    """A tiny network that keeps what it trained on and what it held out."""
    from sklearn_emg.neural_network import ALSNetClassifier

    class Spy(ALSNetClassifier):
        def fit(self, X, y, groups=None):
            self.X_, self.groups_ = X, groups
            return super().fit(X, y, groups=groups)

        def _train(self, train, valid, *args, **kwargs):
            everything = np.arange(len(train))
            self.train_ = everything if train.rows is None else train.rows.numpy()
            self.valid_ = everything[:0] if valid is None else valid.rows.numpy()
            return super()._train(train, valid, *args, **kwargs)

    tiny = {"n_filters": 2, "n_hidden": 2, "kernel_size": 3, "max_epochs": 1, "random_state": 0}
    plain = ALSNetClassifier(**{**tiny, **params})
    return Spy(**plain.get_params())


def check_held_out_windows_are_real(net, X):
    """Held-out windows are unchanged; all synthetic windows are in the training set."""
    assert len(net.X_) > len(X)
    np.testing.assert_array_equal(net.X_[: len(X)], X)
    assert 0 < len(net.valid_) < len(X)
    assert net.valid_.max() < len(X)
    assert len(net.train_) + len(net.valid_) == len(net.X_)


def test_people_whom_a_network_holds_out_get_no_synthetic_windows(windows):
    X, y, groups = windows
    net = network(validation_fraction=0.3)
    model = SMOTEClassifier(net, random_state=0).fit(X, y, groups=groups)
    seen = model.estimator_
    check_held_out_windows_are_real(seen, X)
    subjects = set(seen.groups_[seen.train_]), set(seen.groups_[seen.valid_])
    assert not subjects[0] & subjects[1]
    # Counted in the training rows only: 14 windows of two ill subjects, 20 or 30 of a healthy one.
    well = np.sum(y[seen.train_[seen.train_ < len(X)]] == "well")
    assert model.n_synthetic_ == {"ill": min(28, well) - 14}


@pytest.mark.parametrize("seed", range(4))
def test_whoever_is_held_out_is_so_without_smote_too(windows, seed):
    X, y, groups = windows
    # The labels have several types and are not sorted.
    names = [{"a": "z", "b": 9, "c": "y", "d": 3, "e": "x"}[g] for g in groups]
    net = network(validation_fraction=0.3, random_state=seed)
    seen = SMOTEClassifier(net, random_state=0).fit(X, y, groups=names).estimator_
    alone = network(validation_fraction=0.3, random_state=seed).fit(X, y, groups=names)
    np.testing.assert_array_equal(seen.valid_, alone.valid_)


def test_named_people_are_held_out_untouched_and_the_groups_stay_right(windows):
    X, y, groups = windows
    net = network(validation=["b", "e"])
    seen = SMOTEClassifier(net, random_state=0).fit(X, y, groups=groups).estimator_
    check_held_out_windows_are_real(seen, X)
    assert set(seen.groups_[seen.valid_]) == {"b", "e"}
    level = dict(zip("abcde", (0.0, 100.0, 200.0, 300.0, 400.0)))
    expected = np.array([level[g] for g in seen.groups_])[:, None, None]
    assert np.abs(seen.X_ - expected).max() <= 1.0


@pytest.mark.parametrize("known", [True, False])
def test_windows_held_out_at_random_are_real_ones(windows, known):
    X, y, groups = windows
    net = network(validation="windows" if known else "subjects")
    seen = SMOTEClassifier(net, random_state=0).fit(X, y, groups if known else None).estimator_
    check_held_out_windows_are_real(seen, X)
    held = groups[seen.valid_]
    assert set(held) & set(groups[seen.train_[seen.train_ < len(X)]])


def test_without_validation_all_windows_train(windows):
    X, y, groups = windows
    net = network(validation_fraction=None)
    seen = SMOTEClassifier(net, random_state=0).fit(X, y, groups=groups).estimator_
    assert len(seen.valid_) == 0
    assert len(seen.train_) == len(seen.X_) == 71 + 21


def test_a_search_inside_keeps_people_together(windows):
    X, y, groups = windows
    seen = []

    class Keeps(GroupKFold):
        def split(self, X, y=None, groups=None):
            for train, test in super().split(X, y, groups):
                seen.append((set(groups[train]), set(groups[test]), len(X)))
                yield train, test

    search = GridSearchCV(LogisticRegression(), {"C": [0.1, 1.0]}, cv=Keeps(2))
    model = SMOTEClassifier(search, random_state=0).fit(X.reshape(len(X), -1), y, groups)
    assert model.estimator_.best_params_["C"] in (0.1, 1.0)
    assert all(n > len(X) and not train & test for train, test, n in seen)


def test_a_factor_that_is_none_is_refused():
    with pytest.raises(ValueError, match="'factor' parameter of SMOTEClassifier must be a float"):
        SMOTEClassifier(LogisticRegression(), factor="twice").fit(np.eye(6), [0] * 4 + [1] * 2)


def test_a_pipeline_inside_is_warned_of():
    inner = make_pipeline(StandardScaler(), LogisticRegression())
    with pytest.warns(UserWarning, match="gets no subjects"):
        SMOTEClassifier(inner).fit(
            np.arange(12.0).reshape(6, 2), [0, 0, 0, 0, 1, 1], list("abcdef")
        )


def test_groups_of_another_length_are_refused(windows):
    X, y, groups = windows
    with pytest.raises(ValueError, match="groups has 70 entries for 71 rows"):
        SMOTEClassifier(Recorder()).fit(X, y, groups=groups[:-1])


def test_limits_are_mean_and_deviations_of_the_normal_group():
    X = np.array([[1.0], [3.0], [10.0], [12.0]])
    y = np.array(["control", "control", "patient", "patient"])
    rules = NormalLimitRules(limit=2.0).fit(X, y)
    np.testing.assert_allclose(rules.limits_, [[0.0], [4.0]])
    # (2 + 1) / (2 + 2) windows of patients above the limit.
    assert rules.export_text(["rms"]) == ("if rms > 4: patient (0.75)\nelse: control (0.75)")


def test_the_first_rule_has_the_last_word():
    X = np.array([[0.0, 0.0]] * 8 + [[9.0, 0.0]] * 6 + [[9.0, 9.0]] * 2)
    X[:8] += np.linspace(-1, 1, 8)[:, None]
    y = np.repeat(["normal", "a", "b"], [8, 6, 2])
    rules = NormalLimitRules().fit(X, y)
    assert rules.rules_[0][:2] == (0, "above")
    assert rules.predict([[9.0, 9.0]])[0] == "a"


def test_without_a_rule_the_largest_class_answers():
    rng = np.random.default_rng(0)
    y = np.repeat(["normal", "ill"], [20, 5])
    rules = NormalLimitRules(limit=9.0).fit(rng.normal(size=(25, 3)), y)
    assert rules.rules_ == []
    assert rules.export_text() == "normal (0.78)"


def test_an_unknown_normal_class_is_refused():
    with pytest.raises(ValueError, match="'normal' parameter of NormalLimitRules must be one of"):
        NormalLimitRules("healthy").fit([[0.0], [1.0]], ["ill", "well"])


@pytest.mark.parametrize(
    "model", [SMOTEClassifier(LogisticRegression()), NormalLimitRules(normal="well")]
)
def test_missing_labels_and_a_single_class_are_named(model):
    X = np.random.default_rng(0).normal(size=(20, 3))
    with pytest.raises(ValueError, match=r"y has no label for 1 of 20 rows.* row 3"):
        model.fit(X, [*["well"] * 3, None, *["ill"] * 16])
    with pytest.raises(ValueError, match=f"{type(model).__name__} .* y has 1 class, 'well'"):
        model.fit(X, ["well"] * 20)
