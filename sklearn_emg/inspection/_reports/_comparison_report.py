"""Content of the page of a comparison, with the sections on leakage and confounds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from sklearn_emg._tables import counted, first_few, interval, natural_order
from sklearn_emg.comparison import LEVELS, Comparison, ConfoundAudit, LeakageAudit, SiteComparison
from sklearn_emg.inspection._comparisons import (
    ComparisonDisplay,
    ConfoundDisplay,
    LeakageDisplay,
)
from sklearn_emg.inspection._outcomes._adaptation import AdaptationDisplay
from sklearn_emg.inspection._reports._cards._model_card import pair_table
from sklearn_emg.inspection._reports._cards._population import subjects_of_folds
from sklearn_emg.inspection._reports._html import (
    Table,
    class_counts,
    draw,
    draw_display,
    p_text,
    table,
)
from sklearn_emg.inspection._reports._run_report import headline

METRICS = ("accuracy", "balanced_accuracy", "f1", "auroc", "mcc", "sensitivity", "specificity")
_TITLES = {"balanced_accuracy": "balanced accuracy", "mae": "mean absolute error"}
FINDINGS = {"confound": "leaky"}  # style class of the cell with this finding
MARKS = {"leaky: do not report": "leaky", "no leak": "no-leak", "yes: leaky": "leaky"}
_N_BEST = 3  # maximum number of tied pipelines that a sentence lists
_N_NAMED = 20  # maximum number of subjects that a sentence lists
_FOLD_COLUMNS = {
    "fold": "fold",
    "n_scored": "subjects",  # or units
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "fit_seconds": "fit (s)",
    "predict_ms_per_recording": "predict (ms per recording)",
    "peak_memory_mb": "peak memory (MB)",
}


def comparison_content(
    result: Comparison,
    audits: Mapping[str, LeakageAudit],
    confounds: ConfoundAudit | None,
    max_rows: int,
) -> dict[str, Any]:
    """Prepare the variables of the template ``comparison.html``.

    Parameters
    ----------
    result : Comparison
        Comparison of classifiers.
    audits : mapping of str to LeakageAudit
        Leakage audits by pipeline.
    confounds : ConfoundAudit or None
        Audit of confounds.
    max_rows : int
        Maximum number of rows of the tables of subjects and of folds.

    Returns
    -------
    content : dict of str to object
        Variables of the template.
    """
    summary = result.summary
    accuracy = summary[(summary["level"] == "subject") & (summary["metric"] == "accuracy")]
    cases = result.predictions.drop_duplicates(_case_columns(result))
    n_subjects = cases["subject"].nunique()
    n_failed = int(accuracy["n_failed"].sum())
    content: dict[str, Any] = {
        "n_failed": n_failed,
        "n_fits": n_failed + int(accuracy["n_folds"].sum()),
        "best": _best(accuracy, result.chance),
        "headline": headline(result, accuracy),
        "chance": f"{result.chance:.2f}",
        "unit": result.unit,
        "cases": _heading(result),
        "overview": [
            ("Pipelines", len(accuracy)),
            *([] if result.unit == "subject" else [("Subjects", n_subjects)]),
            (_heading(result).capitalize(), f"{len(cases)} ({class_counts(cases['y_true'])})"),
            ("Folds", f"{result.folds['fold'].nunique()}; {subjects_of_folds(result.record)}"),
            ("Largest class", f"{result.chance:.2f} of the {_heading(result)}: the chance level"),
            ("Intervals", f"{100 * result.confidence:g} %, over subjects"),
            *confound_facts(confounds),
        ],
        "scores": _scores(
            result,
            "subject",
            f"Scores over {_heading(result)}, with {100 * result.confidence:g} % intervals",
        ),
        "sites": _sites(result) if isinstance(result, SiteComparison) else None,
        "adaptation": _adaptation(result),
        "accuracy": None,
        "differences": None,
        "time": None,
        "other_levels": [
            _scores(result, level, f"Scores over {level}s, with intervals over subjects")
            for level in reversed(LEVELS[:2])
            if level in set(summary["level"])
        ],
        "subjects": _cases(result, max_rows) if len(cases) else None,
        "audits": leakage_content(audits, len(result.classes)),
        "confounds": confound_content(confounds),
        "folds": _folds(result, max_rows),
        "errors": _errors(result),
    }
    if accuracy["pooled"].notna().any():
        content |= _figures(result)
    return content


def _case_columns(result: Comparison) -> list[str]:
    """Return the columns of the predictions that identify the subject or unit of diagnosis."""
    return ["subject"] if result.unit == "subject" else ["subject", result.unit]


def _heading(result: Comparison) -> str:
    return f"{result.unit}s"


def leakage_content(
    audits: Mapping[str, LeakageAudit], n_classes: int | None
) -> list[dict[str, Any]]:
    """Prepare the variables of the section on leakage.

    Parameters
    ----------
    audits : mapping of str to LeakageAudit
        Leakage audits by pipeline.
    n_classes : int or None
        Number of classes, from which the chance level follows, or None if it is not known.

    Returns
    -------
    content : list of dict
        Variables of each pipeline.
    """
    content = []
    for name, audit in audits.items():
        summary = audit.summary
        numbers = audit.task == "regression"
        leaky = summary["leaky"].to_numpy(dtype=bool)
        metrics = ("mae", "r2") if numbers else ("balanced_accuracy", "accuracy")
        frame = pd.DataFrame(
            {
                metric.replace("_", " "): [
                    f"{mean:.3f} ± {std:.3f}"
                    for mean, std in zip(summary[f"mean_{metric}"], summary[f"std_{metric}"])
                ]
                for metric in metrics
            },
            index=summary.index,
        )
        frame["status"] = np.where(leaky, "leaky: do not report", "no leak")
        first = summary[f"mean_{audit.metric}"]
        values = "; ".join(
            f"{split} ({'leaky' if bad else 'no leak'}) {value:.2f}"
            for split, bad, value in zip(summary.index, leaky, first)
        )
        points = round(100 * audit.gap)
        content.append(
            {
                "name": name,
                "score": _TITLES[audit.metric],
                "change": f"{-audit.gap:+.3g}"
                if numbers
                else f"{points:+d} point{'' if abs(points) == 1 else 's'}",
                "table": table(
                    frame,
                    f"Scores of windows, {name}: mean ± standard deviation over folds",
                    index="split",
                    keys=pd.DataFrame({m.replace("_", " "): summary[f"mean_{m}"] for m in metrics}),
                    marks=MARKS,
                ),
                "picture": draw_display(
                    LeakageDisplay.from_audit(audit, n_classes=n_classes),
                    f"Bars of {_TITLES[audit.metric]} of windows by split for {name}: {values}.",
                    "Hatched bars are leaky splits. Each point is a fold."
                    + ("" if numbers else " The dashed line is the chance level."),
                    (1.8 + 1.4 * len(frame), 3.8),
                ),
            }
        )
    return content


def confound_facts(audit: ConfoundAudit | None) -> list[tuple[str, str]]:
    """Prepare the line of the overview on confounds; none without an audit."""
    if audit is None:
        return []
    found = ", ".join(map(str, audit.confounds)) or "none found"
    suspects = f"; suspects: {', '.join(map(str, audit.suspects))}" if audit.suspects else ""
    return [("Confounds", found + suspects)]


def confound_content(audit: ConfoundAudit | None) -> dict[str, Any] | None:
    """Prepare the variables of the section on confounds.

    Parameters
    ----------
    audit : ConfoundAudit or None
        Audit of confounds.

    Returns
    -------
    content : dict or None
        Variables of the template, or None without an audit.
    """
    if audit is None:
        return None
    counts = ", ".join(f"{name} {n}" for name, n in audit.subjects.items())
    values = "; ".join(
        f"{name} {interval(row['score'], row['low'], row['high'])}"
        for name, row in audit.summary.iterrows()
    )
    content: dict[str, Any] = {
        "n_subjects": int(audit.subjects.sum()),
        "counts": counts,
        "found": [str(name) for name in audit.confounds],
        "table": _confound_table(audit, "Balanced accuracy over subjects with one property alone"),
        "picture": draw_display(
            ConfoundDisplay.from_audit(audit),
            f"Balanced accuracy over subjects with one property alone: {values}.",
            "A model of one property, trained on the other subjects, predicts the class of each "
            "subject.",
            (7.0, 1.4 + 0.3 * min(len(audit.summary), 30)),
        ),
        "excluded": [(reason, names) for reason, names in audit.left_out().items()],
        "matched": None,
    }
    if audit.matched is not None:
        again = audit.matched_audit
        content["matched"] = {
            "text": audit.matched.title,
            "table": None if again is None else _confound_table(again, "Matched subjects"),
        }
    return content


def _confound_table(audit: ConfoundAudit, caption: str) -> Table:
    frame = audit.table()
    frame["pattern"] = audit.summary["pattern"]
    frame["values by class"] = audit.summary["values"]
    keys = audit.summary[["score", "chance", "pvalue", "adjusted_pvalue"]].set_axis(
        ["score", "chance", "p", "adjusted p"], axis=1
    )
    return table(frame, caption, index="property", keys=keys, marks=FINDINGS)


def _best(accuracy: pd.DataFrame, chance: float) -> dict[str, Any] | None:
    """Describe the pipelines with the highest accuracy and how the others compare with them."""
    scored = accuracy.dropna(subset=["pooled"])
    if scored.empty:
        return None
    tied = np.isclose(scored["pooled"], scored["pooled"].max(), rtol=0.0, atol=1e-9)
    best, others = scored[tied], scored[~tied]
    top = best.iloc[0]
    # After failed fits, equal accuracies can have different intervals.
    same = len(best[["low", "high"]].round(9).drop_duplicates()) == 1
    n_overlaps = int((others["high"] >= top["low"]).sum())
    return {
        "name": str(top["pipeline"]),
        "names": _names_text(best["pipeline"].tolist()),
        "accuracy": interval(*top[["pooled", "low", "high"]]) if same else f"{top['pooled']:.2f}",
        "overlap": _overlap_text(n_overlaps, len(others)) if same else "",
        "intervals": "the interval is not" if same else "not all intervals are",
        "above_chance": bool(best["low"].min() > chance),
    }


def _names_text(names: list[Any]) -> str:
    """List up to three names and the number of the others."""
    if len(names) > _N_BEST:
        return first_few(names, _N_BEST)
    *first, last = map(str, names)
    return f"{', '.join(first)} and {last}" if first else last


def _overlap_text(n: int, n_others: int) -> str:
    """State in words how many of the other intervals overlap with the best; "" for none."""
    if not n:
        return ""
    if n_others == 1:
        return "the interval of the other pipeline overlaps with this interval"
    if n == n_others:
        which = "both" if n == 2 else f"all {n}"
        return f"the intervals of {which} other pipelines overlap with this interval"
    intervals, overlap = ("interval", "overlaps") if n == 1 else ("intervals", "overlap")
    return f"the {intervals} of {n} of the {n_others} other pipelines {overlap} with this interval"


def _scores(result: Comparison, level: str, caption: str) -> Table:
    """Tabulate the scores of one level with their intervals, with one row per pipeline."""
    rows = result.summary[result.summary["level"] == level]
    names, shown, keys = [], [], []
    for name, part in rows.groupby("pipeline", sort=False):
        values = part.set_index("metric")
        metrics = [m for m in METRICS if m in values.index]
        scores = {m: interval(*values.loc[m, ["pooled", "low", "high"]]) for m in metrics}
        names.append(name)
        counts = {"subjects": int(values["n_subjects"].iloc[0])}
        if level == "subject":
            counts[_heading(result)] = int(values["n_scored"].iloc[0])
        shown.append({**counts, **scores})
        keys.append({m: values.loc[m, "pooled"] for m in metrics})

    def readable(rows: list[dict[str, Any]]) -> pd.DataFrame:
        return pd.DataFrame(rows, index=names).rename(columns=lambda m: m.replace("_", " "))

    return table(readable(shown), caption, index="pipeline", keys=readable(keys))


def _sites(result: SiteComparison) -> dict[str, Any]:
    """Tabulate scores within and across sites and count the references, which are not scored."""
    frame = result.site_table()
    summary = result.site_summary
    chosen = summary[(summary["level"] == "subject") & (summary["metric"] == "balanced_accuracy")]
    keys = chosen.set_index(["site", "pipeline", "split"])["pooled"].unstack("split")
    n_references = sum(map(len, result.references.values()))
    return {
        "table": table(
            frame.rename(columns={"n": _heading(result)}),
            f"Balanced accuracy over {_heading(result)} within and across sites, with "
            f"{100 * result.confidence:g} % intervals",
            index="site and pipeline",
            keys=keys.reindex(frame.index, columns=["within", "across"]),
        ),
        "n_sites": len(result.sites),
        "references": counted(n_references, "reference subject") if n_references else "",
    }


def _adaptation(result: Comparison) -> dict[str, Any] | None:
    """Show the scores of each site by the number of local subjects, if `adapt` was used."""
    curves = result.adaptation if isinstance(result, SiteComparison) else {}
    if not curves:
        return None
    frame = result.adaptation_table()  # type: ignore[attr-defined]
    display = AdaptationDisplay.from_curves({str(site): curve for site, curve in curves.items()})
    caption = "Balanced accuracy over test subjects of each site by the number of local subjects"
    picture = draw(
        lambda figure: display.plot(ax=figure.subplots(-(-len(curves) // 2), min(2, len(curves)))),
        f"{caption}. The table contains the same values.",
        f"{caption}, with intervals. Dotted lines: held-out subjects of the other sites.",
        size=(8.6, 3.4 * -(-len(curves) // 2)),
    )
    text = f"{caption}, with {100 * result.confidence:g} % intervals"
    heading = "site and number of local subjects"
    return {"table": table(frame, text, index=heading), "picture": picture}


def _figures(result: Comparison) -> dict[str, Any]:
    """Draw the accuracy, differences in accuracy, and accuracy against time."""
    display = ComparisonDisplay.from_comparison(result)
    scored = display.scores.dropna(subset=["score"])
    values = "; ".join(
        f"{name} {interval(row['score'], row['low'], row['high'])}"
        for name, row in scored.iterrows()
    )
    times = "; ".join(
        f"{name} {row['predict_ms_per_recording']:.3g} ms" for name, row in scored.iterrows()
    )
    chance = f"the dashed line at {result.chance:.2f} is the proportion of the largest class"
    return {
        "accuracy": draw_display(
            display,
            f"Accuracy over {_heading(result)} by pipeline: {values}; {chance}.",
            f"Accuracy over {_heading(result)} with its interval; {chance}.",
            (7.0, 1.4 + 0.42 * len(display.scores)),
            "scores",
        ),
        "differences": None if display.differences.empty else _differences(result, display),
        "time": draw_display(
            display,
            f"Accuracy against the time to predict a recording: {times}.",
            f"Pipelines near the upper left diagnose more {_heading(result)} correctly in less "
            "time.",
            (7.4, 4.0),
            "time",
        ),
    }


def _points(difference: float, low: float, high: float) -> str:
    """Format a difference in percentage points with its interval."""
    text = f"{100 * difference:+.0f}"
    return text if np.isnan(low) else f"{text} [{100 * low:+.0f}, {100 * high:+.0f}]"


def _differences(result: Comparison, display: ComparisonDisplay) -> dict[str, Any]:
    frame = display.differences
    pairs = pair_table(result, display.reference)
    column = "difference (points)"
    texts = [_points(*row) for row in frame[["difference", "low", "high"]].to_numpy(dtype=float)]
    shown = pd.DataFrame(
        {
            column: texts,
            "better subjects": frame["better"].astype(int),
            "worse subjects": frame["worse"].astype(int),
        },
        index=frame.index,
    )
    numbers = frame[["difference"]].rename(columns={"difference": column})
    if pairs is not None:
        tested = pairs[["p", "adjusted p"]].reindex(frame.index)
        shown[tested.columns] = tested.map(p_text)
        numbers = numbers.join(tested)
    values = "; ".join(f"{name} {text}" for name, text in zip(frame.index, texts))
    return {
        "table": table(
            shown,
            f"Accuracy minus that of {display.reference}, on the same subjects",
            index="pipeline",
            keys=numbers,
        ),
        "picture": draw_display(
            display,
            f"Differences in accuracy from {display.reference}, in percentage points: {values}.",
            "If an interval contains 0, it is not known which of the two pipelines is better.",
            (7.0, 1.6 + 0.5 * len(frame)),
            "differences",
        ),
    }


def _cases(result: Comparison, max_rows: int) -> dict[str, Any]:
    """Tabulate the predicted diagnoses of each subject (or other unit) by pipeline."""
    predictions, columns = result.predictions, _case_columns(result)
    by: Any = columns if len(columns) > 1 else columns[0]
    wrong = predictions.assign(wrong=predictions["y_true"] != predictions["y_pred"])
    grouped = wrong.groupby(by, sort=False)["wrong"]
    n_wrong, n_predictions = grouped.sum(), grouped.size()
    names, rows = [], []
    for case, part in predictions.groupby(by, sort=False):
        row = {
            "true class": str(part["y_true"].iloc[0]),
            "wrong predictions": int(n_wrong[case]),
        }
        for name, of_pipeline in part.groupby("pipeline", sort=False):
            texts = [
                str(predicted) if predicted == true else f"{predicted} (wrong)"
                for true, predicted in zip(of_pipeline["y_true"], of_pipeline["y_pred"])
            ]
            row[f"{name}: diagnosis"] = ", ".join(dict.fromkeys(texts))
        names.append(" ".join(map(str, case)) if isinstance(case, tuple) else str(case))
        rows.append(row)
    order = sorted(range(len(names)), key=lambda k: natural_order(names[k]))
    frame = pd.DataFrame(rows, index=names).fillna("-").iloc[order]
    missed = frame.index[(n_wrong == n_predictions).to_numpy()[order]]
    return {
        "text": counted(len(frame), result.unit),
        "n_missed": len(missed),
        "n_pipelines": predictions["pipeline"].nunique(),
        "missed": ", ".join(map(str, missed)) if len(missed) <= _N_NAMED else "",
        "table": table(
            frame,
            f"Diagnosis of each {result.unit} while it was in the test set",
            index=" ".join(columns),
            max_rows=max_rows,
        ),
    }


def _folds(result: Comparison, max_rows: int) -> Table:
    folds = result.folds[result.folds["level"] == "subject"].set_index("pipeline")
    frame = folds[list(_FOLD_COLUMNS)].rename(
        columns={**_FOLD_COLUMNS, "n_scored": _heading(result)}
    )
    return table(frame, "Each fold of each pipeline", index="pipeline", max_rows=max_rows)


def _errors(result: Comparison) -> list[dict[str, Any]]:
    failed = result.folds[result.folds["error"] != ""]
    summaries = failed.set_index(["pipeline", "fold"])["error"].groupby(level=[0, 1]).first()
    return [
        {
            "name": str(name),
            "fold": fold,
            "summary": str(summaries.get((name, fold), "")),
            "traceback": traceback,
        }
        for (name, fold), traceback in result.errors.items()
    ]
