"""Signals and windows with an identity, computed when needed and kept in a store, if any."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Callable, Sequence
from functools import cache
from importlib import metadata
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import DTypeLike, NDArray

from sklearn_emg._tables import counted
from sklearn_emg._version import __version__
from sklearn_emg.recordings._signal_file import SignalFile, read_signal
from sklearn_emg.recordings._subjects import object_column

# Attribute of tables whose signals are the output of a step of this package, not raw EMG.
DERIVED = "sklearn_emg_derived"
# Attribute of tables whose signals have passed a filter, so that equal samples differ.
FILTERED = "sklearn_emg_filtered"

# Packages whose versions can change what a step computes.
_COMPUTING = ("numpy", "scipy", "numba", "PyWavelets", "scikit-learn", "tsfresh")


class Store(Protocol):
    """Protocol of stores, which keep results by their keys."""

    def get(self, key: str, function: Callable[..., Any], *arguments: Any) -> Any:
        """Return the result with this key, computing and keeping it first if there is none."""


@cache
def _versions() -> str:
    """Return the versions of this package and of those that it computes with, and the processor."""
    found = [f"sklearn_emg {__version__}", platform.machine()]
    for name in _COMPUTING:
        try:
            found.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            found.append(f"{name} is missing")
    return ", ".join(found)


def derived_key(*parts: str) -> str:
    """Return the key of a result that depends on keys, settings and versions of packages."""
    return hashlib.sha256("\0".join((__version__, _versions(), *parts)).encode()).hexdigest()


def _call(store: Store | None, key: str, function: Callable[..., Any], *arguments: Any) -> Any:
    return function(*arguments) if store is None else store.get(key, function, *arguments)


class KeptSignal:
    """Signal with an identity: a recording and the stateless steps that are applied to it.

    It replaces an array in the ``signal`` column. The steps run when the samples are needed and no
    store holds them.

    Parameters
    ----------
    row : dict
        Columns of the original recording, including ``signal``.
    key : str
        Identity of the samples.
    store : Store or None
        Store of the results; None keeps no results.
    steps : tuple of estimator, default=()
        Unfitted steps that treat each row independently.
    facts : (tuple of int, bool), default=None
        Shape of the signal, and whether all samples are finite, if known.
    """

    __slots__ = ("_facts", "key", "row", "steps", "store")

    def __init__(
        self,
        row: dict[str, Any],
        key: str,
        store: Store | None,
        steps: tuple[Any, ...] = (),
        facts: tuple[tuple[int, ...], bool] | None = None,
    ):
        self.row = row
        self.key = key
        self.store = store
        self.steps = steps
        self._facts = facts

    def then(self, step: Any, step_key: str) -> KeptSignal:
        """Return the signal after a further step."""
        key = derived_key(self.key, "step", step_key)
        return KeptSignal(self.row, key, self.store, (*self.steps, step))

    @property
    def facts(self) -> tuple[tuple[int, ...], bool]:
        """Shape of the signal, and whether all samples are finite."""
        if self._facts is None:
            key = derived_key(self.key, "facts")
            self._facts = _call(self.store, key, _facts_of, self)
        return self._facts

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape, ``(n_times,)`` or ``(n_channels, n_times)``."""
        return self.facts[0] if self.steps else tuple(self.row["signal"].shape)

    @property
    def ndim(self) -> int:
        """Number of axes, 1 or 2."""
        return len(self.shape)

    def values(self) -> NDArray[np.floating]:
        """Return the samples in mV; they may belong to the store and must not be changed."""
        if not self.steps:
            return read_signal(self.row["signal"])
        return self._result()[0]

    @property
    def changes_columns(self) -> bool:
        """Whether steps change columns other than ``signal`` and ``fs``."""
        return bool(self.steps) and self._result()[1]

    def _result(self) -> tuple[NDArray[np.floating], bool]:
        result: tuple[NDArray[np.floating], bool] = _call(
            self.store, self.key, _run, self.row, self.steps
        )
        return result

    def apply(self, key: str, function: Callable[[], NDArray[Any]]) -> NDArray[Any]:
        """Return the result of a function of this signal; the store keeps it under a key."""
        values: NDArray[Any] = _call(self.store, derived_key(self.key, "values", key), function)
        return values

    def finite_windows(self, starts: NDArray[np.intp], size: int) -> NDArray[np.bool_] | None:
        """Return whether each window is finite; None if the whole signal is finite."""
        if self.facts[1]:
            return None
        key = derived_key(self.key, "finite", str(size), _digest(starts))
        good: NDArray[np.bool_] | None = _call(self.store, key, _finite, self, starts, size)
        return good

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray:
        return np.array(self.values(), dtype=dtype)

    def __reduce__(self):
        return KeptSignal, (self.row, self.key, self.store, self.steps, self._facts)

    def __repr__(self) -> str:
        return f"KeptSignal({self.key[:12]}, {counted(len(self.steps), 'step')})"


def _facts_of(signal: KeptSignal) -> tuple[tuple[int, ...], bool]:
    values = signal.values()
    return values.shape, bool(np.isfinite(values).all())


def _run(row: dict[str, Any], steps: Sequence[Any]) -> tuple[NDArray[np.floating], bool]:
    """Return the samples of one recording after the steps, and whether other columns changed."""
    table = pd.DataFrame({name: object_column([value]) for name, value in row.items()})
    table["fs"] = table["fs"].astype(float)
    table.attrs[DERIVED] = True  # the whole table has been checked before
    for step in steps:
        table = step.transform(table)
    others = [name for name in table.columns if name not in ("signal", "fs")]
    same = set(others) == set(row) - {"signal", "fs"}
    changed = not same or any(table[name].iloc[0] is not row[name] for name in others)
    return read_signal(table["signal"].iloc[0]), changed


def finite_windows(
    values: NDArray[np.floating], starts: NDArray[np.intp], size: int
) -> NDArray[np.bool_] | None:
    """Return whether each window is finite; None if the whole signal is finite."""
    # Windows are checked one by one only if the recording has samples that are not finite.
    if np.isfinite(values).all():
        return None
    return np.array([bool(np.isfinite(values[..., s : s + size]).all()) for s in starts])


def _finite(signal: KeptSignal, starts: NDArray[np.intp], size: int) -> NDArray[np.bool_] | None:
    return finite_windows(signal.values(), starts, size)


def _digest(numbers: NDArray[np.intp]) -> str:
    return hashlib.sha256(np.ascontiguousarray(numbers, dtype="<i8").tobytes()).hexdigest()


class Cut:
    """Windows of one recording.

    Parameters
    ----------
    signal : KeptSignal
        The recording.
    starts : ndarray of shape (n_windows,)
        Index of the first sample of each window.
    size : int
        Number of samples of a window. Zeros pad a window that exceeds the end of the recording.
    """

    __slots__ = ("_shape", "key", "signal", "size", "starts")

    def __init__(self, signal: KeptSignal, starts: NDArray[np.intp], size: int):
        self.signal = signal
        self.starts = starts
        self.size = size
        self.key = derived_key(signal.key, "windows", str(size), _digest(starts))
        self._shape: tuple[int, ...] | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one window."""
        if self._shape is None:  # cached, since it is needed for thousands of windows
            self._shape = (*self.signal.shape[:-1], self.size)
        return self._shape

    def views(self) -> list[NDArray[np.floating]]:
        """Return the windows as views of the signal."""
        values = self.signal.values()
        missing = int(self.starts[-1]) + self.size - values.shape[-1]
        if missing > 0:
            values = np.pad(values, [(0, 0)] * (values.ndim - 1) + [(0, missing)])
        return [values[..., s : s + self.size] for s in self.starts]


class KeptSlice:
    """One window of a recording as the signal of a row of its own, in place of an array."""

    __slots__ = ("cut", "place")

    def __init__(self, cut: Cut, place: int):
        self.cut = cut
        self.place = place

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape, ``(n_times,)`` or ``(n_channels, n_times)``."""
        return self.cut.shape

    @property
    def ndim(self) -> int:
        """Number of axes, 1 or 2."""
        return len(self.cut.shape)

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray:
        return np.array(self.cut.views()[self.place], dtype=dtype)


class KeptWindows:
    """Windows of recordings with an identity: an array that is computed when it is needed.

    Parameters
    ----------
    cuts : sequence of Cut
        Windows of each recording.
    cut : ndarray of shape (n_windows,)
        Index of the cut of each window.
    place : ndarray of shape (n_windows,)
        Position of each window in its cut.
    steps : tuple of (estimator, str), default=()
        Fitted stateless steps that treat each window independently, each with its key.
    store : Store or None, default=None
        Store of the results. By default it is the store of the signals.
    """

    dtype = np.dtype(np.float32)

    def __init__(
        self,
        cuts: Sequence[Cut],
        cut: NDArray[np.intp],
        place: NDArray[np.intp],
        steps: tuple[tuple[Any, str], ...] = (),
        store: Store | None = None,
    ):
        self.cuts = cuts
        self.cut = cut
        self.place = place
        self.steps = steps
        self.store = cuts[0].signal.store if store is None else store

    def __len__(self) -> int:
        return len(self.cut)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape, ``(n_windows, n_times)`` or ``(n_windows, n_channels, n_times)``."""
        first = self.cuts[0]
        one = first.shape
        if self.steps:
            key = derived_key(self._key(first), "shape")
            one = _call(self.store, key, _shape_after, first, [step for step, _ in self.steps])
        return (len(self), *one)

    @property
    def ndim(self) -> int:
        """Number of axes, 2 or 3."""
        return len(self.shape)

    def __getitem__(self, rows: Any) -> KeptWindows:
        if isinstance(rows, tuple):  # scikit-learn indexes by (rows, ...)
            rows = rows[0]
        return self._of(self.cut[rows], self.place[rows])

    def _of(self, cut: NDArray[np.intp], place: NDArray[np.intp]) -> KeptWindows:
        return KeptWindows(self.cuts, np.atleast_1d(cut), np.atleast_1d(place), self.steps,
                           self.store)  # fmt: skip

    def in_store(self, store: Store) -> KeptWindows:
        """Return the same windows, with results kept in another store."""
        return KeptWindows(self.cuts, self.cut, self.place, self.steps, store)

    def then(self, step: Any, key: str) -> KeptWindows:
        """Return the windows after a further step."""
        return KeptWindows(self.cuts, self.cut, self.place, (*self.steps, (step, key)), self.store)

    def _key(self, cut: Cut) -> str:
        return derived_key(cut.key, *(key for _, key in self.steps))

    def apply(
        self, key: str, function: Callable[[NDArray[np.floating]], NDArray[Any]]
    ) -> NDArray[Any]:
        """Compute values for each window, for all windows of a recording at a time, and keep them.

        Parameters
        ----------
        key : str
            String that identifies the function and its parameters in the store.
        function : callable
            Function that takes windows and returns an array with one row per window. The row of a
            window must not depend on other windows.

        Returns
        -------
        values : ndarray of shape (n_windows, ...)
            Values of each window.
        """
        steps = [step for step, _ in self.steps]
        return self._joined(
            lambda cut: _call(
                self.store, derived_key(self._key(cut), "values", key), _values_of, cut, steps,
                function,
            )
        )  # fmt: skip

    def _joined(self, values_of: Callable[[Cut], NDArray[Any]]) -> NDArray[Any]:
        """Compute values for all windows of each recording, and select those of `self`."""
        order = np.argsort(self.cut, kind="stable")
        used, first = np.unique(self.cut[order], return_index=True)
        if not len(used):
            raise ValueError("There are no windows to compute with.")
        parts = []
        for number, rows in zip(used.tolist(), np.split(order, first[1:])):
            values = values_of(self.cuts[number])
            parts.append((rows, values[self.place[rows]]))
        kind = np.result_type(*(values.dtype for _, values in parts))
        out = np.empty((len(self), *parts[0][1].shape[1:]), dtype=kind)
        for rows, values in parts:
            out[rows] = values
        return out

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray:
        if not len(self):
            return np.empty(self.shape, dtype=dtype or self.dtype)
        steps = [step for step, _ in self.steps]
        values = self._joined(lambda cut: _windows_after(cut, steps))
        return values if dtype is None else values.astype(dtype, copy=False)


def _windows_after(cut: Cut, steps: Sequence[Any]) -> NDArray[np.floating]:
    """Return the windows of a recording after the steps, which are applied to float32 windows."""
    views = cut.views()
    windows = np.empty((len(views), *views[0].shape), dtype=np.float32)
    for target, view in zip(windows, views):
        target[...] = view
    for step in steps:
        windows = step.transform(windows)
    return windows


def _values_of(cut: Cut, steps: Sequence[Any], function: Callable[..., Any]) -> NDArray[Any]:
    return np.asarray(function(_windows_after(cut, steps)))


def _shape_after(cut: Cut, steps: Sequence[Any]) -> tuple[int, ...]:
    return _windows_after(cut, steps).shape[1:]


def raw_signal(signal: Any) -> NDArray | SignalFile | None:
    """Return the array or file of a signal or of a kept signal without steps; otherwise None."""
    if isinstance(signal, KeptSignal):
        return None if signal.steps else signal.row["signal"]
    return signal if isinstance(signal, (np.ndarray, SignalFile)) else None
