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
    """Pretrain a network on some of the training subjects and fine-tune it on the others.

    This class is for pipelines that get a single cohort. It splits the training subjects into a
    source and a target, so that pretraining uses no subject of the test set or the target.

    Parameters
    ----------
    estimator : TransferClassifier
        Model with the network and the choice of layers to freeze. If it is already pretrained on
        another cohort, it is fine-tuned on all training subjects.
    source_fraction : float, default=0.5
        Fraction of the subjects of each class that is used for pretraining: of several subjects,
        at least one but never all; the only subject of a class is used for fine-tuning. If neither
        X nor `groups` gives subjects, it is a fraction of the windows.
    random_state : int, RandomState instance or None, default=None
        Seed of the random choice of source subjects.

    Attributes
    ----------
    estimator_ : TransferClassifier
        The pretrained and fine-tuned network; ``estimator_.source_subjects_`` are the subjects of
        its pretraining.
    classes_ : ndarray of shape (n_classes,)
        Class labels.
    subjects_ : ndarray of shape (n_subjects,) or None
        Identities of the training subjects; None if neither X nor `groups` gave any.
    n_features_in_ : int
        Size of the second dimension of X.

    Raises
    ------
    ValueError
        If fewer than two classes have two or more subjects, if the network was already pretrained
        on subjects that `fit` gets, or if `estimator` has an `encoder`.

    See Also
    --------
    sklearn_emg.neural_network.TransferClassifier : Transfers from one cohort to another.

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
        """Split the subjects, pretrain the network and fine-tune it.

        Parameters
        ----------
        X : array-like of shape (n_windows, n_times) or (n_windows, n_channels, n_times)
            Training windows.
        y : array-like of shape (n_windows,)
            Class of each window.
        groups : array-like of shape (n_windows,), default=None
            Subject of each window; by default, the ``subject`` column of X.

        Returns
        -------
        self : object
            Fitted estimator.
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
            # Subjects named for validation are not trained on.
            named = set(validation)
            pool = np.array([k for k in pool if groups[k] not in named], dtype=np.intp)
        owner = None if groups is None else subjects_of(pool, groups[pool])
        rng = check_random_state(self.random_state)
        source = pool[split_validation(codes[pool], owner, self.source_fraction, rng)[1]]
        if len(np.unique(codes[source])) < 2:
            raise ValueError(
                f"{type(self).__name__} needs at least two classes with two or more subjects: one "
                "for pretraining and one for fine-tuning. Give more subjects, or a "
                "TransferClassifier that is pretrained on another cohort."
            )
        return source, np.setdiff1d(np.arange(len(codes)), source)


def _pretrain(transfer: Any, X: NDArray, y: NDArray, groups: NDArray | None) -> None:
    """Pretrain the network; named validation subjects are for fine-tuning, not for pretraining."""
    validation = transfer.get_params().get("estimator__validation")
    if isinstance(validation, str | None):
        transfer.pretrain(X, y, groups=groups)
        return
    transfer.set_params(estimator__validation="subjects").pretrain(X, y, groups=groups)
    transfer.set_params(estimator__validation=validation)
