"""The recording table: whose signal it is travels inside X.

A recording table is a :class:`pandas.DataFrame` with one row per recording. Its columns are

``signal``
    One object per row: an array in millivolts, ``(n_times,)`` or ``(n_channels, n_times)``, or a
    :class:`SignalFile` that is read when it is needed. Rows may differ in length.
``fs``
    Sampling rate in Hz, may differ from row to row.
``subject``
    Any hashable identity. Splitters, DiVote and scorers read it from here.
``muscle``, ``region`` and any other column
    Kept untouched.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeGuard

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, DTypeLike, NDArray

from sklearn_emg._typing import Labels

__all__ = [
    "METADATA_COLUMNS",
    "SignalFile",
    "Windows",
    "check_recording_table",
    "divide",
    "is_recording_table",
    "read_signal",
    "recording_table",
    "subjects_of",
    "window_table",
]

_MAX_FAULTS = 5

# Columns that say something of a recording and are never taken for a feature.
METADATA_COLUMNS = (
    "subject",
    "fs",
    "muscle",
    "region",
    "recording",
    "side",
    "level",
    "session",
    "age",
    "gender",
    "sex",
    "group",
    "exercise",
    "split",
    # What a simulated cohort knows of its subjects; it gives the diagnosis away.
    "subtype",
    "severity",
    "drive",
)


class SignalFile:
    """A recording that stays in its file until somebody needs the samples.

    It takes the place of an array in the ``signal`` column of a recording table. Pickling ships the
    reference and not the samples, so a parallel search sends a few hundred bytes per recording to
    its workers and each worker reads only what it needs.

    Parameters
    ----------
    path : str or path-like
        File with samples of one fixed-width type, interleaved by channel.
    offset : int, default=0
        Bytes before the first sample.
    length : int, default=None
        Samples per channel. By default all that follow `offset`.
    dtype : dtype-like, default="<i2"
        Type of one stored sample.
    n_channels : int, default=1
        Channels stored in the file.
    channels : sequence of int, default=None
        Channels to read, all by default. The signal is 1-D when `n_channels` is 1 and 2-D,
        ``(n_channels, n_times)``, otherwise.
    scale : float or sequence of float, default=1.0
        Millivolts per stored unit, one number or one per stored channel.
    baseline : float or sequence of float, default=0.0
        Stored value that stands for 0 mV, one number or one per stored channel.
    invalid : int, default=None
        Stored value that marks an invalid sample and reads as NaN.

    Raises
    ------
    ValueError
        If a number is out of range or, when it is read, if the file holds fewer samples.
    FileNotFoundError
        When it is read, if there is no such file.

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np
    >>> from sklearn_emg.recordings import SignalFile
    >>> path = os.path.join(tempfile.mkdtemp(), "a.bin")
    >>> np.array([1, -2, 3], dtype="<i2").tofile(path)
    >>> np.asarray(SignalFile(path, scale=0.5))
    array([ 0.5, -1. ,  1.5], dtype=float32)
    """

    __slots__ = (
        "baseline",
        "channels",
        "invalid",
        "length",
        "n_channels",
        "offset",
        "path",
        "scale",
        "stored_dtype",
    )

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        offset: int = 0,
        length: int | None = None,
        dtype: DTypeLike = "<i2",
        n_channels: int = 1,
        channels: Sequence[int] | None = None,
        scale: float | Sequence[float] = 1.0,
        baseline: float | Sequence[float] = 0.0,
        invalid: int | None = None,
    ):
        # An absolute path survives workers with another working directory.
        self.path = os.path.abspath(os.fspath(path))
        self.stored_dtype = np.dtype(dtype)
        self.offset = int(offset)
        self.n_channels = int(n_channels)
        self.invalid = invalid
        if self.stored_dtype.hasobject or self.stored_dtype.kind not in "iuf":
            raise ValueError(
                f"The 'dtype' parameter of SignalFile must be an integer or float type. "
                f"Got {dtype!r} instead."
            )
        if self.offset < 0:
            raise ValueError(
                f"The 'offset' of SignalFile must be >= 0 bytes. Got {offset} instead."
            )
        if self.n_channels < 1:
            raise ValueError(
                f"The 'n_channels' of SignalFile must be >= 1. Got {n_channels} instead."
            )
        if length is not None and length < 0:
            raise ValueError(f"The 'length' of SignalFile must be >= 0. Got {length} instead.")
        self.length = None if length is None else int(length)
        self.channels = None if channels is None else tuple(int(c) for c in channels)
        if self.channels is not None and not all(0 <= c < self.n_channels for c in self.channels):
            raise ValueError(
                f"The 'channels' of SignalFile must lie in 0..{self.n_channels - 1}. "
                f"Got {list(self.channels)} instead."
            )
        self.scale = self._per_channel("scale", scale)
        self.baseline = self._per_channel("baseline", baseline)

    def _per_channel(self, name: str, value: float | Sequence[float]) -> tuple[float, ...]:
        values = tuple(float(v) for v in np.atleast_1d(value))
        if len(values) not in (1, self.n_channels) or not np.isfinite(values).all():
            raise ValueError(
                f"The '{name}' of SignalFile must be one finite number or one per channel "
                f"({self.n_channels}). Got {value!r} instead."
            )
        return values

    @property
    def n_times(self) -> int:
        """Samples per channel; looks at the file's size when `length` was not given."""
        if self.length is not None:
            return self.length
        size = os.stat(self.path).st_size - self.offset
        return max(size, 0) // (self.n_channels * self.stored_dtype.itemsize)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the signal, ``(n_times,)`` or ``(n_channels, n_times)``."""
        if self.n_channels == 1 and self.channels is None:
            return (self.n_times,)
        n_read = self.n_channels if self.channels is None else len(self.channels)
        return (n_read, self.n_times)

    @property
    def ndim(self) -> int:
        """Number of axes of the signal, 1 or 2."""
        return 1 if self.n_channels == 1 and self.channels is None else 2

    def read(
        self, start: int = 0, stop: int | None = None, *, dtype: DTypeLike = np.float32
    ) -> NDArray[np.floating]:
        """Read samples `start` to `stop` of every channel, in mV.

        Parameters
        ----------
        start, stop : int, default=0 and None
            Range in samples; None reads to the end.
        dtype : dtype-like, default=numpy.float32
            Float type of the result.

        Returns
        -------
        signal : ndarray of shape (stop - start,) or (n_channels, stop - start)
            The samples in mV, NaN where the stored value is `invalid`.

        Raises
        ------
        ValueError
            If the file holds fewer samples than asked for.
        """
        n_times = self.n_times
        stop = n_times if stop is None else min(stop, n_times)
        start = min(max(start, 0), stop)
        frame = self.n_channels * self.stored_dtype.itemsize
        count = (stop - start) * self.n_channels
        stored = np.fromfile(
            self.path, dtype=self.stored_dtype, count=count, offset=self.offset + start * frame
        )
        if stored.size < count:
            raise ValueError(
                f"{self.path} holds {start + stored.size // self.n_channels} samples per channel "
                f"after byte {self.offset}, {n_times} were announced. The file is truncated; "
                "get it again."
            )
        stored = stored.reshape(stop - start, self.n_channels).T
        scale, baseline = np.array(self.scale), np.array(self.baseline)
        if self.channels is not None:
            stored = stored[list(self.channels)]
            scale = scale if scale.size == 1 else scale[list(self.channels)]
            baseline = baseline if baseline.size == 1 else baseline[list(self.channels)]
        dtype = np.dtype(dtype)
        signal = np.subtract(stored, baseline[:, None].astype(dtype), dtype=dtype)
        signal *= scale[:, None].astype(dtype)
        if self.invalid is not None:
            signal[stored == self.invalid] = np.nan
        return signal[0] if self.ndim == 1 else signal

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray:
        if copy is False:
            raise ValueError("A SignalFile is read from its file: it cannot avoid a copy.")
        if dtype is None or np.dtype(dtype).kind != "f":
            signal = self.read()
            return signal if dtype is None else signal.astype(dtype)
        return self.read(dtype=dtype)

    def _arguments(self) -> dict[str, Any]:
        return {
            "offset": self.offset,
            "length": self.length,
            "dtype": self.stored_dtype.str,
            "n_channels": self.n_channels,
            "channels": self.channels,
            "scale": self.scale,
            "baseline": self.baseline,
            "invalid": self.invalid,
        }

    def __reduce__(self):
        return _signal_file, (self.path, self._arguments())

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SignalFile):
            return NotImplemented
        return self.path == other.path and self._arguments() == other._arguments()

    def __hash__(self) -> int:
        return hash((self.path, *self._arguments().values()))

    def __repr__(self) -> str:
        length = "" if self.length is None else f", length={self.length}"
        return f"SignalFile({os.path.basename(self.path)!r}, offset={self.offset}{length})"


def _signal_file(path: str, arguments: dict[str, Any]) -> SignalFile:
    return SignalFile(path, **arguments)


def read_signal(signal: Any, dtype: DTypeLike | None = None) -> NDArray[np.floating]:
    """Samples of one entry of the ``signal`` column, as a float array.

    Parameters
    ----------
    signal : array-like or SignalFile
        ``(n_times,)`` or ``(n_channels, n_times)`` in mV.
    dtype : dtype-like, default=None
        Float type of the result; by default that of the signal, float64 for integers.

    Returns
    -------
    signal : ndarray
        Not copied when it is a float array of that type already.
    """
    values = np.asarray(signal, dtype=dtype)
    return values if values.dtype.kind == "f" else values.astype(np.float64)


def is_recording_table(X: object) -> TypeGuard[pd.DataFrame]:
    """Whether X is a DataFrame with a ``signal`` column.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_emg.recordings import is_recording_table
    >>> is_recording_table(pd.DataFrame({"rms": [0.1]}))
    False
    """
    return isinstance(X, pd.DataFrame) and "signal" in X.columns


def _object_column(values: Iterable[Any], index: pd.Index | None = None) -> pd.Series:
    # Filled one by one: NumPy would stack signals of equal length into a 2-D array.
    values = list(values)
    column = np.empty(len(values), dtype=object)
    for i, value in enumerate(values):
        column[i] = value
    return pd.Series(column, index=index, dtype=object)


def recording_table(
    signals: Iterable[Any],
    *,
    fs: float | ArrayLike,
    subject: Hashable | Sequence[Hashable],
    muscle: str | Sequence[str] | None = None,
    region: str | Sequence[str] | None = None,
    **columns: Any,
) -> pd.DataFrame:
    """Build a recording table from signals and what is known of them.

    Parameters
    ----------
    signals : iterable of array-like or SignalFile
        One per recording, in mV: ``(n_times,)`` or ``(n_channels, n_times)``. A 2-D array is read
        as one single-channel recording per row, a 3-D array as one recording per entry.
    fs : float or array-like of shape (n_recordings,)
        Sampling rate in Hz, one for all or one per recording.
    subject : hashable or sequence of hashable
        Whose recording it is. A string or number stands for all recordings.
    muscle, region : str or sequence of str, default=None
        For instance "biceps brachii" and "proximal"; the columns are left out when None.
    **columns
        Further columns, each one value or one per recording (level, side, age, session ...).

    Returns
    -------
    table : DataFrame of shape (n_recordings, n_columns)
        Checked by :func:`check_recording_table`.

    Raises
    ------
    ValueError
        If a column has another length than `signals`, or a signal or rate is unusable.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emg.recordings import recording_table
    >>> rng = np.random.default_rng(0)
    >>> table = recording_table(
    ...     [rng.normal(size=1000), rng.normal(size=1500)], fs=1000.0, subject=["s1", "s2"]
    ... )
    >>> table[["fs", "subject"]]
           fs subject
    0  1000.0      s1
    1  1000.0      s2
    """
    column = _object_column(
        s if isinstance(s, SignalFile) else np.asarray(s)
        for s in ([signals] if isinstance(signals, SignalFile) else signals)
    )
    table = pd.DataFrame({"signal": column})
    given = {"fs": fs, "subject": subject, "muscle": muscle, "region": region, **columns}
    for name, value in given.items():
        if value is None:
            continue
        if not isinstance(value, (str, bytes)) and np.ndim(value) == 1:
            if len(value) != len(table):
                raise ValueError(
                    f"Column {name!r} has {len(value)} values for {len(table)} signals; "
                    "give one value for all or one per signal."
                )
            table[name] = value.to_numpy() if isinstance(value, pd.Series) else list(value)
        else:
            table[name] = [value] * len(table)
    if np.issubdtype(table["fs"].to_numpy().dtype, np.number):
        table["fs"] = table["fs"].astype(float)
    return check_recording_table(table)


def _signal_fault(signal: Any, finite: bool) -> str | None:
    if not isinstance(signal, SignalFile):
        if not isinstance(signal, np.ndarray):
            return (
                f"must be a NumPy array or a SignalFile, got {type(signal).__name__}; "
                "build the table with recording_table"
            )
        if signal.dtype.kind not in "fiu":
            return f"must be numeric in mV, got dtype {signal.dtype}; convert it to float"
    if signal.ndim not in (1, 2):
        return (
            f"must be 1-D (n_times,) or 2-D (n_channels, n_times), got {signal.ndim} dimensions; "
            "give each recording a row of its own"
        )
    # A file of unknown length is not looked at before somebody reads it.
    unknown = isinstance(signal, SignalFile) and signal.length is None
    if not unknown and 0 in signal.shape:
        return f"is empty (shape {signal.shape}); leave the recording out"
    if finite and not np.isfinite(read_signal(signal)).all():
        return "contains NaN or infinity; leave the recording out or interpolate the gaps"
    return None


def check_recording_table(
    table: pd.DataFrame,
    *,
    required: Sequence[str] = ("signal", "fs", "subject"),
    finite: bool = False,
) -> pd.DataFrame:
    """Check a recording table and tell all that is wrong with it at once.

    Parameters
    ----------
    table : DataFrame
        The table, one row per recording.
    required : sequence of str, default=("signal", "fs", "subject")
        Columns it must have.
    finite : bool, default=False
        Also read every signal and refuse NaN and infinity.

    Returns
    -------
    table : DataFrame
        The same object.

    Raises
    ------
    TypeError
        If `table` is not a DataFrame.
    ValueError
        If it has no rows, lacks a column, or a row is unusable. The message names row, column and
        remedy.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_emg.recordings import check_recording_table
    >>> check_recording_table(pd.DataFrame({"signal": [None], "subject": ["a"]}))
    Traceback (most recent call last):
    ValueError: The recording table lacks the column 'fs' (sampling rate in Hz); add it, ...
    """
    if not isinstance(table, pd.DataFrame):
        raise TypeError(
            f"A recording table is a pandas DataFrame, got {type(table).__name__}; "
            "build one with sklearn_emg.recordings.recording_table."
        )
    meaning = {
        "signal": "samples in mV",
        "fs": "sampling rate in Hz",
        "subject": "whose recording it is",
    }
    missing = [c for c in required if c not in table.columns]
    if missing:
        names = ", ".join(f"{c!r} ({meaning.get(c, 'asked for by name')})" for c in missing)
        have = ", ".join(map(repr, table.columns)) or "no columns"
        raise ValueError(
            f"The recording table lacks the column {names}; add it, "
            "for instance with table.assign(...). "
            f"It has {have}."
        )
    if table.columns.has_duplicates:
        twice = sorted({str(c) for c in table.columns[table.columns.duplicated()]})
        raise ValueError(
            f"The recording table has the columns {twice} more than once; rename them."
        )
    if len(table) == 0:
        raise ValueError(
            "The recording table has no rows (0 sample(s)) while a minimum of 1 is required."
        )
    faults = []

    def note(row: int, column: str, text: str) -> None:
        faults.append(f"row {row} (index {table.index[row]!r}), column {column!r}: {text}")

    if "signal" in required:
        for row, signal in enumerate(table["signal"]):
            if (fault := _signal_fault(signal, finite)) is not None:
                note(row, "signal", fault)
    if "fs" in required:
        rates = pd.to_numeric(table["fs"], errors="coerce").to_numpy(dtype=float)
        for row in np.flatnonzero(~(np.isfinite(rates) & (rates > 0))).tolist():
            given = table["fs"].iloc[row]
            note(row, "fs", f"must be a positive number in Hz, got {given}; set the true rate")
    if "subject" in required:
        absent = table["subject"].isna()
        for row, (subject, is_absent) in enumerate(zip(table["subject"], absent)):
            if not isinstance(subject, Hashable):
                note(row, "subject", f"must be hashable, got {type(subject).__name__}; use a name")
            elif is_absent:
                note(row, "subject", "is missing; say whose recording it is or leave it out")
    if faults:
        more = len(faults) - _MAX_FAULTS
        lines = "\n  ".join(faults[:_MAX_FAULTS]) + (f"\n  and {more} more" if more > 0 else "")
        raise ValueError(f"The recording table has unusable rows:\n  {lines}")
    return table


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
    codes, _ = pd.factorize(_object_column(given), use_na_sentinel=True)
    if (codes < 0).any():
        row = int(np.flatnonzero(codes < 0)[0])
        raise ValueError(f"Row {row} has no subject; say whose it is or leave the row out.")
    return codes


@dataclass(frozen=True)
class Windows:
    """Windows of a recording table and the way back: window → row → subject.

    Attributes
    ----------
    X : ndarray of shape (n_windows, n_times) or (n_windows, n_channels, n_times)
        The windows, in mV.
    row : ndarray of shape (n_windows,)
        Position of the recording in the table.
    start : ndarray of shape (n_windows,)
        First sample of the window in its recording.
    fs : float
        Sampling rate in Hz, that of all windows.
    n_rows : int
        Recordings in the table, those without a window included.
    skipped : dict of int to str
        Why windows of a row were left out, by row position.
    """

    X: NDArray[np.floating]
    row: NDArray[np.intp]
    start: NDArray[np.intp]
    fs: float
    n_rows: int
    skipped: dict[int, str]

    def __len__(self) -> int:
        return len(self.row)

    def repeat(self, values: ArrayLike) -> NDArray:
        """Values of the rows (labels, subjects), repeated for each window of the row."""
        values = np.asarray(values)
        if len(values) != self.n_rows:
            raise ValueError(f"Got {len(values)} values for a table of {self.n_rows} rows.")
        return values[self.row]

    def mean_by_row(self, values: ArrayLike) -> NDArray[np.floating]:
        """Mean of the windows' values for each row, NaN for a row without windows.

        Parameters
        ----------
        values : array-like of shape (n_windows, n_values)

        Returns
        -------
        means : ndarray of shape (n_rows, n_values)
        """
        return mean_by_code(np.asarray(values, dtype=float), self.row, self.n_rows)


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


def _to_samples(name: str, duration: float, fs: float, unit: str) -> int:
    if not np.isfinite(duration) or duration <= 0:
        raise ValueError(f"The {name!r} must be a positive number of {unit}. Got {duration!r}.")
    if unit == "samples":
        if duration != int(duration):
            raise ValueError(f"The {name!r} must be a whole number of samples. Got {duration!r}.")
        return int(duration)
    # Whole samples that fit: 1 s at 23437.5 Hz is 23437 samples. The tolerance keeps 0.29 s at
    # 100 Hz at 29 samples although the product is 28.999999999999996.
    n_samples = int(np.floor(duration * fs + 1e-6))
    if n_samples < 1:
        raise ValueError(
            f"The {name!r} of {duration} s is shorter than one sample at fs={fs} Hz; lengthen it."
        )
    return n_samples


def _starts(n_times: int, size: int, step: int, tail: str) -> tuple[NDArray[np.intp], int]:
    """First samples of the windows and the length that the recording must be padded to."""
    if n_times < size:
        return (np.zeros(1, dtype=np.intp), size) if tail == "pad" else (np.empty(0, np.intp), 0)
    starts = np.arange(0, n_times - size + 1, step, dtype=np.intp)
    rest = n_times - (starts[-1] + size)
    if rest and tail == "overlap":
        return np.append(starts, n_times - size), n_times
    # A further window is worth padding only if it brings samples that no window has yet.
    if rest and tail == "pad" and starts[-1] + step < n_times:
        return np.append(starts, starts[-1] + step), int(starts[-1]) + step + size
    return starts, n_times


def _one_rate(table: pd.DataFrame) -> float:
    rates = table["fs"].to_numpy(dtype=float)
    other = np.flatnonzero(rates != rates[0])
    if other.size:
        raise ValueError(
            f"Windows need one sampling rate: row 0 has fs={rates[0]:g} Hz, row {other[0]} has "
            f"fs={rates[other[0]]:g} Hz. Put Resampler(fs_out=...) before, or divide them apart."
        )
    return float(rates[0])


Unit = Literal["seconds", "samples"]
Tail = Literal["drop", "overlap", "pad"]
OnFault = Literal["raise", "skip"]


class _Division:
    """How a table falls into windows; iterating reads one recording at a time."""

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
        self.signals = table["signal"].tolist()
        self.fs = _one_rate(table)
        self.size = _to_samples("window", window, self.fs, unit)
        self.step = self.size if step is None else _to_samples("step", step, self.fs, unit)
        self.tail, self.nan = tail, nan
        self.skipped: dict[int, str] = {}
        self.channels = self._one_channel_count()
        self.starts = []
        for row, signal in enumerate(self.signals):
            n_times = signal.shape[-1]
            starts, _ = _starts(n_times, self.size, self.step, tail)
            self.starts.append(starts)
            if not starts.size:
                text = (
                    f"row {row} has {n_times} samples ({n_times / self.fs:g} s), "
                    f"one window has {self.size}"
                )
                if short == "raise":
                    raise ValueError(
                        f"Too short for a window: {text}. Shorten the window, leave the row out, "
                        "use tail='pad', or short='skip' to go on without it."
                    )
                self.skipped[row] = text
        self.n_windows = sum(len(s) for s in self.starts)  # before any is left out for NaN

    def _one_channel_count(self) -> tuple[int, ...]:
        shapes = [signal.shape for signal in self.signals]
        for row, shape in enumerate(shapes):
            if shape[:-1] != shapes[0][:-1]:
                raise ValueError(
                    "Windows need one number of channels: row 0 has a signal of shape "
                    f"{shapes[0]}, row {row} of shape {shape}."
                )
        return shapes[0][:-1]

    def __iter__(self) -> Iterator[tuple[int, NDArray[np.intp], list[NDArray]]]:
        """Yield row, first samples and views of the windows of each recording that has some."""
        n_left = 0
        for row, (entry, starts) in enumerate(zip(self.signals, self.starts)):
            if not starts.size:
                continue
            signal = read_signal(entry)
            n_times = signal.shape[-1]
            padded = int(starts[-1]) + self.size
            if padded > n_times:
                signal = np.pad(signal, [(0, 0)] * (signal.ndim - 1) + [(0, padded - n_times)])
            views = [signal[..., s : s + self.size] for s in starts]
            # Windows are looked at one by one only where the recording has a gap at all.
            if not np.isfinite(signal).all():
                good = np.array([bool(np.isfinite(view).all()) for view in views])
                if not good.all():
                    text = (
                        f"row {row} has NaN or infinity in {(~good).sum()} of {len(good)} windows"
                    )
                    if self.nan == "raise":
                        raise ValueError(
                            f"Invalid samples: {text}. Interpolate the gaps, leave the row out, "
                            "or use nan='skip' to leave those windows out."
                        )
                    self.skipped[row] = text
                    starts = starts[good]
                    views = [view for view, ok in zip(views, good) if ok]
            n_left += len(views)
            if views:
                yield row, starts, views
        self._report(n_left)

    def _report(self, n_left: int) -> None:
        if n_left == 0:
            raise ValueError(
                f"No window of {self.size} samples is left of {len(self.signals)} recordings; "
                "shorten the window."
            )
        if self.skipped:
            reasons = [self.skipped[row] for row in sorted(self.skipped)]
            more = len(reasons) - _MAX_FAULTS
            text = "; ".join(reasons[:_MAX_FAULTS]) + (f"; and {more} more" if more > 0 else "")
            warnings.warn(f"Windows left out: {text}.", UserWarning, stacklevel=4)


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
) -> Windows:
    """Cut the recordings of a table into windows of equal length.

    Parameters
    ----------
    table : DataFrame
        Recording table with one sampling rate and one number of channels.
    window : float
        Length of a window in `unit`. Seconds become the whole samples that fit:
        ``floor(window * fs)``.
    step : float, default=None
        From the beginning of one window to that of the next, in `unit`. By default `window`, which
        leaves no overlap.
    unit : {"seconds", "samples"}, default="seconds"
    tail : {"drop", "overlap", "pad"}, default="drop"
        What becomes of samples behind the last whole window: left out, covered by one more window
        that ends with the recording, or by one more window filled up with zeros.
    nan : {"raise", "skip"}, default="raise"
        Windows with NaN or infinity are an error, or left out with one warning.
    short : {"raise", "skip"}, default="raise"
        Recordings shorter than one window are an error, or left out with one warning.
    dtype : dtype-like, default=numpy.float32
        Type of the windows.

    Returns
    -------
    windows : Windows
        The windows, in table order, and the row that each comes from. One recording is read at a
        time; nothing but the windows themselves is held.

    Raises
    ------
    ValueError
        If rates or channels differ, a recording is too short or invalid, or no window is left.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emg.recordings import divide, recording_table
    >>> table = recording_table([np.arange(10.0), np.arange(7.0)], fs=10.0, subject=["a", "b"])
    >>> windows = divide(table, window=0.4, step=0.2)
    >>> windows.X.shape, windows.row.tolist(), windows.start.tolist()
    ((6, 4), [0, 0, 0, 0, 1, 1], [0, 2, 4, 6, 0, 2])
    """
    division = _Division(table, window, step, unit, tail, nan, short)
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
    return Windows(
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
    """Cut recordings into windows and give each a row of its own.

    The signals are views into the recordings, so that overlapping windows take no further memory.
    All other columns are repeated.

    Parameters
    ----------
    table : DataFrame
        Recording table.
    window, step, unit, tail, nan, short
        As in :func:`divide`.

    Returns
    -------
    windows : DataFrame of shape (n_windows, n_columns)
        A recording table with one window per row.
    row : ndarray of shape (n_windows,)
        Position of the recording in `table`.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emg.recordings import recording_table, window_table
    >>> table = recording_table([np.arange(10.0)], fs=10.0, subject="a")
    >>> windows, row = window_table(table, window=0.5)
    >>> windows["signal"].iloc[1]
    array([5., 6., 7., 8., 9.])
    """
    division = _Division(table, window, step, unit, tail, nan, short)
    signals: list[NDArray] = []
    rows: list[int] = []
    for row, _, views in division:
        signals.extend(views)
        rows.extend([row] * len(views))
    index = np.array(rows, dtype=np.intp)
    windows = table.drop(columns="signal").iloc[index].reset_index(drop=True)
    windows.insert(list(table.columns).index("signal"), "signal", _object_column(signals))
    return windows, index
