"""Ready classifiers: one per network, with the training of its paper as defaults.

Each is a docstring of what the paper did, the defaults that differ, and an example; the decorator
`trains` gives it the parameters of the network and of training. ``doc/stubs.py`` writes their
signatures into ``_classifiers.pyi`` for type checkers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import torch
from sklearn.utils import Tags
from torch import nn

from sklearn_emg._sklearn import Integral, Interval
from sklearn_emg.neural_network._estimators import NetClassifier
from sklearn_emg.neural_network._modules._alsnet import ALSNet
from sklearn_emg.neural_network._modules._attention import AttentionNet
from sklearn_emg.neural_network._modules._autoencoder import AutoencoderNet
from sklearn_emg.neural_network._modules._cnn1d import CNN1D
from sklearn_emg.neural_network._modules._deepemgnet import DeepEMGNet
from sklearn_emg.neural_network._modules._dilated_cnn import DilatedCNN
from sklearn_emg.neural_network._modules._image_network import ImageNetwork
from sklearn_emg.neural_network._modules._nemgnet import NEMGNet
from sklearn_emg.neural_network._modules._neurofusionnet import NeuroFusionNet
from sklearn_emg.neural_network._modules._patternnet import PatternNet
from sklearn_emg.neural_network._modules._recurrent import RecurrentNet
from sklearn_emg.neural_network._modules._spectroemgnet import SpectroEMGNet
from sklearn_emg.neural_network._modules._stacked_lstm import StackedLSTM
from sklearn_emg.neural_network._parameters import Entry, network_settings, trains
from sklearn_emg.neural_network._pretraining import train_autoencoder


class ReadyClassifier(NetClassifier):
    """A classifier whose parameters hold those of the module ``_network`` under the same names.

    The module checks its own settings when it is built in `fit`.
    """

    _network: ClassVar[type[nn.Module]]

    def _module(self) -> tuple[Callable[..., nn.Module], dict[str, Any]]:
        names = [setting.name for setting in network_settings(self._network)]
        return self._network, {name: getattr(self, name) for name in names}


class SpectrumClassifier(ReadyClassifier):
    """A classifier of spectral amplitudes, unless it is given other images."""

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        # A window and its negative have the same spectrum. In scikit-learn's check, which requires
        # 0.83 on three clusters, mirror images overlap: without signs at most 0.65 is possible.
        tags.classifier_tags.poor_score = True
        return tags


@trains(ALSNet)
class ALSNetClassifier(ReadyClassifier):
    """Compact dilated network of Hassan et al. (2022).

    A good first choice for raw windows, since it is small and fast and takes windows of any length.
    The paper does not describe the training; the defaults are those of :class:`EMGClassifier`.

    Parameters
    ----------
    {parameters}

    Attributes
    ----------
    {attributes}

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


@trains(DilatedCNN, batch_size=16, weight_decay=2e-4, patience=25, lr_patience=6)
class DilatedCNNClassifier(ReadyClassifier):
    """Dilated network of Loubar and Toubal (2023), trained as in the source.

    The optimiser is Adam with learning rate 1e-3, multiplied by 0.1 after 6 epochs without a lower
    validation loss. Training takes at most 100 epochs and stops after 25 without a lower loss (for
    myopathy against normal after 20: ``patience=20``). Batches have 16 windows (there 32:
    ``batch_size=32``).

    Parameters
    ----------
    {parameters}

    Attributes
    ----------
    {attributes}

    See Also
    --------
    DilatedCNN : The network alone, with its layers and source.
    EMGClassifier : Any network.

    Notes
    -----
    The source does not state the strength of the L2 penalty. Here it is 2e-4, which is ``l2(1e-4)``
    in Keras, and also acts on the dense layers; in the source it acts on the convolutions only.

    Published: ALS, myopathy and normal on N2001, subject-independent, six runs, 71.89 % of windows
    (56.33-80.59). The 99.85 % of the same source is leaky: it comes from random windows, with the
    same subjects on both sides of the split.

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


@trains(NEMGNet, class_weight="balanced", patience=None, keep_best="accuracy", evaluate_every=50)
class NEMGNetClassifier(ReadyClassifier):
    """nEMGNet of Yoo et al. (2022), trained as in the source, but validated on subjects.

    Training uses Adam with learning rate 1e-3, batches of 32, 100 epochs and the cross entropy
    weighted by inverse class frequency; the weights are evaluated every 50 updates, and those with
    the best accuracy are kept, of equal ones those with the lower loss. The paper evaluated them
    on the test fold. Here they are evaluated on subjects held out of the training set (give `fit`
    the `groups`), and no test data are used.

    Parameters
    ----------
    {parameters}

    Attributes
    ----------
    {attributes}

    See Also
    --------
    NEMGNet : The network alone, with its layers and source.
    EMGClassifier : Any network.

    Notes
    -----
    The paper used windows of 0.4 s at 10 kHz in millivolts, without normalisation: 4000 samples,
    for which variant B has 33,238,686 parameters and buffers. Published, weights chosen on the test
    fold: B 62.35 % of windows; 83.69 % of subjects by DiVote with feature-PD.

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


@trains(StackedLSTM, max_epochs=60, patience=None)
class StackedLSTMClassifier(ReadyClassifier):
    """Stacked LSTM of Loubar and Toubal (2023), trained as in the source.

    Training uses Adam with learning rate 1e-3, 60 epochs and batches of 32.

    Parameters
    ----------
    {parameters}

    Attributes
    ----------
    {attributes}

    See Also
    --------
    StackedLSTM : The network alone, with its layers and source.
    EMGClassifier : Any network.

    Notes
    -----
    The source does not validate this network. Here the weights with the lowest validation loss
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


@trains(NeuroFusionNet, weight_decay=1e-4)
class NeuroFusionNetClassifier(ReadyClassifier):
    """Convolutions, recurrent units, attention and a graph, trained by Algorithm 2 of the source.

    Training uses Adam, mini-batches, cross entropy and early stopping on a validation set. Each
    part can be switched off: ``GridSearchCV(NeuroFusionNetClassifier(), {"has_graph": [True,
    False], ...})`` is an ablation.

    Parameters
    ----------
    {parameters}

    Attributes
    ----------
    {attributes}

    See Also
    --------
    NeuroFusionNet : The network alone, with its layers and source.
    EMGClassifier : Any network.

    Notes
    -----
    The source mentions a regulariser without naming it: dropout and a weight decay of 1e-4 are
    choices of this package. ``has_regulariser=False`` removes the dropout, ``weight_decay=0`` the
    rest.

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


@trains(CNN1D)
class CNN1DClassifier(ReadyClassifier):
    """Plain convolutional network, trained by Algorithm 2 of NeuroFusionNet's source.

    Training uses Adam, mini-batches, cross entropy and early stopping on a validation set.

    Parameters
    ----------
    {parameters}

    Attributes
    ----------
    {attributes}

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


@trains(RecurrentNet)
class RecurrentNetClassifier(ReadyClassifier):
    """Plain recurrent units, LSTM or GRU, trained by Algorithm 2 of NeuroFusionNet's source.

    Training uses Adam, mini-batches, cross entropy and early stopping on a validation set. ``cell``
    chooses among the three kinds.

    Parameters
    ----------
    {parameters}

    Attributes
    ----------
    {attributes}

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


@trains(AttentionNet)
class AttentionNetClassifier(ReadyClassifier):
    """Self-attention over frames, trained by Algorithm 2 of NeuroFusionNet's source.

    Training uses Adam, mini-batches, cross entropy and early stopping on a validation set.

    Parameters
    ----------
    {parameters}

    Attributes
    ----------
    {attributes}

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


@trains(PatternNet, lr=1e-2, max_epochs=200)
class PatternNetClassifier(ReadyClassifier):
    """Dense network on features (a multilayer perceptron).

    It takes the features of any extractor of this package, in a pipeline. The sources do not
    describe the training; the learning rate suits a network of this size.

    Parameters
    ----------
    {parameters}

    Attributes
    ----------
    {attributes}

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


@trains(DeepEMGNet)
class DeepEMGNetClassifier(SpectrumClassifier):
    """Network on spectrograms of Sengur et al. (2017).

    It takes raw windows, 2-D or 3-D `X`, or images, 4-D `X`. The training of the paper is not known
    to the authors of this package; the defaults are those of :class:`EMGClassifier`.

    Parameters
    ----------
    {parameters}

    Attributes
    ----------
    {attributes}

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


@trains(SpectroEMGNet)
class SpectroEMGNetClassifier(SpectrumClassifier):
    """Network with attention on spectrograms of Rahman et al. (2023).

    It takes raw windows, 2-D or 3-D `X`, or images, 4-D `X`. The training of the paper is not known
    to the authors of this package; the defaults are those of :class:`EMGClassifier`.

    Parameters
    ----------
    {parameters}

    Attributes
    ----------
    {attributes}

    See Also
    --------
    SpectroEMGNet : The network alone, with its layers and source.
    EMGClassifier : Any network.

    Notes
    -----
    Published on N2001, three classes: 92 %. The split is not known to the authors of this package.

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


@trains(
    ImageNetwork, class_weight="balanced", patience=None, keep_best="accuracy", evaluate_every=50
)
class ImageNetworkClassifier(SpectrumClassifier):
    """Networks for photographs on images of EMG, the baselines of Yoo et al. (2022).

    After :class:`sklearn_emg.feature_extraction.MelSpectrogram`, a ResNet, VGG or Inception-v3 is
    the baseline of Nodera et al.; after :class:`sklearn_emg.feature_extraction.WaveformImage`,
    Inception-v4 is that of Nam et al. It takes images, 4-D `X`, or raw windows, 2-D or 3-D `X`, of
    which it computes the spectrogram. The source does not describe the training; the defaults are
    those of nEMGNet: Adam with learning rate 1e-3, batches of 32, 100 epochs, cross entropy
    weighted by inverse class frequency, evaluated every 50 updates, the best accuracy kept.

    Parameters
    ----------
    {parameters}

    Attributes
    ----------
    {attributes}

    Raises
    ------
    ImportError
        In `fit`, if timm is not installed: ``pip install "sklearn-emg[images]"``.

    See Also
    --------
    ImageNetwork : The network alone, with the published sizes and source.
    sklearn_emg.papers.mel_spectrogram_network : The published pipeline of Nodera et al.
    sklearn_emg.papers.waveform_image_network : The published pipeline of Nam et al.

    Notes
    -----
    Published accuracies over subjects (leaky, since the weights were chosen on the test fold):
    ResNet-50 73.84 %, ResNet-152 75.61 %, VGG16 68.23 %, VGG19 72.32 %, Inception-v3 71.92 %,
    Inception-v4 57.47 %.

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


@trains(
    AutoencoderNet,
    own={
        "pretrain_epochs": Entry(
            20,
            [Interval(Integral, 0, None, closed="left")],
            "int",
            "Number of epochs of training of the autoencoder; 0 skips it.",
            int,
        ),
        "freezes_encoder": Entry(
            False,
            ["boolean"],
            "bool",
            """
            Whether to freeze the encoder after the training of the autoencoder, so that only the
            dense layers after the code are trained with labels.
            """,
            bool,
        ),
    },
)
class AutoencoderNetClassifier(ReadyClassifier):
    """Encoder pretrained as an autoencoder, with a classifier on its code.

    First :class:`ConvAutoencoder` learns to reconstruct the training windows, without labels, with
    the mean squared error as its loss. Then its encoder, with new dense layers, is trained as a
    classifier by Algorithm 2 of NeuroFusionNet's source: Adam, mini-batches, cross entropy, early
    stopping on a validation set. Neither step is trained on validation windows.

    Parameters
    ----------
    {parameters}

    Attributes
    ----------
    {attributes}
    reconstruction_loss_ : ndarray of shape (pretrain_epochs,)
        Mean squared error of the reconstructed training windows, in mV^2, in each epoch of the
        autoencoder.

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

    _fitted: ClassVar[tuple[str, ...]] = (*ReadyClassifier._fitted, "reconstruction_loss_")

    def _new_module(self, net, train, start):
        module: Any = super()._new_module(net, train, None)
        autoencoder, self.reconstruction_loss_ = train_autoencoder(
            train,
            net.get_params_for("module"),
            device=torch.device(net.device),
            lr=self.lr,
            batch_size=self.batch_size,
            n_epochs=self.pretrain_epochs,
            caller=type(self).__name__,
        )
        if self.pretrain_epochs:
            module.encoder.load_state_dict(autoencoder.encoder.state_dict())
        module.encoder.requires_grad_(not self.freezes_encoder)
        if start is not None:
            start(module)
        return module
