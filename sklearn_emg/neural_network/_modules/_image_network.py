"""Image networks from the timm library."""

from __future__ import annotations

import importlib
import sys
import types
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn

from sklearn_emg._validation import check_integers
from sklearn_emg.neural_network._modules._layers import (
    check_sizes,
)
from sklearn_emg.neural_network._modules._layers._image import Spectrogram, image_size
from sklearn_emg.neural_network._parameters import trains
from sklearn_emg.neural_network._ready import SpectrumClassifier

__all__ = ["ImageNetwork", "ImageNetworkClassifier"]

# Architectures of the published baselines, and their minimum image sizes in pixels.
ARCHITECTURES = {
    "inception_v3": 75,
    "inception_v4": 75,
    "resnet50": 1,
    "resnet152": 1,
    "vgg16": 32,
    "vgg19": 32,
}

# Kept for the lifetime of the process: torch removes operators when their library is deleted.
_declared: list[torch.library.Library] = []


class ImageNetwork(nn.Module):
    """Network for photographs from the timm library, applied to images of EMG.

    These networks are the baselines of Yoo et al. (2022): Inception-v4 on plotted waveforms (Nam et
    al.), and ResNet-50, ResNet-152, VGG16, VGG19 or Inception-v3 on mel spectrograms (Nodera et
    al.). With 3 channels and 3 classes, they have exactly the published numbers of parameters and
    buffers:

    ============= ===========
    architecture  numbers
    ============= ===========
    inception_v4  41,210,744
    inception_v3  21,826,241
    resnet50      23,567,352
    resnet152     58,301,534
    vgg16         134,272,835
    vgg19         139,582,531
    ============= ===========

    The network takes images, such as those that
    :class:`sklearn_emg.feature_extraction.MelSpectrogram` or
    :class:`sklearn_emg.feature_extraction.WaveformImage` computes in a pipeline with
    :class:`ImageNetworkClassifier`. If it is given raw windows, it computes their spectrograms in
    dB itself and applies batch normalisation. ``pip install "sklearn-emg[images]"`` installs timm.

    Parameters
    ----------
    n_channels : int
        Number of channels of an image, or of a raw window. The published images have 3 channels
        (colours); here an image usually has one channel per channel of the signal. The first
        convolution has `n_channels` inputs.
    n_times : tuple of (int, int), or int
        Height and width of an image in pixels, or number of samples of a raw window. The minimum is
        32 pixels for VGG and 75 for Inception; `resize` enlarges smaller images.
    n_classes : int
        Number of outputs.
    architecture : str, default="resnet50"
        Name of an architecture in the table above, or of any other in timm.
    nperseg : int, default=256
        Number of samples in a frame of the spectrogram of raw windows, at least 2.
    hop : int or None, default=None
        Number of samples from one frame to the next; None means ``nperseg // 4``.
    resize : int, tuple of (int, int) or None, default=None
        Height and width, in pixels, to which images are resized by bilinear interpolation. With
        None, their size is kept. The papers do not state the sizes that they used.
    pretrained : str, default=None
        File with initial weights of this architecture that were learned on photographs (safetensors
        or ``.pth`` of timm); nothing is downloaded. The last layer is replaced to match the number
        of classes, and the first layer is adapted to the number of channels. None means random
        weights.

    Raises
    ------
    ImportError
        If timm is not installed.
    FileNotFoundError
        If `pretrained` names a file that does not exist.
    ValueError
        If a setting is outside its range, or the images are too small.

    References
    ----------
    Table 6 of J. Yoo et al., "Residual one-dimensional convolutional neural network for
    neuromuscular disorder classification from needle electromyography signals with
    explainability", Computer Methods and Programs in Biomedicine 226 (2022) 107079.

    Examples
    --------
    >>> import torch
    >>> from sklearn_emg.neural_network import ImageNetwork
    >>> net = ImageNetwork(3, (40, 63), 3, architecture="resnet50")  # doctest: +SKIP
    >>> net(torch.zeros(2, 3, 40, 63)).shape  # doctest: +SKIP
    torch.Size([2, 3])
    """

    def __init__(
        self,
        n_channels: int,
        n_times: int | Sequence[int],
        n_classes: int,
        architecture: str = "resnet50",
        *,
        nperseg: int = 256,
        hop: int | None = None,
        resize: int | Sequence[int] | None = None,
        pretrained: str | None = None,
    ) -> None:
        super().__init__()
        name = "ImageNetwork"
        self.spectrogram = None
        if isinstance(n_times, Sequence):
            size = image_size(name, n_channels, n_times, n_classes)
        else:
            check_sizes(name, n_channels, n_times, n_classes)
            spectrogram = Spectrogram(
                name, n_times, nperseg=nperseg, hop=hop, log=True, delta_width=None
            )
            size = spectrogram.size
            self.spectrogram = nn.Sequential(spectrogram, nn.BatchNorm2d(n_channels))
        self.resize = None if resize is None else check_integers(resize, "resize", name, 2)
        if architecture not in ARCHITECTURES and not _timm().is_model(architecture):
            raise ValueError(
                f"The 'architecture' parameter of {name} must be one of {sorted(ARCHITECTURES)} or "
                f"another name in timm.list_models(). Got {architecture!r} instead."
            )
        min_size = ARCHITECTURES.get(architecture, 1)
        if min(self.resize or size) < min_size:
            raise ValueError(
                f"{name} with architecture={architecture!r} needs images of at least {min_size} x "
                f"{min_size} pixels. Got {size[0]} x {size[1]} and resize={resize!r}. "
                f"Set resize={max(min_size, 128)}, for instance."
            )
        # load_model builds the network without allocating memory, and then loads saved weights.
        wants_weights = pretrained is not None and not torch.empty(0).is_meta
        local = {}
        if wants_weights:
            if not Path(str(pretrained)).is_file():
                raise FileNotFoundError(
                    f"The 'pretrained' parameter of {name} names {pretrained!r}, which is not a "
                    "file. Pass a file with weights from timm, or None for random weights."
                )
            local = {"pretrained_cfg_overlay": {"file": str(pretrained)}}
        self.network = _timm().create_model(
            architecture,
            pretrained=wants_weights,
            in_chans=n_channels,
            num_classes=n_classes,
            **local,
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return raw logits (batch, n_classes) for images or windows of the expected shape."""
        if self.spectrogram is not None:
            x = self.spectrogram(x)
        if self.resize is not None:
            x = nn.functional.interpolate(x, self.resize, mode="bilinear", align_corners=False)
        return self.network(x)

    def last_layer(self) -> nn.Module | None:
        """Return the layer that computes the logits from the pooled features.

        Returns
        -------
        layer : Module or None
            Layer; None if the architecture does not state a single one.
        """
        layer = self.network.get_classifier()
        has_weights = isinstance(layer, nn.Module) and next(layer.parameters(), None) is not None
        return layer if has_weights else None


def _timm() -> types.ModuleType:
    """Import timm, even if torchvision was built for a different version of torch.

    Such a torchvision lacks its compiled operators, and its import fails because of two operators
    that none of these networks uses. This function declares the two operators and tries again.
    """
    try:
        return importlib.import_module("timm")
    except ModuleNotFoundError as error:
        raise ImportError(
            f'ImageNetwork needs {error.name}: pip install "sklearn-emg[images]"'
        ) from error
    except RuntimeError as error:
        if "torchvision::nms" not in str(error):
            raise
    library = torch.library.Library("torchvision", "FRAGMENT")
    for operator in ("nms", "qnms"):
        library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    _declared.append(library)
    # Partly imported modules must not be reused.
    for module in [m for m in sys.modules if m.partition(".")[0] in {"timm", "torchvision"}]:
        del sys.modules[module]
    return importlib.import_module("timm")


@trains(
    ImageNetwork, class_weight="balanced", patience=None, keep_best="accuracy", evaluate_every=50
)
class ImageNetworkClassifier(SpectrumClassifier):
    """Networks for photographs, applied to images of EMG: baselines of Yoo et al. (2022).

    After :class:`sklearn_emg.feature_extraction.MelSpectrogram`, a ResNet, VGG or Inception-v3 is
    the baseline of Nodera et al.; after :class:`sklearn_emg.feature_extraction.WaveformImage`,
    Inception-v4 is that of Nam et al. The classifier takes images (4-D `X`) or raw windows (2-D or
    3-D `X`), whose spectrograms it computes. The source does not describe the training. The
    defaults are those of nEMGNet: Adam with a learning rate of 1e-3, batches of 32 windows, 100
    epochs, and cross entropy weighted by inverse class frequency. The network is validated every 50
    updates, and the weights with the highest accuracy are kept.

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
    The published accuracies over subjects are 73.84 % (ResNet-50), 75.61 % (ResNet-152), 68.23 %
    (VGG16), 72.32 % (VGG19), 71.92 % (Inception-v3) and 57.47 % (Inception-v4). They are leaky,
    since the weights were chosen on the test fold.

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
