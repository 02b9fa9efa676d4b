"""Plausibility of recordings as EMG in mV, checked on some of their samples."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sklearn_emg._tables import counted, first_few, row_text
from sklearn_emg._warnings import warn_of_recordings
from sklearn_emg.recordings._kept import DERIVED, raw_signal
from sklearn_emg.recordings._signal_file import SignalFile, read_signal

# Mean absolute deviation from the mean in mV. It stays below 2 for needle EMG at full effort and
# below 1 for surface EMG; the noise of an amplifier is above 0.0005.
LARGE_AMPLITUDE = 5.0
SMALL_AMPLITUDE = 0.0003
# A table whose median amplitude in mV is below this value is assumed to be in V.
QUIET_TABLE = 0.002
_LARGE_WINDOWS = 50.0
# Smallest amplitude in mV of windows that may be in V; windows below it are not EMG in any unit.
_MIN_VOLTS = 1e-7
# Largest offset in mV; electrodes polarise by several hundred mV.
MAX_OFFSET = 1000.0
# Ratio of the amplitude of a recording to the median of the table; a wrong unit makes it 1000.
MAX_RATIO = 300.0
LOW_RATE, HIGH_RATE = 100.0, 200_000.0  # Hz
MIN_CHANNELS = 8
# Number of windows that may be the samples of one recording if they have few samples.
_MANY_WINDOWS = 200
# Numbers of samples and recordings that are checked.
_MAX_SAMPLES = 1 << 15
_BLOCK, _MAX_BLOCKS = 32, 32
_MAX_ROWS = 512
_MAX_FILES = 64
_MIN_LENGTH = 32
_MAX_NAMED = 5


def _rows_text(table: pd.DataFrame, rows: list[int]) -> str:
    names = (row_text(table, row).removeprefix("row ") for row in rows)
    return f"row{'s' * (len(rows) > 1)} {first_few(names, _MAX_NAMED)}"


class _Figures:
    """Row, mean and amplitude of each channel, and whether samples are integers or of one sign."""

    def __init__(self) -> None:
        self.row: list[NDArray] = []
        self.mean: list[NDArray] = []
        self.amplitude: list[NDArray] = []
        self.integers: list[NDArray] = []
        self.one_sign: list[NDArray] = []

    def add(self, rows: NDArray, samples: NDArray) -> None:
        """Add the figures of channels; samples have the shape (n_channels, n_samples)."""
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
        amplitude[low == high] = 0.0  # the mean of a constant channel may be rounded
        varied = (amplitude > 0) & (samples.shape[1] >= _MIN_LENGTH)
        self.row.append(rows)
        self.mean.append(mean)
        self.amplitude.append(amplitude)
        # Integers in a small range are a pulse or a label rather than a signal.
        integers = varied & (high - low >= 3)
        integers[integers] = (samples[integers] == np.rint(samples[integers])).all(axis=1)
        self.integers.append(integers)
        self.one_sign.append(varied & ((low >= 0) | (high <= 0)))

    def joined(self) -> dict[str, NDArray]:
        names = ("row", "mean", "amplitude", "integers", "one_sign")
        return {name: np.concatenate(getattr(self, name)) for name in names}


def _blocks(signal: NDArray, n_blocks: int) -> NDArray:
    """Return short blocks of samples at equal distances, of shape (n_channels, n_samples)."""
    n_times = signal.shape[1]
    if n_times <= n_blocks * _BLOCK:
        return signal
    starts = [i * (n_times - _BLOCK) // (n_blocks - 1) for i in range(n_blocks)]
    return np.concatenate([signal[:, s : s + _BLOCK] for s in starts], axis=1)


def _figures(signals: list[Any], rows: list[int]) -> dict[str, NDArray] | None:
    """Compute the figures of the channels of arrays from blocks of samples at equal distances."""
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
    """Return whether a channel never changes its sign; a file is read completely for this."""
    channels = np.atleast_2d(read_signal(signal))
    channels = channels[~np.isnan(channels).all(axis=1)]
    with np.errstate(invalid="ignore"):
        low, high = np.nanmin(channels, axis=1), np.nanmax(channels, axis=1)
    return bool((((low >= 0) | (high <= 0)) & (low < high)).any())


def _is_dead(signal: NDArray | SignalFile) -> bool:
    """Return whether each channel is constant; a file is read completely for this."""
    channels = np.atleast_2d(read_signal(signal))
    channels = channels[~np.isnan(channels).all(axis=1)]
    return bool((np.nanmin(channels, axis=1) == np.nanmax(channels, axis=1)).all())


class Fault(NamedTuple):
    """Fault that some rows of a table have in common.

    Parameters
    ----------
    rows : iterable of int
        Positions of the rows.
    text : str
        Description of the fault.
    remedy : str, default=""
        Description of the remedy, which may be empty.
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
    constant = np.setdiff1d(figures["row"], figures["row"][figures["amplitude"] != 0])
    long = [row for row in constant if signals[row].shape[-1] >= _MIN_LENGTH]
    faults = [
        Fault(
            [row for row in long if _is_dead(entries[row])],
            "all samples are equal: the recording is dead",
            "leave it out",
        ),
        *faults_of_figures(figures),
        Fault(
            [row for row in one_sign if _of_one_sign(entries[row])],
            "a channel never changes its sign: it is rectified, is an envelope, or has a large "
            "offset",
            "pass the raw signal, or subtract the offset",
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
    """Find rows whose figures are implausible for EMG in mV.

    Parameters
    ----------
    figures : dict of str to ndarray of shape (n_channels,)
        Figures of each channel: its ``row``; its ``mean`` in mV; ``amplitude``, the mean absolute
        deviation from the mean in mV; and ``integers``, whether all samples are integers.

    Returns
    -------
    faults : list of Fault
        Faults in this order: samples in counts, a different unit from the rest of the table, an
        amplitude that is too large, a channel in a different unit from the rest of its recording,
        an amplitude that is too small, and a large offset. The rows of a fault may be empty.
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
            "all samples are integers, like the counts of an analog-to-digital converter",
            "pass unit='counts' and a gain",
        ),
        Fault(
            rows[~((ratio > 1 / MAX_RATIO) & (ratio < MAX_RATIO))],
            f"the amplitude differs from the median of the table, {median:.2g} mV, by a factor of "
            f"more than {MAX_RATIO:g}, as if the samples had a different unit",
        ),
        Fault(
            rows[amplitude > LARGE_AMPLITUDE],
            f"the mean amplitude is above {LARGE_AMPLITUDE:g} mV, too large for EMG",
            "if the samples are in µV or nV, pass unit='uV' or unit='nV'",
        ),
        Fault(
            _rows_of_loud_channels(figures, amplitudes),
            f"the amplitude of a channel is above {LARGE_AMPLITUDE:g} mV and more than "
            f"{MAX_RATIO:g} times the median of the channels, as if it had a different unit",
            "convert this channel to mV",
        ),
        Fault(
            rows[amplitude < smallest],
            "the mean amplitude does not exceed the noise of an amplifier",
            "if the samples are in mV or V, pass unit='mV' or unit='V'",
        ),
        Fault(
            figures["row"][np.abs(figures["mean"]) > MAX_OFFSET],
            f"the offset is above {MAX_OFFSET:g} mV",
            "check the unit",
        ),
    ]


def _rows_of_loud_channels(figures: dict[str, NDArray], amplitudes: dict[int, float]) -> list[int]:
    """Find rows in which one channel is too large for EMG, unlike the median of all channels."""
    loud = figures["amplitude"] > LARGE_AMPLITUDE
    pairs = zip(figures["row"][loud].tolist(), figures["amplitude"][loud].tolist())
    return sorted({row for row, size in pairs if size > MAX_RATIO * amplitudes[row]})


def _amplitudes(figures: dict[str, NDArray]) -> dict[int, float]:
    """Compute the median amplitude in mV of the channels of each row, without constant channels."""
    live = figures["amplitude"] > 0
    rows, values = figures["row"][live], figures["amplitude"][live]
    order = np.lexsort((values, rows))
    distinct, first, counts = np.unique(rows[order], return_index=True, return_counts=True)
    medians = values[order][first + (counts - 1) // 2]  # the lower of the two middle values
    return dict(zip(distinct.tolist(), medians.tolist()))


def _some_rows(n_rows: int, limit: int) -> list[int]:
    return np.unique(np.linspace(0, n_rows - 1, min(n_rows, limit)).astype(int)).tolist()


def _samples_of_files(signals: list[Any]) -> list[Any]:
    """Copy the list of signals, replacing some files by some of their samples."""
    files = [row for row, signal in enumerate(signals) if isinstance(signal, SignalFile)]
    signals = list(signals)
    for i in _some_rows(len(files), _MAX_FILES) if files else ():
        signal = signals[files[i]]
        try:
            middle = signal.n_times // 2
            signals[files[i]] = signal.read(middle, middle + _BLOCK * _MAX_BLOCKS)
        except (OSError, ValueError):
            continue  # a missing or truncated file is reported when all its samples are read
    return signals


def _rows_to_check(signals: list[Any], excluded: set[int]) -> list[int]:
    """Return at most 512 rows with samples in memory."""
    loaded = [row for row, signal in enumerate(signals) if isinstance(signal, np.ndarray)]
    rows = [row for row in loaded if row not in excluded]
    return [rows[i] for i in _some_rows(len(rows), _MAX_ROWS)] if rows else []


def warn_of_implausible_recordings(table: pd.DataFrame, *, read_files: bool = False) -> None:
    """Warn once about the recordings of a table that cannot be EMG in mV.

    Some samples of at most 512 recordings are checked. A recording is reported if

    - it has at least 8 channels and more channels than samples, which indicates swapped axes;
    - its sampling rate is below 100 Hz or above 200 kHz;
    - all samples of a channel are integers, like the counts of an analog-to-digital converter;
    - its amplitude (the mean absolute deviation from the mean; the median over channels if there
      are several) is above 5 mV, below 0.3 µV, below 2 µV in a table whose median is also below 2
      µV, or differs by a factor of more than 300 from the median of a table with at least three
      recordings, which indicates a different unit;
    - the amplitude of one channel is above 5 mV and more than 300 times that of the recording;
    - the absolute mean of a channel is above 1 V;
    - all samples of each channel are equal, so that the recording is dead;
    - a channel never changes its sign, which indicates a rectified signal, an envelope or a large
      offset.

    Parameters
    ----------
    table : DataFrame of shape (n_recordings, n_columns)
        Recording table with a valid column ``signal`` and, possibly, a valid column ``fs``.
    read_files : bool, default=False
        Whether to check some samples of files too.

    Warns
    -----
    RecordingWarning
        If recordings are reported. The message names the rows.
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
        text = "; ".join(f"{_rows_text(table, rows)}: {fault}" for rows, fault in found)
        warn_of_recordings(f"Recordings do not look like EMG in mV: {text}")


def is_swapped(signal: Any) -> bool:
    """Return whether a signal has at least 8 channels and more channels than samples."""
    if signal.ndim != 2 or signal.shape[0] < MIN_CHANNELS:
        return False
    # A file of unknown length is not checked.
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
    """Describe why a rate in Hz is implausible for EMG; empty if it is plausible or not known."""
    if fs is None or LOW_RATE <= fs <= HIGH_RATE:
        return ""
    size = "low" if fs < LOW_RATE else "high"
    return f"a sampling rate of {fs:g} Hz is too {size} for EMG; check that it is in Hz"


_RATE_IS_OF_TABLE: ContextVar[bool] = ContextVar("rate_is_of_table", default=False)


@contextmanager
def rate_of_table(fs: float | None) -> Iterator[None]:
    """Disable the check of the rate of windows of a checked table within a ``with`` block.

    Parameters
    ----------
    fs : float or None
        Sampling rate of the table in Hz; None for arrays, whose rate is checked.
    """
    token = _RATE_IS_OF_TABLE.set(fs is not None or _RATE_IS_OF_TABLE.get())
    try:
        yield
    finally:
        _RATE_IS_OF_TABLE.reset(token)


def warn_of_implausible_rate(fs: float | None, name: str) -> None:
    """Warn about a sampling rate of arrays that is below 100 Hz or above 200 kHz.

    Windows of a table are not reported (see :func:`rate_of_table`).
    """
    if not _RATE_IS_OF_TABLE.get() and (fault := rate_fault(fs)):
        warn_of_recordings(f"The 'fs' parameter of {name}: {fault}.")


def warn_of_implausible_windows(X: NDArray[np.floating], name: str, *, amplitude: bool) -> None:
    """Warn about windows whose axes are swapped or whose amplitude is implausible in mV.

    The amplitude is checked if `amplitude` is true. Windows with an amplitude of 0.1 nV to 2 µV are
    assumed to be in V, and windows above 50 mV are assumed to be in µV or counts. The amplitude of
    standardised windows lies in between.
    """
    _warn_of_axes(X, name)
    if amplitude:
        _warn_of_amplitude(X, name)


def _warn_of_axes(X: NDArray[np.floating], name: str) -> None:
    """Warn about windows whose axes may be swapped."""
    if X.ndim == 3 and X.shape[1] >= MIN_CHANNELS and X.shape[1] > X.shape[2]:
        warn_of_recordings(
            f"{name} got windows with more channels ({X.shape[1]}) than samples ({X.shape[2]}). "
            "Windows must have the shape (n_windows, n_channels, n_times); transpose them if "
            "theirs is (n_windows, n_times, n_channels).",
        )
    if X.ndim == 2 and X.shape[1] <= MIN_CHANNELS and len(X) >= _MANY_WINDOWS:
        warn_of_recordings(
            f"{name} got {len(X)} windows of {counted(X.shape[1], 'sample')}. If X is one "
            "recording of shape (n_times, n_channels), pass X.T[np.newaxis], of shape "
            "(1, n_channels, n_times).",
        )


def _warn_of_amplitude(X: NDArray[np.floating], name: str) -> None:
    """Warn about windows that may be in V, µV or counts."""
    some = X[..., :: -(-X.shape[-1] // 256)][_some_rows(len(X), 64)]
    figures = _Figures()
    samples = some.reshape(-1, some.shape[-1])
    figures.add(np.zeros(len(samples), dtype=int), samples)
    found = _amplitudes(figures.joined()) if figures.row else {}
    for size in found.values():
        if _MIN_VOLTS < size < QUIET_TABLE:
            what, unit = "not more than the noise of an amplifier", "V"
        elif size > _LARGE_WINDOWS:
            what, unit = "too large for EMG", "µV or counts"
        else:
            continue
        warn_of_recordings(
            f"{name} takes windows in mV, but a mean amplitude of {size:.2g} mV is {what}. If the "
            f"windows are in {unit}, convert them.",
        )
