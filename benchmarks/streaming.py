"""Latency and memory of live diagnosis, random cuts of real recordings, and stopping rules.

Run ``python benchmarks/streaming.py [--seconds 30] [--hour]`` to measure latencies as elapsed and
processor time. The signal is noise, since the time does not depend on the content. ``--hour``
processes one hour of signal as fast as possible. ``--cuts 1000`` compares streams of real
recordings bit by bit with complete recordings, and ``--sequential`` evaluates the stopping rules by
subject. Both read the folder named by SKLEARN_EMG_DATA.
"""

from __future__ import annotations

import argparse
import os
import time
import warnings
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
from sklearn.base import clone
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import RandomForestClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from sklearn_emg.datasets import (
    fetch_emgdb,
    load_algiers,
    load_lower_limb,
    load_n2001,
    make_nemg_cohort,
)
from sklearn_emg.ensemble import DiVoteClassifier
from sklearn_emg.feature_extraction import (
    AutoregressiveFeatures,
    SpectralFeatures,
    TimeDomainFeatures,
    WaveletFeatures,
)
from sklearn_emg.metrics import wilson_interval
from sklearn_emg.model_selection import CachedTransformer, SubjectKFold
from sklearn_emg.neural_network import ALSNetClassifier, NEMGNetClassifier
from sklearn_emg.preprocessing import (
    AmplitudeScaler,
    BandpassFilter,
    HighpassFilter,
    LowpassFilter,
    NotchFilter,
    Rectifier,
    Resampler,
)
from sklearn_emg.recordings import cut_recordings, read_signal, recording_table
from sklearn_emg.streaming import (
    ConformalStop,
    FixedLength,
    SequentialTest,
    StreamingDiagnosis,
    vote_courses,
)

CHUNK = 0.1


def noise(n_channels: int, n_times: int, seed: int) -> np.ndarray:
    """Return white noise in mV, with shape (n_times,) for one channel."""
    values = 0.1 * np.random.default_rng(seed).normal(size=(n_channels, n_times))
    return (values[0] if n_channels == 1 else values).astype(np.float32)


def systems() -> dict[str, object]:
    """Return classifiers of windows."""
    features = make_pipeline(TimeDomainFeatures(), StandardScaler(), LinearDiscriminantAnalysis())
    return {
        "features + LDA": features,
        "nEMGNet-A": NEMGNetClassifier(variant="A", max_epochs=1, random_state=0),
        "nEMGNet-B": NEMGNetClassifier(variant="B", max_epochs=1, random_state=0),
    }


def fitted(classifier: object, n_channels: int, fs: float) -> StreamingDiagnosis:
    """Return a causal system with the classifier, fitted on noise of two amplitudes."""
    signals = [a * noise(n_channels, int(2 * fs), seed) for seed, a in enumerate([1, 1, 3, 3])]
    table = recording_table(signals, fs=fs, subject=list("abcd"))
    filters = [NotchFilter(zero_phase=False), BandpassFilter(20.0, 450.0, zero_phase=False)]
    window = max(0.4, 1100 / fs)  # nEMGNet needs 1003 samples
    divote = DiVoteClassifier(classifier, window=window, step=0.1)
    return StreamingDiagnosis(make_pipeline(*filters, divote).fit(table, [0, 0, 1, 1]))


def play(live: StreamingDiagnosis, n_channels: int, fs: float, seconds: float) -> np.ndarray:
    """Push chunks and return the CPU time of each.

    For long signals, the memory of the process is printed after each sixth of the run.
    """
    size, n_chunks = int(CHUNK * fs), int(seconds / CHUNK)
    source = noise(n_channels, 20 * size, 9)
    process = psutil.Process(os.getpid())
    cpu = np.ones(n_chunks)  # written to, so that its memory is allocated at the start
    live.begin("new")
    for k in range(n_chunks):
        if seconds >= 600 and k % (n_chunks // 6) == 0:
            print(f"  {k * CHUNK:6.0f} s: {process.memory_info().rss / 2**20:.1f} MiB", flush=True)
        begin = k % 20 * size
        before = time.process_time()
        live.push(source[..., begin : begin + size])
        cpu[k] = time.process_time() - before
    live.end()
    if seconds >= 600:
        print(f"  {seconds:6.0f} s: {process.memory_info().rss / 2**20:.1f} MiB", flush=True)
    return cpu


def latencies(seconds: float) -> None:
    """Print the time per chunk of each system and kind of signal."""
    for name, classifier in systems().items():
        for n_channels, fs in ((1, 10000.0), (8, 1000.0)):
            live = fitted(classifier, n_channels, fs)
            cpu = 1e3 * np.percentile(play(live, n_channels, fs, seconds), [50, 99])
            n_chunks, median, p99 = live.latency
            print(
                f"{name}, {n_channels} x {fs:g} Hz: median {1e3 * median:.1f} ms, "
                f"p99 {1e3 * p99:.1f} ms (CPU {cpu[0]:.1f} and {cpu[1]:.1f} ms) of {n_chunks} "
                f"chunks of {1e3 * CHUNK:g} ms",
                flush=True,
            )


# ------------------------------------------------- random cuts of real recordings


# The lower-limb set has four channels, the other sets one.
SETS = {
    "emgdb": lambda folder: fetch_emgdb(data_home=folder, return_X_y=True),
    "n2001": lambda folder: load_n2001(folder / "n2001_biceps", lazy=True, return_X_y=True),
    "algiers": lambda folder: load_algiers(folder / "algiers", "Biceps Brachii", return_X_y=True),
    "lower_limb": lambda folder: load_lower_limb(folder / "lower_limb", return_X_y=True),
}


def streamable_steps(fs: float) -> dict[str, object]:
    """Return steps of several kinds that can process chunks."""
    steps = {
        "Butterworth band-pass": BandpassFilter(20.0, 450.0, zero_phase=False),
        "FIR band-pass": BandpassFilter(20.0, 450.0, design="fir", zero_phase=False),
        "Chebyshev high-pass": HighpassFilter(20.0, design="chebyshev2", zero_phase=False),
        "Bessel low-pass": LowpassFilter(300.0, design="bessel", zero_phase=False),
        "notch, 3 harmonics": NotchFilter(50.0, harmonics=3, zero_phase=False),
        "half-wave rectifier": Rectifier(wave="half"),
        "robust amplitude scaler": AmplitudeScaler("robust", by="training"),
        "resampler at its rate": Resampler(fs),
        "cached high-pass": CachedTransformer(HighpassFilter(20.0, zero_phase=False)),
    }
    return steps


def whole_systems() -> dict[str, object]:
    """Return five systems, one of which has a network."""
    bandpass = BandpassFilter(20.0, 450.0, zero_phase=False)
    lda = make_pipeline(TimeDomainFeatures(), StandardScaler(), LinearDiscriminantAnalysis())
    forest = make_pipeline(SpectralFeatures(), RandomForestClassifier(10, random_state=0))
    neighbours = make_pipeline(AutoregressiveFeatures(), KNeighborsClassifier(3))
    wavelets = make_pipeline(WaveletFeatures(), StandardScaler(), SVC())
    net = ALSNetClassifier(max_epochs=1, random_state=0)
    cut = {"window": 0.2, "step": 0.1}
    return {
        "time features + LDA": make_pipeline(
            NotchFilter(zero_phase=False), bandpass, DiVoteClassifier(lda, **cut)
        ),
        "spectrum + forest": make_pipeline(
            HighpassFilter(10.0, design="fir", zero_phase=False),
            DiVoteClassifier(forest, voting="hard", tail="overlap", **cut),
        ),
        "AR + neighbours": make_pipeline(
            Rectifier(), LowpassFilter(100.0, zero_phase=False), DiVoteClassifier(neighbours, **cut)
        ),
        "wavelets + SVM": make_pipeline(bandpass, DiVoteClassifier(wavelets, voting="hard", **cut)),
        "network (ALSNet)": make_pipeline(
            bandpass, AmplitudeScaler(by="training"), DiVoteClassifier(net, tail="pad", **cut)
        ),
    }


def random_chunks(signal: np.ndarray, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Cut the signal into random chunks of any length, including empty ones."""
    n_times = signal.shape[-1]
    bounds = np.sort(rng.integers(0, n_times + 1, size=rng.integers(0, 12)))
    bounds = np.unique(np.r_[0, bounds, rng.integers(0, n_times, size=2) + [0, 1], n_times])
    for begin, stop in pairwise(bounds):
        yield signal[..., begin:stop]


def pieces_of(table: pd.DataFrame, rng: np.random.Generator, n_pieces: int) -> pd.DataFrame:
    """Return pieces of 0.6 s from random positions of the recordings."""
    seconds = [read_signal(s).shape[-1] / fs for s, fs in zip(table["signal"], table["fs"])]
    row = np.arange(n_pieces) % len(table)
    start = [rng.uniform(0, seconds[k] - 0.61) for k in row]
    spans = pd.DataFrame({"row": row, "start": start, "stop": np.array(start) + 0.6})
    return cut_recordings(table.reset_index(drop=True), spans)


def differing(set_name: str, n_cuts: int) -> Iterator[tuple[str, int]]:
    """Yield each step and system, and the number of random cuts with a different result."""
    rng = np.random.default_rng(0)
    table = SETS[set_name](data_folder())[0]
    pieces = pieces_of(table.drop_duplicates("subject").head(3), rng, 24)
    fs = float(pieces["fs"].iloc[0])
    for name, step in streamable_steps(fs).items():
        fitted_step = clone(step).fit(pieces)
        whole = fitted_step.transform(pieces)["signal"].tolist()
        differ = 0
        for k in range(n_cuts):
            stream = getattr(fitted_step, "transformer_", fitted_step).stream(fs)
            chunks = random_chunks(pieces["signal"].iloc[k % len(pieces)], rng)
            found = np.concatenate([stream.process(chunk) for chunk in chunks], axis=-1)
            differ += found.tobytes() != np.asarray(whole[k % len(pieces)]).tobytes()
        yield name, differ
    for name, model in whole_systems().items():
        live = StreamingDiagnosis(clone(model).fit(pieces, np.arange(len(pieces)) % 3 % 2))
        offline = live.offline(pieces)
        scores = offline.filter(like="score_").to_numpy()
        differ = 0
        for k in range(n_cuts):
            row = k % len(pieces)
            live.begin(f"new {k}")
            events = [e for c in random_chunks(pieces["signal"].iloc[row], rng)
                      for e in live.push(c)] + live.end()  # fmt: skip
            found = np.array([e.scores for e in events])
            differ += found.tobytes() != scores[offline["row"] == row].tobytes()
        yield name, differ


def cuts(n_cuts: int, sets: list[str]) -> None:
    """Compare streams with complete recordings; each set has a quarter of the cuts."""
    n_each = -(-n_cuts // len(SETS))
    for set_name in sets:
        began = time.process_time()
        for name, differ in differing(set_name, n_each):
            seconds = time.process_time() - began
            print(
                f"{set_name}, {name}: {differ} of {n_each} cuts differ ({seconds:.0f} CPU s)",
                flush=True,
            )


# ------------------------------------------------- stopping rules


def data_folder() -> Path:
    """Return the folder of the real sets."""
    if "SKLEARN_EMG_DATA" not in os.environ:
        raise SystemExit("SKLEARN_EMG_DATA must name the folder of the real recordings.")
    return Path(os.environ["SKLEARN_EMG_DATA"])


def cohorts() -> dict[str, tuple[pd.DataFrame, np.ndarray]]:
    """Return the simulated cohort, and the biceps recordings of the Algiers set."""
    simulated = make_nemg_cohort(
        72, n_recordings=144, fs=4000.0, duration=5.0, return_X_y=True, random_state=0
    )
    algiers = load_algiers(data_folder() / "algiers", "Biceps Brachii", return_X_y=True)
    return {"simulated": simulated, "Algiers, biceps": algiers}


def first_decision(rule: object, course: pd.Series) -> tuple[int, float] | None:
    """Return the position of the class and the time in s at which a rule stops."""
    for votes, seconds in zip(course["votes"], course["seconds"]):
        place = rule.decide(votes, seconds)
        if place is not None:
            return place, float(seconds)
    return None


def sequential(n_folds: int = 5) -> None:
    """Print how often and when each rule decides, for subjects outside the training set."""
    system = make_pipeline(
        BandpassFilter(20.0, 900.0, zero_phase=False),
        DiVoteClassifier(
            make_pipeline(TimeDomainFeatures(), StandardScaler(), LinearDiscriminantAnalysis()),
            window=0.2, step=0.2, final_estimator=None,
        ),
    )  # fmt: skip
    for cohort, (X, y) in cohorts().items():
        X, y = X.reset_index(drop=True), np.asarray(y)
        rows = []
        for fold, (train, test) in enumerate(SubjectKFold(n_folds).split(X, y)):
            inner = SubjectKFold(3).split(X.iloc[train], y[train])
            fit, calibrate = (train[part] for part in next(iter(inner)))
            model = clone(system).fit(X.iloc[fit], y[fit])
            label = pd.Series(y, index=X["subject"]).groupby(level=0).first()
            known = vote_courses(model, X.iloc[calibrate])
            new = vote_courses(model, X.iloc[test])
            whole = pd.Series(model.predict(X.iloc[test]), index=X["subject"].iloc[test])
            rules = {
                "conformal, error 0.1": (0.1, None),
                "conformal, error 0.2": (0.2, None),
                "SequentialTest, alpha 0.05": (0.05, SequentialTest()),
                "FixedLength, 2 s": (np.nan, FixedLength(2.0)),
            }
            for name, (error, rule) in rules.items():
                rule = rule or ConformalStop(
                    known["votes"], label[known.index], model.classes_, coverage=1 - error
                )
                for subject, course in new.iterrows():
                    found = first_decision(rule, course)
                    right = found is not None and model.classes_[found[0]] == label[subject]
                    seconds = np.nan if found is None else found[1]
                    rows.append((name, error, found is not None, right, seconds))
            for subject in new.index:
                right = whole[subject] if np.isscalar(whole[subject]) else whole[subject].iloc[0]
                length = new.loc[subject, "seconds"][-1]
                rows.append(("whole recordings", np.nan, True, right == label[subject], length))
            print(f"  {cohort}: fold {fold + 1} of {n_folds}", flush=True)
        told(cohort, rows)


def told(cohort: str, rows: list[tuple]) -> None:
    """Print one line per rule."""
    columns = ["rule", "stated", "decided", "right", "seconds"]
    table = pd.DataFrame(rows, columns=columns)
    for name, found in table.groupby("rule", sort=False):
        n, n_decided = len(found), int(found["decided"].sum())
        wrong = n_decided - int(found["right"].sum())
        low, high = wilson_interval(wrong / n, n)
        print(
            f"{cohort}, {name}: decided {n_decided} of {n}, correct {n_decided - wrong}, "
            f"wrong {wrong} = {wrong / n:.3f} [{low:.3f}, {high:.3f}] of all "
            f"(stated {found['stated'].iloc[0]:g}), median {found['seconds'].median():.1f} s",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=30.0, help="seconds of signal per latency")
    parser.add_argument(
        "--hour", action="store_true", help="process one hour of signal and print the memory"
    )
    parser.add_argument("--cuts", type=int, metavar="N", help="random cuts per step, of four sets")
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS), help="for --cuts")
    parser.add_argument("--sequential", action="store_true", help="evaluate stopping rules")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    if options.cuts:
        cuts(options.cuts, options.sets)
    elif options.sequential:
        sequential()
    elif options.hour:
        live = fitted(systems()["features + LDA"], 1, 1000.0)
        began = time.perf_counter()
        print("One hour of 1 x 1000 Hz, features + LDA")
        play(live, 1, 1000.0, 3600.0)
        print(f"  in {time.perf_counter() - began:.0f} s")
    else:
        latencies(options.seconds)


if __name__ == "__main__":
    main()
