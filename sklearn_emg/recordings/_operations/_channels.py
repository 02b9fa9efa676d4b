"""Selection of channels, splitting of channels into rows of their own, and joining of channels."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from sklearn_emg._tables import counted
from sklearn_emg.recordings._signal_file import SignalFile, read_signal
from sklearn_emg.recordings._subjects import object_column
from sklearn_emg.recordings._table import check_recording_table


def channel_names_of(table: pd.DataFrame) -> list[tuple[str, ...]]:
    """Return the channel names of each row; by default, these are ch1, ch2 and so on.

    Parameters
    ----------
    table : DataFrame
        Recording table, with or without a column ``channel_names``.

    Returns
    -------
    names : list of tuple of str
        One tuple per row, with one name per channel.

    Raises
    ------
    ValueError
        If the number of names of a row differs from the number of its channels.
    """
    check_recording_table(table, required=("signal",), plausible=False)
    found = []
    given: list[Any] = (
        table["channel_names"].tolist() if "channel_names" in table else [None] * len(table)
    )
    for row, (signal, names) in enumerate(zip(table["signal"], given)):
        n_channels = 1 if signal.ndim == 1 else signal.shape[0]
        if names is None or (isinstance(names, float) and np.isnan(names)):
            names = tuple(f"ch{i + 1}" for i in range(n_channels))
        names = (names,) if isinstance(names, str) else tuple(map(str, names))
        if len(names) != n_channels:
            raise ValueError(
                f"Row {row} has {counted(n_channels, 'channel')} but "
                f"{counted(len(names), 'name')} in 'channel_names', {list(names)}; "
                "give one name per channel."
            )
        found.append(names)
    return found


def _take(signal: Any, positions: Sequence[int], keep_axis: bool) -> Any:
    """Select channels of a signal; a file stays a file if the axis of channels is kept."""
    if isinstance(signal, SignalFile) and keep_axis and signal.ndim == 2:
        stored = range(signal.n_channels) if signal.channels is None else signal.channels
        return SignalFile(
            signal.path,
            offset=signal.offset,
            length=signal.length,
            dtype=signal.stored_dtype,
            n_channels=signal.n_channels,
            channels=[stored[p] for p in positions],
            scale=signal.scale,
            baseline=signal.baseline,
            invalid=signal.invalid,
            blocks=signal.blocks,
        )
    values = np.atleast_2d(read_signal(signal))[list(positions)]
    return values if keep_axis else values[0]


def select_channels(table: pd.DataFrame, channels: str | int | Sequence[str | int]) -> pd.DataFrame:
    """Keep some channels of each recording, in the order given.

    Parameters
    ----------
    table : DataFrame
        Recording table.
    channels : str, int or sequence of str or int
        Names of the channels, in any letter case, or their positions, counted from 0.

    Returns
    -------
    table : DataFrame of shape (n_recordings, n_columns)
        The same rows. ``channel_names`` contains the names of the selected channels. A single name
        or position gives signals of shape (n_times,), and a sequence gives signals of shape
        (n_channels, n_times).

    Raises
    ------
    ValueError
        If `channels` is empty, or if a row has no channel or several channels with a given name.
        The message names the row and the channels that it has.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emg.recordings import recording_table, select_channels
    >>> signal = np.random.default_rng(0).normal(scale=0.1, size=(2, 100))
    >>> table = recording_table([signal], fs=1000.0, subject="a")
    >>> select_channels(table, "ch2")["signal"].iloc[0].shape
    (100,)
    """
    one = isinstance(channels, (str, int))
    wanted: list[str | int] = [channels] if isinstance(channels, (str, int)) else list(channels)
    if not wanted:
        raise ValueError("select_channels: 'channels' is empty; name at least one.")
    names = channel_names_of(table)
    signals, kept = [], []
    for row, (signal, own) in enumerate(zip(table["signal"], names)):
        positions = [_position(row, own, channel) for channel in wanted]
        signals.append(_take(signal, positions, keep_axis=not one))
        kept.append(tuple(own[p] for p in positions))
    return table.assign(
        signal=object_column(signals, table.index),
        channel_names=object_column(kept, table.index),
    )


def _position(row: int, names: tuple[str, ...], channel: str | int) -> int:
    if isinstance(channel, str):
        hits = [i for i, n in enumerate(names) if n == channel] or [
            i for i, n in enumerate(names) if n.casefold() == channel.casefold()
        ]
        if len(hits) == 1:
            return hits[0]
        fault = "has no channel" if not hits else f"has {len(hits)} channels called"
    else:
        if 0 <= channel < len(names):
            return int(channel)
        fault = "has no channel"
    raise ValueError(f"Row {row} {fault} {channel!r}; it has {list(names)}.")


def split_channels(table: pd.DataFrame) -> pd.DataFrame:
    """Give each channel a row of its own.

    Parameters
    ----------
    table : DataFrame
        Recording table.

    Returns
    -------
    table : DataFrame
        Table with one row per channel of each recording. Signals have the shape (n_times,). The
        column ``channel`` holds the name of the channel, and ``channel_names`` a tuple that
        contains only this name. All other columns are repeated.

    See Also
    --------
    join_channels : Join the channels of one recording into one row.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emg.recordings import recording_table, split_channels
    >>> signal = np.random.default_rng(0).normal(scale=0.1, size=(2, 100))
    >>> table = recording_table([signal], fs=1000.0, subject="a")
    >>> split_channels(table)[["subject", "channel"]]
      subject channel
    0       a     ch1
    1       a     ch2
    """
    names = channel_names_of(table)
    rows = np.repeat(np.arange(len(table)), [len(n) for n in names])
    signals: list[Any] = []
    for signal, own in zip(table["signal"], names):
        values = np.atleast_2d(read_signal(signal))
        signals += [values[i] for i in range(len(own))]
    split = table.iloc[rows].reset_index(drop=True)
    flat = [name for own in names for name in own]
    return split.assign(
        signal=object_column(signals),
        channel_names=object_column((name,) for name in flat),
        channel=flat,
    )


def _rows_by(keys: pd.DataFrame) -> dict[tuple[Hashable, ...], list[int]]:
    """Group the rows with equal values, in order of appearance."""
    groups: dict[tuple[Hashable, ...], list[int]] = {}
    for row, key in enumerate(keys.itertuples(index=False, name=None)):
        groups.setdefault(key, []).append(row)
    return groups


def _differing_columns(table: pd.DataFrame, groups: Iterable[list[int]]) -> list[Any]:
    """Return the columns whose values differ within a group of rows."""
    return [c for c in table.columns if any(_differs(table[c], rows) for rows in groups)]


def join_channels(
    table: pd.DataFrame, by: str | Sequence[str] = ("subject", "recording")
) -> pd.DataFrame:
    """Join the channels of one recording, which have rows of their own, into one row.

    Parameters
    ----------
    table : DataFrame
        Recording table.
    by : str or sequence of str, default=("subject", "recording")
        Columns that identify a recording: the rows of one recording have equal values in them.

    Returns
    -------
    table : DataFrame of shape (n_recordings, n_columns)
        Table with one row per recording and signals of shape (n_channels, n_times). Channels are
        named by ``channel_names`` or, if rows have one channel each and no names, by the column
        ``channel`` or ``muscle``. Columns that differ among the joined rows are left out.

    Raises
    ------
    ValueError
        If a column of `by` is missing, or if rows of one recording differ in rate, length or unit
        or share a channel name.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emg.recordings import join_channels, recording_table
    >>> signals = np.random.default_rng(0).normal(scale=0.1, size=(2, 100))
    >>> table = recording_table(
    ...     signals, fs=1000.0, subject="a", recording="r1", muscle=["flexor", "extensor"]
    ... )
    >>> join_channels(table)[["subject", "channel_names"]]
      subject       channel_names
    0       a  (flexor, extensor)
    """
    keys = [by] if isinstance(by, str) else list(by)
    if missing := [k for k in keys if k not in table.columns]:
        raise ValueError(
            f"join_channels: the table lacks the column {missing[0]!r} of 'by'; it has the columns "
            f"{list(table.columns)}."
        )
    names, stored = _names_for_joining(table), table["signal"].to_numpy()
    groups = _rows_by(table[keys])
    signals, joined = [], []
    for key, rows in groups.items():
        _check_equal(table, key, rows)
        joined.append(_joined_names(key, [names[row] for row in rows]))
        signals.append(np.concatenate([np.atleast_2d(read_signal(s)) for s in stored[rows]]))
    first = table.iloc[[rows[0] for rows in groups.values()]].reset_index(drop=True)
    others = table.columns.difference(["signal", "channel_names", *keys])
    differing = _differing_columns(table[others], groups.values())
    return first.drop(columns=differing).assign(
        signal=object_column(signals), channel_names=object_column(joined)
    )


def _joined_names(key: tuple[Hashable, ...], names: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    """Join the names of the channels of one recording, which must be distinct."""
    joined = tuple(name for row in names for name in row)
    repeated = sorted({name for name in joined if joined.count(name) > 1})
    if repeated:
        raise ValueError(
            f"join_channels: the recording {key} has the channel {repeated[0]!r} more than once; "
            "add a column to 'by' that distinguishes these rows."
        )
    return joined


def _names_for_joining(table: pd.DataFrame) -> list[tuple[str, ...]]:
    names = channel_names_of(table)
    if "channel_names" in table.columns or any(len(n) > 1 for n in names):
        return names
    column = next((c for c in ("channel", "muscle") if c in table.columns), None)
    return names if column is None else [(str(value),) for value in table[column]]


def _differs(column: pd.Series, rows: list[int]) -> bool:
    first = column.iloc[rows[0]]
    return any(
        not (value is first or value == first or (pd.api.types.is_scalar(value) and pd.isna(value)
             and pd.api.types.is_scalar(first) and pd.isna(first)))
        for value in (column.iloc[r] for r in rows[1:])
    )  # fmt: skip


def _check_equal(table: pd.DataFrame, key: tuple[Hashable, ...], rows: list[int]) -> None:
    for what, values in (
        ("sampling rates", [float(table["fs"].iloc[r]) for r in rows]),
        ("lengths", [table["signal"].iloc[r].shape[-1] for r in rows]),
        ("units", [str(table["unit"].iloc[r]) for r in rows] if "unit" in table else []),
    ):
        if len(set(values)) > 1:
            raise ValueError(
                f"join_channels: the rows {rows} of the recording {key} have different {what} "
                f"({', '.join(map(str, sorted(set(values))))}); make them equal first."
            )
