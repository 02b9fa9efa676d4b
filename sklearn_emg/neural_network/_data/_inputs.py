"""Input of estimators: windows or signals, their lengths, sampling rate and subjects."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, replace
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd
import torch
from sklearn.base import is_classifier
from sklearn.utils import check_consistent_length
from torch import nn

from sklearn_emg._ranges import refuse_no_samples, validate_windows
from sklearn_emg._tables import counted
from sklearn_emg._typing import Labels, Signals
from sklearn_emg.neural_network._data._batches import SequenceDataset, WindowDataset, as_tensor
from sklearn_emg.neural_network._data._split import Subjects
from sklearn_emg.neural_network._data._targets import check_targets
from sklearn_emg.neural_network._registry import any_length_networks
from sklearn_emg.recordings import (
    check_recording_table,
    common_channel_names,
    groups_of,
    is_recording_table,
    one_rate,
    read_signal,
    refuse_other_order,
    same_rate,
    warn_of_other_order,
)


@dataclass(frozen=True)
class Input:
    """Windows of one length as an array, or signals that may differ in length as a list.

    Parameters
    ----------
    values : ndarray or list of ndarray
        Windows of shape (n_windows, n_times) or (n_windows, n_channels, n_times), images of shape
        (n_windows, n_channels, height, width), or a list of signals, each of shape
        (n_channels, n_times_i).
    lengths : ndarray of shape (n_signals,) or None
        Number of samples of each signal; None if the windows are an array.
    fs : float or None
        Sampling rate of a recording table in Hz; None for other input.
    subjects : Subjects or None
        Subjects of the rows, if they are known.
    channels : tuple of str or None
        Names of the channels of a recording table; None for other input.
    """

    values: Any
    lengths: np.ndarray | None = None
    fs: float | None = None
    subjects: Subjects | None = None
    channels: tuple[str, ...] | None = None

    def dataset(
        self, targets: np.ndarray | None = None, rows: np.ndarray | None = None
    ) -> WindowDataset | SequenceDataset:
        """Return a data set of the given rows, by default of all, with their targets."""
        kind = SequenceDataset if isinstance(self.values, list) else WindowDataset
        return kind(self.values, targets, rows)


def takes_lengths(module: Callable[..., nn.Module]) -> bool:
    """Return whether a network takes padded signals together with their lengths.

    A network of this package declares it in ``takes_any_length``. Any other network takes lengths
    if its ``forward`` has an argument ``lengths``.
    """
    declared = getattr(module, "takes_any_length", None)
    if declared is not None:
        return bool(declared)
    forward = getattr(module, "forward", None)
    return forward is not None and "lengths" in inspect.signature(forward).parameters


def training_input(
    estimator: Any, X: Signals, y: Labels, groups: Labels | None, *, reset: bool
) -> tuple[Input, np.ndarray]:
    """Check the input of `fit` or `partial_fit`, and store its sizes and rate if `reset` is True.

    Parameters
    ----------
    estimator : network estimator
        Estimator on which ``n_channels_``, ``n_times_`` and related attributes are set.
    X, y, groups
        Arguments of `fit`.
    reset : bool
        Whether this is a new fit; otherwise the windows must have the sizes of the last fit.

    Returns
    -------
    given : Input
        Windows or signals, as contiguous float32 arrays.
    y : ndarray of shape (n_windows,) or (n_windows, n_outputs)
        Checked labels or targets.

    Raises
    ------
    ValueError
        If the windows or the targets cannot be used.
    """
    caller = type(estimator).__name__
    warn_of_other_order(X, y, "y")
    warn_of_other_order(X, groups, "groups")
    y = check_targets(y, caller, labels=is_classifier(estimator))
    given = _read(estimator._features_of(X, y, reset=reset), caller)
    if reset:
        estimator._fs, estimator._channels = given.fs, given.channels
        estimator._takes_any_length = given.lengths is not None and takes_lengths(
            estimator._module()[0]
        )
    _check_recordings(estimator, given)
    values: Any
    if given.lengths is not None and estimator._takes_any_length:
        values, y = _training_signals(estimator, given.values, y, reset)
    else:
        values, y = _training_windows(estimator, given, y, reset)
    lengths = given.lengths if isinstance(values, list) else None
    subjects = _subjects(groups_of(X, groups), y, caller)
    return Input(values, lengths, given.fs, subjects), y


def windows_to_predict(estimator: Any, X: Signals) -> torch.Tensor:
    """Check windows of one length for prediction, and return a tensor with a channel axis."""
    caller = type(estimator).__name__
    given = _read(estimator._features_of(X, reset=False), caller)
    _check_recordings(estimator, given)
    values = given.values if given.lengths is None else _stacked(given.values, caller)
    values = _match_dimensions(estimator, values)
    values = validate_windows(estimator, values, reset=False, dtype=np.float32, order="C")
    _check_n_times(estimator, values)
    return as_tensor(values[:, np.newaxis] if values.ndim == 2 else values)


def signals_to_predict(estimator: Any, X: Signals) -> SequenceDataset:
    """Check signals of any length for prediction, and return them as a data set."""
    caller = type(estimator).__name__
    given = _read(estimator._features_of(X, reset=False), caller)
    _check_recordings(estimator, given)
    signals = given.values
    if given.lengths is None:
        values = _match_dimensions(estimator, signals)
        signals = list(validate_windows(estimator, values, reset=False))
    signals = _finite(signals, caller)
    _check_channels(estimator, len(signals[0]), "signals")
    return SequenceDataset(signals)


# Reading


def _read(X: Any, caller: str) -> Input:
    """Read the signals of a recording table or a list of arrays; keep other input unchanged."""
    if is_recording_table(X):
        check_recording_table(X, required=("signal", "fs"))
        given = _of_signals([read_signal(signal) for signal in X["signal"]], one_rate(X))
        return replace(given, channels=common_channel_names(X))
    if isinstance(X, pd.Series):
        X = X.tolist()
    refuse_no_samples(X, caller)
    _refuse_one_signal(X, caller)
    return _of_signals(list(X), None) if _is_list_of_signals(X) else Input(X)


def _is_list_of_signals(X: Any) -> bool:
    is_object = isinstance(X, np.ndarray) and X.dtype == object and X.ndim == 1
    if not (isinstance(X, list | tuple) or is_object) or len(X) == 0:
        return False
    return all(isinstance(x, np.ndarray) and x.ndim in (1, 2) for x in X)


def _of_signals(signals: list[np.ndarray], fs: float | None) -> Input:
    return Input(signals, np.array([signal.shape[-1] for signal in signals]), fs)


def _refuse_one_signal(X: Any, caller: str) -> None:
    is_list = isinstance(X, list | tuple) and len(X) > 0 and isinstance(X[0], Real)
    is_array = isinstance(X, np.ndarray) and X.ndim == 1 and X.dtype != object
    if is_list or is_array:
        raise ValueError(
            f"X of {caller} is one signal of {counted(len(X), 'sample')}, but several windows or "
            "signals are expected. Reshape your data: X[np.newaxis] is one window of one channel. "
            "(Expected 2D array, got 1D array instead.)"
        )


def _stacked(signals: list[np.ndarray], caller: str) -> np.ndarray:
    """Stack signals into one array, and reject signals that differ in length."""
    shapes = {signal.shape for signal in signals}
    if len(shapes) == 1:
        return np.stack(signals)
    if len({signal.ndim for signal in signals}) == 1 and len({s[:-1] for s in shapes}) == 1:
        shortest, longest = (f(s[-1] for s in shapes) for f in (min, max))
        raise ValueError(
            f"{caller} takes windows of one length here, but X has signals of {shortest} to "
            f"{longest} samples. Cut them into windows with DiVoteClassifier or recordings.divide, "
            f"or use one of the networks for any length: {', '.join(any_length_networks())}."
        )
    raise ValueError(
        f"The signals in X of {caller} must have the same number of channels. Got the shapes "
        f"{sorted(shapes, key=str)[:3]}."
    )


def _finite(signals: list[np.ndarray], caller: str) -> list[np.ndarray]:
    """Convert signals to float32 of shape (n_channels, n_times_i), and reject unusable signals."""
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
                f"The signals in X of {caller} must have the same number of channels. Row 0 has "
                f"{len(out[0])}, row {row} has {len(values)}."
            )
        out.append(values)
    return out


# Training


def _training_windows(
    estimator: Any, given: Input, y: Labels, reset: bool
) -> tuple[np.ndarray, np.ndarray]:
    caller = type(estimator).__name__
    values = given.values if given.lengths is None else _stacked(given.values, caller)
    if not reset:
        values = _match_dimensions(estimator, values)
    values, y = validate_windows(
        estimator,
        values,
        y,
        reset=reset,
        dtype=np.float32,
        order="C",
        ensure_min_samples=2,
        **estimator._target_checks,
    )
    if values.ndim > 4 or 0 in values.shape:
        raise ValueError(
            f"X of {caller} must have the shape (n_windows, n_times), (n_windows, n_channels, "
            "n_times) or, for images, (n_windows, n_channels, height, width), and no dimension may "
            f"be 0. Got shape {values.shape}."
        )
    if reset:
        estimator._ndim = values.ndim
        estimator.n_channels_ = values.shape[1] if values.ndim > 2 else 1
        estimator.n_times_ = values.shape[2:] if values.ndim == 4 else values.shape[-1]
    else:
        _check_n_times(estimator, values)
    return values, y


def _training_signals(
    estimator: Any, signals: list[np.ndarray], y: Labels, reset: bool
) -> tuple[np.ndarray | list[np.ndarray], np.ndarray]:
    signals = _finite(signals, type(estimator).__name__)
    # One sample of each signal suffices for scikit-learn's checks of rows and channels.
    _, y = validate_windows(
        estimator,
        np.stack([signal[:, :1] for signal in signals]),
        y,
        reset=reset,
        ensure_min_samples=2,
        **estimator._target_checks,
    )
    lengths = {signal.shape[-1] for signal in signals}
    if reset:
        estimator._ndim = 3
        estimator.n_channels_ = len(signals[0])
        estimator.n_times_ = min(lengths)
    return (np.stack(signals) if len(lengths) == 1 else signals), y


def _subjects(groups: Any, y: np.ndarray, caller: str) -> Subjects | None:
    if groups is None:
        return None
    if getattr(groups, "ndim", 1) != 1:
        raise ValueError(
            f"groups of {caller} must be one-dimensional, with the subject of each window. Got "
            f"{groups.ndim} dimensions."
        )
    check_consistent_length(y, groups)
    codes, names = pd.factorize(pd.Series(list(groups), dtype=object))
    if (codes < 0).any():
        raise ValueError(
            f"groups of {caller} must name a subject for every window, but "
            f"{int((codes < 0).sum())} of {len(codes)} are missing."
        )
    return Subjects(codes, names)


# Agreement with the windows of `fit`


def _check_recordings(estimator: Any, given: Input) -> None:
    """Reject a sampling rate or an order of channels that differs from that of the training."""
    refuse_other_order(estimator._channels, given.channels, type(estimator).__name__)
    fs, fitted = given.fs, estimator._fs
    if fs is not None and fitted is not None and not same_rate(fs, fitted):
        raise ValueError(
            f"{type(estimator).__name__} was fitted on signals of fs={fitted:g} Hz, but X "
            f"has fs={fs:g} Hz. Put Resampler(fs_out={fitted:g}) before it."
        )


def _check_channels(estimator: Any, n_channels: int, what: str) -> None:
    if n_channels != estimator.n_channels_:
        raise ValueError(
            f"X has {what} of {counted(n_channels, 'channel')}, but {type(estimator).__name__} "
            f"was fitted on {counted(estimator.n_channels_, 'channel')}."
        )


def _match_dimensions(estimator: Any, X: Any) -> Any:
    """Give one-channel windows the number of dimensions, two or three, that they had in `fit`."""
    shape, ndim = getattr(X, "shape", None), estimator._ndim
    if shape is None or len(shape) not in (2, 3) or hasattr(X, "nnz") or ndim == 4:
        return X
    if ndim == 3 or len(shape) == 3:
        _check_channels(estimator, shape[1] if len(shape) == 3 else 1, "windows")
        if len(shape) != ndim:
            X = np.asarray(X)
            return X[:, np.newaxis] if len(shape) == 2 else X[:, 0]
    return X


def _check_n_times(estimator: Any, X: np.ndarray) -> None:
    n_times = X.shape[2:] if estimator._ndim == 4 else X.shape[-1]
    fits = n_times == estimator.n_times_ or estimator._takes_any_length
    if X.ndim != estimator._ndim or not fits:
        unit = "pixels" if estimator._ndim == 4 else "samples"
        raise ValueError(
            f"X of shape {X.shape} does not fit: {type(estimator).__name__} was fitted on windows "
            f"of {counted(estimator.n_channels_, 'channel')} and {estimator.n_times_} {unit}."
        )
