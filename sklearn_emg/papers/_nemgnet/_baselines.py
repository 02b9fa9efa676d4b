"""Image networks of Nodera et al. and Nam et al., with which nEMGNet was compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer

from sklearn_emg._validation import check_option
from sklearn_emg.feature_extraction import MelSpectrogram, WaveformImage
from sklearn_emg.papers._building import over_recordings
from sklearn_emg.papers._nemgnet._network import OF_VOTES, YOO_2022, YOO_2022_DATA, costs
from sklearn_emg.papers._registry import OpenChoice, PublishedResult, Variant, published_systems

_NAMES = {
    "resnet50": "ResNet-50",
    "resnet152": "ResNet-152",
    "vgg16": "VGG16",
    "vgg19": "VGG19",
    "inception_v3": "Inception-v3",
}
# Accuracy, F1, precision, recall, AUROC and MCC of subjects in percent (Table 5).
_SCORES = {
    "inception_v4": (57.47, 51.38, 56.53, 57.47, 78.39, 42.03),
    "resnet50": (73.84, 72.59, 81.94, 73.84, 81.27, 64.76),
    "resnet152": (75.61, 74.90, 81.11, 75.61, 85.30, 65.50),
    "vgg16": (68.23, 65.47, 66.86, 68.23, 79.85, 55.42),
    "vgg19": (72.32, 69.66, 74.71, 72.32, 81.10, 62.91),
    "inception_v3": (71.92, 70.64, 79.29, 71.92, 83.48, 61.60),
}
# Number of parameters and buffers; times of preprocessing, loading, prediction and the whole
# diagnosis in s (Table 6).
_COSTS = {
    "inception_v4": (41_210_744, (68.92, 1.17, 5.32, 75.42)),
    "resnet50": (23_567_352, (19.08, 0.61, 1.21, 20.90)),
    "resnet152": (58_301_534, (19.20, 1.45, 2.25, 22.92)),
    "vgg16": (134_272_835, (19.61, 2.63, 1.60, 23.87)),
    "vgg19": (139_582_531, (19.53, 2.71, 1.78, 24.04)),
    "inception_v3": (21_826_241, (19.42, 2.60, 1.38, 23.40)),
}
_TRAINING = OpenChoice(
    "training",
    "as for nEMGNet: Adam with a learning rate of 1e-3, batches of 32, weighted classes, 100 "
    "epochs without early stopping; the weights with the highest accuracy on 20 % of the training "
    "subjects, evaluated every 50 updates and at the end of each epoch, are kept",
    "choosing weights on the test fold is leaky",
    "the weights with the highest accuracy on the test fold",
)
_NO_PHOTOGRAPHS = OpenChoice(
    "weights learned on photographs",
    "none, unless pretrained= names a file of weights",
    "running a system does not download anything",
)
_COLOURS = OpenChoice(
    "three colours",
    "the mean of the maps of all channels of the signal, repeated for each colour",
    "networks for photographs take three colours, and the number of parameters is then as "
    "published",
)


def _variant(
    architecture: str, method: str, settings: Mapping[str, Any] = MappingProxyType({})
) -> Variant:
    """Return an image network with its rows in the two tables."""
    accuracy, *others = _SCORES[architecture]
    measures = ("F1", "precision", "recall", "AUROC", "MCC")
    further = [PublishedResult(f"{m} of subjects", v, True) for m, v in zip(measures, others)]
    further += costs(*_COSTS[architecture])
    main = [PublishedResult("accuracy of subjects", accuracy, True)]
    name = _NAMES.get(architecture, "Inception-v4")
    return Variant(method, f"{name}, DiVote feature-PD", main, settings, further)


@published_systems(
    {
        f"nodera-{architecture.replace('_', '-')}": _variant(
            architecture,
            f"mel spectrograms with {name}, as in H. Nodera et al.",
            {"architecture": architecture},
        )
        for architecture, name in _NAMES.items()
    },
    source=replace(YOO_2022, note="Tables 5 and 6, after H. Nodera et al."),
    input="mel spectrograms of windows of 0.4 s every 0.1 s at 10 kHz",
    open_choices=[
        OpenChoice(
            "size of the spectrogram",
            "40 mel bands up to 5 kHz, levels in dB of frames of 256 samples every 64 samples, "
            "resized to 96 x 96 pixels",
            "the sources of the tables state no sizes; training on smaller images is faster",
        ),
        _COLOURS,
        _NO_PHOTOGRAPHS,
        _TRAINING,
        *OF_VOTES,
    ],
    data=YOO_2022_DATA,
    needs="nets, images",
)
def mel_spectrogram_network(
    architecture: str = "resnet152",
    *,
    fs: float = 10_000.0,
    window: float = 0.4,
    step: float = 0.1,
    pretrained: str | None = None,
    max_epochs: int = 100,
    random_state: Any = None,
) -> Pipeline:
    """Mel spectrograms with an image network, as in Nodera et al., as a baseline for nEMGNet.

    Parameters
    ----------
    architecture : {"resnet50", "resnet152", "vgg16", "vgg19", "inception_v3"}, \
default="resnet152"
        Architecture of the image network.
    $windows
    pretrained : str, default=None
        File with initial weights that were learned on photographs; see
        :class:`~sklearn_emg.neural_network.ImageNetwork`.
    $training

    Returns
    -------
    pipeline : Pipeline
        Pipeline whose ``divote__estimator`` has the steps ``image``, ``colours`` and ``network``.
        As in nEMGNet, recordings vote by region.

    Raises
    ------
    ValueError
        If `architecture` is not one of the above.

    Notes
    -----
    The published results are leaky, since the weights were chosen on the test fold.

    $notes

    References
    ----------
    $source

    Examples
    --------
    >>> from sklearn_emg.papers import mel_spectrogram_network
    >>> model = mel_spectrogram_network("vgg16")
    >>> model.get_params()["divote__estimator__network__resize"]
    96
    """
    check_option(architecture, tuple(_NAMES), "architecture", "mel_spectrogram_network")
    image = MelSpectrogram(40, nperseg=256, hop=64)
    return _over_images(
        image,
        architecture,
        fs,
        window,
        step,
        pretrained=pretrained,
        max_epochs=max_epochs,
        random_state=random_state,
    )


@published_systems(
    {
        "nam-inception-v4": _variant(
            "inception_v4", "plotted waveforms with Inception-v4, as in S. Nam et al."
        )
    },
    source=replace(YOO_2022, note="Tables 5 and 6, after S. Nam et al."),
    input="plotted windows of 0.4 s every 0.1 s at 10 kHz",
    open_choices=[
        OpenChoice(
            "size of the plot",
            "96 x 96 pixels, with amplitudes from the minimum to the maximum of the window",
            "the source states no size; training on smaller images is faster",
        ),
        _COLOURS,
        _NO_PHOTOGRAPHS,
        _TRAINING,
        *OF_VOTES,
    ],
    data=YOO_2022_DATA,
    needs="nets, images",
)
def waveform_image_network(
    *,
    fs: float = 10_000.0,
    window: float = 0.4,
    step: float = 0.1,
    pretrained: str | None = None,
    max_epochs: int = 100,
    random_state: Any = None,
) -> Pipeline:
    """Plotted waveforms with Inception-v4, as in Nam et al., as a baseline for nEMGNet.

    Parameters
    ----------
    $windows
    pretrained : str, default=None
        File with initial weights that were learned on photographs; see
        :class:`~sklearn_emg.neural_network.ImageNetwork`.
    $training

    Returns
    -------
    pipeline : Pipeline
        Pipeline whose ``divote__estimator`` has the steps ``image``, ``colours`` and ``network``.
        As in nEMGNet, recordings vote by region.

    Notes
    -----
    The published result is leaky, since the weights were chosen on the test fold.

    $notes

    References
    ----------
    $source

    Examples
    --------
    >>> from sklearn_emg.papers import waveform_image_network
    >>> waveform_image_network().get_params()["divote__estimator__image"]
    WaveformImage(height=96, width=96)
    """
    return _over_images(
        WaveformImage(96, 96), "inception_v4", fs, window, step,
        pretrained=pretrained, max_epochs=max_epochs, random_state=random_state,
    )  # fmt: skip


def three_colours(images: NDArray[np.floating]) -> NDArray[np.floating]:
    """Average the maps of images (n_windows, n_maps, height, width) for three colours."""
    return np.repeat(images.mean(axis=1, keepdims=True), 3, axis=1)


def _over_images(
    image: Any, architecture: str, fs: float, window: float, step: float, **training: Any
) -> Pipeline:
    from sklearn_emg.neural_network import ImageNetworkClassifier

    network = ImageNetworkClassifier(architecture=architecture, resize=96, **training)
    colours = FunctionTransformer(three_colours)
    windows = Pipeline([("image", image), ("colours", colours), ("network", network)])
    return over_recordings(
        windows, fs=fs, window=window, step=step, by="region", final_estimator="logistic"
    )
