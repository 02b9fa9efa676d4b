"""Which windows of a training set become its validation set."""

from __future__ import annotations

import numpy as np


def split_validation(
    codes: np.ndarray,
    subjects: np.ndarray | None,
    fraction: float,
    rng: np.random.RandomState,
) -> tuple[np.ndarray, np.ndarray]:
    """Divide rows into training and validation rows.

    The units that are held out are subjects where they are known, otherwise rows. Of each class,
    ``fraction`` of its units is held out: at least one and never all, none where a class has a
    single unit. A subject whose rows have several labels counts for its most frequent one, and is
    not held out when training would lose a class with it.

    Parameters
    ----------
    codes : ndarray of int of shape (n_rows,)
        Class of each row; all zero for a single stratum, as in regression.
    subjects : ndarray of int of shape (n_rows,) or None
        Subject of each row, 0 to n_subjects - 1; None makes each row a unit.
    fraction : float
        Fraction of the units to hold out.
    rng : RandomState
        Draws the units.

    Returns
    -------
    train, valid : ndarray of int
        Sorted row numbers. ``valid`` is empty when nothing can be held out: a single unit, or
        fewer than two rows left for training.

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
        # All at once where that is allowed, as it nearly always is; else one after another.
        whole = _without(left, counts[chosen])
        for batch in [chosen] if whole is not None else chosen[:, np.newaxis]:
            remaining = _without(left, counts[batch])
            if remaining is not None:
                held.extend(batch)
                left = remaining
    is_valid = np.isin(units, held)
    return np.flatnonzero(~is_valid), np.flatnonzero(is_valid)


def _without(left: np.ndarray, counts: np.ndarray) -> np.ndarray | None:
    """Rows left per class after removal, or None if too few or a class would be lost."""
    remaining = left - counts.sum(axis=0)
    allowed = remaining.sum() >= 2 and np.all((remaining > 0) | (left == 0))
    return remaining if allowed else None
