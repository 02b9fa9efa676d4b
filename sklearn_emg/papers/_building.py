"""Parts that the pipelines of all systems have in common."""

from __future__ import annotations

from typing import Any

from sklearn.calibration import CalibratedClassifierCV
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from sklearn_emg.ensemble import DiVoteClassifier
from sklearn_emg.papers._registry import OpenChoice, Source
from sklearn_emg.preprocessing import ArtefactRejector, BandpassFilter, GapInterpolator, Resampler

REVIEW = "as reviewed by L. Loubar, M. Toubal, University M'Hamed Bougara, Boumerdes, 2023"
NEUROFUSION = Source(
    "R. Chandrasekaran et al.",
    2024,
    "Pioneering prognosis and management in neuromuscular healthcare using EMG signal processing "
    "with advanced deep learning techniques",
    "Traitement du Signal 41 (4), 1633-1645, doi:10.18280/ts.410401",
)
NEUROFUSION_INPUT = "EMG, windows of 0.4 s every 0.2 s"
NEUROFUSION_DATA = "not named, nor how subjects were split"
BAND_PASS = OpenChoice(
    "band-pass",
    "20 to 4000 Hz, at most 0.45 times the rate of a recording, before the rate is lowered; "
    "Butterworth of order 4, forwards and backwards; filter__design='fir' convolves with a finite "
    "impulse response",
    "the source gives neither corners nor design",
    "convolution with an impulse response",
)
STANDARD_INPUT = "needle EMG at 10 kHz, windows of 0.4 s every 0.2 s"

MEAN_VOTE = OpenChoice("vote over recordings and subjects", "mean probability")
SPLIT_BY_SUBJECT = OpenChoice(
    "split",
    "by subject; RandomRecordings divides signals, and calls its scores leaky",
    "signals of one subject resemble each other",
    "training, validation and test by signals",
)
STANDARD_WINDOWS = OpenChoice(
    "filter and windows",
    "band-pass of 20 to 4000 Hz (Butterworth of order 4, forwards and backwards), windows of 0.4 s "
    "every 0.2 s at 10 kHz",
)
SCALING = OpenChoice(
    "scaling of features", "features are standardised", "they differ in their units"
)
THRESHOLDS = OpenChoice(
    "thresholds of crossings and of changes of slope", "0.01 mV", "smaller ones count noise"
)
SPECTRUM = OpenChoice(
    "power spectrum", "of the whole window without its mean, without a taper", "it is the plain one"
)
CNN_SIZES = (
    "raw windows; 32 and 64 filters of 9 samples, each with rectifier and maximum pooling by 4; 64 "
    "dense units (CNN1D)"
)
STANDARD_TRAINING = OpenChoice(
    "training",
    "Adam 1e-3, batches of 32, cross entropy, at most 100 epochs, patience 20; the weights with "
    "the lowest loss on 20 % of the training subjects are kept",
)
NETWORK_OF_SKLEARN = OpenChoice(
    "network", "one hidden layer of 100 rectified units, Adam 1e-3, at most 500 epochs"
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
        Sampling rate in Hz at which windows are cut; the rates of a table may differ.
    window, step : float
        Length of a window and time between the starts of two windows, in seconds.
    by : str, default=None
        See :class:`~sklearn_emg.ensemble.DiVoteClassifier`.
    low, high : float, default=None
        Cut-off frequencies in Hz; `high` is lowered to 0.45 times the rate of a recording. None
        leaves the filter out.
    final_estimator : None, "logistic" or estimator object, default=None
        See :class:`~sklearn_emg.ensemble.DiVoteClassifier`.
    before : tuple of (name, transformer), default=()
        Further steps between resampling and windows.
    max_gap : float, default=0.002
        Maximum length in seconds of a gap that stays interpolated.

    Returns
    -------
    pipeline : Pipeline
        Steps ``gaps``, ``filter``, ``resample``, those of `before`, ``mark`` and ``divote``. The
        first fills missing samples, and ``mark`` makes them NaN again, except those of gaps of up
        to `max_gap`. Windows with NaN, and recordings shorter than a window, are left out.
    """
    # Steps that a system lacks are "passthrough", so that set_params can put one there.
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
    """`over_recordings` with a band-pass of 20 to 4000 Hz."""
    return over_recordings(
        classifier, fs=fs, window=window, step=step, low=20.0, high=4000.0, before=before
    )


def classifier_of_features(features: Any, classifier: Any) -> Pipeline:
    """Chain features of windows, standardisation and a classifier."""
    return Pipeline(
        [("features", features), ("scaler", StandardScaler()), ("classifier", classifier)]
    )


def classical_classifier(name: str, random_state: Any = None) -> Any:
    """Classifier with the defaults of scikit-learn: "lda", "mlp", "svm", "rf", "gb" or "knn"."""
    if name == "svm":
        # Platt's scaling of cross-validated margins, as LIBSVM computes its own probabilities.
        return CalibratedClassifierCV(SVC(), cv=3, ensemble=False)
    classifiers = {
        "lda": LinearDiscriminantAnalysis(),
        "mlp": MLPClassifier((100,), max_iter=500, random_state=random_state),
        "rf": RandomForestClassifier(100, random_state=random_state),
        "gb": GradientBoostingClassifier(random_state=random_state),
        "knn": KNeighborsClassifier(5),
    }
    return classifiers[name]
