"""Split of a training set into training and validation rows, at random or by subject name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from sklearn_emg._tables import python_value
from sklearn_emg._warnings import warn


@dataclass(frozen=True)
class Subjects:
    """Subject of each row as an integer code, and the subject names that the codes refer to."""

    codes: np.ndarray
    names: pd.Index


def split_validation(
    codes: np.ndarray,
    subjects: np.ndarray | None,
    fraction: float,
    rng: np.random.RandomState,
) -> tuple[np.ndarray, np.ndarray]:
    """Divide rows into training and validation rows.

    The units that are held out are subjects if they are known, otherwise rows. The given fraction
    of the units of each class is held out: of several units, at least one but never all; the only
    unit of a class is not held out. A subject whose rows have several labels is counted under the
    most frequent one, and is not held out if training would lose a class.

    Parameters
    ----------
    codes : ndarray of int of shape (n_rows,)
        Class of each row; all zero for a single stratum, as in regression.
    subjects : ndarray of int of shape (n_rows,) or None
        Subject of each row, from 0 to n_subjects - 1. If None, each row is a unit.
    fraction : float
        Fraction of the units to hold out.
    rng : RandomState
        Generator that draws the units.

    Returns
    -------
    train, valid : ndarray of int of shape (n_train,) and (n_valid,)
        Sorted row numbers. ``valid`` is empty if nothing can be held out, because each class has a
        single unit or because fewer than two rows would be left for training.

    Examples
    --------
    >>> import numpy as np
    >>> codes = np.array([0, 0, 0, 0, 1, 1, 1, 1])
    >>> subjects = np.array([0, 0, 1, 1, 2, 2, 3, 3])
    >>> train, valid = split_validation(codes, subjects, 0.5, np.random.RandomState(0))
    >>> sorted(set(subjects[train]) & set(subjects[valid])), len(valid)
    ([], 4)
    """
    units = np.arange(len(codes)) if subjects is None else subjects

    # counts[u, c]: rows of unit u in class c.
    counts = np.zeros((units.max() + 1, codes.max() + 1), dtype=np.intp)
    np.add.at(counts, (units, codes), 1)
    left = counts.sum(axis=0)
    unit_class = counts.argmax(axis=1)

    held: list[int] = []
    for c in range(counts.shape[1]):
        members = rng.permutation(np.flatnonzero(unit_class == c))
        n_held = min(len(members) - 1, max(1, round(fraction * len(members))))
        chosen = members[: max(0, n_held)]
        # If allowed, which is the usual case, all are held out at once; otherwise one by one.
        whole = _without(left, counts[chosen])
        for batch in [chosen] if whole is not None else chosen[:, np.newaxis]:
            remaining = _without(left, counts[batch])
            if remaining is not None:
                held.extend(batch)
                left = remaining
    is_valid = np.isin(units, held)
    return np.flatnonzero(~is_valid), np.flatnonzero(is_valid)


def _without(left: np.ndarray, counts: np.ndarray) -> np.ndarray | None:
    """Return the numbers of rows left per class, or None if too few are left or a class is lost."""
    remaining = left - counts.sum(axis=0)
    allowed = remaining.sum() >= 2 and np.all((remaining > 0) | (left == 0))
    return remaining if allowed else None


def split_rows(
    strata: np.ndarray,
    subjects: Subjects | None,
    validation: str | Sequence[Any],
    fraction: float | None,
    *,
    rng: np.random.RandomState,
    caller: str,
    describe: Callable[[np.ndarray], str],
    trained: Sequence[Any] = (),
    held_out: Sequence[Any] = (),
) -> tuple[np.ndarray, np.ndarray]:
    """Split rows into training and validation, and warn if validation has no rows or lacks a class.

    Parameters
    ----------
    strata : ndarray of int of shape (n_rows,)
        Class of each row.
    subjects : Subjects or None
        Subjects of the rows.
    validation, fraction
        The parameters `validation` and `validation_fraction` of an estimator.
    rng : RandomState
        Generator that draws the units.
    caller : str
        Name of the class for messages.
    describe : callable
        Function that returns the names of strata for messages.
    trained : sequence, default=()
        Subjects that earlier fits trained on; these are not held out.
    held_out : sequence, default=()
        Subjects that earlier fits held out; these are held out again.

    Returns
    -------
    train, valid : ndarray of int of shape (n_train,) and (n_valid,)
        Sorted row numbers.

    Raises
    ------
    ValueError
        If `validation` names a subject in `trained`, names no subject of the rows, or holds out
        all subjects of a class.
    """
    if not isinstance(validation, str):
        _refuse_trained(validation, trained, caller)
        return _named_rows(
            strata, subjects, list(validation), f"The 'validation' parameter of {caller}", describe
        )
    everything, nothing = np.arange(len(strata)), np.arange(0)
    if fraction is None:
        return everything, nothing
    units = subjects.codes if validation == "subjects" and subjects is not None else None
    if subjects is not None and len(trained):
        valid = _untrained_rows(strata, subjects, units, fraction, rng, trained, held_out)
    else:
        valid = split_validation(strata, units, fraction, rng)[1]
    _warn_of_validation(strata, valid, "window" if units is None else "subject", caller, describe)
    return np.setdiff1d(everything, valid), valid


def _refuse_trained(validation: Sequence[Any], trained: Sequence[Any], caller: str) -> None:
    """Raise if subjects that an earlier fit trained on are named for validation."""
    if known := [name for name in validation if name in set(trained)]:
        raise ValueError(
            f"The 'validation' parameter of {caller} names {known[0]!r}, a subject that an earlier "
            "fit was trained on (warm_start). Name new subjects."
        )


def _warn_of_validation(
    strata: np.ndarray,
    valid: np.ndarray,
    unit: str,
    caller: str,
    describe: Callable[[np.ndarray], str],
) -> None:
    """Warn if validation has no rows or lacks a class."""
    missing = np.setdiff1d(strata, strata[valid])
    if len(valid) == 0:
        warn(
            f"{caller} has too few {unit}s to hold any out for validation: it trains on all of "
            "them, without early stopping. Set validation_fraction=None if that is intended.",
            UserWarning,
        )
    elif len(missing):
        warn(
            f"{caller} has no validation {unit} of {describe(missing)}: holding one out "
            f"would leave none to train on. The weights are chosen on the other classes. Provide "
            f"more {unit}s, or set validation_fraction=None.",
            UserWarning,
        )


def _untrained_rows(
    strata: np.ndarray,
    subjects: Subjects,
    units: np.ndarray | None,
    fraction: float,
    rng: np.random.RandomState,
    trained: Sequence[Any],
    held_out: Sequence[Any],
) -> np.ndarray:
    """Draw validation rows for a fit that continues, from subjects that were not trained on."""

    def rows_of(names: Sequence[Any]) -> np.ndarray:
        codes = subjects.names.get_indexer(pd.Index(list(names), dtype=object))
        return np.isin(subjects.codes, codes[codes >= 0])

    again = rows_of(held_out)
    new = ~rows_of(trained) & ~again
    if again.all():  # all subjects were held out before, so there is nothing else to train on
        again, new = new, again
    valid = np.flatnonzero(again)
    rows = np.flatnonzero(new)
    if len(rows):
        units = None if units is None else np.unique(units[rows], return_inverse=True)[1]
        drawn = split_validation(strata[rows], units, fraction, rng)[1]
        valid = np.union1d(valid, rows[drawn])
    lost = np.setdiff1d(strata, np.delete(strata, valid))
    return valid[~np.isin(strata[valid], lost)]


def _named_rows(
    strata: np.ndarray,
    subjects: Subjects | None,
    wanted: list[Any],
    parameter: str,
    describe: Callable[[np.ndarray], str],
) -> tuple[np.ndarray, np.ndarray]:
    """Split rows into the subjects that 'validation' names and the other subjects."""
    if subjects is None:
        raise ValueError(
            f"{parameter} names subjects, but fit was given no 'groups' to find them in. Pass the "
            "subject of each window, or set validation='windows'."
        )
    codes = subjects.names.get_indexer(pd.Index(wanted, dtype=object))
    wanted = list(map(python_value, wanted))
    held = codes[codes >= 0]
    if not len(held):
        raise ValueError(
            f"{parameter} names none of the subjects in 'groups': it contains, for instance, "
            f"{wanted[:3]}, and 'groups' contains {np.array(subjects.names[:3]).tolist()}. Name "
            "some of the subjects in 'groups', or set validation='subjects' to have them drawn at "
            "random."
        )
    if len(held) < len(wanted):
        absent = [name for name, code in zip(wanted, codes) if code < 0]
        warn(
            f"{parameter} names subjects that are not in 'groups': {absent[:9]}. They are not "
            "held out. This is expected in the folds of a cross-validation; otherwise, correct "
            "the names.",
            UserWarning,
        )
    is_valid = np.isin(subjects.codes, held)
    train, valid = np.flatnonzero(~is_valid), np.flatnonzero(is_valid)
    if len(train) < 2 or len(np.setdiff1d(strata, strata[train])):
        raise ValueError(
            f"{parameter} holds out all subjects of a class: {wanted[:9]}. None of them is left to "
            "train on; name fewer subjects."
        )
    missing = np.setdiff1d(strata, strata[valid])
    if len(missing):
        warn(
            f"{parameter} names no subject of {describe(missing)}: the weights are chosen "
            "on the other classes.",
            UserWarning,
        )
    return train, valid
