"""Eleven features with a two-layer network (Ahmed and Islam 2021)."""

from __future__ import annotations

from typing import Any

from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import FeatureUnion, Pipeline

from sklearn_emg.feature_extraction import SpectralFeatures, TimeDomainFeatures
from sklearn_emg.papers._building import (
    MEAN_VOTE,
    REVIEW,
    SCALING,
    STANDARD_INPUT,
    STANDARD_WINDOWS,
    classifier_of_features,
    over_filtered,
)
from sklearn_emg.papers._registry import (
    OpenChoice,
    PublishedResult,
    Source,
    Variant,
    published_systems,
)

__all__ = ["ahmed_islam"]


@published_systems(
    {
        "ahmed-islam": Variant(
            "eleven features with a two-layer network, healthy against sick",
            "eleven features + two-layer network",
            [PublishedResult("accuracy of signals, healthy/sick", 85.0)],
        )
    },
    source=Source("Ahmed, Islam", 2021, note=REVIEW),
    input=STANDARD_INPUT,
    data="needle EMG, 80 signals from 7 and 80 from 10 subjects, healthy against sick",
    open_choices=[
        STANDARD_WINDOWS,
        OpenChoice("modified mean absolute value", "type 1 (weights of 0.5 at the ends)"),
        OpenChoice(
            "labels",
            'the labels in y; np.where(y == "control", "healthy", "sick") gives the two labels of '
            "the source",
            "the pipeline takes any number of classes",
            "healthy and sick",
        ),
        OpenChoice("split", "by subject", "signals of one subject resemble each other"),
        SCALING,
        OpenChoice(
            "output for two classes",
            "one logistic unit",
            "this is equivalent to two softmax units",
            "softmax",
        ),
        OpenChoice(
            "number of hidden units",
            "10",
            "this is the default of MATLAB's pattern-recognition network",
        ),
        OpenChoice(
            "training",
            "L-BFGS, at most 1000 iterations, scikit-learn's default L2 penalty of 1e-4, no "
            "validation set",
            "scikit-learn does not have scaled conjugate gradients, the default of that network",
        ),
        MEAN_VOTE,
    ],
)
def ahmed_islam(
    *,
    fs: float = 10_000.0,
    window: float = 0.4,
    step: float | None = 0.2,
    n_hidden: int = 10,
    random_state: Any = None,
) -> Pipeline:
    """Eleven features with a two-layer network (sigmoid hidden units, softmax output).

    The features are RMS, waveform length, variance, maximum fractal length, modified MAV, enhanced
    waveform length, DASDV, average amplitude change, variance of the Fourier spectrum, maximum of
    the spectral density, and variance of the Teager-Kaiser energy.

    Parameters
    ----------
    $windows
    n_hidden : int, default=10
        Number of hidden units.
    $random_state

    Returns
    -------
    pipeline : Pipeline
        Pipeline whose ``divote__estimator`` has the steps ``features``, ``scaler`` and
        ``classifier``.

    Notes
    -----
    The source classifies subjects as healthy or sick. Pass such labels to reproduce its task, for
    instance ``np.where(y == "control", "healthy", "sick")``.

    $notes

    References
    ----------
    $source

    Examples
    --------
    >>> from sklearn_emg.papers import ahmed_islam
    >>> ahmed_islam(n_hidden=20).get_params()["divote__estimator__classifier__hidden_layer_sizes"]
    (20,)
    """
    time = TimeDomainFeatures(
        ["rms", "wl", "var", "mfl", "mmav1", "ewl", "dasdv", "aac", "tkeo_var"]
    )
    features = FeatureUnion(
        [("time", time), ("spectral", SpectralFeatures(["fft_var", "fft_max"]))]
    )
    network = MLPClassifier(
        (n_hidden,),
        activation="logistic",
        solver="lbfgs",
        max_iter=1000,
        random_state=random_state,
    )
    return over_filtered(classifier_of_features(features, network), fs, window, step)
