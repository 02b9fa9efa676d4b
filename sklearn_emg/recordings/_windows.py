"""Division of recordings into windows, and the row that each window comes from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from numbers import Real
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, DTypeLike, NDArray

from sklearn_emg._tables import counted, first_few, row_text
from sklearn_emg._warnings import warn
from sklearn_emg.exceptions import RecordingWarning
from sklearn_emg.recordings._kept import Cut, KeptSignal, KeptSlice, finite_windows
from sklearn_emg.recordings._rates import one_rate
from sklearn_emg.recordings._signal_file import read_signal
from sklearn_emg.recordings._subjects import mean_by_code, object_column
from sklearn_emg.recordings._table import check_recording_table


@dataclass(frozen=True)
class WindowSet:
    """Windows of a recording table, with the row that each window comes from.

    Attributes
    ----------
    X : ndarray of shape (n_windows, n_times) or (n_windows, n_channels, n_times)
        Windows in mV.
    row : ndarray of shape (n_windows,)
        Position of each window's recording in the table.
    start : ndarray of shape (n_windows,)
        Index of the first sample of each window in its recording.
    fs : float
        Sampling rate of all windows in Hz.
    n_rows : int
        Number of recordings in the table, including those without a window.
    skipped : dict of int to str
        Reason why windows were left out of a row, by the position of the row.
    """

    X: Any
    row: NDArray[np.intp]
    start: NDArray[np.intp]
    fs: float
    n_rows: int
    skipped: dict[int, str]

    def __len__(self) -> int:
        return len(self.row)

    def repeat(self, values: ArrayLike) -> NDArray:
        """Repeat the value of each row, such as its label or subject, for each of its windows.

        Parameters
        ----------
        values : array-like of shape (n_rows, ...)
            Value of each row of the table.

        Returns
        -------
        repeated : ndarray of shape (n_windows, ...)
            Value of the row of each window.

        Raises
        ------
        ValueError
            If the number of values differs from the number of rows.
        """
        values = np.asarray(values)
        if len(values) != self.n_rows:
            raise ValueError(
                f"Got {counted(len(values), 'value')} for a table of {counted(self.n_rows, 'row')}."
            )
        return values[self.row]

    def mean_by_row(self, values: ArrayLike) -> NDArray[np.floating]:
        """Average the values of the windows of each row.

        Parameters
        ----------
        values : array-like of shape (n_windows, n_values)
            Values of each window, such as scores of the classes.

        Returns
        -------
        means : ndarray of shape (n_rows, n_values)
            Means of each row, which are NaN for a row without windows.
        """
        return mean_by_code(np.asarray(values, dtype=float), self.row, self.n_rows)


def to_samples(name: str, duration: float, fs: float, unit: str = "seconds") -> int:
    """Convert the parameter `name`, a duration, to a number of samples, rounded down."""
    if not isinstance(duration, Real) or not np.isfinite(float(duration)) or duration <= 0:
        raise ValueError(f"The {name!r} must be a positive number of {unit}. Got {duration!r}.")
    if unit == "samples":
        if duration != int(duration):
            raise ValueError(
                f"The {name!r} must be an integer number of samples. Got {duration!r}."
            )
        return int(duration)
    # The number is rounded down, so 1 s at 23437.5 Hz is 23437 samples. With the tolerance, 0.29 s
    # at 100 Hz is 29 samples, although the product is 28.999999999999996.
    n_samples = int(np.floor(duration * fs + 1e-6))
    if n_samples < 1:
        raise ValueError(
            f"The {name!r} of {duration} s is shorter than one sample at fs={fs} Hz; increase it."
        )
    return n_samples


def _starts(n_times: int, size: int, step: int, tail: str) -> tuple[NDArray[np.intp], int]:
    """Return the first samples of the windows, and the length to pad the recording to."""
    if n_times < size:
        return (np.zeros(1, dtype=np.intp), size) if tail == "pad" else (np.empty(0, np.intp), 0)
    starts = np.arange(0, n_times - size + 1, step, dtype=np.intp)
    rest = n_times - (starts[-1] + size)
    if rest and tail == "overlap":
        return np.append(starts, n_times - size), n_times
    # A further window is padded only if it has samples that no other window has.
    if rest and tail == "pad" and starts[-1] + step < n_times:
        return np.append(starts, starts[-1] + step), int(starts[-1]) + step + size
    return starts, n_times


Unit = Literal["seconds", "samples"]
Tail = Literal["drop", "overlap", "pad"]
OnFault = Literal["raise", "skip"]


class Division:
    """Division of a table into windows; iterating reads one recording at a time."""

    def __init__(
        self,
        table: pd.DataFrame,
        window: float,
        step: float | None,
        unit: str,
        tail: str,
        nan: str,
        short: str,
    ):
        check_recording_table(table, required=("signal", "fs"))
        for name, value, options in (
            ("unit", unit, ("seconds", "samples")),
            ("tail", tail, ("drop", "overlap", "pad")),
            ("nan", nan, ("raise", "skip")),
            ("short", short, ("raise", "skip")),
        ):
            if value not in options:
                raise ValueError(f"The {name!r} must be one of {options}. Got {value!r}.")
        self.table, self.signals = table, table["signal"].tolist()
        self.fs = one_rate(table)
        self.size = to_samples("window", window, self.fs, unit)
        self.step = self.size if step is None else to_samples("step", step, self.fs, unit)
        self.tail, self.nan = tail, nan
        self.skipped: dict[int, str] = {}
        self.lost: set[int] = set()  # rows without a window
        self._last: tuple[int, Any] = (-1, None)
        self.channels = self._one_channel_count()
        self.starts = []
        for row, signal in enumerate(self.signals):
            n_times = signal.shape[-1]
            starts, _ = _starts(n_times, self.size, self.step, tail)
            self.starts.append(starts)
            if not starts.size:
                text = (
                    f"{row_text(table, row)} has {counted(n_times, 'sample')} "
                    f"({n_times / self.fs:g} s), but "
                    f"one window has {self.size}"
                )
                if short == "raise":
                    raise ValueError(
                        f"Too short for a window: {text}. Shorten the window, leave the row out, "
                        "pad it with tail='pad', or skip it with short='skip'."
                    )
                self.skipped[row] = text
                self.lost.add(row)
        self.n_windows = sum(len(s) for s in self.starts)  # including those with NaN

    def _one_channel_count(self) -> tuple[int, ...]:
        shapes = [signal.shape for signal in self.signals]
        for row, shape in enumerate(shapes):
            if shape[:-1] != shapes[0][:-1]:
                raise ValueError(
                    f"Windows require one number of channels, but {row_text(self.table, 0)} has a "
                    f"signal of shape {shapes[0]} and {row_text(self.table, row)} one of shape "
                    f"{shape}."
                )
        return shapes[0][:-1]

    def rows(self) -> Iterator[tuple[int, NDArray[np.intp]]]:
        """Yield the row and the first samples of the windows of each recording that has windows.

        Kept recordings are read only if it is not known whether they are finite.
        """
        n_left = 0
        for row, starts in enumerate(self.starts):
            if starts.size:
                starts = self._without_faults(row, starts)
                n_left += len(starts)
                if starts.size:
                    yield row, starts
                else:
                    self.lost.add(row)
        self._report(n_left)

    def _without_faults(self, row: int, starts: NDArray[np.intp]) -> NDArray[np.intp]:
        """Return the first samples of the windows without NaN or infinity."""
        entry = self.signals[row]
        if isinstance(entry, KeptSlice):
            whole = entry.cut.signal.finite_windows(entry.cut.starts, entry.cut.size)
            good = None if whole is None else whole[[entry.place]]
        elif isinstance(entry, KeptSignal):
            good = entry.finite_windows(starts, self.size)
        else:
            good = finite_windows(self._read(row), starts, self.size)
        if good is None:
            return starts
        self._note_gaps(row, good)
        return starts[good]

    def _read(self, row: int) -> NDArray:
        """Return the signal of a row; the signal that was read last is not read again."""
        if self._last[0] != row:
            self._last = row, read_signal(self.signals[row])
        return self._last[1]

    def __iter__(self) -> Iterator[tuple[int, NDArray[np.intp], list[NDArray]]]:
        """Yield the row, first samples and views of the windows of each recording with windows."""
        for row, starts in self.rows():
            signal = self._read(row)
            missing = int(starts[-1]) + self.size - signal.shape[-1]
            if missing > 0:
                signal = np.pad(signal, [(0, 0)] * (signal.ndim - 1) + [(0, missing)])
            yield row, starts, [signal[..., s : s + self.size] for s in starts]

    def _note_gaps(self, row: int, good: NDArray[np.bool_]) -> None:
        """Raise an error or note the reason if windows hold invalid samples."""
        if good.all():
            return
        n_bad, n_windows = (~good).sum(), counted(len(good), "window")
        text = f"{row_text(self.table, row)} has NaN or infinity in {n_bad} of {n_windows}"
        if self.nan == "raise":
            raise ValueError(
                f"Invalid samples: {text}. Interpolate the gaps (GapInterpolator), leave the row "
                "out, or use nan='skip' to leave those windows out."
            )
        self.skipped[row] = text

    def _report(self, n_left: int) -> None:
        if n_left == 0:
            raise ValueError(
                f"No window of {counted(self.size, 'sample')} is left of "
                f"{counted(len(self.signals), 'recording')}; shorten the window, or interpolate "
                "invalid samples."
            )
        if self.skipped:
            reasons = [self.skipped[row] for row in sorted(self.skipped)]
            text = f"Windows left out: {first_few(reasons, separator='; ')}."
            if self.lost:
                rows = f"row{'s' * (len(self.lost) > 1)} {first_few(sorted(self.lost))}"
                text += f" No window is left of {rows}."
            warn(text, RecordingWarning)


def divide(
    table: pd.DataFrame,
    window: float,
    step: float | None = None,
    *,
    unit: Unit = "seconds",
    tail: Tail = "drop",
    nan: OnFault = "raise",
    short: OnFault = "raise",
    dtype: DTypeLike = np.float32,
) -> WindowSet:
    """Cut the recordings of a table into windows of equal length.

    Parameters
    ----------
    table : DataFrame of shape (n_recordings, n_columns)
        Recording table with one sampling rate and one number of channels.
    window : float
        Length of a window in `unit`. A length in seconds is rounded down to
        ``floor(window * fs)`` samples.
    step : float, default=None
        Distance between the beginnings of two windows in `unit`. By default it equals `window`:
        windows do not overlap, except the last one if ``tail="overlap"``.
    unit : {"seconds", "samples"}, default="seconds"
        Unit of `window` and `step`.
    tail : {"drop", "overlap", "pad"}, default="drop"
        How to treat samples after the last complete window: "drop" leaves them out, "overlap" adds
        a window that ends with the recording, and "pad" adds a window that is padded with zeros.
    nan : {"raise", "skip"}, default="raise"
        How to treat windows with NaN or infinity: "raise" raises an error, and "skip" leaves them
        out with one warning, which also names the rows without any window left.
    short : {"raise", "skip"}, default="raise"
        How to treat recordings that are shorter than one window: "raise" raises an error, and
        "skip" leaves them out with one warning. With ``tail="pad"``, they are padded instead.
    dtype : dtype-like, default=numpy.float32
        Data type of the windows.

    Returns
    -------
    windows : WindowSet
        Windows in the order of the table, with the row that each window comes from. One recording
        is read at a time, and only the windows are kept in memory.

    Raises
    ------
    ValueError
        If sampling rates or numbers of channels differ, if a recording is too short or has invalid
        samples, or if no window is left.

    Warns
    -----
    RecordingWarning
        If windows or recordings are left out.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emg.recordings import divide, recording_table
    >>> table = recording_table([np.arange(10.0), np.arange(7.0)], fs=10.0, subject=["a", "b"])
    >>> windows = divide(table, window=0.4, step=0.2)
    >>> windows.X.shape, windows.row.tolist(), windows.start.tolist()
    ((6, 4), [0, 0, 0, 0, 1, 1], [0, 2, 4, 6, 0, 2])
    """
    division = Division(table, window, step, unit, tail, nan, short)
    X = np.empty((division.n_windows, *division.channels, division.size), dtype=dtype)
    rows = np.empty(division.n_windows, dtype=np.intp)
    start = np.empty(division.n_windows, dtype=np.intp)
    n_windows = 0
    for row, starts, views in division:
        stop = n_windows + len(views)
        for target, view in zip(X[n_windows:stop], views):
            target[...] = view
        rows[n_windows:stop] = row
        start[n_windows:stop] = starts
        n_windows = stop
    return WindowSet(
        X[:n_windows],
        rows[:n_windows],
        start[:n_windows],
        division.fs,
        len(table),
        division.skipped,
    )


def window_table(
    table: pd.DataFrame,
    window: float,
    step: float | None = None,
    *,
    unit: Unit = "seconds",
    tail: Tail = "drop",
    nan: OnFault = "raise",
    short: OnFault = "raise",
) -> tuple[pd.DataFrame, NDArray[np.intp]]:
    """Cut recordings into windows and give each window a row of its own.

    Windows of a recording are views of one array, so overlapping windows use no additional memory.
    Signal files are read, and recordings to be padded are copied. All other columns are repeated.

    Parameters
    ----------
    table : DataFrame of shape (n_recordings, n_columns)
        Recording table.
    window, step, unit, tail, nan, short
        See :func:`divide`.

    Returns
    -------
    windows : DataFrame of shape (n_windows, n_columns)
        Recording table with one window per row.
    row : ndarray of shape (n_windows,)
        Position of each window's recording in `table`.

    Raises
    ------
    ValueError
        In the same cases as :func:`divide`.

    Warns
    -----
    RecordingWarning
        If windows or recordings are left out.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emg.recordings import recording_table, window_table
    >>> table = recording_table([np.arange(10.0)], fs=10.0, subject="a")
    >>> windows, row = window_table(table, window=0.5)
    >>> windows["signal"].iloc[1]
    array([5., 6., 7., 8., 9.])
    """
    division = Division(table, window, step, unit, tail, nan, short)
    signals: list[Any] = []
    rows: list[int] = []
    if all(isinstance(signal, KeptSignal) for signal in division.signals):
        for row, starts in division.rows():
            cut = Cut(division.signals[row], starts, division.size)
            signals.extend(KeptSlice(cut, place) for place in range(len(starts)))
            rows.extend([row] * len(starts))
    else:
        for row, _, views in division:
            signals.extend(views)
            rows.extend([row] * len(views))
    index = np.array(rows, dtype=np.intp)
    windows = table.drop(columns="signal").iloc[index].reset_index(drop=True)
    windows.insert(list(table.columns).index("signal"), "signal", object_column(signals))
    return windows, index
