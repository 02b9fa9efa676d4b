"""CPU time of one batch for the network of each published classifier, to estimate training times.

    python benchmarks/network_costs.py FOLDER --out doc/benchmark/network_costs.md.inc

Each network is trained on one thread for one epoch of one batch and for one epoch of three batches.
The batches contain random windows of the size that the system cuts. Half of the difference is the
cost of a batch. FOLDER contains the public sets (``n2001_biceps``, ``algiers``), whose windows are
counted. Systems that differ only in their votes share a network. Parameters and buffers are counted
for windows of one channel and three classes. Networks that are already in the file of ``--out`` are
not measured again.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from sklearn.base import BaseEstimator, clone
from sklearn.pipeline import Pipeline

from sklearn_emg.comparison._runs import numbers_held
from sklearn_emg.datasets import load_algiers, load_n2001
from sklearn_emg.papers import list_systems, make_system

SAME = "-all", "-pd"  # variants of nEMGNet with a different vote on the same network
SLOWEST = "boumerdes-lstm"  # 23,438 steps: measured last


def head(sets: dict[str, pd.DataFrame]) -> str:
    """Return the text above the table."""
    counts = ", ".join(f"{t['subject'].nunique()} subjects of {name}" for name, t in sets.items())
    return (
        "Command: `python benchmarks/network_costs.py FOLDER --out FILE`, "
        f"{date.today():%Y-%m-%d}; one thread of a processor; {counts}. An epoch has 0.64 of the "
        "windows of the set: four fifths are training data, a fifth of which is held out for "
        "validation. The number of epochs of a fold is not known before training."
    )


def networks() -> Iterator[tuple[str, dict[str, float], BaseEstimator, str]]:
    """Yield name, window options, window classifier and the path of its network."""
    systems = list_systems()
    nets = systems.index[systems["needs"].str.contains("nets") & (systems["task"] == "diagnosis")]
    names = [name for name in nets if not name.endswith(SAME)]
    for name in sorted(names, key=SLOWEST.__eq__):
        parameters = make_system(name, random_state=0).get_params()
        # Denoisers before a classifier also have batches, but no precision.
        paths = [k.rpartition("__")[0] for k in parameters if k.endswith("__precision")]
        if not paths:
            continue
        owner, model, prefix = parameters[paths[0]], parameters[paths[0]], ""
        windows = parameters["divote__estimator"]
        if paths[0] == "divote__estimator__network" and not isinstance(windows, Pipeline):
            model, prefix = windows, "network__"
        # An array states no sampling rate, which image transformers need.
        rates = [k for k in model.get_params() if k.endswith("__fs")]
        model = clone(model).set_params(**dict.fromkeys(rates, parameters["resample__fs_out"]))
        options = {k: parameters[f"divote__{k}"] for k in ("window", "step")}
        options["step"] = options["step"] or options["window"]
        options |= {"fs": parameters["resample__fs_out"], "batch": owner.batch_size}
        options |= {"epochs": owner.max_epochs}
        yield name, options, model, prefix


def trained(
    model: BaseEstimator, prefix: str, n_windows: int, n_samples: int
) -> tuple[float, BaseEstimator]:
    """Train one epoch without validation; return the CPU time in s and the fitted model."""
    model = clone(model).set_params(
        **{
            f"{prefix}max_epochs": 1,
            f"{prefix}validation_fraction": None,
            f"{prefix}patience": None,
        }
    )
    X = np.random.default_rng(0).normal(size=(n_windows, n_samples)).astype(np.float32)
    y = np.arange(n_windows) % 3
    start = time.process_time()
    model.fit(X, y)
    return time.process_time() - start, model


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    n2001 = load_n2001(arguments.folder / "n2001_biceps", muscle="BB", invalid="clip", lazy=True)
    sets = {
        "Algiers": load_algiers(arguments.folder / "algiers", spoilt="drop").data,
        "N2001, low contraction": n2001.data[n2001.data["level"] != "moderate"],
    }
    durations = {
        k: np.array([signal.shape[-1] for signal in table["signal"]]) / table["fs"].to_numpy()
        for k, table in sets.items()
    }
    heads = ["network of", "window", "batch", "CPU s per batch"]
    heads += ["parameters and buffers", "maximum epochs"]
    heads += [f"{k}: CPU min per epoch of a fold" for k in sets]
    lines = measured_before(arguments.out)
    for name, options, model, prefix in networks():
        if any(line.startswith(f"| {name} |") for line in lines):
            continue
        n_samples, batch = round(options["window"] * options["fs"]), int(options["batch"])
        three, fitted = trained(model, prefix, 3 * batch, n_samples)
        cost = (three - trained(model, prefix, batch, n_samples)[0]) / 2
        row = [name, f"{n_samples} samples", str(batch), f"{cost:.3g}"]
        row += [f"{numbers_held(fitted):,}", str(options["epochs"])]
        for lengths in durations.values():
            # A fold trains on four fifths of the subjects, minus a fifth of these for validation.
            windows = np.maximum(0, (lengths - options["window"]) // options["step"] + 1).sum()
            row.append(f"{0.64 * windows / batch * cost / 60:.2g}")
        lines.append(f"| {' | '.join(row)} |")
        print(lines[-1], flush=True)
        table = [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}", *lines]
        arguments.out.write_text("\n".join([head(sets), "", *table, ""]), encoding="utf-8")


def measured_before(path: Path) -> list[str]:
    """Return the rows of the table of an earlier call."""
    if not path.exists():
        return []
    lines = path.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line.startswith("| ")][1:]


if __name__ == "__main__":
    main()
