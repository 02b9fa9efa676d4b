"""Twelve features with one of five classifiers (Patel and Sunitha 2022)."""

from __future__ import annotations

from typing import Any

from sklearn.pipeline import Pipeline

from sklearn_emg._validation import check_option
from sklearn_emg.feature_extraction import TimeDomainFeatures
from sklearn_emg.papers._building import (
    MEAN_VOTE,
    REVIEW,
    SCALING,
    TRAINING_OF_PERCEPTRON,
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

__all__ = ["patel_sunitha"]

_CLASSIFIERS = {
    "mlp": ("a multilayer perceptron", 72.0),
    "svm": ("a support vector machine", 73.0),
    "rf": ("a random forest", 72.0),
    "gb": ("gradient boosting", 71.0),
    "knn": ("nearest neighbours", 69.0),
}


@published_systems(
    {
        f"patel-sunitha-{key}": Variant(
            f"twelve features with {name}",
            f"twelve features + {key.upper()}",
            [PublishedResult("accuracy of windows", accuracy)],
            {"classifier": key},
        )
        for key, (name, accuracy) in _CLASSIFIERS.items()
    },
    source=Source("Patel, Sunitha", 2022, note=REVIEW),
    input="needle EMG at 10 kHz, windows of 300.37 ms with an overlap of 99.84 ms",
    data=(
        "needle EMG of the biceps brachii and the vastus medialis: 332 signals from 8 subjects "
        "with ALS, 315 from 7 with myopathy and 300 from 10 healthy subjects"
    ),
    open_choices=[
        OpenChoice("filter and sampling rate", "band-pass of 20 to 4000 Hz; 10 kHz"),
        OpenChoice("zero crossings", "only crossings of at least 0.01 mV are counted"),
        SCALING,
        OpenChoice("split", "by subject", "windows of one subject resemble each other"),
        OpenChoice(
            "settings of the classifiers",
            "the defaults of scikit-learn; the MLP has one layer of 100 units and is "
            f"{TRAINING_OF_PERCEPTRON}; the forest has 100 trees, gradient boosting uses "
            "histograms (HistGradientBoostingClassifier), kNN uses five neighbours, and margins of "
            "the SVM are converted to probabilities by Platt's scaling, cross-validated by subject",
            "exact gradient boosting takes 12 times as long as histograms on N2001",
        ),
        MEAN_VOTE,
    ],
)
def patel_sunitha(
    classifier: str = "mlp",
    *,
    fs: float = 10_000.0,
    window: float = 0.30037,
    step: float | None = 0.20053,
    random_state: Any = None,
) -> Pipeline:
    """Twelve features of windows of 300.37 ms with one of five classifiers.

    The features are mean, variance, MAV, RMS, waveform length, zero crossings, log detector, DASDV,
    average amplitude change, variance of the absolute value, kurtosis and skewness.

    Parameters
    ----------
    classifier : {"mlp", "svm", "rf", "gb", "knn"}, default="mlp"
        Classifier: multilayer perceptron, support vector machine, random forest, gradient boosting
        or nearest neighbours.
    $windows
    $random_state

    Returns
    -------
    pipeline : Pipeline
        Pipeline whose ``divote__estimator`` has the steps ``features``, ``scaler`` and
        ``classifier``.

    Raises
    ------
    ValueError
        If `classifier` is not one of the above.

    Notes
    -----
    $notes

    References
    ----------
    $source

    Examples
    --------
    >>> from sklearn_emg.papers import patel_sunitha
    >>> patel_sunitha("knn").get_params()["divote__estimator__classifier"]
    KNeighborsClassifier()
    """
    check_option(classifier, tuple(_CLASSIFIERS), "classifier", "patel_sunitha")
    features = TimeDomainFeatures(
        [
            *("mean", "var", "mav", "rms", "wl", "zc", "log", "dasdv", "aac", "var_abs"),
            *("kurtosis", "skewness"),
        ]
    )
    windows = classifier_of_features(features, classical_classifier(classifier, random_state))
    return over_filtered(windows, fs, window, step)
