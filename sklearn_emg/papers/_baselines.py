"""Strong baselines with which the published systems were not compared."""

from __future__ import annotations

from typing import Any

from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.pipeline import Pipeline

from sklearn_emg.feature_extraction import (
    Catch22Features,
    EMGFeatures,
    MiniRocket,
    MultiRocket,
    TangentSpaceFeatures,
)
from sklearn_emg.papers._building import (
    MEAN_VOTE,
    SCALING,
    STANDARD_TRAINING,
    classifier_of_features,
    over_filtered,
)
from sklearn_emg.papers._registry import OpenChoice, Source, Variant, published_systems

__all__ = [
    "boosted_features",
    "catch22_features",
    "inception_time",
    "minirocket",
    "multirocket",
    "tangent_space",
]

_INPUT = "EMG at 10 kHz, windows of 1 s without overlap"
_WINDOWS = OpenChoice(
    "filter and windows",
    "band-pass of 20 to 4000 Hz, windows of 1 s without overlap at 10 kHz",
    "ALSNet and the Boumerdes study use windows of 1 s; the method was published for other signals",
)


_ROCKET_INPUT = "EMG at 5 kHz, windows of 1 s without overlap"
_ROCKET_CHOICES = (
    OpenChoice(
        "filter and windows",
        "band-pass of 20 to 4000 Hz, windows of 1 s without overlap at 5 kHz",
        "ALSNet and the Boumerdes study use windows of 1 s; halving the rate halves the time",
    ),
    OpenChoice(
        "penalty of the ridge classifier",
        "equal to the number of features, which are standardised",
        "leave-one-out over windows trains on other windows of the same subject",
        "cross-validation over samples, from 1e-3 to 1e3",
    ),
    OpenChoice(
        "vote",
        "number of windows predicted as each class",
        "a ridge classifier has no probabilities",
    ),
)


def _with_ridge(features: Any, fs: float, window: float, step: float | None) -> Pipeline:
    """Chain features of fixed convolutions, standardisation and a ridge classifier of windows."""
    windows = classifier_of_features(features, RidgeClassifier(alpha=float(features.n_features)))
    model = over_filtered(windows, fs, window, step)
    return model.set_params(divote__voting="hard")


@published_systems(
    {"minirocket": Variant("MiniRocket with a ridge classifier", "MiniRocket + ridge")},
    source=Source(
        "A. Dempster, D. F. Schmidt, G. I. Webb",
        2021,
        "MiniRocket: a very fast (almost) deterministic transform for time series classification",
        "KDD 2021, 248-257, doi:10.1145/3447548.3467231",
    ),
    input=_ROCKET_INPUT,
    open_choices=_ROCKET_CHOICES,
    kind="baseline",
)
def minirocket(
    *,
    fs: float = 5_000.0,
    window: float = 1.0,
    step: float | None = None,
    n_features: int = 9996,
    n_jobs: int | None = None,
    random_state: Any = None,
) -> Pipeline:
    """MiniRocket (proportions of positive values of convolutions) with a ridge classifier.

    Parameters
    ----------
    $windows
    n_features : int, default=9996
        Number of features.
    n_jobs : int, default=None
        Number of threads for computing the features. The results do not depend on it.
    $random_state

    Returns
    -------
    pipeline : Pipeline
        Pipeline whose ``divote__estimator`` has the steps ``features``, ``scaler`` and
        ``classifier``.

    Notes
    -----
    $notes

    References
    ----------
    $source

    Examples
    --------
    >>> from sklearn_emg.papers import minirocket
    >>> minirocket().get_params()["divote__estimator__features"]
    MiniRocket()
    """
    features = MiniRocket(n_features, n_jobs=n_jobs, random_state=random_state)
    return _with_ridge(features, fs, window, step)


@published_systems(
    {"multirocket": Variant("MultiRocket with a ridge classifier", "MultiRocket + ridge")},
    source=Source(
        "C. W. Tan, A. Dempster, C. Bergmeir, G. I. Webb",
        2022,
        "MultiRocket: multiple pooling operators and transformations for fast and effective time "
        "series classification",
        "Data Min. Knowl. Discov. 36, 1623-1646, doi:10.1007/s10618-022-00844-1",
    ),
    input=_ROCKET_INPUT,
    open_choices=[
        OpenChoice(
            "number of features",
            "9408",
            "about as many as for MiniRocket; with 49,728 features, thousands of windows exceed "
            "the memory of a laptop",
            "49,728",
        ),
        *_ROCKET_CHOICES,
    ],
    kind="baseline",
)
def multirocket(
    *,
    fs: float = 5_000.0,
    window: float = 1.0,
    step: float | None = None,
    n_features: int = 9408,
    n_jobs: int | None = None,
    random_state: Any = None,
) -> Pipeline:
    """MultiRocket (four pooled features of fixed dilated convolutions) with a ridge classifier.

    Parameters
    ----------
    $windows
    n_features : int, default=9408
        Number of features.
    n_jobs : int, default=None
        Number of threads for computing the features. The results do not depend on it.
    $random_state

    Returns
    -------
    pipeline : Pipeline
        Pipeline whose ``divote__estimator`` has the steps ``features``, ``scaler`` and
        ``classifier``.

    Notes
    -----
    $notes

    References
    ----------
    $source

    Examples
    --------
    >>> from sklearn_emg.papers import multirocket
    >>> multirocket().get_params()["divote__estimator__features"]
    MultiRocket(n_features=9408)
    """
    features = MultiRocket(n_features, n_jobs=n_jobs, random_state=random_state)
    return _with_ridge(features, fs, window, step)


@published_systems(
    {
        "catch22": Variant(
            "22 characteristics of time series with logistic regression", "catch22 + logistic"
        )
    },
    source=Source(
        "C. H. Lubba et al.",
        2019,
        "catch22: CAnonical Time-series CHaracteristics",
        "Data Min. Knowl. Discov. 33, 1821-1852, doi:10.1007/s10618-019-00647-x",
    ),
    input=_INPUT,
    open_choices=[
        _WINDOWS,
        OpenChoice(
            "features",
            "24, including the mean and the standard deviation",
            "amplitude matters in EMG",
        ),
        OpenChoice("classifier", "logistic regression on standardised features"),
        MEAN_VOTE,
    ],
    needs="catch22",
    kind="baseline",
)
def catch22_features(
    *,
    fs: float = 10_000.0,
    window: float = 1.0,
    step: float | None = None,
) -> Pipeline:
    """Twenty-two canonical characteristics of time series with logistic regression.

    Parameters
    ----------
    $windows

    Returns
    -------
    pipeline : Pipeline
        Pipeline whose ``divote__estimator`` has the steps ``features``, ``scaler`` and
        ``classifier``.

    Notes
    -----
    $notes

    References
    ----------
    $source

    Examples
    --------
    >>> from sklearn_emg.papers import catch22_features
    >>> catch22_features().get_params()["divote__estimator__features"]
    Catch22Features()
    """
    windows = classifier_of_features(Catch22Features(), LogisticRegression(max_iter=1000))
    return over_filtered(windows, fs, window, step)


@published_systems(
    {
        "tangent-space": Variant(
            "covariances in the tangent space with logistic regression",
            "covariances, tangent space + logistic",
        )
    },
    source=Source(
        "A. Barachant, S. Bonnet, M. Congedo, C. Jutten",
        2013,
        "Classification of covariance matrices using a Riemannian-based kernel for brain-computer "
        "interface applications",
        "Neurocomputing 112, 172-178, doi:10.1016/j.neucom.2012.12.039",
    ),
    input=_INPUT,
    open_choices=[
        _WINDOWS,
        OpenChoice(
            "channels",
            "each channel with seven copies that are delayed by 0.2 to 12.8 ms",
            "a single channel has no covariances; delayed copies add information on its spectrum",
            "several channels of EEG",
        ),
        OpenChoice(
            "covariance",
            "Ledoit-Wolf shrinkage",
            "some windows are almost silent, and delayed copies are almost equal",
            "sample covariance",
        ),
        OpenChoice(
            "classifier",
            "logistic regression on standardised features",
            "the vote averages probabilities, which a support vector machine does not provide",
            "a support vector machine",
        ),
        MEAN_VOTE,
    ],
    needs="riemann",
    kind="baseline",
)
def tangent_space(
    *,
    fs: float = 10_000.0,
    window: float = 1.0,
    step: float | None = None,
) -> Pipeline:
    """Covariances of channels and their delayed copies, in the tangent space at their mean.

    Parameters
    ----------
    $windows

    Returns
    -------
    pipeline : Pipeline
        Pipeline whose ``divote__estimator`` has the steps ``features``, ``scaler`` and
        ``classifier``.

    Notes
    -----
    $notes

    References
    ----------
    $source

    Examples
    --------
    >>> from sklearn_emg.papers import tangent_space
    >>> tangent_space().get_params()["divote__estimator__features"]
    TangentSpaceFeatures()
    """
    windows = classifier_of_features(TangentSpaceFeatures(), LogisticRegression(max_iter=1000))
    return over_filtered(windows, fs, window, step)


@published_systems(
    {
        "boosted-features": Variant(
            "all features of windows with gradient boosting", "all features + boosting"
        )
    },
    source=Source(
        "G. Ke et al.",
        2017,
        "LightGBM: a highly efficient gradient boosting decision tree",
        "NeurIPS 30, 3146-3154",
    ),
    input=_INPUT,
    open_choices=[
        _WINDOWS,
        OpenChoice("features", "the set 'all' of EMGFeatures", "the method takes any features"),
        OpenChoice(
            "boosting",
            "scikit-learn's histogram gradient boosting with its defaults",
            "it grows the same kind of trees without an additional dependency",
            "LightGBM",
        ),
        SCALING,
        MEAN_VOTE,
    ],
    kind="baseline",
)
def boosted_features(
    *,
    fs: float = 10_000.0,
    window: float = 1.0,
    step: float | None = None,
    random_state: Any = None,
) -> Pipeline:
    """All features of this package with gradient boosting.

    Parameters
    ----------
    $windows
    $random_state

    Returns
    -------
    pipeline : Pipeline
        Pipeline whose ``divote__estimator`` has the steps ``features``, ``scaler`` and
        ``classifier``.

    Notes
    -----
    $notes

    References
    ----------
    $source

    Examples
    --------
    >>> from sklearn_emg.papers import boosted_features
    >>> boosted_features().get_params()["divote__estimator__features__features"]
    'all'
    """
    classifier = HistGradientBoostingClassifier(random_state=random_state)
    return over_filtered(classifier_of_features(EMGFeatures("all"), classifier), fs, window, step)


@published_systems(
    {"inception-time": Variant("a small InceptionTime on raw windows", "InceptionTime, small")},
    source=Source(
        "H. Ismail Fawaz et al.",
        2020,
        "InceptionTime: finding AlexNet for time series classification",
        "Data Min. Knowl. Discov. 34, 1936-1962, doi:10.1007/s10618-020-00710-y",
    ),
    input="EMG at 2 kHz, windows of 1 s without overlap",
    open_choices=[
        OpenChoice(
            "filter and windows",
            "band-pass of 20 Hz to 4 kHz, but at most 0.45 times the sampling rate of a recording, "
            "applied before resampling; windows of 1 s without overlap at 2 kHz",
            "filters of 39 samples then span 20 ms, the length of a motor unit potential",
        ),
        OpenChoice(
            "size",
            "one network of three blocks of 16 filters, with kernels of 39, 19 and 9 samples",
            "it can be trained on a laptop, and odd kernels are centred",
            "five networks of six blocks of 32 filters, with kernels of 40, 20 and 10 samples",
        ),
        OpenChoice(
            "training",
            STANDARD_TRAINING.choice,
            "the other networks are trained in the same way; 1500 epochs require a GPU",
            "Adam with a learning rate of 1e-3, halved after 50 epochs without progress, batches "
            "of 64, 1500 epochs; the weights with the lowest training loss are kept",
        ),
        MEAN_VOTE,
    ],
    needs="nets",
    kind="baseline",
)
def inception_time(
    *,
    fs: float = 2_000.0,
    window: float = 1.0,
    step: float | None = None,
    max_epochs: int = 100,
    random_state: Any = None,
) -> Pipeline:
    """A small InceptionTime network, with residual convolutions of several lengths.

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
    >>> from sklearn_emg.papers import inception_time
    >>> inception_time().get_params()["divote__estimator__n_blocks"]
    3
    """
    from sklearn_emg.neural_network import InceptionTimeClassifier

    network = InceptionTimeClassifier(max_epochs=max_epochs, random_state=random_state)
    return over_filtered(network, fs, window, step)
