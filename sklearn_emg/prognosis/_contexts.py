"""Contexts: tables whose rows contain earlier visits, with values at later visits as targets."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from sklearn_emg._tables import columns_text, counted, first_few
from sklearn_emg._validation import check_integer
from sklearn_emg._warnings import warn_of_recordings
from sklearn_emg.recordings import (
    METADATA_COLUMNS,
    check_visits,
    visit_months,
    warn_of_other_order,
    warn_of_subject_names,
)

_COLUMN = re.compile(r"(.+)@(0|-[1-9]\d*)")


def visit_contexts(
    visits: pd.DataFrame,
    y: ArrayLike,
    *,
    context: int = 3,
    horizon: int = 1,
    min_context: int = 1,
    features: Sequence[str] | None = None,
) -> tuple[pd.DataFrame, NDArray[np.float64]]:
    """Make examples that pair what was known at a visit with the value at a later visit.

    Parameters
    ----------
    visits : DataFrame of shape (n_visits, n_columns)
        Table with one row per visit of a subject. Its columns are ``subject``, ``visit`` or
        ``time`` (months or dates) or both, and features. Average the recordings of a visit first.
    y : array-like of shape (n_visits,)
        Value measured at each visit.
    context : int, default=3
        Maximum number of known visits in an example.
    horizon : int, default=1
        Number of visits from the last known visit to the target visit.
    min_context : int, default=1
        Minimum number of known visits in an example. If an example has fewer than `context`, the
        values of the missing earlier visits are NaN.
    features : sequence of str, default=None
        Names of the columns with features. By default, they are all numeric columns that are not
        metadata of recordings and do not equal `y`.

    Returns
    -------
    X : DataFrame
        Table with one row per example. Its columns are ``subject``; ``visit`` and ``time`` (months)
        of the last known visit (if one of the two is not given, it equals the other);
        ``target_visit`` and ``target_time``; ``ahead``, the months from the last known visit to the
        target; and, for each of the known visits, numbered 0 (the last), -1, -2 and so on, the
        value (``value@0``), the months before the last known visit (``ago@0``) and the features
        (such as ``rms@-1``).
    y : ndarray of shape (n_examples,)
        Value at the target visit of each example.

    Raises
    ------
    TypeError
        If `visits` is not a DataFrame.
    ValueError
        If visits are out of order, occur twice or lack a value, months and dates are mixed, a
        feature is missing or not numeric, or no subject has enough visits.

    Warns
    -----
    RecordingWarning
        If some subjects have too few visits for an example, two names of subjects look like
        different spellings of one name, or times look like days.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_emg.prognosis import visit_contexts
    >>> visits = pd.DataFrame({"subject": list("aaa"), "time": [0.0, 3.0, 9.0]})
    >>> X, y = visit_contexts(visits, [40.0, 38.0, 33.0], context=2)
    >>> X[["target_time", "ahead", "value@-1", "value@0"]]
       target_time  ahead  value@-1  value@0
    0          3.0    3.0       NaN     40.0
    1          9.0    6.0      40.0     38.0
    >>> y
    array([38., 33.])
    """
    for name, value in (("context", context), ("horizon", horizon), ("min_context", min_context)):
        check_integer(value, name, "visit_contexts")
    if min_context > context:
        raise ValueError(
            f"The 'min_context' of visit_contexts must be at most 'context', {context}. Got "
            f"{min_context}."
        )
    frame, names = _checked(visits, y, features)
    known, lasts, targets = _examples(frame, context, horizon, min_context)
    last, target = frame.iloc[lasts].reset_index(drop=True), frame.iloc[targets]
    out = last[["subject", "visit", "time"]].assign(
        target_visit=target["visit"].to_numpy(), target_time=target["time"].to_numpy()
    )
    out["ahead"] = out["target_time"] - out["time"]
    table = np.stack(known)
    blocks = {}
    for column in ("value", "ago", *names):
        source = "time" if column == "ago" else column
        values = np.where(table >= 0, frame[source].to_numpy(float)[table], np.nan)
        if column == "ago":
            values = out["time"].to_numpy()[:, np.newaxis] - values
        for k in range(context):
            blocks[f"{column}@{k - context + 1}"] = values[:, k]
    return out.join(pd.DataFrame(blocks)), target["value"].to_numpy(float)


def _examples(
    frame: pd.DataFrame, context: int, horizon: int, min_context: int
) -> tuple[list[NDArray[Any]], list[int], list[int]]:
    """Find each example's rows: known visits (-1 if missing), last known visit and target visit."""
    known: list[NDArray[Any]] = []
    targets, lasts = [], []
    for _, rows in frame.groupby("subject", sort=False).indices.items():
        for place in range(min_context - 1, len(rows) - horizon):
            window = rows[max(0, place - context + 1) : place + 1]
            known.append(np.concatenate([np.full(context - len(window), -1), window]))
            lasts.append(rows[place])
            targets.append(rows[place + horizon])
    subjects = frame["subject"]
    if not targets:
        raise ValueError(
            f"No subject has the {min_context + horizon} visits needed for "
            f"min_context={min_context} and horizon={horizon}; the maximum per subject is "
            f"{int(subjects.value_counts().max())}. Lower min_context or horizon, or record more "
            "visits."
        )
    without = subjects[~subjects.isin(subjects.iloc[lasts])].unique()
    if len(without):
        warn_of_recordings(
            f"{counted(len(without), 'subject')} with fewer than {min_context + horizon} visits "
            f"cannot be used: {first_few(map(repr, without), 3)}. Leave such subjects out, or "
            "lower 'min_context' or 'horizon'."
        )
    return known, lasts, targets


def _checked(
    visits: pd.DataFrame, y: ArrayLike, features: Sequence[str] | None
) -> tuple[pd.DataFrame, list[str]]:
    """Return the checked visits, with their values as a column, and the names of the features."""
    if not isinstance(visits, pd.DataFrame):
        raise TypeError(f"The visits must be a DataFrame. Got {type(visits).__name__}.")
    check_visits(visits)
    values = _numbers(y, len(visits))
    warn_of_other_order(visits, y, "y", "visits")
    months = visit_months(visits)
    order = visits["visit"].to_numpy(float) if "visit" in visits else months
    keys = pd.DataFrame({"subject": visits["subject"].to_numpy(), "visit": order})
    if keys["subject"].isna().any():
        row = int(np.flatnonzero(keys["subject"].isna())[0])
        raise ValueError(f"Row {row} of the visits has no subject. Fill it in, or leave it out.")
    warn_of_subject_names(keys["subject"].unique())
    _refuse_repeated(keys)
    _refuse_missing(keys, values)
    features = _feature_names(visits, values, features)
    frame = visits[features].reset_index(drop=True)
    frame = frame.assign(subject=keys["subject"], visit=keys["visit"], time=months, value=values)
    if "visit" in visits and np.issubdtype(visits["visit"].to_numpy().dtype, np.integer):
        frame["visit"] = visits["visit"].to_numpy()
    unordered = frame.groupby("subject", sort=False)["visit"].is_monotonic_increasing
    if not unordered.all():
        raise ValueError(
            f"The visits of subject {unordered.index[~unordered][0]!r} are out of order. Sort the "
            "rows of 'visits' and 'y' by subject and visit."
        )
    return frame, features


def _numbers(y: ArrayLike, n_visits: int) -> NDArray[np.float64]:
    """Convert the values of the visits to numbers."""
    try:
        values = np.asarray(y, dtype=float)
    except (TypeError, ValueError):
        raise ValueError(
            "The y of visit_contexts must be numbers. For labels, make contexts of a measured "
            "number, and convert the returned values to labels for LSTMPrognosisClassifier, for "
            "instance with np.where(y < 30, 'severe', 'mild')."
        ) from None
    if values.shape != (n_visits,):
        raise ValueError(f"y must have one value per visit, {n_visits}. Got {values.shape}.")
    return values


def _refuse_missing(keys: pd.DataFrame, values: NDArray[np.float64]) -> None:
    """Raise if a visit has no value."""
    if (bad := np.flatnonzero(~np.isfinite(values))).size:
        row = bad[0]
        raise ValueError(
            f"The value of visit {keys['visit'][row]:g} of subject {keys['subject'][row]!r} (row "
            f"{row}) is {values[row]}. Leave visits without a value out of both 'visits' and 'y'."
        )


def _refuse_repeated(keys: pd.DataFrame) -> None:
    """Raise if a visit of a subject occurs twice."""
    if keys.duplicated().any():
        row = int(np.flatnonzero(keys.duplicated())[0])
        raise ValueError(
            f"Row {row}: visit {keys['visit'][row]:g} of subject {keys['subject'][row]!r} occurs "
            "twice. Give one row per visit, for instance the mean of its recordings: "
            "visits.groupby(['subject', 'visit'], as_index=False).mean(numeric_only=True)."
        )


def _feature_names(
    visits: pd.DataFrame, values: NDArray[np.floating], features: Sequence[str] | None
) -> list[str]:
    """Return the given features, or all numeric columns except metadata and the values."""
    if features is None:
        numeric = visits.select_dtypes("number").columns
        features = [c for c in numeric if c not in METADATA_COLUMNS]
        features = [c for c in features if not _is_copy(visits[c], values)]
    if missing := [c for c in features if c not in visits.columns]:
        raise ValueError(f"The visits lack the {columns_text(missing)} of 'features'.")
    for name in features:
        if name in ("value", "ago"):
            raise ValueError(
                f"visit_contexts makes columns such as {name + '@0'!r}, but the visits have a "
                f"feature {name!r}. Rename it, or choose other columns by 'features'."
            )
        if not pd.api.types.is_numeric_dtype(visits[name]):
            raise ValueError(
                f"The feature {name!r} of visit_contexts is not numeric. Encode it, or leave it "
                "out."
            )
    return list(features)


def _is_copy(column: pd.Series, values: NDArray[np.floating]) -> bool:
    """Return whether a column equals the values, which every context already contains."""
    return bool(np.array_equal(column.to_numpy(dtype=float), values, equal_nan=True))


def has_contexts(X: Any, caller: str) -> bool:
    """Return whether X is a table of :func:`visit_contexts`.

    Raise ValueError if it is not, but has metadata, such as a column ``subject``.
    """
    if not isinstance(X, pd.DataFrame):
        return False
    if "value@0" in X.columns:
        return True
    if found := [c for c in X.columns if c in METADATA_COLUMNS]:
        raise ValueError(
            f"{caller} takes a table of visit_contexts, or values at successive steps. X has the "
            f"column {found[0]!r}, which does not contain such values. Make contexts of the visits "
            "with sklearn_emg.prognosis.visit_contexts, or give only the columns with values."
        )
    return False


@dataclass(frozen=True)
class Contexts:
    """Contexts as arrays, with the oldest visit first and NaN for missing visits.

    Attributes
    ----------
    value, ago : ndarray of shape (n_examples, n_visits)
        Values of the known visits, and times of these visits in months before the last one.
    ahead : ndarray of shape (n_examples,)
        Months from the last known visit to the target.
    features : ndarray of shape (n_examples, n_features, n_visits)
        Features of the known visits: `value`, `ago` and the other features.
    names : list of str
        Names of the features.
    time : ndarray of shape (n_examples,) or None
        Time of the last known visit in months, or None if X has no times.
    """

    value: NDArray[np.floating]
    ago: NDArray[np.floating]
    ahead: NDArray[np.floating]
    features: NDArray[np.floating]
    names: list[str]
    time: NDArray[np.floating] | None = None

    @classmethod
    def of(cls, X: Any, names: list[str] | None = None) -> Contexts:
        """Read contexts from a table of :func:`visit_contexts` or from an array.

        Parameters
        ----------
        X : DataFrame, or ndarray of shape (n_examples, n_visits)
            Contexts. The columns of an array are values at equal time steps, with the newest value
            last.
        names : list of str, default=None
            Names of the features seen in ``fit``, in the order in which they are read.

        Returns
        -------
        contexts : Contexts
            Contexts as arrays.

        Raises
        ------
        ValueError
            If the features of the table are not `names`, or the table lacks the column ``ahead`` or
            the last known value in a row.
        """
        if has_contexts(X, "A prognosis model"):
            places = _places(X, names)
            steps = sorted(places["value"])
            _check_steps(places, steps)
            parts = {
                name: X[[found[k] for k in steps]].to_numpy(float) for name, found in places.items()
            }
            unknown = np.flatnonzero(~np.isfinite(parts["value"][:, -1]))
            if unknown.size:
                raise ValueError(
                    f"Row {unknown[0]} has no last known value, 'value@0'. Leave the row out."
                )
            time = X["time"].to_numpy(float) if "time" in X else None
            return cls(
                parts["value"],
                parts["ago"],
                X["ahead"].to_numpy(float),
                np.stack(list(parts.values()), axis=1),
                list(parts),
                time,
            )
        value = np.asarray(X, dtype=float)
        ago = np.broadcast_to(np.arange(value.shape[1])[::-1].astype(float), value.shape)
        ahead = np.ones(len(value))
        return cls(value, ago, ahead, np.stack([value, ago], axis=1), ["value", "ago"])


def _check_steps(places: dict[str, dict[int, str]], steps: list[int]) -> None:
    lacking = [f"{name}@{k}" for name, found in places.items() for k in steps if k not in found]
    if lacking:
        raise ValueError(
            f"The contexts lack the {columns_text(lacking)}. Take all columns from the table of "
            "visit_contexts."
        )


def _places(X: pd.DataFrame, names: list[str] | None) -> dict[str, dict[int, str]]:
    """Return the columns of each feature by step, with the features in the order of `names`."""
    places: dict[str, dict[int, str]] = {}
    for column in map(str, X.columns):
        if match := _COLUMN.fullmatch(column):
            places.setdefault(match[1], {})[int(match[2])] = column
    if names is not None and set(names) != set(places):
        raise ValueError(
            f"The contexts have the features {list(places)}, but those seen in fit had {names}. "
            "Make both with the same 'features' of visit_contexts."
        )
    if "ahead" not in X:
        raise ValueError(
            "The contexts have no column 'ahead', the months to the target. Take it from the table "
            "of visit_contexts."
        )
    return {name: places[name] for name in names or places}
