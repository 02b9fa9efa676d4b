"""Parts that the pipelines of many systems have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sklearn.calibration import CalibratedClassifierCV
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from sklearn_emg.ensemble import DiVoteClassifier
from sklearn_emg.papers._registry import OpenChoice
from sklearn_emg.preprocessing import ArtefactRejector, BandpassFilter, GapInterpolator, Resampler

REVIEW = "as reviewed by L. Loubar, M. Toubal, University M'Hamed Bougara, Boumerdes, 2023"
BAND_PASS = OpenChoice(
    "band-pass",
    "20 to 4000 Hz, but at most 0.45 times the sampling rate of a recording, applied before "
    "resampling; Butterworth filter of order 4, forwards and backwards (filter__design='fir' "
    "convolves with a finite impulse response)",
    "the source states neither the cut-off frequencies nor the design",
    "convolution with an impulse response",
)
STANDARD_INPUT = "needle EMG at 10 kHz, windows of 0.4 s every 0.2 s"

MEAN_VOTE = OpenChoice("vote over recordings and subjects", "mean probability")
SPLIT_BY_SUBJECT = OpenChoice(
    "split",
    "by subject; RandomRecordings splits recordings, and its scores are labelled leaky",
    "signals of one subject resemble each other",
    "a split of signals into training, validation and test sets",
)
STANDARD_WINDOWS = OpenChoice(
    "filter and windows",
    "band-pass of 20 to 4000 Hz (Butterworth filter of order 4, forwards and backwards); windows "
    "of 0.4 s every 0.2 s at 10 kHz",
)
SCALING = OpenChoice(
    "scaling of features", "features are standardised", "features differ in their units"
)
THRESHOLDS = OpenChoice(
    "thresholds of zero crossings and of slope sign changes",
    "0.01 mV",
    "with lower thresholds, noise is counted",
)
SPECTRUM = OpenChoice(
    "power spectrum",
    "computed from the whole window without a taper, after its mean is subtracted",
    "this is the simplest estimate",
)
CNN_SIZES = (
    "raw windows; 32 and 64 filters of 9 samples, each with ReLU and max pooling by 4; 64 dense "
    "units (CNN1D)"
)
STANDARD_TRAINING = OpenChoice(
    "training",
    "Adam with a learning rate of 1e-3, batches of 32, cross entropy, at most 100 epochs, patience "
    "20; the weights with the lowest loss on 20 % of the training subjects are kept",
)
TRAINING_OF_PERCEPTRON = (
    "trained by Adam with a learning rate of 1e-3 until the training loss falls by less than 1e-3 "
    "for ten epochs, at most 500 epochs"
)
NETWORK_OF_SKLEARN = OpenChoice(
    "network",
    f"one hidden layer of 100 ReLU units, {TRAINING_OF_PERCEPTRON}",
    "with a tolerance of 1e-4, 500 epochs do not converge on N2001 and take 2.9 times as long",
)


def over_recordings(
    classifier: Any,
    *,
    fs: float,
    window: float,
    step: float | None,
    by: str | None = None,
    low: float | None = None,
    high: float | None = None,
    final_estimator: Any = None,
    before: tuple[tuple[str, Any], ...] = (),
    max_gap: float = 0.002,
) -> Pipeline:
    """Chain a band-pass, resampling to one rate, and windows that vote for their subject.

    Parameters
    ----------
    classifier : estimator object
        Classifier of windows.
    fs : float
        Sampling rate in Hz at which windows are cut; the rates in a table may differ.
    window : float
        Length of a window in seconds.
    step : float or None
        Time from the start of one window to the start of the next, in seconds. None means no
        overlap.
    by : str, default=None
        Column of the table for whose values recordings are averaged separately, as in
        :class:`~sklearn_emg.ensemble.DiVoteClassifier`.
    low, high : float, default=None
        Cut-off frequencies in Hz; `high` is limited to 0.45 times the rate of a recording. With
        None, there is no filter.
    final_estimator : None, "logistic" or estimator object, default=None
        Classifier of the aggregated votes, as in
        :class:`~sklearn_emg.ensemble.DiVoteClassifier`.
    before : tuple of (name, transformer), default=()
        Further steps between resampling and windows.
    max_gap : float, default=0.002
        Maximum length in seconds of a gap that stays interpolated.

    Returns
    -------
    pipeline : Pipeline
        Pipeline with the steps ``gaps``, ``filter``, ``resample``, the steps of `before`, ``mark``
        and ``divote``. The first step fills missing samples, and ``mark`` sets the samples of gaps
        longer than `max_gap` to NaN again. Windows with NaN, and recordings shorter than a window,
        are left out.
    """
    # Steps that a system does not have are "passthrough", so that set_params can insert them.
    bandpass = (
        "passthrough" if low is None or high is None else BandpassFilter(low, high, lower_high=True)
    )
    votes = DiVoteClassifier(
        classifier,
        window=window,
        step=step,
        by=by,
        final_estimator=final_estimator,
        nan="skip",
        short="skip",
    )
    return Pipeline(
        [
            ("gaps", GapInterpolator(max_gap, longer="note")),
            ("filter", bandpass),
            ("resample", Resampler(float(fs))),
            *before,
            ("mark", ArtefactRejector(kinds=[])),
            ("divote", votes),
        ]
    )


def over_filtered(
    classifier: Any,
    fs: float,
    window: float,
    step: float | None,
    before: tuple[tuple[str, Any], ...] = (),
) -> Pipeline:
    """Call `over_recordings` with a band-pass of 20 to 4000 Hz."""
    return over_recordings(
        classifier, fs=fs, window=window, step=step, low=20.0, high=4000.0, before=before
    )


def classifier_of_features(features: Any, classifier: Any) -> Pipeline:
    """Chain features of windows, standardisation and a classifier."""
    return Pipeline(
        [("features", features), ("scaler", StandardScaler()), ("classifier", classifier)]
    )


def perceptron(hidden: Sequence[int], random_state: Any = None) -> MLPClassifier:
    """Return a multilayer perceptron that is trained as in `TRAINING_OF_PERCEPTRON`."""
    return MLPClassifier(tuple(hidden), max_iter=500, tol=1e-3, random_state=random_state)


def classical_classifier(name: str, random_state: Any = None) -> Any:
    """Return a classifier of scikit-learn: "lda", "mlp", "svm", "rf", "gb" or "knn"."""
    if name == "svm":
        # Platt's scaling of cross-validated margins, as in LIBSVM.
        return CalibratedClassifierCV(SVC(), cv=3, ensemble=False)
    classifiers = {
        "lda": LinearDiscriminantAnalysis(),
        "mlp": perceptron((100,), random_state),
        "rf": RandomForestClassifier(100, random_state=random_state),
        "gb": HistGradientBoostingClassifier(random_state=random_state),
        "knn": KNeighborsClassifier(5),
    }
    return classifiers[name]
