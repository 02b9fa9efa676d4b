"""Sections of the pages of all comparisons: data, settings, confusion matrices, cards."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from sklearn_emg._tables import interval
from sklearn_emg.comparison import (
    Comparison,
    ConfoundAudit,
    LeakageAudit,
    RunRecord,
    sensitivities,
)
from sklearn_emg.inspection._reports._cards._card import Card, card_content
from sklearn_emg.inspection._reports._cards._model_card import model_card
from sklearn_emg.inspection._reports._cards._population import class_table, population_facts
from sklearn_emg.inspection._reports._html import Table, table
from sklearn_emg.preprocessing import QualityReport

_N_SHADES = 9  # number of shades of the cells of a confusion matrix


@dataclass(frozen=True)
class Confusion:
    """Confusion matrix of one pipeline, with a count, a row percentage and a shade per cell."""

    name: str
    classes: list[str]
    rows: list[tuple[str, list[tuple[int, str, int]]]]


def run_content(
    result: Comparison,
    best: str | None,
    cards: Iterable[Card] | None,
    *,
    audits: Mapping[str, LeakageAudit],
    confounds: ConfoundAudit | None,
    quality: QualityReport | None,
) -> dict[str, Any]:
    """Prepare the variables that the templates of comparisons share.

    Parameters
    ----------
    result : Comparison
        Comparison of classifiers or regressors.
    best : str or None
        Pipeline that the card describes if no card is given.
    cards : iterable of Card or None
        Cards to include. None stands for the model card of the best pipeline.
    audits : mapping of str to LeakageAudit
        Leakage audits by pipeline.
    confounds : ConfoundAudit or None
        Audit of confounds.
    quality : QualityReport or None
        Quality of the recordings.

    Returns
    -------
    content : dict of str to object
        Variables of the templates.
    """
    record = result.record
    if cards is None and record is not None and best is not None:
        audit = audits.get(best)
        cards = [model_card(best, result, confounds=confounds, audit=audit, quality=quality)]
    content: dict[str, Any] = {
        "cards": [card_content(card) for card in cards or ()],
        "data": None,
        "settings": [],
        "confusions": [],
        "classes": None,
        "window_confusions": [],
    }
    if result.task == "classification":
        names = dict.fromkeys(result.predictions["pipeline"])
        content["confusions"] = [_confusion(result, name) for name in names]
        content["classes"] = _per_class(result) if names else None
        content["window_confusions"] = _window_confusions(result, list(names))
    return content if record is None else content | _of_record(record)


def _of_record(record: RunRecord) -> dict[str, Any]:
    """Prepare the variables of the data and settings of a run."""
    noun = record.protocol["rows"]
    by_class = class_table(record.rows, noun)
    shown = None if by_class is None else table(by_class, "Subjects by class", index="class")
    settings = [
        {
            "name": name,
            "steps": ", ".join(steps),
            "table": _settings(record.settings[record.settings["pipeline"] == name], name),
        }
        for name, steps in record.parts.items()
    ]
    data = {"facts": population_facts(record.rows, noun), "table": shown}
    return {"data": data, "settings": settings}


def _settings(rows: pd.DataFrame, name: str) -> Table:
    frame = rows.set_index("parameter")[["value", "kind", "part"]]
    frame = frame.set_axis(["value", "step", "place"], axis=1)
    return table(frame, f"Settings of {name} that differ from the defaults", index="parameter")


def _confusion(result: Comparison, name: str) -> Confusion:
    counts = result.confusion(name).to_numpy()
    totals = counts.sum(axis=1, keepdims=True)
    fractions = np.divide(counts, totals, out=np.zeros(counts.shape), where=totals > 0)
    classes = [str(c) for c in result.classes]
    rows = [
        (
            label,
            [(int(n), f"{100 * f:.0f} %", round(_N_SHADES * f)) for n, f in zip(row, fraction)],
        )
        for label, row, fraction in zip(classes, counts, fractions)
    ]
    return Confusion(name, classes, rows)


def _per_class(result: Comparison) -> Table:
    """Tabulate precision, recall and F1, with one row per pipeline and class."""
    measures = result.per_class()
    measures.index = [f"{name}, {label}" for name, label in measures.index]
    numbers = measures[["precision", "recall", "f1"]]
    shown = numbers.map("{:.2f}".format).assign(n=measures["n"])
    caption = f"Precision, recall and F1 of each class over {result.unit}s, pooled over folds"
    return table(
        shown.rename(columns={"f1": "F1"}),
        caption,
        index="pipeline and class",
        keys=numbers.rename(columns={"f1": "F1"}),
    )


def _window_confusions(result: Comparison, names: list[str]) -> list[Table]:
    """Tabulate windows in percent of the true class (mean and standard deviation over folds)."""
    found = []
    for name in names:
        have = result.confusions["pipeline"] == name
        if "window" not in set(result.confusions.loc[have, "level"]):
            continue
        spread = result.confusion_spread(name, "window")
        cells = {
            str(label): [
                f"{mean:.1f}" + ("" if np.isnan(sd) else f" ± {sd:.1f}")
                for mean, sd in zip(spread["mean"][label], spread["sd"][label])
            ]
            for label in result.classes
        }
        frame = pd.DataFrame(cells, index=[str(label) for label in spread.index])
        keys = pd.DataFrame(spread["mean"].to_numpy(), columns=frame.columns)
        caption = f"Windows of {name}, in percent of the true class"
        found.append(table(frame, caption, index="true \\ predicted", keys=keys))
    return found


def headline(result: Comparison, accuracy: pd.DataFrame) -> Table | None:
    """Tabulate accuracy and sensitivities by pipeline; return None without predictions."""
    shown, keys = {}, {}
    for name in dict.fromkeys(result.predictions["pipeline"]):
        found = sensitivities(result, name)
        row = accuracy.set_index("pipeline").loc[name]
        cells = {"accuracy": interval(*row[["pooled", "low", "high"]])}
        numbers = {"accuracy": row["pooled"]}
        for label, values in found.iterrows():
            column = f"{label} ({values['n']:.0f})"
            cells[column] = interval(*values[["sensitivity", "low", "high"]])
            numbers[column] = values["sensitivity"]
        shown[name], keys[name] = cells, numbers
    if not shown:
        return None
    frame = pd.DataFrame.from_dict(shown, orient="index")
    return table(
        frame,
        f"Accuracy and sensitivity of each class (number of its {result.unit}s)",
        index="pipeline",
        keys=pd.DataFrame.from_dict(keys, orient="index"),
    )
