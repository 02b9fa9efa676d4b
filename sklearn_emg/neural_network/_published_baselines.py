"""Ready classifiers for NeuroFusionNet and the networks it is compared with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sklearn_emg.neural_network._attention import AttentionNet
from sklearn_emg.neural_network._cnn1d import CNN1D
from sklearn_emg.neural_network._docs import with_training_parameters
from sklearn_emg.neural_network._neurofusionnet import NeuroFusionNet
from sklearn_emg.neural_network._patternnet import PatternNet
from sklearn_emg.neural_network._published import _PublishedClassifier
from sklearn_emg.neural_network._recurrent import RecurrentNet


@with_training_parameters(NeuroFusionNet, weight_decay="1e-4")
class NeuroFusionNetClassifier(_PublishedClassifier):
    """Convolutions, recurrent units, attention and a graph, trained by Algorithm 2 of the source.

    Adam, mini-batches, cross entropy, early stopping on a validation set. Each part can be switched
    off: ``GridSearchCV(NeuroFusionNetClassifier(), {"has_graph": [True, False], ...})`` is the
    ablation.

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
        The trained net; ``net_.module_`` is the :class:`NeuroFusionNet`.
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
    NeuroFusionNet : The network alone, with its layers and source.
    EMGClassifier : Any network.

    Notes
    -----
    The source names a regulariser, not which: dropout and a weight decay of 1e-4 are choices of
    this package. ``has_regulariser`` switches the dropout; ``weight_decay=0`` the rest.

    Published: accuracy 0.92, precision 0.94, recall 0.93, F1 0.93. The source names no data set, so
    that its figures cannot be compared with others.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emg.neural_network import NeuroFusionNetClassifier
    >>> rng = np.random.default_rng(0)
    >>> y = np.repeat(["control", "patient"], 20)
    >>> X = rng.normal(size=(40, 60)) * np.where(y == "patient", 3, 1)[:, None]
    >>> net = NeuroFusionNetClassifier(n_units=8, max_epochs=25, lr=0.01, random_state=0)
    >>> bool(net.fit(X, y, groups=np.arange(40) // 4).score(X, y) > 0.9)
    True
    """

    _network = NeuroFusionNet

    def __init__(
        self,
        *,
        has_cnn: bool = True,
        has_lstm: bool = True,
        has_gru: bool = True,
        has_attention: bool = True,
        has_graph: bool = True,
        has_regulariser: bool = True,
        n_filters: Sequence[int] = (32, 64),
        kernel_size: int = 9,
        pool_size: int = 4,
        pooling: str = "max",
        n_units: int = 64,
        n_heads: int = 4,
        n_nodes: int = 8,
        n_node_units: int = 8,
        dropout: float = 0.3,
        init: str = "torch",
        class_weight: str | dict[Any, float] | None = None,
        lr: float = 1e-3,
        max_epochs: int = 100,
        batch_size: int = 32,
        optimizer: str | type = "Adam",
        optimizer_params: dict[str, Any] | None = None,
        weight_decay: float = 1e-4,
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
        self.has_cnn = has_cnn
        self.has_lstm = has_lstm
        self.has_gru = has_gru
        self.has_attention = has_attention
        self.has_graph = has_graph
        self.has_regulariser = has_regulariser
        self.n_filters = n_filters
        self.kernel_size = kernel_size
        self.pool_size = pool_size
        self.pooling = pooling
        self.n_units = n_units
        self.n_heads = n_heads
        self.n_nodes = n_nodes
        self.n_node_units = n_node_units
        self.dropout = dropout
        self.init = init


@with_training_parameters(CNN1D)
class CNN1DClassifier(_PublishedClassifier):
    """Plain convolutional network, trained by Algorithm 2 of NeuroFusionNet's source.

    Adam, mini-batches, cross entropy, early stopping on a validation set.

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
        The trained net; ``net_.module_`` is the :class:`CNN1D`.
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
    CNN1D : The network alone, with its layers and source.
    EMGClassifier : Any network.

    Notes
    -----
    Published: accuracy 92.5 %. The source names no data set, so that its figures cannot be compared
    with others.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emg.neural_network import CNN1DClassifier
    >>> rng = np.random.default_rng(0)
    >>> y = np.repeat(["control", "patient"], 20)
    >>> X = rng.normal(size=(40, 60)) * np.where(y == "patient", 3, 1)[:, None]
    >>> net = CNN1DClassifier(n_filters=(8, 8), max_epochs=20, lr=0.01, random_state=0)
    >>> bool(net.fit(X, y, groups=np.arange(40) // 4).score(X, y) > 0.9)
    True
    """

    _network = CNN1D

    def __init__(
        self,
        *,
        n_filters: Sequence[int] = (32, 64),
        kernel_size: int = 9,
        pool_size: int = 4,
        pooling: str = "max",
        batch_norm: bool = False,
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
        self.pool_size = pool_size
        self.pooling = pooling
        self.batch_norm = batch_norm
        self.n_hidden = n_hidden
        self.dropout = dropout
        self.init = init


@with_training_parameters(RecurrentNet)
class RecurrentNetClassifier(_PublishedClassifier):
    """Plain recurrent units, LSTM or GRU, trained by Algorithm 2 of NeuroFusionNet's source.

    Adam, mini-batches, cross entropy, early stopping on a validation set. ``cell`` chooses among
    the three.

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
        The trained net; ``net_.module_`` is the :class:`RecurrentNet`.
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
    RecurrentNet : The network alone, with its layers and source.
    EMGClassifier : Any network.

    Notes
    -----
    Published: accuracy 91.2 % (RNN), 93.8 % (LSTM), 92.1 % (GRU). The source names no data set, so
    that its figures cannot be compared with others.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emg.neural_network import RecurrentNetClassifier
    >>> rng = np.random.default_rng(0)
    >>> y = np.repeat(["control", "patient"], 20)
    >>> X = rng.normal(size=(40, 60)) * np.where(y == "patient", 3, 1)[:, None]
    >>> net = RecurrentNetClassifier(cell="gru", n_units=16, max_epochs=40, lr=0.02, random_state=0)
    >>> bool(net.fit(X, y, groups=np.arange(40) // 4).score(X, y) > 0.9)
    True
    """

    _network = RecurrentNet

    def __init__(
        self,
        cell: str = "lstm",
        *,
        n_units: int = 64,
        n_layers: int = 1,
        bidirectional: bool = False,
        frame: int = 10,
        readout: str = "last",
        dropout: float = 0.0,
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
        self.cell = cell
        self.n_units = n_units
        self.n_layers = n_layers
        self.bidirectional = bidirectional
        self.frame = frame
        self.readout = readout
        self.dropout = dropout


@with_training_parameters(AttentionNet)
class AttentionNetClassifier(_PublishedClassifier):
    """Self-attention over frames, trained by Algorithm 2 of NeuroFusionNet's source.

    Adam, mini-batches, cross entropy, early stopping on a validation set.

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
        The trained net; ``net_.module_`` is the :class:`AttentionNet`.
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
    AttentionNet : The network alone, with its layers and source.
    EMGClassifier : Any network.

    Notes
    -----
    Published: accuracy 94.5 %. The source names no data set, so that its figures cannot be compared
    with others.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emg.neural_network import AttentionNetClassifier
    >>> rng = np.random.default_rng(0)
    >>> y = np.repeat(["control", "patient"], 20)
    >>> X = rng.normal(size=(40, 60)) * np.where(y == "patient", 3, 1)[:, None]
    >>> net = AttentionNetClassifier(n_units=16, n_layers=1, max_epochs=40, lr=0.01, random_state=0)
    >>> bool(net.fit(X, y, groups=np.arange(40) // 4).score(X, y) > 0.9)
    True
    """

    _network = AttentionNet

    def __init__(
        self,
        *,
        n_units: int = 64,
        n_heads: int = 4,
        n_layers: int = 2,
        n_hidden: int = 128,
        frame: int = 10,
        dropout: float = 0.1,
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
        self.n_units = n_units
        self.n_heads = n_heads
        self.n_layers = n_layers
        self.n_hidden = n_hidden
        self.frame = frame
        self.dropout = dropout


@with_training_parameters(PatternNet, lr="1e-2", max_epochs="200")
class PatternNetClassifier(_PublishedClassifier):
    """Dense network on features (a multilayer perceptron).

    Takes the features of any extractor of this package, in a pipeline. The sources say nothing of
    the training; the learning rate suits a network that small.

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
        The trained net; ``net_.module_`` is the :class:`PatternNet`.
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
    PatternNet : The network alone, with its layers and source.
    EMGClassifier : Any network.

    Notes
    -----
    Published: 86.3 % (Elamvazuthi et al., autoregressive, RMS, ZC, WL and MAV features), 85 %
    (Ahmed and Islam, eleven features), 72 % (Patel and Sunitha, twelve features); see
    ``sklearn_emg.papers``.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn_emg.feature_extraction import TimeDomainFeatures
    >>> from sklearn_emg.neural_network import PatternNetClassifier
    >>> rng = np.random.default_rng(0)
    >>> y = np.repeat(["control", "patient"], 20)
    >>> X = rng.normal(size=(40, 60)) * np.where(y == "patient", 3, 1)[:, None]
    >>> net = make_pipeline(TimeDomainFeatures(), PatternNetClassifier(random_state=0))
    >>> bool(net.fit(X, y).score(X, y) > 0.9)
    True
    """

    _network = PatternNet

    def __init__(
        self,
        n_hidden: int | Sequence[int] = 10,
        *,
        activation: str = "tanh",
        batch_norm: bool = True,
        dropout: float = 0.0,
        init: str = "xavier_uniform",
        class_weight: str | dict[Any, float] | None = None,
        lr: float = 1e-2,
        max_epochs: int = 200,
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
        self.n_hidden = n_hidden
        self.activation = activation
        self.batch_norm = batch_norm
        self.dropout = dropout
        self.init = init
