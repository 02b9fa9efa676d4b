"""Columns of a table and properties of its recordings, by subject and independent of labels."""

from __future__ import annotations

import datetime
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from itertools import combinations
from math import comb
from numbers import Real
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api.types import is_bool
from scipy.spatial.distance import cdist

from sklearn_emg._tables import counted
from sklearn_emg._validation import did_you_mean
from sklearn_emg._warnings import warn
from sklearn_emg.preprocessing import PROPERTIES, recording_properties
from sklearn_emg.recordings import (
    METADATA_COLUMNS,
    SignalFile,
    Subjects,
    is_recording_table,
    mean_by_code,
    named_like,
)

Kind = Literal["category", "number", "date"]

_N_QUANTILES = 32
_MISSING = ("", "nan", "n/a", "unknown", "not known")
_MAX_NAMED = 4  # values of a category that a text names
_N_RECORDINGS = "n_recordings"
_DATE = r"\d{4}-\d{2}-\d{2}([T ].*)?"


def collect(
    table: pd.DataFrame,
    subjects: Subjects,
    y: NDArray,
    names: Iterable[str] | None,
    caller: str,
    parameter: str,
    n_jobs: int | None = None,
) -> tuple[dict[str, Values], dict[str, str]]:
    """Read columns and properties, and give the reasons why columns are excluded.

    Parameters
    ----------
    table : DataFrame
        Recording table or feature table.
    subjects : Subjects
        Subjects of the rows.
    y : ndarray of shape (n_rows,)
        Label of each row.
    names : iterable of str or None
        Columns and properties to read. None stands for all columns that describe recordings and,
        if there are signals, all properties.
    caller, parameter : str
        Name of the function, and of its parameter that contains `names`, for messages.
    n_jobs : int, default=None
        Number of recordings that are measured in parallel.

    Returns
    -------
    values : dict of str to Values
        Values of each column or property.
    excluded : dict of str to str
        Reason for each column that is excluded.

    Raises
    ------
    ValueError
        If a name is unknown, or names a column of arrays.
    """
    reader = _Reader(table, subjects, n_jobs)
    if names is None:
        return _all_values(reader, y)
    wanted = list(dict.fromkeys(names))
    _refuse_unknown(wanted, [*reader.columns, *reader.properties], caller, parameter)
    values: dict[str, Values] = {}
    for name in wanted:
        found = reader.read(name)
        if found is None:
            raise ValueError(
                f"The {parameter!r} of {caller} names {name!r}, which is a column of arrays. Name "
                "columns of numbers, dates or categories."
            )
        if found.kind == "category" and _without_names(found, reader.subject) is None:
            warn(
                f"The column {name!r} of {caller} has different values in each subject, such as "
                f"{str(found.names[0])!r}, which are neither numbers nor ISO dates. As categories, "
                "they contain no information about other subjects. Use numbers or dates."
            )
        values[name] = found
    return values, {}


class _Reader:
    """Columns of a table, and properties of its recordings, which are measured when needed."""

    def __init__(self, table: pd.DataFrame, subjects: Subjects, n_jobs: int | None) -> None:
        self.table = table
        self.subject = subjects.codes
        self.has_signals = is_recording_table(table)
        self.columns = [c for c in table.columns if c not in ("signal", "subject")]
        # A column takes precedence over a property of the same name.
        known = (*PROPERTIES, _N_RECORDINGS) if self.has_signals else (_N_RECORDINGS,)
        self.properties = [p for p in known if p not in self.columns]
        self._n_jobs = n_jobs

    @cached_property
    def _measured(self) -> pd.DataFrame:
        return recording_properties(self.table, n_jobs=self._n_jobs)

    def read(self, name: str) -> Values | None:
        """Read the values of a column or property; return None if it contains arrays."""
        if name not in self.properties:
            return values_of(self.table[name])
        if name == _N_RECORDINGS:
            counts = np.bincount(self.subject)[self.subject]
            return Values("number", counts.astype(np.float64))
        return values_of(self._measured[name])


def _all_values(reader: _Reader, y: NDArray) -> tuple[dict[str, Values], dict[str, str]]:
    """Read all that describes recordings, and give the reasons why columns are excluded."""
    columns = reader.columns
    if not reader.has_signals:
        columns = [c for c in columns if c in METADATA_COLUMNS]
    excluded = {c: r for c in columns if (r := _reason_to_exclude(c, reader.table[c], y))}
    values: dict[str, Values] = {}
    for name in [*columns, *reader.properties]:
        if name in excluded:
            continue
        found, reason = reader.read(name), "it contains arrays"
        if found is not None and found.kind == "category":
            found, reason = _without_names(found, reader.subject), "no value occurs in two subjects"
        if found is None:
            excluded[name] = reason
        else:
            values[name] = found
    return values, excluded


def _without_names(values: Values, subject: NDArray[np.intp]) -> Values | None:
    """Return categories, unless each of them occurs in only one subject.

    In that case, return whether a value is given, or None if no value is missing.
    """
    owners = pd.DataFrame({"value": values.numbers, "subject": subject}).dropna()
    shared = owners.groupby("value")["subject"].nunique().max()
    if len(values.names) < 2 or shared > 1:
        return values
    if not values.missing.any():
        return None
    given = np.zeros(len(values.numbers), dtype=np.float64)
    given[values.missing] = np.nan
    return Values("category", given, ("given",))


def _reason_to_exclude(name: Any, column: pd.Series, y: NDArray) -> str | None:
    if (kind := named_like(name)) in ("identity", "label"):
        return f"named like {'an identity' if kind == 'identity' else 'a label'}"
    if column.astype(str).to_numpy().tolist() == [str(label) for label in y]:
        return "it is the label"
    return None


def _refuse_unknown(names: list[str], known: list[Any], caller: str, parameter: str) -> None:
    unknown = [name for name in names if name not in known]
    if unknown:
        hint = did_you_mean(unknown[0], map(str, known))
        raise ValueError(
            f"The {parameter!r} of {caller} names {unknown}, but the table has "
            f"{', '.join(map(str, known))}.{hint}"
        )


@dataclass(frozen=True)
class Values:
    """Values of a column of a table.

    Attributes
    ----------
    kind : {"category", "number", "date"}
        Kind of the values.
    numbers : ndarray of shape (n_rows,)
        Numbers, seconds since 1970 or codes of categories; NaN if a value is missing.
    names : tuple
        Categories in the order of their codes.
    """

    kind: Kind
    numbers: NDArray[np.float64]
    names: tuple[Any, ...] = ()

    @property
    def missing(self) -> NDArray[np.bool_]:
        """Rows without a value."""
        return np.isnan(self.numbers)

    @property
    def is_constant(self) -> bool:
        """Whether all rows have the same value or no value."""
        return len(np.unique(self.numbers)) < 2

    def texts(self, *numbers: float) -> list[str]:
        """Format values as text; different numbers give different texts."""
        if self.kind == "category":
            return [str(self.names[int(number)]) for number in numbers]
        if self.kind == "date":
            return [f"{pd.Timestamp(number, unit='s'):%Y-%m-%d}" for number in numbers]
        for digits in (4, 7, 17):
            texts = [f"{number:.{digits}g}" for number in numbers]
            if len(set(texts)) == len(set(numbers)):
                break
        return texts


def values_of(column: pd.Series) -> Values | None:
    """Read a column as numbers, dates or categories; None if it contains signals or other arrays.

    Numbers stored as objects, categories or text are read as numbers, and durations as numbers of
    days. Periods and text with ISO dates are read as dates. Blank text and words such as "unknown"
    are missing values.
    """
    if isinstance(column.dtype, pd.PeriodDtype):
        column = column.dt.to_timestamp()
    if pd.api.types.is_datetime64_any_dtype(column):
        return _dates(column)
    if pd.api.types.is_timedelta64_dtype(column):
        column = column.dt.total_seconds() / 86_400.0
    if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
        return Values("number", column.to_numpy(dtype=np.float64, na_value=np.nan))
    return _values_of_objects([None if _is_missing(v) else v for v in column])


def _values_of_objects(entries: list[Any]) -> Values | None:
    """Read objects, of which None is a missing value; return None if they are arrays."""
    given = [v for v in entries if v is not None]
    if any(isinstance(v, (np.ndarray, SignalFile, pd.Series, pd.DataFrame)) for v in given):
        return None
    if _are_all(given, (datetime.date, np.datetime64)):
        return _dates(pd.Series(entries))
    if _are_all(given, (datetime.timedelta, np.timedelta64)):
        return values_of(pd.to_timedelta(pd.Series(entries)))
    found = None
    if _are_all(given, (str, Real, Decimal)) and not any(map(is_bool, given)):
        found = _values_of_texts(pd.Series(entries, dtype=object))
    return _categories(entries) if found is None else found


def _are_all(values: list[Any], kinds: type | tuple[type, ...]) -> bool:
    """Return whether there are values and all are of these kinds."""
    return bool(values) and all(isinstance(value, kinds) for value in values)


def _values_of_texts(texts: pd.Series) -> Values | None:
    """Read numbers or ISO dates stored as objects or text; return None if they are neither."""
    given = texts.dropna()
    # pandas does not recognise some kinds of numbers, such as fractions.
    plain = [v if v is None or isinstance(v, str) else float(v) for v in texts]
    found = pd.to_numeric(pd.Series(plain, dtype=object), errors="coerce")
    if found.notna().sum() == len(given):
        return Values("number", np.asarray(found, dtype=np.float64))
    if not _are_all(list(given), str) or not given.str.fullmatch(_DATE).all():
        return None
    dates = pd.to_datetime(texts, errors="coerce", format="ISO8601", utc=True)
    return _dates(dates) if dates.notna().sum() == len(given) else None


def _categories(entries: list[Any]) -> Values:
    plain = pd.Series([v if isinstance(v, Hashable) else repr(v) for v in entries], dtype=object)
    codes, names = pd.factorize(plain, use_na_sentinel=True)
    return Values("category", np.where(codes < 0, np.nan, codes.astype(float)), tuple(names))


def _is_missing(value: Any) -> bool:
    if isinstance(value, str):
        return value.strip().lower() in _MISSING
    return value is None or (np.ndim(value) == 0 and bool(pd.isna(value)))


def _dates(column: pd.Series) -> Values:
    dates = pd.to_datetime(column, utc=True)
    seconds = (dates - pd.Timestamp(0, tz="UTC")) / pd.Timedelta(seconds=1)
    return Values("date", np.asarray(seconds, dtype=np.float64))


def profiles(values: Values, subject: NDArray[np.intp]) -> NDArray[np.float64]:
    """Compute profiles whose city-block distances are the distances between subjects.

    Parameters
    ----------
    values : Values
        Values of all rows.
    subject : ndarray of shape (n_rows,)
        Code of the subject of each row.

    Returns
    -------
    profiles : ndarray of shape (n_subjects, n_entries)
        For categories, half the fraction of rows with each value, including missing values; the
        distance is then the total variation distance. For numbers, quantiles of the relative ranks
        of the rows, and the fraction of rows without a value; the distance is then the Wasserstein
        distance between ranks plus the difference between the fractions.
    """
    n_subjects = int(subject.max()) + 1
    missing = values.missing
    if values.kind == "category":
        codes = np.where(missing, len(values.names), values.numbers).astype(np.intp)
        return mean_by_code(np.eye(len(values.names) + 1)[codes], subject, n_subjects) / 2
    rank = _relative_ranks(values.numbers, subject)
    levels = (np.arange(_N_QUANTILES) + 0.5) / _N_QUANTILES
    quantiles = np.full((n_subjects, _N_QUANTILES), 0.5)
    order = np.argsort(subject[~missing], kind="stable")
    own, first = np.unique(subject[~missing][order], return_index=True)
    for code, ranks in zip(own, np.split(rank[~missing][order], first[1:])):
        quantiles[code] = np.quantile(ranks, levels, method="inverted_cdf")
    absent = mean_by_code(missing[:, None].astype(float), subject, n_subjects)
    return np.hstack([quantiles / _N_QUANTILES, absent])


def _relative_ranks(numbers: NDArray[np.float64], subject: NDArray[np.intp]) -> NDArray[np.float64]:
    """Compute mid-ranks from 0 to 1 with equal weight for each subject; NaN for missing numbers."""
    ranks = np.full(len(numbers), np.nan)
    given = ~np.isnan(numbers)
    if given.any():
        weight = 1.0 / np.bincount(subject[given], minlength=subject.max() + 1)[subject[given]]
        place = np.unique(numbers[given], return_inverse=True)[1]
        total = np.bincount(place, weight)
        ranks[given] = ((np.cumsum(total) - total / 2) / total.sum())[place]
    return ranks


def similarity(profile: NDArray[np.float64], rows: slice, bandwidth: float) -> NDArray[np.float64]:
    """Compute the Gaussian similarity of the subjects in `rows` to all others; 0 to themselves.

    A profile has one row per subject. Return an array of shape (n_rows, n_subjects) with values
    from 0 to 1.
    """
    near = np.exp(-0.5 * (cdist(profile[rows], profile, "cityblock") / bandwidth) ** 2)
    own = np.arange(len(profile))[rows]
    near[np.arange(len(own)), own] = 0.0
    return near


def describe(values: Values, subject: NDArray[np.intp], y: NDArray[np.intp], classes: Any) -> str:
    """Describe the values of each class in words: medians and ranges, or numbers of subjects."""
    parts = [
        f"{name}: {_describe_class(values, subject, y == k)}" for k, name in enumerate(classes)
    ]
    return "; ".join(parts)


def _describe_class(values: Values, subject: NDArray[np.intp], chosen: NDArray[np.bool_]) -> str:
    """Describe the values of the subjects of one class, whose rows are `chosen`."""
    given = chosen & ~values.missing
    texts = []
    if values.kind == "category":
        counts = {
            code: len(np.unique(subject[given & (values.numbers == code)]))
            for code in np.unique(values.numbers[given])
        }
        ordered = sorted(counts, key=lambda code: -counts[code])
        shown = ordered[:_MAX_NAMED]
        texts += [f"{name} {counts[code]}" for name, code in zip(values.texts(*shown), shown)]
        if (more := len(ordered) - _MAX_NAMED) > 0:
            texts.append(counted(more, "other value"))
    elif given.any():
        medians = pd.Series(values.numbers[given]).groupby(subject[given]).median()
        # np.quantile gives NaN next to an infinity.
        low, middle, high = values.texts(medians.min(), medians.median(), medians.max())
        texts.append(low if low == high else f"{middle} ({low} to {high})")
    n_without = len(np.unique(subject[chosen])) - len(np.unique(subject[given]))
    if n_without:
        texts.append(f"missing {n_without}")
    return ", ".join(texts)


def patterns(
    values: Values, subject: NDArray[np.intp], y: NDArray[np.intp], classes: Any
) -> list[str]:
    """Describe values that a class lacks, and pairs of classes whose numbers do not overlap.

    A value counts if at least two subjects, and at least a tenth of all subjects, have it. A pair
    counts if separate ranges have a probability of at most 0.05 with random labels.
    """
    found = []
    codes = [("missing", values.missing)]
    if values.kind == "category":
        codes += [(repr(str(name)), values.numbers == k) for k, name in enumerate(values.names)]
    for name, rows in codes:
        n, having = len(np.unique(subject[rows])), np.unique(y[rows])
        if n >= max(2, (subject.max() + 1) / 10) and len(having) < len(classes):
            owners = ", ".join(str(classes[k]) for k in having)
            found.append(f"{name} in {owners} only ({counted(n, 'subject')})")
    if values.kind != "category":
        found += _separate_ranges(values, subject, y, classes)
    return found


def _separate_ranges(
    values: Values, subject: NDArray[np.intp], y: NDArray[np.intp], classes: Any
) -> list[str]:
    given = ~values.missing
    rows = pd.DataFrame({"class": y, "subject": subject, "value": values.numbers})[given]
    medians = rows.groupby(["class", "subject"])["value"].median()
    ranges = medians.groupby("class").agg(["min", "max", "count"]).sort_values("min")
    found = []
    for (a, lower), (b, upper) in combinations(ranges.iterrows(), 2):
        n_orders = comb(int(lower["count"] + upper["count"]), int(lower["count"]))
        if lower["max"] < upper["min"] and 2 / n_orders <= 0.05:
            ends = values.texts(lower["min"], lower["max"], upper["min"], upper["max"])
            texts = [
                f"{classes[k]} ({low if low == high else f'{low} to {high}'})"
                for k, low, high in ((a, *ends[:2]), (b, *ends[2:]))
            ]
            found.append(f"{texts[0]} and {texts[1]} do not overlap")
    return found
