"""scikit-learn estimators that train a PyTorch module through a skorch net, which they hold."""

from __future__ import annotations

import difflib
import importlib
import inspect
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
import torch
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils import Tags, check_consistent_length, check_random_state
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted
from torch import nn

from sklearn_emg._sklearn import Integral, Interval, InvalidParameterError, Real, StrOptions
from sklearn_emg._typing import Labels, Signals
from sklearn_emg.base import _validate_windows
from sklearn_emg.neural_network._batches import SequenceDataset, WindowDataset, as_tensor
from sklearn_emg.neural_network._docs import with_training_parameters
from sklearn_emg.neural_network._net import (
    LEAST_BATCH,
    ClassifierNet,
    RegressorNet,
    WeightedCrossEntropy,
    seeded,
)
from sklearn_emg.neural_network._sequences import (
    checked,
    signals_of,
    stacked,
    subjects_in,
    takes_lengths,
)
from sklearn_emg.neural_network._split import split_validation
from sklearn_emg.neural_network._targets import check_targets
from sklearn_emg.recordings import same_rate

SIZES = ("n_channels", "n_times", "n_classes")
# Parameters whose entries can be set one by one.
_DICTS = ("module_params", "optimizer_params")
# Networks that the 'module' parameter knows by name, and where they live.
NETWORKS = {
    "ALSNet": "_alsnet",
    "AttentionNet": "_attention",
    "AutoencoderNet": "_autoencoder",
    "CNN1D": "_cnn1d",
    "DeepEMGNet": "_deepemgnet",
    "DilatedCNN": "_dilated_cnn",
    "ImageNetwork": "_image_network",
    "NEMGNet": "_nemgnet",
    "NeuroFusionNet": "_neurofusionnet",
    "PatternNet": "_patternnet",
    "RecurrentNet": "_recurrent",
    "SpectroEMGNet": "_spectroemgnet",
    "StackedLSTM": "_stacked_lstm",
}


class _NetEstimator(BaseEstimator):
    """Sizes, device, validation split, training and inference; the target is for subclasses."""

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "lr": [Interval(Real, 0, None, closed="neither")],
        "max_epochs": [Interval(Integral, 1, None, closed="left")],
        "batch_size": [Interval(Integral, 2, None, closed="left")],
        "optimizer": [str, type],
        "optimizer_params": [dict, None],
        "weight_decay": [Interval(Real, 0, None, closed="left")],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither"), None],
        "validation": [StrOptions({"subjects", "windows"}), "array-like"],
        "patience": [Interval(Integral, 1, None, closed="left"), None],
        "lr_patience": [Interval(Integral, 1, None, closed="left"), None],
        "lr_factor": [Interval(Real, 0, 1, closed="neither")],
        "evaluate_every": [Interval(Integral, 1, None, closed="left"), None],
        "device": [str],
        "predict_batch_size": [Interval(Integral, LEAST_BATCH, None, closed="left"), None],
        "amp": ["boolean"],
        "compile": ["boolean"],
        "callbacks": [list, None],
        "warm_start": ["boolean"],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        *,
        lr: float,
        max_epochs: int,
        batch_size: int,
        optimizer: str | type,
        optimizer_params: dict[str, Any] | None,
        weight_decay: float,
        validation_fraction: float | None,
        validation: str | Sequence[Any],
        patience: int | None,
        lr_patience: int | None,
        lr_factor: float,
        evaluate_every: int | None,
        device: str,
        predict_batch_size: int | None,
        amp: bool,
        compile: bool,
        callbacks: Sequence[Any] | None,
        warm_start: bool,
        random_state: int | np.random.RandomState | None,
        verbose: int,
    ) -> None:
        self.lr = lr
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.optimizer = optimizer
        self.optimizer_params = optimizer_params
        self.weight_decay = weight_decay
        self.validation_fraction = validation_fraction
        self.validation = validation
        self.patience = patience
        self.lr_patience = lr_patience
        self.lr_factor = lr_factor
        self.evaluate_every = evaluate_every
        self.device = device
        self.predict_batch_size = predict_batch_size
        self.amp = amp
        self.compile = compile
        self.callbacks = callbacks
        self.warm_start = warm_start
        self.random_state = random_state
        self.verbose = verbose

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Parameters by name.

        Parameters
        ----------
        deep : bool, default=True
            Also give each setting in `module_params` and `optimizer_params` by itself, as
            ``module_params__n_units``.

        Returns
        -------
        params : dict
        """
        params = super().get_params(deep)
        if deep:
            for home in _DICTS:
                settings = params.get(home)
                for name, value in settings.items() if isinstance(settings, dict) else ():
                    params[f"{home}__{name}"] = value
        return params

    def set_params(self, **params: Any) -> Self:
        """Set parameters, a single setting of the network or the optimiser among them.

        Parameters
        ----------
        **params : dict
            Parameters by name. ``module_params__n_units``, or ``module__n_units`` as skorch has it,
            changes one entry of `module_params`, ``optimizer__betas`` one of `optimizer_params`; a
            grid of :class:`~sklearn.model_selection.GridSearchCV` takes the same names.

        Returns
        -------
        self : object
        """
        single: dict[str, dict[str, Any]] = {}
        for key in list(params):
            prefix, _, name = key.partition("__")
            home = prefix if prefix in _DICTS else f"{prefix}_params"
            if name and home in _DICTS and hasattr(self, home):
                single.setdefault(home, {})[name] = params.pop(key)
        super().set_params(**params)
        for home, settings in single.items():
            # A new dict: copies of this estimator may hold the old one.
            setattr(self, home, {**(getattr(self, home) or {}), **settings})
        return self

    # What a fitted estimator knows besides its weights; private names too.
    _fitted: ClassVar[tuple[str, ...]] = (
        "n_channels_",
        "n_times_",
        "n_features_in_",
        "feature_names_in_",
        "_ndim",
        "_takes_any_length",
        "_fs",
    )
    # Whether the fit got signals, which may differ in length, and at which sampling rate.
    _takes_any_length = False
    _fs: float | None = None

    # What a subclass says about its module and its target

    def _module(self) -> tuple[Callable[..., nn.Module], dict[str, Any]]:
        """Give the module class and its settings besides the sizes."""
        raise NotImplementedError(f"{type(self).__name__} lacks _module.")

    def _learn_target(self, y: np.ndarray, classes: Labels | None = None) -> None:
        """Learn classes, or shape and scale, from the targets."""
        raise NotImplementedError(f"{type(self).__name__} lacks _learn_target.")

    def _encode(self, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Give the stratum of each target, and the targets as the net learns them."""
        raise NotImplementedError(f"{type(self).__name__} lacks _encode.")

    def _count(self, y: np.ndarray, go_on: bool) -> None:
        """Take note of the training targets, beside those of earlier calls if ``go_on``."""

    def _net_settings(self) -> dict[str, Any]:
        """Give the net class, ``n_classes`` and the skorch settings that depend on the target."""
        raise NotImplementedError(f"{type(self).__name__} lacks _net_settings.")

    # Training

    def fit(self, X: Signals, y: Labels, groups: Labels | None = None) -> Self:
        """Train the network.

        Parameters
        ----------
        X : array-like of shape (n_windows, n_times) or (n_windows, n_channels, n_times)
            Windows, EMG in millivolts; or images (n_windows, n_channels, height, width) for a
            network that takes them. Contiguous float32 is used without a copy. Or whole signals: a
            recording table, or a list of arrays of shape (n_channels, n_times_i). They may differ
            in length for ALSNet, AttentionNet, DilatedCNN, NeuroFusionNet, RecurrentNet and
            StackedLSTM, and then those to be predicted may have any length.
        y : array-like of shape (n_windows,)
            Labels of any type; for a regressor numbers, of shape (n_windows, n_outputs) too.
        groups : array-like of shape (n_windows,), default=None
            Subject of each window; a recording table brings them. Where they are known, whole
            subjects are held out for validation.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If the input holds NaN or infinity, the targets are unusable, the windows are too short
            for the network, a parameter is out of range, `device` is not there, or training
            diverges.
        """
        return self._fit(X, y, groups)

    def _fit(
        self,
        X: Signals,
        y: Labels,
        groups: Labels | None,
        start: Callable[[nn.Module], None] | None = None,
    ) -> Self:
        """Fit a network to whose new module ``start`` gives other weights, if it is given."""
        self._validate_params()
        going_on = self.warm_start and hasattr(self, "net_")
        if not going_on:  # should this fit fail, the old net must not meet the new sizes
            self.__dict__.pop("net_", None)
        windows, y = self._check_training_input(X, y, reset=not going_on)
        subjects, names = self._check_groups(subjects_in(X, groups), y)
        if not going_on:
            self._rng = check_random_state(self.random_state)
            self._learn_target(y)
        strata, targets = self._encode(y)
        train, valid = self._split(strata, subjects, names)
        self._train(
            _dataset(windows, targets, train if len(valid) else None),
            _dataset(windows, targets, valid) if len(valid) else None,
            y[train],
            earlier=self.net_ if going_on else None,
            start=start,
        )
        if not self.warm_start:
            self.net_.forget_optimizer_state()
        return self

    def _partial_fit(self, X: Signals, y: Labels, classes: Labels | None = None) -> Self:
        """One pass over the windows; the first call learns sizes and target."""
        self._validate_params()
        first = not hasattr(self, "net_")
        windows, y = self._check_training_input(X, y, reset=first)
        if first:
            self._rng = check_random_state(self.random_state)
            self._learn_target(y, classes)
        _, targets = self._encode(y)
        self._train(
            _dataset(windows, targets), None, y, earlier=None if first else self.net_, epochs=1
        )
        return self

    def _train(self, train, valid, y_train, earlier=None, epochs=None, start=None) -> None:
        """Build the net, train it, keep it as ``net_``."""
        self._count(y_train, go_on=epochs is not None)
        net, device = self._build_net()
        if earlier is not None and not net.has_module_of(earlier):
            raise ValueError(
                f"{type(self).__name__} goes on training (warm_start or partial_fit), but the "
                "settings of its network have changed. Put them back, or fit a clone."
            )
        with seeded(self._rng.randint(2**31 - 1), device):
            if earlier is not None:
                net.take_over(earlier)
            else:
                module = self._new_module(net, train, start).to(device)
                if not type(module).__module__.startswith(f"{__package__}."):
                    n_outputs = net.get_params_for("module")["n_classes"]
                    check_output(module, train, n_outputs, type(self).__name__)
                net.initialize_around(module)
            net.partial_fit(train, None, valid=valid, epochs=epochs)
        self.net_ = net
        self.history_ = net.history_

    def _new_module(
        self, net: Any, train: WindowDataset, start: Callable[[nn.Module], None] | None
    ) -> nn.Module:
        """Build the module that will be trained on ``train``; ``start`` gives it other weights."""
        module = net.module(**net.get_params_for("module"))
        if not isinstance(module, nn.Module):
            raise InvalidParameterError(
                f"The 'module' parameter of {type(self).__name__} must build a torch.nn.Module. "
                f"{_name_of(net.module)} gave {type(module).__name__}."
            )
        if start is not None:
            start(module)
        return module

    def _build_net(self) -> tuple[Any, torch.device]:
        """Give a net that is not initialised, and its device."""
        device = resolve_device(self.device, type(self).__name__)
        settings = self._net_settings()
        module, params = self._module()
        sizes = (self.n_channels_, self.n_times_, settings.pop("n_classes"))
        params = {**params, **dict(zip(SIZES, sizes))}
        net = settings.pop("net")(
            module=module,
            **{f"module__{name}": value for name, value in params.items()},
            optimizer=resolve_optimizer(self.optimizer, type(self).__name__),
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
            evaluate_every=self.evaluate_every,
            patience=self.patience,
            lr_patience=self.lr_patience,
            lr_factor=self.lr_factor,
            device=str(device),
            amp=self.amp,
            compile=self.compile,
            callbacks=self.callbacks,
            verbose=int(self.verbose),
            **settings,
        )
        return net, device

    def _split(
        self, strata: np.ndarray, subjects: np.ndarray | None, names: pd.Index | None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Training and validation rows; one warning where the split is not what it should be."""
        if not isinstance(self.validation, str):
            return self._split_named(strata, subjects, names)
        everything, nothing = np.arange(len(strata)), np.arange(0)
        if self.validation_fraction is None:
            return everything, nothing
        units = subjects if self.validation == "subjects" else None
        train, valid = split_validation(strata, units, self.validation_fraction, self._rng)
        unit = "window" if units is None else "subject"
        name = type(self).__name__
        missing = np.setdiff1d(strata, strata[valid])
        if len(valid) == 0:
            warnings.warn(
                f"{name} has too few {unit}s to hold any out for validation: it trains on all, "
                "without early stopping. Set validation_fraction=None if that is wanted.",
                UserWarning,
                stacklevel=4,
            )
        elif len(missing):
            warnings.warn(
                f"{name} has no validation {unit} of {self._describe(missing)}: holding one out "
                f"would leave none to train on. The weights are chosen on the other classes. Give "
                f"more {unit}s, or set validation_fraction=None.",
                UserWarning,
                stacklevel=4,
            )
        return train, valid

    def _split_named(
        self, strata: np.ndarray, subjects: np.ndarray | None, names: pd.Index | None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Rows of the subjects that 'validation' names, and the others."""
        caller = f"The 'validation' parameter of {type(self).__name__}"
        if subjects is None or names is None:
            raise ValueError(
                f"{caller} names subjects, but fit got no 'groups' to find them by. Pass the "
                "subject of each window, or set validation='windows'."
            )
        wanted = list(self.validation)
        codes = names.get_indexer(pd.Index(wanted, dtype=object))
        held = codes[codes >= 0]
        if not len(held):
            raise ValueError(
                f"{caller} names none of the subjects in 'groups': it has {wanted[:3]}, they are "
                f"{names.tolist()[:3]} and so on. Name some of them, or set validation='subjects' "
                "to have them drawn."
            )
        if len(held) < len(wanted):
            absent = [name for name, code in zip(wanted, codes) if code < 0]
            warnings.warn(
                f"{caller} names subjects who are not in 'groups': {absent[:9]}. They are not "
                "held out. In the folds of a cross-validation that is as it must be; otherwise "
                "correct the names.",
                UserWarning,
                stacklevel=5,
            )
        is_valid = np.isin(subjects, held)
        train, valid = np.flatnonzero(~is_valid), np.flatnonzero(is_valid)
        if len(train) < 2 or len(np.setdiff1d(strata, strata[train])):
            raise ValueError(
                f"{caller} holds out all subjects of a class: {wanted[:9]}. None is left to train "
                "on; name fewer."
            )
        missing = np.setdiff1d(strata, strata[valid])
        if len(missing):
            warnings.warn(
                f"{caller} names no subject of {self._describe(missing)}: the weights are chosen "
                "on the other classes.",
                UserWarning,
                stacklevel=5,
            )
        return train, valid

    # Input

    def _check_training_input(
        self, X: Signals, y: Labels, reset: bool
    ) -> tuple[np.ndarray | list[np.ndarray], np.ndarray]:
        """Windows as one array, or signals that differ in length; and the targets."""
        name = type(self).__name__
        y = check_targets(y, name, labels=isinstance(self, NetClassifier))
        signals, fs = signals_of(X)
        if reset:
            self._fs = fs
            self._takes_any_length = signals is not None and takes_lengths(self._module()[0])
        if signals is not None:
            self._check_rate(fs)
            if self._takes_any_length:
                return self._check_training_signals(signals, y, reset)
            X = stacked(signals, name)
        if not reset:
            X = self._match_dimensions(X)
        X, y = _validate_windows(
            self,
            X,
            y,
            reset=reset,
            dtype=np.float32,
            order="C",
            ensure_min_samples=2,
            **self._target_checks,
        )
        if X.ndim > 4 or 0 in X.shape:
            raise ValueError(
                f"X of {type(self).__name__} must be (n_windows, n_times), (n_windows, "
                "n_channels, n_times) or images (n_windows, n_channels, height, width), with at "
                f"least one of each. Got shape {X.shape}."
            )
        if reset:
            self._ndim = X.ndim
            self.n_channels_ = X.shape[1] if X.ndim > 2 else 1
            self.n_times_ = X.shape[2:] if X.ndim == 4 else X.shape[-1]
        else:
            self._check_n_times(X)
        return X, y

    def _check_training_signals(
        self, signals: list[np.ndarray], y: Labels, reset: bool
    ) -> tuple[np.ndarray | list[np.ndarray], np.ndarray]:
        signals = checked(signals, type(self).__name__)
        # One sample of each stands for it where scikit-learn looks at numbers of rows and channels.
        _, y = _validate_windows(
            self,
            np.stack([signal[:, :1] for signal in signals]),
            y,
            reset=reset,
            ensure_min_samples=2,
            **self._target_checks,
        )
        lengths = {signal.shape[-1] for signal in signals}
        if reset:
            self._ndim = 3
            self.n_channels_ = len(signals[0])
            self.n_times_ = min(lengths)
        return (np.stack(signals) if len(lengths) == 1 else signals), y

    def _check_rate(self, fs: float | None) -> None:
        if fs is not None and self._fs is not None and not same_rate(fs, self._fs):
            raise ValueError(
                f"{type(self).__name__} was fitted on signals of fs={self._fs:g} Hz, X has "
                f"fs={fs:g} Hz. Put Resampler(fs_out={self._fs:g}) before."
            )

    def _check_signals(self, X: Signals) -> SequenceDataset:
        """Signals of any length to predict."""
        signals, fs = signals_of(X)
        self._check_rate(fs)
        if signals is None:
            signals = list(_validate_windows(self, self._match_dimensions(X), reset=False))
        signals = checked(signals, type(self).__name__)
        if len(signals[0]) != self.n_channels_:
            raise ValueError(
                f"X has signals of {len(signals[0])} channel(s), but {type(self).__name__} was "
                f"fitted on {self.n_channels_} channel(s)."
            )
        return SequenceDataset(signals)

    def _check_input(self, X: Signals) -> torch.Tensor:
        """Windows of one length to predict, as a tensor with an axis for channels."""
        check_is_fitted(self, "net_")
        signals, fs = signals_of(X)
        if signals is not None:
            self._check_rate(fs)
            X = stacked(signals, type(self).__name__)
        X = self._match_dimensions(X)
        X = _validate_windows(self, X, reset=False, dtype=np.float32, order="C")
        self._check_n_times(X)
        return as_tensor(X[:, np.newaxis] if X.ndim == 2 else X)

    def _match_dimensions(self, X):
        """Take one-channel windows of two and of three dimensions for the same thing."""
        shape = getattr(X, "shape", None)
        if shape is None or len(shape) not in (2, 3) or hasattr(X, "nnz") or self._ndim == 4:
            return X
        n_channels = shape[1] if len(shape) == 3 else 1
        if self._ndim == 3 or len(shape) == 3:
            if n_channels != self.n_channels_:
                raise ValueError(
                    f"X has windows of {n_channels} channel(s), but {type(self).__name__} was "
                    f"fitted on {self.n_channels_} channel(s)."
                )
            if len(shape) != self._ndim:
                X = np.asarray(X)
                return X[:, np.newaxis] if len(shape) == 2 else X[:, 0]
        return X

    def _check_n_times(self, X: np.ndarray) -> None:
        n_times = X.shape[2:] if self._ndim == 4 else X.shape[-1]
        if X.ndim != self._ndim or (n_times != self.n_times_ and not self._takes_any_length):
            unit = "pixels" if self._ndim == 4 else "samples"
            raise ValueError(
                f"X of shape {X.shape} does not fit: {type(self).__name__} was fitted on windows "
                f"of {self.n_channels_} channel(s) and {self.n_times_} {unit}."
            )

    def _check_groups(
        self, groups: Any, y: np.ndarray
    ) -> tuple[np.ndarray | None, pd.Index | None]:
        """Code of the subject of each window, and the name of each code."""
        if groups is None:
            return None, None
        if getattr(groups, "ndim", 1) != 1:
            raise ValueError(
                f"groups of {type(self).__name__} must be one-dimensional: the subject of each "
                f"window. Got {groups.ndim} dimensions."
            )
        check_consistent_length(y, groups)
        subjects, names = pd.factorize(pd.Series(list(groups), dtype=object))
        if (subjects < 0).any():
            raise ValueError(
                f"groups of {type(self).__name__} must name a subject for every window. "
                f"{int((subjects < 0).sum())} of {len(subjects)} are missing."
            )
        return subjects, names

    # Prediction

    def _raw_output(self, X: Signals) -> np.ndarray:
        check_is_fitted(self, "net_")
        kind = torch.device(self.net_.device).type
        if self._takes_any_length:
            signals = self._check_signals(X)
            size = self._inference_batch(kind, int(signals.lengths.max()))
            return self.net_.raw_output(signals, size)
        return self.net_.raw_output(self._check_input(X), self._inference_batch(kind))

    def _inference_batch(self, device_type: str, n_times: int | None = None) -> int:
        """Windows per batch: enough to fill the device, few enough for its memory or cache."""
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
    """Labels outside, codes inside."""

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **_NetEstimator._parameter_constraints,
        "class_weight": [StrOptions({"balanced"}), dict, None],
    }
    _target_checks: ClassVar[dict[str, Any]] = {}
    _fitted: ClassVar[tuple[str, ...]] = (*_NetEstimator._fitted, "classes_", "_class_counts")

    def __init__(self, *, class_weight: str | dict[Any, float] | None, **training: Any) -> None:
        super().__init__(**training)
        self.class_weight = class_weight

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
                f"{np.unique(y[unknown]).tolist()}. It knows {self.classes_.tolist()}."
            )
        return codes, codes.astype(np.int64, copy=False)

    def _describe(self, codes):
        return f"class(es) {self.classes_[codes].tolist()}"

    def _count(self, y, go_on):
        counts = np.bincount(self._encode(y)[0], minlength=len(self.classes_))
        self._class_counts = counts + self._class_counts if go_on else counts

    def _net_settings(self):
        return {
            "net": ClassifierNet,
            "n_classes": len(self.classes_),
            "classes": np.arange(len(self.classes_)),
            "criterion": WeightedCrossEntropy,
            "criterion__weight": self._class_weights(),
            "predict_nonlinearity": _softmax,
        }

    def _class_weights(self) -> torch.Tensor | None:
        """Weight of each class, scaled so that the training windows weigh 1 on average."""
        if self.class_weight is None:
            return None
        if self.class_weight == "balanced":
            weights = 1 / np.maximum(self._class_counts, 1)
        else:
            weights = compute_class_weight(
                self.class_weight, classes=self.classes_, y=self.classes_
            )
        total = (weights * self._class_counts).sum()
        if not total > 0 or np.any(weights < 0):
            raise ValueError(
                f"The 'class_weight' parameter of {type(self).__name__} must give weights "
                f"of at least 0, not all of them 0. Got {self.class_weight!r}."
            )
        scaled = weights * self._class_counts.sum() / total
        return torch.tensor(scaled, dtype=torch.float32)

    def partial_fit(self, X: Signals, y: Labels, classes: Labels | None = None) -> Self:
        """Train for one epoch on these windows, going on from where the net is.

        There is no validation split. Sizes are those of the first call. Weights of
        ``class_weight="balanced"`` come from all the windows of the calls so far.

        Parameters
        ----------
        X : array-like of shape (n_windows, n_times) or (n_windows, n_channels, n_times)
            Windows, at least two.
        y : array-like of shape (n_windows,)
            Labels.
        classes : array-like of shape (n_classes,), default=None
            All labels that will ever come. Needed at the first call if `y` lacks some.

        Returns
        -------
        self : object
            The estimator.
        """
        return self._partial_fit(X, y, classes)

    def predict_proba(self, X: Signals) -> np.ndarray:
        """Probability of each class.

        Parameters
        ----------
        X : array-like of shape (n_windows, n_times) or (n_windows, n_channels, n_times)
            Windows, shaped like those of `fit`; after a fit on signals, a table or a list of
            them, of any length.

        Returns
        -------
        ndarray of shape (n_windows, n_classes)
            Softmax of the network's outputs, columns in the order of `classes_`.
        """
        return torch.from_numpy(self._raw_output(X)).double().softmax(dim=1).numpy()

    def predict(self, X: Signals) -> np.ndarray:
        """Most probable class.

        Parameters
        ----------
        X : array-like of shape (n_windows, n_times) or (n_windows, n_channels, n_times)
            Windows, shaped like those of `fit`; after a fit on signals, a table or a list of
            them, of any length.

        Returns
        -------
        ndarray of shape (n_windows,)
            Labels.
        """
        output = self._raw_output(X)
        return self.classes_[output.argmax(axis=1)]


@with_training_parameters()
class EMGClassifier(NetClassifier):
    """Train a PyTorch network as a scikit-learn classifier.

    The network is a plain ``torch.nn.Module`` that takes windows ``(batch, n_channels, n_times)``
    and gives raw logits ``(batch, n_classes)``. Its sizes are taken from the data at every `fit`.
    The loss is the cross entropy. A network may take images too: for `X` of four dimensions its
    ``n_times`` is the pair of height and width.

    Parameters
    ----------
    module : str, type or callable, default="ALSNet"
        The network: a class (or a function that gives a module) that accepts the keywords
        ``n_channels``, ``n_times`` and ``n_classes``, or the name of a network of
        :mod:`sklearn_emg.neural_network`.
    module_params : dict, default=None
        Its further settings. One of them is set, or searched by
        :class:`~sklearn.model_selection.GridSearchCV`, as ``module_params__n_units`` or, as in
        skorch, ``module__n_units``.
    class_weight : {"balanced"}, dict or None, default=None
        Weight of each class in the loss: "balanced" is inverse class frequency in the training
        windows, a dict maps labels to weights. Only the ratios matter.
    {training}

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels, sorted.
    net_ : skorch.NeuralNetClassifier
        The trained net; ``net_.module_`` is the module. It knows the classes by their codes.
    history_ : skorch.history.History
        One row per epoch: losses and accuracies of training and validation, learning rate,
        seconds. ``history_[:, "valid_loss"]`` is a learning curve. Rows for single batches are
        kept only where `callbacks` are given.
    n_channels_, n_times_ : int
        Sizes of the windows; of images, `n_times_` is the pair of height and width, of signals
        that differ in length it is the least.
    n_features_in_ : int
        Number of samples for 2-D `X`, of channels for 3-D `X`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, where `X` was a DataFrame.

    See Also
    --------
    EMGRegressor : The same for targets that are numbers.
    ALSNet : The default network.

    Notes
    -----
    Only ``device`` memory for a batch is used beside the module: the windows stay in one tensor on
    the CPU, which is `X` itself where that is contiguous float32.

    An interrupt (Ctrl-C) ends the training and keeps the best weights so far, as in skorch.

    The number of CPU threads is PyTorch's (``torch.set_num_threads``); beside other busy processes
    one thread is the fastest.

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

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **NetClassifier._parameter_constraints,
        "module": [str, callable],
        "module_params": [dict, None],
    }

    def __init__(
        self,
        module: str | Callable[..., nn.Module] = "ALSNet",
        *,
        module_params: dict[str, Any] | None = None,
        class_weight: str | dict[Any, float] | None = None,
        lr: float = 1e-3,
        max_epochs: int = 100,
        batch_size: int = 32,
        optimizer: str | type = "Adam",
        optimizer_params: dict[str, Any] | None = None,
        weight_decay: float = 0.0,
        validation_fraction: float | None = 0.2,
        validation: str | Sequence[Any] = "subjects",
        patience: int | None = 20,
        lr_patience: int | None = None,
        lr_factor: float = 0.1,
        evaluate_every: int | None = None,
        device: str = "auto",
        predict_batch_size: int | None = None,
        amp: bool = False,
        compile: bool = False,
        callbacks: Sequence[Any] | None = None,
        warm_start: bool = False,
        random_state: int | np.random.RandomState | None = None,
        verbose: int = 0,
    ) -> None:
        self.module = module
        self.module_params = module_params
        super().__init__(
            class_weight=class_weight,
            lr=lr,
            max_epochs=max_epochs,
            batch_size=batch_size,
            optimizer=optimizer,
            optimizer_params=optimizer_params,
            weight_decay=weight_decay,
            validation_fraction=validation_fraction,
            validation=validation,
            patience=patience,
            lr_patience=lr_patience,
            lr_factor=lr_factor,
            evaluate_every=evaluate_every,
            device=device,
            predict_batch_size=predict_batch_size,
            amp=amp,
            compile=compile,
            callbacks=callbacks,
            warm_start=warm_start,
            random_state=random_state,
            verbose=verbose,
        )

    def _module(self):
        return resolve_module(self.module, self.module_params, type(self).__name__)


@with_training_parameters()
class EMGRegressor(RegressorMixin, _NetEstimator):
    """Train a PyTorch network as a scikit-learn regressor.

    The network is one of those that :class:`EMGClassifier` takes; its ``n_classes`` outputs are
    the targets. They are standardised inside (mean and standard deviation of `y`), so that their
    unit does not matter, and the loss is the mean squared error of the standardised targets.

    Parameters
    ----------
    module : str, type or callable, default="ALSNet"
        The network, as in :class:`EMGClassifier`.
    module_params : dict, default=None
        Its further settings, as in :class:`EMGClassifier`.
    {training}

    Attributes
    ----------
    net_ : skorch.NeuralNetRegressor
        The trained net; ``net_.module_`` is the module. Its outputs are standardised.
    history_ : skorch.history.History
        One row per epoch, as in :class:`EMGClassifier`.
    target_mean_, target_scale_ : ndarray of shape (n_outputs,)
        What the targets were standardised with. A constant target has scale 1.
    n_channels_, n_times_ : int
        Sizes of the windows; of images, `n_times_` is the pair of height and width, of signals
        that differ in length it is the least.
    n_features_in_ : int
        Number of samples for 2-D `X`, of channels for 3-D `X`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, where `X` was a DataFrame.

    See Also
    --------
    EMGClassifier : The same for labels; its notes hold here too.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emg.neural_network import EMGRegressor
    >>> rng = np.random.default_rng(0)
    >>> force = rng.uniform(10, 100, size=80)
    >>> X = rng.normal(size=(80, 30)) * force[:, None] / 50
    >>> net = EMGRegressor(max_epochs=40, lr=0.01, random_state=0).fit(X, force)
    >>> bool(net.score(X, force) > 0.5)
    True
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **_NetEstimator._parameter_constraints,
        "module": [str, callable],
        "module_params": [dict, None],
    }
    _target_checks: ClassVar[dict[str, Any]] = {"multi_output": True, "y_numeric": True}
    _fitted: ClassVar[tuple[str, ...]] = (
        *_NetEstimator._fitted,
        "target_mean_",
        "target_scale_",
        "_target_ndim",
    )

    def __init__(
        self,
        module: str | Callable[..., nn.Module] = "ALSNet",
        *,
        module_params: dict[str, Any] | None = None,
        lr: float = 1e-3,
        max_epochs: int = 100,
        batch_size: int = 32,
        optimizer: str | type = "Adam",
        optimizer_params: dict[str, Any] | None = None,
        weight_decay: float = 0.0,
        validation_fraction: float | None = 0.2,
        validation: str | Sequence[Any] = "subjects",
        patience: int | None = 20,
        lr_patience: int | None = None,
        lr_factor: float = 0.1,
        evaluate_every: int | None = None,
        device: str = "auto",
        predict_batch_size: int | None = None,
        amp: bool = False,
        compile: bool = False,
        callbacks: Sequence[Any] | None = None,
        warm_start: bool = False,
        random_state: int | np.random.RandomState | None = None,
        verbose: int = 0,
    ) -> None:
        self.module = module
        self.module_params = module_params
        super().__init__(
            lr=lr,
            max_epochs=max_epochs,
            batch_size=batch_size,
            optimizer=optimizer,
            optimizer_params=optimizer_params,
            weight_decay=weight_decay,
            validation_fraction=validation_fraction,
            validation=validation,
            patience=patience,
            lr_patience=lr_patience,
            lr_factor=lr_factor,
            evaluate_every=evaluate_every,
            device=device,
            predict_batch_size=predict_batch_size,
            amp=amp,
            compile=compile,
            callbacks=callbacks,
            warm_start=warm_start,
            random_state=random_state,
            verbose=verbose,
        )

    def _module(self):
        return resolve_module(self.module, self.module_params, type(self).__name__)

    def _learn_target(self, y, classes=None):
        if y.dtype.kind not in "biuf":
            raise ValueError(
                f"y of {type(self).__name__} must be numbers. Got {y.dtype}. Use EMGClassifier for "
                "labels."
            )
        self._target_ndim = y.ndim
        y = y.reshape(len(y), -1)
        self.target_mean_ = y.mean(axis=0)
        scale = y.std(axis=0)
        self.target_scale_ = np.where(scale > 0, scale, 1.0)

    def _encode(self, y):
        n_outputs = len(self.target_mean_)
        if y.ndim != self._target_ndim or y.size != len(y) * n_outputs:
            raise ValueError(
                f"y has shape {y.shape}, but {type(self).__name__} was fitted on "
                f"{n_outputs} output(s)."
            )
        targets = (y.reshape(len(y), n_outputs) - self.target_mean_) / self.target_scale_
        return np.zeros(len(y), dtype=np.intp), targets.astype(np.float32)

    def _net_settings(self):
        return {
            "net": RegressorNet,
            "n_classes": len(self.target_mean_),
            "criterion": nn.MSELoss,
        }

    def partial_fit(self, X: Signals, y: Labels) -> Self:
        """Train for one epoch on these windows, going on from where the net is.

        There is no validation split. Sizes and scale of the target are those of the first call.

        Parameters
        ----------
        X : array-like of shape (n_windows, n_times) or (n_windows, n_channels, n_times)
            Windows, at least two.
        y : array-like of shape (n_windows,) or (n_windows, n_outputs)
            Targets.

        Returns
        -------
        self : object
            The estimator.
        """
        return self._partial_fit(X, y)

    def predict(self, X: Signals) -> np.ndarray:
        """Predicted targets.

        Parameters
        ----------
        X : array-like of shape (n_windows, n_times) or (n_windows, n_channels, n_times)
            Windows, shaped like those of `fit`; after a fit on signals, a table or a list of
            them, of any length.

        Returns
        -------
        ndarray of shape (n_windows,) or (n_windows, n_outputs)
            Targets in their own unit, shaped like the `y` of `fit`.
        """
        output = self._raw_output(X) * self.target_scale_ + self.target_mean_
        return output.ravel() if self._target_ndim == 1 else output

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


def _dataset(
    windows: np.ndarray | list[np.ndarray], targets: np.ndarray, rows: np.ndarray | None = None
) -> WindowDataset | SequenceDataset:
    if isinstance(windows, list):
        return SequenceDataset(windows, targets, rows)
    return WindowDataset(windows, targets, rows)


def _softmax(logits: torch.Tensor) -> torch.Tensor:
    return logits.softmax(dim=-1)


def resolve_module(
    module: str | Callable[..., nn.Module], params: dict[str, Any] | None, caller: str
) -> tuple[Callable[..., nn.Module], dict[str, Any]]:
    """Look up a network by name; refuse settings that it does not take."""
    if isinstance(module, str):
        if module not in NETWORKS:
            raise ValueError(
                f"The 'module' parameter of {caller} names no network of sklearn_emg: {module!r}. "
                f"{_near_miss(module, list(NETWORKS))}"
            )
        home = importlib.import_module(f"sklearn_emg.neural_network.{NETWORKS[module]}")
        module = getattr(home, module)
    if isinstance(module, nn.Module):
        raise TypeError(
            f"The 'module' parameter of {caller} must be a class or a function, since the sizes "
            f"are taken from the data. Got an instance of {type(module).__name__}."
        )
    params = dict(params or {})
    known = inspect.signature(module).parameters
    _check_arguments(module, known, params, caller)
    open_ended = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in known.values())
    settings = [name for name in known if name not in SIZES]
    for name in params:
        if name in SIZES:
            raise ValueError(
                f"The 'module_params' parameter of {caller} must not hold {name!r}: sizes are "
                "taken from the data at every fit."
            )
        if name not in known and not open_ended:
            raise ValueError(
                f"The 'module_params' parameter of {caller} holds {name!r}, which "
                f"{_name_of(module)} does not take. {_near_miss(name, settings)}"
            )
    return module, params


def _check_arguments(
    module: Callable[..., nn.Module],
    known: Mapping[str, inspect.Parameter],
    params: dict[str, Any],
    caller: str,
) -> None:
    """Refuse a module that does not take the sizes by name, or needs more than it is given."""
    kinds = {parameter.kind for parameter in known.values()}
    by_name = {n for n, p in known.items() if p.kind not in (p.POSITIONAL_ONLY, p.VAR_POSITIONAL)}
    lacking = [n for n in SIZES if n not in by_name]
    if inspect.Parameter.VAR_KEYWORD in kinds:
        lacking = []
    needed = [
        n
        for n, p in known.items()
        if p.default is p.empty
        and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
        and not (n in by_name and (n in SIZES or n in params))
    ]
    if not lacking and not needed:
        return
    found = [f"it does not take {', '.join(lacking)}"] if lacking else []
    found += [f"it needs {', '.join(needed)}"] if needed else []
    raise InvalidParameterError(
        f"The 'module' parameter of {caller} must be a class or a function that takes n_channels, "
        "n_times and n_classes by name and needs nothing else but what 'module_params' holds. "
        f"{_name_of(module)} does not fit: {' and '.join(found)}. Rename its arguments, or give a "
        "function with those three that builds it."
    )


def _name_of(module: Callable[..., nn.Module]) -> str:
    return getattr(module, "__name__", repr(module))


def check_output(
    module: nn.Module, windows: WindowDataset | SequenceDataset, n_outputs: int, caller: str
) -> None:
    """Refuse a module that does not give one row of outputs per window, before its training."""
    x, _ = windows.take(slice(0, 2))
    device = next((p.device for p in module.parameters()), torch.device("cpu"))
    batch, *lengths = x if isinstance(x, tuple) else (x,)
    name, shape = type(module).__name__, tuple(batch.shape)
    wanted = (
        f"It must take windows of shape (n_windows, n_channels, n_times), here {shape}, and give "
        f"outputs of shape (n_windows, n_classes), here {(len(batch), n_outputs)}."
    )
    was_training = module.training
    module.eval()
    try:
        with torch.no_grad(), torch.random.fork_rng():
            output = module(batch.to(device), *lengths)
    except torch.OutOfMemoryError:
        raise
    except (RuntimeError, TypeError, IndexError, ValueError) as error:
        raise ValueError(f"The module {name} of {caller} failed: {error}. {wanted}") from error
    finally:
        module.train(was_training)
    if not isinstance(output, torch.Tensor):
        raise ValueError(f"The module {name} of {caller} gave {type(output).__name__}. {wanted}")
    if output.shape != (len(batch), n_outputs):
        raise ValueError(
            f"The module {name} of {caller} gave an output of shape {tuple(output.shape)}. {wanted}"
        )


def resolve_optimizer(optimizer: str | type, caller: str) -> type[torch.optim.Optimizer]:
    """Look up an optimiser of ``torch.optim`` by name."""
    if isinstance(optimizer, str):
        names = [name for name in dir(torch.optim) if _is_optimizer(getattr(torch.optim, name))]
        if optimizer not in names:
            raise ValueError(
                f"The 'optimizer' parameter of {caller} names nothing in torch.optim: "
                f"{optimizer!r}. {_near_miss(optimizer, names)}"
            )
        return getattr(torch.optim, optimizer)
    if not _is_optimizer(optimizer):
        raise TypeError(
            f"The 'optimizer' parameter of {caller} must be a torch.optim.Optimizer class or the "
            f"name of one. Got {optimizer!r}."
        )
    return optimizer


def _is_optimizer(value: Any) -> bool:
    base = torch.optim.Optimizer
    return isinstance(value, type) and issubclass(value, base) and value is not base


def resolve_device(device: str, caller: str) -> torch.device:
    """Turn "auto" into a device; refuse one that is not there."""
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        resolved = torch.device(device)
    except RuntimeError as error:
        raise ValueError(
            f"The 'device' parameter of {caller} must be 'auto', 'cpu', 'cuda' or 'cuda:1' and "
            f"the like. Got {device!r} instead."
        ) from error
    n_devices = {
        "cpu": 1,
        "cuda": torch.cuda.device_count() if torch.cuda.is_available() else 0,
        "mps": int(torch.backends.mps.is_available()),
    }.get(resolved.type, 0)
    if (resolved.index or 0) >= n_devices:
        raise ValueError(
            f"The 'device' parameter of {caller} is {device!r}, but torch finds {n_devices} "
            f"{resolved.type.upper()} device(s). Use device='auto' or 'cpu'."
        )
    return resolved


def _near_miss(name: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(name.lower(), [k.lower() for k in known], n=1)
    if close:
        return f"Did you mean {next(k for k in known if k.lower() == close[0])!r}?"
    return f"There are {sorted(known)}."
