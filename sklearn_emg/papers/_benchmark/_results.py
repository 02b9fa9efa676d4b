"""Results of a benchmark: the table to read, and the files that hold them."""

from __future__ import annotations

import contextlib
import os
import platform
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import sklearn
from numpy.typing import NDArray

from sklearn_emg._files import write_atomically, write_text_atomically
from sklearn_emg._version import __version__
from sklearn_emg.comparison import Comparison
from sklearn_emg.papers._registry import PublishedResult, get_system

__all__ = ["Benchmark", "write_parquet", "write_results"]

LEAKY_NOTE = (
    "LEAKY PROTOCOL: windows of one subject are in both training and test. These figures "
    "overestimate the accuracy on new subjects."
)


@dataclass(frozen=True)
class Benchmark:
    """Results of :func:`run_benchmark`.

    Attributes
    ----------
    comparison : Comparison
        Result as of :func:`sklearn_emg.comparison.compare`; windows only for a leaky protocol.
    audits : DataFrame
        One row per audited system: balanced accuracy of windows by ``random windows`` (leaky) and
        by ``subjects``, and ``gap``.
    published : dict of str to str
    leaky : bool
        Whether a subject may be in both training and test.
    runs : DataFrame
        One row per system and run: ``state`` ("done", "failed" or "not run"), ``reason`` of what is
        not done, and ``cpu_seconds`` of all threads of its process, which other programs on the
        same machine lengthen less than seconds on the clock.
    notes : dict of str to str
        Lines for the head of the Markdown table.
    """

    comparison: Comparison
    audits: pd.DataFrame
    published: dict[str, str]
    leaky: bool
    runs: pd.DataFrame
    notes: dict[str, str] = field(default_factory=dict)

    def table(self) -> pd.DataFrame:
        """One row per system: ours with intervals, the published figure, audit, costs.

        Returns
        -------
        table : DataFrame of str
        """
        level = "window" if self.leaky else "subject"
        summary = self.comparison.summary
        rows = {}
        for name in self.published:
            mine = summary[summary["pipeline"] == name]
            row = {"kind": "network" if get_system(name).needs else "classical"}
            for metric in ("accuracy", "balanced_accuracy", "f1", "auroc"):
                row[f"{level} {metric}"] = _cell(mine, level, metric)
            if not self.leaky:
                row["window accuracy"] = _cell(mine, "window", "accuracy")
            row["published"] = self.published[name] or "-"
            if len(self.audits):
                row["audit: random windows (leaky) / by subject"] = self._audit(name)
            folds = self.comparison.folds
            folds = folds[(folds["pipeline"] == name) & (folds["level"] == level)]
            runs = self.runs[self.runs["system"] == name]
            cpu = runs.loc[runs["run"].isin(folds["fold"]), "cpu_seconds"]
            for label, value, digits in (
                ("fit s", folds["fit_seconds"].mean(), 2),
                ("CPU s", cpu.mean(), 2),
                ("predict ms/rec", folds["predict_ms_per_recording"].mean(), 1),
                # Memory that an earlier run left to the process is not seen to grow again.
                ("peak MB", folds["peak_memory_mb"].max(), 0),
            ):
                row[label] = "-" if np.isnan(value) else f"{value:.{digits}f}"
            row["failed or not run"] = _failure(runs)
            rows[name] = row
        return pd.DataFrame.from_dict(rows, orient="index")

    def _audit(self, name: str) -> str:
        if name not in self.audits.index or self.audits.loc[name, "error"]:
            return "-"
        leaky, by_subject = self.audits.loc[name, ["random windows", "subjects"]]
        return f"{leaky:.2f} / {by_subject:.2f}"


def _failure(runs: pd.DataFrame) -> str:
    """How many runs of a system are not done, and the reason of the first."""
    missing = runs[runs["state"] != "done"]
    if missing.empty:
        return ""
    state, reason = missing[["state", "reason"]].iloc[0]
    reason = reason.replace("\n", " ").replace("|", "/")
    text = f"not run: {reason}" if state == "not run" else reason
    return f"{len(missing)} of {len(runs)}: {text}"


def _cell(summary: pd.DataFrame, level: str, metric: str) -> str:
    values = summary[(summary["level"] == level) & (summary["metric"] == metric)]
    if values.empty or np.isnan(pooled := values["pooled"].iloc[0]):
        return "-"
    low, high = values[["low", "high"]].iloc[0]
    return f"{pooled:.2f}" if np.isnan(low) else f"{pooled:.2f} [{low:.2f}, {high:.2f}]"


# -------------------------------------------------------------------- report


def write_results(benchmark: Benchmark, out: Path, protocol: str, figure: bool) -> None:
    comparison = benchmark.comparison
    cost = ["fit_seconds", "cpu_seconds", "predict_ms_per_recording", "peak_memory_mb"]
    keys = ["system", "run", "level", "n_cases", "error"]
    folds = comparison.folds.rename(columns={"pipeline": "system", "fold": "run"}).merge(
        benchmark.runs[["system", "run", "cpu_seconds"]], "left", ["system", "run"]
    )
    # Reasons of missing figures stand among them, as text.
    values = [c for c in folds.select_dtypes("number").columns if c not in keys]
    tidy = folds.melt(keys, values, "metric", "value")
    tidy["leaky"] = benchmark.leaky
    tidy["kind"] = np.where(tidy["metric"].isin(cost), "cost", "score")
    write_parquet(tidy, out / "results.parquet")
    write_parquet(comparison.summary.assign(leaky=benchmark.leaky), out / "summary.parquet")
    predictions = comparison.predictions.copy()
    predictions["subject"] = predictions["subject"].astype(str)
    write_parquet(predictions, out / "predictions.parquet")
    write_parquet(benchmark.runs, out / "runs.parquet")
    write_parquet(benchmark.audits.reset_index(names="system"), out / "audits.parquet")
    write_text_atomically(out / "results.md", _markdown(benchmark, protocol))
    if figure:
        # Without matplotlib there is none; the table has everything.
        with contextlib.suppress(ImportError):
            _draw(benchmark, out / "results.png")


def write_parquet(frame: pd.DataFrame, path: Path) -> None:
    """Write a table completely or not at all."""
    write_atomically(path, lambda target: frame.to_parquet(target, index=False))


def _markdown(benchmark: Benchmark, protocol: str) -> str:
    table = benchmark.table()
    head = ["# Published systems, compared", ""]
    if benchmark.leaky:
        head += [f"**{LEAKY_NOTE}**", ""]
    notes = dict(benchmark.notes)
    if "command" in notes:
        notes["command"] = f"`{notes['command']}`"  # a * in it is no markup
    facts = {
        **notes,
        "protocol": protocol,
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "software": f"sklearn-emg {__version__}, scikit-learn {sklearn.__version__}, "
        f"Python {platform.python_version()}",
        "hardware": _hardware(),
        "largest class": f"{benchmark.comparison.chance:.2f} of the subjects",
    }
    head += [f"- {name}: {value}" for name, value in facts.items()]
    head += [
        "",
        "Intervals are 95 % over subjects. The audit runs one pipeline on the same windows under a "
        "random split (leaky) and a split by subject, balanced accuracy of windows. Published "
        "figures come from other data; those called leaky had subjects, or the test set itself, on "
        "both sides of the split. Recordings shorter than a system's window, and windows with "
        "invalid samples, are left out of it.",
        "",
    ]
    # A row of dashes for each system that was not run would bury those that were.
    runs = benchmark.runs.groupby("system", sort=False)
    started = set(benchmark.runs.loc[benchmark.runs["state"] != "not run", "system"])
    absent = runs["reason"].first().drop(index=list(started))
    table = table.drop(index=absent.index)
    columns = ["system", *table.columns]
    lines = [f"| {' | '.join(columns)} |", f"|{'---|' * len(columns)}"]
    lines += [f"| {' | '.join([str(name), *row])} |" for name, row in table.iterrows()]
    reasons = absent.groupby(absent, sort=False).groups
    lines += [""] if reasons else []
    lines += [f"- Not run, {reason}: {', '.join(names)}." for reason, names in reasons.items()]
    return "\n".join([*head, *lines, ""])


def _hardware() -> str:
    cores = f"{platform.machine()}, {os.cpu_count()} CPU cores"
    try:
        import torch
    except ImportError:
        return cores
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"
    return f"{cores}, {gpu}"


def _draw(benchmark: Benchmark, path: Path) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure as Canvas

    level = "window" if benchmark.leaky else "subject"
    summary = benchmark.comparison.summary
    chosen = summary[(summary["level"] == level) & (summary["metric"] == "accuracy")]
    chosen = chosen.set_index("pipeline").reindex(list(benchmark.published))
    figure = Canvas(figsize=(8, 0.35 * len(chosen) + 1.8), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    at = np.arange(len(chosen))[::-1]
    spread = np.stack([chosen["pooled"] - chosen["low"], chosen["high"] - chosen["pooled"]])
    axes.errorbar(
        chosen["pooled"], at, xerr=np.nan_to_num(spread), fmt="o", color="#0072B2", capsize=3,
        label="here, 95 % over subjects",
    )  # fmt: skip
    _mark_published(axes, list(chosen.index), at)
    axes.axvline(benchmark.comparison.chance, color="0.5", ls="--", lw=1, label="largest class")
    title = f"accuracy of {level}s" + (" (LEAKY protocol)" if benchmark.leaky else "")
    axes.set(yticks=at, yticklabels=chosen.index, xlim=(0, 1.02), xlabel=title)
    figure.legend(loc="outside upper center", ncols=2, frameon=False, fontsize="small")
    write_atomically(path, lambda target: figure.savefig(target, dpi=120))


def _mark_published(axes: Any, names: list[str], at: NDArray) -> None:
    figures: list[tuple[PublishedResult, float]] = [
        (figure, height) for name, height in zip(names, at) for figure in get_system(name).published
    ]
    styles = {
        True: ("s", "#D55E00", "published, leaky"),
        False: ("D", "#009E73", "published, by subject"),
        None: ("x", "0.4", "published, split not stated"),
    }
    for kind, (marker, colour, label) in styles.items():
        points = [(f.value / 100, height) for f, height in figures if f.leaky is kind]
        if points:
            axes.scatter(*zip(*points), marker=marker, color=colour, label=label, s=30, zorder=3)
