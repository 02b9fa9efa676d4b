"""Overhead of the estimators of sklearn_emg.neural_network compared with bare PyTorch.

    python benchmarks/networks.py            # CPU: training, prediction, memory
    python benchmarks/networks.py --gpu      # times on a GPU, memory, and published training runs
    python benchmarks/networks.py --check    # exit with status 1 if a limit is exceeded
    python benchmarks/networks.py --learn    # accuracy of each network on unseen subjects
    python benchmarks/networks.py --lower-limb FOLDER  # networks and classical pipelines on it

A training includes building the module and the optimiser, three epochs and, in the estimators,
checking the input. The variants are timed in alternation, and the shortest time of each is kept. On
the CPU, it is the processor time of this process on one thread, which does not include other
processes.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import torch
from scipy.stats import t as student
from sklearn.base import BaseEstimator, clone
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch import NeuralNetClassifier
from torch import nn
from torch.nn import functional

from sklearn_emg.comparison import compare
from sklearn_emg.datasets import load_lower_limb, make_nemg_cohort
from sklearn_emg.ensemble import DiVoteClassifier
from sklearn_emg.feature_extraction import EMGFeatures, MelSpectrogram, TimeDomainFeatures
from sklearn_emg.neural_network import (
    ALSNet,
    ALSNetClassifier,
    AttentionNetClassifier,
    AutoencoderNetClassifier,
    CNN1DClassifier,
    DeepEMGNetClassifier,
    DilatedCNNClassifier,
    EMGClassifier,
    ImageNetworkClassifier,
    InceptionTimeClassifier,
    NEMGNet,
    NEMGNetClassifier,
    NeuroFusionNetClassifier,
    PatternNetClassifier,
    RecurrentNetClassifier,
    SpectroEMGNetClassifier,
    StackedLSTMClassifier,
    load_model,
    save_model,
)
from sklearn_emg.neural_network._data._batches import BatchIterator, SequenceDataset
from sklearn_emg.preprocessing import BandpassFilter, Rectifier, Resampler

BATCH = 32
EPOCHS = 3
MB = 2**20


class NearlyEmpty(nn.Module):
    """Network of one dense layer, so that almost only overhead is measured."""

    def __init__(self, n_channels: int, n_times: int, n_classes: int) -> None:
        super().__init__()
        self.dense = nn.Linear(n_channels * n_times, n_classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.dense(x.flatten(1))


# Module, windows, samples; limits of the ratios to bare training and to bare prediction.
CASES = [
    (NearlyEmpty, 3200, 200, 1.5, 3.0),
    (ALSNet, 64, 4000, 1.05, 1.05),
    (NEMGNet, 32, 4000, 1.05, 1.05),
]


# Settings that one CPU core can train in a minute; large networks have reduced widths.
FS = 5000.0
INITIALISATIONS = 3
TRAINING = {"max_epochs": 20, "patience": 8, "evaluate_every": None, "random_state": 0}
NARROW = {"n_filters": (16, 16, 32, 32, 64), "n_hidden": (32,)}
LEARNERS: dict[str, BaseEstimator] = {
    "ALSNet": ALSNetClassifier(lr=3e-3, **TRAINING),
    "AttentionNet": AttentionNetClassifier(frame=40, n_units=32, **TRAINING),
    "AutoencoderNet": AutoencoderNetClassifier(lr=3e-3, **TRAINING),
    "CNN1D": CNN1DClassifier(**TRAINING),
    "DeepEMGNet": DeepEMGNetClassifier(nperseg=64, **TRAINING),
    "DilatedCNN": DilatedCNNClassifier(n_filters=(8, 16, 32, 64), **TRAINING),
    "ImageNetwork": make_pipeline(
        MelSpectrogram(32, fs=FS, nperseg=256),
        ImageNetworkClassifier(architecture="resnet10t", **TRAINING),
    ),
    "InceptionTime": InceptionTimeClassifier(lr=3e-3, **TRAINING),
    "NEMGNet-A": NEMGNetClassifier(variant="A", **NARROW, **TRAINING),
    "NEMGNet-B": NEMGNetClassifier(**NARROW, **TRAINING),
    "NeuroFusionNet": NeuroFusionNetClassifier(
        n_filters=(16, 32), n_units=32, pool_size=8, lr=3e-3, **TRAINING
    ),
    "PatternNet": make_pipeline(TimeDomainFeatures(), PatternNetClassifier(**TRAINING)),
    "RNN": RecurrentNetClassifier(cell="rnn", frame=20, readout="mean", lr=3e-3, **TRAINING),
    "LSTM": RecurrentNetClassifier(cell="lstm", frame=20, readout="mean", lr=3e-3, **TRAINING),
    "GRU": RecurrentNetClassifier(cell="gru", frame=20, readout="mean", lr=3e-3, **TRAINING),
    "SpectroEMGNet": SpectroEMGNetClassifier(n_filters=(16, 32), nperseg=128, **TRAINING),
    "StackedLSTM": make_pipeline(
        Rectifier(),
        Resampler(500.0, fs=FS),
        StackedLSTMClassifier(n_units=32, lr=3e-3, **{**TRAINING, "max_epochs": 40}),
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gpu", action="store_true", help="measure on a CUDA device")
    parser.add_argument("--check", action="store_true", help="fail if a limit is exceeded")
    parser.add_argument(
        "--repeats", type=int, default=10, help="number of measurements of each case"
    )
    parser.add_argument("--learn", nargs="*", choices=LEARNERS, metavar="NETWORK", help="see above")
    parser.add_argument("--lower-limb", metavar="FOLDER", help="see above")
    parser.add_argument(
        "--jobs", type=int, default=1, help="number of parallel folds of --lower-limb"
    )
    parser.add_argument("--peak", choices=["float32", "float64"], help=argparse.SUPPRESS)
    args = parser.parse_args()
    torch.set_num_threads(1)
    if args.peak:
        print(peak_over_data(args.peak))
        return
    if args.lower_limb:
        lower_limb(args.lower_limb, args.jobs)
        return
    if args.learn is not None:
        learn(args.learn or list(LEARNERS))
        return
    device = "cuda" if args.gpu else "cpu"
    rows = overhead_rows(device, args.repeats) + length_rows(device, args.repeats) + memory_rows()
    if args.gpu:
        rows += gpu_rows()
    width = max(len(name) for name, *_ in rows)
    for name, figure, unit, bar in rows:
        outcome = "" if bar is None else f"   (at most {bar}: {'yes' if figure <= bar else 'NO'})"
        print(f"{name:<{width}}  {figure:9.3f} {unit}{outcome}")
    if args.check and any(bar is not None and figure > bar for _, figure, _, bar in rows):
        sys.exit(1)


# Overhead


def overhead_rows(device: str, repeats: int) -> list[tuple]:
    rows = []
    for module, n, n_times, training_bar, predict_bar in CASES:
        training, predict = case_times(module, n, n_times, device, repeats)
        name = f"{module.__name__}, {n} x {n_times}"
        rows += [
            (f"{name}: bare training, per epoch", 1e3 * training["bare"] / EPOCHS, "ms", None),
            (f"{name}: fit / bare", training["ours"] / training["bare"], "", training_bar),
            (
                f"{name}: default skorch's fit / bare",
                training["skorch"] / training["bare"],
                "",
                None,
            ),
            (f"{name}: bare prediction", 1e3 * predict["bare"], "ms", None),
            (f"{name}: predict_proba / bare", predict["ours"] / predict["bare"], "", predict_bar),
            (f"{name}: default skorch's / bare", predict["skorch"] / predict["bare"], "", None),
        ]
    return rows


def case_times(
    module: type[nn.Module], n: int, n_times: int, device: str, repeats: int
) -> tuple[dict[str, float], dict[str, float]]:
    """Return times (s) of training and prediction: bare, by EMGClassifier, by default skorch."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, 1, n_times)).astype(np.float32)
    y = rng.integers(0, 3, size=n)
    ours = EMGClassifier(module, device=device, validation_fraction=None, max_epochs=EPOCHS)
    skorch = default_skorch(module, n_times, device)
    training = shortest(
        {
            "bare": lambda: bare_training(module, X, y, device),
            "ours": lambda: ours.fit(X, y),
            "skorch": lambda: skorch.fit(X, y),
        },
        device,
        repeats,
    )
    bare, size = ours.net_.module_, ours._inference_batch(device)
    predict = shortest(
        {
            "bare": lambda: bare_prediction(bare, X, size, device),
            "ours": lambda: ours.predict_proba(X),
            "skorch": lambda: skorch.predict_proba(X),
        },
        device,
        repeats,
    )
    return training, predict


def shortest(
    actions: dict[str, Callable[[], object]], device: str, repeats: int
) -> dict[str, float]:
    """Return the shortest time of each action, run in alternation after a warm-up."""
    times: dict[str, list[float]] = {name: [] for name in actions}
    for _ in range(repeats + 1):
        for name, action in actions.items():
            times[name].append(timed(action, device))
    return {name: min(values[1:]) for name, values in times.items()}


def timed(action: Callable[[], object], device: str) -> float:
    clock = time.process_time if device == "cpu" else time.perf_counter
    start = clock()
    action()
    if device != "cpu":
        torch.cuda.synchronize()
    return clock() - start


def bare_training(module: type[nn.Module], X: np.ndarray, y: np.ndarray, device: str) -> nn.Module:
    """Train in a hand-written loop over slices of indices."""
    windows, codes = torch.from_numpy(X), torch.from_numpy(y)
    net = module(1, X.shape[-1], 3).to(device)
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3, fused=True)
    net.train()
    for _ in range(EPOCHS):
        for rows in torch.randperm(len(windows)).split(BATCH):
            optimizer.zero_grad()
            loss = functional.cross_entropy(net(windows[rows].to(device)), codes[rows].to(device))
            loss.backward()
            optimizer.step()
            loss.item()
    return net


def bare_prediction(net: nn.Module, X: np.ndarray, size: int, device: str) -> np.ndarray:
    net.eval()
    with torch.inference_mode():
        parts = [net(batch.to(device)) for batch in torch.from_numpy(X).split(size)]
        return torch.cat(parts).softmax(dim=1).cpu().numpy()


def default_skorch(module: type[nn.Module], n_times: int, device: str) -> NeuralNetClassifier:
    return NeuralNetClassifier(
        module,
        module__n_channels=1,
        module__n_times=n_times,
        module__n_classes=3,
        criterion=nn.CrossEntropyLoss,
        optimizer=torch.optim.Adam,
        lr=1e-3,
        batch_size=BATCH,
        max_epochs=EPOCHS,
        train_split=None,
        device=device,
        verbose=0,
    )


# Signals of different lengths


def length_rows(device: str, repeats: int) -> list[tuple]:
    """Return costs of padding, and of training on signals or on one padded array."""
    rng = np.random.default_rng(0)
    lengths = rng.integers(400, 4001, size=256)
    signals = [rng.normal(size=(1, n)).astype(np.float32) for n in lengths]
    padded = np.zeros((len(signals), 1, lengths.max()), dtype=np.float32)
    for row, signal in zip(padded, signals):
        row[:, : signal.shape[1]] = signal
    y = rng.integers(0, 3, size=len(signals))
    drawn = lengths[rng.permutation(len(lengths))].reshape(-1, BATCH)
    at_random = BATCH * drawn.max(axis=1).sum() / lengths.sum() - 1
    batches = BatchIterator(SequenceDataset(signals, y), BATCH, shuffle=True)
    ordered = sum(x.numel() for (x, _), _ in batches) / lengths.sum() - 1
    name = "256 signals of 400 to 4000 samples"
    rows = [
        (f"{name}: padding in random batches, fraction", at_random, "", None),
        (f"{name}: padding in this package, fraction", ordered, "", 0.1),
    ]
    for module, bar in (("ALSNet", 1.5), ("RecurrentNet", 1.0), ("AttentionNet", 1.0)):
        net = EMGClassifier(module, device=device, validation_fraction=None, max_epochs=1)
        times = shortest(
            {
                "array": lambda net=net: net.fit(padded, y),
                "ours": lambda net=net: net.fit(signals, y),
            },
            device,
            max(1, repeats // 5),
        )
        rows.append(
            (f"{name}, {module}: fit / padded array", times["ours"] / times["array"], "", bar)
        )
    return rows


# Memory


def memory_rows() -> list[tuple]:
    """Return the peak memory of a fit with validation and a prediction, relative to the data.

    The data themselves are not counted. Each dtype runs in its own process, since the peak cannot
    be reset.
    """
    rows = []
    for dtype, bar in (("float32", 0.25), ("float64", 0.75)):
        command = [sys.executable, __file__, "--peak", dtype]
        out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        rows.append((f"peak memory beyond 320 MB of {dtype}, fraction", float(out), "", bar))
    return rows


def peak_over_data(dtype: str) -> float:
    rng = np.random.default_rng(0)
    n_times = 4000
    n = 320 * MB // n_times // np.dtype(dtype).itemsize
    y = np.arange(n) % 3
    net = EMGClassifier(NearlyEmpty, device="cpu", max_epochs=2, random_state=0)
    net.fit(rng.normal(size=(64, n_times)), y[:64])  # loads code and buffers that stay in memory
    X = np.empty((n, n_times), dtype=dtype)
    for rows in np.array_split(np.arange(n), 50):
        X[rows] = rng.normal(size=(len(rows), n_times))
    with Peak() as memory:
        net.fit(X, y, groups=np.arange(n) // 30)
        net.predict_proba(X)
    return memory.extra / X.nbytes


class Peak:
    """Largest increase of resident memory inside a block, sampled every 2 ms."""

    def __enter__(self) -> Peak:
        process = psutil.Process()
        before = process.memory_info().rss
        self.extra = 0
        self._over = threading.Event()

        def watch() -> None:
            while not self._over.wait(0.002):
                self.extra = max(self.extra, process.memory_info().rss - before)

        self._thread = threading.Thread(target=watch)
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._over.set()
        self._thread.join()


# Learning


def learning_cohort() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return windows (0.4 s) of 60 subjects, their diagnoses and subjects, and a test mask.

    The mask selects the windows of the 36 test subjects.
    """
    data = make_nemg_cohort(
        60,
        n_recordings=360,
        fs=FS,
        duration=0.8,
        difficulty=0.2,
        region_balance="balanced",
        random_state=0,
    )
    X = np.stack(data.data["signal"].tolist()).reshape(-1, round(0.4 * FS)).astype(np.float32)
    y = np.repeat(data.target, 2)
    subjects = np.repeat(data.data["subject"].to_numpy(), 2)
    held_out = [s for label in data.target_names for s in np.unique(subjects[y == label])[:12]]
    return X, y, subjects, np.isin(subjects, held_out)


def accuracy_by_subject(
    network: BaseEstimator,
    X: np.ndarray,
    y: np.ndarray,
    subjects: np.ndarray,
    test: np.ndarray,
) -> np.ndarray:
    """Return the fraction of correct windows, (n_initialisations, n_subjects of the test)."""
    last = f"{network.steps[-1][0]}__" if hasattr(network, "steps") else ""
    rows = []
    for seed in range(INITIALISATIONS):
        fitted = clone(network).set_params(**{f"{last}random_state": seed})
        fitted.fit(X[~test], y[~test], **{f"{last}groups": subjects[~test]})
        right = pd.Series(fitted.predict(X[test]) == y[test])
        rows.append(right.groupby(subjects[test]).mean())
    return np.array(rows)


def mean_with_interval(values: np.ndarray) -> tuple[float, float, float]:
    """Return the mean over subjects and its 95 % interval by Student's t."""
    mean, error = values.mean(), values.std(ddof=1) / np.sqrt(len(values))
    half = student.ppf(0.975, len(values) - 1) * error
    return mean, mean - half, mean + half


def learn(names: list[str]) -> None:
    cohort = learning_cohort()
    chance = 1 / len(np.unique(cohort[1]))
    print(
        f"correct windows, mean over {INITIALISATIONS} initialisations and 36 test subjects "
        f"[95 % interval]; chance {chance:.2f}"
    )
    for name in names:
        start = time.process_time()
        accuracy = accuracy_by_subject(LEARNERS[name], *cohort)
        mean, low, high = mean_with_interval(accuracy.mean(axis=0))
        seconds = time.process_time() - start
        margin = low - chance
        print(
            f"{name:<22} {mean:.2f} [{low:.2f}, {high:.2f}], lower limit minus chance "
            f"{margin:+.2f}; of each initialisation {np.round(accuracy.mean(axis=1), 2)}; "
            f"{seconds:.0f} CPU s",
            flush=True,
        )


# Networks and classical pipelines


def limb_pipelines() -> dict[str, BaseEstimator]:
    """Return networks, three classical pipelines and a dummy baseline on windows of 1.024 s."""
    fs = 1000.0
    windows = {
        "Hudgins + LDA": make_pipeline(
            EMGFeatures("hudgins", fs=fs), StandardScaler(), LinearDiscriminantAnalysis()
        ),
        "Hudgins + nearest neighbours": make_pipeline(
            EMGFeatures("hudgins", fs=fs), StandardScaler(), KNeighborsClassifier(15)
        ),
        "Phinyomark 2012 + forest": make_pipeline(
            EMGFeatures("phinyomark-2012", fs=fs),
            RandomForestClassifier(200, class_weight="balanced", random_state=0),
        ),
        "dummy": make_pipeline(EMGFeatures("hudgins", fs=fs), DummyClassifier()),
    }
    for name, learner in LEARNERS.items():
        network = clone(learner)
        rates = {k: fs for k in network.get_params() if k.endswith("__fs")}
        epochs = {k: 10 for k in network.get_params() if k.split("__")[-1] == "max_epochs"}
        windows[name] = network.set_params(**rates, **epochs)
    return {
        name: make_pipeline(
            BandpassFilter(20.0, 450.0),
            DiVoteClassifier(inner, window=1.024, step=4.0, final_estimator=None),
        )
        for name, inner in windows.items()
    }


def lower_limb(folder: str, jobs: int) -> None:
    """Print a Markdown table of all pipelines, split by subject on the same subjects."""
    data = load_lower_limb(folder)
    result = compare(limb_pipelines(), data.data, data.target, cv=5, n_jobs=jobs)
    for (name, fold), reason in result.errors.items():
        print(f"{name}, fold {fold}: {reason.splitlines()[-1]}", file=sys.stderr)
    subjects, windows = (result.table(level, ["accuracy"]) for level in ("subject", "window"))
    print(
        f"Command: `python benchmarks/networks.py --lower-limb FOLDER`. {len(data.data)} recordings"
        f" of {data.data['subject'].nunique()} subjects, 5 folds of subjects, {date.today()}; "
        f"largest class {result.chance:.2f}. Accuracy with its 95 % interval over subjects.\n"
    )
    print("| pipeline | accuracy of subjects | accuracy of windows |", "|---|---|---|", sep="\n")
    for name in subjects.index:
        print(f"| {name} | {subjects.loc[name, 'accuracy']} | {windows.loc[name, 'accuracy']} |")


# Speed of published training runs on a GPU


def gpu_rows(device: str = "cuda", smaller: int = 1) -> list[tuple]:
    """Return times of published training runs; `smaller` divides the sizes for CPU tests."""
    rng = np.random.default_rng(0)
    n_train, n_predict = 8070 // smaller, -(-1614 // smaller)
    X = rng.normal(size=(n_train, 4000)).astype(np.float32)
    y, test = np.arange(n_train) % 3, X[:n_predict]
    training = {"device": device, "max_epochs": 2, "evaluate_every": None}
    training["validation_fraction"] = None
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "nemgnet"
        for precision in ("bfloat16", "float32"):
            net = NEMGNetClassifier(**training, precision=precision).fit(X, y)
            epoch = min(net.history_[:, "dur"])
            name = f"nEMGNet-B, {precision}: epoch over {n_train} windows"
            rows.append((name, epoch, "s", None))
        save_model(net, path)
        load_model(path).predict_proba(test)  # the first call chooses kernels
        seconds = min(timed(lambda: load_model(path).predict_proba(test), device) for _ in range(5))
        rows.append((f"nEMGNet-B: load, predict {n_predict} windows", seconds, "s", 0.1))
    n_windows, n_times = max(4, 256 // smaller), 23_437 // smaller
    X = rng.normal(size=(n_windows, n_times)).astype(np.float32)
    lstm = StackedLSTMClassifier(device=device, max_epochs=2, validation_fraction=None)
    epoch = min(lstm.fit(X, np.arange(n_windows) % 3).history_[:, "dur"])
    name = f"stacked LSTM, {n_times} samples: epoch over {n_windows} windows"
    rows.append((name, epoch, "s", None))
    if device != "cpu":
        peak = torch.cuda.max_memory_allocated() / MB
        rows.append(("peak memory on the GPU", peak, "MB", None))
    return rows


if __name__ == "__main__":
    main()
