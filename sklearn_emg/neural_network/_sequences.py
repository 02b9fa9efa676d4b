"""Signals that differ in length: recording tables and lists of arrays."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from torch import nn

from sklearn_emg.recordings import (
    check_recording_table,
    is_recording_table,
    one_rate,
    read_signal,
)

# Networks of this package that take such signals; their ``forward`` has ``lengths``.
SEQUENCE_NETWORKS = (
    "ALSNet",
    "AttentionNet",
    "DilatedCNN",
    "NeuroFusionNet",
    "RecurrentNet",
    "StackedLSTM",
)


def takes_lengths(module: Callable[..., nn.Module]) -> bool:
    """Whether a network takes padded signals together with their lengths."""
    forward = getattr(module, "forward", None)
    return forward is not None and "lengths" in inspect.signature(forward).parameters


def subjects_in(X: Any, groups: Any) -> Any:
    """Give ``groups``, or the subjects that a recording table brings."""
    if groups is None and is_recording_table(X) and "subject" in X.columns:
        return X["subject"].to_numpy()
    return groups


def signals_of(X: Any) -> tuple[list[np.ndarray] | None, float | None]:
    """Signals of a recording table, or of a list of arrays, and the sampling rate of a table.

    Both are None where X is anything else. A list holds arrays of one or two dimensions.
    """
    if is_recording_table(X):
        check_recording_table(X, required=("signal", "fs"))
        return [read_signal(signal) for signal in X["signal"]], one_rate(X)
    if isinstance(X, pd.Series):
        X = X.tolist()
    is_object = isinstance(X, np.ndarray) and X.dtype == object and X.ndim == 1
    if not (isinstance(X, list | tuple) or is_object) or len(X) == 0:
        return None, None
    if all(isinstance(x, np.ndarray) and x.ndim in (1, 2) for x in X):
        return list(X), None
    return None, None


def stacked(signals: list[np.ndarray], caller: str) -> np.ndarray:
    """Signals as one array; refuse those that differ in length."""
    shapes = {signal.shape for signal in signals}
    if len(shapes) == 1:
        return np.stack(signals)
    if len({signal.ndim for signal in signals}) == 1 and len({s[:-1] for s in shapes}) == 1:
        shortest, longest = (f(s[-1] for s in shapes) for f in (min, max))
        raise ValueError(
            f"{caller} takes windows of one length here, X has signals of {shortest} to {longest} "
            "samples. Cut windows (DiVoteClassifier and recordings.divide do), or fit, on "
            f"such signals, one of the networks for any length: {', '.join(SEQUENCE_NETWORKS)}."
        )
    raise ValueError(
        f"The signals in X of {caller} must have the same channels. Got the shapes "
        f"{sorted(shapes, key=str)[:3]}."
    )


def checked(signals: list[np.ndarray], caller: str) -> list[np.ndarray]:
    """Signals of shape (n_channels, n_times_i), float32; refuse what no network can use."""
    out: list[np.ndarray] = []
    for row, signal in enumerate(signals):
        values = np.ascontiguousarray(np.atleast_2d(signal), dtype=np.float32)
        if 0 in values.shape:
            raise ValueError(f"Row {row} of X is empty (shape {signal.shape}). Leave it out.")
        if not np.isfinite(values).all():
            raise ValueError(
                f"Row {row} of X contains NaN or infinity, which {caller} cannot use. Interpolate "
                "the gaps (GapInterpolator) or leave the row out."
            )
        if len(values) != len(out[0] if out else values):
            raise ValueError(
                f"The signals in X of {caller} must have the same channels. Row 0 has "
                f"{len(out[0])}, row {row} has {len(values)}."
            )
        out.append(values)
    return out
