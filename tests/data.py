"""Small data sets that many tests share: noise, and cohorts of windows, signals or features."""

from functools import cache

import numpy as np
import pandas as pd

from sklearn_emg.datasets import make_nemg_cohort
from sklearn_emg.recordings import recording_table


def noise(*shape, scale=1.0, offset=0.0, seed=0):
    """White noise of the given shape."""
    return scale * np.random.default_rng(seed).normal(size=shape) + offset


def tensor(*shape, seed=0):
    """White noise as a float32 tensor of torch."""
    import torch

    return torch.from_numpy(noise(*shape, seed=seed).astype(np.float32))


def cohort(
    n_subjects=12, n_windows=5, n_channels=2, n_times=50, labels=(0, 1), first=0, seed=0
):  # fmt: skip
    """Windows, labels and subjects; the class determines the amplitude of a window.

    Subjects follow one another, are numbered from `first`, and are given the `labels` in turn.
    """
    subject = np.repeat(np.arange(n_subjects), n_windows)
    classes = subject % len(labels)
    X = noise(len(subject), n_channels, n_times, seed=seed) * (1 + 2 * classes)[:, None, None]
    return X.astype(np.float32), np.array(labels)[classes], subject + first


def signal_cohort(n_subjects=12, n_signals=4, n_channels=2, shortest=24, seed=0):
    """Signals of unequal lengths, labels and subjects; the class determines the amplitude."""
    rng = np.random.default_rng(seed)
    subject = np.repeat(np.arange(n_subjects), n_signals)
    lengths = shortest + rng.permutation(len(subject))
    X = [rng.normal(size=(n_channels, n)) * (1 + 2 * (s % 2)) for n, s in zip(lengths, subject)]
    return X, np.array(["control", "patient"])[subject % 2], subject


def recording_cohort(amplitudes, lengths=(900, 900, 900), n_channels=None, labels=(0, 1), seed=0):
    """Recording table and labels: one subject per amplitude, one recording of noise per length."""
    rng = np.random.default_rng(seed)
    channels = () if n_channels is None else (n_channels,)
    signals = [a * rng.normal(size=(*channels, n)) for a in amplitudes for n in lengths]
    subject = np.repeat(np.arange(len(amplitudes)), len(lengths))
    table = recording_table(signals, fs=1000.0, subject=[f"s{s}" for s in subject])
    return table, np.array(labels)[subject % len(labels)]


def feature_cohort(
    n_subjects=12, n_rows=6, effects=None, between=0.0, within=1.0, labels=("ill", "well"), seed=0
):
    """Feature table and labels; `effects` has the difference between two classes in each column.

    Values vary `between` subjects and `within` the rows of a subject (standard deviations).
    `n_rows` is one number for all subjects or one for each.
    """
    effects = {"rms": 1.0} if effects is None else effects
    rng = np.random.default_rng(seed)
    subject = np.repeat(np.arange(n_subjects), n_rows)
    classes = subject % len(labels)
    X = within * rng.normal(size=(len(subject), len(effects)))
    X += between * rng.normal(size=(n_subjects, len(effects)))[subject]
    X += np.outer(classes, list(effects.values()))
    table = pd.DataFrame(X, columns=list(effects))
    return table.assign(subject=subject), np.array(labels)[classes]


@cache
def _simulated(n_subjects, n_recordings, fs, duration):
    return make_nemg_cohort(
        n_subjects,
        n_recordings=n_recordings,
        fs=fs,
        duration=duration,
        return_X_y=True,
        random_state=0,
    )


def simulated_cohort(n_subjects=9, n_recordings=27, fs=2000.0, duration=0.5):
    """Recording table and labels of the simulator, simulated once for all tests of a process."""
    table, y = _simulated(n_subjects, n_recordings, fs, duration)
    return table.copy(), y.copy()


def site_cohort(name, gain=1.0, offset=0.0, n=20, seed=0):
    """Two classes, n subjects of two recordings; a gain and an offset of the amplifier."""
    rng = np.random.default_rng(seed)
    y = np.repeat(np.where(np.arange(n) % 2, "myopathy", "healthy"), 2)
    rms = rng.normal(size=2 * n) + 4 * (y == "myopathy")
    subject = np.repeat([f"{name} {k}" for k in range(n)], 2)
    table = pd.DataFrame({"rms": offset + gain * rms, "zc": rng.normal(size=2 * n)})
    return table.assign(subject=subject, site=name), y


def outcomes(event, time):
    return np.rec.fromarrays(
        [np.asarray(event, dtype=bool), np.asarray(time, dtype=float)], names="event,time"
    )


def snr(clean, other):
    return 10 * np.log10(np.mean(clean**2) / np.mean((other - clean) ** 2))
