"""SpectroEMG-Net (Rahman et al. 2023)."""

from __future__ import annotations

from typing import Any

from sklearn.pipeline import Pipeline

from sklearn_emg.papers._building import (
    MEAN_VOTE,
    STANDARD_INPUT,
    STANDARD_TRAINING,
    STANDARD_WINDOWS,
    over_filtered,
)
from sklearn_emg.papers._registry import (
    OpenChoice,
    PublishedResult,
    Source,
    Variant,
    published_systems,
)

__all__ = ["spectroemgnet"]


@published_systems(
    {
        "spectroemgnet": Variant(
            "SpectroEMG-Net, a CNN with attention on the log spectrogram and its delta",
            "log spectrogram and delta, CNN with attention",
            [PublishedResult("accuracy, three classes", 92.0)],
        )
    },
    source=Source(
        "M. T. Rahman et al.",
        2023,
        "EMG Signal Classification for Neuromuscular Disorders with Attention-Enhanced CNN",
        "arXiv 2309.10483",
    ),
    input=STANDARD_INPUT,
    data="N2001, three classes; the split is not stated",
    open_choices=[
        STANDARD_WINDOWS,
        OpenChoice(
            "kind of attention",
            "channel and spatial attention (CBAM) after each convolution; attention= of the "
            "network selects one of them or none",
        ),
        OpenChoice(
            "sizes of the network",
            "levels in dB of frames of 256 samples every 64 samples, delta over 9 frames, "
            "batch-normalised; 32, 64 and 128 filters of 3 x 3 pixels, each with batch "
            "normalisation, ReLU and max pooling by 2, He-normal initial weights; mean over the "
            "image, dropout of 0.3",
        ),
        STANDARD_TRAINING,
        MEAN_VOTE,
    ],
    needs="nets",
    min_fs=1125.0,  # seven hops of 64 samples in 0.4 s
)
def spectroemgnet(
    *,
    fs: float = 10_000.0,
    window: float = 0.4,
    step: float | None = 0.2,
    max_epochs: int = 100,
    random_state: Any = None,
) -> Pipeline:
    """SpectroEMG-Net, convolutions with attention on the log spectrogram and its delta.

    Parameters
    ----------
    $windows
    $training

    Returns
    -------
    pipeline : Pipeline
        Pipeline with the steps ``gaps``, ``filter``, ``resample``, ``mark`` and ``divote``; the
        network is ``divote__estimator``.

    Notes
    -----
    $notes

    References
    ----------
    $source

    Examples
    --------
    >>> from sklearn_emg.papers import spectroemgnet
    >>> spectroemgnet().get_params()["divote__estimator__nperseg"]
    256
    """
    from sklearn_emg.neural_network import SpectroEMGNetClassifier

    network = SpectroEMGNetClassifier(max_epochs=max_epochs, random_state=random_state)
    return over_filtered(network, fs, window, step)
