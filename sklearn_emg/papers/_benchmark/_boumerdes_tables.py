"""Reproduction of the tables of the Boumerdes study on recordings of N2001."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sklearn_emg._files import write_text_atomically
from sklearn_emg._typing import Labels
from sklearn_emg.model_selection import Protocol, RandomWindows, labels_of_rows
from sklearn_emg.papers._benchmark._results import Benchmark, write_parquet
from sklearn_emg.papers._benchmark._run import run_benchmark
from sklearn_emg.papers._boumerdes import BOUMERDES_PAIRS, BoumerdesProtocol
from sklearn_emg.recordings import distinct_rates

LEAKY = "random windows (LEAKY)"
BY_SUBJECT = "by subject"


@dataclass(frozen=True)
class _Task:
    """Classes of a task, its published results and its own settings of the training."""

    name: str
    labels: tuple[str, ...]
    published: Mapping[tuple[str, str], str]
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def results(self, lstm: bool) -> dict[tuple[str, str], str]:
        """Return the published results, with or without the results of the LSTM."""
        networks = ("boumerdes-cnn", "boumerdes-lstm") if lstm else ("boumerdes-cnn",)
        return {key: text for key, text in self.published.items() if key[0] in networks}


_NETWORK = "divote__estimator__estimator"
TASKS = (
    _Task(
        "ALS, myopathy, normal",
        ("ALS", "myopathy", "control"),
        {
            ("boumerdes-cnn", LEAKY): "99.85",
            ("boumerdes-cnn", BY_SUBJECT): "71.89 (56.33-80.59), F1 0.71, 244 min",
            ("boumerdes-lstm", LEAKY): "64.86",
        },
    ),
    _Task(
        "myopathy, normal",
        ("myopathy", "control"),
        {
            ("boumerdes-cnn", LEAKY): "92.47",
            ("boumerdes-cnn", BY_SUBJECT): "79.53 (69.67-93.23), F1 0.77, 96 min",
        },
        {
            f"{_NETWORK}__batch_size": 32,
            f"{_NETWORK}__patience": 20,
            "undersample__max_ratio": 192 / 107,  # healthy recordings per recording of myopathy
        },
    ),
    _Task(
        "ALS, normal",
        ("ALS", "control"),
        {
            ("boumerdes-cnn", LEAKY): "96.06",
            ("boumerdes-cnn", BY_SUBJECT): "85.02 (69.69-97.03), F1 0.84, 136 min",
        },
    ),
)
NOTE = (
    "Accuracy of windows in percent, as mean (lowest-highest) over the runs. In rows labelled "
    "LEAKY, windows of one subject are in both the training set and the test set, so these scores "
    "overestimate the accuracy for new patients. In rows by subject, one subject of each class is "
    "tested, and another is used for early stopping."
)


def boumerdes_tables(
    X: pd.DataFrame,
    y: Labels,
    out: str | os.PathLike[str],
    *,
    lstm: bool = False,
    pairs: Sequence[tuple[int, int]] = BOUMERDES_PAIRS,
    by: str = "number",
    fs: float | None = None,
    max_epochs: int | None = None,
    parameters: Mapping[str, Any] | None = None,
    n_jobs: int | None = None,
    retry_failed: bool = False,
    report_only: bool = False,
    progress: bool = True,
    notes: Mapping[str, str] | None = None,
) -> pd.DataFrame:
    """Reproduce the tables of the Boumerdes study: three tasks, by random windows and by subject.

    ``python -m sklearn_emg.papers boumerdes FOLDER --out DIR`` does this on recordings of N2001.
    Each row of the table is a benchmark in its own folder in `out`, and can be resumed like one of
    :func:`~sklearn_emg.papers.run_benchmark`. Runs by subject in which a class lacks a required
    subject are left out and listed.

    Parameters
    ----------
    X : DataFrame
        Recording table, such as the table of :func:`sklearn_emg.datasets.load_n2001` with
        ``muscle="BB"``.
    y : array-like of shape (n_rows,)
        Labels "ALS", "myopathy" and "control".
    out : path-like
        Results folder.
    lstm : bool, default=False
        Whether to also run the LSTM, with random windows as in the source. At the sampling rate of
        N2001, this takes days.
    pairs : sequence of (int, int), default=((4, 3), (3, 4), (6, 3), (3, 6), (7, 3), (3, 7))
        Numbers of the validation and test subjects, see
        :class:`~sklearn_emg.papers.BoumerdesProtocol`.
    by : {"number", "position"}, default="number"
        Meaning of the numbers, see :class:`~sklearn_emg.papers.BoumerdesProtocol`.
    fs : float, default=None
        Sampling rate in Hz at which windows are cut; by default, the rate of the recordings.
    max_epochs : int, default=None
        Maximum number of epochs; by default, as in the source (100 for the CNN, 60 for the LSTM).
    parameters : mapping, default=None
        Parameters for ``set_params`` of the systems.
    n_jobs : int, default=None
        Number of parallel runs.
    retry_failed, report_only, progress : bool
        These have the same meaning as in :func:`~sklearn_emg.papers.run_benchmark`.
    notes : mapping, default=None
        Lines for the head of the Markdown table.

    Returns
    -------
    tables : DataFrame of shape (n_rows_of_tables, 13)
        One row per task, protocol and network. The columns are ``task``, ``network``, ``protocol``,
        ``leaky``, the number of ``runs``, the ``mean``, ``lowest`` and ``highest`` accuracy of
        windows in percent, macro ``f1`` and ``minutes`` of training (means over runs), the
        ``published`` result, ``left_out`` (the pairs of the runs by subject that were left out) and
        ``failed`` (the reasons why runs have no result). The table is also written to `out` as
        ``tables.parquet`` and ``tables.md``. The latter lists the runs by subject and the subjects
        that they lack, and has a table of the training of each run, also written to
        ``trainings.parquet``: the number of epochs, the epoch whose weights were kept, and the
        accuracies in training and validation in that epoch.

    Raises
    ------
    ValueError
        If no row has a result, or `out` contains a different benchmark.

    Notes
    -----
    Windows with NaN, which replaces samples that N2001 marks as invalid, are left out, as in the
    source. If `fs` is given, gaps are interpolated before resampling and set to NaN again after it.
    For two classes, the networks have two softmax units instead of one sigmoid unit, which is
    equivalent.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from sklearn_emg.papers import boumerdes_tables
    >>> from sklearn_emg.recordings import recording_table
    >>> rng = np.random.default_rng(0)
    >>> names = [f"{c}{i}" for c in "AC" for i in (1, 2, 3)]
    >>> X = recording_table([rng.normal(size=600) for _ in names], fs=200.0, subject=names)
    >>> y = ["ALS"] * 3 + ["control"] * 3
    >>> with tempfile.TemporaryDirectory() as out:
    ...     tables = boumerdes_tables(X, y, out, pairs=[(1, 2)], max_epochs=1, progress=False)
    >>> tables.loc[tables["failed"] == "", ["task", "protocol", "runs"]].to_numpy().tolist()
    [['ALS, normal', 'random windows (LEAKY)', 1], ['ALS, normal', 'by subject', 1]]
    """
    y, out = labels_of_rows(y, len(X)), Path(out)
    changes = {"divote__nan": "skip"}
    if fs is None and len(distinct_rates(X["fs"])) == 1:
        changes["resample"] = "passthrough"  # it rejects gaps, whose windows are left out later
    rows, trainings = [], []
    for task in TASKS:
        for (system, kind), published in task.results(lstm).items():
            folder = out / "-".join(re.findall(r"\w+", f"{system} {task.name} {kind}"))
            chosen = np.isin(y, task.labels)
            try:
                protocol, left_out = _protocol(task, kind, X[chosen], y[chosen], pairs, by)
            except ValueError as error:
                rows.append(_row(task, system, kind, published, failed=str(error)))
                continue
            result = run_benchmark(
                [system],
                X[chosen].reset_index(drop=True),
                y[chosen],
                protocol,
                folder,
                fs=fs,
                max_epochs=max_epochs,
                parameters={**changes, **settings_of(task, kind), **(parameters or {})},
                n_jobs=n_jobs,
                retry_failed=retry_failed,
                report_only=report_only,
                progress=progress,
                figure=False,
                notes=notes,
            )
            rows.append(_row(task, system, kind, published, result, left_out=left_out))
            head = {"task": task.name, "network": system, "protocol": kind}
            trainings += [{**head, **row} for row in _trainings(protocol, result)]
    tables = pd.DataFrame(rows)
    if (tables["runs"] == 0).all():
        raise ValueError("No row of the tables has a result: " + "; ".join(tables["failed"]) + ".")
    write_parquet(tables, out / "tables.parquet")
    write_parquet(pd.DataFrame(trainings), out / "trainings.parquet")
    runs = runs_by_subject(X, y, pairs, by)
    write_text_atomically(out / "tables.md", _markdown(tables, trainings, runs, dict(notes or {})))
    return tables


def settings_of(task: _Task, kind: str) -> dict[str, Any]:
    """Return the settings of the source for a task and a protocol, for ``set_params``.

    With random windows, the source used no synthetic windows, since undersampling the healthy
    recordings was sufficient.
    """
    smote = {"divote__estimator__factor": 1.0} if kind == LEAKY else {}
    return {**task.parameters, **smote}


def runs_by_subject(
    X: pd.DataFrame,
    y: Labels,
    pairs: Sequence[tuple[int, int]] = BOUMERDES_PAIRS,
    by: str = "number",
) -> pd.DataFrame:
    """List the runs by subject of the study, and which of them these subjects allow.

    Parameters
    ----------
    X : DataFrame
        Recording table.
    y : array-like of shape (n_rows,)
        Labels "ALS", "myopathy" and "control".
    pairs : sequence of (int, int), default=((4, 3), (3, 4), (6, 3), (3, 6), (7, 3), (3, 7))
        Numbers of the validation and test subjects of each run.
    by : {"number", "position"}, default="number"
        Meaning of the numbers, see :class:`~sklearn_emg.papers.BoumerdesProtocol`.

    Returns
    -------
    runs : DataFrame of shape (n_runs, 5)
        One row per task and run. The columns are ``task``, ``validation`` and ``test`` (numbers of
        the subjects), ``possible`` and ``missing`` (subjects that the data lack).
    """
    y = labels_of_rows(y, len(X))
    rows = []
    for task in TASKS:
        chosen = np.isin(y, task.labels)
        absent = [f"all {label}" for label in task.labels if label not in y]
        lacking = (
            BoumerdesProtocol(pairs, by=by).missing_subjects(X[chosen], y[chosen])
            if chosen.any()
            else [[] for _ in pairs]
        )
        for (validation, test), missing in zip(pairs, lacking):
            texts = absent + [f"{label} {number}" for label, number in missing]
            rows.append((task.name, validation, test, not texts, ", ".join(texts)))
    return pd.DataFrame(rows, columns=["task", "validation", "test", "possible", "missing"])


def _protocol(
    task: _Task,
    kind: str,
    X: pd.DataFrame,
    y: NDArray[Any],
    pairs: Sequence[tuple[int, int]],
    by: str,
) -> tuple[Protocol, str]:
    """Return the protocol of a row of the table, and the runs that the subjects do not allow."""
    if missing := sorted(set(task.labels) - set(y)):
        raise ValueError(f"there are no recordings of {', '.join(missing)}")
    if kind == LEAKY:
        return RandomWindows(), ""
    protocol = BoumerdesProtocol(pairs, by=by)
    possible = protocol.possible_pairs(X, y)
    if not possible:
        protocol.runs(X, y)  # raises an error that names the missing subject
    impossible = [pair for pair in map(tuple, pairs) if pair not in possible]
    left_out = ", ".join(f"({validation}, {test})" for validation, test in impossible)
    return (BoumerdesProtocol(possible, by=by) if impossible else protocol), left_out


def _trainings(protocol: Protocol, result: Benchmark) -> list[dict[str, Any]]:
    """Return the number of epochs of each run, and the accuracies in the epoch that was kept."""
    history = result.comparison.training_history
    if "valid_loss" not in history:  # without validation, no epoch is chosen
        return []
    rows = []
    for fold in history["fold"].unique().tolist():
        epochs = history[history["fold"] == fold]
        kept = epochs.iloc[int(np.nanargmin(epochs["valid_loss"].to_numpy()))]
        accuracies = {f"{part}_accuracy": 100 * kept[f"{part}_acc"] for part in ("train", "valid")}
        pair = {}
        if isinstance(protocol, BoumerdesProtocol):
            pair = dict(zip(("validation", "test"), protocol.pairs[fold]))
        length = {"epochs": len(epochs), "kept": int(kept["epoch"])}
        rows.append({"run": fold, **pair, **length, **accuracies})
    return rows


def _row(
    task: _Task,
    system: str,
    kind: str,
    published: str,
    result: Benchmark | None = None,
    failed: str = "",
    left_out: str = "",
) -> dict[str, Any]:
    row = {"task": task.name, "network": system, "protocol": kind, "leaky": kind == LEAKY}
    none = float("nan")
    scores = {"runs": 0, "mean": none, "lowest": none, "highest": none, "f1": none, "minutes": none}
    if result is not None:
        folds = result.comparison.folds
        done = folds[(folds["level"] == "window") & (folds["error"] == "")]
        accuracy = 100 * done["accuracy"]
        scores = {
            "runs": len(done),
            "mean": accuracy.mean(),
            "lowest": accuracy.min(),
            "highest": accuracy.max(),
            "f1": done["f1"].mean(),
            "minutes": done["fit_seconds"].mean() / 60,
        }
        missing = result.runs[result.runs["state"] != "done"]
        failed = "; ".join(missing["reason"].unique())
    return {**row, **scores, "published": published, "left_out": left_out, "failed": failed}


def _markdown(
    tables: pd.DataFrame,
    trainings: Sequence[Mapping[str, Any]],
    runs: pd.DataFrame,
    notes: Mapping[str, str],
) -> str:
    head = ["# Tables of the Boumerdes study", "", NOTE, ""]
    head += [*(f"- {name}: {value}" for name, value in notes.items()), ""]
    columns = ["classes", "network", "protocol", "runs", "here", "F1", "minutes", "published"]
    columns += ["runs left out (validation, test)", "failed"]
    lines = [f"| {' | '.join(columns)} |", f"|{'---|' * len(columns)}"]
    for row in tables.to_dict("records"):
        ours = ["-"] * 3
        if row["runs"]:
            ours = [
                f"{row['mean']:.2f} ({row['lowest']:.2f}-{row['highest']:.2f})",
                f"{row['f1']:.2f}",
                f"{row['minutes']:.1f}",
            ]
        failed = row["failed"].replace("\n", " ").replace("|", "/")
        cells = [row["task"], row["network"], row["protocol"], row["runs"], *ours]
        lines.append(
            f"| {' | '.join(map(str, [*cells, row['published'], row['left_out'], failed]))} |"
        )
    listed = [
        f"- {run['task']}, validation subject {run['validation']}, test subject {run['test']}: "
        + ("possible" if run["possible"] else f"not possible without {run['missing']}")
        for run in runs.to_dict("records")
    ]
    lines += ["", *_markdown_of_trainings(trainings)]
    return "\n".join([*head, *lines, "## Runs by subject", "", *listed, ""])


def _markdown_of_trainings(trainings: Sequence[Mapping[str, Any]]) -> list[str]:
    if not trainings:
        return []
    columns = ["classes", "network", "protocol", "run", "validation subject", "test subject"]
    columns += ["epochs", "epoch kept", "training accuracy (%)", "validation accuracy (%)"]
    lines = [f"| {' | '.join(columns)} |", f"|{'---|' * len(columns)}"]
    for row in trainings:
        cells = [row["task"], row["network"], row["protocol"], row["run"]]
        cells += [row.get(name, "-") for name in ("validation", "test")]
        cells += [row["epochs"], row["kept"]]
        cells += [f"{row[name]:.2f}" for name in ("train_accuracy", "valid_accuracy")]
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return ["## Training of each run", "", *lines, ""]
