"""Augmentation of training batches as a callback that any network estimator takes."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from sklearn.utils import check_random_state
from skorch.callbacks import Callback


class AugmentBatches(Callback):
    """Change each training window anew in every epoch.

    Validation and prediction use unchanged windows. Changed windows are not stored: a batch is
    changed when it is drawn.

    Parameters
    ----------
    augmenter : WindowAugmenter or object with its ``augment`` method
        Object that makes one changed version of each window of a batch.
    random_state : int, RandomState instance or None, default=None
        Seed of the changes; an int gives the same changes in each training.

    See Also
    --------
    sklearn_emg.preprocessing.WindowAugmenter : Also a sampler for the Pipeline of
        imbalanced-learn, which adds the changed windows to the training set once.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emg.neural_network import ALSNetClassifier, AugmentBatches
    >>> from sklearn_emg.preprocessing import WindowAugmenter
    >>> X = np.random.default_rng(0).normal(size=(40, 200))
    >>> y = np.repeat(["ALS", "healthy"], 20)
    >>> noisy = AugmentBatches(WindowAugmenter(epsilon=0.1, max_shift=0.1), random_state=0)
    >>> net = ALSNetClassifier(n_filters=4, max_epochs=2, callbacks=[noisy], random_state=0)
    >>> net.fit(X, y).predict(X).shape
    (40,)
    """

    def __init__(self, augmenter: Any, random_state: int | np.random.RandomState | None = None):
        self.augmenter = augmenter
        self.random_state = random_state

    def on_train_begin(self, net: Any, **kwargs: Any) -> None:
        """Restart the sequence of changes, and check the augmenter."""
        if not hasattr(self.augmenter, "augment"):
            raise TypeError(
                "The 'augmenter' parameter of AugmentBatches must have a method 'augment', as "
                f"WindowAugmenter has. Got {self.augmenter!r} instead."
            )
        self.rng_ = check_random_state(self.random_state)

    def on_batch_begin(
        self,
        net: Any,
        batch: tuple[torch.Tensor, torch.Tensor] | None = None,
        training: bool = False,
        **kwargs: Any,
    ) -> None:
        """Change the windows of a training batch in place; the batch is a copy."""
        if not training or batch is None:
            return
        windows, targets = batch
        # One draw for each batch, so that equal batches get different changes.
        changed = self.augmenter.augment(
            windows.numpy(), targets.numpy(), random_state=self.rng_.randint(2**31 - 1)
        )
        windows.copy_(torch.from_numpy(np.ascontiguousarray(changed)))
