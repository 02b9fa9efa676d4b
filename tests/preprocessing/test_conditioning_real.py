"""Conditioning of real needle recordings with noise of known kind and annotated potentials."""

from io import StringIO
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from data import snr
from scipy import signal

from sklearn_emg.preprocessing import (
    AdaptiveFilter,
    ArtefactDetector,
    BandpassFilter,
    BaselineRemover,
    NotchFilter,
    WaveletDenoiser,
)

FS = {"emgdb": 4000.0, "n2001": 23437.5}


def _load(folder, name):
    if name.startswith("N2001"):
        stored = np.fromfile(folder / "n2001" / f"{name}.bin", dtype="<i2", offset=20)
        return stored / 13107.0, FS["n2001"]
    return np.fromfile(folder / "emgdb" / f"{name}.dat", dtype="<i2") / 1e4, FS["emgdb"]


@pytest.fixture(params=["emg_healthy", "emg_neuropathy", "N2001A01BB02", "N2001C01BB51"])
def recording(request, real_data):
    x, fs = _load(real_data, request.param)
    x = x[: int(11 * fs)]
    return BandpassFilter(10.0, 0.45 * fs, fs=fs).fit_transform(x[None])[0], fs


def _at_0_db(clean, noise):
    return (clean + noise * np.std(clean) / np.std(noise))[None]


def _interference(n_times, fs, drift):
    freq = 50.0 + drift * np.sin(2 * np.pi * np.arange(n_times) / fs / 20.0)
    phase = 2 * np.pi * np.cumsum(freq) / fs
    return np.cos(phase) + 0.3 * np.cos(3 * phase + 1.0)


def test_drifting_interference_is_removed_better_than_by_a_notch(recording):
    clean, fs = recording
    noisy = _at_0_db(clean, _interference(len(clean), fs, 0.3))
    adaptive, notch = (
        snr(clean, step.fit_transform(noisy)[0])
        for step in (AdaptiveFilter(harmonics=3, fs=fs), NotchFilter(harmonics=3, fs=fs))
    )
    assert adaptive > notch + 1
    assert adaptive > 15


def test_adaptive_filter_takes_less_emg_than_a_notch(recording):
    clean, fs = recording
    adaptive, notch = (
        snr(clean, step.fit_transform(clean[None])[0])
        for step in (AdaptiveFilter(harmonics=3, fs=fs), NotchFilter(harmonics=3, fs=fs))
    )
    assert adaptive > notch + 1


@pytest.mark.parametrize("threshold", ["sure", "bayes"])
def test_wavelets_take_white_noise_away(recording, threshold):
    clean, fs = recording
    noisy = _at_0_db(clean, np.random.default_rng(0).normal(size=len(clean)))
    denoised = WaveletDenoiser(threshold=threshold).fit_transform(noisy)[0]
    # At 4 kHz the EMG fills more of the band: less noise can be separated from it.
    assert snr(clean, denoised) > (10.0 if fs > 20000 else 4.5)


def test_wandering_baseline_is_taken_away(recording):
    clean, fs = recording
    lowpass = signal.butter(2, 2.0, fs=fs, output="sos")
    margin = int(2 * fs)
    noise = np.random.default_rng(0).normal(size=len(clean) + margin)
    drift = signal.sosfilt(lowpass, noise)[margin:]
    removed = BaselineRemover(fs=fs).fit_transform(_at_0_db(clean, drift))[0]
    assert snr(clean, removed) > 6


def test_real_recordings_are_nearly_free_of_flags(recording):
    clean, fs = recording
    n = int(0.2 * fs)
    X = clean[: len(clean) // n * n].reshape(-1, n)
    assert ArtefactDetector(fs=fs).fit(X).flags(X).any(axis=1).mean() < 0.08


@pytest.fixture(params=["N2001A01BB02", "N2001C01BB51"])
def annotated(request, real_data):
    x, fs = _load(real_data, request.param)
    path = real_data / "n2001" / f"{request.param}.eaf"
    events = ElementTree.parse(path).find(".//{*}emglab_spike_events")
    firings = pd.read_csv(StringIO(events.text), sep=r"\s+", names=["time", "unit", "chan"])
    return x, fs, firings


def _shapes(x, fs, firings):
    """Spike-triggered average of each unit with at least 30 firings, 20 ms around them."""
    half = int(0.010 * fs)
    shapes = []
    for _, times in firings.groupby("unit")["time"]:
        at = np.rint(times.to_numpy() * fs).astype(int)
        at = at[(at >= half) & (at < len(x) - half)]
        if len(at) >= 30:
            shapes.append(np.mean([x[p - half : p + half] for p in at], axis=0))
    return shapes


def _duration(shape, fs):
    """Milliseconds for which the potential is above a tenth of its peak."""
    fine = np.abs(signal.resample(shape - np.median(shape), 16 * len(shape)))
    above = np.flatnonzero(fine > 0.1 * fine.max())
    return (above[-1] - above[0]) / (16 * fs) * 1e3


# Without "chebyshev2": its corners are the edges of its stop bands, and potentials exceed its band.
@pytest.mark.parametrize("design", ["butterworth", "chebyshev1", "bessel", "fir"])
def test_motor_unit_potentials_survive_zero_phase_filters(annotated, design):
    x, fs, firings = annotated
    bandpass = BandpassFilter(5.0, 8000.0, order=2, design=design, fs=fs)
    before = _shapes(x, fs, firings)
    after = _shapes(bandpass.fit_transform(x[None])[0], fs, firings)
    assert len(before) >= 2
    for old, new in zip(before, after):
        assert np.ptp(new) == pytest.approx(np.ptp(old), rel=0.05)
        assert _duration(new, fs) == pytest.approx(_duration(old, fs), abs=0.1)
