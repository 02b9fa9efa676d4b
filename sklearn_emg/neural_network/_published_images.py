"""Ready classifiers for the networks on spectrograms and other images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.utils import Tags

from sklearn_emg.neural_network._deepemgnet import DeepEMGNet
from sklearn_emg.neural_network._docs import with_training_parameters
from sklearn_emg.neural_network._image_network import ImageNetwork
from sklearn_emg.neural_network._published import _PublishedClassifier
from sklearn_emg.neural_network._spectroemgnet import SpectroEMGNet


class _SpectrumClassifier(_PublishedClassifier):
    """A classifier that sees amplitudes of frequencies only, unless it is given other images."""

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        # A window and its negative are the same to it. Of scikit-learn's three clouds of points,
        # of which it asks 0.83, mirror images overlap: without signs there is 0.65 to be had.
        tags.classifier_tags.poor_score = True
        return tags


@with_training_parameters(DeepEMGNet)
class DeepEMGNetClassifier(_SpectrumClassifier):
    """Network on spectrograms of Sengur et al. (2017).

    It takes raw windows, 2-D or 3-D `X`, or images, 4-D `X`. The training of the paper is not known
    here; the defaults are those of :class:`EMGClassifier`.

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
        The trained net; ``net_.module_`` is the :class:`DeepEMGNet`.
    history_ : skorch.history.History
        One row per epoch, as in :class:`EMGClassifier`.
    n_channels_, n_times_ : int
        Sizes of the windows; of images, `n_times_` is the pair of height and width.
    n_features_in_ : int
        Number of samples for 2-D `X`, of channels otherwise.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, where `X` was a DataFrame.

    See Also
    --------
    DeepEMGNet : The network alone, with its layers and source.
    EMGClassifier : Any network.

    Notes
    -----
    Published, ALS against normal: 96.69 % (sensitivity 94.24, specificity 97.59).

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emg.neural_network import DeepEMGNetClassifier
    >>> rng = np.random.default_rng(0)
    >>> y = np.repeat(["control", "patient"], 20)
    >>> X = rng.normal(size=(40, 60)) * np.where(y == "patient", 3, 1)[:, None]
    >>> net = DeepEMGNetClassifier(nperseg=16, max_epochs=20, lr=0.01, random_state=0)
    >>> bool(net.fit(X, y, groups=np.arange(40) // 4).score(X, y) > 0.9)
    True
    """

    _network = DeepEMGNet

    def __init__(
        self,
        *,
        nperseg: int = 128,
        hop: int | None = None,
        n_filters: int | Sequence[int] = (16, 32),
        kernel_size: int | Sequence[int] = 5,
        pool_size: int = 2,
        pooling: str = "max",
        batch_norm: bool = True,
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
        self.nperseg = nperseg
        self.hop = hop
        self.n_filters = n_filters
        self.kernel_size = kernel_size
        self.pool_size = pool_size
        self.pooling = pooling
        self.batch_norm = batch_norm
        self.dropout = dropout
        self.init = init


@with_training_parameters(SpectroEMGNet)
class SpectroEMGNetClassifier(_SpectrumClassifier):
    """Network with attention on spectrograms of Rahman et al. (2023).

    It takes raw windows, 2-D or 3-D `X`, or images, 4-D `X`. The training of the paper is not known
    here; the defaults are those of :class:`EMGClassifier`.

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
        The trained net; ``net_.module_`` is the :class:`SpectroEMGNet`.
    history_ : skorch.history.History
        One row per epoch, as in :class:`EMGClassifier`.
    n_channels_, n_times_ : int
        Sizes of the windows; of images, `n_times_` is the pair of height and width.
    n_features_in_ : int
        Number of samples for 2-D `X`, of channels otherwise.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, where `X` was a DataFrame.

    See Also
    --------
    SpectroEMGNet : The network alone, with its layers and source.
    EMGClassifier : Any network.

    Notes
    -----
    Published on N2001, three classes: 92 %. The split is not known here.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emg.neural_network import SpectroEMGNetClassifier
    >>> rng = np.random.default_rng(0)
    >>> y = np.repeat(["control", "patient"], 20)
    >>> X = rng.normal(size=(40, 60)) * np.where(y == "patient", 3, 1)[:, None]
    >>> net = SpectroEMGNetClassifier(nperseg=16, n_filters=(16,), lr=0.01, random_state=0)
    >>> bool(net.fit(X, y, groups=np.arange(40) // 4).score(X, y) > 0.9)
    True
    """

    _network = SpectroEMGNet

    def __init__(
        self,
        *,
        nperseg: int = 256,
        hop: int | None = None,
        delta_width: int = 9,
        n_filters: Sequence[int] = (32, 64, 128),
        kernel_size: int = 3,
        attention: str | None = "both",
        reduction: int = 8,
        spatial_kernel_size: int = 7,
        pool_size: int = 2,
        dropout: float = 0.3,
        init: str = "he_normal",
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
        self.nperseg = nperseg
        self.hop = hop
        self.delta_width = delta_width
        self.n_filters = n_filters
        self.kernel_size = kernel_size
        self.attention = attention
        self.reduction = reduction
        self.spatial_kernel_size = spatial_kernel_size
        self.pool_size = pool_size
        self.dropout = dropout
        self.init = init


@with_training_parameters(ImageNetwork, patience="None", evaluate_every="50")
class ImageNetworkClassifier(_SpectrumClassifier):
    """Networks for photographs on images of EMG, the baselines of Yoo et al. (2022).

    Behind :class:`sklearn_emg.feature_extraction.MelSpectrogram` a ResNet, VGG or Inception-v3 is
    the baseline of Nodera et al.; behind :class:`sklearn_emg.feature_extraction.WaveformImage`
    Inception-v4 is that of Nam et al. It takes their images, 4-D `X`, or raw windows, 2-D or 3-D
    `X`, of which it computes the spectrogram. The source says nothing of their training; the
    defaults are those of nEMGNet: Adam with learning rate 1e-3, batches of 32, 100 epochs, cross
    entropy weighted by inverse class frequency, the best weights kept every 50 updates.

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
        The trained net; ``net_.module_`` is the :class:`ImageNetwork`.
    history_ : skorch.history.History
        One row per epoch, as in :class:`EMGClassifier`.
    n_channels_, n_times_ : int
        Sizes of the windows; of images, `n_times_` is the pair of height and width.
    n_features_in_ : int
        Number of samples for 2-D `X`, of channels otherwise.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, where `X` was a DataFrame.

    Raises
    ------
    ImportError
        In `fit`, if timm is not installed: ``pip install "sklearn-emg[images]"``.

    See Also
    --------
    ImageNetwork : The network alone, with the published sizes and source.
    sklearn_emg.papers.nodera, sklearn_emg.papers.nam : The published pipelines.

    Notes
    -----
    Published accuracy of subjects, with the weights chosen on the test fold, so leaky: ResNet-50
    73.84 %, ResNet-152 75.61 %, VGG16 68.23 %, VGG19 72.32 %, Inception-v3 71.92 %, Inception-v4
    57.47 %.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn_emg.feature_extraction import MelSpectrogram
    >>> from sklearn_emg.neural_network import ImageNetworkClassifier
    >>> rng = np.random.default_rng(0)
    >>> y = np.repeat(["control", "patient"], 20)
    >>> X = rng.normal(size=(40, 400)) * np.where(y == "patient", 3, 1)[:, None]
    >>> images = MelSpectrogram(32, fs=1000.0, nperseg=128)
    >>> net = ImageNetworkClassifier(architecture="resnet50", max_epochs=2, random_state=0)
    >>> make_pipeline(images, net).fit(X, y).predict(X).shape  # doctest: +SKIP
    (40,)
    """

    _network = ImageNetwork

    def __init__(
        self,
        architecture: str = "resnet50",
        *,
        nperseg: int = 256,
        hop: int | None = None,
        resize: int | Sequence[int] | None = None,
        pretrained: bool = False,
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
        self.architecture = architecture
        self.nperseg = nperseg
        self.hop = hop
        self.resize = resize
        self.pretrained = pretrained
