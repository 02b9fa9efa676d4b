"""Augmentation on the fly."""

import numpy as np
import pytest
from data import cohort
from sklearn.base import clone

from sklearn_emg.neural_network import ALSNetClassifier, AugmentBatches
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


def net(callbacks=None, **params):
    return ALSNetClassifier(
        n_filters=4, n_hidden=8, max_epochs=3, batch_size=16, random_state=0,
        callbacks=callbacks, **params,
    )  # fmt: skip


def test_every_training_window_is_changed_once_per_epoch_and_no_other():
    X, y = WINDOWS
    spy = Spy()
    before = X.copy()
    fitted = net([AugmentBatches(spy, random_state=0)], validation_fraction=0.2).fit(X, y)
    batches = np.concatenate(spy.seen)
    assert len(batches) == 3 * 40
    assert np.isin(batches.reshape(120, -1)[:, 0], X.reshape(50, -1)[:, 0]).all()
    assert len(set(spy.seeds)) == len(spy.seeds)
    # The data set itself is as it was, and so are the windows that are predicted.
    np.testing.assert_array_equal(X, before)
    n_calls = len(spy.seen)
    fitted.predict(X)
    assert len(spy.seen) == n_calls


def test_the_network_is_trained_on_the_changed_windows():
    X, y = WINDOWS
    doubled = net([AugmentBatches(Spy())], validation_fraction=None).fit(X, y)
    by_hand = net(validation_fraction=None).fit(2 * X, y)
    np.testing.assert_allclose(
        doubled.predict_proba(X), by_hand.predict_proba(X), rtol=1e-5, atol=1e-6
    )
    plain = net(validation_fraction=None).fit(X, y)
    assert not np.allclose(doubled.predict_proba(X), plain.predict_proba(X), atol=1e-3)


def test_reproducible_and_cloneable():
    X, y = WINDOWS
    augmenter = WindowAugmenter(mix=0.3, epsilon=0.2, max_shift=0.2)
    estimator = net([AugmentBatches(augmenter, random_state=3)])
    first = estimator.fit(X, y).predict_proba(X)
    np.testing.assert_array_equal(clone(estimator).fit(X, y).predict_proba(X), first)
    np.testing.assert_array_equal(estimator.fit(X, y).predict_proba(X), first)
    other = net([AugmentBatches(augmenter, random_state=4)]).fit(X, y)
    assert not np.array_equal(other.predict_proba(X), first)


def test_something_else_than_an_augmenter_is_refused():
    with pytest.raises(TypeError, match="'augmenter' parameter of AugmentBatches"):
        net([AugmentBatches("noise")]).fit(*WINDOWS)
