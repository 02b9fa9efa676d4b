"""Segments of recordings from labels or events, and cutting of recordings into segments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from sklearn_emg._tables import counted, first_few
from sklearn_emg._validation import check_option, check_real
from sklearn_emg._warnings import warn
from sklearn_emg.exceptions import RecordingWarning
from sklearn_emg.recordings._signal_file import SignalFile, read_signal
from sklearn_emg.recordings._subjects import object_column
from sklearn_emg.recordings._table import check_recording_table, is_recording_table

GAP_SOURCE = "gap"  # source of annotations that mark interruptions
_MAX_SHOWN = 5


def segments_from_labels(labels: ArrayLike, fs: float) -> pd.DataFrame:
    """Find the segments of equal labels within a recording.

    Parameters
    ----------
    labels : array-like of shape (n_times,)
        One label per sample. Samples without a label (None, NaN or "") belong to no segment.
    fs : float
        Sampling rate in Hz.

    Returns
    -------
    segments : DataFrame of shape (n_segments, 3)
        Segments with the columns ``start`` and ``stop`` in s and ``label``.

    Raises
    ------
    ValueError
        If `labels` is not 1-D or is empty, or `fs` is not positive.

    See Also
    --------
    cut_recordings : Cut recordings into segments.
    label_lag : Estimate the lag of labels relative to the activity.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emg.recordings import segments_from_labels
    >>> segments_from_labels(np.repeat(["rest", "fist", "rest"], 500), fs=1000.0)
       start  stop label
    0    0.0   0.5  rest
    1    0.5   1.0  fist
    2    1.0   1.5  rest
    """
    given = np.asarray(labels)
    values = pd.Series(given) if given.ndim == 1 else pd.Series(dtype=object)
    if len(values) == 0:
        raise ValueError(
            "The 'labels' of segments_from_labels must be 1-D, with one label per sample. Got the "
            f"shape {np.shape(labels)}."
        )
    fs = _rate(fs, "segments_from_labels")
    missing = (values.isna() | (values.astype(str).str.strip() == "")).to_numpy()
    codes, kinds = pd.factorize(values.to_numpy())
    codes = np.where(missing, -1, codes)
    first = np.flatnonzero(np.append(True, codes[1:] != codes[:-1]))
    stop = np.append(first[1:], len(codes))
    there = codes[first] >= 0
    found = np.asarray(kinds, dtype=object)[codes[first[there]]]
    return pd.DataFrame(
        {
            "start": first[there] / fs,
            "stop": stop[there] / fs,
            "label": pd.Series(list(found), dtype=None if len(found) else object),
        }
    )


def _rate(fs: Any, caller: str) -> float:
    fs = check_real(fs, "fs", caller, 0.0)
    if fs <= 0:
        raise ValueError(f"The 'fs' of {caller} must be positive, in Hz. Got {fs}.")
    return fs


def segments_from_events(
    events: Any,
    *,
    labels: Sequence[Any] | None = None,
    source: str | None = None,
    window: tuple[float, float] | None = None,
) -> pd.DataFrame:
    """Convert annotations, events or markers to segments.

    Parameters
    ----------
    events : DataFrame or array-like of shape (n_events,)
        One of the following, with all times in s: a recording table with a column ``annotations``,
        as the readers return it; a table of events with a column ``onset``, ``time`` or ``start``
        and optional columns ``duration`` and ``label``, ``trial_type``, ``value`` or ``unit``
        (such as BIDS events and the discharges of
        :func:`~sklearn_emg.datasets.load_annotations`); or an array of times.
    labels : sequence, default=None
        Labels of the events to keep. By default all events are kept.
    source : str, default=None
        Source of the annotations to keep from a recording table, such as the name of a column,
        "EDF" or "events.tsv". By default annotations from all sources are kept. Interruptions
        (source "gap") are always left out.
    window : tuple of float, default=None
        Start and stop of each segment in s relative to the onset, for instance (-0.1, 0.5). By
        default a segment lasts from the onset to the end of the event, and events without a
        duration are left out with a warning.

    Returns
    -------
    segments : DataFrame of shape (n_segments, 3) or (n_segments, 4)
        Segments with the columns ``start`` and ``stop`` in s and ``label`` ("event" if the events
        have no labels). For a recording table, the first column is ``row``, the position of the
        recording.

    Raises
    ------
    ValueError
        If no event is left, if columns are missing, or if `window` does not end after its start.

    Warns
    -----
    RecordingWarning
        If events without a duration are left out.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_emg.recordings import segments_from_events
    >>> events = pd.DataFrame({"onset": [1.0, 3.0], "duration": [0.5, 1.0], "label": ["a", "b"]})
    >>> segments_from_events(events)
       start  stop label
    0    1.0   1.5     a
    1    3.0   4.0     b
    """
    if window is not None and not (len(window) == 2 and window[0] < window[1]):
        raise ValueError(
            "The 'window' of segments_from_events must be (start, stop) in s, with start < stop. "
            f"Got {window}."
        )
    found = _events(events, source)
    if labels is not None:
        wanted = set(labels)
        found = found[[label in wanted for label in found["label"]]]
    if window is not None:
        start, stop = found["onset"] + window[0], found["onset"] + window[1]
    else:
        momentary = found["duration"].isna() | (found["duration"] <= 0)
        if momentary.any():
            names = ", ".join(map(repr, pd.unique(found.loc[momentary, "label"])[:5]))
            warn(
                f"segments_from_events left out {counted(int(momentary.sum()), 'event')} without a "
                f"duration ({names}); pass window=(start, stop), in s relative to the onset.",
                RecordingWarning,
            )
            found = found[~momentary]
        start, stop = found["onset"], found["onset"] + found["duration"]
    if len(found) == 0:
        raise ValueError(
            "segments_from_events: no event is left; check 'labels', 'source' and 'window', or the "
            f"annotations of the recordings.{_sources_text(events)}"
        )
    segments = pd.DataFrame({"start": start, "stop": stop, "label": found["label"]})
    if "row" in found:
        segments.insert(0, "row", found["row"].astype(int))
    return segments.reset_index(drop=True)


def _sources_text(events: Any) -> str:
    """Name the sources of the annotations of a recording table."""
    if not is_recording_table(events):
        return ""
    sources = {a[3]: None for entry in events["annotations"] for a in entry or ()}
    return f" Annotations come from {', '.join(map(repr, sources)) or 'no source'}."


def _events(events: Any, source: str | None) -> pd.DataFrame:
    """Return a table of events with onset, duration, label and, for a recording table, row."""
    if is_recording_table(events):
        return _events_of_recordings(events, source)
    if isinstance(events, pd.DataFrame):
        return _events_of_table(events)
    times = np.asarray(events, dtype=float)
    if times.ndim != 1:
        raise ValueError(f"Times of events must be 1-D, in s. Got the shape {times.shape}.")
    return pd.DataFrame({"onset": times, "duration": np.nan, "label": "event"})


def _events_of_recordings(table: pd.DataFrame, source: str | None) -> pd.DataFrame:
    if "annotations" not in table.columns:
        raise ValueError(
            "The recording table has no column 'annotations', which readers add. Pass a table of "
            "events with onset and duration."
        )
    entries = [
        (row, float(a[0]), np.nan if a[1] is None else float(a[1]), a[2])
        for row, annotations in enumerate(table["annotations"])
        for a in annotations or ()
        if a[3] != GAP_SOURCE and (source is None or a[3] == source)
    ]
    found = pd.DataFrame(entries, columns=["row", "onset", "duration", "label"])
    return found.assign(label=object_column((e[3] for e in entries), found.index))


def _events_of_table(events: pd.DataFrame) -> pd.DataFrame:
    onset = next((c for c in ("onset", "time", "start") if c in events.columns), None)
    if onset is None:
        raise ValueError(
            "A table of events must have a column 'onset', 'time' or 'start' in s; it has "
            f"{list(events.columns)}."
        )
    label = next((c for c in ("label", "trial_type", "value", "unit") if c in events.columns), None)
    duration = events["duration"] if "duration" in events.columns else np.nan
    return pd.DataFrame(
        {
            "onset": pd.to_numeric(events[onset]).to_numpy(dtype=float),
            "duration": pd.to_numeric(pd.Series(duration, index=events.index)).to_numpy(float),
            "label": "event" if label is None else events[label].to_numpy(),
        }
    )


def cut_recordings(
    table: pd.DataFrame,
    segments: pd.DataFrame,
    *,
    margin: float = 0.0,
    gaps: str = "split",
    min_duration: float = 0.0,
) -> pd.DataFrame:
    """Cut recordings into segments and give each segment a row of its own.

    Parameters
    ----------
    table : DataFrame of shape (n_recordings, n_columns)
        Recording table.
    segments : DataFrame of shape (n_segments, n_columns)
        Segments with the columns ``start`` and ``stop`` in s and ``row``, the position of the
        recording in `table`. ``row`` may be missing if `table` has one row. Further columns, such
        as ``label`` or ``kind``, are kept.
    margin : float, default=0.0
        Time in s that is left out at each end of each segment, where labels change.
    gaps : {"split", "skip", "raise"}, default="split"
        How to treat a segment with missing samples (NaN) or an interruption that the reader found:
        "split" splits it there, "skip" leaves it out with a warning, and "raise" raises an error.
    min_duration : float, default=0.0
        Minimum duration of a segment, or of a part of a split segment, in s. Shorter ones are left
        out with a warning.

    Returns
    -------
    table : DataFrame
        Table with one row per segment, or per part of a segment that was split, and with all
        columns of the recording and the segment. ``start`` and ``stop`` are the limits of each
        row within its recording, in s. ``annotations`` are relative to the beginning of the row.
        Signals are views of the recordings.

    Raises
    ------
    ValueError
        If `segments` lacks a column; if a segment refers to a missing row, does not end after its
        start, lies outside its recording or, with ``gaps="raise"``, has a gap; or if no segment is
        left.

    Warns
    -----
    RecordingWarning
        If segments are left out, or are shortened because they extend beyond their recording.

    See Also
    --------
    segments_from_labels : Find the segments of equal labels.
    segments_from_events : Convert annotations, events or markers to segments.
    segment_activity : Divide recordings into rest and contraction.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emg.recordings import cut_recordings, recording_table, segments_from_labels
    >>> table = recording_table([np.arange(1500.0)], fs=1000.0, subject="a")
    >>> segments = segments_from_labels(np.repeat(["rest", "fist", "rest"], 500), fs=1000.0)
    >>> cut = cut_recordings(table, segments, margin=0.1)
    >>> cut[["subject", "label", "start", "stop"]]
      subject label  start  stop
    0       a  rest    0.1   0.4
    1       a  fist    0.6   0.9
    2       a  rest    1.1   1.4
    """
    check_recording_table(table, required=("signal", "fs"))
    check_option(gaps, ("split", "skip", "raise"), "gaps", "cut_recordings")
    margin = check_real(margin, "margin", "cut_recordings", 0.0)
    min_duration = check_real(min_duration, "min_duration", "cut_recordings", 0.0)
    positions = _checked_segments(table, segments)
    rows: list[int] = []
    sources: list[int] = []
    cuts: list[tuple[int, int]] = []
    left_out: list[str] = []
    breaks: dict[int, NDArray[np.bool_]] = {}
    for i, row in enumerate(positions):
        fs = float(table["fs"].iloc[row])
        n_times = int(table["signal"].iloc[row].shape[-1])
        start, stop = _bounds(segments, i, row, fs, n_times, margin, left_out)
        if row not in breaks:
            breaks[row] = _breaks(table, row, fs, n_times)
        pieces = _pieces(breaks[row], start, stop)
        if gaps != "split" and start < stop and pieces != [(start, stop)]:
            if gaps == "raise":
                raise ValueError(
                    f"Segment {i} ({start / fs:g} to {stop / fs:g} s of row {row}) has missing "
                    "samples or an interruption; use gaps='split' or 'skip'."
                )
            left_out.append(f"segment {i} of row {row} has a gap")
            continue
        for a, b in pieces:
            if b - a < max(min_duration * fs, 1):
                left_out.append(f"segment {i} of row {row} lasts {max(b - a, 0) / fs:g} s")
                continue
            rows.append(row)
            sources.append(i)
            cuts.append((a, b))
        if not pieces:
            left_out.append(f"segment {i} of row {row} has no samples left")
    _report(left_out, len(cuts))
    return _cut_table(table, segments, rows, sources, cuts)


def _checked_segments(table: pd.DataFrame, segments: pd.DataFrame) -> list[int]:
    if not isinstance(segments, pd.DataFrame) or not {"start", "stop"} <= set(segments.columns):
        raise ValueError(
            "The 'segments' of cut_recordings must be a DataFrame with the columns start and stop "
            "in s, like those of segments_from_labels."
        )
    if "row" not in segments.columns:
        if len(table) != 1:
            raise ValueError(
                f"The table has {len(table)} rows, but 'segments' has no column 'row'; add it, "
                "with the position of each segment's recording."
            )
        return [0] * len(segments)
    rows = segments["row"].tolist()
    for i, row in enumerate(rows):
        if row not in range(len(table)):
            raise ValueError(
                f"Segment {i} refers to row {row}, but the table has the rows 0 to "
                f"{len(table) - 1}."
            )
    return [int(row) for row in rows]


def _bounds(
    segments: pd.DataFrame, i: int, row: int, fs: float, n_times: int, margin: float,
    notes: list[str]
) -> tuple[int, int]:  # fmt: skip
    start, stop = float(segments["start"].iloc[i]), float(segments["stop"].iloc[i])
    if not (np.isfinite(start) and np.isfinite(stop)) or stop <= start:
        raise ValueError(
            f"Segment {i} of row {row} runs from {start} to {stop} s; it must end after its start."
        )
    end = n_times / fs
    if start >= end or stop <= 0:
        raise ValueError(
            f"Segment {i} ({start:g} to {stop:g} s) lies outside row {row}, which lasts {end:g} s. "
            "Times must be in s from the first sample, not samples or clock times."
        )
    if stop > end + 1.5 / fs or start < -1.5 / fs:
        notes.append(f"segment {i} was cut to the {end:g} s of row {row}")
    first = max(round((start + margin) * fs), 0)
    return first, min(round((stop - margin) * fs), n_times)


def _breaks(table: pd.DataFrame, row: int, fs: float, n_times: int) -> NDArray[np.bool_]:
    """Return masks of missing samples and of the first samples after interruptions."""
    signal = table["signal"].iloc[row]
    missing = np.zeros(n_times + 1, dtype=bool)
    if not isinstance(signal, SignalFile) or signal.invalid is not None:
        missing[:n_times] = ~np.isfinite(np.atleast_2d(read_signal(signal))).all(axis=0)
    interruptions = np.zeros(n_times + 1, dtype=bool)
    if "annotations" in table.columns:
        for a in table["annotations"].iloc[row] or ():
            if a[3] == GAP_SOURCE:
                interruptions[min(max(round(a[0] * fs), 0), n_times)] = True
    return np.stack([missing, interruptions])


def _pieces(breaks: NDArray[np.bool_], start: int, stop: int) -> list[tuple[int, int]]:
    """Split a segment into parts without missing samples or interruptions."""
    if stop <= start:
        return []
    missing, interruptions = breaks[0, start:stop], breaks[1, start:stop].copy()
    interruptions[0] = False
    if not missing.any() and not interruptions.any():
        return [(start, stop)]
    edges = np.flatnonzero(
        np.append(True, (missing[1:] != missing[:-1]) | interruptions[1:])
    )  # first samples of parts
    ends = np.append(edges[1:], stop - start)
    return [(start + int(a), start + int(b)) for a, b in zip(edges, ends) if not missing[a]]


def _report(left_out: list[str], n_left: int) -> None:
    if n_left == 0:
        raise ValueError(
            "cut_recordings: no segment is left; reduce 'margin' or 'min_duration'."
            + (f" For instance, {left_out[0]}." if left_out else "")
        )
    if left_out:
        warn(
            "cut_recordings left out or shortened segments: "
            f"{first_few(left_out, _MAX_SHOWN, '; ')}.",
            RecordingWarning,
        )


def _cut_table(
    table: pd.DataFrame, segments: pd.DataFrame, rows: list[int], sources: list[int],
    cuts: list[tuple[int, int]]
) -> pd.DataFrame:  # fmt: skip
    read: dict[int, NDArray] = {}
    signals = []
    for row, (start, stop) in zip(rows, cuts):
        if row not in read:
            read = {row: read_signal(table["signal"].iloc[row])}
        signals.append(read[row][..., start:stop])
    rates = table["fs"].to_numpy(dtype=float)[rows]
    cut = table.iloc[rows].reset_index(drop=True)
    for column in segments.columns.difference(["row", "start", "stop"], sort=False):
        cut[column] = segments[column].iloc[sources].to_numpy()
    cut["start"] = [start / fs for (start, _), fs in zip(cuts, rates)]
    cut["stop"] = [stop / fs for (_, stop), fs in zip(cuts, rates)]
    cut["signal"] = object_column(signals, cut.index)
    if "annotations" in cut.columns:
        cut["annotations"] = object_column(
            (
                _shifted(a, t0, t1)
                for a, t0, t1 in zip(cut["annotations"], cut["start"], cut["stop"])
            ),
            cut.index,
        )
    return cut


def _shifted(annotations: Any, start: float, stop: float) -> tuple[Any, ...]:
    """Return the annotations within a segment, relative to its beginning."""
    kept = []
    for a in annotations or ():
        begin, end = a[0], a[0] + (a[1] or 0.0)
        if begin >= stop or (end <= start and begin < start):
            continue
        first = max(begin, start)
        duration = None if a[1] is None else min(end, stop) - first
        kept.append(type(a)(first - start, duration, *a[2:]))
    return tuple(kept)
