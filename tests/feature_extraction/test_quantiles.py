"""Quantiles of features over parts of windows: values, names, tables, refusals."""

import numpy as np
import pytest
from data import noise
from sklearn.pipeline import make_pipeline

from sklearn_emg.feature_extraction import (
    AutoregressiveFeatures,
    EMGFeatures,
    FeatureQuantiles,
    FFTSpectrum,
    MUAPFeatures,
    MultichannelFeatures,
    SpectralFeatures,
    TimeDomainFeatures,
)
from sklearn_emg.recordings import recording_table

FS = 1000.0


def by_hand(extractor, X, size, probabilities):
    """Features of each part, and numpy's quantiles of them, one window after the other."""
    rows = []
    for window in X:
        parts = [window[..., s : s + size] for s in range(0, window.shape[-1] - size + 1, size)]
        values = extractor.fit_transform(np.array(parts))
        rows.append(np.concatenate([np.quantile(values, q, axis=0) for q in probabilities]))
    return np.array(rows)


@pytest.mark.parametrize(
    "extractor",
    [
        TimeDomainFeatures(["rms", "zc"]),
        SpectralFeatures(["mdf"], fs=FS),
        EMGFeatures(["mav", "correlation"], fs=FS),
        MultichannelFeatures(["rms_fraction"]),
    ],
)
def test_values_are_quantiles_of_the_features_of_the_parts(extractor):
    X = noise(5, 3, 730)  # seven parts of 0.1 s, and a remainder that is not used
    got = FeatureQuantiles(extractor, part=0.1, quantiles=(0.25, 1.0), fs=FS).fit_transform(X)
    np.testing.assert_allclose(got, by_hand(extractor, X, 100, (0.25, 1.0)), rtol=1e-12)


def test_columns_are_named_by_channel_feature_and_percent():
    quantiles = FeatureQuantiles(TimeDomainFeatures(["rms", "zc"]), part=0.1, fs=FS)
    names = quantiles.fit(noise(2, 2, 300)).get_feature_names_out().tolist()
    assert names[:5] == ["ch1_rms_q10", "ch1_zc_q10", "ch2_rms_q10", "ch2_zc_q10", "ch1_rms_q50"]
    assert len(names) == 12


def test_recordings_of_any_length_and_rate_have_one_row_each():
    X = noise(2, 900)
    table = recording_table([X[0], X[1, :400]], fs=[1000.0, 500.0], subject=["a", "b"])
    quantiles = FeatureQuantiles(TimeDomainFeatures(["rms"]), part=0.2, quantiles=[0.5])
    rms = [np.sqrt(np.mean(x.reshape(-1, n) ** 2, axis=1)) for x, n in (
        (X[0, :800], 200), (X[1, :400], 100))]  # fmt: skip
    got = quantiles.fit_transform(table)[:, 0]
    np.testing.assert_allclose(got, [np.median(r) for r in rms], rtol=1e-6)


def test_an_extractor_that_needs_a_rate_gets_that_of_the_quantiles():
    X = noise(3, 4000)
    union = make_pipeline(FeatureQuantiles(MUAPFeatures(["muap_rate"]), part=0.5, fs=4000.0))
    assert union.fit_transform(X).shape == (3, 3)


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"extractor": np.mean}, TypeError, "must be a feature extractor, such as"),
        ({"extractor": AutoregressiveFeatures("aic")}, ValueError, "must not learn from the data"),
        ({"part": 0.5}, ValueError, "shorter than a part of FeatureQuantiles, 0.5 s or 500"),
        ({"part": 0.002, "extractor": AutoregressiveFeatures(4)}, ValueError, "order"),
        ({"quantiles": [0.5, 1.2]}, ValueError, "'quantiles' parameter of FeatureQuantiles"),
        ({"fs": None}, ValueError, "needs the sampling rate of arrays"),
    ],
)
def test_what_cannot_be_summarised_is_refused(parameters, error, message):
    settings = {"extractor": TimeDomainFeatures(["rms"]), "part": 0.1, "fs": FS, **parameters}
    with pytest.raises(error, match=message):
        FeatureQuantiles(**settings).fit(noise(3, 300))


def test_an_extractor_whose_features_depend_on_the_length_takes_tables():
    X = noise(3, 2, 600)
    quantiles = FeatureQuantiles(FFTSpectrum(), part=0.1, fs=FS)
    table = recording_table(list(X), fs=FS, subject=list("abc"))
    np.testing.assert_allclose(quantiles.fit_transform(table), quantiles.fit_transform(X))


def test_repeated_or_no_quantiles_and_two_rates_are_refused():
    X = noise(3, 400)
    for given in ((0.5, 0.5), ()):
        with pytest.raises(ValueError, match="must contain different probabilities"):
            FeatureQuantiles(TimeDomainFeatures(["mav"]), quantiles=given, fs=FS).fit(X)
    with pytest.raises(ValueError, match=r"has fs=2000\.0, and FeatureQuantiles has fs=1000\.0"):
        FeatureQuantiles(SpectralFeatures(fs=2000.0), fs=FS).fit(X)
