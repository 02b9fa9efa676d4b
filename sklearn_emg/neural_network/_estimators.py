"""scikit-learn estimators that train a PyTorch module with a skorch net."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, ClassVar, Self, Unpack

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import Tags, check_random_state
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted
from torch import nn

from sklearn_emg._sklearn import InvalidParameterError
from sklearn_emg._typing import Labels, Signals
from sklearn_emg._warnings import warn
from sklearn_emg.neural_network._building import (
    check_output,
    name_of,
    resolve_device,
    resolve_module,
    resolve_optimizer,
    uses_bfloat16,
    with_callback,
)
from sklearn_emg.neural_network._checkpoints import Checkpoint
from sklearn_emg.neural_network._data._batches import WindowDataset
from sklearn_emg.neural_network._data._inputs import (
    Input,
    signals_to_predict,
    training_input,
    windows_to_predict,
)
from sklearn_emg.neural_network._data._split import split_rows
from sklearn_emg.neural_network._data._targets import check_same_classes, check_targets
from sklearn_emg.neural_network._losses import check_optimizer_params, criterion_settings
from sklearn_emg.neural_network._modules._layers import SIZES
from sklearn_emg.neural_network._net import ClassifierNet, seeded
from sklearn_emg.neural_network._parameters import CLASS_WEIGHT, MODULE, TRAINING, Training, trains
from sklearn_emg.neural_network._threads import fit_threads
from sklearn_emg.recordings import SubjectMemory

# Parameters that are dicts and whose entries can be set one by one.
_DICTS = ("module_params", "optimizer_params", "loss_params")
# Names of parameters in skorch and in this package.
_OF_SKORCH = {
    "iterator_train__batch_size": "batch_size",
    "iterator_valid__batch_size": "predict_batch_size",
}
# Parameters without effect on the weights: fits that differ only in these are equivalent.
_NO_EFFECT = ("checkpoint", "verbose")


class _NetEstimator(SubjectMemory, BaseEstimator):
    """Base class with sizes, device, validation, training and inference; subclasses add targets."""

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        name: entry.constraint for name, entry in TRAINING.items()
    }
    if TYPE_CHECKING:  # the constructor that `trains` creates stores the parameters

        def __getattr__(self, name: str) -> Any: ...

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters by name.

        Parameters
        ----------
        deep : bool, default=True
            Whether to include the single settings in `module_params`, `optimizer_params` and
            `loss_params`, such as ``module_params__n_hidden``, and the parameters of `augment`.

        Returns
        -------
        params : dict
            Parameter names mapped to their values.
        """
        params = super().get_params(deep)
        if deep:
            for home in _DICTS:
                settings = params.get(home)
                for name, value in settings.items() if isinstance(settings, dict) else ():
                    params[f"{home}__{name}"] = value
        return params

    def set_params(self, **params: Any) -> Self:
        """Set parameters, including single settings of the network, optimiser or loss.

        Parameters
        ----------
        **params : dict
            Parameters by name. ``module_params__n_hidden`` or, as in skorch, ``module__n_hidden``
            changes one entry of `module_params`, ``optimizer__betas`` changes one of
            `optimizer_params`, and ``loss__gamma`` or ``criterion__gamma`` changes one of
            `loss_params`. ``callbacks__stop`` replaces the callback named ``stop``, and
            ``callbacks__stop__patience`` changes one of its parameters.
            ``iterator_train__batch_size`` sets `batch_size`, and ``iterator_valid__batch_size``
            sets `predict_batch_size`. For the classifier of a single network, such as
            :class:`ALSNetClassifier`, ``module__n_hidden`` sets its parameter `n_hidden`. A grid of
            :class:`~sklearn.model_selection.GridSearchCV` takes the same names.

        Returns
        -------
        self : object
            The estimator.

        Raises
        ------
        ValueError
            If there is no such parameter.
        """
        params = {self._name_here(name): value for name, value in params.items()}
        self._check_inside(params)
        single: dict[str, dict[str, Any]] = {}
        for key in list(params):
            prefix, _, name = key.partition("__")
            if prefix == "callbacks" and name:
                known = params.get("callbacks", self.callbacks)
                params["callbacks"] = with_callback(known, name, params.pop(key), type(self))
                continue
            prefix = "loss" if prefix == "criterion" else prefix
            home = prefix if prefix in _DICTS else f"{prefix}_params"
            if name and home in _DICTS and hasattr(self, home):
                single.setdefault(home, {})[name] = params.pop(key)
        super().set_params(**params)
        for home, settings in single.items():
            # A new dict is created, since copies of this estimator may share the old one.
            setattr(self, home, {**(getattr(self, home) or {}), **settings})
        return self

    def _name_here(self, name: str) -> str:
        """Translate the skorch name of a parameter to the name in this package."""
        if name.startswith("module__") and not hasattr(self, "module_params"):
            return name.removeprefix("module__")
        return _OF_SKORCH.get(name, name)

    def _check_inside(self, params: dict[str, Any]) -> None:
        """Reject fixed settings of the batches, and settings of an augmenter that is None."""
        for name in params:
            prefix, _, inner = name.partition("__")
            if prefix in ("iterator_train", "iterator_valid"):
                raise InvalidParameterError(
                    f"{type(self).__name__} creates its own batches, so {name!r} cannot be set. "
                    f"Of the settings of skorch's iterators, it takes {', '.join(_OF_SKORCH)}. "
                    "Training batches are shuffled in each epoch, or stratified by 'stratify'."
                )
            if prefix == "augment" and inner and params.get("augment", self.augment) is None:
                raise InvalidParameterError(
                    f"The 'augment' parameter of {type(self).__name__} is None and has no "
                    f"parameter {inner!r}. Set augment=WindowAugmenter() first."
                )

    # Fitted attributes other than the weights, including private ones.
    _fitted: ClassVar[tuple[str, ...]] = (
        "n_channels_",
        "n_times_",
        "n_features_in_",
        "feature_names_in_",
        "_ndim",
        "_takes_any_length",
        "_fs",
        "_channels",
    )
    # Whether `fit` was given signals that may differ in length, and their rate and channels.
    _takes_any_length = False
    _fs: float | None = None
    _channels: tuple[str, ...] | None = None
    # Subjects that earlier fits held out for validation, and that no fit has trained on.
    _held_out: tuple[Any, ...] = ()

    # Hooks for the module and the target

    def _module(self) -> tuple[Callable[..., nn.Module], dict[str, Any]]:
        """Return the module class and its settings without the sizes."""
        raise NotImplementedError(f"{type(self).__name__} must implement _module.")

    def _learn_target(self, y: np.ndarray, classes: Labels | None = None) -> None:
        """Learn the classes, or the shape and scale, of the targets."""
        raise NotImplementedError(f"{type(self).__name__} must implement _learn_target.")

    def _encode(self, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the stratum of each target, and the targets in the form that the net learns."""
        raise NotImplementedError(f"{type(self).__name__} must implement _encode.")

    def _describe(self, strata: np.ndarray) -> str:
        """Return the names of strata for messages."""
        raise NotImplementedError(f"{type(self).__name__} must implement _describe.")

    def _count(self, y: np.ndarray, go_on: bool) -> None:
        """Count the training targets, in addition to those of earlier calls if ``go_on``."""

    def _net_settings(self) -> dict[str, Any]:
        """Return the net class, ``n_classes`` and the skorch settings that depend on the target."""
        raise NotImplementedError(f"{type(self).__name__} must implement _net_settings.")

    # Training

    def fit(self, X: Signals, y: Labels, groups: Labels | None = None) -> Self:
        """Train the network.

        Parameters
        ----------
        X : array-like of shape (n_windows, n_times) or (n_windows, n_channels, n_times)
            Windows of EMG in millivolts; for networks that take images, images of shape (n_windows,
            n_channels, height, width); or signals, as a recording table or a list of arrays of
            shape (n_channels, n_times_i). Contiguous float32 arrays are used without a copy.
            Signals may differ in length for ALSNet, AttentionNet, DilatedCNN, NeuroFusionNet,
            RecurrentNet and StackedLSTM; signals to be predicted may then have any length.
        y : array-like of shape (n_windows,) or (n_windows, n_outputs)
            Labels of any type; for a regressor, numbers, which may have several outputs.
        groups : array-like of shape (n_windows,), default=None
            Subject of each window. For a recording table, `groups` is not needed, since the table
            contains the subjects. If the subjects are known, validation holds out subjects instead
            of single windows. With `warm_start`, subjects that earlier fits trained on are not
            held out.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If the input contains NaN or infinity, the targets are unusable, the windows are too
            short for the network, a parameter is out of range, `device` does not exist, or training
            diverges.

        Warns
        -----
        SubjectLeakWarning
            In ``predict``, ``predict_proba`` and ``score``, if a table contains subjects that the
            network was trained on.
        UserWarning
            If the validation data are empty or lack a class, or Ctrl-C interrupts the training.
        """
        return self._fit(X, y, groups)

    def _fit(
        self,
        X: Signals,
        y: Labels,
        groups: Labels | None,
        start: Callable[[nn.Module], None] | None = None,
        start_state: Any = None,
        start_subjects: Iterable[Any] = (),
    ) -> Self:
        """Fit a network, optionally from given weights.

        ``start``, if given, is a function that changes the initial weights of the new module.
        ``start_state`` contains the weights and settings that it uses, and ``start_subjects`` the
        subjects that these weights were trained on.
        """
        self._validate_params()
        self._check_keep_best()
        going_on = self.warm_start and hasattr(self, "net_")
        if not going_on:  # if this fit fails, the old net must not remain with the new sizes
            self.__dict__.pop("net_", None)
            self._held_out = ()
        given, y = training_input(self, X, y, groups, reset=not going_on)
        if not going_on:
            self._rng = check_random_state(self.random_state)
            self._learn_target(y)
        checkpoint = self._open_checkpoint(given, y, going_on, start_state)
        strata, targets = self._encode(y)
        train, valid = split_rows(
            strata,
            given.subjects,
            self.validation,
            self.validation_fraction,
            rng=self._rng,
            caller=type(self).__name__,
            describe=self._describe,
            trained=[*self._trained_before(going_on), *start_subjects],
            held_out=self._held_out if going_on else (),
        )
        self._train(
            given.dataset(targets, train if len(valid) else None),
            given.dataset(targets, valid) if len(valid) else None,
            y[train],
            earlier=self.net_ if going_on else None,
            start=start,
            strata=self._strata(given, strata, train),
            checkpoint=checkpoint,
        )
        self._remember_subjects(X, groups, go_on=going_on)
        self._remember_held_out(given.subjects, train, valid)
        if not self.warm_start:
            self.net_.forget_optimizer_state()
        return self

    def _trained_before(self, going_on: bool) -> list[Any]:
        """Return the subjects that the weights at the start of a fit were trained on."""
        if not going_on or self.subjects_ is None:
            return []
        held_out = set(self._held_out)
        return [name for name in self.subjects_.tolist() if name not in held_out]

    def _partial_fit(
        self,
        X: Signals,
        y: Labels,
        classes: Labels | None = None,
        groups: Labels | None = None,
    ) -> Self:
        """Train for one pass over the windows; the first call learns the sizes and the target."""
        self._validate_params()
        self._check_keep_best()
        first = not hasattr(self, "net_")
        given, y = training_input(self, X, y, groups, reset=first)
        if first:
            self._rng = check_random_state(self.random_state)
            self._learn_target(y, classes)
        strata, targets = self._encode(y)
        strata = self._strata(given, strata, np.arange(len(y)))
        earlier = None if first else self.net_
        self._train(given.dataset(targets), None, y, earlier=earlier, epochs=1, strata=strata)
        self._remember_subjects(X, groups, go_on=not first)
        if given.subjects is not None:
            self._remember_held_out(given.subjects, np.arange(len(y)), np.arange(0))
        return self

    def _remember_held_out(self, subjects: Any, train: np.ndarray, valid: np.ndarray) -> None:
        """Keep the names of the subjects that were held out and never trained on."""
        if subjects is None:
            self._held_out = ()
            return
        now, new = (
            [subjects.names[k] for k in np.unique(subjects.codes[rows])] for rows in (train, valid)
        )
        self._held_out = tuple(
            name for name in dict.fromkeys([*self._held_out, *new]) if name not in now
        )

    def _strata(self, given: Input, codes: np.ndarray, rows: np.ndarray) -> np.ndarray | None:
        """Return the stratum of each training row for the batches, or None."""
        signals = isinstance(given.values, list)
        for name, value in (("stratify", self.stratify), ("augment", self.augment)):
            if signals and value is not None:
                raise InvalidParameterError(
                    f"The {name!r} parameter of {type(self).__name__} is for windows of one length "
                    "and must be None for signals that differ in length. Cut them into windows "
                    "with DiVoteClassifier or recordings.divide."
                )
        if self.stratify is None:
            return None
        if self.stratify == "class":
            return codes[rows]
        if given.subjects is None:
            raise InvalidParameterError(
                f"{type(self).__name__} has stratify='subject', but was given no subjects. Pass "
                "'groups' to fit, or a table with a 'subject' column."
            )
        return given.subjects.codes[rows]

    def _check_keep_best(self) -> None:
        """Reject a `keep_best` criterion that does not apply to the target."""

    def _open_checkpoint(
        self, given: Input, y: np.ndarray, going_on: bool, start_state: Any
    ) -> Checkpoint | None:
        """Open the checkpoint of this fit, and restore the generator of an interrupted fit."""
        if self.checkpoint is None:
            return None
        settings = {n: v for n, v in self.get_params(deep=False).items() if n not in _NO_EFFECT}
        subjects = given.subjects
        data = given.values, y, subjects and (subjects.codes, list(subjects.names))
        earlier = None
        if going_on:
            earlier = self._rng.get_state(legacy=False), self.net_.tensors()
        device = str(resolve_device(self.device, type(self).__name__))
        identity = settings, data, device, earlier, start_state
        checkpoint = Checkpoint(self.checkpoint, type(self).__name__, *identity)
        self._rng = checkpoint.generator(self._rng)
        return checkpoint

    def _train(
        self, train, valid, y_train, *, earlier=None, epochs=None, start=None, **loop: Any
    ) -> None:
        """Build the net, train it and store it as ``net_``."""
        self._count(y_train, go_on=epochs is not None)
        net, device = self._build_net()
        if earlier is not None and not net.has_module_of(earlier):
            raise ValueError(
                f"{type(self).__name__} continues training (warm_start or partial_fit), but the "
                "settings of its network have changed. Restore them, or fit a clone."
            )
        with fit_threads() as divide_threads, seeded(self._rng.randint(2**31 - 1), device):
            divide_threads()
            if earlier is not None:
                net.take_over(earlier)
            else:
                module = self._new_module(net, train, start).to(device)
                if not type(module).__module__.startswith(f"{__package__}."):
                    n_outputs = net.get_params_for("module")["n_classes"]
                    check_output(module, train, n_outputs, type(self).__name__)
                net.initialize_around(module)
            net.partial_fit(
                train,
                None,
                valid=valid,
                epochs=epochs,
                augment=self.augment,
                divide_threads=divide_threads,
                **loop,
            )
        checkpoint = loop.get("checkpoint")
        if net.was_interrupted_:
            self._note_interrupt(net, checkpoint)
        self.net_ = net
        self.history_ = net.history_
        if checkpoint is not None:
            checkpoint.remove()

    def _note_interrupt(self, net: Any, checkpoint: Checkpoint | None) -> None:
        """Report that Ctrl-C ended the training; with a checkpoint, end the fit as well."""
        where = f"The training of {type(self).__name__} was interrupted in epoch {net.epoch_ + 1}"
        if checkpoint is not None:
            raise KeyboardInterrupt(f"{where}. Call the same fit again to continue.")
        warn(
            f"{where} of {net.n_epochs_}: the best weights so far are kept. With 'checkpoint', "
            "a fit can be interrupted and continued later.",
            UserWarning,
        )

    def _new_module(
        self, net: Any, train: WindowDataset, start: Callable[[nn.Module], None] | None
    ) -> nn.Module:
        """Build the module to be trained on ``train``; ``start``, if given, changes its weights."""
        module = net.module(**net.get_params_for("module"))
        if not isinstance(module, nn.Module):
            raise InvalidParameterError(
                f"The 'module' parameter of {type(self).__name__} must build a torch.nn.Module. "
                f"{name_of(net.module)} returned {type(module).__name__}."
            )
        if start is not None:
            start(module)
        return module

    def _build_net(self) -> tuple[Any, torch.device]:
        """Return a net that is not initialised, and its device."""
        device = resolve_device(self.device, type(self).__name__)
        settings = self._net_settings()
        module, params = self._module()
        sizes = (self.n_channels_, self.n_times_, settings.pop("n_classes"))
        params = {**params, **dict(zip(SIZES, sizes))}
        optimizer = resolve_optimizer(self.optimizer, type(self).__name__)
        check_optimizer_params(optimizer, self.optimizer_params or {}, type(self).__name__)
        net = settings.pop("net")(
            module=module,
            **{f"module__{name}": value for name, value in params.items()},
            optimizer=optimizer,
            **{f"optimizer__{k}": v for k, v in (self.optimizer_params or {}).items()},
            lr=self.lr,
            weight_decay=self.weight_decay,
            max_epochs=self.max_epochs,
            batch_size=self.batch_size,
            iterator_train__shuffle=True,
            iterator_train__seed=self._rng.randint(2**31 - 1),
            iterator_train__pin=device.type == "cuda",
            iterator_valid__pin=device.type == "cuda",
            iterator_valid__batch_size=self._inference_batch(device.type),
            keep_best=self.keep_best,
            evaluate_every=self.evaluate_every,
            patience=self.patience,
            lr_patience=self.lr_patience,
            lr_factor=self.lr_factor,
            device=str(device),
            mixed=uses_bfloat16(self.precision, device),
            compile=self.compile,
            callbacks=self.callbacks,
            verbose=int(self.verbose),
            **settings,
        )
        return net, device

    def _criterion(self, weight: torch.Tensor | None) -> dict[str, Any]:
        """Return the loss in the form that skorch takes."""
        of_classes, caller = isinstance(self, ClassifierMixin), type(self).__name__
        return criterion_settings(self.loss, self.loss_params, weight, of_classes, caller)

    # Prediction

    def _check_input(self, X: Signals) -> torch.Tensor:
        """Check windows of one length for prediction, and return a tensor with a channel axis."""
        check_is_fitted(self, "net_")
        return windows_to_predict(self, X)

    def _raw_output(self, X: Signals) -> np.ndarray:
        check_is_fitted(self, "net_")
        self._warn_of_known_subjects(X)
        kind = torch.device(self.net_.device).type
        if self._takes_any_length:
            signals = signals_to_predict(self, X)
            size = self._inference_batch(kind, int(signals.lengths.max()))
            return self.net_.raw_output(signals, size)
        return self.net_.raw_output(self._check_input(X), self._inference_batch(kind))

    def _inference_batch(self, device_type: str, n_times: int | None = None) -> int:
        """Return a batch size that uses the device fully and fits its memory or cache."""
        if self.predict_batch_size is not None:
            return self.predict_batch_size
        n_samples = self.n_channels_ * (n_times or int(np.prod(self.n_times_)))
        if device_type == "cpu":
            return int(np.clip(2**17 // n_samples, 8, 64))
        return int(np.clip(2**21 // n_samples, 64, 4096))

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = True
        tags.input_tags.three_d_array = True
        return tags


class NetClassifier(ClassifierMixin, _NetEstimator):
    """Base class of the classifiers, which converts labels to codes and back."""

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **_NetEstimator._parameter_constraints,
        "class_weight": CLASS_WEIGHT.constraint,
    }
    _target_checks: ClassVar[dict[str, Any]] = {}
    _fitted: ClassVar[tuple[str, ...]] = (*_NetEstimator._fitted, "classes_", "_class_counts")

    def _learn_target(self, y, classes=None):
        check_classification_targets(y)
        if classes is not None:
            classes = check_targets(classes, f"{type(self).__name__} (classes)", labels=True)
        classes = np.unique(y if classes is None else classes)
        if len(classes) < 2:
            raise ValueError(
                f"{type(self).__name__} needs at least two classes in y. Got one class: "
                f"{classes.tolist()[0]!r}."
            )
        self.classes_ = classes
        self._class_counts = np.zeros(len(classes), dtype=np.intp)

    def _encode(self, y):
        codes = np.searchsorted(self.classes_, y).clip(max=len(self.classes_) - 1)
        unknown = self.classes_[codes] != y
        if np.any(unknown):
            raise ValueError(
                f"y has labels that {type(self).__name__} was not fitted on: "
                f"{np.unique(y[unknown]).tolist()}. Its classes are {self.classes_.tolist()}."
            )
        return codes, codes.astype(np.int64, copy=False)

    def _describe(self, codes):
        names = self.classes_[codes].tolist()
        return f"{'class' if len(names) == 1 else 'classes'} {names}"

    def _count(self, y, go_on):
        counts = np.bincount(self._encode(y)[0], minlength=len(self.classes_))
        self._class_counts = counts + self._class_counts if go_on else counts

    def _net_settings(self):
        return {
            "net": ClassifierNet,
            "n_classes": len(self.classes_),
            "classes": np.arange(len(self.classes_)),
            **self._criterion(self._class_weights()),
            "predict_nonlinearity": _softmax,
        }

    def _class_weights(self) -> torch.Tensor | None:
        """Return the weight of each class, scaled to a mean of 1 over the training windows."""
        if self.class_weight is None:
            return None
        if "weight" in (self.loss_params or {}):
            raise InvalidParameterError(
                f"{type(self).__name__} has weights of classes in both 'class_weight' and "
                "'loss_params'. Set one of them."
            )
        if self.class_weight == "balanced":
            weights = 1 / np.maximum(self._class_counts, 1)
        else:
            weights = compute_class_weight(
                self.class_weight, classes=self.classes_, y=self.classes_
            )
        total = (weights * self._class_counts).sum()
        if not total > 0 or np.any(weights < 0):
            raise ValueError(
                f"The 'class_weight' parameter of {type(self).__name__} must contain "
                f"non-negative weights that are not all 0. Got {self.class_weight!r}."
            )
        scaled = weights * self._class_counts.sum() / total
        return torch.tensor(scaled, dtype=torch.float32)

    def partial_fit(
        self,
        X: Signals,
        y: Labels,
        classes: Labels | None = None,
        groups: Labels | None = None,
    ) -> Self:
        """Train for one epoch on these windows, starting from the current weights.

        There is no validation split. The windows must have the size of those in the first call.
        With ``class_weight="balanced"``, the weights are computed from the windows of all calls so
        far.

        Parameters
        ----------
        X : array-like of shape (n_windows, n_times) or (n_windows, n_channels, n_times)
            Windows, at least two.
        y : array-like of shape (n_windows,)
            Labels.
        classes : array-like of shape (n_classes,), default=None
            All labels of this and later calls. They are required in the first call if `y` does not
            contain all of them.
        groups : array-like of shape (n_windows,), default=None
            Subject of each window, added to `subjects_`. For a recording table, `groups` is not
            needed, since the table contains the subjects.

        Returns
        -------
        self : object
            The estimator.
        """
        if classes is not None and hasattr(self, "net_"):
            check_same_classes(classes, self.classes_, type(self).__name__)
        return self._partial_fit(X, y, classes, groups)

    def predict_proba(self, X: Signals) -> np.ndarray:
        """Predict the probability of each class.

        Parameters
        ----------
        X : array-like of shape (n_windows, n_times) or (n_windows, n_channels, n_times)
            Windows of the same shape as in `fit`. After a fit on signals, X is a recording table or
            a list of signals; only the networks for signals that differ in length accept lengths
            other than those in `fit`.

        Returns
        -------
        ndarray of shape (n_windows, n_classes)
            Softmax of the network's outputs, with columns in the order of `classes_`.
        """
        return torch.from_numpy(self._raw_output(X)).double().softmax(dim=1).numpy()

    def predict(self, X: Signals) -> np.ndarray:
        """Predict the most probable class.

        Parameters
        ----------
        X : array-like of shape (n_windows, n_times) or (n_windows, n_channels, n_times)
            Windows of the same shape as in `fit`. After a fit on signals, X is a recording table or
            a list of signals; only the networks for signals that differ in length accept lengths
            other than those in `fit`.

        Returns
        -------
        ndarray of shape (n_windows,)
            Labels.
        """
        output = self._raw_output(X)
        return self.classes_[output.argmax(axis=1)]


@trains(own=MODULE)
class EMGClassifier(NetClassifier):
    """Train a PyTorch network as a scikit-learn classifier.

    The network is a plain ``torch.nn.Module`` that takes windows ``(batch, n_channels, n_times)``
    and returns raw logits ``(batch, n_classes)``. Its sizes are taken from the data in every `fit`.
    The default `loss` is the cross entropy. A network may also take images: if `X` has four
    dimensions, ``n_times`` is the tuple of height and width in pixels.

    Parameters
    ----------
    {parameters}

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels, sorted.
    net_ : skorch.NeuralNetClassifier
        The trained net; ``net_.module_`` is the module. Its targets are the codes of the classes.
    history_ : skorch.history.History
        One row per epoch, with the learning rate, the duration in s, and the loss and accuracy of
        training and, if there are validation data, of validation. ``history_[:, "valid_loss"]`` is
        a learning curve. Single batches are recorded only if there are `callbacks` or
        ``verbose=2``.
    n_channels_, n_times_ : int
        Number of channels and of samples of the windows. For images, `n_times_` is the tuple of
        height and width in pixels; for signals that differ in length, it is the shortest length.
    n_features_in_ : int
        Number of samples for 2-D `X`, and of channels otherwise.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, if `X` was a DataFrame of windows.
    subjects_ : ndarray of shape (n_subjects,) or None
        Identities of the training subjects. None if they were not given, or after `load_model`,
        since `save_model` does not write them.

    See Also
    --------
    EMGRegressor : Trains networks on numeric targets.
    ALSNet : The default network.

    Notes
    -----
    On ``device``, memory is needed for the module, its optimiser and one batch. The windows stay in
    the memory of the CPU, in one tensor, without a copy if `X` is a contiguous float32 array.

    An interrupt (Ctrl-C) stops training, keeps the best weights so far, as in skorch, and issues a
    warning. With `checkpoint`, it ends the fit, which continues when `fit` is called again.

    A single fit uses all CPU cores; fits that run at the same time, in joblib processes or in
    threads, share them. ``torch.set_num_threads`` or ``OMP_NUM_THREADS`` sets a lower number.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emg.neural_network import EMGClassifier
    >>> rng = np.random.default_rng(0)
    >>> y = np.repeat(["control", "patient"], 20)
    >>> X = rng.normal(size=(40, 2, 50)) * np.where(y == "patient", 3, 1)[:, None, None]
    >>> subjects = np.arange(40) // 4
    >>> net = EMGClassifier(max_epochs=10, lr=0.01, random_state=0).fit(X, y, groups=subjects)
    >>> net.predict(X[[0, -1]])
    array(['control', 'patient'], dtype='<U7')
    """

    if TYPE_CHECKING:

        def __init__(
            self,
            module: str | Callable[..., nn.Module] = "ALSNet",
            *,
            module_params: dict[str, Any] | None = None,
            class_weight: str | dict[Any, float] | None = None,
            **training: Unpack[Training],
        ) -> None: ...

    def _module(self):
        return resolve_module(self.module, self.module_params, type(self).__name__)


def _softmax(logits: torch.Tensor) -> torch.Tensor:
    return logits.softmax(dim=-1)
