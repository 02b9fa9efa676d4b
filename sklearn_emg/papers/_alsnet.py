"""ALSNet and its protocol (Hassan et al. 2022)."""

from __future__ import annotations

from typing import Any

from sklearn.pipeline import Pipeline

from sklearn_emg.model_selection import SubjectHoldout
from sklearn_emg.papers._building import MEAN_VOTE, over_recordings
from sklearn_emg.papers._registry import (
    OpenChoice,
    PublishedResult,
    Source,
    Variant,
    published_systems,
)

__all__ = ["ALSNetProtocol", "alsnet"]

_SOURCE = Source(
    "K. M. Hassan et al.",
    2022,
    "ALSNet: A Dilated 1-D CNN for Identifying ALS from Raw EMG Signal",
    "ICASSP",
)


@published_systems(
    {
        "alsnet": Variant(
            "ALSNet, a dilated 1-D CNN for ALS against healthy",
            "ALSNet",
            [PublishedResult("accuracy of windows, ALS/healthy", 97.74, False)],
            further=[
                PublishedResult("sensitivity of windows", 96.77, False),
                PublishedResult("specificity of windows", 98.59, False),
            ],
        )
    },
    source=_SOURCE,
    input="raw needle EMG at 23437.5 Hz, windows of 1 s without overlap",
    data=(
        "N2001, biceps brachii and vastus medialis: 8 subjects with ALS and 10 healthy subjects, "
        "151 signals of each class, 11 windows per signal"
    ),
    open_choices=[
        OpenChoice(
            "numbers of filters and kernel size",
            "16, 16 and 32 filters of 9 samples; the source states the dilations 1, 2 and 3",
        ),
        OpenChoice(
            "padding and initial weights",
            "padding with zeros, which keeps the length; initial weights of PyTorch",
        ),
        OpenChoice(
            "recordings",
            'all in the table; load_n2001(folder, ["BB", "VM"]) returns the muscles of the source',
            "the pipeline does not select muscles",
            "recordings of two muscles",
        ),
        OpenChoice(
            "output",
            "two softmax units",
            "this is equivalent and extends to more classes",
            "one sigmoid unit",
        ),
        OpenChoice(
            "training",
            "Adam with a learning rate of 1e-3, batches of 32, cross entropy, at most 100 epochs, "
            "patience 20; the weights with the lowest loss on 20 % of the training subjects, or on "
            "the validation subjects of a protocol, are kept",
        ),
        MEAN_VOTE,
    ],
    needs="nets",
)
def alsnet(
    *,
    fs: float = 23_437.5,
    window: float = 1.0,
    step: float | None = None,
    max_epochs: int = 100,
    random_state: Any = None,
) -> Pipeline:
    """ALSNet for ALS against healthy, on raw windows of 1 s.

    Parameters
    ----------
    $windows
    $training

    Returns
    -------
    pipeline : Pipeline
        Pipeline with the steps ``gaps``, ``filter`` (none), ``resample``, ``mark`` and ``divote``;
        the network is ``divote__estimator``.

    See Also
    --------
    ALSNetProtocol : The split of the paper.

    Notes
    -----
    The source also reports a sensitivity of 96.77 % and a specificity of 98.59 %.

    $notes

    References
    ----------
    $source

    Examples
    --------
    >>> from sklearn_emg.papers import alsnet
    >>> alsnet().get_params()["divote__estimator__dilations"]
    (1, 2, 3)
    """
    from sklearn_emg.neural_network import ALSNetClassifier

    network = ALSNetClassifier(max_epochs=max_epochs, random_state=random_state)
    return over_recordings(network, fs=fs, window=window, step=step)


class ALSNetProtocol(SubjectHoldout):
    """ALSNet's split by subject: training, validation and test in the ratio 80:20:25.

    Parameters
    ----------
    n_repeats : int, default=1
        Number of random splits.
    random_state : int, RandomState instance or None, default=0
        Seed of the random splits.

    References
    ----------
    K. M. Hassan et al., "ALSNet: A Dilated 1-D CNN for Identifying ALS from Raw EMG Signal", ICASSP
    2022.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_emg.papers import ALSNetProtocol
    >>> X, y = pd.DataFrame({"subject": range(18)}), ["ALS"] * 8 + ["healthy"] * 10
    >>> run = ALSNetProtocol().runs(X, y)[0]
    >>> len(run.train), len(run.validation), len(run.test)
    (11, 3, 4)
    """

    def __init__(self, *, n_repeats: int = 1, random_state: Any = 0) -> None:
        super().__init__(
            25 / 125, validation_size=20 / 125, n_repeats=n_repeats, random_state=random_state
        )
