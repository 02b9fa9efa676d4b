"""Ready classifier that first trains an autoencoder."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import torch

from sklearn_emg._sklearn import Integral, Interval
from sklearn_emg.neural_network._autoencoder import AutoencoderNet, ConvAutoencoder
from sklearn_emg.neural_network._batches import BatchIterator, WindowDataset
from sklearn_emg.neural_network._docs import with_training_parameters
from sklearn_emg.neural_network._estimators import resolve_device
from sklearn_emg.neural_network._published import _PublishedClassifier


@with_training_parameters(AutoencoderNet)
class AutoencoderNetClassifier(_PublishedClassifier):
    """Encoder trained to restore the windows, then with a classifier on its code.

    First :class:`ConvAutoencoder` learns to restore the training windows, without their labels, on
    the mean squared error. Then its encoder, with new dense layers, is trained as a classifier by
    Algorithm 2 of NeuroFusionNet's source: Adam, mini-batches, cross entropy, early stopping on a
    validation set. Validation windows are seen by neither.

    Parameters
    ----------
    {network}
    pretrain_epochs : int, default=20
        Passes over the training windows in which the autoencoder learns; 0 is none.
    freezes_encoder : bool, default=False
        Whether the encoder stays as the autoencoder has learned it, so that only the dense layers
        behind the code are trained with the labels.
    class_weight : {"balanced"}, dict or None, default=None
        Weight of each class in the loss: "balanced" is inverse class frequency in the training
        windows, a dict maps labels to weights. Only the ratios matter.
    {training}

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels, sorted.
    net_ : skorch.NeuralNetClassifier
        The trained net; ``net_.module_`` is the :class:`AutoencoderNet`.
    history_ : skorch.history.History
        One row per epoch, as in :class:`EMGClassifier`.
    reconstruction_loss_ : ndarray of shape (pretrain_epochs,)
        Mean squared error of the restored training windows, in mV^2, over each pass of the
        autoencoder.
    n_channels_, n_times_ : int
        Sizes of the windows.
    n_features_in_ : int
        Number of samples for 2-D `X`, of channels for 3-D `X`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, where `X` was a DataFrame.

    See Also
    --------
    ConvAutoencoder : The autoencoder alone.
    TransferClassifier : Pretrains with labels, on another cohort.
    AutoencoderNet : The network alone, with its layers and source.
    EMGClassifier : Any network.

    Notes
    -----
    Published: accuracy 90.6 %. The source names no data set, so that its figures cannot be compared
    with others.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emg.neural_network import AutoencoderNetClassifier
    >>> rng = np.random.default_rng(0)
    >>> y = np.repeat(["control", "patient"], 20)
    >>> period = np.where(y == "patient", 8, 20)[:, None]
    >>> X = np.sin(6.28 * (np.arange(60) / period + rng.uniform(size=(40, 1))))
    >>> net = AutoencoderNetClassifier(max_epochs=20, lr=0.01, random_state=0)
    >>> bool(net.fit(X, y, groups=np.arange(40) // 4).score(X, y) > 0.9)
    True
    """

    _network = AutoencoderNet
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **_PublishedClassifier._parameter_constraints,
        "pretrain_epochs": [Interval(Integral, 0, None, closed="left")],
        "freezes_encoder": ["boolean"],
    }
    _fitted: ClassVar[tuple[str, ...]] = (*_PublishedClassifier._fitted, "reconstruction_loss_")

    def __init__(
        self,
        *,
        n_filters: Sequence[int] = (16, 32),
        kernel_size: int = 9,
        stride: int = 4,
        n_code: int = 32,
        n_hidden: int = 32,
        dropout: float = 0.0,
        init: str = "torch",
        pretrain_epochs: int = 20,
        freezes_encoder: bool = False,
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
        self.stride = stride
        self.n_code = n_code
        self.n_hidden = n_hidden
        self.dropout = dropout
        self.init = init
        self.pretrain_epochs = pretrain_epochs
        self.freezes_encoder = freezes_encoder

    def _new_module(self, net, train, start):
        module: Any = super()._new_module(net, train, None)
        settings = net.get_params_for("module")
        autoencoder, self.reconstruction_loss_ = self._train_autoencoder(train, settings)
        if self.pretrain_epochs:
            module.encoder.load_state_dict(autoencoder.encoder.state_dict())
        module.encoder.requires_grad_(not self.freezes_encoder)
        if start is not None:
            start(module)
        return module

    def _train_autoencoder(
        self, train: WindowDataset, settings: dict[str, Any]
    ) -> tuple[ConvAutoencoder, np.ndarray]:
        """Give an autoencoder trained on these windows, and the loss of each pass."""
        known = inspect.signature(ConvAutoencoder).parameters
        autoencoder = ConvAutoencoder(**{k: v for k, v in settings.items() if k in known})
        device = resolve_device(self.device, type(self).__name__)
        autoencoder.to(device)
        optimizer = torch.optim.Adam(autoencoder.parameters(), lr=self.lr)
        seed = int(torch.randint(2**31 - 1, ()))
        batches = BatchIterator(train, self.batch_size, shuffle=True, seed=seed)
        losses = []
        for _ in range(self.pretrain_epochs):
            total = torch.zeros((), device=device)
            for windows, _targets in batches:
                windows = windows.to(device)
                optimizer.zero_grad()
                loss = (autoencoder(windows) - windows).square().mean()
                loss.backward()
                optimizer.step()
                total += loss.detach() * len(windows)
            losses.append(total.item() / len(train))
            if not np.isfinite(losses[-1]):
                raise ValueError(
                    f"The autoencoder of {type(self).__name__} diverged: the loss of pass "
                    f"{len(losses)} is {losses[-1]}. Lower 'lr', or scale the input."
                )
        return autoencoder, np.array(losses)
