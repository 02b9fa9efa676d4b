"""Transfer learning: training on one cohort, and fine-tuning on another with frozen layers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any, ClassVar, Self

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted
from torch import nn

from sklearn_emg._sklearn import GroupsRequester
from sklearn_emg._tables import counted, python_value
from sklearn_emg._typing import Labels, Signals
from sklearn_emg._warnings import warn, warn_of_recordings
from sklearn_emg.exceptions import SubjectLeakWarning
from sklearn_emg.neural_network._estimators import EMGClassifier, NetClassifier
from sklearn_emg.neural_network._pretraining._encoder import PretrainedEncoder
from sklearn_emg.recordings import (
    groups_of,
    refuse_other_order,
    same_rate,
    warn_of_other_spelling,
)

_HEAD = "classifier"  # name of the last part of every network of this package but ImageNetwork


class TransferClassifier(GroupsRequester, ClassifierMixin, BaseEstimator):
    """Pretrain a network on one cohort, and fine-tune it on another with frozen layers.

    `pretrain` trains the network on the source cohort, and `fine_tune` (or `fit`, which is
    equivalent after `pretrain`) continues on the target cohort. :func:`sklearn.base.clone` keeps
    the pretrained network, so cross-validation and grid search on the target cohort fine-tune it
    separately in every fold.

    Parameters
    ----------
    estimator : estimator, default=None
        Network classifier of this package that is used for pretraining and fine-tuning; None means
        ``EMGClassifier()``.
    encoder : PretrainedEncoder or FrozenEstimator of one, default=None
        Encoder for pretraining without labels, instead of `pretrain`. Its network, which must be
        the same as that of `estimator`, provides the initial weights. ``fit`` trains a clone of the
        encoder on the windows that it is given, including those of validation subjects. A fitted
        encoder that is wrapped in :class:`~sklearn.frozen.FrozenEstimator` is used unchanged.
    frozen : sequence of str or None, default=None
        Names of layers, as in ``named_parameters`` of the module, that `fine_tune` does not change,
        including their batch normalisation and dropout. "features" means all layers of that part,
        and "features.0" its first layer. None freezes all layers except "classifier", the last part
        of every network of this package other than ImageNetwork, whose layers must be named; an
        empty sequence freezes none.
    renewed : sequence of str, default=()
        Names of layers that start from random weights. Layers whose shape differs, such as the last
        layer for a different number of classes, always do.
    fine_tune_params : dict, default=None
        Parameters of `estimator` that are changed for `fine_tune`, for instance
        ``{"lr": 1e-4, "max_epochs": 20}``.
    allows_shared_subjects : bool, default=False
        Whether subjects of the source cohort may be in the target cohort. If a part of the target
        cohort is then held out for testing, the network may have been trained on test subjects.

    Attributes
    ----------
    source_ : estimator
        The pretrained network, after `pretrain`.
    source_subjects_ : set or None
        Subjects of the source cohort, or None if they are not known.
    encoder_ : PretrainedEncoder
        The pretrained encoder, if there is one.
    estimator_ : estimator
        The fine-tuned network, which `save_model` can save.
    classes_ : ndarray of shape (n_classes,)
        Labels of the target cohort, sorted.
    subjects_ : ndarray of shape (n_subjects,) or None
        Identities of the subjects of the target cohort, or None if they were not given.
    n_features_in_ : int
        Number of features, as in `estimator_`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, if `X` was a DataFrame of windows.

    Raises
    ------
    ValueError
        If a frozen layer is not in the network, or not in the pretrained network with the same
        shape, if the cohorts have the same channels in a different order, or if they share
        subjects and `allows_shared_subjects` is False.

    Warns
    -----
    RecordingWarning
        If the target cohort has a different sampling rate from the source cohort.

    See Also
    --------
    PretrainedEncoder : Pretrains without labels.
    AutoencoderNetClassifier : Pretrains as an autoencoder, on the same windows.

    Notes
    -----
    `fit` without `pretrain` trains all layers from random weights, which is the baseline for
    comparison.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emg.neural_network import ALSNetClassifier, TransferClassifier
    >>> rng = np.random.default_rng(0)
    >>> y = np.repeat(["control", "patient"], 20)
    >>> X = rng.normal(size=(40, 60)) * np.where(y == "patient", 3, 1)[:, None]
    >>> new_X = X + rng.normal(size=(40, 60))
    >>> net = TransferClassifier(ALSNetClassifier(max_epochs=20, lr=0.01, random_state=0))
    >>> net = net.pretrain(X, y, groups=np.arange(40) // 4)
    >>> net = net.fine_tune(new_X, y, groups=100 + np.arange(40) // 4)
    >>> bool(net.score(new_X, y) > 0.9)
    True
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "estimator": [NetClassifier, None],
        "encoder": [PretrainedEncoder, FrozenEstimator, None],
        "frozen": ["array-like", None],
        "renewed": ["array-like"],
        "fine_tune_params": [dict, None],
        "allows_shared_subjects": ["boolean"],
    }

    def __init__(
        self,
        estimator: NetClassifier | None = None,
        *,
        encoder: PretrainedEncoder | FrozenEstimator | None = None,
        frozen: Sequence[str] | None = None,
        renewed: Sequence[str] = (),
        fine_tune_params: dict[str, Any] | None = None,
        allows_shared_subjects: bool = False,
    ) -> None:
        self.estimator = estimator
        self.encoder = encoder
        self.frozen = frozen
        self.renewed = renewed
        self.fine_tune_params = fine_tune_params
        self.allows_shared_subjects = allows_shared_subjects

    def pretrain(self, X: Signals, y: Labels, groups: Labels | None = None) -> TransferClassifier:
        """Train the network on the source cohort.

        Parameters
        ----------
        X : array-like of shape (n_windows, n_times) or (n_windows, n_channels, n_times)
            Windows of the source cohort.
        y : array-like of shape (n_windows,)
            Labels, which may differ from those of the target cohort.
        groups : array-like of shape (n_windows,), default=None
            Subject of each window. For a recording table, `groups` is not needed, since the table
            contains the subjects. Validation holds out subjects. The target cohort must not
            contain any subject of the source cohort, unless `allows_shared_subjects` is True.

        Returns
        -------
        self : object
            The estimator, pretrained but not fitted.

        Raises
        ------
        ValueError
            If there is an `encoder`, and in the same cases as in the `fit` of `estimator`.

        Warns
        -----
        SubjectLeakWarning
            If the subjects are not given, since later tests on them cannot be detected.
        """
        self._validate_params()
        if self.encoder is not None:
            raise ValueError(
                f"{type(self).__name__} has an 'encoder', which pretrains without labels. Call "
                "'fit' or, to pretrain with labels, set encoder=None."
            )
        self.__dict__.pop("estimator_", None)
        self._set_fine_tuning(self._new_estimator())  # checked before the training
        groups = groups_of(X, groups)
        if groups is None:
            _warn_of_unknown_subjects(f"{type(self).__name__}.pretrain")
        self.source_ = self._new_estimator().fit(X, y, groups=groups)
        self.source_subjects_ = None if groups is None else set(map(python_value, groups))
        return self

    def fine_tune(self, X: Signals, y: Labels, groups: Labels | None = None) -> TransferClassifier:
        """Continue training the pretrained network on the target cohort.

        Parameters
        ----------
        X : array-like of shape (n_windows, n_times) or (n_windows, n_channels, n_times)
            Windows of the target cohort.
        y : array-like of shape (n_windows,)
            Labels.
        groups : array-like of shape (n_windows,), default=None
            Subject of each window. For a recording table, `groups` is not needed, since the table
            contains the subjects. Validation holds out subjects.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        NotFittedError
            If `pretrain` was not called.
        """
        if not hasattr(self, "source_"):
            raise NotFittedError(
                f"This {type(self).__name__} has no pretrained network yet. Call 'pretrain' with "
                "the source cohort first, or 'fit' to train without one."
            )
        return self.fit(X, y, groups=groups)

    def fit(self, X: Signals, y: Labels, groups: Labels | None = None) -> Self:
        """Fine-tune the pretrained network, or train from random weights if there is none.

        Parameters
        ----------
        X : array-like of shape (n_windows, n_times) or (n_windows, n_channels, n_times)
            Windows of the target cohort.
        y : array-like of shape (n_windows,)
            Labels.
        groups : array-like of shape (n_windows,), default=None
            Subject of each window. For a recording table, `groups` is not needed, since the table
            contains the subjects. Validation holds out subjects.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        self._validate_params()
        self.__dict__.pop("estimator_", None)
        groups = groups_of(X, groups)
        estimator, start, start_state = self._new_estimator(), None, None
        trained: set[Any] = set()
        weights = self._pretrained_weights(X, groups)
        if weights is not None:
            self._check_subjects(groups)
            self._set_fine_tuning(estimator)
            start = partial(self._transfer, weights, estimator)
            values = [weight.float().cpu().numpy() for weight in weights.values()]
            start_state = values, self.frozen, self.renewed
            trained = self.source_subjects_ or trained
        estimator._fit(X, y, groups, start, start_state, trained)
        self.estimator_ = estimator
        self.classes_ = estimator.classes_
        self.subjects_ = estimator.subjects_
        self.n_features_in_ = estimator.n_features_in_
        self.__dict__.pop("feature_names_in_", None)
        if hasattr(estimator, "feature_names_in_"):
            self.feature_names_in_ = estimator.feature_names_in_
        return self

    def _set_fine_tuning(self, estimator: Any) -> None:
        try:
            estimator.set_params(**(self.fine_tune_params or {}))
        except ValueError as error:
            raise ValueError(
                f"The 'fine_tune_params' of {type(self).__name__} are not parameters of its "
                f"'estimator': {error}"
            ) from error

    def _pretrained_weights(self, X: Signals, groups: Any) -> dict[str, torch.Tensor] | None:
        """Return the initial weights from the encoder or from `pretrain`, or None."""
        if self.encoder is not None:
            encoder = clone(self.encoder)
            kept = isinstance(encoder, FrozenEstimator)
            self.encoder_ = encoder.estimator if kept else encoder.fit(X, groups=groups)
            if not isinstance(self.encoder_, PretrainedEncoder):
                raise ValueError(
                    f"The 'encoder' parameter of {type(self).__name__} must be a PretrainedEncoder "
                    f"or a FrozenEstimator of one. Got {self.encoder!r} instead."
                )
            weights = self.encoder_.pretrained_weights()
            subjects = self.encoder_.subjects_ if kept else None
            if kept and subjects is None and not self.allows_shared_subjects:
                _warn_of_unknown_subjects(f"The 'encoder' of {type(self).__name__}")
            self.source_subjects_ = None if subjects is None else set(map(python_value, subjects))
            return weights
        if hasattr(self, "source_"):
            return self.source_.net_.module_.state_dict()
        return None

    def predict_proba(self, X: Signals) -> np.ndarray:
        """Predict the probability of each class.

        Parameters
        ----------
        X : array-like of shape (n_windows, n_times) or (n_windows, n_channels, n_times)
            Windows as in `fit`.

        Returns
        -------
        ndarray of shape (n_windows, n_classes)
            Probabilities, with columns in the order of `classes_`.

        Warns
        -----
        SubjectLeakWarning
            If a table contains subjects of the pretraining or the fine-tuning.
        """
        check_is_fitted(self)
        self._warn_of_source_subjects(X)
        return self.estimator_.predict_proba(X)

    def predict(self, X: Signals) -> np.ndarray:
        """Predict the most probable class.

        Parameters
        ----------
        X : array-like of shape (n_windows, n_times) or (n_windows, n_channels, n_times)
            Windows as in `fit`.

        Returns
        -------
        ndarray of shape (n_windows,)
            Labels.

        Warns
        -----
        SubjectLeakWarning
            If a table contains subjects of the pretraining or the fine-tuning.
        """
        check_is_fitted(self)
        self._warn_of_source_subjects(X)
        return self.estimator_.predict(X)

    def _warn_of_source_subjects(self, X: Signals) -> None:
        groups = groups_of(X)
        known = getattr(self, "source_subjects_", None)
        if groups is None or known is None:
            return
        given = dict.fromkeys(map(python_value, groups))
        warn_of_other_spelling(known, given, type(self).__name__)
        if shared := sorted(known & set(given), key=str):
            warn(
                f"{type(self).__name__} predicts {counted(len(shared), 'subject')} that it was "
                f"pretrained on, {shared[:3]} for instance. Scores of known subjects do not "
                "estimate those of new subjects.",
                SubjectLeakWarning,
            )

    def _new_estimator(self) -> NetClassifier:
        return EMGClassifier() if self.estimator is None else clone(self.estimator)

    def _check_subjects(self, groups) -> None:
        if groups is None or self.source_subjects_ is None or self.allows_shared_subjects:
            return
        given = dict.fromkeys(map(python_value, groups))
        warn_of_other_spelling(self.source_subjects_, given, type(self).__name__)
        if shared := sorted(self.source_subjects_ & set(given), key=str):
            raise ValueError(
                f"The target cohort of {type(self).__name__} shares "
                f"{counted(len(shared), 'subject')} with the source cohort, {shared[:3]} for "
                "instance. A test on them would score training subjects. Remove them from one "
                "cohort, give different subjects different names, or set "
                "allows_shared_subjects=True."
            )

    def _check_signals(self, estimator: NetClassifier) -> None:
        """Compare the channels and the rate of the target cohort with those of the source."""
        source: Any = self.source_ if self.encoder is None else self.encoder_.estimator_
        refuse_other_order(source._channels, estimator._channels, type(self).__name__)
        known, given = source._fs, estimator._fs
        if known is not None and given is not None and not same_rate(known, given):
            warn_of_recordings(
                f"{type(self).__name__} was pretrained on signals of fs={known:.10g} Hz, but X has "
                f"fs={given:.10g} Hz, at which its filters act on other frequencies. Put "
                f"Resampler(fs_out={known:.10g}) before it."
            )

    def _transfer(
        self, weights: dict[str, torch.Tensor], estimator: NetClassifier, module: nn.Module
    ) -> None:
        """Copy the pretrained weights into a new module, and freeze layers."""
        self._check_signals(estimator)
        own = module.state_dict()
        renewed = _layers(self, "renewed", self.renewed, own)
        known = {
            name: value
            for name, value in weights.items()
            if name in own and own[name].shape == value.shape and name not in renewed
        }
        frozen = self._frozen_entries(own)
        if unknown := sorted(frozen - set(known)):
            raise ValueError(
                f"The 'frozen' parameter of {type(self).__name__} names layers whose weights the "
                f"pretrained network does not provide: {unknown[:3]}. Their sizes differ between "
                "the cohorts (channels, samples, classes), they are in 'renewed', or the 'encoder' "
                "has a different network. Freeze fewer layers, or use the same network."
            )
        if not known:
            raise ValueError(
                f"The pretrained network of {type(self).__name__} has no layer in common with "
                f"{type(module).__name__}. Use the same network for pretraining and fine-tuning."
            )
        module.load_state_dict(known, strict=False)
        for name, parameter in module.named_parameters():
            parameter.requires_grad_(name not in frozen)
        if not any(p.requires_grad for p in module.parameters()):
            raise ValueError(
                f"The 'frozen' parameter of {type(self).__name__} leaves nothing to train. "
                f"The parts of the network are {_parts(own)}."
            )

    def _frozen_entries(self, own: dict[str, torch.Tensor]) -> set[str]:
        """Return the entries of the state that are not trained, by default all but the head."""
        if self.frozen is not None:
            return _layers(self, "frozen", self.frozen, own)
        head = {name for name in own if name.partition(".")[0] == _HEAD}
        if not head:
            raise ValueError(
                f"The 'frozen' parameter of {type(self).__name__} cannot be None here: the network "
                f"has no part named {_HEAD!r}. Its parts are {_parts(own)}; name those to freeze, "
                "or set frozen=()."
            )
        return set(own) - head

    def __sklearn_clone__(self):
        # The pretrained network is an input of this estimator and is not learned in `fit`.
        copy = super().__sklearn_clone__()
        if hasattr(self, "source_"):
            copy.source_, copy.source_subjects_ = self.source_, self.source_subjects_
        return copy

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "estimator_")

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        inner = self._new_estimator().__sklearn_tags__()
        tags.input_tags, tags.classifier_tags = inner.input_tags, inner.classifier_tags
        return tags


def _warn_of_unknown_subjects(what: str) -> None:
    warn(
        f"{what} was given no subjects, so a later test on subjects of the pretraining cannot be "
        "detected. Pass the subject of each window as 'groups'.",
        SubjectLeakWarning,
    )


def _layers(
    caller: TransferClassifier, parameter: str, names: Iterable[str], state: dict[str, torch.Tensor]
) -> set[str]:
    """Return the entries of the state that belong to the named layers."""
    if isinstance(names, str):
        names = [names]
    found: set[str] = set()
    for name in names:
        below = {entry for entry in state if entry == name or entry.startswith(f"{name}.")}
        if not below:
            raise ValueError(
                f"The {parameter!r} parameter of {type(caller).__name__} names {name!r}, which is "
                f"not a layer of the network. Its parts are {_parts(state)}."
            )
        found |= below
    return found


def _parts(state: dict[str, torch.Tensor]) -> list[str]:
    return list(dict.fromkeys(name.partition(".")[0] for name in state))
