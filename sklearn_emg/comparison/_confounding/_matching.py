"""Matched subjects: equal categories, and numbers within a caliper, in all classes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from sklearn.utils import check_random_state

from sklearn_emg._tables import ReadableTable, counted, wrapped
from sklearn_emg._typing import Labels
from sklearn_emg._validation import check_real
from sklearn_emg.comparison._checks import checked_labels
from sklearn_emg.comparison._confounding._columns import Values, collect, describe
from sklearn_emg.comparison._permutation import labels_of_subjects
from sklearn_emg.recordings import Subjects, object_column

_CALIPER = 0.2


@dataclass(frozen=True)
class MatchedSubjects:
    """Result of :func:`match_subjects`.

    Attributes
    ----------
    rows : ndarray of shape (n_matched_rows,)
        Numbers of the rows that are kept, in the order of the table: ``table.iloc[rows]``.
    sets : DataFrame
        One row per matched subject (and set of categories): ``set``, the number of its matched
        set, ``subject``, ``class``, ``n_rows`` and its value of each column.
    dropped : DataFrame
        Rows that are left out, one row per subject and reason: ``subject``, ``class``, ``n_rows``
        and ``reason``.
    calipers : dict of str to float
        Largest difference within a set, by column of numbers, in the unit of the column.
    """

    rows: NDArray[np.intp]
    sets: pd.DataFrame
    dropped: pd.DataFrame
    calipers: dict[str, float]

    @property
    def title(self) -> str:
        """Numbers of matched subjects, sets and recordings in words."""
        kept = self.sets.drop_duplicates("subject")
        counts = ", ".join(f"{n} {name}" for name, n in kept["class"].value_counts().items())
        left_out = set(self.dropped["subject"]) - set(kept["subject"])
        return (
            f"Matched {counted(len(kept), 'subject')} ({counts or 'none'}) in "
            f"{counted(self.sets['set'].nunique(), 'set')} with "
            f"{counted(len(self.rows), 'recording')}; "
            f"{counted(len(left_out), 'subject')} left out"
        )

    def __repr__(self) -> str:
        lines = [wrapped(self.title)]
        lines += [f"{name} within {value:.3g}" for name, value in self.calipers.items()]
        if len(self.dropped):
            by_reason = self.dropped.groupby("reason", sort=False)
            table = by_reason.agg(subjects=("subject", "nunique"), recordings=("n_rows", "sum"))
            lines.append(repr(ReadableTable(table)))
        return "\n".join(lines)


def match_subjects(
    table: pd.DataFrame,
    y: Labels,
    columns: str | Sequence[str],
    *,
    subjects: Labels | None = None,
    caliper: float | Mapping[str, float] = _CALIPER,
    random_state: Any = 0,
) -> MatchedSubjects:
    """Choose recordings whose subjects have the same categories and similar numbers in all classes.

    Parameters
    ----------
    table : DataFrame
        Recording or feature table.
    y : array-like of shape (n_rows,)
        Label of each row, one per subject.
    columns : str or sequence of str
        Columns of the table or properties of recordings, see :func:`confound_audit`. Categories
        are matched exactly, numbers and dates within the caliper.
    subjects : array-like of shape (n_rows,), default=None
        Subject of each row, by default the column ``subject``.
    caliper : float or dict of str to float, default=0.2
        Largest difference between a subject and its matches: a number in standard deviations of
        subjects within classes, or a dict of columns to differences in the unit of the column
        (days for dates), where 0.2 standard deviations are used for columns that are not in it.
    random_state : int, RandomState instance or None, default=0
        Seed of the choice between equally good matches.

    Returns
    -------
    matched : MatchedSubjects
        ``rows``, ``sets`` and ``dropped``; printing it shows what was left out.

    Raises
    ------
    ValueError
        If a column is unknown or holds arrays, a subject has two labels, the caliper is invalid,
        or no subjects match.

    See Also
    --------
    confound_audit : Audits all subjects and, with `match`, the matched ones.

    Notes
    -----
    Rows with equal categories are a stratum; a subject with rows in several strata is matched in
    each of them. Strata without all classes are left out. In each stratum the class with the
    fewest subjects is the reference. Each of its subjects gets one subject of every other class,
    so that as many as possible are matched within the caliper and, among these solutions, the sum
    of the distances (Euclidean, in standard deviations) is smallest: optimal matching [1]_, by
    :func:`scipy.optimize.linear_sum_assignment`, one class after the other. A caliper of 0.2
    standard deviations removes about 99 % of the bias of a normal variable whose variances are
    equal [2]_. If there is one stratum and no number, all its rows are kept.

    References
    ----------
    .. [1] P. R. Rosenbaum, "Optimal matching for observational studies", J. Am. Stat. Assoc. 84
       (1989) 1024-1032.
    .. [2] W. G. Cochran, D. B. Rubin, "Controlling bias in observational studies: a review",
       Sankhya A 35 (1973) 417-446.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_emg.comparison import match_subjects
    >>> table = pd.DataFrame({"subject": list("abcdef"), "age": [20, 41, 60, 40, 61, 80]})
    >>> y = ["control"] * 3 + ["patient"] * 3
    >>> match_subjects(table, y, "age", caliper={"age": 2}).sets["subject"].tolist()
    ['b', 'd', 'c', 'e']
    """
    y = checked_labels(table, y)
    whose = Subjects.of(table, subjects)
    names = [columns] if isinstance(columns, str) else list(columns)
    values, _ = collect(table, whose, y, names, "match_subjects", "columns")
    matched = match_values(values, whose, y, caliper, random_state, "match_subjects")
    if not len(matched.rows):
        raise ValueError(nothing_left(values, whose, y))
    return matched


def nothing_left(values: Mapping[str, Values], subjects: Subjects, y: NDArray) -> str:
    """Message that no subjects match, with the values of each class."""
    classes, codes = np.unique(y, return_inverse=True)
    texts = "; ".join(
        f"{name} ({describe(column, subjects.codes, codes, classes)})"
        for name, column in values.items()
    )
    return f"No subjects of all classes match in {texts}. Match fewer columns or widen the caliper."


def match_values(
    values: Mapping[str, Values],
    subjects: Subjects,
    y: NDArray,
    caliper: float | Mapping[str, float],
    random_state: Any,
    caller: str,
) -> MatchedSubjects:
    """Match the subjects in these columns; the result may be empty."""
    if not values:
        raise ValueError(f"{caller} needs at least one column to match.")
    labels_of_subjects(subjects, y, caller)
    classes, codes = np.unique(y, return_inverse=True)
    units = _units(values, subjects.codes, codes)
    numbers = [name for name, column in values.items() if column.kind != "category"]
    spread = _spread(units, numbers)
    widths = _calipers(caliper, values, numbers, spread, caller)
    # Equally good matches are chosen by this order.
    units = units.iloc[check_random_state(random_state).permutation(len(units))]
    complete = _complete_strata(units, classes, [name for name in values if name not in numbers])
    if len(complete) == 1 and not numbers:
        sets = [list(complete[0].index)]
    else:
        sets = list(chain(*(_matched_sets(part, numbers, spread, widths) for part in complete)))
    # Sets are numbered as their first subjects come in the table.
    set_of = {label: k for k, chosen in enumerate(sorted(sets, key=min)) for label in chosen}
    return _result(units.sort_index(), set_of, values, subjects, classes, numbers, widths)


def _complete_strata(
    units: pd.DataFrame, classes: NDArray[Any], categories: list[str]
) -> list[pd.DataFrame]:
    """Units with the same categories, where all classes have some; others get the reason."""
    complete = []
    for _, stratum in units[units["reason"] == ""].groupby("stratum"):
        if absent := sorted(set(range(len(classes))) - set(stratum["class"])):
            lacking = ", ".join(str(classes[k]) for k in absent)
            text = f"no {lacking} with the same {', '.join(categories)}"
            units.loc[stratum.index, "reason"] = text
        else:
            complete.append(stratum)
    return complete


def _units(
    values: Mapping[str, Values], subject: NDArray[np.intp], codes: NDArray[np.intp]
) -> pd.DataFrame:
    """One row per subject and combination of categories, with the medians of its numbers."""
    rows = pd.DataFrame({"subject": subject, "class": codes})
    rows["reason"] = ""
    categories = []
    for name, column in values.items():
        rows[f"value {name}"] = column.numbers
        if column.kind == "category":
            categories.append(f"value {name}")
            rows.loc[column.missing & (rows["reason"] == ""), "reason"] = f"{name} is missing"
    rows["stratum"] = rows.groupby(categories, dropna=False).ngroup() if categories else 0
    grouped = rows.groupby(["subject", "stratum"], sort=False)
    medians = {c: (c, "median") for c in rows.columns if c.startswith("value ")}
    units = grouped.agg(
        **{"class": ("class", "first"), "reason": ("reason", "first")}, **medians
    ).reset_index()
    keys = zip(units["subject"], units["stratum"])
    units["rows"] = object_column(grouped.indices[key] for key in keys)
    for name, column in values.items():
        absent = units[f"value {name}"].isna() & (units["reason"] == "")
        if column.kind != "category":
            units.loc[absent, "reason"] = f"{name} is missing"
    return units


def _spread(units: pd.DataFrame, numbers: list[str]) -> dict[str, float]:
    """Standard deviation within classes of each column of numbers, over subjects."""
    spread = {}
    for name in numbers:
        by_class = units.groupby(["class", "subject"])[f"value {name}"].median().groupby("class")
        degrees = (by_class.count() - 1).clip(lower=0)
        total = float((by_class.var().fillna(0.0) * degrees).sum())
        spread[name] = float(np.sqrt(total / max(int(degrees.sum()), 1)))
    return spread


def _calipers(
    caliper: float | Mapping[str, float],
    values: Mapping[str, Values],
    numbers: list[str],
    spread: dict[str, float],
    caller: str,
) -> dict[str, float]:
    """Caliper of each column of numbers, in seconds for dates."""
    if not isinstance(caliper, Mapping):
        factor = check_real(caliper, "caliper", caller, 0.0)
        return {name: factor * spread[name] for name in numbers}
    if unknown := [name for name in caliper if name not in numbers]:
        raise ValueError(
            f"The 'caliper' of {caller} names {unknown}, which are not among the matched columns "
            f"of numbers, {numbers}."
        )
    widths = {}
    for name in numbers:
        if name in caliper:
            unit = 86400.0 if values[name].kind == "date" else 1.0
            widths[name] = unit * check_real(caliper[name], "caliper", caller, 0.0)
        else:
            widths[name] = _CALIPER * spread[name]
    return widths


def _matched_sets(
    stratum: pd.DataFrame, numbers: list[str], spread: dict[str, float], widths: dict[str, float]
) -> Iterator[list[int]]:
    """Index labels of the units of each matched set of one stratum."""
    by_class = [part for _, part in stratum.groupby("class", sort=True)]
    first, *others = sorted(by_class, key=len)
    sets = [[label] for label in first.index]
    for other in others:
        if not sets:
            return
        reference = first.loc[[chosen[0] for chosen in sets]]
        cost, allowed = _costs(reference, other, numbers, spread, widths)
        # An allowed pair always costs less than a forbidden one saves.
        forbidden = (cost[allowed].max(initial=0.0) + 1.0) * (len(sets) + 1)
        pairs = zip(*linear_sum_assignment(np.where(allowed, cost, forbidden)))
        sets = [[*sets[i], other.index[j]] for i, j in pairs if allowed[i, j]]
    yield from sets


def _costs(
    reference: pd.DataFrame,
    other: pd.DataFrame,
    numbers: list[str],
    spread: dict[str, float],
    widths: dict[str, float],
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Distances of the units of two classes, and whether they are within the calipers."""
    squares = np.zeros((len(reference), len(other)))
    allowed = np.ones(squares.shape, dtype=bool)
    for name in numbers:
        a, b = (part[f"value {name}"].to_numpy() for part in (reference, other))
        difference = np.abs(a[:, None] - b)
        # Rounding must not exclude a difference of just the caliper.
        allowed &= difference <= widths[name] * (1 + 1e-9)
        squares += (difference / (spread[name] or 1.0)) ** 2
    return np.sqrt(squares), allowed


def _result(
    units: pd.DataFrame,
    set_of: dict[int, int],
    values: Mapping[str, Values],
    subjects: Subjects,
    classes: NDArray,
    numbers: list[str],
    widths: dict[str, float],
) -> MatchedSubjects:
    chosen = units.index.isin(list(set_of))
    text = f"no match within the caliper of {', '.join(numbers)}" if numbers else "no partner left"
    units = units.assign(
        name=subjects.names[units["subject"]],
        label=classes[units["class"]],
        n_rows=[len(rows) for rows in units["rows"]],
        reason=units["reason"].mask(units["reason"] == "", text),
    )
    kept, left = units[chosen], units[~chosen]
    sets = pd.DataFrame(
        {
            "set": [set_of[label] for label in kept.index],
            "subject": kept["name"].to_numpy(),
            "class": kept["label"].to_numpy(),
            "n_rows": kept["n_rows"].to_numpy(),
        }
    )
    for name, column in values.items():
        found = kept[f"value {name}"].to_numpy()
        numeric = column.kind == "number"
        sets[name] = found if numeric else column.texts(*found)
    dropped = left[["name", "label", "n_rows", "reason"]].set_axis(
        ["subject", "class", "n_rows", "reason"], axis=1
    )
    rows = np.sort(np.concatenate([np.empty(0, dtype=np.intp), *kept["rows"]]))
    days = {name: w / 86400 if values[name].kind == "date" else w for name, w in widths.items()}
    order = np.lexsort((kept["class"].to_numpy(), sets["set"].to_numpy()))
    return MatchedSubjects(
        rows,
        ReadableTable(sets.iloc[order].reset_index(drop=True)),
        ReadableTable(dropped.reset_index(drop=True)),
        days,
    )
