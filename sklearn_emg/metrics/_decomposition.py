"""Agreement of two decompositions: matching units and their common discharges."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import linear_sum_assignment
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from sklearn_emg._tables import ReadableTable, columns_text, counted, first_few
from sklearn_emg._validation import check_real
from sklearn_emg._warnings import warn_of_recordings

Times = NDArray[np.float64]
# Longest plausible median interval in s.
_LONGEST = 25.0
_COLUMNS = [
    *("row", "reference", "found", "n_reference", "n_found", "n_common"),
    *("agreement", "sensitivity", "precision", "shift", "error"),
]


@dataclass(frozen=True)
class DecompositionAgreement:
    """Result of :func:`decomposition_agreement`.

    Attributes
    ----------
    units : DataFrame
        One row per unit of the reference. Columns are ``row`` (the recording); ``reference`` and
        ``found`` (the matching units; ``found`` is 0 without a match); ``n_reference``, ``n_found``
        and ``n_common`` (numbers of discharges); ``agreement`` = common / (reference + found -
        common), ``sensitivity`` = common / reference and ``precision`` = common / found (without a
        match, the precision is NaN and the other two are 0); ``shift``, the constant difference of
        the times of the two units (found - reference), in seconds; and ``error``, the root mean
        square of the remaining differences of the common discharges, in seconds. Without a match,
        ``shift`` and ``error`` are NaN.
    extra : DataFrame
        Found units without a match, with the columns ``row``, ``found`` and ``n_found``.
    partial : bool
        Whether the reference was treated as partial.
    """

    units: pd.DataFrame
    extra: pd.DataFrame
    partial: bool

    @property
    def agreement(self) -> float:
        """Median rate of agreement over the reference units; units without a match count as 0."""
        return float(self.units["agreement"].median())

    @property
    def sensitivity(self) -> float:
        """Fraction of all discharges of the reference that were found."""
        return float(self.units["n_common"].sum() / max(self.units["n_reference"].sum(), 1))

    @property
    def precision(self) -> float:
        """Fraction of the discharges of matched found units that are in the reference."""
        found = self.units[self.units["n_common"] > 0]
        once = found.drop_duplicates(["row", "found"])
        return float(found["n_common"].sum() / max(once["n_found"].sum(), 1))

    def __str__(self) -> str:
        n = len(self.units)
        matched = int((self.units["n_common"] > 0).sum())
        head = (
            f"{matched} of {counted(n, 'unit')} matched, {len(self.extra)} found in addition; "
            f"median rate of agreement {self.agreement:.3f}, sensitivity {self.sensitivity:.3f}, "
            f"precision {self.precision:.3f}" + (" of a partial reference" if self.partial else "")
        )
        return f"{head}\n{self.units.round(4).to_string(index=False)}"


def decomposition_agreement(
    found: Any,
    reference: Any,
    *,
    tolerance: float = 0.001,
    max_shift: float = 0.012,
    partial: bool = False,
) -> DecompositionAgreement:
    """Compare a decomposition with a reference: matched units and common discharges.

    Two decompositions number their units differently and may place discharges at different points
    of the potential. For each pair of units, the constant shift of their times is therefore
    estimated first; discharges are common if they then differ by at most `tolerance`. Units are
    matched one to one so that the sum of their rates of agreement is largest.

    Parameters
    ----------
    found, reference : DataFrame, sequence of arrays, or fitted decomposer
        Discharges, given as a table with the columns ``time`` (in seconds), ``unit`` and, for
        several recordings, ``row``; as a sequence with an array of times (in seconds) for each
        unit, which is then numbered from 1; or as a decomposer with ``discharges_``.
    tolerance : float, default=0.001
        Maximum time difference of common discharges, in seconds.
    max_shift : float, default=0.012
        Maximum constant shift between two units, in seconds.
    partial : bool, default=False
        Whether the reference lacks discharges and divides units, as expert annotations do. Each
        reference unit is then matched to the found unit with which it shares the most discharges,
        so several reference units may match the same found unit. Found discharges that the
        reference lacks still lower the precision.

    Returns
    -------
    agreement : DecompositionAgreement
        Reference units with their matches and measures, and found units without a match.

    Raises
    ------
    ValueError
        If a table lacks a column or a value, a unit discharges twice at the same time, a time is
        not a finite number, the tables have no row in common, `tolerance` is not positive, or
        `max_shift` is negative.
    TypeError
        If `found` or `reference` is a dict, such as the result of ``load_annotations``, or numbers
        instead of an array for each unit.

    Warns
    -----
    RecordingWarning
        If the intervals are so long that the times do not seem to be in s.

    Notes
    -----
    The rate of agreement is that of Holobar, Minetto and Farina, J. Neural Eng. 11 (2014) 016008.

    Examples
    --------
    >>> from sklearn_emg.metrics import decomposition_agreement
    >>> reference = [[0.1, 0.2, 0.3, 0.4], [0.15, 0.36]]
    >>> found = [[0.102, 0.202, 0.302, 0.35]]
    >>> result = decomposition_agreement(found, reference)
    >>> result.units[["found", "n_common", "agreement"]].values.tolist()
    [[1.0, 3.0, 0.6], [0.0, 0.0, 0.0]]
    """
    caller = "decomposition_agreement"
    check_real(tolerance, "tolerance", caller, 0.0, above=True)
    check_real(max_shift, "max_shift", caller, 0.0)
    ours, theirs = _trains(found, "found"), _trains(reference, "reference")
    if ours and theirs and not {*ours} & {*theirs}:
        raise ValueError(
            f"{caller}: 'found' has the rows {first_few(sorted(ours))}, but 'reference' has the "
            f"rows {first_few(sorted(theirs))}, so they have no recording in common. A table "
            "without the column 'row' has row 0. Set the same rows in both tables."
        )
    rows: list[tuple[Any, ...]] = []
    extra: list[tuple[Any, ...]] = []
    for row in sorted({*ours, *theirs}):
        a, b = ours.get(row, {}), theirs.get(row, {})
        pairs = _match(a, b, tolerance, max_shift, partial)
        for number, times in b.items():
            mate = pairs.get(number)
            rows.append((row, number, *_measures(times, a.get(mate), mate, tolerance, max_shift)))
        matched = set(pairs.values())
        extra += [(row, number, len(times)) for number, times in a.items() if number not in matched]
    return DecompositionAgreement(
        ReadableTable(rows, columns=_COLUMNS),
        ReadableTable(extra, columns=["row", "found", "n_found"]),
        partial,
    )


def _trains(data: Any, name: str) -> dict[Any, dict[Any, Times]]:
    """Return the discharge times of each unit of each recording, in ascending order."""
    what = f"decomposition_agreement: '{name}'"
    if isinstance(data, BaseEstimator):
        check_is_fitted(data, "discharges_")
        data = data.discharges_
    if isinstance(data, Mapping):
        raise TypeError(
            f"{what} is a {type(data).__name__}; give its table of discharges, such as "
            "load_annotations(path).events."
        )
    trains: dict[Any, dict[Any, Times]] = {}
    if isinstance(data, pd.DataFrame):
        for (row, unit), times in discharge_trains(data, what).items():
            trains.setdefault(row, {})[unit] = times
        return trains
    units = list(data)
    if any(np.ndim(times) != 1 for times in units):
        raise TypeError(f"{what} must have one array of times for each unit.")
    return {0: {k: _train(t, f"unit {k}", what) for k, t in enumerate(units, start=1)}}


def discharge_trains(table: pd.DataFrame, what: str) -> dict[tuple[Any, Any], Times]:
    """Return the discharge times of each unit of each recording, in ascending order.

    Parameters
    ----------
    table : DataFrame
        Discharges with the columns ``time`` in s, ``unit`` and, for several recordings, ``row``.
    what : str
        Description of the table for messages, such as "firing_statistics: the table".

    Returns
    -------
    trains : dict of (row, unit) to ndarray
        Times in s. Without a column ``row``, all rows are 0.

    Raises
    ------
    ValueError
        If a column is missing or has missing values, if a time is not a finite number, or if a unit
        discharges twice at the same time.

    Warns
    -----
    RecordingWarning
        If the intervals are so long that the times do not seem to be in s.
    """
    if missing := sorted({"time", "unit"} - {*table}):
        raise ValueError(f"{what} lacks the {columns_text(missing)}.")
    lacking = table.filter(items=["row", "unit", "time"]).isna().any()
    if lacking.any():
        names = lacking.index[lacking].tolist()
        raise ValueError(f"{what} has missing values in the {columns_text(names)}.")
    rows = table.get("row", pd.Series(0, index=table.index))
    groups = table["time"].groupby([rows, table["unit"]], observed=True)
    return {
        (row, unit): _train(times, f"unit {unit} of row {row}", what)
        for (row, unit), times in groups
    }


def _train(times: ArrayLike, unit: str, what: str) -> Times:
    """Check the times of one unit, and sort them."""
    try:
        train = np.sort(np.asarray(times, dtype=np.float64))
    except (TypeError, ValueError) as error:
        raise ValueError(f"{what}: the times of {unit} must be numbers in s. {error}.") from error
    if not np.isfinite(train).all():
        raise ValueError(f"{what}: the times of {unit} contain NaN or infinity.")
    intervals = np.diff(train)
    if (intervals == 0).any():
        raise ValueError(
            f"{what}: {unit} discharges twice at {train[:-1][intervals == 0][0]:g} s. Remove "
            "repeated rows, keep one channel, or number the units of different recordings by a "
            "column 'row'."
        )
    if len(intervals) and np.median(intervals) > _LONGEST:
        warn_of_recordings(
            f"{what}: the median interval of {unit} is {np.median(intervals):g} s. Check that the "
            "times are in s."
        )
    return train


def common_discharges(found: Times, reference: Times, tolerance: float) -> tuple[NDArray, NDArray]:
    """Pair as many common discharges of two sorted trains as possible; return their indices."""
    i = j = 0
    pairs = []
    while i < len(found) and j < len(reference):
        difference = found[i] - reference[j]
        if abs(difference) <= tolerance * (1 + 1e-9):
            pairs.append((i, j))
            i, j = i + 1, j + 1
        elif difference < 0:
            i += 1
        else:
            j += 1
    index = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    return index[:, 0], index[:, 1]


def _shift(found: Times, reference: Times, tolerance: float, max_shift: float) -> float:
    """Find the most frequent time difference of two trains.

    It is the median of the differences in that interval of length ``2 * tolerance`` which contains
    the largest number of differences.
    """
    first = np.searchsorted(found, reference - max_shift - 1e-12)
    last = np.searchsorted(found, reference + max_shift + 1e-12)
    near = [found[i:j] - t for t, i, j in zip(reference, first, last)]
    values = np.sort(np.concatenate([*near, np.empty(0)]))
    if not len(values):
        return 0.0
    start = np.arange(len(values))
    count = np.searchsorted(values, values + 2 * tolerance, side="right") - start
    best = int(count.argmax())
    return float(np.median(values[best : best + count[best]]))


def _match(
    found: dict[Any, Times],
    reference: dict[Any, Times],
    tolerance: float,
    max_shift: float,
    partial: bool,
) -> dict[Any, Any]:
    """Return the found unit that matches each reference unit, if there is one."""
    common = np.zeros((len(reference), len(found)))
    for i, theirs in enumerate(reference.values()):
        for j, ours in enumerate(found.values()):
            shift = _shift(ours, theirs, tolerance, max_shift)
            common[i, j] = len(common_discharges(ours - shift, theirs, tolerance)[0])
    if not common.size:
        return {}
    if partial:
        pairs = [(i, int(j)) for i, j in enumerate(common.argmax(axis=1))]
    else:
        n_found = np.array([len(times) for times in found.values()])
        n_reference = np.array([len(times) for times in reference.values()])[:, None]
        rate = common / np.maximum(n_reference + n_found - common, 1)
        pairs = list(zip(*linear_sum_assignment(-rate)))
    numbers, theirs = list(found), list(reference)
    return {theirs[i]: numbers[j] for i, j in pairs if common[i, j] > 0}


def _measures(
    reference: Times, found: Times | None, mate: Any, tolerance: float, max_shift: float
) -> tuple[Any, ...]:
    if found is None:
        return 0, len(reference), 0, 0, 0.0, 0.0, np.nan, np.nan, np.nan
    shift = _shift(found, reference, tolerance, max_shift)
    i, j = common_discharges(found - shift, reference, tolerance)
    n, n_reference, n_found = len(i), len(reference), len(found)
    error = float(np.sqrt(np.mean((found[i] - shift - reference[j]) ** 2))) if n else np.nan
    rate = n / (n_reference + n_found - n)
    return mate, n_reference, n_found, n, rate, n / n_reference, n / n_found, shift, error
