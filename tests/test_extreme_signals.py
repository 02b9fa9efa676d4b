"""Features, filters and denoisers are finite or refused, for any samples.

Every public step of ``feature_extraction`` and ``preprocessing`` that transforms signals is found
automatically, with each of its named options and all of its features.
"""

import inspect
import re
import warnings
from itertools import product

import numpy as np
import pytest

import sklearn_emg.feature_extraction
import sklearn_emg.preprocessing
from sklearn_emg.exceptions import RecordingWarning
from sklearn_emg.feature_extraction import (
    FEATURE_SETS,
    AutoregressiveFeatures,
    EMGFeatures,
    MultichannelFeatures,
    SpectralFeatures,
    TimeDomainFeatures,
    feature_table,
    info_of,
)
from sklearn_emg.preprocessing import (
    BandpassFilter,
    BaselineRemover,
    Resampler,
)
from sklearn_emg.recordings import divide, recording_table

FS = 1000.0
N = 320
REFUSED = "scale|leave|longer|missing=|unit"


def steps():
    """Yield class and settings of every step, and of each of its named options."""
    for module in (sklearn_emg.feature_extraction, sklearn_emg.preprocessing):
        for name in module.__all__:
            step = getattr(module, name)
            if not (inspect.isclass(step) and hasattr(step, "transform")):
                continue
            if name == "SiteStandardizer":  # of columns of features, not of samples
                continue
            known = inspect.signature(step).parameters
            fixed = {
                "fs": FS,
                "bands": [(20, 250), (250, 500)],
                "features": "all",
                "settings": "minimal",
                "reference": 0.5 if name == "ReferenceScaler" else "powerline",
                "n_mels": 10,
                "n_layers": 1,
                "max_epochs": 1,
                "random_state": 0,
                "extractor": TimeDomainFeatures("all"),
                "part": 0.05,
            }
            settings = {k: v for k, v in fixed.items() if k in known}
            choices = {
                key: sorted(step._parameter_constraints[key][0].options)
                for key in ("method", "design", "threshold", "algorithm", "wave", "by", "shrinkage")
                if key in known
            }
            for values in product(*choices.values()):
                yield step, settings | dict(zip(choices, values))


STEPS = list(steps())
IDS = ["-".join([s.__name__, *(v for v in p.values() if isinstance(v, str))]) for s, p in STEPS]


def test_every_family_and_the_filters_are_among_the_steps():
    names = {step.__name__ for step, _ in STEPS}
    assert set(feature_table()["extractor"]) <= names
    assert {"EMGFeatures", "TsfreshFeatures", "STFT", "WaveformImage", "BandpassFilter"} <= names
    assert {"AdaptiveFilter", "WaveletDenoiser", "AutoencoderDenoiser", "Resampler"} <= names


def shapes():
    """Windows of amplitude 1 by name."""
    rng = np.random.default_rng(0)
    t = np.arange(N)
    noise = rng.normal(size=N)
    spike = np.where(t == N // 2, 1.0, 0.0)
    return {
        "noise": noise,
        "constant": np.full(N, 0.3),
        "spike": spike,
        "tail": np.exp(-t / 3.0) * np.sin(t / 9),
        "step": np.where(t < N // 3, 0.0, 1.0),
        "start": np.where(t < N // 8, noise, 0.0),
        "square": np.where(np.sin(t / 5) > 0, 1.0, -1.0),
        "near constant": 1000 + 0.01 * noise,
    }


def extreme_windows():
    base = shapes()
    noise, spike = base["noise"], base["spike"]
    windows = {
        f"{s:g} {k}": s * x for s in 10.0 ** np.array([-30, -3, 6, 30]) for k, x in base.items()
    }
    windows |= {
        f"{s:g} noise": s * noise for s in (1e-310, 1e-155, 1e-42, 1e-12, 1e18, 1e155, 1e300)
    }
    return windows | {
        "zero": np.zeros(N),
        "one bit": 3e-4 * spike,
        "int16": np.where(noise > 0, 32767.0, -32768.0),
        "huge spike": noise + 1e30 * spike,
        "large offset": 1e5 + noise,
        "tiny noise on an offset": 0.3 + 1e-9 * noise,
        "denormal spike": 5e-324 * spike,
    }


def apply(step, settings, X):
    """Values, or the ValueError; anything else, and any warning, is a fault."""
    if step is MultichannelFeatures or step is EMGFeatures:
        X = np.stack([X, X[:, ::-1] / 2], axis=1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # A warning states that such amplitudes are not EMG; it is not a fault.
        warnings.simplefilter("ignore", RecordingWarning)
        try:
            return np.asarray(step(**settings).fit_transform(X)), None
        except np.linalg.LinAlgError:
            raise
        except ValueError as error:
            return None, error


@pytest.mark.parametrize("step, settings", STEPS, ids=IDS)
def test_values_are_finite_or_refused_by_name(step, settings):
    for (name, window), dtype in product(extreme_windows().items(), (np.float32, np.float64)):
        with np.errstate(over="ignore"):
            X = window.astype(dtype)[np.newaxis]
        if not np.isfinite(X).all():
            continue
        values, error = apply(step, settings, X)
        case = f"{name}, {np.dtype(dtype)}"
        if error is not None:
            peak = abs(X).max()
            assert step.__name__ == "TsfreshFeatures" or peak > (
                1e60 if X.itemsize == 8 else 1e5
            ), case
            assert step.__name__ in str(error) or "tsfresh" in str(error), case
            assert re.search(REFUSED, str(error)), case
        elif step.__name__ == "ArtefactRejector":
            assert not np.isinf(values).any(), case
        else:
            assert np.isfinite(values.astype(float)).all(), case


@pytest.mark.parametrize("step, settings", STEPS, ids=IDS)
def test_short_windows_have_values_or_are_refused_by_name(step, settings):
    noise = np.random.default_rng(1).normal(size=8)
    for n, window, dtype in product((1, 2, 3, 4, 8), (noise, 0 * noise), (np.float32, np.float64)):
        values, error = apply(step, settings, window[:n].astype(dtype)[np.newaxis])
        if error is not None:
            assert step.__name__ in str(error) or "tsfresh" in str(error)
            assert re.search(r"samples?\b|longer windows|missing=", str(error))
        elif step.__name__ != "ArtefactRejector":
            assert np.isfinite(values.astype(float)).all(), n


FAMILIES = [(s, p) for s, p in STEPS if s.__name__ in set(feature_table()["extractor"])]
POWER = feature_table().set_index(["extractor", "name"])["power"]


def values_and_powers(step, settings, X, scale):
    """Features of a window, with thresholds times `scale`, and the power of `scale` in each."""
    thresholds = {
        key: scale * parameter.default
        for key, parameter in inspect.signature(step).parameters.items()
        if "threshold" in key and isinstance(parameter.default, float)
    }
    if step is MultichannelFeatures:
        X = np.stack([X, X[:, ::-1] / 2], axis=1)
    extractor = step(**settings, **thresholds).fit(X)
    powers = POWER[step.__name__]
    known = {name: {"power": power} for name, power in powers.items()}
    found = [info_of(name, known) for name in extractor.get_feature_names_out()]
    return extractor.transform(X)[0], np.array([info["power"] for info in found], float)


@pytest.mark.parametrize("step, settings", FAMILIES, ids=[s.__name__ for s, _ in FAMILIES])
def test_scale_changes_features_by_their_power_and_no_more(step, settings):
    for (name, window), exponent in product(shapes().items(), (-100, -40, 40, 100)):
        # Powers of two leave the mantissas as they are: any difference is an over- or underflow, or
        # a threshold that should not be there.
        scale = 2.0**exponent
        once, powers = values_and_powers(step, settings, window[np.newaxis], 1.0)
        scaled, _ = values_and_powers(step, settings, scale * window[np.newaxis], scale)
        law = ~np.isnan(powers)
        assert law.sum() > len(law) / 2
        expected = once[law] * scale ** powers[law]
        np.testing.assert_allclose(scaled[law], expected, rtol=1e-9, err_msg=f"{name}, {scale}")


@pytest.mark.parametrize("exponent", [-100, -60, 60, 100])
def test_features_without_unit_are_the_same_in_float32_at_any_scale(exponent):
    names = feature_table().query("power == 0 and domain != 'motor unit'")["name"].unique().tolist()
    names = [n for n in names if n not in ("zc", "ssc", "wamp", "myop", "turns")]
    X = np.stack([shapes()[k] for k in ("noise", "spike", "step", "start")])
    X = np.stack([X, X[:, ::-1] / 2], axis=1).astype(np.float32)
    extractor = EMGFeatures(names, fs=FS).set_output(transform="pandas").fit(X)
    scaled = extractor.transform(np.float32(2.0**exponent) * X)
    assert (scaled.dtypes == np.float32).all()
    np.testing.assert_allclose(
        scaled, extractor.transform(X.astype(np.float64)), rtol=1e-3, atol=1e-6
    )


@pytest.mark.parametrize("offset", [1e3, 1e5, 0.3])
def test_float32_features_of_a_small_signal_on_an_offset_are_those_of_float64(offset):
    X = (offset * (1 + 2e-4 * shapes()["noise"]))[np.newaxis].astype(np.float32)
    names = TimeDomainFeatures("all", fs=FS).fit(X).get_feature_names_out()
    single, double = (TimeDomainFeatures("all", fs=FS).fit_transform(X.astype(k)) for k in "fd")
    scale = np.where(single == double, 1.0, abs(double))
    assert (abs(single - double) < 1e-5 * scale).all(), names[
        (abs(single - double) >= 1e-5 * scale)[0]
    ]


def test_slope_and_spread_keep_their_digits_with_an_artefact_on_an_offset():
    # The range exceeds 1/64 of the peak, so the samples are not converted to float64 first.
    X = (1000 + 0.2 * shapes()["noise"] + 500 * shapes()["spike"])[np.newaxis].astype(np.float32)
    names = ["mavslp", "var_abs", "var", "skewness", "kurtosis", "wl", "l_scale"]
    single, double = (TimeDomainFeatures(names).fit_transform(X.astype(k)) for k in "fd")
    np.testing.assert_allclose(single, double, rtol=2e-5)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dead_recordings_behind_filters_have_finite_features(dtype):
    n, rng = 20_000, np.random.default_rng(0)
    signals = [np.zeros(n), np.full(n, 3e4), np.r_[0.1 * rng.normal(size=2000), np.zeros(n - 2000)]]
    signals += [np.where(np.arange(n) < 5000, 0.0, 1e-3), 1e3 + 1e-4 * rng.normal(size=n)]
    table = recording_table([s.astype(dtype) for s in signals], fs=23437.5, subject="a")
    table = Resampler(10_000.0).fit_transform(BandpassFilter(20, 4000).fit_transform(table))
    windows = divide(table, 0.3).X.astype(dtype)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # A warning states that such amplitudes are not EMG; it is not a fault.
        warnings.simplefilter("ignore", RecordingWarning)
        for names in ("all", *FEATURE_SETS):
            assert np.isfinite(EMGFeatures(names, fs=10_000.0).fit_transform(windows)).all(), names


def test_a_dead_window_is_dead_in_both_types():
    X = np.zeros((1, 2, N), dtype=np.float32)
    extractor = EMGFeatures("all", fs=FS).fit(X)
    np.testing.assert_allclose(
        extractor.transform(X), extractor.transform(X.astype(np.float64)), rtol=1e-6
    )


def test_values_that_float32_cannot_hold_are_named():
    X = np.float32(1e25) * shapes()["noise"].astype(np.float32)[np.newaxis].repeat(3, axis=0)
    X[0] = 1.0
    with pytest.raises(ValueError, match=r"TimeDomainFeatures .* ssi, tm4 .* float32 .* window 1"):
        TimeDomainFeatures(["mav", "ssi", "tm4"]).fit_transform(X)
    exact = TimeDomainFeatures(["mav", "ssi", "tm4"]).fit_transform(X.astype(np.float64))
    assert np.isfinite(exact).all()
    mav = TimeDomainFeatures(["mav", "kurtosis"]).fit_transform(X)
    np.testing.assert_allclose(mav[:, 0], exact[:, 0], rtol=1e-6)
    spike = np.full((1, N), -3.4e38, dtype=np.float32)
    spike[0, 9] *= -1
    with pytest.raises(
        ValueError, match=r"BaselineRemover returns samples that float32 cannot represent"
    ):
        BaselineRemover("median").fit_transform(spike)


def test_samples_too_large_for_powers_are_refused_with_their_row():
    X = np.ones((4, N))
    X[2, 5] = 1e200
    with pytest.raises(ValueError, match=r"up to 1e\+200 mV in 1 of 4 rows, first in row 2; Sp"):
        SpectralFeatures(fs=FS).fit_transform(X)
    table = recording_table(list(X), fs=FS, subject="a")
    for step in (AutoregressiveFeatures(), BandpassFilter(20, 400)):
        with pytest.raises(
            ValueError, match=r"Row 2, column 'signal': .*1e\+200 mV.*Check the unit"
        ):
            step.fit(table).transform(table)


def test_windows_below_any_power_count_as_zeros():
    X = 1e-70 * shapes()["noise"][np.newaxis]
    extractor = TimeDomainFeatures("all", fs=FS).fit(X)
    np.testing.assert_array_equal(extractor.transform(X), extractor.transform(0 * X))


@pytest.mark.parametrize("step, settings", STEPS, ids=IDS)
def test_masked_samples_and_dates_are_refused(step, settings):
    X = 0.1 * np.random.default_rng(0).normal(size=(4, 2, N))
    for given, match in (
        (np.ma.masked_greater(X, 0.1), "masked array"),
        (list(np.ma.masked_greater(X, 0.1)), "masked array"),
        ((1000 * X).astype("m8[s]"), "samples in mV, but got values of type"),
    ):
        with pytest.raises(ValueError, match=match):
            step(**settings).fit(given)
