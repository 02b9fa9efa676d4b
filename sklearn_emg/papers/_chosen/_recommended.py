"""A pipeline for needle EMG that was chosen by nested cross-validation on two clinical cohorts."""

from __future__ import annotations

from typing import Any

from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import QuantileTransformer

from sklearn_emg._validation import check_real
from sklearn_emg.feature_extraction import (
    AutoregressiveFeatures,
    FeatureQuantiles,
    MUAPFeatures,
    SpectralFeatures,
    TimeDomainFeatures,
    WaveletFeatures,
)
from sklearn_emg.papers._building import over_recordings
from sklearn_emg.preprocessing import NotchFilter

_TIME = (
    *("rms", "mav", "wl", "zc", "ssc", "wamp", "dasdv", "turns", "turn_amplitude"),
    *("skewness", "kurtosis", "hjorth_mobility", "hjorth_complexity"),
)
_SPECTRUM = ("mnf", "mdf", "edge_frequency", "spectral_entropy")


def recommended_pipeline(
    *,
    fs: float = 20_000.0,
    window: float = 2.0,
    part: float = 0.4,
    line_freq: float = 50.0,
    C: float = 0.003,
    random_state: Any = 0,
) -> Pipeline:
    """Quantiles of many features with logistic regression, for needle EMG at low force.

    Recordings are band-pass filtered from 20 Hz to 0.4 times `fs` and resampled, and power-line
    interference and its harmonics are removed. Windows of `window` seconds are cut into parts of
    `part` seconds, from each of which 68 features are computed (time domain, spectrum,
    autoregression, motor unit potentials, wavelets). The 10, 50 and 90 % quantiles over the parts
    are transformed to a normal distribution and classified by a logistic regression with balanced
    class weights and a strong penalty. Probabilities are averaged over the windows and recordings
    of a subject. The estimator is a Pipeline; ``set_params`` changes any of its parts.

    Parameters
    ----------
    fs : float, default=20000.0
        Sampling rate in Hz to which recordings are resampled, at least 4000. If a recording has a
        lower rate, pass the lowest rate.
    window : float, default=2.0
        Length of a window in seconds. Shorter recordings are left out with a warning.
    part : float, default=0.4
        Length of a part in seconds.
    line_freq : float, default=50.0
        Power-line frequency in Hz.
    C : float, default=0.003
        Inverse of the strength of the penalty.
    random_state : int, RandomState instance or None, default=0
        Seed of the transformation to a normal distribution, which uses a random sample if there
        are many windows.

    Returns
    -------
    pipeline : Pipeline
        Pipeline with the steps ``gaps``, ``filter``, ``resample``, ``line``, ``mark`` and
        ``divote``; ``divote__estimator`` has the steps ``features``, ``scaler`` and
        ``classifier``.

    Raises
    ------
    ValueError
        If `fs` is below 4000 Hz.

    Notes
    -----
    The sampling rate with its filter (10 or 20 kHz), the summary (three quantiles or the median),
    `C` (0.003 or 0.03) and the vote (mean, or a second stage on out-of-fold scores) were chosen in
    inner folds by ``python benchmarks/best_pipeline.py`` on 2026-11-28. The defaults were chosen
    most often on Algiers; on N2001, 10 kHz was chosen most often. The feature families, the
    quantiles, the lengths of windows and parts and the power-line filter were fixed beforehand,
    after trials on the subjects that are scored below, so the figures may be slightly optimistic.
    The power-line filter is included because power-line interference differs between the classes
    of Algiers.

    Algiers (120 of 238 subjects, deltoid and biceps), 5 folds by subject repeated 10 times, with
    95 % intervals over subjects: the balanced accuracy of subjects with nested choices is 0.78
    [0.72, 0.83]. The recall is 0.93 [0.86, 0.98] for healthy subjects, 0.60 [0.47, 0.71] for
    myopathy and 0.80 [0.70, 0.90] for neuropathy. With nine plain features of windows of 0.4 s and
    logistic regression, the balanced accuracy is 0.69 [0.62, 0.75]. In this data set, healthy
    subjects have four recordings and most patients have one. With only the first recording of each
    subject, the balanced accuracy is 0.73 [0.67, 0.79].

    N2001 at a low level of contraction (17 of 22 subjects, biceps), 5 folds repeated 10 times on
    2026-11-29: the balanced accuracy is 0.995 [0.99, 1.00]. One control is misclassified in one
    repetition, and all other diagnoses are correct; the plain baseline misclassifies no subject.
    The rule "older than 45" alone is correct for all ALS patients and controls (twelve subjects)
    and for no subject with myopathy. With only the first recording of each subject, the balanced
    accuracy is 0.77 [0.60, 0.93].

    Examples
    --------
    >>> from sklearn_emg.papers import recommended_pipeline
    >>> recommended_pipeline(fs=4000.0)["filter"].high
    1600.0
    """
    check_real(fs, "fs", "recommended_pipeline", 4000.0)
    families = {
        "time": TimeDomainFeatures(list(_TIME)),
        "spectrum": SpectralFeatures(list(_SPECTRUM)),
        "ar": AutoregressiveFeatures(6),
        "muap": MUAPFeatures(),
        "wavelet": WaveletFeatures(),
    }
    quantiles = [(name, FeatureQuantiles(family, part=part)) for name, family in families.items()]
    windows = Pipeline(
        [
            ("features", FeatureUnion(quantiles)),
            (
                "scaler",
                QuantileTransformer(
                    n_quantiles=100, output_distribution="normal", random_state=random_state
                ),
            ),
            ("classifier", LogisticRegression(C=C, class_weight="balanced", max_iter=1000)),
        ]
    )
    # Harmonics are removed up to a quarter of the sampling rate, but at most up to 1 kHz.
    harmonics = max(1, int(min(1000.0, 0.25 * fs) // line_freq))
    return over_recordings(
        windows,
        fs=fs,
        window=window,
        step=None,
        low=20.0,
        high=0.4 * fs,
        before=(("line", NotchFilter(line_freq, harmonics=harmonics)),),
    )
