"""Sources of chunks that replay recordings and files."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sklearn_emg._validation import check_real
from sklearn_emg.io import read_recordings
from sklearn_emg.recordings import read_signal


class Chunk(NamedTuple):
    """Consecutive samples of a recording, which ``push(*chunk)`` accepts.

    Attributes
    ----------
    samples : ndarray of shape (n_times,) or (n_channels, n_times)
        Samples in mV.
    start : int
        Index of the first sample in the recording.
    fs : float
        Sampling rate in Hz.
    """

    samples: NDArray[np.floating]
    start: int
    fs: float


def replay(
    signal: Any, fs: float, *, chunk: float = 0.1, speed: float | None = 1.0
) -> Iterator[Chunk]:
    """Replay a recording in chunks, as a device would send them.

    Parameters
    ----------
    signal : ndarray of shape (n_times,) or (n_channels, n_times), or SignalFile
        Samples in mV.
    fs : float
        Sampling rate in Hz.
    chunk : float, default=0.1
        Length of a chunk in seconds. The last chunk may be shorter.
    speed : float or None, default=1.0
        Speed of the replay. With 1, each chunk is returned when a device would have recorded it,
        and with 10, ten times as fast. None returns all chunks immediately.

    Returns
    -------
    chunks : iterator of Chunk
        Chunks of the recording.

    Raises
    ------
    ValueError
        If a parameter is out of range or the signal is not a single recording. The error is raised
        when the function is called, not at the first chunk.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emg.streaming import replay
    >>> [len(chunk.samples) for chunk in replay(np.zeros(250), 1000.0, speed=None)]
    [100, 100, 50]
    """
    fs = check_real(fs, "fs", "replay", 0.0, above=True)
    n_chunk = max(1, round(check_real(chunk, "chunk", "replay", 0.0, above=True) * fs))
    if speed is not None:
        check_real(speed, "speed", "replay", 0.0, above=True)
    if isinstance(signal, str | os.PathLike):
        raise ValueError(f"replay takes samples. Give the file {str(signal)!r} to replay_file.")
    if isinstance(signal, pd.DataFrame):
        raise ValueError(
            "replay takes the samples of one recording. Give it one entry of the column 'signal' "
            "of a recording table, or the values of a data frame, transposed."
        )
    values = read_signal(signal)
    if values.ndim not in (1, 2) or not values.size or values.dtype.kind not in "fiu":
        raise ValueError(
            "The 'signal' of replay must be numbers of shape (n_times,) or (n_channels, n_times). "
            f"Got shape {values.shape} of {values.dtype}."
        )
    return _play(values, fs, n_chunk, speed)


def _play(
    values: NDArray[np.floating], fs: float, n_chunk: int, speed: float | None
) -> Iterator[Chunk]:
    began = time.monotonic()
    for start in range(0, values.shape[-1], n_chunk):
        samples = values[..., start : start + n_chunk]
        if speed is not None:
            due = began + (start + samples.shape[-1]) / fs / speed
            time.sleep(max(0.0, due - time.monotonic()))
        yield Chunk(samples, start, fs)


def replay_file(
    path: str | os.PathLike[str],
    *,
    chunk: float = 0.1,
    speed: float | None = 1.0,
    **options: Any,
) -> Iterator[Chunk]:
    """Replay a file with one recording, in any format that ``read_recordings`` can read.

    Parameters
    ----------
    path : str or path-like
        File to replay.
    chunk, speed : float
        As in :func:`replay`.
    **options : dict
        Parameters of :func:`sklearn_emg.io.read_recordings`, such as ``channels`` or ``unit``.

    Returns
    -------
    chunks : iterator of Chunk
        Chunks of the recording.

    Raises
    ------
    ValueError
        If the file does not contain exactly one recording. The error is raised when the function is
        called, not at the first chunk.
    """
    table = read_recordings(path, **options)
    if len(table) != 1:
        raise ValueError(
            f"{path} has {len(table)} recordings, but replay_file takes one. Read them with "
            "sklearn_emg.io.read_recordings and give one signal to replay."
        )
    return replay(table["signal"].iloc[0], table["fs"].iloc[0], chunk=chunk, speed=speed)
