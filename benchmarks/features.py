"""Cost of the time-domain, autoregressive and complexity features.

Run with ``python benchmarks/features.py [--dtype float64] [--quick] [--gigabytes 10]``.

Prints nanoseconds of processor time per input sample, best of several runs, and how they relate to
one read of the same array (``np.add.reduce``) and to plain vectorised NumPy (for sample and
approximate entropy, Higuchi's dimension and other complexities: antropy, where it is installed) in
the same run. Set SKLEARN_EMG_DATA to a folder with ``emgdb`` and ``n2001`` for windows of real
recordings; otherwise they are noise with bursts of EMG-like amplitude, on a 16-bit grid.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np

from sklearn_emg.feature_extraction import (
    AutoregressiveFeatures,
    ComplexityFeatures,
    TimeDomainFeatures,
)

SHAPES = {"W1": (1614, 1, 4000), "W2": (500, 1, 23437), "W3": (5000, 8, 250)}
RATES = {"W1": 10_000.0, "W2": 23_437.5, "W3": 1000.0}
HUDGINS = ["mav", "zc", "ssc", "wl"]
SEVENTEEN = [
    "mean",
    "mav",
    "rms",
    "var",
    "std",
    "iemg",
    "ssi",
    "wl",
    "zc",
    "ssc",
    "wamp",
    "dasdv",
] + ["aac", "myop", "skewness", "kurtosis", "mfl"]
SORTED = ["l_scale", "mean_abs_difference"]
THRESHOLD = 0.01


def recording(n_times: int) -> np.ndarray:
    """Samples in mV, real ones where they are at hand, repeated as often as needed."""
    folder = os.environ.get("SKLEARN_EMG_DATA")
    if folder:
        parts = [
            np.fromfile(path, dtype="<i2") / 10_000.0
            for path in sorted(Path(folder, "emgdb").glob("*.dat"))
        ]
        parts += [
            np.fromfile(path, dtype="<i2", offset=20) / 13_107.0
            for path in sorted(Path(folder, "n2001").glob("*.bin"))
        ]
        signal = np.concatenate(parts)
    else:
        rng = np.random.default_rng(0)
        n = 1_000_000
        envelope = np.repeat(rng.gamma(0.5, 0.2, size=n // 250), 250)
        signal = rng.standard_normal(n) * (0.01 + envelope)
        signal = np.round(np.convolve(signal, np.hanning(7) / 2, mode="same"), 4)
    return np.resize(signal, n_times)


def windows(shape: tuple[int, ...], dtype: str) -> np.ndarray:
    """Overlapping windows of the recording, copied to an array of their own."""
    n_rows, n_times = shape[0] * shape[1], shape[2]
    hop = max(n_times // 4, 1)
    signal = recording(hop * (n_rows - 1) + n_times).astype(dtype)
    views = np.lib.stride_tricks.sliding_window_view(signal, n_times)[::hop]
    return np.ascontiguousarray(views[:n_rows]).reshape(shape)


def seconds(function: Callable[[], object], repeats: int, wall: bool = False) -> float:
    """Best time of several runs, after one that compiles."""
    clock = time.perf_counter if wall else time.thread_time
    function()
    best = np.inf
    for _ in range(repeats):
        start = clock()
        function()
        best = min(best, clock() - start)
    return best


# Plain vectorised NumPy, as a careful user would write it.
def numpy_hudgins(X):
    d = np.diff(X)
    zc = ((X[..., :-1] * X[..., 1:] < 0) & (abs(d) >= THRESHOLD)).sum(axis=-1)
    turn = (d[..., :-1] * d[..., 1:] < 0) & (
        (abs(d[..., :-1]) >= THRESHOLD) | (abs(d[..., 1:]) >= THRESHOLD)
    )
    return abs(X).mean(axis=-1), zc, turn.sum(axis=-1), abs(d).sum(axis=-1)


def numpy_seventeen(X):
    d, absolute = np.diff(X), abs(X)
    centred = X - X.mean(axis=-1, keepdims=True)
    square = centred**2
    m2 = square.mean(axis=-1)
    values = [*numpy_hudgins(X), X.mean(axis=-1), m2, np.sqrt(m2), absolute.sum(axis=-1)]
    values += [(X**2).sum(axis=-1), np.sqrt((X**2).mean(axis=-1)), np.sqrt((d**2).mean(axis=-1))]
    values += [(abs(d) >= THRESHOLD).sum(axis=-1), (absolute >= THRESHOLD).mean(axis=-1)]
    values += [(square * centred).mean(axis=-1), (square**2).mean(axis=-1)]
    values += [abs(d).mean(axis=-1), np.log10(np.sqrt((d**2).sum(axis=-1)))]
    return values


def numpy_burg(X, order=4):
    X = X.astype(np.float64)
    X -= X.mean(axis=-1, keepdims=True)
    f, b, a = X[..., 1:], X[..., :-1], np.zeros((*X.shape[:-1], 0))
    for _ in range(order):
        k = 2 * (f * b).sum(axis=-1, keepdims=True)
        k = k / ((f**2).sum(axis=-1, keepdims=True) + (b**2).sum(axis=-1, keepdims=True))
        a = np.concatenate([a - k * a[..., ::-1], k], axis=-1)
        f, b = (f - k * b)[..., 1:], (b - k * f)[..., :-1]
    return a


def numpy_yule_walker(X, order=4):
    X = X.astype(np.float64)
    X -= X.mean(axis=-1, keepdims=True)
    n = X.shape[-1]
    r = np.stack([(X[..., k:] * X[..., : n - k]).sum(axis=-1) for k in range(order + 1)], axis=-1)
    lags = abs(np.subtract.outer(np.arange(order), np.arange(order)))
    return np.linalg.solve(r[..., lags], r[..., 1:, np.newaxis])


def report(label: str, cost: float, read: float, plain: float | None, note: str = "") -> None:
    line = f"  {label:34s} {cost:10.3f} ns/sample {cost / read:9.1f} x read"
    if plain is not None:
        line += f" {plain / cost:9.1f} x faster than {note or 'NumPy'} ({plain:.4g})"
    print(line)


def families(name: str, X: np.ndarray, fs: float, repeats: int) -> None:
    """Time-domain and autoregressive features of one array."""
    size = X.size / 1e9

    def cost(function: Callable[[], object], n: int = repeats) -> float:
        return seconds(function, n) / size

    read = cost(lambda: np.add.reduce(X, axis=None), 4 * repeats)
    print(f"{name} {X.shape} {X.dtype}: one read {read:.3f} ns/sample")
    every = TimeDomainFeatures("all", fs=fs).fit(X[:2])._names()
    unsorted = [feature for feature in every if feature not in SORTED]
    for label, features, plain in [
        ("Hudgins' four", HUDGINS, numpy_hudgins),
        ("17 time-domain features", SEVENTEEN, numpy_seventeen),
        (f"{len(unsorted)} time-domain, none sorted", unsorted, None),
        (f"all {len(every)} time-domain features", every, None),
    ]:
        extractor = TimeDomainFeatures(features, thresholds=THRESHOLD, fs=fs).fit(X)
        reference = None if plain is None else cost(lambda f=plain: f(X), 2)
        report(label, cost(lambda e=extractor: e._extract(X, fs)), read, reference)
    for method, plain in [
        ("burg", numpy_burg),
        ("yule_walker", numpy_yule_walker),
        ("least_squares", None),
    ]:
        extractor = AutoregressiveFeatures(4, method).fit(X)
        reference = None if plain is None else cost(lambda f=plain: f(X), 2)
        report(f"AR(4) {method}", cost(lambda e=extractor: e._extract(X, fs)), read, reference)


def complexities(name: str, X: np.ndarray, repeats: int) -> None:
    """Each complexity feature, against antropy window by window."""
    try:
        import antropy
    except ImportError:
        antropy = None
    read = seconds(lambda: np.add.reduce(X, axis=None), 20 * repeats) / X.size * 1e9
    print(f"{name} {X.shape} {X.dtype}: complexity, one read {read:.3f} ns/sample")
    peers = {
        "sample_entropy": "sample_entropy",
        "approximate_entropy": "app_entropy",
        "permutation_entropy": "perm_entropy",
        "svd_entropy": "svd_entropy",
        "higuchi": "higuchi_fd",
        "katz": "katz_fd",
        "petrosian": "petrosian_fd",
        "dfa": "detrended_fluctuation",
        "lempel_ziv": "lziv_complexity",
    }
    x = X[0, 0].astype(np.float64)
    symbols = (x >= np.median(x)).astype(int)
    for feature in ComplexityFeatures("all")._names():
        rows = X[:2] if feature == "fuzzy_entropy" else X
        extractor = ComplexityFeatures([feature]).fit(rows)
        cost = seconds(lambda e=extractor, r=rows: e._extract(r, None), repeats) / rows.size * 1e9
        plain = None
        if antropy is not None and feature in peers:
            peer = getattr(antropy, peers[feature])
            argument = symbols if feature == "lempel_ziv" else x
            plain = seconds(lambda p=peer, a=argument: p(a), 2) / len(x) * 1e9
        report(feature, cost, read, plain, "antropy")


def threads(X: np.ndarray, fs: float) -> None:
    """Wall time of one thread and of two, which only a quiet machine shows."""
    for label, extractor in [
        ("all time-domain features", TimeDomainFeatures("all", fs=fs)),
        ("AR(4) burg", AutoregressiveFeatures(4)),
    ]:
        extractor.fit(X)
        one = seconds(lambda e=extractor: e._extract(X, fs), 5, wall=True)
        extractor.set_params(n_jobs=2)
        two = seconds(lambda e=extractor: e._extract(X, fs), 5, wall=True)
        print(f"  {label}: two threads {one / two:.2f} x one thread (wall time)")


def memory(X: np.ndarray, fs: float) -> None:
    """Peak memory beside the input and the result."""
    extractor = TimeDomainFeatures("all", fs=fs).fit(X)
    extractor.transform(X[:10])
    tracemalloc.start()
    result = extractor._extract(X, fs)
    peak = tracemalloc.get_traced_memory()[1] - result.nbytes
    tracemalloc.stop()
    print(f"  peak extra memory {100 * peak / X.nbytes:.1f} % of the input (result apart)")


def growth(dtype: str) -> None:
    """Cost per sample with more windows and with longer ones: flat, but for entropy's square."""
    extractor = TimeDomainFeatures(HUDGINS)
    for n_windows in (100, 1000, 10_000):
        X = windows((n_windows, 1, 1000), dtype)
        cost = seconds(lambda X=X: extractor._extract(X, None), 5) / X.size * 1e9
        print(f"  Hudgins' four, {n_windows} x 1000: {cost:.3f} ns/sample")
    for n_times in (1000, 4000, 16_000, 64_000):
        X = windows((4, 1, n_times), dtype)
        costs = [
            seconds(lambda e=e, X=X: e._extract(X, None), 3) / X.size * 1e9
            for e in (extractor, ComplexityFeatures(["lempel_ziv"]), ComplexityFeatures(["dfa"]))
        ]
        entropy = ComplexityFeatures(["sample_entropy"])
        costs.append(seconds(lambda e=entropy, X=X: e._extract(X, None), 2) / X.size * 1e9)
        print(
            f"  4 x {n_times}: Hudgins {costs[0]:.3f}, Lempel-Ziv {costs[1]:.1f}, DFA "
            f"{costs[2]:.1f}, sample entropy {costs[3]:.0f} ns/sample"
        )


def stream(gigabytes: float) -> None:
    """Windows read from a file in chunks of 64 MB: time per gigabyte, memory of one chunk."""
    n_times, chunk = 4000, 4000
    extractor = TimeDomainFeatures(SEVENTEEN).fit(windows((2, 1, n_times), "float32")[:, 0])
    block = windows((chunk, 1, n_times), "float32")
    n_chunks = max(1, round(gigabytes * 1e9 / block.nbytes))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "windows.f32")
        with path.open("wb") as file:
            for _ in range(n_chunks):
                block.tofile(file)
        start, done = time.perf_counter(), 0
        with path.open("rb") as file:
            while (rows := np.fromfile(file, np.float32, chunk * n_times)).size:
                done += len(extractor.transform(rows.reshape(-1, n_times)))
                if done % (chunk * max(n_chunks // 4, 1)) == 0:
                    size = done * n_times * 4e-9
                    print(f"  {size:.2f} GB read: {(time.perf_counter() - start) / size:.2f} s/GB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dtype", default="float32", choices=["float32", "float64"])
    parser.add_argument("--quick", action="store_true", help="a fifth of the windows, fewer runs")
    parser.add_argument("--gigabytes", type=float, default=0.0, help="size of a file to stream")
    options = parser.parse_args()
    share, repeats = (5, 4) if options.quick else (1, 8)
    for name, (n_windows, n_channels, n_times) in SHAPES.items():
        X = windows((n_windows // share, n_channels, n_times), options.dtype)
        families(name, X, RATES[name], repeats)
        memory(X, RATES[name])
        if name == "W1":
            threads(X, RATES[name])
    complexities("W1", windows((20, 1, 4000), options.dtype), repeats // 2)
    complexities("W2", windows((2, 1, 23437), options.dtype), repeats // 2)
    print("growth")
    growth(options.dtype)
    if options.gigabytes:
        print("from a file")
        stream(options.gigabytes)


if __name__ == "__main__":
    main()
