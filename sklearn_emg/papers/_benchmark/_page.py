"""The results page: tables of stored benchmarks, and a meta-analysis over their data sets."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sklearn_emg._files import write_atomically, write_text_atomically
from sklearn_emg._tables import counted, interval
from sklearn_emg.comparison import Comparison, MetaAnalysis, meta_analysis, sensitivities
from sklearn_emg.papers._benchmark._results import (
    LEAKY_NOTE,
    Benchmark,
    fact_lines,
    not_run_lines,
    read_benchmark,
    text_cell,
)
from sklearn_emg.papers._registry import get_system

_MEASURES = {"balanced_accuracy": "balanced accuracy", "accuracy": "accuracy"}
_ARMS = {"random windows": "folds of random windows", "subjects": "folds by subject"}
# The baseline with which networks are compared.
_BASELINE = "minirocket"


def write_pages(folders: Sequence[str | os.PathLike[str]], out: Path) -> list[Path]:
    """Write tables and figures of stored benchmarks, without recordings or training.

    Parameters
    ----------
    folders : sequence of path-like
        Folders of :func:`run_benchmark`, one for each data set and named after it.
    out : Path
        Folder to write to.

    Returns
    -------
    files : list of Path
        Written files: ``results_SET.md.inc`` for each data set, ``results_systems.csv`` with the
        scores of each system on each data set, and ``results_predictions.csv`` with the diagnosis
        of each subject, from which scores can be recomputed. Only data sets that were split by
        subject are combined, and only systems that occur in several of them. If at least two data
        sets have at least two such systems, there are also ``results_over_sets.md.inc``,
        ``results_pairs.csv``, ``results_differences.svg`` and, if systems can be ranked,
        ``results_ranks.svg``.

    Raises
    ------
    ValueError
        If a folder contains no results, or two folders have the same name.
    ImportError
        If figures are to be drawn and matplotlib is not installed.
    """
    found = {Path(folder).resolve().name: read_benchmark(folder) for folder in folders}
    if len(found) < len(folders):
        raise ValueError(
            f"The folders must have different names, one for each data set. Got {folders}."
        )
    files = []
    for name, benchmark in found.items():
        files.append(out / f"results_{name}.md.inc")
        write_text_atomically(files[-1], set_page(benchmark))
    files += _write_tables(found, out)
    shared = _in_several_sets({k: b.comparison for k, b in found.items() if not b.leaky})
    if len(shared) < 2:
        return files
    meta = meta_analysis(shared)
    files += [out / f"results_{k}" for k in ("over_sets.md.inc", "pairs.csv")]
    write_text_atomically(files[-2], over_sets_page(meta))
    write_text_atomically(files[-1], meta.pairs.to_csv(index=False, float_format="%.6g"))
    kinds = ["ranks", "differences"] if len(meta.ranks) else ["differences"]
    for kind in kinds:
        files.append(out / f"results_{kind}.svg")
        _draw(meta, kind, files[-1])
    return files


def _in_several_sets(comparisons: Mapping[str, Comparison]) -> dict[str, Comparison]:
    """Drop systems in only one data set, since more systems would raise the adjusted p-values."""
    of_sets = {name: set(c.predictions["pipeline"]) for name, c in comparisons.items()}
    counts = Counter(system for systems in of_sets.values() for system in systems)
    kept = {system for system, n in counts.items() if n > 1}
    return {
        name: replace(c, predictions=c.predictions[c.predictions["pipeline"].isin(kept)])
        for name, c in comparisons.items()
        if len(of_sets[name] & kept) > 1
    }


# -------------------------------------------------------------------- one data set


def set_page(benchmark: Benchmark) -> str:
    """Return the Markdown page of one data set: scores, costs, confusion matrices and confounds.

    Parameters
    ----------
    benchmark : Benchmark
        Results on the data set.

    Returns
    -------
    text : str
        Page in Markdown.
    """
    absent = benchmark.not_run()
    names = [name for name in benchmark.published if name not in absent.index]
    parts = [f"**{LEAKY_NOTE}**"] if benchmark.leaky else []
    parts += ["\n".join(fact_lines(benchmark.notes))]
    percent = f"{100 * benchmark.comparison.confidence:g} %"
    intervals = f"with {percent} intervals over subjects"
    parts.append(f"**Balanced accuracy** and accuracy of {benchmark.level}s {intervals}, and costs")
    parts.append(_table(_scores(benchmark, names)))
    parts += _against_baseline(benchmark, names)
    for level in (benchmark.level,) if benchmark.leaky else ("subject", "window"):
        parts += _confusion_parts(benchmark, names, level)
    if len(benchmark.confounds):
        parts.append(_confounds(benchmark.confounds))
    parts.append("\n".join(not_run_lines(absent)).strip())
    return "\n\n".join(part for part in parts if part) + "\n"


def _write_tables(found: Mapping[str, Benchmark], out: Path) -> list[Path]:
    """Write the scores and the diagnoses of all data sets; return the files."""
    scores = pd.concat([system_scores(name, benchmark) for name, benchmark in found.items()])
    diagnoses = pd.concat([b.comparison.predictions.assign(set=name) for name, b in found.items()])
    diagnoses = diagnoses.rename(columns={"pipeline": "system"})
    diagnoses.insert(0, "set", diagnoses.pop("set"))
    return [
        write_text_atomically(
            out / "results_systems.csv", scores.to_csv(index=False, float_format="%.4g")
        ),
        write_text_atomically(
            out / "results_predictions.csv", diagnoses.to_csv(index=False, float_format="%.6g")
        ),
    ]


def system_scores(set_name: str, benchmark: Benchmark) -> pd.DataFrame:
    """Return the scores of each system on one data set, for the pages of the systems.

    Parameters
    ----------
    set_name : str
        Name of the data set.
    benchmark : Benchmark
        Results on the data set.

    Returns
    -------
    scores : DataFrame of shape (n_scores, 10)
        Table with the columns ``system``, ``set``, ``data``, ``date``, ``protocol``, ``leaky``,
        ``measure``, ``value``, ``low`` and ``high``; the last two are an interval of the value.
    """
    notes = benchmark.notes
    # Only the first part is needed here; the results page has the complete description.
    data = ", ".join(filter(None, [notes.get("data", "").partition(",")[0], notes.get("part", "")]))
    about = {"set": set_name, "data": data, "date": notes.get("date", "").partition(" ")[0]}
    summary = benchmark.comparison.summary
    levels = [benchmark.level] if benchmark.leaky else ["subject", "window"]
    chosen = summary["level"].isin(levels) & summary["metric"].isin(_MEASURES)
    rows = [
        {
            "system": row["pipeline"],
            **about,
            "protocol": notes.get("protocol", ""),
            "leaky": benchmark.leaky,
            "measure": f"{_MEASURES[row['metric']]} of {row['level']}s",
            "value": row["pooled"],
            "low": row["low"],
            "high": row["high"],
        }
        for row in summary[chosen].to_dict("records")
        if np.isfinite(row["pooled"])
    ]
    audits = benchmark.audits
    for name, audit in audits[audits["error"] == ""].iterrows() if len(audits) else ():
        rows += [
            {
                "system": str(name),
                **about,
                "protocol": f"audit, {protocol}",
                "leaky": arm == "random windows",
                "measure": "balanced accuracy of windows",
                "value": audit[arm],
            }
            for arm, protocol in _ARMS.items()
        ]
    columns = ["system", *about, "protocol", "leaky", "measure", "value", "low", "high"]
    return pd.DataFrame(rows, columns=columns).sort_values("system", kind="stable")


def _against_baseline(benchmark: Benchmark, names: Sequence[str]) -> list[str]:
    """Return paired differences between networks and the baseline, or nothing without both."""
    cases = benchmark.comparison.predictions
    networks = [name for name in names if _is_network(name)]
    kept = cases[cases["pipeline"].isin([_BASELINE, *networks])]
    have = set(kept["pipeline"])
    if benchmark.leaky or _BASELINE not in have or len(have) < 2:
        return []
    meta = meta_analysis({"here": replace(benchmark.comparison, predictions=kept)})
    found = meta.against(_BASELINE)
    head = (
        f"**Differences between networks and `{_BASELINE}`**: {_metric(meta).lower()} of the "
        "network minus that of the baseline, paired by subject"
    )
    return [head, _table(_differences(found, over_sets=False))]


def _is_network(name: str) -> bool:
    return get_system(name).has_network


def _confusion_parts(benchmark: Benchmark, names: Sequence[str], level: str) -> list[str]:
    """Return a heading and a collapsed table of the confusion matrices of one level, if any."""
    cells = _confusions(benchmark, names, level)
    if not cells:
        return []
    order = ", ".join(str(label) for label in benchmark.comparison.classes)
    interval = " with its interval" if level == "subject" else ""
    head = (
        f"**Confusion matrices of {level}s**: numbers of {level}s of each true class that were "
        f"classified as {order}; sensitivity{interval}; precision and F1 of the class"
    )
    opened = f"<details><summary>Show the matrices of {counted(len(cells), 'system')}</summary>"
    return [head, opened, _table(cells), "</details>"]


def _scores(benchmark: Benchmark, names: Sequence[str]) -> dict[str, dict[str, str]]:
    """Return scores, audit, published result and costs of each system, as text."""
    levels = (benchmark.level,) if benchmark.leaky else ("subject", "window")
    whole = benchmark.table()
    rows = {}
    for name in names:
        row = {f"{level}s": benchmark.cell(name, level, "balanced_accuracy") for level in levels}
        row["accuracy"] = benchmark.cell(name, levels[0], "accuracy")
        if len(benchmark.audits):
            row["audit: leaky / by subject"] = benchmark.audit_cell(name)
        row["published"] = str(whole.loc[name, "published"])
        row["CPU s per fit"] = str(whole.loc[name, "CPU s"])
        row["wall s per fit"] = str(whole.loc[name, "fit s"])
        row["failed"] = str(whole.loc[name, "failed or not run"])
        rows[name] = row
    if not any(row["failed"] for row in rows.values()):
        for row in rows.values():
            del row["failed"]
    return rows


def _confusions(
    benchmark: Benchmark, names: Sequence[str], level: str
) -> dict[str, dict[str, str]]:
    """Return the counts of each true class by predicted class, with scores, as text."""
    comparison = benchmark.comparison
    counted_in = comparison.confusions
    have = set(counted_in.loc[counted_in["level"] == level, "pipeline"])
    measures = comparison.per_class(level) if have else pd.DataFrame()
    rows: dict[str, dict[str, str]] = {}
    for name in names:
        if name not in have:
            continue
        matrix = comparison.confusion(name, level)
        rows[name] = {}
        shown = _sensitivities(comparison, name, level, matrix)
        for label, counts in zip(matrix.index, matrix.to_numpy()):
            text = shown[label]
            if counts.any():
                text += f"; {measures.loc[(name, label), 'precision']:.2f}"
                text += f", {measures.loc[(name, label), 'f1']:.2f}"
            rows[name][f"true {label}"] = f"{', '.join(map(str, counts))}: {text}"
    return rows


def _sensitivities(
    comparison: Comparison, name: str, level: str, matrix: pd.DataFrame
) -> dict[Any, str]:
    """Return the sensitivity of each class as text, for subjects with its interval."""
    if level == "subject":
        # A subject that is tested in several runs counts once.
        found = sensitivities(comparison, name)[["sensitivity", "low", "high"]]
        return {label: interval(*row) for label, *row in found.itertuples(name=None)}
    values = np.diag(matrix) / matrix.sum(axis=1)
    return {label: f"{value:.2f}" for label, value in values.items()}


def _confounds(summary: pd.DataFrame) -> str:
    """List the confounds and suspects of this data set, as Markdown."""
    found = summary[summary["finding"] != ""]
    kinds = "is a confound or suspect" if len(found) == 1 else "are confounds or suspects"
    head = (
        f"**Confounds found**: {len(found)} of {counted(len(summary), 'property', 'properties')} "
        f"other than the disease {kinds}"
    )
    rows = {}
    for row in found.itertuples():
        rows[f"`{row.property}`"] = {
            "balanced accuracy": f"{row.score:.2f} [{row.low:.2f}, {row.high:.2f}]",
            "by chance": f"{row.chance:.2f}",
            "p": f"{row.pvalue:.2g}",
            "adjusted p": f"{row.adjusted_pvalue:.2g}",
            "finding": str(row.finding),
            "pattern": str(row.pattern or "-"),
        }
    return f"{head}\n\n{_table(rows, 'property')}" if rows else f"{head}."


# -------------------------------------------------------------------- over the data sets


def over_sets_page(meta: MetaAnalysis) -> str:
    """Return the Markdown page of the meta-analysis: scores, ranks and differences from the best.

    Parameters
    ----------
    meta : MetaAnalysis
        Results over the data sets.

    Returns
    -------
    text : str
        Page in Markdown.
    """
    n_pairs, level = len(meta.pairs), 1 - meta.confidence
    found = meta.pairs[meta.pairs["adjusted_pvalue"] <= level]
    sets = ", ".join(map(str, meta.scores.columns))
    lines = [
        f"{counted(len(meta.scores), 'system')} over "
        f"{counted(meta.scores.shape[1], 'data set')} ({sets}); systems in only one data set are "
        f"left out. Of {counted(n_pairs, 'pair')}, {len(found)} differ (adjusted p at most "
        f"{level:.2g})."
    ]
    if len(meta.ranks):
        lines.append(
            f"Friedman's test of the hypothesis that the {len(meta.ranks)} systems in all data "
            f"sets have equal ranks: p = {meta.friedman_pvalue:.2g}. The critical difference of "
            f"mean ranks by Nemenyi's test is {meta.critical_difference:.1f}."
        )
    mean_ranks = meta.mean_ranks
    order = [*mean_ranks.index, *meta.scores.index.difference(mean_ranks.index, sort=False)]
    rows = {}
    for name in order:
        scores = meta.scores.loc[name]
        rows[name] = {
            **{str(k): "-" if np.isnan(v) else f"{v:.2f}" for k, v in scores.items()},
            "mean rank": f"{mean_ranks[name]:.1f}" if name in mean_ranks.index else "-",
            "better than": _names(found.loc[found["first"] == name, "second"]),
            "worse than": _names(found.loc[found["second"] == name, "first"]),
        }
    parts = [" ".join(lines), f"**{_metric(meta)} of subjects** and pairs of systems that differ"]
    parts.append(_table(rows))
    best = order[0]
    parts.append(
        f"**Differences from `{best}`** over the data sets in which both occur, with "
        f"{100 * meta.confidence:g} % intervals of the random-effects mean"
    )
    parts.append(_table(_differences(meta.against(best))))
    if _BASELINE in meta.scores.index:
        against = meta.against(_BASELINE)
        against = against[[_is_network(name) for name in against.index]]
        if len(against):
            parts.append(
                f"**Differences between networks and `{_BASELINE}`** over the data sets in which "
                "both occur"
            )
            parts.append(_table(_differences(against)))
    return "\n\n".join(parts) + "\n"


def _differences(against: pd.DataFrame, *, over_sets: bool = True) -> dict[str, dict[str, str]]:
    rows = {}
    for name, row in against.iterrows():
        rows[str(name)] = {
            "difference": f"{row['difference']:+.2f} [{row['low']:+.2f}, {row['high']:+.2f}]",
            "effect size": f"{row['effect_size']:+.2f}",
            "p": f"{row['pvalue']:.2g}",
            "adjusted p": f"{row['adjusted_pvalue']:.2g}",
            "between sets": f"{row['tau']:.2f}",
            "sets": str(int(row["n_sets"])),
            "subjects": str(int(row["n_subjects"])),
        }
        if not over_sets:
            del rows[str(name)]["between sets"], rows[str(name)]["sets"]
    return rows


def _names(systems: pd.Series) -> str:
    if len(systems) > 4:
        return f"{len(systems)} systems"
    return ", ".join(systems) or "-"


def _metric(meta: MetaAnalysis) -> str:
    return meta.metric.replace("_", " ").capitalize()


def _table(rows: Mapping[str, Mapping[str, str]], label: str = "system") -> str:
    """Return a Markdown table of texts."""
    columns = list(dict.fromkeys(column for row in rows.values() for column in row))
    cells = [[label, *columns], ["---"] * (len(columns) + 1)]
    cells += [[name, *(row.get(c, "-") for c in columns)] for name, row in rows.items()]
    return "\n".join(f"| {' | '.join(map(text_cell, row))} |" for row in cells)


def _draw(meta: MetaAnalysis, kind: str, path: Path) -> None:
    import matplotlib

    from sklearn_emg.inspection import MetaAnalysisDisplay

    # These settings make files of the same results identical.
    fixed: Any = {"svg.hashsalt": "sklearn-emg", "figure.max_open_warning": 0}
    with matplotlib.rc_context(fixed):
        figure = MetaAnalysisDisplay(meta).plot(kind).figure_
        save = {"format": "svg", "metadata": {"Date": None}}
        write_atomically(path, lambda target: figure.savefig(target, **save))
