"""Cost of feature families, compared with one read of the array, NumPy and other packages.

Run with ``python benchmarks/features.py [--dtype float64] [--quick] [--gigabytes 10]``.

The script prints nanoseconds of processor time (of elapsed time in the part ``transforms``) per
input sample (best of several runs), and the ratios to one read of the same array
(``np.add.reduce``), to plain vectorised NumPy, and to the functions of those of the packages
antropy, EntropyHub, libEMG, mne-features and NeuroKit2 that are installed; the packages that are
not installed are listed. Set SKLEARN_EMG_DATA to a folder with ``emgdb`` and ``n2001`` to use
windows of real recordings. Otherwise the windows contain noise with bursts of EMG-like amplitude,
rounded to a 16-bit grid.
"""

from __future__ import annotations

import argparse
import importlib
import os
import resource
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import features_spectral
import numba
import numpy as np
import scipy.fft

from sklearn_emg.feature_extraction import (
    AutoregressiveFeatures,
    ComplexityFeatures,
    SpectralFeatures,
    TimeDomainFeatures,
    WaveletFeatures,
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
HJORTH = ["hjorth_activity", "hjorth_mobility", "hjorth_complexity"]
# The most expensive features, each measured alone; the others add little to their time.
MOST_EXPENSIVE = {
    "mav alone": ["mav"],
    "zc and ssc alone": ["zc", "ssc"],
    "turns alone": ["turns", "turn_amplitude"],
    "ewl alone": ["ewl"],
    "log alone": ["log"],
    "hist alone": ["hist"],
    "l_scale alone": SORTED,
}
PAIRWISE = ["sample_entropy", "approximate_entropy", "fuzzy_entropy"]
THRESHOLD = 0.01

# The names in libEMG, which has 15 of the 17 features.
LIBEMG_SEVENTEEN = [
    "MEAN",
    "MAV",
    "RMS",
    "VAR",
    "IAV",
    "ISD",
    "WL",
    "ZC",
    "SSC",
    "WAMP",
    "DASDV",
    "MAVFD",
    "SKEW",
    "KURT",
    "MFL",
]


def recording(n_times: int) -> np.ndarray:
    """Return samples in mV, from real recordings if available, repeated to the length needed."""
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
    """Return overlapping windows of the recording, copied to a new array."""
    n_rows, n_times = shape[0] * shape[1], shape[2]
    hop = max(n_times // 4, 1)
    signal = recording(hop * (n_rows - 1) + n_times).astype(dtype)
    views = np.lib.stride_tricks.sliding_window_view(signal, n_times)[::hop]
    return np.ascontiguousarray(views[:n_rows]).reshape(shape)


def seconds(function: Callable[[], object], repeats: int, wall: bool = False) -> float:
    """Return the best time of several runs, after one that compiles."""
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


def peer(name: str) -> ModuleType | None:
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def libemg(features: list[str]) -> Callable[[np.ndarray], object] | None:
    """Return a libEMG function of windows with shape (n_windows, n_channels, n_times)."""
    module = peer("libemg.feature_extractor")
    if module is None:
        return None
    return lambda X: module.FeatureExtractor().extract_features(features, X)


def complexity_peers() -> dict[str, dict[str, Callable[[np.ndarray], object]]]:
    """Return functions of one window, by the name of the feature here and by package."""
    found: dict[str, dict[str, Callable[[np.ndarray], object]]] = {}

    def add(package: str, functions: dict[str, Callable]) -> None:
        for feature, function in functions.items():
            found.setdefault(feature, {})[package] = function

    if (antropy := peer("antropy")) is not None:
        names = "sample_entropy app_entropy perm_entropy svd_entropy higuchi_fd katz_fd"
        ours = "sample_entropy approximate_entropy permutation_entropy svd_entropy higuchi katz"
        functions = {o: getattr(antropy, n) for o, n in zip(ours.split(), names.split())}
        functions["petrosian"] = antropy.petrosian_fd
        functions["dfa"] = antropy.detrended_fluctuation
        # From the periodogram, as in this package; Welch's method gives a different quantity.
        functions["spectral_entropy"] = lambda x: antropy.spectral_entropy(x, 1.0, method="fft")
        functions["lempel_ziv"] = lambda x: antropy.lziv_complexity((x >= np.median(x)).astype(int))
        add("antropy", functions)
    if (hub := peer("EntropyHub")) is not None:
        functions = {"sample_entropy": hub.SampEn, "approximate_entropy": hub.ApEn}
        functions["fuzzy_entropy"] = hub.FuzzEn
        functions["permutation_entropy"] = lambda x: hub.PermEn(x, m=3)
        functions["spectral_entropy"] = hub.SpecEn
        add("EntropyHub", functions)
    if (kit := peer("neurokit2")) is not None:
        functions = {"fuzzy_entropy": lambda x: kit.entropy_fuzzy(x, dimension=2)}
        functions["spectral_entropy"] = kit.entropy_spectral
        functions["svd_entropy"] = kit.entropy_svd
        functions["sample_entropy"] = lambda x: kit.entropy_sample(x, dimension=2)
        functions["approximate_entropy"] = lambda x: kit.entropy_approximate(x, dimension=2)
        functions["higuchi"] = lambda x: kit.fractal_higuchi(x, k_max=10)
        functions["katz"] = kit.fractal_katz
        functions["petrosian"] = kit.fractal_petrosian
        add("NeuroKit2", functions)
    if (mne := peer("mne_features.univariate")) is not None:
        functions = {
            "sample_entropy": lambda x: mne.compute_samp_entropy(x[np.newaxis]),
            "approximate_entropy": lambda x: mne.compute_app_entropy(x[np.newaxis]),
            "svd_entropy": lambda x: mne.compute_svd_entropy(x[np.newaxis]),
            "higuchi": lambda x: mne.compute_higuchi_fd(x[np.newaxis]),
            "katz": lambda x: mne.compute_katz_fd(x[np.newaxis]),
            "spectral_entropy": lambda x: mne.compute_spect_entropy(
                1000.0, x[np.newaxis], psd_method="fft"
            ),
        }
        add("mne-features", functions)
    if peer("libemg.feature_extractor") is not None:
        for feature, name in [("sample_entropy", "SAMPEN"), ("fuzzy_entropy", "FUZZYEN")]:
            extract = libemg([name])
            add("libEMG", {feature: lambda x, e=extract: e(x[np.newaxis, np.newaxis])})
    return found


def report(label: str, cost: float, read: float, others: dict[str, float | None]) -> None:
    line = f"  {label:34s} {cost:10.3f} ns/sample {cost / read:9.1f} x read"
    for name, other in others.items():
        if other is not None:
            line += f"; {other / cost:.3g} x faster than {name} ({other:.4g})"
    print(line, flush=True)


def families(name: str, X: np.ndarray, fs: float, repeats: int) -> None:
    """Report time-domain, autoregressive, spectral and wavelet features of one array."""
    size = X.size / 1e9

    def cost(function: Callable[[], object], n: int = repeats) -> float:
        return seconds(function, n) / size

    def other(function: Callable[[np.ndarray], object] | None) -> float | None:
        return None if function is None else cost(lambda: function(X), 2)

    read = cost(lambda: np.add.reduce(X, axis=None), 4 * repeats)
    print(f"{name} {X.shape} {X.dtype}: one read {read:.3f} ns/sample", flush=True)
    every = TimeDomainFeatures("all", fs=fs).fit(X[:2])._names()
    unsorted = [feature for feature in every if feature not in SORTED]
    for label, features, plain, peers in [
        ("Hudgins' four", HUDGINS, numpy_hudgins, libemg(["MAV", "ZC", "SSC", "WL"])),
        ("17 time-domain features", SEVENTEEN, numpy_seventeen, libemg(LIBEMG_SEVENTEEN)),
        ("Hjorth's three", HJORTH, None, libemg(["ACT", "MOB", "COMP"])),
        (f"{len(unsorted)} time-domain, none sorted", unsorted, None, None),
        (f"all {len(every)} time-domain features", every, None, None),
    ]:
        extractor = TimeDomainFeatures(features, thresholds=THRESHOLD, fs=fs).fit(X)
        ours = cost(lambda e=extractor: e._extract(X, fs))
        report(label, ours, read, {"NumPy": other(plain), "libEMG": other(peers)})
    for label, features in MOST_EXPENSIVE.items():
        extractor = TimeDomainFeatures(features, thresholds=THRESHOLD, fs=fs).fit(X)
        report(label, cost(lambda e=extractor: e._extract(X, fs)), read, {})
    report("np.sort of each window, alone", cost(lambda: sort_rows(X), 2), read, {})
    keys = bucket_numbers(X)
    report("placing by known buckets, alone", cost(lambda: place_rows(X, keys), 2), read, {})
    for method, plain in [
        ("burg", numpy_burg),
        ("yule_walker", numpy_yule_walker),
        ("least_squares", None),
    ]:
        extractor = AutoregressiveFeatures(4, method).fit(X)
        ours = cost(lambda e=extractor: e._extract(X, fs))
        report(f"AR(4) {method}", ours, read, {"NumPy": other(plain)})
    fft = cost(lambda: scipy.fft.rfft(X), 4)
    extractor = SpectralFeatures(fs=fs).fit(X)
    ours = cost(lambda: extractor._extract(X, fs), 4)
    emg = other(libemg(["MNF", "MNP", "SM"]))
    report(f"17 spectral, {ours / fft:.2f} x one rfft", ours, read, {"libEMG's three": emg})
    extractor = WaveletFeatures(["wavelet_energy"]).fit(X)
    ours = cost(lambda: extractor._extract(X, fs), 2)
    report("wavelet energies, DWT, 4 levels", ours, read, {"libEMG": other(libemg(["WENG"]))})


def sort_rows(X: np.ndarray) -> None:
    """Sort windows a few at a time, in the cache."""
    rows = X.reshape(-1, X.shape[-1])
    step = max(1, 2**15 // rows.shape[1])
    for start in range(0, len(rows), step):
        np.sort(rows[start : start + step], axis=1)


def bucket_numbers(X: np.ndarray) -> np.ndarray:
    """Return the bucket of each sample, with half as many buckets as samples in each window."""
    rows = X.reshape(-1, X.shape[-1])
    order = np.argsort(rows, axis=1, kind="stable")
    keys = np.empty(rows.shape, dtype=np.uint16)
    fraction = (np.arange(rows.shape[1]) // 2).astype(np.uint16)
    np.put_along_axis(keys, order, np.broadcast_to(fraction, rows.shape), axis=1)
    return keys


@numba.njit(nogil=True)
def place(rows: np.ndarray, keys: np.ndarray, counts: np.ndarray, ordered: np.ndarray) -> None:
    """Sort samples into their buckets, which is the minimum cost of any sum over ranks."""
    one = np.uint32(1)
    behind = counts[1:]
    for w in range(rows.shape[0]):
        row, key = rows[w], keys[w]
        counts[:] = 0
        for i in range(row.shape[0]):
            behind[key[i]] += one
        total = np.uint32(0)
        for k in range(counts.shape[0]):
            total = np.uint32(total + counts[k])
            counts[k] = total
        for i in range(row.shape[0]):
            bucket = counts[key[i]]
            ordered[bucket] = row[i]
            counts[key[i]] = np.uint32(bucket + one)


def place_rows(X: np.ndarray, keys: np.ndarray) -> None:
    rows = X.reshape(-1, X.shape[-1])
    counts = np.empty(rows.shape[1] // 2 + 2, dtype=np.uint32)
    place(rows, keys, counts, np.empty(rows.shape[1], dtype=X.dtype))


def complexities(name: str, X: np.ndarray, repeats: int) -> None:
    """Report each complexity feature, and the fastest other package, window by window."""
    read = seconds(lambda: np.add.reduce(X, axis=None), 20 * repeats) / X.size * 1e9
    print(f"{name} {X.shape} {X.dtype}: complexity, one read {read:.3f} ns/sample")
    x = X[0, 0].astype(np.float64)
    peers = complexity_peers()
    for feature in ComplexityFeatures("all")._names():
        rows = X[:1] if feature == "fuzzy_entropy" else X[:2] if feature in PAIRWISE else X
        extractor = ComplexityFeatures([feature]).fit(rows)
        ours = seconds(lambda e=extractor, r=rows: e._extract(r, None), repeats) / rows.size * 1e9
        costs = {}
        for package, function in peers.get(feature, {}).items():
            # For long windows, a matrix of all pairs of templates does not fit into memory.
            by_pairs = feature in PAIRWISE and package not in ("antropy", "mne-features")
            if len(x) < 10_000 or not by_pairs:
                costs[package] = seconds(lambda f=function: f(x), 1) / len(x) * 1e9
        best = dict(sorted(costs.items(), key=lambda pair: pair[1])[:1])
        report(feature, ours, read, best)


def threads(X: np.ndarray, fs: float) -> None:
    """Compare the wall times of one and two threads, which needs an idle machine."""
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
    """Report the peak memory in addition to the input and the result."""
    extractor = TimeDomainFeatures("all", fs=fs).fit(X)
    extractor.transform(X[:10])
    tracemalloc.start()
    result = extractor._extract(X, fs)
    peak = tracemalloc.get_traced_memory()[1] - result.nbytes
    tracemalloc.stop()
    print(f"  peak extra memory {100 * peak / X.nbytes:.1f} % of the input (without the result)")


def growth(dtype: str) -> None:
    """Report the cost per sample for more windows (ideally constant) and for longer windows."""
    hudgins = TimeDomainFeatures(HUDGINS)
    every = TimeDomainFeatures("all", fs=1000.0)
    spectral = SpectralFeatures(fs=1000.0, n_fft="fast")

    def cost(extractor, X: np.ndarray, repeats: int = 3) -> float:
        extractor.fit(X)
        return seconds(lambda: extractor._extract(X, 1000.0), repeats) / X.size * 1e9

    for n_windows in (100, 1000, 10_000):
        X = windows((n_windows, 1, 1000), dtype)
        values = [cost(extractor, X) for extractor in (hudgins, every, spectral)]
        print(
            f"  {n_windows} x 1000: Hudgins {values[0]:.3f}, all time-domain {values[1]:.2f}, "
            f"spectral {values[2]:.2f} ns/sample"
        )
    for n_times in (1024, 4096, 16_384, 65_536):
        X = windows((2**18 // n_times, 1, n_times), dtype)
        values = [cost(extractor, X) for extractor in (hudgins, every, spectral)]
        names = ("lempel_ziv", "dfa", "sample_entropy")
        values += [cost(ComplexityFeatures([name]), X[:4], 1) for name in names]
        print(
            f"  windows of {n_times}: Hudgins {values[0]:.3f}, all time-domain {values[1]:.2f}, "
            f"spectral {values[2]:.2f} ({values[2] / np.log2(n_times):.3f} per log2 n), Lempel-Ziv "
            f"{values[3]:.1f}, DFA {values[4]:.1f}, sample entropy {values[5]:.0f} ns/sample",
            flush=True,
        )


def stream(gigabytes: float) -> None:
    """Read windows from files of 1 GB in chunks of 64 MB, and print cumulative time and memory."""
    n_times, chunk, n_chunks = 4000, 4000, 16
    extractor = TimeDomainFeatures(SEVENTEEN).fit(windows((2, 1, n_times), "float32")[:, 0])
    block = windows((chunk, 1, n_times), "float32")
    n_files = max(1, round(gigabytes * 1e9 / (n_chunks * block.nbytes)))
    with tempfile.TemporaryDirectory() as folder:
        for number in range(n_files):
            with Path(folder, f"{number}.f32").open("wb") as file:
                for _ in range(n_chunks):
                    block.tofile(file)
        size = n_chunks * block.nbytes / 1e9
        del block
        start, processor = time.perf_counter(), time.thread_time()
        for number in range(n_files):
            with Path(folder, f"{number}.f32").open("rb") as file:
                while (rows := np.fromfile(file, np.float32, chunk * n_times)).size:
                    extractor.transform(rows.reshape(-1, n_times))
            if number + 1 in (1, 2, 5, n_files):
                read = (number + 1) * size
                peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
                print(
                    f"  {read:.2f} GB read: {(time.perf_counter() - start) / read:.2f} s/GB, "
                    f"{(time.thread_time() - processor) / read:.2f} s of processor time, "
                    f"peak memory of the process {peak:.2f} GiB",
                    flush=True,
                )


PARTS = ("windows", "complexity", "transforms", "growth")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dtype", default="float32", choices=["float32", "float64"])
    parser.add_argument(
        "--quick", action="store_true", help="use a fifth of the windows and fewer runs"
    )
    parser.add_argument(
        "--gigabytes", type=float, default=0.0, help="total size of the streamed files in GB"
    )
    parser.add_argument("--parts", nargs="*", default=PARTS, choices=PARTS, help="all by default")
    options = parser.parse_args()
    names = ["antropy", "EntropyHub", "libemg.feature_extractor", "mne_features", "neurokit2"]
    absent = [name for name in names if peer(name) is None]
    if absent:
        print("not installed and not compared:", ", ".join(absent))
    divisor, repeats = (5, 3) if options.quick else (1, 5)
    if "windows" in options.parts:
        for name, (n_windows, n_channels, n_times) in SHAPES.items():
            X = windows((n_windows // divisor, n_channels, n_times), options.dtype)
            families(name, X, RATES[name], repeats)
            memory(X, RATES[name])
            if name == "W1":
                threads(X, RATES[name])
    if "complexity" in options.parts:
        complexities("W1", windows((20, 1, 4000), options.dtype), 2)
        complexities("W2", windows((20, 1, 23437), options.dtype), 2)
    if "transforms" in options.parts:
        print("wavelets and images")
        features_spectral.others(2 if options.quick else 5, options.quick)
    if "growth" in options.parts:
        print("growth")
        growth(options.dtype)
    if options.gigabytes:
        print("from files")
        stream(options.gigabytes)


if __name__ == "__main__":
    main()
