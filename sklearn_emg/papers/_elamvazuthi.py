"""Five features with a multilayer perceptron (Elamvazuthi et al. 2015)."""

from __future__ import annotations

from typing import Any

from sklearn.pipeline import FeatureUnion, Pipeline

from sklearn_emg._validation import check_option
from sklearn_emg.feature_extraction import AutoregressiveFeatures, TimeDomainFeatures
from sklearn_emg.papers._building import (
    MEAN_VOTE,
    NETWORK_OF_SKLEARN,
    REVIEW,
    SCALING,
    SPLIT_BY_SUBJECT,
    STANDARD_INPUT,
    STANDARD_WINDOWS,
    classical_classifier,
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

__all__ = ["elamvazuthi"]


@published_systems(
    {
        "elamvazuthi": Variant(
            "AR, RMS, ZC, WL and MAV with a multilayer perceptron",
            "AR, RMS, ZC, WL, MAV + MLP",
            [
                PublishedResult("accuracy of signals, ALS/myopathy/healthy", 86.3, True),
                PublishedResult("accuracy of signals, healthy/sick", 82.5, True),
                PublishedResult("accuracy of signals, myopathy/healthy", 81.0, True),
                PublishedResult("accuracy of signals, ALS/healthy", 80.5, True),
                PublishedResult("accuracy of signals, myopathy/ALS", 77.0, True),
            ],
        ),
        "elamvazuthi-ar": Variant(
            "AR coefficients with a multilayer perceptron", "AR + MLP", settings={"features": "ar"}
        ),
    },
    source=Source(
        "I. Elamvazuthi et al.",
        2015,
        "Electromyography (EMG) based Classification of Neuromuscular Disorders using Multi-Layer "
        "Perceptron",
        "Procedia Comput. Sci. 76, 223-228",
        REVIEW,
    ),
    input=STANDARD_INPUT,
    data="needle EMG, 5 subjects and 100 signals of each class (ALS, myopathy, healthy)",
    open_choices=[
        SPLIT_BY_SUBJECT,
        STANDARD_WINDOWS,
        OpenChoice("autoregressive model", "order 4 by Burg's method"),
        OpenChoice("zero crossings", "only crossings of at least 0.01 mV are counted"),
        SCALING,
        NETWORK_OF_SKLEARN,
        MEAN_VOTE,
    ],
)
def elamvazuthi(
    *,
    fs: float = 10_000.0,
    window: float = 0.4,
    step: float | None = 0.2,
    features: str = "all",
    order: int = 4,
    random_state: Any = None,
) -> Pipeline:
    """AR coefficients, RMS, ZC, WL and MAV with a multilayer perceptron.

    Parameters
    ----------
    $windows
    features : {"all", "ar"}, default="all"
        Features to use: all five kinds, or only the autoregressive coefficients, which are the best
        in the source.
    order : int, default=4
        Order of the autoregressive model.
    $random_state

    Returns
    -------
    pipeline : Pipeline
        Pipeline whose ``divote__estimator`` has the steps ``features``, ``scaler`` and
        ``classifier``.

    Raises
    ------
    ValueError
        If `features` is not one of the above.

    Notes
    -----
    The published results are leaky, since training, validation and test sets were split by signals
    and not by subjects.

    $notes

    References
    ----------
    $source

    Examples
    --------
    >>> from sklearn_emg.papers import elamvazuthi
    >>> windows = elamvazuthi().named_steps["divote"].estimator
    >>> [name for name, _ in windows.named_steps["features"].transformer_list]
    ['ar', 'time']
    """
    check_option(features, ("all", "ar"), "features", "elamvazuthi")
    ar = AutoregressiveFeatures(order)
    extractor = (
        ar
        if features == "ar"
        else FeatureUnion([("ar", ar), ("time", TimeDomainFeatures(["rms", "zc", "wl", "mav"]))])
    )
    windows = classifier_of_features(extractor, classical_classifier("mlp", random_state))
    return over_filtered(windows, fs, window, step)
