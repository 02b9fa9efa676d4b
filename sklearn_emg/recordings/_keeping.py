"""Recording tables whose rows have an identity, so that each stateless step runs once per row."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import clone

from sklearn_emg.recordings._digest import content_digest, read_through
from sklearn_emg.recordings._kept import Cut, KeptSignal, KeptSlice, KeptWindows, Store, derived_key
from sklearn_emg.recordings._subjects import object_column
from sklearn_emg.recordings._table import check_recording_table, with_signals
from sklearn_emg.recordings._windows import Division, OnFault, Tail, Unit, WindowSet


def keep_recordings(table: pd.DataFrame, store: Store | None) -> pd.DataFrame:
    """Give each recording of a table an identity.

    Parameters
    ----------
    table : DataFrame
        Recording table.
    store : Store or None
        Store of the results of stateless steps.

    Returns
    -------
    table : DataFrame
        New table whose signals are :class:`KeptSignal`. The identity of a recording is a digest of
        its samples and of all columns of its row. If a column has no digest, `table` is returned
        unchanged.
    """
    check_recording_table(table, required=("signal", "fs"), plausible=False)
    names = [name for name in table.columns if name != "signal"]
    columns = [table[name].tolist() for name in names]
    signals = []
    try:
        for k, signal in enumerate(table["signal"]):
            row = {name: column[k] for name, column in zip(names, columns)}
            digest, facts = read_through(signal)
            key = derived_key(digest, content_digest(row))
            signals.append(KeptSignal({"signal": signal, **row}, key, store, facts=facts))
    except (TypeError, AttributeError, pickle.PicklingError):
        return table
    kept = table.copy(deep=False)
    kept["signal"] = object_column(signals, table.index)
    return kept


def is_kept(table: pd.DataFrame) -> bool:
    """Return whether the rows of a table have an identity."""
    return all(isinstance(signal, (KeptSignal, KeptSlice)) for signal in table["signal"])


def is_pending(table: pd.DataFrame) -> bool:
    """Return whether kept recordings have steps that may not have run yet."""
    return any(isinstance(signal, KeptSignal) and signal.steps for signal in table["signal"])


def values_of_recordings(
    table: pd.DataFrame, key: str, function: Callable[[pd.DataFrame], NDArray[Any]]
) -> NDArray[Any]:
    """Compute values for each row of a kept table, row by row, and keep them.

    Parameters
    ----------
    table : DataFrame
        Table from :func:`keep_recordings`, possibly after steps.
    key : str
        Identity of the function.
    function : callable
        Function that takes a table and returns an array with one row per recording. The row of a
        recording must not depend on other recordings.

    Returns
    -------
    values : ndarray of shape (n_rows, ...)
        Values of each row.
    """
    signals = table["signal"].tolist()
    if not all(isinstance(signal, KeptSignal) for signal in signals):
        return function(plain_recordings(table))
    try:
        return np.concatenate([
            signal.apply(key, lambda row=row: function(plain_recordings(table.iloc[[row]])))
            for row, signal in enumerate(signals)
        ])  # fmt: skip
    # Applied to the whole table, the function reports the row that causes the error.
    except Exception:
        function(_anew(table))
        raise


def step_key(step: Any) -> str | None:
    """Return a digest of the class, code and parameters of an estimator; None if there is none."""
    try:
        return content_digest(clone(step))
    except (TypeError, AttributeError, ValueError, pickle.PicklingError):
        return None


def after_step(table: pd.DataFrame, step: Any) -> pd.DataFrame:
    """Add a stateless step to a table; the step runs on a row when its samples are needed.

    Parameters
    ----------
    table : DataFrame
        Table from :func:`keep_recordings`.
    step : SignalTransformer
        Transformer that treats each row independently and learns nothing.

    Returns
    -------
    table : DataFrame
        Table whose signals are :class:`KeptSignal`, with the sampling rates after the step.
    """
    key = step_key(step)
    if key is None or not all(isinstance(signal, KeptSignal) for signal in table["signal"]):
        return step.transform(plain_recordings(table))
    unfitted = clone(step)
    changed = with_signals(table, [signal.then(unfitted, key) for signal in table["signal"]])
    rates = [float(fs) for fs in table["fs"]]
    rates_out = [step.output_fs(fs) for fs in rates]
    if rates_out != rates:
        changed["fs"] = rates_out
    return changed


def plain_recordings(table: pd.DataFrame) -> pd.DataFrame:
    """Convert a kept table to a table of arrays by running all remaining steps.

    Parameters
    ----------
    table : DataFrame
        Table from :func:`keep_recordings`, possibly after steps.

    Returns
    -------
    table : DataFrame
        Recording table without kept signals.

    Raises
    ------
    ValueError
        If a step raises a ValueError. The message names the row in this table.
    """
    signals: list[Any] = []
    views: tuple[Cut | None, list[Any]] = (None, [])
    try:
        for signal in table["signal"]:
            if isinstance(signal, KeptSlice):
                if signal.cut is not views[0]:
                    views = signal.cut, signal.cut.views()
                signals.append(views[1][signal.place])
            elif isinstance(signal, KeptSignal):
                if signal.changes_columns:
                    return _anew(table)
                signals.append(np.asarray(signal) if signal.steps else signal.row["signal"])
            else:
                signals.append(signal)
    # Applied to the whole table, the steps report the row that causes the error.
    except Exception:
        _anew(table)
        raise
    plain = table.copy(deep=False)
    plain["signal"] = object_column(signals, table.index)
    return plain


def _anew(table: pd.DataFrame) -> pd.DataFrame:
    """Run all steps on the whole table instead of row by row."""
    signals = [s.cut.signal if isinstance(s, KeptSlice) else s for s in table["signal"]]
    kept = [s for s in signals if isinstance(s, KeptSignal)]
    if len(kept) < len(signals) or any(s.steps != kept[0].steps for s in kept):
        return table
    raw = table.copy(deep=False)
    raw.attrs = {}
    raw["signal"] = object_column((s.row["signal"] for s in kept), table.index)
    raw["fs"] = [float(s.row["fs"]) for s in kept]
    for step in kept[0].steps:
        raw = step.transform(raw)
    return raw


def divide_kept(
    table: pd.DataFrame,
    window: float,
    step: float | None = None,
    *,
    unit: Unit = "seconds",
    tail: Tail = "drop",
    nan: OnFault = "raise",
    short: OnFault = "raise",
) -> WindowSet:
    """Cut kept recordings into windows that are computed when they are needed.

    Parameters
    ----------
    table, window, step, unit, tail, nan, short
        See :func:`divide`. The signals of the table are kept signals.

    Returns
    -------
    windows : WindowSet
        Windows whose ``X`` is :class:`KeptWindows`.
    """
    check_facts(table)
    division = Division(table, window, step, unit, tail, nan, short)
    if all(isinstance(signal, KeptSlice) for signal in division.signals):
        return _windows_of_slices(table, division)
    cuts: list[Cut] = []
    numbers, places, rows, firsts = [], [], [], []
    for row, starts in division.rows():
        cuts.append(Cut(division.signals[row], starts, division.size))
        numbers.append(np.full(len(starts), len(cuts) - 1))
        places.append(np.arange(len(starts)))
        rows.append(np.full(len(starts), row))
        firsts.append(starts)
    X = KeptWindows(cuts, np.concatenate(numbers), np.concatenate(places))
    return WindowSet(X, np.concatenate(rows), np.concatenate(firsts), division.fs, len(table),
                   division.skipped)  # fmt: skip


def _windows_of_slices(table: pd.DataFrame, division: Division) -> WindowSet:
    """Return the windows of a table that has one row per window of kept recordings."""
    places: dict[int, int] = {}
    cuts: list[Cut] = []
    numbers = []
    for signal in division.signals:
        if id(signal.cut) not in places:
            places[id(signal.cut)] = len(cuts)
            cuts.append(signal.cut)
        numbers.append(places[id(signal.cut)])
    place = np.array([signal.place for signal in division.signals])
    rows = np.arange(len(table))
    X = KeptWindows(cuts, np.array(numbers), place)
    return WindowSet(X, rows, np.zeros_like(rows), division.fs, len(table), {})


def check_facts(table: pd.DataFrame) -> None:
    """Run the remaining steps of signals whose shapes are not known yet.

    A ValueError of a step is raised with the row in this table.
    """
    try:
        for signal in table["signal"]:
            _ = signal.shape
    # Applied to the whole table, the steps report the row that causes the error.
    except Exception:
        _anew(table)
        raise
