"""DeepEMGNet (Sengur et al. 2017)."""

from __future__ import annotations

from typing import Any

from sklearn.pipeline import Pipeline

from sklearn_emg.papers._building import (
    MEAN_VOTE,
    SPLIT_BY_SUBJECT,
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
from sklearn_emg.preprocessing import WindowAugmenter

__all__ = ["deepemgnet"]


@published_systems(
    {
        "deepemgnet": Variant(
            "DeepEMGNet, a CNN on the short-time Fourier transform, for ALS against normal",
            "STFT, CNN",
            [PublishedResult("accuracy of signals, ALS/normal", 96.69, True)],
            further=[
                PublishedResult("sensitivity of signals", 94.24, True),
                PublishedResult("specificity of signals", 97.59, True),
            ],
        )
    },
    source=Source(
        "A. Sengur et al.",
        2017,
        "DeepEMGNet: An Application for Efficient Discrimination of ALS and Normal EMG Signals",
    ),
    input=STANDARD_INPUT,
    data="needle EMG, 89 signals from 8 subjects with ALS and 133 from 10 normal subjects",
    open_choices=[
        SPLIT_BY_SUBJECT,
        STANDARD_WINDOWS,
        OpenChoice(
            "augmentation by random sampling",
            "each training window is rotated by up to half of its length, differently in each "
            "epoch",
            "the review does not say what is sampled; rotating a window is similar to starting it "
            "at a different time",
        ),
        OpenChoice(
            "sizes of the network",
            "amplitudes of frames of 128 samples every 32 samples, batch-normalised; 16 and 32 "
            "filters of 5 x 5 pixels, each with batch normalisation, ReLU and max pooling by 2; "
            "the dense layer is the one before the softmax",
            "the review states only the kinds of layers",
        ),
        STANDARD_TRAINING,
        MEAN_VOTE,
    ],
    needs="nets",
    min_fs=250.0,
)
def deepemgnet(
    *,
    fs: float = 10_000.0,
    window: float = 0.4,
    step: float | None = 0.2,
    max_epochs: int = 100,
    random_state: Any = None,
) -> Pipeline:
    """DeepEMGNet, a small network on the short-time Fourier transform, for ALS against normal.

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
    The source also reports a sensitivity of 94.24 % and a specificity of 97.59 %. The results are
    leaky, since the data were split by signals and not by subjects.

    $notes

    References
    ----------
    $source

    Examples
    --------
    >>> from sklearn_emg.papers import deepemgnet
    >>> deepemgnet(max_epochs=5).get_params()["divote__estimator__max_epochs"]
    5
    """
    from sklearn_emg.neural_network import DeepEMGNetClassifier

    augment = WindowAugmenter(max_shift=0.5, random_state=random_state)
    network = DeepEMGNetClassifier(
        augment=augment, max_epochs=max_epochs, random_state=random_state
    )
    return over_filtered(network, fs, window, step)
