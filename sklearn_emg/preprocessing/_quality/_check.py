"""Quality of recordings: findings that make a recording unsuitable, each with a remedy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from numpy.typing import NDArray

from sklearn_emg._sklearn import InvalidParameterError
from sklearn_emg._tables import ReadableTable, counted, first_few, wrapped
from sklearn_emg._typing import Labels
from sklearn_emg._validation import check_option
from sklearn_emg._warnings import warn_of_recordings
from sklearn_emg.preprocessing._quality._copies import mask_for, overlaps
from sklearn_emg.preprocessing._quality._findings import (
    LIMITS,
    QUALITY_KINDS,
    QUALITY_LEVELS,
    Channel,
    Finding,
    findings_of,
)
from sklearn_emg.preprocessing._quality._measures import MEASURES, Sketch, measures_of
from sklearn_emg.recordings import (
    DERIVED,
    GAP_SOURCE,
    SignalFile,
    channel_names_of,
    check_recording_table,
    is_swapped,
    object_column,
    read_signal,
    warn_of_other_order,
)

_LABELS = ("label", "group", "diagnosis", "class", "condition")
_NAMES = ("recording", "file")
_MAX_NAMED = 5


@dataclass(frozen=True, repr=False)
class QualityReport:
    """Quality of the recordings of a table, as returned by :func:`check_quality`.

    When printed, it shows each kind of finding with the recordings concerned and the remedy.

    Parameters
    ----------
    channels : DataFrame
        Table with a row for each channel of each recording. A recording that cannot be read or is
        transposed has a single row, with the channel "all". The columns are ``row``, the
        position in the checked table from 0; ``recording``, ``subject``, ``label`` (if known) and
        ``channel``; ``fs`` in Hz; the measures; ``time_gaps``, the number of jumps of the time
        stamps annotated by the reader of the file (NaN without annotations); ``quality``, which is
        "ok", "check" or "bad"; and ``findings`` and ``remedy`` in words.
    findings : DataFrame
        Table with a row for each finding. The columns are ``row``, ``recording``, ``channel`` (""
        for the whole recording), ``kind``, ``quality``, ``value`` (of the measure), ``text`` and
        ``remedy``.
    index : Index of shape (n_recordings,)
        Index of the checked table.
    """

    channels: pd.DataFrame
    findings: pd.DataFrame
    index: pd.Index

    @property
    def recordings(self) -> pd.DataFrame:
        """Table with a row for each recording, with the quality of its worst channel.

        The columns are ``recording``, ``subject``, ``label`` (if known), ``quality``, ``findings``
        and ``remedy``. The index is that of the checked table.
        """
        first = self.channels.groupby("row", sort=True).first()
        rank = (
            self.channels["quality"].map(QUALITY_LEVELS.index).groupby(self.channels["row"]).max()
        )
        names = [c for c in ("recording", "subject", "label") if c in first]
        frame = first[names].assign(quality=[QUALITY_LEVELS[k] for k in rank])
        for name in ("findings", "remedy"):
            source = "text" if name == "findings" else "remedy"
            texts = self.findings.groupby("row")[source].agg(_joined)
            frame[name] = texts.reindex(frame.index, fill_value="")
        return frame.set_axis(self.index)

    @property
    def kinds(self) -> pd.DataFrame:
        """Table with a row for each kind that was found.

        The columns are ``title``; ``check`` and ``bad``, the numbers of recordings whose worst
        finding of this kind has this quality; and ``remedy``.
        """
        rows = {}
        for kind, part in self.findings.groupby("kind"):
            bad = set(part.loc[part["quality"] == "bad", "row"])
            rows[kind] = {
                "title": QUALITY_KINDS[str(kind)].title,
                "check": len(set(part["row"]) - bad),
                "bad": len(bad),
                "remedy": QUALITY_KINDS[str(kind)].remedy,
            }
        ordered = [kind for kind in QUALITY_KINDS if kind in rows]
        columns = ["title", "check", "bad", "remedy"]
        return ReadableTable([rows[k] for k in ordered], index=ordered, columns=columns)

    def drop_bad(self, X: Any, y: Labels | None = None) -> Any:
        """Leave out the recordings that are bad or have a bad channel.

        Parameters
        ----------
        X : DataFrame
            The checked table, or a table with the same rows, such as its features.
        y : array-like of shape (n_recordings,), default=None
            Labels of the rows of X.

        Returns
        -------
        X : DataFrame
            The rows that are not bad.
        y : ndarray
            Labels of these rows. They are returned only if `y` is given.

        Raises
        ------
        ValueError
            If X or y differs from the checked table in the number of rows, X has the rows in a
            different order, or all recordings are bad.
        """
        bad = (self.recordings["quality"] == "bad").to_numpy()
        for name, given in (("X", X), ("y", y)):
            if given is not None and len(given) != len(bad):
                raise ValueError(
                    f"The {name!r} of drop_bad must have the {counted(len(bad), 'row')} of the "
                    f"table that was checked. Got {len(given)}."
                )
        if (
            isinstance(X, pd.DataFrame)
            and self.index.is_unique
            and not X.index.equals(self.index)
            and set(X.index) == set(self.index)
        ):
            raise ValueError(
                "The 'X' of drop_bad has the rows of the checked table, but in another order. "
                "Give X and y in the order of the checked table: X.loc[report.index]."
            )
        if bad.all():
            worst = self.kinds.sort_values("bad", kind="stable").iloc[-1]
            raise ValueError(
                f"All recordings are bad ({len(bad)} of {len(bad)}). The most frequent fault is "
                f"{worst['title']} (in {counted(worst['bad'], 'recording')}): {worst['remedy']}. "
                "Print the report of check_quality for all findings."
            )
        kept = X[~bad]
        return kept if y is None else (kept, np.asarray(y)[~bad])

    def __repr__(self) -> str:
        quality = self.recordings["quality"]
        counts = ", ".join(f"{(quality == level).sum()} {level}" for level in QUALITY_LEVELS)
        n_channels = counted(len(self.channels), "channel")
        lines = [f"Quality of {counted(len(quality), 'recording')} ({n_channels}): {counts}."]
        for kind, row in self.kinds.iterrows():
            part = self.findings[self.findings["kind"] == kind]
            names = list(dict.fromkeys(part["recording"]))
            numbers = [f"{row[level]} {level}" for level in ("bad", "check") if row[level]]
            shown = first_few(names, _MAX_NAMED)
            text = f"{row['title']} ({', '.join(numbers)}): {shown}"
            lines.append(wrapped(f"{text}. Remedy: {row['remedy']}."))
        return "\n".join(lines)


def _joined(texts: pd.Series) -> str:
    return "; ".join(dict.fromkeys(texts))


def check_quality(
    table: pd.DataFrame,
    y: Labels | None = None,
    *,
    limits: Mapping[str, tuple[float, float]] | None = None,
    drop_bad: bool = False,
    n_jobs: int | None = None,
) -> Any:
    """Check each channel of each recording, and find copies and inconsistencies in a table.

    Recordings, including those in files, are read one after another and are not kept in memory.
    Give the samples as they were recorded, since filters hide clipping, steps of the converter and
    missing samples.

    Parameters
    ----------
    table : DataFrame
        Recording table with the columns ``signal`` and ``fs`` and, if known, ``subject``.
    y : array-like of shape (n_recordings,), default=None
        Labels of the recordings. By default, they are taken from the first of the columns
        ``label``, ``group``, ``diagnosis``, ``class`` and ``condition`` that the table has, if any.
    limits : dict of str to (float, float), default=None
        Limits by kind of finding, which replace those in the table below. A channel should be
        checked if its measure is above the first number, and is bad if it is above the second.
    drop_bad : bool, default=False
        Whether to return the table without bad recordings instead of the report.
    n_jobs : int, default=None
        Number of recordings that are processed in parallel.

    Returns
    -------
    report : QualityReport
        Measures, findings and remedies. ``report.drop_bad(table, y)`` leaves out bad recordings,
        and :class:`~sklearn_emg.inspection.QualityDisplay` plots the report.
    table : DataFrame
        Recordings that are not bad, returned instead of the report if `drop_bad` is true. If `y` is
        given, the tuple ``(table, y)`` is returned.

    Raises
    ------
    ValueError
        If the table lacks a required column or has unusable rows, y differs in length from the
        table, a limit is invalid, or all recordings are bad and `drop_bad` is true.

    Warns
    -----
    RecordingWarning
        If bad recordings are left out, or the signals are the output of a step of this package.

    See Also
    --------
    recording_properties : Measures properties due to the equipment and the protocol.
    ArtefactDetector : Scores artefacts in windows.
    sklearn_emg.comparison.confound_audit : Tests whether such properties predict the class.

    Notes
    -----
    =========== ==================================================================== ====== ======
    kind        measure                                                              check  bad
    =========== ==================================================================== ====== ======
    dead        ``flat``: fraction of samples in runs of 15 or more equal samples    0.1    0.5
    clipped     ``clipped``: fraction of samples on plateaus at the extrema          0      0.0001
    rectified   ``rectified``: difference of the fractions of samples near each end  0.015  0.015
    line        ``line``: fraction of the power at 50 or 60 Hz and four harmonics    0.1    0.95
    drift       ``drift`` (standard deviation of means over 0.5 s) / ``rms``         0.7    none
    noise       ``noise_density`` / median of channels with this name and rate       20     none
    resolution  ``step`` of the converter / ``rms``                                  0.25   1
    spikes      ``spikes``: number of samples far from the median of three           0      none
    gaps        ``invalid``: fraction of samples that are NaN or infinite            0      0.1
    =========== ==================================================================== ====== ======

    ``flat`` counts runs that last at least 10 ms. A spike is a sample that differs from the median
    of itself and its two neighbours by more than the RMS and by more than 1.5 times the range
    of such medians in the same second and in the seconds before and after it. Below 1000 Hz, the
    factor is larger.

    The other kinds have no adjustable limits:

    - *unreadable*: the file cannot be read.
    - *transposed*: the signal has at least 8 channels, and more channels than samples.
    - *unit*: the samples are counts of a converter, or their amplitude or offset is implausible for
      EMG in mV, as in :func:`~sklearn_emg.recordings.check_recording_table`.
    - *rate*: the sampling rate is below 100 Hz or above 200 kHz; the power line appears at half or
      twice its frequency; or the rate is half or twice that of the other recordings, and so is the
      median frequency of the spectrum. Other wrong rates cannot be detected.
    - *length*: the recording is shorter than 0.25 s, or than a tenth of the median length.
    - *offset*: the samples never change their sign.
    - *ragged*: samples are missing only at the start or the end.
    - *interrupted*: the time stamps of the file jump, according to the annotations of
      :func:`~sklearn_emg.io.read_recordings`, and the samples on both sides were joined.
    - *copy*, *overlap*: channels have all or some of their samples in common, regardless of their
      names and even if they differ in gain, offset, polarity or sampling rate. About 160 common
      samples are needed in tables of up to 8 million samples, and about 300 in larger tables. A
      copy that was filtered, or to which noise was added, is not found. If the subjects or labels
      differ, all copies are bad, since it is unknown which is right. Otherwise, the first copy is
      not reported.
    - *subject*: the subject is missing, or its name looks like a different spelling of another
      name.
    - *label*: a subject has several labels, whereas most subjects have one.

    Clipped samples that a recorder marks as invalid count as clipped. In a
    :class:`~sklearn_emg.recordings.SignalFile`, they are recognised by the invalid code if it is an
    end of the range of the samples. Otherwise, they are recognised as gaps whose neighbouring
    samples are at the extrema.

    The limits are choices of this package. A finding is a reason to look at a recording, but a
    recording without findings may still be unsuitable.

    Common samples are found by winnowing [1]_: each channel is described by patterns of rises and
    falls over 129 samples. On average, every 4th to 64th pattern is kept (fewer in tables of more
    than 500 million samples), chosen by its hash. At most about 8 million patterns of a table are
    in memory.

    References
    ----------
    .. [1] S. Schleimer, D. S. Wilkerson, A. Aiken, "Winnowing: local algorithms for document
       fingerprinting", Proc. ACM SIGMOD (2003) 76-85. :doi:`10.1145/872757.872770`

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emg.preprocessing import check_quality
    >>> from sklearn_emg.recordings import recording_table
    >>> signals = 0.1 * np.random.default_rng(0).normal(size=(3, 4000))
    >>> signals[1] = np.clip(signals[1], -0.1, 0.1)
    >>> signals[2] = signals[0]
    >>> table = recording_table(signals, fs=2000.0, subject=["a", "b", "a"])
    >>> report = check_quality(table)
    >>> report.recordings["quality"].tolist()
    ['ok', 'bad', 'bad']
    >>> report.findings[["row", "kind", "text"]].values.tolist()
    [[1, 'clipped', '32 % of the samples are clipped'], [2, 'copy', 'copy of row 0']]
    """
    check_recording_table(table, required=("signal", "fs"), plausible=False)
    chosen = _limits(limits)
    labels = _labels(table, y)
    raw = not table.attrs.get(DERIVED, False)
    if not raw:
        warn_of_recordings(
            "check_quality got signals that a step of this package has changed. Clipping, steps of "
            "the converter and the unit can only be seen in recorded samples: check the table "
            "before the steps."
        )
    channels, sketches = _measured(table, labels, n_jobs)
    signals = table["signal"].tolist()
    read = partial(_read_part, signals, [(c.row, c.number) for c in channels])
    common = overlaps(sketches, read, [c.n_times for c in channels])
    found = findings_of(channels, common, chosen, raw=raw)
    report = _report(channels, found, table.index, labels is not None)
    if not drop_bad:
        return report
    bad = report.recordings.query("quality == 'bad'")
    if len(bad):
        names = [f"recording {r}" if str(r).isdigit() else r for r in bad["recording"]]
        shown = [f"{name} ({text})" for name, text in zip(names, bad["findings"])]
        warn_of_recordings(
            f"check_quality leaves out {counted(len(bad), 'recording')}: "
            f"{first_few(shown, _MAX_NAMED, '; ')}."
        )
    return report.drop_bad(table, y)


def _limits(given: Mapping[str, tuple[float, float]] | None) -> dict[str, tuple[float, float]]:
    limits = dict(LIMITS)
    for kind, pair in (given or {}).items():
        check_option(kind, tuple(LIMITS), "limits", "check_quality")
        if np.shape(pair) != (2,) or np.isnan(np.asarray(pair, dtype=float)).any():
            raise InvalidParameterError(
                f"The 'limits' of check_quality must have two numbers for {kind!r}: the value "
                "above which a channel should be checked, and the value above which it is bad. "
                f"Got {pair!r}."
            )
        limits[kind] = (float(pair[0]), float(pair[1]))
    return limits


def _labels(table: pd.DataFrame, y: Labels | None) -> list[Any] | None:
    if y is not None:
        if len(y) != len(table):
            raise ValueError(
                f"The 'y' of check_quality must have one label per recording. Got "
                f"{counted(len(y), 'label')} for {counted(len(table), 'recording')}."
            )
        warn_of_other_order(table, y, "y", "table")
        return np.asarray(y).tolist()
    name = next((n for n in _LABELS if n in table), None)
    return None if name is None else table[name].tolist()


def _measured(
    table: pd.DataFrame, labels: list[Any] | None, n_jobs: int | None
) -> tuple[list[Channel], list[Sketch | None]]:
    """Measure the channels of all recordings and compute their sketches."""
    rows = _rows(table, labels)
    # The size of a file of unknown length is not determined before the file is read.
    sizes = [
        0 if isinstance(s, SignalFile) and s.length is None else int(np.prod(s.shape))
        for s in table["signal"]
    ]
    mask = mask_for(sum(sizes))
    run: Any = Parallel(n_jobs=n_jobs)
    parts = run(delayed(_of_recording)(*row, mask) for row in rows)
    pairs = [pair for part in parts for pair in part]
    return [channel for channel, _ in pairs], [sketch for _, sketch in pairs]


def _rows(table: pd.DataFrame, labels: list[Any] | None) -> list[tuple[Any, Channel, Any]]:
    """Return the signal, the metadata and the channel names of each recording."""
    column = next((n for n in _NAMES if n in table), None)
    names = table.index.tolist() if column is None else table[column].tolist()
    subjects = table["subject"].tolist() if "subject" in table else [None] * len(table)
    # Readers state in the column "unit" if samples are counts and the gain is unknown.
    units = table["unit"].tolist() if "unit" in table else ["mV"] * len(table)
    annotations = table["annotations"].tolist() if "annotations" in table else [None] * len(table)
    is_cut = {"start", "stop"} <= set(table.columns)
    rows = []
    for row, (signal, fs, names_of_channels) in enumerate(
        zip(table["signal"], table["fs"], channel_names_of(table))
    ):
        facts = Channel(
            row=row,
            number=0,
            name="all",
            fs=float(fs),
            n_times=0,
            recording=str(names[row]) if column else f"row {names[row]}",
            subject=subjects[row],
            label=None if labels is None else labels[row],
            is_cut=is_cut,
            is_counts=units[row] == "counts",
            interruptions=_interruptions(annotations[row]),
        )
        rows.append((signal, facts, names_of_channels))
    return rows


def _interruptions(annotations: Any) -> tuple[float, ...] | None:
    """Return the times in s at which the time stamps of a file jump, from its annotations."""
    if not isinstance(annotations, tuple | list):
        return None
    return tuple(float(a[0]) for a in annotations if a[3] == GAP_SOURCE)


def _of_recording(
    signal: Any, facts: Channel, names: tuple[str, ...], mask: int
) -> list[tuple[Channel, Sketch | None]]:
    """Measure the channels of a recording, or return a single entry if this is impossible."""
    if is_swapped(signal):
        text = f"more channels than samples (shape {tuple(signal.shape)})"
        return [(replace(facts, n_times=signal.shape[-1], error=("transposed", text)), None)]
    try:
        X, at_end = _samples(signal)
    except (OSError, ValueError) as error:
        return [(replace(facts, error=("unreadable", str(error))), None)]
    found = []
    for k, (x, name) in enumerate(zip(X, names)):
        x = np.ascontiguousarray(x, dtype=np.float64)
        measures, sketch = measures_of(x, facts.fs, mask, None if at_end is None else at_end[k])
        channel = replace(facts, number=k, name=name, n_times=len(x), measures=measures)
        found.append((channel, sketch))
    return found


def _samples(signal: Any) -> tuple[NDArray[np.floating], NDArray[np.bool_] | None]:
    """Return the samples of all channels, and which of them have a code that marks clipping."""
    if not isinstance(signal, SignalFile):
        return np.atleast_2d(read_signal(signal)), None
    # Read as float64, since rounding to float32 would hide the step of the converter.
    X = np.atleast_2d(signal.read(dtype=np.float64))
    kind = signal.stored_dtype
    if signal.invalid is None or kind.kind not in "iu":
        return X, None
    ends = np.iinfo(kind)
    return X, np.isnan(X) if signal.invalid in (ends.min, ends.max) else None


def _read_part(
    signals: list[Any], places: list[tuple[int, int]], channel: int, start: int, stop: int
) -> NDArray[np.float64]:
    """Read a range of samples of a channel."""
    row, number = places[channel]
    signal = signals[row]
    if isinstance(signal, SignalFile):
        part = signal.read(start, stop, dtype=np.float64)
    else:
        part = read_signal(signal)[..., start:stop]
    return np.atleast_2d(part)[number].astype(np.float64)


def _report(
    channels: list[Channel], found: list[Finding], index: pd.Index, has_labels: bool
) -> QualityReport:
    """Build the tables of channels and findings."""
    names = {(c.row, c.number): c.name for c in channels}
    recordings = {c.row: c.recording for c in channels}
    findings = pd.DataFrame(
        [
            {**f._asdict(), "channel": "" if f.channel is None else names[f.row, f.channel]}
            for f in found
        ],
        columns=Finding._fields,
    )
    findings.insert(1, "recording", findings["row"].map(recordings))
    frame = pd.DataFrame([_row(c, found_in) for c, found_in in _by_channel(channels, found)])
    frame.insert(2, "subject", object_column(c.subject for c in channels))
    if has_labels:
        frame.insert(3, "label", object_column(c.label for c in channels))
    return QualityReport(frame, findings, index)


def _by_channel(
    channels: list[Channel], found: list[Finding]
) -> Iterator[tuple[Channel, list[Finding]]]:
    """Yield each channel with its findings and those of the whole recording."""
    grouped: dict[tuple[int, int | None], list[Finding]] = {}
    for f in found:
        grouped.setdefault((f.row, f.channel), []).append(f)
    for c in channels:
        yield c, grouped.get((c.row, None), []) + grouped.get((c.row, c.number), [])


def _row(c: Channel, found: list[Finding]) -> dict[str, Any]:
    """Return the row of a channel in the report."""
    return {
        "row": c.row,
        "recording": c.recording,
        "channel": c.name,
        "fs": c.fs,
        **{name: c.measures.get(name, np.nan) for name in MEASURES},
        "time_gaps": np.nan if c.interruptions is None else len(c.interruptions),
        "quality": QUALITY_LEVELS[max((QUALITY_LEVELS.index(f.quality) for f in found), default=0)],
        "findings": "; ".join(dict.fromkeys(f.text for f in found)),
        "remedy": "; ".join(dict.fromkeys(f.remedy for f in found)),
    }
