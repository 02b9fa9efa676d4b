"""Checks of windows and their range of samples, and computation in float64 where it is needed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import validate_data

from sklearn_emg._tables import counted

# Largest allowed sample in mV. Sums of fifth powers, the highest in any feature, fit in float64.
LARGEST = 1e60
# A signal whose samples are all smaller (in mV) is treated as zeros, since their powers underflow.
SMALLEST = 1e-60
# Float32 is sufficient for windows whose largest absolute sample is between 2**-20 and 2**20 mV
# and whose range is at least 1/64 of it: fifth powers do not overflow or underflow, and differences
# keep 18 bits or more.
_PLAIN = 2.0**20
_SPREAD = 64.0


def ranges_of(X: NDArray[np.floating]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Compute the largest and the smallest sample of each signal.

    Parameters
    ----------
    X : ndarray of shape (..., n_times)
        Signals in float32 or float64.

    Returns
    -------
    high, low : ndarrays of shape (...,), float64
        Largest and smallest samples. At least one of them is NaN or infinite if the signal contains
        NaN or infinity.
    """
    from sklearn_emg._kernels_range import row_ranges

    rows = X.reshape(-1, X.shape[-1])
    ends = np.empty((len(rows), 2), dtype=X.dtype)
    integer = f"i{X.itemsize}"
    step = len(rows)
    if not (rows.flags.c_contiguous and rows.flags.writeable):
        # The parts are copied, since numba would compile the function again for another memory
        # layout or for read-only memory.
        step = max((1 << 19) // rows.shape[1], 1)
    for start in range(0, len(rows), max(step, 1)):
        part = rows[start : start + step]
        part = part if step == len(rows) else part.copy(order="C")
        row_ranges(part.view(integer), ends[start : start + step].view(integer))
    ends64 = ends.astype(np.float64).reshape(*X.shape[:-1], 2)
    return ends64[..., 0], ends64[..., 1]


def check_samples(high: NDArray[np.float64], low: NDArray[np.float64], caller: str) -> None:
    """Raise if a window contains NaN, infinity or samples that are too large to compute with.

    `high` and `low` are the ranges of the signals from :func:`ranges_of`. The message states how
    many windows are affected, the first of them, and the remedy.
    """
    n_windows = len(high)
    peak = np.maximum(high, -low).reshape(n_windows, -1)
    bad = np.flatnonzero(~np.isfinite(peak).all(axis=1))
    if bad.size:
        raise ValueError(_not_finite(bad, n_windows, caller))
    bad = np.flatnonzero((peak > LARGEST).any(axis=1))
    if bad.size:
        raise ValueError(
            f"Input X contains samples of up to {peak.max():.3g} mV in {bad.size} of "
            f"{counted(n_windows, 'row')}, first in row {bad[0]}; {caller} takes up to {LARGEST:g} "
            "mV, beyond which powers of samples overflow. Check the unit, scale the signals to mV, "
            "or leave those rows out."
        )


def compute_safely(
    function: Callable[[NDArray[np.floating]], NDArray],
    X: NDArray[np.floating],
    high: NDArray[np.float64],
    low: NDArray[np.float64],
) -> tuple[NDArray, NDArray[np.bool_]]:
    """Compute values of each window, using float64 where float32 is not sufficient.

    Parameters
    ----------
    function : callable
        Function that takes windows of shape (n, n_channels, n_times) and returns values of shape
        (n, ...). It processes each window independently.
    X : ndarray of shape (n_windows, n_channels, n_times)
        Windows in float32 or float64.
    high, low : ndarrays of shape (n_windows, n_channels)
        Ranges of the signals, from :func:`ranges_of`.

    Returns
    -------
    values : ndarray of shape (n_windows, ...)
        Values of the type that `function` returns for `X`.
    overflow : ndarray of bool, of the shape of `values`
        True for values that this type cannot represent. They are infinite in `values`.
    """
    peak = np.maximum(high, -low)
    if X.dtype == np.float64:
        silent = (peak < SMALLEST) & (peak > 0)
        if silent.any():
            X = np.where(silent[..., np.newaxis], 0.0, X)
        values = function(X)
        return values, np.zeros(values.shape, dtype=bool)
    offset = (high > low) & (high - low < peak / _SPREAD)
    outside = (peak > _PLAIN) | ((peak > 0) & (peak < 1 / _PLAIN))
    hard = (outside | offset).any(axis=1)
    if not hard.any():
        values = function(X)
        return values, np.zeros(values.shape, dtype=bool)
    exact = function(X[hard].astype(np.float64))
    kind = X.dtype if exact.dtype == np.float64 else exact.dtype
    values = np.empty((len(X), *exact.shape[1:]), dtype=kind)
    if not hard.all():
        values[~hard] = function(X[~hard])
    with np.errstate(over="ignore", under="ignore"):
        values[hard] = exact
    overflow = np.zeros(values.shape, dtype=bool)
    overflow[hard] = np.isinf(values[hard]) & np.isfinite(exact)
    return values, overflow


def validate_windows(estimator: BaseEstimator, *data: Any, **settings: Any) -> Any:
    """Validate windows, with error messages that name the rows and a remedy.

    Parameters
    ----------
    estimator : estimator
        Estimator to which the data were given.
    *data : array-like
        Windows, and targets if there are any.
    **settings : dict
        Further arguments for :func:`sklearn.utils.validation.validate_data`.

    Returns
    -------
    validated : ndarray or tuple of ndarrays
        Validated windows, and targets if any were given.

    Raises
    ------
    ValueError
        If the windows contain NaN or infinity, differ in length, are dates, or are a masked array
        with masked samples.
    """
    name = type(estimator).__name__
    refuse_no_samples(data[0], name)
    try:
        return validate_data(estimator, *data, allow_nd=True, **settings)
    except ValueError as error:
        if "inhomogeneous" in str(error) or "with a sequence" in str(error):
            raise ValueError(_unequal_windows(name, data[0])) from error
        if not str(error).startswith("Input X contains"):
            raise
        rows = np.asarray(data[0], dtype=np.float64)
        bad = np.flatnonzero(~np.isfinite(rows).reshape(len(rows), -1).all(axis=1))
        if not bad.size:  # finite samples that are too large for the type of the windows
            raise ValueError(
                f"Input X contains samples of up to {np.abs(rows).max():.3g} mV, more than "
                f"{name} can represent. Check the unit, or scale the signals "
                "to mV."
            ) from error
        raise ValueError(_not_finite(bad, len(rows), name)) from error


def refuse_no_samples(X: Any, caller: str) -> None:
    """Raise if an array has masked samples or dates, which NumPy would convert to numbers.

    Parameters
    ----------
    X : object
        Windows, signal or list of these, of any type.
    caller : str
        Name of the class or function for the message.

    Raises
    ------
    ValueError
        If X is such an array.
    """
    for part in X if isinstance(X, list | tuple) else (X,):
        if isinstance(part, np.ma.MaskedArray) and np.ma.is_masked(part):
            n_masked = counted(int(np.ma.count_masked(part)), "masked value")
            raise ValueError(
                f"{caller} got a masked array with {n_masked}. Replace them by NaN, as gaps, with "
                "X.astype(float).filled(np.nan)."
            )
        if isinstance(part, np.ndarray) and part.dtype.kind in "mM":
            raise ValueError(
                f"{caller} takes samples in mV, but got values of type {part.dtype}. Leave time "
                "stamps out of the signals."
            )


def _unequal_windows(name: str, windows: Any) -> str:
    lengths = {np.shape(w)[-1] if np.ndim(w) else 1 for w in windows if _is_even(w)}
    found = "windows with different numbers of channels, or channels that differ in length"
    if len(lengths) > 1:
        found = f"lengths from {min(lengths)} to {max(lengths)} samples"
    return (
        f"{name} takes windows of one length, as an array of shape (n_windows, n_times) or "
        f"(n_windows, n_channels, n_times), but got {found}. Cut them to one length "
        "(sklearn_emg.recordings.divide), or give recordings of any length as a recording table."
    )


def _is_even(window: Any) -> bool:
    return not hasattr(window, "__len__") or len({len(np.atleast_1d(p)) for p in window}) == 1


def _not_finite(bad: NDArray[np.intp], n_rows: int, caller: str) -> str:
    return (
        f"Input X contains NaN or infinity in {bad.size} of {counted(n_rows, 'row')}, first in row "
        f"{bad[0]}; {caller} cannot use them. Interpolate the gaps "
        "(sklearn_emg.preprocessing.GapInterpolator) or leave those rows out."
    )
