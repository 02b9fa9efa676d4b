"""Streams that process a recording in consecutive chunks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sklearn_emg.recordings import read_signal


class SignalStream(ABC):
    """Base class of streams, which checks chunks. A subclass implements ``_process``.

    The concatenated outputs of the chunks are bitwise equal to the output for the whole recording,
    regardless of the lengths of the chunks.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Reset the state, so that the next chunk begins a new recording."""
        self._leading_shape: tuple[int, ...] | None = None

    @abstractmethod
    def _process(self, values: NDArray[np.floating]) -> NDArray[np.floating]:
        """Return the output for checked samples, of which there is at least one."""

    def process(self, chunk: ArrayLike) -> NDArray[np.floating]:
        """Process the next chunk of samples.

        Parameters
        ----------
        chunk : array-like of shape (n_times,) or (n_channels, n_times)
            Samples in mV that follow those of the previous call.

        Returns
        -------
        processed : ndarray of the shape of `chunk`
            Processed samples, float32 for float32 chunks and float64 otherwise.

        Raises
        ------
        ValueError
            If a sample is not finite, the chunk has no time axis, or the number of channels
            changes.
        """
        values = read_signal(chunk)
        if values.ndim == 0:
            raise ValueError("A chunk must have a time axis: (n_times,) or (n_channels, n_times).")
        if not np.isfinite(values).all():
            raise ValueError(
                "The chunk contains NaN or infinity, which would affect all later output. "
                "Interpolate the gap, or reset the stream after it."
            )
        if self._leading_shape is not None and values.shape[:-1] != self._leading_shape:
            raise ValueError(
                f"The chunk has shape {values.shape}, but the stream began with signals of shape "
                f"{self._leading_shape} before the time axis. Reset it to begin another recording."
            )
        if values.shape[-1] == 0:
            return values.copy()
        self._leading_shape = values.shape[:-1]
        return self._process(values)


class SampleStream(SignalStream):
    """Stream of a step whose output at each sample depends only on that sample.

    Parameters
    ----------
    function : callable
        Function that takes and returns samples of shape (n_times,) or (n_channels, n_times).

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emg.preprocessing import Rectifier
    >>> Rectifier().stream().process(np.array([1.0, -2.0]))
    array([1., 2.])
    """

    def __init__(self, function: Callable[[NDArray[np.floating]], NDArray[np.floating]]):
        self._function = function
        super().__init__()

    def _process(self, values: NDArray[np.floating]) -> NDArray[np.floating]:
        return self._function(values)
