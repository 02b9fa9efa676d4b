"""Time-domain features against closed forms and plain transcriptions of their definitions."""

import itertools

import numpy as np
import pytest
from scipy import stats
from transcriptions import turning_points

from sklearn_emg.feature_extraction import TimeDomainFeatures
from sklearn_emg.feature_extraction._time_domain import FEATURES
from sklearn_emg.recordings import recording_table

# Thresholds lie between the steps of the quantised signals; on a step, rounding would decide.
THRESHOLD, TURN, FS = 0.0095, 0.1005, 1000.0
N_BINS, N_SEGMENTS = 9, 3


def noise(n_windows=4, n_times=503, seed=0):
    rng = np.random.default_rng(seed)
    X = 0.1 * rng.standard_normal((n_windows, n_times)) * rng.gamma(0.7, size=(n_windows, n_times))
    return np.round(X, 3)  # quantised, so that it has zeros, ties and flat steps


def features(X, names="all", **parameters):
    parameters = {"thresholds": THRESHOLD, "turn_threshold": TURN, "fs": FS, **parameters}
    return TimeDomainFeatures(names, **parameters).fit_transform(X)


def value(x, name, **parameters):
    return features(np.asarray(x, dtype=float)[None], [name], **parameters)[0]


# Transcriptions of the definitions: one window, plain NumPy or plain loops.
def zero_crossings(x):
    x = x[x != 0]
    return sum(a * b < 0 and abs(a - b) >= THRESHOLD for a, b in itertools.pairwise(x))


def slope_sign_changes(x):
    d, e = x[1:-1] - x[:-2], x[1:-1] - x[2:]
    return np.sum((d * e > 0) & ((abs(d) >= THRESHOLD) | (abs(e) >= THRESHOLD)))


def turn_amplitude(x):
    inversions = abs(np.diff(turning_points(x, TURN)))
    return inversions.mean() if inversions.size else 0.0


def mmav_weights(n, outside):
    i = np.arange(1, n + 1)
    return np.where((4 * i >= n) & (4 * i <= 3 * n), 1.0, outside(i, n))


def tkeo(x):
    return x[1:-1] ** 2 - x[:-2] * x[2:]


def enhanced_wl(x):
    n, i = len(x), np.arange(2, len(x) + 1)
    return np.sum(abs(np.diff(x)) ** np.where((5 * i >= n) & (5 * i <= 4 * n), 0.75, 0.5))


def mobility(x):
    return np.sqrt(np.var(np.diff(x)) / np.var(x))


def histogram(x):
    edges = x.mean() + 3 * x.std() * np.linspace(-1, 1, N_BINS + 1)
    return np.histogram(x, np.r_[-np.inf, edges[1:-1], np.inf])[0] / len(x)


def mav_slopes(x):
    size = len(x) // N_SEGMENTS
    return np.diff([abs(x[k * size : (k + 1) * size]).mean() for k in range(N_SEGMENTS)])


def gini(x):
    return abs(np.subtract.outer(x, x)).sum() / (len(x) * (len(x) - 1))


PLAIN = {
    "mean": np.mean,
    "mav": lambda x: abs(x).mean(),
    "mmav1": lambda x: np.mean(mmav_weights(len(x), lambda i, n: 0.5) * abs(x)),
    "mmav2": lambda x: np.mean(
        mmav_weights(len(x), lambda i, n: np.minimum(4 * i, 4 * (n - i)) / n) * abs(x)
    ),
    "rms": lambda x: np.sqrt(np.mean(x**2)),
    "var": lambda x: np.var(x, ddof=1),
    "std": lambda x: np.std(x, ddof=1),
    "iemg": lambda x: abs(x).sum(),
    "ssi": lambda x: (x**2).sum(),
    "wl": lambda x: abs(np.diff(x)).sum(),
    "ewl": enhanced_wl,
    "zc": zero_crossings,
    "ssc": slope_sign_changes,
    "wamp": lambda x: np.sum(abs(np.diff(x)) >= THRESHOLD),
    "log": lambda x: np.exp(np.log(abs(x[x != 0])).mean()),
    "dasdv": lambda x: np.sqrt(np.sum(np.diff(x) ** 2) / (len(x) - 1)),
    "aac": lambda x: abs(np.diff(x)).sum() / len(x),
    "myop": lambda x: np.mean(abs(x) >= THRESHOLD),
    "tm3": lambda x: abs(np.mean(x**3)),
    "tm4": lambda x: np.mean(x**4),
    "tm5": lambda x: abs(np.mean(x**5)),
    "v_order": lambda x: np.mean(abs(x) ** 3) ** (1 / 3),
    "skewness": stats.skew,
    "kurtosis": lambda x: stats.kurtosis(x, fisher=False),
    "var_abs": lambda x: np.var(abs(x), ddof=1),
    "mfl": lambda x: np.log10(np.sqrt(np.sum(np.diff(x) ** 2))),
    "tkeo_mean": lambda x: tkeo(x).mean(),
    "tkeo_var": lambda x: tkeo(x).var(),
    "hjorth_activity": np.var,
    "hjorth_mobility": mobility,
    "hjorth_complexity": lambda x: mobility(np.diff(x)) / mobility(x),
    "ptp": np.ptp,
    "crest": lambda x: abs(x).max() / np.sqrt(np.mean(x**2)),
    "form": lambda x: np.sqrt(np.mean(x**2)) / abs(x).mean(),
    "turns": lambda x: max(len(turning_points(x, TURN)) - 1, 0) * FS / len(x),
    "turn_amplitude": turn_amplitude,
    "mavslp": mav_slopes,
    "hist": histogram,
    "l_scale": lambda x: gini(x) / 2,
    "mean_abs_difference": gini,
    "mean_abs_deviation": lambda x: abs(x - x.mean()).mean(),
}


def test_every_feature_has_a_transcription():
    assert list(PLAIN) == list(FEATURES)


@pytest.mark.parametrize("name", FEATURES)
def test_matches_the_plain_definition(name):
    X = np.concatenate([noise(n_times=503), noise(n_times=503) + 0.05])
    expected = np.stack([np.atleast_1d(PLAIN[name](x)) for x in X])
    np.testing.assert_allclose(features(X, [name]), expected, rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize("n_times", [4, 5, 7, 8, 10, 63, 64, 65, 66, 127, 129, 200])
def test_matches_at_any_length(n_times):
    X = noise(n_windows=6, n_times=n_times, seed=n_times) + 0.001
    names = [n for n in FEATURES if n not in ("turns", "turn_amplitude")]
    expected = [np.hstack([PLAIN[n](x) for n in names]) for x in X]
    np.testing.assert_allclose(features(X, names), expected, rtol=1e-8, atol=1e-14)


def test_matches_on_real_windows(real_data):
    windows = []
    for file, gain in [("emgdb/emg_myopathy.dat", 10.0), ("n2001/N2001A01BB02.bin", 13.107)]:
        offset = 20 if file.endswith(".bin") else 0
        adu = np.fromfile(real_data / file, dtype="<i2", offset=offset)
        windows.append(adu[8000:16000].reshape(4, 2000) / gain / 1000.0)
    X = np.concatenate(windows)
    expected = [np.hstack([plain(x) for plain in PLAIN.values()]) for x in X]
    # mean and skewness are small differences of large sums.
    np.testing.assert_allclose(features(X), expected, rtol=1e-6, atol=1e-12)


def test_sine_has_the_values_of_a_sine():
    x = 2.0 * np.sin(2 * np.pi * np.arange(1000) / 50)[None]
    got = features(x, ["rms", "mav", "kurtosis", "ptp", "tkeo_mean"])[0]
    mav = 2.0 / (25 * np.tan(np.pi / 50))  # sum of a sampled half wave
    peak = 2.0 * np.sin(2 * np.pi * 12 / 50)  # a quarter period is 12.5 samples
    expected = [np.sqrt(2), mav, 1.5, 2 * peak, (2.0 * np.sin(2 * np.pi / 50)) ** 2]
    np.testing.assert_allclose(got, expected, rtol=1e-12)


def test_gaussian_noise_has_the_values_of_gaussian_noise():
    x = 0.2 * np.random.default_rng(1).standard_normal((1, 200_000))
    got = features(x, ["std", "mav", "kurtosis", "skewness", "l_scale", "hjorth_mobility"])[0]
    expected = [0.2, 0.2 * np.sqrt(2 / np.pi), 3, 0, 0.2 / np.sqrt(np.pi), np.sqrt(2)]
    np.testing.assert_allclose(got, expected, atol=0.03)


@pytest.mark.parametrize(
    "x, expected",
    [
        ([1, -1], 1),
        ([1, 0, -1], 1),
        ([1, 0, 0, -1], 1),
        ([1, 0, 1], 0),
        ([0, 1, -1], 1),
        ([0, -1, 0, 0], 0),
        ([1, -1, 0, 1, 0], 2),
        ([0.004, -0.006], 1),
        ([0.004, -0.005], 0),
        ([0.004, 0, -0.006], 1),
    ],
)
def test_zero_crossings_with_exact_zeros(x, expected):
    assert value(x, "zc") == expected


def test_zero_crossings_across_blocks_of_zeros():
    x = np.r_[np.ones(60), np.zeros(200), -np.ones(60), np.zeros(5), -np.ones(3)]
    assert value(x, "zc") == 1
    assert value(np.r_[x, 1.0], "zc") == 2


@pytest.mark.parametrize(
    "x, expected",
    [
        ([0, 1, 0], 1),
        ([0, 1, 1, 0], 0),
        ([0, 1, 2], 0),
        ([0, -1, 0], 1),
        ([0, 0.005, 0], 0),
        ([0, 0.005, -0.005], 1),
        ([0, 1], 0),
    ],
)
def test_slope_sign_changes_are_strict_extremes(x, expected):
    assert value(x, "ssc") == expected


def test_turns_are_extremes_of_at_least_100_uv_on_both_sides():
    x = [0.0, 0.3, 0.25, 0.35, 0.1, 0.12, -0.2, -0.1, 0.05, 0.0]
    # Turns at 0.35 and -0.2; the inversions to them are 0.35 and 0.55.
    assert value(x, "turns") == pytest.approx(2 / 10 * FS)
    assert value(x, "turn_amplitude") == pytest.approx(0.45)
    assert value(0.05 * np.sin(np.arange(500)), "turns") == 0.0


def test_turns_of_a_sine_are_two_a_period():
    x = np.sin(2 * np.pi * 10.0 * np.arange(10_000) / FS + 0.3)
    assert value(x, "turns") == pytest.approx(20.0)
    assert value(x, "turn_amplitude") == pytest.approx(2.0, abs=0.01)


def test_turns_do_not_depend_on_the_direction_of_time_or_sign():
    X = noise(8, 3000, seed=5)
    np.testing.assert_array_equal(features(X, ["turns"]), features(-X[:, ::-1], ["turns"]))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n_windows", [1, 31, 70])
def test_turns_of_windows_side_by_side_that_differ_in_activity(n_windows, dtype):
    rng = np.random.default_rng(n_windows)
    # Powers of two keep float32 exact, so that inversions at the threshold count in both types.
    X = rng.integers(-9, 10, (n_windows, 240)) * 2.0 ** rng.integers(-8, -2, (n_windows, 1))
    X[::7] = 0.25
    X[3::7, 100:] = 0.0
    extractor = TimeDomainFeatures(["turns", "turn_amplitude"], fs=240, turn_threshold=0.125)
    turns = [turning_points(x, 0.125) for x in X]
    expected = [(max(len(t) - 1, 0), abs(np.diff(t)).mean() if len(t) > 1 else 0.0) for t in turns]
    np.testing.assert_allclose(
        extractor.fit_transform(X.astype(dtype)), expected, rtol=1e-6 if dtype == np.float32 else 0
    )


REVERSIBLE = sorted(
    set(FEATURES)
    - {"mean", "mmav1", "mmav2", "ewl", "skewness", "mavslp", "hist", "turn_amplitude"}
)


def test_sign_and_direction_of_time_leave_the_rest_alone():
    X = noise(5, 400)
    np.testing.assert_allclose(
        features(X, REVERSIBLE), features(-X[:, ::-1], REVERSIBLE), rtol=1e-10
    )


@pytest.mark.parametrize("factor", [1000.0, 1e-3])
def test_scales_by_the_documented_power(factor):
    X = noise()
    names = [name for name, info in FEATURES.items() if info.power is not None]
    extractor = TimeDomainFeatures(names, thresholds=THRESHOLD, turn_threshold=TURN, fs=FS).fit(X)
    powers = [
        FEATURES[name if name in FEATURES else name.rpartition("_")[0]].power
        for name in extractor.get_feature_names_out()
    ]
    scaled = features(
        factor * X, names, thresholds=THRESHOLD * factor, turn_threshold=TURN * factor
    )
    np.testing.assert_allclose(
        scaled / factor ** np.array(powers), extractor.transform(X), rtol=1e-6, atol=1e-14
    )


def test_the_logarithm_adds():
    X = noise()
    np.testing.assert_allclose(features(1000 * X, ["mfl"]), features(X, ["mfl"]) + 3)


def test_constant_and_zero_windows_have_documented_values():
    X = np.stack([np.zeros(100), np.full(100, -0.3)])
    extractor = TimeDomainFeatures("all", fs=FS).fit(X)
    with np.errstate(all="raise"):
        got = extractor.transform(X)
    assert np.isfinite(got).all()
    names = list(extractor.get_feature_names_out())
    zero, constant = (dict(zip(names, row)) for row in got)
    assert {name for name, v in zero.items() if v} == {"mfl", "hist_5"}
    assert zero["mfl"] == -12
    for name in ("std", "skewness", "kurtosis", "hjorth_mobility", "hjorth_complexity", "l_scale"):
        assert constant[name] == 0.0
    assert constant["hist_5"] == 1.0
    np.testing.assert_allclose(constant["log"], 0.3)


def test_a_ramp_has_no_variance_of_differences():
    x = 0.1 * np.arange(300)[None]
    np.testing.assert_array_equal(features(x, ["hjorth_mobility", "hjorth_complexity"]), 0.0)


def test_one_huge_sample_does_not_spoil_the_l_scale():
    x = noise(1, 4000)
    x[0, 1234] = 1e6
    x[0, 0] += 1e-9
    np.testing.assert_allclose(features(x, ["l_scale"])[0], gini(x[0]) / 2, rtol=1e-12)


@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_the_log_detector_does_not_overflow(scale):
    x = noise() * scale
    np.testing.assert_allclose(
        features(x, ["log"], threshold_unit="noise")[:, 0], [PLAIN["log"](w) for w in x], rtol=1e-9
    )


def test_a_row_depends_on_its_window_alone():
    X = noise(200, 3000)
    batch = features(X)
    order = np.random.default_rng(0).permutation(len(X))
    np.testing.assert_array_equal(features(X[order]), batch[order])
    np.testing.assert_array_equal(features(X[7:8]), batch[7:8])
    np.testing.assert_array_equal(features(X, n_jobs=2), batch)


def test_channels_are_treated_alone_and_named():
    X = noise(21, 300).reshape(7, 3, 300)
    extractor = TimeDomainFeatures(["rms", "zc"], thresholds=THRESHOLD).fit(X)
    assert list(extractor.get_feature_names_out())[:3] == ["ch1_rms", "ch1_zc", "ch2_rms"]
    got = extractor.transform(X).reshape(7, 3, 2)
    np.testing.assert_array_equal(got[:, 1], features(X[:, 1], ["rms", "zc"]))


def test_layout_and_writability_do_not_matter():
    X = noise(6, 200)
    frozen = X.copy()
    frozen.flags.writeable = False
    for other in (np.asfortranarray(X), frozen, np.repeat(X, 2, axis=1)[:, ::2]):
        np.testing.assert_array_equal(features(other), features(X))


def test_float32_keeps_its_type_and_nearly_its_values():
    X = noise(5, 4000).astype(np.float32)
    got = features(X)
    assert got.dtype == np.float32
    names = [n for n in FEATURES if n not in ("mean", "hist")]
    np.testing.assert_allclose(
        features(X, names), features(X.astype(float), names), rtol=2e-5, atol=1e-6
    )


def test_integers_do_not_overflow():
    X = np.full((1, 10), 30_000, dtype=np.int16)
    X[0, ::2] *= -1
    got = features(X, ["rms", "ssi", "dasdv"])
    np.testing.assert_allclose(got, [[3e4, 9e9, 6e4]])


def test_thresholds_by_name():
    x = noise(1)[0]
    got = features(x[None], ["wamp", "myop"], thresholds={"wamp": 0.2})[0]
    np.testing.assert_allclose(got, [np.sum(abs(np.diff(x)) >= 0.2), PLAIN["myop"](x)])


def test_thresholds_in_multiples_of_the_noise_level():
    x = noise(1)[0]
    level = np.median(abs(x)) / 0.6745
    in_noise = features(x[None], ["wamp", "myop"], thresholds=1.5, threshold_unit="noise")
    np.testing.assert_array_equal(
        in_noise, features(x[None], ["wamp", "myop"], thresholds=1.5 * level)
    )
    np.testing.assert_array_equal(
        in_noise, features(40 * x[None], ["wamp", "myop"], thresholds=1.5, threshold_unit="noise")
    )


def test_v_order_and_histogram_parameters():
    x = noise(1)[0]
    got = features(x[None], ["v_order", "hist"], v_order=2.5, n_bins=4, hist_range=0.2)[0]
    np.testing.assert_allclose(got[0], np.mean(abs(x) ** 2.5) ** (1 / 2.5))
    expected = np.histogram(x, [-np.inf, -0.1, 0.0, 0.1, np.inf])[0] / len(x)
    np.testing.assert_allclose(got[1:], expected)


def test_a_table_brings_its_sampling_rate():
    X = noise(2, 900)
    table = recording_table([X[0], X[1, :600]], fs=[500.0, 2000.0], subject=["a", "b"])
    got = TimeDomainFeatures(["turns", "wl"]).fit_transform(table)
    expected = [features(X[:1], ["turns", "wl"], fs=500.0)[0]]
    expected.append(features(X[1:, :600], ["turns", "wl"], fs=2000.0)[0])
    np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize(
    "parameters, error, match",
    [
        ({"features": ["mavs"]}, ValueError, "unknown names: 'mavs' .did you mean 'mav'"),
        ({"features": ["MAV"]}, ValueError, "did you mean 'mav'"),
        ({"features": []}, ValueError, "is empty"),
        ({"features": ["zc", "zc"]}, ValueError, "repeats 'zc'"),
        ({"features": ["zc", 3]}, TypeError, "must contain names"),
        ({"features": ["turns"]}, ValueError, "needs the sampling rate"),
        ({"thresholds": {"zz": 1.0}}, ValueError, "unknown key 'zz'"),
        ({"thresholds": {"zc": -1.0}}, ValueError, "must not be negative"),
        ({"thresholds": {"zc": "low"}}, TypeError, "must contain numbers"),
        ({"thresholds": -1.0}, ValueError, "'thresholds' parameter of TimeDomainFeatures"),
        ({"threshold_unit": "uV"}, ValueError, "'threshold_unit' parameter"),
    ],
)
def test_refuses_what_it_does_not_know(parameters, error, match):
    with pytest.raises(error, match=match):
        TimeDomainFeatures(**parameters).fit(noise())


@pytest.mark.parametrize("name, shortest", [("tkeo_mean", 3), ("std", 2), ("mavslp", 3)])
def test_names_the_feature_that_needs_longer_windows(name, shortest):
    with pytest.raises(ValueError, match=f"{name} needs {shortest}"):
        TimeDomainFeatures(["mav", name]).fit(noise(3, shortest - 1))
    TimeDomainFeatures(["mav", name]).fit(noise(3, shortest))
