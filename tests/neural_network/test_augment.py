"""Augmentation on the fly."""

import numpy as np
import pytest
from data import cohort
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from sklearn_emg.neural_network import ALSNetClassifier, RecurrentNetClassifier
from sklearn_emg.preprocessing import WindowAugmenter


class Spy:
    """Doubles every window and remembers what it was given."""

    def __init__(self):
        self.seen, self.targets, self.seeds = [], [], []

    def augment(self, X, y=None, *, random_state=None):
        self.seen.append(X.copy())
        self.targets.append(np.asarray(y))
        self.seeds.append(random_state)
        return 2 * X


WINDOWS = cohort(2, 25, n_times=60)[:2]


def net(augment=None, **params):
    defaults = {"n_filters": 4, "n_hidden": 8, "max_epochs": 3, "batch_size": 16, "random_state": 0}
    return ALSNetClassifier(augment=augment, **{**defaults, **params})


def test_every_training_window_is_changed_once_per_epoch_and_no_other():
    X, y = WINDOWS
    spy = Spy()
    before = X.copy()
    fitted = net(spy, validation_fraction=0.2).fit(X, y)
    batches = np.concatenate(spy.seen)
    assert len(batches) == 3 * 40
    assert np.isin(batches.reshape(120, -1)[:, 0], X.reshape(50, -1)[:, 0]).all()
    assert len(set(spy.seeds)) == len(spy.seeds)
    # The data set and the windows to predict are not changed.
    np.testing.assert_array_equal(X, before)
    n_calls = len(spy.seen)
    fitted.predict(X)
    assert len(spy.seen) == n_calls


def test_the_network_is_trained_on_the_changed_windows():
    X, y = WINDOWS
    doubled = net(Spy(), validation_fraction=None).fit(X, y)
    by_hand = net(validation_fraction=None).fit(2 * X, y)
    np.testing.assert_allclose(
        doubled.predict_proba(X), by_hand.predict_proba(X), rtol=1e-5, atol=1e-6
    )
    plain = net(validation_fraction=None).fit(X, y)
    assert not np.allclose(doubled.predict_proba(X), plain.predict_proba(X), atol=1e-3)


def test_reproducible_and_cloneable():
    X, y = WINDOWS
    estimator = net(WindowAugmenter(mix=0.3, epsilon=0.2, max_shift=0.2))
    first = estimator.fit(X, y).predict_proba(X)
    np.testing.assert_array_equal(clone(estimator).fit(X, y).predict_proba(X), first)
    np.testing.assert_array_equal(estimator.fit(X, y).predict_proba(X), first)
    other = clone(estimator).set_params(random_state=4).fit(X, y)
    assert not np.array_equal(other.predict_proba(X), first)


def test_its_parameters_are_searched():
    X, y = WINDOWS
    search = GridSearchCV(net(WindowAugmenter()), {"augment__epsilon": [0.05, 0.5]}, cv=2)
    search.fit(X, y)
    assert search.best_params_["augment__epsilon"] in (0.05, 0.5)
    noise = (
        net(WindowAugmenter(epsilon=0.05)).fit(X, y),
        net(WindowAugmenter(epsilon=0.5)).fit(X, y),
    )
    assert noise[0].history_[:, "train_loss"] != noise[1].history_[:, "train_loss"]


def test_settings_of_an_augmenter_that_is_none_are_refused():
    net = ALSNetClassifier()
    with pytest.raises(ValueError, match="'augment' parameter of ALSNetClassifier is None"):
        net.set_params(augment__snr=10.0)
    net.set_params(augment=WindowAugmenter(), augment__snr=10.0)
    assert net.augment.snr == 10.0


def test_something_else_than_an_augmenter_is_refused():
    with pytest.raises(ValueError, match="'augment' parameter of ALSNetClassifier"):
        net("noise").fit(*WINDOWS)


def test_an_augmenter_must_keep_the_shape():
    class Half:
        def augment(self, X, y=None, *, random_state=None):
            return X[..., ::2]

    with pytest.raises(ValueError, match="a Half that returned an array of shape"):
        net(Half()).fit(*WINDOWS)


@pytest.mark.parametrize(
    "changed", [{"augment": WindowAugmenter(epsilon=0.1)}, {"stratify": "class"}]
)
def test_signals_of_different_length_are_neither_augmented_nor_stratified(changed):
    X, y = WINDOWS
    signals = [x[:, : 40 + i % 20] for i, x in enumerate(X)]
    (name,) = changed
    with pytest.raises(ValueError, match=f"'{name}' parameter of RecurrentNetClassifier"):
        RecurrentNetClassifier(n_units=4, max_epochs=1, **changed).fit(signals, y)
