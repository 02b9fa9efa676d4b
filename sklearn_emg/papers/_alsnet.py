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
            "ALSNet, a dilated 1-D CNN, ALS against healthy",
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
        "N2001, biceps brachii and vastus medialis: 8 subjects with ALS and 10 healthy ones, 151 "
        "signals of each class, 11 windows a signal"
    ),
    open_choices=[
        OpenChoice("filters and kernel", "16, 16, 32 and 9; the dilations 1, 2, 3 are given"),
        OpenChoice("padding and initial weights", "zeros, which keep the length; of PyTorch"),
        OpenChoice(
            "recordings",
            'all of the table; load_n2001(folder, ["BB", "VM"]) gives those of the source',
            "a pipeline knows no muscles",
            "those of two muscles",
        ),
        OpenChoice(
            "output",
            "two softmax units",
            "the same model, and any number of classes",
            "one sigmoid unit",
        ),
        OpenChoice(
            "training",
            "Adam 1e-3, batches of 32, cross entropy, at most 100 epochs, patience 20; the weights "
            "with the lowest loss on 20 % of the training subjects, or on those that a protocol "
            "names, are kept",
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
    """ALSNet: ALS against healthy from raw windows of 1 s.

    Parameters
    ----------
    $windows
    $training

    Returns
    -------
    pipeline : Pipeline
        Steps ``gaps``, ``filter`` (none), ``resample``, ``mark``, ``divote``; the network is
        ``divote__estimator``.

    See Also
    --------
    ALSNetProtocol : The split of the paper.

    Notes
    -----
    The source reports a sensitivity of 96.77 % and a specificity of 98.59 % too.

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
        Number of draws.
    random_state : int, RandomState instance or None, default=0
        Seed of the draws.

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
