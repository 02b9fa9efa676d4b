"""The CNN of I. Yoo et al. (2023) and its classical baselines."""

from __future__ import annotations

from typing import Any

from sklearn.pipeline import FeatureUnion, Pipeline

from sklearn_emg._validation import check_option
from sklearn_emg.feature_extraction import SpectralFeatures, TimeDomainFeatures
from sklearn_emg.papers._building import (
    CNN_SIZES,
    MEAN_VOTE,
    REVIEW,
    SCALING,
    SPECTRUM,
    SPLIT_BY_SUBJECT,
    STANDARD_INPUT,
    STANDARD_TRAINING,
    STANDARD_WINDOWS,
    THRESHOLDS,
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

__all__ = ["yoo_2023", "yoo_2023_cnn"]

_SOURCE = Source("I. Yoo et al.", 2023, note=REVIEW)
_DATA = "20 subjects of each class"


@published_systems(
    {
        f"yoo-2023-{key}": Variant(
            f"features with {name}",
            f"features + {key.upper()}",
            [PublishedResult("accuracy of signals", accuracy, True)],
            {"classifier": key},
        )
        for key, name, accuracy in (
            ("svm", "a support vector machine", 85.0),
            ("rf", "a random forest", 87.5),
        )
    },
    source=_SOURCE,
    input=STANDARD_INPUT,
    data=_DATA,
    open_choices=[
        SPLIT_BY_SUBJECT,
        OpenChoice(
            "features",
            "MAV, RMS, WL, ZC, SSC, variance, mean and median frequency",
            "the review names no features",
        ),
        THRESHOLDS,
        SPECTRUM,
        SCALING,
        STANDARD_WINDOWS,
        OpenChoice(
            "settings of the classifiers",
            "the defaults of scikit-learn; the forest has 100 trees, and margins of the SVM are "
            "converted to probabilities by Platt's scaling, cross-validated by subject",
        ),
        MEAN_VOTE,
    ],
)
def yoo_2023(
    classifier: str = "svm",
    *,
    fs: float = 10_000.0,
    window: float = 0.4,
    step: float | None = 0.2,
    random_state: Any = None,
) -> Pipeline:
    """Support vector machine or random forest, with which I. Yoo et al. compared a CNN.

    Parameters
    ----------
    classifier : {"svm", "rf"}, default="svm"
        Classifier: support vector machine or random forest.
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
    The results are leaky, since training, validation and test sets were split by signals and not by
    subjects. :func:`yoo_2023_cnn` is the CNN of the source.

    $notes

    References
    ----------
    $source

    Examples
    --------
    >>> from sklearn_emg.papers import yoo_2023
    >>> yoo_2023("rf").get_params()["divote__estimator__classifier"]
    RandomForestClassifier()
    """
    check_option(classifier, ("svm", "rf"), "classifier", "yoo_2023")
    time = TimeDomainFeatures(["mav", "rms", "wl", "zc", "ssc", "var"])
    features = FeatureUnion([("time", time), ("spectral", SpectralFeatures(["mnf", "mdf"]))])
    windows = classifier_of_features(features, classical_classifier(classifier, random_state))
    return over_filtered(windows, fs, window, step)


@published_systems(
    {
        "yoo-2023-cnn": Variant(
            "convolutional network",
            "CNN on raw windows",
            [PublishedResult("accuracy of signals", 92.5, True)],
            further=[
                PublishedResult("sensitivity of signals", 91.7, True),
                PublishedResult("specificity of signals", 93.3, True),
            ],
        )
    },
    source=_SOURCE,
    input=STANDARD_INPUT,
    data=_DATA,
    open_choices=[
        SPLIT_BY_SUBJECT,
        STANDARD_WINDOWS,
        OpenChoice("input and sizes of the network", CNN_SIZES, "the review mentions only a CNN"),
        STANDARD_TRAINING,
        MEAN_VOTE,
    ],
    needs="nets",
    min_fs=250.0,
)
def yoo_2023_cnn(
    *,
    fs: float = 10_000.0,
    window: float = 0.4,
    step: float | None = 0.2,
    max_epochs: int = 100,
    random_state: Any = None,
) -> Pipeline:
    """Convolutional network, which I. Yoo et al. compared with classical classifiers.

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
    The source also reports a sensitivity of 91.7 % and a specificity of 93.3 %. The results are
    leaky, since training, validation and test sets were split by signals and not by subjects.

    $notes

    References
    ----------
    $source

    Examples
    --------
    >>> from sklearn_emg.papers import yoo_2023_cnn
    >>> yoo_2023_cnn(max_epochs=5).get_params()["divote__estimator__max_epochs"]
    5
    """
    from sklearn_emg.neural_network import CNN1DClassifier

    network = CNN1DClassifier(max_epochs=max_epochs, random_state=random_state)
    return over_filtered(network, fs, window, step)
