"""Measures of predicted numbers, such as severity: errors, ranks and agreement."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from sklearn_emg.recordings import warn_of_other_order

# In the order of tables; for the first two, lower values are better.
NUMBER_METRICS = ("rmse", "mae", "r2", "spearman", "concordance", "ccc")
ERRORS = NUMBER_METRICS[:2]
_BLOCK = 500  # number of rows per block of the matrix of pairs


def concordance(y_true: NDArray[np.floating], y_pred: NDArray[np.floating]) -> float:
    """Compute the fraction of pairs with different true values that are ordered correctly.

    Parameters
    ----------
    y_true, y_pred : ndarray of shape (n_predictions,)
        True and predicted values.

    Returns
    -------
    concordance : float
        Fraction from 0 to 1, in which pairs with equal predictions count half; NaN if all true
        values are equal.
    """
    right, pairs = 0.0, 0
    for start in range(0, len(y_true), _BLOCK):
        stop = start + _BLOCK
        lower = y_true[start:stop, np.newaxis] < y_true
        order = np.sign(y_pred - y_pred[start:stop, np.newaxis])
        right += float(np.sum((order[lower] + 1) / 2))
        pairs += int(lower.sum())
    return right / pairs if pairs else float("nan")


def rank_correlation(y_true: NDArray[np.floating], y_pred: NDArray[np.floating]) -> float:
    """Compute Spearman's rank correlation; NaN if all true or all predicted values are equal."""
    ranks = [pd.Series(values).rank().to_numpy() for values in (y_true, y_pred)]
    if len(y_true) < 2 or any(np.ptp(r) == 0 for r in ranks):
        return float("nan")
    return float(np.corrcoef(ranks[0], ranks[1])[0, 1])


def number_sums(y_true: NDArray[np.floating], y_pred: NDArray[np.floating]) -> NDArray[np.floating]:
    """Compute terms of each prediction whose (weighted) sums give errors, R2 and agreement.

    The 8 columns are 1, the squared and the absolute error, y, y^2, p, p^2 and y p, for the true
    value y and the predicted value p.
    """
    error = y_pred - y_true
    terms = [np.ones(len(y_true)), error**2, np.abs(error), y_true, y_true**2, y_pred, y_pred**2]
    return np.column_stack([*terms, y_true * y_pred])


def measures_of_sums(sums: NDArray[np.floating]) -> dict[str, NDArray[np.floating]]:
    """Compute errors, R2 and Lin's concordance correlation from (weighted) sums.

    Parameters
    ----------
    sums : ndarray of shape (..., 8)
        Sums of the terms of :func:`number_sums`.

    Returns
    -------
    measures : dict of str to ndarray of shape (...)
        Measures by name: rmse, mae, r2 and ccc.
    """
    n, square, absolute, y, yy, p, pp, yp = np.moveaxis(np.asarray(sums, dtype=float), -1, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        var_y = np.maximum(yy / n - (y / n) ** 2, 0.0)
        var_p = np.maximum(pp / n - (p / n) ** 2, 0.0)
        flat = var_y <= 1e-12 * np.maximum(yy / n, 1e-300)
        covariance = yp / n - (y / n) * (p / n)
        return {
            "rmse": np.sqrt(square / n),
            "mae": absolute / n,
            "r2": np.where(flat, np.nan, 1 - square / n / var_y),
            "ccc": np.where(flat, np.nan, 2 * covariance / (var_y + var_p + (y / n - p / n) ** 2)),
        }


def as_numbers(values: ArrayLike, name: str) -> NDArray[np.float64]:
    """Convert values to floats, or raise an error that names them.

    Parameters
    ----------
    values : array-like
        The values.
    name : str
        Name of the values in the message.

    Returns
    -------
    numbers : ndarray of float
        The numbers.

    Raises
    ------
    ValueError
        If a value is not a number.
    """
    try:
        return np.asarray(values, dtype=float)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name!r} must contain numbers: {error}.") from error


def regression_measures(y_true: ArrayLike, y_pred: ArrayLike) -> dict[str, float]:
    """Compute measures of predicted numbers.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (n_predictions,)
        True and predicted values, usually one per subject.

    Returns
    -------
    measures : dict of str to float
        ``rmse`` and ``mae`` in the unit of y; ``r2``; ``spearman``, the rank correlation;
        ``concordance``, the fraction of pairs in the right order (0.5 by chance); and ``ccc``,
        Lin's concordance correlation [1]_, which is 1 only if predictions equal the true values.
        A measure is NaN if it is undefined: all except the errors need true values that differ, and
        the rank correlation also needs predictions that differ.

    Raises
    ------
    ValueError
        If the lengths differ, there are no values, or a value is not finite.

    References
    ----------
    .. [1] L. I. Lin, "A concordance correlation coefficient to evaluate reproducibility",
       Biometrics 45 (1989) 255-268.

    Examples
    --------
    >>> from sklearn_emg.metrics import regression_measures
    >>> found = regression_measures([1.0, 2.0, 3.0, 4.0], [1.5, 2.5, 3.5, 4.5])
    >>> {name: round(value, 2) for name, value in found.items()}
    {'rmse': 0.5, 'mae': 0.5, 'r2': 0.8, 'spearman': 1.0, 'concordance': 1.0, 'ccc': 0.91}
    """
    warn_of_other_order(y_true, y_pred, "y_pred", "y_true")
    y, p = as_numbers(y_true, "y_true"), as_numbers(y_pred, "y_pred")
    if y.ndim != 1 or y.shape != p.shape or not len(y):
        raise ValueError(
            "regression_measures needs 1-D arrays of the same length, with at least one value. "
            f"Got the shapes {y.shape} and {p.shape}."
        )
    for name, values in (("y_true", y), ("y_pred", p)):
        if (bad := np.flatnonzero(~np.isfinite(values))).size:
            raise ValueError(f"{name!r} has {values[bad[0]]} in row {bad[0]}: give finite numbers.")
    # The values are centred first, so that large offsets lose no digits.
    centre = y.mean()
    sums = number_sums(y - centre, p - centre).sum(axis=0)
    found = {name: float(value) for name, value in measures_of_sums(sums).items()}
    found |= {"spearman": rank_correlation(y, p), "concordance": concordance(y, p)}
    return {name: found[name] for name in NUMBER_METRICS}
