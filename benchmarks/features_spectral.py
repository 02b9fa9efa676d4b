"""Cost of spectral, wavelet and multichannel features and of images, and of one real FFT.

Run it as ``python benchmarks/features_spectral.py [--quick]``. All times are in nanoseconds per
sample, best of several runs, on one thread. For each size and dtype, the first table has
scipy.fft.rfft over the windows, all spectral features together, a plain NumPy version of the same
features, the ratios, and the peak of the additional memory as a fraction of the input. The second
table compares the other families with PyWavelets or SciPy, which compute only the transform, or, if
there is no such transform, with a copy of the input.
"""

from __future__ import annotations

import argparse
import time
import tracemalloc

import numpy as np
import pywt
import scipy.fft
import scipy.signal

from sklearn_emg.feature_extraction import (
    CWTFeatures,
    LogSpectrogram,
    MelSpectrogram,
    MultichannelFeatures,
    SpectralFeatures,
    WaveformImage,
    WaveletFeatures,
)

SIZES = [(1614, 1, 4000), (500, 1, 23437), (5000, 8, 250)]
FS = 10000.0


def plain_numpy(X):
    """Compute all features of the default set over the complete array at once."""
    n_times = X.shape[-1]
    X = X - X.mean(axis=-1, keepdims=True)
    power = np.abs(np.fft.rfft(X)) ** 2 * 2 / n_times**2
    if n_times % 2 == 0:
        power[..., -1] /= 2
    power = power[..., 1:]
    n_bins = power.shape[-1]
    f = np.arange(1, n_bins + 1) * FS / n_times
    total = power.sum(-1)
    running = power.cumsum(-1)
    mean = (power * f).sum(-1) / total
    second = (power * f**2).sum(-1)
    peak = power.argmax(-1)
    fraction = power / total[..., None]
    logs = np.log(power)
    x = np.log(f) - np.log(f).mean()
    near = np.abs(f - f[peak][..., None]) <= 20.0
    low = f <= mean[..., None]
    return [
        total,
        total / n_bins,
        mean,
        f[(running < 0.5 * total[..., None]).sum(-1)],
        f[peak],
        mean * total,
        second,
        (power * f**3).sum(-1),
        second / total - mean**2,
        -(fraction * np.log(fraction)).sum(-1) / np.log(n_bins),
        np.exp(logs.mean(-1)) / power.mean(-1),
        f[(running < 0.95 * total[..., None]).sum(-1)],
        (power * low).sum(-1) / (power * ~low).sum(-1),
        (power * near).sum(-1) / total,
        power.max(-1) / f[0],
        np.sqrt(2 * power).var(-1),
        (logs * x).sum(-1) / (x**2).sum(),
    ]


def best_of(n_runs, function, *args):
    times = []
    for _ in range(n_runs):
        start = time.perf_counter()
        function(*args)
        times.append(time.perf_counter() - start)
    return min(times)


def spectral(n_runs, quick):
    print(
        f"{'windows':>16} {'dtype':>8} {'rfft':>7} {'ours':>7} {'NumPy':>7}"
        f" {'ours/rfft':>10} {'NumPy/ours':>11} {'fast/rfft':>10} {'memory':>8}"
    )
    for n_windows, n_channels, n_times in SIZES:
        if quick:
            n_windows //= 10
        for dtype in (np.float32, np.float64):
            rng = np.random.default_rng(0)
            X = rng.standard_normal((n_windows, n_channels, n_times)).astype(dtype)
            ours = SpectralFeatures(fs=FS).fit(X)
            fast = SpectralFeatures(fs=FS, n_fft="fast").fit(X)
            ours.transform(X[:2])
            fast.transform(X[:2])
            ns = 1e9 / X.size
            # In alternation, so that other programs on the machine affect all of them.
            times = [
                (
                    best_of(1, scipy.fft.rfft, X),
                    best_of(1, ours.transform, X),
                    best_of(1, fast.transform, X),
                )
                for _ in range(n_runs)
            ]
            fft, features, padded = np.min(times, axis=0) * ns
            numpy = best_of(1 if quick else 2, plain_numpy, X) * ns
            tracemalloc.start()
            ours.transform(X)
            peak = tracemalloc.get_traced_memory()[1] / X.nbytes
            tracemalloc.stop()
            print(
                f"{n_windows:>5} x {n_channels} x {n_times:>5} {dtype.__name__:>8}"
                f" {fft:7.2f} {features:7.2f} {numpy:7.1f} {features / fft:9.2f}x"
                f" {numpy / features:10.1f}x {padded / fft:9.2f}x {peak:7.1%}"
            )


def others(n_runs, quick):
    X = np.random.default_rng(0).standard_normal((20 if quick else 200, 4000), dtype=np.float32)
    channels = X.reshape(-1, 8, 500)
    scales = 2.0 ** (np.arange(2, 13) / 2)
    cases = [
        ("DWT, 9 features x 5 bands", WaveletFeatures(), X, "pywt.wavedec"),
        ("DWT, energies", WaveletFeatures(["wavelet_energy"]), X, "pywt.wavedec"),
        ("CWT, 11 scales, complex", CWTFeatures(fs=FS), X, "pywt.cwt"),
        ("covariance ... of 8 channels", MultichannelFeatures(), channels, None),
        ("log spectrogram and delta", LogSpectrogram(delta=True), X, "scipy.signal.stft"),
        ("mel spectrogram", MelSpectrogram(fs=FS), X, "scipy.signal.stft"),
        ("waveform image, 128 x 128", WaveformImage(), X, None),
    ]
    alone = {
        "pywt.wavedec": lambda X: pywt.wavedec(X, "db4", level=4, axis=-1),
        "pywt.cwt": lambda X: pywt.cwt(X, scales, "cmor1.5-1.0", method="fft", axis=-1),
        "scipy.signal.stft": lambda X: scipy.signal.stft(X, nperseg=256, noverlap=192),
        None: np.copy,
    }
    print(f"\n{'float32':>30} {'ours':>9} {'transform alone':>28} {'ours/alone':>11}")
    for label, transformer, data, other in cases:
        transformer.fit(data)
        transformer.transform(data[:2])
        ours = best_of(n_runs, transformer.transform, data) * 1e9 / data.size
        theirs = best_of(n_runs, alone[other], data) * 1e9 / data.size
        name = other or "copy"
        print(f"{label:>30} {ours:9.2f} {name:>18} {theirs:9.2f} {ours / theirs:10.2f}x")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="use a tenth of the windows and 2 runs"
    )
    quick = parser.parse_args().quick
    n_runs = 2 if quick else 5
    spectral(n_runs, quick)
    others(n_runs, quick)


if __name__ == "__main__":
    main()
