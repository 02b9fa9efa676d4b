import numpy as np
import pytest
from data import noise, snr

from sklearn_emg.preprocessing import AdaptiveFilter, NotchFilter
from sklearn_emg.recordings import recording_table

FS = 1000.0


def _centred(X):
    return X - X.mean(axis=-1, keepdims=True)


def _emg(n_times, seed=0):
    """White noise in bursts, as a stand-in with power at every frequency."""
    return noise(n_times, seed=seed) * (1 + np.sin(np.arange(n_times) / 200.0)) * 0.1


def _interference(n_times, drift=0.0, harmonic=0.3):
    freq = 50.0 + drift * np.sin(2 * np.pi * np.arange(n_times) / FS / 20.0)
    phase = 2 * np.pi * np.cumsum(freq) / FS + 0.7
    return 0.1 * (np.cos(phase) + harmonic * np.cos(3 * phase + 1.0))


def _textbook(signal, reference, n_taps, memory, algorithm):
    """Haykin's equations with matrices, one sample after the other."""
    power = np.mean(reference**2)
    epsilon = n_taps * power if algorithm == "nlms" else n_taps * power * 1e-3
    weights, inverse = np.zeros(n_taps), np.eye(n_taps) / epsilon
    forgetting = np.exp(-1 / memory)
    padded = np.concatenate([np.zeros(n_taps - 1), reference])
    estimate = []
    for t, x in enumerate(signal):
        u = padded[t : t + n_taps][::-1]
        estimate.append(weights @ u)
        e = x - estimate[-1]
        if algorithm == "lms":
            weights = weights + e * u / (memory * power)
        elif algorithm == "nlms":
            weights = weights + 2 * n_taps / memory * e * u / (epsilon + u @ u)
        else:
            gain = inverse @ u / (forgetting + u @ inverse @ u)
            weights = weights + gain * e
            inverse = (inverse - np.outer(gain, u @ inverse)) / forgetting
    return np.array(estimate)


@pytest.mark.parametrize("algorithm", ["lms", "nlms", "rls"])
def test_reference_channel_follows_the_textbook(algorithm):
    X = _centred(noise(1, 2, 400))
    adaptive = AdaptiveFilter(
        1,
        algorithm=algorithm,
        memory=0.1,
        length=0.005,
        two_way=False,
        output="interference",
        fs=FS,
    )
    estimate = adaptive.fit_transform(X)[0, 0]
    np.testing.assert_allclose(estimate, _textbook(X[0, 0], X[0, 1], 5, 100.0, algorithm))


@pytest.mark.parametrize("algorithm", ["lms", "nlms", "rls"])
def test_reference_channel_takes_a_filtered_copy_away(algorithm):
    emg, artefact = 0.1 * noise(20000), noise(20000, seed=1)
    picked_up = np.convolve(artefact, [0.5, -0.3, 0.1])[:20000]
    X = np.stack([emg + picked_up, artefact])[None]
    adaptive = AdaptiveFilter(1, algorithm=algorithm, memory=2.0, length=0.01, fs=FS)
    cleaned = adaptive.fit_transform(X)
    assert snr(emg, X[0, 0]) < -14
    # The misadjustment of L weights with a memory of M samples is L / (2 M) = 1/400, 26 dB.
    assert snr(emg, cleaned[0, 0]) > 22
    np.testing.assert_array_equal(cleaned[0, 1], artefact)


def test_rls_that_never_forgets_is_least_squares():
    x, r = _centred(noise(2, 300))
    adaptive = AdaptiveFilter(
        1, algorithm="rls", memory=1e9, length=0.003, output="interference", fs=FS, two_way=False
    )
    lagged = np.stack([np.concatenate([np.zeros(k), r[: 300 - k]]) for k in range(3)], axis=1)
    ridge = 3 * 1e-3 * np.mean(r**2) * np.eye(3)
    # The prediction of the last sample depends on all others.
    weights = np.linalg.solve(lagged[:-1].T @ lagged[:-1] + ridge, lagged[:-1].T @ x[:-1])
    estimate = adaptive.fit_transform(np.stack([x, r])[None])[0, 0, -1]
    assert estimate == pytest.approx(weights @ lagged[-1], rel=1e-9)


@pytest.mark.parametrize("algorithm", ["lms", "nlms", "rls"])
@pytest.mark.parametrize("freq", [49.7, 50.0, 50.3])
def test_interference_off_its_nominal_frequency_is_reduced_by_more_than_40_db(algorithm, freq):
    X = np.cos(2 * np.pi * freq * np.arange(20000) / FS)[None]
    cleaned = AdaptiveFilter(algorithm=algorithm, fs=FS).fit_transform(X)[0]
    assert 20 * np.log10(np.std(cleaned[2000:-2000]) / np.std(X)) < -40


@pytest.mark.parametrize("drift", [0.15, 0.3])
def test_drifting_interference_is_removed_better_than_by_any_notch(drift):
    emg = _emg(30000)
    mixed = (emg + _interference(30000, drift))[None]
    adaptive = AdaptiveFilter(harmonics=3, fs=FS).fit_transform(mixed)[0]
    notch = [
        NotchFilter(50.0, harmonics=3, bandwidth=width, fs=FS).fit_transform(mixed)[0]
        for width in (0.5, 1.0, 2.0, 4.0)
    ]
    assert snr(emg, adaptive) > max(snr(emg, n) for n in notch)


def test_emg_without_interference_is_distorted_less_than_by_a_notch():
    emg = _emg(30000)
    adaptive = AdaptiveFilter(harmonics=3, fs=FS).fit_transform(emg[None])[0]
    notch = NotchFilter(50.0, harmonics=3, fs=FS).fit_transform(emg[None])[0]
    assert snr(emg, adaptive) > snr(emg, notch) + 2


def test_fixed_frequency_does_not_follow():
    X = np.cos(2 * np.pi * 50.4 * np.arange(10000) / FS)[None]
    fixed = AdaptiveFilter(max_drift=0.0, memory=3.0, fs=FS).fit_transform(X)
    followed = AdaptiveFilter(memory=3.0, fs=FS).fit_transform(X)
    assert np.std(followed[:, 5000:]) < 0.2 * np.std(fixed[:, 5000:])


def test_line_enhancer_finds_a_sine_of_unknown_frequency():
    sine = np.sin(2 * np.pi * 83.3 * np.arange(30000) / FS)
    noisy = (sine + noise(30000))[None]
    enhancer = AdaptiveFilter("delayed", length=0.1, output="interference", memory=10.0, fs=FS)
    enhanced = enhancer.fit_transform(noisy)[0]
    assert snr(sine, noisy[0]) < -2
    assert snr(sine[5000:], enhanced[5000:]) > 8


@pytest.mark.parametrize("reference", ["powerline", "delayed", 1])
def test_cleaned_and_interference_add_up_to_the_signal(reference):
    X = noise(2, 3, 500)
    parts = [
        AdaptiveFilter(reference, output=output, fs=FS).fit_transform(X)
        for output in ("cleaned", "interference")
    ]
    np.testing.assert_allclose((parts[0] + parts[1])[:, [0, 2]], X[:, [0, 2]], atol=1e-12)


@pytest.mark.parametrize("reference", ["powerline", "delayed"])
def test_real_time_output_does_not_know_the_future(reference):
    adaptive = AdaptiveFilter(reference, two_way=False, algorithm="rls", fs=FS)
    X = np.concatenate([_centred(noise(1, 400)), _centred(noise(1, 200, seed=1))], axis=1)
    changed = X.copy()
    changed[0, 400:] *= -1
    # The offset and the power that the regularisation refers to are the same for both signs.
    np.testing.assert_allclose(
        adaptive.fit_transform(X)[0, :400], adaptive.fit_transform(changed)[0, :400]
    )


@pytest.mark.parametrize("reference", ["powerline", "delayed", 0])
def test_silence_stays_silence(reference):
    X = np.zeros((2, 3, 50), dtype=np.float32)
    cleaned = AdaptiveFilter(reference, fs=FS).fit_transform(X)
    assert cleaned.dtype == np.float32
    np.testing.assert_array_equal(cleaned, X)


def test_all_harmonics_of_a_table_row_stay_below_its_nyquist_frequency():
    table = recording_table([noise(900), noise(2, 400)], fs=[1000.0, 240.0], subject="a")
    cleaned = AdaptiveFilter(harmonics="all").fit_transform(table)
    assert [s.shape for s in cleaned["signal"]] == [(900,), (2, 400)]
    assert AdaptiveFilter(harmonics="all")._n_harmonics(1000.0) == 9


@pytest.mark.parametrize(
    "step, match",
    [
        (AdaptiveFilter(harmonics=10, fs=FS), "'freq' and 'harmonics' .* up to 505.0 Hz"),
        (AdaptiveFilter(max_drift=60.0, fs=FS), "'max_drift' parameter of AdaptiveFilter must be"),
        (AdaptiveFilter("delayed", memory=0.01, fs=FS), "'memory' .* at least as long as the fil"),
        (AdaptiveFilter(1, fs=FS), "needs windows of shape"),
        (AdaptiveFilter(), "needs the sampling rate"),
    ],
)
def test_unusable_parameters_are_refused(step, match):
    with pytest.raises(ValueError, match=match):
        step.fit(noise(2, 100))


def test_missing_reference_channel_is_reported():
    table = recording_table([noise(2, 90)], fs=FS, subject="a")
    with pytest.raises(ValueError, match=r"Row 0.* 0 to 1. Got 2 instead"):
        AdaptiveFilter(2).fit_transform(table)


@pytest.mark.parametrize("algorithm", ["lms", "nlms", "rls"])
@pytest.mark.parametrize("two_way", [True, False])
@pytest.mark.parametrize("reference", ["powerline", "delayed", 1])
def test_an_offset_changes_nothing_but_the_offset(reference, two_way, algorithm):
    X = np.stack([_emg(4000) + _interference(4000), _interference(4000), _emg(4000, seed=1)])[None]
    offsets = np.array([[10.0], [-3000.0], [0.5]])
    adaptive = AdaptiveFilter(reference, algorithm=algorithm, two_way=two_way, memory=1.0, fs=FS)
    cleaned = adaptive.fit_transform(X)
    np.testing.assert_allclose(adaptive.fit_transform(X + offsets) - offsets, cleaned, atol=1e-8)
    table = recording_table([(X + offsets)[0], X[0, 0] + 1e4], fs=FS, subject="a")
    if reference != 1:
        rows = adaptive.set_params(fs=None).fit_transform(table)["signal"]
        np.testing.assert_allclose(rows.iloc[0] - offsets, cleaned[0], atol=1e-8)
        np.testing.assert_allclose(rows.iloc[1] - 1e4, cleaned[0, 0], atol=1e-8)


def test_interference_on_a_large_offset_is_removed_from_float32():
    X = (0.01 * noise(1, 8000) + np.sin(2 * np.pi * 50 * np.arange(8000) / FS) + 100.0).astype("f4")
    cleaned = AdaptiveFilter(fs=FS).fit_transform(X)
    assert np.std(cleaned[0, 2000:]) < 0.015
