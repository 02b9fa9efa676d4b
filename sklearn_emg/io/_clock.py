"""Sampling rate, jitter and gaps of a column of time stamps."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sklearn_emg._tables import first_few
from sklearn_emg.io._content import Annotation

# Jitter above this fraction of the sampling interval is reported.
_MAX_JITTER = 0.1


@dataclass
class Clock:
    """Sampling rate, jitter and gaps of time stamps.

    Attributes
    ----------
    fs : float
        Sampling rate in Hz, rounded to the fewest digits within the uncertainty of the fit.
    jitter : float
        Standard deviation of the time stamps about an even grid, in s.
    gaps : list of (int, float)
        Index of the sample before each gap, and the time in s from this sample to the next one; the
        time is negative where the clock restarts.
    in_packets : bool
        Whether several samples share one time stamp.
    start : float
        First time stamp in s.
    """

    fs: float
    jitter: float
    gaps: list[tuple[int, float]] = field(default_factory=list)
    in_packets: bool = False
    start: float = 0.0

    def problems(self) -> list[str]:
        """Messages about gaps and jitter."""
        found = self.gap_problems()
        if self.jitter * self.fs > _MAX_JITTER and not self.in_packets:
            found.append(
                f"the time stamps have a jitter of {1e3 * self.jitter:.3g} ms at an interval of "
                f"{1e3 / self.fs:.3g} ms; the samples are treated as evenly spaced at "
                f"{self.fs:g} Hz."
            )
        return found

    def annotations(self) -> list[Annotation]:
        """Annotations of the gaps, each placed at the sample after the gap."""
        return [
            Annotation((sample + 1) / self.fs, None, _gap_label(seconds), "gap")
            for sample, seconds in self.gaps
        ]

    def gap_problems(self) -> list[str]:
        """Messages about gaps."""
        found = []
        if self.gaps:
            shown = [
                f"{seconds:.4g} s between samples {sample} and {sample + 1} "
                f"(at {sample / self.fs:.4g} s of signal)"
                for sample, seconds in self.gaps
            ]
            back = " (negative: the clock starts anew)" if min(s for _, s in self.gaps) < 0 else ""
            found.append(
                f"the time stamps have {len(self.gaps)} gap{'s' * (len(self.gaps) > 1)}{back}: "
                f"{first_few(shown, 5, '; ')}. The samples are joined; split the recording there."
            )
        return found


def _gap_label(seconds: float) -> str:
    return f"gap of {seconds:.4g} s" if seconds > 0 else "the clock starts anew"


# Fractions of the steps of a counter that may be jumps, and returns to its lowest value.
_MAX_COUNTER_BREAKS, _MAX_RESTARTS = 0.25, 0.02


def counter_problems(name: str, values: NDArray) -> list[str]:
    """Find gaps in a counter of samples, packets or frames.

    A counter increases by 1, may repeat its values for several samples of a packet or frame, and
    may return from its highest value to its lowest. Columns that do not behave like this in at
    least 75 % of their steps, or that often return to their lowest value from different values, are
    not examined.

    Parameters
    ----------
    name : str
        Name of the column.
    values : ndarray of shape (n_times,)
        Values of the counter.

    Returns
    -------
    problems : list of str
        A message about the gaps; empty if there are none.
    """
    counts = np.asarray(values, dtype=float)
    if counts.size < 3 or not np.isfinite(counts).all():
        return []
    steps = np.diff(counts)
    repeats = np.mean(steps == 0) > 0.1
    wraps = (counts[:-1] == counts.max()) & (counts[1:] == counts.min())
    breaks = np.flatnonzero(~((steps == 1) | wraps | (repeats & (steps == 0))))
    if not 0 < breaks.size <= max(1, _MAX_COUNTER_BREAKS * steps.size) or not np.any(steps == 1):
        return []
    restarts = int(np.sum(counts[breaks + 1] == counts.min()))
    if restarts > max(1, _MAX_RESTARTS * steps.size):
        return []
    shown = [
        f"from {counts[i]:g} to {counts[i + 1]:g} between samples {i} and {i + 1}" for i in breaks
    ]
    return [
        f"the counter {name!r} jumps {first_few(shown, 3, '; ')}. Samples may be missing or "
        "repeated; the samples are joined."
    ]


def shortest_decimal(value: float, tolerance: float) -> float:
    """Round `value` to the fewest decimal digits with an error of at most `tolerance`."""
    if value <= 0:
        return value
    top = math.floor(math.log10(value))
    for digits in range(-top, 12):
        rounded = round(value, digits)
        if rounded > 0 and abs(rounded - value) <= tolerance:
            return float(rounded)
    return float(value)


_SECONDS = {"s": 1.0, "sec": 1.0, "second": 1.0, "seconds": 1.0, "ms": 1e-3, "us": 1e-6,
            "µs": 1e-6, "μs": 1e-6, "min": 60.0, "ns": 1e-9, "msec": 1e-3, "h": 3600.0,
            "day": 86400.0, "с": 1.0, "сек": 1.0, "мс": 1e-3}  # fmt: skip
_MIN_STEP = 5e-6  # shortest sampling interval of EMG in s
_UNIT_OF_NAME = re.compile(r".*_(s|sec|seconds|ms|msec|us|ns)", re.I)


def seconds_of(
    values: NDArray, unit: str | None, name: str
) -> tuple[NDArray[np.float64] | None, str]:
    """Time stamps in s, or None if the values are not times, and the unit that was assumed."""
    if values.dtype.kind not in "fiu":
        return _clock_texts(values)
    times = values.astype(np.float64)
    finite = times[np.isfinite(times)]
    if finite.size < 3:
        return None, ""
    named = _UNIT_OF_NAME.fullmatch(name.strip())
    unit = (unit or (named[1] if named else "")).strip().lower()
    if unit in _SECONDS:
        return times * _SECONDS[unit], unit
    # Times since 1970 have ten digits in s, 13 in ms, 16 in us and 19 in ns.
    size = abs(float(np.median(finite)))
    for limit, word in ((1e17, "ns"), (1e14, "us"), (1e11, "ms")):
        if size > limit:
            return (times - finite[0]) * _SECONDS[word], word
    word = _unit_of_step(finite)
    return (times * _SECONDS[word] if word else None), word


def _unit_of_step(times: NDArray[np.float64]) -> str:
    """Largest unit in which the sampling interval is at most 0.05 s; empty if there is none."""
    step = float(np.median(np.diff(times)))
    if step <= 0:
        step = float((times[-1] - times[0]) / (times.size - 1))
    if step <= 0:
        return ""
    if step < _MIN_STEP and 2e4 < float(np.median(times)) < 8e4:
        return "day"  # spreadsheets count days since 1900
    return next((word for word in ("s", "ms", "us") if step * _SECONDS[word] <= 0.05), "")


def _clock_texts(values: NDArray) -> tuple[NDArray[np.float64] | None, str]:
    """Seconds of clock times or dates such as 12:00:01.004 or 2026-03-02 12:00:01.004."""
    texts = pd.Series(values, dtype="string").str.strip()
    first = texts.iloc[0] if len(texts) and pd.notna(texts.iloc[0]) else ""
    if ":" not in first:
        return None, ""
    is_date = "-" in first or "/" in first or "." in first.split(":")[0]
    texts = texts.str.replace(",", ".", regex=False)
    times = _seconds_of_dates(texts) if is_date else _seconds_of_day(texts)
    if times is None:
        return None, ""
    finite = np.isfinite(times)
    if finite.mean() < 0.99:
        return None, ""
    # A clock that passes midnight starts again at 0.
    steps = np.nan_to_num(np.diff(times, prepend=times[0]))
    times = times + 86400.0 * np.cumsum(steps < -43200)
    return times, "clock"


def _seconds_of_day(texts: pd.Series) -> NDArray[np.float64] | None:
    """Seconds of clock times written as mm:ss, hh:mm:ss or hh:mm:ss:ms; None for other texts."""
    parts = texts.str.split(":", expand=True).apply(pd.to_numeric, errors="coerce")
    if not 2 <= parts.shape[1] <= 4:
        return None
    times = np.zeros(len(texts))
    for column in range(min(parts.shape[1], 3)):
        times = 60 * times + parts[column].to_numpy(dtype=float)
    if parts.shape[1] == 4:
        times += parts[3].to_numpy(dtype=float) / 1000
    return times


def _seconds_of_dates(texts: pd.Series) -> NDArray[np.float64] | None:
    """Seconds since the first date; None if more than 1 % of the texts are not dates."""
    stamps = pd.to_datetime(texts, errors="coerce", format="mixed", utc=True)
    if stamps.isna().mean() > 0.01:
        return None
    return np.asarray((stamps - stamps.iloc[0]).dt.total_seconds(), dtype=np.float64)


def measure_clock(times: NDArray[np.float64]) -> Clock | None:
    """Estimate the sampling rate, jitter and gaps of time stamps in s.

    A line with one offset for each part between two gaps is fitted to the time stamps. The sampling
    rate is the inverse of its slope, rounded to the fewest digits within three standard errors. Of
    samples that share one time stamp, only the first is used. The result is None if there are fewer
    than three time stamps or if they do not increase.
    """
    times = np.asarray(times, dtype=np.float64)
    times = times[np.isfinite(times)]
    in_packets = bool(np.count_nonzero(np.diff(times) == 0) > 0.1 * times.size)
    index = np.flatnonzero(np.diff(times)) + 1 if in_packets else np.arange(times.size)
    times = times[index]
    if times.size < 3:
        return None
    steps = np.diff(times)
    step = float(np.median(steps / np.diff(index)))
    if step <= 0 or np.mean(steps < 0) > 0.3:
        return None
    breaks = _find_breaks(steps, in_packets)
    edges = [0, *(i + 1 for i, _ in breaks), times.size]
    fit = _fit_step([(index[a:b], times[a:b]) for a, b in pairwise(edges) if b - a > 1])
    if fit is None:
        return None
    slope, jitter, spread = fit
    # A date in seconds, stored as a float, is exact to about a microsecond.
    rounding = float(np.spacing(np.abs(times).max()))
    error = 3 * max(jitter, rounding) / spread / slope + 1e-9
    fs = 1 / slope
    gaps = [(int(index[i + 1]) - 1, seconds) for i, seconds in breaks]
    return Clock(shortest_decimal(fs, error * fs), jitter, gaps, in_packets, float(times[0]))


def _find_breaks(steps: NDArray[np.float64], in_packets: bool) -> list[tuple[int, float]]:
    """Index of the time stamp before each gap or restart of the clock, and the step there in s.

    The list is empty if more than 5 % of the steps are breaks. Packets arrive at irregular times,
    and only a restart counts as a break between them.
    """
    step = float(np.median(steps))
    noise = 1.4826 * float(np.median(np.abs(steps - step)))
    is_break = steps < -10 * step - 6 * noise
    if not in_packets:
        is_break |= steps > 1.5 * step + 6 * noise
    at = np.flatnonzero(is_break)
    if at.size > 0.05 * (steps.size + 1):
        return []
    return [(int(i), float(steps[i])) for i in at]


def _fit_step(parts: list[tuple[NDArray, NDArray]]) -> tuple[float, float, float] | None:
    """Sampling interval in s, jitter in s, and root sum of squares of the centred sample indices.

    Each part holds sample indices and their time stamps. The result is None if no line can be
    fitted or the time stamps do not increase.
    """
    centred = [(i - i.mean(), t - t.mean()) for i, t in parts]
    top = sum(float(i @ t) for i, t in centred)
    bottom = sum(float(i @ i) for i, _ in centred)
    if bottom == 0 or top <= 0:
        return None
    slope = top / bottom
    squares = sum(float(np.sum((t - slope * i) ** 2)) for i, t in centred)
    n_stamps = sum(i.size for i, _ in centred)
    jitter = math.sqrt(squares / max(n_stamps - len(parts) - 1, 1))
    return slope, jitter, math.sqrt(bottom)
