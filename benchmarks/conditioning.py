"""Effects of conditioning on real recordings, and its speed.

    python benchmarks/conditioning.py                   # only speed and memory

    python benchmarks/conditioning.py --data FOLDER     # also noise and MUAP shapes
    python benchmarks/conditioning.py --data FOLDER --autoencoder  # also the network (minutes)

FOLDER contains ``emgdb`` and ``n2001``. With it, four tables are printed; without it, the last two:

1. Noise of a known kind is added to real recordings. The table has the SNR in dB before and after
   the step, the RMSE after it in units of the standard deviation of the recording, the
   correlation of the 10 ms around the largest peaks, the SNR of the clean recording after the
   same step, which shows how much EMG the step removes, and the processing time per second.
2. Change of the peak-to-peak amplitude, duration and latency of motor unit potentials by each
   filter, at firing times annotated by experts.
3. Processing time per second of an 8-channel recording, and its ratio to that of the same filter
   of scipy.signal called directly or, if there is none, to that of its band-pass filter.
4. Peak memory of a causal filter by the length of the streamed recording.
"""

from __future__ import annotations

import argparse
import time
import tracemalloc
from io import StringIO
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import signal
from scipy.signal import find_peaks

from sklearn_emg.preprocessing import (
    AdaptiveFilter,
    AutoencoderDenoiser,
    BandpassFilter,
    BaselineRemover,
    GapInterpolator,
    HighpassFilter,
    LowpassFilter,
    NotchFilter,
    Resampler,
    WaveletDenoiser,
)

N2001 = ("N2001A01BB02", "N2001C01BB51")


def real_recordings(folder: Path) -> dict[str, tuple[NDArray, float]]:
    """Return signals in mV and their rates, band-limited to serve as clean references."""
    recordings = {}
    for name in ("healthy", "myopathy", "neuropathy"):
        path = folder / "emgdb" / f"emg_{name}.dat"
        recordings[name] = (np.fromfile(path, dtype="<i2") / 1e4, 4000.0)
    for name in N2001:
        path = folder / "n2001" / f"{name}.bin"
        stored = np.fromfile(path, dtype="<i2", offset=20)
        recordings[name] = (stored / 13107.0, 23437.5)
    return {
        name: (BandpassFilter(10.0, 0.45 * fs, fs=fs).fit_transform(x[None])[0], fs)
        for name, (x, fs) in recordings.items()
    }


def snr(clean: NDArray, other: NDArray) -> float:
    """Return the signal-to-noise ratio in dB."""
    return float(10 * np.log10(np.mean(clean**2) / np.mean((other - clean) ** 2)))


def interference(n_times: int, fs: float, drift: float) -> NDArray:
    """Return 50 Hz with a third harmonic; the frequency varies by `drift` Hz in 20 s."""
    freq = 50.0 + drift * np.sin(2 * np.pi * np.arange(n_times) / fs / 20.0)
    phase = 2 * np.pi * np.cumsum(freq) / fs + 0.7
    return np.cos(phase) + 0.3 * np.cos(3 * phase + 1.0)


def wander(n_times: int, fs: float, rng: np.random.Generator) -> NDArray:
    """Return baseline wander, which is noise below 2 Hz."""
    lowpass = signal.butter(2, 2.0, fs=fs, output="sos")
    # The noise is cut out of a longer piece, since filtering exaggerates the ends.
    margin = int(2 * fs)
    return signal.sosfilt(lowpass, rng.normal(size=n_times + margin))[margin:]


def pops(n_times: int, fs: float, rng: np.random.Generator) -> NDArray:
    """Return electrode pops: one step per second that decays with a time constant of 50 ms."""
    onsets = np.zeros(n_times)
    at = rng.integers(0, n_times, size=max(int(n_times / fs), 1))
    onsets[at] = rng.choice([-1.0, 1.0], size=len(at))
    decay = np.exp(-np.arange(int(0.4 * fs)) / (0.05 * fs))
    return signal.oaconvolve(onsets, decay)[:n_times]


def peak_correlation(clean: NDArray, other: NDArray, fs: float) -> float:
    """Return the median correlation of the 10 ms around the 50 largest clean peaks."""
    half = int(0.005 * fs)
    peaks, found = find_peaks(np.abs(clean), height=0.0, distance=2 * half)
    order = np.argsort(found["peak_heights"])[::-1][:50]
    at = [p for p in peaks[order] if half <= p < len(clean) - half]
    pairs = [(clean[p - half : p + half], other[p - half : p + half]) for p in at]
    return float(np.median([np.corrcoef(a, b)[0, 1] for a, b in pairs]))


class InWindows:
    """Fit a step, such as a network, on windows of the recording to which it is then applied."""

    def __init__(self, step, size: int = 2048):
        self.step, self.size = step, size

    def fit_transform(self, X: NDArray) -> NDArray:
        n_times = X.shape[-1]
        padded = np.pad(X[0], (0, -n_times % self.size), mode="reflect")
        windows = padded.reshape(-1, self.size).astype(np.float32)
        return self.step.fit_transform(windows).reshape(1, -1)[:, :n_times].astype(float)


def noise_table(folder: Path, autoencoder: bool = False) -> pd.DataFrame:
    """Return table 1: noise scaled to a given SNR, and each step with and without noise."""
    rows = []
    for name, (clean, fs) in real_recordings(folder).items():
        rng = np.random.default_rng(0)
        n_times = len(clean)
        saturated = np.clip(clean, *np.quantile(clean, [0.001, 0.999]))
        cases = {
            "power line, steady": (
                interference(n_times, fs, 0.0),
                {
                    "notch 2 Hz": NotchFilter(harmonics=3, fs=fs),
                    "notch 1 Hz": NotchFilter(harmonics=3, bandwidth=1.0, fs=fs),
                    "adaptive": AdaptiveFilter(harmonics=3, fs=fs),
                    "line enhancer": AdaptiveFilter("delayed", fs=fs),
                },
            ),
            "white": (
                rng.normal(size=n_times),
                {
                    "low-pass 1.5 kHz": LowpassFilter(1500.0, fs=fs),
                    "wavelet universal": WaveletDenoiser(threshold="universal"),
                    "wavelet sure": WaveletDenoiser(threshold="sure"),
                    "wavelet bayes": WaveletDenoiser(),
                    "wavelet sure x8": WaveletDenoiser(
                        threshold="sure", shrinkage="garrote", n_shifts=8
                    ),
                },
            ),
            "wander": (
                wander(n_times, fs, rng),
                {
                    "high-pass 10 Hz": HighpassFilter(10.0, fs=fs),
                    "moving median": BaselineRemover(fs=fs),
                },
            ),
            "pops": (
                pops(n_times, fs, rng),
                {
                    "high-pass 20 Hz": HighpassFilter(20.0, fs=fs),
                    "moving median": BaselineRemover(window=0.05, fs=fs),
                },
            ),
            "saturation": (
                saturated - clean,
                {
                    method: GapInterpolator(0.005, method=method, fs=fs)
                    for method in ("linear", "cubic")
                },
            ),
        }
        if autoencoder:
            network = AutoencoderDenoiser(random_state=0)
            cases["white"][1]["autoencoder"] = InWindows(network)
        cases["power line, drifting 0.3 Hz"] = (
            interference(n_times, fs, 0.3),
            cases["power line, steady"][1],
        )
        for kind, (noise, steps) in cases.items():
            if kind != "saturation":
                noise = noise * np.std(clean) / np.std(noise)  # 0 dB
            noisy = clean + noise
            for step_name, step in steps.items():
                given = noisy
                if kind == "saturation":
                    given = np.where(saturated != clean, np.nan, noisy)
                start = time.perf_counter()
                after = step.fit_transform(given[None])[0]
                seconds = time.perf_counter() - start
                untouched = step.fit_transform(clean[None])[0]
                lost = np.mean((untouched - clean) ** 2)
                rows.append(
                    {
                        "noise": kind,
                        "method": step_name,
                        "recording": name,
                        "before": snr(clean, noisy),
                        "after": snr(clean, after),
                        "rmse": np.sqrt(np.mean((after - clean) ** 2)) / np.std(clean),
                        "correlation": peak_correlation(clean, after, fs),
                        "clean": snr(clean, untouched) if lost > 0 else np.inf,
                        "s/s": seconds / (n_times / fs),
                    }
                )
    return pd.DataFrame(rows)


def expert_firings(path: Path) -> pd.DataFrame:
    """Return time in s, unit and channel of each discharge that the experts found."""
    events = ElementTree.parse(path).find(".//{*}emglab_spike_events")
    return pd.read_csv(StringIO(events.text), sep=r"\s+", names=["time", "unit", "chan"])


def unit_shapes(x: NDArray, fs: float, firings: pd.DataFrame) -> dict[int, NDArray]:
    """Return spike-triggered averages (20 ms) of units with at least 30 firings."""
    half = int(0.010 * fs)
    shapes = {}
    for unit, times in firings.groupby("unit")["time"]:
        at = np.rint(times.to_numpy() * fs).astype(int)
        at = at[(at >= half) & (at < len(x) - half)]
        if len(at) >= 30:
            shapes[unit] = np.mean([x[p - half : p + half] for p in at], axis=0)
    return shapes


def shape_measures(shape: NDArray, fs: float) -> tuple[float, float, float]:
    """Return peak-to-peak amplitude (mV), duration above a tenth of the peak and peak time (ms)."""
    # Interpolated by 16, so that the measures do not depend on the sampling grid.
    fine = signal.resample(shape - np.median(shape), 16 * len(shape))
    above = np.flatnonzero(np.abs(fine) > 0.1 * np.abs(fine).max())
    to_ms = 1e3 / (16 * fs)
    return np.ptp(shape), (above[-1] - above[0]) * to_ms, np.argmax(np.abs(fine)) * to_ms


def shape_table(folder: Path) -> pd.DataFrame:
    """Return table 2: changes of motor unit potentials by each filter."""
    rows = []
    for name in N2001:
        fs = 23437.5
        x = np.fromfile(folder / "n2001" / f"{name}.bin", dtype="<i2", offset=20) / 13107.0
        firings = expert_firings(folder / "n2001" / f"{name}.eaf")
        before = unit_shapes(x, fs, firings)
        steps = {
            f"{kind} {design}": BandpassFilter(
                5.0, 8000.0, order=2, design=design, zero_phase=kind == "zero-phase", fs=fs
            )
            for kind in ("zero-phase", "causal")
            for design in ("butterworth", "bessel", "chebyshev1", "fir")
        }
        steps["notch 2 Hz, zero-phase"] = NotchFilter(fs=fs)
        steps["notch 2 Hz, causal"] = NotchFilter(zero_phase=False, fs=fs)
        steps["adaptive"] = AdaptiveFilter(fs=fs)
        steps["wavelet bayes"] = WaveletDenoiser()
        for step_name, step in steps.items():
            after = unit_shapes(step.fit_transform(x[None])[0], fs, firings)
            for unit, shape in before.items():
                old, new = (shape_measures(s, fs) for s in (shape, after[unit]))
                rows.append(
                    {
                        "filter": step_name,
                        "record": name,
                        "unit": unit,
                        "amplitude %": 100 * (new[0] / old[0] - 1),
                        "duration ms": new[1] - old[1],
                        "latency ms": new[2] - old[2],
                    }
                )
    return pd.DataFrame(rows)


def seconds_of(call, repeats: int = 5) -> float:
    """Return the shortest time of several runs, after one that compiles and designs."""
    call()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return min(times)


def speed_table(seconds: float = 10.0, fs: float = 10000.0) -> pd.DataFrame:
    """Return table 3: processing times and their ratios to scipy.signal."""
    X = np.random.default_rng(0).normal(size=(1, 8, int(seconds * fs)))
    sos = signal.butter(4, (20.0, 450.0), btype="bandpass", fs=fs, output="sos")
    b, a = signal.iirnotch(50.0, 25.0, fs=fs)
    notch = np.concatenate([b, a])[None]
    pairs = {
        "band-pass, zero-phase": (BandpassFilter(fs=fs), lambda: signal.sosfiltfilt(sos, X)),
        "band-pass, causal": (
            BandpassFilter(zero_phase=False, fs=fs),
            lambda: signal.sosfilt(sos, X),
        ),
        "notch, zero-phase": (NotchFilter(fs=fs), lambda: signal.sosfiltfilt(notch, X)),
        "resampler": (Resampler(4000.0, fs=fs), lambda: signal.resample_poly(X, 2, 5, axis=-1)),
        "adaptive": (AdaptiveFilter(fs=fs), None),
        "wavelet bayes": (WaveletDenoiser(), None),
        "moving median": (BaselineRemover(fs=fs), None),
    }
    reference = seconds_of(pairs["band-pass, zero-phase"][1])
    rows = []
    for name, (step, direct) in pairs.items():
        step.fit(X)
        ours = seconds_of(lambda step=step: step.transform(X))
        theirs = reference if direct is None else seconds_of(direct)
        rows.append(
            {
                "step": name,
                "ms per s of 8 channels": 1e3 * ours / seconds,
                "compared with": "scipy band-pass" if direct is None else "scipy, same filter",
                "ratio": ours / theirs,
            }
        )
    return pd.DataFrame(rows)


def memory_table(fs: float = 10000.0) -> pd.DataFrame:
    """Return table 4: peak memory of a causal filter by length of the stream."""
    rows = []
    for seconds in (10, 100, 400):
        rng = np.random.default_rng(0)
        stream = BandpassFilter(zero_phase=False).stream(fs=fs)
        stream.process(rng.normal(size=(8, 100)))  # warm-up, which is not measured
        tracemalloc.start()
        for _ in range(seconds * 10):
            stream.process(rng.normal(size=(8, int(fs) // 10)))
        rows.append({"seconds": seconds, "peak MiB": tracemalloc.get_traced_memory()[1] / 2**20})
        tracemalloc.stop()
    return pd.DataFrame(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder that contains emgdb and n2001")
    parser.add_argument("--autoencoder", action="store_true", help="also train the network")
    arguments = parser.parse_args()
    folder = arguments.data
    if folder is not None:
        measures = ["before", "after", "rmse", "correlation", "clean", "s/s"]
        table = noise_table(folder, arguments.autoencoder)
        means = table.groupby(["noise", "method"], sort=False)[measures].mean()
        worst = table.groupby(["noise", "method"], sort=False)["after"].agg(["min", "max"])
        print("Noise added at 0 dB (saturation: unscaled), means over 5 recordings\n")
        print(means.join(worst.add_prefix("after, ")).round(3).to_string(), "\n")
        shapes = shape_table(folder).groupby("filter", sort=False)
        changes = shapes[["amplitude %", "duration ms", "latency ms"]]
        print("Largest change of a motor unit potential\n")
        largest = changes.agg(lambda column: column.iloc[np.abs(column).argmax()])
        print(largest.round(3).to_string(), "\n")
    print("Speed\n")
    print(speed_table().round(2).to_string(index=False), "\n")
    print("Memory of a stream\n")
    print(memory_table().round(2).to_string(index=False))


if __name__ == "__main__":
    main()
