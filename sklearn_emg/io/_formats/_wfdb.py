"""WFDB records, read by :func:`sklearn_emg.datasets.load_wfdb`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sklearn_emg.datasets import load_wfdb
from sklearn_emg.io._content import Channel, FileContent
from sklearn_emg.recordings import SignalFile

__all__ = ["parse_wfdb"]


def parse_wfdb(path: Path, lazy: bool = False) -> FileContent:
    """Read a record, given by its header, its samples or without an extension.

    With `lazy`, samples stay in their file where their format allows it, and are not compared with
    the checksums of the header.
    """
    record = path.with_suffix("") if path.suffix in (".hea", ".dat", ".bin") else path
    try:
        bunch = load_wfdb(record, subject="?", lazy=lazy)
    except ValueError:
        if not lazy:
            raise
        bunch = load_wfdb(record, subject="?")
    row = bunch.data.iloc[0]
    names = [n or f"ch{i + 1}" for i, n in enumerate(bunch.ch_names[0])]
    signal = row["signal"]
    values = _handles(signal) if isinstance(signal, SignalFile) else list(np.atleast_2d(signal))
    channels = [Channel(n, v, float(row["fs"]), "mV") for n, v in zip(names, values)]
    content = FileContent(record.with_suffix(".hea"), "WFDB", channels)
    if row["comments"]:
        content.columns["comments"] = row["comments"]
    return content


def _handles(record: SignalFile) -> list[NDArray | SignalFile]:
    """One handle per channel of a record."""
    return [
        SignalFile(
            record.path,
            offset=record.offset,
            length=record.length,
            dtype=record.stored_dtype,
            n_channels=record.n_channels,
            channels=[i],
            scale=record.scale,
            baseline=record.baseline,
            invalid=record.invalid,
        )
        for i in range(record.n_channels)
    ]
