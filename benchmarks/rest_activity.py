"""Detection of spontaneous activity at rest on simulated recordings, by subject.

Run with ``python benchmarks/rest_activity.py [--subjects N] [--first-seed S] [--keep FILE] [--parts
events,contractions]``. The parts are ``events`` (activity at rest and quiet rest) and
``contractions`` (contractions that are classified as rest). Each recording of a scene at a noise
level is of a different simulated subject. The truth is that of the simulator, so the results say
nothing about patients. The noise level is the ratio of a potential of 100 uV, peak to peak, to the
RMS of the noise in dB: 20 log10(100 uV / RMS).
"""

from __future__ import annotations

import argparse
import warnings

import numpy as np
import pandas as pd

from sklearn_emg.datasets import simulate_recording
from sklearn_emg.exceptions import RecordingWarning
from sklearn_emg.metrics import wilson_interval
from sklearn_emg.motor_units import RestActivityDetector

FS, SECONDS = 20_000.0, 10.0
TOLERANCE = 0.005  # s
NOISES = (40, 30, 20, 10, 5)
SCENES = {
    "fibrillations": {"fibrillations": 2},
    "sharp waves": {"sharp_waves": 2},
    "fasciculations": {"fasciculations": 3},
    "mixed": {"fibrillations": 1, "sharp_waves": 1, "fasciculations": 2},
    "end-plate": {"endplate_spikes": 2, "endplate_noise": 0.003},
    "quiet": {},
}
KINDS = ["fibrillation", "positive sharp wave", "fasciculation", "end-plate activity"]
FOUND = [*KINDS, "unclassified", "not found"]
DRIVES = (0.003, 0.01, 0.03, 0.1)


def noise_of(decibel: float) -> float:
    return 0.1 / 10 ** (decibel / 20)


def truth_events(truth: dict, minimum: float) -> pd.DataFrame:
    """Return events of sources of at least `minimum` mV, at the peak of their potential."""
    rows = []
    for source in truth["spontaneous"]:
        wave = source["template"]
        late = np.abs(wave).argmax() / FS - truth["reference"]
        if source["ptp_mv"] >= minimum:
            rows += [(source["kind"], t + late) for t in source["firing_times"]]
    table = pd.DataFrame(rows, columns=["kind", "time"])
    # Potentials at the edges are incomplete.
    return table[table["time"].between(0.01, SECONDS - 0.02)].reset_index(drop=True)


def matched(truth: pd.DataFrame, found: pd.DataFrame) -> np.ndarray:
    """Return the index of the event found for each true event, or -1; nearest pairs first."""
    pairs = np.full(len(truth), -1)
    if len(found) == 0:
        return pairs
    apart = np.abs(truth["time"].to_numpy()[:, None] - found["time"].to_numpy())
    used = np.zeros(len(found), dtype=bool)
    for flat in np.argsort(apart, axis=None, kind="stable"):
        i, j = np.unravel_index(flat, apart.shape)
        if apart[i, j] > TOLERANCE:
            break
        if pairs[i] < 0 and not used[j]:
            pairs[i], used[j] = j, True
    return pairs


def run(scene: str, decibel: float, seed: int) -> dict:
    """Return the counts of one subject."""
    signal, truth = simulate_recording(
        drive=0.0, duration=SECONDS, fs=FS, spontaneous=SCENES[scene],
        amplifier={"noise": noise_of(decibel) * np.sqrt(23437.5 / FS), "lowpass": 9000.0},
        return_truth=True, random_state=seed,
    )  # fmt: skip
    detector = RestActivityDetector(fs=FS).fit([signal])
    found = detector.events_
    # Potentials above 20 uV, and above 8 SD of the noise from 100 Hz to 3 kHz, count as visible.
    floor = 8 * noise_of(decibel) * np.sqrt(2900 / (FS / 2))
    real, whole = truth_events(truth, max(0.02, floor)), truth_events(truth, 0.0)
    pairs = matched(real, found)
    counts = {(kind, answer): 0 for kind in KINDS for answer in FOUND}
    for kind, j in zip(real["kind"], pairs):
        counts[kind, found["kind"].iloc[j] if j >= 0 else "not found"] += 1
    # Detected events of potentials below the floor do not count as false.
    used = set(matched(whole, found)) - {-1}
    false = found.drop(index=list(used))["kind"].value_counts()
    rest = bool(detector.recordings_["rest"].iloc[0])
    others = {("false", kind): int(false.get(kind, 0)) for kind in FOUND[:-1]}
    return {"scene": scene, "dB": decibel, "seed": seed, "rest": rest, **counts, **others}


def contraction(drive: float, diagnosis: str, seed: int) -> tuple[bool, int]:
    """Return whether a contraction is classified as rest, and its number of visible units."""
    signal, truth = simulate_recording(
        "biceps_brachii", diagnosis, drive=drive, duration=SECONDS, fs=FS, return_truth=True,
        random_state=seed,
    )  # fmt: skip
    active = np.array([len(times) > 0 for times in truth["firing_times"]])
    rest = RestActivityDetector(fs=FS).fit([signal]).recordings_["rest"].iloc[0]
    return bool(rest), int((active & truth["visible"]).sum())


def quartiles(values: np.ndarray) -> str:
    values = values[np.isfinite(values)]
    if not len(values):
        return "-"
    low, mid, high = np.percentile(values, [25, 50, 75])
    return f"{mid:.2f} [{low:.2f}, {high:.2f}] (n={len(values)})"


def report(table: pd.DataFrame) -> None:
    print("\nby subject, median [quartiles]: sensitivity (kind is correct) and precision")
    for decibel in NOISES:
        for kind in KINDS:
            part = table[(table["dB"] == decibel) & (table["scene"] != "quiet")]
            total = part[[(kind, answer) for answer in FOUND]].sum(axis=1)
            right = part[(kind, kind)]
            called = sum(part[(other, kind)] for other in KINDS) + part[("false", kind)]
            with np.errstate(invalid="ignore"):
                sensitivity, precision = (right / total).to_numpy(), (right / called).to_numpy()
            print(f"{decibel:>3} dB {kind:<20} sensitivity {quartiles(sensitivity):<32} "
                  f"precision {quartiles(precision)}")  # fmt: skip
    print("\nconfusion, events of all subjects (rows: true, columns: predicted), 40 to 20 dB")
    part = table[(table["dB"] >= 20) & (table["scene"] != "quiet")]
    matrix = pd.DataFrame(
        [[int(part[(k, a)].sum()) for a in FOUND] for k in (*KINDS,)]
        + [[int(part[("false", a)].sum()) for a in FOUND[:-1]] + [0]],
        index=[*KINDS, "(false)"], columns=FOUND,
    )  # fmt: skip
    print(matrix.to_string())
    print("\nquiet rest: false events per minute, classified (and unclassified); subjects with any "
          "classified event; subjects not at rest")  # fmt: skip
    for decibel in NOISES:
        part = table[(table["dB"] == decibel) & (table["scene"] == "quiet")]
        minutes = len(part) * SECONDS / 60
        kinds = part[[("false", k) for k in KINDS]].sum(axis=1)
        other = part[("false", "unclassified")].sum()
        n, k = len(part), int((kinds > 0).sum())
        low, high = wilson_interval(k / n, n)
        print(f"{decibel:>3} dB {kinds.sum() / minutes:.2f} ({other / minutes:.2f}); "
              f"{k} of {n} [{low:.2f}, {high:.2f}]; "
              f"not at rest {int((~part['rest']).sum())}")  # fmt: skip


def events(seeds: range, keep: str | None) -> None:
    table = pd.DataFrame([run(s, d, seed) for s in SCENES for d in NOISES for seed in seeds])
    if keep:
        table.to_csv(keep, index=False)
    rest = table[table["scene"] != "quiet"]
    refused = int((~rest["rest"]).sum())
    print(
        f"simulated truth; {len(seeds)} subjects per scene and noise, {SECONDS:g} s each; "
        f"{refused} of {len(rest)} recordings with activity classified as not at rest"
    )
    report(table)


def contractions(seeds: range) -> None:
    print("\ncontractions classified as rest (should be none)")
    for diagnosis in ("normal", "myopathy", "neuropathy"):
        for drive in DRIVES:
            results = [contraction(drive, diagnosis, seed) for seed in seeds]
            visible = [units for rest, units in results if rest]
            k, n = len(visible), len(results)
            low, high = wilson_interval(k / n, n)
            line = f"{diagnosis:<11} drive {drive:<6} {k} of {n} [{low:.2f}, {high:.2f}]"
            print(line + (f", visible units {sorted(visible)}" if k else ""))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--subjects", type=int, default=20)
    parser.add_argument("--first-seed", type=int, default=1000)
    parser.add_argument("--keep", help="CSV file for the counts of events by subject")
    parser.add_argument("--parts", default="events,contractions")
    options = parser.parse_args()
    parts = options.parts.split(",")
    if unknown := set(parts) - {"events", "contractions"}:
        parser.error(f"parts are events and contractions, not {', '.join(sorted(unknown))}")
    warnings.simplefilter("ignore", RecordingWarning)
    seeds = range(options.first_seed, options.first_seed + options.subjects)
    if "events" in parts:
        events(seeds, options.keep)
    if "contractions" in parts:
        contractions(seeds)


if __name__ == "__main__":
    main()
