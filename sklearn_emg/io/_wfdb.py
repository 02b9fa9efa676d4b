"""WFDB records, by the loader of the datasets."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from sklearn_emg.datasets import load_wfdb
from sklearn_emg.io._content import Channel, FileContent

__all__ = ["parse_wfdb"]


def parse_wfdb(path: Path) -> FileContent:
    """Read a record, named by its header, its samples or without an ending."""
    record = path.with_suffix("") if path.suffix in (".hea", ".dat", ".bin") else path
    bunch = load_wfdb(record, subject="?")
    row = bunch.data.iloc[0]
    names = [n or f"ch{i + 1}" for i, n in enumerate(bunch.ch_names[0])]
    signals = np.atleast_2d(row["signal"])
    channels = [Channel(n, s, float(row["fs"]), "mV") for n, s in zip(names, signals)]
    content = FileContent(record.with_suffix(".hea"), "WFDB", channels)
    if row["comments"]:
        content.columns["comments"] = row["comments"]
    return content
