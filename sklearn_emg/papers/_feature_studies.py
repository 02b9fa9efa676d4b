"""Features and a classical classifier: four studies reviewed by Loubar and Toubal (2023)."""

from __future__ import annotations

from typing import Any

from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from sklearn_emg.feature_extraction import (
    AutoregressiveFeatures,
    SpectralFeatures,
    TimeDomainFeatures,
)
from sklearn_emg.papers._building import check_choice, over_filtered
from sklearn_emg.papers._registry import Figure, register

REVIEW = "; reviewed by L. Loubar, M. Toubal, Boumerdes, 2023"
CLASSIFIERS = ("mlp", "svm", "rf", "gb", "knn")


def _classifier(name: str, random_state: Any) -> Any:
    if name == "mlp":
        return MLPClassifier((100,), max_iter=500, random_state=random_state)
    if name == "svm":
        # Platt's scaling of cross-validated margins, as LIBSVM's own probabilities are made.
        return CalibratedClassifierCV(SVC(), cv=3, ensemble=False)
    if name == "rf":
        return RandomForestClassifier(100, random_state=random_state)
    if name == "gb":
        return GradientBoostingClassifier(random_state=random_state)
    return KNeighborsClassifier(5)


def _windows(features: Any, classifier: Any) -> Pipeline:
    return Pipeline(
        [("features", features), ("scaler", StandardScaler()), ("classifier", classifier)]
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
    fs : float, default=10000
        Rate in Hz at which windows are cut.
    window, step : float, default=0.4 and 0.2
        Seconds.
    features : {"all", "ar"}, default="all"
        All five, or the autoregressive coefficients alone, which lead in the source.
    order : int, default=4
        Of the autoregressive model.
    random_state : int, RandomState instance or None, default=None

    Returns
    -------
    pipeline : Pipeline
        ``divote__estimator`` has the steps ``features``, ``scaler``, ``classifier``.

    Raises
    ------
    ValueError
        If `features` is not one of the above.

    Notes
    -----
    Published: 86.3 % for ALS, myopathy and healthy; how the windows were split is not known here.

    Left open in the source, with the choice made here:

    - band-pass of 20 to 4000 Hz, windows of 0.4 s every 0.2 s at 10 kHz
    - autoregressive order 4 by Burg's method; zero crossings of at least 0.01 mV
    - one hidden layer of 100 rectified units, Adam
    - vote over recordings and subjects: mean probability

    References
    ----------
    I. Elamvazuthi et al., "Electromyography (EMG) based Classification of Neuromuscular Disorders
    using Multi-Layer Perceptron", Procedia Comput. Sci. 76 (2015) 223-228.

    Examples
    --------
    >>> from sklearn_emg.papers import elamvazuthi
    >>> windows = elamvazuthi().named_steps["divote"].estimator
    >>> [name for name, _ in windows.named_steps["features"].transformer_list]
    ['ar', 'time']
    """
    check_choice(features, ("all", "ar"), "features", "elamvazuthi")
    ar = AutoregressiveFeatures(order)
    extractor = (
        ar
        if features == "ar"
        else FeatureUnion([("ar", ar), ("time", TimeDomainFeatures(["rms", "zc", "wl", "mav"]))])
    )
    return over_filtered(
        _windows(extractor, _classifier("mlp", random_state)),
        fs,
        window,
        step,
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

    RMS, waveform length, variance, maximum fractal length, modified MAV, enhanced waveform length,
    DASDV, average amplitude change, variance of the Fourier spectrum, maximum of its density, and
    variance of the Teager-Kaiser energy.

    Parameters
    ----------
    fs : float, default=10000
        Rate in Hz at which windows are cut.
    window, step : float, default=0.4 and 0.2
        Seconds.
    n_hidden : int, default=10
        Hidden units.
    random_state : int, RandomState instance or None, default=None

    Returns
    -------
    pipeline : Pipeline
        ``divote__estimator`` has the steps ``features``, ``scaler``, ``classifier``.

    Notes
    -----
    Published: 85 % for ALS, myopathy and healthy; how the windows were split is not known here.

    Left open in the source, with the choice made here:

    - band-pass of 20 to 4000 Hz, windows of 0.4 s every 0.2 s at 10 kHz
    - which modified mean absolute value: the first (weights 0.5 at the ends)
    - hidden units: 10, the default of the pattern-recognition network of MATLAB; trained by L-BFGS
      in place of scaled conjugate gradients, with the L2 penalty 1e-4 of scikit-learn
    - vote over recordings and subjects: mean probability

    References
    ----------
    Ahmed, Islam, 2021, as reviewed by L. Loubar, M. Toubal, "EMG Signals Classification for
    Neuromuscular Diseases Detection Using Deep Learning", Boumerdes, 2023.

    Examples
    --------
    >>> from sklearn_emg.papers import ahmed_islam
    >>> ahmed_islam(n_hidden=20).get_params()["divote__estimator__classifier__hidden_layer_sizes"]
    (20,)
    """
    time = TimeDomainFeatures(
        ["rms", "wl", "var", "mfl", "mmav1", "ewl", "dasdv", "aac", "tkeo_var"]
    )
    spectral = SpectralFeatures(["fft_var", "fft_max"])
    network = MLPClassifier(
        (n_hidden,),
        activation="logistic",
        solver="lbfgs",
        max_iter=1000,
        random_state=random_state,
    )
    return over_filtered(
        _windows(FeatureUnion([("time", time), ("spectral", spectral)]), network),
        fs,
        window,
        step,
    )


def patel_sunitha(
    classifier: str = "mlp",
    *,
    fs: float = 10_000.0,
    window: float = 0.30037,
    step: float | None = 0.20053,
    random_state: Any = None,
) -> Pipeline:
    """Twelve features with one of five classifiers, windows of 300.37 ms.

    Mean, variance, MAV, RMS, waveform length, zero crossings, log detector, DASDV, average
    amplitude change, variance of the absolute value, kurtosis and skewness.

    Parameters
    ----------
    classifier : {"mlp", "svm", "rf", "gb", "knn"}, default="mlp"
    fs : float, default=10000
        Rate in Hz at which windows are cut.
    window, step : float, default=0.30037 and 0.20053
        Seconds; the paper's overlap is 99.84 ms.
    random_state : int, RandomState instance or None, default=None

    Returns
    -------
    pipeline : Pipeline
        ``divote__estimator`` has the steps ``features``, ``scaler``, ``classifier``.

    Raises
    ------
    ValueError
        If `classifier` is not one of the above.

    Notes
    -----
    Published: MLP 72, SVM 73, RF 72, GB 71, kNN 69 %; how the windows were split is not known here.

    Left open in the source, with the choice made here:

    - band-pass of 20 to 4000 Hz at 10 kHz
    - settings of the classifiers: scikit-learn's defaults; the MLP has one layer of 100 units, kNN
      five neighbours
    - vote over recordings and subjects: mean probability

    References
    ----------
    Patel, Sunitha, 2022, as reviewed by L. Loubar, M. Toubal, "EMG Signals Classification for
    Neuromuscular Diseases Detection Using Deep Learning", Boumerdes, 2023.

    Examples
    --------
    >>> from sklearn_emg.papers import patel_sunitha
    >>> patel_sunitha("knn").get_params()["divote__estimator__classifier"]
    KNeighborsClassifier()
    """
    check_choice(classifier, CLASSIFIERS, "classifier", "patel_sunitha")
    features = TimeDomainFeatures(
        [
            *("mean", "var", "mav", "rms", "wl", "zc", "log", "dasdv", "aac", "var_abs"),
            *("kurtosis", "skewness"),
        ]
    )
    return over_filtered(
        _windows(features, _classifier(classifier, random_state)),
        fs,
        window,
        step,
    )


def yoo_2023(
    classifier: str = "svm",
    *,
    fs: float = 10_000.0,
    window: float = 0.4,
    step: float | None = 0.2,
    random_state: Any = None,
) -> Pipeline:
    """The support vector machine and the random forest that I. Yoo et al. set against their CNN.

    Parameters
    ----------
    classifier : {"svm", "rf"}, default="svm"
    fs : float, default=10000
        Rate in Hz at which windows are cut.
    window, step : float, default=0.4 and 0.2
        Seconds.
    random_state : int, RandomState instance or None, default=None

    Returns
    -------
    pipeline : Pipeline
        ``divote__estimator`` has the steps ``features``, ``scaler``, ``classifier``.

    Raises
    ------
    ValueError
        If `classifier` is not one of the above.

    Notes
    -----
    Published: SVM 85.0 %, random forest 87.5 %, their CNN 92.5 %; the split is not known here.

    Left open in the source, with the choice made here:

    - features: the review names none; MAV, RMS, WL, ZC, SSC, variance, mean and median frequency
    - band-pass of 20 to 4000 Hz, windows of 0.4 s every 0.2 s at 10 kHz
    - settings of the classifiers: scikit-learn's defaults, 100 trees
    - vote over recordings and subjects: mean probability

    References
    ----------
    I. Yoo et al., 2023, as reviewed by L. Loubar, M. Toubal, "EMG Signals Classification for
    Neuromuscular Diseases Detection Using Deep Learning", Boumerdes, 2023.

    Examples
    --------
    >>> from sklearn_emg.papers import yoo_2023
    >>> yoo_2023("rf").get_params()["divote__estimator__classifier"]
    RandomForestClassifier()
    """
    check_choice(classifier, ("svm", "rf"), "classifier", "yoo_2023")
    time = TimeDomainFeatures(["mav", "rms", "wl", "zc", "ssc", "var"])
    spectral = SpectralFeatures(["mnf", "mdf"])
    return over_filtered(
        _windows(
            FeatureUnion([("time", time), ("spectral", spectral)]),
            _classifier(classifier, random_state),
        ),
        fs,
        window,
        step,
    )


_WINDOWS = "needle EMG at 10 kHz, windows of 0.4 s every 0.2 s"
register(
    elamvazuthi,
    "elamvazuthi",
    citation="I. Elamvazuthi et al., Procedia Comput. Sci. 76 (2015) 223-228" + REVIEW,
    input=_WINDOWS,
    estimator="AR, RMS, ZC, WL, MAV + MLP",
    published=[Figure("accuracy of windows", 86.3)],
)
register(
    elamvazuthi,
    "elamvazuthi-ar",
    citation="I. Elamvazuthi et al., Procedia Comput. Sci. 76 (2015) 223-228" + REVIEW,
    input=_WINDOWS,
    estimator="AR + MLP",
    features="ar",
)
register(
    ahmed_islam,
    "ahmed-islam",
    citation="Ahmed, Islam, 2021" + REVIEW,
    input=_WINDOWS,
    estimator="eleven features + two-layer network",
    published=[Figure("accuracy of windows", 85.0)],
)
for _name, _value in zip(CLASSIFIERS, (72.0, 73.0, 72.0, 71.0, 69.0)):
    register(
        patel_sunitha,
        f"patel-sunitha-{_name}",
        citation="Patel, Sunitha, 2022" + REVIEW,
        input="needle EMG at 10 kHz, windows of 300.37 ms with 99.84 ms overlapping",
        estimator=f"twelve features + {_name.upper()}",
        published=[Figure("accuracy of windows", _value)],
        classifier=_name,
    )
for _name, _value in (("svm", 85.0), ("rf", 87.5)):
    register(
        yoo_2023,
        f"yoo-2023-{_name}",
        citation="I. Yoo et al., 2023" + REVIEW,
        input=_WINDOWS,
        estimator=f"features + {_name.upper()}",
        published=[Figure("accuracy of windows", _value)],
        classifier=_name,
    )
