"""Content of the page of a comparison of regressors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from sklearn_emg._tables import interval
from sklearn_emg.comparison import Comparison, LeakageAudit
from sklearn_emg.inspection._outcomes import AgreementDisplay
from sklearn_emg.inspection._reports._cards._population import subjects_of_folds
from sklearn_emg.inspection._reports._comparison_report import leakage_content
from sklearn_emg.inspection._reports._html import Table, draw_display, table
from sklearn_emg.metrics import NUMBER_METRICS

_COLUMNS = {
    "fold": "fold",
    "n_scored": "predictions",
    "mae": "MAE",
    "rmse": "RMSE",
    "fit_seconds": "fit (s)",
    "predict_ms_per_recording": "predict (ms per recording)",
}


def regression_content(
    result: Comparison, audits: Mapping[str, LeakageAudit], max_rows: int
) -> dict[str, Any]:
    """Prepare the variables of the template ``regression.html``.

    Parameters
    ----------
    result : Comparison
        Comparison of regressors.
    audits : mapping of str to LeakageAudit
        Leakage audits by pipeline.
    max_rows : int
        Maximum number of rows of the tables of predicted values and of folds.

    Returns
    -------
    content : dict of str to object
        Variables of the template.
    """
    summary = result.summary[result.summary["level"] == "subject"]
    errors = summary[summary["metric"] == "mae"].dropna(subset=["pooled"])
    unit = f"{result.unit}s"
    n_subjects = result.predictions["subject"].nunique()
    content: dict[str, Any] = {
        "best": None,
        "unit": unit,
        "overview": [
            ("Pipelines", summary["pipeline"].nunique()),
            ("Subjects", n_subjects),
            ("Folds", f"{result.folds['fold'].nunique()}; {subjects_of_folds(result.record)}"),
            ("Spread", f"{result.chance:.3g}, the RMSE of predicting the mean of all {unit}"),
            ("Intervals", f"{100 * result.confidence:g} %, over subjects"),
        ],
        "remark": result.remark,
        "scores": _scores(summary, unit, result.confidence),
        "pictures": [],
        "cases": _cases(result, max_rows),
        "audits": leakage_content(audits, None),
        "folds": _folds(result, max_rows),
        "errors": [
            {"name": str(name), "fold": fold, "traceback": text}
            for (name, fold), text in result.errors.items()
        ],
    }
    if len(errors):
        top = errors.iloc[int(errors["pooled"].argmin())]
        content["best"] = {
            "name": str(top["pipeline"]),
            "mae": interval(top["pooled"], top["low"], top["high"]),
        }
        content["pictures"] = _pictures(result, str(top["pipeline"]))
    return content


def _scores(summary: pd.DataFrame, unit: str, confidence: float) -> Table:
    names, shown, keys = [], [], []
    for name, part in summary.groupby("pipeline", sort=False):
        values = part.set_index("metric")
        metrics = [m for m in NUMBER_METRICS if m in values.index]
        names.append(name)
        shown.append({m: interval(*values.loc[m, ["pooled", "low", "high"]]) for m in metrics})
        keys.append({m: values.loc[m, "pooled"] for m in metrics})
    caption = f"Scores over {unit}, with {100 * confidence:g} % intervals over subjects"
    frame = pd.DataFrame(shown, index=names)
    return table(frame, caption, index="pipeline", keys=pd.DataFrame(keys, index=names))


def _pictures(result: Comparison, name: str) -> list[Any]:
    display = AgreementDisplay.from_comparison(result, name)
    line, limits = display.calibration, display.limits
    slope = interval(line["slope"], line["slope_low"], line["slope_high"])
    return [
        draw_display(
            display,
            f"True against predicted values of {name}: the calibration line has the slope {slope}.",
            "On the dashed line, predictions equal the true values. A slope below 1 means that the "
            "predictions vary too much.",
            (5.6, 4.2),
            "calibration",
        ),
        draw_display(
            display,
            f"Bland-Altman plot of {name}: bias {limits['bias']:.3g}, limits of agreement "
            f"{limits['low']:.3g} to {limits['high']:.3g}.",
            "If the differences are normally distributed, about 95 % of them lie between the "
            "dashed lines.",
            (5.6, 4.2),
            "bland-altman",
        ),
    ]


def _cases(result: Comparison, max_rows: int) -> Table:
    """Tabulate the predicted value of each subject or unit by pipeline."""
    keys = list(dict.fromkeys(["subject", result.unit]))
    wide = result.predictions.pivot_table(
        index=[*keys, "y_true"], columns="pipeline", values="y_pred", sort=False
    )
    frame = wide.reset_index("y_true").rename(columns={"y_true": "true"})
    frame.index = pd.Index([" ".join(map(str, np.atleast_1d(k).tolist())) for k in frame.index])
    caption = f"Predicted values of each {result.unit} while it was in the test set"
    shown = frame.map(lambda v: f"{v:.3g}")
    return table(shown, caption, index=" ".join(keys), keys=frame, max_rows=max_rows)


def _folds(result: Comparison, max_rows: int) -> Table:
    folds = result.folds[result.folds["level"] == "subject"].set_index("pipeline")
    frame = folds[list(_COLUMNS)].rename(columns=_COLUMNS)
    return table(frame, "Each fold of each pipeline", index="pipeline", max_rows=max_rows)
