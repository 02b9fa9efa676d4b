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
    data="needle EMG, 80 signals of 7 and 80 of 10 subjects, healthy against sick",
    open_choices=[
        STANDARD_WINDOWS,
        OpenChoice("modified mean absolute value", "the first (weights 0.5 at the ends)"),
        OpenChoice(
            "labels",
            'those of y; np.where(y == "control", "healthy", "sick") gives the two of the source',
            "any number of classes",
            "healthy and sick",
        ),
        OpenChoice("split", "by subject", "signals of one subject resemble each other"),
        SCALING,
        OpenChoice(
            "output for two classes",
            "one logistic unit",
            "the same model as two softmax units",
            "softmax",
        ),
        OpenChoice(
            "hidden units", "10", "the default of the pattern-recognition network of MATLAB"
        ),
        OpenChoice(
            "training",
            "L-BFGS, at most 1000 iterations, with the L2 penalty 1e-4 of scikit-learn, no "
            "validation set",
            "scikit-learn has no scaled conjugate gradients, the default of that network of MATLAB",
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
    its density, and variance of the Teager-Kaiser energy.

    Parameters
    ----------
    $windows
    n_hidden : int, default=10
        Number of hidden units.
    $random_state

    Returns
    -------
    pipeline : Pipeline
        ``divote__estimator`` has the steps ``features``, ``scaler``, ``classifier``.

    Notes
    -----
    The source separates healthy and sick subjects; give such labels,
    ``np.where(y == "control", "healthy", "sick")``.

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
