"""Facts of a run: descriptions of the rows, protocol, settings, seeds, versions, CPU time."""

from __future__ import annotations

import inspect
import platform
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from numbers import Number
from typing import Any

import numpy as np
import pandas as pd
import scipy
import sklearn
from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline

from sklearn_emg._sklearn import Integral
from sklearn_emg._tables import python_value
from sklearn_emg._typing import Labels
from sklearn_emg._version import __version__
from sklearn_emg.comparison._runs import Outcome
from sklearn_emg.recordings import METADATA_COLUMNS, is_recording_table

# Columns that are not properties of subjects or recordings, or whose values differ in each row.
_NOT_DESCRIPTIONS = ("channel_names", "recording", "file", "start", "stop", "start_time", "label")
# Properties that may differ between the recordings of a subject.
_OF_RECORDINGS = ("muscle", "region", "side", "task", "exercise", "level", "site")
_SEEDS = ("random_state", "seed")
_N_CHARACTERS = 300  # of a value that is shown
_N_VALUES = 12  # of an array that is shown
_PLAIN = (str, Number, type(None), list, tuple, dict, set)


@dataclass(frozen=True)
class RunRecord:
    """Facts of a run of :func:`compare` that are kept for reports and cards.

    Attributes
    ----------
    rows : DataFrame
        Rows of X, where rows with the same description are joined. The columns are ``subject``,
        ``y``, descriptions such as ``sex``, ``age``, ``muscle``, ``site`` and ``fs``, and ``n``
        (number of joined rows).
    protocol : dict of str to str
        Splits, seed and settings of the intervals in words; ``rows`` states whether a row is a
        "recording" or a "row" of a feature table. ``subjects`` is present if the subjects of a test
        set are also in the training set, as with ``LaterVisitSplit``.
    settings : DataFrame
        Parameters of the pipelines that differ from their defaults, with the columns ``pipeline``,
        ``part``, ``kind``, ``parameter`` and ``value``.
    parts : dict of str to list of str
        Classes of the steps of each pipeline, in their order.
    seeds : DataFrame
        One row per seed, with the columns ``pipeline``, ``part`` and ``value`` ("None" if the seed
        is not fixed).
    recordings : DataFrame
        Number ``n`` of recordings by pipeline, subject, true class, predicted class and the columns
        that describe recordings, such as the muscle. It is empty without such columns.
    cpu_seconds : dict of str to float
        CPU time of fitting and predicting in all folds of each pipeline. It includes all threads of
        the process, but not steps whose results were kept for all pipelines.
    versions : dict of str to str
        Versions of this package, of its main dependencies and of the system.
    date : str
        Date and time of the end of the run in UTC.
    """

    rows: pd.DataFrame
    protocol: dict[str, str]
    settings: pd.DataFrame
    parts: dict[str, list[str]]
    seeds: pd.DataFrame
    recordings: pd.DataFrame
    cpu_seconds: dict[str, float]
    versions: dict[str, str]
    date: str


def record_run(
    pipelines: Mapping[str, Any],
    X: pd.DataFrame,
    y: Labels,
    outcomes: Iterable[Outcome],
    protocol: Mapping[str, Any],
    extra: Iterable[str | None] = (),
) -> RunRecord:
    """Record a finished run.

    Parameters
    ----------
    pipelines : mapping of str to estimator
        Pipelines by name.
    X : DataFrame with a ``subject`` column
        Table that was compared.
    y : array-like of shape (n_rows,)
        Label or number of each row.
    outcomes : iterable of Outcome
        Outcomes of all fits.
    protocol : mapping of str to object
        Settings of the run by name; those that are None are omitted.
    extra : iterable of str or None
        Further columns of X to keep, such as the column with the site.

    Returns
    -------
    record : RunRecord
        Facts of the run.
    """
    outcomes = list(outcomes)

    def gathered(of_pipeline: Callable[[Any], list[Any]], columns: list[str]) -> pd.DataFrame:
        found = [(name, *row) for name, p in pipelines.items() for row in of_pipeline(p)]
        return pd.DataFrame(found, columns=["pipeline", *columns])

    cpu = pd.Series([o.cpu_seconds for o in outcomes], dtype=float)
    by_pipeline = cpu.groupby([o.pipeline for o in outcomes]).sum(min_count=1).to_dict()
    return RunRecord(
        rows=described_rows(X, y, extra),
        protocol={
            "rows": "recording" if is_recording_table(X) else "row",
            **{name: str(value) for name, value in protocol.items() if value is not None},
        },
        settings=gathered(settings_of, ["part", "kind", "parameter", "value"]),
        parts={name: kinds_of(estimator) for name, estimator in pipelines.items()},
        seeds=gathered(seeds_of, ["part", "value"]),
        recordings=_recordings(outcomes, X),
        cpu_seconds={str(name): float(value) for name, value in by_pipeline.items()},
        versions=versions(),
        date=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    )


def versions() -> dict[str, str]:
    """Return the versions of this package, of its main dependencies and of the system.

    Returns
    -------
    versions : dict of str to str
        Versions by name. PyTorch is included if it has been imported.
    """
    found = {
        "sklearn-emg": __version__,
        "scikit-learn": sklearn.__version__,
        "NumPy": np.__version__,
        "SciPy": scipy.__version__,
        "pandas": pd.__version__,
    }
    if "torch" in sys.modules:
        found["PyTorch"] = str(sys.modules["torch"].__version__)
    return {**found, "Python": platform.python_version(), "system": platform.platform()}


def described_rows(X: pd.DataFrame, y: Labels | None, extra: Iterable[str | None]) -> pd.DataFrame:
    """Join rows with the same description, and count them.

    Parameters
    ----------
    X : DataFrame with a ``subject`` column
        Recording table or feature table.
    y : array-like of shape (n_rows,) or None
        Label or number of each row.
    extra : iterable of str or None
        Further columns to keep.

    Returns
    -------
    rows : DataFrame
        Descriptions with the columns ``subject``, ``y`` (if it is given), the columns that describe
        subjects or recordings, and ``n`` (number of rows). Ages are numbers, or NaN if a text is
        not a number. The sex and the age of a subject are also used in rows that lack them.
    """
    wanted = [c for c in (*METADATA_COLUMNS, *extra) if c in X and c not in _NOT_DESCRIPTIONS]
    frame = pd.DataFrame({c: X[c].to_numpy() for c in dict.fromkeys(["subject", *wanted])})
    if y is not None:
        frame.insert(1, "y", np.asarray(y))
    # Columns with lists or arrays are not plain descriptions.
    kept = [c for c in frame if c == "subject" or frame[c].map(np.ndim).max() == 0]
    frame = _with_known_properties(frame[kept])
    counts = frame.groupby(kept, dropna=False, sort=False, observed=True).size()
    rows = counts.rename("n").reset_index()  # this converts objects to floats again
    return rows if y is None else rows.astype({"y": np.asarray(y).dtype})


def _with_known_properties(frame: pd.DataFrame) -> pd.DataFrame:
    """Convert ages to numbers, and fill in properties of subjects in rows that lack them."""
    if "age" in frame:
        frame = frame.assign(age=pd.to_numeric(frame["age"], errors="coerce"))
    for column in frame.columns.intersection(["sex", "gender", "age"]):
        of_subject = frame.groupby("subject", sort=False)[column]
        # A subject that was recorded again has several ages, and it is not known which one applies.
        known = of_subject.transform("first").where(of_subject.transform("nunique") == 1)
        frame = frame.assign(**{column: frame[column].where(frame[column].notna(), known)})
    return frame


def _recordings(outcomes: Iterable[Outcome], X: pd.DataFrame) -> pd.DataFrame:
    """Count tested recordings by subject, classes and the columns that describe recordings."""
    columns = [c for c in _OF_RECORDINGS if c in X and X[c].map(np.ndim).max() == 0]
    names = ["pipeline", "subject", "y_true", "y_pred", *columns]
    parts = []
    for outcome in outcomes if columns else ():
        level = outcome.levels.get("recording")
        if level is None or level.row is None:
            continue
        frame = X.iloc[level.row][["subject", *columns]].reset_index(drop=True)
        frame = frame.assign(pipeline=outcome.pipeline, y_true=level.y_true, y_pred=level.y_pred)
        parts.append(frame.groupby(names, dropna=False, sort=False, observed=True).size())
    if not parts:
        return pd.DataFrame(columns=[*names, "n"])
    return pd.concat([part.rename("n").reset_index() for part in parts], ignore_index=True)


# -------------------------------------------------------------------- settings


def parts_of(estimator: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Yield an estimator and the estimators among its parameters, outer estimators first.

    Yields
    ------
    place : str
        Path of the part, such as "divote › estimator"; it is empty for the estimator itself.
    part : estimator
        Part of the estimator.
    """
    yield name, estimator
    inner: Iterable[tuple[str, Any]] = estimator.get_params(deep=False).items()
    if isinstance(estimator, Pipeline):
        inner = estimator.steps
    for key, value in inner:
        if isinstance(value, BaseEstimator):
            yield from parts_of(value, f"{name} › {key}" if name else str(key))


def kinds_of(estimator: Any) -> list[str]:
    """List the classes of an estimator and of the estimators in it, without pipelines."""
    return [type(p).__name__ for _, p in parts_of(estimator) if not isinstance(p, Pipeline)]


def settings_of(estimator: Any) -> list[tuple[str, str, str, str]]:
    """List the parameters that differ from their defaults.

    Returns
    -------
    settings : list of (str, str, str, str)
        Place and class of the estimator, name of the parameter, and value.
    """
    found = []
    for place, part in parts_of(estimator):
        if isinstance(part, Pipeline):
            continue
        defaults = inspect.signature(type(part).__init__).parameters
        for name, value in sorted(part.get_params(deep=False).items()):
            default = defaults[name].default if name in defaults else inspect.Parameter.empty
            text = short_text(value)
            if isinstance(value, BaseEstimator) or text == short_text(default):
                continue
            found.append((place, type(part).__name__, name, text))
    return found


def seeds_of(estimator: Any) -> list[tuple[str, str]]:
    """List the place and value of each seed, including equal seeds of several parts."""
    found = []
    for place, part in parts_of(estimator):
        for name, value in part.get_params(deep=False).items():
            if name in _SEEDS:
                at = f"{place} ({type(part).__name__})" if place else type(part).__name__
                found.append((at, short_text(value)))
    return found


def short_text(value: Any) -> str:
    """Format a value as one line of limited length, without an address in memory.

    Parameters
    ----------
    value : object
        Value of a parameter.

    Returns
    -------
    text : str
        Value as text.
    """
    value = python_value(value)
    if isinstance(value, np.ndarray) and value.size <= _N_VALUES:
        value = value.tolist()
    if isinstance(value, np.ndarray):
        return f"array of {value.dtype}, shape {value.shape}"
    if isinstance(value, pd.DataFrame | pd.Series):
        return f"{type(value).__name__}, shape {value.shape}"
    if isinstance(value, _PLAIN):
        text = repr(value)
        return text if len(text) <= _N_CHARACTERS else f"{text[:_N_CHARACTERS]} …"
    is_function = callable(value) and hasattr(value, "__name__")
    return value.__name__ if is_function else type(value).__name__


def split_text(cv: Any, task: str) -> str:
    """Describe the `cv` of :func:`compare` in words."""
    if cv is None or isinstance(cv, Integral):
        what = "class" if task == "classification" else "quantiles of the target"
        return f"SubjectKFold({5 if cv is None else int(cv)}), stratified by {what}"
    return " ".join(repr(cv).split()) if hasattr(cv, "split") else "splits given as rows"
