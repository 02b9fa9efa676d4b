"""Description of the content of a file before it is converted to a table."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Hashable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from sklearn_emg._tables import counted
from sklearn_emg.io._content import Channel, FileContent, contradicts
from sklearn_emg.io._recordings import parse_file

_MAX_CHANNELS = 64
_MAX_ANNOTATIONS = 10


@dataclass
class FileDescription:
    """Description of what was recognised in a file; ``print`` shows it.

    If a Parquet file contains several recordings, only the first is described.

    Attributes
    ----------
    path : pathlib.Path
        Path of the file.
    form : str
        Format of the file in words.
    channels : DataFrame of shape (n_channels, 5)
        Table with one row per channel and the columns ``name``, ``kind``, ``unit`` ("?" if it is
        not in the file), ``fs`` in Hz (missing if it is not in the file) and ``n_samples``.
    labels : dict of str to int
        Number of distinct labels in each label column.
    annotations : tuple of Annotation
        Annotations of the file, including gaps in its time stamps, but without those of the label
        columns.
    start_time : datetime or None
        Time of the first sample; None if the file does not give it.
    subject : hashable or None
        Subject that the file names; None if it names none.
    details : dict
        Encoding, separator and other properties of the format.
    skipped : list of str
        Parts of the file that are not read.
    problems : list of str
        Messages about what looks wrong.
    asks : list of str
        Parameters that :func:`read_recordings` requires for this file, each with the reason.
    """

    path: Path
    form: str
    channels: pd.DataFrame
    labels: dict[str, int]
    annotations: tuple[Any, ...]
    start_time: dt.datetime | None
    subject: Hashable | None
    details: dict[str, Any]
    skipped: list[str]
    problems: list[str]
    asks: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        lines = [f"{self.path.name}: {self.form}"]
        lines += [f"  {key}: {value}" for key, value in self.details.items()]
        if self.start_time is not None:
            lines.append(f"  start: {self.start_time:%Y-%m-%d %H:%M:%S}")
        if self.subject is not None:
            lines.append(f"  subject: {self.subject}")
        lines += [*self._channel_lines(), *self._label_lines()]
        for title, texts in (
            ("left out", self.skipped),
            ("looks wrong", self.problems),
            ("read_recordings needs", self.asks),
        ):
            if texts:
                lines += [f"{title}:", *(f"  {text}" for text in texts)]
        return "\n".join(lines)

    def _channel_lines(self) -> list[str]:
        shown = self.channels.head(_MAX_CHANNELS).to_string(index=False, na_rep="?")
        lines = [f"channels ({len(self.channels)}):", *(f"  {t}" for t in shown.splitlines())]
        if len(self.channels) > _MAX_CHANNELS:
            lines.append(f"  and {len(self.channels) - _MAX_CHANNELS} more")
        return lines

    def _label_lines(self) -> list[str]:
        lines = []
        if self.labels:
            counts = ", ".join(f"{k} ({counted(n, 'label')})" for k, n in self.labels.items())
            lines.append(f"label columns: {counts}")
        if self.annotations:
            lines.append(f"annotations ({len(self.annotations)}):")
        for a in self.annotations[:_MAX_ANNOTATIONS]:
            duration = "" if a.duration is None else f" for {a.duration:g} s"
            lines.append(f"  {a.onset:g} s{duration}: {a.label}")
        return lines

    __repr__ = __str__


def describe_file(path: str | os.PathLike[str], *, format: str | None = None) -> FileDescription:
    """Describe what is recognised in a file, and which parameters are needed to read it.

    Parameters
    ----------
    path : path-like
        The file to describe.
    format : str, default=None
        Format of the file, as in :func:`read_recordings`. By default it is recognised.

    Returns
    -------
    description : FileDescription
        Description of the file; ``print`` shows it as text.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is damaged, of no known format or without channels.
    OSError
        If the file cannot be read, for example because its stored data are damaged.
    ImportError
        If the format requires a library that is not installed.

    Examples
    --------
    >>> import os, tempfile
    >>> from sklearn_emg.io import describe_file
    >>> path = os.path.join(tempfile.mkdtemp(), "trial.csv")
    >>> with open(path, "w") as file:
    ...     _ = file.write("time (s);biceps [uV]" + os.linesep)
    ...     _ = file.writelines(f"{i / 1000:.3f};{i % 7},5{os.linesep}" for i in range(50))
    >>> print(describe_file(path))
    trial.csv: text
      ...
    channels (1):
        name kind unit     fs  n_samples
      biceps  emg   uV 1000.0         50
    ...
    """
    content = parse_file(Path(path), format)
    return FileDescription(
        path=content.path,
        form=content.form,
        channels=pd.DataFrame(
            {
                "name": [c.name for c in content.channels],
                "kind": [c.kind for c in content.channels],
                "unit": [c.unit or content.unit or "?" for c in content.channels],
                "fs": [c.fs for c in content.channels],
                "n_samples": [c.values.shape[-1] for c in content.channels],
            }
        ),
        labels={k: int(pd.Series(v).nunique()) for k, v in content.labels.items()},
        annotations=tuple(content.annotations),
        start_time=content.start_time,
        subject=content.subject,
        details=content.details,
        skipped=content.skipped,
        problems=content.problems,
        asks=_open_questions(content),
    )


def _open_questions(content: FileContent) -> list[str]:
    emg = [c for c in content.channels if c.kind == "emg"]
    asks = []
    if not emg:
        asks.append("channels=[...]: no channel looks like EMG")
    if any(c.fs is None for c in emg):
        asks.append("fs=...: the sampling rate in Hz is not in the file")
    asks += _contradictory_rates(emg, content.clock_fs)
    if content.unit is None and any(c.to_mv is None for c in emg):
        asks.append("unit=...: the unit is not in the file ('uV', 'mV', 'V' or 'counts')")
    if content.subject is None:
        asks.append("subject=...: the file does not name the subject")
    return asks


def _contradictory_rates(channels: list[Channel], clock: float | None) -> list[str]:
    rates = {c.fs for c in channels if c.fs is not None}
    if clock is None or len(rates) != 1 or not contradicts(rate := rates.pop(), clock):
        return []
    return [f"fs=...: the header gives {rate:g} Hz, and the time stamps {clock:.6g} Hz"]
