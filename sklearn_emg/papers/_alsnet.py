"""ALSNet (Hassan et al. 2022)."""

from __future__ import annotations

from typing import Any

from sklearn.pipeline import Pipeline

from sklearn_emg.papers._building import over_recordings
from sklearn_emg.papers._registry import Figure, register


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
    fs : float, default=23437.5
        Rate in Hz at which windows are cut.
    window : float, default=1.0
        Seconds.
    step : float, default=None
        Seconds; None leaves no overlap, which gives the 11 windows a recording of the paper.
    max_epochs : int, default=100
    random_state : int, RandomState instance or None, default=None

    Returns
    -------
    pipeline : Pipeline
        Steps ``filter`` (none), ``resample``, ``divote``; the network is ``divote__estimator``.

    Notes
    -----
    Published, by subject, biceps and vastus medialis: accuracy 97.74 %, sensitivity 96.77,
    specificity 98.59, of windows.

    Left open in the source, with the choice made here:

    - filters 16, 16, 32 and kernel 9; the dilations 1, 2, 3 are given
    - training: Adam 1e-3, batches of 32, at most 100 epochs, patience 20, validated on 20 % of the
      training subjects
    - vote over recordings and subjects: mean probability

    References
    ----------
    K. M. Hassan et al., "ALSNet: A Dilated 1-D CNN for Identifying ALS from Raw EMG Signal",
    ICASSP 2022.

    Examples
    --------
    >>> from sklearn_emg.papers import alsnet
    >>> alsnet().get_params()["divote__estimator__dilations"]
    (1, 2, 3)
    """
    from sklearn_emg.neural_network import ALSNetClassifier

    network = ALSNetClassifier(max_epochs=max_epochs, random_state=random_state)
    return over_recordings(network, fs=fs, window=window, step=step)


register(
    alsnet,
    "alsnet",
    citation="K. M. Hassan et al., ALSNet: A Dilated 1-D CNN for Identifying ALS from Raw EMG "
    "Signal, ICASSP 2022",
    input="raw needle EMG at 23437.5 Hz, windows of 1 s without overlap",
    estimator="ALSNet",
    published=[Figure("accuracy of windows, ALS/healthy", 97.74, False)],
    needs="nets",
)
