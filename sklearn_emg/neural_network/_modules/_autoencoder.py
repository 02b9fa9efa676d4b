"""A convolutional autoencoder, and a classifier that uses its code."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from torch import nn

from sklearn_emg._sklearn import Integral, Interval
from sklearn_emg._validation import check_fraction, check_integers, check_option
from sklearn_emg.neural_network._data._batches import minimise
from sklearn_emg.neural_network._modules._layers import (
    INITS,
    check_sizes,
    initialise,
)
from sklearn_emg.neural_network._parameters import Entry, trains
from sklearn_emg.neural_network._ready import ReadyClassifier

__all__ = ["AutoencoderNet", "AutoencoderNetClassifier", "ConvAutoencoder"]


class ConvAutoencoder(nn.Module):
    """Convolutions that reduce a window to a code, and transposed convolutions that restore it.

    ======= ============================================================
    layer   content
    ======= ============================================================
    1, 2    Conv1d, 16 and 32 filters of 9, stride 4; ReLU (each)
    3       dense, 32 numbers: the code
    4       dense; ReLU
    5       transposed Conv1d, 16 filters of 9, stride 4; ReLU
    6       transposed Conv1d, one filter of 9 per channel, stride 4
    ======= ============================================================

    The autoencoder is trained to minimise the mean squared error between a window and its
    reconstruction. The source of NeuroFusionNet uses one for the removal of artefacts (Algorithm 1)
    and for features. It states no sizes; all of them are choices of this package.

    Parameters
    ----------
    n_channels : int
        Number of channels of a window.
    n_times : int
        Number of samples of a window, at least 1.
    n_filters : sequence of int, default=(16, 32)
        Number of filters of each convolution; one entry for each convolution.
    kernel_size : int, default=9
        Number of samples that a filter spans; it must be odd and at least `stride`.
    stride : int, default=4
        Step of each convolution in samples.
    n_code : int, default=32
        Number of values in the code.
    init : {"torch", "he_normal", "xavier_uniform"}, default="torch"
        Initial weights of the encoder and the dense layers: PyTorch's defaults, or the named
        scheme with zero biases.

    Raises
    ------
    ValueError
        If a setting is outside its range.

    References
    ----------
    R. Chandrasekaran et al., "Pioneering prognosis and management in neuromuscular healthcare using
    EMG signal processing with advanced deep learning techniques", Traitement du Signal 41 (2024)
    1633-1645, Algorithm 1.

    Examples
    --------
    >>> import torch
    >>> from sklearn_emg.neural_network import ConvAutoencoder
    >>> net = ConvAutoencoder(n_channels=2, n_times=501)
    >>> windows = torch.zeros(7, 2, 501)
    >>> net(windows).shape, net.encoder(windows).shape
    (torch.Size([7, 2, 501]), torch.Size([7, 32]))
    """

    def __init__(
        self,
        n_channels: int,
        n_times: int,
        *,
        n_filters: Sequence[int] = (16, 32),
        kernel_size: int = 9,
        stride: int = 4,
        n_code: int = 32,
        init: str = "torch",
    ) -> None:
        super().__init__()
        name = "ConvAutoencoder"
        self.encoder, lengths = _encoder(
            name, n_channels, n_times, n_filters, kernel_size, stride, n_code, init
        )
        widths = (n_channels, *n_filters)
        layers: list[nn.Module] = [
            nn.Linear(n_code, widths[-1] * lengths[-1]),
            nn.ReLU(),
            nn.Unflatten(1, (widths[-1], lengths[-1])),
        ]
        for block in range(len(n_filters), 0, -1):
            layers += [
                nn.ConvTranspose1d(
                    widths[block],
                    widths[block - 1],
                    kernel_size,
                    stride=stride,
                    padding=kernel_size // 2,
                    # This restores the samples that are lost by rounding in the convolution.
                    output_padding=(lengths[block - 1] - 1) % stride,
                ),
                nn.ReLU(),
            ]
        self.decoder = nn.Sequential(*layers[:-1])  # no last ReLU, since samples may be negative
        initialise(self.decoder, init)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the reconstruction of windows (batch, n_channels, n_times) in the same shape."""
        return self.decoder(self.encoder(x))


class AutoencoderNet(nn.Module):
    """The encoder of a convolutional autoencoder, and dense layers that classify its code.

    ======= ============================================================
    layer   content
    ======= ============================================================
    1, 2    Conv1d, 16 and 32 filters of 9, stride 4; ReLU (each)
    3       dense, 32 numbers: the code
    4       ReLU; dense, 32 units; ReLU
    5       dense, one raw logit per class
    ======= ============================================================

    This network corresponds to the row "autoencoder" in NeuroFusionNet's table; its sizes are
    choices of this package. The encoder is that of :class:`ConvAutoencoder`, which
    :class:`AutoencoderNetClassifier` first trains to restore the windows.

    Parameters
    ----------
    n_channels : int
        Number of channels of a window.
    n_times : int
        Number of samples of a window, at least 1.
    n_classes : int
        Number of outputs.
    n_filters : sequence of int, default=(16, 32)
        Number of filters of each convolution; one entry for each convolution.
    kernel_size : int, default=9
        Number of samples that a filter spans; it must be odd and at least `stride`.
    stride : int, default=4
        Step of each convolution in samples.
    n_code : int, default=32
        Number of values in the code.
    n_hidden : int, default=32
        Number of units of the dense layer after the code.
    dropout : float, default=0.0
        Probability with which the code and the hidden units are dropped in training.
    init : {"torch", "he_normal", "xavier_uniform"}, default="torch"
        Initial weights: PyTorch's defaults, or the named scheme with zero biases.

    Raises
    ------
    ValueError
        If a setting is outside its range.

    References
    ----------
    R. Chandrasekaran et al., "Pioneering prognosis and management in neuromuscular healthcare using
    EMG signal processing with advanced deep learning techniques", Traitement du Signal 41 (2024)
    1633-1645.

    Examples
    --------
    >>> import torch
    >>> from sklearn_emg.neural_network import AutoencoderNet
    >>> net = AutoencoderNet(n_channels=2, n_times=500, n_classes=3)
    >>> net(torch.zeros(7, 2, 500)).shape
    torch.Size([7, 3])
    """

    def __init__(
        self,
        n_channels: int,
        n_times: int,
        n_classes: int,
        *,
        n_filters: Sequence[int] = (16, 32),
        kernel_size: int = 9,
        stride: int = 4,
        n_code: int = 32,
        n_hidden: int = 32,
        dropout: float = 0.0,
        init: str = "torch",
    ) -> None:
        super().__init__()
        name = "AutoencoderNet"
        check_sizes(name, n_channels, n_times, n_classes)
        check_integers(n_hidden, "n_hidden", name, 1)
        check_fraction(dropout, "dropout", name, below=True)
        self.encoder, _ = _encoder(
            name, n_channels, n_times, n_filters, kernel_size, stride, n_code, init
        )
        self.classifier = nn.Sequential(
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(n_code, n_hidden),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(n_hidden, n_classes),
        )
        initialise(self.classifier, init)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return raw logits (batch, n_classes) for windows (batch, n_channels, n_times)."""
        return self.classifier(self.encoder(x))


def _encoder(
    network: str,
    n_channels: int,
    n_times: int,
    n_filters: Sequence[int],
    kernel_size: int,
    stride: int,
    n_code: int,
    init: str,
) -> tuple[nn.Sequential, list[int]]:
    """Return the encoder, and the numbers of samples before and after each convolution."""
    check_sizes(network, n_channels, n_times, 1)
    filters = check_integers(n_filters, "n_filters", network)
    (kernel_size,) = check_integers(kernel_size, "kernel_size", network, 1)
    (stride,) = check_integers(stride, "stride", network, 1)
    check_integers(n_code, "n_code", network, 1)
    check_option(init, INITS, "init", network)
    if kernel_size % 2 == 0 or kernel_size < stride:
        raise ValueError(
            f"The 'kernel_size' parameter of {network} must be odd and at least the stride, "
            f"{stride}, so that every sample is used. Got {kernel_size} instead."
        )
    layers: list[nn.Module] = []
    n_in, lengths = n_channels, [n_times]
    for n_out in filters:
        layers += [
            nn.Conv1d(n_in, n_out, kernel_size, stride=stride, padding=kernel_size // 2),
            nn.ReLU(),
        ]
        n_in = n_out
        lengths.append((lengths[-1] - 1) // stride + 1)
    encoder = nn.Sequential(*layers, nn.Flatten(), nn.Linear(n_in * lengths[-1], n_code))
    initialise(encoder, init)
    return encoder, lengths


@trains(
    AutoencoderNet,
    own={
        "pretrain_epochs": Entry(
            20,
            [Interval(Integral, 0, None, closed="left")],
            "int",
            "Number of epochs for which the autoencoder is trained; 0 skips this training.",
            int,
        ),
        "freezes_encoder": Entry(
            False,
            ["boolean"],
            "bool",
            """
            Whether to freeze the encoder once the autoencoder is trained, so that only the dense
            layers after the code are trained with labels.
            """,
            bool,
        ),
    },
)
class AutoencoderNetClassifier(ReadyClassifier):
    """Encoder pretrained as an autoencoder, with a classifier on its code.

    First, a :class:`ConvAutoencoder` learns without labels to reconstruct the training windows; its
    loss is the mean squared error. Then its encoder, followed by new dense layers, is trained as a
    classifier by Algorithm 2 of NeuroFusionNet's source, with Adam, mini-batches, cross entropy and
    early stopping on a validation set. Validation windows are not used for training in either step.

    Parameters
    ----------
    {parameters}

    Attributes
    ----------
    {attributes}
    reconstruction_loss_ : ndarray of shape (pretrain_epochs,)
        Mean squared error of the reconstructed training windows in each epoch of the autoencoder,
        in mV^2.

    See Also
    --------
    ConvAutoencoder : The autoencoder alone.
    TransferClassifier : Pretrains with labels, on another cohort.
    AutoencoderNet : The network alone, with its layers and source.
    EMGClassifier : Trains any network.

    Notes
    -----
    The published accuracy is 90.6 %. The source names no data set, so its figures cannot be
    compared with others.

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
        known, settings = (
            inspect.signature(ConvAutoencoder).parameters,
            net.get_params_for("module"),
        )
        autoencoder = ConvAutoencoder(**{k: v for k, v in settings.items() if k in known})
        autoencoder.to(torch.device(net.device))
        losses = minimise(
            lambda windows: (autoencoder(windows) - windows).square().mean(),
            [*autoencoder.parameters()],
            train,
            lr=self.lr,
            batch_size=self.batch_size,
            n_epochs=self.pretrain_epochs,
            seed=int(torch.randint(2**31 - 1, ())),
            caller=f"The autoencoder of {type(self).__name__}",
        )
        self.reconstruction_loss_ = np.array(losses)
        if self.pretrain_epochs:
            module.encoder.load_state_dict(autoencoder.encoder.state_dict())
        module.encoder.requires_grad_(not self.freezes_encoder)
        if start is not None:
            start(module)
        return module
