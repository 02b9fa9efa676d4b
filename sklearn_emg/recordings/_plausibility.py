"""Whether samples can be millivolts of an EMG, looked at in a sample of each recording."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sklearn_emg._warnings import warn_of_recordings
from sklearn_emg.recordings._signal_file import SignalFile, read_signal

__all__ = [
    "DERIVED",
    "LARGE_AMPLITUDE",
    "LOW_RATE",
    "MAX_OFFSET",
    "MAX_RATIO",
    "MIN_CHANNELS",
    "QUIET_TABLE",
    "SMALL_AMPLITUDE",
    "warn_of_implausible_recordings",
    "warn_of_implausible_windows",
]

# Attribute of tables whose signals a step of this package made: they need not look like raw EMG.
DERIVED = "sklearn_emg_derived"

# Mean absolute deviation from the mean, in mV. Needle EMG at full effort stays below 2, surface EMG
# below 1; the noise of an amplifier is above 0.0005.
LARGE_AMPLITUDE = 5.0
SMALL_AMPLITUDE = 0.0003
# A table whose median is below this is taken for one in V.
QUIET_TABLE = 0.002
_LARGE_WINDOWS = 50.0
# Smallest amplitude of windows that is taken for volts; what is less is no EMG in any unit.
_SMALLEST_VOLTS = 1e-7
# Electrodes polarise by some hundred mV.
MAX_OFFSET = 1000.0
# One recording's amplitude to the median of the table. A wrong unit makes it 1000.
MAX_RATIO = 300.0
LOW_RATE = 100.0
MIN_CHANNELS = 8
# Samples and recordings that are looked at.
_MAX_SAMPLES = 1 << 15
_BLOCK, _MAX_BLOCKS = 32, 32
_MAX_ROWS = 512
_MAX_FILES = 64
_MIN_LENGTH = 32
_MAX_NAMED = 5


def _rows_text(rows: list[int]) -> str:
    named = ", ".join(map(str, rows[:_MAX_NAMED]))
    more = len(rows) - _MAX_NAMED
    return f"row{'s' * (len(rows) > 1)} {named}" + (f" and {more} more" if more > 0 else "")


class _Looks:
    """Figures of channels, of which each has a row in the table: arrays of shape (n_channels,)."""

    def __init__(self) -> None:
        self.row: list[NDArray] = []
        self.mean: list[NDArray] = []
        self.amplitude: list[NDArray] = []
        self.integers: list[NDArray] = []
        self.one_sign: list[NDArray] = []

    def add(self, rows: NDArray, samples: NDArray) -> None:
        """Look at samples of shape (n_channels, n_samples), which belong to these rows."""
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
        # Small steps of one are more likely a pulse or a label than a signal.
        whole = varied & (high - low >= 3)
        whole[whole] = (samples[whole] == np.rint(samples[whole])).all(axis=1)
        self.integers.append(whole)
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


def _look(signals: list[Any], rows: list[int]) -> dict[str, NDArray] | None:
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
    looks = _Looks()
    for samples, owners in by_length.values():
        looks.add(np.array(owners), np.concatenate(samples))
    return looks.joined() if looks.row else None


def _of_one_sign(signal: NDArray | SignalFile) -> bool:
    """Whether a channel never changes its sign in any of its samples; a file is read for that."""
    channels = np.atleast_2d(read_signal(signal))
    channels = channels[~np.isnan(channels).all(axis=1)]
    with np.errstate(invalid="ignore"):
        low, high = np.nanmin(channels, axis=1), np.nanmax(channels, axis=1)
    return bool((((low >= 0) | (high <= 0)) & (low < high)).any())


def _faults_of_samples(
    signals: list[Any], rows: list[int], entries: list[Any]
) -> list[tuple[list[int], str]]:
    looked = _look(signals, rows)
    if looked is None:
        return []
    found: list[tuple[list[int], str]] = []
    seen: set[int] = set()

    def note(those: Iterable[int], text: str) -> None:
        new = sorted({int(r) for r in those} - seen)
        seen.update(new)
        if new:
            found.append((new, text))

    amplitudes = _amplitudes(looked)
    usual = float(np.median(list(amplitudes.values()))) if amplitudes else 0.0
    quiet = usual < QUIET_TABLE
    note(
        looked["row"][looked["integers"]],
        "all samples are integers, as counts of a converter are; give unit='counts' and a gain",
    )
    if len(amplitudes) >= 3 and usual > 0:
        note(
            (r for r, a in amplitudes.items() if not 1 / MAX_RATIO < a / usual < MAX_RATIO),
            f"the amplitude is more than {MAX_RATIO:g} times above or below the median of the "
            f"table, {usual:.2g} mV, as if in another unit",
        )
    note(
        (r for r, a in amplitudes.items() if a > LARGE_AMPLITUDE),
        f"the mean amplitude is above {LARGE_AMPLITUDE:g} mV, too large for EMG; are the samples "
        "in µV (unit='uV')?",
    )
    note(
        (r for r, a in amplitudes.items() if a < (QUIET_TABLE if quiet else SMALL_AMPLITUDE)),
        "the mean amplitude is about that of an amplifier's noise or less; are the samples in V "
        "(unit='V')?",
    )
    note(
        looked["row"][np.abs(looked["mean"]) > MAX_OFFSET],
        f"the offset is above {MAX_OFFSET:g} mV; is the unit right?",
    )
    note(
        (r for r in np.unique(looked["row"][looked["one_sign"]]) if _of_one_sign(entries[r])),
        "a channel never changes its sign: rectified already, an envelope, or with a large "
        "offset; give the raw signal, or take off the offset",
    )
    return found


def _amplitudes(looked: dict[str, NDArray]) -> dict[int, float]:
    """Median amplitude of each row's channels, without dead ones."""
    live = looked["amplitude"] > 0
    rows, values = looked["row"][live], looked["amplitude"][live]
    order = np.lexsort((values, rows))
    distinct, first, counts = np.unique(rows[order], return_index=True, return_counts=True)
    medians = values[order][first + (counts - 1) // 2]  # the lower one of two
    return dict(zip(distinct.tolist(), medians.tolist()))


def _some_rows(n_rows: int, limit: int) -> list[int]:
    return np.unique(np.linspace(0, n_rows - 1, min(n_rows, limit)).astype(int)).tolist()


def _samples_of_files(signals: list[Any]) -> list[Any]:
    """The same list with some samples of some files in place of these files."""
    files = [row for row, signal in enumerate(signals) if isinstance(signal, SignalFile)]
    signals = list(signals)
    for i in _some_rows(len(files), _MAX_FILES) if files else ():
        signal = signals[files[i]]
        try:
            middle = signal.n_times // 2
            signals[files[i]] = signal.read(middle, middle + _BLOCK * _MAX_BLOCKS)
        except (OSError, ValueError):
            continue  # a file that is missing or cut off: whoever reads all of it says so
    return signals


def warn_of_implausible_recordings(
    table: pd.DataFrame, *, read_files: bool = False, stacklevel: int = 2
) -> None:
    """Warn once, naming rows, of recordings that cannot be EMG in mV.

    Some samples of at most 512 recordings are looked at. Recordings are reported whose

    - channels outnumber their samples (8 or more channels): the axes are swapped;
    - sampling rate is below 100 Hz;
    - samples are all integers: counts of a converter;
    - amplitude (mean absolute deviation from the mean, median of the channels) is above 5 mV, below
      0.3 µV, below 2 µV in a table whose median is so, or 300 times above or below the median of a
      table of three recordings or more: another unit;
    - mean is above 1 V;
    - samples never change their sign in a channel: rectified, an envelope or a large offset.

    Parameters
    ----------
    table : DataFrame
        Recording table with valid columns ``signal`` and, if there is one, ``fs``.
    read_files : bool, default=False
        Read some samples of files, too.
    stacklevel : int, default=2
        As in ``warnings.warn``.

    Warns
    -----
    RecordingWarning
    """
    signals = table["signal"].tolist()
    found: list[tuple[list[int], str]] = []
    swapped = [
        row
        for row, signal in enumerate(signals)
        if signal.ndim == 2
        and signal.shape[0] >= MIN_CHANNELS
        and not (isinstance(signal, SignalFile) and signal.length is None)
        and signal.shape[0] > signal.shape[1]
    ]
    if swapped:
        found.append(
            (
                swapped,
                f"has more channels than samples (shape {signals[swapped[0]].shape}); transpose "
                "it to (n_channels, n_times)",
            )
        )
    derived = bool(table.attrs.get(DERIVED, False))
    if "fs" in table.columns and not derived:
        slow = np.flatnonzero(table["fs"].to_numpy(dtype=float) < LOW_RATE).tolist()
        if slow:
            fs = float(table["fs"].iloc[slow[0]])
            found.append((slow, f"a sampling rate of {fs:g} Hz is too low for EMG; is it in Hz?"))
    if not derived:
        if read_files:
            signals = _samples_of_files(signals)
        left_out = set(swapped)
        arrays = [
            row
            for row, signal in enumerate(signals)
            if isinstance(signal, np.ndarray) and row not in left_out
        ]
        rows = [arrays[i] for i in _some_rows(len(arrays), _MAX_ROWS)] if arrays else []
        found += _faults_of_samples(signals, rows, table["signal"].tolist())
    if found:
        text = "; ".join(f"{_rows_text(rows)}: {fault}" for rows, fault in found)
        warn_of_recordings(
            f"Recordings do not look like EMG in mV: {text}", stacklevel=stacklevel + 1
        )


def warn_of_implausible_windows(
    X: NDArray[np.floating], name: str, *, amplitude: bool, stacklevel: int = 2
) -> None:
    """Warn of windows whose axes are swapped or whose amplitude is not one in mV.

    Parameters
    ----------
    X : ndarray of shape (n_windows, n_times) or (n_windows, n_channels, n_times)
    name : str
        Of the estimator.
    amplitude : bool
        Look at the amplitude, too: windows of 0.1 nV to 2 µV are taken for volts, those above
        50 mV for µV or counts. Standardised windows are in between.
    stacklevel : int, default=2
        As in ``warnings.warn``.

    Warns
    -----
    RecordingWarning
    """
    if X.ndim == 3 and X.shape[1] >= MIN_CHANNELS and X.shape[1] > X.shape[2]:
        warn_of_recordings(
            f"{name} got windows of {X.shape[1]} channels and {X.shape[2]} samples, more channels "
            "than samples. Windows have the shape (n_windows, n_channels, n_times); transpose "
            "them if yours are (n_windows, n_times, n_channels).",
            stacklevel=stacklevel + 1,
        )
    if not amplitude:
        return
    some = X[..., :: -(-X.shape[-1] // 256)][_some_rows(len(X), 64)]
    looks = _Looks()
    samples = some.reshape(-1, some.shape[-1])
    looks.add(np.zeros(len(samples), dtype=int), samples)
    found = _amplitudes(looks.joined()) if looks.row else {}
    for size in found.values():
        if _SMALLEST_VOLTS < size < QUIET_TABLE:
            what, unit = "about an amplifier's noise or less", "V"
        elif size > _LARGE_WINDOWS:
            what, unit = "too large for EMG", "µV or counts"
        else:
            continue
        warn_of_recordings(
            f"{name} takes windows in mV, for which a mean amplitude of {size:.2g} mV is {what}. "
            f"If they are in {unit}, convert them.",
            stacklevel=stacklevel + 1,
        )
