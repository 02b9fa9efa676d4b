"""Transfer learning between the subjects of one training set."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone
from sklearn.utils import check_random_state

from sklearn_emg._sklearn import HasMethods, Interval, Real
from sklearn_emg._typing import Labels
from sklearn_emg.ensemble._window_classifier import WindowMetaClassifier
from sklearn_emg.neural_network import split_validation
from sklearn_emg.recordings import subjects_of


class SubjectTransferClassifier(WindowMetaClassifier):
    """Pretrain a network on some of the training subjects, fine-tune it on the others.

    This serves pipelines that are given one cohort: its training subjects are split into a source
    and a target, so that no subject of the test or of the fine-tuning is used in the pretraining.

    Parameters
    ----------
    estimator : TransferClassifier
        Network with its frozen layers. If it is pretrained already, on another cohort, all training
        subjects fine-tune it.
    source_fraction : float, default=0.5
        Fraction of the subjects of each class that pretrain, at least one and never all; fraction
        of the windows where `fit` is given no `groups`.
    random_state : int, RandomState instance or None, default=None
        Seed of the draw of source subjects.

    Attributes
    ----------
    estimator_ : TransferClassifier
        Pretrained and fine-tuned; ``estimator_.source_subjects_`` are the subjects of the
        pretraining.
    classes_ : ndarray of shape (n_classes,)
    subjects_ : ndarray of shape (n_subjects,) or None
        Identities of the training subjects, None where X and `groups` named none.
    n_features_in_ : int

    Raises
    ------
    ValueError
        If fewer than two classes have two or more subjects, or subjects of a network that was
        pretrained before are among those of `fit`.

    See Also
    --------
    sklearn_emg.neural_network.TransferClassifier : For two cohorts.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emg.ensemble import SubjectTransferClassifier
    >>> from sklearn_emg.neural_network import ALSNetClassifier, TransferClassifier
    >>> rng = np.random.default_rng(0)
    >>> y, subject = np.repeat(["control", "patient"], 24), np.repeat(list("abcdefgh"), 6)
    >>> X = rng.normal(size=(48, 60)) * np.where(y == "patient", 3, 1)[:, None]
    >>> net = ALSNetClassifier(max_epochs=20, lr=0.01, random_state=0)
    >>> model = SubjectTransferClassifier(TransferClassifier(net), random_state=0)
    >>> model = model.fit(X, y, groups=subject)
    >>> len(model.estimator_.source_subjects_), bool(model.score(X, y) > 0.9)
    (4, True)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "estimator": [HasMethods(["pretrain", "fit", "predict", "predict_proba"])],
        "source_fraction": [Interval(Real, 0, 1, closed="neither")],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        estimator: Any,
        *,
        source_fraction: float = 0.5,
        random_state: int | np.random.RandomState | None = None,
    ):
        self.estimator = estimator
        self.source_fraction = source_fraction
        self.random_state = random_state

    def fit(
        self, X: ArrayLike, y: ArrayLike, groups: Labels | None = None
    ) -> SubjectTransferClassifier:
        """Split the subjects, pretrain and fine-tune.

        Parameters
        ----------
        X : array-like of shape (n_windows, n_times) or (n_windows, n_channels, n_times)
        y : array-like of shape (n_windows,)
        groups : array-like of shape (n_windows,), default=None
            Subject of each window.

        Returns
        -------
        self : object
        """
        self._validate_params()
        X, y, codes, _, groups = self._check_training(X, y, groups)
        transfer = clone(self.estimator)
        target = np.arange(len(y))
        if not hasattr(transfer, "source_"):
            source, target = self._split(transfer, codes, groups)
            _pretrain(transfer, X[source], y[source], None if groups is None else groups[source])
        self.estimator_ = transfer.fit(
            X[target], y[target], groups=None if groups is None else groups[target]
        )
        return self

    def _split(
        self, transfer: Any, codes: NDArray[np.intp], groups: NDArray | None
    ) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Row numbers of source and target."""
        pool = np.arange(len(codes))
        validation = transfer.get_params().get("estimator__validation")
        if groups is not None and not isinstance(validation, str | None):
            # Subjects that a protocol names for validation are used in no training.
            named = set(validation)
            pool = np.array([k for k in pool if groups[k] not in named], dtype=np.intp)
        owner = None if groups is None else subjects_of(pool, groups[pool])
        rng = check_random_state(self.random_state)
        source = pool[split_validation(codes[pool], owner, self.source_fraction, rng)[1]]
        if len(np.unique(codes[source])) < 2:
            raise ValueError(
                f"{type(self).__name__} needs at least two classes with two or more subjects: one "
                "to pretrain and one to fine-tune. Give more subjects, or a TransferClassifier "
                "that is pretrained on another cohort."
            )
        return source, np.setdiff1d(np.arange(len(codes)), source)


def _pretrain(transfer: Any, X: NDArray, y: NDArray, groups: NDArray | None) -> None:
    """Pretrain; named validation subjects belong to the fine-tuning and not to the source."""
    validation = transfer.get_params().get("estimator__validation")
    if isinstance(validation, str | None):
        transfer.pretrain(X, y, groups=groups)
        return
    transfer.set_params(estimator__validation="subjects").pretrain(X, y, groups=groups)
    transfer.set_params(estimator__validation=validation)
