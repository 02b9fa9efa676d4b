"""Subjects of the rows of a table, as codes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sklearn_emg._typing import Labels
from sklearn_emg.recordings._table import object_column

__all__ = ["mean_by_code", "subjects_of"]


def subjects_of(X: Any, groups: Labels | None = None) -> NDArray[np.intp]:
    """Subject of each row as a code 0..n_subjects-1, in order of first appearance.

    Parameters
    ----------
    X : DataFrame or array-like
        A table with a ``subject`` column, or anything of that length together with `groups`.
    groups : array-like of shape (n_rows,), default=None
        Subjects of the rows. Goes before the column.

    Returns
    -------
    codes : ndarray of shape (n_rows,)

    Raises
    ------
    ValueError
        If neither says whose rows they are, or one is missing.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_emg.recordings import subjects_of
    >>> subjects_of(pd.DataFrame({"subject": ["b", "a", "b"]}))
    array([0, 1, 0])
    """
    if groups is not None:
        given = groups
        if getattr(groups, "ndim", 1) != 1:
            raise ValueError(
                f"groups must be 1-D, one subject per row. Got shape {np.shape(groups)}."
            )
        if X is not None and len(given) != len(X):
            raise ValueError(f"groups has {len(given)} entries for {len(X)} rows of X.")
    elif isinstance(X, pd.DataFrame) and "subject" in X.columns:
        given = X["subject"]
    else:
        raise ValueError(
            "X does not say whose rows they are: it has no 'subject' column and no groups were "
            "given. Use a recording table, or pass groups=..., one subject per row."
        )
    codes, _ = pd.factorize(object_column(given), use_na_sentinel=True)
    if (codes < 0).any():
        row = int(np.flatnonzero(codes < 0)[0])
        raise ValueError(f"Row {row} has no subject; say whose it is or leave the row out.")
    return codes


def mean_by_code(
    values: NDArray[np.floating], codes: NDArray[np.intp], n_codes: int
) -> NDArray[np.floating]:
    """Mean of the rows of `values` that share a code.

    Parameters
    ----------
    values : ndarray of shape (n_rows, n_values)
    codes : ndarray of shape (n_rows,)
        Code of each row, 0 to ``n_codes - 1``.
    n_codes : int

    Returns
    -------
    means : ndarray of shape (n_codes, n_values)
        NaN where a code has no row.
    """
    sums = np.zeros((n_codes, values.shape[1]))
    np.add.at(sums, codes, values)
    counts = np.bincount(codes, minlength=n_codes)[:, None]
    return np.divide(sums, counts, out=np.full_like(sums, np.nan), where=counts > 0)
