"""Building and checking of recording tables."""

from __future__ import annotations

import os
import re
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any, TypeGuard

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from sklearn_emg._tables import counted, listed, row_text
from sklearn_emg.recordings._frames import (
    foreign_columns,
    named_channels,
    refuse_foreign_frame,
    refuse_repeated_columns,
    refuse_rows,
    samples_of,
    warn_of_other_order,
)
from sklearn_emg.recordings._kept import DERIVED, KeptSignal, KeptSlice
from sklearn_emg.recordings._plausibility import warn_of_implausible_recordings
from sklearn_emg.recordings._signal_file import SignalFile, read_signal, unmasked
from sklearn_emg.recordings._subjects import is_blank, object_column, warn_of_subject_names
from sklearn_emg.recordings._units import Scale
from sklearn_emg.recordings._visits import faults_of_visits, warn_of_other_units

_NULLABLE = (pd.arrays.IntegerArray, pd.arrays.FloatingArray, pd.arrays.BooleanArray)
_MEANING = {
    "signal": "samples in mV",
    "fs": "sampling rate in Hz",
    "subject": "subject of the recording",
}

# Columns that describe a recording and are never used as features.
METADATA_COLUMNS = (
    "subject",
    "fs",
    "muscle",
    "region",
    "channel_names",
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
    # Where a recording was made, and whether its subject is a reference of that site.
    "site",
    "reference",
    # Columns that readers and cut_recordings add.
    "channel",
    "label",
    "start",
    "stop",
    "start_time",
    "unit",
    "file",
    "task",
    "run",
    # Visits of a subject, and the visit that a prognosis is for.
    "visit",
    "time",
    "target_visit",
    "target_time",
    # Columns of a simulated cohort, which reveal the diagnosis.
    "subtype",
    "severity",
    "drive",
)


def is_recording_table(X: object) -> TypeGuard[pd.DataFrame]:
    """Return whether X is a DataFrame with a ``signal`` column.

    Parameters
    ----------
    X : object
        Any object.

    Returns
    -------
    is_table : bool
        Whether X is a recording table.

    Raises
    ------
    TypeError
        If X is a frame of polars or pyarrow with a ``signal`` column. Convert it with
        ``X.to_pandas()``.
    ValueError
        If X is a DataFrame whose signals are in a column with another name.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_emg.recordings import is_recording_table
    >>> is_recording_table(pd.DataFrame({"rms": [0.1]}))
    False
    """
    if isinstance(X, pd.DataFrame):
        if "signal" in X.columns:
            return True
        for name, dtype in X.dtypes.items():
            first = X[name].iloc[0] if len(X) and dtype.kind == "O" else None
            if isinstance(first, (np.ndarray, SignalFile)):
                raise ValueError(
                    f"Column {name!r} of X holds signals, but a recording table has them in the "
                    f"column 'signal'. Use X.rename(columns={{{name!r}: 'signal'}})."
                )
    elif "signal" in (foreign_columns(X) or ()):
        refuse_foreign_frame(X, "A recording table")
    return False


def refuse_recordings(X: object, caller: str) -> None:
    """Raise an error if X is a recording table in place of features or windows."""
    if is_recording_table(X):
        raise ValueError(
            f"{caller} takes features or windows, but X is a recording table. Compute features "
            "first, for example with EMGFeatures in a Pipeline, or cut windows with "
            "sklearn_emg.recordings.divide."
        )


def common_channel_names(table: pd.DataFrame) -> tuple[str, ...] | None:
    """Return the channel names of a table if all its recordings have the same names.

    None stands for different names or no names, and for a name that occurs twice. The same names in
    different orders are refused, since channels would be taken for each other.
    """
    if "channel_names" not in table.columns:
        return None
    rows = [tuple(n) if isinstance(n, (tuple, list)) else None for n in table["channel_names"]]
    _refuse_different_orders(table, rows)
    names = rows[0]
    if names is None or len(set(names)) < len(names) or any(row != names for row in rows):
        return None
    return names


def _refuse_different_orders(table: pd.DataFrame, rows: list[tuple[str, ...] | None]) -> None:
    orders: dict[tuple[str, ...], tuple[str, ...]] = {}
    for row, names in enumerate(rows):
        if names is not None and (first := orders.setdefault(tuple(sorted(names)), names)) != names:
            raise ValueError(
                f"{row_text(table, row, 'Row')} has the channels {', '.join(names)}, but "
                f"{row_text(table, rows.index(first))} has them in the order {', '.join(first)}. "
                f"Reorder them with select_channels(table, {list(first)})."
            )


def refuse_other_order(
    known: tuple[str, ...] | None, given: tuple[str, ...] | None, caller: str
) -> None:
    """Refuse new recordings that have the training channels in a different order.

    Different names are accepted, since they may denote the same electrode positions. None stands
    for channels without names.
    """
    if known is None or given is None or known == given or sorted(known) != sorted(given):
        return
    raise ValueError(
        f"The channels are {', '.join(given)}, but {caller} was fitted on {', '.join(known)}, in "
        f"that order. Reorder them with select_channels(table, {list(known)})."
    )


def with_signals(table: pd.DataFrame, signals: Sequence[Any]) -> pd.DataFrame:
    """Replace the signals of a table with the output of a step of this package.

    The channel names are left out if the number of channels has changed. The amplitude of the
    signals is no longer checked.
    """
    changed = table.copy(deep=False)
    changed["signal"] = object_column(signals, table.index)
    changed.attrs = {**table.attrs, DERIVED: True}
    if "channel_names" in changed.columns and any(_faults_of_names(changed, False)):
        changed = changed.drop(columns="channel_names")
    return changed


def recording_table(
    signals: Iterable[Any],
    *,
    fs: float | ArrayLike,
    subject: Hashable | Sequence[Hashable],
    muscle: str | Sequence[str] | None = None,
    region: str | Sequence[str] | None = None,
    unit: str | Sequence[str] = "mV",
    gain: float | Sequence[float] | None = None,
    baseline: float | Sequence[float] | None = None,
    channel_names: Sequence[str] | Sequence[Sequence[str] | None] | None = None,
    **columns: Any,
) -> pd.DataFrame:
    """Build a recording table from signals and their metadata.

    Parameters
    ----------
    signals : iterable of array-like, DataFrame or SignalFile
        One signal per recording, in `unit` and of shape ``(n_times,)`` or
        ``(n_channels, n_times)``. Each row of a 2-D array is a recording with one channel, and each
        entry along the first axis of a 3-D array is a recording with several channels. A DataFrame,
        alone or as an element of the list, is one recording whose rows are samples and whose
        columns are channels; it is converted to the shape ``(n_channels, n_times)``. If the names
        of its columns are texts, they become the names of the channels. Masked samples become NaN.
    fs : float or array-like of shape (n_recordings,)
        Sampling rate in Hz, one for all recordings or one per recording. Numbers given as text are
        converted.
    subject : hashable or sequence of hashable
        Subject of each recording. A string or number is the subject of all recordings.
    muscle, region : str or sequence of str, default=None
        Muscle and region, for instance "biceps brachii" and "proximal". If None, the table has no
        such column.
    unit : {"nV", "uV", "mV", "V", "counts"} or sequence of these, default="mV"
        Unit of the samples, one for all recordings or one per recording. Samples are converted to
        mV. The micro sign may be written as "u" or "µ". The samples of a SignalFile are not read;
        only its scale and baseline are changed.
    gain : float or sequence of float, default=None
        Counts per mV, which ``unit="counts"`` requires.
    baseline : float or sequence of float, default=None
        Count that stands for 0 mV, such as 2048 for a converter of 12 bits, for
        ``unit="counts"``. By default it is 0.
    channel_names : sequence of str or sequence of sequences of str, default=None
        Names of the channels, for all recordings or for each recording. They are stored in the
        column ``channel_names`` with one tuple per row, and features are named after them.
    **columns
        Further columns (level, side, age, session ...), each as one value for all recordings or
        one value per recording.

    Returns
    -------
    table : DataFrame of shape (n_recordings, n_columns)
        Recording table, checked by :func:`check_recording_table`.

    Raises
    ------
    TypeError
        If `signals` or one of them is a frame of a library other than pandas.
    ValueError
        If the length of a column differs from that of `signals`, or if a signal, rate or unit is
        invalid.

    Warns
    -----
    RecordingWarning
        If signals do not look like EMG in mV, if several names look like spellings of the same name
        (see :func:`check_recording_table`), or if several Series have the same index labels in
        different orders.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emg.recordings import recording_table
    >>> rng = np.random.default_rng(0)
    >>> table = recording_table(
    ...     [200 * rng.normal(size=1000), 150 * rng.normal(size=1500)],
    ...     fs=1000.0,
    ...     subject=["s1", "s2"],
    ...     unit="uV",
    ... )
    >>> table[["fs", "subject"]]
           fs subject
    0  1000.0      s1
    1  1000.0      s2
    >>> round(float(table["signal"][0].std()), 2)
    0.2
    """
    entries = [_as_signal(entry, row) for row, entry in enumerate(_entries(signals))]
    n_rows = len(entries)
    scales = zip(
        _per_row("unit", unit, n_rows),
        _per_row("gain", gain, n_rows),
        _per_row("baseline", baseline, n_rows),
    )
    scaled = [Scale(*scale).apply(signal) for scale, (signal, _) in zip(scales, entries)]
    table = pd.DataFrame({"signal": object_column(scaled)})
    given = {"fs": _rates(fs), "subject": subject, "muscle": muscle, "region": region, **columns}
    _warn_of_other_orders({"signals": signals, **given})
    for name, value in given.items():
        if value is not None:
            table[name] = _column(name, value, n_rows)
    names = [names for _, names in entries]
    if channel_names is not None:
        names = _names_by_row(channel_names, n_rows)
    if names.count(None) < n_rows:
        table["channel_names"] = object_column(names)
    if "fs" in table and np.issubdtype(table["fs"].to_numpy().dtype, np.number):
        table["fs"] = table["fs"].astype(float)
    return check_recording_table(table)


def _warn_of_other_orders(given: Mapping[str, Any]) -> None:
    """Warn about Series whose index has a different order from that of the first Series."""
    first, *others = [name for name, value in given.items() if isinstance(value, pd.Series)] or [""]
    for name in others:
        warn_of_other_order(given[first], given[name], name, first)


def _column(name: str, value: Any, n_rows: int) -> Any:
    """Return the values of a column that is given as one value for all rows or one per row."""
    value = listed(value)
    if not _has_one_per_row(value):
        return [value] * n_rows
    values = _per_row(name, value, n_rows)
    array = getattr(value, "array", value)
    if isinstance(array, _NULLABLE):  # a list with pd.NA would become a column of objects
        return array
    return value.to_numpy() if isinstance(value, pd.Series) else values


def _has_one_per_row(value: Any) -> bool:
    """Return whether a column is given row by row instead of as one value for all rows."""
    if isinstance(value, list) and value and all(isinstance(v, tuple) for v in value):
        return True  # names that are tuples
    return not isinstance(value, (str, bytes)) and np.ndim(value) == 1


def _entries(signals: Any) -> list[Any]:
    """Return a list of signals with one object per recording."""
    refuse_foreign_frame(signals, "The 'signals' of recording_table")
    if isinstance(signals, pd.DataFrame):
        if "signal" in signals.columns:
            raise ValueError(
                "recording_table got a recording table, which already has a column 'signal'. Use "
                "check_recording_table, or pass its column: recording_table(X['signal'], ...)."
            )
        return [signals]
    if isinstance(signals, Mapping) or _are_texts(signals):
        raise TypeError(
            "The 'signals' of recording_table must be a list of arrays, or one DataFrame with a "
            f"column per channel. Got {type(signals).__name__}. Read files with "
            "sklearn_emg.io.read_recordings."
        )
    entries = [signals] if isinstance(signals, SignalFile) else list(signals)
    if entries and all(
        not isinstance(e, (SignalFile, pd.DataFrame)) and np.ndim(e) == 0 for e in entries[:2]
    ):
        raise ValueError(
            "recording_table takes a list of recordings but got one signal of "
            f"{counted(len(entries), 'sample')}. Pass it as [signal]."
        )
    return entries


def _are_texts(signals: Any) -> bool:
    """Return whether signals are texts, such as paths, instead of samples."""
    texts = (str, bytes, os.PathLike)
    is_list = isinstance(signals, (list, tuple)) and len(signals) > 0
    return isinstance(signals, texts) or (is_list and isinstance(signals[0], texts))


def _as_signal(entry: Any, row: int) -> tuple[Any, tuple[str, ...] | None]:
    """Return the array or file of one recording, and the names of its channels, if known."""
    refuse_foreign_frame(entry, f"The recording of row {row}, given as a frame,")
    if isinstance(entry, pd.DataFrame):
        return named_channels(entry, row)
    if isinstance(entry, SignalFile):
        return entry, None
    if isinstance(entry, pd.Series):
        return samples_of(entry), None
    try:
        return np.asarray(unmasked(entry)), None
    except ValueError as error:
        lengths = [len(part) if hasattr(part, "__len__") else 1 for part in entry]
        if len(set(lengths)) < 2:
            raise ValueError(f"Row {row} does not hold a signal: {error}") from error
        raise ValueError(
            f"Row {row} has channels of unequal length: {lengths[:8]} samples. Cut them to one "
            "length, or give each channel a row of its own."
        ) from error


def _per_row(name: str, value: Any, n_rows: int) -> list[Any]:
    """Return a list with one value per row."""
    value = listed(value)
    if value is None or not _has_one_per_row(value):
        return [value] * n_rows
    if len(value) != n_rows:
        raise ValueError(
            f"Column {name!r} has {counted(len(value), 'value')} for {counted(n_rows, 'signal')}; "
            "pass one value for all signals or one per signal."
        )
    return list(value)


def _rates(fs: Any) -> Any:
    """Convert rates given as text to numbers; return other rates unchanged."""
    if np.ndim(fs) in (0, 2) and np.size(fs) == 1 and isinstance(fs, np.ndarray):
        fs = fs.ravel()[0]  # as read from MATLAB and HDF5 files
    texts: Any = [fs] if isinstance(fs, str | bytes | Decimal | Fraction) else fs
    if np.ndim(texts) != 1 or all(isinstance(v, int | float | np.number) for v in texts):
        return fs
    rates = []
    for row, rate in enumerate(texts):
        try:
            rates.append(float(rate))
        except TypeError:  # reported by check_recording_table
            return fs
        except ValueError as error:
            raise ValueError(
                f"Row {row}, column 'fs': the text {rate!r} is not a number in Hz; pass fs as a "
                "number, with a decimal point and without a unit."
            ) from error
    return rates if texts is fs else rates[0]


def _names_by_row(channel_names: Any, n_rows: int) -> list[tuple[str, ...] | None]:
    if isinstance(channel_names, str):
        raise ValueError(
            f"The 'channel_names' of recording_table must be a list of names. Got "
            f"{channel_names!r}; pass [{channel_names!r}]."
        )
    given = list(channel_names)
    if all(isinstance(name, str) for name in given):
        return [tuple(given)] * n_rows
    return [
        n if n is None else tuple(n)
        for n in _per_row("channel_names", object_column(given), n_rows)
    ]


def _no_numbers(signal: np.ndarray) -> str:
    text = next((v for v in signal.ravel()[:100].tolist() if isinstance(v, str)), None)
    if text is None:
        return f"must be numeric in mV, got dtype {signal.dtype}; convert it to float"
    remedy = "convert it to float"
    if re.fullmatch(r"\s*[+-]?\d*,\d+\s*", text):
        remedy = (
            "it has a decimal comma: read the file with pandas.read_csv(..., decimal=','), or "
            "replace the commas by points and convert it to float"
        )
    return f"must be numeric in mV, but its samples are text such as {text!r}; {remedy}"


def _fault_of_values(signal: Any) -> str:
    """Describe the fault of a signal that is no array of numbers; empty if there is none."""
    if isinstance(signal, (SignalFile, KeptSignal, KeptSlice)):
        return ""
    if not isinstance(signal, np.ndarray):
        return (
            f"must be a NumPy array or a SignalFile, got {type(signal).__name__}; "
            "build the table with recording_table"
        )
    if signal.dtype.kind not in "fiu":
        return _no_numbers(signal)
    if np.ma.is_masked(signal):
        return "has masked samples; replace them by NaN, with .astype(float).filled(np.nan)"
    return ""


def _signal_fault(signal: Any, finite: bool) -> str | None:
    if fault := _fault_of_values(signal):
        return fault
    if signal.ndim not in (1, 2):
        return (
            f"must be 1-D (n_times,) or 2-D (n_channels, n_times), got {signal.ndim} dimensions; "
            "give each recording a row of its own"
        )
    # The size of a file of unknown length is not determined before it is read.
    unknown = isinstance(signal, SignalFile) and signal.length is None
    if not unknown and 0 in signal.shape:
        return f"is empty (shape {signal.shape}); leave the recording out"
    if finite and not np.isfinite(read_signal(signal)).all():
        return (
            "contains NaN or infinity; leave the recording out or interpolate the gaps "
            "(GapInterpolator)"
        )
    return None


def _refuse_faults(table: pd.DataFrame, required: Sequence[str], finite: bool) -> None:
    """Raise one error that names the first unusable rows, if there are any."""
    checked = {*required, *table.columns.intersection(["channel_names"])}
    faults = [
        (row, column, text)
        for column, find in _FAULTS.items()
        if column in checked
        for row, text in find(table, finite)
    ]
    if "subject" in checked and not faults:
        faults = list(faults_of_visits(table))
    refuse_rows(table, faults, "The recording table")


def check_recording_table(
    table: pd.DataFrame,
    *,
    required: Sequence[str] = ("signal", "fs", "subject"),
    finite: bool = False,
    plausible: bool = True,
) -> pd.DataFrame:
    """Check a recording table and report its faults in one error.

    Signals that cannot be EMG in mV are reported in one
    :class:`~sklearn_emg.exceptions.RecordingWarning` that names the rows. The reasons are: more
    channels than samples (for at least 8 channels); a sampling rate below 100 Hz or above 200 kHz;
    samples that are all integers; a mean amplitude above 5 mV, below 0.3 µV, below 2 µV if the
    median of the table is also below 2 µV, or different from that median by a factor of more than
    300 (in a table of at least three recordings); one channel above 5 mV and more than 300 times
    as large as the others; an offset above 1 V; and samples that never change their sign. Another
    warning reports names that look like spellings of one name (see :func:`similar_subjects`).

    Parameters
    ----------
    table : DataFrame of shape (n_recordings, n_columns)
        Table with one row per recording. The columns ``visit`` (order) and ``time`` (months or
        dates) are checked as by :func:`check_visits`.
    required : sequence of str, default=("signal", "fs", "subject")
        Columns that the table must have.
    finite : bool, default=False
        Whether to read every signal and refuse NaN and infinity.
    plausible : bool, default=True
        Whether to check the shapes, the rates and, of at most 512 arrays, some samples, and to warn
        about recordings that cannot be EMG in mV. Files are not read for this. If signals are the
        output of a step of this package, only their shapes are checked.

    Returns
    -------
    table : DataFrame
        The table that was passed.

    Raises
    ------
    TypeError
        If `table` is not a DataFrame.
    ValueError
        If the table has no rows, lacks a column or has two columns with the same name, or if a row
        is unusable. The message names the row, the column and the remedy.

    Warns
    -----
    RecordingWarning
        If recordings or times of visits are implausible, or, also with ``plausible=False``, if
        names of subjects look alike or like a missing value.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_emg.recordings import check_recording_table
    >>> check_recording_table(pd.DataFrame({"signal": [None], "subject": ["a"]}))
    Traceback (most recent call last):
    ValueError: The recording table lacks the column 'fs' (sampling rate in Hz); add it, ...
    """
    refuse_foreign_frame(table, "A recording table")
    if not isinstance(table, pd.DataFrame):
        raise TypeError(
            f"A recording table must be a pandas DataFrame, got {type(table).__name__}; "
            "build one with sklearn_emg.recordings.recording_table."
        )
    _check_columns(table, required)
    if len(table) == 0:
        raise ValueError(
            "The recording table has no rows (0 sample(s)), but a minimum of 1 is required."
        )
    _refuse_faults(table, required, finite)
    if "signal" in required and plausible:
        warn_of_implausible_recordings(table)
        if {"subject", "time"} <= set(table.columns):
            warn_of_other_units(table)
    if "subject" in required:
        warn_of_subject_names(pd.unique(table["subject"].astype(object)))
    return table


def _check_columns(table: pd.DataFrame, required: Sequence[str]) -> None:
    missing = [c for c in required if c not in table.columns]
    if missing:
        names = ", ".join(f"{c!r} ({_MEANING.get(c, 'required here')})" for c in missing)
        have = ", ".join(map(repr, table.columns)) or "no columns"
        raise ValueError(
            f"The recording table lacks the column{'s' * (len(missing) > 1)} {names}; add "
            f"{'it' if len(missing) == 1 else 'them'}, for instance with table.assign(...). "
            f"It has {have}."
        )
    refuse_repeated_columns(table)


def _faults_of_signals(table: pd.DataFrame, finite: bool) -> Iterator[tuple[int, str]]:
    for row, signal in enumerate(table["signal"]):
        if (fault := _signal_fault(signal, finite)) is not None:
            yield row, fault


def _faults_of_rates(table: pd.DataFrame, finite: bool) -> Iterator[tuple[int, str]]:
    rates = pd.to_numeric(table["fs"], errors="coerce").to_numpy(dtype=float)
    for row in np.flatnonzero(~(np.isfinite(rates) & (rates > 0))).tolist():
        given = table["fs"].iloc[row]
        yield row, f"must be a positive number in Hz, got {given}; set the true rate"
    if not pd.api.types.is_numeric_dtype(table["fs"]):
        for row, given in enumerate(table["fs"]):
            if not isinstance(given, int | float | np.number) and np.isfinite(rates[row]):
                kind = "text" if isinstance(given, str) else type(given).__name__
                yield row, f"is the {kind} {given!r}; convert it: table['fs'].astype(float)"


def _faults_of_subjects(table: pd.DataFrame, finite: bool) -> Iterator[tuple[int, str]]:
    absent = table["subject"].isna()
    for row, (subject, is_absent) in enumerate(zip(table["subject"], absent)):
        if not isinstance(subject, Hashable):
            yield row, f"must be hashable, got {type(subject).__name__}; use a name"
        elif is_absent:
            yield row, "is missing; name the subject or leave the recording out"
        elif is_blank(subject):
            yield row, f"is blank ({subject!r}); name the subject or leave the recording out"


def _faults_of_names(table: pd.DataFrame, finite: bool) -> Iterator[tuple[int, str]]:
    signals = table["signal"] if "signal" in table.columns else [None] * len(table)
    for row, (names, signal) in enumerate(zip(table["channel_names"], signals)):
        if names is None or (isinstance(names, float) and np.isnan(names)):
            continue
        if text := _fault_of_names((names,) if isinstance(names, str) else names, signal):
            yield row, text


def _fault_of_names(names: Any, signal: Any) -> str:
    """Describe the fault of the channel names of one recording; empty if there is none."""
    if not isinstance(names, (tuple, list)) or not all(isinstance(n, str) for n in names):
        return f"must be a tuple of names, got {names!r}"
    ndim = getattr(signal, "ndim", None)
    n_channels = signal.shape[0] if ndim == 2 else 1
    if ndim is None or len(names) == n_channels:
        return ""
    return (
        f"the signal has {counted(n_channels, 'channel')} but {counted(len(names), 'name')} in "
        f"'channel_names', {list(names)}; "
        "give one name per channel"
    )


_FAULTS = {
    "signal": _faults_of_signals,
    "fs": _faults_of_rates,
    "subject": _faults_of_subjects,
    "channel_names": _faults_of_names,
}
