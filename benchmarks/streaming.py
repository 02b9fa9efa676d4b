"""Latency of live diagnosis, and memory over an hour of signal.

Run ``python benchmarks/streaming.py [--seconds 30] [--hour]``. Signals are noise, on whose
content the time does not depend.
"""

from __future__ import annotations

import argparse
import os
import time
import warnings

import numpy as np
import psutil
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_emg.ensemble import DiVoteClassifier
from sklearn_emg.feature_extraction import TimeDomainFeatures
from sklearn_emg.neural_network import NEMGNetClassifier
from sklearn_emg.preprocessing import BandpassFilter, NotchFilter
from sklearn_emg.recordings import recording_table
from sklearn_emg.streaming import StreamingDiagnosis

CHUNK = 0.1


def noise(n_channels: int, n_times: int, seed: int) -> np.ndarray:
    """White noise in mV, of shape (n_times,) for one channel."""
    values = 0.1 * np.random.default_rng(seed).normal(size=(n_channels, n_times))
    return (values[0] if n_channels == 1 else values).astype(np.float32)


def systems() -> dict[str, object]:
    """Classifiers of windows."""
    features = make_pipeline(TimeDomainFeatures(), StandardScaler(), LinearDiscriminantAnalysis())
    return {
        "features + LDA": features,
        "nEMGNet-A": NEMGNetClassifier(max_epochs=1, random_state=0),
    }


def fitted(classifier: object, n_channels: int, fs: float) -> StreamingDiagnosis:
    """A causal system of the classifier, fitted on noise of two amplitudes."""
    signals = [a * noise(n_channels, int(2 * fs), seed) for seed, a in enumerate([1, 1, 3, 3])]
    table = recording_table(signals, fs=fs, subject=list("abcd"))
    filters = [NotchFilter(zero_phase=False), BandpassFilter(20.0, 450.0, zero_phase=False)]
    window = max(0.4, 1100 / fs)  # nEMGNet-A needs 1003 samples
    divote = DiVoteClassifier(classifier, window=window, step=0.1)
    return StreamingDiagnosis(make_pipeline(*filters, divote).fit(table, [0, 0, 1, 1]))


def play(live: StreamingDiagnosis, n_channels: int, fs: float, seconds: float) -> None:
    """Push chunks; the memory of the process is printed at each sixth of the time."""
    size, n_chunks = int(CHUNK * fs), int(seconds / CHUNK)
    source = noise(n_channels, 20 * size, 9)
    process = psutil.Process(os.getpid())
    live.begin("new")
    for k in range(n_chunks):
        if seconds >= 600 and k % (n_chunks // 6) == 0:
            print(f"  {k * CHUNK:6.0f} s: {process.memory_info().rss / 2**20:.1f} MiB", flush=True)
        begin = k % 20 * size
        live.push(source[..., begin : begin + size])
    live.end()
    if seconds >= 600:
        print(f"  {seconds:6.0f} s: {process.memory_info().rss / 2**20:.1f} MiB", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=30.0, help="signal for each latency")
    parser.add_argument("--hour", action="store_true", help="replay one hour, with memory")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    for name, classifier in systems().items():
        for n_channels, fs in ((1, 10000.0), (8, 1000.0)):
            live = fitted(classifier, n_channels, fs)
            play(live, n_channels, fs, options.seconds)
            n_chunks, median, p99 = live.latency
            print(
                f"{name}, {n_channels} x {fs:g} Hz: median {1e3 * median:.1f} ms, "
                f"p99 {1e3 * p99:.1f} ms of {n_chunks} chunks of {1e3 * CHUNK:g} ms",
                flush=True,
            )
    if options.hour:
        live = fitted(systems()["features + LDA"], 1, 1000.0)
        began = time.perf_counter()
        print("One hour of 1 x 1000 Hz, features + LDA")
        play(live, 1, 1000.0, 3600.0)
        print(f"  in {time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
