"""Agreement of the simulated EMG with published norms and real recordings.

The limits surround the values that the model had when its parameters were set: they guard against
regression and do not prove realism. The slow tests simulate whole cohorts.
"""

from dataclasses import replace

import numpy as np
import pytest
from scipy.signal import butter, find_peaks, periodogram, sosfilt, welch
from scipy.stats import kurtosis, skew
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold, cross_val_predict

from sklearn_emg.datasets import make_nemg_cohort, simulate_muap
from sklearn_emg.datasets._simulator import _cohort as simulated
from sklearn_emg.datasets._simulator import _plan as plan

# Measures ----------------------------------------------------------------------------------


def turning_points(signal, minimum):
    """Values of alternating extremes that differ by `minimum` or more, without the flat start."""
    step = np.diff(signal)
    local = np.flatnonzero(step[1:] * step[:-1] <= 0) + 1
    values = np.concatenate([signal[:1], signal[local], signal[-1:]])
    turns, high, low, direction = [], values[0], values[0], 0
    for value in values:
        if direction >= 0:
            high = max(high, value)
            if high - value >= minimum:
                turns.append(high)
                direction, low = -1, value
                continue
        if direction <= 0:
            low = min(low, value)
            if value - low >= minimum:
                turns.append(low)
                direction, high = 1, value
    return np.array(turns[1:])


def measure_muap(wave, fs):
    """Amplitude (mV), duration (ms, |w| > 10 µV, gaps <= 2 ms), phases (20 µV), turns (50 µV)."""
    active = np.flatnonzero(np.abs(wave) > 0.010)
    groups = np.split(active, np.flatnonzero(np.diff(active) > 0.002 * fs) + 1)
    main = np.abs(wave).argmax()
    [group] = [g for g in groups if g[0] <= main <= g[-1]]
    signs = np.sign(wave[np.abs(wave) > 0.020])
    phases = 1 + np.count_nonzero(np.diff(signs))
    duration = (group[-1] - group[0] + 1) / fs * 1000
    return np.ptp(wave), duration, phases, len(turning_points(wave, 0.050))


def measure_muaps(waves, fs):
    """One row per potential larger than 50 µV."""
    return np.array([measure_muap(wave, fs) for wave in waves if np.ptp(wave) > 0.050])


def mean_frequency(signal, fs):
    f, power = welch(signal, fs, nperseg=min(len(signal), int(0.4 * fs)))
    return (f * power).sum() / power.sum()


# A. Normal motor unit potentials -----------------------------------------------------------

NORMS = {  # µV and ms, Bischoff et al. 1994
    "biceps_brachii": (436, 9.9),
    "deltoid": (550, 10.4),
    "vastus_lateralis": (687, 11.7),
    "tibialis_anterior": (666, 11.4),
    "first_dorsal_interosseous": (752, 9.4),
}


@pytest.mark.parametrize("muscle", NORMS)
def test_normal_potentials_meet_the_norm(muscle):
    waves, _ = simulate_muap(muscle, n_units=400, fs=24000.0, random_state=0)
    found = measure_muaps(waves, 24000.0)
    amplitude, duration = NORMS[muscle]
    assert found[:, 0].mean() * 1000 == pytest.approx(amplitude, rel=0.2)
    assert found[:, 1].mean() == pytest.approx(duration, rel=0.2)
    assert (found[:, 2] > 4).mean() < 0.25


@pytest.mark.parametrize("diagnosis, sign", [("myopathy", -1), ("neuropathy", 1)])
def test_potentials_follow_the_severity(diagnosis, sign):
    means = []
    for severity in (0.0, 0.2, 0.5, 0.8):
        # Both subtypes: each call draws one for all its units.
        waves = np.vstack(
            [
                simulate_muap(
                    "biceps_brachii",
                    diagnosis,
                    severity=severity,
                    n_units=100,
                    max_distance=2.0,
                    fs=24000.0,
                    random_state=seed,
                )[0]
                for seed in range(8)
            ]
        )
        means.append(measure_muaps(waves, 24000.0)[:, :2].mean(axis=0))
    change = sign * np.diff(means, axis=0)
    assert (change > 0).all()


# B. Low-force biceps against real recordings -----------------------------------------------

# Real medians: peak µV, peaks, median frequency Hz, slope sign changes, sample entropy,
# approximate entropy, Higuchi dimension.
REAL_BICEPS = {
    "normal": (197, 4, 152, 3225, 0.18, 0.24, 1.41),
    "neuropathy": (363, 3, 148, 3164, 0.08, 0.14, 1.32),
    "myopathy": (132, 4, 248, 3297, 0.27, 0.37, 1.43),
}
BICEPS_FS = 23437.5
BICEPS_WINDOW = 5859


def biceps_features(window, antropy):
    """Features of one window in µV, as published for the real recordings."""
    sos = butter(4, 20, "highpass", fs=BICEPS_FS, output="sos")
    filtered = np.abs(sosfilt(sos, window))
    minimum = 3 * np.std(sosfilt(sos, window))
    peaks, _ = find_peaks(filtered, height=minimum, distance=int(0.03 * BICEPS_FS))
    f, power = periodogram(window, BICEPS_FS)
    power[0] = 0
    fraction = np.cumsum(power) / power.sum()
    step = np.diff(window)
    changes = (step[1:] * step[:-1] < 0) & (np.abs(np.diff(step)) > 0.01)
    return (
        filtered[peaks].mean() if len(peaks) else 0.0,
        len(peaks),
        f[np.searchsorted(fraction, 0.5)],
        changes.sum(),
        antropy.sample_entropy(window),
        antropy.app_entropy(window),
        antropy.higuchi_fd(window),
    )


@pytest.fixture(scope="module")
def biceps():
    """Features, diagnoses and subjects of three low-force cohorts, 8 windows per subject."""
    antropy = pytest.importorskip("antropy")
    X, y, subjects = [], [], []
    for seed in (101, 102, 103):
        data = make_nemg_cohort(
            22, fs=BICEPS_FS, duration=3.0, protocol="biceps_low_force", random_state=seed
        )
        rng = np.random.default_rng(seed)
        for row, signal in enumerate(data.data["signal"]):
            start = rng.integers(12) * BICEPS_WINDOW
            window = 1000.0 * signal[start : start + BICEPS_WINDOW].astype(float)
            X.append(biceps_features(window, antropy))
            y.append(data.target[row])
            subjects.append((seed, data.data["subject"].iloc[row]))
    return np.array(X), np.array(y), np.array([f"{seed} {name}" for seed, name in subjects])


@pytest.mark.slow
@pytest.mark.parametrize("diagnosis", REAL_BICEPS)
def test_low_force_biceps_resembles_real_recordings(biceps, diagnosis):
    X, y, _ = biceps
    peak, peaks, frequency, changes, sample, approximate, dimension = np.median(
        X[y == diagnosis], axis=0
    )
    real = REAL_BICEPS[diagnosis]
    assert peak == pytest.approx(real[0], rel=0.40)
    assert peaks == pytest.approx(real[1], abs=1)
    assert frequency == pytest.approx(real[2], rel=0.30)
    assert changes == pytest.approx(real[3], rel=0.10)
    assert 0.4 < sample / real[4] < 1.4
    assert 0.6 < approximate / real[5] < 1.4
    assert dimension == pytest.approx(real[6], abs=0.12)


@pytest.mark.slow
@pytest.mark.parametrize("diagnosis", REAL_BICEPS)
def test_low_force_subjects_differ_as_real_ones(biceps, diagnosis):
    X, y, subjects = biceps
    own = y == diagnosis
    spreads = []
    for seed in ("101", "102", "103"):
        of_seed = np.char.startswith(subjects, seed) & own
        means = [
            np.log(np.maximum(X[subjects == name, 0], 1)).mean()
            for name in np.unique(subjects[of_seed])
        ]
        spreads.append(np.std(means, ddof=1))
    assert 0.12 < np.mean(spreads) < 0.60


# C. Tibialis anterior at 4 kHz against one real record per class ----------------------------


@pytest.fixture(scope="module")
def tibialis():
    """Medians over 20 subjects: rms µV, turns/s, amplitude per turn µV, mean frequency Hz."""
    settings = plan.protocol_settings(False, None, 0.5, 1.0, None)
    medians = {}
    for diagnosis, subtype in (
        ("normal", "normal"),
        ("myopathy", "inflammatory"),
        ("neuropathy", "chronic_neuropathy"),
    ):
        found = []
        for i in range(20):
            person_seed, seed = np.random.SeedSequence([7, i]).spawn(2)
            subject = plan.draw_subject(np.random.default_rng(person_seed), diagnosis, settings)
            conditions_seed, signal_seed = seed.spawn(2)
            conditions, _ = plan.recording_conditions(
                np.random.default_rng(conditions_seed),
                replace(subject, subtype=subtype),
                "tibialis_anterior",
                settings,
            )
            task = simulated.Task(conditions, subject.amplifier, 4000.0, 16000, False, signal_seed)
            signal = 1000.0 * simulated.simulate(task)[0].astype(float)
            turns = turning_points(signal, 100.0)
            size = np.abs(np.diff(turns)).mean() if len(turns) > 1 else np.nan
            found.append((signal.std(), len(turns) / 4, size, mean_frequency(signal, 4000.0)))
        medians[diagnosis] = np.nanmedian(found, axis=0)
    return medians


@pytest.mark.slow
def test_tibialis_is_within_a_factor_of_two_of_the_real_records(tibialis):
    real = {
        "normal": (82, 149, 260, 198),
        "myopathy": (97, 408, 294, 423),
        "neuropathy": (536, 380, 1360, 469),
    }
    for diagnosis, values in real.items():
        ratio = tibialis[diagnosis] / values
        assert (ratio > 0.5).all()
        assert (ratio < 2.0).all()


@pytest.mark.slow
def test_tibialis_classes_are_ordered_as_in_the_real_records(tibialis):
    rms, turns, size, frequency = np.transpose(
        [tibialis[name] for name in ("normal", "myopathy", "neuropathy")]
    )
    assert rms[2] > rms[0]
    assert turns[0] < min(turns[1:])
    assert size[2] > max(size[:2])
    assert frequency[0] < min(frequency[1:])


# D. The cohort -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def classes():
    """Means of each class over three seeds: amplitude, duration, polyphasic, units, rate, Hz."""
    rows = {"normal": [], "myopathy": [], "neuropathy": []}
    fs = 24000.0
    for seed in (0, 1, 2):
        data = make_nemg_cohort(fs=fs, return_truth=True, random_state=seed)
        for diagnosis, found in rows.items():
            muaps, rates, counts, frequencies = [], [], [], []
            for row in np.flatnonzero(data.target == diagnosis):
                truth = data.truth[row]
                seen = [
                    unit
                    for unit, times in enumerate(truth["firing_times"])
                    if len(times) >= 3 and truth["ptp_mv"][unit] > 0.050
                ]
                counts.append(len(seen))
                muaps += [measure_muap(truth["templates"][unit], fs) for unit in seen]
                rates += [
                    (len(times) - 1) / np.ptp(times)
                    for times in (truth["firing_times"][unit] for unit in seen)
                ]
                frequencies.append(mean_frequency(data.data["signal"].iloc[row], fs))
            muaps = np.array(muaps)
            found.append(
                (
                    muaps[:, 0].mean(),
                    muaps[:, 1].mean(),
                    (muaps[:, 2] > 4).mean(),
                    np.mean(counts),
                    np.median(rates),
                    np.median(frequencies),
                )
            )
    return {diagnosis: np.mean(found, axis=0) for diagnosis, found in rows.items()}


@pytest.mark.slow
@pytest.mark.parametrize("measure", [0, 1], ids=["amplitude", "duration"])
def test_potentials_are_larger_in_neuropathy_and_smaller_in_myopathy(classes, measure):
    normal, myopathy, neuropathy = (classes[name][measure] for name in classes)
    assert neuropathy > normal > myopathy


@pytest.mark.slow
def test_both_diseases_are_polyphasic(classes):
    normal, myopathy, neuropathy = (classes[name][2] for name in classes)
    assert min(myopathy, neuropathy) > 2 * normal


@pytest.mark.slow
def test_neuropathy_has_fewer_and_faster_units(classes):
    assert classes["neuropathy"][3] < 0.95 * classes["normal"][3]
    assert classes["neuropathy"][4] > 1.15 * classes["normal"][4]


@pytest.mark.slow
def test_myopathy_has_higher_frequencies(classes):
    assert classes["myopathy"][5] > classes["normal"][5]


# E. What can be learned --------------------------------------------------------------------

LEARN_FS = 24000.0


def window_features(windows):
    """22 time-domain, turns and spectral features of windows in mV."""
    size = np.abs(windows)
    step = np.diff(windows)
    f = np.fft.rfftfreq(windows.shape[1], 1 / LEARN_FS)
    power = np.abs(np.fft.rfft(windows * np.hanning(windows.shape[1]))) ** 2
    power[:, 0] = 0
    power /= power.sum(axis=1, keepdims=True)
    fraction = np.cumsum(power, axis=1)
    rms = np.sqrt((windows**2).mean(axis=1))
    mean_f = power @ f
    turns = [turning_points(window, 0.1) for window in windows]
    changes = (step[:, 1:] * step[:, :-1] < 0) & (np.abs(np.diff(step)) > 0.005)
    columns = [
        size.mean(axis=1),
        rms,
        np.abs(step).sum(axis=1),
        (windows[:, 1:] * windows[:, :-1] < 0).sum(axis=1),
        changes.sum(axis=1),
        (np.abs(step) > 0.02).sum(axis=1),
        size.max(axis=1),
        size.max(axis=1) / rms,
        kurtosis(windows, axis=1),
        skew(windows, axis=1),
        np.log(size + 1e-4).mean(axis=1),
        np.quantile(size, 0.9, axis=1),
        [len(t) for t in turns],
        [np.abs(np.diff(t)).mean() if len(t) > 1 else 0.0 for t in turns],
        mean_f,
        *(f[np.argmax(fraction >= q, axis=1)] for q in (0.05, 0.5, 0.95)),
        np.sqrt(power @ f**2 - mean_f**2),
        -(power * np.log(power + 1e-15)).sum(axis=1),
        power[:, f < 100].sum(axis=1),
        power[:, f > 1000].sum(axis=1),
    ]
    return np.column_stack(columns)


def learn(difficulty, seed):
    """Accuracy of windows in a window split and a subject split, and of subjects in the latter."""
    data = make_nemg_cohort(fs=LEARN_FS, difficulty=difficulty, random_state=seed)
    n = int(0.4 * LEARN_FS)
    cut = [s[: len(s) // n * n].reshape(-1, n).astype(float) for s in data.data["signal"]]
    X = np.vstack([window_features(windows) for windows in cut])
    counts = [len(windows) for windows in cut]
    y = np.repeat(data.target, counts)
    groups = np.repeat(data.data["subject"].to_numpy(), counts)
    names = np.unique(y)
    forest = RandomForestClassifier(200, random_state=seed)
    scores = []
    for splitter, by in ((StratifiedKFold, None), (StratifiedGroupKFold, groups)):
        cv = splitter(5, shuffle=True, random_state=seed)
        proba = cross_val_predict(forest, X, y, groups=by, cv=cv, method="predict_proba")
        scores.append(np.mean(names[proba.argmax(axis=1)] == y))
    scores.append(
        np.mean(
            [
                names[proba[groups == name].mean(axis=0).argmax()] == y[groups == name][0]
                for name in np.unique(groups)
            ]
        )
    )
    return scores


@pytest.fixture(scope="module")
def learned():
    return np.array([learn(0.5, seed) for seed in (11, 12, 13)])


@pytest.mark.slow
def test_window_split_is_easy(learned):
    assert (learned[:, 0] >= 0.88).all()


@pytest.mark.slow
def test_subject_split_is_neither_trivial_nor_hopeless(learned):
    assert ((learned[:, 2] >= 0.60) & (learned[:, 2] <= 0.97)).all()
    assert 0.68 <= learned[:, 2].mean() <= 0.90


@pytest.mark.slow
def test_window_split_leaks(learned):
    assert (learned[:, 0] - learned[:, 1]).mean() >= 0.10


@pytest.mark.slow
def test_difficulty_is_difficult():
    easy, hard = (np.mean([learn(d, seed)[2] for seed in (11, 12)]) for d in (0.0, 1.0))
    assert easy - hard >= 0.2
