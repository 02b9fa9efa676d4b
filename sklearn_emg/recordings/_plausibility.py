"""Checks whether samples can be EMG in millivolts, on some samples of each recording."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sklearn_emg._tables import first_few
from sklearn_emg._warnings import warn_of_recordings
from sklearn_emg.recordings._kept import DERIVED, raw_signal
from sklearn_emg.recordings._signal_file import SignalFile, read_signal

__all__ = [
    "HIGH_RATE",
    "LARGE_AMPLITUDE",
    "LOW_RATE",
    "MAX_OFFSET",
    "MAX_RATIO",
    "MIN_CHANNELS",
    "QUIET_TABLE",
    "SMALL_AMPLITUDE",
    "Fault",
    "faults_of_figures",
    "is_swapped",
    "rate_fault",
    "rate_of_table",
    "warn_of_implausible_rate",
    "warn_of_implausible_recordings",
    "warn_of_implausible_windows",
]

# Mean absolute deviation from the mean, in mV. Needle EMG at full effort stays below 2, surface EMG
# below 1; the noise of an amplifier is above 0.0005.
LARGE_AMPLITUDE = 5.0
SMALL_AMPLITUDE = 0.0003
# A table whose median is below this is assumed to be in V.
QUIET_TABLE = 0.002
_LARGE_WINDOWS = 50.0
# Smallest amplitude of windows that may be in V; a smaller one is not EMG in any unit.
_MIN_VOLTS = 1e-7
# In mV; electrodes polarise by some hundred mV.
MAX_OFFSET = 1000.0
# Ratio of a recording's amplitude to the median of the table; a wrong unit makes it 1000.
MAX_RATIO = 300.0
LOW_RATE, HIGH_RATE = 100.0, 200_000.0  # Hz
MIN_CHANNELS = 8
# Numbers of samples and recordings that are checked.
_MAX_SAMPLES = 1 << 15
_BLOCK, _MAX_BLOCKS = 32, 32
_MAX_ROWS = 512
_MAX_FILES = 64
_MIN_LENGTH = 32
_MAX_NAMED = 5


def _rows_text(rows: list[int]) -> str:
    return f"row{'s' * (len(rows) > 1)} {first_few(rows, _MAX_NAMED)}"


class _Figures:
    """Mean, amplitude and signs of channels and their rows: arrays of shape (n_channels,)."""

    def __init__(self) -> None:
        self.row: list[NDArray] = []
        self.mean: list[NDArray] = []
        self.amplitude: list[NDArray] = []
        self.integers: list[NDArray] = []
        self.one_sign: list[NDArray] = []

    def add(self, rows: NDArray, samples: NDArray) -> None:
        """Add the figures of samples of these rows, of shape (n_channels, n_samples)."""
        samples = samples.astype(np.float64, copy=False)
        finite = np.isfinite(samples)
        if not finite.all():
            live = finite.any(axis=1)
            rows, samples, finite = rows[live], samples[live], finite[live]
            if not len(rows):
                return
            first = samples[np.arange(len(samples)), finite.argmax(axis=1)]
            samples = np.where(finite, samples, first[:, None])
        with np.errstate(over="ignore", invalid="ignore"):
            mean = samples.mean(axis=1)
            amplitude = np.abs(samples - mean[:, None]).mean(axis=1)
        low, high = samples.min(axis=1), samples.max(axis=1)
        varied = (amplitude > 0) & (samples.shape[1] >= _MIN_LENGTH)
        self.row.append(rows)
        self.mean.append(mean)
        self.amplitude.append(amplitude)
        # Integers in a small range are rather a pulse or a label than a signal.
        integers = varied & (high - low >= 3)
        integers[integers] = (samples[integers] == np.rint(samples[integers])).all(axis=1)
        self.integers.append(integers)
        self.one_sign.append(varied & ((low >= 0) | (high <= 0)))

    def joined(self) -> dict[str, NDArray]:
        names = ("row", "mean", "amplitude", "integers", "one_sign")
        return {name: np.concatenate(getattr(self, name)) for name in names}


def _blocks(signal: NDArray, n_blocks: int) -> NDArray:
    """Short stretches at equal distances, of shape (n_channels, n_samples)."""
    n_times = signal.shape[1]
    if n_times <= n_blocks * _BLOCK:
        return signal
    starts = [i * (n_times - _BLOCK) // (n_blocks - 1) for i in range(n_blocks)]
    return np.concatenate([signal[:, s : s + _BLOCK] for s in starts], axis=1)


def _figures(signals: list[Any], rows: list[int]) -> dict[str, NDArray] | None:
    """Figures of the channels of arrays, from stretches at equal distances."""
    n_channels = sum(signals[row].shape[0] if signals[row].ndim == 2 else 1 for row in rows)
    if not n_channels:
        return None
    n_blocks = int(np.clip(_MAX_SAMPLES // n_channels // _BLOCK, 2, _MAX_BLOCKS))
    by_length: dict[int, tuple[list[NDArray], list[int]]] = {}
    for row in rows:
        signal = signals[row] if signals[row].ndim == 2 else signals[row][np.newaxis]
        sample = _blocks(signal, n_blocks)
        samples, owners = by_length.setdefault(sample.shape[1], ([], []))
        samples.append(sample)
        owners.extend([row] * len(sample))
    figures = _Figures()
    for samples, owners in by_length.values():
        figures.add(np.array(owners), np.concatenate(samples))
    return figures.joined() if figures.row else None


def _of_one_sign(signal: NDArray | SignalFile) -> bool:
    """Whether a channel never changes its sign; a file is read as a whole for this."""
    channels = np.atleast_2d(read_signal(signal))
    channels = channels[~np.isnan(channels).all(axis=1)]
    with np.errstate(invalid="ignore"):
        low, high = np.nanmin(channels, axis=1), np.nanmax(channels, axis=1)
    return bool((((low >= 0) | (high <= 0)) & (low < high)).any())


class Fault(NamedTuple):
    """What rows have in common that EMG in mV has not.

    Parameters
    ----------
    rows : collection of int
    text, remedy : str
        What is wrong, and what to do; the latter may be empty.
    """

    rows: Iterable[int]
    text: str
    remedy: str = ""

    @property
    def message(self) -> str:
        return f"{self.text}; {self.remedy}" if self.remedy else self.text


def _faults_of_samples(
    signals: list[Any], rows: list[int], entries: list[Any]
) -> list[tuple[list[int], str]]:
    figures = _figures(signals, rows)
    if figures is None:
        return []
    one_sign = np.unique(figures["row"][figures["one_sign"]])
    faults = [
        *faults_of_figures(figures),
        Fault(
            [row for row in one_sign if _of_one_sign(entries[row])],
            "a channel never changes its sign: rectified already, an envelope, or with a large "
            "offset",
            "give the raw signal, or subtract the offset",
        ),
    ]
    found: list[tuple[list[int], str]] = []
    reported: set[int] = set()
    for fault in faults:
        new = sorted({int(row) for row in fault.rows} - reported)
        reported.update(new)
        if new:
            found.append((new, fault.message))
    return found


def faults_of_figures(figures: dict[str, NDArray]) -> list[Fault]:
    """Rows whose figures are not those of EMG in mV.

    Parameters
    ----------
    figures : dict of str to ndarray of shape (n_channels,)
        ``row`` of each channel; ``mean`` and ``amplitude``, the mean absolute deviation from it, in
        mV; ``integers``, whether all samples are.

    Returns
    -------
    faults : list of Fault
        Counts, another unit, too large, too small, and a large offset, in this order.
    """
    amplitudes = _amplitudes(figures)
    rows = np.array(list(amplitudes), dtype=np.intp)
    amplitude = np.array(list(amplitudes.values()), dtype=float)
    median = float(np.median(amplitude)) if amplitude.size else 0.0
    smallest = QUIET_TABLE if median < QUIET_TABLE else SMALL_AMPLITUDE
    ratio = np.ones(len(rows))
    if len(rows) >= 3 and median > 0:
        ratio = amplitude / median
    return [
        Fault(
            figures["row"][figures["integers"]],
            "all samples are integers, as counts of a converter are",
            "give unit='counts' and a gain",
        ),
        Fault(
            rows[~((ratio > 1 / MAX_RATIO) & (ratio < MAX_RATIO))],
            f"the amplitude is more than {MAX_RATIO:g} times above or below the median of the "
            f"table, {median:.2g} mV, as if in another unit",
        ),
        Fault(
            rows[amplitude > LARGE_AMPLITUDE],
            f"the mean amplitude is above {LARGE_AMPLITUDE:g} mV, too large for EMG",
            "are the samples in µV (unit='uV')?",
        ),
        Fault(
            rows[amplitude < smallest],
            "the mean amplitude is about that of an amplifier's noise or less",
            "are the samples in V (unit='V')?",
        ),
        Fault(
            figures["row"][np.abs(figures["mean"]) > MAX_OFFSET],
            f"the offset is above {MAX_OFFSET:g} mV",
            "is the unit right?",
        ),
    ]


def _amplitudes(figures: dict[str, NDArray]) -> dict[int, float]:
    """Median amplitude in mV of each row's channels, without constant ones."""
    live = figures["amplitude"] > 0
    rows, values = figures["row"][live], figures["amplitude"][live]
    order = np.lexsort((values, rows))
    distinct, first, counts = np.unique(rows[order], return_index=True, return_counts=True)
    medians = values[order][first + (counts - 1) // 2]  # the lower one of two
    return dict(zip(distinct.tolist(), medians.tolist()))


def _some_rows(n_rows: int, limit: int) -> list[int]:
    return np.unique(np.linspace(0, n_rows - 1, min(n_rows, limit)).astype(int)).tolist()


def _samples_of_files(signals: list[Any]) -> list[Any]:
    """The same list, with some files replaced by some of their samples."""
    files = [row for row, signal in enumerate(signals) if isinstance(signal, SignalFile)]
    signals = list(signals)
    for i in _some_rows(len(files), _MAX_FILES) if files else ():
        signal = signals[files[i]]
        try:
            middle = signal.n_times // 2
            signals[files[i]] = signal.read(middle, middle + _BLOCK * _MAX_BLOCKS)
        except (OSError, ValueError):
            continue  # a missing or truncated file is reported when it is read as a whole
    return signals


def _rows_to_check(signals: list[Any], excluded: set[int]) -> list[int]:
    """Rows with samples in memory, at most 512 of them."""
    loaded = [row for row, signal in enumerate(signals) if isinstance(signal, np.ndarray)]
    rows = [row for row in loaded if row not in excluded]
    return [rows[i] for i in _some_rows(len(rows), _MAX_ROWS)] if rows else []


def warn_of_implausible_recordings(table: pd.DataFrame, *, read_files: bool = False) -> None:
    """Warn once, naming rows, of recordings that cannot be EMG in mV.

    Some samples of at most 512 recordings are checked. Recordings are reported whose

    - channels outnumber their samples (8 or more channels): the axes are swapped;
    - sampling rate is below 100 Hz or above 200 kHz;
    - samples are all integers: counts of a converter;
    - amplitude (mean absolute deviation from the mean, median of the channels) is above 5 mV, below
      0.3 µV, below 2 µV in a table whose median is also below 2 µV, or 300 times above or below the
      median of a table of three recordings or more: another unit;
    - mean is above 1 V;
    - samples never change their sign in a channel: rectified, an envelope or a large offset.

    Parameters
    ----------
    table : DataFrame
        Recording table with valid columns ``signal`` and, if there is one, ``fs``.
    read_files : bool, default=False
        Whether to read some samples of files as well.

    Warns
    -----
    RecordingWarning
    """
    signals = [s if (raw := raw_signal(s)) is None else raw for s in table["signal"]]
    swapped = [row for row, signal in enumerate(signals) if is_swapped(signal)]
    found: list[tuple[list[int], str]] = []
    if swapped:
        text = (
            f"has more channels than samples (shape {signals[swapped[0]].shape}); transpose "
            "it to (n_channels, n_times)"
        )
        found.append((swapped, text))
    if not table.attrs.get(DERIVED, False):
        found += _faults_of_rates(table)
        if read_files:
            signals = _samples_of_files(signals)
        rows = _rows_to_check(signals, set(swapped))
        found += _faults_of_samples(signals, rows, table["signal"].tolist())
    if found:
        text = "; ".join(f"{_rows_text(rows)}: {fault}" for rows, fault in found)
        warn_of_recordings(f"Recordings do not look like EMG in mV: {text}")


def is_swapped(signal: Any) -> bool:
    """Whether a signal has many channels and fewer samples than channels.

    Parameters
    ----------
    signal : ndarray or SignalFile

    Returns
    -------
    swapped : bool
    """
    if signal.ndim != 2 or signal.shape[0] < MIN_CHANNELS:
        return False
    # The size of a file of unknown length is not asked for here.
    if isinstance(signal, SignalFile) and signal.length is None:
        return False
    return signal.shape[0] > signal.shape[1]


def _faults_of_rates(table: pd.DataFrame) -> list[tuple[list[int], str]]:
    if "fs" not in table.columns:
        return []
    fs = table["fs"].to_numpy(dtype=float)
    found = (np.flatnonzero(fs < LOW_RATE), np.flatnonzero(fs > HIGH_RATE))
    return [(rows.tolist(), rate_fault(fs[rows[0]])) for rows in found if rows.size]


def rate_fault(fs: float | None) -> str:
    """Say that a sampling rate is implausible for EMG; empty if it is not, or is not known.

    Parameters
    ----------
    fs : float or None
        Hz.

    Returns
    -------
    fault : str
    """
    if fs is None or LOW_RATE <= fs <= HIGH_RATE:
        return ""
    size = "low" if fs < LOW_RATE else "high"
    return f"a sampling rate of {fs:g} Hz is too {size} for EMG; is it in Hz?"


_RATE_IS_OF_TABLE: ContextVar[bool] = ContextVar("rate_is_of_table", default=False)


@contextmanager
def rate_of_table(fs: float | None) -> Iterator[None]:
    """Fit steps on windows of a table, whose rate was checked and may be lowered on purpose.

    Parameters
    ----------
    fs : float or None
        Rate of the table in Hz, None of arrays.
    """
    token = _RATE_IS_OF_TABLE.set(fs is not None or _RATE_IS_OF_TABLE.get())
    try:
        yield
    finally:
        _RATE_IS_OF_TABLE.reset(token)


def warn_of_implausible_rate(fs: float | None, name: str) -> None:
    """Warn of a sampling rate of arrays that is implausible for EMG.

    Nothing is said of windows of a table, see :func:`rate_of_table`.

    Parameters
    ----------
    fs : float or None
        Hz.
    name : str
        Class whose parameter it is.

    Warns
    -----
    RecordingWarning
    """
    if not _RATE_IS_OF_TABLE.get() and (fault := rate_fault(fs)):
        warn_of_recordings(f"The 'fs' parameter of {name}: {fault}")


def warn_of_implausible_windows(X: NDArray[np.floating], name: str, *, amplitude: bool) -> None:
    """Warn of windows whose axes are swapped or whose amplitude is implausible in mV.

    Parameters
    ----------
    X : ndarray of shape (n_windows, n_times) or (n_windows, n_channels, n_times)
    name : str
        Name of the estimator, for the message.
    amplitude : bool
        Whether to check the amplitude as well: windows of 0.1 nV to 2 µV are assumed to be in V,
        those above 50 mV in µV or counts. Standardised windows are in between.

    Warns
    -----
    RecordingWarning
    """
    if X.ndim == 3 and X.shape[1] >= MIN_CHANNELS and X.shape[1] > X.shape[2]:
        warn_of_recordings(
            f"{name} got windows of {X.shape[1]} channels and {X.shape[2]} samples, more channels "
            "than samples. Windows have the shape (n_windows, n_channels, n_times); transpose "
            "them if yours are (n_windows, n_times, n_channels).",
        )
    if not amplitude:
        return
    some = X[..., :: -(-X.shape[-1] // 256)][_some_rows(len(X), 64)]
    figures = _Figures()
    samples = some.reshape(-1, some.shape[-1])
    figures.add(np.zeros(len(samples), dtype=int), samples)
    found = _amplitudes(figures.joined()) if figures.row else {}
    for size in found.values():
        if _MIN_VOLTS < size < QUIET_TABLE:
            what, unit = "about an amplifier's noise or less", "V"
        elif size > _LARGE_WINDOWS:
            what, unit = "too large for EMG", "µV or counts"
        else:
            continue
        warn_of_recordings(
            f"{name} takes windows in mV, for which a mean amplitude of {size:.2g} mV is {what}. "
            f"If they are in {unit}, convert them.",
        )
