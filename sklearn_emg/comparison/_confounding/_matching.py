"""Matching of subjects on equal categories, and on numbers within a caliper."""

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

CALIPER = 0.2


@dataclass(frozen=True)
class MatchedSubjects:
    """Result of :func:`match_subjects`.

    Attributes
    ----------
    rows : ndarray of shape (n_matched_rows,)
        Positions of the rows that are kept, in the order of the table: ``table.iloc[rows]``.
    sets : DataFrame
        One row per matched subject (and combination of categories), with the columns ``set``
        (number of the matched set), ``subject``, ``class``, ``n_rows`` and the matched columns.
    dropped : DataFrame
        Rows that are not kept, counted by subject and reason, with the columns ``subject``,
        ``class``, ``n_rows`` and ``reason``.
    calipers : dict of str to float
        Largest difference from the reference subject of a set for each column of numbers, in the
        unit of the column (days for dates).
    """

    rows: NDArray[np.intp]
    sets: pd.DataFrame
    dropped: pd.DataFrame
    calipers: dict[str, float]

    @property
    def title(self) -> str:
        """Counts of matched subjects, sets and recordings in words."""
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
    caliper: float | Mapping[str, float] = CALIPER,
    random_state: Any = 0,
) -> MatchedSubjects:
    """Choose recordings whose subjects have the same categories and similar numbers in all classes.

    Parameters
    ----------
    table : DataFrame
        Recording or feature table.
    y : array-like of shape (n_rows,)
        Label of each row, which is the same in all rows of a subject.
    columns : str or sequence of str
        Columns of the table or properties of recordings; see :func:`confound_audit`. Categories
        are matched exactly; numbers and dates are matched within the caliper.
    subjects : array-like of shape (n_rows,), default=None
        Subject of each row. The default is the column ``subject``.
    caliper : float or dict of str to float, default=0.2
        Largest difference between a subject and its matches. A number is in standard deviations of
        subjects within classes. A dict maps columns to differences in the unit of the column (days
        for dates); for columns that it does not contain, 0.2 standard deviations are used.
    random_state : int, RandomState instance or None, default=0
        Seed of the choice between equally good matches.

    Returns
    -------
    matched : MatchedSubjects
        Results with ``rows``, ``sets`` and ``dropped``; printing them shows what was dropped.

    Raises
    ------
    ValueError
        If a column is unknown or contains arrays, a subject has two labels, the caliper is invalid,
        or no subjects match.

    See Also
    --------
    confound_audit : Audit all subjects and, with `match`, the matched subjects.

    Notes
    -----
    Rows with equal categories form a stratum; a subject with rows in several strata is matched in
    each of them. Strata that lack a class are dropped. In each stratum, the class with the fewest
    subjects is the reference. Each of its subjects is matched with one subject of every other
    class. As many subjects as possible are matched within the caliper, with the smallest sum of
    distances (Euclidean, in standard deviations). This is optimal matching [1]_, which
    :func:`scipy.optimize.linear_sum_assignment` computes for one class after the other. A caliper
    of 0.2 standard deviations removes about 99 % of the bias of a normal variable with equal
    variances [2]_. If only one stratum has all classes and there is no column of numbers, all rows
    of this stratum are kept.

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
    """Return the message that no subjects match, with the values of each class."""
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
    """Match the subjects on these columns; the result may be empty."""
    if not values:
        raise ValueError(f"{caller} needs at least one column to match.")
    labels_of_subjects(subjects, y, caller)
    classes, codes = np.unique(y, return_inverse=True)
    units = _units(values, subjects.codes, codes)
    numbers = [name for name, column in values.items() if column.kind != "category"]
    spread = _spread(units, numbers)
    widths = _calipers(caliper, values, numbers, spread, caller)
    # This order determines the choice between equally good matches.
    units = units.iloc[check_random_state(random_state).permutation(len(units))]
    complete = _complete_strata(units, classes, [name for name in values if name not in numbers])
    if len(complete) == 1 and not numbers:
        sets = [list(complete[0].index)]
    else:
        sets = list(chain(*(_matched_sets(part, numbers, spread, widths) for part in complete)))
    # Sets are numbered in the order of their first subjects in the table.
    set_of = {label: k for k, chosen in enumerate(sorted(sets, key=min)) for label in chosen}
    return _result(units.sort_index(), set_of, values, subjects, classes, numbers, widths)


def _complete_strata(
    units: pd.DataFrame, classes: NDArray[Any], categories: list[str]
) -> list[pd.DataFrame]:
    """Return the strata with all classes; store in the other units why they are dropped."""
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
    """Build a table of medians with one row (unit) per subject and combination of categories."""
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
    """Compute the standard deviation of subjects within classes for each column of numbers."""
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
    """Compute the caliper of each column of numbers, in seconds for dates."""
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
            widths[name] = CALIPER * spread[name]
    return widths


def _matched_sets(
    stratum: pd.DataFrame, numbers: list[str], spread: dict[str, float], widths: dict[str, float]
) -> Iterator[list[int]]:
    """Yield the index labels of the units in each matched set of a stratum."""
    by_class = [part for _, part in stratum.groupby("class", sort=True)]
    first, *others = sorted(by_class, key=len)
    sets = [[label] for label in first.index]
    for other in others:
        if not sets:
            return
        reference = first.loc[[chosen[0] for chosen in sets]]
        cost, allowed = _costs(reference, other, numbers, spread, widths)
        # A forbidden pair costs more than all allowed pairs together.
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
    """Compute the distances of units of two classes, and whether they are within the calipers."""
    squares = np.zeros((len(reference), len(other)))
    allowed = np.ones(squares.shape, dtype=bool)
    for name in numbers:
        a, b = (part[f"value {name}"].to_numpy() for part in (reference, other))
        difference = np.abs(a[:, None] - b)
        # Rounding errors must not exclude a difference that equals the caliper.
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
