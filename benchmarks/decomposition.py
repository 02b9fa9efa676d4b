"""Accuracy of the decomposition of needle recordings, against simulated truth and annotations.

Run with ``python benchmarks/decomposition.py [--seeds 4] [--first 1000] [--parts force,...]``.

The parts are ``force`` (simulated recordings of 10 s at 23437.5 Hz, three diagnoses, several
forces), ``noise`` (with white noise added, 5 to 40 dB), ``measures`` (amplitude, duration and
firing of the units compared with the simulated values, and the isolated potentials of
MUAPFeatures), ``expert`` (the annotated recordings of N2001 in the folder n2001 of
SKLEARN_EMG_DATA), ``expert-noise`` (the same with white noise added, 0 to 30 dB), ``empty``
(recordings of noise) and ``time`` (processor time for 11 s).
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

from sklearn_emg.datasets import load_annotations, load_n2001, simulate_recording
from sklearn_emg.feature_extraction import MUAPFeatures
from sklearn_emg.metrics import decomposition_agreement
from sklearn_emg.motor_units import MotorUnitDecomposer, template_measures
from sklearn_emg.preprocessing import BandpassFilter, HighpassFilter

FS, SECONDS = 23437.5, 10.0
FORCES = {"low, 0.5 %": 0.005, "low, 1 %": 0.01, "moderate, 3.5 %": 0.035, "high, 15 %": 0.15}
DIAGNOSES = ("normal", "myopathy", "neuropathy")
LEAST = 0.05  # mV
# Shifts in s after which found discharges match annotated ones only by chance. Since the units of a
# recording discharge at similar rates, the matches depend on the shift.
SHIFTS = np.arange(1, 11) * 0.05


def simulated(
    diagnosis: str, drive: float, seed: int, seconds: float = SECONDS
) -> tuple[np.ndarray, dict[str, Any]]:
    return simulate_recording(
        diagnosis=diagnosis,
        drive=drive,
        duration=seconds,
        fs=FS,
        return_truth=True,
        random_state=seed,
    )


def true_units(truth: dict[str, Any], minimum: float = 0.0) -> list[int]:
    """Return the visible units of more than `minimum` mV that have a discharge."""
    return [
        k
        for k, (times, size) in enumerate(zip(truth["firing_times"], truth["ptp_mv"]))
        if truth["visible"][k] and size > minimum and len(times)
    ]


def compare(signal: np.ndarray, truth: dict[str, Any]) -> tuple[pd.DataFrame, dict[str, float]]:
    """Return the agreement of each visible unit, and summary numbers of the recording."""
    begin = time.process_time()
    decomposer = MotorUnitDecomposer(fs=FS).fit(signal)
    seconds = time.process_time() - begin
    every = [t for t in truth["firing_times"] if len(t)]
    numbers = [k for k, times in enumerate(truth["firing_times"]) if len(times)]
    result = decomposition_agreement(decomposer, every)
    table = result.units.assign(size=truth["ptp_mv"][numbers], visible=truth["visible"][numbers])
    n_false = len(decomposer.units_) - int((table["agreement"] > 0.5).sum())
    table = table[table["visible"]]
    facts = {
        "n_visible": len(table),
        "n_found": len(decomposer.units_),
        "n_false": n_false,
        "seconds": seconds,
    }
    return table.assign(n_visible=len(table)), facts


def force(seeds: range) -> None:
    rows = []
    for diagnosis in DIAGNOSES:
        for name, drive in FORCES.items():
            tables, facts = zip(*(compare(*simulated(diagnosis, drive, s)) for s in seeds))
            units, numbers = pd.concat(tables), pd.DataFrame(facts)
            few, large = units["n_visible"] <= 6, units["size"] > LEAST
            rows.append(
                {
                    "diagnosis": diagnosis,
                    "force": name,
                    "visible units": numbers["n_visible"].mean(),
                    "trains": numbers["n_found"].mean(),
                    "false": numbers["n_false"].mean(),
                    "agreement": units["agreement"].median(),
                    "> 50 uV": units.loc[large, "agreement"].median(),
                    "found": (units.loc[large, "agreement"] > 0.5).mean(),
                    "mean": units.loc[large, "agreement"].mean(),
                    "n (> 50 uV)": int(large.sum()),
                    "<= 6 units": units.loc[few, "agreement"].median(),
                    "n (<= 6)": int(few.sum()),
                    "s": numbers["seconds"].median(),
                }
            )
    print("\nRate of agreement, medians over the visible units of the simulation (0 if not found)")
    print("found: fraction of the units above 50 uV with agreement above 0.5")
    print("mean: mean agreement of the units above 50 uV")
    print(pd.DataFrame(rows).round(2).to_string(index=False))


def noise(seeds: range) -> None:
    rows = []
    for level in (40, 30, 20, 10, 5):
        tables = []
        for diagnosis in DIAGNOSES:
            for seed in seeds:
                signal, truth = simulated(diagnosis, 0.005, seed)
                rng = np.random.default_rng(seed)
                spread = signal.std() * 10 ** (-level / 20)
                tables.append(compare(signal + spread * rng.normal(size=signal.size), truth)[0])
        units = pd.concat(tables)
        large = units["size"] > LEAST
        rows.append(
            {
                "dB": level,
                "agreement": units["agreement"].median(),
                "> 50 uV": units.loc[large, "agreement"].median(),
                "found of > 50 uV": (units.loc[large, "agreement"] > 0.5).mean(),
            }
        )
    print("\nWhite noise added, force 0.5 %, three diagnoses")
    print(pd.DataFrame(rows).round(2).to_string(index=False))


def measures(seeds: range) -> None:
    rows, isolated = [], []
    for diagnosis in DIAGNOSES:
        for seed in seeds:
            signal, truth = simulated(diagnosis, 0.005, seed)
            decomposer = MotorUnitDecomposer(fs=FS).fit(signal)
            numbers = true_units(truth)
            result = decomposition_agreement(
                decomposer, [truth["firing_times"][k] for k in numbers]
            )
            waves = [truth["templates"][k] for k in numbers]
            truths = template_measures(pd.DataFrame({"unit": numbers, "signal": waves, "fs": FS}))
            own = template_measures(decomposer.templates_).set_index("unit")
            firing = decomposer.units_.set_index("unit")
            for k, row in enumerate(result.units.itertuples()):
                if row.agreement > 0.5:
                    times = truth["firing_times"][numbers[k]]
                    gaps = np.diff(times)
                    unit = {f"true {n}": truths[n].iloc[k] for n in ("amplitude", "duration")}
                    unit |= {n: own.loc[row.found, n] for n in ("amplitude", "duration")}
                    unit |= {"true rate": 1 / gaps.mean(), "true cv": gaps.std() / gaps.mean()}
                    unit["rate"] = 1 / firing.loc[row.found, "interval"]
                    unit["cv"] = firing.loc[row.found, "variability"]
                    rows.append(unit)
            table = BandpassFilter(20, 5000, fs=FS).fit_transform(signal[np.newaxis])
            found = MUAPFeatures(fs=FS).fit(table).potentials(table)
            found = found[found["isolated"]]
            pair = {f"true {n}": truths[n].median() for n in ("amplitude", "duration")}
            isolated.append({**pair, **found[["amplitude", "duration"]].median().to_dict()})
    for title, data in (("units", rows), ("medians of MUAPFeatures per recording", isolated)):
        table = pd.DataFrame(data)
        print(f"\nMeasures, force 0.5 %: {len(table)} {title}")
        for name in ("amplitude", "duration", "rate", "cv"):
            if name in table:
                pair = table[[name, f"true {name}"]].dropna()
                ratio = pair[name] / pair[f"true {name}"]
                print(
                    f"  {name}: median ratio to the truth {ratio.median():.3f}, median absolute "
                    f"error {(ratio - 1).abs().median():.3f}, rank correlation "
                    f"{spearmanr(pair[name], pair[f'true {name}'])[0]:.3f}"
                )


class Annotated(NamedTuple):
    name: str
    signal: np.ndarray  # mV
    fs: float
    events: pd.DataFrame  # annotated discharges
    size: np.ndarray  # amplitude in mV of the median potential of the unit of each discharge


def annotated(folder: Path) -> Iterator[Annotated]:
    for recording in load_n2001(folder).data.itertuples():
        signal, fs = recording.signal, recording.fs
        events = load_annotations(recording.annotations).events
        half = round(0.015 * fs)
        sizes = {}
        for unit, part in events.groupby("unit"):
            at = np.rint(part["time"] * fs).astype(int)
            at = at[(at > half) & (at < signal.size - half)]
            sizes[unit] = np.ptp(np.median([signal[i - half : i + half] for i in at], axis=0))
        size = events["unit"].map(sizes).to_numpy()
        yield Annotated(recording.recording, signal, fs, events, size)


def expert(folder: Path) -> None:
    for name, signal, fs, events, size in annotated(folder):
        decomposer = MotorUnitDecomposer(fs=fs).fit(signal)
        found, large = decomposer.discharges_, size > LEAST
        wanted = events[large]
        strict = decomposition_agreement(found, wanted)
        partial = decomposition_agreement(found, wanted, partial=True)
        hit, chance = anywhere(found, wanted), by_chance(found, wanted)
        share = chance.mean(axis=1)
        without = absent(signal, fs, events)[large]
        print(f"\n{name}: {wanted['unit'].nunique()} annotated units above 50 uV", end=", ")
        print(f"{len(wanted)} discharges")
        print(f"  found by any unit: {hit.mean():.3f}; by chance {share.mean():.3f}", end=" ")
        print(f"[{share.min():.3f}, {share.max():.3f}]")
        print(f"  found, with units matched one to one: {strict.sensitivity:.3f}")
        print(f"  found, with several units matched to one: {partial.sensitivity:.3f}, ", end="")
        print(f"precision against the partial annotation {partial.precision:.3f}")
        print(
            f"  {without.sum()} have less than half of their unit's potential, including ", end=""
        )
        print(f"{(without & ~hit).sum()} of the {(~hit).sum()} that are missed; ", end="")
        print(f"found among the others: {hit[~without].mean():.3f}")
        print(off_annotation(found, events, decomposer.units_))
        table = pd.DataFrame(
            {
                "annotated unit": wanted["unit"],
                "uV": 1000 * size[large],
                "n": 1,
                "found": hit,
                "by chance": chance.mean(axis=0),
                "missed, less than half": without & ~hit,
                "missed, others": ~without & ~hit,
            }
        )
        table = table.groupby(["annotated unit", "uV"]).sum()
        table["in one train"] = partial.units["n_common"].to_numpy()
        print(table.reset_index().round(1).to_string(index=False))
        print(decomposer.units_.round(3).to_string(index=False))


def expert_noise(folder: Path, seeds: range) -> None:
    print(f"""
Annotated recordings with white noise added, mean [smallest, largest] over {len(seeds)} seeds
dB: standard deviation of the noise below that of the recording
found: annotated discharges of units above 50 uV found by any unit
chance: the same by chance, mean over shifts of all found discharges
one to one: found, with units matched one to one
precision: discharges of matched units that are annotated, several units matched to one
without noise: units found without added noise, median rate of agreement with them""")
    for name, signal, fs, events, size in annotated(folder):
        wanted = events[size > LEAST]
        clean = MotorUnitDecomposer(fs=fs).fit(signal).discharges_
        rows = []
        for level in (np.inf, 30, 20, 10, 5, 0):
            trials = []
            for seed in seeds if level < np.inf else [0]:
                rng = np.random.default_rng(seed)
                spread = signal.std() * 10 ** (-level / 20)
                decomposer = MotorUnitDecomposer(fs=fs)
                decomposer.fit(signal + spread * rng.normal(size=signal.size))
                trials.append(against_experts(decomposer.discharges_, wanted, clean))
            row = {"dB": f"{level:g}" if level < np.inf else "none"}
            for column, values in pd.DataFrame(trials).items():
                row[column] = f"{values.mean():.3g} [{values.min():.3g}, {values.max():.3g}]"
            rows.append(row)
        print(f"\n{name}\n{pd.DataFrame(rows).to_string(index=False)}")


def against_experts(
    found: pd.DataFrame, wanted: pd.DataFrame, clean: pd.DataFrame
) -> dict[str, float]:
    """Compare found discharges with annotations, and with those found without added noise."""
    return {
        "units": found["unit"].nunique(),
        "discharges": len(found),
        "found": anywhere(found, wanted).mean(),
        "chance": by_chance(found, wanted).mean(),
        "one to one": decomposition_agreement(found, wanted).sensitivity,
        "precision": decomposition_agreement(found, wanted, partial=True).precision,
        "without noise": decomposition_agreement(found, clean).agreement,
    }


def off_annotation(found: pd.DataFrame, events: pd.DataFrame, units: pd.DataFrame) -> str:
    """Describe found discharges that are not annotated: of unknown units, or in gaps.

    A found unit counts as annotated if at least a quarter of its discharges match those of one
    annotated unit. A discharge is in rhythm if the intervals before and after it differ from the
    typical interval by less than 35 %.
    """
    counts = {True: np.zeros(3, dtype=int), False: np.zeros(3, dtype=int)}
    for unit, ours in found.groupby("unit"):
        times = ours["time"].to_numpy()
        hit, known = np.zeros(len(times), dtype=bool), False
        for _, theirs in events.groupby("unit"):
            wanted = theirs["time"].to_numpy()
            match = decomposition_agreement([times], [wanted]).units.iloc[0]
            if match["precision"] >= 0.1:
                moved = times - match["shift"]
                hit |= np.abs(moved[:, None] - wanted).min(axis=1) <= 0.001
                known |= bool(match["precision"] >= 0.25)
        typical = units.loc[units["unit"] == unit, "interval"].iloc[0]
        regular = np.abs(np.diff(times) / typical - 1) < 0.35
        rhythm = np.concatenate([[True], regular]) & np.concatenate([regular, [True]])
        counts[known] += [1, int((~hit).sum()), int((rhythm & ~hit).sum())]
    total = counts[True][1] + counts[False][1]
    lines = [f"  {total} of {len(found)} found discharges are not annotated:"]
    for known, (n_units, n, n_rhythm) in counts.items():
        name = "annotated units" if known else "units without annotation"
        lines.append(f"    {n} of {n_units} {name} ({n_rhythm} in rhythm)")
    return "\n".join(lines)


def absent(signal: np.ndarray, fs: float, events: pd.DataFrame) -> np.ndarray:
    """Find annotated discharges with less than half of the potential of their unit.

    The potential of a unit is the median of the recording above 60 Hz after the other annotated
    units have been subtracted. The potential of a discharge is the multiple of the potential of its
    unit that fits best within 1 ms.
    """
    half, near = round(0.005 * fs), round(0.001 * fs)
    edge = half + near
    rest = HighpassFilter(60.0, fs=fs).fit_transform(signal[np.newaxis])[0].astype(np.float64)
    rest = np.pad(rest, edge)
    at = np.rint(events["time"].to_numpy() * fs).astype(int) + edge
    window = np.hanning(2 * half) ** 0.25
    units = events["unit"].to_numpy()
    waves = {unit: np.zeros(2 * half) for unit in np.unique(units)}
    for _ in range(4):
        for unit, wave in waves.items():
            of_unit = at[units == unit]
            change = np.median([rest[i - half : i + half] for i in of_unit], axis=0) * window
            wave += change
            for i in of_unit:
                rest[i - half : i + half] -= change
    parts = np.zeros(len(at))
    for k, (i, unit) in enumerate(zip(at, units)):
        wave = waves[unit]
        here = rest[i - edge : i + edge].copy()
        here[near:-near] += wave
        parts[k] = np.correlate(here, wave, "valid").max() / (wave @ wave)
    return parts < 0.5


def anywhere(found: pd.DataFrame, wanted: pd.DataFrame, tolerance: float = 0.001) -> np.ndarray:
    """Find wanted discharges that match a discharge of any found unit, with both units aligned."""
    hit = np.zeros(len(wanted), dtype=bool)
    for _, ours in found.groupby("unit"):
        for unit in wanted["unit"].unique():
            of_unit = (wanted["unit"] == unit).to_numpy()
            match = decomposition_agreement(
                [ours["time"].to_numpy()], [wanted["time"].to_numpy()[of_unit]]
            ).units.iloc[0]
            if match["sensitivity"] >= 0.1:
                moved = ours["time"].to_numpy() - match["shift"]
                near = np.abs(wanted["time"].to_numpy()[of_unit, None] - moved).min(axis=1)
                hit[of_unit] |= near <= tolerance
    return hit


def by_chance(found: pd.DataFrame, wanted: pd.DataFrame) -> np.ndarray:
    """Return which wanted discharges are found if all found ones are shifted, for each shift."""
    return np.array([anywhere(found.assign(time=found["time"] + s), wanted) for s in SHIFTS])


def empty(seeds: range) -> None:
    signals = []
    for seed in seeds:
        rng = np.random.default_rng(seed)
        white = 0.005 * rng.normal(size=int(SECONDS * FS))
        signals += [white, white + 0.01 * np.cumsum(white)]
    found = MotorUnitDecomposer(fs=FS).fit(np.array(signals)).units_
    print(f"\nNoise, white and brown: {len(found)} units in {len(signals)} recordings")


def duration(seeds: range) -> None:
    print("\nProcessor time in s for 11 s on one core, best of three, median over recordings")
    for name, drive in FORCES.items():
        shortest = []
        for diagnosis in DIAGNOSES:
            for seed in seeds:
                signal = simulated(diagnosis, drive, seed, 11.0)[0]
                spent = []
                for _ in range(3):
                    begin = time.process_time()
                    MotorUnitDecomposer(fs=FS).fit(signal)
                    spent.append(time.process_time() - begin)
                shortest.append(min(spent))
        print(f"  {name}: {np.median(shortest):.2f}, longest {max(shortest):.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--first", type=int, default=1000)
    parser.add_argument("--parts", default="force,noise,measures,expert,expert-noise,empty,time")
    arguments = parser.parse_args()
    seeds = range(arguments.first, arguments.first + arguments.seeds)
    MotorUnitDecomposer(fs=FS).fit(simulated("normal", 0.005, 0)[0])  # compiles
    parts = {"force": force, "noise": noise, "measures": measures, "empty": empty, "time": duration}
    for part in arguments.parts.split(","):
        if not part.startswith("expert"):
            parts[part](seeds)
            continue
        folder = Path(os.environ.get("SKLEARN_EMG_DATA", "")) / "n2001"
        if not folder.is_dir():
            print("\nSKLEARN_EMG_DATA has no folder n2001: no expert annotations")
        elif part == "expert":
            expert(folder)
        else:
            expert_noise(folder, seeds)


if __name__ == "__main__":
    main()
