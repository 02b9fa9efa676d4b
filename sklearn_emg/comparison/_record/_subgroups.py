"""Scores of one pipeline by class and by subgroup, with intervals over subjects."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sklearn_emg._tables import ReadableTable, columns_text, natural_order
from sklearn_emg._validation import check_integer
from sklearn_emg.comparison._record._facts import RunRecord
from sklearn_emg.comparison._results import Comparison
from sklearn_emg.metrics import bootstrap_interval, wilson_interval

AGE_BANDS = (40.0, 60.0)
_SAME = {"gender": "sex"}
_SUBGROUPS = ("sex", "gender", "age", "muscle", "site", "side")
_UNKNOWN = "not known"
_SEED = 0  # of the bootstrap


def rate(
    values: NDArray[np.floating],
    subjects: Sequence[Any],
    confidence: float,
    *,
    are_errors: bool = False,
) -> tuple[float, float, float]:
    """Compute the mean of values and its interval over subjects.

    The interval is Wilson's if each subject has one value of 0 or 1, or if all values are 0 or all
    are 1. Otherwise, it consists of percentiles of a bootstrap that draws subjects.

    Parameters
    ----------
    values : ndarray of shape (n_predictions,)
        Value of each diagnosis or recording.
    subjects : sequence of length n_predictions
        Subject of each diagnosis or recording.
    confidence : float
        Confidence level of the interval.
    are_errors : bool, default=False
        Whether the values are errors of numbers, to which Wilson's interval does not apply.

    Returns
    -------
    mean, low, high : float
        Mean and limits of its interval; all are NaN if there are no values, and the limits are NaN
        if the interval cannot be computed.
    """
    if not len(values):
        return np.nan, np.nan, np.nan
    mean = float(values.mean())
    codes = pd.factorize(pd.Series(list(subjects), dtype=object))[0]
    n_subjects = int(codes.max()) + 1
    is_binary = not are_errors and np.isin(values, (0.0, 1.0)).all()
    # Resamples of equal values would give an interval of zero width.
    if is_binary and (n_subjects == len(values) or mean in (0.0, 1.0)):
        return (mean, *wilson_interval(mean, n_subjects, confidence=confidence))
    if n_subjects == 1:
        return mean, np.nan, np.nan
    low, high = bootstrap_interval(
        lambda rows: float(values[rows].mean()), codes, confidence=confidence, random_state=_SEED
    )
    return mean, low, high


def diagnoses(result: Comparison, name: str) -> pd.DataFrame:
    """Average the correctness or error of one pipeline over folds for each subject (or unit).

    The columns are ``subject``, the unit, ``y_true`` and ``value``, which is the fraction of folds
    with the correct class, or the mean absolute error of a number.
    """
    table = result.predictions[result.predictions["pipeline"] == name]
    if result.task == "regression":
        value = (table["y_true"].astype(float) - table["y_pred"].astype(float)).abs()
    else:
        value = (table["y_true"] == table["y_pred"]).astype(float)
    keys = list(dict.fromkeys(["subject", result.unit]))
    grouped = table.assign(value=value).groupby(keys, sort=False)
    return grouped.agg(y_true=("y_true", "first"), value=("value", "mean")).reset_index()


def sensitivities(result: Comparison, name: str) -> pd.DataFrame:
    """Compute the sensitivity of one pipeline for each class over subjects (or units).

    Return a table with one row per class and the columns ``n``, ``sensitivity``, ``low`` and
    ``high``.
    """
    cases = diagnoses(result, name)
    rows = {}
    for label in result.classes.tolist():
        part = cases[cases["y_true"] == label]
        values = rate(part["value"].to_numpy(), part["subject"].tolist(), result.confidence)
        rows[label] = (len(part), *values)
    return pd.DataFrame.from_dict(rows, orient="index", columns=["n", "sensitivity", "low", "high"])


def subgroup_scores(
    result: Comparison,
    name: str | None = None,
    *,
    by: str | Iterable[str] = _SUBGROUPS,
    age_bands: Sequence[float] = AGE_BANDS,
    min_subjects: int = 5,
) -> pd.DataFrame:
    """Compute the accuracy and sensitivities (or the error) of one pipeline in subgroups.

    Subgroups by a property of subjects, such as sex, consist of diagnoses. Subgroups by a property
    that differs between the recordings of a subject, such as the muscle, consist of recordings with
    their own predictions. The column ``unit`` states which applies. Age is divided into bands; a
    subject that was recorded at several ages belongs to the band of the lowest age.

    Parameters
    ----------
    result : Comparison
        Result of :func:`compare`.
    name : str, default=None
        Name of the pipeline; required if there are several.
    by : str or iterable of str, default=("sex", "gender", "age", "muscle", "site", "side")
        Columns that describe subjects or recordings in the table that was compared. Other columns,
        and those that the table lacks, are ignored.
    age_bands : sequence of float, default=(40, 60)
        Limits of the age bands in years. A limit belongs to the older band.
    min_subjects : int, default=5
        Minimum number of subjects in a subgroup, or in a class of a subgroup, for a score.

    Returns
    -------
    scores : DataFrame
        One row per subgroup, with the columns ``property`` ("sex" for the column ``gender``),
        ``subgroup``, ``unit`` (what is scored, such as "recording"), ``n_subjects``, ``n_scored``
        (number of predictions), ``enough`` (whether there are enough subjects for a score),
        ``score``, ``low`` and ``high`` (the accuracy, or the mean absolute error of numbers, and
        its interval), and, for each class, ``n of ...`` (number of subjects), ``sensitivity of
        ...``, ``low of ...`` and ``high of ...``. Scores of too few subjects are NaN. Intervals are
        computed over subjects: Wilson's interval if each subject has one diagnosis, or if all
        predictions are correct or all are wrong, and otherwise percentiles of a bootstrap.

    Raises
    ------
    ValueError
        If the comparison has no record of its data or no such pipeline, or its table had no such
        column; columns of the default that are missing are skipped.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn_emg.comparison import compare, subgroup_scores
    >>> from sklearn_emg.ensemble import DiVoteClassifier
    >>> rng = np.random.default_rng(0)
    >>> y = np.repeat(["control", "patient"], 40)
    >>> X = pd.DataFrame({"rms": rng.normal(size=80) + 2 * (y == "patient")})
    >>> X["subject"], X["sex"] = np.repeat(range(20), 4), ["f"] * 16 + ["m"] * 64
    >>> model = DiVoteClassifier(LogisticRegression(), window=None)
    >>> result = compare({"logistic": model}, X, y, progress=False)
    >>> subgroup_scores(result)[["subgroup", "n_subjects", "score", "enough"]].values.tolist()
    [['f', 4, nan, False], ['m', 16, 1.0, True]]
    """
    known = record_of(result).rows
    name = _pipeline(result, name)
    check_integer(min_subjects, "min_subjects", "subgroup_scores")
    rows = []
    for column in dict.fromkeys([by] if isinstance(by, str) else by):
        if column not in known:
            if isinstance(by, str) or column not in _SUBGROUPS:
                raise ValueError(
                    f"subgroup_scores has no column {column!r}: the table of compare had the "
                    f"{columns_text(known.columns)}."
                )
            continue
        cases, unit = _cases_by(result, name, column)
        if cases is None:
            continue
        groups = _groups(cases[column], age_bands if column == "age" else None)
        for group in dict.fromkeys(sorted(groups, key=_order)):
            part = cases[(groups == group).to_numpy()]
            rows.append(
                {
                    "property": _SAME.get(column, column),
                    "subgroup": group,
                    "unit": unit,
                    **_scores(part, result, min_subjects),
                }
            )
    return ReadableTable(rows)


def record_of(result: Comparison) -> RunRecord:
    """Return the record of a comparison.

    Raises
    ------
    ValueError
        If the comparison has no record.
    """
    if result.record is None:
        raise ValueError(
            "The comparison has no record of its data and protocol. Use the result of compare(...)."
        )
    return result.record


def _pipeline(result: Comparison, name: str | None) -> str:
    names = list(dict.fromkeys(result.summary["pipeline"]))
    if name is None and len(names) == 1:
        return str(names[0])
    if name is None or name not in names:
        fault = "needs 'name'" if name is None else f"found no pipeline {name!r}"
        raise ValueError(f"subgroup_scores {fault}: pass one of the names {names}.")
    return name


def _order(group: str) -> tuple[bool, bool, list[tuple[str, int]]]:
    """Return a key that sorts age bands by their limits and puts unknown values last."""
    return group == _UNKNOWN, not group.startswith("below"), natural_order(group)


def _cases_by(result: Comparison, name: str, column: str) -> tuple[pd.DataFrame | None, str]:
    """Return diagnoses or recordings (or None) with the value of a property, and their unit."""
    record = record_of(result)
    rows = record.rows
    cases = diagnoses(result, name)
    if column == result.unit:
        return cases, result.unit
    values = rows.groupby("subject", sort=False)[column].nunique(dropna=False)
    if values.max() == 1:
        of_subject = rows.drop_duplicates("subject").set_index("subject")[column]
        return cases.assign(**{column: cases["subject"].map(of_subject)}), result.unit
    table = record.recordings
    if column == "age" and column not in table:  # a subject that was recorded again
        youngest = rows.groupby("subject")[column].min()
        return cases.assign(age=cases["subject"].map(youngest)), result.unit
    table = table[table["pipeline"] == name]
    if column not in table or table.empty:
        return None, ""
    right = table["y_true"] == table["y_pred"]
    if result.task == "regression":
        right = (table["y_true"].astype(float) - table["y_pred"].astype(float)).abs()
    cases = table.assign(value=right.astype(float))
    return cases.loc[cases.index.repeat(cases["n"])], "recording"


def _groups(values: pd.Series, bands: Sequence[float] | None) -> pd.Series:
    """Return the name of the subgroup of each diagnosis or recording."""
    if bands is None:
        return values.map(lambda v: _UNKNOWN if pd.isna(v) else str(v))
    limits = [float(limit) for limit in bands]
    names = [f"below {limits[0]:g}"]
    names += [f"{low:g} to below {high:g}" for low, high in pairwise(limits)]
    names.append(f"{limits[-1]:g} and above")
    ages = pd.to_numeric(values, errors="coerce")
    codes = np.searchsorted(limits, ages.to_numpy(dtype=float), side="right")
    named = [_UNKNOWN if pd.isna(age) else names[code] for age, code in zip(ages, codes)]
    return pd.Series(named, index=values.index)


def _scores(part: pd.DataFrame, result: Comparison, min_subjects: int) -> dict[str, Any]:
    """Compute the numbers of subjects and predictions, and the scores, of one subgroup."""

    def measured(cases: pd.DataFrame) -> tuple[bool, tuple[float, float, float]]:
        enough = cases["subject"].nunique() >= min_subjects
        values = cases["value"].to_numpy(dtype=float)
        if not enough:
            return False, (np.nan, np.nan, np.nan)
        subjects, are_errors = cases["subject"].tolist(), result.task == "regression"
        return True, rate(values, subjects, result.confidence, are_errors=are_errors)

    enough, values = measured(part)
    row: dict[str, Any] = {
        "n_subjects": part["subject"].nunique(),
        "n_scored": len(part),
        "enough": enough,
        **dict(zip(("score", "low", "high"), values)),
    }
    for label in result.classes.tolist():
        of_class = part[part["y_true"] == label]
        _, found = measured(of_class)
        row[f"n of {label}"] = of_class["subject"].nunique()
        row |= {f"{k} of {label}": v for k, v in zip(("sensitivity", "low", "high"), found)}
    return row
