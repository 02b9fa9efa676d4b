"""One classifier per published network: its settings beside those of the training."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np
from torch import nn

from sklearn_emg.neural_network._alsnet import ALSNet
from sklearn_emg.neural_network._dilated_cnn import DilatedCNN
from sklearn_emg.neural_network._docs import with_training_parameters
from sklearn_emg.neural_network._estimators import SIZES, NetClassifier
from sklearn_emg.neural_network._nemgnet import NEMGNet
from sklearn_emg.neural_network._stacked_lstm import StackedLSTM


class _PublishedClassifier(NetClassifier):
    """A classifier whose parameters hold those of the module ``_network`` under the same names.

    The module checks its own settings when it is built in `fit`.
    """

    _network: ClassVar[type[nn.Module]]

    def _module(self) -> tuple[Callable[..., nn.Module], dict[str, Any]]:
        names = inspect.signature(self._network).parameters
        return self._network, {name: getattr(self, name) for name in names if name not in SIZES}


@with_training_parameters(ALSNet)
class ALSNetClassifier(_PublishedClassifier):
    """Compact dilated network of Hassan et al. (2022).

    The first thing to try on raw windows: small, quick, for any length of window. The paper says
    nothing of its training; the defaults are those of :class:`EMGClassifier`.

    Parameters
    ----------
    {network}
    class_weight : {"balanced"}, dict or None, default=None
        Weight of each class in the loss: "balanced" is inverse class frequency in the training
        windows, a dict maps labels to weights. Only the ratios matter.
    {training}

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels, sorted.
    net_ : skorch.NeuralNetClassifier
        The trained net; ``net_.module_`` is the :class:`ALSNet`.
    history_ : skorch.history.History
        One row per epoch, as in :class:`EMGClassifier`.
    n_channels_, n_times_ : int
        Sizes of the windows.
    n_features_in_ : int
        Number of samples for 2-D `X`, of channels for 3-D `X`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, where `X` was a DataFrame.

    See Also
    --------
    ALSNet : The network alone, with its layers and source.
    EMGClassifier : Any network.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emg.neural_network import ALSNetClassifier
    >>> rng = np.random.default_rng(0)
    >>> y = np.repeat(["control", "patient"], 20)
    >>> X = rng.normal(size=(40, 60)) * np.where(y == "patient", 3, 1)[:, None]
    >>> net = ALSNetClassifier(max_epochs=20, lr=0.01, random_state=0)
    >>> bool(net.fit(X, y, groups=np.arange(40) // 4).score(X, y) > 0.9)
    True
    """

    _network = ALSNet

    def __init__(
        self,
        *,
        n_filters: int | Sequence[int] = (16, 16, 32),
        kernel_size: int | Sequence[int] = 9,
        dilations: Sequence[int] = (1, 2, 3),
        stride: int | Sequence[int] = 1,
        padding: str = "same",
        n_hidden: int = 64,
        dropout: float = 0.0,
        init: str = "torch",
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
        self.n_filters = n_filters
        self.kernel_size = kernel_size
        self.dilations = dilations
        self.stride = stride
        self.padding = padding
        self.n_hidden = n_hidden
        self.dropout = dropout
        self.init = init


@with_training_parameters(
    DilatedCNN, batch_size="16", weight_decay="2e-4", patience="25", lr_patience="6"
)
class DilatedCNNClassifier(_PublishedClassifier):
    """Dilated network of Loubar and Toubal (2023), trained as they did.

    Adam with learning rate 1e-3, times 0.1 after 6 epochs without a lower validation loss; at most
    100 epochs, stopped after 25 without one (20 for myopathy against normal: ``patience=20``);
    batches of 16 (32 there: ``batch_size=32``).

    Parameters
    ----------
    {network}
    class_weight : {"balanced"}, dict or None, default=None
        Weight of each class in the loss: "balanced" is inverse class frequency in the training
        windows, a dict maps labels to weights. Only the ratios matter.
    {training}

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels, sorted.
    net_ : skorch.NeuralNetClassifier
        The trained net; ``net_.module_`` is the :class:`DilatedCNN`.
    history_ : skorch.history.History
        One row per epoch, as in :class:`EMGClassifier`.
    n_channels_, n_times_ : int
        Sizes of the windows.
    n_features_in_ : int
        Number of samples for 2-D `X`, of channels for 3-D `X`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, where `X` was a DataFrame.

    See Also
    --------
    DilatedCNN : The network alone, with its layers and source.
    EMGClassifier : Any network.

    Notes
    -----
    The strength of the L2 penalty is left open in the source: 2e-4 here, which is ``l2(1e-4)`` in
    Keras. It acts on the dense layers too, there on the convolutions only.

    Published: ALS, myopathy and normal on N2001, subject-independent, six runs, 71.89 % of windows
    (56.33-80.59). The 99.85 % of the same source come from random windows, with the same subject
    on both sides of the split.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emg.neural_network import DilatedCNNClassifier
    >>> rng = np.random.default_rng(0)
    >>> y = np.repeat(["control", "patient"], 20)
    >>> X = rng.normal(size=(40, 60)) * np.where(y == "patient", 3, 1)[:, None]
    >>> net = DilatedCNNClassifier(n_filters=8, max_epochs=20, lr=0.01, random_state=0)
    >>> bool(net.fit(X, y, groups=np.arange(40) // 4).score(X, y) > 0.9)
    True
    """

    _network = DilatedCNN

    def __init__(
        self,
        *,
        n_filters: int | Sequence[int] = (16, 32, 64, 128),
        kernel_size: int | Sequence[int] = 9,
        dilations: Sequence[int] = (1, 2, 3, 4),
        stride: int | Sequence[int] = 1,
        padding: str = "same",
        n_hidden: int = 128,
        dropout: float = 0.1,
        init: str = "he_normal",
        class_weight: str | dict[Any, float] | None = None,
        lr: float = 1e-3,
        max_epochs: int = 100,
        batch_size: int = 16,
        optimizer: str | type = "Adam",
        optimizer_params: dict[str, Any] | None = None,
        weight_decay: float = 2e-4,
        validation_fraction: float | None = 0.2,
        validation: str | Sequence[Any] = "subjects",
        patience: int | None = 25,
        lr_patience: int | None = 6,
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
        self.n_filters = n_filters
        self.kernel_size = kernel_size
        self.dilations = dilations
        self.stride = stride
        self.padding = padding
        self.n_hidden = n_hidden
        self.dropout = dropout
        self.init = init


@with_training_parameters(NEMGNet, patience="None", evaluate_every="50")
class NEMGNetClassifier(_PublishedClassifier):
    """nEMGNet of Yoo et al. (2022), trained as they did, but validated on subjects.

    Adam with learning rate 1e-3, batches of 32, 100 epochs, cross entropy weighted by inverse class
    frequency; the weights are evaluated every 50 updates and the best kept. The paper evaluated
    them on the test fold; here it is done on subjects held out of the training set (give `fit` the
    `groups`), and no test data is seen.

    Parameters
    ----------
    {network}
    class_weight : {"balanced"}, dict or None, default="balanced"
        Weight of each class in the loss: "balanced" is inverse class frequency in the training
        windows, a dict maps labels to weights. Only the ratios matter.
    {training}

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels, sorted.
    net_ : skorch.NeuralNetClassifier
        The trained net; ``net_.module_`` is the :class:`NEMGNet`.
    history_ : skorch.history.History
        One row per epoch, as in :class:`EMGClassifier`.
    n_channels_, n_times_ : int
        Sizes of the windows.
    n_features_in_ : int
        Number of samples for 2-D `X`, of channels for 3-D `X`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, where `X` was a DataFrame.

    See Also
    --------
    NEMGNet : The network alone, with its layers and source.
    EMGClassifier : Any network.

    Notes
    -----
    The paper used windows of 0.4 s at 10 kHz in millivolts, without normalisation: 4000 samples,
    for which variant B holds 33,238,686 numbers. Published, weights chosen on the test fold: B
    62.35 % of windows; 83.69 % of subjects by DiVote with feature-PD.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emg.neural_network import NEMGNetClassifier
    >>> rng = np.random.default_rng(0)
    >>> y = np.repeat(["control", "patient"], 16)
    >>> X = rng.normal(size=(32, 1003)) * np.where(y == "patient", 3, 1)[:, None]
    >>> tiny = {"variant": "A", "n_filters": (4, 4, 8, 8, 8), "n_hidden": (8,)}
    >>> net = NEMGNetClassifier(**tiny, max_epochs=15, lr=0.01, random_state=0)
    >>> bool(net.fit(X, y, groups=np.arange(32) // 4).score(X, y) > 0.9)
    True
    """

    _network = NEMGNet

    def __init__(
        self,
        variant: str = "B",
        *,
        n_filters: Sequence[int] = (64, 128, 256, 512, 1024),
        n_hidden: Sequence[int] = (512, 256, 64, 16),
        stride: int = 2,
        pool_size: int = 2,
        dropout: float = 0.0,
        init: str = "torch",
        class_weight: str | dict[Any, float] | None = "balanced",
        lr: float = 1e-3,
        max_epochs: int = 100,
        batch_size: int = 32,
        optimizer: str | type = "Adam",
        optimizer_params: dict[str, Any] | None = None,
        weight_decay: float = 0.0,
        validation_fraction: float | None = 0.2,
        validation: str | Sequence[Any] = "subjects",
        patience: int | None = None,
        lr_patience: int | None = None,
        lr_factor: float = 0.1,
        evaluate_every: int | None = 50,
        device: str = "auto",
        predict_batch_size: int | None = None,
        amp: bool = False,
        compile: bool = False,
        callbacks: Sequence[Any] | None = None,
        warm_start: bool = False,
        random_state: int | np.random.RandomState | None = None,
        verbose: int = 0,
    ) -> None:
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
        self.variant = variant
        self.n_filters = n_filters
        self.n_hidden = n_hidden
        self.stride = stride
        self.pool_size = pool_size
        self.dropout = dropout
        self.init = init


@with_training_parameters(StackedLSTM, max_epochs="60", patience="None")
class StackedLSTMClassifier(_PublishedClassifier):
    """Stacked LSTM of Loubar and Toubal (2023), trained as they did.

    Adam with learning rate 1e-3, 60 epochs, batches of 32.

    Parameters
    ----------
    {network}
    class_weight : {"balanced"}, dict or None, default=None
        Weight of each class in the loss: "balanced" is inverse class frequency in the training
        windows, a dict maps labels to weights. Only the ratios matter.
    {training}

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels, sorted.
    net_ : skorch.NeuralNetClassifier
        The trained net; ``net_.module_`` is the :class:`StackedLSTM`.
    history_ : skorch.history.History
        One row per epoch, as in :class:`EMGClassifier`.
    n_channels_, n_times_ : int
        Sizes of the windows.
    n_features_in_ : int
        Number of samples for 2-D `X`, of channels for 3-D `X`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, where `X` was a DataFrame.

    See Also
    --------
    StackedLSTM : The network alone, with its layers and source.
    EMGClassifier : Any network.

    Notes
    -----
    The source has no validation for this network. Here the weights with the lowest validation loss
    are kept; ``validation_fraction=None`` keeps the last.

    Published on N2001: 64.86 % of windows after unfinished training, by a random split of windows
    with the same subject on both sides.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emg.neural_network import StackedLSTMClassifier
    >>> rng = np.random.default_rng(0)
    >>> y = np.repeat(["control", "patient"], 20)
    >>> X = rng.normal(size=(40, 60)) * np.where(y == "patient", 3, 1)[:, None]
    >>> net = StackedLSTMClassifier(n_units=8, n_layers=1, max_epochs=40, lr=0.02, random_state=0)
    >>> bool(net.fit(X, y, groups=np.arange(40) // 4).score(X, y) > 0.9)
    True
    """

    _network = StackedLSTM

    def __init__(
        self,
        *,
        n_units: int = 128,
        n_layers: int = 3,
        dropout: float = 0.0,
        init: str = "keras",
        class_weight: str | dict[Any, float] | None = None,
        lr: float = 1e-3,
        max_epochs: int = 60,
        batch_size: int = 32,
        optimizer: str | type = "Adam",
        optimizer_params: dict[str, Any] | None = None,
        weight_decay: float = 0.0,
        validation_fraction: float | None = 0.2,
        validation: str | Sequence[Any] = "subjects",
        patience: int | None = None,
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
        self.n_units = n_units
        self.n_layers = n_layers
        self.dropout = dropout
        self.init = init
