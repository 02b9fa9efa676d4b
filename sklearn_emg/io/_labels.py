"""Conversion of label columns to annotations: runs of dense labels, marks of sparse labels."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sklearn_emg.io._content import Annotation

_SPAN = re.compile(r".*(?:activ|aktiv|phase|task|exercise|gesture|movement|condition).*", re.I)


_PART = re.compile(
    r"(?:trial|session|run|block|segment|recording|file|sweep)s?"
    r"[ _-]*(?:id|nr|no\.?|number|name|#)?",
    re.I,
)


def is_part(name: str) -> bool:
    """Whether a column is named after the parts of a recording, such as "trial"."""
    return _PART.fullmatch(name) is not None


def label_annotations(name: str, values: NDArray, fs: float) -> list[Annotation]:
    """Convert a label column to annotations.

    Each run of equal values in consecutive rows becomes one annotation. If more than half of the
    rows are empty, each value marks a beginning instead: the annotation lasts until the next value
    if the column is named after an activity (such as "task" or "phase"), and has no duration
    otherwise.

    Parameters
    ----------
    name : str
        Name of the column.
    values : ndarray of shape (n_times,)
        One label per sample; missing values and empty texts are not labels.
    fs : float
        Sampling rate in Hz.

    Returns
    -------
    annotations : list of Annotation
        Annotations in order of time.
    """
    series = pd.Series(values, dtype="object")
    empty = series.isna().to_numpy() | (series.astype(str).str.strip() == "").to_numpy()
    n_times = len(series)
    at = np.flatnonzero(~empty)
    if at.size == 0:
        return []
    given = series.to_numpy()[at].tolist()
    plain = {value: _plain(value) for value in set(given)}
    labels = [plain[value] for value in given]
    if empty.mean() > 0.5:
        spans = _SPAN.fullmatch(name) is not None
        stops = [*at[1:].tolist(), n_times]
        return [
            Annotation(int(i) / fs, (stop - int(i)) / fs if spans else None, label, name)
            for i, stop, label in zip(at, stops, labels)
        ]
    found = []
    start = 0
    for k in range(1, len(at) + 1):
        if k == len(at) or labels[k] != labels[start] or at[k] != at[k - 1] + 1:
            onset, stop = int(at[start]), int(at[k - 1]) + 1
            found.append(Annotation(onset / fs, (stop - onset) / fs, labels[start], name))
            start = k
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return value.strip()
    number = float(value)
    return int(number) if number.is_integer() else number
