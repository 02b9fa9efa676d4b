"""Range of samples: which are too large to compute with, and which need float64; arrays only."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

__all__ = ["LARGEST", "SMALLEST", "check_samples", "compute_safely", "ranges_of"]

#: Largest allowed sample in mV. Fifth powers, the highest in any feature, and sums fit float64.
LARGEST = 1e60
#: A window whose samples are all smaller, in mV, counts as zeros: their powers are 0 in float64.
SMALLEST = 1e-60
# Float32 suffices for windows whose largest sample lies between 2**-20 and 2**20 mV and whose range
# is at least 1/64 of it: fifth powers fit, and differences keep 18 bits or more.
_PLAIN = 2.0**20
_SPREAD = 64.0


def ranges_of(X: NDArray[np.floating]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Largest and smallest sample of each signal.

    Parameters
    ----------
    X : ndarray of shape (..., n_times)
        Float32 or float64.

    Returns
    -------
    high, low : ndarrays of shape (...,), float64
        NaN or infinite if the signal holds NaN or infinity.
    """
    from sklearn_emg._kernels_range import row_ranges

    rows = X.reshape(-1, X.shape[-1])
    ends = np.empty((len(rows), 2), dtype=X.dtype)
    integer = f"i{X.itemsize}"
    step = len(rows)
    if not (rows.flags.c_contiguous and rows.flags.writeable):
        # numba would compile the function again for another layout or for read-only memory.
        step = max((1 << 19) // rows.shape[1], 1)
    for start in range(0, len(rows), max(step, 1)):
        part = rows[start : start + step]
        part = part if step == len(rows) else part.copy(order="C")
        row_ranges(part.view(integer), ends[start : start + step].view(integer))
    ends64 = ends.astype(np.float64).reshape(*X.shape[:-1], 2)
    return ends64[..., 0], ends64[..., 1]


def check_samples(high: NDArray[np.float64], low: NDArray[np.float64], caller: str) -> None:
    """Raise if a window holds NaN, infinity or samples too large to compute with.

    Parameters
    ----------
    high, low : ndarrays of shape (n_windows, ...)
        Ranges of the signals, from :func:`ranges_of`.
    caller : str
        Class to name in the message.

    Raises
    ------
    ValueError
        The message says how many windows are affected, which is the first, and the remedy.
    """
    n_windows = len(high)
    peak = np.maximum(high, -low).reshape(n_windows, -1)
    bad = np.flatnonzero(~np.isfinite(peak).all(axis=1))
    if bad.size:
        raise ValueError(
            f"Input X contains NaN or infinity in {bad.size} of {n_windows} rows, the first is row "
            f"{bad[0]}; {caller} cannot use that. Interpolate the gaps "
            "(sklearn_emg.preprocessing.GapInterpolator) or leave those rows out."
        )
    bad = np.flatnonzero((peak > LARGEST).any(axis=1))
    if bad.size:
        raise ValueError(
            f"Input X holds samples of up to {peak.max():.3g} mV in {bad.size} of {n_windows} "
            f"rows, the first is row {bad[0]}; {caller} takes up to {LARGEST:g} mV, beyond which "
            "powers of samples overflow. Check the unit, scale the signals to mV, or leave those "
            "rows out."
        )


def compute_safely(
    function: Callable[[NDArray[np.floating]], NDArray],
    X: NDArray[np.floating],
    high: NDArray[np.float64],
    low: NDArray[np.float64],
) -> tuple[NDArray, NDArray[np.bool_]]:
    """Compute values of each window, in float64 where the precision of float32 does not suffice.

    Parameters
    ----------
    function : callable
        Function of windows of shape (n, n_channels, n_times) that returns values of shape
        (n, ...). It treats each window independently.
    X : ndarray of shape (n_windows, n_channels, n_times)
        Float32 or float64.
    high, low : ndarrays of shape (n_windows, n_channels)
        Ranges of the signals, from :func:`ranges_of`.

    Returns
    -------
    values : ndarray of shape (n_windows, ...)
        They have the type that `function` returns for `X`.
    overflow : ndarray of bool, of the shape of `values`
        True for values that this type cannot hold; they are infinite in `values`.
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
