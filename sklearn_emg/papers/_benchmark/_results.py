"""Results of a benchmark: a summary table, and the files in which results are stored."""

from __future__ import annotations

import contextlib
import json
import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import sklearn
from numpy.typing import NDArray

from sklearn_emg._files import write_atomically, write_text_atomically
from sklearn_emg._tables import ReadableTable, interval
from sklearn_emg._version import __version__
from sklearn_emg.comparison import Comparison
from sklearn_emg.papers._registry import PublishedResult, get_system

CONFOUNDS = "confounds.parquet"
_TRAININGS = "trainings.parquet"
_ABOUT = "about.json"
_TABLES = ("predictions", "summary", "folds", "confusions", "runs", "audits")
_PLAIN = ("chance", "confidence", "unit")  # attributes of a comparison that are plain values
LEAKY_NOTE = (
    "LEAKY PROTOCOL: windows or recordings of one subject are in both the training set and the "
    "test set, or weights are chosen on the test subjects. These scores overestimate the accuracy "
    "for new subjects."
)


@dataclass(frozen=True)
class Benchmark:
    """Results of :func:`run_benchmark`.

    Attributes
    ----------
    comparison : Comparison
        Results as returned by :func:`sklearn_emg.comparison.compare`. A leaky protocol has only
        results of windows or, if recordings were split, of recordings.
    audits : DataFrame of shape (n_systems, 4)
        One row per audited system. The columns are ``random windows`` (leaky) and ``subjects``,
        the balanced accuracy of windows under these splits; their difference ``gap``; and ``error``
        (empty if the audit succeeded).
    published : dict of str to str
        Published results of each system.
    leaky : bool
        Whether a subject may be in both the training set and the test set, or weights are chosen on
        test subjects.
    runs : DataFrame of shape (n_systems * n_runs, 5)
        One row per ``system`` and ``run``, with its ``state`` ("done", "failed" or "not run"), the
        ``reason`` if it is not done, and the ``cpu_seconds`` of all threads of its process. CPU
        time depends less on other programs on the machine than wall-clock time.
    notes : dict of str to str
        Lines for the head of the Markdown table, such as command, data, protocol, date and
        hardware.
    confounds : DataFrame
        Summary of :func:`~sklearn_emg.comparison.confound_audit` with the additional column
        ``property``; empty if there was no such audit.
    """

    comparison: Comparison
    audits: pd.DataFrame
    published: dict[str, str]
    leaky: bool
    runs: pd.DataFrame
    notes: dict[str, str] = field(default_factory=dict)
    confounds: pd.DataFrame = field(default_factory=pd.DataFrame)

    @property
    def level(self) -> str:
        """Level of the scores: "subject", or "window" or "recording" for a leaky protocol."""
        if not self.leaky:
            return "subject"
        levels = set(self.comparison.summary["level"])
        return "recording" if "recording" in levels else "window"

    def table(self) -> pd.DataFrame:
        """Summarise the results, with one row per system.

        Returns
        -------
        table : DataFrame of str
            Table indexed by system, with scores and their intervals, published results, audits and
            costs as text.
        """
        level = self.level
        summary = self.comparison.summary
        rows = {}
        for name in self.published:
            scores = summary[summary["pipeline"] == name]
            row = {"kind": "network" if get_system(name).has_network else "classical"}
            for metric in ("accuracy", "balanced_accuracy", "f1", "auroc"):
                row[f"{level} {metric}"] = _cell(scores, level, metric)
            if not self.leaky:
                row["window accuracy"] = _cell(scores, "window", "accuracy")
            row["published"] = self.published[name] or "-"
            if len(self.audits):
                row["audit: random windows (leaky) / by subject"] = self.audit_cell(name)
            folds = self.comparison.folds
            folds = folds[(folds["pipeline"] == name) & (folds["level"] == level)]
            runs = self.runs[self.runs["system"] == name]
            cpu = runs.loc[runs["run"].isin(folds["fold"]), "cpu_seconds"]
            for label, value, digits in (
                ("fit s", folds["fit_seconds"].mean(), 2),
                ("CPU s", cpu.mean(), 2),
                ("predict ms/rec", folds["predict_ms_per_recording"].mean(), 1),
                # The maximum is used, since a later run may reuse memory of the same process.
                ("peak MB", folds["peak_memory_mb"].max(), 0),
            ):
                row[label] = "-" if np.isnan(value) else f"{value:.{digits}f}"
            held = self.comparison.numbers_held.get(name)
            row["numbers held"] = f"{held:,}" if held else "-"
            row["failed or not run"] = _failure(runs)
            rows[name] = row
        return ReadableTable(pd.DataFrame.from_dict(rows, orient="index"))

    def cell(self, name: str, level: str, metric: str) -> str:
        """Return one score of a system with its interval, as text, or "-" if there is none."""
        summary = self.comparison.summary
        return _cell(summary[summary["pipeline"] == name], level, metric)

    def not_run(self) -> pd.Series:
        """Return the systems without any run, and the reasons.

        Returns
        -------
        reasons : Series of str
            Reason for each system, indexed by system.
        """
        started = set(self.runs.loc[self.runs["state"] != "not run", "system"])
        reasons = self.runs.groupby("system", sort=False)["reason"].first()
        return reasons.drop(index=list(started))

    def audit_cell(self, name: str) -> str:
        """Return the scores of the audit of one system, leaky and by subject, as text."""
        if name not in self.audits.index or self.audits.loc[name, "error"]:
            return "-"
        leaky, by_subject = self.audits.loc[name, ["random windows", "subjects"]]
        return f"{leaky:.2f} / {by_subject:.2f}"


def _failure(runs: pd.DataFrame) -> str:
    """Return how many runs of a system are not done, and the reason for the first, as text."""
    missing = runs[runs["state"] != "done"]
    if missing.empty:
        return ""
    state, reason = missing[["state", "reason"]].iloc[0]
    reason = text_cell(reason)
    text = f"not run: {reason}" if state == "not run" else reason
    return f"{len(missing)} of {len(runs)}: {text}"


def text_cell(text: str) -> str:
    """Convert text for use in a cell of a Markdown table."""
    return str(text).replace("\n", " ").replace("|", "/")


def _cell(summary: pd.DataFrame, level: str, metric: str) -> str:
    values = summary[(summary["level"] == level) & (summary["metric"] == metric)]
    return "-" if values.empty else interval(*values[["pooled", "low", "high"]].iloc[0])


# -------------------------------------------------------------------- report


def write_results(benchmark: Benchmark, out: Path, figure: bool) -> None:
    """Write the tables of a benchmark, the Markdown table and the figure."""
    comparison = benchmark.comparison
    cost = ["fit_seconds", "cpu_seconds", "predict_ms_per_recording", "peak_memory_mb"]
    keys = ["system", "run", "level", "n_scored", "error"]
    folds = comparison.folds.rename(columns={"pipeline": "system", "fold": "run"}).merge(
        benchmark.runs[["system", "run", "cpu_seconds"]], "left", ["system", "run"]
    )
    # Columns with reasons why scores are missing are text and are left out.
    values = [c for c in folds.select_dtypes("number").columns if c not in keys]
    tidy = folds.melt(keys, values, "metric", "value")
    tidy["leaky"] = benchmark.leaky
    tidy["kind"] = np.where(tidy["metric"].isin(cost), "cost", "score")
    write_parquet(tidy, out / "results.parquet")
    predictions = comparison.predictions.assign(
        subject=comparison.predictions["subject"].astype(str)
    )
    write_parquet(predictions, out / "predictions.parquet")
    write_parquet(comparison.summary.assign(leaky=benchmark.leaky), out / "summary.parquet")
    write_parquet(comparison.folds, out / "folds.parquet")
    write_parquet(comparison.confusions, out / "confusions.parquet")
    write_parquet(benchmark.runs, out / "runs.parquet")
    write_parquet(comparison.training_history, out / _TRAININGS)
    write_parquet(benchmark.audits.reset_index(names="system"), out / "audits.parquet")
    about = {
        "classes": comparison.classes.tolist(),
        **{name: getattr(comparison, name) for name in (*_PLAIN, "numbers_held")},
        **{name: getattr(benchmark, name) for name in ("published", "leaky", "notes")},
    }
    write_text_atomically(out / _ABOUT, json.dumps(about, indent=1))
    write_text_atomically(out / "results.md", _markdown(benchmark))
    if figure:
        # Without matplotlib, there is no figure; the table contains all results.
        with contextlib.suppress(ImportError):
            _draw(benchmark, out / "results.png")


def read_benchmark(folder: str | os.PathLike[str]) -> Benchmark:
    """Read the results of a benchmark from its folder, without recordings or training.

    Parameters
    ----------
    folder : path-like
        Folder that was passed to :func:`run_benchmark` as `out`.

    Returns
    -------
    benchmark : Benchmark
        Results as they were last written. ``comparison.predictions`` contains the diagnosis of each
        subject by each system, from which scores can be computed, for instance by
        :func:`~sklearn_emg.comparison.meta_analysis`; names of subjects are strings.
        ``comparison.errors`` contains messages instead of tracebacks, and there are no estimators.

    Raises
    ------
    ValueError
        If the folder contains no results, or a results file is missing or damaged.

    Examples
    --------
    >>> import tempfile
    >>> from sklearn_emg.datasets import make_nemg_cohort
    >>> from sklearn_emg.model_selection import RepeatedSubjectKFold
    >>> from sklearn_emg.papers import read_benchmark, run_benchmark
    >>> X, y = make_nemg_cohort(
    ...     6, n_recordings=12, fs=2000.0, duration=0.6, return_X_y=True, random_state=0
    ... )
    >>> with tempfile.TemporaryDirectory() as out:
    ...     protocol = RepeatedSubjectKFold(2, n_repeats=1)
    ...     result = run_benchmark(
    ...         ["time-domain"], X, y, protocol, out, figure=False, progress=False
    ...     )
    ...     stored = read_benchmark(out)
    >>> stored.comparison.confusion("time-domain").equals(result.comparison.confusion())
    True
    """
    folder = Path(folder)
    try:
        about = json.loads((folder / _ABOUT).read_text(encoding="utf-8"))
        tables = {name: pd.read_parquet(folder / f"{name}.parquet") for name in _TABLES}
        confounds, trainings = (
            pd.read_parquet(folder / name) if (folder / name).exists() else pd.DataFrame()
            for name in (CONFOUNDS, _TRAININGS)
        )
        folds = tables["folds"]
        failed = folds[folds["error"] != ""]
        comparison = Comparison(
            folds,
            ReadableTable(tables["summary"].drop(columns="leaky")),
            tables["predictions"],
            {(row["pipeline"], row["fold"]): row["error"] for _, row in failed.iterrows()},
            np.array(about["classes"]),
            confusions=tables["confusions"],
            **{name: about[name] for name in _PLAIN},
            numbers_held=about.get("numbers_held", {}),  # older folders lack it
            training_history=ReadableTable(trainings),
        )
        return Benchmark(
            comparison,
            tables["audits"].set_index("system"),
            about["published"],
            about["leaky"],
            tables["runs"],
            about["notes"],
            confounds,
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{folder} contains no readable results of a benchmark ({type(error).__name__}: "
            f"{error}). The command of the benchmark writes them again with --report."
        ) from error


def write_parquet(frame: pd.DataFrame, path: Path) -> None:
    """Write a table completely or not at all."""
    write_atomically(path, lambda target: frame.to_parquet(target, index=False))


def facts_of(benchmark_notes: Mapping[str, str], protocol: str, chance: float) -> dict[str, str]:
    """Return the notes of a benchmark with the protocol, date, software and hardware."""
    return {
        **benchmark_notes,
        "protocol": protocol,
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "software": f"sklearn-emg {__version__}, scikit-learn {sklearn.__version__}, "
        f"Python {platform.python_version()}",
        "hardware": _hardware(),
        "largest class": f"{chance:.2f} of the subjects",
    }


def fact_lines(notes: Mapping[str, str]) -> list[str]:
    """Return the notes of a benchmark as a Markdown list."""
    # The command is code, since an asterisk in it is not markup.
    return [f"- {k}: `{v}`" if k == "command" else f"- {k}: {v}" for k, v in notes.items()]


def _markdown(benchmark: Benchmark) -> str:
    table = benchmark.table()
    head = ["# Published systems, compared", ""]
    if benchmark.leaky:
        head += [f"**{LEAKY_NOTE}**", ""]
    head += fact_lines(benchmark.notes)
    head += [
        "",
        "Intervals are 95 % intervals over subjects. The audit gives the balanced accuracy of "
        "windows of each system under a random split (leaky) and under a split by subject, on the "
        "same windows. Published results come from other data; for those labelled leaky, the same "
        "subjects were in the training set and the test set, or the test set was used to choose "
        "the model. Recordings shorter than a system's window, and windows with invalid samples, "
        "are left out.",
        "",
    ]
    # Systems that were not run are listed below the table, not as rows of dashes.
    absent = benchmark.not_run()
    columns = ["system", *table.columns]
    lines = [f"| {' | '.join(columns)} |", f"|{'---|' * len(columns)}"]
    rows = table.drop(index=absent.index).iterrows()
    lines += [f"| {' | '.join([str(name), *row])} |" for name, row in rows]
    return "\n".join([*head, *lines, *not_run_lines(absent), ""])


def not_run_lines(absent: pd.Series) -> list[str]:
    """Return a Markdown list of the systems without a run, by reason, after an empty line."""
    reasons = absent.groupby(absent, sort=False).groups
    lines = [f"- Not run, {reason}: {', '.join(names)}." for reason, names in reasons.items()]
    return ["", *lines] if lines else []


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

    level = benchmark.level
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
        label="here, 95 % interval over subjects",
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
